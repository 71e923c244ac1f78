// A node for a test: `todoke serve` on a data directory of its own and a free port, its keys, and its API.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkAnswer } from './openapi.mjs';

export const bin = process.env.TODOKE_BIN ?? fileURLToPath(new URL('../../../build/todoke', import.meta.url));

const dirs = [];
process.on('exit', () => {
    for (const dir of dirs) {
        try {
            rmSync(dir, { recursive: true, force: true });
        } catch { /* what a test has mounted there and left is no reason for another verdict */ }
    }
});

// A directory of its own; it goes when the test file ends.
export function dataDir() {
    const dir = mkdtempSync(join(tmpdir(), 'todoke-e2e-'));
    dirs.push(dir);
    return dir;
}

export function createKey(data, role = 'operator') {
    return execFileSync(bin, ['key', 'create', '--data', data, '--role', role], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

// Starts a node and waits until it says that it listens. data: an existing directory (kept at stop), else one of its own.
process.setMaxListeners(200); // a node each

export async function startNode({ data, args = [], env = {}, key, program = bin } = {}) {
    const own = data === undefined;
    data ??= dataDir();
    key ??= createKey(data); // '': without one
    const child = spawn(program, ['serve', '--data', data, '--listen', '127.0.0.1:0', '--allow-http-targets', '--allow-private-targets', ...args],
        { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    let stdout = '', stderr = '';
    child.stderr.setEncoding('utf8').on('data', d => (stderr += d));
    const ended = new Promise(resolve => child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr })));
    const url = await new Promise((resolve, reject) => {
        const late = setTimeout(() => { child.kill('SIGKILL'); reject(new Error(`no ready line:\n${stdout}${stderr}`)); }, 20_000);
        child.stdout.setEncoding('utf8').on('data', d => {
            stdout += d;
            const m = /^listening on (\S+)$/m.exec(stdout);
            if (m) { clearTimeout(late); resolve(m[1]); }
        });
        ended.then(e => { clearTimeout(late); reject(new Error(`ended with ${e.code}: ${stdout}${stderr}`)); });
    });
    // A test that fails before it stops its node must end all the same: the node dies with the test's process.
    for (const handle of [child, child.stdout, child.stderr]) handle.unref();
    process.once('exit', () => child.kill('SIGKILL'));
    const ending = async () => {
        child.ref();
        const stuck = setTimeout(() => child.kill('SIGKILL'), 30_000);
        const e = await ended;
        clearTimeout(stuck);
        return e;
    };
    const remove = () => { if (own) rmSync(data, { recursive: true, force: true }); };
    const node = {
        url, key, data, child, ended,
        log: () => stderr,
        // { status, headers, json, text }
        // stream: only the head of the answer is waited for, and it is broken off.
        async api(method, path, body, { key: as = key, headers = {}, raw, stream = false } = {}) {
            const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
            const over = new AbortController();
            const r = await fetch(url + path, {
                method, body: sent, signal: over.signal,
                headers: { ...(as ? { authorization: `Bearer ${as}` } : {}), ...(sent === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
            });
            if (stream && r.ok) {
                over.abort();
                return { status: r.status, headers: r.headers, text: '' };
            }
            const text = await r.text();
            let json;
            try { json = JSON.parse(text); } catch { /* not JSON */ }
            const answer = { status: r.status, headers: r.headers, text, json };
            await checkAnswer(method, path, answer); // whatever else the test wants of it
            return answer;
        },
        async channel(members) {
            const r = await node.api('POST', '/api/v1/channels', { name: 'bot', ...members });
            assert.equal(r.status, 201, r.text);
            return r.json;
        },
        async post(channel, events, options) {
            const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events }, options);
            assert.equal(r.status, 202, r.text);
            return r.json.webhookEventIds;
        },
        async event(channel, id) {
            const r = await node.api('GET', `/api/v1/channels/${channel.channelId}/events/${id}`);
            assert.equal(r.status, 200, r.text);
            return r.json;
        },
        // Waits until the event is in the state.
        async reaches(channel, id, state) {
            let e;
            await until(async () => (e = await node.event(channel, id)).state === state, () => `${id} is ${e?.state}, not ${state}: ${JSON.stringify(e)}`);
            return e;
        },
        async metric(name) {
            const text = await (await fetch(`${url}/metrics`)).text();
            const line = text.split('\n').find(l => l.startsWith(`${name} `) || l.startsWith(`${name}{`));
            return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1));
        },
        async stop() {
            child.kill('SIGTERM');
            const e = await ending();
            remove();
            assert.doesNotMatch(e.stderr, /Sanitizer|runtime error/);
            assert.equal(e.code, 0, `exit ${e.code} ${e.signal ?? ''}: ${e.stderr}`);
            return e;
        },
        async kill() { // keeps the data
            child.kill('SIGKILL');
            return ending();
        },
    };
    return node;
}

// Asks again until it is so; no test waits a fixed time.
export async function until(condition, what = () => 'it never came true', ms = 15_000) {
    const end = Date.now() + ms;
    for (let pause = 2; ; pause = Math.min(pause * 2, 50)) {
        if (await condition()) return;
        if (Date.now() > end) throw new Error(await what());
        await new Promise(r => setTimeout(r, pause));
    }
}

// Runs a command of ours to its end.
export function command(args, { env = {}, input, timeout = 0 } = {}) {
    return new Promise((resolve, reject) => {
        const child = spawn(bin, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env }, timeout, killSignal: 'SIGKILL' }); // a node that is not refused would stay
        let stdout = '', stderr = '';
        child.stdout.setEncoding('utf8').on('data', d => (stdout += d));
        child.stderr.setEncoding('utf8').on('data', d => (stderr += d));
        child.stdin.on('error', () => {});
        child.stdin.end(input);
        child.on('error', reject);
        child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
}
