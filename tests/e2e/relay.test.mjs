/*
 * The SMTP client of campaigns against servers that are written here, line by line: what is known of a mail after each
 * way in which it can fail, what goes over the wire, and what is never sent.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { makeCertificate, startRelay } from './lib/relay.mjs';

const BIN = path.join(path.dirname(process.env.TODOKE_BIN ?? path.resolve('build/todoke')), 'tests/relay/todoke-relay');
const MAIL = 'Subject: x\r\n\r\n.dot\r\nlast';
let dir, certificate, stranger;

before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'todoke-relay-'));
    certificate = makeCertificate(dir, 'own', 'IP:127.0.0.1');
    stranger = makeCertificate(dir, 'stranger', 'DNS:elsewhere.example');
});
after(() => rmSync(dir, { recursive: true, force: true }));

const relay = (table, options) => startRelay(table, { certificate, ...options });

/* Runs todoke-relay; its lines. */
async function send(port, security, args = [], mail = MAIL) {
    const child = spawn(BIN, [args.host ?? '127.0.0.1', String(port), security, ...(args.includes('verify=1') || args.some(a => a.includes('@') && !a.startsWith('from=')) ? args : [...args, 'to@example.org'])]);
    let out = '', err = '';
    child.stdout.on('data', d => { out += d; });
    child.stderr.on('data', d => { err += d; });
    child.stdin.on('error', () => {});
    child.stdin.end(Buffer.from(mail, 'latin1'));
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    const [code, signal] = await new Promise(done => child.on('close', (...x) => done(x)));
    clearTimeout(timer);
    assert.equal(signal, null, `ended by ${signal}: ${err}`);
    assert.equal(code, 0, err);
    return out.trim().split('\n').filter(Boolean).map(line => JSON.parse(line));
}

async function against(table, options, run) {
    const r = await relay(table, options);
    try { await run(r); } finally { r.close(); }
}

test('a mail goes out in one flight, its dots doubled, and the relay says under which id', () => against({}, {}, async r => {
    const [x] = await send(r.port, 'none', ['name=node.example']);
    assert.deepEqual([x.code, x.command, x.text, x.dot], [250, 'END', '2.0.0 Ok: queued as 4bXYZ12', true]);
    assert.deepEqual(r.seen, ['EHLO node.example', 'MAIL FROM:<from@example.com> SIZE=24', 'RCPT TO:<to@example.org>', 'DATA', 'QUIT']);
    assert.deepEqual(r.mails, ['Subject: x\r\n\r\n..dot\r\nlast\r\n']);
}));

test('without a name the address of the connection is said', () => against({}, {}, async r => {
    await send(r.port, 'none');
    assert.equal(r.seen[0], 'EHLO [127.0.0.1]');
}));

test('bare CR and LF end no line but as CRLF', () => against({}, {}, async r => {
    await send(r.port, 'none', [], 'a\n.\nb\r.\rc\r\n.\r\nd\r\n');
    assert.deepEqual(r.mails, ['a\r\n..\r\nb\r\n..\r\nc\r\n..\r\nd\r\n']);
    assert.equal(r.seen.filter(l => l.startsWith('MAIL')).length, 1);
}));

test('without PIPELINING one command waits for the reply to the one before', () => {
    let waiting = 0;
    const one = reply => (line, socket) => { assert.equal(++waiting, 1, line); setTimeout(() => { waiting--; socket.write(`${reply}\r\n`); }, 20); return null; };
    return against({ EHLO: '250 mx.example', MAIL: one('250 ok'), RCPT: one('550 5.1.1 User unknown'), RSET: one('250 ok') }, {}, async r => {
        const xs = await send(r.port, 'none', ['connections=1', 'a@x.example', 'b@x.example']);
        assert.deepEqual(xs.map(x => [x.code, x.command, x.reused]), [[550, 'RCPT', false], [550, 'RCPT', true]]);
        assert.deepEqual(r.seen.map(l => l.split(' ')[0]), ['EHLO', 'MAIL', 'RCPT', 'RSET', 'MAIL', 'RCPT', 'QUIT']);
    });
});

