#pragma once
/* A snapshot of a channel that several requests share, with its URL parsed once. Used on one loop only. */
#include "net/url.h"
#include "store/directory.h"
#include "webhook/suspension.h"

struct channel_route {
    unsigned refs;
    struct channel_ref *ref;
    struct url url;
    bool valid;
    enum cause_id cause; /* why the URL is not valid */
    struct suspension_health health;
};

/* NULL: no memory, or no such channel. Give it back with channel_route_drop(). */
struct channel_route *channel_route_new(struct directory *directory, int64_t channel_id,
                                        bool allow_http) MUST_CHECK;
struct channel_route *channel_route_hold(struct channel_route *r);
void channel_route_drop(struct channel_route *r); /* NULL-safe */

/* Copies the channel's health, unless its URL changed or somebody resumed it. */
void channel_route_inherit(struct channel_route *to, const struct channel_route *from);
