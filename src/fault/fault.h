#pragma once
/*
 * The catalogue: every reason, detail and cause exists exactly once, in fault.def and cause.def; ids, texts, explanations,
 * labels, documentation and tests are made from the rows. Stored and shown by string, never by number.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

enum reason {
    REASON_OK,
    REASON_COULD_NOT_CONNECT,
    REASON_REQUEST_TIMEOUT,
    REASON_ERROR_STATUS_CODE,
    REASON_UNCLASSIFIED,
    REASON_COUNT
};

/* May the server have handled the request? NO = provably never, so that a retry is always safe. */
enum processed { PROCESSED_NO, PROCESSED_UNKNOWN, PROCESSED_YES };

/* Whose side the fault is on. LOCAL never blames the bot. */
enum blame { BLAME_NOBODY, BLAME_CHANNEL, BLAME_SERVER, BLAME_NETWORK, BLAME_LOCAL };

/* What redelivery may do with it (the one place where that is decided is webhook/). */
enum retry { RETRY_NEVER, RETRY_LATER };

enum lang { LANG_EN, LANG_JA };

enum fault_id {
#define FAULT(id, ...) FAULT_##id,
#include "fault/fault.def"
#undef FAULT
    FAULT_COUNT
};

enum cause_id {
#define CAUSE(id, ...) CAUSE_##id,
#include "fault/cause.def"
#undef CAUSE
    CAUSE_COUNT
};

struct fault {
    const char *id; /* "connect_goaway" */
    enum reason reason;
    const char *detail; /* the seeds' string; "status" for FAULT_status, "ok" for FAULT_ok */
    enum blame blame;
    enum processed processed;
    enum retry retry;
    const char *text[2];   /* explanation by enum lang */
    const char *advice[2]; /* what to do, by enum lang */
};

struct cause {
    const char *id; /* "h2_goaway_below" */
    enum fault_id fault;
    const char *source; /* RFC section, man page or document that defines the condition */
    const char *text[2];
    const char *advice[2];
};

const struct fault *fault_of(enum fault_id id);
const struct cause *cause_of(enum cause_id id);
const char *reason_text(enum reason r);       /* "could_not_connect" */
const char *processed_text(enum processed p); /* "no", "unknown", "yes" */

/* By its exact string; ERR_NOT_FOUND otherwise. cause ids are lower case. */
enum err cause_find(struct span id, enum cause_id *ret) MUST_CHECK;
enum err reason_find(struct span text, enum reason *ret) MUST_CHECK;

/* Whether the fault is one of our own machine: its cause starts with local_. */
bool cause_is_local(enum cause_id id);
