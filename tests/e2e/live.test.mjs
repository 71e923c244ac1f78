// What operators and developers see of a running node: the figures, live streams of them, channels by their health, test events.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { lineAccepts, startBot } from './lib/bot.mjs';
import { command, createKey, startNode, until } from './lib/node.mjs';
import { firstAccount } from './lib/people.mjs';
import { openStream } from './lib/sse.mjs';

const text = { type: 'message', message: { type: 'text', id: '1', text: 'hello' }, source: { type: 'user', userId: 'U1' } };

describe('a channel at a glance', () => {
    let node, good, bad, bots;
    before(async () => {
        node = await startNode();
        bots = [await startBot(), await startBot(() => 503)];
        good = await node.channel({ name: 'Good Bot', webhookUrl: bots[0].url });
        bad = await node.channel({ name: '届け bad', webhookUrl: bots[1].url });
    });
    after(async () => { await node.stop(); for (const b of bots) await b.close(); });
    const channel = async c => (await node.api('GET', `/api/v1/channels/${c.channelId}`)).json;

    it('says what the last hour was like, and what failed last', async () => {
        const fresh = await channel(good);
        assert.deepEqual([fresh.state, fresh.lastHour, fresh.lastFailure, fresh.timeZone], ['active', { delivered: 0, failed: 0 }, undefined, '+09:00']);
        await node.post(good, [text, text]);
        const [id] = await node.post(bad, [text]);
        await node.reaches(bad, id, 'given_up');
        await until(async () => (await channel(good)).lastHour.delivered === 2);
        const failing = await channel(bad);
        assert.equal(failing.state, 'failing');
        assert.deepEqual(failing.lastHour, { delivered: 0, failed: 1 });
        const [attempt] = (await node.event(bad, id)).attempts;
        for (const m of ['reason', 'detail', 'cause']) assert.equal(failing.lastFailure[m], attempt[m]);
        assert.ok(Date.parse(failing.lastFailure.at) >= Date.parse(attempt.startedAt));
        bots[1].answer = () => 200;
        await node.post(bad, [text]);
        await until(async () => (await channel(bad)).state === 'active');
        assert.equal((await channel(bad)).lastFailure.detail, '503', 'it is still the last failure');
        bots[1].answer = () => 503;
        await node.post(bad, [text]);
        await until(async () => (await channel(bad)).state === 'failing');
        await node.api('PATCH', `/api/v1/channels/${bad.channelId}`, { webhookUrl: `${bots[1].url}/elsewhere` });
        await until(async () => (await channel(bad)).state === 'active', () => 'another URL begins anew');
    });

    it('is found by name, id and state, page by page', async () => {
        const off = await node.channel({ name: 'OFF' });
        const found = async query => {
            const names = [];
            let cursor = '';
            do {
                const r = await node.api('GET', `/api/v1/channels?limit=1&${query}${cursor && `&cursor=${cursor}`}`);
                assert.equal(r.status, 200, r.text);
                assert.ok(r.json.channels.length <= 1);
                names.push(...r.json.channels.map(c => c.name));
                cursor = r.json.cursor ?? '';
            } while (cursor);
            return names;
        };
        assert.deepEqual(await found(''), ['Good Bot', '届け bad', 'OFF']);
        assert.deepEqual(await found('q=bot'), ['Good Bot']);
        assert.deepEqual(await found(`q=${encodeURIComponent('届')}`), ['届け bad']);
        assert.deepEqual(await found(`q=${off.channelId}`), ['OFF']);
        assert.deepEqual(await found('q=nothing+of+it'), []);
        assert.deepEqual(await found('state=off'), ['OFF']);
        assert.deepEqual(await found('state=active&q=bad'), ['届け bad']);
        for (const [query, property] of [['state=well', 'state'], ['cursor=x', 'cursor'], ['sort=name', 'sort']])
            assert.equal((await node.api('GET', `/api/v1/channels?${query}`)).json.details[0].property, property);
    });
});

