/*
 * Firebase Cloud Messaging (HTTP v1): one message a request, with an access token of the service account.
 * There is no key by which FCM would know a message again.
 */
#include <stdio.h>

#include "base/mem.h"
#include "carrier/carrier_core.h"
#include "carrier/carrier_request.h"
#include "carrier/grant.h"
#include "carrier/link.h"

#define HOST "https://fcm.googleapis.com"
/* What a message may hold, by the documentation: counted as names and values of notification and data. */
#define PAYLOAD_MAX 4096u

struct fcm {
    struct grant grant;
    char *project;
    char *path; /* "/v1/projects/P/messages:send" */
};

static const char *const members[] = {"projectId", NULL};
static const char *const secrets[] = {"serviceAccount", NULL};

static bool is_project(const char *name)
{
    return name[0] && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-:.")];
}

static enum err read_project(struct fcm *f, struct json_value settings, struct json_value account,
                             struct carrier_fault *why)
{
    const char *path = "projectId";
    enum err e = property_text(why, settings, path, PROPERTY_TOKEN, 1, 100, &f->project);
    if (!e && !f->project) {
        path = "serviceAccount.project_id";
        e = property_text(why, account, path, PROPERTY_TOKEN, 1, 100, &f->project);
    }
    if (!e)
        e = property_need(why, path, f->project);
    if (!e && !is_project(f->project))
        e = property_refuse(why, path, "is no project ID: lower-case letters, digits and hyphens");
    struct buf text;
    buf_init(&text, 256);
    if (!e)
        e = buf_printf(&text, "/v1/projects/%s/messages:send", f->project);
    if (!e && !(f->path = buf_steal(&text)))
        e = ERR_NOMEM;
    buf_deinit(&text);
    return e;
}

static enum err open_fcm(struct carrier *c, struct json_value settings, struct json_value secret,
                         struct carrier_fault *why)
{
    struct fcm *f = c->own = mem_zero(1, sizeof(*f));
    if (!f)
        return ERR_NOMEM;
    struct json_value account = {.kind = JSON_KIND_NONE};
    enum err e = property_object(why, secret, "serviceAccount", &account);
    if (!e && account.kind == JSON_KIND_NONE)
        e = property_need(why, "serviceAccount", NULL);
    if (!e)
        e = read_project(f, settings, account, why);
    return e ? e : grant_init(&f->grant, account, why);
}

static void close_fcm(struct carrier *c)
{
    struct fcm *f = c->own;
    if (f) {
        grant_deinit(&f->grant);
        mem_free(f->project);
        mem_free(f->path);
    }
    mem_free(f);
}

static enum err show(const struct carrier *c, struct json_write *w)
{
    const struct fcm *f = c->own;
    json_write_key(w, "projectId");
    json_write_str(w, f->project);
    json_write_key(w, "clientEmail");
    json_write_str(w, f->grant.email);
    return ERR_NONE;
}

static struct span host_of(const struct carrier *c)
{
    return c->base ? span_of(c->base) : SPAN_LIT(HOST);
}

/* One text of the notification; *size counts what it takes. */
static enum err write_text(struct json_write *w, const struct parcel *p, const char *name,
                           struct buf *scratch, size_t *size, bool *some, struct carrier_fault *why)
{
    struct span text;
    enum err e = carrier_content_text(p, name, scratch, &text, why);
    if (e || carrier_is_blank(text))
        return e;
    *some = true;
    *size += strlen(name) + text.len;
    json_write_key(w, name);
    json_write_span(w, text);
    return ERR_NONE;
}

/* Names that FCM keeps for itself ("Invalid data payload key"). */
static bool is_reserved(const char *name)
{
    return strcmp(name, "from") == 0 || strcmp(name, "message_type") == 0 ||
           strncmp(name, "google", 6) == 0 || strncmp(name, "gcm", 3) == 0;
}

