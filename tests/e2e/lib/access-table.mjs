import { fields } from './openapi.mjs';

// Who may call what: every route of src/api/route.def, and for each caller (lib/roles.mjs) + it passes, 1 401, 3 403, 4 404 as if the channel or
// provider did not exist. A row: method, path, cells, and how it is called: body, each (a channel of its own for every caller), stream (only
// the head of the answer is read). Allowed calls may well answer 400 or 409: the gate is what is looked at.
//
//                  nobody ingest key token │ operator providerAdmin providerMember admin member tester stranger
const anybody =    '++++'                  + '+++++++';
const operator =   '13+1'                  + '+333333';
const session =    '13+1'                  + '+++++++';
const own =        '1311'                  + '+++++++'; // a key has no session
const ingest =     '1++1'                  + '+333333';
const pMember =    '13+1'                  + '+++4444';
const pAdmin =     '13+1'                  + '++34444';
const tester =     '13+1'                  + '++++++4';
const member =     '13+1'                  + '+++++34';
const admin =      '13+1'                  + '++3+334';
const token =      '111+'                  + '1111111'; // an operator neither; nothing but the token is looked at

// A value that the field takes.
const sample = f => ({ SWITCH: false, NUMBER: f.min, NAME: 'other', URL: 'http://127.0.0.1:9/', EMAIL: 'bot@example.com', LANGUAGE: 'ja', SCHEDULE: [60] })[f.type];

const P = '/api/v1/providers/{id}', C = '/api/v1/channels/{id}';

