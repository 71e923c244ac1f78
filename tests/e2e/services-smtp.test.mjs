// The mail relay that misbehaves: nodemailer sends through it, raw connections see each reply, mailparser reads its reports.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { createRequire } from 'node:module';
import { after, before, beforeEach, describe, it } from 'node:test';
import { address, kinds, start } from '../../demo/services/smtp.mjs';
import { caFile, certs } from './lib/certs.mjs';
import { until } from './lib/node.mjs';

const require = createRequire(import.meta.url);
const nodemailer = require('nodemailer');
const { simpleParser } = require('mailparser');
const ca = readFileSync(caFile);

let clock = Date.UTC(2030, 0, 1), serial = 0;
let smtp, open;
const NORMAL = { at: {}, extensions: {}, greylistMs: 1000, perConnection: 0, connections: 0, bounceUrl: null };
const person = (kind, options) => address(kind, { name: `u${serial++}`, ...options });

before(async () => {
    smtp = await start({ tls: certs.good, now: () => clock });
    open = await start({ user: '', size: 1000 }); // neither TLS nor AUTH
});
after(async () => {
    await smtp.close();
    await open.close();
});
beforeEach(() => {
    smtp.behave(NORMAL);
    open.behave(NORMAL);
});

const transport = options => nodemailer.createTransport({
    host: '127.0.0.1', port: smtp.port, requireTLS: true, auth: { user: smtp.user, pass: smtp.password }, tls: { ca, servername: 'localhost' }, ...options,
});
const send = (to, options, mail = {}) => transport(options).sendMail({ from: 'shop@example.com', to, subject: '件名', text: 'こんにちは', ...mail }).catch(failure => failure);

/* A connection to the open relay under a script: say(text) writes it, reply() resolves to the next whole reply (or undefined
 * at the end of the connection). */
async function connection(port = open.port) {
    const socket = net.connect(port, '127.0.0.1');
    let text = '', ended = false, wake = () => {};
    const on = () => wake();
    socket.setEncoding('latin1').on('data', part => ((text += part), on())).on('close', () => ((ended = true), on())).on('error', () => {});
    const client = {
        socket,
        say: line => socket.write(line),
        async reply() {
            for (;;) {
                const found = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(text);
                if (found) {
                    text = text.slice(found[0].length);
                    return found[0].trimEnd();
                }
                if (ended) return undefined;
                await new Promise(resolve => (wake = resolve));
            }
        },
        async ask(line) {
            socket.write(`${line}\r\n`);
            return client.reply();
        },
        close: () => socket.destroy(),
    };
    client.greeting = await client.reply();
    return client;
}
const DIALOGUE = (to, from = 'a@example.com') => `MAIL FROM:<${from}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`;

