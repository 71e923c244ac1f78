#pragma once
/* A channel as JSON, and the members that create and change one. */
#include "api/call.h"
#include "report/contact.h"

/* What a body asks to change; only what is set applies. */
struct channel_change {
    struct channel to;
    uint64_t set; /* a bit a field: 1 << CHANNEL_name */
};
_Static_assert(CHANNEL_FIELD_COUNT <= 64, "more fields than bits");

static inline bool channel_change_has(const struct channel_change *change, enum channel_field_id field)
{
    return change->set >> field & 1;
}

/* Reads a JSON object; false: answered with 400 already, naming the member. */
bool channel_change_read(struct call *c, struct json_t *object, struct channel_change *ret) MUST_CHECK;
void channel_change_apply(const struct channel_change *change, struct channel *c);

/* Whether somebody with that role may change all that is asked of a channel that is there, and something
 * is. */
bool channel_change_allowed(const struct channel_change *change, enum grant grant);

/* The members, inside an object the caller has begun, as far as somebody with that role may see them. */
void channel_change_show(struct json_write *w, const struct channel *c, const struct contact_view *contact,
                         enum grant grant, const struct delivery_settings *settings,
                         const struct channel_live *live, int64_t now_ms);
/* Those about its contact address. */
void channel_change_show_contact(struct json_write *w, const struct channel *c,
                                 const struct contact_view *contact);
/* What a change made of a channel, as an object {"name":{"from":…,"to":…},…}, for the audit log.
 * ERR_NOMEM. */
enum err channel_change_tell(struct buf *out, const struct channel *from,
                             const struct channel *to) MUST_CHECK;
