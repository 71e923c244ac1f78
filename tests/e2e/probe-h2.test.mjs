// HTTP/2 after our HEADERS: GOAWAY, RST_STREAM, closes, the clock, and every frame that breaks the protocol.
import assert from 'node:assert/strict';
import { ACK, END_HEADERS, END_STREAM, MAX_ID, PADDED, SETTING, T, answer, data, frame, goaway, h2, head, headers, hpack, ping, rstStream, says, settings, windowUpdate } from './lib/h2.mjs';
import { anyOf, dispatch, goaway as gone, ok, patience, sessionClosed, status, streamClosed, timeout } from './lib/names.mjs';
import { nghttpd, nginx, nodeServer } from './lib/peers.mjs';
import { sleep } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

const short = { 'response-timeout': 1000 };
const fin = c => c.fin(), rst = c => c.rst(), hold = () => {};
// After the request: these bytes, then that.
const row = (name, make, end, want, more) => ({
    name, want, flags: patience(want, short),
    peer: h2(async (c, id, n, f, p) => { await c.write(Buffer.concat([make(id, n, p)].flat())); await end(c, id, f); }), ...more,
});
const onTime = ([l]) => assert.ok(l.timings.total_us >= 995_000, `ended early: ${l.timings.total_us}`);
const yes = { processed: 'yes' };
// A head in HEADERS and n CONTINUATIONs of equal size.
const continued = (id, n) => {
    const block = hpack([[':status', '200'], ['x-long', 'v'.repeat(1000)]]), size = Math.ceil(block.length / (n + 1));
    const parts = Array.from({ length: n + 1 }, (_, i) => block.subarray(i * size, (i + 1) * size));
    return Buffer.concat(parts.map((b, i) => frame(i ? T.CONTINUATION : T.HEADERS, (i ? 0 : END_STREAM) | (i === n ? END_HEADERS : 0), id, b)));
};
const bytes = (...b) => Buffer.from(b);

suite('real servers', [
    { name: 'nginx', peer: () => nginx('listen 127.0.0.1:PORT ssl http2; return 200 ok;'), want: ok(), verify: ([l]) => assert.equal(String(l.http), '2') },
    { name: 'nginx return 444 resets the stream', peer: () => nginx('listen 127.0.0.1:PORT ssl http2; return 444;'), want: streamClosed() },
    { name: 'nginx 404', peer: () => nginx('listen 127.0.0.1:PORT ssl http2; return 404;'), want: status(404) },
    { name: 'nginx redirect', peer: () => nginx('listen 127.0.0.1:PORT ssl http2; return 301 https://127.0.0.1/;'), want: status(301, 'status_redirect') },
    { name: 'nginx keepalive_requests 2: drained, then a new connection', peer: () => nginx('listen 127.0.0.1:PORT ssl http2; keepalive_requests 2; location / { return 200; }'), flags: { count: 7 }, want: ok() },
    { name: 'nginx body limit', peer: () => nginx('listen 127.0.0.1:PORT ssl http2; client_max_body_size 1; location / { proxy_pass http://127.0.0.1:9; }'), want: status(413) },
    { name: 'nghttpd 404', peer: async () => { const p = await nghttpd(); return { ...p, url: p.url.replace('/webhook', '/none') }; }, want: status(404) },
    { name: 'nghttpd, early', peer: () => nghttpd('--early-response'), want: ok() },
    { name: 'nghttpd with trailers', peer: () => nghttpd('--trailer', 'x-sum: 1'), want: ok() },
    { name: 'nghttpd with a table of 0', peer: () => nghttpd('-c', '0', '--encoder-header-table-size=0'), want: ok() },
    ...[[2, 'h2_rst_internal_error'], [8, 'h2_rst_cancel'], [0, 'h2_rst_no_error'], [11, 'h2_rst_stream']].map(([code, cause]) =>
        ({ name: `Node stream.close(${code})`, peer: nodeServer({}, s => s.close(code)), want: anyOf(streamClosed(cause), ...(code ? [] : [dispatch()])) })),
    { name: 'Node stream.close(7)', peer: nodeServer({}, s => s.close(7)), want: streamClosed('h2_rst_refused', { processed: 'no', retries: 2 }) },
    { name: 'Node session.destroy()', peer: nodeServer({}, s => s.session.destroy()), want: anyOf(sessionClosed(['h2_closed', 'h2_reset', 'h2_goaway_then_closed']), gone()) },
    { name: 'Node session.goaway(), then an answer', peer: nodeServer({}, s => { s.session.goaway(0, s.id); s.respond({ ':status': 200 }, { endStream: true }); }), want: ok() },
    { name: 'Node session.goaway() and no answer', peer: nodeServer({}, s => { s.session.goaway(0); }), flags: short, want: timeout('response_silent') },
    // The trap: respond(), then close(2): the 200 with END_STREAM leaves first.
    { name: 'Node respond() and then close(2)', peer: nodeServer({}, s => { s.respond({ ':status': 200 }, { endStream: true }); s.close(2); }), want: ok() },
    { name: 'Node never answers', peer: nodeServer({}, () => {}), flags: short, want: timeout('response_silent') },
    { name: 'Node answers 100, then 200', peer: nodeServer({}, s => { s.additionalHeaders({ ':status': 100 }); s.respond({ ':status': 200 }, { endStream: true }); }), want: ok() },
]);

