// The audience of a provider over its API: people are identified, looked for, changed and deleted; imports of any length, and how they end.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import http2 from 'node:http2';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { diskSwitch, sqlite } from './lib/disk.mjs';
import { dataDir, startNode, until } from './lib/node.mjs';

const P = '/api/v1/providers/1';
const line = n => `U${n.toString(16).padStart(32, '0')}`;
const p256dh = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 7)]), auth = Buffer.alloc(16, 9);
const browser = (n, more = {}) => ({ endpoint: `https://push.example.com/${n}`, p256dh: p256dh.toString('base64url'), auth: auth.toString('base64url'), ...more });
const change = sql => (node, ...args) => execFileSync('sqlite3', ['-cmd', '.timeout 10000', join(node.data, 'todoke.db'), sql(...args)], { encoding: 'utf8' });

const client = node => {
    const call = async (want, ...args) => { const r = await node.api(...args); assert.equal(r.status, want, r.text); return r.json; };
    const ended = async id => {
        let i;
        await until(async () => (i = await call(200, 'GET', `${P}/imports/${id}`)).state !== 'running', () => JSON.stringify(i));
        return i;
    };
    return {
        call, ended,
        put: users => call(200, 'POST', `${P}/users`, { users }).then(r => r.users),
        show: (id, want = 200) => call(want, 'GET', `${P}/users/${encodeURIComponent(id)}`),
        find: (query = '') => call(200, 'GET', `${P}/users${query}`),
        async load(raw, { query = 'into=users', type = 'text/csv', want = 202 } = {}) {
            const r = await call(want, 'POST', `${P}/imports?${query}`, undefined, { raw, headers: { 'content-type': type } });
            return want === 202 ? { ...await ended(r.importId), ...r } : r;
        },
    };
};

