// One's own account.
import { useState } from 'preact/hooks';
import { isShort } from '../lib/limits';
import { changeAccount, logOut } from '../lib/session';
import type { Account } from '../lib/types';
import { useTexts } from '../texts';
import { Button, Card, Field, PageTitle, useAction } from '../ui/parts';
import { FormDialog, useDialog } from '../ui/dialog';
import { Refused } from '../ui/states';
import { EditRow, Row } from '../ui/row';
import { Preferences } from '../ui/shell';
import { toast } from '../ui/toast';

function Password() {
    const t = useTexts();
    const action = useAction();
    const empty = { current: '', next: '', again: '' };
    const [form, set] = useState(empty);
    const [tried, setTried] = useState(false);
    const short = isShort(form.next) ? t.setup.short : undefined, differ = form.next !== form.again ? t.setup.differ : undefined;
    const submit = async (e: Event): Promise<void> => {
        e.preventDefault();
        setTried(true);
        if (short || differ) return;
        if (await action.run(() => changeAccount({ currentPassword: form.current, password: form.next }))) {
            set(empty);
            setTried(false);
            toast(t.account.changed);
        }
    };
    const field = (name: keyof typeof empty) => ({ type: 'password', value: form[name], onInput: (e: { currentTarget: HTMLInputElement }) => set({ ...form, [name]: e.currentTarget.value }) });
    return (
        <Card title={t.account.password}>
            <form class="stack narrow" onSubmit={e => void submit(e)} noValidate>
                <Field label={t.account.current} error={action.refusal?.of('currentPassword') && t.account.wrong}>{ids => <input {...ids} {...field('current')} autoComplete="current-password" />}</Field>
                <Field label={t.account.next} hint={t.setup.passwordHint} error={(tried ? short : undefined) ?? action.refusal?.of('password')}>{ids => <input {...ids} {...field('next')} autoComplete="new-password" />}</Field>
                <Field label={t.setup.passwordAgain} error={tried ? differ : undefined}>{ids => <input {...ids} {...field('again')} autoComplete="new-password" />}</Field>
                <Refused refusal={action.refusal} fields={['currentPassword', 'password']} say={r => (r.status === 403 ? t.account.wrong : undefined)} />
                <Button type="submit" kind="primary" busy={action.busy}>{t.account.change}</Button>
            </form>
        </Card>
    );
}

export function AccountPage({ account }: { account: Account }) {
    const t = useTexts();
    const everywhere = useDialog();
    const rename = async (name: string): Promise<void> => {
        await changeAccount({ name });
        toast(t.account.saved);
    };
    return (
        <div class="page narrow-page">
            <header class="page-head"><PageTitle title={t.account.title} /></header>
            <Card title={t.account.profile}>
                <Row label={t.common.email}><span class="wrap">{account.email}</span></Row>
                <EditRow label={t.common.name} property="name" value={account.name} mayEdit max={100} onSave={rename} />
            </Card>
            <Card title={t.account.appearance}><div class="card-text in-page"><Preferences account={account} /></div></Card>
            <Card title={t.account.roles}>
                {!account.confirmed && <p class="card-text">{t.account.unconfirmed}</p>}
                {account.operator ? <p class="card-text">{t.account.operator}</p> : !account.providers.length && !account.channels.length && <p class="card-text muted">{t.account.noRoles}</p>}
                {account.providers.map(p => <Row key={p.providerId} label={t.channels.provider}><a href={`/providers/${p.providerId}`}>{p.name}</a> <span class="tag">{t.roleNames[p.role]}</span></Row>)}
                {account.channels.map(c => <Row key={c.channelId} label={t.channels.channel}><a class="mono" href={`/channels/${c.channelId}/basic`}>{c.channelId}</a> <span class="tag">{t.roleNames[c.role]}</span></Row>)}
            </Card>
            <Password />
            <Card title={t.account.everywhere}>
                <div class="danger-zone"><p class="hint">{t.account.everywhereText}</p><Button kind="danger" onClick={everywhere.show}>{t.account.everywhereButton}</Button></div>
            </Card>
            {everywhere.open && <FormDialog title={t.account.everywhereTitle} yes={t.account.everywhereButton} danger onClose={everywhere.hide} onYes={() => logOut(true)} stay><p>{t.account.everywhereText}</p></FormDialog>}
        </div>
    );
}
