// Strangers on either side: calls that nobody well-meaning makes, and a node that is none and answers our commands.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { command, createKey, dataDir, startNode } from './lib/node.mjs';

describe('a node among strangers', () => {
    let node;
    before(async () => { node = await startNode(); });
    after(async () => { await node.stop(); });

    it('refuses to redeliver for a channel that is not there, however often', async () => {
        for (let i = 0; i < 50; i++) {
            const r = await node.api('POST', '/api/v1/channels/2999999999/redeliver', { from: 0, to: 1 });
            assert.deepEqual([r.status, r.json.message], [404, 'No such channel']);
        }
    });

    it('takes no name that commands a terminal or turns a line around', async () => {
        for (const name of ['a\u001b[2J', 'a\u009b2J', 'a\u202eb', 'a\u2028b', '\ufeffa']) {
            const r = await node.api('POST', '/api/v1/channels', { name });
            assert.equal(r.status, 400, JSON.stringify(name));
            assert.equal(r.json.details[0].property, 'name');
        }
        assert.equal((await node.api('POST', '/api/v1/channels', { name: '届け 🚚' })).status, 201);
    });

    it('says that a compressed body is none it can read', async () => {
        const channel = await node.channel({});
        const r = await node.api('PATCH', `/api/v1/channels/${channel.channelId}`, undefined, { raw: '{"name":"x"}', headers: { 'content-encoding': 'gzip' } });
        assert.equal(r.status, 415);
        assert.match(r.json.message, /Content-Encoding/);
    });
});

it("keeps a node's files from other users, in an open directory too", async () => {
    const data = dataDir();
    try {
        chmodSync(data, 0o755);
        createKey(data);
        const node = await startNode({ data });
        await node.channel({});
        for (const name of readdirSync(data)) assert.equal(statSync(join(data, name)).mode & 0o077, 0, name);
        await node.stop();
    } finally {
        rmSync(data, { recursive: true, force: true });
    }
});

describe('settings', () => {
    let data;
    before(() => { data = dataDir(); });
    after(() => rmSync(data, { recursive: true, force: true }));
    const serve = (...args) => command(['serve', '--data', data, '--listen', '127.0.0.1:0', ...args]);

    it('put no header of their own into a webhook', async () => {
        for (const agent of ['x\r\nEvil: 1', 'x\u0001', 'é']) {
            const r = await serve('--user-agent', agent);
            assert.equal(r.code, 2, JSON.stringify(r));
            assert.match(r.stderr, /user-agent/);
        }
    });

    it('are read whole or not at all', async () => {
        const file = join(data, 'long.ini');
        for (const text of [`# ${'z'.repeat(197)}window = 1\n`, `user-agent = ${'x'.repeat(300)}\n`]) {
            writeFileSync(file, `window = 5\n${text}`);
            const r = await serve('--config', file);
            assert.equal(r.code, 2, JSON.stringify(r));
            assert.match(r.stderr, /long\.ini:2: longer than \d+ bytes/);
        }
        const r = await serve('--config', data);
        assert.deepEqual([r.code, r.stderr], [2, `todoke: ${data}: Is a directory\n`]);
    });

    it('that make no sense end with 2', async () => {
        for (const args of [['--listen', 'x'], ['--dns', 'x'], ['--listen', '[::1]:99999']]) assert.equal((await serve(...args)).code, 2, `${args}`);
    });
});

it('a key that is none goes to nobody', async () => {
    const r = await command(['channel', 'list', '--api', 'http://127.0.0.1:1', '--key', 'k\r\nX: y']);
    assert.equal(r.code, 2, JSON.stringify(r));
    assert.match(r.stderr, /not a key/);
});

describe('a command that talks to no node', () => {
    let server, url, answer;
    before(async () => {
        server = http.createServer((req, res) => { req.resume(); res.writeHead(answer.status ?? 200); res.end(answer.body); }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        url = `http://127.0.0.1:${server.address().port}`;
    });
    after(() => { server.close(); server.closeAllConnections(); });
    const run = (args, given, input) => { answer = given; return command([...args, '--api', url, '--key', 'k'], { input }); };

    it('says so, and does not fall over what it is told', async () => {
        const send = ['event', 'send', '1', '-'], list = ['channel', 'list'];
        for (const [args, body] of [
            [send, '{"webhookEventIds":[1,null,{}]}'], [send, '{"webhookEventIds":[]}'], [send, '<html>'], [send, ''],
            [list, '<html>'], [list, '{"channels":[null]}'], [list, '{"channels":[{"channelId":"1"}]}'], [list, '{"channels":{}}'],
            [list, '{"channels":[],"cursor":"x\\r\\nX: y"}'], [list, '{"channels":[],"cursor":"0"}'],
        ]) {
            const r = await run(args, { body }, '{"type":"x"}');
            assert.equal(r.code, 1, `${args} ${body}: ${JSON.stringify(r)}`);
            assert.match(r.stderr, /not that of a todoke node/);
        }
    });

    it('ends a list whose pages go round in a circle', async () => {
        const r = await run(['channel', 'list'], { body: '{"channels":[],"cursor":"5"}' });
        assert.equal(r.code, 1, JSON.stringify(r));
    });

    it('passes no command on to the terminal', async () => {
        const evil = '\u001b]0;x\u0007\u009b2J\u202e';
        for (const r of [
            await run(['event', 'send', '1', '-'], { body: JSON.stringify({ webhookEventIds: [evil] }) }, '{"type":"x"}'),
            await run(['channel', 'list'], { body: JSON.stringify({ channels: [{ channelId: '1', name: evil, webhookUrl: evil }] }) }),
            await run(['channel', 'show', '1'], { body: JSON.stringify({ evil }) }),
            await run(['channel', 'show', '1'], { body: evil }),
            await run(['channel', 'show', '1'], { body: JSON.stringify({ message: evil }), status: 404 }),
        ]) assert.doesNotMatch(r.stdout + r.stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/, JSON.stringify(r));
    });
});
