#!/usr/bin/env node
// Writes src/model/nfkc.def: the characters that NFKC and case folding turn into letters, digits or
// separators of a link, as browsers (UTS 46) and mail programs do. Keeps only the rows that src/model/name.c
// needs: those that become ASCII letters, digits and separators, or letters of a name in the root zone.
// Leaves out what name.c folds itself: full width, mathematical letters and digits, letters in circles,
// parentheses and squares.
//
// usage: tools/gen-nfkc.mjs > src/model/nfkc.def
import { readFileSync } from 'node:fs';

const root = new URL('../src/model/', import.meta.url);
const roots = readFileSync(new URL('tld.def', root), 'utf8').match(/"[^"]*"/g).join('').replaceAll('"', '');
const name = readFileSync(new URL('name.c', root), 'utf8');
const own = new Set([...name.matchAll(/\{(?:0x([0-9A-F]+)|'(.)'), (?:CLASS_|')/g)].map(m => (m[1] ? parseInt(m[1], 16) : m[2].charCodeAt(0))));
const zone = [...new Set(roots.replaceAll(' ', ''))].filter(l => l > '\x7f');
const letters = new Set([...zone, ...zone.flatMap(l => [...l.normalize('NFD')]), ...'abcdefghijklmnopqrstuvwxyz0123456789-_.:/\\@', ...[...own].map(c => String.fromCodePoint(c))]);
const styled = [[0x249c, 0x24b5], [0x24b6, 0x24e9], [0xff21, 0xff3a], [0xff41, 0xff5a], [0xff10, 0xff19], [0x1d400, 0x1d6a3], [0x1d7ce, 0x1d7ff], [0x1f110, 0x1f129], [0x1f130, 0x1f149], [0x391, 0x3a9], [0x400, 0x42f]];
const rows = [], hex = cp => `0x${cp.toString(16).toUpperCase().padStart(4, '0')}`;
for (let cp = 0x80; cp < 0x110000; cp++) {
    if ((cp >= 0xd800 && cp < 0xe000) || own.has(cp) || cp === 0x2026 || styled.some(([a, b]) => cp >= a && cp <= b)) continue;
    const c = String.fromCodePoint(cp), to = c.normalize('NFKC').toLowerCase().normalize('NFKC');
    if (to === c || [...to].some(l => !letters.has(l))) continue;
    if ([...to].length > 2 * Buffer.byteLength(c)) throw new Error(`${cp.toString(16)} becomes ${to}: too long for name.c`);
    rows.push(`COMPATIBLE(${hex(cp)}, "${to.replaceAll('\\', '\\\\')}")`);
}
// Letters of the root zone that may also be written as a letter and a mark. Without Hangul, which name.c
// computes, and without ASCII letters, because a shorter name may end with one.
for (const l of zone) {
    const [letter, mark, more] = l.normalize('NFD');
    if (mark && !more && letter > '\x7f' && !/\p{Script=Hangul}/u.test(l)) rows.push(`COMPOSED(${hex(letter.codePointAt(0))}, ${hex(mark.codePointAt(0))}, ${hex(l.codePointAt(0))})`);
}
let line = '';
console.log(`/*\n * Made by tools/gen-nfkc.mjs from Unicode ${process.versions.unicode}: the characters that become letters or separators of a link\n * (NFKC, UTS 46), sorted; then the pairs of a letter and a mark that are one character.\n */`);
for (const r of rows) {
    if (line.length + r.length > 109) { console.log(line); line = ''; }
    line += (line && ' ') + r;
}
console.log(line);
