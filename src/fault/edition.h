#pragma once
/*
 * The two editions of LINE's documentation differ in which statuses are a success and in one row of the
 * catalogue. todoke follows the newer edition; a node can be set to follow the older one
 * (docs/conformance.md, "Where the editions differ").
 */
#include <stdbool.h>

#include "fault/outcome.h"

/* Which statuses count as success. */
enum success {
    SUCCESS_2XX, /* 200 to 299: 「200番台」 of both Japanese editions */
    SUCCESS_20X, /* 200 to 209: "20x" of the newer English edition */
    SUCCESS_200, /* 200 alone: the older English edition */
};

struct edition {
    enum success success;
    /* Whether there is the detail `No SSL/TLS record`. The older edition says `TLS handshake failure`. */
    bool no_tls_record;
};

/*
 * Renames the outcome for this edition: reason, detail and, for a status that is no longer a success, the
 * cause. Never changes whether the request may have been processed.
 */
void edition_apply(const struct edition *e, struct outcome *o);
