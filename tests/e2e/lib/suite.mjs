// Tables of cases: { name, peer | url, flags, want, verify }. peer() starts a peer and gives { url, close }; want is one expectation, or an array
// with one a request; url and flags may be functions of the peer; verify(lines, peer) looks at what the peer saw. Cases of a table run a few at a time.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { probe } from './probe.mjs';

function differences(line, want) {
    return Object.entries(want).flatMap(([k, v]) => {
        if (v === undefined) return [];
        const fits = k === 'timings' ? Object.entries(v).every(([t, [min, max]]) => line.timings[t] >= min && line.timings[t] <= max)
            : Array.isArray(v) ? v.includes(line[k]) : line[k] === v;
        return fits ? [] : [`${k}: got ${JSON.stringify(line[k])}, want ${JSON.stringify(v)}`];
    });
}

export function matches(line, want, said) {
    const wants = want.anyOf ?? [want];
    const all = wants.map(w => differences(line, w));
    if (all.some(d => d.length === 0)) return;
    assert.fail(`${all.map(d => d.join('; ')).join('\n or ')}\n${said}`);
}

// Where no clock is to end a case, its limits are long: this process is the peer, and a busy machine may keep it waiting for seconds.
const byClock = ['Request timeout', 'Session protocol negotiation failure', 'Connection timeout', 'DNS Query timeout'];
function patience(want) {
    const all = [want].flat().flatMap(w => w.anyOf ?? [w]);
    return all.some(w => byClock.includes(w.detail)) ? {} : { 'connect-timeout': 8000, 'session-timeout': 8000, 'response-timeout': 8000 };
}

export async function check(c) {
    const peer = c.peer ? await c.peer() : undefined;
    try {
        const url = typeof c.url === 'function' ? c.url(peer) : c.url ?? peer.url;
        const flags = { ...patience(c.want), ...(url.startsWith('http:') ? { 'allow-http': true } : {}), ...(typeof c.flags === 'function' ? c.flags(peer) : c.flags) };
        const result = await probe(url, flags, { wrap: c.wrap });
        const wants = Array.isArray(c.want) ? c.want : Array(result.lines.length).fill(c.want);
        result.lines.forEach((l, i) => matches(l, wants[i], result.said));
        try {
            await c.verify?.(result.lines, peer, result);
        } catch (e) {
            e.message += `\n${result.said}`;
            throw e;
        }
    } finally {
        await peer?.close?.();
    }
}

export function suite(title, cases, { concurrency = 8, close, skip } = {}) {
    const seen = new Set();
    describe(title, { concurrency, skip: skip ?? false }, () => {
        if (close) after(close);
        for (const c of cases) {
            assert.ok(!seen.has(c.name), `two cases are called ${c.name}`);
            seen.add(c.name);
            it(c.name, { timeout: 60_000 }, () => check(c));
        }
    });
}

// Which requests of a run went over a connection that was used before; a new connection for each of the others.
export const reused = (...flags) => (lines, p) => {
    assert.deepEqual(lines.map(l => l.reused), flags);
    if (p.conns) assert.equal(p.conns.length, flags.filter(f => !f).length, 'connections');
};
