/*
 * /api/v1/providers/{id}/senders: accounts with sending services.
 *
 *     read the body ─► prepare (merge, make keys, check; on the reader, as keys take long) ─► write
 */
#include <stdio.h>

#include "api/campaign/part.h"
#include "api/campaign/sender_json.h"
#include "api/page.h"
#include "campaign/ledger.h"
#include "carrier/carrier.h"

#define SENDERS_MAX 200u /* of one provider: people make them by hand */

struct sender_call {
    int64_t provider_id, id;
    struct page page;
    struct json_value body; /* of the request */
    bool create;
    struct sender row;         /* as it is, or is to be; spans in the arena */
    bool named;                /* the body has a name */
    bool same;                 /* the change changes nothing */
    struct carrier_fault *why; /* what is wrong with the settings */
    struct carrier_fault fault;
    struct part_jobs jobs;
    uint32_t count;
};

static struct sender_call *begin(struct call *c)
{
    struct sender_call *s = call_state(c, sizeof(*s));
    if (!s)
        return NULL;
    s->provider_id = call_channel_id(c->params[0]);
    s->id = c->params[1].ptr ? call_channel_id(c->params[1]) : 0;
    c->state = s;
    return s;
}

/* ---- the body ---- */

static bool read_kind(struct call *c, struct sender_call *s)
{
    struct json_value kind;
    struct span text = SPAN_LIT("");
    enum err e = json_find(s->body, "kind", &kind);
    if (e || !json_string_plain(kind, &text) || carrier_find(text, &s->row.service)) {
        call_invalid(c, "kind", "must be sendgrid, smtp, fcm, line or webpush");
        return false;
    }
    return true;
}

/* The members must be of the service; their values are checked by carrier_open(). */
static bool check_members(struct call *c, const struct sender_call *s)
{
    struct json_iter it = json_members(s->body);
    struct span key;
    struct json_value value;
    while (json_next_member(&it, &key, &value)) {
        if (json_key_is(key, "name") || (s->create && json_key_is(key, "kind")) ||
            carrier_has_member(s->row.service, key))
            continue;
        if (json_key_is(key, "kind"))
            call_invalid(c, "kind", "cannot be changed; make another sender");
        else
            part_unknown(c, key);
        return false;
    }
    return true;
}

static bool read_body(struct call *c, struct sender_call *s)
{
    struct json_value name;
    if (!part_body(c, &s->body) || (s->create && !read_kind(c, s)))
        return false;
    if (!json_find(s->body, "name", &name)) {
        s->named = true;
        if (!part_name(c, name, &s->row.name))
            return false;
    } else if (s->create) {
        call_invalid(c, "name", "is required");
        return false;
    }
    return true;
}

/* ---- what it becomes ---- */

/* The member with the same name; kind NONE: there is none. */
static struct json_value member(struct json_value object, struct span key)
{
    struct json_iter it = json_members(object);
    struct span other;
    struct json_value value;
    while (json_next_member(&it, &other, &value))
        if (span_eq(other, key))
            return value;
    return (struct json_value){.kind = JSON_KIND_NONE};
}

static bool has(struct json_value object, const char *key)
{
    return member(object, span_of(key)).kind != JSON_KIND_NONE;
}

static void write_member(struct json_write *w, const struct sender_call *s, struct span key,
                         struct json_value value, bool secret)
{
    char name[64];
    if (value.kind == JSON_KIND_NULL || !carrier_has_member(s->row.service, key) ||
        carrier_is_secret(s->row.service, key) != secret)
        return;
    (void)snprintf(name, sizeof(name), "%.*s", (int)key.len, key.ptr);
    json_write_key(w, name);
    json_write_raw(w, value.raw);
}

static void wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->alloc);
    buf_deinit(b);
}

