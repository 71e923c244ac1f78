// Before one is in: log-in, first start, invitation.
import { useState } from 'preact/hooks';
import { call, type Refusal } from '../lib/api';
import { isShort } from '../lib/limits';
import { usePreferences } from '../lib/preferences';
import { navigate, usePlace } from '../lib/router';
import { adopt, logIn } from '../lib/session';
import type { Session } from '../lib/types';
import { useTexts } from '../texts';
import { Button, Field, useAction } from '../ui/parts';
import { Notice, Refused } from '../ui/states';
import { Gate } from '../ui/shell';

export function LogIn({ expired }: { expired: boolean }) {
    const t = useTexts();
    const { path } = usePlace();
    const action = useAction();
    const [email, setEmail] = useState('');
    const [password, setPassword] = useState('');
    const submit = async (e: Event): Promise<void> => {
        e.preventDefault();
        const ok = await action.run(() => logIn(email.trim(), password));
        if (ok && path === '/login') navigate('/', { replace: true });
    };
    return (
        <Gate title={t.login.title}>
            {expired && <p class="banner info" role="status">{t.login.expired}</p>}
            <form class="stack" onSubmit={e => void submit(e)} noValidate>
                <Field label={t.login.email}>{ids => <input {...ids} type="email" name="email" autoComplete="username" autoFocus required value={email} onInput={e => setEmail(e.currentTarget.value)} />}</Field>
                <Field label={t.login.password}>{ids => <input {...ids} type="password" name="password" autoComplete="current-password" required value={password} onInput={e => setPassword(e.currentTarget.value)} />}</Field>
                <Refused refusal={action.refusal} say={r => (r.status === 401 || r.status === 400 ? t.login.wrong : undefined)} />
                <Button type="submit" kind="primary" busy={action.busy}>{t.login.submit}</Button>
            </form>
        </Gate>
    );
}

// Both links bring a token behind the #, which no server sees, and end with an account that is logged in.
function Welcome({ kind }: { kind: 'setup' | 'invitation' }) {
    const t = useTexts();
    const { hash } = usePlace();
    const { language } = usePreferences();
    const action = useAction();
    const [form, set] = useState({ email: '', name: '', password: '', again: '' });
    const [tried, setTried] = useState(false);
    const setup = kind === 'setup', words = setup ? t.setup : t.invitation;
    const field = (name: keyof typeof form) => ({ value: form[name], onInput: (e: { currentTarget: HTMLInputElement }) => set({ ...form, [name]: e.currentTarget.value }) });
    const wrong = {
        email: setup && !/^[^@\s]+@[^@\s]+$/.test(form.email.trim()) ? t.setup.badEmail : undefined,
        password: isShort(form.password) ? t.setup.short : undefined,
        again: form.password !== form.again ? t.setup.differ : undefined,
    };
    const submit = async (e: Event): Promise<void> => {
        e.preventDefault();
        setTried(true);
        if (Object.values(wrong).some(Boolean)) return;
        await action.run(async () => {
            const body = { token: hash, password: form.password, language, ...(form.name.trim() ? { name: form.name.trim() } : {}), ...(setup ? { email: form.email.trim() } : {}) };
            const session = await call<Session>('POST', `/api/v1/${kind}`, body, { quiet: true });
            navigate('/', { replace: true });
            adopt(session);
        });
    };
    if (!hash)
        return <Gate title={words.title}><Notice icon="warn" title={t.setup.badLink} text={words.badLinkText}><a class="button" href="/login">{t.setup.toLogin}</a></Notice></Gate>;
    const say = (r: Refusal): string | undefined => ([401, 403, 404, 409, 410].includes(r.status) || r.of('token') ? words.used : undefined);
    return (
        <Gate title={words.title}>
            <p class="muted">{words.text}</p>
            <form class="stack" onSubmit={e => void submit(e)} noValidate>
                {setup && <Field label={t.login.email} error={(tried ? wrong.email : undefined) ?? action.refusal?.of('email')}>{ids => <input {...ids} type="email" name="email" autoComplete="username" autoFocus required {...field('email')} />}</Field>}
                <Field label={`${t.setup.name} (${t.common.optional})`} error={action.refusal?.of('name')}>{ids => <input {...ids} type="text" name="name" autoComplete="name" {...field('name')} />}</Field>
                <Field label={t.setup.password} hint={t.setup.passwordHint} error={(tried ? wrong.password : undefined) ?? action.refusal?.of('password')}>{ids => <input {...ids} type="password" name="password" autoComplete="new-password" required {...field('password')} />}</Field>
                <Field label={t.setup.passwordAgain} error={tried ? wrong.again : undefined}>{ids => <input {...ids} type="password" name="again" autoComplete="new-password" required {...field('again')} />}</Field>
                <Refused refusal={action.refusal} fields={['email', 'name', 'password']} say={say} />
                <Button type="submit" kind="primary" busy={action.busy}>{words.submit}</Button>
                {action.refusal && say(action.refusal) && <a href="/login">{t.setup.toLogin}</a>}
            </form>
        </Gate>
    );
}

export const Setup = () => <Welcome kind="setup" />;
export const Invitation = () => <Welcome kind="invitation" />;
