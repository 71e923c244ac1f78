// Other sites, whose visitors they would log in here as somebody else: what has no session yet has no token that could tell.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { startNode } from './lib/node.mjs';
import { firstAccount, password } from './lib/people.mjs';

describe('other sites', () => {
    let node, op;
    before(async () => { node = await startNode({ args: ['--loops', '2'] }); op = await firstAccount(node); });
    after(() => node.stop());

    it('are told by what the browser says of them', async () => {
        const from = (site, path = '/api/v1/session', body = { email: 'op@example.com', password }) => node.api('POST', path, body, { key: null, headers: site ? { 'sec-fetch-site': site } : {} });
        for (const site of ['cross-site', 'same-site']) {
            const r = await from(site);
            assert.deepEqual([r.status, r.headers.get('set-cookie')], [403, null], site);
            for (const path of ['/api/v1/setup', '/api/v1/invitation']) assert.equal((await from(site, path, { token: 'x' })).json.message, 'Another site may not do this');
        }
        for (const site of ['same-origin', 'none', null]) assert.equal((await from(site)).status, 200, site);
        assert.equal((await node.api('GET', '/healthz', undefined, { key: null, headers: { 'sec-fetch-site': 'cross-site' } })).status, 200);
    });

    // Over http a browser says nothing but Origin; with a form, or a body without a type, it does not even ask first.
    const rawPost = (to, path, headers, body) => new Promise((resolve, reject) => {
        const r = http.request(to + path, { method: 'POST', headers, agent: false }, res => {
            let text = '';
            res.setEncoding('utf8').on('data', d => (text += d)).on('end', () => resolve({ status: res.statusCode, headers: res.headers, text }));
        });
        r.on('error', reject);
        r.end(body);
    });

    it('are told by their Origin alone', async () => {
        const { host, port } = new URL(node.url);
        const post = (headers, path = '/api/v1/session', body = { email: 'op@example.com', password }) => rawPost(node.url, path, { 'content-type': 'application/json', ...headers }, JSON.stringify(body));
        const foreign = ['https://evil.example', 'null', '', `http://${host}.evil.example`, `http://evil.example:${port}`, 'http://127.0.0.1', `http://127.0.0.1:${Number(port) + 1}`, `http://localhost:${port}`,
            `http://${host}/`, `ftp://${host}`, `${host}`, `http://user@${host}`, `https://evil.example, ${node.url}`];
        for (const origin of foreign) {
            const r = await post({ origin });
            assert.deepEqual([r.status, r.headers['set-cookie']], [403, undefined], origin);
            for (const path of ['/api/v1/setup', '/api/v1/invitation']) assert.match((await post({ origin }, path, { token: 'x', email: 'a@example.com', password })).text, /Another site may not do this/);
            assert.equal((await post({ origin, 'sec-fetch-site': 'none' })).status, 403, origin);
        }
        assert.equal((await post({ origin: [node.url, 'https://evil.example'] })).status, 403, 'one of two');
        for (const headers of [{ origin: node.url }, { origin: node.url.toUpperCase() }, { origin: `https://${host}` }, { origin: 'http://console.example.com', host: 'console.example.com' },
            { origin: 'http://console.example.com', host: 'Console.example.com:80' }, { origin: 'https://console.example.com', host: 'console.example.com:443' }, {},
            { origin: 'http://127.0.0.1:5173', 'sec-fetch-site': 'same-origin' }]) // a proxy of a developer's: the browser has compared it
            assert.equal((await post(headers)).status, 200, JSON.stringify(headers));
        assert.equal((await node.api('GET', '/healthz', undefined, { key: null, headers: { origin: 'https://evil.example' } })).status, 200);
        // A session has its token, a key cannot come from a browser by itself.
        assert.equal((await op.api('POST', '/api/v1/accounts', { email: 'x' }, { headers: { origin: 'https://evil.example' } })).status, 400);
        assert.equal((await node.api('POST', '/api/v1/accounts', { email: 'x' }, { headers: { origin: 'https://evil.example' } })).status, 400);
    });

    it('send no JSON', async () => {
        const body = JSON.stringify({ email: 'op@example.com', password });
        for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain; charset=application/json', '', undefined])
            for (const path of ['/api/v1/session', '/api/v1/setup', '/api/v1/invitation']) {
                const r = await rawPost(node.url, path, type === undefined ? {} : { 'content-type': type }, body);
                assert.deepEqual([r.status, r.headers['set-cookie']], [415, undefined], `${path} ${type}`);
            }
        for (const type of ['application/json', 'Application/JSON; charset=utf-8']) assert.equal((await rawPost(node.url, '/api/v1/session', { 'content-type': type }, body)).status, 200, type);
        const session = { cookie: op.cookie, 'x-csrf-token': op.csrfToken };
        assert.equal((await rawPost(node.url, '/api/v1/channels', session, '{"name":"x"}')).status, 415);
        assert.equal((await rawPost(node.url, '/api/v1/channels', { authorization: `Bearer ${node.key}` }, '{"name":"x"}')).status, 201, 'with a key the type may be missing');
    });

    it('are others than the address that is public, and than what a proxy says', async () => {
        const proxied = await startNode({ args: ['--behind-proxy', '--public-url', 'https://todoke.example.com/console/'] });
        await firstAccount(proxied);
        const post = headers => rawPost(proxied.url, '/api/v1/session', { 'content-type': 'application/json', 'x-forwarded-for': '192.0.2.1', ...headers }, JSON.stringify({ email: 'op@example.com', password }));
        for (const headers of [{ origin: 'https://todoke.example.com' }, { origin: 'https://other.example.com', 'x-forwarded-host': 'other.example.com' }, { origin: 'https://other.example.com', 'x-forwarded-host': 'other.example.com, inner' },
            { origin: 'https://third.example.com', host: 'third.example.com' }]) assert.equal((await post(headers)).status, 200, JSON.stringify(headers));
        for (const headers of [{ origin: 'http://todoke.example.com' }, { origin: 'https://todoke.example.com:8443' }, { origin: 'https://todoke.example.com.evil.example' }, { origin: 'https://evil.example', 'x-forwarded-host': 'inner, evil.example' },
            { origin: 'http://third.example.com', host: 'third.example.com' }]) assert.equal((await post(headers)).status, 403, JSON.stringify(headers));
        await proxied.stop();
        // Without a proxy the header is anybody's.
        assert.equal((await rawPost(node.url, '/api/v1/session', { 'content-type': 'application/json', origin: 'https://evil.example', 'x-forwarded-host': 'evil.example' }, JSON.stringify({ email: 'op@example.com', password }))).status, 403);
    });

    it('are other ones over HTTP/2, too', async () => {
        const client = http2.connect(node.url);
        const post = origin => new Promise((resolve, reject) => {
            const stream = client.request({ ':method': 'POST', ':path': '/api/v1/session', 'content-type': 'application/json', origin });
            stream.on('response', h => resolve(h[':status'])).on('error', reject);
            stream.resume();
            stream.end(JSON.stringify({ email: 'op@example.com', password }));
        });
        assert.deepEqual([await post(node.url), await post('https://evil.example'), await post('null')], [200, 403, 403]);
        client.close();
    });
});
