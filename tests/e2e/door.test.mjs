// Strangers at the door of the API: they fill what they can, from one address or from many, and nobody who has a key waits for them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { caFile, certs } from './lib/certs.mjs';
import { crowd } from './lib/crowd.mjs';
import { createKey, dataDir, startNode, until } from './lib/node.mjs';

const PLACES = 120;
const STRANGERS = 400; // far more than there are places
const noKey = `tdk_${'A'.repeat(43)}`;
const slow = (path, fields) => `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}Content-Length: 4000\r\n\r\n{`;
const events = '/api/v1/channels/2000000001/events';
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0';

const ways = {
    'silence': '',
    'half a head': 'POST /api/v1/session HTTP/1.1\r\nHost: a\r\nX-',
    'bodies that never come, under a key that nobody knows': slow(events, `Authorization: Bearer ${noKey}\r\n`),
    'bodies that never come, under no key': slow(events, ''),
    'bodies that never come, under a session that nobody knows': slow(events, `Cookie: todoke_session=${'A'.repeat(43)}\r\n`),
    'bodies that never come, under a token that nobody knows': slow('/v2/bot/channel/webhook/test', `Authorization: Bearer ${'A'.repeat(43)}\r\n`),
    'log-ins that never end': slow('/api/v1/session', 'Content-Type: application/json\r\n'),
    'requests that nobody needs a key for': 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n',
    'a client hello cut short': Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
    'an HTTP/2 preface and nothing else': preface,
    'a preface cut short': preface.slice(0, 12),
};

// The same inside of TLS, where there is more to leave unfinished. Node has no half of a handshake: the first flight of one is taken down.
const inside = {
    'a handshake and nothing else': '',
    'half a head inside of TLS': ways['half a head'],
    'log-ins that never end, inside of TLS': ways['log-ins that never end'],
    'an HTTP/2 preface inside of TLS': preface,
};

