// Builds disk.c and says how a node is started upon it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dir = mkdtempSync(join(tmpdir(), 'todoke-disk-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const library = join(dir, 'disk.so');
execFileSync(process.env.CC ?? 'cc', ['-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library,
    fileURLToPath(new URL('disk.c', import.meta.url)), '-ldl']);

// AddressSanitizer wants to be the first library; here it need not be.
const env = { LD_PRELOAD: library, ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0` };

// plan: 'KIND:N:ACTION' as in disk.c.
export const diskPlan = plan => ({ ...env, DISK_PLAN: plan });

// { env, begin() }: the same, and its operations are counted from begin() on: what a node writes while it starts is not.
let begins = 0;
export function diskPlanFrom(plan) {
    const file = join(dir, `from-${++begins}`);
    return { env: { ...diskPlan(plan), DISK_FROM: file }, begin: () => writeFileSync(file, '') };
}

// A switch: { env, fail('ENOSPC' | 'EIO'), mend() }.
let switches = 0;
export function diskSwitch() {
    const file = join(dir, `fault-${++switches}`);
    return { env: { ...env, DISK_FAULT: file }, fail: errno => writeFileSync(file, errno), mend: () => rmSync(file, { force: true }) };
}

// What SQLite itself says of a copy of the database (opening the original would mend it before the node does). Returns its lines.
export function sqlite(data, sql) {
    const copy = mkdtempSync(join(dir, 'copy-'));
    try {
        execFileSync('sh', ['-c', 'cp "$1"/todoke.db* "$2"/ && rm -f "$2"/todoke.db-shm', 'sh', data, copy]);
        return execFileSync('sqlite3', [join(copy, 'todoke.db'), sql], { encoding: 'utf8', maxBuffer: 1 << 28 }).trim().split('\n');
    } finally {
        rmSync(copy, { recursive: true, force: true });
    }
}

// A data directory as the first version left it: channel 2000000001 with event 1 in the queue and event 2 to be sent again. Returns
// { newest }, the number of the last migration there is.
export function firstVersion(data, url) {
    const schema = readFileSync(new URL('../../../src/store/sqlite/schema.sql', import.meta.url), 'utf8');
    const first = /-- migration 1\n([^]*?)(?=-- migration 2\n|$)/.exec(schema)[1];
    const now = Date.now(), id = BigInt(now) << 20n;
    execFileSync('sqlite3', [join(data, 'todoke.db')], { input: `PRAGMA journal_mode=WAL;\n${first}\nPRAGMA user_version=1;
        INSERT INTO channel VALUES (2000000001, 'old', 'U${'0'.repeat(32)}', '${'0'.repeat(32)}', zeroblob(32), '${url}', 1, 1, 0, '', 'en', 0, 0, 0, ${now}, ${now});
        INSERT INTO payload VALUES (${id + 1n}, 2000000001, 0, '{"type":"note","n":1}'), (${id + 2n}, 2000000001, 0, '{"type":"note","n":2}');
        INSERT INTO queue VALUES (2000000001, ${id + 1n}); INSERT INTO retry VALUES (2000000001, ${id + 2n}, ${now - 1}, 1);` });
    return { newest: schema.match(/^-- migration \d+$/gm).length };
}
