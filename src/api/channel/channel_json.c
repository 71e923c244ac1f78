#include "api/channel/channel_json.h"

#include <jansson.h>
#include <stdio.h>

#include "access/account.h"
#include "api/channel/channel_health.h"
#include "model/name.h"
#include "net/url.h"

static bool invalid(struct call *c, const char *property, const char *message)
{
    call_invalid(c, property, message);
    return false;
}

static bool read_name(struct call *c, const json_t *v, struct channel_change *to)
{
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    if (!s)
        return invalid(c, "name", "must be a string");
    const char *refusal = name_refuse((struct span){s, len});
    if (refusal)
        return invalid(c, "name", refusal);
    memcpy(to->to.name, s, len + 1);
    to->name = true;
    return true;
}

static bool read_url(struct call *c, const json_t *v, struct channel_change *to)
{
    to->webhook_url = true;
    to->to.webhook_url[0] = '\0';
    if (json_is_null(v))
        return true;
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    if (!s)
        return invalid(c, "webhookUrl", "must be a string or null");
    struct url *url = call_state(c, sizeof(*url));
    if (!url)
        return false;
    struct url_rules rules = {.allow_http = c->api->config.settings->allow_http};
    enum cause_id cause = CAUSE_ok;
    enum err e = url_parse((struct span){s, len}, &rules, url, &cause);
    if (e == ERR_NOMEM) {
        call_failed(c, e);
        return false;
    }
    if (e || len > CHANNEL_URL_MAX) {
        char text[320];
        enum cause_id why = e ? cause : CAUSE_url_too_long;
        (void)snprintf(text, sizeof(text), "Invalid webhook URL: %s", cause_of(why)->text[LANG_EN]);
        return invalid(c, "webhookUrl", text);
    }
    memcpy(to->to.webhook_url, s, len + 1);
    return true;
}

static bool read_email(struct call *c, const json_t *v, struct channel_change *to)
{
    to->contact_email = true;
    to->to.contact_email[0] = '\0';
    if (json_is_null(v))
        return true;
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    char recipient[EMAIL_MAX + 1], message[EMAIL_WHY_MAX];
    const char *why = s ? email_recipient((struct span){s, len}, recipient) : NULL;
    (void)snprintf(message, sizeof(message), "must be a mail address or null%s%s", why ? ": " : "",
                   why ? why : "");
    if (!s || why)
        return invalid(c, "contactEmail", message);
    memcpy(to->to.contact_email, s, len + 1);
    return true;
}

static bool read_language(struct call *c, const json_t *v, struct channel_change *to)
{
    const char *s = json_string_value(v);
    if (!s || (strcmp(s, "en") != 0 && strcmp(s, "ja") != 0))
        return invalid(c, "language", "must be en or ja");
    memcpy(to->to.language, s, 3);
    to->language = true;
    return true;
}

static bool read_number(struct call *c, const char *name, const json_t *v, uint32_t min, uint32_t max,
                        uint32_t *to, bool *set)
{
    *set = true;
    *to = 0;
    if (json_is_null(v)) /* back to the default */
        return true;
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < (json_int_t)min || n > (json_int_t)max) {
        char text[80];
        (void)snprintf(text, sizeof(text), "must be an integer from %u to %u, or null", min, max);
        return invalid(c, name, text);
    }
    *to = (uint32_t)n;
    return true;
}

static bool read_schedule(struct call *c, const json_t *v, struct channel_change *to)
{
    to->redelivery_schedule = true;
    to->to.redelivery_count = 0;
    if (json_is_null(v)) /* the node's */
        return true;
    size_t count = json_array_size(v);
    bool ok = json_is_array(v) && count >= 1 && count <= CHANNEL_REDELIVERIES_MAX;
    for (size_t i = 0; ok && i < count; i++) {
        const json_t *entry = json_array_get(v, i);
        json_int_t s = json_integer_value(entry);
        ok = json_is_integer(entry) && s >= 1 && s <= CHANNEL_REDELIVERY_S_MAX;
        to->to.redelivery_s[to->to.redelivery_count++] = (uint32_t)s;
    }
    return ok || invalid(c, "redeliverySchedule",
                         "must be a list of 1 to 20 waits in seconds, 1 to 604800 each, or null");
}

static bool read_switch(struct call *c, const char *name, const json_t *v, bool *to, bool *set)
{
    if (!json_is_boolean(v))
        return invalid(c, name, "must be true or false");
    *to = json_is_true(v);
    *set = true;
    return true;
}

