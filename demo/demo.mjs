/*
 * The demo that `./dev demo` runs: starts a node and a dozen bots, posts a few events for each bot, and shows
 * their outcomes. It exits with 1 if an outcome is not the one that the bot should cause.
 *   certificates, resolver, bots   the world outside the node, all on this machine
 *   node, events                   the todoke process, and the events that a publisher posts
 *   table, words                   the output
 */
import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { bots } from './bots.mjs';
import { makeAuthority } from './certificates.mjs';
import { MESSAGE_TEXT, someEvents } from './events.mjs';
import { call, explain, startNode } from './node.mjs';
import { startResolver } from './resolver.mjs';
import { ARROW, painter, roomOf, table, visible } from './table.mjs';
import { languageOf, words } from './words.mjs';

const ZONE = 'bots.test'; // reserved for tests, RFC 6761 6.2
const OUTCOME_LIMIT_MS = 30_000, LIMIT_MS = 60_000, POLL_MS = 50, TELL_MS = 4000;
const FINAL = ['delivered', 'given_up', 'suspended'];
const FIELDS = ['state', 'reason', 'detail', 'cause', 'processed'];

const bin = process.env.TODOKE_BIN ?? fileURLToPath(new URL('../build/todoke', import.meta.url));
const paint = painter(process.stdout);
const undo = []; // steps that close everything, the last opened first
let stopping = false, kept = false;

function options(args) {
    const found = { keep: false, lang: languageOf(process.env) };
    for (let i = 0; i < args.length; i++) {
        if (args[i] === '--keep') found.keep = true;
        else if (args[i] === '--lang' && words[args[i + 1]]) found.lang = args[++i];
        else return { ...found, help: true, status: args[i] === '--help' || args[i] === '-h' ? 0 : 2 };
    }
    return found;
}

async function stop(status) {
    if (stopping) return;
    stopping = true;
    for (const step of undo.reverse()) {
        try {
            await step();
        } catch (e) {
            console.error(visible(`demo: ${e.message}`)); // go on with the other steps
            status ||= 1;
        }
    }
    process.exit(status);
}

const say = text => console.log(text);

async function startBots(authority) {
    const running = [];
    for (const bot of bots) {
        const host = bot.host ?? `${bot.id}.${ZONE}`;
        const server = await bot.start({ host, certificate: dates => authority.issue(host, dates) });
        undo.push(server.close);
        running.push({ ...bot, server, url: `https://${host}:${server.port}/webhook` });
    }
    return running;
}

async function createChannel(node, bot, lang) {
    bot.channel = await call(node, 'POST', '/api/v1/channels', { name: bot.name[lang], webhookUrl: bot.url, useWebhook: true, errorStatistics: true });
    bot.server.ready?.(bot.channel);
}

async function post(node, bot) {
    const { webhookEventIds } = await call(node, 'POST', `/api/v1/channels/${bot.channel.channelId}/events`, { events: someEvents() });
    bot.eventPaths = webhookEventIds.map(id => `/api/v1/channels/${bot.channel.channelId}/events/${id}`);
    bot.results = [];
}

// Asks for every event until its end is on record.
async function waitForOutcomes(node, running, text) {
    const until = Date.now() + OUTCOME_LIMIT_MS;
    for (;;) {
        const open = running.filter(b => b.results.length < b.eventPaths.length);
        if (!open.length) return;
        if (node.gone) throw new Error(node.gone);
        if (Date.now() > until)
            throw new Error(text.notYet(open.reduce((n, b) => n + b.eventPaths.length - b.results.length, 0), OUTCOME_LIMIT_MS / 1000));
        for (const bot of open) {
            const event = await call(node, 'GET', bot.eventPaths[bot.results.length]);
            if (FINAL.includes(event.state)) bot.results.push({ ...event.attempts.at(-1), state: event.state });
        }
        await sleep(POLL_MS);
    }
}

// Everything the table says must be so, of every event; and the healthy bot must have read what was posted.
function mistakes(running, text) {
    const shown = o => FIELDS.map(f => o[f]).join(' · ');
    const wrong = running.flatMap(bot => bot.results.filter(r => FIELDS.some(f => r[f] !== bot.want[f]))
        .map(r => text.wrong(bot.id, shown(bot.want), shown(r))));
    for (const { id, server, eventPaths } of running.filter(b => b.server.received)) {
        const got = server.received.map(e => e.type).sort().join(' ');
        const want = someEvents().map(e => e.type).sort().join(' ');
        const message = server.received.find(e => e.type === 'message')?.message.text;
        if (got !== want || server.received.length !== eventPaths.length) wrong.push(text.wrong(id, want, got));
        if (message !== MESSAGE_TEXT) wrong.push(text.wrong(id, MESSAGE_TEXT, message));
    }
    return wrong;
}

