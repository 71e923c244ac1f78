// Real servers with generated settings, on free ports, in temporary directories, stopped by process id.
import { spawn } from 'node:child_process';
import dns from 'node:dns';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certs } from './certs.mjs';
import { sleep } from './raw.mjs';

const living = new Set();
process.on('exit', () => living.forEach(p => p.kill('SIGKILL')));

// Below the range that the kernel takes ports from by itself, so that hardly anybody comes between asking and using.
export async function freePort(host = '127.0.0.1') {
    for (;;) {
        const port = 12000 + Math.floor(Math.random() * 20000);
        const s = net.createServer();
        const free = await new Promise(r => s.once('error', () => r(false)).listen({ port, host }, () => r(true)));
        if (!free) continue;
        await new Promise(r => s.close(r));
        return port;
    }
}

const canConnect = (port, host) => new Promise(r => {
    const s = net.connect({ port, host }, () => (s.destroy(), r(true)));
    s.on('error', () => r(false));
});

// Whether this very process listens there: something else may have been quicker. Reads a long list, so ask once.
function listens(pid, port) {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const inodes = ['tcp', 'tcp6'].flatMap(f => readFileSync(`/proc/net/${f}`, 'utf8').split('\n').slice(1).map(l => l.trim().split(/\s+/)))
        .filter(c => c[3] === '0A' && c[1].endsWith(`:${hex}`)).map(c => `socket:[${c[9]}]`);
    try {
        return inodes.length > 0 && readdirSync(`/proc/${pid}/fd`).some(fd => {
            try {
                return inodes.includes(readlinkSync(`/proc/${pid}/fd/${fd}`));
            } catch {
                return false;
            }
        });
    } catch {
        return false;
    }
}

// make(port, dir) → { command, ready? }. Starts again on another port if that one was taken meanwhile.
async function start(kind, make, { host = '127.0.0.1', tries = 3 } = {}) {
    const port = await freePort(host);
    const dir = mkdtempSync(join(tmpdir(), `todoke-${kind}-`));
    const { command, ready = () => true } = make(port, dir);
    const child = spawn(command[0], command.slice(1), { cwd: dir, stdio: ['pipe', 'pipe', 'pipe'], detached: false });
    living.add(child);
    child.stdin.on('error', () => {});
    let said = '', gone = false;
    child.stdout.on('data', d => (said += d));
    child.stderr.on('data', d => (said += d));
    const exited = new Promise(r => child.once('exit', r));
    child.once('error', e => ((said += e), (gone = true)));
    exited.then(() => (gone = true));
    const stop = async () => {
        if (!gone) child.kill('SIGTERM');
        const late = setTimeout(() => child.kill('SIGKILL'), 2000);
        await exited;
        clearTimeout(late);
        living.delete(child);
        rmSync(dir, { recursive: true, force: true });
    };
    for (const until = Date.now() + 15_000; Date.now() < until && !gone; await sleep(30))
        if ((await canConnect(port, host)) && (await ready()) && listens(child.pid, port)) return { port, dir, pid: child.pid, close: stop, said: () => said };
    if (!gone) await stop();
    if (gone && tries > 1) return start(kind, make, { host, tries: tries - 1 });
    throw new Error(`${kind} does not start: ${said}`);
}

const withUrl = (p, scheme, name = '127.0.0.1') => ({ ...p, url: `${scheme}://${name}:${p.port}/webhook` });

/* server: the inside of one server block; PORT is put in. One block is all a case needs. */
export async function nginx(server, { scheme = 'https', http = '', name } = {}) {
    const p = await start('nginx', (port, dir) => {
        writeFileSync(join(dir, 'nginx.conf'), `
daemon off;
master_process off;
pid ${dir}/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path ${dir}/body;
    proxy_temp_path ${dir}/proxy;
    fastcgi_temp_path ${dir}/fastcgi;
    uwsgi_temp_path ${dir}/uwsgi;
    scgi_temp_path ${dir}/scgi;
    ssl_certificate ${certs.good.certFile};
    ssl_certificate_key ${certs.good.keyFile};
    ${http}
    server { ${server.replaceAll('PORT', port)} }
}
`);
        return { command: ['nginx', '-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf')] };
    });
    return withUrl(p, scheme, name);
}

