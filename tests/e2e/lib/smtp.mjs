// A mail relay for a test: npm's smtp-server under a script, its mails read by npm's mailparser; and Python's email as a second reader.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { certs } from './certs.mjs';
const require = createRequire(import.meta.url);
const { SMTPServer } = require('smtp-server');
const { simpleParser } = require('mailparser');

export const parse = raw => simpleParser(raw, { skipTextToHtml: true, skipHtmlToText: true, skipImageLinks: true, skipTextLinks: true });

// relay.rcpt / relay.data: (session, n) → undefined (taken), { code, text } (refused), 'stall' (never answered), 'break' (the connection is
// cut). tls: 'starttls' (offered), 'smtps', or none. auth: { user, password } that is asked for.
export async function startRelay({ tls, auth, pair = 'good', port = 0 } = {}) {
    const sockets = new Set();
    const end = async (what, session, callback) => {
        if (what === 'stall') return;
        if (what === 'break') { for (const s of sockets) s.destroy(); return; }
        callback(what ? Object.assign(new Error(what.text), { responseCode: what.code }) : undefined, 'taken');
    };
    const relay = {
        mails: [], logins: [], sessions: 0, rcpts: 0, rcpt: () => undefined, data: () => undefined,
        close: () => new Promise(r => { for (const s of sockets) s.destroy(); server.close(r); }),
    };
    const server = new SMTPServer({
        secure: tls === 'smtps', key: certs[pair].key, cert: certs[pair].cert, logger: false, disableReverseLookup: true, hideENHANCEDSTATUSCODES: true,
        disabledCommands: [...(tls === 'starttls' ? [] : ['STARTTLS']), ...(auth ? [] : ['AUTH'])], authOptional: !auth, allowInsecureAuth: true,
        onConnect(session, callback) { relay.sessions++; callback(); },
        onAuth(a, session, callback) {
            relay.logins.push({ user: a.username, password: a.password, secure: session.secure });
            if (a.username === auth?.user && a.password === auth.password) callback(null, { user: a.username });
            else callback(Object.assign(new Error('5.7.8 Authentication failed'), { responseCode: 535 }));
        },
        onRcptTo(address, session, callback) { end(relay.rcpt(address.address, ++relay.rcpts), session, callback); },
        onData(stream, session, callback) {
            const chunks = [];
            stream.on('data', d => chunks.push(d));
            stream.on('end', async () => {
                const raw = Buffer.concat(chunks);
                const mail = await parse(raw);
                const what = relay.data(mail, relay.mails.length + 1);
                if (!what) relay.mails.push({ from: session.envelope.mailFrom.address, to: session.envelope.rcptTo.map(r => r.address), raw, mail, secure: session.secure, user: session.user });
                end(what, session, callback);
            });
        },
    });
    server.on('error', () => { /* connections that are cut by the test */ });
    server.server.on('connection', s => { s.unref(); sockets.add(s); s.on('close', () => sockets.delete(s)); s.on('error', () => {}); });
    await new Promise(r => server.listen(port, '127.0.0.1', r));
    server.server.unref(); // a test that fails before it closes its relay must end all the same
    relay.port = server.server.address().port;
    relay.url = `${tls === 'smtps' ? 'smtps' : 'smtp'}://127.0.0.1:${relay.port}`;
    return relay;
}

// The same bytes read by Python's standard library.
export function python(raw) {
    const script = `
import sys, json, email, email.policy
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
text, html = m.get_body(('plain',)), m.get_body(('html',))
json.dump({'keys': [k.lower() for k in m.keys()], 'headers': {k.lower(): str(v) for k, v in m.items()}, 'type': m.get_content_type(),
           'parts': [p.get_content_type() for p in m.iter_parts()], 'defects': [str(d) for p in m.walk() for d in p.defects]
           + [str(d) for k, v in m.items() for d in v.defects],
           'text': text.get_content(), 'html': html.get_content()}, sys.stdout)`;
    const r = spawnSync('python3', ['-c', script], { input: raw, encoding: 'utf8' });
    if (r.status !== 0) throw new Error(r.stderr);
    const read = JSON.parse(r.stdout);
    for (const part of ['text', 'html']) read[part] = read[part].replaceAll('\r\n', '\n');
    return read;
}

// The content rows of a text part, by their names.
export function rows(text) {
    const names = ['Channel ID', 'Channel name', 'Reason for error', 'Detail for error', 'Error count', 'Time detected', 'URL'];
    return Object.fromEntries(names.map(n => {
        const all = text.split('\n').filter(l => l.startsWith(`${n}: `));
        if (all.length !== 1) throw new Error(`${all.length} rows ${n} in\n${text}`);
        return [n, all[0].slice(n.length + 2)];
    }));
}

// And of the HTML part: read as a browser would, without one.
export function htmlRows(html) {
    const plain = s => s.replace(/<[^>]*>/g, '').replace(/&(lt|gt|amp|quot|#39);/g, (_, e) => ({ lt: '<', gt: '>', amp: '&', quot: '"', '#39': "'" })[e]);
    return Object.fromEntries([...html.matchAll(/<th [^>]*>(.*?)<\/th><td [^>]*>(.*?)<\/td>/g)].map(m => [plain(m[1]), plain(m[2])]));
}
