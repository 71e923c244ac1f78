// The services as programs: what they print is enough to reach them, and the README shows what they do.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as all from '../../demo/services/all.mjs';
import { markdown } from '../../demo/services/kinds.mjs';
import { Log, Taken } from '../../demo/services/lib/ledger.mjs';
import { userId } from '../../demo/services/line.mjs';
import { request } from './lib/services.mjs';

const folder = fileURLToPath(new URL('../../demo/services/', import.meta.url));

const running = [];

// Runs a service until it has printed `lines` lines or ended. Resolves to { fields, code, stderr, end() }.
function run(name, args, lines) {
    const child = spawn(process.execPath, [`${folder}${name}.mjs`, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(child);
    const ended = new Promise(resolve => child.once('close', (code, signal) => resolve(code ?? signal)));
    let out = '', stderr = '';
    child.stderr.setEncoding('utf8').on('data', part => (stderr += part));
    const printed = new Promise(resolve => {
        child.stdout.setEncoding('utf8').on('data', part => {
            out += part;
            if (out.split('\n').length > lines) resolve();
        });
    });
    const end = () => (child.kill('SIGTERM'), ended);
    return Promise.race([printed, ended]).then(code => ({
        code, stderr, end, fields: Object.fromEntries(out.trimEnd().split('\n').map(line => [line.slice(0, 20).trim(), line.slice(21)])),
    }));
}

describe('the services as programs', () => {
    after(() => running.forEach(child => child.kill('SIGKILL'))); // a test that failed leaves none behind to wait for

    it('start all at once, print how to reach them, and end on SIGTERM', async () => {
        const started = await run('all', [], 13);
        const { fields } = started;
        assert.deepEqual(Object.keys(fields), ['SendGrid', 'API key', 'verification key', 'FCM', 'token endpoint', 'service account', 'LINE Messaging API',
            'channel access token', 'Web Push', 'to subscribe', 'SMTP', 'user', 'password'], started.stderr);
        const quota = await request(`${fields['LINE Messaging API']}/v2/bot/message/quota`, { method: 'GET', headers: { authorization: `Bearer ${fields['channel access token']}` } });
        assert.equal(quota.status, 200);
        const scopes = await request(`${fields.SendGrid}/v3/scopes`, { method: 'GET', headers: { authorization: `Bearer ${fields['API key']}` } });
        assert.ok(JSON.parse(scopes.text).scopes.includes('mail.send'));
        assert.equal(JSON.parse(fields['service account']).token_uri, fields['token endpoint']);
        assert.equal(await started.end(), 0);
    });

    for (const [name, lines] of [['sendgrid', 3], ['fcm', 3], ['line', 2], ['webpush', 2], ['smtp', 3]]) {
        it(`start alone: ${name}`, async () => {
            const started = await run(name, ['--port', '0'], lines);
            assert.equal(Object.keys(started.fields).length, lines, started.stderr);
            assert.equal(await started.end(), 0);
        });
    }

    it('refuse an option they do not know, and a port that is taken, and leave nothing open', async () => {
        const unknown = await run('line', ['--colour', 'red'], 1);
        assert.deepEqual([unknown.code, /unknown or incomplete option --colour/.test(unknown.stderr)], [2, true]);
        const other = createServer();
        await new Promise(resolve => other.listen(0, '127.0.0.1', resolve));
        await assert.rejects(all.start({ fcm: { port: other.address().port } }), { code: 'EADDRINUSE' });
        other.close();
    });

    it('have a desk: what was taken, the requests, and switches', async () => {
        const services = await all.start();
        const { line } = services;
        const desk = async (path, body) => JSON.parse((await request(`${line.url}/-/${path}`, { method: body ? 'POST' : 'GET', body: body && JSON.stringify(body) })).text);
        const push = () => request(`${line.url}/v2/bot/message/push`, {
            headers: { 'content-type': 'application/json', authorization: `Bearer ${line.channelAccessToken}` },
            body: JSON.stringify({ to: userId('fine'), messages: [{ type: 'text', text: 'a' }] }),
        });
        await push();
        await push();
        assert.deepEqual(await desk('taken'), { total: 2, repeated: [userId('fine')], times: { [userId('fine')]: 2 } });
        assert.deepEqual((await desk('requests')).map(entry => [entry.path, entry.status]), Array(2).fill(['/v2/bot/message/push', 200]));
        assert.equal((await desk('behave', { monthlyLimit: 2 })).monthlyLimit, 2);
        assert.equal((await push()).status, 429);
        assert.match((await desk('behave', { colour: 1 })).message, /no colour/);
        await services.close();
    });

    it('remember within bounds', () => {
        const log = new Log();
        for (let i = 0; i < 6000; i++) log.add({ i });
        assert.ok(log.length <= 5000 && log.at(-1).i === 5999);
        const taken = new Taken();
        for (let i = 0; i < 60_000; i++) taken.add(`w${i % 30_000}`, { i });
        assert.deepEqual([taken.total, taken.times('w1'), taken.messages.length, taken.repeated.length], [60_000, 2, 50_000, 30_000]);
    });

    it('do what the README says: its tables are made from theirs', () => {
        const readme = readFileSync(`${folder}README.md`, 'utf8');
        assert.ok(readme.includes(markdown()), 'put the output of `node demo/services/kinds.mjs` into demo/services/README.md');
    });
});
