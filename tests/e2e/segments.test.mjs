// Segments and queries over the API: stored, changed, counted, previewed; of one provider, and of no other.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { command, startNode } from './lib/node.mjs';
import { setUp } from './lib/roles.mjs';

let node, all, P, member, other;

before(async () => {
    node = await startNode();
    all = await setUp(node);
    member = all.people.providerMember;
    P = `/api/v1/providers/${all.providerId}`;
    other = `/api/v1/providers/${(await all.people.operator.api('POST', '/api/v1/providers', { name: 'Other' })).json.providerId}`;
    const users = [];
    for (let i = 0; i < 30; i++) users.push({ userId: `u${i}`, attributes: { plan: i % 3 ? 'free' : 'pro', age: i, tags: [`t${i % 2}`], seen: new Date(Date.now() - i * 86400000).toISOString() },
        ...(i % 2 ? {} : { email: { value: `u${i}@example.com`, subscribed: i % 4 === 0 } }) });
    assert.equal((await member.api('POST', `${P}/users`, { users })).status, 200);
    const theirs = [{ userId: 'sesame', attributes: { plan: 'sesame' }, email: { value: 'sesame@example.com', subscribed: true } }];
    assert.equal((await all.people.operator.api('POST', `${other}/users`, { users: theirs })).status, 200);
});
after(() => node.stop());

const refusal = (r, property, message) => {
    assert.equal(r.status, 400, r.text);
    assert.equal(r.json.details[0].property, property, r.text);
    assert.match(r.json.details[0].message, message);
};

