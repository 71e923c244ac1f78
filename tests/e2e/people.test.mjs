// People at a node, over its whole life: invitations, roles, log-in limits, restarts, commands, what is written down and what never is.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bin, command, createKey, dataDir, startNode, until } from './lib/node.mjs';
import { firstAccount, login, password, person, setupToken } from './lib/people.mjs';
import { accept, setUp } from './lib/roles.mjs';

const nobody = { key: null };
const tryLogin = (node, email, as, headers = {}) => node.api('POST', '/api/v1/session', { email, password: as }, { key: null, headers });
const account = (node, args, input) => command(['account', args[0], '--data', node.data ?? node, ...args.slice(1)], { input });

describe('roles', () => {
    let node, all;
    before(async () => { node = await startNode({ args: ['--loops', '4', '--account-providers', '3'] }); all = await setUp(node); });
    after(() => node.stop());

    it('show each what it may see, and a Tester no contact address', async () => {
        const { people, channel } = all;
        const other = (await people.operator.api('POST', '/api/v1/channels', { name: 'elsewhere', contactEmail: 'bot@example.com' })).json;
        assert.equal(other.providerId, '1');
        await people.operator.api('PATCH', `/api/v1/channels/${channel.channelId}`, { contactEmail: 'bot@example.com' });
        for (const [who, role] of [['operator', 'admin'], ['providerAdmin', 'admin'], ['providerMember', 'member'], ['admin', 'admin'], ['member', 'member'], ['tester', 'tester']]) {
            const listed = (await people[who].api('GET', '/api/v1/channels')).json.channels;
            assert.equal(listed.some(c => c.channelId === other.channelId), who === 'operator', who);
            for (const c of [listed.find(x => x.channelId === channel.channelId), (await people[who].api('GET', `/api/v1/channels/${channel.channelId}`)).json]) {
                assert.equal(c.role, role, who);
                assert.equal(c.contactEmail, who === 'tester' ? undefined : 'bot@example.com', who);
                assert.ok(!('channelSecret' in c) && !('channelAccessToken' in c));
            }
        }
        assert.deepEqual((await people.stranger.api('GET', '/api/v1/channels')).json.channels, []);
        const found = (await people.operator.api('GET', '/api/v1/channels?q=ELSE')).json.channels;
        assert.deepEqual(found.map(c => c.name), ['elsewhere']);
        const of = (await people.operator.api('GET', `/api/v1/channels?provider=${all.providerId}`)).json.channels;
        assert.ok(of.length && of.every(c => c.providerId === all.providerId));
        assert.equal((await people.operator.api('GET', '/api/v1/channels?provider=x')).json.details[0].property, 'provider');
    });

    it('of a provider let its Admins make channels, and nobody else', async () => {
        const body = { name: 'mine', providerId: all.providerId };
        const made = await all.people.providerAdmin.api('POST', '/api/v1/channels', body);
        assert.equal(made.status, 201, made.text);
        assert.ok(made.json.channelSecret && made.json.role === 'admin');
        assert.equal((await all.people.providerMember.api('POST', '/api/v1/channels', body)).status, 403);
        for (const who of ['admin', 'stranger']) assert.equal((await all.people[who].api('POST', '/api/v1/channels', body)).status, 404, who);
        assert.equal((await all.people.providerAdmin.api('POST', '/api/v1/channels', { name: 'x' })).json.details[0].property, 'providerId');
        assert.equal((await all.people.providerAdmin.api('POST', '/api/v1/channels', { name: 'x', providerId: '1' })).status, 404);
        assert.equal((await all.people.operator.api('POST', '/api/v1/channels', { name: 'x', providerId: '999' })).status, 404);
        assert.equal((await all.people.operator.api('POST', '/api/v1/channels', { name: 'x', providerId: 1 })).json.details[0].property, 'providerId');
        assert.equal((await all.people.operator.api('PATCH', `/api/v1/channels/${made.json.channelId}`, { providerId: '1' })).json.details[0].property, 'providerId');
    });

    it('are given, changed, shown and taken away; at once, on every loop', async () => {
        const { people, channel } = all;
        const path = `/api/v1/channels/${channel.channelId}`;
        const many = async (method, url, body) => new Set((await Promise.all(Array.from({ length: 24 }, () => people.stranger.api(method, url, body)))).map(r => r.status));
        const give = role => people.admin.api('PUT', `${path}/roles`, { email: 'Stranger@example.com', role });
        const given = await give('tester');
        assert.deepEqual([given.status, given.json.role, given.json.accountId, given.json.invitationToken], [200, 'tester', null, undefined], given.text);
        assert.deepEqual(await many('GET', path), new Set([200]));
        assert.deepEqual(await many('GET', `${path}/events`), new Set([403]));
        await give('member');
        assert.deepEqual(await many('GET', `${path}/events`), new Set([200]));
        assert.ok((await people.stranger.api('GET', '/api/v1/session')).json.account.channels.some(c => c.channelId === channel.channelId && c.role === 'member'));
        const { roles } = (await people.admin.api('GET', `${path}/roles`)).json;
        assert.ok(roles.some(r => r.email === 'stranger@example.com' && r.role === 'member' && r.inherited === false));
        assert.ok(roles.some(r => r.email === 'provideradmin@example.com' && r.role === 'admin' && r.inherited === true));
        const { accountId } = people.stranger.account;
        assert.ok(roles.some(r => r.accountId === accountId), 'who has used the role is known');
        const gone = await people.admin.api('DELETE', `${path}/roles/${accountId}`);
        assert.equal(gone.status, 204, gone.text);
        assert.deepEqual(await many('GET', path), new Set([404]));
        assert.equal((await people.admin.api('DELETE', `${path}/roles/${accountId}`)).status, 404);
        await give('tester');
        assert.deepEqual(await many('GET', path), new Set([200]));
        assert.equal((await people.admin.api('DELETE', `${path}/roles?email=STRANGER%40example.com`)).status, 204);
        assert.deepEqual(await many('GET', path), new Set([404]));
        assert.equal((await people.admin.api('DELETE', `${path}/roles?email=stranger%40example.com`)).status, 404);
        for (const query of ['', '?email=', '?email=x', '?mail=x@example.com']) assert.equal((await people.admin.api('DELETE', `${path}/roles${query}`)).status, 400, query);
        assert.equal((await people.admin.api('DELETE', `${path}/roles/${people.providerAdmin.account.accountId}`)).status, 404, 'an inherited one is not the channel\'s');
        for (const [body, property] of [[{ email: 'x@example.com' }, 'role'], [{ role: 'admin' }, 'email'], [{ email: 'x', role: 'admin' }, 'email'],
            [{ email: 'x@example.com', role: 'owner' }, 'role'], [{ email: 'x@example.com', role: 'admin', name: 'x' }, 'name'], [{ email: 5, role: 'admin' }, 'email']])
            assert.equal((await people.admin.api('PUT', `${path}/roles`, body)).json.details?.[0].property, property, JSON.stringify(body));
        assert.equal((await people.providerAdmin.api('PUT', `/api/v1/providers/${all.providerId}/roles`, { email: 'x@example.com', role: 'tester' })).json.details[0].property, 'role');
    });

    it('of a provider always leave one Admin', async () => {
        const { people } = all;
        const made = (await people.stranger.api('POST', '/api/v1/providers', { name: 'Alone "1"' })).json;
        assert.deepEqual([made.name, made.role, made.channels], ['Alone "1"', 'admin', 0]);
        const path = `/api/v1/providers/${made.providerId}`, id = people.stranger.account.accountId;
        assert.equal((await people.stranger.api('DELETE', `${path}/roles/${id}`)).status, 409);
        assert.equal((await people.stranger.api('PUT', `${path}/roles`, { email: 'stranger@example.com', role: 'member' })).status, 409);
        const named = new RegExp(`"Alone "1"" \\(${made.providerId}\\)`);
        for (const [method, body] of [['DELETE'], ['PATCH', { disabled: true }], ['PATCH', { disabled: true, name: 'x' }]]) {
            const r = await people.operator.api(method, `/api/v1/accounts/${id}`, body);
            assert.equal(r.status, 409);
            assert.match(r.json.message, named);
        }
        const byCommand = await account(node, ['disable', 'stranger@example.com']);
        assert.equal(byCommand.code, 5);
        assert.match(byCommand.stderr, named);
        assert.equal((await people.stranger.api('GET', path)).status, 200, 'nothing of it was done');
        assert.equal((await people.operator.api('GET', `/api/v1/accounts/${id}`)).json.name, '');
        // An Admin who has not come yet, cannot come, or is not confirmed is none to rely on.
        const invited = await people.operator.api('PUT', `${path}/roles`, { email: 'later@example.com', role: 'admin' });
        assert.equal(invited.json.waiting, true);
        assert.equal((await people.operator.api('PATCH', `/api/v1/accounts/${id}`, { disabled: true })).status, 409);
        const later = await accept(node, invited.json.invitationToken);
        assert.equal((await people.operator.api('PATCH', `/api/v1/accounts/${later.account.accountId}`, { disabled: true })).status, 200, 'there is another one');
        assert.equal((await people.operator.api('PATCH', `/api/v1/accounts/${id}`, { disabled: true })).status, 409, 'a disabled one is none');
        assert.equal((await people.operator.api('DELETE', `/api/v1/accounts/${later.account.accountId}`)).status, 204);
        assert.equal((await people.stranger.api('PUT', `${path}/roles`, { email: 'tester@example.com', role: 'admin' })).status, 200);
        assert.equal((await people.stranger.api('DELETE', `${path}/roles/${id}`)).status, 409, 'nor one who has not come to see it');
        assert.equal((await people.tester.api('GET', path)).status, 200);
        assert.equal((await people.stranger.api('DELETE', `${path}/roles/${id}`)).status, 204);
        assert.equal((await people.stranger.api('GET', path)).status, 404);
        assert.equal((await people.tester.api('PATCH', path, { name: 'Renamed' })).json.name, 'Renamed');
        assert.equal((await people.tester.api('PATCH', path, { name: '' })).json.details[0].property, 'name');
        assert.equal((await people.tester.api('DELETE', path)).status, 204);
        assert.equal((await people.operator.api('GET', path)).status, 404);
        assert.equal((await people.operator.api('DELETE', '/api/v1/providers/1')).status, 409, 'Default stays');
        assert.equal((await people.providerAdmin.api('DELETE', `/api/v1/providers/${all.providerId}`)).status, 409, 'it has channels');
    });

    it('are for one session as for another, over HTTP/2 too, where a Cookie comes in pieces', async () => {
        const client = http2.connect(node.url);
        const cookies = ['a=b', all.people.tester.cookie, 'c=d'];
        const stream = client.request({ ':path': `/api/v1/channels/${all.channel.channelId}`, cookie: cookies });
        const status = await new Promise((resolve, reject) => { stream.on('response', h => resolve(h[':status'])); stream.on('error', reject); });
        stream.resume();
        client.close();
        assert.equal(status, 200);
    });
});

