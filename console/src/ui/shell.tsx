// The frame around every page: the mark, where one can go, who one is.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { usePlace } from '../lib/router';
import { setLanguage, setTheme, usePreferences, type Theme } from '../lib/preferences';
import { changeAccount, logOut } from '../lib/session';
import type { Account, Language } from '../lib/types';
import { useTexts } from '../texts';
import { Icon, Logo } from './icons';
import { Toasts } from './toast';

export function Preferences({ account }: { account?: Account }) {
    const t = useTexts();
    const { language, theme } = usePreferences();
    const id = useId();
    const speak = (to: Language): void => {
        setLanguage(to);
        if (account) void changeAccount({ language: to }).catch(() => {}); // the page speaks it all the same
    };
    return (
        <div class="preferences">
            <label for={`${id}-language`}>{t.nav.language}</label>
            <select id={`${id}-language`} value={language} onChange={e => speak(e.currentTarget.value as Language)}>
                <option value="en" lang="en" selected={language === 'en'}>English</option>
                <option value="ja" lang="ja" selected={language === 'ja'}>日本語</option>
            </select>
            <label for={`${id}-theme`}>{t.nav.theme}</label>
            <select id={`${id}-theme`} value={theme} onChange={e => setTheme(e.currentTarget.value as Theme)}>
                {(['auto', 'light', 'dark'] as const).map(x => <option key={x} value={x} selected={theme === x}>{t.nav[x]}</option>)}
            </select>
        </div>
    );
}

function AccountMenu({ account }: { account: Account }) {
    const t = useTexts();
    const { path } = usePlace();
    const ref = useRef<HTMLDetailsElement>(null);
    useEffect(() => {
        if (ref.current) ref.current.open = false;
    }, [path]);
    useEffect(() => {
        const away = (e: Event): void => {
            const menu = ref.current;
            if (!menu?.open || (e.type !== 'keydown' && menu.contains(e.target as Node))) return;
            if (e.type === 'keydown' && (e as KeyboardEvent).key !== 'Escape') return;
            menu.open = false;
            if (e.type === 'keydown') menu.querySelector('summary')?.focus();
        };
        document.addEventListener('pointerdown', away);
        document.addEventListener('keydown', away);
        return () => {
            document.removeEventListener('pointerdown', away);
            document.removeEventListener('keydown', away);
        };
    }, []);
    return (
        <details class="menu" ref={ref}>
            <summary><Icon name="person" /><span class="menu-name">{account.name || account.email}</span><Icon name="down" size={12} /></summary>
            <div class="menu-box">
                <p class="menu-who"><strong>{account.name || account.email}</strong><span>{account.email}</span>{account.operator && <span class="tag">{t.nav.operator}</span>}</p>
                <Preferences account={account} />
                <a href="/account">{t.nav.account}</a>
                <button type="button" onClick={() => void logOut()}>{t.nav.logOut}</button>
            </div>
        </details>
    );
}

export function Shell({ account, children }: { account: Account; children: ComponentChildren }) {
    const t = useTexts();
    const { path } = usePlace();
    const main = useRef<HTMLElement>(null);
    const first = useRef(true);
    useEffect(() => {
        if (first.current) first.current = false;
        else (main.current?.querySelector('h1') ?? main.current)?.focus({ preventScroll: true });
    }, [path.split('/').slice(0, 4).join('/')]);
    const links: [string, string, boolean][] = [
        ['/', t.nav.channels, path === '/' || path.startsWith('/channels')],
        ['/providers', t.nav.providers, path.startsWith('/providers')],
        ...(account.operator ? [['/options', t.nav.options, path === '/options'], ['/system', t.nav.system, path.startsWith('/system')]] as [string, string, boolean][] : []),
    ];
    return (
        <>
            <a class="skip" href="#main" onClick={e => { e.preventDefault(); main.current?.focus(); }}>{t.common.skip}</a>
            <header class="top">
                <a class="brand" href="/" aria-label={`todoke: ${t.nav.channels}`}><Logo /><span>todoke</span></a>
                <nav class="top-nav" aria-label={t.nav.main}>
                    {links.map(([to, text, on]) => <a key={to} href={to} aria-current={on ? 'page' : undefined}>{text}</a>)}
                </nav>
                <AccountMenu account={account} />
            </header>
            <main id="main" ref={main} tabIndex={-1}>{children}</main>
            <Toasts />
        </>
    );
}

// For the pages before log-in: one box in the middle.
export function Gate({ title, children }: { title: string; children: ComponentChildren }) {
    const t = useTexts();
    useEffect(() => {
        document.title = `${title} – todoke`;
    }, [title]);
    return (
        <div class="gate">
            <main class="gate-box">
                <p class="gate-brand"><Logo /><span>todoke</span></p>
                <h1>{title}</h1>
                {children}
            </main>
            <footer class="gate-foot"><p class="muted">{t.login.tagline}</p><Preferences /></footer>
            <Toasts />
        </div>
    );
}