describe('people', () => {
    let node, a;
    before(async () => { node = await startNode(); a = client(node); });
    after(() => node.stop());

    it('are identified a thousand at a time, each for itself', async () => {
        const answers = await a.put([
            { userId: 'u1', attributes: { plan: 'pro', n: { x: 1 } }, email: { value: 'A.b@EXAMPLE.com', subscribed: true } },
            { userId: 'u2', email: { value: 'nothing' } },
            { userId: 'u3', apps: [{ token: 'tok', subscribed: true }], browsers: [browser(1, { subscribed: false })], line: { value: line(1) } },
            { attributes: {} },
            { userId: 'u1', attributes: { plan: null, age: 3 } },
        ]);
        assert.deepEqual(answers.map(x => x.state ?? x.error.property), ['created', 'email.value', 'created', 'userId', 'updated']);
        assert.deepEqual(answers.map(x => x.userId), ['u1', 'u2', 'u3', null, 'u1']);
        const u1 = await a.show('u1'), u3 = await a.show('u3');
        assert.deepEqual(u1.attributes, { n: { x: 1 }, age: 3 });
        assert.deepEqual([u1.email.value, u1.email.subscribed, u1.email.why, u1.email.dropped], ['A.b@example.com', true, 'identify', null]);
        assert.deepEqual([u3.line.subscribed, u3.apps[0].token, u3.apps[0].subscribed, u3.browsers[0].subscribed, u3.browsers[0].p256dh], [null, 'tok', true, false, p256dh.toString('base64url')]);
        await a.show('u2', 404);
        const many = n => Array.from({ length: n }, (_, i) => ({ userId: `many-${i}` }));
        assert.equal((await a.put(many(1000))).filter(x => x.state === 'created').length, 1000);
        assert.match((await a.call(400, 'POST', `${P}/users`, { users: many(1001) })).message, /1000/);
    });

    it('are refused with the field that is wrong', async () => {
        const target = (key, value) => [{ userId: 'r', [key]: value }];
        for (const [users, property, why] of [
            [[{ userId: '' }], 'userId', /empty/], [[{ userId: 'x'.repeat(257) }], 'userId', /256/], [[{ userId: 7 }], 'userId', /string/], [[{ userId: 'a\nb' }], 'userId', /control/],
            [[{ userId: 'a\u0000b' }], 'userId', /u0000/], [[{ userId: 'r', attributes: [] }], 'attributes', /object/], [[{ userId: 'r', attributes: { x: 'y'.repeat(16400) } }], 'attributes', /16 KiB/],
            [[{ userId: 'r', unknown: 1 }], 'unknown', /unknown/], [['r'], '', /object/],
            [target('email', 'a@example.com'), 'email', /object or null/], [target('email', { value: 'a@b@c' }), 'email.value', /no mail address/], [target('email', { subscribed: true }), 'email.value', /required/],
            [target('email', { value: 'a@example.com', subscribed: 'yes' }), 'email.subscribed', /true or false/], [target('email', { value: 'a@example.com', remove: true }), 'email.remove', /unknown/],
            [target('line', { value: 'C' + line(1).slice(1) }), 'line.value', /U and 32/], [target('line', { value: line(1).slice(1) }), 'line.value', /U and 32/],
            [target('apps', {}), 'apps', /array/], [target('apps', [{ token: '' }]), 'apps[0].token', /empty/], [target('apps', [{ token: 'a' }, { token: 'a b' }]), 'apps[1].token', /spaces/],
            [target('apps', [{ token: 'x'.repeat(4097) }]), 'apps[0].token', /4096/],
            [target('browsers', [browser(1, { endpoint: 'ftp://x/' })]), 'browsers[0].endpoint', /https URL/], [target('browsers', [browser(1, { p256dh: auth.toString('base64url') })]), 'browsers[0].p256dh', /65 bytes/],
            [target('browsers', [browser(1, { p256dh: Buffer.alloc(65, 7).toString('base64url') })]), 'browsers[0].p256dh', /first one 4/], [target('browsers', [browser(1, { auth: '!' })]), 'browsers[0].auth', /16 bytes/],
            [target('browsers', [{ endpoint: 'https://push.example.com/1' }]), 'browsers[0].p256dh', /required/],
        ]) {
            const [{ error }] = await a.put(users);
            assert.equal(error?.property, property, JSON.stringify(users).slice(0, 80));
            assert.match(error.message, why);
        }
        assert.match((await a.put([{ userId: 'r', apps: Array.from({ length: 11 }, (_, i) => ({ token: `t${i}` })) }]))[0].error.message, /more than 10/);
        await a.show('r', 404);
        for (const body of ['', '[]', '{', '{"users":{}}', '{"user":[]}', '{"users":[],"users":[]}']) assert.equal((await node.api('POST', `${P}/users`, undefined, { raw: body, headers: { 'content-type': 'application/json' } })).status, 400, body);
    });

    it('are named by any text, percent-encoded in the path', async () => {
        for (const id of ['a/b c', '日本 太郎', '100%', 'x+y&z=?#', '{user}', 'é'.repeat(128)]) {
            assert.equal((await a.put([{ userId: id }]))[0].state, 'created', id);
            assert.equal((await a.show(id)).userId, id);
            assert.equal((await a.call(200, 'PATCH', `${P}/users/${encodeURIComponent(id)}`, { attributes: { a: id } })).attributes.a, id);
            await a.call(204, 'DELETE', `${P}/users/${encodeURIComponent(id)}`);
            await a.show(id, 404);
        }
        assert.equal((await node.api('GET', `${P}/users/%zz`)).status, 400);
        assert.equal((await node.api('GET', `${P}/users/%FF`)).status, 400);
        await a.call(404, 'PATCH', `${P}/users/nobody`, {});
        await a.call(400, 'PATCH', `${P}/users/u1`, { userId: 'u2' });
    });

    it('keep what they said of consent, and what a message did can be undone', async () => {
        await a.put([{ userId: 'c', email: { value: 'c@example.com', subscribed: true }, apps: [{ token: 'one', subscribed: true }, { token: 'two', subscribed: true }] }]);
        const undo = (want, body) => a.call(want, 'POST', `${P}/users/c/targets/undo`, body);
        await undo(409, { target: 'email' });
        change(() => `UPDATE audience_target SET was=subscribed, subscribed=2, why='bounce_user_unknown', job_id=7, message_n=42 WHERE value='c@example.com';
            UPDATE audience_target SET dropped='push_unregistered', why='push_unregistered', job_id=7, message_n=43 WHERE value='one'`)(node);
        let c = await a.show('c');
        assert.deepEqual([c.email.subscribed, c.email.jobId, c.email.message], [false, '7', 42]);
        assert.equal((await a.put([{ userId: 'c', apps: [{ token: 'one', subscribed: true }] }]))[0].state, 'updated');
        assert.equal((await a.show('c')).apps.find(t => t.token === 'one').dropped, 'push_unregistered', 'it is not used because it is said again');
        await undo(409, { target: 'app' });
        await undo(404, { target: 'line' });
        await undo(400, { target: 'fax' });
        await undo(200, { target: 'app', value: 'one' });
        c = await undo(200, { target: 'email' });
        assert.deepEqual([c.email.subscribed, c.email.why, c.email.jobId, c.apps.find(t => t.token === 'one').dropped], [true, 'undo', undefined, null]);
        c = await a.call(200, 'PATCH', `${P}/users/c`, { email: null, apps: [{ token: 'one', remove: true }] });
        assert.deepEqual([c.email, c.apps.map(t => t.token)], [null, ['two']]);
        const log = (await node.api('GET', '/api/v1/audit')).json.entries;
        assert.equal(log.filter(e => e.action === 'target.undo').length, 2);
        assert.ok(log.filter(e => /^(target|user)\./.test(e.action)).every(e => /^user\/\d+$/.test(e.target) && !JSON.stringify(e).includes('example.com')));
    });

    it('are found by a part of the userId or a whole target, page by page', async () => {
        await a.put([{ userId: 'find-Anna', email: { value: 'x@example.com' } }, { userId: 'find-bob', line: { value: line(77) } }, { userId: 'find-carl', email: { value: 'x@example.com' } }]);
        const ids = r => r.users.map(u => u.userId);
        assert.deepEqual(ids(await a.find('?text=FIND-')), ['find-Anna', 'find-bob', 'find-carl']);
        assert.deepEqual(ids(await a.find('?text=x%40EXAMPLE.com')), ['find-Anna', 'find-carl']);
        assert.deepEqual(ids(await a.find(`?text=${line(77)}`)), ['find-bob']);
        const seen = [];
        for (let cursor = ''; cursor !== undefined;) {
            const r = await a.find(`?text=find-&limit=2${cursor && `&cursor=${cursor}`}`);
            seen.push(...ids(r));
            cursor = r.cursor;
        }
        assert.deepEqual(seen, ['find-Anna', 'find-bob', 'find-carl']);
        await a.call(404, 'GET', `${P}/users?segment=999`);
    });
});

