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
 * Walking text that json_check did not accept stays within it, but what it yields is unspecified.
 *
 * Stricter than the RFC's grammar: the text and every string must be valid UTF-8, and \u escapes of
 * surrogates must come in pairs. As the RFC has it: any value may stand at the top, \u0000 is a character,
 * numbers have no bounds, a byte order mark is an error. The same key twice passes json_check (walkers see
 * every one, in order; json_find and json_pick refuse it for the keys they look for).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define JSON_DEPTH 64u       /* objects and arrays within each other that we take from strangers */
#define JSON_DEPTH_CAP 2048u /* the most that json_check can be asked for */

/* Not JSON_OBJECT and so on: those belong to <jansson.h>, which some files include too. */
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

/* Where the first containers of a text end, so that walking need not look for that again. Owned by the
 * caller, for as long as its text. */
#define JSON_INDEX_MAX 512u
struct json_index {
    const char *text;
    uint32_t count;
    struct {
        uint32_t from, to; /* offsets of the opening bracket, and behind the closing one */
    } at[JSON_INDEX_MAX];  /* in the order in which they open */
};

struct json_value {
    enum json_kind kind;
    struct span raw; /* as written: strings with their quotes, containers with their brackets */
    const struct json_index *index; /* borrowed; NULL: none */
};

/*
 * Whether text is one JSON value and nothing but white space around it. max_depth: containers within each
 * other. ERR_INVALID: not JSON; ERR_LIMIT: too deep. On failure *ret_error_at (may be NULL) is the offset of
 * the first byte that is wrong, text.len when the text ends too early.
 */
enum err json_check(struct span text, unsigned max_depth, size_t *ret_error_at) MUST_CHECK;
/* The same, and *ret_index is filled if all is well. */
enum err json_check_index(struct span text, unsigned max_depth, size_t *ret_error_at,
                          struct json_index *ret_index) MUST_CHECK;

/* The value that a checked text is. */
struct json_value json_root(struct span text);
/* All values that are reached from it use the index of the text. */
struct json_value json_root_index(const struct json_index *index, struct span text);

struct json_iter {
    const char *p, *end;
    const struct json_index *index;
};

/* Iterators over an object's members and an array's elements; over nothing, if the value is of another kind.
 */
struct json_iter json_members(struct json_value object);
struct json_iter json_elements(struct json_value array);

/* false: no more. The key is the text between its quotes, escapes and all: compare with json_key_is. */
bool json_next_member(struct json_iter *it, struct span *ret_key, struct json_value *ret_value);
bool json_next_element(struct json_iter *it, struct json_value *ret_value);

/* Whether a key (or the inside of any string) is want once its escapes are decoded. */
bool json_key_is(struct span key, const char *want);
bool json_string_is(struct json_value value, const char *want); /* false for other kinds */

/* The one member of that name. ERR_NOT_FOUND: none, or no object; ERR_CONFLICT: more than one. */
enum err json_find(struct json_value object, const char *key, struct json_value *ret) MUST_CHECK;

/* One walk for several keys: each field's value is set, to JSON_KIND_NONE where there is no such member. */
struct json_field {
    const char *key;
    struct json_value value;
};
/* ERR_INVALID: no object; ERR_CONFLICT: one of these keys is there twice. The fields are then unspecified. */
enum err json_pick(struct json_value object, struct json_field *fields, size_t count) MUST_CHECK;

/* A string's inside, if it has no escapes: the span is then the string itself. false: decode it. */
bool json_string_plain(struct json_value value, struct span *ret);
/* Appends the decoded string (it may hold NUL bytes). ERR_INVALID: no string; ERR_LIMIT, ERR_NOMEM: of out,
 * which stays as it was. */
enum err json_string_decode(struct json_value value, struct buf *out) MUST_CHECK;

/* ERR_INVALID: not a number written as an integer (1.0 and 1e3 are not); ERR_LIMIT: past 64 bits. */
enum err json_int64(struct json_value value, int64_t *ret) MUST_CHECK;
