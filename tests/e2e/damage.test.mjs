// A database that is damaged, and one whose last commits are missing: said, with the place and the way back, and never silently believed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, openSync, closeSync, readFileSync, renameSync, rmSync, statSync, truncateSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, dataDir, startNode, until } from './lib/node.mjs';

const note = n => ({ type: 'note', n, pad: 'x'.repeat(n % 5 * 900) });
const at = (data, name = 'todoke.db') => join(data, name);
const PAGE = 4096;

function overwrite(path, offset, bytes) {
    const fd = openSync(path, 'r+');
    writeSync(fd, bytes, 0, bytes.length, offset);
    closeSync(fd);
}
const serve = (data, env) => command(['serve', '--data', data, '--listen', '127.0.0.1:0'], { env });
const alarm = (node, name) => node.metric(`todoke_alarm{name="${name}"}`);

describe('a damaged database', () => {
    let root, sound, key, channel, bot;
    before(async () => {
        root = dataDir();
        sound = join(root, 'sound');
        bot = await startBot();
        const node = await startNode({ data: sound, args: ['--redelivery-schedule', '1h'] });
        key = node.key;
        channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, maxEventsPerRequest: 7 });
        bot.answer = () => 500; // rows in every table
        await node.post(channel, Array.from({ length: 40 }, (_, n) => note(n)), { headers: { 'idempotency-key': 'k' } });
        bot.answer = () => 200;
        for (let i = 0; i < 20; i++) await node.post(channel, [note(i), note(i + 1)]);
        await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents <= 40);
        await node.stop();
        assert.ok(!existsSync(at(sound, 'todoke.db-wal')));
    });
    after(async () => {
        await bot.close();
        rmSync(root, { recursive: true, force: true });
    });
    const copy = name => {
        const data = join(root, name);
        rmSync(data, { recursive: true, force: true });
        cpSync(sound, data, { recursive: true });
        return data;
    };

    const heads = [
        ['random bytes in its head', p => overwrite(p, 0, randomBytes(100)), /the head of the file is not that of a database/],
        ['another file', p => writeFileSync(p, 'not a database at all\n'.repeat(300)), /the head of the file is not that of a database/],
        ['a page size that cannot be', p => overwrite(p, 16, Buffer.from([0x03, 0x01])), /todoke\.db/],
        ['another page size', p => overwrite(p, 16, Buffer.from([0x08, 0x00])), /todoke\.db/],
        ['half of it cut off', p => truncateSync(p, statSync(p).size >> 1), /it was cut: \d+ of \d+ bytes are left/],
        ['all but a page cut off', p => truncateSync(p, PAGE), /it was cut/],
        ['its schema written over', p => overwrite(p, 100, randomBytes(PAGE - 100)), /malformed|not a database/],
    ];
    for (const [name, damage, where] of heads) it(`with ${name}: every command says so and changes nothing`, async () => {
        const data = copy('head');
        damage(at(data));
        const was = readFileSync(at(data));
        for (const args of [['serve', '--data', data, '--listen', '127.0.0.1:0'], ['key', 'list', '--data', data], ['account', 'list', '--data', data], ['backup', '--data', data, join(root, 'to')],
            ['key', 'create', '--data', data, '--role', 'ingest'], ['check', '--data', data], ['check', '--data', data, '--accept-loss']]) {
            const r = await command(args);
            assert.equal(r.code, 1, `${args[0]}: ${r.stderr}`);
            assert.match(r.stderr, /todoke\.db is damaged/, args[0]);
            assert.match(r.stderr, /todoke backup.*\.recover.*docs\/operations\.md/, args[0]);
            assert.doesNotMatch(r.stderr, /internal error/, args[0]);
            if (args[0] === 'serve') assert.match(r.stderr, where);
        }
        assert.ok(readFileSync(at(data)).equals(was), 'it was changed');
        assert.ok(!existsSync(join(root, 'to')));
    });

    it('of nothing, or without its database: is not begun anew', async () => {
        const data = copy('nothing');
        truncateSync(at(data), 0);
        for (const args of [['serve', '--data', data, '--listen', '127.0.0.1:0'], ['key', 'create', '--data', data, '--role', 'ingest'], ['key', 'rotate-seal', '--data', data], ['check', '--data', data], ['backup', '--data', data, join(root, 'to')]])
            assert.match((await command(args)).stderr, /todoke\.db is missing or empty/, args[0]);
        unlinkSync(at(data));
        let r = await serve(data);
        assert.deepEqual([r.code, existsSync(at(data))], [1, false]);
        assert.match(r.stderr, /todoke\.db is missing or empty.*restore it/);
        unlinkSync(at(data, 'todoke.db-last'));
        r = await serve(data); // only a key
        assert.deepEqual([r.code, existsSync(at(data))], [1, false]);
        writeFileSync(at(data, 'todoke.db-wal'), 'x');
        unlinkSync(at(data, 'secret.key'));
        r = await serve(data); // only a log
        assert.deepEqual([r.code, existsSync(at(data))], [1, false]);
    });

    it('anywhere: refused at the start, or alarmed soon after it, with the place in the log', { timeout: 120_000 }, async () => {
        const pages = statSync(at(sound)).size / PAGE, said = { refused: 0, alarmed: 0, unused: 0 };
        for (let page = 2; page <= pages; page += 2) {
            const data = copy('page');
            overwrite(at(data), (page - 1) * PAGE, randomBytes(PAGE));
            const check = await command(['check', '--data', data]);
            if (check.code === 0) { said.unused++; continue; } // a page that holds nothing
            assert.match(check.stdout, /[Pp]age \d+|malformed|not a database/);
            let node;
            try {
                node = await startNode({ data, key });
            } catch (e) {
                assert.match(e.message, /todoke\.db is damaged/, `page ${page}`);
                said.refused++;
                continue;
            }
            await until(async () => await alarm(node, 'integrity') === 1, () => `page ${page}: no alarm: ${node.log()}`);
            await until(() => /level=error module=store msg="the database is damaged: .* where=.* sqlite=/.test(node.log()), () => `page ${page}: no place: ${node.log()}`);
            assert.ok((await node.api('GET', '/api/v1/system')).status < 504);
            await node.kill();
            said.alarmed++;
        }
        assert.ok(said.alarmed > 3 && said.refused > 0, JSON.stringify(said));
    });

    it('is alarmed until it is mended: over restarts, and `todoke check` ends it', { timeout: 60_000 }, async () => {
        const data = copy('mended'), good = readFileSync(at(data));
        const root = Number(execFileSync('sqlite3', [at(data), "SELECT rootpage FROM sqlite_schema WHERE name='fate_failed'"], { encoding: 'utf8' }));
        overwrite(at(data), (root - 1) * PAGE, Buffer.alloc(PAGE, 7));
        let node = await startNode({ data, key });
        await until(async () => await alarm(node, 'integrity') === 1);
        await until(async () => (await node.api('GET', '/api/v1/system')).json.alarms.some(a => a.name === 'integrity' && /damaged/.test(a.text.en) && /破損/.test(a.text.ja)));
        const id = (await node.api('GET', `/api/v1/channels/${channel.channelId}/events?state=given_up`)).status; // reads just that index
        assert.equal(id, 503);
        assert.equal((await fetch(`${node.url}/healthz`)).status, 200);
        await node.stop();
        overwrite(at(data), (root - 1) * PAGE, good.subarray((root - 1) * PAGE, root * PAGE)); // and the rest stays as it is now
        node = await startNode({ data, key });
        await until(async () => await alarm(node, 'integrity') === 0); // a small database is looked through at each start
        await node.stop();
        writeFileSync(at(data), good);
        assert.equal((await command(['check', '--data', data])).code, 0);
    });

    it('of a running node is alarmed when it is met', { timeout: 60_000 }, async () => {
        const data = copy('met');
        const root = Number(execFileSync('sqlite3', [at(data), "SELECT rootpage FROM sqlite_schema WHERE name='error_row'"], { encoding: 'utf8' }));
        const node = await startNode({ data, key });
        try {
            await until(() => Number(execFileSync('sqlite3', [at(data), "SELECT ifnull(max(value),0) FROM meta WHERE name='checked'"], { encoding: 'utf8' })) > 0);
            assert.equal(await alarm(node, 'integrity'), 0);
            overwrite(at(data), (root - 1) * PAGE, Buffer.alloc(PAGE, 9));
            await node.channel({ webhookUrl: bot.url }); // after a commit it is read anew
            const r = await node.api('GET', `/api/v1/channels/${channel.channelId}/errors`);
            assert.deepEqual([r.status, /damaged/.test(r.json.message)], [503, true], r.text);
            await until(async () => await alarm(node, 'integrity') === 1);
            assert.match(node.log(), /the database is damaged: .* sqlite="database disk image is malformed"/);
        } finally {
            await node.kill();
        }
    });

    it('that is large is looked through weekly, in steps, while it is used', { timeout: 60_000 }, async () => {
        const data = copy('large'), first = BigInt(Date.now()) << 20n;
        execFileSync('sqlite3', [at(data)], { input: `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<6000)
            INSERT INTO payload SELECT ${first}+i, ${channel.channelId}, 0, zeroblob(8000) FROM n; UPDATE meta SET value=${first}+6000 WHERE name='tail';
            UPDATE meta SET value=${Date.now() - 8 * 86_400_000} WHERE name='checked';` });
        const leaf = Number(execFileSync('sqlite3', [at(data), "SELECT pageno FROM dbstat WHERE name='payload' AND pagetype='leaf' ORDER BY path LIMIT 1 OFFSET 500"], { encoding: 'utf8' }));
        const checked = () => Number(execFileSync('sqlite3', ['-cmd', '.timeout 5000', at(data), "SELECT value FROM meta WHERE name='checked'"], { encoding: 'utf8' }));
        for (const damaged of [false, true]) {
            if (damaged) {
                overwrite(at(data), (leaf - 1) * PAGE, Buffer.alloc(PAGE, 5));
                execFileSync('sqlite3', [at(data), "UPDATE meta SET value=1 WHERE name='checked'"]);
            }
            const node = await startNode({ data, key });
            const ids = [];
            for (let i = 0; i < 50; i++) ids.push(...await node.post(channel, [note(i)]));
            for (const id of ids) await node.reaches(channel, id, 'delivered');
            await until(() => Date.now() - checked() < 86_400_000, () => node.log());
            assert.equal(await alarm(node, 'integrity'), damaged ? 1 : 0, node.log());
            if (damaged) assert.match(node.log(), /the database is damaged: .* where=payload sqlite=/);
            await node.stop();
        }
    });

    it('is put together again as docs/operations.md says', { timeout: 60_000 }, async () => {
        const data = copy('broken'), mended = join(root, 'mended-again');
        const leaf = Number(execFileSync('sqlite3', [at(data), "SELECT max(pageno) FROM dbstat WHERE name='payload' AND pagetype='leaf'"], { encoding: 'utf8' }));
        overwrite(at(data), (leaf - 1) * PAGE, randomBytes(PAGE));
        assert.equal((await command(['check', '--data', data])).code, 1);
        const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
        const steps = /### A damaged database[^]*?```sh\n([^]*?)```/.exec(page)[1];
        execFileSync('sh', ['-e'], { input: steps.replaceAll('/var/lib/todoke-mended', mended).replaceAll('/var/lib/todoke', data).replaceAll('sudo -u todoke ', '')
            .replaceAll(/^todoke /gm, `${process.env.TODOKE_BIN ?? new URL('../../build/todoke', import.meta.url).pathname} `), stdio: ['pipe', 'ignore', 'inherit'] });
        const node = await startNode({ data: mended, key });
        const kept = (await node.api('GET', `/api/v1/channels/${channel.channelId}/events?limit=500`)).json.events;
        assert.ok(kept.length > 20, `${kept.length}`);
        const [id] = await node.post(channel, [note(1)]);
        await node.reaches(channel, id, 'delivered');
        await until(async () => await alarm(node, 'integrity') === 0);
        await node.stop();
    });
});

