/* /api/v1/channels/{id}/events and /redeliver: accepts events, shows their delivery, and sends them again. */
#include <jansson.h>
#include <stdio.h>

#include "api/call.h"
#include "api/page.h"
#include "base/mem.h"
#include "base/time.h"
#include "fault/fault.h"

#define SCAN_MAX 20000u      /* rows scanned for one page of a filtered list */
#define REDELIVER_STEP 2000u /* events per commit */
#define ATTEMPTS_MAX 1000u   /* shown of one event; usual schedules make a handful */

static void write_id(struct json_write *w, int64_t id)
{
    char text[ULID_LEN + 1];
    event_id_text(id, text);
    json_write_str(w, text);
}

static void post_refused(struct call *c, enum err e)
{
    if (e == ERR_CONFLICT)
        call_refuse(c, 409, "This Idempotency-Key was used with another body");
    else if (e == ERR_DENIED)
        call_refuse(c, 409, "Use webhook is off for this channel");
    else if (e == ERR_LIMIT)
        call_retry(c, 429, "Too many events of this channel wait for delivery", 5);
    else
        call_failed(c, e);
}

static void post_done(void *arg, enum err err, const int64_t *ids, uint32_t count)
{
    struct call *c = arg;
    if (err) {
        post_refused(c, err);
        return;
    }
    struct buf out;
    buf_init(&out, 65536);
    struct json_write w;
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "webhookEventIds");
    json_write_array(&w);
    for (uint32_t i = 0; i < count; i++)
        write_id(&w, ids[i]);
    json_write_end(&w);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (e) { /* the events are accepted; a retry with the same key gets the answer */
        buf_deinit(&out);
        call_failed(c, e);
        return;
    }
    call_json(c, 202, &out);
}

static bool key_is_sound(struct span key)
{
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.ptr[i] < 0x20 || (unsigned char)key.ptr[i] > 0x7e)
            return false;
    return key.len >= 1 && key.len <= INTAKE_KEY_MAX;
}

void call_publish(struct call *c, struct channel_ref *ref, struct span key, struct span body)
{
    if (atomic_load_explicit(c->api->config.draining, memory_order_relaxed)) {
        call_retry(c, 503, "This node is shutting down", 5);
        return;
    }
    if (!ref->channel.use_webhook &&
        !key.ptr) { /* a call with a key may repeat one that was accepted before */
        post_refused(c, ERR_DENIED);
        return;
    }
    struct publication p; /* 4 KB of pointers, unused after the submission */
    struct publication_fault fault;
    enum err e = publication_parse(&p, body, ref->channel.id, &fault);
    if (e == ERR_INVALID) {
        call_invalid(c, fault.property, fault.message);
        return;
    }
    if (!e) {
        e = intake_submit(c->api->config.intake, ref, &p, key, body, c->api->config.mailbox, post_done, c);
        if (e)
            publication_free(&p);
    }
    if (e)
        post_refused(c, e);
}

void api_event_post(struct call *c)
{
    struct span key = server_header(c->req, "idempotency-key");
    struct channel_ref *ref = call_channel(c);
    if (!ref)
        return;
    if (key.ptr && !key_is_sound(key))
        call_invalid(c, "Idempotency-Key", "must be 1 to 255 visible characters");
    else
        call_publish(c, ref, key, server_body(c->req));
    channel_ref_drop(ref);
}

struct show_state {
    int64_t channel_id, id;
    bool suspended;
    uint32_t attempts;
    unsigned states;  /* filter of a list */
    struct page page; /* of a list; for one event: only its output */
};

static const char *state_text(const struct show_state *s, enum event_state state)
{
    bool waits = state == EVENT_PENDING || state == EVENT_RETRYING;
    return event_state_text(s->suspended && waits ? EVENT_SUSPENDED : state);
}

static void write_view(struct show_state *s, const struct event_view *v)
{
    struct json_write *w = &s->page.w;
    json_write_key(w, "webhookEventId");
    write_id(w, v->id);
    json_write_key(w, "state");
    json_write_str(w, state_text(s, v->state));
    json_write_key(w, "acceptedAt");
    call_write_time(w, event_time_ms(v->id));
    json_write_key(w, "tries");
    json_write_uint(w, v->tries);
    if (v->state == EVENT_RETRYING) {
        json_write_key(w, "nextAttemptAt");
        call_write_time(w, v->due_ms);
    }
}

