// Error notification: from a bot that fails to a mail that a person reads, over relays that behave and relays that do not.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { caFile } from './lib/certs.mjs';
import { command, dataDir, startNode, until } from './lib/node.mjs';
import { firstAccount } from './lib/people.mjs';
import { accept } from './lib/roles.mjs';
import { htmlRows, parse, python, rows, startRelay } from './lib/smtp.mjs';

const SUBJECT = 'Messaging API: Your server did not return [200 OK] - ';
const event = { type: 'message', message: { type: 'text', id: '1', text: 'hello' } };
const quick = ['--notice-window', '300ms', '--mail-retry', '60ms', '--public-url', 'https://todoke.example.com/'];
const over = (relay, ...more) => [...quick, '--smtp-url', relay.url, '--mail-from', 'todoke <todoke@example.com>', '--ca', caFile, ...more];
const plain = ['--smtp-tls', 'never'];

async function approve(node, provider = '1') {
    const path = `/api/v1/providers/${provider}/options/error-notification`;
    for (const [method, body] of [['POST', undefined], ['PATCH', { state: 'approved' }]]) {
        const r = await node.api(method, path, body);
        assert.equal(r.status, 200, r.text);
    }
}

// A node whose provider has the option.
async function notifying(options) {
    const node = await startNode(options);
    await approve(node);
    return node;
}

// A channel whose contact address an operator vouches for before it is told of errors, so that nobody is asked (contact.test.mjs has those who are).
async function channelOf(node, bot, members = {}) {
    const channel = await node.channel({ name: 'bot', webhookUrl: bot.url, contactEmail: 'contact@example.org', ...members });
    const path = `/api/v1/channels/${channel.channelId}`;
    for (const [p, body] of [[`${path}/contact`, { state: 'confirmed' }], [path, { errorNotification: true }]]) {
        const r = await node.api('PATCH', p, body);
        assert.equal(r.status, 200, r.text);
        assert.equal(r.json.contactEmailState, 'confirmed');
    }
    return channel;
}
const outbox = async (node, state) => (await node.api('GET', `/api/v1/outbox${state ? `?state=${state}` : ''}`)).json.mails;
// Waits until the newest mail in the outbox is so.
const mailIs = async (node, so) => {
    let row;
    await until(async () => { [row] = await outbox(node); return row && so(row); }, () => `the mail is ${JSON.stringify(row)}; ${so}`);
    return row;
};
const arrived = async (relay, n = 1) => until(() => relay.mails.length >= n, () => `${relay.mails.length} mails, not ${n}`);

