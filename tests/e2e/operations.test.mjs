// What operators look at: every figure and setting is there, moves, and is described in docs/operations.md.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { startBot } from './lib/bot.mjs';
import { command, startNode, until } from './lib/node.mjs';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const text = (n = 0) => ({ type: 'message', message: { type: 'text', id: String(n), text: `${n}` } });

describe('metrics', () => {
    let node, bot, channel;
    const scrape = async () => (await node.api('GET', '/metrics')).text;
    const value = async line => Number((await scrape()).split('\n').find(l => l.startsWith(`${line} `))?.split(' ').at(-1));
    const reaches = (line, want) => until(async () => (typeof want === 'function' ? want(await value(line)) : await value(line) === want), () => `${line} never came to ${want}`);
    before(async () => {
        node = await startNode({ args: ['--redelivery-schedule', '1h', '--response-timeout', '20s', '--loops', '2'] });
        bot = await startBot();
        channel = await node.channel({ webhookUrl: bot.url, webhookRedelivery: true, maxEventsPerRequest: 1 });
    });
    after(async () => { await node.stop(); await bot.close(); });

    it('are well formed, and described as they describe themselves', async () => {
        const out = await scrape();
        const described = new Map([...out.matchAll(/^# HELP (\S+) (.*)$/gm)].map(m => [m[1], m[2]]));
        const typed = [...out.matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm)].map(m => [m[1], m[2]]);
        assert.equal(new Set(typed.map(t => t[0])).size, typed.length, 'each once');
        for (const [name, type] of typed) {
            assert.ok(described.get(name), name);
            const row = page.split('\n').find(l => l.startsWith(`| \`${name}\``));
            assert.ok(row, `${name} is not in docs/operations.md`);
            assert.ok(row.includes(`| ${type} |`) && row.includes(described.get(name)), row);
            assert.equal(name.endsWith('_total'), type === 'counter', name);
        }
        for (const line of out.trim().split('\n').filter(l => !l.startsWith('#'))) {
            assert.match(line, /^[a-z_0-9]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.]+(e[+-]?\d+)?$/);
            const name = line.match(/^[a-z_0-9]+/)[0].replace(/_(bucket|sum|count)$/, m => (described.has(line.match(/^[a-z_0-9]+/)[0]) ? m : ''));
            assert.ok(described.has(name), name);
        }
        for (const m of page.matchAll(/^\| `(todoke_\w+)`[^|]*\| (?:counter|gauge|histogram) \|/gm)) assert.ok(described.has(m[1]), `${m[1]} is described, but is no more`);
        for (const m of out.matchAll(/^todoke_alarm\{name="(\w+)"\} (\d)$/gm)) {
            assert.ok(page.includes(`\`${m[1]}\``), m[1]);
            assert.equal(m[2], '0', m[1]);
        }
    });

    it('show what is on its way, and how old the backlog is', async () => {
        let release;
        const held = new Promise(r => { release = r; });
        bot.answer = () => held.then(() => 200);
        await node.post(channel, Array.from({ length: 20 }, (_, i) => text(i)));
        await reaches('todoke_requests_in_flight', 8); // the first window
        assert.equal(await value('todoke_window_requests'), 8);
        assert.equal(await value('todoke_lanes_waiting'), 1);
        assert.ok(await value('todoke_event_memory_bytes') > 0);
        assert.equal(await value('todoke_sessions{protocol="http/1.1"}'), 8);
        assert.equal(await value('todoke_connections_open'), 8);
        await reaches('todoke_backlog_oldest_seconds{state="pending"}', n => n > 0.5);
        assert.equal(await value('todoke_backlog_oldest_seconds{state="retrying"}'), 0);
        release();
        await reaches('todoke_backlog_events', 0);
        await reaches('todoke_requests_in_flight', 0);
        assert.equal(await value('todoke_backlog_oldest_seconds{state="pending"}'), 0);
        await reaches('todoke_connections_idle', n => n > 0);
        assert.equal(await value('todoke_connections_opened_total') + await value('todoke_connections_reused_total') >= 20, true);
        assert.ok(await value('todoke_window_requests') > 8, 'it grew');

        bot.answer = () => 500;
        const [id] = await node.post(channel, [text()]);
        await node.reaches(channel, id, 'retrying');
        await reaches('todoke_backlog_oldest_seconds{state="retrying"}', n => n > 0.1);
        // A channel that is sent nothing has no say in it.
        await node.api('PATCH', `/api/v1/channels/${channel.channelId}`, { useWebhook: false });
        await reaches('todoke_backlog_oldest_seconds{state="retrying"}', 0);
    });

    it('count answers of the API by class, and time commits', async () => {
        const before = await value('todoke_api_answers_total{class="4xx"}');
        await node.api('GET', '/api/v1/channels/1');
        await node.api('DELETE', '/healthz'); // 405
        await node.api('GET', '/nowhere');
        assert.equal(await value('todoke_api_answers_total{class="4xx"}'), before + 3);
        assert.ok(await value('todoke_store_commit_seconds_count') >= await value('todoke_store_commits_total'));
        assert.ok(await value('todoke_store_commit_seconds_sum') > 0);
    });
});

describe('docs/operations.md', () => {
    it('has every setting of `todoke serve --help`, with its default and whether SIGHUP changes it', async () => {
        const { stdout } = await command(['serve', '--help']);
        const rows = [...stdout.matchAll(/^ {2}--(\S+) (\S*) +(.*?)(?: \[([^\]]*)\])?$/gm)].filter(m => m[1] !== 'config');
        assert.ok(rows.length > 25);
        const atOnce = stdout.slice(stdout.indexOf('the others at the next start:\n')).split('\n').slice(1).join(' ').trim().split(/ +/);
        assert.ok(atOnce.length > 15 && atOnce.every(n => n === 'config' || rows.some(r => r[1] === n)), atOnce.join(' '));
        for (const [, name, argument, help, standard = ''] of rows) {
            const row = page.split('\n').find(l => l.startsWith(`| \`${name}\` `));
            assert.ok(row, `${name} is not in docs/operations.md`);
            const shown = name === 'user-agent' ? 'todoke/VERSION' : standard;
            assert.ok(row.startsWith(`| \`${name}\`${argument && ` ${argument}`} | ${shown} | ${atOnce.includes(name) ? 'yes' : ''} |`) && row.endsWith(`| ${help} |`), `${row}\nis not as --help has it: ${help} [${standard}]`);
        }
        for (const m of page.slice(0, page.indexOf('## Signals')).matchAll(/^\| `([a-z-]+)`/gm)) assert.ok(rows.some(r => r[1] === m[1]), `${m[1]} is no setting`);
    });
});
