// The events of a channel and what became of them; those that failed are delivered again from here.
import { useEffect, useState } from 'preact/hooks';
import { call, withQuery } from '../../lib/api';
import { figure, localZone } from '../../lib/format';
import { usePages } from '../../lib/load';
import { navigate, setQuery, usePlace } from '../../lib/router';
import { firstPage, useRefresh } from '../../lib/refresh';
import type { EventRow, EventState } from '../../lib/types';
import { useTexts } from '../../texts';
import { Button, Time } from '../../ui/parts';
import { EventBadge } from '../../ui/badges';
import { Failure, Loading, Notice } from '../../ui/states';
import { toast } from '../../ui/toast';
import { useDialog } from '../../ui/dialog';
import type { ChannelProps } from './props';
import { RangeDialog, RedeliverDialog, RedeliveryProgress } from './redeliver';

const STATES: EventState[] = ['pending', 'retrying', 'delivered', 'given_up', 'suspended'];
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

function SearchById({ channelId, path }: { channelId: string; path: string }) {
    const t = useTexts();
    const [text, set] = useState('');
    const [wrong, setWrong] = useState<string | null>(null);
    const go = async (e: Event): Promise<void> => {
        e.preventDefault();
        const id = text.trim().toUpperCase();
        if (!ULID.test(id)) {
            setWrong(t.deliveries.badId);
            return;
        }
        try {
            await call('GET', `${path}/events/${id}`);
            navigate(`/channels/${channelId}/deliveries/${id}`);
        } catch {
            setWrong(t.deliveries.noEvent);
        }
    };
    return (
        <form class="search" role="search" onSubmit={e => void go(e)}>
            <input class="mono" type="search" aria-label={t.deliveries.search} placeholder={t.deliveries.searchHint} aria-invalid={wrong ? true : undefined} aria-describedby={wrong ? 'search-wrong' : undefined}
                value={text} onInput={e => { set(e.currentTarget.value); setWrong(null); }} />
            <Button type="submit" icon="search">{t.deliveries.go}</Button>
            {wrong && <p id="search-wrong" class="field-error" role="alert">{wrong}</p>}
        </form>
    );
}