describe('segments', () => {
    const condition = { all: [{ attribute: 'plan', is: 'pro' }, { attribute: 'age', atLeast: 9 }] };

    it('are made, shown, changed, listed and deleted', async () => {
        const made = await member.api('POST', `${P}/segments`, { name: 'プロ', condition });
        assert.equal(made.status, 201, made.text);
        const { segmentId, ...rest } = made.json;
        assert.deepEqual({ name: rest.name, condition: rest.condition, default: rest.default }, { name: 'プロ', condition, default: false });
        const path = `${P}/segments/${segmentId}`;
        assert.deepEqual((await member.api('GET', path)).json, made.json);
        const same = await member.api('PATCH', path, { name: 'プロ' });
        assert.deepEqual(same.json, made.json); // nothing has changed, nor when
        const changed = await member.api('PATCH', path, { default: true, condition: { all: [] } });
        assert.deepEqual([changed.status, changed.json.default, changed.json.condition, changed.json.name], [200, true, { all: [] }, 'プロ']);
        const second = (await member.api('POST', `${P}/segments`, { name: 'b', condition, default: false })).json;
        assert.deepEqual((await member.api('GET', `${P}/segments`)).json.segments.map(s => s.segmentId), [segmentId, second.segmentId]);
        assert.deepEqual((await member.api('GET', `${P}/segments?default=true`)).json.segments.map(s => s.segmentId), [segmentId]);
        const page = (await member.api('GET', `${P}/segments?limit=1`)).json;
        assert.equal(page.cursor, segmentId);
        assert.deepEqual((await member.api('GET', `${P}/segments?limit=1&cursor=${page.cursor}`)).json.segments.map(s => s.segmentId), [second.segmentId]);
        for (const [method, body] of [['GET'], ['PATCH', { name: 'x' }], ['DELETE']]) assert.equal((await all.people.operator.api(method, `${other}/segments/${segmentId}`, body)).status, 404);
        for (const id of [segmentId, second.segmentId]) assert.equal((await member.api('DELETE', `${P}/segments/${id}`)).status, 204);
        assert.equal((await member.api('DELETE', path)).status, 404);
        assert.equal((await member.api('GET', path)).status, 404);
        assert.equal((await member.api('PATCH', path, { name: 'x' })).status, 404);
        const actions = (await all.people.operator.api('GET', '/api/v1/audit')).json.entries.filter(e => e.target === `segment/${segmentId}`).map(e => e.action);
        assert.deepEqual(actions, ['segment.delete', 'segment.update', 'segment.create']);
    });

    it('keep a condition as it was written', async () => {
        const text = '{"attribute":"n","in":[9007199254740993,1.10,"\\u65e5"]}';
        const made = await member.api('POST', `${P}/segments`, undefined, { raw: `{"name":"n","condition":${text}}` });
        assert.equal(made.status, 201, made.text);
        assert.ok(made.text.includes(text));
        await member.api('DELETE', `${P}/segments/${made.json.segmentId}`);
    });

    it('refuse what is no condition, and say where', async () => {
        for (const [body, property, message] of [
            [{ condition }, 'name', /required/], [{ name: 'x' }, 'condition', /required/], [{ name: '', condition }, 'name', /1 to 200/],
            [{ name: 'x', condition, more: 1 }, 'more', /unknown member/], [{ name: 'x', condition, default: 1 }, 'default', /true or false/],
            [{ name: 'x', condition: [] }, 'condition', /exactly one of all/],
            [{ name: 'x', condition: { all: [{ attribute: 'a', is: 1 }, { attribute: 'b', iss: 1 }] } }, 'condition.all[1].iss', /is no operator/],
            [{ name: 'x', condition: { all: [{ all: [] }, { not: { received: { campaign: 'nobody', days: 7 } } }] } }, 'condition.all[1].not.received.campaign', /no campaign/],
        ]) {
            refusal(await member.api('POST', `${P}/segments`, body), property, message);
            if (property.startsWith('condition')) refusal(await member.api('POST', `${P}/segments/count`, { condition: body.condition }), property, message);
        }
        const { segmentId } = (await member.api('POST', `${P}/segments`, { name: 'x', condition })).json;
        refusal(await member.api('PATCH', `${P}/segments/${segmentId}`, { condition: { received: { campaign: '77' } } }), 'condition.received.campaign', /no campaign/);
        refusal(await member.api('PATCH', `${P}/segments/${segmentId}`, { condition: { any: [] } }), 'condition.any', /nobody/);
        assert.deepEqual((await member.api('GET', `${P}/segments/${segmentId}`)).json.condition, condition);
        await member.api('DELETE', `${P}/segments/${segmentId}`);
    });

    it('are at most twenty by default', async () => {
        const ids = [];
        for (let i = 0; i < 20; i++) ids.push((await member.api('POST', `${P}/segments`, { name: `d${i}`, condition: { all: [] }, default: true })).json.segmentId);
        const more = await member.api('POST', `${P}/segments`, { name: 'one more', condition: { all: [] }, default: true });
        assert.equal(more.status, 409);
        assert.match(more.json.message, /20 default/);
        const plain = (await member.api('POST', `${P}/segments`, { name: 'plain', condition: { all: [] } })).json.segmentId;
        assert.equal((await member.api('PATCH', `${P}/segments/${plain}`, { default: true })).status, 409);
        for (const id of [...ids, plain]) await member.api('DELETE', `${P}/segments/${id}`);
    });

    it('count whom a draft matches, of this provider only', async () => {
        const count = async condition => {
            const r = await member.api('POST', `${P}/segments/count`, { condition });
            assert.equal(r.status, 200, r.text);
            assert.deepEqual([r.json.complete, r.json.users], [true, 30]);
            return r.json;
        };
        assert.equal((await count({ all: [] })).count, 30);
        const some = await count({ attribute: 'plan', is: 'pro' });
        assert.equal(some.count, 10);
        assert.deepEqual(some.examples, ['u0', 'u3', 'u6', 'u9', 'u12', 'u15', 'u18', 'u21', 'u24', 'u27']);
        assert.equal((await count({ attribute: 'plan', is: 'sesame' })).count, 0);
        assert.equal((await count({ target: 'email', subscribed: true })).count, 8);
        assert.equal((await count({ target: 'email', exists: false })).count, 15);
        assert.equal((await count({ attribute: 'tags', contains: 't1' })).count, 15);
        assert.equal((await count({ attribute: 'seen', after: { days: -3 } })).count, 3);
        assert.equal((await count({ created: { after: { days: -1 } } })).count, 30);
        assert.deepEqual((await count({ userId: { in: ['u7', 'sesame'] } })).examples, ['u7']);
        assert.equal((await count({ not: { any: [{ attribute: 'plan', is: 'pro' }, { attribute: 'age', above: 20 }] } })).count, 14);
        const { segmentId } = (await member.api('POST', `${P}/segments`, { name: 's', condition: { attribute: 'age', below: 3 } })).json;
        assert.deepEqual((await member.api('GET', `${P}/users?segment=${segmentId}`)).json.users.map(u => u.userId), ['u0', 'u1', 'u2']);
    });
});

