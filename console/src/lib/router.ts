// The address bar is the state: a path, a query, a fragment. Plain links work as links; this only spares the reload.
import { useEffect, useState } from 'preact/hooks';

export interface Place {
    path: string;
    query: URLSearchParams;
    hash: string;
}

const read = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search), hash: location.hash.slice(1) });
const listeners = new Set<() => void>();
let here = read();

function arrive(): void {
    here = read();
    listeners.forEach(f => f());
}

export function navigate(to: string, { replace = false } = {}): void {
    const before = location.pathname;
    if (replace) history.replaceState(null, '', to);
    else history.pushState(null, '', to);
    arrive();
    if (location.pathname !== before) scrollTo(0, 0);
}

// Changes some members of the query and leaves the rest; null removes one.
export function setQuery(change: Record<string, string | null>, { replace = true } = {}): void {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(change)) {
        if (value === null || value === '') query.delete(name);
        else query.set(name, value);
    }
    const text = query.toString();
    navigate(location.pathname + (text ? `?${text}` : ''), { replace });
}

export function usePlace(): Place {
    const [place, set] = useState(here);
    useEffect(() => {
        const moved = (): void => set(here);
        listeners.add(moved);
        moved();
        return () => void listeners.delete(moved);
    }, []);
    return place;
}

export function startRouter(): void {
    addEventListener('popstate', arrive);
    document.addEventListener('click', e => {
        if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
        const link = (e.target as Element | null)?.closest?.('a');
        if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
        const to = link.pathname + link.search + link.hash;
        if (link.pathname.startsWith('/api/')) return;
        if (link.hash && link.pathname === location.pathname && link.search === location.search) return;
        e.preventDefault();
        navigate(to);
    });
}

// '/channels/:id/deliveries/:event' against a path: the named parts, or null.
export function match(pattern: string, path: string): Record<string, string> | null {
    const want = pattern.split('/'), have = path.replace(/\/+$/, '').split('/');
    if (want.length !== have.length) return null;
    const found: Record<string, string> = {};
    for (let i = 0; i < want.length; i++) {
        const w = want[i] as string, h = have[i] as string;
        if (w.startsWith(':')) {
            try {
                found[w.slice(1)] = decodeURIComponent(h);
            } catch {
                return null;
            }
        } else if (w !== h) return null;
    }
    return found;
}
