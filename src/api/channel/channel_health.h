#pragma once
/* A channel's health: members of its JSON, and the content of its live stream. */
#include "api/call.h"

/*
 * active: the last webhook succeeded, or none was sent yet; failing: the last ones failed; suspended: sending
 * has stopped; off: Use webhook is off.
 */
enum channel_health { CHANNEL_ACTIVE, CHANNEL_OFF, CHANNEL_SUSPENDED, CHANNEL_FAILING };

enum channel_health channel_health_of(const struct channel *c, const struct pulse_view *v);
const char *channel_health_text(enum channel_health h); /* "active", … */
/* Parses such a text. ERR_INVALID: unknown. */
enum err channel_health_find(struct span text, enum channel_health *ret) MUST_CHECK;

/* Writes the members state, suspended, suspendedAt, backlogEvents, lastHour, lastFailure. live NULL: no live
 * data. */
void channel_health_show(struct json_write *w, const struct channel *c, const struct channel_live *live,
                         int64_t now_ms);
