// What templates of people use, each beside Nunjucks in Node: output, and which end in an error.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reference, render } from './lib/render.mjs';

const context = {
    user: {
        name: '山田 太郎', first: 'Taro', plan: 'pro', points: 12345.678, age: 0, tags: ['a', 'b', 'c'], vip: true, none: null, empty: '', html: '<b>"x" & \'y\'\\</b>',
        orders: [{ id: 3, sum: 30.5, items: ['pen', 'ink'] }, { id: 1, sum: 7, items: [] }, { id: 2, sum: 12, items: ['cup'] }], emoji: '👨‍👩‍👧 ok 🎉', address: { city: 'Tokyo', zip: '100-0001' }, text: 'one two\nthree  four\n\n\nfive', url: 'a b&c=日本/?', number: '42.9px',
    }, shop: 'Ginza', n: 3,
};

const templates = [
    '', 'plain', '{{ user.name }}', '{{ user["name"] }}', '{{ user.tags[1] }}', '{{ user.tags[5] }}', '{{ user.absent }}', '{{ absent.more }}', '{{ user.none }}', '{{ user.empty }}', '{{ none }}', '{{ null }}', '{{ undefined }}',
    '{{ 1 + 2 * 3 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 2 ** 10 }} {{ 1 / 3 }} {{ -n }} {{ 10 - 3 - 2 }}', '{{ "a" + 1 }}{{ "a" ~ 1 ~ user.none ~ "b" }}', '{{ n == 3 }}{{ n != 3 }}{{ n === "3" }}{{ n > 2 and n < 9 }}{{ not n or false }}', '{{ "yes" if user.vip else "no" }}{{ "x" if false }}', '{{ "b" in user.tags }}{{ "z" in user.tags }}{{ "city" in user.address }}{{ "ab" in "cabd" }}',
    '{% if user.vip %}VIP{% elif user.plan %}p{% else %}-{% endif %}', '{% if user.age %}age{% else %}none{% endif %}', '{% if user.empty %}x{% endif %}y', '{% if user.absent %}x{% elseif n == 3 %}three{% endif %}', '{% for t in user.tags %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ t }}{% if not loop.last %}, {% endif %}{% endfor %}',
    '{% for t in [] %}x{% else %}nothing{% endfor %}', '{% for t in user.absent %}x{% else %}nothing{% endfor %}', '{% for k, v in user.address %}{{ k }}={{ v }};{% endfor %}', '{% for a, b in [[1, 2], [3, 4]] %}{{ a }}{{ b }}{% endfor %}', '{% for o in user.orders %}{{ o.id }}:{% for i in o.items %}{{ i }}{% else %}none{% endfor %} {% endfor %}', '{% for o in user.orders | sort(false, true, "sum") %}{{ o.sum }} {% endfor %}',
    '{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(2, 9, 3) %}{{ i }}{% endfor %}{% for i in range(3, 0, -1) %}{{ i }}{% endfor %}', '{% set x = 5 %}{{ x }}{% set x = x + 1 %}{{ x }}', '{% set x %}block {{ n }}{% endset %}[{{ x }}]', '{% set a, b = 1 %}{{ a }}{{ b }}', '{% for i in range(3) %}{% set last = i %}{% endfor %}{{ last }}', '{% macro hi(who, mark="!") %}Hi {{ who }}{{ mark }}{% endmacro %}{{ hi("a") }}{{ hi("b", "?") }}{{ hi("c", mark=".") }}',
    '{% macro box() %}<{{ caller() }}>{% endmacro %}{% call box() %}in{% endcall %}', '{% macro each(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(v) each([1, 2]) %}[{{ v }}]{% endcall %}', '{% block a %}in block {{ n }}{% endblock %}', '{% filter upper %}shout {{ shop }}{% endfilter %}', '{% raw %}{{ raw }}{% endraw %}{% verbatim %}{% x %}{% endverbatim %}', '{# note #}a{#- note -#} b', ' {{- n -}} x', 'a {%- if true -%} b {%- endif -%} c', '{{ "{{ n }}" }}{{ \'%}\' }}',
    '{{ user.html }}', '{{ user.html | safe }}', '{{ user.html | escape }}', '{{ user.html | e | upper }}', '{{ user.html | forceescape }}', '{{ user.html | striptags }}', '{{ user.html | safe | striptags | e }}', '{{ "<i>" }}{{ "<i>" | safe }}', '{{ user.html | length }}', '{{ user.html | replace("<", "[") }}', '{{ user.html | dump }}', '{{ user.html | urlize }}', '{% autoescape false %}{{ user.html }}{% endautoescape %}',
    '{{ user.first | upper }}{{ user.first | lower }}{{ "hELLO wORLD" | capitalize }}{{ "hELLO wORLD" | title }}', '{{ "  x  " | trim }}|{{ "x" | center(9) }}|{{ "a\nb" | indent(3) }}|{{ "a\nb" | indent(2, true) }}', '{{ user.tags | join }}{{ user.tags | join(", ") }}{{ user.orders | join("-", "id") }}', '{{ user.tags | first }}{{ user.tags | last }}{{ user.tags | reverse | join }}{{ "abc" | reverse }}{{ user.tags | length }}{{ user.address | length }}', '{{ [3, 1, 2] | sort | join }}{{ ["b", "A", "c"] | sort | join }}{{ ["b", "A"] | sort(true) | join }}{{ ["b", "A"] | sort(case_sensitive=true) | join }}',
    '{{ user.orders | groupby("id") | dump }}', '{{ user.orders | selectattr("items") | length }}{{ user.orders | rejectattr("sum") | length }}', '{{ [0, 1, 2, 3] | select("odd") | join }}{{ [0, 1, 2] | reject("even") | join }}{{ [0, 1, ""] | select | join }}', '{{ user.orders | sum("sum") }}{{ [1, 2] | sum }}{{ [1, 2] | sum(start=10) }}', '{{ [1, 2, 3, 4, 5] | batch(2, "-") | dump }}{{ [1, 2, 3, 4, 5] | slice(2) | dump }}', '{{ user.address | dictsort | dump }}{{ { b: 1, a: 2 } | dictsort(false, "value") | dump }}',
    '{{ user.points | round }}{{ user.points | round(1) }}{{ 2.55 | round(1, "floor") }}{{ 2.11 | round(1, "ceil") }}{{ -3 | abs }}', '{{ user.number | int }}{{ user.number | float }}{{ "x" | int(7) }}{{ "x" | float(1.5) }}{{ "ff" | int(0, 16) }}', '{{ user.absent | default("d") }}{{ user.none | default("d", true) }}{{ user.empty | d("e", true) }}{{ user.age | default(5) }}', '{{ user.none | default("d") }}', '{{ user.text | truncate(9) }}|{{ user.text | truncate(9, true) }}|{{ user.text | truncate(9, true, "!") }}|{{ "short" | truncate(9) }}', '{{ user.text | wordcount }}{{ user.text | nl2br }}', '{{ user.text | striptags(true) }}', '{{ user.url | urlencode }}{{ user.address | urlencode }}{{ [["a", "b c"]] | urlencode }}',
    '{{ "see http://example.com/x and www.example.com, me@example.com." | urlize(9, true) | safe }}', '{{ user.address | dump }}{{ user.address | dump(2) }}', '{{ "a,b" | list | join("-") }}{{ user.address | list | dump }}', '{{ user.tags | string }}', '{{ user.name.split(" ") | last }}{{ user.name.length }}{{ user.name.indexOf("太") }}{{ user.first.toUpperCase() }}{{ user.first.slice(1, 3) }}', '{{ user.emoji }}{{ user.emoji.length }}{{ user.emoji | length }}{{ user.emoji[0] }}{{ user.emoji | truncate(1, true, "") }}{{ user.emoji | reverse }}', '{{ user.emoji.slice(0, 2) }}{{ user.emoji.charCodeAt(0) }}{{ user.emoji | urlencode }}',
    '{{ user.name | upper }}{{ "straße" | upper }}{{ "ÀÉ" | lower }}{{ "éa" | capitalize }}{{ "ΑΣ" | lower }}', '{{ [1, [2, 3], { a: 1 }] }}', '{{ { a: 1 } }}', '{{ user.vip }}{{ false }}{{ 0 }}{{ 1e21 }}{{ 0.1 + 0.2 }}{{ 100000000000000000000000 }}', '{{ (1, 2) }}', '{{ user.tags.concat(["d"]).join("") }}{{ user.tags.indexOf("b") }}', '{{ cycler("odd", "even").next() }}', '{% set c = cycler("a", "b") %}{% for i in range(3) %}{{ c.next() }}{% endfor %}{{ c.current }}', '{% set j = joiner("; ") %}{% for i in range(3) %}{{ j() }}{{ i }}{% endfor %}',
    '{{ r/^T/.test(user.first) }}{{ user.text | replace(r/o+/g, "0") }}', '{{ n is odd }}{{ n is divisibleby(3) }}{{ user.absent is defined }}{{ user.none is none }}{{ "a" is string }}{{ n is number }}{{ n is eq(3) }}{{ "A" is upper }}{{ "a" is lower }}{{ [1] is iterable }}{{ {} is mapping }}', '{% switch n %}{% case 1 %}one{% case 3 %}three{% default %}other{% endswitch %}', '{% switch user.plan %}{% case "free" %}{% case "pro" %}paid{% endswitch %}',
    '{% asyncEach t in user.tags %}{{ t }}{% endeach %}', '{% asyncAll t in user.tags %}{{ t }}{% endall %}', '{% ifAsync user.vip %}x{% endif %}', 'a\n\nb {{ user.absent }}', '🎉{{ user.absent }}', '{% if true %}\n  {{ user.absent }}\n{% endif %}', '{% for i in [1] %}{{ user.absent }}{% endfor %}', '{% macro m() %}\n{{ user.absent }}{% endmacro %}x{{ m() }}', '{% set x %}{{ user.absent }}{% endset %}{{ x }}', '{% block b %}{{ user.none }}{% endblock %}', '{{ user.absent | upper }}.', '{{ user.first | wordcount | default("x") }}{{ "" | wordcount }}', '{{ user.tags | random | length }}',
    '{{ user.none | trim }}', '{{ n | upper }}', '{{ user.absent() }}', '{{ user.name() }}', '{{ n | nonsense }}', '{{ n is nonsense }}', '{{ foo( }}', '{{ user. }}', '{{ a b }}', '{{ n | }}', '{{ "open }}', '{% if %}{% endif %}', '{% if n %}', '{% endif %}', '{% for x %}{% endfor %}', '{% for x in %}{% endfor %}', '{% nonsense %}', '{% set %}', '{% macro %}', '{{', '{{ n', '{%', '{# x', '#}', '{{ }}', '{{ . }}', '{{ 1.2.3 }}', '{{ n..m }}', '{% include "x" %}', '{% extends "x" %}', '{{ user.tags | sort("x", "y", "z", "a", "b") | join }}', '{{ user.tags | groupby("x") | dump }}', '{{ user.orders | sort(attribute="absent") | dump }}', '{{ [1, 2] | join(attribute="x") }}', '{{ user.address | dictsort("x", "y") }}', '{{ n | list }}',
];

