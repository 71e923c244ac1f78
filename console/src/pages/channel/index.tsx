// A channel: its head with the health, what needs attention, and the tabs.
import { useState } from 'preact/hooks';
import { call } from '../../lib/api';
import { dateTime, figure } from '../../lib/format';
import { useLive } from '../../lib/live';
import { useLoad } from '../../lib/load';
import { isAdmin, isMember } from '../../lib/session';
import type { Account, Channel, ChannelLive } from '../../lib/types';
import { useTexts } from '../../texts';
import { Icon } from '../../ui/icons';
import { Button, PageTitle, Tabs } from '../../ui/parts';
import { ChannelBadge, ReasonName } from '../../ui/badges';
import { FormDialog, useDialog } from '../../ui/dialog';
import { Failure, Loading, Notice } from '../../ui/states';
import { toast } from '../../ui/toast';
import { Audit } from '../audit';
import { Roles } from '../roles';
import { Basic } from './basic';
import { Deliveries } from './deliveries';
import { EventPage } from './event';
import { Messaging } from './messaging';
import type { ChannelProps } from './props';
import { Statistics } from './statistics';

function Resume({ channel, change }: { channel: Channel; change: ChannelProps['change'] }) {
    const t = useTexts();
    const dialog = useDialog();
    return (
        <>
            <Button kind="primary" onClick={dialog.show}>{t.channel.resume}</Button>
            {dialog.open && (
                <FormDialog title={t.channel.resumeTitle} yes={t.channel.resume} onClose={dialog.hide} onYes={async () => { await change({ suspended: false }); toast(t.channel.resumed); }}>
                    <p>{t.channel.resumeText(figure(channel.backlogEvents))}</p>
                </FormDialog>
            )}
        </>
    );
}

// What needs attention now, and where to look.
function Banner({ channel, live, account, change }: ChannelProps) {
    const t = useTexts();
    const base = `/channels/${channel.channelId}`;
    if (channel.suspended)
        return (
            <div class="banner bad" role="status">
                <Icon name="stop" /><p>{t.channel.suspendedBanner(channel.suspendedAt ? dateTime(channel.suspendedAt) : '–')}</p>
                {isMember(account, channel) && <Resume channel={channel} change={change} />}
            </div>
        );
    if (!channel.webhookUrl || !channel.useWebhook)
        return (
            <div class="banner info" role="status">
                <Icon name="info" /><p>{channel.webhookUrl ? t.channel.offBanner : t.channel.noUrlBanner}</p>
                {isAdmin(account, channel) && <a href={`${base}/messaging`}>{t.channel.setUrl}</a>}
            </div>
        );
    if ((live?.state ?? channel.state) === 'failing') {
        const last = live?.lastFailure;
        return (
            <div class="banner warn" role="status">
                <Icon name="warn" />
                <p>{t.channel.failingBanner}{last && <> <ReasonName reason={last.reason} /> <strong>{last.detail}</strong> <time class="figure" dateTime={last.at}>{dateTime(last.at)}</time></>}</p>
                <a href={isMember(account, channel) ? `${base}/deliveries?state=retrying,given_up` : `${base}/statistics/errors`}>{isMember(account, channel) ? t.channel.seeDeliveries : t.channel.seeStatistics}</a>
            </div>
        );
    }
    return null;
}

export function ChannelPage({ id, tab, event, account }: { id: string; tab: string; event?: string; account: Account }) {
    const t = useTexts();
    const path = `/api/v1/channels/${encodeURIComponent(id)}`;
    const load = useLoad<Channel>(path);
    const [live, setLive] = useState<{ id: string; data: ChannelLive } | null>(null);
    const state = useLive<ChannelLive>(load.data ? `${path}/live` : null, 'channel', data => {
        setLive({ id, data });
    });
    if (load.refusal) return <div class="page"><Failure whole refusal={load.refusal} retry={() => void load.reload()} /></div>;
    if (!load.data) return <div class="page"><Loading lines={8} /></div>;

    const now = live?.id === id ? live.data : null;
    const channel: Channel = now ? { ...load.data, backlogEvents: now.backlogEvents, lastHour: now.lastHour, state: now.state, suspended: now.suspended, suspendedAt: now.suspendedAt } : load.data;
    const member = isMember(account, channel), admin = isAdmin(account, channel);
    const base = `/channels/${id}`;
    const tabs: [string, string, string][] = [
        ['basic', t.channel.basic, `${base}/basic`], ['messaging', t.channel.messaging, `${base}/messaging`], ['statistics', t.channel.statistics, `${base}/statistics/errors`],
        ...(member ? [['deliveries', t.channel.deliveries, `${base}/deliveries`] as [string, string, string]] : []),
        ...(admin ? [['roles', t.channel.roles, `${base}/roles`], ['audit', t.channel.audit, `${base}/audit`]] as [string, string, string][] : []),
    ];
    const props: ChannelProps = {
        channel, live: now, account, path, reload: load.reload,
        change: async members => load.set(await call<Channel>('PATCH', path, members)),
    };
    const provider = account.providers.find(p => p.providerId === channel.providerId);
    const title = tabs.find(x => x[0] === tab)?.[1];
    return (
        <div class="page">
            <p class="crumbs"><a href="/">{t.channels.title}</a>{(provider || account.operator) && channel.providerId && <><Icon name="right" size={12} /><a href={`/providers/${channel.providerId}`}>{provider?.name ?? t.channels.provider}</a></>}</p>
            <header class="page-head channel-head">
                <PageTitle title={title ? `${title} – ${channel.name}` : channel.name}>{channel.name}</PageTitle>
                <ChannelBadge state={channel.state} />
                <dl class="figures" aria-label={t.channel.lastHour}>
                    <div><dt>{t.channel.backlog} <small>{t.units.events}</small></dt><dd>{figure(channel.backlogEvents)}</dd></div>
                    <div><dt>{t.channel.delivered} <small>{t.units.eventsLastHour}</small></dt><dd>{channel.lastHour ? figure(channel.lastHour.delivered) : '–'}</dd></div>
                    <div class={channel.lastHour?.failed ? 'bad-text' : ''}><dt>{t.channel.failed} <small>{t.units.requestsLastHour}</small></dt><dd>{channel.lastHour ? figure(channel.lastHour.failed) : '–'}</dd></div>
                    <div class="live-mark"><dt class="visually-hidden">{t.common.live}</dt><dd class={state}>{state === 'waiting' ? t.common.reconnecting : state === 'on' ? t.common.live : ''}</dd></div>
                </dl>
            </header>
            <Tabs label={t.nav.tabs} tabs={tabs.map(([key, text, to]) => ({ to, text, on: tab === key }))} />
            <Banner {...props} />
            {tab === 'basic' ? <Basic {...props} />
                : tab === 'messaging' ? <Messaging {...props} />
                    : tab === 'statistics' ? <Statistics {...props} />
                        : tab === 'deliveries' ? (member ? (event ? <EventPage {...props} id={event} /> : <Deliveries {...props} />) : <Notice icon="stop" title={t.errors.forbidden} text={t.errors.forbiddenText} />)
                            : tab === 'roles' ? <Roles of={path} kind="channel" admin={admin} account={account} />
                                : tab === 'audit' && (admin ? <Audit path={`${path}/audit`} /> : <Notice icon="stop" title={t.errors.forbidden} text={t.errors.forbiddenText} />)}
        </div>
    );
}
