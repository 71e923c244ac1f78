// Templates are other people's code. None reaches what renders for others, none is there in the next message, none outlives its
// time; and a renderer process has nothing that it could give away.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { bin } from './lib/node.mjs';
import { reference, render, startRender } from './lib/render.mjs';

const nested = (n, open, close, inner = '1') => open.repeat(n) + inner + close.repeat(n);
const refused = /cannot be read by a template|is no name|is no regular expression|filter not found|template not found|test not found/;
const bounded = /takes longer than (200|2000) ms|needs more than 32 MiB|larger than 1 MiB/;

// [template, what its failure says]; without a pattern it may also end well.
const hostile = [
    ['{{ cycler.constructor("return this")() }}', refused], ['{{ range.constructor("x = 1") }}', refused], ['{{ joiner().constructor }}', refused],
    ['{{ "".constructor }}', refused], ['{{ [].constructor.prototype }}', refused], ['{{ {}.constructor }}', refused], ['{{ (1).constructor }}', refused],
    ['{{ user.__proto__.polluted }}', refused], ['{{ user["__proto__"] }}', refused], ['{{ user["con" + "structor"] }}', refused], ['{{ user["con" ~ "structor"] }}', refused],
    ['{{ user[["constructor"]] }}', refused], ['{{ user[[["__proto__"]]] }}', refused], ['{{ user["proto" + "type"] }}', refused], ['{{ range["prototype"] }}', refused],
    ['{{ user["constructor" | safe] }}', refused], ['{{ user[{ toString: cycler("a", "constructor").next }] }}'], ['{{ constructor }}', refused], ['{{ __proto__ }}', refused], ['{{ prototype }}', refused],
    ['{% set x = cycler.__proto__ %}{{ x }}', refused], ['{% set constructor = 1 %}{{ constructor }}', refused], ['{% set __proto__ = range %}{{ call }}'],
    ['{{ "a" | constructor }}', refused], ['{{ "a" | __proto__ }}', refused], ['{{ "a" | toString }}', refused], ['{{ [1] | select("constructor") }}', refused], ['{{ 1 is constructor }}', refused],
    ['{{ [range] | groupby("constructor") | dump }}'], ['{{ [{}] | sort(attribute="__proto__") | dump }}'], ['{{ [range] | selectattr("constructor") | length }}'], ['{{ [range] | join(",", "constructor") }}'], ['{{ [range] | sum("constructor") }}'],
    ['{{ user.__defineGetter__("a", range) }}'], ['{{ range.__defineGetter__("call", range) }}'], ['{{ range.call.call(range, 3) }}'], ['{{ range.bind(1) }}'], ['{{ toString.call(range) }}'], ['{{ valueOf() }}'], ['{{ hasOwnProperty("x") }}'],
    ['{{ user.list.push(1) }}{{ user.list.splice(0) }}'], ['{{ user.list.sort(range) }}'], ['{{ user.list.map(range) }}'], ['{{ "a".replace(r/a/g, range) }}'], ['{{ [].concat.call(range) }}'],
    ['{% set range = 5 %}{% set cycler = 5 %}{{ range }}'], ['{% set user = { name: "other" } %}{{ user.name }}'], ['{% macro range(x) %}mine{% endmacro %}{{ range(3) }}'],
    ['{% include "/etc/passwd" %}', refused], ['{% include user.name %}', refused], ['{% extends "a" %}', refused], ['{% import "a" as a %}', refused], ['{% from "a" import b %}', refused], ['{% include ["/etc/passwd"] %}', /./], ['{% include user %}', /./],
    ['{{ super() }}', /./], ['{{ caller() }}', /./], ['{% block constructor %}{% endblock %}', /./], ['{% block __proto__ %}{% endblock %}', /./],
    [String.raw`{{ r/\\/,range.push(1),/ }}`, refused], [String.raw`{{ r/\\/;while(1);/ }}`, refused], ['{{ r/a\nb/ }}', refused], ['{{ a"b }}', refused], ['{{ a;b }}', refused], ['{% macro f(a;b) %}{% endmacro %}', refused],
    ['{% block a;b %}{% endblock %}', refused], ['{{ con\\u0073tructor }}', refused], ['{{ user.con\\u0073tructor }}', refused], ['{% set a\\b = 1 %}', refused], ['{{ a`b }}', refused], ["{{ a'b }}", refused], ['{% macro f(a=1, b?c) %}{% endmacro %}', refused],
    ['{% for i in range(1000000000) %}{% endfor %}', bounded], ['{{ range(0, 1, 0.000000001) | length }}', bounded], ['{{ range(1000000000) | join }}', bounded], ['{{ "x".repeat(1000000000) }}', /./], ['{{ "x".repeat(20000000).repeat(100) }}', /./],
    ['{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}', bounded], ['{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', /./], ['{% macro f(n) %}{% for i in range(20) %}{{ f(n) }}{% endfor %}{% endmacro %}{{ f(1) }}', /./],
    ['{% set s = "xxxxxxxxxxxxxxxx" %}{% for i in range(40) %}{% set s = s + s %}{% endfor %}{{ s }}', /./], [`{% for i in range(2000) %}${'x'.repeat(1000)}{% endfor %}`, bounded], ['{{ "x".repeat(1100000) }}', /larger than 1 MiB/],
    ['{{ "x" | center(1000000000) }}', bounded], ['{{ "x\nx" | indent(1000000000) }}', bounded], ['{{ [1] | slice(1000000000) }}', bounded], ['{{ user | dump(1000000000) | length }}'], ['{{ [1, 2, 3] | batch(0.0000001) | dump }}'],
    [`{{ "${'a'.repeat(60)}!" | replace(r/(a+)+$/, "") }}`, bounded], [`{{ r/(.*)*(.*)*(.*)*x/.test("${'a'.repeat(3000)}") }}`, /./], [`{{ "${'a,'.repeat(2000)}".split(r/(a|a)*(a|a)*b/) }}`],
    [`{{ ${nested(3000, '(', ')')} }}`, /./], [`{{ ${nested(2000, '[', ']')} }}`], [`{{ ${nested(1000, '{a:', '}')} }}`], [nested(1500, '{% if user %}', '{% endif %}', 'x')], [nested(300, '{% for i in range(9) %}', '{% endfor %}', 'x'), bounded],
    [`{{ ${'not '.repeat(5000)}1 }}`, /./], [`{{ 1${' + 1'.repeat(5000)} }}`], [`{{ 1${' | string'.repeat(2000)} }}`], [`{{ a${'.b'.repeat(5000)} }}`], ['{{ [1,2,3] | random }}'], ['{% asyncEach i in range(1000000000) %}{% endeach %}', bounded], ['{% asyncAll i in [1,2] %}{{ i }}{% endall %}'],
    ['{% call(x) range(3) %}{% endcall %}'], ['{% filter constructor %}{% endfilter %}', refused], ['{% raw %}'], ['{{', /./], ['{%', /./], ['{#', /./], ['#}', /./], ['{{ 9**9**9**9 }}'], ['{{ "%s" | urlize(1000000000) }}'], ['{{ ("<" | escape).constructor }}', refused],
    ['{{ global }}{{ process }}{{ Duktape }}', /null or undefined/], ['{{ env }}', /null or undefined/], ['{{ context }}', /null or undefined/], ['{{ runtime }}{{ frame }}', /null or undefined/], ['{{ lineno }}', /null or undefined/], ['{{ this }}', /null or undefined/], ['{{ eval("1") }}', /./], ['{{ Function("1") }}', /./],
];

