// HTTP/2 before the request: Session protocol negotiation failure, session closed, GOAWAY before our HEADERS.
import assert from 'node:assert/strict';
import { certs } from './lib/certs.mjs';
import { ACK, MAX_ID, SETTING, T, answer, data, frame, goaway, h2, head, ping, rstStream, says, settings, settingsAck, windowUpdate } from './lib/h2.mjs';
import { anyOf, connectClosed, goaway as gone, negotiation, ok, sessionClosed, tlsFailure } from './lib/names.mjs';
import { nghttpd, nodeServer, sServer } from './lib/peers.mjs';
import { record, sleep } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

const short = { 'session-timeout': 800 };
const fin = c => c.fin(), rst = c => c.rst(), hold = c => c.hold();
// Owns the connection from the handshake on: writes these bytes, ends so, and must never see a request.
const opens = (bytes, end = hold) => h2(null, { open: async (c, f, peer) => {
    await c.write(Buffer.concat([bytes].flat()));
    await Promise.race([end(c), f.until(x => x.type === T.HEADERS).then(h => { if (h) peer.requests.push(h.stream); })]);
    await c.closed;
} });
const unsent = ([l], p) => { assert.equal(l.phase, 'session'); assert.equal(l.timings.send_us, 0); assert.equal(p.requests.length, 0, 'a request went out'); };
const onTime = ([l], p) => { unsent([l], p); assert.ok(l.timings.total_us >= 795_000, `ended early: ${l.timings.total_us}`); };
const timed = want => ['h2_settings_timeout', 'h2_zero_streams'].some(c => (want.cause ?? []).includes(c));
const row = (name, bytes, end, want, more) => ({ name, peer: opens(bytes, end), want, flags: timed(want) ? short : {}, verify: unsent, ...more });

suite('real servers', [
    { name: 's_server -alpn h2 -www: SETTINGS never come', peer: () => sServer(certs.good, '-alpn', 'h2', '-www'), flags: short, want: negotiation(['h2_settings_timeout']), verify: ([l]) => assert.equal(l.phase, 'session') },
    { name: 'Node maxConcurrentStreams: 0', peer: nodeServer({ settings: { maxConcurrentStreams: 0 } }, s => s.respond({ ':status': 200 }, { endStream: true })), flags: short, want: negotiation('h2_zero_streams') },
    { name: 'Node maxConcurrentStreams: 1', peer: nodeServer({ settings: { maxConcurrentStreams: 1 } }, s => s.respond({ ':status': 200 }, { endStream: true })), want: ok() },
    { name: 'Node destroys the session at once', peer: nodeServer({}, () => {}, s => s.destroy()), want: anyOf(connectClosed(), gone(), sessionClosed()) },
    { name: 'nghttpd', peer: () => nghttpd(), want: ok() },
    { name: 'nghttpd with one stream at a time', peer: () => nghttpd('-m', '1'), flags: { count: 3 }, want: ok(), verify: lines => assert.ok(lines[2].reused) },
]);

