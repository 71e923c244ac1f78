/*
 * A faithful fake of the LINE Messaging API: push, multicast, validate, quota, bot/info and profile.
 *   node demo/services/line.mjs --port 9103
 * The recipient decides what happens: userId(kind) makes the id of a person who is refused in a certain way.
 * Words and statuses: LINE Messaging API reference and its published description (line/line-openapi).
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { ended, endings } from './lib/endings.mjs';
import { Attempts, Log, Rate, Taken } from './lib/ledger.mjs';
import { MULTICAST_RECIPIENTS, brokenAt, manyFaults, messagesFault, placeOf } from './lib/line-check.mjs';
import { behaviour, json, openService, runAlone } from './lib/service.mjs';

const USER_ID = /^U[0-9a-f]{32}$/, ANY_ID = /^[UCR][0-9a-f]{32}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const KEY_LIFE_MS = 24 * 60 * 60 * 1000; // "The retry key is valid for 24 hours"
const KEYS = 200_000; // so many requests can be sent again; beyond, the oldest is forgotten
const PUSHES_A_SECOND = 2000, MULTICASTS_A_SECOND = 200; // the published limits
const MONTHLY = 1_000_000;

const refused = (status, message, details) => json(status, details ? { message, details } : { message });
const authentication = reason => refused(401, `Authentication failed due to the following reason: ${reason}. `
    + 'Confirm that the access token in the authorization header is valid.');
const monthly = () => refused(429, 'You have reached your monthly limit.');
const tooFast = () => refused(429, 'The API rate limit has been exceeded. Try again later.');
const badProperty = (name, body) => refused(400, `The property, '${name}', in the request body is invalid ${placeOf(body, name.replace(/\[.*/, ''))}`);
const badMessage = n => refused(400, `A message (messages[${n}]) in the request body is invalid`,
    [{ message: 'invalid uri scheme', property: '/footer/contents/0/action/uri' }]);

/* The people: kind → { code (in the id), what (for the README), taken, reply(call) }.
 * A code stays as it is: ids of people are in customers' lists. */
export const kinds = {
    'fine': { code: '0200', what: 'the message arrives' },
    'blocked': { code: '1200', what: 'has blocked the account: LINE answers 200 all the same', silent: true },
    'to-invalid': { code: '0400', what: '400 The property, \'to\', in the request body is invalid', reply: call => badProperty('to', call.text) },
    'not-sent': { code: '1400', what: '400 Failed to send messages', reply: () => refused(400, 'Failed to send messages') },
    'message-invalid': { code: '2400', what: '400 A message (messages[0]) …', reply: () => badMessage(0) },
    'second-invalid': { code: '3400', what: '400 A message (messages[1]) …', reply: () => badMessage(1) },
    'unauthenticated': { code: '0401', what: '401 … Authentication Failed..', reply: () => authentication('Authentication Failed.') },
    'expired': { code: '1401', what: '401 … access token expired', reply: () => authentication('access token expired') },
    'forbidden': { code: '0403', what: '403 Access to this API is not available for your account',
        reply: () => refused(403, 'Access to this API is not available for your account') },
    'not-found': { code: '0404', what: '404 Not found', reply: () => refused(404, 'Not found') },
    'gone': { code: '0410', what: '410', reply: () => refused(410, 'Gone') },
    'media-type': { code: '0415', what: '415 The content type, … is not supported',
        reply: call => refused(415, `The content type, ${call.headers['content-type']}, is not supported`) },
    'monthly': { code: '0429', what: '429 You have reached your monthly limit.', reply: monthly },
    'rate': { code: '1429', what: '429 The API rate limit has been exceeded.', reply: tooFast },
    'rate-bare': { code: '2429', what: '429 without a body', reply: () => ({ status: 429, headers: {}, body: '' }) },
    '500': { code: '0500', what: '500 Internal Server Error, not taken', reply: () => refused(500, 'Internal Server Error') },
    '500-after': { code: '1500', what: 'taken, answered with 500: the same key is answered with 409', taken: true,
        reply: () => refused(500, 'Internal Server Error') },
    '503': { code: '0503', what: '503 Service Unavailable', reply: () => refused(503, 'Service Unavailable') },
    ...Object.fromEntries(Object.entries(endings).map(([kind, ending]) =>
        [kind, { code: ending.code, what: ending.what, ending, taken: ending.taken }])),
};

const MAGIC = 'fa4e';
const kindOf = new Map(Object.entries(kinds).map(([kind, row]) => [row.code, kind]));

/* The id of a person of this kind: U, fa4e, the kind's code, how often it fails (00: always), a number. */
export function userId(kind, { times = 0, n = 0 } = {}) {
    if (!kinds[kind]) throw new TypeError(`no kind ${kind}; there are ${Object.keys(kinds).join(', ')}`);
    return `U${MAGIC}${kinds[kind].code}${times.toString(16).padStart(2, '0')}${n.toString(16).padStart(22, '0')}`;
}

function personOf(id) {
    const found = /^Ufa4e([0-9a-f]{4})([0-9a-f]{2})/.exec(id);
    const kind = found && kindOf.get(found[1]);
    return kind ? { kind, ...kinds[kind], times: parseInt(found[2], 16) } : { kind: 'fine' };
}

/* Starts the service. options: port, host, tls; channelAccessToken, botUserId, monthlyLimit, now (a clock).
 * behave: revoked (the token), expired, available (false: 403 for all), monthlyLimit (messages), used, perSecond, multicastPerSecond
 * (0: none), answers (a kind that every request gets, or null). */
export async function start(options = {}) {
    const now = options.now ?? Date.now;
    const line = {
        name: 'line', requests: new Log(), taken: new Taken(), keys: new Map(),
        channelAccessToken: options.channelAccessToken ?? randomBytes(96).toString('base64'),
        botUserId: options.botUserId ?? `U${randomBytes(16).toString('hex')}`,
    };
    const attempts = new Attempts();
    const pushes = new Rate(PUSHES_A_SECOND, now), multicasts = new Rate(MULTICASTS_A_SECOND, now);
    behaviour(line, {
        revoked: false, expired: false, available: true, monthlyLimit: options.monthlyLimit ?? MONTHLY, used: 0,
        perSecond: PUSHES_A_SECOND, multicastPerSecond: MULTICASTS_A_SECOND, answers: null,
    }, wanted => {
        if (wanted.answers !== null && !kinds[wanted.answers]) throw new TypeError(`behave: no kind ${wanted.answers}`);
        pushes.limit = wanted.perSecond;
        multicasts.limit = wanted.multicastPerSecond;
    });
    const service = { line, attempts, pushes, multicasts, now };
    return openService(line, options, call => {
        const requestId = randomUUID();
        const reply = answer(service, Object.assign(call, { text: call.body.toString('utf8'), requestId }));
        return reply.status && !reply.headers?.server ? { ...reply, headers: { 'x-line-request-id': requestId, ...reply.headers } } : reply;
    });
}

function unauthorized({ line }, call) {
    const { authorization } = call.headers;
    if (line.behaviour.revoked) return authentication('Authentication Failed.');
    if (line.behaviour.expired) return authentication('access token expired');
    if (authorization === `Bearer ${line.channelAccessToken}`) return undefined;
    return authentication(authorization ? 'invalid token' : 'Authentication Failed.');
}

const OK = json(200, {});

const routes = {
    'POST /v2/bot/message/push': (service, call) => send(service, call, service.pushes, oneRecipient),
    'POST /v2/bot/message/multicast': (service, call) => send(service, call, service.multicasts, manyRecipients),
    'POST /v2/bot/message/validate/push': (service, call) => withBody(call, body => refusal400(messagesFault(body.messages)) ?? OK),
    'GET /v2/bot/message/quota': ({ line }) =>
        json(200, line.behaviour.monthlyLimit ? { type: 'limited', value: line.behaviour.monthlyLimit } : { type: 'none' }),
    'GET /v2/bot/message/quota/consumption': ({ line }) => json(200, { totalUsage: line.behaviour.used }),
    'GET /v2/bot/info': ({ line }) => json(200, {
        userId: line.botUserId, basicId: '@216todoke', displayName: 'todoke', chatMode: 'bot', markAsReadMode: 'auto',
    }),
};
for (const kind of ['reply', 'multicast', 'narrowcast', 'broadcast']) {
    routes[`POST /v2/bot/message/validate/${kind}`] = routes['POST /v2/bot/message/validate/push'];
}

function answer(service, call) {
    const missing = unauthorized(service, call);
    if (missing) return missing;
    if (!service.line.behaviour.available) return refused(403, 'Access to this API is not available for your account');
    const profile = call.method === 'GET' && /^\/v2\/bot\/profile\/([^/]+)$/.exec(call.path);
    if (profile) return profileOf(profile[1]);
    const route = routes[`${call.method} ${call.path}`];
    if (route) return route(service, call);
    return Object.keys(routes).some(known => known.endsWith(` ${call.path}`)) ? refused(405, 'Method not allowed') : refused(404, 'Not found');
}

function profileOf(id) {
    if (!USER_ID.test(id)) return refused(400, 'The value for the \'userId\' parameter is invalid');
    return ['blocked', 'not-sent', 'not-found', 'gone'].includes(personOf(id).kind) ? refused(404, 'Not found')
        : json(200, { userId: id, displayName: `LINE ${id.slice(-4)}`, language: 'ja' });
}

const refusal400 = fault => (fault ? json(400, fault) : undefined);

function withBody(call, then) {
    if (call.tooLarge) return endings['413-html'].reply();
    const type = call.headers['content-type'] ?? '';
    if (!/^application\/json\s*(;|$)/i.test(type)) return refused(415, `The content type, ${type}, is not supported`);
    let body;
    try {
        body = JSON.parse(call.text);
    } catch (failure) {
        return refused(400, `The request body could not be parsed as JSON ${brokenAt(call.text, failure)}`);
    }
    if (body === null || typeof body !== 'object' || Array.isArray(body)) return refused(400, 'The request body could not be parsed as JSON (line: 1, column: 1)');
    return then(body);
}

// Who a push is for: { to: [id] }, or { fault }.
function oneRecipient({ to }, call) {
    if (to === undefined || to === null || to === '') return { fault: refusal400(manyFaults([{ message: 'May not be empty', property: 'to' }])) };
    return typeof to === 'string' && ANY_ID.test(to) ? { to: [to] } : { fault: badProperty('to', call.text) };
}

function manyRecipients({ to }, call) {
    if (!Array.isArray(to) || to.length < 1 || to.length > MULTICAST_RECIPIENTS) {
        return { fault: refusal400(manyFaults([{ message: `Size must be between 1 and ${MULTICAST_RECIPIENTS}`, property: 'to' }])) };
    }
    const wrong = to.findIndex(id => typeof id !== 'string' || !USER_ID.test(id));
    return wrong >= 0 ? { fault: badProperty(`to[${wrong}]`, call.text) } : { to: [...new Set(to)] };
}

/* The kind that decides a request: the first recipient whose kind fails this time. Of a multicast's ids that LINE does
 * not know it says nothing: it answers 200, and they get nothing. */
function decisive({ line, attempts }, to) {
    if (line.behaviour.answers) return { id: to[0], kind: line.behaviour.answers, ...kinds[line.behaviour.answers] };
    for (const id of to) {
        const person = personOf(id);
        const unknownOfMany = to.length > 1 && ['to-invalid', 'not-sent', 'not-found', 'gone'].includes(person.kind);
        if ((person.reply || person.ending) && !unknownOfMany && attempts.fails(id, person.times)) return { id, ...person };
    }
    return undefined;
}

const sentMessages = messages => messages.map(message => ({
    id: `${BigInt(`0x${randomBytes(7).toString('hex')}`) + 400_000_000_000_000_000n}`,
    ...(['text', 'textV2', 'sticker', 'image', 'video', 'template', 'flex'].includes(message.type) && { quoteToken: randomBytes(48).toString('base64url') }),
}));

function remember({ line, now }, key, entry) {
    if (!key) return;
    line.keys.set(key, { ...entry, at: now() });
    if (line.keys.size > KEYS) line.keys.delete(line.keys.keys().next().value);
}

// A request whose key was seen: the same request is answered with 409 once one of them was accepted.
function repeated({ line, now }, key, call) {
    const known = key && line.keys.get(key);
    if (!known) return undefined;
    if (now() - known.at > KEY_LIFE_MS) {
        line.keys.delete(key);
        return undefined;
    }
    if (known.path !== call.path || known.text !== call.text) {
        return refused(400, 'The retry key is already used for a request with another body'); // LINE documents the rule, not the words
    }
    return known.accepted && json(409, { message: 'The retry key is already accepted', ...(known.sent && { sentMessages: known.sent }) },
        { 'x-line-accepted-request-id': known.requestId });
}

function send(service, call, rate, recipients) {
    const { line, now } = service;
    if (!rate.take()) return tooFast();
    return withBody(call, body => {
        const key = call.headers['x-line-retry-key']?.toLowerCase();
        if (key !== undefined && !UUID.test(key)) return refused(400, 'Invalid retry key'); // LINE documents the rule, not the words
        const again = repeated(service, key, call);
        if (again) return again;
        const { to, fault } = recipients(body, call);
        const wrong = fault ?? refusal400(messagesFault(body.messages));
        if (wrong) return wrong;
        const { monthlyLimit, used } = line.behaviour;
        if (monthlyLimit && used + to.length > monthlyLimit) return monthly();
        const known = { path: call.path, text: call.text, requestId: call.requestId };
        const bad = decisive(service, to);
        if (bad && !bad.taken) {
            remember(service, key, known);
            return bad.ending ? ended(bad.ending, undefined, now()) : bad.reply(call);
        }
        const push = recipients === oneRecipient;
        const sent = push ? sentMessages(body.messages) : undefined;
        remember(service, key, { ...known, accepted: true, sent });
        take(service, to, body, key);
        const success = json(200, push ? { sentMessages: sent } : {});
        if (!bad) return success;
        return bad.ending ? ended(bad.ending, success, now()) : bad.reply(call);
    });
}

// LINE counts a message for each recipient, whether or not it has blocked the account by now.
function take({ line }, to, body, key) {
    line.behaviour.used += to.length;
    for (const id of to) {
        const { kind, silent } = personOf(id);
        const unknown = to.length > 1 && ['to-invalid', 'not-sent', 'not-found', 'gone'].includes(kind);
        if (!silent && !unknown) line.taken.add(id, { messages: body.messages, retryKey: key });
    }
}

export const credentials = line => [['LINE Messaging API', line.url], ['channel access token', line.channelAccessToken]];

await runAlone(import.meta.url, start, { channelAccessToken: 0 }, credentials);
