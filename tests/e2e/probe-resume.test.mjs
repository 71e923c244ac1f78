// TLS resumptions that a server ends: one full handshake at once, without the ticket, and none is offered for a while.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import https from 'node:https';
import http2 from 'node:http2';
import net from 'node:net';
import { after, describe, it } from 'node:test';
import { caFile, certs } from './lib/certs.mjs';
import { connectClosed, negotiation, ok, sessionClosed, tlsFailure } from './lib/names.mjs';
import { startNode } from './lib/node.mjs';
import { nginx } from './lib/peers.mjs';
import { alert, close, h1s, sleep } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

const v12 = { maxVersion: 'TLSv1.2' }, v13 = { minVersion: 'TLSv1.3' };
const versions = [['TLS 1.2', v12], ['TLS 1.3', v13]];

/* ---- what a ClientHello or ServerHello says, read from the bytes of its record ---- */

const PSK = 41, TICKET = 35;

function hello(record) {
    let at = 5 + 4 + 2 + 32; // record and handshake header, version, random
    const vector = n => { const len = record.readUIntBE(at, n), body = record.subarray(at + n, at + n + len); at += n + len; return body; };
    const isClient = record[5] === 1;
    const sessionId = vector(1).toString('hex');
    if (!isClient) return { sessionId };
    vector(2);
    vector(1);
    const extensions = new Map(), all = vector(2);
    for (let i = 0; i < all.length; i += 4 + all.readUInt16BE(i + 2)) extensions.set(all.readUInt16BE(i), all.readUInt16BE(i + 2));
    return { sessionId, offers: extensions.has(PSK) || (extensions.get(TICKET) ?? 0) > 0 };
}

const whole = b => b.length >= 5 && b.length >= 5 + b.readUInt16BE(3);

/* In front of a server: lets full handshakes through and gives those that offer a resumption to end(client, inner, hello bytes). always: a
 * connection of its number is ended whatever it offers. */
async function gate(start, end, { every = () => false } = {}) {
    const inner = await start();
    const innerPort = Number(new URL(inner.url).port);
    const front = { ...inner, conns: 0, offered: 0, ids: new Set() };
    const open = new Set();
    const server = net.createServer({ noDelay: true, allowHalfOpen: true }, client => {
        const n = front.conns++;
        open.add(client);
        client.on('error', () => {});
        client.on('close', () => open.delete(client));
        let head = Buffer.alloc(0);
        client.on('data', function first(d) {
            head = Buffer.concat([head, d]);
            if (!whole(head)) return;
            client.off('data', first);
            client.pause();
            const said = hello(head);
            const resumes = said.offers || front.ids.has(said.sessionId);
            front.offered += resumes;
            const pass = instead => { // instead(bytes): of the server's first answer
                const back = net.connect({ port: innerPort, host: '127.0.0.1', noDelay: true });
                back.on('error', () => client.destroy());
                client.on('close', () => back.destroy());
                back.once('data', b => { if (b[0] === 22) front.ids.add(hello(b).sessionId); });
                back.write(head);
                client.pipe(back);
                if (instead) back.once('data', instead);
                else back.pipe(client);
            };
            if (resumes || every(n)) end(client, pass, n);
            else pass();
        });
    });
    await new Promise(r => server.listen(0, '127.0.0.1', r));
    front.url = `https://127.0.0.1:${server.address().port}/webhook`;
    front.close = async () => {
        open.forEach(c => c.destroy());
        await close(server);
        await inner.close();
    };
    return front;
}

/* A Node server; reused(socket) is called with every connection whose session was resumed, once its handshake is over. request(req, server) may answer false:
 * then it is nobody's to answer. */
const nodeHttps = (secure, reused, request = () => true) => async () => {
    const server = https.createServer({ cert: certs.good.cert, key: certs.good.key, ...secure }, (q, r) => {
        q.resume();
        if (request(q, server)) r.writeHead(200, { connection: 'close' }).end();
    });
    return listening(server, reused);
};
// A GOAWAY with each answer, so that the next request needs another connection.
const nodeHttp2 = (secure, reused) => async () => {
    const server = http2.createSecureServer({ cert: certs.good.cert, key: certs.good.key, ...secure });
    server.on('stream', s => { s.on('error', () => {}); s.session.close(); s.respond({ ':status': 200 }, { endStream: true }); });
    server.on('sessionError', () => {});
    return listening(server, reused);
};
async function listening(server, reused) {
    const peer = { resumed: 0, requests: 0 };
    const open = new Set();
    server.prependListener('secureConnection', s => {
        open.add(s);
        s.on('error', () => {});
        s.on('close', () => open.delete(s));
        if (s.isSessionReused()) {
            peer.resumed++;
            reused?.(s);
        }
    });
    server.on('tlsClientError', () => {});
    await new Promise(r => server.listen(0, '127.0.0.1', r));
    peer.url = `https://127.0.0.1:${server.address().port}/webhook`;
    peer.close = () => { open.forEach(s => s.destroy()); return close(server); };
    return peer;
}
const oldNginx = (...lines) => () => nginx(`listen 127.0.0.1:PORT ssl; keepalive_timeout 0; ${lines.join(' ')} location / { return 200; }`);

