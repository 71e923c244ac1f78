// The audit log: who, what, when.
import { localZone } from '../lib/format';
import { usePages } from '../lib/load';
import type { AuditEntry } from '../lib/types';
import { useTexts } from '../texts';
import { Button, Time } from '../ui/parts';
import { Failure, Loading, Notice } from '../ui/states';

function said(v: unknown): string {
    if (v === null || v === '') return '–';
    if (typeof v !== 'object') return String(v);
    const change = v as { from?: unknown; to?: unknown };
    return 'from' in change && 'to' in change ? `${said(change.from)} → ${said(change.to)}` : JSON.stringify(v);
}

// "channel/2000000001" is a page; the rest is not.
function Target({ of }: { of: string | null }) {
    const page = /^(channel|provider)\/(\d+)$/.exec(of ?? '');
    return page ? <a class="plain" href={`/${page[1]}s/${page[2]}`}>{of}</a> : <>{of || '–'}</>;
}

function Details({ of }: { of: AuditEntry['details'] }) {
    if (!of || !Object.keys(of).length) return <>–</>;
    return <span class="audit-details">{Object.entries(of).map(([k, v]) => <span key={k}><span class="muted">{k}</span> {said(v)}</span>)}</span>;
}

export function Audit({ path }: { path: string }) {
    const t = useTexts();
    const list = usePages<AuditEntry>(`${path}?limit=100`, 'entries');
    const who = (a: AuditEntry['account']): string => (a === null ? t.audit.system : typeof a === 'string' ? (a === 'system' ? t.audit.system : a) : a.email);
    if (list.refusal && !list.rows) return <Failure refusal={list.refusal} retry={() => void list.reload()} />;
    if (!list.rows) return <Loading lines={6} />;
    if (!list.rows.length) return <Notice icon="info" title={t.audit.none} text={t.audit.noneText} />;
    return (
        <>
            <div class="table-wrap" tabIndex={0} role="region" aria-label={t.channel.audit}>
                <table class="cards">
                    <thead><tr><th scope="col">{t.audit.at}</th><th scope="col">{t.audit.who}</th><th scope="col">{t.event.address}</th><th scope="col">{t.audit.action}</th><th scope="col">{t.audit.target}</th><th scope="col">{t.audit.details}</th></tr></thead>
                    <tbody>{list.rows.map(e => (
                        <tr key={e.auditId}>
                            <td><Time at={e.at} /></td><td class="wrap" data-label={t.audit.who}>{who(e.account)}</td><td class="figure" data-label={t.event.address}>{e.peer || '–'}</td><td data-label={t.audit.action}><code>{e.action}</code></td>
                            <td class="nowrap" data-label={t.audit.target}><Target of={e.target} /></td><td class="wrap" data-label={t.audit.details}><Details of={e.details} /></td>
                        </tr>
                    ))}</tbody>
                </table>
            </div>
            <p class="hint table-note">{t.common.timesIn(localZone())}</p>
            {list.more && <p class="more"><Button onClick={list.more} busy={list.loading}>{t.common.more}</Button></p>}
        </>
    );
}
