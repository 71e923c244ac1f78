#include "campaign/template.h"

#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "base/utf8.h"

/* What the parser knows of the place it is at. The column counts UTF-16 units, as JavaScript has them. */
struct place {
    const char *p, *end;
    uint32_t line, column; /* from 0 */
};

static void step(struct place *at)
{
    unsigned char c = (unsigned char)*at->p++;
    if (c == '\n') {
        at->line++;
        at->column = 0;
    } else if ((c & 0xC0) != 0x80) {
        at->column += c >= 0xF0 ? 2 : 1;
    }
}

static void steps(struct place *at, size_t n)
{
    while (n-- > 0 && at->p < at->end)
        step(at);
}

static bool looking_at(const struct place *at, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(at->end - at->p) >= n && memcmp(at->p, what, n) == 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
    return is_name_start(c) || (c >= '0' && c <= '9');
}

/*
 * The name at the place, which moves behind it; empty: none. A no-break space is white space to the engine.
 */
static struct span take_name(struct place *at)
{
    const char *from = at->p;
    if (at->p < at->end && !is_name_start(*at->p))
        return (struct span){from, 0};
    while (at->p < at->end && is_name(*at->p) && !looking_at(at, "\xC2\xA0"))
        step(at);
    return (struct span){from, (size_t)(at->p - from)};
}

static void skip_spaces(struct place *at)
{
    while (at->p < at->end && is_space(*at->p))
        step(at);
}

static bool is_one_of(struct span name, const char *const *list)
{
    for (; *list; list++)
        if (span_eq(name, span_of(*list)))
            return true;
    return false;
}

/* What every object has in JavaScript, or must not be read. */
static const char *const inherited[] = {
    "constructor",      "prototype",
    "__proto__",        "__defineGetter__",
    "__defineSetter__", "__lookupGetter__",
    "__lookupSetter__", "hasOwnProperty",
    "isPrototypeOf",    "propertyIsEnumerable",
    "toLocaleString",   "toString",
    "valueOf",          NULL,
};
/*
 * What is no variable at the beginning of an expression: words of the language, and the engine's own
 * functions.
 */
static const char *const words[] = {
    "true", "false", "none", "null",  "not",    "in",     "is", "and",
    "or",   "if",    "else", "range", "cycler", "joiner", NULL,
};

/* A text in quotes, decoded into the arena. ERR_INVALID: this is none, or one that does not end. */
static enum err take_text(struct arena *arena, struct place *at, struct span *ret)
{
    if (at->p == at->end || (*at->p != '"' && *at->p != '\''))
        return ERR_INVALID;
    char quote = *at->p;
    char *text = arena_alloc(arena, (size_t)(at->end - at->p));
    size_t n = 0;
    if (!text)
        return ERR_NOMEM;
    for (step(at); at->p < at->end && *at->p != quote; step(at)) {
        char c = *at->p;
        if (c == '\\') {
            step(at);
            if (at->p == at->end)
                return ERR_INVALID;
            c = *at->p == 'n' ? '\n' : *at->p == 't' ? '\t' : *at->p == 'r' ? '\r' : *at->p;
        }
        text[n++] = c;
    }
    if (at->p == at->end)
        return ERR_INVALID;
    step(at);
    *ret = (struct span){text, n};
    return ERR_NONE;
}

static const struct {
    const char *name;
    enum template_filter kind;
} filters[] = {
    {"upper", TEMPLATE_UPPER},     {"lower", TEMPLATE_LOWER},        {"capitalize", TEMPLATE_CAPITALIZE},
    {"title", TEMPLATE_TITLE},     {"trim", TEMPLATE_TRIM},          {"length", TEMPLATE_LENGTH},
    {"default", TEMPLATE_DEFAULT}, {"d", TEMPLATE_DEFAULT},          {"escape", TEMPLATE_ESCAPE},
    {"e", TEMPLATE_ESCAPE},        {"forceescape", TEMPLATE_ESCAPE}, {"safe", TEMPLATE_SAFE},
};

/* `("text")` or `("text", true)` of the filter default. */
static enum err take_fallback(struct arena *arena, struct place *at, struct template_print *print)
{
    if (at->p == at->end || *at->p != '(')
        return ERR_INVALID;
    step(at);
    skip_spaces(at);
    enum err e = take_text(arena, at, &print->filter[print->filters].fallback);
    if (e)
        return e;
    skip_spaces(at);
    if (at->p < at->end && *at->p == ',') {
        step(at);
        skip_spaces(at);
        if (!span_eq(take_name(at), SPAN_LIT("true")))
            return ERR_INVALID;
        print->filter[print->filters].kind = TEMPLATE_DEFAULT_FALSY;
        skip_spaces(at);
    }
    if (at->p == at->end || *at->p != ')')
        return ERR_INVALID;
    step(at);
    return ERR_NONE;
}

