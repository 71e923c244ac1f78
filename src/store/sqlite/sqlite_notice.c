/* Windows of the error notification: opened by the first error, counted up, sent once they are closed. */
#include "model/account.h"
#include "store/sqlite/sqlite.h"

#define TOPIC_MAX                                                                                            \
    160 /* reason and detail; longer ones (there are none) would share a window with similar ones */

/* Errors with the same topic share a window. */
static struct span topic_of(const struct notice *n, char out[TOPIC_MAX])
{
    if (n->kind != NOTICE_FAULT)
        return SPAN_LIT("");
    int len = snprintf(out, TOPIC_MAX, "%.*s %.*s", (int)n->reason.len, n->reason.ptr, (int)n->detail.len,
                       n->detail.ptr);
    return (struct span){out, len < 0 ? 0 : len < TOPIC_MAX ? (size_t)len : TOPIC_MAX - 1};
}

static enum err open_window(struct sqlite *s, const struct notice *n, struct span topic)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_notice_open, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, n->channel_id);
    sqlite_bind_number(q, 2, n->kind);
    sqlite_bind_span(q, 3, topic);
    sqlite_bind_span(q, 4, n->reason);
    sqlite_bind_span(q, 5, n->detail);
    sqlite_bind_number(q, 6, n->errors);
    sqlite_bind_number(q, 7, n->first_ms);
    sqlite_bind_number(q, 8, n->closes_ms);
    return sqlite_run(s, q);
}

enum err sqlite_notice_put(struct backend *b, const struct notice *n)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    char text[TOPIC_MAX];
    struct span topic = topic_of(n, text);
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_notice_add, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, n->channel_id);
    sqlite_bind_number(q, 2, n->kind);
    sqlite_bind_span(q, 3, topic);
    sqlite_bind_number(q, 4, n->first_ms);
    /* a window that closes later was opened before the clock was set back */
    sqlite_bind_number(q, 5, n->closes_ms);
    sqlite_bind_number(q, 6, n->errors);
    e = sqlite_run(s, q);
    return e || sqlite3_changes(s->db) ? e : open_window(s, n, topic);
}

enum err sqlite_notice_result(struct backend *b, const struct attempt *a, int64_t wall_ms)
{
    if (!a->notice_ms)
        return ERR_NONE;
    struct notice n = {.channel_id = a->channel_id,
                       .kind = NOTICE_FAULT,
                       .reason = a->reason,
                       .detail = a->detail,
                       .errors = 1,
                       .first_ms = wall_ms,
                       .closes_ms = wall_ms + a->notice_ms};
    enum err e = sqlite_notice_put(b, &n);
    if (e || !a->stopped)
        return e;
    n.kind = NOTICE_STOPPED;
    n.errors = a->stopped;
    return sqlite_notice_put(b, &n);
}

/* Windows that close after `after` and by `until`; *limit: how many more may be given. */
static enum err list_due(struct sqlite *s, int64_t after, int64_t until, uint32_t *limit, notice_row_fn *fn,
                         void *arg)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_notice_due, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, after);
    sqlite_bind_number(q, 2, until);
    sqlite_bind_number(q, 3, *limit);
    while (sqlite_next(s, q, &e)) {
        const struct notice n = {
            .id = sqlite_number(q, 0),
            .channel_id = sqlite_number(q, 1),
            .kind = (enum notice_kind)sqlite_number(q, 2),
            .reason = sqlite_span(q, 3),
            .detail = sqlite_span(q, 4),
            .errors = sqlite_number(q, 5),
            .first_ms = sqlite_number(q, 6),
            .closes_ms = sqlite_number(q, 7),
        };
        --*limit;
        e = fn(arg, &n);
    }
    return e;
}

enum err sqlite_notice_due(struct backend *b, int64_t wall_ms, uint32_t limit, notice_row_fn *fn, void *arg)
{
    enum err e = list_due(sqlite_of(b), INT64_MIN, wall_ms, &limit, fn, arg);
    if (!e && limit) /* one that closes in a day or later was opened before the clock was set back */
        e = list_due(sqlite_of(b), wall_ms + NOTICE_WINDOW_MAX_MS, INT64_MAX, &limit, fn, arg);
    return e;
}

static enum err run_by_id(struct sqlite *s, enum statement id, int64_t row)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, row);
    return sqlite_run(s, q);
}

enum err sqlite_notice_end(struct backend *b, int64_t id)
{
    return run_by_id(sqlite_of(b), STATEMENT_notice_end, id);
}

enum err sqlite_notice_defer(struct backend *b, const struct notice *n, int64_t closes_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_notice_merge, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, n->id);
    sqlite_bind_number(q, 2, n->errors);
    sqlite_bind_number(q, 3, n->first_ms);
    e = sqlite_run(s, q);
    if (e || sqlite3_changes(s->db))
        return e ? e : sqlite_notice_end(b, n->id);
    q = sqlite_statement(s, STATEMENT_notice_defer, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, n->id);
    sqlite_bind_number(q, 2, closes_ms);
    return sqlite_run(s, q);
}

enum err sqlite_notice_people(struct backend *b, int64_t channel_id, notice_person_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_notice_people, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_number(q, 2, GRANT_ADMIN);
    while (sqlite_next(s, q, &e)) {
        e = fn(arg, sqlite_span(q, 0));
    }
    return e;
}

enum err sqlite_notice_day_get(struct backend *b, int64_t channel_id, int64_t day, uint32_t *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_notice_day_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, channel_id);
    sqlite_bind_number(q, 2, day);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e)
        return e;
    *ret = row ? (uint32_t)sqlite_number(q, 0) : 0;
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_notice_day_add(struct backend *b, int64_t channel_id, int64_t day)
{
    static const enum statement steps[] = {STATEMENT_notice_day_add, STATEMENT_notice_day_forget};
    struct sqlite *s = sqlite_of(b);
    for (size_t i = 0; i < 2; i++) {
        enum err e = ERR_NONE;
        sqlite3_stmt *q = sqlite_statement(s, steps[i], &e);
        if (!q)
            return e;
        sqlite_bind_number(q, 1, channel_id);
        sqlite_bind_number(q, 2, day);
        e = sqlite_run(s, q);
        if (e)
            return e;
    }
    return ERR_NONE;
}
