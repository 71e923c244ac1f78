// Every word of the catalogue is said somewhere: what nothing says is waste, and what is said under another name is missing. tsc holds the two
// catalogues to one shape; this holds them to the pages.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../src/', import.meta.url));
const sources = readdirSync(src, { recursive: true, withFileTypes: false }).map(String).filter(f => /\.tsx?$/.test(f) && !f.startsWith('texts'));
const code = sources.map(f => readFileSync(join(src, f), 'utf8')).join('\n');
const catalogue = readFileSync(join(src, 'texts/en.ts'), 'utf8');

let section = '', unsaid = [];
for (const line of catalogue.split('\n')) {
    section = /^ {4}(\w+): \{/.exec(line)?.[1] ?? section;
    const key = /^ {8}(\w+):/.exec(line)?.[1];
    if (!key) continue;
    const whole = new RegExp(`\\bt\\.${section}(\\[|\\b(?!\\.))`); // taken as a table: t.reasons[reason]
    if (!whole.test(code) && !new RegExp(`\\bt\\.${section}\\.${key}\\b`).test(code)) unsaid.push(`${section}.${key}`);
}
if (unsaid.length) {
    console.error(`words that nothing says: ${unsaid.join(', ')}`);
    process.exitCode = 1;
}
