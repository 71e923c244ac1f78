// Who may do what: the first account, sessions, roles.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { table } from './lib/access-table.mjs';
import { startNode, until } from './lib/node.mjs';
import { firstAccount, login, password, setupToken } from './lib/people.mjs';
import { callers, setUp } from './lib/roles.mjs';

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

describe('every route, for everybody', { concurrency: false }, () => {
    let node, all;
    before(async () => { node = await startNode(); all = await setUp(node); });
    after(() => node.stop());

    it('is in the table', () => {
        const text = readFileSync(new URL('../../src/api/route.def', import.meta.url), 'utf8');
        const routes = [...text.matchAll(/^ROUTE\("(\w+)", "([^"]+)"/gm)].map(m => `${m[1]} ${m[2]}`);
        assert.ok(routes.length > 30);
        const known = new Set(table.map(([method, path]) => `${method} ${path}`));
        assert.deepEqual(routes.filter(r => !known.has(r)), [], 'routes that tests/e2e/lib/access-table.mjs says nothing of');
        assert.deepEqual([...known].filter(r => !routes.includes(r)), [], 'routes that are no more');
        for (const [method, path, cells] of table) assert.equal(cells.length, callers.length, `${method} ${path}`);
    });

    for (const [method, path, cells, how = {}] of table) {
        it(`${method} ${path}${how.body ? ` ${JSON.stringify(how.body)}` : ''}`, async () => {
            const wrong = [];
            for (const [i, name] of callers.entries()) {
                const channel = how.each ? await all.newChannel() : all.channel;
                const first = how.id ?? (path.startsWith('/api/v1/providers') ? all.providerId : path.startsWith('/api/v1/accounts') ? all.people.stranger.account.accountId : channel.channelId);
                const [before, ...rest] = path.split('{id}');
                const url = rest.length ? before + first + rest.join(how.id2 ?? '999') : path;
                const caller = how.login && all.people[name].account ? await login(node, all.people[name].account.email) : all.people[name];
                const body = method === 'GET' || method === 'DELETE' ? undefined : how.body ?? {};
                const r = await caller.api(method, url, body, { stream: how.stream });
                const hidden = r.status === 404 && /^No such (channel|provider)$/.test(r.json?.message);
                const cell = r.status === 401 ? '1' : r.status === 403 ? '3' : hidden ? '4' : '+';
                if (cell !== cells[i]) wrong.push(`${name}: ${r.status} ${r.text.slice(0, 100)}, wanted ${cells[i]}`);
                assert.notEqual(r.status, 500);
            }
            assert.deepEqual(wrong, []);
        });
    }
});

it('a role is known once it is used, though the call is refused and nothing else is kept of it', async () => {
    const node = await startNode({ args: ['--account-providers', '3'] }), { people } = await setUp(node);
    const { providerId } = (await people.admin.api('POST', '/api/v1/providers', { name: 'refuses' })).json;
    const roles = `/api/v1/providers/${providerId}/roles`;
    const known = async () => (await people.admin.api('GET', roles)).json.roles.some(r => r.accountId === people.stranger.account.accountId);
    assert.equal((await people.admin.api('PUT', roles, { email: 'stranger@example.com', role: 'admin' })).status, 200);
    assert.equal(await known(), false);
    const refused = await people.stranger.api('POST', '/api/v1/channels', { name: 'x', providerId, errorNotification: true });
    assert.equal(refused.status, 409, refused.text);
    await until(known);
    assert.deepEqual((await people.admin.api('GET', `/api/v1/channels?provider=${providerId}`)).json.channels ?? [], []);
    assert.equal((await people.admin.api('DELETE', `${roles}?email=stranger%40example.com`)).status, 204);
    assert.equal((await people.admin.api('DELETE', `/api/v1/providers/${providerId}`)).status, 204);
    await node.stop();
});
