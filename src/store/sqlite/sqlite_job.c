/* Jobs, what their messages came to in sums, and which targets they have used. */
#include "store/sqlite/sqlite.h"

enum err sqlite_job_insert(struct backend *b, struct job *j)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_job_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, j->provider_id);
    sqlite_bind_number(q, 2, j->campaign_id);
    sqlite_bind_number(q, 3, j->sender_id);
    sqlite_bind_number(q, 4, j->medium);
    sqlite_bind_span(q, 5, j->campaign_name);
    sqlite_bind_span(q, 6, j->short_id);
    sqlite_bind_number(q, 7, j->state);
    sqlite_bind_span(q, 8, j->reason);
    sqlite_bind_span(q, 9, j->reason_text);
    (void)sqlite3_bind_double(q, 10, j->per_second);
    sqlite_bind_number(q, 11, j->dedupe);
    sqlite_bind_number(q, 12, j->at_ms);
    sqlite_bind_span(q, 13, j->repeat);
    const int64_t numbers[] = {j->parent_id,  j->gathered,   j->position, j->total,
                               j->claimed,    j->settled,    j->ended,    j->claimed_ms,
                               j->created_ms, j->started_ms, j->ended_ms};
    for (int i = 0; i < (int)(sizeof(numbers) / sizeof(numbers[0])); i++)
        sqlite_bind_number(q, 14 + i, numbers[i]);
    e = sqlite_run(s, q);
    if (e)
        return e;
    int64_t id = sqlite3_last_insert_rowid(s->db);
    q = sqlite_statement(s, STATEMENT_job_content_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    sqlite_bind_span(q, 2, j->content);
    sqlite_bind_span(q, 3, j->variables);
    sqlite_bind_span(q, 4, j->stop_when);
    sqlite_bind_span(q, 5, j->audience);
    sqlite_bind_span(q, 6, j->nonce);
    e = sqlite_run(s, q);
    if (!e)
        j->id = id;
    return e;
}

enum err sqlite_job_update(struct backend *b, const struct job *j)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_job_update, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, j->id);
    sqlite_bind_number(q, 2, j->state);
    sqlite_bind_span(q, 3, j->reason);
    sqlite_bind_span(q, 4, j->reason_text);
    const int64_t numbers[] = {j->at_ms,   j->gathered, j->position,   j->total,      j->claimed,
                               j->settled, j->ended,    j->claimed_ms, j->started_ms, j->ended_ms};
    for (int i = 0; i < (int)(sizeof(numbers) / sizeof(numbers[0])); i++)
        sqlite_bind_number(q, 5 + i, numbers[i]);
    e = sqlite_run(s, q);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

static struct job row_of(sqlite3_stmt *q)
{
    return (struct job){
        .id = sqlite_number(q, 0),
        .provider_id = sqlite_number(q, 1),
        .campaign_id = sqlite_number(q, 2),
        .sender_id = sqlite_number(q, 3),
        .medium = (enum medium)sqlite_number(q, 4),
        .campaign_name = sqlite_span(q, 5),
        .short_id = sqlite_span(q, 6),
        .state = (enum job_state)sqlite_number(q, 7),
        .reason = sqlite_span(q, 8),
        .reason_text = sqlite_span(q, 9),
        .per_second = sqlite3_column_double(q, 10),
        .dedupe = sqlite_number(q, 11) != 0,
        .at_ms = sqlite_number(q, 12),
        .repeat = sqlite_span(q, 13),
        .parent_id = sqlite_number(q, 14),
        .gathered = sqlite_number(q, 15) != 0,
        .position = sqlite_number(q, 16),
        .total = sqlite_number(q, 17),
        .claimed = sqlite_number(q, 18),
        .settled = sqlite_number(q, 19),
        .ended = sqlite_number(q, 20),
        .claimed_ms = sqlite_number(q, 21),
        .created_ms = sqlite_number(q, 22),
        .started_ms = sqlite_number(q, 23),
        .ended_ms = sqlite_number(q, 24),
    };
}

static enum err rows(struct sqlite *s, sqlite3_stmt *q, job_row_fn *fn, void *arg)
{
    enum err e = ERR_NONE;
    while (sqlite_next(s, q, &e)) {
        const struct job j = row_of(q);
        e = fn(arg, &j);
    }
    return e;
}