/* The members of old, each as over has it, and then what over has more; *ret: JSON in the arena. */
static enum err merge(struct call *c, struct json_value over, struct span old, bool secret, struct span *ret)
{
    const struct sender_call *s = c->state;
    struct buf out;
    struct json_write w;
    buf_init(&out, SENDER_SECRET_MAX);
    json_write_init(&w, &out);
    json_write_object(&w);
    const struct json_value before = json_root(old);
    struct span key;
    struct json_value value;
    struct json_iter it = json_members(before);
    while (json_next_member(&it, &key, &value)) {
        const struct json_value given = member(over, key);
        write_member(&w, s, key, given.kind == JSON_KIND_NONE ? value : given, secret);
    }
    it = json_members(over);
    while (json_next_member(&it, &key, &value))
        if (member(before, key).kind == JSON_KIND_NONE)
            write_member(&w, s, key, value, secret);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e) {
        *ret = buf_span(&out);
        e = part_keep(c, ret) ? ERR_NONE : ERR_NOMEM;
    }
    wipe(&out);
    return e;
}

/* What the node itself makes: only where it is not there yet. */
static enum err add_keys(struct call *c)
{
    struct sender_call *s = c->state;
    struct json_value dkim;
    const struct json_value secret = json_root(s->row.secret);
    const bool wanted = s->row.service == SERVICE_WEBPUSH
                            ? !has(secret, "privateKey")
                            : s->row.service == SERVICE_SMTP &&
                                  !json_find(json_root(s->row.settings), "dkim", &dkim) &&
                                  !(has(secret, "dkimRsaKey") && has(secret, "dkimEd25519Key"));
    if (!wanted)
        return ERR_NONE;
    struct buf made;
    buf_init(&made, SENDER_SECRET_MAX);
    enum err e = carrier_keys(s->row.service, s->row.settings, &made);
    if (!e)
        e = merge(c, json_root(s->row.secret), buf_span(&made), true, &s->row.secret);
    wipe(&made);
    return e;
}

static enum err check(struct call *c)
{
    struct sender_call *s = c->state;
    struct carrier *carrier = NULL;
    enum err e = carrier_open(&carrier, s->row.service, s->row.settings, s->row.secret, &s->fault);
    if (!e && carrier_rules(carrier)->base && !c->api->config.settings->allow_http &&
        strncasecmp(carrier_rules(carrier)->base, "http:", 5) == 0) {
        s->fault = (struct carrier_fault){"baseUrl", "must be https (this node does not allow http targets)"};
        e = ERR_INVALID;
    }
    carrier_free(carrier);
    if (e == ERR_INVALID || e == ERR_LIMIT)
        s->why = &s->fault;
    return e;
}

static enum err take_row(void *arg, const struct sender *x)
{
    struct call *c = arg;
    struct sender_call *s = c->state;
    const struct span name = s->row.name;
    s->row = *x;
    if (s->named)
        s->row.name = name;
    struct span *texts[] = {&s->row.name, &s->row.settings, &s->row.secret, &s->row.reason,
                            &s->row.reason_text};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!part_keep(c, texts[i]))
            return ERR_NOMEM;
    return ERR_NONE;
}

static enum err prepare_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct sender_call *s = c->state;
    s->row.settings = s->row.secret = SPAN_LIT("{}");
    enum err e = s->create ? ERR_NONE : b->ops->campaigns->sender_get(b, s->provider_id, s->id, take_row, c);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, "No such sender");
    const struct span settings = s->row.settings, secret = s->row.secret;
    if (!e)
        e = merge(c, s->body, settings, false, &s->row.settings);
    if (!e)
        e = merge(c, s->body, secret, true, &s->row.secret);
    if (e == ERR_LIMIT) {
        s->fault = (struct carrier_fault){"", "the settings or the credentials are larger than 16 KiB"};
        s->why = &s->fault;
    }
    if (!e)
        e = add_keys(c);
    return e == ERR_INVALID || !e ? check(c) : e;
}

/* ---- the write ---- */

static enum err show_one(void *arg, const struct sender *x)
{
    struct json_write w;
    json_write_init(&w, call_out(arg));
    enum err e = sender_write(&w, x, true);
    enum err written = json_write_finish(&w);
    return e ? e : written;
}