describe('templates beside Nunjucks in Node', () => {
    for (const name of ['html', 'text']) {
        it(`${templates.length} of them as ${name}`, async () => {
            const answers = await render(templates.map(t => ({ medium: 'mail', content: { [name]: t }, context, way: 'engine' })));
            const wrong = [];
            for (const [i, t] of templates.entries()) {
                const want = reference({ [name]: t }, context), { result, reason, members } = answers[i];
                const same = result === want.result && (result === 'done' ? members[name] === want.members[name] : result !== 'null' || reason === want.reason);
                if (!same) wrong.push({ t, ours: result === 'done' ? members[name] : `${result}: ${reason}`, node: want.members?.[name] ?? `${want.result}: ${want.reason}` });
            }
            assert.deepEqual(wrong, []);
        });
    }

    it('a check finds what is wrong before anything is sent, and where', async () => {
        const broken = ['{{ foo( }}', 'ab\n {{ user. }}', '{% if %}{% endif %}', '{% nonsense %}', '{{ n', '#}'];
        const answers = await render([...broken, '{{ user.absent }}', '{% if n %}x{% endif %}'].map(t => ({ content: { subject: 'fine {{ n }}', data: [{ x: t }] }, context, way: 'check' })));
        for (const [i, t] of broken.entries()) {
            const a = answers[i], node = reference({ x: t }, context), at = /\[Line (\d+), Column (\d+)\]/.exec(node.reason);
            assert.equal(a.result, 'invalid', t);
            assert.equal(a.path, 'data[0].x');
            assert.equal(`${a.line}:${a.column}`, at ? `${at[1]}:${at[2]}` : '0:0', `${t}: ${node.reason}`);
            assert.ok(node.reason.endsWith(a.reason), `${a.reason} / ${node.reason}`);
        }
        for (const a of answers.slice(broken.length)) assert.equal(a.result, 'done');
    });

    it('#{name} is a declared variable, wherever text stands', async () => {
        const variables = [{ name: 'shop' }, { name: '店', attribute: 'address.city' }, { name: 'gone', default: 'no', whenMissing: 'default' }];
        const ask = (content, more = {}) => ({ content, variables, attributes: { shop: '<Ginza>', address: { city: '東京' } }, way: 'auto', ...more });
        const answers = await render([
            ask({ html: '#{shop} #{店} #{gone}' }), ask({ text: '{% if true %}#{shop}{% endif %}{{ "#{shop}" }}{% raw %}#{shop}{% endraw %}{# #{shop} #}#{ shop }' }), ask({ text: 'x #{other}' }), ask({ text: '#{shop}' }, { attributes: { shop: null } }),
            ask({ text: '#{shop}' }, { variables: [{ name: 'shop', whenMissing: 'skip' }], attributes: {} }), ask({ text: '#{shop}.' }, { attributes: { shop: '', address: { city: '' } } }),
        ]);
        assert.equal(answers[0].members.html, '&lt;Ginza&gt; 東京 no');
        assert.equal(answers[0].way, 'direct');
        assert.equal(answers[1].members.text, '<Ginza>#{shop}#{shop}#{ shop }');
        assert.equal(answers[2].result, 'invalid');
        assert.match(answers[2].reason, /declares no variable/);
        assert.equal(answers[3].result, 'no_value');
        assert.equal(answers[4].result, 'skip');
        assert.equal(answers[5].members.text, '.');
    });
});
