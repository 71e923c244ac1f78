// A node whose surroundings fail: the disk, the lock on it, descriptors, the resolver. It answers /healthz all along, refuses what it
// cannot keep, loses nothing, and recovers alone.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { caFile, caFileOf, certs } from './lib/certs.mjs';
import { dnsPeer, zone, A } from './lib/dns.mjs';
import { bin, command, createKey, dataDir, startNode, until } from './lib/node.mjs';
import { diskSwitch, firstVersion, sqlite } from './lib/disk.mjs';

const note = (n, pad = '') => ({ type: 'note', n, pad });
const health = async node => assert.equal((await fetch(`${node.url}/healthz`)).status, 200);
const post = (node, channel, events) => node.api('POST', `/api/v1/channels/${channel.channelId}/events`, { events });

// Waits until the node says itself that it is ready again: nobody posts meanwhile.
const ready = node => until(async () => (await fetch(`${node.url}/readyz`)).status === 200, () => `never ready again: ${node.log()}`, 20_000);

// While the store cannot keep anything: 503 with Retry-After, not ready, an alarm; what was accepted before waits.
async function refuses(node, channel) {
    const r = await post(node, channel, [note(-1)]);
    assert.equal(r.status, 503, r.text);
    assert.ok(Number(r.headers.get('retry-after')) >= 1);
    assert.match(r.json.message, /nothing was accepted/);
    assert.equal((await fetch(`${node.url}/readyz`)).status, 503);
    assert.equal(await node.metric('todoke_store_failing'), 1);
    assert.ok(await node.metric('todoke_store_failures_total') > 0);
    assert.match(node.log(), /level=error .*commit failed/);
    await health(node);
}

for (const errno of ['ENOSPC', 'EIO']) {
    describe(`a disk that answers ${errno}`, () => {
        it('refuses events, keeps what was accepted, and goes on by itself', { timeout: 60_000 }, async () => {
            // One loop, so that those who ask all the time do so on that of the results that wait to be recorded.
            const disk = diskSwitch(), node = await startNode({ env: disk.env, args: ['--loops', '1'] });
            const waiting = [];
            const bot = await startBot(() => new Promise(resolve => waiting.push(resolve)));
            try {
                const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, responseTimeoutMs: 30_000 });
                const ids = await node.post(channel, [note(1), note(2), note(3)]);
                await until(() => waiting.length > 0);
                disk.fail(errno);
                waiting.splice(0).forEach(answer => answer(200)); // delivered, and cannot be recorded
                bot.answer = () => 200;
                await refuses(node, channel);
                for (let i = 0; i < 20; i++) assert.equal((await post(node, channel, [note(i)])).status, 503);
                assert.equal((await node.event(channel, ids[0])).state, 'pending', 'reading works');
                disk.mend();
                await ready(node);
                assert.equal(await node.metric('todoke_store_failing'), 0);
                for (const id of ids) assert.equal((await node.reaches(channel, id, 'delivered')).attempts.length, 1);
                assert.deepEqual(bot.ids(), ids, 'each came once: the results were kept until they could be recorded');
                const [more] = await node.post(channel, [note(4)]);
                await node.reaches(channel, more, 'delivered');
                const all = (await node.api('GET', `/api/v1/channels/${channel.channelId}/events?limit=100`)).json.events;
                assert.deepEqual(all.map(e => e.webhookEventId), [more, ...ids.reverse()], 'nothing that was refused');
            } finally {
                disk.mend();
                await node.stop();
                await bot.close();
            }
        });

        it('stops sending once many results wait for it', { timeout: 60_000 }, async () => {
            const disk = diskSwitch(), node = await startNode({ env: disk.env, args: ['--loops', '1', '--window', '16'] });
            let open = false;
            const held = [];
            const bot = await startBot(() => (open ? 200 : new Promise(resolve => held.push(resolve))));
            try {
                const channel = await node.channel({ webhookUrl: bot.url, responseTimeoutMs: 30_000 });
                for (let i = 0; i < 10; i++) await node.post(channel, Array.from({ length: 100 }, (_, n) => note(n)));
                await until(() => held.length > 0);
                disk.fail(errno);
                open = true;
                held.forEach(answer => answer(200));
                await until(() => bot.requests.length >= 256);
                let before;
                do { // until nothing comes any more
                    before = bot.requests.length;
                    await new Promise(r => setTimeout(r, 300));
                } while (bot.requests.length !== before);
                assert.ok(before < 600, `${before} were sent`); // those the store has not refused yet are not counted among the 256
                disk.mend();
                await until(async () => (await node.api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 0);
                assert.equal(bot.ids().length, 1000);
                assert.equal(new Set(bot.ids()).size, 1000, 'each once');
            } finally {
                disk.mend();
                await node.stop();
                await bot.close();
            }
        });
    });
}

