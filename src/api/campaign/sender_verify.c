/*
 * POST /api/v1/providers/{id}/senders/{id}/verify: asks the service whether the sender works, and reports
 * each question and phase as it happens (server-sent events, WHATWG HTML 9.2), or all of it as one JSON
 * object at the end.
 * GET …/quota: what the service tells of the messages that are left. Nobody gets anything.
 */
#include <stdio.h>

#include "api/campaign/part.h"
#include "campaign/campaign.h"
#include "campaign/sender_check.h"

#define EVENT_MAX 65536u
#define STORY_MAX (256u << 10) /* what is told of four questions, with their phases */

struct verify_call {
    int64_t provider_id, id;
    enum lang lang;
    bool json, quota_only;
    bool gone;         /* the client has left */
    struct sender row; /* spans in the arena */
    struct sender_check *check;
    struct buf story; /* json: the questions, told at the end */
    struct json_write w;
    struct buf phases; /* json: of the present question */
    size_t phase_count;
    char refusal[RECEIPT_TEXT_MAX]; /* why the service does not tell the quota */
};

/* ---- what is told ---- */

static void send_event(struct call *c, const char *name, struct json_write *w, struct buf *json)
{
    struct buf out;
    buf_init(&out, EVENT_MAX);
    enum err e = json_write_finish(w);
    if (!e)
        e = buf_printf(&out, "event: %s\ndata: ", name);
    if (!e)
        e = buf_add_span(&out, buf_span(json));
    if (!e)
        e = buf_add_str(&out, "\n\n");
    if (!e)
        e = call_stream_write(c, buf_span(&out)); /* that the client has left is noticed elsewhere */
    (void)e;
    buf_deinit(&out);
    buf_deinit(json);
}

static void on_asking(void *arg, const char *question)
{
    struct call *c = arg;
    struct verify_call *s = c->state;
    struct json_write w;
    struct buf json;
    if (s->json || s->quota_only) {
        buf_clear(&s->phases);
        s->phase_count = 0;
        return;
    }
    buf_init(&json, 1024);
    json_write_init(&w, &json);
    json_write_object(&w);
    json_write_key(&w, "question");
    json_write_str(&w, question);
    json_write_end(&w);
    send_event(c, "question", &w, &json);
}

static void write_phase(struct json_write *w, const char *question, enum phase phase, uint32_t at_us)
{
    json_write_object(w);
    if (question) {
        json_write_key(w, "question");
        json_write_str(w, question);
    }
    json_write_key(w, "phase");
    json_write_str(w, phase_text(phase));
    json_write_key(w, "atUs");
    json_write_uint(w, at_us);
    json_write_end(w);
}

static void on_phase(void *arg, const char *question, enum phase phase, uint32_t at_us)
{
    struct call *c = arg;
    struct verify_call *s = c->state;
    struct json_write w;
    struct buf json;
    if (s->quota_only)
        return;
    buf_init(&json, 1024);
    json_write_init(&w, &json);
    write_phase(&w, s->json ? NULL : question, phase, at_us);
    if (!s->json) {
        send_event(c, "phase", &w, &json);
        return;
    }
    if (!json_write_finish(&w) && (!s->phase_count || !buf_add_str(&s->phases, ",")) &&
        !buf_add_span(&s->phases, buf_span(&json)))
        s->phase_count++;
    buf_deinit(&json);
}

static void write_exchange(struct json_write *w, const struct exchange_result *x)
{
    char detail[8];
    json_write_key(w, "reason");
    json_write_str(w, reason_text(x->outcome.reason));
    json_write_key(w, "detail");
    json_write_str(w, outcome_detail(&x->outcome, detail));
    json_write_key(w, "cause");
    json_write_str(w, cause_of(x->outcome.cause)->id);
    json_write_key(w, "address");
    json_write_str(w, x->address[0] ? x->address : NULL);
    json_write_key(w, "http");
    json_write_str(w, x->http == 20 ? "2" : x->http == 11 ? "1.1" : x->http == 10 ? "1.0" : NULL);
    json_write_key(w, "tlsVersion");
    json_write_str(w, x->tls_version);
    json_write_key(w, "totalUs");
    json_write_uint(w, x->timings.total_us);
}

