#pragma once
/*
 * A channel: the settings of one bot and its webhooks. A plain value; the store has the current one, and
 * loops share immutable copies (store/directory.h).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "model/email.h"
#include "model/name.h"

#define CHANNEL_NAME_MAX NAME_MAX_LEN
#define CHANNEL_URL_MAX 500   /* characters (LINE's limit) */
#define CHANNEL_BATCH_MAX 500 /* events in one webhook request */
#define CHANNEL_SECRET_LEN 32

#define CHANNEL_REDELIVERIES_MAX 20     /* entries of a channel's schedule */
#define CHANNEL_REDELIVERY_S_MAX 604800 /* 7 days, like the node's schedule */
#define CHANNEL_SCHEDULE_TEXT (CHANNEL_REDELIVERIES_MAX * 7 + 20)

/*
 * Events per request with redelivery on, if maxEventsPerRequest is not set. With redelivery off it is 1,
 * because a failed request would lose all of its events.
 */
#define CHANNEL_BATCH_REDELIVERY 100
#define CHANNEL_BATCH_ALONE 1

#include "model/channel.def"

enum channel_type {
    CHANNEL_TYPE_SWITCH,
    CHANNEL_TYPE_NUMBER,
    CHANNEL_TYPE_NAME,
    CHANNEL_TYPE_URL,
    CHANNEL_TYPE_EMAIL,
    CHANNEL_TYPE_LANGUAGE,
    CHANNEL_TYPE_SCHEDULE,
    CHANNEL_TYPE_ID,
    CHANNEL_TYPE_RESUME,
    CHANNEL_TYPE_SECRET,
    CHANNEL_TYPE_TEXT,
    CHANNEL_TYPE_TIME,
    CHANNEL_TYPE_CHANGED,
};

/*
 * A channel's redelivery schedule: seconds after the 1st, 2nd, … failure. count 0: use the node's schedule.
 */
struct channel_schedule {
    uint32_t count, s[CHANNEL_REDELIVERIES_MAX];
};

/* The member of struct channel for each type. */
#define CHANNEL_AS_SWITCH(member, max) bool member;
#define CHANNEL_AS_NUMBER(member, max) uint32_t member;
#define CHANNEL_AS_NAME(member, max) char member[CHANNEL_NAME_MAX + 1];
#define CHANNEL_AS_URL(member, max) char member[(max) + 1];
#define CHANNEL_AS_EMAIL(member, max) char member[(max) + 1];
#define CHANNEL_AS_LANGUAGE(member, max) char member[(max) + 1];
#define CHANNEL_AS_SCHEDULE(member, max) struct channel_schedule member;
#define CHANNEL_AS_ID(member, max) int64_t member;
#define CHANNEL_AS_RESUME(member, max) int64_t member;
#define CHANNEL_AS_SECRET(member, max) char member[(max) + 1];
#define CHANNEL_AS_TEXT(member, max) char member[(max) + 1];
#define CHANNEL_AS_TIME(member, max) int64_t member;
#define CHANNEL_AS_CHANGED(member, max) int64_t member;
#define CHANNEL_MEMBER(member, type, kept, who, null, min, max, ...) CHANNEL_AS_##type(member, max)

struct channel {
    int64_t id; /* shown as channelId, in decimal */
    CHANNEL_FIELDS(CHANNEL_MEMBER)
};

/* CHANNEL_name, CHANNEL_provider_id, …: the rows by number. */
enum channel_field_id {
#define CHANNEL_FIELD_ID(member, ...) CHANNEL_##member,
    CHANNEL_FIELDS(CHANNEL_FIELD_ID)
#undef CHANNEL_FIELD_ID
        CHANNEL_FIELD_COUNT
};

enum channel_shape { CHANNEL_CHARS, CHANNEL_BOOL, CHANNEL_UINT32, CHANNEL_INT64, CHANNEL_LIST };
enum channel_kept { CHANNEL_KEPT_COLUMN, CHANNEL_KEPT_SEALED, CHANNEL_KEPT_LEAD };
/* Who may change a field. MAKER: only when the channel is created. MEMBER: Members and Admins. */
enum channel_who { CHANNEL_BY_NOBODY, CHANNEL_BY_MAKER, CHANNEL_BY_ADMIN, CHANNEL_BY_MEMBER };

/* A row of channel.def. */
struct channel_field {
    enum channel_type type;
    enum channel_shape shape;
    enum channel_kept kept;
    enum channel_who who;
    bool or_null;
    uint32_t min, max;
    size_t offset, size;
    const char *json, *flag, *argument, *help;
};

extern const struct channel_field channel_fields[CHANNEL_FIELD_COUNT];
extern const struct channel channel_standard; /* the defaults of a new channel */

/* The row with this JSON name; NULL: none. */
const struct channel_field *channel_field_find(struct span json);
/* The value of a field as its shape needs it: CHANNEL_CHARS, CHANNEL_LIST, or the numeric ones. */
const char *channel_field_text(const struct channel *c, const struct channel_field *f);
const struct channel_schedule *channel_field_schedule(const struct channel *c, const struct channel_field *f);
int64_t channel_field_number(const struct channel *c, const struct channel_field *f);
void channel_field_set_number(struct channel *c, const struct channel_field *f, int64_t n);
void *channel_field_room(struct channel *c, const struct channel_field *f); /* f->size bytes */
/* Copies one field. */
void channel_field_copy(struct channel *to, const struct channel *from, const struct channel_field *f);
bool channel_field_same(const struct channel *a, const struct channel *b, const struct channel_field *f);

/* Formats a schedule as "60,120"; "" for the node's schedule. Returns the length. */
size_t channel_schedule_text(const struct channel_schedule *schedule, char out[static CHANNEL_SCHEDULE_TEXT]);
/* Parses such a list. ERR_INVALID: not a valid list; schedule is unchanged. */
enum err channel_schedule_parse(struct span text, struct channel_schedule *schedule) MUST_CHECK;

/* Whether two channels are equal, apart from updated_ms. */
bool channel_same(const struct channel *a, const struct channel *b);

static inline uint32_t channel_batch(const struct channel *c)
{
    if (c->max_events)
        return c->max_events;
    return c->webhook_redelivery ? CHANNEL_BATCH_REDELIVERY : CHANNEL_BATCH_ALONE;
}

/* Whether the previous secret still signs, too, after a recent rotation. */
static inline bool channel_in_grace(const struct channel *c, int64_t now_ms)
{
    return c->previous_secret[0] && now_ms < c->previous_until_ms;
}

/* Whether webhooks may leave now. */
static inline bool channel_sends(const struct channel *c)
{
    return c->use_webhook && c->webhook_url[0] && !c->suspended_ms;
}
