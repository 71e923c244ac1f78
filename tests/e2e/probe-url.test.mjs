// Invalid URL syntax: decided without any I/O; and URLs that look odd but are right.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dnsPeer, zone, A } from './lib/dns.mjs';
import { anyOf, invalidUrl, ok, connectFailed } from './lib/names.mjs';
import { h1s, rawPeer } from './lib/raw.mjs';
import { certs } from './lib/certs.mjs';
import { run } from './lib/probe.mjs';
import { suite } from './lib/suite.mjs';

const dns = await dnsPeer(q => (/\.test$|^日本語$/.test(q.name) ? { answers: q.type === A ? [{ type: A, value: '127.0.0.1' }] : [] } : { rcode: 3 }));
const long = (n, c = 'a') => c.repeat(n);

const bad = {
    'an empty URL': ['', ['url_syntax', 'url_scheme', 'url_host_empty']],
    'words': ['not a url', ['url_syntax', 'url_control_character', 'url_scheme']],
    'no scheme': ['bot.test/webhook', ['url_syntax', 'url_scheme']],
    'scheme-relative': ['//bot.test/webhook', ['url_syntax', 'url_scheme']],
    'http where it is not allowed': ['http://bot.test/', 'url_scheme'],
    'ftp': ['ftp://bot.test/', 'url_scheme'],
    'file': ['file:///etc/passwd', ['url_scheme', 'url_host_empty']],
    'javascript': ['javascript:alert(1)', ['url_scheme', 'url_syntax', 'url_host_empty']],
    'wss': ['wss://bot.test/', 'url_scheme'],
    'a scheme with a bad character': ['ht_tps://bot.test/', ['url_scheme', 'url_syntax']],
    'no slashes': ['https:bot.test', ['url_host_empty', 'url_syntax']],
    'one slash': ['https:/bot.test', ['url_host_empty', 'url_syntax']],
    'nothing after the slashes': ['https://', 'url_host_empty'],
    'path only': ['https:///webhook', 'url_host_empty'],
    'port only': ['https://:443/', 'url_host_empty'],
    'query only': ['https://?a=b', 'url_host_empty'],
    'a user': ['https://user@bot.test/', 'url_userinfo'],
    'user and password': ['https://user:pw@bot.test/', 'url_userinfo'],
    'an empty user': ['https://@bot.test/', 'url_userinfo'],
    'two at-signs': ['https://bot.test@evil.test@bot.test/', ['url_userinfo', 'url_syntax']],
    'port 0': ['https://bot.test:0/', 'url_port'],
    'port 65536': ['https://bot.test:65536/', 'url_port'],
    'a port beyond 64 bits': ['https://bot.test:18446744073709551617/', 'url_port'],
    'a negative port': ['https://bot.test:-1/', ['url_port', 'url_syntax']],
    'a port of letters': ['https://bot.test:https/', ['url_port', 'url_syntax']],
    'a port with a letter': ['https://bot.test:443a/', ['url_port', 'url_syntax']],
    'two ports': ['https://bot.test:443:443/', ['url_port', 'url_syntax']],
    'a space in the path': ['https://bot.test/a b', ['url_control_character', 'url_syntax']],
    'a space in the host': ['https://bot .test/', ['url_control_character', 'url_syntax', 'url_idna']],
    'a leading space': [' https://bot.test/', ['url_control_character', 'url_syntax']],
    'a trailing space': ['https://bot.test/ ', ['url_control_character', 'url_syntax']],
    'a tab': ['https://bot.test/a\tb', ['url_control_character', 'url_syntax']],
    'a line break': ['https://bot.test/a\r\nX: y', ['url_control_character', 'url_syntax']],
    'a trailing line break': ['https://bot.test/\n', ['url_control_character', 'url_syntax']],
    'DEL': ['https://bot.test/\x7f', ['url_control_character', 'url_syntax']],
    'a byte 1': ['https://bot.test/\x01', ['url_control_character', 'url_syntax']],
    'a next-line control (U+0085)': ['https://bot.test/\u0085', ['url_control_character', 'url_syntax']],
    'a percent sign alone': ['https://bot.test/%', 'url_syntax'],
    'a percent sign with no hex': ['https://bot.test/%zz', 'url_syntax'],
    'half a percent code': ['https://bot.test/%4', 'url_syntax'],
    'a vertical bar': ['https://bot.test/a|b', 'url_syntax'],
    'braces': ['https://bot.test/{id}', 'url_syntax'],
    'a backslash': ['https://bot.test\\webhook', ['url_syntax', 'url_idna']],
    'a backslash in the path': ['https://bot.test/a\\b', 'url_syntax'],
    'angle brackets': ['https://bot.test/<a>', 'url_syntax'],
    'a quotation mark': ['https://bot.test/"', 'url_syntax'],
    'a caret': ['https://bot.test/^', 'url_syntax'],
    'a back-tick in the query': ['https://bot.test/?a=`', 'url_syntax'],
    'square brackets in the path': ['https://bot.test/a[0]', 'url_syntax'],
    'a second fragment mark': ['https://bot.test/#a#b', 'url_syntax'],
    'letters outside ASCII in the path': ['https://bot.test/ウェブ', 'url_syntax'],
    'letters outside ASCII in the query': ['https://bot.test/?q=é', 'url_syntax'],
    'an open bracket': ['https://[::1/', ['url_syntax', 'url_ip_literal']],
    'brackets around nothing': ['https://[]/', ['url_syntax', 'url_ip_literal', 'url_host_empty']],
    'brackets around a name': ['https://[bot.test]/', ['url_syntax', 'url_ip_literal']],
    'brackets around IPv4': ['https://[127.0.0.1]/', ['url_syntax', 'url_ip_literal']],
    'an IPv6 address with a bad digit': ['https://[::g]/', ['url_syntax', 'url_ip_literal']],
    'an IPv6 address too long': ['https://[1:2:3:4:5:6:7:8:9]/', ['url_syntax', 'url_ip_literal']],
    'an IPv6 address with two gaps': ['https://[1::2::3]/', ['url_syntax', 'url_ip_literal']],
    'text after the bracket': ['https://[::1]x/', ['url_syntax', 'url_port', 'url_ip_literal']],
    'an IPvFuture address': ['https://[v1.abc]/', ['url_syntax', 'url_ip_literal']],
    'IPv6 without brackets': ['https://::1/', ['url_syntax', 'url_port', 'url_host_empty']],
    'an empty label': ['https://bot..test/', ['url_idna', 'url_syntax']],
    'a leading dot': ['https://.bot.test/', ['url_idna', 'url_syntax']],
    'only a dot': ['https://./', ['url_idna', 'url_syntax', 'url_host_empty']],
    'a label of 64': [`https://${long(64)}.test/`, 'url_label_too_long'],
    'a name of 254': [`https://${`${long(62)}.`.repeat(4)}ab/`, 'url_name_too_long'],
    'a label of 64 after IDNA': [`https://${long(40, 'ü')}${long(30)}.test/`, ['url_label_too_long', 'url_idna']],
    'broken punycode': ['https://xn--a-ecp.test/', ['url_idna']],
    'punycode of nothing': ['https://xn--.test/', ['url_idna']],
    'a joiner where none may be': ['https://a\u200db.test/', 'url_idna'],
    'a leading combining mark': ['https://\u0301a.test/', 'url_idna'],
    'mixed directions in a label': ['https://aא.test/', 'url_idna'],
    'a symbol IDNA 2008 does not know': ['https://☃\u2028.test/', ['url_idna', 'url_syntax', 'url_control_character']],
    'broken UTF-8 in the host, percent-coded': ['https://%ff%fe.test/', ['url_idna', 'url_syntax']],
    'a NUL, percent-coded, in the host': ['https://bot%00.test/', ['url_idna', 'url_syntax']],
    'a slash, percent-coded, in the host': ['https://bot%2ftest/', ['url_idna', 'url_syntax']],
    '501 characters': [`https://bot.test/${long(484)}`, 'url_too_long'],
    '100,000 characters': [`https://bot.test/${long(100_000)}`, 'url_too_long'],
};

