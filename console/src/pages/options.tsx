// Error notification has to be applied for by a provider and approved by the operator.
import { useState } from 'preact/hooks';
import { call, withQuery } from '../lib/api';
import { useLoad } from '../lib/load';
import { setQuery, usePlace } from '../lib/router';
import type { Account, OptionRow, OptionState, OptionView } from '../lib/types';
import { useTexts } from '../texts';
import { Button, Card, Field, PageTitle, Select, Time } from '../ui/parts';
import { FormDialog, useDialog } from '../ui/dialog';
import { Failure, Loading, Notice } from '../ui/states';
import { OptionBadge } from '../ui/badges';
import { Row } from '../ui/row';
import { toast } from '../ui/toast';

const pathOf = (id: string): string => `/api/v1/providers/${encodeURIComponent(id)}/options`;

// Approve or refuse, with a note for the provider.
function Decide({ id, name, to, onClose, onDone }: { id: string; name: string; to: 'approved' | 'refused'; onClose: () => void; onDone: () => void }) {
    const t = useTexts();
    const [note, setNote] = useState('');
    const approve = to === 'approved';
    return (
        <FormDialog title={approve ? t.options.approveTitle : t.options.refuseTitle} yes={approve ? t.options.approve : t.options.refuse} danger={!approve} fields={['note']} onClose={onClose}
            onYes={async () => {
                await call('PATCH', `${pathOf(id)}/error-notification`, { state: to, ...(note.trim() ? { note: note.trim() } : {}) });
                toast(approve ? t.options.approved : t.options.refused);
                onDone();
            }}>
            {refusal => (
                <>
                    <p>{approve ? t.options.approveText(name) : t.options.refuseText(name)}</p>
                    <Field label={`${t.common.note} (${t.common.optional})`} error={refusal?.of('note')}>{ids => <textarea {...ids} rows={3} maxLength={500} value={note} onInput={e => setNote(e.currentTarget.value)} />}</Field>
                </>
            )}
        </FormDialog>
    );
}

export function ProviderOptions({ id, admin, account, name }: { id: string; admin: boolean; account: Account; name: string }) {
    const t = useTexts();
    const load = useLoad<{ errorNotification: OptionView }>(pathOf(id), { every: 15_000 });
    const applying = useDialog(), withdrawing = useDialog();
    const [deciding, decide] = useState<'approved' | 'refused' | null>(null);
    const [note, setNote] = useState('');
    if (load.refusal) return <Failure refusal={load.refusal} retry={() => void load.reload()} />;
    if (!load.data) return <Loading />;
    const o = load.data.errorNotification, held = o.state === 'applied' || o.state === 'approved';
    return (
        <Card title={t.options.errorNotification} actions={<>
            {admin && !held && <Button kind="primary" onClick={applying.show}>{t.options.apply}</Button>}
            {account.operator && o.state === 'applied' && <><Button kind="primary" onClick={() => decide('approved')}>{t.options.approve}</Button><Button onClick={() => decide('refused')}>{t.options.refuse}</Button></>}
            {admin && held && <Button kind="quiet" onClick={withdrawing.show}>{t.options.withdraw}</Button>}
        </>}>
            <p class="card-text">{t.options.what}</p>
            <Row label={t.common.state}><OptionBadge state={o.state} /></Row>
            {o.note && <Row label={t.common.note}><span class="wrap">{o.note}</span></Row>}
            {o.appliedAt && <Row label={t.options.appliedAt}><Time at={o.appliedAt} /></Row>}
            {o.decidedAt && <Row label={t.options.decidedAt}><Time at={o.decidedAt} /></Row>}
            {applying.open && (
                <FormDialog title={t.options.apply} yes={t.options.apply} fields={['note']} onClose={applying.hide}
                    onYes={async () => { await call('POST', `${pathOf(id)}/error-notification`, note.trim() ? { note: note.trim() } : {}); toast(t.options.applied); await load.reload(); }}>
                    {refusal => (
                        <>
                            <p>{t.options.what}</p>
                            <Field label={`${t.options.applyNote} (${t.common.optional})`} error={refusal?.of('note')}>{ids => <textarea {...ids} rows={3} maxLength={500} value={note} onInput={e => setNote(e.currentTarget.value)} />}</Field>
                        </>
                    )}
                </FormDialog>
            )}
            {withdrawing.open && (
                <FormDialog title={t.options.withdrawTitle} yes={t.options.withdraw} danger onClose={withdrawing.hide}
                    onYes={async () => { await call('DELETE', `${pathOf(id)}/error-notification`); toast(t.options.withdrawn); await load.reload(); }}>
                    <p>{t.options.withdrawText}</p>
                </FormDialog>
            )}
            {deciding && <Decide id={id} name={name} to={deciding} onClose={() => decide(null)} onDone={() => void load.reload()} />}
        </Card>
    );
}

export function OptionsPage() {
    const t = useTexts();
    const { query } = usePlace();
    const state = (query.get('state') ?? 'applied') as OptionState;
    const load = useLoad<{ options: OptionRow[] }>(withQuery('/api/v1/options', { state }), { every: 15_000 });
    const [deciding, decide] = useState<{ row: OptionRow; to: 'approved' | 'refused' } | null>(null);
    const states: [OptionState, string][] = (['applied', 'approved', 'refused', 'withdrawn'] as const).map(s => [s, t.options.states[s]]);
    return (
        <div class="page">
            <header class="page-head"><PageTitle title={t.options.title} /></header>
            <div class="toolbar"><Select aria-label={t.common.state} value={state} options={states} onPick={s => setQuery({ state: s })} /></div>
            {load.refusal ? <Failure refusal={load.refusal} retry={() => void load.reload()} /> : !load.data ? <Loading />
                : !load.data.options.length ? <Notice icon="check" title={t.options.nothing} text={t.options.nothingText} /> : (
                    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.options.applications}>
                        <table class="cards">
                            <thead><tr><th scope="col">{t.options.provider}</th><th scope="col">{t.options.option}</th><th scope="col">{t.common.state}</th><th scope="col">{t.common.note}</th><th scope="col">{t.options.appliedAt}</th><th scope="col"><span class="visually-hidden">{t.common.actions}</span></th></tr></thead>
                            <tbody>{load.data.options.map(o => (
                                <tr key={o.providerId + o.option}>
                                    <td class="main-cell"><a href={`/providers/${o.providerId}/options`}>{o.providerName}</a></td>
                                    <td data-label={t.options.option}>{t.options.errorNotification}</td>
                                    <td><OptionBadge state={o.state} /></td>
                                    <td class="wrap" data-label={t.common.note}>{o.note || '–'}</td>
                                    <td data-label={t.options.appliedAt}><Time at={o.appliedAt} /></td>
                                    <td class="end">{o.state === 'applied' && <div class="buttons"><Button kind="primary" onClick={() => decide({ row: o, to: 'approved' })}>{t.options.approve}</Button><Button onClick={() => decide({ row: o, to: 'refused' })}>{t.options.refuse}</Button></div>}</td>
                                </tr>
                            ))}</tbody>
                        </table>
                    </div>
                )}
            {deciding && <Decide id={deciding.row.providerId} name={deciding.row.providerName} to={deciding.to} onClose={() => decide(null)} onDone={() => void load.reload()} />}
        </div>
    );
}