// A message of the same content that takes the other branch: what it uses must be as it was.
const honest = '{{ range(3) | join("-") }}{{ cycler("a", "b").next() }}{{ "x" | upper }}{{ user.name }}{{ {}.a | default("no") }}{{ [3, 1, 2] | sort | join }}{% for k, v in { z: 1 } %}{{ k }}{{ v }}{% endfor %}';
const wants = '0-1-2aXtarono123z1';
const user = evil => ({ user: { evil, name: 'taro', list: [3, 1, 2] } });

describe('hostile templates', () => {
    it(`${hostile.length} of them, each alone`, async () => {
        const wrong = [], answers = await render(hostile.map(([t]) => ({ content: { text: t }, context: user(true), way: 'engine' })));
        for (const [i, [t, pattern]] of hostile.entries()) {
            const { result, reason, members } = answers[i], say = `${t.slice(0, 200)}: ${result} ${reason} ${JSON.stringify(members).slice(0, 200)}`;
            if (!['done', 'failed', 'null'].includes(result) || (pattern && (result === 'done' || !pattern.test(reason)))) wrong.push(say);
            if (/root:x/.test(JSON.stringify(members))) wrong.push(say);
        }
        assert.deepEqual(wrong, []);
    });

    it('none is there in the next message of its own content, nor in another content', async () => {
        const asked = [];
        for (const [t] of hostile) {
            const content = { text: `{% if user.evil %}${t}{% else %}${honest}{% endif %}` };
            if (t.length > 900 || reference(content, user(false)).result !== 'done') continue; // does not compile at all, or changes the other branch by rights
            asked.push({ content, context: user(true), way: 'engine' }, { content, context: user(false), way: 'engine' });
        }
        const answers = await render(asked);
        let after = 0;
        for (let i = 1; i < answers.length; i += 2) {
            if (answers[i].result === 'failed' && refused.test(answers[i].reason) && answers[i - 1].reason === answers[i].reason) continue; // refused when it is compiled
            assert.equal(answers[i].result, 'done', `${asked[i].content.text.slice(0, 200)}: ${answers[i].reason}`);
            assert.equal(answers[i].members.text, wants, asked[i].content.text.slice(0, 200));
            after++;
        }
        assert.ok(after > 70, `${after} messages were rendered after a hostile one`);
    });

    it('what fails in one message of many takes no other with it', async () => {
        const loop = { content: { text: '{% if user.evil %}{{ range(1000000000) | join }}{% endif %}' + honest }, way: 'engine' };
        const regexp = { content: { text: `{% if user.evil %}{{ "${'a'.repeat(60)}!" | replace(r/(a+)+$/, "") }}{% endif %}${honest}` }, way: 'engine' };
        const asked = Array.from({ length: 120 }, (_, i) => ({ ...(i % 2 ? loop : regexp), context: user(i % 60 === 30 || i % 60 === 31) }));
        const answers = await render(asked);
        for (const [i, a] of answers.entries()) {
            if (i % 60 === 30 || i % 60 === 31) assert.match(a.reason, bounded, `${i}: ${a.result}`);
            else assert.equal(a.members.text, wants, `${i}: ${a.result} ${a.reason}`);
        }
    });
});

