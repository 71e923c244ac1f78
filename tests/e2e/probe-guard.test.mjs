// The address guard: no spelling of an inside address gets a packet out, whether it stands in the URL, comes from DNS, or from a redirect.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { dnsPeer, A, AAAA, CNAME } from './lib/dns.mjs';
import { anyOf, connectFailed, invalidUrl, ok, status, unknownHost } from './lib/names.mjs';
import { unbound } from './lib/peers.mjs';
import { rawPeer } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

// Two listeners on one port that must never be reached.
const v4 = await rawPeer(async c => c.hold(), { host: '0.0.0.0' });
const v6 = await rawPeer(async c => c.hold(), { host: '::', port: v4.port }).catch(() => rawPeer(async c => c.hold(), { host: '::' }));
const port = v4.port;

const inside4 = ['127.0.0.1', '127.0.0.53', '127.255.255.255', '0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1',
    '192.168.255.255', '169.254.169.254', '169.254.0.1', '100.64.0.1', '100.127.255.255', '192.0.0.1', '198.18.0.1', '198.19.255.255', '224.0.0.1', '239.255.255.255', '240.0.0.1',
    '255.255.255.255'];
const inside6 = ['::1', '::', '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '::ffff:169.254.169.254', '::127.0.0.1', '64:ff9b::7f00:1', '64:ff9b::127.0.0.1',
    '64:ff9b::a9fe:a9fe', '64:ff9b:1::7f00:1', '2002:7f00:1::', '2002:7f00:0001::1', '2002:a00:1::1', '2002:c0a8:101::', '2002:a9fe:a9fe::', 'fe80::1', 'febf::1', 'fec0::1', 'fc00::1', 'fd00::1',
    'fd00:ec2::254', 'ff02::1', 'ff0e::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001', '0:0:0:0:0:ffff:7f00:1'];
// What inet_aton() takes for an address. As a registered name it does not exist either: then Unknown host.
const oldSpellings = ['127.1', '127.0.1', '0x7f.1', '0x7f000001', '0X7F.0.0.1', '2130706433', '017700000001', '0177.0.0.1', '0177.1', '127.0.0.1.', '127.1.', '0x7f.0.0.0x1', '00000177.0.0.1',
    '0', '0x0', '10.1', '0xa9fea9fe', '2852039166', '169.254.43518', '0300.0250.1', '0xc0a80001'];
// More than one reading: must not get through, by whichever rule.
const disguised = ['%31%32%37.0.0.1', '127%2e0.0.1', '１２７.0.0.1', '127。0。0。1', '①②⑦.0.0.1', 'ⅼocalhost', 'LOCALHOST', '%6cocalhost', 'ｌｏｃａｌｈｏｓｔ', '[::1%25lo]', '[fe80::1%25eth0]', '[fe80::1%eth0]', '[::1%lo]',
    '[fe80::1%251]', '4294967297', '127.0.0.1%00.bot.test', '256.256.256.256', '127.0.0.257', '1.2.3.4.5', '0x7f.0x0.0x0.0x1.', '127.0.0.1..'];

const untouched = () => {
    assert.equal(v4.conns.length, 0, 'a connection over IPv4');
    assert.equal(v6.conns.length, 0, 'a connection over IPv6');
};
const blocked = connectFailed('ssrf_blocked');
const strict = { 'allow-private': false };

const names = Object.fromEntries([...inside4, ...inside6].map((ip, i) => [`n${i}.test`, ip]));
const local = await unbound(Object.entries(names).map(([n, ip]) => `    local-data: "${n}. ${ip.includes(':') ? 'AAAA' : 'A'} ${ip}"`).join('\n') + `
    local-data: "both.test. A 127.0.0.1"
    local-data: "both.test. AAAA ::1"
    local-data: "many.test. A 10.0.0.1"
    local-data: "many.test. A 10.0.0.2"
    local-data: "many.test. A 192.168.1.1"
    local-data: "localhost.test. A 127.0.0.1"
`);
const viaUnbound = { ...strict, dns: `127.0.0.1:${local.port}` };
const rebinding = await dnsPeer((q, n) => {
    if (q.name === 'alias.test') return { answers: [{ type: CNAME, value: 'inside.test' }, ...(q.type === A ? [{ type: A, name: 'inside.test', value: '127.0.0.1' }] : [])] };
    if (q.name === 'rebind.test') return { answers: q.type === A ? [{ type: A, ttl: 0, value: n % 2 ? '127.0.0.1' : '10.0.0.1' }] : [] };
    if (q.name === 'mapped.test') return { answers: q.type === AAAA ? [{ type: AAAA, value: '::ffff:7f00:1' }] : [] };
    if (q.name === 'localhost' || q.name === 'foo.localhost') return { answers: q.type === A ? [{ type: A, value: '127.0.0.1' }] : [] };
    return { rcode: 3 };
});
const viaOurs = { ...strict, dns: rebinding.address };

