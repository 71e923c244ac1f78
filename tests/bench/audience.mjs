// How fast people come in: `./dev bench audience [PEOPLE]`. NDJSON of about 300 bytes a person with a mail address and a LINE id (in no order,
// so that the indexes are met at random), over one connection; then the same file again, which changes nothing; then CSV.
// Rows a second, CPU seconds of the whole node and of the store's thread, and the most memory it has had.
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import http from 'node:http';
import { startNode } from '../e2e/lib/node.mjs';

const people = Number(process.argv[2] ?? 1_000_000), WANTED = 60_000, WANTED_MIB = 200, PIECE = 2000, TICKS = 100;

const node = await startNode({ args: ['--log', 'error'] });
const { pid } = node.child;
const threads = () => readdirSync(`/proc/${pid}/task`).map(t => `/proc/${pid}/task/${t}`);
const seconds = file => { const f = readFileSync(file, 'utf8').replace(/.*\) /, '').split(' '); return (Number(f[11]) + Number(f[12])) / TICKS; };
const store = threads().find(t => readFileSync(`${t}/comm`, 'utf8') === 'store\n');
const mib = () => Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024);

// A number that looks like no order, the same in every run.
const mix = n => { let x = BigInt(n) * 0x9E3779B97F4A7C15n & 0xFFFFFFFFFFFFFFFFn; x ^= x >> 31n; return (x * 0xBF58476D1CE4E5B9n & 0xFFFFFFFFFFFFFFFFn).toString(16).padStart(32, '0'); };
const person = i => `{"userId":"user-${i}","attributes":{"plan":"${i % 3 ? 'free' : 'pro'}","age":${18 + i % 60},"city":"Sapporo-shi","joined":"2024-0${1 + i % 9}-11","score":${i % 1000 / 10}},"email":{"value":"person${i}@example.com","subscribed":true},"line":{"value":"U${mix(i)}","subscribed":true}}\n`;
const row = i => `user-${i},person${i}@example.com,true,U${mix(i)},true,${i % 3 ? 'free' : 'pro'},${19 + i % 60}\n`;

async function load(name, type, line, head = '') {
    const began = performance.now(), cpu = seconds(`/proc/${pid}/stat`), writer = seconds(`${store}/stat`);
    const req = http.request(`${node.url}/api/v1/providers/1/imports?into=users`, { method: 'POST', headers: { authorization: `Bearer ${node.key}`, 'content-type': type } });
    const answered = once(req, 'response');
    if (head) req.write(head);
    let bytes = 0;
    for (let i = 0; i < people; i += PIECE) {
        let piece = '';
        for (let k = i; k < i + PIECE && k < people; k++) piece += line(k);
        bytes += piece.length;
        if (!req.write(piece)) await once(req, 'drain');
    }
    req.end();
    const [res] = await answered;
    let text = '';
    for await (const d of res.setEncoding('utf8')) text += d;
    if (res.statusCode !== 202) throw new Error(`${res.statusCode} ${text}`);
    let i;
    do {
        await new Promise(r => setTimeout(r, 20));
        i = await (await fetch(`${node.url}/api/v1/providers/1/imports/${JSON.parse(text).importId}`, { headers: { authorization: `Bearer ${node.key}` } })).json();
    } while (i.state === 'running');
    if (i.state !== 'done' || i.taken !== people) throw new Error(JSON.stringify(i).slice(0, 500));
    const took = (performance.now() - began) / 1000, rate = Math.round(people / took), all = seconds(`/proc/${pid}/stat`) - cpu, its = seconds(`${store}/stat`) - writer;
    console.log(`${name.padEnd(16)} ${people} rows of ${Math.round(bytes / people)} B in ${took.toFixed(1)} s: ${rate} rows/s${rate < WANTED ? ` (wanted ${WANTED})` : ''}, CPU ${all.toFixed(1)} s, of it the store ${its.toFixed(1)} s (${Math.round(people / its)} rows a second of it), at most ${mib()} MiB${mib() > WANTED_MIB ? ` (wanted ${WANTED_MIB})` : ''}`);
}

await load('NDJSON, new', 'application/x-ndjson', person);
await load('NDJSON, again', 'application/x-ndjson', person);
await load('CSV, changes', 'text/csv', row, 'user_id,email,email_subscribed,line_user_id,line_subscribed,plan,age\n');
const from = performance.now(), found = await (await fetch(`${node.url}/api/v1/providers/1/users?text=person${people - 1}%40example.com`, { headers: { authorization: `Bearer ${node.key}` } })).json();
console.log(`a page of the search ${(performance.now() - from).toFixed(0)} ms, ${found.users.length} found${found.cursor ? ', more to be looked at' : ''}`);
await node.stop();
