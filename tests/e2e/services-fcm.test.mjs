// The fake FCM: firebase-admin is its client over HTTP/1.1, and plain HTTP/2 requests see what that client hides.
import assert from 'node:assert/strict';
import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import https from 'node:https';
import { createRequire } from 'node:module';
import { after, before, beforeEach, describe, it } from 'node:test';
import { kinds, start, token } from '../../demo/services/fcm.mjs';
import { caFile, certs } from './lib/certs.mjs';
import { request, request2 } from './lib/services.mjs';

const admin = createRequire(import.meta.url)('firebase-admin');
const ca = readFileSync(caFile);
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';

let clock = Date.now();
let fcm, plain;

const b64 = value => Buffer.from(JSON.stringify(value)).toString('base64url');
function assertion(service, claims = {}, { key = service.serviceAccount.private_key, header = { alg: 'RS256', typ: 'JWT' } } = {}) {
    const seconds = Math.floor(clock / 1000);
    const signed = `${b64(header)}.${b64({ iss: service.serviceAccount.client_email, scope: SCOPE, aud: service.serviceAccount.token_uri, iat: seconds, exp: seconds + 3600, ...claims })}`;
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key).toString('base64url')}`;
}
const grant = (service, jwt, members = {}) => request(service.tokenUri, {
    headers: { 'content-type': 'application/x-www-form-urlencoded' }, ca,
    body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: jwt, ...members }).toString(),
});
const accessToken = async service => JSON.parse((await grant(service, assertion(service))).text).access_token;
const send = (service, bearer, message, { call = request2, project = service.projectId, validateOnly, raw } = {}) =>
    call(`${service.url}/v1/projects/${project}/messages:send`, {
        headers: { 'content-type': 'application/json', ...(bearer && { authorization: `Bearer ${bearer}` }) }, ca,
        body: raw ?? JSON.stringify({ message, ...(validateOnly && { validate_only: true }) }),
    });
const error = answer => JSON.parse(answer.text).error;
const codeOf = answer => error(answer).details?.find(detail => detail['@type'].endsWith('FcmError'))?.errorCode;
const note = to => ({ token: to, notification: { title: 'お知らせ', body: 'こんにちは' } });

before(async () => {
    fcm = await start({ tls: certs.good, now: () => clock });
    plain = await start({ now: () => clock });
});
after(async () => {
    await fcm.close();
    await plain.close();
});
beforeEach(() => plain.behave({ expiresIn: 3599, account: 'active', tokenAnswers: null, enabled: true, permitted: true, apns: true, perSecond: 0, answers: null }));

describe('FCM: firebase-admin', () => {
    let app, agent, messaging;
    before(() => {
        // The SDK's hosts are fixed: its agent leads them to the fake.
        agent = new (class extends https.Agent {
            createConnection(options, done) {
                return super.createConnection({ ...options, host: '127.0.0.1', port: fcm.port, servername: 'localhost', ca }, done);
            }
        })({ keepAlive: true });
        app = admin.initializeApp({ credential: admin.credential.cert(fcm.serviceAccount, agent), httpAgent: agent, projectId: fcm.projectId });
        messaging = app.messaging();
        messaging.enableLegacyHttpTransport();
    });
    after(async () => {
        agent.destroy();
        await app.delete();
    });

    it('gets a token with its JWT, once, and sends', async () => {
        assert.match(await messaging.send(note(token('fine'))), /^projects\/todoke-demo\/messages\/0:\d+%[0-9a-f]{16}$/);
        const { responses } = await messaging.sendEach([1, 2, 3].map(n => note(token('fine', { n }))));
        assert.ok(responses.every(response => response.success));
        assert.equal(fcm.account.issued, 1);
        assert.equal(await messaging.send(note(token('fine', { n: 4 })), true), 'projects/todoke-demo/messages/fake_message_id');
        assert.equal(fcm.taken.total, 4);
    });

    const rows = [
        ['unregistered', 'registration-token-not-registered'], ['invalid-token', 'invalid-argument'], ['sender-id', 'mismatched-credential'],
        ['third-party', 'third-party-auth-error'], ['quota', 'message-rate-exceeded'], ['payload', 'invalid-argument'],
    ];
    for (const [kind, code] of rows) {
        it(`reads ${kind} as ${code}`, async () => {
            await assert.rejects(messaging.send(note(token(kind))), { code: `messaging/${code}` });
        });
    }
});

describe('FCM: the device decides', () => {
    const rows = [ // HTTP status, google.rpc status, FcmError, ApnsError's reason, message
        ['unregistered', 404, 'NOT_FOUND', 'UNREGISTERED', undefined, 'Requested entity was not found.'],
        ['apns-unregistered', 404, 'NOT_FOUND', 'UNREGISTERED', 'Unregistered', 'Requested entity was not found.'],
        ['invalid-token', 400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', undefined, 'The registration token is not a valid FCM registration token'],
        ['apns-bad-token', 400, 'INVALID_ARGUMENT', 'INVALID_ARGUMENT', 'BadDeviceToken', 'Request contains an invalid argument.'],
        ['payload', 400, 'INVALID_ARGUMENT', undefined, undefined, 'Invalid value at \'message.data[0].value\' (TYPE_STRING), 12'],
        ['third-party', 401, 'UNAUTHENTICATED', 'THIRD_PARTY_AUTH_ERROR', 'InvalidProviderToken', 'Auth error from APNS or Web Push Service'],
        ['environment-key', 401, 'UNAUTHENTICATED', 'THIRD_PARTY_AUTH_ERROR', 'BadEnvironmentKeyInToken', 'Auth error from APNS or Web Push Service'],
        ['sender-id', 403, 'PERMISSION_DENIED', 'SENDER_ID_MISMATCH', undefined, 'SenderId mismatch'],
        ['not-found', 404, 'NOT_FOUND', undefined, undefined, 'Requested entity was not found.'],
        ['quota', 429, 'RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED', undefined, 'Quota exceeded for quota metric \'Messages\'.'],
        ['500', 500, 'INTERNAL', 'INTERNAL', undefined, 'Internal error encountered.'],
        ['503', 503, 'UNAVAILABLE', 'UNAVAILABLE', undefined, 'The service is currently unavailable.'],
        ['503-bare', 503, 'UNAVAILABLE', undefined, undefined, 'The service is currently unavailable.'],
    ];
    for (const [kind, status, name, fcmCode, apns, message] of rows) {
        it(`${kind}: ${status} ${name} ${fcmCode ?? ''} ${apns ?? ''}`, async () => {
            const answer = await send(plain, await accessToken(plain), note(token(kind)));
            const { code, status: rpc, message: words, details = [] } = error(answer);
            const reason = details.find(detail => detail['@type'] === 'type.googleapis.com/google.firebase.fcm.v1.ApnsError')?.reason;
            assert.deepEqual([answer.status, code, rpc, codeOf(answer), reason, words], [status, status, name, fcmCode, apns, message]);
            assert.equal(plain.taken.times(token(kind)), 0);
        });
    }

    it('tells Retry-After in seconds and as a date, redirects, and fails a number of times', async () => {
        const bearer = await accessToken(plain);
        assert.equal((await send(plain, bearer, note(token('quota')))).headers['retry-after'], '1');
        assert.equal(Date.parse((await send(plain, bearer, note(token('quota-date')))).headers['retry-after']), Math.floor((clock + 2000) / 1000) * 1000);
        assert.equal((await send(plain, bearer, note(token('redirect')))).status, 302);
        const once = note(token('503', { times: 1, n: 7 }));
        assert.deepEqual([(await send(plain, bearer, once)).status, (await send(plain, bearer, once)).status], [503, 200]);
        assert.throws(() => token('nonsense'), /no kind nonsense/);
        assert.ok(Object.keys(kinds).every(kind => kind === 'fine' || kinds[kind].what));
    });

    it('resets streams, goes away, and loses answers, over h2c and h2', async () => {
        for (const service of [plain, fcm]) {
            const bearer = await accessToken(service);
            for (const [kind, taken, want] of [['reset-refused', 0, { rst: 7 }], ['reset-after', 1, { rst: 2 }], ['goaway-before', 0, { goaway: [0, 0] }],
                ['goaway-after', 1, { status: 200 }], ['drop-after', 1, {}], ['drop-before', 0, {}]]) {
                const seen = await send(service, bearer, note(token(kind)));
                assert.deepEqual(Object.fromEntries(Object.keys(want).map(name => [name, seen[name]])), want, kind);
                assert.equal(service.taken.times(token(kind)), taken, kind);
            }
        }
    });
});

describe('FCM: many streams of one connection', () => {
    it('answers those below a GOAWAY, and looks at none above it', async () => {
        const bearer = await accessToken(plain);
        const session = connect(plain.url);
        let goaway;
        session.on('error', () => {}).on('goaway', (code, last) => (goaway = [code, last]));
        const closed = new Promise(resolve => session.once('close', resolve));
        const stream = message => new Promise(resolve => {
            const one = session.request({ ':method': 'POST', ':path': `/v1/projects/${plain.projectId}/messages:send`, authorization: `Bearer ${bearer}` });
            let status, text = '';
            one.setEncoding('utf8').on('response', headers => (status = headers[':status'])).on('data', part => (text += part));
            one.on('error', () => {}).on('close', () => resolve(status ? [status, JSON.parse(text).name.slice(0, 9)] : one.rstCode));
            one.end(JSON.stringify({ message }));
        });
        const slow = note(token('slow', { n: 60 })), leaving = note(token('goaway-before', { n: 61 })), above = note(token('fine', { n: 62 }));
        const seen = await Promise.all([slow, leaving, above].map(stream));
        await closed;
        // The third may have been looked at before the second was: then the second is refused by itself.
        const looked = seen[2] !== 7, answered = [200, 'projects/'];
        assert.deepEqual(seen, [answered, 7, looked ? answered : 7]);
        assert.deepEqual(goaway, [0, looked ? 5 : 1]);
        assert.deepEqual([slow, leaving, above].map(message => plain.taken.times(message.token)), [1, 0, looked ? 1 : 0]);
    });
});

describe('FCM: the token endpoint', () => {
    const seconds = () => Math.floor(clock / 1000);
    const rows = [
        ['another audience', s => assertion(s, { aud: 'https://example.com/token' }), 400, 'invalid_grant', 'Invalid JWT: Failed audience check.'],
        ['another key', s => assertion(s, {}, { key: fcm.serviceAccount.private_key }), 400, 'invalid_grant', 'Invalid JWT Signature.'],
        ['another account', s => assertion(s, { iss: 'x@example.com' }), 400, 'invalid_grant', 'Invalid grant: account not found'],
        ['a token of two hours', s => assertion(s, { exp: seconds() + 7200 }), 400, 'invalid_grant', /^Invalid JWT: Token must be a short-lived token \(60 minutes\)/],
        ['an old token', s => assertion(s, { iat: seconds() - 7200, exp: seconds() - 3600 }), 400, 'invalid_grant', /^Invalid JWT: Token must be a short-lived/],
        ['a token of the future', s => assertion(s, { iat: seconds() + 600, exp: seconds() + 900 }), 400, 'invalid_grant', /^Invalid JWT: Token must be a short-lived/],
        ['no scope', s => assertion(s, { scope: '' }), 400, 'invalid_scope', 'Invalid OAuth scope or ID token audience provided.'],
        ['another algorithm', s => assertion(s, {}, { header: { alg: 'none' } }), 400, 'invalid_grant', 'Invalid JWT: Unsupported algorithm.'],
        ['no JWT', () => 'x.y', 400, 'invalid_grant', 'Invalid JWT: Failed to parse the JWT.'],
    ];
    for (const [name, jwt, status, code, description] of rows) {
        it(`refuses ${name}: ${code}`, async () => {
            const answer = await grant(plain, jwt(plain));
            const body = JSON.parse(answer.text);
            assert.deepEqual([answer.status, body.error], [status, code]);
            if (description instanceof RegExp) assert.match(body.error_description, description);
            else assert.equal(body.error_description, description);
        });
    }

    it('refuses another grant type, removed keys and disabled accounts, and breaks down', async () => {
        assert.equal(JSON.parse((await grant(plain, assertion(plain), { grant_type: 'password' })).text).error, 'unsupported_grant_type');
        plain.behave({ account: 'key-removed' });
        assert.equal(JSON.parse((await grant(plain, assertion(plain))).text).error_description, 'Invalid JWT Signature.');
        plain.behave({ account: 'disabled' });
        assert.equal((await grant(plain, assertion(plain))).status, 400);
        plain.behave({ account: 'active', tokenAnswers: 503 });
        assert.equal((await grant(plain, assertion(plain))).status, 503);
    });

    it('gives tokens that expire and can be revoked, and takes real audiences', async () => {
        plain.behave({ expiresIn: 10 });
        const bearer = await accessToken(plain);
        assert.equal((await send(plain, bearer, note(token('fine')))).status, 200);
        clock += 10_000;
        const late = await send(plain, bearer, note(token('fine')));
        assert.deepEqual([late.status, error(late).status, codeOf(late)], [401, 'UNAUTHENTICATED', undefined]);
        assert.match(late.headers['www-authenticate'], /invalid_token/);
        const next = await accessToken(plain);
        plain.behave({ revoked: true });
        assert.equal((await send(plain, next, note(token('fine')))).status, 401);
        for (const aud of ['https://oauth2.googleapis.com/token', 'https://accounts.google.com/o/oauth2/token']) {
            assert.equal((await grant(plain, assertion(plain, { aud }))).status, 200);
        }
    });
});

describe('FCM: the project and the request', () => {
    it('wants a token, its scope, the project, the API and the permission', async () => {
        const bearer = await accessToken(plain);
        const words = async (...args) => error(await send(plain, ...args)).message;
        assert.match(await words(undefined, note(token('fine'))), /^Request is missing required authentication credential\./);
        assert.match(await words('x', note(token('fine'))), /^Request had invalid authentication credentials\./);
        const narrow = JSON.parse((await grant(plain, assertion(plain, { scope: 'https://www.googleapis.com/auth/drive' }))).text).access_token;
        assert.equal(await words(narrow, note(token('fine'))), 'Request had insufficient authentication scopes.');
        assert.match(await words(bearer, note(token('fine')), { project: 'other' }), /^Permission 'cloudmessaging\.messages\.create' denied on resource .*projects\/other'/);
        plain.behave({ enabled: false });
        assert.match(await words(bearer, note(token('fine'))), /has not been used in project .* before or it is disabled/);
        plain.behave({ enabled: true, apns: false });
        assert.equal(codeOf(await send(plain, bearer, note(token('ios')))), 'THIRD_PARTY_AUTH_ERROR');
        assert.equal((await send(plain, bearer, note(token('fine')))).status, 200);
    });

    const rows = [
        ['an unknown member', { token: token('fine'), sound: 'x' }, 'Invalid JSON payload received. Unknown name "sound" at \'message\': Cannot find field.'],
        ['data that is no text', { token: token('fine'), data: { a: '1', n: 12 } }, 'Invalid value at \'message.data[1].value\' (TYPE_STRING), 12'],
        ['a title that is no text', { token: token('fine'), notification: { title: 1 } }, 'Invalid value at \'message.notification.title\' (TYPE_STRING), 1'],
        ['a ttl without s', { token: token('fine'), android: { ttl: '60' } }, /Illegal duration format; duration must end with 's'$/],
        ['nobody', { notification: { title: 'x' } }, 'Recipient of the message is not set.'],
        ['two targets', { token: token('fine'), topic: 'x' }, /oneof field 'target' is already set/],
        ['a reserved key', { token: token('fine'), data: { from: 'x' } }, 'Invalid data payload key: from'],
        ['more than 4,096 bytes', { token: token('fine'), notification: { body: 'あ'.repeat(1366) } }, 'Android message is too big'],
        ['a token that is none', { token: 'abc' }, 'The registration token is not a valid FCM registration token'],
    ];
    for (const [name, message, words] of rows) {
        it(`refuses ${name}`, async () => {
            const total = plain.taken.total;
            const answer = await send(plain, await accessToken(plain), message);
            assert.deepEqual([answer.status, error(answer).status], [400, 'INVALID_ARGUMENT']);
            if (words instanceof RegExp) assert.match(error(answer).message, words);
            else assert.equal(error(answer).message, words);
            assert.equal(plain.taken.total, total);
        });
    }

    it('takes camel case, all blocks, validate_only and 4,096 bytes; HTTP/1.1 too', async () => {
        const bearer = await accessToken(plain);
        const full = {
            ...note(token('fine', { n: 20 })), data: { a: 'b' }, android: { collapseKey: 'k', priority: 'HIGH', ttl: '3.5s', notification: { channelId: 'c' } },
            apns: { headers: { 'apns-priority': '10' }, payload: { aps: { badge: 1 } } }, webpush: { headers: { TTL: '1' }, fcm_options: { link: 'https://example.com/' } },
        };
        assert.equal((await send(plain, bearer, full)).status, 200);
        assert.equal(plain.taken.of(full.token)[0].message.android.collapse_key, 'k');
        assert.equal((await send(plain, bearer, full, { call: request })).status, 200);
        assert.equal((await send(plain, bearer, full, { validateOnly: true })).status, 200);
        assert.equal(plain.taken.times(full.token), 2);
        assert.equal((await send(plain, bearer, note(token('unregistered')), { validateOnly: true })).status, 404);
        assert.equal((await send(plain, bearer, { token: token('fine'), data: { k: 'x'.repeat(4095) } })).status, 200);
        assert.equal((await send(plain, bearer, undefined, { raw: '{"message":' })).status, 400);
    });

    it('counts requests a second', async () => {
        const bearer = await accessToken(plain);
        clock += 1000;
        plain.behave({ perSecond: 1 });
        assert.equal((await send(plain, bearer, note(token('fine')))).status, 200);
        assert.equal(codeOf(await send(plain, bearer, note(token('fine')))), 'QUOTA_EXCEEDED');
    });
});