describe('a mail over a relay', () => {
    let bot;
    before(async () => { bot = await startBot(() => 500); });
    after(() => bot.close());

    it('says what the documentation says, to its fields, as two readers read it; over STARTTLS, logged in', async () => {
        const relay = await startRelay({ tls: 'starttls', auth: { user: 'me', password: 'se cret=ß' } });
        const data = dataDir(), file = join(data, 'password');
        writeFileSync(file, 'se cret=ß\n', { mode: 0o600 });
        const node = await notifying({ data, args: over(relay, '--smtp-user', 'me', '--smtp-password-file', file) });
        const channel = await channelOf(node, bot);
        const began = Date.now();
        for (let i = 0; i < 3; i++) await node.post(channel, [event]);
        await arrived(relay);
        const { mail, raw, from, to, secure, user } = relay.mails[0];
        assert.deepEqual([from, to, secure, user], ['todoke@example.com', ['contact@example.org'], true, 'me']);
        assert.ok(relay.logins.every(l => l.secure));
        assert.equal(mail.subject, `${SUBJECT}bot`);
        assert.equal(mail.from.text, '"todoke" <todoke@example.com>');
        assert.equal(mail.to.text, 'contact@example.org');
        assert.ok(Math.abs(mail.date - began) < 30_000);
        assert.match(mail.messageId, /^<notice\.\d+\.\d+@example\.com>$/);
        assert.equal(mail.headers.get('auto-submitted'), 'auto-generated');
        assert.equal(mail.headers.get('content-type').value, 'multipart/alternative');
        const want = {
            'Channel ID': channel.channelId, 'Channel name': 'bot', 'Reason for error': 'error_status_code', 'Detail for error': '500',
            'Error count': '3', URL: `https://todoke.example.com/channels/${channel.channelId}/statistics/errors`,
        };
        const got = rows(mail.text);
        const time = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) \(UTC\+9\)$/.exec(got['Time detected']);
        assert.ok(time, got['Time detected']);
        assert.ok(Math.abs(Date.parse(`${time[1]}-${time[2]}-${time[3]}T${time[4]}+09:00`) - began) < 30_000);
        assert.deepEqual(got, { ...want, 'Time detected': time[0] });
        assert.deepEqual(htmlRows(mail.html), got);
        assert.ok(mail.html.includes(`<a href="${want.URL}">`));

        const other = python(raw);
        assert.deepEqual(other.defects, []);
        assert.deepEqual(other.parts, ['text/plain', 'text/html']);
        assert.equal(other.headers.subject, mail.subject);
        assert.equal(other.text.trimEnd(), mail.text.trimEnd());
        assert.equal(other.html.trimEnd(), mail.html.trimEnd());
        assert.equal(new Set(other.keys).size, other.keys.length, 'each field once');
        for (const line of raw.toString('latin1').split('\r\n')) assert.ok(line.length <= 998 && /^[\x20-\x7e\t]*$/.test(line), line);

        const [row] = await outbox(node);
        assert.deepEqual([row.state, row.tries, row.to, row.subject, row.lastError], ['sent', 1, 'contact@example.org', mail.subject, null]);
        await node.stop();
        rmSync(data, { recursive: true, force: true });
        await relay.close();
    });

    it('Japanese, by the channel; and names that would break a header or a page', async () => {
        const relay = await startRelay({ tls: 'smtps' });
        const node = await notifying({ args: over(relay) });
        const names = ['届'.repeat(100), 'quotes "a" \'b\' <b>&amp;</b>', 'emoji 🎉👩‍👩‍👧 end', '=?utf-8?q?not=20encoded?= ?= =?', 'a, b; c@d <e@f>', 'x'.repeat(100)];
        for (const name of names) await node.post(await channelOf(node, bot, { name, language: 'ja' }), [event]);
        await arrived(relay, names.length);
        for (const name of names) {
            const found = relay.mails.filter(m => m.mail.subject === SUBJECT + name);
            assert.equal(found.length, 1, name);
            const { mail, raw } = found[0], other = python(raw);
            assert.equal(other.headers.subject, SUBJECT + name);
            assert.deepEqual(other.defects, [], name);
            assert.equal(rows(mail.text)['Channel name'], name);
            assert.deepEqual(htmlRows(mail.html), rows(mail.text));
            assert.match(mail.text, /^このチャネルのボットサーバーにWebhookを送信しましたが/);
            assert.ok(mail.html.includes('<html lang="ja">'));
        }
        for (const name of ['two\r\nBcc: evil@example.net', 'a\nb', '\u2028'])
            assert.equal((await node.api('POST', '/api/v1/channels', { name })).json.details[0].property, 'name');
        await node.stop();
        await relay.close();
    });

    it('greylisted: tried again, and the relay\'s words are shown meanwhile', async () => {
        const relay = await startRelay();
        relay.rcpt = (to, n) => (n <= 2 ? { code: 450, text: '4.2.0 Greylisted, come back later' } : undefined);
        const node = await notifying({ args: over(relay, ...plain, '--mail-retry', '400ms') });
        await node.post(await channelOf(node, bot), [event]);
        await mailIs(node, m => m.tries === 1);
        const [row] = await outbox(node, 'waiting');
        assert.match(row.lastError, /^RCPT: 450 4\.2\.0 Greylisted, come back later$/);
        assert.ok(Date.parse(row.nextAt) > Date.parse(row.createdAt));
        await arrived(relay);
        await mailIs(node, m => m.state === 'sent');
        assert.equal((await outbox(node))[0].tries, 3);
        assert.equal(relay.mails.length, 1);
        await node.stop();
        await relay.close();
    });

    it('refused: given up, shown, and tried again by hand; others are not held up', async () => {
        const relay = await startRelay();
        relay.rcpt = to => (to === 'nobody@example.org' ? { code: 550, text: '5.1.1 No such user' } : undefined);
        const node = await notifying({ args: over(relay, ...plain) });
        const bad = await channelOf(node, bot, { contactEmail: 'nobody@example.org' }), good = await channelOf(node, bot);
        await node.post(bad, [event]);
        await node.post(good, [event]);
        await arrived(relay);
        await until(async () => (await outbox(node, 'failed')).length === 1);
        const [row] = await outbox(node, 'failed');
        assert.deepEqual([row.to, row.tries, row.lastError, row.channelId], ['nobody@example.org', 1, 'RCPT: 550 5.1.1 No such user', bad.channelId]);
        relay.rcpt = () => undefined;
        const env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
        assert.match((await command(['outbox', 'list'], { env })).stdout, /failed +1 .*nobody@example\.org.*550 5\.1\.1 No such user/);
        assert.equal((await command(['outbox', 'retry', row.mailId], { env })).code, 0);
        await arrived(relay, 2);
        await until(async () => (await outbox(node, 'failed')).length === 0);
        assert.equal((await node.api('POST', `/api/v1/outbox/${row.mailId}/retry`)).status, 409);
        assert.equal((await node.api('POST', '/api/v1/outbox/999999/retry')).status, 404);
        await node.stop();
        await relay.close();
    });

    it('a relay that stalls, one that breaks off, one that is not there: tried again, and no webhook waits for it', async () => {
        const relay = await startRelay();
        relay.data = (mail, n) => 'stall';
        const node = await notifying({ args: over(relay, ...plain, '--smtp-timeout', '2s') });
        const channel = await channelOf(node, bot), healthy = await startBot();
        const well = await node.channel({ name: 'well', webhookUrl: healthy.url });
        await node.post(channel, [event]);
        await until(() => relay.rcpts >= 1);
        const began = Date.now();
        for (let i = 0; i < 50; i++) await node.post(well, [event]); /* while the relay stalls */
        await until(() => healthy.events().length === 50);
        assert.ok(Date.now() - began < 1900, `${Date.now() - began} ms`);
        await mailIs(node, m => m.tries === 1);
        assert.match((await outbox(node))[0].lastError, /^DATA: .*timed out/i);
        relay.data = () => 'break';
        await mailIs(node, m => m.tries >= 2);
        relay.data = () => undefined;
        await arrived(relay);
        await mailIs(node, m => m.state === 'sent');
        assert.equal(relay.mails.length, 1);
        const { port } = relay;
        await relay.close();
        await node.post(channel, [event]);
        await until(async () => (await node.metric('todoke_alarm{name="mail"}')) === 1);
        assert.match(node.log(), /cannot send mails; they wait in the outbox/);
        const again = await startRelay({ port });
        await arrived(again);
        await until(async () => (await node.metric('todoke_alarm{name="mail"}')) === 0);
        await healthy.close();
        await node.stop();
        await again.close();
    });

    it('without TLS, with a certificate nobody trusts, or with a wrong password nothing is sent, and no password is shown', async () => {
        const auth = { user: 'me', password: 'secret' };
        for (const [tls, pair, password] of [[undefined, 'good', 'secret'], ['starttls', 'untrusted', 'secret'], ['smtps', 'untrusted', 'secret'],
            ['smtps', 'wrongHost', 'secret'], ['starttls', 'good', 'wrong']]) {
            const relay = await startRelay({ tls, auth, pair });
            const node = await notifying({ args: over(relay, '--smtp-user', 'me'), env: { TODOKE_SMTP_PASSWORD: password } });
            await node.post(await channelOf(node, bot), [event]);
            await mailIs(node, m => m.tries >= 1);
            const [row] = await outbox(node, 'waiting');
            assert.ok(row, 'it waits');
            assert.ok(row.lastError.length > 5 && !row.lastError.includes('secret'), row.lastError);
            assert.equal(relay.mails.length, 0);
            if (password === 'wrong') assert.match(row.lastError, /535/);
            else assert.equal(relay.logins.length, 0);
            await node.stop();
            assert.ok(!/secret|d3Jvbmc|c2VjcmV0/.test(node.log().replaceAll('secret.key', '').replaceAll('encrypts the secrets', '')), node.log());
            await relay.close();
        }
    });

    it('given up after mail-expire', async () => {
        const relay = await startRelay();
        relay.rcpt = () => ({ code: 451, text: '4.3.0 Try again' });
        const node = await notifying({ args: over(relay, ...plain, '--mail-expire', '500ms') });
        await node.post(await channelOf(node, bot), [event]);
        await until(async () => (await outbox(node, 'failed')).length === 1);
        const [row] = await outbox(node, 'failed');
        assert.ok(row.tries >= 2 && Date.parse(row.endedAt) >= Date.parse(row.createdAt) + 500, JSON.stringify(row));
        await node.stop();
        await relay.close();
    });
});

