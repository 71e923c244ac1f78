// The grammar of HTTP/1 responses at its edges: what is understood, whether the connection is used again, and what we end. The table is that of
// docs/decisions/0018-responses.md. Each case answers two requests, the first in one piece, the second byte by byte; half of the table runs over TLS.
import { dispatch, ok, status } from './lib/names.mjs';
import { h1, h1s } from './lib/raw.mjs';
import { reused, suite } from './lib/suite.mjs';

const line = 'HTTP/1.1 200 OK\r\n', length = 'Content-Length: 5\r\n\r\nhello', last = '0\r\n\r\n';
const head = (...fields) => line + [...fields, '', ''].join('\r\n');
const chunked = head('Transfer-Encoding: chunked'), whole = `5\r\nhello\r\n${last}`;

let turn = 0;
const says = text => ((turn++ & 1) ? h1 : h1s)((c, n) => (n + c.index ? c.drip(text, 0) : c.write(text)));
const row = (want, flags) => ([name, text, w = want]) => ({ name, peer: says(text), flags: { count: 2 }, want: w, verify: reused(...flags) });
const kept = row(ok(), [false, true]), closed = row(ok(), [false, false]);
const ended = cause => row(dispatch(cause, { processed: cause === 'h1_bad_chunk' ? 'yes' : 'unknown' }), [false, false]);

