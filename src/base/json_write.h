#pragma once
/*
 * Writes JSON to the end of a buf, with commas and escapes in place:
 *
 *     struct json_write w;
 *     json_write_init(&w, &out);
 *     json_write_object(&w);
 *     json_write_key(&w, "name");
 *     json_write_str(&w, name);
 *     json_write_end(&w);
 *     e = json_write_finish(&w);
 *
 * The first failure (the buf's cap, memory) is kept, and all calls after it do nothing: only
 * json_write_finish needs a check. Misuse (a value without its key, one end too many) fails with
 * ERR_INTERNAL.
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
    size_t start; /* length of out at init */
    enum err err;
    unsigned depth;
    uint32_t objects; /* one bit a level: object or array */
    bool first;       /* nothing written at this level yet */
    bool after_key;   /* a key was written and its value comes next */
};

void json_write_init(struct json_write *w, struct buf *out);

void json_write_object(struct json_write *w);
void json_write_array(struct json_write *w);
void json_write_end(struct json_write *w); /* closes the innermost object or array */
void json_write_key(struct json_write *w, const char *key);

/* Each byte that is not valid UTF-8 becomes U+FFFD, so that the output is always JSON. */
void json_write_span(struct json_write *w, struct span s);
void json_write_str(struct json_write *w, const char *s); /* NULL writes null */
void json_write_int(struct json_write *w, int64_t n);
void json_write_uint(struct json_write *w, uint64_t n);
void json_write_real(struct json_write *w,
                     double d); /* 15 digits; writes null for infinities and NaN, which JSON lacks */
void json_write_bool(struct json_write *w, bool b);
void json_write_null(struct json_write *w);
/* Writes a value that already is JSON: json_check must have accepted it. */
void json_write_raw(struct json_write *w, struct span json);

/*
 * ERR_NONE when one complete value was written; otherwise the first failure, and out is restored to its state
 * at init.
 */
enum err json_write_finish(struct json_write *w) MUST_CHECK;

/* Appends s as a JSON string with its quotes, for callers without a writer. On failure out is unchanged. */
enum err json_write_quoted(struct buf *out, struct span s) MUST_CHECK;
