#pragma once
/* What a lane queues: whatever it is, dispatch sees only this head of it. */
#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"

struct item {
    struct list link;
    struct heap_node due_node; /* while it waits for its time */
    int64_t id;                /* rises with time */
    int64_t due_ms;            /* wall clock; 0: at once */
    uint32_t size;             /* bytes it adds to a request */
    uint32_t memory;           /* bytes it holds in memory */
    uint16_t tries;            /* how often it was sent; an item tried before travels alone */
    uint16_t faults;           /* faults of our own since, in a row */
    bool retry;                /* its row is in the retry table, not in the queue */
    bool out;                  /* dispatch's: it was sent and is not done or put off yet */
};
