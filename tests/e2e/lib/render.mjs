// Renders by todoke (tests/render/todoke_render.c), and by Nunjucks in Node, which is what todoke has to equal.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import nunjucks from 'nunjucks';
import { bin } from './node.mjs';

export const renderer = join(dirname(bin), 'tests/render/todoke-render');

// Starts a renderer of messages: its answers come one a request, in their order. close() ends its input.
export function startRender({ ms = 200, processes = 1, memory = 32 } = {}) {
    const child = spawn(renderer, [ms, processes, memory].map(String), { env: { ...process.env, TODOKE_BIN: bin }, stdio: ['pipe', 'pipe', 'pipe'] });
    const chunks = { out: [], err: [] };
    child.stdout.on('data', d => chunks.out.push(d));
    child.stderr.on('data', d => chunks.err.push(d));
    const ended = new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (status, signal) => {
            const out = Buffer.concat(chunks.out).toString(), err = Buffer.concat(chunks.err).toString();
            if (status !== 0) reject(new Error(`todoke-render ended with ${signal ?? status}: ${err}`));
            else resolve({ answers: out.split('\n').filter(Boolean).map(s => JSON.parse(s)), err });
        });
    });
    return { child, ended, ask: list => child.stdin.end(list.map(r => `${JSON.stringify(r)}\n`).join('')) };
}

export async function render(requests, options) {
    const r = startRender(options);
    r.ask(requests);
    const { answers } = await r.ended;
    if (answers.length !== requests.length) throw new Error(`${answers.length} answers to ${requests.length} requests`);
    return answers;
}

const environment = autoescape => new nunjucks.Environment([], { autoescape, throwOnUndefined: true });
const environments = { html: environment(true), text: environment(false) };
const printsNull = /attempted to output null or undefined value$/;

// Half of a pair of surrogates leaves Node as U+FFFD.
const utf8 = s => Buffer.from(s, 'utf8').toString('utf8');

// What a content becomes by Nunjucks in Node: { result, members } or { result, reason }.
export function reference(content, context, medium = 'mail') {
    const fresh = JSON.parse(JSON.stringify(context));
    const walk = (v, html) => {
        if (typeof v === 'string') return utf8(new nunjucks.Template(v, html ? environments.html : environments.text, undefined, true).render(fresh));
        if (Array.isArray(v)) return v.map(x => walk(x, html));
        if (v && typeof v === 'object') return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, walk(x, html)]));
        return v;
    };
    try {
        return { result: 'done', members: Object.fromEntries(Object.entries(content).map(([k, v]) => [k, walk(v, medium === 'mail' && k === 'html')])) };
    } catch (e) {
        return printsNull.test(e.message) ? { result: 'null', reason: e.message } : { result: 'failed', reason: e.message };
    }
}

// Numbers that look random and are the same in every run.
export function seeded(seed) {
    let a = seed >>> 0;
    const next = () => {
        a = (a + 0x6D2B79F5) >>> 0;
        let t = Math.imul(a ^ (a >>> 15), 1 | a);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    return { next, below: n => Math.floor(next() * n), of: list => list[Math.floor(next() * list.length)] };
}
