#pragma once
/*
 * Judges json_scan by jansson on one text: both must accept or refuse it, and see the same values. Used by
 * the fuzzer and by the unit test. The differences that are meant:
 *
 *   jansson refuses numbers that do not fit its types, and \u0000 in a key; json_scan takes them as the RFC
 * does jansson's nesting limit counts scalars, json_scan's containers only jansson keeps the last of equal
 * keys, json_scan shows all (so values are then compared by the last)
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_fault.h"
#include "base/json_scan.h"
#include "base/utf8.h"

static const char *agree_value(struct json_value v, const json_t *j);

static bool agree_string(struct json_value v, const char *want, size_t len)
{
    struct buf b;
    buf_init(&b, len); /* decoded exactly, or it does not fit */
    bool same = json_string_decode(v, &b) == ERR_NONE && span_eq(buf_span(&b), (struct span){want, len});
    buf_deinit(&b);
    if (strlen(want) == len && !json_string_is(v, want))
        same = false;
    struct span plain;
    if (json_string_plain(v, &plain) && !span_eq(plain, (struct span){want, len}))
        same = false;
    return same;
}

static const char *agree_number(struct json_value v, const json_t *j)
{
    int64_t n = 0;
    enum err e = json_int64(v, &n);
    if (json_is_integer(j))
        return e == ERR_NONE && n == json_integer_value(j) ? NULL : "an integer differs";
    if (!json_is_real(j))
        return "a number is none to jansson";
    char *text = strndup(v.raw.ptr, v.raw.len);
    double d = text ? strtod(text, NULL) : 0;
    free(text);
    return e == ERR_INVALID && !(d < json_real_value(j)) && !(d > json_real_value(j)) ? NULL
                                                                                      : "a real differs";
}

static const char *agree_object(struct json_value v, const json_t *j)
{
    if (!json_is_object(j))
        return "an object is none to jansson";
    struct json_iter it = json_members(v);
    struct span key;
    struct json_value value;
    size_t members = 0;
    bool twice = false;
    const char *odd = NULL;
    struct buf name;
    buf_init(&name, 1 << 20);
    while (!odd && json_next_member(&it, &key, &value)) {
        members++;
        buf_clear(&name);
        struct json_value as_string = {JSON_KIND_STRING, {key.ptr - 1, key.len + 2}, NULL};
        if (json_string_decode(as_string, &name) || buf_add(&name, "", 1)) {
            odd = "a key cannot be decoded";
            break;
        }
        if (!json_key_is(key, buf_span(&name).ptr)) {
            odd = "a key is not itself";
            break;
        }
        struct json_value only;
        enum err e = json_find(v, buf_span(&name).ptr, &only);
        const json_t *theirs = json_object_get(j, buf_span(&name).ptr);
        if (!theirs)
            odd = "a key is not there for jansson";
        else if (e == ERR_CONFLICT)
            twice = true;
        else if (e != ERR_NONE || only.raw.ptr != value.raw.ptr)
            odd = "json_find sees another member";
        else
            odd = agree_value(value, theirs);
    }
    buf_deinit(&name);
    if (!odd && (twice ? members <= json_object_size(j) : members != json_object_size(j)))
        odd = "the number of members differs";
    return odd;
}

static const char *agree_array(struct json_value v, const json_t *j)
{
    if (!json_is_array(j))
        return "an array is none to jansson";
    struct json_iter it = json_elements(v);
    struct json_value value;
    size_t i = 0;
    const char *odd = NULL;
    while (!odd && json_next_element(&it, &value)) {
        const json_t *theirs = json_array_get(j, i++);
        odd = theirs ? agree_value(value, theirs) : "more elements than jansson's";
    }
    return !odd && i != json_array_size(j) ? "fewer elements than jansson's" : odd;
}