describe('a page that is damaged among what waits', () => {
    // Events of 3 KB, one a page, for a bot that answers 500: all of them wait, the newest in the tail, the others in queue or retry.
    let root, sound, key, channel, bot, ids;
    before(async () => {
        root = dataDir();
        sound = join(root, 'sound');
        bot = await startBot();
        const held = [], node = await startNode({ data: sound, args: ['--loops', '1', '--drain-timeout', '1s'] });
        key = node.key;
        bot.answer = () => new Promise(resolve => held.push(resolve)); // what is on its way waits, and all behind it
        channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, maxEventsPerRequest: 100, responseTimeoutMs: 60_000 });
        ids = [];
        for (let i = 0; i < 126; i++) ids.push(...await node.post(channel, Array.from({ length: 100 }, () => ({ type: 'x', pad: 'y'.repeat(3000) }))));
        await node.stop();
        held.forEach(resolve => resolve(500));
    });
    after(async () => {
        await bot.close();
        rmSync(root, { recursive: true, force: true });
    });
    const leaves = () => execFileSync('sqlite3', [at(sound), "SELECT pageno FROM dbstat WHERE name='payload' AND pagetype='leaf' ORDER BY path"], { encoding: 'utf8' }).trim().split('\n').map(Number);

    const damages = [
        ['one of the newest', l => [l.at(-1000)]],
        ['one of the very newest', l => [l.at(-2)]],
        ['many of the newest, here and there', l => [l.at(-3), l.at(-500), l.at(-501), l.at(-900), l.at(-2500), l.at(-4000)]],
        ['one of those before', l => [l.at(700)]],
    ];
    for (const [name, pages] of damages) it(`${name}: the node starts, says which, and delivers the others`, { timeout: 120_000 }, async () => {
        const data = join(root, 'page'), all = leaves();
        rmSync(data, { recursive: true, force: true });
        cpSync(sound, data, { recursive: true });
        for (const page of pages(all)) overwrite(at(data), (page - 1) * PAGE, Buffer.alloc(PAGE));
        const seen = new Set();
        bot.answer = r => { for (const e of r.events) seen.add(e.webhookEventId); return 200; };
        const node = await startNode({ data, key });
        try {
            await until(async () => await alarm(node, 'integrity') === 1, () => node.log());
            assert.doesNotMatch(node.log(), /commit failed/);
            if (!/before/.test(name)) assert.match(node.log(), /level=error module=store msg="some of the newest events cannot be read because [^\n]* after=\d+ before=\d+ read=\d+/);
            await until(async () => ((await (await fetch(`${node.url}/readyz`)).json()).alarms ?? []).includes('integrity'), () => node.log());
            const lost = pages(all).length;
            await until(() => seen.size >= ids.length - 2 * lost, () => `${seen.size} of ${ids.length}: ${node.log()}`, 60_000);
            const [id] = await node.post(channel, [note(1)]);
            await node.reaches(channel, id, 'delivered');
            assert.ok(seen.size < ids.length + 1);
        } finally {
            await node.kill();
        }
    });
});

