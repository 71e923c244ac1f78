// The fake SendGrid: its own client sends to it, and its own verifier reads the signatures of the events.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { address, kinds, start } from '../../demo/services/sendgrid.mjs';
import { eventKinds } from '../../demo/services/lib/sendgrid-events.mjs';
import { until } from './lib/node.mjs';
import { request } from './lib/services.mjs';

const require = createRequire(import.meta.url);
const { Client } = require('@sendgrid/client');
const { MailService } = require('@sendgrid/mail');
const { EventWebhook } = require('@sendgrid/eventwebhook');

let clock = Date.UTC(2030, 0, 1), serial = 0;
let sendgrid, hook;

// What receives the events: keeps each request, and answers with what `status` says.
async function startHook() {
    const receiver = { batches: [], status: 204 };
    const server = createServer(async (req, res) => {
        const parts = [];
        for await (const part of req) parts.push(part);
        receiver.batches.push({ headers: req.headers, body: Buffer.concat(parts), at: Date.now() });
        res.writeHead(receiver.status).end();
    });
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    const events = () => receiver.batches.flatMap(batch => JSON.parse(batch.body));
    return Object.assign(receiver, { url: `http://127.0.0.1:${server.address().port}/`, events, close: () => (server.closeAllConnections(), server.close()) });
}

const person = (kind, options) => address(kind, { name: `u${serial++}`, ...options });
const mail = (people, members = {}) => ({
    from: { email: 'shop@example.com', name: '店' }, subject: '件名', content: [{ type: 'text/plain', value: 'こんにちは -name-' }],
    personalizations: people.map(email => ({ to: [{ email }], custom_args: { todoke_message: `m-${email}` } })), ...members,
});
const send = (body, { key = sendgrid.apiKey, headers } = {}) => request(`${sendgrid.url}/v3/mail/send`, {
    headers: { ...(key && { authorization: `Bearer ${key}` }), 'content-type': 'application/json', ...headers }, body: Buffer.isBuffer(body) ? body : JSON.stringify(body),
});
const errors = answer => JSON.parse(answer.text).errors;
const eventsOf = async (email, count) => {
    await until(() => hook.events().filter(event => event.email === email).length >= count);
    return hook.events().filter(event => event.email === email);
};

before(async () => {
    hook = await startHook();
    sendgrid = await start({ now: () => clock, eventUrl: hook.url });
});
after(async () => {
    await sendgrid.close();
    hook.close();
});
beforeEach(() => sendgrid.behave({ revoked: false, scope: true, credits: null, verified: true, perSecond: 0, suppress: true, answers: null, batchMs: 5, trailing: '\r\n', signed: true, ageS: 0, held: false }));

describe('SendGrid: its own client', () => {
    const service = () => {
        const client = new Client();
        client.setApiKey(sendgrid.apiKey);
        client.setDefaultRequest('baseUrl', sendgrid.url);
        const mailer = new MailService();
        mailer.setClient(client);
        return mailer;
    };

    it('sends to one and to many, and gets an X-Message-Id', async () => {
        const [one, two] = [person('delivered'), person('delivered')];
        const [answer, body] = await service().send({ to: one, from: 'shop@example.com', subject: 's', text: 't', html: '<p>t</p>', customArgs: { a: 'b' } });
        assert.equal(answer.statusCode, 202);
        assert.equal(body, '');
        assert.match(answer.headers['x-message-id'], /^[A-Za-z0-9_-]{22}$/);
        const [taken] = sendgrid.taken.of(one);
        assert.deepEqual([taken.messageId, taken.subject, taken.customArgs, taken.content.length], [answer.headers['x-message-id'], 's', { a: 'b' }, 2]);
        await service().sendMultiple({ to: [one, two], from: 'shop@example.com', subject: 's', text: 't' });
        assert.deepEqual([sendgrid.taken.times(one), sendgrid.taken.times(two)], [2, 1]);
    });

    it('reads the errors of a refused request', async () => {
        const failure = await service().send({ to: [person('invalid-address')], from: 'shop@example.com', subject: 's', text: 't' }).then(() => assert.fail('no error'), e => e);
        assert.equal(failure.code, 400);
        assert.deepEqual([failure.response.body.errors[0].message, failure.response.body.errors[0].field], ['Does not contain a valid address.', 'personalizations.0.to.0.email']);
    });
});

