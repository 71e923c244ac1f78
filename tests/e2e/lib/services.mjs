// Plain clients for the fake services of demo/services: one request, and all that can become of it.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

const LIMIT_MS = 20_000; // only a fault of the service runs into it

/* Sends a request over HTTP/1.1 on a connection of its own. Resolves to { status, headers, text, cut } or { error } (a code). */
export function request(url, { method = 'POST', headers, body, ca, limit = LIMIT_MS } = {}) {
    return new Promise(resolve => {
        const req = (url.startsWith('https') ? https : http).request(url, { method, headers, ca, agent: false, signal: AbortSignal.timeout(limit) }, res => {
            const parts = [];
            res.on('data', part => parts.push(part));
            res.on('error', () => {});
            res.on('close', () => resolve({ status: res.statusCode, headers: res.headers, text: Buffer.concat(parts).toString('utf8'), cut: !res.complete }));
        });
        req.on('error', failure => resolve({ error: failure.code ?? failure.name }));
        req.end(body);
    });
}

/* The same over HTTP/2. Resolves to { status, headers, text, rst (the stream's error code), goaway ([code, last stream] or
 * undefined), closed (whether the connection ended by itself) }. */
export function request2(url, { method = 'POST', headers, body, ca, limit = LIMIT_MS } = {}) {
    return new Promise(resolve => {
        const session = http2.connect(url, { ca });
        const { pathname, search } = new URL(url);
        const seen = { text: '' };
        let finished = false;
        session.on('error', failure => (seen.error = failure.code));
        session.on('goaway', (code, last) => (seen.goaway ??= [code, last]));
        const stream = session.request({ ':method': method, ':path': pathname + search, ...headers });
        const timer = setTimeout(() => (seen.timeout = true, stream.close(http2.constants.NGHTTP2_CANCEL)), limit);
        stream.setEncoding('utf8').on('data', part => (seen.text += part));
        stream.on('response', answer => Object.assign(seen, { status: answer[':status'], headers: answer }));
        stream.on('error', () => {});
        const end = () => {
            if (finished) return;
            finished = true;
            clearTimeout(timer);
            session.destroy();
            resolve(seen);
        };
        stream.on('close', () => {
            seen.rst = stream.rstCode;
            // What the service sends after the stream ended, a GOAWAY, comes in one of the next turns.
            if (seen.goaway || session.destroyed) end();
            else session.ping(() => end());
        });
        session.on('close', end);
        stream.end(body);
    });
}
