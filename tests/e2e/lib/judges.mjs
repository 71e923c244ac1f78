// Prism (npm @stoplight/prism-cli) between a client and a service: it holds both to the service's published API description.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const READY_MS = 90_000; // prism reads a large description, on a machine that has other things to do

/* The file of an API description, or { skip: why } as node:test takes it. TODOKE_JUDGES names the folder; without it the folder
 * shared/judges beside the repository, or beside its parent, is looked at. */
export function description(name) {
    const folders = process.env.TODOKE_JUDGES ? [process.env.TODOKE_JUDGES]
        : ['..', '../..'].map(up => join(repository, up, 'shared/judges'));
    const file = folders.map(folder => join(folder, name)).find(existsSync);
    return file ? { file, skip: false } : { skip: `${name} is not in ${folders.join(', ')}: set TODOKE_JUDGES` };
}

/* Starts `prism proxy --errors` before a service. Resolves to { url, close() }. */
export async function startPrism(file, upstream) {
    const cli = join(dirname(createRequire(import.meta.url).resolve('@stoplight/prism-cli/package.json')), 'dist/index.js');
    const child = spawn(process.execPath, [cli, 'proxy', '--errors', '--host', '127.0.0.1', '--port', '0', file, upstream], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise(resolve => child.once('close', resolve));
    let said = '';
    const url = await new Promise((resolve, reject) => {
        const limit = setTimeout(() => reject(new Error(`prism is not ready after ${READY_MS} ms: ${said}`)), READY_MS);
        const read = text => {
            said = (said + text).slice(-4000);
            const found = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(said);
            if (!found) return;
            clearTimeout(limit);
            resolve(found[1]);
        };
        child.stdout.setEncoding('utf8').on('data', read);
        child.stderr.setEncoding('utf8').on('data', read);
        ended.then(code => {
            clearTimeout(limit);
            reject(new Error(`prism ended with ${code}: ${said}`));
        });
    }).catch(failure => {
        child.kill();
        throw failure;
    });
    return { url, close: () => (child.kill(), ended) };
}

/* What prism found in an exchange, of an answer's headers (Headers): the violations that it calls errors. */
export const violations = headers => JSON.parse(headers.get('sl-violations') ?? '[]').filter(row => row.severity === 'Error');
