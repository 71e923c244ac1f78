/*
 * What services report later, at addresses of the node that need no log-in: SendGrid's events, which are
 * signed, and the reports of the browsers' workers, which name a key that only they were sent.
 */
#include <stdio.h>
#include <stdlib.h>

#include "api/call.h"
#include "base/log.h"
#include "campaign/feedback.h"
#include "campaign/message_key.h"
#include "carrier/carrier.h"
#include "carrier/sendgrid_event.h"

#define EVENTS_STEP 200u /* written in one call of the store: some milliseconds */

struct hook {
    int64_t sender_id, provider_id;
    enum service service;
    char event_key[512];
    bool permanent;
    struct json_iter events, next;
    uint64_t taken, strange;
    bool more;
    /* Of a worker's report. */
    int64_t job_id, n;
    char key[MESSAGE_KEY_LEN + 1];
};

static struct span header(const struct call *c, const char *name)
{
    return server_header(c->req, name);
}

/* ---- SendGrid ---- */

static enum err take_sender(void *arg, const struct sender *s)
{
    struct hook *h = arg;
    struct json_value v;
    struct span text;
    h->provider_id = s->provider_id;
    h->service = s->service;
    const struct json_value settings = json_root(s->settings);
    if (!json_find(settings, "eventKey", &v) && json_string_plain(v, &text))
        (void)snprintf(h->event_key, sizeof(h->event_key), "%.*s", (int)text.len, text.ptr);
    h->permanent = !json_find(settings, "unsubscribeOn", &v) && json_string_is(v, "permanent");
    return ERR_NONE;
}

static enum err sender_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct hook *h = c->state;
    return b->ops->campaigns->sender_get(b, 0, h->sender_id, take_sender, h);
}

static enum err write_event(struct hook *h, struct backend *b, const struct sendgrid_event *event,
                            int64_t now_ms)
{
    struct feedback f = {
        .sender_id = h->sender_id,
        .provider_id = h->provider_id,
        .job_id = event->job_id,
        .n = event->n,
        .target = event->email,
        .medium = MEDIUM_MAIL,
        .permanent = h->permanent,
        .now_ms = now_ms,
    };
    const struct answer a = {
        .medium = MEDIUM_MAIL,
        .service = SERVICE_SENDGRID,
        .stage = STAGE_EVENT,
        .event = event->raw,
        .now_ms = now_ms,
    };
    enum feedback_end end = FEEDBACK_STRANGE;
    receipt_of(&a, &f.receipt);
    enum err e = f.job_id && f.n ? feedback_write(&f, b, &end) : ERR_NONE;
    h->taken += !e && end == FEEDBACK_TAKEN;
    h->strange += !e && end == FEEDBACK_STRANGE;
    return e;
}

static enum err events_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct hook *h = c->state;
    struct json_iter it = h->events; /* a run may be repeated */
    struct sendgrid_event event;
    enum err e = ERR_NONE;
    uint32_t count = 0;
    h->more = false;
    while (!e && count < EVENTS_STEP && sendgrid_event_next(&it, &event)) {
        e = write_event(h, b, &event, call_now(c));
        count++;
    }
    h->more = count == EVENTS_STEP;
    if (!e)
        h->next = it;
    return e;
}

static void events_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct hook *h = c->state;
    if (call->err) {
        call_failed(c, call->err); /* SendGrid sends the batch again; what was taken is taken once */
        return;
    }
    h->events = h->next;
    if (h->more) {
        call_write(c, events_run, NULL, events_done);
        return;
    }
    if (h->strange)
        log_info("campaign", "events of a service name messages that are not known here",
                 log_int("sender", h->sender_id), log_uint("events", h->strange));
    c->status = 204;
    call_done(call);
}

