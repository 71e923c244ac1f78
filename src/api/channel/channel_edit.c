#include "api/channel/channel_edit.h"

#include <stdio.h>

#include "api/channel/channel_json.h"
#include "base/mem.h"

struct channel_edit *channel_edit_of(struct call *c)
{
    return c->state;
}

static enum err audit(struct call *c, struct backend *b, const struct channel_edit *edit,
                      const struct channel *before)
{
    struct buf details;
    buf_init(&details, 16384);
    char target[32];
    (void)snprintf(target, sizeof(target), "channel/%lld", (long long)edit->id);
    enum err e = channel_change_tell(&details, before, &edit->channel);
    if (!e)
        e = call_audit(c, b, edit->action, target, edit->id, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static enum err edit_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct channel_edit *edit = c->state;
    directory_discard(edit->prepared); /* a second run */
    edit->prepared = NULL;
    enum err e = b->ops->channel_get(b, edit->id, &edit->channel);
    if (e)
        return e;
    struct channel before = edit->channel;
    e = edit->apply(c, &edit->channel);
    if (e || channel_same(&before, &edit->channel)) /* nothing is written where nothing changes */
        return e;
    edit->channel.updated_ms = call_now(c);
    e = directory_prepare(c->api->config.directory, &edit->channel, &edit->prepared);
    if (!e)
        e = b->ops->channel_update(b, &edit->channel);
    return e ? e : audit(c, b, edit, &before);
}

static void edit_committed(struct store_call *s)
{
    struct call *c = call_of(s);
    struct channel_edit *edit = c->state;
    if (edit->prepared)
        directory_put(c->api->config.directory, edit->prepared);
    edit->prepared = NULL;
}

static void edit_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct channel_edit *edit = c->state;
    directory_discard(edit->prepared);
    if (s->err) {
        mem_free(edit->note);
    } else {
        edit->note->kind = COURIER_CHANNEL;
        edit->note->id = edit->id;
        courier_notify(courier_of(c->api->config.couriers, edit->id), edit->note);
    }
    edit->done(c, &edit->channel, s->err);
}

void channel_edit_submit(struct call *c, const struct channel_edit *edit)
{
    struct channel_edit *own = call_state(c, sizeof(*own));
    if (!own)
        return;
    *own = *edit;
    c->state = own;
    own->note = mem_zero(1, sizeof(*own->note));
    if (own->note)
        call_write(c, edit_run, edit_committed, edit_done);
    else
        call_failed(c, ERR_NOMEM);
}
