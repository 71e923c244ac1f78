// Connection failed and Connection timeout: closed ports, full queues, firewalls and routing tables; and happy eyeballs (RFC 8305).
import assert from 'node:assert/strict';
import { A, AAAA, dnsPeer } from './lib/dns.mjs';
import { deaf } from './lib/deaf.mjs';
import { connectFailed, connectTimeout, dispatch, ok } from './lib/names.mjs';
import { netns, nft } from './lib/netns.mjs';
import { freePort } from './lib/peers.mjs';
import { rawPeer } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

const okay = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const connecting = ([l]) => { assert.equal(l.phase, 'connect'); assert.equal(l.timings.tls_us, 0); assert.equal(l.http, null); };
const atDeadline = ms => ([l]) => { connecting([l]); assert.ok(l.timings.total_us >= ms * 1000 - 5000, `ended early: ${l.timings.total_us}`); };
const quick = ms => ([l]) => { connecting([l]); assert.ok(l.timings.total_us < ms * 1000, `took ${l.timings.total_us}`); };

const free4 = await freePort(), free6 = await freePort('::1');
suite('loopback', [
    { name: 'nothing listens', url: `https://127.0.0.1:${free4}/`, want: connectFailed('tcp_refused'), verify: quick(300) },
    { name: 'nothing listens, IPv6', url: `https://[::1]:${free6}/`, want: connectFailed('tcp_refused'), verify: quick(300) },
    { name: 'nothing listens, without TLS', url: `http://127.0.0.1:${free4}/`, want: connectFailed('tcp_refused'), verify: quick(300) },
    { name: 'three times', url: `https://127.0.0.1:${free4}/`, flags: { count: 3 }, want: connectFailed('tcp_refused') },
    { name: 'a full accept queue', peer: () => deaf(), flags: { 'connect-timeout': 400 }, want: connectTimeout('tcp_timeout'), verify: atDeadline(400) },
    { name: 'a full accept queue, IPv6', peer: () => deaf('::1'), flags: { 'connect-timeout': 400 }, want: connectTimeout('tcp_timeout'), verify: atDeadline(400) },
]);

