#pragma once
/*
 * A job and its sender as one loop thread holds them while the job is open: compiled once, borrowed by every
 * batch. A batch on the store's thread reads only what never changes.
 */
#include <uv.h>

#include "base/arena.h"
#include "campaign/content.h"
#include "campaign/variables.h"
#include "carrier/carrier.h"
#include "dispatch/dispatch.h"
#include "store/backend.h"
#include "store/condition.h"

/* How a job's audience is given. */
enum audience_kind { AUDIENCE_SEGMENT, AUDIENCE_LIST, AUDIENCE_QUERY, AUDIENCE_AGAIN };

struct job_audience {
    enum audience_kind kind;
    enum by by;                  /* of a list or a query; AUDIENCE_AGAIN: of the job before */
    bool by_row;                 /* a list or a query named the people, also in the job before */
    int64_t list_id, job_id;     /* AUDIENCE_LIST; AUDIENCE_AGAIN: whose messages */
    bool unknown;                /* AUDIENCE_AGAIN: the unknown ones, else those that may be sent again */
    struct condition *condition; /* AUDIENCE_SEGMENT: as it was when the job was made; NULL: everybody */
    char *sql;                   /* AUDIENCE_QUERY */
};

/*
 * Reads the audience of a job from its JSON (campaign_job.c says its members). ERR_INVALID: *why says which
 * member and what; ERR_NOMEM.
 */
enum err job_audience_read(struct job_audience *ret, struct span json, struct carrier_fault *why) MUST_CHECK;
void job_audience_drop(struct job_audience *a); /* safe on a zeroed struct */

struct campaign_sender {
    int64_t id, provider_id;
    enum service service;
    struct carrier *carrier; /* NULL: its settings are refused now; why says so */
    struct relay *relay;     /* of the kind smtp, from its first mail on: mail_sender.c */
    struct carrier_fault why;
    bool permanent; /* unsubscribeOn: only what is permanent withdraws consent */
    double per_second;
    bool paused;            /* by an error of the whole account */
    uint64_t held_until_us; /* the service asked to wait, monotonic; 0: it did not */
    struct list jobs;       /* struct campaign_job by link */
    int64_t updated_ms;     /* of the row it was made from */
    unsigned refs;          /* beside its jobs */
    /* An access token is being fetched: what waits for it, by struct granted.link. */
    bool granting;
    struct list waiting;
    uint32_t requests; /* under way */
    struct list queue; /* batches that wait until one of them ends */
};

struct campaign_job {
    /* Never changes. */
    int64_t id, provider_id, campaign_id;
    enum medium medium;
    char short_id[32];
    bool dedupe;
    double per_second; /* its own limit; 0: none */
    struct job_audience audience;
    struct content *content;
    struct variables *variables;
    struct condition *stop_when;
    bool same;      /* all get the same bytes: one request may carry many */
    char nonce[33]; /* what the keys of its messages are made from, the same after a restart */

    /* On the loop. */
    struct campaign_sender *sender;
    struct list link;  /* in sender->jobs */
    struct lane *lane; /* NULL: none */
    unsigned refs;     /* the table's and one a batch */
    enum job_state state;
    bool gone; /* it has ended: the last batch frees it */
    bool gathering;
    double share;            /* of the sender's pace */
    int64_t claimed;         /* the highest number handed to a batch */
    struct list batches;     /* by struct batch.link, oldest first */
    _Atomic int64_t sending; /* messages on their way */
    struct buf rendered;     /* same: what was rendered for all */
    struct content_rendered once;
    bool once_done;
};
