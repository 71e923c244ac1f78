// Text for a terminal: columns that are aligned in Japanese too, and lines that break where expected.

// East Asian wide characters (UAX 11) and emoji take two columns.
const isWide = c => (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) || (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff)
    || (c >= 0xfe30 && c <= 0xfe4f) || (c >= 0xff01 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff);
const NEVER_FIRST = new Set('、。，．」』）］：；？！ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ');
const NEVER_LAST = new Set('「『（［');

// Makes foreign text safe: controls and invisible characters become \uXXXX; line breaks stay.
const HIDDEN = /(?!\n)[\p{Cc}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
export const visible = text => text.replace(HIDDEN, c => [...Array(c.length).keys()].map(i => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''));

export const ARROW = '  → ';

export const width = text => [...text].reduce((n, c) => n + (isWide(c.codePointAt(0)) ? 2 : 1), 0);
export const pad = (text, columns) => text + ' '.repeat(Math.max(0, columns - width(text)));

// Splits text into pieces that are never broken: words, single wide characters with their punctuation, and
// `commands` with their spaces.
function pieces(text, keepCode) {
    const out = [];
    let piece = '', code = false, last = '';
    const flush = () => piece && out.push(piece) && (piece = '');
    for (const c of text) {
        const between = !code && last && last !== ' ' && c !== ' ' && (isWide(c.codePointAt(0)) || isWide(last.codePointAt(0)));
        if (between && !NEVER_FIRST.has(c) && !NEVER_LAST.has(last)) flush();
        if (c === '`' && keepCode) code = !code;
        if (c === ' ' && !code) flush();
        piece += c;
        last = c;
    }
    flush();
    return out;
}

export function wrap(text, columns) {
    const lines = [];
    let line = '';
    const add = piece => {
        if (line && width(line + piece) > columns) {
            lines.push(line);
            line = '';
        }
        line += line ? piece : piece.trimStart();
    };
    for (const piece of pieces(text, true)) {
        if (width(piece) <= columns) add(piece);
        else pieces(piece, false).forEach(add); // a command longer than a line breaks at its spaces
    }
    return [...lines, line];
}

/*
 * columns: [{ title, of(row), colour?(row), flexible? }]; a title may have line breaks, and the flexible
 * column shrinks when room is short. below(row): a text below the row, behind ARROW.
 */
export function table(rows, { columns, below, room, paint }) {
    const gap = '  ';
    const widths = columns.map(c => Math.max(...c.title.split('\n').map(width), ...rows.map(r => width(c.of(r)))));
    const total = () => widths.reduce((a, b) => a + b + gap.length, -gap.length);
    const flexible = columns.findIndex(c => c.flexible);
    if (flexible >= 0) widths[flexible] = Math.max(18, widths[flexible] - Math.max(0, total() - room));

    const print = (cells, style) => {
        const height = Math.max(...cells.map(c => c.length));
        return Array.from({ length: height }, (_, i) =>
            cells.map((c, k) => style(pad(c[i] ?? '', widths[k]), k)).join(gap).trimEnd());
    };
    const title = print(columns.map(c => c.title.split('\n')), text => paint.bold(text));
    const body = rows.flatMap(r => [
        ...print(columns.map((c, k) => wrap(c.of(r), widths[k])), (text, k) => (columns[k].colour?.(r) ?? String)(text)),
        ...(below(r) ? wrap(below(r), room - ARROW.length).map((line, i) => paint.dim(i ? ' '.repeat(ARROW.length) : ARROW) + line) : []),
    ]);
    const rule = paint.dim('─'.repeat(Math.min(room, Math.max(total(), 60))));
    return [...title, rule, ...body, rule];
}

// Colours only on a terminal, unless the user has switched them off (no-color.org).
export function painter(stream) {
    const on = stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
    const style = n => text => (on ? `\x1b[${n}m${text}\x1b[0m` : text);
    return { plain: String, bold: style(1), dim: style(2), red: style(31), green: style(32), yellow: style(33) };
}

export function roomOf(stream) {
    const columns = stream.columns ?? (Number(process.env.COLUMNS) || 120);
    return Math.min(140, Math.max(80, columns));
}
