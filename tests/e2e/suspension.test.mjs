// A channel that fails for long is suspended: nothing is sent, nothing is lost, and it goes on in order.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, dataDir, startNode, until } from './lib/node.mjs';

const times = (n, t) => Array(n).fill(t).join();
const args = ['--suspend-after', '200ms', '--suspend-failures', '4', '--redelivery-schedule', `${times(16, '30ms')},1h`, '--redelivery-jitter', '0'];
const text = n => ({ type: 'message', message: { type: 'text', id: String(n), text: `${n}` } });
const order = bot => bot.requests.flatMap(r => r.events.map(e => Number(e.message.id)));

describe('suspension', () => {
    let node, bot, channel;
    const path = () => `/api/v1/channels/${channel.channelId}`;
    const show = async () => (await node.api('GET', path())).json;
    const suspend = async () => {
        channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, maxEventsPerRequest: 1 });
        bot.answer = () => 500;
        await node.post(channel, [text(0)]);
        await until(async () => (await show()).suspended);
        // What was on its way has ended once a metric says so; from now on nothing is sent.
        await until(async () => await node.metric('todoke_channels_suspended') >= 1);
        return bot.requests.length;
    };
    before(async () => { node = await startNode({ args }); bot = await startBot(); });
    after(async () => { await node.stop(); await bot.close(); });

    it('keeps events, counts them, and delivers them in order once it is resumed by hand', async () => {
        const sent = await suspend();
        assert.ok(sent >= 4, `${sent} attempts`);
        assert.match(node.log(), new RegExp(`channel suspended.*channel=${channel.channelId}`));
        const c = await show();
        assert.ok(Date.parse(c.suspendedAt) >= Date.parse(c.createdAt) + 200);
        bot.answer = () => 200;
        const ids = [];
        for (let i = 1; i <= 40; i++) ids.push(...await node.post(channel, [text(i)]));
        for (const id of [ids[0], ids[39]]) assert.deepEqual((await node.event(channel, id)).state, 'suspended');
        assert.equal((await node.api('GET', `${path()}/events?state=suspended&limit=100`)).json.events.length, 41);
        assert.equal((await node.api('GET', `${path()}/events?state=pending`)).json.events.length, 0);
        assert.equal((await show()).backlogEvents, 41);
        assert.equal(await node.metric('todoke_suspended_events'), 41);
        assert.equal(await node.metric('todoke_channels_suspended'), 1);
        assert.equal(await node.metric('todoke_suspensions_total'), 1);
        assert.equal(bot.requests.length, sent, 'nothing is sent');

        for (const wrong of [true, 'false', null]) assert.equal((await node.api('PATCH', path(), { suspended: wrong })).json.details[0].property, 'suspended');
        const env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
        assert.match((await command(['channel', 'list'], { env })).stdout, new RegExp(`${channel.channelId} +suspended`));
        const r = await command(['channel', 'set', channel.channelId, '--resume'], { env });
        assert.equal(r.code, 0, r.stderr);
        assert.equal(JSON.parse(r.stdout).suspended, false);
        await until(async () => (await show()).backlogEvents === 0);
        const fresh = order(bot).slice(sent).filter(n => n > 0);
        assert.deepEqual([...fresh].sort((a, b) => a - b), Array.from({ length: 40 }, (_, i) => i + 1), 'each once');
        assert.equal((await show()).suspendedAt, undefined);
        assert.equal(await node.metric('todoke_suspended_events'), 0);
    });

    it('more events than fit in memory come in the order they were accepted', async () => {
        const sent = await suspend();
        bot.answer = () => 200;
        let n = 0;
        for (let i = 0; i < 5; i++) await node.post(channel, Array.from({ length: 500 }, () => text(++n)));
        await node.api('PATCH', path(), { suspended: false, maxEventsPerRequest: 500 });
        await until(async () => (await show()).backlogEvents === 0);
        const got = bot.requests.slice(sent).map(r => r.events.map(e => Number(e.message.id))).filter(r => r[0] > 0);
        for (const r of got) assert.deepEqual(r, [...r].sort((a, b) => a - b));
        assert.deepEqual(got.flat().sort((a, b) => a - b), Array.from({ length: n }, (_, i) => i + 1), 'each once');
        assert.ok(got[0][0] === 1 || got.slice(0, 8).some(r => r[0] === 1), 'the first leaves among the first');
    });

    it('goes on when the URL is changed, not when the same one is set again', async () => {
        await suspend();
        bot.answer = () => 200;
        const [id] = await node.post(channel, [text(1)]);
        assert.equal((await node.api('PATCH', path(), { webhookUrl: bot.url, name: 'other' })).json.suspended, true);
        assert.equal((await node.api('PATCH', path(), { webhookUrl: `${bot.url}?two` })).json.suspended, false);
        await node.reaches(channel, id, 'delivered');
    });

    it('after it was resumed, the time is counted anew', async () => {
        await suspend();
        const before = bot.requests.length, at = Date.now();
        assert.equal((await node.api('PATCH', path(), { suspended: false })).status, 200);
        await until(async () => (await show()).suspended);
        assert.ok(Date.now() - at >= 200);
        assert.ok(bot.requests.length >= before + 4);
    });

    it('successes in between keep a channel going', async () => {
        channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true });
        let n = 0;
        bot.answer = () => (++n % 3 ? 500 : 200);
        const since = Date.now();
        for (let i = 0; Date.now() < since + 600; i++) {
            const [id] = await node.post(channel, [text(i)]);
            await node.reaches(channel, id, 'delivered');
        }
        assert.equal((await show()).suspended, false);
        assert.ok(n > 10);
    });

    it('survives a restart; what waits is there', async () => {
        const data = dataDir();
        const other = node;
        try {
            node = await startNode({ data, args });
            await suspend();
            const [id] = await node.post(channel, [text(1)]);
            await node.kill();
            const sent = bot.requests.length;
            node = await startNode({ data, args, key: node.key });
            bot.answer = () => 200;
            assert.equal((await show()).suspended, true);
            const [more] = await node.post(channel, [text(2)]);
            assert.equal((await node.event(channel, id)).state, 'suspended');
            assert.equal((await show()).backlogEvents, 3);
            assert.equal(bot.requests.length, sent);
            await node.api('PATCH', path(), { suspended: false });
            for (const e of [id, more]) await node.reaches(channel, e, 'delivered');
            await until(async () => (await show()).backlogEvents === 0);
            await node.stop();
            // Since when it fails is on record before it is suspended: a restart does not begin to count anew.
            const slow = [...args, '--suspend-after', '1200ms', '--redelivery-schedule', times(20, '100ms')];
            node = await startNode({ data, args: slow, key: node.key });
            bot.answer = () => 500;
            const began = Date.now();
            await node.post(channel, [text(3)]);
            await until(async () => (await node.metric('todoke_attempts_total')) >= 5 && Date.now() > began + 300);
            await node.kill();
            node = await startNode({ data, args: slow, key: node.key });
            const again = Date.now();
            await until(async () => (await show()).suspended);
            assert.ok(Date.now() - began >= 1200);
            assert.ok(Date.now() - again < 1200 - 100, `${Date.now() - again} ms after the restart`);
            await node.stop();
        } finally {
            if (node !== other && node.child.exitCode === null) await node.kill();
            node = other;
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('hurts no other channel', async () => {
        await suspend();
        const well = await startBot();
        const fine = await node.channel({ webhookUrl: well.url });
        const ids = await node.post(fine, Array.from({ length: 100 }, (_, i) => text(i)));
        for (const id of ids) await node.reaches(fine, id, 'delivered');
        assert.equal((await show()).suspended, true);
        await well.close();
    });
});
