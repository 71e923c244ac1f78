// The API as strangers, publishers and operators meet it: every refusal, channels, keys, settings, commands.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { bin, command, createKey, dataDir, startNode, until } from './lib/node.mjs';

const text = (n = 0) => ({ type: 'message', message: { type: 'text', id: String(n), text: `こんにちは ${n}` }, source: { type: 'user', userId: 'U1' } });

describe('channels', () => {
    let node;
    before(async () => { node = await startNode(); });
    after(() => node.stop());

    it('are made with a name alone, shown, changed, listed and deleted', async () => {
        const c = await node.channel({ name: '届け bot' });
        assert.match(c.channelId, /^\d{10}$/);
        assert.match(c.channelSecret, /^[0-9a-f]{32}$/);
        assert.match(c.botUserId, /^U[0-9a-f]{32}$/);
        assert.ok(c.channelAccessToken.length >= 32);
        assert.deepEqual([c.webhookUrl, c.useWebhook, c.webhookRedelivery, c.errorStatistics, c.language, c.maxEventsPerRequest, c.responseTimeoutMs],
            [null, false, false, false, 'en', 1, 2000]);
        const path = `/api/v1/channels/${c.channelId}`;
        const shown = (await node.api('GET', path)).json;
        assert.equal(shown.name, '届け bot');
        assert.ok(!('channelSecret' in shown) && !('channelAccessToken' in shown));
        const changed = await node.api('PATCH', path, { webhookUrl: 'http://127.0.0.1:9/x', useWebhook: true, webhookRedelivery: true, responseTimeoutMs: 500, language: 'ja' });
        assert.equal(changed.status, 200, changed.text);
        assert.deepEqual([changed.json.useWebhook, changed.json.maxEventsPerRequest, changed.json.responseTimeoutMs, changed.json.language], [true, 100, 500, 'ja']);
        assert.equal((await node.api('PATCH', path, { webhookUrl: null })).json.details[0].property, 'webhookUrl');
        assert.equal((await node.api('PATCH', path, { webhookUrl: null, useWebhook: false })).json.webhookUrl, null);
        assert.equal((await node.api('DELETE', path)).status, 204);
        for (const [m, p, b] of [['GET', path], ['PATCH', path, {}], ['DELETE', path], ['POST', `${path}/events`, { events: [text()] }]])
            assert.equal((await node.api(m, p, b)).status, 404, `${m} ${p}`);
    });

    it('may have a redelivery schedule of their own', async () => {
        const bot = await startBot(() => 500);
        try {
            const c = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true });
            const path = `/api/v1/channels/${c.channelId}`;
            assert.equal(c.redeliverySchedule, null);
            assert.deepEqual((await node.api('PATCH', path, { redeliverySchedule: [1, 604800] })).json.redeliverySchedule, [1, 604800]);
            const [id] = await node.post(c, [text()]);
            await until(async () => (await node.event(c, id)).tries === 2, undefined, 10_000);
            const { nextAttemptAt, attempts } = await node.event(c, id);
            assert.ok(new Date(nextAttemptAt) - new Date(attempts[1].startedAt) > 604800 * 700, nextAttemptAt);
            assert.deepEqual(bot.events().map(e => e.deliveryContext.isRedelivery), [false, true]);
            assert.equal((await node.api('PATCH', path, { redeliverySchedule: null })).json.redeliverySchedule, null);
        } finally {
            await bot.close();
        }
    });

    it('are listed with a cursor', async () => {
        const made = [];
        for (let i = 0; i < 5; i++) made.push((await node.channel({ name: `n${i}` })).channelId);
        const seen = [];
        let cursor = '';
        do {
            const r = await node.api('GET', `/api/v1/channels?limit=2${cursor && `&cursor=${cursor}`}`);
            assert.ok(r.json.channels.length <= 2);
            seen.push(...r.json.channels.map(c => c.channelId));
            cursor = r.json.cursor;
        } while (cursor);
        assert.deepEqual(seen.filter(i => made.includes(i)), made);
    });

    it('with Use webhook off refuse events, and keep what waits', async () => {
        const bot = await startBot(() => 500);
        const c = await node.channel({ webhookUrl: bot.url, useWebhook: false });
        const r = await node.api('POST', `/api/v1/channels/${c.channelId}/events`, { events: [text()] });
        assert.equal(r.status, 409);
        await node.api('PATCH', `/api/v1/channels/${c.channelId}`, { useWebhook: true });
        await node.post(c, [text()]);
        await bot.close();
    });

    for (const [body, property] of [
        [{}, 'name'], [{ name: '' }, 'name'], [{ name: 1 }, 'name'], [{ name: 'x'.repeat(101) }, 'name'], [{ name: 'a\nb' }, 'name'],
        [{ name: 'x', webhookUrl: 'ftp://example.com/' }, 'webhookUrl'], [{ name: 'x', webhookUrl: 'https://u:p@example.com/' }, 'webhookUrl'],
        [{ name: 'x', webhookUrl: `https://example.com/${'a'.repeat(500)}` }, 'webhookUrl'], [{ name: 'x', webhookUrl: 5 }, 'webhookUrl'],
        [{ name: 'x', useWebhook: 'yes' }, 'useWebhook'], [{ name: 'x', useWebhook: true }, 'webhookUrl'], [{ name: 'x', webhookRedelivery: 1 }, 'webhookRedelivery'],
        [{ name: 'x', errorStatistics: null }, 'errorStatistics'], [{ name: 'x', contactEmail: 'nobody' }, 'contactEmail'], [{ name: 'x', language: 'fr' }, 'language'],
        [{ name: 'x', responseTimeoutMs: 1.5 }, 'responseTimeoutMs'], [{ name: 'x', responseTimeoutMs: 0 }, 'responseTimeoutMs'],
        [{ name: 'x', maxEventsPerRequest: 501 }, 'maxEventsPerRequest'], ...[[], [0], [604801], [1.5], ['1'], 60, '60', Array(21).fill(1)].map(v => [{ name: 'x', redeliverySchedule: v }, 'redeliverySchedule']), [{ name: 'x', webhookURL: 'https://example.com/' }, 'webhookURL'],
    ]) {
        it(`refuse ${JSON.stringify(body).slice(0, 60)}, naming ${property}`, async () => {
            const r = await node.api('POST', '/api/v1/channels', body);
            assert.equal(r.status, 400, r.text);
            assert.equal(r.json.details[0].property, property);
            assert.ok(r.json.message.includes(property) && r.json.details[0].message);
        });
    }
});

