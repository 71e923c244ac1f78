// Jobs of targeted delivery over the fake of LINE: what a job tells of each message, its table of errors, the checks in the order of the customer's list
// with every common text provoked by its cause, and what pausing, resuming, stopping and sending again do.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { change, crowd, ended, startScene, userId, P } from './lib/campaign.mjs';
import { until } from './lib/node.mjs';

// What an independent reader makes of a file: an array of arrays.
const readSheet = (bytes, dialect) => JSON.parse(execFileSync('python3', ['-c',
    `import csv, io, json, sys\nprint(json.dumps(list(csv.reader(io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", newline=""), dialect="${dialect}"))))`],
    { input: bytes, encoding: 'utf8', maxBuffer: 1 << 28 }));
const download = async (scene, path) => {
    const r = await fetch(scene.node.url + P + path, { headers: { authorization: `Bearer ${scene.key}` } });
    return { status: r.status, headers: r.headers, bytes: Buffer.from(await r.arrayBuffer()) };
};
// { text: count } of a table of errors, in its order.
const table = errors => Object.fromEntries(errors.map(e => [e.error.text, e.count]));
const texts = messages => Object.fromEntries(messages.map(m => [m.userId ?? m.target, m.error ? m.error.text : m.state]));

describe('what a job tells', () => {
    let scene, job;
    const kinds = ['fine', 'to-invalid', 'message-invalid', 'forbidden'];
    before(async () => {
        const people = crowd(40, 'fine', i => ({ line: userId(kinds[i % 3], { n: i + 1 }) }));
        people[3].userId = '=cmd|\'/C calc\'!A0 "quoted"\nline';
        people[6].subscribed = false;
        scene = await startScene({ people });
        job = await scene.reaches((await scene.start()).jobId, 'completed');
    });
    after(() => scene.close());

    it('counts messages by state and by kind', () => {
        assert.deepEqual(job.counts, { waiting: 0, sending: 0, retrying: 0, sent: 13, delivered: 0, failed: 26, skipped: 1, unknown: 0 });
        assert.equal(job.total, 40);
        assert.deepEqual(job.kinds, [{ kind: '送信情報未取得', kindEn: 'no target or consent', count: 1 }, { kind: 'クライアントエラー', kindEn: 'client error', count: 26 }]);
        assert.equal(job.secondsLeft, null);
        assert.equal(job.audience.kind, 'segment');
    });
    it('shows the customer\'s table with counts, in the list\'s order', async () => {
        const errors = await scene.errors(job.jobId);
        assert.deepEqual(errors.map(e => [e.error.text, e.error.kind, e.state, e.count, e.error.retry, e.error.effect, e.error.concerns]), [
            ['no target user:XXX api_key:YYY target_ids: ZZZ', '送信情報未取得', 'skipped', 1, 'no', 'none', 'recipient'],
            ['The property, \'to\', in the request body is invalid (line: 1, column: 7)', 'クライアントエラー', 'failed', 13, 'no', 'none', 'recipient'],
            ['A message (messages[0]) in the request body is invalid', 'クライアントエラー', 'failed', 13, 'no', 'none', 'message'],
        ]);
        const ja = await scene.call('GET', `/jobs/${job.jobId}/errors?lang=ja`);
        assert.match(ja.errors[0].error.cause, /^送信に必要なターゲット\(email, line_user_idなど\)/);
        assert.equal(ja.total, 27);
    });
    it('shows the messages by pages, and by state, kind, error and text', async () => {
        const all = await scene.messages(job.jobId, '');
        assert.deepEqual(all.map(m => m.messageId), Array.from({ length: 40 }, (_, i) => String(i + 1)));
        const pages = [];
        for (let cursor = '', page; !pages.length || cursor; cursor = page.cursor ?? '') {
            page = await scene.call('GET', `/jobs/${job.jobId}/messages?limit=7${cursor && `&cursor=${cursor}`}`);
            pages.push(page.messages.length);
        }
        assert.deepEqual(pages, [7, 7, 7, 7, 7, 5]);
        const of = async query => (await scene.messages(job.jobId, query)).map(m => m.messageId);
        assert.deepEqual(await of('&state=skipped'), ['7']);
        assert.equal((await of('&state=sent,skipped')).length, 14);
        assert.deepEqual(await of(`&kind=${encodeURIComponent('送信情報未取得')}`), ['7']);
        assert.equal((await of('&kind=client%20error')).length, 26);
        assert.equal((await of('&error=line_to_invalid')).length, 13, JSON.stringify(all[1]));
        assert.deepEqual(await of('&text=user%3Au7%20'), ['7']);
        assert.deepEqual(await of(`&text=${all[10].target}`), ['11']);
        for (const bad of ['state=gone', 'kind=nothing', 'error=x', 'format=xml', 'lang=fr', 'cursor=x', 'format=csv&limit=1', 'q=1'])
            await scene.call('GET', `/jobs/${job.jobId}/messages?${bad}`, undefined, 400);
        await scene.call('GET', '/jobs/99/messages', undefined, 404);
        await scene.call('GET', '/jobs/99/errors', undefined, 404);
        await scene.call('GET', '/jobs/99/errors?format=csv', undefined, 404);
        await scene.call('GET', '/jobs/99/messages?format=csv', undefined, 404);
    });
    it('says of a message all that is known', async () => {
        const [one] = await scene.messages(job.jobId, '&text=user%3Au7%20');
        assert.equal(one.error.text, 'no target user:u7 api_key:1 target_ids: subscription');
        assert.deepEqual([one.userId, one.state, one.processed, one.tries, one.serviceId, one.nextAt], ['u7', 'skipped', 'no', 0, null, null]);
        const sent = (await scene.messages(job.jobId, '&state=sent'))[0];
        assert.deepEqual([sent.error, sent.processed, sent.tries], [null, 'yes', 1]);
        assert.match(sent.serviceId, /\S/);
        assert.match(sent.target, /^U[0-9a-f]{32}$/);
    });
    it('writes both as files that a spreadsheet reads and does not run', async () => {
        for (const [format, dialect] of [['csv', 'excel'], ['tsv', 'excel-tab']]) {
            for (const [lang, head] of [['ja', 'エラーメッセージ'], ['en', 'Error message']]) {
                const file = await download(scene, `/jobs/${job.jobId}/messages?format=${format}&lang=${lang}`);
                assert.equal(file.headers.get('content-disposition'), `attachment; filename="job-${job.jobId}-messages.${format}"`);
                assert.equal(file.bytes.subarray(0, 3).toString('hex') === 'efbbbf', format === 'csv', 'the mark is CSV\'s');
                const [headings, ...rows] = readSheet(file.bytes.subarray(format === 'csv' ? 3 : 0), dialect);
                assert.equal(headings[4], head);
                assert.equal(rows.length, 40);
                assert.ok(rows.every(r => r.length === headings.length));
                assert.equal(rows[3][1], format === 'csv' ? '\'=cmd|\'/C calc\'!A0 "quoted"\nline' : '\'=cmd|\'/C calc\'!A0 "quoted"\\nline');
                const errors = await download(scene, `/jobs/${job.jobId}/errors?format=${format}&lang=${lang}`);
                const [titles, ...lines] = readSheet(errors.bytes.subarray(format === 'csv' ? 3 : 0), dialect);
                assert.deepEqual(lines.map(l => l[4]), ['1', '13', '13']);
                if (lang === 'ja') assert.deepEqual(titles.slice(0, 5), ['エラーメッセージ', 'エラーの種類', 'エラーの種類（英語）', 'よくある原因・備考', '件数']);
            }
        }
        const some = await download(scene, `/jobs/${job.jobId}/messages?format=csv&state=skipped`);
        assert.equal(readSheet(some.bytes.subarray(3), 'excel').length, 2);
    });
    it('shows a person\'s messages of all jobs, newest first', async () => {
        const again = await scene.reaches((await scene.start()).jobId, 'completed');
        const name = encodeURIComponent('=cmd|\'/C calc\'!A0 "quoted"\nline');
        const { messages } = await scene.call('GET', `/users/${name}/messages`);
        assert.deepEqual(messages.map(m => [m.jobId, m.campaign, m.messageId]), [[again.jobId, 'hello', '4'], [job.jobId, 'hello', '4']]);
        const first = await scene.call('GET', `/users/${name}/messages?limit=1`);
        const second = await scene.call('GET', `/users/${name}/messages?limit=1&cursor=${first.cursor}`);
        assert.deepEqual([first.messages[0].jobId, second.messages[0].jobId, second.cursor], [again.jobId, job.jobId, undefined]);
        await scene.call('GET', '/users/nobody/messages', undefined, 404);
        await scene.call('GET', `/users/${name}/messages?cursor=7`, undefined, 400);
    });
    it('forgets the name of somebody who was deleted, and nothing else', async () => {
        change(scene.data, ['DELETE FROM audience_user WHERE name=\'u9\'', 'UPDATE message SET name=NULL, target=NULL WHERE n=9']);
        const one = (await scene.messages(job.jobId, '')).find(m => m.messageId === '9');
        assert.deepEqual([one.userId, one.target, one.state], [null, null, 'failed']);
    });
});