suite('whole answers', [
    row('200 in one frame', id => answer(id), hold, ok()),
    row('200 with a body', id => [head(id), data(id, 'ok', true)], hold, ok()),
    row('200 with an empty DATA at the end', id => [head(id), data(id, 'ok'), data(id, '', true)], hold, ok()),
    row('200 with a right content-length', id => [head(id, 200, { 'content-length': '2' }), data(id, 'ok', true)], hold, ok()),
    row('204', id => answer(id, 204), hold, ok(204)),
    row('204 with a content-length', id => answer(id, 204, { 'content-length': '5' }), hold, ok(204)),
    row('204 with a content-length and an empty DATA', id => [head(id, 204, { 'content-length': '5' }), data(id, '', true)], hold, ok(204)),
    row('204 with the content it announces', id => [head(id, 204, { 'content-length': '5' }), data(id, 'hello', true)], hold, ok(204)),
    row('205 with content', id => [head(id, 205, { 'content-length': '5' }), data(id, 'hello', true)], hold, ok(205)),
    row('103 with a content-length', id => [head(id, 103, { 'content-length': '5' }), answer(id)], hold, ok()),
    row('the same content-length twice', id => [frame(T.HEADERS, END_HEADERS, id, hpack([[':status', '200'], ['content-length', '5'], ['content-length', '5']])), data(id, 'hello', true)], hold, ok()),
    row('the same content-length twice in one field', id => [head(id, 200, { 'content-length': '5, 5' }), data(id, 'hello', true)], hold, ok()),
    row('blanks around values', id => [head(id, 200, { 'content-length': ' 5\t', server: ' bot ', 'x-empty': ' ' }), data(id, 'hello', true)], hold, ok()),
    row('trailers with a content-length', id => [head(id), data(id, 'ok'), headers(id, { 'content-length': '9' }, END_HEADERS | END_STREAM)], hold, ok()),
    ...[8, 9, 10, 50, 500].map(n => row(`a head in ${n} CONTINUATIONs`, id => continued(id, n), hold, ok())),
    { ...row('answers in ten CONTINUATIONs, one after the other', id => continued(id, 10), hold, ok(), { flags: { count: 20 } }), verify: (_, p) => assert.equal(p.conns.length, 1) },
    { name: 'a head in 20 CONTINUATIONs, byte by byte', peer: h2((c, id) => c.drip(continued(id, 20).subarray(0, 130), 0).then(() => c.write(continued(id, 20).subarray(130)))), want: ok() },
    row('100, then 200', id => [head(id, 100), answer(id)], hold, ok()),
    row('103, 102, then 204', id => [head(id, 103, { link: '</a>' }), head(id, 102), answer(id, 204)], hold, ok(204)),
    row('trailers', id => [head(id), data(id, 'ok'), headers(id, { 'x-sum': '1' }, END_HEADERS | END_STREAM)], hold, ok()),
    row('padding everywhere', id => [frame(T.HEADERS, END_HEADERS | PADDED, id, Buffer.concat([bytes(4), hpack([[':status', '200']]), Buffer.alloc(4)])), frame(T.DATA, END_STREAM | PADDED, id, Buffer.concat([bytes(3), Buffer.from('ok'), Buffer.alloc(3)]))], hold, ok()),
    row('a head over three frames', id => { const b = hpack([[':status', '200'], ['x-long', 'v'.repeat(500)]]); return [frame(T.HEADERS, END_STREAM, id, b.subarray(0, 10)), frame(T.CONTINUATION, 0, id, b.subarray(10, 200)), frame(T.CONTINUATION, END_HEADERS, id, b.subarray(200))]; }, hold, ok()),
    row('priority fields in HEADERS', id => frame(T.HEADERS, END_HEADERS | END_STREAM | 0x20, id, Buffer.concat([bytes(0, 0, 0, 0, 16), hpack([[':status', '200']])])), hold, ok()),
    row('PRIORITY frames', id => [frame(T.PRIORITY, 0, id, bytes(0, 0, 0, 0, 16)), frame(T.PRIORITY, 0, 999, bytes(0, 0, 0, 0, 16)), answer(id)], hold, ok()),
    row('unknown frames', id => [frame(0x42, 0xff, id, 'what'), frame(0xff, 0, 0, 'x'), frame(0x0a, 0, 0, 'x'), answer(id)], hold, ok()),
    row('unknown flags', id => frame(T.HEADERS, END_HEADERS | END_STREAM | 0xc2, id, hpack([[':status', '200']])), hold, ok()),
    row('PING and SETTINGS before the answer', id => [ping(), settings([SETTING.STREAMS, 50]), answer(id)], hold, ok()),
    row('a PING acknowledgement nobody asked for', id => [ping(ACK), answer(id)], hold, ok()),
    row('a body of 1 MiB', id => [head(id), ...Array.from({ length: 64 }, (_, i) => data(id, 'a'.repeat(16384), i === 63))], hold, ok()),
    row('many empty DATA frames', id => [head(id), ...Array.from({ length: 500 }, () => data(id)), data(id, '', true)], hold, anyOf(ok(), dispatch(undefined, yes))),
    row('byte by byte', () => [], (c, id) => c.drip(Buffer.concat([head(id), data(id, 'ok', true)]), 2), ok()),
    row('window opened for the connection', id => [windowUpdate(0, 100000), windowUpdate(id, 100000), answer(id)], hold, ok()),
    row('status 999', id => answer(id, 999), hold, status(999, 'status_unknown')),
    row('status 600', id => answer(id, 600), hold, status(600, 'status_unknown')),
    row('status 304 with a content-length', id => answer(id, 304, { 'content-length': '100' }), hold, status(304)),
    ...[429, 502, 504].map(n => row(`status ${n}`, id => answer(id, n), hold, status(n))),
    row('status 503 with retry-after', id => answer(id, 503, { 'retry-after': '10' }), hold, status(503)),
    row('status 500 with a body', id => [head(id, 500), data(id, 'trace', true)], hold, status(500)),
    row('connection-wide window of 0 for our body, opened later', id => answer(id), hold, ok(), { peer: h2((c, id) => c.write(answer(id)), { first: settings([SETTING.WINDOW, 0]), whole: false, open: async (c, f) => {
        await c.write(settings([SETTING.WINDOW, 0])); const h = await f.until(x => x.type === T.HEADERS); await sleep(200); await c.write(windowUpdate(h.stream, 1000)); await f.until(x => x.type === T.DATA && x.flags & END_STREAM); await c.write(answer(h.stream)); await c.hold();
    } }) }),
    row('the window opened by SETTINGS, one byte at a time', () => [], hold, ok(), { peer: h2(null, { open: async (c, f) => {
        await c.write(settings([SETTING.WINDOW, 0]));
        const h = await f.until(x => x.type === T.HEADERS);
        await c.write(settings([SETTING.WINDOW, 10]));
        for (let x; (x = await f.next()) !== null;) if (x.type === T.DATA) { if (x.flags & END_STREAM) break; await c.write(windowUpdate(h.stream, 10)); }
        await c.write(answer(h.stream));
        await c.hold();
    } }) }),
    { name: 'MAX_FRAME_SIZE at its smallest', peer: says(id => answer(id), { first: settings([SETTING.FRAME, 16384]) }), want: ok() },
    // A complete answer, though our body was never asked for.
    { name: 'early 413 with a window of 0', peer: says(id => answer(id, 413), { first: settings([SETTING.WINDOW, 0]), whole: false }), want: status(413) },
    { name: 'early 413, then RST_STREAM(NO_ERROR)', peer: says(id => [answer(id, 413), rstStream(id, 0)], { first: settings([SETTING.WINDOW, 0]), whole: false }), want: status(413) },
    { name: 'early 200 with a window of 0', peer: says(id => answer(id, 200), { first: settings([SETTING.WINDOW, 0]), whole: false }), want: ok() },
]);

