// `todoke check`: what waits for an operator is told, and what an older version has written is looked at only. And what /readyz says of alarms.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { command, dataDir, startNode, until } from './lib/node.mjs';
import { firstVersion } from './lib/disk.mjs';

const sql = (data, text) => execFileSync('sqlite3', ['-cmd', '.timeout 5000', join(data, 'todoke.db'), text], { encoding: 'utf8' }).trim();
const check = (data, ...more) => command(['check', '--data', data, ...more]);
const DAY = 86_400_000;

describe('todoke check', () => {
    for (const [name, mark] of [['ahead', `UPDATE meta SET value=${Date.now() - 2 * DAY} WHERE name='seen'`], ['behind', `UPDATE meta SET value=${Date.now() + 2 * DAY} WHERE name='seen'`],
        ['on trial', `INSERT OR REPLACE INTO meta VALUES ('trial', ${Date.now()})`]]) it(`tells of a clock that is ${name}, until it is accepted`, { timeout: 30_000 }, async () => {
        const data = dataDir(), node = await startNode({ data });
        await node.stop();
        try {
            assert.equal((await check(data)).code, 0);
            sql(data, mark);
            const r = await check(data);
            assert.deepEqual([r.code, /erases nothing by age.*--accept-clock/.test(r.stdout)], [1, true], r.stdout + r.stderr);
            assert.equal((await check(data, '--accept-clock')).code, 0);
            assert.equal((await check(data)).code, 0);
        } finally {
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('looks at what an older version has written, and leaves it as it is', { timeout: 30_000 }, async () => {
        const data = dataDir();
        try {
            const { newest } = firstVersion(data, 'http://127.0.0.1:9/');
            const was = readFileSync(join(data, 'todoke.db'));
            const r = await check(data);
            assert.deepEqual([r.code, r.stdout.includes(`schema 1; this one's is ${newest}`)], [0, true], r.stdout + r.stderr);
            for (const flag of ['--accept-loss', '--accept-clock']) {
                const refused = await check(data, flag);
                assert.deepEqual([refused.code, /written by an older todoke.*Nothing was changed/.test(refused.stderr)], [1, true], refused.stderr);
            }
            assert.equal(sql(data, 'PRAGMA user_version'), '1');
            assert.ok(readFileSync(join(data, 'todoke.db')).equals(was), 'it was changed');
        } finally {
            rmSync(data, { recursive: true, force: true });
        }
    });

    it('nor does any command bring the schema of a running older node up to date', { timeout: 30_000 }, async () => {
        const data = dataDir(), node = await startNode({ data });
        try {
            const version = Number(sql(data, 'PRAGMA user_version'));
            sql(data, `PRAGMA user_version=${version - 1}`);
            for (const args of [['key', 'create', '--data', data, '--role', 'ingest'], ['key', 'list', '--data', data], ['account', 'list', '--data', data]]) {
                const r = await command(args);
                assert.deepEqual([r.code, /a node of an older todoke is running.*Nothing was changed/.test(r.stderr)], [1, true], r.stderr);
            }
            assert.equal((await check(data)).code, 0);
            assert.equal(sql(data, 'PRAGMA user_version'), String(version - 1));
            sql(data, `PRAGMA user_version=${version}`);
        } finally {
            await node.stop();
            rmSync(data, { recursive: true, force: true });
        }
    });
});

it('/readyz names the alarms that wait for somebody', { timeout: 30_000 }, async () => {
    const data = dataDir();
    let node = await startNode({ data });
    const ready = async () => (await (await fetch(`${node.url}/readyz`)).json());
    try {
        assert.deepEqual(await ready(), { status: 'ready' });
        await node.stop();
        sql(data, `INSERT OR REPLACE INTO meta VALUES ('lost', ${Date.now()}); UPDATE meta SET value=${Date.now() - 3 * DAY} WHERE name='seen'`);
        node = await startNode({ data, key: node.key });
        await until(async () => (await ready()).alarms?.length === 2, () => node.log());
        assert.deepEqual(await ready(), { status: 'ready', alarms: ['loss', 'clock'] });
        for (const flag of ['--accept-loss', '--accept-clock']) assert.equal((await check(data, flag)).code, 0);
        await until(async () => !(await ready()).alarms, () => node.log());
    } finally {
        await node.stop();
        rmSync(data, { recursive: true, force: true });
    }
});