describe('SMTP: nodemailer', () => {
    it('authenticates over STARTTLS and over TLS, and the mail arrives as it was sent', async () => {
        const to = person('fine');
        const text = '.\r\n..two\r\nこんにちは';
        const answer = await send(to, {}, { text, headers: { 'X-Long': 'x'.repeat(900) } });
        assert.match(answer.response, /^250 2\.0\.0 Ok: queued as [0-9A-F]{10}$/);
        const [mail] = smtp.taken.of(to);
        assert.deepEqual([mail.secure, mail.user, mail.from], [true, smtp.user, 'shop@example.com']);
        const parsed = await simpleParser(mail.data);
        assert.deepEqual([parsed.subject, parsed.text.trimEnd()], ['件名', text.replace(/\r\n/g, '\n')]);
        const implicit = await start({ tls: certs.good, implicit: true });
        const direct = await send(to, { port: implicit.port, secure: true, requireTLS: false, auth: { user: implicit.user, pass: implicit.password } });
        assert.equal(implicit.taken.times(to), 1, direct.message);
        await implicit.close();
    });

    it('refuses a wrong password, both mechanisms, and mail without one', async () => {
        for (const authMethod of ['PLAIN', 'LOGIN']) {
            assert.equal((await send(person('fine'), { auth: { user: smtp.user, pass: 'x' }, authMethod })).responseCode, 535);
            assert.match((await send(person('fine'), { authMethod })).response, /^250 /);
        }
        assert.equal((await send(person('fine'), { auth: undefined })).responseCode, 530);
    });

    const rows = [ // kind, code, words, the command that is answered
        ['unknown', 550, /^550 5\.1\.1 <.*>: Recipient address rejected: User unknown in virtual mailbox table$/, 'RCPT TO'],
        ['unknown-sendmail', 550, /^550 .*\.\.\. User unknown$/, 'RCPT TO'],
        ['unknown-gmail', 550, /^550-5\.1\.1 The email account that you tried to reach does not exist\.(.|\n)*\n550 5\.1\.1 /, 'RCPT TO'],
        ['unknown-outlook', 550, /5\.1\.10 RESOLVER\.ADR\.RecipientNotFound/, 'RCPT TO'],
        ['unknown-yahoo', 554, /^554 delivery error: dd This user doesn't have a example\.com account \(/, 'DATA'],
        ['unknown-docomo', 550, /^550 Unknown user /, 'RCPT TO'], ['filtered-docomo', 550, /^550 Unknown user /, 'DATA'],
        ['invalid-recipient', 550, /^550 Invalid recipient: /, 'RCPT TO'], ['overquota', 450, /^450 4\.2\.2 <.*>: user is overquota$/, 'RCPT TO'],
        ['overquota-gmail', 452, /^452-4\.2\.2 The email account that you tried to reach is over quota\./, 'RCPT TO'],
        ['spam', 510, /^510 Block For Spam$/, 'DATA'], ['later', 421, /^421 4\.7\.0 /, 'RCPT TO'], ['shutdown', 421, /^421 4\.3\.2 /, 'DATA'],
        ['relay', 554, /^554 5\.7\.1 <.*>: Relay access denied$/, 'RCPT TO'], ['too-big', 552, /^552 5\.3\.4 /, 'DATA'],
    ];
    for (const [kind, code, words, command] of rows) {
        it(`${kind}: ${code} at ${command}`, async () => {
            const to = person(kind);
            const failure = await send(to);
            assert.deepEqual([failure.responseCode, failure.command], [code, command]);
            assert.match(failure.response, words);
            assert.equal(smtp.taken.times(to), 0);
        });
    }

    it('answers each recipient by itself', async () => {
        const people = [person('fine'), person('unknown'), person('overquota'), person('fine')];
        const answer = await send(people);
        assert.deepEqual([answer.accepted, answer.rejected], [[people[0], people[3]], [people[1], people[2]]]);
        assert.deepEqual(people.map(to => smtp.taken.times(to)), [1, 0, 0, 1]);
    });

    it('greylists until the delay has passed, and fails a number of times', async () => {
        const to = person('greylist');
        assert.equal((await send(to)).responseCode, 450);
        clock += 999;
        assert.equal((await send(to)).responseCode, 450);
        clock += 1;
        assert.match((await send(to)).response, /^250 /);
        assert.equal((await send(to, {}, { envelope: { from: 'other@example.com', to } })).responseCode, 450, 'another sender waits by itself');
        const often = person('temporary', { times: 2 });
        assert.deepEqual([(await send(often)).responseCode, (await send(often)).responseCode, /^250/.test((await send(often)).response)], [451, 451, true]);
    });

    it('ends and hangs before and after the message was taken', async () => {
        for (const [kind, taken] of [['cut-rcpt', 0], ['cut-data', 0], ['cut-before', 0], ['cut-after', 1], ['stall-rcpt', 0], ['stall-before', 0], ['stall-after', 1]]) {
            const to = person(kind);
            const failure = await send(to, { socketTimeout: 1000 });
            assert.ok(failure instanceof Error && !failure.responseCode, kind);
            assert.equal(smtp.taken.times(to), taken, kind);
        }
        assert.match((await send(person('slow'))).response, /^250 /);
    });
});

describe('SMTP: the account and the connection', () => {
    for (const [phase, reply, code] of [['greeting', '554 5.7.1 No SMTP service here', 554], ['ehlo', '421 4.3.0 later', 421], ['starttls', '454 4.7.0 TLS not available due to local problem', 454],
        ['auth', '454 4.7.0 Temporary authentication failure', 454], ['mail', '550 5.7.1 Sender not verified', 550], ['rcpt', '451 4.3.0 Queue file write error', 451],
        ['data', '451 4.3.0 later', 451], ['dot', '552 5.7.0 no', 552]]) {
        it(`refuses at ${phase}`, async () => {
            smtp.behave({ at: { [phase]: reply } });
            const failure = await send(person('fine'));
            assert.ok(failure instanceof Error);
            if (!['starttls', 'greeting', 'ehlo'].includes(phase)) assert.equal(failure.responseCode, code);
            assert.match(`${failure.response} ${failure.message}`, new RegExp(reply.slice(0, 3)));
        });
    }

    it('bounds messages on a connection, and connections', async () => {
        smtp.behave({ perConnection: 1 });
        const pool = transport({ pool: true, maxConnections: 1 });
        const results = [];
        for (let i = 0; i < 2; i++) results.push(await pool.sendMail({ from: 'a@example.com', to: person('fine'), text: 'x' }).catch(failure => failure.responseCode));
        pool.close();
        assert.equal(results[1], 421);
        open.behave({ connections: 1 });
        const first = await connection();
        const second = await connection();
        assert.match(second.greeting, /^421 4\.7\.0 /);
        first.close();
    });

    it('refuses what behave does not know', () => {
        assert.throws(() => smtp.behave({ at: { helo: '500 x' } }), /no phase helo/);
        assert.throws(() => smtp.behave({ at: { mail: 'no' } }), /is no reply/);
        assert.throws(() => address('nonsense'), /no kind nonsense/);
    });
});

describe('SMTP: the protocol', () => {
    it('offers its extensions, and keeps to what it offers', async () => {
        const client = await connection();
        assert.match(client.greeting, /^220 mx\.demo\.test ESMTP/);
        assert.deepEqual((await client.ask('EHLO me')).split('\r\n').map(line => line.slice(4)),
            ['mx.demo.test', 'PIPELINING', 'SIZE 1000', 'ENHANCEDSTATUSCODES', '8BITMIME', 'SMTPUTF8']);
        assert.match(await client.ask('STARTTLS'), /^503 /);
        assert.match(await client.ask('MAIL FROM:<a@example.com> SIZE=1001'), /^552 5\.3\.4 /);
        assert.match(await client.ask('MAIL FROM:<あ@example.com>'), /^553 5\.6\.7 /);
        assert.match(await client.ask('MAIL FROM:<あ@example.com> SMTPUTF8'), /^250 /);
        assert.match(await client.ask('RCPT TO:<い@example.com>'), /^250 /);
        assert.match(await client.ask('RSET'), /^250 /);
        open.behave({ extensions: { SMTPUTF8: false } });
        assert.doesNotMatch(await client.ask('EHLO me'), /SMTPUTF8/);
        assert.match(await client.ask('MAIL FROM:<a@example.com> SMTPUTF8'), /^555 /);
        assert.match(await client.ask('QUIT'), /^221 /);
        assert.equal(await client.reply(), undefined);
    });

    it('answers a pipeline in order, whatever its pieces', async () => {
        const to = person('fine'), bad = person('unknown');
        const client = await connection();
        await client.ask('EHLO me');
        const pipeline = `MAIL FROM:<a@example.com>\r\nRCPT TO:<${bad}>\r\nRCPT TO:<${to}>\r\nDATA\r\n`;
        for (const piece of pipeline.match(/.{1,7}/gs)) client.say(piece);
        const replies = [];
        for (let i = 0; i < 4; i++) replies.push((await client.reply()).slice(0, 3));
        assert.deepEqual(replies, ['250', '550', '250', '354']);
        for (const piece of 'Subject: x\r\n\r\n..dot\r\n.\n.\r\nline\r\n.\r\nNOOP\r\n'.match(/.{1,3}/gs)) client.say(piece);
        assert.match(await client.reply(), /^250 2\.0\.0 Ok: queued/);
        assert.match(await client.reply(), /^250 2\.0\.0 Ok$/);
        assert.equal(open.taken.of(to)[0].data.toString(), 'Subject: x\r\n\r\n.dot\r\n.\n.\r\nline\r\n');
        client.close();
    });

    it('wants an order, recipients, a size and short lines', async () => {
        const client = await connection();
        assert.match(await client.ask('MAIL FROM:<a@example.com>'), /^503 /);
        await client.ask('EHLO me');
        assert.match(await client.ask('DATA'), /^503 /);
        assert.match(await client.ask('RCPT TO:<a@example.com>'), /^503 /);
        await client.ask('MAIL FROM:<a@example.com>');
        assert.match(await client.ask('DATA'), /^554 5\.5\.1 /);
        assert.match(await client.ask('RCPT TO:nobody'), /^501 /);
        assert.match(await client.ask('WHAT'), /^500 /);
        await client.ask('RSET');
        const to = person('fine');
        client.say(`${DIALOGUE(to)}${'x'.repeat(1001)}\r\n.\r\n`);
        const replies = [];
        for (let i = 0; i < 4; i++) replies.push((await client.reply()).slice(0, 3));
        assert.deepEqual(replies, ['250', '250', '354', '552']);
        client.say(`${DIALOGUE(to)}.\r\n`);
        for (let i = 0; i < 3; i++) await client.reply();
        assert.match(await client.reply(), /^250 /, 'an empty message is one');
        assert.match(await client.ask(`NOOP ${'x'.repeat(5000)}`), /^500 5\.5\.2 /);
    });

    it('takes no command behind STARTTLS for an encrypted one', async () => {
        const client = await connection(smtp.port);
        await client.ask('EHLO me');
        assert.match(await client.ask('STARTTLS\r\nEHLO other'), /^501 /);
        assert.equal(await client.reply(), undefined);
    });
});

describe('SMTP: what comes back', () => {
    const rows = [
        ['bounce-unknown', 'failed', '5.1.1', /^smtp; 550 5\.1\.1 .* User unknown/], ['bounce-quota', 'failed', '4.2.2', /over quota/],
        ['bounce-spam', 'failed', '5.0.0', /^smtp; 510 Block For Spam$/], ['bounce-docomo', 'failed', '5.2.0', /^smtp; 550 Unknown user/],
        ['bounce-dns', 'failed', '5.4.4', /^X-Postfix; Host or domain name not found/], ['bounce-delayed', 'delayed', '4.4.1', /timed out$/],
    ];
    for (const [kind, action, status, diagnostic] of rows) {
        it(`${kind}: ${action} ${status}`, async () => {
            const to = person(kind);
            assert.match((await send(to, {}, { envelope: { from: 'b+1@bounces.example.com', to } })).response, /^250 /);
            const { text, from } = smtp.bounces.find(one => one.to === to);
            assert.equal(from, 'b+1@bounces.example.com');
            assert.match(text, /Diagnostic-Code: .*\r\n/);
            const report = await simpleParser(text, { keepDeliveryStatus: true });
            assert.equal(report.headers.get('content-type').params['report-type'], 'delivery-status');
            const fields = report.attachments.find(part => part.contentType === 'message/delivery-status').content.toString().replace(/\r?\n[ \t]+/g, ' ');
            const field = name => new RegExp(`^${name}: (.*)$`, 'm').exec(fields)[1].trim();
            assert.deepEqual([field('Final-Recipient'), field('Action'), field('Status')], [`rfc822; ${to}`, action, status]);
            assert.match(field('Diagnostic-Code'), diagnostic);
        });
    }

    it('reports without RFC 3464 too, never about a bounce, and posts what comes back', async () => {
        const to = person('bounce-qmail');
        await send(to);
        assert.match(smtp.bounces.find(one => one.to === to).text, /This is the qmail-send program/);
        const count = smtp.bounces.length;
        await send(person('bounce-unknown'), {}, { envelope: { from: '', to: person('bounce-unknown') } });
        assert.equal(smtp.bounces.length, count);
        const { createServer } = await import('node:http');
        const posted = [];
        const hook = createServer(async (req, res) => {
            const parts = [];
            for await (const part of req) parts.push(part);
            posted.push([req.headers['content-type'], Buffer.concat(parts).toString()]);
            res.end();
        });
        await new Promise(resolve => hook.listen(0, '127.0.0.1', resolve));
        smtp.behave({ bounceUrl: `http://127.0.0.1:${hook.address().port}/` });
        await send(person('bounce-unknown'));
        await until(() => posted.length === 1);
        assert.deepEqual(posted[0], ['message/rfc822', smtp.bounces.at(-1).text]);
        hook.closeAllConnections();
        hook.close();
        assert.ok(Object.keys(kinds).length > 40);
    });
});
