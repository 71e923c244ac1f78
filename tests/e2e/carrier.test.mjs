// What senders send, beside what the services' own clients send for the same message, member by member; and what they encrypt,
// read by a browser's own keys. build/tests/carrier/todoke-carrier prints our requests.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { messagingApi } from '@line/bot-sdk';
import sendgrid from '@sendgrid/mail';
import firebase from 'firebase-admin';
import ece from 'http_ece';
import webpush from 'web-push';
import { bin } from './lib/node.mjs';

const KEY = '123e4567-e89b-42d3-a456-426614174000';
const NOW = Date.UTC(2026, 10, 28, 12);

let child, lines, server, base;
const seen = []; // requests that clients made: { method, path, headers, body }

before(async () => {
    child = spawn(join(dirname(bin), 'tests/carrier/todoke-carrier'), { stdio: ['pipe', 'pipe', 'inherit'] });
    lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    server = http.createServer(async (req, res) => {
        const parts = [];
        for await (const part of req) parts.push(part);
        seen.push({ method: req.method, path: req.url, headers: req.headers, body: Buffer.concat(parts).toString() });
        res.setHeader('content-type', 'application/json');
        if (req.url.endsWith('/token')) res.end('{"access_token":"ya29.token","expires_in":3599,"token_type":"Bearer"}');
        else if (req.url.includes('messages:send')) res.end('{"name":"projects/p/messages/1"}');
        else if (req.url.startsWith('/v3/mail')) res.writeHead(202).end();
        else res.end('{"sentMessages":[{"id":"1","quoteToken":"q"}]}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${server.address().port}`;
});

after(async () => {
    child.stdin.end();
    server.close();
    server.closeAllConnections();
});

async function ours(task) {
    child.stdin.write(`${JSON.stringify({ wallMs: NOW, ...task })}\n`);
    const { value, done } = await lines.next();
    assert(!done, 'todoke-carrier ended');
    const answer = JSON.parse(value);
    assert.equal(answer.error, undefined, `${answer.property}: ${answer.message}`);
    if (answer.body !== undefined) answer.body = Buffer.from(answer.body, 'base64');
    return answer;
}

async function theirs(send) {
    seen.length = 0;
    await send();
    return seen.at(-1);
}

/* The same method, path and body; the same value of each header named. */
function same(mine, other, headers) {
    const url = new URL(mine.url);
    assert.equal(mine.method, other.method);
    assert.equal(url.pathname + url.search, other.path);
    assert.deepEqual(JSON.parse(mine.body), JSON.parse(other.body));
    for (const name of headers) assert.equal(mine.headers[name]?.toLowerCase(), other.headers[name]?.toLowerCase(), name);
    assert(mine.headers['content-type'].startsWith('application/json'));
}

test('SendGrid: as @sendgrid/mail sends it', async () => {
    sendgrid.setApiKey('SG.key');
    sendgrid.client.setDefaultRequest('baseUrl', base);
    const people = [1, 2, 3].map(n => ({ target: `p${n}@example.net`, job: 12, n, key: KEY, campaign: 'spring',
        unsubscribe: `https://todoke.example/u/${n}` }));
    const content = { subject: 'Sale "today" 届け', text: 'Hi\n', html: '<p>Hi &amp; bye</p>' };
    const sender = { service: 'sendgrid', settings: { baseUrl: base, from: { email: 'news@example.com', name: 'News' } }, secret: { apiKey: 'SG.key' } };
    const other = await theirs(() => sendgrid.send({
        from: { email: 'news@example.com', name: 'News' }, subject: content.subject, text: content.text, html: content.html, categories: ['spring'],
        personalizations: people.map(p => ({ to: [{ email: p.target }], customArgs: { todoke_job: '12', todoke_message: String(p.n) },
            headers: { 'List-Unsubscribe': `<${p.unsubscribe}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' } })),
    }));
    same(await ours({ ...sender, content, parcels: people }), other, ['authorization', 'content-type']);
    const one = await theirs(() => sendgrid.send({ from: 'news@example.com', subject: 's', text: 't',
        personalizations: [{ to: [{ email: 'a@example.net' }], customArgs: { todoke_job: '1', todoke_message: '2' } }] }));
    same(await ours({ ...sender, settings: { baseUrl: base, from: { email: 'news@example.com' } }, content: { subject: 's', text: 't', html: '' },
        parcels: [{ target: 'a@example.net', job: 1, n: 2 }] }), one, ['authorization']);
});

test('LINE: as @line/bot-sdk sends it', async () => {
    const client = new messagingApi.MessagingApiClient({ channelAccessToken: 'token', baseURL: base });
    const sender = { service: 'line', settings: { baseUrl: base }, secret: { channelAccessToken: 'token' } };
    const messages = [{ type: 'text', text: '{届け}' }, { type: 'flex', altText: 'a', contents: { type: 'bubble', body: { type: 'box', layout: 'vertical', contents: [] } } }];
    const to = ['U0123456789abcdef0123456789abcdef', 'Ufedcba9876543210fedcba9876543210'];
    const headers = ['authorization', 'x-line-retry-key'];
    const push = await theirs(() => client.pushMessage({ to: to[0], messages }, KEY));
    same(await ours({ ...sender, content: { messages }, parcels: [{ target: to[0], key: KEY }] }), push, headers);
    const mine = await ours({ ...sender, content: { messages }, parcels: to.map(target => ({ target, key: KEY })) });
    assert.match(mine.headers['x-line-retry-key'], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const multicast = await theirs(() => client.multicast({ to, messages }, mine.headers['x-line-retry-key']));
    same(mine, multicast, headers);
    const check = await theirs(() => client.validatePush({ messages: [{ type: 'text', text: 'todoke' }] }));
    same(await ours({ ...sender, do: 'ask', step: 3 }), check, ['authorization']);
    const questions = [c => c.getBotInfo(), c => c.getMessageQuota(), c => c.getMessageQuotaConsumption()];
    for (const [step, asked] of questions.entries()) {
        const other = await theirs(() => asked(client));
        const question = await ours({ ...sender, do: 'ask', step });
        assert.equal(`${question.method} ${new URL(question.url).pathname}`, `${other.method} ${other.path}`);
        assert.equal(question.headers.authorization, other.headers.authorization);
    }
});

const part = (token, n) => JSON.parse(Buffer.from(token.split('.')[n], 'base64url'));

test('FCM: as firebase-admin sends it, and asks for its token', async () => {
    const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048,
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
    const account = { type: 'service_account', project_id: 'my-project', private_key_id: 'abc', private_key: privateKey,
        client_email: 'push@my-project.iam.gserviceaccount.com', token_uri: 'https://accounts.google.com/o/oauth2/token' };
    const sender = { service: 'fcm', settings: { baseUrl: base }, secret: { serviceAccount: account } };
    // Its hosts are fixed: what it would ask of them comes to us.
    const request = https.request;
    https.request = (options, ...more) => http.request({ ...options, protocol: 'http:', host: '127.0.0.1', hostname: '127.0.0.1',
        port: server.address().port, agent: undefined }, ...more);
    const app = firebase.initializeApp({ credential: firebase.credential.cert(account), projectId: 'my-project' }, 'carrier');
    try {
        const link = 'https://example.com/a?b=c';
        const other = await theirs(() => app.messaging().send({ token: 'device', notification: { title: '届け', body: 'B\n' },
            data: { n: '5', link }, android: { collapseKey: 'k', priority: 'high' }, apns: { payload: { aps: { badge: 1 } } },
            webpush: { fcmOptions: { link } } }));
        same(await ours({ ...sender, token: 'ya29.token', content: { title: '届け', body: 'B\n', link, data: { n: 5 },
            android: { collapse_key: 'k', priority: 'high' }, apns: { payload: { aps: { badge: 1 } } } }, parcels: [{ target: 'device' }] }),
        // The reference calls it fcm_options; the JSON of protocol buffers takes either spelling.
        { ...other, body: other.body.replace('fcmOptions', 'fcm_options') }, ['authorization']);
        const asked = seen.find(r => r.path.endsWith('/token'));
        const mine = await ours({ ...sender, do: 'grant' });
        assert.equal(new URL(mine.url).pathname, asked.path);
        assert.equal(mine.headers['content-type'], asked.headers['content-type'].split(';')[0]);
        const [form, form2] = [asked.body, mine.body.toString()].map(body => Object.fromEntries(new URLSearchParams(body)));
        assert.deepEqual(Object.keys(form2).sort(), Object.keys(form).sort());
        assert.equal(form2.grant_type, form.grant_type);
        const [claims, claims2] = [form, form2].map(f => part(f.assertion, 1));
        assert.deepEqual(Object.keys(claims2).sort(), Object.keys(claims).sort());
        assert.equal(claims2.iss, claims.iss);
        assert.equal(claims2.aud, claims.aud);
        assert.equal(claims2.exp - claims2.iat, claims.exp - claims.iat);
        assert(claims.scope.split(' ').includes(claims2.scope), claims2.scope);
        assert.equal(part(form2.assertion, 0).alg, part(form.assertion, 0).alg);
        const [head, body, signature] = form2.assertion.split('.');
        assert(crypto.verify('sha256', Buffer.from(`${head}.${body}`), publicKey, Buffer.from(signature, 'base64url')));
        const dry = await theirs(() => app.messaging().send({ topic: 'todoke-verify', notification: { title: 'todoke' } }, true));
        same(await ours({ ...sender, token: 'ya29.token', do: 'ask', step: 1 }), dry, ['authorization']);
    } finally {
        https.request = request;
        await app.delete();
    }
});

/* A browser's subscription, with the keys that the browser keeps. */
function subscribe(endpoint) {
    const curve = crypto.createECDH('prime256v1');
    curve.generateKeys();
    const auth = crypto.randomBytes(16);
    return { endpoint, curve, auth, keys: { p256dh: curve.getPublicKey('base64url'), auth: auth.toString('base64url') } };
}

const decrypt = (browser, body) => ece.decrypt(body, { version: 'aes128gcm', privateKey: browser.curve, authSecret: browser.keys.auth });

test('Web Push: as web-push sends it, and readable by the browser alone', async () => {
    const { json: secret } = await ours({ service: 'webpush', do: 'keys' });
    const sender = { service: 'webpush', settings: { subject: 'mailto:push@example.com', ttlSeconds: 60, urgency: 'high' }, secret };
    const { json: { publicKey } } = await ours({ ...sender, do: 'public' });
    const browser = subscribe('https://updates.push.services.mozilla.com/wpush/v2/gAAAA');
    const shown = { title: '届け', body: 'B\n"', icon: '/icon.png', url: 'https://example.com/' };
    const mine = await ours({ ...sender, content: { ...shown, topic: 'sale' }, parcels: [{ target: browser.endpoint, ...browser.keys, job: 3, n: 4, key: KEY }] });
    const other = webpush.generateRequestDetails({ endpoint: browser.endpoint, keys: browser.keys }, mine.body.length.toString(), {
        vapidDetails: { subject: 'mailto:push@example.com', publicKey, privateKey: secret.privateKey },
        TTL: 60, urgency: 'high', topic: 'sale', contentEncoding: 'aes128gcm' });
    assert.equal(mine.method, other.method);
    assert.equal(mine.url, other.endpoint);
    const names = Object.keys(other.headers).map(name => name.toLowerCase()).filter(name => name !== 'content-length');
    assert.deepEqual(Object.keys(mine.headers).sort(), names.sort());
    for (const [name, value] of Object.entries(other.headers)) {
        if (/^(ttl|urgency|topic|content-type|content-encoding)$/i.test(name)) assert.equal(mine.headers[name.toLowerCase()], String(value), name);
    }
    const vapid = headers => /^vapid t=([\w.-]+), k=([\w-]+)$/.exec(headers.authorization ?? headers.Authorization);
    const [, token, key] = vapid(mine.headers), [, token2, key2] = vapid(other.headers);
    assert.equal(key, key2);
    assert.deepEqual(part(token, 0), part(token2, 0));
    const [claims, claims2] = [part(token, 1), part(token2, 1)];
    assert.deepEqual(Object.keys(claims).sort(), Object.keys(claims2).sort());
    assert.equal(claims.aud, claims2.aud);
    assert.equal(claims.sub, claims2.sub);
    assert(claims.exp * 1000 > NOW && claims.exp * 1000 <= NOW + 24 * 3600_000);
    const point = Buffer.from(key, 'base64url');
    const jwk = crypto.createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') } });
    const [head, body, signature] = token.split('.');
    assert(crypto.verify('sha256', Buffer.from(`${head}.${body}`), { key: jwk, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')));
    assert.deepEqual(JSON.parse(decrypt(browser, mine.body)), { ...shown, id: `3.4.${KEY}` });
    const stranger = subscribe(browser.endpoint);
    assert.throws(() => decrypt({ ...browser, curve: stranger.curve }, mine.body));
    assert.throws(() => decrypt({ ...browser, keys: stranger.keys }, mine.body));
});

test('Web Push: every length up to the largest can be read, and no body is larger than 4,096 bytes', async () => {
    const sender = { service: 'webpush', settings: { subject: 'mailto:push@example.com' }, secret: (await ours({ service: 'webpush', do: 'keys' })).json };
    const browser = subscribe('https://push.example/x');
    const empty = JSON.stringify({ title: 't', body: '', id: `0.0.${KEY}` }).length;
    for (const length of [1, 2, 15, 16, 17, 100, 1000, 3000, 3993 - empty]) {
        const text = 'x'.repeat(length);
        const { body } = await ours({ ...sender, content: { title: 't', body: text }, parcels: [{ target: browser.endpoint, ...browser.keys, key: KEY }] });
        assert.equal(body.length, 86 + empty + length + 17);
        assert(body.length <= 4096);
        assert.equal(JSON.parse(decrypt(browser, body)).body, text);
    }
});
