/*
 * /api/v1/providers/{id}/users: the people of a provider: identified in bulk, looked for, changed,
 * deleted.
 */
#include <stdio.h>

#include "api/call.h"
#include "api/campaign/audience_call.h"
#include "api/campaign/user_json.h"
#include "api/campaign/user_read.h"
#include "api/page.h"
#include "base/hex.h"
#include "base/json_fault.h"
#include "base/mem.h"
#include "model/email.h"
#include "store/condition.h"

#define USERS_MAX 1000u  /* in one call */
#define SCAN_MAX 100000u /* looked at for one page: some tens of milliseconds of the store's reader */

/* The body as one checked JSON value; false: already answered with 400. */
static bool read_body(struct call *c, struct json_value *ret)
{
    struct span body = server_body(c->req);
    size_t at = 0;
    if (!body.len) {
        call_invalid(c, "", "the body is empty, a JSON object is expected");
        return false;
    }
    enum err e = json_check(body, JSON_DEPTH, &at);
    if (e) {
        struct json_fault fault;
        json_fault_find(body, JSON_DEPTH, e, at, &fault);
        call_invalid(c, fault.path, fault.message);
        return false;
    }
    *ret = json_root(body);
    return true;
}

/* The userId of the path, decoded; ptr NULL: already answered. */
static struct span path_name(struct call *c)
{
    struct span raw = c->params[1];
    char *out = arena_alloc(&c->arena, raw.len + 1);
    size_t n = 0;
    if (!out) {
        call_failed(c, ERR_NOMEM);
        return (struct span){NULL, 0};
    }
    for (size_t i = 0; i < raw.len; i++) {
        char ch = raw.ptr[i];
        if (ch == '%') {
            int high = i + 2 < raw.len ? hex_digit(raw.ptr[i + 1]) : -1;
            int low = i + 2 < raw.len ? hex_digit(raw.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                call_invalid(c, "userId", "is not percent-encoded as a path must be");
                return (struct span){NULL, 0};
            }
            ch = (char)(high << 4 | low);
            i += 2;
        }
        out[n++] = ch;
    }
    const char *why = target_read_name((struct span){out, n});
    if (why) {
        call_invalid(c, "userId", why);
        return (struct span){NULL, 0};
    }
    return (struct span){out, n};
}

/* ---- identify ---- */

struct one {
    struct span name; /* empty: not even that could be read */
    struct user_change change;
    struct read_fault *fault; /* NULL: none */
    enum { ONE_REFUSED, ONE_CREATED, ONE_UPDATED } state;
};

struct identify {
    int64_t provider_id;
    struct one *users;
    size_t count;
};

static const char too_many[] =
    "more than 10 apps or browsers, or attributes over 16 KiB together with those that are there";

static struct read_fault *keep_fault(struct call *c, const struct read_fault *f)
{
    struct read_fault *copy = arena_alloc(&c->arena, sizeof(*copy));
    if (copy)
        *copy = *f;
    return copy;
}

/* The name of one that is refused, so that the answer says whom it is about. */
static struct span name_of(struct json_value v)
{
    struct json_value name;
    struct span text = SPAN_LIT("");
    if (json_find(v, "userId", &name) || !json_string_plain(name, &text) || text.len > USER_NAME_MAX)
        return SPAN_LIT("");
    return text;
}

static enum err read_one(struct call *c, struct user_read *r, struct json_value v, struct one *one)
{
    enum err e = user_read(r, v);
    one->name = name_of(v);
    if (e == ERR_INVALID) {
        one->fault = keep_fault(c, &r->fault);
        return one->fault ? ERR_NONE : ERR_NOMEM;
    }
    if (e)
        return e;
    one->name = r->change.name;
    one->change = r->change;
    one->change.why = "identify";
    struct target_change *targets = arena_alloc(&c->arena, (r->count + 1) * sizeof(*targets));
    if (!targets)
        return ERR_NOMEM;
    memcpy(targets, r->targets, r->count * sizeof(*targets));
    one->change.targets = targets;
    return ERR_NONE;
}

