// The operator's view of the node: figures, mail outbox, audit log, accounts.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '../lib/api';
import { age, bytes, figure } from '../lib/format';
import { useLive } from '../lib/live';
import { useLoad } from '../lib/load';
import { usePreferences } from '../lib/preferences';
import type { Account, Mail, SystemView } from '../lib/types';
import { useTexts } from '../texts';
import { Icon } from '../ui/icons';
import { Badge, Button, Card, PageTitle, Prose, Tabs, Time, useAction, type Tone } from '../ui/parts';
import { Failure, Loading, Notice, Refused } from '../ui/states';
import { toast } from '../ui/toast';
import { Accounts } from './accounts';
import { Audit } from './audit';
import { Spark } from '../ui/spark';

const KEPT = 120; // figures of the last two minutes

function Overview() {
    const t = useTexts();
    const { language } = usePreferences();
    const load = useLoad<SystemView>('/api/v1/system', { every: 10_000 });
    const latest = useRef(load.data);
    latest.current = load.data;
    const history = useRef<SystemView['rates'][]>([]);
    const [, again] = useState(0);
    const state = useLive<SystemView>('/api/v1/system/live', 'system', data => load.set({ ...load.data, ...data }));
    useEffect(() => {
        const timer = setInterval(() => {
            if (!latest.current || document.visibilityState !== 'visible') return;
            history.current = [...history.current.slice(1 - KEPT), latest.current.rates];
            again(n => n + 1);
        }, 1000);
        return () => clearInterval(timer);
    }, []);
    if (load.refusal && !load.data) return <Failure refusal={load.refusal} retry={() => void load.reload()} />;
    if (!load.data) return <Loading lines={8} />;
    const s = load.data;
    const rate = (name: keyof SystemView['rates'], label: string, tone: string) => (
        <div class="stat">
            <dt>{label}</dt><dd>{figure(s.rates[name])}<small>{name === 'failed' ? t.units.requestsPerSecond : t.units.eventsPerSecond}</small></dd>
            <dd><Spark values={history.current.map(r => r[name])} tone={tone} /></dd>
        </div>
    );
    return (
        <>
            <Card title={t.system.alarms}>
                {s.alarms.length ? (
                    <ul class="alarms">{s.alarms.map(a => <li key={a.name}><Icon name="warn" /><span><strong><Prose text={a.text[language]} /></strong> <code class="muted">{a.name}</code></span><Time at={a.since} /></li>)}</ul>
                ) : <p class="card-text"><Badge tone="good">{t.system.noAlarms}</Badge></p>}
            </Card>
            {s.advice && s.advice.length > 0 && (
                <Card title={t.system.advice}>
                    <ul class="advices">{s.advice.map(a => <li key={a.name}><Icon name="info" /><span>{a.text[language]}</span></li>)}</ul>
                </Card>
            )}
            <Card title={t.system.throughput} actions={<span class={`live-mark ${state}`}>{state === 'waiting' ? t.common.reconnecting : state === 'on' ? t.common.live : ''}</span>}>
                <dl class="stats three">{rate('accepted', t.system.accepted, 'info')}{rate('delivered', t.system.delivered, 'good')}{rate('failed', t.system.failed, 'bad')}</dl>
            </Card>
            <dl class="stats">
                <div class="stat"><dt>{t.system.backlog}</dt><dd>{figure(s.backlogEvents)}<small>{t.units.events}</small></dd><dd class="hint">{t.system.backlogAge}: {s.backlogEvents ? age(s.backlogAgeMs) : '–'}</dd></div>
                <div class="stat"><dt>{t.system.inFlight}</dt><dd>{figure(s.inFlight)}</dd><dd class="hint">{t.system.sessions}: HTTP/1 {figure(s.sessions.http1)} · HTTP/2 {figure(s.sessions.http2)}</dd></div>
                <div class="stat"><dt>{t.system.store}</dt><dd>{bytes(s.store.bytes)}</dd><dd class="hint">{t.system.commit} {figure(s.store.commitMs)} ms · {t.system.queued} {figure(s.store.queued)}</dd></div>
                <div class="stat"><dt>{t.system.memory}</dt><dd>{bytes(s.memoryBytes)}</dd></div>
                {s.outbox && <div class="stat"><dt>{t.system.mail}</dt><dd>{figure(s.outbox.waiting)}<small>{t.system.waiting}</small></dd><dd class="hint">{figure(s.outbox.failed)} {t.system.mailFailed}{s.outbox.oldestAt && <> · {t.system.oldest} <Time at={s.outbox.oldestAt} /></>}</dd></div>}
                <div class="stat"><dt>{t.system.version}</dt><dd class="text">{s.version}</dd><dd class="hint">{t.system.started}: <Time at={s.startedAt} /></dd></div>
            </dl>
        </>
    );
}

