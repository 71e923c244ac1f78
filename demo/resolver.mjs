// A name server for the demo (UDP): every name in the zone is this machine, and no other name exists. So the
// demo needs no network, and an unknown host is unknown everywhere.
import dgram from 'node:dgram';

const TYPE_A = 1, NXDOMAIN = 3;

// The question's name and type (RFC 1035 4.1.2), or null if the message holds no question.
function question(message) {
    const labels = [];
    let at = 12;
    while (at < message.length && message[at]) {
        labels.push(message.subarray(at + 1, at + 1 + message[at]).toString('latin1').toLowerCase());
        at += message[at] + 1;
    }
    return at + 5 > message.length ? null : { name: labels.join('.'), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function answer(message, zone) {
    const q = question(message);
    if (!q) return null;
    const known = q.name.endsWith(`.${zone}`);
    const head = Buffer.from(message.subarray(0, 12));
    head.writeUInt16BE(0x8580 | (known ? 0 : NXDOMAIN), 2); // an authoritative answer
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(known && q.type === TYPE_A ? 1 : 0, 6);
    head.fill(0, 8);
    // The name as a pointer to the question, A, IN, 60 s, 127.0.0.1.
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    return Buffer.concat([head, message.subarray(12, q.end), ...(known && q.type === TYPE_A ? [record] : [])]);
}

export async function startResolver(zone) {
    const socket = dgram.createSocket('udp4');
    await new Promise((resolve, reject) => socket.once('error', reject).bind(0, '127.0.0.1', resolve));
    socket.on('message', (message, from) => {
        const a = answer(message, zone);
        if (a) socket.send(a, from.port, from.address);
    });
    return { address: `127.0.0.1:${socket.address().port}`, close: () => socket.close() };
}
