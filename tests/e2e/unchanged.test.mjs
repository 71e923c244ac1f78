// What changes nothing writes nothing: no line of the audit log, no updatedAt, no word to whoever listens. And what does change still does.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, createKey, dataDir, startNode } from './lib/node.mjs';
import { firstAccount } from './lib/people.mjs';

describe('what changes nothing', () => {
    let node, bot, channel, path;
    before(async () => {
        node = await startNode();
        bot = await startBot(r => (r.path === '/slow' ? 503 : 200));
        channel = await node.channel({ name: '届け', webhookUrl: bot.url, contactEmail: 'a@example.com', redeliverySchedule: [5, 60], responseTimeoutMs: 900 });
        path = `/api/v1/channels/${channel.channelId}`;
    });
    after(async () => { await node.stop(); await bot.close(); });
    const lines = async () => (await node.api('GET', '/api/v1/audit?limit=500')).json.entries.length;
    // The call is answered with the status and adds so many lines to the audit log.
    const adds = async (count, method, where, body, status = 200, options) => {
        const was = await lines();
        const r = await node.api(method, where, body, options);
        assert.equal(r.status, status, `${method} ${where} ${JSON.stringify(body)}: ${r.text}`);
        assert.equal(await lines() - was, count, `${method} ${where} ${JSON.stringify(body)}`);
        return r.json;
    };

    it('of a channel: each member, all of them, none', async () => {
        const shown = (await node.api('GET', path)).json, decided = [];
        const same = Object.fromEntries(['name', 'webhookUrl', 'useWebhook', 'webhookRedelivery', 'redeliverySchedule', 'errorStatistics', 'errorNotification', 'contactEmail', 'language', 'suspended'].map(k => [k, shown[k]]));
        Object.assign(same, { responseTimeoutMs: 900, maxEventsPerRequest: null, suspended: false });
        for (const body of [{}, same, ...Object.entries(same).map(([k, v]) => ({ [k]: v }))])
            assert.equal((await adds(0, 'PATCH', path, body)).updatedAt, shown.updatedAt, JSON.stringify(body));
        for (const body of [{ name: '届ける' }, { webhookUrl: null, useWebhook: false }, { webhookUrl: bot.url, useWebhook: true }, { contactEmail: null }, { redeliverySchedule: [5, 61] }, { redeliverySchedule: [5] }, { redeliverySchedule: null },
            { language: 'ja' }, { responseTimeoutMs: null }, { maxEventsPerRequest: 7 }, { errorStatistics: true }, { webhookRedelivery: true }]) {
            await adds(1, 'PATCH', path, body);
            await adds(0, 'PATCH', path, body);
        }
        assert.notEqual((await node.api('GET', path)).json.updatedAt, shown.updatedAt);
        for (const state of ['confirmed', 'confirmed', 'refused', 'refused']) { // the second of each changes nothing
            const was = await lines();
            await node.api('PATCH', path, { contactEmail: 'owner@example.com' });
            const set = await lines() - was;
            const r = await node.api('PATCH', `${path}/contact`, { state });
            assert.equal(r.status, 200, r.text);
            decided.push([state, set, await lines() - was - set]);
        }
        assert.deepEqual(decided, [['confirmed', 1, 1], ['confirmed', 0, 0], ['refused', 0, 1], ['refused', 0, 0]]);
        await adds(0, 'PUT', '/v2/bot/channel/webhook/endpoint', { endpoint: bot.url }, 200, { key: channel.channelAccessToken });
    });

    it('of providers, roles, accounts and options', async () => {
        const provider = await adds(1, 'POST', '/api/v1/providers', { name: 'Shop' }, 201);
        const where = `/api/v1/providers/${provider.providerId}`;
        await adds(0, 'PATCH', where, { name: 'Shop' });
        await adds(1, 'PATCH', where, { name: 'Shops' });
        const account = await adds(1, 'POST', '/api/v1/accounts', { email: 'someone@example.com', name: 'S', password: 'a long enough password' }, 201);
        const one = `/api/v1/accounts/${account.accountId}`;
        for (const body of [{}, { name: 'S' }, { email: 'someone@example.com' }, { email: 'Someone@Example.com' }, { operator: false, disabled: false }, { language: 'en' }]) await adds(0, 'PATCH', one, body);
        await adds(1, 'PATCH', one, { name: 'T' });
        await adds(1, 'PATCH', one, { invitation: true });
        for (const [roles, another, made] of [[`${where}/roles`, 'member', 2], [`${path}/roles`, 'tester', 1]]) { // the first makes the account, too
            await adds(1, 'PUT', roles, { email: 'someone@example.com', role: 'admin' });
            await adds(0, 'PUT', roles, { email: 'Someone@example.com', role: 'admin' });
            await adds(made, 'PUT', roles, { email: 'other@example.com', role: another });
            await adds(0, 'PUT', roles, { email: 'other@example.com', role: another });
            await adds(1, 'PUT', roles, { email: 'other@example.com', role: 'admin' });
        }
        await adds(0, 'DELETE', `${path}/roles/4711`, undefined, 404);
        const option = `${where}/options/error-notification`;
        await adds(1, 'POST', option, {});
        await adds(0, 'POST', option, {}, 409);
        await adds(1, 'PATCH', option, { state: 'approved' });
        await adds(0, 'PATCH', option, { state: 'approved' }, 409);
    });

    it("of one's own account", async () => {
        const data = dataDir();
        const fresh = await startNode({ data, key: '' });
        try {
            const me = await firstAccount(fresh);
            const { account } = me;
            const count = async () => (await me.api('GET', '/api/v1/audit')).json.entries.filter(e => e.action === 'account.update').length;
            for (const body of [{}, { name: account.name }, { language: account.language }])
                assert.equal((await me.api('PATCH', '/api/v1/session', body)).status, 200, JSON.stringify(body));
            assert.equal(await count(), 0);
            assert.equal((await me.api('PATCH', '/api/v1/session', { name: 'Another' })).status, 200);
            assert.equal(await count(), 1);
        } finally {
            await fresh.stop();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('of accounts, at the command line', async () => {
        const data = dataDir();
        try {
            const run = (...args) => command(['account', ...args, '--data', data], { input: 'a long enough password\n' });
            for (const args of [['create', '--email', 'a@example.com'], ['enable', 'a@example.com'], ['disable', 'a@example.com'], ['disable', 'a@example.com'], ['enable', 'a@example.com'], ['enable', 'a@example.com']])
                assert.equal((await run(...args)).code, 0, args.join(' '));
            const key = createKey(data);
            const other = await startNode({ data, key });
            const { entries } = (await other.api('GET', '/api/v1/audit')).json;
            await other.stop();
            assert.deepEqual(entries.map(e => e.action), ['key.create', 'account.update', 'account.update', 'account.create']);
        } finally {
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('of events that are not redelivered, beside who asked: it says why', async () => {
        const slow = await node.channel({ webhookUrl: bot.url.replace('/webhook', '/slow'), webhookRedelivery: true, redeliverySchedule: [3600] });
        const where = `/api/v1/channels/${slow.channelId}/redeliver`;
        const [id] = await node.post(slow, [{ type: 'x' }]);
        await node.reaches(slow, id, 'retrying');
        const [done] = await node.post(channel, [{ type: 'x' }]); // another channel's
        await node.reaches(channel, done, 'delivered');
        assert.deepEqual(await adds(1, 'POST', where, { webhookEventIds: [id] }, 202), { count: 0, waiting: 1, unknown: 0, message: '1 event waits for delivery already and is not brought forward' });
        assert.deepEqual(await adds(1, 'POST', where, { webhookEventIds: [id, done, id] }, 202), { count: 0, waiting: 1, unknown: 1, message: '1 event waits for delivery already and is not brought forward; 1 of the ids is of no event of this channel' });
        assert.deepEqual(await adds(1, 'POST', where, { from: 0, to: 1 }, 202), { count: 0, message: 'No event accepted in that time was given up' });
        assert.deepEqual(await adds(1, 'POST', where, { from: 0, to: '2100-01-01T00:00:00Z', reason: 'unclassified' }, 202), { count: 0, message: 'No event accepted in that time was given up for that reason' });
        assert.deepEqual(await adds(1, 'POST', `${path}/redeliver`, { webhookEventIds: [done, done] }, 202), { count: 1, waiting: 0, unknown: 0 });
        const env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
        const said = await command(['event', 'redeliver', slow.channelId, id], { env });
        assert.deepEqual([said.code, said.stdout], [0, 'count    0\nwaiting  1\nunknown  0\nmessage  1 event waits for delivery already and is not brought forward\n']);
    });
});
