// Lists are read a page at a time, all in the same way: limit, cursor, filters, and what is refused.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { startNode, until } from './lib/node.mjs';
import { startRelay } from './lib/smtp.mjs';

describe('a list', () => {
    let node, bot, relay, channel;
    before(async () => {
        bot = await startBot(() => 500);
        relay = await startRelay();
        node = await startNode({ args: ['--public-url', 'https://todoke.example.com', '--smtp-url', relay.url, '--smtp-tls', 'never', '--mail-from', 'todoke@example.com'] });
        for (let i = 0; i < 3; i++) {
            await node.api('POST', '/api/v1/accounts', { email: `a${i}@example.com` });
            const { json } = await node.api('POST', '/api/v1/providers', { name: `p${i}` });
            await node.api('POST', `/api/v1/providers/${json.providerId}/options/error-notification`);
        }
        for (let i = 0; i < 3; i++) channel = await node.channel({ name: `c${i}`, webhookUrl: bot.url, errorStatistics: true });
        for (let i = 0; i < 3; i++) assert.equal((await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events: [{ type: 'message', message: { type: 'text', id: '1', text: 'x' } }] })).status, 202);
        await until(async () => (await node.api('GET', '/api/v1/outbox')).json.mails.length >= 3);
        await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}/errors`)).json.rows.length >= 1);
    });
    after(async () => {
        await node.stop();
        await relay.close();
        await bot.close();
    });

    const rows = [['accounts', 'accounts', 500], ['providers', 'providers', 500], ['channels', 'channels', 500], ['options', 'options', 500], ['outbox', 'mails', 500], ['audit', 'entries', 500],
        [c => `channels/${c}/audit`, 'entries', 500], [c => `channels/${c}/events`, 'events', 500], [c => `channels/${c}/errors`, 'rows', 1000]];
    for (const [where, member, max] of rows) it(`of ${member} (${typeof where === 'string' ? where : where('ID')}) goes from page to page`, async () => {
        const path = `/api/v1/${typeof where === 'string' ? where : where(channel.channelId)}`;
        const get = async query => node.api('GET', `${path}?${query}`);
        // What changes while it is read is left aside: mails and errors come and go.
        await until(async () => {
            const all = (await get('')).json[member], paged = [];
            let cursor = '';
            do {
                const { status, json } = await get(`limit=1${cursor && `&cursor=${cursor}`}`);
                assert.equal(status, 200);
                assert.ok(json[member].length <= 1);
                paged.push(...json[member]);
                cursor = json.cursor ?? '';
            } while (cursor);
            const id = r => JSON.stringify(r.accountId ?? r.providerId ?? r.channelId ?? r.mailId ?? r.auditId ?? r.webhookEventId ?? [r.start, r.reason, r.detail]);
            return all.length > 0 && JSON.stringify(paged.map(id)) === JSON.stringify(all.map(id));
        });
        for (const [query, property, message] of [['cursor=%21', 'cursor', /^invalid cursor/], ['cursor=', 'cursor', /^invalid cursor/], ['limit=0', 'limit', new RegExp(`from 1 to ${max}$`)],
            [`limit=${max + 1}`, 'limit', /from 1 to/], ['limit=01', 'limit', /from 1 to/], ['page=2', 'page', /unknown parameter/]]) {
            const { status, json } = await get(query);
            assert.deepEqual([status, json.details?.[0].property], [400, property], `${query}: ${JSON.stringify(json)}`);
            assert.match(json.details[0].message, message);
        }
        assert.equal((await get(`limit=${max}`)).status, 200);
    });
});
