// Listens with the shortest queue and never accepts: argv: host [port]. Prints the port, then blocks its event loop until it is killed.
import net from 'node:net';
import { writeSync } from 'node:fs';

const server = net.createServer().listen({ host: process.argv[2], port: Number(process.argv[3] ?? 0), backlog: 1, ipv6Only: true }, () => {
    writeSync(1, `${server.address().port}\n`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
server.on('error', e => { throw e; });
