// The fake LINE Messaging API: LINE's own SDK is its client, and the limits and retry keys are those that LINE documents.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, beforeEach, describe, it } from 'node:test';
import { kinds, start, userId } from '../../demo/services/line.mjs';
import { request, request2 } from './lib/services.mjs';

const { messagingApi, HTTPFetchError } = createRequire(import.meta.url)('@line/bot-sdk');
const text = { type: 'text', text: 'こんにちは' };
const KEY = '123e4567-e89b-12d3-a456-426614174000', OTHER = '123e4567-e89b-12d3-a456-426614174001';

let clock = Date.UTC(2030, 0, 1);
let line;
const push = (to, { key, token = line.channelAccessToken, messages = [text], send = request, path = 'push', type = 'application/json', raw, limit } = {}) =>
    send(`${line.url}/v2/bot/message/${path}`, {
        headers: { 'content-type': type, authorization: `Bearer ${token}`, ...(key && { 'x-line-retry-key': key }) },
        body: raw ?? JSON.stringify({ to, messages }), limit,
    });
const message = answer => JSON.parse(answer.text).message;

before(async () => (line = await start({ now: () => clock })));
after(() => line.close());
beforeEach(() => {
    line.taken.clear();
    line.behave({ revoked: false, expired: false, available: true, monthlyLimit: 1_000_000, used: 0, perSecond: 0, multicastPerSecond: 0, answers: null });
});

describe('LINE: the official SDK', () => {
    const client = () => new messagingApi.MessagingApiClient({ channelAccessToken: line.channelAccessToken, baseURL: line.url });

    it('pushes, multicasts, validates, and reads the quota, the account and a profile', async () => {
        const [one, two, blocked] = [userId('fine', { n: 1 }), userId('fine', { n: 2 }), userId('blocked')];
        const sent = await client().pushMessage({ to: one, messages: [text, text] }, KEY);
        assert.equal(sent.sentMessages.length, 2);
        assert.match(sent.sentMessages[0].id, /^\d{18}$/);
        assert.deepEqual(await client().multicast({ to: [one, two, blocked], messages: [text] }), {});
        assert.deepEqual([one, two, blocked].map(who => line.taken.times(who)), [2, 1, 0]);
        assert.deepEqual(line.taken.repeated, [one]);
        assert.deepEqual(await client().getMessageQuota(), { type: 'limited', value: 1_000_000 });
        assert.deepEqual(await client().getMessageQuotaConsumption(), { totalUsage: 4 });
        assert.equal((await client().getBotInfo()).chatMode, 'bot');
        assert.equal((await client().getProfile(one)).userId, one);
        assert.deepEqual(await client().validatePush({ messages: [text] }), {});
        await assert.rejects(client().validatePush({ messages: [] }), HTTPFetchError);
    });

    it('reads the accepted request of a repeated key from 409', async () => {
        const to = userId('fine', { n: 3 });
        const first = await client().pushMessageWithHttpInfo({ to, messages: [text] }, OTHER);
        const again = await client().pushMessageWithHttpInfo({ to, messages: [text] }, OTHER).then(() => assert.fail('no 409'), failure => failure);
        assert.equal(again.status, 409);
        assert.equal(again.headers.get('x-line-accepted-request-id'), first.httpResponse.headers.get('x-line-request-id'));
        assert.deepEqual(JSON.parse(again.body), { message: 'The retry key is already accepted', sentMessages: first.body.sentMessages });
        assert.equal(line.taken.times(to), 1);
    });
});

