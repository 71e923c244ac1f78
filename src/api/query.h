#pragma once
/* The query parameters of a call (after the ? of its path). */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct call;

/* Refuses parameters that are not in names, which ends with NULL. false: already answered with 400. */
bool query_known(struct call *c, const char *const *names) MUST_CHECK;
/* The decoded value of a parameter, in the call's arena; ptr NULL: absent. */
struct span query_text(struct call *c, const char *name);
/* A segment of the path that people chose, decoded as query_text(). */
struct span query_path(struct call *c, struct span segment);
/* The parameter limit, 1 to max; otherwise: the default. false: already answered with 400. */
bool query_limit(struct call *c, uint32_t otherwise, uint32_t max, uint32_t *ret) MUST_CHECK;
