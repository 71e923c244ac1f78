#pragma once
/*
 * Claims the messages of a batch: puts on record that they are about to be sent, and checks, in the order of
 * the customer's list, whether each may be. What must not be sent ends here, within the same write.
 */
#include "base/arena.h"
#include "campaign/campaign_job.h"
#include "campaign/ledger.h"

struct claimed {
    int64_t n;
    bool go;    /* it is to be sent; else it has ended, or is no longer there */
    bool ended; /* a check refused it: error says why, is what it came to */
    enum delivery_error_id error;
    enum message_state is;
    bool stopped; /* the campaign's stop condition matches: told after what the content makes of it */
    int64_t user_id;
    struct span name, attributes; /* of the user; empty where nobody is known by the target */
    struct span target, p256dh, auth;
    uint16_t tries; /* before this one */
};

struct claim {
    const struct campaign_job *job; /* only what never changes of it is read */
    int64_t now_ms;
    uint32_t count;
    struct claimed *messages; /* count of them, n set by the caller */
    int64_t settled;          /* of the job, before this claim */

    /* Results. */
    struct arena arena; /* holds the spans */
    bool idle;          /* the job does not run: its messages wait on, or end without being sent */
    bool put_back;      /* and those are on record as to be tried again at once */
    int64_t added;      /* messages added for further targets of the same people */
    bool completed;
};

#define CLAIM_MEMORY_MAX (48u << 20) /* 1,000 people with attributes and targets at their largest */

/* Why somebody gets no message. */
struct claim_refusal {
    bool refused, skipped; /* skipped: a rule kept it back */
    enum delivery_error_id error;
    char detail[160];
};

/*
 * The checks that concern a person, of one who is in no job, by the userId: as a claim makes them, but
 * nothing is written. Of c->job only provider_id, medium, audience and stop_when are read; count is 1. On any
 * thread of the store; may run twice.
 */
enum err claim_try(struct claim *c, struct backend *b, struct span user,
                   struct claim_refusal *ret) MUST_CHECK;

/* On the store's writing thread; may run twice. */
enum err claim_run(struct claim *c, struct backend *b) MUST_CHECK;

/*
 * Who and which target a claim of the message chose, as far as it can be told afterwards: the claim itself
 * writes neither. Spans are in the claim's arena; ret->target.ptr NULL: none.
 */
enum err claim_recall(struct claim *c, struct backend *b, const struct message *m,
                      struct claimed *ret) MUST_CHECK;