suite('after END_STREAM, nothing else counts', [
    ...[0, 1, 2, 7, 8].map(code => row(`RST_STREAM(${code})`, id => [answer(id), rstStream(id, code)], hold, ok())),
    row('GOAWAY below us', id => [answer(id), goaway(0, 2)], hold, ok()),
    row('GOAWAY and FIN', id => [answer(id), goaway(id)], fin, ok()),
    row('FIN', id => answer(id), fin, ok()),
    row('RST', id => [head(id), data(id, 'ok', true)], rst, ok()),
    row('RST after a 500', id => answer(id, 500), rst, status(500)),
    row('a frame that breaks the protocol', id => [answer(id), data(0, 'x')], hold, ok()),
    row('noise', id => [answer(id), Buffer.alloc(100, 0xee)], hold, ok()),
]);

const below = (name, make, end = hold, more = {}) => row(name, make, end, gone('h2_goaway_below'), { verify: ([l], p) => { assert.equal(l.retries, 2); assert.equal(p.conns.length, 3, 'three connections in all'); }, ...more });
suite('GOAWAY', [
    ...[0, 1, 2, 3, 7, 8, 11, 13, 0xff].map(code => below(`below us, code ${code}`, () => goaway(0, code))),
    below('below us, with FIN in the same flight', () => goaway(0), fin),
    below('below us, with an error and FIN', () => goaway(0, 2, 'oops'), fin),
    below('below us, then RST', () => goaway(0), async c => { await sleep(30); c.rst(); }),
    below('a drain first, then below us', () => [goaway(MAX_ID), goaway(0)]),
    below('below us, twice', () => [goaway(0), goaway(0)]),
    below('below us, with RST_STREAM(REFUSED) too', id => [goaway(0), rstStream(id, 7)]),
    below('below us after 100', id => [head(id, 100), goaway(0)]),
    below('below us, 100 ms after the request', () => [], async c => { await sleep(100); await c.write(goaway(0)); }),
    row('below us once, then healthy', (id, n, p) => (p.conns.length === 1 ? goaway(0) : answer(id)), hold, ok(200, { retries: 1 }), { verify: (_, p) => assert.equal(p.conns.length, 2) }),
    row('below us twice, then healthy', (id, n, p) => (p.conns.length < 3 ? goaway(0) : answer(id)), hold, ok(200, { retries: 2 })),
    row('at us, then an answer', id => [goaway(id), answer(id)], hold, ok(200, { retries: 0 })),
    row('a drain, then an answer', id => [goaway(MAX_ID), answer(id)], hold, ok(200, { retries: 0 })),
    row('a drain, then at us, then an answer', id => [goaway(MAX_ID), goaway(id), answer(id)], hold, ok(200, { retries: 0 })),
    row('at us with an error code, then an answer', id => [goaway(id, 2), answer(id)], hold, ok(200, { retries: 0 })),
    row('at us, an answer 200 ms later', id => goaway(id), async (c, id) => { await sleep(200); await c.write(answer(id)); }, ok(200, { retries: 0 })),
    row('at us, an answer, FIN', id => [goaway(id), answer(id)], fin, ok()),
    row('at us, then FIN', id => goaway(id), fin, sessionClosed('h2_goaway_then_closed')),
    row('a drain, then FIN', () => goaway(MAX_ID), fin, sessionClosed('h2_goaway_then_closed')),
    row('at us with an error, then FIN', id => goaway(id, 1), fin, sessionClosed('h2_goaway_then_closed')),
    row('at us, then RST', id => goaway(id), rst, sessionClosed(['h2_goaway_then_closed', 'h2_reset'])),
    row('at us, half an answer, FIN', id => [goaway(id), head(id), data(id, 'x')], fin, sessionClosed('h2_goaway_then_closed')),
    // An answer begun belies it: no refusal, and no retry.
    ...[0, 2].map(code => row(`below us after the head, code ${code}`, id => [head(id), goaway(0, code)], hold, sessionClosed('h2_goaway_then_closed', { retries: 0 }), { verify: (_, p) => assert.equal(p.conns.length, 1) })),
    row('below us inside the body', id => [head(id), data(id, 'x'), goaway(0)], fin, sessionClosed('h2_goaway_then_closed', { retries: 0 })),
    row('at us, then silence', id => goaway(id), hold, timeout('response_silent'), { verify: onTime }),
    row('a drain, then silence', () => goaway(MAX_ID), hold, timeout('response_silent'), { verify: onTime }),
    row('at us, then RST_STREAM(2)', id => [goaway(id), rstStream(id, 2)], hold, streamClosed('h2_rst_internal_error')),
    row('of 4 bytes', () => frame(T.GOAWAY, 0, 0, Buffer.alloc(4)), hold, dispatch(['h2_frame_size', 'h2_protocol'])),
    row('on a stream', id => frame(T.GOAWAY, 0, id, Buffer.alloc(8)), hold, dispatch('h2_protocol')),
]);

