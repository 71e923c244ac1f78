// Runs `todoke probe URL --json` and holds every line to the contract: fields, types, exit code, phase, and time.
import { spawn } from 'node:child_process';
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { caFile } from './certs.mjs';
import { processedBy } from './names.mjs';

export const bin = process.env.TODOKE_BIN ?? fileURLToPath(new URL('../../../build/todoke', import.meta.url));

export const exitOf = { ok: 0, could_not_connect: 10, request_timeout: 11, error_status_code: 12, unclassified: 13 };

// The phases in which each end may be seen ("done" is an answer that was read to its end).
const phasesOf = {
    'Invalid URL syntax': ['url'], 'Unknown host': ['resolve'], 'DNS Query timeout': ['resolve'], 'Connection timeout': ['connect'],
    'Connection failed': ['resolve', 'connect'], 'No SSL/TLS record': ['tls'], 'TLS handshake failure': ['tls', 'session', 'send', 'await'],
    'Session protocol negotiation failure': ['tls', 'session'], 'Request timeout': ['send', 'await'],
    'Session closed unexpectedly': ['send', 'await'], 'Stream closed unexpectedly': ['send', 'await'],
};
const grace = 300; // ms past a deadline, as promised

export function run(args, { wrap = [], env = {}, input } = {}) {
    return new Promise((resolve, reject) => {
        const [file, ...rest] = [...wrap, bin, ...args];
        const started = process.hrtime.bigint();
        const child = spawn(file, rest, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
        let stdout = '', stderr = '';
        child.stdout.setEncoding('utf8').on('data', d => (stdout += d));
        child.stderr.setEncoding('utf8').on('data', d => (stderr += d));
        child.stdin.on('error', () => {});
        child.stdin.end(input);
        const stuck = setTimeout(() => child.kill('SIGKILL'), 60_000);
        child.on('error', reject);
        child.on('close', (code, signal) => {
            clearTimeout(stuck);
            resolve({ code, signal, stdout, stderr, wallMs: Number(process.hrtime.bigint() - started) / 1e6 });
        });
    });
}

// flags: an object { count: 2, 'allow-http': true }; ca and allow-private are given unless they are null/false.
function flagList(flags) {
    const all = { ca: caFile, 'allow-private': true, ...flags };
    return Object.entries(all).flatMap(([k, v]) => (v === true ? [`--${k}`] : v === null || v === false ? [] : [`--${k}`, String(v)]));
}

export async function probe(url, flags = {}, options = {}) {
    const result = await run(['probe', url, '--json', ...flagList(flags)], options);
    const said = `probe ${url} ${flagList(flags).join(' ')}\nexit ${result.code} ${result.signal ?? ''} after ${result.wallMs.toFixed(0)} ms\n${result.stdout}${result.stderr}`;
    assert.equal(result.signal, null, `killed: ${said}`);
    assert.doesNotMatch(result.stderr, /Sanitizer|runtime error/, said);
    let lines;
    try {
        lines = result.stdout.split('\n').filter(Boolean).map(l => JSON.parse(l));
    } catch {
        assert.fail(`not JSON lines: ${said}`);
    }
    assert.equal(lines.length, flags.count ?? 1, `one line a request: ${said}`);
    lines.forEach(l => checkShape(l, said));
    const bad = [...new Set(lines.map(l => l.reason).filter(r => r !== 'ok'))].map(r => exitOf[r]);
    assert.ok((bad.length ? bad : [0]).includes(result.code), `exit code: ${said}`);
    lines.forEach(l => checkTime(l, flags, said));
    return { ...result, lines, said };
}

function checkShape(l, said) {
    assert.ok(l.reason in exitOf, `reason: ${said}`);
    assert.equal(typeof l.detail, 'string', said);
    assert.match(l.cause, /^[a-z0-9_]+$/, said);
    assert.ok(['no', 'unknown', 'yes'].includes(l.processed), `processed: ${said}`);
    assert.ok(Number.isInteger(l.status) && l.status >= 0 && l.status <= 999, `status: ${said}`);
    assert.ok('http' in l && (l.http === null || /^(1\.0|1\.1|2)$/.test(String(l.http))), `http: ${said}`);
    assert.ok(l.address === null || typeof l.address === 'string', `address: ${said}`);
    assert.equal(typeof l.reused, 'boolean', `reused: ${said}`);
    for (const words of ['explanation', 'advice']) assert.ok(typeof l[words] === 'string' && l[words], `${words}: ${said}`);
    assert.ok(Number.isInteger(l.retries) && l.retries >= 0 && l.retries <= 3, `retries: ${said}`);
    for (const k of ['dns_us', 'connect_us', 'tls_us', 'send_us', 'first_byte_us', 'total_us'])
        assert.ok(Number.isInteger(l.timings[k]) && l.timings[k] >= 0, `timings.${k}: ${said}`);
    checkTimings(l.timings, said);
    const answered = l.reason === 'ok' || l.reason === 'error_status_code';
    assert.ok((answered ? ['done'] : phasesOf[l.detail] ?? ['resolve', 'connect', 'tls', 'session', 'send', 'await']).includes(l.phase), `phase: ${said}`);
    if (answered) {
        assert.equal(l.detail, String(l.status), said);
        assert.equal(l.processed, processedBy(l.status), said);
        assert.notEqual(l.http, null, `http of an answer: ${said}`);
        assert.match(l.address, /^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]):\d+$/, `address: ${said}`);
    }
    if (l.reason === 'could_not_connect') assert.equal(l.processed, 'no', said);
}

// The phases of an attempt are parts of its own time, one after the other.
export function checkTimings(t, said) {
    const sum = t.dns_us + t.connect_us + t.tls_us + t.send_us + t.first_byte_us;
    assert.ok(sum <= t.total_us, `phases of ${sum} us in ${t.total_us}: ${said}`);
}

// No exchange outlives the deadline of the phase it ended in by more than the grace; a retry has deadlines of its own.
function checkTime(l, flags, said) {
    const limit = {
        dns: flags['dns-timeout'] ?? 2000, connect: flags['connect-timeout'] ?? 2000,
        session: flags['session-timeout'] ?? 2000, response: flags['response-timeout'] ?? 2000,
    };
    const before = (l.timings.dns_us + l.timings.connect_us) / 1000;
    const until = { url: 0, resolve: limit.dns, connect: before + limit.connect, tls: before + limit.session, session: before + limit.session }[l.phase]
        ?? before + limit.session + limit.response;
    const allowed = (until + grace) * (l.retries + 1);
    assert.ok(l.timings.total_us / 1000 <= allowed, `took longer than ${allowed.toFixed(0)} ms: ${said}`);
}
