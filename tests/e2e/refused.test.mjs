// A call to the store that fails keeps nothing: every run of the product is told, after each of its writes and with each error there is, that it
// failed, between two others in one commit; the tables must be what they were, and the others must stand. build*/tests/refused/todoke-refused
// is todoke with that before every call (tests/refused/todoke_refused.c); here it is given every call there is.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { start as startLine, userId } from '../../demo/services/line.mjs';
import { address, start as startSendgrid } from '../../demo/services/sendgrid.mjs';
import { address as bouncing, start as startRelay } from '../../demo/services/smtp.mjs';
import { start as startBrowsers } from '../../demo/services/webpush.mjs';
import { startBot } from './lib/bot.mjs';
import { bin, dataDir, startNode, until } from './lib/node.mjs';
import { setUp } from './lib/roles.mjs';
import { parse } from './lib/smtp.mjs';

// Thousands of commits, and nobody pulls the plug: a disk in memory will do.
if (existsSync('/dev/shm')) process.env.TMPDIR = '/dev/shm';

const refused = join(dirname(bin), 'tests/refused/todoke-refused');
const root = fileURLToPath(new URL('../../', import.meta.url));
const event = { type: 'message', message: { type: 'text', id: '1', text: 'hello' } };

// Runs that this file does not bring about, and why that leaves nothing out.
const left = {
    'src/store/store.c run_waited': 'the run of the call inside, for whoever waits for it',
    'src/webhook/intake.c touch_run': 'one write, while the store fails: faults.test.mjs',
    'src/api/gate.c touch_run': 'one write that nobody waits for, when a session has gone unused for a minute',
};

// Every function that is the run of a call, by its type.
function allRuns() {
    const runs = [];
    for (const file of execFileSync('git', ['ls-files', 'src/*.c'], { cwd: root, encoding: 'utf8' }).trim().split('\n')) {
        const text = readFileSync(join(root, file), 'utf8');
        const found = [...text.matchAll(/^static enum err (\w+)\(struct store_call \*\w+, struct backend \*\w+\)\n\{/gm)].map(m => m[1]);
        // No other way to write one: what takes a call and a backend is such a function, or is given one.
        const like = text.match(/struct store_call \*\w*,\s*struct backend \*\w*\)/g)?.length ?? 0, given = text.match(/\(\*\w+\)\(struct store_call \*\w*,\s*struct backend \*\w*\)/g)?.length ?? 0;
        assert.equal(found.length, like - given, `${file}: a run this test does not see`);
        runs.push(...found.map(name => `${file} ${name}`));
    }
    return runs;
}

// Only reads: given to call_read() or store_read() and to nobody else. The reader's connection cannot write.
function onlyReads(run) {
    const [file, name] = run.split(' ');
    const text = readFileSync(join(root, file), 'utf8');
    const uses = [...text.matchAll(new RegExp(`^.*[^\\w]${name}[^\\w(].*$`, 'gm'))].map(m => m[0]);
    return uses.length > 0 && uses.every(u => u.includes('call_read(') || (u.includes('.run =') && text.slice(text.indexOf(u)).split('\n')[1].includes('store_read(')));
}

