#pragma once
/*
 * A hash table from byte strings to pointers: open addressing, linear probing, deletion without tombstones.
 * Strangers choose the keys, so they are hashed with a secret (SipHash-1-3, Aumasson and Bernstein 2012):
 * nobody can aim for collisions. Neither keys nor values are owned: a key's bytes must live as long as its
 * entry, usually in the value itself.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/random.h"
#include "base/span.h"

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t room;  /* slots allocated, a power of two or 0 */
    size_t count; /* entries held */
    size_t max;   /* most entries ever held */
    uint64_t secret[2];
};

/* Allocates nothing. max: the cap on entries. */
void map_init(struct map *m, size_t max, const struct random *random);
void map_deinit(struct map *m); /* safe on a zeroed struct; forgets the entries, frees none of them */

/* value must not be NULL. ERR_EXISTS: the key is there already; ERR_LIMIT: max reached; ERR_NOMEM. */
enum err map_put(struct map *m, struct span key, void *value) MUST_CHECK;
void *map_get(const struct map *m, struct span key); /* NULL: not there */
void *map_remove(struct map *m, struct span key);    /* the value that was there, or NULL */

/*
 * All values, in no order: start with *pos = 0, until NULL. The map must not change meanwhile; to empty it
 * while freeing the values, walk first and call map_deinit after.
 */
void *map_next(const struct map *m, size_t *pos);

/* The hash itself (64 bits), for callers that spread things by a key. */
uint64_t map_siphash(const uint64_t secret[static 2], struct span s);
