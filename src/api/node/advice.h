#pragma once
/*
 * Settings that an operator should make although nothing is broken. The System page and GET /api/v1/system
 * show them; an alarm would be too much.
 */
#include "api/api.h"

/* text is indexed by enum lang */
typedef void advice_fn(void *arg, const char *name, const char *const text[2]);
void advice_each(const struct api_config *c, advice_fn *fn, void *arg);
