#include "campaign/print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* A value on its way through the filters. */
struct value {
    enum value_kind {
        VALUE_UNDEFINED,
        VALUE_NULL,
        VALUE_TEXT,
        VALUE_NUMBER,
        VALUE_TRUE,
        VALUE_FALSE,
        VALUE_ARRAY
    } kind;
    struct json_value json; /* VALUE_ARRAY, and a VALUE_TEXT that is not in the scratch yet */
    struct span text;       /* VALUE_TEXT where plain, and VALUE_NUMBER: what it prints */
    bool decoded;           /* VALUE_TEXT: text has it; it may be changed only where owned */
    bool owned;             /* the text lies at the end of out, from `scratch` on */
    bool safe;
    char number[PRINT_NUMBER_MAX];
};

/*
 * Doubles go through the shortest digits that read back as the same number. strtod() and printf() know the
 * decimal point of the C locale only, which this program keeps.
 */
static size_t print_double(double d, char out[static PRINT_NUMBER_MAX])
{
    if (d == 0)
        return (size_t)snprintf(out, PRINT_NUMBER_MAX, "0");
    if (isinf(d))
        return (size_t)snprintf(out, PRINT_NUMBER_MAX, d < 0 ? "-Infinity" : "Infinity");
    char text[40];
    int precision = 0;
    do
        (void)snprintf(text, sizeof(text), "%.*e", precision, d < 0 ? -d : d);
    while (strtod(text, NULL) != fabs(d) && ++precision < 17);
    char digits[20];
    size_t count = 0;
    const char *p = text;
    for (; *p && *p != 'e'; p++)
        if (*p != '.')
            digits[count++] = *p;
    int point = (int)strtol(p + 1, NULL, 10) + 1; /* where the decimal point is, from the first digit on */
    size_t n = 0;
    if (d < 0)
        out[n++] = '-';
    int len = (int)count;
    if (point > 21 || point <= -6) {
        out[n++] = digits[0];
        if (len > 1) {
            out[n++] = '.';
            memcpy(out + n, digits + 1, count - 1);
            n += count - 1;
        }
        return n + (size_t)snprintf(out + n, PRINT_NUMBER_MAX - n, "e%c%d", point > 0 ? '+' : '-',
                                    abs(point - 1));
    }
    if (point <= 0) {
        out[n++] = '0';
        out[n++] = '.';
        for (int i = point; i < 0; i++)
            out[n++] = '0';
    }
    for (int i = 0; i < len || i < point; i++) {
        if (i == point && i > 0)
            out[n++] = '.';
        out[n++] = i < len ? digits[i] : '0';
    }
    out[n] = 0;
    return n;
}

size_t print_number(struct span json, char out[static PRINT_NUMBER_MAX])
{
    size_t i = json.len > 0 && json.ptr[0] == '-';
    size_t from = i;
    while (i < json.len && json.ptr[i] >= '0' && json.ptr[i] <= '9')
        i++;
    if (i == json.len && i - from <= 15) { /* a whole number that a double holds exactly */
        if (json.ptr[from] == '0')
            return (size_t)snprintf(out, PRINT_NUMBER_MAX, "0");
        memcpy(out, json.ptr, json.len);
        out[json.len] = 0;
        return json.len;
    }
    char text[PRINT_NUMBER_JSON_MAX + 1];
    if (json.len > PRINT_NUMBER_JSON_MAX)
        return 0;
    memcpy(text, json.ptr, json.len);
    text[json.len] = 0;
    return print_double(strtod(text, NULL), out);
}

static bool key_is(struct span key, struct span name)
{
    if (span_eq(key, name))
        return true;
    return memchr(key.ptr, '\\', key.len) && json_key_is(key, name.ptr);
}

/* As JSON.parse has it, the last of members of one name counts. */
static struct json_value member(struct json_value object, struct span name)
{
    struct json_value found = {.kind = JSON_KIND_NONE}, value;
    struct span key;
    struct json_iter it = json_members(object);
    while (json_next_member(&it, &key, &value))
        if (key_is(key, name))
            found = value;
    return found;
}

