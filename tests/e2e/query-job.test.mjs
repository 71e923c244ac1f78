// A job whose audience is a query: all of its rows are gathered before anything is sent, and what the query does wrong is the job's error.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { userId } from '../../demo/services/line.mjs';
import { startScene } from './lib/campaign.mjs';

describe('a job by a query', () => {
    let scene;
    before(async () => {
        const people = Array.from({ length: 50 }, (_, i) => ({ userId: `u${i}`, attributes: { name: `N${i}`, n: i }, line: userId('fine', { n: i + 1 }) }));
        scene = await startScene({ people, args: ['--query-time', '700ms', '--query-rows', '1000'] });
    });
    after(() => scene.close());
    const run = async (sql, state, by = 'user_id') => scene.reaches((await scene.start({ audience: { sql, by } })).jobId, state);

    it('sends to each row, and says of rows without a user what they are', async () => {
        const job = await run("SELECT name AS user_id FROM (SELECT user_id AS name FROM users WHERE attributes ->> '$.n' < 10 UNION ALL SELECT NULL UNION ALL SELECT 'nobody')", 'completed');
        assert.equal(job.total, 12);
        assert.deepEqual([job.counts.sent, job.counts.failed], [10, 2]);
        const kinds = Object.fromEntries(job.kinds.map(k => [k.kind, k.count]));
        assert.deepEqual(kinds, { 不適切な送信リスト: 1, 存在しないユーザー: 1 });
        const { messages } = await scene.call('GET', `/jobs/${job.jobId}/messages?state=failed`);
        assert.deepEqual(messages.map(m => m.error.text).sort(), ['User not found. :nobody', 'invalid message: user_id is null']);
    });

    it('sends to nobody where the query needs too much, and says which bound it passed', async () => {
        const before = scene.line.taken.total;
        for (const [sql, bound] of [['WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT u.user_id FROM users u, c WHERE c.x < 0', 'time'],
            ['WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 2000) SELECT u.user_id FROM users u, c', 'rows']]) {
            const job = await run(sql, 'failed');
            assert.equal(job.stateReason, 'query_resources', JSON.stringify(job));
            assert.match(job.stateText, new RegExp(`^${bound}: `));
            assert.equal(job.total, 0);
        }
        assert.equal(scene.line.taken.total, before);
    });

    it('fails with the words of the database where the query is wrong', async () => {
        const job = await run('SELECT user_id FROM nowhere', 'failed');
        assert.equal(job.stateReason, 'query_refused');
        assert.match(job.stateText, /nowhere/);
        const column = await run('SELECT 1 AS one', 'failed');
        assert.match(column.stateText, /user_id/);
    });
});
