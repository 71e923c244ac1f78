#include "store/sqlite/sqlite.h"

/* schedule: room that lives until the statement has run. */
static void bind_channel(sqlite3_stmt *q, const struct channel *c,
                         char schedule[static CHANNEL_SCHEDULE_TEXT])
{
    sqlite_bind_span(q, 1, span_of(c->name));
    sqlite_bind_span(q, 2, span_of(c->bot_user_id));
    sqlite_bind_number(q, 3, c->use_webhook);
    sqlite_bind_number(q, 4, c->webhook_redelivery);
    sqlite_bind_number(q, 5, c->error_statistics);
    sqlite_bind_span(q, 6, span_of(c->contact_email));
    sqlite_bind_span(q, 7, span_of(c->language));
    sqlite_bind_number(q, 8, c->response_timeout_ms);
    sqlite_bind_number(q, 9, c->max_events);
    sqlite_bind_number(q, 10, c->suspended_ms);
    sqlite_bind_number(q, 11, c->created_ms);
    sqlite_bind_number(q, 12, c->updated_ms);
    sqlite_bind_number(q, 13, c->failing_ms);
    sqlite_bind_number(q, 14, c->error_notification);
    sqlite_bind_number(q, 15, c->provider_id);
    size_t len = channel_schedule_text(c, schedule);
    sqlite_bind_span(q, 16, (struct span){schedule, len});
}

static enum err read_channel(struct sqlite *s, sqlite3_stmt *q, struct channel *c)
{
    *c = (struct channel){.id = sqlite_number(q, 0)};
    sqlite_text(q, 1, c->name, sizeof(c->name));
    sqlite_text(q, 2, c->bot_user_id, sizeof(c->bot_user_id));
    c->previous_until_ms = sqlite_number(q, 5);
    c->use_webhook = sqlite_number(q, 7);
    c->webhook_redelivery = sqlite_number(q, 8);
    c->error_statistics = sqlite_number(q, 9);
    sqlite_text(q, 10, c->contact_email, sizeof(c->contact_email));
    sqlite_text(q, 11, c->language, sizeof(c->language));
    c->response_timeout_ms = (uint32_t)sqlite_number(q, 12);
    c->max_events = (uint32_t)sqlite_number(q, 13);
    c->suspended_ms = sqlite_number(q, 14);
    c->created_ms = sqlite_number(q, 15);
    c->updated_ms = sqlite_number(q, 16);
    c->failing_ms = sqlite_number(q, 17);
    c->error_notification = sqlite_number(q, 18);
    c->provider_id = sqlite_number(q, 19);
    if (channel_schedule_parse(sqlite_span(q, 20), c))
        return ERR_INTERNAL;
    return sqlite_secret_read(s, q, 3, 4, 6, c);
}

enum err sqlite_channel_insert(struct backend *b, struct channel *c)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_channel_insert, &e);
    if (!q)
        return e;
    char schedule[CHANNEL_SCHEDULE_TEXT];
    bind_channel(q, c, schedule);
    e = sqlite_run(s, q);
    if (e)
        return e;
    c->id = sqlite3_last_insert_rowid(s->db);
    return sqlite_secret_put(s, c); /* which is sealed for this id */
}

enum err sqlite_channel_update(struct backend *b, const struct channel *c)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_channel_update, &e);
    if (!q)
        return e;
    char schedule[CHANNEL_SCHEDULE_TEXT];
    bind_channel(q, c, schedule);
    sqlite_bind_number(q, 17, c->id);
    e = sqlite_run(s, q);
    if (!e && sqlite3_changes(s->db) == 0)
        e = ERR_NOT_FOUND;
    return e ? e : sqlite_secret_put(s, c);
}

enum err sqlite_channel_is(struct sqlite *s, int64_t id)
{
    int64_t *slot = &s->channels[(uint64_t)id % CHANNELS_KNOWN], row;
    if (id && *slot == id)
        return ERR_NONE;
    enum err e = sqlite_first(s, STATEMENT_channel_has, &id, 1, &row);
    if (!e)
        *slot = id;
    return e;
}