const rstCause = { 0: 'h2_rst_no_error', 2: 'h2_rst_internal_error', 8: 'h2_rst_cancel' };
suite('RST_STREAM', [
    ...[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 0xffffffff].map(code =>
        row(`code ${code}`, id => rstStream(id, code), hold, streamClosed(rstCause[code] ?? 'h2_rst_stream', { retries: 0 }), { verify: (_, p) => assert.equal(p.requests.length, 1) })),
    ...[0, 2, 8].map(code => row(`code ${code} after the head`, id => [head(id), rstStream(id, code)], hold, streamClosed(rstCause[code], { processed: ['unknown', 'yes'] }))),
    ...[0, 2, 8].map(code => row(`code ${code} inside the body`, id => [head(id), data(id, 'x'), rstStream(id, code)], hold, streamClosed(rstCause[code], { processed: ['unknown', 'yes'] }))),
    row('code 2 after a 500 head', id => [head(id, 500), rstStream(id, 2)], hold, streamClosed('h2_rst_internal_error', { processed: ['unknown', 'yes'] })),
    row('code 8 after 100', id => [head(id, 100), rstStream(id, 8)], hold, streamClosed('h2_rst_cancel')),
    row('REFUSED_STREAM for ever', id => rstStream(id, 7), hold, streamClosed('h2_rst_refused', { processed: 'no', retries: 2 }), { verify: (_, p) => assert.equal(p.requests.length, 3) }),
    row('REFUSED_STREAM once', (id, n, p) => (p.requests.length === 1 ? rstStream(id, 7) : answer(id)), hold, ok(200, { retries: 1 })),
    row('REFUSED_STREAM twice', (id, n, p) => (p.requests.length < 3 ? rstStream(id, 7) : answer(id)), hold, ok(200, { retries: 2 })),
    row('REFUSED_STREAM, then a stream that is reset', (id, n, p) => rstStream(id, p.requests.length === 1 ? 7 : 2), hold, streamClosed('h2_rst_internal_error', { retries: 1, processed: 'unknown' })),
    row('with FIN in the same flight', id => rstStream(id, 2), fin, streamClosed('h2_rst_internal_error')),
    row('on a stream nobody opened', () => rstStream(77, 2), hold, dispatch('h2_protocol')),
    row('on stream 0', () => rstStream(0, 2), hold, dispatch('h2_protocol')),
    row('of 3 bytes', id => frame(T.RST_STREAM, 0, id, Buffer.alloc(3)), hold, dispatch(['h2_frame_size', 'h2_protocol'])),
    row('of 5 bytes', id => frame(T.RST_STREAM, 0, id, Buffer.alloc(5)), hold, dispatch(['h2_frame_size', 'h2_protocol'])),
]);

