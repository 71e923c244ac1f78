// A bot that answers is found: whatever one family's query came to, however the answer is put together, by whatever way it comes, at whichever
// of its addresses the bot lives.
import assert from 'node:assert/strict';
import { A, AAAA, CNAME, DNAME, RCODE, TXT, dnsPeer } from './lib/dns.mjs';
import { deaf } from './lib/deaf.mjs';
import { connectFailed, connectTimeout, dnsTimeout, ok, unknownHost } from './lib/names.mjs';
import { rawPeer } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

const okay = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const local4 = [{ type: A, value: '127.0.0.1' }], local6 = [{ type: AAAA, value: '::1' }];
const bot = (host, port = 0) => rawPeer(async c => { await c.request(); await c.write(okay); }, { host, port });
const within = ms => ([l]) => assert.ok(l.timings.total_us < ms * 1000, `took ${l.timings.total_us}`);
const atDeadline = ms => ([l]) => assert.ok(l.timings.total_us >= ms * 1000 - 5000, `ended early: ${l.timings.total_us}`);

// A name server of its own for each case, and a bot beside it.
const put = (cases, name, handler, want, { host = '127.0.0.1', timeout = 4000, flags = {}, verify, server, start } = {}) => cases.push({
    name, want, verify,
    peer: async () => {
        const dns = await dnsPeer(handler, server), others = start ? await start() : [await bot(host)];
        return { ...others[0], others, dns, close: () => Promise.all([dns.close(), ...others.map(o => o.close())]) };
    },
    url: p => `http://bot.test:${p.port}/webhook`,
    flags: p => ({ dns: p.dns.address, 'dns-timeout': timeout, ...flags }),
});

// ---- one family good, the other whatever: an address wins, and the order does not matter ----
const races = [];
const codes = { ...RCODE, 'no error and no record': 0 };
for (const [word, rcode] of Object.entries(codes)) {
    for (const [badMs, goodMs] of [[0, 0], [0, 5], [0, 20], [0, 50], [0, 300], [5, 0], [50, 0]]) {
        put(races, `A after ${goodMs} ms, AAAA is ${word} after ${badMs} ms`, q => (q.type === A ? { answers: local4, delay: goodMs } : { rcode, delay: badMs }), ok());
        put(races, `AAAA after ${goodMs} ms, A is ${word} after ${badMs} ms`, q => (q.type === AAAA ? { answers: local6, delay: goodMs } : { rcode, delay: badMs }), ok(), { host: '::1' });
    }
}
suite('one family is enough', races);

// ---- neither: which cause it is does not depend on the order either ----
const neither = [];
const ends = [
    ['NXDOMAIN', 'SERVFAIL', 'dns_nxdomain'], ['NXDOMAIN', 'no error and no record', 'dns_nxdomain'], ['NXDOMAIN', 'REFUSED', 'dns_nxdomain'],
    ['SERVFAIL', 'REFUSED', 'dns_servfail'], ['REFUSED', 'FORMERR', 'dns_refused'], ['NOTIMP', 'no error and no record', 'dns_notimp'],
    ['YXDOMAIN', 'no error and no record', 'dns_bad_response'],
];
for (const [one, other, cause] of ends) {
    for (const first of [A, AAAA]) {
        for (const delay of [0, 30])
            put(neither, `${one} for ${first === A ? 'A' : 'AAAA'}, ${other} ${delay} ms later`, q => (q.type === first ? { rcode: codes[one] } : { rcode: codes[other], delay }), unknownHost(cause));
        put(neither, `${other} for ${first === A ? 'A' : 'AAAA'}, ${one} 30 ms later`, q => (q.type === first ? { rcode: codes[other] } : { rcode: codes[one], delay: 30 }), unknownHost(cause));
    }
}
for (const silent of [A, AAAA]) {
    const word = silent === A ? 'A' : 'AAAA', timeout = 700;
    // What is said of the name is said of both families; anything else leaves open that the silent one has the address.
    put(neither, `${word} is silent, the other NXDOMAIN`, q => (q.type === silent ? null : { rcode: RCODE.NXDOMAIN }), unknownHost('dns_nxdomain'), { timeout, verify: atDeadline(timeout) });
    for (const other of ['SERVFAIL', 'REFUSED', 'NOTIMP', 'FORMERR', 'no error and no record'])
        put(neither, `${word} is silent, the other ${other}`, q => (q.type === silent ? null : { rcode: codes[other] }), dnsTimeout('dns_timeout'), { timeout, verify: atDeadline(timeout) });
}
suite('neither family has an address', neither);

