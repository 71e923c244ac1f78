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

static bool read_name(struct call *c, const struct channel_field *f, const json_t *v, struct channel *to)
{
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    if (!s)
        return invalid(c, f->json, "must be a string");
    const char *refusal = name_refuse((struct span){s, len});
    if (refusal)
        return invalid(c, f->json, refusal);
    memcpy(channel_field_room(to, f), s, len + 1);
    return true;
}

static bool read_url(struct call *c, const struct channel_field *f, const json_t *v, struct channel *to)
{
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    if (!s)
        return invalid(c, f->json, "must be a string or null");
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
    if (e || len > f->max) {
        char text[320];
        enum cause_id why = e ? cause : CAUSE_url_too_long;
        (void)snprintf(text, sizeof(text), "Invalid webhook URL: %s", cause_of(why)->text[LANG_EN]);
        return invalid(c, f->json, text);
    }
    memcpy(channel_field_room(to, f), s, len + 1);
    return true;
}

static bool read_email(struct call *c, const struct channel_field *f, const json_t *v, struct channel *to)
{
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    char recipient[EMAIL_MAX + 1], message[EMAIL_WHY_MAX];
    const char *why = s ? email_recipient((struct span){s, len}, recipient) : NULL;
    (void)snprintf(message, sizeof(message), "must be a mail address or null%s%s", why ? ": " : "",
                   why ? why : "");
    if (!s || why)
        return invalid(c, f->json, message);
    memcpy(channel_field_room(to, f), s, len + 1);
    return true;
}

static bool read_language(struct call *c, const struct channel_field *f, const json_t *v, struct channel *to)
{
    const char *s = json_string_value(v);
    if (!s || (strcmp(s, "en") != 0 && strcmp(s, "ja") != 0))
        return invalid(c, f->json, "must be en or ja");
    memcpy(channel_field_room(to, f), s, 3);
    return true;
}

static bool read_number(struct call *c, const struct channel_field *f, const json_t *v, struct channel *to)
{
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < (json_int_t)f->min || n > (json_int_t)f->max) {
        char text[80];
        (void)snprintf(text, sizeof(text), "must be an integer from %u to %u%s", f->min, f->max,
                       f->or_null ? ", or null" : "");
        return invalid(c, f->json, text);
    }
    channel_field_set_number(to, f, n);
    return true;
}

static bool read_schedule(struct call *c, const struct channel_field *f, const json_t *v, struct channel *to)
{
    struct channel_schedule *schedule = channel_field_room(to, f);
    size_t count = json_array_size(v);
    bool ok = json_is_array(v) && count >= f->min && count <= f->max;
    schedule->count = 0;
    for (size_t i = 0; ok && i < count; i++) {
        const json_t *entry = json_array_get(v, i);
        json_int_t s = json_integer_value(entry);
        ok = json_is_integer(entry) && s >= 1 && s <= CHANNEL_REDELIVERY_S_MAX;
        schedule->s[schedule->count++] = (uint32_t)s;
    }
    return ok || invalid(c, f->json, "must be a list of 1 to 20 waits in seconds, 1 to 604800 each, or null");
}

static bool read_switch(struct call *c, const struct channel_field *f, const json_t *v, struct channel *to)
{
    if (!json_is_boolean(v))
        return invalid(c, f->json, "must be true or false");
    channel_field_set_number(to, f, json_is_true(v));
    return true;
}

static bool read_provider(struct call *c, const struct channel_field *f, const json_t *v, struct channel *to)
{
    to->provider_id = json_is_string(v) ? call_channel_id(span_of(json_string_value(v))) : 0;
    return to->provider_id || invalid(c, f->json, "must be the id of a provider");
}