suite('the first frame', [
    row('HTTP/1.1 text', Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'), hold, negotiation('h2_first_frame')),
    row('HTTP/1.1 text, then FIN', Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'), fin, negotiation('h2_first_frame')),
    row('PING', ping(), hold, negotiation('h2_first_frame')),
    row('PING, then SETTINGS', [ping(), settings()], hold, negotiation('h2_first_frame')),
    row('WINDOW_UPDATE', windowUpdate(0, 1), hold, negotiation('h2_first_frame')),
    row('HEADERS', answer(1), hold, negotiation('h2_first_frame')),
    row('DATA', data(1, 'x'), hold, negotiation('h2_first_frame')),
    row('RST_STREAM', rstStream(1, 0), hold, negotiation('h2_first_frame')),
    row('an unknown frame', frame(0x42, 0, 0, 'x'), hold, negotiation('h2_first_frame')),
    row('only an acknowledgement', settingsAck(), hold, negotiation(['h2_first_frame', 'h2_settings_timeout'])),
    // Two rows fit: the first frame is not SETTINGS, and it is a GOAWAY before our HEADERS.
    row('GOAWAY', goaway(0), hold, anyOf(negotiation('h2_first_frame'), gone())),
    row('zeros', Buffer.alloc(64), hold, negotiation('h2_first_frame')),
    row('noise', Buffer.alloc(64, 0xa5), hold, negotiation('h2_first_frame')),
    row('SETTINGS of 5 bytes', frame(T.SETTINGS, 0, 0, Buffer.alloc(5)), hold, negotiation('h2_settings_invalid')),
    row('SETTINGS on stream 1', frame(T.SETTINGS, 0, 1), hold, negotiation(['h2_settings_invalid', 'h2_first_frame'])),
    row('an acknowledgement with a payload', frame(T.SETTINGS, ACK, 0, Buffer.alloc(6)), hold, negotiation(['h2_settings_invalid', 'h2_first_frame'])),
    row('SETTINGS that promise more than a frame may hold', frame(T.SETTINGS, 0, 0, Buffer.alloc(12), 0xfffffc), hold, negotiation(['h2_settings_invalid', 'h2_first_frame'])),
    row('ENABLE_PUSH 2', settings([SETTING.PUSH, 2]), hold, negotiation('h2_settings_invalid')),
    row('ENABLE_PUSH 1 from a server', settings([SETTING.PUSH, 1]), hold, negotiation('h2_settings_invalid')), // RFC 9113 6.5.2
    row('INITIAL_WINDOW_SIZE 2^31', settings([SETTING.WINDOW, 0x80000000]), hold, negotiation('h2_settings_invalid')),
    row('MAX_FRAME_SIZE 16383', settings([SETTING.FRAME, 16383]), hold, negotiation('h2_settings_invalid')),
    row('MAX_FRAME_SIZE 2^24', settings([SETTING.FRAME, 1 << 24]), hold, negotiation('h2_settings_invalid')),
]);

suite('SETTINGS and streams', [
    row('silence after the handshake', Buffer.alloc(0), hold, negotiation('h2_settings_timeout'), { verify: onTime }),
    row('half a frame header', settings().subarray(0, 4), hold, negotiation(['h2_settings_timeout']), { verify: onTime }),
    row('half of SETTINGS', settings([SETTING.STREAMS, 10]).subarray(0, 12), hold, negotiation('h2_settings_timeout'), { verify: onTime }),
    row('SETTINGS byte by byte, past the deadline', Buffer.alloc(0), c => c.drip(settings([SETTING.STREAMS, 10], [SETTING.WINDOW, 65535]), 80), negotiation('h2_settings_timeout'), { flags: short, verify: onTime }),
    row('SETTINGS too late', Buffer.alloc(0), async c => { await sleep(1300); await c.write(settings()); await c.hold(); }, negotiation('h2_settings_timeout'), { verify: onTime, flags: short }),
    row('no streams allowed', settings([SETTING.STREAMS, 0]), hold, negotiation('h2_zero_streams'), { verify: onTime }),
    row('no streams allowed, with PINGs all the time', settings([SETTING.STREAMS, 0]), async c => { while (!c.ended) { await c.write(ping()); await sleep(50); } }, negotiation('h2_zero_streams'), { flags: short, verify: onTime }),
    { name: 'SETTINGS late but in time', want: ok(), peer: h2(null, { open: async (c, f) => { await sleep(300); await c.write(settings()); const id = await f.request(); await c.write(answer(id)); await c.hold(); } }) },
    { name: 'SETTINGS byte by byte, in time', want: ok(), peer: h2(null, { open: async (c, f) => { await c.drip(settings([SETTING.STREAMS, 10]), 10); const id = await f.request(); await c.write(answer(id)); await c.hold(); } }) },
    { name: 'no streams at first, one later', want: ok(), peer: h2(null, { open: async (c, f) => { await c.write(settings([SETTING.STREAMS, 0])); await sleep(250); await c.write(settings([SETTING.STREAMS, 1])); const id = await f.request(); await c.write(answer(id)); await c.hold(); } }) },
    { name: 'SETTINGS with unknown ids', want: ok(), peer: says(id => answer(id), { first: settings([0x99, 7], [0xfafa, 0xffffffff]) }) },
    { name: 'SETTINGS with every limit at its edge', want: ok(), peer: says(id => answer(id), { first: settings([SETTING.TABLE, 0], [SETTING.STREAMS, 0xffffffff], [SETTING.WINDOW, MAX_ID], [SETTING.FRAME, 0xffffff], [SETTING.LIST, 0xffffffff]) }) },
    { name: 'SETTINGS twice', want: ok(), peer: says(id => answer(id), { first: Buffer.concat([settings([SETTING.STREAMS, 1]), settings([SETTING.STREAMS, 100])]) }) },
    { name: 'ENABLE_PUSH 0', want: ok(), peer: says(id => answer(id), { first: settings([SETTING.PUSH, 0]) }) },
    { name: 'no acknowledgement of our SETTINGS', want: ok(), peer: h2(null, { open: async (c, f) => { await c.write(settings()); const id = await f.request(); await c.write(answer(id)); await c.hold(); } }) },
]);

suite('the peer ends it before our HEADERS', [
    row('FIN before SETTINGS', Buffer.alloc(0), fin, connectClosed('h2_closed_before_settings')),
    row('close_notify before SETTINGS', Buffer.alloc(0), c => c.closeNotify(), connectClosed('h2_closed_before_settings')),
    row('RST before SETTINGS', Buffer.alloc(0), rst, connectClosed('h2_reset_before_settings')),
    row('FIN inside SETTINGS', settings([SETTING.STREAMS, 9]).subarray(0, 11), fin, connectClosed('h2_closed_before_settings')),
    row('RST inside SETTINGS', settings([SETTING.STREAMS, 9]).subarray(0, 11), rst, connectClosed('h2_reset_before_settings')),
    row('FIN 200 ms after the handshake', Buffer.alloc(0), async c => { await sleep(200); c.fin(); }, connectClosed('h2_closed_before_settings')),
    // Ready but for a stream: still nothing was Sent.
    row('no streams, then FIN', settings([SETTING.STREAMS, 0]), fin, connectClosed()),
    row('no streams, then RST', settings([SETTING.STREAMS, 0]), rst, connectClosed()),
    row('SETTINGS and FIN in one flight', settings(), fin, anyOf(connectClosed(), sessionClosed()), { verify: undefined }),
    row('SETTINGS and GOAWAY in one flight', [settings(), goaway(0)], hold, gone(['h2_goaway_early', 'h2_goaway_below']), { verify: undefined }),
    row('SETTINGS, GOAWAY and FIN in one flight', [settings(), goaway(0)], fin, gone(['h2_goaway_early', 'h2_goaway_below']), { verify: undefined }),
    row('SETTINGS and GOAWAY(2^31-1) in one flight', [settings(), goaway(MAX_ID)], hold, gone('h2_goaway_early')),
    row('SETTINGS and GOAWAY with an error', [settings(), goaway(0, 11, 'calm down')], hold, gone(['h2_goaway_early', 'h2_goaway_below']), { verify: undefined }),
    row('no streams and GOAWAY', [settings([SETTING.STREAMS, 0]), goaway(0)], hold, gone('h2_goaway_early')),
    row('no streams, GOAWAY, FIN', [settings([SETTING.STREAMS, 0]), goaway(0)], fin, gone('h2_goaway_early')),
    { name: 'GOAWAY early, then a healthy connection', want: ok(200, { retries: 1 }), verify: (_, p) => assert.equal(p.conns.length, 2),
        peer: h2(null, { open: async (c, f) => { if (c.index === 0) { await c.write(Buffer.concat([settings(), goaway(0)])); return c.hold(); } await c.write(settings()); await c.write(answer(await f.request())); await c.hold(); } }) },
    // A record that cannot be read before anything was Sent: whichever of the two it is called, it was not processed.
    { name: 'noise on the wire before SETTINGS', peer: h2(null, { open: async c => { await c.writeWire(record(23, Buffer.alloc(50, 3))); await c.hold(); } }), flags: short, want: anyOf(negotiation(), tlsFailure()) },
    { name: 'plain text on the wire before SETTINGS', peer: h2(null, { open: async c => { await c.writeWire('HTTP/1.1 400 Bad Request\r\n\r\n'); await c.hold(); } }), flags: short, want: anyOf(negotiation(), tlsFailure()) },
    { name: 'TLS 1.2, FIN before SETTINGS', peer: h2(null, { open: fin, tls: { alpn: ['h2'], secure: { maxVersion: 'TLSv1.2' } } }), want: connectClosed('h2_closed_before_settings') },
    { name: 'h2 over TLS 1.2', peer: says(id => [head(id), data(id, 'ok', true)], { tls: { alpn: ['h2'], secure: { maxVersion: 'TLSv1.2' } } }), want: ok() },
]);
