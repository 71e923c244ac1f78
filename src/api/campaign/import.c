/* /api/v1/providers/{id}/imports: people and lists in bulk, from a body of any size. */
#include <stdio.h>

#include "api/call.h"
#include "api/campaign/audience_call.h"
#include "api/campaign/import_run.h"
#include "api/campaign/list_name.h"
#include "api/page.h"

struct upload {
    struct call *call;
    struct import_config config;
    struct import_run *run;
    struct import import;
    struct recipient_list list;
    bool over; /* the body has ended, or the import has: nothing more is taken */
};

/* ---- what comes ---- */

/* The value of a parameter of a media type, without its quotes (RFC 9110 5.6.6). */
static struct span parameter(struct span type, struct span name)
{
    const char *p = memchr(type.ptr, ';', type.len), *end = type.ptr + type.len;
    while (p && p < end) {
        const char *next = memchr(p + 1, ';', (size_t)(end - p - 1));
        struct span one = span_trim((struct span){p + 1, (size_t)((next ? next : end) - p - 1)});
        const char *eq = memchr(one.ptr, '=', one.len);
        struct span value = eq ? (struct span){eq + 1, (size_t)(one.ptr + one.len - eq - 1)} : SPAN_LIT("");
        if (eq && span_eq_nocase((struct span){one.ptr, (size_t)(eq - one.ptr)}, name)) {
            if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
                value = (struct span){value.ptr + 1, value.len - 2};
            return value;
        }
        p = next;
    }
    return (struct span){NULL, 0};
}

static bool read_type(struct call *c, struct import_shape *shape)
{
    static const struct {
        const char *type;
        enum import_format format;
    } types[] = {{"text/csv", IMPORT_CSV},
                 {"application/csv", IMPORT_CSV},
                 {"application/x-ndjson", IMPORT_NDJSON},
                 {"application/ndjson", IMPORT_NDJSON},
                 {"application/jsonl", IMPORT_NDJSON},
                 {"application/x-jsonlines", IMPORT_NDJSON},
                 {"application/jsonlines", IMPORT_NDJSON}};
    struct span whole = server_header(c->req, "content-type"), type = whole.ptr ? whole : SPAN_LIT("");
    const char *semi = memchr(type.ptr, ';', type.len);
    if (semi)
        type.len = (size_t)(semi - type.ptr);
    type = span_trim(type);
    size_t i = 0, count = sizeof(types) / sizeof(*types);
    while (i < count && !span_eq_nocase(type, span_of(types[i].type)))
        i++;
    struct span charset = whole.ptr ? parameter(whole, SPAN_LIT("charset")) : (struct span){NULL, 0};
    const char *iconv = charset.ptr ? import_rows_charset(charset) : "";
    struct span coding = server_header(c->req, "content-encoding");
    if (i == count || !iconv || (coding.ptr && !span_eq_nocase(coding, SPAN_LIT("identity")))) {
        call_refuse(c, 415,
                    i == count ? "The body must be text/csv or application/x-ndjson"
                    : !iconv   ? "The charset must be UTF-8, Shift_JIS or EUC-JP"
                               : "The body must not be compressed (Content-Encoding)");
        return false;
    }
    shape->format = types[i].format;
    shape->charset = iconv[0] ? iconv : NULL;
    return true;
}

static bool read_query(struct call *c, struct upload *u)
{
    static const char *const known[] = {"into", "name", "by", NULL};
    struct import_shape *shape = &u->config.shape;
    if (!query_known(c, known))
        return false;
    struct span into = query_text(c, "into"), name = query_text(c, "name"), by = query_text(c, "by");
    shape->into_list = into.ptr && span_eq(into, SPAN_LIT("list"));
    if (!shape->into_list && !(into.ptr && span_eq(into, SPAN_LIT("users")))) {
        call_invalid(c, "into", "must be users or list");
        return false;
    }
    if (!shape->into_list && (name.ptr || by.ptr)) {
        call_invalid(c, name.ptr ? "name" : "by", "is only for lists");
        return false;
    }
    if (!shape->into_list)
        return true;
    if (!list_name_read(c, "name", name, &u->list.name) ||
        !list_name_by(c, by.ptr ? by : SPAN_LIT("user_id"), &u->list.by))
        return false;
    shape->by = u->list.by;
    return true;
}

/* ---- the body ---- */

