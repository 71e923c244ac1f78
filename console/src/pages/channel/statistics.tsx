// Statistics ▸ Errors: a period, chart over time, table, TSV.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { call, withQuery } from '../../lib/api';
import { dateTime, figure, localZone } from '../../lib/format';
import { useLoad } from '../../lib/load';
import { usePreferences } from '../../lib/preferences';
import { setQuery, usePlace } from '../../lib/router';
import { isAdmin } from '../../lib/session';
import type { ErrorRow, ErrorSummary, Reason } from '../../lib/types';
import { useTexts } from '../../texts';
import { Icon } from '../../ui/icons';
import { Button, Card, Labelled, Select, useAction } from '../../ui/parts';
import { ReasonName } from '../../ui/badges';
import { Failure, Loading, Notice, Refused } from '../../ui/states';
import { toast } from '../../ui/toast';
import type { ChannelProps } from './props';
import { Chart } from './chart-lazy';
import { ErrorTable } from './error-table';
import { Period, periodOf } from './period';

export const REASONS: Reason[] = ['could_not_connect', 'request_timeout', 'error_status_code', 'unclassified'];
const HOUR = 3_600_000, PAUSE = 3000;
const DEFAULT_ZONE = '+09:00';

const stepOf = (span: number): 'minute' | 'hour' | 'day' => (span <= 3 * HOUR ? 'minute' : span <= 8 * 24 * HOUR ? 'hour' : 'day');

interface Page {
    rows: ErrorRow[];
    timeZone: string;
    cursor?: string;
}

// When the live figures say that there is more, the period is read anew: at most every few seconds, and not under the pointer.
function useAnchor(count: number | undefined, busy: () => boolean): [number, () => void] {
    const [anchor, set] = useState(Date.now());
    const seen = useRef(count);
    const last = useRef(Date.now());
    useEffect(() => {
        if (count === undefined || count === seen.current) return undefined;
        if (seen.current === undefined) {
            seen.current = count;
            return undefined;
        }
        let timer: ReturnType<typeof setTimeout>;
        const look = (): void => {
            if (busy()) timer = setTimeout(look, 500);
            else {
                seen.current = count;
                last.current = Date.now();
                set(Date.now());
            }
        };
        timer = setTimeout(look, Math.max(0, last.current + PAUSE - Date.now()));
        return () => clearTimeout(timer);
    }, [count]);
    return [anchor, () => set(Date.now())];
}

