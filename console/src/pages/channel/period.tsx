// The period a page shows, kept in the address: a preset that ends now, or from and to.
import { useState } from 'preact/hooks';
import { fromInput, toInput } from '../../lib/format';
import { setQuery } from '../../lib/router';
import { useTexts } from '../../texts';
import { Button, Labelled, Select } from '../../ui/parts';

const MINUTE = 60_000, DAY = 86_400_000;
const PRESETS = { '1h': DAY / 24, '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY } as const;
type Preset = keyof typeof PRESETS;

export interface Span {
    from: number;
    to: number;
    preset: Preset | 'custom';
}

export function periodOf(query: URLSearchParams, now: number): Span {
    const from = Date.parse(query.get('from') ?? ''), to = Date.parse(query.get('to') ?? '');
    if (!Number.isNaN(from) && !Number.isNaN(to)) return { from, to, preset: 'custom' };
    const name = (query.get('period') ?? '24h') as Preset;
    const preset = name in PRESETS ? name : '24h';
    const end = Math.ceil(now / MINUTE) * MINUTE; // whole minutes: what is being counted now is in
    return { from: end - PRESETS[preset], to: end, preset };
}

export function Period({ query, zone, period, onAgain }: { query: URLSearchParams; zone: string; period: Span; onAgain: () => void }) {
    const t = useTexts();
    const pick = (p: Preset | 'custom'): void => {
        if (p === 'custom') setQuery({ from: new Date(period.from).toISOString(), to: new Date(period.to).toISOString(), period: null });
        else {
            setQuery({ period: p === '24h' ? null : p, from: null, to: null });
            onAgain();
        }
    };
    return (
        <>
            <Labelled label={t.statistics.period}>{id => (
                <Select id={id} value={period.preset} onPick={pick} options={[['1h', t.statistics.hour], ['24h', t.statistics.day], ['7d', t.statistics.week], ['30d', t.statistics.month], ['custom', t.statistics.custom]]} />
            )}</Labelled>
            {period.preset === 'custom' && <CustomPeriod key={`${query.get('from')} ${query.get('to')} ${zone}`} zone={zone} period={period} />}
        </>
    );
}

// A form of its own for each period and zone: it begins with them, so that nothing fills its fields after they are shown.
function CustomPeriod({ zone, period }: { zone: string; period: Span }) {
    const t = useTexts();
    const [from, setFrom] = useState(toInput(period.from, zone)), [to, setTo] = useState(toInput(period.to, zone));
    const apply = (e: Event): void => {
        e.preventDefault();
        const a = fromInput(from, zone), b = fromInput(to, zone);
        if (a !== null && b !== null) setQuery({ from: new Date(a).toISOString(), to: new Date(b).toISOString() });
    };
    return (
        <form class="span-form" onSubmit={apply}>
            <Labelled label={t.common.from}>{id => <input id={id} type="datetime-local" value={from} onInput={e => setFrom(e.currentTarget.value)} />}</Labelled>
            <Labelled label={t.common.to}>{id => <input id={id} type="datetime-local" value={to} onInput={e => setTo(e.currentTarget.value)} />}</Labelled>
            <Button type="submit">{t.common.apply}</Button>
        </form>
    );
}