for (const [phase, table, want] of [
    ['greeting', { GREETING: '554 5.7.1 No SMTP service here' }, [554, 'CONNECT', '5.7.1 No SMTP service here']],
    ['greeting, busy', { GREETING: '421 4.3.2 All server ports are busy' }, [421, 'CONNECT', '4.3.2 All server ports are busy']],
    ['EHLO', { EHLO: '550 5.7.1 go away' }, [550, 'EHLO', '5.7.1 go away']],
    ['MAIL', { MAIL: '553 5.7.1 Sender address rejected: not owned by user', RCPT: '503 5.5.1 bad sequence', DATA: '503 5.5.1 bad sequence' }, [553, 'MAIL', '5.7.1 Sender address rejected: not owned by user']],
    ['RCPT', { RCPT: '550-5.1.1 The email account that you tried to reach\r\n550-5.1.1 does not exist. Please try\r\n550 5.1.1 double-checking', DATA: '554 5.5.1 no valid recipients' },
        [550, 'RCPT', '5.1.1 The email account that you tried to reach does not exist. Please try double-checking']],
    ['RCPT, greylisted', { RCPT: '450 4.2.0 Greylisted, see http://x.example', DATA: '503 no' }, [450, 'RCPT', '4.2.0 Greylisted, see http://x.example']],
    ['DATA', { DATA: '451 4.3.0 try later' }, [451, 'DATA', '4.3.0 try later']],
    ['the end', { BODY: '554 5.7.1 Spam message rejected' }, [554, 'END', '5.7.1 Spam message rejected']],
    ['421 at RCPT', { RCPT: '421 4.7.0 too many errors' }, [421, 'RCPT', '4.7.0 too many errors']],
    ['a reply without text', { RCPT: '550', DATA: '503' }, [550, 'RCPT', '']],
    ['Latin-1 and NULs', { RCPT: '550 5.1.1 \xe9\x00\x01', DATA: '503 x' }, [550, 'RCPT', null]],
]) test(`refused at ${phase}: the reply, its words and its command are known`, () => against(table, {}, async r => {
    const [x] = await send(r.port, 'none');
    assert.deepEqual([x.code, x.command], want.slice(0, 2));
    if (want[2] !== null) assert.equal(x.text, want[2]);
    assert.equal(x.reason, undefined);
    assert.equal(r.mails.length, want[1] === 'END' ? 1 : 0);
}));

test('after a refused recipient the connection serves on, with RSET in front', () => against({ RCPT: ['550 5.1.1 User unknown', '250 ok'], DATA: ['503 no', '354 go'] }, {}, async r => {
    const xs = await send(r.port, 'none', ['after=5', 'a@x.example', 'b@x.example']);
    assert.deepEqual(xs.map(x => [x.code, x.reused]), [[550, false], [250, true]]);
    assert.equal(r.connections.length, 1);
    assert.deepEqual(r.seen.map(l => l.split(' ')[0]), ['EHLO', 'MAIL', 'RCPT', 'DATA', 'RSET', 'MAIL', 'RCPT', 'DATA', 'QUIT']);
}));

test('354 behind a refused recipient: nothing that could become a mail is sent', () => against({ RCPT: '550 5.1.1 User unknown' }, {}, async r => {
    const xs = await send(r.port, 'none', ['after=5', 'a@x.example', 'b@x.example']);
    assert.deepEqual(xs.map(x => [x.code, x.command]), [[550, 'RCPT'], [550, 'RCPT']]);
    assert.deepEqual(r.mails, []);
    assert.equal(r.connections.length, 2);
}));

for (const [how, cause] of [['close', 'h1_closed_before_head'], ['reset', 'h1_reset_before_head']])
    test(`${how} behind the final dot: it may have been taken`, () => against({ BODY: how }, {}, async r => {
        const [x] = await send(r.port, 'none');
        assert.deepEqual([x.code, x.command, x.dot, x.processed, x.cause, x.retries], [0, 'END', true, 'unknown', cause, 0]);
        assert.equal(r.mails.length, 1);
    }));

