#include "api/channel/channel_health.h"

#include <stdio.h>

static const char *const texts[] = {
    [CHANNEL_ACTIVE] = "active",
    [CHANNEL_OFF] = "off",
    [CHANNEL_SUSPENDED] = "suspended",
    [CHANNEL_FAILING] = "failing",
};

const char *channel_health_text(enum channel_health h)
{
    return texts[h];
}

enum err channel_health_find(struct span text, enum channel_health *ret)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (span_eq(text, span_of(texts[i]))) {
            *ret = (enum channel_health)i;
            return ERR_NONE;
        }
    }
    return ERR_INVALID;
}

enum channel_health channel_health_of(const struct channel *c, const struct pulse_view *v)
{
    if (!c->use_webhook || !c->webhook_url[0])
        return CHANNEL_OFF;
    if (c->suspended_ms)
        return CHANNEL_SUSPENDED;
    return c->failing_ms || v->failing_ms ? CHANNEL_FAILING : CHANNEL_ACTIVE;
}

static void show_failure(struct json_write *w, const struct pulse_view *v)
{
    const struct outcome o = {
        .reason = fault_of(v->fault)->reason, .fault = v->fault, .cause = v->cause, .status = v->status};
    char detail[8];
    json_write_key(w, "lastFailure");
    json_write_object(w);
    json_write_key(w, "at");
    call_write_time(w, v->failed_ms);
    json_write_key(w, "reason");
    json_write_str(w, reason_text(o.reason));
    json_write_key(w, "detail");
    json_write_str(w, outcome_detail(&o, detail));
    json_write_key(w, "cause");
    json_write_str(w, cause_of(o.cause)->id);
    json_write_end(w);
}

void channel_health_show(struct json_write *w, const struct channel *c, const struct channel_live *live,
                         int64_t now_ms)
{
    struct pulse_view v = {0};
    int64_t backlog = live ? directory_backlog_of(live) : 0;
    if (live)
        pulse_read(&live->pulse, now_ms, &v);
    json_write_key(w, "state");
    json_write_str(w, channel_health_text(channel_health_of(c, &v)));
    json_write_key(w, "suspended");
    json_write_bool(w, c->suspended_ms != 0);
    if (c->suspended_ms) {
        json_write_key(w, "suspendedAt");
        call_write_time(w, c->suspended_ms);
    }
    json_write_key(w, "backlogEvents");
    json_write_int(w, backlog < 0 ? 0 : backlog);
    json_write_key(w, "lastHour");
    json_write_object(w);
    json_write_key(w, "delivered");
    json_write_uint(w, v.delivered);
    json_write_key(w, "failed");
    json_write_uint(w, v.failed);
    json_write_end(w);
    if (v.failed_ms)
        show_failure(w, &v);
}

/* ---- the live stream ---- */

static enum err live_write(struct json_write *w, struct call *c, int64_t channel_id)
{
    struct channel_ref *ref = directory_get(c->api->config.directory, channel_id);
    if (!ref)
        return ERR_NOT_FOUND;
    char id[24];
    (void)snprintf(id, sizeof(id), "%lld", (long long)channel_id);
    json_write_object(w);
    json_write_key(w, "channelId");
    json_write_str(w, id);
    channel_health_show(w, &ref->channel, ref->live, call_now(c));
    json_write_end(w);
    channel_ref_drop(ref);
    return ERR_NONE;
}

void api_channel_live(struct call *c)
{
    static const char *const known[] = {NULL};
    static const struct live_source source = {.event = "channel", .write = live_write};
    struct channel_ref *ref = call_channel(c);
    if (!ref)
        return;
    int64_t id = ref->channel.id;
    channel_ref_drop(ref);
    if (query_known(c, known))
        live_begin(c, &source, id);
}