// ---- the other family may come while the first is being tried ----
const late = [];
const after = (type, delay, answers) => q => (q.type === type ? { answers, delay } : { answers: type === A ? local6 : local4 });
const addressOf = (host, min = 0) => ([l], p) => { assert.equal(l.address, `${host}:${p.port}`); assert.ok(l.timings.total_us >= min * 1000); };
put(late, 'AAAA refuses, A comes 200 ms later', after(A, 200, local4), ok(), { verify: addressOf('127.0.0.1', 200) });
put(late, 'A refuses, AAAA comes 200 ms later', after(AAAA, 200, local6), ok(), { host: '::1', verify: addressOf('[::1]', 200) });
put(late, 'AAAA refuses, A comes after the connect time-out', after(A, 600, local4), ok(), { flags: { 'connect-timeout': 400 } });
put(late, 'AAAA has no route, A comes 200 ms later', q => (q.type === A ? { answers: local4, delay: 200 } : { answers: [{ type: AAAA, value: '2001:db8::1' }] }), ok());
put(late, 'AAAA is deaf, A comes 200 ms later', after(A, 200, local4), ok(), { flags: { 'connect-timeout': 3000 }, start: async () => { const b = await bot('127.0.0.1'); return [b, await deaf('::1', b.port)]; } });
put(late, 'AAAA is deaf until the connect time-out, A comes after it', after(A, 900, local4), ok(), { flags: { 'connect-timeout': 500 }, start: async () => { const b = await bot('127.0.0.1'); return [b, await deaf('::1', b.port)]; } });
put(late, 'AAAA refuses, A has none 200 ms later', after(A, 200, []), connectFailed('tcp_refused'));
put(late, 'AAAA refuses, A does not exist 200 ms later', q => (q.type === A ? { rcode: RCODE.NXDOMAIN, delay: 200 } : { answers: local6 }), connectFailed('tcp_refused'));
put(late, 'AAAA refuses, A never answers', q => (q.type === A ? null : { answers: local6 }), connectFailed('tcp_refused'), { timeout: 700, flags: { 'connect-timeout': 300 } });
put(late, 'AAAA is deaf, A never answers', q => (q.type === A ? null : { answers: local6 }), connectTimeout('tcp_timeout'), { timeout: 700, flags: { 'connect-timeout': 300 }, start: async () => [await deaf('::1')] });
put(late, 'a silent family does not hold up a good one', q => (q.type === A ? { answers: local4 } : null), ok(), { verify: within(1500) });
put(late, 'AAAA lies inside, so does A that comes later', after(A, 200, local4), connectFailed('ssrf_blocked'), { flags: { 'allow-private': false } });
suite('a family that comes late', late);

// ---- TC and TCP ----
const tcp = [];
const cut = more => q => (q.overUdp ? { truncated: true, ...more?.udp } : { answers: q.type === A ? local4 : [], ...more?.tcp });
for (const delay of [0, 700, 1500])
    put(tcp, `over TCP after ${delay} ms`, cut({ tcp: { delay } }), ok(), { timeout: delay === 1500 ? 4000 : 2000, verify: ([l], p) => { assert.ok(l.timings.dns_us >= delay * 1000); assert.ok(p.dns.queries.filter(q => !q.overUdp).length <= 2, 'one TCP query a family'); } });