static enum err show_event(void *arg, const struct event_view *v)
{
    struct show_state *s = arg;
    char channel[24];
    (void)snprintf(channel, sizeof(channel), "%lld", (long long)s->channel_id);
    json_write_key(&s->page.w, "channelId");
    json_write_str(&s->page.w, channel);
    write_view(s, v);
    json_write_key(&s->page.w, "event");
    json_write_raw(&s->page.w, v->json);
    return ERR_NONE;
}

static const char *http_text(int http)
{
    return http == 20 ? "2" : http == 11 ? "1.1" : http == 10 ? "1.0" : NULL;
}

static void write_text(struct json_write *w, const char *key, struct span text)
{
    json_write_key(w, key);
    json_write_span(w, text);
}

static void write_number(struct json_write *w, const char *key, uint64_t n)
{
    json_write_key(w, key);
    json_write_uint(w, n);
}

static enum err show_attempt(void *arg, const struct attempt *a)
{
    struct show_state *s = arg;
    struct json_write *w = &s->page.w;
    if (++s->attempts > ATTEMPTS_MAX)
        return ERR_NONE;
    char id[24];
    (void)snprintf(id, sizeof(id), "%lld", (long long)a->id);
    json_write_object(w);
    json_write_key(w, "attemptId");
    json_write_str(w, id);
    json_write_key(w, "startedAt");
    call_write_time(w, a->started_ms);
    write_number(w, "events", a->events);
    write_text(w, "reason", a->reason);
    write_text(w, "detail", a->detail);
    write_text(w, "cause", a->cause);
    write_text(w, "processed", a->processed);
    write_text(w, "phase", a->phase);
    write_number(w, "status", (uint64_t)a->status);
    json_write_key(w, "http");
    json_write_str(w, http_text(a->http));
    json_write_key(w, "address");
    if (a->address.len)
        json_write_span(w, a->address);
    else
        json_write_null(w);
    json_write_key(w, "reused");
    json_write_bool(w, a->reused);
    write_number(w, "retries", a->retries);
    json_write_key(w, "timings");
    json_write_object(w);
    write_number(w, "dns_us", a->dns_us);
    write_number(w, "connect_us", a->connect_us);
    write_number(w, "tls_us", a->tls_us);
    write_number(w, "send_us", a->send_us);
    write_number(w, "first_byte_us", a->first_byte_us);
    write_number(w, "total_us", a->total_us);
    json_write_end(w);
    json_write_end(w);
    return ERR_NONE;
}

static enum err show_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct show_state *s = c->state;
    struct json_write *w = &s->page.w;
    s->attempts = 0;
    json_write_init(w, call_out(c));
    json_write_object(w);
    enum err e = b->ops->events->event_get(b, s->channel_id, s->id, show_event, s);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such event") : e;
    json_write_key(w, "attempts");
    json_write_array(w);
    e = b->ops->events->attempt_list(b, s->channel_id, s->id, show_attempt, s);
    json_write_end(w);
    json_write_end(w);
    enum err written = json_write_finish(w);
    return e ? e : written;
}

static struct show_state *state_for(struct call *c)
{
    struct channel_ref *ref = call_channel(c);
    struct show_state *s = ref ? call_state(c, sizeof(*s)) : NULL;
    if (s) {
        s->channel_id = ref->channel.id;
        s->suspended = ref->channel.suspended_ms;
        c->state = s;
        c->status = 200;
    }
    channel_ref_drop(ref);
    return s;
}

void api_event_show(struct call *c)
{
    struct show_state *s = state_for(c);
    if (!s)
        return;
    if (event_id_parse(c->params[1], &s->id))
        call_refuse(c, 404, "No such event");
    else
        call_read(c, show_run, call_done);
}

static enum err list_row(void *arg, const struct event_view *v)
{
    struct show_state *s = arg;
    json_write_object(&s->page.w);
    write_view(s, v);
    json_write_end(&s->page.w);
    return ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct show_state *s = c->state;
    page_begin(&s->page, call_out(c));
    s->page.last = 0;
    enum err e = s->states ? b->ops->events->event_list(b, s->channel_id, s->states, s->page.from,
                                                        s->page.limit, SCAN_MAX, list_row, s, &s->page.last)
                           : ERR_NONE;
    s->page.more = s->page.last; /* where the store stopped scanning, maybe after the last row shown */
    return page_end(&s->page, e);
}

/*
 * Parses a list such as "retrying,given_up" into bits of store states. Waiting events of a suspended channel
 * are only found as suspended.
 */