for (const verb of ['GREETING', 'EHLO', 'MAIL', 'RCPT', 'DATA'])
    test(`closed at ${verb}: provably not taken`, () => against({ [verb]: 'close' }, {}, async r => {
        const [x] = await send(r.port, 'none');
        assert.deepEqual([x.code, x.command, x.dot, x.processed, x.cause], [0, verb === 'GREETING' ? 'CONNECT' : verb, false, 'no', 'tcp_closed']);
        assert.deepEqual(r.mails, []);
    }));

test('closed in the middle of the mail: provably not taken', () => against({ EHLO: '250 mx.example' }, { onBody: socket => socket.resetAndDestroy() }, async r => {
    const [x] = await send(r.port, 'none', [], 'line\r\n'.repeat(1 << 21));
    assert.deepEqual([x.code, x.dot, x.processed], [0, false, 'no']);
    assert.equal(r.connections.length, 1);
}));

test('refused in the middle of the mail: the reply counts, although writing failed', () => against({ EHLO: '250 mx.example' }, {
    onBody: socket => { socket.pause(); socket.write('552 5.3.4 message too large\r\n'); socket.end(); },
}, async r => {
    const [x] = await send(r.port, 'none', [], 'line\r\n'.repeat(1 << 21));
    assert.deepEqual([x.code, x.command, x.dot], [552, 'END', false]);
    assert.equal(r.connections.length, 1);
}));

for (const [verb, cause, processed] of [['GREETING', 'request_stalled', 'no'], ['EHLO', 'request_stalled', 'no'], ['RCPT', 'request_stalled', 'no'], ['BODY', 'response_silent', 'unknown']])
    test(`silence at ${verb} ends by its deadline`, () => against({ EHLO: '250 mx.example', [verb]: null }, {}, async r => {
        const [x] = await send(r.port, 'none', ['ms=300']);
        assert.deepEqual([x.code, x.cause, x.processed], [0, cause, processed]);
    }));

test('a reply that drips ends by the same deadline', () => against({ RCPT: (_, socket) => { let n = 0; const t = setInterval(() => socket.destroyed || ++n > 200 ? clearInterval(t) : socket.write('2'), 20); return null; } }, {}, async r => {
    const [x] = await send(r.port, 'none', ['ms=400']);
    assert.equal(x.processed, 'no');
    assert.ok(['h1_not_http', 'request_stalled'].includes(x.cause), x.cause);
}));

for (const [what, table] of [
    ['a reply without an end', { EHLO: (_, socket) => { socket.write('250-x\r\n'.repeat(20_000)); return null; } }],
    ['a line without an end', { EHLO: (_, socket) => { socket.write('250-' + 'x'.repeat(200_000)); return null; } }],
    ['no reply at all', { GREETING: 'HTTP/1.1 400 Bad Request\r\n\r\n' }],
    ['an answer nobody asked for', { EHLO: '250 mx.example\r\n250 Ok\r\n250 Ok\r\n354 go\r\n250 queued' }],
    ['250 to DATA', { DATA: '250 Ok' }],
    ['354 to RCPT', { RCPT: '354 Ok' }],
]) test(`${what}: the server is not believed`, () => against(table, {}, async r => {
    const [x] = await send(r.port, 'none');
    assert.deepEqual([x.code, x.cause, x.processed], [0, 'h1_not_http', 'no']);
    assert.deepEqual(r.mails, []);
}));

test('bytes behind the reply to the dot are not the answer to the next mail', () => against({ BODY: ['250 first\r\n550 forged\r\n550 forged', '250 second'] }, {}, async r => {
    const xs = await send(r.port, 'none', ['connections=1', 'a@x.example', 'b@x.example']);
    assert.deepEqual(xs.map(x => [x.code, x.text]), [[250, 'first'], [250, 'second']]);
    assert.equal(r.connections.length, 2);
}));

