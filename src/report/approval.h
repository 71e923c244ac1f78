#pragma once
/*
 * Remembers in memory which providers have the option approved, so that showing or changing a channel need
 * not ask the store. Any thread may ask.
 */
#include <pthread.h>
#include <stdbool.h>

#include "base/map.h"
#include "model/option.h"
#include "store/store.h"

struct approvals {
    pthread_mutex_t lock;
    struct map map; /* id → struct approval */
};

/* Reads the approvals from the store and waits for it. ERR_NOMEM, and the store's errors. */
enum err approvals_open(struct approvals *a, struct store *store) MUST_CHECK;
void approvals_close(struct approvals *a); /* safe on a zeroed struct */

bool approvals_has(struct approvals *a, int64_t provider_id);

/*
 * Changes an approval in two steps, both on the store's thread: approvals_prepare before the commit does
 * everything that can fail, approvals_put after the commit does the rest. *ret is NULL when no memory is
 * needed; if approvals_put is not called, pass *ret to mem_free().
 */
struct approval;
enum err approvals_prepare(int64_t provider_id, enum option_state to, struct approval **ret) MUST_CHECK;
void approvals_put(struct approvals *a, int64_t provider_id, struct approval *prepared);