const children = pid => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
async function until(what, limit = 20000) {
    for (const end = Date.now() + limit; Date.now() < end;) {
        const got = what();
        if (got) return got;
        await new Promise(r => setTimeout(r, 5));
    }
    throw new Error(`waited in vain for ${what}`);
}

describe('a renderer process', () => {
    // Long enough that the test finds it at work, and ends it itself.
    const endless = { content: { text: '{% for i in range(1000) %}{% for j in range(1000) %}{% for k in range(1000) %}{% endfor %}{% endfor %}{% endfor %}x' }, context: {}, way: 'engine' };
    const good = { content: { text: `{% if true %}${honest}{% endif %}` }, context: user(false), way: 'engine' };

    it('has one socket and nothing else, and may do nothing else; killed twice under a message, that is given up and no other', async () => {
        const r = startRender({ ms: 600000 });
        r.ask([endless, good, good]);
        const seen = new Set();
        for (let n = 0; n < 2; n++) {
            const [cell] = await until(() => { const c = children(r.child.pid).filter(p => !seen.has(p)); return c.length && c; });
            seen.add(cell);
            await until(() => /^Seccomp:\t2$/m.test(readFileSync(`/proc/${cell}/status`, 'utf8')));
            const status = readFileSync(`/proc/${cell}/status`, 'utf8'), limits = readFileSync(`/proc/${cell}/limits`, 'utf8');
            assert.equal(readFileSync(`/proc/${cell}/oom_score_adj`, 'utf8').trim(), '500');
            assert.match(status, /^NoNewPrivs:\t1$/m);
            assert.match(limits, /^Max file size +0 /m);
            assert.match(limits, /^Max core file size +0 /m);
            assert.match(limits, /^Max cpu time +36000 /m);
            if (!/asan|tsan/.test(bin)) {
                assert.match(limits, /^Max open files +1 /m);
                assert.match(limits, /^Max address space +\d+ +\d+ /m);
                assert.deepEqual(readdirSync(`/proc/${cell}/fd`), ['0']);
            }
            assert.match(readlinkSync(`/proc/${cell}/fd/0`), /^socket:/);
            assert.equal(readFileSync(`/proc/${cell}/environ`, 'utf8'), '');
            await until(() => Number(readFileSync(`/proc/${cell}/stat`, 'utf8').split(' ')[13]) > 0); // it works
            process.kill(cell, 'SIGKILL');
        }
        const { answers } = await r.ended;
        assert.equal(answers[0].result, 'gone');
        assert.match(answers[0].reason, /twice/);
        assert.deepEqual(answers.slice(1).map(a => a.members.text), [wants, wants]);
    });

    it('killed once, the message is rendered by the next', async () => {
        const r = startRender({ ms: 600000 }), slow = { content: { text: '{% for i in range(50) %}{% for j in range(1000) %}{% endfor %}{% endfor %}x' }, context: {}, way: 'engine' };
        r.ask([slow, good]);
        const [cell] = await until(() => { const c = children(r.child.pid); return c.length && c; });
        process.kill(cell, 'SIGKILL');
        const { answers } = await r.ended;
        assert.deepEqual(answers.map(a => a.members.text), ['x', wants]);
    });

    it('ends with its pool', async () => {
        const r = startRender({ ms: 600000 });
        r.ask([endless]);
        const [cell] = await until(() => { const c = children(r.child.pid); return c.length && c; });
        r.child.kill('SIGKILL');
        await assert.rejects(r.ended);
        await until(() => { try { return /^State:\s+Z/m.test(readFileSync(`/proc/${cell}/status`, 'utf8')); } catch { return true; } });
    });

    it('is no command for people', () => {
        for (const args of [[], ['200', '2000', '33554432'], ['x', 'y', 'z']]) {
            const { status, stderr } = spawnSync(bin, ['renderer-process', ...args], { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8', timeout: 20000 });
            assert.equal(status, 2);
            assert.match(stderr, /a node starts this by itself/);
        }
    });

});
