// A list that stays current without jumping: rows that are shown are brought up to date where they stand; what is new is only counted, and shown when asked for.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call } from './api';
import type { Pages } from './load';

const PAUSE = 2000, POLL = 10_000;

export interface Refresh {
    fresh: number;    // rows at the top that are not shown yet
    soon: () => void; // something has changed
}

// path: the list's first page; also: another path that tells the present state of rows which a filter no longer lists.
export function useRefresh<T>(path: string, member: string, key: (row: T) => string, list: Pages<T>, { insert = false, also }: { insert?: boolean; also?: string } = {}): Refresh {
    const [fresh, setFresh] = useState(0);
    const now = useRef(list);
    now.current = list;
    const last = useRef(0);
    const timer = useRef<ReturnType<typeof setTimeout> | undefined>();
    const running = useRef(false);

    const refresh = useCallback(async (): Promise<void> => {
        timer.current = undefined;
        if (running.current || document.visibilityState !== 'visible' || !now.current.rows) return;
        running.current = true;
        last.current = Date.now();
        try {
            const answers = await Promise.all([path, ...(also ? [also] : [])].map(p => call<Record<string, T[]>>('GET', p)));
            const listed = answers[0]?.[member] ?? [], known = new Map(answers.flatMap(a => a[member] ?? []).map(r => [key(r), r]));
            const shown = new Set((now.current.rows ?? []).map(key));
            const added = listed.findIndex(r => shown.has(key(r)));
            if (insert && !shown.size && listed.length) void now.current.reload();
            else {
                setFresh(insert ? (added < 0 ? listed.length : added) : 0);
                now.current.update(rows => rows.map(r => known.get(key(r)) ?? r));
            }
        } catch {
            // the next one may succeed
        }
        running.current = false;
    }, [path, also, member]);

    const soon = useCallback((): void => {
        timer.current ??= setTimeout(() => void refresh(), Math.max(0, last.current + PAUSE - Date.now()));
    }, [refresh]);

    useEffect(() => {
        setFresh(0);
        const poll = setInterval(() => {
            if (Date.now() - last.current >= POLL) soon();
        }, POLL);
        return () => {
            clearInterval(poll);
            clearTimeout(timer.current);
            timer.current = undefined;
        };
    }, [soon]);
    return { fresh, soon };
}
