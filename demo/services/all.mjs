/*
 * All five services, to try a campaign without an account anywhere:
 *   node demo/services/all.mjs [--ports 9101] [--host 127.0.0.1] [--eventUrl URL] [--bounceUrl URL]
 * prints addresses and credentials; with --ports they listen on that port and the next four.
 */
import * as fcm from './fcm.mjs';
import * as line from './line.mjs';
import * as sendgrid from './sendgrid.mjs';
import * as smtp from './smtp.mjs';
import * as webpush from './webpush.mjs';
import { runAlone } from './lib/service.mjs';

const services = { sendgrid, fcm, line, webpush, smtp };

/* Starts all. options: ports (the first of five; none: any), host, tls, eventUrl (of SendGrid), bounceUrl (of SMTP), and under a
 * service's name its own. Resolves to { sendgrid, fcm, line, webpush, smtp, close() }. */
export async function start({ ports, host, tls, eventUrl, bounceUrl, ...own } = {}) {
    const common = { ...(host && { host }), ...(tls && { tls }) };
    const started = {};
    const close = () => Promise.all(Object.values(started).map(service => service.close()));
    try {
        for (const [i, [name, module]] of Object.entries(services).entries()) {
            started[name] = await module.start({ ...common, eventUrl, bounceUrl, ...(ports && { port: Number(ports) + i }), ...own[name] });
        }
    } catch (failure) {
        await close();
        throw failure;
    }
    return { ...started, close };
}

export const credentials = all => Object.entries(services).flatMap(([name, module]) => module.credentials(all[name]));

await runAlone(import.meta.url, start, { ports: 0, eventUrl: 0, bounceUrl: 0 }, credentials);
