#pragma once
/* A channel as it was when requests were sent to it, its URL read once for all of them. Used on one loop
 * only. */
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

/* What is known of the channel's health stays, unless its URL changed or somebody said that it goes on. */
void channel_route_inherit(struct channel_route *to, const struct channel_route *from);