const nothingDone = ([line]) => {
    assert.equal(line.phase, 'url');
    assert.equal(line.address, null);
    assert.equal(line.http, null);
    for (const t of ['dns_us', 'connect_us', 'tls_us', 'send_us', 'first_byte_us']) assert.equal(line.timings[t], 0, t);
};

suite('Invalid URL syntax', Object.entries(bad).map(([name, [url, cause]]) => ({
    name, url, flags: { dns: dns.address, 'allow-http': false }, want: invalidUrl(cause), verify: nothingDone,
})));

const okay = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const target = (want, host) => (_, peer) => {
    assert.equal(peer.requests[0].target, want);
    if (host) assert.equal(peer.requests[0].headers.host, host.replace('PORT', peer.port));
};
const good = {
    'a query without a path': [p => `https://bot.test:${p}?a=1`, target('/?a=1')],
    'no path': [p => `https://bot.test:${p}`, target('/')],
    'an empty query': [p => `https://bot.test:${p}/a?`, target('/a?')],
    'a fragment is not sent': [p => `https://bot.test:${p}/a?b#c`, target('/a?b')],
    'upper case scheme and host': [p => `HTTPS://BOT.TEST:${p}/A`, target('/A', 'bot.test:PORT')],
    'percent codes go out as they came': [p => `https://bot.test:${p}/%2f%2F%e3%81%82?%20`, target('/%2f%2F%e3%81%82?%20')],
    'every character a path may have': [p => `https://bot.test:${p}/-._~!$&'()*+,;=:@//x;y`, target("/-._~!$&'()*+,;=:@//x;y")],
    'a question mark and slash in the query': [p => `https://bot.test:${p}/?a/b?c`, target('/?a/b?c')],
    'a leading zero in the port': [p => `https://bot.test:0${p}/`, target('/')],
    '500 characters': [p => `https://bot.test:${p}/`.padEnd(500, 'a'), (_, peer) => assert.equal(peer.requests.length, 1)],
    'a name in Japanese': [p => `https://日本語.bots.test:${p}/`, target('/', 'xn--wgv71a119e.bots.test:PORT')],
    'a name in punycode': [p => `https://xn--wgv71a119e.bots.test:${p}/`, target('/', 'xn--wgv71a119e.bots.test:PORT')],
    'a final dot': [p => `https://bot.test.:${p}/`, target('/')],
    'a label of 63': [p => `https://${long(63)}.bots.test:${p}/`, target('/')],
    'an underscore in a name': [p => `https://a_b.test:${p}/`, target('/')],
    'an IPv4 address': [p => `https://127.0.0.1:${p}/`, target('/', '127.0.0.1:PORT')],
};
suite('odd but right URLs', Object.entries(good).map(([name, [url, verify]]) => ({
    name, peer: h1s(okay), url: peer => url(peer.port), flags: { dns: dns.address }, want: ok(), verify,
})));