/* `| name`: ERR_INVALID where it is none of ours. */
static enum err take_filter(struct arena *arena, struct place *at, struct template_print *print)
{
    step(at);
    skip_spaces(at);
    struct span name = take_name(at);
    bool ended = print->filters > 0 && print->filter[print->filters - 1].kind >= TEMPLATE_ESCAPE;
    if (ended || print->filters == TEMPLATE_FILTERS_MAX)
        return ERR_INVALID;
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (!span_eq(name, span_of(filters[i].name)))
            continue;
        print->filter[print->filters].kind = filters[i].kind;
        enum err e = filters[i].kind == TEMPLATE_DEFAULT ? take_fallback(arena, at, print) : ERR_NONE;
        if (!e)
            print->filters++;
        return e;
    }
    return ERR_INVALID;
}

/* `{{ … }}` whose {{ is at the place. ERR_INVALID: for the engine. */
static enum err take_print(struct arena *arena, struct place *at, struct template_print *print)
{
    *print = (struct template_print){.line = at->line + 1, .column = at->column + 1};
    steps(at, 2);
    for (;;) {
        if (print->steps == 0)
            skip_spaces(at);
        struct span name = take_name(at);
        if (name.len == 0 || print->steps == TEMPLATE_STEPS_MAX || is_one_of(name, inherited) ||
            (print->steps == 0 && is_one_of(name, words)))
            return ERR_INVALID;
        name.ptr = arena_dup(arena, name); /* json_key_is() wants a NUL behind it */
        if (!name.ptr)
            return ERR_NOMEM;
        print->path[print->steps++] = name;
        if (at->p == at->end || *at->p != '.')
            break;
        step(at);
    }
    for (;;) {
        skip_spaces(at);
        if (looking_at(at, "}}"))
            break;
        if (at->p == at->end || *at->p != '|')
            return ERR_INVALID;
        enum err e = take_filter(arena, at, print);
        if (e)
            return e;
    }
    steps(at, 2);
    return ERR_NONE;
}

/* Moves behind a tag that ends in `end`, over the texts in it. */
static void skip_tag(struct place *at, const char *end)
{
    steps(at, 2);
    while (at->p < at->end && !looking_at(at, end)) {
        char quote = *at->p;
        step(at);
        if (quote != '"' && quote != '\'')
            continue;
        while (at->p < at->end && *at->p != quote)
            steps(at, *at->p == '\\' ? 2 : 1);
        steps(at, 1);
    }
    steps(at, 2);
}

/* The word that a `{% word` begins with. */
static struct span tag_word(struct place at)
{
    steps(&at, 2);
    if (at.p < at.end && *at.p == '-')
        step(&at);
    skip_spaces(&at);
    return take_name(&at);
}

/* Moves behind `{% … %}`; behind the end of what it begins, where nothing in between is read. */
static void skip_block(struct place *at)
{
    struct span word = tag_word(*at);
    bool raw = span_eq(word, SPAN_LIT("raw")), verbatim = span_eq(word, SPAN_LIT("verbatim"));
    skip_tag(at, "%}");
    for (unsigned depth = raw || verbatim ? 1 : 0; depth > 0 && at->p < at->end;) {
        if (!looking_at(at, "{%")) {
            step(at);
            continue;
        }
        struct span inner = tag_word(*at);
        depth += span_eq(inner, word);
        depth -= span_eq(inner, raw ? SPAN_LIT("endraw") : SPAN_LIT("endverbatim"));
        skip_tag(at, "%}");
    }
}

static void skip_comment(struct place *at)
{
    steps(at, 2);
    while (at->p < at->end && !looking_at(at, "#}"))
        step(at);
    steps(at, 2);
}

/* The name in a `#{name}` at the place; empty: this is none. */
static struct span variable_at(struct place at)
{
    if (!looking_at(&at, "#{"))
        return (struct span){at.p, 0};
    steps(&at, 2);
    struct span name = take_name(&at);
    if (at.p == at.end || *at.p != '}' || memchr(name.ptr, '$', name.len))
        name.len = 0;
    return name;
}

