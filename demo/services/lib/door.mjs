/*
 * The front door of a service that speaks HTTP: one port for HTTP/1.1 and HTTP/2, with TLS (by ALPN) or without
 * (HTTP/2 by prior knowledge, RFC 9113 3.3). A service gets a Call and returns a Reply; the door writes it, or ends
 * the exchange as badly as the reply asks for.
 *
 * Call:  { method, path, query, headers, body (Buffer), tooLarge, version ('1.1' or '2'), json() }
 * Reply: { status, headers, body, after (ms to wait), end }
 *   end: 'answer' (default) · 'drop' closes the connection without a byte · 'reset' resets the stream (HTTP/2, error
 *   code in `code`) or the connection (HTTP/1.1) · 'goaway' says that the stream was not looked at, and closes ·
 *   'last' answers and lets the connection take no more · 'stall' never answers · 'half' stops inside the body
 */
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n'); // RFC 9113 3.4
const HEAD = 9, GOAWAY = 7; // RFC 9113 4.1, 6.8
const HIGHEST_STREAM = 0x7fffffff;

export const RST = { NO_ERROR: 0, INTERNAL_ERROR: 2, REFUSED_STREAM: 7, CANCEL: 8 };

function goawayFrame(lastStream, code) {
    const frame = Buffer.alloc(17);
    frame.writeUInt8(8, 2);
    frame.writeUInt8(GOAWAY, 3);
    frame.writeUInt32BE(lastStream, 9);
    frame.writeUInt32BE(code, 13);
    return frame;
}

// A body above the cap is read to its end and forgotten: the client must be able to finish before it is refused.
async function readBody(req, cap) {
    const parts = [];
    let size = 0;
    for await (const part of req) {
        size += part.length;
        if (size <= cap) parts.push(part);
    }
    return size > cap ? { body: Buffer.alloc(0), tooLarge: true } : { body: Buffer.concat(parts), tooLarge: false };
}

function callOf(req, read) {
    const url = new URL(req.url, 'http://service');
    return {
        method: req.method, path: url.pathname, query: url.searchParams, headers: req.headers, version: req.httpVersionMajor === 2 ? '2' : '1.1',
        ...read,
        json() {
            return JSON.parse(read.body.toString('utf8'));
        },
    };
}

// The parts of an answer that are the same whichever way it ends.
function head(reply, body, version) {
    const headers = { date: new Date().toUTCString(), ...reply.headers };
    if (reply.status !== 204) headers['content-length'] ??= body.length;
    if (reply.end === 'last' && version === '1.1') headers.connection = 'close';
    return headers;
}

const over = {
    answer(res, reply, body, version) {
        res.writeHead(reply.status, head(reply, body, version));
        res.end(body);
    },
    drop: (res, reply, body, version, socket) => (socket.cut ? socket.cut() : socket.destroy()),
    reset(res, reply, body, version, socket) {
        if (version === '2') res.stream.close(reply.code ?? RST.INTERNAL_ERROR);
        else socket.resetAndDestroy();
    },
    // By hand: node's own GOAWAY never leaves out a stream that it has seen.
    goaway(res, reply, body, version, socket) {
        if (version === '2') socket.leave(res.stream);
        else socket.destroy();
    },
    last(res, reply, body, version) {
        if (version === '2') res.stream.session.goaway(RST.NO_ERROR, HIGHEST_STREAM);
        over.answer(res, reply, body, version);
        if (version === '2') res.stream.session.close();
    },
    stall: () => {},
    half(res, reply, body, version, socket) {
        const whole = body.length > 1 ? body : Buffer.from('{"message":"cut short"}');
        res.writeHead(reply.status, head(reply, whole, version));
        res.write(whole.subarray(0, whole.length >> 1), () => over.drop(res, reply, body, version, socket));
    },
};

async function serve(req, res, socket, options, handle) {
    res.on('error', () => {}); // a client may leave at any time
    try {
        const call = callOf(req, await readBody(req, options.bodyCap));
        if (call.version === '2' && !socket.begins(res)) return;
        const reply = await handle(call);
        if (reply.after) await sleep(reply.after, undefined, { ref: false });
        const body = Buffer.isBuffer(reply.body) ? reply.body : Buffer.from(reply.body ?? '');
        if (!socket.destroyed) over[reply.end ?? 'answer'](res, reply, body, call.version, socket);
    } catch (failure) {
        if (failure.code === 'ECONNRESET' || failure.message === 'aborted' || socket.destroyed) return;
        options.onError?.(failure);
        if (!res.headersSent) res.writeHead(500);
        res.end(String(failure?.stack));
    }
}

function watch(server, sockets) {
    server.on('connection', socket => {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.once('close', () => sockets.delete(socket));
    });
}

/* A connection that HTTP/2 speaks over. Node's session takes a socket for itself, so that nobody else can write to it:
 * this one stays between, and a reply can say the last word. */
class Wire extends Duplex {
    #socket;
    #mute = false;
    #open = new Set(); // streams without an end
    #highest = 0; // of the streams that were begun
    #below = 0; // the highest but one
    #last; // once it leaves: what its GOAWAY said
    #rest; // of the frame that is being written: { length, keep }