describe('accounts', () => {
    let node, op;
    before(async () => { node = await startNode({ args: ['--loops', '4', '--account-providers', '3'] }); op = await firstAccount(node); });
    after(() => node.stop());

    it('come by an invitation, which works once and gives way to a newer one', async () => {
        const made = await op.api('POST', '/api/v1/accounts', { email: 'New@example.com', name: '新人', language: 'ja' });
        assert.equal(made.status, 201, made.text);
        assert.deepEqual([made.json.email, made.json.operator, made.json.invited, made.json.lastLoginAt], ['new@example.com', false, true, null]);
        const token = made.json.invitationToken;
        assert.equal((await tryLogin(node, 'new@example.com', '')).status, 401, 'no password is no empty password');
        assert.equal((await op.api('POST', '/api/v1/accounts', { email: 'new@example.com' })).status, 409);
        const again = await op.api('PATCH', `/api/v1/accounts/${made.json.accountId}`, { invitation: true });
        const use = (t, body = {}) => node.api('POST', '/api/v1/invitation', { token: t, password, ...body }, nobody);
        assert.equal((await use(token)).status, 403);
        assert.equal((await use('x'.repeat(43))).status, 403);
        assert.equal((await use(again.json.invitationToken, { password: 'short' })).json.details[0].property, 'password');
        assert.equal((await use(again.json.invitationToken, { password: 'New@example.com' })).json.details[0].property, 'password');
        const took = await use(again.json.invitationToken, { name: 'Newcomer' });
        assert.equal(took.status, 201, took.text);
        assert.deepEqual([took.json.account.name, took.json.account.language], ['Newcomer', 'ja']);
        assert.equal((await use(again.json.invitationToken)).status, 403);
        assert.equal((await person(node, took).api('GET', '/api/v1/session')).status, 200);
        const shown = (await op.api('GET', `/api/v1/accounts/${made.json.accountId}`)).json;
        assert.ok(!shown.invited && shown.lastLoginAt && !('invitationToken' in shown) && !('password' in shown));
    });

    it('change their own name, language and password; another password ends their other sessions', async () => {
        await op.api('POST', '/api/v1/accounts', { email: 'self@example.com', password });
        const one = await login(node, 'self@example.com'), two = await login(node, 'self@example.com');
        const changed = await one.api('PATCH', '/api/v1/session', { name: 'わたし', language: 'ja' });
        assert.deepEqual([changed.status, changed.json.account.name, changed.json.account.language, changed.json.csrfToken], [200, 'わたし', 'ja', one.csrfToken], changed.text);
        for (const [body, property] of [[{ name: '' }, 'name'], [{ password: 'another password' }, 'currentPassword'], [{ currentPassword: password }, 'password'],
            [{ currentPassword: password, password: 'short' }, 'password'], [{ currentPassword: password, password: 'SELF@example.com' }, 'password'],
            [{ currentPassword: 'not my password', password: 'another password' }, 'currentPassword'], [{ operator: 'true' }, 'operator']])
            assert.equal((await one.api('PATCH', '/api/v1/session', body)).json.details?.[0].property, property, JSON.stringify(body));
        assert.equal((await two.api('GET', '/api/v1/session')).status, 200);
        assert.equal((await one.api('PATCH', '/api/v1/session', { currentPassword: password, password: 'another password' })).status, 200);
        assert.equal((await one.api('GET', '/api/v1/session')).status, 200);
        assert.equal((await two.api('GET', '/api/v1/session')).status, 401);
        assert.equal((await tryLogin(node, 'self@example.com', password)).status, 401);
        const three = await login(node, 'self@example.com', 'another password');
        assert.equal((await three.api('DELETE', '/api/v1/session?everywhere=true')).status, 204);
        assert.equal((await one.api('GET', '/api/v1/session')).status, 401);
        assert.equal((await three.api('DELETE', '/api/v1/session?everywhere=yes')).status, 401);
    });

    it('that are disabled, deleted or given another password lose their sessions at once, on every loop', async () => {
        const made = (await op.api('POST', '/api/v1/accounts', { email: 'gone@example.com', password, operator: true })).json;
        const path = `/api/v1/accounts/${made.accountId}`;
        const all = async who => new Set((await Promise.all(Array.from({ length: 24 }, () => who.api('GET', '/api/v1/accounts')))).map(r => r.status));
        for (const [change, ends] of [[{ name: 'Other' }, false], [{ language: 'ja' }, false], [{ password }, true], [{ operator: false }, true], [{ operator: true }, false], [{ disabled: true }, true]]) {
            const who = await login(node, 'gone@example.com');
            assert.equal((await op.api('PATCH', path, change)).status, 200);
            assert.equal((await who.api('GET', '/api/v1/session')).status, ends ? 401 : 200, JSON.stringify(change));
            if (ends) assert.deepEqual(await all(who), new Set([401]));
        }
        assert.equal((await tryLogin(node, 'gone@example.com', password)).status, 401);
        assert.equal((await op.api('PATCH', path, { disabled: false })).status, 200);
        const who = await login(node, 'gone@example.com');
        assert.equal((await op.api('DELETE', path)).status, 204);
        assert.deepEqual(await all(who), new Set([401]));
        for (const method of ['GET', 'PATCH', 'DELETE']) assert.equal((await op.api(method, path, method === 'PATCH' ? { name: 'x' } : undefined)).status, 404);
    });

    it('may make none unless the operator allows it', async () => {
        const strict = await startNode();
        const operator = await firstAccount(strict);
        await operator.api('POST', '/api/v1/accounts', { email: 'maker@example.com', password });
        const maker = await login(strict, 'maker@example.com');
        assert.deepEqual([operator.account.mayMakeProviders, maker.account.mayMakeProviders], [true, false]);
        const r = await maker.api('POST', '/api/v1/providers', { name: 'P' });
        assert.equal(r.status, 403);
        assert.match(r.json.message, /account-providers/);
        for (let i = 0; i < 3; i++) assert.equal((await operator.api('POST', '/api/v1/providers', { name: `P${i}` })).status, 201);
        await strict.stop();
    });

    it('leave one operator', async () => {
        const path = `/api/v1/accounts/${op.account.accountId}`;
        for (const change of [{ disabled: true }, { operator: false }]) assert.equal((await op.api('PATCH', path, change)).status, 409);
        assert.equal((await op.api('DELETE', path)).status, 409);
        const invited = await op.api('POST', '/api/v1/accounts', { email: 'nobody-yet@example.com', operator: true });
        assert.equal(invited.status, 201, invited.text);
        assert.equal((await op.api('PATCH', path, { operator: false })).status, 409, 'who has no password yet cannot do an operator\'s work');
        assert.equal((await op.api('DELETE', `/api/v1/accounts/${invited.json.accountId}`)).status, 204);
        assert.equal((await op.api('GET', '/api/v1/session')).status, 200);
    });

    it('are listed with a cursor, and refuse what they do not know', async () => {
        const seen = [];
        let cursor = '';
        do {
            const r = (await op.api('GET', `/api/v1/accounts?limit=1${cursor && `&cursor=${cursor}`}`)).json;
            assert.equal(r.accounts.length, 1);
            seen.push(r.accounts[0].email);
            cursor = r.cursor;
        } while (cursor);
        assert.deepEqual(seen, [...new Set(seen)]);
        assert.ok(seen.length >= 3);
        for (const [body, property] of [[{}, 'email'], [{ email: 'x' }, 'email'], [{ email: 'y@example.com', name: 7 }, 'name'], [{ email: 'y@example.com', disabled: true }, 'disabled'],
            [{ email: 'y@example.com', operator: 'yes' }, 'operator'], [{ email: 'y@example.com', password: 'short' }, 'password'], [{ email: 'y@example.com', language: 'fr' }, 'language']])
            assert.equal((await op.api('POST', '/api/v1/accounts', body)).json.details?.[0].property, property, JSON.stringify(body));
        assert.equal((await op.api('PATCH', `/api/v1/accounts/${op.account.accountId}`, { invitation: false })).json.details[0].property, 'invitation');
    });

    it('may make providers, as many as the operator allows, which are listed with a cursor', async () => {
        await op.api('POST', '/api/v1/accounts', { email: 'maker@example.com', password });
        const maker = await login(node, 'maker@example.com');
        assert.equal(maker.account.mayMakeProviders, true);
        for (let i = 0; i < 3; i++) assert.equal((await maker.api('POST', '/api/v1/providers', { name: `P${i}` })).status, 201);
        assert.equal((await maker.api('POST', '/api/v1/providers', { name: 'P3' })).status, 409);
        const page = async (who, query) => (await who.api('GET', `/api/v1/providers?${query}`)).json;
        const first = await page(maker, 'limit=2'), second = await page(maker, `limit=2&cursor=${first.cursor}`);
        assert.deepEqual([...first.providers, ...second.providers].map(p => p.name), ['P0', 'P1', 'P2']);
        assert.equal(second.cursor, undefined);
        assert.ok((await page(op, '')).providers.length >= 4, 'an operator sees all, Default too');
        for (const [query, property] of [['cursor=x', 'cursor'], ['limit=0', 'limit'], ['name=x', 'name']]) assert.equal((await page(maker, query)).details[0].property, property);
        for (const [body, property] of [[{}, 'name'], [{ name: '' }, 'name'], [{ name: 'x', id: '1' }, 'id']]) assert.equal((await maker.api('POST', '/api/v1/providers', body)).json.details[0].property, property);
        // By the command, too.
        const made = await command(['channel', 'create', '--name', 'x', '--provider', first.providers[0].providerId], { env: { TODOKE_API: node.url, TODOKE_KEY: node.key } });
        assert.equal(made.code, 0, made.stderr);
        assert.equal((await maker.api('GET', `/api/v1/channels/${JSON.parse(made.stdout).channelId}`)).json.role, 'admin');
    });

    it('keep 50 sessions', async () => {
        await op.api('POST', '/api/v1/accounts', { email: 'many@example.com', password });
        const first = await login(node, 'many@example.com');
        for (let i = 0; i < 50; i++) await login(node, 'many@example.com');
        assert.equal((await first.api('GET', '/api/v1/session')).status, 401);
    });
});