export function Deliveries(props: ChannelProps) {
    const { channel, live, path } = props;
    const t = useTexts();
    const { query } = usePlace();
    const asked = (query.get('state') ?? '').split(','), states = STATES.filter(s => asked.includes(s)), filtered = states.length > 0;
    const source = { path: withQuery(`${path}/events`, { state: states.join(',') }), limit: 50, newest: true };
    const url = firstPage(source);
    const list = usePages<EventRow>(url, 'events');
    const refresh = useRefresh<EventRow>(source, 'events', e => e.webhookEventId, list);
    const [picked, pick] = useState<Set<string>>(new Set());
    const again = useDialog(), range = useDialog();
    const [progress, setProgress] = useState<{ count: number; key: number } | null>(null);
    useEffect(() => refresh.soon(), [live]);
    useEffect(() => pick(new Set()), [url]);

    const rows = list.rows ?? [];
    const able = rows.filter(r => r.state === 'given_up' || r.state === 'delivered').map(r => r.webhookEventId);
    const all = able.length > 0 && able.every(id => picked.has(id));
    const chosen = able.filter(id => picked.has(id)); // a row that left the list is not delivered again unseen
    const turn = (s: EventState): void => setQuery({ state: STATES.filter(x => (x === s) !== states.includes(x)).join(',') || null });
    const toggle = (id: string): void => {
        const next = new Set(picked);
        if (!next.delete(id)) next.add(id);
        pick(next);
    };
    const begun = (count: number): void => {
        pick(new Set());
        toast(count ? t.deliveries.accepted202(figure(count)) : t.deliveries.none202);
        if (count) setProgress({ count, key: Date.now() });
        refresh.soon();
    };
    return (
        <>
            <div class="toolbar">
                <SearchById channelId={channel.channelId} path={path} />
                <div class="chips" role="group" aria-label={t.deliveries.state}>
                    <button type="button" class="chip" aria-pressed={!filtered} onClick={() => setQuery({ state: null })}>{t.common.all}</button>
                    {STATES.map(s => <button key={s} type="button" class={`chip ${s}`} aria-pressed={states.includes(s)} onClick={() => turn(s)}>{t.eventStates[s]}</button>)}
                </div>
            </div>
            <div class="toolbar acts">
                <Button kind={chosen.length ? 'primary' : undefined} icon="again" disabled={!chosen.length} onClick={again.show}>{t.deliveries.again}</Button>
                <Button onClick={range.show}>{t.deliveries.range}</Button>
                <span class="muted" role="status">{chosen.length > 0 && t.deliveries.selected(chosen.length)}</span>
                {refresh.fresh > 0 && <Button kind="quiet" icon="down" onClick={() => { void list.reload(); scrollTo({ top: 0 }); }}>{(filtered ? t.deliveries.moreMatch : t.deliveries.newOnes)(refresh.fresh)}</Button>}
            </div>
            {progress && <RedeliveryProgress key={progress.key} count={progress.count} backlog={channel.backlogEvents} live={live !== null} onClose={() => setProgress(null)} />}
            {list.refusal && !list.rows ? <Failure refusal={list.refusal} retry={() => void list.reload()} /> : !list.rows ? <Loading lines={6} />
                : !rows.length && !list.more ? <Notice icon="info" title={filtered ? t.deliveries.filteredNone : t.deliveries.none} text={filtered ? undefined : t.deliveries.noneText}>{!filtered && channel.useWebhook && channel.webhookUrl && <a class="button" href={`/channels/${channel.channelId}/messaging`}>{t.deliveries.test}</a>}</Notice> : (
                    <>
                        <div class="table-wrap" tabIndex={0} role="region" aria-label={t.deliveries.title}>
                            <table class="cards selectable">
                                <thead><tr>
                                    <th scope="col" class="pick"><input type="checkbox" aria-label={t.deliveries.selectAll} checked={all} disabled={!able.length} onChange={() => pick(all ? new Set() : new Set(able))} /></th>
                                    <th scope="col">{t.deliveries.id}</th><th scope="col">{t.common.state}</th><th scope="col">{t.deliveries.accepted}</th><th scope="col" class="num">{t.deliveries.tries}</th><th scope="col">{t.deliveries.next}</th>
                                </tr></thead>
                                <tbody>{rows.map(e => (
                                    <tr key={e.webhookEventId} class={picked.has(e.webhookEventId) ? 'picked' : ''} data-event={e.webhookEventId}>
                                        <td class="pick"><input type="checkbox" aria-label={t.deliveries.selectOne(e.webhookEventId)} checked={picked.has(e.webhookEventId)} disabled={!able.includes(e.webhookEventId)} onChange={() => toggle(e.webhookEventId)} /></td>
                                        <td class="main-cell mono"><a href={`/channels/${channel.channelId}/deliveries/${e.webhookEventId}`}>{e.webhookEventId}</a></td>
                                        <td><EventBadge state={e.state} /></td>
                                        <td data-label={t.deliveries.accepted}><Time at={e.acceptedAt} /></td>
                                        <td class="num" data-label={t.deliveries.tries}>{figure(e.tries)}</td>
                                        <td data-label={t.deliveries.next}>{e.nextAttemptAt && e.state === 'retrying' ? <Time at={e.nextAttemptAt} /> : '–'}</td>
                                    </tr>
                                ))}</tbody>
                            </table>
                        </div>
                        <p class="hint table-note">{t.common.timesIn(localZone())}</p>
                    </>
                )}
            {list.more && <p class="more"><Button onClick={list.more} busy={list.loading}>{t.common.more}</Button></p>}
            {again.open && <RedeliverDialog path={path} ids={chosen} onClose={again.hide} onBegun={begun} />}
            {range.open && <RangeDialog path={path} onClose={range.hide} onBegun={begun} />}
        </>
    );
}