static enum err identify_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct identify *y = c->state;
    for (size_t i = 0; i < y->count; i++) {
        struct one *one = &y->users[i];
        int64_t id;
        bool new;
        if (one->fault)
            continue;
        enum err e = b->ops->audience->user_put(b, y->provider_id, &one->change, call_now(c), &id, &new);
        if (e && e != ERR_LIMIT)
            return e == ERR_NOT_FOUND ? call_stop(c, e, "No such provider") : e;
        one->state = e ? ONE_REFUSED : new ? ONE_CREATED : ONE_UPDATED;
    }
    return ERR_NONE;
}

static void write_error(struct json_write *w, const char *field, const char *why)
{
    json_write_key(w, "error");
    json_write_object(w);
    json_write_key(w, "message");
    json_write_str(w, why);
    json_write_key(w, "property");
    json_write_str(w, field);
    json_write_end(w);
}

static void identify_done(struct store_call *s)
{
    struct call *c = call_of(s);
    const struct identify *y = c->state;
    if (s->err) {
        call_stopped(c, s->err);
        return;
    }
    struct buf out;
    struct json_write w;
    buf_init(&out, 4u << 20);
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "users");
    json_write_array(&w);
    for (size_t i = 0; i < y->count; i++) {
        const struct one *one = &y->users[i];
        json_write_object(&w);
        json_write_key(&w, "userId");
        if (one->name.len)
            json_write_span(&w, one->name);
        else
            json_write_null(&w);
        if (one->fault)
            write_error(&w, one->fault->field, one->fault->why);
        else if (one->state == ONE_REFUSED)
            write_error(&w, "", too_many);
        else {
            json_write_key(&w, "state");
            json_write_str(&w, one->state == ONE_CREATED ? "created" : "updated");
        }
        json_write_end(&w);
    }
    json_write_end(&w);
    json_write_end(&w);
    call_finish(c, 200, &w);
}

static size_t count_elements(struct json_value array)
{
    struct json_iter it = json_elements(array);
    struct json_value v;
    size_t n = 0;
    while (json_next_element(&it, &v))
        n++;
    return n;
}

/* The array of the body's only member; false: already answered. */
static bool read_users(struct call *c, struct json_value body, struct json_value *ret)
{
    struct json_iter it = json_members(body);
    struct json_value v;
    struct span key;
    bool found = false;
    while (json_next_member(&it, &key, &v)) {
        if (!json_key_is(key, "users") || found) {
            char name[64];
            (void)snprintf(name, sizeof(name), "%.*s", (int)(key.len < 60 ? key.len : 60), key.ptr);
            call_invalid(c, name, found ? "is there twice" : "unknown member");
            return false;
        }
        found = true;
        *ret = v;
    }
    if (!found || ret->kind != JSON_KIND_ARRAY) {
        call_invalid(c, "users", found ? "must be an array" : "is required");
        return false;
    }
    return true;
}

void api_user_identify(struct call *c)
{
    struct json_value body, users = {.kind = JSON_KIND_NONE}, v;
    if (!read_body(c, &body) || !read_users(c, body, &users))
        return;
    size_t count = count_elements(users);
    if (count > USERS_MAX) {
        call_invalid(c, "users", "has more than 1000 people; an import takes any number");
        return;
    }
    struct identify *y = call_state(c, sizeof(*y));
    struct user_read *r = y ? call_state(c, sizeof(*r)) : NULL;
    struct one *all = r ? call_state(c, (count + 1) * sizeof(*all)) : NULL;
    if (!all)
        return;
    *y = (struct identify){call_channel_id(c->params[0]), all, count};
    c->state = y;
    r->arena = &c->arena;
    r->allow_http = c->api->config.settings->allow_http;
    struct json_iter it = json_elements(users);
    enum err e = ERR_NONE;
    for (size_t i = 0; !e && json_next_element(&it, &v); i++)
        e = read_one(c, r, v, &all[i]);
    if (e)
        call_failed(c, e);
    else
        call_write(c, identify_run, NULL, identify_done);
}

/* ---- one person ---- */

struct person {
    int64_t provider_id, id;
    struct span name;
    struct user_change change;
    enum medium medium;
    struct span value; /* ptr NULL: the only one */
    char own[TARGET_VALUE_MAX];
    enum err err; /* of what was found */
};

static struct person *person_of(struct call *c)
{
    struct span name = path_name(c);
    struct person *p = name.ptr ? call_state(c, sizeof(*p)) : NULL;
    if (!p)
        return NULL;
    p->provider_id = call_channel_id(c->params[0]);
    p->name = name;
    c->state = p;
    return p;
}

