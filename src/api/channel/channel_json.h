#pragma once
/* Shows a channel as JSON, and reads the members that create or change one. */
#include "api/call.h"
#include "report/contact.h"

/* The changes that a body requests; only fields in set apply. */
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

/* Whether the role may make all changes of an existing channel; false also if nothing is changed. */
bool channel_change_allowed(const struct channel_change *change, enum grant grant);

/* Writes the members that the role may see, inside an object that the caller has begun. */
void channel_change_show(struct json_write *w, const struct channel *c, const struct contact_view *contact,
                         enum grant grant, const struct delivery_settings *settings,
                         const struct channel_live *live, int64_t now_ms);
/* Writes the members about its contact address. */
void channel_change_show_contact(struct json_write *w, const struct channel *c,
                                 const struct contact_view *contact);
/* Writes a change as an object {"name":{"from":…,"to":…},…}, for the audit log. ERR_NOMEM. */
enum err channel_change_tell(struct buf *out, const struct channel *from,
                             const struct channel *to) MUST_CHECK;