/* The text with each `#{name}` as the engine reads it. */
static enum err rewrite(struct place at, const struct variables *variables, struct buf *out,
                        struct template_fault *ret_fault)
{
    enum err e = ERR_NONE;
    while (at.p < at.end && !e) {
        struct place from = at;
        struct span name = variable_at(at);
        if (name.len > 0) {
            if (variables && !variables_declare(variables, name)) {
                *ret_fault = (struct template_fault){.line = at.line + 1, .column = at.column + 1};
                (void)snprintf(ret_fault->message, sizeof(ret_fault->message),
                               "#{%.*s}: the campaign declares no variable of this name",
                               (int)(name.len < 64 ? name.len : 64), name.ptr);
                return ERR_INVALID;
            }
            e = buf_add_str(out, "{{ ");
            e = e ? e : buf_add_span(out, name);
            e = e ? e : buf_add_str(out, " }}");
            steps(&at, name.len + 3);
            continue;
        }
        if (looking_at(&at, "{{"))
            skip_tag(&at, "}}");
        else if (looking_at(&at, "{%"))
            skip_block(&at);
        else if (looking_at(&at, "{#"))
            skip_comment(&at);
        else
            step(&at);
        e = buf_add(out, from.p, (size_t)(at.p - from.p));
    }
    return e;
}

/*
 * Adds a piece that ends in print (NULL: the last) to the list, whose pieces are memory of the arena in the
 * end.
 */
static enum err add_piece(struct arena *arena, struct buf *list, struct span text,
                          const struct template_print *print)
{
    struct buf quoted;
    buf_init(&quoted, 6 * text.len + 2); /* \u0000 for one byte, and the quotes */
    enum err e = json_write_quoted(&quoted, text);
    struct template_piece piece = {.print = print};
    if (!e) {
        piece.text = (struct span){buf_span(&quoted).ptr + 1, buf_len(&quoted) - 2};
        piece.text.ptr = arena_dup(arena, piece.text);
        e = piece.text.ptr ? buf_add(list, &piece, sizeof(piece)) : ERR_NOMEM;
    }
    buf_deinit(&quoted);
    return e;
}

/* ERR_INVALID: for the engine. */
static enum err parse_direct(struct arena *arena, struct span source, struct buf *list)
{
    struct place at = {.p = source.ptr, .end = source.ptr + source.len};
    const char *text = at.p;
    while (at.p < at.end) {
        if (looking_at(&at, "{%") || looking_at(&at, "{#") || looking_at(&at, "#}"))
            return ERR_INVALID;
        if (!looking_at(&at, "{{")) {
            step(&at);
            continue;
        }
        struct template_print *print = arena_alloc(arena, sizeof(*print));
        if (!print)
            return ERR_NOMEM;
        struct span before = {text, (size_t)(at.p - text)};
        enum err e = take_print(arena, &at, print);
        if (!e)
            e = add_piece(arena, list, before, print);
        if (e)
            return e;
        text = at.p;
    }
    return add_piece(arena, list, (struct span){text, (size_t)(at.end - text)}, NULL);
}

static enum err fill(struct arena *arena, const struct buf *list, struct template *ret)
{
    size_t len = buf_len(list);
    struct template_piece *pieces = arena_alloc(arena, len ? len : 1);
    if (!pieces)
        return ERR_NOMEM;
    if (len > 0)
        memcpy(pieces, buf_span(list).ptr, len);
    ret->pieces = pieces;
    ret->count = len / sizeof(*pieces);
    ret->kind = ret->count > 1 ? TEMPLATE_DIRECT : TEMPLATE_CONSTANT;
    return ERR_NONE;
}

enum err template_parse(struct arena *arena, struct span text, bool html, const struct variables *variables,
                        struct template *ret, struct template_fault *ret_fault)
{
    struct template t = {.kind = TEMPLATE_ENGINE, .html = html};
    struct buf source, list;
    buf_init(&source, 3 * text.len + 16); /* "#{a}" is 4 bytes, "{{ a }}" 7 */
    buf_init(&list, (text.len + 1) * sizeof(struct template_piece));
    enum err e =
        rewrite((struct place){.p = text.ptr, .end = text.ptr + text.len}, variables, &source, ret_fault);
    if (!e) {
        t.source.len = buf_len(&source);
        t.source.ptr = arena_dup(arena, buf_span(&source));
        e = t.source.ptr ? parse_direct(arena, t.source, &list) : ERR_NOMEM;
        if (!e)
            e = fill(arena, &list, &t);
        else if (e == ERR_INVALID)
            e = ERR_NONE;
    }
    buf_deinit(&source);
    buf_deinit(&list);
    if (!e)
        *ret = t;
    return e;
}
