// A name server by hand (UDP and TCP on one port) for answers that unbound and NSD would never give, to queries with EDNS and without.
import dgram from 'node:dgram';
import net from 'node:net';
import { sleep } from './raw.mjs';

export const A = 1, NS = 2, CNAME = 5, SOA = 6, TXT = 16, AAAA = 28, DNAME = 39;
export const RCODE = { FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, YXDOMAIN: 6 };
const OPT = 41;

const nameBytes = name => Buffer.concat([...name.replace(/\.$/, '').split('.').filter(Boolean).map(l => Buffer.from([l.length, ...Buffer.from(l)])), Buffer.from([0])]);

function ip6(text) {
    const [left, right] = text.split('::').map(h => (h ? h.split(':') : []));
    const groups = right === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
    return Buffer.from(groups.flatMap(g => { const n = parseInt(g, 16); return [n >> 8, n & 255]; }));
}

const rdata = { [A]: v => Buffer.from(v.split('.').map(Number)), [AAAA]: ip6, [CNAME]: nameBytes, [DNAME]: nameBytes };

// record: { type, value, name?, ttl?, raw?, length? }; raw is the data as bytes
function recordBytes(r, question) {
    const data = r.raw ?? rdata[r.type](r.value);
    const fixed = Buffer.alloc(10);
    fixed.writeUInt16BE(r.type);
    fixed.writeUInt16BE(1, 2);
    fixed.writeUInt32BE(r.ttl ?? 60, 4);
    fixed.writeUInt16BE(r.length ?? data.length, 8);
    return Buffer.concat([nameBytes(r.name ?? question.name), fixed, data]);
}

function parse(message) {
    const labels = [];
    let at = 12;
    for (; message[at]; at += message[at] + 1) labels.push(message.subarray(at + 1, at + 1 + message[at]).toString('latin1').toLowerCase());
    const question = message.subarray(12, at + 5), more = message.subarray(at + 5);
    const edns = message.readUInt16BE(10) > 0 && more.readUInt16BE(1) === OPT ? more.readUInt16BE(3) : 0;
    return { id: message.readUInt16BE(0), name: labels.join('.'), type: message.readUInt16BE(at + 1), question, edns, message };
}

// An OPT record: what a server that speaks EDNS adds. upper: the upper bits of the error code (BADVERS is 16).
function opt(upper) {
    const b = Buffer.alloc(11);
    b.writeUInt16BE(OPT, 1);
    b.writeUInt16BE(1232, 3);
    b[5] = upper;
    return b;
}

function build(q, a, overUdp) {
    if (a.bytes) return a.bytes(q);
    const cut = a.truncated && (overUdp || a.cutTcp);
    const head = Buffer.alloc(12);
    head.writeUInt16BE(a.id ?? q.id);
    head.writeUInt16BE(0x8180 | (a.rcode ?? 0) | (cut ? 0x200 : 0), 2);
    head.writeUInt16BE(1, 4);
    const answers = cut ? a.part ?? [] : a.answers ?? [];
    head.writeUInt16BE(answers.length, 6);
    const tail = a.opt === undefined ? [] : [opt(a.opt)];
    head.writeUInt16BE(tail.length, 10);
    return Buffer.concat([head, q.question, ...answers.map(r => recordBytes(r, q)), ...tail]);
}

/* handler(q, n): q = { name, type, id, edns (its size, or 0), overUdp }, n = how many queries of this name and type came before; returns null
 * (silence), 'close' (the TCP connection) or { rcode, answers, truncated, cutTcp, part, delay, id, opt, bytes }. Over UDP, and with cutTcp over
 * TCP too, a truncated answer has only the records of part. tcp false: nobody listens there. */
export async function dnsPeer(handler, { tcp: overTcp = true } = {}) {
    const counts = new Map(), sockets = new Set();
    const peer = { queries: [] };
    const respond = async (message, send, overUdp, hangUp) => {
        const q = parse(message);
        const key = `${q.name}/${q.type}`;
        const n = counts.get(key) ?? 0;
        counts.set(key, n + 1);
        peer.queries.push({ ...q, overUdp });
        const a = handler({ ...q, overUdp }, n);
        if (!a) return;
        if (a === 'close') return hangUp?.();
        if (a.delay) await sleep(a.delay);
        send(build(q, a, overUdp));
    };
    // The same port for both transports: take a UDP one, try it for TCP, else begin again.
    let udp, tcp;
    for (;;) {
        udp = dgram.createSocket('udp4');
        await new Promise(r => udp.bind(0, '127.0.0.1', r));
        tcp = net.createServer(s => {
            sockets.add(s);
            s.on('error', () => {});
            let all = Buffer.alloc(0);
            s.on('data', d => {
                all = Buffer.concat([all, d]);
                while (all.length >= 2 && all.length >= 2 + all.readUInt16BE(0)) {
                    const m = all.subarray(2, 2 + all.readUInt16BE(0));
                    all = all.subarray(2 + m.length);
                    respond(m, b => s.write(Buffer.concat([Buffer.from([b.length >> 8, b.length & 255]), b])), false, () => s.destroy());
                }
            });
        });
        const listening = await new Promise(r => tcp.once('error', () => r(false)).listen(udp.address().port, '127.0.0.1', () => r(true)));
        if (listening && !overTcp) await new Promise(r => tcp.close(r));
        if (listening) break;
        udp.close();
    }
    let open = true;
    udp.on('message', (m, from) => respond(m, b => open && udp.send(b, from.port, from.address), true));
    peer.address = `127.0.0.1:${udp.address().port}`;
    peer.close = async () => {
        open = false;
        sockets.forEach(s => s.destroy());
        await Promise.all([new Promise(r => udp.close(r)), new Promise(r => (overTcp ? tcp.close(r) : r()))]);
    };
    return peer;
}

// The usual case: these addresses for this name, nothing for others.
export const zone = table => q => ({ answers: (table[q.name] ?? []).filter(r => r.type === q.type || r.type === CNAME), rcode: table[q.name] ? 0 : RCODE.NXDOMAIN });
