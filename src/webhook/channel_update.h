#pragma once
/*
 * A change of one channel that is there, by whomever: read, changed and written in one commit, then seen by
 * all loops and told to its lane. Whoever changes a channel embeds it in a call of the store, and passes that
 * call's steps on.
 */
#include "courier/courier.h"
#include "store/directory.h"

struct channel_update {
    int64_t id;
    struct directory *directory;
    struct courier *courier; /* the channel's */
    int64_t
        now_ms; /* when somebody changed it; 0: the node did so itself, which is no change of what was set */
    /* On the channel as it stands; another value than ERR_NONE: nothing is changed. */
    enum err (*apply)(struct channel_update *u, struct channel *channel);
    /* What belongs into the same commit, when something is different; NULL: nothing. */
    enum err (*also)(struct channel_update *u, struct backend *b, const struct channel *before);

    struct channel channel; /* as it became */
    bool unchanged;         /* it is as it was asked to be: nothing was written, and nobody told */
    struct channel_ref *prepared;
    struct courier_note *note;
};

/* Sets the note aside, so that telling the lane cannot fail. ERR_NOMEM. */
enum err channel_update_begin(struct channel_update *u) MUST_CHECK;
/* The call's run, committed and done; after a begin that was not submitted, end with any error. */
enum err channel_update_run(struct channel_update *u, struct backend *b) MUST_CHECK;
void channel_update_committed(struct channel_update *u);
void channel_update_end(struct channel_update *u, enum err err);
