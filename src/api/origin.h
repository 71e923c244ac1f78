#pragma once
/*
 * Whether a call comes from our own pages: browsers add Origin (RFC 6454 7, Fetch 3.1) to requests that
 * change something, and no page can forge it. Only needed before a session exists, because a session has a
 * CSRF token.
 */
#include <stdbool.h>

#include "base/span.h"

/* The node's own origins. */
struct origin_own {
    struct span public_url;      /* from the settings; empty: not set */
    struct span host, forwarded; /* Host and our proxy's x-forwarded-host; empty: absent */
    bool secure;                 /* the call came by https; then an http origin is foreign */
};

/* False for foreign origins, for "null" and for invalid ones. */
bool origin_is_own(struct span origin, const struct origin_own *own);
