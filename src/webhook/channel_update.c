#include "webhook/channel_update.h"

#include "base/mem.h"

enum err channel_update_begin(struct channel_update *u)
{
    u->note = mem_zero(1, sizeof(*u->note));
    return u->note ? ERR_NONE : ERR_NOMEM;
}

enum err channel_update_run(struct channel_update *u, struct backend *b)
{
    directory_discard(u->prepared); /* the run is repeated */
    u->prepared = NULL;
    u->unchanged = false;
    enum err e = b->ops->channels->channel_get(b, u->id, &u->channel);
    if (e)
        return e;
    const struct channel before = u->channel;
    e = u->apply(u, &u->channel);
    u->unchanged = !e && channel_same(&before, &u->channel);
    if (e || u->unchanged)
        return e;
    if (u->now_ms)
        u->channel.updated_ms = u->now_ms;
    e = directory_prepare(u->directory, &u->channel, &u->prepared);
    if (!e)
        e = b->ops->channels->channel_update(b, &u->channel);
    return e || !u->also ? e : u->also(u, b, &before);
}

void channel_update_committed(struct channel_update *u)
{
    if (u->prepared)
        directory_put(u->directory, u->prepared);
    u->prepared = NULL;
}

void channel_update_end(struct channel_update *u, enum err err)
{
    directory_discard(u->prepared);
    u->prepared = NULL;
    if (err || u->unchanged) {
        mem_free(u->note);
    } else {
        u->note->kind = COURIER_CHANNEL;
        u->note->id = u->id;
        courier_notify(u->courier, u->note);
    }
    u->note = NULL;
}
