#pragma once
/*
 * A change of one channel that is there: read, changed and written in one commit, then seen by all loops and told to its courier, then
 * answered.
 */
#include "api/call.h"

struct channel_edit {
    int64_t id;
    /* On the store's thread; may run twice, on the channel as it stands. Another value than ERR_NONE: nothing is changed. */
    enum err (*apply)(struct call *c, struct channel *channel);
    /* Answers. channel: as it became, while err is ERR_NONE. */
    void (*done)(struct call *c, const struct channel *channel, enum err err);
    void *arg;          /* theirs */
    const char *action; /* what it is called in the audit log */
    struct channel channel;
    struct channel_ref *prepared;
    struct courier_note *note;
};

/* Takes c->state; the arg of edit is found by channel_edit_of(). Answers the call itself when memory is short. */
void channel_edit_submit(struct call *c, const struct channel_edit *edit);
struct channel_edit *channel_edit_of(struct call *c);
