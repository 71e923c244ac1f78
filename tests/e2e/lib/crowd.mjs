// Strangers who hold as many connections as they can, on a thread of their own: whoever is closed comes again.
import net from 'node:net';
import tls from 'node:tls';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';

// say: bytes, sent once the connection is there; secure: inside of TLS, alpn: what that offers; many: each from an address of its own.
function run({ port, say, many, size, secure, alpn }) {
    let opened = 0;
    const open = i => {
        const from = many ? `127.0.${1 + (i >> 7)}.${2 + (i & 127)}` : '127.0.0.1';
        const s = (secure ? tls : net).connect({ port, host: '127.0.0.1', localAddress: from, rejectUnauthorized: false, ALPNProtocols: [alpn ?? 'http/1.1'] });
        s.on(secure ? 'secureConnect' : 'connect', () => {
            if (say.length) s.write(say);
            if (++opened === size) parentPort.postMessage('full');
        });
        s.on('error', () => {}).resume().on('end', () => s.destroy());
        s.on('close', () => setTimeout(open, 20 + Math.random() * 80, i));
    };
    for (let i = 0; i < size; i++) open(i);
}

if (!isMainThread && workerData?.crowd) run(workerData.crowd);

// Ends with end(). full: all have been in.
export function crowd(port, say, { many = false, size = 400, secure = false, alpn } = {}) {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { crowd: { port, say, many, size, secure, alpn } } });
    const full = new Promise((resolve, reject) => {
        worker.once('message', resolve).once('error', reject);
        setTimeout(reject, 30_000, new Error('the strangers did not all come in')).unref();
    });
    full.catch(() => {});
    return { full, end: () => worker.terminate() };
}