describe('log-in limits', () => {
    const wrong = 'not the password';

    it('make an address wait longer and longer, and forget it at a success', async () => {
        const node = await startNode();
        const op = await firstAccount(node, 'a@example.com');
        await op.api('POST', '/api/v1/accounts', { email: 'b@example.com', password });
        // A wait runs from the attempt on, and a password may be looked at for longer than the first, of a second: the third is of four.
        for (let failed = 0, r; failed < 7; failed += r.status === 401) {
            r = await tryLogin(node, 'a@example.com', wrong);
            if (failed < 5) assert.equal(r.status, 401);
        }
        const wait = r => [r.status, Number(r.headers.get('retry-after'))];
        const [status, first] = wait(await tryLogin(node, 'A@example.com', password)); // the right one, too
        assert.ok(status === 429 && first >= 1 && first <= 4, `${status} ${first}`);
        assert.equal((await tryLogin(node, 'b@example.com', password)).status, 200);
        await until(async () => (await tryLogin(node, 'a@example.com', wrong)).status === 401);
        const [, second] = wait(await tryLogin(node, 'a@example.com', wrong));
        assert.ok(second > 4 && second <= 8, `${second}`);
        assert.equal((await op.api('GET', '/api/v1/session')).status, 200, 'who is in stays in');
        await until(async () => (await tryLogin(node, 'a@example.com', password)).status === 200);
        for (let i = 0; i < 4; i++) assert.equal((await tryLogin(node, 'a@example.com', wrong)).status, 401);
        const change = currentPassword => op.api('PATCH', '/api/v1/session', { currentPassword, password: 'another password' });
        for (let failed = 4, r; failed < 7; failed += r.status === 400) assert.match(`${(r = await change(wrong)).status}`, /^4(00|29)$/);
        assert.equal((await change(password)).status, 429);
        await node.stop();
    });

    it('are not got around by many at once', async () => {
        const node = await startNode({ args: ['--loops', '4'] });
        await firstAccount(node, 'a@example.com');
        const many = await Promise.all(Array.from({ length: 40 }, () => tryLogin(node, 'a@example.com', wrong)));
        assert.equal(many.filter(r => r.status === 401).length, 5);
        assert.equal(many.filter(r => r.status === 429).length, 35);
        await node.stop();
    });

    it('make a peer wait, by its address; behind a proxy by the one that is named', async () => {
        const node = await startNode({ args: ['--behind-proxy'] });
        const from = peer => ({ 'x-forwarded-for': peer });
        const made = await firstAccount(node, 'a@example.com');
        assert.match((await tryLogin(node, 'a@example.com', password)).headers.get('set-cookie'), /; Secure$/);
        for (let failed = 0, r; failed < 22; failed += r.status === 401) { // then a wait of four seconds, as above
            r = await tryLogin(node, `n${failed}@example.com`, wrong, from('192.0.2.7'));
            if (failed < 20) assert.equal(r.status, 401);
        }
        assert.equal((await tryLogin(node, 'a@example.com', password, from('192.0.2.7'))).status, 429);
        assert.equal((await tryLogin(node, 'a@example.com', password, from('192.0.2.8, 192.0.2.7'))).status, 429, 'what stands before the last anybody may write');
        assert.equal((await tryLogin(node, 'a@example.com', password, from('192.0.2.7, 192.0.2.8'))).status, 200);
        const { entries } = (await made.api('GET', '/api/v1/audit?limit=500')).json;
        assert.ok(entries.some(e => e.action === 'session.refused' && e.peer === '192.0.2.7' && e.details.email === 'n3@example.com'));
        // A proxy on this machine makes everybody look like this machine: its strangers get no figures.
        assert.equal((await node.api('GET', '/metrics', undefined, { key: null })).status, 200);
        assert.equal((await node.api('GET', '/metrics', undefined, { key: null, headers: from('192.0.2.7') })).status, 401);
        await node.stop();
    });

    it('an address that nobody has costs as much work as one that somebody has', async () => {
        const node = await startNode();
        await firstAccount(node, 'a@example.com');
        const work = () => node.metric('todoke_passwords_total');
        const before = await work();
        await tryLogin(node, 'a@example.com', wrong);
        assert.equal(await work(), before + 1);
        await tryLogin(node, 'nobody@example.com', wrong);
        assert.equal(await work(), before + 2);
        await node.stop();
    });
});