/* false: only the engine knows what it leads to. */
static bool look_up(const struct template_print *print, struct json_value at, struct json_value *ret)
{
    for (size_t i = 0; i < print->steps; i++) {
        if (at.kind == JSON_KIND_NONE || at.kind == JSON_KIND_NULL) {
            at.kind = JSON_KIND_NONE; /* a member of nothing is undefined */
            break;
        }
        if (at.kind != JSON_KIND_OBJECT)
            return false; /* the length of a text, say */
        at = member(at, print->path[i]);
    }
    *ret = at;
    return true;
}

static bool take(struct json_value json, struct value *ret)
{
    ret->json = json;
    ret->decoded = ret->owned = ret->safe = false;
    switch (json.kind) {
    case JSON_KIND_NONE:
        ret->kind = VALUE_UNDEFINED;
        return true;
    case JSON_KIND_NULL:
        ret->kind = VALUE_NULL;
        return true;
    case JSON_KIND_TRUE:
        ret->kind = VALUE_TRUE;
        return true;
    case JSON_KIND_FALSE:
        ret->kind = VALUE_FALSE;
        return true;
    case JSON_KIND_STRING:
        ret->kind = VALUE_TEXT;
        ret->decoded = json_string_plain(json, &ret->text);
        return true;
    case JSON_KIND_NUMBER:
        ret->kind = VALUE_NUMBER;
        ret->text = (struct span){ret->number, print_number(json.raw, ret->number)};
        return ret->text.len > 0;
    case JSON_KIND_ARRAY:
        ret->kind = VALUE_ARRAY;
        return true;
    case JSON_KIND_OBJECT:
        break;
    }
    return false;
}

static void set_text(struct value *v, struct span text)
{
    v->kind = VALUE_TEXT;
    v->text = text;
    v->decoded = true;
    v->owned = false;
}

/* Makes the text one that the filters may change: at the end of out, from scratch on. */
static enum err own(struct value *v, struct buf *out, size_t scratch)
{
    enum err e = ERR_NONE;
    if (v->owned)
        return ERR_NONE;
    out->tail = out->head + scratch; /* where an earlier filter may have left a text */
    if (v->decoded)
        e = buf_add_span(out, v->text);
    else
        e = json_string_decode(v->json, out);
    if (e)
        return e;
    v->owned = v->decoded = true;
    v->text = (struct span){buf_span(out).ptr + scratch, buf_len(out) - scratch};
    return ERR_NONE;
}

/*
 * Ranges beyond ASCII that have no upper and lower case in any version of Unicode, and that people write in.
 */
static bool is_caseless(uint32_t cp)
{
    static const uint32_t ranges[][2] = {
        {0xA1, 0xA9},       {0xAB, 0xB4},       {0xB6, 0xB9},       {0xBB, 0xBF},     {0xD7, 0xD7},
        {0xF7, 0xF7},       {0x2010, 0x2027},   {0x2030, 0x205E},   {0x3001, 0x30FF}, {0x3400, 0x4DBF},
        {0x4E00, 0x9FFF},   {0xAC00, 0xD7A3},   {0xFF01, 0xFF20},   {0xFF3B, 0xFF40}, {0xFF5B, 0xFF9F},
        {0x1F300, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x2A6DF},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (cp >= ranges[i][0] && cp <= ranges[i][1])
            return true;
    return false;
}

/* false: a letter whose case only the engine changes as it does. */
static bool change_case(struct value *v, enum template_filter kind)
{
    char *text = (char *)(uintptr_t)v->text.ptr; /* owned */
    bool first = true;
    for (size_t i = 0; i < v->text.len;) {
        uint32_t cp = 0;
        size_t n = utf8_next(text + i, v->text.len - i, &cp);
        if (n == 0 || (cp >= 0x80 && !is_caseless(cp)))
            return false;
        bool upper = kind == TEMPLATE_UPPER || (first && kind != TEMPLATE_LOWER);
        if (upper && cp >= 'a' && cp <= 'z')
            text[i] = (char)(cp - 'a' + 'A');
        else if (!upper && cp >= 'A' && cp <= 'Z')
            text[i] = (char)(cp - 'A' + 'a');
        first = kind == TEMPLATE_TITLE && cp == ' ';
        i += n;
    }
    return true;
}

/* What \s matches in JavaScript: white space and ends of lines (ECMA-262 12.2, 12.3). */
static bool is_white(uint32_t cp)
{
    return (cp >= 9 && cp <= 13) || cp == ' ' || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F ||
           cp == 0x3000 || cp == 0xFEFF;
}

static struct span trim(struct span s)
{
    uint32_t cp = 0;
    size_t n;
    while ((n = utf8_next(s.ptr, s.len, &cp)) > 0 && is_white(cp))
        s = (struct span){s.ptr + n, s.len - n};
    while (s.len > 0) {
        for (n = 1; n < s.len && ((unsigned char)s.ptr[s.len - n] & 0xC0) == 0x80;)
            n++;
        if (utf8_next(s.ptr + s.len - n, n, &cp) == 0 || !is_white(cp))
            break;
        s.len -= n;
    }
    return s;
}

/* The length that JavaScript gives a text: in UTF-16 units. */
static size_t units(struct span s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        n += (c & 0xC0) == 0x80 ? 0 : c >= 0xF0 ? 2 : 1;
    }
    return n;
}