async function print(running, lang) {
    const text = words[lang];
    for (const bot of running) bot.advice = bot.results[0].reason === 'ok' ? '' : (await explain(bin, bot.results[0].cause, lang))?.advice ?? '';
    const failed = b => b.results[0].reason !== 'ok';
    const processedColour = { no: paint.green, unknown: paint.yellow, yes: paint.plain };
    const columns = [
        { title: `${text.bot}\n${ARROW}${text.advice}`, of: b => b.name[lang], colour: () => paint.bold },
        { title: text.reason, of: b => b.results[0].reason, colour: b => (failed(b) ? paint.red : paint.green) },
        { title: text.detail, of: b => b.results[0].detail, flexible: true },
        { title: text.cause, of: b => b.results[0].cause },
        { title: text.processed, of: b => text.processedAs[b.results[0].processed] ?? '', colour: b => processedColour[b.results[0].processed] },
    ];
    const room = roomOf(process.stdout);
    say(`\n${table(running, { columns, below: b => b.advice, room, paint }).join('\n')}\n`);
}

function hints(node, running, site) {
    const healthy = running.find(b => b.id === 'healthy'), expired = running.find(b => b.id === 'expired');
    const program = relative(process.cwd(), bin);
    return {
        node, dir: site.dir, healthy: healthy.channel.channelId, event: expired.eventPaths[0].replace('/api/v1/channels/', ''),
        probe: `${program.startsWith('..') ? bin : program} probe ${expired.url} --ca ${site.caFile} --dns ${site.dns} --allow-private`,
    };
}

async function main({ keep, lang }) {
    const text = words[lang];
    const dir = mkdtempSync(join(tmpdir(), 'todoke-demo-'));
    const remove = () => rmSync(dir, { recursive: true, force: true });
    undo.push(remove);
    process.on('exit', remove);

    const late = setTimeout(() => {
        console.error(`demo: ${text.late(LIMIT_MS / 1000)}`);
        stop(1);
    }, LIMIT_MS);
    say(text.starting(bots.length));
    const began = performance.now(), underway = { running: [] };
    const telling = setInterval(() => { // shows progress on slow machines
        const count = of => underway.running.reduce((n, b) => n + (of(b)?.length ?? 0), 0);
        say(text.still(Math.round((performance.now() - began) / 1000), count(b => b.results), count(b => b.eventPaths)));
    }, TELL_MS).unref();
    mkdirSync(join(dir, 'certificates'));
    const authority = await makeAuthority(join(dir, 'certificates'));
    const resolver = await startResolver(ZONE);
    undo.push(resolver.close);
    const running = underway.running = await startBots(authority);
    const node = await startNode(bin, join(dir, 'data'),
        ['--allow-private-targets', '--ca', authority.caFile, '--dns', resolver.address], undo);
    for (const bot of running) await createChannel(node, bot, lang);

    say(text.posting(someEvents().length, node.url));
    const start = performance.now();
    for (const bot of running) await post(node, bot);
    const accepted = performance.now() - start;
    await waitForOutcomes(node, running, text);
    const known = performance.now() - start;

    clearTimeout(late);
    clearInterval(telling);
    const all = running.flatMap(b => b.results);
    const delivered = all.filter(r => r.state === 'delivered').length;
    await print(running, lang);
    say(text.accepted(all.length, accepted));
    say(text.ended(delivered, all.length - delivered, known));
    const wrong = mistakes(running, text);
    if (wrong.length) console.error(visible([text.bad, ...wrong].join('\n  ')));
    if (keep) {
        kept = wrong.length === 0;
        for (const { server } of running) server.onEvent = event => say(visible(text.read(event)).replaceAll('\n', '\\n'));
        say(`\n${text.keep(hints(node, running, { dir, caFile: authority.caFile, dns: resolver.address }))}`);
        const how = await node.ended;
        if (!stopping) console.error(how); // the node ended by itself
        return stop(1);
    }
    undo.unshift(() => wrong.length || say(`${text.gone(node.url)}\n\n${text.next}`)); // the last step
    return stop(wrong.length ? 1 : 0);
}

const chosen = options(process.argv.slice(2));
if (chosen.help) {
    (chosen.status ? console.error : console.log)(words[chosen.lang].usage);
    process.exit(chosen.status);
}
for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) {
    process.on(signal, () => {
        if (stopping) process.exit(status); // second signal: exiting kills the node
        console.error(`\n${words[chosen.lang].stopping}`);
        stop(kept ? 0 : status); // with --keep, a signal is the usual end
    });
}
process.stdout.on('error', () => stop(1)); // the reader of the output has left
main(chosen).catch(e => {
    if (stopping) return;
    console.error(visible(`demo: ${e.message}`));
    stop(1);
});
