/*
 * What the engine of renderer processes runs beside Nunjucks (script.c): compiles the templates of one content, freezes all
 * that messages share, and renders them for one user after the other. ES5, as Duktape has it. Sees `nunjucks`; its value is
 * the function that script.c calls once a heap.
 */
(function (global) {
    'use strict';
    var runtime = nunjucks.runtime, lexer = nunjucks.lexer, Template = nunjucks.Template;
    var parse = JSON.parse, freeze = Object.freeze, names = Object.getOwnPropertyNames;
    var describe = Object.getOwnPropertyDescriptor, define = Object.defineProperty, protoOf = Object.getPrototypeOf;

    /* Through these names a template would reach Function, or what other messages inherit from. */
    var REFUSED = Object.create(null);
    ['constructor', 'prototype', '__proto__'].forEach(function (name) {
        define(REFUSED, name, {value: true});
    });

    function refuse(name) {
        if (REFUSED[name])
            throw new Error('"' + name + '" cannot be read by a template');
    }

    var memberLookup = runtime.memberLookup, lookup = runtime.contextOrFrameLookup;
    runtime.memberLookup = function (obj, val) {
        if (typeof val !== 'number') {
            val = '' + val; /* once: an object could give another name the second time */
            refuse(val);
        }
        return memberLookup(obj, val);
    };
    runtime.contextOrFrameLookup = function (context, frame, name) {
        refuse(name);
        return lookup(context, frame, name);
    };

    /*
     * The compiler writes names and regular expressions into its code as they are: what could end the place they stand in
     * never reaches it.
     */
    function check(token) {
        if (token && token.type === lexer.TOKEN_SYMBOL && /[\0-\x1f"'`\\;&?^@\u2028\u2029]/.test(token.value))
            throw new nunjucks.lib.TemplateError('"' + token.value + '" is no name', token.lineno + 1, token.colno + 1);
        if (token && token.type === lexer.TOKEN_REGEX && !/^(?:[^\\\/\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029])+$/.test(token.value.body))
            throw new nunjucks.lib.TemplateError('"' + token.value.body + '" is no regular expression', token.lineno + 1, token.colno + 1);
        return token;
    }
    var lex = lexer.lex;
    lexer.lex = function (src, opts) {
        var tokens = lex(src, opts), next = tokens.nextToken;
        tokens.nextToken = function () {
            return check(next.call(tokens));
        };
        return tokens;
    };

    /* Duktape's \s also matches U+180E, which has been no white space since Unicode 6.3. */
    function trim(str) {
        return runtime.copySafeness(str, str.replace(
            /^[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+|[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+$/g, ''));
    }

    function environment(autoescape) {
        var env = new nunjucks.Environment([], {autoescape: autoescape, throwOnUndefined: true});
        ['filters', 'tests', 'globals'].forEach(function (table) {
            Object.setPrototypeOf(env[table], null); /* `x | constructor` is no filter */
        });
        env.filters.trim = trim;
        return env;
    }
    var environments = {html: environment(true), text: environment(false)};

    /* A property that a frozen prototype has cannot be assigned on what inherits from it, unless it is one of these. */
    function assignable(proto, name) {
        var value = proto[name];
        define(proto, name, {
            get: function () { return value; },
            set: function (v) { define(this, name, {value: v, writable: true, enumerable: true, configurable: true}); },
            configurable: false, enumerable: false
        });
    }

    /* Freezes whatever can be reached. A RegExp keeps its lastIndex, which String.prototype.replace sets back itself. */
    function freezeAll(roots) {
        var todo = roots, regexps = [], i, o, d, keys;
        function add(v) {
            if (((typeof v === 'object' && v !== null) || typeof v === 'function') && !Object.isFrozen(v) && regexps.indexOf(v) < 0)
                todo.push(v);
        }
        while (todo.length) {
            o = todo.pop();
            if (Object.isFrozen(o) || regexps.indexOf(o) >= 0)
                continue;
            if (o instanceof RegExp)
                regexps.push(o);
            else
                freeze(o);
            add(protoOf(o));
            keys = names(o);
            for (i = 0; i < keys.length; i++) {
                d = describe(o, keys[i]);
                add(d.value);
                add(d.get);
                add(d.set);
            }
        }
    }

    function lock(templates) {
        function none() { throw new TypeError('no code can be made here'); }
        define(Function.prototype, 'constructor', {value: none});
        ['Error', 'EvalError', 'RangeError', 'ReferenceError', 'SyntaxError', 'TypeError', 'URIError'].forEach(function (name) {
            assignable(global[name].prototype, 'name');
            assignable(global[name].prototype, 'message');
        });
        ['toString', 'valueOf', 'constructor'].forEach(function (name) {
            assignable(Object.prototype, name);
        });
        assignable(runtime.SafeString.prototype, 'length');
        var roots = names(global).map(function (name) { return global[name]; })
            .filter(function (v) { return v === Object(v); });
        ['eval', 'Function', 'Duktape', 'CBOR', 'Proxy', 'Reflect', 'TextEncoder', 'TextDecoder', 'Buffer', 'ArrayBuffer',
            'performance'].forEach(function (name) { delete global[name]; });
        freezeAll(roots.concat([nunjucks, environments, templates, runtime, global]));
    }

    var templates = [];
    var PLACE = /^\(unknown path\)(?: \[Line (\d+)(?:, Column (\d+))?\])?\n {1,2}/;

    /* Returns nothing, or what is wrong with the first template that cannot be run: [number, line, column, message]. */
    function load(texts, html) {
        for (var i = 0; i < texts.length; i++) {
            try {
                templates[i] = new Template(texts[i], html[i] ? environments.html : environments.text, undefined, true);
            } catch (e) {
                var text = '' + e.message, at = PLACE.exec(text);
                return [i, at && at[1] ? +at[1] : 0, at && at[2] ? +at[2] : 0, at ? text.slice(at[0].length) : text];
            }
        }
        lock(templates);
    }

    var NULL = /^\(unknown path\)(?: \[Line \d+(?:, Column \d+)?\])?\n {1,2}attempted to output null or undefined value$/;

    /* The texts; or [number of the template, whether it printed null, message]. */
    function render(json, texts) {
        var context = parse(json), i;
        try {
            for (i = 0; i < templates.length; i++)
                texts[i] = templates[i].render(context);
        } catch (e) {
            var message = e instanceof Error ? '' + e.message : 'an error', isNull = NULL.test(message);
            return [i, isNull, isNull ? message : message.replace(PLACE, '')];
        }
    }

    return {load: load, render: render};
})
