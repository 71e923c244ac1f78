#include "webhook/request.h"

#include "base/decimal.h"
#include "base/random.h"

/* 500 events of one call are at most 1 MiB; todoke adds at most 256 bytes to each. */
#define BODY_MAX ((size_t)EVENT_MAX_BODY + CHANNEL_BATCH_MAX * 256u)

static enum err add_event(struct buf *b, const struct event *e)
{
    char id[ULID_LEN + 1];
    event_id_text(e->item.id, id);
    enum err err = buf_add(
        b, e->json,
        e->len - 1); /* without the closing brace; a comma may follow, because the member type exists */
    if (!err && !(e->flags & EVENT_HAS_MODE))
        err = buf_add_str(b, ",\"mode\":\"active\"");
    if (!err && !(e->flags & EVENT_HAS_TIMESTAMP))
        err = buf_add_str(b, ",\"timestamp\":");
    if (!err && !(e->flags & EVENT_HAS_TIMESTAMP))
        err = buf_add_uint(b, (uint64_t)event_time_ms(e->item.id));
    if (!err)
        err = buf_add_str(b, ",\"webhookEventId\":\"");
    if (!err)
        err = buf_add(b, id, ULID_LEN);
    if (err)
        return err;
    return buf_add_str(b, e->item.tries ? "\",\"deliveryContext\":{\"isRedelivery\":true}}"
                                        : "\",\"deliveryContext\":{\"isRedelivery\":false}}");
}

static enum err build_body(struct buf *b, const struct channel *c, struct event *const *events, size_t count)
{
    enum err e = buf_printf(b, "{\"destination\":\"%s\",\"events\":[", c->bot_user_id);
    for (size_t i = 0; !e && i < count; i++) {
        if (i)
            e = buf_add(b, ",", 1);
        if (!e)
            e = add_event(b, events[i]);
    }
    return e ? e : buf_add(b, "]}", 2);
}

static struct header header(const char *name, const char *value)
{
    return (struct header){span_of(name), span_of(value)};
}

/*
 * Signs with the previous secret, too, so that receivers that only know that one still accept the request:
 * they try each signature in turn (Standard Webhooks), or read the separate header.
 */
static enum err sign_previous(struct request *r, struct span secret, int64_t timestamp_s)
{
    char *more = r->standard + strlen(r->standard);
    *more++ = ' ';
    return signature_both(secret, span_of(r->id), timestamp_s, buf_span(&r->body), r->previous, more);
}

enum err request_build(struct request *r, const struct channel *c, struct event *const *events, size_t count,
                       const char *user_agent, int64_t now_ms)
{
    buf_init(&r->body, BODY_MAX);
    r->previous[0] = '\0';
    size_t size = 64;
    for (size_t i = 0; i < count; i++)
        size += events[i]->item.size;
    enum err e = buf_reserve(&r->body, size < BODY_MAX ? size : BODY_MAX);
    if (!e)
        e = build_body(&r->body, c, events, count);
    if (e)
        return e;
    struct span secret = span_of(c->secret), body = buf_span(&r->body);
    /* An event keeps its id over redeliveries, as the specification requires; a batch uses its first event's
     * id. */
    if (count) {
        event_id_text(events[0]->item.id, r->id);
    } else {
        ulid_encode(ulid_random((uint64_t)now_ms, &random_system), r->id);
        r->id[ULID_LEN] = '\0';
    }
    r->timestamp[decimal_put(r->timestamp, (uint64_t)(now_ms / 1000))] = '\0';
    e = signature_both(secret, span_of(r->id), now_ms / 1000, body, r->signature, r->standard);
    if (!e && channel_in_grace(c, now_ms))
        e = sign_previous(r, span_of(c->previous_secret), now_ms / 1000);
    r->headers[0] = header("content-type", "application/json; charset=utf-8");
    r->headers[1] = header("user-agent", user_agent);
    r->headers[2] = header("x-line-signature", r->signature);
    r->headers[3] = header("webhook-id", r->id);
    r->headers[4] = header("webhook-timestamp", r->timestamp);
    r->headers[5] = header("webhook-signature", r->standard);
    r->header_count = REQUEST_HEADERS - 1;
    if (r->previous[0])
        r->headers[r->header_count++] = header("x-line-signature-previous", r->previous);
    return e;
}

void request_deinit(struct request *r)
{
    buf_deinit(&r->body);
}
