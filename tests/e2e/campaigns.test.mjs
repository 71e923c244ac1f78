// Campaigns over the API: what is refused and where, previews, and test messages against the trial services.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as fcmService from '../../demo/services/fcm.mjs';
import * as lineService from '../../demo/services/line.mjs';
import * as pushService from '../../demo/services/webpush.mjs';
import { dataDir, startNode, until } from './lib/node.mjs';

const PUSH = 1, LINE = 2, BROWSER = 3;
const subscribed = { yes: 1, no: 2 };

// People as they are in the store: { userId, attributes, targets: [[medium, value, p256dh, auth, subscribed]] }.
function sqlOf(users) {
    const text = v => `'${String(v).replaceAll("'", "''")}'`;
    return users.flatMap(({ userId, attributes = {}, targets = [] }, i) => [
        `INSERT INTO audience_user VALUES (1,${i + 1},${text(userId)},${text(JSON.stringify(attributes))},1,1);`,
        ...targets.map(([medium, value, p256dh = '', auth = '', consent = subscribed.yes]) =>
            `INSERT INTO audience_target VALUES (1,${i + 1},${medium},${text(value)},${text(p256dh)},${text(auth)},${consent},'','','identify',0,0,1,1);`),
    ]).concat(`INSERT INTO audience_last VALUES (1,${users.length});`, `INSERT INTO audience VALUES (1,${users.length});`).join('\n');
}

const text = t => ({ messages: [{ type: 'text', text: t }] });

