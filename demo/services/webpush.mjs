/*
 * A faithful fake of the browsers' push services (RFC 8030): Mozilla's autopush, Google's, Microsoft's WNS and Apple's,
 * each with its own answers.
 *   node demo/services/webpush.mjs --port 9104
 * The subscription decides what happens: subscribe({ kind, service }) makes one, and keeps the browser's keys.
 */
import { createECDH, randomBytes, randomUUID } from 'node:crypto';
import { ended, endings } from './lib/endings.mjs';
import { Attempts, Log, Taken } from './lib/ledger.mjs';
import { behaviour, json, openService, runAlone } from './lib/service.mjs';
import { decrypt, isEncrypted, readVapid } from './lib/vapid.mjs';

const BODY_BYTES = 4096; // RFC 8030 7.2: what every service must take, and no service takes more
const SUBSCRIPTIONS = 200_000;
const DAY_S = 24 * 3600, TTL_S = 30 * DAY_S;
const URGENCIES = ['very-low', 'low', 'normal', 'high'];
const MORE = 'http://autopush.readthedocs.io/en/latest/http.html#error-codes';

const NAMES = { 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found', 406: 'Not Acceptable', 410: 'Gone', 413: 'Payload Too Large',
    429: 'Too Many Requests', 500: 'Internal Server Error', 502: 'Bad Gateway', 503: 'Service Unavailable' };

const page = (status, title) => ({
    status, headers: { 'content-type': 'text/html; charset=UTF-8' },
    body: `<HTML>\n<HEAD>\n<TITLE>${title}</TITLE>\n</HEAD>\n<BODY BGCOLOR="#FFFFFF" TEXT="#000000">\n<H1>${title}</H1>\n<H2>Error ${status}</H2>\n</BODY>\n</HTML>\n`,
});

// What a fault is called: why → [status, autopush's errno and message, Google's title, Apple's reason, WNS's description].
const faults = {
    'gone': [410, 106, 'No such subscription', 'NotRegistered', 'Unregistered', 'The channel URI is expired'],
    'not-found': [404, 102, 'Request did not validate invalid token', 'Not Found', 'BadPath', 'The channel URI is not valid'],
    'unauthorized': [401, 109, 'Invalid bearer token: improperly specified crypto-key', 'Unauthorized', 'MissingProviderToken', 'The request is unauthorized'],
    'vapid': [401, 109, 'Invalid Authorization header', 'UnauthorizedRegistration', 'BadJwtToken', 'The VAPID token is invalid'],
    'other-key': [403, 109, 'VAPID public key mismatch', 'Forbidden', 'VapidPkHashMismatch', 'The VAPID key does not match'],
    'keys': [400, 110, 'Invalid aes128gcm Crypto-Key header', 'InvalidEncryption', 'BadMessage', 'The payload is not encrypted'],
    'no-ttl': [400, 111, 'Missing Required Header: TTL', 'MissingTtl', 'BadTtl', 'The TTL header is missing'],
    'ttl': [400, 112, 'Invalid TTL header value', 'InvalidTtl', 'BadTtl', 'The TTL header is invalid'],
    'topic': [400, 113, 'Invalid Topic header value', 'InvalidTopic', 'BadWebPushTopic', 'The Topic header is invalid'],
    'urgency': [400, 111, 'Invalid Urgency header value', 'InvalidUrgency', 'BadUrgency', 'The Urgency header is invalid'],
    'too-large': [413, 104, 'Data payload too large', 'Payload Too Large', 'PayloadTooLarge', 'The payload exceeds the size limit'],
    'too-many': [429, 120, 'Too many requests', 'Too Many Requests', 'TooManyRequests', 'The channel is throttled', { 'retry-after': '1' }],
    '500': [500, 999, 'Unknown error', 'Internal Server Error', 'InternalServerError', 'Internal failure'],
    '502': [502, 903, 'Bridge request timeout', 'Bad Gateway', 'BadGateway', 'Bad gateway'],
    '503': [503, 201, 'Please use exponential backoff for retries', 'Service Unavailable', 'ServiceUnavailable', 'The server is busy', { 'retry-after': '1' }],
};