describe('LINE: the person decides', () => {
    // Status and words as LINE's reference and the customers' list have them.
    const rows = [
        ['to-invalid', 400, 'The property, \'to\', in the request body is invalid (line: 1, column: 7)'],
        ['not-sent', 400, 'Failed to send messages'],
        ['message-invalid', 400, 'A message (messages[0]) in the request body is invalid'],
        ['second-invalid', 400, 'A message (messages[1]) in the request body is invalid'],
        ['unauthenticated', 401, 'Authentication failed due to the following reason: Authentication Failed.. Confirm that the access token in the authorization header is valid.'],
        ['expired', 401, 'Authentication failed due to the following reason: access token expired. Confirm that the access token in the authorization header is valid.'],
        ['forbidden', 403, 'Access to this API is not available for your account'],
        ['not-found', 404, 'Not found'],
        ['monthly', 429, 'You have reached your monthly limit.'],
        ['rate', 429, 'The API rate limit has been exceeded. Try again later.'],
        ['500', 500, 'Internal Server Error'],
        ['503', 503, 'Service Unavailable'],
    ];
    for (const [kind, status, words] of rows) {
        it(`${kind}: ${status} ${words}`, async () => {
            const answer = await push(userId(kind));
            assert.deepEqual([answer.status, message(answer)], [status, words]);
            assert.match(answer.headers['x-line-request-id'], /^[0-9a-f-]{36}$/);
            assert.equal(line.taken.total, 0);
        });
    }

    it('answers 429 without a body, and with pages and texts of proxies', async () => {
        assert.deepEqual(await push(userId('rate-bare')).then(a => [a.status, a.text]), [429, '']);
        assert.match((await push(userId('502-html'))).text, /^<html>\r\n<head><title>502 Bad Gateway/);
        assert.equal((await push(userId('503-envoy'))).text, 'upstream connect error or disconnect/reset before headers. reset reason: connection termination');
        assert.equal((await push(userId('503-seconds'))).headers['retry-after'], '1');
        assert.equal(new Date((await push(userId('503-date'))).headers['retry-after']).getTime(), clock + 2000);
    });

    it('fails as often as the id says, and then works', async () => {
        const to = userId('500', { times: 2, n: 9 });
        const statuses = [];
        for (let i = 0; i < 4; i++) statuses.push((await push(to)).status);
        assert.deepEqual(statuses, [500, 500, 200, 200]);
    });

    it('says nothing of a multicast’s unknown people, and refuses an id that is none', async () => {
        const ids = [userId('fine', { n: 20 }), userId('not-sent'), userId('to-invalid')];
        assert.equal((await push(ids, { path: 'multicast' })).status, 200);
        assert.deepEqual(line.taken.recipients, [ids[0]]);
        assert.match(message(await push([ids[0], 'U123'], { path: 'multicast' })), /^The property, 'to\[1\]', in the request body is invalid/);
        assert.equal((await push(Array.from({ length: 501 }, (_, n) => userId('fine', { n })), { path: 'multicast' })).status, 400);
        assert.equal((await push(Array.from({ length: 500 }, (_, n) => userId('fine', { n })), { path: 'multicast' })).status, 200);
    });

    it('gives each kind a code of its own, and refuses a kind that is none', () => {
        const codes = Object.values(kinds).map(row => row.code);
        assert.equal(new Set(codes).size, codes.length);
        assert.throws(() => userId('nonsense'), /no kind nonsense/);
        assert.throws(() => line.behave({ answers: 'nonsense' }), /no kind nonsense/);
        assert.throws(() => line.behave({ nonsense: 1 }), /no nonsense/);
    });
});

describe('LINE: retry keys', () => {
    it('answers 409 also when the first 200 was never read', async () => {
        for (const [i, kind] of ['drop-after', 'reset-after', '500-after', 'half'].entries()) {
            const to = userId(kind, { times: 1, n: 30 + i }), key = `00000000-0000-4000-8000-00000000000${i}`;
            const first = await push(to, { key });
            assert.ok(first.error || first.cut || first.status === 500, kind);
            assert.deepEqual([(await push(to, { key })).status, line.taken.times(to)], [409, 1], kind);
            assert.equal((await push(to)).status, 200, 'without the key it is another message');
            assert.equal(line.taken.times(to), 2);
        }
    });

    it('takes a message whose first attempt was not taken', async () => {
        for (const [i, kind] of ['drop-before', '503-html', '500'].entries()) {
            const to = userId(kind, { times: 1, n: 40 + i }), key = `00000000-0000-4000-8000-00000000001${i}`;
            await push(to, { key });
            assert.equal(line.taken.times(to), 0);
            assert.deepEqual([(await push(to, { key })).status, (await push(to, { key })).status, line.taken.times(to)], [200, 409, 1]);
        }
    });

    it('wants the same body with a key, a UUID, and forgets after 24 hours', async () => {
        const to = userId('fine', { n: 50 }), key = '00000000-0000-4000-8000-000000000020';
        assert.equal((await push(to, { key })).status, 200);
        assert.equal((await push(to, { key, messages: [text, text] })).status, 400);
        assert.equal((await push(to, { key: key.toUpperCase() })).status, 409);
        assert.equal((await push(to, { key: 'no-uuid' })).status, 400);
        clock += 24 * 3600 * 1000 + 1;
        assert.equal((await push(to, { key })).status, 200);
        assert.equal(line.taken.times(to), 2);
    });
});

describe('LINE: the account', () => {
    it('knows its token', async () => {
        const wrong = await push(userId('fine'), { token: 'x' });
        assert.deepEqual([wrong.status, /reason: invalid token\./.test(message(wrong))], [401, true]);
        line.behave({ revoked: true });
        assert.match(message(await push(userId('fine'))), /reason: Authentication Failed\.\. Confirm/);
        line.behave({ revoked: false, available: false });
        assert.equal((await push(userId('fine'))).status, 403);
        line.behave({ available: true, answers: 'forbidden' });
        assert.equal((await push(userId('fine'))).status, 403);
    });

    it('stops at the monthly limit, counted by recipients', async () => {
        line.behave({ monthlyLimit: 3 });
        assert.equal((await push([1, 2].map(n => userId('fine', { n })), { path: 'multicast' })).status, 200);
        assert.equal(message(await push([1, 2].map(n => userId('fine', { n })), { path: 'multicast' })), 'You have reached your monthly limit.');
        assert.equal((await push(userId('fine'))).status, 200);
        assert.equal(message(await push(userId('fine'))), 'You have reached your monthly limit.');
        assert.equal(line.taken.total, 3);
    });

    it('counts requests a second', async () => {
        line.behave({ perSecond: 2 });
        clock += 1000;
        const statuses = async n => (await Promise.all(Array.from({ length: n }, () => push(userId('fine'))))).map(answer => answer.status).sort();
        assert.deepEqual(await statuses(4), [200, 200, 429, 429]);
        clock += 1000;
        assert.deepEqual(await statuses(3), [200, 200, 429]);
    });
});

