// Who may do what on a provider or a channel.
import { useState } from 'preact/hooks';
import { call } from '../lib/api';
import { useLoad } from '../lib/load';
import type { Account, Role, RoleRow } from '../lib/types';
import { useTexts } from '../texts';
import { Button, Card, Copy, Field, Select } from '../ui/parts';
import { Dialog, FormDialog, useDialog } from '../ui/dialog';
import { Failure, Loading, Notice } from '../ui/states';
import { toast } from '../ui/toast';

export function InvitationLink({ email, token, onClose }: { email: string; token: string; onClose: () => void }) {
    const t = useTexts();
    const link = `${location.origin}/invitation#${token}`;
    return (
        <Dialog title={t.roles.invited} onClose={onClose} sticky>
            <div class="dialog-body">
                <p>{t.roles.invitedText(email)}</p>
                <p class="secret-line"><code class="secret">{link}</code> <Copy text={link} label={t.roles.invited} /></p>
            </div>
            <footer class="dialog-foot"><Button kind="primary" onClick={onClose}>{t.common.done}</Button></footer>
        </Dialog>
    );
}

export function Roles({ of, kind, admin, account }: { of: string; kind: 'provider' | 'channel'; admin: boolean; account: Account }) {
    const t = useTexts();
    const list = useLoad<{ roles: RoleRow[] }>(admin ? `${of}/roles` : null);
    const adding = useDialog();
    const [email, setEmail] = useState('');
    const [role, setRole] = useState<Role>('member');
    const [invited, invite] = useState<{ email: string; token: string } | null>(null);
    const [going, go] = useState<RoleRow | null>(null);
    const [changing, change] = useState<{ row: RoleRow; to: Role } | null>(null);
    const names: [Role, string][] = (kind === 'channel' ? ['admin', 'member', 'tester'] as Role[] : ['admin', 'member'] as Role[]).map(r => [r, t.roleNames[r]]);
    const put = async (who: string, as: Role): Promise<void> => {
        const answer = await call<RoleRow & { invitationToken?: string }>('PUT', `${of}/roles`, { email: who, role: as });
        if (answer.invitationToken) invite({ email: who, token: answer.invitationToken });
        await list.reload();
    };
    if (!admin) return <Notice icon="stop" title={t.errors.forbidden} text={t.roles.adminOnly} />;
    return (
        <Card title={t.roles.title} actions={<Button kind="primary" icon="plus" onClick={() => { setEmail(''); adding.show(); }}>{t.roles.add}</Button>}>
            {list.refusal ? <Failure refusal={list.refusal} retry={() => void list.reload()} /> : !list.data ? <Loading />
                : !list.data.roles.length ? <Notice icon="person" title={t.roles.none} /> : (
                    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.roles.title}>
                        <table class="cards">
                            <thead><tr><th scope="col">{t.roles.person}</th><th scope="col">{t.roles.role}</th><th scope="col"><span class="visually-hidden">{t.common.actions}</span></th></tr></thead>
                            <tbody>{list.data.roles.map(r => (
                                <tr key={`${r.accountId}-${r.inherited}`}>
                                    <td class="main-cell"><span>{r.name || r.email}{r.accountId === account.accountId && <span class="tag">{t.common.you}</span>}</span>{r.name && <span class="sub">{r.email}</span>}</td>
                                    <td data-label={t.roles.role}>
                                        {r.inherited ? <span>{t.roleNames[r.role]} <span class="tag">{t.roles.inherited}</span></span>
                                            : <Select aria-label={t.roles.roleOf(r.email)} value={r.role} options={names} onPick={to => change({ row: r, to })} />}
                                    </td>
                                    <td class="end">{!r.inherited && <Button kind="quiet" icon="trash" aria-label={t.roles.removeOf(r.email)} onClick={() => go(r)}>{t.common.remove}</Button>}</td>
                                </tr>
                            ))}</tbody>
                        </table>
                    </div>
                )}
            <dl class="legend-list">{names.map(([r, name]) => <div key={r}><dt>{name}</dt><dd>{t.roleHints[r]}</dd></div>)}</dl>
            {adding.open && (
                <FormDialog title={t.roles.add} yes={t.roles.add} fields={['email', 'role']} disabled={!email.includes('@')} onClose={adding.hide}
                    onYes={async () => { await put(email.trim(), role); toast(t.roles.added); }}>
                    {refusal => (
                        <>
                            <Field label={t.roles.email} error={refusal?.of('email')}>{ids => <input {...ids} type="email" name="email" autoFocus autoComplete="off" value={email} onInput={e => setEmail(e.currentTarget.value)} />}</Field>
                            <Field label={t.roles.role} hint={t.roleHints[role]} error={refusal?.of('role')}>{ids => <Select {...ids} value={role} options={names} onPick={setRole} />}</Field>
                        </>
                    )}
                </FormDialog>
            )}
            {changing && (
                <FormDialog title={t.roles.roleOf(changing.row.email)} yes={t.common.update} onClose={() => { change(null); void list.reload(); }}
                    say={r => (r.status === 409 ? t.roles.lastAdmin : undefined)}
                    onYes={async () => { await put(changing.row.email, changing.to); toast(t.roles.changed); }}>
                    <p>{t.roleNames[changing.row.role]} → <strong>{t.roleNames[changing.to]}</strong></p>
                    <p class="muted">{t.roleHints[changing.to]}</p>
                </FormDialog>
            )}
            {going && (
                <FormDialog title={t.roles.removeTitle} yes={t.roles.removeYes} danger onClose={() => go(null)} say={r => (r.status === 409 ? t.roles.lastAdmin : undefined)}
                    onYes={async () => { await call('DELETE', `${of}/roles/${going.accountId}`); toast(t.roles.removed); await list.reload(); }}>
                    <p>{t.roles.removeText(going.email)}</p>
                </FormDialog>
            )}
            {invited && <InvitationLink email={invited.email} token={invited.token} onClose={() => invite(null)} />}
        </Card>
    );
}
