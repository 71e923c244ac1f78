// HTTP/2 frames by hand over TLS with ALPN h2, for what no real server does.
import { rawPeer } from './raw.mjs';

export const T = { DATA: 0, HEADERS: 1, PRIORITY: 2, RST_STREAM: 3, SETTINGS: 4, PUSH_PROMISE: 5, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8, CONTINUATION: 9 };
export const END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8;
export const MAX_ID = 0x7fffffff;

const u32 = n => { const b = Buffer.alloc(4); b.writeUInt32BE(n >>> 0); return b; };

export function frame(type, flags, stream, payload = Buffer.alloc(0), length) {
    const body = Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
    const head = Buffer.alloc(9);
    head.writeUIntBE(length ?? body.length, 0, 3);
    head[3] = type;
    head[4] = flags;
    head.writeUInt32BE(stream >>> 0, 5);
    return Buffer.concat([head, body]);
}

function hpackInt(prefixBits, first, n) {
    const max = (1 << prefixBits) - 1;
    if (n < max) return Buffer.from([first | n]);
    const out = [first | max];
    for (n -= max; n >= 128; n >>= 7) out.push((n & 127) | 128);
    return Buffer.from([...out, n]);
}

const hpackString = s => Buffer.concat([hpackInt(7, 0, Buffer.byteLength(s, 'latin1')), Buffer.from(s, 'latin1')]);

// Literal header fields without indexing and without Huffman: every name and value goes out as it is, legal or not.
export const hpack = fields => Buffer.concat(fields.map(([n, v]) => Buffer.concat([Buffer.from([0]), hpackString(n), hpackString(v)])));

export const settings = (...pairs) => frame(T.SETTINGS, 0, 0, Buffer.concat(pairs.map(([id, v]) => {
    const b = Buffer.alloc(6);
    b.writeUInt16BE(id);
    b.writeUInt32BE(v >>> 0, 2);
    return b;
})));
export const settingsAck = () => frame(T.SETTINGS, ACK, 0);
export const headers = (stream, fields, flags = END_HEADERS) => frame(T.HEADERS, flags, stream, hpack(Object.entries(fields)));
export const answer = (stream, code = 200, more = {}) => headers(stream, { ':status': String(code), ...more }, END_HEADERS | END_STREAM);
export const head = (stream, code = 200, more = {}) => headers(stream, { ':status': String(code), ...more });
export const data = (stream, body = '', end = false) => frame(T.DATA, end ? END_STREAM : 0, stream, body);
export const rstStream = (stream, code) => frame(T.RST_STREAM, 0, stream, u32(code));
export const goaway = (last, code = 0, debug = '') => frame(T.GOAWAY, 0, 0, Buffer.concat([u32(last), u32(code), Buffer.from(debug)]));
export const windowUpdate = (stream, n) => frame(T.WINDOW_UPDATE, 0, stream, u32(n));
export const ping = (flags = 0, length = 8) => frame(T.PING, flags, 0, Buffer.alloc(length, 1));
export const SETTING = { TABLE: 1, PUSH: 2, STREAMS: 3, WINDOW: 4, FRAME: 5, LIST: 6 };

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

// The client's frames, read one by one. Acknowledges its SETTINGS when asked to.
export class Frames {
    constructor(conn) {
        this.conn = conn;
        this.seen = [];
    }

    preface() {
        return this.conn.read(b => (b.length >= PREFACE.length ? [b.subarray(0, PREFACE.length).equals(PREFACE), PREFACE.length] : null));
    }

    async next() {
        const f = await this.conn.read(b => {
            if (b.length < 9) return null;
            const length = b.readUIntBE(0, 3);
            if (b.length < 9 + length) return null;
            return [{ type: b[3], flags: b[4], stream: b.readUInt32BE(5) & MAX_ID, payload: b.subarray(9, 9 + length) }, 9 + length];
        });
        if (f) this.seen.push(f);
        return f;
    }

    async until(fits) {
        for (let f; (f = await this.next()) !== null;) if (fits(f)) return f;
        return null;
    }

    // The id of the client's next stream, once its HEADERS are here (whole: its END_STREAM too).
    async request({ whole = true } = {}) {
        const h = await this.until(f => f.type === T.HEADERS);
        if (h && whole && !(h.flags & END_STREAM)) await this.until(f => f.type === T.DATA && f.stream === h.stream && f.flags & END_STREAM);
        return h ? h.stream : null;
    }
}

/* A peer that speaks HTTP/2: script(c, id, n, f, peer) runs for each request with its stream id and its number on this connection. first: what is sent at
 * once (SETTINGS by default); open(c, f, peer): instead of all that, own the whole connection after the client's preface. */
export const h2 = (script, { first = settings(), whole = true, open, ...options } = {}) => () => rawPeer(async (c, peer) => {
    const f = (c.frames = new Frames(c));
    peer.sessions = (peer.sessions ?? 0) + 1;
    if (open) {
        await f.preface();
        return open(c, f, peer);
    }
    await c.write(first);
    await f.preface();
    for (let n = 0; ; n++) {
        const id = await f.request({ whole });
        if (id === null) return c.fin();
        peer.requests.push(id);
        if (n === 0) await c.write(settingsAck());
        await script(c, id, n, f, peer);
    }
}, { ...options, tls: { alpn: ['h2'], ...options.tls } });

// Answers with these bytes, then silence.
export const says = (make, options) => h2(async (c, id, n, f, peer) => {
    const made = make(id, n, peer);
    await c.write(Buffer.concat([made].flat()));
}, options);
