#pragma once
/*
 * The owner of the channel lanes of one loop thread: which channels receive requests, which of their events
 * are pending in the store, and whether an outcome suspends a channel.
 *
 *     intake / store ─► courier (lanes) ─► channels ─► delivery ─► courier (record) ─► done, or again later
 *                                                            └── judge ──► suspension ──► store
 */
#include <stdatomic.h>

#include "webhook/delivery.h"

struct channels;

struct channels_config {
    struct courier *courier; /* the loop's */
    struct mailbox *mailbox; /* the loop's */
    struct engine *engine;   /* the loop's */
    struct store *store;
    struct directory *directory;
    const struct delivery_settings *settings;
    struct delivery_counters *counters;
    const struct clock *clock;
    /* steady_ahead(), to correct durations measured by the wall clock; NULL: the clock is trusted */
    const _Atomic int64_t *ahead;
};

/* Everything in config is borrowed; the courier is told who owns the channels' lanes. ERR_NOMEM. */
enum err channels_new(struct channels **ret, const struct channels_config *config) MUST_CHECK;
/* After its courier. NULL-safe. */
void channels_free(struct channels *c);

/* Other settings from the next request on, on the loop's thread; they outlive the channels. */
void channels_set_settings(struct channels *c, const struct delivery_settings *settings);
/* No change of a channel waits for the store. */
bool channels_idle(const struct channels *c);