const mailTones: Record<Mail['state'], Tone> = { waiting: 'info', sent: 'good', written: 'warn', failed: 'bad' };

function Outbox() {
    const t = useTexts();
    const load = useLoad<{ mails: Mail[] }>('/api/v1/outbox', { every: 5000 });
    const action = useAction();
    const retry = (m: Mail): void => void action.run(async () => {
        await call('POST', `/api/v1/outbox/${m.mailId}/retry`);
        toast(t.system.retried);
        await load.reload();
    });
    if (load.refusal && !load.data) return <Failure refusal={load.refusal} retry={() => void load.reload()} />;
    if (!load.data) return <Loading lines={5} />;
    if (!load.data.mails.length) return <Notice icon="check" title={t.system.noMails} text={t.system.noMailsText} />;
    return (
        <>
            <Refused refusal={action.refusal} />
            <div class="table-wrap" tabIndex={0} role="region" aria-label={t.system.outbox}>
                <table class="cards">
                    <thead><tr><th scope="col">{t.common.state}</th><th scope="col">{t.system.to}</th><th scope="col">{t.system.subject}</th><th scope="col" class="num">{t.system.tries}</th><th scope="col">{t.system.nextTry}</th><th scope="col">{t.system.lastError}</th><th scope="col">{t.common.created}</th><th scope="col"><span class="visually-hidden">{t.common.actions}</span></th></tr></thead>
                    <tbody>{load.data.mails.map(m => (
                        <tr key={m.mailId}>
                            <td><Badge tone={mailTones[m.state]}>{t.system.mailStates[m.state] ?? m.state}</Badge></td><td class="wrap" data-label={t.system.to}>{m.to}</td><td class="main-cell wrap">{m.subject}</td>
                            <td class="num" data-label={t.system.tries}>{figure(m.tries)}</td><td data-label={t.system.nextTry}>{m.nextAt ? <Time at={m.nextAt} /> : '–'}</td><td class="wrap" data-label={t.system.lastError}>{m.lastError || '–'}</td>
                            <td data-label={t.common.created}><Time at={m.createdAt} /></td><td class="end">{m.state === 'failed' && <Button busy={action.busy} aria-label={`${t.system.retryNow}: ${m.subject}`} onClick={() => retry(m)}>{t.system.retryNow}</Button>}</td>
                        </tr>
                    ))}</tbody>
                </table>
            </div>
        </>
    );
}

export function SystemPage({ tab, account }: { tab: string; account: Account }) {
    const t = useTexts();
    const tabs: [string, string][] = [['', t.system.overview], ['outbox', t.system.outbox], ['audit', t.system.audit], ['accounts', t.system.accounts]];
    if (!account.operator) return <div class="page"><Notice whole icon="stop" title={t.errors.forbidden} text={t.errors.forbiddenText}><a class="button" href="/">{t.errors.toChannels}</a></Notice></div>;
    const name = tabs.find(x => x[0] === tab)?.[1] ?? t.system.title;
    return (
        <div class="page">
            <header class="page-head"><PageTitle title={tab ? `${name} – ${t.system.title}` : t.system.title}>{t.system.title}</PageTitle></header>
            <Tabs label={t.nav.tabs} tabs={tabs.map(([to, text]) => ({ to: `/system${to && `/${to}`}`, text, on: tab === to }))} />
            {tab === 'outbox' ? <Outbox /> : tab === 'audit' ? <Audit path="/api/v1/audit" /> : tab === 'accounts' ? <Accounts account={account} /> : <Overview />}
        </div>
    );
}