test('a kept connection that was closed meanwhile costs nobody a mail', () => against({ BODY: (_, socket) => { setTimeout(() => socket.end(), 50); return '250 ok'; } }, {}, async r => {
    const xs = await send(r.port, 'none', ['after=200', 'a@x.example', 'b@x.example', 'c@x.example']);
    assert.deepEqual(xs.map(x => [x.code, x.reused]), [[250, false], [250, false], [250, false]]);
    assert.equal(r.connections.length, 3);
}));

for (const how of ['421 4.4.2 idle too long', '421 4.7.0 Too many messages in this connection', 'close', 'reset'])
    test(`${how} to the first command of a second mail: it goes over another connection`, () => against({ MAIL: ['250 ok', how, '250 ok'] }, {}, async r => {
        const xs = await send(r.port, 'none', ['after=1', 'a@x.example', 'b@x.example']);
        assert.deepEqual(xs.map(x => [x.code, x.retries]), [[250, 0], [250, 1]]);
        assert.equal(r.mails.length, 2);
    }));

test('an idle connection is closed with QUIT', () => against({}, {}, async r => {
    await send(r.port, 'none', ['after=500', 'idle=50', 'a@x.example', 'b@x.example']);
    assert.deepEqual(r.seen.map(l => l.split(' ')[0]), ['EHLO', 'MAIL', 'RCPT', 'DATA', 'QUIT', 'EHLO', 'MAIL', 'RCPT', 'DATA', 'QUIT']);
}));

test('EHLO that is not understood: HELO, but only where nothing of EHLO is needed', () => against({ EHLO: '502 what' }, {}, async r => {
    const [x] = await send(r.port, 'none');
    assert.equal(x.code, 250);
    assert.equal(r.seen[1], 'HELO [127.0.0.1]');
    const [y] = await send(r.port, 'starttls');
    assert.deepEqual([y.code, y.command], [502, 'EHLO']);
}));

/* ---- TLS ---- */

const STARTTLS = { EHLO: ['250-mx.example\r\n250-STARTTLS\r\n250 PIPELINING', '250-mx.example\r\n250-AUTH PLAIN LOGIN\r\n250 PIPELINING'] };

