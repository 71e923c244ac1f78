#!/usr/bin/env node
// Writes the built console as C: every file of DIST and its gzip and brotli forms. Compressing here, once,
// means that a node never compresses.
// usage: embed-console.mjs DIST OUTPUT.c DEPFILE [NAME]
// Without DIST/index.html it writes an empty table, and the node answers that it has no console. DEPFILE
// lists the inputs of OUTPUT for ninja.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { extname, join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const TYPES = {
    '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.json': 'application/json; charset=utf-8',
    '.svg': 'image/svg+xml', '.png': 'image/png', '.ico': 'image/x-icon', '.woff2': 'font/woff2', '.txt': 'text/plain; charset=utf-8',
    '.webmanifest': 'application/manifest+json',
};
const HASHED = /^\/assets\/.*[-.][\w-]{8,}\.\w+$/; // Vite's names: their contents never change
const WORTH = 0.95; // of the plain size; a larger compressed copy is not worth its space

function filesOf(dir) {
    return readdirSync(dir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
        .filter(e => !e.name.startsWith('.') && extname(e.name) !== '.map')
        .flatMap(e => (e.isDirectory() ? filesOf(join(dir, e.name)) : [join(dir, e.name)]));
}

// The Content-Security-Policy forbids inline code and style: fail here rather than with a blank page in the
// browser.
function checkPage(path, text) {
    const bad = /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)[^>]*>/i.exec(text);
    if (bad) throw new Error(`${path}: inline code or style (${bad[0]}), which the Content-Security-Policy forbids`);
}

function bytes(name, data) {
    const lines = [];
    for (let i = 0; i < data.length; i += 40) lines.push(`${[...data.subarray(i, i + 40)].join(',')},`);
    return `static const unsigned char ${name}[] = {\n${lines.join('\n')}\n};\n`;
}

function variants(data) {
    const all = [['', data], ['-gz', gzipSync(data, { level: 9 })],
        ['-br', brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length } })]];
    return all.filter(([suffix, b]) => !suffix || b.length < data.length * WORTH);
}

// What has not changed is left alone, or all that includes it would be built again.
function write(path, text) {
    if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);
}

function main([dist, output, depfile, name = 'console_files']) {
    const files = existsSync(join(dist, 'index.html')) ? filesOf(dist) : [];
    const parts = [], rows = [];
    for (const [i, file] of files.entries()) {
        const path = `/${relative(dist, file)}`, data = readFileSync(file), type = TYPES[extname(file)];
        if (!type) throw new Error(`${file}: of what type is this? Name it in tools/embed-console.mjs`);
        if (!/^[\w./-]+$/.test(path)) throw new Error(`${file}: a name of letters, digits, . _ - is needed`);
        if (extname(file) === '.html') checkPage(file, data.toString('utf8'));
        const hash = createHash('sha256').update(data).digest('base64url').slice(0, 22);
        const bodies = ['{0}', '{0}', '{0}'];
        for (const [suffix, b] of variants(data)) {
            const at = ['', '-gz', '-br'].indexOf(suffix);
            parts.push(bytes(`body_${i}_${at}`, b.length ? b : Buffer.from([0])));
            bodies[at] = `{body_${i}_${at}, ${b.length}, "\\"${hash}${suffix}\\""}`;
        }
        rows.push(`    {"${path}", "${type}", ${HASHED.test(path)}, {${bodies.join(', ')}}},\n`);
    }
    write(output, `/* Made by tools/embed-console.mjs. */\n#include "api/console.h"\n${parts.join('')}` +
        `const struct console_file ${name}[] = {\n${rows.join('')}    {0},\n};\n`);
    const escape = s => s.replace(/([ #$\\])/g, '\\$1');
    writeFileSync(depfile, `${escape(output)}: ${[join(dist, 'index.html'), ...files].map(escape).join(' ')}\n`);
}

main(process.argv.slice(2));
