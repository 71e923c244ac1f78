// HTTP/2 to the API: floods are over soon, and clients that do much of what is allowed never meet what ends them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import tls from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { caFile, certs } from './lib/certs.mjs';
import { END_HEADERS, END_STREAM, frame, headers, PADDED, ping, rstStream, SETTING, settings, T, windowUpdate } from './lib/h2.mjs';
import { startNode, until } from './lib/node.mjs';

const run = promisify(execFile);
const ENHANCE_YOUR_CALM = 11;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const opened = Buffer.concat([preface, settings()]);

const request = (stream, method, path, flags = END_STREAM, more = {}) =>
    headers(stream, { ':method': method, ':scheme': 'http', ':path': path, ':authority': 'a', ...more }, END_HEADERS | flags);
const get = stream => request(stream, 'GET', '/healthz');
const upload = stream => request(stream, 'POST', '/api/v1/session', 0);
const padding = frame(T.DATA, PADDED, 1, Buffer.concat([Buffer.from([200]), Buffer.alloc(200)]));
const unknown = i => frame(0x20 + i % 200, i % 256, i % 3, Buffer.alloc(i % 5));

// What is said first, and then for ever: the nth frame.
const floods = {
    'WINDOW_UPDATE on the connection': [[], () => windowUpdate(0, 1)],
    'WINDOW_UPDATE on a stream': [[upload(1)], () => windowUpdate(1, 1)],
    'frames of unknown types': [[], unknown],
    'DATA that is padding only': [[upload(1)], () => padding],
    'empty DATA': [[upload(1)], () => frame(T.DATA, 0, 1)],
    'PING': [[], () => ping()],
    'SETTINGS': [[], () => settings([SETTING.WINDOW, 65535])],
    'PRIORITY': [[], i => frame(T.PRIORITY, 0, 2 * i + 1, [0, 0, 0, 0, 16])],
    'streams that are reset at once': [[], i => Buffer.concat([get(2 * i + 1), rstStream(2 * i + 1, 8)])],
    'DATA on a stream that was answered': [[request(1, 'POST', '/api/v1/channels', 0)], () => frame(T.DATA, 0, 1, 'x')],
    'an answer taken byte by byte': [[settings([SETTING.WINDOW, 0]), request(1, 'GET', '/api/openapi.yaml')], () => windowUpdate(1, 1)],
    'WINDOW_UPDATE, unknown frames and PING in turn': [[upload(1)], i => (i % 50 ? i % 2 ? windowUpdate(i % 4 ? 0 : 1, 1) : unknown(i) : ping())],
};

// Resolves with the code of GOAWAY (or null) and the bytes that were sent before the end.
function flood(port, secure, first, nth) {
    const s = secure ? tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] }) : net.connect(port, '127.0.0.1');
    let seen = Buffer.alloc(0), code = null, sent = 0, i = 0;
    return new Promise(resolve => {
        const more = () => {
            if (sent > 200e6) s.destroy();
            if (s.destroyed) return;
            const frames = [];
            for (let k = 0; k < 1000; k++) frames.push(nth(i++));
            const block = Buffer.concat(frames);
            sent += block.length;
            if (s.write(block)) setImmediate(more);
            else s.once('drain', more);
        };
        s.on(secure ? 'secureConnect' : 'connect', () => { s.write(Buffer.concat([opened, ...first])); more(); });
        s.on('error', () => {});
        s.on('data', d => {
            seen = Buffer.concat([seen, d]);
            for (let len; seen.length >= 9 && seen.length >= 9 + (len = seen.readUIntBE(0, 3)); seen = seen.subarray(9 + len))
                if (seen[3] === T.GOAWAY) code = seen.readUInt32BE(13);
        });
        s.on('close', () => resolve({ code, sent }));
    });
}

async function floodsSeen(node) {
    const { stdout } = await run('curl', ['-sk', `${node.url}/metrics`]);
    return Number(/^todoke_api_floods_total (\d+)$/m.exec(stdout)[1]);
}

for (const scheme of ['http', 'https']) {
    describe(`floods over ${scheme}`, () => {
        let node, port;
        before(async () => {
            node = await startNode({ args: scheme === 'https' ? ['--tls-cert', certs.good.certFile, '--tls-key', certs.good.keyFile] : [] });
            port = Number(new URL(node.url).port);
        });
        after(async () => { await node.stop(); });

        for (const [name, [first, nth]] of Object.entries(floods))
            it(`${name}: ended by ENHANCE_YOUR_CALM`, async () => {
                const r = await flood(port, scheme === 'https', first, nth);
                // A reset may overtake GOAWAY where more was sent than is read behind it.
                assert.ok(r.code === ENHANCE_YOUR_CALM || r.code === null, `GOAWAY ${r.code}`);
                assert.ok(r.sent < 100e6, `${r.sent} bytes were sent`);
            });

        it('and each was counted', async () => {
            const want = Object.keys(floods).length;
            await until(async () => await floodsSeen(node) === want, async () => `${await floodsSeen(node)}, not ${want}`);
        });
    });
}

