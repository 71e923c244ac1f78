// Delivering again: some events, or a range; and how far it has come.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '../../lib/api';
import { figure, fromInput, localZone, toInput } from '../../lib/format';
import type { Reason } from '../../lib/types';
import { useTexts } from '../../texts';
import { Button, Field, Select } from '../../ui/parts';
import { FormDialog } from '../../ui/dialog';

const REASONS: Reason[] = ['could_not_connect', 'request_timeout', 'error_status_code', 'unclassified'];

interface Props {
    path: string;
    onClose: () => void;
    onBegun: (count: number) => void;
}

export function RedeliverDialog({ path, ids, onClose, onBegun }: Props & { ids: string[] }) {
    const t = useTexts();
    const act = async (): Promise<void> => {
        let count = 0;
        for (let i = 0; i < ids.length; i += 500) count += (await call<{ count: number }>('POST', `${path}/redeliver`, { webhookEventIds: ids.slice(i, i + 500) })).count;
        onBegun(count);
    };
    return (
        <FormDialog title={ids.length === 1 ? t.deliveries.againOne : t.deliveries.againTitle} yes={t.deliveries.again} onClose={onClose} onYes={act}>
            <p>{t.deliveries.againText(ids.length)}</p>
        </FormDialog>
    );
}

export function RangeDialog({ path, onClose, onBegun }: Props) {
    const t = useTexts();
    const zone = localZone();
    const [from, setFrom] = useState(() => toInput(Date.now() - 3_600_000));
    const [to, setTo] = useState(() => toInput(Date.now() + 60_000));
    const [reason, setReason] = useState('');
    const a = fromInput(from, zone), b = fromInput(to, zone), wrong = a === null || b === null || b <= a;
    const act = async (): Promise<void> => {
        const { count } = await call<{ count: number }>('POST', `${path}/redeliver`, { from: new Date(a as number).toISOString(), to: new Date(b as number).toISOString(), ...(reason ? { reason } : {}) });
        onBegun(count);
    };
    return (
        <FormDialog title={t.deliveries.rangeTitle} yes={t.deliveries.again} fields={['from', 'to', 'reason']} disabled={wrong} onClose={onClose} onYes={act}>
            {refusal => (
                <>
                    <p>{t.deliveries.rangeText}</p>
                    <div class="pair">
                        <Field label={t.common.from} error={refusal?.of('from')}>{ids => <input {...ids} type="datetime-local" value={from} onInput={e => setFrom(e.currentTarget.value)} />}</Field>
                        <Field label={t.common.to} error={wrong ? t.statistics.badPeriod : refusal?.of('to')}>{ids => <input {...ids} type="datetime-local" value={to} onInput={e => setTo(e.currentTarget.value)} />}</Field>
                    </div>
                    <Field label={t.statistics.reason} error={refusal?.of('reason')}>{ids => <Select {...ids} value={reason} options={[['', t.deliveries.anyReason], ...REASONS.map(r => [r, r] as [string, string])]} onPick={setReason} />}</Field>
                    <p class="hint">{t.common.timesIn(zone)}</p>
                </>
            )}
        </FormDialog>
    );
}

// The backlog's way down is the progress: what is still waiting of the events that were made due.
export function RedeliveryProgress({ count, backlog, live, onClose }: { count: number; backlog: number; live: boolean; onClose: () => void }) {
    const t = useTexts();
    const [done, setDone] = useState(0);
    const seen = useRef({ waiting: false, since: Date.now() });
    useEffect(() => {
        if (backlog > 0) seen.current.waiting = true;
        // A quick one is over before the figures have told of it.
        if (backlog > 0 || seen.current.waiting || !live) setDone(d => Math.max(d, Math.max(0, count - backlog)));
        const timer = setTimeout(() => {
            if (backlog === 0) setDone(count);
        }, 2500);
        return () => clearTimeout(timer);
    }, [backlog, count, live]);
    const finished = done >= count;
    return (
        <div class={`progress-box ${finished ? 'done' : ''}`} role="status">
            <p><strong>{t.deliveries.progressTitle}</strong> <span>{finished ? t.deliveries.progressDone(figure(count)) : t.deliveries.progress(figure(done), figure(count))}</span></p>
            <progress max={count} value={done} aria-label={t.deliveries.progressTitle} />
            <Button kind="quiet" onClick={onClose}>{t.common.close}</Button>
        </div>
    );
}