describe('a crowd', () => {
    it('past the queue of the password worker is told to come back, and the node goes down in order with it', async () => {
        const node = await startNode({ args: ['--behind-proxy', '--drain-timeout', '20s'] });
        await firstAccount(node, 'a@example.com');
        const many = n => Array.from({ length: n }, (_, i) => tryLogin(node, `n${i}@example.com`, password, { 'x-forwarded-for': `192.0.2.${i}` }).catch(() => ({ status: 'gone' })));
        const answers = await Promise.all(many(100));
        const refused = answers.filter(r => r.status === 503);
        assert.ok(refused.length > 0 && refused.length <= 36, `${refused.length} refused`);
        for (const r of refused) assert.equal(r.headers.get('retry-after'), '5');
        assert.ok(answers.every(r => [401, 503].includes(r.status)));
        assert.equal((await tryLogin(node, 'a@example.com', password)).status, 200);
        // Those that were refused were no tries: five more are free.
        const again = answers.findIndex(r => r.status === 503);
        for (let i = 0; i < 5; i++) assert.equal((await tryLogin(node, `n${again}@example.com`, password)).status, 401);
        const last = Promise.all(many(20));
        await until(async () => await node.metric('todoke_passwords_total') > 70);
        await node.stop();
        assert.ok((await last).every(r => [401, 503, 'gone'].includes(r.status)));
    });
});

