// The states of the product as badges, the same everywhere.
import type { ChannelState, EventState, OptionState, Processed, Reason } from '../lib/types';
import { useTexts } from '../texts';
import { Badge, type Tone } from './parts';

const channelTones: Record<ChannelState, Tone> = { active: 'good', failing: 'warn', suspended: 'bad', off: 'idle' };
export function ChannelBadge({ state }: { state: ChannelState }) {
    const t = useTexts();
    return <Badge tone={channelTones[state] ?? 'idle'} title={t.channelStateHints[state]}>{t.channelStates[state] ?? state}</Badge>;
}

// Its shape and colour alone, beside its word.
export function ChannelMark({ state }: { state: ChannelState }) {
    return <span class={`mark ${channelTones[state]}`} aria-hidden="true"><span class="badge-mark" /></span>;
}

const eventTones: Record<EventState, Tone> = { delivered: 'good', pending: 'info', retrying: 'warn', given_up: 'bad', suspended: 'idle' };
export function EventBadge({ state }: { state: EventState }) {
    const t = useTexts();
    return <Badge tone={eventTones[state] ?? 'idle'}>{t.eventStates[state] ?? state}</Badge>;
}

const optionTones: Record<OptionState, Tone> = { none: 'idle', applied: 'info', approved: 'good', refused: 'bad', withdrawn: 'idle' };
export function OptionBadge({ state }: { state: OptionState }) {
    const t = useTexts();
    return <Badge tone={optionTones[state] ?? 'idle'}>{t.options.states[state] ?? state}</Badge>;
}

// Nothing here is good news: the request failed, and this says what sending it again would mean.
const processedTones: Record<Processed, Tone> = { no: 'idle', unknown: 'warn', yes: 'info' };
export function ProcessedBadge({ processed }: { processed: Processed }) {
    const t = useTexts();
    return <Badge tone={processedTones[processed] ?? 'idle'}>{t.processed[processed] ?? processed}</Badge>;
}

// A reason with its colour in the chart beside its exact name.
export function ReasonName({ reason }: { reason: Reason | 'ok' }) {
    const t = useTexts();
    return <span class="reason" title={t.reasons[reason]}><span class={`swatch ${reason}`} aria-hidden="true" /><code>{reason}</code></span>;
}
