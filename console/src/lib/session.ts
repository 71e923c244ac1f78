// Who is logged in. One object for the whole page; what a role may do is decided by the API, here it only steers what is shown.
import { useEffect, useState } from 'preact/hooks';
import { asRefusal, call, onSessionEnd, onStaleToken, type Refusal, setCsrf } from './api';
import { setLanguage } from './preferences';
import type { Account, Channel, Language, Provider, Session } from './types';

export type State = { is: 'loading' } | { is: 'none'; expired: boolean } | { is: 'in'; account: Account } | { is: 'failed'; refusal: Refusal };

let state: State = { is: 'loading' };
const listeners = new Set<() => void>();

function become(next: State): void {
    state = next;
    listeners.forEach(f => f());
}

export function useSession(): State {
    const [now, set] = useState(state);
    useEffect(() => {
        const changed = (): void => set(state);
        listeners.add(changed);
        changed();
        return () => void listeners.delete(changed);
    }, []);
    return now;
}

export function adopt(session: Session): void {
    setCsrf(session.csrfToken);
    setLanguage(session.account.language);
    become({ is: 'in', account: session.account });
}

export async function openSession(): Promise<void> {
    try {
        adopt(await call<Session>('GET', '/api/v1/session', undefined, { quiet: true }));
    } catch (e) {
        const refusal = asRefusal(e);
        become(refusal.status === 401 ? { is: 'none', expired: false } : { is: 'failed', refusal });
    }
}

onSessionEnd(() => {
    if (state.is === 'in') become({ is: 'none', expired: true });
});

onStaleToken(async () => {
    try {
        const session = await call<Session>('GET', '/api/v1/session');
        setCsrf(session.csrfToken);
    } catch {
        // the refusal stands
    }
});

export async function logIn(email: string, password: string): Promise<Session> {
    const session = await call<Session>('POST', '/api/v1/session', { email, password }, { quiet: true });
    adopt(session);
    return session;
}

export async function logOut(everywhere = false): Promise<void> {
    await call('DELETE', `/api/v1/session${everywhere ? '?everywhere=true' : ''}`);
    setCsrf('');
    become({ is: 'none', expired: false });
}

export async function changeAccount(change: { name?: string; language?: Language; currentPassword?: string; password?: string }): Promise<void> {
    const answer = await call<Session | undefined>('PATCH', '/api/v1/session', change);
    if (answer?.account) {
        if (answer.csrfToken) setCsrf(answer.csrfToken);
        become({ is: 'in', account: answer.account });
    } else await openSession();
}

export const refreshSession = openSession;

type Ranked = Pick<Channel, 'role'> | Pick<Provider, 'role'>;
const rank = { tester: 1, member: 2, admin: 3, operator: 4 } as const;
const reaches = (account: Account, of: Ranked, least: 1 | 2 | 3): boolean => account.operator || (of.role ? rank[of.role] : 0) >= least;
export const isMember = (account: Account, of: Ranked): boolean => reaches(account, of, 2);
export const isAdmin = (account: Account, of: Ranked): boolean => reaches(account, of, 3);
