#include "api/campaign/sender_json.h"

#include "base/json_scan.h"
#include "carrier/carrier.h"

/* A member of the settings with the name as it is written. */
static void write_member(struct json_write *w, struct span key, struct json_value value)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%.*s", (int)key.len, key.ptr);
    json_write_key(w, name);
    json_write_raw(w, value.raw);
}

static void write_settings(struct json_write *w, struct span settings)
{
    struct json_iter it = json_members(json_root(settings));
    struct span key;
    struct json_value value;
    while (json_next_member(&it, &key, &value))
        write_member(w, key, value);
}

static void write_secrets(struct json_write *w, struct span secret)
{
    struct json_iter it = json_members(json_root(secret));
    struct span key;
    struct json_value value;
    json_write_key(w, "secrets");
    json_write_array(w);
    while (json_next_member(&it, &key, &value))
        json_write_span(w, key);
    json_write_end(w);
}

/* What others need to know of its keys, and the rules that hold where nothing is set. */
static enum err write_opened(struct json_write *w, const struct sender *s)
{
    struct carrier *carrier = NULL;
    struct carrier_fault why;
    struct buf public;
    enum err e = carrier_open(&carrier, s->service, s->settings, s->secret, &why);
    if (e && e != ERR_INVALID)
        return e;
    buf_init(&public, 65536);
    if (!e)
        e = carrier_public(carrier, &public);
    json_write_key(w, "public");
    json_write_raw(w, buf_len(&public) ? buf_span(&public) : SPAN_LIT("{}"));
    buf_deinit(&public);
    carrier_free(carrier);
    return e == ERR_INVALID ? ERR_NONE : e;
}

static void write_text_or_null(struct json_write *w, const char *key, struct span text)
{
    json_write_key(w, key);
    if (text.len)
        json_write_span(w, text);
    else
        json_write_null(w);
}

enum err sender_write(struct json_write *w, const struct sender *s, bool secret)
{
    enum err e = ERR_NONE;
    json_write_object(w);
    json_write_key(w, "senderId");
    call_write_id(w, s->id);
    json_write_key(w, "name");
    json_write_span(w, s->name);
    json_write_key(w, "kind");
    json_write_str(w, carrier_kind(s->service));
    write_settings(w, s->settings);
    if (secret) {
        write_secrets(w, s->secret);
        e = write_opened(w, s);
    }
    json_write_key(w, "state");
    json_write_str(w, s->state == SENDER_PAUSED ? "paused" : "fine");
    write_text_or_null(w, "stateReason", s->reason);
    write_text_or_null(w, "stateText", s->reason_text);
    json_write_key(w, "stateSince");
    call_write_time(w, s->changed_ms);
    json_write_key(w, "createdAt");
    call_write_time(w, s->created_ms);
    json_write_key(w, "updatedAt");
    call_write_time(w, s->updated_ms);
    json_write_end(w);
    return e;
}
