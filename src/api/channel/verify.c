/*
 * POST /api/v1/channels/{id}/verify: tries a webhook URL and reports each phase as it happens (server-sent
 * events, WHATWG HTML 9.2), or the result as one JSON object at the end.
 */
#include "api/channel/verify.h"

#include <jansson.h>
#include <stdio.h>

#include "base/log.h"

#define PHASES_MAX 8u

struct verify_state {
    struct channel_ref *ref;
    char url[CHANNEL_URL_MAX + 2];
    bool json;
    struct verification *verification;
    size_t phase_count;
    struct {
        enum phase phase;
        uint32_t at_us;
    } phases[PHASES_MAX];
};

enum err verify_start(struct call *c, const struct channel *channel, const char *url,
                      verification_phase_fn *on_phase, verification_done_fn *done, enum cause_id *ret_cause,
                      struct verification **ret)
{
    const struct verification_config config = {
        .engine = c->api->config.engine, .settings = c->api->config.settings, .clock = c->api->config.clock};
    return verification_start(&config, channel, span_of(url), on_phase, done, c, ret_cause, ret);
}

void verify_lift(struct call *c, const struct channel_ref *ref, const char *url,
                 const struct exchange_result *r)
{
    const struct channel *channel = &ref->channel;
    if (r->outcome.reason != REASON_OK || strcmp(url, channel->webhook_url) != 0)
        return;
    struct channel_ref *now =
        directory_get(c->api->config.directory, channel->id); /* it may have been suspended meanwhile */
    if (now && (now->channel.suspended_ms || now->channel.failing_ms) &&
        suspension_lift(channel->id, url, courier_of(c->api->config.couriers, channel->id),
                        c->api->config.store, c->api->config.directory, c->api->config.mailbox))
        log_warn("api", "out of memory; cannot resume a channel whose URL was verified",
                 log_int("channel", channel->id));
    channel_ref_drop(now);
}

static void write_phase(struct json_write *w, enum phase phase, uint32_t at_us)
{
    json_write_object(w);
    json_write_key(w, "phase");
    json_write_str(w, phase_text(phase));
    json_write_key(w, "atUs");
    json_write_uint(w, at_us);
    json_write_end(w);
}

static void write_languages(struct json_write *w, const char *key, const char *const text[2])
{
    json_write_key(w, key);
    json_write_object(w);
    json_write_key(w, "en");
    json_write_str(w, text[LANG_EN]);
    json_write_key(w, "ja");
    json_write_str(w, text[LANG_JA]);
    json_write_end(w);
}

static void write_timings(struct json_write *w, const struct exchange_timings *t)
{
    const struct {
        const char *key;
        uint32_t us;
    } rows[] = {{"dns_us", t->dns_us},   {"connect_us", t->connect_us},       {"tls_us", t->tls_us},
                {"send_us", t->send_us}, {"first_byte_us", t->first_byte_us}, {"total_us", t->total_us}};
    json_write_key(w, "timings");
    json_write_object(w);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_write_key(w, rows[i].key);
        json_write_uint(w, rows[i].us);
    }
    json_write_end(w);
}

/* Writes the members of the outcome, inside an object that was begun. */
static void write_outcome(struct json_write *w, const char *url, const struct exchange_result *r)
{
    const struct outcome *o = &r->outcome;
    const struct cause *cause = cause_of(o->cause);
    char detail[8];
    json_write_key(w, "endpoint");
    json_write_str(w, url);
    json_write_key(w, "reason");
    json_write_str(w, reason_text(o->reason));
    json_write_key(w, "detail");
    json_write_str(w, outcome_detail(o, detail));
    json_write_key(w, "cause");
    json_write_str(w, cause->id);
    json_write_key(w, "processed");
    json_write_str(w, processed_text(o->processed));
    json_write_key(w, "phase");
    json_write_str(w, phase_text(o->phase));
    json_write_key(w, "status");
    json_write_int(w, o->status);
    json_write_key(w, "http");
    json_write_str(w, r->http == 20 ? "2" : r->http == 11 ? "1.1" : r->http == 10 ? "1.0" : NULL);
    json_write_key(w, "address");
    json_write_str(w, r->address[0] ? r->address : NULL);
    json_write_key(w, "tlsVersion");
    json_write_str(w, r->tls_version);
    write_timings(w, &r->timings);
    write_languages(w, "explanation", cause->text);
    write_languages(w, "advice", cause->advice);
}

/* Sends one event of the stream; a client that has left is noticed at the end. */
static void send_event(struct call *c, const char *name, struct json_write *w, struct buf *json)
{
    struct buf out;
    buf_init(&out, 65536);
    enum err e = json_write_finish(w);
    if (!e)
        e = buf_printf(&out, "event: %s\ndata: ", name);
    if (!e)
        e = buf_add_span(&out, buf_span(json));
    if (!e)
        e = buf_add_str(&out, "\n\n");
    if (!e)
        e = call_stream_write(c, buf_span(&out));
    if (e && e != ERR_CLOSED)
        log_debug("api", "cannot record a verification event", log_err("err", e));
    buf_deinit(&out);
}