static enum err answer(struct call *c, struct backend *b)
{
    const struct sender_call *s = c->state;
    enum err e = b->ops->campaigns->sender_get(b, s->provider_id, s->id, show_one, c);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such sender") : e;
}

/* Which members were given, without their values. */
static enum err audit_sender(struct call *c, struct backend *b, const char *action)
{
    const struct sender_call *s = c->state;
    struct buf details;
    struct json_write w;
    char target[40];
    buf_init(&details, 16384);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "name");
    json_write_span(&w, s->row.name);
    json_write_key(&w, "kind");
    json_write_str(&w, carrier_kind(s->row.service));
    if (s->body.kind == JSON_KIND_OBJECT) {
        struct json_iter it = json_members(s->body);
        struct span key;
        struct json_value value;
        json_write_key(&w, "members");
        json_write_array(&w);
        while (json_next_member(&it, &key, &value))
            json_write_span(&w, key);
        json_write_end(&w);
    }
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    (void)snprintf(target, sizeof(target), "sender/%lld", (long long)s->id);
    if (!e)
        e = call_audit(c, b, action, target, 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static enum err count_row(void *arg, const struct sender *x)
{
    (void)x;
    ((struct sender_call *)arg)->count++;
    return ERR_NONE;
}

static enum err create_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct sender_call *s = c->state;
    s->count = 0;
    enum err e = b->ops->campaigns->sender_list(b, s->provider_id, 0, SENDERS_MAX, count_row, s);
    if (!e && s->count == SENDERS_MAX)
        return call_stop(c, ERR_CONFLICT, "A provider has at most 200 senders");
    s->row.provider_id = s->provider_id;
    s->row.reason = s->row.reason_text = SPAN_LIT("");
    s->row.created_ms = s->row.updated_ms = s->row.changed_ms = call_now(c);
    if (!e)
        e = b->ops->campaigns->sender_insert(b, &s->row);
    s->id = s->row.id;
    if (!e)
        e = audit_sender(c, b, "sender.create");
    return e ? e : answer(c, b);
}

static enum err take_age(void *arg, const struct sender *x)
{
    struct call *c = arg;
    struct sender_call *s = c->state;
    struct sender *row = &s->row;
    if (row->updated_ms != x->updated_ms)
        return ERR_CONFLICT;
    s->same =
        span_eq(row->name, x->name) && span_eq(row->settings, x->settings) && span_eq(row->secret, x->secret);
    row->state = x->state; /* what a service said meanwhile stays */
    row->reason = x->reason;
    row->reason_text = x->reason_text;
    row->changed_ms = x->changed_ms;
    return part_keep(c, &row->reason) && part_keep(c, &row->reason_text) ? ERR_NONE : ERR_NOMEM;
}

static enum err change_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct sender_call *s = c->state;
    struct sender changed;
    enum err e = b->ops->campaigns->sender_get(b, s->provider_id, s->id, take_age, c);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, "No such sender");
    if (e == ERR_CONFLICT)
        return call_stop(c, e, "The sender was changed by somebody else meanwhile; look at it and try again");
    s->jobs.count = 0;
    if (e)
        return e;
    if (s->same) /* nothing changes: do not write */
        return answer(c, b);
    changed = s->row;
    const int64_t now_ms = call_now(c);
    /* Loops know by it that their carrier is an old one. */
    changed.updated_ms = now_ms > s->row.updated_ms ? now_ms : s->row.updated_ms + 1;
    e = b->ops->campaigns->sender_update(b, &changed);
    if (!e)
        e = audit_sender(c, b, "sender.update");
    if (!e)
        e = part_jobs_of(c, b, s->id, &s->jobs);
    return e ? e : answer(c, b);
}

static void committed(struct store_call *call)
{
    struct call *c = call_of(call);
    const struct sender_call *s = c->state;
    part_jobs_notify(c, s->id, &s->jobs);
}

