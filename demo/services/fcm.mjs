/*
 * A faithful fake of Firebase Cloud Messaging's HTTP v1 API with Google's token endpoint, over HTTP/2 (h2, or h2c by
 * prior knowledge) and HTTP/1.1.
 *   node demo/services/fcm.mjs --port 9102
 * The registration token decides what happens: token(kind) makes one. Words: FCM's reference and error codes.
 */
import { randomBytes } from 'node:crypto';
import { ended, endings } from './lib/endings.mjs';
import { apnsError, badRequest, errorInfo, fcmError, readSend, refusedByFcm, rpc } from './lib/fcm-check.mjs';
import { Attempts, Log, Rate, Taken } from './lib/ledger.mjs';
import { ServiceAccount } from './lib/oauth.mjs';
import { behaviour, json, openService, runAlone } from './lib/service.mjs';

const SENDS_A_SECOND = 10_000; // the published quota, 600,000 a minute
const SCOPES = ['https://www.googleapis.com/auth/firebase.messaging', 'https://www.googleapis.com/auth/cloud-platform'];
const TOKEN = /^[A-Za-z0-9_-]{8,64}:APA91b[A-Za-z0-9_-]{20,}$/;
const CREDENTIAL = 'Expected OAuth 2 access token, login cookie or other valid authentication credential. '
    + 'See https://developers.google.com/identity/sign-in/web/devconsole-project.';
const METHOD = { method: 'google.firebase.fcm.v1.FcmService.SendMessage', service: 'fcm.googleapis.com' };

const notFound = (message, ...details) => rpc(404, 'NOT_FOUND', message, details);
const exhausted = (message, headers) => rpc(429, 'RESOURCE_EXHAUSTED', message, [fcmError('QUOTA_EXCEEDED')], headers);
const thirdParty = (status, reason) => rpc(401, 'UNAUTHENTICATED', 'Auth error from APNS or Web Push Service',
    [fcmError('THIRD_PARTY_AUTH_ERROR'), apnsError(status, reason)]);
const denied = project => rpc(403, 'PERMISSION_DENIED',
    `Permission 'cloudmessaging.messages.create' denied on resource '//cloudresourcemanager.googleapis.com/projects/${project}' (or it may not exist).`,
    [errorInfo('IAM_PERMISSION_DENIED', { permission: 'cloudmessaging.messages.create', resource: `projects/${project}` })]);
const unauthenticated = (reason, start) => rpc(401, 'UNAUTHENTICATED', `${start} ${CREDENTIAL}`, [errorInfo(reason, METHOD)],
    { 'www-authenticate': `Bearer realm="https://accounts.google.com/"${reason === 'CREDENTIALS_MISSING' ? '' : ', error="invalid_token"'}` });
const invalidToken = () => unauthenticated('ACCESS_TOKEN_EXPIRED', 'Request had invalid authentication credentials.');