describe('queries', () => {
    const sql = "SELECT user_id FROM users WHERE attributes->>'plan'='pro'";

    it('are made, shown, changed, listed and deleted', async () => {
        const made = await member.api('POST', `${P}/queries`, { name: 'プロ', sql, by: 'user_id' });
        assert.equal(made.status, 201, made.text);
        const path = `${P}/queries/${made.json.queryId}`;
        assert.deepEqual([made.json.name, made.json.sql, made.json.by], ['プロ', sql, 'user_id']);
        assert.deepEqual((await member.api('GET', path)).json, made.json);
        assert.deepEqual((await member.api('PATCH', path, { sql })).json, made.json);
        const changed = await member.api('PATCH', path, { sql: 'SELECT 1 AS email', by: 'email' });
        assert.deepEqual([changed.json.sql, changed.json.by, changed.json.name], ['SELECT 1 AS email', 'email', 'プロ']);
        const second = (await member.api('POST', `${P}/queries`, { name: 'b', sql, by: 'endpoint' })).json;
        assert.deepEqual((await member.api('GET', `${P}/queries`)).json.queries.map(q => q.queryId), [made.json.queryId, second.queryId]);
        for (const [method, body] of [['GET'], ['PATCH', { name: 'x' }], ['DELETE']]) assert.equal((await all.people.operator.api(method, path.replace(P, other), body)).status, 404);
        for (const id of [made.json.queryId, second.queryId]) assert.equal((await member.api('DELETE', `${P}/queries/${id}`)).status, 204);
        assert.equal((await member.api('GET', path)).status, 404);
        assert.equal((await member.api('PATCH', path, { name: 'x' })).status, 404);
        assert.equal((await member.api('DELETE', path)).status, 404);
    });

    it('refuse what cannot be one', async () => {
        for (const [body, property, message] of [
            [{ sql, by: 'user_id' }, 'name', /required/], [{ name: 'x', by: 'user_id' }, 'sql', /required/], [{ name: 'x', sql }, 'by', /required/],
            [{ name: 'x', sql: '', by: 'user_id' }, 'sql', /empty/], [{ name: 'x', sql: 'a\0b', by: 'user_id' }, 'sql', /NUL/], [{ name: 'x', sql: 'x'.repeat(16385), by: 'user_id' }, 'sql', /16384 bytes/],
            [{ name: 'x', sql, by: 'name' }, 'by', /user_id, email/], [{ name: 'x', sql, by: 1 }, 'by', /text/], [{ name: 'x', sql, by: 'user_id', at: 1 }, 'at', /unknown/],
        ]) refusal(await member.api('POST', `${P}/queries`, body), property, message);
    });

    const preview = async text => {
        const r = await member.api('POST', `${P}/queries/preview`, { sql: text });
        assert.equal(r.status, 200, r.text);
        return r.json;
    };

    it('show their first rows, columns, cost and plan', async () => {
        const p = await preview("SELECT user_id, attributes->>'age' AS age, NULL AS n, 1.5 AS r, x'00ff' AS b FROM users ORDER BY age");
        assert.equal(p.error, null);
        assert.deepEqual(p.columns, ['user_id', 'age', 'n', 'r', 'b']);
        assert.equal(p.rows.length, 20);
        assert.equal(p.more, true);
        assert.deepEqual(p.rows[1], ['u1', 1, null, 1.5, { hex: '00ff' }]);
        assert.ok(p.steps > 30);
        assert.ok(p.plan.some(s => /ORDER BY/.test(s.text)), JSON.stringify(p.plan));
        const few = await preview("SELECT 9e999 AS inf, '日本' AS t");
        assert.deepEqual([few.rows, few.more], [[['Inf', '日本']], false]);
    });

    it('say what is wrong with them, and where', async () => {
        const wrong = await preview('SELECT user_id\nFROM users\nWHERE age > 5');
        assert.deepEqual(wrong.error, { result: 'refused', bound: null, message: 'no such column: age', line: 3, column: 7 });
        assert.deepEqual([wrong.rows, wrong.columns, wrong.plan], [[], [], []]);
        assert.equal((await preview('SELECT secret FROM sender')).error.message, 'sender may not be read: there are the tables users, targets, lists and messages');
        const bomb = await preview('SELECT hex(zeroblob(600000))');
        assert.deepEqual([bomb.error.result, bomb.error.bound], ['excess', 'memory']);
    });

    it('see nothing of another provider', async () => {
        for (const text of ['SELECT group_concat(user_id) FROM users', 'SELECT group_concat(value) FROM targets', 'SELECT group_concat(attributes) FROM users']) {
            const p = await preview(text);
            assert.equal(p.error, null);
            assert.ok(p.rows[0][0].includes('u1') || p.rows[0][0].includes('pro'));
            assert.ok(!JSON.stringify(p).includes('sesame'));
        }
    });

    it('run beside each other, as many as may', async () => {
        const slow = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<300000) SELECT max(i) FROM n';
        const answers = await Promise.all(Array.from({ length: 24 }, () => member.api('POST', `${P}/queries/preview`, { sql: slow })));
        assert.ok(answers.some(r => r.status === 200));
        for (const r of answers) {
            assert.ok(r.status === 200 || (r.status === 503 && r.headers.get('retry-after')), r.text);
            if (r.status === 200) assert.deepEqual(r.json.rows, [[300000]], r.text);
        }
        assert.equal((await preview('SELECT 1')).error, null); // their places are free again
    });
});

