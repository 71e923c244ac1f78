// Runs one todoke node as a child process and calls its API.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const START_LIMIT_MS = 10_000, STOP_LIMIT_MS = 5_000;
const LOG_LINES = 40; // enough to see why a node ended

export async function todoke(bin, ...args) {
    return (await promisify(execFile)(bin, args)).stdout;
}

// The catalogue's entry about a cause, in the reader's language.
export async function explain(bin, cause, lang) {
    const rows = JSON.parse(await todoke(bin, 'explain', '--json', '--lang', lang, cause));
    return rows.find(r => r.kind === 'cause' && r.cause === cause);
}

// The kernel stops the node when the demo dies, even by SIGKILL.
const tied = args => (existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM', '--', ...args] : args);

// Adds its stop() to undo at once, so that an interruption during the start stops the node too.
export async function startNode(bin, dir, flags, undo) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const key = (await todoke(bin, 'key', 'create', '--data', dir, '--role', 'operator')).trim().split(/\s+/).pop();
    const [file, ...args] = tied([bin, 'serve', '--data', dir, '--listen', '127.0.0.1:0', ...flags]);
    // In its own session, so that Ctrl-C reaches only the demo, which stops the node before the bots.
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const node = { pid: child.pid, key, log: [] };
    const ended = new Promise(resolve => {
        child.once('close', (code, signal) => resolve(signal ?? code));
        child.once('error', e => resolve(e.message));
    });
    node.ended = ended.then(how => (node.gone = [`the node ended: ${how}`, ...node.log].join('\n  ')));

    // Fails if the node does not exit with 0 within the limit.
    node.stop = async () => {
        if (node.gone) return;
        child.kill('SIGTERM');
        const slow = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
        const how = await ended;
        clearTimeout(slow);
        if (how !== 0) throw new Error(node.gone);
    };
    node.kill = () => node.gone || child.kill('SIGKILL');
    undo.push(node.stop);
    process.prependListener('exit', node.kill);

    const address = new Promise(resolve => {
        const read = bytes => {
            const lines = bytes.toString().split('\n').filter(Boolean);
            node.log = [...node.log, ...lines].slice(-LOG_LINES);
            node.link ??= /http\S+\/setup#\S+/.exec(lines.join('\n'))?.[0]; // the link that makes the console's first account
            const found = lines.join('\n').match(/127\.0\.0\.1:([1-9]\d*)/);
            if (found) resolve(`http://127.0.0.1:${found[1]}`);
        };
        child.stdout.on('data', read);
        child.stderr.on('data', read);
    });
    let late;
    const limit = new Promise(resolve => (late = setTimeout(resolve, START_LIMIT_MS)));
    node.url = await Promise.race([address, node.ended.then(() => null), limit]);
    clearTimeout(late);
    if (node.url) return node;
    node.kill();
    throw new Error(node.gone ?? ['the node does not say where it listens', ...node.log].join('\n  '));
}

// An answer of the API that is not 2xx is an error with the API's own words.
export async function call(node, method, path, body) {
    const response = await fetch(node.url + path, {
        method,
        headers: { Authorization: `Bearer ${node.key}`, ...(body ? { 'Content-Type': 'application/json' } : {}) },
        body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
}
