// What operators really run: proxies in front of bots that fail behind them, and Node's own servers. Both protocols.
import assert from 'node:assert/strict';
import https from 'node:https';
import { certs } from './lib/certs.mjs';
import { A, dnsPeer } from './lib/dns.mjs';
import { answer, h2, settings } from './lib/h2.mjs';
import { anyOf, connectClosed, dispatch, negotiation, noTlsRecord, ok, sessionClosed, status, streamClosed, timeout, tlsFailure } from './lib/names.mjs';
import { haproxy, nghttpd, nginx, unbound } from './lib/peers.mjs';
import { h1, h1s, sleep } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

const okay = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const short = { 'response-timeout': 1000 };

// A bot of ours behind a real proxy.
const behind = (front, bot) => async () => {
    const b = await bot();
    const f = await front(b.port);
    return { ...f, bot: b, close: () => Promise.all([f.close(), b.close()]) };
};
const viaHaproxy = alpn => port => haproxy(`    mode http\n    default_backend b\nbackend b\n    mode http\n    server s 127.0.0.1:${port}`, { alpn });
const viaNginx = (alpn, more = '') => port => nginx(`listen 127.0.0.1:PORT ssl ${alpn === 'h2' ? 'http2' : ''}; ${more} location / { proxy_pass http://127.0.0.1:${port}; }`);
const alone = (alpn, lines) => () => haproxy(`    mode http\n${lines}`, { alpn });

