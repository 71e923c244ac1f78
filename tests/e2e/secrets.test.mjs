// Secrets and access tokens: sealed or hashed on the disk, under a key file that is looked after; rotated with a grace; issued, used and revoked.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { lineAccepts, standardAccepts, startBot } from './lib/bot.mjs';
import { diskPlan, diskPlanFrom, firstVersion, sqlite } from './lib/disk.mjs';
import { command, createKey, dataDir, startNode, until } from './lib/node.mjs';

const { messagingApi } = createRequire(import.meta.url)('@line/bot-sdk');
const note = n => ({ type: 'note', n });

// The files of a folder that hold the text, byte for byte; the hexadecimal text of a secret also as the bytes it stands for.
function filesWith(folder, text) {
    const needles = [Buffer.from(text), ...(/^([0-9a-f]{2}){16,}$/.test(text) ? [Buffer.from(text, 'hex')] : [])];
    return readdirSync(folder, { recursive: true, withFileTypes: true }).filter(f => f.isFile())
        .map(f => join(f.path ?? folder, f.name)).filter(f => needles.some(n => readFileSync(f).includes(n)));
}
const ended = (options, pattern) => assert.rejects(startNode(options), e => { assert.match(e.message, pattern); return true; });

describe('at rest', () => {
    it('no secret, token or key is in the data directory in clear, whatever was done with it', async () => {
        const bot = await startBot(), data = dataDir();
        let node = await startNode({ data });
        const secret = [node.key, createKey(data, 'ingest')];
        for (let i = 0; i < 20; i++) {
            const channel = await node.channel({ webhookUrl: bot.url, name: `channel ${i}` });
            const path = `/api/v1/channels/${channel.channelId}`;
            secret.push(channel.channelSecret, channel.channelAccessToken);
            const rotated = await node.api('POST', `${path}/secret/rotate`, i % 2 ? { graceSeconds: 0 } : {});
            const issued = await node.api('POST', `${path}/tokens`, { expiresInSeconds: 3600 });
            secret.push(rotated.json.channelSecret, issued.json.channelAccessToken);
            await node.api('PATCH', path, { name: 'x'.repeat(i * 5 + 1), contactEmail: 'who@example.com' });
            const client = new messagingApi.MessagingApiClient({ channelAccessToken: channel.channelAccessToken, baseURL: node.url });
            await client.testWebhookEndpoint();
            const [id] = await node.post(channel, [note(i)]);
            await node.reaches(channel, id, 'delivered');
            if (i % 3 === 0) await node.api('DELETE', path);
        }
        const check = () => { for (const s of secret) assert.deepEqual(filesWith(data, s), [], s); };
        check();
        assert.ok(filesWith(data, 'who@example.com').length > 0, 'the search finds what is there');
        for (const s of secret) assert.ok(!node.log().includes(s), 'nor in the log');
        await node.kill();
        check();
        node = await startNode({ data, key: node.key });
        check();
        await node.stop();
        check();
        await bot.close();
        rmSync(data, { recursive: true, force: true });
    });

    it('nor is the query of a webhook URL, in no file, no backup and no log, whoever set it and whatever became of it', async t => {
        const bot = await startBot(), data = dataDir(), copy = join(dataDir(), 'copy');
        t.after(() => bot.close());
        let node = await startNode({ data, args: ['--log', 'debug'] });
        const url = n => `${bot.url}?token=7a0ken${String(n).padStart(10, '0')}&x=%E5%B1%8A#7a0kenfragment`;
        const channels = [];
        for (let i = 0; i < 12; i++) {
            const channel = await node.channel(i % 3 ? { webhookUrl: url(i), errorStatistics: true } : {}), path = `/api/v1/channels/${channel.channelId}`;
            channels.push(channel);
            const client = new messagingApi.MessagingApiClient({ channelAccessToken: channel.channelAccessToken, baseURL: node.url });
            if (i % 3 === 0) await client.setWebhookEndpoint({ endpoint: url(i) });
            await node.api('PATCH', path, { webhookUrl: url(100 + i), useWebhook: true, contactEmail: 'who@example.com', errorStatistics: true });
            bot.answer = () => (i % 2 ? 200 : 500);
            await client.testWebhookEndpoint();
            await client.testWebhookEndpoint({ endpoint: url(200 + i) });
            await node.api('POST', `${path}/verify`, { endpoint: url(300 + i) }, { headers: { accept: 'application/json' } });
            const [id] = await node.post(channel, [note(i)]);
            await node.reaches(channel, id, i % 2 ? 'delivered' : 'given_up');
            assert.equal((await node.api('PATCH', path, { webhookUrl: 'nowhere?token=7a0kenrefused' })).status, 400);
            if (i === 11) await node.api('DELETE', path);
        }
        const shown = i => node.api('GET', `/api/v1/channels/${channels[i].channelId}`).then(r => r.json.webhookUrl);
        assert.equal(await shown(4), url(104));
        assert.ok(bot.requests.some(r => r.path.includes('7a0ken0000000104')), 'it is sent');
        const check = folder => assert.deepEqual(filesWith(folder, '7a0ken'), [], folder);
        check(data);
        assert.equal((await command(['backup', '--data', data, copy])).code, 0);
        check(copy);
        assert.ok(filesWith(copy, 'who@example.com').length > 0, 'the search finds what is there');
        await node.kill();
        check(data);
        assert.ok(!node.log().includes('7a0ken'), 'nor in the log');
        node = await startNode({ data, key: node.key });
        assert.equal(await shown(5), url(105));
        await node.stop();
        check(data);
        assert.equal((await command(['key', 'rotate-seal', '--data', data])).code, 0);
        check(data);
        node = await startNode({ data, key: node.key });
        assert.equal(await shown(6), url(106));
        await node.stop();
        // The copy opens with the key of its time, and with no other.
        await ended({ data: copy, key: node.key, args: ['--secret-key', join(data, 'secret.key')] }, /not the key that encrypted/);
        for (const d of [data, copy]) rmSync(d, { recursive: true, force: true });
    });

    it('the key file is made once, for its owner only; without it, or with another, a node does not start and changes nothing', async () => {
        const data = dataDir(), file = join(data, 'secret.key'), kept = join(data, 'kept');
        createKey(data);
        assert.ok(!existsSync(file), 'only a node makes it');
        let node = await startNode({ data });
        const channel = await node.channel();
        await node.stop();
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.match(readFileSync(file, 'utf8'), /^[0-9a-f]{64}\n$/);
        const before = sqlite(data, 'SELECT quote(secret) FROM channel');
        renameSync(file, kept);
        await ended({ data, key: node.key }, /ended with 1: todoke: .*secret\.key: the key file is missing, .*encrypted with it/s);
        assert.ok(!existsSync(file), 'none was made');
        for (const [text, pattern] of [['1'.repeat(64), /not the key that encrypted/], ['', /not a key file: it must hold 64 hex digits/], ['not a key', /not a key file/]]) {
            writeFileSync(file, text);
            await ended({ data, key: node.key }, pattern);
            assert.equal(readFileSync(file, 'utf8'), text, 'nothing was overwritten');
        }
        rmSync(file);
        mkdirSync(file);
        await ended({ data, key: node.key }, /secret\.key: Is a directory/);
        rmSync(file, { recursive: true });
        assert.deepEqual(sqlite(data, 'SELECT quote(secret) FROM channel'), before);
        const elsewhere = dataDir();
        renameSync(kept, join(elsewhere, 'my.key'));
        chmodSync(join(elsewhere, 'my.key'), 0o644);
        node = await startNode({ data, key: node.key, args: ['--secret-key', join(elsewhere, 'my.key')] });
        assert.match(node.log(), /others may read the key/);
        assert.equal((await node.api('GET', `/api/v1/channels/${channel.channelId}/secret`)).json.channelSecret, channel.channelSecret);
        assert.ok(!existsSync(file));
        await node.stop();
        for (const d of [data, elsewhere]) rmSync(d, { recursive: true, force: true });
    });

    it('a secret that was changed, or moved to another channel, is named and not used', async () => {
        const data = dataDir();
        let node = await startNode({ data });
        const one = await node.channel(), two = await node.channel();
        await node.stop();
        execFileSync('sqlite3', [join(data, 'todoke.db'), `UPDATE channel SET secret=(SELECT secret FROM channel WHERE id=${one.channelId}) WHERE id=${two.channelId}`]);
        await ended({ data, key: node.key }, new RegExp(`a channel's secret cannot be opened.*channel=${two.channelId}`));
        rmSync(data, { recursive: true, force: true });
    });

    it('and so is a webhook URL', async () => {
        const data = dataDir();
        let node = await startNode({ data });
        const one = await node.channel({ webhookUrl: 'https://one.example/' }), two = await node.channel({ webhookUrl: 'https://two.example/' });
        await node.stop();
        execFileSync('sqlite3', [join(data, 'todoke.db'), `UPDATE channel SET webhook_url=(SELECT webhook_url FROM channel WHERE id=${one.channelId}) WHERE id=${two.channelId}`]);
        await ended({ data, key: node.key }, new RegExp(`a channel's webhook URL cannot be opened.*channel=${two.channelId}`));
        rmSync(data, { recursive: true, force: true });
    });

    it('a directory of the first version is sealed at the next start, and nothing of what was clear is left, whenever it is killed', async () => {
        const bot = await startBot();
        for (const plan of [null, 'wal_write:3:kill', 'wal_sync:2:kill', 'db_write:2:tear', 'db_sync:1:cut', 'wal_synced:2:cut', 'db_synced:1:kill']) {
            const data = dataDir();
            const url = `${bot.url}?token=7a0ken`;
            firstVersion(data, url);
            const db = join(data, 'todoke.db'), token = 'tokenOfTheFirstVersion_43characters_________';
            const text = token.slice(0, 43), hash = execFileSync('sha256sum', { input: text, encoding: 'utf8' }).slice(0, 64);
            const secret = n => `5ec2e7${String(n).padStart(26, '0')}`;
            execFileSync('sqlite3', [db], { input: `UPDATE channel SET secret='${secret(1)}', token_hash=x'${hash}';
                WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM n WHERE i<300) INSERT INTO channel SELECT 2000000000+i, 'c', 'U', printf('5ec2e7%026d', i), randomblob(32), 'https://bot.example/?token=7a0ken', 0, 0, 0, '', 'en', 0, 0, 0, 1, 1 FROM n;
                PRAGMA secure_delete=OFF; DELETE FROM channel WHERE id > 2000000200;` });
            assert.ok(Array.from({ length: 100 }, (_, i) => secret(201 + i)).some(s => filesWith(data, s).length > 0), 'a deleted one is still in the file');
            assert.ok(filesWith(data, '7a0ken').length > 0);
            if (plan) await startNode({ data, key: 'none', env: diskPlan(plan) }).then(n => n.kill(), () => {});
            const node = await startNode({ data });
            for (const clear of ['5ec2e7', '7a0ken']) assert.deepEqual(filesWith(data, clear), [], plan ?? 'no plan');
            const channel = { channelId: '2000000001' };
            assert.equal((await node.api('GET', `/api/v1/channels/2000000001/secret`)).json.channelSecret, secret(1));
            const sent = bot.requests.length;
            const [id] = await node.post(channel, [note(3)]);
            await node.reaches(channel, id, 'delivered');
            await lineAccepts(secret(1), bot.requests.slice(sent).find(r => r.headers['webhook-id'] === id));
            const client = new messagingApi.MessagingApiClient({ channelAccessToken: text, baseURL: node.url });
            assert.equal((await client.getWebhookEndpoint()).endpoint, url, 'its token is good');
            assert.equal((await node.api('GET', `/api/v1/channels/2000000001/tokens`)).json.tokens[0].hint, null);
            await node.stop();
            for (const clear of ['5ec2e7', '7a0ken']) assert.deepEqual(filesWith(data, clear), []);
            rmSync(data, { recursive: true, force: true });
        }
        await bot.close();
    });
});