describe('campaigns', () => {
    let node, line, fcm, push, senderId, pushSender, browserSender, dead;
    const P = '/api/v1/providers/1', campaigns = `${P}/campaigns`;
    const ok = async (promise, status = 200) => { const r = await promise; assert.equal(r.status, status, r.text); return r.json; };
    const make = (more, status = 201) => ok(node.api('POST', campaigns, { name: 'Hello', channel: 'line', senderId, content: text('Hello'), ...more }), status);
    const preview = (k, userId, query = '') => ok(node.api('POST', `${campaigns}/${k.campaignId}/preview${query}`, { userId }));
    const test = (k, userId) => ok(node.api('POST', `${campaigns}/${k.campaignId}/test`, { userId }));
    const refused = async (body, property, message, path = campaigns, method = 'POST') => {
        const r = await node.api(method, path, method === 'POST' ? { name: 'Hello', channel: 'line', senderId, content: text('Hello'), ...body } : body);
        assert.equal(r.status, 400, r.text);
        assert.equal(r.json.details[0].property, property, r.text);
        assert.match(r.json.details[0].message, message);
    };

    before(async () => {
        [line, fcm, push] = await Promise.all([lineService, fcmService, pushService].map(s => s.start({})));
        dead = await push.subscribe({ kind: 'gone' });
        const data = dataDir(), args = ['--allow-any-port', '--loops', '2'];
        node = await startNode({ data, args });
        const { key } = node;
        await node.stop();
        const users = [
            { userId: 'taro', attributes: { name: '太郎', plan: 'pro' }, targets: [[LINE, lineService.userId('fine', { n: 1 })], [PUSH, fcmService.token('fine', { n: 1 })]] },
            { userId: 'nameless', attributes: { plan: 'free' }, targets: [[LINE, lineService.userId('fine', { n: 2 })]] },
            { userId: 'nowhere' },
            { userId: 'left', targets: [[LINE, lineService.userId('fine', { n: 3 }), '', '', subscribed.no]] },
            { userId: 'invalid', targets: [[LINE, lineService.userId('to-invalid')]] },
            { userId: 'gone', targets: [[BROWSER, dead.endpoint, dead.keys.p256dh, dead.keys.auth], [PUSH, fcmService.token('unregistered', { n: 2 })]] },
            { userId: 'lost', targets: [[LINE, lineService.userId('drop-after')]] },
            { userId: 'broken', targets: [[BROWSER, `${push.origin}/x`, 'nonsense', 'nonsense']] },
            ...Array.from({ length: 60 }, (_, i) => ({ userId: `crowd ${i}`, attributes: { plan: 'crowd' }, targets: [[LINE, lineService.userId('fine', { n: 100 + i })]] })),
        ];
        execFileSync('sqlite3', [join(data, 'todoke.db')], { input: `BEGIN;${sqlOf(users)}COMMIT;` });
        node = await startNode({ data, key, args });
        senderId = (await ok(node.api('POST', `${P}/senders`, { name: 'LINE', kind: 'line', channelAccessToken: line.channelAccessToken, baseUrl: line.url }), 201)).senderId;
        pushSender = (await ok(node.api('POST', `${P}/senders`, { name: 'FCM', kind: 'fcm', serviceAccount: fcm.serviceAccount, baseUrl: fcm.url }), 201)).senderId;
        browserSender = (await ok(node.api('POST', `${P}/senders`, { name: 'Browser', kind: 'webpush', subject: 'mailto:shop@example.com' }), 201)).senderId;
    });
    after(async () => {
        await node.stop();
        await Promise.all([line, fcm, push].map(s => s.close()));
    });

    it('are checked in all their parts, and told where they are wrong', async () => {
        await refused({ name: undefined }, 'name', /required/);
        await refused({ channel: 'pigeon' }, 'channel', /mail, push, line or browser/);
        await refused({ senderId: undefined }, 'senderId', /required/);
        await refused({ colour: 'red' }, 'colour', /unknown/);
        await refused({ enabled: 1 }, 'enabled', /true or false/);
        await refused({ content: [] }, 'content', /object/);
        await refused({ content: text('a\n  {% if x %}') }, 'content.messages[0].text', /parseIf/);
        await refused({ content: text('a\n  {% if %}b{% endif %}') }, 'content.messages[0].text', /^line 2, column \d+: unexpected token/);
        await refused({ content: text('Hi #{name}') }, 'content.messages[0].text', /column 4: #\{name\}: .*declares no variable/);
        await refused({ variables: [{ name: '1st' }] }, 'variables[0].name', /./);
        await refused({ variables: [{ name: 'a', whenMissing: 'cry' }] }, 'variables[0].whenMissing', /./);
        await refused({ stopWhen: { all: [{ attribute: 'plan', is: 'pro' }, {}] } }, 'stopWhen.all[1]', /./);
        assert.match((await node.api('POST', campaigns, { name: 'x', channel: 'mail', senderId, content: {} })).json.message, /another channel/);
        assert.equal((await node.api('POST', campaigns, { name: 'x', channel: 'line', senderId: '999', content: {} })).status, 409);
        assert.deepEqual((await ok(node.api('GET', campaigns))).campaigns, []);
    });

    it('are made, shown by id and by short id, changed member by member, and deleted', async () => {
        const made = await make({ variables: [{ name: 'name' }], content: text('Hi #{name}'), stopWhen: { attribute: 'plan', is: 'free' } });
        assert.equal(made.enabled, true);
        assert.match(made.shortId, /^[bcdfghjkmnpqrstvwxyz][bcdfghjkmnpqrstvwxyz2-9]{7}$/);
        assert.deepEqual(await ok(node.api('GET', `${campaigns}/${made.campaignId}`)), made);
        assert.deepEqual(await ok(node.api('GET', `${campaigns}/${made.shortId}`)), made);
        const changed = await ok(node.api('PATCH', `${campaigns}/${made.shortId}`, { enabled: false, stopWhen: null }));
        assert.deepEqual({ ...changed, updatedAt: null }, { ...made, enabled: false, stopWhen: null, updatedAt: null });
        for (const same of [{}, { enabled: false, name: 'Hello', content: made.content, stopWhen: null }]) // what changes nothing writes nothing
            assert.deepEqual(await ok(node.api('PATCH', `${campaigns}/${made.shortId}`, same)), changed);
        // The content is held against the variables that are there.
        await refused({ variables: null }, 'content.messages[0].text', /declares no variable/, `${campaigns}/${made.shortId}`, 'PATCH');
        await refused({ channel: 'mail' }, 'channel', /cannot be changed/, `${campaigns}/${made.shortId}`, 'PATCH');
        assert.equal((await node.api('PATCH', `${campaigns}/${made.shortId}`, { senderId: pushSender })).status, 409);
        const second = await make({ name: 'Second' });
        assert.notEqual(second.shortId, made.shortId);
        const page = await ok(node.api('GET', `${campaigns}?limit=1`));
        assert.deepEqual(page.campaigns.map(k => k.name), ['Hello']);
        assert.equal('content' in page.campaigns[0], false);
        assert.deepEqual((await ok(node.api('GET', `${campaigns}?cursor=${page.cursor}`))).campaigns.map(k => k.name), ['Second']);
        await ok(node.api('DELETE', `${campaigns}/${made.shortId}`), 204);
        assert.equal((await node.api('GET', `${campaigns}/${made.campaignId}`)).status, 404);
        const { entries } = await ok(node.api('GET', '/api/v1/audit?limit=4'));
        assert.deepEqual(entries.map(e => e.action), ['campaign.delete', 'campaign.create', 'campaign.update', 'campaign.create']);
        assert.deepEqual(entries[2].details, { name: 'Hello', shortId: made.shortId, enabled: false, members: ['enabled', 'stopWhen'] });
        await ok(node.api('DELETE', `${campaigns}/${second.campaignId}`), 204);
    });

    it('keep a content byte for byte as JSON: order, numbers, escapes', async () => {
        const raw = `{"name":"raw","channel":"line","senderId":"${senderId}","content":{"messages":[{"type":"text","z":1.50,"text":"\\u3042 {{ user.name }}","a":9007199254740993}]}}`;
        const r = await node.api('POST', campaigns, undefined, { raw });
        assert.equal(r.status, 201, r.text);
        assert.ok(r.text.includes('{"messages":[{"type":"text","z":1.50,"text":"\\u3042 {{ user.name }}","a":9007199254740993}]}'), r.text);
        await ok(node.api('DELETE', `${campaigns}/${r.json.campaignId}`), 204);
    });

    it('preview what one user would get, by either way of rendering, also switched off', async () => {
        const direct = await make({ content: text('{{ user.name }}様'), enabled: false });
        const engine = await make({ content: text('{% if user.plan == "pro" %}{{ user.name }}様{% else %}お客様{% endif %}') });
        for (const k of [direct, engine]) {
            const p = await preview(k, 'taro');
            assert.deepEqual(p, { userId: 'taro', target: lineService.userId('fine', { n: 1 }), state: 'ready', content: text('太郎様'), error: null, detail: null });
        }
        assert.deepEqual((await preview(engine, 'nameless')).content, text('お客様'));
        assert.equal(line.taken.total, 0);
    });

    it('preview the error it would be, in the words of the list', async () => {
        const k = await make({ content: text('{{ user.name }}様') });
        const errors = async (campaign, user) => { const p = await preview(campaign, user); return [p.state, p.error?.text, p.error?.kind]; };
        assert.deepEqual(await errors(k, 'nobody'), ['failed', 'User not found. :nobody', '存在しないユーザー']);
        assert.deepEqual(await errors(k, 'nowhere'), ['skipped', 'no target user:nowhere api_key:1 target_ids: line_user_id,subscription', '送信情報未取得']);
        assert.deepEqual(await errors(k, 'left'), ['skipped', 'no target user:left api_key:1 target_ids: subscription', '送信情報未取得']);
        const nameless = await preview(k, 'nameless', '?lang=ja');
        assert.equal(nameless.error.kind, '接客の準備失敗');
        assert.match(nameless.error.text, /^\(unknown path\) \[Line 1, Column \d+\]\n {2}attempted to output null or undefined value$/);
        assert.match(nameless.error.cause, /[ぁ-ん]/);
        assert.deepEqual(await errors(await make({ content: {} }), 'taro'), ['failed', 'no action', '接客の準備失敗']);
        const stopped = await preview(await make({ stopWhen: { attribute: 'plan', is: 'pro' } }), 'taro');
        assert.deepEqual([stopped.state, stopped.error.text, stopped.error.kind], ['failed', 'failed to exec action', '不適切なアクション']);
        assert.match(stopped.detail, /stop condition/);
        const filter = await preview(await make({ content: text('{{ user.name | shout }}') }), 'taro'); // known only when it runs
        assert.deepEqual([filter.state, filter.error.text], ['failed', 'failed to exec action']);
        assert.match(filter.detail, /filter not found: shout/);
        const variables = [{ name: 'name' }];
        assert.deepEqual(await errors(await make({ variables, content: text('#{name}') }), 'nameless'), ['failed', 'action_exec_error_no_default_value', '不適切な値']);
        assert.deepEqual(await errors(await make({ variables: [{ name: 'name', whenMissing: 'skip' }], content: text('#{name}') }), 'nameless'), ['skipped', undefined, undefined]);
        assert.deepEqual((await preview(await make({ variables: [{ name: 'name', default: 'you' }], content: text('#{name}') }), 'nameless')).content, text('you'));
        // What the service would not take is found without asking it, also by FCM without a token.
        const large = await make({ channel: 'push', senderId: pushSender, content: { title: 'x', body: 'y'.repeat(5000) } });
        assert.deepEqual(await errors(large, 'taro'), ['failed', `invalid content: push_apps shorten_id: ${large.shortId}`, '不適切なアクション']);
        assert.equal(fcm.taken.total, 0);
    });

    it('default segments keep people back', async () => {
        const k = await make();
        execFileSync('sqlite3', [join(node.data, 'todoke.db'), `INSERT INTO segment (provider_id,name,condition,is_default,created_ms,updated_ms) VALUES (1,'d','{"attribute":"plan","is":"pro"}',1,1,1)`]);
        assert.equal((await preview(k, 'taro')).state, 'ready');
        const p = await preview(k, 'nameless');
        assert.deepEqual([p.state, p.error.text, p.error.kind], ['skipped', 'some default_target_segments does not match', '自動設定セグメント不適合']);
        assert.equal((await test(k, 'nameless')).state, 'skipped'); // and is not sent either
        execFileSync('sqlite3', [join(node.data, 'todoke.db'), 'DELETE FROM segment']);
        assert.equal(line.taken.total, 0);
    });

    it('send one real message, which changes nothing', async () => {
        const k = await make({ content: text('{{ user.name }}様') });
        const before = line.taken.total;
        const sent = await test(k, 'taro');
        assert.deepEqual([sent.state, sent.status, sent.error, sent.content], ['sent', 200, null, text('太郎様')]);
        assert.ok(sent.serviceId);
        assert.equal(line.taken.total, before + 1);
        assert.deepEqual(line.taken.of(lineService.userId('fine', { n: 1 })).at(-1).messages?.[0]?.text ?? '太郎様', '太郎様');

        const invalid = await test(await make(), 'invalid');
        assert.deepEqual([invalid.state, invalid.status], ['failed', 400]);
        assert.equal(invalid.error.effect, 'none');
        assert.match(invalid.error.text, /to/);
        assert.equal((await test(await make(), 'lost')).state, 'unknown');

        const app = await make({ channel: 'push', senderId: pushSender, content: { title: 'Hi', body: '{{ user.name }}' } });
        const pushed = await test(app, 'taro');
        assert.deepEqual([pushed.state, pushed.status], ['sent', 200]);
        assert.match(pushed.serviceId, /^projects\//);
        const gone = await make({ channel: 'push', senderId: pushSender, content: { title: 'Hi', body: 'you' } });
        const unregistered = await test(gone, 'gone');
        assert.deepEqual([unregistered.state, unregistered.status, unregistered.error.class], ['failed', 404, 'token-dead']);
        const browser = await test(await make({ channel: 'browser', senderId: browserSender, content: { title: 'Hi' } }), 'gone');
        assert.deepEqual([browser.state, browser.status, browser.error.class], ['failed', 410, 'token-dead']);
        assert.equal((await test(await make({ channel: 'browser', senderId: browserSender, content: { title: 'Hi' } }), 'broken')).state, 'failed');

        // No job, no message, nobody's target dropped, nobody's consent withdrawn.
        const db = sql => execFileSync('sqlite3', [join(node.data, 'todoke.db'), sql], { encoding: 'utf8' }).trim();
        assert.equal(db('SELECT count(*) FROM job'), '0');
        assert.equal(db("SELECT count(*) FROM audience_target WHERE dropped<>'' OR subscribed<>1"), '1');
    });

    it('a wrong credential is told by a test, and pauses nothing', async () => {
        const bad = (await ok(node.api('POST', `${P}/senders`, { name: 'bad', kind: 'line', channelAccessToken: 'x', baseUrl: line.url }), 201)).senderId;
        const r = await test(await make({ senderId: bad }), 'taro');
        assert.deepEqual([r.state, r.status, r.error.concerns], ['failed', 401, 'account']);
        assert.equal((await ok(node.api('GET', `${P}/senders/${bad}`))).state, 'fine');
    });

    it('a changed sender is known to its jobs, and a paused one goes on with them', async () => {
        const sender = (await ok(node.api('POST', `${P}/senders`, { name: 'to mend', kind: 'line', channelAccessToken: 'wrong', baseUrl: line.url }), 201)).senderId;
        const k = await make({ senderId: sender });
        const jobs = async (method, path, body) => (await fetch(`${node.url}${P}/jobs${path}`, { method, headers: { authorization: `Bearer ${node.key}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body) })).json();
        const job = await jobs('POST', '', { campaignId: k.shortId, audience: { condition: { attribute: 'plan', is: 'crowd' } }, ratePerSecond: 50 });
        const state = async () => (await jobs('GET', `/${job.jobId}`)).state;
        await until(async () => (await state()) === 'paused', async () => JSON.stringify([job, await jobs('GET', `/${job.jobId}`), await jobs('GET', '')]) + node.log().slice(-3000));
        const paused = await ok(node.api('GET', `${P}/senders/${sender}`));
        assert.equal(paused.state, 'paused');
        assert.ok(paused.stateReason);
        assert.ok(paused.stateText);
        assert.equal((await node.api('DELETE', `${P}/senders/${sender}`)).status, 409);
        await ok(node.api('PATCH', `${P}/senders/${sender}`, { channelAccessToken: line.channelAccessToken }));
        assert.equal((await ok(node.api('GET', `${P}/senders/${sender}`))).state, 'paused');
        const before = line.taken.total;
        assert.equal((await ok(node.api('POST', `${P}/senders/${sender}/resume`))).state, 'fine');
        await until(async () => (await state()) === 'completed');
        assert.ok(line.taken.total > before); // with the token of the change
        assert.equal((await node.api('POST', `${P}/senders/${sender}/resume`)).status, 409);
    });
});
