#pragma once
/* The catalogue in three forms: for people, as JSON, as the pages docs/faults.md and docs/faults.ja.md. */
#include "command/paint.h"
#include "fault/outcome.h"
#include "fault/search.h"

/* All rows of the catalogue at most. */
enum { EXPLAIN_ROWS_MAX = REASON_COUNT + FAULT_COUNT + CAUSE_COUNT };

struct explain_rows {
    struct search_hit hits[EXPLAIN_ROWS_MAX];
    size_t count;
};

/* The name by which people know a row: the reason, the detail (or status number), the cause. buf takes at
 * least 8 bytes. */
const char *explain_detail(const struct search_hit *hit, enum lang lang, char buf[8]);

/* Of a cause: what the status that was asked for says, else what the cause says in general. */
enum processed explain_processed(const struct search_hit *hit);

/* One row with everything the catalogue knows of it. */
void explain_full(const struct paint *p, const struct search_hit *hit, enum lang lang);

/* What became of one request, in the same form; what this outcome says of "processed" and the status comes
 * before what the catalogue says in general. */
void explain_outcome(const struct paint *p, const struct outcome *o, enum lang lang);

/* The language of the first of LC_ALL, LC_MESSAGES and LANG that is set (POSIX 8.2): ja* is Japanese, all
 * else English. */
enum lang explain_lang_default(void);

/* Any number of rows, one line each, under their reason and detail. */
void explain_list(const struct paint *p, const struct explain_rows *rows, enum lang lang);

/* "could_not_connect ▸ TLS handshake failure ▸ tls_cert_expired" */
void explain_path(const struct paint *p, const struct search_hit *hit, enum lang lang);

/* A JSON array, one object a row, texts in one language. ERR_NOMEM, ERR_IO. */
enum err explain_json(FILE *to, const struct explain_rows *rows, enum lang lang) MUST_CHECK;

/* The whole catalogue as a page. */
void explain_markdown(FILE *to, enum lang lang);
