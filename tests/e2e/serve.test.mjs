// The main job, whole: a channel is made, events are posted, signed requests arrive, and every attempt can be seen.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';
import { caFile, certs } from './lib/certs.mjs';
import { lineAccepts, standardAccepts, startBot } from './lib/bot.mjs';
import { dataDir, startNode, until } from './lib/node.mjs';

const text = (n = 0) => ({ type: 'message', message: { type: 'text', id: String(n), text: `こんにちは ${n}` }, source: { type: 'user', userId: 'U1' } });
const ulid = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

describe('a delivery', () => {
    let node, bot;
    before(async () => { node = await startNode(); bot = await startBot(); });
    after(async () => { await node.stop(); await bot.close(); });

    it('is accepted by the official SDK and by Standard Webhooks, and is on record', async () => {
        const channel = await node.channel({ webhookUrl: bot.url });
        const [id] = await node.post(channel, [text(1)]);
        assert.match(id, ulid);
        const e = await node.reaches(channel, id, 'delivered');
        const [r] = bot.requests;
        assert.equal(r.method, 'POST');
        assert.equal(r.headers['content-type'], 'application/json; charset=utf-8');
        assert.match(r.headers['user-agent'], /^todoke\/\d/);
        const parsed = await lineAccepts(channel.channelSecret, r);
        assert.equal(parsed.destination, channel.botUserId);
        assert.equal(standardAccepts(channel.channelSecret, r).events[0].webhookEventId, id);
        await assert.rejects(lineAccepts('0'.repeat(32), r), /signature/i);
        assert.equal(r.headers['webhook-id'], id);
        assert.deepEqual(r.events[0].deliveryContext, { isRedelivery: false });
        assert.equal(r.events[0].mode, 'active');
        assert.equal(new Date(r.events[0].timestamp).toISOString(), e.acceptedAt);

        assert.equal(e.channelId, channel.channelId);
        assert.deepEqual(e.event, text(1));
        assert.equal(e.attempts.length, 1);
        const [a] = e.attempts;
        assert.deepEqual([a.reason, a.detail, a.cause, a.processed, a.status, a.http, a.events, a.reused], ['ok', '200', 'ok', 'yes', 200, '1.1', 1, false]);
        assert.equal(a.address, new URL(bot.url).host);
        assert.ok(a.timings.total_us > 0 && a.timings.total_us >= a.timings.first_byte_us);
    });

    it("keeps the publisher's bytes", async () => {
        const channel = await node.channel({ webhookUrl: bot.url });
        const own = '{ "n" : 12345678901234567890.10e+2,\t"type":"x\\u0041", "\\u00e9":"\\ud83d\\ude00","timestamp": 7,"mode":"standby" }';
        const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, undefined, { raw: `{"events":[${own}]}` });
        assert.equal(r.status, 202, r.text);
        const [id] = r.json.webhookEventIds;
        await node.reaches(channel, id, 'delivered');
        const sent = bot.requests.find(q => q.headers['webhook-id'] === id).raw.toString();
        assert.equal(sent, `{"destination":"${channel.botUserId}","events":[${own.slice(0, -1)},"webhookEventId":"${id}","deliveryContext":{"isRedelivery":false}}]}`);
        const shown = await node.api('GET', `/api/v1/channels/${channel.channelId}/events/${id}`);
        assert.ok(shown.text.includes(own));
    });

    it('replaces the members that are ours to give', async () => {
        const channel = await node.channel({ webhookUrl: bot.url });
        const [id] = await node.post(channel, [{ ...text(2), webhookEventId: '01FZ74A0TDDPYRVKNK77XKC3ZR', deliveryContext: { isRedelivery: true } }]);
        await node.reaches(channel, id, 'delivered');
        const sent = bot.requests.find(q => q.headers['webhook-id'] === id).raw.toString();
        assert.equal(sent.match(/"webhookEventId"/g).length, 1);
        assert.equal(sent.match(/"deliveryContext"/g).length, 1);
        assert.ok(!sent.includes('01FZ74A0TDDPYRVKNK77XKC3ZR'));
    });

    it('takes 500 events in one call, in the order of their ids', async () => {
        const channel = await node.channel({ webhookUrl: bot.url });
        const ids = await node.post(channel, Array.from({ length: 500 }, (_, i) => text(i)));
        assert.deepEqual([...ids].sort(), ids);
        assert.equal(new Set(ids).size, 500);
        await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 0);
        const got = bot.ids().filter(i => ids.includes(i));
        assert.equal(got.length, 500, 'each exactly once');
        assert.equal(new Set(got).size, 500);
    });

    it('is listed by state, page by page', async () => {
        const channel = await node.channel({ webhookUrl: bot.url });
        const ids = await node.post(channel, Array.from({ length: 7 }, (_, i) => text(i)));
        for (const id of ids) await node.reaches(channel, id, 'delivered');
        const path = `/api/v1/channels/${channel.channelId}/events`;
        const seen = [];
        let cursor = '';
        do {
            const r = await node.api('GET', `${path}?limit=3&state=delivered${cursor && `&cursor=${cursor}`}`);
            assert.equal(r.status, 200, r.text);
            seen.push(...r.json.events.map(e => e.webhookEventId));
            cursor = r.json.cursor;
        } while (cursor);
        assert.deepEqual(seen, [...ids].reverse());
        assert.deepEqual((await node.api('GET', `${path}?state=given_up`)).json, { events: [] });
        assert.deepEqual((await node.api('GET', `${path}?state=given_up,retrying`)).json, { events: [] });
        assert.deepEqual((await node.api('GET', `${path}?state=given_up,delivered&limit=3`)).json.events, (await node.api('GET', `${path}?state=delivered&limit=3`)).json.events);
        for (const bad of ['lost', 'delivered,', ',delivered', 'delivered,lost', 'delivered given_up'])
            assert.equal((await node.api('GET', `${path}?state=${encodeURIComponent(bad)}`)).json.details[0].property, 'state', bad);
        assert.equal((await node.api('GET', `${path}?cursor=x`)).json.details[0].property, 'cursor');
    });

    it('honours an Idempotency-Key', async () => {
        const channel = await node.channel({ webhookUrl: bot.url });
        const options = { headers: { 'idempotency-key': 'order-17' } };
        const first = await node.post(channel, [text(1), text(2)], options);
        assert.deepEqual(await node.post(channel, [text(1), text(2)], options), first);
        const other = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events: [text(3)] }, options);
        assert.equal(other.status, 409);
        for (const id of first) await node.reaches(channel, id, 'delivered');
        assert.equal(bot.ids().filter(i => first.includes(i)).length, 2);
        const many = await Promise.all(Array.from({ length: 20 }, () => node.post(channel, [text(9)], { headers: { 'idempotency-key': 'at once' } })));
        assert.equal(new Set(many.map(String)).size, 1);
    });
});

