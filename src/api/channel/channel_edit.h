#pragma once
/*
 * Changes an existing channel for a call: webhook/channel_update.h, plus a line in the audit log and the
 * answer.
 */
#include "api/call.h"
#include "webhook/channel_update.h"

struct channel_edit {
    int64_t id;
    /* Changes the current channel, on the store's thread; may run twice. On an error nothing is changed. */
    enum err (*apply)(struct call *c, struct channel *channel);
    /* Further writes in the same commit, if the channel changed; channel: after the change. NULL: none. */
    enum err (*also)(struct call *c, struct backend *b, const struct channel *channel);
    /* Reads what the answer shows beside the channel, also where nothing changed. NULL: nothing. */
    enum err (*look)(struct call *c, struct backend *b, const struct channel *channel);
    /* Answers the call. channel: after the change; valid if err is ERR_NONE. */
    void (*done)(struct call *c, const struct channel *channel, enum err err);
    void *arg;          /* for these functions */
    const char *action; /* its name in the audit log */
    struct call *call;
    struct channel_update update;
};

/* Uses c->state; channel_edit_of() returns the arg of edit. Answers the call itself if out of memory. */
void channel_edit_submit(struct call *c, const struct channel_edit *edit);
struct channel_edit *channel_edit_of(struct call *c);

/* Writes a line of the audit log with the differences between two versions of the channel. */
enum err channel_edit_audit(struct call *c, struct backend *b, const char *action,
                            const struct channel *before, const struct channel *after) MUST_CHECK;
