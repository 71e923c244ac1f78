// TLS: what is no TLS record, what is a failed handshake, what is a peer that closes, and what is silence.
import assert from 'node:assert/strict';
import { caFile, certs } from './lib/certs.mjs';
import { A, dnsPeer } from './lib/dns.mjs';
import { anyOf, connectClosed, connectFailed, dispatch, negotiation, noTlsRecord, ok, sessionClosed, status, timeout, tlsFailure } from './lib/names.mjs';
import { h2 } from './lib/h2.mjs';
import { haproxy, nginx, sServer } from './lib/peers.mjs';
import { alert, h1s, rawPeer, record, serverHello, sleep } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

const okay = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const dns = await dnsPeer(q => ({ answers: q.type === A ? [{ type: A, value: '127.0.0.1' }] : [] }));
const byName = p => `https://bot.test:${p.port}/webhook`;
const named = { url: byName, flags: { dns: dns.address } };
const secure0 = { ciphers: 'DEFAULT@SECLEVEL=0' };
const inTls = ([l]) => { assert.equal(l.phase, 'tls'); assert.equal(l.http, null); assert.equal(l.timings.first_byte_us, 0); };

suite('real servers', [
    { name: 'nginx without ssl', peer: () => nginx('listen 127.0.0.1:PORT; return 200;'), want: noTlsRecord('tls_no_record'), verify: inTls },
    { name: 'nginx ssl_reject_handshake', peer: () => nginx('listen 127.0.0.1:PORT ssl; ssl_reject_handshake on;'), ...named, want: tlsFailure('tls_alert_unrecognized_name'), verify: inTls },
    // The trap: nginx answers HTTP 400 to a missing client certificate; that is a status.
    { name: 'nginx ssl_verify_client', peer: () => nginx(`listen 127.0.0.1:PORT ssl; ssl_client_certificate ${caFile}; ssl_verify_client on; return 200;`), want: status(400, 'status_client_error') },
    { name: 's_server -alpn foo', peer: () => sServer(certs.good, '-alpn', 'foo', '-www'), want: tlsFailure('tls_alert_no_application_protocol'), verify: inTls },
    { name: 's_server -tls1_1', peer: () => sServer(certs.good, '-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0', '-www'), want: tlsFailure(['tls_alert_protocol_version', 'tls_old_version']), verify: inTls },
    { name: 's_server with an expired certificate', peer: () => sServer(certs.expired, '-www'), want: tlsFailure('tls_cert_expired'), verify: inTls },
    { name: 's_server with another name', peer: () => sServer(certs.wrongHost, '-www'), ...named, want: tlsFailure('tls_cert_wrong_host'), verify: inTls },
    { name: 's_server -Verify 1 -tls1_3', peer: () => sServer(certs.good, '-Verify', '1', '-tls1_3', '-CAfile', caFile), want: tlsFailure('tls_client_cert_required') },
    { name: 's_server -Verify 1 -tls1_2', peer: () => sServer(certs.good, '-Verify', '1', '-tls1_2', '-CAfile', caFile), want: tlsFailure(['tls_client_cert_required', 'tls_alert_handshake_failure']) },
    { name: 's_server that knows only an old cipher', peer: () => sServer(certs.rsa, '-tls1_2', '-cipher', 'DHE-RSA-AES128-SHA', '-www'), want: tlsFailure('tls_alert_handshake_failure'), verify: inTls },
    { name: 'nginx resumes the session', peer: () => nginx('listen 127.0.0.1:PORT ssl; keepalive_timeout 0; location / { if ($ssl_session_reused = "r") { return 204; } return 200; }'), flags: { count: 3 }, want: [ok(200), ok(204), ok(204)] },
    { name: 's_server -www answers no POST', peer: () => sServer(certs.good, '-www'), flags: { 'response-timeout': 1000 }, want: timeout('response_silent') },
    // Without root, haproxy cannot drop a connection in silence and closes it.
    { name: 'haproxy silent-drop after the ClientHello', flags: { 'session-timeout': 500 }, want: process.getuid() === 0 ? negotiation('tls_stall') : anyOf(negotiation('tls_stall'), connectClosed()), verify: inTls,
        peer: () => haproxy('    mode tcp\n    tcp-request inspect-delay 10s\n    tcp-request content silent-drop if { req.ssl_hello_type 1 }') },
    // haproxy closes with our ClientHello unread or read: FIN or RST, both are the peer's closing.
    { name: 'haproxy tcp-request content reject', want: connectClosed(['tls_closed', 'tls_reset']), verify: inTls,
        peer: () => haproxy('    mode tcp\n    tcp-request inspect-delay 10s\n    tcp-request content reject if { req.ssl_hello_type 1 }') },
    { name: 'haproxy tcp-request connection reject', want: anyOf(connectClosed(), connectFailed('tcp_reset')), peer: () => haproxy('    mode tcp\n    tcp-request connection reject') },
]);

