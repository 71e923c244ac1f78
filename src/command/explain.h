#pragma once
/* Prints the catalogue for people, as JSON, or as the pages docs/faults.md and docs/faults.ja.md. */
#include "command/paint.h"
#include "fault/outcome.h"
#include "fault/search.h"

/* The number of rows in the catalogue. */
enum { EXPLAIN_ROWS_MAX = REASON_COUNT + FAULT_COUNT + CAUSE_COUNT };

struct explain_rows {
    struct search_hit hits[EXPLAIN_ROWS_MAX];
    size_t count;
};

/* The displayed detail of a row, or the status number that was asked for, which is written to buf. */
const char *explain_detail(const struct search_hit *hit, enum lang lang, char buf[8]);

/* "processed" of the status that was asked for, else of the cause in general. */
enum processed explain_processed(const struct search_hit *hit);

/* Prints one row with all its texts. */
void explain_full(const struct paint *p, const struct search_hit *hit, enum lang lang);

/* Prints the outcome of one request in the same form. "processed" and the status of the outcome override the
 * catalogue's. */
void explain_outcome(const struct paint *p, const struct outcome *o, enum lang lang);

/* The language of the first of LC_ALL, LC_MESSAGES and LANG that is set (POSIX 8.2): ja* is Japanese, all
 * else English. */
enum lang explain_lang_default(void);

/* Prints any number of rows, one line each, grouped by reason and detail. */
void explain_list(const struct paint *p, const struct explain_rows *rows, enum lang lang);

/* "could_not_connect ▸ TLS handshake failure ▸ tls_cert_expired" */
void explain_path(const struct paint *p, const struct search_hit *hit, enum lang lang);

/* Prints a JSON array, one object per row, texts in one language. ERR_NOMEM, ERR_IO. */
enum err explain_json(FILE *to, const struct explain_rows *rows, enum lang lang) MUST_CHECK;

/* Prints the whole catalogue as a Markdown page. */
void explain_markdown(FILE *to, enum lang lang);
