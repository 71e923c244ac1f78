#pragma once
/* One line of `todoke classify`, read as evidence: a record, an answer in its own form, or words of a log. */
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "fault/receipt.h"

#define CLASSIFY_HEADERS_MAX 64u /* more than any service sends */

/* A line's evidence. What it points to lives in the line and in `texts`. */
struct classify_line {
    struct answer answer;
    struct answer_header headers[CLASSIFY_HEADERS_MAX];
    struct buf texts; /* strings that had escapes */
};

/* What is wrong with a line. */
#define CLASSIFY_WHY_MAX 512u

void classify_line_init(struct classify_line *c, size_t max);
void classify_line_deinit(struct classify_line *c);
/*
 * Reads one line, which must live as long as the result is used. ERR_INVALID with why; ERR_LIMIT and
 * ERR_NOMEM of `texts`.
 */
enum err classify_line_read(struct classify_line *c, struct span line, char why[CLASSIFY_WHY_MAX]) MUST_CHECK;
/* A single value that is no record: one event of a batch. Never refused. */
void classify_line_value(struct classify_line *c, struct json_value value);
/* Whether a line is a text of the list that no answer stands behind: our checks before a service is asked. */
bool classify_line_own(struct span line, enum delivery_error_id *ret);
/* The elements of a line that is a batch of events; false: it is none. */
bool classify_line_batch(struct span line, struct json_iter *ret);
