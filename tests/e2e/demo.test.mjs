// The demo shows what it promises, to people in both languages, and leaves nothing behind however it ends.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const bin = process.env.TODOKE_BIN ?? fileURLToPath(new URL('../../build/todoke', import.meta.url));
const script = fileURLToPath(new URL('../../demo/demo.mjs', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'todoke-demo-test-'));
const running = new Set();
after(async () => { // those of a test that failed
    for (const demo of running) demo.child.kill('SIGTERM');
    await Promise.all([...running].map(d => d.end));
    rmSync(temporary, { recursive: true, force: true });
});

// What each bot must be called, in the order of the table: bot, reason, detail, cause, may have been processed, and a word of the advice.
const rows = [
    ['healthy (official SDK)', 'ok', '200', 'ok', 'yes'],
    ['nothing on the port', 'could_not_connect', 'Connection failed', 'tcp_refused', 'no', 'ss -ltnp'],
    ['unknown host', 'could_not_connect', 'Unknown host', 'dns_nxdomain', 'no', 'dig HOST'],
    ['expired certificate', 'could_not_connect', 'TLS handshake failure', 'tls_cert_expired', 'no', 'certbot renew'],
    ['no TLS on the port', 'could_not_connect', 'No SSL/TLS record', 'tls_no_record', 'no', 'listen 443 ssl'],
    ['hangs in the handshake', 'could_not_connect', 'Session protocol negotiation failure', 'tls_stall', 'no', 'openssl s_client'],
    ['HTTP/2 GOAWAY', 'could_not_connect', 'Connection failed (received GOAWAY)', 'h2_goaway_below', 'no', 'keepalive_requests'],
    ['HTTP/2 stream reset', 'unclassified', 'Stream closed unexpectedly', 'h2_rst_cancel', 'unknown', 'upstream timed out'],
    ['crashes on the request', 'unclassified', 'Session closed unexpectedly', 'h1_closed_before_head', 'unknown', 'worker'],
    ['never answers', 'request_timeout', 'Request timeout', 'response_silent', 'unknown', 'queue'],
    ['answers 500', 'error_status_code', '500', 'status_server_error', 'yes', 'log'],
    ['redirects elsewhere', 'error_status_code', '302', 'status_redirect', 'yes', 'Location'],
];

// Starts the demo with a temporary directory of its own, so that what it leaves there can be seen.
function start(args = [], env = {}) {
    const dir = mkdtempSync(join(temporary, 'run-'));
    const child = spawn(process.execPath, [script, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, LC_ALL: 'C.UTF-8', COLUMNS: '140', TODOKE_BIN: bin, TMPDIR: dir, ...env },
    });
    const demo = { dir, child, stdout: '', stderr: '' };
    running.add(demo);
    child.stdout.setEncoding('utf8').on('data', d => (demo.stdout += d));
    child.stderr.setEncoding('utf8').on('data', d => (demo.stderr += d));
    const stuck = setTimeout(() => child.kill('SIGKILL'), 60_000);
    demo.end = new Promise(resolve => child.once('close', (code, signal) => {
        clearTimeout(stuck);
        running.delete(demo);
        resolve(Object.assign(demo, { code, signal, said: `exit ${code} ${signal ?? ''}\n${demo.stdout}${demo.stderr}` }));
    }));
    demo.prints = text => new Promise((resolve, reject) => {
        const look = () => demo.stdout.includes(text) && resolve();
        child.stdout.on('data', look);
        demo.end.then(d => reject(new Error(`never printed "${text}": ${d.said}`)));
        look();
    });
    return demo;
}

// Processes that were started for this run: its temporary directory stands in their command lines or environment.
function processesOf({ dir }) {
    return readdirSync('/proc').filter(p => /^\d+$/.test(p) && Number(p) !== process.pid).filter(p => {
        try {
            return [`/proc/${p}/cmdline`, `/proc/${p}/environ`].some(f => readFileSync(f, 'latin1').includes(dir));
        } catch {
            return false; // gone meanwhile, or not ours
        }
    });
}

function nothingIsLeft(demo) {
    assert.deepEqual(processesOf(demo), [], `processes are left: ${demo.said}`);
    assert.deepEqual(readdirSync(demo.dir), [], `files are left: ${demo.said}`);
}

const cells = line => line.trim().split(/ {2,}/);

function checkTable(demo) {
    const lines = demo.stdout.split('\n');
    for (const [bot, reason, detail, cause, processed, advice] of rows) {
        const at = lines.findIndex(l => l.startsWith(`${bot}  `));
        assert.ok(at >= 0, `no row for ${bot}: ${demo.said}`);
        assert.deepEqual(cells(lines[at]), [bot, reason, detail, cause, processed], demo.said);
        if (advice) {
            assert.ok(lines[at + 1].startsWith('  → '), `no advice for ${bot}: ${demo.said}`);
            assert.ok(lines.slice(at + 1, at + 4).join(' ').includes(advice), `advice for ${bot}: ${demo.said}`);
        }
    }
    const found = lines.filter(l => rows.some(r => l.startsWith(`${r[0]}  `)));
    assert.equal(found.length, rows.length, demo.said);
    const starts = line => line.indexOf(cells(line)[3], line.indexOf(cells(line)[2]) + cells(line)[2].length); // where the cause begins
    assert.equal(new Set(found.map(starts)).size, 1, `columns are not aligned: ${demo.said}`);
}

