// The first page: every channel one may see, with its health at a glance.
import { useMemo, useState } from 'preact/hooks';
import { withQuery } from '../lib/api';
import { figure } from '../lib/format';
import { useLoad, usePages } from '../lib/load';
import { useLive } from '../lib/live';
import { setQuery, usePlace } from '../lib/router';
import type { Account, Channel, ChannelState, Provider, SystemView } from '../lib/types';
import { useTexts } from '../texts';
import { Icon } from '../ui/icons';
import { Button, PageTitle } from '../ui/parts';
import { Failure, Loading, Notice } from '../ui/states';
import { ChannelBadge, ChannelMark } from '../ui/badges';
import { NewChannel } from './new-channel';
import { firstPage, useRefresh } from '../lib/refresh';

const STATES: ChannelState[] = ['failing', 'suspended', 'active', 'off'];

export function ChannelTable({ rows, providers }: { rows: Channel[]; providers?: Map<string, string> }) {
    const t = useTexts();
    return (
        <div class="table-wrap" tabIndex={0} role="region" aria-label={t.channels.title}>
            <table class="cards">
                <thead>
                    <tr>
                        <th scope="col">{t.common.state}</th><th scope="col">{t.channels.channel}</th>
                        {providers && <th scope="col">{t.channels.provider}</th>}
                        <th scope="col" class="num">{t.channels.delivered} <small>{t.units.eventsLastHour}</small></th><th scope="col" class="num">{t.channels.failed} <small>{t.units.requestsLastHour}</small></th>
                        <th scope="col" class="num" title={t.channels.backlogHint}>{t.channels.backlog} <small>{t.units.events}</small></th>
                    </tr>
                </thead>
                <tbody>
                    {rows.map(c => (
                        <tr key={c.channelId}>
                            <td><ChannelBadge state={c.state} /></td>
                            <td class="main-cell"><a href={`/channels/${c.channelId}/basic`}>{c.name}</a><span class="sub">{c.channelId}</span></td>
                            {providers && <td data-label={t.channels.provider}><a class="plain" href={`/providers/${c.providerId}`}>{providers.get(c.providerId) ?? c.providerId}</a></td>}
                            <td class="num" data-label={`${t.channels.delivered} (${t.units.eventsLastHour})`}>{c.lastHour ? figure(c.lastHour.delivered) : '–'}</td>
                            <td class={`num ${c.lastHour?.failed ? 'bad-text' : ''}`} data-label={`${t.channels.failed} (${t.units.requestsLastHour})`}>{c.lastHour ? figure(c.lastHour.failed) : '–'}</td>
                            <td class="num" data-label={`${t.channels.backlog} (${t.units.events})`}>{figure(c.backlogEvents)}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

export function Channels({ account }: { account: Account }) {
    const t = useTexts();
    const { query } = usePlace();
    const provider = query.get('provider') ?? '', q = query.get('q') ?? '', state = query.get('state') as ChannelState | null;
    const [typed, type] = useState(q);
    const [creating, create] = useState(false);
    const providers = useLoad<{ providers: Provider[] }>('/api/v1/providers?limit=500');
    const source = { path: withQuery('/api/v1/channels', { provider, q }), limit: 100 };
    const list = usePages<Channel>(firstPage(source), 'channels');
    const refresh = useRefresh<Channel>(source, 'channels', c => c.channelId, list);
    useLive<SystemView>(account.operator ? '/api/v1/system/live' : null, 'system', refresh.soon);

    const names = useMemo(() => new Map((providers.data?.providers ?? []).map(p => [p.providerId, p.name])), [providers.data]);
    const mine = (providers.data?.providers ?? []).filter(p => account.operator || p.role === 'admin');
    const rows = list.rows?.filter(c => !state || c.state === state);
    const count = (s: ChannelState): number => list.rows?.filter(c => c.state === s).length ?? 0;
    const filtered = Boolean(q || provider || state);

    return (
        <div class="page">
            <header class="page-head">
                <PageTitle title={t.channels.title} />
                {mine.length > 0 && <Button kind="primary" icon="plus" onClick={() => create(true)}>{t.channels.create}</Button>}
            </header>
            <div class="toolbar">
                <form class="search" role="search" onSubmit={e => { e.preventDefault(); setQuery({ q: typed.trim() }); }}>
                    <Icon name="search" />
                    <input type="search" aria-label={t.channels.search} placeholder={t.channels.search} value={typed}
                        onInput={e => { type(e.currentTarget.value); if (!e.currentTarget.value) setQuery({ q: null }); }} />
                </form>
                {names.size > 1 && (
                    <select aria-label={t.channels.provider} value={provider} onChange={e => setQuery({ provider: e.currentTarget.value })}>
                        <option value="" selected={!provider}>{t.channels.allProviders}</option>
                        {[...names].map(([id, name]) => <option key={id} value={id} selected={id === provider}>{name}</option>)}
                    </select>
                )}
                <div class="chips" role="group" aria-label={t.common.state}>
                    {STATES.map(s => (
                        <button key={s} type="button" class={`chip ${s}`} aria-pressed={state === s} title={t.channelStateHints[s]} onClick={() => setQuery({ state: state === s ? null : s })}>
                            {count(s) > 0 && <ChannelMark state={s} />}{t.channelStates[s]} <span class="figure">{count(s)}{list.more ? '+' : ''}</span>
                        </button>
                    ))}
                </div>
            </div>
            {list.refusal && !list.rows ? <Failure refusal={list.refusal} retry={() => void list.reload()} />
                : !rows ? <Loading lines={6} />
                    : rows.length ? <ChannelTable rows={rows} providers={names.size > 1 ? names : undefined} />
                        : filtered ? <Notice icon="search" title={t.channels.nothing} text={t.channels.nothingText} />
                            : <Notice icon="info" title={t.channels.empty} text={mine.length ? t.channels.emptyText : account.operator ? t.channels.needProvider : t.channels.emptyMember}>
                                {mine.length > 0 && <Button kind="primary" icon="plus" onClick={() => create(true)}>{t.channels.create}</Button>}
                                {!mine.length && <a class="button" href="/providers">{t.nav.providers}</a>}
                            </Notice>}
            {list.more && <p class="more"><Button onClick={list.more} busy={list.loading}>{t.common.more}</Button></p>}
            {creating && <NewChannel providers={mine} provider={provider} onClose={() => create(false)} onCreated={() => void list.reload()} />}
        </div>
    );
}