// A shell in a mount namespace of its own; skipped where that is not allowed.
const namespaces = (() => {
    try { execFileSync('unshare', ['-Urm', 'true'], { stdio: 'ignore' }); return true; } catch { return false; }
})();

describe('a file system', { skip: namespaces ? false : 'no mount namespaces here' }, () => {
    // The node runs inside, on a file system of its own; commands for the inside are lines on the shell's input.
    async function inside(mount) {
        const data = dataDir();
        const shell = spawn('unshare', ['-Urm', 'sh', '-e'], { stdio: ['pipe', 'pipe', 'pipe'] });
        let out = '', err = '';
        shell.stdout.setEncoding('utf8').on('data', d => (out += d));
        shell.stderr.setEncoding('utf8').on('data', d => (err += d));
        const ended = new Promise(r => shell.on('close', code => r(code)));
        const run = line => shell.stdin.write(`${line}\n`);
        run(mount(data));
        return { data, run, ended, said: () => out + err, out: () => out, end: async () => { shell.stdin.end(); await ended; rmSync(data, { recursive: true, force: true }); } };
    }

    it('that is really full: 503, and on again when there is room', { timeout: 60_000 }, async () => {
        const bot = await startBot();
        let pid;
        const space = await inside(data => `mount -t tmpfs -o size=3m tmpfs '${data}' && cd '${data}'`);
        try {
            space.run(`echo KEY $('${bin}' key create --data d --role operator); '${bin}' serve --data d --listen 127.0.0.1:0 --allow-http-targets --allow-private-targets & echo PID $!`);
            await until(() => /listening on \S+/.test(space.out()), space.said, 20_000);
            pid = Number(/PID (\d+)/.exec(space.out())[1]);
            const url = /listening on (\S+)/.exec(space.out())[1], key = /KEY (\S+)/.exec(space.out())[1];
            const api = async (method, path, body) => {
                const r = await fetch(url + path, { method, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body) });
                return { status: r.status, json: await r.json(), headers: r.headers };
            };
            const channel = (await api('POST', '/api/v1/channels', { name: 'bot', webhookUrl: bot.url })).json;
            const path = `/api/v1/channels/${channel.channelId}/events`, kept = [];
            let r;
            for (let n = 0; n < 400; n++) {
                r = await api('POST', path, { events: [note(n, 'x'.repeat(20_000))] });
                if (r.status !== 202) break;
                kept.push(...r.json.webhookEventIds);
            }
            assert.equal(r.status, 503);
            assert.match(r.json.message, /No space left/);
            assert.ok(r.headers.get('retry-after') >= 1 && kept.length > 5);
            assert.equal((await fetch(`${url}/healthz`)).status, 200);
            space.run(`mount -o remount,size=64m tmpfs '${space.data}'`);
            await until(async () => (await api('POST', path, { events: [note(1, 'x'.repeat(20_000))] })).status === 202, space.said);
            assert.equal((await fetch(`${url}/readyz`)).status, 200);
            await until(async () => (await api('GET', `/api/v1/channels/${channel.channelId}`)).json.backlogEvents === 0);
            for (const id of kept) assert.equal((await api('GET', `${path}/${id}`)).json.state, 'delivered');
            assert.deepEqual([...new Set(bot.ids())].filter(id => kept.includes(id)).sort(), kept.sort());
        } finally {
            if (pid) process.kill(pid, 'SIGTERM');
            await space.end();
            await bot.close();
        }
    });

    it('that is read-only: told at the start', { timeout: 30_000 }, async () => {
        const space = await inside(data => `mkdir '${data}/d' && mount --bind '${data}/d' '${data}/d' && mount -o remount,ro,bind '${data}/d'`);
        space.run(`'${bin}' serve --data '${space.data}/d' --listen 127.0.0.1:0 || echo CODE $?`);
        await space.end();
        assert.match(space.said(), /CODE 1/);
        assert.match(space.said(), /cannot be opened: Read-only file system/);
    });
});

