// The fake push services: web-push is the client, and http_ece opens what arrived with the browser's keys.
import assert from 'node:assert/strict';
import { createECDH, createSign, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { after, before, beforeEach, describe, it } from 'node:test';
import { start } from '../../demo/services/webpush.mjs';
import { caFile, certs } from './lib/certs.mjs';
import { request, request2 } from './lib/services.mjs';

const require = createRequire(import.meta.url);
const webpush = require('web-push');
const ece = require('http_ece');
const ca = readFileSync(caFile);
const vapid = webpush.generateVAPIDKeys();
const details = { subject: 'mailto:ops@example.com', ...vapid };

let push, agent;
before(async () => {
    push = await start({ tls: certs.good });
    agent = new https.Agent({ ca, keepAlive: true });
});
after(() => {
    agent.destroy();
    return push.close();
});
beforeEach(() => push.behave({ answers: null }));

const notify = (subscription, text = 'こんにちは', options = {}) => webpush.sendNotification(subscription, text, { vapidDetails: details, TTL: 60, agent, ...options })
    .catch(failure => failure);
// The same request as web-push would send, changed by the test.
function raw(subscription, { drop = [], set = {}, body, send = request, options } = {}) {
    const made = webpush.generateRequestDetails(subscription, 'x', { vapidDetails: details, TTL: 60, ...options });
    const headers = Object.fromEntries(Object.entries({ ...made.headers, ...set }).filter(([name]) => !drop.includes(name)));
    if (body) delete headers['Content-Length'];
    return send(made.endpoint, { headers, body: body ?? made.body, ca });
}

describe('Web Push: web-push and http_ece', () => {
    it('takes a notification, which opens with the browser’s keys', async () => {
        const subscription = push.subscribe({ applicationServerKey: vapid.publicKey });
        const answer = await notify(subscription, '{"title":"お知らせ"}', { urgency: 'high', topic: 'news' });
        assert.deepEqual([answer.statusCode, answer.body], [201, '']);
        assert.match(answer.headers.location, new RegExp(`^${push.origin}/m/`));
        const [message] = push.taken.of(subscription.endpoint);
        assert.deepEqual([message.ttl, message.urgency, message.topic], [60, 'high', 'news']);
        const { privateKey, auth, p256dh } = push.keysOf(subscription.endpoint);
        const browser = createECDH('prime256v1');
        browser.setPrivateKey(privateKey);
        assert.equal(p256dh, subscription.keys.p256dh);
        const opened = ece.decrypt(message.body, { version: 'aes128gcm', privateKey: browser, authSecret: auth.toString('base64url') });
        assert.equal(opened.toString('utf8'), '{"title":"お知らせ"}');
        assert.equal(push.open(message), '{"title":"お知らせ"}');
        assert.throws(() => push.open({ ...message, who: push.subscribe().endpoint }), 'the keys of another browser do not open it');
    });

    const rows = [ // service, kind, status, what the body or headers say
        ['mozilla', 'gone', 410, /^{"code":410,"errno":106,"error":"Gone","message":"No such subscription","more_info":/],
        ['mozilla', 'not-found', 404, /"errno":102/], ['mozilla', '502', 502, /"errno":903,"error":"Bad Gateway","message":"Bridge request timeout"/],
        ['mozilla', 'too-large', 413, /"errno":104/], ['mozilla', 'unauthorized', 401, /"errno":109/], ['mozilla', 'bad-request', 400, /"errno":110/],
        ['google', 'gone', 410, /^<HTML>\n<HEAD>\n<TITLE>NotRegistered<\/TITLE>/], ['google', 'unauthorized', 401, /<H1>Unauthorized<\/H1>\n<H2>Error 401<\/H2>/],
        ['google', 'forbidden', 403, /<H2>Error 403<\/H2>/], ['apple', 'gone', 410, /^{"reason":"Unregistered"}$/], ['apple', 'unauthorized', 403, /^{"reason":"MissingProviderToken"}$/],
        ['wns', 'gone', 410, /^$/], ['wns', 'wns-throttled', 200, /^$/], ['wns', 'wns-busy', 406, /^$/], ['mozilla', '502-html', 502, /^<html>/],
    ];
    for (const [service, kind, status, words] of rows) {
        it(`${service}, ${kind}: ${status}`, async () => {
            const subscription = push.subscribe({ kind, service });
            const answer = await notify(subscription);
            assert.equal(answer.statusCode, status);
            assert.match(answer.body, words);
            assert.equal(push.taken.times(subscription.endpoint), 0);
            if (service === 'wns') assert.ok(['dropped', 'channelThrottled'].includes(answer.headers['x-wns-notificationstatus']));
        });
    }

    it('tells WNS’s success in headers, Retry-After, and 202', async () => {
        assert.equal((await notify(push.subscribe({ service: 'wns' }))).headers['x-wns-notificationstatus'], 'received');
        for (const kind of ['too-many', '503']) assert.equal((await notify(push.subscribe({ kind }))).headers['retry-after'], '1');
        assert.equal((await notify(push.subscribe({ kind: 'stored' }))).statusCode, 202);
        assert.match((await notify(push.subscribe({ service: 'google' }))).headers.location, /\/0:/);
    });

    it('fails a number of times, and is gone once the browser unsubscribed', async () => {
        const subscription = push.subscribe({ kind: '503', times: 1 });
        assert.deepEqual([(await notify(subscription)).statusCode, (await notify(subscription)).statusCode], [503, 201]);
        push.unsubscribe(subscription.endpoint);
        assert.equal((await notify(subscription)).statusCode, 410);
        push.behave({ answers: 'too-many' });
        assert.equal((await notify(push.subscribe())).statusCode, 429);
        assert.throws(() => push.subscribe({ kind: 'nonsense' }), /no kind nonsense/);
        assert.throws(() => push.subscribe({ service: 'nonsense' }), /no service nonsense/);
    });

    it('lets a shell subscribe, at the desk', async () => {
        const answer = await request(`${push.url}/-/subscribe`, { body: JSON.stringify({ kind: 'gone' }), ca });
        assert.equal(answer.status, 201);
        assert.equal((await notify(JSON.parse(answer.text))).statusCode, 410);
        assert.equal((await request(`${push.url}/-/subscribe`, { body: '{"kind":"nonsense"}', ca })).status, 400);
    });
});

describe('Web Push: what the protocol wants', () => {
    const es256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // A VAPID header made by hand, so that each claim can be wrong.
    function header(claims = {}, { alg = 'ES256', spoil = false } = {}) {
        const b64 = value => Buffer.from(JSON.stringify(value)).toString('base64url');
        const signed = `${b64({ typ: 'JWT', alg })}.${b64({ aud: push.origin, exp: Math.floor(Date.now() / 1000) + 3600, sub: 'mailto:a@example.com', ...claims })}`;
        const signature = createSign('SHA256').update(signed + (spoil ? 'x' : '')).sign({ key: es256.privateKey, dsaEncoding: 'ieee-p1363' });
        const { x, y } = es256.publicKey.export({ format: 'jwk' });
        const k = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]).toString('base64url');
        return { Authorization: `vapid t=${signed}.${signature.toString('base64url')}, k=${k}` };
    }
    const seconds = () => Math.floor(Date.now() / 1000);
    const rows = [
        ['no Authorization', () => ({ drop: ['Authorization'] }), 401, 'Missing VAPID token'],
        ['another scheme', () => ({ set: { Authorization: 'Bearer x' } }), 401, 'Invalid Authorization header'],
        ['a signature over something else', () => ({ set: header({}, { spoil: true }) }), 401, 'Invalid VAPID signature'],
        ['another algorithm', () => ({ set: header({}, { alg: 'HS256' }) }), 401, 'Invalid VAPID signature'],
        ['another audience', () => ({ set: header({ aud: 'https://example.com' }) }), 401, 'Invalid audience: https://example.com'],
        ['a token that is over', () => ({ set: header({ exp: seconds() - 1 }) }), 401, 'Expired VAPID token'],
        ['a token for two days', () => ({ set: header({ exp: seconds() + 2 * 86_400 }) }), 401, 'VAPID expiration is more than 24 hours away'],
        ['a subject that is no address', () => ({ set: header({ sub: 'me' }) }), 401, 'Invalid VAPID subject'],
        ['no TTL', () => ({ drop: ['TTL'] }), 400, 'Missing Required Header: TTL'],
        ['a TTL that is no number', () => ({ set: { TTL: 'x' } }), 400, 'Invalid TTL header value'],
        ['a topic of 33', () => ({ set: { Topic: 'x'.repeat(33) } }), 400, 'Invalid Topic header value'],
        ['an urgency of its own', () => ({ set: { Urgency: 'very-high' } }), 400, 'Invalid Urgency header value'],
        ['4,097 bytes', () => ({ body: Buffer.alloc(4097) }), 413, 'Data payload too large'],
        ['a body that is not encrypted', () => ({ body: Buffer.from('hello') }), 400, 'Invalid aes128gcm Crypto-Key header'],
    ];
    for (const [name, change, status, message] of rows) {
        it(`refuses ${name}: ${status}`, async () => {
            const subscription = push.subscribe();
            const answer = await raw(subscription, change());
            assert.deepEqual([answer.status, JSON.parse(answer.text).message], [status, message]);
            assert.equal(push.taken.times(subscription.endpoint), 0);
        });
    }

    it('takes a token by hand, another key only for another subscription, and HTTP/2', async () => {
        assert.equal((await raw(push.subscribe(), { set: header() })).status, 201);
        const bound = push.subscribe({ applicationServerKey: vapid.publicKey });
        assert.equal((await raw(bound, { set: header() })).status, 403);
        const first = push.subscribe();
        assert.equal((await raw(first)).status, 201);
        assert.equal((await raw(first, { set: header() })).status, 403, 'the first key is the subscription’s');
        assert.equal((await raw(push.subscribe(), { send: request2, drop: ['Content-Length'] })).status, 201);
    });

    it('takes a body of 4,096 bytes, and none at all', async () => {
        const subscription = push.subscribe();
        assert.equal((await notify(subscription, 'x'.repeat(4096 - 86 - 17))).statusCode, 201);
        assert.equal(push.taken.of(subscription.endpoint)[0].body.length, 4096);
        assert.equal((await notify(subscription, null)).statusCode, 201);
    });

    it('knows no endpoint but its own', async () => {
        const { endpoint, keys } = push.subscribe();
        assert.equal((await notify({ endpoint: `${endpoint}x`, keys })).statusCode, 404);
        for (const [kind, taken] of [['drop-before', 0], ['drop-after', 1]]) {
            const subscription = push.subscribe({ kind });
            assert.equal((await notify(subscription)).code, 'ECONNRESET');
            assert.equal(push.taken.times(subscription.endpoint), taken);
        }
    });
});
