#pragma once
/*
 * Every channel, in memory, so that a call or a delivery need not read the store. Entries are immutable
 * snapshots with a reference count; a change replaces the snapshot after its commit. Readers on any thread
 * hold the lock only for the look-up.
 */
#include <stdatomic.h>

#include "model/channel.h"
#include "store/pulse.h"
#include "store/store.h"

struct directory;

/* State of a channel that outlives its snapshots. */
struct channel_live {
    atomic_uint refs;
    /*
     * Events accepted and not ended, including those being committed. Far below zero once the channel is
     * deleted and no longer counts for the node. One variable holds both, so that no addition is counted in
     * only one place.
     */
    _Atomic int64_t backlog;
    struct pulse pulse;
};

struct channel_ref {
    atomic_uint refs;
    struct channel channel;
    struct channel_live *live;
};

#define DIRECTORY_CHANNELS_MAX 200000u /* per node; limits memory: about 1.7 KB a channel */

/* channels_max: limit that directory_full() reports. Channels in the store are loaded regardless. */
enum err directory_new(struct directory **ret, size_t channels_max) MUST_CHECK;
void directory_free(struct directory *d); /* NULL-safe */

/* Loads all channels from the store at start; blocks. */
enum err directory_load(struct directory *d, struct store *s) MUST_CHECK;

/* Returns a reference, or NULL if there is no such channel. Release it with channel_ref_drop(). */
struct channel_ref *directory_get(struct directory *d, int64_t id);
struct channel_ref *channel_ref_hold(struct channel_ref *ref);
void channel_ref_drop(struct channel_ref *ref); /* NULL-safe */

/*
 * A change has two steps, both on the store thread: prepare before the commit (it may fail for memory), put
 * after it. An entry that was prepared but not put must be given to directory_discard().
 */
enum err directory_prepare(struct directory *d, const struct channel *c, struct channel_ref **ret) MUST_CHECK;
void directory_put(struct directory *d, struct channel_ref *prepared);
void directory_discard(struct channel_ref *prepared); /* NULL-safe */
void directory_remove(struct directory *d, int64_t id);

size_t directory_count(struct directory *d);
/* Ask before creating a channel: once its row is written it cannot be refused. */
bool directory_full(struct directory *d);
/* Events of all channels that are accepted and not ended. */
int64_t directory_backlog(const struct directory *d);
/* How many channels are suspended, and how many events wait for them. */
void directory_suspended(struct directory *d, uint64_t *ret_channels, uint64_t *ret_events);
/* Backlog of a channel; 0 once it is deleted. */
int64_t directory_backlog_of(const struct channel_live *live);
/*
 * Adds n, which may be negative, to the backlog of a channel and of the node; returns the channel's new
 * backlog.
 */
int64_t directory_backlog_add(struct directory *d, struct channel_live *live, int64_t n);

/* Calls fn for every channel, oldest first, without the lock held; ref is held for the call only. */
enum err directory_each(struct directory *d, void (*fn)(void *arg, struct channel_ref *ref),
                        void *arg) MUST_CHECK;