describe('refusals', () => {
    let node, channel, ingest;
    before(async () => {
        node = await startNode();
        channel = await node.channel({ webhookUrl: 'http://127.0.0.1:9/' });
        ingest = createKey(node.data, 'ingest'); // while the node runs
    });
    after(() => node.stop());

    it('401 without a key, with a wrong one, with another scheme', async () => {
        for (const headers of [{}, { authorization: 'Bearer nonsense' }, { authorization: `Bearer tdk_${'x'.repeat(43)}` }, { authorization: 'Basic eDp5' }]) {
            const r = await node.api('GET', '/api/v1/channels', undefined, { key: null, headers });
            assert.equal(r.status, 401);
            assert.equal(r.headers.get('www-authenticate'), 'Bearer');
            assert.ok(r.json.message);
            assert.ok(r.headers.get('x-line-request-id'));
        }
    });

    it('403 for what the role may not do; ingest may post events', async () => {
        assert.equal((await node.api('GET', '/api/v1/channels', undefined, { key: ingest })).status, 403);
        assert.equal((await node.api('POST', '/api/v1/channels', { name: 'x' }, { key: ingest })).status, 403);
        assert.equal((await node.api('DELETE', `/api/v1/channels/${channel.channelId}`, undefined, { key: ingest })).status, 403);
        await node.post(channel, [text()], { key: ingest });
    });

    it('401 and 403 before the body is taken in, where the head decides', async () => {
        const { hostname, port } = new URL(node.url);
        const post = `/api/v1/channels/${channel.channelId}/events`;
        for (const [path, auth, want] of [[post, '', 401], ['/api/v1/channels', `authorization: Bearer ${ingest}\r\n`, 403]]) {
            const refused = new RegExp(`^HTTP/1.1 ${want} .*"message"`, 's');
            let answer; // a key that a loop does not know yet, within its first second, lets the body come
            await until(async () => {
                const socket = net.connect(Number(port), hostname);
                socket.write(`POST ${path} HTTP/1.1\r\nhost: x\r\n${auth}content-type: application/json\r\ncontent-length: 60000\r\n\r\n{`); // and no more
                answer = await Promise.race([once(socket, 'data').then(([d]) => d.toString()), new Promise(r => setTimeout(r, 1000, ''))]);
                socket.destroy();
                return refused.test(answer);
            }, () => `${path}: ${answer}`);
        }
    });

    it('HEAD where there is GET: the same head, no content', async () => {
        for (const path of ['/healthz', '/api/v1/channels', `/api/v1/channels/${channel.channelId}`]) {
            const [get, head] = [await node.api('GET', path), await node.api('HEAD', path)];
            assert.deepEqual([head.status, head.text, head.headers.get('content-length'), head.headers.get('content-type')],
                [get.status, '', get.headers.get('content-length'), get.headers.get('content-type')], path);
        }
        assert.equal((await node.api('HEAD', '/api/v1/channels', undefined, { key: null })).status, 401);
        assert.equal((await node.api('HEAD', `/api/v1/channels/${channel.channelId}/redeliver`)).status, 405);
    });

    it('a revoked key is valid no more', async () => {
        const key = createKey(node.data, 'operator');
        assert.equal((await node.api('GET', '/api/v1/channels', undefined, { key })).status, 200);
        const listed = execFileSync(bin, ['key', 'list', '--data', node.data], { encoding: 'utf8' }).trim().split('\n');
        assert.ok(!listed.some(l => l.includes(key)), 'a key is shown once only');
        const id = listed.at(-1).split(/\s+/)[0];
        execFileSync(bin, ['key', 'revoke', '--data', node.data, id]);
        await until(async () => (await node.api('GET', '/api/v1/channels', undefined, { key })).status === 401);
    });

    it('404, and 405 with Allow', async () => {
        for (const path of ['/api', '/api/v1/channels/', '/api/v1/channels/1', '/api/v1/channels/abc', `/api/v1/channels/${channel.channelId}/nothing`,
            `/api/v1/channels/${channel.channelId}/events/01FZ74A0TDDPYRVKNK77XKC3ZR`, `/api/v1/channels/${channel.channelId}/events/x`, '/api/v1/channels/%31'])
            assert.equal((await node.api('GET', path)).status, 404, path);
        const r = await node.api('PUT', `/api/v1/channels/${channel.channelId}`, {});
        assert.equal(r.status, 405);
        assert.deepEqual(r.headers.get('allow').split(', ').sort(), ['DELETE', 'GET', 'HEAD', 'PATCH']);
    });

    it('415 for another type', async () => {
        for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp'])
            assert.equal((await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, undefined, { raw: '{"events":[{"type":"x"}]}', headers: { 'content-type': type } })).status, 415, type);
        assert.equal((await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, undefined, { raw: '{"events":[{"type":"x"}]}', headers: { 'content-type': 'Application/JSON ; charset=UTF-8' } })).status, 202);
    });

    it('413 past 1 MiB, and a megabyte is taken', async () => {
        const body = n => `{"events":[{"type":"x","pad":"${'a'.repeat(n)}"}]}`;
        const frame = body(0).length, path = `/api/v1/channels/${channel.channelId}/events`;
        assert.equal((await node.api('POST', path, undefined, { raw: body(1048576 - frame) })).status, 202);
        assert.equal((await node.api('POST', path, undefined, { raw: body(1048577 - frame) })).status, 413);
        assert.equal((await node.api('POST', '/api/v1/channels', undefined, { raw: `{"name":"${'a'.repeat(70000)}"}` })).status, 413);
    });

    for (const [raw, property] of [
        ['', ''], ['{', ''], ['nul', ''], ['[]', ''], ['{"events":[{"type":"x"}]} x', ''], ['{"events":[{"type":"\xff"}]}', 'events[0].type'],
        ['{"events":[]}', 'events'], ['{"event":[]}', 'event'], ['{"events":[{"type":"x"},7]}', 'events[1]'], ['{"events":[{}]}', 'events[0].type'],
        ['{"events":[{"type":"x"},{"type":"x"},{"type":"x"},{"type":null}]}', 'events[3].type'],
        ['{"events":[{"type":"message"}]}', 'events[0].message'], ['{"events":[{"type":"postback","postback":{"data":1}}]}', 'events[0].postback.data'],
    ]) {
        it(`400 for ${raw.slice(0, 50)}`, async () => {
            const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, undefined, { raw: Buffer.from(raw, 'latin1') });
            assert.equal(r.status, 400, r.text);
            assert.equal(r.json.details[0].property, property);
        });
    }

    it('400 for 501 events', async () => {
        const r = await node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events: Array(501).fill({ type: 'x' }) });
        assert.equal(r.status, 400);
        assert.equal(r.json.details[0].property, 'events');
    });

    it('unknown query parameters are named', async () => {
        assert.equal((await node.api('GET', '/api/v1/channels?page=2')).json.details[0].property, 'page');
        const asked = await node.api('GET', '/api/v1/channels?limit=501');
        assert.equal(asked.json.details[0].property, 'limit');
        assert.match(asked.json.message, /^The request has 1 error: limit: /, 'there is no body');
    });
});