describe('over TLS', () => {
    it('webhooks travel by HTTP/2, many on one connection, and are accepted', async () => {
        const node = await startNode({ args: ['--ca', caFile] });
        const bot = await startBot(() => 200, certs.good);
        try {
            const channel = await node.channel({ webhookUrl: bot.url });
            const [first] = await node.post(channel, [text(0)]);
            const [a] = (await node.reaches(channel, first, 'delivered')).attempts;
            assert.deepEqual([a.http, a.reused, a.detail], ['2', false, '200']);
            assert.ok(a.timings.tls_us > 0);
            const ids = await node.post(channel, Array.from({ length: 100 }, (_, i) => text(i)));
            for (const id of ids) await node.reaches(channel, id, 'delivered');
            assert.equal((await node.event(channel, ids[99])).attempts[0].reused, true);
            for (const r of bot.requests) { await lineAccepts(channel.channelSecret, r); standardAccepts(channel.channelSecret, r); }
            assert.equal(bot.requests.length, 101);
        } finally {
            await node.stop();
            await bot.close();
        }
    });

    it('a certificate nobody vouches for is told as such', async () => {
        const node = await startNode();
        const bot = await startBot(() => 200, certs.selfSigned);
        try {
            const channel = await node.channel({ webhookUrl: bot.url });
            const [id] = await node.post(channel, [text(0)]);
            const [a] = (await node.reaches(channel, id, 'given_up')).attempts;
            assert.deepEqual([a.reason, a.detail, a.cause, a.processed, a.phase], ['could_not_connect', 'TLS handshake failure', 'tls_cert_self_signed', 'no', 'tls']);
            assert.equal(bot.requests.length, 0);
        } finally {
            await node.stop();
            await bot.close();
        }
    });

    it('the API speaks https and HTTP/2 with a certificate', async () => {
        const { certFile, keyFile } = certs.good;
        const node = await startNode({ args: ['--tls-cert', certFile, '--tls-key', keyFile] });
        assert.match(node.url, /^https:/);
        const ca = readFileSync(caFile);
        const session = http2.connect(node.url, { ca });
        try {
            const ask = (headers, body) => new Promise((resolve, reject) => {
                const stream = session.request({ authorization: `Bearer ${node.key}`, 'content-type': 'application/json', ...headers });
                let status, data = '';
                stream.on('response', h => (status = h[':status']));
                stream.setEncoding('utf8').on('data', d => (data += d)).on('end', () => resolve({ status, json: JSON.parse(data) })).on('error', reject);
                stream.end(body);
            });
            const made = await ask({ ':method': 'POST', ':path': '/api/v1/channels' }, '{"name":"h2"}');
            assert.equal(made.status, 201);
            const all = await Promise.all(Array.from({ length: 50 }, () => ask({ ':path': `/api/v1/channels/${made.json.channelId}` })));
            assert.ok(all.every(r => r.status === 200 && r.json.name === 'h2'));
        } finally {
            session.close();
            await node.stop();
        }
    });
});

