#include "api/campaign/user_json.h"

#include "api/call.h"

static void write_consent(struct json_write *w, enum consent consent)
{
    json_write_key(w, "subscribed");
    if (consent == CONSENT_UNASKED)
        json_write_null(w);
    else
        json_write_bool(w, consent == CONSENT_GIVEN);
}

static void write_target(struct json_write *w, const struct target *t)
{
    json_write_object(w);
    json_write_key(w, t->medium == MEDIUM_PUSH      ? "token"
                      : t->medium == MEDIUM_BROWSER ? "endpoint"
                                                    : "value");
    json_write_span(w, t->value);
    if (t->medium == MEDIUM_BROWSER) {
        json_write_key(w, "p256dh");
        json_write_span(w, t->p256dh);
        json_write_key(w, "auth");
        json_write_span(w, t->auth);
    }
    write_consent(w, t->consent);
    json_write_key(w, "dropped");
    if (t->dropped.len)
        json_write_span(w, t->dropped);
    else
        json_write_null(w);
    json_write_key(w, "why");
    json_write_span(w, t->why);
    if (t->job_id) {
        json_write_key(w, "jobId");
        call_write_id(w, t->job_id);
        json_write_key(w, "message");
        json_write_int(w, t->message_n);
    }
    json_write_key(w, "createdAt");
    call_write_time(w, t->created_ms);
    json_write_key(w, "changedAt");
    call_write_time(w, t->changed_ms);
    json_write_end(w);
}

static void write_single(struct json_write *w, const struct user *u, const char *key, enum medium medium)
{
    json_write_key(w, key);
    for (size_t i = 0; i < u->target_count; i++)
        if (u->targets[i].medium == medium) {
            write_target(w, &u->targets[i]);
            return;
        }
    json_write_null(w);
}

static void write_list(struct json_write *w, const struct user *u, const char *key, enum medium medium)
{
    json_write_key(w, key);
    json_write_array(w);
    for (size_t i = 0; i < u->target_count; i++)
        if (u->targets[i].medium == medium)
            write_target(w, &u->targets[i]);
    json_write_end(w);
}

void user_write(struct json_write *w, const struct user *u)
{
    json_write_object(w);
    json_write_key(w, "userId");
    json_write_span(w, u->name);
    json_write_key(w, "attributes");
    json_write_raw(w, u->attributes);
    write_single(w, u, "email", MEDIUM_MAIL);
    write_single(w, u, "line", MEDIUM_LINE);
    write_list(w, u, "apps", MEDIUM_PUSH);
    write_list(w, u, "browsers", MEDIUM_BROWSER);
    json_write_key(w, "createdAt");
    call_write_time(w, u->created_ms);
    json_write_key(w, "updatedAt");
    call_write_time(w, u->updated_ms);
    json_write_end(w);
}
