// One rule says what a mail address is, wherever one is entered; what older versions took stays, logs in, and is sent no mail.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, dataDir, startNode, until } from './lib/node.mjs';
import { firstAccount, login, password } from './lib/people.mjs';
import { startRelay } from './lib/smtp.mjs';

const sql = (data, text) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', join(data, 'todoke.db'), text], { encoding: 'utf8' }).trim();
const local = `${'a'.repeat(65)}@example.com`;
// Each with a word of why.
const refused = [['a:b@example.com', /in front of the @/], ['a\\b@example.com', /in front of the @/], ['"a b"@example.com', /quotes/],
    [local, /64 bytes/], ['a@[127.0.0.1]', /brackets/], ['a@-example.com', /hyphen/], ['a@exa_mple.com', /letters, digits/], ['a@b@example.com', /more than one/],
    [`a@${'b'.repeat(64)}.com`, /63 bytes/], [`a@${'b.'.repeat(127)}com`, /254 bytes/], ['a b@example.com', /in front of the @/], ['example.com', /missing/]];

describe('a mail address', () => {
    it('is refused with its reason wherever one is entered', async () => {
        const node = await startNode(), channel = await node.channel({});
        for (const [email, why] of refused) {
            for (const [method, path, body, property] of [['POST', 'accounts', { email }, 'email'], ['PATCH', `channels/${channel.channelId}`, { contactEmail: email }, 'contactEmail'],
                ['PUT', 'providers/1/roles', { email, role: 'admin' }, 'email']]) {
                const r = await node.api(method, `/api/v1/${path}`, body);
                assert.deepEqual([r.status, r.json.details?.[0].property], [400, property], `${method} ${path} ${email}: ${r.text}`);
                assert.match(r.json.details[0].message, why, email);
            }
            const r = await command(['account', 'create', '--data', node.data, '--email', email], { input: `${password}\n` });
            assert.deepEqual([r.code, why.test(r.stderr)], [2, true], r.stderr);
        }
        for (const email of ['Taro.Yamada+x@Example.co.jp', '太郎@例え.jp', "!#$%&'*+-/=?^_`{|}~@example.org", 'a@localhost', 'a..b.@docomo.example.jp']) {
            assert.equal((await node.api('POST', '/api/v1/accounts', { email })).status, 201, email);
            const r = await node.api('PATCH', `/api/v1/channels/${channel.channelId}`, { contactEmail: email });
            assert.deepEqual([r.status, r.json.contactEmail], [200, email]);
        }
        await node.stop();
    });

    it('that an older version took stays, logs in, is told of, and is sent nothing', async () => {
        const data = dataDir(), bot = await startBot(() => 500), relay = await startRelay();
        const args = ['--notice-window', '100ms', '--mail-retry', '60ms', '--public-url', 'https://todoke.example.com', '--smtp-url', relay.url, '--smtp-tls', 'never', '--mail-from', 'todoke@example.com'];
        let node = await startNode({ data, args });
        try {
            await firstAccount(node, 'old@example.com');
            const option = '/api/v1/providers/1/options/error-notification';
            await node.api('POST', option);
            await node.api('PATCH', option, { state: 'approved' });
            const bad = await node.channel({ webhookUrl: bot.url, contactEmail: 'contact@example.com', errorNotification: true });
            const good = await node.channel({ webhookUrl: bot.url, contactEmail: 'good@example.com', errorNotification: true });
            await until(() => relay.mails.length === 2);
            for (const c of [bad, good]) assert.equal((await node.api('PATCH', `/api/v1/channels/${c.channelId}/contact`, { state: 'confirmed' })).status, 200);
            await node.stop();
            assert.doesNotMatch((await command(['check', '--data', data])).stdout, /no mail/);
            // As they were taken until then: one more mail waits in the outbox.
            sql(data, `UPDATE channel SET contact_email='A:b@example.com' WHERE id=${bad.channelId}; UPDATE account SET email='o:ld@example.com' WHERE email='old@example.com';
                UPDATE mail SET recipient='a:b@example.com', state=0, tries=0, next_ms=0 WHERE recipient='contact@example.com'`);
            const sent = relay.mails.length;

            const r = await command(['check', '--data', data]);
            assert.equal(r.code, 0, r.stdout + r.stderr);
            assert.match(r.stdout, /no mail is sent to the address of account 1, o:ld@example\.com: a character in front of the @ cannot stand there; enter another one/);
            assert.match(r.stdout, new RegExp(`no mail is sent to the address of channel ${bad.channelId}, A:b@example\\.com: `));

            node = await startNode({ data, args });
            assert.match(node.log(), /no mail is sent to some addresses.*todoke check.*addresses=2/);
            const old = await login(node, 'O:ld@example.com');
            assert.equal((await old.api('GET', '/api/v1/session')).json.account.email, 'o:ld@example.com');
            assert.equal((await node.api('GET', `/api/v1/channels/${bad.channelId}`)).json.contactEmail, 'A:b@example.com');
            for (const c of [bad, good]) assert.equal((await node.api('POST', `/api/v1/channels/${c.channelId}/events`, { events: [{ type: 'message', message: { type: 'text', id: '1', text: 'hello' } }] })).status, 202);
            await until(() => relay.mails.length === sent + 1, () => node.log());
            await until(async () => (await node.metric('todoke_notices_total')) + (await node.metric('todoke_notices_dropped_total{why="nobody"}')) >= 2);
            await until(async () => (await node.api('GET', '/api/v1/outbox?state=failed')).json.mails.some(m => m.to === 'a:b@example.com' && /no mail address/.test(m.lastError)), () => node.log());
            assert.deepEqual(relay.mails.slice(sent).map(m => m.to), [['good@example.com']]);
            // Another address is all it takes.
            assert.equal((await node.api('PATCH', `/api/v1/channels/${bad.channelId}`, { contactEmail: 'contact@example.com' })).status, 200);
            assert.equal((await old.api('PATCH', '/api/v1/accounts/1', { email: 'new@example.com' })).status, 200);
            await node.stop();
            assert.doesNotMatch((await command(['check', '--data', data])).stdout, /no mail/);
        } finally {
            await node.stop();
            rmSync(data, { recursive: true, force: true });
            await relay.close();
            await bot.close();
        }
    });

    it('of a sender is refused at the start', async () => {
        for (const from of ['a:b@example.com', 'me <"a b"@example.com>', 'a@[127.0.0.1]']) await assert.rejects(startNode({ args: ['--mail-from', from] }), /mail-from/, from);
        await (await startNode({ args: ['--mail-from', 'todoke <todoke@example.com>'] })).stop();
    });
});