static enum err show_row(void *arg, const struct user *u)
{
    struct call *c = arg;
    struct json_write w;
    json_write_init(&w, call_out(c));
    user_write(&w, u);
    return json_write_finish(&w);
}

static enum err show(struct call *c, struct backend *b)
{
    struct person *p = c->state;
    enum err e = b->ops->audience->user_find(b, p->provider_id, p->name, show_row, c);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such user") : e;
}

static enum err show_run(struct store_call *s, struct backend *b)
{
    return show(call_of(s), b);
}

void api_user_show(struct call *c)
{
    c->status = 200;
    if (person_of(c))
        call_read(c, show_run, call_done);
}

static enum err take_id(void *arg, const struct user *u)
{
    ((struct person *)arg)->id = u->id;
    return ERR_NONE;
}

static enum err find(struct call *c, struct backend *b)
{
    struct person *p = c->state;
    enum err e = b->ops->audience->user_find(b, p->provider_id, p->name, take_id, p);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such user") : e;
}

static enum err change_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct person *p = c->state;
    bool new;
    enum err e = find(c, b);
    if (!e)
        e = b->ops->audience->user_put(b, p->provider_id, &p->change, call_now(c), &p->id, &new);
    if (e == ERR_LIMIT)
        return call_stop(c, ERR_CONFLICT, too_many);
    return e ? e : show(c, b);
}

void api_user_change(struct call *c)
{
    struct json_value body;
    struct person *p = person_of(c);
    if (!p || !read_body(c, &body))
        return;
    struct user_read *r = call_state(c, sizeof(*r));
    if (!r)
        return;
    r->arena = &c->arena;
    r->allow_http = c->api->config.settings->allow_http;
    r->named = true;
    enum err e = user_read(r, body);
    if (e == ERR_INVALID) {
        call_invalid(c, r->fault.field, r->fault.why);
        return;
    }
    if (e) {
        call_failed(c, e);
        return;
    }
    p->change = r->change;
    p->change.name = p->name;
    p->change.why = "identify";
    c->status = 200;
    call_write(c, change_run, NULL, call_done);
}

/* People stand in the audit log by their number, which says nothing once they are deleted. */
static enum err audit(struct call *c, struct backend *b, const char *action, const char *what)
{
    const struct person *p = c->state;
    char target[48], details[96];
    (void)snprintf(target, sizeof(target), "user/%lld", (long long)p->id);
    (void)snprintf(details, sizeof(details), "{\"providerId\":\"%lld\"%s%s%s}", (long long)p->provider_id,
                   what ? ",\"target\":\"" : "", what ? what : "", what ? "\"" : "");
    return call_audit(c, b, action, target, 0, span_of(details));
}

static enum err delete_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const struct person *p = c->state;
    enum err e = find(c, b);
    if (!e)
        e = b->ops->audience->user_delete(b, p->provider_id, p->id);
    return e ? e : audit(c, b, "user.delete", NULL);
}

void api_user_delete(struct call *c)
{
    c->status = 204;
    if (person_of(c))
        call_write(c, delete_run, NULL, call_done);
}

/* ---- undo ---- */

static const char *const media[MEDIUM_COUNT] = {
    [MEDIUM_MAIL] = "email", [MEDIUM_LINE] = "line", [MEDIUM_PUSH] = "app", [MEDIUM_BROWSER] = "browser"};

/* The person, and the value where there is but one. */
static enum err take_value(void *arg, const struct user *u)
{
    struct person *p = arg;
    p->id = u->id;
    if (p->value.ptr && p->value.ptr != p->own)
        return ERR_NONE;
    p->err = ERR_NOT_FOUND;
    for (size_t i = 0; i < u->target_count; i++) {
        const struct target *t = &u->targets[i];
        if (t->medium != p->medium)
            continue;
        p->err = p->err ? ERR_NONE : ERR_CONFLICT; /* which one? */
        memcpy(p->own, t->value.ptr, t->value.len < sizeof(p->own) ? t->value.len : sizeof(p->own));
        p->value = (struct span){p->own, t->value.len};
        if (p->err)
            break;
    }
    return ERR_NONE;
}

