// Builds clock.c and says how a node is started whose wall clock is off.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dir = mkdtempSync(join(tmpdir(), 'todoke-clock-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const library = join(dir, 'clock.so');
execFileSync(process.env.CC ?? 'cc', ['-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', library,
    fileURLToPath(new URL('clock.c', import.meta.url)), '-ldl']);

// AddressSanitizer wants to be the first library; here it need not be.
export const clockOff = ms => ({ LD_PRELOAD: library, CLOCK_OFFSET_MS: String(ms), ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0` });

// A clock that can be set while the node runs: { env, set(ms) }. The length of the text never changes, so that none is read by half.
let switches = 0;
export function clockSwitch(ms = 0) {
    const file = join(dir, `offset-${++switches}`), set = off => writeFileSync(file, `${off}`.padEnd(24), { flag: 'r+' });
    writeFileSync(file, ''.padEnd(24));
    set(ms);
    const { CLOCK_OFFSET_MS: _, ...env } = clockOff(0);
    return { env: { ...env, CLOCK_FILE: file }, set };
}
