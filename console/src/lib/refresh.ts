// A list that stays current: rows that are shown are brought up to date where they stand, and what is new is only counted and shown when asked for, so
// that nothing is pushed away under the pointer. A row that a filter no longer matches leaves: a filter never shows what it does not name.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { call } from './api';
import type { Pages } from './load';

const PAUSE = 2000, POLL = 10_000;
const ROWS_MAX = 500; // of one answer

export interface Refresh {
    fresh: number;    // rows that belong among those shown and are not there yet
    soon: () => void; // something has changed
}

export interface Source {
    path: string;     // of the list, without limit and cursor
    limit: number;    // rows of a page
    newest?: boolean; // the list begins with the newest, and its keys grow with time: rows come and go
}

// The path of a list's first page.
export const firstPage = ({ path, limit }: Source): string => `${path}${path.includes('?') ? '&' : '?'}limit=${limit}`;

export interface Change<T> {
    rows: T[];
    fresh: number;
}

// What is to be shown after an answer of the list's first rows. whole: the answer has all rows there are. more: pages that are not shown yet. Keys grow
// with time. Rows below the answer's end are left alone: of them it says nothing.
export function changed<T>(shown: T[], listed: T[], key: (row: T) => string, { whole, more }: { whole: boolean; more: boolean }): Change<T> {
    const known = new Map(listed.map(r => [key(r), r])), have = new Set(shown.map(key));
    const end = whole ? '' : listed.length ? key(listed[listed.length - 1] as T) : null;
    const rows = shown.filter(r => known.has(key(r)) || end === null || key(r) < end).map(r => known.get(key(r)) ?? r);
    // What is older than the last row shown comes with the next page, where there is one.
    const last = shown.length ? key(shown[shown.length - 1] as T) : '';
    return { rows, fresh: listed.filter(r => !have.has(key(r)) && (!more || key(r) > last)).length };
}

export function useRefresh<T>({ path, limit, newest = false }: Source, member: string, key: (row: T) => string, list: Pages<T>): Refresh {
    const [fresh, setFresh] = useState(0);
    const now = useRef(list);
    now.current = list;
    const last = useRef(0);
    const timer = useRef<ReturnType<typeof setTimeout> | undefined>();
    const running = useRef(false);
    const asked = useRef(path);
    asked.current = path;

    const refresh = useCallback(async (): Promise<void> => {
        timer.current = undefined;
        if (running.current || document.visibilityState !== 'visible' || !now.current.rows) return;
        running.current = true;
        last.current = Date.now();
        try {
            const rows = Math.min(ROWS_MAX, Math.max(limit, now.current.rows.length));
            const answer = await call<Record<string, unknown>>('GET', firstPage({ path, limit: rows }));
            const listed = (answer[member] ?? []) as T[], shown = now.current.rows;
            if (asked.current !== path || !shown) {
                // another list by now
            } else if (!newest) {
                const known = new Map(listed.map(r => [key(r), r]));
                now.current.update(all => all.map(r => known.get(key(r)) ?? r));
            } else {
                const change = changed(shown, listed, key, { whole: answer.cursor === undefined, more: now.current.more !== null });
                if (!change.rows.length && listed.length) void now.current.reload();
                else now.current.update(() => change.rows);
                setFresh(change.rows.length ? change.fresh : 0);
            }
        } catch {
            // the next one may succeed
        }
        running.current = false;
    }, [path, limit, member, newest]);

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