describe('an import', () => {
    let node, a;
    before(async () => { node = await startNode(); a = client(node); });
    after(() => node.stop());

    it('reads CSV as people write it, and a broken row loses no other', async () => {
        const i = await a.load(['\uFEFFuser_id,email,email_subscribed,attributes.plan,age,zip,active,note', 'c1,c1@example.com,TRUE,"pro, ""plus""",30,0123,true,"two', 'lines"', 'c2,nothing,true,a,1,2,true,x', '', 'c3,"c3@example.com,true,a,1,2,true,x',
            'c4,c4@example.com,no,a,1.5,1.50,false,""', 'c5,,,,,,,', 'c6,a"b,,,,,,', 'c7,x', 'c8,,yes,,,,,', 'c9,c9@example.com,maybe,,,,,', ',,,,,,,', 'last,last@example.com,1,,,,,'].join('\r\n'));
        assert.deepEqual([i.state, i.read, i.taken, i.refused, i.reason], ['done', 11, 4, 7, null], JSON.stringify(i));
        assert.deepEqual(i.refusals.map(r => [r.line, r.field]), [[4, 'email'], [6, ''], [9, ''], [10, ''], [11, 'email_subscribed'], [12, 'email_subscribed'], [13, 'user_id']]);
        assert.ok(!JSON.stringify(i.refusals).includes('example.com'));
        const [c1, c4, c5] = [await a.show('c1'), await a.show('c4'), await a.show('c5')];
        assert.deepEqual(c1.attributes, { plan: 'pro, "plus"', age: 30, zip: '0123', active: true, note: 'two\r\nlines' });
        assert.deepEqual([c1.email.value, c1.email.subscribed, c1.email.why], ['c1@example.com', true, 'import']);
        assert.deepEqual(c4.attributes, { plan: 'a', age: 1.5, zip: '1.50', active: false, note: '' });
        assert.deepEqual([c4.email.subscribed, c5.attributes, c5.email], [false, {}, null]);
        assert.equal((await a.show('last')).email.subscribed, true);
    });

    it('reads Shift_JIS where the type says so, and says so where it does not', async () => {
        const sjis = Buffer.concat([Buffer.from('user_id,name,maker\ns1,'), Buffer.from('8ec88740', 'hex'), Buffer.from(',"'), Buffer.from('835c836a815b', 'hex'), Buffer.from('"\ns2,'), Buffer.from('ff', 'hex'), Buffer.from(',x\n')]);
        let i = await a.load(sjis, { type: 'text/csv; charset="Shift_JIS"' });
        assert.deepEqual([i.taken, i.refusals.map(r => [r.line, r.field])], [1, [[3, 'column 2']]], JSON.stringify(i));
        assert.deepEqual((await a.show('s1')).attributes, { name: '縞①', maker: 'ソニー' });
        i = await a.load(sjis);
        assert.deepEqual([i.taken, i.refused], [0, 2]);
        assert.match(i.refusals[0].why, /charset=Shift_JIS/);
        await a.load('x', { type: 'text/csv; charset=koi8-r', want: 415 });
    });

    it('reads NDJSON, the same objects as identify takes', async () => {
        const i = await a.load(['{"userId":"n1","email":{"value":"n1@example.com","subscribed":true}}', '', '{"userId":"n2"', '{"userId":"n3","x":1}', '  {"userId":"n4"}\r', '[1]', `{"userId":"n5","attributes":{"a":"${'x'.repeat(300_000)}"}}`, '{"userId":"n6"}'].join('\n'), { type: 'application/x-ndjson' });
        assert.deepEqual([i.read, i.taken, i.refused], [7, 3, 4], JSON.stringify(i).slice(0, 900));
        assert.deepEqual(i.refusals.map(r => [r.line, r.field]), [[3, 'userId'], [4, 'x'], [6, ''], [7, '']]);
        assert.match(i.refusals[3].why, /256 KiB/);
        await a.show('n6');
    });

    it('makes a list, whose rows may have no value', async () => {
        const l = await a.load('name,email\nx,a@EXAMPLE.com\ny,\nz,nothing\n', { query: 'into=list&name=my+list&by=email' });
        assert.deepEqual([l.read, l.taken, l.refused], [3, 2, 1]);
        assert.deepEqual(await a.call(200, 'GET', `${P}/lists/${l.listId}`).then(x => [x.name, x.by, x.rows]), ['my list', 'email', 2]);
        assert.deepEqual(sqlite(node.data, `SELECT n || '=' || ifnull(value, 'NULL') FROM list_row WHERE list_id=${l.listId}`), ['1=a@example.com', '2=NULL']);
        const n = await a.load('"a"\n7\nnull\n{"user_id":"b"}\n{"userId":"c","x":1}\ntrue\n{}\n', { query: 'into=list&name=n', type: 'application/x-ndjson' });
        assert.deepEqual([n.taken, n.refusals.map(r => r.line)], [5, [6, 7]]);
        assert.deepEqual(sqlite(node.data, `SELECT group_concat(ifnull(value, 'NULL')) FROM list_row WHERE list_id=${n.listId}`), ['a,7,NULL,b,c']);
        const made = await a.call(201, 'POST', `${P}/lists`, { name: 'small', by: 'line_user_id', values: [line(1), null] });
        assert.equal(made.rows, 2);
        assert.equal((await a.call(400, 'POST', `${P}/lists`, { name: 'small', by: 'line_user_id', values: [line(1), 'U1'] })).details[0].property, 'values[1]');
        for (const [member, value] of [['name', ''], ['by', 'shoe'], ['values', 1]]) assert.equal((await a.call(400, 'POST', `${P}/lists`, { name: 'x', by: 'email', values: [], [member]: value })).details[0].property, member);
        assert.equal((await a.call(200, 'GET', `${P}/lists`)).lists.length, 3);
        await a.call(204, 'DELETE', `${P}/lists/${l.listId}`);
        await a.call(404, 'GET', `${P}/lists/${l.listId}`);
        await a.call(404, 'DELETE', `${P}/lists/${l.listId}`);
    });

    it('is refused before its body is read where it cannot be', async () => {
        for (const [query, type, want] of [['', 'text/csv', 400], ['into=shoes', 'text/csv', 400], ['into=list', 'text/csv', 400], ['into=list&name=x&by=y', 'text/csv', 400], ['into=users&name=x', 'text/csv', 400], ['into=users&x=y', 'text/csv', 400],
            ['into=users', 'application/json', 415], ['into=users', 'text/plain', 415]]) await a.load('user_id\nx\n', { query, type, want });
        for (const [text, why] of [['', /empty/], ['email\na@example.com\n', /no column "user_id"/], ['user_id,a,a\n', /as one before/], ['user_id,\n', /does not name column 2/]]) {
            const r = await node.api('POST', `${P}/imports?into=users`, undefined, { raw: text, headers: { 'content-type': 'text/csv' } });
            const i = await a.ended((await a.call(200, 'GET', `${P}/imports?limit=1`)).imports[0].importId);
            assert.deepEqual([i.state, i.taken], ['ended', 0], r.text);
            assert.match(i.reason, why);
        }
    });

    it('takes more than fits in memory at once, over HTTP/2 too, and counts every row', async () => {
        // Longer than a body in memory may be, with and without its length.
        const pieces = Array.from({ length: 70 }, (_, p) => Array.from({ length: 1000 }, (_, k) => `{"userId":"h${p * 1000 + k}","attributes":{"x":"${'y'.repeat(60)}"}}\n`).join(''));
        const length = pieces.reduce((n, p) => n + p.length, 0);
        assert.ok(length > 5 << 20);
        for (const more of [{}, { 'content-length': String(length) }]) {
            const session = http2.connect(node.url, { settings: { enablePush: false } });
            const req = session.request({ ':method': 'POST', ':path': `${P}/imports?into=users`, authorization: `Bearer ${node.key}`, 'content-type': 'application/x-ndjson', ...more });
            let text = '';
            req.setEncoding('utf8').on('data', d => (text += d));
            for (const piece of pieces) if (!req.write(piece)) await new Promise(resolve => req.once('drain', resolve));
            req.end();
            await new Promise(resolve => req.once('close', resolve));
            session.close();
            const i = await a.ended(JSON.parse(text).importId);
            assert.deepEqual([i.state, i.read, i.taken, i.refused], ['done', 70000, 70000, 0]);
        }
        await a.show('h69999');
    });

    it('keeps the first thousand refusals and counts the others', async () => {
        const i = await a.load(`user_id,email\n${Array.from({ length: 2500 }, (_, k) => `k${k},none`).join('\n')}\n`);
        assert.deepEqual([i.refused, i.refusals.length, i.refusals.at(-1).line], [2500, 1000, 1001]);
    });
});

