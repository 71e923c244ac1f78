/*
 * /api/v1/providers/{id}/campaigns: what is sent, and by which sender.
 *
 *     read the body ─► look (the campaign, its sender) ─► check (variables, content, the engine) ─► write
 */
#include <stdio.h>

#include "api/campaign/campaign_json.h"
#include "api/campaign/part.h"
#include "api/page.h"
#include "campaign/campaign.h"
#include "carrier/carrier.h"
#include "store/condition.h"

#define SHORT_TRIES 20u /* 27 thousand million short ids: a second try is rare */

struct campaign_call {
    int64_t provider_id, id;
    struct span short_id; /* the path names it by this; empty: by id */
    struct page page;
    struct json_value body, content, variables, stop_when; /* of the body; kind NONE: not given */
    bool create, named, switched, sent_by;
    bool same;           /* the change changes nothing */
    struct campaign row; /* as it is, or is to be; spans in the arena */
    struct content *compiled;
};

static struct campaign_call *begin(struct call *c)
{
    struct campaign_call *s = call_state(c, sizeof(*s));
    if (!s)
        return NULL;
    s->provider_id = call_channel_id(c->params[0]);
    if (c->params[1].ptr) {
        s->id = call_channel_id(c->params[1]);
        s->short_id = s->id ? SPAN_LIT("") : c->params[1];
    }
    c->state = s;
    return s;
}

/* ---- the body ---- */

static bool read_channel(struct call *c, struct campaign_call *s, struct json_value value)
{
    struct span text = SPAN_LIT("");
    if (json_string_plain(value, &text) && !campaign_channel_find(text, &s->row.medium))
        return true;
    call_invalid(c, "channel", "must be mail, push, line or browser");
    return false;
}

static bool read_member(struct call *c, struct campaign_call *s, struct span key, struct json_value value)
{
    if (json_key_is(key, "name")) {
        s->named = true;
        return part_name(c, value, &s->row.name);
    }
    if (json_key_is(key, "channel")) {
        if (s->create)
            return read_channel(c, s, value);
        call_invalid(c, "channel", "cannot be changed; make another campaign");
        return false;
    }
    if (json_key_is(key, "senderId")) {
        s->sent_by = true;
        return part_id(c, "senderId", value, &s->row.sender_id);
    }
    if (json_key_is(key, "enabled")) {
        s->switched = true;
        return part_bool(c, "enabled", value, &s->row.enabled);
    }
    if (json_key_is(key, "content"))
        s->content = value;
    else if (json_key_is(key, "variables"))
        s->variables = value;
    else if (json_key_is(key, "stopWhen"))
        s->stop_when = value;
    else {
        part_unknown(c, key);
        return false;
    }
    return true;
}

static bool read_body(struct call *c, struct campaign_call *s)
{
    struct span key;
    struct json_value value;
    if (!part_body(c, &s->body))
        return false;
    struct json_iter it = json_members(s->body);
    while (json_next_member(&it, &key, &value))
        if (!read_member(c, s, key, value))
            return false;
    if (!s->create)
        return true;
    const char *missing = !s->named                                           ? "name"
                          : json_find(s->body, "channel", &value) != ERR_NONE ? "channel"
                          : !s->sent_by                                       ? "senderId"
                                                                              : NULL;
    if (missing)
        call_invalid(c, missing, "is required");
    return !missing;
}

/* ---- what there is ---- */

static enum err take_row(void *arg, const struct campaign *k)
{
    struct call *c = arg;
    struct campaign_call *s = c->state;
    const struct campaign given = s->row;
    s->row = *k;
    struct span *texts[] = {&s->row.short_id, &s->row.name, &s->row.content, &s->row.variables,
                            &s->row.stop_when};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (!part_keep(c, texts[i]))
            return ERR_NOMEM;
    if (s->named)
        s->row.name = given.name;
    if (s->switched)
        s->row.enabled = given.enabled;
    if (s->sent_by)
        s->row.sender_id = given.sender_id;
    return ERR_NONE;
}

/* The campaign that the path names. */
static enum err find(struct call *c, struct backend *b, campaign_row_fn *fn, void *arg)
{
    const struct campaign_call *s = c->state;
    const struct backend_campaigns *ops = b->ops->campaigns;
    enum err e = s->id ? ops->campaign_get(b, s->provider_id, s->id, fn, arg)
                       : ops->campaign_find(b, s->provider_id, s->short_id, fn, arg);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such campaign") : e;
}

static enum err take_service(void *arg, const struct sender *x)
{
    *(enum service *)arg = x->service;
    return ERR_NONE;
}

static enum err check_sender(struct call *c, struct backend *b)
{
    const struct campaign_call *s = c->state;
    enum service service = SERVICE_COUNT;
    enum err e = b->ops->campaigns->sender_get(b, s->provider_id, s->row.sender_id, take_service, &service);
    if (e == ERR_NOT_FOUND)
        return call_stop(c, ERR_CONFLICT, "No such sender (senderId)");
    if (!e && carrier_medium(service) != s->row.medium)
        return call_stop(c, ERR_CONFLICT, "The sender is of a service for another channel (senderId)");
    return e;
}

