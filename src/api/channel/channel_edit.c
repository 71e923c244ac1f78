#include "api/channel/channel_edit.h"

#include <stdio.h>

#include "api/channel/channel_json.h"

struct channel_edit *channel_edit_of(struct call *c)
{
    return c->state;
}

enum err channel_edit_audit(struct call *c, struct backend *b, const char *action,
                            const struct channel *before, const struct channel *after)
{
    struct buf details;
    buf_init(&details, 16384);
    char target[32];
    (void)snprintf(target, sizeof(target), "channel/%lld", (long long)after->id);
    enum err e = channel_change_tell(&details, before, after);
    if (!e)
        e = call_audit(c, b, action, target, after->id, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static enum err on_apply(struct channel_update *u, struct channel *channel)
{
    struct channel_edit *edit = list_entry(u, struct channel_edit, update);
    return edit->apply(edit->call, channel);
}

static enum err on_also(struct channel_update *u, struct backend *b, const struct channel *before)
{
    struct channel_edit *edit = list_entry(u, struct channel_edit, update);
    enum err e = edit->also ? edit->also(edit->call, b, &u->channel) : ERR_NONE;
    return e ? e : channel_edit_audit(edit->call, b, edit->action, before, &u->channel);
}

static enum err edit_run(struct store_call *s, struct backend *b)
{
    struct channel_edit *edit = channel_edit_of(call_of(s));
    enum err e = channel_update_run(&edit->update, b);
    return e || !edit->look ? e : edit->look(edit->call, b, &edit->update.channel);
}

static void edit_committed(struct store_call *s)
{
    channel_update_committed(&channel_edit_of(call_of(s))->update);
}

static void edit_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct channel_edit *edit = channel_edit_of(c);
    channel_update_end(&edit->update, s->err);
    edit->done(c, &edit->update.channel, s->err);
}

void channel_edit_submit(struct call *c, const struct channel_edit *edit)
{
    struct channel_edit *own = call_state(c, sizeof(*own));
    if (!own)
        return;
    *own = *edit;
    own->call = c;
    own->update = (struct channel_update){.id = edit->id,
                                          .directory = c->api->config.directory,
                                          .courier = courier_of(c->api->config.couriers, edit->id),
                                          .now_ms = call_now(c),
                                          .apply = on_apply,
                                          .also = on_also};
    c->state = own;
    if (channel_update_begin(&own->update))
        call_failed(c, ERR_NOMEM);
    else
        call_write(c, edit_run, edit_committed, edit_done);
}