describe('a node', () => {
    it('says how it is', async () => {
        const node = await startNode();
        const none = { key: null };
        assert.equal((await node.api('GET', '/healthz', undefined, none)).json.status, 'ok');
        assert.equal((await node.api('GET', '/readyz', undefined, none)).json.status, 'ready');
        const metrics = await node.api('GET', '/metrics', undefined, none);
        assert.match(metrics.headers.get('content-type'), /^text\/plain/);
        for (const name of ['todoke_events_accepted_total', 'todoke_events_delivered_total', 'todoke_backlog_events']) assert.match(metrics.text, new RegExp(`^${name} \\d+$`, 'm'));
        assert.match((await node.api('GET', '/api/openapi.yaml', undefined, none)).text, /^openapi: 3/);
        await node.stop();
    });

    it('is alone on its directory', async () => {
        const node = await startNode();
        const second = await command(['serve', '--data', node.data, '--listen', '127.0.0.1:0']);
        assert.equal(second.code, 1);
        assert.match(second.stderr, /another node/);
        await node.stop();
    });

    it('takes settings from a file, the environment and flags, and refuses what it does not know', async () => {
        const data = dataDir(), file = join(data, 'todoke.ini');
        writeFileSync(file, '; a comment\nresponse-timeout = 700ms\nuser-agent = file/1\nlog = warn\n');
        const node = await startNode({ data, args: ['--config', file], env: { TODOKE_USER_AGENT: 'env/1' } });
        assert.equal((await node.channel({})).responseTimeoutMs, 700);
        const bot = await startBot();
        const c = await node.channel({ webhookUrl: bot.url });
        await node.post(c, [text()]);
        await until(() => bot.requests.length === 1);
        assert.equal(bot.requests[0].headers['user-agent'], 'env/1');
        await node.stop();
        await bot.close();
        for (const [content, message] of [['listen = 127.0.0.1:0\nresponse-timeuot = 1s\n', /todoke\.ini:2: response-timeuot.*response-timeout/],
            ['\nwindow = many\n', /todoke\.ini:2: window: "many" is not an integer/], ['[node]\nlog = info\n', /todoke\.ini:2: .*sections/], ['what\n', /todoke\.ini:1/]]) {
            writeFileSync(file, content);
            const r = await command(['serve', '--data', data, '--config', file]);
            assert.equal(r.code, 2, r.stderr);
            assert.match(r.stderr, message);
        }
        for (const args of [['--lisden', 'x'], ['--listen'], ['--window', '0'], ['extra'], ['--tls-cert', 'x']]) assert.equal((await command(['serve', '--data', data, ...args])).code, 2, args.join(' '));
        assert.equal((await command(['serve', '--data', data, '--window'], { env: { TODOKE_WINDOW: 'x' } })).code, 2);
        const misspelt = await command(['serve', '--data', data], { env: { TODOKE_WINDOWS: '4' } });
        assert.equal(misspelt.code, 2);
        assert.match(misspelt.stderr, /TODOKE_WINDOWS/);
        rmSync(data, { recursive: true, force: true });
    });
});

