/* Accounts, their sessions, and the invitation links through which they set a password. */
#include "store/sqlite/sqlite.h"

static void bind_account(sqlite3_stmt *q, const struct account *a)
{
    sqlite_bind_span(q, 1, span_of(a->email));
    sqlite_bind_span(q, 2, span_of(a->name));
    sqlite_bind_span(q, 3, span_of(a->password));
    sqlite_bind_span(q, 4, span_of(a->language));
    sqlite_bind_number(q, 5, a->operator);
    sqlite_bind_number(q, 6, a->disabled);
    sqlite_bind_number(q, 7, a->created_ms);
    sqlite_bind_number(q, 8, a->last_login_ms);
    sqlite_bind_number(q, 9, a->confirmed);
    sqlite_bind_number(q, 10, a->inviter_id);
    sqlite_bind_span(q, 11, span_of(a->inviter));
}

static void read_account(sqlite3_stmt *q, struct account *a)
{
    *a = (struct account){.id = sqlite_number(q, 0)};
    sqlite_text(q, 1, a->email, sizeof(a->email));
    sqlite_text(q, 2, a->name, sizeof(a->name));
    sqlite_text(q, 3, a->password, sizeof(a->password));
    sqlite_text(q, 4, a->language, sizeof(a->language));
    a->operator= sqlite_number(q, 5);
    a->disabled = sqlite_number(q, 6);
    a->created_ms = sqlite_number(q, 7);
    a->last_login_ms = sqlite_number(q, 8);
    a->confirmed = sqlite_number(q, 9);
    a->inviter_id = sqlite_number(q, 10);
    sqlite_text(q, 11, a->inviter, sizeof(a->inviter));
}

enum err sqlite_account_insert(struct backend *b, struct account *a)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_account_insert, &e);
    if (!q)
        return e;
    bind_account(q, a);
    e = sqlite_run(s, q);
    if (!e)
        a->id = sqlite3_last_insert_rowid(s->db);
    return e;
}

enum err sqlite_account_skip(struct backend *b)
{
    return sqlite_run_with(sqlite_of(b), STATEMENT_account_skip, NULL, 0);
}

enum err sqlite_account_update(struct backend *b, const struct account *a)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_account_update, &e);
    if (!q)
        return e;
    bind_account(q, a);
    sqlite_bind_number(q, 12, a->id);
    e = sqlite_run(s, q);
    if (!e && sqlite3_changes(s->db) == 0)
        e = ERR_NOT_FOUND;
    return e;
}

enum err sqlite_account_delete(struct backend *b, int64_t id)
{
    static const enum statement parts[] = {STATEMENT_account_delete_provider_roles,
                                           STATEMENT_account_delete_channel_roles,
                                           STATEMENT_account_delete_invitation};
    struct sqlite *s = sqlite_of(b);
    enum err e = sqlite_run_with(s, STATEMENT_account_delete, &id, 1);
    if (e)
        return e;
    if (sqlite3_changes(s->db) == 0)
        return ERR_NOT_FOUND;
    for (size_t i = 0; !e && i < sizeof(parts) / sizeof(parts[0]); i++)
        e = sqlite_run_with(s, parts[i], &id, 1);
    return e ? e : sqlite_session_delete_others(b, id, NULL);
}

/* Returns the first row of a bound statement. */
static enum err one_account(struct sqlite *s, sqlite3_stmt *q, struct account *ret)
{
    bool row;
    enum err e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    read_account(q, ret);
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_account_get(struct backend *b, int64_t id, struct account *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_account_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id - 1);
    sqlite_bind_number(q, 2, 1);
    struct account a;
    e = one_account(s, q, &a);
    if (!e && a.id != id)
        e = ERR_NOT_FOUND;
    if (!e)
        *ret = a;
    return e;
}

enum err sqlite_account_by_email(struct backend *b, struct span email, struct account *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_account_by_email, &e);
    if (!q)
        return e;
    sqlite_bind_span(q, 1, email);
    return one_account(s, q, ret);
}

enum err sqlite_account_list(struct backend *b, int64_t after, uint32_t limit, account_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_account_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, after);
    sqlite_bind_number(q, 2, limit);
    while (sqlite_next(s, q, &e)) {
        struct account a;
        read_account(q, &a);
        e = fn(arg, &a);
    }
    return e;
}

