// A channel that is deleted while it is busy: its events go with it, and nothing of it stays behind in memory, in the store or in the counts.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { sqlite } from './lib/disk.mjs';
import { startNode, until } from './lib/node.mjs';

const note = n => ({ type: 'message', source: { type: 'user', userId: `U${n}` }, message: { type: 'text', id: String(n), text: 'x' } });

describe('a deleted channel', () => {
    it('with a request on its way: nothing is given up, its lane goes', { timeout: 30_000 }, async () => {
        const node = await startNode();
        const held = [];
        const bot = await startBot(() => new Promise(resolve => held.push(resolve)));
        try {
            const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, responseTimeoutMs: 30_000 });
            await node.post(channel, [note(1)]);
            await until(() => held.length === 1);
            await until(async () => await node.metric('todoke_lanes') === 1);
            assert.equal((await node.api('DELETE', `/api/v1/channels/${channel.channelId}`)).status, 204);
            held[0](500);
            await until(async () => await node.metric('todoke_lanes') === 0);
            assert.equal(await node.metric('todoke_events_given_up_total'), 0);
            assert.equal(await node.metric('todoke_backlog_events'), 0);
        } finally {
            await node.stop();
            await bot.close();
        }
    });

    it('with a backlog: it is gone at once, its rows soon after', { timeout: 60_000 }, async () => {
        const node = await startNode({ args: ['--retention', '1s', '--drain-timeout', '100ms'] });
        const bot = await startBot(() => new Promise(() => {}));
        try {
            const busy = await node.channel({ webhookUrl: bot.url, responseTimeoutMs: 60_000 }), other = await node.channel({ webhookUrl: bot.url, responseTimeoutMs: 60_000 });
            for (let i = 0; i < 50; i++) await node.post(busy, Array.from({ length: 500 }, (_, n) => note(n)), { headers: { 'idempotency-key': `k${i}` } });
            await node.post(other, [note(1)]);
            assert.equal((await node.api('DELETE', `/api/v1/channels/${busy.channelId}`)).status, 204);
            await until(async () => await node.metric('todoke_backlog_events') === 1);
            await until(() => sqlite(node.data, 'SELECT count(*) FROM gone')[0] === '0');
            for (const table of ['queue', 'retry', 'idempotency']) assert.deepEqual(sqlite(node.data, `SELECT count(*) FROM ${table} WHERE channel_id=${busy.channelId}`), ['0'], table);
        } finally {
            await node.stop();
            await bot.close();
        }
    });
});
