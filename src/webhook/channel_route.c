#include "webhook/channel_route.h"

#include <string.h>

#include "base/mem.h"

struct channel_route *channel_route_new(struct directory *directory, int64_t channel_id, bool allow_http)
{
    struct channel_ref *ref = directory_get(directory, channel_id);
    struct channel_route *r = ref ? mem_zero(1, sizeof(*r)) : NULL;
    if (!r) {
        channel_ref_drop(ref);
        return NULL;
    }
    r->refs = 1;
    r->ref = ref;
    struct url_rules rules = {.allow_http = allow_http};
    enum err e = url_parse(span_of(ref->channel.webhook_url), &rules, &r->url, &r->cause);
    r->valid = e == ERR_NONE;
    if (e == ERR_NOMEM) {
        channel_route_drop(r);
        return NULL;
    }
    return r;
}

struct channel_route *channel_route_hold(struct channel_route *r)
{
    r->refs++;
    return r;
}

void channel_route_drop(struct channel_route *r)
{
    if (!r || --r->refs > 0)
        return;
    channel_ref_drop(r->ref);
    mem_free(r);
}

void channel_route_inherit(struct channel_route *to, const struct channel_route *from)
{
    const struct channel *now = &to->ref->channel, *was = &from->ref->channel;
    bool same = strcmp(now->webhook_url, was->webhook_url) == 0 &&
                (now->suspended_ms || !was->suspended_ms) && (now->failing_ms || !was->failing_ms);
    if (same)
        to->health = from->health;
    else
        pulse_moved(&to->ref->live->pulse);
    to->health.asked = from->health.asked;
}