it('an event whose bytes are another\'s is passed over, and its neighbours arrive as they were', { timeout: 60_000 }, async () => {
    // SQLite takes a page of content for sound whatever it holds: this one was lost, and reads as zeros.
    const data = dataDir(), bot = await startBot(), bodies = [];
    let node = await startNode({ data, args: ['--response-timeout', '60s'] });
    const { key } = node, held = [];
    bot.answer = () => new Promise(resolve => held.push(resolve));
    const channel = await node.channel({ webhookUrl: bot.url, maxEventsPerRequest: 100 });
    await node.post(channel, [{ type: 'first' }]);
    const ids = await node.post(channel, [{ type: 'sound' }, { type: 'big', pad: 'p'.repeat(9000) }, { type: 'sound' }, ...Array.from({ length: 97 }, (_, n) => note(n))]);
    await until(() => bot.ids().length === 101); // none comes late, and is taken for one of the second node's
    await node.kill();
    held.forEach(resolve => resolve(500));
    execFileSync('sqlite3', [at(data), 'PRAGMA wal_checkpoint(TRUNCATE)']);
    const page = Number(execFileSync('sqlite3', [at(data), "SELECT max(pageno) FROM dbstat WHERE name='payload' AND pagetype='overflow'"], { encoding: 'utf8' }));
    overwrite(at(data), (page - 1) * PAGE, Buffer.alloc(PAGE));
    bot.answer = r => { bodies.push(r.events.map(e => e.webhookEventId)); return 200; };
    node = await startNode({ data, key });
    try {
        for (const id of ids.filter((_, n) => n !== 1)) await node.reaches(channel, id, 'delivered');
        assert.ok(!bodies.flat().includes(ids[1]));
        await until(async () => await alarm(node, 'integrity') === 1, () => node.log());
        assert.match(node.log(), /a waiting event cannot be read/);
        assert.equal((await node.api('GET', `/api/v1/channels/${channel.channelId}/events/${ids[1]}`)).status, 503);
    } finally {
        await node.kill();
        await bot.close();
        rmSync(data, { recursive: true, force: true });
    }
});

