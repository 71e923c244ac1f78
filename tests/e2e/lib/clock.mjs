// Builds clock.c and says how a node is started whose wall clock is off.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
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