put(tcp, 'SERVFAIL over TCP', q => (q.overUdp ? { truncated: true } : { rcode: RCODE.SERVFAIL }), unknownHost('dns_servfail'));
put(tcp, 'NXDOMAIN over TCP', q => (q.overUdp ? { truncated: true } : { rcode: RCODE.NXDOMAIN }), unknownHost('dns_nxdomain'));
put(tcp, 'TCP closes once without an answer', (() => { const closed = new Set(); return q => (q.overUdp ? { truncated: true } : closed.has(q.type) ? { answers: q.type === A ? local4 : [] } : (closed.add(q.type), 'close')); })(), ok());
put(tcp, 'TCP always closes without an answer', q => (q.overUdp ? { truncated: true } : 'close'), dnsTimeout(['dns_unreachable', 'dns_timeout']), { timeout: 800, verify: atDeadline(800) });
put(tcp, 'TCP is refused', cut(), dnsTimeout('dns_unreachable'), { timeout: 800, server: { tcp: false }, verify: atDeadline(800) });
put(tcp, 'TCP is refused, the other family has an address', q => (q.type === A ? { answers: local4 } : { truncated: true }), ok(), { server: { tcp: false }, verify: within(2000) });
put(tcp, 'TCP is silent', q => (q.overUdp ? { truncated: true } : null), dnsTimeout('dns_timeout'), { timeout: 800, verify: atDeadline(800) });
// What came by datagram is better than nothing.
const part = { part: local4 };
put(tcp, 'TCP is refused, an address was in the datagram', q => (q.type === A ? { truncated: true, ...part } : {}), ok(), { server: { tcp: false }, verify: within(2000) });
put(tcp, 'TCP closes, an address was in the datagram', q => (q.type === AAAA ? {} : q.overUdp ? { truncated: true, ...part } : 'close'), ok(), { verify: within(2000) });
put(tcp, 'TCP is silent, an address was in the datagram', q => (q.type === AAAA ? {} : q.overUdp ? { truncated: true, ...part } : null), ok(), { timeout: 800 });
put(tcp, 'TCP has more than was in the datagram', q => (q.type === AAAA ? {} : { truncated: true, part: [{ type: A, value: '127.0.0.3' }], answers: [{ type: A, value: '127.0.0.3' }, ...local4] }), ok());
// TC over TCP is not the last word either: there is more, and it does not come.
const cutTwice = more => q => (q.type === AAAA ? {} : q.overUdp ? { truncated: true, ...more?.udp } : { truncated: true, cutTcp: true, ...more?.tcp });
put(tcp, 'cut over TCP too, no record', cutTwice(), dnsTimeout('dns_unreachable'), { timeout: 800, verify: atDeadline(800) });
put(tcp, 'cut over TCP too, an address was in the datagram', cutTwice({ udp: part }), ok(), { verify: within(2000) });
put(tcp, 'cut over TCP too, an address is in it', cutTwice({ tcp: part }), ok(), { verify: within(2000) });
put(tcp, 'cut over TCP too, with more addresses than the datagram', cutTwice({ udp: { part: [{ type: A, value: '127.0.0.3' }] }, tcp: { part: [{ type: A, value: '127.0.0.3' }, ...local4] } }), ok(), { verify: within(2000) });
put(tcp, 'cut over TCP too, with a name on the way only', cutTwice({ tcp: { part: [{ type: CNAME, value: 'b.test' }] } }), dnsTimeout('dns_unreachable'), { timeout: 800 });
put(tcp, 'cut over TCP once', (() => { let n = 0; return q => (q.type === AAAA ? {} : q.overUdp || n++ ? { truncated: q.overUdp, answers: local4 } : { truncated: true, cutTcp: true }); })(), ok());
for (const [word, tcpSays] of Object.entries({ 'no record': {}, NXDOMAIN: { rcode: RCODE.NXDOMAIN }, SERVFAIL: { rcode: RCODE.SERVFAIL } }))
    put(tcp, `${word} over TCP, an address was in the datagram`, q => (q.type === AAAA ? {} : q.overUdp ? { truncated: true, ...part } : tcpSays), ok());