suite('the peer closes', [
    row('FIN instead of an answer', () => [], fin, sessionClosed('h2_closed')),
    row('close_notify instead of an answer', () => [], c => c.closeNotify(), sessionClosed('h2_closed')),
    row('RST instead of an answer', () => [], rst, sessionClosed('h2_reset')),
    row('FIN inside a frame header', () => bytes(0, 0, 5), fin, sessionClosed('h2_closed')),
    row('FIN inside HEADERS', id => head(id, 200, { a: 'b' }).subarray(0, 14), fin, sessionClosed('h2_closed')),
    row('FIN after the head', id => head(id), fin, sessionClosed('h2_closed')),
    row('FIN after the head of a 500', id => head(id, 500), fin, sessionClosed('h2_closed')),
    row('FIN inside the body', id => [head(id), data(id, 'abc')], fin, sessionClosed('h2_closed')),
    row('RST inside the body', id => [head(id), data(id, 'abc')], rst, sessionClosed()),
    row('FIN after 100', id => head(id, 100), fin, sessionClosed('h2_closed')),
    row('FIN between HEADERS and CONTINUATION', id => frame(T.HEADERS, 0, id, hpack([[':status', '200']])), fin, sessionClosed('h2_closed')),
    row('FIN 200 ms later', () => [], async c => { await sleep(200); c.fin(); }, sessionClosed('h2_closed')),
    { name: 'FIN before our body', peer: h2(fin, { first: settings([SETTING.WINDOW, 0]), whole: false }), want: sessionClosed('h2_closed') },
]);

const late = (name, make, end, want) => row(name, make, end, want, { flags: short, verify: onTime });
suite('the clock ends it', [
    late('silence', () => [], hold, timeout('response_silent')),
    late('PINGs all the time', () => [], async c => { while (!c.ended) { await c.write(ping()); await sleep(40); } }, timeout('response_silent')),
    late('100, then silence', id => head(id, 100), hold, timeout('response_only_interim')),
    late('a 103 every 50 ms', () => [], async (c, id) => { while (!c.ended) { await c.write(head(id, 103)); await sleep(50); } }, timeout('response_only_interim')),
    late('half a head', id => frame(T.HEADERS, END_STREAM, id, hpack([[':status', '200']])), hold, timeout()),
    late('a head, then silence', id => head(id), hold, timeout('response_body_stalled', yes)),
    late('half a body', id => [head(id), data(id, 'x')], hold, timeout('response_body_stalled', yes)),
    late('half a body of a 500', id => [head(id, 500), data(id, 'x')], hold, timeout('response_body_stalled', yes)),
    late('a body dripped', id => head(id), async (c, id) => { while (!c.ended) { await c.write(data(id, 'x')); await sleep(30); } }, timeout('response_body_stalled', yes)),
    late('empty DATA all the time', id => head(id), async (c, id) => { while (!c.ended) { await c.write(data(id)); await sleep(30); } }, timeout('response_body_stalled', yes)),
    { name: 'a window of 0 for ever', peer: h2(null, { open: async (c, f) => { await c.write(settings([SETTING.WINDOW, 0])); await f.until(() => false); } }), flags: short, want: timeout('request_stalled'), verify: onTime },
    { name: 'a window of 10 for ever', peer: h2(null, { open: async (c, f) => { await c.write(settings([SETTING.WINDOW, 10])); await f.until(() => false); } }), flags: short, want: timeout('request_stalled'), verify: onTime },
    // RFC 9113 5.4.2: the stream is cancelled, the session lives on.
    { name: 'the stream is cancelled and the session kept', peer: h2(async (c, id, n) => { if (n > 0) await c.write(answer(id)); }), flags: { 'response-timeout': 1000, count: 2 }, want: [timeout('response_silent'), ok(200, { reused: true })],
        verify: (_, p) => { assert.equal(p.conns.length, 1); const cancel = p.conns[0].frames.seen.find(f => f.type === T.RST_STREAM); assert.ok(cancel, 'no RST_STREAM'); assert.equal(cancel.payload.readUInt32BE(0), 8); } },
    { name: 'an answer just in time', peer: h2(async (c, id) => { await sleep(400); await c.write(answer(id)); }), flags: { 'response-timeout': 3000 }, want: ok() },
]);