// The bytes decide. A script here answers the ClientHello with bytes and ends in some way.
const answers = (data, end = c => c.fin()) => () => rawPeer(async c => { await c.readSome(); await c.write(data); await end(c); }).then(p => ({ ...p, url: p.url.replace('http:', 'https:') }));
const fin = c => c.fin(), hold = c => c.hold(), rst = c => c.rst();
const bytes = (name, data, end, want, more) => ({ name, peer: answers(data, end), want, ...more });
const stall = { 'session-timeout': 700 };
suite('first bytes', [
    bytes('HTTP 400', 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n', fin, noTlsRecord('tls_no_record'), { verify: inTls }),
    bytes('HTTP 400 and silence', 'HTTP/1.1 400 Bad Request\r\n\r\n', hold, noTlsRecord('tls_no_record'), { verify: inTls }),
    bytes('HTTP 400 and RST', 'HTTP/1.1 400 Bad Request\r\n\r\n', rst, noTlsRecord('tls_no_record')),
    bytes('an SSH banner', 'SSH-2.0-OpenSSH_9.2\r\n', hold, noTlsRecord('tls_no_record')),
    bytes('an SMTP greeting', '220 mail.example ESMTP\r\n', hold, noTlsRecord('tls_no_record')),
    bytes('HTTP/2 frames in clear text', Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), hold, noTlsRecord('tls_no_record')),
    bytes('zeros', Buffer.alloc(64), hold, noTlsRecord('tls_no_record')),
    bytes('0xff', Buffer.alloc(5, 0xff), fin, noTlsRecord('tls_no_record')),
    bytes('content type 19', Buffer.from([19, 3, 3, 0, 2, 2, 40]), hold, noTlsRecord('tls_no_record')),
    bytes('content type 25', Buffer.from([25, 3, 3, 0, 2, 2, 40]), hold, noTlsRecord('tls_no_record')),
    bytes('an SSLv2 answer', Buffer.from([0x80, 0x04, 0x04, 0x00, 0x02, 0x00]), hold, noTlsRecord('tls_no_record')),
    bytes('major version 2', Buffer.from([22, 2, 0, 0, 5, 2, 0, 0, 1, 0]), hold, noTlsRecord('tls_no_record')),
    bytes('major version 0x48 after a handshake type', Buffer.from([22, 0x48, 0x54, 0x54, 0x50]), hold, noTlsRecord('tls_no_record')),
    bytes('a record of length 0', record(22, ''), hold, noTlsRecord('tls_no_record')),
    bytes('an alert record of length 0', record(21, ''), fin, noTlsRecord('tls_no_record')),
    bytes('one text byte, then FIN', 'H', fin, noTlsRecord('tls_no_record')),
    bytes('four text bytes, then FIN', 'HTTP', fin, noTlsRecord('tls_no_record')),
    bytes('a line break, then FIN', '\n', fin, noTlsRecord('tls_no_record')),
    // A type that may be TLS but no whole header: the peer closed inside the handshake.
    bytes('one handshake byte, then FIN', Buffer.from([22]), fin, connectClosed('tls_closed')),
    bytes('four bytes of a record header, then FIN', Buffer.from([22, 3, 3, 0]), fin, connectClosed('tls_closed')),
    bytes('one handshake byte, then RST', Buffer.from([22]), rst, connectClosed('tls_reset')),
    bytes('one handshake byte, then silence', Buffer.from([22]), hold, negotiation('tls_stall'), { flags: stall }),
    // Decided on the first byte, or on the clock: both are true.
    bytes('one text byte, then silence', 'H', hold, anyOf(noTlsRecord('tls_no_record'), negotiation('tls_stall')), { flags: stall }),
    bytes('one text byte, then RST', 'H', rst, anyOf(noTlsRecord('tls_no_record'), connectClosed('tls_reset'))),
    { name: 'text before the ClientHello is read', peer: () => rawPeer(async c => { await c.write('220 ready\r\n'); await c.hold(); }).then(p => ({ ...p, url: p.url.replace('http:', 'https:') })), want: noTlsRecord('tls_no_record') },
    { name: 'text byte by byte', peer: answers('', c => c.drip('HTTP/1.1 400 Bad Request\r\n', 20).then(() => c.hold())), want: noTlsRecord('tls_no_record') },
    bytes('a record header, then FIN', Buffer.from([22, 3, 3, 0, 80]), fin, connectClosed('tls_closed')),
    bytes('half a ServerHello, then FIN', serverHello().subarray(0, 30), fin, connectClosed('tls_closed')),
    bytes('half a ServerHello, then RST', serverHello().subarray(0, 30), rst, connectClosed('tls_reset')),
    bytes('half a ServerHello, then silence', serverHello().subarray(0, 30), hold, negotiation('tls_stall'), { flags: stall }),
    bytes('a TLS record longer than any may be', Buffer.concat([Buffer.from([22, 3, 3, 0x7f, 0xff]), Buffer.alloc(0x7fff, 2)]), hold, tlsFailure(['tls_handshake_abort'])),
    bytes('a handshake record of noise', record(22, Buffer.alloc(100, 0xaa)), hold, tlsFailure('tls_handshake_abort')),
    bytes('a ServerHello of TLS 1.1', serverHello({ version: 0x0302, cipher: 0xc013 }), hold, tlsFailure('tls_old_version')),
    bytes('a ServerHello of TLS 1.0', serverHello({ version: 0x0301, cipher: 0xc013 }), hold, tlsFailure('tls_old_version')),
    bytes('a ServerHello of SSL 3', serverHello({ version: 0x0300, cipher: 0x002f }), hold, tlsFailure(['tls_old_version', 'tls_handshake_abort'])),
    bytes('a ServerHello with a cipher nobody offered', serverHello({ cipher: 0x000a }), hold, tlsFailure('tls_handshake_abort')),

    bytes('application data first', record(23, 'hello'), hold, tlsFailure('tls_handshake_abort')),
    bytes('a heartbeat first', record(24, Buffer.from([1, 0, 0])), hold, tlsFailure('tls_handshake_abort')),
]);

