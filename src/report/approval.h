#pragma once
/* Whose option is approved, in memory: what showing or changing a channel needs to know without asking the
 * store. Any thread may ask. */
#include <pthread.h>
#include <stdbool.h>

#include "base/map.h"
#include "model/option.h"
#include "store/store.h"

struct approvals {
    pthread_mutex_t lock;
    struct map map; /* id → struct approval */
};

/* Reads the store; waits. ERR_NOMEM, and what the store says. */
enum err approvals_open(struct approvals *a, struct store *store) MUST_CHECK;
void approvals_close(struct approvals *a); /* safe on a zeroed struct */

bool approvals_has(struct approvals *a, int64_t provider_id);

/*
 * A change in two steps, on the store thread: what can fail before the commit, the rest after it. *ret is
 * NULL where nothing needs memory; give what was prepared and not put to mem_free().
 */
struct approval;
enum err approvals_prepare(int64_t provider_id, enum option_state to, struct approval **ret) MUST_CHECK;
void approvals_put(struct approvals *a, int64_t provider_id, struct approval *prepared);
