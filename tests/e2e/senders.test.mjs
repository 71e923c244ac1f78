// Senders over the API: what is refused and why, credentials that nobody sees again, and Verify against the trial services.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as fcmService from '../../demo/services/fcm.mjs';
import * as lineService from '../../demo/services/line.mjs';
import * as sendgridService from '../../demo/services/sendgrid.mjs';
import { bin, createKey, dataDir, startNode } from './lib/node.mjs';

const from = { email: 'shop@example.com', name: 'Shop' };

describe('senders', () => {
    let node, line, fcm, sendgrid, senders;
    const ok = async (promise, status = 200) => { const r = await promise; assert.equal(r.status, status, r.text); return r.json; };
    const make = (body, status = 201) => ok(node.api('POST', senders, body), status);
    const refused = async (method, path, body, property, message) => {
        const r = await node.api(method, path, body);
        assert.equal(r.status, 400, r.text);
        assert.equal(r.json.details[0].property, property, r.text);
        assert.match(r.json.details[0].message, message);
    };

    before(async () => {
        [line, fcm, sendgrid] = await Promise.all([lineService, fcmService, sendgridService].map(s => s.start({})));
        node = await startNode({ args: ['--allow-any-port', '--loops', '2'] });
        const { providerId } = await ok(node.api('POST', '/api/v1/providers', { name: 'Shop' }), 201);
        senders = `/api/v1/providers/${providerId}/senders`;
    });
    after(async () => {
        await node.stop();
        await Promise.all([line, fcm, sendgrid].map(s => s.close()));
    });
    const lineSender = (more = {}) => ({ name: 'LINE', kind: 'line', channelAccessToken: line.channelAccessToken, baseUrl: line.url, ...more });

    it('name the member that is wrong', async () => {
        await refused('POST', senders, { kind: 'line', channelAccessToken: 'x' }, 'name', /required/);
        await refused('POST', senders, { name: 'x', kind: 'pigeon' }, 'kind', /sendgrid, smtp, fcm, line or webpush/);
        await refused('POST', senders, { name: 'x', kind: 'line' }, 'channelAccessToken', /missing/);
        await refused('POST', senders, lineSender({ apiKey: 'x' }), 'apiKey', /unknown member/);
        await refused('POST', senders, lineSender({ ratePerSecond: 0 }), 'ratePerSecond', /./);
        await refused('POST', senders, lineSender({ guard: { bouncePercent: 101 } }), 'guard.bouncePercent', /./);
        await refused('POST', senders, lineSender({ baseUrl: 'ftp://example.com' }), 'baseUrl', /./);
        await refused('POST', senders, { name: 'x', kind: 'fcm', serviceAccount: { ...fcm.serviceAccount, private_key: 'no' } }, 'serviceAccount.private_key', /./);
        await refused('POST', senders, { name: 'x', kind: 'sendgrid', apiKey: 'SG.x', from: { email: 'nobody' } }, 'from.email', /./);
        assert.deepEqual((await ok(node.api('GET', senders))).senders, []);
    });

    it('never show a credential again, and keep it over a change that leaves it out', async () => {
        const made = await make(lineSender({ ratePerSecond: 50 }));
        assert.deepEqual(made.secrets, ['channelAccessToken']);
        assert.equal(made.kind, 'line');
        assert.equal(made.ratePerSecond, 50);
        assert.equal(made.state, 'fine');
        const path = `${senders}/${made.senderId}`;
        const changed = await ok(node.api('PATCH', path, { name: 'LINE 2', ratePerSecond: null, guard: { bouncePercent: 5 } }));
        assert.equal(changed.name, 'LINE 2');
        assert.equal('ratePerSecond' in changed, false);
        assert.deepEqual(changed.guard, { bouncePercent: 5 });
        assert.deepEqual(changed.secrets, ['channelAccessToken']);
        const v = await ok(node.api('POST', `${path}/verify`, undefined, { headers: { accept: 'application/json' } }));
        assert.equal(v.works, true); // with the token of the beginning
        await refused('PATCH', path, { channelAccessToken: null }, 'channelAccessToken', /missing/);
        await refused('PATCH', path, { kind: 'fcm' }, 'kind', /cannot be changed/);
        const shown = await node.api('GET', path);
        const listed = await node.api('GET', senders);
        for (const text of [shown.text, listed.text]) assert.equal(text.includes(line.channelAccessToken), false);
        // On disk it is sealed.
        const dump = execFileSync('sqlite3', [join(node.data, 'todoke.db'), 'SELECT hex(secret) FROM sender; SELECT details FROM audit'], { encoding: 'utf8' });
        assert.equal(dump.includes(Buffer.from(line.channelAccessToken).toString('hex').toUpperCase()), false);
        assert.equal(dump.includes(line.channelAccessToken), false);
        assert.equal(node.log().includes(line.channelAccessToken), false);
        await ok(node.api('DELETE', path), 204);
        assert.equal((await node.api('GET', path)).status, 404);
    });

    it('are written into the audit log without values', async () => {
        const { senderId } = await make(lineSender());
        const changed = await ok(node.api('PATCH', `${senders}/${senderId}`, { ratePerSecond: 7 }));
        // What changes nothing writes nothing.
        for (const same of [{}, { ratePerSecond: 7, name: 'LINE', channelAccessToken: line.channelAccessToken, guard: null }])
            assert.deepEqual(await ok(node.api('PATCH', `${senders}/${senderId}`, same)), changed);
        await ok(node.api('DELETE', `${senders}/${senderId}`), 204);
        const { entries } = await ok(node.api('GET', '/api/v1/audit?limit=3'));
        assert.deepEqual(entries.map(e => [e.action, e.target]), ['delete', 'update', 'create'].map(a => [`sender.${a}`, `sender/${senderId}`]));
        assert.deepEqual(entries[1].details, { name: 'LINE', kind: 'line', members: ['ratePerSecond'] });
    });

    it('have keys that the node makes once, and anew when the old one is removed', async () => {
        const push = await make({ name: 'Browser', kind: 'webpush', subject: 'mailto:shop@example.com' });
        const { publicKey } = push.public;
        assert.equal(Buffer.from(publicKey, 'base64url').length, 65);
        const path = `${senders}/${push.senderId}`;
        assert.equal((await ok(node.api('PATCH', path, { urgency: 'high' }))).public.publicKey, publicKey);
        assert.notEqual((await ok(node.api('PATCH', path, { privateKey: null }))).public.publicKey, publicKey);
        const v = await ok(node.api('POST', `${path}/verify`, undefined, { headers: { accept: 'application/json' } }));
        assert.deepEqual([v.works, v.asked, v.questions], [true, false, []]);

        const mail = await make({ name: 'Mail', kind: 'smtp', host: 'localhost', security: 'none', from, dkim: { domain: 'example.com', selector: 'a' } });
        assert.deepEqual(mail.public.dkim.map(d => d.name), ['a._domainkey.example.com', 'a-ed25519._domainkey.example.com']);
        const moved = await ok(node.api('PATCH', `${senders}/${mail.senderId}`, { dkim: { domain: 'example.org', selector: 'a' } }));
        assert.equal(moved.public.dkim[0].value, mail.public.dkim[0].value); // the keys stay
        assert.equal(moved.public.dkim[0].name, 'a._domainkey.example.org');
        assert.equal((await node.api('POST', `${senders}/${mail.senderId}/verify`)).status, 409);
    });

    it('are not deleted while a campaign uses them', async () => {
        const { senderId } = await make(lineSender());
        const campaigns = senders.replace('senders', 'campaigns');
        const { campaignId } = await ok(node.api('POST', campaigns, { name: 'c', channel: 'line', senderId, content: { messages: [] } }), 201);
        assert.equal((await node.api('DELETE', `${senders}/${senderId}`)).status, 409);
        await ok(node.api('DELETE', `${campaigns}/${campaignId}`), 204);
        await ok(node.api('DELETE', `${senders}/${senderId}`), 204);
    });

    it('belong to one provider', async () => {
        const { senderId } = await make(lineSender());
        const other = await ok(node.api('POST', '/api/v1/providers', { name: 'Other' }), 201);
        for (const [method, more] of [['GET', ''], ['PATCH', ''], ['DELETE', ''], ['POST', '/verify'], ['GET', '/quota'], ['POST', '/resume']]) {
            const r = await node.api(method, `/api/v1/providers/${other.providerId}/senders/${senderId}${more}`, method === 'PATCH' ? { name: 'mine' } : undefined);
            assert.equal(r.status, 404, `${method} ${more}`);
        }
        const stolen = await node.api('POST', `/api/v1/providers/${other.providerId}/campaigns`, { name: 'c', channel: 'line', senderId, content: {} });
        assert.equal(stolen.status, 409);
    });

    const verify = async (body, query = '') => {
        const { senderId } = await make(body);
        return ok(node.api('POST', `${senders}/${senderId}/verify${query}`, undefined, { headers: { accept: 'application/json' } }));
    };

    it('LINE: the bot, the quota, and a message that goes to nobody', async () => {
        line.behave({ used: 12, monthlyLimit: 200 });
        const v = await verify(lineSender());
        assert.deepEqual([v.works, v.question, v.error, v.account, v.quota, v.used], [true, null, null, 'todoke', 200, 12]);
        assert.deepEqual(v.questions.map(q => [q.question, q.fine, q.status]), [['bot', true, 200], ['quota', true, 200], ['consumption', true, 200], ['validate', true, 200]]);
        for (const q of v.questions) {
            assert.equal(q.phases.at(-1).phase, 'await');
            assert.equal(q.phases[0].phase, 'resolve');
            assert.ok(q.phases.every((p, i) => !i || p.atUs >= q.phases[i - 1].atUs));
        }
        assert.equal(line.taken.total, 0); // nobody got anything
        const { senderId } = await make(lineSender());
        assert.deepEqual(await ok(node.api('GET', `${senders}/${senderId}/quota`)), { told: true, quota: 200, used: 12, refusal: null });
        line.behave({ used: 0 });
    });

    it('LINE: a token that is none, in the words of the list', async () => {
        const v = await verify(lineSender({ channelAccessToken: 'nonsense' }));
        assert.equal(v.works, false);
        assert.equal(v.question, 'bot');
        assert.equal(v.error.kind, 'クライアントエラー');
        assert.equal(v.error.concerns, 'account');
        assert.equal(v.error.effect, 'none');
        assert.equal(v.exchange, null);
        assert.equal(v.questions.length, 1);
        assert.match((await verify(lineSender({ channelAccessToken: 'nonsense' }), '?lang=ja')).error.advice, /[ぁ-ん]/);
    });

    it('a host that does not answer: what happened on the way', async () => {
        const v = await verify(lineSender({ baseUrl: 'http://127.0.0.1:9' }));
        assert.equal(v.works, false);
        assert.equal(v.exchange.cause, 'tcp_refused');
        assert.ok(v.exchange.advice);
        assert.equal(v.questions[0].status, 0);
    });

    it('FCM: a token first, then a message that is only validated', async () => {
        const v = await verify({ name: 'FCM', kind: 'fcm', serviceAccount: fcm.serviceAccount, baseUrl: fcm.url });
        assert.deepEqual(v.questions.map(q => q.question), ['token', 'validate']);
        assert.deepEqual([v.works, v.account], [true, fcm.serviceAccount.client_email]);
    });

    it('SendGrid: scopes, sandbox, credits', async () => {
        const v = await verify({ name: 'SG', kind: 'sendgrid', apiKey: sendgrid.apiKey, from, baseUrl: sendgrid.url });
        assert.deepEqual(v.questions.map(q => q.question), ['scopes', 'validate', 'quota']);
        assert.equal(v.works, true);
        const wrong = await verify({ name: 'SG', kind: 'sendgrid', apiKey: 'SG.wrong', from, baseUrl: sendgrid.url });
        assert.equal(wrong.works, false);
        assert.equal(wrong.error.concerns, 'account');
    });

    it('Verify is told live: question, phases, answer, and the verdict at the end', async () => {
        const { senderId } = await make(lineSender());
        const r = await fetch(`${node.url}${senders}/${senderId}/verify`, { method: 'POST', headers: { authorization: `Bearer ${node.key}` } });
        assert.equal(r.headers.get('content-type'), 'text/event-stream');
        const events = (await r.text()).trim().split('\n\n').map(e => [/^event: (.*)$/m.exec(e)[1], JSON.parse(/^data: (.*)$/m.exec(e)[1])]);
        assert.deepEqual(events[0], ['question', { question: 'bot' }]);
        assert.deepEqual(events.filter(([name]) => name === 'answer').map(([, d]) => d.question), ['bot', 'quota', 'consumption', 'validate']);
        assert.ok(events.filter(([name]) => name === 'phase').every(([, d]) => d.question && d.phase));
        assert.equal(events.at(-1)[0], 'verdict');
        assert.equal(events.at(-1)[1].works, true);
    });

    it('Verify ends with its client', async () => {
        let asked;
        const waiting = new Promise(resolve => (asked = resolve));
        const silent = http.createServer(req => asked(req)).listen(0, '127.0.0.1'); // never answers
        await once(silent, 'listening');
        const { senderId } = await make(lineSender({ baseUrl: `http://127.0.0.1:${silent.address().port}` }));
        const over = new AbortController();
        const r = await fetch(`${node.url}${senders}/${senderId}/verify`, { method: 'POST', headers: { authorization: `Bearer ${node.key}` }, signal: over.signal });
        const { socket } = await waiting;
        const closed = once(socket, 'close');
        over.abort();
        await closed; // long before the service's time is over
        await r.text().catch(() => {});
        silent.close();
    });

    it('are verified 60 times an hour', async () => {
        const { senderId } = await make({ name: 'Browser', kind: 'webpush', subject: 'mailto:shop@example.com' });
        for (let i = 0; i < 60; i++) await ok(node.api('POST', `${senders}/${senderId}/verify`, undefined, { headers: { accept: 'application/json' } }));
        assert.equal((await node.api('POST', `${senders}/${senderId}/verify`)).status, 429);
    });
});

describe('a node without http targets', () => {
    it('refuses a baseUrl of http', async () => {
        const data = dataDir(), key = createKey(data);
        const child = spawn(bin, ['serve', '--data', data, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
        let out = '';
        const url = await new Promise((resolve, reject) => {
            child.stdout.setEncoding('utf8').on('data', d => { out += d; const m = /^listening on (\S+)$/m.exec(out); if (m) resolve(m[1]); });
            child.on('close', code => reject(new Error(`ended with ${code}`)));
        });
        try {
            const r = await fetch(`${url}/api/v1/providers/1/senders`, {
                method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
                body: JSON.stringify({ name: 'LINE', kind: 'line', channelAccessToken: 'x', baseUrl: 'HTTP://line.example.com' }),
            });
            assert.equal(r.status, 400);
            assert.equal((await r.json()).details[0].property, 'baseUrl');
        } finally {
            child.kill('SIGTERM');
            await new Promise(r => child.on('close', r));
        }
    });
});
