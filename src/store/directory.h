#pragma once
/*
 * Every channel, in memory: what a call or a delivery needs to know without asking the store. Entries are
 * immutable snapshots with a reference count; a change swaps the snapshot after its commit. Readers of any
 * thread take the lock for a look-up only.
 */
#include <stdatomic.h>

#include "model/channel.h"
#include "store/pulse.h"
#include "store/store.h"

struct directory;

/* What outlives the snapshots of a channel. */
struct channel_live {
    atomic_uint refs;
    /* Events accepted and not ended, those being committed included; far below zero once the channel was
     * deleted and counts no more for the node. One word says both, so that no addition is counted in one
     * place only. */
    _Atomic int64_t backlog;
    struct pulse pulse;
};

struct channel_ref {
    atomic_uint refs;
    struct channel channel;
    struct channel_live *live;
};

#define DIRECTORY_CHANNELS_MAX 200000u /* of a node; caps the memory: about 1.7 KB a channel */

/* channels_max: when directory_full() says so. What the store holds is loaded in any case. */
enum err directory_new(struct directory **ret, size_t channels_max) MUST_CHECK;
void directory_free(struct directory *d); /* NULL-safe */

/* Fills it at start from the store; waits. */
enum err directory_load(struct directory *d, struct store *s) MUST_CHECK;

/* A reference, or NULL: no such channel. Give it back with channel_ref_drop(). */
struct channel_ref *directory_get(struct directory *d, int64_t id);
struct channel_ref *channel_ref_hold(struct channel_ref *ref);
void channel_ref_drop(struct channel_ref *ref); /* NULL-safe */

/*
 * A change in two steps, both on the store thread: what can fail (memory) before the commit, the swap after
 * it. An entry prepared and not put must be given to directory_discard().
 */
enum err directory_prepare(struct directory *d, const struct channel *c, struct channel_ref **ret) MUST_CHECK;
void directory_put(struct directory *d, struct channel_ref *prepared);
void directory_discard(struct channel_ref *prepared); /* NULL-safe */
void directory_remove(struct directory *d, int64_t id);

size_t directory_count(struct directory *d);
/* Ask before a channel is made: once its row is written it is too late to refuse it. */
bool directory_full(struct directory *d);
/* Of all channels: accepted and not ended. */
int64_t directory_backlog(const struct directory *d);
/* How many channels are suspended, and what waits for them. */
void directory_suspended(struct directory *d, uint64_t *ret_channels, uint64_t *ret_events);
/* Of a channel; 0 once it was deleted. */
int64_t directory_backlog_of(const struct channel_live *live);
/* Adds n (may be negative) to a channel's and the node's backlog; returns the channel's new one. */
int64_t directory_backlog_add(struct directory *d, struct channel_live *live, int64_t n);

/* Calls fn for every channel, oldest first, without the lock held. */
enum err directory_each(struct directory *d, void (*fn)(void *arg, struct channel_ref *ref),
                        void *arg) MUST_CHECK;
