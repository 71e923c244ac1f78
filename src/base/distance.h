#pragma once
/* How far a typed word is from a known one. */
#include <stddef.h>

#include "base/span.h"

/* Longer texts are compared by their first bytes only: nobody mistypes a whole paragraph. */
#define DISTANCE_MAX_LEN 96

/* Optimal string alignment distance in bytes: insertions, deletions, replacements and swaps of neighbours
 * each count 1. ASCII case is ignored, and '_', '-' and ' ' are the same. No allocation. */
size_t distance_nocase(struct span a, struct span b);
