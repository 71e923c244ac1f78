// Files that go away under a running node, one after the other and under load: no 202 leaves for what would not be there after the next start. And two
// nodes on one directory, by whatever way.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, createKey, dataDir, startNode, until } from './lib/node.mjs';
import { sqlite } from './lib/disk.mjs';

const note = n => ({ type: 'note', n, pad: 'x'.repeat(n % 7 * 300) });

// Four publishers who never stop, and what each of their calls was answered.
function load(node, channel) {
    const calls = [];
    let on = true, n = 0;
    const one = async () => {
        while (on) {
            const call = { began: performance.now(), ids: [] };
            const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events: [note(n++)] }).catch(e => ({ status: 0, e }));
            if (!r.status) return; // the node is gone: a test has failed, or is about to end
            calls.push(Object.assign(call, { status: r.status, ids: r.json.webhookEventIds ?? [], retry: r.headers.get('retry-after'), message: r.json.message }));
            if (r.status !== 202) await new Promise(done => setTimeout(done, 5));
        }
    };
    const all = [one(), one(), one(), one()];
    return { calls, accepted: () => calls.filter(c => c.status === 202), stop: async () => { on = false; await Promise.all(all); } };
}

const alarm = node => node.metric('todoke_alarm{name="files"}');
const at = (data, name) => join(data, name);
const replace = path => { copyFileSync(path, `${path}.new`); renameSync(`${path}.new`, path); };
const away = path => { renameSync(path, `${path}.away`); return () => renameSync(`${path}.away`, path); };
const kept = (data, channel) => new Set(sqlite(data, `SELECT printf('%d', id) FROM payload WHERE channel_id=${channel.channelId}`));

