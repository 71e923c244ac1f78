// What has ended goes after a time, or when the database grows; what waits never does.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { dataDir, startNode, until } from './lib/node.mjs';

const text = (n = 0) => ({ type: 'message', message: { type: 'text', id: String(n), text: `${n}` } });
const gone = async (node, channel, id) => (await node.api('GET', `/api/v1/channels/${channel.channelId}/events/${id}`)).status === 404;

describe('retention', () => {
    let bot;
    before(async () => { bot = await startBot(); });
    after(() => bot.close());

    it('by age: what has ended goes, with its attempts; what is retrying stays, and goes after its own end', async () => {
        const data = dataDir();
        let node = await startNode({ data, args: ['--retention', '400ms', '--redelivery-schedule', '1h', '--redelivery-jitter', '0'] });
        bot.answer = r => (r.events[0].message.id === '2' ? 500 : 200);
        const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, maxEventsPerRequest: 1 });
        const [one] = await node.post(channel, [text(1)]);
        const [two] = await node.post(channel, [text(2)]);
        await node.reaches(channel, two, 'retrying');
        await until(() => gone(node, channel, one));
        await until(async () => await node.metric('todoke_pruned_events_total') === 1 && await node.metric('todoke_pruned_attempts_total') === 1);
        const ids = await node.post(channel, Array.from({ length: 500 }, (_, i) => text(10 + i))); // several steps
        await until(async () => await node.metric('todoke_pruned_events_total') === 501);
        for (const id of [ids[0], ids[499]]) assert.ok(await gone(node, channel, id));
        assert.equal(bot.ids().filter(i => ids.includes(i)).length, 500);
        const kept = await node.event(channel, two); // far older than 400 ms by now
        assert.deepEqual([kept.state, kept.attempts.length], ['retrying', 1]);
        await node.stop();

        node = await startNode({ data, args: ['--retention', '400ms', '--redelivery-schedule', '20ms,20ms'] });
        bot.answer = () => 200;
        const from = new Date(0).toISOString(), to = new Date(Date.now() + 60_000).toISOString();
        assert.deepEqual((await node.api('POST', `/api/v1/channels/${channel.channelId}/redeliver`, { from, to })).json, { count: 0, message: 'No event accepted in that time was given up' }, 'it waits already');
        assert.equal((await node.event(channel, two)).state, 'retrying');
        await node.stop();
        rmSync(data, { recursive: true, force: true });
    });

    it('an idempotency key is forgotten after its time', async () => {
        const node = await startNode({ args: ['--retention', '300ms', '--idempotency-time', '300ms'] });
        bot.answer = () => 200;
        const channel = await node.channel({ webhookUrl: bot.url });
        const options = { headers: { 'idempotency-key': 'k' } };
        const first = await node.post(channel, [text(1)], options);
        await until(async () => await node.metric('todoke_pruned_idempotency_keys_total') === 1);
        assert.notDeepEqual(await node.post(channel, [text(1)], options), first);
        await node.stop();
    });

    it('by size: the oldest go, freed pages are used again, and what waits stays', async () => {
        const node = await startNode({ args: ['--retention-size', '2', '--redelivery-schedule', '1h'] });
        bot.answer = r => (r.events[0].type === 'kept' ? 500 : 200);
        const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, maxEventsPerRequest: 20 });
        const kept = await node.post(channel, [{ type: 'kept' }]);
        await node.reaches(channel, kept[0], 'retrying');
        const pad = 'a'.repeat(9000);
        const grow = async () => {
            const all = [];
            for (let i = 0; i < 10; i++) all.push(...await node.post(channel, Array.from({ length: 50 }, (_, n) => ({ type: 'x', n, pad }))));
            await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 1);
            return all;
        };
        let went = 0;
        const settle = () => until(async () => {
            const now = await node.metric('todoke_pruned_events_total');
            if (now === went || await node.metric('todoke_store_used_bytes') > 2 << 20) return false;
            went = now;
            return true;
        });
        const first = await grow();
        await settle();
        assert.ok(await gone(node, channel, first[0]), 'the oldest went');
        await node.reaches(channel, first.at(-1), 'delivered'); // the newest did not
        const whole = async () => await node.metric('todoke_store_used_bytes') + await node.metric('todoke_store_free_bytes');
        for (let i = 0; i < 3; i++) { await grow(); await settle(); }
        const later = await whole(); // of 20 MiB that came
        assert.ok(later < 14 << 20, `${later} bytes: freed pages are used again`);
        assert.equal((await node.event(channel, kept[0])).state, 'retrying');
        await node.stop();
    });

    it('says so when only what waits is left, and takes no event for it', async () => {
        const node = await startNode({ args: ['--retention-size', '1', '--redelivery-schedule', '1h'] });
        bot.answer = () => 500;
        const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true });
        const pad = 'a'.repeat(9000);
        for (let i = 0; i < 4; i++) await node.post(channel, Array.from({ length: 50 }, () => ({ type: 'x', pad })));
        await until(() => /only waiting events are left/.test(node.log()));
        assert.equal((await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents, 200);
        assert.equal(await node.metric('todoke_pruned_events_total'), 0);
        await node.stop();
    });
});