const echo = () => rawPeer(async c => { await c.write(await c.readSome()); await c.hold(); }).then(p => ({ ...p, url: p.url.replace('http:', 'https:') }));
const alertCause = { 40: 'tls_alert_handshake_failure', 70: 'tls_alert_protocol_version', 80: 'tls_alert_internal_error', 112: 'tls_alert_unrecognized_name', 120: 'tls_alert_no_application_protocol', 116: 'tls_client_cert_required' };
suite('alerts in the handshake', [
    { name: 'our ClientHello comes back', peer: echo, want: tlsFailure('tls_handshake_abort') },
    ...[10, 20, 22, 40, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 109, 110, 112, 113, 115, 116, 120, 255].map(n =>
        bytes(`fatal alert ${n}`, alert(2, n), n % 2 ? hold : fin, tlsFailure(alertCause[n] ?? ['tls_alert', 'tls_client_cert_required', 'tls_handshake_abort']))),
    bytes('a fatal alert, then RST', alert(2, 40), rst, tlsFailure('tls_alert_handshake_failure')),
    bytes('a fatal alert in two pieces', alert(2, 40).subarray(0, 6), async c => { await sleep(50); await c.write(Buffer.from([40])); c.fin(); }, tlsFailure('tls_alert_handshake_failure')),
    // A warning is no end; what comes next is.
    bytes('warning unrecognized_name, then FIN', alert(1, 112), fin, connectClosed('tls_closed')),
    bytes('warning unrecognized_name, then silence', alert(1, 112), hold, negotiation('tls_stall'), { flags: stall }),
    bytes('close_notify instead of a ServerHello', alert(1, 0), fin, connectClosed('tls_closed')),
    bytes('close_notify and no FIN', alert(1, 0), hold, anyOf(connectClosed('tls_closed'), negotiation('tls_stall')), { flags: stall }),
    bytes('an alert of one byte', record(21, Buffer.from([2])), fin, anyOf(tlsFailure('tls_handshake_abort'), connectClosed('tls_closed'))),
    bytes('an alert level nobody knows', alert(9, 40), hold, tlsFailure(['tls_handshake_abort', 'tls_alert_handshake_failure'])),
    bytes('a flood of warnings', Buffer.concat(Array(50).fill(alert(1, 112))), hold, tlsFailure('tls_handshake_abort')),
]);

