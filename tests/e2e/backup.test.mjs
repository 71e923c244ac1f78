// A backup taken while a node is busy, and a node started on it: nothing that was accepted before the backup began is missing, in any state.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { lineAccepts, startBot } from './lib/bot.mjs';
import { command, dataDir, startNode, until } from './lib/node.mjs';
import { firstAccount, login } from './lib/people.mjs';

const text = n => ({ type: 'message', message: { type: 'text', id: String(n), text: `こんにちは ${n}` }, source: { type: 'user', userId: 'U1' } });

describe('a backup', () => {
    let node, root, to, bots, channels;
    before(async () => {
        root = dataDir();
        to = join(root, 'copy');
        node = await startNode();
        bots = { good: await startBot(), bad: await startBot(() => 500), slow: await startBot(() => 503) };
        channels = {
            good: await node.channel({ name: 'good', webhookUrl: bots.good.url }),
            bad: await node.channel({ name: 'bad', webhookUrl: bots.bad.url }),
            slow: await node.channel({ name: '届け slow', webhookUrl: bots.slow.url, webhookRedelivery: true, contactEmail: 'a@example.com' }),
        };
    });
    after(async () => {
        await node.stop();
        for (const b of Object.values(bots)) await b.close();
        rmSync(root, { recursive: true, force: true });
    });

    it('of a node under load has all that was accepted, and starts a node that goes on with it', async () => {
        const person = await firstAccount(node);
        const accepted = { good: [], bad: [], slow: [] };
        let on = true, n = 0;
        const publish = async kind => {
            while (on) {
                const ids = await node.post(channels[kind], [text(n++), text(n++)]);
                accepted[kind].push(...ids);
            }
        };
        const publishers = Object.keys(channels).map(publish);
        await until(() => Object.values(accepted).every(a => a.length >= 40));
        const then = Object.fromEntries(Object.entries(accepted).map(([kind, ids]) => [kind, [...ids]])); // answered with 202 by now
        const made = await command(['backup', '--data', node.data, to]);
        assert.equal(made.code, 0, made.stderr);
        assert.match(made.stdout, /copy of .* and its key file/);
        on = false;
        await Promise.all(publishers);

        assert.deepEqual(readdirSync(to).sort(), ['secret.key', 'todoke.db']);
        for (const [path, mode] of [[to, 0o700], [join(to, 'todoke.db'), 0o600], [join(to, 'secret.key'), 0o600]])
            assert.equal(statSync(path).mode & 0o777, mode, path);

        await node.kill(); // and what it had is gone
        const old = node;
        rmSync(old.data, { recursive: true, force: true });
        bots.slow.answer = () => 200;
        for (const b of Object.values(bots)) b.requests.length = 0;
        node = await startNode({ data: to, key: old.key, args: ['--redelivery-schedule', '1s'] });
        for (const [kind, channel] of Object.entries(channels)) {
            const shown = (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json;
            for (const m of ['name', 'webhookUrl', 'contactEmail', 'webhookRedelivery', 'botUserId', 'createdAt']) assert.equal(shown[m], channel[m], m);
            for (const id of then[kind]) {
                const e = await node.event(channel, id); // it is there, whatever became of it
                assert.match(e.event.message.text, /^こんにちは \d+$/);
            }
        }
        // What waited is sent by the restored node, signed with the restored secret.
        const [waits] = await node.post(channels.good, [text('after')]);
        await node.reaches(channels.good, waits, 'delivered');
        assert.equal((await lineAccepts(channels.good.channelSecret, bots.good.requests.at(-1))).events.length, 1);
        for (const kind of ['good', 'bad', 'slow']) {
            await until(async () => {
                const states = new Set();
                for (const state of ['pending', 'retrying'])
                    for (const e of (await node.api('GET', `/api/v1/channels/${channels[kind].channelId}/events?state=${state}`)).json.events)
                        if (e.state === 'pending' || Date.parse(e.nextAttemptAt) < Date.now() + 5000) states.add(e.webhookEventId);
                return then[kind].every(id => !states.has(id));
            }, () => `${kind} does not go on`, 30_000);
        }
        // So are accounts, and the log of who did what.
        await login(node, person.account.email);
        const actions = (await node.api('GET', '/api/v1/audit')).json.entries.map(e => e.action);
        assert.ok(actions.includes('channel.create'), actions.join(' '));
    });

    it('is refused where something is, without a key file, and leaves nothing half done', async () => {
        const there = join(root, 'there');
        mkdirSync(there);
        let r = await command(['backup', '--data', node.data, there]);
        assert.deepEqual([r.code, /File exists/.test(r.stderr)], [1, true]);
        r = await command(['backup', '--data', join(root, 'nowhere'), join(root, 'new')]);
        assert.equal(r.code, 1);
        r = await command(['backup', '--data', node.data, '--secret-key', join(root, 'nokey'), join(root, 'new')]);
        assert.deepEqual([r.code, /no key file/.test(r.stderr)], [1, true]);
        assert.ok(!existsSync(join(root, 'new')), 'nothing is left');
        r = await command(['backup', '--data', node.data, '--without-key', join(root, 'new')]);
        assert.deepEqual([r.code, readdirSync(join(root, 'new'))], [0, ['todoke.db']]);
        for (const args of [[], ['--data', node.data], ['--data'], ['--data', node.data, 'a', 'b'], ['--data', node.data, '--without-key', '--secret-key', 'x', 'y']])
            assert.equal((await command(['backup', ...args], { env: { TODOKE_DATA: '' } })).code, 2, args.join(' '));
    });
});
