// What the commands print of what others wrote: every value is its own, and none of it reaches the terminal as a command.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { command, createKey, dataDir, startNode } from './lib/node.mjs';
import { run as runWrapped } from './lib/probe.mjs';

// C0, DEL, C1, an OSC and a CSI, direction marks, what nobody sees, a byte order mark, a tag.
const evil = 'a\u001b]0;x\u0007\u009b2J\u007f\r\n\t\b\u0000\u202e\u2066\u200f\u061c\u200b\u2060\u00ad\ufeff\u{e0041}b';
const commandsTerminal = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\u{e0041}/u;
const lines = text => text.replace(/\n$/, '').split('\n');

// The columns of a terminal: East Asian wide characters and emoji take two, marks none.
const columns = text => [...text].reduce((n, c) => n + (/\p{Mn}|\u200d|\ufe0f/u.test(c) ? 0 : /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(c) ? 2 : 1), 0);

// What a node may be asked, and what it answers: each string is s.
const cursor = undefined;
const calls = s => {
    const event = { webhookEventId: s, state: s, acceptedAt: s, tries: 1, nextAttemptAt: s };
    const attempt = { attemptId: s, startedAt: s, reason: s, detail: s, cause: s, processed: s, phase: s, address: s, timings: { total_us: 5 } };
    const channel = { channelId: s, name: s, state: s, webhookRedelivery: true, backlogEvents: 0, lastHour: { delivered: 1, failed: 2 }, webhookUrl: s, contactEmail: s, lastFailure: { detail: s } };
    const role = { accountId: s, role: s, inherited: false, email: s, name: s };
    const entry = { at: s, action: s, target: s, account: { email: s }, details: { name: s } };
    const option = { providerId: s, option: s, state: s, appliedAt: s, decidedAt: s, providerName: s, note: s };
    const mail = { mailId: s, state: s, tries: 3, nextAt: s, to: s, lastError: s, subject: s };
    const account = { accountId: s, operator: true, disabled: false, lastLoginAt: s, email: s, name: s };
    const errors = { date: s.slice(0, 4), start: s.slice(0, 4), end: s.slice(0, 4), reason: s, detail: s, errors: 3 };
    return [
        [['system'], { version: s, store: { bytes: 1, path: s }, alarms: [{ name: s, since: s, text: { en: s } }] }],
        [['event', 'list', '1'], { events: [event, event], cursor }],
        [['event', 'show', '1', 'E'], { ...event, event: { type: s, [s]: s, deeper: { [s]: s }, list: [s, { [s]: s }] }, attempts: [attempt] }],
        [['event', 'redeliver', '1', 'E'], { count: 1, reason: s }],
        [['provider', 'list'], { providers: [{ providerId: s, channels: 1, createdAt: s, name: s }] }],
        [['provider', 'show', '1'], { providerId: s, name: s }],
        [['provider', 'roles', '1'], { roles: [role] }],
        [['channel', 'list'], { channels: [channel, channel] }],
        [['channel', 'show', '1'], channel],
        [['channel', 'audit', '1'], { entries: [entry] }],
        [['channel', 'token', 'list', '1'], { tokens: [{ tokenId: s, hint: s, createdAt: s, expiresAt: s, lastUsedAt: null }] }],
        [['option', 'list'], { options: [option] }],
        [['option', 'show', '1'], { errorNotification: { state: s, note: s } }],
        [['outbox', 'list'], { mails: [mail] }],
        [['segment', 'list', '1'], { segments: [{ segmentId: s, name: s, condition: s, default: true, updatedAt: s }] }],
        [['segment', 'count', '1', '--condition', '{}'], { count: 1, complete: true, users: 2, examples: [s, s], ms: 3 }],
        [['query', 'list', '1'], { queries: [{ queryId: s, name: s, sql: s, by: s, updatedAt: s }] }],
        [['query', 'preview', '1', '--sql', 'x'], { columns: [s, s], rows: [[s, 1], [s, null]], more: true, ms: 1, steps: 2, plan: [{ depth: 1, text: s }], error: null }],
        [['audit'], { entries: [entry, { ...entry, account: s }] }],
        [['account', 'list'], { accounts: [account] }],
        [['account', 'show', '1'], account],
        [['sender', 'list', '--provider', '1'], { senders: [{ senderId: s, kind: s, state: s, stateReason: s, ratePerSecond: 1, name: s }] }],
        [['sender', 'show', '1', '--provider', '1'], { senderId: s, name: s, secrets: [s], public: { publicKey: s } }],
        [['campaign', 'list', '--provider', '1'], { campaigns: [{ campaignId: s, shortId: s, channel: s, senderId: s, enabled: true, updatedAt: s, name: s }] }],
        [['campaign', 'preview', '1', 'u', '--provider', '1'], { userId: s, target: s, state: 'ready', content: {}, error: null, detail: s }],
        [['errors', '1'], { rows: [errors] }],
        [['errors', '1', '--by', 'day'], { buckets: [{ start: s, reason: s, errors: 1 }], totals: [{ reason: s, errors: 2 }], details: [{ reason: s, detail: s, errors: 3 }], total: 6 }],
        [['channel', 'verify', '1', '--lang', 'en'], { endpoint: s, reason: 'could_not_connect', detail: 'TLS handshake failure', cause: 'tls_cert_expired', processed: s, phase: 'tls', status: 0, http: s, address: s, tlsVersion: s, timings: {} }, 10],
    ];
};
const printsOne = [['event', 'send', '1', '-'], ['channel', 'secret', '1'], ['channel', 'rotate-secret', '1'], ['channel', 'token', 'issue', '1']]; // one string
const oneString = s => ({ webhookEventIds: [s, s], channelSecret: s, channelAccessToken: s });
const prints = [['channel', 'create', '--name', 'x'], ['channel', 'set', '1', '--name', 'x']]; // JSON

