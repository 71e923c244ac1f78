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

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n'); // RFC 9113 3.4
const GOAWAY = 7; // RFC 9113 6.8
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
    // By hand: node's own GOAWAY never leaves out a stream that it has seen.
    goaway(res, reply, body, version, socket) {
        if (version === '2') socket.end(goawayFrame(Math.max(0, res.stream.id - 2), RST.NO_ERROR));
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
        res.write(whole.subarray(0, whole.length >> 1), () => socket.destroy());
    },
};

async function serve(req, res, socket, options, handle) {
    res.on('error', () => {}); // a client may leave at any time
    try {
        const call = callOf(req, await readBody(req, options.bodyCap));
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

// HTTP/2 hides a session's socket, and a reply may have to cut or write to it: remember which is whose.
function rememberSockets(server) {
    const socketOf = new WeakMap();
    let current;
    server.on('session', session => {
        socketOf.set(session, current);
        session.on('error', () => {});
    });
    return { socketOf, next: socket => (current = socket) };
}

function secureServer(tls, http2Options, listener) {
    const server = http2.createSecureServer({ ...tls, ...http2Options, allowHTTP1: true });
    const { socketOf, next } = rememberSockets(server);
    server.prependListener('secureConnection', socket => {
        socket.on('error', () => {});
        next(socket);
    });
    server.on('tlsClientError', () => {});
    server.on('request', (req, res) => listener(req, res, req.httpVersionMajor === 2 ? socketOf.get(req.stream.session) : req.socket));
    return server;
}

// Looks at a connection's first bytes and hands it to the server whose protocol they are.
function plainServer(http2Options, listener) {
    const one = http.createServer((req, res) => listener(req, res, req.socket));
    one.keepAliveTimeout = 60_000;
    const two = http2.createServer(http2Options);
    const { socketOf, next } = rememberSockets(two);
    two.on('request', (req, res) => listener(req, res, socketOf.get(req.stream.session)));
    return net.createServer(socket => {
        socket.once('data', bytes => {
            socket.pause();
            socket.unshift(bytes);
            const isTwo = bytes.subarray(0, PREFACE.length).equals(PREFACE.subarray(0, bytes.length));
            if (isTwo) next(socket);
            (isTwo ? two : one).emit('connection', socket);
            if (!isTwo) socket.resume();
        });
    });
}

/* Opens the door. options: port (0: any), host, tls ({ cert, key }, none: plain), bodyCap (bytes), streams (how many
 * at once a connection may have, HTTP/2), onError (a fault of the service itself). Resolves to { port, host, url, close() };
 * closing cuts what is open: nobody waits for a service that hangs. */
export async function openDoor(options, handle) {
    const sockets = new Set();
    const http2Options = { settings: { maxConcurrentStreams: options.streams ?? 100 } };
    const listener = (req, res, socket) => serve(req, res, socket, options, handle);
    const server = options.tls ? secureServer(options.tls, http2Options, listener) : plainServer(http2Options, listener);
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
