// A listener whose accept queue is full: the kernel answers no further SYN.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

export async function deaf(host = '127.0.0.1', port = 0) {
    const child = spawn(process.execPath, [fileURLToPath(new URL('../../peers/deaf.mjs', import.meta.url)), host, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    process.on('exit', () => child.kill('SIGKILL'));
    const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => { throw new Error('no listener'); })]);
    const bound = Number(said);
    const held = [];
    // Fill the queue: two are taken, the third hangs. On a busy machine one of the two may be slow to be told of.
    for (;;) {
        const s = net.connect({ host, port: bound });
        s.on('error', () => {});
        held.push(s);
        if (!(await Promise.race([once(s, 'connect').then(() => true), new Promise(r => setTimeout(r, held.length > 2 ? 150 : 5000, false))]))) break;
    }
    return {
        port: bound,
        url: `https://${host.includes(':') ? `[${host}]` : host}:${bound}/webhook`,
        close: async () => { held.forEach(s => s.destroy()); child.kill('SIGKILL'); await once(child, 'exit'); },
    };
}
