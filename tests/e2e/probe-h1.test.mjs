// HTTP/1: every way an answer can be whole, cut, stalled or wrong.
import assert from 'node:assert/strict';
import { anyOf, connectClosed, connectFailed, dispatch, ok, patience, sessionClosed, status, timeout } from './lib/names.mjs';
import { haproxy, nginx } from './lib/peers.mjs';
import { h1, h1s, rawPeer, sleep } from './lib/raw.mjs';
import { suite } from './lib/suite.mjs';

const short = { 'response-timeout': 1000 };
const head = (line, ...fields) => [`HTTP/1.1 ${line}`, ...fields, '', ''].join('\r\n');
const okay = head('200 OK', 'Content-Length: 0');
const hold = c => c.hold(), fin = c => c.fin(), rst = c => c.rst(), notify = c => c.closeNotify();

// Says these bytes once, then ends so. Half of the table runs over TLS, half without: HTTP must not care.
let turn = 0;
const says = (text, end = hold) => ((turn++ & 1) ? h1 : h1s)(async c => { await c.write(text); await end(c); });
const row = (name, text, end, want, more) => ({ name, peer: says(text, end), want, flags: patience(want, short), ...more });

suite('whole answers', [
    row('200 with Content-Length', head('200 OK', 'Content-Length: 2') + 'ok', hold, ok()),
    row('200 with Content-Length 0', okay, hold, ok()),
    row('201', head('201 Created', 'Content-Length: 0'), hold, ok(201)),
    row('202', head('202 Accepted', 'Content-Length: 0'), hold, ok(202)),
    row('204', head('204 No Content'), hold, ok(204)),
    row('204 with a Content-Length', head('204 No Content', 'Content-Length: 5'), hold, ok(204)),
    row('205', head('205 Reset Content', 'Content-Length: 0'), hold, ok(205)),
    row('299', head('299 Odd', 'Content-Length: 0'), hold, ok(299)),
    row('chunked', head('200 OK', 'Transfer-Encoding: chunked') + '2\r\nok\r\n0\r\n\r\n', hold, ok()),
    row('chunked, with an extension and trailers', head('200 OK', 'Transfer-Encoding: chunked') + '2;a=b\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n', hold, ok()),
    row('chunked, with two extensions', head('200 OK', 'Transfer-Encoding: chunked') + '2;a=b;c="d"\r\nok\r\n0\r\n\r\n', hold, ok()),
    row('chunked, upper case sizes with leading zeros', head('200 OK', 'Transfer-Encoding: Chunked') + '0000A\r\n0123456789\r\n000\r\n\r\n', hold, ok()),
    row('no length, until FIN', head('200 OK') + 'the whole body', fin, ok()),
    row('no length, until close_notify', head('200 OK') + 'the whole body', notify, ok()),
    row('no length, no body, FIN', head('200 OK'), fin, ok()),
    row('HTTP/1.0 until FIN', 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello', fin, ok(200)),
    row('HTTP/1.0 with Content-Length', 'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello', fin, ok(200)),
    row('HTTP/1.0 kept alive', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello', hold, ok(200)),
    row('Connection: close with a length, FIN', head('200 OK', 'Connection: close', 'Content-Length: 2') + 'ok', fin, ok()),
    row('Connection: close with a length, no FIN', head('200 OK', 'Connection: close', 'Content-Length: 2') + 'ok', hold, ok()),
    row('no reason phrase', head('200 ', 'Content-Length: 0'), hold, ok()),
    row('no reason phrase and no space', head('200', 'Content-Length: 0'), hold, ok()),
    row('a reason phrase in UTF-8', head('200 \xe3\x81\x82', 'Content-Length: 0'), hold, ok()),
    row('field names in any case', 'HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh: 2\r\n\r\nok', hold, ok()),
    row('spaces around a value', 'HTTP/1.1 200 OK\r\nX: \t v \t\r\nContent-Length: \t 2 \r\n\r\nok', hold, ok()),
    row('an empty field value', head('200 OK', 'X-Empty:', 'Content-Length: 0'), hold, ok()),
    row('a value outside ASCII', head('200 OK', 'X-Name: caf\xe9', 'Content-Length: 0'), hold, ok()),
    row('a head of 60 KiB', head('200 OK', ...Array.from({ length: 600 }, (_, i) => `X-${i}: ${'v'.repeat(90)}`), 'Content-Length: 0'), hold, ok()),
    row('a body of exactly 1 MiB', head('200 OK', `Content-Length: ${1 << 20}`) + 'a'.repeat(1 << 20), hold, ok()),
    row('byte by byte', '', c => c.drip(head('200 OK', 'Transfer-Encoding: chunked') + '3\r\nabc\r\n0\r\n\r\n', 1), ok()),
    row('the head in two halves', head('200 OK').slice(0, 10), async c => { await sleep(100); await c.write(okay.slice(10)); }, anyOf(ok())),
    row('100, then 200', head('100 Continue') + okay, hold, ok()),
    row('103, then 200', head('103 Early Hints', 'Link: </a>; rel=preload') + okay, hold, ok()),
    row('102 and 199, then 200', head('102 Processing') + head('199 Odd') + okay, hold, ok()),
    row('ten times 100, then 204', head('100 Continue').repeat(10) + head('204 No Content'), hold, ok(204)),
    row('100 and, later, 200', head('100 Continue'), async c => { await sleep(150); await c.write(okay); }, ok()),
    row('100, then 500', head('100 Continue') + head('500 Internal Server Error', 'Content-Length: 0'), hold, status(500, 'status_server_error')),
]);

suite('statuses', [
    ...[[300, 'status_redirect'], [304, 'status_redirect'], [308, 'status_redirect'], [400, 'status_client_error'], [401, 'status_client_error'], [404, 'status_client_error'], [408, 'status_client_error'], [410, 'status_client_error'],
        [421, 'status_client_error'], [428, 'status_client_error'], [429, 'status_client_error'], [430, 'status_client_error'], [499, 'status_client_error'], [500, 'status_server_error'], [501, 'status_server_error'],
        [502, 'status_server_error'], [503, 'status_server_error'], [504, 'status_server_error'], [505, 'status_server_error'], [599, 'status_server_error'], [600, 'status_unknown'],
        [700, 'status_unknown'], [999, 'status_unknown']].map(([n, cause]) => row(String(n), head(`${n} Odd`, 'Content-Length: 4') + (n === 304 ? '' : 'body'), hold, status(n, cause))),
    row('304 says a length but has no body', head('304 Not Modified', 'Content-Length: 400'), hold, status(304)),
    row('503 with Retry-After', head('503 Service Unavailable', 'Retry-After: 120', 'Content-Length: 0'), hold, status(503)),
    row('429 with a Retry-After that is a date', head('429 Too Many Requests', 'Retry-After: Sun, 22 Nov 2026 02:00:00 GMT', 'Content-Length: 0'), hold, status(429)),
    row('500 until close', head('500 Oops') + 'trace', fin, status(500)),
    row('500 in HTTP/1.0', 'HTTP/1.0 500 Oops\r\n\r\ntrace', fin, status(500)),
    row('500 chunked', head('500 Oops', 'Transfer-Encoding: chunked') + '5\r\ntrace\r\n0\r\n\r\n', hold, status(500)),
    // Not asked for: it ends the exchange at once, with whatever protocol would follow.
    row('101', head('101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'), hold, status(101, 'status_informational')),
    row('101 and bytes of another protocol', head('101 Switching Protocols', 'Upgrade: h2c', 'Connection: Upgrade') + '\0\0\0\x04\0\0\0\0\0', hold, status(101, 'status_informational')),
    row('101 without Upgrade', head('101 Switching Protocols'), hold, status(101, 'status_informational')),
    row('100, then 101', head('100 Continue') + head('101 Switching Protocols', 'Upgrade: x', 'Connection: Upgrade'), fin, status(101, 'status_informational')),
    { name: '413 before the body is read', peer: () => rawPeer(async c => {
        await c.read(b => (b.includes('\r\n') ? [1, 1] : null));
        await c.write(head('413 Content Too Large', 'Connection: close', 'Content-Length: 0'));
        await sleep(50);
        c.fin();
    }), want: status(413, 'status_client_error') },
    { name: '413 and RST in one flight', peer: () => rawPeer(async c => { await c.read(b => (b.includes('\r\n') ? [1, 1] : null)); await c.write(head('413 Content Too Large', 'Connection: close', 'Content-Length: 0')); c.rst(); }), want: status(413) },
    { name: '401 before anything is read, TLS', peer: () => rawPeer(async c => { await c.write(head('401 Unauthorized', 'Connection: close', 'Content-Length: 0')); await c.hold(); }, { tls: true }),
        want: anyOf(status(401), dispatch('h1_not_http'), connectClosed()) },
    { name: 'nginx client_max_body_size 1', peer: () => nginx('listen 127.0.0.1:PORT ssl; client_max_body_size 1; location / { proxy_pass http://127.0.0.1:9; }'), want: status(413, 'status_client_error') },
    { name: 'nginx with a dead upstream', peer: () => nginx('listen 127.0.0.1:PORT ssl; location / { proxy_pass http://127.0.0.1:9; }'), want: status(502, 'status_server_error') },
    { name: 'nginx: plain HTTP to the TLS port', peer: () => nginx('listen 127.0.0.1:PORT ssl; return 200;', { scheme: 'http' }), want: status(400, 'status_client_error') },
    { name: 'haproxy http-request deny', peer: () => haproxy('    mode http\n    http-request deny deny_status 403', { scheme: 'http' }), want: status(403, 'status_client_error') },
    { name: 'haproxy without a server', peer: () => haproxy('    mode http', { scheme: 'http' }), want: status(503, 'status_server_error') },
]);

suite('after the answer is whole, nothing else counts', [
    row('200, then FIN', okay, fin, ok()),
    row('200, then RST', head('200 OK', 'Content-Length: 2') + 'ok', rst, ok()),
    row('200 chunked, then RST', head('200 OK', 'Transfer-Encoding: chunked') + '2\r\nok\r\n0\r\n\r\n', rst, ok()),
    row('500, then RST', head('500 Oops', 'Content-Length: 0'), rst, status(500)),
    row('200, then noise', okay + 'noise\0noise', hold, ok()),
    row('200, then a second answer', okay + head('500 Oops', 'Content-Length: 0'), hold, ok()),
    row('204, then a body it may not have', head('204 No Content') + 'hello', hold, ok(204)),
    row('chunked, then noise', head('200 OK', 'Transfer-Encoding: chunked') + '0\r\n\r\n0\r\n\r\n', hold, ok()),
    row('Content-Length 2 and three bytes', head('200 OK', 'Content-Length: 2') + 'ok!', hold, ok()),
]);

suite('the peer ends it', [
    row('FIN instead of an answer', '', fin, sessionClosed('h1_closed_before_head')),
    row('close_notify instead of an answer', '', notify, sessionClosed('h1_closed_before_head')),
    row('RST instead of an answer', '', rst, sessionClosed('h1_reset_before_head')),
    { name: 'nginx return 444', peer: () => nginx('listen 127.0.0.1:PORT ssl; return 444;'), want: sessionClosed(['h1_closed_before_head', 'h1_reset_before_head']) },
    { name: 'nginx return 444 without TLS', peer: () => nginx('listen 127.0.0.1:PORT; return 444;', { scheme: 'http' }), want: sessionClosed(['h1_closed_before_head', 'h1_reset_before_head']) },
    { name: 'haproxy http-request reject', peer: () => haproxy('    mode http\n    http-request reject', { scheme: 'http' }), want: sessionClosed(['h1_closed_before_head', 'h1_reset_before_head']) },
    { name: 'FIN without TLS, after the request', peer: h1(fin), want: sessionClosed('h1_closed_before_head') },
    { name: 'FIN at accept, without TLS', peer: () => rawPeer(fin), want: anyOf(connectClosed(), sessionClosed()) },
    { name: 'RST at accept, without TLS', peer: () => rawPeer(rst), want: anyOf(connectClosed(), sessionClosed(), connectFailed('tcp_reset')) },
    row('FIN after "HTT"', 'HTT', fin, sessionClosed('h1_truncated_head')),
    row('FIN after the status line', 'HTTP/1.1 200 OK\r\n', fin, sessionClosed('h1_truncated_head')),
    row('FIN inside a field', 'HTTP/1.1 200 OK\r\nContent-Le', fin, sessionClosed('h1_truncated_head')),
    row('FIN before the last line break of the head', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n', fin, sessionClosed('h1_truncated_head')),
    row('RST inside the head', 'HTTP/1.1 200 OK\r\nContent-Le', rst, sessionClosed()),
    row('RST after the status line', 'HTTP/1.1 200 OK\r\n', rst, sessionClosed()),
    row('100, then FIN', head('100 Continue'), fin, sessionClosed('h1_closed_after_interim')),
    row('103, then RST', head('103 Early Hints'), rst, sessionClosed()),
    row('100 and half a head, then FIN', head('100 Continue') + 'HTTP/1.1 20', fin, sessionClosed(['h1_truncated_head', 'h1_closed_after_interim'])),
    row('FIN inside a body', head('200 OK', 'Content-Length: 10') + 'abc', fin, sessionClosed('h1_truncated_body')),
    row('FIN before a body', head('200 OK', 'Content-Length: 10'), fin, sessionClosed('h1_truncated_body')),
    row('close_notify inside a body', head('200 OK', 'Content-Length: 10') + 'abc', notify, sessionClosed('h1_truncated_body')),
    row('RST inside a body', head('200 OK', 'Content-Length: 10') + 'abc', rst, sessionClosed()),
    row('500 and FIN inside its body', head('500 Oops', 'Content-Length: 10') + 'abc', fin, sessionClosed('h1_truncated_body')),
    row('302 and FIN inside its body', head('302 Found', 'Location: /', 'Content-Length: 10') + 'abc', fin, sessionClosed('h1_truncated_body')),
    row('FIN one byte short', head('200 OK', 'Content-Length: 4') + 'abc', fin, sessionClosed('h1_truncated_body')),
    row('FIN before the first chunk', head('200 OK', 'Transfer-Encoding: chunked'), fin, sessionClosed('h1_truncated_body')),
    row('FIN inside a chunk size', head('200 OK', 'Transfer-Encoding: chunked') + '1', fin, sessionClosed('h1_truncated_body')),
    row('FIN inside a chunk', head('200 OK', 'Transfer-Encoding: chunked') + '5\r\nab', fin, sessionClosed('h1_truncated_body')),
    row('FIN between chunks', head('200 OK', 'Transfer-Encoding: chunked') + '2\r\nok\r\n', fin, sessionClosed('h1_truncated_body')),
    row('FIN inside the last chunk', head('200 OK', 'Transfer-Encoding: chunked') + '2\r\nok\r\n0\r\n', fin, sessionClosed('h1_truncated_body')),
    row('FIN inside the trailers', head('200 OK', 'Transfer-Encoding: chunked') + '2\r\nok\r\n0\r\nX-Su', fin, sessionClosed('h1_truncated_body')),
    row('500 chunked, unfinished', head('500 Oops', 'Transfer-Encoding: chunked') + '5\r\nab', fin, sessionClosed('h1_truncated_body')),
    row('RST between chunks', head('200 OK', 'Transfer-Encoding: chunked') + '2\r\nok\r\n', rst, sessionClosed()),
    // A body that lasts until the close is whole only if the close is clean (RFC 9112 8).
    row('no length, ended by RST', head('200 OK') + 'part', rst, sessionClosed()),
    row('one space, then FIN', ' ', fin, anyOf(sessionClosed(), dispatch())),
    { name: 'FIN 300 ms later', peer: h1s(async c => { await sleep(300); c.fin(); }), want: sessionClosed('h1_closed_before_head') },
    { name: 'FIN before the body of our request is read', peer: () => rawPeer(async c => { await c.read(b => (b.includes('POST') ? [1, 4] : null)); c.fin(); }), want: sessionClosed(['h1_closed_before_head', 'h1_reset_before_head']) },
]);

const malformed = dispatch('h1_malformed_head');
const notHttp = dispatch(['h1_not_http', 'h1_malformed_head']);
const badHead = dispatch(['h1_malformed_head', 'h1_not_http', 'h1_conflicting_length']);
const chunked = text => head('200 OK', 'Transfer-Encoding: chunked') + text;
const badChunk = dispatch('h1_bad_chunk', { processed: 'yes' });
suite('we end it: the head breaks the protocol', [
    row('HTTP/0.9', '<html>hello</html>', fin, notHttp),
    row('HTTP/0.9 and silence', '<html>hello</html>\n', hold, notHttp),
    row('another protocol', '220 mail.example ESMTP\r\n', hold, notHttp),
    row('another protocol that begins with H', 'HELO world, this is not HTTP\r\n\r\n', hold, notHttp),
    row('frames of HTTP/2', Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), hold, notHttp),
    row('noise', Buffer.from([0xde, 0xad, 0xbe, 0xef]), hold, notHttp),
    row('a NUL first', '\0HTTP/1.1 200 OK\r\n\r\n', hold, notHttp),
    row('a request instead of an answer', 'POST /webhook HTTP/1.1\r\nHost: you\r\nContent-Length: 0\r\n\r\n', hold, notHttp),
    row('ICY 200 OK', 'ICY 200 OK\r\n\r\n', hold, notHttp),
    row('a lower case protocol', 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', hold, notHttp),
    row('HTTP/2.0 in a status line', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n', hold, notHttp),
    row('HTTP/0.9 in a status line', 'HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n', hold, notHttp),
    row('HTTP/3.7', 'HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n', hold, notHttp),
    row('HTTP/1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n', hold, ok()), // RFC 9110 2.5: read as 1.1
    row('HTTP/1', 'HTTP/1 200 OK\r\nContent-Length: 0\r\n\r\n', hold, notHttp),
    row('HTTP/11.1', 'HTTP/11.1 200 OK\r\nContent-Length: 0\r\n\r\n', hold, notHttp),
    row('a status of two digits', head('20 OK', 'Content-Length: 0'), hold, badHead),
    row('a status of four digits', head('2000 OK', 'Content-Length: 0'), hold, badHead),
    row('status 1000', head('1000 Odd', 'Content-Length: 0'), hold, badHead),
    row('status 099', head('099 Odd', 'Content-Length: 0'), hold, badHead),
    row('status 000', head('000 Odd', 'Content-Length: 0'), hold, badHead),
    row('status abc', head('abc Odd', 'Content-Length: 0'), hold, badHead),
    row('status -20', head('-20 Odd', 'Content-Length: 0'), hold, badHead),
    row('status 2x0', head('2x0 Odd', 'Content-Length: 0'), hold, badHead),
    row('status 200x', head('200x', 'Content-Length: 0'), hold, badHead),
    row('two spaces before the status', head(' 200 OK', 'Content-Length: 0'), hold, badHead),
    row('no status', 'HTTP/1.1 OK\r\n\r\n', hold, badHead),
    row('a field without a colon', head('200 OK', 'Nonsense', 'Content-Length: 0'), hold, malformed),
    row('a field without a name', head('200 OK', ': value', 'Content-Length: 0'), hold, malformed),
    row('a space before the colon', head('200 OK', 'Content-Length : 0'), hold, malformed),
    row('a space inside a name', head('200 OK', 'Content Length: 0'), hold, malformed),
    row('a NUL in a value', head('200 OK', 'X: a\0b', 'Content-Length: 0'), hold, malformed),
    row('a NUL in a name', head('200 OK', 'X\0Y: a', 'Content-Length: 0'), hold, malformed),
    row('a NUL in the reason phrase', head('200 O\0K', 'Content-Length: 0'), hold, anyOf(malformed, ok())),
    row('a control character in a value', head('200 OK', 'X: a\x01b', 'Content-Length: 0'), hold, malformed),
    row('a bracket in a name', head('200 OK', 'X(Y): a', 'Content-Length: 0'), hold, malformed),
    // RFC 9112 5.2 lets a client take a folded line for a space, 2.2 a bare LF for a line break; probe-grammar.test.mjs has more of that.
    row('a folded line', head('200 OK', 'X: a', ' b', 'Content-Length: 0'), hold, ok()),
    row('a folded first line', head('200 OK', ' X: a', 'Content-Length: 0'), hold, malformed),
    row('bare line feeds', okay.replaceAll('\r', ''), hold, ok()),
    row('a bare CR in a value', head('200 OK', 'X: a\rb', 'Content-Length: 0'), hold, malformed),
    row('bare CRs as line breaks', okay.replaceAll('\n', ''), hold, malformed),
    row('empty lines first', '\r\n\r\n' + okay, hold, ok()),
    row('a head of 70 KiB', head('200 OK', ...Array.from({ length: 700 }, (_, i) => `X-${i}: ${'v'.repeat(95)}`), 'Content-Length: 0'), hold, dispatch('h1_head_too_large')),
    row('one field of 100 KiB', head('200 OK', `X: ${'v'.repeat(100_000)}`, 'Content-Length: 0'), hold, dispatch('h1_head_too_large')),
    row('a reason phrase of 100 KiB', head(`200 ${'O'.repeat(100_000)}K`, 'Content-Length: 0'), hold, dispatch('h1_head_too_large')),
    row('a field name of 100 KiB', head('200 OK', `${'x'.repeat(100_000)}: v`, 'Content-Length: 0'), hold, dispatch('h1_head_too_large')),
    row('a head without end', '', async c => { await c.write('HTTP/1.1 200 OK\r\n'); await c.pour(`X: ${'v'.repeat(8000)}\r\n`); }, dispatch('h1_head_too_large')),
    row('1xx without end, each small', '', async c => { await c.pour(head('100 Continue').repeat(200)); }, anyOf(dispatch(), timeout('response_only_interim')), { flags: short }),
    row('a 1xx of 70 KiB', head('103 Early Hints', `Link: ${'v'.repeat(70_000)}`) + okay, hold, dispatch('h1_head_too_large')),
]);

suite('we end it: lengths and chunks', [
    row('two lengths that differ', head('200 OK', 'Content-Length: 2', 'Content-Length: 3') + 'okk', hold, dispatch(['h1_conflicting_length', 'h1_malformed_head'])),
    row('two lengths that differ in one field', head('200 OK', 'Content-Length: 2, 3') + 'okk', hold, badHead),
    row('two lengths that agree', head('200 OK', 'Content-Length: 2', 'Content-Length: 2') + 'ok', hold, ok()),
    row('a length and chunks', head('200 OK', 'Content-Length: 2', 'Transfer-Encoding: chunked') + '2\r\nok\r\n0\r\n\r\n', hold, ok()), // RFC 9112 6.3: the chunks count
    row('chunks and a length', head('200 OK', 'Transfer-Encoding: chunked', 'Content-Length: 2') + '2\r\nok\r\n0\r\n\r\n', hold, ok()),
    row('a negative length', head('200 OK', 'Content-Length: -1'), hold, badHead),
    row('a length with a plus', head('200 OK', 'Content-Length: +2') + 'ok', hold, badHead),
    row('a length in hex', head('200 OK', 'Content-Length: 0x2') + 'ok', hold, badHead),
    row('a length of two words', head('200 OK', 'Content-Length: 2 2') + 'ok', hold, badHead),
    row('a length with a fraction', head('200 OK', 'Content-Length: 2.0') + 'ok', hold, badHead),
    row('an empty length', head('200 OK', 'Content-Length:') + 'ok', hold, badHead),
    row('a length of letters', head('200 OK', 'Content-Length: ten') + 'ok', hold, badHead),
    row('a length beyond 64 bits', head('200 OK', 'Content-Length: 99999999999999999999') + 'ok', hold, dispatch(['h1_malformed_head', 'h1_conflicting_length', 'body_too_large'], { processed: ['unknown', 'yes'] })),
    row('a length of 2^64', head('200 OK', 'Content-Length: 18446744073709551616'), hold, dispatch(['h1_malformed_head', 'h1_conflicting_length', 'body_too_large'], { processed: ['unknown', 'yes'] })),
    row('a length of 2^63', head('200 OK', 'Content-Length: 9223372036854775808') + 'a'.repeat(1200 * 1024), hold, dispatch(['h1_malformed_head', 'body_too_large'], { processed: ['unknown', 'yes'] })),
    row('a chunk size of letters', chunked('xyz\r\n'), hold, badChunk),
    row('an empty chunk size', chunked('\r\nok\r\n'), hold, badChunk),
    row('a negative chunk size', chunked('-1\r\nok\r\n'), hold, badChunk),
    row('a chunk size in 0x form', chunked('0x2\r\nok\r\n0\r\n\r\n'), hold, badChunk),
    row('a chunk size beyond 64 bits', chunked('FFFFFFFFFFFFFFFFF\r\nok'), hold, badChunk),
    row('a chunk size of 2^64', chunked('10000000000000000\r\nok'), hold, badChunk),
    row('no line break after a chunk', chunked('2\r\nok0\r\n\r\n'), hold, badChunk),
    row('a chunk longer than it said', chunked('2\r\nokay\r\n0\r\n\r\n'), hold, badChunk),
    row('a NUL in a chunk size', chunked('2\0\r\nok\r\n0\r\n\r\n'), hold, badChunk),
    row('a NUL in a chunk extension', chunked('2;a=\0\r\nok\r\n0\r\n\r\n'), hold, badChunk),
    row('bare line feeds between chunks', chunked('2\nok\n0\n\n'), hold, badChunk),
    row('a broken trailer', chunked('0\r\nno colon\r\n\r\n'), hold, badChunk),
    row('a chunk extension without end', '', async c => { await c.write(chunked('2;')); await c.pour('x'.repeat(16000)); },
        badChunk),
    row('trailers without end', '', async c => { await c.write(chunked('0\r\n')); await c.pour(`X: ${'x'.repeat(16000)}\r\n`); },
        dispatch(undefined, { processed: 'yes' }), { flags: short }),
    row('an empty field, then chunks', head('200 OK', 'Transfer-Encoding:', 'Content-Length: 0'), hold, ok()),
    row('a transfer coding nobody knows', head('200 OK', 'Transfer-Encoding: gzip') + 'x', fin, ok()),
    row('a body over 1 MiB by length', head('200 OK', `Content-Length: ${(1 << 20) + 1}`) + 'a'.repeat((1 << 20) + 1), hold, dispatch('body_too_large', { processed: 'yes' })),
    row('a body over 1 MiB in chunks', chunked(('10000\r\n' + 'a'.repeat(65536) + '\r\n').repeat(17) + '0\r\n\r\n'), hold, dispatch('body_too_large', { processed: 'yes' })),
    row('a body over 1 MiB until close', head('200 OK') + 'a'.repeat((1 << 20) + 1), fin, dispatch('body_too_large', { processed: 'yes' })),
    row('a bad chunk of a 502', head('502 Bad Gateway', 'Transfer-Encoding: chunked') + 'xyz\r\n', hold, dispatch('h1_bad_chunk', { processed: 'unknown' })),
    row('a body over 1 MiB with status 500', head('500 Oops', `Content-Length: ${2 << 20}`) + 'a'.repeat(2 << 20), hold, dispatch('body_too_large', { processed: 'yes' })),
    row('a body without end', '', async c => { await c.write(head('200 OK')); await c.pour('x'.repeat(65536)); }, dispatch('body_too_large', { processed: 'yes' })),
]);

const processed = { processed: 'yes' };
const onTime = ([l]) => assert.ok(l.timings.total_us >= 995_000, `ended early: ${l.timings.total_us}`);
const late = (name, text, end, want) => ({ name, peer: says(text, end), flags: short, want, verify: onTime });
suite('the clock ends it', [
    late('silence', '', hold, timeout('response_silent')),
    late('half a status line', 'HTTP/1.1 2', hold, timeout('response_head_stalled')),
    late('half a head', 'HTTP/1.1 200 OK\r\nContent-Le', hold, timeout('response_head_stalled')),
    late('a head without its last line break', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n', hold, timeout('response_head_stalled')),
    late('100, then silence', head('100 Continue'), hold, timeout('response_only_interim')),
    late('103, then silence', head('103 Early Hints'), hold, timeout('response_only_interim')),
    late('100, then half a head', head('100 Continue') + 'HTTP/1.1 20', hold, timeout(['response_head_stalled', 'response_only_interim'])),
    late('a 100 every 50 ms', '', async c => { while (!c.ended) { await c.write(head('100 Continue')); await sleep(50); } }, timeout('response_only_interim')),
    late('a head dripped', '', c => c.drip(head('200 OK', `X: ${'v'.repeat(60)}`), 40), timeout('response_head_stalled')),
    late('half a body', head('200 OK', 'Content-Length: 10') + 'abc', hold, timeout('response_body_stalled', processed)),
    late('no body', head('200 OK', 'Content-Length: 10'), hold, timeout('response_body_stalled', processed)),
    late('half a body of a 503', head('503 Busy', 'Content-Length: 10') + 'abc', hold, timeout('response_body_stalled', { processed: 'unknown' })),
    late('half a body of a 500', head('500 Oops', 'Content-Length: 10') + 'abc', hold, timeout('response_body_stalled', processed)),
    late('half a chunk', chunked('5\r\nab'), hold, timeout('response_body_stalled', processed)),
    late('no last chunk', chunked('2\r\nok\r\n'), hold, timeout('response_body_stalled', processed)),
    late('no end of the trailers', chunked('0\r\nX: y\r\n'), hold, timeout('response_body_stalled', processed)),
    late('no length and no close', head('200 OK') + 'body', hold, timeout('response_body_stalled', processed)),
    late('HTTP/1.0 and no close', 'HTTP/1.0 200 OK\r\n\r\nbody', hold, timeout('response_body_stalled', processed)),
    late('a body dripped', head('200 OK', 'Content-Length: 100'), c => c.drip('x'.repeat(60), 40), timeout('response_body_stalled', processed)),
    late('chunks dripped', chunked(''), async c => { while (!c.ended) { await c.write('1\r\nx\r\n'); await sleep(40); } }, timeout('response_body_stalled', processed)),
    { name: 'an answer just in time', peer: h1s(async c => { await sleep(400); await c.write(okay); }), flags: { 'response-timeout': 3000 }, want: ok() },
    { name: 'an answer just too late', peer: h1s(async c => { await sleep(1500); await c.write(okay); }), flags: short, want: timeout('response_silent'), verify: onTime },
    { name: 'the default limit is two seconds', peer: h1s(hold), want: timeout('response_silent'), verify: ([l]) => assert.ok(l.timings.total_us >= 1_995_000) },
    { name: 'three timeouts, each on a connection of its own', peer: h1s(hold), flags: { 'response-timeout': 400, count: 3 }, want: timeout('response_silent'), verify: (lines, p) => { assert.equal(p.conns.length, 3); assert.ok(lines.every(l => l.retries === 0)); } },
    { name: 'nginx that waits for its upstream', peer: async () => {
        const silent = await rawPeer(hold);
        const front = await nginx(`listen 127.0.0.1:PORT ssl; location / { proxy_pass http://127.0.0.1:${silent.port}; }`);
        return { ...front, close: () => Promise.all([front.close(), silent.close()]) };
    }, flags: short, want: timeout('response_silent'), verify: onTime },
]);
