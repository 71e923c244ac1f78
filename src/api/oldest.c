#include "api/oldest.h"

struct search {
    struct oldest found;
    struct backend *backend;
    enum err err;
};

static void older(int64_t *of, int64_t id)
{
    if (id && (!*of || id < *of))
        *of = id;
}

static void look_at(void *arg, struct channel_ref *ref)
{
    struct search *s = arg;
    int64_t pending, retrying;
    if (s->err || !channel_sends(&ref->channel) || directory_backlog_of(ref->live) <= 0)
        return;
    s->err = s->backend->ops->events->oldest(s->backend, ref->channel.id, &pending, &retrying);
    if (s->err)
        return;
    older(&s->found.pending_id, pending);
    older(&s->found.retrying_id, retrying);
}

enum err oldest_find(struct directory *d, struct backend *b, struct oldest *ret)
{
    struct search s = {.backend = b};
    enum err e = directory_each(d, look_at, &s);
    if (!e)
        e = s.err;
    if (!e)
        *ret = s.found;
    return e;
}

int64_t oldest_age_ms(int64_t id, int64_t now_ms)
{
    int64_t age = id ? now_ms - event_time_ms(id) : 0;
    return age > 0 ? age : 0;
}
