#pragma once
/*
 * The audience of a provider, as a backend keeps it: users with attributes, their targets with consent,
 * segments, lists, queries and imports. Spans of rows live as long as the call of the function that takes
 * them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "fault/delivery_error.h"

struct backend;
struct condition;

#define USER_NAME_MAX 256u                          /* bytes of a userId */
#define USER_ATTRIBUTES_MAX 16384u                  /* bytes of the attributes as JSON */
#define USER_TARGETS_MAX 10u                        /* of a user's apps, and of its browsers */
#define USER_TARGETS_ALL (2 + 2 * USER_TARGETS_MAX) /* of a user: a mail address, LINE, apps, browsers */
#define USER_CHANGES_MAX 64u   /* targets in one change of a user: all are removed, and others put there */
#define TARGET_VALUE_MAX 4096u /* bytes: an endpoint is a URL, and FCM names no bound for its tokens */
#define TARGET_KEY_MAX 88u     /* bytes of p256dh, which is the longer one: 65 bytes in base64 */

enum consent { CONSENT_UNASKED, CONSENT_GIVEN, CONSENT_WITHDRAWN };

struct target {
    enum medium medium;
    struct span value;
    struct span p256dh, auth; /* browser: base64url; else empty */
    enum consent consent;
    struct span dropped; /* id of the error that ended it; empty: in use */
    struct span why;     /* what changed it last: "identify", "import", "undo", an id of delivery_error.def */
    int64_t job_id, message_n; /* the message that did; 0: none */
    int64_t created_ms, changed_ms;
};

struct user {
    int64_t id; /* of all users of the node; never used again */
    struct span name;
    struct span attributes; /* a JSON object */
    int64_t created_ms, updated_ms;
    const struct target *targets;
    size_t target_count; /* at most USER_TARGETS_ALL; in order of medium and value */
};

/* Whether messages may go to the target. */
static inline bool target_usable(const struct target *t)
{
    return t->consent == CONSENT_GIVEN && t->dropped.len == 0;
}

/*
 * A target to add or to change; consent only where given. One that was dropped stays so, however often it is
 * given again: only another value, or an undo, is used again.
 */
struct target_change {
    enum medium medium;
    bool remove; /* mail and LINE: the user has none any more; app and browser: this one */
    struct span value, p256dh, auth;
    bool has_consent;
    enum consent consent;
};

/* Identify: makes the user or changes it. */
struct user_change {
    struct span name;
    struct span attributes; /* JSON object, merged member by member; null removes one. Empty: unchanged */
    const struct target_change *targets;
    size_t target_count; /* at most USER_CHANGES_MAX */
    const char *why;     /* "identify", "import" */
};

/* What a message did to its target. */
struct target_effect {
    int64_t user_id;
    enum medium medium;
    struct span value;
    bool withdraw, drop; /* consent; the target */
    enum delivery_error_id error;
    int64_t job_id, message_n;
};

#define SEGMENTS_MAX 1000u       /* of a provider: a list that a person still reads */
#define SEGMENTS_DEFAULT_MAX 20u /* of a provider: each is looked at for every message */

struct segment {
    int64_t id, provider_id;
    struct span name, condition;
    bool is_default;
    int64_t created_ms, updated_ms;
};

/* By what a list or a query names people. */
enum by { BY_USER_ID, BY_EMAIL, BY_LINE, BY_APP, BY_BROWSER, BY_COUNT };
const char *by_text(enum by by); /* "user_id", "email", "line_user_id", "fcm_token", "endpoint" */
enum err by_find(struct span text, enum by *ret) MUST_CHECK;

#define LISTS_MAX 10000u /* of a provider: some a day for years */

struct recipient_list {
    int64_t id, provider_id;
    struct span name;
    enum by by;
    uint64_t rows;
    int64_t created_ms;
};

#define QUERIES_MAX 1000u /* of a provider, as segments */

struct audience_query {
    int64_t id, provider_id;
    struct span name, sql;
    enum by by;
    int64_t created_ms, updated_ms;
};

#define IMPORTS_KEPT 200u /* of a provider: the oldest one goes when another begins */

enum import_state { IMPORT_RUNNING, IMPORT_DONE, IMPORT_ENDED };

struct import {
    int64_t id, provider_id;
    bool into_list; /* else users */
    int64_t list_id;
    enum import_state state;
    struct span reason;
    uint64_t read, taken, refused;
    int64_t started_ms, ended_ms;
};

#define IMPORT_REFUSALS_MAX 1000u /* kept of an import */
struct import_refusal {
    uint64_t line;
    struct span field, why;
};

typedef enum err user_row_fn(void *arg, const struct user *u);
typedef enum err segment_row_fn(void *arg, const struct segment *s);
typedef enum err list_row_fn(void *arg, const struct recipient_list *l);
typedef enum err list_value_fn(void *arg, int64_t n,
                               struct span value); /* value.ptr NULL: the row has none */
typedef enum err query_row_fn(void *arg, const struct audience_query *q);
typedef enum err import_row_fn(void *arg, const struct import *i);
typedef enum err refusal_row_fn(void *arg, const struct import_refusal *r);

/* A search in the users of a provider, in order of id, above after. */
struct user_search {
    int64_t provider_id, after;
    uint32_t limit;
    uint32_t scan;                     /* looks at so many users at most; 0: no bound */
    struct span text;                  /* in the userId, or the whole of a target's value; empty: all */
    const struct condition *condition; /* NULL: all */
    int64_t now_ms;                    /* of the condition's days */
    uint32_t found;                    /* out: how many matched */
    int64_t last;                      /* out: the last user looked at */
    bool end;                          /* out: there are no more */
};

