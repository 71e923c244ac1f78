// What the answer to a publisher says is so, also when something has happened meanwhile.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { diskSwitch } from './lib/disk.mjs';
import { startNode, until } from './lib/node.mjs';

const note = n => ({ type: 'message', source: { type: 'user', userId: `U${n}` }, message: { type: 'text', id: String(n), text: 'x' } });
const keyed = key => ({ headers: { 'idempotency-key': key } });

describe('a call repeated with its Idempotency-Key', () => {
    for (const [name, args, change, want] of [
        ['after Use webhook went off', [], { useWebhook: false }, 409],
        ['while the backlog is full', ['--channel-backlog', '2'], undefined, 429],
    ]) {
        it(`${name}: the first answer`, { timeout: 30_000 }, async () => {
            const node = await startNode({ args: [...args, '--drain-timeout', '100ms'] });
            const bot = await startBot(() => new Promise(() => {}));
            try {
                const channel = await node.channel({ webhookUrl: bot.url, responseTimeoutMs: 60_000 });
                const path = `/api/v1/channels/${channel.channelId}/events`;
                const post = (n, key) => node.api('POST', path, { events: [note(n), note(n)] }, key ? keyed(key) : {});
                const first = await post(1, 'a');
                assert.equal(first.status, 202);
                if (change) assert.equal((await node.api('PATCH', `/api/v1/channels/${channel.channelId}`, change)).status, 200);
                for (let i = 0; i < 2; i++) {
                    const again = await post(1, 'a');
                    assert.equal(again.status, 202, again.text);
                    assert.deepEqual(again.json, first.json);
                }
                assert.match((await post(2, 'a')).json.message, /used with another body/);
                for (const r of [await post(2, 'b'), await post(2)]) assert.equal(r.status, want, r.text);
                assert.equal(await node.metric('todoke_events_accepted_total'), 2);
                assert.equal(await node.metric('todoke_backlog_events'), 2);
            } finally {
                await node.stop();
                await bot.close();
            }
        });
    }
});

describe('a redelivery by range', () => {
    it('that fails midway says so, and the rest can be asked for', { timeout: 60_000 }, async () => {
        const all = 30_000, disk = diskSwitch();
        const node = await startNode({ env: disk.env, args: ['--channel-backlog', '100000', '--loops', '1'] });
        const bot = await startBot(() => 500);
        try {
            const channel = await node.channel({ webhookUrl: bot.url, maxEventsPerRequest: 500 });
            for (let i = 0; i < all / 500; i++) await node.post(channel, Array.from({ length: 500 }, (_, n) => note(n)));
            await until(async () => await node.metric('todoke_backlog_events') === 0);
            assert.equal(await node.metric('todoke_events_given_up_total'), all);
            assert.equal((await node.api('PATCH', `/api/v1/channels/${channel.channelId}`, { useWebhook: false })).status, 200); // they stay where they are
            const ask = () => node.api('POST', `/api/v1/channels/${channel.channelId}/redeliver`, { from: 0, to: Date.now() + 60_000 });
            const asked = ask();
            await until(async () => await node.metric('todoke_backlog_events') > 0);
            disk.fail('EIO');
            const r = await asked;
            disk.mend();
            const some = await node.metric('todoke_backlog_events');
            if (some < all) {
                assert.equal(r.status, 503, r.text);
                assert.match(r.json.message, new RegExp(`midway: ${some} events`));
            } else {
                assert.deepEqual(r.json, { count: all });
            }
            let rest;
            await until(async () => (rest = await ask()).status === 202, () => rest.text);
            assert.equal(rest.json.count + some, all);
        } finally {
            await node.stop();
            await bot.close();
        }
    });
});