describe('a lock held by another process', () => {
    it('makes events wait, or be refused; then it goes on by itself', { timeout: 60_000 }, async () => {
        const node = await startNode(), bot = await startBot();
        const other = spawn('sqlite3', [join(node.data, 'todoke.db')], { stdio: ['pipe', 'pipe', 'inherit'] });
        try {
            const channel = await node.channel({ webhookUrl: bot.url });
            const locked = new Promise(r => other.stdout.once('data', r));
            other.stdin.write('.timeout 5000\nBEGIN EXCLUSIVE;\nSELECT 1;\n');
            await locked;
            const began = Date.now();
            const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => post(node, channel, [note(n)])));
            assert.deepEqual([...new Set(answers.map(r => r.status))], [503]);
            assert.ok(Date.now() - began < 14_000, `the last answer took ${Date.now() - began} ms: not one busy timeout a call`);
            await health(node);
            assert.equal((await node.api('GET', `/api/v1/channels/${channel.channelId}`)).status, 200);
            const patient = post(node, channel, [note(99)]);
            other.stdin.end('ROLLBACK;\n');
            assert.equal((await patient).status, 202, 'short locks are waited for');
            await ready(node);
            await until(() => bot.requests.length === 1);
            assert.equal(bot.requests[0].events[0].n, 99);
        } finally {
            other.stdin.end();
            await node.stop();
            await bot.close();
        }
    });
});

describe('the log of the database', () => {
    it('does not grow without bound, with readers all along', { timeout: 60_000 }, async () => {
        const node = await startNode(), bot = await startBot();
        try {
            const channel = await node.channel({ webhookUrl: bot.url, maxEventsPerRequest: 100 });
            let done = false, largest = 0;
            const readers = Array.from({ length: 3 }, async () => {
                while (!done) await node.api('GET', `/api/v1/channels/${channel.channelId}/events?limit=50`);
            });
            for (let i = 0; i < 100; i++) {
                await node.post(channel, Array.from({ length: 100 }, (_, n) => note(n, 'x'.repeat(6000))));
                largest = Math.max(largest, statSync(join(node.data, 'todoke.db-wal')).size);
            }
            done = true;
            await Promise.all(readers);
            assert.ok(largest < 48 << 20, `the log reached ${largest >> 20} MiB of 60 MiB written`);
        } finally {
            await node.stop();
            await bot.close();
        }
    });
});

describe('descriptors', () => {
    it('used up: the fault is ours, nothing is given up, and the API answers', { timeout: 60_000 }, async () => {
        const node = await startNode({ args: ['--loops', '1'] });
        const held = [];
        let open = false;
        const bot = await startBot(() => (open ? 200 : new Promise(resolve => held.push(resolve))));
        try {
            const channels = await Promise.all(Array.from({ length: 12 }, () => node.channel({ webhookUrl: bot.url, responseTimeoutMs: 30_000 })));
            const limit = readdirSync(`/proc/${node.child.pid}/fd`).length + 30;
            execFileSync('prlimit', ['--pid', String(node.child.pid), `--nofile=${limit}:${limit}`]);
            const ids = [];
            for (const channel of channels) ids.push(...(await node.post(channel, Array.from({ length: 8 }, (_, n) => note(n)))).map(id => [channel, id]));
            await until(() => /cause=local_files/.test(node.log()), () => node.log());
            await until(async () => await node.metric('todoke_alarm{name="local_files"}') === 1);
            assert.match(node.log(), /level=error .*alarm=local_files/);
            for (let i = 0; i < 10; i++) {
                const status = await new Promise((resolve, reject) => { // a new connection each
                    http.get(`${node.url}/healthz`, { agent: false }, r => { r.resume(); resolve(r.statusCode); }).on('error', reject);
                });
                assert.equal(status, 200);
            }
            open = true;
            held.forEach(answer => answer(200));
            let kept = 0;
            for (const [channel, id] of ids) {
                const e = await node.reaches(channel, id, 'delivered');
                kept += e.attempts.some(a => a.cause === 'local_files');
                assert.equal(e.tries, 1, 'what did not leave is no try');
            }
            assert.ok(kept > 0);
            assert.ok(bot.events().every(e => e.deliveryContext.isRedelivery === false));
        } finally {
            await node.stop();
            await bot.close();
        }
    });
});

