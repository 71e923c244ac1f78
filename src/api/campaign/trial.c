/*
 * POST /api/v1/providers/{id}/campaigns/{id}/preview and /test: what one user would get, or the error it
 * would be; and one real message to that user, which is counted nowhere and changes nothing.
 */
#include "campaign/trial.h"

#include <stdio.h>

#include "api/campaign/judged.h"
#include "api/campaign/part.h"
#include "campaign/campaign.h"
#include "campaign/message_text.h"
#include "store/condition.h"

#define PERSON_MEMORY_MAX (1u << 20) /* attributes, and targets of one person */
#define OUT_MAX (4u << 20)

struct trial_call {
    int64_t provider_id, id;
    struct span short_id, user; /* short_id: the path names the campaign by it; empty: by id */
    bool send;
    enum lang lang;
    struct campaign campaign; /* spans in the arena */
    struct sender sender;
    struct claim claim;
    struct claimed to;
    struct campaign_job job;
    struct claim_refusal refusal;
};

/* ---- the answer ---- */

static const char *const states[TRIAL_STATES] = {
    [TRIAL_READY] = "ready",   [TRIAL_SENT] = "sent",       [TRIAL_SKIPPED] = "skipped",
    [TRIAL_FAILED] = "failed", [TRIAL_UNKNOWN] = "unknown",
};

static void write_content(struct json_write *w, const struct content_rendered *r)
{
    char name[64];
    json_write_key(w, "content");
    if (!r) {
        json_write_null(w);
        return;
    }
    json_write_object(w);
    for (size_t i = 0; i < r->count; i++) {
        (void)snprintf(name, sizeof(name), "%.*s", (int)r->members[i].key.len, r->members[i].key.ptr);
        json_write_key(w, name);
        json_write_raw(w, r->members[i].json);
    }
    json_write_end(w);
}

static void write_error(struct json_write *w, const struct trial_call *s, const struct trial_result *r)
{
    char text[MESSAGE_TEXT_MAX];
    const struct message_names names = {
        .user = s->user, .provider_id = s->provider_id, .short_id = s->campaign.short_id};
    json_write_key(w, "error");
    if (r->receipt && r->receipt->failed)
        part_write_receipt(w, r->receipt, s->lang);
    else
        judged_write(w, r->error, message_text(r->error, r->detail, &names, text), SPAN_LIT(""), s->lang);
    json_write_key(w, "detail");
    if (r->detail.len)
        json_write_span(w, r->detail);
    else
        json_write_null(w);
}

static void write_text_or_null(struct json_write *w, const char *key, struct span text)
{
    json_write_key(w, key);
    if (text.len)
        json_write_span(w, text);
    else
        json_write_null(w);
}

static void write_result(struct json_write *w, const struct trial_call *s, const struct trial_result *r)
{
    json_write_object(w);
    json_write_key(w, "userId");
    json_write_span(w, s->user);
    write_text_or_null(w, "target", s->to.target.ptr ? s->to.target : SPAN_LIT(""));
    json_write_key(w, "state");
    json_write_str(w, states[r->state]);
    write_content(w, r->rendered);
    /* Whom a rule kept back is told which rule. */
    if (r->state == TRIAL_FAILED || r->state == TRIAL_UNKNOWN || s->refusal.refused) {
        write_error(w, s, r);
    } else {
        write_text_or_null(w, "error", SPAN_LIT(""));
        write_text_or_null(w, "detail", SPAN_LIT(""));
    }
    if (s->send) {
        json_write_key(w, "status");
        json_write_int(w, r->status);
        write_text_or_null(w, "serviceId", span_of(r->service_id));
    }
    json_write_end(w);
}

static void drop(struct trial_call *s)
{
    arena_deinit(&s->claim.arena);
}

static void on_done(void *arg, const struct trial_result *r)
{
    struct call *c = arg;
    struct trial_call *s = c->state;
    struct json_write w;
    struct buf out;
    buf_init(&out, OUT_MAX);
    json_write_init(&w, &out);
    write_result(&w, s, r);
    drop(s);
    call_finish(c, 200, &w);
}

/* ---- what there is ---- */

static enum err take_campaign(void *arg, const struct campaign *k)
{
    struct call *c = arg;
    struct trial_call *s = c->state;
    s->campaign = *k;
    struct span *texts[] = {&s->campaign.short_id, &s->campaign.content, &s->campaign.variables,
                            &s->campaign.stop_when};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!part_keep(c, texts[i]))
            return ERR_NOMEM;
    return ERR_NONE;
}

static enum err take_sender(void *arg, const struct sender *x)
{
    struct call *c = arg;
    struct trial_call *s = c->state;
    s->sender = *x;
    return part_keep(c, &s->sender.settings) && part_keep(c, &s->sender.secret) ? ERR_NONE : ERR_NOMEM;
}

