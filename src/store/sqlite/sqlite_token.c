/* Channel access tokens, and deletion of expired secrets and tokens. */
#include "store/sqlite/sqlite.h"

static enum err count_valid(struct sqlite *s, int64_t channel_id, int64_t wall_ms, int64_t *ret)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_token_count, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_number(q, 2, wall_ms);
    bool row;
    e = sqlite_row(s, q, &row);
    if (!e && row) {
        *ret = sqlite_number(q, 0);
        (void)sqlite3_reset(q);
    }
    return e;
}

static enum err channel_is_there(struct sqlite *s, int64_t channel_id)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_channel_has, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (row)
        (void)sqlite3_reset(q);
    return e ? e : row ? ERR_NONE : ERR_NOT_FOUND;
}

enum err sqlite_token_insert(struct backend *b, struct channel_token *t, uint32_t max, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    int64_t count = 0;
    enum err e = channel_is_there(s, t->channel_id);
    if (!e)
        e = count_valid(s, t->channel_id, wall_ms, &count);
    if (!e && count >= max)
        e = ERR_LIMIT;
    if (e)
        return e;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_token_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, t->channel_id);
    sqlite_bind_bytes(q, 2, t->hash, sizeof(t->hash));
    sqlite_bind_span(q, 3, span_of(t->hint));
    sqlite_bind_number(q, 4, t->created_ms);
    sqlite_bind_number(q, 5, t->expires_ms);
    e = sqlite_run(s, q);
    if (!e)
        t->id = sqlite3_last_insert_rowid(s->db);
    return e;
}

enum err sqlite_token_delete(struct backend *b, int64_t channel_id, int64_t id)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_token_delete, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_number(q, 2, channel_id);
    e = sqlite_run(s, q);
    return e ? e : sqlite3_changes(s->db) ? ERR_NONE : ERR_NOT_FOUND;
}

static void read_token(sqlite3_stmt *q, struct channel_token *t)
{
    *t = (struct channel_token){.id = sqlite_number(q, 0), .channel_id = sqlite_number(q, 1)};
    struct span hash = sqlite_span(q, 2);
    if (hash.len == sizeof(t->hash))
        memcpy(t->hash, hash.ptr, hash.len);
    sqlite_text(q, 3, t->hint, sizeof(t->hint));
    t->created_ms = sqlite_number(q, 4);
    t->expires_ms = sqlite_number(q, 5);
    t->used_ms = sqlite_number(q, 6);
}

enum err sqlite_token_list(struct backend *b, int64_t channel_id, token_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_token_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    while (sqlite_next(s, q, &e)) {
        struct channel_token t;
        read_token(q, &t);
        e = fn(arg, &t);
    }
    return e;
}

enum err sqlite_token_find(struct backend *b, const uint8_t hash[static ACCESS_HASH_LEN],
                           struct channel_token *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_token_find, &e);
    if (!q)
        return e;
    sqlite_bind_bytes(q, 1, hash, ACCESS_HASH_LEN);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    read_token(q, ret);
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

static enum err run_numbers(struct sqlite *s, enum statement id, int64_t first, int64_t second)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, first);
    if (sqlite3_bind_parameter_count(q) > 1)
        sqlite_bind_number(q, 2, second);
    return sqlite_run(s, q);
}

enum err sqlite_token_use(struct backend *b, int64_t id, int64_t wall_ms)
{
    return run_numbers(sqlite_of(b), STATEMENT_token_use, id, wall_ms);
}

enum err sqlite_secret_prune(struct backend *b, int64_t wall_ms, int64_t before_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = run_numbers(s, STATEMENT_secret_prune, wall_ms, 0);
    return e ? e : run_numbers(s, STATEMENT_token_prune, before_ms, 0);
}
