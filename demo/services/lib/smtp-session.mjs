/*
 * One connection of the SMTP server (RFC 5321, with PIPELINING, STARTTLS, AUTH, SIZE, 8BITMIME, SMTPUTF8 and enhanced
 * codes): bytes in, replies out, one command after the other.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { personOf } from './address.mjs';
import { people } from './smtp-people.mjs';

const LINE = 2048; // RFC 5321 4.5.3.1.4 asks for 512, and extensions make lines longer
const RECIPIENTS = 100; // RFC 5321 4.5.3.1.8
const DOT = Buffer.from('\r\n.\r\n');
const ASCII = /^[\x20-\x7e]*$/;

const path = text => /^<([^>]*)>((?:\s+\S+)*)\s*$/.exec(text);

/* server: { behaviour, host, tls ({ cert, key } or undefined), user, password, size, greylisted(ip, from, to), fails(to, times),
 * log(entry), taken(message) }. */
export class Session {
    #socket;
    #server;
    #input = Buffer.alloc(0);
    #secure;
    #greeted = false;
    #user;
    #login; // what an AUTH exchange waits for
    #mail; // { from, to: [], utf8 }
    #inData = false;
    #busy = false;
    #over = false;
    #messages = 0;

    constructor(socket, server, secure) {
        Object.assign(this, { ip: socket.remoteAddress });
        this.#socket = socket;
        this.#server = server;
        this.#secure = secure;
        this.#listen();
        const { greeting } = server.behaviour.at;
        this.#say(greeting ?? `220 ${server.host} ESMTP todoke demo`);
        if (greeting && !greeting.startsWith('2')) this.#end();
    }

