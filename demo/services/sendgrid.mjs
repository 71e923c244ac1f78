/*
 * A faithful fake of SendGrid's Web API v3: mail/send, and the Event Webhook.
 *   node demo/services/sendgrid.mjs --port 9101 --eventUrl http://127.0.0.1:8080/api/v1/…
 * The recipient decides what happens: anything+KIND@any.domain; a request with several people is decided by the first
 * of them that has something to say to a request. Words: SendGrid's reference, its published description
 * (twilio/sendgrid-oai) and answers that its users published.
 */
import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { addressOf, personOf } from './lib/address.mjs';
import { ended, endings } from './lib/endings.mjs';
import { Attempts, Log, Rate, Taken } from './lib/ledger.mjs';
import { BODY_BYTES, fault, mailFaults } from './lib/sendgrid-check.mjs';
import { EventWebhook, eventKinds, newMessageId } from './lib/sendgrid-events.mjs';
import { behaviour, json, openService, runAlone } from './lib/service.mjs';

const SENDS_A_SECOND = 10_000; // the published limit of mail/send

const errors = (status, faults, headers) => json(status, { errors: faults }, headers);
const one = (status, message, field = null) => errors(status, [fault(message, field)]);
const UNVERIFIED = 'The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved. Visit '
    + 'https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the Sender Identity requirements';
