// One event: what it holds, and every attempt as a timeline of phases.
import { useCallback, useEffect, useState } from 'preact/hooks';
import { asRefusal, callText, type Refusal } from '../../lib/api';
import { duration, figure, localZone } from '../../lib/format';
import { indented, rawMember } from '../../lib/json';
import type { Attempt, EventFull, Phase } from '../../lib/types';
import { useTexts } from '../../texts';
import { Button, Card, Copy, Time } from '../../ui/parts';
import { EventBadge, ProcessedBadge, ReasonName } from '../../ui/badges';
import { Explanation } from '../../ui/explanation';
import { Failure, Loading, Notice } from '../../ui/states';
import { toast } from '../../ui/toast';
import { useDialog } from '../../ui/dialog';
import type { ChannelProps } from './props';
import { RedeliverDialog } from './redeliver';

interface Held {
    event: EventFull;
    raw: string;
}

// The phases an attempt went through with the time of each. What the clock ended has no first byte: the rest is its.
export function phasesOf(a: Attempt): { phase: Phase; us: number; failed: boolean }[] {
    const { dns_us, connect_us, tls_us, send_us, first_byte_us, total_us } = a.timings;
    const order: Phase[] = ['url', 'resolve', 'connect', 'tls', 'session', 'send', 'await', 'done'];
    const end = order.indexOf(a.phase), failed = (p: Phase): boolean => a.reason !== 'ok' && a.reason !== 'error_status_code' && a.phase === p;
    const opened = dns_us + connect_us + tls_us;
    const left = Math.max(0, total_us - opened - send_us), answer = first_byte_us || left, rest = first_byte_us ? Math.max(0, left - first_byte_us) : 0;
    const found: { phase: Phase; us: number; failed: boolean }[] = [];
    const add = (phase: Phase, us: number, when: boolean): void => void (when && found.push({ phase, us, failed: failed(phase) }));
    add('url', 0, end === 0);
    add('resolve', dns_us, !a.reused && (dns_us > 0 || end === 1));
    add('connect', connect_us, !a.reused && end >= 2);
    add('tls', tls_us, !a.reused && end >= 3 && (tls_us > 0 || end === 3));
    add('session', Math.max(0, total_us - opened), end === 4);
    add('send', send_us || (end === 5 ? Math.max(0, total_us - opened) : 0), end >= 5);
    add('await', answer, end >= 6);
    add('done', rest, end >= 7 && rest > 0);
    return found;
}

function Timeline({ attempt }: { attempt: Attempt }) {
    const t = useTexts();
    const phases = phasesOf(attempt), sum = Math.max(1, phases.reduce((n, p) => n + p.us, 0));
    let before = 0;
    return (
        <ol class="timeline" aria-label={t.event.timeline}>
            {phases.map(p => {
                const left = before / sum * 100, width = Math.max(0.6, p.us / sum * 100);
                before += p.us;
                return (
                    <li key={p.phase} class={p.failed ? 'bad' : ''}>
                        <span class="phase-name">{t.phases[p.phase]}</span>
                        <span class="bar" aria-hidden="true"><span class={`bar-fill ${p.phase}`} style={{ left: `${Math.min(left, 99.4)}%`, width: `${width}%` }} /></span>
                        <span class="phase-time figure">{duration(p.us)}</span>
                    </li>
                );
            })}
        </ol>
    );
}