describe('commands over the API', () => {
    it('make a channel, post events, list, change and delete', async () => {
        const node = await startNode();
        const bot = await startBot();
        const env = { TODOKE_API: node.url, TODOKE_KEY: node.key };
        try {
            const made = await command(['channel', 'create', '--name', '届け', '--webhook-url', bot.url], { env });
            assert.equal(made.code, 0, made.stderr);
            const c = JSON.parse(made.stdout);
            assert.equal(c.name, '届け');
            for (const [input, count] of [[JSON.stringify(text(1)), 1], [`\n[${JSON.stringify(text(2))}, ${JSON.stringify(text(3))}]`, 2], [JSON.stringify({ events: [text(4)] }), 1]]) {
                const sent = await command(['event', 'send', c.channelId, '-'], { env, input });
                assert.equal(sent.code, 0, sent.stderr);
                const ids = sent.stdout.trim().split('\n');
                assert.equal(ids.length, count);
                for (const id of ids) await node.reaches(c, id, 'delivered');
            }
            const file = join(node.data, 'events.json');
            writeFileSync(file, '{"type":"message"}');
            const wrong = await command(['event', 'send', c.channelId, file], { env });
            assert.equal(wrong.code, 3);
            assert.match(wrong.stderr, /events\[0\]\.message/);
            const set = await command(['channel', 'set', c.channelId, '--webhook-redelivery', 'on', '--response-timeout-ms', '900', '--api', `${node.url}/`], { env: { ...env, TODOKE_API: 'http://127.0.0.1:1' } });
            assert.equal(set.code, 0, set.stderr);
            assert.deepEqual([JSON.parse(set.stdout).webhookRedelivery, JSON.parse(set.stdout).responseTimeoutMs], [true, 900]);
            assert.match((await command(['channel', 'list'], { env })).stdout, new RegExp(`^${c.channelId}.*届け`, 'm'));
            assert.equal(JSON.parse((await command(['channel', 'show', c.channelId, '--json'], { env })).stdout).channelId, c.channelId);
            const own = await command(['channel', 'set', c.channelId, '--redelivery-schedule', '5,60', '--json'], { env });
            assert.deepEqual(JSON.parse(own.stdout).redeliverySchedule, [5, 60]);
            assert.match((await command(['channel', 'set', c.channelId, '--redelivery-schedule', '5;60'], { env })).stderr, /redeliverySchedule/);
            for (let i = 0; i < 520; i++) await node.channel({ name: `more ${i}` });
            const all = (await command(['channel', 'list', '--json'], { env })).stdout.trim().split('\n').map(l => JSON.parse(l).name);
            assert.deepEqual([all.length, all.at(-1), new Set(all).size], [521, 'more 519', 521]); // more than one page
            assert.equal((await command(['channel', 'delete', c.channelId], { env })).code, 0);
            const gone = await command(['channel', 'show', c.channelId], { env });
            assert.deepEqual([gone.code, gone.stderr], [4, 'todoke: No such channel (404)\n']);
            assert.equal((await command(['channel', 'list'], { env: { ...env, TODOKE_KEY: 'wrong' } })).code, 6);
            const nobody = await command(['channel', 'list', '--api', 'http://127.0.0.1:1'], { env });
            assert.equal(nobody.code, 7);
            assert.match(nobody.stderr, /could_not_connect, Connection failed/);
            for (const args of [['channel'], ['channel', 'make'], ['channel', 'show'], ['event'], ['event', 'send'], ['event', 'send', 'x', '-'], ['channel', 'list', '--name', 'x']])
                assert.equal((await command(args, { env })).code, 2, args.join(' '));
        } finally {
            await node.stop();
            await bot.close();
        }
    });
});