struct backend_audience {
    /*
     * ERR_NOT_FOUND: no such provider. ERR_INVALID: name or attributes are none. ERR_LIMIT: more targets than
     * a user may have (those that were dropped make room), or attributes too large. Nothing is written where
     * nothing changes.
     */
    enum err (*user_put)(struct backend *b, int64_t provider_id, const struct user_change *u, int64_t wall_ms,
                         int64_t *ret_id, bool *ret_new);
    enum err (*user_get)(struct backend *b, int64_t provider_id, int64_t id, user_row_fn *fn, void *arg);
    enum err (*user_find)(struct backend *b, int64_t provider_id, struct span name, user_row_fn *fn,
                          void *arg);
    /* All users with that target, in order of id. */
    enum err (*user_by_target)(struct backend *b, int64_t provider_id, enum medium medium, struct span value,
                               user_row_fn *fn, void *arg);
    /* fn NULL: they are only counted. */
    enum err (*user_search)(struct backend *b, struct user_search *s, user_row_fn *fn, void *arg);
    enum err (*user_count)(struct backend *b, int64_t provider_id, uint64_t *ret);
    /*
     * With targets and attributes; results keep their counts and lose the name and the target, those beyond
     * some thousand in audience_prune.
     */
    enum err (*user_delete)(struct backend *b, int64_t provider_id, int64_t id);
    /* Nothing changes, and that is no error, where the target is gone or was changed so already. */
    enum err (*target_effect)(struct backend *b, int64_t provider_id, const struct target_effect *t,
                              int64_t wall_ms);
    /*
     * Takes back what messages did: consent is what it was before, the target in use. ERR_NOT_FOUND: no such
     * target; ERR_CONFLICT: no message changed it.
     */
    enum err (*target_undo)(struct backend *b, int64_t provider_id, int64_t user_id, enum medium medium,
                            struct span value, int64_t wall_ms);

    enum err (*segment_insert)(struct backend *b, struct segment *s); /* sets s->id */
    enum err (*segment_update)(struct backend *b, const struct segment *s);
    enum err (*segment_delete)(struct backend *b, int64_t provider_id, int64_t id);
    enum err (*segment_get)(struct backend *b, int64_t provider_id, int64_t id, segment_row_fn *fn,
                            void *arg);
    enum err (*segment_list)(struct backend *b, int64_t provider_id, bool only_default, int64_t after,
                             uint32_t limit, segment_row_fn *fn, void *arg);

    /* Sets l->id; l->rows is not looked at. ERR_NOT_FOUND: no such provider; ERR_LIMIT: too many lists. */
    enum err (*list_insert)(struct backend *b, struct recipient_list *l);
    /* Adds rows at the end; one whose ptr is NULL has no value. ERR_NOT_FOUND: no such list. */
    enum err (*list_add)(struct backend *b, int64_t id, const struct span *values, size_t count);
    /* The list is gone at once; its rows go in audience_prune. */
    enum err (*list_delete)(struct backend *b, int64_t provider_id, int64_t id);
    enum err (*list_get)(struct backend *b, int64_t provider_id, int64_t id, list_row_fn *fn, void *arg);
    enum err (*list_list)(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                          list_row_fn *fn, void *arg);
    /* Rows are numbered from 1. */
    enum err (*list_values)(struct backend *b, int64_t id, int64_t after, uint32_t limit, list_value_fn *fn,
                            void *arg);

    enum err (*query_insert)(struct backend *b, struct audience_query *q); /* sets q->id */
    enum err (*query_update)(struct backend *b, const struct audience_query *q);
    enum err (*query_delete)(struct backend *b, int64_t provider_id, int64_t id);
    enum err (*query_get)(struct backend *b, int64_t provider_id, int64_t id, query_row_fn *fn, void *arg);
    enum err (*query_list)(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                           query_row_fn *fn, void *arg);

    /* Sets i->id, and deletes the oldest ended one beyond IMPORTS_KEPT. ERR_NOT_FOUND: no such provider. */
    enum err (*import_insert)(struct backend *b, struct import *i);
    /* Its state, reason and end. ERR_NOT_FOUND: it is gone. */
    enum err (*import_update)(struct backend *b, const struct import *i);
    /* So many rows more. ERR_NOT_FOUND: it is gone. */
    enum err (*import_count)(struct backend *b, int64_t id, uint64_t read, uint64_t taken);
    /* Counts a refused row, and keeps why, of the first IMPORT_REFUSALS_MAX. ERR_NOT_FOUND: it is gone. */
    enum err (*import_refuse)(struct backend *b, int64_t id, const struct import_refusal *r);
    enum err (*import_get)(struct backend *b, int64_t provider_id, int64_t id, import_row_fn *fn, void *arg);
    enum err (*import_list)(struct backend *b, int64_t provider_id, int64_t before, uint32_t limit,
                            import_row_fn *fn, void *arg); /* newest first */
    enum err (*import_refusals)(struct backend *b, int64_t id, refusal_row_fn *fn, void *arg);
    /* Imports of a process that is gone are ended with that reason. */
    enum err (*import_end_all)(struct backend *b, struct span reason, int64_t wall_ms);

    /*
     * Deletes, or strips of names, at most limit rows of what is gone: providers, lists, users' messages.
     * Fewer than limit: there are no more.
     */
    enum err (*audience_prune)(struct backend *b, uint32_t limit, uint32_t *ret_count);
};
