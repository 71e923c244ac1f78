/*
 * The users of providers. Their numbers are kept back some at a time, and how many there are is written once
 * a commit: a bulk import would else write the same two rows for every user.
 */
#include "base/origin.h"
#include "model/attributes.h"
#include "store/sqlite/sqlite.h"

#define NUMBERS_KEPT 1024 /* kept back at once; those that are left when the process ends are never given */
#define FORGET_MAX 5000 /* messages that lose their name with the user, at once: some tens of milliseconds */

/* Above every number that was ever given, even where a damaged database has lost the row that says so. */
static enum err numbers_begin(struct sqlite *s, int64_t *ret)
{
    enum err e = sqlite_first(s, STATEMENT_audience_last, NULL, 0, ret);
    return e == ERR_NOT_FOUND ? sqlite_first(s, STATEMENT_audience_last_used, NULL, 0, ret) : e;
}

static enum err next_number(struct sqlite *s, int64_t *ret)
{
    struct people *p = &s->people;
    if (p->next == p->end) {
        int64_t last = 0;
        enum err e = numbers_begin(s, &last);
        int64_t end = last + NUMBERS_KEPT;
        if (!e)
            e = sqlite_run_with(s, STATEMENT_audience_last_put, &end, 1);
        if (e)
            return e;
        p->next = last;
        p->end = end;
    }
    *ret = ++p->next;
    return ERR_NONE;
}

enum err sqlite_user_settle(struct sqlite *s)
{
    struct people *p = &s->people;
    enum err e = ERR_NONE;
    if (p->count)
        e = sqlite_run_with(s, STATEMENT_audience_count_add, (int64_t[]){p->counted, p->count}, 2);
    p->counted = p->count = 0;
    return e;
}

void sqlite_user_forget(struct sqlite *s)
{
    struct people *p = &s->people;
    p->next = p->end = p->provider = p->counted = p->count = 0;
}

void sqlite_user_end(struct sqlite *s)
{
    buf_deinit(&s->people.attributes);
    buf_deinit(&s->people.text);
}

static enum err count(struct sqlite *s, int64_t provider_id, int64_t more)
{
    struct people *p = &s->people;
    enum err e = p->counted == provider_id ? ERR_NONE : sqlite_user_settle(s);
    p->counted = provider_id;
    p->count += more;
    return e;
}

static enum err provider_known(struct sqlite *s, int64_t provider_id)
{
    int64_t one;
    if (s->people.provider == provider_id)
        return ERR_NONE;
    enum err e = sqlite_first(s, STATEMENT_provider_has, &provider_id, 1, &one);
    if (!e)
        s->people.provider = provider_id;
    return e;
}

/* *ret_row: whether there is that user; then the statement stands on its row and has to be reset. */
static enum err look_up(struct sqlite *s, int64_t provider_id, struct span name, sqlite3_stmt **ret,
                        bool *ret_row)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_user_find, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_span(q, 2, name);
    *ret = q;
    return sqlite_row(s, q, ret_row);
}

/* A user on its way into the store. */
struct put {
    int64_t provider_id, id, wall_ms;
    bool new, attributes; /* attributes: they change */
    struct target_row rows[USER_TARGETS_ALL + USER_CHANGES_MAX];
    uint32_t count;
};

/* Works out the attributes the user will have, in people.attributes. old: empty of one that is new. */
static enum err merge(struct sqlite *s, struct put *p, const struct user_change *u, struct span old)
{
    struct buf *out = &s->people.attributes;
    enum err e = ERR_NONE;
    if (!out->max)
        buf_init(out, USER_ATTRIBUTES_MAX);
    buf_clear(out);
    if (u->attributes.len)
        e = attributes_merge(old, u->attributes, out);
    else if (!old.len)
        e = buf_add(out, "{}", 2);
    p->attributes = !old.len || (u->attributes.len && !span_eq(old, buf_span(out)));
    return e;
}

static enum err put_insert(struct sqlite *s, struct put *p, const struct user_change *u)
{
    enum err e = merge(s, p, u, SPAN_LIT(""));
    p->count = 0;
    if (!e)
        e = sqlite_target_apply(p->rows, &p->count, u, p->wall_ms);
    if (!e)
        e = next_number(s, &p->id);
    sqlite3_stmt *q = e ? NULL : sqlite_statement(s, STATEMENT_user_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, p->provider_id);
    sqlite_bind_number(q, 2, p->id);
    sqlite_bind_span(q, 3, u->name);
    sqlite_bind_span(q, 4, buf_span(&s->people.attributes));
    sqlite_bind_number(q, 5, p->wall_ms);
    e = sqlite_run(s, q);
    p->new = !e &&sqlite3_changes(s->db) > 0;
    if (!p->new)
        s->people.next--; /* the number was not used */
    return e || !p->new ? e : count(s, p->provider_id, 1);
}

