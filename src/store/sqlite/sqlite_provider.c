/* Providers, and the roles of accounts on providers and channels. */
#include "store/sqlite/sqlite.h"

enum err sqlite_provider_insert(struct backend *b, struct provider *p)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_provider_insert, &e);
    if (!q)
        return e;
    sqlite_bind_span(q, 1, span_of(p->name));
    sqlite_bind_number(q, 2, p->created_ms);
    sqlite_bind_number(q, 3, p->maker_id);
    e = sqlite_run(s, q);
    if (!e)
        p->id = sqlite3_last_insert_rowid(s->db);
    return e;
}

enum err sqlite_provider_maker(struct backend *b, int64_t id, int64_t *ret_account_id)
{
    return sqlite_first(sqlite_of(b), STATEMENT_provider_maker, &id, 1, ret_account_id);
}

enum err sqlite_provider_made(struct backend *b, int64_t account_id, uint64_t *ret)
{
    int64_t n = 0;
    enum err e = sqlite_first(sqlite_of(b), STATEMENT_provider_made, &account_id, 1, &n);
    if (!e)
        *ret = (uint64_t)n;
    return e;
}

enum err sqlite_provider_rename(struct backend *b, int64_t id, struct span name)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_provider_update, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_span(q, 2, name);
    e = sqlite_run(s, q);
    if (!e && sqlite3_changes(s->db) == 0)
        e = ERR_NOT_FOUND;
    return e;
}

enum err sqlite_provider_delete(struct backend *b, int64_t id)
{
    struct sqlite *s = sqlite_of(b);
    int64_t one;
    enum err e = sqlite_first(s, STATEMENT_provider_busy, &id, 1, &one);
    if (e != ERR_NOT_FOUND)
        return e ? e : ERR_CONFLICT;
    e = sqlite_run_with(s, STATEMENT_provider_delete, &id, 1);
    if (!e && sqlite3_changes(s->db) == 0)
        return ERR_NOT_FOUND;
    if (!e)
        e = sqlite_run_with(s, STATEMENT_provider_delete_option, &id, 1);
    if (!e)
        e = sqlite_run_with(s, STATEMENT_provider_delete_mail_days, &id, 1);
    if (!e)
        e = sqlite_audience_delete(s, id);
    if (!e)
        e = sqlite_run_with(s, STATEMENT_provider_delete_segments, &id, 1);
    if (!e)
        e = sqlite_run_with(s, STATEMENT_provider_delete_queries, &id, 1);
    return e ? e : sqlite_run_with(s, STATEMENT_provider_delete_roles, &id, 1);
}

enum err sqlite_provider_list(struct backend *b, int64_t account_id, int64_t after, uint32_t limit,
                              provider_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q =
        sqlite_statement(s, account_id ? STATEMENT_provider_list_mine : STATEMENT_provider_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, after);
    sqlite_bind_number(q, 2, limit);
    if (account_id)
        sqlite_bind_number(q, 3, account_id);
    while (sqlite_next(s, q, &e)) {
        struct provider p = {.id = sqlite_number(q, 0),
                             .created_ms = sqlite_number(q, 2),
                             .maker_id = sqlite_number(q, 5),
                             .channels = (uint64_t)sqlite_number(q, 3)};
        sqlite_text(q, 1, p.name, sizeof(p.name));
        e = fn(arg, &p, (enum grant)sqlite_number(q, 4));
    }
    return e;
}

static enum err take_provider(void *arg, const struct provider *p, enum grant g)
{
    (void)g;
    *(struct provider *)arg = *p;
    return ERR_NONE;
}

enum err sqlite_provider_get(struct backend *b, int64_t id, struct provider *ret)
{
    struct provider p = {0};
    enum err e = id > 0 ? sqlite_provider_list(b, 0, id - 1, 1, take_provider, &p) : ERR_NOT_FOUND;
    if (!e && p.id != id)
        e = ERR_NOT_FOUND;
    if (!e)
        *ret = p;
    return e;
}

static enum err ask_grant(struct backend *b, enum statement id, int64_t account_id, int64_t of,
                          struct grant_held *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, account_id);
    sqlite_bind_number(q, 2, of);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e)
        return e;
    *ret = (struct grant_held){GRANT_NONE, true};
    if (row && sqlite_number(q, 0))
        *ret = (struct grant_held){(enum grant)sqlite_number(q, 0), sqlite_number(q, 1)};
    if (row)
        (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_grant_on_channel(struct backend *b, int64_t account_id, int64_t channel_id,
                                 struct grant_held *ret)
{
    return ask_grant(b, STATEMENT_grant_on_channel, account_id, channel_id, ret);
}

enum err sqlite_grant_on_provider(struct backend *b, int64_t account_id, int64_t provider_id,
                                  struct grant_held *ret)
{
    return ask_grant(b, STATEMENT_grant_on_provider, account_id, provider_id, ret);
}

enum err sqlite_grant_meet(struct backend *b, int64_t account_id, enum grant_scope scope, int64_t id)
{
    struct sqlite *s = sqlite_of(b);
    const int64_t numbers[] = {account_id, id};
    if (scope == GRANT_SCOPE_PROVIDER)
        return sqlite_run_with(s, STATEMENT_grant_meet_provider, numbers, 2);
    enum err e = sqlite_run_with(s, STATEMENT_grant_meet_channel, numbers, 2);
    return e ? e : sqlite_run_with(s, STATEMENT_grant_meet_inherited, numbers, 2);
}

enum err sqlite_grant_give(struct backend *b, const struct grant_gift *g)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(
        s, g->scope == GRANT_SCOPE_PROVIDER ? STATEMENT_provider_grant_put : STATEMENT_channel_grant_put, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, g->account_id);
    sqlite_bind_number(q, 2, g->id);
    sqlite_bind_number(q, 3, g->grant);
    sqlite_bind_number(q, 4, g->waits);
    sqlite_bind_number(q, 5, g->known);
    sqlite_bind_span(q, 6, g->address);
    return sqlite_run(s, q);
}

