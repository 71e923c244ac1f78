// todoke.db written over in place (cp, a backup restored under a running node, or beside a log that was left): the inode stays and the file looks whole,
// but the log belongs to another database. Nothing is accepted on it, and a start refuses it and changes nothing.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, dataDir, startNode, until } from './lib/node.mjs';
import { sqlite } from './lib/disk.mjs';

const note = n => ({ type: 'note', n });
const at = (data, name = 'todoke.db') => join(data, name);
const alarm = (node, name = 'files') => node.metric(`todoke_alarm{name="${name}"}`);
const beside = (data, sql) => execFileSync('sqlite3', ['-cmd', '.timeout 20000', at(data), sql], { stdio: 'ignore' });
const over = (from, data) => execFileSync('cp', ['--no-preserve=all', from, at(data)]);
const inode = path => statSync(path, { bigint: true }).ino;

// before(place): with the node up → the file that will be copied over todoke.db. size: what it must be against the database then.
const copies = [
    { name: 'by a backup', before: async p => { assert.equal((await command(['backup', '--data', p.data, p.aside])).code, 0); return at(p.aside); }, many: 300, size: 'shorter' },
    { name: 'by a copy of an hour ago, as long', before: async p => { beside(p.data, 'PRAGMA wal_checkpoint(TRUNCATE)'); copyFileSync(at(p.data), p.aside); return p.aside; }, many: 2, size: 'same' },
    { name: 'by a copy of an hour ago, shorter', before: async p => { beside(p.data, 'PRAGMA wal_checkpoint(TRUNCATE)'); copyFileSync(at(p.data), p.aside); return p.aside; }, many: 300, size: 'shorter' },
    { name: 'by the database of another node', before: async p => {
        mkdirSync(p.aside);
        const other = await startNode({ data: p.aside });
        const channel = await other.channel({ webhookUrl: 'http://127.0.0.1:9/', maxEventsPerRequest: 100 });
        for (let i = 0; i < 20; i++) await other.post(channel, Array.from({ length: 100 }, () => ({ type: 'x', pad: 'y'.repeat(1000) })));
        await other.stop();
        return at(p.aside);
    }, many: 2, size: 'longer' },
];

// A node with events, a copy of its database, more events that a restart has put into the database, and some in the log.
async function prepare(c) {
    const root = dataDir(), p = { root, data: join(root, 'data'), aside: join(root, 'aside'), ids: [] };
    mkdirSync(p.data);
    const bot = await startBot();
    p.node = await startNode({ data: p.data });
    p.channel = await p.node.channel({ webhookUrl: bot.url, maxEventsPerRequest: 100 });
    const post = async n => p.ids.push(...await p.node.post(p.channel, Array.from({ length: n }, (_, i) => note(i))));
    await post(3);
    await until(async () => (await p.node.api('GET', `/api/v1/channels/${p.channel.channelId}`)).json.backlogEvents === 0);
    p.older = await c.before(p);
    for (let n = c.many; n > 0; n -= 100) await post(Math.min(n, 100));
    await until(async () => (await p.node.api('GET', `/api/v1/channels/${p.channel.channelId}`)).json.backlogEvents === 0);
    await p.node.stop();
    p.node = await startNode({ data: p.data, key: p.node.key });
    await post(3);
    await until(async () => (await p.node.api('GET', `/api/v1/channels/${p.channel.channelId}`)).json.backlogEvents === 0);
    const [older, now] = [statSync(p.older).size, statSync(at(p.data)).size];
    assert.equal(older < now ? 'shorter' : older > now ? 'longer' : 'same', c.size);
    copyFileSync(at(p.data), join(root, 'right'));
    p.again = () => startNode({ data: p.data, key: p.node.key });
    p.end = async () => {
        if (p.node.child.exitCode === null) p.node.child.kill('SIGKILL');
        await p.node.ended;
        await bot.close();
        rmSync(root, { recursive: true, force: true });
    };
    p.all = async () => { // with the right database put back
        over(join(root, 'right'), p.data);
        p.node = await p.again();
        await until(async () => (await p.node.api('GET', `/api/v1/channels/${p.channel.channelId}`)).json.backlogEvents === 0, () => p.node.log());
        assert.equal(await alarm(p.node, 'loss'), 0);
        for (const id of p.ids) assert.equal((await p.node.api('GET', `/api/v1/channels/${p.channel.channelId}/events/${id}`)).status, 200, id);
        assert.deepEqual(sqlite(p.data, 'PRAGMA integrity_check'), ['ok']);
    };
    return p;
}

async function refused(p) {
    const was = readFileSync(at(p.data)), log = readFileSync(at(p.data, 'todoke.db-wal'));
    for (const args of [['serve', '--data', p.data, '--listen', '127.0.0.1:0'], ['key', 'create', '--data', p.data, '--role', 'ingest'], ['check', '--data', p.data], ['backup', '--data', p.data, join(p.root, 'to')]]) {
        const r = await command(args, { timeout: 30_000 });
        assert.equal(r.code, 1, `${args[0]}: ${r.stderr}`);
        assert.match(r.stderr, /todoke\.db-wal\) does not belong to this todoke\.db.*Nothing was changed/, args[0]);
    }
    assert.ok(readFileSync(at(p.data)).equals(was) && readFileSync(at(p.data, 'todoke.db-wal')).equals(log), 'something was changed');
}