// A body that is begun and not ended: { send, socket }.
function begin(node, { chunked = true } = {}) {
    const { hostname, port } = new URL(node.url), socket = net.connect(port, hostname);
    socket.write(`POST ${P}/imports?into=users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${node.key}\r\nContent-Type: application/x-ndjson\r\n${chunked ? 'Transfer-Encoding: chunked' : 'Content-Length: 100000000'}\r\n\r\n`);
    let text = '';
    socket.setEncoding('utf8').on('data', d => (text += d)).on('error', () => {});
    return { socket, text: () => text, send: s => new Promise(resolve => socket.write(chunked ? `${Buffer.byteLength(s).toString(16)}\r\n${s}\r\n` : s, resolve)) };
}

const rows = (from, count) => Array.from({ length: count }, (_, k) => `{"userId":"k${from + k}","email":{"value":"k${from + k}@example.com","subscribed":true}}\n`).join('');
const last = async a => (await a.call(200, 'GET', `${P}/imports?limit=1`)).imports[0];

describe('an import that ends early', () => {
    it('keeps what was taken when the client leaves', async () => {
        const node = await startNode(), a = client(node), b = begin(node);
        await b.send(rows(0, 5000));
        await until(async () => (await last(a))?.taken >= 2000, () => node.log());
        b.socket.destroy();
        await until(async () => (await last(a)).state === 'ended', () => node.log());
        const i = await last(a);
        assert.match(i.reason, /client left/);
        assert.equal(i.taken, 5000);
        assert.equal(i.read, i.taken + i.refused);
        await node.stop();
    });

    it('is said to be ended by a node that was killed meanwhile, and what it counted is there', async () => {
        const data = dataDir();
        let node = await startNode({ data }), a = client(node);
        const { key } = node, b = begin(node);
        let sent = 0;
        for (; sent < 60_000; sent += 2000) await b.send(rows(sent, 2000));
        await until(async () => (await last(a))?.taken >= 4000, () => node.log());
        await node.kill();
        b.socket.destroy();
        node = await startNode({ data, key });
        a = client(node);
        const i = await last(a);
        assert.equal(i.state, 'ended');
        assert.match(i.reason, /node was ended/);
        assert.ok(i.taken >= 4000 && i.taken <= sent && i.taken === i.read, JSON.stringify(i));
        assert.deepEqual(sqlite(data, "SELECT (SELECT count(*) FROM audience_user) || ' ' || (SELECT users FROM audience) || ' ' || (SELECT count(*) FROM audience_target)"), [`${i.taken} ${i.taken} ${i.taken}`]);
        // The file can simply be imported again.
        const again = await a.load(rows(0, 20_000), { type: 'application/x-ndjson' });
        assert.equal(again.taken, 20_000);
        assert.ok(Number(sqlite(data, 'SELECT count(*) FROM audience_user')[0]) >= 20_000);
        await node.stop();
    });

    it('ends with a node that stops, which does not wait for the rest', async () => {
        const data = dataDir(), node = await startNode({ data, args: ['--drain-timeout', '200ms'] }), a = client(node), b = begin(node);
        await b.send(rows(0, 3000));
        await until(async () => (await last(a))?.taken >= 2000, () => node.log());
        const end = await node.stop();
        assert.equal(end.code, 0, end.stderr);
        b.socket.destroy();
        const [state, reason, taken] = sqlite(data, 'SELECT state, reason, taken FROM import')[0].split('|');
        assert.equal(state, '2');
        assert.match(reason, /client left|node was ended/);
        assert.equal(taken, '3000');
    });

    it('is refused with words on a full disk, and nothing of it is half', async () => {
        const disk = diskSwitch(), node = await startNode({ env: disk.env }), a = client(node), b = begin(node);
        await b.send(rows(0, 3000));
        await until(async () => (await last(a))?.taken >= 2000, () => node.log());
        disk.fail('ENOSPC');
        for (let sent = 3000; sent < 60_000 && !b.text(); sent += 2000) await b.send(rows(sent, 2000));
        await until(() => /^HTTP\/1\.1 503/.test(b.text()), () => b.text() + node.log());
        assert.match(b.text(), /no space left/);
        disk.mend();
        await until(async () => (await last(a)).state === 'ended', () => node.log());
        const i = await last(a);
        assert.match(i.reason, /no space left/);
        assert.deepEqual(sqlite(node.data, "SELECT (SELECT count(*) FROM audience_user) || ' ' || (SELECT users FROM audience)"), [`${i.taken} ${i.taken}`]);
        assert.equal((await a.put([{ userId: 'after' }]))[0].state, 'created');
        await node.stop();
    });

    it('waits for the store rather than filling memory, and others go on', async () => {
        const node = await startNode(), a = client(node), big = `{"userId":"b","attributes":{"x":"${'y'.repeat(15_000)}"}}\n`.repeat(60);
        const all = Array.from({ length: 8 }, () => begin(node, { chunked: false }));
        await Promise.all(all.map(async b => { for (let k = 0; k < 30 && b.socket.writableLength < (1 << 20); k++) b.socket.write(big); }));
        await until(async () => (await a.call(200, 'GET', `${P}/imports`)).imports.length === 8, () => node.log());
        await a.load('user_id\nx\n', { want: 429 });
        assert.equal((await a.put([{ userId: 'beside' }]))[0].state, 'created');
        for (const b of all) b.socket.destroy();
        await until(async () => (await a.call(200, 'GET', `${P}/imports`)).imports.every(i => i.state === 'ended'), () => node.log());
        assert.equal((await a.load('user_id\nx\n')).taken, 1, 'their places are free again');
        await node.stop();
    });
});
