#pragma once
/*
 * The catalogue: every reason, detail and cause is defined exactly once, in reason.def, fault.def and
 * cause.def. Ids, texts, explanations, labels, documentation and tests are generated from these rows. Stored
 * and shown as strings, never as numbers.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

enum reason {
#define REASON(id, ...) REASON_##id,
#include "fault/reason.def"
#undef REASON
    REASON_COUNT
};

/* Whether the server may have handled the request. NO = provably not, so that a retry is always safe. */
enum processed { PROCESSED_NO, PROCESSED_UNKNOWN, PROCESSED_YES };

/*
 * What a row says about that in general. BY_*: the status decides (processed_by_status()), any status or one
 * of that family; UNKNOWN while the status is unknown.
 */
enum verdict { VERDICT_NO, VERDICT_UNKNOWN, VERDICT_YES, VERDICT_BY_STATUS, VERDICT_BY_4XX, VERDICT_BY_5XX };

/* Who is responsible. LOCAL never blames the bot. */
enum blame { BLAME_NOBODY, BLAME_CHANNEL, BLAME_SERVER, BLAME_NETWORK, BLAME_LOCAL };

/* When the request may be sent again; effect.c decides what follows. */
enum retry {
    RETRY_NEVER,
    RETRY_LATER,   /* by redelivery, if the channel wants that */
    RETRY_AT_ONCE, /* the server guarantees that it did nothing: on a new connection, then by redelivery */
    RETRY_SOON,    /* a local failure: in any case */
};

/* Kinds of the peer's error codes that have a cause of their own. */
enum code_kind { CODE_NONE, CODE_RST_STREAM, CODE_ALERT };

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

struct reason_info {
    const char *text; /* "could_not_connect" */
    const char *explanation[2];
    const char *seed_text[2]; /* LINE's current documentation, byte for byte; "" for ok */
    const char *old_text[2];  /* LINE's older documentation, byte for byte; "" for ok */
    const char *differs[2];   /* how the two editions differ and what todoke does */
};

struct fault {
    const char *id; /* "connect_goaway" */
    enum reason reason;
    const char *detail; /* LINE's string; "status" for FAULT_status, "ok" for FAULT_ok */
    enum blame blame;
    enum verdict verdict;
    enum retry retry;
    const char *text[2];     /* explanation by enum lang: LINE's current documentation, byte for byte */
    const char *old_text[2]; /* the older edition's; "" if it has no such row */
    const char *advice[2];   /* what to do, by enum lang */
};

struct cause {
    const char *id; /* "h2_goaway_below" */
    enum fault_id fault;
    enum blame blame;
    enum verdict verdict;
    enum retry retry;
    enum code_kind code_kind;
    unsigned code;      /* a code of that kind */
    const char *source; /* RFC section, man page or document that defines the condition */
    const char *text[2];
    const char *advice[2];
};

const struct fault *fault_of(enum fault_id id);
const struct cause *cause_of(enum cause_id id);
const struct reason_info *reason_of(enum reason r);

/* The string stored and shown to programs. */
const char *reason_text(enum reason r);       /* "could_not_connect" */
const char *processed_text(enum processed p); /* "no", "unknown", "yes" */
const char *blame_text(enum blame b);         /* "nobody", "channel", "server", "network", "local" */

/* The same for people: a short phrase without a full stop. */
const char *processed_words(enum processed p,
                            enum lang lang);           /* "unknown: the bot server may have handled it" */
const char *blame_words(enum blame b, enum lang lang); /* "the bot server" */
const char *retry_words(enum retry r, enum lang lang); /* "yes, while webhook redelivery is on" */

/* By its exact string; ERR_NOT_FOUND otherwise. cause ids are lower case. */
enum err cause_find(struct span id, enum cause_id *ret) MUST_CHECK;
enum err reason_find(struct span text, enum reason *ret) MUST_CHECK;

/* Whether the fault is one of our own machine: its cause starts with local_. */
bool cause_is_local(enum cause_id id);

/* The cause of a code that the peer sent; other where the code has no row of its own. */
enum cause_id cause_by_code(enum code_kind kind, unsigned code, enum cause_id other);

/* What a final status says of it. YES: the bot server answered. UNKNOWN for 429, 502, 503 and 504: a limiter
 * or a proxy in front of it may have answered without it, or after it had begun. */
enum processed processed_by_status(int status);

/* What the catalogue says of a cause in general. The outcome of one attempt can be firmer: there the status
 * is known, if one was read. */
enum processed cause_processed(enum cause_id id);

enum processed fault_processed(enum fault_id id);

/* The same for people: as processed_words(), and for which statuses it is otherwise. */
const char *fault_processed_words(enum fault_id id, enum lang lang);
const char *cause_processed_words(enum cause_id id, enum lang lang);

/* The cause of a complete final response with this status, by its family (RFC 9110 15); ok for 200 to 299. */
enum cause_id cause_by_status(int status);
