#pragma once
/* Internal to the files that make up a batch: its messages, and the steps they go through. */
#include "campaign/batch.h"
#include "campaign/made.h"

#define BATCH_ROUNDS_MAX 6u /* requests that one message is part of within a batch */

/* One message, from its claim to its record. */
struct sending {
    struct batch *batch;
    struct buf out; /* what was rendered for it */
    struct carrier_content members[CARRIER_CONTENT_MAX];
    size_t member_count;
    bool sent;  /* part of a request under way */
    bool ready; /* rendered, not answered yet */
    bool ended; /* fate says what became of it */
    uint8_t rounds;
    struct fate_of_message fate;
    struct message_judgement judged;
    bool withdraw, drop;
    uint32_t wait_s;
    char service_id[128];
};

struct batch {
    struct batches *all;
    struct campaign_job *job;
    struct list link;  /* in job->batches */
    struct list grant; /* in sender->waiting */
    struct list queue; /* in sender->queue */
    uint32_t count;
    struct item **items;
    struct claim claim;
    struct claimed *messages;
    struct sending *sendings;
    uint32_t rendering, shipped; /* what is not back yet */
    struct record claiming, recording;
    bool bad, good, waited; /* for the lane's window: waited: the sender had no request to spare */
    bool pause;
    enum delivery_error_id pause_error;
    char pause_text[RECEIPT_TEXT_MAX];
    uint32_t hold_s;
    int64_t settled;
    enum job_state state; /* of the job, after the record */
};

static inline void batch_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline int64_t batch_now(const struct batch *b) /* wall clock, ms */
{
    return b->all->clock->wall_ms(b->all->clock->arg);
}

/* batch_end.c: what becomes of a message. error NULL: none. */
void batch_end(struct batch *b, uint32_t i, enum message_state is, const enum delivery_error_id *error,
               struct span detail, const char *processed);
void batch_fail(struct batch *b, uint32_t i, enum delivery_error_id error, const char *detail);
/* A fault of this node: the message is tried again, and the error is shown if it stays. */
void batch_fail_here(struct batch *b, uint32_t i, const char *between);
/* The message is not ready: m says why. */
void batch_made(struct batch *b, uint32_t i, const struct made *m);
void batch_take(struct batch *b, uint32_t i, const struct carrier_result *x);

/* batch_render.c, batch_ship.c, batch.c: each step begins the next once all of its messages are through. */
void batch_render(struct batch *b);
void batch_ship(struct batch *b);
void batch_record(struct batch *b);