static enum err look_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    const struct campaign_call *s = c->state;
    enum err e = s->create ? ERR_NONE : find(c, b, take_row, c);
    return e ? e : check_sender(c, b);
}

/* ---- the check ---- */

static void refuse(struct call *c, const char *member, const char *path, unsigned line, unsigned column,
                   const char *message)
{
    char property[CONTENT_PATH_MAX + 32], text[CONTENT_REASON_MAX + 48];
    (void)snprintf(property, sizeof(property), "%s%s%s", member, path[0] == '\0' || path[0] == '[' ? "" : ".",
                   path);
    if (line)
        (void)snprintf(text, sizeof(text), "line %u, column %u: %s", line, column, message);
    else
        (void)snprintf(text, sizeof(text), "%s", message);
    call_invalid(c, property, text);
}

/* The raw text of what was given, or what there is. */
static struct span merged(struct json_value given, struct span old, struct span none)
{
    return given.kind == JSON_KIND_NONE   ? (old.ptr ? old : none)
           : given.kind == JSON_KIND_NULL ? none
                                          : given.raw;
}

static bool check_condition(struct call *c, struct span text)
{
    struct condition *condition = NULL;
    struct condition_fault why;
    enum err e = text.len ? condition_parse(text, &condition, &why) : ERR_NONE;
    condition_free(condition);
    if (e == ERR_INVALID)
        refuse(c, "stopWhen", why.path, 0, 0, why.message);
    else if (e)
        call_failed(c, e);
    return !e;
}

/* Compiles what is to be stored. false: already answered. */
static bool compile(struct call *c)
{
    struct campaign_call *s = c->state;
    struct variables *variables = NULL;
    struct variables_fault variables_fault;
    struct content_fault fault;
    enum err e = variables_parse(json_root(s->row.variables), &variables, &variables_fault);
    if (e) {
        if (e == ERR_INVALID || e == ERR_LIMIT)
            call_invalid(c, variables_fault.path, variables_fault.message);
        else
            call_failed(c, e);
        return false;
    }
    if (!check_condition(c, s->row.stop_when)) {
        variables_free(variables);
        return false;
    }
    e = content_compile(s->row.medium, s->row.content, variables, &s->compiled, &fault);
    variables_free(variables);
    if (e == ERR_INVALID || e == ERR_LIMIT)
        refuse(c, "content", fault.path, fault.line, fault.column, fault.message);
    else if (e)
        call_failed(c, e);
    return !e;
}

static void put(struct call *c);

static void on_checked(void *arg, const struct content_fault *fault, const char *gone)
{
    struct call *c = arg;
    struct campaign_call *s = c->state;
    content_unref(s->compiled);
    s->compiled = NULL;
    if (gone)
        call_retry(c, 503, "The templates could not be checked; nothing was accepted", 5);
    else if (fault)
        refuse(c, "content", fault->path, fault->line, fault->column, fault->message);
    else
        put(c);
}

/* Templates that the direct way cannot render are read by the engine: only it knows their errors. */
static void check_templates(struct call *c)
{
    struct campaign_call *s = c->state;
    const struct campaigns *here = campaigns_here(c->api->config.campaigns, c->api->config.mailbox);
    struct renderer *renderer = here ? campaigns_renderer(here) : NULL;
    enum err e = ERR_BUSY;
    if (!content_is_plain(s->compiled) && renderer)
        e = renderer_check(renderer, s->compiled, on_checked, c);
    if (content_is_plain(s->compiled))
        on_checked(c, NULL, NULL);
    else if (e)
        on_checked(c, NULL, "busy");
}

static void looked(struct store_call *call)
{
    struct call *c = call_of(call);
    struct campaign_call *s = c->state;
    if (call->err) {
        call_stopped(c, call->err);
        return;
    }
    s->row.content = merged(s->content, s->row.content, SPAN_LIT("{}"));
    s->row.variables = merged(s->variables, s->row.variables, SPAN_LIT("[]"));
    s->row.stop_when = merged(s->stop_when, s->row.stop_when, SPAN_LIT(""));
    const bool fine = compile(c);
    if (fine)
        check_templates(c);
}

/* ---- the write ---- */

static enum err show_one(void *arg, const struct campaign *k)
{
    struct json_write w;
    json_write_init(&w, call_out(arg));
    campaign_write(&w, k, true);
    return json_write_finish(&w);
}