describe('rotation of a secret', () => {
    let node, bot, data;
    before(async () => { data = dataDir(); node = await startNode({ data }); bot = await startBot(); });
    after(async () => { await node.stop(); await bot.close(); rmSync(data, { recursive: true, force: true }); });
    const rotate = (channel, body) => node.api('POST', `/api/v1/channels/${channel.channelId}/secret/rotate`, body);
    const secretOf = async channel => (await node.api('GET', `/api/v1/channels/${channel.channelId}/secret`)).json;
    const request = async channel => {
        const [id] = await node.post(channel, [note(1)]);
        await node.reaches(channel, id, 'delivered');
        return bot.requests.find(r => r.headers['webhook-id'] === id);
    };
    const withPrevious = r => ({ ...r, headers: { ...r.headers, 'x-line-signature': r.headers['x-line-signature-previous'] } });
    // Signed with now, and with old too or not.
    async function signedBy(r, now, old) {
        await lineAccepts(now, r);
        standardAccepts(now, r);
        if (old) {
            await lineAccepts(old, withPrevious(r));
            standardAccepts(old, r);
            assert.match(r.headers['webhook-signature'], /^v1,[A-Za-z0-9+/]{43}= v1,[A-Za-z0-9+/]{43}=$/);
        } else {
            assert.equal(r.headers['x-line-signature-previous'], undefined);
            assert.match(r.headers['webhook-signature'], /^v1,[A-Za-z0-9+/]{43}=$/);
        }
    }
    async function notSignedBy(r, secret) {
        await assert.rejects(lineAccepts(secret, r), /signature/i);
        assert.throws(() => standardAccepts(secret, r), /signature/i);
    }

    it('while the grace lasts both secrets sign, also verifications and after a restart; then only the new one', async () => {
        const channel = await node.channel({ webhookUrl: bot.url }), first = channel.channelSecret;
        await signedBy(await request(channel), first);
        const at = Date.now(), r = await rotate(channel, { graceSeconds: 3600 });
        assert.equal(r.status, 200, r.text);
        const second = r.json.channelSecret;
        assert.match(second, /^[0-9a-f]{32}$/);
        assert.notEqual(second, first);
        assert.ok(Math.abs(new Date(r.json.previousUntil) - at - 3600_000) < 10_000);
        assert.deepEqual(await secretOf(channel), r.json);
        await signedBy(await request(channel), second, first);
        const sent = bot.requests.length;
        await node.api('POST', `/api/v1/channels/${channel.channelId}/verify`, {}, { headers: { accept: 'application/json' } });
        await signedBy(bot.requests[sent], second, first);
        await node.kill();
        node = await startNode({ data, key: node.key });
        await signedBy(await request(channel), second, first);
        await node.api('PATCH', `/api/v1/channels/${channel.channelId}`, { name: 'renamed' });
        await signedBy(await request(channel), second, first);
        // Again within the grace: the first one ends now.
        const third = (await rotate(channel, { graceSeconds: 1 })).json.channelSecret;
        const r3 = await request(channel);
        await signedBy(r3, third, r3.headers['x-line-signature-previous'] ? second : undefined);
        await notSignedBy(r3, first);
        await until(async () => !(await secretOf(channel)).previousUntil);
        const r4 = await request(channel);
        await signedBy(r4, third);
        await notSignedBy(r4, second);
        await node.stop();
        node = await startNode({ data, key: node.key, args: ['--retention', '1s'] });
        await until(() => sqlite(data, `SELECT length(previous_secret), previous_until_ms FROM channel WHERE id=${channel.channelId}`)[0] === '0|0');
        await signedBy(await request(channel), third);
    });

    it('takes a day by default, none with 0, at most a week; and says what is wrong', async () => {
        const channel = await node.channel({ webhookUrl: bot.url });
        for (const body of [undefined, {}, { graceSeconds: null }]) {
            const r = await rotate(channel, body);
            assert.ok(Math.abs(new Date(r.json.previousUntil) - Date.now() - 86400_000) < 10_000, r.text);
        }
        const r = await rotate(channel, { graceSeconds: 0 });
        assert.deepEqual(Object.keys(r.json), ['channelSecret']);
        await signedBy(await request(channel), r.json.channelSecret);
        assert.ok((await rotate(channel, { graceSeconds: 604800 })).json.previousUntil);
        for (const graceSeconds of [-1, 604801, 1.5, '60', true])
            assert.deepEqual((await rotate(channel, { graceSeconds })).json.details[0].property, 'graceSeconds');
        assert.equal((await rotate(channel, { grace: 1 })).status, 400);
        assert.equal((await rotate({ channelId: '7' })).status, 404);
        assert.equal((await node.api('GET', '/api/v1/channels/7/secret')).status, 404);
    });

    it('is on record: who rotated, who looked; the secret is not', async () => {
        const channel = await node.channel();
        const made = (await rotate(channel)).json.channelSecret;
        await secretOf(channel);
        const audit = await node.api('GET', `/api/v1/channels/${channel.channelId}/audit`);
        assert.equal(audit.status, 200, audit.text);
        assert.deepEqual(audit.json.entries.map(e => e.action).slice(0, 2), ['secret.show', 'secret.rotate']);
        assert.equal(audit.json.entries[1].details.graceSeconds, 86400);
        for (const s of [made, channel.channelSecret]) assert.ok(!audit.text.includes(s));
    });

    it('killed at any moment, a rotation has happened or not', async () => {
        const channel = await node.channel({ webhookUrl: bot.url });
        let now = channel.channelSecret, old;
        const seen = { done: 0, not: 0, answered: 0 };
        await node.stop();
        // Every step is tried until the rotation is answered. What a node writes by itself after its start comes first.
        const wrote = () => existsSync(join(data, 'todoke.db-wal')) && statSync(join(data, 'todoke.db-wal')).size > 4096;
        for (const [kind, action, more] of [['wal_write', 'tear', 3], ['wal_sync', 'kill', 1], ['wal_synced', 'kill', 1], ['wal_synced', 'cut', 1]]) {
            for (let n = 1, answered = false; !answered; n += more) {
                const plan = `${kind}:${n}:${action}`, disk = diskPlanFrom(plan);
                assert.ok(n < 100, plan);
                node = await startNode({ data, key: node.key, env: disk.env });
                await until(wrote);
                disk.begin();
                const r = await rotate(channel).catch(() => null);
                answered = r?.status === 200;
                await node.kill();
                node = await startNode({ data, key: node.key });
                const s = await secretOf(channel);
                if (answered) assert.deepEqual(s, r.json, `${plan}: an answer is kept`);
                if (s.channelSecret !== now) [old, now] = [now, s.channelSecret], seen[answered ? 'answered' : 'done']++;
                else seen.not++;
                await signedBy(await request(channel), now, old);
                await node.stop();
                assert.deepEqual(sqlite(data, 'PRAGMA integrity_check'), ['ok'], plan);
            }
        }
        assert.ok(seen.done > 0 && seen.not > 0 && seen.answered === 4, JSON.stringify(seen));
        node = await startNode({ data, key: node.key });
    });
});

