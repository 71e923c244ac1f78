#pragma once
/* How a channel fares, at a glance: members of a channel, and what its live stream tells. */
#include "api/call.h"

/* active: its webhooks leave and the last one arrived, or none has left yet; failing: the last ones did not;
 * suspended: nothing is sent any more; off: Use webhook is off. */
enum channel_health { CHANNEL_ACTIVE, CHANNEL_OFF, CHANNEL_SUSPENDED, CHANNEL_FAILING };

enum channel_health channel_health_of(const struct channel *c, const struct pulse_view *v);
const char *channel_health_text(enum channel_health h); /* "active", … */
/* ERR_INVALID: not one of them. */
enum err channel_health_find(struct span text, enum channel_health *ret) MUST_CHECK;

/* The members state, suspended, suspendedAt, backlogEvents, lastHour, lastFailure. live may be NULL: nothing
 * is known. */
void channel_health_show(struct json_write *w, const struct channel *c, const struct channel_live *live,
                         int64_t now_ms);
