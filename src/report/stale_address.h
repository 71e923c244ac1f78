#pragma once
/* Addresses in the store that an older todoke took and model/email.c refuses: they stay, log in, and are sent
 * no mail. */
#include "store/backend.h"

struct stale_address {
    const char *of; /* "account" or "channel", */
    int64_t id;     /* its id, */
    const char *email, *why;
};

/* Calls fn for each; what it returns ends the walk. */
enum err stale_address_list(struct backend *b, enum err (*fn)(void *arg, const struct stale_address *s),
                            void *arg) MUST_CHECK;
