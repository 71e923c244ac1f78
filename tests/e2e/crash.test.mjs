// Kill -9 and power cuts at every step of a delivery, again and again on one data directory and under load: nothing accepted is lost, nothing is kept
// twice, and only what was on its way comes twice. TODOKE_KILLS says how often (60).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rmSync } from 'node:fs';
import { startBot } from './lib/bot.mjs';
import { createKey, dataDir, startNode, until } from './lib/node.mjs';
import { diskPlan, firstVersion, sqlite } from './lib/disk.mjs';
import { Ledger, schedule } from './lib/ledger.mjs';

const kills = Number(process.env.TODOKE_KILLS ?? 60);
const common = ['--redelivery-schedule', schedule.join(), '--redelivery-jitter', '10', '--response-timeout', '10s', '--loops', '2'];
const some = (from, to) => from + Math.floor(Math.random() * (to - from));

// Where the node is killed: a plan for its disk, or what the ledger sees, or a moment.
const points = [
    { name: 'at some moment', after: () => some(30, 600) },
    { name: 'in the middle of a write to the log', disk: () => `wal_write:${some(20, 900)}:tear` },
    { name: 'before a commit is on the disk', disk: () => `wal_sync:${some(5, 120)}:kill` },
    { name: 'after a commit, before its answers', disk: () => `wal_synced:${some(5, 120)}:kill` },
    { name: 'by a power cut, in the middle of writes', disk: () => `wal_write:${some(20, 900)}:cut` },
    { name: 'by a power cut, before a commit is on the disk', disk: () => `wal_sync:${some(5, 120)}:cut` },
    { name: 'by a power cut, after a commit', disk: () => `wal_synced:${some(5, 120)}:cut` },
    { name: 'by a power cut, in a checkpoint', disk: () => `db_write:${some(1, 200)}:cut` },
    { name: 'by a power cut, before a checkpoint is on the disk', disk: () => 'db_sync:1:cut' },
    { name: 'when a publisher has its answer', hook: 'onAnswer', nth: () => some(3, 80) },
    { name: 'when a bot has the request', hook: 'onRequest', nth: () => some(3, 120) },
    { name: 'when a bot has answered', hook: 'onAnswered', nth: () => some(3, 120) },
    { name: 'in a checkpoint, while it writes', disk: () => `db_write:${some(1, 40)}:tear` },
    { name: 'in a checkpoint, before it is on the disk', disk: () => 'db_sync:1:kill' },
    { name: 'after a checkpoint, before the log begins anew', disk: () => 'db_synced:1:kill' },
];

