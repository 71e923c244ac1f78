// A soak: good and bad bots under a steady load, and the node's memory and descriptors watched every second. Both must stay flat, and every
// event of a good bot must arrive exactly once.
//
//     ./dev bench soak [SECONDS]     30 by default; 600 is the long one
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startBot } from '../e2e/lib/bot.mjs';
import { startNode } from '../e2e/lib/node.mjs';

const seconds = Number(process.argv[2] ?? 30);
if (!Number.isFinite(seconds) || seconds < 10) throw new Error('usage: ./dev bench soak [SECONDS], at least 10');
const CALLS_A_SECOND = 40, EVENTS_A_CALL = 5, SETTLE_S = 60;

const rss = pid => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
const descriptors = pid => readdirSync(`/proc/${pid}/fd`).length;
const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

// A server that ends every connection in its own way once it has read something.
async function startRough(end) {
    const open = new Set();
    const server = net.createServer(c => {
        open.add(c);
        c.on('error', () => {}).on('close', () => open.delete(c)).once('data', () => end(c));
    });
    await new Promise(r => server.listen(0, '127.0.0.1', r));
    return { url: `http://127.0.0.1:${server.address().port}/`, close: () => { for (const c of open) c.destroy(); server.close(); } };
}

const node = await startNode({ args: ['--response-timeout', '300ms', '--redelivery-schedule', '200ms,400ms,800ms'] });
const good = await Promise.all([startBot(), startBot(), startBot()]);
const bad = [await startBot(() => 500), await startBot((request, n) => (n % 3 ? 503 : 200)), await startRough(() => {}),
    await startRough(c => c.destroy()), await startRough(c => c.resetAndDestroy()), await startRough(c => c.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')),
    { url: 'http://127.0.0.1:1/', close() {} }];
const channels = [];
for (const bot of good) channels.push({ bot, posted: 0, ...(await node.channel({ webhookUrl: bot.url })) });
for (const bot of bad) for (const webhookRedelivery of [false, true]) channels.push({ posted: 0, ...(await node.channel({ webhookUrl: bot.url, webhookRedelivery })) });

const samples = [];
const sampler = setInterval(() => samples.push({ rss: rss(node.child.pid), fds: descriptors(node.child.pid) }), 1000);
let refused = 0, calls = 0;
const began = Date.now(), until = began + seconds * 1000;
for (; Date.now() < until; calls++) {
    const channel = channels[calls % channels.length];
    const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events: Array.from({ length: EVENTS_A_CALL }, (_, i) => ({ type: 'soak', n: calls * EVENTS_A_CALL + i })) });
    if (r.status === 202) channel.posted += EVENTS_A_CALL;
    else if (r.status === 429) refused++;
    else throw new Error(`posting: ${r.status} ${r.text}`);
    await sleep(Math.max(0, began + (calls + 1) * (1000 / CALLS_A_SECOND) - Date.now()));
}
const late = Date.now() + SETTLE_S * 1000;
while (good.some((b, i) => b.ids().length < channels[i].posted) && Date.now() < late) await sleep(100);
clearInterval(sampler);

const third = Math.floor(samples.length / 3), middle = samples.slice(third, 2 * third), last = samples.slice(2 * third);
const figures = { 'RSS, MB': 'rss', descriptors: 'fds' };
const problems = [];
console.log(`soak: ${calls} calls of ${EVENTS_A_CALL} events in ${seconds} s to ${channels.length} channels, ${refused} turned away (429)`);
for (const [name, key] of Object.entries(figures)) {
    const a = median(middle.map(s => s[key])), b = median(last.map(s => s[key])), most = Math.max(...samples.map(s => s[key]));
    console.log(`  ${name.padEnd(12)} middle third ${a.toFixed(0)}, last third ${b.toFixed(0)}, at most ${most.toFixed(0)}`);
    if (b > a * 1.1 + 8) problems.push(`${name} grow`);
}
for (const [i, bot] of good.entries()) {
    const ids = bot.ids();
    if (ids.length !== channels[i].posted || new Set(ids).size !== ids.length) problems.push(`good bot ${i}: ${channels[i].posted} posted, ${ids.length} arrived, ${new Set(ids).size} different`);
}
const end = await node.stop();
for (const bot of [...good, ...bad]) await bot.close();
if (end?.code) problems.push(`the node ended with ${end.code}`);
for (const p of problems) console.error(`  not ok: ${p}`);
console.log(problems.length ? 'soak: failed' : 'soak: flat, and nothing lost or doubled');
process.exitCode = problems.length ? 1 : 0;
