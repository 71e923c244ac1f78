#include "base/json_fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/utf8.h"

#define LEVELS JSON_DEPTH /* levels that the path shows; deeper ones become "…" */
#define NAME_SHOWN 64u    /* bytes of one name in the path */
#define ELLIPSIS "…"

/* One container on the way to the fault. */
struct level {
    struct span name; /* objects: the name last read, between its quotes */
    size_t index;     /* arrays: the current element */
    bool object;
    bool in_name; /* objects: a name comes next or is being read, not its value */
};

struct walk {
    struct level levels[LEVELS];
    size_t depth;
    bool in_string; /* the fault lies in a string that has begun */
};

static struct level *innermost(struct walk *w)
{
    return w->depth && w->depth <= LEVELS ? &w->levels[w->depth - 1] : NULL;
}

static void open_container(struct walk *w, bool object)
{
    if (w->depth++ < LEVELS)
        w->levels[w->depth - 1] = (struct level){.object = object, .in_name = object};
}

/*
 * Walks the string whose opening quote is at i. Returns the offset behind its closing quote, or at when the
 * string is longer.
 */
static size_t walk_string(struct walk *w, struct span text, size_t i, size_t at)
{
    struct level *l = innermost(w);
    size_t from = ++i;
    while (i < at && text.ptr[i] != '"')
        i += text.ptr[i] == '\\' ? 2 : 1;
    w->in_string = i >= at;
    if (w->in_string)
        return at;
    if (l && l->in_name)
        l->name = (struct span){text.ptr + from, i - from};
    return i + 1;
}

/* Walks from the start to the byte at offset at; text is valid before it. */
static void walk_to(struct walk *w, struct span text, size_t at)
{
    *w = (struct walk){0};
    for (size_t i = 0; i < at;) {
        struct level *l = innermost(w);
        char c = text.ptr[i];
        if (c == '"') {
            i = walk_string(w, text, i, at);
            continue;
        }
        if (c == '{' || c == '[')
            open_container(w, c == '{');
        else if ((c == '}' || c == ']') && w->depth)
            w->depth--;
        else if (c == ':' && l)
            l->in_name = false;
        else if (c == ',' && l && l->object)
            l->in_name = true;
        else if (c == ',' && l)
            l->index++;
        i++;
    }
}