// At accept and after the ClientHello.
const plain = script => () => rawPeer(script).then(p => ({ ...p, url: p.url.replace('http:', 'https:') }));
suite('the peer closes before the handshake', [
    { name: 'FIN at accept', peer: plain(fin), want: connectClosed(['tls_closed', 'tls_reset', 'tcp_closed']) },
    { name: 'RST at accept', peer: plain(rst), want: anyOf(connectClosed(), connectFailed('tcp_reset')) },
    { name: 'FIN after the ClientHello', peer: plain(async c => { await c.readSome(); c.fin(); }), want: connectClosed('tls_closed'), verify: inTls },
    { name: 'RST after the ClientHello', peer: plain(async c => { await c.readSome(); c.rst(); }), want: connectClosed('tls_reset'), verify: inTls },
    { name: 'FIN 200 ms after the ClientHello', peer: plain(async c => { await c.readSome(); await sleep(200); c.fin(); }), want: connectClosed('tls_closed') },
    { name: 'silence', peer: plain(hold), flags: stall, want: negotiation('tls_stall'), verify: ([l]) => { inTls([l]); assert.ok(l.timings.total_us >= 695_000); } },
    { name: 'silence, three times', peer: plain(hold), flags: { ...stall, count: 3 }, want: negotiation('tls_stall') },
]);

// Cut our record layer's flight after n bytes.
const cutAt = (n, end, secure) => h1s(okay, { tls: { secure, tap: (chunk, c) => {
    c.left ??= n;
    const out = chunk.subarray(0, c.left);
    c.left -= out.length;
    if (!c.left && !c.cut) { c.cut = true; setTimeout(() => end(c), 20); }
    return out;
} } });
const flip = (at, secure) => h1s(okay, { tls: { secure, tap: (chunk, c) => {
    c.sent ??= 0;
    const out = Buffer.from(chunk);
    if (at >= c.sent && at < c.sent + out.length) out[at - c.sent] ^= 0x55;
    c.sent += out.length;
    return out;
} } });
const v12 = { maxVersion: 'TLSv1.2' }, v13 = { minVersion: 'TLSv1.3' };
suite('inside the handshake', [v12, v13].flatMap((v, i) => [3, 60, 300].flatMap(n => [
    { name: `TLS 1.${i + 2}: FIN after ${n} bytes`, peer: cutAt(n, fin, v), want: connectClosed('tls_closed'), verify: inTls },
    { name: `TLS 1.${i + 2}: RST after ${n} bytes`, peer: cutAt(n, rst, v), want: connectClosed('tls_reset'), verify: inTls },
    { name: `TLS 1.${i + 2}: silence after ${n} bytes`, peer: cutAt(n, hold, v), flags: stall, want: negotiation('tls_stall'), verify: inTls },
])).concat([
    { name: 'TLS 1.3: a record of the flight spoilt', peer: flip(400, v13), want: tlsFailure('tls_handshake_abort') },
    { name: 'TLS 1.2: the certificate spoilt', peer: flip(400, v12), want: tlsFailure(['tls_handshake_abort', 'tls_cert_invalid', 'tls_cert_untrusted']) },
    { name: 'the handshake dripped past the deadline', flags: { 'session-timeout': 500 }, want: negotiation('tls_stall'), verify: inTls,
        peer: h1s(okay, { tls: { tap: (chunk, c) => { c.drip(chunk, 30, b => c.writeWire(b)); return null; } } }) },
    { name: 'the handshake slow but in time', want: ok(), flags: { 'session-timeout': 2000 }, peer: h1s(okay, { tls: { tap: (chunk, c) => { c.later = (c.later ?? sleep(200)).then(() => c.writeWire(chunk)); return null; } } }) },
    // Whether a byte was Sent by then is the client's luck.
    { name: 'FIN with the last flight', peer: h1s(okay, { tls: { secure: v13, tap: (chunk, c) => { if (!c.done) { c.done = true; c.writeWire(chunk).then(() => c.fin()); } return null; } } }), want: anyOf(connectClosed(), sessionClosed()) },
    { name: 'FIN right after the handshake', peer: () => rawPeer(fin, { tls: true }), want: anyOf(connectClosed(), sessionClosed()) },
    { name: 'close_notify right after the handshake', peer: () => rawPeer(c => c.closeNotify(), { tls: true }), want: anyOf(connectClosed(), sessionClosed()) },
    { name: 'RST right after the handshake', peer: () => rawPeer(rst, { tls: true }), want: anyOf(connectClosed(), sessionClosed()) },
]));