describe('the demo', { concurrency: 2 }, () => {
    for (const turn of ['first', 'second']) {
        it(`names every bot's failure and leaves nothing, the ${turn} of two at once`, { timeout: 90_000 }, async () => {
            const demo = await start().end;
            assert.equal(demo.code, 0, demo.said);
            assert.equal(demo.stderr, '', demo.said);
            checkTable(demo);
            assert.match(demo.stdout, /^36 events accepted/m);
            assert.match(demo.stdout, /^3 delivered, .*; 33 not delivered/m);
            assert.match(demo.stdout, /http:\/\/127\.0\.0\.1:\d+/);
            assert.doesNotMatch(demo.stdout, /\x1b/, 'colours in a pipe');
            nothingIsLeft(demo);
        });
    }

    it('speaks Japanese to those who do', { timeout: 90_000 }, async () => {
        const demo = await start([], { LC_ALL: '', LC_MESSAGES: '', LANG: 'ja_JP.UTF-8', COLUMNS: '100' }).end;
        assert.equal(demo.code, 0, demo.said);
        assert.match(demo.stdout, /^証明書の期限切れ +could_not_connect +TLS handshake failure +tls_cert_expired +なし$/m);
        assert.match(demo.stdout, /有効期限を確認してください/);
        const columns = line => [...line].reduce((n, c) => n + (/[\u2e80-\ufaff\uff01-\uff60]/.test(c) ? 2 : 1), 0);
        const rules = demo.stdout.split('\n').flatMap((l, i) => (/^─+$/.test(l) ? [i] : []));
        assert.equal(rules.length, 2, demo.said);
        for (const line of demo.stdout.split('\n').slice(rules[0], rules[1])) assert.ok(columns(line) <= 100, `wider than 100: ${line}`);
        nothingIsLeft(demo);
    });

    it('stays up with --keep, answers, and ends cleanly on Ctrl-C', { timeout: 90_000 }, async () => {
        const demo = start(['--keep']);
        await demo.prints('Press Ctrl-C');
        const [, key, node] = demo.stdout.match(/export KEY=(\S+) NODE=(\S+)/);
        const answer = await fetch(`${node}/healthz`, { headers: { Authorization: `Bearer ${key}` } });
        assert.equal(answer.status, 200);
        const [, token] = demo.stdout.match(/http:\S+\/setup#(\S+)/); // the console's first account
        const made = await fetch(`${node}/api/v1/setup`, {
            method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ token, email: 'someone@example.jp', password: 'a long enough password' }),
        });
        assert.equal(made.status, 201, await made.text());
        const printed = demo.stdout.slice(demo.stdout.indexOf('  export KEY='), demo.stdout.indexOf("The node's data:"));
        const { stdout } = await promisify(execFile)('bash', ['-c', `${printed}\n:`]);
        assert.match(stdout, /"channels":\s*\[/, printed + stdout);
        assert.match(stdout, /"cause":\s*"tls_cert_expired"/, printed + stdout);
        assert.match(stdout, /"webhookEventIds":\s*\[/, printed + stdout);
        assert.match(stdout, /certbot renew/, printed + stdout); // the probe's advice
        await demo.prints('The healthy bot read: message こんにちは');
        const call = async (path, body) => (await fetch(node + path, { method: body ? 'POST' : 'GET', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body })).json();
        const { channels } = await call('/api/v1/channels');
        const healthy = channels.find(c => c.name.startsWith('healthy'));
        await call(`/api/v1/channels/${healthy.channelId}/events`, '{"events":[{"type":"message","message":{"type":"text","id":"1","text":"a\\u001b[2J\\u009b\\u202e\\u200b\\nb"},"source":{"type":"user","userId":"U1"}}]}');
        await demo.prints('The healthy bot read: message a\\u001b[2J\\u009b\\u202e\\u200b\\nb');
        assert.ok(processesOf(demo).length >= 2, 'the node and the demo run');
        demo.child.kill('SIGINT');
        await demo.end;
        assert.equal(demo.code, 0, demo.said);
        nothingIsLeft(demo);
    });

    it('leaves nothing when it is interrupted half way', { timeout: 90_000 }, async () => {
        const demo = start();
        await demo.prints('The node and its console are up');
        demo.child.kill('SIGTERM');
        await demo.end;
        assert.equal(demo.code, 143, demo.said);
        nothingIsLeft(demo);
    });

    it('takes its node along when it is killed', { timeout: 90_000 }, async () => {
        const demo = start();
        await demo.prints('The node and its console are up');
        demo.child.kill('SIGKILL');
        await demo.end;
        const until = Date.now() + 10_000;
        while (processesOf(demo).length && Date.now() < until) await new Promise(r => setTimeout(r, 20));
        assert.deepEqual(processesOf(demo), []);
    });

    it('is not content with another outcome', { timeout: 90_000 }, async () => {
        const careless = join(temporary, 'careless'); // a node that does not know the bots' CA
        writeFileSync(careless, `#!/bin/bash\nargs=()\nwhile [ $# -gt 0 ]; do [ "$1" = --ca ] && shift || args+=("$1"); shift; done\nexec '${bin}' "\${args[@]}"\n`, { mode: 0o755 });
        const demo = await start([], { TODOKE_BIN: careless }).end;
        assert.equal(demo.code, 1, demo.said);
        assert.match(demo.stderr, /healthy: expected delivered · ok · 200 · ok · yes, got given_up · could_not_connect · TLS handshake failure · /);
        nothingIsLeft(demo);
    });

    it('says so when there is no node to start, and when asked for nonsense', { timeout: 90_000 }, async () => {
        const missing = await start([], { TODOKE_BIN: '/nonexistent/todoke' }).end;
        assert.equal(missing.code, 1, missing.said);
        assert.match(missing.stderr, /nonexistent/);
        nothingIsLeft(missing);
        const nonsense = await start(['--nonsense']).end;
        assert.equal(nonsense.code, 2, nonsense.said);
        assert.match(nonsense.stderr, /usage: \.\/dev demo/);
        nothingIsLeft(nonsense);
    });
});