suite('understood, and the connection is used again', [
    ['a second extension behind a value', `${chunked}2;a=b;c=d\r\nhe\r\n3\r\nllo\r\n${last}`],
    ['an extension without a value', `${chunked}5;a\r\nhello\r\n${last}`],
    ['blanks around ; and =', `${chunked}5 ;\ta =\t"b" ; c\r\nhello\r\n${last}`],
    ['quoted pairs', `${chunked}5;a="b\\"c;d=\\\\";e=f\r\nhello\r\n${last}`],
    ['an empty string', `${chunked}5;a=""\r\nhello\r\n${last}`],
    ['extensions on every chunk', `${chunked}1;n=1;s="x"\r\nh\r\n4;n=2;s="y"\r\nello\r\n0;n=3;s="z"\r\n\r\n`],
    ['an extension on the last chunk, and trailers', `${chunked}5\r\nhello\r\n0;a=b;c\r\nX-Sum: 1\r\nY: 2\r\n\r\n`],
    ['a long extension', `${chunked}5;a=${'x'.repeat(500)}\r\nhello\r\n${last}`],
    ['trailers that speak of lengths', `${chunked}${whole.slice(0, -2)}Content-Length: 9\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n`],
    ['leading zeros in a size', `${chunked}${'0'.repeat(40)}5\r\nhello\r\n000\r\n\r\n`],
    ['chunked and an empty element', head('Transfer-Encoding: chunked,') + whole],
    ['an empty element and chunked', head('Transfer-Encoding: ,\tchunked') + whole],
    ['CHUNKED', head('Transfer-Encoding: CHUNKED') + whole],
    ['gzip, chunked', head('Transfer-Encoding: gzip, chunked') + whole],
    ['gzip and chunked in two fields', head('Transfer-Encoding: gzip', 'X: y', 'Transfer-Encoding: chunked') + whole],
    ['blanks and tabs around a length', head('Content-Length: \t 5 \t ') + 'hello'],
    ['leading zeros in a length', head('Content-Length: 0005') + 'hello'],
    ['a 1xx with lengths', 'HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\nContent-Length: x\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n' + line + length],
    ['a status without reason and blank', 'HTTP/1.1 200\r\n' + length],
    ['a 204 with Content-Length 0', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', ok(204)],
    ['a 205 with content', 'HTTP/1.1 205 Reset Content\r\n' + length, ok(205)],
    ['Keep-Alive of HTTP/1.0 in a list', 'HTTP/1.0 200 OK\r\nConnection: x, Keep-Alive\r\n' + length],
].map(kept));

suite('understood, but the connection is not used again', [
    ['blanks behind a size', `${chunked}5  \r\nhello\r\n0\t\r\n\r\n`],
    ['an extension without a name', `${chunked}5;;a\r\nhello\r\n${last}`],
    ['an extension without the value it announces', `${chunked}5;a=\r\nhello\r\n${last}`],
    ['a string without an end', `${chunked}5;a="b\r\nhello\r\n${last}`],
    ['blanks behind an extension', `${chunked}5;a=b \r\nhello\r\n${last}`],
    ['chunked twice', head('Transfer-Encoding: chunked, chunked') + whole],
    ['chunked in two fields', head('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked') + whole],
    ['chunks and a length', head('Transfer-Encoding: chunked', 'Content-Length: 5') + whole],
    ['a length and chunks', head('Content-Length: 15', 'Transfer-Encoding: chunked') + whole],
    ['chunks in HTTP/1.0', `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n${whole}`],
    ['an empty Transfer-Encoding and a length', head('Transfer-Encoding:', 'Content-Length: 5') + 'hello'],
    ['the same length in two fields', head('Content-Length: 5', 'Content-Length: 5') + 'hello'],
    ['the same length twice in one', head('Content-Length: 5, 5') + 'hello'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n' + length],
    ['HTTP/1.9', 'HTTP/1.9 200 OK\r\n' + length],
    ['HTTP/1.2 and an error', 'HTTP/1.2 500 Oops\r\n' + length, status(500)],
    ['empty lines first', '\r\n\r\n' + line + length],
    ['a folded value', head('X: a', ' b', 'Content-Length: 5') + 'hello'],
    ['a folded length', head('Content-Length:', '\t5') + 'hello'],
    ['bare line feeds in a head', (line + 'X: y\r\nContent-Length: 5\r\n\r\n').replaceAll('\r', '') + 'hello'],
    ['one bare line feed', line + 'X: y\n' + length],
    ['a bare line feed at the end', line + 'Content-Length: 5\r\n\nhello'],
    ['bare line feeds in trailers', `${chunked}5\r\nhello\r\n0\r\nX: y\n\n`],
    ['a 204 that announces content', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', ok(204)],
    ['a 204 that announces chunks', 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n', ok(204)],
    ['a 204 with the content it announces', 'HTTP/1.1 204 No Content\r\n' + length, ok(204)],
].map(closed));

suite('not understood: the head', [
    ['HTTP/1.10', 'HTTP/1.10 200 OK\r\n' + length],
    ['two blanks before the status', 'HTTP/1.1  200 OK\r\n' + length],
    ['a tab behind the status', 'HTTP/1.1 200\tOK\r\n' + length],
    ['a blank before a colon', head('X : y', 'Content-Length: 5') + 'hello'],
    ['two carriage returns', head('X: y\r', 'Content-Length: 5') + 'hello'],
    ['a folded line behind the status line', head(' X: y', 'Content-Length: 5') + 'hello'],
].map(ended('h1_malformed_head')));

suite('not understood: lengths', [
    ['two lengths that differ', head('Content-Length: 5', 'Content-Length: 4') + 'hello'],
    ['two that agree and one that does not', head('Content-Length: 5', 'Content-Length: 5, 6') + 'hello'],
    ['a length with a plus', head('Content-Length: +5') + 'hello'],
    ['a length in two words', head('Content-Length: 5 5') + 'hello'],
    ['a length and an empty element', head('Content-Length: 5,') + 'hello'],
    ['a length and a coding that is not chunked', head('Transfer-Encoding: gzip', 'Content-Length: 5') + 'hello'],
    ['a length and identity', head('Transfer-Encoding: identity', 'Content-Length: 5') + 'hello'],
    ['chunks and two lengths that differ', head('Transfer-Encoding: chunked', 'Content-Length: 5', 'Content-Length: 4') + whole],
].map(ended('h1_conflicting_length')));

suite('not understood: chunks', [
    ['0x', `${chunked}0x5\r\nhello\r\n${last}`],
    ['17 digits', `${chunked}10000000000000005\r\nhello\r\n${last}`],
    ['a blank before the size', `${chunked} 5\r\nhello\r\n${last}`],
    ['a word behind the size', `${chunked}5 a=b\r\nhello\r\n${last}`],
    ['no line end behind the content', `${chunked}5\r\nhello${last}`],
    ['a bare line feed behind the size', `${chunked}5\nhello\r\n${last}`],
    ['a bare line feed behind the content', `${chunked}5\r\nhello\n${last}`],
    ['a bare line feed in an extension', `${chunked}5;a\nb\r\nhello\r\n${last}`],
    ['a bare carriage return in an extension', `${chunked}5;a\rb\r\nhello\r\n${last}`],
    ['a NUL in an extension', `${chunked}5;a=\0\r\nhello\r\n${last}`],
    ['a NUL in a quoted pair', `${chunked}5;a="\\\0"\r\nhello\r\n${last}`],
    ['a trailer without a colon', `${chunked}5\r\nhello\r\n0\r\nno colon\r\n\r\n`],
    ['a trailer with a blank before its colon', `${chunked}5\r\nhello\r\n0\r\nX : y\r\n\r\n`],
].map(ended('h1_bad_chunk')));