static void on_phase(void *arg, enum phase phase, uint32_t at_us)
{
    struct call *c = arg;
    struct verify_state *s = c->state;
    if (s->phase_count < PHASES_MAX) {
        s->phases[s->phase_count].phase = phase;
        s->phases[s->phase_count++].at_us = at_us;
    }
    if (s->json)
        return;
    struct buf json;
    struct json_write w;
    buf_init(&json, 1024);
    json_write_init(&w, &json);
    write_phase(&w, phase, at_us);
    send_event(c, "phase", &w, &json);
    buf_deinit(&json);
}

static void on_done(void *arg, const struct exchange_result *r)
{
    struct call *c = arg;
    struct verify_state *s = c->state;
    verify_lift(c, s->ref, s->url, r);
    channel_ref_drop(s->ref);
    struct buf json;
    struct json_write w;
    buf_init(&json, 65536);
    json_write_init(&w, &json);
    json_write_object(&w);
    write_outcome(&w, s->url, r);
    if (s->json) {
        json_write_key(&w, "phases");
        json_write_array(&w);
        for (size_t i = 0; i < s->phase_count; i++)
            write_phase(&w, s->phases[i].phase, s->phases[i].at_us);
        json_write_end(&w);
    }
    json_write_end(&w);
    if (s->json) {
        call_finish(c, 200, &w);
        return;
    }
    send_event(c, "outcome", &w, &json);
    buf_deinit(&json);
    call_stream_end(c, true);
}

static void refuse(struct call *c, struct verify_state *s, const char *property, const char *message)
{
    channel_ref_drop(s->ref);
    call_invalid(c, property, message);
}

/* Reads the body: {}, {"endpoint":…} or empty. false: already answered. */
static bool read_body(struct call *c, struct verify_state *s)
{
    memcpy(s->url, s->ref->channel.webhook_url, sizeof(s->ref->channel.webhook_url));
    if (!server_body(c->req).len)
        return true;
    struct channel_ref *ref = s->ref;
    json_t *object = call_object(c);
    if (!object) { /* answered: s is freed */
        channel_ref_drop(ref);
        return false;
    }
    const json_t *v = json_object_get(object, "endpoint");
    const char *text = json_string_value(v);
    size_t known = v ? 1 : 0;
    bool bad = v && !json_is_null(v) && !text;
    bool unknown = json_object_size(object) > known;
    if (text) /* cut one past the limit, it is refused for its length */
        (void)snprintf(s->url, sizeof(s->url), "%s", text);
    json_decref(object);
    if (bad)
        refuse(c, s, "endpoint", "must be a URL or null");
    else if (unknown)
        refuse(c, s, "", "only the member endpoint is known");
    return !bad && !unknown;
}

static bool wants_json(const struct call *c)
{
    struct span accept = server_header(c->req, "accept");
    return accept.ptr && memmem(accept.ptr, accept.len, "application/json", 16) &&
           !memmem(accept.ptr, accept.len, "text/event-stream", 17);
}

/* The client has left: cancels the verification, whose end frees the call. */
static void on_gone(void *arg)
{
    struct call *c = arg;
    struct verify_state *s = c->state;
    if (s->verification)
        verification_cancel(s->verification);
}

static void start(struct call *c, struct verify_state *s)
{
    s->json = wants_json(c);
    if (!s->json)
        call_stream_begin(c, "text/event-stream", on_gone, c);
    enum cause_id cause = CAUSE_url_too_long;
    enum err e = strlen(s->url) > CHANNEL_URL_MAX
                     ? ERR_INVALID
                     : verify_start(c, &s->ref->channel, s->url, on_phase, on_done, &cause, &s->verification);
    if (!e)
        return;
    if (e == ERR_INVALID) {
        struct exchange_result r = verification_refused(cause);
        on_done(c, &r);
        return;
    }
    channel_ref_drop(s->ref);
    if (s->json)
        call_failed(c, e);
    else
        call_stream_end(c, false);
}

void api_verify(struct call *c)
{
    struct verify_state *s = call_state(c, sizeof(*s));
    if (!s)
        return;
    struct channel_ref *ref = call_channel(c);
    if (!ref)
        return; /* and s is freed with the call */
    s->ref = ref;
    if (!read_body(c, s))
        return;
    c->state = s;
    bool may = s->url[0] && rate_take(c->api->config.rates, s->ref->channel.id, RATE_TEST);
    if (may) {
        start(c, s);
        return;
    }
    bool absent = !s->url[0];
    channel_ref_drop(s->ref);
    if (absent)
        call_refuse(c, 404, "This channel has no webhook URL, and none was given");
    else
        call_retry(c, 429, "A webhook URL can be verified 60 times an hour", 60);
}