describe('kill -9', () => {
    const rounds = [
        { name: `${kills} times under load: nothing is lost`, times: kills, more: [], forgets: false },
        { name: 'while what has ended is pruned: nothing that waits goes with it', times: Math.ceil(kills / 5), more: ['--retention', '150ms'], forgets: true },
    ];
    for (const round of rounds) it(round.name, { timeout: 600_000 }, async t => {
        const data = dataDir(), key = createKey(data), ledger = new Ledger({ forgets: round.forgets }), args = [...common, ...round.more];
        let node = await startNode({ data, key, args }), publishers;
        const hit = new Map();
        try {
            await ledger.begin(node);
            await node.kill();
            for (let k = 0; k < round.times; k++) {
                const point = points[k % points.length];
                node = await startNode({ data, key, args, env: point.disk ? diskPlan(point.disk()) : {} });
                const { child, ended } = node;
                let n = point.nth?.();
                ledger.onAnswer = ledger.onRequest = ledger.onAnswered = () => {};
                if (point.hook) ledger[point.hook] = () => { if (--n === 0) child.kill('SIGKILL'); };
                ledger.started(node);
                publishers ??= Promise.all(Array.from({ length: 6 }, () => ledger.publish()));
                // A point that is never reached must not stop the test: then it is one more kill at some moment.
                const late = new AbortController();
                await Promise.race([ended, sleep(point.after?.() ?? 2500, null, { signal: late.signal })]).catch(() => {});
                late.abort();
                if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
                else hit.set(point.name, (hit.get(point.name) ?? 0) + 1);
                const end = await ended;
                ledger.killed();
                assert.equal(end.signal, 'SIGKILL', `ended by itself: ${end.code}\n${end.stderr.slice(-4000)}`);
                assert.doesNotMatch(end.stderr, /Sanitizer|runtime error/);
                if (k % 10 === 9 || k === round.times - 1) assert.deepEqual(sqlite(data, 'PRAGMA integrity_check'), ['ok']);
            }
            node = await startNode({ data, key, args });
            ledger.onAnswer = ledger.onRequest = ledger.onAnswered = () => {};
            ledger.started(node);
            await sleep(200); // the last calls find a node
            ledger.stop();
            await publishers;
            const total = await ledger.settle(node);
            await node.stop();
            assert.deepEqual(sqlite(data, 'PRAGMA integrity_check'), ['ok']);
            // No row without its partners, whatever was cut off when.
            assert.deepEqual(sqlite(data, `SELECT (SELECT count(*) FROM queue WHERE id NOT IN (SELECT id FROM payload)), (SELECT count(*) FROM retry WHERE id NOT IN (SELECT id FROM payload)),
                (SELECT count(*) FROM fate WHERE event_id NOT IN (SELECT id FROM payload)), (SELECT count(*) FROM fate WHERE attempt_id NOT IN (SELECT id FROM attempt)),
                (SELECT count(*) FROM payload WHERE id NOT IN (SELECT id FROM queue UNION ALL SELECT id FROM retry UNION ALL SELECT event_id FROM fate UNION ALL SELECT id FROM attempt))`), ['0|0|0|0|0']);
            t.diagnostic(`${total.accepted} accepted, ${total.delivered} delivered, ${total.givenUp} given up, ${total.duplicates} came twice, ` +
                `${total.unknownKept} kept of calls cut off; points reached: ${[...hit].map(([name, times]) => `${name} ×${times}`).join(', ')}`);
            assert.ok(total.accepted > round.times * 5, `only ${total.accepted} events: no load`);
            for (const p of points) if (!p.after && round.times >= 4 * points.length) assert.ok(hit.get(p.name) > 0, `never reached: ${p.name}`);
        } finally {
            ledger.stop();
            if (node.child.exitCode === null) node.child.kill('SIGKILL');
            await node.ended;
            await publishers;
            await ledger.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('while a data directory of the first version is upgraded: the next start goes on', { timeout: 120_000 }, async () => {
        const plans = ['write:1:tear', 'write:2:kill', 'write:3:cut', 'sync:1:kill', 'sync:1:cut', 'synced:1:kill', 'synced:1:cut'].map(p => `wal_${p}`);
        for (const plan of plans) {
            const data = dataDir(), bot = await startBot();
            const { newest } = firstVersion(data, bot.url);
            try {
                await assert.rejects(startNode({ data, key: 'none', env: diskPlan(plan) }), /ended with null/, plan);
                assert.match(sqlite(data, 'PRAGMA user_version')[0], new RegExp(`^(1|${newest})$`), 'all of it or nothing');
                const node = await startNode({ data });
                await until(async () => (await node.api('GET', '/api/v1/channels/2000000001')).json.backlogEvents === 0, () => node.log());
                assert.deepEqual(bot.events().map(e => e.n).sort(), [1, 2]);
                await node.stop();
                assert.deepEqual(sqlite(data, 'PRAGMA user_version; PRAGMA integrity_check'), [String(newest), 'ok'], plan);
            } finally {
                await bot.close();
                rmSync(data, { recursive: true, force: true });
            }
        }
    });

    it('while the data directory is made: the next start makes it', { timeout: 60_000 }, async () => {
        for (const plan of ['db_write:1:tear', 'db_write:1:kill', 'wal_write:1:tear', 'wal_write:2:kill', 'wal_write:9:tear', 'wal_sync:1:kill', 'wal_synced:1:kill']) {
            const data = dataDir();
            try {
                await assert.rejects(startNode({ data, key: 'none', env: diskPlan(plan) }), /ended with null/, plan);
                const node = await startNode({ data });
                await node.channel({ webhookUrl: 'http://127.0.0.1:9/' });
                await node.stop();
                assert.deepEqual(sqlite(data, 'PRAGMA integrity_check'), ['ok'], plan);
            } finally {
                rmSync(data, { recursive: true, force: true });
            }
        }
    });
});
