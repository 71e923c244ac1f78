/* The audit log: lines are only added, and deleted by age. */
#include "store/sqlite/sqlite.h"

enum err sqlite_audit_insert(struct backend *b, const struct audit_entry *a)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_audit_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, a->at_ms);
    sqlite_bind_number(q, 2, a->account_id);
    sqlite_bind_span(q, 3, a->who);
    sqlite_bind_span(q, 4, a->peer);
    sqlite_bind_span(q, 5, a->action);
    sqlite_bind_span(q, 6, a->target);
    sqlite_bind_number(q, 7, a->channel_id);
    sqlite_bind_span(q, 8, a->details);
    return sqlite_run(s, q);
}

enum err sqlite_audit_list(struct backend *b, int64_t channel_id, int64_t before, uint32_t limit,
                           audit_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q =
        sqlite_statement(s, channel_id ? STATEMENT_audit_list_channel : STATEMENT_audit_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, before);
    sqlite_bind_number(q, 2, limit);
    if (channel_id)
        sqlite_bind_number(q, 3, channel_id);
    while (sqlite_next(s, q, &e)) {
        struct audit_entry a = {.id = sqlite_number(q, 0),
                                .at_ms = sqlite_number(q, 1),
                                .account_id = sqlite_number(q, 2),
                                .who = sqlite_span(q, 3),
                                .peer = sqlite_span(q, 4),
                                .action = sqlite_span(q, 5),
                                .target = sqlite_span(q, 6),
                                .channel_id = sqlite_number(q, 7),
                                .details = sqlite_span(q, 8)};
        e = fn(arg, &a);
    }
    return e;
}

enum err sqlite_audit_prune(struct backend *b, int64_t before_ms, int64_t ahead_ms, uint32_t limit,
                            uint32_t *ret_count)
{
    struct sqlite *s = sqlite_of(b);
    int64_t newest = 0;
    enum err e = sqlite_first(s, STATEMENT_audit_oldest, (int64_t[]){before_ms, limit, ahead_ms}, 3, &newest);
    if (e || !newest) {
        *ret_count = 0;
        return e;
    }
    e = sqlite_run_with(s, STATEMENT_audit_prune, (int64_t[]){newest, limit}, 2);
    if (!e)
        *ret_count = (uint32_t)sqlite3_changes(s->db);
    return e;
}