static void prepared(struct store_call *call)
{
    struct call *c = call_of(call);
    const struct sender_call *s = c->state;
    if (call->err && s->why) {
        call_invalid(c, s->why->property, s->why->message);
        return;
    }
    if (call->err) {
        call_stopped(c, call->err);
        return;
    }
    if (!check_members(c, s))
        return;
    if (s->create)
        call_write(c, create_run, NULL, call_done);
    else
        call_write(c, change_run, committed, call_done);
}

void api_sender_create(struct call *c)
{
    struct sender_call *s = begin(c);
    if (!s)
        return;
    s->create = true;
    if (!read_body(c, s))
        return;
    c->status = 201;
    call_read(c, prepare_run, prepared);
}

void api_sender_change(struct call *c)
{
    struct sender_call *s = begin(c);
    if (!s || !read_body(c, s))
        return;
    c->status = 200;
    call_read(c, prepare_run, prepared);
}

/* ---- deleting, and going on ---- */

static enum err delete_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct sender_call *s = c->state;
    enum err e = b->ops->campaigns->sender_get(b, s->provider_id, s->id, take_row, c);
    if (!e)
        e = b->ops->campaigns->sender_delete(b, s->provider_id, s->id);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, "No such sender");
    if (e == ERR_CONFLICT)
        return call_stop(c, e, "A campaign or an open job uses this sender");
    return e ? e : audit_sender(c, b, "sender.delete");
}

void api_sender_delete(struct call *c)
{
    if (!begin(c))
        return;
    c->status = 204;
    call_write(c, delete_run, NULL, call_done);
}

/* A job that the sender's error has paused goes on; one paused by hand stays so. */
static enum err resume_job(struct call *c, struct backend *b, int64_t id)
{
    struct ledger l;
    enum err e = ledger_open(&l, b, id, call_now(c));
    if (e || l.job.state != JOB_PAUSED || span_eq(l.job.reason, SPAN_LIT("hand")))
        return e;
    ledger_state(&l, JOB_RUNNING, SPAN_LIT(""), SPAN_LIT(""));
    return ledger_close(&l);
}

static enum err resume_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct sender_call *s = c->state;
    enum err e = b->ops->campaigns->sender_get(b, s->provider_id, s->id, take_row, c);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, e, "No such sender");
    if (!e && s->row.state == SENDER_FINE)
        return call_stop(c, ERR_CONFLICT, "The sender is not paused");
    if (!e)
        e = b->ops->campaigns->sender_state(b, s->id, SENDER_FINE, SPAN_LIT(""), SPAN_LIT(""), call_now(c));
    if (!e)
        e = part_jobs_of(c, b, s->id, &s->jobs);
    for (size_t i = 0; !e && i < s->jobs.count; i++)
        e = resume_job(c, b, s->jobs.ids[i]);
    if (!e)
        e = audit_sender(c, b, "sender.resume");
    return e ? e : answer(c, b);
}

void api_sender_resume(struct call *c)
{
    if (!begin(c))
        return;
    c->status = 200;
    call_write(c, resume_run, committed, call_done);
}

/* ---- showing ---- */

static enum err show_run(struct store_call *call, struct backend *b)
{
    return answer(call_of(call), b);
}

void api_sender_show(struct call *c)
{
    if (!begin(c))
        return;
    c->status = 200;
    call_read(c, show_run, call_done);
}

static enum err show_listed(void *arg, const struct sender *x)
{
    struct page *p = arg;
    return page_row(p, x->id) ? sender_write(&p->w, x, false) : ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct sender_call *s = c->state;
    page_begin(&s->page, call_out(c));
    return page_end(&s->page, b->ops->campaigns->sender_list(b, s->provider_id, s->page.from,
                                                             page_ask(&s->page), show_listed, &s->page));
}

void api_sender_list(struct call *c)
{
    static const struct page_kind kind = {.member = "senders"};
    struct sender_call *s = begin(c);
    if (!s || !page_read(c, &s->page, &kind))
        return;
    c->status = 200;
    call_read(c, list_run, call_done);
}