// A refusal made while connect() still holds the socket is only remembered, and said at the next SYN a second later: hence the deadlines of 2 s and more.
const ns = await netns(`${nft(`
table inet f {
    chain in {
        type filter hook input priority 0;
        tcp dport 4001 reject with tcp reset
        tcp dport 4002 reject
        tcp dport 4003 reject with icmp host-unreachable
        tcp dport 4004 reject with icmp net-unreachable
        tcp dport 4005 reject with icmp admin-prohibited
        tcp dport 4006 drop
        tcp dport 4007 reject with icmpv6 addr-unreachable
        tcp dport 4008 reject with icmpv6 no-route
        tcp dport 4009 reject with icmpv6 admin-prohibited
    }
}`)}
ip route add prohibit 10.99.1.0/24
ip route add blackhole 10.99.2.0/24
ip route add unreachable 10.99.3.0/24
ip -6 route add prohibit fd99:1::/64
ip -6 route add blackhole fd99:2::/64
ip link add v0 type veth peer name v1
ip addr add 10.99.5.1/24 dev v0
ip link set v0 up
ip link set v1 up
sysctl -qw net.ipv4.neigh.v0.retrans_time_ms=100
ip neigh add 10.99.5.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent`);
const short = await netns(`${nft('table inet f { chain in { type filter hook input priority 0; tcp dport 4006 drop; }; }')}
sysctl -qw net.ipv4.tcp_syn_retries=1
sysctl -qw net.ipv4.tcp_syn_linear_timeouts=0 2>/dev/null || true`);
const unreachable = ['tcp_host_unreachable', 'tcp_net_unreachable'];
const wrap = ns.wrap;
suite('firewalls and routes', [
    { name: 'nftables reject with tcp reset', url: 'https://127.0.0.1:4001/', wrap, want: connectFailed('tcp_refused'), verify: connecting },
    { name: 'nftables reject (port unreachable)', url: 'https://127.0.0.1:4002/', wrap, want: connectFailed('tcp_refused'), verify: connecting },
    { name: 'nftables reject with icmp host-unreachable', url: 'https://127.0.0.1:4003/', wrap, want: connectFailed('tcp_host_unreachable'), verify: connecting },
    { name: 'nftables reject with icmp net-unreachable', url: 'https://127.0.0.1:4004/', wrap, want: connectFailed(unreachable), verify: connecting },
    { name: 'nftables reject with icmp admin-prohibited', url: 'https://127.0.0.1:4005/', wrap, want: connectFailed([...unreachable, 'tcp_prohibited']), verify: connecting },
    { name: 'nftables drop', url: 'https://127.0.0.1:4006/', wrap, flags: { 'connect-timeout': 400 }, want: connectTimeout('tcp_timeout'), verify: atDeadline(400) },
    { name: 'nftables drop, without TLS', url: 'http://127.0.0.1:4006/', wrap, flags: { 'connect-timeout': 400 }, want: connectTimeout('tcp_timeout'), verify: atDeadline(400) },
    { name: 'nftables reject over IPv6', url: 'https://[::1]:4001/', wrap, want: connectFailed('tcp_refused'), verify: connecting },
    { name: 'nftables reject with icmpv6 addr-unreachable', url: 'https://[::1]:4007/', wrap, want: connectFailed(unreachable), verify: connecting },
    { name: 'nftables reject with icmpv6 no-route', url: 'https://[::1]:4008/', wrap, want: connectFailed(unreachable), verify: connecting },
    { name: 'nftables reject with icmpv6 admin-prohibited', url: 'https://[::1]:4009/', wrap, want: connectFailed([...unreachable, 'tcp_prohibited']), verify: connecting },
    { name: 'nftables drop over IPv6', url: 'https://[::1]:4006/', wrap, flags: { 'connect-timeout': 400 }, want: connectTimeout('tcp_timeout'), verify: atDeadline(400) },
    { name: 'route prohibit (EACCES)', url: 'https://10.99.1.1/', wrap, want: connectFailed('tcp_prohibited'), verify: quick(300) },
    { name: 'route blackhole (EINVAL)', url: 'https://10.99.2.1/', wrap, want: connectFailed('tcp_invalid'), verify: quick(300) },
    { name: 'route unreachable (EHOSTUNREACH)', url: 'https://10.99.3.1/', wrap, want: connectFailed('tcp_host_unreachable'), verify: quick(300) },
    { name: 'no route at all (ENETUNREACH)', url: 'https://10.99.4.1/', wrap, want: connectFailed('tcp_net_unreachable'), verify: quick(300) },
    { name: 'IPv6 route prohibit', url: 'https://[fd99:1::1]/', wrap, want: connectFailed('tcp_prohibited'), verify: quick(300) },
    { name: 'IPv6 route blackhole', url: 'https://[fd99:2::1]/', wrap, want: connectFailed('tcp_invalid'), verify: quick(300) },
    { name: 'no IPv6 route at all', url: 'https://[fd99:4::1]/', wrap, want: connectFailed('tcp_net_unreachable'), verify: quick(300) },
    { name: 'a wire that swallows everything', url: 'https://10.99.5.2/', wrap, flags: { 'connect-timeout': 400 }, want: connectTimeout('tcp_timeout'), verify: atDeadline(400) },
    { name: 'nobody answers ARP', url: 'https://10.99.5.3/', wrap, want: connectFailed('tcp_host_unreachable'), verify: connecting },
    { name: 'the kernel gives up first (ETIMEDOUT)', url: 'https://127.0.0.1:4006/', wrap: short.wrap, flags: { 'connect-timeout': 8000 }, want: connectTimeout('tcp_etimedout'),
        verify: ([l]) => assert.ok(l.timings.total_us < 7_000_000) },
], { skip: ns.missing ?? short.missing, close: () => Promise.all([ns.close(), short.close()]) });

