// A wall clock that is wrong by days or years, at the start or while the node runs: nothing is erased for its age, it is said, and it ends when the clock
// is right, or an operator says that it is.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { clockOff, clockSwitch } from './lib/clock.mjs';
import { command, createKey, dataDir, startNode, until } from './lib/node.mjs';
import { firstAccount, login } from './lib/people.mjs';

const DAY = 86_400_000, YEAR = 365 * DAY;
const text = n => ({ type: 'message', message: { type: 'text', id: String(n), text: `${n}` } });
const query = (data, sql) => JSON.parse(execFileSync('sqlite3', ['-cmd', '.timeout 10000', '-json', join(data, 'todoke.db'), sql], { encoding: 'utf8' }) || '[]');
const alarm = node => node.metric('todoke_alarm{name="clock"}');
const tables = ['payload', 'attempt', 'fate', 'audit', 'session', 'idempotency', 'mail', 'mail_content', 'error_row', 'error_minute', 'access_token', 'invitation', 'notice', 'notice_day', 'account', 'section'];
const counts = data => Object.fromEntries(tables.map(t => [t, query(data, `SELECT count(*) AS n FROM ${t}`)[0].n]));
// Some of everything that goes by age, all of it young.
async function fill(data) {
    const bot = await startBot(r => (r.events[0].message.id === '1' ? 500 : 200));
    let node;
    try {
        node = await startNode({ data });
        return await filled(data, node, bot);
    } catch (e) {
        await node?.kill();
        await bot.close();
        throw e;
    }
}

async function filled(data, node, bot) {
    const person = await firstAccount(node);
    await login(node, person.account.email);
    const channel = await node.channel({ webhookUrl: bot.url, errorStatistics: true, maxEventsPerRequest: 1 });
    const ids = [];
    for (let n = 0; n < 20; n++) ids.push(...await node.post(channel, [text(n)], { headers: { 'idempotency-key': `k${n}` } }));
    for (const [n, id] of ids.entries()) await node.reaches(channel, id, n === 1 ? 'given_up' : 'delivered');
    assert.equal((await node.api('POST', `/api/v1/channels/${channel.channelId}/secret/rotate`, { graceSeconds: 86400 })).status, 200);
    assert.equal((await node.api('POST', `/api/v1/channels/${channel.channelId}/tokens`, { expiresInSeconds: 3600 })).status, 201);
    await node.stop();
    execFileSync('sqlite3', [join(data, 'todoke.db')], { input: `
        INSERT INTO mail_content VALUES (1, 't', 'h'), (2, 't', 'h');
        INSERT INTO mail (content_id, channel_id, recipient, subject, state, tries, next_ms, last_error, created_ms) VALUES
            (1, 1, 'a@example.com', 's', 1, 1, ${Date.now() - 1000}, '', ${Date.now() - 2000}), (2, 1, 'a@example.com', 's', 2, 3, ${Date.now() - 1000}, 'no', ${Date.now() - 2000});
        INSERT INTO error_row VALUES (${Math.floor(Date.now() / DAY)}, ${channel.channelId}, ${Math.floor(Date.now() / 60000) - 5}, 'error_status_code', '500', ${Date.now()}, ${Date.now()}, 1);
        INSERT INTO notice_day VALUES (${channel.channelId}, ${Math.floor((Date.now() + 9 * 3_600_000) / DAY)}, 3);` });
    return { node, bot, channel, ids, person };
}

// What stood there stands there still: no fewer rows of anything, the tail's way into sections aside.
function nothingIsGone(was, data, why) {
    const now = counts(data);
    for (const t of tables) assert.ok(now[t] >= was[t] || /^error_/.test(t), `${why}: ${t}: ${was[t]} rows, then ${now[t]}`);
    assert.ok(now.error_row + now.error_minute >= was.error_row + was.error_minute, `${why}: errors`);
}

