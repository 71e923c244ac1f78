/* /api/v1/providers/{id}/queries: stored SQL that names recipients. Running one: query_preview.c. */
#include <stdio.h>

#include "api/call.h"
#include "api/campaign/body.h"
#include "api/campaign/list_name.h"
#include "api/page.h"
#include "campaign/query.h"

struct query_state {
    struct audience_query given; /* what the body says, in the arena */
    bool has_name, has_sql, has_by;
    struct audience_query now; /* as it is stored, its texts in the arena */
    struct page page;
};

static void write_query(struct json_write *w, const struct audience_query *q)
{
    json_write_object(w);
    json_write_key(w, "queryId");
    call_write_id(w, q->id);
    json_write_key(w, "name");
    json_write_span(w, q->name);
    json_write_key(w, "sql");
    json_write_span(w, q->sql);
    json_write_key(w, "by");
    json_write_str(w, by_text(q->by));
    json_write_key(w, "createdAt");
    call_write_time(w, q->created_ms);
    json_write_key(w, "updatedAt");
    call_write_time(w, q->updated_ms);
    json_write_end(w);
}

static struct query_state *begin(struct call *c)
{
    struct query_state *s = call_state(c, sizeof(*s));
    if (!s)
        return NULL;
    s->given.provider_id = call_channel_id(c->params[0]);
    s->given.id = c->params[1].ptr ? call_channel_id(c->params[1]) : 0;
    c->state = s;
    return s;
}

static enum err show_row(void *arg, const struct audience_query *q)
{
    struct json_write w;
    json_write_init(&w, call_out(arg));
    write_query(&w, q);
    return json_write_finish(&w);
}

static enum err show(struct call *c, struct backend *b, int64_t id)
{
    const struct query_state *s = c->state;
    enum err e = b->ops->audience->query_get(b, s->given.provider_id, id, show_row, c);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such query") : e;
}

static enum err audit(struct call *c, struct backend *b, const char *action, const struct audience_query *q)
{
    struct buf details;
    struct json_write w;
    char target[40];
    (void)snprintf(target, sizeof(target), "query/%lld", (long long)q->id);
    buf_init(&details, 16384);
    json_write_init(&w, &details);
    json_write_object(&w);
    json_write_key(&w, "providerId");
    call_write_id(&w, q->provider_id);
    json_write_key(&w, "name");
    json_write_span(&w, q->name);
    json_write_end(&w);
    enum err e = json_write_finish(&w);
    if (!e)
        e = call_audit(c, b, action, target, 0, buf_span(&details));
    buf_deinit(&details);
    return e;
}

/* ---- making and changing ---- */

/* false: already answered. Whether the SQL can be run is said by a preview, and when it is run. */
static bool read_members(struct call *c, struct query_state *s, bool all)
{
    struct json_field f[] = {{.key = "name"}, {.key = "sql"}, {.key = "by"}};
    struct span by = {NULL, 0};
    if (!body_fields(c, f, 3))
        return false;
    s->has_name = all || f[0].value.kind != JSON_KIND_NONE;
    s->has_sql = all || f[1].value.kind != JSON_KIND_NONE;
    s->has_by = all || f[2].value.kind != JSON_KIND_NONE;
    if ((s->has_name && !body_name(c, "name", f[0].value, &s->given.name)) ||
        (s->has_sql && !body_text(c, "sql", f[1].value, QUERY_SQL_MAX, &s->given.sql)) ||
        (s->has_by && (!body_text(c, "by", f[2].value, 100, &by) || !list_name_by(c, by, &s->given.by))))
        return false;
    if (!s->has_sql || (s->given.sql.len && !memchr(s->given.sql.ptr, '\0', s->given.sql.len)))
        return true;
    call_invalid(c, "sql", s->given.sql.len ? "has a NUL character" : "is empty");
    return false;
}

static enum err create_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct query_state *s = c->state;
    struct audience_query q = s->given;
    enum err e = b->ops->audience->query_insert(b, &q);
    if (e == ERR_LIMIT)
        return call_stop(c, ERR_CONFLICT, "This provider has 1000 queries; delete some first");
    if (!e)
        e = audit(c, b, "query.create", &q);
    return e ? e : show(c, b, q.id);
}

void api_query_create(struct call *c)
{
    struct query_state *s = begin(c);
    if (!s || !read_members(c, s, true))
        return;
    s->given.created_ms = s->given.updated_ms = call_now(c);
    c->status = 201;
    call_write(c, create_run, NULL, call_done);
}

static enum err take(void *arg, const struct audience_query *q)
{
    struct call *c = arg;
    struct query_state *s = c->state;
    s->now = *q;
    s->now.name.ptr = arena_dup(&c->arena, q->name);
    s->now.sql.ptr = arena_dup(&c->arena, q->sql);
    return s->now.name.ptr && s->now.sql.ptr ? ERR_NONE : ERR_NOMEM;
}

static enum err change_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct query_state *s = c->state;
    enum err e = b->ops->audience->query_get(b, s->given.provider_id, s->given.id, take, c);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such query") : e;
    struct audience_query to = s->now;
    if (s->has_name)
        to.name = s->given.name;
    if (s->has_sql)
        to.sql = s->given.sql;
    if (s->has_by)
        to.by = s->given.by;
    if (span_eq(to.name, s->now.name) && span_eq(to.sql, s->now.sql) && to.by == s->now.by) /* do not write */
        return show(c, b, to.id);
    to.updated_ms = call_now(c);
    e = b->ops->audience->query_update(b, &to);
    if (!e)
        e = audit(c, b, "query.update", &to);
    return e ? e : show(c, b, to.id);
}

void api_query_change(struct call *c)
{
    struct query_state *s = begin(c);
    if (!s || !read_members(c, s, false))
        return;
    c->status = 200;
    call_write(c, change_run, NULL, call_done);
}

/* ---- the others ---- */

static enum err show_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    const struct query_state *s = c->state;
    return show(c, b, s->given.id);
}

void api_query_show(struct call *c)
{
    c->status = 200;
    if (begin(c))
        call_read(c, show_run, call_done);
}

static enum err delete_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct query_state *s = c->state;
    enum err e = b->ops->audience->query_get(b, s->given.provider_id, s->given.id, take, c);
    if (!e)
        e = b->ops->audience->query_delete(b, s->given.provider_id, s->given.id);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such query") : e;
    return audit(c, b, "query.delete", &s->now);
}

void api_query_delete(struct call *c)
{
    c->status = 204;
    if (begin(c))
        call_write(c, delete_run, NULL, call_done);
}

static enum err list_row(void *arg, const struct audience_query *q)
{
    struct query_state *s = arg;
    if (page_row(&s->page, q->id))
        write_query(&s->page.w, q);
    return ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct query_state *s = c->state;
    page_begin(&s->page, call_out(c));
    return page_end(&s->page, b->ops->audience->query_list(b, s->given.provider_id, s->page.from,
                                                           page_ask(&s->page), list_row, s));
}

void api_query_list(struct call *c)
{
    /* SQL may have 16 KiB: a page of these stays below two megabytes. */
    static const struct page_kind kind = {.member = "queries", .limit_max = 100};
    struct query_state *s = begin(c);
    if (!s || !page_read(c, &s->page, &kind))
        return;
    c->status = 200;
    call_read(c, list_run, call_done);
}