static void write_answer(struct json_write *w, const struct verify_call *s, const struct sender_answer *a)
{
    json_write_object(w);
    json_write_key(w, "question");
    json_write_str(w, a->question);
    json_write_key(w, "fine");
    json_write_bool(w, a->fine);
    json_write_key(w, "status");
    json_write_int(w, a->status);
    write_exchange(w, a->exchange);
    if (s->json) {
        struct buf phases;
        buf_init(&phases, STORY_MAX);
        enum err e = buf_printf(&phases, "[%.*s]", (int)buf_len(&s->phases), buf_span(&s->phases).ptr);
        json_write_key(w, "phases");
        json_write_raw(w, e ? SPAN_LIT("[]") : buf_span(&phases));
        buf_deinit(&phases);
    }
    json_write_end(w);
}

static void on_answered(void *arg, const struct sender_answer *a)
{
    struct call *c = arg;
    struct verify_call *s = c->state;
    struct json_write w;
    struct buf json;
    if (a->receipt->text_len && !s->refusal[0])
        (void)snprintf(s->refusal, sizeof(s->refusal), "%.*s", (int)a->receipt->text_len, a->receipt->text);
    if (s->quota_only)
        return;
    if (s->json) {
        write_answer(&s->w, s, a);
        return;
    }
    buf_init(&json, EVENT_MAX);
    json_write_init(&w, &json);
    write_answer(&w, s, a);
    send_event(c, "answer", &w, &json);
}

static void write_number_or_null(struct json_write *w, const char *key, int64_t n)
{
    json_write_key(w, key);
    if (n < 0)
        json_write_null(w);
    else
        json_write_int(w, n);
}

static void write_facts(struct json_write *w, const struct carrier_facts *f)
{
    json_write_key(w, "account");
    json_write_str(w, f->account[0] ? f->account : NULL);
    write_number_or_null(w, "quota", f->quota);
    write_number_or_null(w, "used", f->used);
}

/* Why the verdict is not good: the service's receipt, and, where no answer came, what happened on the way. */
static void write_error(struct json_write *w, const struct sender_verdict *v, enum lang lang)
{
    const struct cause *cause = cause_of(v->outcome.cause);
    json_write_key(w, "error");
    part_write_receipt(w, &v->receipt, lang);
    json_write_key(w, "exchange");
    if (v->outcome.reason == REASON_OK) {
        json_write_null(w);
        return;
    }
    char detail[8];
    json_write_object(w);
    json_write_key(w, "reason");
    json_write_str(w, reason_text(v->outcome.reason));
    json_write_key(w, "detail");
    json_write_str(w, outcome_detail(&v->outcome, detail));
    json_write_key(w, "cause");
    json_write_str(w, cause->id);
    json_write_key(w, "explanation");
    json_write_str(w, cause->text[lang]);
    json_write_key(w, "advice");
    json_write_str(w, cause->advice[lang]);
    json_write_end(w);
}

/* Members of an open object. */
static void write_verdict(struct json_write *w, const struct verify_call *s, const struct sender_verdict *v)
{
    json_write_key(w, "works");
    json_write_bool(w, v->works);
    json_write_key(w, "asked");
    json_write_bool(w, v->asked);
    json_write_key(w, "question");
    json_write_str(w, v->question);
    if (v->works || v->err) {
        json_write_key(w, "error");
        json_write_null(w);
        json_write_key(w, "exchange");
        json_write_null(w);
    } else {
        write_error(w, v, s->lang);
    }
    write_facts(w, &v->facts);
}

/* ---- the end ---- */

static void drop(struct verify_call *s)
{
    buf_deinit(&s->story);
    buf_deinit(&s->phases);
}

static void answer_failure(struct call *c, enum err e)
{
    drop(c->state);
    if (e == ERR_INVALID)
        call_refuse(c, 409, "The sender's baseUrl is none that this node asks; see its settings for targets");
    else
        call_failed(c, e);
}

static void answer_quota(struct call *c, const struct sender_verdict *v)
{
    struct verify_call *s = c->state;
    struct json_write w;
    struct buf out;
    buf_init(&out, EVENT_MAX);
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "told");
    json_write_bool(&w, v->facts.quota >= 0 || v->facts.used >= 0);
    write_number_or_null(&w, "quota", v->facts.quota);
    write_number_or_null(&w, "used", v->facts.used);
    json_write_key(&w, "refusal");
    json_write_str(&w, s->refusal[0] ? s->refusal : NULL);
    json_write_end(&w);
    drop(s);
    call_finish(c, 200, &w);
}

static void answer_json(struct call *c, const struct sender_verdict *v)
{
    struct verify_call *s = c->state;
    struct json_write w;
    struct buf out;
    json_write_end(&s->w);
    enum err e = json_write_finish(&s->w);
    if (e) {
        answer_failure(c, e);
        return;
    }
    buf_init(&out, 2 * STORY_MAX);
    json_write_init(&w, &out);
    json_write_object(&w);
    write_verdict(&w, s, v);
    json_write_key(&w, "questions");
    json_write_raw(&w, buf_span(&s->story));
    json_write_end(&w);
    drop(s);
    call_finish(c, 200, &w);
}