enum err sqlite_job_get(struct backend *b, int64_t provider_id, int64_t id, job_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_job_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    struct job j = row_of(q);
    j.content = sqlite_span(q, 25);
    j.variables = sqlite_span(q, 26);
    j.stop_when = sqlite_span(q, 27);
    j.audience = sqlite_span(q, 28);
    j.nonce = sqlite_span(q, 29);
    e = fn(arg, &j);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_job_peek(struct backend *b, int64_t id, job_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_job_peek, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    const struct job j = row_of(q);
    e = fn(arg, &j);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_job_list(struct backend *b, int64_t provider_id, int64_t campaign_id, int64_t before,
                         uint32_t limit, job_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_job_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, before);
    sqlite_bind_number(q, 3, limit);
    sqlite_bind_number(q, 4, campaign_id);
    return rows(s, q, fn, arg);
}

enum err sqlite_job_due(struct backend *b, int64_t now_ms, int64_t *ret_id)
{
    return sqlite_first(sqlite_of(b), STATEMENT_job_due, &now_ms, 1, ret_id);
}

enum err sqlite_job_open_list(struct backend *b, int64_t after, uint32_t limit, job_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_job_open_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, after);
    sqlite_bind_number(q, 2, limit);
    return rows(s, q, fn, arg);
}

enum err sqlite_job_open_count(struct backend *b, int64_t provider_id, int64_t sender_id, int64_t campaign_id,
                               uint64_t *ret)
{
    const int64_t key[] = {provider_id, sender_id, campaign_id};
    int64_t n = 0;
    enum err e = sqlite_first(sqlite_of(b), STATEMENT_job_open_count, key, 3, &n);
    if (!e)
        *ret = (uint64_t)n;
    return e;
}

enum err sqlite_target_take(struct backend *b, int64_t job_id, const uint8_t hash[static 16], int64_t n,
                            int64_t *ret_n)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_target_take, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, job_id);
    sqlite_bind_bytes(q, 2, hash, 16);
    sqlite_bind_number(q, 3, n);
    e = sqlite_run(s, q);
    if (e || sqlite3_changes(s->db) > 0) {
        *ret_n = n;
        return e;
    }
    q = sqlite_statement(s, STATEMENT_target_first, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, job_id);
    sqlite_bind_bytes(q, 2, hash, 16);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    *ret_n = sqlite_number(q, 0);
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_target_prune(struct backend *b, int64_t job_id, uint32_t limit, uint32_t *ret_count)
{
    struct sqlite *s = sqlite_of(b);
    const int64_t key[] = {job_id, limit};
    enum err e = sqlite_run_with(s, STATEMENT_target_prune, key, 2);
    if (!e)
        *ret_count = (uint32_t)sqlite3_changes(s->db);
    return e;
}

enum err sqlite_count_add(struct backend *b, int64_t job_id, const struct job_count *c)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_count_add, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, job_id);
    sqlite_bind_number(q, 2, c->state);
    sqlite_bind_span(q, 3, c->error);
    sqlite_bind_span(q, 4, c->text);
    sqlite_bind_span(q, 5, c->judged);
    sqlite_bind_number(q, 6, c->count);
    return sqlite_run(s, q);
}

enum err sqlite_count_list(struct backend *b, int64_t job_id, job_count_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_count_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, job_id);
    while (sqlite_next(s, q, &e)) {
        const struct job_count c = {.state = (enum message_state)sqlite_number(q, 0),
                                    .error = sqlite_span(q, 1),
                                    .text = sqlite_span(q, 2),
                                    .judged = sqlite_span(q, 3),
                                    .count = sqlite_number(q, 4)};
        e = fn(arg, &c);
    }
    return e;
}

enum err sqlite_job_prune(struct backend *b, int64_t before_ms, uint32_t limit, uint32_t *ret_count)
{
    struct sqlite *s = sqlite_of(b);
    int64_t id;
    enum err e = sqlite_first(s, STATEMENT_job_old, &before_ms, 1, &id);
    *ret_count = 0;
    if (e)
        return e == ERR_NOT_FOUND ? ERR_NONE : e;
    const int64_t key[] = {id, limit};
    e = sqlite_run_with(s, STATEMENT_message_prune, key, 2);
    uint32_t n = e ? 0 : (uint32_t)sqlite3_changes(s->db);
    if (!e && n == 0) {
        n = limit; /* there may be more jobs */
        if (!(e = sqlite_run_with(s, STATEMENT_count_delete, &id, 1)) &&
            !(e = sqlite_run_with(s, STATEMENT_job_content_delete, &id, 1)))
            e = sqlite_run_with(s, STATEMENT_job_delete, &id, 1);
    }
    if (!e)
        *ret_count = n;
    return e;
}
