#pragma once
/*
 * What a message comes to before a service is asked: it is ready, or an error of the list, or a fault of this
 * node. Pure; jobs and previews share it.
 */
#include "campaign/content.h"
#include "campaign/variables.h"
#include "carrier/carrier.h"
#include "fault/delivery_error.h"

enum made_state {
    MADE_READY,
    MADE_SKIPPED, /* a variable says so */
    MADE_FAILED,
    MADE_BROKEN, /* by the renderer: it is tried again */
};

#define MADE_DETAIL_MAX 448u

struct made {
    enum made_state state;
    enum delivery_error_id error; /* MADE_FAILED, MADE_BROKEN */
    char detail[MADE_DETAIL_MAX]; /* what fills its text */
};

struct made made_by_variables(const struct variables_outcome *o);
/* r->result is not RENDER_NEEDS_ENGINE. stopped: the campaign's stop condition matches. */
struct made made_by_rendering(enum medium medium, const struct content_rendered *r, bool stopped);
/* The service would not take it: what carrier_build() found. */
struct made made_by_carrier(enum medium medium, const struct carrier_fault *why);
