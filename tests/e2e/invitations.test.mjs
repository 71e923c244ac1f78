// Roles that are given to mail addresses: nobody gets what was meant for somebody else, and who gives one learns nothing by it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { command, dataDir, startNode, until } from './lib/node.mjs';
import { firstAccount, login, password, person } from './lib/people.mjs';
import { accept } from './lib/roles.mjs';
import { parse, startRelay } from './lib/smtp.mjs';

const nobody = { key: null };
const PUBLIC = 'https://todoke.example.com';
const use = (node, token, as = password) => node.api('POST', '/api/v1/invitation', { token, password: as }, nobody);
const tryLogin = (node, email, as = password) => node.api('POST', '/api/v1/session', { email, password: as }, nobody);

// One who is an operator's own doing, and may make providers.
async function attackerAt(node, op, email = 'attacker@example.net') {
    const made = await op.api('POST', '/api/v1/accounts', { email, password, name: 'Attacker' });
    assert.equal(made.status, 201, made.text);
    return login(node, email);
}

async function providerOf(who, name = 'Theirs') {
    const r = await who.api('POST', '/api/v1/providers', { name });
    assert.equal(r.status, 201, r.text);
    return r.json.providerId;
}

async function channelOf(who, providerId, name = 'bot') {
    const r = await who.api('POST', '/api/v1/channels', { name, providerId });
    assert.equal(r.status, 201, r.text);
    return r.json;
}

const give = (who, path, email, role = 'member') => who.api('PUT', `/api/v1/${path}/roles`, { email, role });
const accountOf = async (op, email) => (await op.api('GET', '/api/v1/accounts?limit=500')).json.accounts.find(a => a.email === email);
const tickets = text => text.match(/[\w-]{43}/g) ?? [];

for (const scope of ['provider', 'channel']) {
    describe(`a role that is meant for somebody else, by a ${scope}`, () => {
        let node, op, attacker, path, customer;
        before(async () => {
            node = await startNode({ args: ['--account-providers', '5', '--loops', '2'] });
            op = await firstAccount(node);
            attacker = await attackerAt(node, op);
            const own = await providerOf(attacker);
            path = scope === 'provider' ? `providers/${own}` : `channels/${(await channelOf(attacker, own)).channelId}`;
            customer = await channelOf(op, await providerOf(op, 'Customer'), 'customer bot');
        });
        after(() => node.stop());

        it('goes to the owner of the address alone', async () => {
            const spellings = ['victim@example.com', 'VICTIM@Example.com'];
            for (const email of spellings) {
                const given = await give(attacker, path, email, 'admin');
                assert.equal(given.status, 200, given.text);
                assert.deepEqual(given.json, { accountId: null, email: 'victim@example.com', name: null, role: 'admin', inherited: false, invitation: 'operator' });
            }
            const seen = [(await attacker.api('GET', `/api/v1/${path}/roles`)).text, (await attacker.api('GET', '/api/v1/session')).json.account];
            if (scope === 'channel') seen.push((await attacker.api('GET', `/api/v1/${path}/audit`)).text);
            assert.deepEqual(tickets(seen.join('')), []);
            assert.ok(!existsSync(join(node.data, 'mail', 'new')) || readdirSync(join(node.data, 'mail', 'new')).length === 0, 'without a relay no link is written anywhere');

            const listed = await accountOf(op, 'victim@example.com');
            assert.deepEqual([listed.invited, listed.confirmed, listed.invitedBy], [true, false, { accountId: attacker.account.accountId, email: 'attacker@example.net' }]);

            // What the operator gives waits for the owner, and the operator has the only link.
            const meant = await give(op, `channels/${customer.channelId}`, 'victim@example.com', 'admin');
            assert.equal(meant.json.waiting, true);
            assert.equal((await tryLogin(node, 'victim@example.com')).status, 401);
            const victim = await accept(node, meant.json.invitationToken);
            assert.equal((await victim.api('GET', `/api/v1/channels/${customer.channelId}/secret`)).status, 200);
            assert.equal((await attacker.api('GET', `/api/v1/channels/${customer.channelId}/secret`)).status, 404);
            assert.equal((await use(node, meant.json.invitationToken)).status, 403, 'a link works once');

            // And the role that the attacker gave is theirs too, who are shown once they use it.
            assert.equal((await attacker.api('GET', `/api/v1/${path}/roles`)).json.roles.find(r => r.email === 'victim@example.com').accountId, null);
            assert.equal((await victim.api('GET', `/api/v1/${path}`)).status, 200);
            await until(async () => (await attacker.api('GET', `/api/v1/${path}/roles`)).json.roles.find(r => r.email === 'victim@example.com').accountId === victim.account.accountId);

            // Nothing gives the attacker a link afterwards.
            for (const role of ['member', 'admin']) assert.deepEqual(tickets((await give(attacker, path, 'victim@example.com', role)).text), []);
            assert.equal((await attacker.api('DELETE', `/api/v1/${path}/roles?email=victim%40example.com`)).status, 204);
            assert.deepEqual(tickets((await give(attacker, path, 'victim@example.com', 'admin')).text), []);
            assert.equal((await tryLogin(node, 'victim@example.com')).status, 200);
        });

        it('is lost with an account that is deleted, and the next one starts from nothing', async () => {
            await give(attacker, path, 'again@example.com', 'admin');
            const first = await accountOf(op, 'again@example.com');
            const { invitationToken } = (await op.api('PATCH', `/api/v1/accounts/${first.accountId}`, { invitation: true })).json;
            assert.equal((await op.api('DELETE', `/api/v1/accounts/${first.accountId}`)).status, 204);
            assert.equal((await use(node, invitationToken)).status, 403);
            await give(attacker, path, 'again@example.com', 'admin');
            const second = await accountOf(op, 'again@example.com');
            assert.notEqual(second.accountId, first.accountId);
            assert.equal(second.confirmed, false);
            assert.equal((await use(node, invitationToken)).status, 403);
        });
    });
}

