// JSON that is refused: what is wrong with it, and at which place. Half a surrogate pair passes many languages' writers, and no bot's reader alike.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { command, startNode } from './lib/node.mjs';

const u = hex => `\\u${hex}`;
const [first, second] = [u('d83d'), u('de00')];
const lone = /(\\u[0-9a-f]{4}) at byte (\d+) is a lone surrogate: the (first|second) half of a pair/;

describe('JSON that is refused', () => {
    let node, channel, path;
    before(async () => {
        node = await startNode();
        channel = await node.channel({ webhookUrl: 'http://127.0.0.1:1/', useWebhook: true });
        path = `/api/v1/channels/${channel.channelId}`;
    });
    after(() => node.stop());
    const post = raw => node.api('POST', `${path}/events`, undefined, { raw });

    it('names the lone surrogate of a posted event, wherever it stands', async () => {
        const event = rest => `{"events":[{"type":"x"},{"type":"message",${rest}}]}`;
        for (const [raw, property, unit, half] of [
            [event(`"a":"${first}"`), 'events[1].a', first, 'first'],
            [event(`"a":"${second}"`), 'events[1].a', second, 'second'],
            [event(`"a":"${second}${first}"`), 'events[1].a', second, 'second'],
            [event(`"a":"${first}${first}${second}"`), 'events[1].a', first, 'first'],
            [event(`"a":"${first}${second}${first}"`), 'events[1].a', first, 'first'],
            [event(`"a":"${first}x${second}"`), 'events[1].a', first, 'first'],
            [event(`"a":"${first}\\n${second}"`), 'events[1].a', first, 'first'],
            [event(`"a":"${u('D800')}${u('DBFF')}"`), 'events[1].a', u('d800'), 'first'],
            [event(`"a":"${u('DFFF')}"`), 'events[1].a', u('dfff'), 'second'],
            [event(`"message":{"type":"text","text":"こんにちは ${first}"}`), 'events[1].message.text', first, 'first'],
            [event(`"a":[{"b":[0,[{},"${second}"]]}]`), 'events[1].a[0].b[1][1]', second, 'second'],
            [event(`"${first}":1`), 'events[1]', first, 'first'],
            [event(`"a":{"b":{"x${second}y":1}}`), 'events[1].a.b', second, 'second'],
            [`{"events":[{"type":"${first}"}]}`, 'events[0].type', first, 'first'],
            [`{"events":[],"${second}":1}`, '', second, 'second'],
            [`"${first}"`, '', first, 'first'],
        ]) {
            const r = await post(raw);
            assert.equal(r.status, 400, `${raw}: ${r.text}`);
            assert.equal(r.json.details[0].property, property, `${raw}: ${r.text}`);
            const [, said, byte, which] = lone.exec(r.json.details[0].message) ?? [];
            assert.deepEqual([said, which], [unit, half], `${raw}: ${r.text}`);
            assert.equal(Buffer.from(raw).subarray(Number(byte), Number(byte) + 6).toString().toLowerCase(), unit, 'the byte is its place');
            assert.ok(r.json.message.includes(r.json.details[0].message), r.text);
            assert.equal(/in the name of a member/.test(r.json.details[0].message), raw.indexOf(unit.slice(2)) < raw.indexOf('":1'), r.text);
        }
        assert.equal((await node.api('GET', `${path}/events`)).json.events.length, 0, 'none of them was taken');
    });

    it('takes whole pairs, U+0000 and what is near a surrogate', async () => {
        const raw = `{"events":[{"type":"x","a":"${first}${second}${u('d7ff')}${u('e000')}${u('0000')}${u('ffff')}","${u('D83D')}${u('DE00')}":"\\\\ud800"}]}`;
        const r = await post(raw);
        assert.equal(r.status, 202, r.text);
        const stored = (await node.api('GET', `${path}/events/${r.json.webhookEventIds[0]}`)).text;
        assert.ok(stored.includes(raw.slice(raw.indexOf('"a"'), -3)), 'byte for byte');
    });

    it('tells other faults of a text by byte and place too', async () => {
        for (const [raw, property, message] of [
            ['{"events":[{"type":"x","a":"b\nc"}]}', 'events[0].a', /control character at byte 29 \(0x0a\) must be written as an escape, \\u000a/],
            ['{"events":[{"type":"x","a":"\\q"}]}', 'events[0].a', /the escape at byte 28 is none of/],
            ['{"events":[{"type":"x","a":"\\u12"}]}', 'events[0].a', /\\u at byte 28 needs four hexadecimal digits/],
            ['{"events":[{"type":"x","a":"b', 'events[0].a', /the text ends inside of a string/],
            ['{"events":[{"type":"x",', 'events[0]', /wrong at byte 23, where the text ends too early/],
            ['{"events":[{"type":"x"},]}', 'events[1]', /not JSON: wrong at byte 24/],
            ['\ufeff{"events":[]}', '', /byte order mark/],
            [Buffer.from([...Buffer.from('{"events":[{"type":"'), 0xff, ...Buffer.from('"}]}')]), 'events[0].type', /not UTF-8: wrong at byte 20 \(0xff\)/],
            [Buffer.from([...Buffer.from('{"events":[{"type":"'), 0xed, 0xa0, 0xbd, ...Buffer.from('"}]}')]), 'events[0].type', /not UTF-8: bytes 20 and following encode a lone surrogate/],
        ]) {
            const r = await post(raw);
            assert.equal(r.status, 400, `${raw}: ${r.text}`);
            assert.equal(r.json.details[0].property, property, `${raw}: ${r.text}`);
            assert.match(r.json.details[0].message, message, String(raw));
        }
    });

    it('says as much of every other body', async () => {
        const token = { key: channel.channelAccessToken };
        for (const [method, where, member, options] of [
            ['POST', '/api/v1/channels', 'name'], ['PATCH', path, 'name'], ['POST', `${path}/redeliver`, 'reason'], ['POST', `${path}/test-event`, 'text'], ['POST', `${path}/tokens`, 'x'],
            ['POST', `${path}/secret/rotate`, 'x'], ['POST', `${path}/verify`, 'endpoint'], ['PUT', `${path}/roles`, 'email'], ['POST', '/api/v1/providers', 'name'], ['PATCH', '/api/v1/providers/1', 'name'],
            ['PUT', '/api/v1/providers/1/roles', 'email'], ['POST', '/api/v1/providers/1/options/error-notification', 'note'], ['PATCH', '/api/v1/providers/1/options/error-notification', 'note'],
            ['POST', '/api/v1/accounts', 'email'], ['PATCH', '/api/v1/accounts/1', 'name'], ['POST', '/api/v1/session', 'password'], ['POST', '/api/v1/setup', 'token'], ['POST', '/api/v1/invitation', 'token'],
            ['PUT', '/v2/bot/channel/webhook/endpoint', 'endpoint', token], ['POST', '/v2/bot/channel/webhook/test', 'endpoint', token],
        ]) {
            for (const [raw, property, message] of [
                [`{"${member}":"x${first}"}`, member, lone], [`{"${member}":{"a":["${second}"]}}`, `${member}.a[0]`, lone], [`{"${second}":1}`, '', lone], [`{"${member}":"a","${member}":"b"}`, member, /^is there twice$/],
                [`{"${member}":"a${u('0000')}"}`, member, /^a text cannot hold \\u0000$/], [`{"a${u('0000')}":1}`, `a${u('0000')}`, /^a name cannot hold \\u0000$/], [`{"${member}":[0,123456789012345678901]}`, `${member}[1]`, /^the number is too large$/],
                [`{"${member}":`, member, /^not JSON: wrong at byte/],
            ]) {
                const r = await node.api(method, where, undefined, { raw, ...options });
                assert.equal(r.status, 400, `${method} ${where} ${raw}: ${r.text}`);
                assert.equal(r.json.details?.[0].property, property, `${method} ${where} ${raw}: ${r.text}`);
                assert.match(r.json.details[0].message, message, `${method} ${where} ${raw}`);
            }
        }
    });

    it('reaches whoever sends with the command', async () => {
        const r = await command(['event', 'send', channel.channelId, '-'], { env: { TODOKE_API: node.url, TODOKE_KEY: node.key }, input: `{"type":"x","a":"${first}"}` });
        assert.equal(r.code, 3, r.stderr);
        assert.match(r.stderr, /^todoke: .*a: \\ud83d at byte \d+ is a lone surrogate/);
    });
});