static void answer_begun(struct upload *u)
{
    struct buf out;
    struct json_write w;
    buf_init(&out, 200);
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "importId");
    call_write_id(&w, u->import.id);
    if (u->list.id) {
        json_write_key(&w, "listId");
        call_write_id(&w, u->list.id);
    }
    json_write_end(&w);
    call_finish(u->call, 202, &w);
}

static void answer_failed(struct upload *u, const char *why, bool client)
{
    char text[300];
    (void)snprintf(text, sizeof(text), "The import has ended: %s", why);
    if (client)
        call_refuse(u->call, 400, text);
    else
        call_retry(u->call, 503, text, 10);
}

/* The import has ended by itself: says so now, and reads no more. */
static bool ended(struct upload *u)
{
    bool client;
    const char *why = import_run_failed(u->run, &client);
    if (!why)
        return false;
    char text[260];
    (void)snprintf(text, sizeof(text), "%s", why);
    u->over = true;
    import_run_end(u->run, NULL);
    answer_failed(u, text, client);
    return true;
}

static bool on_piece(void *arg, struct span piece)
{
    struct upload *u = arg;
    bool more = true, client;
    if (u->over)
        return true; /* on_end answers: what comes until then is dropped */
    if (import_run_failed(u->run, &client))
        return false; /* on_more answers */
    if (import_run_put(u->run, piece, &more)) {
        u->over = true;
        import_run_end(u->run, "this node is out of memory");
    }
    return more;
}

static void on_end(void *arg)
{
    struct upload *u = arg;
    if (u->over) {
        call_retry(u->call, 503, "The import has ended: this node is out of memory", 10);
        return;
    }
    if (ended(u))
        return;
    u->over = true;
    import_run_end(u->run, NULL);
    answer_begun(u);
}

static void on_broken(void *arg, int status, const char *message)
{
    struct upload *u = arg;
    if (!u->over) {
        char why[160];
        (void)snprintf(why, sizeof(why), "the body could not be read to its end: %s", message);
        u->over = true;
        import_run_end(u->run, why);
    }
    call_refuse(u->call, status, message);
}

static void on_gone(void *arg)
{
    struct upload *u = arg;
    if (!u->run)
        return; /* the store has not answered yet: begin_done sees it */
    if (!u->over) {
        u->over = true;
        import_run_end(u->run, "the client left before the end of the body; what was taken is kept");
    }
    call_refuse(u->call, 400, "The client has left");
}

static void on_more(void *arg)
{
    struct upload *u = arg;
    if (!u->over && !ended(u))
        server_body_more(u->call->req);
}

/* ---- its beginning ---- */

static enum err begin_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct upload *u = c->state;
    enum err e = ERR_NONE;
    if (u->config.shape.into_list)
        e = b->ops->audience->list_insert(b, &u->list);
    if (e == ERR_LIMIT)
        return call_stop(c, ERR_CONFLICT, list_name_too_many);
    u->import.list_id = u->list.id;
    return e ? e : b->ops->audience->import_insert(b, &u->import);
}

static void begin_done(struct store_call *s)
{
    struct call *c = call_of(s);
    struct upload *u = c->state;
    enum err e = s->err;
    if (!e)
        e = import_run_begin(u->run, u->import.id, u->list.id);
    if (e) { /* an import that was stored and not begun is ended by the next start of the node */
        struct import_run *run = u->run;
        u->run = NULL;
        import_run_drop(run);
        call_stopped(c, e);
        return;
    }
    u->call = c;
    server_on_abort(c->req, on_gone, u);
    server_body_begin(c->req, &(struct server_sink){on_piece, on_end, on_broken, u});
}

void api_import_begin(struct call *c)
{
    struct upload *u = call_state(c, sizeof(*u));
    if (!u)
        return;
    u->call = c;
    u->config = (struct import_config){.provider_id = call_channel_id(c->params[0]),
                                       .home = c->api->config.mailbox,
                                       .more = on_more,
                                       .arg = u};
    u->config.shape.allow_http = c->api->config.settings->allow_http;
    if (!read_query(c, u) || !read_type(c, &u->config.shape))
        return;
    enum err e = import_run_new(c->api->config.imports, &u->config, &u->run);
    if (e) {
        if (e == ERR_LIMIT)
            call_retry(c, 429, "This node runs 8 imports already; wait until one has ended", 10);
        else
            call_failed(c, e);
        return;
    }
    u->import = (struct import){.provider_id = u->config.provider_id,
                                .into_list = u->config.shape.into_list,
                                .reason = SPAN_LIT(""),
                                .started_ms = call_now(c)};
    u->list.provider_id = u->config.provider_id;
    u->list.created_ms = u->import.started_ms;
    c->state = u;
    call_write(c, begin_run, NULL, begin_done);
}