enum err sqlite_grant_put(struct backend *b, int64_t account_id, enum grant_scope scope, int64_t id,
                          enum grant g)
{
    static const enum statement deletes[] = {[GRANT_SCOPE_PROVIDER] = STATEMENT_provider_grant_delete,
                                             [GRANT_SCOPE_CHANNEL] = STATEMENT_channel_grant_delete};
    struct sqlite *s = sqlite_of(b);
    if (g != GRANT_NONE)
        return sqlite_grant_give(b, &(struct grant_gift){.account_id = account_id,
                                                         .scope = scope,
                                                         .id = id,
                                                         .grant = g,
                                                         .known = true,
                                                         .address = SPAN_LIT("")});
    enum err e = sqlite_run_with(s, deletes[scope], (int64_t[]){account_id, id}, 2);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

enum err sqlite_grant_release(struct backend *b, int64_t account_id)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = sqlite_run_with(s, STATEMENT_provider_grants_release, &account_id, 1);
    return e ? e : sqlite_run_with(s, STATEMENT_channel_grants_release, &account_id, 1);
}

enum err sqlite_grant_drop(struct backend *b, int64_t account_id)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = sqlite_run_with(s, STATEMENT_provider_grants_drop, &account_id, 1);
    return e ? e : sqlite_run_with(s, STATEMENT_channel_grants_drop, &account_id, 1);
}

enum err sqlite_grant_list(struct backend *b, enum grant_scope scope, int64_t id, uint32_t limit,
                           grant_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(
        s, scope == GRANT_SCOPE_PROVIDER ? STATEMENT_provider_grants : STATEMENT_channel_grants, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_number(q, 2, limit);
    while (sqlite_next(s, q, &e)) {
        struct grant_row g = {.account_id = sqlite_number(q, 0),
                              .email = sqlite_span(q, 1),
                              .name = sqlite_span(q, 2),
                              .grant = (enum grant)sqlite_number(q, 3),
                              .inherited = sqlite_number(q, 4),
                              .waits = sqlite_number(q, 5),
                              .known = sqlite_number(q, 6),
                              .address = sqlite_span(q, 7)};
        e = fn(arg, &g);
    }
    return e;
}

enum err sqlite_grant_of(struct backend *b, int64_t account_id, uint32_t limit, grant_of_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_channel_grants_of, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, account_id);
    sqlite_bind_number(q, 2, limit);
    while (sqlite_next(s, q, &e)) {
        e = fn(arg, sqlite_number(q, 0), (enum grant)sqlite_number(q, 1));
    }
    return e;
}

enum err sqlite_provider_admins(struct backend *b, int64_t provider_id, int64_t except, bool known,
                                uint64_t *ret)
{
    int64_t n = 0;
    enum err e =
        sqlite_first(sqlite_of(b), STATEMENT_provider_admins, (int64_t[]){provider_id, except, known}, 3, &n);
    if (!e)
        *ret = (uint64_t)n;
    return e;
}

enum err sqlite_provider_admin_alone(struct backend *b, int64_t account_id, int64_t *ret_provider_id)
{
    int64_t id = 0;
    enum err e = sqlite_first(sqlite_of(b), STATEMENT_provider_admin_alone, &account_id, 1, &id);
    if (e == ERR_NOT_FOUND)
        e = ERR_NONE;
    if (!e)
        *ret_provider_id = id;
    return e;
}

enum err sqlite_tally_get(struct backend *b, int64_t day, struct span topic, uint32_t *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_tally_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, day);
    sqlite_bind_span(q, 2, topic);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e)
        return e;
    *ret = row ? (uint32_t)sqlite_number(q, 0) : 0;
    if (row)
        (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_tally_add(struct backend *b, int64_t day, struct span topic)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_tally_add, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, day);
    sqlite_bind_span(q, 2, topic);
    e = sqlite_run(s, q);
    return e || day == TALLY_EVER ? e : sqlite_run_with(s, STATEMENT_tally_forget, &day, 1);
}

enum err sqlite_tally_drop(struct backend *b, int64_t day, struct span topic)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_tally_drop, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, day);
    sqlite_bind_span(q, 2, topic);
    return sqlite_run(s, q);
}
