// Jobs of targeted delivery over the fake of LINE: what a job tells of each message, its table of errors, the checks in the order of the customer's list
// with every common text provoked by its cause, and what pausing, resuming, stopping and sending again do.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { change, crowd, ended, startScene, userId, P } from './lib/campaign.mjs';
import { bin, command, until } from './lib/node.mjs';

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
        assert.equal((await of('&error=line_to')).length, 13, JSON.stringify(all[1]));
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
    it('tells of a job as it goes, until nothing of it waits', async () => {
        const { jobId } = await scene.start({ ratePerSecond: 20 });
        const r = await fetch(`${scene.node.url}${P}/jobs/${jobId}/live`, { headers: { authorization: `Bearer ${scene.key}` } });
        assert.equal(r.headers.get('content-type'), 'text/event-stream');
        const events = (await r.text()).split('\n\n').filter(e => e.startsWith('event: job\n')).map(e => JSON.parse(e.slice(e.indexOf('data: ') + 6)));
        assert.ok(events.length >= 3, `${events.length} events`);
        assert.equal(events[0].state, 'running');
        const last = events.at(-1);
        assert.deepEqual([last.state, last.counts.waiting, last.jobId, last.audience], ['completed', 0, jobId, undefined]);
        const none = await fetch(`${scene.node.url}${P}/jobs/99/live`, { headers: { authorization: `Bearer ${scene.key}` } });
        assert.equal(none.status, 404);
    });
    it('is counted in the metrics, by service, state and error', async () => {
        const text = await (await fetch(`${scene.node.url}/metrics`)).text();
        const value = name => Number(text.split('\n').find(l => l.startsWith(`${name} `)).split(' ').at(-1));
        assert.equal(value('todoke_campaign_messages_total{service="line",state="sent"}') % 13, 0);
        assert.ok(value('todoke_campaign_messages_total{service="line",state="skipped"}') >= 1);
        assert.ok(value('todoke_campaign_messages_failed_total{error="line_to",kind="client error"}') >= 13);
        assert.ok(value('todoke_campaign_messages_failed_total{error="no_target",kind="no target or consent"}') >= 1);
        assert.ok(value('todoke_campaign_requests_total{service="line"}') >= 39);
        assert.equal(value('todoke_campaign_jobs_open'), 0);
    });
    it('forgets the name of somebody who was deleted, and nothing else', async () => {
        change(scene.data, ['DELETE FROM audience_user WHERE name=\'u9\'', 'UPDATE message SET name=NULL, target=NULL WHERE n=9']);
        const one = (await scene.messages(job.jobId, '')).find(m => m.messageId === '9');
        assert.deepEqual([one.userId, one.target, one.state], [null, null, 'failed']);
    });
});