describe('a resolver', () => {
    it('that goes and comes back: redelivery on, all arrive', { timeout: 60_000 }, async () => {
        let up = false;
        const answer = zone({ 'bot.test': [{ type: A, value: '127.0.0.1' }] });
        const resolver = await dnsPeer(q => (up ? answer(q) : null));
        const node = await startNode({ args: ['--dns', resolver.address, '--dns-timeout', '200ms', '--redelivery-schedule', '100ms,200ms,400ms,800ms,1600ms'] });
        const bot = await startBot();
        try {
            const channel = await node.channel({ webhookUrl: `http://bot.test:${new URL(bot.url).port}/`, webhookRedelivery: true });
            const ids = await node.post(channel, [note(1), note(2)]);
            await node.reaches(channel, ids[0], 'retrying');
            await health(node);
            up = true;
            for (const id of ids) {
                const e = await node.reaches(channel, id, 'delivered');
                assert.ok(e.attempts.length >= 2);
                assert.match(e.attempts[0].cause, /^dns_/);
            }
        } finally {
            await node.stop();
            await bot.close();
            await resolver.close();
        }
    });
});

describe('SIGTERM', () => {
    it('lets what is on its way end, within the time set', { timeout: 30_000 }, async () => {
        const node = await startNode({ args: ['--drain-timeout', '20s'] });
        const held = [];
        const bot = await startBot(() => new Promise(resolve => held.push(resolve)));
        const channel = await node.channel({ webhookUrl: bot.url, responseTimeoutMs: 30_000 });
        const [id] = await node.post(channel, [note(1)]);
        await until(() => held.length === 1);
        node.child.kill('SIGTERM');
        await until(() => /shutting down/.test(node.log()));
        held[0](200);
        const end = await node.ended;
        assert.equal(end.code, 0);
        const again = await startNode({ data: node.data, key: node.key });
        assert.equal((await again.event(channel, id)).state, 'delivered');
        assert.equal(bot.requests.length, 1);
        await again.stop();
        await bot.close();
        rmSync(node.data, { recursive: true, force: true });
    });

    for (const [name, drain, signals] of [['gives up at the end of that time', '300ms', 1], ['twice: at once', '1h', 2]]) {
        it(name, { timeout: 30_000 }, async () => {
            const node = await startNode({ args: ['--drain-timeout', drain] });
            const bot = await startBot(() => new Promise(() => {}));
            const channel = await node.channel({ webhookUrl: bot.url, responseTimeoutMs: 60_000 });
            const [id] = await node.post(channel, [note(1)]);
            await until(() => bot.requests.length === 1);
            const began = Date.now();
            node.child.kill('SIGTERM');
            await until(() => /shutting down/.test(node.log()));
            if (signals === 2) node.child.kill('SIGTERM');
            const end = await node.ended;
            assert.equal(end.code, 0, end.stderr);
            assert.ok(Date.now() - began < 5000, `it took ${Date.now() - began} ms`);
            bot.answer = () => 200;
            const again = await startNode({ data: node.data, key: node.key });
            await again.reaches(channel, id, 'delivered');
            const { attempts } = await again.event(channel, id); // the one that was cut off may have been processed, and says so
            assert.deepEqual(attempts.map(a => [a.cause, a.processed]), [['local_cancelled', 'unknown'], ['ok', 'yes']]);
            assert.deepEqual(bot.events().map(e => e.deliveryContext.isRedelivery), [false, true]);
            await again.stop();
            await bot.close();
            rmSync(node.data, { recursive: true, force: true });
        });
    }

    it('twice, in the midst of changes: each loop hears what the others tell it', { timeout: 60_000 }, async () => {
        const node = await startNode({ args: ['--loops', '4', '--drain-timeout', '1h'] });
        const bot = await startBot(() => 500);
        const channels = await Promise.all(Array.from({ length: 16 }, () => node.channel({ webhookUrl: bot.url, webhookRedelivery: true })));
        let going = true, done = 0;
        const busy = channels.flatMap(c => [0, 1].map(async which => {
            while (going) {
                try {
                    if (which) await node.api('PATCH', `/api/v1/channels/${c.channelId}`, { maxEventsPerRequest: 1 + done % 9 });
                    else await node.api('POST', `/api/v1/channels/${c.channelId}/redeliver`, { from: 0, to: Date.now() });
                    done++;
                } catch { /* the node is gone */ }
            }
        }));
        await until(() => done > 200);
        node.child.kill('SIGTERM');
        await until(() => /shutting down/.test(node.log()));
        node.child.kill('SIGTERM');
        const end = await node.ended;
        going = false;
        await Promise.all(busy);
        await bot.close();
        assert.equal(end.code, 0, end.stderr);
        assert.doesNotMatch(end.stderr, /Sanitizer|runtime error/);
        rmSync(node.data, { recursive: true, force: true });
    });
});