test('STARTTLS, then EHLO anew, then the mail', () => against(STARTTLS, {}, async r => {
    const [x] = await send(r.port, 'starttls', [`ca=${certificate.file}`, 'user=u', 'password=p']);
    assert.equal(x.code, 250);
    assert.match(x.tls, /^TLSv1\.3$/);
    assert.deepEqual(r.seen.map(l => l.split(' ')[0]), ['EHLO', 'STARTTLS', 'EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'QUIT']);
    assert.equal(r.seen[3], `AUTH PLAIN ${Buffer.from('\0u\0p').toString('base64')}`);
}));

test('TLS from the first byte', () => against({}, { implicit: true }, async r => {
    const [x] = await send(r.port, 'tls', [`ca=${certificate.file}`]);
    assert.equal(x.code, 250);
}));

for (const [what, table] of [['not offered', {}], ['refused', { EHLO: STARTTLS.EHLO, STARTTLS: '454 4.7.0 TLS not available' }]])
    test(`STARTTLS ${what}: neither password nor mail is sent`, () => against(table, {}, async r => {
        const [x] = await send(r.port, 'starttls', ['user=u', 'password=secret']);
        assert.equal(x.command, 'STARTTLS');
        assert.equal(x.code, what === 'refused' ? 454 : 0);
        assert.equal(x.reason, undefined);
        assert.deepEqual(r.seen.filter(l => /^(AUTH|MAIL)/.test(l)), []);
    }));

test('bytes in the clear behind the reply to STARTTLS end the connection', () => against({ EHLO: STARTTLS.EHLO, STARTTLS: (_, socket) => { socket.write('220 go\r\n250-mx.example\r\n250 AUTH PLAIN\r\n'); return null; } }, {}, async r => {
    const [x] = await send(r.port, 'starttls', ['user=u', 'password=secret']);
    assert.deepEqual([x.code, x.cause, x.processed], [0, 'h1_not_http', 'no']);
    assert.deepEqual(r.seen.map(l => l.split(' ')[0]), ['EHLO', 'STARTTLS']);
}));

for (const [what, options, security, cause] of [
    ['a certificate of another host', { certificate: () => stranger, trust: () => stranger }, 'tls', 'tls_cert_wrong_host'],
    ['a certificate nobody vouches for', { trust: () => stranger }, 'tls', 'tls_cert_self_signed'],
    ['the same after STARTTLS', { trust: () => stranger }, 'starttls', 'tls_cert_self_signed'],
    ['TLS 1.1', { tls: { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } }, 'tls', 'tls_alert_protocol_version'],
]) test(`${what}: ${cause}, and nothing is sent`, () => against(STARTTLS, { implicit: security === 'tls', ...(options.certificate ? { certificate: options.certificate() } : {}), tls: options.tls }, async r => {
    const [x] = await send(r.port, security, [`ca=${(options.trust?.() ?? certificate).file}`, 'user=u', 'password=p']);
    assert.deepEqual([x.code, x.cause, x.processed], [0, cause, 'no']);
    assert.deepEqual(r.seen.filter(l => /^(AUTH|MAIL)/.test(l)), []);
}));

test('a port that speaks without TLS is named so', () => against({}, {}, async r => {
    const [x] = await send(r.port, 'tls');
    assert.deepEqual([x.cause, x.processed], ['tls_no_record', 'no']);
}));

/* ---- the login ---- */

const AUTH = methods => ({ EHLO: `250-mx.example\r\n250-AUTH ${methods}\r\n250 PIPELINING` });

test('AUTH LOGIN where PLAIN is not offered', () => against({ ...AUTH('CRAM-MD5 LOGIN'), AUTH: '334 VXNlcm5hbWU6', SECRET: ['334 UGFzc3dvcmQ6', '235 ok'] }, {}, async r => {
    const [x] = await send(r.port, 'none', ['user=user', 'password=pass']);
    assert.equal(x.code, 250);
    assert.deepEqual(r.seen.slice(1, 4), ['AUTH LOGIN', Buffer.from('user').toString('base64'), Buffer.from('pass').toString('base64')]);
}));

test('AUTH= of old servers', () => against({ EHLO: '250-mx.example\r\n250 AUTH=PLAIN' }, {}, async r => {
    assert.equal((await send(r.port, 'none', ['user=user', 'password=pass']))[0].code, 250);
}));

test('a long password follows in a line of its own', () => against({ ...AUTH('PLAIN'), AUTH: '334 ', SECRET: '235 ok' }, {}, async r => {
    const password = 'p'.repeat(512);
    assert.equal((await send(r.port, 'none', ['user=u', `password=${password}`]))[0].code, 250);
    assert.deepEqual(r.seen.slice(1, 3), ['AUTH PLAIN', Buffer.from(`\0u\0${password}`).toString('base64')]);
}));

test('a wrong password is tried once, and all that wait are told', () => against({ ...AUTH('PLAIN'), AUTH: '535 5.7.8 Username and Password not accepted' }, {}, async r => {
    const xs = await send(r.port, 'none', ['user=u', 'password=p', 'count=50']);
    assert.equal(xs.length, 50);
    assert.ok(xs.every(x => x.code === 535 && x.command === 'AUTH'));
    assert.equal(r.seen.filter(l => l.startsWith('AUTH')).length, 1);
}));

test('no login offered: told without a reply code, and no mail', () => against({}, {}, async r => {
    const [x] = await send(r.port, 'none', ['user=u', 'password=p']);
    assert.deepEqual([x.code, x.command, x.reason], [0, 'AUTH', undefined]);
    assert.match(x.text, /authentication/);
}));

/* ---- what servers can do ---- */

test('larger than SIZE: found before anything is sent, and the connection serves the next', () => against({ EHLO: '250-mx.example\r\n250-PIPELINING\r\n250 SIZE 10' }, {}, async r => {
    const xs = await send(r.port, 'none', ['a@x.example', 'b@x.example']);
    assert.deepEqual(xs.map(x => [x.code, x.command]), [[0, 'MAIL'], [0, 'MAIL']]);
    assert.deepEqual(r.seen.filter(l => l.startsWith('MAIL')), []);
}));

test('an address beyond ASCII needs SMTPUTF8', async () => {
    const to = 'とどけ@example.jp';
    await against({}, {}, async r => assert.match((await send(r.port, 'none', [to]))[0].text, /SMTPUTF8/));
    await against({ EHLO: '250-mx.example\r\n250-8BITMIME\r\n250 SMTPUTF8' }, {}, async r => {
        assert.equal((await send(r.port, 'none', [to], 'To: \xe3\x81\xa8\r\n\r\nx'))[0].code, 250);
        assert.equal(r.seen[1], 'MAIL FROM:<from@example.com> BODY=8BITMIME SMTPUTF8');
        assert.equal(Buffer.from(r.seen[2], 'latin1').toString(), `RCPT TO:<${to}>`);
    });
});

for (const to of ['a@x.example>\r\nRCPT TO:<b@x.example', 'a b@x.example', 'a@x.example\n'])
    test(`no command fits into the address ${JSON.stringify(to)}`, () => against({}, {}, async r => {
        const [x] = await send(r.port, 'none', [to]).catch(() => [{ err: 'unreadable' }]);
        assert.ok(x.err, JSON.stringify(x));
        assert.deepEqual(r.seen, []);
    }));

/* ---- connections ---- */

test('as many connections as are allowed, and each serves many mails', () => against({ BODY: (_, socket) => { setTimeout(() => socket.write('250 ok\r\n'), 5); return null; } }, {}, async r => {
    const xs = await send(r.port, 'none', ['connections=4', 'count=100']);
    assert.equal(xs.filter(x => x.code === 250).length, 100);
    assert.equal(r.connections.length, 4);
}));

test('a relay that takes three connections gets three, and every mail', () => {
    let open = 0;
    return against({ GREETING: (_, socket) => {
        if (++open > 3) { open--; return '421 4.7.0 too many connections'; }
        socket.on('close', () => open--);
        return '220 mx.example';
    }, BODY: (_, socket) => { setTimeout(() => socket.write('250 ok\r\n'), 5); return null; } }, {}, async r => {
        const xs = await send(r.port, 'none', ['count=200']);
        assert.deepEqual(xs.filter(x => x.code !== 250), []);
        assert.ok(r.connections.length <= 32 + 3, `${r.connections.length} connections`);
    });
});

test('a relay that is not there: the reason of the other half, and nobody was asked', async () => {
    const free = await new Promise(done => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => done(port)); }); });
    const xs = await send(free, 'none', ['count=10']);
    assert.equal(xs.length, 10);
    assert.ok(xs.every(x => x.cause === 'tcp_refused' && x.processed === 'no' && x.command === 'CONNECT'));
});

test('verify goes up to NOOP, names its steps and sends no mail', () => against(STARTTLS, {}, async r => {
    const lines = await send(r.port, 'starttls', ['verify=1', `ca=${certificate.file}`, 'user=u', 'password=p']);
    assert.deepEqual(lines.slice(0, -1).map(l => l.step), ['resolve', 'connect', 'greeting', 'ehlo', 'starttls', 'tls', 'ehlo', 'auth', 'noop']);
    assert.deepEqual([lines.at(-1).code, lines.at(-1).command], [250, 'NOOP']);
    assert.deepEqual(r.seen.map(l => l.split(' ')[0]), ['EHLO', 'STARTTLS', 'EHLO', 'AUTH', 'NOOP', 'QUIT']);
}));