describe('SendGrid: requests', () => {
    const rows = [
        ['bad-request', 400, 'Bad Request', null], ['wrong-key', 401, 'The provided authorization grant is invalid, expired, or revoked', null],
        ['no-credits', 401, 'Maximum credits exceeded', null], ['forbidden', 403, 'access forbidden', null], ['not-found', 404, 'not found', null],
        ['not-allowed', 405, 'method not allowed', null], ['too-large', 413, 'content too large', null], ['too-many', 429, 'too many requests', null],
        ['500', 500, 'internal server error', null],
    ];
    for (const [kind, status, message, field] of rows) {
        it(`${kind}: ${status} ${message}`, async () => {
            const email = person(kind);
            const answer = await send(mail([person('delivered'), email]));
            assert.deepEqual([answer.status, errors(answer)[0].message, errors(answer)[0].field], [status, message, field]);
            assert.equal(sendgrid.taken.times(email), 0);
            if (status === 429) assert.equal(Number(answer.headers['x-ratelimit-reset']), clock / 1000 + 1);
        });
    }

    it('names every recipient that is not valid, and takes the rest when they are gone', async () => {
        const good = person('delivered');
        const people = ['no-at', good, 'a@b', person('invalid-address'), 'あ@example.com'];
        const answer = await send(mail(people));
        assert.deepEqual(errors(answer).map(error => error.field), [0, 2, 4, 3].map(i => `personalizations.${i}.to.0.email`));
        assert.ok(errors(answer).every(error => error.message === 'Does not contain a valid address.' && error.help.endsWith('#message.personalizations.to')));
        assert.equal(sendgrid.taken.times(good), 0);
        assert.equal((await send(mail([good]))).status, 202);
    });

    const faults = [
        ['no personalization', { personalizations: [] }, 'personalizations', /^The personalizations field is required/],
        ['1,001 personalizations', { personalizations: Array.from({ length: 1001 }, (_, i) => ({ to: [{ email: `p${i}@example.com` }] })) }, 'personalizations', /more than 1000/],
        ['no to', { personalizations: [{ to: [] }] }, 'personalizations.0.to', /^The to array is required/],
        ['one address twice', { personalizations: [{ to: [{ email: 'a@example.com' }], cc: [{ email: 'A@example.com' }] }] }, 'personalizations.0',
            /We found the first duplicate instance of \[A@example\.com\] in the personalizations\.0\.cc field\.$/],
        ['no from', { from: undefined }, 'from.email', /^The from object must be provided/],
        ['a from that is none', { from: { email: 'x' } }, 'from.email', /^The from email does not contain a valid address\.$/],
        ['no subject', { subject: undefined }, 'subject', /^The subject is required\./],
        ['no content', { content: [] }, 'content', /^Unless a valid template_id is provided/],
        ['an empty content', { content: [{ type: 'text/plain', value: '' }] }, 'content.0.value', /at least one character/],
        ['html before text', { content: [{ type: 'text/html', value: 'a' }, { type: 'text/plain', value: 'a' }] }, 'content', /text\/plain must be first/],
        ['a custom argument that is no text', { custom_args: { n: 1 } }, 'custom_args.n', /strings/],
        ['a reserved header', { headers: { Subject: 'x' } }, 'headers.Subject', /reserved/],
        ['sending in four days', { send_at: Date.UTC(2030, 0, 5) / 1000 }, 'send_at', /^Scheduling more than 72 hours in advance is forbidden\.$/],
    ];
    for (const [name, members, field, message] of faults) {
        it(`refuses ${name}: ${field}`, async () => {
            const answer = await send(mail(['a@example.com'], members));
            assert.equal(answer.status, 400);
            assert.deepEqual(errors(answer).map(error => error.field), [field]);
            assert.match(errors(answer)[0].message, message);
        });
    }

    it('takes 1,000 people at once, subjects of their own, a template, gzip, and substitutions', async () => {
        const total = sendgrid.taken.total;
        assert.equal((await send(mail(Array.from({ length: 1000 }, () => person('silent'))))).status, 202);
        assert.equal(sendgrid.taken.total, total + 1000);
        assert.equal((await send(mail(['a@example.com'], { subject: undefined, personalizations: [{ to: [{ email: 'a@example.com' }], subject: 'own' }] }))).status, 202);
        assert.equal((await send(mail(['a@example.com'], { subject: undefined, content: undefined, template_id: 'd-1' }))).status, 202);
        const email = person('silent');
        const body = mail([], { personalizations: [{ to: [{ email }], substitutions: { '-name-': '花子' } }] });
        assert.equal((await send(gzipSync(JSON.stringify(body)), { headers: { 'content-encoding': 'gzip' } })).status, 202);
        assert.equal(sendgrid.taken.of(email)[0].content[0].value, 'こんにちは 花子');
    });

    it('takes nothing in sandbox mode, and nothing above 30 MB', async () => {
        const email = person('delivered');
        assert.deepEqual(await send(mail([email], { mail_settings: { sandbox_mode: { enable: true } } })).then(a => [a.status, a.text]), [200, '']);
        const big = await send(mail([email], { content: [{ type: 'text/plain', value: 'x'.repeat(30 * 1024 * 1024) }] }));
        assert.equal(big.status, 413);
        assert.equal(sendgrid.taken.times(email), 0);
    });

    it('loses answers after it took the message, and fails before', async () => {
        for (const [kind, taken] of [['drop-after', 1], ['drop-before', 0], ['reset-after', 1], ['502-html', 0], ['503-date', 0]]) {
            const email = person(kind);
            await send(mail([email]));
            assert.equal(sendgrid.taken.times(email), taken, kind);
        }
    });
});

