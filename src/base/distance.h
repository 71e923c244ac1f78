#pragma once
/* How far a typed word is from a known one. */
#include <stddef.h>

#include "base/span.h"

/* Longer texts are compared by their first bytes only: nobody mistypes a whole paragraph. */
#define DISTANCE_MAX_LEN 96

/* Optimal string alignment distance in bytes: insertions, deletions, replacements and swaps of neighbours
 * each count 1. ASCII case is ignored, and '_', '-' and ' ' are the same. No allocation. */
size_t distance_nocase(struct span a, struct span b);

/*
 * The one of several names that a typed word may be a mistyping of: a letter or two off in a longer word, its
 * beginning, or a part of it between hyphens. Leading hyphens are passed over.
 *
 *     struct distance_nearest n = {.word = span_of(typed)};
 *     distance_consider(&n, "channel"); ...
 *     if (n.name) "did you mean ..."
 */
struct distance_nearest {
    struct span word;
    const char *name; /* borrowed; NULL: none is near enough for more than a guess */
    size_t score;
};
void distance_consider(struct distance_nearest *n, const char *name);