// A fault of our own machine never blames the bot.
const noPorts = await netns(`${nft('table inet f { chain in { type filter hook input priority 0; tcp dport 4006 drop; }; }')}
sysctl -qw net.ipv4.ip_local_port_range="40000 40000"
bash -c 'exec 3<>/dev/tcp/127.0.0.1/4006' >/dev/null 2>&1 &
for i in $(seq 100); do ss -Htn state syn-sent | grep -q . && break; sleep 0.05; done`);
suite('our own machine', [
    { name: 'no local port is left', url: 'https://127.0.0.1:4006/', wrap: noPorts.wrap, want: dispatch('local_addresses', { processed: 'no' }), verify: connecting },
], { skip: noPorts.missing, close: () => noPorts.close() });

// name → addresses, by a name server of the case; the port is the same for all of them.
const named = (addresses, start) => async () => {
    const dns = await dnsPeer(q => ({ answers: addresses.filter(a => a.includes(':') === (q.type === AAAA)).map(value => ({ type: q.type, value })).filter(() => q.type === A || q.type === AAAA) }));
    const servers = await start();
    return { ...servers[0], servers, dns, close: () => Promise.all([dns.close(), ...servers.map(s => s.close())]) };
};
const bot = (host, port) => rawPeer(async c => { await c.request(); await c.write(okay); }, { host, port });
// An accepting bot on one address and a deaf listener on another, on one port.
const beside = async (live, dead) => {
    for (let i = 0; ; i++) {
        const b = await bot(live, 0);
        try {
            return [b, await deaf(dead, b.port)];
        } catch (e) {
            await b.close();
            if (i === 4) throw e;
        }
    }
};
const url = p => `http://bot.test:${p.port}/webhook`;
const flags = p => ({ dns: p.dns.address, 'connect-timeout': 1500 });
const at = (address, [min, max]) => ([l], p) => {
    assert.equal(l.address, `${address}:${p.port}`);
    assert.ok(l.timings.connect_us >= min * 1000 && l.timings.connect_us <= max * 1000, `connecting took ${l.timings.connect_us}`);
};
suite('happy eyeballs', [
    { name: 'IPv6 first when it lives', peer: named(['127.0.0.1', '::1'], async () => [await bot('::1', 0)]), url, flags, want: ok(), verify: at('[::1]', [0, 400]) },
    { name: 'AAAA refused, A alive', peer: named(['127.0.0.1', '::1'], async () => [await bot('127.0.0.1', 0)]), url, flags, want: ok(), verify: at('127.0.0.1', [0, 240]) },
    { name: 'AAAA dead, A alive: 250 ms', peer: named(['127.0.0.1', '::1'], () => beside('127.0.0.1', '::1')), url, flags, want: ok(), verify: at('127.0.0.1', [200, 550]) },
    { name: 'the second of two A alive', peer: named(['127.0.0.1', '127.0.0.2'], async () => [await bot('127.0.0.2', 0)]), url, flags, want: ok(), verify: at('127.0.0.2', [0, 240]) },
    { name: 'one of eight A alive', peer: named([1, 2, 3, 4, 5, 6, 7, 8].map(n => `127.0.0.${n}`), async () => [await bot('127.0.0.7', 0)]), url, flags, want: ok(), verify: at('127.0.0.7', [0, 900]) },
    { name: 'every address refused', peer: named(['127.0.0.1', '127.0.0.2', '::1'], async () => [{ port: await freePort(), close() {} }]), url, flags, want: connectFailed('tcp_refused'), verify: quick(900) },
    // One attempt is still pending at the deadline: it is the clock that ended it.
    { name: 'one refused, one dead', peer: named(['127.0.0.1', '127.0.0.2'], async () => [await deaf('127.0.0.2')]), url, flags: p => ({ ...flags(p), 'connect-timeout': 600 }), want: connectTimeout('tcp_timeout'), verify: atDeadline(600) },
    { name: 'the loser of the race gets no request', peer: named(['127.0.0.1', '::1'], async () => { const a = await bot('::1', 0); return [a, await bot('127.0.0.1', a.port).catch(() => ({ conns: [], close() {} }))]; }), url, flags, want: ok(),
        verify: (_, p) => assert.equal(p.servers[1].conns.length, 0) },
]);
