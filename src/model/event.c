#include "model/event.h"

#include <assert.h>

#include "base/mem.h"

static_assert(offsetof(struct event, item) == 0, "event_of() relies on it");

/* What the request adds to every event: about 150 bytes of JSON members. */
#define ADDED_MAX 160u

struct event *event_new(int64_t channel_id, struct span json, uint8_t flags)
{
    if (json.len > EVENT_MAX_BODY)
        return NULL;
    struct event *e = mem_alloc(sizeof(*e) + json.len);
    if (!e)
        return NULL;
    *e = (struct event){.channel_id = channel_id, .flags = flags, .len = (uint32_t)json.len};
    e->item.size = e->len + ADDED_MAX;
    e->item.memory = e->len + (uint32_t)sizeof(*e);
    if (json.len)
        memcpy(e->json, json.ptr, json.len);
    return e;
}

void event_id_text(int64_t id, char out[static ULID_LEN + 1])
{
    ulid_encode(ulid_make((uint64_t)event_time_ms(id), EVENT_NODE, (uint64_t)id), out);
    out[ULID_LEN] = '\0';
}

enum err event_id_parse(struct span text, int64_t *ret)
{
    struct ulid u;
    enum err e = ulid_decode(text, &u);
    if (e)
        return e;
    if (u.lo > INT64_MAX || ulid_node(u) != EVENT_NODE || ulid_ms(u) != u.lo >> ULID_SEQ_SHIFT)
        return ERR_INVALID;
    *ret = (int64_t)u.lo;
    return ERR_NONE;
}

static const char *const states[EVENT_STATE_COUNT] = {
    [EVENT_PENDING] = "pending",   [EVENT_DELIVERED] = "delivered", [EVENT_RETRYING] = "retrying",
    [EVENT_GIVEN_UP] = "given_up", [EVENT_SUSPENDED] = "suspended",
};

const char *event_state_text(enum event_state s)
{
    return states[s];
}

enum err event_state_find(struct span text, enum event_state *ret)
{
    for (int i = 0; i < EVENT_STATE_COUNT; i++) {
        if (span_eq(text, span_of(states[i]))) {
            *ret = (enum event_state)i;
            return ERR_NONE;
        }
    }
    return ERR_NOT_FOUND;
}