static enum err check_person(struct call *c, struct backend *b)
{
    struct trial_call *s = c->state;
    struct condition *stop_when = NULL;
    struct condition_fault why;
    enum err e =
        s->campaign.stop_when.len ? condition_parse(s->campaign.stop_when, &stop_when, &why) : ERR_NONE;
    s->job = (struct campaign_job){.provider_id = s->provider_id,
                                   .medium = s->campaign.medium,
                                   .audience = {.kind = AUDIENCE_SEGMENT},
                                   .stop_when = stop_when};
    s->claim.job = &s->job;
    s->claim.now_ms = call_now(c);
    s->claim.count = 1;
    s->claim.messages = &s->to;
    if (!e)
        e = claim_try(&s->claim, b, s->user, &s->refusal);
    s->job.stop_when = NULL;
    condition_free(stop_when);
    return e;
}

static enum err look_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct trial_call *s = c->state;
    const struct backend_campaigns *ops = b->ops->campaigns;
    enum err e = s->id ? ops->campaign_get(b, s->provider_id, s->id, take_campaign, c)
                       : ops->campaign_find(b, s->provider_id, s->short_id, take_campaign, c);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, "No such campaign");
    if (!e)
        e = ops->sender_get(b, s->provider_id, s->campaign.sender_id, take_sender, c);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, ERR_CONFLICT, "The campaign's sender was deleted");
    return e ? e : check_person(c, b);
}

/* ---- the beginning ---- */

static void start(struct call *c, struct carrier *carrier)
{
    struct trial_call *s = c->state;
    const struct campaigns *here = campaigns_here(c->api->config.campaigns, c->api->config.mailbox);
    const struct trial_order order = {
        .send = s->send,
        .medium = s->campaign.medium,
        .service = s->sender.service,
        .provider_id = s->provider_id,
        .sender_id = s->sender.id,
        .short_id = s->campaign.short_id,
        .content = s->campaign.content,
        .variables = s->campaign.variables,
        .to = &s->to,
    };
    enum err e =
        here ? trial_start(campaigns_requests(here), campaigns_renderer(here), carrier, &order, on_done, c)
             : ERR_CLOSED;
    if (!e)
        return; /* it may have been answered already */
    carrier_free(carrier);
    drop(s);
    call_failed(c, e);
}

static void refuse_settings(struct call *c, const struct carrier_fault *why)
{
    char text[sizeof(why->property) + sizeof(why->message) + 48];
    (void)snprintf(text, sizeof(text), "The sender's settings are refused now: %s: %s", why->property,
                   why->message);
    drop(c->state);
    call_refuse(c, 409, text);
}

static void looked(struct store_call *call)
{
    struct call *c = call_of(call);
    struct trial_call *s = c->state;
    struct carrier *carrier = NULL;
    struct carrier_fault why;
    if (call->err) {
        drop(s);
        call_stopped(c, call->err);
        return;
    }
    if (s->refusal.refused) {
        const struct trial_result r = {.state = s->refusal.skipped ? TRIAL_SKIPPED : TRIAL_FAILED,
                                       .error = s->refusal.error,
                                       .detail = span_of(s->refusal.detail),
                                       .service_id = ""};
        on_done(c, &r);
        return;
    }
    if (s->send && s->sender.service == SERVICE_SMTP) {
        drop(s);
        (void)!part_asks(c, s->sender.service);
        return;
    }
    if (s->send && !rate_take(c->api->config.rates, -s->sender.id, RATE_TEST)) {
        drop(s);
        call_retry(c, 429, "A sender sends 60 test messages an hour", 60);
        return;
    }
    enum err e = carrier_open(&carrier, s->sender.service, s->sender.settings, s->sender.secret, &why);
    if (e == ERR_INVALID) {
        refuse_settings(c, &why);
    } else if (e) {
        drop(s);
        call_failed(c, e);
    } else {
        start(c, carrier);
    }
}

static bool read_user(struct call *c, struct trial_call *s)
{
    struct json_value body, user;
    struct span key;
    if (!part_body(c, &body))
        return false;
    if (json_find(body, "userId", &user)) {
        call_invalid(c, "userId", "is required");
        return false;
    }
    struct json_iter it = json_members(body);
    while (json_next_member(&it, &key, &user)) {
        if (!json_key_is(key, "userId")) {
            part_unknown(c, key);
            return false;
        }
        if (!part_text(c, "userId", user, &s->user))
            return false;
    }
    if (s->user.len >= 1 && s->user.len <= 256)
        return true;
    call_invalid(c, "userId", "must have 1 to 256 bytes");
    return false;
}

static void begin(struct call *c, bool send)
{
    struct trial_call *s = call_state(c, sizeof(*s));
    if (!s || !part_language(c, &s->lang) || !read_user(c, s))
        return;
    s->provider_id = call_channel_id(c->params[0]);
    s->id = call_channel_id(c->params[1]);
    s->short_id = s->id ? SPAN_LIT("") : c->params[1];
    s->send = send;
    arena_init(&s->claim.arena, 4096, PERSON_MEMORY_MAX);
    c->state = s;
    call_read(c, look_run, looked);
}

void api_campaign_preview(struct call *c)
{
    begin(c, false);
}

void api_campaign_test(struct call *c)
{
    begin(c, true);
}
