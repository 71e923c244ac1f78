// Through a node: a name that one family's broken name server disowns is found every time, and the phases of an attempt are parts of its own time
// however many attempts wait for one look-up, one connection, one handshake.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { caFile, certs } from './lib/certs.mjs';
import { A, RCODE, dnsPeer } from './lib/dns.mjs';
import { startNode } from './lib/node.mjs';
import { checkTimings } from './lib/probe.mjs';
import { sleep } from './lib/raw.mjs';

const event = n => ({ type: 'message', message: { type: 'text', id: String(n), text: `event ${n}` }, source: { type: 'user', userId: 'U1' } });

describe('AAAA does not exist, A does', () => {
    let node, bot, dns;
    before(async () => {
        bot = await startBot(() => ({ status: 200, headers: { connection: 'close' } }));
        // 0 to 20 ms after the other: the second time the other way round.
        let n = 0;
        dns = await dnsPeer(q => (q.type === A ? { answers: [{ type: A, value: '127.0.0.1', ttl: 0 }], delay: n++ % 21 } : { rcode: RCODE.NXDOMAIN, delay: n % 3 }));
        node = await startNode({ args: ['--dns', dns.address] });
    });
    after(() => Promise.all([node?.stop(), bot?.close(), dns?.close()]));

    it('every event arrives at once', { timeout: 60_000 }, async () => {
        const channel = await node.channel({ webhookUrl: `http://bot.test:${new URL(bot.url).port}/` });
        for (let n = 0; n < 25; n++) {
            const [id] = await node.post(channel, [event(n)]);
            const e = await node.reaches(channel, id, 'delivered');
            assert.equal(e.attempts.length, 1, JSON.stringify(e.attempts));
        }
    });
});

describe('phases', () => {
    for (const { name, least, tls, answer } of [
        { name: 'HTTP/1, a connection each', least: 20, answer: () => ({ status: 200, headers: { connection: 'close' } }) },
        { name: 'HTTP/1, kept', least: 1, answer: () => 200 },
        { name: 'HTTP/2, one for all', least: 2, tls: certs.good, answer: () => 200 },
        { name: 'HTTP/1, a server error', least: 20, answer: () => ({ status: 500, headers: { connection: 'close' } }) },
    ]) {
        it(`${name}: their sum is no more than the whole`, { timeout: 60_000 }, async () => {
            const bot = await startBot(answer, tls);
            const dns = await dnsPeer(q => ({ answers: q.type === A ? [{ type: A, value: '127.0.0.1', ttl: 0 }] : [], delay: 800 }));
            const node = await startNode({ args: ['--dns', dns.address, '--ca', caFile, '--response-timeout', '10s'] });
            try {
                const port = new URL(bot.url).port, scheme = tls ? 'https' : 'http';
                const channels = await Promise.all(Array.from({ length: 12 }, () => node.channel({ webhookUrl: `${scheme}://bot.test:${port}/` })));
                const seen = [];
                for (const round of [1, 2]) {
                    // One after the other, so that the later ones find a look-up under way.
                    const posted = [];
                    for (const c of channels) {
                        posted.push([c, (await node.post(c, [event(round)]))[0]]);
                        await sleep(20);
                    }
                    for (const [c, id] of posted) {
                        let e;
                        do e = await node.event(c, id); while (!['delivered', 'given_up'].includes(e.state) && (await sleep(10), true));
                        seen.push(...e.attempts);
                    }
                }
                assert.ok(seen.length >= 24);
                for (const a of seen) checkTimings(a.timings, JSON.stringify(a));
                const waited = seen.filter(a => a.timings.dns_us > 0);
                assert.ok(waited.length >= least, `${waited.length} have waited for the name`);
                // The later an event came, the shorter it waited.
                if (tls) assert.ok(Math.min(...waited.map(a => a.timings.dns_us)) < 790_000, `each has waited for all of it: ${waited.map(a => a.timings.dns_us)}`);
                if (tls) assert.ok(seen.some(a => a.timings.tls_us > 0));
                assert.ok(seen.every(a => a.http === (tls ? '2' : '1.1')), JSON.stringify(seen));
            } finally {
                await Promise.all([node.stop(), bot.close(), dns.close()]);
            }
        });
    }
});