static bool read_member(struct call *c, const char *key, const json_t *v, struct channel_change *to)
{
    if (strcmp(key, "name") == 0)
        return read_name(c, v, to);
    if (strcmp(key, "webhookUrl") == 0)
        return read_url(c, v, to);
    if (strcmp(key, "useWebhook") == 0)
        return read_switch(c, key, v, &to->to.use_webhook, &to->use_webhook);
    if (strcmp(key, "webhookRedelivery") == 0)
        return read_switch(c, key, v, &to->to.webhook_redelivery, &to->webhook_redelivery);
    if (strcmp(key, "redeliverySchedule") == 0)
        return read_schedule(c, v, to);
    if (strcmp(key, "errorStatistics") == 0)
        return read_switch(c, key, v, &to->to.error_statistics, &to->error_statistics);
    if (strcmp(key, "errorNotification") == 0)
        return read_switch(c, key, v, &to->to.error_notification, &to->error_notification);
    if (strcmp(key, "contactEmail") == 0)
        return read_email(c, v, to);
    if (strcmp(key, "language") == 0)
        return read_language(c, v, to);
    if (strcmp(key, "responseTimeoutMs") == 0)
        return read_number(c, key, v, CHANNEL_RESPONSE_MS_MIN, CHANNEL_RESPONSE_MS_MAX,
                           &to->to.response_timeout_ms, &to->response_timeout_ms);
    if (strcmp(key, "maxEventsPerRequest") == 0)
        return read_number(c, key, v, 1, CHANNEL_BATCH_MAX, &to->to.max_events, &to->max_events);
    if (strcmp(key, "providerId") == 0) {
        to->provider_id = json_is_string(v) ? call_channel_id(span_of(json_string_value(v))) : 0;
        return to->provider_id || invalid(c, key, "must be the id of a provider");
    }
    if (strcmp(key, "suspended") == 0) {
        if (!json_is_false(v))
            return invalid(c, key, "can only be set to false: sending goes on");
        to->resume = true;
        return true;
    }
    char name[120];
    (void)snprintf(name, sizeof(name), "%.100s", key);
    return invalid(c, name, "unknown member");
}

bool channel_change_read(struct call *c, struct json_t *object, struct channel_change *ret)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!read_member(c, key, value, ret))
            return false;
    }
    return true;
}

bool channel_change_resumes(const struct channel_change *ch)
{
    return ch->resume && !ch->name && !ch->webhook_url && !ch->use_webhook && !ch->webhook_redelivery &&
           !ch->error_statistics && !ch->error_notification && !ch->contact_email && !ch->language &&
           !ch->response_timeout_ms && !ch->max_events && !ch->redelivery_schedule && !ch->provider_id;
}

void channel_change_apply(const struct channel_change *change, struct channel *c)
{
    const struct channel *to = &change->to;
    if (change->name)
        memcpy(c->name, to->name, sizeof(c->name));
    if ((change->resume && c->suspended_ms) ||
        (change->webhook_url && strcmp(c->webhook_url, to->webhook_url) != 0))
        suspension_clear(c);
    if (change->webhook_url)
        memcpy(c->webhook_url, to->webhook_url, sizeof(c->webhook_url));
    if (change->use_webhook)
        c->use_webhook = to->use_webhook;
    if (change->webhook_redelivery)
        c->webhook_redelivery = to->webhook_redelivery;
    if (change->error_statistics)
        c->error_statistics = to->error_statistics;
    if (change->error_notification)
        c->error_notification = to->error_notification;
    if (change->contact_email)
        memcpy(c->contact_email, to->contact_email, sizeof(c->contact_email));
    if (change->language)
        memcpy(c->language, to->language, sizeof(c->language));
    if (change->response_timeout_ms)
        c->response_timeout_ms = to->response_timeout_ms;
    if (change->max_events)
        c->max_events = to->max_events;
    if (change->redelivery_schedule) {
        c->redelivery_count = to->redelivery_count;
        memcpy(c->redelivery_s, to->redelivery_s, sizeof(c->redelivery_s));
    }
}

static const char *or_null(const char *s)
{
    return s[0] ? s : NULL;
}

static void show_schedule(struct json_write *w, const struct channel *c)
{
    json_write_key(w, "redeliverySchedule");
    if (!c->redelivery_count) {
        json_write_null(w);
        return;
    }
    json_write_array(w);
    for (uint32_t i = 0; i < c->redelivery_count; i++)
        json_write_uint(w, c->redelivery_s[i]);
    json_write_end(w);
}

void channel_change_show_contact(struct json_write *w, const struct channel *c,
                                 const struct contact_view *contact)
{
    json_write_key(w, "contactEmail");
    json_write_str(w, or_null(c->contact_email));
    json_write_key(w, "contactEmailState");
    json_write_str(w, c->contact_email[0] ? contact_state_text(contact->state) : NULL);
    json_write_key(w, "contactEmailAskedAt");
    if (c->contact_email[0] && contact->asked_ms)
        call_write_time(w, contact->asked_ms);
    else
        json_write_null(w);
}

