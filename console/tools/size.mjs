// What a browser loads first: index.html, and what it names (entry, its static imports, styles). Fails past the bound.
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const LIMIT = 120 * 1024; // over the wire, with gzip, the weaker of the two encodings the node serves
const dist = new URL('../dist/', import.meta.url);
const html = readFileSync(new URL('index.html', dist), 'utf8');
const named = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map(m => m[1]);
const files = ['index.html', ...new Set(named)];
let gzip = 0, brotli = 0;
for (const file of files) {
    const bytes = readFileSync(new URL(file, dist));
    gzip += gzipSync(bytes, { level: 9 }).length;
    brotli += brotliCompressSync(bytes).length;
}
const kb = n => `${(n / 1024).toFixed(1)} KB`;
console.log(`first load: ${files.length} files, ${kb(gzip)} with gzip, ${kb(brotli)} with brotli; the bound is ${kb(LIMIT)}`);
if (/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/.test(html)) {
    console.error('index.html has inline code or style');
    process.exitCode = 1;
}
if (gzip > LIMIT) {
    console.error('too much for a first load');
    process.exitCode = 1;
}
