#pragma once
/*
 * Whether a call comes from our own pages: browsers write Origin (RFC 6454 7, Fetch 3.1) into what changes
 * something, and no page can write another one. Only needed where there is no session yet, whose token tells
 * the same.
 */
#include <stdbool.h>

#include "base/span.h"

/* Where this node is reached. */
struct origin_own {
    struct span public_url;      /* of the settings; empty: not known */
    struct span host, forwarded; /* of the request, and what a proxy of ours says instead; empty: not there */
    bool secure;                 /* it came by https: then what came by http is another origin */
};

/* False for "null", for what is no origin, and for every other one. */
bool origin_is_own(struct span origin, const struct origin_own *own);
