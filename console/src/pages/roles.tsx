// Who may do what on a provider or a channel.
import { useState } from 'preact/hooks';
import { call, type Refusal, withQuery } from '../lib/api';
import { useLoad } from '../lib/load';
import type { Account, Invitation, Role, RoleGiven, RoleRow } from '../lib/types';
import { useTexts } from '../texts';
import { Button, Card, Copy, Field, Select } from '../ui/parts';
import { Dialog, FormDialog, useDialog } from '../ui/dialog';
import { Failure, Loading, Notice } from '../ui/states';
import { toast } from '../ui/toast';

// A link that an operator has just made, and is shown once.
export interface Link {
    email: string;
    link: string;
    mailed: boolean;
    again: boolean; // it replaces a password
}
export const linkOf = (email: string, i: Invitation, again = false): Link | null =>
    i.invitationToken ? { email, link: i.invitationUrl ?? `${location.origin}/invitation#${i.invitationToken}`, mailed: !!i.mailed, again } : null;

export function InvitationLink({ email, link, mailed, again, onClose }: Link & { onClose: () => void }) {
    const t = useTexts();
    return (
        <Dialog title={t.roles.invited} onClose={onClose} sticky>
            <div class="dialog-body">
                <p>{again ? t.roles.againText(email) : t.roles.invitedText(email)}</p>
                {mailed && <p class="muted">{t.roles.mailedText}</p>}
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
    const [invited, invite] = useState<Link | null>(null);
    const [going, go] = useState<RoleRow | null>(null);
    const [changing, change] = useState<{ row: RoleRow; to: Role } | null>(null);
    const names: [Role, string][] = (kind === 'channel' ? ['admin', 'member', 'tester'] as Role[] : ['admin', 'member'] as Role[]).map(r => [r, t.roleNames[r]]);
    const put = async (who: string, as: Role): Promise<RoleGiven> => {
        const answer = await call<RoleGiven>('PUT', `${of}/roles`, { email: who, role: as });
        invite(linkOf(answer.email, answer));
        await list.reload();
        return answer;
    };
    const saying = (r: Refusal): string | undefined => (r.status === 409 ? t.roles.lastAdmin : r.status === 429 ? t.roles.tooMany : undefined);
    if (!admin) return <Notice icon="stop" title={t.errors.forbidden} text={t.roles.adminOnly} />;
    return (
        <Card title={t.roles.title} actions={<Button kind="primary" icon="plus" onClick={() => { setEmail(''); adding.show(); }}>{t.roles.add}</Button>}>
            {list.refusal ? <Failure refusal={list.refusal} retry={() => void list.reload()} /> : !list.data ? <Loading />
                : !list.data.roles.length ? <Notice icon="person" title={t.roles.none} /> : (
                    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.roles.title}>
                        <table class="cards">
                            <thead><tr><th scope="col">{t.roles.person}</th><th scope="col">{t.roles.role}</th><th scope="col"><span class="visually-hidden">{t.common.actions}</span></th></tr></thead>
                            <tbody>{list.data.roles.map(r => (
                                <tr key={`${r.email}-${r.inherited}`}>
                                    <td class="main-cell"><span>{r.name || r.email}{r.accountId === account.accountId && <span class="tag">{t.common.you}</span>}{r.waiting && <span class="tag" title={t.roles.waitingText}>{t.roles.waiting}</span>}</span>{r.name && <span class="sub">{r.email}</span>}</td>
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
                    say={r => (r.status === 429 ? t.roles.tooMany : undefined)}
                    onYes={async () => { const { invitation } = await put(email.trim(), role); toast(account.operator ? t.roles.added : t.roles.addedBy[invitation]); }}>
                    {refusal => (
                        <>
                            <Field label={t.roles.email} hint={account.operator ? undefined : t.roles.emailHint} error={refusal?.of('email')}>{ids => <input {...ids} type="email" name="email" autoFocus autoComplete="off" value={email} onInput={e => setEmail(e.currentTarget.value)} />}</Field>
                            <Field label={t.roles.role} hint={t.roleHints[role]} error={refusal?.of('role')}>{ids => <Select {...ids} value={role} options={names} onPick={setRole} />}</Field>
                        </>
                    )}
                </FormDialog>
            )}
            {changing && (
                <FormDialog title={t.roles.roleOf(changing.row.email)} yes={t.common.update} onClose={() => { change(null); void list.reload(); }}
                    say={saying}
                    onYes={async () => { await put(changing.row.email, changing.to); toast(t.roles.changed); }}>
                    <p>{t.roleNames[changing.row.role]} → <strong>{t.roleNames[changing.to]}</strong></p>
                    <p class="muted">{t.roleHints[changing.to]}</p>
                </FormDialog>
            )}
            {going && (
                <FormDialog title={t.roles.removeTitle} yes={t.roles.removeYes} danger onClose={() => go(null)} say={saying}
                    onYes={async () => { await call('DELETE', withQuery(`${of}/roles`, { email: going.email })); toast(t.roles.removed); await list.reload(); }}>
                    <p>{t.roles.removeText(going.email)}</p>
                </FormDialog>
            )}
            {invited && <InvitationLink {...invited} onClose={() => invite(null)} />}
        </Card>
    );
}