describe('LINE: message objects', () => {
    const many = (details, n = 1) => ({ message: `The request body has ${n} error(s)`, details });
    const button = uri => ({ type: 'flex', altText: 'a', contents: { type: 'bubble', body: { type: 'box', layout: 'vertical',
        contents: [{ type: 'button', action: { type: 'uri', label: 'x', uri } }] } } });
    const rows = [
        ['none', [], many([{ message: 'Size must be between 1 and 5', property: 'messages' }])],
        ['six', Array(6).fill(text), many([{ message: 'Size must be between 1 and 5', property: 'messages' }])],
        ['an empty text', [text, { type: 'text', text: '' }], many([{ message: 'May not be empty', property: 'messages[1].text' }])],
        ['5,001 units', [{ type: 'text', text: 'a'.repeat(5001) }], many([{ message: 'Length must be between 0 and 5000', property: 'messages[0].text' }])],
        ['a link that is none', [text, button('htp://x')], { message: 'A message (messages[1]) in the request body is invalid',
            details: [{ message: 'invalid uri scheme', property: '/body/contents/0/action/uri' }] }],
        ['a placeholder without a substitution', [{ type: 'textV2', text: 'hi {name}' }], { message: 'A message (messages[0]) in the request body is invalid',
            details: [{ message: 'The substitution for the placeholder \'name\' is not specified', property: '/substitution/name' }] }],
    ];
    for (const [name, messages, want] of rows) {
        it(`refuses ${name}`, async () => {
            const answer = await push(userId('fine'), { messages });
            assert.deepEqual([answer.status, JSON.parse(answer.text)], [400, want]);
            assert.equal(line.taken.total, 0);
        });
    }

    it('takes 5,000 units, five messages, a good link, and braces written twice', async () => {
        for (const messages of [[{ type: 'text', text: 'あ'.repeat(5000) }], Array(5).fill(text), [button('https://example.com/')], [{ type: 'textV2', text: '{{hi}}' }]]) {
            assert.equal((await push(userId('fine'), { messages })).status, 200, JSON.stringify(messages).slice(0, 80));
        }
        assert.match(JSON.parse((await push(userId('fine'), { messages: [{ type: 'texd' }] })).text).details[0].message, /^Must be one of the following values: \[text, /);
    });

    it('refuses what is no JSON, no object, of another type, or for nobody', async () => {
        assert.match(message(await push('', { raw: '{"to":' })), /could not be parsed as JSON \(line: 1, column: \d+\)/);
        assert.equal((await push('', { raw: '[]' })).status, 400);
        assert.match(message(await push('', { type: 'text/plain' })), /^The content type, text\/plain, is not supported$/);
        assert.deepEqual(JSON.parse((await push(undefined)).text).details, [{ message: 'May not be empty', property: 'to' }]);
        assert.match(message(await push('someone')), /^The property, 'to', in the request body is invalid/);
    });
});

describe('exchanges that end badly, over both versions of HTTP', () => {
    const ENDED = { error: 'ECONNRESET' };
    const rows = [ // kind, whether the message is taken, what HTTP/1.1 sees, what HTTP/2 sees
        ['drop-before', false, ENDED, { rst: 8 }],
        ['drop-after', true, ENDED, { rst: 8 }],
        ['reset-refused', false, ENDED, { rst: 7 }],
        ['reset-before', false, ENDED, { rst: 2 }],
        ['reset-after', true, ENDED, { rst: 2 }],
        ['goaway-before', false, ENDED, { goaway: [0, 0] }],
        ['goaway-after', true, { status: 200 }, { status: 200, goaway: [0, 0x7fffffff] }],
        ['half', true, { status: 200, cut: true }, { status: 200, rst: 8 }],
        ['redirect', false, { status: 302 }, { status: 302, rst: 0 }],
    ];
    for (const [kind, taken, one, two] of rows) {
        it(kind, async () => {
            for (const [send, want] of [[request, one], [request2, two]]) {
                const to = userId(kind, { n: send === request ? 1 : 2 });
                const seen = await push(to, { send });
                assert.deepEqual(Object.fromEntries(Object.keys(want).map(name => [name, seen[name]])), want, JSON.stringify(seen));
                assert.equal(line.taken.times(to), taken ? 1 : 0, 'taken');
            }
        });
    }

    it('hangs before and after the message is taken, and answers late', async () => {
        for (const [kind, taken] of [['stall-before', 0], ['stall-after', 1]]) {
            assert.ok((await push(userId(kind), { limit: 300 })).error);
            assert.equal(line.taken.times(userId(kind)), taken);
        }
        const from = performance.now();
        assert.equal((await push(userId('slow'))).status, 200);
        assert.ok(performance.now() - from >= 1990);
    });
});
