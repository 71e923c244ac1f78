#pragma once
/* How far a typed word is from a known one. */
#include <stddef.h>

#include "base/span.h"

/* Only the first bytes of longer texts are compared: nobody mistypes a whole paragraph. */
#define DISTANCE_MAX_LEN 96

/*
 * Optimal string alignment distance in bytes: insertions, deletions, replacements and swaps of neighbours
 * each count 1. Ignores ASCII case, and treats '_', '-' and ' ' as equal. Allocates nothing.
 */
size_t distance_nocase(struct span a, struct span b);

/*
 * Finds the name that a typed word probably means: the word may have a wrong letter or two (in longer words),
 * be the beginning of the name, or be one of its parts between hyphens. Leading hyphens are ignored.
 *
 *     struct distance_nearest n = {.word = span_of(typed)};
 *     distance_consider(&n, "channel"); ...
 *     if (n.name) "did you mean ..."
 */
struct distance_nearest {
    struct span word;
    const char *name; /* borrowed; NULL: no name is near enough */
    size_t score;
};
void distance_consider(struct distance_nearest *n, const char *name);