describe('a call that fails after a write', () => {
    const logs = [];
    before(() => assert.ok(existsSync(refused), `${refused} is not built`));

    // A file of its own for each process: lines are short, and appended whole.
    const logged = () => { const log = join(dataDir(), 'log'); logs.push(log); return log; };

    it('keeps nothing, whoever calls the API for whatever there is', () => {
        const file = fileURLToPath(new URL('access.test.mjs', import.meta.url));
        const env = { ...process.env, TODOKE_BIN: refused, REFUSED_LOG: logged() };
        delete env.NODE_TEST_CONTEXT; // it is a run of its own
        execFileSync(process.execPath, ['--test', file], { env, stdio: ['ignore', 'ignore', 'inherit'], timeout: 300_000 });
    });

    it('keeps nothing on the way of an event, of a mail, and of what happens by itself', async () => {
        const bot = await startBot(() => 500);
        const data = dataDir();
        const args = ['--notice-window', '100ms', '--mail-retry', '60ms', '--public-url', 'https://todoke.example.com', '--mail-from', 'todoke@example.com',
            '--redelivery-schedule', '20ms', '--suspend-after', '100ms', '--suspend-failures', '3'];
        const start = { data, args, program: refused, env: { REFUSED_LOG: logged() } };
        let node = await startNode(start);
        const { key } = node;
        const all = await setUp(node);
        const { providerAdmin } = all.people;
        const ok = async (promise, status = 200) => { const r = await promise; assert.equal(r.status, status, r.text); return r.json; };

        await ok(providerAdmin.api('PATCH', `/api/v1/providers/${all.providerId}`, { name: 'another' })); // its first use
        await ok(providerAdmin.api('POST', `/api/v1/providers/${all.providerId}/options/error-notification`));
        await ok(node.api('PATCH', `/api/v1/providers/${all.providerId}/options/error-notification`, { state: 'approved' }));
        // Somebody who has an account already uses a role that no operator gave for the first time.
        await ok(providerAdmin.api('PUT', `/api/v1/providers/${all.providerId}/roles`, { email: 'stranger@example.com', role: 'member' }));
        await ok(all.people.stranger.api('GET', `/api/v1/providers/${all.providerId}`));
        const channel = await all.newChannel({ webhookUrl: bot.url, contactEmail: 'who@example.org', webhookRedelivery: true });
        const path = `/api/v1/channels/${channel.channelId}`;
        await ok(node.api('GET', path));
        await ok(node.api('POST', `${path}/tokens`, { expiresInSeconds: 3600 }), 201);
        await ok(node.api('POST', `${path}/secret/rotate`, { graceSeconds: 3600 }));

        // Segments and queries, of a provider without channels, which takes them along.
        const audience = `/api/v1/providers/${(await ok(node.api('POST', '/api/v1/providers', { name: 'audience' }), 201)).providerId}`;
        for (const [path, body, change] of [['segments', { name: 's', condition: { all: [] }, default: true }, { condition: { attribute: 'a', is: 1 } }],
            ['queries', { name: 'q', sql: 'SELECT 1 AS user_id', by: 'user_id' }, { sql: 'SELECT 2 AS user_id' }]]) {
            const made = await ok(node.api('POST', `${audience}/${path}`, body), 201), id = made.segmentId ?? made.queryId;
            await ok(node.api('PATCH', `${audience}/${path}/${id}`, change));
            await ok(node.api('DELETE', `${audience}/${path}/${id}`), 204);
            await ok(node.api('POST', `${audience}/${path}`, body), 201);
        }
        await ok(node.api('DELETE', audience), 204);

        // The owner of the contact address is asked, and answers.
        await ok(node.api('PATCH', path, { errorNotification: true }));
        const mails = async () => Promise.all(readdirSync(join(data, 'mail/new')).map(f => parse(readFileSync(join(data, 'mail/new', f)))));
        let token;
        await until(async () => (token = (await mails()).map(m => /\/contact#([\w-]{43})$/m.exec(m.text)?.[1]).find(Boolean)), () => node.log());
        await ok(node.api('POST', '/api/v1/contact', { token }, { key: null }));
        await ok(node.api('POST', '/api/v1/contact', { token, answer: 'confirm' }, { key: null }));
        await ok(node.api('PATCH', `${path}/contact`, { state: 'confirmed' }));

        // Events that fail, are told of, and suspend the channel; then again.
        const ids = await node.post(channel, [event, event], {});
        const second = await node.post(channel, [event], { headers: { 'idempotency-key': 'k' } });
        await until(async () => (await node.metric('todoke_notices_total')) > 0, () => node.log());
        await until(async () => { await node.post(channel, [event]); return (await node.api('GET', path)).json.suspended; }, () => node.log());
        await ok(node.api('GET', `${path}/events/${ids[0]}`));
        await ok(node.api('PATCH', path, { suspended: false }));
        await node.reaches(channel, second[0], 'given_up');
        await ok(node.api('POST', `${path}/redeliver`, { webhookEventIds: ids }), 202);

        // People: identified, imported, changed, changed by a message, deleted; a list of them.
        const people = `/api/v1/providers/${all.providerId}`, csv = { 'content-type': 'text/csv' };
        const imported = async (query, raw, headers = csv) => {
            const { importId } = await ok(node.api('POST', `${people}/imports?${query}`, undefined, { raw, headers }), 202);
            await until(async () => (await node.api('GET', `${people}/imports/${importId}`)).json.state === 'done', () => node.log());
        };
        const anna = { userId: 'anna', attributes: { plan: 'pro' }, email: { value: 'anna@example.com', subscribed: true }, apps: [{ token: 't1' }, { token: 't2' }] };
        await ok(node.api('POST', `${people}/users`, { users: [anna, { userId: 'bob' }] }));
        await ok(node.api('PATCH', `${people}/users/anna`, { attributes: { plan: null, age: 3 }, apps: [{ token: 't1', remove: true }], line: { value: `U${'0'.repeat(32)}` } }));
        await imported('into=users', 'user_id,email,age\nanna,anna2@example.com,4\ncarl,carl@example.com,5\ndora,none,6\n');
        await imported('into=list&name=mine&by=email', 'email\na@example.com\nnone\n');
        execFileSync('sqlite3', ['-cmd', '.timeout 10000', join(data, 'todoke.db'), "UPDATE audience_target SET was=1, subscribed=2, dropped='x', why='x', job_id=1, message_n=1 WHERE medium=0"]);
        await ok(node.api('POST', `${people}/users/anna/targets/undo`, { target: 'email' }));
        const list = await ok(node.api('POST', `${people}/lists`, { name: 'l', by: 'user_id', values: ['anna', null] }), 201);
        await ok(node.api('DELETE', `${people}/lists/${list.listId}`), 204);
        await ok(node.api('DELETE', `${people}/users/anna`), 204);

        // Events that wait are loaded by the next start.
        bot.answer = () => new Promise(() => {});
        await node.post(channel, [event, event]);
        await node.kill();
        bot.answer = () => 200;
        node = await startNode({ ...start, key });
        await ok(node.api('PATCH', path, { suspended: false }));
        await until(() => bot.events().length > 3, () => node.log());
        await node.stop();
        await bot.close();
    });

    it('keeps nothing on the way of senders and campaigns', async () => {
        const node = await startNode({ program: refused, env: { REFUSED_LOG: logged() } });
        const P = '/api/v1/providers/1';
        const ok = async (promise, status = 200) => { const r = await promise; assert.equal(r.status, status, r.text); return r.json; };
        const { senderId } = await ok(node.api('POST', `${P}/senders`, { name: 'Browser', kind: 'webpush', subject: 'mailto:shop@example.com' }), 201);
        await ok(node.api('PATCH', `${P}/senders/${senderId}`, { name: 'Browsers' }));
        const { campaignId } = await ok(node.api('POST', `${P}/campaigns`, { name: 'Hello', channel: 'browser', senderId, content: { title: 'Hello' } }), 201);
        await ok(node.api('PATCH', `${P}/campaigns/${campaignId}`, { enabled: false }));
        assert.equal((await node.api('DELETE', `${P}/senders/${senderId}`)).status, 409);
        // As a service's refusal of the whole account leaves it.
        execFileSync('sqlite3', ['-cmd', '.timeout 5000', join(node.data, 'todoke.db'), "UPDATE sender SET state=1, reason='guard'"]);
        await ok(node.api('POST', `${P}/senders/${senderId}/resume`));
        await ok(node.api('DELETE', `${P}/campaigns/${campaignId}`), 204);
        await ok(node.api('DELETE', `${P}/senders/${senderId}`), 204);
        await node.stop();
    });

    it('keeps nothing on the way of jobs, and of what services report of them', async () => {
        const node = await startNode({ program: refused, env: { REFUSED_LOG: logged() }, args: ['--allow-any-port'] });
        const line = await startLine({}), browsers = await startBrowsers({}), relay = await startRelay({});
        const mail = await startSendgrid({ eventUrl: `${node.url}/hooks/sendgrid/2` });
        const P = '/api/v1/providers/1';
        const ok = async (promise, status = 200) => { const r = await promise; assert.equal(r.status, status, r.text); return r.json; };
        const sender = async body => (await ok(node.api('POST', `${P}/senders`, body), 201)).senderId;
        const campaign = async (channel, senderId, content) => (await ok(node.api('POST', `${P}/campaigns`, { name: channel, channel, senderId, content }), 201)).campaignId;
        const from = { email: 'shop@example.com', name: 'Shop' };
        const ids = {
            line: await sender({ name: 'LINE', kind: 'line', baseUrl: line.url, channelAccessToken: line.channelAccessToken }),
            mail: await sender({ name: 'SendGrid', kind: 'sendgrid', baseUrl: mail.url, apiKey: mail.apiKey, from, eventKey: mail.verificationKey }),
            browser: await sender({ name: 'Browser', kind: 'webpush', subject: 'mailto:shop@example.com' }),
            relay: await sender({ name: 'Relay', kind: 'smtp', host: '127.0.0.1', port: relay.port, security: 'none', user: relay.user, password: relay.password, from, bounceDomain: 'bounce.example.com' }),
        };
        assert.equal(ids.mail, '2', 'the sender that the events are for');
        const { publicKey } = (await ok(node.api('GET', `${P}/senders/${ids.browser}`))).public;
        const browser = await browsers.subscribe({ kind: 'fine', applicationServerKey: publicKey });
        await ok(node.api('POST', `${P}/users`, { users: [
            { userId: 'anna', line: { value: userId('fine'), subscribed: true }, email: { value: address('user-unknown'), subscribed: true },
                browsers: [{ endpoint: browser.endpoint, ...browser.keys, subscribed: true }] },
            { userId: 'bob', line: { value: userId('to-invalid', { n: 2 }), subscribed: true } },
        ] }));
        const hello = { line: { messages: [{ type: 'text', text: 'Hello' }] }, mail: { subject: 'Hello', text: 'Hello' }, browser: { title: 'Hello' }, relay: { subject: 'Hello', text: 'Hello' } };
        const campaigns = {};
        for (const [name, content] of Object.entries(hello)) campaigns[name] = await campaign(name === 'relay' ? 'mail' : name, ids[name], content);
        const job = async id => (await ok(node.api('GET', `${P}/jobs/${id}`)));
        const start = async (name, more = {}) => (await ok(node.api('POST', `${P}/jobs`, { campaignId: campaigns[name], audience: { condition: { all: [] } }, ...more }), 201)).jobId;
        const reaches = (id, state) => until(async () => (await job(id)).state === state, () => node.log(), 30_000);
        for (const more of [{}, { audience: { sql: 'SELECT user_id FROM users', by: 'user_id' } }, null])
            await reaches(await start('line', more ?? { at: new Date(Date.now() + 1500).toISOString() }), 'completed');
        // An error of the whole account pauses the job, and another of the same sender.
        line.behave({ revoked: true });
        const both = [await start('line', { ratePerSecond: 0.5 }), await start('line', { ratePerSecond: 0.5 })];
        for (const id of both) await reaches(id, 'paused');
        for (const id of both) await ok(node.api('POST', `${P}/jobs/${id}/stop`));
        // What is known later: SendGrid's events, a worker's report, a bounce.
        const mailed = await start('mail');
        await until(async () => (await job(mailed)).counts.failed > 0, () => node.log(), 30_000);
        await reaches(await start('browser'), 'completed');
        const { id } = JSON.parse(browsers.open(browsers.taken.of(browser.endpoint).at(-1)));
        await ok(node.api('POST', '/push/report', { id, error: 'show_notification_error' }, { key: null }), 204);
        await ok(node.api('PATCH', `${P}/users/anna`, { email: { value: bouncing('bounce-unknown'), subscribed: true } }));
        await reaches(await start('relay'), 'completed');
        await until(() => relay.bounces.length > 0, () => node.log());
        await ok(node.api('POST', `/hooks/bounce/${ids.relay}`, undefined, { raw: relay.bounces[0].text, headers: { 'content-type': 'message/rfc822' }, key: null }), 204);
        await node.stop();
        for (const service of [line, mail, browsers, relay]) await service.close();
    });

    it('was tried for every run of the product', () => {
        const lines = logs.flatMap(log => readFileSync(log, 'utf8').trim().split('\n'));
        const addresses = [...new Set(lines.map(l => l.split(' ')[1].replace(':', '')))];
        const out = execFileSync('addr2line', ['-f', '-e', refused, ...addresses.map(a => `0x${a}`)], { encoding: 'utf8' }).trim().split('\n');
        const names = new Map(addresses.map((a, i) => [a, `${/src\/[\w/]+\.c/.exec(out[2 * i + 1])?.[0]} ${out[2 * i]}`]));
        const named = l => l.replace(/ ([0-9a-f]+)/, (_, a) => ` ${names.get(a)}`);
        assert.deepEqual([...new Set(lines.filter(l => l.startsWith('wrong')).map(named))], []);
        const met = new Set(names.values());
        const runs = allRuns();
        assert.ok(runs.length > 70);
        assert.deepEqual(runs.filter(r => !met.has(r) && !left[r] && !onlyReads(r)), [], 'runs that no call here brought about');
        assert.deepEqual(Object.keys(left).filter(r => !runs.includes(r)), [], 'there are no such runs any more');
        assert.ok(lines.filter(l => l.startsWith('tried')).length > 40);
    });
});