static bool read_states(struct span text, bool suspended, unsigned *ret)
{
    const unsigned waiting = 1u << EVENT_PENDING | 1u << EVENT_RETRYING;
    *ret = 0;
    for (bool more = true; more;) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma ? (size_t)(comma - text.ptr) : text.len;
        enum event_state wanted;
        if (event_state_find((struct span){text.ptr, len}, &wanted))
            return false;
        if (wanted == EVENT_SUSPENDED)
            *ret |= suspended ? waiting : 0;
        else if (!suspended || !(1u << wanted & waiting))
            *ret |= 1u << wanted;
        more = comma != NULL;
        if (more)
            text = (struct span){comma + 1, text.len - len - 1};
    }
    return true;
}

void api_event_list(struct call *c)
{
    static const struct page_kind kind = {.member = "events",
                                          .filters = {"state"},
                                          .start = INT64_MAX,
                                          .limit = 50,
                                          .parse = event_id_parse,
                                          .write = write_id};
    struct show_state *s = state_for(c);
    if (!s || !page_read(c, &s->page, &kind))
        return;
    struct span state = query_text(c, "state");
    s->states = 1u << EVENT_PENDING | 1u << EVENT_RETRYING | 1u << EVENT_DELIVERED | 1u << EVENT_GIVEN_UP;
    if (state.len && !read_states(state, s->suspended, &s->states)) {
        call_invalid(c, "state",
                     "must be pending, delivered, retrying, given_up or suspended, or several of them with "
                     "commas between");
        return;
    }
    call_read(c, list_run, call_done);
}

struct redeliver_state {
    struct channel_ref *ref;
    struct courier_note *note;
    int64_t *ids;
    size_t id_count;
    struct redeliver_range range;
    uint32_t step, total;
    struct redelivered by_id;
};

static void redeliver_end(struct call *c, struct redeliver_state *r)
{
    channel_ref_drop(r->ref);
    mem_free(r->note);
}

static bool read_ids(struct call *c, const json_t *list, struct redeliver_state *r)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count < 1 || count > EVENT_MAX_COUNT) {
        call_invalid(c, "webhookEventIds", "must be an array of 1 to 500 ids");
        return false;
    }
    int64_t *ids = call_state(c, count * sizeof(*ids));
    if (!ids)
        return false; /* answered, and r is freed */
    r->ids = ids;
    for (size_t i = 0; i < count; i++) {
        const json_t *v = json_array_get(list, i);
        const char *text = json_string_value(v);
        int64_t *id = &r->ids[r->id_count];
        if (!text || event_id_parse((struct span){text, json_string_length(v)}, id)) {
            char property[48];
            (void)snprintf(property, sizeof(property), "webhookEventIds[%zu]", i);
            call_invalid(c, property, "is not a webhookEventId");
            return false;
        }
        size_t twice = 0; /* duplicate ids count once */
        while (r->ids[twice] != *id)
            twice++;
        r->id_count += twice == r->id_count;
    }
    return true;
}

static bool read_time(struct call *c, const char *name, const json_t *v, int64_t *ret)
{
    char digits[24] = "";
    if (json_is_integer(v))
        (void)snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(v));
    const char *text = json_is_string(v) ? json_string_value(v) : digits;
    if (time_parse(span_of(text), ret)) {
        call_invalid(c, name,
                     v ? "must be a time such as 2026-11-22T05:38:20Z, or milliseconds since 1970"
                       : "is required");
        return false;
    }
    return true;
}

static bool read_redeliver(struct call *c, const json_t *object, struct redeliver_state *r)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (strcmp(key, "webhookEventIds") != 0 && strcmp(key, "from") != 0 && strcmp(key, "to") != 0 &&
            strcmp(key, "reason") != 0) {
            char name[120];
            (void)snprintf(name, sizeof(name), "%.100s", key);
            call_invalid(c, name, "unknown member");
            return false;
        }
    }
    const json_t *ids = json_object_get(object, "webhookEventIds"),
                 *reason = json_object_get(object, "reason");
    if (ids && json_object_size(object) > 1) {
        call_invalid(c, "webhookEventIds", "cannot stand beside from, to and reason");
        return false;
    }
    if (ids)
        return read_ids(c, ids, r);
    if (!read_time(c, "from", json_object_get(object, "from"), &r->range.from_ms) ||
        !read_time(c, "to", json_object_get(object, "to"), &r->range.to_ms))
        return false;
    if (reason) {
        enum reason known;
        const char *text = json_string_value(reason);
        if (!text || reason_find(span_of(text), &known) || known == REASON_OK) {
            call_invalid(c, "reason",
                         "must be could_not_connect, request_timeout, error_status_code or unclassified");
            return false;
        }
        r->range.reason = span_of(reason_text(known));
    }
    return true;
}