/* One member of data: a text; numbers and booleans become what they are written as. */
static enum err write_datum(struct json_write *w, struct span key, struct json_value value,
                            struct buf *scratch, size_t *size, struct carrier_fault *why)
{
    char name[256], path[sizeof(why->property)];
    (void)snprintf(name, sizeof(name), "%.*s", (int)(key.len < 200 ? key.len : 200), key.ptr);
    property_path(path, sizeof(path), "data", key);
    if (key.len == 0 || key.len > 200 || memchr(key.ptr, '\\', key.len))
        return property_refuse(why, path, "is no name of 1 to 200 bytes without characters to escape");
    if (is_reserved(name))
        return property_refuse(why, path, "is a name that FCM keeps for itself");
    struct span text = value.raw;
    enum err e = ERR_NONE;
    if (value.kind == JSON_KIND_STRING && !json_string_plain(value, &text)) {
        buf_clear(scratch);
        e = json_string_decode(value, scratch);
        text = buf_span(scratch);
    } else if (value.kind != JSON_KIND_STRING && value.kind != JSON_KIND_NUMBER &&
               value.kind != JSON_KIND_TRUE && value.kind != JSON_KIND_FALSE) {
        return property_refuse(why, path, "must be a text, a number, or true or false");
    }
    *size += key.len + text.len;
    json_write_key(w, name);
    json_write_span(w, text);
    return e;
}

static enum err write_data(struct json_write *w, const struct parcel *p, struct span link,
                           struct buf *scratch, size_t *size, struct carrier_fault *why)
{
    struct json_value data = carrier_content_of(p, "data"), value;
    if (data.kind != JSON_KIND_NONE && data.kind != JSON_KIND_OBJECT)
        return property_refuse(why, "data", "must be an object");
    struct json_iter it = json_members(data);
    struct span key;
    bool has_link = json_find(data, "link", &value) != ERR_NOT_FOUND, open = false;
    enum err e = ERR_NONE;
    while (!e && json_next_member(&it, &key, &value)) {
        if (!open) {
            json_write_key(w, "data");
            json_write_object(w);
        }
        open = true;
        e = write_datum(w, key, value, scratch, size, why);
    }
    if (!e && link.len > 0 && !has_link) {
        if (!open) {
            json_write_key(w, "data");
            json_write_object(w);
        }
        open = true;
        json_write_key(w, "link");
        json_write_span(w, link);
        *size += strlen("link") + link.len;
    }
    if (!e && open)
        json_write_end(w);
    return e;
}

static enum err write_block(struct json_write *w, const struct parcel *p, const char *name,
                            struct carrier_fault *why)
{
    struct json_value block = carrier_content_of(p, name);
    if (block.kind == JSON_KIND_NONE)
        return ERR_NONE;
    if (block.kind != JSON_KIND_OBJECT)
        return property_refuse(why, name, "must be an object");
    json_write_key(w, name);
    json_write_raw(w, block.raw);
    return ERR_NONE;
}

static enum err write_message(struct json_write *w, const struct parcel *p, struct buf *scratch,
                              struct buf *link_text, struct carrier_fault *why)
{
    struct span link;
    size_t size = 0;
    bool some = false;
    json_write_key(w, "token");
    json_write_span(w, p->target);
    json_write_key(w, "notification");
    json_write_object(w);
    enum err e = write_text(w, p, "title", scratch, &size, &some, why);
    if (!e)
        e = write_text(w, p, "body", scratch, &size, &some, why);
    json_write_end(w);
    if (!e && !some)
        e = property_refuse(why, "title", "is missing, and body as well: a notification has one of them");
    if (!e)
        e = carrier_content_text(p, "link", link_text, &link, why);
    const char *bad = e || link.len == 0 ? NULL : link_refuse(link);
    if (bad)
        e = property_refuse(why, "link", "%s", bad);
    if (!e)
        e = write_data(w, p, link, scratch, &size, why);
    if (!e && size > PAYLOAD_MAX)
        e = property_refuse(why, "content", "has %zu bytes in notification and data, more than 4,096 (4 KB)",
                            size);
    if (!e)
        e = write_block(w, p, "android", why);
    if (!e)
        e = write_block(w, p, "apns", why);
    if (!e && link.len > 8 && strncasecmp(link.ptr, "https://", 8) == 0) {
        json_write_key(w, "webpush"); /* where the token is a browser's, what a click opens */
        json_write_object(w);
        json_write_key(w, "fcm_options");
        json_write_object(w);
        json_write_key(w, "link");
        json_write_span(w, link);
        json_write_end(w);
        json_write_end(w);
    }
    return e;
}