describe('a data directory', () => {
    it('written by a newer version is refused, and left alone', async () => {
        const data = dataDir();
        createKey(data);
        execFileSync('sqlite3', [join(data, 'todoke.db'), 'PRAGMA user_version=999']);
        const r = await command(['serve', '--data', data, '--listen', '127.0.0.1:0']);
        assert.equal(r.code, 1);
        assert.match(r.stderr, /written by a newer version of todoke/);
        assert.deepEqual(sqlite(data, 'PRAGMA user_version'), ['999']);
        rmSync(data, { recursive: true, force: true });
    });

    it('from before the clock was set back: what waits is delivered, and ids rise on', { timeout: 30_000 }, async () => {
        const data = dataDir(), bot = await startBot();
        let node = await startNode({ data });
        const channel = await node.channel({ webhookUrl: bot.url });
        await node.stop();
        const old = (BigInt(Date.now() + 86_400_000) << 20n) + 5n; // accepted tomorrow
        execFileSync('sqlite3', [join(data, 'todoke.db')], { input: `INSERT INTO payload VALUES (${old}, ${channel.channelId}, 0, '{"type":"note","n":"old"}');
            INSERT INTO queue VALUES (${channel.channelId}, ${old});` });
        node = await startNode({ data, key: node.key });
        const ids = await node.post(channel, [note(1), note(2)]);
        for (const id of ids) await node.reaches(channel, id, 'delivered');
        await until(() => bot.requests.length === 3);
        const oldId = bot.requests.find(r => r.events[0].n === 'old').events[0].webhookEventId;
        assert.ok(oldId < ids[0] && ids[0] < ids[1], `${oldId} ${ids}`);
        await node.stop();
        rmSync(data, { recursive: true, force: true });
        await bot.close();
    });

    it('of the first version is upgraded, with what waits in it', { timeout: 30_000 }, async () => {
        const data = dataDir(), bot = await startBot();
        const { newest } = firstVersion(data, bot.url);
        const node = await startNode({ data });
        await until(async () => (await node.api('GET', '/api/v1/channels/2000000001')).json.backlogEvents === 0, () => node.log());
        assert.deepEqual(bot.events().map(e => [e.n, e.deliveryContext.isRedelivery]).sort(), [[1, false], [2, true]]);
        await node.stop();
        assert.deepEqual(sqlite(data, 'PRAGMA user_version; PRAGMA integrity_check'), [String(newest), 'ok']);
        rmSync(data, { recursive: true, force: true });
        await bot.close();
    });
});