/* The devices: kind → { what, taken, reply(service) }; ios: the message goes to APNs. */
export const kinds = {
    'fine': { what: 'an Android device; the message arrives' },
    'ios': { what: 'an iOS device; the message arrives while APNs takes the project’s key', ios: true },
    'unregistered': { what: '404 UNREGISTERED', reply: () => notFound('Requested entity was not found.', fcmError('UNREGISTERED')) },
    'not-registered': { what: '404 NotRegistered, UNREGISTERED', reply: () => notFound('NotRegistered', fcmError('UNREGISTERED')) },
    'apns-unregistered': { what: '404 UNREGISTERED, ApnsError Unregistered', ios: true,
        reply: () => notFound('Requested entity was not found.', fcmError('UNREGISTERED'), apnsError(410, 'Unregistered')) },
    'invalid-token': { what: '400 The registration token is not a valid FCM registration token',
        reply: () => refusedByFcm('The registration token is not a valid FCM registration token') },
    'invalid-token-field': { what: '400 Invalid registration token, BadRequest message.token',
        reply: () => rpc(400, 'INVALID_ARGUMENT', 'Invalid registration token',
            [fcmError('INVALID_ARGUMENT'), badRequest({ field: 'message.token', description: 'Invalid registration token' })]) },
    'invalid-argument': { what: '400 Request contains an invalid argument.', reply: () => refusedByFcm('Request contains an invalid argument.') },
    'payload': { what: '400 Invalid value at \'message.data[0].value\' (TYPE_STRING), 12',
        reply: () => rpc(400, 'INVALID_ARGUMENT', 'Invalid value at \'message.data[0].value\' (TYPE_STRING), 12',
            [badRequest({ field: 'message.data[0].value', description: 'Invalid value at \'message.data[0].value\' (TYPE_STRING), 12' })]) },
    'too-big': { what: '400 Android message is too big', reply: () => refusedByFcm('Android message is too big') },
    'apns-bad-token': { what: '400 INVALID_ARGUMENT, ApnsError BadDeviceToken', ios: true,
        reply: () => rpc(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.', [fcmError('INVALID_ARGUMENT'), apnsError(400, 'BadDeviceToken')]) },
    'apns-topic': { what: '400 INVALID_ARGUMENT, ApnsError DeviceTokenNotForTopic', ios: true,
        reply: () => rpc(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.', [fcmError('INVALID_ARGUMENT'), apnsError(400, 'DeviceTokenNotForTopic')]) },
    'apns-payload': { what: '400 INVALID_ARGUMENT, ApnsError PayloadTooLarge', ios: true,
        reply: () => rpc(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.', [fcmError('INVALID_ARGUMENT'), apnsError(413, 'PayloadTooLarge')]) },
    'third-party': { what: '401 THIRD_PARTY_AUTH_ERROR, ApnsError InvalidProviderToken', ios: true, reply: () => thirdParty(403, 'InvalidProviderToken') },
    'environment-key': { what: '401 THIRD_PARTY_AUTH_ERROR, ApnsError BadEnvironmentKeyInToken', ios: true, reply: () => thirdParty(403, 'BadEnvironmentKeyInToken') },
    'unauthenticated': { what: '401 UNAUTHENTICATED', reply: invalidToken },
    'sender-id': { what: '403 SENDER_ID_MISMATCH', reply: () => rpc(403, 'PERMISSION_DENIED', 'SenderId mismatch', [fcmError('SENDER_ID_MISMATCH')]) },
    'denied': { what: '403 PERMISSION_DENIED', reply: ({ fcm }) => denied(fcm.projectId) },
    'not-found': { what: '404 Requested entity was not found., without details', reply: () => notFound('Requested entity was not found.') },
    'quota': { what: '429 QUOTA_EXCEEDED, Retry-After: 1', reply: () => exhausted('Quota exceeded for quota metric \'Messages\'.', { 'retry-after': '1' }) },
    'quota-date': { what: '429 QUOTA_EXCEEDED, Retry-After as a date',
        reply: ({ now }) => exhausted('Quota exceeded for quota metric \'Messages\'.', { 'retry-after': new Date(now() + 2000).toUTCString() }) },
    'device-rate': { what: '429 QUOTA_EXCEEDED, the device’s rate', reply: () => exhausted('Device message rate exceeded') },
    'topics-rate': { what: '429 QUOTA_EXCEEDED, without details', reply: () => rpc(429, 'RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).') },
    '500': { what: '500 INTERNAL', reply: () => rpc(500, 'INTERNAL', 'Internal error encountered.', [fcmError('INTERNAL')]) },
    '503': { what: '503 UNAVAILABLE', reply: () => rpc(503, 'UNAVAILABLE', 'The service is currently unavailable.', [fcmError('UNAVAILABLE')]) },
    '503-bare': { what: '503 UNAVAILABLE without details, Retry-After: 1',
        reply: () => rpc(503, 'UNAVAILABLE', 'The service is currently unavailable.', [], { 'retry-after': '1' }) },
    '504': { what: '504 DEADLINE_EXCEEDED', reply: () => rpc(504, 'DEADLINE_EXCEEDED', 'Deadline expired before operation could complete.') },
    ...Object.fromEntries(Object.entries(endings).map(([kind, ending]) => [kind, { what: ending.what, ending, taken: ending.taken }])),
};

/* The registration token of a device of this kind: the kind, how often it fails (nothing: always), a number. */
export function token(kind, { times = 0, n = 0 } = {}) {
    if (!Object.hasOwn(kinds, kind)) throw new TypeError(`no kind ${kind}; there are ${Object.keys(kinds).join(', ')}`);
    return `${kind}_${times || ''}_${`${n}`.padStart(8, '0')}:APA91b${`${n}`.padStart(134, 'x')}`;
}

function deviceOf(text) {
    const [, kind, times] = /^([a-z0-9-]+)_(\d{0,3})_/.exec(text) ?? [];
    return kind && Object.hasOwn(kinds, kind) ? { kind, ...kinds[kind], times: Number(times) } : { kind: 'fine' };
}

/* Starts the service. options: port, host, tls, projectId, streams (at once on a connection), now.
 * behave: revoked (true: all access tokens that were given out are dead from now on), expiresIn (s, of those to come),
 * account ('active', 'disabled', 'deleted', 'key-removed'), tokenAnswers (a status that the token endpoint gives, or
 * null), enabled (false: the API is off in the project), permitted (false: the account may not send), apns (false: APNs does
 * not take the project's key), perSecond (0: none), answers (a kind for every message, or null). */
export async function start(options = {}) {
    const now = options.now ?? Date.now;
    const projectId = options.projectId ?? 'todoke-demo';
    const account = new ServiceAccount({ projectId, now });
    const rate = new Rate(SENDS_A_SECOND, now);
    const fcm = { name: 'fcm', requests: new Log(), taken: new Taken(), projectId, account };
    behaviour(fcm, {
        revoked: false, expiresIn: 3599, account: 'active', tokenAnswers: null, enabled: true, permitted: true, apns: true, perSecond: SENDS_A_SECOND, answers: null,
    }, wanted => {
        if (wanted.answers !== null && !Object.hasOwn(kinds, wanted.answers)) throw new TypeError(`behave: no kind ${wanted.answers}`);
        if (!['active', 'disabled', 'deleted', 'key-removed'].includes(wanted.account)) throw new TypeError(`behave: no account that is ${wanted.account}`);
        rate.limit = wanted.perSecond;
        Object.assign(account, { expiresIn: wanted.expiresIn, account: wanted.account, tokenAnswers: wanted.tokenAnswers });
        if (wanted.revoked) account.revoke();
        wanted.revoked = false;
    });
    const service = { fcm, account, rate, now, attempts: new Attempts() };
    await openService(fcm, options, call => (ServiceAccount.handles(call.path) ? account.answer(call, fcm.tokenUri) : answer(service, call)));
    fcm.tokenUri = `${fcm.url}/token`;
    fcm.serviceAccount = account.file(fcm.tokenUri);
    return fcm;
}

function unauthorized({ fcm, account }, call, project) {
    const bearer = /^Bearer\s+(\S+)$/.exec(call.headers.authorization ?? '');
    if (!bearer) return unauthenticated('CREDENTIALS_MISSING', 'Request is missing required authentication credential.');
    const state = account.state(bearer[1], SCOPES);
    if (state === 'unknown' || state === 'expired') return invalidToken();
    if (state === 'narrow') {
        return rpc(403, 'PERMISSION_DENIED', 'Request had insufficient authentication scopes.', [errorInfo('ACCESS_TOKEN_SCOPE_INSUFFICIENT', METHOD)]);
    }
    if (!fcm.behaviour.enabled) {
        return rpc(403, 'PERMISSION_DENIED', 'Firebase Cloud Messaging API has not been used in project 100000000001 before or it is disabled. Enable it by visiting '
            + 'https://console.developers.google.com/apis/api/fcm.googleapis.com/overview?project=100000000001 then retry. If you enabled this API recently, '
            + 'wait a few minutes for the action to propagate to our systems and retry.',
        [errorInfo('SERVICE_DISABLED', { service: 'fcm.googleapis.com', consumer: 'projects/100000000001' })]);
    }
    if (!fcm.behaviour.permitted || project !== fcm.projectId) return denied(project);
    return undefined;
}

function answer(service, call) {
    const { fcm, rate, now } = service;
    const path = /^\/v1\/projects\/([^/]+)\/messages:send$/.exec(decodeURIComponent(call.path));
    if (!path || call.method !== 'POST') return googlePage(call);
    if (call.tooLarge) return refusedByFcm('Request payload size exceeds the limit: 4194304 bytes.');
    const { fault, message, validateOnly } = readSend(call.body.toString('utf8'));
    const refusal = unauthorized(service, call, path[1]) ?? fault;
    if (refusal) return refusal;
    if (!rate.take()) return exhausted('Quota exceeded for quota metric \'Messages\'.', { 'retry-after': '1' });
    if (message.token !== undefined && !TOKEN.test(message.token)) return refusedByFcm('The registration token is not a valid FCM registration token');
    const bad = decisive(service, message);
    if (bad && !bad.taken) return bad.ending ? ended(bad.ending, undefined, now()) : bad.reply(service);
    const id = validateOnly ? 'fake_message_id' : `0:${now()}${String(fcm.taken.total % 1000).padStart(3, '0')}%${randomBytes(8).toString('hex')}`;
    if (!validateOnly) fcm.taken.add(message.token ?? message.topic ?? message.condition, { message, id });
    const success = { ...json(200, {}), headers: { 'content-type': 'application/json; charset=UTF-8' }, body: `${JSON.stringify({ name: `projects/${fcm.projectId}/messages/${id}` }, null, 2)}\n` };
    return bad ? ended(bad.ending, success, now()) : success;
}

// What decides: the switches of the account, then the device.
function decisive({ fcm, attempts }, message) {
    if (fcm.behaviour.answers) return kinds[fcm.behaviour.answers];
    const device = deviceOf(message.token ?? '');
    if (device.ios && !fcm.behaviour.apns) return kinds['third-party'];
    return (device.reply || device.ending) && attempts.fails(message.token, device.times) ? device : undefined;
}

const googlePage = call => ({
    status: 404, headers: { 'content-type': 'text/html; charset=UTF-8' },
    body: `<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n  <p><b>404.</b> <ins>That’s an error.</ins>\n`
        + `  <p>The requested URL <code>${call.path.replace(/[<&]/g, '')}</code> was not found on this server.  <ins>That’s all we know.</ins>\n</html>\n`,
});

export const credentials = fcm => [['FCM', fcm.url], ['token endpoint', fcm.tokenUri], ['service account', JSON.stringify(fcm.serviceAccount)]];

await runAlone(import.meta.url, start, { projectId: 0 }, credentials);
