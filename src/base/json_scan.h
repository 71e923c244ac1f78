#pragma once
/*
 * A strict scanner for JSON (RFC 8259) that yields spans of the text and allocates nothing: the publisher's
 * bytes stay as they were. First json_check the whole text once; then walk it:
 *
 *     if (json_check(text, JSON_DEPTH, &at)) refuse;
 *     struct json_iter it = json_members(json_root(text));
 *     while (json_next_member(&it, &key, &value))
 *         if (json_key_is(key, "type")) ...
 *
 * Walking a text that json_check did not accept stays within the text, but what it yields is unspecified.
 *
 * The scanner is stricter than the RFC's grammar: the text and every string must be valid UTF-8, and \u
 * escapes of surrogates must come in pairs. As in the RFC, any value may be the outermost one, \u0000 is a
 * character, numbers have no bounds, and a byte order mark is an error. json_check accepts an object with the
 * same key twice: iterators yield every member in order; json_find and json_pick refuse a duplicate of the
 * keys they look for.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define JSON_DEPTH 64u       /* containers within each other that we accept in requests */
#define JSON_DEPTH_CAP 2048u /* the most that json_check can be asked for */

/* Not JSON_OBJECT and so on: <jansson.h> has those names, and some files include both. */
enum json_kind {
    JSON_KIND_NONE, /* no value */
    JSON_KIND_OBJECT,
    JSON_KIND_ARRAY,
    JSON_KIND_STRING,
    JSON_KIND_NUMBER,
    JSON_KIND_TRUE,
    JSON_KIND_FALSE,
    JSON_KIND_NULL,
};

/*
 * Remembers where the first containers of a text end, so that walking need not search for it again. Owned by
 * the caller; valid as long as its text.
 */
#define JSON_INDEX_MAX 512u
struct json_index {
    const char *text;
    uint32_t count;
    struct {
        uint32_t from, to; /* offsets of the opening bracket and of the byte behind the closing one */
    } at[JSON_INDEX_MAX];  /* in the order in which the containers open */
};

struct json_value {
    enum json_kind kind;
    struct span raw; /* as written: strings with their quotes, containers with their brackets */
    const struct json_index *index; /* borrowed; NULL: none */
};

/*
 * Checks that text is one JSON value with only white space around it. max_depth: containers within each
 * other. ERR_INVALID: not JSON; ERR_LIMIT: too deep. On failure *ret_error_at (may be NULL) is the offset of
 * the first wrong byte, or text.len when the text ends too early.
 */
enum err json_check(struct span text, unsigned max_depth, size_t *ret_error_at) MUST_CHECK;
/* As json_check, and fills *ret_index on success. */
enum err json_check_index(struct span text, unsigned max_depth, size_t *ret_error_at,
                          struct json_index *ret_index) MUST_CHECK;

/* The value of a checked text. */
struct json_value json_root(struct span text);
/* As json_root; every value reached from the result uses the index. */
struct json_value json_root_index(const struct json_index *index, struct span text);

struct json_iter {
    const char *p, *end;
    const struct json_index *index;
};

/* Iterators over an object's members and an array's elements. A value of another kind yields nothing. */
struct json_iter json_members(struct json_value object);
struct json_iter json_elements(struct json_value array);

/*
 * false: no more members. The key is the text between its quotes with its escapes: compare it with
 * json_key_is.
 */
bool json_next_member(struct json_iter *it, struct span *ret_key, struct json_value *ret_value);
bool json_next_element(struct json_iter *it, struct json_value *ret_value);

/* Whether a key (or the text between any string's quotes) equals want once its escapes are decoded. */
bool json_key_is(struct span key, const char *want);
bool json_string_is(struct json_value value, const char *want); /* false for values of other kinds */

/*
 * Finds the one member of that name. ERR_NOT_FOUND: no such member, or not an object; ERR_CONFLICT: more than
 * one.
 */
enum err json_find(struct json_value object, const char *key, struct json_value *ret) MUST_CHECK;

/*
 * Finds several keys in one walk: sets each field's value, or JSON_KIND_NONE when the object has no such
 * member.
 */
struct json_field {
    const char *key;
    struct json_value value;
};
/*
 * ERR_INVALID: not an object; ERR_CONFLICT: one of the keys is there twice. On failure the fields are
 * unspecified.
 */
enum err json_pick(struct json_value object, struct json_field *fields, size_t count) MUST_CHECK;

/*
 * The text of a string without escapes, as a span of the source. false: it has escapes; use
 * json_string_decode.
 */
bool json_string_plain(struct json_value value, struct span *ret);
/*
 * Appends the decoded string (it may hold NUL bytes). ERR_INVALID: not a string; ERR_LIMIT, ERR_NOMEM: from
 * out. On failure out is unchanged.
 */
enum err json_string_decode(struct json_value value, struct buf *out) MUST_CHECK;

/* ERR_INVALID: not a number written as an integer (1.0 and 1e3 are not); ERR_LIMIT: past 64 bits. */
enum err json_int64(struct json_value value, int64_t *ret) MUST_CHECK;