    constructor(socket) {
        super();
        this.#socket = socket;
        socket.on('data', bytes => this.push(bytes) || socket.pause());
        socket.once('end', () => this.push(null));
        socket.once('close', () => this.destroy());
    }
    _read() {
        this.#socket.resume();
    }
    _write(bytes, encoding, done) {
        const rest = this.#last === undefined ? bytes : this.#withoutGoaway(bytes);
        if (this.#mute || this.#socket.destroyed || !rest.length) done();
        else this.#socket.write(rest, () => done());
    }
    // The session does not know of our GOAWAY, and one of its own would name a higher stream: RFC 9113 6.8 forbids that.
    #withoutGoaway(bytes) {
        const kept = [];
        for (let at = 0; at < bytes.length;) {
            if (!this.#rest) this.#rest = { length: HEAD + bytes.readUIntBE(at, 3), keep: bytes[at + 3] !== GOAWAY };
            const part = bytes.subarray(at, at + this.#rest.length);
            if (this.#rest.keep) kept.push(part);
            at += part.length;
            this.#rest.length -= part.length;
            if (!this.#rest.length) this.#rest = undefined;
        }
        return Buffer.concat(kept);
    }
    _final(done) {
        if (!this.#mute) this.#socket.end();
        done();
    }
    _destroy(failure, done) {
        if (!this.#mute) this.#socket.destroy();
        done(failure);
    }

    // A stream's request is whole; false: it came after the GOAWAY, and nobody looks at it.
    begins(res) {
        if (this.#last !== undefined && res.stream.id > this.#last) return false;
        const { id } = res.stream;
        this.#below = Math.max(this.#below, Math.min(id, this.#highest));
        this.#highest = Math.max(this.#highest, id);
        this.#open.add(id);
        res.stream.once('close', () => this.#ends(id));
        return true;
    }
    /* Says that this stream and those above were not looked at. Streams below get their answers, then the connection closes.
     * A stream below one that was begun cannot be among them: it is refused. A frame fits between any two turns: the session
     * writes whole frames. */
    leave(stream) {
        if (stream.id < this.#highest) stream.close(RST.REFUSED_STREAM);
        this.#last ??= stream.id < this.#highest ? this.#highest : this.#below;
        if (!this.#socket.destroyed) this.#socket.write(goawayFrame(this.#last, RST.NO_ERROR));
        this.#ends(stream.id);
    }
    #ends(id) {
        this.#open.delete(id);
        if (this.#last === undefined || this.#open.size || this.#mute) return;
        this.#mute = true;
        this.#socket.end();
    }
    // Closes without a word.
    cut() {
        this.#mute = true;
        this.#socket.destroy();
    }
}

/* The servers of both versions, without a port of their own: hand(socket, version) gives them a connection. */
function servers(streams, listener) {
    const one = http.createServer((req, res) => listener(req, res, req.socket));
    one.keepAliveTimeout = 60_000;
    const two = http2.createServer({ settings: { maxConcurrentStreams: streams } });
    const wireOf = new WeakMap();
    let wire;
    two.on('session', session => {
        wireOf.set(session, wire); // it was made in the same turn
        session.on('error', () => {});
    });
    two.on('request', (req, res) => listener(req, res, wireOf.get(req.stream.session)));
    return (socket, version) => {
        if (version === '1.1') return one.emit('connection', socket);
        wire = new Wire(socket);
        wire.on('error', () => {});
        return two.emit('connection', wire);
    };
}

function secureServer(tlsOptions, hand) {
    return tls.createServer({ ...tlsOptions, ALPNProtocols: ['h2', 'http/1.1'] }, socket => {
        socket.on('error', () => {});
        hand(socket, socket.alpnProtocol === 'h2' ? '2' : '1.1');
    }).on('tlsClientError', () => {});
}

// Looks at a connection's first bytes: is it HTTP/2 by prior knowledge?
function plainServer(hand) {
    return net.createServer(socket => {
        socket.once('data', bytes => {
            socket.pause();
            socket.unshift(bytes);
            hand(socket, bytes.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, bytes.length)) ? '2' : '1.1');
            socket.resume();
        });
    });
}

/* Opens the door. options: port (0: any), host, tls ({ cert, key }, none: plain), bodyCap (bytes), streams (how many
 * at once a connection may have, HTTP/2), onError (a fault of the service itself). Resolves to { port, host, url, close() };
 * closing cuts what is open: nobody waits for a service that hangs. */
export async function openDoor(options, handle) {
    const sockets = new Set();
    const hand = servers(options.streams ?? 100, (req, res, wire) => serve(req, res, wire, options, handle));
    const server = options.tls ? secureServer(options.tls, hand) : plainServer(hand);
    watch(server, sockets);
    await new Promise((resolve, reject) => server.once('error', reject).listen(options.port, options.host, resolve));
    const { port } = server.address();
    return {
        port, host: options.host, url: `${options.tls ? 'https' : 'http'}://${options.host}:${port}`,
        close: () => new Promise(resolve => {
            server.close(resolve);
            for (const socket of sockets) socket.destroy();
        }),
    };
}
