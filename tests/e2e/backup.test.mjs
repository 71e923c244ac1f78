// A backup taken while a node is busy, and a node started on it: nothing that was accepted before the backup began is missing, in any state.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { lineAccepts, startBot } from './lib/bot.mjs';
import { bin, command, createKey, dataDir, startNode, until } from './lib/node.mjs';
import { diskPlan } from './lib/disk.mjs';
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

// Killed before each of its steps: whatever is left is refused, or all of it.
describe('a backup that is killed', () => {
    let root, data, events;
    before(async () => {
        root = dataDir();
        data = join(root, 'data');
        mkdirSync(data);
        const node = await startNode({ data }), bot = await startBot();
        const channel = await node.channel({ webhookUrl: bot.url, maxEventsPerRequest: 100 });
        for (let i = 0; i < 5; i++) await node.post(channel, Array.from({ length: 20 }, (_, n) => ({ type: 'x', n, pad: 'y'.repeat(500) })));
        await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 0);
        await node.kill(); // some of it stands in the log
        await bot.close();
        events = '100';
    });
    after(() => rmSync(root, { recursive: true, force: true }));

    const count = dir => execFileSync('sqlite3', [join(dir, 'todoke.db'), 'SELECT count(*) FROM payload'], { encoding: 'utf8' }).trim();
    // 'nothing', 'refused' or 'complete'.
    async function judge(dir, at) {
        if (!existsSync(dir)) return 'nothing';
        const names = readdirSync(dir);
        const r = await command(['serve', '--data', dir, '--listen', 'nowhere']); // looked at before it would listen
        if (/did not finish|missing or empty/.test(r.stderr)) {
            assert.equal(r.code, 1);
            assert.deepEqual(readdirSync(dir), names, 'nothing was made there');
            return 'refused';
        }
        if (names.length === 0) return 'nothing';
        assert.equal(count(dir), events, `${at}: ${names}`);
        assert.ok(names.includes('secret.key'), `${at}: ${names}`);
        return 'complete';
    }

    it('before any step: nothing that starts, or all of it; and the next one succeeds', { timeout: 300_000 }, async () => {
        const seen = { nothing: 0, refused: 0, complete: 0 }, to = join(root, 'to'), half = `${to}.unfinished`;
        let n = 1, killed;
        do {
            rmSync(to, { recursive: true, force: true });
            const r = await command(['backup', '--data', data, `${to}/`], { env: diskPlan(`step:${n}:kill`) });
            killed = r.signal === 'SIGKILL';
            assert.ok(killed || r.code === 0, r.stderr);
            const [whole, rest] = [await judge(to, n), await judge(half, n)];
            seen[whole === 'nothing' ? rest : whole]++;
            assert.notEqual(whole, 'refused', `step ${n}: half of it under its name`);
            n += n < 12 || n % 3 ? 1 : 1 + Math.floor(n / 60); // the first and, one of some, the rest
        } while (killed);
        assert.ok(n > 60 && seen.refused > 40, JSON.stringify([n, seen]));
        assert.ok(!existsSync(half));
        assert.equal(count(to), events);
    });

    it('by a power cut: the same', { timeout: 300_000 }, async () => {
        const to = join(root, 'cut');
        for (const plan of ['db_write:1', 'db_write:5', 'db_write:20', 'db_write:40', 'db_sync:1', 'db_synced:1', 'db_sync:2']) {
            rmSync(to, { recursive: true, force: true });
            await command(['backup', '--data', data, to], { env: diskPlan(`${plan}:cut`) });
            await judge(to, plan);
            assert.notEqual(await judge(`${to}.unfinished`, plan), 'complete', plan);
        }
    });

    it('at some moment: the same, and other commands refuse it too', { timeout: 300_000 }, async () => {
        const to = join(root, 'moment'), half = `${to}.unfinished`;
        let refused = 0;
        for (let i = 0; i < 30; i++) {
            rmSync(to, { recursive: true, force: true });
            const child = spawn(bin, ['backup', '--data', data, to], { stdio: 'ignore' });
            const closed = new Promise(r => child.on('close', r)); // it may end before it is killed
            // On a busy machine, time alone may end before the backup has begun, each time.
            if (i % 2) while (child.exitCode === null && !existsSync(half)) await new Promise(setImmediate);
            await new Promise(r => setTimeout(r, i));
            child.kill('SIGKILL');
            await closed;
            await judge(to, i);
            if (await judge(half, i) !== 'refused') continue;
            refused++;
            for (const args of [['key', 'create', '--data', half, '--role', 'ingest'], ['account', 'list', '--data', half], ['backup', '--data', half, join(root, 'x')], ['check', '--data', half], ['key', 'rotate-seal', '--data', half]])
                assert.deepEqual([(await command(args)).code, /did not finish/.test((await command(args)).stderr)], [1, true], args.join(' '));
        }
        assert.ok(refused > 0);
    });

    it('is named by the next one beside it, removed by the next one in its place, and left alone while it is being made', { timeout: 60_000 }, async () => {
        const one = join(root, 'one');
        await command(['backup', '--data', data, one], { env: diskPlan('db_write:9:kill') });
        let r = await command(['backup', '--data', data, join(root, 'two')]);
        assert.equal(r.code, 0);
        assert.match(r.stderr, /one\.unfinished: left by a backup that was cut off; remove it/);
        r = await command(['backup', '--data', data, one]);
        assert.deepEqual([r.code, /removed what a backup that was cut off had left/.test(r.stderr), existsSync(`${one}.unfinished`)], [0, true, false], r.stderr);
        mkdirSync(join(root, 'three.unfinished'));
        writeFileSync(join(root, 'three.unfinished', 'mine'), '');
        r = await command(['backup', '--data', data, join(root, 'three')]);
        assert.deepEqual([r.code, existsSync(join(root, 'three.unfinished', 'mine'))], [1, true], r.stderr);
        const lock = spawn('flock', [join(root, 'three.unfinished'), 'sh', '-c', 'echo on; read x']);
        await new Promise(done => lock.stdout.once('data', done));
        r = await command(['backup', '--data', data, join(root, 'three')]);
        lock.stdin.end('\n');
        assert.deepEqual([r.code, /another backup is being made there/.test(r.stderr)], [1, true], r.stderr);
    });

    it('of an older version: its halves are refused too', async () => {
        const half = join(root, 'old-half'), whole = join(root, 'whole');
        await command(['backup', '--data', data, whole]);
        mkdirSync(half);
        copyFileSync(join(whole, 'todoke.db'), join(half, 'todoke.db'));
        writeFileSync(join(half, 'todoke.db-journal'), Buffer.alloc(512, 1));
        assert.equal(await judge(half), 'refused');
        rmSync(join(half, 'todoke.db-journal'));
        writeFileSync(join(half, 'todoke.db'), '');
        copyFileSync(join(whole, 'secret.key'), join(half, 'secret.key'));
        assert.equal(await judge(half), 'refused');
        // What is none: an empty directory, one that a node was killed in while it was made, and a whole one.
        const fresh = join(root, 'fresh');
        mkdirSync(fresh);
        writeFileSync(join(fresh, 'todoke.db'), '');
        createKey(fresh);
        cpSync(whole, join(root, 'again'), { recursive: true });
        for (const d of [fresh, join(root, 'again')]) await (await startNode({ data: d })).stop();
    });
});