static void set_number(struct value *v, size_t n)
{
    v->kind = VALUE_NUMBER;
    v->text = (struct span){v->number, (size_t)snprintf(v->number, sizeof(v->number), "%zu", n)};
}

static bool is_nothing(const struct value *v)
{
    return v->kind == VALUE_UNDEFINED || v->kind == VALUE_NULL;
}

static bool is_falsy(const struct value *v)
{
    if (v->kind == VALUE_TEXT)
        return v->decoded ? v->text.len == 0 : v->json.raw.len == 2;
    return is_nothing(v) || v->kind == VALUE_FALSE ||
           (v->kind == VALUE_NUMBER && span_eq(v->text, SPAN_LIT("0")));
}

static enum err filter_length(struct value *v, struct buf *out, size_t scratch, bool *ret_ok)
{
    struct json_value element;
    size_t n = 0;
    if (v->kind == VALUE_ARRAY) {
        struct json_iter it = json_elements(v->json);
        while (json_next_element(&it, &element))
            n++;
    } else {
        enum err e = v->decoded ? ERR_NONE : own(v, out, scratch);
        if (e)
            return e;
        n = units(v->text);
    }
    *ret_ok = true;
    set_number(v, n);
    return ERR_NONE;
}

/* Applies filter i; *ret_ok false: only the engine can. */
static enum err filter(const struct template_print *print, size_t i, struct value *v, struct buf *out,
                       size_t scratch, bool *ret_ok)
{
    enum template_filter kind = print->filter[i].kind;
    bool plain = kind == TEMPLATE_DEFAULT || kind == TEMPLATE_DEFAULT_FALSY;
    *ret_ok = true;
    if (plain) {
        if (kind == TEMPLATE_DEFAULT ? v->kind == VALUE_UNDEFINED : is_falsy(v))
            set_text(v, print->filter[i].fallback);
        return ERR_NONE;
    }
    if (kind == TEMPLATE_ESCAPE || kind == TEMPLATE_SAFE) {
        if (is_nothing(v))
            set_text(v, SPAN_LIT(""));
        v->safe = true;
        *ret_ok = v->kind != VALUE_ARRAY;
        return ERR_NONE;
    }
    if (kind != TEMPLATE_TRIM && (is_nothing(v) || v->kind == VALUE_FALSE))
        set_text(v, SPAN_LIT(""));
    *ret_ok = v->kind == VALUE_TEXT || (kind == TEMPLATE_LENGTH && v->kind == VALUE_ARRAY);
    if (!*ret_ok)
        return ERR_NONE;
    if (kind == TEMPLATE_LENGTH)
        return filter_length(v, out, scratch, ret_ok);
    enum err e = own(v, out, scratch);
    if (e)
        return e;
    if (kind == TEMPLATE_TRIM)
        v->text = trim(v->text);
    else
        *ret_ok = change_case(v, kind);
    return ERR_NONE;
}

