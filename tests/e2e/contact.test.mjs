// Contact addresses, by attack and by their owners: nobody is mailed by strangers, nobody is asked twice, and no word of a stranger becomes a link.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { clockOff } from './lib/clock.mjs';
import { links } from './lib/linkify.mjs';
import { command, dataDir, startNode, until } from './lib/node.mjs';
import { firstAccount, login } from './lib/people.mjs';
import { accept } from './lib/roles.mjs';
import { parse, rows, startRelay } from './lib/smtp.mjs';

const PUBLIC = 'https://todoke.example.com';
const DAY = 86_400_000;
const event = { type: 'message', message: { type: 'text', id: '1', text: 'hello' } };
const quick = ['--account-providers', '9', '--notice-window', '100ms', '--mail-retry', '60ms', '--public-url', PUBLIC];
const over = relay => [...quick, '--smtp-url', relay.url, '--smtp-tls', 'never', '--mail-from', 'todoke@example.com'];

const path = c => `/api/v1/channels/${c.channelId}`;
const show = async (caller, c) => (await caller.api('GET', path(c))).json;
const outbox = async node => (await node.api('GET', '/api/v1/outbox?limit=500')).json.mails;
const ok = async (promise, status = 200) => {
    const r = await promise;
    assert.equal(r.status, status, r.text);
    return r.json;
};
const option = id => `/api/v1/providers/${id}/options/error-notification`;
async function approve(node, id = '1') {
    await ok(node.api('POST', option(id)));
    await ok(node.api('PATCH', option(id), { state: 'approved' }));
}
// A person with an account and nothing else.
async function newcomer(node, email) {
    const made = await ok(node.api('POST', '/api/v1/accounts', { email }), 201);
    return accept(node, made.invitationToken);
}
// What the link in a mail that asks holds.
const tokenIn = mail => new RegExp(`^${PUBLIC}/contact#([\\w-]{43})$`, 'm').exec(mail.text)?.[1];
const byLink = (node, token, answer) => node.api('POST', '/api/v1/contact', { token, ...(answer ? { answer } : {}) }, { key: null });
// The errors of so many windows have been looked at, whether or not anybody was told.
const dropped = async (node, why) => node.metric(`todoke_notices_dropped_total{why="${why}"}`);

// An error of the channel, waited for until its window has become mails or nothing.
async function failOnce(node, channel) {
    const looked = async () => (await node.metric('todoke_notices_total')) + (await dropped(node, 'nobody')) + (await dropped(node, 'unwanted')) + (await dropped(node, 'cap')) + (await dropped(node, 'provider_cap')) + (await dropped(node, 'account_cap'));
    const had = await looked();
    await ok(node.api('POST', `${path(channel)}/events`, { events: [event] }), 202);
    await until(async () => (await looked()) > had, () => `no window was looked at\n${node.log()}`);
}

