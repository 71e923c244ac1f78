#pragma once
/*
 * The body that a publisher posts, {"events":[…]}: validation and parsing. Any object with a string "type" is
 * an event; known kinds (the webhook event objects of the Messaging API) are checked against their shape, so
 * that the publisher learns of a mistake instead of the bot.
 *
 * todoke assigns webhookEventId and deliveryContext: the publisher's are removed, all other members are kept
 * byte for byte.
 */
#include "base/err.h"
#include "base/json_fault.h"
#include "base/span.h"
#include "model/event.h"

struct publication_fault {
    char property[JSON_FAULT_PATH]; /* "events[3].message.text"; "": the body as a whole */
    char message[JSON_FAULT_MESSAGE];
};

struct publication {
    struct event *events[EVENT_MAX_COUNT];
    size_t count;
};

/* ERR_INVALID: *ret_fault says what is wrong where; ERR_NOMEM. On failure there is nothing to free. */
enum err publication_parse(struct publication *ret, struct span body, int64_t channel_id,
                           struct publication_fault *ret_fault) MUST_CHECK;
void publication_free(struct publication *p); /* the events still in it */
