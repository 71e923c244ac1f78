// Reads server-sent events as they come (the HTML standard, 9.2): { event, data, comment } each, data parsed as JSON.
import http from 'node:http';

export function openStream(url, { key, headers = {} } = {}) {
    const messages = [], waiting = [];
    let text = '', over;
    const stream = { messages, status: undefined, headers: undefined, chunks: [] };
    const wake = () => { for (const w of waiting.splice(0)) w(); };
    const request = http.get(url, { headers: { accept: 'text/event-stream', ...(key ? { authorization: `Bearer ${key}` } : {}), ...headers } });
    stream.opened = new Promise((resolve, reject) => request.on('response', r => {
        stream.status = r.statusCode;
        stream.headers = r.headers;
        resolve(stream);
        r.setEncoding('utf8').on('data', d => {
            text += d;
            for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
                const message = { at: performance.now() };
                for (const line of text.slice(0, end).split('\n')) {
                    const colon = line.indexOf(':');
                    if (colon === 0) message.comment = line.slice(1);
                    else message[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
                }
                if (message.data !== undefined) message.data = JSON.parse(message.data);
                messages.push(message);
            }
            wake();
        }).on('error', () => {}).on('close', () => { over = { complete: r.complete, rest: text }; wake(); });
    }).on('error', reject));
    // Resolves with the first message, seen or to come, that fits; rejects when the stream ends before.
    stream.until = async (fits, ms = 15_000) => {
        const end = Date.now() + ms;
        for (let i = 0; ; ) {
            for (; i < messages.length; i++) if (fits(messages[i])) return messages[i];
            if (over) throw new Error(`the stream ended: ${JSON.stringify(messages)}`);
            if (Date.now() > end) throw new Error(`not told in ${ms} ms: ${JSON.stringify(messages.slice(-3))}`);
            await Promise.race([new Promise(r => waiting.push(r)), new Promise(r => setTimeout(r, 100))]);
        }
    };
    // Resolves when the node has ended it.
    stream.ended = async (ms = 15_000) => {
        const end = Date.now() + ms;
        while (!over) {
            if (Date.now() > end) throw new Error('the stream does not end');
            await Promise.race([new Promise(r => waiting.push(r)), new Promise(r => setTimeout(r, 100))]);
        }
        return over;
    };
    stream.close = () => request.destroy();
    return stream;
}
