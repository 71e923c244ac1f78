#pragma once
/*
 * Finds rows of the catalogue by whatever a person has: a reason, a detail, a cause, a status number, a line
 * copied from the error statistics, a fragment of any text in either language, or a misspelling.
 */
#include "fault/fault.h"

enum search_kind { SEARCH_REASON, SEARCH_DETAIL, SEARCH_CAUSE };

/*
 * How the rows were found, the surest way first. FILLED: only by delivery_search(). NEAREST: the text is
 * unknown, and these are merely the closest. NONE: no text was given.
 */
enum search_match { SEARCH_NONE, SEARCH_EXACT, SEARCH_FILLED, SEARCH_FRAGMENT, SEARCH_WORDS, SEARCH_NEAREST };

struct search_hit {
    enum search_kind kind;
    enum reason reason;
    enum fault_id fault; /* DETAIL, CAUSE; FAULT_ok otherwise */
    enum cause_id cause; /* CAUSE; CAUSE_ok otherwise */
    int status;          /* CAUSE: the status number searched for, which is then the detail; 0: none */
    size_t distance;     /* NEAREST: of the row's name from the text */
};

typedef void search_fn(void *arg, const struct search_hit *hit);

/*
 * Calls fn once per row found and returns how they were found: the first of these that finds anything,
 * ignoring ASCII case.
 *
 *     EXACT     a reason, a detail (also "Detail: URL", as verifications answer), a cause, or a status number
 *               of three digits (the cause of its family); a reason before any of these is skipped
 *               ("error_status_code 503")
 *     FRAGMENT  rows that contain the text anywhere, in catalogue order
 *     WORDS     rows that contain every word of it
 *     NEAREST   up to SEARCH_NEAREST_MAX rows by edit distance of their names, closest first
 *
 * fn must not call back. No allocation.
 */
#define SEARCH_NEAREST_MAX 5
enum search_match search_catalogue(struct span text, search_fn *fn, void *arg);

/* Calls fn for every row, grouped: a reason, each of its details, after each detail its causes. */
void search_all(search_fn *fn, void *arg);