describe('commits that are missing', () => {
    // A node with events, killed; the last commits stand in the log alone.
    async function killed(count = 30) {
        const data = dataDir(), bot = await startBot(), node = await startNode({ data });
        const channel = await node.channel({ webhookUrl: bot.url }), ids = [];
        for (let n = 0; n < count; n++) ids.push(...await node.post(channel, [note(n)]));
        for (const id of ids) await node.reaches(channel, id, 'delivered');
        await node.kill();
        return { data, bot, channel, ids, key: node.key, end: async () => { await bot.close(); rmSync(data, { recursive: true, force: true }); } };
    }
    const log = data => at(data, 'todoke.db-wal');

    const ways = [
        ['the log deleted', d => unlinkSync(log(d))],
        ['the log deleted, with its index', d => { unlinkSync(log(d)); unlinkSync(at(d, 'todoke.db-shm')); }],
        ['the log emptied', d => truncateSync(log(d), 0)],
        ['the log cut in the middle', d => truncateSync(log(d), statSync(log(d)).size >> 1)],
        ['the log cut by a byte', d => { // of the last commit, not of what a longer log left behind
            truncateSync(log(d), statSync(log(d)).size - 1);
        }],
        ['the log written over at its head', d => overwrite(log(d), 0, randomBytes(64))],
        ['the log written over in the middle', d => overwrite(log(d), statSync(log(d)).size >> 1, randomBytes(4000))],
    ];
    for (const [name, act] of ways) it(`${name}: said at the start, until somebody takes note`, { timeout: 60_000 }, async () => {
        const k = await killed();
        let node;
        try {
            act(k.data);
            node = await startNode({ data: k.data, key: k.key });
            assert.match(node.log(), /level=error module=store msg="commits are missing: .*last_commit=\d{4}-/);
            await until(async () => await alarm(node, 'loss') === 1);
            await until(async () => (await node.api('GET', '/api/v1/system', undefined)).json.alarms?.some(a => a.name === 'loss') ?? true);
            await node.stop();
            node = await startNode({ data: k.data, key: k.key }); // not forgotten
            await until(async () => await alarm(node, 'loss') === 1);
            assert.doesNotMatch(node.log(), /msg="commits are missing: /, 'noticed once');
            const r = await command(['check', '--data', k.data]);
            assert.deepEqual([r.code, /commits are missing/.test(r.stdout)], [1, true], r.stderr);
            assert.equal((await command(['check', '--data', k.data, '--accept-loss'])).code, 0);
            await until(async () => await alarm(node, 'loss') === 0);
            const actions = JSON.parse(execFileSync('sqlite3', [at(k.data), "SELECT json_group_array(action) FROM audit"], { encoding: 'utf8' }));
            assert.ok(actions.includes('loss.accept'), actions.join());
            assert.equal((await command(['check', '--data', k.data])).code, 0);
        } finally {
            if (node) await node.stop();
            await k.end();
        }
    });

    it('what published them is not given the same ids again', { timeout: 60_000 }, async () => {
        const k = await killed();
        unlinkSync(log(k.data));
        rmSync(at(k.data, 'todoke.db-shm'), { force: true });
        const made = (await command(['key', 'create', '--data', k.data, '--role', 'operator'])).stdout.trim(); // the old one was in the log
        const node = await startNode({ data: k.data, key: made });
        try {
            await until(async () => await alarm(node, 'loss') === 1);
            const channel = await node.channel({ webhookUrl: k.bot.url });
            const ids = await node.post(channel, [note(1)]);
            const low = id => id.slice(-13);
            assert.ok(low(ids[0]) > k.ids.map(low).sort().at(-1), `${ids[0]} after ${k.ids.at(-1)}`);
        } finally {
            await node.stop();
            await k.end();
        }
    });

    it('an older database in the place of the newer', { timeout: 60_000 }, async () => {
        const k = await killed(5);
        let node = await startNode({ data: k.data, key: k.key });
        await node.stop();
        copyFileSync(at(k.data), at(k.data, 'older'));
        node = await startNode({ data: k.data, key: k.key });
        await node.post(k.channel, [note(1)]);
        await node.stop();
        renameSync(at(k.data, 'older'), at(k.data));
        node = await startNode({ data: k.data, key: k.key });
        try {
            assert.match(node.log(), /commits are missing/);
        } finally {
            await node.stop();
            await k.end();
        }
    });

    it('changes that are no events are missed too', { timeout: 60_000 }, async () => {
        const data = dataDir();
        let node = await startNode({ data });
        await node.stop();
        node = await startNode({ data, key: node.key });
        await node.channel({ webhookUrl: 'http://127.0.0.1:9/' });
        await node.kill();
        unlinkSync(log(data));
        node = await startNode({ data, key: node.key });
        try {
            assert.match(node.log(), /commits are missing/);
        } finally {
            await node.stop();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('nothing is said where nothing is missing: a clean end, a kill, a command between, a log that is in the database, no number', { timeout: 60_000 }, async () => {
        const k = await killed();
        let node;
        const start = async why => {
            node = await startNode({ data: k.data, key: k.key });
            assert.doesNotMatch(node.log(), /msg="commits are missing/, why);
            await node.post(k.channel, [note(1)]);
        };
        try {
            await start('after a kill');
            await node.stop();
            await start('after a clean end');
            await node.kill();
            assert.equal((await command(['key', 'create', '--data', k.data, '--role', 'ingest'])).code, 0); // the last to close: the log goes into the database
            assert.ok(!existsSync(log(k.data)));
            await start('after a command');
            await node.kill();
            execFileSync('sqlite3', [at(k.data), 'PRAGMA wal_checkpoint(TRUNCATE)'], { stdio: 'ignore' });
            rmSync(log(k.data), { force: true });
            await start('after a checkpoint by hand');
            await node.kill();
            unlinkSync(at(k.data, 'todoke.db-last'));
            await start('of an older version');
            await node.kill();
            writeFileSync(at(k.data, 'todoke.db-last'), '99999999');
            await start('with a number that is none');
            unlinkSync(at(k.data, 'todoke.db-last'));
            await until(() => existsSync(at(k.data, 'todoke.db-last')), () => 'made again', 3000);
            await node.stop();
            const to = `${k.data}-copy`;
            assert.equal((await command(['backup', '--data', k.data, to])).code, 0);
            node = await startNode({ data: to, key: k.key });
            assert.doesNotMatch(node.log(), /msg="commits are missing/, 'of a backup');
            assert.equal(await alarm(node, 'loss'), 0);
            rmSync(to, { recursive: true, force: true });
        } finally {
            await node.kill();
            await k.end();
        }
    });
});