/* The services: name → { path (of an endpoint), fault(row), success(id, ttl) }. */
const services = {
    mozilla: {
        path: id => `/wpush/v2/${id}`,
        fault: ([status, errno, message, , , , headers]) => json(status, { code: status, errno, error: NAMES[status], message, more_info: MORE }, headers),
        success: (id, ttl, origin) => ({ status: 201, headers: { location: `${origin}/m/${id}`, ttl: `${ttl}` }, body: '' }),
    },
    google: {
        path: id => `/fcm/send/${id}`,
        fault: ([status, , , title, , , headers]) => ({ ...page(status, title), headers: { ...page(status, title).headers, ...headers } }),
        success: (id, ttl, origin) => ({ status: 201, headers: { location: `${origin}/0:${id}`, 'content-type': 'text/html; charset=UTF-8' }, body: '' }),
    },
    wns: {
        path: id => `/w/?token=${id}`,
        fault: ([status, , , , , description, headers]) => ({
            status, body: '', headers: { 'x-wns-error-description': description, 'x-wns-status': 'dropped', 'x-wns-notificationstatus': 'dropped', 'x-wns-msg-id': id16(), ...headers },
        }),
        success: () => ({ status: 201, headers: { 'x-wns-status': 'received', 'x-wns-notificationstatus': 'received', 'x-wns-msg-id': id16(), 'x-wns-deviceconnectionstatus': 'connected' }, body: '' }),
    },
    apple: {
        path: id => `/apple/${id}`,
        // APNs has 403 for all faults of the token.
        fault: ([status, , , , reason, , headers]) => json(status === 401 ? 403 : status, { reason }, { 'apns-id': randomUUID().toUpperCase(), ...headers }),
        success: () => ({ status: 201, headers: { 'apns-id': randomUUID().toUpperCase() }, body: '' }),
    },
};

const id16 = () => randomBytes(8).toString('hex').toUpperCase();
const wnsLoss = (status, fate) => ({ status, headers: { 'x-wns-status': fate, 'x-wns-notificationstatus': fate, 'x-wns-msg-id': id16() }, body: '' });

/* The browsers: kind → { what, and fault (of `faults`) | reply() | ending; taken }. */
export const kinds = {
    'fine': { what: '201; the notification arrives' },
    'stored': { what: '202, taken for later', taken: true, reply: () => ({ status: 202, headers: {}, body: '' }) },
    'gone': { what: '410', fault: 'gone' },
    'not-found': { what: '404', fault: 'not-found' },
    'bad-request': { what: '400', fault: 'keys' },
    'unauthorized': { what: '401', fault: 'unauthorized' },
    'forbidden': { what: '403, the key of another sender', fault: 'other-key' },
    'too-large': { what: '413', fault: 'too-large' },
    'too-many': { what: '429, Retry-After: 1', fault: 'too-many' },
    '500': { what: '500', fault: '500' },
    '502': { what: '502 (autopush: errno 903)', fault: '502' },
    '503': { what: '503, Retry-After: 1', fault: '503' },
    'wns-throttled': { what: 'WNS: 200 and X-WNS-Status: channelThrottled, lost', reply: () => wnsLoss(200, 'channelThrottled') },
    'wns-dropped': { what: 'WNS: 200 and X-WNS-Status: dropped, lost', reply: () => wnsLoss(200, 'dropped') },
    'wns-busy': { what: 'WNS: 406', reply: () => wnsLoss(406, 'channelThrottled') },
    ...Object.fromEntries(Object.entries(endings).map(([kind, ending]) => [kind, { what: ending.what, ending, taken: ending.taken }])),
};

/* Starts the service. options: port, host, tls, now. Adds to the service:
 *   subscribe({ kind, service, times, applicationServerKey })  a browser subscribes: as PushSubscription.toJSON(); without
 *       a key the first request's key is the one
 *   unsubscribe(endpoint)   from now on 410
 *   keysOf(endpoint)        the browser's { privateKey, auth } as Buffers, and p256dh in base64url
 *   open(message)           the text of a message of `taken`, decrypted as the browser would
 * behave: answers (a kind for every request, or null). On the desk, POST /-/subscribe takes the members of subscribe(). */
export async function start(options = {}) {
    const now = options.now ?? Date.now;
    const subscriptions = new Map();
    const push = { name: 'webpush', requests: new Log(), taken: new Taken() };
    behaviour(push, { answers: null }, wanted => {
        if (wanted.answers !== null && !Object.hasOwn(kinds, wanted.answers)) throw new TypeError(`behave: no kind ${wanted.answers}`);
    });
    const service = { push, subscriptions, now, attempts: new Attempts() };
    const pathOf = endpoint => endpoint.slice(push.origin.length);
    Object.assign(push, {
        subscribe: wanted => subscribe(service, wanted),
        unsubscribe: endpoint => {
            subscriptions.get(pathOf(endpoint)).gone = true;
        },
        keysOf: endpoint => subscriptions.get(pathOf(endpoint)).keys,
        open: message => decrypt(message.body, subscriptions.get(pathOf(message.who)).keys).toString('utf8'),
        desk: call => (call.method === 'POST' && call.path === '/-/subscribe' ? json(201, subscribe(service, call.json())) : undefined),
    });
    await openService(push, options, call => answer(service, call));
    push.origin = new URL(push.url).origin;
    return push;
}

