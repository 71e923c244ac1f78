#pragma once
/* What the kernel holds the process of a query to. */
#include <stdbool.h>
#include <stdint.h>

/* At the start: it ends with its parent, and has no descriptor but standard input. */
bool query_jail_enter(void);
/*
 * Before SQL of other people is run: no more memory, computing time and bytes in a file than this, no call
 * but those that reading an open database takes, and none of it can be taken back.
 */
bool query_jail_shut(uint32_t time_ms, uint64_t memory, uint64_t space);
