/* /api/v1/providers/{id}/lists: lists of recipients. Long ones come as imports. */
#include <jansson.h>
#include <stdio.h>

#include "api/call.h"
#include "api/campaign/audience_call.h"
#include "api/campaign/list_name.h"
#include "api/campaign/target_read.h"
#include "api/page.h"

#define VALUES_MAX 10000u /* in one call */

struct list_state {
    struct recipient_list list;
    struct span *values;
    size_t count;
    struct page page;
};

static void write_list(struct json_write *w, const struct recipient_list *l)
{
    json_write_object(w);
    json_write_key(w, "listId");
    call_write_id(w, l->id);
    json_write_key(w, "name");
    json_write_span(w, l->name);
    json_write_key(w, "by");
    json_write_str(w, by_text(l->by));
    json_write_key(w, "rows");
    json_write_uint(w, l->rows);
    json_write_key(w, "createdAt");
    call_write_time(w, l->created_ms);
    json_write_end(w);
}

static struct list_state *begin(struct call *c)
{
    struct list_state *s = call_state(c, sizeof(*s));
    if (!s)
        return NULL;
    s->list.provider_id = call_channel_id(c->params[0]);
    s->list.id = c->params[1].ptr ? call_channel_id(c->params[1]) : 0;
    c->state = s;
    return s;
}

static enum err show_row(void *arg, const struct recipient_list *l)
{
    struct json_write w;
    json_write_init(&w, call_out(arg));
    write_list(&w, l);
    return json_write_finish(&w);
}

static enum err show(struct call *c, struct backend *b)
{
    const struct list_state *s = c->state;
    enum err e = b->ops->audience->list_get(b, s->list.provider_id, s->list.id, show_row, c);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such list") : e;
}

/* ---- making one ---- */

static enum err create_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct list_state *s = c->state;
    enum err e = b->ops->audience->list_insert(b, &s->list);
    if (e == ERR_LIMIT)
        return call_stop(c, ERR_CONFLICT, list_name_too_many);
    if (!e && s->count)
        e = b->ops->audience->list_add(b, s->list.id, s->values, s->count);
    return e ? e : show(c, b);
}

/* false: already answered. */
static bool read_value(struct call *c, struct list_state *s, size_t at, const json_t *v)
{
    char property[40], number[32];
    struct span text = {json_string_value(v), json_string_length(v)};
    (void)snprintf(property, sizeof(property), "values[%zu]", at);
    if (json_is_integer(v))
        text = (struct span){
            number, (size_t)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v))};
    if (json_is_null(v)) {
        s->values[at] = (struct span){NULL, 0};
        return true;
    }
    if (!json_is_string(v) && !json_is_integer(v)) {
        call_invalid(c, property, "must be a string, an integer or null");
        return false;
    }
    char *copy = arena_dup(&c->arena, text);
    const char *why = copy ? target_read_by(&c->arena, s->list.by, (struct span){copy, text.len},
                                            c->api->config.settings->allow_http, &s->values[at])
                           : "";
    if (!why)
        return true;
    if (why[0])
        call_invalid(c, property, why);
    else
        call_failed(c, ERR_NOMEM);
    return false;
}

static bool read_members(struct call *c, struct list_state *s, json_t *body)
{
    const char *key;
    json_t *v;
    json_object_foreach(body, key, v)
    {
        if (strcmp(key, "name") != 0 && strcmp(key, "by") != 0 && strcmp(key, "values") != 0) {
            char name[120];
            (void)snprintf(name, sizeof(name), "%.100s", key);
            call_invalid(c, name, "unknown member");
            return false;
        }
    }
    json_t *name = json_object_get(body, "name"), *by = json_object_get(body, "by"),
           *values = json_object_get(body, "values");
    if (!list_name_read(c, "name", (struct span){json_string_value(name), json_string_length(name)},
                        &s->list.name) ||
        !list_name_by(c, (struct span){json_string_value(by), json_string_length(by)}, &s->list.by))
        return false;
    if (!json_is_array(values)) {
        call_invalid(c, "values", values ? "must be an array" : "is required");
        return false;
    }
    s->count = json_array_size(values);
    if (s->count > VALUES_MAX) {
        call_invalid(c, "values", "has more than 10000 rows; an import takes any number");
        return false;
    }
    s->values = arena_alloc(&c->arena, (s->count + 1) * sizeof(*s->values));
    if (!s->values) {
        call_failed(c, ERR_NOMEM);
        return false;
    }
    for (size_t i = 0; i < s->count; i++)
        if (!read_value(c, s, i, json_array_get(values, i)))
            return false;
    return true;
}

void api_list_create(struct call *c)
{
    struct list_state *s = begin(c);
    json_t *body = s ? call_object(c) : NULL;
    if (!body)
        return;
    s->list.created_ms = call_now(c);
    c->status = 201;
    bool ok = read_members(c, s, body);
    json_decref(body);
    if (ok)
        call_write(c, create_run, NULL, call_done);
}

/* ---- the others ---- */

static enum err show_run(struct store_call *call, struct backend *b)
{
    return show(call_of(call), b);
}

void api_list_show(struct call *c)
{
    c->status = 200;
    if (begin(c))
        call_read(c, show_run, call_done);
}

static enum err delete_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    const struct list_state *s = c->state;
    char target[40], details[64];
    enum err e = b->ops->audience->list_delete(b, s->list.provider_id, s->list.id);
    if (e)
        return e == ERR_NOT_FOUND ? call_stop(c, e, "No such list") : e;
    (void)snprintf(target, sizeof(target), "list/%lld", (long long)s->list.id);
    (void)snprintf(details, sizeof(details), "{\"providerId\":\"%lld\"}", (long long)s->list.provider_id);
    return call_audit(c, b, "list.delete", target, 0, span_of(details));
}

void api_list_delete(struct call *c)
{
    c->status = 204;
    if (begin(c))
        call_write(c, delete_run, NULL, call_done);
}

static const struct page_kind list_kind = {.member = "lists"};

static enum err list_row(void *arg, const struct recipient_list *l)
{
    struct list_state *s = arg;
    if (page_row(&s->page, l->id))
        write_list(&s->page.w, l);
    return ERR_NONE;
}

static enum err list_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct list_state *s = c->state;
    enum err e = audience_provider(c, b, s->list.provider_id);
    if (e)
        return e;
    page_begin(&s->page, call_out(c));
    return page_end(&s->page, b->ops->audience->list_list(b, s->list.provider_id, s->page.from,
                                                          page_ask(&s->page), list_row, s));
}

void api_list_list(struct call *c)
{
    struct list_state *s = begin(c);
    if (!s || !page_read(c, &s->page, &list_kind))
        return;
    c->status = 200;
    call_read(c, list_run, call_done);
}