describe('test events', () => {
    let node, bot, channel;
    before(async () => {
        node = await startNode();
        bot = await startBot();
        channel = await node.channel({ webhookUrl: bot.url });
    });
    after(async () => { await node.stop(); await bot.close(); });
    const post = body => node.api('POST', `/api/v1/channels/${channel.channelId}/test-event`, body);

    it('are text messages that a bot cannot tell from others', async () => {
        for (const [body, want] of [[undefined, 'todoke test event'], [{}, 'todoke test event'], [{ text: 'こんにちは "quoted"' }, 'こんにちは "quoted"']]) {
            const r = await post(body);
            assert.equal(r.status, 202, r.text);
            const event = await node.reaches(channel, r.json.webhookEventIds[0], 'delivered');
            const request = bot.requests.at(-1);
            const read = await lineAccepts(channel.channelSecret, request);
            assert.equal(read.events[0].webhookEventId, event.webhookEventId);
            assert.deepEqual([read.events[0].type, read.events[0].message.type, read.events[0].message.text], ['message', 'text', want]);
            assert.match(read.events[0].source.userId, /^U[0-9a-f]{32}$/);
            assert.match(read.events[0].replyToken, /^[0-9a-f]{32}$/);
            assert.match(read.events[0].message.id, /^[1-9]\d*$/);
        }
    });

    it('are refused where they make no sense', async () => {
        for (const body of [{ text: '' }, { text: 5 }, { text: 'x'.repeat(5001) }])
            assert.equal((await post(body)).json.details[0].property, 'text');
        assert.equal((await post({ txt: 'x' })).json.details[0].property, 'txt');
        await node.api('PATCH', `/api/v1/channels/${channel.channelId}`, { useWebhook: false });
        assert.equal((await post()).status, 409);
    });
});

describe('live', () => {
    let node, bot, channel;
    before(async () => {
        node = await startNode({ args: ['--loops', '1'] });
        bot = await startBot();
        channel = await node.channel({ webhookUrl: bot.url });
    });
    after(async () => { await node.stop(); await bot.close(); });
    const live = (path = `channels/${channel.channelId}/live`, key = node.key) => openStream(`${node.url}/api/v1/${path}`, { key });

    it('tells a channel at once, then what changes, at most once a second', async () => {
        const s = await live().opened;
        assert.equal(s.status, 200);
        assert.match(s.headers['content-type'], /^text\/event-stream/);
        const first = await s.until(m => m.event === 'channel');
        assert.deepEqual([first.data.channelId, first.data.state, first.data.backlogEvents, first.data.lastHour], [channel.channelId, 'active', 0, { delivered: 0, failed: 0 }]);
        bot.answer = () => 500;
        for (let i = 0; i < 5; i++) await node.post(channel, [text]);
        const failing = await s.until(m => m.data?.lastHour.failed === 5);
        assert.equal(failing.data.lastFailure.detail, '500');
        bot.answer = () => 200;
        await node.post(channel, [text]);
        await s.until(m => m.data?.state === 'active' && m.data.lastHour.delivered === 1);
        const times = s.messages.filter(m => m.data).map(m => m.at);
        for (let i = 2; i < times.length; i++) assert.ok(times[i] - times[i - 1] > 700, `${times[i] - times[i - 1]} ms apart`);
        s.close();
    });

    it('ends with its channel', async () => {
        const other = await node.channel({ webhookUrl: bot.url });
        const s = await live(`channels/${other.channelId}/live`).opened;
        await s.until(m => m.event === 'channel');
        await node.api('DELETE', `/api/v1/channels/${other.channelId}`);
        assert.equal((await s.ended()).complete, true);
        assert.equal((await live(`channels/${other.channelId}/live`).opened).status, 404);
    });

    it('ends when the key is revoked', async () => {
        const key = createKey(node.data);
        const s = await live(undefined, key).opened;
        await s.until(m => m.event === 'channel');
        const listed = (await command(['key', 'list', '--data', node.data])).stdout.trim().split('\n').at(-1).split(/\s+/);
        assert.equal((await command(['key', 'revoke', '--data', node.data, listed[0]])).code, 0);
        await s.ended();
        assert.equal((await live(undefined, key).opened).status, 401);
    });

    it('ends when its session does', async () => {
        const person = await firstAccount(node);
        const s = await openStream(`${node.url}/api/v1/channels/${channel.channelId}/live`, { headers: { cookie: person.cookie } }).opened;
        await s.until(m => m.event === 'channel');
        assert.equal((await person.api('DELETE', '/api/v1/session')).status, 204);
        await s.ended(5000);
        assert.equal((await openStream(`${node.url}/api/v1/channels/${channel.channelId}/live`, { headers: { cookie: person.cookie } }).opened).status, 401);
    });

    it('has a bound for each key', async () => {
        const key = createKey(node.data);
        const open = [];
        for (let i = 0; i < 12; i++) open.push(await live(undefined, key).opened);
        assert.ok(open.every(s => s.status === 200));
        const refused = await live(undefined, key).opened;
        assert.equal(refused.status, 429);
        assert.ok(refused.headers['retry-after']);
        assert.equal((await live().opened).status, 200, 'others have their own');
        open.pop().close();
        let again;
        await until(async () => (again = await live(undefined, key).opened).status === 200);
        for (const s of [...open, again]) s.close();
    });

    it('over HTTP/2 too', async () => {
        const session = http2.connect(node.url);
        const s = session.request({ ':path': `/api/v1/channels/${channel.channelId}/live`, authorization: `Bearer ${node.key}` });
        let got = '';
        s.setEncoding('utf8').on('data', d => (got += d));
        await until(() => got.includes('event: channel'));
        assert.match(got, /^retry: 3000\n\n/);
        s.close();
        session.close();
    });

    it('does not wait for a client that has stopped reading', async () => {
        const socket = net.connect(new URL(node.url).port, '127.0.0.1');
        await new Promise(r => socket.once('connect', r));
        socket.write(`GET /api/v1/system/live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${node.key}\r\n\r\n`);
        await new Promise(r => socket.once('data', r));
        socket.pause();
        const s = await live('system/live').opened; // who reads is told meanwhile
        await s.until(m => m.event === 'system');
        socket.destroy();
        s.close();
    });
});