describe('what a node says', () => {
    let server, url;
    const answers = []; // by number; the key of a call is K and its number
    before(async () => {
        server = http.createServer((req, res) => {
            const { status, body } = answers[Number(req.headers.authorization.replace('Bearer K', ''))];
            req.resume();
            res.writeHead(status ?? 200);
            res.end(JSON.stringify(body));
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        url = `http://127.0.0.1:${server.address().port}`;
    });
    after(() => { server.close(); server.closeAllConnections(); });
    const answering = (body, status) => ['--api', url, '--key', `K${answers.push({ body, status }) - 1}`];
    const ask = async (args, body, { code = 0, status } = {}) => {
        const r = await command([...args, ...answering(body, status)], { input: '{"type":"x"}', env: { LC_ALL: 'en_US.UTF-8' } });
        assert.equal(r.code, code, `${args.join(' ')}: ${JSON.stringify(r)}`);
        return r;
    };

    it('commands no terminal, whichever command prints it, and the JSON is the same JSON', async () => {
        for (const [args, body, code] of calls(evil)) {
            const people = await ask(args, body, { code });
            assert.doesNotMatch(people.stdout + people.stderr, commandsTerminal, `${args.join(' ')}: ${JSON.stringify(people)}`);
            assert.ok(['redeliver', 'verify'].includes(args[1]) || people.stdout.includes('\\u001b') || args[0] === 'errors', `${args.join(' ')}: ${JSON.stringify(people)}`);
            const { stdout } = await ask([...args, '--json'], body, { code });
            assert.doesNotMatch(stdout, commandsTerminal, `${args.join(' ')}: ${JSON.stringify(stdout)}`);
            const list = Object.values(body).find(v => Array.isArray(v));
            const said = /^\{\n/.test(stdout) ? JSON.parse(stdout) : lines(stdout).map(l => JSON.parse(l));
            assert.deepEqual(said, JSON.parse(JSON.stringify(Array.isArray(said) ? list : body)), args.join(' '));
        }
        const tsv = await ask(['errors', '1', '--tsv'], { rows: [{ date: '2026/1', start: '1', end: '2', reason: evil, detail: evil, errors: 3 }] });
        assert.doesNotMatch(tsv.stdout.replaceAll('\t', ''), commandsTerminal);
        assert.equal(lines(tsv.stdout)[1].split('\t').length, 6);
        for (const args of printsOne.slice(0, 1)) assert.doesNotMatch((await ask(args, oneString(evil))).stdout, commandsTerminal);
        for (const args of prints) assert.doesNotMatch((await ask(args, { name: evil, [evil]: [evil] })).stdout, commandsTerminal);
        for (const [status, code] of [[400, 3], [503, 8]]) {
            const r = await ask(['channel', 'show', '1'], { message: evil, details: [{ message: evil, property: evil }] }, { status, code });
            assert.doesNotMatch(r.stderr, commandsTerminal);
            assert.match(r.stderr, /^todoke: a\\u001b\]0;x\\u0007\\u009b2J\\u007f\\u000d\\u000a\\u0009\\u0008\\u0000\\u202e.*\\ufeff\\udb40\\udc41b \(\d+\)\n$/);
        }
    });

    it('shows nothing for an empty string, never what stood there before', async () => {
        const only = /^(first|[A-Z ,\/-]+|yes|no|[0-9]+|-|\{\}|\[\]|\[""[^\]]*\]|in all|2 rows and more, 1 ms, 2 steps|[a-zA-Z_.]+)$/;
        for (const [args, body, code] of calls('')) {
            const seen = JSON.parse(JSON.stringify(body));
            const list = Object.values(seen).find(v => Array.isArray(v) && typeof v[0] === 'object');
            const first = list?.[0] ?? seen;
            const key = Object.keys(first).find(k => first[k] === '');
            if (!list && args[1] !== 'verify') seen.aaa = 'first';
            else first[key] = 'first';
            if (args[0] === 'option' && args[1] === 'show') seen.errorNotification.state = 'first';
            const { stdout } = await ask(args, seen, { code });
            if (args[1] === 'verify') continue;
            assert.ok(stdout.split('first').length - 1 <= 2, `${args.join(' ')}: ${stdout}`);
            for (const cell of lines(stdout).flatMap(l => l.trim().split(/ {2,}/)).filter(Boolean))
                assert.match(cell, only, `${args.join(' ')}: ${JSON.stringify(cell)} in\n${stdout}`);
        }
        for (const args of printsOne) assert.match((await ask(args, oneString(''))).stdout, /^\n+$/, args.join(' '));
    });

    it('says where a value was cut', async () => {
        const long = '届'.repeat(2000);
        const { stdout } = await ask(['channel', 'list'], { channels: [{ channelId: '1', state: 'active', name: long, webhookUrl: 'u' }] });
        assert.match(stdout, /届… {2}u\n$|届…u\n$/);
        assert.doesNotMatch(stdout, /\ufffd/);
        assert.equal(JSON.parse((await ask(['channel', 'list', '--json'], { channels: [{ channelId: '1', state: 'active', name: long }] })).stdout).name, long);
        assert.ok((await ask(['channel', 'show', '1'], { name: long })).stdout.includes(long), 'a line of its own has room');
    });

    it('stays in columns, with Japanese, emoji and marks', async () => {
        const names = ['abc', '届け', '🚚🚚', 'か\u3099き', 'e\u0301', 'ﾊﾝｶｸ', '한글', '', '👩\u200d💻x'];
        const { stdout } = await ask(['channel', 'list'], { channels: names.map((name, i) => ({ channelId: String(i), state: name, name, webhookUrl: 'https://' })) });
        const at = lines(stdout).slice(1).map(l => columns(l.slice(0, l.indexOf('https://'))));
        assert.equal(new Set(at).size, 1, `${at}\n${stdout}`);
        assert.equal(columns(lines(stdout)[0].slice(0, lines(stdout)[0].indexOf('URL'))), at[0], stdout);
    });

    it('holds under valgrind', { skip: noValgrind() }, async () => {
        const dir = mkdtempSync(join(tmpdir(), 'todoke-shown-')), data = dataDir();
        createKey(data);
        writeFileSync(join(dir, 'none.pem'), '');
        try {
            // Reading the system's certificates is most of what a call takes under valgrind.
            const env = { SSL_CERT_FILE: join(dir, 'none.pem'), SSL_CERT_DIR: dir, LC_ALL: 'en_US.UTF-8' };
            const alike = ['provider list', 'provider show', 'provider roles', 'option show', 'account show', 'channel audit', 'channel show', 'event redeliver']; // printed by the same code as others
            const empties = body => JSON.parse(JSON.stringify(body).replace(/"name":"[^"]*"/g, '"name":"","beta":""'));
            const runs = [
                ...calls(evil).filter(([args]) => !alike.includes(args.slice(0, 2).join(' '))).map(([args, body, code]) => [[...args, ...answering(empties(body))], code]),
                [['audit', ...answering({ message: evil }, 400)], 3], [['event', 'send', '1', '-', ...answering(oneString(''))]],
                [['key', 'list', '--data', data]], [['account', 'list', '--data', data]], [['explain', evil.replaceAll('\0', '')], 2], [['classify']], [['classify', '--json']], [['probe', 'http://x', '--json'], 10], [['channel', 'set', '1'], 2],
            ];
            // Two at once: valgrind uses one core each.
            await Promise.all([0, 1].map(async half => { for (const [args, code = 0] of runs.filter((_, i) => i % 2 === half)) await holds(args, code, env); }));
        } finally {
            for (const d of [dir, data]) rmSync(d, { recursive: true, force: true });
        }
    });
    const holds = async (args, code, env) => {
        const r = await runWrapped(args, { wrap: ['valgrind', '--error-exitcode=99', '--quiet'], env, input: '{"type":"x"}' });
        assert.equal(r.code, code, `${args.join(' ')}: ${r.stdout}${r.stderr}`);
        assert.doesNotMatch(r.stderr, /==\d+==/, `${args.join(' ')}: ${r.stderr}`);
    };
});

// A reason, or false: it runs.
function noValgrind() {
    try {
        execFileSync('valgrind', ['--version'], { stdio: 'ignore' });
    } catch {
        return 'valgrind is not installed';
    }
    try {
        execFileSync('valgrind', ['--quiet', '--error-exitcode=99', process.env.TODOKE_BIN ?? 'build/todoke', '--version'], { stdio: 'ignore' });
        return false;
    } catch {
        return 'valgrind does not run this build';
    }
}

describe('what a publisher posts', () => {
    let node, channel, env;
    before(async () => {
        node = await startNode();
        channel = await node.channel({ name: '届け 🚚' });
        env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
    });
    after(() => node.stop());
    const run = async (...args) => {
        const r = await command(args, { env });
        assert.equal(r.code, 0, r.stdout + r.stderr);
        return r.stdout;
    };

    it('is shown member by member as it was posted', async () => {
        const bot = await node.channel({ webhookUrl: 'http://127.0.0.1:1/', webhookRedelivery: true });
        const event = '{"type":"x","alpha":"first value","beta":"","gamma":{},"delta":[ ],"list":[1,\n "" , {"a b":" c "}],"big":123456789012345678901234567890,"huge":1e999,"real":0.10,'
            + '"nul":"a\\u0000b","csi":"\\u001b[2J","twice":1,"twice":2,"wide":"届け🚚","\\u009b2Jname":"of a member","nul\\u0000name":true,"none":null,"deep":{"er":{"e":""},"slash":"\\/"}}';
        const { json: { webhookEventIds: [id] } } = await node.api('POST', `/api/v1/channels/${bot.channelId}/events`, undefined, { raw: `{"events":[${event}]}` });
        const shown = lines(await run('event', 'show', bot.channelId, id));
        const value = name => shown.filter(l => l.startsWith(`event.${name} `)).map(l => l.slice(l.indexOf(' ')).trim());
        for (const [name, ...want] of [
            ['alpha', 'first value'], ['beta', ''], ['gamma', '{}'], ['delta', '[]'], ['list', '[1,"",{"a b":" c "}]'], ['big', '123456789012345678901234567890'], ['huge', '1e999'], ['real', '0.10'],
            ['nul', 'a\\u0000b'], ['csi', '\\u001b[2J'], ['twice', '1', '2'], ['wide', '届け🚚'], ['\\u009b2Jname', 'of a member'], ['nul\\u0000name', 'yes'], ['none', '-'], ['deep.er.e', ''], ['deep.slash', '/'],
        ]) assert.deepEqual(value(name), want, `${name}:\n${shown.join('\n')}`);
        const starts = shown.filter(l => /^event\.(alpha|wide|\\u009b2Jname|big) /.test(l)).map(l => /^\S+ +/.exec(l)[0].length);
        assert.equal(new Set(starts).size, 1, shown.join('\n'));
        const whole = await run('event', 'show', bot.channelId, id, '--json');
        assert.doesNotMatch(whole, commandsTerminal);
        for (const bytes of ['123456789012345678901234567890', '1e999', '0.10', '"a\\u0000b"', '"\\/"', '"twice": 2']) assert.ok(whole.includes(bytes), `${bytes} in ${whole}`);
    });

    it('and what others name or note stays one line of its table', async () => {
        await node.api('POST', '/api/v1/providers/1/options/error-notification', { note: 'two\nlines\tand a tab' });
        assert.match(await run('option', 'list'), /^1 +errorNotification +applied .*two\\u000alines\\u0009and a tab$/m);
        assert.match(await run('channel', 'list'), new RegExp(`^${channel.channelId} .*届け 🚚`, 'm'));
        await node.api('POST', '/api/v1/providers/1/users', { users: [{ userId: 'a\u202Eb', attributes: { x: '\u001b[2Jy' } }] });
        assert.match(await run('user', 'list'), /^a\\u202eb +20\S+ +- +- +-$/m);
        assert.doesNotMatch(await run('user', 'show', 'a\u202Eb'), commandsTerminal);
        assert.match(await run('audit', '--limit', '5'), /option\.apply +provider\/1 /);
    });
});