describe('the command', () => {
    let scene;
    const run = (args, more) => command(['job', ...args], { env: { TODOKE_API: scene.node.url, TODOKE_KEY: scene.key }, ...more });
    before(async () => {
        scene = await startScene({ people: [...crowd(20), ...crowd(3, 'to-invalid').map((p, i) => ({ ...p, userId: `bad${i}` }))] });
    });
    after(() => scene.close());

    it('starts a job, follows it in lines, and shows its errors at the end', async () => {
        const r = await run(['start', '--campaign', 'c1', '--segment', '1', '--watch']);
        assert.equal(r.code, 0, r.stderr);
        const [id, ...lines] = r.stdout.split('\n');
        assert.match(id, /^job \d+$/);
        assert.match(r.stdout, /^completed: 23 of 23, 3 not sent, \d+ a second$/m);
        assert.match(r.stdout, /^3 +failed +クライアントエラー +no +none +The property, 'to', in the request body is invalid \(line: 1, column: 7\)$/m);
        assert.match(r.stdout, /^What to do\n {2}client error \(line_to\)\n {6}\S/m);
        assert.ok(lines.every(l => !l.includes('\r') && !l.includes('\u001b')), 'plain outside of a terminal');
    });
    it('draws a bar on a terminal', async () => {
        // Not synchronously: LINE's fake lives in this process.
        const { stdout: out } = await promisify(execFile)('python3', ['-c', `
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], stdin_read=lambda fd: b'')))`,
        bin, 'job', 'start', '--campaign', 'c1', '--segment', '1', '--watch', '--lang', 'ja'],
        { encoding: 'utf8', timeout: 30_000, env: { ...process.env, TODOKE_API: scene.node.url, TODOKE_KEY: scene.key, TERM: 'xterm' } });
        assert.match(out, /\r\u001b\[K/);
        assert.match(out, /█/);
        assert.match(out, /100 % {2}completed: 23 of 23/);
        assert.match(out, /件数.*エラーの種類.*エラーメッセージ/);
        assert.match(out, /対処方法/);
    });
    it('lists, shows, and says of each message what became of it', async () => {
        assert.match((await run(['list'])).stdout, /^ID +STATE +CHANNEL[^]*\n\d+ +completed +line +23 +3 /);
        assert.match((await run(['show', '1'])).stdout, /counts\.sent +20/);
        const failed = await run(['messages', '1', '--state', 'failed']);
        assert.equal(failed.stdout.trim().split('\n').length, 4, failed.stdout);
        const csv = await run(['messages', '1', '--format', 'csv', '--lang', 'ja']);
        assert.equal(readSheet(Buffer.from(csv.stdout).subarray(3), 'excel').length, 24);
        const tsv = await run(['errors', '1', '--format', 'tsv']);
        assert.equal(readSheet(Buffer.from(tsv.stdout), 'excel-tab')[1][4], '3');
        assert.equal(JSON.parse((await run(['errors', '1', '--json'])).stdout).total, 3);
    });
    it('refuses what it cannot do, by name', async () => {
        for (const [args, code, words] of [
            [['start'], 2, /what is to be sent\? --campaign/],
            [['start', '--campaign', 'c1'], 2, /to whom\?/],
            [['start', '--campaign', 'c1', '--segment', '1', '--list', '2'], 2, /to whom\?/],
            [['start', '--campaign', 'c9', '--segment', '1'], 4, /No such campaign/],
            [['start', '--campaign', 'c1', '--segment', '1', '--rate', 'fast'], 3, /ratePerSecond/],
            [['start', '--campaign', 'c1', '--segment', '1', '--time', '09:00'], 2, /--every/],
            [['show', 'x'], 2, /no ID of a job/],
            [['show', '99'], 4, /No such job/],
            [['show'], 2, /which one\?/],
            [['pause', '1'], 5, /has ended/],
            [['messages', '99', '--format', 'csv'], 4, /No such job/],
            [['messages', '1', '--format', 'xls'], 2, /tsv or csv/],
            [['resume', '1', '--provider', '7'], 4, /./],
            [['begin'], 2, /./],
        ]) {
            const r = await run(args);
            assert.equal(r.code, code, `${args}: ${r.stdout}${r.stderr}`);
            assert.match(r.stderr, words);
        }
    });
    it('says of a job that paused why, and goes on when it is resumed', async () => {
        scene.line.behave({ revoked: true });
        const r = await run(['start', '--campaign', 'c1', '--segment', '1', '--rate', '10', '--watch']);
        assert.equal(r.code, 5, r.stdout);
        assert.match(r.stdout, /^why: line_authentication$/m);
        assert.match(r.stdout, /^said: Authentication failed due to the following reason: Authentication Failed\.\./m);
        const id = /^job (\d+)/.exec(r.stdout)[1];
        scene.line.behave({ revoked: false });
        const again = await run(['resume', id, '--watch']);
        assert.equal(again.code, 0, again.stdout + again.stderr);
        assert.match(again.stdout, /completed: 23 of 23/);
    });
});

describe('the checks before a service is asked', () => {
    // One job for each kind of audience; every text is provoked by its cause.
    let scene;
    const until2 = (what, ms) => until(what, () => scene.node.log().slice(-3000), ms);
    before(async () => {
        const people = [
            { userId: 'fine', attributes: { name: 'A', shop: 'Ginza', plan: 'pro' }, line: userId('fine', { n: 1 }) },
            { userId: 'twin', attributes: { name: 'B', shop: 'Ginza', plan: 'pro' }, line: userId('fine', { n: 1 }) },
            { userId: 'none', attributes: { name: 'C', shop: 'Ginza', plan: 'pro' } },
            { userId: 'withdrawn', attributes: { name: 'D', shop: 'Ginza', plan: 'pro' }, line: userId('fine', { n: 4 }), subscribed: false },
            { userId: 'barred', attributes: { name: 'E', shop: 'Ginza', plan: 'pro', barred: true }, line: userId('fine', { n: 5 }) },
            { userId: 'no value', attributes: { name: 'F', plan: 'pro' }, line: userId('fine', { n: 6 }) },
            { userId: 'null', attributes: { shop: 'Ginza', plan: 'pro' }, line: userId('fine', { n: 7 }) },
            { userId: 'empty', attributes: { name: '', shop: 'Ginza', plan: 'pro', quiet: true }, line: userId('fine', { n: 8 }) },
            { userId: 'stopped', attributes: { name: 'G', shop: 'Ginza', plan: 'pro', bought: true }, line: userId('fine', { n: 9 }) },
            { userId: 'broken', attributes: { name: 'H', shop: 'Ginza', plan: 'pro', loop: true }, line: userId('fine', { n: 10 }) },
        ];
        scene = await startScene({
            people,
            segments: [{ condition: { all: [] } }, { name: 'not barred', condition: { not: { attribute: 'barred', is: true } }, isDefault: true },
                { name: 'pro', condition: { attribute: 'plan', is: 'pro' } }],
            campaigns: [{
                content: { messages: [{ type: 'text', text: '{% if user.quiet %}{% else %}#{shop} {{ user.name }}{% if user.loop %}{{ user.name | nosuchfilter }}{% endif %}{% endif %}' }] },
                variables: [{ name: 'shop', attribute: 'shop' }], stopWhen: { attribute: 'bought', is: true },
            }, { shortId: 'plain', content: { messages: [{ type: 'text', text: 'Hi {{ user.name }}' }] } }],
            lists: [{ by: 'user_id', values: ['fine', 'nobody', null, 'none', 'withdrawn', 'fine'] },
                { by: 'line_user_id', values: [userId('fine', { n: 1 }), userId('fine', { n: 77 }), null, userId('fine', { n: 4 })] }],
        });
    });
    after(() => scene.close());

    it('of a segment', async () => {
        const job = await scene.reaches((await scene.start()).jobId, 'completed');
        assert.deepEqual(texts(await scene.messages(job.jobId)), {
            'fine': 'sent',
            'twin': 'already tried to send to this target by another user',
            'none': 'no target user:none api_key:1 target_ids: line_user_id,subscription',
            'withdrawn': 'no target user:withdrawn api_key:1 target_ids: subscription',
            'barred': 'some default_target_segments does not match',
            'no value': 'action_exec_error_no_default_value',
            'null': '(unknown path) [Line 1, Column 41]\n  attempted to output null or undefined value',
            'empty': 'no action',
            'stopped': 'failed to exec action',
            'broken': 'failed to exec action',
        });
        assert.deepEqual((await scene.errors(job.jobId)).map(e => [e.error.text, e.error.kind, e.count, e.state]), [
            ['action_exec_error_no_default_value', '不適切な値', 1, 'failed'],
            ['(unknown path) [Line 1, Column 41]\n  attempted to output null or undefined value', '接客の準備失敗', 1, 'failed'],
            ['no action', '接客の準備失敗', 1, 'failed'],
            ['some default_target_segments does not match', '自動設定セグメント不適合', 1, 'skipped'],
            ['no target user:XXX api_key:YYY target_ids: ZZZ', '送信情報未取得', 2, 'skipped'],
            ['failed to exec action', '不適切なアクション', 2, 'failed'],
            ['already tried to send to this target by another user', '重複排除エラー', 1, 'skipped'],
        ]);
    });
    it('of a list by userId and of one by target', async () => {
        const byUser = await scene.reaches((await scene.start({ campaignId: 'plain', audience: { listId: '1' } })).jobId, 'completed');
        assert.deepEqual((await scene.messages(byUser.jobId)).map(m => [m.userId, m.error?.text ?? m.state]), [
            ['fine', 'sent'], ['nobody', 'User not found. :nobody'], [null, 'invalid message: user_id is null'], ['none', 'target_id not found'],
            ['withdrawn', 'no target user:withdrawn api_key:1 target_ids: subscription'], ['fine', 'already tried to send to this target by another user'],
        ]);
        const byTarget = await scene.reaches((await scene.start({ campaignId: 'plain', audience: { listId: '2' } })).jobId, 'completed');
        assert.deepEqual((await scene.messages(byTarget.jobId)).map(m => [m.userId, m.error?.text.split('\n')[0] ?? m.state]), [
            ['fine', 'sent'], [null, '(unknown path) [Line 1, Column 4]'], [null, 'invalid message: line_user_id is null'],
            ['withdrawn', 'no target user:withdrawn api_key:1 target_ids: subscription'],
        ]);
        await scene.call('POST', '/jobs', { campaignId: 'plain', audience: { sql: 'SELECT 1', by: 'email' } }, 409);
    });
    it('of two for one target, where dedupe is off', async () => {
        const before = scene.line.taken.times(userId('fine', { n: 1 }));
        const job = await scene.reaches((await scene.start({ campaignId: 'plain', dedupe: false })).jobId, 'completed');
        assert.equal(job.counts.skipped, 3);
        assert.equal(scene.line.taken.times(userId('fine', { n: 1 })) - before, 2);
    });
    it('of somebody who left the segment after the job began', async () => {
        const job = await scene.start({ campaignId: 'plain', audience: { segmentId: '3' }, ratePerSecond: 1 });
        await until2(async () => (await scene.job(job.jobId)).gathered);
        await scene.call('POST', `/jobs/${job.jobId}/pause`);
        change(scene.data, 'UPDATE audience_user SET attributes=json_set(attributes, \'$.plan\', \'free\') WHERE name=\'stopped\'');
        await scene.node.stop(); // what one process knows of a person it need not ask again
        await scene.boot();
        await scene.call('POST', `/jobs/${job.jobId}/resume`);
        await scene.reaches(job.jobId, 'completed');
        const one = (await scene.messages(job.jobId)).find(m => m.userId === 'stopped');
        assert.deepEqual([one.error.text, one.error.kind, one.state], ['segment not match', 'セグメント離脱', 'skipped']);
    });
    for (const [what, rows, text, kind] of [
        ['was switched off', 'UPDATE campaign SET enabled=0 WHERE short_id=\'plain\'', 'Campaign not enabled.', '不適切な接客'],
        ['was deleted', 'DELETE FROM campaign WHERE short_id=\'plain\'', 'Campaign not found.', '存在しない接客'],
    ])
        it(`of a campaign that ${what} while the job ran`, async () => {
            change(scene.data, 'UPDATE campaign SET enabled=1');
            const job = await scene.start({ campaignId: 'plain', ratePerSecond: 2 });
            await until2(async () => (await scene.job(job.jobId)).counts.sent > 0);
            change(scene.data, rows);
            await scene.reaches(job.jobId, 'completed');
            const failed = (await scene.errors(job.jobId)).find(e => e.error.text === text);
            assert.ok(failed?.count > 0, JSON.stringify(await scene.errors(job.jobId)));
            assert.equal(failed.error.kind, kind);
        });
    it('of a job that was stopped before the message\'s turn came', async () => {
        const job = await scene.start({ ratePerSecond: 1 });
        await until2(async () => (await scene.job(job.jobId)).counts.sent > 0);
        const stopped = await scene.call('POST', `/jobs/${job.jobId}/stop`);
        assert.equal(stopped.state, 'stopped');
        await until2(async () => (await scene.job(job.jobId)).counts.waiting === 0);
        const rest = (await scene.errors(job.jobId)).find(e => e.error.text === 'bulk_state is completed.');
        assert.ok(rest.count > 0);
        assert.equal(rest.error.kind, '不適切な接客');
        for (const act of ['pause', 'resume', 'stop']) await scene.call('POST', `/jobs/${job.jobId}/${act}`, undefined, 409);
    });
});

describe('steering a job', () => {
    let scene;
    const N = 120;
    before(async () => {
        scene = await startScene({ people: crowd(N), campaigns: [{}, { content: { messages: [{ type: 'text', text: 'Hello all' }] } }] });
    });
    after(() => scene.close());
    const log = () => scene.node.log().slice(-3000);

    it('pauses and goes on: meanwhile nothing leaves, and nobody is left out or gets it twice', async () => {
        scene.line.taken.clear();
        const { jobId } = await scene.start({ ratePerSecond: 40 });
        await until(() => scene.line.taken.total >= 10, log);
        const paused = await scene.call('POST', `/jobs/${jobId}/pause`);
        assert.deepEqual([paused.state, paused.stateReason], ['paused', 'hand']);
        await until(async () => (await scene.job(jobId)).counts.sending === 0, log);
        const held = scene.line.taken.total;
        assert.ok(held < N);
        await scene.call('POST', `/jobs/${jobId}/pause`, undefined, 409);
        await scene.node.kill(); // it stays paused
        await scene.boot();
        assert.equal((await scene.job(jobId)).state, 'paused');
        assert.equal(scene.line.taken.total, held);
        assert.equal((await scene.call('POST', `/jobs/${jobId}/resume`)).state, 'running');
        const job = await scene.reaches(jobId, 'completed');
        assert.equal(job.counts.sent, N);
        assert.deepEqual([scene.line.taken.total, scene.line.taken.repeated.length], [N, 0]);
    });
    it('ends when it is stopped, and a stopped job sends nothing more', async () => {
        scene.line.taken.clear();
        const { jobId } = await scene.start({ ratePerSecond: 40 });
        await until(() => scene.line.taken.total >= 10, log);
        await scene.call('POST', `/jobs/${jobId}/stop`);
        await until(async () => { const { counts } = await scene.job(jobId); return counts.waiting + counts.sending + counts.retrying === 0; }, log);
        const { counts, endedAt } = await scene.job(jobId);
        assert.equal(counts.sent, scene.line.taken.total);
        assert.equal(counts.failed, N - counts.sent);
        assert.match(endedAt, /Z$/);
    });
    it('keeps its own pace', async () => {
        const { jobId } = await scene.start({ ratePerSecond: 30 });
        const job = await scene.reaches(jobId, 'completed');
        const seconds = (Date.parse(job.endedAt) - Date.parse(job.startedAt)) / 1000;
        assert.ok(seconds > 0.9 * (N - 1) / 30 - 0.2, `${N} messages in ${seconds} s`);
        assert.ok(seconds < 3 * N / 30, `${N} messages in ${seconds} s`);
    });
    it('sends again what was provably not taken, in a job of its own', async () => {
        scene.line.taken.clear();
        scene.line.behave({ revoked: true });
        const { jobId } = await scene.start({ campaignId: 'c2' });
        const first = await scene.reaches(jobId, ['completed', 'paused']);
        scene.line.behave({ revoked: false });
        if (first.state === 'paused') await scene.call('POST', `/jobs/${jobId}/resume`);
        const job = await scene.reaches(jobId, 'completed');
        assert.ok(job.counts.failed > 0);
        assert.deepEqual((await scene.errors(jobId)).map(e => [e.error.id, e.error.retry, e.error.effect, e.count]), [['line_authentication', 'later', 'pause_job', job.counts.failed]]);
        const again = await scene.call('POST', `/jobs/${jobId}/retry`);
        assert.equal(again.parentId, jobId);
        if (first.state === 'completed') { // the sender is still paused, and the new job says so
            assert.deepEqual([again.state, again.stateReason], ['paused', 'line_authentication']);
            await scene.call('POST', `/jobs/${again.jobId}/resume`);
        }
        const ended = await scene.reaches(again.jobId, 'completed');
        assert.deepEqual([ended.total, ended.counts.sent], [job.counts.failed, job.counts.failed]);
        assert.deepEqual([scene.line.taken.total, scene.line.taken.repeated.length], [N, 0]);
        await scene.call('POST', `/jobs/${again.jobId}/retry`, undefined, 409);
        await scene.call('POST', `/jobs/${jobId}/retry`, { unknown: 1 }, 400);
    });
    it('refuses a job that cannot be, and names the field', async () => {
        for (const [body, status, words] of [
            [{}, 400, /campaignId/], [{ campaignId: 'c1' }, 400, /audience/], [{ campaignId: 'nope', audience: { segmentId: '1' } }, 404, /No such campaign/],
            [{ campaignId: 'c1', audience: {} }, 400, /one of segmentId/], [{ campaignId: 'c1', audience: { segmentId: '1', listId: '1' } }, 400, /one of/],
            [{ campaignId: 'c1', audience: { segmentId: '99' } }, 404, /No such segment/], [{ campaignId: 'c1', audience: { listId: '99' } }, 404, /No such list/],
            [{ campaignId: 'c1', audience: { sql: 'SELECT 1' } }, 400, /audience\.by/], [{ campaignId: 'c1', audience: { sql: 'SELECT 1', by: 'name' } }, 409, /audience\.by/],
            [{ campaignId: 'c1', audience: { condition: { any: 1 } } }, 409, /condition/], [{ campaignId: 'c1', audience: { segmentId: '1' }, at: 'soon' }, 400, /at: /],
            [{ campaignId: 'c1', audience: { segmentId: '1' }, ratePerSecond: -1 }, 400, /ratePerSecond/], [{ campaignId: 'c1', audience: { segmentId: '1' }, dedupe: 'no' }, 400, /dedupe/],
            [{ campaignId: 'c1', audience: { segmentId: '1' }, colour: 1 }, 400, /colour/],
        ]) assert.match(JSON.stringify(await scene.call('POST', '/jobs', body, status)), words, JSON.stringify(body));
    });
});

describe('a job with a time', () => {
    let scene;
    before(async () => { scene = await startScene({ people: crowd(5) }); });
    after(() => scene.close());
    const log = () => scene.node.log().slice(-3000);
    const day = { every: 'day', time: '09:00', zone: 'Asia/Tokyo' };

    it('begins then, and not before', async () => {
        const at = new Date(Date.now() + 2500).toISOString();
        const job = await scene.start({ at });
        assert.deepEqual([job.state, job.at, job.startedAt], ['scheduled', at, null]);
        const ended = await scene.reaches(job.jobId, 'completed');
        assert.equal(ended.counts.sent, 5);
        assert.ok(Date.parse(ended.startedAt) >= Date.parse(at));
    });
    it('ends when it is stopped before', async () => {
        const job = await scene.start({ at: new Date(Date.now() + 3_600_000).toISOString() });
        await scene.call('POST', `/jobs/${job.jobId}/pause`, undefined, 409);
        assert.equal((await scene.call('POST', `/jobs/${job.jobId}/stop`)).state, 'stopped');
    });
    it('that passed while the node was down runs at start, or is on record as missed after an hour', async () => {
        const late = await scene.start({ at: new Date(Date.now() + 3_600_000).toISOString() });
        const missed = await scene.start({ at: new Date(Date.now() + 3_600_000).toISOString() });
        await scene.node.stop();
        const now = Date.now();
        change(scene.data, [`UPDATE job SET at_ms=${now - 3_500_000} WHERE id=${late.jobId}`, `UPDATE job SET at_ms=${now - 3_700_000} WHERE id=${missed.jobId}`]);
        await scene.boot();
        assert.equal((await scene.reaches(late.jobId, 'completed')).counts.sent, 5);
        const gone = await scene.reaches(missed.jobId, 'failed');
        assert.deepEqual([gone.stateReason, gone.total], ['missed', 0]);
    });
    it('that repeats makes a job each time, of the campaign and the segment as they are then', async () => {
        const plan = await scene.start({ repeat: day });
        assert.deepEqual([plan.state, plan.repeat], ['scheduled', day]);
        assert.match(plan.at, /T00:00:00\.000Z$/, '09:00 in Tokyo');
        change(scene.data, ['UPDATE campaign SET name=\'renamed\'', 'UPDATE segment SET condition=\'{"attribute":"name","is":"Name 2"}\' WHERE id=1', `UPDATE job SET at_ms=${Date.now() - 1000} WHERE id=${plan.jobId}`]);
        let child;
        await until(async () => (child = (await scene.call('GET', '/jobs')).jobs.find(j => j.parentId === plan.jobId)), log);
        child = await scene.reaches(child.jobId, 'completed');
        assert.deepEqual([child.campaign, child.total, child.counts.sent, child.repeat], ['renamed', 1, 1, null]);
        const next = await scene.job(plan.jobId);
        assert.equal(next.state, 'scheduled');
        assert.ok(Date.parse(next.at) > Date.now(), next.at);
        // A clock that was far away: one record of what was missed, and it goes on.
        change(scene.data, `UPDATE job SET at_ms=${Date.now() - 40 * 86_400_000} WHERE id=${plan.jobId}`);
        let lost;
        await until(async () => (lost = (await scene.call('GET', '/jobs')).jobs.find(j => j.parentId === plan.jobId && j.state === 'failed')), log);
        assert.equal(lost.stateReason, 'missed');
        assert.equal((await scene.call('GET', '/jobs')).jobs.filter(j => j.parentId === plan.jobId).length >= 2, true);
        assert.ok(Date.parse((await scene.job(plan.jobId)).at) > Date.now() - 3_600_000);
        // Without its segment, or its campaign, it says so each time.
        change(scene.data, ['DELETE FROM segment WHERE id=1', `UPDATE job SET at_ms=${Date.now() - 1000} WHERE id=${plan.jobId}`]);
        await until(async () => (await scene.call('GET', '/jobs')).jobs.some(j => j.parentId === plan.jobId && j.stateReason === 'audience_gone'), log);
        assert.equal((await scene.call('POST', `/jobs/${plan.jobId}/stop`)).state, 'stopped');
    });
    it('is refused with a rule that is none, by its member', async () => {
        for (const [repeat, words] of [[{}, /repeat\.every/], [{ ...day, zone: 'Tokyo' }, /repeat\.zone/], [{ ...day, time: '25:00' }, /repeat\.time/], ['daily', /repeat/], [{ ...day, x: 1 }, /repeat/]])
            assert.match(JSON.stringify(await scene.call('POST', '/jobs', { campaignId: 'c1', audience: { condition: { all: [] } }, repeat }, 400)), words);
    });
});

it('results of jobs that ended go after result-time, and no others', async () => {
    const scene = await startScene({ people: crowd(30), args: ['--result-time', '2s', '--retention', '1s'] });
    try {
        const open = await scene.start({ at: new Date(Date.now() + 3_600_000).toISOString() });
        const { jobId } = await scene.start();
        await scene.reaches(jobId, 'completed');
        await until(async () => (await scene.node.api('GET', `${P}/jobs/${jobId}`)).status === 404, () => scene.node.log().slice(-3000), 20_000);
        assert.equal((await scene.job(open.jobId)).state, 'scheduled');
        assert.equal((await scene.node.api('GET', `${P}/jobs/${jobId}/messages`)).status, 404);
    } finally {
        await scene.close();
    }
});