describe('a failure', () => {
    let node, bot;
    before(async () => {
        node = await startNode({ args: ['--redelivery-schedule', '30ms,40ms', '--response-timeout', '10s'] });
        bot = await startBot();
    });
    after(async () => { await node.stop(); await bot.close(); });

    it('is given up at once while redelivery is off, and can be delivered again by hand', async () => {
        bot.answer = () => 500;
        const channel = await node.channel({ webhookUrl: bot.url });
        const [id] = await node.post(channel, [text()]);
        let e = await node.reaches(channel, id, 'given_up');
        assert.equal(e.attempts.length, 1);
        assert.deepEqual([e.attempts[0].reason, e.attempts[0].detail, e.attempts[0].cause, e.attempts[0].processed], ['error_status_code', '500', 'status_server_error', 'yes']);
        bot.answer = () => 204;
        let r = await node.api('POST', `/api/v1/channels/${channel.channelId}/redeliver`, { webhookEventIds: [id] });
        assert.equal(r.status, 202, r.text);
        assert.deepEqual(r.json, { count: 1, waiting: 0, unknown: 0 });
        e = await node.reaches(channel, id, 'delivered');
        assert.equal(e.attempts.length, 2);
        const again = bot.requests.filter(q => q.headers['webhook-id'] === id);
        assert.deepEqual(again.map(q => q.events[0].deliveryContext.isRedelivery), [false, true]);
        const { deliveryContext: _a, ...one } = again[0].events[0], { deliveryContext: _b, ...two } = again[1].events[0];
        assert.deepEqual(one, two, 'nothing but isRedelivery changes');
    });

    it('is delivered again by range and reason', async () => {
        bot.answer = () => 503;
        const channel = await node.channel({ webhookUrl: bot.url });
        const from = new Date(Date.now() - 1000).toISOString();
        const ids = await node.post(channel, [text(1), text(2), text(3)]);
        for (const id of ids) await node.reaches(channel, id, 'given_up');
        bot.answer = () => 200;
        const path = `/api/v1/channels/${channel.channelId}/redeliver`, to = new Date(Date.now() + 60_000).toISOString();
        assert.deepEqual((await node.api('POST', path, { from, to, reason: 'request_timeout' })).json, { count: 0, message: 'No event accepted in that time was given up for that reason' });
        assert.deepEqual((await node.api('POST', path, { from, to, reason: 'error_status_code' })).json, { count: 3 });
        for (const id of ids) await node.reaches(channel, id, 'delivered');
        assert.deepEqual((await node.api('POST', path, { from, to })).json, { count: 0, message: 'No event accepted in that time was given up' });
        assert.equal((await node.api('POST', path, { from, to, reason: 'no' })).json.details[0].property, 'reason');
        assert.equal((await node.api('POST', path, { from: 'yesterday', to })).json.details[0].property, 'from');
        assert.equal((await node.api('POST', path, { webhookEventIds: ['x'] })).json.details[0].property, 'webhookEventIds[0]');
    });

    it('is sent again by the schedule while redelivery is on, and given up at its end', async () => {
        bot.answer = () => 500;
        const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true });
        const [id] = await node.post(channel, [text()]);
        const e = await node.reaches(channel, id, 'given_up');
        assert.equal(e.attempts.length, 3);
        const gaps = e.attempts.slice(1).map((a, i) => new Date(a.startedAt) - new Date(e.attempts[i].startedAt));
        assert.ok(gaps[0] >= 24 && gaps[1] >= 32, `waits: ${gaps}`);
        const [ok] = await (bot.answer = (_, n) => (bot.first ??= n) === n ? 500 : 200, node.post(channel, [text()]));
        assert.equal((await node.reaches(channel, ok, 'delivered')).attempts.length, 2);
    });

    it('waits as Retry-After says', async () => {
        const patient = await startNode({ args: ['--redelivery-schedule', '10ms,5s', '--redelivery-jitter', '0'] });
        let n = 0;
        const busy = await startBot(() => (n++ ? 200 : { status: 503, headers: { 'retry-after': '1' } }));
        try {
            const channel = await patient.channel({ webhookUrl: busy.url, webhookRedelivery: true });
            const [id] = await patient.post(channel, [text()]);
            const e = await patient.reaches(channel, id, 'delivered');
            assert.ok(new Date(e.attempts[1].startedAt) - new Date(e.attempts[0].startedAt) >= 990);
        } finally {
            await patient.stop();
            await busy.close();
        }
    });

    it('does not say that the bot has processed what a proxy or a limiter may have answered', async () => {
        for (const [status, cause, processed] of [[429, 'status_client_error', 'unknown'], [502, 'status_server_error', 'unknown'], [503, 'status_server_error', 'unknown'],
            [504, 'status_server_error', 'unknown'], [404, 'status_client_error', 'yes'], [501, 'status_server_error', 'yes']]) {
            bot.answer = () => status;
            const channel = await node.channel({ webhookUrl: bot.url });
            const [id] = await node.post(channel, [text()]);
            const [a] = (await node.reaches(channel, id, 'given_up')).attempts;
            assert.deepEqual([a.reason, a.detail, a.cause, a.processed, a.status], ['error_status_code', String(status), cause, processed, status]);
        }
    });

    it('tells silence, refusal and an unknown host apart', async () => {
        bot.answer = () => new Promise(() => {});
        const gone = await startBot();
        await gone.close();
        const rows = [
            [bot.url, 'request_timeout', 'Request timeout', 'response_silent', 'unknown'],
            [gone.url, 'could_not_connect', 'Connection failed', 'tcp_refused', 'no'],
        ];
        for (const [url, reason, detail, cause, processed] of rows) {
            const channel = await node.channel({ webhookUrl: url, responseTimeoutMs: 300 });
            const [id] = await node.post(channel, [text()]);
            const [a] = (await node.reaches(channel, id, 'given_up')).attempts;
            assert.deepEqual([a.reason, a.detail, a.cause, a.processed], [reason, detail, cause, processed]);
        }
        assert.equal(await node.metric('todoke_attempts_failed_total{reason="could_not_connect",detail="Connection failed"}'), 1);
    });
});