export const table = [
    ['GET', '/healthz', anybody],
    ['GET', '/readyz', anybody],
    ['GET', '/metrics', anybody], // from this machine; a proxy's strangers are another test
    ['GET', '/api/openapi.yaml', anybody],

    ['POST', '/api/v1/setup', anybody],
    ['POST', '/hooks/sendgrid/{id}', anybody],
    ['POST', '/push/report', anybody],
    ['POST', '/hooks/bounce/{id}', anybody],
    ['POST', '/api/v1/invitation', anybody],
    ['POST', '/api/v1/contact', anybody],
    ['POST', '/api/v1/session', anybody],
    ['GET', '/api/v1/session', own],
    ['PATCH', '/api/v1/session', own],
    ['DELETE', '/api/v1/session', own, { login: true }],

    ['GET', '/api/v1/accounts', operator],
    ['POST', '/api/v1/accounts', operator],
    ['GET', '/api/v1/accounts/{id}', operator],
    ['PATCH', '/api/v1/accounts/{id}', operator],
    ['DELETE', '/api/v1/accounts/{id}', operator, { id: '999' }],
    ['GET', '/api/v1/audit', operator],

    ['GET', '/api/v1/providers', session],
    ['POST', '/api/v1/providers', operator], // and others as account-providers allows
    ['GET', P, pMember],
    ['PATCH', P, pAdmin],
    ['DELETE', P, pAdmin],
    ['GET', `${P}/roles`, pAdmin],
    ['PUT', `${P}/roles`, pAdmin],
    ['DELETE', `${P}/roles`, pAdmin],
    ['DELETE', `${P}/roles/{id}`, pAdmin],
    ['GET', `${P}/options`, pMember],
    ['POST', `${P}/options/error-notification`, pAdmin],
    ['PATCH', `${P}/options/error-notification`, operator],
    ['DELETE', `${P}/options/error-notification`, pAdmin],
    ['POST', `${P}/users`, pMember],
    ['GET', `${P}/users`, pMember],
    ['GET', `${P}/users/{user}`, pMember],
    ['PATCH', `${P}/users/{user}`, pMember],
    ['DELETE', `${P}/users/{user}`, pAdmin],
    ['POST', `${P}/users/{user}/targets/undo`, pAdmin],
    ['POST', `${P}/imports`, pMember],
    ['GET', `${P}/imports`, pMember],
    ['GET', `${P}/imports/{id}`, pMember],
    ['POST', `${P}/lists`, pMember],
    ['GET', `${P}/lists`, pMember],
    ['GET', `${P}/lists/{id}`, pMember],
    ['DELETE', `${P}/lists/{id}`, pMember],
    ['POST', `${P}/segments`, pMember],
    ['GET', `${P}/segments`, pMember],
    ['POST', `${P}/segments/count`, pMember],
    ['GET', `${P}/segments/{id}`, pMember],
    ['PATCH', `${P}/segments/{id}`, pMember],
    ['DELETE', `${P}/segments/{id}`, pMember],
    ['POST', `${P}/queries`, pMember],
    ['GET', `${P}/queries`, pMember],
    ['POST', `${P}/queries/preview`, pMember],
    ['GET', `${P}/queries/{id}`, pMember],
    ['PATCH', `${P}/queries/{id}`, pMember],
    ['DELETE', `${P}/queries/{id}`, pMember],
    ['GET', `${P}/jobs`, pMember],
    ['POST', `${P}/jobs`, pMember],
    ['GET', `${P}/jobs/{id}`, pMember],
    ['POST', `${P}/jobs/{id}/pause`, pMember],
    ['POST', `${P}/jobs/{id}/resume`, pMember],
    ['POST', `${P}/jobs/{id}/stop`, pMember],
    ['POST', `${P}/jobs/{id}/retry`, pMember],
    ['GET', `${P}/jobs/{id}/errors`, pMember],
    ['GET', `${P}/jobs/{id}/live`, pMember, { stream: true }],
    ['GET', `${P}/jobs/{id}/messages`, pMember],
    ['GET', `${P}/users/{user}/messages`, pMember],
    ['GET', `${P}/senders`, pMember],
    ['POST', `${P}/senders`, pAdmin, { body: { name: 'push', kind: 'webpush', subject: 'mailto:shop@example.com' } }],
    ['GET', `${P}/senders/{id}`, pMember],
    ['PATCH', `${P}/senders/{id}`, pAdmin, { body: { name: 'other' } }],
    ['POST', `${P}/senders/{id}/resume`, pMember],
    ['POST', `${P}/senders/{id}/verify`, pAdmin],
    ['GET', `${P}/senders/{id}/quota`, pMember],
    ['GET', `${P}/campaigns`, pMember],
    ['POST', `${P}/campaigns`, pMember],
    ['GET', `${P}/campaigns/{id}`, pMember],
    ['PATCH', `${P}/campaigns/{id}`, pMember, { body: { name: 'other' } }],
    ['POST', `${P}/campaigns/{id}/preview`, pMember, { body: { userId: 'nobody' } }],
    ['POST', `${P}/campaigns/{id}/test`, pMember, { body: { userId: 'nobody' } }],
    ['DELETE', `${P}/campaigns/{id}`, pMember],
    ['DELETE', `${P}/senders/{id}`, pAdmin],
    ['GET', '/api/v1/options', operator],
    ['GET', '/api/v1/outbox', operator],
    ['POST', '/api/v1/outbox/{id}/retry', operator, { id: '999' }],

    ['GET', '/api/v1/channels', session],
    ['POST', '/api/v1/channels', session],
    ['GET', C, tester],
    ['PATCH', C, member, { body: { suspended: false } }],
    ['PATCH', C, admin, { body: { name: 'other' } }],
    // A Member ends a suspension; nothing of what only an Admin may change comes along.
    ...fields().rows.filter(f => f.who === 'ADMIN').map(f => ['PATCH', C, admin, { body: { suspended: false, [f.json]: sample(f) } }]),
    ['DELETE', C, admin, { each: true }],
    ['GET', `${C}/roles`, admin],
    ['PUT', `${C}/roles`, admin],
    ['DELETE', `${C}/roles`, admin],
    ['DELETE', `${C}/roles/{id}`, admin],
    ['GET', `${C}/audit`, admin],
    ['POST', `${C}/events`, ingest],
    ['GET', `${C}/events`, member],
    ['GET', `${C}/events/{id}`, member, { id2: '01FZ74A0TDDPYRVKNK77XKC3ZR' }],
    ['POST', `${C}/redeliver`, member],
    ['GET', `${C}/errors`, tester],
    ['GET', `${C}/errors/summary`, tester],
    ['GET', '/api/v1/faults', session],
    ['GET', '/api/v1/delivery-errors', session],
    ['GET', `${C}/secret`, admin],
    ['POST', `${C}/secret/rotate`, admin, { body: { graceSeconds: 'x' } }],
    ['GET', `${C}/tokens`, admin],
    ['POST', `${C}/tokens`, admin, { body: { expiresInSeconds: 'x' } }],
    ['DELETE', `${C}/tokens/{id}`, admin],
    ['POST', `${C}/contact/ask`, admin],
    ['PATCH', `${C}/contact`, operator],
    ['POST', `${C}/verify`, member, { body: { endpoint: 7 } }],

    ['GET', '/v2/bot/channel/webhook/endpoint', token],
    ['PUT', '/v2/bot/channel/webhook/endpoint', token],
    ['POST', '/v2/bot/channel/webhook/test', token, { body: { endpoint: 7 } }],
    ['POST', `${C}/test-event`, member],
    ['GET', `${C}/live`, tester, { stream: true }],
    ['GET', '/api/v1/system', operator],
    ['GET', '/api/v1/system/live', operator, { stream: true }],
];
