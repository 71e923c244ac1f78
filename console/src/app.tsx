// From an address to a page.
import { useEffect } from 'preact/hooks';
import { match, navigate, usePlace } from './lib/router';
import { openSession, useSession } from './lib/session';
import type { Account } from './lib/types';
import { useTexts } from './texts';
import { Button } from './ui/parts';
import { Boundary, Failure, Loading, Notice } from './ui/states';
import { Shell } from './ui/shell';
import { AccountPage } from './pages/account';
import { ChannelPage } from './pages/channel';
import { Channels } from './pages/channels';
import { Contact } from './pages/contact';
import { Invitation, LogIn, Setup } from './pages/gates';
import { OptionsPage } from './pages/options';
import { ProviderPage, Providers } from './pages/providers';
import { SystemPage } from './pages/system';

const CHANNEL_TABS = ['basic', 'messaging', 'deliveries', 'roles', 'audit'];

function NotFound() {
    const t = useTexts();
    return <div class="page"><Notice whole icon="search" title={t.errors.notFound} text={t.errors.notFoundText}><a class="button" href="/">{t.errors.toChannels}</a></Notice></div>;
}

// Addresses that stand for another one.
function moved(path: string): string | null {
    const m = match('/channels/:id', path);
    if (m) return `/channels/${m.id}/basic`;
    const s = match('/channels/:id/statistics', path);
    if (s) return `/channels/${s.id}/statistics/errors`;
    return ['/login', '/setup', '/invitation', '/channels'].includes(path.replace(/\/+$/, '')) ? '/' : null;
}

function Page({ account, path }: { account: Account; path: string }) {
    const to = moved(path);
    useEffect(() => {
        if (to) navigate(to, { replace: true });
    }, [to]);
    if (to) return null;
    let m: Record<string, string> | null;
    if (path === '/') return <Channels account={account} />;
    if ((m = match('/channels/:id/statistics/errors', path))) return <ChannelPage key={m.id} id={m.id as string} tab="statistics" account={account} />;
    if ((m = match('/channels/:id/deliveries/:event', path))) return <ChannelPage key={m.id} id={m.id as string} tab="deliveries" event={m.event} account={account} />;
    if ((m = match('/channels/:id/:tab', path)) && CHANNEL_TABS.includes(m.tab as string)) return <ChannelPage key={m.id} id={m.id as string} tab={m.tab as string} account={account} />;
    if (match('/providers', path)) return <Providers account={account} />;
    if ((m = match('/providers/:id', path))) return <ProviderPage key={m.id} id={m.id as string} tab="" account={account} />;
    if ((m = match('/providers/:id/:tab', path)) && ['roles', 'options', 'settings'].includes(m.tab as string)) return <ProviderPage key={m.id} id={m.id as string} tab={m.tab as string} account={account} />;
    if (match('/options', path) && account.operator) return <OptionsPage />;
    if (match('/system', path)) return <SystemPage tab="" account={account} />;
    if ((m = match('/system/:tab', path)) && ['outbox', 'audit', 'accounts'].includes(m.tab as string)) return <SystemPage tab={m.tab as string} account={account} />;
    if (match('/account', path)) return <AccountPage account={account} />;
    return <NotFound />;
}

export function App() {
    const t = useTexts();
    const { path } = usePlace();
    const session = useSession();
    useEffect(() => void openSession(), []);
    const crashed = (again: () => void) => <div class="page"><Notice whole icon="warn" title={t.errors.crashed} text={t.errors.crashedText} role="alert"><Button onClick={again}>{t.errors.reload}</Button></Notice></div>;

    if (match('/contact', path)) return <Contact />;
    if (session.is !== 'in' && match('/setup', path)) return <Setup />;
    if (session.is !== 'in' && match('/invitation', path)) return <Invitation />;
    if (session.is === 'loading') return <main class="page"><Loading lines={6} /></main>;
    if (session.is === 'failed') return <main class="page"><Failure whole refusal={session.refusal} retry={() => void openSession()} /></main>;
    if (session.is === 'none') return <LogIn expired={session.expired} />;
    return <Shell account={session.account}><Boundary of={path} shown={crashed}><Page account={session.account} path={path} /></Boundary></Shell>;
}