describe('a backlog', () => {
    it('travels in batches, and a poison event stops nobody', async () => {
        const node = await startNode({ args: ['--window', '1', '--redelivery-schedule', '20ms,20ms'] });
        const bot = await startBot(async r => {
            await new Promise(resolve => setImmediate(resolve));
            return r.events.some(e => e.poison) ? 400 : 200;
        });
        try {
            const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, maxEventsPerRequest: 50 });
            const events = Array.from({ length: 300 }, (_, i) => ({ ...text(i), ...(i === 120 ? { poison: true } : {}) }));
            const ids = await node.post(channel, events);
            await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 0);
            const sizes = bot.requests.map(r => r.events.length);
            assert.ok(Math.max(...sizes) > 1 && Math.max(...sizes) <= 50, `sizes: ${sizes}`);
            assert.equal((await node.event(channel, ids[120])).state, 'given_up');
            const delivered = (await node.api('GET', `/api/v1/channels/${channel.channelId}/events?state=delivered&limit=500`)).json.events;
            assert.equal(delivered.length, 299);
            for (const r of bot.requests) if (r.events[0].deliveryContext.isRedelivery) assert.equal(r.events.length, 1, 'again one by one');
            for (const r of bot.requests) await lineAccepts(channel.channelSecret, r);
        } finally {
            await node.stop();
            await bot.close();
        }
    });

    it('is bounded: 429 with Retry-After, and nothing of the call is kept', async () => {
        const node = await startNode({ args: ['--channel-backlog', '5', '--response-timeout', '5s', '--drain-timeout', '0'] });
        const bot = await startBot(() => new Promise(() => {}));
        try {
            const channel = await node.channel({ webhookUrl: bot.url });
            await node.post(channel, [text(1), text(2), text(3)]);
            const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events: [text(4), text(5), text(6)] });
            assert.equal(r.status, 429);
            assert.ok(Number(r.headers.get('retry-after')) >= 1);
            assert.equal((await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents, 3);
            await node.post(channel, [text(7), text(8)]);
        } finally {
            await node.stop();
            await bot.close();
        }
    });

    it('is larger than memory: what was let go is loaded again', async () => {
        const node = await startNode({ args: ['--event-memory', '1', '--loops', '1'] });
        const bot = await startBot();
        try {
            const channel = await node.channel({ webhookUrl: bot.url, useWebhook: true, maxEventsPerRequest: 100 });
            const pad = 'x'.repeat(4000), all = [];
            for (let call = 0; call < 20; call++)
                all.push(...await node.post(channel, Array.from({ length: 200 }, (_, i) => ({ type: 'big', n: call * 200 + i, pad }))));
            await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 0, undefined, 60_000);
            const got = bot.ids();
            assert.equal(got.length, 4000, 'each exactly once');
            assert.deepEqual([...got].sort(), all);
        } finally {
            await node.stop();
            await bot.close();
        }
    });
});