describe('windows', () => {
    let bot;
    before(async () => { bot = await startBot(() => 500); });
    after(() => bot.close());

    it('a kill while the window is open loses no error and doubles none; a kill after it closed doubles no mail', async () => {
        const data = dataDir();
        const relay = await startRelay();
        const args = over(relay, ...plain, '--notice-window', '3s');
        let node = await notifying({ data, args });
        const { key } = node;
        const channel = await channelOf(node, bot);
        const fails = async n => {
            const ids = [];
            for (let i = 0; i < n; i++) ids.push(...await node.post(channel, [event]));
            for (const id of ids) await node.reaches(channel, id, 'given_up');
        };
        await fails(3);
        await node.kill();
        node = await startNode({ data, args, key });
        await fails(2);
        relay.data = () => 'stall'; /* the mail is on its way when the node is killed */
        await until(() => relay.rcpts >= 1);
        await node.kill();
        relay.data = () => undefined;
        node = await startNode({ data, args, key });
        await until(async () => (await outbox(node)).length > 0 && (await outbox(node)).every(m => m.state === 'sent'));
        const total = relay.mails.map(m => Number(rows(m.mail.text)['Error count'])).reduce((a, b) => a + b, 0);
        assert.equal(total, 5, 'each error once');
        assert.equal(new Set(relay.mails.map(m => m.mail.messageId)).size, (await outbox(node)).length, 'one mail a row');
        assert.equal(relay.mails.length, (await outbox(node)).length);
        await node.stop();
        rmSync(data, { recursive: true, force: true });
        await relay.close();
    });

    it('redelivery that is given up, and a suspension, are told too', async () => {
        const relay = await startRelay();
        const node = await notifying({ args: over(relay, ...plain, '--redelivery-schedule', '20ms,20ms', '--suspend-after', '400ms', '--suspend-failures', '3') });
        const channel = await channelOf(node, bot, { webhookRedelivery: true, maxEventsPerRequest: 1 });
        for (let i = 0; i < 4; i++) await node.post(channel, [event]);
        const subjects = () => relay.mails.map(m => m.mail.subject);
        await until(() => subjects().includes('Messaging API: Webhook redelivery stopped - bot'), () => subjects().join('\n'));
        const stopped = relay.mails.find(m => m.mail.subject.includes('redelivery stopped'));
        assert.equal(rows(stopped.mail.text)['Error count'], '4');
        assert.ok(subjects().includes(`${SUBJECT}bot`));
        await until(async () => {
            await node.post(channel, [event]);
            return (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.suspended;
        });
        await until(() => subjects().includes('Messaging API: Webhook sending suspended - bot'), () => subjects().join('\n'));
        assert.equal(subjects().filter(s => s.includes('suspended')).length, 1);
        await node.stop();
        await relay.close();
    });

    it('a fault of our own machine is told to nobody', async () => {
        const node = await notifying({ args: [...quick, '--loops', '1'] });
        const held = [];
        const slow = await startBot(() => new Promise(resolve => held.push(resolve)));
        const channels = [];
        for (let i = 0; i < 8; i++) channels.push(await channelOf(node, slow, { responseTimeoutMs: 30_000 }));
        const limit = readdirSync(`/proc/${node.child.pid}/fd`).length + 20; /* so few descriptors that connections cannot be opened */
        execFileSync('prlimit', ['--pid', String(node.child.pid), `--nofile=${limit}:`]);
        for (const channel of channels) await node.post(channel, Array(8).fill(event));
        await until(() => /cause=local_files/.test(node.log()), () => node.log());
        execFileSync('prlimit', ['--pid', String(node.child.pid), '--nofile=1024:']);
        slow.answer = () => 200;
        held.forEach(answer => answer(200));
        await until(async () => await node.metric('todoke_backlog_events') === 0);
        const [last] = await node.post(await channelOf(node, bot, { name: 'last' }), [event]);
        assert.ok(last);
        const dir = join(node.data, 'mail/new');
        await until(() => readdirSync(dir).length > 0); /* that of the bot that failed, and of no other */
        const subjects = await Promise.all(readdirSync(dir).map(async f => (await parse(readFileSync(join(dir, f)))).subject));
        assert.deepEqual(subjects, [`${SUBJECT}last`]);
        await node.stop();
        await slow.close();
    });

    it('hundreds of channels that fail at once: a mail each, and not more than the cap', async () => {
        const node = await notifying({ args: [...quick, '--notice-window', '2s', '--notice-daily-cap', '2'] });
        const channels = [];
        for (let i = 0; i < 300; i++) channels.push(await channelOf(node, bot, { name: `bot ${i}`, contactEmail: `c${i}@example.org` }));
        for (let round = 0; round < 3; round++) await Promise.all(channels.map(c => node.post(c, [event, event])));
        const files = () => readdirSync(join(node.data, 'mail/new'));
        await until(() => files().length >= 300, () => `${files().length} mails`, 30_000);
        const last = Date.now() + 9000;
        while (Date.now() < last && files().length < 600) await Promise.all(channels.map(c => node.post(c, [event])));
        await until(async () => (await node.metric('todoke_mails_waiting')) === 0);
        assert.ok(files().length <= 600, `${files().length} mails`);
        const mails = await Promise.all(files().slice(-40).map(f => parse(readFileSync(join(node.data, 'mail/new', f)))));
        for (const m of mails) assert.ok(Number(rows(m.text)['Error count']) >= 1);
        await node.stop();
    });
});

describe('without a relay', () => {
    const advice = async node => (await node.api('GET', '/api/v1/system')).json.advice.map(a => a.name);

    it('mails are in the Maildir of the data directory: written, and nowhere called sent', async () => {
        const bot = await startBot(() => 503);
        const node = await notifying({ args: quick });
        const channel = await channelOf(node, bot, { name: '届け' });
        await node.post(channel, [event]);
        const dir = join(node.data, 'mail');
        await until(() => readdirSync(join(dir, 'new')).length === 1);
        const row = await mailIs(node, m => m.state !== 'waiting');
        assert.deepEqual([row.state, row.tries, row.lastError], ['written', 1, null]);
        assert.deepEqual([(await outbox(node, 'sent')).length, (await outbox(node, 'written')).length], [0, 1]);
        assert.deepEqual([await node.metric('todoke_mails_sent_total'), await node.metric('todoke_mails_written_total')], [0, 1]);
        const listed = await command(['outbox', 'list'], { env: { TODOKE_API: node.url, TODOKE_KEY: node.key } });
        assert.match(listed.stdout, /^\d+ +written /m);
        assert.doesNotMatch(listed.stdout, /\bsent\b/);
        assert.deepEqual(await advice(node), ['mail_relay']);
        assert.equal(await node.metric('todoke_alarm{name="mail"}'), 0, 'no alarm');
        const said = node.log().split('\n').filter(l => l.includes('no mail relay is set'));
        assert.equal(said.length, 1, node.log());
        assert.ok(said[0].includes(dir) && said[0].includes('smtp-url'), said[0]);
        assert.doesNotMatch(node.log(), /mail sent/);
        assert.deepEqual(readdirSync(join(dir, 'tmp')), []);
        const [name] = readdirSync(join(dir, 'new'));
        assert.match(name, /^\d+\.M\d{6}Q\d+\.[^/:]+$/);
        assert.equal(statSync(join(dir, 'new', name)).mode & 0o777, 0o600);
        const raw = readFileSync(join(dir, 'new', name));
        assert.ok(!raw.includes('\r'));
        const other = python(raw);
        assert.equal(other.headers.subject, `${SUBJECT}届け`);
        assert.equal(rows(other.text)['Detail for error'], '503');
        assert.match(other.headers.from, /^todoke@/);
        await node.stop();
        await bot.close();
    });

    it('no mail carries a link to this machine: without public-url, or with one that means it', async () => {
        const bot = await startBot(() => 503);
        for (const url of [undefined, 'http://localhost:8080', 'http://127.0.0.1:8080/', 'http://127.1/todoke', 'http://0x7f.1', 'http://2130706433', 'http://[::1]:8080',
            'http://[::ffff:127.0.0.1]', 'http://0.0.0.0:8080', 'http://[::]', 'https://todoke.localhost', 'https://LOCALHOST']) {
            const node = await notifying({ args: ['--notice-window', '100ms', ...(url ? ['--public-url', url] : [])] });
            const channel = await channelOf(node, bot);
            await node.post(channel, [event]);
            const dir = join(node.data, 'mail/new');
            await until(() => readdirSync(dir).length === 1);
            const raw = readFileSync(join(dir, readdirSync(dir)[0])), mail = await parse(raw);
            for (const part of [mail.text, mail.html, mail.subject]) assert.doesNotMatch(part, /https?:|localhost|127\.|href|0\.0\.0\.0|::/i, url);
            assert.equal(rows(mail.text).URL, `/channels/${channel.channelId}/statistics/errors`, 'the page is named all the same');
            assert.deepEqual(htmlRows(mail.html), rows(mail.text));
            assert.deepEqual(await advice(node), ['mail_relay', 'public_url'], url);
            assert.equal(node.log().split('\n').filter(l => l.includes('set public-url')).length, 1);
            await node.stop();
        }
        for (const url of ['https://todoke@example.com', 'ftp://example.com', 'https://', 'https://exa mple.com', 'https://example.com/?q', 'example.com'])
            await assert.rejects(startNode({ args: ['--public-url', url] }), /ended with 2: .*public-url: not https/s, url);
        await bot.close();
    });
});

describe('the option', () => {
    let node, bot;
    before(async () => { node = await startNode({ args: quick }); bot = await startBot(() => 500); });
    after(async () => { await node.stop(); await bot.close(); });
    const path = '/api/v1/providers/1/options', one = `${path}/error-notification`;
    const state = async () => (await node.api('GET', path)).json.errorNotification;

    it('is applied for, decided, withdrawn; what does not follow is a 409; all of it is in the audit log', async () => {
        assert.deepEqual(await state(), { state: 'none', note: '', appliedAt: null, decidedAt: null });
        assert.equal((await node.api('PATCH', one, { state: 'approved' })).status, 409);
        assert.equal((await node.api('DELETE', one)).status, 409);
        const applied = await node.api('POST', one, { note: 'for our shop\nwith 届け' });
        assert.deepEqual([applied.status, applied.json.errorNotification.state, applied.json.errorNotification.note], [200, 'applied', 'for our shop\nwith 届け']);
        assert.equal((await node.api('POST', one)).json.message, 'The option was applied for already');
        const listed = (await node.api('GET', '/api/v1/options?state=applied')).json.options;
        assert.deepEqual(listed.map(o => [o.providerId, o.providerName, o.option, o.state]), [['1', 'Default', 'errorNotification', 'applied']]);
        assert.equal((await node.api('PATCH', one, { state: 'refused', note: 'no contract' })).json.errorNotification.note, 'no contract');
        assert.deepEqual((await node.api('GET', '/api/v1/options?state=applied')).json.options, []);
        assert.equal((await node.api('POST', one)).json.errorNotification.decidedAt, null);
        assert.equal((await node.api('PATCH', one, { state: 'approved' })).json.errorNotification.state, 'approved');
        assert.equal((await node.api('DELETE', one)).json.errorNotification.state, 'withdrawn');
        for (const [method, p, body, property] of [['PATCH', one, {}, 'state'], ['PATCH', one, { state: 'applied' }, 'state'], ['POST', one, { note: 7 }, 'note'],
            ['POST', one, { note: 'x'.repeat(1001) }, 'note'], ['POST', one, { note: '\u0007' }, 'note'], ['POST', one, { why: '' }, 'why'],
            ['GET', '/api/v1/options?state=none', undefined, 'state'], ['GET', '/api/v1/options?cursor=x', undefined, 'cursor'], ['GET', '/api/v1/outbox?state=x', undefined, 'state'],
            ['GET', '/api/v1/outbox?limit=0', undefined, 'limit'], ['GET', '/api/v1/outbox?cursor=-1', undefined, 'cursor']]) {
            const r = await node.api(method, p, body);
            assert.deepEqual([r.status, r.json.details?.[0].property], [400, property], `${method} ${p} ${JSON.stringify(body)}: ${r.text}`);
        }
        assert.equal((await node.api('GET', '/api/v1/providers/99/options')).status, 404);
        const actions = (await node.api('GET', '/api/v1/audit')).json.entries.map(e => e.action).filter(a => a.startsWith('option.'));
        assert.deepEqual(actions.reverse(), ['option.apply', 'option.refuse', 'option.apply', 'option.approve', 'option.withdraw']);
    });

    it('lets a channel switch it on only while it is approved; once it is withdrawn no mails come', async () => {
        const refused = await node.api('POST', '/api/v1/channels', { name: 'x', errorNotification: true });
        assert.deepEqual([refused.status, refused.json.message], [409, "errorNotification: the provider's option is not approved; an Admin of provider 1 applies for it, an operator approves it"]);
        const channel = await node.channel({ webhookUrl: bot.url, contactEmail: 'a@example.com' });
        assert.equal((await node.api('PATCH', `/api/v1/channels/${channel.channelId}/contact`, { state: 'confirmed' })).status, 200);
        const show = async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json;
        const set = on => node.api('PATCH', `/api/v1/channels/${channel.channelId}`, { errorNotification: on });
        assert.deepEqual([channel.errorNotification, channel.notificationAvailable], [false, false]);
        assert.equal((await set(true)).status, 409);
        await approve(node);
        assert.equal((await set(true)).json.errorNotification, true);
        assert.equal((await show()).notificationAvailable, true);
        const dir = join(node.data, 'mail/new');
        const had = readdirSync(dir).length;
        await node.post(channel, [event]);
        await until(() => readdirSync(dir).length === had + 1);
        await node.api('DELETE', one);
        assert.deepEqual([(await show()).errorNotification, (await show()).notificationAvailable], [true, false]);
        assert.equal((await set(false)).status, 200);
        assert.equal((await set(true)).status, 409);
        await approve(node);
        await set(true);
        await node.api('PATCH', one, { state: 'refused' });
        const [id] = await node.post(channel, [event]);
        await node.reaches(channel, id, 'given_up');
        await until(async () => (await node.metric('todoke_notices_dropped_total{why="unwanted"}')) >= 1);
        assert.equal(readdirSync(dir).length, had + 1);
    });

    it('reaches every Admin and nobody else, each once', async () => {
        await node.api('POST', one);
        await node.api('PATCH', one, { state: 'approved' });
        const op = await firstAccount(node, 'op@example.com');
        assert.ok(op);
        const channel = await channelOf(node, bot, { name: 'people', contactEmail: 'Admin.One@EXAMPLE.com' });
        const put = async (p, email, role) => {
            const r = await node.api('PUT', `/api/v1/${p}/roles`, { email, role });
            assert.equal(r.status, 200, r.text);
            if (r.json.invitationToken && !email.startsWith('waiting')) await accept(node, r.json.invitationToken);
            return r.json.accountId;
        };
        await put('providers/1', 'waiting@example.com', 'admin'); // has not come yet
        await put('providers/1', 'admin.one@example.com', 'admin');
        await put('providers/1', 'admin.two@example.com', 'admin');
        await put('providers/1', 'member@example.com', 'member');
        await put(`channels/${channel.channelId}`, 'admin.three@example.com', 'admin');
        await put(`channels/${channel.channelId}`, 'admin.two@example.com', 'admin');
        await put(`channels/${channel.channelId}`, 'tester@example.com', 'tester');
        const gone = await put('providers/1', 'gone@example.com', 'admin');
        assert.equal((await node.api('PATCH', `/api/v1/accounts/${gone}`, { disabled: true })).status, 200);
        await node.post(channel, [event]);
        const mine = async () => (await outbox(node)).filter(m => m.subject === `${SUBJECT}people`);
        await until(async () => (await mine()).length > 0);
        assert.deepEqual((await mine()).map(m => m.to.toLowerCase()).sort(), ['admin.one@example.com', 'admin.three@example.com', 'admin.two@example.com', 'op@example.com'], 'the first account is an Admin of the first provider');
    });

    it('is worked by the command line', async () => {
        const env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
        const { json: provider } = await node.api('POST', '/api/v1/providers', { name: 'Shop 届け' });
        const run = async (...words) => {
            const r = await command(['option', ...words], { env });
            assert.equal(r.code, 0, r.stderr);
            return r.stdout;
        };
        assert.match(await run('apply', provider.providerId, '--note', 'please'), /applied/);
        assert.match(await run('list', '--state', 'applied'), new RegExp(`^${provider.providerId} +errorNotification +applied .*Shop 届け +please`, 'm'));
        assert.match(await run('refuse', provider.providerId, '--note', 'no'), /refused/);
        assert.match(await run('approve', provider.providerId), /approved/);
        assert.match(await run('withdraw', provider.providerId), /withdrawn/);
        assert.equal((await run('list', '--json')).trim().split('\n').map(l => JSON.parse(l)).some(o => o.providerName === 'Shop 届け'), true);
        assert.equal((await command(['option', 'approve', provider.providerId], { env })).code, 5);
        assert.equal((await command(['option', 'approve'], { env })).code, 2);
        assert.equal((await command(['option', 'frob'], { env })).code, 2);
        assert.equal((await command(['outbox', 'list', '--state', 'sent'], { env })).code, 0);
        assert.ok(JSON.parse((await command(['outbox', 'list', '--json'], { env })).stdout.split('\n')[0]).mailId);
    });
});