// Crockford's base 32 of the low 64 bits of an id: the number of its row.
const row = id => {
    let n = 0n;
    for (const c of id) n = n << 5n | BigInt('0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(c));
    return String(n & 0xFFFFFFFFFFFFFFFFn);
};

// what: its name in texts. act(data) → how it is undone, or nothing. after: 'goes on' when it is undone, or 'restart': after kill -9 all is there.
const cases = [
    { name: 'the database, moved away', file: 'todoke.db', act: d => away(at(d, 'todoke.db')), after: 'goes on' },
    { name: 'the database, deleted', file: 'todoke.db', act: d => unlinkSync(at(d, 'todoke.db')) },
    { name: 'the database, replaced by a copy', file: 'todoke.db', act: d => replace(at(d, 'todoke.db')) },
    { name: 'the database, another one moved over it', file: 'todoke.db', act: d => { execFileSync('sqlite3', [at(d, 'other'), 'CREATE TABLE t(x)']); renameSync(at(d, 'other'), at(d, 'todoke.db')); } },
    { name: 'the database, cut to nothing', file: 'todoke.db', act: d => truncateSync(at(d, 'todoke.db'), 0) },
    { name: 'the database, cut in the middle', file: 'todoke.db', big: true, act: d => truncateSync(at(d, 'todoke.db'), statSync(at(d, 'todoke.db')).size >> 1) },
    { name: 'the database, a page less', file: 'todoke.db', big: true, act: d => truncateSync(at(d, 'todoke.db'), statSync(at(d, 'todoke.db')).size - 4096) },
    { name: 'the log, deleted', file: 'todoke.db-wal', act: d => unlinkSync(at(d, 'todoke.db-wal')), after: 'restart' },
    { name: 'the log, moved away', file: 'todoke.db-wal', act: d => away(at(d, 'todoke.db-wal')), after: 'goes on' },
    { name: 'the log, moved away for good', file: 'todoke.db-wal', act: d => { away(at(d, 'todoke.db-wal')); }, after: 'restart' },
    { name: 'the log, replaced by a copy', file: 'todoke.db-wal', act: d => replace(at(d, 'todoke.db-wal')), after: 'restart' },
    { name: 'the log, replaced by nothing', file: 'todoke.db-wal', act: d => { writeFileSync(at(d, 'w'), ''); renameSync(at(d, 'w'), at(d, 'todoke.db-wal')); }, after: 'restart' },
    { name: 'the log, cut to nothing', file: 'todoke.db-wal', act: d => truncateSync(at(d, 'todoke.db-wal'), 0) },
    { name: 'the log, cut to its head', file: 'todoke.db-wal', act: d => truncateSync(at(d, 'todoke.db-wal'), 32) },
    { name: 'the log, cut in the middle', file: 'todoke.db-wal', act: d => truncateSync(at(d, 'todoke.db-wal'), statSync(at(d, 'todoke.db-wal')).size >> 1) },
    { name: 'the index of the log, deleted', file: 'todoke.db-shm', act: d => unlinkSync(at(d, 'todoke.db-shm')), after: 'restart' },
    { name: 'the lock, deleted', file: 'lock', act: d => unlinkSync(at(d, 'lock')), after: 'restart' },
    { name: 'the lock, moved away', file: 'lock', act: d => away(at(d, 'lock')), after: 'goes on' },
    { name: 'the key, moved away', file: 'key file', act: d => away(at(d, 'secret.key')), after: 'goes on' },
    { name: 'the key, replaced by a copy', file: 'key file', act: d => replace(at(d, 'secret.key')), after: 'restart' },
    { name: 'the key, written over by another', file: 'key file', act: d => { const was = readFileSync(at(d, 'secret.key')); writeFileSync(at(d, 'secret.key'), `${'5'.repeat(64)}\n`); return () => writeFileSync(at(d, 'secret.key'), was); }, after: 'goes on' },
    { name: 'the directory, moved away', file: 'data directory', act: d => away(d), after: 'goes on' },
    { name: 'the directory, another one in its place', file: 'data directory', act: d => { const back = away(d); mkdirSync(d); return () => { rmSync(d, { recursive: true }); back(); }; }, after: 'goes on' },
];

describe('a file that goes away under a running node', () => {
    for (const c of cases) it(c.name, { timeout: 60_000 }, async () => {
        const root = dataDir(), data = join(root, 'data'), bot = await startBot();
        mkdirSync(data);
        let node = await startNode({ data, args: ['--loops', '2'] });
        try {
            const channel = await node.channel({ webhookUrl: bot.url, maxEventsPerRequest: 5 });
            const publishers = load(node, channel);
            if (c.big) await until(() => statSync(at(data, 'todoke.db')).size > 100_000 || (execFileSync('sqlite3', [at(data, 'todoke.db'), 'PRAGMA wal_checkpoint'], { stdio: 'ignore' }), false));
            await until(() => publishers.accepted().length >= 40);
            const undo = c.act(data), then = performance.now();
            await until(() => publishers.calls.some(p => p.status === 503), () => `still accepted: ${node.log()}`);
            const began = publishers.calls.filter(p => p.began > then);
            if (!c.file.match(/^(lock|key file|todoke.db-shm)$/)) // by those nothing is lost: within 100 ms is at once
                assert.deepEqual(began.filter(p => p.status === 202), [], 'accepted after that');
            await until(async () => await alarm(node) === 1 && (await fetch(`${node.url}/readyz`)).status === 503);
            const ready = await (await fetch(`${node.url}/readyz`)).json();
            assert.ok(ready.message.includes(c.file), ready.message);
            assert.match(node.log(), new RegExp(`level=error module=store msg="[^\\n]*${c.file.replace('.', '\\.')}[^\\n]* it_is=(gone|replaced|cut)`));
            const refused = publishers.calls.find(p => p.status === 503);
            assert.ok(Number(refused.retry) >= 1);
            assert.match(refused.message, /nothing was accepted/);
            await until(async () => (await node.api('GET', '/api/v1/system')).json.alarms.some(a => a.name === 'files' && a.text.en.includes(c.file)));
            assert.equal((await fetch(`${node.url}/healthz`)).status, 200);
            const bodies = publishers.calls.length;
            await until(() => publishers.calls.length > bodies + 20);
            assert.deepEqual(publishers.calls.slice(bodies).filter(p => p.status === 202), [], 'and none later');
            if (c.after === 'goes on') {
                undo();
                await until(() => publishers.calls.at(-1).status === 202, () => node.log());
                await until(async () => await alarm(node) === 0 && (await fetch(`${node.url}/readyz`)).status === 200);
            }
            await publishers.stop();
            await node.kill();
            if (!c.after) return;
            node = await startNode({ data, key: node.key });
            await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 0, () => node.log());
            const there = kept(data, channel), lost = publishers.accepted().flatMap(p => p.ids).filter(id => !there.has(row(id)));
            assert.deepEqual(lost, [], `${lost.length} of ${publishers.accepted().length} are lost`);
            assert.deepEqual(sqlite(data, 'PRAGMA integrity_check'), ['ok']);
        } finally {
            if (node.child.exitCode === null) node.child.kill('SIGKILL');
            await node.ended;
            await bot.close();
            rmSync(root, { recursive: true, force: true });
        }
    });

    it('that nobody asks: it is told within a second', { timeout: 30_000 }, async () => {
        const data = dataDir(), node = await startNode({ data });
        try {
            const back = away(at(data, 'todoke.db'));
            await until(async () => (await fetch(`${node.url}/readyz`)).status === 503, () => node.log(), 2000);
            back();
            await until(async () => (await fetch(`${node.url}/readyz`)).status === 200, () => node.log(), 2000);
            assert.match(node.log(), /level=info module=store msg="the files of the data directory are back/);
        } finally {
            await node.stop();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('and a key that was used before is not promised again', { timeout: 30_000 }, async () => {
        const data = dataDir(), node = await startNode({ data }), bot = await startBot();
        try {
            const channel = await node.channel({ webhookUrl: bot.url }), options = { headers: { 'idempotency-key': 'k' } };
            const ids = await node.post(channel, [note(1)], options);
            const back = away(at(data, 'todoke.db'));
            const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events: [note(1)] }, options);
            assert.equal(r.status, 503);
            back();
            await until(async () => (await fetch(`${node.url}/readyz`)).status === 200);
            assert.deepEqual(await node.post(channel, [note(1)], options), ids);
        } finally {
            await node.stop();
            await bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('results of what was on its way are kept until it is back, and each comes once', { timeout: 30_000 }, async () => {
        const data = dataDir(), node = await startNode({ data, args: ['--loops', '1'] }), held = [];
        const bot = await startBot(() => new Promise(resolve => held.push(resolve)));
        try {
            const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, responseTimeoutMs: 20_000, maxEventsPerRequest: 1 });
            const ids = await node.post(channel, [note(1), note(2), note(3)]);
            await until(() => held.length === 3);
            const back = away(at(data, 'todoke.db'));
            held.splice(0).forEach(answer => answer(200));
            bot.answer = () => 200;
            await until(async () => await node.metric('todoke_results_waiting') === 3);
            back();
            for (const id of ids) assert.equal((await node.reaches(channel, id, 'delivered')).attempts.length, 1);
            assert.deepEqual(bot.ids().sort(), ids.sort());
        } finally {
            await node.stop();
            await bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('VACUUM and a checkpoint from beside are nothing of the kind', { timeout: 30_000 }, async () => {
        const data = dataDir(), node = await startNode({ data, args: ['--retention', '200ms'] }), bot = await startBot();
        try {
            const channel = await node.channel({ webhookUrl: bot.url, maxEventsPerRequest: 100 });
            for (let i = 0; i < 20; i++) await node.post(channel, Array.from({ length: 50 }, () => ({ type: 'x', pad: 'y'.repeat(3000) })));
            await until(async () => await node.metric('todoke_pruned_events_total') === 1000, () => node.log());
            const beside = (...sql) => execFileSync('sqlite3', [at(data, 'todoke.db'), '.timeout 20000', ...sql], { stdio: 'ignore' });
            const size = () => statSync(at(data, 'todoke.db')).size;
            await until(async () => { beside('PRAGMA wal_checkpoint(TRUNCATE)'); return size() > 2_000_000; });
            const before = size();
            beside('VACUUM');
            await until(async () => { beside('PRAGMA wal_checkpoint(TRUNCATE)'); await node.post(channel, [note(1)]); return size() < before; });
            await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 0);
            assert.equal(await alarm(node), 0, node.log());
            assert.doesNotMatch(node.log(), /it_is=/);
        } finally {
            await node.stop();
            await bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('a deleted database is saved from the running node as docs/operations.md says', { timeout: 30_000 }, async () => {
        const data = dataDir(), bot = await startBot();
        let node = await startNode({ data });
        try {
            const channel = await node.channel({ webhookUrl: bot.url }), ids = [];
            for (let n = 0; n < 30; n++) ids.push(...await node.post(channel, [note(n)]));
            unlinkSync(at(data, 'todoke.db'));
            await until(async () => await alarm(node) === 1);
            const fds = `/proc/${node.child.pid}/fd`;
            const fd = readdirSync(fds).find(f => readlinkSync(join(fds, f)) === `${at(data, 'todoke.db')} (deleted)`);
            execFileSync('cp', [join(fds, fd), at(data, 'saved.db')]);
            await node.kill();
            renameSync(at(data, 'saved.db'), at(data, 'todoke.db'));
            node = await startNode({ data, key: node.key });
            await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 0, () => node.log());
            const there = kept(data, channel);
            assert.deepEqual(ids.filter(id => !there.has(row(id))), []);
            assert.deepEqual(sqlite(data, 'PRAGMA integrity_check'), ['ok']);
        } finally {
            await node.stop();
            await bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('a node whose directory was moved takes nothing from the one that is there now, also when it ends', { timeout: 30_000 }, async () => {
        const root = dataDir(), data = join(root, 'data');
        mkdirSync(data);
        const first = await startNode({ data });
        await first.channel({ webhookUrl: 'http://127.0.0.1:9/' });
        renameSync(data, join(root, 'moved'));
        mkdirSync(data);
        const second = await startNode({ data }), bot = await startBot();
        try {
            const channel = await second.channel({ webhookUrl: bot.url });
            const ids = await second.post(channel, [note(1), note(2)]);
            await until(async () => await alarm(first) === 1);
            await first.stop();
            assert.ok(existsSync(at(data, 'todoke.db-wal')), 'the log of the second');
            assert.equal(await alarm(second), 0);
            for (const id of ids) await second.reaches(channel, id, 'delivered');
            const third = await startNode({ data: join(root, 'moved'), key: first.key });
            assert.equal((await third.api('GET', '/api/v1/channels')).json.channels.length, 1);
            await third.stop();
        } finally {
            await second.stop();
            await bot.close();
            rmSync(root, { recursive: true, force: true });
        }
    });
});

describe('a second node on the same directory', () => {
    const ways = [
        ['plainly', data => data],
        ['with the lock deleted', data => { rmSync(at(data, 'lock')); return data; }],
        ['with the lock replaced', data => { rmSync(at(data, 'lock')); writeFileSync(at(data, 'lock'), ''); return data; }],
        ['by a symbolic link to the directory', (data, root) => { symlinkSync(data, join(root, 'link')); return join(root, 'link'); }],
        ['by way of ..', (data, root) => join(root, 'x', '..', 'data')],
        ['in the directory that was moved', (data, root) => { renameSync(data, join(root, 'moved')); return join(root, 'moved'); }],
        ['by a hard link to the database', (data, root) => {
            mkdirSync(join(root, 'hard'));
            linkSync(at(data, 'todoke.db'), join(root, 'hard', 'todoke.db'));
            copyFileSync(at(data, 'secret.key'), join(root, 'hard', 'secret.key'));
            return join(root, 'hard');
        }],
        ['by a symbolic link to the database', (data, root) => {
            mkdirSync(join(root, 'soft'));
            symlinkSync(at(data, 'todoke.db'), join(root, 'soft', 'todoke.db'));
            copyFileSync(at(data, 'secret.key'), join(root, 'soft', 'secret.key'));
            return join(root, 'soft');
        }],
    ];
    for (const [name, way] of ways) it(`is refused ${name}`, { timeout: 30_000 }, async () => {
        const root = dataDir(), data = join(root, 'data');
        mkdirSync(data);
        mkdirSync(join(root, 'x'));
        const key = createKey(data), node = await startNode({ data, key });
        try {
            const dir = way(data, root);
            for (const args of [['serve', '--data', dir, '--listen', '127.0.0.1:0'], ['key', 'rotate-seal', '--data', dir]]) {
                const r = await command(args);
                assert.equal(r.code, 1, r.stderr);
                assert.match(r.stderr, /node is running on this directory/);
                if (args[0] === 'serve' && !/(hard|symbolic) link to the database/.test(name)) assert.match(r.stderr, new RegExp(`\\(process ${node.child.pid}\\)`));
            }
        } finally {
            await node.kill();
            rmSync(root, { recursive: true, force: true });
        }
    });

    it('is no command that may run beside it, and none where the first has ended, however', { timeout: 30_000 }, async () => {
        const data = dataDir(), node = await startNode({ data }), to = `${data}-copy`;
        try {
            for (const args of [['key', 'create', '--data', data, '--role', 'ingest'], ['key', 'list', '--data', data], ['account', 'list', '--data', data], ['backup', '--data', data, to]]) {
                const r = await command(args);
                assert.equal(r.code, 0, r.stderr);
            }
            await node.channel({ webhookUrl: 'http://127.0.0.1:9/' });
            assert.equal(await alarm(node), 0, node.log());
            await node.kill();
            await (await startNode({ data, key: node.key })).stop();
            cpSync(data, `${data}-other`, { recursive: true });
            const one = await startNode({ data, key: node.key }), two = await startNode({ data: `${data}-other`, key: node.key });
            await one.stop();
            await two.stop();
        } finally {
            for (const d of [data, to, `${data}-other`]) rmSync(d, { recursive: true, force: true });
        }
    });
});
