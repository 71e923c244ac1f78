#pragma once
/*
 * Jobs that begin at a time. Once a second, on one loop, the store is asked for one whose time has come by
 * the wall clock:
 *
 *     job with at       begins; a time that passed an hour ago or more was missed, and the job fails as that
 *     job with repeat   is a plan: makes a job with the campaign and the audience as they are now, and
 *     gets its next time,
 *                       which is later than the last one, also where the clock was set back. What was
 *                       missed is put on record as one job that failed
 */
#include "base/arena.h"
#include "campaign/campaign.h"

#define SCHEDULE_STEP 20u /* jobs begun in one call of the store; the others a second later */

struct schedule {
    struct store *store;
    struct mailbox *mailbox;
    const struct clock *clock;
    const struct campaigns_set *set;
    struct store_call call;
    struct arena arena; /* of the job at hand */
    bool busy, stopping;
    bool due; /* found by the look */
    size_t count;
    struct {
        int64_t job_id, sender_id;
    } begun[2 * SCHEDULE_STEP];
};

void schedule_init(struct schedule *s, struct store *store, struct mailbox *mailbox,
                   const struct clock *clock, const struct campaigns_set *set);
void schedule_tick(struct schedule *s); /* about once a second, on the loop of the mailbox */
void schedule_stop(struct schedule *s);
bool schedule_idle(const struct schedule *s);
/* What a tick does on the store's thread: begins what is due; s->begun says which. */
enum err schedule_run(struct schedule *s, struct backend *b) MUST_CHECK;
