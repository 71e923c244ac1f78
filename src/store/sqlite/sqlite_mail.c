/* The outbox: one row per recipient; the text is stored once for all recipients of the same mail. */
#include "store/sqlite/sqlite.h"

static enum err insert_content(struct sqlite *s, const struct mail_draft *d, int64_t *ret_id)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mail_content_insert, &e);
    if (!q)
        return e;
    sqlite_bind_span(q, 1, d->text);
    sqlite_bind_span(q, 2, d->html);
    e = sqlite_run(s, q);
    if (!e)
        *ret_id = sqlite3_last_insert_rowid(s->db);
    return e;
}

enum err sqlite_mail_insert(struct backend *b, const struct mail_draft *d, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    int64_t content = 0;
    enum err e = insert_content(s, d, &content);
    for (uint32_t i = 0; !e && i < d->count; i++) {
        sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mail_insert, &e);
        if (!q)
            return e;
        sqlite_bind_number(q, 1, content);
        sqlite_bind_number(q, 2, d->channel_id);
        sqlite_bind_span(q, 3, d->recipients[i]);
        sqlite_bind_span(q, 4, d->subject);
        sqlite_bind_number(q, 5, wall_ms);
        e = sqlite_run(s, q);
    }
    return e;
}

static enum err give_rows(struct sqlite *s, sqlite3_stmt *q, mail_row_fn *fn, void *arg)
{
    enum err e = ERR_NONE;
    while (sqlite_next(s, q, &e)) {
        const struct mail m = {
            .id = sqlite_number(q, 0),
            .channel_id = sqlite_number(q, 1),
            .state = (enum mail_state)sqlite_number(q, 2),
            .tries = (uint32_t)sqlite_number(q, 3),
            .next_ms = sqlite_number(q, 4),
            .created_ms = sqlite_number(q, 5),
            .recipient = sqlite_span(q, 6),
            .subject = sqlite_span(q, 7),
            .last_error = sqlite_span(q, 8),
            .text = sqlite_span(q, 9),
            .html = sqlite_span(q, 10),
        };
        e = fn(arg, &m);
    }
    return e;
}

enum err sqlite_mail_due(struct backend *b, int64_t wall_ms, uint32_t limit, mail_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mail_due, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, wall_ms);
    sqlite_bind_number(q, 2, limit);
    return give_rows(s, q, fn, arg);
}

enum err sqlite_mail_list(struct backend *b, unsigned states, int64_t before, uint32_t limit, mail_row_fn *fn,
                          void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mail_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, before);
    sqlite_bind_number(q, 2, states);
    sqlite_bind_number(q, 3, limit);
    return give_rows(s, q, fn, arg);
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

enum err sqlite_mail_tried(struct backend *b, const struct mail *m)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mail_tried, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, m->id);
    sqlite_bind_number(q, 2, m->state);
    sqlite_bind_number(q, 3, m->tries);
    sqlite_bind_number(q, 4, m->next_ms);
    sqlite_bind_span(q, 5, m->last_error);
    e = sqlite_run(s, q);
    /* The last recipient has it: the text is no longer needed. */
    bool ended = m->state == MAIL_SENT || m->state == MAIL_WRITTEN;
    return e || !ended ? e : run_by_id(s, STATEMENT_mail_content_forget, m->id);
}

enum err sqlite_mail_retry(struct backend *b, int64_t id, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mail_state, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    bool failed = sqlite_number(q, 0) == MAIL_FAILED;
    (void)sqlite3_reset(q);
    if (!failed)
        return ERR_CONFLICT;
    q = sqlite_statement(s, STATEMENT_mail_retry, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_number(q, 2, wall_ms);
    return sqlite_run(s, q);
}

#define PRUNE_MAX 256u

/* Deletes mails of one state that ended earlier. */
static enum err prune_state(struct sqlite *s, enum mail_state state, int64_t before_ms, uint32_t limit,
                            uint32_t *ret_count)
{
    int64_t ids[PRUNE_MAX], contents[PRUNE_MAX];
    uint32_t n = 0;
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mail_old, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, state);
    sqlite_bind_number(q, 2, before_ms);
    sqlite_bind_number(q, 3, limit < PRUNE_MAX ? limit : PRUNE_MAX);
    while (sqlite_next(s, q, &e)) {
        ids[n] = sqlite_number(q, 0);
        contents[n++] = sqlite_number(q, 1);
    }
    for (uint32_t i = 0; !e && i < n; i++) {
        e = run_by_id(s, STATEMENT_mail_delete, ids[i]);
        if (!e)
            e = run_by_id(s, STATEMENT_mail_content_orphan, contents[i]);
    }
    *ret_count = n;
    return e;
}

enum err sqlite_mail_prune(struct backend *b, int64_t sent_ms, int64_t failed_ms, uint32_t limit,
                           uint32_t *ret_count)
{
    uint32_t sent = 0, written = 0, failed = 0;
    enum err e = prune_state(sqlite_of(b), MAIL_SENT, sent_ms, limit, &sent);
    if (!e)
        e = prune_state(sqlite_of(b), MAIL_WRITTEN, sent_ms, limit, &written);
    if (!e)
        e = prune_state(sqlite_of(b), MAIL_FAILED, failed_ms, limit, &failed);
    if (!e)
        *ret_count = sent + written + failed;
    return e;
}

enum err sqlite_mail_count(struct backend *b, struct mail_counts *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mail_count, &e);
    if (!q)
        return e;
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_INTERNAL;
    *ret = (struct mail_counts){(uint64_t)sqlite_number(q, 0), (uint64_t)sqlite_number(q, 1),
                                sqlite_number(q, 2)};
    (void)sqlite3_reset(q);
    return ERR_NONE;
}
