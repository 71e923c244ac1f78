#pragma once
/*
 * The two editions of LINE's documentation differ in what counts as a success and in one row of the
 * catalogue. todoke follows the newer one; a node can be told to follow the older (docs/conformance.md,
 * "Where the editions differ").
 */
#include <stdbool.h>

#include "fault/outcome.h"

/* The statuses of a success. */
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

/* Changes the outcome to what this edition calls it: reason, detail and, for a status that is no success any
 * more, the cause. Never what may have been processed. */
void edition_apply(const struct edition *e, struct outcome *o);
