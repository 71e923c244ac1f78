// docs/openapi.yaml is valid, names every call and no other, and is a judge that can find fault.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { startNode } from './lib/node.mjs';
import { checkAnswer, file, routes, validate } from './lib/openapi.mjs';

it('is valid OpenAPI, and names the calls that route.def has', async () => {
    const { paths } = await validate();
    const described = Object.entries(paths).flatMap(([path, item]) => Object.keys(item).filter(k => /^(get|put|post|patch|delete)$/.test(k))
        .map(k => `${k.toUpperCase()} ${path.replace(/\{\w+\}/g, '{}')}`));
    assert.ok(described.length > 15);
    assert.deepEqual([...described].sort(), [...new Set(routes())].sort());
    const ids = Object.values(paths).flatMap(i => Object.values(i).map(o => o.operationId).filter(Boolean));
    assert.equal(new Set(ids).size, ids.length, 'operationIds are unique');
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