// Each request opens a connection: an answer that was cut is not kept, whatever its time to live.
put(tcp, 'cut over TCP too, asked for anew each time', cutTwice({ tcp: part }), ok(), { flags: { count: 3 },
    start: async () => [await rawPeer(async c => { await c.request(); await c.write(okay.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')); c.fin(); })],
    verify: (_, p) => assert.ok(p.dns.queries.filter(q => q.type === A && !q.overUdp).length >= 3) });
put(tcp, 'an answer of 40 KB', q => (q.overUdp ? { truncated: true } : { answers: [...Array.from({ length: 200 }, () => ({ type: TXT, raw: Buffer.alloc(200, 0x20) })), ...(q.type === A ? local4 : [])] }), ok());
put(tcp, 'the answer to another question over TCP', q => (q.overUdp ? { truncated: true } : { answers: local4, id: q.id ^ 1 }), dnsTimeout(), { timeout: 800 });
suite('answers that need TCP', tcp);

// ---- EDNS ----
const edns = [];
const good = q => ({ answers: q.type === A ? local4 : [] });
const plainToo = (_, p) => { const a = p.dns.queries.filter(q => q.type === A); assert.ok(a[0].edns === 1232, 'EDNS first'); assert.ok(a.some(q => q.edns === 0), 'then without'); };
const refusals = {
    FORMERR: { rcode: RCODE.FORMERR }, 'FORMERR without the question': { bytes: q => Buffer.from([q.id >> 8, q.id & 255, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]) },
    'FORMERR with our query': { bytes: q => { const b = Buffer.from(q.message); b[2] |= 0x80; b[3] |= 1; return b; } },
    NOTIMP: { rcode: RCODE.NOTIMP }, BADVERS: { opt: 1 }, 'BADVERS without the question': { bytes: q => Buffer.from([q.id >> 8, q.id & 255, 0x81, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0]) }, SERVFAIL: { rcode: RCODE.SERVFAIL }, REFUSED: { rcode: RCODE.REFUSED }, silence: null,
};
for (const [word, refusal] of Object.entries(refusals)) {
    put(edns, `EDNS is answered with ${word}`, q => (q.edns ? refusal : good(q)), ok(), { timeout: 2000, verify: (l, p) => { plainToo(l, p); if (refusal) within(450)(l); } });
    put(edns, `EDNS is answered with ${word}, and the name does not exist`, q => (q.edns ? refusal : { rcode: RCODE.NXDOMAIN }), unknownHost('dns_nxdomain'), { verify: plainToo });
    put(edns, `EDNS is answered with ${word}, without it the answer is cut`, q => (q.edns ? refusal : { truncated: true, ...good(q) }), ok(), { verify: plainToo });
    put(edns, `EDNS for AAAA is answered with ${word}, A has an address`, q => (q.edns && q.type === AAAA ? refusal : good(q)), ok());
}
// Also where the limit is no longer than the usual pause between two queries.
put(edns, 'EDNS is answered with silence, the limit is 500 ms', q => (q.edns ? null : good(q)), ok(), { timeout: 500, verify: plainToo });
put(edns, 'everything is FORMERR', () => ({ rcode: RCODE.FORMERR }), unknownHost('dns_formerr'), { verify: plainToo });
put(edns, 'everything is BADVERS', () => ({ opt: 1 }), unknownHost('dns_bad_response'));
put(edns, 'FORMERR for EDNS, silence without', q => (q.edns ? { rcode: RCODE.FORMERR } : null), unknownHost('dns_formerr'), { timeout: 700 });
put(edns, 'an answer without OPT', good, ok(), { verify: (_, p) => assert.ok(p.dns.queries.every(q => q.edns === 1232)) });
put(edns, 'an answer with OPT', q => ({ ...good(q), opt: 0 }), ok(), { verify: (_, p) => assert.ok(p.dns.queries.every(q => q.edns === 1232)) });
put(edns, 'SERVFAIL with OPT is not EDNS\'s fault', () => ({ rcode: RCODE.SERVFAIL, opt: 0 }), unknownHost('dns_servfail'), { verify: (_, p) => assert.ok(p.dns.queries.every(q => q.edns === 1232)) });
put(edns, 'no EDNS over TCP', cut(), ok(), { verify: (_, p) => assert.ok(p.dns.queries.some(q => !q.overUdp) && p.dns.queries.every(q => q.overUdp || q.edns === 0)) });
for (const size of [513, 1000, 1232]) {
    const filler = n => ({ type: TXT, name: 'x', raw: Buffer.alloc(n, 0x20) }); // 3 bytes of name, 10 more, and its data
    const withoutFiller = 12 + 14 + 10 + 10 + 4; // header, question "bot.test", the name again, a record, an address
    put(edns, `an answer of ${size} bytes by datagram`, q => ({ answers: q.type === A ? [filler(size - withoutFiller - 13), ...local4] : [] }), ok(),
        { verify: (_, p) => assert.ok(p.dns.queries.every(q => q.overUdp), 'TCP was asked') });
}
// What is learned about a server is kept: with a time to live of 0 each request asks anew.
put(edns, 'a server that drops EDNS is asked without it the next time', q => (q.edns ? null : { answers: q.type === A ? [{ ...local4[0], ttl: 0 }] : [{ ...local6[0], ttl: 0 }] }), ok(),
    { flags: { count: 3 }, start: async () => [await rawPeer(async c => { await c.request(); await c.write(okay.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')); c.fin(); })],
        verify: (lines, p) => { assert.equal(p.dns.queries.filter(q => q.type === A && q.edns).length, 1); assert.ok(lines.slice(1).every(l => l.timings.dns_us < 450_000)); } });
suite('EDNS', edns);

// ---- what an answer is made of ----
const records = [];
const alias = (name, value, more) => ({ type: CNAME, name, value, ...more });
const chain = [alias('bot.test', 'b.test'), alias('b.test', 'c.test'), alias('c.test', 'd.test'), { type: A, name: 'd.test', value: '127.0.0.1' }];
const shown = rs => rs.map(r => (r.type === A ? 'A' : r.value[0])).join(', ');
function* orders(list) {
    if (list.length < 2) yield list;
    else for (const [i, first] of list.entries()) for (const rest of orders(list.toSpliced(i, 1))) yield [first, ...rest];
}
for (const order of orders(chain)) put(records, `the records ${shown(order)}`, q => ({ answers: q.type === A ? order : [] }), ok());
for (const order of orders([{ type: DNAME, name: 'test', value: 'example' }, alias('bot.test', 'bot.example', { ttl: 0 }), { type: A, name: 'bot.example', value: '127.0.0.1' }]))
    put(records, `a DNAME among ${order.map(r => r.type).join(', ')}`, q => ({ answers: q.type === A ? order : [] }), ok());
put(records, 'names in another case', q => ({ answers: q.type === A ? [{ ...local4[0], name: 'B.TEST' }, alias('Bot.Test', 'b.tesT')] : [] }), ok());
put(records, 'the address before a loop of others', q => ({ answers: q.type === A ? [...local4, alias('x.test', 'y.test'), alias('y.test', 'x.test')] : [] }), ok());
put(records, 'a loop, backwards', () => ({ answers: [alias('b.test', 'bot.test'), alias('bot.test', 'b.test')] }), unknownHost('dns_cname_loop'));
put(records, 'a loop behind a name', () => ({ answers: [alias('c.test', 'b.test'), alias('b.test', 'c.test'), alias('bot.test', 'b.test')] }), unknownHost('dns_cname_loop'));
put(records, 'an alias without an end', () => ({ answers: chain.slice(0, 3).reverse() }), unknownHost('dns_nodata'));
for (const length of [0, 3, 5, 16])
    put(records, `an A record of ${length} bytes`, q => ({ answers: q.type === A ? [{ type: A, raw: Buffer.alloc(length, 127) }] : [] }), unknownHost('dns_bad_response'));
put(records, 'an AAAA record of 4 bytes', q => ({ answers: q.type === AAAA ? [{ type: AAAA, raw: Buffer.alloc(4, 127) }] : [] }), unknownHost('dns_bad_response'));
put(records, 'an A record of 3 bytes, and a good AAAA', q => ({ answers: q.type === A ? [{ type: A, raw: Buffer.alloc(3, 127) }] : local6 }), ok(), { host: '::1' });
put(records, 'a broken A record of another name', q => ({ answers: q.type === A ? [{ type: A, name: 'x.test', raw: Buffer.alloc(3, 127) }, ...local4] : [] }), ok());
suite('records', records);

// ---- many addresses ----
const many = [];
const range = n => Array.from({ length: n }, (_, i) => ({ type: A, value: `127.0.${1 + (i >> 7)}.${1 + (i & 127)}` }));
const addresses = (n, last) => q => ({ answers: q.type === A ? [...range(n - 1), { type: A, value: last }] : [] });
for (const n of [17, 40, 64])
    put(many, `${n} addresses, only the last listens`, addresses(n, '127.0.0.1'), ok(), { flags: { 'connect-timeout': 2000 }, verify: within(2000) });
put(many, '40 of each family, only the last of IPv4 listens', q => ({ answers: q.type === A ? addresses(40, '127.0.0.1')(q).answers : Array.from({ length: 40 }, (_, i) => ({ type: AAAA, value: `2001:db8::${i + 1}` })) }), ok());
put(many, '40 addresses, none listens', addresses(40, '127.0.0.3'), connectFailed('tcp_refused'), { verify: within(3500) });
suite('many addresses', many);
