/*
 * What the services have in common: the door, the log, the desk, and being run from a shell.
 * The desk is what no real service has, below /-/ on the same port: GET /-/taken and /-/requests, POST /-/behave.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { openDoor } from './door.mjs';

const BODY_CAP = 4 * 1024 * 1024; // none of the services takes more, except SendGrid
const LOGGED_BODY = 64 * 1024; // a log is not a copy of everything that was sent

export const json = (status, value, headers = {}) => ({
    status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value),
});

function desk(service, call) {
    if (call.path === '/-/taken') return json(200, service.taken);
    if (call.path === '/-/requests') return json(200, [...service.requests]);
    try {
        const own = service.desk?.(call);
        if (own) return own;
        if (call.path !== '/-/behave' || call.method !== 'POST') return json(404, { message: 'The desk has /-/taken, /-/requests and /-/behave.' });
        service.behave(call.json());
        return json(200, service.behaviour);
    } catch (failure) {
        return json(400, { message: failure.message });
    }
}

/* Opens a service on HTTP. service has requests (Log), taken (Taken), behaviour and behave(); handle(call) gives a Reply.
 * Adds port, host, url and close() to it. */
export async function openService(service, options, handle) {
    const door = await openDoor({ port: 0, host: '127.0.0.1', bodyCap: BODY_CAP, ...options }, async call => {
        if (call.path.startsWith('/-/')) return desk(service, call);
        const entry = {
            at: Date.now(), method: call.method, path: call.path, headers: call.headers, version: call.version,
            body: call.body.subarray(0, LOGGED_BODY).toString('utf8'),
        };
        service.requests.add(entry);
        const reply = await handle(call);
        entry.status = reply.status;
        if (reply.end) entry.end = reply.end;
        return reply;
    });
    const { close } = service;
    return Object.assign(service, door, close && {
        close: async () => {
            await close();
            await door.close();
        },
    });
}

/* behave() of a service: takes over members that it knows, of the type they have, and refuses others by name. */
export function behaviour(service, known, changed = () => {}) {
    service.behaviour = { ...known };
    service.behave = wanted => {
        for (const [name, value] of Object.entries(wanted)) {
            if (!(name in known)) throw new TypeError(`behave: no ${name}; there are ${Object.keys(known).join(', ')}`);
            if (known[name] !== null && value !== null && typeof value !== typeof known[name]) {
                throw new TypeError(`behave: ${name} is a ${typeof known[name]}`);
            }
        }
        Object.assign(service.behaviour, wanted);
        changed(service.behaviour);
        return service;
    };
}

// --port 9101 --host 127.0.0.1 --cert FILE --key FILE, and the service's own options as --name value.
export function optionsOf(args, known = {}) {
    const found = {};
    for (let i = 0; i < args.length; i += 2) {
        const name = args[i].replace(/^--/, '');
        if (!args[i].startsWith('--') || !(name in { port: 0, host: 0, cert: 0, key: 0, ...known }) || args[i + 1] === undefined) {
            throw new Error(`unknown or incomplete option ${args[i]}; there are --port, --host, --cert and --key`
                + Object.keys(known).map(own => `, --${own}`).join(''));
        }
        found[name] = name === 'port' ? Number(args[i + 1]) : args[i + 1];
    }
    const { cert, key, ...rest } = found;
    if (!cert !== !key) throw new Error('--cert and --key go together');
    return cert ? { ...rest, tls: { cert: readFileSync(cert), key: readFileSync(key) } } : rest;
}

/* Starts the service of a module that was run from a shell, and prints how to reach it; does nothing when it was
 * imported. describe(service) gives lines of [name, value]. */
export async function runAlone(url, start, known, describe) {
    if (!process.argv[1] || url !== pathToFileURL(process.argv[1]).href) return;
    try {
        const service = await start(optionsOf(process.argv.slice(2), known));
        for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => service.close());
        for (const [name, value] of describe(service)) console.log(`${name.padEnd(20)} ${value}`);
    } catch (failure) {
        console.error(failure.message);
        process.exitCode = 2;
    }
}