const ends = {
    FIN: c => c.end(),
    RST: c => c.resetAndDestroy(),
    'RST after 100 ms': async c => { await sleep(100); c.resetAndDestroy(); },
    'a warning and FIN': c => c.end(alert(1, 90)),
    ...Object.fromEntries([10, 20, 40, 47, 50, 51, 70, 80, 109, 115].map(n => [`alert ${n}`, c => c.end(alert(2, n))])),
    'alert 40 and RST': c => c.write(alert(2, 40), () => setTimeout(() => c.resetAndDestroy(), 20)),
    'alert 80 and no FIN': c => c.write(alert(2, 80)),
    // The server goes on with it at first.
    'RST instead of its ServerHello': (c, pass) => pass(() => c.resetAndDestroy()),
    'FIN instead of its ServerHello': (c, pass) => pass(() => c.end()),
    'a ServerHello cut short': (c, pass) => pass(b => c.end(b.subarray(0, 30))),
    'a spoilt flight': (c, pass) => pass(b => { b[b.length - 1] ^= 0xff; c.write(b); }),
};
// Of n connections the second offers what the first was given; nobody is offered it again.
const oneRefused = (lines, p) => {
    assert.deepEqual(lines.map(l => l.retries), lines.map((_, i) => (i === 1 ? 1 : 0)));
    assert.equal(p.offered ?? p.resumed, 1, 'resumptions offered');
    assert.ok(lines.every(l => !l.resumed), 'resumed');
    if (p.conns) assert.equal(p.conns, lines.length + 1, 'connections');
};
const inRow = (name, peer, more = {}) => ({ name, peer, flags: { count: 4 }, want: ok(200, { reused: false }), verify: oneRefused, ...more });

suite('a resumption is ended at the ClientHello', versions.flatMap(([v, secure]) => Object.entries(ends).flatMap(([end, act]) => [
    inRow(`${v}, HTTP/1.1: ${end}`, () => gate(nodeHttps(secure), act)),
    inRow(`${v}, HTTP/2: ${end}`, () => gate(nodeHttp2(secure), act)),
])).concat([
    inRow('twenty in a row: alert', () => gate(nodeHttps({}), ends['alert 40']), { flags: { count: 20 } }),
    inRow('twenty in a row: RST', () => gate(nodeHttp2({}), ends.RST), { flags: { count: 20 } }),
    // By the session's id, which the server keeps; and real servers behind it.
    inRow('TLS 1.2, session ids: RST', () => gate(oldNginx('ssl_protocols TLSv1.2;', 'ssl_session_tickets off;', 'ssl_session_cache builtin;'), ends.RST)),
    inRow('TLS 1.2, session ids: alert', () => gate(oldNginx('ssl_protocols TLSv1.2;', 'ssl_session_tickets off;', 'ssl_session_cache builtin;'), ends['alert 80'])),
    inRow('TLS 1.3, nginx: RST', () => gate(oldNginx('ssl_protocols TLSv1.3;'), ends.RST)),
]));

// The handshake is over, for us at least, and then the server sees that it was a resumption. Nothing has been sent yet.
suite('a resumption is ended after the handshake', versions.flatMap(([v, secure]) => [['HTTP/1.1', nodeHttps], ['HTTP/2', nodeHttp2]].flatMap(([http, server]) => [
    inRow(`${v}, ${http}: destroyed`, server(secure, s => s.destroy())),
    inRow(`${v}, ${http}: reset`, server(secure, s => s._parent ? s._parent.resetAndDestroy() : s.resetAndDestroy())),
    inRow(`${v}, ${http}: close_notify and FIN`, server(secure, s => s.end())),
    inRow(`${v}, ${http}: twenty in a row`, server(secure, s => s.destroy()), { flags: { count: 20 } }),
])), { concurrency: 4 });

// An alert of TLS 1.3 before a word of the server says that it did not take our handshake, although the request went out with it.
const spoil = async c => { c.engine.push(Buffer.from([23, 3, 3, 0, 20, ...Buffer.alloc(20)])); await c.hold(); };
const closing = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const spoiled = secure => h1s(async (c, n, q, p) => {
    if (c.stream.isSessionReused()) { p.resumed = (p.resumed ?? 0) + 1; return spoil(c); }
    await c.write(closing);
    c.closeNotify();
}, { tls: { secure } });
suite('a fatal alert with the request sent', [
    { name: 'TLS 1.3', peer: spoiled(v13), flags: { count: 3 }, want: ok(), verify: (lines, p) => oneRefused(lines, { resumed: p.resumed }) },
    { name: 'TLS 1.2', peer: spoiled(v12), flags: { count: 3 }, want: [ok(), sessionClosed('tls_alert_after_request'), ok()], verify: lines => assert.ok(lines.every(l => l.retries === 0)) },
]);

