#pragma once
/*
 * What a publisher posts: {"events":[…]}, checked and taken apart. Any object with a string "type" is an
 * event; those of the kinds we know (the Messaging API's webhook event objects) are checked against their
 * shape, so that a mistake is told to the publisher and not to the bot.
 *
 * webhookEventId and deliveryContext are ours to give: a publisher's own are taken out, every other member is
 * kept byte for byte.
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
