// The web console as the node serves it: its files, their headers, what a browser may do with them. Which file a path gets, and in which coding,
// is tests/unit/test_console.c; what the console does is tests/console/.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { startNode } from './lib/node.mjs';

// Without fetch's own decompression and headers.
function get(url, path, headers = {}, method = 'GET') {
    return new Promise((resolve, reject) => http.request(url + path, { method, headers }, r => {
        const chunks = [];
        r.on('data', d => chunks.push(d)).on('end', () => resolve({ status: r.statusCode, headers: r.headers, body: Buffer.concat(chunks) }));
    }).on('error', reject).end());
}

describe('the console', () => {
    let node, page;
    before(async () => {
        node = await startNode();
        page = await get(node.url, '/', { accept: 'text/html' });
    });
    after(() => node.stop());
    const built = t => (page.status === 200 ? true : (t.skip('this build is without the console'), false));

    it('that was not built in says so', t => {
        if (page.status === 200) return t.skip('this build has its console');
        assert.equal(page.status, 404);
        assert.match(page.body.toString(), /built without its web console/);
    });

    it('lets a browser do only what it needs', t => {
        if (!built(t)) return;
        const h = page.headers;
        assert.equal(h['content-type'], 'text/html; charset=utf-8');
        assert.equal(h['content-security-policy'], "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            + "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
        assert.equal(h['x-content-type-options'], 'nosniff');
        assert.equal(h['referrer-policy'], 'no-referrer');
        assert.equal(h['cross-origin-opener-policy'], 'same-origin');
        assert.equal(h['cross-origin-resource-policy'], 'same-origin');
        assert.match(h['permissions-policy'], /camera=\(\)/);
        assert.equal(h['strict-transport-security'], undefined, 'in clear text it would mean nothing');
        assert.equal(h['cache-control'], 'no-cache');
    });

    it('comes plain, gzipped and by brotli, the same bytes; a HEAD has the head alone; 304 for what is known', async t => {
        if (!built(t)) return;
        const assets = [...page.body.toString().matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(m => m[1]);
        assert.ok(assets.length > 0);
        for (const path of ['/', ...assets]) {
            const plain = await get(node.url, path), tags = new Set([plain.headers.etag]);
            for (const [coding, open] of [['gzip', gunzipSync], ['br', brotliDecompressSync]]) {
                const r = await get(node.url, path, { 'accept-encoding': coding });
                if (r.headers['content-encoding'] === undefined) continue; // not worth it
                assert.equal(r.headers['content-encoding'], coding);
                assert.equal(r.headers.vary, 'accept-encoding');
                assert.deepEqual(open(r.body), plain.body, path);
                assert.ok(r.body.length < plain.body.length);
                tags.add(r.headers.etag);
            }
            assert.ok(plain.body.length < 1000 || tags.size === 3, 'what is large comes smaller');
            const head = await get(node.url, path, {}, 'HEAD');
            assert.deepEqual([head.status, head.headers.etag, Number(head.headers['content-length']), head.body.length],
                [200, plain.headers.etag, plain.body.length, 0]);
            const again = await get(node.url, path, { 'if-none-match': plain.headers.etag });
            assert.deepEqual([again.status, again.body.length], [304, 0]);
            if (path !== '/') assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
        }
    });

    it('answers paths that it routes by itself with its page, and no others', async t => {
        if (!built(t)) return;
        const html = { accept: 'text/html,*/*;q=0.8' };
        assert.deepEqual((await get(node.url, '/channels/2000000001?tab=errors', html)).body, page.body);
        for (const [path, headers] of [['/api/v1/nothing', html], ['/v2/bot/nothing', html], ['/assets/old-12345678.js', html], ['/channels/1', { accept: 'application/json' }]]) {
            const r = await get(node.url, path, headers);
            assert.equal(r.status, 404, path);
            assert.match(r.headers['content-type'], /^application\/json/);
        }
        const r = await get(node.url, '/', {}, 'POST');
        assert.deepEqual([r.status, r.headers.allow], [405, 'GET, HEAD']);
    });
});

it('answers of the API are not sniffed for a type', async () => {
    const node = await startNode();
    try {
        for (const path of ['/api/v1/channels', '/api/nothing', '/healthz'])
            assert.equal((await node.api('GET', path)).headers.get('x-content-type-options'), 'nosniff');
    } finally {
        await node.stop();
    }
});
