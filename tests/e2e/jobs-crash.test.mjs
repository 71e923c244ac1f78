// Jobs under kill -9 and on a full disk: nobody gets a message twice, nobody is left out, and of those whose message was on its way when the node died
// it is said that nobody knows; where the service knows a message again by its key they simply get it. TODOKE_KILLS says how often (12 a case).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { address, crowd, startScene } from './lib/campaign.mjs';
import { diskPlan, diskSwitch } from './lib/disk.mjs';
import { until } from './lib/node.mjs';

const kills = Number(process.env.TODOKE_KILLS ?? 12);
const some = (from, to) => from + Math.floor(Math.random() * (to - from));
const points = [
    { name: 'at some moment', after: () => some(30, 400) },
    { name: 'when the service has a request', taken: () => some(1, 60) },
    { name: 'in the middle of a write', disk: () => `wal_write:${some(20, 400)}:tear` },
    { name: 'before a commit is on the disk', disk: () => `wal_sync:${some(3, 40)}:kill` },
    { name: 'after a commit, before its answers', disk: () => `wal_synced:${some(3, 40)}:kill` },
    { name: 'by a power cut', disk: () => `wal_sync:${some(3, 40)}:cut` },
];

// Kills the node again and again while the job runs; returns the job once it has ended.
async function kill(scene, id) {
    let done = 0;
    for (let k = 0; k < kills; k++) {
        const point = points[k % points.length];
        await scene.boot({ env: point.disk ? diskPlan(point.disk()) : {} });
        const { child, ended } = scene.node, from = scene.service.taken.total, n = point.taken?.();
        const over = until(() => child.exitCode !== null || child.signalCode !== null || (n && scene.service.taken.total >= from + n), () => '', 1500).catch(() => {});
        await Promise.race([ended, over, ...(point.after ? [sleep(point.after())] : [])]);
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
        await ended;
        done++;
    }
    await scene.boot();
    assert.equal(done, kills);
    return scene.reaches(id, 'completed', 120_000);
}

describe('kill -9 while a job runs', () => {
    for (const [name, settings] of [
        ['LINE, a text for each: everybody gets it once, by the retry key', { people: crowd(600, 'fine'), job: { ratePerSecond: 150 } }],
        ['LINE, one text for all: nobody twice, and nobody unaccounted for', { people: crowd(3000, 'fine'), job: { ratePerSecond: 700 },
            campaigns: [{ content: { messages: [{ type: 'text', text: 'Hello all' }] } }], unknown: true }],
        ['mail, a text for each: nobody twice, and nobody unaccounted for', { channel: 'mail', unknown: true, job: { ratePerSecond: 150 },
            people: crowd(600).map((p, i) => ({ ...p, mail: address('delivered', { name: `u${i + 1}` }) })) }],
    ]) it(name, { timeout: 300_000 }, async t => {
        const scene = await startScene(settings);
        try {
            const { jobId } = await scene.start(settings.job);
            await until(() => scene.service.taken.total > 0, () => scene.node.log().slice(-3000));
            await scene.node.kill();
            const job = await kill(scene, jobId);
            t.diagnostic(JSON.stringify(job.counts));
            const messages = await scene.messages(jobId);
            assert.equal(messages.length, settings.people.length);
            assert.ok(messages.every(m => m.target && m.userId), 'of each it is said where it went');
            assert.deepEqual(scene.service.taken.repeated, [], 'nobody twice');
            for (const m of messages) {
                const times = scene.service.taken.times(m.target);
                assert.ok(m.state === 'sent' ? times === 1 : settings.unknown && m.state === 'unknown' && times <= 1, `${JSON.stringify(m)}: ${times} times`);
                if (m.state === 'unknown') assert.deepEqual([m.processed, m.error.retry, m.error.kind], ['unknown', 'unknown-sent', 'サーバー内部エラー']);
            }
            assert.equal(job.counts.sent + job.counts.unknown, settings.people.length);
            if (!settings.unknown) return;
            assert.ok(job.counts.unknown > 0, 'some were on their way');
            // Asked for explicitly, those and no others are sent again.
            const before = new Map(messages.map(m => [m.target, scene.service.taken.times(m.target)]));
            await scene.call('POST', `/jobs/${jobId}/retry`, undefined, 409);
            const again = await scene.reaches((await scene.call('POST', `/jobs/${jobId}/retry`, { unknown: true })).jobId, 'completed');
            assert.equal(again.parentId, jobId);
            assert.equal(again.counts.sent, job.counts.unknown);
            for (const m of messages) assert.equal(scene.service.taken.times(m.target), before.get(m.target) + (m.state === 'unknown' ? 1 : 0));
        } finally {
            await scene.close();
        }
    });
});

describe('a full disk while a job runs', () => {
    it('holds the job up and loses nothing', { timeout: 120_000 }, async () => {
        const disk = diskSwitch();
        const scene = await startScene({ people: crowd(400), env: disk.env });
        try {
            const { jobId } = await scene.start({ ratePerSecond: 200 });
            await until(() => scene.service.taken.total > 20, () => scene.node.log().slice(-3000));
            disk.fail('ENOSPC');
            await until(() => /No space|full/i.test(scene.node.log()), () => scene.node.log().slice(-3000));
            // Refused again and again, so that every stage of the job has met the full disk.
            await until(async () => (await scene.node.metric('todoke_store_failures_total')) >= 3, () => scene.node.log().slice(-3000));
            disk.mend();
            const job = await scene.reaches(jobId, 'completed');
            assert.deepEqual(scene.service.taken.repeated, []);
            assert.equal(job.counts.sent, 400, JSON.stringify(job.counts));
            assert.equal(scene.service.taken.total, 400);
        } finally {
            await scene.close();
        }
    });
});
