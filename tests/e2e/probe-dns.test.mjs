// Unknown host and DNS Query timeout, with unbound and NSD, and a name server by hand for the answers those do not give.
import assert from 'node:assert/strict';
import { A, AAAA, CNAME, RCODE, dnsPeer } from './lib/dns.mjs';
import { anyOf, dnsTimeout, ok, unknownHost } from './lib/names.mjs';
import { freePort, nsd, together, unbound } from './lib/peers.mjs';
import { h1 } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

const okay = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const real = await together({
    unbound: () => unbound(`
    local-zone: "nx.test." static
    local-data: "txt.test. TXT only"
    local-zone: "drop.test." deny
    local-zone: "refuse.test." always_refuse
    local-zone: "nxall.test." always_nxdomain
    local-zone: "nodata.test." always_nodata
    local-data: "bot.test. A 127.0.0.1"
`),
    nsd: () => nsd({
        'missing.test': null,
        'zone.test': '@ IN SOA a. b. 1 60 60 60 60\n@ IN NS a.\nbot IN A 127.0.0.1\nalias IN CNAME bot\ndangling IN CNAME nowhere\nloop1 IN CNAME loop2\nloop2 IN CNAME loop1\ntxt IN TXT x\n* IN A 127.0.0.1\n',
    }),
});
const at = s => ({ dns: `127.0.0.1:${s.port}` });
const host = name => peer => `http://${name}:${peer.port}/webhook`;
const ended = ([l]) => { assert.equal(l.phase, 'resolve'); assert.equal(l.address, null); assert.equal(l.timings.connect_us, 0); };
const none = name => `https://${name}/`; // no connection is ever tried
const atDeadline = ms => ([l]) => { ended([l]); assert.ok(l.timings.total_us >= ms * 1000 - 5000, `ended early: ${l.timings.total_us}`); };

suite('real name servers', [
    { name: 'unbound: static zone', url: none('a.nx.test'), flags: at(real.unbound), want: unknownHost('dns_nxdomain'), verify: ended },
    { name: 'unbound: always_nxdomain', url: none('a.nxall.test'), flags: at(real.unbound), want: unknownHost('dns_nxdomain'), verify: ended },
    { name: 'unbound: TXT only', url: none('txt.test'), flags: at(real.unbound), want: unknownHost('dns_nodata'), verify: ended },
    { name: 'unbound: always_nodata', url: none('a.nodata.test'), flags: at(real.unbound), want: unknownHost('dns_nodata'), verify: ended },
    { name: 'unbound: deny', url: none('a.drop.test'), flags: { ...at(real.unbound), 'dns-timeout': 500 }, want: dnsTimeout('dns_timeout'), verify: atDeadline(500) },
    { name: 'unbound: always_refuse', url: none('a.refuse.test'), flags: at(real.unbound), want: unknownHost('dns_refused'), verify: ended },
    { name: 'unbound: an address', peer: h1(okay), url: host('bot.test'), flags: at(real.unbound), want: ok() },
    { name: 'NSD: missing zone file', url: none('bot.missing.test'), flags: at(real.nsd), want: unknownHost('dns_servfail'), verify: ended },
    { name: 'NSD: a zone it does not have', url: none('bot.example'), flags: at(real.nsd), want: unknownHost('dns_refused'), verify: ended },
    { name: 'NSD: an address', peer: h1(okay), url: host('bot.zone.test'), flags: at(real.nsd), want: ok() },
    { name: 'NSD: a CNAME', peer: h1(okay), url: host('alias.zone.test'), flags: at(real.nsd), want: ok() },
    { name: 'NSD: a wildcard', peer: h1(okay), url: host('any.thing.zone.test'), flags: at(real.nsd), want: ok() },
    { name: 'NSD: TXT only', url: none('txt.zone.test'), flags: at(real.nsd), want: unknownHost('dns_nodata'), verify: ended },
    // "loop1" and "loop2" name each other.
    { name: 'NSD: a CNAME loop', url: none('loop1.zone.test'), flags: at(real.nsd), want: unknownHost('dns_cname_loop'), verify: ended },
], { close: () => real.close() });

const local4 = [{ type: A, value: '127.0.0.1' }];
// A name server of its own for each case, and a bot beside it.
const both = handler => async () => {
    const dns = await dnsPeer(handler);
    const bot = await h1(okay)();
    return { ...bot, dns, close: () => Promise.all([dns.close(), bot.close()]) };
};
const cases = [];
const put = (name, handler, want, { timeout = 2000, verify } = {}) => cases.push({
    name, want, verify, peer: both(handler), url: host('bot.test'), flags: p => ({ dns: p.dns.address, 'dns-timeout': timeout }),
});
const rcode = (code, more = {}) => () => ({ rcode: code, ...more });
const only = (type, answers, other) => q => (q.type === type ? { answers } : other);