describe('SIGHUP', () => {
    const sighup = async (node, said) => {
        const seen = node.log().length;
        node.child.kill('SIGHUP');
        await until(() => said.test(node.log().slice(seen)), () => `${said} was not said:\n${node.log().slice(seen)}`);
    };

    it('reads the settings again; what is wrong leaves the old ones', { timeout: 30_000 }, async () => {
        const data = dataDir(), file = join(data, 'todoke.ini'), bot = await startBot();
        writeFileSync(file, 'user-agent = first/1\nresponse-timeout = 700ms\n');
        const node = await startNode({ data, args: ['--config', file, '--loops', '2', '--redelivery-jitter', '0', '--window', '7'] });
        try {
            const channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true });
            const agents = async () => {
                const [id] = await node.post(channel, [note(1)]);
                await node.reaches(channel, id, 'delivered');
                return bot.requests.at(-1).headers['user-agent'];
            };
            const timeout = async () => (await node.api('GET', '/api/v1/channels')).json.channels[0].responseTimeoutMs;
            assert.deepEqual([await agents(), await timeout()], ['first/1', 700]);

            writeFileSync(file, 'user-agent = second/2\nresponse-timeout = 900ms\nredelivery-schedule = 20ms,20ms\nconnections = 77\n');
            await sighup(node, /settings reloaded/);
            assert.match(node.log(), /takes effect at the next start" setting=connections/);
            await until(async () => await timeout() === 900 && await agents() === 'second/2');
            let first = true;
            bot.answer = () => (first ? (first = false, 500) : 200);
            const [id] = await node.post(channel, [note(2)]);
            const e = await node.reaches(channel, id, 'delivered');
            assert.equal(e.attempts.length, 2, 'the new schedule: a minute would be too long for this test');

            for (const wrong of ['user-agent = third/3\nno-such-thing = 1\n', 'response-timeout = soon\n', 'log = loud\n', 'what\n']) {
                writeFileSync(file, wrong);
                await sighup(node, /cannot read the settings; keeping the old ones/);
                await health(node);
                assert.deepEqual([await agents(), await timeout()], ['second/2', 900], wrong);
            }
            rmSync(file);
            await sighup(node, /No such file or directory[^]*keeping the old ones/);
            for (let i = 0; i < 50; i++) node.child.kill('SIGHUP');
            assert.equal(await agents(), 'second/2');
        } finally {
            await node.stop();
            await bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('takes a new certificate for the API and a new CA for bots; files that are wrong leave the old ones', { timeout: 60_000 }, async () => {
        const data = dataDir(), at = name => join(data, name);
        const { good, nameOnly, untrusted } = certs;
        const use = pair => { copyFileSync(pair.certFile, at('cert.pem')); copyFileSync(pair.keyFile, at('key.pem')); };
        use(good);
        copyFileSync(caFile, at('ca.pem'));
        const key = createKey(data);
        const bot = https.createServer({ cert: untrusted.cert, key: untrusted.key }, (req, res) => { req.resume(); res.end('ok'); });
        await new Promise(r => bot.listen(0, '127.0.0.1', r));
        const node = await startNode({ data, key, args: ['--tls-cert', at('cert.pem'), '--tls-key', at('key.pem'), '--ca', at('ca.pem')] });
        const port = Number(new URL(node.url).port);
        const shown = () => new Promise((resolve, reject) => {
            const s = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => { resolve(s.getPeerCertificate().fingerprint256); s.destroy(); });
            s.on('error', reject);
        });
        const print = pair => new X509Certificate(pair.cert).fingerprint256;
        const call = (method, path, body) => new Promise((resolve, reject) => {
            const r = https.request({ port, host: '127.0.0.1', method, path, rejectUnauthorized: false, agent: false, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } }, res => {
                let text = '';
                res.on('data', d => (text += d)).on('end', () => resolve(JSON.parse(text)));
            });
            r.on('error', reject).end(body && JSON.stringify(body));
        });
        try {
            const channel = await call('POST', '/api/v1/channels', { name: 'bot', webhookUrl: `https://127.0.0.1:${bot.address().port}/` });
            const path = `/api/v1/channels/${channel.channelId}/events`;
            const deliver = async () => {
                const { webhookEventIds: [id] } = await call('POST', path, { events: [note(1)] });
                let e;
                await until(async () => (e = await call('GET', `${path}/${id}`)).attempts.length === 1);
                return e.attempts[0].cause;
            };
            assert.equal(await shown(), print(good));
            assert.match(await deliver(), /^tls_cert_/);

            use(nameOnly);
            writeFileSync(at('ca.pem'), readFileSync(caFile) + readFileSync(caFileOf('untrusted')));
            node.child.kill('SIGHUP');
            await until(async () => await shown() === print(nameOnly));
            assert.equal(await deliver(), 'ok');

            copyFileSync(good.certFile, at('cert.pem')); // not that key's
            writeFileSync(at('ca.pem'), 'nothing');
            node.child.kill('SIGHUP');
            await until(() => /cannot read the certificate or key; keeping the old pair/.test(node.log()) && /cannot read the CA file; keeping the old one/.test(node.log()));
            assert.equal(await shown(), print(nameOnly));
            assert.equal(await deliver(), 'ok');
        } finally {
            await node.stop();
            bot.closeAllConnections();
            bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });
});