enum err sqlite_account_operators(struct backend *b, int64_t except, uint64_t *ret)
{
    int64_t n = 0;
    enum err e = sqlite_first(sqlite_of(b), STATEMENT_account_operators, &except, 1, &n);
    if (!e)
        *ret = (uint64_t)n;
    return e;
}

enum err sqlite_session_insert(struct backend *b, const struct session *session, uint32_t keep)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_session_insert, &e);
    if (!q)
        return e;
    sqlite_bind_bytes(q, 1, session->hash, sizeof(session->hash));
    sqlite_bind_number(q, 2, session->account_id);
    sqlite_bind_number(q, 3, session->created_ms);
    sqlite_bind_number(q, 4, session->used_ms);
    e = sqlite_run(s, q);
    return e ? e : sqlite_run_with(s, STATEMENT_session_surplus, (int64_t[]){session->account_id, keep}, 2);
}

enum err sqlite_session_get(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                            struct session *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_session_get, &e);
    if (!q)
        return e;
    sqlite_bind_bytes(q, 1, hash, SESSION_HASH_LEN);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    memcpy(ret->hash, hash, SESSION_HASH_LEN);
    ret->account_id = sqlite_number(q, 0);
    ret->created_ms = sqlite_number(q, 1);
    ret->used_ms = sqlite_number(q, 2);
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

/* Runs a statement whose first parameter is a hash and the second a number. */
static enum err run_hash(struct sqlite *s, enum statement id, const uint8_t *hash, int64_t number)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    sqlite_bind_bytes(q, 1, hash, SESSION_HASH_LEN);
    if (sqlite3_bind_parameter_count(q) > 1)
        sqlite_bind_number(q, 2, number);
    return sqlite_run(s, q);
}

enum err sqlite_session_touch(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN], int64_t used_ms)
{
    return run_hash(sqlite_of(b), STATEMENT_session_touch, hash, used_ms);
}

enum err sqlite_session_delete(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN])
{
    return run_hash(sqlite_of(b), STATEMENT_session_delete, hash, 0);
}

enum err sqlite_session_delete_others(struct backend *b, int64_t account_id, const uint8_t *except)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_session_delete_others, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, account_id);
    sqlite_bind_bytes(q, 2, except ? (const void *)except : "", except ? SESSION_HASH_LEN : 0);
    return sqlite_run(s, q);
}

enum err sqlite_session_prune(struct backend *b, int64_t created_before_ms, int64_t used_before_ms)
{
    return sqlite_run_with(sqlite_of(b), STATEMENT_session_prune,
                           (int64_t[]){created_before_ms, used_before_ms}, 2);
}

enum err sqlite_invitation_put(struct backend *b, const struct invitation *i)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_invitation_insert, &e);
    if (!q)
        return e;
    sqlite_bind_bytes(q, 1, i->hash, sizeof(i->hash));
    sqlite_bind_number(q, 2, i->account_id);
    sqlite_bind_number(q, 3, i->created_ms);
    sqlite_bind_number(q, 4, i->expires_ms);
    return sqlite_run(s, q);
}

enum err sqlite_invitation_get(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                               struct invitation *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_invitation_get, &e);
    if (!q)
        return e;
    sqlite_bind_bytes(q, 1, hash, SESSION_HASH_LEN);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    memcpy(ret->hash, hash, SESSION_HASH_LEN);
    ret->account_id = sqlite_number(q, 0);
    ret->created_ms = sqlite_number(q, 1);
    ret->expires_ms = sqlite_number(q, 2);
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_invitation_last(struct backend *b, int64_t account_id, int64_t *ret_expires_ms)
{
    int64_t ms = 0;
    enum err e = sqlite_first(sqlite_of(b), STATEMENT_invitation_last, &account_id, 1, &ms);
    if (!e || e == ERR_NOT_FOUND)
        *ret_expires_ms = ms;
    return e == ERR_NOT_FOUND ? ERR_NONE : e;
}

enum err sqlite_invitation_delete(struct backend *b, int64_t account_id)
{
    return sqlite_run_with(sqlite_of(b), STATEMENT_account_delete_invitation, &account_id, 1);
}