static void sender_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct hook *h = c->state;
    const struct span body = server_body(c->req);
    if (call->err == ERR_NOT_FOUND || (!call->err && h->service != SERVICE_SENDGRID)) {
        call_refuse(c, 404, "No such sender");
        return;
    }
    if (call->err) {
        call_failed(c, call->err);
        return;
    }
    if (!h->event_key[0]) {
        call_refuse(c, 403, "The sender has no eventKey: set the verification key that SendGrid shows");
        return;
    }
    if (!sendgrid_event_verify(h->event_key, header(c, "x-twilio-email-event-webhook-signature"),
                               header(c, "x-twilio-email-event-webhook-timestamp"), body, call_now(c))) {
        call_refuse(c, 403, "The signature is not that of the sender's eventKey, or older than 5 minutes");
        return;
    }
    if (json_check(body, JSON_DEPTH, NULL) || json_root(body).kind != JSON_KIND_ARRAY) {
        call_invalid(c, "", "must be an array of events");
        return;
    }
    h->events = json_elements(json_root(body));
    call_write(c, events_run, NULL, events_done);
}

void api_hook_sendgrid(struct call *c)
{
    struct hook *h = call_state(c, sizeof(*h));
    if (!h)
        return;
    h->sender_id = call_channel_id(c->params[0]);
    c->state = h;
    call_read(c, sender_run, sender_done);
}

/* ---- the browsers' workers ---- */

static enum err take_nonce(void *arg, const struct job *j)
{
    struct hook *h = arg;
    char key[MESSAGE_KEY_LEN + 1];
    message_key(j->nonce, h->n, key);
    h->provider_id = j->medium == MEDIUM_BROWSER && strcmp(key, h->key) == 0 ? j->provider_id : 0;
    return ERR_NONE;
}

static enum err report_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct hook *h = c->state;
    h->provider_id = 0;
    enum err e = b->ops->jobs->job_get(b, 0, h->job_id, take_nonce, h);
    if (e || !h->provider_id)
        return e == ERR_NOT_FOUND || !e ? call_stop(c, ERR_NOT_FOUND, "No such message") : e;
    struct feedback f = {
        .provider_id = h->provider_id,
        .job_id = h->job_id,
        .n = h->n,
        .medium = MEDIUM_BROWSER,
        .now_ms = call_now(c),
    };
    const struct answer a = {
        .medium = MEDIUM_BROWSER,
        .service = SERVICE_WEBPUSH,
        .stage = STAGE_EVENT,
        .body = SPAN_LIT("show_notification_error"),
        .event = server_body(c->req),
        .now_ms = f.now_ms,
    };
    enum feedback_end end;
    receipt_of(&a, &f.receipt);
    return f.receipt.failed ? feedback_write(&f, b, &end) : ERR_NONE;
}

/* "12.345.018f…": job, message and key, as the worker was sent them. */
static bool read_message(struct hook *h, struct span id)
{
    char text[96], *end;
    if (id.len == 0 || id.len >= sizeof(text))
        return false;
    memcpy(text, id.ptr, id.len);
    text[id.len] = '\0';
    h->job_id = strtoll(text, &end, 10);
    if (*end != '.')
        return false;
    h->n = strtoll(end + 1, &end, 10);
    if (*end != '.' || strlen(end + 1) != MESSAGE_KEY_LEN)
        return false;
    memcpy(h->key, end + 1, MESSAGE_KEY_LEN + 1);
    return h->job_id > 0 && h->n > 0;
}

void api_push_report(struct call *c)
{
    struct hook *h = call_state(c, sizeof(*h));
    if (!h)
        return;
    c->state = h;
    const struct span body = server_body(c->req);
    struct json_value error, id;
    struct span text;
    if (json_check(body, JSON_DEPTH, NULL) || json_find(json_root(body), "id", &id) ||
        !json_string_plain(id, &text) || !read_message(h, text)) {
        call_invalid(c, "id", "must be the id of the message that the worker was sent");
        return;
    }
    if (json_find(json_root(body), "error", &error) || !json_string_is(error, "show_notification_error")) {
        call_invalid(c, "error", "must be show_notification_error");
        return;
    }
    c->status = 204;
    call_write(c, report_run, NULL, call_done);
}
