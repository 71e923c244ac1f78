// Accounts of the node, for the operator.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { call } from '../lib/api';
import { usePages } from '../lib/load';
import { usePreferences } from '../lib/preferences';
import type { Account, AccountRow, Invitation } from '../lib/types';
import { useTexts } from '../texts';
import { Badge, Button, Field, Time } from '../ui/parts';
import { FormDialog, useDialog } from '../ui/dialog';
import { Failure, Loading, Notice } from '../ui/states';
import { toast } from '../ui/toast';
import { InvitationLink, type Link, linkOf } from './roles';

type Act = 'disable' | 'enable' | 'delete' | 'link' | 'confirm';

function State({ of }: { of: AccountRow }) {
    const t = useTexts();
    if (of.disabled) return <Badge tone="idle">{t.accounts.disabled}</Badge>;
    if (of.invited) return <Badge tone="info">{t.accounts.invited}</Badge>;
    if (!of.confirmed) return <Badge tone="warn" title={t.accounts.unconfirmedText}>{t.accounts.unconfirmed}</Badge>;
    return <Badge tone="good">{t.accounts.enabled}</Badge>;
}

const inviter = (by: AccountRow['invitedBy']): string => (by ? (typeof by === 'string' ? `${by}…` : by.email) : '–');

export function Accounts({ account }: { account: Account }) {
    const t = useTexts();
    const { language } = usePreferences();
    const list = usePages<AccountRow>('/api/v1/accounts?limit=100', 'accounts');
    const creating = useDialog();
    const [form, set] = useState({ email: '', name: '', operator: false });
    const [invited, invite] = useState<Link | null>(null);
    const [act, setAct] = useState<{ row: AccountRow; kind: Act } | null>(null);
    const create = async (): Promise<void> => {
        const made = await call<AccountRow & Invitation>('POST', '/api/v1/accounts', { email: form.email.trim(), operator: form.operator, language, ...(form.name.trim() ? { name: form.name.trim() } : {}) });
        toast(t.accounts.created);
        invite(linkOf(made.email, made));
        await list.reload();
    };
    const run = async (): Promise<void> => {
        if (!act) return;
        const path = `/api/v1/accounts/${act.row.accountId}`;
        if (act.kind === 'delete') await call('DELETE', path);
        else if (act.kind === 'link') invite(linkOf(act.row.email, await call<Invitation>('PATCH', path, { invitation: true }), !act.row.invited));
        else await call('PATCH', path, act.kind === 'confirm' ? { confirmed: true } : { disabled: act.kind === 'disable' });
        if (act.kind !== 'link') toast(act.kind === 'delete' ? t.accounts.deleted : t.accounts.changed);
        await list.reload();
    };
    const button = (a: AccountRow, kind: Act, text: string, icon?: 'trash'): ComponentChildren =>
        <Button kind="quiet" icon={icon} aria-label={`${text} ${t.accounts.actionsOf(a.email)}`} onClick={() => setAct({ row: a, kind })}>{text}</Button>;
    const words: Record<Act, [title: string, text: (email: string) => string, yes: string]> = {
        delete: [t.accounts.deleteTitle, t.accounts.deleteText, t.common.delete],
        disable: [t.accounts.disableTitle, t.accounts.disableText, t.accounts.disable],
        enable: [t.accounts.enable, email => email, t.accounts.enable],
        link: [t.accounts.link, act && !act.row.invited ? (act.row.confirmed ? t.accounts.linkAgainText : t.accounts.linkOverText) : t.accounts.linkText, t.accounts.link],
        confirm: [t.accounts.confirmTitle, t.accounts.confirmText, t.accounts.confirm],
    };
    return (
        <>
            <div class="toolbar end"><Button kind="primary" icon="plus" onClick={() => { set({ email: '', name: '', operator: false }); creating.show(); }}>{t.accounts.create}</Button></div>
            {list.refusal && !list.rows ? <Failure refusal={list.refusal} retry={() => void list.reload()} /> : !list.rows ? <Loading /> : !list.rows.length ? <Notice icon="person" title={t.accounts.none} /> : (
                <div class="table-wrap" tabIndex={0} role="region" aria-label={t.system.accounts}>
                    <table class="cards people">
                        <thead><tr><th scope="col">{t.common.email}</th><th scope="col">{t.common.state}</th><th scope="col">{t.accounts.invitedBy}</th><th scope="col">{t.accounts.lastLogin}</th><th scope="col"><span class="visually-hidden">{t.common.actions}</span></th></tr></thead>
                        <tbody>{list.rows.map(a => (
                            <tr key={a.accountId}>
                                <td class="main-cell"><span>{a.name || a.email}{a.accountId === account.accountId && <span class="tag">{t.common.you}</span>}{a.operator && <span class="tag">{t.accounts.operator}</span>}</span>{a.name && <span class="sub">{a.email}</span>}</td>
                                <td><State of={a} /></td>
                                <td class="wrap" data-label={t.accounts.invitedBy}><span>{inviter(a.invitedBy)}</span><span class="sub"><Time at={a.createdAt} /></span></td>
                                <td data-label={t.accounts.lastLogin}><Time at={a.lastLoginAt} /></td>
                                <td class="end">{a.accountId !== account.accountId && (
                                    <div class="buttons">
                                        {!a.disabled && !a.invited && !a.confirmed && button(a, 'confirm', t.accounts.confirm)}
                                        {!a.disabled && button(a, 'link', t.accounts.link)}
                                        {button(a, a.disabled ? 'enable' : 'disable', a.disabled ? t.accounts.enable : t.accounts.disable)}
                                        {button(a, 'delete', t.common.delete, 'trash')}
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
                <FormDialog title={words[act.kind][0]} yes={words[act.kind][2]} danger={act.kind === 'delete' || act.kind === 'disable'} onYes={run} onClose={() => setAct(null)}>
                    <p>{words[act.kind][1](act.row.email)}</p>
                </FormDialog>
            )}
            {invited && <InvitationLink {...invited} onClose={() => invite(null)} />}
        </>
    );
}