describe('clients that do much', () => {
    let node, channel, file;
    before(async () => {
        node = await startNode({ args: ['--tls-cert', certs.good.certFile, '--tls-key', certs.good.keyFile] });
        const session = http2.connect(node.url, { ca: readFileSync(caFile) });
        const made = session.request({ ':method': 'POST', ':path': '/api/v1/channels', authorization: `Bearer ${node.key}`, 'content-type': 'application/json' });
        made.end('{"name":"bot","webhookUrl":"https://127.0.0.1:9/"}');
        let text = '';
        for await (const piece of made.setEncoding('utf8')) text += piece;
        session.close();
        channel = JSON.parse(text).channelId;
        file = join(node.data, 'events.json');
        writeFileSync(file, JSON.stringify({ events: [{ type: 'x', text: 'x'.repeat(100_000) }] }));
    });
    after(async () => { await node.stop(); });

    const path = () => `/api/v1/channels/${channel}/events`;
    const quiet = (name, fn) => it(name, async () => {
        const was = await floodsSeen(node);
        await fn();
        await new Promise(resolve => setTimeout(resolve, 1100)); // gauges are up to a second old
        assert.equal(await floodsSeen(node), was);
    });

    quiet('h2load: a hundred streams each on ten connections', async () => {
        const { stdout } = await run('h2load', ['-n', '20000', '-c', '10', '-m', '100', `${node.url}/healthz`]);
        assert.match(stdout, /20000 succeeded, 0 failed, 0 errored/);
    });

    quiet('h2load: large answers, with a small window', async () => {
        const { stdout } = await run('h2load', ['-n', '500', '-c', '5', '-m', '50', '-w', '12', '-W', '14', `${node.url}/api/openapi.yaml`]);
        assert.match(stdout, /500 succeeded, 0 failed, 0 errored/);
    });

    quiet('h2load: uploads', async () => {
        const { stdout } = await run('h2load', ['-n', '500', '-c', '5', '-m', '20', '-d', file, '-H', `authorization: Bearer ${node.key}`, '-H', 'content-type: application/json', `${node.url}${path()}`]);
        assert.match(stdout, /500 succeeded, 0 failed, 0 errored/);
    });

    quiet('nghttp, with its tree of priorities', async () => {
        const { stdout } = await run('nghttp', ['-nvs', '--no-verify-peer', '-m', '50', '-w', '10', `${node.url}/api/openapi.yaml`], { maxBuffer: 64 << 20 });
        assert.doesNotMatch(stdout, /recv GOAWAY|RST_STREAM/);
        assert.equal(stdout.match(/:status: 200/g).length, 50);
    });

    quiet('curl', async () => {
        const { stdout } = await run('curl', ['-sk', '--http2', '-o', '/dev/null', '-w', '%{http_code} %{http_version}', '-H', `authorization: Bearer ${node.key}`, '-H', 'content-type: application/json', '--data-binary', `@${file}`, `${node.url}${path()}`]);
        assert.equal(stdout, '202 2');
    });

    quiet('Node: crumbs, PING and cancelled requests', async () => {
        const session = http2.connect(node.url, { ca: readFileSync(caFile) });
        try {
            await once(session, 'connect');
            const post = async () => {
                const r = session.request({ ':method': 'POST', ':path': path(), authorization: `Bearer ${node.key}`, 'content-type': 'application/json' });
                for (const c of '{"events":[{"type":"x"}]}') r.write(c);
                r.end();
                const [h] = await once(r, 'response');
                r.resume();
                await once(r, 'end');
                assert.equal(h[':status'], 202);
            };
            for (let round = 0; round < 5; round++) {
                const pings = Array.from({ length: 9 }, () => new Promise((resolve, reject) => session.ping(e => (e ? reject(e) : resolve()))));
                for (let i = 0; i < 20; i++) session.request({ ':path': '/api/openapi.yaml' }).on('error', () => {}).close(http2.constants.NGHTTP2_CANCEL);
                await Promise.all([...pings, ...Array.from({ length: 50 }, post)]);
            }
            assert.ok(!session.destroyed);
        } finally {
            session.close();
        }
    });
});