static enum err send_to(struct carrier *c, struct carrier_request *ret)
{
    struct fcm *f = c->own;
    return carrier_request_bearer(ret, "POST", host_of(c), span_of(f->path), span_of(f->grant.token));
}

static enum err build(struct carrier *c, const struct parcel *parcels, size_t count, int64_t wall_ms,
                      struct carrier_request *ret, struct carrier_fault *why)
{
    const struct fcm *f = c->own;
    struct json_write w;
    struct buf scratch, link;
    (void)count;
    (void)wall_ms;
    buf_init(&scratch, CARRIER_BODY_MAX);
    buf_init(&link, CARRIER_BODY_MAX);
    json_write_init(&w, &ret->body);
    json_write_object(&w);
    json_write_key(&w, "message");
    json_write_object(&w);
    enum err e = write_message(&w, &parcels[0], &scratch, &link, why);
    buf_deinit(&scratch);
    buf_deinit(&link);
    if (e)
        return e;
    json_write_end(&w);
    json_write_end(&w);
    e = json_write_finish(&w);
    if (!e && !f->grant.token) /* what is wrong with the content is known without one */
        return ERR_DENIED;
    return e ? e : send_to(c, ret);
}

static void identify(const struct answer *a, char id[static 128])
{
    struct json_value name;
    struct span text;
    if (!json_find(carrier_answer_object(a), "name", &name) && json_string_plain(name, &text))
        carrier_copy(id, 128, text);
}

static bool wants_grant(const struct carrier *c, int64_t wall_ms)
{
    const struct fcm *f = c->own;
    return grant_wanted(&f->grant, wall_ms);
}

static enum err build_grant(struct carrier *c, int64_t wall_ms, struct carrier_request *ret)
{
    struct fcm *f = c->own;
    return grant_build(&f->grant, c->base, wall_ms, ret);
}

static bool take_grant(struct carrier *c, const struct answer *a, int64_t wall_ms)
{
    struct fcm *f = c->own;
    return grant_take(&f->grant, carrier_answer_object(a), wall_ms);
}

static void drop_grant(struct carrier *c)
{
    struct fcm *f = c->own;
    grant_drop(&f->grant);
}

static enum err ask(struct carrier *c, unsigned step, int64_t wall_ms, struct carrier_request *ret)
{
    struct fcm *f = c->own;
    if (step == 0) {
        ret->method = "POST";
        return grant_build(&f->grant, c->base, wall_ms, ret);
    }
    if (!f->grant.token)
        return ERR_DENIED;
    /* It is checked and goes to nobody; a topic needs no token of anybody's. */
    enum err e = buf_add_str(&ret->body, "{\"validate_only\":true,\"message\":{\"topic\":\"todoke-verify\","
                                         "\"notification\":{\"title\":\"todoke\"}}}");
    return e ? e : send_to(c, ret);
}

static bool told(struct carrier *c, unsigned step, const struct answer *a, struct carrier_facts *facts,
                 char *words, size_t size)
{
    struct fcm *f = c->own;
    carrier_copy(facts->account, sizeof(facts->account), span_of(f->grant.email));
    if (step == 0 && !take_grant(c, a, a->now_ms)) {
        (void)snprintf(words, size, "the token endpoint answered without an access token");
        return false;
    }
    return true;
}

const struct carrier_service carrier_fcm = {
    .kind = "fcm",
    .id = SERVICE_FCM,
    .medium = MEDIUM_PUSH,
    .members = members,
    .secrets = secrets,
    .batch = 1,
    .questions = {"token", "validate"},
    .open = open_fcm,
    .close = close_fcm,
    .public = show,
    .build = build,
    .identify = identify,
    .grant_wanted = wants_grant,
    .grant_build = build_grant,
    .grant_take = take_grant,
    .grant_drop = drop_grant,
    .ask = ask,
    .told = told,
};
