/*
 * The bots: one that works, and one for each way to fail. The members of a bot:
 *   id      the name of its channel and of its host, <id>.bots.test
 *   name    what is wrong with the bot, in English and Japanese
 *   start   (site) → { port, close(), ready?(channel), received?, onEvent? };
 *           site has host and certificate(dates)
 *   want    the outcome that todoke must report for the bot's events
 */
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { middleware } from '@line/bot-sdk';

const H2_CANCEL = 8; // RFC 9113 7

// Any server of node's as a bot. Closing cuts what is open: nobody waits for a bot that hangs.
async function listen(server) {
    const open = new Set();
    server.on('connection', socket => {
        open.add(socket);
        socket.on('error', () => {}); // a client may leave at any time
        socket.once('close', () => open.delete(socket));
    });
    server.on('tlsClientError', () => {});
    await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
    return {
        port: server.address().port,
        close: () => new Promise(resolve => {
            server.close(resolve);
            for (const socket of open) socket.destroy();
        }),
    };
}

const secure = async (site, handler) => listen(https.createServer(await site.certificate(), handler));

// Reads the request first, so that what is wrong is the answer alone.
const afterRequest = handler => (req, res) => req.resume().on('end', () => handler(req, res));

// As a bot developer writes it: the SDK checks the signature and parses, the bot answers 200.
async function healthy(site) {
    const bot = { received: [], ready: channel => (check = middleware({ channelSecret: channel.channelSecret })) };
    let check;
    const server = await secure(site, (req, res) => check(req, res, failure => {
        for (const event of failure ? [] : req.body.events) {
            bot.received.push(event);
            bot.onEvent?.(event);
        }
        res.writeHead(failure ? 401 : 200).end();
    }));
    return Object.assign(bot, server);
}

// A port without a listener that nobody else can take meanwhile: the local end of a connection.
async function refused() {
    const far = await listen(net.createServer());
    const near = net.connect(far.port, '127.0.0.1');
    await new Promise((resolve, reject) => near.once('connect', resolve).once('error', reject));
    near.on('error', () => {});
    return { port: near.localPort, close: async () => (near.destroy(), far.close()) };
}

const expired = async site => listen(https.createServer(
    await site.certificate({ start: '20240101000000Z', end: '20250101000000Z' }), (_, res) => res.end()));

const plainText = () => listen(http.createServer((_, res) => res.end()));

/* A server that turns every connection away in the moment it is used, as nginx past keepalive_requests does to the
 * streams above the last. Frames by hand: node's own GOAWAY never leaves out a stream it has seen. */
async function goaway(site) {
    const frame = (type, payload) => Buffer.from([0, 0, payload.length, type, 0, 0, 0, 0, 0, ...payload]);
    const HEADERS = 1, SETTINGS = 4, GOAWAY = 7, PREFACE = 24, HEAD = 9;
    return listen(tls.createServer({ ...await site.certificate(), ALPNProtocols: ['h2'] }, socket => {
        let pending = Buffer.alloc(0), at = PREFACE;
        socket.on('error', () => {});
        socket.write(frame(SETTINGS, []));
        socket.on('data', bytes => {
            pending = Buffer.concat([pending, bytes]);
            while (pending.length >= at + HEAD) {
                if (pending[at + 3] === HEADERS) {
                    at = Infinity;
                    socket.end(frame(GOAWAY, [0, 0, 0, 0, 0, 0, 0, 0])); // last stream 0, NO_ERROR
                } else {
                    at += HEAD + pending.readUIntBE(at, 3);
                }
            }
        });
    }));
}

async function streamReset(site) {
    const server = http2.createSecureServer(await site.certificate());
    server.on('stream', stream => {
        stream.on('error', () => {});
        stream.resume().on('end', () => stream.close(H2_CANCEL));
    });
    return listen(server);
}

const silent = site => secure(site, req => req.resume());

const fails = site => secure(site, afterRequest((_, res) => res.writeHead(500).end('cannot read properties of undefined')));

const crashes = site => secure(site, afterRequest(req => req.socket.destroy()));

const moved = site => secure(site, afterRequest((_, res) => res.writeHead(302, { Location: `https://www.${site.host}/webhook` }).end()));

const stalls = () => listen(net.createServer(socket => socket.resume()));

const unknownHost = () => ({ port: 443, close: () => {} });

const failed = (reason, detail, cause, processed) => ({ state: 'given_up', reason, detail, cause, processed });
const noConnection = (detail, cause) => failed('could_not_connect', detail, cause, 'no');

export const bots = [
    {
        id: 'healthy', name: { en: 'healthy (official SDK)', ja: '正常（公式SDK）' }, start: healthy,
        want: { state: 'delivered', reason: 'ok', detail: '200', cause: 'ok', processed: 'yes' },
    },
    {
        id: 'refused', name: { en: 'nothing on the port', ja: 'ポートが閉じている' }, start: refused,
        want: noConnection('Connection failed', 'tcp_refused'),
    },
    {
        id: 'unknown', host: 'no-such-bot.invalid', name: { en: 'unknown host', ja: '存在しないホスト名' }, start: unknownHost,
        want: noConnection('Unknown host', 'dns_nxdomain'),
    },
    {
        id: 'expired', name: { en: 'expired certificate', ja: '証明書の期限切れ' }, start: expired,
        want: noConnection('TLS handshake failure', 'tls_cert_expired'),
    },
    {
        id: 'plaintext', name: { en: 'no TLS on the port', ja: 'TLSではなく平文' }, start: plainText,
        want: noConnection('No SSL/TLS record', 'tls_no_record'),
    },
    {
        id: 'stall', name: { en: 'hangs in the handshake', ja: 'TLS中に応答停止' }, start: stalls,
        want: noConnection('Session protocol negotiation failure', 'tls_stall'),
    },
    {
        id: 'goaway', name: { en: 'HTTP/2 GOAWAY', ja: 'HTTP/2 GOAWAY' }, start: goaway,
        want: noConnection('Connection failed (received GOAWAY)', 'h2_goaway_below'),
    },
    {
        id: 'reset', name: { en: 'HTTP/2 stream reset', ja: 'HTTP/2 リセット' }, start: streamReset,
        want: failed('unclassified', 'Stream closed unexpectedly', 'h2_rst_cancel', 'unknown'),
    },
    {
        id: 'crash', name: { en: 'crashes on the request', ja: '処理中に異常終了' }, start: crashes,
        want: failed('unclassified', 'Session closed unexpectedly', 'h1_closed_before_head', 'unknown'),
    },
    {
        id: 'silent', name: { en: 'never answers', ja: '応答しない' }, start: silent,
        want: failed('request_timeout', 'Request timeout', 'response_silent', 'unknown'),
    },
    {
        id: 'error', name: { en: 'answers 500', ja: '500を返す' }, start: fails,
        want: failed('error_status_code', '500', 'status_server_error', 'yes'),
    },
    {
        id: 'moved', name: { en: 'redirects elsewhere', ja: '別のURLへ転送' }, start: moved,
        want: failed('error_status_code', '302', 'status_redirect', 'yes'),
    },
];
