/*
 * What is left of providers, lists and users that are gone. Nobody can reach it any more, and it goes bit by
 * bit, because a million rows at once would hold up every commit meanwhile.
 */
#include "store/sqlite/sqlite.h"

enum gone { GONE_PROVIDER, GONE_LIST, GONE_USER };

enum err sqlite_audience_delete(struct sqlite *s, int64_t provider_id)
{
    static const enum statement small[] = {
        STATEMENT_audience_delete_count,   STATEMENT_audience_prune_lists,
        STATEMENT_audience_delete_lists,   STATEMENT_audience_delete_refusals,
        STATEMENT_audience_delete_imports,
    };
    enum err e = sqlite_user_settle(s);
    s->people.provider = 0;
    if (!e)
        e = sqlite_run_with(s, STATEMENT_audience_gone_put, (int64_t[]){GONE_PROVIDER, provider_id}, 2);
    for (size_t i = 0; i < sizeof(small) / sizeof(*small) && !e; i++)
        e = sqlite_run_with(s, small[i], &provider_id, 1);
    return e;
}

/* Users with their targets. */
static enum err prune_provider(struct sqlite *s, int64_t id, uint32_t limit, uint32_t *ret_count)
{
    int64_t last = 0;
    enum err e = sqlite_first(s, STATEMENT_audience_gone_user, (int64_t[]){id, limit}, 2, &last);
    if (e || !last)
        return e;
    e = sqlite_run_with(s, STATEMENT_audience_prune_targets, (int64_t[]){id, last}, 2);
    if (!e)
        e = sqlite_run_with(s, STATEMENT_audience_prune_users, (int64_t[]){id, last}, 2);
    if (!e)
        *ret_count = (uint32_t)sqlite3_changes(s->db);
    return e;
}

static enum err prune_one(struct sqlite *s, enum gone what, int64_t id, uint32_t limit, uint32_t *ret_count)
{
    if (what == GONE_PROVIDER)
        return prune_provider(s, id, limit, ret_count);
    enum err e =
        sqlite_run_with(s, what == GONE_LIST ? STATEMENT_audience_prune_list : STATEMENT_user_forget_messages,
                        (int64_t[]){id, limit}, 2);
    if (!e)
        *ret_count = (uint32_t)sqlite3_changes(s->db);
    return e;
}

/* *ret_row: whether there is any. */
static enum err first_gone(struct sqlite *s, enum gone *ret_what, int64_t *ret_id, bool *ret_row)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_audience_gone_first, &e);
    if (!q || (e = sqlite_row(s, q, ret_row)) || !*ret_row)
        return e;
    *ret_what = (enum gone)sqlite_number(q, 0);
    *ret_id = sqlite_number(q, 1);
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_audience_prune(struct backend *b, uint32_t limit, uint32_t *ret_count)
{
    struct sqlite *s = sqlite_of(b);
    uint32_t count = 0;
    enum err e = ERR_NONE;
    for (bool row = true; !e && row && count < limit;) {
        enum gone what = GONE_PROVIDER;
        int64_t id = 0;
        uint32_t n = 0, room = limit - count;
        e = first_gone(s, &what, &id, &row);
        if (e || !row)
            break;
        e = prune_one(s, what, id, room, &n);
        if (!e && n < room)
            e = sqlite_run_with(s, STATEMENT_audience_gone_delete, (int64_t[]){(int64_t)what, id}, 2);
        count += n;
    }
    if (!e)
        *ret_count = count;
    return e;
}