static enum err undo_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct person *p = c->state;
    p->err = ERR_NONE;
    enum err e = b->ops->audience->user_find(b, p->provider_id, p->name, take_value, p);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such user") : e;
    if (p->err == ERR_CONFLICT)
        return call_stop(c, ERR_CONFLICT, "This user has several: say which one with value");
    e = p->err ? p->err
               : b->ops->audience->target_undo(b, p->provider_id, p->id, p->medium, p->value, call_now(c));
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, "This user has no such target");
    if (e == ERR_CONFLICT)
        return call_stop(c, e, "No message has changed this target");
    if (!e)
        e = audit(c, b, "target.undo", media[p->medium]);
    return e ? e : show(c, b);
}

void api_target_undo(struct call *c)
{
    struct json_value body;
    struct json_field f[] = {{.key = "target"}, {.key = "value"}};
    struct person *p = person_of(c);
    if (!p || !read_body(c, &body))
        return;
    if (json_pick(body, f, 2)) {
        call_invalid(c, "", "must be an object: {\"target\":\"email\"}");
        return;
    }
    int m = 0;
    while (m < MEDIUM_COUNT && !json_string_is(f[0].value, media[m]))
        m++;
    if (m == MEDIUM_COUNT) {
        call_invalid(c, "target", "must be email, line, app or browser");
        return;
    }
    p->medium = (enum medium)m;
    struct span value;
    if (f[1].value.kind != JSON_KIND_NONE && !json_string_plain(f[1].value, &value)) {
        call_invalid(c, "value", "must be the value of the target");
        return;
    }
    if (f[1].value.kind != JSON_KIND_NONE)
        p->value = value;
    c->status = 200;
    call_write(c, undo_run, NULL, call_done);
}

/* ---- the list ---- */

static const struct page_kind list_kind = {
    .member = "users", .filters = {"text", "segment"}, .limit_max = 500};

struct listing {
    struct page page;
    struct user_search search;
    int64_t provider_id, segment_id;
    struct condition *condition;
};

static enum err list_row(void *arg, const struct user *u)
{
    struct listing *l = arg;
    if (page_row(&l->page, u->id))
        user_write(&l->page.w, u);
    return ERR_NONE;
}

static enum err take_segment(void *arg, const struct segment *g)
{
    struct listing *l = arg;
    struct condition_fault why;
    condition_free(l->condition);
    l->condition = NULL;
    return condition_parse(g->condition, &l->condition, &why);
}

static enum err list_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct listing *l = c->state;
    enum err e = audience_provider(c, b, l->provider_id);
    if (e)
        return e;
    if (l->segment_id)
        e = b->ops->audience->segment_get(b, l->provider_id, l->segment_id, take_segment, l);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such segment") : e;
    l->search.after = l->page.from;
    l->search.condition = l->condition;
    page_begin(&l->page, call_out(c));
    e = b->ops->audience->user_search(b, &l->search, list_row, l);
    if (!e && !l->search.end && !l->page.more) { /* so many were looked at: go on from there */
        l->page.more = true;
        l->page.last = l->search.last;
    }
    return page_end(&l->page, e);
}

static void list_done(struct store_call *s)
{
    struct listing *l = call_of(s)->state;
    condition_free(l->condition);
    l->condition = NULL;
    call_done(s);
}

void api_user_list(struct call *c)
{
    struct listing *l = call_state(c, sizeof(*l));
    if (!l || !page_read(c, &l->page, &list_kind))
        return;
    struct span segment = query_text(c, "segment");
    l->provider_id = call_channel_id(c->params[0]);
    l->segment_id = segment.ptr ? call_channel_id(segment) : 0;
    if (segment.ptr && !l->segment_id) {
        call_invalid(c, "segment", "must be the id of a segment");
        return;
    }
    struct span text = query_text(c, "text");
    char address[EMAIL_MAX + 1];
    if (text.ptr && memchr(text.ptr, '@', text.len) && !email_recipient(text, address)) {
        char *copy = arena_dup(&c->arena, span_of(address)); /* as addresses are kept */
        text = copy ? span_of(copy) : text;
    }
    l->search = (struct user_search){.provider_id = l->provider_id,
                                     .limit = page_ask(&l->page),
                                     .scan = SCAN_MAX,
                                     .text = text.ptr ? text : SPAN_LIT(""),
                                     .now_ms = call_now(c)};
    c->state = l;
    c->status = 200;
    call_read(c, list_run, list_done);
}
