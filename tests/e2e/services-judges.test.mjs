// The services' published API descriptions stand between a client and the fakes: Prism holds requests and answers to them.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import * as lineService from '../../demo/services/line.mjs';
import * as sendgridService from '../../demo/services/sendgrid.mjs';
import { description, startPrism, violations } from './lib/judges.mjs';

const require = createRequire(import.meta.url);
const { messagingApi } = require('@line/bot-sdk');
const { Client } = require('@sendgrid/client');

const KEY = '123e4567-e89b-12d3-a456-426614174000';
const json = { 'content-type': 'application/json' };
// Prism's own refusal looks like an answer: a problem of prism's.
const isPrisms = text => text.includes('stoplight.io/prism/errors');

async function judged(url, options) {
    const response = await fetch(url, { ...options, redirect: 'manual', signal: AbortSignal.timeout(30_000) });
    const text = await response.text();
    return { status: response.status, text, own: isPrisms(text), violations: violations(response.headers) };
}

const line = description('line-messaging-api.yml');
const sendgrid = description('sendgrid-mail-v3.json');
// A suite that is left out counts as nothing: these two say it, and are counted.
it('has LINE’s API description', { skip: line.skip }, () => assert.ok(existsSync(line.file)));
it('has SendGrid’s API description', { skip: sendgrid.skip }, () => assert.ok(existsSync(sendgrid.file)));

describe('LINE’s API description', { skip: line.skip }, () => {
    const to = kind => lineService.userId(kind);
    let service, prism;
    const text = [{ type: 'text', text: 'こんにちは' }];
    const push = (who, { messages = text, path = 'push', headers } = {}) => judged(`${prism.url}/v2/bot/message/${path}`, {
        method: 'POST', headers: { ...json, authorization: `Bearer ${service.channelAccessToken}`, ...headers }, body: JSON.stringify({ to: who, messages }),
    });
    before(async () => {
        service = await lineService.start();
        prism = await startPrism(line.file, service.url);
    });
    after(async () => {
        await prism?.close();
        await service?.close();
    });

    it('finds nothing wrong with what the SDK and the fake say to each other', async () => {
        const client = new messagingApi.MessagingApiClient({ channelAccessToken: service.channelAccessToken, baseURL: prism.url });
        const [one, two] = [1, 2].map(n => lineService.userId('fine', { n }));
        assert.equal((await client.pushMessage({ to: one, messages: text }, KEY)).sentMessages.length, 1);
        await client.multicast({ to: [one, two], messages: text });
        await client.validatePush({ messages: text });
        assert.deepEqual(await client.getMessageQuotaConsumption(), { totalUsage: 3 });
        assert.equal((await client.getMessageQuota()).type, 'limited');
        assert.match((await client.getBotInfo()).userId, /^U[0-9a-f]{32}$/);
        assert.equal((await client.getProfile(one)).userId, one);
    });

    const answered = Object.keys(lineService.kinds).filter(kind => lineService.kinds[kind].reply && kind !== 'rate-bare');
    for (const kind of answered) {
        it(`finds nothing wrong with the answer for ${kind}`, async () => {
            const seen = await push(to(kind));
            assert.deepEqual([seen.own, seen.violations], [false, []], seen.text);
        });
    }

    it('finds nothing wrong with 409, invalid messages, and the monthly limit', async () => {
        const headers = { 'x-line-retry-key': KEY.replace(/0$/, '1') };
        for (const status of [200, 409]) {
            const seen = await push(to('fine'), { headers });
            assert.deepEqual([seen.status, seen.own, seen.violations], [status, false, []], seen.text);
        }
        const empty = await push(to('fine'), { messages: [{ type: 'text', text: '' }] });
        assert.deepEqual([empty.status, empty.own, empty.violations], [400, false, []]);
        service.behave({ monthlyLimit: 1 });
        const monthly = await push([to('fine')], { path: 'multicast' });
        assert.deepEqual([monthly.status, monthly.own, monthly.violations], [429, false, []]);
        service.behave({ monthlyLimit: 0 });
    });

    it('does object: to a request without a recipient, and to the bare 429 of a proxy', async () => {
        assert.deepEqual(await push(undefined).then(seen => [seen.status, seen.own]), [422, true]);
        assert.ok((await push(to('rate-bare'))).own);
    });
});

describe('SendGrid’s API description', { skip: sendgrid.skip }, () => {
    let service, prism;
    const mail = (emails, members) => ({
        from: { email: 'shop@example.com' }, subject: '件名', content: [{ type: 'text/plain', value: 'こんにちは' }],
        personalizations: emails.map(email => ({ to: [{ email }], custom_args: { m: '1' }, substitutions: { '-n-': '花子' } })), ...members,
    });
    const send = body => judged(`${prism.url}/v3/mail/send`, {
        method: 'POST', headers: { ...json, authorization: `Bearer ${service.apiKey}` }, body: JSON.stringify(body),
    });
    before(async () => {
        service = await sendgridService.start();
        service.behave({ help: false }); // the description has an object where the API sends a text
        prism = await startPrism(sendgrid.file, service.url);
    });
    after(async () => {
        await prism?.close();
        await service?.close();
    });

    it('finds nothing wrong with what the SDK and the fake say to each other', async () => {
        const client = new Client();
        client.setApiKey(service.apiKey);
        client.setDefaultRequest('baseUrl', prism.url);
        const [answer] = await client.request({ method: 'POST', url: '/v3/mail/send', body: mail(['a@example.com', 'b@example.com']) });
        assert.equal(answer.statusCode, 202);
        assert.match(answer.headers['x-message-id'], /^[A-Za-z0-9_-]{22}$/);
        assert.equal(service.taken.total, 2);
    });

    for (const kind of Object.keys(sendgridService.requestKinds).filter(name => !sendgridService.requestKinds[name].ending)) {
        it(`finds nothing wrong with the answer for ${kind}`, async () => {
            const seen = await send(mail([sendgridService.address(kind)]));
            assert.ok(seen.status >= 400);
            assert.deepEqual([seen.own, seen.violations], [false, []], seen.text);
        });
    }

    it('finds nothing wrong with the refusal of no subject, and does object to a request without personalizations', async () => {
        const refused = await send(mail(['a@example.com'], { subject: undefined }));
        assert.deepEqual([refused.status, refused.own, refused.violations], [400, false, []], refused.text);
        const { personalizations, ...without } = mail(['a@example.com']);
        assert.equal(personalizations.length, 1);
        assert.ok((await send(without)).own);
        service.behave({ help: true });
        assert.ok((await send(mail([sendgridService.address('invalid-address')]))).own, 'help as text is not what the description says');
    });
});
