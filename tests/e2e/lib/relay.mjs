// A mail relay that says what a table tells it to, line by line, and remembers what it was told.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';

export function makeCertificate(dir, name, san) {
    const key = path.join(dir, `${name}.key`), cert = path.join(dir, `${name}.pem`);
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=x',
        '-addext', `subjectAltName=${san}`, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert), file: cert };
}

/*
 * The answers are a table: by verb (GREETING, EHLO, …, BODY for the final dot) a reply, null for none, 'close', 'reset', or a function
 * (line, connection) => one of these. Lists are used up one an arrival, the last one stays.
 */
export async function startRelay(table = {}, options = {}) {
    const seen = [], mails = [], connections = [];
    const usual = {
        GREETING: '220 mx.example ESMTP', EHLO: '250-mx.example\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250 8BITMIME', HELO: '250 mx.example', MAIL: '250 2.1.0 Ok', RCPT: '250 2.1.5 Ok',
        DATA: '354 go on', BODY: '250 2.0.0 Ok: queued as 4bXYZ12', RSET: '250 2.0.0 Ok', NOOP: '250 2.0.0 Ok', QUIT: '221 2.0.0 Bye', STARTTLS: '220 2.0.0 Ready', AUTH: '235 2.7.0 ok', OTHER: '500 5.5.1 what',
    };
    const rows = Object.fromEntries(Object.entries({ ...usual, ...table }).map(([k, v]) => [k, Array.isArray(v) ? [...v] : v]));
    const serve = (socket, first) => {
        let text = '', body = null;
        const say = (verb, line = '') => {
            let reply = rows[verb] ?? rows.OTHER;
            if (Array.isArray(reply)) reply = reply.length > 1 ? reply.shift() : reply[0];
            if (verb in rows && rows[verb] === null) return;
            if (typeof reply === 'function') reply = reply(line, socket);
            if (reply === null || reply === undefined) return;
            if (reply === 'close') return void socket.end();
            if (reply === 'reset') return void socket.resetAndDestroy();
            socket.write(reply + '\r\n', 'latin1');
            if (verb === 'STARTTLS' && reply.startsWith('220')) secure();
            if (verb === 'DATA' && reply.startsWith('354')) body = '';
            if (verb === 'QUIT' || reply.startsWith('421')) socket.end();
        };
        const secure = () => {
            socket.removeAllListeners('data');
            const wrapped = new tls.TLSSocket(socket, { isServer: true, ...options.certificate, ...options.tls });
            wrapped.on('error', () => {});
            serve(wrapped, false);
        };
        let secret = 0;
        socket.on('error', () => {});
        socket.on('data', chunk => {
            text += chunk.toString('latin1');
            for (;;) {
                if (body !== null) {
                    const end = `\r\n${text}`.indexOf('\r\n.\r\n');
                    if (options.onBody) options.onBody(socket, text);
                    if (end < 0) return;
                    mails.push(text.slice(0, end));
                    text = text.slice(end + 3);
                    body = null;
                    say('BODY');
                    continue;
                }
                const at = text.indexOf('\r\n');
                if (at < 0) return;
                const line = text.slice(0, at);
                text = text.slice(at + 2);
                seen.push(line);
                const verb = line.split(/[ :]/)[0].toUpperCase();
                say(secret > 0 && secret-- ? 'SECRET' : verb, line);
                if (verb === 'AUTH') secret = { 'AUTH LOGIN': 2, 'AUTH PLAIN': 1 }[line] ?? 0;
                if (verb === 'STARTTLS') return;
            }
        });
        if (first) say('GREETING');
    };
    const accept = socket => { connections.push(socket); serve(socket, true); };
    const server = options.implicit ? tls.createServer({ ...options.certificate, ...options.tls }, accept) : net.createServer(accept);
    server.on('tlsClientError', () => {});
    await new Promise(done => server.listen(0, '127.0.0.1', done));
    return { seen, mails, connections, port: server.address().port, close: () => { connections.forEach(c => c.destroy()); server.close(); } };
}
