// A load whose every event can be accounted for: publishers that note what was answered, bots that note what arrived, and the
// comparison of both with what the node has on record.
import assert from 'node:assert/strict';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './node.mjs';

export const schedule = ['25ms', '50ms', '100ms'];

// How a bot behaves, and what its channel is like. answer(nth time this event comes) → status, or 0 for silence. Only where a bot is silent is the time short:
// a busy machine answers late, too.
const kinds = {
    good: { webhookRedelivery: true, answer: () => 200 },
    alone: { webhookRedelivery: false, answer: () => 200 },
    slow: { webhookRedelivery: true, maxEventsPerRequest: 5, pause: 30, answer: () => 200 },
    flaky: { webhookRedelivery: true, maxEventsPerRequest: 3, answer: n => (n === 1 && Math.random() < 0.3 ? 500 : 200) },
    deaf: { webhookRedelivery: true, maxEventsPerRequest: 2, responseTimeoutMs: 300, answer: n => (n === 1 && Math.random() < 0.1 ? 0 : 200) },
    failing: { webhookRedelivery: false, answer: () => 500 },
    refusing: { webhookRedelivery: true, maxEventsPerRequest: 1, closed: true },
};
const must = new Set(['good', 'alone', 'slow']); // nothing of theirs may ever be given up

function request(agent, url, key, { method, path, body, headers = {} }) {
    return new Promise((resolve, reject) => {
        const r = http.request(url + path, { method, agent, headers: { authorization: `Bearer ${key}`, ...(body ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } : {}), ...headers } }, res => {
            let text = '';
            res.setEncoding('utf8').on('data', d => (text += d)).on('error', reject);
            res.on('end', () => (res.complete ? resolve({ status: res.statusCode, text }) : reject(new Error('cut off'))));
        });
        r.on('error', reject);
        r.end(body);
    });
}

export class Ledger {
    // forgets: the node prunes what has ended while it runs, so an event may be gone; but none that had not ended.
    constructor({ forgets = false } = {}) { this.forgets = forgets; }

    run = 0;                 // which start of the node this is
    ends = [];               // when each run was killed, wall clock ms; undefined: it was not
    node = null;             // the node that runs now, or null
    calls = [];              // { n, channel, count, keyed, ids | null }: null when nobody knows
    receipts = new Map();    // webhookEventId → [{ run, at, status }]
    idOf = new Map();        // 'call.i' → webhookEventId
    wrong = [];              // what must never be, as it was seen
    onAnswer = () => {};     // hooks for a test that kills: a 202 came, a request came, it was answered
    onRequest = () => {};
    onAnswered = () => {};
    #stop = false;
    #next = 0;

    async begin(node) {
        this.server = http.createServer({ keepAliveTimeout: 0 }, (req, res) => this.#receive(req, res));
        await new Promise(r => this.server.listen(0, '127.0.0.1', r));
        const gone = http.createServer();
        await new Promise(r => gone.listen(0, '127.0.0.1', r));
        const closed = `http://127.0.0.1:${gone.address().port}/refusing`;
        await new Promise(r => gone.close(r));
        this.channels = [];
        for (const [kind, k] of Object.entries(kinds)) {
            const { webhookRedelivery, maxEventsPerRequest = null, responseTimeoutMs = null } = k;
            const made = await node.channel({ webhookRedelivery, maxEventsPerRequest, responseTimeoutMs,
                webhookUrl: k.closed ? closed : `http://127.0.0.1:${this.server.address().port}/${kind}` });
            this.channels.push({ kind, id: made.channelId });
        }
    }

    started(node) { this.run++; this.node = node; }
    killed() { this.ends[this.run] = Date.now(); this.node = null; }

    #receive(req, res) {
        const run = this.run, kind = req.url.slice(1), chunks = [];
        req.on('data', d => chunks.push(d)).on('error', () => {});
        req.on('end', async () => {
            const { events } = JSON.parse(Buffer.concat(chunks).toString('utf8'));
            const all = events.map(e => {
                const id = e.webhookEventId, name = `${e.call}.${e.i}`;
                if ((this.idOf.get(name) ?? id) !== id) this.wrong.push(`event ${name} came as ${this.idOf.get(name)} and as ${id}`);
                this.idOf.set(name, id);
                const list = this.receipts.get(id) ?? this.receipts.set(id, []).get(id);
                const receipt = { run, at: Date.now(), status: 0 };
                list.push(receipt);
                return { id, receipt, n: list.length };
            });
            this.onRequest();
            if (kinds[kind].pause) await sleep(kinds[kind].pause);
            const answers = all.map(a => kinds[kind].answer(a.n)), status = answers.includes(0) ? 0 : Math.max(...answers);
            if (status === 0) return;
            all.forEach(a => (a.receipt.status = status));
            res.on('error', () => {});
            res.writeHead(status).end('ok');
            this.onAnswered();
        });
    }