const cert = (name, c, want, more = {}) => ({ name, peer: h1s(okay, { tls: { cert: certs[c], secure: { ...secure0, ...more.secure } } }), want, ...(more.named ? named : {}), verify: want.reason === 'ok' ? undefined : inTls });
const inBots = { url: p => `https://aa.bots.test:${p.port}/`, flags: { dns: dns.address } };
suite('certificates', [
    cert('good', 'good', ok()),
    cert('good, by name', 'good', ok(), { named: true }),
    cert('RSA', 'rsa', ok()),
    cert('through an intermediate', 'viaIntermediate', ok()),
    cert('expired', 'expired', tlsFailure('tls_cert_expired')),
    cert('expired, TLS 1.2', 'expired', tlsFailure('tls_cert_expired'), { secure: v12 }),
    cert('not yet valid', 'notYetValid', tlsFailure('tls_cert_not_yet_valid')),
    cert('another name', 'wrongHost', tlsFailure('tls_cert_wrong_host'), { named: true }),
    cert('another address', 'wrongHost', tlsFailure('tls_cert_wrong_host')),
    cert('an address that is not in the certificate, though the name is', 'nameOnly', tlsFailure('tls_cert_wrong_host')),
    cert('only the name', 'nameOnly', ok(), { named: true }),
    // RFC 9525: the subjectAltName alone names the host.
    cert('the name only in the CN', 'cnOnly', tlsFailure('tls_cert_wrong_host'), { named: true }),
    cert('the name only in the CN, TLS 1.2', 'cnOnly', tlsFailure('tls_cert_wrong_host'), { named: true, secure: v12 }),
    cert('the name in the CN, a mail address and a URI beside it', 'cnAndMail', tlsFailure('tls_cert_wrong_host'), { named: true }),
    cert('the name in the CN, an address beside it', 'addressOnly', tlsFailure('tls_cert_wrong_host'), { named: true }),
    cert('the name in the CN, another name beside it', 'cnAndOther', tlsFailure('tls_cert_wrong_host'), { named: true }),
    { ...cert('a wildcard in the CN', 'cnWildcard', tlsFailure('tls_cert_wrong_host')), ...inBots },
    cert('an address only in the CN', 'cnAddress', tlsFailure('tls_cert_wrong_host')),
    cert('an address as a name', 'addressAsName', tlsFailure('tls_cert_wrong_host')),
    cert('only the address', 'addressOnly', ok()),
    { ...cert('a wildcard for a part of a label', 'partialWildcard', tlsFailure('tls_cert_wrong_host')), ...inBots },
    { ...cert('a wildcard that is not left-most', 'innerWildcard', tlsFailure('tls_cert_wrong_host')), ...inBots },
    cert('self-signed', 'selfSigned', tlsFailure('tls_cert_self_signed')),
    cert('of a stranger', 'untrusted', tlsFailure(['tls_cert_untrusted', 'tls_cert_self_signed'])),
    cert('intermediate left out', 'missingIntermediate', tlsFailure('tls_cert_untrusted')),
    cert('a 1024-bit key', 'weakKey', tlsFailure('tls_cert_weak')),
    cert('signed with SHA-1', 'weakHash', tlsFailure('tls_cert_weak')),
    cert('for clients only', 'clientPurpose', tlsFailure('tls_cert_purpose')),
    cert('signed by a certificate that is no CA', 'byLeaf', tlsFailure(['tls_cert_invalid', 'tls_cert_untrusted', 'tls_cert_purpose'])),
    cert('with a critical extension nobody knows', 'critical', tlsFailure('tls_cert_invalid')),
    { name: 'a chain of 200 KiB', peer: () => rawPeer(hold, { tls: { cert: { cert: certs.good.cert.repeat(400), key: certs.good.key } } }), want: tlsFailure('tls_handshake_abort'), verify: inTls },
    { ...cert('without our CA', 'good', tlsFailure('tls_cert_untrusted')), flags: { ca: null } },
    { name: 'a wildcard', peer: h1s(okay), url: p => `https://a.bots.test:${p.port}/`, flags: { dns: dns.address }, want: ok() },
    { name: 'a wildcard covers one label', peer: h1s(okay), url: p => `https://a.b.bots.test:${p.port}/`, flags: { dns: dns.address }, want: tlsFailure('tls_cert_wrong_host') },
    { name: 'a wildcard is not its parent', peer: h1s(okay), url: p => `https://bots.test:${p.port}/`, flags: { dns: dns.address }, want: tlsFailure('tls_cert_wrong_host') },
]);

