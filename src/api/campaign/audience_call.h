#pragma once
/* What all calls about the audience share. */
#include "api/call.h"

/* In a run that reads: 404 where there is no such provider, which only an operator can ask for. */
static inline enum err audience_provider(struct call *c, struct backend *b, int64_t id)
{
    struct provider p;
    enum err e = b->ops->roles->provider_get(b, id, &p);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such provider") : e;
}
