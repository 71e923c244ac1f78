// Byte-exact peers. A peer is a script: an async function over one accepted connection that reads, writes, waits, and ends it as the case wants
// (FIN, RST, close_notify, silence). With TLS, the record layer runs over a pipe of ours, so that the script can still cut, hold or spoil the bytes on the wire.
import net from 'node:net';
import tls from 'node:tls';
import { Duplex } from 'node:stream';
import { certs } from './certs.mjs';

export const sleep = ms => new Promise(r => setTimeout(r, ms));
const bytes = data => (typeof data === 'string' ? Buffer.from(data, 'latin1') : data);

export class Conn {
    constructor(socket, index) {
        this.socket = socket; // the TCP socket
        this.index = index;   // 0 for the peer's first connection
        this.stream = socket; // what application bytes go through
        this.pending = Buffer.alloc(0);
        this.ended = false;
        this.waiters = [];
        socket.setNoDelay(true);
        socket.on('error', () => {});
        this.closed = new Promise(r => socket.once('close', r));
        socket.once('close', () => this.#end());
    }

    listen() {
        this.stream.on('data', d => {
            this.pending = Buffer.concat([this.pending, d]);
            this.#wake();
        });
        this.stream.on('end', () => this.#end());
        return this;
    }

    #end() {
        this.ended = true;
        this.#wake();
    }

    #wake() {
        this.waiters.splice(0).forEach(w => w());
    }

    // Takes what take(pending) returns as [value, bytes consumed] once it is there; null if the client ended first.
    async read(take) {
        for (;;) {
            const got = take(this.pending);
            if (got) {
                this.pending = this.pending.subarray(got[1]);
                return got[0];
            }
            if (this.ended) return null;
            await new Promise(r => this.waiters.push(r));
        }
    }

    readSome() {
        return this.read(b => (b.length ? [b, b.length] : null));
    }

    // One HTTP/1 request with its body by Content-Length.
    request() {
        return this.read(b => {
            const end = b.indexOf('\r\n\r\n');
            if (end < 0) return null;
            const head = b.subarray(0, end).toString('latin1').split('\r\n');
            const headers = Object.fromEntries(head.slice(1).map(l => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]));
            const length = Number(headers['content-length'] ?? 0);
            if (b.length < end + 4 + length) return null;
            const [method, target, version] = head[0].split(' ');
            return [{ method, target, version, headers, body: b.subarray(end + 4, end + 4 + length).toString() }, end + 4 + length];
        });
    }

    // Resolves when the kernel has the bytes; a client that is gone is no error here.
    write(data) {
        return new Promise(r => (this.stream.writable ? this.stream.write(bytes(data), () => r()) : r()));
    }

    // Past TLS: straight onto the wire.
    writeWire(data) {
        return new Promise(r => (this.socket.writable ? this.socket.write(bytes(data), () => r()) : r()));
    }

    async drip(data, ms, write = b => this.write(b)) {
        for (const b of bytes(data)) {
            if (this.socket.destroyed) return;
            await write(Buffer.from([b]));
            await sleep(ms);
        }
    }

    // Again and again until the client has had enough; breathes, so that the other peers of this process live.
    async pour(data) {
        while (!this.ended && !this.socket.destroyed) {
            await Promise.race([this.write(data), this.closed]);
            await sleep(1);
        }
    }

    fin() {
        this.socket.end();
    }

    closeNotify() { // TLS: the alert, then the FIN
        this.stream.end();
    }

    rst() {
        this.socket.resetAndDestroy();
    }

    closeNotifyOnly() { // the alert, and the TCP connection stays
        this.keepTcp = true;
        this.stream.end();
    }

    hold() { // silence until the client goes
        return this.closed;
    }
}

const alpnWire = names => Buffer.concat(names.map(n => Buffer.concat([Buffer.from([n.length]), Buffer.from(n)])));