const cipher12 = c => ({ ...v12, ciphers: `${c}:@SECLEVEL=0` });
const rsaWith = secure => h1s(okay, { tls: { cert: certs.rsa, secure } });
const ecdsaWith = secure => h1s(okay, { tls: { cert: certs.good, secure } });
suite('what we offer', [
    ...['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'].map(c => ({ name: `TLS 1.3 ${c}`, peer: ecdsaWith({ ...v13, ciphers: c }), want: ok() })),
    ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305'].map(c => ({ name: `TLS 1.2 ${c}`, peer: ecdsaWith(cipher12(c)), want: ok() })),
    ...['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-CHACHA20-POLY1305', 'ECDHE-RSA-AES128-SHA', 'ECDHE-RSA-AES256-SHA', 'AES128-GCM-SHA256', 'AES128-SHA', 'AES256-SHA'].map(c =>
        ({ name: `TLS 1.2 ${c}`, peer: rsaWith(cipher12(c)), want: ok() })),
    ...['ECDHE-RSA-AES128-SHA256', 'AES256-GCM-SHA384', 'AES128-SHA256', 'ECDHE-RSA-CAMELLIA128-SHA256', 'DHE-RSA-AES128-GCM-SHA256', 'DHE-RSA-CHACHA20-POLY1305'].map(c =>
        ({ name: `not offered: ${c}`, peer: rsaWith({ ...cipher12(c), dhparam: 'auto' }), want: tlsFailure('tls_alert_handshake_failure') })),
    { name: 'not offered: TLS_AES_128_CCM_SHA256', peer: ecdsaWith({ ...v13, ciphers: 'TLS_AES_128_CCM_SHA256' }), want: tlsFailure('tls_alert_handshake_failure') },
    { name: 'TLS 1.1 at most', peer: rsaWith({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }), want: tlsFailure(['tls_alert_protocol_version', 'tls_old_version']) },
    { name: 'a group that needs a second hello', peer: ecdsaWith({ ...v13, ecdhCurve: 'secp384r1' }), want: ok() },
    { name: 'no ALPN at all', peer: h1s(okay, { tls: { alpn: [] } }), want: ok(200), verify: ([l]) => assert.match(String(l.http), /1\.1/) },
    { name: 'SNI carries the name', peer: h1s(okay), ...named, want: ok(), verify: (_, p) => assert.equal(p.conns[0].stream.servername || 'bot.test', 'bot.test') },
]);