for (const scheme of ['https', 'http']) {
    suite(`inside addresses in an ${scheme} URL`, [...inside4, ...inside6.map(i => `[${i}]`)].map(host => ({
        name: host, url: `${scheme}://${host}:${port}/`, flags: strict, want: blocked, verify: untouched,
    })));
}
suite('old spellings of IPv4', oldSpellings.map(host => ({
    name: host, url: `https://${host}:${port}/`, flags: viaOurs, want: blocked, verify: untouched,
})));
// Our own addresses are inside, whatever range they are of.
const own = Object.values(networkInterfaces()).flat().filter(i => !i.address.startsWith('fe80')).map(i => (i.family === 'IPv6' || i.family === 6 ? `[${i.address}]` : i.address));
suite('addresses of this machine', own.map(host => ({ name: host, url: `https://${host}:${port}/`, flags: strict, want: blocked, verify: untouched })));
suite('disguised addresses', disguised.map(host => ({
    name: host, url: `https://${host}:${port}/`, flags: viaOurs, verify: untouched,
    want: anyOf(blocked, invalidUrl(), unknownHost()),
})));
suite('inside addresses by name', [
    ...Object.entries(names).map(([n, ip]) => ({ name: `${n} is ${ip}`, url: `https://${n}:${port}/`, flags: viaUnbound, want: blocked, verify: untouched })),
    { name: 'both families', url: `https://both.test:${port}/`, flags: viaUnbound, want: blocked, verify: untouched },
    { name: 'several addresses', url: `https://many.test:${port}/`, flags: viaUnbound, want: blocked, verify: untouched },
    { name: 'through a CNAME', url: `https://alias.test:${port}/`, flags: viaOurs, want: blocked, verify: untouched },
    { name: 'v4-mapped in an AAAA', url: `https://mapped.test:${port}/`, flags: viaOurs, want: blocked, verify: untouched },
    { name: 'an answer that changes', url: `https://rebind.test:${port}/`, flags: { ...viaOurs, count: 4 }, want: blocked, verify: untouched },
    { name: 'localhost', url: `https://localhost:${port}/`, flags: viaOurs, want: anyOf(blocked, unknownHost()), verify: untouched },
    { name: 'localhost with a final dot', url: `https://localhost.:${port}/`, flags: viaOurs, want: anyOf(blocked, unknownHost()), verify: untouched },
    { name: 'a name under localhost', url: `https://foo.localhost:${port}/`, flags: viaOurs, want: anyOf(blocked, unknownHost()), verify: untouched },
    { name: 'localhost without a name server given', url: `https://localhost:${port}/`, flags: strict, want: anyOf(blocked, unknownHost()), verify: untouched },
    { name: 'the default port is no way round', url: 'https://127.0.0.1/', flags: strict, want: blocked },
]);

// Ports of services that are no web servers (WHATWG Fetch, "port blocking"), whatever the address, and before a name is looked up.
const otherServices = [1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080];
const asked = [];
const counting = await dnsPeer(q => { asked.push(q.name); return { answers: q.type === A ? [{ type: A, value: '127.0.0.1' }] : [] }; });
const viaCounting = { dns: counting.address };
const unasked = ([l]) => { assert.equal(l.phase, 'resolve'); assert.equal(l.address, null); assert.deepEqual(asked, []); };
const allowed = ([l]) => { assert.notEqual(l.cause, 'ssrf_blocked'); assert.match(l.address, /^127\.0\.0\.1:/); };
suite('ports of other services', [
    ...otherServices.map(p => ({ name: `port ${p}`, url: `https://bot.test:${p}/`, flags: viaCounting, want: blocked, verify: unasked })),
    { name: 'http', url: 'http://bot.test:25/', flags: viaCounting, want: blocked, verify: unasked },
    { name: 'an address', url: 'https://127.0.0.1:22/', want: blocked, verify: unasked },
    { name: 'IPv6', url: 'https://[::1]:6667/', want: blocked, verify: unasked },
    { name: 'leading zeros', url: 'https://127.0.0.1:00025/', want: blocked, verify: unasked },
    { name: 'for each of several requests', url: 'https://127.0.0.1:25/', flags: { count: 3 }, want: blocked },
    { name: 'a redirect there', peer: () => rawPeer(async c => {
        await c.request();
        await c.write('HTTP/1.1 302 Elsewhere\r\nLocation: http://127.0.0.1:25/\r\nContent-Length: 0\r\n\r\n');
    }), want: status(302, 'status_redirect') },
    ...[1, 9, 25, 6667, 10080].map(p => ({ name: `port ${p} where the operator allows it`, url: `https://127.0.0.1:${p}/`, flags: { 'allow-any-port': true, 'session-timeout': 300 }, want: {}, verify: allowed })),
    { name: 'allowed ports allow no address', url: `https://127.0.0.1:25/`, flags: { ...strict, 'allow-any-port': true }, want: blocked },
], { close: () => counting.close() });

// Allowed inside addresses work, and a redirect to the inside is reported, never followed.
const redirect = code => () => rawPeer(async c => {
    await c.request();
    await c.write(`HTTP/1.1 ${code} Elsewhere\r\nLocation: http://127.0.0.1:${port}/\r\nContent-Length: 0\r\n\r\n`);
});
suite('redirects are not followed', [300, 301, 302, 303, 304, 307, 308].map(code => ({
    name: `${code} to an inside address`, peer: redirect(code), want: status(code, 'status_redirect'), verify: untouched,
})));

suite('where the operator allows it', [
    { name: 'an inside address', peer: () => rawPeer(async c => { await c.request(); await c.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'); }), want: ok() },
], { close: () => Promise.all([local.close(), rebinding.close(), v4.close(), v6.close()]) });