describe('nothing accepted is lost', () => {
    it('kill -9 with events pending: the next start delivers them, under their ids', async () => {
        const data = dataDir();
        const bot = await startBot(() => new Promise(() => {}));
        try {
            let node = await startNode({ data, args: ['--response-timeout', '30s'] });
            const { key } = node;
            const a = await node.channel({ webhookUrl: bot.url, name: 'a' }), b = await node.channel({ webhookUrl: bot.url, name: 'b' });
            const ids = [...await node.post(a, Array.from({ length: 300 }, (_, i) => text(i))), ...await node.post(b, [text(1)])];
            await until(() => bot.requests.length === 8 + 1); // the first windows: nothing more is on its way to us
            await node.kill();
            bot.answer = () => 200;
            const before = bot.requests.length;
            node = await startNode({ data, key });
            for (const id of ids.slice(0, 300)) await node.reaches(a, id, 'delivered');
            await node.reaches(b, ids[300], 'delivered');
            const again = bot.requests.slice(before);
            assert.deepEqual(again.flatMap(r => r.events.map(e => e.webhookEventId)).sort(), [...ids].sort());
            for (const r of again.filter(q => q.body.destination === a.botUserId)) await lineAccepts(a.channelSecret, r);
            await node.stop();
        } finally {
            await bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('disk full: 503, nothing half kept, and it recovers alone', async t => {
        const data = dataDir();
        const tmpfs = size => execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', data], { stdio: 'ignore' });
        try { tmpfs('3m'); } catch { t.skip('needs the right to mount'); return; }
        const bot = await startBot();
        let node;
        try {
            node = await startNode({ data });
            const channel = await node.channel({ webhookUrl: bot.url });
            const path = `/api/v1/channels/${channel.channelId}/events`, big = { events: [{ type: 'x', pad: 'a'.repeat(100_000) }] };
            const ids = [];
            let r;
            for (let i = 0; i < 60 && (r = await node.api('POST', path, big)).status === 202; i++) ids.push(...r.json.webhookEventIds);
            assert.equal(r.status, 503, r.text);
            assert.match(r.json.message, /No space/);
            assert.ok(r.headers.get('retry-after'));
            assert.equal((await node.api('GET', '/healthz')).status, 200);
            execFileSync('mount', ['-o', 'remount,size=64m', data]);
            await until(async () => (await node.api('GET', '/readyz')).status === 200);
            ids.push(...await node.post(channel, big.events));
            for (const id of ids) await node.reaches(channel, id, 'delivered');
            assert.deepEqual(bot.ids().sort(), [...ids].sort(), 'what was refused was not sent');
        } finally {
            await node?.stop();
            await bot.close();
            execFileSync('umount', [data]);
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('retries survive a restart', async () => {
        const data = dataDir();
        const bot = await startBot(() => 500);
        try {
            let node = await startNode({ data, args: ['--redelivery-schedule', '4s,4s'] });
            const { key } = node;
            const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true });
            const [id] = await node.post(channel, [text()]);
            const e = await node.reaches(channel, id, 'retrying');
            assert.ok(new Date(e.nextAttemptAt) > new Date(e.acceptedAt));
            await node.kill();
            bot.answer = () => 200;
            node = await startNode({ data, key });
            assert.equal((await node.reaches(channel, id, 'delivered')).attempts.length, 2);
            assert.equal(bot.requests.at(-1).events[0].deliveryContext.isRedelivery, true);
            await node.stop();
        } finally {
            await bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('SIGTERM lets what is on its way end', async () => {
        let release;
        const held = new Promise(r => (release = r));
        const bot = await startBot(async () => { await held; return 200; });
        const data = dataDir();
        const node = await startNode({ data, args: ['--response-timeout', '10s'] });
        const channel = await node.channel({ webhookUrl: bot.url });
        const [id] = await node.post(channel, [text()]);
        await until(() => bot.requests.length === 1);
        const ending = node.stop();
        await until(() => node.log().includes('shutting down'));
        release();
        await ending;
        const next = await startNode({ data, key: node.key });
        assert.equal((await next.event(channel, id)).state, 'delivered');
        assert.equal(bot.requests.length, 1);
        await next.stop();
        await bot.close();
        rmSync(data, { recursive: true, force: true });
    });
});