describe('the node as a spammer', () => {
    const words = 'Your account is locked! Call 0900-123-4567 now, or sign in below';
    // Strangers that somebody writes in: nine channels, each with events that nobody takes, until they are suspended.
    async function attack(attacker, provider, strangers) {
        const channels = [];
        for (const [i, contactEmail] of strangers.entries())
            channels.push(await ok(attacker.api('POST', '/api/v1/channels', { name: `${words} ${i}`, providerId: provider.providerId, webhookUrl: 'http://127.0.0.1:9/', contactEmail, webhookRedelivery: true }), 201));
        return channels;
    }
    const failAll = async (attacker, channels) => {
        for (const c of channels) for (let i = 0; i < 4; i++) await ok(attacker.api('POST', `${path(c)}/test-event`, { text: words }), 202);
    };

    it('without the option nobody is mailed at all, not even of a suspension', async () => {
        const node = await startNode({ args: [...quick, '--redelivery-schedule', '20ms,20ms', '--suspend-after', '100ms', '--suspend-failures', '3'] });
        await firstAccount(node);
        const attacker = await newcomer(node, 'attacker@example.net');
        const provider = await ok(attacker.api('POST', '/api/v1/providers', { name: 'Security team' }), 201);
        const channels = await attack(attacker, provider, Array.from({ length: 9 }, (_, i) => `stranger${i}@example.org`));
        for (const c of channels) {
            assert.deepEqual([c.contactEmailState, c.contactEmailAskedAt], ['unconfirmed', null]);
            const on = await attacker.api('PATCH', path(c), { errorNotification: true });
            assert.equal(on.status, 409);
            assert.equal((await attacker.api('POST', `${path(c)}/contact/ask`)).status, 409);
            assert.equal((await attacker.api('PATCH', `${path(c)}/contact`, { state: 'confirmed' })).status, 403);
        }
        for (const c of channels)
            await until(async () => { await failAll(attacker, [c]); return (await show(attacker, c)).suspended; }, () => `${c.channelId} is not suspended`);
        await until(async () => (await dropped(node, 'unwanted')) >= 9, () => node.log());
        assert.deepEqual(await outbox(node), []);
        assert.deepEqual(readdirSync(join(node.data, 'mail/new')), []);
        await node.stop();
    });

    it('with the option each stranger gets one mail that asks, within the caps, whatever is tried; none has a word of the attacker', async () => {
        const relay = await startRelay(), data = dataDir();
        const args = [...over(relay), '--confirm-daily-cap', '12', '--redelivery-schedule', '20ms,20ms', '--suspend-after', '200ms', '--suspend-failures', '3'];
        let node = await startNode({ data, args });
        const { key } = node;
        await firstAccount(node);
        let attacker = await newcomer(node, 'attacker@example.net');
        const provider = await ok(attacker.api('POST', '/api/v1/providers', { name: 'Security team' }), 201);
        await ok(attacker.api('POST', option(provider.providerId), { note: 'see https://evil.example/why' }));
        await ok(node.api('PATCH', option(provider.providerId), { state: 'approved' }));
        const strangers = Array.from({ length: 9 }, (_, i) => `stranger${i}@example.org`);
        const channels = await attack(attacker, provider, strangers);
        const on = async cs => { for (const c of cs) await ok(attacker.api('PATCH', path(c), { errorNotification: true })); };
        await on(channels);
        const fresh = await ok(attacker.api('POST', '/api/v1/channels', { name: words, providerId: provider.providerId, contactEmail: 'Stranger0@EXAMPLE.org', errorNotification: true }), 201);
        assert.ok(fresh.contactEmailAskedAt, 'it was asked for another channel');
        for (const c of channels) { // back and forth, in other spellings, switched off and on, asked by hand
            for (const contactEmail of [null, 'STRANGER8@example.org', c.contactEmail, c.contactEmail.toUpperCase()]) await ok(attacker.api('PATCH', path(c), { contactEmail }));
            for (const errorNotification of [false, true]) await ok(attacker.api('PATCH', path(c), { errorNotification }));
            assert.equal((await attacker.api('POST', `${path(c)}/contact/ask`)).status, 409);
        }
        await failAll(attacker, channels);
        await until(async () => (await node.metric('todoke_notices_total')) >= 9, () => node.log());
        // The attacker is told as Admin of the provider; the strangers were only asked.
        const toStrangers = () => relay.mails.filter(m => /stranger/i.test(m.to[0]));
        await until(() => new Set(toStrangers().map(m => m.to[0].toLowerCase())).size === 9, () => JSON.stringify(relay.mails.map(m => m.to)));
        await node.stop();
        node = await startNode({ data, args, key }); // a restart forgives nothing
        attacker = await login(node, 'attacker@example.net');
        const more = await attack(attacker, provider, Array.from({ length: 6 }, (_, i) => `more${i}@example.org`));
        await on(more);
        await failAll(attacker, [...channels, ...more]);
        const second = await ok(attacker.api('POST', '/api/v1/providers', { name: 'Another team' }), 201); // the account has its cap, too
        await approve(node, second.providerId);
        await on(await attack(attacker, second, Array.from({ length: 4 }, (_, i) => `other${i}@example.org`)));
        await until(async () => (await outbox(node)).every(m => m.state !== 'waiting') && (await outbox(node)).length > 0);
        const got = new Map();
        for (const m of relay.mails.filter(x => /(stranger|more|other)/i.test(x.to[0]))) {
            const to = m.to[0].toLowerCase();
            got.set(to, (got.get(to) ?? 0) + 1);
            assert.match(m.mail.subject, /^todoke: do you want error notifications/);
            assert.deepEqual(links(m.mail.subject), []);
            assert.deepEqual(links(m.mail.text), [`${PUBLIC}/contact#${tokenIn(m.mail)}`]);
            for (const part of [m.mail.subject, m.mail.text, m.mail.html]) assert.doesNotMatch(part, /locked|0900|Security team|Another team|attacker|evil/i);
        }
        assert.ok([...got.values()].every(n => n === 1), JSON.stringify([...got]));
        assert.equal(got.size, 12, 'the cap of a day');
        for (const m of relay.mails) assert.deepEqual(links(m.mail.text).filter(l => l !== PUBLIC && !l.startsWith(`${PUBLIC}/`)), []); // an invitation names the node
        await node.stop();
        rmSync(data, { recursive: true, force: true });
        await relay.close();
    });
});