/* ERR_NOT_FOUND: there is no such user. */
static enum err put_find(struct sqlite *s, struct put *p, const struct user_change *u)
{
    sqlite3_stmt *q = NULL;
    bool row = false;
    enum err e = look_up(s, p->provider_id, u->name, &q, &row);
    if (!row)
        return e ? e : ERR_NOT_FOUND;
    p->new = false;
    p->id = sqlite_number(q, 0);
    e = merge(s, p, u, sqlite_span(q, 2));
    (void)sqlite3_reset(q);
    p->count = 0;
    if (!e && u->target_count)
        e = sqlite_target_load(s, p->provider_id, p->id, p->rows, &p->count);
    return e ? e : sqlite_target_apply(p->rows, &p->count, u, p->wall_ms);
}

static enum err put_update(struct sqlite *s, const struct put *p)
{
    bool targets = false;
    for (uint32_t i = 0; i < p->count && !targets; i++)
        targets = p->rows[i].state != TARGET_SAME && p->rows[i].state != TARGET_NOTHING;
    if (!p->attributes)
        return targets ? sqlite_run_with(s, STATEMENT_user_touch,
                                         (int64_t[]){p->provider_id, p->id, p->wall_ms}, 3)
                       : ERR_NONE;
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_user_update, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, p->provider_id);
    sqlite_bind_number(q, 2, p->id);
    sqlite_bind_span(q, 3, buf_span(&s->people.attributes));
    sqlite_bind_number(q, 4, p->wall_ms);
    return sqlite_run(s, q);
}

/*
 * Pages of indexes by name and target are met in no order, and each commit writes those it touched: a cache
 * that holds them makes an import of a million twice as fast. Nodes without an audience do without.
 */
static enum err enlarge_cache(struct sqlite *s)
{
    if (s->people.cached)
        return ERR_NONE;
    s->people.cached = true;
    return sqlite_exec(s, "PRAGMA cache_size=-65536");
}

/*
 * Users come in runs of new or known ones. So what the last one was is tried first: a new one is not looked
 * for before it is written, which would cost a fifth.
 */
static enum err put_one(struct sqlite *s, struct put *p, const struct user_change *u)
{
    enum err e = s->people.found ? put_find(s, p, u) : ERR_NOT_FOUND;
    if (e == ERR_NOT_FOUND)
        e = put_insert(s, p, u);
    if (!e && !p->new && !s->people.found)
        e = put_find(s, p, u);
    s->people.found = !e && !p->new;
    return e || p->new ? e : put_update(s, p);
}

enum err sqlite_user_put(struct backend *b, int64_t provider_id, const struct user_change *u, int64_t wall_ms,
                         int64_t *ret_id, bool *ret_new)
{
    struct sqlite *s = sqlite_of(b);
    struct put p; /* not cleared: rows above count are not looked at */
    if (!u->name.len || u->name.len > USER_NAME_MAX)
        return ERR_INVALID;
    p.provider_id = provider_id;
    p.wall_ms = wall_ms;
    p.id = 0;
    p.new = false;
    enum err e = enlarge_cache(s);
    if (!e)
        e = provider_known(s, provider_id);
    if (!e)
        e = put_one(s, &p, u);
    if (!e)
        e = sqlite_target_save(s, provider_id, p.id, p.rows, p.count);
    if (e)
        return e;
    *ret_id = p.id;
    *ret_new = p.new;
    return ERR_NONE;
}

enum err sqlite_user_give(struct sqlite *s, int64_t provider_id, sqlite3_stmt *row, user_row_fn *fn,
                          void *arg)
{
    struct target_row rows[USER_TARGETS_ALL];
    struct target targets[USER_TARGETS_ALL];
    uint32_t n = 0;
    struct user u = {.id = sqlite_number(row, 0)};
    enum err e = sqlite_target_load(s, provider_id, u.id, rows, &n);
    if (e)
        return e;
    for (uint32_t i = 0; i < n; i++)
        targets[i] = rows[i].t;
    u.name = sqlite_span(row, 1);
    u.attributes = sqlite_span(row, 2);
    u.created_ms = sqlite_number(row, 3);
    u.updated_ms = sqlite_number(row, 4);
    u.targets = targets;
    u.target_count = n;
    return fn(arg, &u);
}

enum err sqlite_user_get(struct backend *b, int64_t provider_id, int64_t id, user_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    bool row = false;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_user_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, id);
    e = sqlite_row(s, q, &row);
    if (!row)
        return e ? e : ERR_NOT_FOUND;
    e = sqlite_user_give(s, provider_id, q, fn, arg);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_user_find(struct backend *b, int64_t provider_id, struct span name, user_row_fn *fn,
                          void *arg)
{
    struct sqlite *s = sqlite_of(b);
    sqlite3_stmt *q = NULL;
    bool row = false;
    enum err e = look_up(s, provider_id, name, &q, &row);
    if (!row)
        return e ? e : ERR_NOT_FOUND;
    e = sqlite_user_give(s, provider_id, q, fn, arg);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_user_by_target(struct backend *b, int64_t provider_id, enum medium medium, struct span value,
                               user_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_user_by_target, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, (int64_t)medium);
    sqlite_bind_span(q, 3, value);
    sqlite_bind_number(q, 4, 0);
    while (sqlite_next(s, q, &e)) {
        e = sqlite_user_get(b, provider_id, sqlite_number(q, 0), fn, arg);
        if (e == ERR_NOT_FOUND)
            e = err_origin(ERR_DAMAGED); /* a target without its user */
    }
    return e;
}