function AttemptView({ attempt, n, last }: { attempt: Attempt; n: number; last: boolean }) {
    const t = useTexts();
    const ok = attempt.reason === 'ok';
    const [open, setOpen] = useState(last && !ok);
    const processed = { no: t.processed.noText, unknown: t.processed.unknownText, yes: t.processed.yesText }[attempt.processed];
    return (
        <li class={`attempt ${ok ? 'good' : 'bad'}`} data-test="attempt">
            <header class="attempt-head">
                <h3>{t.event.attempt(n)}</h3><Time at={attempt.startedAt} />
                <span class="attempt-verdict"><ReasonName reason={attempt.reason} /> <strong>{ok || attempt.reason === 'error_status_code' ? t.statistics.statusDetail(String(attempt.status || attempt.detail)) : attempt.detail}</strong> {!ok && <code class="muted">{attempt.cause}</code>}</span>
            </header>
            <div class="attempt-body">
                <Timeline attempt={attempt} />
                <dl class="facts tight">
                    <dt>{t.event.total}</dt><dd class="figure">{duration(attempt.timings.total_us)}</dd>
                    {attempt.address && <><dt>{t.event.address}</dt><dd class="mono">{attempt.address}{attempt.reused && <span class="tag">{t.event.reused}</span>}</dd></>}
                    {attempt.http && <><dt>{t.event.http}</dt><dd>{attempt.http}</dd></>}
                    {attempt.events > 1 && <><dt>{t.deliveries.title}</dt><dd>{t.event.withOthers(attempt.events)}</dd></>}
                    {attempt.retries > 0 && <><dt>{t.deliveries.tries}</dt><dd>{t.event.retries(attempt.retries)}</dd></>}
                    {!ok && <><dt>{t.processed.title}</dt><dd><ProcessedBadge processed={attempt.processed} /> <span class="muted">{processed}</span></dd></>}
                </dl>
                {!ok && (
                    <>
                        <button type="button" class="link" aria-expanded={open} onClick={() => setOpen(!open)}>{t.event.explain}</button>
                        {open && <Explanation reason={attempt.reason} detail={attempt.detail} cause={attempt.cause} />}
                    </>
                )}
            </div>
        </li>
    );
}

export function EventPage({ channel, live, path, id }: ChannelProps & { id: string }) {
    const t = useTexts();
    const [held, hold] = useState<Held | null>(null);
    const [refusal, setRefusal] = useState<Refusal | null>(null);
    const again = useDialog();
    const load = useCallback(async (): Promise<void> => {
        try {
            const text = await callText('GET', `${path}/events/${encodeURIComponent(id)}`);
            hold({ event: JSON.parse(text) as EventFull, raw: indented(rawMember(text, 'event') ?? 'null') });
            setRefusal(null);
        } catch (e) {
            setRefusal(asRefusal(e));
        }
    }, [path, id]);
    const state = held?.event.state, onItsWay = state === 'pending' || state === 'retrying';
    useEffect(() => void load(), [load, live]);
    useEffect(() => {
        if (!onItsWay) return undefined;
        const timer = setInterval(() => void load(), 2000);
        return () => clearInterval(timer);
    }, [onItsWay, load]);
    if (!held) return refusal ? <Failure refusal={refusal} retry={() => void load()} /> : <Loading lines={6} />;

    const { event, raw } = held;
    const type = typeof (event.event as { type?: unknown } | null)?.type === 'string' ? (event.event as { type: string }).type : '';
    return (
        <div class="event">
            <p class="crumbs"><a href={`/channels/${channel.channelId}/deliveries`}>{t.deliveries.title}</a></p>
            <header class="sub-head">
                <h2 class="mono">{event.webhookEventId}</h2><span data-test="event-state"><EventBadge state={event.state} /></span><Copy text={event.webhookEventId} label={t.deliveries.id} />
                <div class="buttons"><Button icon="again" disabled={event.state !== 'given_up' && event.state !== 'delivered'} onClick={again.show}>{t.deliveries.again}</Button></div>
            </header>
            <dl class="facts">
                {type && <><dt>{t.event.type}</dt><dd><code>{type}</code></dd></>}
                <dt>{t.deliveries.accepted}</dt><dd><Time at={event.acceptedAt} /></dd>
                <dt>{t.deliveries.tries}</dt><dd class="figure">{figure(event.tries)}</dd>
                {event.nextAttemptAt && event.state === 'retrying' && <><dt>{t.event.next}</dt><dd><Time at={event.nextAttemptAt} /></dd></>}
            </dl>
            <Card title={t.event.attempts}>
                {event.attempts.length
                    ? <ol class="attempts">{event.attempts.map((a, i) => <AttemptView key={a.attemptId} attempt={a} n={i + 1} last={i === event.attempts.length - 1} />).reverse()}</ol>
                    : <Notice icon="info" title={t.event.noAttempts} text={t.event.noAttemptsText} />}
                <p class="hint table-note">{t.common.timesIn(localZone())}</p>
            </Card>
            <Card title={t.event.contents} actions={<Copy text={raw} label={t.event.contents} />}>
                <p class="card-text">{t.event.contentsHint}</p>
                <pre class="payload" tabIndex={0} data-test="payload">{raw}</pre>
            </Card>
            {again.open && <RedeliverDialog path={path} ids={[event.webhookEventId]} onClose={again.hide} onBegun={n => { toast(n ? t.deliveries.accepted202(figure(n)) : t.deliveries.none202); void load(); }} />}
        </div>
    );
}
