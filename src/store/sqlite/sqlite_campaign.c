/* Campaigns. */
#include "store/sqlite/sqlite.h"

enum err sqlite_campaign_insert(struct backend *b, struct campaign *c)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_campaign_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, c->provider_id);
    sqlite_bind_span(q, 2, c->short_id);
    sqlite_bind_span(q, 3, c->name);
    sqlite_bind_number(q, 4, c->medium);
    sqlite_bind_number(q, 5, c->sender_id);
    sqlite_bind_number(q, 6, c->enabled);
    sqlite_bind_span(q, 7, c->content);
    sqlite_bind_span(q, 8, c->variables);
    sqlite_bind_span(q, 9, c->stop_when);
    sqlite_bind_number(q, 10, c->created_ms);
    e = sqlite_run(s, q);
    if (!e && sqlite3_changes(s->db) == 0)
        return ERR_EXISTS;
    if (!e)
        c->id = sqlite3_last_insert_rowid(s->db);
    return e;
}

enum err sqlite_campaign_update(struct backend *b, const struct campaign *c)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_campaign_update, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, c->provider_id);
    sqlite_bind_number(q, 2, c->id);
    sqlite_bind_span(q, 3, c->name);
    sqlite_bind_number(q, 4, c->sender_id);
    sqlite_bind_number(q, 5, c->enabled);
    sqlite_bind_span(q, 6, c->content);
    sqlite_bind_span(q, 7, c->variables);
    sqlite_bind_span(q, 8, c->stop_when);
    sqlite_bind_number(q, 9, c->updated_ms);
    e = sqlite_run(s, q);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

enum err sqlite_campaign_delete(struct backend *b, int64_t provider_id, int64_t id)
{
    struct sqlite *s = sqlite_of(b);
    const int64_t key[] = {provider_id, id};
    enum err e = sqlite_run_with(s, STATEMENT_campaign_delete, key, 2);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

static struct campaign row_of(sqlite3_stmt *q)
{
    return (struct campaign){
        .id = sqlite_number(q, 0),
        .provider_id = sqlite_number(q, 1),
        .short_id = sqlite_span(q, 2),
        .name = sqlite_span(q, 3),
        .medium = (enum medium)sqlite_number(q, 4),
        .sender_id = sqlite_number(q, 5),
        .enabled = sqlite_number(q, 6) != 0,
        .content = sqlite_span(q, 7),
        .variables = sqlite_span(q, 8),
        .stop_when = sqlite_span(q, 9),
        .created_ms = sqlite_number(q, 10),
        .updated_ms = sqlite_number(q, 11),
    };
}

static enum err one(struct sqlite *s, sqlite3_stmt *q, campaign_row_fn *fn, void *arg)
{
    bool row;
    enum err e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    const struct campaign c = row_of(q);
    e = fn(arg, &c);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_campaign_get(struct backend *b, int64_t provider_id, int64_t id, campaign_row_fn *fn,
                             void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_campaign_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, id);
    return one(s, q, fn, arg);
}

enum err sqlite_campaign_find(struct backend *b, int64_t provider_id, struct span short_id,
                              campaign_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_campaign_find, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_span(q, 2, short_id);
    return one(s, q, fn, arg);
}

enum err sqlite_campaign_enabled(struct backend *b, int64_t provider_id, int64_t id, bool *ret)
{
    const int64_t key[] = {provider_id, id};
    int64_t enabled = 0;
    enum err e = sqlite_first(sqlite_of(b), STATEMENT_campaign_enabled, key, 2, &enabled);
    if (!e)
        *ret = enabled != 0;
    return e;
}

enum err sqlite_campaign_list(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                              campaign_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_campaign_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, after);
    sqlite_bind_number(q, 3, limit);
    while (sqlite_next(s, q, &e)) {
        const struct campaign c = row_of(q);
        e = fn(arg, &c);
    }
    return e;
}
