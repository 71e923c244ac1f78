#pragma once
/* Memory of one request or attempt: many small allocations, one release. Nothing in it is freed alone. */
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk; /* the newest chunk, linked to the older ones */
    size_t chunk_size;         /* usual size of a chunk in bytes; a larger allocation gets a larger one */
    size_t used, max;          /* bytes handed out (padding included) and their cap */
};

void arena_init(struct arena *a, size_t chunk_size, size_t max); /* allocates nothing */
void arena_deinit(struct arena *a);                              /* safe on a zeroed struct */
/* Releases all allocations, but keeps one chunk for the next round. */
void arena_reset(struct arena *a);

/* Aligned for any type, uninitialised. NULL: past max or out of memory. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;
void *arena_zero(struct arena *a, size_t count, size_t size) MUST_CHECK;
/* A NUL-terminated copy; NULL as above. */
char *arena_dup(struct arena *a, struct span s) MUST_CHECK;