describe('todoke.db written over in place', () => {
    for (const c of copies) it(`${c.name}, while the node runs: nothing is accepted on it`, { timeout: 60_000 }, async () => {
        const p = await prepare(c);
        try {
            const was = inode(at(p.data));
            over(p.older, p.data);
            assert.equal(inode(at(p.data)), was);
            for (let i = 0; i < 5; i++) {
                const r = await p.node.api('POST', `/api/v1/channels/${p.channel.channelId}/events`, { events: [note(i)] });
                assert.equal(r.status, 503, `${r.text}: ${p.node.log()}`);
            }
            const ready = await fetch(`${p.node.url}/readyz`);
            assert.deepEqual([ready.status, /todoke\.db was .*overwritten/.test((await ready.json()).message)], [503, true]);
            assert.equal(await alarm(p.node), 1);
            assert.match(p.node.log(), /level=error module=store msg="todoke\.db was [^\n]* it_is=(overwritten|cut)/);
            over(join(p.root, 'right'), p.data); // pages of the other one may be in memory: the node must be restarted
            assert.equal((await p.node.api('POST', `/api/v1/channels/${p.channel.channelId}/events`, { events: [note(1)] })).status, 503);
            over(p.older, p.data);
            await p.node.stop();
            assert.ok(statSync(at(p.data, 'todoke.db-wal')).size > 0, 'the log was put over it');
            await refused(p);
            await p.all();
        } finally {
            await p.end();
        }
    });

    for (const c of copies) it(`${c.name}, after a kill that left the log: is refused, and changes nothing`, { timeout: 60_000 }, async () => {
        const p = await prepare(c);
        try {
            await p.node.kill();
            over(p.older, p.data);
            await refused(p);
            cpSync(p.data, join(p.root, 'without'), { recursive: true });
            await p.all();
            await p.node.stop();
            if (c.size === 'longer') return; // another node's: its key does not fit
            // Without the right one: the log moved away, the node says what is missing.
            const data = join(p.root, 'without');
            renameSync(at(data, 'todoke.db-wal'), join(p.root, 'wal'));
            p.node = await startNode({ data, key: p.node.key });
            assert.match(p.node.log(), /level=error module=store msg="commits are missing: /);
            await until(async () => await alarm(p.node, 'loss') === 1);
        } finally {
            await p.end();
        }
    });

    it('and a todoke.db-last of another directory refuses no log that belongs to its database', { timeout: 60_000 }, async () => {
        const p = await prepare(copies[1]);
        try {
            for (let i = 0; i < 2; i++) { // further logs, which the file beside counts
                await p.node.stop();
                p.node = await p.again();
                await p.node.post(p.channel, [note(i)]);
            }
            await p.node.stop();
            const last = readFileSync(at(p.data, 'todoke.db-last'));
            over(p.older, p.data); // as a backup is put in, with the file beside left where it was
            p.node = await p.again();
            assert.match(p.node.log(), /commits are missing/);
            const ids = await p.node.post(p.channel, [note(1)]);
            await p.node.kill();
            writeFileSync(at(p.data, 'todoke.db-last'), last); // a power cut: it was not on the disk yet
            p.node = await p.again();
            await p.node.reaches(p.channel, ids[0], 'delivered');
        } finally {
            await p.end();
        }
    });

    it('and a log that a crash has cut short is no other one: half a frame of the first page at its end', { timeout: 60_000 }, async () => {
        const p = await prepare(copies[1]);
        try {
            await p.node.kill();
            const log = at(p.data, 'todoke.db-wal'), head = readFileSync(log).subarray(16, 24), frame = Buffer.alloc(24 + 4096);
            frame.writeUInt32BE(1, 0);
            head.copy(frame, 8); // this log's own salts
            frame.writeUInt32BE(7, 24 + 24);
            appendFileSync(log, frame);
            await p.all();
        } finally {
            await p.end();
        }
    });

    it('and where that is not so nothing is said: touched, many logs, VACUUM and checkpoints beside, kills', { timeout: 120_000 }, async () => {
        const p = await prepare(copies[1]);
        try {
            for (let round = 0; round < 3; round++) {
                for (let i = 0; i < 12; i++) {
                    for (let k = 0; k < 8; k++) p.ids.push(...await p.node.post(p.channel, Array.from({ length: 25 }, () => ({ type: 'x', pad: 'y'.repeat(9000) }))));
                    if (i % 3 === 0) beside(p.data, `PRAGMA wal_checkpoint(${['PASSIVE', 'TRUNCATE', 'FULL', 'RESTART'][i / 3]})`);
                    if (i === 5) beside(p.data, 'VACUUM');
                    if (i === 7) utimesSync(at(p.data), 1, 1);
                    if (i === 9) assert.equal((await command(['key', 'create', '--data', p.data, '--role', 'ingest'])).code, 0);
                }
                assert.equal(await alarm(p.node), 0, p.node.log());
                assert.doesNotMatch(p.node.log(), /it_is=|commits are missing/);
                await p.node.kill();
                p.node = await p.again();
            }
            assert.equal(await alarm(p.node, 'loss'), 0);
            assert.deepEqual(sqlite(p.data, 'PRAGMA integrity_check'), ['ok']);
            assert.notEqual(sqlite(p.data, 'PRAGMA application_id')[0], '0');
        } finally {
            await p.end();
        }
    });
});