/* Adds a piece whole, or "…" when it does not fit; false: the path is full. */
static bool add(struct json_fault *f, size_t *len, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool add(struct json_fault *f, size_t *len, const char *fmt, ...)
{
    char piece[NAME_SHOWN + 24];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(piece, sizeof(piece), fmt, args);
    va_end(args);
    bool fits = n >= 0 && *len + (size_t)n + sizeof(ELLIPSIS) <= sizeof(f->path);
    if (!fits) {
        memcpy(f->path + *len, ELLIPSIS, sizeof(ELLIPSIS));
        return false;
    }
    memcpy(f->path + *len, piece, (size_t)n + 1);
    *len += (size_t)n;
    return true;
}

static struct span shortened(struct span name)
{
    size_t n = NAME_SHOWN;
    if (name.len <= n)
        return name;
    while (n && ((unsigned char)name.ptr[n] & 0xC0) == 0x80)
        n--;
    return (struct span){name.ptr, n};
}

static void write_path(const struct walk *w, struct json_fault *f)
{
    size_t len = 0;
    f->path[0] = '\0';
    for (size_t i = 0; i < w->depth; i++) {
        if (i == LEVELS) {
            (void)add(f, &len, ELLIPSIS);
            return;
        }
        const struct level *l = &w->levels[i];
        struct span name = shortened(l->name);
        if (l->object && l->in_name)
            return;
        if (!(l->object ? add(f, &len, "%s%.*s%s", len ? "." : "", (int)name.len, name.ptr,
                              name.len < l->name.len ? ELLIPSIS : "")
                        : add(f, &len, "[%zu]", l->index)))
            return;
    }
}

__attribute__((format(printf, 2, 3))) static void say(struct json_fault *f, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(f->message, sizeof(f->message), fmt, args);
    va_end(args);
}

/* The code unit of the escape \uXXXX at i; -1 if there is no such escape. */
static int32_t code_unit(struct span text, size_t i)
{
    int32_t v = 0;
    if (text.len < 6 || i > text.len - 6 || text.ptr[i] != '\\' || text.ptr[i + 1] != 'u')
        return -1;
    for (size_t k = i + 2; k < i + 6; k++) {
        int d = hex_digit(text.ptr[k]);
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

static bool is_first_half(int32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static void say_escape(struct span text, size_t at, const char *where, struct json_fault *f)
{
    int32_t unit = code_unit(text, at);
    bool unicode = at + 1 < text.len && text.ptr[at + 1] == 'u';
    if (is_first_half(unit))
        say(f,
            "%s\\u%04x at byte %zu is a lone surrogate: the first half of a pair, and no second half, "
            "\\udc00 to "
            "\\udfff, follows it",
            where, (unsigned)unit, at);
    else if (unit >= 0 && is_first_half(code_unit(text, at + 6)))
        say(f,
            "%s\\u%04x at byte %zu is a lone surrogate: the second half of a pair, and the first half stands "
            "behind "
            "it",
            where, (unsigned)unit, at);
    else if (unit >= 0)
        say(f,
            "%s\\u%04x at byte %zu is a lone surrogate: the second half of a pair, and no first half, "
            "\\ud800 to "
            "\\udbff, stands before it",
            where, (unsigned)unit, at);
    else if (unicode)
        say(f, "not JSON: %s\\u at byte %zu needs four hexadecimal digits", where, at);
    else if (at + 1 >= text.len)
        say(f, "not JSON: %sthe text ends inside of a string", where);
    else
        say(f, "not JSON: %sthe escape at byte %zu is none of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX",
            where, at);
}

/*
 * A surrogate encoded in UTF-8 as if it were a character (CESU-8; languages whose strings are UTF-16 produce
 * it).
 */
static bool is_encoded_surrogate(struct span text, size_t at)
{
    return text.len - at >= 2 && (unsigned char)text.ptr[at] == 0xED &&
           (unsigned char)text.ptr[at + 1] >= 0xA0;
}

static void say_in_string(struct span text, size_t at, const char *where, struct json_fault *f)
{
    if (at >= text.len) {
        say(f, "not JSON: %sthe text ends inside of a string", where);
        return;
    }
    unsigned char c = (unsigned char)text.ptr[at];
    if (c == '\\')
        say_escape(text, at, where, f);
    else if (is_encoded_surrogate(text, at))
        say(f, "not UTF-8: %sbytes %zu and following encode a lone surrogate", where, at);
    else if (c >= 0x80)
        say(f, "not UTF-8: %swrong at byte %zu (0x%02x)", where, at, c);
    else
        say(f, "not JSON: %sthe control character at byte %zu (0x%02x) must be written as an escape, \\u%04x",
            where, at, c, c);
}

void json_fault_find(struct span text, unsigned max_depth, enum err e, size_t at, struct json_fault *ret)
{
    struct walk w;
    walk_to(&w, text, at < text.len ? at : text.len);
    write_path(&w, ret);
    const struct level *l = innermost(&w);
    if (e == ERR_LIMIT)
        say(ret, "nested deeper than %u levels", max_depth);
    else if (w.in_string)
        say_in_string(text, at, l && l->object && l->in_name ? "in the name of a member, " : "", ret);
    else if (!text.len)
        say(ret, "the body is empty, JSON is expected");
    else if (at == 0 && span_starts(text, SPAN_LIT("\xEF\xBB\xBF")))
        say(ret, "not JSON: it begins with a byte order mark");
    else if (at >= text.len)
        say(ret, "not JSON: wrong at byte %zu, where the text ends too early", at);
    else
        say(ret, "not JSON: wrong at byte %zu", at);
}

void json_fault_place(struct span text, size_t at, struct json_fault *ret)
{
    struct walk w;
    walk_to(&w, text, at < text.len ? at : text.len);
    if (innermost(&w))
        innermost(&w)->in_name = false; /* the name just read is where the fault is */
    write_path(&w, ret);
    ret->message[0] = '\0';
}