const bad = (name, make, cause, more = {}) => row(name, make, hold, dispatch(cause, more));
const message = (name, fields, more = {}) => row(name, id => frame(T.HEADERS, END_HEADERS | END_STREAM, id, hpack(fields)), hold, dispatch('h2_malformed_message', { processed: ['unknown', 'yes'], ...more }));
suite('frames that break the protocol', [
    bad('DATA on stream 0', () => data(0, 'x'), 'h2_protocol'),
    bad('HEADERS on stream 0', () => answer(0), 'h2_protocol'),
    bad('DATA on a stream nobody opened', () => data(99, 'x'), 'h2_protocol'),
    bad('HEADERS on a stream nobody opened', () => answer(99), 'h2_protocol'),
    bad('HEADERS on a stream of the server', () => answer(2), 'h2_protocol'),
    bad('PUSH_PROMISE', id => frame(T.PUSH_PROMISE, END_HEADERS, id, Buffer.concat([bytes(0, 0, 0, 2), hpack([[':method', 'GET'], [':path', '/'], [':scheme', 'https'], [':authority', 'a']])])), 'h2_protocol'),
    bad('a frame longer than we allow', id => frame(T.DATA, 0, id, Buffer.alloc(100), 0xffffff), ['h2_frame_size', 'h2_protocol']),
    bad('an unknown frame longer than we allow', () => frame(0x42, 0, 0, Buffer.alloc(100), 0xffffff), ['h2_frame_size', 'h2_protocol']),
    bad('HEADERS longer than we allow', id => frame(T.HEADERS, END_HEADERS, id, Buffer.alloc(100), 0x400001), ['h2_frame_size', 'h2_protocol']),
    bad('an HPACK index that is not there', id => frame(T.HEADERS, END_HEADERS | END_STREAM, id, bytes(0xc6)), 'h2_hpack'),
    bad('HPACK index 0', id => frame(T.HEADERS, END_HEADERS | END_STREAM, id, bytes(0x80)), 'h2_hpack'),
    bad('an HPACK integer without end', id => frame(T.HEADERS, END_HEADERS | END_STREAM, id, bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)), 'h2_hpack'),
    bad('an HPACK string cut short', id => frame(T.HEADERS, END_HEADERS | END_STREAM, id, bytes(0x88, 0, 5, 0x61)), 'h2_hpack'),
    bad('HPACK Huffman padding that is wrong', id => frame(T.HEADERS, END_HEADERS | END_STREAM, id, bytes(0x88, 0, 0x81, 0x00, 0x81, 0xfe)), 'h2_hpack'),
    bad('an HPACK table larger than we allow', id => frame(T.HEADERS, END_HEADERS | END_STREAM, id, bytes(0x3f, 0xff, 0xff, 0xff, 0x7f, 0x88)), 'h2_hpack'),
    bad('an HPACK table resized after a field', id => frame(T.HEADERS, END_HEADERS | END_STREAM, id, bytes(0x88, 0x20)), 'h2_hpack'),
    bad('DATA between HEADERS and CONTINUATION', id => [frame(T.HEADERS, 0, id, hpack([[':status', '200']])), data(id, 'x')], 'h2_protocol'),
    bad('PING between HEADERS and CONTINUATION', id => [frame(T.HEADERS, 0, id, hpack([[':status', '200']])), ping()], 'h2_protocol'),
    bad('an unknown frame between HEADERS and CONTINUATION', id => [frame(T.HEADERS, 0, id, hpack([[':status', '200']])), frame(0x42, 0, id, 'x')], 'h2_protocol'),
    bad('CONTINUATION of another stream', id => [frame(T.HEADERS, 0, id, hpack([[':status', '200']])), frame(T.CONTINUATION, END_HEADERS, id + 2)], 'h2_protocol'),
    bad('CONTINUATION without HEADERS', id => frame(T.CONTINUATION, END_HEADERS, id, hpack([[':status', '200']])), 'h2_protocol'),
    bad('more padding than frame', id => frame(T.DATA, PADDED, id, bytes(200, 1, 2)), 'h2_protocol', { processed: ['unknown', 'yes'] }),
    bad('HEADERS with more padding than frame', id => frame(T.HEADERS, END_HEADERS | PADDED, id, bytes(200, 0x88)), ['h2_protocol', 'h2_frame_size']),
    bad('HEADERS too short for its priority', id => frame(T.HEADERS, END_HEADERS | 0x20, id, bytes(0, 0)), ['h2_protocol', 'h2_frame_size']),
    bad('WINDOW_UPDATE of 0 on the stream', id => windowUpdate(id, 0), ['h2_protocol', 'h2_flow_control']),
    bad('WINDOW_UPDATE of 0 on the connection', () => windowUpdate(0, 0), ['h2_protocol', 'h2_flow_control']),
    bad('WINDOW_UPDATE past 2^31-1 on the stream', id => windowUpdate(id, MAX_ID), 'h2_flow_control'),
    bad('WINDOW_UPDATE past 2^31-1 on the connection', () => windowUpdate(0, MAX_ID), 'h2_flow_control'),
    bad('WINDOW_UPDATE on a stream nobody opened', () => windowUpdate(99, 1), 'h2_protocol'),
    bad('WINDOW_UPDATE of 3 bytes', () => frame(T.WINDOW_UPDATE, 0, 0, Buffer.alloc(3)), ['h2_frame_size', 'h2_protocol']),
    bad('SETTINGS of 5 bytes', () => frame(T.SETTINGS, 0, 0, Buffer.alloc(5)), ['h2_frame_size', 'h2_protocol', 'h2_settings_invalid']),
    bad('SETTINGS on the stream', id => frame(T.SETTINGS, 0, id), ['h2_protocol', 'h2_settings_invalid']),
    bad('an acknowledgement with a payload', () => frame(T.SETTINGS, ACK, 0, Buffer.alloc(6)), ['h2_frame_size', 'h2_protocol', 'h2_settings_invalid']),
    bad('INITIAL_WINDOW_SIZE 2^31', () => settings([SETTING.WINDOW, 0x80000000]), ['h2_flow_control', 'h2_protocol', 'h2_settings_invalid']),
    bad('MAX_FRAME_SIZE 1', () => settings([SETTING.FRAME, 1]), ['h2_protocol', 'h2_settings_invalid']),
    bad('ENABLE_PUSH 7', () => settings([SETTING.PUSH, 7]), ['h2_protocol', 'h2_settings_invalid']),
    bad('INITIAL_WINDOW_SIZE that overflows an open stream', id => [windowUpdate(id, MAX_ID - 65535), settings([SETTING.WINDOW, MAX_ID])], ['h2_flow_control', 'h2_protocol']),
    bad('PING of 7 bytes', () => ping(0, 7), ['h2_frame_size', 'h2_protocol']),
    bad('PING on the stream', id => frame(T.PING, 0, id, Buffer.alloc(8)), 'h2_protocol'),
    bad('PRIORITY of 4 bytes', id => frame(T.PRIORITY, 0, id, Buffer.alloc(4)), ['h2_frame_size', 'h2_protocol']),
    bad('HTTP/1.1 text', () => Buffer.from('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'), ['h2_protocol', 'h2_frame_size']),
    bad('noise', () => Buffer.alloc(64, 0xff), ['h2_protocol', 'h2_frame_size']),
    bad('more DATA than the window allows', id => [head(id), ...Array.from({ length: 150 }, () => data(id, 'a'.repeat(16384)))], ['h2_flow_control', 'body_too_large'], yes),
    row('a flood of PINGs', id => [...Array(20000).fill(ping()), answer(id)], hold, anyOf(ok(), dispatch('h2_protocol'))),
    row('a flood of SETTINGS', id => [...Array(20000).fill(settings()), answer(id)], hold, anyOf(ok(), dispatch('h2_protocol'))),
    row('a flood of empty CONTINUATION', id => [frame(T.HEADERS, 0, id, hpack([[':status', '200']])), ...Array(20000).fill(frame(T.CONTINUATION, 0, id)), frame(T.CONTINUATION, END_HEADERS, id)], hold, anyOf(dispatch(), timeout(undefined, { processed: ['unknown', 'yes'] }), ok())),
    row('a bad frame, then FIN', () => data(0, 'x'), fin, dispatch('h2_protocol')),
    row('a bad frame, then RST', () => data(0, 'x'), async c => { await sleep(50); c.rst(); }, dispatch('h2_protocol')),
]);

