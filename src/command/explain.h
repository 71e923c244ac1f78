#pragma once
/*
 * Prints the two catalogues for people, as JSON, or as the pages docs/faults.md and docs/delivery-errors.md
 * and their Japanese twins.
 */
#include "command/paint.h"
#include "fault/delivery_search.h"
#include "fault/outcome.h"
#include "fault/search.h"

/* The number of rows in the catalogue of webhooks. */
enum { EXPLAIN_ROWS_MAX = REASON_COUNT + FAULT_COUNT + CAUSE_COUNT };

struct explain_rows {
    struct search_hit hits[EXPLAIN_ROWS_MAX];
    size_t count;
    struct delivery_hit deliveries[DELIVERY_ERROR_COUNT]; /* of the second catalogue */
    size_t delivery_count;
};

enum {
    EXPLAIN_INDENT = 2,
    EXPLAIN_LABEL_WIDTH = 25, /* the widest label and two spaces */
};

/* Prints "  Label   text", wrapped. Nothing if the text is empty. */
void explain_field(const struct paint *p, const char *label, enum paint_style style, const char *text);

/* Prints a heading and, behind it, what it says, if that is not empty. */
void explain_head(const struct paint *p, const char *name, unsigned indent, const char *explanation);

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

/* Prints any number of webhooks' rows, one line each, grouped by reason and detail. */
void explain_list(const struct paint *p, const struct explain_rows *rows, enum lang lang);

/* "could_not_connect ▸ TLS handshake failure ▸ tls_cert_expired" */
void explain_path(const struct paint *p, const struct search_hit *hit, enum lang lang);

/* Prints a JSON array, one object per row of either catalogue, texts in one language. ERR_NOMEM, ERR_IO. */
enum err explain_json(FILE *to, const struct explain_rows *rows, enum lang lang) MUST_CHECK;

/* Prints the whole catalogue of webhooks as a Markdown page. */
void explain_markdown(FILE *to, enum lang lang);

/* The same of the second catalogue: one row, any number of rows by table and kind, a row's path, the page. */
void explain_delivery_full(const struct paint *p, enum delivery_error_id id, enum lang lang);
void explain_delivery_list(const struct paint *p, const struct explain_rows *rows, enum lang lang);
void explain_delivery_path(const struct paint *p, enum delivery_error_id id, enum lang lang);
void explain_delivery_markdown(FILE *to, enum lang lang);