describe('channel access tokens', () => {
    let node, channel, data;
    before(async () => { data = dataDir(); node = await startNode({ data, args: ['--loops', '2'] }); });
    after(async () => { await node.stop(); rmSync(data, { recursive: true, force: true }); });
    const path = id => `/api/v1/channels/${channel.channelId}/tokens${id ? `/${id}` : ''}`;
    const tokens = async () => (await node.api('GET', path())).json.tokens;
    const works = async token => (await node.api('GET', '/v2/bot/channel/webhook/endpoint', undefined, { key: token })).status !== 401;

    it('are issued, listed, used and revoked', async () => {
        channel = await node.channel();
        const [first] = await tokens();
        assert.equal(first.hint, channel.channelAccessToken.slice(0, 8));
        assert.deepEqual([first.expiresAt, first.lastUsedAt], [null, null]);
        const r = await node.api('POST', path(), { expiresInSeconds: 60 });
        assert.equal(r.status, 201, r.text);
        const { channelAccessToken, ...shown } = r.json;
        assert.match(channelAccessToken, /^[A-Za-z0-9_-]{43}$/);
        assert.equal(new Date(shown.expiresAt) - new Date(shown.createdAt), 60_000);
        assert.deepEqual((await tokens())[1], shown);
        assert.ok(await works(channelAccessToken) && await works(channel.channelAccessToken));
        await until(async () => (await tokens()).every(t => t.lastUsedAt));
        const used = (await tokens())[0].lastUsedAt, commits = await node.metric('todoke_store_commits_total');
        for (let i = 0; i < 50; i++) await works(channel.channelAccessToken);
        assert.equal((await tokens())[0].lastUsedAt, used, 'not written for each call');
        assert.ok(await node.metric('todoke_store_commits_total') - commits < 10);
        assert.equal((await node.api('DELETE', path(shown.tokenId))).status, 204);
        assert.ok(!await works(channelAccessToken));
        assert.ok(await works(channel.channelAccessToken));
        assert.equal((await node.api('DELETE', path(shown.tokenId))).status, 404);
        const other = await node.channel();
        assert.equal((await node.api('DELETE', `/api/v1/channels/${other.channelId}/tokens/${first.tokenId}`)).status, 404, 'of another channel');
        assert.ok(await works(channel.channelAccessToken));
    });

    it('expire', async () => {
        channel = await node.channel();
        const { channelAccessToken: token, tokenId } = (await node.api('POST', path(), { expiresInSeconds: 3600 })).json;
        assert.ok(await works(token));
        await node.stop();
        const late = ms => execFileSync('sqlite3', [join(data, 'todoke.db'), `UPDATE access_token SET expires_ms=${Date.now() - ms} WHERE id=${tokenId}`]);
        late(1000);
        node = await startNode({ data, key: node.key });
        assert.ok(!await works(token));
        assert.ok((await tokens()).some(t => t.tokenId === tokenId), 'it is still shown');
        await node.stop();
        late(8 * 86400_000);
        node = await startNode({ data, key: node.key, args: ['--retention', '1s'] });
        await until(async () => !(await tokens()).some(t => t.tokenId === tokenId));
        assert.ok(await works(channel.channelAccessToken));
    });

    it('are at most 30 a channel; what is wrong is named', async () => {
        channel = await node.channel();
        for (let i = 1; i < 30; i++) assert.equal((await node.api('POST', path())).status, 201);
        const r = await node.api('POST', path(), {});
        assert.deepEqual([r.status, r.json.message], [409, 'This channel has 30 valid tokens; revoke one first']);
        for (const expiresInSeconds of [59, 315360001, '60', 1.5, true])
            assert.equal((await node.api('POST', path(), { expiresInSeconds })).json.details[0].property, 'expiresInSeconds');
        assert.equal((await node.api('POST', path(), { expires: 1 })).json.details[0].property, 'expires');
        assert.equal((await node.api('GET', '/api/v1/channels/7/tokens')).status, 404);
        assert.equal((await node.api('POST', '/api/v1/channels/7/tokens')).status, 404);
        assert.equal((await node.api('DELETE', path('x'))).status, 404);
    });
});