describe('SendGrid: the account', () => {
    const status = async options => (await send(mail([person('delivered')]), options)).status;
    it('knows its key, what the key may, the sender and the credits', async () => {
        assert.deepEqual(errors(await send(mail([person('delivered')]), { key: '' }))[0].message, 'authorization required');
        assert.equal(await status({ key: 'SG.x.y' }), 401);
        sendgrid.behave({ revoked: true });
        assert.equal(await status(), 401);
        sendgrid.behave({ revoked: false, scope: false });
        assert.equal(await status(), 403);
        sendgrid.behave({ scope: true, verified: false });
        const unverified = await send(mail([person('delivered')]));
        assert.deepEqual([unverified.status, errors(unverified)[0].field], [403, 'from']);
        sendgrid.behave({ verified: true, credits: 2 });
        assert.equal((await send(mail([person('silent'), person('silent'), person('silent')]))).status, 401);
        assert.deepEqual([await status(), await status()], [202, 202]);
        assert.equal(errors(await send(mail([person('silent')])))[0].message, 'Maximum credits exceeded');
        const credits = await request(`${sendgrid.url}/v3/user/credits`, { method: 'GET', headers: { authorization: `Bearer ${sendgrid.apiKey}` } });
        assert.equal(JSON.parse(credits.text).remain, 0);
    });

    it('counts requests a second', async () => {
        clock += 1000;
        sendgrid.behave({ perSecond: 2 });
        assert.deepEqual([await status(), await status(), await status()], [202, 202, 429]);
        clock += 1000;
        assert.equal(await status(), 202);
    });
});