export function Statistics({ channel, live, account, path, change }: ChannelProps) {
    const t = useTexts();
    const { language } = usePreferences();
    const { query } = usePlace();
    const table = useRef<HTMLDivElement>(null);
    const busy = (): boolean => Boolean(table.current?.matches(':hover, :focus-within'));
    const [anchor, again] = useAnchor(live?.lastHour.failed, busy);
    const zone = query.get('zone') ?? DEFAULT_ZONE, own = localZone();
    const reason = query.get('reason') ?? '', detail = query.get('detail') ?? '';
    const period = useMemo(() => periodOf(query, anchor), [query.get('period'), query.get('from'), query.get('to'), anchor]);
    const ask = { from: period.from, to: period.to, reason, detail, zone };
    const by = stepOf(period.to - period.from);
    const good = period.to > period.from;
    const summary = useLoad<ErrorSummary>(good ? withQuery(`${path}/errors/summary`, { ...ask, by }) : null, { keep: true, version: anchor });
    // What can be chosen is what there is in the period, whatever is chosen now.
    const choices = useLoad<ErrorSummary>(good && (reason || detail) ? withQuery(`${path}/errors/summary`, { from: period.from, to: period.to, zone, by }) : null, { keep: true, version: anchor });
    const first = useLoad<Page>(good ? withQuery(`${path}/errors`, { ...ask, limit: 100 }) : null, { keep: true, version: anchor });
    const [more, setMore] = useState<{ of: Page; rows: ErrorRow[]; cursor?: string } | null>(null);
    const loading = useAction(), turning = useAction();

    const details = ((reason || detail ? choices.data : undefined) ?? summary.data)?.details ?? [];
    const detailNames = [...new Set(details.filter(d => !reason || d.reason === reason).map(d => d.detail))];
    if (detail && !detailNames.includes(detail)) detailNames.unshift(detail);
    const extra = more && more.of === first.data ? more : null;
    const rows = [...(first.data?.rows ?? []), ...(extra?.rows ?? [])];
    const cursor = extra ? extra.cursor : first.data?.cursor;
    const loadMore = (): void => {
        const of = first.data;
        if (!of || cursor === undefined) return;
        void loading.run(async () => {
            const next = await call<Page>('GET', withQuery(`${path}/errors`, { ...ask, limit: 500, cursor }));
            setMore({ of, rows: [...(extra?.rows ?? []), ...next.rows], cursor: next.cursor });
        });
    };
    const tsv = withQuery(`${path}/errors`, { ...ask, format: 'tsv', lang: language });
    const counting = channel.errorStatistics && channel.useWebhook;
    const shownZone = summary.data?.timeZone ?? zone;
    const reasonOptions: [string, string][] = [['', t.statistics.allReasons], ...REASONS.map(r => [r, r] as [string, string])];
    const zones: [string, string][] = [[DEFAULT_ZONE, t.statistics.zoneIs(DEFAULT_ZONE)], ...[...new Set(['+00:00', own, zone])].filter(z => z !== DEFAULT_ZONE).map(z => [z, z === own ? t.statistics.zoneOwn(z) : t.statistics.zoneIs(z)] as [string, string])];

    return (
        <div class="statistics">
            <div class="sub-head">
                <select class="kind" aria-label={t.statistics.kind} value="errors"><option value="errors">{t.statistics.errors}</option></select>
                <div class="buttons no-print">
                    <Button icon="print" kind="quiet" onClick={() => print()}>{t.statistics.print}</Button>
                    <a class="button" href={tsv} download={`errors-${channel.channelId}.tsv`}><Icon name="download" /><span>{t.statistics.tsv}</span></a>
                </div>
            </div>
            {!counting && (
                <div class="banner info" role="status" data-test="not-counting">
                    <Icon name="info" /><p><strong>{channel.errorStatistics ? t.statistics.webhookOff : t.statistics.off}</strong> {t.statistics.offText}</p>
                    {!isAdmin(account, channel) ? <span class="muted">{t.statistics.askAdmin}</span>
                        : channel.errorStatistics ? <a class="button" href={`/channels/${channel.channelId}/messaging`}>{t.channel.setUrl}</a>
                            : <Button busy={turning.busy} onClick={() => void turning.run(async () => { await change({ errorStatistics: true }); toast(t.messaging.switchOn(t.fields.errorStatistics.label)); })}>{t.statistics.turnOn}</Button>}
                </div>
            )}
            <Refused refusal={turning.refusal} />
            <div class="toolbar filters no-print">
                <Period query={query} zone={zone} period={period} onAgain={again} />
                <Labelled label={t.statistics.reason}>{id => <Select id={id} value={reason} options={reasonOptions} onPick={r => setQuery({ reason: r, detail: null })} />}</Labelled>
                <Labelled label={t.statistics.detail}>{id => <Select id={id} value={detail} options={[['', t.statistics.allDetails], ...detailNames.map(d => [d, d] as [string, string])]} onPick={d => setQuery({ detail: d })} />}</Labelled>
                <Labelled label={t.statistics.zone}>{id => <Select id={id} value={zone} options={zones} onPick={z => setQuery({ zone: z === DEFAULT_ZONE ? null : z })} />}</Labelled>
            </div>
            {!good ? <Notice icon="warn" title={t.statistics.badPeriod} />
                : summary.refusal ? <Failure refusal={summary.refusal} retry={again} />
                    : !summary.data ? <Loading lines={8} />
                        : (
                            <div class={summary.stale ? 'stale' : ''}>
                                <p class="period-line">{t.statistics.periodShown(dateTime(period.from, shownZone), dateTime(period.to, shownZone), shownZone)}{(reason || detail) && <strong> {[reason, detail].filter(Boolean).join(' ▸ ')}</strong>}</p>
                                {!counting && !summary.data.total && !reason && !detail ? <Notice icon="info" title={t.statistics.notCounted} text={t.statistics.notCountedText} /> : (
                                    <>
                                        <Totals summary={summary.data} reason={reason} />
                                        <Card title={`${t.statistics.chart} (${t.statistics.per[by]})`}>
                                            <Chart summary={summary.data} from={period.from} to={period.to} by={by} zone={shownZone} />
                                        </Card>
                                        <Card title={t.statistics.table}>
                                            <div ref={table}>
                                                {first.refusal ? <Failure refusal={first.refusal} retry={() => void first.reload()} /> : !first.data ? <Loading />
                                                    : rows.length ? <ErrorTable rows={rows} zone={first.data.timeZone} />
                                                        : reason || detail ? <Notice icon="search" title={t.statistics.filteredNone} text={t.statistics.filteredNoneText}><Button onClick={() => setQuery({ reason: null, detail: null })}>{t.statistics.clear}</Button></Notice>
                                                            : <Notice icon="check" title={t.statistics.none} text={t.statistics.noneText} />}
                                            </div>
                                            {cursor !== undefined && <p class="more"><Button onClick={loadMore} busy={loading.busy}>{t.common.more}</Button></p>}
                                            <Refused refusal={loading.refusal} />
                                        </Card>
                                    </>
                                )}
                            </div>
                        )}
        </div>
    );
}

// Totals a reason: figure and share; a click filters by it.
function Totals({ summary, reason }: { summary: ErrorSummary; reason: string }) {
    const t = useTexts();
    const all = Math.max(1, summary.total);
    return (
        <div class="totals">
            <div class="total"><span class="total-name">{t.statistics.total}</span><span class="total-figure"><span data-test="total">{figure(summary.total)}</span><small>{t.statistics.unit}</small></span></div>
            {REASONS.map(r => {
                const errors = summary.totals.find(x => x.reason === r)?.errors ?? 0;
                return (
                    <button key={r} type="button" class="total" aria-pressed={reason === r} disabled={!errors && reason !== r} onClick={() => setQuery({ reason: reason === r ? null : r, detail: null })}>
                        <span class="total-name"><ReasonName reason={r} /></span>
                        <span class="total-figure">{figure(errors)}{errors > 0 && <small>{t.statistics.share(figure(Math.round(errors * 1000 / all) / 10))}</small>}</span>
                    </button>
                );
            })}
        </div>
    );
}