    // One publisher; several may run. Ends after stop().
    async publish() {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        while (!this.#stop) {
            const n = this.#next++, channel = this.channels[n % this.channels.length], count = 1 + n % 7, keyed = n % 4 !== 0;
            const call = { n, channel, count, keyed, ids: null };
            const body = JSON.stringify({ events: Array.from({ length: count }, (_, i) => ({ type: 'note', call: n, i, pad: 'x'.repeat(n % 5 * 300) })) });
            this.calls.push(call);
            for (;;) {
                const node = this.node;
                if (!node) {
                    if (this.#stop) break;
                    await sleep(5);
                    continue;
                }
                const r = await request(agent, node.url, node.key, { method: 'POST', path: `/api/v1/channels/${channel.id}/events`, body, headers: keyed ? { 'idempotency-key': `call-${n}` } : {} }).catch(() => null);
                if (r?.status === 202) {
                    call.ids = JSON.parse(r.text).webhookEventIds;
                    this.onAnswer();
                    break;
                }
                if (r && r.status !== 503 && r.status !== 429) {
                    this.wrong.push(`call ${n}: ${r.status} ${r.text}`);
                    break;
                }
                if (!r && !keyed) break; // nobody knows: the node died with it
                await sleep(r ? 50 : 5);
            }
            await sleep(n % 3);
        }
        agent.destroy();
    }

    stop() { this.#stop = true; }
    close() { this.server.closeAllConnections(); return new Promise(r => this.server.close(r)); }

    // Once the load is over: waits until nothing is pending, and compares.
    async settle(node) {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
        const get = async path => {
            const r = await request(agent, node.url, node.key, { method: 'GET', path });
            assert.equal(r.status, 200, r.text);
            return JSON.parse(r.text);
        };
        let left;
        await until(async () => {
            left = (await Promise.all(this.channels.map(c => get(`/api/v1/channels/${c.id}`)))).map(c => c.backlogEvents);
            return left.every(n => n === 0);
        }, () => `events still wait: ${left}`, 60_000);
        const states = new Map(), kind = new Map(), path = new Map();
        for (const c of this.channels) {
            let cursor = '';
            do {
                const page = await get(`/api/v1/channels/${c.id}/events?limit=500${cursor && `&cursor=${cursor}`}`);
                for (const e of page.events) {
                    states.set(e.webhookEventId, e.state);
                    kind.set(e.webhookEventId, c.kind);
                    path.set(e.webhookEventId, `/api/v1/channels/${c.id}/events/${e.webhookEventId}`);
                }
                cursor = page.cursor;
            } while (cursor);
        }
        const total = { accepted: 0, delivered: 0, givenUp: 0, duplicates: 0, unknownKept: 0 };
        const wrong = [...this.wrong], answered = new Set();
        for (const call of this.calls.filter(c => c.ids)) {
            if (call.ids.length !== call.count) wrong.push(`call ${call.n}: ${call.ids.length} ids for ${call.count} events`);
            for (const [i, id] of call.ids.entries()) {
                if (answered.has(id)) wrong.push(`${id} was given twice`);
                answered.add(id);
                total.accepted++;
                const taken = (this.receipts.get(id) ?? []).some(r => r.status === 200);
                if (!states.has(id) && !(this.forgets && (taken || !must.has(call.channel.kind)))) wrong.push(`lost: ${id} of call ${call.n}, ${call.channel.kind}`);
                const came = this.idOf.get(`${call.n}.${i}`);
                if (came && came !== id) wrong.push(`call ${call.n}: event ${i} was answered as ${id} and sent as ${came}`);
            }
        }
        if (!this.forgets) await this.#unanswered([...states.keys()].filter(id => !answered.has(id)), path, get, wrong, total);
        const look = [...states].filter(([id, state]) => state !== 'delivered' || (this.receipts.get(id) ?? []).length !== 1);
        for (let i = 0; i < look.length && !this.forgets; i += 8)
            await Promise.all(look.slice(i, i + 8).map(async ([id, state]) => this.#judge(id, state, kind.get(id), await get(path.get(id)), wrong, total)));
        for (const state of states.values()) if (state === 'delivered') total.delivered++;
        agent.destroy();
        assert.deepEqual(wrong.slice(0, 20), [], `${wrong.length} things that must not be`);
        return total;
    }

    // Events nobody was told of: of calls without a key that a kill cut off, whole calls only.
    async #unanswered(ids, path, get, wrong, total) {
        const found = new Map();
        for (const id of ids) {
            const { event } = await get(path.get(id));
            found.set(event.call, (found.get(event.call) ?? 0) + 1);
        }
        for (const [n, count] of found) {
            const call = this.calls.find(c => c.n === n);
            if (call.ids || call.keyed) wrong.push(`call ${n} was kept twice`);
            if (count !== call.count) wrong.push(`call ${n} was kept in part: ${count} of ${call.count}`);
            total.unknownKept += count;
        }
    }

    // One event that was not simply delivered once.
    #judge(id, state, kind, view, wrong, total) {
        const receipts = this.receipts.get(id) ?? [], attempts = view.attempts, say = what => wrong.push(`${id} (${kind}, ${state}): ${what}; ${JSON.stringify({ receipts, ends: this.ends, attempts: attempts.map(a => [a.startedAt, a.status, a.cause]) })}`);
        if (state === 'delivered' && !receipts.some(r => r.status === 200)) say('no bot ever took it');
        if (state === 'given_up') {
            total.givenUp++;
            if (must.has(kind)) say('given up');
            const wanted = kinds[kind].webhookRedelivery ? schedule.length + 1 : 1;
            if (attempts.length !== wanted) say(`given up after ${attempts.length} attempts, not ${wanted}`);
        } else if (state !== 'delivered') {
            say('not at an end');
        }
        for (const run of new Set(receipts.map(r => r.run))) {
            const from = this.ends[run - 1] ?? 0, to = this.ends[run] ?? Infinity, here = receipts.filter(r => r.run === run);
            const recorded = attempts.filter(a => a.status !== 0 || a.phase === 'await').filter(a => { const t = Date.parse(a.startedAt); return t >= from && t <= to; }).length;
            const extra = here.length - recorded;
            if (extra <= 0) continue;
            total.duplicates += extra;
            if (extra > 1) say(`${extra} sends of run ${run} are not on record`);
            if (to === Infinity) say('a send is not on record, and the node was not killed');
            else if (to - here.at(-1).at > 3000) say(`a send ${to - here.at(-1).at} ms before the kill is not on record`);
        }
        for (let i = 1; i < attempts.length; i++) // on the node's own clock, whose milliseconds are cut off
            if (Date.parse(attempts[i].startedAt) + 1 < Date.parse(attempts[i - 1].startedAt) + attempts[i - 1].timings.total_us / 1000) say('sent again while it was on its way');
        const end = attempts.findIndex(a => a.reason === 'ok');
        if (end >= 0 && end !== attempts.length - 1) say('sent again after it was on record as delivered');
    }
}