describe('commands', () => {
    let node, bot, channel, data, env;
    before(async () => {
        data = dataDir();
        node = await startNode({ data });
        bot = await startBot();
        channel = await node.channel({ webhookUrl: bot.url });
        env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
    });
    after(async () => { await node.stop(); await bot.close(); rmSync(data, { recursive: true, force: true }); });
    const run = (args, want = 0) => command(['channel', ...args], { env }).then(r => { assert.equal(r.code, want, r.stdout + r.stderr); return r; });

    it('issue, list and revoke tokens, show and rotate the secret', async () => {
        const id = channel.channelId;
        const token = (await run(['token', 'issue', id, '--expires', '2h'])).stdout.trim();
        assert.match(token, /^[A-Za-z0-9_-]{43}$/);
        const shown = JSON.parse((await run(['token', 'list', id, '--json'])).stdout).tokens;
        assert.equal(new Date(shown[1].expiresAt) - new Date(shown[1].createdAt), 7200_000);
        assert.match((await run(['token', 'list', id])).stdout, new RegExp(`^ID +TOKEN +CREATED +EXPIRES +LAST USED\n${shown[0].tokenId} +${channel.channelAccessToken.slice(0, 8)} +\\S+Z +- +- *\n${shown[1].tokenId} +${token.slice(0, 8)} `));
        await run(['token', 'revoke', id, shown[1].tokenId]);
        await run(['token', 'revoke', id, shown[1].tokenId], 4);
        assert.equal((await run(['secret', id])).stdout, `${channel.channelSecret}\n`);
        const secret = (await run(['rotate-secret', id, '--grace', '0'])).stdout.trim();
        assert.equal(JSON.parse((await run(['secret', id, '--json'])).stdout).channelSecret, secret);
        assert.ok(JSON.parse((await run(['rotate-secret', id, '--json'])).stdout).previousUntil);
        for (const [args, code, said] of [[['token'], 2, /token issue ID/], [['token', 'issue'], 2, /an ID is missing/], [['rotate-secret', id, '--grace', '1y'], 2, /is not a time such as/],
            [['token', 'issue', id, '--expires', '1s'], 3, /expiresInSeconds: must be/], [['secret', '7'], 4, /No such channel/], [['secret', id, '--grace', '1'], 2, /unknown option --grace/]])
            assert.match((await run(args, code)).stderr, said);
        assert.match((await run(['--help'])).stdout, /todoke channel verify ID \[URL\]/);
    });

    it('verify: a timeline and words for people, the exit status of probe', async () => {
        const ok = await run(['verify', channel.channelId, '--lang', 'en']);
        assert.match(ok.stdout, new RegExp(`^${bot.url.replaceAll('.', '\\.')}\n.*\nok ▸ 200\n`, 's'));
        const bad = await run(['verify', channel.channelId, bot.url.replace('http:', 'https:'), '--lang', 'ja'], 10);
        assert.match(bad.stdout, /could_not_connect ▸ No SSL\/TLS record ▸ tls_/);
        assert.match(bad.stdout, /対処方法/);
        assert.equal(JSON.parse((await run(['verify', channel.channelId, '--json'])).stdout).reason, 'ok');
        bot.answer = () => 500;
        await run(['verify', channel.channelId], 12);
        bot.answer = () => 200;
    });

    it('key rotate-seal: another key, while no node runs; the old one opens nothing any more', async () => {
        const file = join(data, 'secret.key'), old = readFileSync(file, 'utf8');
        const rotate = () => command(['key', 'rotate-seal', '--data', data]);
        let r = await rotate();
        assert.deepEqual([r.code, /a node is running/.test(r.stderr)], [1, true], r.stderr);
        const secret = (await run(['secret', channel.channelId])).stdout;
        await node.stop();
        r = await rotate();
        assert.equal(r.code, 0, r.stderr);
        assert.notEqual(readFileSync(file, 'utf8'), old);
        assert.equal(statSync(file).mode & 0o777, 0o600);
        assert.deepEqual(readdirSync(data).filter(f => f.startsWith('secret.key')), ['secret.key']);
        const fresh = readFileSync(file, 'utf8');
        writeFileSync(file, old);
        await ended({ data, key: node.key }, /not the key that encrypted/);
        r = await rotate();
        assert.deepEqual([r.code, /not the key that encrypted/.test(r.stderr)], [1, true], r.stderr);
        writeFileSync(file, fresh);
        // Cut off between commit and rename: FILE.new is the key, and is put in its place.
        renameSync(file, `${file}.new`);
        writeFileSync(file, old);
        node = await startNode({ data, key: node.key });
        env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
        assert.equal(readFileSync(file, 'utf8'), fresh);
        assert.equal((await run(['secret', channel.channelId])).stdout, secret);
    });

    it('key rotate-seal, killed at any moment: the next start knows the key', async () => {
        const secret = (await run(['secret', channel.channelId])).stdout;
        await node.stop();
        for (const plan of ['wal_write:1:kill', 'wal_write:2:tear', 'wal_sync:2:cut', 'wal_synced:2:kill', 'db_write:1:tear', 'db_sync:1:cut', 'db_synced:1:kill']) {
            await command(['key', 'rotate-seal', '--data', data], { env: diskPlan(plan) });
            node = await startNode({ data, key: node.key });
            env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
            assert.equal((await run(['secret', channel.channelId])).stdout, secret, plan);
            await node.stop();
            assert.deepEqual(sqlite(data, 'PRAGMA integrity_check'), ['ok'], plan);
        }
        node = await startNode({ data, key: node.key });
    });
});