async function clientHello() {
    const ears = net.createServer().listen(0, '127.0.0.1');
    await once(ears, 'listening');
    const client = tls.connect({ port: ears.address().port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => {});
    const [heard] = await once(ears, 'connection');
    const [hello] = await once(heard, 'data');
    heard.destroy();
    client.destroy();
    ears.close();
    return hello;
}

// One call on a connection of its own, or of agent.
async function post(node, channel, agent) {
    const { request } = node.url.startsWith('https') ? https : http;
    const body = JSON.stringify({ events: [{ type: 'x' }] });
    const req = request(`${node.url}/api/v1/channels/${channel}/events`, {
        method: 'POST', agent: agent ?? false, ca: readFileSync(caFile),
        headers: { authorization: `Bearer ${node.key}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    req.end(body);
    const [res] = await once(req, 'response');
    const reused = req.reusedSocket;
    res.resume();
    await once(res, 'end');
    return { status: res.statusCode, reused };
}

async function makeChannel(node) {
    const { request } = node.url.startsWith('https') ? https : http;
    const req = request(`${node.url}/api/v1/channels`, {
        method: 'POST', agent: false, ca: readFileSync(caFile), headers: { authorization: `Bearer ${node.key}`, 'content-type': 'application/json' },
    });
    req.end('{"name":"bot","webhookUrl":"https://127.0.0.1:9/"}');
    const [res] = await once(req, 'response');
    let text = '';
    for await (const piece of res) text += piece;
    assert.equal(res.statusCode, 201, text);
    return JSON.parse(text).channelId;
}

for (const scheme of ['http', 'https']) {
    describe(`a node full of strangers, ${scheme}`, () => {
        let node, channel, port;
        before(async () => {
            node = await startNode({ args: ['--connections', String(PLACES), ...(scheme === 'https' ? ['--tls-cert', certs.good.certFile, '--tls-key', certs.good.keyFile] : [])] });
            port = Number(new URL(node.url).port);
            channel = await makeChannel(node);
        });
        after(async () => { await node.stop(); });

        const toTls = ['silence', 'half a head', 'a client hello cut short']; // to TLS the others are one
        const all = scheme === 'http' ? ways : { ...Object.fromEntries(toTls.map(name => [name, ways[name]])), 'a client hello': null, ...inside };
        for (const name of Object.keys(all)) {
            for (const many of [false, true])
                it(`serves publishers: ${name}, ${many ? 'from many addresses' : 'from one'}`, async () => {
                    const { Agent } = scheme === 'https' ? https : http;
                    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
                    await post(node, channel, agent);
                    const secure = scheme === 'https' && name in inside;
                    const say = name === 'a client hello' ? await clientHello() : all[name];
                    const strangers = crowd(port, say, { many, secure, alpn: say === preface ? 'h2' : undefined, size: secure ? PLACES : STRANGERS });
                    try {
                        await strangers.full;
                        for (let i = 0; i < 30; i++) {
                            const began = performance.now();
                            assert.equal((await post(node, channel)).status, 202);
                            const ms = performance.now() - began;
                            assert.ok(ms < 3000, `a newcomer waited ${ms} ms`); // a busy machine; a quiet one: some ms
                            const kept = await post(node, channel, agent);
                            assert.deepEqual(kept, { status: 202, reused: true }, 'an open connection was dropped');
                        }
                    } finally {
                        await strangers.end();
                        agent.destroy();
                    }
                });
        }
    });
}

describe('a node among strangers that send much', () => {
    let node, channel;
    before(async () => { node = await startNode(); channel = await node.channel({ webhookUrl: 'https://127.0.0.1:9/' }); });
    after(async () => { await node.stop(); });

    const resident = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${node.child.pid}/status`, 'utf8'))[1]) / 1024;

    // The answer to a body of a megabyte, or what else became of it.
    const upload = headers => new Promise(resolve => {
        const req = http.request(`${node.url}/api/v1/channels/${channel.channelId}/events`, { method: 'POST', agent: false, headers: { 'content-length': 1 << 20, ...headers } });
        req.on('response', res => { let text = ''; res.on('data', d => (text += d)).on('end', () => resolve({ status: res.statusCode, connection: res.headers.connection, text })); });
        req.on('error', e => resolve({ error: e.code }));
        req.on('continue', () => resolve({ error: '100' }));
        req.end(Buffer.alloc(1 << 20, 'x'));
    });

    for (const [name, headers] of [['a key', { authorization: `Bearer ${noKey}` }], ['a session', { cookie: `todoke_session=${'A'.repeat(43)}` }], ['nothing', {}]])
        it(`keeps nothing of 550 bodies of 1 MB under ${name} that is known, and tells each of them`, async () => {
            const was = resident();
            let most = was;
            const watch = setInterval(() => { most = Math.max(most, resident()); }, 5);
            const answers = await Promise.all(Array.from({ length: 550 }, () => upload(headers)));
            clearInterval(watch);
            for (const a of answers) assert.deepEqual([a.status, a.connection], [401, 'close'], JSON.stringify(a));
            assert.ok(most - was < 60, `${most - was} MB more`); // 550 connections and what the kernel's buffers let in
        });

    it('asks nobody for a body who may not send it', async () => {
        const r = await upload({ authorization: `Bearer ${noKey}`, expect: '100-continue' });
        assert.deepEqual([r.status, r.error], [401, undefined]);
    });

    it('keeps nothing of HTTP/2 bodies either', async () => {
        const was = resident();
        let most = was;
        const watch = setInterval(() => { most = Math.max(most, resident()); }, 5);
        const sessions = Array.from({ length: 20 }, () => http2.connect(node.url, { maxSessionMemory: 100 }).on('error', () => {})); // its own limit counts bodies that wait
        const answers = await Promise.all(sessions.flatMap(s => Array.from({ length: 30 }, () => new Promise(resolve => {
            const r = s.request({ ':method': 'POST', ':path': `/api/v1/channels/${channel.channelId}/events`, authorization: `Bearer ${noKey}` });
            r.on('response', h => resolve(h[':status'])).on('error', e => resolve(e.code)).on('close', () => resolve('closed')).resume();
            r.end(Buffer.alloc(1 << 20, 'x'));
        }))));
        clearInterval(watch);
        for (const s of sessions) s.destroy();
        assert.deepEqual([...new Set(answers)], [401]);
        assert.ok(most - was < 60, `${most - was} MB more`);
    });

    it('takes a large body under a key that is a moment old', async () => {
        const key = createKey(node.data, 'ingest');
        const text = 'x'.repeat(500_000);
        assert.equal((await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events: [{ type: 'x', text }] }, { key })).status, 202);
    });
});

it('a stranger has little time, and a regular as much as before', async () => {
    const node = await startNode();
    try {
        const port = Number(new URL(node.url).port);
        const began = performance.now();
        const ended = await Promise.all(['', ways['half a head'], ways['log-ins that never end'], preface].map(async say => {
            const s = net.connect(port, '127.0.0.1').on('error', () => {}).resume();
            s.write(say);
            await once(s, 'close');
            return performance.now() - began;
        }));
        for (const ms of ended) assert.ok(ms > 4000 && ms < 9000, `${ms} ms`);
    } finally {
        await node.stop();
    }
});

it('says who holds the places', async () => {
    const data = dataDir();
    const node = await startNode({ data, args: ['--connections', '40', '--loops', '1'] });
    const strangers = crowd(Number(new URL(node.url).port), '', { size: 200 });
    try {
        await strangers.full;
        await until(async () => await node.metric('todoke_api_connections_displaced_total') > 100);
        const held = await node.metric('todoke_api_strangers_open');
        assert.ok(held > 0 && held <= 21, `${held}`); // half: there are few places
    } finally {
        await strangers.end();
        await node.stop();
        rmSync(data, { recursive: true, force: true });
    }
});
