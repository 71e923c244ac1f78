// `todoke sender` and `todoke campaign`: from an empty provider to a test message, and what they print.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as fcmService from '../../demo/services/fcm.mjs';
import * as lineService from '../../demo/services/line.mjs';
import { bin, command, dataDir, startNode } from './lib/node.mjs';

describe('todoke sender and todoke campaign', () => {
    let node, line, fcm, env, sender, campaign;
    const dir = dataDir(), taro = lineService.userId('fine', { n: 1 });
    const file = (name, content) => { const path = join(dir, name); writeFileSync(path, JSON.stringify(content)); return path; };
    const run = async (args, code = 0, input) => {
        const r = await command(args, { env, input });
        assert.equal(r.code, code, `${args.join(' ')}: ${r.stdout}${r.stderr}`);
        return code === 2 || (code >= 3 && code < 10) ? r.stderr : r.stdout;
    };
    const json = async (args, code = 0, input) => JSON.parse(await run([...args, '--json'], code, input));

    before(async () => {
        [line, fcm] = await Promise.all([lineService, fcmService].map(s => s.start({})));
        const data = dataDir(), args = ['--allow-any-port', '--loops', '1'];
        node = await startNode({ data, args });
        await node.stop();
        execFileSync('sqlite3', [join(data, 'todoke.db')], {
            input: `BEGIN;INSERT INTO audience_user VALUES (1,1,'taro','{"name":"太郎"}',1,1);INSERT INTO audience_user VALUES (1,2,'jiro','{}',1,1);
                INSERT INTO audience_target VALUES (1,1,2,'${taro}','','',1,'','','identify',0,0,1,1);
                INSERT INTO audience_target VALUES (1,2,2,'${lineService.userId('fine', { n: 2 })}','','',1,'','','identify',0,0,1,1);
                INSERT INTO audience_last VALUES (1,2);INSERT INTO audience VALUES (1,2);COMMIT;`,
        });
        node = await startNode({ data, key: node.key, args });
        env = { TODOKE_API: node.url, TODOKE_KEY: node.key, LC_ALL: 'C.UTF-8' };
    });
    after(async () => { await node.stop(); await Promise.all([line, fcm].map(s => s.close())); });

    it('make a sender of a file, and change it by options', async () => {
        const path = file('line.json', { kind: 'line', name: 'of the file', channelAccessToken: line.channelAccessToken });
        sender = await json(['sender', 'create', '--file', path, '--name', '届け LINE', '--base-url', line.url, '--rate', '50']);
        assert.deepEqual([sender.name, sender.ratePerSecond, sender.baseUrl, sender.secrets], ['届け LINE', 50, line.url, ['channelAccessToken']]);
        const changed = await json(['sender', 'set', sender.senderId, '--rate', 'none', '--name', 'LINE']);
        assert.deepEqual([changed.name, 'ratePerSecond' in changed, changed.secrets], ['LINE', false, ['channelAccessToken']]);
        assert.match(await run(['sender', 'list']), new RegExp(`^ID +KIND +STATE +REASON +RATE +NAME\\n${sender.senderId} +line +fine .* LINE\\n$`));
        const shown = await run(['sender', 'show', sender.senderId]);
        assert.match(shown, /^kind +line$/m);
        assert.equal(shown.includes(line.channelAccessToken), false);
        assert.deepEqual(await json(['sender', 'quota', sender.senderId]), { told: true, quota: 1000000, used: 0, refusal: null });
        // A key file is a member of its own, and standard input is a file.
        const account = file('account.json', fcm.serviceAccount);
        const push = await json(['sender', 'create', '--kind', 'fcm', '--name', 'FCM', '--service-account', account, '--base-url', fcm.url]);
        assert.equal(push.public.clientEmail, fcm.serviceAccount.client_email);
        const piped = await json(['sender', 'create', '--file', '-'], 0, JSON.stringify({ name: 'Web', kind: 'webpush', subject: 'mailto:a@example.com' }));
        assert.equal((await run(['sender', 'delete', piped.senderId])), '');
        assert.match(await run(['sender', 'resume', sender.senderId], 5), /is not paused/);
    });

    it('say what is wrong with the command line, the file and the body', async () => {
        assert.match(await run(['sender', 'create'], 2), /Give --file or another option/);
        assert.match(await run(['sender', 'set'], 2), /which one\?/);
        assert.match(await run(['campaign', 'preview', '1'], 2), /whom\?/);
        assert.match(await run(['sender', 'create', '--file', join(dir, 'none')], 2), /No such file/);
        writeFileSync(join(dir, 'broken'), '{"name":');
        assert.match(await run(['sender', 'create', '--file', join(dir, 'broken')], 2), /is no JSON from byte 9 on/);
        assert.match(await run(['sender', 'create', '--kind', 'line', '--name', 'x'], 3), /channelAccessToken: is missing/);
        assert.match(await run(['sender', 'sow', '1'], 2), /show/);
        assert.match(await run(['campaign', 'set', '1', '--enabled', 'perhaps'], 2), /on or off/);
        assert.match(await run(['campaign', 'show', 'nosuchid'], 4), /No such campaign/);
    });

    it('print how a sender is verified while it happens', async () => {
        const child = spawn(bin, ['sender', 'verify', sender.senderId, '--lang', 'en'], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
        let out = '', pieces = 0;
        child.stdout.setEncoding('utf8').on('data', d => { out += d; pieces++; });
        const code = await new Promise(r => child.on('close', r));
        assert.equal(code, 0, out);
        for (const question of ['bot', 'quota', 'consumption', 'validate']) assert.match(out, new RegExp(`^${question}\n {2}resolve +[\\d.]+ ms\n(.*\n)*? {2}✓ 200 +[\\d.]+ ms$`, 'm'));
        assert.match(out, /\nThe sender works\n {2}Account +todoke\n {2}Quota +1000000\n {2}Used +0\n$/);
        assert.ok(pieces > 1, 'printed at once, at the end');
        assert.equal((await json(['sender', 'verify', sender.senderId])).works, true);
    });

    it('say why a sender does not work, and exit accordingly', async () => {
        const bad = await json(['sender', 'create', '--file', '-'], 0, JSON.stringify({ name: 'bad', kind: 'line', channelAccessToken: 'x', baseUrl: line.url }));
        const out = await run(['sender', 'verify', bad.senderId, '--lang', 'ja'], 12);
        assert.match(out, /✗ 401/);
        assert.match(out, /この認証設定では送信できません\nクライアントエラー ▸ Authentication failed/);
        await run(['sender', 'set', bad.senderId, '--base-url', 'http://127.0.0.1:9']);
        const far = await run(['sender', 'verify', bad.senderId], 10);
        assert.match(far, /✗ could_not_connect ▸ tcp_refused/);
        assert.equal((await json(['sender', 'verify', bad.senderId], 10)).exchange.cause, 'tcp_refused');
        assert.match(await run(['sender', 'verify', '999'], 4), /No such sender/);
    });

    it('make a campaign, preview it, send a test, and delete it', async () => {
        const path = file('campaign.json', { channel: 'line', content: { messages: [{ type: 'text', text: '{{ user.name }}様' }] } });
        campaign = await json(['campaign', 'create', '--file', path, '--name', 'Hello', '--sender', sender.senderId]);
        assert.match(await run(['campaign', 'list']), new RegExp(`^${campaign.campaignId} +${campaign.shortId} +line +${sender.senderId} +yes .* Hello$`, 'm'));
        const ready = await run(['campaign', 'preview', campaign.shortId, 'taro']);
        assert.match(ready, new RegExp(`^state +ready\ntarget +${taro}\n`));
        assert.match(ready, /"text": "太郎様"/);
        const not = await run(['campaign', 'preview', campaign.shortId, 'jiro', '--lang', 'ja'], 12);
        assert.match(not, /^state +failed$/m);
        assert.match(not, /接客の準備失敗 ▸ \(unknown path\)/);
        assert.match(await run(['campaign', 'preview', campaign.shortId, 'nobody'], 12), /user does not exist|User not found\. :nobody/);
        assert.equal(line.taken.times(taro), 0);
        assert.equal((await json(['campaign', 'test', campaign.shortId, 'taro'])).state, 'sent');
        assert.equal(line.taken.times(taro), 1);
        assert.equal((await json(['campaign', 'set', campaign.campaignId, '--enabled', 'off'])).enabled, false);
        assert.match(await run(['campaign', 'show', campaign.shortId]), /^enabled +no$/m);
        await run(['campaign', 'delete', campaign.shortId]);
        assert.match(await run(['campaign', 'show', campaign.campaignId], 4), /No such campaign/);
    });

    it('print what a node tells of a sender without commanding the terminal', async () => {
        const evil = 'a\u001b]0;x\u0007\u009b2J\u202eb';
        const events = [
            ['question', { question: evil }], ['phase', { question: evil, phase: evil, atUs: 1 }],
            ['answer', { question: evil, fine: false, status: 0, reason: evil, detail: evil, cause: evil, totalUs: 1 }],
            ['verdict', { works: false, asked: true, question: evil, error: { text: evil, kind: evil, kindEn: evil, cause: evil, advice: evil }, exchange: { reason: evil, explanation: evil, advice: evil }, account: evil, quota: 1, used: 2 }],
        ];
        const server = http.createServer((req, res) => {
            req.resume();
            res.writeHead(200, { 'content-type': 'text/event-stream' });
            res.end(events.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join(''));
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        const r = await command(['sender', 'verify', '1', '--provider', '1', '--api', `http://127.0.0.1:${server.address().port}`], { env });
        server.close();
        assert.equal(r.code, 12, r.stderr);
        assert.doesNotMatch(r.stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/u);
        assert.ok(r.stdout.split('\\u001b').length > 8, r.stdout);
    });

    it('take what docs/targeted.md says', async () => {
        const page = readFileSync(new URL('../../docs/targeted.md', import.meta.url), 'utf8');
        const [, hello] = /cat > hello\.json <<'END'\n([^]*?)\nEND\n/.exec(page);
        const made = await json(['campaign', 'create', '--file', '-', '--sender', sender.senderId], 0, hello);
        assert.deepEqual((await json(['campaign', 'preview', made.shortId, 'jiro'])).content, { messages: [{ type: 'text', text: 'お客様' }] });
        await run(['campaign', 'delete', made.shortId]);
    });

    it('ask which provider, where there are several', async () => {
        assert.equal((await node.api('POST', '/api/v1/providers', { name: 'Other' })).status, 201);
        assert.match(await run(['sender', 'list'], 2), /--provider ID/);
        assert.match(await run(['sender', 'list', '--provider', '1']), /LINE/);
        assert.equal(await run(['sender', 'list', '--provider', '2', '--json']), '');
    });
});
