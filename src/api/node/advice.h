#pragma once
/* What an operator should set, though nothing is broken: told on the System page and by GET /api/v1/system,
 * where an alarm would be too much. */
#include "api/api.h"

typedef void advice_fn(void *arg, const char *name, const char *const text[2]); /* text by enum lang */
void advice_each(const struct api_config *c, advice_fn *fn, void *arg);