describe('a link', () => {
    let node, op;
    before(async () => { node = await startNode(); op = await firstAccount(node); });
    after(() => node.stop());

    it('is shown to the operator whole, and gives way to a newer one', async () => {
        const made = await op.api('POST', '/api/v1/accounts', { email: 'new@example.com' });
        assert.equal(made.json.invitationUrl, `${node.url}/invitation#${made.json.invitationToken}`);
        assert.equal(made.json.mailed, false);
        const path = `/api/v1/accounts/${made.json.accountId}`;
        const again = (await op.api('PATCH', path, { invitation: true })).json;
        assert.equal((await use(node, made.json.invitationToken)).status, 403);
        // A role does not replace a link that somebody has.
        const given = await give(op, 'providers/1', 'new@example.com', 'member');
        assert.equal(given.json.invitationToken, undefined);
        assert.equal((await use(node, again.invitationToken)).status, 201);
        assert.equal((await op.api('GET', path)).json.confirmed, true);
    });

    it('is for the address it was made for', async () => {
        const made = await op.api('POST', '/api/v1/accounts', { email: 'vicitm@example.com' });
        const path = `/api/v1/accounts/${made.json.accountId}`;
        assert.equal((await op.api('PATCH', path, { email: 'victim@example.com' })).status, 200);
        assert.equal((await use(node, made.json.invitationToken)).status, 403);
        const both = await op.api('PATCH', path, { email: 'victim@example.org', invitation: true });
        assert.equal((await use(node, both.json.invitationToken)).status, 201);
    });

    it('says who made the account', async () => {
        const byKey = await node.api('POST', '/api/v1/accounts', { email: 'bykey@example.com' });
        assert.equal(byKey.json.invitedBy, node.key.slice(0, 8));
        assert.equal((await accountOf(op, 'op@example.com')).invitedBy, null);
        assert.deepEqual((await accountOf(op, 'new@example.com')).invitedBy, { accountId: op.account.accountId, email: 'op@example.com' });
        const created = await command(['account', 'create', '--data', node.data, '--email', 'cli@example.com'], { input: password });
        assert.equal(created.code, 0, created.stderr);
        const cli = await accountOf(op, 'cli@example.com');
        assert.deepEqual([cli.confirmed, cli.invitedBy], [true, null]);
        const listed = (await command(['account', 'list', '--data', node.data])).stdout;
        assert.match(listed, new RegExp(`^\\d+ +bykey@example\\.com +- +invited .* ${node.key.slice(0, 8)}$`, 'm'));
    });
});

