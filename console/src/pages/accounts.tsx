// Accounts of the node, for the operator.
import { useState } from 'preact/hooks';
import { call } from '../lib/api';
import { usePages } from '../lib/load';
import { usePreferences } from '../lib/preferences';
import type { Account, AccountRow } from '../lib/types';
import { useTexts } from '../texts';
import { Badge, Button, Field, Time } from '../ui/parts';
import { FormDialog, useDialog } from '../ui/dialog';
import { Failure, Loading, Notice } from '../ui/states';
import { toast } from '../ui/toast';
import { InvitationLink } from './roles';

export function Accounts({ account }: { account: Account }) {
    const t = useTexts();
    const { language } = usePreferences();
    const list = usePages<AccountRow>('/api/v1/accounts?limit=100', 'accounts');
    const creating = useDialog();
    const [form, set] = useState({ email: '', name: '', operator: false });
    const [invited, invite] = useState<{ email: string; token: string } | null>(null);
    const [act, setAct] = useState<{ row: AccountRow; kind: 'disable' | 'enable' | 'delete' } | null>(null);
    const create = async (): Promise<void> => {
        const made = await call<AccountRow>('POST', '/api/v1/accounts', { email: form.email.trim(), operator: form.operator, language, ...(form.name.trim() ? { name: form.name.trim() } : {}) });
        toast(t.accounts.created);
        if (made.invitationToken) invite({ email: made.email, token: made.invitationToken });
        await list.reload();
    };
    const run = async (): Promise<void> => {
        if (!act) return;
        const path = `/api/v1/accounts/${act.row.accountId}`;
        if (act.kind === 'delete') await call('DELETE', path);
        else await call('PATCH', path, { disabled: act.kind === 'disable' });
        toast(act.kind === 'delete' ? t.accounts.deleted : t.accounts.changed);
        await list.reload();
    };
    return (
        <>
            <div class="toolbar end"><Button kind="primary" icon="plus" onClick={() => { set({ email: '', name: '', operator: false }); creating.show(); }}>{t.accounts.create}</Button></div>
            {list.refusal && !list.rows ? <Failure refusal={list.refusal} retry={() => void list.reload()} /> : !list.rows ? <Loading /> : !list.rows.length ? <Notice icon="person" title={t.accounts.none} /> : (
                <div class="table-wrap" tabIndex={0} role="region" aria-label={t.system.accounts}>
                    <table class="cards">
                        <thead><tr><th scope="col">{t.common.email}</th><th scope="col">{t.common.state}</th><th scope="col">{t.accounts.operator}</th><th scope="col">{t.accounts.lastLogin}</th><th scope="col">{t.common.created}</th><th scope="col"><span class="visually-hidden">{t.common.actions}</span></th></tr></thead>
                        <tbody>{list.rows.map(a => (
                            <tr key={a.accountId}>
                                <td class="main-cell"><span>{a.name || a.email}{a.accountId === account.accountId && <span class="tag">{t.common.you}</span>}</span>{a.name && <span class="sub">{a.email}</span>}</td>
                                <td><Badge tone={a.disabled ? 'idle' : 'good'}>{a.disabled ? t.accounts.disabled : t.accounts.enabled}</Badge></td>
                                <td data-label={t.accounts.operator}>{a.operator ? t.common.yes : '–'}</td><td data-label={t.accounts.lastLogin}><Time at={a.lastLoginAt} /></td><td data-label={t.common.created}><Time at={a.createdAt} /></td>
                                <td class="end">{a.accountId !== account.accountId && (
                                    <div class="buttons">
                                        <Button kind="quiet" aria-label={`${a.disabled ? t.accounts.enable : t.accounts.disable} ${t.accounts.actionsOf(a.email)}`} onClick={() => setAct({ row: a, kind: a.disabled ? 'enable' : 'disable' })}>{a.disabled ? t.accounts.enable : t.accounts.disable}</Button>
                                        <Button kind="quiet" icon="trash" aria-label={`${t.common.delete} ${t.accounts.actionsOf(a.email)}`} onClick={() => setAct({ row: a, kind: 'delete' })}>{t.common.delete}</Button>
                                    </div>
                                )}</td>
                            </tr>
                        ))}</tbody>
                    </table>
                </div>
            )}
            {list.more && <p class="more"><Button onClick={list.more} busy={list.loading}>{t.common.more}</Button></p>}
            {creating.open && (
                <FormDialog title={t.accounts.createTitle} yes={t.accounts.create} fields={['email', 'name']} disabled={!form.email.includes('@')} onYes={create} onClose={creating.hide}>
                    {refusal => (
                        <>
                            <p class="muted">{t.accounts.createText}</p>
                            <Field label={t.common.email} error={refusal?.of('email')}>{ids => <input {...ids} type="email" autoFocus autoComplete="off" value={form.email} onInput={e => set({ ...form, email: e.currentTarget.value })} />}</Field>
                            <Field label={`${t.common.name} (${t.common.optional})`} error={refusal?.of('name')}>{ids => <input {...ids} type="text" autoComplete="off" value={form.name} onInput={e => set({ ...form, name: e.currentTarget.value })} />}</Field>
                            <label class="check"><input type="checkbox" checked={form.operator} onChange={e => set({ ...form, operator: e.currentTarget.checked })} /> {t.accounts.isOperator}</label>
                        </>
                    )}
                </FormDialog>
            )}
            {act && (
                <FormDialog title={act.kind === 'delete' ? t.accounts.deleteTitle : act.kind === 'disable' ? t.accounts.disableTitle : t.accounts.enable} danger={act.kind !== 'enable'}
                    yes={act.kind === 'delete' ? t.common.delete : act.kind === 'disable' ? t.accounts.disable : t.accounts.enable} onYes={run} onClose={() => setAct(null)}>
                    <p>{act.kind === 'delete' ? t.accounts.deleteText(act.row.email) : act.kind === 'disable' ? t.accounts.disableText(act.row.email) : act.row.email}</p>
                </FormDialog>
            )}
            {invited && <InvitationLink email={invited.email} token={invited.token} onClose={() => invite(null)} />}
        </>
    );
}
