/* /api/v1/providers/{id}/segments: stored conditions. Whom a draft matches: segment_count.c. */
#include <stdio.h>

#include "api/call.h"
#include "api/campaign/body.h"
#include "api/campaign/segment_read.h"
#include "api/page.h"
#include "base/mem.h"

struct segment_state {
    struct segment_read read; /* of the condition that is given; first */
    struct segment given;     /* what the body says, in the arena or the body */
    bool has_name, has_condition, has_default;
    struct segment now; /* as it is stored, its texts in the arena */
    struct page page;
};

static void write_segment(struct json_write *w, const struct segment *g)
{
    json_write_object(w);
    json_write_key(w, "segmentId");
    call_write_id(w, g->id);
    json_write_key(w, "name");
    json_write_span(w, g->name);
    json_write_key(w, "condition");
    json_write_raw(w, g->condition);
    json_write_key(w, "default");
    json_write_bool(w, g->is_default);
    json_write_key(w, "createdAt");
    call_write_time(w, g->created_ms);
    json_write_key(w, "updatedAt");
    call_write_time(w, g->updated_ms);
    json_write_end(w);
}

static struct segment_state *begin(struct call *c)
{
    struct segment_state *s = call_state(c, sizeof(*s));
    if (!s)
        return NULL;
    s->given.provider_id = call_channel_id(c->params[0]);
    s->given.id = c->params[1].ptr ? call_channel_id(c->params[1]) : 0;
    c->state = s;
    return s;
}

static enum err show_row(void *arg, const struct segment *g)
{
    struct json_write w;
    json_write_init(&w, call_out(arg));
    write_segment(&w, g);
    return json_write_finish(&w);
}

static enum err show(struct call *c, struct backend *b, int64_t id)
{
    const struct segment_state *s = c->state;
    enum err e = b->ops->audience->segment_get(b, s->given.provider_id, id, show_row, c);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such segment") : e;
}

static enum err audit(struct call *c, struct backend *b, const char *action, const struct segment *g)
{
    struct buf details;
    struct json_write w;
    char target[40];
    (void)snprintf(target, sizeof(target), "segment/%lld", (long long)g->id);
    buf_init(&details, 2 * CONDITION_TEXT_MAX);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "providerId");
    call_write_id(&w, g->provider_id);
    json_write_key(&w, "name");
    json_write_span(&w, g->name);
    json_write_key(&w, "default");
    json_write_bool(&w, g->is_default);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, action, target, 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

/* ---- making and changing ---- */

/* false: already answered. */
static bool read_members(struct call *c, struct segment_state *s, bool all)
{
    struct json_field f[] = {{.key = "name"}, {.key = "condition"}, {.key = "default"}};
    if (!body_fields(c, f, 3))
        return false;
    s->has_name = all || f[0].value.kind != JSON_KIND_NONE;
    s->has_condition = all || f[1].value.kind != JSON_KIND_NONE;
    s->has_default = f[2].value.kind != JSON_KIND_NONE;
    if (s->has_name && !body_name(c, "name", f[0].value, &s->given.name))
        return false;
    if (s->has_default && f[2].value.kind != JSON_KIND_TRUE && f[2].value.kind != JSON_KIND_FALSE) {
        call_invalid(c, "default", "must be true or false");
        return false;
    }
    s->given.is_default = f[2].value.kind == JSON_KIND_TRUE;
    s->given.condition = f[1].value.raw;
    return !s->has_condition || segment_read(c, f[1].value, &s->read);
}

static enum err too_many(struct call *c, bool is_default)
{
    return call_stop(c, ERR_CONFLICT,
                     is_default ? "This provider has 1000 segments, or 20 default ones; delete some first"
                                : "This provider has 1000 segments; delete some first");
}

static enum err create_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct segment_state *s = c->state;
    struct segment g = s->given;
    enum err e = segment_read_campaigns(&s->read, b, g.provider_id);
    if (!e)
        e = b->ops->audience->segment_insert(b, &g);
    if (e == ERR_LIMIT)
        return too_many(c, g.is_default);
    if (!e)
        e = audit(c, b, "segment.create", &g);
    return e ? e : show(c, b, g.id);
}