/* The first user above after that has the whole text as a target; INT64_MAX: none. */
static enum err next_by_value(struct sqlite *s, const struct user_search *u, int64_t after, int64_t *ret)
{
    int64_t first = INT64_MAX;
    for (int m = 0; m < MEDIUM_COUNT; m++) {
        enum err e = ERR_NONE;
        bool row = false;
        sqlite3_stmt *q = sqlite_statement(s, STATEMENT_user_by_target_next, &e);
        if (!q)
            return e;
        sqlite_bind_number(q, 1, u->provider_id);
        sqlite_bind_number(q, 2, m);
        sqlite_bind_span(q, 3, u->text);
        sqlite_bind_number(q, 4, after);
        if ((e = sqlite_row(s, q, &row)))
            return e;
        int64_t id = row ? sqlite_number(q, 0) : 0; /* NULL: none */
        if (id && id < first)
            first = id;
        if (row)
            (void)sqlite3_reset(q);
    }
    *ret = first;
    return ERR_NONE;
}

static bool contains(struct span in, struct span text)
{
    for (size_t i = 0; i + text.len <= in.len; i++)
        if (strncasecmp(in.ptr + i, text.ptr, text.len) == 0)
            return true;
    return false;
}

#define COLUMN_MATCHES 5 /* of a search with a condition */

/* Walks the users of the statement, which is reset at the end or where the page is full. */
static enum err walk(struct sqlite *s, sqlite3_stmt *q, struct user_search *u, user_row_fn *fn, void *arg)
{
    int64_t last = u->after, by_value = INT64_MAX;
    uint32_t given = 0, seen = 0;
    bool end = true;
    enum err e = u->text.len ? next_by_value(s, u, u->after, &by_value) : ERR_NONE;
    while (sqlite_next(s, q, &e)) {
        if (given == u->limit || (u->scan && seen == u->scan)) {
            end = false;
            (void)sqlite3_reset(q);
            break;
        }
        last = sqlite_number(q, 0);
        seen++;
        bool text = !u->text.len || last == by_value || contains(sqlite_span(q, 1), u->text);
        if (last == by_value)
            e = next_by_value(s, u, last, &by_value);
        if (e || !text || (u->condition && !sqlite_number(q, COLUMN_MATCHES)))
            continue;
        given++;
        if (fn)
            e = sqlite_user_give(s, u->provider_id, q, fn, arg);
    }
    if (e)
        return e;
    u->found = given;
    u->last = last;
    u->end = end;
    return ERR_NONE;
}

enum err sqlite_user_search(struct backend *b, struct user_search *u, user_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    sqlite3_stmt *q = NULL;
    enum err e = ERR_NONE;
    if (u->condition) {
        e = sqlite_condition_statement(s, u, &q);
        if (!e)
            e = walk(s, q, u, fn, arg);
        (void)sqlite3_finalize(q);
        return e;
    }
    q = sqlite_statement(s, STATEMENT_user_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, u->provider_id);
    sqlite_bind_number(q, 2, u->after);
    return walk(s, q, u, fn, arg);
}

enum err sqlite_user_count(struct backend *b, int64_t provider_id, uint64_t *ret)
{
    struct sqlite *s = sqlite_of(b);
    int64_t n = 0;
    enum err e = sqlite_first(s, STATEMENT_audience_count, &provider_id, 1, &n);
    if (e && e != ERR_NOT_FOUND)
        return e;
    *ret = (uint64_t)(n + (s->people.counted == provider_id ? s->people.count : 0));
    return ERR_NONE;
}

enum err sqlite_user_delete(struct backend *b, int64_t provider_id, int64_t id)
{
    struct sqlite *s = sqlite_of(b);
    const int64_t user[] = {provider_id, id};
    enum err e = sqlite_run_with(s, STATEMENT_user_delete, user, 2);
    if (!e && sqlite3_changes(s->db) == 0)
        return ERR_NOT_FOUND;
    if (!e)
        e = sqlite_run_with(s, STATEMENT_target_delete_all, user, 2);
    if (!e)
        e = count(s, provider_id, -1);
    if (!e)
        e = sqlite_run_with(s, STATEMENT_user_forget_messages, (int64_t[]){id, FORGET_MAX}, 2);
    if (!e && sqlite3_changes(s->db) == FORGET_MAX)
        e = sqlite_run_with(s, STATEMENT_audience_gone_put, (int64_t[]){2, id}, 2);
    return e;
}
