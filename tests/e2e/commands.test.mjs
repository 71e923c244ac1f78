// The commands over the API: what they print is what the API answers, as a table for people and as JSON for programs.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, createKey, startNode, until } from './lib/node.mjs';

const text = { type: 'message', message: { type: 'text', id: '1', text: 'hello' }, source: { type: 'user', userId: 'U1' } };

describe('commands', () => {
    let node, bot, good, bad, env;
    before(async () => {
        node = await startNode();
        bot = await startBot(r => (r.path === '/bad' ? 503 : 200));
        good = await node.channel({ name: '届け good', webhookUrl: bot.url });
        bad = await node.channel({ name: 'bad bot', webhookUrl: bot.url.replace('/webhook', '/bad') });
        env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
    });
    after(async () => { await node.stop(); await bot.close(); });
    const run = async (args, code = 0) => {
        const r = await command(args, { env });
        assert.equal(r.code, code, `${args.join(' ')}: ${r.stdout}${r.stderr}`);
        return code ? r.stderr : r.stdout;
    };
    const lines = t => t.trim().split('\n');
    const objects = t => (t ? lines(t).map(l => JSON.parse(l)) : []);

    it('list every channel, page by page, by state and by text', async () => {
        const [id] = await node.post(bad, [text]);
        await node.reaches(bad, id, 'given_up');
        await until(async () => (await node.api('GET', `/api/v1/channels/${bad.channelId}`)).json.state === 'failing');
        const table = lines(await run(['channel', 'list']));
        assert.match(table[0], /^ID +STATE +REDELIVERY +BACKLOG +DELIVERED\/H +FAILED\/H +NAME +URL/);
        assert.match(table[1], new RegExp(`^${good.channelId} +active +no +0 +0 +0 +届け good +http`));
        assert.match(table[2], new RegExp(`^${bad.channelId} +failing +no +0 +0 +1 +bad bot +http`));
        assert.deepEqual(objects(await run(['channel', 'list', '--json'])).map(c => c.channelId), [good.channelId, bad.channelId]);
        assert.deepEqual(objects(await run(['channel', 'list', '--json', '--state', 'failing'])).map(c => c.channelId), [bad.channelId]);
        assert.deepEqual(objects(await run(['channel', 'list', '--json', '--query', '届け g'])).map(c => c.channelId), [good.channelId]);
        assert.match(await run(['channel', 'show', bad.channelId]), /^lastFailure\.detail +503$/m);
        assert.equal(JSON.parse(await run(['channel', 'show', bad.channelId, '--json'])).lastFailure.detail, '503');
    });

    it('list, show, redeliver and test events', async () => {
        const ids = [...await node.post(bad, [text]), ...await node.post(bad, [text])];
        for (const id of ids) await node.reaches(bad, id, 'given_up');
        const listed = lines(await run(['event', 'list', bad.channelId, '--state', 'given_up', '--limit', '2']));
        assert.match(listed[0], /^ID +STATE +ACCEPTED +TRIES +NEXT$/);
        assert.deepEqual(listed.slice(1).map(l => l.split(/ +/).slice(0, 2)), [[ids[1], 'given_up'], [ids[0], 'given_up']]);
        assert.equal(objects(await run(['event', 'list', bad.channelId, '--json'])).length, 3);
        const shown = await run(['event', 'show', bad.channelId, ids[0]]);
        assert.match(shown, new RegExp(`^webhookEventId +${ids[0]}$`, 'm'));
        assert.match(shown, /error_status_code +503 +status_server_error +unknown|error_status_code +503 +status_server_error +yes/);
        assert.match(await run(['event', 'redeliver', bad.channelId, ...ids]), /^count +2$/m);
        await until(async () => (await node.event(bad, ids[0])).attempts.length === 2);
        for (const id of ids) await node.reaches(bad, id, 'given_up');
        assert.match(await run(['event', 'redeliver', bad.channelId, '--from', '2020-01-01T00:00:00Z', '--to', '2100-01-01T00:00:00Z', '--reason', 'error_status_code']), /^count +3$/m);
        assert.match(await run(['event', 'redeliver', bad.channelId], 2), /from: is required/);
        assert.match(await run(['event', 'test', good.channelId, '--text', 'こんにちは']), /^webhookEventIds +\["01/m);
        await until(() => bot.requests.some(r => r.events[0]?.message?.text === 'こんにちは'));
    });

    it('make providers and roles, and say who did', async () => {
        const made = JSON.parse(await run(['provider', 'create', '--name', 'Shop', '--json']));
        assert.match(await run(['provider', 'list']), new RegExp(`^${made.providerId} +0 +\\S+ +Shop$`, 'm'));
        const role = JSON.parse(await run(['provider', 'grant', made.providerId, '--email', 'a@example.com', '--role', 'admin', '--json']));
        assert.match(await run(['provider', 'roles', made.providerId]), new RegExp(`^${role.accountId} +admin +no +yes +a@example.com`, 'm'));
        assert.match(await run(['account', 'list']), new RegExp(`^\\d+ +no +no +no +- +${node.key.slice(0, 8)} +a@example\\.com`, 'm'));
        const link = new RegExp(`^invitationUrl +${node.url}/invitation#[\\w-]{43}$`, 'm');
        assert.match(await run(['account', 'invite', '--email', 'b@example.com', '--operator', 'on']), link);
        assert.match(await run(['account', 'set', role.accountId, '--invitation', 'on']), link);
        assert.match(await run(['provider', 'grant', made.providerId, '--email', 'c@example.com', '--role', 'member']), link);
        assert.match(await run(['account', 'set', role.accountId, '--confirmed', 'on']), /^confirmed +yes$/m);
        assert.match(await run(['provider', 'roles', made.providerId]), new RegExp(`^${role.accountId} +admin +no +no +a@example.com`, 'm'));
        assert.equal(await run(['provider', 'revoke', made.providerId, '--email', 'c@example.com']), '');
        assert.match(await run(['provider', 'revoke', made.providerId, '--email', 'c@example.com'], 2), /This address has no role here/);
        assert.match(await run(['provider', 'revoke', made.providerId], 2), /email: is required/);
        assert.match(await run(['option', 'apply', made.providerId, '--note', 'please'], 0), /errorNotification\.state +applied/);
        assert.match(await run(['option', 'list', '--state', 'applied']), new RegExp(`^${made.providerId} +errorNotification +applied `, 'm'));
        const approved = lines(await run(['option', 'approve', made.providerId]));
        assert.match(approved[0], /^errorNotification\.state +approved$/);
        assert.equal(new Set(approved.map(l => / {2,}/.exec(l)?.index + / {2,}/.exec(l)?.[0].length)).size, 1, 'one column of values');
        const shop = JSON.parse(await run(['channel', 'create', '--name', 'Shop bot', '--provider', made.providerId, '--error-notification', 'on']));
        assert.equal(shop.errorNotification, true);
        assert.match(await run(['channel', 'set', bad.channelId, '--error-notification', 'on'], 2), /409/);
        await run(['channel', 'delete', shop.channelId]);
        assert.equal(await run(['outbox', 'list', '--json']), '');
        assert.ok(JSON.parse(await run(['account', 'set', role.accountId, '--invitation', 'on', '--json'])).invitationToken);
        assert.match(await run(['channel', 'roles', bad.channelId]), /^ACCOUNT +ROLE/, 'no empty line before the table');
        const audit = await run(['audit', '--limit', '50']);
        assert.match(audit, /provider\.create +provider\/\d+ /);
        assert.ok(audit.includes(node.key.slice(0, 8)), 'the key that did it');
        await run(['provider', 'set', made.providerId, '--name', 'Shops']);
        assert.equal(await run(['provider', 'delete', made.providerId]), '');
    });

    it('make no data directory where a name is mistyped', async () => {
        const dir = `${node.data}-mistyped`;
        for (const args of [['key', 'list'], ['key', 'revoke', '1'], ['account', 'list'], ['account', 'enable', 'a@example.com']])
            assert.match(await run([...args, '--data', dir], 1), /no node has kept its data there/, args.join(' '));
        assert.equal(existsSync(dir), false);
    });

    it('say how the node is', async () => {
        assert.match(await run(['system']), /^backlogEvents +\d+$[^]*^store\.bytes +\d+$[^]*^ALARM +SINCE +MEANS$/m);
        assert.ok(JSON.parse(await run(['system', '--json'])).rates);
    });

    it('help alike, and refuse what they do not know', async () => {
        for (const name of ['channel', 'event', 'provider', 'option', 'outbox', 'audit', 'system', 'account', 'errors']) {
            assert.match(await run([name, '--help']), /^usage: todoke [^]*--api URL/, name);
            if (!['system', 'audit'].includes(name)) assert.match(await run([name, 'nonsense'], 2), /todoke/, name);
        }
        assert.match(await run(['event', 'list'], 2), /which one\? CHANNEL/);
        assert.match(await run(['event', 'list', '../../x'], 2), /cannot understand/);
        assert.match(await run(['event', 'list', '1', '--limit', '0'], 2), /cannot understand/);
        assert.match(await run(['event', 'show', '1', '01K'], 2), /\(404\)/);
        env.TODOKE_KEY = createKey(node.data, 'ingest');
        assert.match(await run(['system'], 2), /\(403\)/);
        env.TODOKE_KEY = node.key;
    });
});
