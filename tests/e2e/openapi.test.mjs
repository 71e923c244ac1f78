// docs/openapi.yaml is valid, names every call and no other, and is a judge that can find fault.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { startNode } from './lib/node.mjs';
import { checkAnswer, description, fields, file, routes, validate } from './lib/openapi.mjs';

it('is valid OpenAPI, and names the calls that route.def has', async () => {
    const { paths } = await validate();
    const described = Object.entries(paths).flatMap(([path, item]) => Object.keys(item).filter(k => /^(get|put|post|patch|delete)$/.test(k))
        .map(k => `${k.toUpperCase()} ${path.replace(/\{\w+\}/g, '{}')}`));
    assert.ok(described.length > 15);
    assert.deepEqual([...described].sort(), [...new Set(routes())].sort());
    const ids = Object.values(paths).flatMap(i => Object.values(i).map(o => o.operationId).filter(Boolean));
    assert.equal(new Set(ids).size, ids.length, 'operationIds are unique');
});

describe('the fields of a channel', () => {
    const { rows, count } = fields();
    const bounds = { SWITCH: () => ({ type: 'boolean' }), NUMBER: f => ({ type: 'integer', minimum: f.min, maximum: f.max }), NAME: f => ({ type: 'string', minLength: f.min, maxLength: f.max }),
        URL: f => ({ type: 'string', maxLength: f.max }), EMAIL: f => ({ type: 'string', maxLength: f.max }), LANGUAGE: () => ({ type: 'string', enum: ['en', 'ja'] }),
        SCHEDULE: f => ({ type: 'array', minItems: f.min, maxItems: f.max }), RESUME: () => ({ type: 'boolean', enum: [false] }), ID: () => ({ type: 'string' }) };

    it('are read whole', () => {
        assert.equal(rows.length, count);
        assert.ok(count >= 20);
        for (const f of rows) assert.ok(Number.isInteger(f.min) && Number.isInteger(f.max), f.member);
    });

    it('can be changed as the document says, each within its bounds, and no other', async () => {
        const { components, paths } = await description();
        const change = components.schemas.ChannelChange.properties;
        const create = paths['/api/v1/channels'].post.requestBody.content['application/json'].schema.allOf[1].properties;
        const named = who => rows.filter(f => who.includes(f.who)).map(f => f.json).sort();
        assert.deepEqual(Object.keys(change).sort(), named(['ADMIN', 'MEMBER']));
        assert.deepEqual(Object.keys(create).sort(), named(['MAKER']));
        for (const f of rows.filter(r => r.who !== 'NOBODY')) {
            const told = { ...change, ...create }[f.json];
            for (const [key, want] of Object.entries(bounds[f.type](f))) assert.deepEqual(told[key], want, `${f.json}: ${key}`);
            assert.equal(Boolean(told.nullable), f.orNull, `${f.json}: nullable`);
            if (told.default !== undefined) assert.equal(String(told.default), f.standard, `${f.json}: default`);
        }
    });

    it('are shown as the document says', async () => {
        const shown = (await description()).components.schemas.Channel.properties;
        for (const f of rows.filter(r => r.json && r.type !== 'SECRET')) assert.ok(shown[f.json], f.json);
    });

    it('can be changed in the console', () => {
        const folder = new URL('../../console/src/', import.meta.url);
        const sources = ['pages', 'texts'].flatMap(f => readdirSync(new URL(f, folder), { recursive: true }).filter(n => /\.tsx?$/.test(n)).map(n => readFileSync(new URL(`${f}/${n}`, folder), 'utf8'))).join('\n');
        for (const f of rows.filter(r => ['ADMIN', 'MEMBER'].includes(r.who))) assert.match(sources, new RegExp(`(?<!\\.)\\b${f.json}\\b(?=[:,'"} ])`), `${f.json} stands in no page and not in texts/fields.ts`);
    });
});

it('has the limits that the console tells before it asks', async () => {
    const { components } = await validate();
    const told = readFileSync(new URL('../../console/src/lib/limits.ts', import.meta.url), 'utf8');
    assert.equal(Number(/PASSWORD_MIN = (\d+)/.exec(told)[1]), components.schemas.Password.minLength);
});

it('is served as it stands', async () => {
    const node = await startNode();
    try {
        const r = await node.api('GET', '/api/openapi.yaml', undefined, { key: null });
        assert.equal(r.headers.get('content-type'), 'application/yaml; charset=utf-8');
        assert.equal(r.text, readFileSync(file, 'utf8'));
    } finally {
        await node.stop();
    }
});

it('finds answers that are not as it says', async () => {
    const answer = (status, json, type = 'application/json') => ({ status, json, text: JSON.stringify(json), headers: new Headers({ 'content-type': type }) });
    const event = { webhookEventId: '01K00000000000000000000000', state: 'pending', acceptedAt: '2026-11-22T05:38:20.031Z', tries: 0 };
    const list = (e, cursor) => answer(200, { events: [e], cursor });
    const call = a => checkAnswer('GET', '/api/v1/channels/1/events?limit=1', a);
    await call(list(event));
    for (const [wrong, why] of [
        [list({ ...event, state: 'lost' }), /state/], [list({ ...event, tries: '0' }), /tries/], [list({ ...event, more: 1 }), /more/], [list({ ...event, acceptedAt: 'now' }), /acceptedAt/],
        [list({ state: 'pending' }), /required/], [answer(200, { events: [], secret: 'x' }), /secret/], [answer(200, {}), /events/], [answer(204, {}), /no such answer/],
        [answer(200, {}, 'text/html'), /type text\/html/], [answer(500, { error: 'x' }), /message/],
    ]) await assert.rejects(call(wrong), why);
    await assert.rejects(checkAnswer('GET', '/api/v1/secrets', answer(200, {})), /does not know/);
});
