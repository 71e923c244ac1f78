#pragma once
/* The parameters behind the ? of a call's path. */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct call;

/* Those not in names (ends with NULL) are refused: false, answered. */
bool query_known(struct call *c, const char *const *names) MUST_CHECK;
/* The decoded value, in the call's arena; ptr NULL: absent. */
struct span query_text(struct call *c, const char *name);
/* The parameter limit, 1 to max; false: answered with 400 already. */
bool query_limit(struct call *c, uint32_t otherwise, uint32_t max, uint32_t *ret) MUST_CHECK;
