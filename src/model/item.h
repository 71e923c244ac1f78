#pragma once
/* What a lane queues: the head of a larger struct, and the only part that dispatch sees. */
#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/list.h"

struct item {
    struct list link;
    struct heap_node due_node; /* used while the item waits for its time */
    int64_t id;                /* rises with time */
    int64_t due_ms;            /* wall clock; 0: at once */
    uint32_t size;             /* bytes it adds to a request */
    uint32_t memory;           /* bytes it holds in memory */
    uint16_t tries;            /* how often it was sent; an item that was tried before is sent alone */
    uint16_t faults;           /* faults of this node since then, in a row */
    bool retry;                /* its row is in the retry table, not in the queue */
    bool out;                  /* used by dispatch: it was sent, and is neither done nor put off yet */
};