put('SERVFAIL', rcode(RCODE.SERVFAIL), unknownHost('dns_servfail'));
put('REFUSED', rcode(RCODE.REFUSED), unknownHost('dns_refused'));
put('FORMERR', rcode(RCODE.FORMERR), unknownHost('dns_formerr'));
put('NOTIMP', rcode(RCODE.NOTIMP), unknownHost('dns_notimp'));
// The name is asked for as it stands: no search list of this machine is tried behind it.
const asked = name => (_, p) => assert.deepEqual([...new Set(p.dns.queries.map(q => q.name))], [name]);
put('NXDOMAIN', rcode(RCODE.NXDOMAIN), unknownHost('dns_nxdomain'), { verify: asked('bot.test') });
put('an rcode nobody should send (YXDOMAIN)', rcode(RCODE.YXDOMAIN), anyOf(unknownHost(), dnsTimeout()), { timeout: 600 });
put('an empty answer', rcode(0), unknownHost('dns_nodata'));
put('A fails, AAAA is empty', q => (q.type === A ? { rcode: RCODE.SERVFAIL } : {}), unknownHost('dns_servfail'));
put('A is empty, AAAA fails', q => (q.type === AAAA ? { rcode: RCODE.SERVFAIL } : {}), unknownHost('dns_servfail'));
put('A is empty, AAAA refused', q => (q.type === AAAA ? { rcode: RCODE.REFUSED } : {}), unknownHost('dns_refused'));
put('a CNAME to itself', () => ({ answers: [{ type: CNAME, value: 'bot.test' }] }), unknownHost('dns_cname_loop'));
put('a CNAME loop of two', () => ({ answers: [{ type: CNAME, value: 'b.test' }, { type: CNAME, name: 'b.test', value: 'bot.test' }] }), unknownHost('dns_cname_loop'));
put('a CNAME to a name with no address', () => ({ answers: [{ type: CNAME, value: 'b.test' }] }), unknownHost('dns_nodata'));
put('a CNAME to a name that is not there', () => ({ rcode: RCODE.NXDOMAIN, answers: [{ type: CNAME, value: 'b.test' }] }), unknownHost('dns_nxdomain'));
put('an A record of 3 bytes', () => ({ answers: [{ type: A, raw: Buffer.from([127, 0, 0]) }] }), anyOf(unknownHost(['dns_bad_response', 'dns_nodata']), dnsTimeout()), { timeout: 600 });
put('an answer cut short', q => ({ answers: [{ type: q.type, raw: Buffer.alloc(4), length: 400 }] }), anyOf(unknownHost('dns_bad_response'), dnsTimeout()), { timeout: 600 });
put('noise', () => ({ bytes: q => Buffer.concat([Buffer.from([q.id >> 8, q.id & 255]), Buffer.alloc(40, 0xff)]) }), anyOf(unknownHost('dns_bad_response'), dnsTimeout(), unknownHost()), { timeout: 600 });
put('three bytes', () => ({ bytes: () => Buffer.from([1, 2, 3]) }), anyOf(unknownHost('dns_bad_response'), dnsTimeout()), { timeout: 600 });
put('a compression pointer to itself', q => ({ bytes: () => Buffer.concat([Buffer.from([q.id >> 8, q.id & 255, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]), q.question, Buffer.from([0xc0, 12 + q.question.length, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1])]) }),
    anyOf(unknownHost(), dnsTimeout(), ok()), { timeout: 600 });

const header = (q, flags, counts) => Buffer.from([q.id >> 8, q.id & 255, ...flags, ...counts.flatMap(n => [0, n])]);
put('the answer to another question', () => ({ bytes: q => Buffer.concat([header(q, [0x81, 0x80], [1, 1, 0, 0]), Buffer.from('\x03foo\x04test\0\0\x01\0\x01', 'latin1'), Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1])]) }),
    dnsTimeout('dns_timeout'), { timeout: 500 });
put('our query comes back', () => ({ bytes: q => Buffer.concat([header(q, [1, 0], [1, 0, 0, 0]), q.question]) }), anyOf(unknownHost(['dns_nodata', 'dns_bad_response']), dnsTimeout()), { timeout: 600 });
put('NXDOMAIN with an address', q => ({ rcode: RCODE.NXDOMAIN, answers: q.type === A ? local4 : [] }), unknownHost('dns_nxdomain'));
put('SERVFAIL with an address', q => ({ rcode: RCODE.SERVFAIL, answers: q.type === A ? local4 : [] }), unknownHost('dns_servfail'));
put('a slow SERVFAIL', rcode(RCODE.SERVFAIL, { delay: 600 }), unknownHost('dns_servfail'), { timeout: 3000 });
put('the address of another name', q => ({ answers: q.type === A ? [{ ...local4[0], name: 'other.test' }] : [] }), unknownHost('dns_nodata'));
put('an AAAA query answered with an A', () => ({ answers: local4 }), ok());
put('a time to live of 2^32-1', q => ({ answers: q.type === A ? [{ ...local4[0], ttl: 0xffffffff }] : [] }), ok());
put('a record of a type nobody asked for', q => ({ answers: [{ type: 39, raw: Buffer.from('\x04test\0', 'latin1') }, ...(q.type === A ? local4 : [])] }), ok());
put('silence', () => null, dnsTimeout('dns_timeout'), { timeout: 500, verify: atDeadline(500) });
put('A is silent, AAAA is empty', only(AAAA, [], null), dnsTimeout('dns_timeout'), { timeout: 500 });
put('A is empty, AAAA is silent', only(A, [], null), dnsTimeout('dns_timeout'), { timeout: 500 });
put('A is silent, AAAA fails', q => (q.type === AAAA ? { rcode: RCODE.SERVFAIL } : null), dnsTimeout('dns_timeout'), { timeout: 500 });
put('too late', () => ({ answers: local4, delay: 900 }), dnsTimeout('dns_timeout'), { timeout: 400 });
put('the wrong id', q => ({ answers: local4, id: q.id ^ 1 }), dnsTimeout('dns_timeout'), { timeout: 500 });