class TlsConn extends Conn {
    // options: cert pair, secureContext options, alpn, tap(chunk, conn) → bytes to send instead (null: nothing) for what the record layer writes.
    async handshake({ cert = certs.good, context, alpn = ['http/1.1'], tap, server = {} }) {
        const wire = new Duplex({
            read() {},
            write: (chunk, _, done) => {
                const out = tap ? tap(chunk, this) : chunk;
                if (out?.length && this.socket.writable) this.socket.write(out, () => done());
                else done();
            },
            final: done => (this.keepTcp || !this.socket.writable || this.socket.end(), done()),
        });
        this.engine = wire; // engine.push(bytes) feeds our record layer, as if the client had sent them
        this.socket.on('data', d => wire.push(d));
        this.socket.on('end', () => wire.push(null));
        this.stream = new tls.TLSSocket(wire, {
            isServer: true, secureContext: context ?? tls.createSecureContext({ cert: cert.cert, key: cert.key }),
            ALPNProtocols: alpn.length ? alpnWire(alpn) : undefined, ...server,
        });
        this.stream.on('error', () => {});
        this.socket.once('close', () => this.stream.destroy());
        this.listen();
        await Promise.race([new Promise(r => this.stream.once('secure', r)), this.closed]);
        this.secured = !this.socket.destroyed;
    }
}

export const close = server => new Promise(r => server.close(r));

/* script(conn): runs once per accepted connection. options.tls: true or options for TlsConn.handshake(); the script then starts after the handshake, with
 * tls: { early: fn } early(conn) runs at accept beside it. wrap(conn) makes another kind of connection of it (HTTP/2). */
export async function rawPeer(script, { tls: secure, host = '127.0.0.1', port = 0, path = '/webhook', name } = {}) {
    const peer = { conns: [], requests: [], errors: [] };
    const options = secure === true ? {} : secure;
    const context = options && (options.context ?? (() => {
        const cert = options.cert ?? certs.good;
        return tls.createSecureContext({ cert: cert.cert, key: cert.key, ...options.secure });
    })());
    const server = net.createServer({ allowHalfOpen: true, noDelay: true }, async socket => {
        const conn = secure ? new TlsConn(socket, peer.conns.length) : new Conn(socket, peer.conns.length).listen();
        peer.conns.push(conn);
        try {
            if (secure) await conn.handshake({ ...options, context });
            if (!secure || conn.secured) await script(conn, peer);
        } catch (e) {
            peer.errors.push(e);
        }
    });
    await new Promise((r, fail) => server.once('error', fail).listen({ host, port, ipv6Only: host.includes(':') }, r));
    peer.port = server.address().port;
    peer.url = `${secure ? 'https' : 'http'}://${name ?? (host.includes(':') ? `[${host}]` : host)}:${peer.port}${path}`;
    peer.close = async () => {
        peer.conns.forEach(c => c.socket.destroy());
        await close(server);
        if (peer.errors.length) throw peer.errors[0];
    };
    return peer;
}

// The everyday shape: for each request on the connection answer with bytes, or run a function.
export const h1 = (answer, options) => () => rawPeer(async (c, peer) => {
    for (let n = 0; ; n++) {
        const request = await c.request();
        if (!request) return c.fin();
        peer.requests.push(request);
        if (typeof answer === 'function') await answer(c, n, request, peer);
        else await c.write(answer);
    }
}, options);

export const h1s = (answer, options = {}) => h1(answer, { tls: true, ...options });

/* ---- TLS records by hand ---- */
export const record = (type, body, version = 0x0303, length = bytes(body).length) =>
    Buffer.concat([Buffer.from([type, version >> 8, version & 255, length >> 8, length & 255]), bytes(body)]);
export const alert = (level, description) => record(21, Buffer.from([level, description]));

// A ServerHello of TLS 1.2 or older that a client of today must not accept, or may.
export function serverHello({ version = 0x0303, cipher = 0xc02f } = {}) {
    const body = Buffer.concat([Buffer.from([version >> 8, version & 255]), Buffer.alloc(32, 7), Buffer.from([0, cipher >> 8, cipher & 255, 0])]);
    return record(22, Buffer.concat([Buffer.from([2, 0, 0, body.length]), body]), version);
}