/* What a byte becomes for HTML (Nunjucks' lib.escape), then inside a JSON string; NULL: what it is. */
static const char *escaped(unsigned char c, bool html, char small[static 8])
{
    if (html) {
        switch (c) {
        case '&':
            return "&amp;";
        case '"':
            return "&quot;";
        case '\'':
            return "&#39;";
        case '<':
            return "&lt;";
        case '>':
            return "&gt;";
        case '\\':
            return "&#92;";
        default:
            break;
        }
    }
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (c >= 0x20)
            return NULL;
        (void)snprintf(small, 8, "\\u%04x", (unsigned)c);
        return small;
    }
}

static bool is_plain(unsigned char c, bool html)
{
    if (c < 0x20 || c == '"' || c == '\\')
        return false;
    return !html || (c != '&' && c != '\'' && c != '<' && c != '>');
}

/* Appends the text escaped. It may lie in out itself, before `from`: then out must have room already. */
static enum err write_text(struct buf *out, struct span text, bool html)
{
    enum err e = ERR_NONE;
    for (size_t i = 0; i < text.len && !e;) {
        size_t plain = i;
        while (plain < text.len && is_plain((unsigned char)text.ptr[plain], html))
            plain++;
        if (plain > i) {
            e = buf_add(out, text.ptr + i, plain - i);
            i = plain;
            continue;
        }
        char small[8];
        const char *s = escaped((unsigned char)text.ptr[i], html, small);
        e = s ? buf_add_str(out, s) : ERR_INTERNAL;
        i++;
    }
    return e;
}

/* How many bytes write_text() appends. */
static size_t written_size(struct span text, bool html)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char small[8];
        const char *s = is_plain((unsigned char)text.ptr[i], html)
                            ? NULL
                            : escaped((unsigned char)text.ptr[i], html, small);
        n += s ? strlen(s) : 1;
    }
    return n;
}

/* The text lies in out, from scratch on: writes it behind itself, and moves what was written there. */
static enum err write_owned(struct buf *out, struct span text, bool html, size_t scratch)
{
    size_t offset = (size_t)(text.ptr - buf_span(out).ptr), before = buf_len(out);
    enum err e = buf_reserve(out, written_size(text, html));
    if (e)
        return e;
    text.ptr = buf_span(out).ptr + offset; /* reserving may have moved it */
    e = write_text(out, text, html);
    if (e)
        return e;
    size_t n = buf_len(out) - before;
    memmove(out->data + out->head + scratch, out->data + out->head + before, n);
    out->tail = out->head + scratch + n;
    return ERR_NONE;
}

static enum err finish(const struct template_print *print, struct value *v, bool html, struct buf *out,
                       size_t scratch)
{
    bool last_escapes = print->filters > 0 && print->filter[print->filters - 1].kind == TEMPLATE_ESCAPE;
    bool escape = last_escapes || (html && !v->safe);
    if (v->kind == VALUE_TRUE || v->kind == VALUE_FALSE)
        set_text(v, v->kind == VALUE_TRUE ? SPAN_LIT("true") : SPAN_LIT("false"));
    enum err e = v->kind == VALUE_TEXT && !v->decoded ? own(v, out, scratch) : ERR_NONE;
    if (e)
        return e;
    if (v->kind == VALUE_TEXT && v->owned)
        return write_owned(out, v->text, escape, scratch);
    out->tail = out->head + scratch; /* a filter left a text there that is not printed */
    return write_text(out, v->text, escape);
}

enum err print_value(const struct template_print *print, bool html, struct json_value context,
                     struct buf *out, enum print_result *ret)
{
    struct json_value json;
    struct value v;
    size_t before = buf_len(out);
    if (!look_up(print, context, &json) || !take(json, &v)) {
        *ret = PRINT_ENGINE;
        return ERR_NONE;
    }
    enum err e = ERR_NONE;
    bool ok = true;
    for (size_t i = 0; i < print->filters && !e && ok; i++)
        e = filter(print, i, &v, out, before, &ok);
    if (!e && ok && v.kind == VALUE_ARRAY)
        ok = false;
    bool none = ok && is_nothing(&v);
    if (!e && ok && !none)
        e = finish(print, &v, html, out, before);
    if (e || !ok || none)
        out->tail = out->head + before;
    if (!e)
        *ret = none ? PRINT_NULL : ok ? PRINT_DONE : PRINT_ENGINE;
    return e;
}