/* ---- looking at them ---- */

struct looking {
    struct page page;
    int64_t provider_id, id;
};

static const char *const states[] = {
    [IMPORT_RUNNING] = "running", [IMPORT_DONE] = "done", [IMPORT_ENDED] = "ended"};

static void write_members(struct json_write *w, const struct import *i)
{
    json_write_key(w, "importId");
    call_write_id(w, i->id);
    json_write_key(w, "into");
    json_write_str(w, i->into_list ? "list" : "users");
    json_write_key(w, "listId");
    if (i->list_id)
        call_write_id(w, i->list_id);
    else
        json_write_null(w);
    json_write_key(w, "state");
    json_write_str(w, states[i->state <= IMPORT_ENDED ? i->state : IMPORT_ENDED]);
    json_write_key(w, "reason");
    if (i->reason.len)
        json_write_span(w, i->reason);
    else
        json_write_null(w);
    json_write_key(w, "read");
    json_write_uint(w, i->read);
    json_write_key(w, "taken");
    json_write_uint(w, i->taken);
    json_write_key(w, "refused");
    json_write_uint(w, i->refused);
    json_write_key(w, "startedAt");
    call_write_time(w, i->started_ms);
    json_write_key(w, "endedAt");
    if (i->ended_ms)
        call_write_time(w, i->ended_ms);
    else
        json_write_null(w);
}

static enum err show_refusal(void *arg, const struct import_refusal *r)
{
    struct json_write *w = arg;
    json_write_object(w);
    json_write_key(w, "line");
    json_write_uint(w, r->line);
    json_write_key(w, "field");
    json_write_span(w, r->field);
    json_write_key(w, "why");
    json_write_span(w, r->why);
    json_write_end(w);
    return ERR_NONE;
}

static enum err show_import(void *arg, const struct import *i)
{
    write_members(arg, i);
    return ERR_NONE;
}

static enum err show_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    const struct looking *l = c->state;
    struct json_write w;
    json_write_init(&w, call_out(c));
    json_write_object(&w);
    enum err e = b->ops->audience->import_get(b, l->provider_id, l->id, show_import, &w);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such import") : e;
    json_write_key(&w, "refusals");
    json_write_array(&w);
    e = b->ops->audience->import_refusals(b, l->id, show_refusal, &w);
    json_write_end(&w);
    json_write_end(&w);
    enum err written = json_write_finish(&w);
    return e ? e : written;
}

static struct looking *look(struct call *c)
{
    struct looking *l = call_state(c, sizeof(*l));
    if (!l)
        return NULL;
    l->provider_id = call_channel_id(c->params[0]);
    l->id = c->params[1].ptr ? call_channel_id(c->params[1]) : 0;
    c->state = l;
    c->status = 200;
    return l;
}

void api_import_show(struct call *c)
{
    if (look(c))
        call_read(c, show_run, call_done);
}

static const struct page_kind list_kind = {.member = "imports", .start = INT64_MAX};

static enum err list_row(void *arg, const struct import *i)
{
    struct looking *l = arg;
    if (!page_row(&l->page, i->id))
        return ERR_NONE;
    json_write_object(&l->page.w);
    write_members(&l->page.w, i);
    json_write_end(&l->page.w);
    return ERR_NONE;
}

static enum err list_run(struct store_call *s, struct backend *b)
{
    struct call *c = call_of(s);
    struct looking *l = c->state;
    enum err e = audience_provider(c, b, l->provider_id);
    if (e)
        return e;
    page_begin(&l->page, call_out(c));
    return page_end(&l->page, b->ops->audience->import_list(b, l->provider_id, l->page.from,
                                                            page_ask(&l->page), list_row, l));
}

void api_import_list(struct call *c)
{
    struct looking *l = look(c);
    if (l && page_read(c, &l->page, &list_kind))
        call_read(c, list_run, call_done);
}