// A TLS 1.3 server says what it thinks of our (missing) certificate after its handshake is over for us.
const spoil = async c => { c.engine.push(Buffer.from([23, 3, 3, 0, 20, ...Buffer.alloc(20)])); await c.hold(); };
suite('after the handshake', [
    { name: 's_server -Verify 1 -tls1_3 -alpn h2', peer: () => sServer(certs.good, '-Verify', '1', '-tls1_3', '-CAfile', caFile, '-alpn', 'h2'), want: tlsFailure('tls_client_cert_required') },
    // A bad record makes the server send a fatal alert (bad_record_mac). TLS 1.3, no answer yet: as a refused handshake. TLS 1.2: the peer ended a session in use.
    { name: 'TLS 1.3: a fatal alert after the request', peer: h1s(spoil, { tls: { secure: v13 } }), want: tlsFailure('tls_alert') },
    { name: 'TLS 1.2: a fatal alert after the request', peer: h1s(spoil, { tls: { secure: v12 } }), want: sessionClosed('tls_alert_after_request') },
    { name: 'TLS 1.3: a fatal alert after half a head', peer: h1s(async c => { await c.write('HTTP/1.1 200 OK\r\n'); await sleep(50); await spoil(c); }, { tls: { secure: v13 } }), want: sessionClosed() },
    { name: 'TLS 1.3: a fatal alert inside the body', peer: h1s(async c => { await c.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'); await sleep(50); await spoil(c); }, { tls: { secure: v13 } }), want: sessionClosed() },
    { name: 'TLS 1.3: a fatal alert after the answer', peer: h1s(async c => { await c.write(okay); await spoil(c); }, { tls: { secure: v13 } }), want: ok() },
    ...[['1.2', v12], ['1.3', v13]].flatMap(([v, secure]) => [
        // We give up: the peer's bytes are no record we can read.
        { name: `TLS ${v}: plain text after the request`, peer: h1s(async c => { await c.writeWire('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'); await c.hold(); }, { tls: { secure } }), want: dispatch('tls_broken_record') },
        { name: `TLS ${v}: a record that cannot be decrypted`, peer: h1s(async c => { await c.writeWire(record(23, Buffer.alloc(40, 1))); await c.hold(); }, { tls: { secure } }), want: dispatch('tls_broken_record') },
        { name: `TLS ${v}: an oversized record`, peer: h1s(async c => { await c.writeWire(Buffer.concat([Buffer.from([23, 3, 3, 0x7f, 0]), Buffer.alloc(0x7f00)])); await c.hold(); }, { tls: { secure } }), want: dispatch('tls_broken_record') },
        { name: `TLS ${v}: an unencrypted alert`, peer: h1s(async c => { await c.writeWire(alert(2, 40)); await c.hold(); }, { tls: { secure } }), want: anyOf(dispatch('tls_broken_record'), sessionClosed(), tlsFailure()) },
        { name: `TLS ${v}: a broken record inside the body`, peer: h1s(async c => { await c.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'); await sleep(50); await c.writeWire(record(23, Buffer.alloc(40, 1))); await c.hold(); }, { tls: { secure } }),
            want: dispatch('tls_broken_record', { processed: 'yes' }) },
        { name: `TLS ${v}: half a record, then FIN`, peer: h1s(async c => { await c.writeWire(Buffer.from([23, 3, 3, 0, 80, 1, 2, 3])); c.fin(); }, { tls: { secure } }), want: sessionClosed('h1_closed_before_head') },
        { name: `TLS ${v}: noise after a complete answer`, peer: h1s(async c => { await c.write(okay); await c.writeWire('noise noise noise'); await c.hold(); }, { tls: { secure } }), want: ok() },
        { name: `TLS ${v}: a session is resumed`, flags: { count: 2 }, want: ok(), peer: h1s(async (c, n, q, p) => { (p.resumed ??= []).push(c.stream.isSessionReused()); await c.write(okay.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')); c.closeNotify(); }, { tls: { secure } }),
            verify: (lines, p) => { assert.deepEqual(p.resumed, [false, true]); assert.ok(lines.every(l => !l.reused)); } },
    ]),
    // close_notify without a FIN says the same.
    { name: 'close_notify alone instead of an answer', peer: h1s(async c => { c.closeNotifyOnly(); await c.hold(); }), want: sessionClosed('h1_closed_before_head') },
    { name: 'close_notify alone inside a body', peer: h1s(async c => { await c.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'); c.closeNotifyOnly(); await c.hold(); }), want: sessionClosed('h1_truncated_body') },
    { name: 'close_notify alone ends a body without a length', peer: h1s(async c => { await c.write('HTTP/1.1 200 OK\r\n\r\nabc'); c.closeNotifyOnly(); await c.hold(); }), want: ok() },
    { name: 'close_notify alone before SETTINGS', peer: h2(null, { open: async c => { c.closeNotifyOnly(); await c.hold(); } }), want: connectClosed('h2_closed_before_settings') },
    { name: 'close_notify alone after HTTP/2 HEADERS', peer: h2(async c => { c.closeNotifyOnly(); await c.hold(); }), want: sessionClosed('h2_closed') },
    { name: 'plain HTTP to a TLS port: the alert is no HTTP', peer: () => sServer(certs.good), url: p => p.url.replace('https:', 'http:'), want: anyOf(dispatch('h1_not_http'), sessionClosed()) },
], { close: () => dns.close() });
