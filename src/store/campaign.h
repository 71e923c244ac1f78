#pragma once
/*
 * Senders, campaigns, jobs and their messages, as a backend keeps them. Spans of rows live as long as the
 * call of the function that takes them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "fault/receipt.h"

struct backend;

#define SENDER_SETTINGS_MAX 16384u
#define SENDER_SECRET_MAX 16384u /* bytes of the credentials as JSON; a service account has some 2,400 */

enum sender_state { SENDER_FINE, SENDER_PAUSED };

struct sender {
    int64_t id, provider_id;
    struct span name;
    enum service service;
    struct span settings; /* a JSON object */
    struct span secret;   /* a JSON object, in clear; sealed on disk. Empty in lists */
    enum sender_state state;
    struct span reason;      /* why its jobs pause: the id of an error, "guard"; empty: they do not */
    struct span reason_text; /* what the service said */
    int64_t changed_ms;      /* of the state */
    int64_t created_ms, updated_ms;
};

struct campaign {
    int64_t id, provider_id, sender_id;
    struct span short_id, name;
    enum medium medium;
    bool enabled;
    struct span content, variables, stop_when; /* JSON; stop_when empty: never */
    int64_t created_ms, updated_ms;
};

enum job_state {
    JOB_SCHEDULED, /* waits for its time; one that repeats stays so, and makes a job each time */
    JOB_PREPARING, /* its audience is being gathered, and nothing is sent before it is whole */
    JOB_RUNNING,
    JOB_PAUSED,
    JOB_COMPLETED, /* from here on: ended */
    JOB_STOPPED,
    JOB_FAILED, /* an error of the job itself: nothing was sent */
    JOB_STATES
};

struct job {
    int64_t id, provider_id, campaign_id, sender_id;
    enum medium medium;
    struct span campaign_name, short_id;
    /* As they were when the job was made, and the audience as JSON; empty in lists and in job_peek. */
    struct span content, variables, stop_when, audience;
    struct span nonce; /* random, 32 hex digits: the keys of its messages are made from it */
    enum job_state state;
    struct span reason, reason_text; /* "hand", "missed", "guard", the id of an error; what was said */
    double per_second;               /* 0: no limit of its own */
    bool dedupe;
    int64_t at_ms;      /* when it is to begin; 0: at once */
    struct span repeat; /* JSON; empty: once */
    int64_t parent_id;  /* the job it sends again, or the one that repeats; 0: none */
    bool gathered;      /* all of the audience is in the messages */
    int64_t position;   /* how far gathering has come */
    int64_t total;      /* messages so far, numbered from 1 */
    int64_t claimed;    /* all up to this number were handed to be sent, or are ended */
    int64_t settled;    /* all up to this number are ended, or wait to be tried again */
    int64_t ended;      /* how many are ended */
    int64_t claimed_ms; /* when the last were claimed */
    int64_t created_ms, started_ms, ended_ms;
};

enum message_state {
    MESSAGE_WAITING, /* on disk also one that is being sent for the first time: its number is ≤ job.claimed */
    MESSAGE_SENDING, /* on disk one that is being sent again */
    MESSAGE_RETRYING,
    MESSAGE_SENT, /* from here on: ended */
    MESSAGE_DELIVERED,
    MESSAGE_FAILED,
    MESSAGE_SKIPPED, /* a rule kept it back */
    MESSAGE_UNKNOWN, /* the service may have taken it */
    MESSAGE_STATES
};

struct message {
    int64_t job_id, n;
    int64_t user_id; /* 0: none, or not known yet */
    struct span
        name; /* what a row of a list or query names: a userId or a target; ptr NULL: user_id says it */
    struct span target; /* where it goes; ptr NULL: not chosen yet, there is none, or it was deleted */
    enum message_state state;
    struct span error;  /* the id of the error; empty: none */
    struct span detail; /* what fills the text of the error, or what the service said */
    /*
     * Of an error: class, retry, effect (what it changed) and whom it concerns, each by its string
     * (receipt.h), with blanks between; an error of our own has the class "-".
     */
    struct span judged;
    struct span processed; /* whether the service may have taken it: "", "no", "unknown", "yes" */
    uint16_t tries;
    int64_t due_ms; /* MESSAGE_RETRYING */
    struct span service_id;
    int64_t at_ms; /* of its last change; 0: none yet */
};

/* Messages of a job, or of a user in all jobs of the provider. */
struct message_filter {
    int64_t job_id;  /* 0: of user_id */
    int64_t user_id; /* 0: of job_id */
    int64_t provider_id;
    unsigned states;   /* bits 1 << enum message_state; 0: all */
    struct span error; /* id; empty: all */
    struct span text;  /* in the target or the detail, or the whole of the name; empty: all */
    /* n; of a user: id of the last job and n in it, below which to go on (newest first). */
    int64_t after, after_n;
    uint32_t limit, scan;
    int64_t last, last_n; /* out: the last one looked at, as after and after_n; last 0: there are no more */
};

struct job_count {
    enum message_state state;
    struct span error, text;
    struct span judged; /* as struct message */
    int64_t count;
};

typedef enum err sender_row_fn(void *arg, const struct sender *s);
typedef enum err campaign_row_fn(void *arg, const struct campaign *c);
typedef enum err job_row_fn(void *arg, const struct job *j);
typedef enum err message_row_fn(void *arg, const struct message *m);
typedef enum err job_count_fn(void *arg, const struct job_count *c);