suite('URLs with more than one reading', [
    // RFC 3986 lets a port be empty: then it is the scheme's own.
    { name: 'an empty port', url: 'https://127.0.0.1:/', want: anyOf(connectFailed('tcp_refused'), invalidUrl('url_port')), verify: ([l]) => l.address && assert.equal(l.address, '127.0.0.1:443') },
    { name: 'an IPv6 literal', peer: () => rawPeer(async c => { await c.request(); await c.write(okay); }, { tls: { cert: certs.good }, host: '::1' }),
        want: ok(), verify: ([l], p) => assert.equal(l.address, `[::1]:${p.port}`) },
    { name: 'the long spelling of an IPv6 address', peer: h1s(okay, { host: '::1' }), url: p => `https://[0:0:0:0:0:0:0:1]:${p.port}/`, want: ok() },
], { close: () => dns.close() });

describe('the words of a probe', () => {
    const en = { LC_ALL: 'C' }, ja = { LC_ALL: '', LC_MESSAGES: '', LANG: 'ja_JP.UTF-8' };
    const members = ['reason', 'detail', 'cause', 'processed', 'phase', 'status', 'http', 'address', 'reused', 'retries', 'timings', 'explanation', 'advice'];

    it('are in the language of the locale, or the one asked for', async () => {
        for (const [args, env, japanese] of [[[], en, false], [[], ja, true], [['--lang', 'ja'], en, true], [['--lang=en'], ja, false]]) {
            const people = await run(['probe', 'https://', ...args], { env });
            assert.equal(people.code, 10, people.stderr);
            assert.equal(/処理された可能性/.test(people.stdout), japanese, people.stdout);
            const line = JSON.parse((await run(['probe', 'https://', '--json', ...args], { env })).stdout);
            assert.deepEqual(Object.keys(line), members);
            assert.equal(/[ぁ-ん]/.test(line.explanation) && /[ぁ-ん]/.test(line.advice), japanese, JSON.stringify(line));
            const [row] = JSON.parse((await run(['explain', '--json', '--lang', japanese ? 'ja' : 'en', line.cause])).stdout);
            assert.deepEqual([line.explanation, line.advice], [row.explanation, row.advice]);
        }
        for (const lang of ['fr', '', 'EN']) assert.match((await run(['probe', 'https://x/', '--lang', lang])).stderr, /--lang takes en or ja/);
    });

    it("name the command's own option where a node would need another", async () => {
        for (const [url, option, others] of [['http://bot.example.com/', '--allow-http', '--allow-http-targets'], ['https://127.0.0.1:1/', '--allow-private', '--allow-private-targets']]) {
            for (const lang of ['en', 'ja']) {
                const said = (await run(['probe', url, '--lang', lang])).stdout;
                assert.ok(said.includes(`\`${option}\``), said);
                assert.ok(!said.includes(others), said);
                const { advice } = JSON.parse((await run(['probe', url, '--json', '--lang', lang])).stdout);
                assert.ok(advice.includes(`\`${option}\``) && !advice.includes(others), advice);
            }
        }
    });
});