describe('commands', () => {
    const run = async (args, code = 0) => {
        const r = await command(args, { env: { ...process.env, TODOKE_API: node.url, TODOKE_KEY: node.key } });
        assert.equal(r.code, code, `${args.join(' ')}: ${r.stdout}${r.stderr}`);
        return code ? r.stderr : r.stdout;
    };
    const provider = () => all.providerId;

    it('make, count and delete segments', async () => {
        const made = await run(['segment', 'create', provider(), '--name', 'young', '--condition', '{"attribute":"age","below":5}', '--default', 'on', '--json']);
        const { segmentId } = JSON.parse(made);
        assert.match(await run(['segment', 'list', provider()]), new RegExp(`^${segmentId} +(true|yes|on).*young.*\\{"attribute":"age","below":5\\}`, 'm'));
        assert.match(await run(['segment', 'show', provider(), segmentId]), /condition.* age/);
        assert.match(await run(['segment', 'set', provider(), segmentId, '--default', 'off']), /default +(false|no|off)/);
        assert.match(await run(['segment', 'count', provider(), '--condition', '{"attribute":"age","below":5}']), /^count +5$/m);
        assert.match(await run(['segment', 'count', provider(), '--condition', '{"attribute":"age"}'], 3), /condition: has no operator/);
        assert.match(await run(['segment', 'count', provider(), '--condition', '{"attribute'], 2), /--condition takes JSON/);
        assert.match(await run(['segment', 'count', provider()], 2), /Give --condition JSON/);
        await run(['segment', 'delete', provider(), segmentId]);
        await run(['segment', 'show', provider(), segmentId], 4);
    });

    it('make queries and try them', async () => {
        const { queryId } = JSON.parse(await run(['query', 'create', provider(), '--name', 'q', '--sql', 'SELECT user_id FROM users', '--by', 'user_id', '--json']));
        assert.match(await run(['query', 'list', provider()]), new RegExp(`^${queryId} +user_id .*SELECT user_id FROM users`, 'm'));
        assert.match(await run(['query', 'set', provider(), queryId, '--by', 'email']), /by +email/);
        const shown = await run(['query', 'preview', provider(), '--sql', "SELECT user_id, attributes->>'age' AS age FROM users WHERE age<3 ORDER BY age"]);
        assert.match(shown, /^user_id +age *\nu0 +0 *\nu1 +1 *\nu2 +2 *\n\n3 rows, \d+ ms, \d+ steps\n.*(SCAN|SEARCH)/);
        assert.match(await run(['query', 'preview', provider(), '--sql', 'SELECT nobody FROM users'], 3), /line 1, column 8: no such column: nobody/);
        assert.match(await run(['query', 'preview', provider(), '--sql', 'SELECT zeroblob(9999999)'], 3), /Resources exceeded during query execution: /);
        assert.deepEqual(JSON.parse(await run(['query', 'preview', provider(), '--sql', 'SELECT 1 AS a', '--json'])).rows, [[1]]);
        await run(['query', 'delete', provider(), queryId]);
        await run(['query', 'show', provider(), queryId], 4);
    });
});
