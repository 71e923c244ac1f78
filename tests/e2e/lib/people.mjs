// People at a node: the setup link, logging in, and calls by a session's cookie.
import assert from 'node:assert/strict';
import { until } from './node.mjs';

export const password = 'correct horse battery';

export async function setupToken(node) {
    const found = () => /\/setup#([\w-]{43})$/m.exec(node.log())?.[1];
    await until(found, () => `no link:\n${node.log()}`);
    return found();
}

// One who is logged in; api() as a node's, by cookie, with the CSRF token where it is needed.
export function person(node, answer) {
    const cookie = answer.headers.get('set-cookie').split(';')[0];
    const { account, csrfToken } = answer.json;
    return {
        account, csrfToken, cookie,
        api: (method, path, body, { headers = {}, ...rest } = {}) => node.api(method, path, body,
            { ...rest, key: null, headers: { cookie, ...(method === 'GET' ? {} : { 'x-csrf-token': csrfToken }), ...headers } }),
    };
}

export async function login(node, email, as = password) {
    const r = await node.api('POST', '/api/v1/session', { email, password: as }, { key: null });
    assert.equal(r.status, 200, r.text);
    return person(node, r);
}

export async function firstAccount(node, email = 'op@example.com') {
    const r = await node.api('POST', '/api/v1/setup', { token: await setupToken(node), email, password, name: 'Operator' }, { key: null });
    assert.equal(r.status, 201, r.text);
    return person(node, r);
}
