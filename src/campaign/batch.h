#pragma once
/*
 * Some messages of a job that are claimed, rendered, sent and recorded together.
 *
 *     batch_send ─► claim (store) ─► render ─► requests ─► answers ─► record (store) ─► done, or again later
 *
 * On the loop that owns the job's sender.
 */
#include "campaign/campaign_job.h"
#include "campaign/campaign_request.h"
#include "campaign/claim.h"
#include "campaign/counters.h"
#include "campaign/renderer.h"
#include "courier/courier.h"

struct batch;

/* What all batches of a loop share; borrowed. */
struct batches {
    struct campaign_requests requests;
    struct courier *courier;
    struct renderer *renderer; /* NULL: no process for templates could be had */
    const struct clock *clock;
    struct campaign_counters *counters;
    uint64_t open; /* batches that have not ended */
    /* The job was found completed or paused by a write. */
    void (*changed)(void *arg, struct campaign_job *j, enum job_state state);
    /* The sender must not send until then, monotonic microseconds; or at all. */
    void (*hold)(void *arg, struct campaign_sender *s, uint64_t until_us);
    void (*paused)(void *arg, struct campaign_sender *s);
    /* The sender may be used no more: refs were given back. */
    void (*drop_sender)(void *arg, struct campaign_sender *s);
    /* A batch waits in sender->waiting for an access token. */
    void (*grant)(void *arg, struct campaign_sender *s);
    /* The batch needs its job no more. */
    void (*drop_job)(void *arg, struct campaign_job *j);
    void *arg;
};

/* The courier's send: the items stay in the lane until the batch has ended. ERR_NOMEM: nothing was begun. */
enum err batch_send(struct batches *all, struct campaign_job *j, struct item *const *items,
                    uint32_t count) MUST_CHECK;
/*
 * All of the job's messages up to this number are ended, or wait to be tried again: nothing of them is on
 * its way.
 */
int64_t batches_settled(const struct campaign_job *j);

/* The access token has come, or cannot be had (receipt): what waited for it goes on. */
void batch_granted(struct campaign_sender *s, const struct receipt *refused);