/* Senders and campaigns. A row of another provider is ERR_NOT_FOUND; sender_get takes 0 for any. */
struct backend_campaigns {
    enum err (*sender_insert)(struct backend *b, struct sender *s); /* sets s->id */
    enum err (*sender_update)(struct backend *b, const struct sender *s);
    /* The credentials and settings stay as they are. */
    enum err (*sender_state)(struct backend *b, int64_t id, enum sender_state state, struct span reason,
                             struct span reason_text, int64_t wall_ms);
    enum err (*sender_delete)(struct backend *b, int64_t provider_id, int64_t id); /* ERR_CONFLICT: in use */
    enum err (*sender_get)(struct backend *b, int64_t provider_id, int64_t id, sender_row_fn *fn, void *arg);
    enum err (*sender_list)(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                            sender_row_fn *fn, void *arg);
    enum err (*campaign_insert)(struct backend *b,
                                struct campaign *c); /* sets c->id. ERR_EXISTS: the short id */
    enum err (*campaign_update)(struct backend *b, const struct campaign *c);
    enum err (*campaign_delete)(struct backend *b, int64_t provider_id, int64_t id);
    enum err (*campaign_get)(struct backend *b, int64_t provider_id, int64_t id, campaign_row_fn *fn,
                             void *arg);
    enum err (*campaign_find)(struct backend *b, int64_t provider_id, struct span short_id,
                              campaign_row_fn *fn, void *arg);
    /* ERR_NOT_FOUND: it was deleted. */
    enum err (*campaign_enabled)(struct backend *b, int64_t provider_id, int64_t id, bool *ret);
    enum err (*campaign_list)(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                              campaign_row_fn *fn, void *arg);
};

/* Jobs and messages. */
struct backend_jobs {
    enum err (*job_insert)(struct backend *b, struct job *j); /* sets j->id */
    /* Writes state, reason, gathered, position, total, claimed, settled, ended, at and the times. */
    enum err (*job_update)(struct backend *b, const struct job *j);
    enum err (*job_get)(struct backend *b, int64_t provider_id, int64_t id, job_row_fn *fn, void *arg);
    enum err (*job_peek)(struct backend *b, int64_t id, job_row_fn *fn, void *arg);
    enum err (*job_list)(struct backend *b, int64_t provider_id, int64_t campaign_id, int64_t before,
                         uint32_t limit, job_row_fn *fn, void *arg); /* newest first; campaign_id 0: all */
    /* Open ones, and those that were stopped and still have messages that wait; at start only. */
    enum err (*job_open_list)(struct backend *b, int64_t after, uint32_t limit, job_row_fn *fn, void *arg);
    /* The job in JOB_SCHEDULED whose time came first, if it has come. ERR_NOT_FOUND: there is none. */
    enum err (*job_due)(struct backend *b, int64_t now_ms, int64_t *ret_id);
    /* Open jobs of a sender or a campaign; 0: of any. */
    enum err (*job_open_count)(struct backend *b, int64_t provider_id, int64_t sender_id, int64_t campaign_id,
                               uint64_t *ret);

    enum err (*message_insert)(struct backend *b, const struct message *m);
    /* Writes all but name; user_id and target only where they were not known. */
    enum err (*message_update)(struct backend *b, const struct message *m);
    /* Deletes at most limit messages of the job. */
    enum err (*message_drop)(struct backend *b, int64_t job_id, uint32_t limit, uint32_t *ret_count);
    enum err (*message_get)(struct backend *b, int64_t job_id, int64_t n, message_row_fn *fn, void *arg);
    /* Messages in MESSAGE_WAITING from after + 1 to last, in order. */
    enum err (*message_waiting)(struct backend *b, int64_t job_id, int64_t after, int64_t last,
                                uint32_t limit, message_row_fn *fn, void *arg);
    /* Messages in that state (MESSAGE_SENDING or MESSAGE_RETRYING), first due first. */
    enum err (*message_due)(struct backend *b, int64_t job_id, enum message_state state, uint32_t limit,
                            message_row_fn *fn, void *arg);
    enum err (*message_find)(struct backend *b, struct message_filter *f, message_row_fn *fn, void *arg);
    /* Which message of the job has this target: n itself if none had it before. */
    enum err (*target_take)(struct backend *b, int64_t job_id, const uint8_t hash[static 16], int64_t n,
                            int64_t *ret_n);
    enum err (*target_prune)(struct backend *b, int64_t job_id, uint32_t limit, uint32_t *ret_count);

    enum err (*count_add)(struct backend *b, int64_t job_id,
                          const struct job_count *c); /* count may be < 0 */
    enum err (*count_list)(struct backend *b, int64_t job_id, job_count_fn *fn, void *arg);
    /* Whether the user has a message of that campaign (its id or short id), in one of these states (bits 1 <<
     * enum message_state), that changed last at since_ms or later. */
    enum err (*message_since)(struct backend *b, int64_t user_id, struct span campaign, unsigned states,
                              int64_t since_ms, bool *ret);
    /* Deletes at most limit messages of jobs that ended before; then the jobs. */
    enum err (*job_prune)(struct backend *b, int64_t before_ms, uint32_t limit, uint32_t *ret_count);
};
