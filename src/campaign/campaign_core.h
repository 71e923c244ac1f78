#pragma once
/* Internal to the files that make up the owner of the job lanes. */
#include "campaign/campaign.h"

struct campaigns {
    struct campaigns_config config;
    struct batches batches;
    struct map jobs;    /* struct campaign_job by id */
    struct map senders; /* struct campaign_sender by id */
    struct list loads;  /* jobs being read: campaign_load.c */
    uint64_t waiting;   /* store calls and token requests under way */
    bool stopping;
};

/* The key of both maps. */
static inline struct span campaigns_key(const int64_t *id)
{
    return (struct span){(const char *)id, sizeof(*id)};
}

struct campaign_job *campaigns_job(struct campaigns *c, int64_t id); /* NULL: not open here */
struct campaign_sender *campaigns_sender(struct campaigns *c,
                                         int64_t id); /* NULL: none of its jobs is open */
/* Frees a sender that nothing refers to any more. */
void campaigns_sender_free(struct campaigns *c, struct campaign_sender *s);
/* Frees a job nothing refers to any more. */
void campaigns_drop(struct campaigns *c, struct campaign_job *j);
/* The job ends here: its lane closes, and it leaves the table. */
void campaigns_end(struct campaigns *c, struct campaign_job *j);
/* Sets lanes by the states of the sender and of its jobs. */
void campaigns_apply(struct campaigns *c, struct campaign_sender *s);

/* campaign_load.c: reads a job and its sender from the store, and takes it up. */
void campaign_load(struct campaigns *c, int64_t job_id);
/* campaign_gather.c: brings the audience of a job into its messages, step by step. */
void campaign_gather(struct campaigns *c, struct campaign_job *j);
/* campaign_query.c: the same for a query, whole. */
void campaign_query(struct campaigns *c, struct campaign_job *j);
/*
 * campaign_sweep.c: ends what waits in a job that was stopped, and forgets which targets one that has ended
 * used.
 */
void campaign_sweep(struct campaigns *c, int64_t job_id);
/* campaign_grant.c: fetches an access token for the batches that wait for one. */
void campaign_grant(struct campaigns *c, struct campaign_sender *s);
/* campaign_pause.c: puts all running jobs of a sender on record as paused. */
void campaign_pause(struct campaigns *c, struct campaign_sender *s);
