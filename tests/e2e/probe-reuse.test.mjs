// Several requests on one pool: when a connection is used again, when it is thrown away, and when a retry nobody sees is right.
import assert from 'node:assert/strict';
import { MAX_ID, answer, data, goaway, h2, head, ping, rstStream, settings, windowUpdate } from './lib/h2.mjs';
import { dispatch, goaway as gone, ok, sessionClosed, status, streamClosed, timeout } from './lib/names.mjs';
import { haproxy, nghttpd, nginx } from './lib/peers.mjs';
import { h1, h1s, sleep } from './lib/raw.mjs';
import { reused, suite } from './lib/suite.mjs';

const okay = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const closing = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const conns = n => (_, p) => assert.equal(p.conns.length, n, 'connections');
const fresh = ok(200, { reused: false, retries: 0 });
const again = ok(200, { reused: true, retries: 0 });
const noPhases = ([, l]) => { assert.equal(l.timings.connect_us, 0); assert.equal(l.timings.tls_us, 0); assert.equal(l.timings.dns_us, 0); };
const both = (lines, p) => { reused(false, true)(lines, p); noPhases(lines); };

suite('HTTP/1', [
    { name: 'kept and used again', peer: h1(okay), flags: { count: 2 }, want: ok(), verify: both },
    { name: 'kept and used again, TLS', peer: h1s(okay), flags: { count: 2 }, want: ok(), verify: both },
    { name: 'ten requests', peer: h1s(okay), flags: { count: 10 }, want: ok(), verify: conns(1) },
    { name: 'with pauses', peer: h1s(okay), flags: { count: 3, interval: 200 }, want: ok(), verify: conns(1) },
    { name: 'after a 500', peer: h1s('HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops'), flags: { count: 2 }, want: status(500), verify: reused(false, true) },
    { name: 'after a chunked answer', peer: h1s('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'), flags: { count: 2 }, want: ok(), verify: reused(false, true) },
    { name: 'after a 204', peer: h1s('HTTP/1.1 204 No Content\r\n\r\n'), flags: { count: 2 }, want: ok(204), verify: reused(false, true) },
    { name: 'after a 100', peer: h1s('HTTP/1.1 100 Continue\r\n\r\n' + okay), flags: { count: 2 }, want: ok(), verify: reused(false, true) },
    { name: 'HTTP/1.0 with keep-alive', peer: h1('HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n'), flags: { count: 2 }, want: ok() },
    { name: 'HTTP/1.0 without is not kept', peer: h1('HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'), flags: { count: 2 }, want: fresh, verify: conns(2) },
    { name: 'Connection: close is obeyed, even if it stays open', peer: h1s(closing), flags: { count: 2 }, want: fresh, verify: conns(2) },
    { name: 'Connection: CLOSE among other words', peer: h1s(closing.replace('close', 'foo, CLOSE')), flags: { count: 2 }, want: fresh, verify: conns(2) },
    { name: 'a body until close', peer: h1s(async c => { await c.write('HTTP/1.1 200 OK\r\n\r\nbody'); c.closeNotify(); }), flags: { count: 2 }, want: fresh, verify: conns(2) },
    { name: 'never after a time-out', peer: h1s(async (c, n) => { if (c.index) await c.write(okay); }), flags: { count: 2, 'response-timeout': 1000 }, want: [timeout('response_silent'), fresh], verify: conns(2) },
    { name: 'never after a broken answer', peer: h1s(async c => { await c.write(c.index ? okay : 'noise noise\r\n\r\n'); }), flags: { count: 2 }, want: [dispatch(), fresh], verify: conns(2) },
    { name: 'never after 101', peer: h1(async c => { await c.write(c.index ? okay : 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'); }), flags: { count: 2 }, want: [status(101), fresh], verify: conns(2) },
    // What came after the answer was whole is of no use, and neither is the connection: the second request must not be answered by it.
    { name: 'a second answer in the same flight is not ours', peer: h1s(async c => { await c.write(c.index ? okay : okay + 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n'); }), flags: { count: 2 }, want: fresh, verify: conns(2) },
    { name: 'noise after an answer', peer: h1s(async c => { await c.write(c.index ? okay : okay + 'noise'); }), flags: { count: 2 }, want: fresh, verify: conns(2) },
    { name: 'an unsolicited 408 on an idle connection', peer: h1s(async c => { await c.write(okay); if (!c.index) { await sleep(50); await c.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'); } }), flags: { count: 2, interval: 700 }, want: fresh, verify: conns(2) },
    { name: 'an unsolicited 408 and FIN, without TLS', peer: h1(async c => { await c.write(okay); if (!c.index) { await sleep(50); await c.write('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n'); c.fin(); } }), flags: { count: 2, interval: 700 }, want: fresh, verify: conns(2) },
    { name: 'an idle close', peer: h1s(async c => { await c.write(okay); if (!c.index) { await sleep(50); c.closeNotify(); } }), flags: { count: 2, interval: 700 }, want: ok(), verify: conns(2) },
    { name: 'an idle FIN without close_notify', peer: h1s(async c => { await c.write(okay); if (!c.index) { await sleep(50); c.fin(); } }), flags: { count: 2, interval: 700 }, want: ok(), verify: conns(2) },
    { name: 'an idle RST', peer: h1s(async c => { await c.write(okay); if (!c.index) { await sleep(50); c.rst(); } }), flags: { count: 2, interval: 700 }, want: ok(), verify: conns(2) },
    { name: 'an idle FIN, without TLS', peer: h1(async c => { await c.write(okay); if (!c.index) { await sleep(50); c.fin(); } }), flags: { count: 2, interval: 700 }, want: ok(), verify: conns(2) },
    { name: 'an idle close after every answer', peer: h1s(async c => { await c.write(okay); await sleep(30); c.fin(); }), flags: { count: 4, interval: 700 }, want: ok(), verify: conns(4) },
    { name: 'FIN in the same flight as the answer', peer: h1s(async c => { await c.write(okay); c.fin(); }), flags: { count: 3, interval: 700 }, want: ok() },
    { name: 'nginx keepalive_timeout 1', peer: () => nginx('listen 127.0.0.1:PORT ssl; keepalive_timeout 1s; location / { return 200; }'), flags: { count: 2, interval: 1500 }, want: fresh },
    { name: 'nginx keepalive_requests 2', peer: () => nginx('listen 127.0.0.1:PORT ssl; keepalive_requests 2; location / { return 200; }'), flags: { count: 4 }, want: ok(), verify: reused(false, true, false, true) },
    { name: 'Keep-Alive: timeout=1 is obeyed', peer: h1s(okay.replace('\r\n\r\n', '\r\nKeep-Alive: timeout=1, max=100\r\n\r\n')), flags: { count: 2, interval: 1300 }, want: fresh, verify: conns(2) },
    { name: 'idle for more than four seconds', peer: h1s(okay), flags: { count: 2, interval: 4500 }, want: fresh, verify: conns(2) },
    // The race of keep-alive: the request was Sent when the close came. Redelivery's business, never a silent retry.
    { name: 'closed on the second request', peer: h1s(async (c, n) => { if (n === 0) await c.write(okay); else c.fin(); }), flags: { count: 2 }, want: [fresh, sessionClosed('h1_closed_before_head', { reused: true, retries: 0 })], verify: (_, p) => { assert.equal(p.conns.length, 1); assert.equal(p.requests.length, 2); } },
    { name: 'reset on the second request', peer: h1s(async (c, n) => { if (n === 0) await c.write(okay); else c.rst(); }), flags: { count: 2 }, want: [fresh, sessionClosed('h1_reset_before_head', { reused: true, retries: 0 })], verify: (_, p) => assert.equal(p.requests.length, 2) },
    { name: 'silence on the second request', peer: h1(async (c, n) => { if (n === 0) await c.write(okay); }), flags: { count: 2, 'response-timeout': 1000 }, want: [fresh, timeout('response_silent', { reused: true })] },
    { name: 'haproxy in front of a bot', peer: async () => {
        const bot = await h1(okay)();
        const front = await haproxy(`    mode http\n    default_backend b\nbackend b\n    mode http\n    server s 127.0.0.1:${bot.port}`, { scheme: 'http' });
        return { ...front, close: () => Promise.all([front.close(), bot.close()]) };
    }, flags: { count: 3 }, want: ok(), verify: reused(false, true, true) },
]);

suite('HTTP/2', [
    { name: 'one session for all', peer: h2((c, id) => c.write(answer(id))), flags: { count: 5 }, want: ok(), verify: (lines, p) => { reused(false, true, true, true, true)(lines, p); assert.deepEqual(p.requests, [1, 3, 5, 7, 9]); noPhases(lines); } },
    { name: 'nghttpd', peer: () => nghttpd(), flags: { count: 5 }, want: ok(), verify: reused(false, true, true, true, true) },
    { name: 'nginx keepalive_requests 3', peer: () => nginx('listen 127.0.0.1:PORT ssl http2; keepalive_requests 3; location / { return 200; }'), flags: { count: 10 }, want: ok() },
    { name: 'a stream reset leaves the session', peer: h2((c, id, n) => c.write(n === 0 ? rstStream(id, 2) : answer(id))), flags: { count: 2 }, want: [streamClosed('h2_rst_internal_error'), again], verify: conns(1) },
    { name: 'a drained session is not used again', peer: h2(async (c, id) => { await c.write(Buffer.concat([answer(id), goaway(MAX_ID)])); }), flags: { count: 3, interval: 100 }, want: fresh, verify: conns(3) },
    { name: 'a drain before the answer', peer: h2(async (c, id) => { await c.write(Buffer.concat([goaway(MAX_ID), answer(id)])); }), flags: { count: 3 }, want: fresh, verify: conns(3) },
    { name: 'a drain while idle', peer: h2(async (c, id) => { await c.write(answer(id)); await sleep(50); await c.write(goaway(MAX_ID)); }), flags: { count: 2, interval: 700 }, want: fresh, verify: conns(2) },
    { name: 'a GOAWAY and close while idle', peer: h2(async (c, id) => { await c.write(answer(id)); await sleep(50); await c.write(goaway(id)); c.fin(); }), flags: { count: 2, interval: 700 }, want: ok(), verify: conns(2) },
    { name: 'a close while idle', peer: h2(async (c, id) => { await c.write(answer(id)); await sleep(50); c.fin(); }), flags: { count: 2, interval: 700 }, want: ok(), verify: conns(2) },
    { name: 'a reset while idle', peer: h2(async (c, id) => { await c.write(answer(id)); await sleep(50); c.rst(); }), flags: { count: 2, interval: 700 }, want: ok(), verify: conns(2) },
    { name: 'PINGs while idle', peer: h2(async (c, id) => { await c.write(answer(id)); for (let i = 0; i < 5; i++) { await sleep(30); await c.write(ping()); } }), flags: { count: 2, interval: 700 }, want: ok(), verify: conns(1) },
    { name: 'new SETTINGS while idle', peer: h2(async (c, id) => { await c.write(Buffer.concat([answer(id), settings([4, 5])])); await sleep(50); await c.write(settings([4, 70000])); }), flags: { count: 2, interval: 700 }, want: ok(), verify: conns(1) },
    // The answer to a request we gave up comes at last: it belongs to nobody and hurts nobody.
    { name: 'a late answer to a cancelled stream', flags: { count: 2, 'response-timeout': 1000 }, want: [timeout('response_silent'), again], verify: conns(1),
        peer: h2(async (c, id, n) => { if (n === 1) await c.write(Buffer.concat([head(1), data(1, 'late', true), answer(id)])); }) },
    { name: 'frames of a stream that is over', peer: h2((c, id, n) => c.write(n === 0 ? answer(id) : Buffer.concat([windowUpdate(1, 10), rstStream(1, 0), answer(id)]))), flags: { count: 2 }, want: [fresh, again], verify: conns(1) },
    // The window of the connection is given back whatever became of the streams.
    { name: 'twenty bodies of 400 KiB', peer: h2((c, id) => c.write(Buffer.concat([head(id), ...Array.from({ length: 25 }, (_, i) => data(id, 'a'.repeat(16384), i === 24))]))), flags: { count: 20 }, want: ok(), verify: conns(1) },
    { name: 'bodies over the cap, then a small one', peer: h2((c, id, n, f, p) => c.write(p.requests.length > 4 ? answer(id) : Buffer.concat([head(id), ...Array.from({ length: 70 }, (_, i) => data(id, 'a'.repeat(16384), i === 69))]))), flags: { count: 5 },
        want: [...Array(4).fill(dispatch('body_too_large', { processed: 'yes' })), ok()] },
    { name: 'half bodies that time out, then a small one', peer: h2((c, id, n) => c.write(n > 2 ? answer(id) : Buffer.concat([head(id), ...Array.from({ length: 20 }, () => data(id, 'a'.repeat(16384)))]))), flags: { count: 4, 'response-timeout': 1000 },
        want: [...Array(3).fill(timeout('response_body_stalled', { processed: 'yes' })), again], verify: conns(1) },
    { name: 'the second request is below a GOAWAY', peer: h2((c, id, n) => c.write(n === 0 ? answer(id) : goaway(1))), flags: { count: 2 }, want: [fresh, ok(200, { retries: 1 })], verify: conns(2) },
    { name: 'closed on the second request', peer: h2(async (c, id, n) => { if (n === 0) await c.write(answer(id)); else c.fin(); }), flags: { count: 2 }, want: [fresh, sessionClosed('h2_closed', { retries: 0 })], verify: (_, p) => assert.equal(p.requests.length, 2) },
    { name: 'the second request refused on every connection', peer: h2((c, id, n, f, p) => c.write(p.requests.length === 1 ? answer(id) : rstStream(id, 7))), flags: { count: 2 }, want: [fresh, streamClosed('h2_rst_refused', { processed: 'no', retries: 2 })] },
    { name: 'the second below a GOAWAY on every connection', peer: h2((c, id, n, f, p) => c.write(p.requests.length === 1 ? answer(id) : goaway(Math.max(0, id - 2)))), flags: { count: 2 }, want: [fresh, gone('h2_goaway_below', { retries: 2 })] },
]);
