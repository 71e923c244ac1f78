#include "store/sqlite/sqlite.h"

#define CHANNEL_LEAD_PARAMETER 1 /* CHANNEL_KEPT_LEAD is first; the columns follow in order */

#define SEALED_COLUMN 0
#define SEALED_LEAD 0
#define SEALED_SEALED 1
#define SEALED(member, type, kept, ...) +SEALED_##kept
_Static_assert(0 CHANNEL_FIELDS(SEALED) == 3, "sqlite_seal.c knows secret, previous_secret and webhook_url");
#define SCHEDULES(member, ...)                                                                               \
    +_Generic(((struct channel *)NULL)->member, struct channel_schedule : 1, default : 0)
_Static_assert(0 CHANNEL_FIELDS(SCHEDULES) == 1, "bind_channel() has room for the text of one");

/* Returns the number of parameters. schedule: buffer that must live until the statement has run. */
static int bind_channel(sqlite3_stmt *q, const struct channel *c, char schedule[static CHANNEL_SCHEDULE_TEXT])
{
    int last = CHANNEL_LEAD_PARAMETER;
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++) {
        const struct channel_field *f = &channel_fields[i];
        if (f->kept == CHANNEL_KEPT_SEALED)
            continue;
        int at = f->kept == CHANNEL_KEPT_LEAD ? CHANNEL_LEAD_PARAMETER : ++last;
        switch (f->shape) {
        case CHANNEL_CHARS:
            sqlite_bind_span(q, at, span_of(channel_field_text(c, f)));
            break;
        case CHANNEL_LIST:
            sqlite_bind_span(
                q, at,
                (struct span){schedule, channel_schedule_text(channel_field_schedule(c, f), schedule)});
            break;
        case CHANNEL_BOOL:
        case CHANNEL_UINT32:
        case CHANNEL_INT64:
            sqlite_bind_number(q, at, channel_field_number(c, f));
            break;
        }
    }
    return last;
}

/* Column of a field in CHANNEL_COLUMNS, after the id. */
static int column_of(size_t field)
{
    return (int)field + 1;
}

static enum err read_channel(struct sqlite *s, sqlite3_stmt *q, struct channel *c)
{
    *c = (struct channel){.id = sqlite_number(q, 0)};
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++) {
        const struct channel_field *f = &channel_fields[i];
        if (f->kept == CHANNEL_KEPT_SEALED)
            continue;
        switch (f->shape) {
        case CHANNEL_CHARS:
            sqlite_text(q, column_of(i), channel_field_room(c, f), f->size);
            break;
        case CHANNEL_LIST:
            if (channel_schedule_parse(sqlite_span(q, column_of(i)), channel_field_room(c, f)))
                return ERR_INTERNAL;
            break;
        case CHANNEL_BOOL:
        case CHANNEL_UINT32:
        case CHANNEL_INT64:
            channel_field_set_number(c, f, sqlite_number(q, column_of(i)));
            break;
        }
    }
    return sqlite_secret_read(s, q, column_of(CHANNEL_secret), column_of(CHANNEL_previous_secret),
                              column_of(CHANNEL_webhook_url), c);
}

enum err sqlite_channel_insert(struct backend *b, struct channel *c)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_channel_insert, &e);
    if (!q)
        return e;
    char schedule[CHANNEL_SCHEDULE_TEXT];
    (void)bind_channel(q, c, schedule);
    e = sqlite_run(s, q);
    if (e)
        return e;
    c->id = sqlite3_last_insert_rowid(s->db);
    return sqlite_secret_put(s, c); /* needs the id, for which the secret is sealed */
}

enum err sqlite_channel_update(struct backend *b, const struct channel *c)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_channel_update, &e);
    if (!q)
        return e;
    char schedule[CHANNEL_SCHEDULE_TEXT];
    sqlite_bind_number(q, bind_channel(q, c, schedule) + 1, c->id);
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
        if (!e && left) /* nothing of it remains: no late result can postpone anything */
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
    while (sqlite_next(s, q, &e)) {
        struct channel c;
        e = read_channel(s, q, &c);
        if (!e)
            e = fn(arg, &c);
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
    while (sqlite_next(s, q, &e)) {
        struct channel c;
        e = read_channel(s, q, &c);
        if (!e)
            e = fn(arg, &c, (enum grant)sqlite_number(q, sqlite3_column_count(q) - 1));
    }
    return e;
}
