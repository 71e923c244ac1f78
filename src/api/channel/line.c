/*
 * /v2/bot/channel/webhook: reads, sets and tests the webhook URL with a channel access token, as in the
 * Messaging API ("Get webhook endpoint information", "Set webhook endpoint URL", "Test webhook endpoint").
 * The messages are LINE's, because clients know them.
 */
#include <jansson.h>
#include <stdio.h>

#include "api/channel/channel_edit.h"
#include "api/channel/verify.h"

static bool take(struct call *c, enum rate_kind kind)
{
    if (rate_take(c->api->config.rates, c->bearer->channel.id, kind))
        return true;
    call_refuse(c, 429, "The API rate limit has been exceeded. Try again later.");
    return false;
}

static void refuse_url(struct call *c)
{
    call_refuse(c, 400, "Invalid webhook endpoint URL");
}

static void refuse_absent(struct call *c)
{
    call_refuse(c, 404, "Webhook endpoint not found");
}

void api_line_get(struct call *c)
{
    const struct channel *channel = &c->bearer->channel;
    if (!take(c, RATE_GET))
        return;
    if (!channel->webhook_url[0]) {
        refuse_absent(c);
        return;
    }
    struct buf out;
    buf_init(&out, 8192);
    struct json_write w;
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "endpoint");
    json_write_str(&w, channel->webhook_url);
    json_write_key(&w, "active");
    json_write_bool(&w, channel->use_webhook);
    json_write_end(&w);
    call_finish(c, 200, &w);
}

struct new_url {
    char text[CHANNEL_URL_MAX + 1];
};

static enum err apply_url(struct call *c, struct channel *channel)
{
    const struct new_url *url = channel_edit_of(c)->arg;
    if (strcmp(channel->webhook_url, url->text) != 0)
        suspension_clear(channel);
    memcpy(channel->webhook_url, url->text, sizeof(channel->webhook_url));
    return ERR_NONE;
}

static void set_done(struct call *c, const struct channel *channel, enum err err)
{
    (void)channel;
    if (err)
        call_failed(c, err);
    else
        call_answer(c, 200, "application/json; charset=utf-8", SPAN_LIT("{}"));
}

/* Reads the member endpoint, which may be absent unless required. false: already answered with 400. */
static bool read_endpoint(struct call *c, bool required, char out[static CHANNEL_URL_MAX + 2],
                          bool *ret_given)
{
    *ret_given = false;
    if (!required && !server_body(c->req).len)
        return true;
    json_t *object = call_object(c);
    if (!object)
        return false;
    const json_t *v = json_object_get(object, "endpoint");
    const char *text = json_string_value(v);
    bool absent = !v || json_is_null(v);
    bool ok = text || (absent && !required);
    *ret_given = text;
    if (text) /* a longer URL is cut one past the limit, and so refused for its length */
        (void)snprintf(out, CHANNEL_URL_MAX + 2, "%s", text);
    else
        out[0] = '\0';
    json_decref(object);
    if (!ok)
        call_invalid(c, "endpoint", absent ? "May not be empty" : "Must be a string");
    return ok;
}

void api_line_set(struct call *c)
{
    char text[CHANNEL_URL_MAX + 2];
    bool given;
    if (!take(c, RATE_SET) || !read_endpoint(c, true, text, &given))
        return;
    struct new_url *url = call_state(c, sizeof(*url));
    struct url *parsed = url ? call_state(c, sizeof(*parsed)) : NULL;
    if (!parsed)
        return;
    struct url_rules rules = {.allow_http = c->api->config.settings->allow_http};
    enum cause_id cause;
    enum err e =
        strlen(text) > CHANNEL_URL_MAX ? ERR_INVALID : url_parse(span_of(text), &rules, parsed, &cause);
    if (e == ERR_NOMEM) {
        call_failed(c, e);
        return;
    }
    if (e) {
        refuse_url(c);
        return;
    }
    if (strcmp(c->bearer->channel.webhook_url, text) ==
        0) { /* unchanged: some tools set the URL at every start */
        set_done(c, NULL, ERR_NONE);
        return;
    }
    memcpy(url->text, text, strlen(text) + 1);
    channel_edit_submit(c, &(struct channel_edit){.id = c->bearer->channel.id,
                                                  .apply = apply_url,
                                                  .done = set_done,
                                                  .arg = url,
                                                  .action = "channel.update"});
}

struct trial {
    char url[CHANNEL_URL_MAX + 2];
};

static void answer_test(struct call *c, const struct exchange_result *r, const char *url)
{
    static const char *const reasons[REASON_COUNT] = {
        [REASON_OK] = "OK",
        [REASON_COULD_NOT_CONNECT] = "COULD_NOT_CONNECT",
        [REASON_REQUEST_TIMEOUT] = "REQUEST_TIMEOUT",
        [REASON_ERROR_STATUS_CODE] = "ERROR_STATUS_CODE",
        [REASON_UNCLASSIFIED] = "UNCLASSIFIED",
    };
    const struct outcome *o = &r->outcome;
    char number[8], detail[CHANNEL_URL_MAX + 64];
    bool answered = o->reason == REASON_OK || o->reason == REASON_ERROR_STATUS_CODE;
    if (answered)
        (void)snprintf(detail, sizeof(detail), "%d", o->status);
    else
        (void)snprintf(detail, sizeof(detail), "%s: %s", outcome_detail(o, number), url);
    struct buf out;
    buf_init(&out, 8192);
    struct json_write w;
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "success");
    json_write_bool(&w, o->reason == REASON_OK);
    json_write_key(&w, "timestamp");
    call_write_time(&w, c->api->config.clock->wall_ms(c->api->config.clock->arg));
    json_write_key(&w, "statusCode");
    json_write_int(&w, answered ? o->status : 0);
    json_write_key(&w, "reason");
    json_write_str(&w, reasons[o->reason]);
    json_write_key(&w, "detail");
    json_write_str(&w, detail);
    json_write_end(&w);
    call_finish(c, 200, &w);
}

static void trial_done(void *arg, const struct exchange_result *r)
{
    struct call *c = arg;
    const struct trial *s = c->state;
    verify_lift(c, c->bearer, s->url, r);
    if (r->outcome.fault == FAULT_unknown_host)
        refuse_url(c);
    else if (cause_is_local(r->outcome.cause))
        call_retry(c, 503, "This node could not try the webhook endpoint now", 5);
    else
        answer_test(c, r, s->url);
}

void api_line_test(struct call *c)
{
    struct trial *s = call_state(c, sizeof(*s));
    bool given;
    if (!s || !take(c, RATE_TEST) || !read_endpoint(c, false, s->url, &given))
        return;
    const struct channel *channel = &c->bearer->channel;
    if (!given)
        memcpy(s->url, channel->webhook_url, sizeof(channel->webhook_url));
    if (!given && !s->url[0]) {
        refuse_absent(c);
        return;
    }
    c->state = s;
    enum cause_id cause;
    enum err e = strlen(s->url) > CHANNEL_URL_MAX
                     ? ERR_INVALID
                     : verify_start(c, channel, s->url, NULL, trial_done, &cause, NULL);
    if (e == ERR_INVALID)
        refuse_url(c);
    else if (e)
        call_failed(c, e);
}
