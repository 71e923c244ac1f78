// What a page shows comes from a path of the API. What was shown stays until the next answer is there, so that nothing flashes or jumps.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { asRefusal, call, type Refusal } from './api';

export interface Loaded<T> {
    data: T | undefined;
    refusal: Refusal | undefined;
    loading: boolean;
    stale: boolean; // data is that of the path before
    reload: () => Promise<void>;
    set: (data: T) => void;
}

interface Held<T> {
    path: string | null;
    data?: T;
    refusal?: Refusal;
}

// every: milliseconds between refreshes while the page is visible. keep: another path's data stays until the new one is there. version: read anew when it
// is another one.
export function useLoad<T>(path: string | null, { every = 0, keep = false, version = 0 }: { every?: number; keep?: boolean; version?: number } = {}): Loaded<T> {
    const [held, hold] = useState<Held<T>>({ path: null });
    const [loading, setLoading] = useState(path !== null);
    const running = useRef<AbortController | null>(null);

    const run = useCallback(async (): Promise<void> => {
        running.current?.abort();
        if (path === null) return;
        const mine = new AbortController();
        running.current = mine;
        setLoading(true);
        try {
            const data = await call<T>('GET', path, undefined, { signal: mine.signal });
            if (running.current === mine) hold({ path, data });
        } catch (e) {
            if (running.current !== mine || (e as Error).name === 'AbortError') return;
            // A refresh that fails leaves what is shown; the next one may succeed.
            hold(h => (h.path === path && h.data !== undefined && asRefusal(e).status === 0 ? h : { path, refusal: asRefusal(e) }));
        }
        if (running.current === mine) setLoading(false);
    }, [path]);

    useEffect(() => {
        void run();
        return () => running.current?.abort();
    }, [run, version]);

    useEffect(() => {
        if (!every) return undefined;
        const timer = setInterval(() => {
            if (document.visibilityState === 'visible') void run();
        }, every);
        return () => clearInterval(timer);
    }, [run, every]);

    const current = held.path === path || keep ? held : { path: null };
    return {
        data: current.data, refusal: held.path === path ? held.refusal : undefined, loading, stale: held.path !== path, reload: run,
        set: data => hold({ path, data }),
    };
}

export interface Pages<T> {
    rows: T[] | undefined;
    refusal: Refusal | undefined;
    loading: boolean;
    more: (() => void) | null;
    reload: () => Promise<void>;
    update: (change: (rows: T[]) => T[]) => void;
}

// A list by cursor: pages are added at the end. member: the answer's member that holds the rows.
export function usePages<T>(path: string | null, member: string): Pages<T> {
    const [held, hold] = useState<{ path: string | null; rows?: T[]; cursor?: string; refusal?: Refusal }>({ path: null });
    const [loading, setLoading] = useState(path !== null);
    const running = useRef<AbortController | null>(null);

    const fetchPage = useCallback(async (cursor?: string): Promise<void> => {
        running.current?.abort();
        if (path === null) return;
        const mine = new AbortController();
        running.current = mine;
        setLoading(true);
        try {
            const url = cursor === undefined ? path : `${path}${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`;
            const answer = await call<Record<string, unknown>>('GET', url, undefined, { signal: mine.signal });
            const rows = (answer[member] ?? []) as T[], next = answer.cursor as string | undefined;
            if (running.current === mine) hold(h => ({ path, rows: cursor === undefined ? rows : [...(h.rows ?? []), ...rows], cursor: next }));
        } catch (e) {
            if (running.current !== mine || (e as Error).name === 'AbortError') return;
            hold(h => (h.path === path && h.rows ? { ...h, refusal: asRefusal(e) } : { path, refusal: asRefusal(e) }));
        }
        if (running.current === mine) setLoading(false);
    }, [path, member]);

    useEffect(() => {
        void fetchPage();
        return () => running.current?.abort();
    }, [fetchPage]);

    const current = held.path === path ? held : { path: null };
    const next = current.cursor;
    return {
        rows: current.rows, refusal: current.refusal, loading,
        more: next === undefined ? null : () => void fetchPage(next),
        reload: () => fetchPage(),
        update: change => hold(h => (h.rows ? { ...h, rows: change(h.rows) } : h)),
    };
}
