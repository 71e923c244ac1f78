// The commands over the API: what they print is what the API answers, as a table for people and as JSON for programs.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, createKey, dataDir, startNode, until } from './lib/node.mjs';

const lines = t => t.trim().split('\n');
const text = { type: 'message', message: { type: 'text', id: '1', text: 'hello' }, source: { type: 'user', userId: 'U1' } };

describe('commands', () => {
    let node, bot, good, bad, env;
    before(async () => {
        node = await startNode();
        bot = await startBot(r => (r.path === '/bad' ? 503 : 200));
        good = await node.channel({ name: '届け good', webhookUrl: bot.url });
        bad = await node.channel({ name: 'bad bot', webhookUrl: bot.url.replace('/webhook', '/bad') });
        env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
    });
    after(async () => { await node.stop(); await bot.close(); });
    const run = async (args, code = 0) => {
        const r = await command(args, { env });
        assert.equal(r.code, code, `${args.join(' ')}: ${r.stdout}${r.stderr}`);
        return code ? r.stderr : r.stdout;
    };
    const objects = t => (t ? lines(t).map(l => JSON.parse(l)) : []);

    it('list every channel, page by page, by state and by text', async () => {
        const [id] = await node.post(bad, [text]);
        await node.reaches(bad, id, 'given_up');
        await until(async () => (await node.api('GET', `/api/v1/channels/${bad.channelId}`)).json.state === 'failing');
        const table = lines(await run(['channel', 'list']));
        assert.match(table[0], /^ID +STATE +REDELIVERY +BACKLOG +DELIVERED EVENTS\/H +FAILED REQUESTS\/H +NAME +URL/);
        assert.match(table[1], new RegExp(`^${good.channelId} +active +no +0 +0 +0 +届け good +http`));
        assert.match(table[2], new RegExp(`^${bad.channelId} +failing +no +0 +0 +1 +bad bot +http`));
        assert.deepEqual(objects(await run(['channel', 'list', '--json'])).map(c => c.channelId), [good.channelId, bad.channelId]);
        assert.deepEqual(objects(await run(['channel', 'list', '--json', '--state', 'failing'])).map(c => c.channelId), [bad.channelId]);
        assert.deepEqual(objects(await run(['channel', 'list', '--json', '--query', '届け g'])).map(c => c.channelId), [good.channelId]);
        assert.match(await run(['channel', 'show', bad.channelId]), /^lastFailure\.detail +503$/m);
        assert.equal(JSON.parse(await run(['channel', 'show', bad.channelId, '--json'])).lastFailure.detail, '503');
    });

    it('list, show, redeliver and test events', async () => {
        const ids = [...await node.post(bad, [text]), ...await node.post(bad, [text])];
        for (const id of ids) await node.reaches(bad, id, 'given_up');
        const listed = lines(await run(['event', 'list', bad.channelId, '--state', 'given_up', '--limit', '2']));
        assert.match(listed[0], /^ID +STATE +ACCEPTED +TRIES +NEXT$/);
        assert.deepEqual(listed.slice(1).map(l => l.split(/ +/).slice(0, 2)), [[ids[1], 'given_up'], [ids[0], 'given_up']]);
        assert.equal(objects(await run(['event', 'list', bad.channelId, '--json'])).length, 3);
        const shown = await run(['event', 'show', bad.channelId, ids[0]]);
        assert.match(shown, new RegExp(`^webhookEventId +${ids[0]}$`, 'm'));
        assert.match(shown, /error_status_code +503 +status_server_error +unknown|error_status_code +503 +status_server_error +yes/);
        assert.match(await run(['event', 'redeliver', bad.channelId, ...ids]), /^count +2$/m);
        await until(async () => (await node.event(bad, ids[0])).attempts.length === 2);
        for (const id of ids) await node.reaches(bad, id, 'given_up');
        assert.match(await run(['event', 'redeliver', bad.channelId, '--from', '2020-01-01T00:00:00Z', '--to', '2100-01-01T00:00:00Z', '--reason', 'error_status_code']), /^count +3$/m);
        assert.match(await run(['event', 'redeliver', bad.channelId], 2), /which ones\? Give their IDs, or --from TIME and --to TIME/);
        assert.match(await run(['event', 'redeliver', bad.channelId, '--from', '2020-01-01T00:00:00Z'], 3), /to: is required/);
        assert.match(await run(['event', 'test', good.channelId, '--text', 'こんにちは']), /^webhookEventIds +\["01/m);
        await until(() => bot.requests.some(r => r.events[0]?.message?.text === 'こんにちは'));
    });

    it('make providers and roles, and say who did', async () => {
        const made = JSON.parse(await run(['provider', 'create', '--name', 'Shop', '--json']));
        assert.match(await run(['provider', 'list']), new RegExp(`^${made.providerId} +0 +\\S+ +Shop$`, 'm'));
        const role = JSON.parse(await run(['provider', 'grant', made.providerId, '--email', 'a@example.com', '--role', 'admin', '--json']));
        assert.match(await run(['provider', 'roles', made.providerId]), new RegExp(`^${role.accountId} +admin +no +yes +a@example.com`, 'm'));
        assert.match(await run(['account', 'list']), new RegExp(`^\\d+ +no +no +no +- +${node.key.slice(0, 8)} +a@example\\.com`, 'm'));
        const link = new RegExp(`^invitationUrl +${node.url}/invitation#[\\w-]{43}$`, 'm');
        assert.match(await run(['account', 'invite', '--email', 'b@example.com', '--operator', 'on']), link);
        assert.match(await run(['account', 'set', role.accountId, '--invitation', 'on']), link);
        assert.match(await run(['provider', 'grant', made.providerId, '--email', 'c@example.com', '--role', 'member']), link);
        assert.match(await run(['account', 'set', role.accountId, '--confirmed', 'on']), /^confirmed +yes$/m);
        assert.match(await run(['provider', 'roles', made.providerId]), new RegExp(`^${role.accountId} +admin +no +no +a@example.com`, 'm'));
        assert.equal(await run(['provider', 'revoke', made.providerId, '--email', 'c@example.com']), '');
        assert.match(await run(['provider', 'revoke', made.providerId, '--email', 'c@example.com'], 4), /This address has no role here/);
        assert.match(await run(['provider', 'revoke', made.providerId], 3), /email: is required/);
        assert.match(await run(['option', 'apply', made.providerId, '--note', 'please'], 0), /errorNotification\.state +applied/);
        assert.match(await run(['option', 'list', '--state', 'applied']), new RegExp(`^${made.providerId} +errorNotification +applied `, 'm'));
        const approved = lines(await run(['option', 'approve', made.providerId]));
        assert.match(approved[0], /^errorNotification\.state +approved$/);
        assert.equal(new Set(approved.map(l => / {2,}/.exec(l)?.index + / {2,}/.exec(l)?.[0].length)).size, 1, 'one column of values');
        const shop = JSON.parse(await run(['channel', 'create', '--name', 'Shop bot', '--provider', made.providerId, '--error-notification', 'on']));
        assert.equal(shop.errorNotification, true);
        assert.match(await run(['channel', 'set', bad.channelId, '--error-notification', 'on'], 5), /Admin of provider 1 applies for it.*\(409\)\n.*`todoke option apply PROVIDER`/);
        await run(['channel', 'delete', shop.channelId]);
        assert.equal(await run(['outbox', 'list', '--json']), '');
        assert.ok(JSON.parse(await run(['account', 'set', role.accountId, '--invitation', 'on', '--json'])).invitationToken);
        assert.match(await run(['channel', 'roles', bad.channelId]), /^ACCOUNT +ROLE/, 'no empty line before the table');
        const audit = await run(['audit', '--limit', '50']);
        assert.match(audit, /provider\.create +provider\/\d+ /);
        assert.ok(audit.includes(node.key.slice(0, 8)), 'the key that did it');
        await run(['provider', 'set', made.providerId, '--name', 'Shops']);
        assert.equal(await run(['provider', 'delete', made.providerId]), '');
    });

    it('put, show, list, import and delete people, and lists of recipients', async () => {
        const put = await command(['user', 'put'], { env, input: JSON.stringify([{ userId: 'a/b ü', email: { value: 'a@example.com', subscribed: true } }, { userId: '' }]) });
        assert.equal(put.code, 3, put.stderr);
        assert.match(put.stdout, /^a\/b ü +created +- +-$/m);
        assert.match(put.stdout, /^- +- +userId +is empty$/m);
        assert.match(await run(['user', 'show', 'a/b ü']), /^email\.value +a@example\.com$/m);
        const csv = join(dataDir(), 'people.csv');
        writeFileSync(csv, `user_id,email\n${Array.from({ length: 3000 }, (_, i) => `p${i},p${i}@example.com`).join('\n')}\nbad,none\n`);
        const imported = await command(['user', 'import', csv], { env });
        assert.equal(imported.code, 3, imported.stderr); // a row was refused
        assert.match(imported.stdout, /^state +done$[^]*^taken +3000$[^]*^3002 +email +no mail address/m);
        assert.doesNotMatch(imported.stderr, /\x1b/, 'no bar where there is no terminal');
        const piped = await command(['user', 'import', '-', '--json'], { env, input: '{"userId":"piped"}\n' });
        assert.deepEqual([piped.code, JSON.parse(piped.stdout).taken], [0, 1], piped.stderr);
        assert.equal(objects(await run(['user', 'list', '--text', 'p29', '--json'])).length, 100, 'as many as --limit says');
        assert.equal(objects(await run(['user', 'list', '--text', 'p29', '--limit', '1000', '--json'])).length, 111);
        assert.match(await run(['list', 'import', csv], 2), /--name/);
        const made = await command(['list', 'import', csv, '--name', 'all of them', '--by', 'email', '--json'], { env });
        const { listId } = JSON.parse(made.stdout);
        assert.match(await run(['list', 'list']), new RegExp(`^${listId} +email +3000 +\\S+ +all of them$`, 'm'));
        assert.match(await run(['list', 'show', listId]), /^rows +3000$/m);
        await run(['list', 'delete', listId]);
        await run(['list', 'show', listId], 4);
        await run(['user', 'delete', 'a/b ü']);
        await run(['user', 'show', 'a/b ü'], 4);
        assert.match(await run(['user', 'import', '/none.csv'], 2), /No such file/);
        assert.match(await run(['user', 'import', csv, '--type', 'text/plain'], 3), /text\/csv or application\/x-ndjson.*\(415\)/);
        assert.match(await run(['user', 'list', '--provider', '99999'], 4), /No such provider/);
        const { stderr } = await command(['user', 'import', csv, '--key', 'tdk_wrong'], { env });
        assert.match(stderr, /\(401\)/);
    });

    it('make no data directory where a name is mistyped', async () => {
        const dir = `${node.data}-mistyped`;
        for (const args of [['key', 'list'], ['key', 'revoke', '1'], ['account', 'list'], ['account', 'enable', 'a@example.com']])
            assert.match(await run([...args, '--data', dir], 1), /no node has kept its data there/, args.join(' '));
        assert.equal(existsSync(dir), false);
    });

    it('say how the node is', async () => {
        assert.match(await run(['system']), /^backlogEvents +\d+$[^]*^store\.bytes +\d+$[^]*^ALARM +SINCE +MEANS$/m);
        assert.ok(JSON.parse(await run(['system', '--json'])).rates);
    });

    it('help alike, and refuse what they do not know', async () => {
        assert.match(await run(['event', 'list'], 2), /which one\? CHANNEL/);
        assert.match(await run(['event', 'list', '../../x'], 2), /cannot understand/);
        assert.match(await run(['event', 'list', ''], 2), /cannot understand/);
        for (const n of ['0', '-1', '1x', '', '99999999999'])
            assert.match(await run(['event', 'list', '1', '--limit', n], 2), /--limit takes a whole number from 1 on/, n);
        assert.match(await run(['event', 'list', '1', '--limit'], 2), /a value is missing for --limit N/);
        assert.match(await run(['event', 'list', '1', '--limit', '--json'], 2), /a value is missing for --limit N/);
        assert.match(await run(['channel', 'create', '--use-webhook', 'perhaps'], 2), /--use-webhook takes on or off, not "perhaps"/);
        assert.match(await run(['account', 'set', '1', '--operator', 'perhaps'], 2), /--operator takes on or off, not "perhaps"/);
        assert.match(await run(['errors', good.channelId, '--tsv', '--json'], 2), /one of them/);
        assert.match(await run(['event', 'test', good.channelId, '--text=--json']), /webhookEventIds/, 'a value that looks like an option');
    });

    it('say nothing changed rather than change nothing', async () => {
        for (const args of [['channel', 'set', good.channelId], ['provider', 'set', '1'], ['account', 'set', '1']])
            assert.match(await run(args, 2), /nothing to change; give .*--name/, args.join(' '));
    });

    it('tell by their exit status how the node answered', async () => {
        for (const [args, code, said] of [
            [['channel', 'set', good.channelId, '--name', ''], 3, /name: .*\(400\)/],
            [['event', 'list', good.channelId, '--state', 'gone'], 3, /state: must be .*\(400\)/],
            [['event', 'show', good.channelId, '01K'], 4, /No such event \(404\)/],
            [['channel', 'show', '7'], 4, /No such channel \(404\)/],
            [['provider', 'delete', '1'], 5, /\(409\)/],
            [['account', 'show', '4711'], 4, /\(404\)/],
        ]) assert.match(await run(args, code), said, args.join(' '));
        const as = async (key, args, code, said) => {
            const r = await command(args, { env: { ...env, ...key } });
            assert.equal(r.code, code, r.stdout + r.stderr);
            assert.match(r.stderr, said);
        };
        await as({ TODOKE_KEY: createKey(node.data, 'ingest') }, ['system'], 6, /\(403\)/);
        await as({ TODOKE_KEY: 'k'.repeat(43) }, ['system'], 6, /\(401\)/);
        const closed = createServer();
        await new Promise(r => closed.listen(0, '127.0.0.1', r));
        const { port } = closed.address();
        await new Promise(r => closed.close(r));
        await as({ TODOKE_API: `http://127.0.0.1:${port}` }, ['system'], 7, /could_not_connect.*is a node there\? --api URL or TODOKE_API/);
        for (const [status, code] of [[400, 3], [413, 3], [415, 3], [422, 3], [401, 6], [403, 6], [404, 4], [409, 5], [429, 8], [500, 8], [502, 8], [503, 8], [301, 1]]) {
            const server = createServer((q, s) => { s.writeHead(status); s.end('{"message":"because"}'); });
            await new Promise(r => server.listen(0, '127.0.0.1', r));
            await as({ TODOKE_API: `http://127.0.0.1:${server.address().port}` }, ['audit'], code, new RegExp(`because \\(${status}\\)`));
            await new Promise(r => server.close(r));
        }
    });
});

// Without a node: what the command line itself says.
describe('the command line', () => {
    const verbs = {
        serve: [], probe: [], explain: [], classify: [], bounce: [], backup: [], check: [], errors: [], system: [], audit: [],
        key: ['create', 'list', 'revoke', 'rotate-seal'],
        account: ['create', 'list', 'password', 'disable', 'enable', 'confirm', 'show', 'invite', 'set', 'delete'],
        channel: ['create', 'list', 'show', 'set', 'delete', 'token', 'token issue', 'token list', 'token revoke', 'secret', 'rotate-secret', 'verify', 'roles', 'grant', 'revoke', 'audit', 'ask-contact', 'confirm-contact', 'refuse-contact'],
        event: ['send', 'list', 'show', 'redeliver', 'test'],
        job: ['start', 'list', 'show', 'watch', 'pause', 'resume', 'stop', 'retry', 'errors', 'messages'],
        provider: ['list', 'create', 'show', 'set', 'delete', 'roles', 'grant', 'revoke'],
        option: ['list', 'show', 'apply', 'approve', 'refuse', 'withdraw'],
        outbox: ['list', 'retry'],
        user: ['put', 'show', 'list', 'delete', 'import'],
        list: ['import', 'list', 'show', 'delete'],
        segment: ['list', 'create', 'show', 'set', 'delete', 'count'],
        query: ['list', 'create', 'show', 'set', 'delete', 'preview'],
        sender: ['list', 'show', 'create', 'set', 'delete', 'verify', 'quota', 'resume'],
        campaign: ['list', 'show', 'create', 'set', 'delete', 'preview', 'test'],
    };
    const all = Object.entries(verbs).flatMap(([c, v]) => [c, ...v.map(x => `${c} ${x}`)]);
    const overApi = new Set(['errors', 'system', 'audit', 'channel', 'event', 'job', 'provider', 'option', 'outbox', 'user', 'list', 'segment', 'query', 'sender',
        'campaign']);

    it('helps with every command and verb, in three ways', async () => {
        assert.deepEqual(lines((await command(['help'])).stdout).filter(l => /^ {2}[a-z]/.test(l)).map(l => l.trim().split(' ')[0]).sort(), [...Object.keys(verbs), 'help'].sort());
        for (const name of all) {
            const words = name.split(' ');
            const said = new Set();
            for (const args of [['help', ...words], [...words, '--help'], [...words, '-h']]) {
                const r = await command(args);
                assert.deepEqual([r.code, r.stderr], [0, ''], `${args}: ${r.stderr}`);
                assert.match(r.stdout, new RegExp(`^usage: +todoke ${name}`), args.join(' '));
                if (overApi.has(words[0])) assert.match(r.stdout, /--api URL[^]*3 the node refused it[^]*7 the node is out of reach/, args.join(' '));
                said.add(r.stdout);
            }
            assert.equal(said.size, 1, name);
        }
        for (const [name, known] of Object.entries(verbs)) { // those that this table does not know
            const listed = [...(await command([name, '--help'])).stdout.matchAll(new RegExp(`todoke ${name} ([a-z-]+)`, 'g'))].map(m => m[1]);
            assert.deepEqual(listed.filter(v => known.length && !known.some(k => k.split(' ')[0] === v)), [], name);
        }
        assert.match((await command(['help', 'probe'])).stdout, /10 could_not_connect/);
        assert.match((await command(['--help'])).stdout, /^Exit: 0 done/m);
        assert.equal((await command(['help', 'help'])).stdout, (await command(['--help'])).stdout);
    });

    it('end as docs/operations.md says', async () => {
        const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
        const documented = [...page.matchAll(/^\| (\d+)(?: to \d+)? \| /gm)].map(m => m[1]);
        assert.deepEqual(documented, ['0', '1', '2', '3', '4', '5', '6', '7', '8', '10']);
        const said = (await command(['event', '--help'])).stdout.split('Exit: ')[1];
        assert.deepEqual([...said.matchAll(/(?:^|[ \n])(\d) [a-z]/g)].map(m => m[1]), documented.slice(0, 9), said);
    });

    const swapped = w => w.slice(0, -2) + w.at(-1) + w.at(-2);
    const refuses = async (args, said) => {
        const r = await command(args);
        assert.deepEqual([r.code, r.stdout], [2, ''], `${args.join(' ')}: ${r.stdout}${r.stderr}`);
        assert.match(r.stderr, said, args.join(' '));
        return r.stderr;
    };

    it('suggests what is meant by a mistyped command, verb or option', async () => {
        for (const name of all) {
            const words = name.split(' ');
            const typed = [...words.slice(0, -1), swapped(words.at(-1))];
            for (const args of [typed, ['help', ...typed], [...typed, '--help']])
                await refuses(args, new RegExp(`did you mean "${words.at(-1)}"\\?\nTry \`todoke .*--help\`\\.\n$`));
            if (name !== 'serve') await refuses([...words, '--hlep'], /unknown option.*did you mean "?--help"?\?/);
        }
        for (const [args, option] of [
            [['channel', 'set', '1', '--webhok-url', 'x'], '--webhook-url'], [['channel', 'list', '--qeury=x'], '--query'], [['event', 'list', '1', '--limt', '5'], '--limit'],
            [['errors', '1', '--form', 'x'], '--from'], [['probe', '--lnag', 'ja'], '--lang'], [['probe', '--timeout', '1'], '--dns-timeout'], [['explain', '--josn'], '--json'], [['classify', '--jsno'], '--json'], [['backup', '--without-keys'], '--without-key'],
            [['key', 'create', '--roel', 'ingest'], '--role'], [['account', 'create', '--emial', 'x'], '--email'], [['account', 'set', '1', '--nmae', 'x'], '--name'], [['serve', '--lisen', 'x'], '--listen'], [['event', 'send', '--kye', 'x'], '--key'],
            [['option', 'approve', '1', '--noet', 'x'], '--note'], [['channel', 'verify', '1', '--lan', 'ja'], '--lang'], [['channel', 'token', 'issue', '1', '--expire', '1d'], '--expires'],
        ]) await refuses(args, new RegExp(`did you mean ${option}\\?`));
        await refuses(['--hlep'], /unknown option "--hlep"; did you mean "--help"\?/);
        await refuses(['--vresion'], /did you mean "--version"\?/);
        await refuses(['chan'], /did you mean "channel"\?/);
    });

    it('takes no abbreviation, for a later version may have two options that begin so', async () => {
        for (const [args, option] of [[['channel', 'list', '--prov', '1'], '--prov'], [['event', 'list', '1', '--lim=5'], '--lim'], [['system', '--jso'], '--jso'], [['serve', '--dat', 'x'], '--dat'],
            [['serve', '--tls-c', 'x'], '--tls-c'], [['probe', '--t', '1'], '--t']]) await refuses(args, new RegExp(`unknown option ${option}`));
    });

    it('understands `serve` as every other command', async () => {
        await refuses(['serve', '--listen', '--data', 'x'], /a value is missing for --listen /);
        await refuses(['serve', '--data'], /a value is missing for --data DIR/);
        await refuses(['serve', '--data', 'x', 'word'], /cannot understand word: one argument too many\nTry `todoke serve --help`/);
        await refuses(['serve', '--data', 'x', '--', '--listen'], /cannot understand --listen: one argument too many/);
        await refuses(['serve', '--data=x', '--behind-proxy=perhaps'], /--behind-proxy: "perhaps" is not/);
    });

    it('suggests nothing where it would be a guess', async () => {
        for (const args of [['foo'], ['bar'], ['xyzzy'], ['channel', 'foo'], ['event', 'x'], ['key', 'zzz'], ['probe', '--foo'], ['-q'], ['channel', 'list', '--xyz']])
            assert.doesNotMatch(await refuses(args, /Try `todoke/), /did you mean/, args.join(' '));
    });

    it('shows no command of a terminal that stands in its arguments', async () => {
        const evil = '\u001b]0;x\u0007\u009b2J\u202e\u200b', data = dataDir();
        for (const args of [[evil], ['help', evil], ['channel', evil], ['channel', 'list', `--${evil}`], ['event', 'list', evil], ['explain', evil], ['classify', evil], ['probe', '--count', evil], ['key', 'list', '--data', evil],
            ['account', 'create', '--data', data, '--email', evil], ['serve', '--listen', evil, '--data', data], ['serve', `--${evil}`], ['backup', '--data', evil, evil], ['errors', evil, '--key', 'k'],
            ['event', 'send', '1', evil, '--key', 'k'], ['system', '--key', 'k', '--api', evil], ['channel', 'token', evil], ['probe', evil]]) {
            const r = await command(args, { env: { LC_ALL: 'en_US.UTF-8' } });
            assert.notEqual(r.code, 0, args.join(' '));
            assert.doesNotMatch(r.stdout + r.stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u200b]/, JSON.stringify([args, r]));
            assert.match(r.stdout + r.stderr, /\\u001b/, JSON.stringify([args, r]));
        }
        rmSync(data, { recursive: true, force: true });
    });
});
