#include "base/json_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/origin.h"
#include "base/utf8.h"

static bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* Appends the character p[0..n), escaped where JSON requires it. */
static enum err add_char(struct buf *out, const char *p, size_t n, uint32_t cp)
{
    /* pairs: the character and the letter of its escape */
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    if (n == 0)
        return buf_add(out, "\xEF\xBF\xBD", 3);
    for (size_t i = 0; i + 1 < sizeof(shorts) - 1; i += 2)
        if (cp == (uint32_t)shorts[i])
            return buf_add(out, (const char[]){'\\', shorts[i + 1]}, 2);
    if (cp < 0x20)
        return buf_printf(out, "\\u%04x", (unsigned)cp);
    return buf_add(out, p, n);
}

enum err json_write_quoted(struct buf *out, struct span s)
{
    size_t before = buf_len(out);
    enum err e = buf_add(out, "\"", 1);
    for (size_t i = 0; i < s.len && !e;) {
        size_t plain = i;
        while (plain < s.len && is_plain(s.ptr[plain]))
            plain++;
        if (plain > i) {
            e = buf_add(out, s.ptr + i, plain - i);
            i = plain;
            continue;
        }
        uint32_t cp = 0;
        size_t n = utf8_next(s.ptr + i, s.len - i, &cp);
        e = add_char(out, s.ptr + i, n, cp);
        i += n ? n : 1;
    }
    if (!e)
        e = buf_add(out, "\"", 1);
    if (e)
        out->tail = out->head + before;
    return e;
}

void json_write_init(struct json_write *w, struct buf *out)
{
    *w = (struct json_write){.out = out, .start = buf_len(out), .first = true};
}

static bool in_object(const struct json_write *w)
{
    return w->depth > 0 && (w->objects >> (w->depth - 1) & 1u);
}

static void put(struct json_write *w, struct span s)
{
    if (!w->err)
        w->err = buf_add_span(w->out, s);
}

/* Writes the comma that a value needs before it; false: no value may come here. */
static bool begin_value(struct json_write *w)
{
    if (w->err)
        return false;
    bool misplaced = in_object(w) ? !w->after_key : w->depth == 0 && !w->first;
    if (misplaced) {
        w->err = err_origin(ERR_INTERNAL);
        return false;
    }
    if (!w->after_key && !w->first)
        put(w, SPAN_LIT(","));
    w->after_key = false;
    w->first = false;
    return !w->err;
}

static void open_container(struct json_write *w, bool object)
{
    if (!begin_value(w))
        return;
    if (w->depth == JSON_WRITE_DEPTH) {
        w->err = err_origin(ERR_INTERNAL);
        return;
    }
    uint32_t bit = UINT32_C(1) << w->depth++;
    w->objects = object ? w->objects | bit : w->objects & ~bit;
    w->first = true;
    put(w, object ? SPAN_LIT("{") : SPAN_LIT("["));
}

void json_write_object(struct json_write *w)
{
    open_container(w, true);
}

void json_write_array(struct json_write *w)
{
    open_container(w, false);
}

void json_write_end(struct json_write *w)
{
    if (w->err)
        return;
    if (w->depth == 0 || w->after_key) {
        w->err = err_origin(ERR_INTERNAL);
        return;
    }
    put(w, in_object(w) ? SPAN_LIT("}") : SPAN_LIT("]"));
    w->depth--;
    w->first = false;
}

void json_write_key(struct json_write *w, const char *key)
{
    if (w->err)
        return;
    if (!in_object(w) || w->after_key) {
        w->err = err_origin(ERR_INTERNAL);
        return;
    }
    if (!w->first)
        put(w, SPAN_LIT(","));
    w->first = false;
    w->after_key = true;
    if (!w->err)
        w->err = json_write_quoted(w->out, span_of(key));
    put(w, SPAN_LIT(":"));
}

void json_write_span(struct json_write *w, struct span s)
{
    if (begin_value(w))
        w->err = json_write_quoted(w->out, s);
}

void json_write_str(struct json_write *w, const char *s)
{
    if (s)
        json_write_span(w, span_of(s));
    else
        json_write_null(w);
}

void json_write_int(struct json_write *w, int64_t n)
{
    if (begin_value(w))
        w->err = buf_printf(w->out, "%" PRId64, n);
}

void json_write_uint(struct json_write *w, uint64_t n)
{
    if (begin_value(w))
        w->err = buf_printf(w->out, "%" PRIu64, n);
}

void json_write_real(struct json_write *w, double d)
{
    if (!isfinite(d)) {
        json_write_null(w);
        return;
    }
    if (!begin_value(w))
        return;
    char text[32];
    (void)snprintf(text, sizeof(text), "%.15g", d);
    /* printf writes a decimal comma in some locales. */
    char *comma = strchr(text, ',');
    if (comma)
        *comma = '.';
    w->err = buf_add_str(w->out, text);
}

void json_write_bool(struct json_write *w, bool b)
{
    json_write_raw(w, b ? SPAN_LIT("true") : SPAN_LIT("false"));
}

void json_write_null(struct json_write *w)
{
    json_write_raw(w, SPAN_LIT("null"));
}

void json_write_raw(struct json_write *w, struct span json)
{
    if (begin_value(w))
        put(w, json);
}

enum err json_write_finish(struct json_write *w)
{
    if (!w->err && (w->depth > 0 || w->first))
        w->err = err_origin(ERR_INTERNAL);
    if (w->err)
        w->out->tail = w->out->head + w->start;
    return w->err;
}