const wrongKey = () => one(401, 'The provided authorization grant is invalid, expired, or revoked');
const noCredits = () => one(401, 'Maximum credits exceeded');
const tooMany = ({ rate }) => errors(429, [{ field: null, message: 'too many requests' }],
    { 'x-ratelimit-limit': `${rate.limit}`, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': `${rate.reset}` });

/* People for whom the request itself is answered otherwise: kind → { what, taken, reply(service) }. */
export const requestKinds = {
    'bad-request': { what: '400 Bad Request', reply: () => one(400, 'Bad Request') },
    'invalid-address': { what: '400 Does not contain a valid address., with the field of this recipient', field: true },
    'wrong-key': { what: '401 The provided authorization grant is invalid, expired, or revoked', reply: wrongKey },
    'no-credits': { what: '401 Maximum credits exceeded', reply: noCredits },
    'forbidden': { what: '403 access forbidden', reply: () => one(403, 'access forbidden') },
    'unverified': { what: '403 … verified Sender Identity …', reply: () => one(403, UNVERIFIED, 'from') },
    'not-found': { what: '404 not found', reply: () => one(404, 'not found') },
    'not-allowed': { what: '405 method not allowed', reply: () => one(405, 'method not allowed') },
    'too-large': { what: '413 content too large', reply: () => one(413, 'content too large') },
    'too-many': { what: '429 too many requests, X-RateLimit-Reset one second on', reply: tooMany },
    '500': { what: '500 internal server error, not taken', reply: () => one(500, 'internal server error') },
    ...Object.fromEntries(Object.entries(endings).map(([kind, ending]) => [kind, { what: ending.what, ending, taken: ending.taken }])),
};

export const kinds = { ...requestKinds, ...eventKinds };
export const address = (kind, options) => addressOf(kind, kinds, options);

/* Starts the service. options: port, host, tls; apiKey, eventUrl, from (verified addresses or @domains, none: any), now.
 * behave: revoked, scope (false: the key may not send), credits (recipients left, null: no end), verified (false: the
 * sender is not), perSecond (0: none), suppress (false: no drop because of an earlier bounce), help (false: errors
 * without `help`: the published description has an object there, the API a text), eventUrl, answers (a kind of
 * requestKinds for every request, or null), and of the events: batchMs, trailing, signed, ageS, held. */
export async function start(options = {}) {
    const now = options.now ?? Date.now;
    const events = new EventWebhook({ url: options.eventUrl, now });
    const rate = new Rate(SENDS_A_SECOND, now);
    const sendgrid = {
        name: 'sendgrid', requests: new Log(), taken: new Taken(), events, suppressions: new Map(),
        apiKey: options.apiKey ?? `SG.${randomBytes(16).toString('base64url')}.${randomBytes(32).toString('base64url')}`,
        verificationKey: events.verificationKey, from: options.from ?? [],
        close: async () => events.close(),
    };
    behaviour(sendgrid, {
        revoked: false, scope: true, credits: null, verified: true, perSecond: SENDS_A_SECOND, suppress: true, help: true,
        eventUrl: options.eventUrl ?? null, answers: null, batchMs: events.batchMs, trailing: events.trailing, signed: null, ageS: 0, held: false,
    }, wanted => {
        if (wanted.answers !== null && !requestKinds[wanted.answers]) throw new TypeError(`behave: no kind ${wanted.answers}`);
        rate.limit = wanted.perSecond;
        Object.assign(events, { url: wanted.eventUrl, batchMs: wanted.batchMs, trailing: wanted.trailing, signed: wanted.signed ?? true, ageS: wanted.ageS, held: wanted.held });
        if (!wanted.held) events.release();
    });
    const service = { sendgrid, events, rate, now, attempts: new Attempts() };
    return openService(sendgrid, { bodyCap: BODY_BYTES, ...options }, call => {
        const reply = answer(service, call);
        if (sendgrid.behaviour.help || reply.headers?.['content-type'] !== 'application/json' || reply.status < 400) return reply;
        const { errors: faults } = JSON.parse(reply.body);
        return { ...reply, body: JSON.stringify({ errors: faults.map(({ message, field }) => ({ message, field })) }) };
    });
}

const SCOPES = ['mail.send', 'mail.batch.create', 'mail.batch.read', 'user.credits.read'];

function creditsOf({ sendgrid }) {
    const { credits } = sendgrid.behaviour;
    const used = sendgrid.taken.total;
    return json(200, {
        remain: credits ?? 1_000_000, total: (credits ?? 1_000_000) + used, overage: 0, used, last_reset: '2026-01-01', next_reset: '2026-02-01', reset_frequency: 'monthly',
    });
}

const routes = {
    'POST /v3/mail/send': send,
    'GET /v3/scopes': ({ sendgrid }) => json(200, { scopes: sendgrid.behaviour.scope ? SCOPES : SCOPES.slice(1) }),
    'GET /v3/user/credits': creditsOf,
    'POST /v3/mail/batch': () => json(201, { batch_id: randomBytes(40).toString('base64url') }),
};

function answer(service, call) {
    const { sendgrid } = service;
    const { authorization } = call.headers;
    const route = routes[`${call.method} ${call.path}`];
    if (!authorization) return one(401, 'authorization required');
    if (authorization !== `Bearer ${sendgrid.apiKey}` || sendgrid.behaviour.revoked) return wrongKey();
    if (route) return route(service, call);
    return Object.keys(routes).some(known => known.endsWith(` ${call.path}`)) ? one(405, 'method not allowed') : one(404, 'not found');
}

function readMail(call) {
    if (call.tooLarge) return { refusal: one(413, 'content too large') };
    if (!/^application\/json\s*(;|$)/i.test(call.headers['content-type'] ?? '')) return { refusal: one(415, 'Content-Type should be application/json.') };
    try {
        const zipped = call.headers['content-encoding'] === 'gzip';
        return { mail: JSON.parse((zipped ? gunzipSync(call.body, { maxOutputLength: BODY_BYTES }) : call.body).toString('utf8')) };
    } catch (failure) {
        return { refusal: failure.code === 'ERR_BUFFER_TOO_LARGE' ? one(413, 'content too large') : one(400, 'Bad Request') };
    }
}

const isVerified = ({ sendgrid }, email) => sendgrid.behaviour.verified
    && (!sendgrid.from.length || sendgrid.from.some(known => (known.startsWith('@') ? email.endsWith(known) : email === known)));

const everyone = personalization => ['to', 'cc', 'bcc'].flatMap(name => personalization[name] ?? []);

// The person that decides the request: { reply } or { ending }, or nothing.
function decisive({ sendgrid, attempts }, mail) {
    if (sendgrid.behaviour.answers) return requestKinds[sendgrid.behaviour.answers];
    for (const personalization of mail.personalizations) {
        for (const { email } of everyone(personalization)) {
            const person = personOf(email, kinds);
            if (requestKinds[person.kind] && !person.field && attempts.fails(email, person.times)) return person;
        }
    }
    return undefined;
}

// Addresses that SendGrid, for reasons of its own, does not take for valid: all of them, as for those without an @.
function invalidPeople({ attempts }, mail) {
    if (!Array.isArray(mail?.personalizations)) return [];
    return mail.personalizations.flatMap((personalization, i) => (Array.isArray(personalization?.to) ? personalization.to : []).flatMap((to, k) => {
        const person = personOf(to?.email, kinds);
        return person.field && attempts.fails(to.email, person.times)
            ? [fault('Does not contain a valid address.', `personalizations.${i}.to.${k}.email`, 'message.personalizations.to')] : [];
    }));
}

function send(service, call) {
    const { sendgrid, rate, now } = service;
    if (!rate.take()) return tooMany(service);
    const { mail, refusal } = readMail(call);
    if (refusal) return refusal;
    if (!sendgrid.behaviour.scope) return one(403, 'access forbidden');
    const faults = [...mailFaults(mail, now()), ...invalidPeople(service, mail)];
    if (faults.length) return errors(400, faults);
    if (!isVerified(service, mail.from.email)) return one(403, UNVERIFIED, 'from');
    const recipients = mail.personalizations.reduce((count, personalization) => count + everyone(personalization).length, 0);
    const { credits } = sendgrid.behaviour;
    if (credits !== null && credits < recipients) return noCredits();
    const bad = decisive(service, mail);
    if (bad && !bad.taken) return bad.ending ? ended(bad.ending, undefined, now()) : bad.reply(service);
    if (mail.mail_settings?.sandbox_mode?.enable) return { status: 200, headers: {}, body: '' };
    const messageId = newMessageId();
    if (credits !== null) sendgrid.behaviour.credits = credits - recipients;
    for (const personalization of mail.personalizations) take(service, mail, personalization, messageId);
    const success = { status: 202, headers: { server: 'nginx', 'x-message-id': messageId }, body: '' };
    return bad ? ended(bad.ending, success, now()) : success;
}

const substituted = (text, substitutions) => Object.entries(substitutions ?? {}).reduce((result, [tag, value]) => result.replaceAll(tag, value), text ?? '');

/* A message that was taken reaches the person, unless SendGrid drops it or the person's server refuses it; the events
 * tell. Somebody who bounced, complained or left before is dropped, as the account's suppressions want. */
function take({ sendgrid, events }, mail, personalization, messageId) {
    const customArgs = { ...mail.custom_args, ...personalization.custom_args };
    for (const { email } of everyone(personalization)) {
        const person = personOf(email, kinds);
        const earlier = sendgrid.behaviour.suppress && !mail.mail_settings?.bypass_list_management?.enable && sendgrid.suppressions.get(email.toLowerCase());
        const kind = earlier ? droppedBecause(earlier) : eventKinds[person.kind] ? person.kind : 'delivered';
        const row = eventKinds[kind];
        if (row.suppress) sendgrid.suppressions.set(email.toLowerCase(), row.suppress);
        sendgrid.taken.add(email, {
            messageId, customArgs, from: mail.from, subject: substituted(personalization.subject ?? mail.subject, personalization.substitutions),
            content: (mail.content ?? []).map(({ type, value }) => ({ type, value: substituted(value, personalization.substitutions) })),
            headers: { ...mail.headers, ...personalization.headers }, kind,
        });
        events.add(kind, { email, messageId, customArgs, categories: mail.categories });
    }
}

const droppedBecause = reason => Object.keys(eventKinds).find(kind => eventKinds[kind].what === `dropped: ${reason}`);

export const credentials = sendgrid => [
    ['SendGrid', sendgrid.url], ['API key', sendgrid.apiKey], ['verification key', sendgrid.verificationKey],
];

await runAlone(import.meta.url, start, { apiKey: 0, eventUrl: 0 }, credentials);