describe('names', () => {
    // [name, what mails show of it]
    const hostile = [
        ['Your account is locked: sign in at https://evil.example/login', 'Your account is locked: sign in at https[:]//evil[.]example/login'],
        ['HTTP://evil', 'HTTP[:]//evil'], ['www.evil', 'www[.]evil'], ['evil.com', 'evil[.]com'], ['(evil.co.uk)', '(evil[.]co[.]uk)'], ['evil.com通知', 'evil[.]com通知'],
        ['予約.みんな', '予約[.]みんな'], ['who@evil.com', 'who[@]evil[.]com'], ['mailto:who@evil', 'mailto[:]who@evil'], ['ｅｖｉｌ．ｃｏｍ', 'ｅｖｉｌ[.]ｃｏｍ'], ['evil。com/login', 'evil[.]com/login'],
        ['evil.\u200bcom', 'evil[.]\u200bcom'], ['https:\u2060//evil', 'https[:]\u2060//evil'], ['evil.сом', 'evil[.]сом'], ['evil.ℂom™', 'evil[.]ℂom™'], ['https∷//evil', 'https[:]//evil'], ['evil⒈com', 'evil1[.]com'], ['203.0.113.7:8080/x', '203.0.113[.]7:8080/x'],
    ];
    const harmless = ['node.js bot', 'J.League公式', 'No.1 (v1.2.3)', '1.受付ボット', 'テスト用です。本番ではありません', 'yes/no: 24/7', 'St.Luke 病院', '@handle', '⒈受付 №5 ①.予約…ok'];

    it('with a link are refused, wherever they are given, by name', async () => {
        const node = await startNode({});
        const op = await firstAccount(node);
        const channel = await node.channel({});
        const provider = await ok(node.api('POST', '/api/v1/providers', { name: 'x' }), 201);
        for (const [name] of hostile) {
            for (const [method, p, body] of [['POST', '/api/v1/channels', { name }], ['PATCH', path(channel), { name }], ['POST', '/api/v1/providers', { name }],
                ['PATCH', `/api/v1/providers/${provider.providerId}`, { name }], ['POST', '/api/v1/accounts', { email: 'x@example.com', name }]]) {
                const r = await node.api(method, p, body);
                assert.deepEqual([r.status, r.json.details?.[0].property], [400, 'name'], `${method} ${p} ${name}: ${r.text}`);
            }
            const own = await op.api('PATCH', '/api/v1/session', { name });
            assert.deepEqual([own.status, own.json.details?.[0].property], [400, 'name'], name);
        }
        const told = await command(['account', 'create', '--data', node.data, '--email', 'y@example.com', '--name', 'evil.com'], { input: 'a long password\n' });
        assert.equal(told.code, 2);
        assert.match(told.stderr, /--name must not hold a link/);
        for (const name of harmless) {
            assert.equal((await ok(node.api('PATCH', path(channel), { name }))).name, name);
            assert.equal((await ok(node.api('PATCH', `/api/v1/providers/${provider.providerId}`, { name }))).name, name);
            assert.deepEqual(links(name), [], `${name}: harmless to a mail program, too`);
        }
        await node.stop();
    });

    // What people and browsers read as a domain, by every character that NFKC makes ASCII letters of: where they stand in an end of a domain, and where they are all of it.
    it('with letters that only become letters are refused like these', { timeout: 120_000 }, async () => {
        const roots = new Set(readFileSync(new URL('../../src/model/tld.def', import.meta.url), 'utf8').match(/"[^"]*"/g).join('').replaceAll('"', '').split(' ').filter(r => /^[a-z]+$/.test(r)));
        const node = await startNode({}), names = [], seen = { all: 0, com: 0, whole: 0, part: 0 };
        for (let cp = 0x80; cp < 0x110000; cp++) {
            if (cp >= 0xd800 && cp < 0xe000) continue;
            const c = String.fromCodePoint(cp), as = c.normalize('NFKC').toLowerCase();
            if (!/^[a-z]+\.?$/.test(as)) continue;
            const part = as.replace('.', ''), inside = [...roots].find(r => r.includes(as) && r !== as);
            seen.all++;
            if ('com'.includes(as)) seen.com += names.push(`evil.${'com'.replace(as, c)}`) && 1;
            if (roots.has(part)) seen.whole += names.push(`evil.${c}`, `evil.${c}/x`) && 1;
            if (inside) seen.part += names.push(`evil.${inside.replace(as, c)}`) && 1;
        }
        for (const [c, as] of [[0x2237, ':'], ...[...Array(0x110000 - 0x80).keys()].map(i => [i + 0x80]).filter(([cp]) => cp < 0xd800 || cp >= 0xe000).map(([cp]) => [cp, String.fromCodePoint(cp).normalize('NFKC')])])
            if (as === ':') names.push(`https${String.fromCodePoint(c)}//evil`);
            else if (as === '.') names.push(`evil${String.fromCodePoint(c)}com`);
            else if (/^[0-9]+\.$/.test(as)) names.push(`evil${String.fromCodePoint(c)}com`);
            else if (as === '/') names.push(`https:${String.fromCodePoint(c).repeat(2)}evil`);
        assert.ok(seen.all > 900 && seen.com > 90 && seen.whole > 40 && seen.part > 900, JSON.stringify(seen));
        const taken = [], { providerId } = await ok(node.api('POST', '/api/v1/providers', { name: 'x' }), 201);
        await Promise.all([...Array(8).keys()].map(async k => {
            for (let i = k; i < names.length; i += 8) if ((await node.api('PATCH', `/api/v1/providers/${providerId}`, { name: names[i] })).status !== 400) taken.push(names[i]);
        }));
        assert.deepEqual(taken, []);
        await node.stop();
    });

    it('that were given before are shown so that no mail program makes a link of them', async () => {
        const bot = await startBot(() => 500), data = dataDir();
        let node = await startNode({ data, args: quick });
        const { key } = node;
        await approve(node);
        const channels = [];
        for (const [i] of [...hostile, ...harmless].entries()) {
            const c = await node.channel({ name: `bot ${i}`, webhookUrl: bot.url, contactEmail: 'contact@example.org' });
            await ok(node.api('PATCH', `${path(c)}/contact`, { state: 'confirmed' }));
            await ok(node.api('PATCH', path(c), { errorNotification: true }));
            channels.push(c);
        }
        await node.stop();
        const names = Object.fromEntries([...hostile.map(([n]) => n), ...harmless].map((n, i) => [channels[i].channelId, n]));
        const written = spawnSync('python3', ['-c', `
import sqlite3, sys, json
db = sqlite3.connect(sys.argv[1])
for id, name in json.load(sys.stdin).items(): db.execute('UPDATE channel SET name=? WHERE id=?', (name, int(id)))
db.commit()`, join(data, 'todoke.db')], { input: JSON.stringify(names), encoding: 'utf8' });
        assert.equal(written.status, 0, written.stderr);
        node = await startNode({ data, args: quick, key });
        for (const c of channels) await node.post(c, [event]);
        const dir = join(data, 'mail/new');
        await until(() => readdirSync(dir).length === channels.length, () => `${readdirSync(dir).length} mails`);
        const mails = await Promise.all(readdirSync(dir).map(f => parse(readFileSync(join(dir, f)))));
        const want = [...hostile.map(([, s]) => s), ...harmless].map(s => `Messaging API: Your server did not return [200 OK] - ${s}`);
        assert.deepEqual(mails.map(m => m.subject).sort(), want.sort());
        for (const m of mails) {
            assert.deepEqual(links(m.subject), [], m.subject);
            assert.deepEqual(links(m.text), [rows(m.text).URL], m.text);
        }
        await node.stop();
        rmSync(data, { recursive: true, force: true });
        await bot.close();
    });
});

describe('the owner of a contact address', () => {
    let relay, bot, node;
    before(async () => {
        relay = await startRelay();
        bot = await startBot(() => 500);
        node = await startNode({ args: over(relay) });
        await approve(node);
    });
    after(async () => { await node.stop(); await bot.close(); await relay.close(); });
    const to = email => relay.mails.filter(m => m.to[0].toLowerCase() === email.toLowerCase());
    // A mail stands in the outbox in the commit that looked at the window: who has none there will get none.
    const mailed = async email => (await outbox(node)).filter(m => m.to.toLowerCase() === email).length;
    const make = (email, more = {}) => node.channel({ name: 'Orders', webhookUrl: bot.url, contactEmail: email, errorNotification: true, ...more });
    const asked = async email => {
        await until(() => to(email).length > 0, () => `nothing came to ${email}`);
        return to(email).at(-1).mail;
    };

    it('is asked by one mail; a click decides nothing, a button does; then errors are told, once for all channels of the provider', async () => {
        const one = 'one@例え.jp'; // as the relay shows it, which is given A-labels
        const channel = await make('One@例え.jp');
        assert.equal(channel.contactEmailState, 'unconfirmed');
        assert.ok(Math.abs(Date.parse(channel.contactEmailAskedAt) - Date.now()) < 60_000);
        const mail = await asked(one);
        const token = tokenIn(mail);
        assert.ok(token, mail.text);
        assert.ok(mail.html.includes(`<a href="${PUBLIC}/contact#${token}">`) && mail.text.includes(channel.channelId));
        assert.ok(!mail.text.includes('Orders'), 'no word of whoever entered the address');
        assert.equal(mail.headers.get('auto-submitted'), 'auto-generated');
        // Link scanners fetch what they find, in every way that is no answer.
        for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST'])
            for (const p of ['/contact', `/contact?token=${token}`, '/api/v1/contact', `/api/v1/contact?token=${token}&answer=confirm`])
                await fetch(node.url + p, { method, headers: { accept: 'text/html' } });
        for (let i = 0; i < 3; i++) {
            const seen = await ok(byLink(node, token));
            assert.deepEqual(seen, { contactEmail: 'one@xn--r8jz45g.jp', contactEmailState: 'unconfirmed', mayConfirm: true, providerName: 'Default', channelId: channel.channelId, channelName: 'Orders' });
        }
        for (const guess of ['', 'x', token.slice(1), `${token}x`, token.toUpperCase(), 'A'.repeat(43)])
            for (const answer of [undefined, 'confirm', 'refuse']) assert.equal((await byLink(node, guess, answer)).status, 403, guess);
        assert.equal((await byLink(node, token, 'yes')).json.details[0].property, 'answer');
        assert.equal((await node.api('POST', '/api/v1/contact', { token, answer: 'confirm' }, { key: null, headers: { 'sec-fetch-site': 'cross-site' } })).status, 403, 'another site');
        assert.equal((await show(node, channel)).contactEmailState, 'unconfirmed');
        for (let i = 0; i < 3; i++) await failOnce(node, channel);
        assert.equal(await mailed('one@xn--r8jz45g.jp'), 1);

        assert.equal((await ok(byLink(node, token, 'confirm'))).contactEmailState, 'confirmed');
        assert.equal((await byLink(node, token, 'confirm')).status, 409, 'once');
        assert.equal((await show(node, channel)).contactEmailState, 'confirmed');
        assert.equal((await ok(node.api('PATCH', path(channel), { name: 'Orders' }))).contactEmailState, 'confirmed', 'a change that changes nothing shows it too');
        const listed = (await ok(node.api('GET', '/api/v1/channels?limit=500'))).channels.find(c => c.channelId === channel.channelId);
        assert.equal(listed.contactEmailState, 'confirmed');
        await failOnce(node, channel);
        await until(() => to(one).length === 2);
        assert.equal(to(one)[1].mail.subject, 'Messaging API: Your server did not return [200 OK] - Orders');
        const other = await make('ONE@XN--R8JZ45G.jp', { name: 'Other' });
        assert.equal(other.contactEmailState, 'confirmed');
        await failOnce(node, other);
        await until(() => to(one).length === 3);
        assert.ok(!tokenIn(to(one)[2].mail));
        const log = (await ok(node.api('GET', `${path(channel)}/audit`))).entries.find(e => e.action === 'contact.confirm');
        assert.deepEqual([log.account, log.target, log.details.contactEmail, log.details.by], ['nobody', 'provider/1', 'one@xn--r8jz45g.jp', 'link']);

        assert.equal((await ok(byLink(node, token, 'refuse'))).contactEmailState, 'refused', 'whoever confirmed can go by the same link');
        await failOnce(node, channel);
        await failOnce(node, other);
        assert.equal(await mailed('one@xn--r8jz45g.jp'), 3);
    });

    it('who refuses is never asked or told again', async () => {
        const channel = await make('two@example.org');
        const token = tokenIn(await asked('two@example.org'));
        assert.equal((await ok(byLink(node, token, 'refuse'))).contactEmailState, 'refused');
        for (const answer of ['confirm', 'refuse']) assert.equal((await byLink(node, token, answer)).status, 409, answer);
        assert.deepEqual([(await ok(byLink(node, token))).contactEmailState, (await ok(byLink(node, token))).mayConfirm], ['refused', false]);
        for (const contactEmail of ['three@example.org', 'TWO@example.org', null, 'two@EXAMPLE.org']) await ok(node.api('PATCH', path(channel), { contactEmail }));
        const again = await make('two@example.org');
        assert.equal(again.contactEmailState, 'refused');
        const hand = await node.api('POST', `${path(channel)}/contact/ask`);
        assert.deepEqual([hand.status, hand.json.message], [409, 'The owner of the address refused mails about channels of this provider']);
        assert.equal((await node.api('PATCH', `${path(channel)}/contact`, { state: 'confirmed' })).status, 409);
        await failOnce(node, channel);
        await failOnce(node, again);
        assert.equal(await mailed('two@example.org'), 1);
    });

    it('is asked again by hand a day later, not by itself; a link of before is replaced, and one of 7 days only refuses', async () => {
        const data = dataDir(), args = over(relay);
        let own = await startNode({ data, args });
        const { key } = own;
        await approve(own);
        const channel = await own.channel({ name: 'Later', webhookUrl: bot.url, contactEmail: 'later@example.org', errorNotification: true });
        const tokens = [tokenIn(await asked('later@example.org'))];
        assert.equal((await own.api('POST', `${path(channel)}/contact/ask`)).status, 409, 'on the same day');
        const at = async days => {
            await own.stop();
            own = await startNode({ data, args, key, env: clockOff(days * DAY) });
        };
        await at(1.5);
        await failOnce(own, channel);
        assert.ok((await outbox(own)).length <= 1, 'not by itself'); // that of before may have been pruned
        assert.equal(to('later@example.org').length, 1);
        const answer = await ok(own.api('POST', `${path(channel)}/contact/ask`));
        assert.equal(answer.contactEmailState, 'unconfirmed');
        await until(() => to('later@example.org').length === 2);
        tokens.push(tokenIn(to('later@example.org')[1].mail));
        assert.equal((await byLink(own, tokens[0], 'confirm')).status, 403, 'replaced');
        await at(3);
        const env = { TODOKE_API: own.url, TODOKE_KEY: key };
        assert.equal((await command(['channel', 'ask-contact', channel.channelId], { env })).code, 0);
        await until(() => to('later@example.org').length === 3);
        tokens.push(tokenIn(to('later@example.org')[2].mail));
        await at(10.5);
        const often = await own.api('POST', `${path(channel)}/contact/ask`);
        assert.deepEqual([often.status, often.json.message], [409, 'The address has been asked 3 times; an operator can confirm by hand']);
        const seen = await ok(byLink(own, tokens[2]));
        assert.deepEqual([seen.contactEmailState, seen.mayConfirm], ['unconfirmed', false]);
        assert.equal((await byLink(own, tokens[2], 'confirm')).status, 409, 'too old');
        assert.equal((await ok(byLink(own, tokens[2], 'refuse'))).contactEmailState, 'refused');
        await own.stop();
        rmSync(data, { recursive: true, force: true });
    });

    it('who is Admin of the channel is told as such, without being asked; an operator speaks for others', async () => {
        await firstAccount(node, 'op@example.com'); // Admin of the first provider
        const mine = await make('OP@example.com');
        assert.deepEqual([mine.contactEmailState, mine.contactEmailAskedAt], ['confirmed', null]);
        await failOnce(node, mine);
        await until(() => to('op@example.com').some(m => m.mail.text.includes(mine.channelId)));
        assert.ok(to('op@example.com').every(m => !tokenIn(m.mail)));

        const env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
        const channel = await node.channel({ name: 'By hand', webhookUrl: bot.url, contactEmail: 'hand@example.org' });
        assert.equal((await node.api('PATCH', `${path(channel)}/contact`, { state: 'unconfirmed' })).json.details[0].property, 'state');
        assert.equal((await command(['channel', 'confirm-contact', channel.channelId], { env })).code, 0);
        await ok(node.api('PATCH', path(channel), { errorNotification: true }));
        await failOnce(node, channel);
        await until(() => to('hand@example.org').length === 1);
        assert.equal((await command(['channel', 'refuse-contact', channel.channelId], { env })).code, 0);
        await failOnce(node, channel);
        assert.equal(await mailed('hand@example.org'), 1);
        assert.match((await command(['channel', 'show', channel.channelId], { env })).stdout, /^contactEmailState +refused$/m);
        const actions = (await ok(node.api('GET', `${path(channel)}/audit`))).entries.map(e => e.action).filter(a => a.startsWith('contact.'));
        assert.deepEqual(actions, ['contact.refuse', 'contact.confirm']);
        const none = await node.channel({ name: 'None' });
        assert.deepEqual([none.contactEmailState, none.contactEmailAskedAt], [null, null]);
        assert.equal((await node.api('PATCH', `${path(none)}/contact`, { state: 'confirmed' })).status, 409);
        for (const contactEmail of ['a@b@example.org', 'a@[127.0.0.1]', 'a@example..org', 'two@x.org,three@x.org', 'a b@example.org', 'x\r\nBcc: y@example.org', '@example.org'])
            assert.equal((await node.api('PATCH', path(none), { contactEmail })).json.details?.[0].property, 'contactEmail', contactEmail);
    });
});

describe('caps of a day', () => {
    it('of a provider and of an account hold across a restart and a SIGHUP, and the last mail says so', async () => {
        const relay = await startRelay(), bot = await startBot(() => 500), data = dataDir();
        const file = join(data, 'todoke.conf');
        writeFileSync(file, 'mail-account-cap = 6\n');
        const args = [...over(relay), '--mail-provider-cap', '4', '--config', file];
        let node = await startNode({ data, args });
        const { key } = node;
        await firstAccount(node);
        const maker = await newcomer(node, 'maker@example.net');
        await until(() => relay.mails.length === 1); // the invitation
        relay.mails.splice(0);
        const channels = [];
        for (let p = 0; p < 3; p++) {
            const { providerId } = await ok(maker.api('POST', '/api/v1/providers', { name: `Provider ${p}` }), 201);
            await approve(node, providerId);
            for (let i = 0; i < 2; i++) channels.push(await ok(maker.api('POST', '/api/v1/channels', { name: `bot ${p}${i}`, providerId, webhookUrl: bot.url, errorNotification: true }), 201));
        }
        for (const c of channels.slice(0, 2)) for (let i = 0; i < 3; i++) await failOnce(node, c); // 6 errors: 4 mails
        await until(() => relay.mails.length === 4);
        assert.match(relay.mails[3].mail.text, /This is the last mail about the channels of this provider today \(UTC\+9\): the limit of 4 mails a day is reached/);
        await node.stop();
        node = await startNode({ data, args, key });
        for (const c of channels) await failOnce(node, c); // 2 of another provider: the account's cap
        await until(async () => (await dropped(node, 'account_cap')) >= 2);
        await until(() => relay.mails.length === 6);
        assert.match(relay.mails[5].mail.text, /their limit of 6 mails a day/);
        assert.deepEqual((await outbox(node)).length, 7); // and the invitation
        assert.ok((await dropped(node, 'provider_cap')) >= 2);
        assert.equal(node.log().split('\n').filter(l => l.includes('setting=mail-account-cap')).length, 1);
        writeFileSync(file, 'mail-account-cap = 7\n');
        node.child.kill('SIGHUP');
        await until(() => node.log().includes('settings reloaded'));
        await failOnce(node, channels[2]);
        await until(() => relay.mails.length === 7);
        assert.match(relay.mails[6].mail.text, /their limit of 7 mails a day/);
        await node.stop();
        rmSync(data, { recursive: true, force: true });
        await relay.close();
        await bot.close();
    });
});

describe('without public-url', () => {
    it('nobody is asked, which is said; an operator confirms by hand', async () => {
        const bot = await startBot(() => 500);
        const node = await startNode({ args: ['--notice-window', '100ms'] });
        await approve(node);
        const channel = await node.channel({ webhookUrl: bot.url, contactEmail: 'contact@example.org', errorNotification: true });
        assert.deepEqual([channel.contactEmailState, channel.contactEmailAskedAt], ['unconfirmed', null]);
        const r = await node.api('POST', `${path(channel)}/contact/ask`);
        assert.deepEqual([r.status, r.json.message], [409, 'The node has no public-url for the link; an operator can confirm by hand']);
        await failOnce(node, channel);
        assert.deepEqual(await outbox(node), []);
        await ok(node.api('PATCH', `${path(channel)}/contact`, { state: 'confirmed' }));
        await failOnce(node, channel);
        assert.deepEqual((await outbox(node)).map(m => m.to), ['contact@example.org']);
        await node.stop();
        await bot.close();
    });
});
