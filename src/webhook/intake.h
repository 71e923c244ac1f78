#pragma once
/*
 * Accepts events: one request of a publisher becomes one store call. After the commit the events are handed
 * to their courier in memory, in commit order, and the publisher gets its response.
 */
#include "store/directory.h"
#include "store/store.h"
#include "webhook/delivery.h"
#include "webhook/publication.h"

#define INTAKE_KEY_MAX 255u /* bytes of an Idempotency-Key */

struct intake {
    struct store *store;
    struct directory *directory;
    const struct courier_set *couriers;
    struct delivery_counters *counters;
    const struct clock *clock;
    int64_t key_ms;                                /* how long an Idempotency-Key is honoured */
    int64_t channel_backlog_max, node_backlog_max; /* events accepted and not ended */
};

struct intake_call;

/* err: ERR_NONE; ERR_CONFLICT: the key was used with another body; ERR_LIMIT, ERR_DENIED: as intake_submit()
 * says; ERR_NOT_FOUND: the channel is gone; else the store cannot keep them now (ERR_FULL, ERR_BUSY, …) and
 * nothing was kept. ids live for the call. */
typedef void intake_done_fn(void *arg, enum err err, const int64_t *ids, uint32_t count);

/*
 * Takes over the events of p and answers on home's loop. key may be empty; body is what the key stands for,
 * read during the call only. ERR_LIMIT: the backlog bound is reached; ERR_DENIED: Use webhook is off;
 * ERR_NOMEM. Then done is not called and p is untouched. With a key the first two are told by done: if the
 * key is known, the answer is the first call's all the same.
 */
enum err intake_submit(struct intake *in, struct channel_ref *ref, struct publication *p, struct span key,
                       struct span body, struct mailbox *home, intake_done_fn *done, void *arg) MUST_CHECK;

/* Makes a small write, so that a recovered store is noticed even when nobody posts. */
void intake_try_store(struct intake *in, struct mailbox *home);
