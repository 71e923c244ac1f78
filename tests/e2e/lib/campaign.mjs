// A node with an audience, a sender and campaigns, and the fake service that the sender uses (demo/services). What is not about the
// audience is put into the database before the node starts: these tests are about jobs.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { start as startLine, userId } from '../../../demo/services/line.mjs';
import { address, start as startSendgrid } from '../../../demo/services/sendgrid.mjs';
import { createKey, dataDir, startNode, until } from './node.mjs';

// enum medium and enum service, and what a sender needs to know.
const over = {
    line: { medium: 2, service: 4, start: startLine, settings: s => ({ baseUrl: s.url }), secret: s => ({ channelAccessToken: s.channelAccessToken }),
        content: { messages: [{ type: 'text', text: 'Hello {{ user.name }}' }] } },
    mail: { medium: 0, service: 1, start: startSendgrid, settings: s => ({ baseUrl: s.url, from: { email: 'shop@example.com', name: 'Shop' } }), secret: s => ({ apiKey: s.apiKey }),
        content: { subject: 'Hello {{ user.name }}', text: 'Hello' } },
};
const text = v => `'${String(v).replaceAll("'", "''")}'`;

export const P = '/api/v1/providers/1';
export const ended = ['completed', 'stopped', 'failed'];

// people: [{ userId, attributes, line or mail (or an array of them), subscribed }]. channel: 'line' or 'mail'. campaigns: [{ shortId, content, variables, stopWhen, enabled }].
// segments: [{ name, condition, isDefault }]; lists: [{ by, values }]. args, env: of the node.
export async function startScene({ people = [], campaigns = [{}], segments = [{ condition: { all: [] } }], lists = [], settings = {}, args = [], env = {}, channel = 'line', service } = {}) {
    const data = dataDir(), key = createKey(data), now = Date.now();
    const by = over[channel];
    service ??= await by.start({});
    const rows = [`INSERT INTO audience_last VALUES (1, ${people.length})`, `INSERT INTO audience VALUES (1, ${people.length})`];
    people.forEach((p, i) => {
        rows.push(`INSERT INTO audience_user VALUES (1, ${i + 1}, ${text(p.userId)}, ${text(JSON.stringify(p.attributes ?? {}))}, ${now}, ${now})`);
        for (const value of [p[channel] ?? []].flat())
            rows.push(`INSERT INTO audience_target VALUES (1, ${i + 1}, ${by.medium}, ${text(value)}, '', '', ${p.subscribed === false ? 2 : 1}, '', 'identify', -1, 0, 0, ${now}, ${now})`);
    });
    rows.push(`INSERT INTO sender (provider_id,name,service,settings,secret,state,reason,reason_text,changed_ms,created_ms,updated_ms) VALUES (1,'sender',${by.service},
        ${text(JSON.stringify({ ...by.settings(service), ...settings }))},${text(JSON.stringify(by.secret(service)))},0,'','',${now},${now},${now})`);
    campaigns.forEach((c, i) => rows.push(`INSERT INTO campaign (provider_id,short_id,name,medium,sender_id,enabled,content,variables,stop_when,created_ms,updated_ms) VALUES
        (1,${text(c.shortId ?? `c${i + 1}`)},${text(c.name ?? 'hello')},${by.medium},1,${c.enabled === false ? 0 : 1},
        ${text(JSON.stringify(c.content ?? by.content))},${text(JSON.stringify(c.variables ?? []))},
        ${text(c.stopWhen ? JSON.stringify(c.stopWhen) : '')},${now},${now})`));
    segments.forEach((s, i) => rows.push(`INSERT INTO segment (provider_id,name,condition,is_default,created_ms,updated_ms) VALUES (1,${text(s.name ?? `s${i}`)},
        ${text(JSON.stringify(s.condition))},${s.isDefault ? 1 : 0},${now},${now})`));
    lists.forEach((l, i) => {
        rows.push(`INSERT INTO list (provider_id,name,by_what,rows,created_ms) VALUES (1,'l${i + 1}',${text(l.by)},${l.values.length},${now})`);
        l.values.forEach((v, n) => rows.push(`INSERT INTO list_row VALUES (${i + 1},${n + 1},${v === null ? 'NULL' : text(v)})`));
    });
    change(data, rows);
    const scene = { data, key, service, line: service };
    scene.boot = async (more = {}) => {
        scene.node = await startNode({ data, key, args: ['--allow-any-port', '--loops', '1', ...args, ...(more.args ?? [])], env: { ...env, ...more.env } });
        return scene.node;
    };
    scene.call = async (method, path, body, status = method === 'POST' && /\/(jobs|retry)$/.test(path) ? 201 : 200) => {
        const r = await scene.node.api(method, P + path, body);
        assert.equal(r.status, status, r.text);
        return r.json;
    };
    scene.start = (body = {}) => scene.call('POST', '/jobs', { campaignId: 'c1', audience: { segmentId: '1' }, ...body });
    scene.job = id => scene.call('GET', `/jobs/${id}`);
    scene.reaches = async (id, states, ms = 60_000) => {
        let job;
        await until(async () => [states].flat().includes((job = await scene.job(id)).state), () => `job ${id} is ${JSON.stringify(job)}\n${scene.node.log().slice(-3000)}`, ms);
        return job;
    };
    scene.messages = async (id, query = '') => {
        const all = [];
        for (let cursor = ''; ;) {
            const page = await scene.call('GET', `/jobs/${id}/messages?limit=500${query}${cursor && `&cursor=${cursor}`}`);
            all.push(...page.messages);
            if (!page.cursor) return all;
            cursor = page.cursor;
        }
    };
    scene.errors = async id => (await scene.call('GET', `/jobs/${id}/errors`)).errors;
    scene.close = async () => {
        if (scene.node?.child.exitCode === null && scene.node.child.signalCode === null) await scene.node.stop();
        await service.close();
    };
    await scene.boot();
    return scene;
}

// Changes rows of a database, also under a running node. Only for what no call of the API does.
export function change(data, rows) {
    execFileSync('sqlite3', ['-cmd', '.timeout 20000', join(data, 'todoke.db')], { input: `BEGIN IMMEDIATE;\n${[rows].flat().join(';\n')};\nCOMMIT;\n`, stdio: ['pipe', 'ignore', 'pipe'] });
}

// n people whom a LINE message reaches.
export const crowd = (n, kind = 'fine', more = () => ({})) => Array.from({ length: n }, (_, i) =>
    ({ userId: `u${i + 1}`, attributes: { name: `Name ${i + 1}` }, line: userId(kind, { n: i + 1 }), ...more(i) }));

export { address, userId };