// As it was before addresses had to be proven: somebody has the victim's account, with a password of their own.
describe('an account that somebody else has', () => {
    const sql = (data, text) => execFileSync('sqlite3', [join(data, 'todoke.db'), text], { encoding: 'utf8' });
    let data, node, op, attacker, holder, trap, customer;
    before(async () => {
        data = dataDir();
        node = await startNode({ data, args: ['--account-providers', '5'] });
        op = await firstAccount(node);
        attacker = await attackerAt(node, op);
        await op.api('POST', '/api/v1/accounts', { email: 'victim@example.com', password: 'the attacker has it', name: 'Not the victim' });
        holder = await login(node, 'victim@example.com', 'the attacker has it');
        trap = await providerOf(holder, 'Looks like yours');
        const { key } = node;
        await node.stop();
        sql(data, "UPDATE account SET confirmed=0 WHERE email='victim@example.com'");
        node = await startNode({ data, key, args: ['--account-providers', '5'] });
        op = await login(node, 'op@example.com');
        attacker = await login(node, 'attacker@example.net');
        holder = await login(node, 'victim@example.com', 'the attacker has it');
        customer = await channelOf(op, await providerOf(op, 'Customer'), 'customer bot');
    });
    after(async () => { await node.stop(); rmSync(data, { recursive: true, force: true }); });

    it('gets nothing that others give to the address', async () => {
        assert.match(node.log(), /some invited accounts are not confirmed/);
        const elsewhere = await providerOf(attacker);
        for (const [who, path, role] of [[op, `channels/${customer.channelId}`, 'admin'], [op, `providers/${customer.providerId}`, 'admin'], [attacker, `providers/${elsewhere}`, 'admin']]) {
            const r = await give(who, path, 'victim@example.com', role);
            assert.equal(r.status, 200, r.text);
            assert.deepEqual(tickets(r.text), []);
            if (who === op) assert.equal(r.json.waiting, true);
        }
        for (const path of [`channels/${customer.channelId}`, `channels/${customer.channelId}/secret`, `channels/${customer.channelId}/audit`, `providers/${customer.providerId}`, `providers/${elsewhere}`])
            assert.equal((await holder.api('GET', `/api/v1/${path}`)).status, 404, path);
        assert.deepEqual((await holder.api('GET', '/api/v1/channels')).json.channels, []);
        assert.deepEqual((await holder.api('GET', '/api/v1/providers')).json.providers.map(p => p.name), ['Looks like yours']);
        const { account } = (await holder.api('GET', '/api/v1/session')).json;
        assert.deepEqual([account.providers.map(p => p.name), account.channels, account.confirmed, account.mayMakeProviders], [['Looks like yours'], [], false, false]);
        assert.equal((await holder.api('POST', '/api/v1/providers', { name: 'x' })).status, 403);
        assert.equal((await holder.api('POST', '/api/v1/channels', { name: 'x', providerId: customer.providerId })).status, 404);
        // Changed, taken away and given again, it waits all the same; and it is no Admin for a provider to rely on.
        for (const role of ['member', 'admin']) await give(op, `providers/${customer.providerId}`, 'victim@example.com', role);
        assert.equal((await op.api('DELETE', `/api/v1/providers/${customer.providerId}/roles/${op.account.accountId}`)).status, 409);
        assert.equal((await holder.api('GET', `/api/v1/providers/${customer.providerId}`)).status, 404);
        const { accountId } = await accountOf(op, 'victim@example.com');
        for (const change of [{ operator: true }, { operator: true, name: 'x' }]) assert.equal((await op.api('PATCH', `/api/v1/accounts/${accountId}`, change)).status, 409);
        assert.equal((await holder.api('GET', '/api/v1/accounts')).status, 403);
    });

    it('goes to its owner by an operator\'s link, without what the other one did in it', async () => {
        const before = await accountOf(op, 'victim@example.com');
        assert.deepEqual([before.confirmed, before.invited], [false, false]);
        const path = `/api/v1/accounts/${before.accountId}`;
        const { invitationToken } = (await op.api('PATCH', path, { invitation: true })).json;
        assert.equal((await holder.api('GET', '/api/v1/session')).status, 200, 'until it is used');
        const victim = await accept(node, invitationToken);
        assert.equal((await holder.api('GET', '/api/v1/session')).status, 401);
        assert.equal((await tryLogin(node, 'victim@example.com', 'the attacker has it')).status, 401);
        assert.deepEqual([victim.account.confirmed, victim.account.name], [true, '']);
        assert.equal((await victim.api('GET', `/api/v1/channels/${customer.channelId}/secret`)).status, 200);
        assert.ok(!victim.account.providers.some(p => p.providerId === trap), 'a provider in their name');
        assert.equal((await victim.api('GET', `/api/v1/providers/${trap}`)).status, 404);
        const line = (await op.api('GET', '/api/v1/audit')).json.entries.find(e => e.action === 'account.confirm');
        assert.deepEqual([line.target, line.details], [`account/${before.accountId}`, { email: 'victim@example.com', rolesDropped: `provider/${trap} admin` }]);
    });

    it('is its user\'s with all of it once an operator vouches for them; by the command too', async () => {
        for (const by of ['api', 'command']) {
            const email = `${by}@example.com`;
            await op.api('POST', '/api/v1/accounts', { email, password });
            const who = await login(node, email), own = await providerOf(who, 'Own');
            const { accountId } = who.account;
            await node.kill();
            sql(data, `UPDATE account SET confirmed=0 WHERE id=${accountId}`);
            node = await startNode({ data, key: node.key, args: ['--account-providers', '5'] });
            op = await login(node, 'op@example.com');
            const at = await login(node, email);
            await give(op, `channels/${customer.channelId}`, email, 'tester');
            assert.equal((await at.api('GET', `/api/v1/channels/${customer.channelId}`)).status, 404);
            if (by === 'api') {
                assert.equal((await op.api('PATCH', `/api/v1/accounts/${accountId}`, { confirmed: false })).json.details[0].property, 'confirmed');
                assert.equal((await op.api('PATCH', `/api/v1/accounts/${accountId}`, { confirmed: true })).json.confirmed, true);
            } else {
                assert.match((await command(['account', 'list', '--data', data])).stdout, new RegExp(`^\\d+ +${email} +- +unconfirmed `, 'm'));
                const r = await command(['account', 'confirm', '--data', data, email]);
                assert.equal(r.code, 0, r.stderr);
            }
            assert.equal((await at.api('GET', `/api/v1/channels/${customer.channelId}`)).status, 200, 'the session stays');
            assert.equal((await at.api('GET', `/api/v1/providers/${own}`)).status, 200);
        }
    });

    it('goes to its owner by a password that an operator sets, too', async () => {
        const email = 'handed@example.com';
        await op.api('POST', '/api/v1/accounts', { email, password });
        const who = await login(node, email), own = await providerOf(who, 'Own');
        await node.kill();
        sql(data, `UPDATE account SET confirmed=0 WHERE email='${email}'`);
        node = await startNode({ data, key: node.key, args: ['--account-providers', '5'] });
        op = await login(node, 'op@example.com');
        const r = await command(['account', 'password', '--data', data, email], { input: 'another password\n' });
        assert.equal(r.code, 0, r.stderr);
        const owner = await login(node, email, 'another password');
        assert.equal(owner.account.confirmed, true);
        assert.equal((await owner.api('GET', `/api/v1/providers/${own}`)).status, 404);
    });
});

