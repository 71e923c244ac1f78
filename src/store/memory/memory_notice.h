#pragma once
/* The twin of sqlite_notice.c, as far as recorded attempts touch it: the windows. A part of memory.c's
 * tables. */
#include "store/backend.h"

struct memory_notice {
    struct notice notice; /* its spans refer to the texts below */
    char reason[32], detail[64];
};

struct memory_notices { /* zeroed: none */
    struct memory_notice *items;
    size_t count, alloc;
    int64_t next;
};

void memory_notices_free(struct memory_notices *v);
/* to is overwritten. ERR_NOMEM. */
enum err memory_notices_copy(struct memory_notices *to, const struct memory_notices *from) MUST_CHECK;

enum err memory_notice_put(struct memory_notices *v, const struct notice *n) MUST_CHECK;
enum err memory_notice_result(struct memory_notices *v, const struct attempt *a, int64_t wall_ms) MUST_CHECK;
enum err memory_notice_due(const struct memory_notices *v, int64_t wall_ms, uint32_t limit, notice_row_fn *fn,
                           void *arg) MUST_CHECK;
