/*
 * A mail relay that misbehaves on demand.
 *   node demo/services/smtp.mjs --port 9105
 * The recipient decides what happens: anything+KIND@any.domain. What concerns the account or the connection (greeting, EHLO, STARTTLS,
 * AUTH, MAIL, DATA, the final dot) is switched with behave({ at: { auth: '454 4.7.0 …' } }).
 */
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { addressOf } from './lib/address.mjs';
import { Attempts, Log, Taken } from './lib/ledger.mjs';
import { behaviour, runAlone } from './lib/service.mjs';
import { bounceText, people } from './lib/smtp-people.mjs';
import { Session } from './lib/smtp-session.mjs';

const SIZE = 25 * 1024 * 1024;
const GREYLIST_MS = 1000, GREYLISTED = 100_000, BOUNCES = 10_000;
const PHASES = ['greeting', 'ehlo', 'starttls', 'auth', 'mail', 'rcpt', 'data', 'dot'];

export const kinds = people;
export const address = (kind, options) => addressOf(kind, kinds, options);

/* Starts the relay. options: port, host, tls ({ cert, key }: then STARTTLS is offered), implicit (true: TLS from the first byte), user, password
 * (user '': no AUTH), size (bytes of a message), name (of the host, in its greeting), bounceUrl (where a DSN is posted, as message/rfc822), now.
 * Besides the common members: bounces, [{ from, to, kind, text }]: DSNs of messages that were taken and came back.
 * behave: at ({ phase: reply } for every client; phases as in PHASES), extensions ({ PIPELINING: false, … } not offered),
 * greylistMs, perConnection (messages, 0: no limit), connections (at once, 0: no limit), bounceUrl. */
export async function start(options = {}) {
    const now = options.now ?? Date.now;
    const smtp = {
        name: 'smtp', requests: new Log(), taken: new Taken(), bounces: [], host: options.host ?? '127.0.0.1',
        user: options.user ?? 'todoke', password: options.password ?? randomBytes(18).toString('base64url'),
    };
    behaviour(smtp, { at: {}, extensions: {}, greylistMs: GREYLIST_MS, perConnection: 0, connections: 0, bounceUrl: options.bounceUrl ?? null }, wanted => {
        const unknown = Object.keys(wanted.at).find(phase => !PHASES.includes(phase));
        if (unknown) throw new TypeError(`behave: no phase ${unknown}; there are ${PHASES.join(', ')}`);
        const wrong = Object.values(wanted.at).find(reply => reply !== null && !/^[245]\d\d[ -]/.test(reply));
        if (wrong) throw new TypeError(`behave: ${wrong} is no reply; it begins with three digits`);
    });
    const attempts = new Attempts();
    const sockets = new Set();
    const seen = new Map();
    const server = {
        behaviour: smtp.behaviour, host: options.name ?? 'mx.demo.test', tls: options.tls, user: smtp.user, password: smtp.password, size: options.size ?? SIZE,
        fails: (to, times) => attempts.fails(to, times),
        log: entry => smtp.requests.add({ at: now(), ...entry }),
        greylisted: (ip, from, to) => greylisted(seen, `${ip} ${from.replace(/\d+/g, '#')} ${to}`, smtp.behaviour.greylistMs, now()),
        taken: message => take(smtp, message, now(), server.host),
    };
    const accept = socket => {
        if (smtp.behaviour.connections && sockets.size > smtp.behaviour.connections) return socket.end('421 4.7.0 Error: too many connections from this host\r\n');
        return new Session(socket, server, Boolean(options.implicit));
    };
    const listener = options.implicit ? tls.createServer(options.tls, accept) : net.createServer(accept);
    listener.on('tlsClientError', () => {});
    listener.prependListener('connection', socket => {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.once('close', () => sockets.delete(socket));
    });
    await new Promise((resolve, reject) => listener.once('error', reject).listen(options.port ?? 0, smtp.host, resolve));
    return Object.assign(smtp, {
        port: listener.address().port,
        close: () => new Promise(resolve => {
            listener.close(resolve);
            for (const socket of sockets) socket.destroy();
        }),
    });
}

// As postgrey: the same sender (numbers do not count: VERP), recipient and client are let in once the delay has passed.
function greylisted(seen, key, delay, now) {
    if (!seen.has(key)) {
        seen.set(key, now);
        if (seen.size > GREYLISTED) seen.delete(seen.keys().next().value);
        return true;
    }
    return now - seen.get(key) < delay;
}

function take(smtp, { id, from, to, data, secure, user }, now, host) {
    for (const person of to) {
        if (!person.lost) smtp.taken.add(person.address, { id, from, data, secure, user });
        if (person.bounce) bounce(smtp, person.bounce, { from, to: person.address, data, id, at: now, host });
    }
}

// RFC 5321 4.5.5: nobody is told of a bounce that bounced.
function bounce(smtp, kind, about) {
    if (!about.from) return;
    const text = bounceText(kind, about);
    smtp.bounces.push({ from: about.from, to: about.to, kind, text });
    if (smtp.bounces.length > BOUNCES) smtp.bounces.shift();
    const { bounceUrl } = smtp.behaviour;
    if (!bounceUrl) return;
    fetch(bounceUrl, { method: 'POST', headers: { 'content-type': 'message/rfc822' }, body: text, signal: AbortSignal.timeout(10_000) })
        .then(response => response.arrayBuffer(), failure => smtp.requests.add({ at: Date.now(), command: 'bounce', error: failure.message }));
}

export const credentials = smtp => [['SMTP', `${smtp.host}:${smtp.port}`], ['user', smtp.user], ['password', smtp.password]];

await runAlone(import.meta.url, start, { user: 0, password: 0, bounceUrl: 0 }, credentials);
