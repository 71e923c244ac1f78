// Where the two editions of LINE's documentation differ, a node can be told which to follow (docs/conformance.md).
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, dataDir, startNode } from './lib/node.mjs';
import { rmSync } from 'node:fs';

const text = { type: 'message', message: { type: 'text', id: '1', text: 'hello' } };

// What a node with these settings calls one delivery to the URL.
async function told(node, webhookUrl, members = {}) {
    const channel = await node.channel({ webhookUrl, ...members });
    const [id] = await node.post(channel, [text]);
    let event;
    for (const end = Date.now() + 15_000; ;) {
        event = await node.event(channel, id);
        if (event.state !== 'pending' || Date.now() > end) break;
        await new Promise(r => setImmediate(r));
    }
    const { reason, detail, cause, processed, timings } = event.attempts[0];
    return { state: event.state, reason, detail, cause, processed, timings };
}

// A server that answers TLS with words.
async function plainText() {
    const server = net.createServer(s => { s.on('error', () => {}).resume(); s.write('HTTP/1.1 400 Bad Request\r\n\r\n'); });
    await new Promise(r => server.listen(0, '127.0.0.1', r));
    return { url: `https://127.0.0.1:${server.address().port}/`, close: () => new Promise(r => server.close(r)) };
}

describe('the newer edition, which is the default', () => {
    let node, bot, plain;
    before(async () => { [node, bot, plain] = await Promise.all([startNode(), startBot(), plainText()]); });
    after(async () => { await node.stop(); await bot.close(); await plain.close(); });

    for (const status of [200, 201, 204, 210, 299])
        it(`${status} is a success`, async () => {
            bot.answer = () => status;
            assert.deepEqual((({ state, reason, detail }) => [state, reason, detail])(await told(node, bot.url)), ['delivered', 'ok', `${status}`]);
        });

    for (const status of [300, 400, 500])
        it(`${status} is error_status_code`, async () => {
            bot.answer = () => status;
            assert.deepEqual((({ state, reason, detail }) => [state, reason, detail])(await told(node, bot.url)), ['given_up', 'error_status_code', `${status}`]);
        });

    it('has the row No SSL/TLS record', async () => {
        const t = await told(node, plain.url);
        assert.deepEqual([t.reason, t.detail, t.cause, t.processed], ['could_not_connect', 'No SSL/TLS record', 'tls_no_record', 'no']);
    });

    it('waits two seconds for the answer', async () => {
        bot.answer = () => new Promise(() => {});
        const t = await told(node, bot.url);
        assert.deepEqual([t.reason, t.detail, t.processed], ['request_timeout', 'Request timeout', 'unknown']);
        assert.ok(t.timings.total_us >= 2_000_000 && t.timings.total_us < 6_000_000, `${t.timings.total_us} us`);
    });

    it('a channel can have the one second of the older', async () => {
        bot.answer = () => new Promise(() => {});
        const t = await told(node, bot.url, { responseTimeoutMs: 1000 });
        assert.equal(t.reason, 'request_timeout');
        assert.ok(t.timings.total_us >= 1_000_000 && t.timings.total_us < 2_000_000, `${t.timings.total_us} us`);
    });
});

describe('the older edition', () => {
    let node, bot, plain;
    before(async () => {
        [bot, plain] = await Promise.all([startBot(), plainText()]);
        node = await startNode({ args: ['--success-status', '200', '--no-tls-record=false', '--response-timeout', '1s'] });
    });
    after(async () => { await node.stop(); await bot.close(); await plain.close(); });

    it('only 200 is a success', async () => {
        bot.answer = () => 200;
        assert.equal((await told(node, bot.url)).state, 'delivered');
        bot.answer = () => 201;
        const t = await told(node, bot.url);
        assert.deepEqual([t.state, t.reason, t.detail, t.cause, t.processed], ['given_up', 'error_status_code', '201', 'status_other_success', 'yes']);
    });

    it('has no row No SSL/TLS record', async () => {
        const t = await told(node, plain.url);
        assert.deepEqual([t.reason, t.detail, t.cause, t.processed], ['could_not_connect', 'TLS handshake failure', 'tls_no_record', 'no']);
    });

    it('waits one second for the answer', async () => {
        bot.answer = () => new Promise(() => {});
        const t = await told(node, bot.url);
        assert.equal(t.reason, 'request_timeout');
        assert.ok(t.timings.total_us >= 1_000_000 && t.timings.total_us < 2_000_000, `${t.timings.total_us} us`);
    });
});

it('20x: 200 to 209', async () => {
    const bot = await startBot(), node = await startNode({ args: ['--success-status', '20x'] });
    const states = [];
    for (const status of [200, 204, 209, 210]) {
        bot.answer = () => status;
        states.push((await told(node, bot.url)).state);
    }
    await node.stop();
    await bot.close();
    assert.deepEqual(states, ['delivered', 'delivered', 'delivered', 'given_up']);
});

it('a success-status that is none is refused by name', async () => {
    const data = dataDir();
    const r = await command(['serve', '--data', data, '--success-status', '201']);
    rmSync(data, { recursive: true });
    assert.equal(r.code, 2);
    assert.match(r.stderr, /success-status: "201" is not one of 2xx\/20x\/200/);
});