static void on_done(void *arg, const struct sender_verdict *v)
{
    struct call *c = arg;
    struct verify_call *s = c->state;
    struct json_write w;
    struct buf json;
    s->check = NULL;
    if (v->err && (s->json || s->quota_only)) {
        answer_failure(c, v->err);
    } else if (s->quota_only) {
        answer_quota(c, v);
    } else if (s->json) {
        answer_json(c, v);
    } else {
        if (!v->err) {
            buf_init(&json, EVENT_MAX);
            json_write_init(&w, &json);
            json_write_object(&w);
            write_verdict(&w, s, v);
            json_write_end(&w);
            send_event(c, "verdict", &w, &json);
        }
        drop(s);
        call_stream_end(c, !v->err);
    }
}

/* ---- the beginning ---- */

static void on_gone(void *arg)
{
    struct call *c = arg;
    struct verify_call *s = c->state;
    s->gone = true;
    if (s->check)
        sender_check_cancel(s->check);
}

static bool wants_json(const struct call *c)
{
    struct span accept = server_header(c->req, "accept");
    return accept.ptr && memmem(accept.ptr, accept.len, "application/json", 16) &&
           !memmem(accept.ptr, accept.len, "text/event-stream", 17);
}

static enum err take_row(void *arg, const struct sender *x)
{
    struct call *c = arg;
    struct verify_call *s = c->state;
    s->row = *x;
    return part_keep(c, &s->row.settings) && part_keep(c, &s->row.secret) ? ERR_NONE : ERR_NOMEM;
}

static enum err look_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct verify_call *s = c->state;
    enum err e = b->ops->campaigns->sender_get(b, s->provider_id, s->id, take_row, c);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such sender") : e;
}

static void start(struct call *c, struct carrier *carrier)
{
    struct verify_call *s = c->state;
    const struct campaigns *here = campaigns_here(c->api->config.campaigns, c->api->config.mailbox);
    const struct sender_watch watch = {
        .asking = on_asking, .phase = on_phase, .answered = on_answered, .done = on_done, .arg = c};
    buf_init(&s->story, STORY_MAX);
    buf_init(&s->phases, STORY_MAX);
    json_write_init(&s->w, &s->story);
    json_write_array(&s->w);
    if (!s->json && !s->quota_only)
        call_stream_begin(c, "text/event-stream", on_gone, c);
    const bool streams = !s->json && !s->quota_only;
    enum err e = here && !s->gone ? sender_check_start(campaigns_requests(here), s->row.service, carrier,
                                                       s->quota_only, &watch, &s->check)
                                  : ERR_CLOSED;
    if (!e)
        return; /* it may have been answered already */
    carrier_free(carrier);
    drop(s);
    if (streams)
        call_stream_end(c, false);
    else
        call_failed(c, e);
}

static void looked(struct store_call *call)
{
    struct call *c = call_of(call);
    struct verify_call *s = c->state;
    struct carrier *carrier = NULL;
    struct carrier_fault why;
    if (call->err) {
        call_stopped(c, call->err);
        return;
    }
    if (!s->quota_only && !part_asks(c, s->row.service))
        return;
    if (!rate_take(c->api->config.rates, -s->id, s->quota_only ? RATE_GET : RATE_TEST)) {
        call_retry(c, 429, "A sender can be verified 60 times an hour", 60);
        return;
    }
    enum err e = carrier_open(&carrier, s->row.service, s->row.settings, s->row.secret, &why);
    if (e == ERR_INVALID) {
        char text[sizeof(why.property) + sizeof(why.message) + 48];
        (void)snprintf(text, sizeof(text), "The sender's settings are refused now: %s: %s", why.property,
                       why.message);
        call_refuse(c, 409, text);
    } else if (e) {
        call_failed(c, e);
    } else {
        start(c, carrier);
    }
}

static void begin(struct call *c, bool quota_only)
{
    struct verify_call *s = call_state(c, sizeof(*s));
    if (!s || !part_language(c, &s->lang))
        return;
    s->provider_id = call_channel_id(c->params[0]);
    s->id = call_channel_id(c->params[1]);
    s->quota_only = quota_only;
    s->json = wants_json(c);
    c->state = s;
    call_read(c, look_run, looked);
}

void api_sender_verify(struct call *c)
{
    begin(c, false);
}

void api_sender_quota(struct call *c)
{
    begin(c, true);
}
