// What the browser remembers: the language before log-in, light or dark. Storage may be forbidden: then nothing is remembered.
import { useEffect, useState } from 'preact/hooks';
import type { Language } from './types';

export type Theme = 'auto' | 'light' | 'dark';

export function remembered(name: string): string | null {
    try {
        return localStorage.getItem(`todoke-${name}`);
    } catch {
        return null;
    }
}

export function remember(name: string, value: string): void {
    try {
        localStorage.setItem(`todoke-${name}`, value);
    } catch {
        // forbidden
    }
}

const listeners = new Set<() => void>();

function firstLanguage(): Language {
    const kept = remembered('language');
    if (kept === 'en' || kept === 'ja') return kept;
    return navigator.languages.find(l => /^(en|ja)\b/.test(l))?.startsWith('ja') ? 'ja' : 'en';
}

let language = firstLanguage();
let theme: Theme = (['light', 'dark'] as const).find(t => t === remembered('theme')) ?? 'auto';

function apply(): void {
    document.documentElement.lang = language;
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
}
apply();

function changed(): void {
    apply();
    listeners.forEach(f => f());
}

export function setLanguage(to: Language): void {
    if (to === language) return;
    language = to;
    remember('language', to);
    changed();
}

export function setTheme(to: Theme): void {
    theme = to;
    remember('theme', to);
    changed();
}

export function usePreferences(): { language: Language; theme: Theme } {
    const [, again] = useState(0);
    useEffect(() => {
        const f = (): void => again(n => n + 1);
        listeners.add(f);
        return () => void listeners.delete(f);
    }, []);
    return { language, theme };
}

// Whether the page is dark now, for what is drawn and not styled.
export function useDark(): boolean {
    const preferences = usePreferences();
    const [system, set] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
    useEffect(() => {
        const query = matchMedia('(prefers-color-scheme: dark)');
        const f = (): void => set(query.matches);
        query.addEventListener('change', f);
        return () => query.removeEventListener('change', f);
    }, []);
    return preferences.theme === 'auto' ? system : preferences.theme === 'dark';
}
