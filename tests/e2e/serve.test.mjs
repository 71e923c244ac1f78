// The main job, whole: a channel is made, events are posted, signed requests arrive, and every attempt can be seen.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { lineAccepts, standardAccepts, startBot } from './lib/bot.mjs';
import { bin, command, createKey, dataDir, startNode, until } from './lib/node.mjs';

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
        assert.equal((await node.api('GET', `${path}?state=lost`)).json.details[0].property, 'state');
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

describe('a failure', () => {
    let node, bot;
    before(async () => {
        node = await startNode({ args: ['--redelivery-schedule', '30ms,40ms', '--response-timeout', '300ms'] });
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
        assert.deepEqual(r.json, { count: 1 });
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
        assert.deepEqual((await node.api('POST', path, { from, to, reason: 'request_timeout' })).json, { count: 0 });
        assert.deepEqual((await node.api('POST', path, { from, to, reason: 'error_status_code' })).json, { count: 3 });
        for (const id of ids) await node.reaches(channel, id, 'delivered');
        assert.deepEqual((await node.api('POST', path, { from, to })).json, { count: 0 });
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

    it('tells silence, refusal and an unknown host apart', async () => {
        bot.answer = () => new Promise(() => {});
        const gone = await startBot();
        await gone.close();
        const rows = [
            [bot.url, 'request_timeout', 'Request timeout', 'response_silent', 'unknown'],
            [gone.url, 'could_not_connect', 'Connection failed', 'tcp_refused', 'no'],
        ];
        for (const [url, reason, detail, cause, processed] of rows) {
            const channel = await node.channel({ webhookUrl: url });
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
            await until(() => bot.requests.length > 0);
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

    it('retries survive a restart', async () => {
        const data = dataDir();
        const bot = await startBot(() => 500);
        try {
            let node = await startNode({ data, args: ['--redelivery-schedule', '1s,1s'] });
            const { key } = node;
            const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true });
            const [id] = await node.post(channel, [text()]);
            const e = await node.reaches(channel, id, 'retrying');
            assert.ok(new Date(e.nextAttemptAt) > new Date(e.acceptedAt));
            await node.kill();
            bot.answer = () => 200;
            node = await startNode({ data, key, args: ['--redelivery-schedule', '1s,1s'] });
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
        await until(() => node.log().includes('going down'));
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

describe('channels', () => {
    let node;
    before(async () => { node = await startNode(); });
    after(() => node.stop());

    it('are made with a name alone, shown, changed, listed and deleted', async () => {
        const c = await node.channel({ name: '届け bot' });
        assert.match(c.channelId, /^\d{10}$/);
        assert.match(c.channelSecret, /^[0-9a-f]{32}$/);
        assert.match(c.botUserId, /^U[0-9a-f]{32}$/);
        assert.ok(c.channelAccessToken.length >= 32);
        assert.deepEqual([c.webhookUrl, c.useWebhook, c.webhookRedelivery, c.errorStatistics, c.language, c.maxEventsPerRequest, c.responseTimeoutMs],
            [null, false, false, false, 'en', 1, 2000]);
        const path = `/api/v1/channels/${c.channelId}`;
        const shown = (await node.api('GET', path)).json;
        assert.equal(shown.name, '届け bot');
        assert.ok(!('channelSecret' in shown) && !('channelAccessToken' in shown));
        const changed = await node.api('PATCH', path, { webhookUrl: 'http://127.0.0.1:9/x', useWebhook: true, webhookRedelivery: true, responseTimeoutMs: 500, language: 'ja' });
        assert.equal(changed.status, 200, changed.text);
        assert.deepEqual([changed.json.useWebhook, changed.json.maxEventsPerRequest, changed.json.responseTimeoutMs, changed.json.language], [true, 100, 500, 'ja']);
        assert.equal((await node.api('PATCH', path, { webhookUrl: null })).json.details[0].property, 'webhookUrl');
        assert.equal((await node.api('PATCH', path, { webhookUrl: null, useWebhook: false })).json.webhookUrl, null);
        assert.equal((await node.api('DELETE', path)).status, 204);
        for (const [m, p, b] of [['GET', path], ['PATCH', path, {}], ['DELETE', path], ['POST', `${path}/events`, { events: [text()] }]])
            assert.equal((await node.api(m, p, b)).status, 404, `${m} ${p}`);
    });

    it('are listed with a cursor', async () => {
        const made = [];
        for (let i = 0; i < 5; i++) made.push((await node.channel({ name: `n${i}` })).channelId);
        const seen = [];
        let cursor = '';
        do {
            const r = await node.api('GET', `/api/v1/channels?limit=2${cursor && `&cursor=${cursor}`}`);
            assert.ok(r.json.channels.length <= 2);
            seen.push(...r.json.channels.map(c => c.channelId));
            cursor = r.json.cursor;
        } while (cursor);
        assert.deepEqual(seen.filter(i => made.includes(i)), made);
    });

    it('with Use webhook off refuse events, and keep what waits', async () => {
        const bot = await startBot(() => 500);
        const c = await node.channel({ webhookUrl: bot.url, useWebhook: false });
        const r = await node.api('POST', `/api/v1/channels/${c.channelId}/events`, { events: [text()] });
        assert.equal(r.status, 409);
        await node.api('PATCH', `/api/v1/channels/${c.channelId}`, { useWebhook: true });
        await node.post(c, [text()]);
        await bot.close();
    });

    for (const [body, property] of [
        [{}, 'name'], [{ name: '' }, 'name'], [{ name: 1 }, 'name'], [{ name: 'x'.repeat(101) }, 'name'], [{ name: 'a\nb' }, 'name'],
        [{ name: 'x', webhookUrl: 'ftp://example.com/' }, 'webhookUrl'], [{ name: 'x', webhookUrl: 'https://u:p@example.com/' }, 'webhookUrl'],
        [{ name: 'x', webhookUrl: `https://example.com/${'a'.repeat(500)}` }, 'webhookUrl'], [{ name: 'x', webhookUrl: 5 }, 'webhookUrl'],
        [{ name: 'x', useWebhook: 'yes' }, 'useWebhook'], [{ name: 'x', useWebhook: true }, 'webhookUrl'], [{ name: 'x', webhookRedelivery: 1 }, 'webhookRedelivery'],
        [{ name: 'x', errorStatistics: null }, 'errorStatistics'], [{ name: 'x', contactEmail: 'nobody' }, 'contactEmail'], [{ name: 'x', language: 'fr' }, 'language'],
        [{ name: 'x', responseTimeoutMs: 1.5 }, 'responseTimeoutMs'], [{ name: 'x', responseTimeoutMs: 0 }, 'responseTimeoutMs'],
        [{ name: 'x', maxEventsPerRequest: 501 }, 'maxEventsPerRequest'], [{ name: 'x', webhookURL: 'https://example.com/' }, 'webhookURL'],
    ]) {
        it(`refuse ${JSON.stringify(body).slice(0, 60)}, naming ${property}`, async () => {
            const r = await node.api('POST', '/api/v1/channels', body);
            assert.equal(r.status, 400, r.text);
            assert.equal(r.json.details[0].property, property);
            assert.ok(r.json.message.includes(property) && r.json.details[0].message);
        });
    }
});

describe('refusals', () => {
    let node, channel, ingest;
    before(async () => {
        node = await startNode();
        channel = await node.channel({ webhookUrl: 'http://127.0.0.1:9/' });
        ingest = createKey(node.data, 'ingest'); // while the node runs
    });
    after(() => node.stop());

    it('401 without a key, with a wrong one, with another scheme', async () => {
        for (const headers of [{}, { authorization: 'Bearer nonsense' }, { authorization: `Bearer tdk_${'x'.repeat(43)}` }, { authorization: 'Basic eDp5' }]) {
            const r = await node.api('GET', '/api/v1/channels', undefined, { key: null, headers });
            assert.equal(r.status, 401);
            assert.equal(r.headers.get('www-authenticate'), 'Bearer');
            assert.ok(r.json.message);
            assert.ok(r.headers.get('x-line-request-id'));
        }
    });

    it('403 for what the role may not do; ingest may post events', async () => {
        assert.equal((await node.api('GET', '/api/v1/channels', undefined, { key: ingest })).status, 403);
        assert.equal((await node.api('POST', '/api/v1/channels', { name: 'x' }, { key: ingest })).status, 403);
        assert.equal((await node.api('DELETE', `/api/v1/channels/${channel.channelId}`, undefined, { key: ingest })).status, 403);
        await node.post(channel, [text()], { key: ingest });
    });

    it('a revoked key is valid no more', async () => {
        const key = createKey(node.data, 'operator');
        assert.equal((await node.api('GET', '/api/v1/channels', undefined, { key })).status, 200);
        const listed = execFileSync(bin, ['key', 'list', '--data', node.data], { encoding: 'utf8' }).trim().split('\n');
        assert.ok(!listed.some(l => l.includes(key)), 'a key is shown once only');
        const id = listed.at(-1).split(/\s+/)[0];
        execFileSync(bin, ['key', 'revoke', '--data', node.data, id]);
        await until(async () => (await node.api('GET', '/api/v1/channels', undefined, { key })).status === 401);
    });

    it('404, and 405 with Allow', async () => {
        for (const path of ['/', '/api', '/api/v1/channels/', '/api/v1/channels/1', '/api/v1/channels/abc', `/api/v1/channels/${channel.channelId}/nothing`,
            `/api/v1/channels/${channel.channelId}/events/01FZ74A0TDDPYRVKNK77XKC3ZR`, `/api/v1/channels/${channel.channelId}/events/x`, '/api/v1/channels/%31'])
            assert.equal((await node.api('GET', path)).status, 404, path);
        const r = await node.api('PUT', `/api/v1/channels/${channel.channelId}`, {});
        assert.equal(r.status, 405);
        assert.deepEqual(r.headers.get('allow').split(', ').sort(), ['DELETE', 'GET', 'PATCH']);
    });

    it('415 for another type', async () => {
        for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])
            assert.equal((await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, undefined, { raw: '{"events":[{"type":"x"}]}', headers: { 'content-type': type } })).status, 415, type);
        assert.equal((await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, undefined, { raw: '{"events":[{"type":"x"}]}', headers: { 'content-type': 'Application/JSON ; charset=UTF-8' } })).status, 202);
    });

    it('413 past 1 MiB, and a megabyte is taken', async () => {
        const body = n => `{"events":[{"type":"x","pad":"${'a'.repeat(n)}"}]}`;
        const frame = body(0).length, path = `/api/v1/channels/${channel.channelId}/events`;
        assert.equal((await node.api('POST', path, undefined, { raw: body(1048576 - frame) })).status, 202);
        assert.equal((await node.api('POST', path, undefined, { raw: body(1048577 - frame) })).status, 413);
        assert.equal((await node.api('POST', '/api/v1/channels', undefined, { raw: `{"name":"${'a'.repeat(70000)}"}` })).status, 413);
    });

    for (const [raw, property] of [
        ['', ''], ['{', ''], ['nul', ''], ['[]', ''], ['{"events":[{"type":"x"}]} x', ''], ['{"events":[{"type":"\xff"}]}', undefined],
        ['{"events":[]}', 'events'], ['{"event":[]}', 'event'], ['{"events":[{"type":"x"},7]}', 'events[1]'], ['{"events":[{}]}', 'events[0].type'],
        ['{"events":[{"type":"x"},{"type":"x"},{"type":"x"},{"type":null}]}', 'events[3].type'],
        ['{"events":[{"type":"message"}]}', 'events[0].message'], ['{"events":[{"type":"postback","postback":{"data":1}}]}', 'events[0].postback.data'],
    ]) {
        it(`400 for ${raw.slice(0, 50)}`, async () => {
            const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, undefined, { raw: property === undefined ? Buffer.from(raw, 'latin1') : raw });
            assert.equal(r.status, 400, r.text);
            assert.equal(r.json.details[0].property, property ?? '');
        });
    }

    it('400 for 501 events', async () => {
        const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events: Array(501).fill({ type: 'x' }) });
        assert.equal(r.status, 400);
        assert.equal(r.json.details[0].property, 'events');
    });

    it('unknown query parameters are named', async () => {
        assert.equal((await node.api('GET', '/api/v1/channels?page=2')).json.details[0].property, 'page');
        assert.equal((await node.api('GET', '/api/v1/channels?limit=501')).json.details[0].property, 'limit');
    });
});

describe('a node', () => {
    it('says how it is', async () => {
        const node = await startNode();
        const none = { key: null };
        assert.equal((await node.api('GET', '/healthz', undefined, none)).json.status, 'ok');
        assert.equal((await node.api('GET', '/readyz', undefined, none)).json.status, 'ready');
        const metrics = await node.api('GET', '/metrics', undefined, none);
        assert.match(metrics.headers.get('content-type'), /^text\/plain/);
        for (const name of ['todoke_events_accepted_total', 'todoke_events_delivered_total', 'todoke_backlog_events']) assert.match(metrics.text, new RegExp(`^${name} \\d+$`, 'm'));
        assert.match((await node.api('GET', '/api/openapi.yaml', undefined, none)).text, /^openapi: 3/);
        await node.stop();
    });

    it('is alone on its directory', async () => {
        const node = await startNode();
        const second = await command(['serve', '--data', node.data, '--listen', '127.0.0.1:0']);
        assert.equal(second.code, 1);
        assert.match(second.stderr, /another node/);
        await node.stop();
    });

    it('takes settings from a file, the environment and flags, and refuses what it does not know', async () => {
        const data = dataDir(), file = join(data, 'todoke.ini');
        writeFileSync(file, '; a comment\nresponse-timeout = 700ms\nuser-agent = file/1\nlog = warn\n');
        const node = await startNode({ data, args: ['--config', file], env: { TODOKE_USER_AGENT: 'env/1' } });
        assert.equal((await node.channel({})).responseTimeoutMs, 700);
        const bot = await startBot();
        const c = await node.channel({ webhookUrl: bot.url });
        await node.post(c, [text()]);
        await until(() => bot.requests.length === 1);
        assert.equal(bot.requests[0].headers['user-agent'], 'env/1');
        await node.stop();
        await bot.close();
        for (const [content, message] of [['listen = 127.0.0.1:0\nresponse-timeuot = 1s\n', /todoke\.ini:2: response-timeuot.*response-timeout/],
            ['\nwindow = many\n', /todoke\.ini:2: window: "many" is not an integer/], ['[node]\nlog = info\n', /todoke\.ini:2: .*sections/], ['what\n', /todoke\.ini:1/]]) {
            writeFileSync(file, content);
            const r = await command(['serve', '--data', data, '--config', file]);
            assert.equal(r.code, 2, r.stderr);
            assert.match(r.stderr, message);
        }
        for (const args of [['--lisden', 'x'], ['--listen'], ['--window', '0'], ['extra'], ['--tls-cert', 'x']]) assert.equal((await command(['serve', '--data', data, ...args])).code, 2, args.join(' '));
        assert.equal((await command(['serve', '--data', data, '--window'], { env: { TODOKE_WINDOW: 'x' } })).code, 2);
        rmSync(data, { recursive: true, force: true });
    });
});

describe('commands over the API', () => {
    it('make a channel, post events, list, change and delete', async () => {
        const node = await startNode();
        const bot = await startBot();
        const env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
        try {
            const made = await command(['channel', 'create', '--name', '届け', '--webhook-url', bot.url], { env });
            assert.equal(made.code, 0, made.stderr);
            const c = JSON.parse(made.stdout);
            assert.equal(c.name, '届け');
            for (const [input, count] of [[JSON.stringify(text(1)), 1], [`\n[${JSON.stringify(text(2))}, ${JSON.stringify(text(3))}]`, 2], [JSON.stringify({ events: [text(4)] }), 1]]) {
                const sent = await command(['event', 'send', c.channelId, '-'], { env, input });
                assert.equal(sent.code, 0, sent.stderr);
                const ids = sent.stdout.trim().split('\n');
                assert.equal(ids.length, count);
                for (const id of ids) await node.reaches(c, id, 'delivered');
            }
            const file = join(node.data, 'events.json');
            writeFileSync(file, '{"type":"message"}');
            const wrong = await command(['event', 'send', c.channelId, file], { env });
            assert.equal(wrong.code, 2);
            assert.match(wrong.stderr, /events\[0\]\.message/);
            const set = await command(['channel', 'set', c.channelId, '--webhook-redelivery', 'on', '--response-timeout-ms', '900', '--api', `${node.url}/`], { env: { ...env, TODOKE_API: 'http://127.0.0.1:1' } });
            assert.equal(set.code, 0, set.stderr);
            assert.deepEqual([JSON.parse(set.stdout).webhookRedelivery, JSON.parse(set.stdout).responseTimeoutMs], [true, 900]);
            assert.match((await command(['channel', 'list'], { env })).stdout, new RegExp(`^${c.channelId}.*届け`, 'm'));
            assert.equal(JSON.parse((await command(['channel', 'show', c.channelId], { env })).stdout).channelId, c.channelId);
            assert.equal((await command(['channel', 'delete', c.channelId], { env })).code, 0);
            const gone = await command(['channel', 'show', c.channelId], { env });
            assert.deepEqual([gone.code, gone.stderr], [2, 'todoke: No such channel (404)\n']);
            assert.equal((await command(['channel', 'list'], { env: { ...env, TODOKE_KEY: 'wrong' } })).code, 2);
            const nobody = await command(['channel', 'list', '--api', 'http://127.0.0.1:1'], { env });
            assert.equal(nobody.code, 1);
            assert.match(nobody.stderr, /could_not_connect, Connection failed/);
            for (const args of [['channel'], ['channel', 'make'], ['channel', 'show'], ['event'], ['event', 'send'], ['event', 'send', 'x', '-'], ['channel', 'list', '--name', 'x']])
                assert.equal((await command(args, { env })).code, 2, args.join(' '));
        } finally {
            await node.stop();
            await bot.close();
        }
    });
});