suite('messages that break the protocol', [
    message('no :status', [['x', 'y']]),
    message('an empty head', []),
    message('an empty :status', [[':status', '']]),
    message(':status abc', [[':status', 'abc']]),
    message(':status of two digits', [[':status', '20']]),
    message(':status of four digits', [[':status', '2000']]),
    message(':status 099', [[':status', '099']]),
    message(':status 000', [[':status', '000']]),
    message(':status with a space', [[':status', '200 ']]),
    message(':status 101', [[':status', '101']]),
    message(':status twice', [[':status', '200'], [':status', '200']]),
    message(':status after a field', [['x', 'y'], [':status', '200']]),
    message('a pseudo-field of requests', [[':status', '200'], [':path', '/']]),
    message('a pseudo-field nobody knows', [[':status', '200'], [':what', '/']]),
    message('an upper case name', [[':status', '200'], ['X-Upper', 'y']]),
    message('a connection field', [[':status', '200'], ['connection', 'close']]),
    message('transfer-encoding', [[':status', '200'], ['transfer-encoding', 'chunked']]),
    message('keep-alive', [[':status', '200'], ['keep-alive', 'timeout=5']]),
    message('upgrade', [[':status', '200'], ['upgrade', 'h2c']]),
    message('two content-lengths', [[':status', '200'], ['content-length', '0'], ['content-length', '1']]),
    message('a content-length of letters', [[':status', '200'], ['content-length', 'abc']]),
    message('a negative content-length', [[':status', '200'], ['content-length', '-1']]),
    message('a content-length and no body', [[':status', '200'], ['content-length', '5']]),
    // Bad bytes in an ordinary field: RFC 9113 8.2.1 calls the message malformed; libraries may drop the field instead.
    ...[['a line break in a value', 'a\r\nb'], ['a NUL in a value', 'a\0b']].map(([n, v]) => ({ ...message(n, [[':status', '200'], ['x', v]]), want: anyOf(ok(), dispatch('h2_malformed_message', { processed: ['unknown', 'yes'] })) })),
    ...[['a space in a name', 'a b'], ['an empty name', '']].map(([n, v]) => ({ ...message(n, [[':status', '200'], [v, 'x']]), want: anyOf(ok(), dispatch(undefined, { processed: ['unknown', 'yes'] })) })),
    row('100 with END_STREAM', id => answer(id, 100), hold, dispatch('h2_malformed_message')),
    row('101, then 200', id => [head(id, 101), answer(id)], hold, dispatch('h2_malformed_message', { processed: ['unknown', 'yes'] })),
    row('DATA before HEADERS', id => [data(id, 'x'), answer(id)], hold, dispatch(['h2_malformed_message', 'h2_protocol'])),
    row('DATA before the final HEADERS', id => [head(id, 100), data(id, 'x')], hold, dispatch(['h2_malformed_message', 'h2_protocol'])),
    row('a body shorter than its content-length', id => [head(id, 200, { 'content-length': '10' }), data(id, 'abc', true)], hold, dispatch('h2_malformed_message', yes)),
    row('a body longer than its content-length', id => [head(id, 200, { 'content-length': '2' }), data(id, 'abc', true)], hold, dispatch('h2_malformed_message', yes)),
    row('a body longer than its content-length, unfinished', id => [head(id, 200, { 'content-length': '2' }), data(id, 'abc')], hold, dispatch('h2_malformed_message', yes)),
    row('a 504 shorter than its content-length', id => [head(id, 504, { 'content-length': '10' }), data(id, 'abc', true)], hold, dispatch('h2_malformed_message', { processed: 'unknown' })),
    row('a 500 shorter than its content-length', id => [head(id, 500, { 'content-length': '10' }), data(id, 'abc', true)], hold, dispatch('h2_malformed_message', yes)),
    row('trailers without END_STREAM', id => [head(id), data(id, 'x'), headers(id, { 'x-sum': '1' })], hold, dispatch(['h2_malformed_message', 'h2_protocol'], yes)),
    row('trailers with :status', id => [head(id), data(id, 'x'), answer(id)], hold, dispatch(['h2_malformed_message', 'h2_protocol'], yes)),
    row('a second head', id => [head(id), head(id, 500)], hold, dispatch(['h2_malformed_message', 'h2_protocol'], yes)),
    row('a body over 1 MiB', id => [head(id), ...Array.from({ length: 65 }, (_, i) => data(id, 'a'.repeat(16384), i === 64))], hold, dispatch('body_too_large', yes)),
    row('a body over 1 MiB with its length', id => [head(id, 200, { 'content-length': String(2 << 20) }), ...Array.from({ length: 128 }, (_, i) => data(id, 'a'.repeat(16384), i === 127))], hold, dispatch('body_too_large', yes)),
    row('a head of 70 KiB', id => [frame(T.HEADERS, END_STREAM, id, hpack([[':status', '200']])), ...Array.from({ length: 7 }, (_, i) => frame(T.CONTINUATION, i === 6 ? END_HEADERS : 0, id, hpack([[`x-${i}`, 'v'.repeat(10_000)]])))], hold, dispatch('h2_head_too_large', { processed: ['unknown', 'yes'] })),
    row('CONTINUATION without end', id => frame(T.HEADERS, END_STREAM, id, hpack([[':status', '200']])), async (c, id) => { await c.pour(frame(T.CONTINUATION, 0, id, hpack([['x', 'v'.repeat(10_000)]]))); }, dispatch(['h2_head_too_large', 'h2_protocol', 'h2_hpack'], { processed: ['unknown', 'yes'] })),
    row('an answer on the wrong stream', id => answer(id + 2), hold, dispatch('h2_protocol')),
]);
