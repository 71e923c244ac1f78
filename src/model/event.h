#pragma once
/*
 * A webhook event on its way from the publisher to the bot. The publisher's bytes are stored unchanged; what
 * todoke adds (webhookEventId, deliveryContext, and mode and timestamp if they are missing) is written when a
 * request is built.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "base/ulid.h"
#include "model/item.h"

#define EVENT_MAX_BODY (1u << 20) /* limit of one publisher's call and of one request to a bot */
#define EVENT_MAX_COUNT 500u      /* events in one call */

enum event_flags {
    EVENT_HAS_MODE = 1,
    EVENT_HAS_TIMESTAMP = 2,
};

/* The states of an event. */
enum event_state {
    EVENT_PENDING,
    EVENT_DELIVERED,
    EVENT_RETRYING,
    EVENT_GIVEN_UP,
    EVENT_SUSPENDED,
    EVENT_STATE_COUNT
};

struct event {
    struct item item; /* item.id is the row; its high bits are the time of acceptance */
    int64_t channel_id;
    uint8_t flags; /* enum event_flags */
    uint32_t len;
    char json[]; /* one JSON object without white space around it */
};

/* Allocates one block with a copy of json; NULL: out of memory. Free it with mem_free(). */
struct event *event_new(int64_t channel_id, struct span json, uint8_t flags) MUST_CHECK;

static inline struct event *event_of(struct item *i)
{
    return (struct event *)(void *)i;
}
static inline struct span event_json(const struct event *e)
{
    return (struct span){e->json, e->len};
}

/* The webhookEventId of a row: a ULID with the row's time and, in its low bits, the row. */
#define EVENT_NODE 0 /* IDs contain a node number; there is only one node so far */
static inline int64_t event_time_ms(int64_t id)
{
    return id >> ULID_SEQ_SHIFT;
}
void event_id_text(int64_t id, char out[static ULID_LEN + 1]); /* NUL-terminated */
/* ERR_INVALID: not a webhookEventId that todoke made. */
enum err event_id_parse(struct span text, int64_t *ret) MUST_CHECK;

const char *event_state_text(
    enum event_state s); /* "pending", "delivered", "retrying", "given_up", "suspended" */
enum err event_state_find(struct span text, enum event_state *ret) MUST_CHECK;