static enum err redeliver_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct redeliver_state *r = c->state;
    r->step = 0;
    struct channel still; /* if the channel was deleted meanwhile, nobody would send these retries */
    enum err e = b->ops->channels->channel_get(b, r->ref->channel.id, &still);
    if (e)
        return e;
    if (r->id_count) {
        e = b->ops->events->redeliver_ids(b, r->ref->channel.id, r->ids, r->id_count, call_now(c), &r->by_id);
        r->step = e ? 0 : r->by_id.due;
    } else {
        e = b->ops->events->redeliver_range(b, r->ref->channel.id, &r->range, REDELIVER_STEP, call_now(c),
                                            &r->step);
    }
    if (e || r->total || r->range.resume) /* the audit line of the first step covers all steps */
        return e;
    char target[32];
    (void)snprintf(target, sizeof(target), "channel/%lld", (long long)r->ref->channel.id);
    return call_audit(c, b, "event.redeliver", target, r->ref->channel.id,
                      r->id_count ? SPAN_LIT("{\"by\":\"ids\"}") : SPAN_LIT("{\"by\":\"range\"}"));
}

/* Explains why fewer events than requested are sent again, or none; "": nothing to explain. */
static void explain_count(const struct redeliver_state *r, uint32_t total, char out[static 200])
{
    const struct redelivered *n = &r->by_id;
    size_t len = 0;
    out[0] = '\0';
    if (!r->id_count && !total)
        (void)snprintf(out, 200, "No event accepted in that time was given up%s",
                       r->range.reason.len ? " for that reason" : "");
    if (n->waiting)
        len =
            (size_t)snprintf(out, 200, "%u %s for delivery already and %s not brought forward", n->waiting,
                             n->waiting == 1 ? "event waits" : "events wait", n->waiting == 1 ? "is" : "are");
    if (n->unknown)
        (void)snprintf(out + len, 200 - len, "%s%u of the ids %s of no event of this channel",
                       len ? "; " : "", n->unknown, n->unknown == 1 ? "is" : "are");
}

static void answer_redelivered(struct call *c, const struct redeliver_state *r, uint32_t total)
{
    char why[200];
    struct buf out;
    buf_init(&out, 1024);
    struct json_write w;
    json_write_init(&w, &out);
    json_write_object(&w);
    write_number(&w, "count", total);
    if (r->id_count) {
        write_number(&w, "waiting", r->by_id.waiting);
        write_number(&w, "unknown", r->by_id.unknown);
    }
    explain_count(r, total, why);
    if (why[0])
        write_text(&w, "message", span_of(why));
    json_write_end(&w);
    call_finish(c, 202, &w);
}

/* Answers a failed step; the steps before it are committed. */
static void redeliver_failed(struct call *c, enum err e, uint32_t total)
{
    if (!total || e == ERR_NOT_FOUND) {
        call_failed(c, e);
        return;
    }
    char text[160];
    (void)snprintf(text, sizeof(text),
                   "The store failed midway: %u events are due again, those that follow are not; ask again",
                   total);
    call_retry(c, 503, text, 5);
}

static void redeliver_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct redeliver_state *r = c->state;
    if (!call->err) {
        r->total += r->step;
        r->range.resume = r->range.ret_resume;
        (void)directory_backlog_add(c->api->config.directory, r->ref->live, r->step);
    }
    if (!r->id_count && !call->err &&
        !r->range.ret_done) { /* the next step is a commit of its own, so that other writes get a turn */
        call_write(c, redeliver_run, NULL, redeliver_done);
        return;
    }
    uint32_t total = r->total;
    if (total) {
        r->note->kind = COURIER_CHANNEL;
        r->note->id = r->ref->channel.id;
        r->note->retries = true;
        courier_notify(courier_of(c->api->config.couriers, r->ref->channel.id), r->note);
        r->note = NULL;
    }
    redeliver_end(c, r);
    if (call->err)
        redeliver_failed(c, call->err, total);
    else
        answer_redelivered(c, r, total);
}

void api_redeliver(struct call *c)
{
    struct redeliver_state *r = call_state(c, sizeof(*r));
    struct channel_ref *ref = r ? call_channel(c) : NULL; /* an answer frees the call, and r with it */
    if (!ref)
        return;
    r->ref = ref;
    json_t *object = call_object(c);
    bool ok = object && read_redeliver(c, object, r);
    json_decref(object);
    if (!ok) {
        channel_ref_drop(ref);
        return;
    }
    c->state = r;
    r->note = mem_zero(1, sizeof(*r->note));
    if (!r->note) {
        channel_ref_drop(ref);
        call_failed(c, ERR_NOMEM);
        return;
    }
    call_write(c, redeliver_run, NULL, redeliver_done);
}
