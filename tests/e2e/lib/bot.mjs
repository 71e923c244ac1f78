// A bot server for a test: keeps what it was sent, byte for byte, and answers as it is told.
import http from 'node:http';
import http2 from 'node:http2';
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);

// answer(request, n) → status, or { status, headers, body }, or a promise of either; request has headers, raw, body, events. tls: { cert, key }:
// https, by HTTP/2 or 1.1 as the client likes.
export async function startBot(answer = () => 200, tls) {
    const requests = [], open = new Set();
    const listener = (req, res) => {
        const chunks = [];
        req.on('data', d => chunks.push(d));
        req.on('end', async () => {
            const raw = Buffer.concat(chunks);
            const body = JSON.parse(raw.toString('utf8'));
            const request = { method: req.method, path: req.url, headers: req.headers, rawHeaders: req.rawHeaders, raw, body, events: body.events };
            requests.push(request);
            const a = await bot.answer(request, requests.length);
            const { status, headers = {}, body: text = 'ok' } = typeof a === 'object' ? a : { status: a };
            res.writeHead(status, headers).end(text);
        });
    };
    const server = tls ? http2.createSecureServer({ cert: tls.cert, key: tls.key, allowHTTP1: true }, listener) : http.createServer(listener);
    for (const kind of ['connection', 'secureConnection']) server.on(kind, c => { open.add(c); c.on('close', () => open.delete(c)); });
    await new Promise(r => server.listen(0, '127.0.0.1', r));
    const bot = {
        url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}/webhook`,
        requests, answer,
        certificate: pair => server.setSecureContext(pair), // another one from now on
        events: () => requests.flatMap(r => r.events),
        ids: () => requests.flatMap(r => r.events.map(e => e.webhookEventId)),
        close: () => new Promise(r => { for (const c of open) c.destroy(); server.close(r); }),
    };
    return bot;
}

// The official SDK's own middleware as the judge: resolves with the parsed body or throws what it throws.
export async function lineAccepts(secret, request) {
    const { middleware } = require('@line/bot-sdk');
    const req = { headers: request.headers, header: n => request.headers[n], body: request.raw };
    await new Promise((resolve, reject) => middleware({ channelSecret: secret })(req, {}, e => (e ? reject(e) : resolve())));
    return req.body;
}

// The Standard Webhooks library as the judge.
export function standardAccepts(secret, request) {
    const { Webhook } = require('standardwebhooks');
    return new Webhook(`whsec_${Buffer.from(secret).toString('base64')}`).verify(request.raw.toString('utf8'), request.headers);
}