const healthy = h1(okay);
const closes = h1(c => c.fin());
const silent = h1(c => c.hold());
const truncated = h1(async c => { await c.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'); c.fin(); });
const unfinished = h1(async c => { await c.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'); c.fin(); });
const reset = h1(async c => { await c.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'); await sleep(50); c.rst(); });
const noise = h1('this is not HTTP\r\n\r\n');

for (const alpn of ['h2', 'http/1.1']) {
    // The same fault behind a proxy: HTTP/2 can reset one stream, HTTP/1 has only the connection to close.
    const cut = alpn === 'h2' ? streamClosed(undefined) : sessionClosed('h1_truncated_body');
    suite(`proxies, ${alpn}`, [
        { name: 'haproxy, healthy', peer: behind(viaHaproxy(alpn), healthy), flags: { count: 3 }, want: ok(), verify: lines => assert.deepEqual(lines.map(l => l.reused), [false, true, true]) },
        { name: 'haproxy reject', peer: alone(alpn, '    http-request reject'), want: alpn === 'h2' ? streamClosed() : sessionClosed('h1_closed_before_head') },
        // The socket is gone without a word: silence, or a RST if our kernel still had something to acknowledge. Without root, haproxy can only close.
        { name: 'haproxy silent-drop', peer: alone(alpn, '    http-request silent-drop'), flags: short, want: anyOf(timeout('response_silent'), sessionClosed(['h1_reset_before_head', 'h1_closed_before_head', 'h2_reset', 'h2_closed'])) },
        { name: 'haproxy tarpit', peer: alone(alpn, '    timeout tarpit 300ms\n    http-request tarpit deny_status 500'), want: status(500) },
        { name: 'haproxy return', peer: alone(alpn, '    http-request return status 200'), flags: { count: 2 }, want: ok() },
        { name: 'haproxy redirect', peer: alone(alpn, '    http-request redirect location /x'), want: status(302, 'status_redirect') },
        { name: 'haproxy without a server', peer: alone(alpn, ''), want: status(503) },
        { name: 'haproxy, the bot closes inside the body', peer: behind(viaHaproxy(alpn), truncated), want: alpn === 'h2' ? anyOf(cut, dispatch('h2_malformed_message', { processed: 'yes' })) : cut },
        { name: 'haproxy, the bot is silent', peer: behind(viaHaproxy(alpn), silent), flags: short, want: timeout('response_silent') },
        { name: 'haproxy, the bot speaks no HTTP', peer: behind(viaHaproxy(alpn), noise), want: status(502) },
        { name: 'nginx, healthy', peer: behind(viaNginx(alpn), healthy), flags: { count: 3 }, want: ok(), verify: lines => assert.deepEqual(lines.map(l => l.reused), [false, true, true]) },
        { name: 'nginx, the bot closes', peer: behind(viaNginx(alpn), closes), want: status(502) },
        { name: 'nginx, the bot closes inside the body', peer: behind(viaNginx(alpn), truncated), want: cut },
        { name: 'nginx unbuffered, the bot closes inside the body', peer: behind(viaNginx(alpn, 'proxy_buffering off;'), truncated), want: cut },
        { name: 'nginx, the bot leaves its chunks unfinished', peer: behind(viaNginx(alpn), unfinished), want: cut },
        { name: 'nginx, the bot resets inside the body', peer: behind(viaNginx(alpn), reset), want: cut },
        { name: 'nginx, the bot is too slow for it', peer: behind(viaNginx(alpn, 'proxy_read_timeout 300ms;'), silent), want: status(504) },
        { name: 'nginx, the bot is too slow for us', peer: behind(viaNginx(alpn), silent), flags: short, want: timeout('response_silent') },
    ]);
}

const node = (options, handler) => async () => {
    const server = https.createServer({ cert: certs.good.cert, key: certs.good.key, ...options }, handler);
    server.on('tlsClientError', () => {});
    await new Promise(r => server.listen(0, '127.0.0.1', r));
    return { url: `https://127.0.0.1:${server.address().port}/webhook`, close: async () => { server.closeAllConnections(); server.close(); } };
};
suite('other servers', [
    { name: 'Node: the socket is destroyed', peer: node({}, q => q.socket.destroy()), want: sessionClosed(['h1_closed_before_head', 'h1_reset_before_head']) },
    { name: 'Node: destroyed inside the body', peer: node({}, (q, r) => { r.writeHead(200, { 'content-length': 10 }); r.write('abc'); setTimeout(() => q.socket.destroy(), 50); }), want: sessionClosed('h1_truncated_body') },
    { name: 'Node: destroyed inside a chunked body', peer: node({}, (q, r) => { r.write('abc'); setTimeout(() => q.socket.destroy(), 50); }), want: sessionClosed('h1_truncated_body') },
    { name: 'Node: never ends', peer: node({}, (q, r) => { r.write('abc'); }), flags: short, want: timeout('response_body_stalled', { processed: 'yes' }) },
    { name: 'Node: a client certificate, TLS 1.2', peer: node({ requestCert: true, maxVersion: 'TLSv1.2' }, (q, r) => r.end()), want: tlsFailure(['tls_alert_handshake_failure', 'tls_client_cert_required']) },
    { name: 'Node: a client certificate, TLS 1.3', peer: node({ requestCert: true }, (q, r) => r.end()), want: tlsFailure('tls_client_cert_required') },
    { name: 'Node: early hints', peer: node({}, (q, r) => { r.writeEarlyHints({ link: '</a>; rel=preload' }); r.end(); }), want: ok() },
    { name: 'Node: 102 and 100', peer: node({}, (q, r) => { r.writeProcessing(); r.writeContinue(); r.end('x'); }), want: ok() },
    { name: 'Node: trailers', peer: node({}, (q, r) => { r.setHeader('trailer', 'x-sum'); r.write('x'); r.addTrailers({ 'x-sum': '1' }); r.end(); }), want: ok() },
    { name: 'nghttpd without TLS', peer: () => nghttpd('--no-tls'), want: noTlsRecord('tls_no_record') },
    { name: 'nghttpd that wants a client certificate', peer: () => nghttpd('--verify-client'), want: tlsFailure('tls_client_cert_required') },
    { name: 'nghttpd that pushes', peer: () => nghttpd('-p', '/webhook=/a,/b'), want: ok() },
    { name: 'nghttpd with tiny windows', peer: () => nghttpd('-w', '1', '-W', '1'), want: ok() },
    { name: 'nghttpd echoes our body', peer: () => nghttpd('--echo-upload'), want: ok() },
    { name: 'nghttpd without a content-length', peer: () => nghttpd('--no-content-length'), want: ok() },
    { name: 'haproxy in TCP mode without a server', peer: () => haproxy('    mode tcp'), want: connectClosed(['tls_closed', 'tls_reset', 'tcp_closed']) },
    { name: 'haproxy in TCP mode that cannot reach its server', peer: () => haproxy('    mode tcp\n    timeout connect 200ms\n    retries 0\n    default_backend b\nbackend b\n    mode tcp\n    retries 0\n    server s 127.0.0.1:9'), want: connectClosed(['tls_closed', 'tls_reset']) },
    { name: 'haproxy speaks HTTP on the TLS port', peer: () => haproxy('    mode http'), want: noTlsRecord('tls_no_record') },
    { name: 'a name server on the port', peer: async () => { const u = await unbound(''); return { ...u, url: `https://127.0.0.1:${u.port}/` }; }, flags: { 'session-timeout': 400 }, want: anyOf(negotiation('tls_stall'), connectClosed()) },
]);

// Every phase has a budget of its own: three waits that would break any one budget together, but none of them alone.
const slowDns = () => dnsPeer(q => ({ delay: 500, answers: q.type === A ? [{ type: A, value: '127.0.0.1' }] : [] }));
const later = ms => ({ tap: (chunk, c) => { c.later = (c.later ?? sleep(ms)).then(() => c.writeWire(chunk)); return null; } });
const budgets = { 'dns-timeout': 900, 'session-timeout': 900, 'response-timeout': 900 };
const withDns = bot => async () => {
    const dns = await slowDns();
    const b = await bot();
    return { ...b, dns, close: () => Promise.all([dns.close(), b.close()]) };
};
const byName = { url: p => `https://bot.test:${p.port}/webhook`, flags: p => ({ ...budgets, dns: p.dns.address }) };
suite('budgets', [
    { name: 'slow everywhere, late nowhere, HTTP/1', ...byName, peer: withDns(h1s(async c => { await sleep(500); await c.write(okay); }, { tls: later(500) })), want: ok(), verify: ([l]) => assert.ok(l.timings.total_us > 1_450_000) },
    { name: 'slow everywhere, late nowhere, HTTP/2', ...byName, want: ok(), verify: ([l]) => assert.ok(l.timings.total_us > 1_450_000),
        peer: withDns(h2(null, { open: async (c, f) => { await sleep(500); await c.write(settings()); const id = await f.request(); await sleep(500); await c.write(answer(id)); await c.hold(); } })) },
    // TLS and SETTINGS share the budget of the session.
    { name: 'TLS and SETTINGS together are too slow', flags: { 'session-timeout': 700 }, want: negotiation('h2_settings_timeout'), verify: ([l]) => assert.ok(l.timings.total_us < 1_000_000),
        peer: h2(null, { open: async c => { await sleep(450); await c.write(settings()); await c.hold(); }, tls: later(450) }) },
    { name: 'the answer is late after a slow handshake', flags: { 'session-timeout': 1500, 'response-timeout': 1000 }, peer: h1s(c => c.hold(), { tls: later(600) }), want: timeout('response_silent'), verify: ([l]) => assert.ok(l.timings.total_us >= 1_590_000) },
]);
