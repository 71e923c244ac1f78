// What `todoke classify` says of answers of sending services, whatever form they come in.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bin } from './lib/node.mjs';

const run = async (args, input = '') => {
    const child = spawn(bin, ['classify', ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '', stderr = '';
    child.stdout.setEncoding('utf8').on('data', d => { stdout += d; });
    child.stderr.setEncoding('utf8').on('data', d => { stderr += d; });
    child.stdin.on('error', () => {}); // it may end before it has read all
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    return { code, stdout, stderr };
};
const objects = text => text.trim().split('\n').filter(Boolean).map(l => JSON.parse(l));
const judged = async (...lines) => {
    const r = await run(['--json'], lines.map(l => (typeof l === 'string' ? l : JSON.stringify(l))).join('\n'));
    assert.equal(r.code, 0, r.stderr);
    return objects(r.stdout);
};

describe('classify', () => {
    it('judges real answers of every service as they should be', async () => {
        const file = new URL('./lib/answers.jsonl', import.meta.url);
        const rows = objects(readFileSync(file, 'utf8'));
        assert.equal(rows.length, 40);
        const got = await judged(...rows);
        const wrong = [];
        rows.forEach((row, i) => {
            const pairs = { seed_type: 'kind', class: 'class', retry: 'retry', effect: 'effect', seed_effect: 'seedEffect', scope: 'scope' };
            for (const [want, member] of Object.entries(pairs))
                if (![row[want], ...(row.alt?.[want] ?? [])].includes(got[i][member]))
                    wrong.push(`${row.id} ${member}: ${got[i][member]}, and not ${row[want]}`);
        });
        assert.deepEqual(wrong, []);
    });

    it('knows an answer by its form', async () => {
        const fcm = { error: { code: 404, message: 'Requested entity was not found.', status: 'NOT_FOUND', details: [{ '@type': 'type.googleapis.com/google.firebase.fcm.v1.FcmError', errorCode: 'UNREGISTERED' }] } };
        const got = await judged(
            '550 5.1.1 <a@example.jp>: Recipient address rejected: User unknown in local recipient table',
            'smtp; 452 4.2.2 Mailbox full',
            fcm,
            { message: 'You have reached your monthly limit.' },
            { email: 'a@example.jp', event: 'dropped', reason: 'Bounced Address', sg_event_id: 'x' },
            { errors: [{ message: 'Maximum credits exceeded', field: null }] },
            { errno: 106, message: 'No such subscription', code: 410, error: '' },
            'statusCode is not 200!:503: Service Unavailable',
            '[v1 API] Failed to send notification data. FCM response: [503] ... UNAVAILABLE',
            'Spam Reporting Address',
            'error dialing remote address: dial tcp 10.0.0.1:1->192.0.2.1:25: i/o timeout',
            'show_notification_error',
        );
        assert.deepEqual(got.map(g => g.id), ['bounce_user_unknown', 'bounce_over_quota', 'push_unregistered', 'line_limit', 'drop_bounced',
            'client_credits', 'browser_gone', 'line_server', 'push_unavailable', 'drop_spam', 'bounce_dial', 'browser_show']);
        assert.deepEqual(Object.keys(got[0]), ['id', 'kind', 'kindEn', 'text', 'class', 'scope', 'retry', 'effect', 'seedEffect']);
        assert.equal(got[0].kind, 'バウンスエラー');
        assert.equal(got[0].effect, 'unsubscribe');
    });

    it('knows the texts of our own checks, which no answer stands behind', async () => {
        const got = await judged('User not found. :U123', 'invalid message: user_id is null', 'segment not match', 'connection renderer to node closed',
            '(unknown path) [Line 3, Column 7] attempted to output null or undefined value', 'no target user:U1 api_key:K2 target_ids: email,subscription', '--',
            'A message (messages[0]) in the request body is invalid', 'A message (messages[1]) in the request body is invalid', '550 User not found. :U123');
        assert.deepEqual(got.map(g => g.id), ['user_not_found', 'invalid_list_row', 'segment_left', 'internal_closed', 'template_null', 'no_target', 'unclassified',
            'line_message_0', 'line_message_1', 'bounce_user_unknown']);
        assert.deepEqual(got.slice(0, 7).map(g => g.effect), Array(7).fill('none'));
        assert.equal(got[0].text, 'User not found. :U123');
        assert.equal(got[3].retry, 'yes');
    });

    it('says null of what did not fail', async () => {
        const [taken, later, tried] = await judged(
            { channel: 'mail', provider: 'sendgrid', stage: 'request', status: 202, headers: { 'X-Message-Id': 'a' }, body: '' },
            { channel: 'mail', provider: 'sendgrid', stage: 'event', event: { event: 'deferred', response: '451 try later' } },
            { channel: 'line', provider: 'line', stage: 'request', status: 409, body: { message: 'The retry key is already accepted' } });
        for (const g of [taken, later, tried]) assert.deepEqual([g.id, g.kind, g.kindEn, g.text], [null, null, null, null]);
        assert.deepEqual([taken.class, later.class, tried.class], ['accepted', 'pending', 'accepted']);
    });

    it('takes a record with its body as text or as an object, and what else stands in it', async () => {
        const body = { errors: [{ message: 'Does not contain a valid address.', field: 'personalizations.0.to.0.email' }] };
        const record = { channel: 'mail', provider: 'sendgrid', stage: 'request', status: '400', headers: { a: ['b', 'c'] }, extra: [1, { x: 2 }] };
        const got = await judged({ ...record, body }, { ...record, body: JSON.stringify(body) });
        assert.deepEqual(got.map(g => g.id), ['client_address', 'client_address']);
        const [filtered, unknown] = await judged(
            { channel: 'mail', stage: 'smtp', status: 550, body: 'Unknown user a@docomo.ne.jp', command: 'END' },
            { channel: 'mail', stage: 'smtp', status: 550, body: 'Unknown user a@docomo.ne.jp', command: 'RCPT' });
        assert.deepEqual([filtered.class, filtered.effect], ['policy-block', 'none']);
        assert.deepEqual([unknown.class, unknown.effect], ['permanent-recipient', 'unsubscribe']);
    });

    it('judges a batch of events, one object an event', async () => {
        const got = await judged([{ event: 'delivered' }, { event: 'spamreport' }, { event: 'bounce', reason: '552 5.2.2 over quota' }]);
        assert.deepEqual(got.map(g => g.class), ['accepted', 'spam-report', 'mailbox-full']);
    });

    it('says which line it cannot read, reads the others, and fails at the end', async () => {
        const lines = ['550 user unknown', '{"channel":"mail",', '', '{"channel":"pigeon","body":""}', '{"status":"many","body":""}', '{"headers":1,"body":""}', '552 over quota'];
        const r = await run(['--json'], lines.join('\n'));
        assert.equal(r.code, 2);
        assert.deepEqual(objects(r.stdout).map(g => g.class), ['permanent-recipient', 'mailbox-full']);
        const told = r.stderr.trim().split('\n');
        assert.equal(told.length, 4, r.stderr);
        assert.match(told[0], /^todoke classify: line 2: ./);
        assert.match(told[1], /^todoke classify: line 4: channel: must be mail, /);
        assert.match(told[2], /^todoke classify: line 5: status: must be a number/);
        assert.match(told[3], /^todoke classify: line 6: headers: /);
    });

    it('reads a file, and says when it cannot', async () => {
        const dir = mkdtempSync(join(tmpdir(), 'todoke-classify-'));
        try {
            const file = join(dir, 'log');
            writeFileSync(file, '550 user unknown\r\n552 over quota');
            const r = await run(['--json', file]);
            assert.deepEqual(objects(r.stdout).map(g => g.class), ['permanent-recipient', 'mailbox-full']);
            const missing = await run([join(dir, 'none')]);
            assert.equal(missing.code, 1);
            assert.match(missing.stderr, /No such file/);
        } finally {
            rmSync(dir, { recursive: true });
        }
    });

    it('prints a table for people, in which nothing commands the terminal', async () => {
        const r = await run([], '550 5.1.1 user unknown \u001b]0;x\u0007\n250 ok\n');
        assert.equal(r.code, 0, r.stderr);
        const [title, bounce, ok] = r.stdout.split('\n');
        assert.match(title, /^KIND +CLASS +RETRY +EFFECT +SCOPE +TEXT$/);
        assert.match(bounce, /^バウンスエラー \(bounce\) +permanent-recipient +no +unsubscribe +recipient +550 5\.1\.1 user unknown/);
        assert.match(ok, /^- +accepted +no +none +message +-$/);
        assert.doesNotMatch(r.stdout, /[\u0000-\u0009\u000b-\u001f]/);
    });

    it('reads a log of any size a line at a time, and goes on behind a line that is too long', async () => {
        const many = `${'550 user unknown\n'.repeat(20000)}${'x'.repeat((4 << 20) + 70000)}\n552 over quota\n`;
        const r = await run(['--json'], many);
        assert.equal(r.code, 2);
        assert.match(r.stderr, /^todoke classify: line 20001: longer than 4 MiB$/m);
        const got = r.stdout.trim().split('\n');
        assert.equal(got.length, 20001);
        assert.equal(JSON.parse(got.at(-1)).class, 'mailbox-full');
    });

    it('explains itself, and refuses what it does not know', async () => {
        assert.match((await run(['--help'])).stdout, /^usage: todoke classify/);
        assert.equal((await run(['--nothing'])).code, 2);
        assert.equal((await run(['a', 'b'])).code, 2);
    });
});
