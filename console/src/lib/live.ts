// Server-sent events while the page is visible. The browser reconnects by itself; when the server refuses, we stop and the page keeps what it has.
import { useEffect, useRef, useState } from 'preact/hooks';

export function useLive<T>(path: string | null, event: string, then: (data: T) => void): 'on' | 'waiting' | 'off' {
    const [state, set] = useState<'on' | 'waiting' | 'off'>('off');
    const latest = useRef(then);
    latest.current = then;
    useEffect(() => {
        if (path === null) return undefined;
        let source: EventSource | null = null;
        let again: ReturnType<typeof setTimeout> | undefined;
        const open = (): void => {
            if (source || document.visibilityState !== 'visible') return;
            source = new EventSource(path);
            source.onopen = () => set('on');
            source.onerror = () => {
                set('waiting');
                if (source?.readyState !== EventSource.CLOSED) return;
                source = null; // refused, or a proxy in between: once more, later
                again = setTimeout(open, 15_000);
            };
            source.addEventListener(event, e => {
                try {
                    latest.current(JSON.parse((e as MessageEvent<string>).data) as T);
                } catch {
                    // not for us
                }
            });
        };
        const close = (): void => {
            clearTimeout(again);
            source?.close();
            source = null;
        };
        const turned = (): void => (document.visibilityState === 'visible' ? open() : close());
        open();
        document.addEventListener('visibilitychange', turned);
        addEventListener('pagehide', close);
        return () => {
            document.removeEventListener('visibilitychange', turned);
            removeEventListener('pagehide', close);
            close();
        };
    }, [path, event]);
    return state;
}

// The same over a POST, which EventSource cannot do: each event of the answer's stream to `then`.
export async function readStream(r: Response, then: (event: string, data: string) => void): Promise<void> {
    const reader = r.body?.getReader();
    if (!reader) return;
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
        const { value, done } = await reader.read();
        text += decoder.decode(value, { stream: !done }).replace(/\r\n?/g, '\n');
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
            const lines = text.slice(0, end).split('\n');
            text = text.slice(end + 2);
            let event = 'message', data = '';
            for (const line of lines) {
                if (line.startsWith('event:')) event = line.slice(6).trim();
                else if (line.startsWith('data:')) data += (data ? '\n' : '') + line.slice(5).replace(/^ /, '');
            }
            if (data) then(event, data);
        }
        if (done) return;
    }
}