describe('the system', () => {
    it('in figures, once and live; what goes down ends streams at once', async () => {
        const node = await startNode({ args: ['--drain-timeout', '20s'] });
        const bot = await startBot();
        const channel = await node.channel({ webhookUrl: bot.url });
        const stream = await openStream(`${node.url}/api/v1/system/live`, { key: node.key }).opened;
        const s = (await node.api('GET', '/api/v1/system')).json;
        assert.ok(Date.now() - Date.parse(s.startedAt) < 60_000 && s.version);
        assert.deepEqual([s.backlogEvents, s.backlogAgeMs, s.inFlight, s.alarms], [0, 0, 0, []]);
        assert.deepEqual(s.channels, { total: 1, suspended: 0 });
        assert.deepEqual(s.outbox, { waiting: 0, failed: 0, oldestAt: null, trouble: false });
        assert.ok(s.memoryBytes > 1e6 && s.store.queued >= 0);
        for (let i = 0; i < 20; i++) await node.post(channel, [text]);
        await stream.until(m => m.data?.rates.delivered > 0 && m.data.rates.accepted > 0 && m.data.sessions.http1 > 0 && m.data.store.commitMs > 0 && m.data.store.bytes > 0);
        bot.answer = () => new Promise(() => {}); // hangs
        await node.api('PATCH', `/api/v1/channels/${channel.channelId}`, { responseTimeoutMs: 60_000 });
        await node.post(channel, [text]);
        await stream.until(m => m.data?.inFlight === 1 && m.data.backlogEvents === 1 && m.data.backlogAgeMs > 0);
        assert.ok((await node.api('GET', '/api/v1/system')).json.backlogAgeMs > 0);
        assert.equal((await node.api('GET', '/api/v1/system', undefined, { key: createKey(node.data, 'ingest') })).status, 403);
        bot.answer = () => 200;
        await bot.close();
        const begin = performance.now(), ended = stream.ended();
        const stopped = node.stop();
        assert.equal((await ended).complete, true);
        await stopped;
        assert.ok(performance.now() - begin < 10_000, 'the drain did not wait for the stream');
    });
});
