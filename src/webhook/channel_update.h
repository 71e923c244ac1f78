#pragma once
/*
 * A change of one existing channel: read, changed and written in one transaction, then published to all loops
 * and to the channel's lane. The caller embeds this struct in a store call and forwards the steps of that
 * call.
 */
#include "courier/courier.h"
#include "store/directory.h"

struct channel_update {
    int64_t id;
    struct directory *directory;
    struct courier *courier; /* the channel's */
    /* When a person changed the channel; 0: the node did, and updated_ms stays. */
    int64_t now_ms;
    /* Changes the stored channel; on any error nothing is written. */
    enum err (*apply)(struct channel_update *u, struct channel *channel);
    /* Further writes for the same transaction, if the channel changed; NULL: none. */
    enum err (*also)(struct channel_update *u, struct backend *b, const struct channel *before);

    struct channel channel; /* as it became */
    bool unchanged;         /* no difference: nothing was written or published */
    struct channel_ref *prepared;
    struct courier_note *note;
};

/* Allocates the note in advance, so that notifying the lane cannot fail. ERR_NOMEM. */
enum err channel_update_begin(struct channel_update *u) MUST_CHECK;
/* The call's run, committed and done; after a begin that was not submitted, end with any error. */
enum err channel_update_run(struct channel_update *u, struct backend *b) MUST_CHECK;
void channel_update_committed(struct channel_update *u);
void channel_update_end(struct channel_update *u, enum err err);
