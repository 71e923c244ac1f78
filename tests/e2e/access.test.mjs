// Who may do what: the first account, sessions, roles.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startNode } from './lib/node.mjs';
import { firstAccount, login, password, setupToken } from './lib/people.mjs';

const nobody = { key: null };

describe('the setup link', () => {
    it('makes the first account, once', async () => {
        const node = await startNode();
        const token = await setupToken(node);
        const body = { token, email: 'First@Example.com', password, name: '初め', language: 'ja' };
        assert.equal((await node.api('POST', '/api/v1/setup', { ...body, token: `${token.slice(0, -1)}_` }, nobody)).status, 403);
        for (const [member, value] of [['email', 'nobody'], ['password', 'short'], ['password', 'first@example.com'], ['name', ''], ['language', 'fr'], ['operator', 'x']]) {
            const r = await node.api('POST', '/api/v1/setup', { ...body, [member]: value }, nobody);
            assert.equal(r.status, 400, r.text);
            assert.equal(r.json.details[0].property, member);
        }
        const made = await node.api('POST', '/api/v1/setup', body, nobody);
        assert.equal(made.status, 201, made.text);
        assert.match(made.headers.get('set-cookie'), /^todoke_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
        const { account } = made.json;
        assert.deepEqual([account.email, account.name, account.operator, account.language], ['first@example.com', '初め', true, 'ja']);
        assert.deepEqual(account.providers, [{ providerId: '1', name: 'Default', role: 'admin' }]);
        assert.equal((await node.api('POST', '/api/v1/setup', body, nobody)).status, 409);
        await login(node, 'FIRST@example.com');
        await node.stop();
    });
});

describe('a session', () => {
    let node, op;
    before(async () => { node = await startNode(); op = await firstAccount(node); });
    after(() => node.stop());

    it('sees what its account may', async () => {
        const c = await node.channel({});
        const shown = await op.api('GET', `/api/v1/channels/${c.channelId}`);
        assert.equal(shown.status, 200, shown.text);
        assert.deepEqual([shown.json.role, shown.json.providerId], ['admin', '1']);
        assert.ok((await op.api('GET', '/api/v1/channels')).json.channels.some(x => x.channelId === c.channelId));
        assert.equal((await op.api('GET', '/api/v1/session')).json.account.email, 'op@example.com');
        assert.equal((await node.api('GET', '/api/v1/session')).status, 401, 'a key has none');
    });

    it('needs the CSRF token for what changes something', async () => {
        for (const headers of [{ 'x-csrf-token': '' }, { 'x-csrf-token': 'x'.repeat(43) }]) {
            const r = await op.api('POST', '/api/v1/channels', { name: 'x' }, { headers });
            assert.equal(r.status, 403);
            assert.match(r.json.message, /x-csrf-token/);
        }
        assert.equal((await op.api('POST', '/api/v1/channels', { name: 'x' })).status, 201);
    });

    it('ends at log-out', async () => {
        const one = await login(node, 'op@example.com');
        assert.equal((await one.api('DELETE', '/api/v1/session')).status, 204);
        assert.equal((await one.api('GET', '/api/v1/session')).status, 401);
        assert.equal((await op.api('GET', '/api/v1/session')).status, 200);
    });

    it('is not had by a wrong password, or an address nobody has, and both are told the same', async () => {
        const wrong = await node.api('POST', '/api/v1/session', { email: 'op@example.com', password: 'not my password' }, nobody);
        const unknown = await node.api('POST', '/api/v1/session', { email: 'nobody@example.com', password }, nobody);
        assert.deepEqual([wrong.status, wrong.text], [401, unknown.text]);
        assert.equal(unknown.status, 401);
    });
});