describe('who gives a role', () => {
    // Six addresses of one length: five that have an account each in another way, and two that have none.
    const kinds = { person: 'zaaa@example.com', operator: 'zbbb@example.com', disabled: 'zccc@example.com', invited: 'zddd@example.com', unconfirmed: 'zeee@example.com', unknown: 'zfff@example.com', other: 'zggg@example.com' };
    let data, node, op, attacker;
    before(async () => {
        data = dataDir();
        const args = ['--account-providers', '100', '--account-invitations', '1000'];
        node = await startNode({ data, args });
        op = await firstAccount(node, kinds.operator);
        for (const kind of ['person', 'disabled', 'unconfirmed']) await op.api('POST', '/api/v1/accounts', { email: kinds[kind], password, name: `Known ${kind}` });
        await op.api('POST', '/api/v1/accounts', { email: kinds.invited, name: 'Known invited' });
        const { accountId } = await accountOf(op, kinds.disabled);
        assert.equal((await op.api('PATCH', `/api/v1/accounts/${accountId}`, { disabled: true })).status, 200);
        await attackerAt(node, op);
        const { key } = node;
        await node.stop();
        execFileSync('sqlite3', [join(data, 'todoke.db'), `UPDATE account SET confirmed=0 WHERE email='${kinds.unconfirmed}'`]);
        node = await startNode({ data, key, args });
        op = await login(node, kinds.operator);
        attacker = await login(node, 'attacker@example.net');
    });
    after(async () => { await node.stop(); rmSync(data, { recursive: true, force: true }); });

    // All that can be asked about one address, with the address, and what counts up by itself, made the same.
    async function everything(email) {
        const heard = [];
        const providerId = await providerOf(attacker), channel = await channelOf(attacker, providerId);
        const ask = async (method, path, body) => {
            const r = await attacker.api(method, `/api/v1/${path}`, body);
            const headers = [...r.headers].filter(([name]) => !['date', 'x-line-request-id'].includes(name));
            heard.push(JSON.stringify([method, path, r.status, headers, r.text]).replaceAll(encodeURIComponent(email), 'ADDRESS').replaceAll(email, 'ADDRESS').replaceAll(email.toUpperCase(), 'ADDRESS')
                .replaceAll(channel.channelId, 'CHANNEL').replaceAll(`providers/${providerId}`, 'PROVIDER').replaceAll(`(${providerId})`, '(PROVIDER)').replaceAll(`providerId\\":\\"${providerId}\\"`, 'PROVIDER').replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replaceAll(/U[0-9a-f]{32}/g, 'BOT'));
            return r;
        };
        const lines = [];
        for (const [path, roles] of [[`channels/${channel.channelId}`, ['tester', 'member', 'admin']], [`providers/${providerId}`, ['member', 'admin']]]) {
            for (const role of roles) {
                await ask('PUT', `${path}/roles`, { email, role });
                await ask('GET', `${path}/roles`);
                await ask('PUT', `${path}/roles`, { email: email.toUpperCase(), role });
            }
            await ask('GET', `${path}/roles`);
            if (path.startsWith('channels')) {
                const audit = (await attacker.api('GET', `/api/v1/${path}/audit`)).json.entries.map(e => Number(e.auditId));
                lines.push(audit.map(n => n - audit.at(-1)));
                heard.push(JSON.stringify((await attacker.api('GET', `/api/v1/${path}/audit`)).json.entries.map(e => ({ ...e, auditId: 0, at: 0 }))).replaceAll(email, 'ADDRESS').replaceAll(channel.channelId, 'CHANNEL'));
            }
        }
        // Whether there is another Admin by now.
        await ask('DELETE', `providers/${providerId}/roles/${attacker.account.accountId}`);
        await ask('DELETE', `providers/${providerId}/roles?email=attacker%40example.net`);
        await ask('PUT', `providers/${providerId}/roles`, { email: 'attacker@example.net', role: 'member' });
        // Whose id has a role here.
        const found = [];
        for (let id = 1; id < 60; id++) if (String(id) !== attacker.account.accountId) found.push((await attacker.api('DELETE', `/api/v1/providers/${providerId}/roles/${id}`)).status);
        heard.push(String([...new Set(found)]));
        await ask('GET', `providers/${providerId}/roles`);
        await ask('GET', `channels/${channel.channelId}`);
        await ask('GET', `providers/${providerId}`);
        await ask('DELETE', `providers/${providerId}/roles?email=${encodeURIComponent(email)}`);
        await ask('DELETE', `channels/${channel.channelId}/roles?email=${encodeURIComponent(email)}`);
        await ask('DELETE', `channels/${channel.channelId}/roles?email=${encodeURIComponent(email)}`);
        await ask('GET', `providers/${providerId}/roles`);
        await ask('PUT', `providers/${providerId}/roles`, { email, role: 'admin' });
        return { heard, lines };
    }

    it('hears the same of every address, to the byte', async () => {
        const want = await everything(kinds.unknown);
        for (const [kind, email] of Object.entries(kinds)) {
            if (kind === 'unknown') continue;
            const got = await everything(email);
            assert.deepEqual(got.heard, want.heard, kind);
            assert.deepEqual(got.lines, want.lines, `${kind}: the numbers of the audit log's lines`);
            assert.ok(!got.heard.join('').includes('Known'), kind);
        }
    });

    it('does not see by the ids of accounts of its own either', async () => {
        const path = `providers/${await providerOf(attacker)}`, steps = {};
        const own = async () => {
            const email = `own${Math.random().toString(36).slice(2)}@example.net`;
            await give(attacker, path, email);
            return Number((await accountOf(op, email)).accountId);
        };
        for (const email of [kinds.person, kinds.disabled, kinds.unconfirmed, kinds.invited, 'hhhh@example.com', 'iiii@example.com']) {
            const first = await own();
            await give(attacker, path, email);
            steps[email] = (await own()) - first;
        }
        assert.deepEqual([...new Set(Object.values(steps))], [2], JSON.stringify(steps));
    });

    it('sees whose it is once they come, and only then', async () => {
        const providerId = await providerOf(attacker), path = `/api/v1/providers/${providerId}`;
        const someone = await login(node, kinds.person);
        await give(attacker, `providers/${providerId}`, kinds.person, 'admin');
        const row = async () => (await attacker.api('GET', `${path}/roles`)).json.roles.find(r => r.email === kinds.person);
        assert.ok((await someone.api('GET', '/api/v1/session')).json.account.providers.some(p => p.providerId === providerId));
        assert.ok((await someone.api('GET', '/api/v1/providers?limit=500')).json.providers.some(p => p.providerId === providerId));
        await someone.api('GET', '/api/v1/channels');
        assert.deepEqual([(await row()).accountId, (await row()).name], [null, null], 'to be told of it is not to come');
        assert.equal((await attacker.api('DELETE', `${path}/roles/${attacker.account.accountId}`)).status, 409);
        await someone.api('GET', path);
        await until(async () => (await row()).name === 'Known person');
        assert.equal((await attacker.api('DELETE', `${path}/roles/${attacker.account.accountId}`)).status, 204);
    });

    it('may reach so many addresses a day, whether they have accounts or not; an operator as many as there are', async () => {
        const bounded = await startNode({ args: ['--account-providers', '1', '--account-invitations', '3'] });
        const boss = await firstAccount(bounded);
        await boss.api('POST', '/api/v1/accounts', { email: kinds.person, password });
        const who = await attackerAt(bounded, boss);
        const path = `providers/${await providerOf(who)}`;
        for (const email of [kinds.person, kinds.unknown, kinds.other]) assert.equal((await give(who, path, email)).status, 200);
        assert.equal((await who.api('DELETE', `/api/v1/${path}/roles?email=${encodeURIComponent(kinds.other)}`)).status, 204);
        const before = (await boss.api('GET', '/api/v1/accounts')).json.accounts.length;
        for (const email of ['new@example.com', 'op@example.com', kinds.other]) {
            const r = await give(who, path, email);
            assert.equal(r.status, 429, email);
            assert.ok(Number(r.headers.get('retry-after')) >= 1 && Number(r.headers.get('retry-after')) <= 86400);
        }
        assert.equal((await boss.api('GET', '/api/v1/accounts')).json.accounts.length, before);
        assert.equal((await give(who, path, kinds.person, 'admin')).status, 200, 'what is there can be changed');
        for (let i = 0; i < 6; i++) assert.equal((await give(boss, path, `n${i}@example.com`)).status, 200);
        await bounded.stop();
    });
});