describe('a clock that is wrong at the start', () => {
    for (const [name, off] of [['ten years ahead', 10 * YEAR], ['two days ahead', 2 * DAY], ['ten years behind', -10 * YEAR], ['two days behind', -2 * DAY]])
        it(`${name}: nothing goes, and it is said`, { timeout: 60_000 }, async () => {
            const data = dataDir(), k = await fill(data), was = counts(data);
            try {
                for (let i = 0; i < 2; i++) { // a second such start knows the records of the first
                    const wrong = await startNode({ data, key: k.node.key, env: clockOff(off), args: ['--statistics-time', '1d', '--retention', '12h', '--audit-time', '1d'] });
                    await until(async () => await alarm(wrong) === 1, () => wrong.log());
                    await until(() => /level=error module=store msg="this machine's clock is more than a day off .*--accept-clock.* ahead_s=-?\d+/.test(wrong.log()), () => wrong.log()); // the alarm is seen before its line is read
                    await until(async () => (await wrong.api('GET', '/api/v1/system')).json.alarms.some(a => a.name === 'clock' && /clock/.test(a.text.en) && /時計/.test(a.text.ja)));
                    k.bot.answer = () => 200;
                    const [id] = await wrong.post(k.channel, [text(100 + i)], { headers: { 'idempotency-key': `w${i}` } });
                    await wrong.reaches(k.channel, id, 'delivered');
                    await login(wrong, k.person.account.email);
                    await until(async () => await wrong.metric('todoke_store_calls_total') >= 8, () => 'no rounds'); // after the first, which is at once
                    assert.equal(await wrong.metric('todoke_pruned_events_total'), 0);
                    await wrong.stop();
                    nothingIsGone(was, data, `start ${i + 1}`);
                }
                const right = await startNode({ data, key: k.node.key });
                for (const [n, id] of k.ids.entries()) assert.equal((await right.event(k.channel, id)).state, n === 1 ? 'given_up' : 'delivered');
                assert.equal((await k.person.api.call(null, 'GET', '/api/v1/session').catch(() => ({ status: 0 }))).status, 0, 'that node is gone');
                const again = await right.api('GET', '/api/v1/session', undefined, { key: null, headers: { cookie: k.person.cookie } });
                assert.equal(again.status, 200, 'the session lives');
                assert.deepEqual(await right.post(k.channel, [text(3)], { headers: { 'idempotency-key': 'k3' } }), [k.ids[3]]);
                await until(async () => await alarm(right) === 0);
                assert.doesNotMatch(right.log(), /clock is more than a day off/);
                // What was dated years ahead does not live for years.
                await until(() => query(data, `SELECT (SELECT count(*) FROM session WHERE created_ms>${Date.now() + DAY} OR used_ms>${Date.now() + DAY})
                    + (SELECT count(*) FROM idempotency WHERE created_ms>${Date.now() + DAY}) AS n`)[0].n === 0, () => right.log());
                await right.stop();
                nothingIsGone(was, data, 'after all');
            } finally {
                await k.bot.close();
                rmSync(data, { recursive: true, force: true });
            }
        });

    it('what it has dated ahead lasts from the day it is right again', { timeout: 60_000 }, async () => {
        const data = dataDir(), k = await fill(data);
        try {
            const wrong = await startNode({ data, key: k.node.key, env: clockOff(10 * YEAR) });
            await until(async () => await alarm(wrong) === 1);
            const person = await login(wrong, k.person.account.email);
            assert.equal((await wrong.api('POST', `/api/v1/channels/${k.channel.channelId}/secret/rotate`, { graceSeconds: 3600 })).status, 200);
            assert.equal((await wrong.api('POST', `/api/v1/channels/${k.channel.channelId}/tokens`, { expiresInSeconds: 3600 })).status, 201);
            await wrong.post(k.channel, [text(7)], { headers: { 'idempotency-key': 'ahead' } });
            await wrong.stop();
            execFileSync('sqlite3', [join(data, 'todoke.db'), `INSERT INTO mail (content_id, channel_id, recipient, subject, state, tries, next_ms, last_error, created_ms) VALUES (2, 1, 'b@example.com', 's', 0, 1, ${Date.now() + 10 * YEAR}, '', ${Date.now() + 10 * YEAR})`]);
            const right = await startNode({ data, key: k.node.key, args: ['--idempotency-time', '2s', '--retention', '2s'] });
            const late = Date.now() + 8 * DAY;
            await until(() => query(data, `SELECT (SELECT count(*) FROM session WHERE created_ms>${late} OR used_ms>${late}) + (SELECT count(*) FROM access_token WHERE expires_ms>${late})
                + (SELECT count(*) FROM channel WHERE previous_until_ms>${late}) + (SELECT count(*) FROM mail WHERE created_ms>${late} OR next_ms>${late})
                + (SELECT count(*) FROM idempotency WHERE created_ms>${late}) + (SELECT count(*) FROM invitation WHERE expires_ms>${late}) AS n`)[0].n === 0, () => right.log());
            assert.equal((await right.api('GET', '/api/v1/session', undefined, { key: null, headers: { cookie: person.cookie } })).status, 200, 'and is not lost');
            await until(() => query(data, "SELECT count(*) AS n FROM idempotency WHERE key='ahead'")[0].n === 0, () => 'the key is honoured for ever');
            await until(() => query(data, "SELECT count(*) AS n FROM mail WHERE recipient='b@example.com' AND state<>0")[0].n === 1, () => 'the mail waits for years');
            await right.stop();
        } finally {
            await k.bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });
});

describe('rows that a clock ahead has dated', () => {
    it('a line of the audit log keeps no later one from going', { timeout: 60_000 }, async () => {
        const data = dataDir(), k = await fill(data), actions = () => query(data, 'SELECT id, at_ms FROM audit ORDER BY id');
        try {
            const wrong = await startNode({ data, key: k.node.key, env: clockOff(10 * YEAR) });
            await until(async () => await alarm(wrong) === 1);
            assert.equal((await wrong.api('POST', `/api/v1/channels/${k.channel.channelId}/tokens`, { expiresInSeconds: 3600 })).status, 201);
            await wrong.stop();
            const ahead = actions().filter(a => a.at_ms > Date.now() + DAY);
            assert.ok(ahead.length > 0);
            let right = await startNode({ data, key: k.node.key });
            for (let i = 0; i < 3; i++) assert.equal((await right.api('POST', `/api/v1/channels/${k.channel.channelId}/tokens`, { expiresInSeconds: 3600 })).status, 201);
            await right.stop();
            const lines = actions(), old = lines.at(-2).id; // the last line is young, all before it are two days old, or of 2036
            execFileSync('sqlite3', [join(data, 'todoke.db'), `UPDATE audit SET at_ms=at_ms-${2 * DAY} WHERE id<=${old} AND at_ms<${Date.now() + DAY}`]);
            right = await startNode({ data, key: k.node.key, args: ['--audit-time', '1d'] });
            await until(() => actions().length === 1, () => JSON.stringify(actions()));
            assert.equal(actions()[0].id, lines.at(-1).id);
            await right.stop();
        } finally {
            await k.bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    // What becomes of every column that holds a time when that is ten years ahead. A new one fails here until it has been decided upon.
    const stays = 'stays: it is only shown', number = 'stays: a number of an event or attempt, which never goes back';
    const goes = 'goes', now = 'is now', soon = 'is a week away at most', passed = 'goes when the day is another, by the caller', held = 'stays: what reads it bounds it';
    const fates = {
        'access_key.created_ms': stays, 'access_key.revoked_ms': 'stays: any time but 0 is revoked', 'access_token.created_ms': now, 'access_token.expires_ms': soon, 'access_token.used_ms': now,
        'account.created_ms': stays, 'account.last_login_ms': stays, 'attempt.started_ms': 'stays: its event goes by retention-size', 'audit.at_ms': 'stays, and goes with the next line',
        'channel.created_ms': stays, 'channel.updated_ms': stays, 'channel.suspended_ms': now, 'channel.failing_ms': now, 'channel.previous_until_ms': soon, 'channel.response_timeout_ms': 'no time of day',
        'contact.asked_ms': now, 'contact.decided_ms': now, 'error_minute.minute': goes, 'error_minute.first_ms': goes, 'error_minute.last_ms': goes,
        'error_row.day': goes, 'error_row.minute': goes, 'error_row.first_ms': goes, 'error_row.last_ms': goes, 'idempotency.created_ms': now, 'invitation.created_ms': now, 'invitation.expires_ms': soon,
        'mail.created_ms': now, 'mail.next_ms': now, 'mail_day.day': passed, 'notice.first_ms': now, 'notice.closes_ms': now, 'notice_day.day': goes, 'provider.created_ms': stays,
        'provider_option.applied_ms': stays, 'provider_option.decided_ms': stays, 'retry.due_ms': held, 'session.created_ms': now, 'session.used_ms': now, 'tally.day': passed,
        'audience_user.created_ms': stays, 'audience_user.updated_ms': stays, 'audience_target.created_ms': stays, 'audience_target.changed_ms': stays, 'segment.created_ms': stays,
        'segment.updated_ms': stays, 'list.created_ms': stays, 'query.created_ms': stays, 'query.updated_ms': stays, 'import.started_ms': stays, 'import.ended_ms': stays,
        'sender.changed_ms': stays, 'sender.created_ms': stays, 'sender.updated_ms': stays, 'campaign.created_ms': stays, 'campaign.updated_ms': stays,
        'job.at_ms': 'stays where somebody chose it; a plan finds its next time anew', 'job.claimed_ms': now, 'job.created_ms': stays, 'job.started_ms': stays, 'job.ended_ms': now,
        'message.due_ms': held, 'message.at_ms': 'stays: a condition on what was received takes it for recent',
    };
    for (const c of ['attempt.id', 'fate.attempt_id', 'fate.event_id', 'payload.id', 'queue.id', 'retry.id', 'section.last_id']) fates[c] = number;

    it('what becomes of each column is decided', { timeout: 60_000 }, async () => {
        const data = dataDir(), k = await fill(data), far = Date.now() + 10 * YEAR, ID = k.channel.channelId;
        try {
            const columns = query(data, "SELECT m.name AS t, c.name AS c FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type='table' AND m.name NOT LIKE 'sqlite_%'");
            const timed = columns.filter(({ c }) => /_ms$|day$|minute$|_at$|time|until|expire/.test(c)).map(({ t, c }) => `${t}.${c}`);
            assert.deepEqual(timed.filter(c => !fates[c]), [], 'columns nobody has decided upon');
            execFileSync('sqlite3', [join(data, 'todoke.db')], { input: `
                UPDATE access_token SET created_ms=${far}, expires_ms=${far + 3_600_000}, used_ms=${far};
                UPDATE channel SET suspended_ms=${far}, failing_ms=${far}, previous_until_ms=${far + DAY};
                UPDATE idempotency SET created_ms=${far};
                UPDATE session SET created_ms=${far}, used_ms=${far};
                INSERT INTO invitation VALUES (x'01', 1, ${far}, ${far + 7 * DAY});
                INSERT INTO contact VALUES (1, 'a@example.com', 'a@example.com', 0, ${ID}, 1, ${far}, x'02', 0), (1, 'b@example.com', 'b@example.com', 2, ${ID}, 1, ${Date.now() - DAY}, x'03', ${far});
                INSERT INTO mail_content VALUES (9, 't', 'h');
                INSERT INTO mail (content_id, channel_id, recipient, subject, state, tries, next_ms, last_error, created_ms) VALUES (9, 1, 'c@example.com', 's', 2, 1, ${far}, '', ${far});
                INSERT INTO notice (channel_id, kind, topic, reason, detail, errors, first_ms, closes_ms) VALUES (1, 0, '', 'r', 'd', 1, ${far}, ${far});
                INSERT INTO notice_day VALUES (${ID}, ${Math.floor(far / DAY)}, 3);
                INSERT INTO error_row VALUES (${Math.floor(far / DAY)}, ${ID}, ${Math.floor(far / 60_000)}, 'error_status_code', '500', ${far}, ${far}, 1);
                INSERT INTO job (provider_id, campaign_id, sender_id, medium, campaign_name, short_id, state, reason, reason_text, per_second, dedupe, at_ms, repeat, parent_id, gathered, position,
                    total, claimed, settled, ended, claimed_ms, created_ms, started_ms, ended_ms) VALUES
                    (1, 1, 1, 2, 'c', 'c', 4, '', '', 0, 1, 0, '', 0, 1, 0, 0, 0, 0, 0, ${far}, 1, 1, ${far}),
                    (1, 1, 1, 2, 'c', 'c', 0, '', '', 0, 1, ${far}, '{"every":"day","time":"09:00","zone":"UTC"}', 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
                INSERT INTO error_minute VALUES (${Math.floor(far / 60_000)}, ${ID}, 'error_status_code', '500', ${far}, ${far}, 1);` });
            const node = await startNode({ data, key: k.node.key });
            const bound = { [now]: () => Date.now() + DAY, [soon]: () => Date.now() + 8 * DAY, [goes]: c => Math.floor((Date.now() + 2 * DAY) / (/day$/.test(c) ? DAY : /minute$/.test(c) ? 60_000 : 1)) };
            for (const [column, fate] of Object.entries(fates)) {
                if (!bound[fate]) continue;
                const [t, c] = column.split('.');
                await until(() => query(data, `SELECT count(*) AS n FROM ${t} WHERE ${c}>${bound[fate](c)}`)[0].n === 0, () => `${column} ${fate}: ${JSON.stringify(query(data, `SELECT ${c} FROM ${t} ORDER BY 1 DESC LIMIT 1`))}`);
            }
            await until(() => query(data, `SELECT count(*) AS n FROM job WHERE at_ms>${Date.now() + 32 * DAY}`)[0].n === 0, () => 'a plan waits for years');
            await node.stop();
        } finally {
            await k.bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });
});

describe('events after a clock that was ahead', () => {
    it('have numbers ahead of time, and go all the same when they are old; those of that time stay', { timeout: 60_000 }, async () => {
        const data = dataDir(), k = await fill(data);
        try {
            const wrong = await startNode({ data, key: k.node.key, env: clockOff(10 * YEAR) });
            const [ahead] = await wrong.post(k.channel, [text(50)]);
            await wrong.reaches(k.channel, ahead, 'delivered');
            await wrong.stop();
            const right = await startNode({ data, key: k.node.key, args: ['--retention', '1s', '--redelivery-schedule', '1h'] });
            const ids = [];
            for (let n = 60; n < 70; n++) ids.push(...await right.post(k.channel, [text(n)]));
            assert.ok(ids.every(id => id.slice(-13) > ahead.slice(-13)));
            for (const id of ids) await until(async () => (await right.api('GET', `/api/v1/channels/${k.channel.channelId}/events/${id}`)).status === 404, () => `${id} stays`);
            await until(async () => await right.metric('todoke_pruned_events_total') === 30);
            assert.equal((await right.event(k.channel, ahead)).state, 'delivered', 'nobody knows how old it is');
            await right.stop();
        } finally {
            await k.bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });
});

describe('a clock that is set while the node runs', () => {
    let data, k;
    before(async () => { data = dataDir(); k = await fill(data); });
    after(async () => { await k.bot.close(); rmSync(data, { recursive: true, force: true }); });

    it('nothing goes while it is off, both ways; the alarm ends with it', { timeout: 60_000 }, async () => {
        const clock = clockSwitch(), node = await startNode({ data, key: k.node.key, env: clock.env, args: ['--retention', '12h', '--statistics-time', '1d'] });
        try {
            await until(async () => await alarm(node) === 0);
            const was = counts(data);
            for (const off of [2 * DAY, 10 * YEAR, -2 * DAY, -10 * YEAR]) {
                clock.set(off);
                await until(async () => await alarm(node) === 1, () => `${off}: ${node.log()}`);
                await new Promise(r => setTimeout(r, 1500)); // looks and rounds that must do nothing
                clock.set(0);
                await until(async () => await alarm(node) === 0, () => `${off}: ${node.log()}`);
                nothingIsGone(was, data, `${off}`);
            }
            assert.match(node.log(), /level=info module=store msg="clock accepted/);
            clock.set(20 * 3_600_000); // less than a day is believed: what is older than 12 hours goes
            node.child.kill('SIGHUP'); // a round at once
            await until(async () => await node.metric('todoke_pruned_events_total') >= 20, () => node.log());
        } finally {
            await node.stop();
        }
    });
});

describe('a channel that fails while the clock is wrong', () => {
    for (const [name, off] of [['ahead', 10 * DAY], ['behind', -10 * DAY]])
        it(`${name}: it has not failed for days by that; but by what has passed`, { timeout: 60_000 }, async () => {
            const data = dataDir(), bot = await startBot(() => 500), args = ['--suspend-after', '24h', '--suspend-failures', '3'];
            let node = await startNode({ data, args });
            try {
                const channel = await node.channel({ webhookUrl: bot.url }), ID = channel.channelId, { key } = node;
                const fails = async n => { for (let i = 0; i < n; i++) await node.reaches(channel, (await node.post(channel, [text(i)]))[0], 'given_up'); };
                const since = ms => execFileSync('sqlite3', [join(data, 'todoke.db'), `UPDATE channel SET suspended_ms=0, failing_ms=${Date.now() - ms}`]);
                const again = async env => { await node.stop(); return node = await startNode({ data, key, args, env }); };
                const state = async () => (await node.api('GET', `/api/v1/channels/${ID}`)).json;
                await until(async () => await node.metric('todoke_store_calls_total') > 3); // it has noted how late it is
                await node.stop();
                since(3 * 3_600_000);
                node = await startNode({ data, key, args, env: clockOff(off) });
                await until(async () => await alarm(node) === 1);
                await fails(6);
                assert.equal((await state()).suspended, false, node.log());
                assert.equal(await node.metric('todoke_suspensions_total'), 0);
                await again({}); // what was put on record meanwhile is no reason either
                await until(async () => await node.metric('todoke_store_calls_total') > 3);
                await fails(6);
                assert.equal((await state()).suspended, false, node.log());
                await node.stop(); // that it has failed for a day is true by any clock
                since(25 * 3_600_000);
                node = await startNode({ data, key, args, env: clockOff(off) });
                await until(async () => await alarm(node) === 1);
                for (let i = 0; i < 5; i++) await node.post(channel, [text(i)]);
                await until(async () => (await state()).suspended === true, () => node.log());
                await until(() => /channel suspended: .* failing_s=(89|90)\d{3}\b/.test(node.log()), () => node.log());
            } finally {
                await node.stop();
                await bot.close();
                rmSync(data, { recursive: true, force: true });
            }
        });
});

describe('a node that was down for days', () => {
    it('erases nothing until an operator says that the clock is right, and then what is old', { timeout: 60_000 }, async () => {
        const data = dataDir(), k = await fill(data), env = clockOff(9 * DAY);
        let node = await startNode({ data, key: k.node.key, env, args: ['--retention', '7d'] });
        try {
            await until(async () => await alarm(node) === 1);
            await node.stop();
            node = await startNode({ data, key: k.node.key, env, args: ['--retention', '7d'] }); // and not by starting again
            await until(async () => await alarm(node) === 1);
            assert.equal(await node.metric('todoke_pruned_events_total'), 0);
            const was = await command(['check', '--data', data, '--accept-clock']); // by another clock, that of this test: no help
            assert.equal(was.code, 0, was.stderr);
            await new Promise(r => setTimeout(r, 1500));
            assert.equal(await alarm(node), 1);
            const r = await command(['check', '--data', data, '--accept-clock'], { env });
            assert.deepEqual([r.code, /it is \d{4}-\d\d-\d\dT/.test(r.stdout)], [0, true], r.stderr);
            await until(async () => await alarm(node) === 0, () => node.log());
            await until(async () => await node.metric('todoke_pruned_events_total') === 20, () => node.log());
            assert.ok(query(data, 'SELECT action FROM audit').some(a => a.action === 'clock.accept'));
            await node.stop();
            node = await startNode({ data, key: k.node.key, env });
            await until(async () => await node.metric('todoke_store_calls_total') > 3);
            assert.equal(await alarm(node), 0, 'it is kept');
        } finally {
            await node.stop();
            await k.bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('a directory of an older version: by its newest record', { timeout: 60_000 }, async () => {
        const data = dataDir(), k = await fill(data);
        execFileSync('sqlite3', [join(data, 'todoke.db'), "DELETE FROM meta WHERE name IN ('seen','steady','trial')"]);
        const was = counts(data), wrong = await startNode({ data, key: k.node.key, env: clockOff(10 * YEAR) });
        try {
            await until(async () => await alarm(wrong) === 1);
        } finally {
            await wrong.stop();
            nothingIsGone(was, data, 'older');
            await k.bot.close();
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('a new directory believes its clock', { timeout: 30_000 }, async () => {
        const data = dataDir(), env = clockOff(-3 * YEAR), key = execFileSync(process.env.TODOKE_BIN ?? new URL('../../build/todoke', import.meta.url).pathname, ['key', 'create', '--data', data, '--role', 'operator'], { encoding: 'utf8', env: { ...process.env, ...env } }).trim();
        const node = await startNode({ data, key, env });
        await until(async () => await node.metric('todoke_store_calls_total') > 1);
        assert.equal(await alarm(node), 0);
        await node.stop();
        rmSync(data, { recursive: true, force: true });
    });
});