describe('over a restart', () => {
    it('sessions stay, and what was ended stays ended, after a kill too', async () => {
        const data = dataDir();
        let node = await startNode({ data });
        const { key } = node;
        try {
            const op = await firstAccount(node);
            const out = await login(node, 'op@example.com');
            assert.equal((await out.api('DELETE', '/api/v1/session')).status, 204);
            for (const end of ['kill', 'stop', 'kill']) {
                await node[end]();
                node = await startNode({ data, key });
                const at = who => node.api('GET', '/api/v1/session', undefined, { key: null, headers: { cookie: who.cookie } });
                assert.equal((await at(op)).status, 200);
                assert.equal((await at(op)).json.csrfToken, op.csrfToken);
                assert.equal((await at(out)).status, 401);
                assert.doesNotMatch(node.log(), /setup#/, 'there is an account');
            }
        } finally {
            await node.kill();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('each start has a setup link of its own', async () => {
        const data = dataDir(), links = [];
        try {
            for (let i = 0; i < 2; i++) {
                const node = await startNode({ data });
                await until(() => /setup#[\w-]{43}$/m.test(node.log()));
                links.push(/setup#([\w-]{43})$/m.exec(node.log())[1]);
                if (i) assert.equal((await node.api('POST', '/api/v1/setup', { token: links[0], email: 'a@example.com', password }, nobody)).status, 403);
                await node.kill();
            }
            assert.notEqual(links[0], links[1]);
        } finally {
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('of many that use the link at once, one wins', async () => {
        const node = await startNode({ args: ['--loops', '4'] });
        const token = await setupToken(node);
        const many = await Promise.all(Array.from({ length: 8 }, (_, i) => node.api('POST', '/api/v1/setup', { token, email: `n${i}@example.com`, password }, nobody)));
        assert.deepEqual(many.map(r => r.status).sort(), [201, 409, 409, 409, 409, 409, 409, 409]);
        const one = person(node, many.find(r => r.status === 201));
        assert.equal((await one.api('GET', '/api/v1/accounts')).json.accounts.length, 1);
        await node.stop();
    });

    it('a session that nobody uses ends', async () => {
        const node = await startNode({ args: ['--session-time', '5s'] }); // longer than a password takes
        const op = await firstAccount(node), used = await login(node, 'op@example.com'), ends = Date.parse((await op.api('GET', '/api/v1/session')).json.expiresAt);
        // The one is asked for all the time, the other not until it must have ended.
        await until(async () => {
            assert.equal((await used.api('GET', '/api/v1/session')).status, 200);
            return Date.now() > ends;
        });
        assert.equal((await op.api('GET', '/api/v1/session')).status, 401);
        await node.stop();
    });
});

// A reason, or false: a chroot often lacks /dev/pts.
function noTerminals() {
    const { status, stderr, error } = spawnSync('script', ['-qec', 'true', '/dev/null'], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
    return status === 0 ? false : `no terminal can be opened (${(error?.message ?? stderr).trim()}); is /dev/pts mounted?`;
}

describe('todoke account', () => {
    it('makes, lists, disables and enables accounts, and sets passwords, while a node runs', async () => {
        const node = await startNode({ args: ['--loops', '3'] });
        const made = await account(node, ['create', '--email', 'Op@example.com', '--role', 'operator', '--name', '運用', '--language', 'ja'], `${password}\n`);
        assert.deepEqual([made.code, made.stdout, made.stderr], [0, '1\n', '']);
        const op = await login(node, 'op@example.com');
        assert.deepEqual([op.account.operator, op.account.name, op.account.language], [true, '運用', 'ja']);
        assert.equal((await node.api('POST', '/api/v1/setup', { token: 'x', email: 'a@example.com', password }, nobody)).status, 403);
        assert.equal((await account(node, ['create', '--email', 'plain@example.com'], password)).stdout, '2\n', 'the last line needs no end');
        assert.equal((await login(node, 'plain@example.com')).account.operator, false);
        const listed = (await account(node, ['list'])).stdout;
        assert.match(listed, /^1 +op@example\.com +operator +active +\d{4}-/m);
        assert.match(listed, /^2 +plain@example\.com +- +active/m);
        assert.ok(!listed.includes('argon2'));
        const alone = await account(node, ['disable', 'op@example.com']);
        assert.deepEqual([alone.code, alone.stderr], [5, 'todoke account: This is the last operator: make another account an operator first\n']);
        assert.equal((await op.api('GET', '/api/v1/session')).status, 200);
        assert.equal((await account(node, ['create', '--email', 'second@example.com', '--role', 'operator'], password)).code, 0);
        assert.equal((await account(node, ['disable', 'op@example.com'])).code, 0);
        const statuses = await Promise.all(Array.from({ length: 20 }, () => op.api('GET', '/api/v1/session')));
        assert.deepEqual([...new Set(statuses.map(r => r.status))], [401], 'every loop at once');
        assert.equal((await tryLogin(node, 'op@example.com', password)).status, 401);
        assert.equal((await account(node, ['enable', 'op@example.com'])).code, 0);
        const back = await login(node, 'op@example.com');
        assert.equal((await account(node, ['password', 'op@example.com'], 'another password\n')).code, 0);
        assert.equal((await back.api('GET', '/api/v1/session')).status, 401);
        const last = await login(node, 'op@example.com', 'another password');
        const { entries } = (await last.api('GET', '/api/v1/audit')).json;
        assert.deepEqual(entries.filter(e => e.account === 'system').map(e => e.action), ['account.password', 'account.update', 'account.update', 'account.create', 'account.create', 'account.create', 'key.create']);
        await node.stop();
    });

    it('refuses, and says why', async () => {
        const data = dataDir();
        try {
            for (const [args, input, message] of [
                [['create', '--email', 'a@example.com'], 'short\n', /10 to 200/], [['create', '--email', 'a@example.com'], 'a@example.com\n', /must not be the mail address/],
                [['create', '--email', 'a@example.com'], '', /no password/], [['create', '--email', 'a@example.com'], `${'x'.repeat(2000)}\n`, /no password|10 to 200/],
                [['create', '--email', 'nobody'], '', /no mail address/], [['create'], '', /mail address/], [['create', '--email', 'a@example.com', '--role', 'admin'], '', /--role/],
                [['create', '--email', 'a@example.com', '--language', 'fr'], '', /--language/], [['create', '--email', 'a@example.com', '--name', 'a\tb'], '', /--name/],
                [['create', '--email'], '', /missing for --email/], [['password', 'a@example.com'], '', /no account has/], [['disable', 'a@example.com'], '', /no account has/],
                [['list', 'x'], '', /cannot understand x/], [['remove'], '', /no such command "remove"/],
            ]) {
                const r = await account(data, args, input);
                assert.equal(r.code, 2, `${args}: ${r.stderr}`);
                assert.match(r.stderr, message);
            }
            assert.equal((await account(data, ['create', '--email', 'a@example.com'], `${password}\n`)).code, 0);
            const twice = await account(data, ['create', '--email', 'A@example.com'], `${password}\n`);
            assert.match(twice.stderr, /there is an account already/);
            assert.equal((await command(['account', '--help'])).code, 0);
        } finally {
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('asks twice at a terminal, and shows nothing of what is typed', { skip: noTerminals() }, async () => {
        const data = dataDir();
        const run = async lines => {
            const child = spawn('script', ['-qec', `${bin} account create --data ${data} --email tty@example.com`, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
            let out = '';
            child.stdout.setEncoding('utf8').on('data', d => {
                out += d;
                const asked = (out.match(/(Password|Once more): /g) ?? []).length;
                while (sent < asked && lines[sent] !== undefined) child.stdin.write(`${lines[sent++]}\n`);
            });
            let sent = 0;
            const code = await new Promise(resolve => child.on('close', resolve));
            return { code, out };
        };
        try {
            const differ = await run([password, 'another password']);
            assert.match(differ.out, /not the same/);
            const made = await run([password, password]);
            assert.equal(made.code, 0, made.out);
            for (const { out } of [differ, made]) assert.ok(!out.includes(password), out);
            const node = await startNode({ data });
            await login(node, 'tty@example.com');
            await node.kill();
        } finally {
            rmSync(data, { recursive: true, force: true });
        }
    });
});

describe('the audit log', () => {
    let node, all;
    before(async () => { node = await startNode(); all = await setUp(node); });
    after(() => node.stop());

    it('has a line for every change: who, what, from where, and what was different', async () => {
        const { people, channel } = all;
        const path = `/api/v1/channels/${channel.channelId}`;
        await people.admin.api('PATCH', path, { name: '新しい', webhookUrl: 'http://127.0.0.1:9/hook?token=hidden', responseTimeoutMs: 900 });
        await people.admin.api('PATCH', path, { webhookUrl: 'http://127.0.0.1:9/hook?token=another' });
        await people.member.api('PATCH', path, { suspended: false }); // it is not: no line
        await people.member.api('POST', `${path}/redeliver`, { from: 0, to: 1 });
        await node.api('PATCH', path, { useWebhook: false }); // by a key
        const { entries } = (await people.admin.api('GET', `${path}/audit`)).json;
        const [byKey, redelivered, second, first] = entries;
        assert.deepEqual([first.action, first.target, first.account.email, first.peer], ['channel.update', `channel/${channel.channelId}`, 'admin@example.com', '127.0.0.1']);
        assert.deepEqual(first.details, { name: { from: 'bot', to: '新しい' }, webhookUrl: { from: 'http://127.0.0.1:9/', to: 'http://127.0.0.1:9/hook' }, responseTimeoutMs: { from: 0, to: 900 } });
        assert.deepEqual(second.details, { webhookUrlQuery: 'changed' });
        assert.deepEqual([redelivered.action, redelivered.account.email], ['event.redeliver', 'member@example.com']);
        assert.deepEqual([byKey.account, byKey.details], [node.key.slice(0, 8), { useWebhook: { from: true, to: false } }]);
        assert.ok(Math.abs(Date.now() - Date.parse(byKey.at)) < 60_000);
        assert.ok(entries.every(e => e.details && e.auditId));
        const setAt = entries.find(e => e.action === 'role.set' && e.details.email === 'tester@example.com');
        assert.equal(setAt.details.role, 'tester');
    });

    it('outlives its channel, is paged, and is kept from others', async () => {
        const { people } = all;
        const made = await all.newChannel();
        await login(node, 'member@example.com');
        await people.admin.api('DELETE', `/api/v1/channels/${made.channelId}`);
        const seen = [];
        let cursor = '';
        do {
            const r = (await people.operator.api('GET', `/api/v1/audit?limit=3${cursor && `&cursor=${cursor}`}`)).json;
            seen.push(...r.entries);
            cursor = r.cursor;
        } while (cursor);
        const ids = seen.map(e => Number(e.auditId));
        assert.deepEqual(ids, [...ids].sort((a, b) => b - a));
        assert.equal(new Set(ids).size, ids.length);
        const mine = seen.filter(e => e.target === `channel/${made.channelId}`).map(e => e.action);
        assert.deepEqual(mine, ['channel.delete', 'role.set', 'role.set', 'role.set', 'channel.create']);
        for (const action of ['account.setup', 'account.create', 'account.accept', 'provider.create', 'session.login']) assert.ok(seen.some(e => e.action === action), action);
        assert.equal((await people.operator.api('GET', '/api/v1/audit?cursor=x')).json.details[0].property, 'cursor');
        assert.equal((await people.operator.api('GET', '/api/v1/audit?from=x')).json.details[0].property, 'from');
    });

    it('goes by age', async () => {
        const short = await startNode({ args: ['--audit-time', '1s', '--retention', '10ms'] });
        const op = await firstAccount(short);
        await until(async () => (await op.api('GET', '/api/v1/audit')).json.entries.length === 0);
        await short.stop();
    });
});

describe('what is secret', () => {
    it('is in no line of the log, whatever its level, and in no file of the data directory', async () => {
        const node = await startNode({ args: ['--log', 'debug'] });
        const all = await setUp(node);
        const { people } = all;
        const secrets = [password, 'another password', 'not the password', node.key, all.channel.channelAccessToken, all.channel.channelSecret];
        secrets.push(createKey(node.data, 'ingest'));
        await people.tester.api('PATCH', '/api/v1/session', { currentPassword: password, password: 'another password' });
        await tryLogin(node, 'tester@example.com', 'not the password');
        const invited = (await people.operator.api('POST', '/api/v1/accounts', { email: 'late@example.com' })).json.invitationToken;
        await node.api('POST', '/api/v1/invitation', { token: invited, password: 'short' }, nobody);
        secrets.push(invited);
        for (const who of Object.values(people)) if (who.cookie) secrets.push(who.cookie.split('=')[1], who.csrfToken);
        await accept(node, invited);
        const link = /setup#([\w-]{43})$/m.exec(node.log())[1];
        const files = (dir = node.data) => readdirSync(dir, { withFileTypes: true })
            .flatMap(f => (f.isDirectory() ? files(join(dir, f.name)) : [readFileSync(join(dir, f.name))]));
        for (const text of [...files(), Buffer.from(node.log())])
            for (const [i, secret] of secrets.entries()) assert.ok(!text.includes(secret), `secret ${i} is there`);
        for (const text of files()) assert.ok(!text.includes(link));
        assert.equal(node.log().split(link).length, 2, 'the link stands there once, and in no line of the log');
        assert.doesNotMatch(node.log(), new RegExp(`^time=.*${link}`, 'm'));
        await node.stop();
    });
});