    #listen() {
        this.#socket.on('error', () => {});
        this.#socket.on('close', () => (this.#over = true));
        this.#socket.on('data', bytes => {
            this.#input = Buffer.concat([this.#input, bytes]);
            if (!this.#busy) this.#work();
        });
    }

    #say(text) {
        if (!this.#over) this.#socket.write(text.endsWith('\r\n') ? text : `${text}\r\n`);
    }
    #end() {
        this.#over = true;
        this.#socket.end();
    }
    #cut() {
        this.#over = true;
        this.#socket.destroy();
    }
    // Never answers again, and keeps the connection.
    #hang() {
        this.#over = true;
        this.#socket.resume();
    }

    // Works off what has come, one command at a time: a client that pipelines gets its replies in order.
    async #work() {
        this.#busy = true;
        while (!this.#over && (this.#inData ? await this.#readMessage() : await this.#readLine()));
        this.#busy = false;
    }

    async #readLine() {
        const end = this.#input.indexOf('\r\n');
        if (end < 0 || end > LINE) {
            if (this.#input.length <= LINE) return false;
            this.#say('500 5.5.2 Error: line too long');
            this.#end();
            return false;
        }
        const line = this.#input.subarray(0, end).toString('utf8');
        this.#input = this.#input.subarray(end + 2);
        if (this.#login) return this.#readLogin(line), true;
        const [, verb, rest] = /^(\S*)\s*(.*)$/s.exec(line);
        const command = verb.toUpperCase();
        this.#server.log({ command, rest: command === 'AUTH' ? rest.split(' ')[0] : rest });
        const known = { EHLO: this.#ehlo, HELO: this.#ehlo, STARTTLS: this.#starttls, AUTH: this.#auth, MAIL: this.#mailFrom, RCPT: this.#rcptTo, DATA: this.#data,
            RSET: this.#rset, NOOP: this.#noop, QUIT: this.#quit }[command];
        if (known) await known.call(this, rest, command);
        else this.#say(command === 'VRFY' ? '252 2.0.0 Cannot VRFY user' : '500 5.5.2 Error: command not recognized');
        return true;
    }

    // Whether the switches refuse this phase; then the reply is said. 421 ends the connection.
    #refused(phase) {
        const reply = this.#server.behaviour.at[phase];
        if (!reply) return false;
        this.#say(reply);
        if (reply.startsWith('421')) this.#end();
        return true;
    }

    #ehlo(name, command) {
        if (this.#refused('ehlo')) return;
        if (!name) return void this.#say(`501 5.5.4 Syntax: ${command} hostname`);
        const { extensions } = this.#server.behaviour;
        this.#greeted = true;
        this.#mail = undefined;
        if (command === 'HELO') return void this.#say(`250 ${this.#server.host}`);
        const offered = [
            'PIPELINING', `SIZE ${this.#server.size}`, this.#server.tls && !this.#secure && 'STARTTLS', this.#server.user && this.#mayAuth() && 'AUTH PLAIN LOGIN',
            'ENHANCEDSTATUSCODES', '8BITMIME', 'SMTPUTF8',
        ].filter(line => line && extensions[line.split(' ')[0]] !== false);
        const lines = [this.#server.host, ...offered];
        this.#say(lines.map((line, i) => `250${i < lines.length - 1 ? '-' : ' '}${line}\r\n`).join(''));
    }

    // A password goes in the clear only where no TLS is to be had.
    #mayAuth() {
        return this.#secure || !this.#server.tls;
    }

    #starttls() {
        if (!this.#server.tls || this.#secure) return void this.#say('503 5.5.1 Error: TLS not available');
        if (this.#refused('starttls')) return;
        if (this.#input.length) { // commands behind STARTTLS would be taken for encrypted ones
            this.#say('501 5.5.1 Error: commands pipelined behind STARTTLS');
            return void this.#end();
        }
        this.#say('220 2.0.0 Ready to start TLS');
        this.#socket.removeAllListeners('data');
        this.#socket = new tls.TLSSocket(this.#socket, { isServer: true, secureContext: tls.createSecureContext(this.#server.tls) });
        Object.assign(this, { ip: this.ip });
        this.#secure = true;
        this.#greeted = false;
        this.#user = this.#mail = undefined;
        this.#listen();
    }

    #auth(rest) {
        const [mechanism, initial] = rest.split(' ');
        if (!this.#greeted || !this.#server.user || this.#user) return void this.#say('503 5.5.1 Error: AUTH not possible now');
        if (!this.#mayAuth()) return void this.#say('538 5.7.11 Encryption required for requested authentication mechanism');
        if (this.#refused('auth')) return;
        const name = mechanism.toUpperCase();
        if (name !== 'PLAIN' && name !== 'LOGIN') return void this.#say('504 5.5.4 Error: authentication mechanism not supported');
        this.#login = { name, parts: [] };
        if (initial) this.#readLogin(initial === '=' ? '' : initial);
        else this.#say(name === 'PLAIN' ? '334 ' : '334 VXNlcm5hbWU6');
    }

    #readLogin(line) {
        const { name, parts } = this.#login;
        if (line === '*') {
            this.#login = undefined;
            return void this.#say('501 5.7.0 Authentication aborted');
        }
        parts.push(Buffer.from(line, 'base64').toString('utf8'));
        if (name === 'LOGIN' && parts.length < 2) return void this.#say('334 UGFzc3dvcmQ6');
        this.#login = undefined;
        const [user, password] = name === 'LOGIN' ? parts : parts[0].split('\0').slice(1);
        const right = user === this.#server.user && password === this.#server.password;
        if (right) this.#user = user;
        this.#say(right ? '235 2.7.0 Authentication successful' : '535 5.7.8 Error: authentication failed: authentication failure');
    }

    #mailFrom(rest) {
        const [, from, parameters] = path(rest.replace(/^FROM:\s*/i, '')) ?? [];
        const { behaviour, size } = this.#server;
        if (!this.#greeted) return void this.#say('503 5.5.1 Error: send HELO/EHLO first');
        if (this.#server.user && !this.#user) return void this.#say('530 5.7.0 Authentication required');
        if (this.#mail) return void this.#say('503 5.5.1 Error: nested MAIL command');
        if (from === undefined || !/^FROM:/i.test(rest)) return void this.#say('501 5.5.4 Syntax: MAIL FROM:<address>');
        if (this.#refused('mail')) return;
        if (behaviour.perConnection && this.#messages >= behaviour.perConnection) {
            this.#say('421 4.7.0 Too many messages on this connection, closing connection.');
            return void this.#end();
        }
        if (Number(/\sSIZE=(\d+)/i.exec(parameters)?.[1] ?? 0) > size) return void this.#say('552 5.3.4 Message size exceeds fixed limit');
        const utf8 = /\sSMTPUTF8(\s|$)/i.test(parameters);
        if (utf8 && behaviour.extensions.SMTPUTF8 === false) return void this.#say('555 5.5.4 Unsupported option: SMTPUTF8');
        if (!utf8 && !ASCII.test(from)) return void this.#say('553 5.6.7 Must use SMTPUTF8 for this address');
        this.#mail = { from, to: [], utf8 };
        this.#say('250 2.1.0 Ok');
    }

    async #rcptTo(rest) {
        const [, to] = path(rest.replace(/^TO:\s*/i, '')) ?? [];
        if (!this.#mail) return void this.#say('503 5.5.1 Error: need MAIL command');
        if (!to || !/^TO:/i.test(rest)) return void this.#say('501 5.5.4 Syntax: RCPT TO:<address>');
        if (!this.#mail.utf8 && !ASCII.test(to)) return void this.#say('553 5.6.7 Must use SMTPUTF8 for this address');
        if (this.#refused('rcpt')) return;
        if (this.#mail.to.length >= RECIPIENTS) return void this.#say('452 4.5.3 Error: too many recipients');
        const person = { address: to, ...personOf(to, people) };
        const refuses = person.phase === 'rcpt' && (person.greylist ? this.#server.greylisted(this.ip, this.#mail.from, to) : this.#server.fails(to, person.times));
        if (refuses) {
            this.#say(person.reply(to));
            if (person.close) this.#end();
        } else if (person.cut === 'rcpt' && this.#server.fails(to, person.times)) this.#cut();
        else if (person.stall === 'rcpt' && this.#server.fails(to, person.times)) this.#hang();
        else {
            this.#mail.to.push(person);
            this.#say('250 2.1.5 Ok');
        }
    }

    #data() {
        if (!this.#mail) return void this.#say('503 5.5.1 Error: need MAIL command');
        if (!this.#mail.to.length) return void this.#say('554 5.5.1 Error: no valid recipients');
        if (this.#refused('data')) return;
        this.#inData = true;
        this.#mail.parts = [];
        this.#mail.length = 0;
        this.#say('354 End data with <CR><LF>.<CR><LF>');
    }

    // Reads up to the final dot; above the size limit the message is counted and forgotten. An empty message has only the dot.
    async #readMessage() {
        const { to } = this.#mail;
        const hasCut = this.#input.length && to.find(person => person.cut === 'data' && this.#server.fails(person.address, person.times));
        if (hasCut) return this.#cut(), false;
        const empty = this.#mail.length === 0 && this.#input.subarray(0, 3).equals(DOT.subarray(2));
        const end = empty ? -2 : this.#input.indexOf(DOT);
        const until = end >= 0 || empty ? end + 2 : Math.max(0, this.#input.length - DOT.length + 1);
        const part = this.#input.subarray(0, until);
        this.#mail.length += part.length;
        if (this.#mail.length <= this.#server.size) this.#mail.parts.push(part);
        this.#input = this.#input.subarray(end >= 0 || empty ? until + 3 : until);
        if (end < 0 && !empty) return false;
        this.#inData = false;
        await this.#finish();
        return true;
    }

    async #finish() {
        const mail = this.#mail;
        this.#mail = undefined;
        this.#messages++;
        if (this.#refused('dot')) return;
        if (mail.length > this.#server.size) return void this.#say('552 5.3.4 Message size exceeds fixed limit');
        const person = mail.to.find(one => (one.phase === 'dot' || one.cut || one.stall || one.slowMs) && this.#server.fails(one.address, one.times));
        if (person?.phase === 'dot') {
            this.#say(person.reply(person.address));
            if (person.close) this.#end();
            return;
        }
        if (person?.cut === 'dot-before') return void this.#cut();
        if (person?.stall === 'dot-before') return void this.#hang();
        const id = randomBytes(5).toString('hex').toUpperCase();
        const data = Buffer.from(Buffer.concat(mail.parts).toString('latin1').replace(/(^|\r\n)\.\./g, '$1.'), 'latin1');
        this.#server.taken({ id, from: mail.from, to: mail.to, data, secure: this.#secure, user: this.#user });
        if (person?.cut === 'dot-after') return void this.#cut();
        if (person?.stall === 'dot-after') return void this.#hang();
        if (person?.slowMs) await sleep(person.slowMs, undefined, { ref: false });
        this.#say(`250 2.0.0 Ok: queued as ${id}`);
    }

    #rset() {
        this.#mail = undefined;
        this.#say('250 2.0.0 Ok');
    }
    #noop() {
        this.#say('250 2.0.0 Ok');
    }
    #quit() {
        this.#say('221 2.0.0 Bye');
        this.#end();
    }
}
