// A verification as it happens: each phase when it begins, then the verdict, why, and what to do.
import { useEffect, useState } from 'preact/hooks';
import { asRefusal, refusalOf, Refusal, send } from '../../lib/api';
import { duration } from '../../lib/format';
import { readStream } from '../../lib/live';
import { usePreferences } from '../../lib/preferences';
import type { Phase, Verdict } from '../../lib/types';
import { useTexts } from '../../texts';
import { Icon } from '../../ui/icons';
import { Button, Prose } from '../../ui/parts';
import { ProcessedBadge, ReasonName } from '../../ui/badges';
import { Refused } from '../../ui/states';

interface Step {
    phase: Phase;
    atUs: number;
}
const ORDER: Phase[] = ['resolve', 'connect', 'tls', 'session', 'send', 'await'];

export function Verify({ path, url, onAgain, onClose }: { path: string; url: string; onAgain: () => void; onClose: () => void }) {
    const t = useTexts();
    const { language } = usePreferences();
    const [steps, setSteps] = useState<Step[]>([]);
    const [verdict, setVerdict] = useState<Verdict | null>(null);
    const [refusal, setRefusal] = useState<Refusal | null>(null);
    useEffect(() => {
        const stop = new AbortController();
        const run = async (): Promise<void> => {
            const r = await send('POST', `${path}/verify`, {}, { signal: stop.signal, headers: { accept: 'text/event-stream' } });
            if (!r.ok) throw await refusalOf(r);
            let ended = false;
            await readStream(r, (event, data) => {
                if (event === 'phase') {
                    const step = JSON.parse(data) as Step;
                    setSteps(s => [...s, step]);
                } else if (event === 'outcome') {
                    ended = true;
                    setVerdict(JSON.parse(data) as Verdict);
                }
            });
            if (!ended) throw new Refusal(0, '');
        };
        run().catch((e: unknown) => {
            if (!stop.signal.aborted) setRefusal(asRefusal(e));
        });
        return () => stop.abort();
    }, [path]);

    const running = !verdict && !refusal, good = verdict?.reason === 'ok';
    // What was told, in its order; phases still to come stand below it, pale, so that nothing moves when they come.
    const told = steps.filter(s => s.phase !== 'done' && s.phase !== 'url');
    const coming = running ? ORDER.filter(p => !told.some(s => s.phase === p) && ORDER.indexOf(p) > (told.length ? ORDER.indexOf((told[told.length - 1] as Step).phase) : -1)) : [];
    const http = url.startsWith('http:');
    return (
        <section class="verify" aria-label={t.verify.title}>
            <header class="verify-head">
                <h3>{running ? t.verify.running : refusal ? t.verify.broken : good ? t.verify.done : t.verify.failure}</h3>
                <Button kind="quiet" icon="cross" onClick={onClose} aria-label={t.verify.close}>{t.common.close}</Button>
            </header>
            <ol class="phases" aria-busy={running}>
                {told.map((s, i) => {
                    const next = told[i + 1], last = i === told.length - 1;
                    const us = next ? next.atUs - s.atUs : verdict ? Math.max(0, verdict.timings.total_us - s.atUs) : null;
                    const bad = last && verdict && !good && verdict.reason !== 'error_status_code';
                    return (
                        <li key={s.phase} class={bad ? 'bad' : last && running ? 'running' : last && refusal ? 'idle' : 'good'}>
                            <span class="phase-mark">{bad ? <Icon name="cross" /> : last && running ? <span class="spinner" aria-hidden="true" /> : <Icon name="check" />}</span>
                            <span class="phase-name">{t.phases[s.phase] ?? s.phase}</span>
                            <span class="phase-time figure">{us === null ? '' : duration(us)}</span>
                            <span class="phase-note">{verdict && (s.phase === 'connect' ? verdict.address : s.phase === 'tls' ? verdict.tlsVersion : s.phase === 'await' && verdict.status ? t.statistics.statusDetail(String(verdict.status)) : s.phase === 'session' && verdict.http ? `HTTP/${verdict.http}` : '')}</span>
                        </li>
                    );
                })}
                {coming.filter(p => !(http && p === 'tls')).map(p => <li key={p} class="coming"><span class="phase-mark" /><span class="phase-name">{t.phases[p]}</span><span class="phase-time" /><span class="phase-note" /></li>)}
            </ol>
            <div role="status">
                {verdict && (
                    <div class={`verdict ${good ? 'good' : 'bad'}`}>
                        <p class="verdict-line">
                            <Icon name={good ? 'check' : 'cross'} size={20} /><strong>{good ? t.verify.success : t.verify.failure}</strong>
                            <ReasonName reason={verdict.reason} /><span class="verdict-detail">{good ? t.statistics.statusDetail(String(verdict.status)) : verdict.detail}</span>
                            {!good && <code class="muted">{verdict.cause}</code>}<span class="figure muted">{t.verify.total} {duration(verdict.timings.total_us)}</span>
                        </p>
                        {!good && (
                            <dl class="facts">
                                <dt>{t.verify.explanation}</dt><dd><Prose text={verdict.explanation[language]} /></dd>
                                <dt>{t.verify.advice}</dt><dd class="advice"><Prose text={verdict.advice[language]} /></dd>
                                <dt>{t.processed.title}</dt><dd><ProcessedBadge processed={verdict.processed} /></dd>
                            </dl>
                        )}
                    </div>
                )}
                {refusal && <Refused refusal={refusal} say={r => (r.status === 429 ? t.verify.rate : undefined)} />}
            </div>
            <p class="hint">{t.verify.expected} {t.verify.notCounted} {!running && <button type="button" class="link" onClick={onAgain}>{t.verify.again}</button>}</p>
        </section>
    );
}
