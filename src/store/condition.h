#pragma once
/*
 * A condition over one user: attributes, targets, dates and earlier messages (docs/segments.md has the
 * language). Segments, default segments and a campaign's stop condition are such conditions.
 *
 *     {"all":[{"attribute":"plan","is":"pro"},{"not":{"received":{"campaign":"42","days":7}}}]}
 *
 * condition_parse() makes a tree. For one user the tree is walked here (condition_match), for all users it
 * becomes SQL (sqlite/sqlite_condition.c). Both take attributes apart with condition_attribute(), and a
 * property test holds both equal.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json_scan.h"
#include "base/span.h"
#include "store/audience.h"
#include "store/campaign.h"

#define CONDITION_TEXT_MAX 16384u /* bytes of the JSON */
#define CONDITION_DEPTH_MAX                                                                                  \
    16u /* conditions inside of each other: all that people write, and a short stack */
#define CONDITION_NODES_MAX 256u /* SQLite takes expressions of depth 1000, and a node makes at most three */
#define CONDITION_NAMES_MAX 16u  /* of the path to an attribute */
#define CONDITION_DAYS_MAX 36500

enum condition_kind {
    CONDITION_ALL,
    CONDITION_ANY,
    CONDITION_NOT,
    CONDITION_ATTRIBUTE,
    CONDITION_USER_ID,
    CONDITION_CREATED,
    CONDITION_UPDATED,
    CONDITION_TARGET,
    CONDITION_RECEIVED,
};

/* What is asked of an attribute, a userId or a date. */
enum condition_act {
#define ACT(act, ...) CONDITION_##act,
#include "store/condition.def"
#undef ACT
};

/* What is asked of the targets of one medium: whether one of them is so. */
enum condition_state {
    CONDITION_IN_USE,    /* and not dropped, as the next three */
    CONDITION_GIVEN,     /* subscribed: true */
    CONDITION_WITHDRAWN, /* subscribed: false */
    CONDITION_UNASKED,   /* subscribed: "unasked" */
    CONDITION_DROPPED,
};

/* A scalar of JSON. A list or an object is none of these and equals nothing. */
enum condition_value_kind {
    CONDITION_NOTHING, /* no such attribute, or null */
    CONDITION_TEXT,
    CONDITION_INTEGER, /* written as an integer, of 64 bits */
    CONDITION_REAL,    /* any other number, rounded to a double */
    CONDITION_BOOL,
    CONDITION_LIST,
    CONDITION_OBJECT,
};
struct condition_value {
    enum condition_value_kind kind;
    struct span text;       /* decoded */
    int64_t integer;        /* also 0 or 1 of a bool */
    double real;            /* infinite where it has no room */
    struct json_value json; /* a list's */
};

/* The way to an attribute: names of members, outermost first. */
struct condition_path {
    size_t count;
    const char *names[CONDITION_NAMES_MAX];
};

/* Whether the user has a message of that campaign. */
struct condition_received {
    struct span campaign;                  /* its id in decimal, or its short id */
    int64_t days;                          /* whose last change is at most that long ago; 0: whenever */
    unsigned states;                       /* in which it is: bits 1 << enum message_state */
    const char *place;                     /* in the condition, for a message: "all[1].received.campaign" */
    const struct condition_received *next; /* of the whole condition */
};

struct condition_node {
    enum condition_kind kind;
    const struct condition_node *first, *next; /* all, any, not: the parts, as a chain */
    enum condition_act act;
    bool no; /* exists, dropped: false is asked for */
    struct condition_path path;
    const struct condition_value *values; /* is, isNot, contains, …: one. in: any number */
    size_t value_count;
    bool relative; /* before, after: moment_ms counts from now */
    int64_t moment_ms;
    enum medium medium;
    enum condition_state state;
    const struct condition_received *received;
};

struct condition {
    const struct condition_node *root;
    const struct condition_received *received; /* all that the condition asks for, in order */
    struct arena arena;
};

/* Why a text is no condition. */
struct condition_fault {
    char path[192];    /* of the part: "all[1].attribute"; "": the whole */
    char message[200]; /* "must be a text or a list of texts" */
};

/* ERR_INVALID: *why says what is wrong; ERR_NOMEM. */
enum err condition_parse(struct span json, struct condition **ret, struct condition_fault *why) MUST_CHECK;
void condition_free(struct condition *c); /* NULL-safe */

/*
 * Answers struct condition_received for one user: whether there is a message since since_ms (0: ever) in one
 * of the states, as message_since (campaign.h) says.
 */
typedef enum err condition_received_fn(void *arg, const struct user *u, const struct condition_received *r,
                                       int64_t since_ms, bool *ret);

/*
 * Whether the user matches; a NULL condition matches everybody. received may be NULL where the condition has
 * no such part (c->received is NULL), else ERR_INTERNAL. Also fails with what received fails with, and with
 * ERR_NOMEM.
 */
enum err condition_match(const struct condition *c, const struct user *u, condition_received_fn *received,
                         void *arg, int64_t now_ms, bool *ret) MUST_CHECK;

/* ---- what SQL and the walk share ---- */

/*
 * Takes the attribute out of a user's attributes. Where a name stands twice the first one counts. The text
 * lies in attributes, or in scratch where it has escapes. ERR_NOMEM.
 */
enum err condition_attribute(struct span attributes, const struct condition_path *path, struct buf *scratch,
                             struct condition_value *ret) MUST_CHECK;
/* The elements of a list one after the other; false: no more. A failure is kept in *e and ends it. */
bool condition_element(struct json_iter *it, struct buf *scratch, struct condition_value *ret, enum err *e);
/* Scalars of the same kind and value; all numbers are one kind. */
bool condition_equal(const struct condition_value *a, const struct condition_value *b);
/* A date or a date-time of RFC 3339, years 0001 to 9999; a date is its midnight in UTC. ERR_INVALID. */
enum err condition_moment(struct span text, int64_t *ret_ms) MUST_CHECK;