static bool read_field(struct call *c, const struct channel_field *f, const json_t *v, struct channel *to)
{
    if (f->or_null && json_is_null(v)) {
        channel_field_copy(to, &channel_standard, f);
        return true;
    }
    switch (f->type) {
    case CHANNEL_TYPE_SWITCH:
        return read_switch(c, f, v, to);
    case CHANNEL_TYPE_NUMBER:
        return read_number(c, f, v, to);
    case CHANNEL_TYPE_NAME:
        return read_name(c, f, v, to);
    case CHANNEL_TYPE_URL:
        return read_url(c, f, v, to);
    case CHANNEL_TYPE_EMAIL:
        return read_email(c, f, v, to);
    case CHANNEL_TYPE_LANGUAGE:
        return read_language(c, f, v, to);
    case CHANNEL_TYPE_SCHEDULE:
        return read_schedule(c, f, v, to);
    case CHANNEL_TYPE_ID:
        return read_provider(c, f, v, to);
    case CHANNEL_TYPE_RESUME:
        return json_is_false(v) || invalid(c, f->json, "can only be set to false: sending goes on");
    case CHANNEL_TYPE_SECRET:
    case CHANNEL_TYPE_TEXT:
    case CHANNEL_TYPE_TIME:
    case CHANNEL_TYPE_CHANGED:
        break;
    }
    return invalid(c, f->json,
                   "cannot be changed"); /* only if a row of channel.def made such a type changeable */
}