void sqlite_channel_forget(struct sqlite *s)
{
    memset(s->channels, 0, sizeof(s->channels));
}

enum err sqlite_channel_delete(struct backend *b, int64_t id)
{
    static const enum statement steps[] = {STATEMENT_channel_delete_token, STATEMENT_channel_delete_roles,
                                           STATEMENT_gone_insert};
    struct sqlite *s = sqlite_of(b);
    enum err e = sqlite_tail_load(s);
    if (!e)
        e = sqlite_run_with(s, STATEMENT_channel_delete, &id, 1);
    if (!e && sqlite3_changes(s->db) == 0)
        return ERR_NOT_FOUND;
    for (size_t i = 0; !e && i < sizeof(steps) / sizeof(steps[0]); i++)
        e = sqlite_run_with(s, steps[i], &id, 1);
    if (!e)
        sqlite_tail_drop(s, id);
    sqlite_channel_forget(s);
    return e;
}

enum err sqlite_channel_prune(struct backend *b, uint32_t limit, uint32_t *ret_count)
{
    static const enum statement tables[] = {STATEMENT_gone_queue, STATEMENT_gone_retry,
                                            STATEMENT_gone_idempotency, STATEMENT_gone_error_minute,
                                            STATEMENT_gone_error_row};
    struct sqlite *s = sqlite_of(b);
    uint32_t left = limit;
    int64_t id = 0;
    enum err e = ERR_NONE;
    while (left && !(e = sqlite_first(s, STATEMENT_gone_first, NULL, 0, &id))) {
        for (size_t i = 0; !e && left && i < sizeof(tables) / sizeof(tables[0]); i++) {
            e = sqlite_run_with(s, tables[i], (int64_t[]){id, left}, 2);
            left -= e ? 0 : (uint32_t)sqlite3_changes(s->db);
        }
        if (!e && left) /* nothing of it is left: no result on its way can put anything off again */
            e = sqlite_run_with(s, STATEMENT_gone_delete, &id, 1);
        if (e)
            return e;
    }
    if (e && e != ERR_NOT_FOUND)
        return e;
    *ret_count = limit - left;
    return ERR_NONE;
}

enum err sqlite_channel_list(struct backend *b, int64_t after, uint32_t limit, channel_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_channel_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, after);
    sqlite_bind_number(q, 2, limit);
    bool row;
    while (!(e = sqlite_row(s, q, &row)) && row) {
        struct channel c;
        e = read_channel(s, q, &c);
        if (!e)
            e = fn(arg, &c);
        if (e) {
            (void)sqlite3_reset(q);
            return e;
        }
    }
    return e;
}

static enum err take_channel(void *arg, const struct channel *c)
{
    *(struct channel *)arg = *c;
    return ERR_NONE;
}

enum err sqlite_channel_get(struct backend *b, int64_t id, struct channel *ret)
{
    struct channel c = {0};
    enum err e = sqlite_channel_list(b, id - 1, 1, take_channel, &c);
    if (e)
        return e;
    if (c.id != id || id <= 0)
        return ERR_NOT_FOUND;
    *ret = c;
    return ERR_NONE;
}

enum err sqlite_channel_find(struct backend *b, const struct channel_filter *f, channel_grant_fn *fn,
                             void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q =
        sqlite_statement(s, f->account_id ? STATEMENT_channel_find_mine : STATEMENT_channel_find, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, f->after);
    sqlite_bind_number(q, 2, f->limit);
    sqlite_bind_number(q, 3, f->provider_id);
    sqlite_bind_span(q, 4, f->text);
    if (f->account_id)
        sqlite_bind_number(q, 5, f->account_id);
    bool row;
    while (!(e = sqlite_row(s, q, &row)) && row) {
        struct channel c;
        e = read_channel(s, q, &c);
        if (!e)
            e = fn(arg, &c, (enum grant)sqlite_number(q, sqlite3_column_count(q) - 1));
        if (e) {
            (void)sqlite3_reset(q);
            return e;
        }
    }
    return e;
}