// alpn: haproxy ends TLS itself and offers this.
export async function haproxy(frontend, { scheme = 'https', alpn } = {}) {
    const p = await start('haproxy', (port, dir) => {
        if (alpn) writeFileSync(join(dir, 'pair.pem'), certs.good.cert + certs.good.key);
        writeFileSync(join(dir, 'haproxy.cfg'), `
global
    noreuseport
defaults
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend f
    bind 127.0.0.1:${port}${alpn ? ` ssl crt ${dir}/pair.pem alpn ${alpn}` : ''}
${frontend}
`);
        return { command: ['haproxy', '-db', '-f', join(dir, 'haproxy.cfg')] };
    });
    return withUrl(p, scheme);
}

export async function nghttpd(...flags) {
    const p = await start('nghttpd', (port, dir) => {
        mkdirSync(join(dir, 'htdocs'));
        writeFileSync(join(dir, 'htdocs', 'webhook'), 'ok');
        return { command: ['nghttpd', '-a', '127.0.0.1', '-d', join(dir, 'htdocs'), ...flags, String(port), certs.good.keyFile, certs.good.certFile] };
    });
    return withUrl(p, 'https');
}

export async function sServer(cert, ...flags) {
    const p = await start('s_server', port => ({
        command: ['openssl', 's_server', '-accept', `127.0.0.1:${port}`, '-cert', cert.certFile, '-cert_chain', cert.certFile, '-key', cert.keyFile, ...flags],
    }));
    return withUrl(p, 'https');
}

const answers = (port, name) => async () => {
    const r = new dns.promises.Resolver({ timeout: 200, tries: 1 });
    r.setServers([`127.0.0.1:${port}`]);
    try {
        await r.resolve4(name);
        return true;
    } catch (e) {
        return ['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EREFUSED'].includes(e.code);
    }
};

/* lines: inside the server: clause. ready.test is always there. */
export function unbound(lines) {
    return start('unbound', (port, dir) => {
        writeFileSync(join(dir, 'unbound.conf'), `
server:
    interface: 127.0.0.1
    port: ${port}
    so-reuseport: no
    username: ""
    chroot: ""
    directory: "${dir}"
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    num-threads: 1
    module-config: "iterator"
    do-not-query-localhost: no
    local-data: "ready.test. A 127.0.0.1"
${lines}
remote-control:
    control-enable: no
`);
        return { command: ['unbound', '-d', '-c', join(dir, 'unbound.conf')], ready: answers(port, 'ready.test') };
    });
}

/* zones: { name: zone file text, or null for a zone whose file is missing }. */
export function nsd(zones) {
    return start('nsd', (port, dir) => {
        const blocks = Object.entries({ 'ready.test': '@ IN SOA a. b. 1 60 60 60 60\n@ IN NS a.\n@ IN A 127.0.0.1\n', ...zones }).map(([zone, text]) => {
            if (text) writeFileSync(join(dir, zone), `$ORIGIN ${zone}.\n$TTL 60\n${text}`);
            return `zone:\n    name: "${zone}"\n    zonefile: "${join(dir, zone)}"\n`;
        });
        writeFileSync(join(dir, 'nsd.conf'), `
server:
    ip-address: 127.0.0.1
    port: ${port}
    username: ""
    zonesdir: "${dir}"
    database: ""
    zonelistfile: "${dir}/zone.list"
    xfrdfile: "${dir}/xfrd.state"
    xfrdir: "${dir}"
    pidfile: "${dir}/nsd.pid"
    server-count: 1
remote-control:
    control-enable: no
${blocks.join('')}`);
        return { command: ['nsd', '-d', '-c', join(dir, 'nsd.conf')], ready: answers(port, 'ready.test') };
    });
}

// A Node server: sessions and streams as its http2 module makes them.
export const nodeServer = (options, onStream, onSession) => async () => {
    const server = http2.createSecureServer({ cert: certs.good.cert, key: certs.good.key, ...options });
    const sessions = new Set();
    server.on('session', s => { sessions.add(s); s.on('error', () => {}); onSession?.(s); });
    server.on('stream', (s, h) => { s.on('error', () => {}); onStream(s, h); });
    server.on('sessionError', () => {});
    await new Promise(r => server.listen(0, '127.0.0.1', r));
    return { url: `https://127.0.0.1:${server.address().port}/webhook`, sessions, close: async () => { sessions.forEach(s => s.destroy()); server.close(); } };
};

// Several servers of one test file under one close().
export async function together(makers) {
    const entries = await Promise.all(Object.entries(makers).map(async ([k, make]) => [k, await make()]));
    const servers = Object.fromEntries(entries);
    return { ...servers, close: () => Promise.all(entries.map(([, s]) => s.close())) };
}

// A shared server as the peer of a case: the case must not stop it.
export const shared = server => () => ({ ...server, close: undefined });