static bool read_member(struct call *c, const char *key, const json_t *v, struct channel_change *change)
{
    const struct channel_field *f = channel_field_find(span_of(key));
    if (!f || f->who == CHANNEL_BY_NOBODY) {
        char name[120];
        (void)snprintf(name, sizeof(name), "%.100s", key);
        return invalid(c, name, "unknown member");
    }
    change->set |= (uint64_t)1 << (f - channel_fields);
    return read_field(c, f, v, &change->to);
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

static bool may(enum channel_who who, enum grant grant)
{
    switch (who) {
    case CHANNEL_BY_ADMIN:
        return grant >= GRANT_ADMIN;
    case CHANNEL_BY_MEMBER:
        return grant >= GRANT_MEMBER;
    case CHANNEL_BY_NOBODY:
    case CHANNEL_BY_MAKER:
        break;
    }
    return false;
}

bool channel_change_allowed(const struct channel_change *change, enum grant grant)
{
    bool allowed = change->set || grant >= GRANT_ADMIN;
    for (enum channel_field_id i = 0; i < CHANNEL_FIELD_COUNT; i++)
        if (channel_change_has(change, i))
            allowed = allowed && may(channel_fields[i].who, grant);
    return allowed;
}

void channel_change_apply(const struct channel_change *change, struct channel *c)
{
    if ((channel_change_has(change, CHANNEL_suspended_ms) && c->suspended_ms) ||
        (channel_change_has(change, CHANNEL_webhook_url) &&
         strcmp(c->webhook_url, change->to.webhook_url) != 0))
        suspension_clear(c);
    for (enum channel_field_id i = 0; i < CHANNEL_FIELD_COUNT; i++)
        if (channel_change_has(change, i) && channel_fields[i].type != CHANNEL_TYPE_RESUME)
            channel_field_copy(c, &change->to, &channel_fields[i]);
}

static const char *or_null(const char *s)
{
    return s[0] ? s : NULL;
}

static void show_schedule(struct json_write *w, const struct channel_schedule *schedule)
{
    if (!schedule->count) {
        json_write_null(w);
        return;
    }
    json_write_array(w);
    for (uint32_t i = 0; i < schedule->count; i++)
        json_write_uint(w, schedule->s[i]);
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

/* The channel being shown. */
struct view {
    const struct channel *channel;
    struct channel held; /* effective values: defaults in place of null */
    const struct contact_view *contact;
    const struct channel_live *live;
    enum grant grant;
    int64_t now_ms;
};

static void show_number(struct json_write *w, int64_t n, bool or_null)
{
    if (n || !or_null)
        json_write_int(w, n);
    else
        json_write_null(w);
}

static void show_field(struct json_write *w, const struct view *view, const struct channel_field *f)
{
    const struct channel *c = view->channel;
    switch (f->type) {
    case CHANNEL_TYPE_ID:
    case CHANNEL_TYPE_SECRET:
    case CHANNEL_TYPE_CHANGED:
        return; /* shown elsewhere, or never */
    case CHANNEL_TYPE_EMAIL:
        if (view->grant > GRANT_TESTER)
            channel_change_show_contact(w, c, view->contact);
        return;
    case CHANNEL_TYPE_RESUME:
        channel_health_show(w, c, view->live, view->now_ms);
        return;
    case CHANNEL_TYPE_SWITCH:
    case CHANNEL_TYPE_NUMBER:
    case CHANNEL_TYPE_NAME:
    case CHANNEL_TYPE_URL:
    case CHANNEL_TYPE_LANGUAGE:
    case CHANNEL_TYPE_SCHEDULE:
    case CHANNEL_TYPE_TEXT:
    case CHANNEL_TYPE_TIME:
        break;
    }
    json_write_key(w, f->json);
    switch (f->shape) {
    case CHANNEL_BOOL:
        json_write_bool(w, channel_field_number(c, f));
        break;
    case CHANNEL_UINT32:
        show_number(w, channel_field_number(&view->held, f), f->or_null);
        break;
    case CHANNEL_INT64:
        call_write_time(w, channel_field_number(c, f));
        break;
    case CHANNEL_CHARS:
        json_write_str(w, f->or_null ? or_null(channel_field_text(c, f)) : channel_field_text(c, f));
        break;
    case CHANNEL_LIST:
        show_schedule(w, channel_field_schedule(c, f));
        break;
    }
}

void channel_change_show(struct json_write *w, const struct channel *c, const struct contact_view *contact,
                         enum grant grant, const struct delivery_settings *settings,
                         const struct channel_live *live, int64_t now_ms)
{
    struct view view = {c, *c, contact, live, grant, now_ms};
    if (!c->response_timeout_ms)
        view.held.response_timeout_ms = settings->deadlines.response_ms;
    view.held.max_events = channel_batch(c);
    json_write_key(w, "channelId");
    call_write_id(w, c->id);
    json_write_key(w, "providerId");
    call_write_id(w, c->provider_id);
    json_write_key(w, "role");
    json_write_str(w, account_grant_text(grant));
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++)
        if (channel_fields[i].json)
            show_field(w, &view, &channel_fields[i]);
    json_write_key(w, "timeZone"); /* of the statistics, unless a viewer chooses another */
    json_write_str(w, "+09:00");
    json_write_key(w, "createdAt");
    call_write_time(w, c->created_ms);
    json_write_key(w, "updatedAt");
    call_write_time(w, c->updated_ms);
}

/* A URL without query and fragment, because people put passwords there. */
static struct span address_of(const char *url)
{
    return (struct span){url, strcspn(url, "?#")};
}

static void tell_value(struct json_write *w, const struct channel *c, const struct channel_field *f)
{
    char schedule[CHANNEL_SCHEDULE_TEXT];
    switch (f->shape) {
    case CHANNEL_BOOL:
        json_write_bool(w, channel_field_number(c, f));
        break;
    case CHANNEL_INT64: /* stored as a time; a change is true or false */
        json_write_bool(w, channel_field_number(c, f) != 0);
        break;
    case CHANNEL_UINT32:
        json_write_int(w, channel_field_number(c, f));
        break;
    case CHANNEL_CHARS:
        json_write_span(w, f->type == CHANNEL_TYPE_URL ? address_of(channel_field_text(c, f))
                                                       : span_of(channel_field_text(c, f)));
        break;
    case CHANNEL_LIST:
        (void)channel_schedule_text(channel_field_schedule(c, f), schedule);
        json_write_str(w, schedule);
        break;
    }
}

static void tell_secret(struct json_write *w, const struct channel *to)
{
    json_write_key(w, "channelSecret");
    json_write_str(w, "changed");
    json_write_key(w, "graceSeconds");
    json_write_int(w, to->previous_until_ms ? (to->previous_until_ms - to->updated_ms + 500) / 1000 : 0);
}

static void tell_field(struct json_write *w, const struct channel *from, const struct channel *to,
                       const struct channel_field *f)
{
    if (channel_field_same(from, to, f))
        return;
    if (f->type == CHANNEL_TYPE_SECRET) {
        if (from->id) /* a new channel's secret is not a change */
            tell_secret(w, to);
        return;
    }
    if (f->who == CHANNEL_BY_NOBODY || f->who == CHANNEL_BY_MAKER)
        return;
    if (f->type == CHANNEL_TYPE_URL &&
        span_eq(address_of(channel_field_text(from, f)), address_of(channel_field_text(to, f)))) {
        json_write_key(w, "webhookUrlQuery");
        json_write_str(w, "changed");
        return;
    }
    json_write_key(w, f->json);
    json_write_object(w);
    json_write_key(w, "from");
    tell_value(w, from, f);
    json_write_key(w, "to");
    tell_value(w, to, f);
    json_write_end(w);
}

enum err channel_change_tell(struct buf *out, const struct channel *from, const struct channel *to)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++)
        if (channel_fields[i].json)
            tell_field(&w, from, to, &channel_fields[i]);
    json_write_end(&w);
    return json_write_finish(&w);
}
