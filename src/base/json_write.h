#pragma once
/*
 * Writes JSON to the end of a buf, commas and escapes in place:
 *
 *     struct json_write w;
 *     json_write_init(&w, &out);
 *     json_write_object(&w);
 *     json_write_key(&w, "name");
 *     json_write_str(&w, name);
 *     json_write_end(&w);
 *     e = json_write_finish(&w);
 *
 * The first failure (the buf's cap, memory) is kept and all calls after it do nothing: only json_write_finish
 * needs a check. Misuse (a value without its key, an end too many) is a failure too: ERR_INTERNAL.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define JSON_WRITE_DEPTH 32u

struct json_write {
    struct buf *out;
    size_t start; /* length of out before the first byte of ours */
    enum err err;
    unsigned depth;
    uint32_t objects; /* a bit a level: object or array */
    bool first;       /* nothing written at this level yet */
    bool after_key;   /* a key waits for its value */
};

void json_write_init(struct json_write *w, struct buf *out);

void json_write_object(struct json_write *w);
void json_write_array(struct json_write *w);
void json_write_end(struct json_write *w); /* of the innermost object or array */
void json_write_key(struct json_write *w, const char *key);

/* Bytes that are no UTF-8 become U+FFFD each, so that what comes out is always JSON. */
void json_write_span(struct json_write *w, struct span s);
void json_write_str(struct json_write *w, const char *s); /* NULL: null */
void json_write_int(struct json_write *w, int64_t n);
void json_write_uint(struct json_write *w, uint64_t n);
void json_write_real(struct json_write *w,
                     double d); /* 15 digits; null for infinities and NaN, which JSON lacks */
void json_write_bool(struct json_write *w, bool b);
void json_write_null(struct json_write *w);
/* A value that is JSON already: json_check has accepted it. */
void json_write_raw(struct json_write *w, struct span json);

/* ERR_NONE when one complete value was written; else the first failure, and out is as it was at init. */
enum err json_write_finish(struct json_write *w) MUST_CHECK;

/* s as a JSON string with its quotes, for callers without a writer. On failure out is as it was. */
enum err json_write_quoted(struct buf *out, struct span s) MUST_CHECK;