static const char *agree_value(struct json_value v, const json_t *j)
{
    switch (v.kind) {
    case JSON_KIND_NONE:
        return "no value";
    case JSON_KIND_OBJECT:
        return agree_object(v, j);
    case JSON_KIND_ARRAY:
        return agree_array(v, j);
    case JSON_KIND_STRING:
        return json_is_string(j) && agree_string(v, json_string_value(j), json_string_length(j))
                   ? NULL
                   : "a string differs";
    case JSON_KIND_NUMBER:
        return agree_number(v, j);
    case JSON_KIND_TRUE:
        return json_is_true(j) ? NULL : "true differs";
    case JSON_KIND_FALSE:
        return json_is_false(j) ? NULL : "false differs";
    case JSON_KIND_NULL:
        return json_is_null(j) ? NULL : "null differs";
    }
    return "an unknown kind";
}

/* Walks whatever is there, checked or not: it must end and stay within the text (ASan watches). */
static unsigned agree_walk(struct json_value v, unsigned depth)
{
    struct buf b;
    buf_init(&b, v.raw.len);
    int64_t n;
    unsigned seen = 1;
    seen += json_string_decode(v, &b) == ERR_NONE;
    seen += json_int64(v, &n) == ERR_NONE;
    buf_deinit(&b);
    struct json_iter it = json_members(v);
    struct span key;
    struct json_value value;
    while (depth > 0 && json_next_member(&it, &key, &value))
        seen += agree_walk(value, depth - 1) + json_key_is(key, "type");
    it = json_elements(v);
    while (depth > 0 && json_next_element(&it, &value))
        seen += agree_walk(value, depth - 1);
    return seen;
}

/* What is said of a text that is refused: words, and a place that is whole UTF-8, wherever one looks. */
static const char *agree_fault(struct span text, enum err e, size_t at)
{
    struct json_fault f;
    memset(&f, 'x', sizeof(f));
    json_fault_find(text, JSON_DEPTH_CAP, e, at, &f);
    if (!memchr(f.path, '\0', sizeof(f.path)) || !memchr(f.message, '\0', sizeof(f.message)) || !f.message[0])
        return "a fault without words";
    uint32_t cp;
    for (size_t i = 0, n; f.path[i]; i += n)
        if ((n = utf8_next(f.path + i, strlen(f.path + i), &cp)) == 0)
            return "the place of a fault is no UTF-8";
    for (size_t i = 0; i <= text.len && i < 64; i++)
        json_fault_place(text, i, &f);
    return NULL;
}

/* NULL when all is as it should be, or what is not. */
static const char *json_disagreement(struct span text)
{
    size_t at = 0;
    enum err e = json_check(text, JSON_DEPTH_CAP, &at);
    (void)agree_walk(json_root(text), 20);
    if (e != ERR_NONE) {
        /* The byte named is the first that is wrong: without it and its followers the text just ends early.
         */
        if (at > text.len)
            return "the error lies outside";
        size_t again = 0;
        if (at < text.len && json_check((struct span){text.ptr, at}, JSON_DEPTH_CAP, &again) && again != at)
            return "the error lies further ahead";
        const char *fault = agree_fault(text, e, at);
        if (fault)
            return fault;
    }
    json_error_t error;
    json_t *j = json_loadb(text.ptr, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    const char *odd = NULL;
    if (j && e != ERR_NONE && at > 0 && at < text.len && text.ptr[at] == '\0') {
        char before = text.ptr[at - 1];
        odd = (before >= '0' && before <= '9') || (before >= 'a' && before <= 'z')
                  ? NULL
                  : "jansson accepts a NUL byte";
    } else if (j) {
        odd = e != ERR_NONE ? "jansson accepts" : agree_value(json_root(text), j);
        struct json_index index;
        if (!odd && json_check_index(text, JSON_DEPTH_CAP, NULL, &index))
            odd = "the index makes a difference";
        if (!odd)
            odd = agree_value(json_root_index(&index, text), j);
    } else {
        enum json_error_code code = json_error_code(&error);
        if (e == ERR_NONE && code != json_error_numeric_overflow && code != json_error_null_byte_in_key &&
            code != json_error_stack_overflow)
            odd = "jansson refuses";
        if (e == ERR_LIMIT && code != json_error_stack_overflow && code != json_error_numeric_overflow &&
            code != json_error_null_byte_in_key)
            odd = "too deep only for json_scan";
    }
    json_decref(j);
    return odd;
}