describe('SendGrid: events', () => {
    // The events of a person, in their order, and what the last of them says.
    const rows = [
        ['delivered', ['processed', 'delivered'], { response: '250 OK' }],
        ['deferred', ['processed', 'deferred', 'delivered'], {}],
        ['user-unknown', ['processed', 'bounce'], { type: 'bounce', reason: email => `550 ${email}... User unknown`, status: '5.1.1' }],
        ['invalid-recipient', ['processed', 'bounce'], { type: 'bounce', reason: email => `550 Invalid recipient: ${email}` }],
        ['no-account', ['processed', 'bounce'], { type: 'bounce', reason: /^554 delivery error: dd This user doesn't have a example\.com account \(/ }],
        ['spam', ['processed', 'bounce'], { type: 'blocked', reason: '510 Block For Spam' }],
        ['overquota', ['processed', 'bounce'], { type: 'blocked', reason: email => `450 4.2.2 <${email}>: user is overquota` }],
        ['overquota-gmail', ['processed', 'bounce'], { type: 'blocked', reason: /^452 4\.2\.2 The email account that you tried to reach is over quota\. / }],
        ['servfail', ['processed', 'bounce'], { type: 'blocked', reason: 'Unable to resolve MX record for example.com: servfail' }],
        ['dial-timeout', ['processed', 'bounce'], { type: 'blocked', reason: /^error dialing remote address: dial tcp \S+->\S+: i\/o timeout$/ }],
        ['bounce-after-delivered', ['processed', 'delivered', 'bounce'], { type: 'bounce' }],
        ['dropped-spam', ['dropped'], { reason: 'Spam Reporting Address' }],
        ['dropped-unsubscribed', ['dropped'], { reason: 'Unsubscribed Address' }],
        ['dropped-invalid', ['dropped'], { reason: 'Invalid' }],
        ['dropped-bounced', ['dropped'], { reason: 'Bounced Address' }],
        ['dropped-old', ['dropped'], { reason: 'old' }],
        ['dropped-hardfail', ['dropped'], { reason: 'hardfail' }],
        ['spamreport', ['processed', 'delivered', 'spamreport'], {}],
        ['unsubscribe', ['processed', 'delivered', 'unsubscribe'], {}],
        ['group-unsubscribe', ['processed', 'delivered', 'group_unsubscribe'], { asm_group_id: 10 }],
        ['reversed', ['delivered', 'processed'], {}],
        ['doubled', ['processed', 'processed', 'bounce', 'bounce'], { type: 'bounce' }],
    ];
    for (const [kind, names, last] of rows) {
        it(`${kind}: ${names.join(', ')}`, async () => {
            const email = person(kind);
            const answer = await send(mail([email], { categories: ['c'] }));
            assert.equal(answer.status, 202);
            const events = await eventsOf(email, names.length);
            assert.deepEqual(events.map(event => event.event), names);
            for (const event of events) {
                assert.equal(event.todoke_message, `m-${email}`, 'custom arguments are flat members of the event');
                assert.ok(event.sg_message_id.startsWith(`${answer.headers['x-message-id']}.`));
                assert.match(event.sg_event_id, /^[A-Za-z0-9_-]+$/);
                assert.equal(event.category, 'c');
            }
            assert.equal(new Set(events.map(event => event.sg_event_id)).size, new Set(names).size);
            for (const [name, want] of Object.entries(last)) {
                if (want instanceof RegExp) assert.match(events.at(-1)[name], want);
                else assert.equal(events.at(-1)[name], typeof want === 'function' ? want(email) : want);
            }
        });
    }

    it('drops what is sent again to somebody who bounced, complained or left', async () => {
        for (const [kind, reason] of [['user-unknown', 'Bounced Address'], ['spamreport', 'Spam Reporting Address'], ['unsubscribe', 'Unsubscribed Address']]) {
            const email = person(kind);
            await send(mail([email]));
            await send(mail([email]));
            const events = await eventsOf(email, kind === 'user-unknown' ? 3 : 4);
            assert.deepEqual([events.at(-1).event, events.at(-1).reason], ['dropped', reason]);
        }
    });

    it('brings the bounce late, and every other kind only once', async () => {
        const email = person('late');
        await send(mail([email]));
        await eventsOf(email, 1);
        const from = Date.now();
        const events = await eventsOf(email, 2);
        assert.ok(Date.now() - from > 1500);
        assert.equal(events[1].event, 'bounce');
        assert.ok(Object.keys(eventKinds).every(kind => kind in kinds));
    });

    it('signs as @sendgrid/eventwebhook verifies, with and without the last CRLF', async () => {
        const verifier = new EventWebhook();
        const key = verifier.convertPublicKeyToECDSA(sendgrid.verificationKey);
        const names = ['x-twilio-email-event-webhook-signature', 'x-twilio-email-event-webhook-timestamp'];
        for (const trailing of ['\r\n', '']) {
            sendgrid.behave({ trailing });
            const from = hook.batches.length;
            await send(mail([person('delivered'), person('spam')]));
            await until(() => hook.batches.length > from);
            for (const { headers, body } of hook.batches.slice(from)) {
                const [signature, timestamp] = names.map(name => headers[name]);
                assert.equal(body.toString('utf8').endsWith(']\r\n'), trailing !== '');
                assert.ok(verifier.verifySignature(key, body, signature, timestamp));
                assert.ok(!verifier.verifySignature(key, body.toString('utf8').trimEnd() + (trailing ? '' : '\r\n'), signature, timestamp), 'the CRLF is signed');
                assert.ok(!verifier.verifySignature(key, body, signature, `${Number(timestamp) + 1}`), 'the time is signed');
            }
        }
        sendgrid.behave({ signed: 'wrong', ageS: 600 });
        const from = hook.batches.length;
        await send(mail([person('delivered')]));
        await until(() => hook.batches.length > from);
        const { headers, body } = hook.batches[from];
        assert.ok(!verifier.verifySignature(key, body, headers[names[0]], headers[names[1]]));
        assert.equal(Number(headers[names[1]]), clock / 1000 - 600);
    });

    it('holds events back, and repeats a batch that was not answered with 2xx', async () => {
        sendgrid.behave({ held: true });
        const email = person('user-unknown');
        await send(mail([email]));
        for (let i = 0; i < 50; i++) await send(mail([])); // far longer than a batch waits
        assert.equal(hook.events().filter(event => event.email === email).length, 0);
        hook.status = 503;
        sendgrid.behave({ held: false });
        await eventsOf(email, 2);
        hook.status = 204;
        const events = await eventsOf(email, 4);
        assert.deepEqual(events.slice(0, 2).map(event => event.sg_event_id), events.slice(2, 4).map(event => event.sg_event_id));
    });
});
