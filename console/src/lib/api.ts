// One way to the API. A refusal is an error with what the server said; the session's end is told to whoever listens.
export interface Detail {
    message: string;
    property: string;
}

export class Refusal extends Error {
    constructor(readonly status: number, message: string, readonly details: Detail[] = [], readonly retryAfter = 0) {
        super(message);
    }
    // What the server says about one member of what was sent.
    of(property: string): string | undefined {
        return this.details.find(d => d.property === property)?.message;
    }
}

let csrf = '';
let ended: () => void = () => {};
let renew: () => Promise<void> = async () => {};

export const setCsrf = (token: string): void => void (csrf = token);
export const onSessionEnd = (then: () => void): void => void (ended = then);
export const onStaleToken = (then: () => Promise<void>): void => void (renew = then);

// Another tab may have logged in anew: then the session is another one, and our token is not its own. Asked for once.
export async function send(method: string, path: string, body?: unknown, init: RequestInit = {}): Promise<Response> {
    const before = csrf, r = await sendOnce(method, path, body, init);
    if (r.status !== 403 || method === 'GET' || !before) return r;
    await renew();
    return csrf === before ? r : sendOnce(method, path, body, init);
}

function sendOnce(method: string, path: string, body: unknown, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (body !== undefined) headers.set('content-type', 'application/json');
    if (method !== 'GET' && csrf) headers.set('x-csrf-token', csrf);
    return fetch(path, { ...init, method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: 'same-origin' });
}

// The refusal a response stands for.
export async function refusalOf(r: Response): Promise<Refusal> {
    let message = '', details: Detail[] = [];
    try {
        const said = (await r.json()) as { message?: unknown; details?: unknown };
        if (typeof said.message === 'string') message = said.message;
        if (Array.isArray(said.details)) details = said.details as Detail[];
    } catch {
        // no JSON: the status has to do
    }
    return new Refusal(r.status, message, details, Number(r.headers.get('retry-after')) || 0);
}

export async function callText(method: string, path: string, body?: unknown, { quiet = false, signal }: { quiet?: boolean; signal?: AbortSignal } = {}): Promise<string> {
    let r: Response;
    try {
        r = await send(method, path, body, { signal });
    } catch (e) {
        if ((e as Error).name === 'AbortError') throw e;
        throw new Refusal(0, '');
    }
    if (!r.ok) {
        const refusal = await refusalOf(r);
        if (r.status === 401 && !quiet) ended();
        throw refusal;
    }
    return r.text();
}

// quiet: a 401 is an answer here (log-in), not the end of the session.
export async function call<T>(method: string, path: string, body?: unknown, options: { quiet?: boolean; signal?: AbortSignal } = {}): Promise<T> {
    const text = await callText(method, path, body, options);
    return (text ? JSON.parse(text) : undefined) as T;
}

export const asRefusal = (e: unknown): Refusal => (e instanceof Refusal ? e : new Refusal(0, String((e as Error)?.message ?? e)));

export function withQuery(path: string, query: Record<string, string | number | null | undefined>): string {
    const q = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== null && value !== undefined && value !== '') q.set(name, String(value));
    const text = q.toString();
    return text ? `${path}?${text}` : path;
}
