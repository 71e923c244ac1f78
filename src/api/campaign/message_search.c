#include "api/campaign/message_search.h"

#define SCAN_STEP 20000u      /* rows by what is in the row */
#define SCAN_STEP_SHOWN 2000u /* rows of which each is made ready to be shown: a look for its user each */
#define TEXT_MAX 512u

static bool invalid(struct call *c, const char *property, const char *message)
{
    call_invalid(c, property, message);
    return false;
}

static bool read_states(struct call *c, struct message_search *s)
{
    struct span rest = query_text(c, "state");
    while (rest.len) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        const struct span one = {rest.ptr, comma ? (size_t)(comma - rest.ptr) : rest.len};
        enum message_state state;
        if (message_state_find(one, &state))
            return invalid(c, "state",
                           "must be of waiting, sending, retrying, sent, delivered, failed, skipped and "
                           "unknown, with commas between");
        s->states |= 1u << state;
        rest = comma ? (struct span){comma + 1, rest.len - one.len - 1} : SPAN_LIT("");
    }
    /* On disk the first time of being sent is a waiting message (enum message_state). */
    s->filter.states = s->states;
    if (s->states & 1u << MESSAGE_SENDING)
        s->filter.states |= 1u << MESSAGE_WAITING;
    return true;
}

static bool is_kind(const struct delivery_error *e, struct span kind)
{
    return span_eq(kind, span_of(e->kind)) || span_eq_nocase(kind, span_of(e->kind_en));
}

static bool read_kind(struct call *c, struct message_search *s)
{
    s->kind = query_text(c, "kind");
    bool known = s->kind.len == 0;
    for (enum delivery_error_id i = 0; !known && i < DELIVERY_ERROR_COUNT; i++)
        known = is_kind(delivery_error_of(i), s->kind);
    return known || invalid(c, "kind", "must be a kind of the list of errors, in Japanese or in English");
}

bool message_search_read(struct call *c, struct message_search *s)
{
    enum delivery_error_id id;
    if (!read_states(c, s) || !read_kind(c, s))
        return false;
    const struct span error = query_text(c, "error");
    if (error.len && delivery_error_find(error, &id))
        return invalid(c, "error", "must be the id of an error, such as campaign_not_found");
    s->filter.error = error.len ? error : SPAN_LIT("");
    s->filter.text = SPAN_LIT("");
    s->text = query_text(c, "text");
    if (s->text.len > TEXT_MAX)
        return invalid(c, "text", "must be at most 512 bytes");
    return true;
}

static bool contains(struct span text, struct span part)
{
    return text.len >= part.len && memmem(text.ptr, text.len, part.ptr, part.len);
}

bool message_search_matches(const struct message_search *s, const struct message_view *v)
{
    if (s->states && !(s->states >> v->m.state & 1))
        return false;
    if (s->kind.len && !(v->failed && is_kind(delivery_error_of(v->error), s->kind)))
        return false;
    return !s->text.len || contains(v->text, s->text) || contains(v->target, s->text) ||
           contains(v->user, s->text) || contains(v->m.service_id, s->text);
}

void message_search_bound(struct message_search *s, uint32_t rows)
{
    s->filter.limit = rows;
    s->filter.scan = s->text.len ? SCAN_STEP_SHOWN : SCAN_STEP;
}
