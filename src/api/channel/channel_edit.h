#pragma once
/*
 * A change of one channel that is there, asked for by a call: webhook/channel_update.h with what such a
 * change has besides, a line in the audit log and an answer.
 */
#include "api/call.h"
#include "webhook/channel_update.h"

struct channel_edit {
    int64_t id;
    /* On the store's thread; may run twice, on the channel as it stands. Another value than ERR_NONE: nothing
     * is changed. */
    enum err (*apply)(struct call *c, struct channel *channel);
    /* In the same commit, when something is different; channel: as it became. NULL: nothing. */
    enum err (*also)(struct call *c, struct backend *b, const struct channel *channel);
    /* Answers. channel: as it became, while err is ERR_NONE. */
    void (*done)(struct call *c, const struct channel *channel, enum err err);
    void *arg;          /* theirs */
    const char *action; /* what it is called in the audit log */
    struct call *call;
    struct channel_update update;
};

/* Takes c->state; the arg of edit is found by channel_edit_of(). Answers the call itself when memory is
 * short. */
void channel_edit_submit(struct call *c, const struct channel_edit *edit);
struct channel_edit *channel_edit_of(struct call *c);

/* A line of the audit log about the channel: what is different from before. */
enum err channel_edit_audit(struct call *c, struct backend *b, const char *action,
                            const struct channel *before, const struct channel *after) MUST_CHECK;
