#pragma once
/*
 * A person as JSON says it: {"userId","attributes","email","line","apps","browsers"} → a change for the
 * store.
 */
#include "api/campaign/target_read.h"
#include "base/json_scan.h"

struct user_read {
    struct arena *arena; /* what the change points to, beside the text itself */
    bool allow_http;
    bool named; /* the path of the call names the person, and the object must not */
    struct read_fault fault;
    struct target_change targets[USER_CHANGES_MAX];
    size_t count;
    struct user_change change; /* targets are those above: copy them before the next object */
};

/* object: of a text that json_check() accepted. ERR_INVALID: fault says why; ERR_NOMEM. */
enum err user_read(struct user_read *r, struct json_value object) MUST_CHECK;