void channel_change_show(struct json_write *w, const struct channel *c, const struct contact_view *contact,
                         enum grant grant, const struct courier_settings *settings,
                         const struct channel_live *live, int64_t now_ms)
{
    json_write_key(w, "channelId");
    call_write_id(w, c->id);
    json_write_key(w, "providerId");
    call_write_id(w, c->provider_id);
    json_write_key(w, "role");
    json_write_str(w, account_grant_text(grant));
    json_write_key(w, "name");
    json_write_str(w, c->name);
    json_write_key(w, "botUserId");
    json_write_str(w, c->bot_user_id);
    json_write_key(w, "webhookUrl");
    json_write_str(w, or_null(c->webhook_url));
    json_write_key(w, "useWebhook");
    json_write_bool(w, c->use_webhook);
    json_write_key(w, "webhookRedelivery");
    json_write_bool(w, c->webhook_redelivery);
    show_schedule(w, c);
    json_write_key(w, "errorStatistics");
    json_write_bool(w, c->error_statistics);
    json_write_key(w, "errorNotification");
    json_write_bool(w, c->error_notification);
    if (grant > GRANT_TESTER)
        channel_change_show_contact(w, c, contact);
    json_write_key(w, "language");
    json_write_str(w, c->language);
    json_write_key(w, "responseTimeoutMs");
    json_write_uint(w, c->response_timeout_ms ? c->response_timeout_ms : settings->deadlines.response_ms);
    json_write_key(w, "maxEventsPerRequest");
    json_write_uint(w, channel_batch(c));
    channel_health_show(w, c, live, now_ms);
    json_write_key(w, "timeZone"); /* of the statistics, unless a viewer chooses another */
    json_write_str(w, "+09:00");
    json_write_key(w, "createdAt");
    call_write_time(w, c->created_ms);
    json_write_key(w, "updatedAt");
    call_write_time(w, c->updated_ms);
}

static void tell_text(struct json_write *w, const char *name, struct span from, struct span to)
{
    if (span_eq(from, to))
        return;
    json_write_key(w, name);
    json_write_object(w);
    json_write_key(w, "from");
    json_write_span(w, from);
    json_write_key(w, "to");
    json_write_span(w, to);
    json_write_end(w);
}

static void tell_number(struct json_write *w, const char *name, int64_t from, int64_t to)
{
    if (from == to)
        return;
    json_write_key(w, name);
    json_write_object(w);
    json_write_key(w, "from");
    json_write_int(w, from);
    json_write_key(w, "to");
    json_write_int(w, to);
    json_write_end(w);
}

static void tell_switch(struct json_write *w, const char *name, bool from, bool to)
{
    if (from == to)
        return;
    json_write_key(w, name);
    json_write_object(w);
    json_write_key(w, "from");
    json_write_bool(w, from);
    json_write_key(w, "to");
    json_write_bool(w, to);
    json_write_end(w);
}

/* Without the query and the fragment: people put passwords there. */
static struct span address_of(const char *url)
{
    return (struct span){url, strcspn(url, "?#")};
}

enum err channel_change_tell(struct buf *out, const struct channel *from, const struct channel *to)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    tell_text(&w, "name", span_of(from->name), span_of(to->name));
    if (from->id && strcmp(from->secret, to->secret) != 0) {
        json_write_key(&w, "channelSecret");
        json_write_str(&w, "changed");
        json_write_key(&w, "graceSeconds");
        json_write_int(&w, to->previous_until_ms ? (to->previous_until_ms - to->updated_ms + 500) / 1000 : 0);
    }
    tell_text(&w, "webhookUrl", address_of(from->webhook_url), address_of(to->webhook_url));
    if (strcmp(from->webhook_url, to->webhook_url) != 0 &&
        span_eq(address_of(from->webhook_url), address_of(to->webhook_url))) {
        json_write_key(&w, "webhookUrlQuery");
        json_write_str(&w, "changed");
    }
    tell_switch(&w, "useWebhook", from->use_webhook, to->use_webhook);
    tell_switch(&w, "webhookRedelivery", from->webhook_redelivery, to->webhook_redelivery);
    char schedules[2][CHANNEL_SCHEDULE_TEXT];
    size_t before = channel_schedule_text(from, schedules[0]),
           after = channel_schedule_text(to, schedules[1]);
    tell_text(&w, "redeliverySchedule", (struct span){schedules[0], before},
              (struct span){schedules[1], after});
    tell_switch(&w, "errorStatistics", from->error_statistics, to->error_statistics);
    tell_switch(&w, "errorNotification", from->error_notification, to->error_notification);
    tell_text(&w, "contactEmail", span_of(from->contact_email), span_of(to->contact_email));
    tell_text(&w, "language", span_of(from->language), span_of(to->language));
    tell_number(&w, "responseTimeoutMs", from->response_timeout_ms, to->response_timeout_ms);
    tell_number(&w, "maxEventsPerRequest", from->max_events, to->max_events);
    tell_switch(&w, "suspended", from->suspended_ms, to->suspended_ms);
    json_write_end(&w);
    return json_write_finish(&w);
}
