// Errors over time, stacked by reason. The table below has the same figures for those who cannot see it.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { dateTime, figure, zoneMinutes } from '../../lib/format';
import { useDark } from '../../lib/preferences';
import type { ErrorSummary, Reason } from '../../lib/types';
import { useTexts } from '../../texts';
import { ReasonName } from '../../ui/badges';

const REASONS: Reason[] = ['could_not_connect', 'request_timeout', 'error_status_code', 'unclassified'];
const STEP = { minute: 60, hour: 3600, day: 86_400 };
const HEIGHT = 220;

export interface ChartProps {
    summary: ErrorSummary;
    from: number;
    to: number;
    by: 'minute' | 'hour' | 'day';
    zone: string;
}

interface Stack {
    starts: number[];  // seconds
    counts: number[][]; // a reason each
    sums: number[][];   // of this reason and those before it
}

// Every step of the period, also those without errors. Steps begin on whole minutes, hours or days of the zone.
function stack({ summary, from, to, by, zone }: ChartProps): Stack {
    const step = STEP[by], shift = (zoneMinutes(zone) ?? 0) * 60;
    const align = (s: number): number => Math.floor((s + shift) / step) * step - shift;
    const first = align(from / 1000), last = align((to - 1) / 1000);
    const starts: number[] = [];
    for (let s = first; s <= last; s += step) starts.push(s);
    const counts = REASONS.map(() => starts.map(() => 0));
    for (const b of summary.buckets) {
        const row = counts[REASONS.indexOf(b.reason)], i = Math.round((align(Date.parse(b.start) / 1000) - first) / step);
        if (row && i >= 0 && i < row.length) row[i] = (row[i] ?? 0) + b.errors;
    }
    const sums: number[][] = [];
    counts.forEach((row, r) => sums.push(row.map((n, i) => n + (sums[r - 1]?.[i] ?? 0))));
    return { starts, counts, sums };
}

const color = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function Chart(p: ChartProps) {
    const t = useTexts();
    const dark = useDark();
    const box = useRef<HTMLDivElement>(null);
    const plot = useRef<uPlot | null>(null);
    const [at, setAt] = useState<number | null>(null);
    const data = useMemo(() => stack(p), [p.summary, p.from, p.to, p.by, p.zone]);

    useEffect(() => {
        const element = box.current;
        if (!element) return undefined;
        const minutes = zoneMinutes(p.zone) ?? 0;
        const wall = (s: number): string => dateTime(s * 1000, p.zone);
        const bars = uPlot.paths.bars?.({ size: [0.86, 40], gap: 1 });
        const font = `11px ${getComputedStyle(document.body).fontFamily}`;
        const grid = { stroke: color('--line'), width: 1 }, ticks = { stroke: color('--line'), width: 1, size: 4 };
        const options: uPlot.Options = {
            width: element.clientWidth, height: HEIGHT, legend: { show: false }, padding: [12, 12, 0, 0],
            cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
            tzDate: ts => new Date(ts * 1000 + (minutes + new Date(ts * 1000).getTimezoneOffset()) * 60_000),
            scales: { x: { time: true, range: () => [(data.starts[0] ?? 0) - STEP[p.by] / 2, (data.starts[data.starts.length - 1] ?? 1) + STEP[p.by] / 2] }, y: { range: (_u, _min, max) => [0, Math.max(max * 1.1, 4)] } },
            axes: [
                { stroke: color('--muted'), grid: { show: false }, ticks, font, space: 64, values: (_u, splits) => splits.map(s => (p.by === 'day' ? wall(s).slice(5, 10) : wall(s).slice(11, 16) === '00:00' ? wall(s).slice(5, 10) : wall(s).slice(11, 16))) },
                { stroke: color('--muted'), grid, ticks, font, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000, 1_000_000], values: (_u, splits) => splits.map(n => figure(n)) },
            ],
            // The highest sum first, so that each lower one covers its part of it.
            series: [{}, ...REASONS.map((_r, i) => {
                const reason = REASONS[REASONS.length - 1 - i] as Reason, fill = color(`--reason-${reason}`);
                return { label: reason, paths: bars, fill, stroke: fill, width: 0, points: { show: false } } as uPlot.Series;
            })],
            hooks: { setCursor: [u => setAt(u.cursor.idx ?? null)] },
        };
        const u = new uPlot(options, [data.starts, ...[...data.sums].reverse()] as uPlot.AlignedData, element);
        plot.current = u;
        const resize = new ResizeObserver(() => {
            if (element.clientWidth && element.clientWidth !== u.width) u.setSize({ width: element.clientWidth, height: HEIGHT });
        });
        resize.observe(element);
        return () => {
            resize.disconnect();
            u.destroy();
            plot.current = null;
        };
    }, [data, dark, p.zone, p.by]);

    const shown = at !== null && data.starts[at] !== undefined ? at : null;
    const label = `${t.statistics.chart}: ${t.statistics.total} ${figure(p.summary.total)}`;
    return (
        <figure class="chart-figure">
            <div class="chart" ref={box} role="img" aria-label={label} data-test="chart" />
            <figcaption class="chart-legend">
                <span class="figure chart-at">{shown === null ? ' ' : dateTime((data.starts[shown] as number) * 1000, p.zone).slice(0, p.by === 'day' ? 10 : 16)}</span>
                {REASONS.map((r, i) => <span key={r} class="chart-key"><ReasonName reason={r} /> <span class="figure">{figure(shown === null ? p.summary.totals.find(x => x.reason === r)?.errors ?? 0 : data.counts[i]?.[shown] ?? 0)}</span></span>)}
            </figcaption>
        </figure>
    );
}