put('A answers, AAAA is empty', only(A, local4, {}), ok());
put('A answers, AAAA does not exist (a broken balancer)', only(A, local4, { rcode: RCODE.NXDOMAIN }), ok());
put('A answers, AAAA fails', only(A, local4, { rcode: RCODE.SERVFAIL }), ok());
put('A answers, AAAA is refused', only(A, local4, { rcode: RCODE.REFUSED }), ok());
put('A answers, AAAA NOTIMP', only(A, local4, { rcode: RCODE.NOTIMP }), ok());
// RFC 8305 3: an address in hand is used after 50 ms, whatever the other family does.
put('A answers, AAAA is silent', only(A, local4, null), ok(), { verify: ([l]) => assert.ok(l.timings.total_us < 700_000, `waited for AAAA: ${l.timings.total_us}`) });
put('A answers, AAAA is slow', q => (q.type === A ? { answers: local4 } : { answers: [], delay: 1500 }), ok(), { verify: ([l]) => assert.ok(l.timings.total_us < 700_000, `waited for AAAA: ${l.timings.total_us}`) });
put('slow but in time', q => (q.type === A ? { answers: local4, delay: 300 } : {}), ok());
put('the first packets are lost', (q, n) => (n === 0 ? null : q.type === A ? { answers: local4 } : {}), ok());
put('truncated over UDP, whole over TCP', q => ({ truncated: true, answers: q.type === A ? local4 : [] }), ok(), { verify: (_, p) => assert.ok(p.dns.queries.some(q => !q.overUdp)) });
put('truncated over UDP, silent over TCP', q => (q.overUdp ? { truncated: true } : null), dnsTimeout(), { timeout: 600 });
put('sixteen CNAMEs', q => {
    const chain = Array.from({ length: 16 }, (_, i) => ({ type: CNAME, name: i ? `c${i}.test` : 'bot.test', value: `c${i + 1}.test` }));
    return { answers: [...chain, ...(q.type === A ? [{ type: A, name: 'c16.test', value: '127.0.0.1' }] : [])] };
}, ok());
put('a time to live of 0', q => ({ answers: q.type === A ? [{ type: A, ttl: 0, value: '127.0.0.1' }] : [] }), ok());
put('the same address forty times', q => ({ answers: q.type === A ? Array(40).fill(local4[0]) : [] }), ok());

suite('answers by hand', cases);

const closedPort = await freePort();
const cached = await dnsPeer(q => ({ answers: q.type === A ? [{ ...local4[0], ttl: 60 }] : [] }));
suite('around the name server', [
    { name: 'a name of one label', peer: both(rcode(RCODE.NXDOMAIN)), url: host('bot'), flags: p => ({ dns: p.dns.address }), want: unknownHost('dns_nxdomain'), verify: asked('bot') },
    { name: 'a name of one label that exists', peer: both(q => ({ answers: q.type === A ? local4 : [] })), url: host('bot'), flags: p => ({ dns: p.dns.address }), want: ok() },
    // No resolver can be reached: ICMP says so at once, or the deadline does.
    { name: 'nothing listens there', url: none('bot.test'), flags: { dns: `127.0.0.1:${closedPort}`, 'dns-timeout': 600 }, want: dnsTimeout(['dns_unreachable', 'dns_timeout']), verify: ended },
    { name: 'one answer serves several requests while it lives', peer: h1(async c => { await c.write(okay.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')); c.fin(); }), url: host('bot.test'),
        flags: { dns: cached.address, count: 3 }, want: ok(), verify: (_, p) => { assert.equal(p.conns.length, 3); assert.ok(cached.queries.filter(q => q.type === A).length <= 3); } },
    // RFC 6761 6.3: localhost is loopback, whoever is asked.
    { name: 'localhost is ourselves', peer: h1(okay), url: host('localhost'), flags: { dns: `127.0.0.1:${closedPort}` }, want: ok() },
    { name: 'an address needs no name server', peer: h1(okay), flags: { dns: `127.0.0.1:${closedPort}` }, want: ok(), verify: ([l]) => assert.ok(l.timings.dns_us < 5000) },
], { close: () => cached.close() });