const works = verify => (lines, p) => { assert.ok(lines.every(l => l.retries === 0)); verify(lines, p); };
suite('what is no refused resumption', [
    ...versions.flatMap(([v, secure]) => [['HTTP/1.1', nodeHttps], ['HTTP/2', nodeHttp2]].map(([http, server]) => ({
        // A ticket of TLS 1.3 is used once.
        name: `${v}, ${http}: one that works is gone on with`, peer: server(secure), flags: { count: 5 }, want: ok(), verify: works((lines, p) => assert.equal(p.resumed, secure === v12 ? 4 : 2)),
    }))),
    // A ticket that the server does not know (it was restarted, say): it shakes hands in full by itself.
    ...versions.map(([v, secure]) => ({
        name: `${v}: declined`, flags: { count: 4 }, want: ok(), peer: nodeHttps(secure, undefined, (_, server) => server.setTicketKeys(randomBytes(48)) ?? true), verify: works((lines, p) => assert.equal(p.resumed, 0)),
    })),
    // Silence is the clock's, and one is enough: the next ones shake hands in full.
    { name: 'silence', peer: () => gate(nodeHttps({}), () => {}), flags: { count: 4, 'session-timeout': 4000 }, want: [ok(), negotiation('tls_stall', { retries: 0 }), ok(), ok()], verify: (_, p) => assert.equal(p.offered, 1) },
    // More than half of the session's limit is gone: no time for another.
    { name: 'RST in the second half of the limit', peer: () => gate(nodeHttps({}), async c => { await sleep(3500); c.resetAndDestroy(); }), flags: { count: 3, 'session-timeout': 6000 },
        want: [ok(), connectClosed('tls_reset'), ok()], verify: lines => assert.ok(lines.every(l => l.retries === 0)) },
    // It ends every handshake by now: what the full one met is told.
    { name: 'the server is broken altogether', peer: () => gate(nodeHttps({}), ends['alert 80'], { every: n => n > 0 }), flags: { count: 3 }, want: [ok(), tlsFailure('tls_alert_internal_error'), tlsFailure('tls_alert_internal_error')],
        verify: (lines, p) => { assert.deepEqual(lines.map(l => l.retries), [0, 1, 0]); assert.equal(p.conns, 4); } },
    { name: 'the server speaks no TLS any more', peer: () => gate(nodeHttps({}), c => c.end('HTTP/1.1 400 Bad Request\r\n\r\n'), { every: n => n > 0 }), flags: { count: 2 }, want: [ok(), { reason: 'could_not_connect', detail: 'No SSL/TLS record' }],
        verify: lines => assert.deepEqual(lines.map(l => l.retries), [0, 0]) },
    // The request had gone out when the connection was ended: whoever knows whether it was handled, we do not.
    ...versions.map(([v, secure]) => ({
        name: `${v}: a resumption that works, then one that is ended with the request read`, flags: { count: 6 }, verify: works((_, p) => assert.equal(p.resumed, 2)),
        want: [0, 1, 2, 3, 4, 5].map(n => (n === (secure === v12 ? 2 : 3) ? sessionClosed('h1_closed_before_head') : ok())),
        peer: () => { let n = 0; return nodeHttps(secure, undefined, q => !q.socket.isSessionReused() || ++n === 1 || q.socket.destroy() === true)(); },
    })),
]);

const event = i => ({ type: 'follow', source: { type: 'user', userId: `U${String(i).padStart(32, '0')}` } });

// Through a node: many at once, and one after the other.
describe('a node', () => {
    const stops = [];
    after(async () => { for (const stop of stops.reverse()) await stop(); });
    for (const [v, secure] of versions) for (const [http, server] of [['HTTP/1.1', nodeHttps], ['HTTP/2', nodeHttp2]]) {
        it(`delivers every event at the first attempt: ${v}, ${http}`, { timeout: 60_000 }, async () => {
            const peer = await gate(server(secure), ends['alert 80']);
            stops.push(() => peer.close());
            const node = await startNode({ args: ['--ca', caFile] });
            stops.push(() => node.stop());
            const channel = await node.channel({ webhookUrl: peer.url, useWebhook: true, maxEventsPerRequest: 1 });
            for (let i = 0; i < 20; i++) {
                const [id] = await node.post(channel, [event(i)]);
                const e = await node.reaches(channel, id, 'delivered');
                assert.equal(e.attempts.length, 1, JSON.stringify(e));
            }
            assert.equal(peer.offered, 1);
            if (server === nodeHttp2) return; // its GOAWAYs would end many at once
            const ids = await node.post(channel, Array.from({ length: 60 }, (_, i) => event(i)));
            for (const id of ids) assert.equal((await node.reaches(channel, id, 'delivered')).attempts.length, 1);
        });
    }
});