/* A condition that names a campaign which is not there is the client's. */
static void change_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct segment_state *s = c->state;
    if (segment_read_done(c, &s->read))
        call_done(call);
}

void api_segment_create(struct call *c)
{
    struct segment_state *s = begin(c);
    if (!s || !read_members(c, s, true))
        return;
    s->given.created_ms = s->given.updated_ms = call_now(c);
    c->status = 201;
    call_write(c, create_run, NULL, change_done);
}

static enum err take(void *arg, const struct segment *g)
{
    struct call *c = arg;
    struct segment_state *s = c->state;
    s->now = *g;
    s->now.name.ptr = arena_dup(&c->arena, g->name);
    s->now.condition.ptr = arena_dup(&c->arena, g->condition);
    return s->now.name.ptr && s->now.condition.ptr ? ERR_NONE : ERR_NOMEM;
}

static enum err change_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct segment_state *s = c->state;
    enum err e = b->ops->audience->segment_get(b, s->given.provider_id, s->given.id, take, c);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such segment") : e;
    struct segment to = s->now;
    if (s->has_name)
        to.name = s->given.name;
    if (s->has_condition)
        to.condition = s->given.condition;
    if (s->has_default)
        to.is_default = s->given.is_default;
    if (span_eq(to.name, s->now.name) && span_eq(to.condition, s->now.condition) &&
        to.is_default == s->now.is_default) /* nothing changes: do not write */
        return show(c, b, to.id);
    to.updated_ms = call_now(c);
    e = s->has_condition ? segment_read_campaigns(&s->read, b, to.provider_id) : ERR_NONE;
    if (!e)
        e = b->ops->audience->segment_update(b, &to);
    if (e == ERR_LIMIT)
        return too_many(c, to.is_default);
    if (!e)
        e = audit(c, b, "segment.update", &to);
    return e ? e : show(c, b, to.id);
}

void api_segment_change(struct call *c)
{
    struct segment_state *s = begin(c);
    if (!s || !read_members(c, s, false))
        return;
    c->status = 200;
    call_write(c, change_run, NULL, change_done);
}

/* ---- the others ---- */

static enum err show_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    const struct segment_state *s = c->state;
    return show(c, b, s->given.id);
}

void api_segment_show(struct call *c)
{
    c->status = 200;
    if (begin(c))
        call_read(c, show_run, call_done);
}

static enum err delete_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct segment_state *s = c->state;
    enum err e = b->ops->audience->segment_get(b, s->given.provider_id, s->given.id, take, c);
    if (!e)
        e = b->ops->audience->segment_delete(b, s->given.provider_id, s->given.id);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such segment") : e;
    return audit(c, b, "segment.delete", &s->now);
}

void api_segment_delete(struct call *c)
{
    c->status = 204;
    if (begin(c))
        call_write(c, delete_run, NULL, call_done);
}

static enum err list_row(void *arg, const struct segment *g)
{
    struct segment_state *s = arg;
    if (page_row(&s->page, g->id))
        write_segment(&s->page.w, g);
    return ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct segment_state *s = c->state;
    page_begin(&s->page, call_out(c));
    return page_end(&s->page, b->ops->audience->segment_list(b, s->given.provider_id, s->given.is_default,
                                                             s->page.from, page_ask(&s->page), list_row, s));
}

void api_segment_list(struct call *c)
{
    /* A condition may have 16 KiB: a page of these stays below two megabytes. */
    static const struct page_kind kind = {.member = "segments", .filters = {"default"}, .limit_max = 100};
    struct segment_state *s = begin(c);
    if (!s || !page_read(c, &s->page, &kind))
        return;
    struct span only = query_text(c, "default");
    s->given.is_default = span_eq(only, SPAN_LIT("true"));
    if (only.ptr && !s->given.is_default) {
        call_invalid(c, "default", "must be true, or left out");
        return;
    }
    c->status = 200;
    call_read(c, list_run, call_done);
}
