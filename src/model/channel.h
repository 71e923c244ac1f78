#pragma once
/*
 * A channel: one bot, where its webhooks go and how. A plain value; the truth is in the store, loops share
 * immutable copies (store/directory.h).
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "model/name.h"

#define CHANNEL_NAME_MAX NAME_MAX_LEN
#define CHANNEL_URL_MAX 500   /* characters (LINE's limit) */
#define CHANNEL_EMAIL_MAX 254 /* RFC 5321 4.5.3.1.3 */
#define CHANNEL_BATCH_MAX 500 /* events in one webhook request */
#define CHANNEL_SECRET_LEN 32
#define CHANNEL_RESPONSE_MS_MIN 100
#define CHANNEL_RESPONSE_MS_MAX 60000

#define CHANNEL_REDELIVERIES_MAX 20     /* entries of a schedule of its own */
#define CHANNEL_REDELIVERY_S_MAX 604800 /* 7 days, as the node's */
#define CHANNEL_SCHEDULE_TEXT (CHANNEL_REDELIVERIES_MAX * 7 + 20)

/* What is sent in one request when the publisher set no maxEventsPerRequest: with redelivery off one failed
 * request must never cost the events of others. */
#define CHANNEL_BATCH_REDELIVERY 100
#define CHANNEL_BATCH_ALONE 1

struct channel {
    int64_t id; /* what people see as channelId, in decimal */
    int64_t provider_id;
    char name[CHANNEL_NAME_MAX + 1];
    char bot_user_id[34];                         /* U and 32 hex digits: "destination" of every webhook */
    char secret[CHANNEL_SECRET_LEN + 1];          /* 32 hex digits; its bytes are the signing key */
    char previous_secret[CHANNEL_SECRET_LEN + 1]; /* "": none; signs beside the other one until */
    int64_t previous_until_ms;
    char webhook_url[CHANNEL_URL_MAX + 1]; /* "": none set */
    bool use_webhook;
    bool webhook_redelivery;
    bool error_statistics;
    bool
        error_notification; /* its people want mails; they come only while the provider's option is approved */
    char contact_email[CHANNEL_EMAIL_MAX + 1];       /* "": none */
    char language[3];                                /* "en", "ja" */
    uint32_t response_timeout_ms;                    /* 0: the node's setting */
    uint32_t max_events;                             /* 0: by the redelivery switch, see channel_batch() */
    uint32_t redelivery_count;                       /* its own schedule; 0: the node's */
    uint32_t redelivery_s[CHANNEL_REDELIVERIES_MAX]; /* after the 1st, 2nd, … failure */
    int64_t suspended_ms;                            /* since when sending is suspended; 0: it is not */
    int64_t failing_ms; /* since when it has failed, as far as that is on record; 0: it has not */
    int64_t created_ms, updated_ms;
};

/* Its own schedule as "60,120"; "" where it has none. Returns the length. */
size_t channel_schedule_text(const struct channel *c, char out[static CHANNEL_SCHEDULE_TEXT]);
/* The other way round. ERR_INVALID: not such a list; nothing is changed. */
enum err channel_schedule_parse(struct span text, struct channel *c) MUST_CHECK;

/* Whether a change from one to the other changes nothing; updated_ms does not count. */
bool channel_same(const struct channel *a, const struct channel *b);

static inline uint32_t channel_batch(const struct channel *c)
{
    if (c->max_events)
        return c->max_events;
    return c->webhook_redelivery ? CHANNEL_BATCH_REDELIVERY : CHANNEL_BATCH_ALONE;
}

/* Whether a secret was rotated so lately that the one before still signs, too. */
static inline bool channel_in_grace(const struct channel *c, int64_t now_ms)
{
    return c->previous_secret[0] && now_ms < c->previous_until_ms;
}

/* Whether webhooks may leave now. */
static inline bool channel_sends(const struct channel *c)
{
    return c->use_webhook && c->webhook_url[0] && !c->suspended_ms;
}
