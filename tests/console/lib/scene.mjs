// A node as one finds it at work: two providers, channels that are healthy, fail each in its own way, are off; applications, roles, tokens.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { startBot } from '../../e2e/lib/bot.mjs';
import { caFile, certs } from '../../e2e/lib/certs.mjs';
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from '../../e2e/lib/smtp.mjs';
import { eventually, OPERATOR, PASSWORD, setUp, startFresh } from './console.mjs';

const message = text => ({ type: 'message', replyToken: 'r', source: { type: 'user', userId: `U${'0'.repeat(32)}` }, message: { type: 'text', id: '1', text } });

// What the link in the newest mail to that address that asks holds; the node has no relay, so that mails are in its directory.
export async function contactToken(node, email) {
    const dir = join(node.data, 'mail/new');
    let token;
    await eventually(async () => {
        const mails = await Promise.all(readdirSync(dir).sort().map(f => parse(readFileSync(join(dir, f)))));
        token = mails.filter(m => m.to.text.toLowerCase() === email).map(m => /\/contact#([\w-]{43})$/m.exec(m.text)?.[1]).filter(Boolean).at(-1);
        return token;
    }, `nobody asked ${email}`);
    return token;
}

// The first provider gets the option, and a channel a contact address that is asked.
async function askContact({ node, api, channels }, contactEmail) {
    const option = '/api/v1/providers/1/options/error-notification';
    await api.ok('POST', option);
    await api.ok('PATCH', option, { state: 'approved' });
    channels.asked = await api.ok('POST', '/api/v1/channels', { name: 'Asked', contactEmail, errorNotification: true });
    return contactToken(node, contactEmail);
}

export async function startScene({ args = [], names = {} } = {}) {
    const { node, link } = await startFresh({ args: ['--ca', caFile, '--notice-window', '1s', '--public-url', 'https://todoke.example.com', ...args] });
    const api = await setUp(node.url, link);
    const bots = { good: await startBot(() => 200, certs.good), expired: await startBot(() => 200, certs.expired), broken: await startBot((_r, n) => (n % 3 ? 500 : 302), certs.good), slow: await startBot(() => new Promise(() => {}), certs.good) };
    const https = bot => bot.url.replace('127.0.0.1', 'localhost');
    const second = await api.ok('POST', '/api/v1/providers', { name: names.provider ?? '株式会社サンプル' });
    const make = (name, members) => api.ok('POST', '/api/v1/channels', { name, providerId: second.providerId, ...members });
    const channels = {
        good: await make(names.good ?? 'Order notifications', { webhookUrl: https(bots.good), errorStatistics: true, contactEmail: 'oncall@example.jp' }),
        expired: await make(names.expired ?? '予約受付ボット（本番）', { webhookUrl: https(bots.expired), errorStatistics: true, language: 'ja' }),
        broken: await make(names.broken ?? 'Support', { webhookUrl: https(bots.broken), errorStatistics: true, webhookRedelivery: true }),
        slow: await make('Slow', { webhookUrl: https(bots.slow), errorStatistics: true, responseTimeoutMs: 200 }),
        off: await make('Staging', {}),
    };
    const path = name => `/api/v1/channels/${channels[name].channelId}`;
    const events = {};
    for (const [name, count] of [['good', 6], ['expired', 4], ['broken', 5], ['slow', 2]])
        events[name] = (await api.ok('POST', `${path(name)}/events`, { events: Array.from({ length: count }, (_, i) => message(names.text ?? `${name} ${i}`)) })).webhookEventIds;
    for (const name of ['good', 'expired', 'slow'])
        for (const id of events[name])
            await eventually(async () => ['delivered', 'given_up'].includes((await api.ok('GET', `${path(name)}/events/${id}`)).state), `${name}: ${id} has no end`);
    await eventually(async () => (await api.ok('GET', `${path('broken')}/events/${events.broken[0]}`)).attempts.length > 0, 'broken: not tried');
    await api.ok('PUT', `${path('good')}/roles`, { email: 'tester@example.jp', role: 'tester' });
    await api.ok('PUT', `/api/v1/providers/${second.providerId}/roles`, { email: 'member@example.jp', role: 'member' });
    // Accounts as they come: of an operator, and one that was used before its address was proven, whose role waits.
    const old = await api.ok('POST', '/api/v1/accounts', { email: 'earlier@example.jp', password: PASSWORD, name: names.person ?? '先代 花子' });
    execFileSync('sqlite3', ['-cmd', '.timeout 10000', join(node.data, 'todoke.db'), `UPDATE account SET confirmed=0 WHERE id=${old.accountId}`]);
    await api.ok('PUT', `/api/v1/providers/${second.providerId}/roles`, { email: 'earlier@example.jp', role: 'member' });
    await api.ok('POST', `${path('good')}/tokens`, { expiresInSeconds: 86_400 });
    await api.ok('POST', `/api/v1/providers/${second.providerId}/options/error-notification`, { note: names.note ?? 'For those on call' });
    let token;
    if (!args.includes('--smtp-url')) token = await askContact({ node, api, channels }, 'owner@example.org');
    return {
        token, node, api, bots, channels, events, provider: second, path, operator: OPERATOR,
        stop: async () => {
            await node.stop();
            await Promise.all(Object.values(bots).map(b => b.close()));
        },
    };
}
