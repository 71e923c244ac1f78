// How fast lists are answered with a million events in the store while events come and go: `./dev bench lists [EVENTS] [RATE]`.
// One channel, 100 events a request, 1 % of requests answered 500 and given up.
import http from 'node:http';
import { startNode, until } from '../e2e/lib/node.mjs';

const total = Number(process.argv[2] ?? 1_000_000), rate = Number(process.argv[3] ?? 10_000), TRIES = 15, WANTED_MS = 200;

const node = await startNode({ args: ['--log', 'error'] });
let taken = 0;
const bot = http.createServer((req, res) => { req.resume().on('end', () => res.writeHead(++taken % 100 ? 200 : 500).end()); }).listen(0, '127.0.0.1');
await new Promise(r => bot.once('listening', r));
const { channelId } = await node.channel({ name: 'lists', webhookUrl: `http://127.0.0.1:${bot.address().port}/`, maxEventsPerRequest: 100 });
const events = `/api/v1/channels/${channelId}/events`, agent = new http.Agent({ keepAlive: true });
const event = { type: 'message', message: { type: 'text', id: '1', text: 'x'.repeat(350) }, source: { type: 'user', userId: 'U1' } };

function post(count) {
    const body = JSON.stringify({ events: Array.from({ length: count }, () => event) });
    return new Promise((resolve, reject) => http.request(node.url + events, { method: 'POST', agent,
        headers: { authorization: `Bearer ${node.key}`, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } },
    r => r.resume().on('end', () => resolve(r.statusCode))).on('error', reject).end(body));
}

async function get(path) {
    const begin = performance.now();
    const text = await (await fetch(node.url + path, { headers: { authorization: `Bearer ${node.key}` } })).text();
    return { ms: performance.now() - begin, json: JSON.parse(text) };
}

const waiting = async () => (await get(`/api/v1/channels/${channelId}`)).json.backlogEvents;
for (let sent = 0; sent < total;) if (await post(500) === 202) sent += 500;
await until(async () => await waiting() === 0, () => 'the backlog does not end', 600_000);

let on = true, posted = 0;
const begin = performance.now();
const load = Array.from({ length: 8 }, async () => {
    while (on) {
        if (posted >= (performance.now() - begin) / 1000 * rate) await new Promise(r => setTimeout(r, 1));
        else { posted += 10; await post(10); }
    }
});
await new Promise(r => setTimeout(r, 1000));
for (const query of ['', '?limit=500', '?state=given_up', '?state=given_up&limit=500', '?state=delivered', '?state=pending', '?state=retrying']) {
    const times = [];
    let page = await get(events + query);
    for (let i = 0; i < TRIES; i++) times.push((await get(events + query)).ms);
    for (let i = 0; i < TRIES && page.json.cursor; i++) { // and deep into the list
        page = await get(`${events}${query}${query ? '&' : '?'}cursor=${page.json.cursor}`);
        times.push(page.ms);
    }
    times.sort((a, b) => a - b);
    console.log(`${(query || 'newest').padEnd(28)} p50 ${times[times.length >> 1].toFixed(1)} ms, max ${times.at(-1).toFixed(1)} ms${times.at(-1) > WANTED_MS ? ` (wanted ${WANTED_MS})` : ''}`);
}
console.log(`meanwhile ${Math.round(posted / ((performance.now() - begin) / 1000))} events/s of ${rate}`);
on = false;
await Promise.all(load);
await until(async () => await waiting() === 0, () => 'the backlog does not end', 600_000);
const from = performance.now(), { json } = await node.api('POST', `/api/v1/channels/${channelId}/redeliver`, { from: 0, to: Date.now() });
console.log(`${json.count} given up are due again after ${Math.round(performance.now() - from)} ms`);
bot.close();
bot.closeAllConnections();
agent.destroy();
await node.stop();