describe('with a relay', () => {
    const over = relay => ['--smtp-url', relay.url, '--smtp-tls', 'never', '--mail-from', 'todoke <todoke@example.com>', '--mail-retry', '60ms', '--account-providers', '20'];
    let relay, node, op, attacker, providerId;
    before(async () => {
        relay = await startRelay();
        node = await startNode({ args: [...over(relay), '--public-url', `${PUBLIC}/`] });
        op = await firstAccount(node);
        attacker = await attackerAt(node, op);
        providerId = await providerOf(attacker, 'Ａcme & Söhne, Inc.');
    });
    after(async () => { await node.stop(); await relay.close(); });
    const to = async (email, n = 1) => {
        await until(() => relay.mails.filter(m => m.to.includes(email)).length >= n, () => `${relay.mails.filter(m => m.to.includes(email)).length} mails to ${email}`);
        return relay.mails.filter(m => m.to.includes(email))[n - 1].mail;
    };
    const linkIn = mail => /^https:\/\/todoke\.example\.com\/invitation#([\w-]{43})$/m.exec(mail.text)?.[1];

    it('the link goes to the address, and to nobody else', async () => {
        const given = await give(attacker, `providers/${providerId}`, 'victim@example.com', 'admin');
        assert.deepEqual(given.json, { accountId: null, email: 'victim@example.com', name: null, role: 'admin', inherited: false, invitation: 'mail' });
        const mail = await to('victim@example.com');
        assert.equal(mail.subject, 'todoke: you are invited');
        assert.equal(mail.to.text, 'victim@example.com');
        assert.match(mail.text, /You are given the role Admin with the provider "Ａcme & Söhne, Inc\." \(ID \d+\)\./);
        assert.match(mail.html, /Ａcme &amp; Söhne, Inc\./);
        const token = linkIn(mail);
        assert.ok(token && mail.html.includes(`href="${PUBLIC}/invitation#${token}"`), mail.text);
        assert.ok(!mail.text.includes('attacker@') && !mail.text.includes('Attacker'));
        for (const text of [given.text, (await attacker.api('GET', `/api/v1/providers/${providerId}/roles`)).text, (await op.api('GET', '/api/v1/outbox')).text, (await op.api('GET', '/api/v1/accounts')).text, (await op.api('GET', '/api/v1/audit?limit=500')).text, node.log()])
            assert.ok(!text.includes(token));
        const [row] = (await op.api('GET', '/api/v1/outbox')).json.mails;
        assert.deepEqual([row.to, row.channelId], ['victim@example.com', null]);

        // Another one who gives a role does not spoil the link; the mail says that it is there.
        const second = await attackerAt(node, op, 'second@example.net');
        await give(second, `providers/${await providerOf(second)}`, 'victim@example.com');
        const waits = await to('victim@example.com', 2);
        assert.deepEqual([waits.subject, linkIn(waits)], ['todoke: you are given a role', undefined]);
        const victim = await accept(node, token);
        assert.equal(victim.account.confirmed, true);
        assert.equal(victim.account.providers.length, 2);
        assert.equal((await use(node, token)).status, 403);
    });

    it('one who has an account is told, in words that are not the other one\'s, a few times a day', async () => {
        await op.api('POST', '/api/v1/accounts', { email: 'someone@example.com', password, language: 'ja' });
        // Names that are older than the rule against links.
        for (const [i, name] of ['Your account is locked: https://evil.example', 'Sign in at evil.example', 'evil。example', 'Good name', 'Another'].entries()) {
            const id = await providerOf(attacker, 'Plain');
            execFileSync('sqlite3', ['-cmd', '.timeout 10000', join(node.data, 'todoke.db'), `UPDATE provider SET name='${name}' WHERE id=${id}`]);
            assert.equal((await give(attacker, `providers/${id}`, 'someone@example.com', i % 2 ? 'admin' : 'member')).status, 200);
        }
        const mails = [await to('someone@example.com'), await to('someone@example.com', 2), await to('someone@example.com', 3)];
        for (const mail of mails) {
            assert.equal(mail.subject, 'todoke：ロールが付与されました');
            assert.doesNotMatch(mail.text + mail.html, /evil|locked|Sign/);
            assert.match(mail.text, /プロバイダー（ID \d+）のロール「(Admin|Member)」が付与されました。/);
            assert.equal(linkIn(mail), undefined);
        }
        // What comes after is none of the address's.
        await give(attacker, `providers/${providerId}`, 'last@example.com');
        await to('last@example.com');
        assert.equal(relay.mails.filter(m => m.to.includes('someone@example.com')).length, 3);
    });

    // One mailbox, by whatever spelling, day after day.
    describe('a stranger', () => {
        const sql = text => execFileSync('sqlite3', ['-cmd', '.timeout 10000', join(crowd.data, 'todoke.db'), text], { encoding: 'utf8' });
        const nextDay = () => sql('UPDATE tally SET day=day-1 WHERE day>0');
        const mailed = name => relay.mails.filter(m => new RegExp(`^${[...name].join('\\.?')}(\\+\\w+)?@example\\.org$`, 'i').test(m.to[0]));
        // What was given before the last one has been mailed by then, or will not be.
        const settle = async () => { const mark = `mark${++marks}@example.net`; assert.equal((await give(who, path, mark)).status, 200); await to(mark); };
        let crowd, boss, who, path, marks = 0;
        before(async () => {
            crowd = await startNode({ args: [...over(relay), '--public-url', PUBLIC, '--account-invitations', '1000'] });
            boss = await firstAccount(crowd);
            who = await attackerAt(crowd, boss, 'crowd@example.net');
            path = `providers/${await providerOf(who)}`;
        });
        after(() => crowd.stop());

        it('is mailed three times a day, whatever the address is spelled like', async () => {
            for (let i = 1; i <= 20; i++) assert.equal((await give(who, path, `victim+${i}@example.org`)).status, 200);
            for (const email of ['v.ictim@example.org', 'vict.im+x@EXAMPLE.org', 'victim@example.org']) assert.equal((await give(who, path, email)).status, 200);
            // A dot at the end of the domain, and what a domain is rid of: no other person, and no address for the first.
            for (const domain of ['example.org.', 'exam\u00adple.org', 'exam\u00adple.org.', 'example\u3002org'])
                await give(who, path, `victim@${domain}`);
            await settle();
            assert.equal(mailed('victim').length, 3);
            assert.deepEqual(relay.mails.map(m => m.to[0]).filter(to => /^victim.*org/i.test(to) && !/victim(\+\w+)?@example\.org$/i.test(to)), []);
        });

        it('and ten times in all, until they come; whoever gives the role sees nothing of that', async () => {
            const answers = new Set();
            for (let day = 0; day < 6; day++) {
                nextDay();
                for (let i = 0; i < 4; i++) {
                    const given = await give(who, path, 'patient@example.org');
                    answers.add(given.text);
                    assert.equal((await who.api('DELETE', `/api/v1/${path}/roles?email=patient%40example.org`)).status, 204);
                }
                sql('UPDATE invitation SET expires_ms=1'); // a link a day, as after a week
            }
            await settle();
            assert.equal(answers.size, 1);
            assert.equal(mailed('patient').length, 10);
            nextDay();
            const made = await boss.api('PATCH', `/api/v1/accounts/${(await accountOf(boss, 'patient@example.org')).accountId}`, { invitation: true });
            const patient = await accept(crowd, made.json.invitationToken);
            assert.equal(patient.account.confirmed, true);
            await settle();
            const before = mailed('patient').length; // the operator's own goes always
            assert.equal(before, 11);
            assert.equal((await give(who, path, 'patient+other@example.org')).status, 200);
            await settle();
            assert.equal(mailed('patient').length, before + 1, 'one who came is no stranger');
        });

        it('who refused mails as a contact address is not mailed', async () => {
            sql(`INSERT INTO contact VALUES (1, 'never+bots@example.org', 'never@example.org', 2, 1, 1, 1, x'01', 1)`);
            for (const email of ['never@example.org', 'never+1@example.org', 'n.ever@example.org']) assert.equal((await give(who, path, email)).status, 200);
            await settle();
            assert.equal(mailed('never').length, 0);
        });
    });

    it('numbers its mails alike, whether or not somebody had an account', async () => {
        const path = `providers/${providerId}`, steps = [];
        const number = async email => Number(/^<\w+\.\d+\.(\d+)@/.exec((await to(email)).messageId)[1]);
        await op.api('POST', '/api/v1/accounts', { email: 'known@example.com', password });
        for (const [i, email] of ['known@example.com', 'unheard@example.com'].entries()) {
            for (const n of [0, 1]) {
                await give(attacker, path, `mine${i}${n}@example.net`);
                if (!n) await give(attacker, path, email);
            }
            steps.push(await number(`mine${i}1@example.net`) - await number(`mine${i}0@example.net`));
        }
        assert.deepEqual(steps, [2, 2]);
    });

    it('an operator\'s invitation is mailed and shown', async () => {
        const made = (await op.api('POST', '/api/v1/accounts', { email: 'newcomer@example.com', language: 'ja' })).json;
        assert.deepEqual([made.mailed, made.invitationUrl], [true, `${PUBLIC}/invitation#${made.invitationToken}`]);
        const mail = await to('newcomer@example.com');
        assert.deepEqual([mail.subject, linkIn(mail)], ['todoke：招待のお知らせ', made.invitationToken]);
        await accept(node, made.invitationToken);
        const again = (await op.api('PATCH', `/api/v1/accounts/${made.accountId}`, { invitation: true })).json;
        const second = await to('newcomer@example.com', 2);
        assert.deepEqual([second.subject, linkIn(second)], ['todoke：パスワードの再設定', again.invitationToken]);
        const given = (await give(op, 'providers/1', 'byrole@example.com', 'admin')).json;
        assert.deepEqual([given.mailed, linkIn(await to('byrole@example.com'))], [true, given.invitationToken]);
    });

    it('but no public-url, a link would lead nowhere: it is the operator\'s', async () => {
        for (const url of [undefined, 'http://localhost:8080', 'http://127.1', 'http://[::1]', 'http://0.0.0.0']) {
            const lost = await startNode({ args: [...over(relay), ...(url ? ['--public-url', url] : [])] });
            const boss = await firstAccount(lost);
            const who = await attackerAt(lost, boss), had = relay.mails.length;
            assert.match(lost.log(), /invitations are not mailed, because public-url is not set/);
            const given = await give(who, `providers/${await providerOf(who)}`, 'victim@example.com');
            assert.equal(given.json.invitation, 'operator');
            assert.deepEqual((await boss.api('GET', '/api/v1/outbox')).json.mails, []);
            const made = (await boss.api('POST', '/api/v1/accounts', { email: 'newcomer@example.com' })).json;
            assert.deepEqual([made.mailed, made.invitationUrl], [false, `${url ?? lost.url}/invitation#${made.invitationToken}`]);
            assert.equal(relay.mails.length, had);
            await lost.stop();
        }
    });
});