function subscribe({ push, subscriptions }, { kind = 'fine', service = kind.startsWith('wns-') ? 'wns' : 'mozilla', times = 0, applicationServerKey } = {}) {
    if (!Object.hasOwn(kinds, kind)) throw new TypeError(`no kind ${kind}; there are ${Object.keys(kinds).join(', ')}`);
    if (!Object.hasOwn(services, service)) throw new TypeError(`no service ${service}; there are ${Object.keys(services).join(', ')}`);
    const path = services[service].path(`${kind}_${times || ''}_${randomBytes(24).toString('base64url')}`);
    const browser = createECDH('prime256v1');
    const p256dh = browser.generateKeys().toString('base64url');
    const auth = randomBytes(16);
    const key = applicationServerKey && Buffer.from(applicationServerKey, 'base64url').toString('base64url');
    subscriptions.set(path, { kind, service, times, path, key, keys: { privateKey: browser.getPrivateKey(), auth, p256dh }, gone: false });
    if (subscriptions.size > SUBSCRIPTIONS) subscriptions.delete(subscriptions.keys().next().value);
    return { endpoint: push.origin + path, expirationTime: null, keys: { p256dh, auth: auth.toString('base64url') } };
}

// The first rule of the protocol that a request breaks: a name of `faults`, and autopush's words where they depend on the request.
function requestFault(call, subscription, vapid) {
    const { ttl, topic, urgency } = call.headers;
    if (vapid.why) return [vapid.kind === 'missing' ? 'unauthorized' : 'vapid', vapid.why];
    subscription.key ??= vapid.key;
    if (vapid.key !== subscription.key) return ['other-key'];
    if (subscription.service === 'apple' && !vapid.subject) return ['vapid', 'Missing subject'];
    if (ttl === undefined) return ['no-ttl'];
    if (!/^\d{1,10}$/.test(ttl)) return ['ttl'];
    if (topic !== undefined && !/^[A-Za-z0-9_-]{1,32}$/.test(topic)) return ['topic'];
    if (urgency !== undefined && !URGENCIES.includes(urgency)) return ['urgency'];
    if (call.tooLarge || call.body.length > BODY_BYTES) return ['too-large'];
    if (call.body.length && (call.headers['content-encoding'] !== 'aes128gcm' || !isEncrypted(call.body))) return ['keys'];
    return undefined;
}

function faultOf(subscription, name, words) {
    const row = [...faults[name]];
    if (words) row[2] = words;
    return services[subscription.service].fault(row);
}

function answer(service, call) {
    const { push, subscriptions, now } = service;
    const path = call.path === '/w/' ? `/w/?token=${call.query.get('token')}` : call.path;
    const subscription = subscriptions.get(path);
    if (!subscription) return services.mozilla.fault(faults['not-found']);
    if (call.method !== 'POST') return { status: 405, headers: { allow: 'POST' }, body: '' };
    const [name, words] = requestFault(call, subscription, readVapid(call.headers.authorization, push.origin, now() / 1000)) ?? [];
    if (name) return faultOf(subscription, name, words);
    if (subscription.gone) return faultOf(subscription, 'gone');
    const bad = decisive(service, subscription);
    if (bad && !bad.taken) return bad.fault ? faultOf(subscription, bad.fault) : bad.ending ? ended(bad.ending, undefined, now()) : bad.reply();
    const ttl = Math.min(Number(call.headers.ttl), TTL_S);
    push.taken.add(push.origin + path, { body: call.body, ttl, topic: call.headers.topic, urgency: call.headers.urgency });
    const success = services[subscription.service].success(randomBytes(12).toString('base64url'), ttl, push.origin);
    if (!bad) return success;
    return bad.ending ? ended(bad.ending, success, now()) : bad.reply();
}

function decisive({ push, attempts }, subscription) {
    if (push.behaviour.answers) return kinds[push.behaviour.answers];
    return subscription.kind !== 'fine' && attempts.fails(subscription.path, subscription.times) ? kinds[subscription.kind] : undefined;
}

export const credentials = push => [['Web Push', push.origin], ['to subscribe', `curl -d '{"kind":"gone"}' ${push.origin}/-/subscribe`]];

await runAlone(import.meta.url, start, {}, credentials);
