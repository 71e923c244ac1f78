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
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n'); // RFC 9113 3.4
const HEAD = 9, DATA = 0, HEADERS = 1, RST_STREAM = 3, GOAWAY = 7, END_STREAM = 1; // RFC 9113 4.1, 6
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
    drop: (res, reply, body, version, socket) => socket.destroy(),
    reset(res, reply, body, version, socket) {
        if (version === '2') res.stream.close(reply.code ?? RST.INTERNAL_ERROR);
        else socket.resetAndDestroy();
    },
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
        if (version === '2') socket.cutAfterData(res.stream.id);
        res.write(whole.subarray(0, whole.length >> 1), version === '2' ? undefined : () => socket.destroy());
    },
};

async function serve(req, res, socket, options, handle) {
    res.on('error', () => {}); // a client may leave at any time
    try {
        const call = callOf(req, await readBody(req, options.bodyCap));
        if (call.version === '2' && !socket.begins(res.stream)) return;
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

/* A connection that speaks HTTP/2. Node's session takes a socket for itself, so that nobody else can write to it, and its
 * GOAWAY never leaves out a stream that it has seen. So the session has a connection of its own inside this process, and a wire
 * brings its frames, whole ones, to the client: a reply can put in a word, and leave words out. */
class Wire {
    #front;
    #inner;
    #pending = Buffer.alloc(0); // the beginning of a frame
    #highest = 0; // of the streams that were begun
    #below = 0; // the highest but one
    #last; // once it leaves: what its GOAWAY said
    #open = new Set(); // streams that were begun and have no end yet
    #cutAfter; // the stream whose next DATA frame is the last of the connection

    constructor(front, port, wires) {
        this.#front = front;
        this.#inner = net.connect(port, '127.0.0.1', () => wires.set(this.#inner.localPort, this));
        front.setNoDelay(true);
        this.#inner.setNoDelay(true);
        this.#inner.on('error', () => {}).on('end', () => front.end());
        this.#inner.on('close', () => {
            wires.delete(this.#inner.localPort);
            front.end();
        });
        this.#inner.on('data', bytes => this.#bring(bytes));
        front.on('close', () => this.#inner.destroy());
        front.pipe(this.#inner);
    }
    get destroyed() {
        return this.#front.destroyed;
    }

    #bring(bytes) {
        this.#pending = this.#pending.length ? Buffer.concat([this.#pending, bytes]) : bytes;
        let at = 0;
        for (let length; this.#pending.length >= at + HEAD; at += length) {
            length = HEAD + this.#pending.readUIntBE(at, 3);
            if (this.#pending.length < at + length) break;
            this.#pass(this.#pending.subarray(at, at + length));
        }
        this.#pending = this.#pending.subarray(at);
    }

    // The session does not know of our GOAWAY: one of its own would name a higher stream, which RFC 9113 6.8 forbids, and
    // what it says of streams above is not heard.
    #pass(frame) {
        const type = frame[3], id = frame.readUInt32BE(5) & HIGHEST_STREAM;
        if (this.#last !== undefined && (type === GOAWAY || id > this.#last)) return;
        const isLast = type === DATA && id === this.#cutAfter;
        if (type === RST_STREAM || ((type === DATA || type === HEADERS) && frame[4] & END_STREAM)) this.#open.delete(id);
        const flows = this.#front.destroyed || this.#front.write(frame, isLast ? () => this.destroy() : undefined);
        this.#goIfDone();
        if (flows) return;
        this.#inner.pause();
        this.#front.once('drain', () => this.#inner.resume());
    }
    #goIfDone() {
        if (this.#last !== undefined && !this.#open.size) this.#front.end();
    }

    // A stream's request is whole; false: it came after the GOAWAY, and nobody looks at it.
    begins(stream) {
        if (this.#last !== undefined && stream.id > this.#last) {
            stream.close(RST.CANCEL); // not heard
            return false;
        }
        this.#below = Math.max(this.#below, Math.min(stream.id, this.#highest));
        this.#highest = Math.max(this.#highest, stream.id);
        this.#open.add(stream.id);
        return true;
    }
    /* Says that this stream and those above were not looked at; streams below get their answers, then the connection closes.
     * A stream below one that was begun cannot be left out: it is refused by itself. */
    leave(stream) {
        if (this.#last === undefined) {
            this.#last = stream.id === this.#highest ? this.#below : this.#highest;
            if (!this.#front.destroyed) this.#front.write(goawayFrame(this.#last, RST.NO_ERROR));
        }
        stream.close(RST.REFUSED_STREAM); // heard of a stream that is not left out
        if (stream.id > this.#last) this.#open.delete(stream.id);
        this.#goIfDone();
    }
    cutAfterData(id) {
        this.#cutAfter = id;
    }
    // Closes without a word.
    destroy() {
        this.#front.destroy();
        this.#inner.destroy();
    }
}

/* The servers of both versions: hand(socket, version) gives them a connection; close() ends them. */
async function startServers(streams, listener) {
    const wires = new Map();
    const one = http.createServer((req, res) => listener(req, res, req.socket));
    one.keepAliveTimeout = 60_000;
    const two = http2.createServer({ settings: { maxConcurrentStreams: streams } });
    two.on('session', session => session.on('error', () => {}));
    two.on('request', (req, res) => listener(req, res, wires.get(req.socket.remotePort)));
    await new Promise((resolve, reject) => two.once('error', reject).listen(0, '127.0.0.1', resolve));
    return {
        hand: (socket, version) => (version === '1.1' ? one.emit('connection', socket) : new Wire(socket, two.address().port, wires)),
        close: () => new Promise(resolve => two.close(resolve)),
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
            const isTwo = bytes.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, bytes.length));
            hand(socket, isTwo ? '2' : '1.1');
            if (!isTwo) socket.resume();
        });
    });
}

/* Opens the door. options: port (0: any), host, tls ({ cert, key }, none: plain), bodyCap (bytes), streams (how many
 * at once a connection may have, HTTP/2), onError (a fault of the service itself). Resolves to { port, host, url, close() };
 * closing cuts what is open: nobody waits for a service that hangs. */
export async function openDoor(options, handle) {
    const sockets = new Set();
    const servers = await startServers(options.streams ?? 100, (req, res, wire) => serve(req, res, wire, options, handle));
    const server = options.tls ? secureServer(options.tls, servers.hand) : plainServer(servers.hand);
    watch(server, sockets);
    await new Promise((resolve, reject) => server.once('error', reject).listen(options.port, options.host, resolve)).catch(async failure => {
        await servers.close();
        throw failure;
    });
    const { port } = server.address();
    return {
        port, host: options.host, url: `${options.tls ? 'https' : 'http'}://${options.host}:${port}`,
        close: async () => {
            await new Promise(resolve => {
                server.close(resolve);
                for (const socket of sockets) socket.destroy();
            });
            await servers.close();
        },
    };
}
