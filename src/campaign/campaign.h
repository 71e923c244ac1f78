#pragma once
/*
 * The owner of the job lanes of one loop thread: which jobs are open, who sends their messages, how fast, and
 * what pauses them. All jobs of a sender are on one loop, so that its pace and its rests need no lock.
 *
 *     api / schedule ─► campaigns_notify ─► load (store) ─► gathering (store) ─► courier (lanes) ─► batch
 */
#include "campaign/batch.h"
#include "campaign/query.h"

struct campaigns;

struct campaigns_config {
    uv_loop_t *loop;
    struct courier *courier; /* the loop's */
    struct mailbox *mailbox; /* the loop's */
    struct engine *engine;   /* the loop's */
    struct relays *relays;   /* the loop's */
    struct store *store;
    const struct query_options *queries;
    struct renderer *renderer; /* the loop's; NULL: templates that need the engine fail */
    const struct clock *clock;
    struct campaign_counters *counters;
    struct exchange_deadlines deadlines;
    const char *user_agent;
    bool allow_http;
};

/* Everything in config is borrowed; the courier is told who owns the jobs' lanes. ERR_NOMEM. */
enum err campaigns_new(struct campaigns **ret, const struct campaigns_config *config) MUST_CHECK;
/* After its courier. NULL-safe. */
void campaigns_free(struct campaigns *c);
/* Nothing is begun any more. */
void campaigns_stop(struct campaigns *c);
/* No batch is on its way, and nothing waits for the store. */
bool campaigns_idle(const struct campaigns *c);

/* The loops of a node: a sender belongs to one of them. */
struct campaigns_set {
    struct campaigns *all[64];
    size_t count;
};
struct campaigns *campaigns_of(const struct campaigns_set *set, int64_t sender_id);
/* The one of the loop with this mailbox. */
struct campaigns *campaigns_here(const struct campaigns_set *set, const struct mailbox *mailbox);
/*
 * What the loop sends and renders with, for requests that belong to no job; borrowed. The renderer may be
 * NULL.
 */
const struct campaign_requests *campaigns_requests(const struct campaigns *c);
struct renderer *campaigns_renderer(const struct campaigns *c);

/* A job was made, changed or ended, or its sender was changed. */
struct campaigns_note {
    struct letter letter;
    struct campaigns *campaigns;
    int64_t job_id;
};
/* From any thread, after the commit; the note, a block of mem_*, is freed by it. */
void campaigns_notify(struct campaigns *c, struct campaigns_note *note);
