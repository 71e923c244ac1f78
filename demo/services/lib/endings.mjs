/*
 * Ways to fail that any service behind HTTP has: its proxies' pages, and exchanges that end without an answer.
 * A row: { code (in the ids of LINE's people; it stays as it is), what (for the README), taken (whether the message was taken all the same), reply }.
 * A row without `reply.status` that ends as 'answer', 'last' or 'half' gets the service's own answer of success.
 */
import { RST } from './door.mjs';

const html = (status, title, by) => ({
    status, headers: { server: by, 'content-type': 'text/html' },
    body: `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>${by}</center>\r\n</body>\r\n</html>\r\n`,
});

const SLOW_MS = 2000;
const IN_SECONDS = 1, DATE_AFTER_MS = 2000;

const unavailable = html(503, '503 Service Temporarily Unavailable', 'nginx');
const withHeaders = (reply, headers) => ({ ...reply, headers: { ...reply.headers, ...headers } });

export const endings = {
    '413-html': { code: 'e001', what: 'nginx’s page, 413', taken: false, reply: () => html(413, '413 Request Entity Too Large', 'nginx') },
    '502-html': { code: 'e002', what: 'nginx’s page, 502', taken: false, reply: () => html(502, '502 Bad Gateway', 'nginx') },
    '503-html': { code: 'e003', what: 'nginx’s page, 503', taken: false, reply: () => unavailable },
    '503-seconds': {
        code: 'e004', what: `nginx’s page, 503, Retry-After: ${IN_SECONDS}`, taken: false,
        reply: () => withHeaders(unavailable, { 'retry-after': `${IN_SECONDS}` }),
    },
    '503-date': {
        code: 'e005', what: 'nginx’s page, 503, Retry-After as a date', taken: false,
        reply: now => withHeaders(unavailable, { 'retry-after': new Date(now + DATE_AFTER_MS).toUTCString() }),
    },
    '503-envoy': {
        code: 'e006', what: 'Envoy’s text, 503', taken: false,
        reply: () => ({
            status: 503, headers: { server: 'envoy', 'content-type': 'text/plain' },
            body: 'upstream connect error or disconnect/reset before headers. reset reason: connection termination',
        }),
    },
    '504-envoy': {
        code: 'e007', what: 'Envoy’s text, 504', taken: false,
        reply: () => ({ status: 504, headers: { server: 'envoy', 'content-type': 'text/plain' }, body: 'upstream request timeout' }),
    },
    'redirect': {
        code: 'e008', what: '302 to another host', taken: false,
        reply: () => ({ status: 302, headers: { location: 'https://www.example.com/', 'content-type': 'text/html' }, body: '' }),
    },
    'drop-before': { code: 'e009', what: 'the connection closes, the message was not taken', taken: false, reply: () => ({ end: 'drop' }) },
    'drop-after': { code: 'e00a', what: 'the message is taken, the connection closes without an answer', taken: true, reply: () => ({ end: 'drop' }) },
    'reset-refused': {
        code: 'e00b', what: 'RST_STREAM REFUSED_STREAM (HTTP/1.1: TCP reset), not taken', taken: false,
        reply: () => ({ end: 'reset', code: RST.REFUSED_STREAM }),
    },
    'reset-before': {
        code: 'e00c', what: 'RST_STREAM INTERNAL_ERROR (HTTP/1.1: TCP reset), not taken', taken: false,
        reply: () => ({ end: 'reset', code: RST.INTERNAL_ERROR }),
    },
    'reset-after': {
        code: 'e00d', what: 'taken, then RST_STREAM INTERNAL_ERROR (HTTP/1.1: TCP reset)', taken: true,
        reply: () => ({ end: 'reset', code: RST.INTERNAL_ERROR }),
    },
    'goaway-before': {
        code: 'e00e', what: 'GOAWAY whose last stream is below (HTTP/1.1: closes), not taken', taken: false, reply: () => ({ end: 'goaway' }),
    },
    'goaway-after': { code: 'e00f', what: 'taken and answered, with a GOAWAY (HTTP/1.1: Connection: close)', taken: true, reply: () => ({ end: 'last' }) },
    'stall-before': { code: 'e010', what: 'never answers, not taken', taken: false, reply: () => ({ end: 'stall' }) },
    'stall-after': { code: 'e011', what: 'taken, never answers', taken: true, reply: () => ({ end: 'stall' }) },
    'half': { code: 'e012', what: 'taken, the answer stops in the middle', taken: true, reply: () => ({ end: 'half' }) },
    'slow': { code: 'e013', what: `taken, answers after ${SLOW_MS / 1000} s`, taken: true, reply: () => ({ after: SLOW_MS }) },
};

// The reply of an ending; `success` is what the service answers when it takes a message.
export const ended = (ending, success, now) => {
    const reply = ending.reply(now);
    return reply.status === undefined && ending.taken ? { ...success, ...reply } : reply;
};

export const pages = { html };
