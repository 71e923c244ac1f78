// The LINE-compatible calls: the official SDK, unmodified, is the client; every documented answer and error, and the limits.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import net from 'node:net';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { caFile, certs } from './lib/certs.mjs';
import { RCODE, dnsPeer } from './lib/dns.mjs';
import { lineAccepts, standardAccepts, startBot } from './lib/bot.mjs';
import { startNode, until } from './lib/node.mjs';
import { rawPeer } from './lib/raw.mjs';

const { messagingApi, HTTPFetchError } = createRequire(import.meta.url)('@line/bot-sdk');
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const clientOf = (node, token) => new messagingApi.MessagingApiClient({ channelAccessToken: token, baseURL: node.url });

// What the SDK throws: status and body, and that the request id is there.
async function throws(promise, status, body) {
    const e = await promise.then(() => assert.fail('no error'), x => x);
    assert.ok(e instanceof HTTPFetchError, e.stack);
    assert.deepEqual([e.status, JSON.parse(e.body)], [status, body]);
    assert.match(e.headers.get('x-line-request-id'), uuid);
}
const badUrl = { message: 'Invalid webhook endpoint URL' };
const absent = { message: 'Webhook endpoint not found' };
const limited = { message: 'The API rate limit has been exceeded. Try again later.' };
const unauthorized = { message: 'Authentication failed due to the following reason: invalid token. Confirm that the access token in the authorization header is valid.' };