/* Which members were given, without their values: contents are large. */
static enum err audit_campaign(struct call *c, struct backend *b, const char *action)
{
    const struct campaign_call *s = c->state;
    struct buf details;
    struct json_write w;
    char target[40];
    buf_init(&details, 16384);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "name");
    json_write_span(&w, s->row.name);
    json_write_key(&w, "shortId");
    json_write_span(&w, s->row.short_id);
    if (s->body.kind == JSON_KIND_OBJECT) {
        struct json_iter it = json_members(s->body);
        struct span key;
        struct json_value value;
        json_write_key(&w, "enabled");
        json_write_bool(&w, s->row.enabled);
        json_write_key(&w, "members");
        json_write_array(&w);
        while (json_next_member(&it, &key, &value))
            json_write_span(&w, key);
        json_write_end(&w);
    }
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    (void)snprintf(target, sizeof(target), "campaign/%lld", (long long)s->row.id);
    if (!e)
        e = call_audit(c, b, action, target, 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

static enum err insert(struct call *c, struct backend *b)
{
    struct campaign_call *s = c->state;
    char short_id[CAMPAIGN_SHORT_LEN + 1];
    enum err e = ERR_EXISTS;
    for (unsigned i = 0; e == ERR_EXISTS && i < SHORT_TRIES; i++) {
        campaign_short_id(short_id);
        s->row.short_id = span_of(short_id);
        e = b->ops->campaigns->campaign_insert(b, &s->row);
    }
    if (!e && !part_keep(c, &s->row.short_id))
        e = ERR_NOMEM;
    return e;
}

static enum err create_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct campaign_call *s = c->state;
    s->row.provider_id = s->provider_id;
    s->row.created_ms = s->row.updated_ms = call_now(c);
    enum err e = check_sender(c, b);
    if (!e)
        e = insert(c, b);
    if (!e)
        e = audit_campaign(c, b, "campaign.create");
    return e ? e : b->ops->campaigns->campaign_get(b, s->provider_id, s->row.id, show_one, c);
}

static enum err take_age(void *arg, const struct campaign *k)
{
    struct campaign_call *s = arg;
    const struct campaign *row = &s->row;
    s->same = span_eq(row->name, k->name) && row->sender_id == k->sender_id && row->enabled == k->enabled &&
              span_eq(row->content, k->content) && span_eq(row->variables, k->variables) &&
              span_eq(row->stop_when, k->stop_when);
    return row->updated_ms == k->updated_ms ? ERR_NONE : ERR_CONFLICT;
}

static enum err change_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct campaign_call *s = c->state;
    struct campaign changed = s->row;
    const int64_t now_ms = call_now(c);
    enum err e = find(c, b, take_age, s);
    if (e == ERR_CONFLICT)
        return call_stop(c, e,
                         "The campaign was changed by somebody else meanwhile; look at it and try again");
    if (!e)
        e = check_sender(c, b);
    if (!e && s->same) /* nothing changes: do not write */
        return find(c, b, show_one, c);
    changed.updated_ms = now_ms > s->row.updated_ms ? now_ms : s->row.updated_ms + 1;
    if (!e)
        e = b->ops->campaigns->campaign_update(b, &changed);
    if (!e)
        e = audit_campaign(c, b, "campaign.update");
    return e ? e : find(c, b, show_one, c);
}

static void put(struct call *c)
{
    const struct campaign_call *s = c->state;
    call_write(c, s->create ? create_run : change_run, NULL, call_done);
}

void api_campaign_create(struct call *c)
{
    struct campaign_call *s = begin(c);
    if (!s)
        return;
    s->create = true;
    s->row.enabled = true;
    if (!read_body(c, s))
        return;
    c->status = 201;
    call_read(c, look_run, looked);
}

void api_campaign_change(struct call *c)
{
    struct campaign_call *s = begin(c);
    if (!s || !read_body(c, s))
        return;
    c->status = 200;
    call_read(c, look_run, looked);
}

static enum err delete_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct campaign_call *s = c->state;
    enum err e = find(c, b, take_row, c);
    if (!e)
        e = b->ops->campaigns->campaign_delete(b, s->provider_id, s->row.id);
    return e ? e : audit_campaign(c, b, "campaign.delete");
}

void api_campaign_delete(struct call *c)
{
    if (!begin(c))
        return;
    c->status = 204;
    call_write(c, delete_run, NULL, call_done);
}

/* ---- showing ---- */

static enum err show_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    return find(c, b, show_one, c);
}

void api_campaign_show(struct call *c)
{
    if (!begin(c))
        return;
    c->status = 200;
    call_read(c, show_run, call_done);
}

static enum err show_listed(void *arg, const struct campaign *k)
{
    struct page *p = arg;
    if (page_row(p, k->id))
        campaign_write(&p->w, k, false);
    return ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct campaign_call *s = c->state;
    page_begin(&s->page, call_out(c));
    return page_end(&s->page, b->ops->campaigns->campaign_list(b, s->provider_id, s->page.from,
                                                               page_ask(&s->page), show_listed, &s->page));
}

void api_campaign_list(struct call *c)
{
    static const struct page_kind kind = {.member = "campaigns"};
    struct campaign_call *s = begin(c);
    if (!s || !page_read(c, &s->page, &kind))
        return;
    c->status = 200;
    call_read(c, list_run, call_done);
}
