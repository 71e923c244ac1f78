#pragma once
/* An option that a provider must apply for. The only one so far is error notification. */
#include <stdint.h>

#include "base/span.h"

enum option_state { OPTION_NONE, OPTION_APPLIED, OPTION_APPROVED, OPTION_REFUSED, OPTION_WITHDRAWN };
#define OPTION_STATES 5

#define OPTION_NOTE_MAX 1000 /* bytes */

struct option {
    int64_t provider_id;
    struct span provider_name; /* set only in lists */
    enum option_state state;
    struct span note; /* of the person who changed it last */
    int64_t applied_ms, decided_ms;
};

/* "none", "applied", "approved", "refused", "withdrawn" */
const char *option_state_text(enum option_state s);
