#pragma once
/*
 * The rows of an import: bytes in, people or values of a list out, no I/O. Pieces may be cut anywhere. A
 * row that is broken is refused, with its line and why, and loses no other.
 *
 *     NDJSON   a line is an object as POST …/users takes it; of a list also a string, a number or null
 *     CSV      RFC 4180, read by libcsv in its strict mode; the first row names the columns
 *
 * docs/audience.md has the columns.
 */
#include <stdbool.h>
#include <stdint.h>

#include "api/campaign/target_read.h"
#include "base/err.h"
#include "base/span.h"
#include "store/audience.h"

#define IMPORT_ROW_MAX (256u * 1024) /* bytes: a person with all targets and attributes has a quarter of it */

enum import_format { IMPORT_CSV, IMPORT_NDJSON };

struct import_shape {
    enum import_format format;
    bool into_list; /* else users */
    enum by by;     /* of a list */
    bool allow_http;
    const char *charset; /* iconv's name; NULL: UTF-8 */
};

/* What a row is. Spans live during the call; an error ends the feeding, and is returned by it. */
struct import_taker {
    enum err (*user)(void *arg, uint64_t line, const struct user_change *u);
    enum err (*value)(void *arg, uint64_t line, struct span value); /* ptr NULL: the row has none */
    enum err (*refused)(void *arg, uint64_t line, const struct read_fault *f);
    void *arg;
};

struct import_rows;

/* ERR_NOMEM; ERR_NOT_FOUND: iconv does not know the charset. */
enum err import_rows_new(struct import_rows **ret, const struct import_shape *shape,
                         const struct import_taker *taker) MUST_CHECK;
void import_rows_free(struct import_rows *r); /* NULL-safe */

/*
 * ERR_INVALID: nothing of this can be read, import_rows_why() says why; ERR_NOMEM; what the taker
 * returned.
 */
enum err import_rows_feed(struct import_rows *r, struct span piece) MUST_CHECK;
/* The bytes have ended: reads what is left. */
enum err import_rows_end(struct import_rows *r) MUST_CHECK;
const char *import_rows_why(const struct import_rows *r);
/* iconv's name of a charset that HTTP knows, "" for UTF-8; NULL: not one that is read here. */
const char *import_rows_charset(struct span name);