describe('the official SDK', () => {
    let node, bot, dns, channel, client;
    before(async () => {
        dns = await dnsPeer(q => (q.name.startsWith('silent') ? null : { rcode: RCODE.NXDOMAIN }));
        node = await startNode({ args: ['--ca', caFile, '--loops', '2', '--response-timeout', '1s', '--session-timeout', '8s', '--dns', dns.address, '--dns-timeout', '200ms'] });
        bot = await startBot();
    });
    after(async () => { await node.stop(); await bot.close(); await dns.close(); });
    const fresh = async members => {
        channel = await node.channel(members);
        client = clientOf(node, channel.channelAccessToken);
    };

    it('sets, gets and tests the webhook endpoint', async () => {
        await fresh({ useWebhook: false });
        await throws(client.getWebhookEndpoint(), 404, absent);
        await throws(client.testWebhookEndpoint(), 404, absent);
        const set = await client.setWebhookEndpointWithHttpInfo({ endpoint: bot.url });
        assert.deepEqual(set.body, {});
        assert.equal(set.httpResponse.status, 200);
        assert.match(set.httpResponse.headers.get('x-line-request-id'), uuid);
        assert.deepEqual(await client.getWebhookEndpoint(), { endpoint: bot.url, active: false });
        await node.api('PATCH', `/api/v1/channels/${channel.channelId}`, { useWebhook: true });
        assert.deepEqual(await client.getWebhookEndpoint(), { endpoint: bot.url, active: true });
        assert.equal((await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.webhookUrl, bot.url);

        const before = Date.now(), sent = bot.requests.length;
        for (const body of [undefined, {}, { endpoint: null }, { endpoint: bot.url }]) {
            const r = await client.testWebhookEndpoint(body);
            assert.deepEqual({ ...r, timestamp: 0 }, { success: true, timestamp: 0, statusCode: 200, reason: 'OK', detail: '200' });
            assert.equal(new Date(r.timestamp).toISOString(), r.timestamp);
            assert.ok(new Date(r.timestamp) >= before - 1000 && new Date(r.timestamp) <= Date.now() + 1000);
        }
        const got = bot.requests.slice(sent);
        assert.equal(got.length, 4);
        for (const r of got) {
            assert.equal(r.raw.toString(), `{"destination":"${channel.botUserId}","events":[]}`);
            assert.deepEqual((await lineAccepts(channel.channelSecret, r)).events, []);
            assert.deepEqual(standardAccepts(channel.channelSecret, r).events, []);
            assert.equal(r.headers['content-type'], 'application/json; charset=utf-8');
        }
    });

    it('is told every documented error', async () => {
        await fresh({ webhookUrl: bot.url });
        for (const endpoint of ['', 'x', 'ftp://bot.example/', 'https://', 'https://user:pw@bot.example/', 'https://bot.example/ x', 'https://bot.example:99999/',
            `https://bot.example/${'x'.repeat(481)}`]) {
            await throws(client.setWebhookEndpoint({ endpoint }), 400, badUrl);
            await throws(client.testWebhookEndpoint({ endpoint }), 400, badUrl);
        }
        const longest = `https://bot.example/${'x'.repeat(480)}`;
        assert.equal(longest.length, 500);
        assert.deepEqual(await client.setWebhookEndpoint({ endpoint: longest }), {});
        assert.deepEqual(await client.getWebhookEndpoint(), { endpoint: longest, active: true });
        const said = text => ({ message: `The request body has 1 error: endpoint: ${text}`, details: [{ message: text, property: 'endpoint' }] });
        await throws(client.setWebhookEndpoint({}), 400, said('May not be empty'));
        await throws(client.setWebhookEndpoint({ endpoint: 7 }), 400, said('Must be a string'));
        await throws(client.testWebhookEndpoint({ endpoint: ['x'] }), 400, said('Must be a string'));
        await throws(client.testWebhookEndpoint({ endpoint: 'https://no-such-host.test/' }), 400, badUrl);

        for (const token of ['x', 'A'.repeat(43), `${channel.channelAccessToken.slice(0, 42)}~`, node.key, channel.channelSecret]) {
            const wrong = clientOf(node, token);
            await throws(wrong.getWebhookEndpoint(), 401, unauthorized);
            await throws(wrong.setWebhookEndpoint({ endpoint: bot.url }), 401, unauthorized);
            await throws(wrong.testWebhookEndpoint({ endpoint: bot.url }), 401, unauthorized);
        }
        const none = await node.api('GET', '/v2/bot/channel/webhook/endpoint', undefined, { key: '' });
        assert.deepEqual([none.status, none.json, none.headers.get('www-authenticate')], [401, unauthorized, 'Bearer']);
    });

    it('has a token that is good for its channel and these calls only', async () => {
        await fresh({ webhookUrl: bot.url });
        for (const path of ['/api/v1/channels', `/api/v1/channels/${channel.channelId}`])
            assert.equal((await node.api('GET', path, undefined, { key: channel.channelAccessToken })).status, 401);
        const other = await node.channel({ webhookUrl: `${bot.url}/other` });
        assert.equal((await clientOf(node, other.channelAccessToken).getWebhookEndpoint()).endpoint, `${bot.url}/other`);
        assert.equal((await client.getWebhookEndpoint()).endpoint, bot.url);
        await node.api('DELETE', `/api/v1/channels/${channel.channelId}`);
        await throws(client.getWebhookEndpoint(), 401, unauthorized);
    });

    it('learns what is wrong with a bot server', async () => {
        const free = http.createServer();
        await new Promise(r => free.listen(0, '127.0.0.1', r));
        const closed = `http://127.0.0.1:${free.address().port}/`;
        await new Promise(r => free.close(r));
        const plain = await rawPeer(async c => { await c.readSome(); await c.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'); c.fin(); });
        const wrongName = await startBot(() => 200, certs.expired);
        const silent = await rawPeer(c => c.hold());
        const cut = await rawPeer(async c => { await c.request(); c.fin(); });
        const status = await startBot(() => 503);
        const rows = [
            [{ endpoint: closed }, 0, 'COULD_NOT_CONNECT', `Connection failed: ${closed}`],
            [{ endpoint: plain.url.replace('http:', 'https:') }, 0, 'COULD_NOT_CONNECT', `No SSL/TLS record: ${plain.url.replace('http:', 'https:')}`],
            [{ endpoint: wrongName.url }, 0, 'COULD_NOT_CONNECT', `TLS handshake failure: ${wrongName.url}`],
            [{ endpoint: 'https://silent.test/' }, 0, 'COULD_NOT_CONNECT', 'DNS Query timeout: https://silent.test/'],
            [{ endpoint: silent.url }, 0, 'REQUEST_TIMEOUT', `Request timeout: ${silent.url}`],
            [{ endpoint: cut.url }, 0, 'UNCLASSIFIED', `Session closed unexpectedly: ${cut.url}`],
            [{ endpoint: status.url }, 503, 'ERROR_STATUS_CODE', '503'],
        ];
        await fresh({ webhookUrl: bot.url });
        for (const [body, statusCode, reason, detail] of rows) {
            const r = await client.testWebhookEndpoint(body);
            assert.deepEqual({ ...r, timestamp: 0 }, { success: false, timestamp: 0, statusCode, reason, detail });
        }
        for (const p of [plain, wrongName, silent, cut, status]) await p.close();
    });

    it('leaves no trace in records and figures, whatever comes of it', async () => {
        await fresh({ webhookUrl: bot.url, errorStatistics: true });
        const names = ['todoke_attempts_total', 'todoke_attempts_failed_total', 'todoke_events_accepted_total', 'todoke_events_delivered_total', 'todoke_lanes'];
        const before = await Promise.all(names.map(n => node.metric(n)));
        bot.answer = () => 500;
        await client.testWebhookEndpoint();
        await node.api('POST', `/api/v1/channels/${channel.channelId}/verify`, {}, { headers: { accept: 'application/json' } });
        bot.answer = () => 200;
        await client.testWebhookEndpoint();
        const errors = await node.api('GET', `/api/v1/channels/${channel.channelId}/errors`);
        assert.deepEqual([errors.status, errors.json.rows], [200, []]);
        assert.deepEqual(await Promise.all(names.map(n => node.metric(n))), before);
        assert.deepEqual((await node.api('GET', `/api/v1/channels/${channel.channelId}/events`)).json.events, []);
    });

    // Bytes that fetch cannot send: no Content-Type at all, and a length of 0.
    const send = text => new Promise((resolve, reject) => {
        const { hostname, port } = new URL(node.url);
        const s = net.connect(port, hostname, () => s.end(text.replaceAll('\n', '\r\n')));
        let all = '';
        s.setEncoding('utf8').on('data', d => (all += d)).on('error', reject).on('close', () => resolve(all));
    });
    it('may leave out Content-Type and send Content-Length: 0, or neither', async () => {
        await fresh({ webhookUrl: bot.url });
        const auth = `Host: x\nAuthorization: Bearer ${channel.channelAccessToken}\nConnection: close`;
        for (const length of ['Content-Length: 0\n', '', 'Content-Type: application/json\nContent-Length: 0\n', 'Content-Type: text/plain\nContent-Length: 0\n']) {
            const a = await send(`POST /v2/bot/channel/webhook/test HTTP/1.1\n${auth}\n${length}\n`);
            assert.match(a, /^HTTP\/1\.1 200 /);
            assert.match(a, /"success":true/);
            assert.match(a, /\r\nx-line-request-id: [0-9a-f-]{36}\r\n/i);
        }
        const body = JSON.stringify({ endpoint: bot.url });
        assert.match(await send(`PUT /v2/bot/channel/webhook/endpoint HTTP/1.1\n${auth}\nContent-Length: ${body.length}\n\n${body}`), /^HTTP\/1\.1 200 .*\r\n\r\n\{\}$/s);
        for (const type of ['', 'Content-Type: text/html\n', 'Content-Type: application/json\n'])
            assert.match(await send(`GET /v2/bot/channel/webhook/endpoint HTTP/1.1\n${auth}\n${type}\n`), /^HTTP\/1\.1 200 /);
        assert.match(await send(`DELETE /v2/bot/channel/webhook/endpoint HTTP/1.1\n${auth}\n\n`), /^HTTP\/1\.1 405 .*allow: GET, HEAD, PUT\r\n/is);
    });

    it('is held to 60 tests an hour and 1,000 calls a minute a channel, counted over all loops', async () => {
        await fresh({ webhookUrl: bot.url });
        const tests = await Promise.all(Array.from({ length: 70 }, () => client.testWebhookEndpoint().then(() => 200, e => e.status)));
        assert.deepEqual([tests.filter(s => s === 200).length, tests.filter(s => s === 429).length], [60, 10]);
        await throws(client.testWebhookEndpoint(), 429, limited);
        const verify = await node.api('POST', `/api/v1/channels/${channel.channelId}/verify`, {});
        assert.equal(verify.status, 429);
        assert.ok(Number(verify.headers.get('retry-after')) > 0);
        const gets = [];
        for (let i = 0; i < 1010; i += 101) gets.push(...await Promise.all(Array.from({ length: 101 }, () => client.getWebhookEndpoint().then(() => 200, e => e.status))));
        assert.deepEqual([gets.filter(s => s === 200).length, gets.filter(s => s === 429).length], [1000, 10]);
        await throws(client.getWebhookEndpoint(), 429, limited);
        assert.deepEqual(await client.setWebhookEndpoint({ endpoint: bot.url }), {});
        const other = await node.channel({ webhookUrl: bot.url });
        assert.equal((await clientOf(node, other.channelAccessToken).testWebhookEndpoint()).success, true);
    });
});

describe('a node as it is by default', () => {
    it('takes https only, and nothing inside the network', async () => {
        const node = await startNode({ args: ['--allow-http-targets=false', '--allow-private-targets=false'] });
        const channel = await node.channel();
        const client = clientOf(node, channel.channelAccessToken);
        await throws(client.setWebhookEndpoint({ endpoint: 'http://bot.example/' }), 400, badUrl);
        await throws(client.testWebhookEndpoint({ endpoint: 'http://bot.example/' }), 400, badUrl);
        assert.deepEqual(await client.setWebhookEndpoint({ endpoint: 'https://127.0.0.1:9/' }), {});
        const r = await client.testWebhookEndpoint();
        assert.deepEqual([r.success, r.reason, r.detail], [false, 'COULD_NOT_CONNECT', 'Connection failed: https://127.0.0.1:9/']);
        await node.stop();
    });
});

// Whether a port is allowed is a setting of the node, as with addresses: the URL may be set, and goes nowhere.
describe('a port of another service', () => {
    const blocked = ['could_not_connect', 'Connection failed', 'ssrf_blocked', 'no'];
    const names = o => [o.reason, o.detail, o.cause, o.processed];
    const follow = { type: 'follow', source: { type: 'user', userId: 'U1' } };
    const json = { headers: { accept: 'application/json' } };

    it('is refused as a target, however it was set', async () => {
        const node = await startNode();
        try {
            for (const [i, port] of [22, 25, 110, 143, 6000, 10080].entries()) {
                const url = `http://127.0.0.1:${port}/`;
                const channel = await node.channel(i % 3 === 0 ? { webhookUrl: url, useWebhook: true } : {});
                const client = clientOf(node, channel.channelAccessToken), path = `/api/v1/channels/${channel.channelId}`;
                if (i % 3 === 1) assert.deepEqual(await client.setWebhookEndpoint({ endpoint: url }), {});
                if (i % 3 > 0) assert.equal((await node.api('PATCH', path, { webhookUrl: url, useWebhook: true })).status, 200);
                const tested = await client.testWebhookEndpoint();
                assert.deepEqual([tested.success, tested.reason, tested.detail], [false, 'COULD_NOT_CONNECT', `Connection failed: ${url}`]);
                const verified = await node.api('POST', `${path}/verify`, undefined, json);
                assert.deepEqual(names(verified.json), blocked);
                assert.match(verified.json.advice.en, /port.*--allow-any-port/s);
                assert.match(verified.json.advice.ja, /ポート.*--allow-any-port/s);
                const [id] = await node.post(channel, [follow]);
                const { attempts } = await node.reaches(channel, id, 'given_up');
                assert.deepEqual(attempts.map(names), [blocked]);
            }
        } finally { await node.stop(); }
    });

    it('is one like any other where the operator allows it', async () => {
        const node = await startNode({ env: { TODOKE_ALLOW_ANY_PORT: 'true' } });
        try {
            const channel = await node.channel({ webhookUrl: 'http://127.0.0.1:1/' });
            const verified = await node.api('POST', `/api/v1/channels/${channel.channelId}/verify`, undefined, json);
            assert.equal(verified.json.cause, 'tcp_refused');
        } finally { await node.stop(); }
    });
});

describe('verify', () => {
    let node, bot, channel;
    before(async () => {
        node = await startNode({ args: ['--ca', caFile, '--response-timeout', '8s', '--session-timeout', '8s', '--suspend-after', '150ms', '--suspend-failures', '3', '--redelivery-schedule', Array(20).fill('20ms').join()] });
        bot = await startBot(() => 200, certs.good);
    });
    after(async () => { await node.stop(); await bot.close(); });
    const path = () => `/api/v1/channels/${channel.channelId}/verify`;
    const json = body => node.api('POST', path(), body, { headers: { accept: 'application/json' } });
    const events = text => text.trim().split('\n\n').map(e => { const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(e); return [name, JSON.parse(data)]; });

    it('tells the phases as they happen, then the outcome', async () => {
        channel = await node.channel({ webhookUrl: bot.url });
        let answer;
        bot.answer = () => new Promise(r => (answer = r));
        const r = await fetch(node.url + path(), { method: 'POST', headers: { authorization: `Bearer ${node.key}` } });
        assert.equal(r.status, 200);
        assert.match(r.headers.get('content-type'), /^text\/event-stream/);
        const reader = r.body.getReader();
        let text = '';
        while (!text.includes('"await"')) text += Buffer.from((await reader.read()).value); // before there is an answer
        await until(() => answer);
        answer(200);
        for (let c; !(c = await reader.read()).done;) text += Buffer.from(c.value);
        const all = events(text);
        assert.deepEqual(all.map(([name, d]) => (name === 'phase' ? d.phase : name)), ['resolve', 'connect', 'tls', 'session', 'send', 'await', 'outcome']);
        const times = all.slice(0, -1).map(([, d]) => d.atUs);
        assert.deepEqual(times, [...times].sort((a, b) => a - b));
        const outcome = all.at(-1)[1];
        assert.deepEqual([outcome.reason, outcome.detail, outcome.cause, outcome.processed, outcome.phase, outcome.status, outcome.http], ['ok', '200', 'ok', 'yes', 'done', 200, '2']);
        assert.equal(outcome.address, new URL(bot.url).host);
        assert.ok(outcome.timings.total_us >= times.at(-1) && outcome.timings.tls_us > 0);
        for (const m of ['explanation', 'advice']) assert.deepEqual(Object.keys(outcome[m]), ['en', 'ja']);
        bot.answer = () => 200;
    });

    it('answers with one JSON object where that is asked for', async () => {
        channel = await node.channel({ webhookUrl: bot.url });
        const ok = await json();
        assert.equal(ok.status, 200, ok.text);
        assert.equal(ok.json.reason, 'ok');
        assert.deepEqual(ok.json.phases.map(p => p.phase), ['resolve', 'connect', 'tls', 'session', 'send', 'await']);
        const expired = await startBot(() => 200, certs.expired);
        const bad = await json({ endpoint: expired.url });
        assert.deepEqual([bad.json.reason, bad.json.detail, bad.json.cause, bad.json.processed, bad.json.phase], ['could_not_connect', 'TLS handshake failure', 'tls_cert_expired', 'no', 'tls']);
        assert.match(bad.json.explanation.en, /expired/i);
        assert.match(bad.json.advice.ja, /[ぁ-ん]/);
        assert.deepEqual(bad.json.phases.map(p => p.phase), ['resolve', 'connect', 'tls']);
        await expired.close();
        const url = await json({ endpoint: 'https://x y/' });
        assert.deepEqual([url.status, url.json.detail, url.json.phase], [200, 'Invalid URL syntax', 'url']);
        const stream = await node.api('POST', path(), { endpoint: `https://x/${'y'.repeat(600)}` });
        assert.deepEqual(events(stream.text).map(([name, d]) => [name, d.cause]), [['outcome', 'url_too_long']]);
        for (const [body, property] of [[{ endpoint: 1 }, 'endpoint'], [{ url: bot.url }, ''], [[], '']]) {
            const r = await json(body);
            assert.deepEqual([r.status, r.json.details[0].property], [400, property], r.text);
        }
        channel = await node.channel();
        assert.equal((await json()).status, 404);
        channel = { channelId: '7' };
        assert.equal((await json()).status, 404);
    });

    it('ends when nobody listens any more', async () => {
        channel = await node.channel({ webhookUrl: bot.url });
        bot.answer = () => new Promise(() => {});
        const gone = new AbortController();
        const sent = bot.requests.length;
        const r = await fetch(node.url + path(), { method: 'POST', headers: { authorization: `Bearer ${node.key}` }, signal: gone.signal });
        await until(() => bot.requests.length > sent);
        gone.abort();
        await r.text().catch(() => {});
        await until(async () => (await node.metric('todoke_api_requests_open')) === 1, undefined, 1500); // this question's own
        bot.answer = () => 200;
    });

    it('lets a suspended channel go on: its own URL only', async () => {
        for (const how of ['verify', 'LINE']) {
            channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true });
            bot.answer = r => (r.events.length ? 500 : 200);
            const [id] = await node.post(channel, [{ type: 'note' }]);
            const show = async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json;
            await until(async () => (await show()).suspended);
            const client = clientOf(node, channel.channelAccessToken);
            const attempt = body => (how === 'LINE' ? client.testWebhookEndpoint(body) : json(body));
            await attempt({ endpoint: `${bot.url}/another` });
            bot.answer = () => 500;
            await attempt();
            assert.equal((await show()).suspended, true);
            bot.answer = () => 200;
            await attempt({ endpoint: bot.url });
            await until(async () => !(await show()).suspended);
            await node.reaches(channel, id, 'delivered');
        }
    });
});
