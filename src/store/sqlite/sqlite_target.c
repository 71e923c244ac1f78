/*
 * The targets of users. A change of a user is worked out in memory, over all targets it has, and only what
 * differs is written. So a new user's targets are written without reading, and a repeated import writes
 * nothing.
 */
#include "base/origin.h"
#include "store/sqlite/sqlite.h"

/* What dropped and why hold are ids of the catalogue and our own words. */
#define WORD_MAX 64u
#define TEXT_MAX (USER_TARGETS_ALL * (TARGET_VALUE_MAX + 2 * TARGET_KEY_MAX + 2 * WORD_MAX))

/* A copy that lives as long as the row of the user is worked on. */
static enum err keep(struct buf *text, struct span s, struct span *ret)
{
    size_t from = buf_len(text);
    enum err e = buf_add_span(text, s);
    if (!e)
        *ret = (struct span){text->data + from, s.len};
    return e;
}

static enum err take(struct sqlite *s, sqlite3_stmt *q, struct target_row *ret)
{
    struct buf *text = &s->people.text;
    *ret = (struct target_row){.t = {.medium = (enum medium)sqlite_number(q, 0),
                                     .consent = (enum consent)sqlite_number(q, 4),
                                     .job_id = sqlite_number(q, 8),
                                     .message_n = sqlite_number(q, 9),
                                     .created_ms = sqlite_number(q, 10),
                                     .changed_ms = sqlite_number(q, 11)},
                               .was = sqlite_number(q, 7)};
    struct span *const spans[] = {&ret->t.value, &ret->t.p256dh, &ret->t.auth, &ret->t.dropped, &ret->t.why};
    static const int columns[] = {1, 2, 3, 5, 6};
    enum err e = ERR_NONE;
    for (size_t i = 0; i < 5 && !e; i++)
        e = keep(text, sqlite_span(q, columns[i]), spans[i]);
    return e == ERR_LIMIT ? err_origin(ERR_DAMAGED) : e; /* longer than anything that was ever written */
}

enum err sqlite_target_load(struct sqlite *s, int64_t provider_id, int64_t user_id,
                            struct target_row rows[static USER_TARGETS_ALL], uint32_t *ret_count)
{
    enum err e = ERR_NONE;
    uint32_t n = 0;
    if (!s->people.text.max)
        buf_init(&s->people.text, TEXT_MAX);
    buf_clear(&s->people.text);
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_target_list, &e);
    if (!q || (e = buf_reserve(&s->people.text, TEXT_MAX))) /* so that it never moves */
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, user_id);
    while (sqlite_next(s, q, &e)) {
        e = n < USER_TARGETS_ALL ? take(s, q, &rows[n]) : err_origin(ERR_DAMAGED);
        n++;
    }
    if (!e)
        *ret_count = n;
    return e;
}

static bool single(enum medium medium)
{
    return medium == MEDIUM_MAIL || medium == MEDIUM_LINE;
}

static void remove_row(struct target_row *r)
{
    r->state = r->state == TARGET_NEW || r->state == TARGET_NOTHING ? TARGET_NOTHING : TARGET_GONE;
}

static bool is_there(const struct target_row *r)
{
    return r->state != TARGET_GONE && r->state != TARGET_NOTHING;
}

static void update_row(struct target_row *r, const struct target_change *c, const char *why, int64_t wall_ms)
{
    struct target *t = &r->t;
    bool keys = c->p256dh.len && !(span_eq(c->p256dh, t->p256dh) && span_eq(c->auth, t->auth));
    bool consent = c->has_consent && c->consent != t->consent;
    if (r->state == TARGET_GONE) /* removed and given again in one change: as if nothing had been said */
        r->state = TARGET_SAME;
    if (!keys && !consent)
        return;
    if (keys) {
        t->p256dh = c->p256dh;
        t->auth = c->auth;
    }
    if (consent) {
        t->consent = c->consent;
        r->was = -1;
        if (!t->dropped.len) { /* else it still says what ended it */
            t->why = span_of(why);
            t->job_id = t->message_n = 0;
        }
    }
    t->changed_ms = wall_ms;
    if (r->state == TARGET_SAME)
        r->state = TARGET_CHANGED;
}

static struct target_row new_row(const struct target_change *c, const char *why, int64_t wall_ms)
{
    return (struct target_row){.t = {.medium = c->medium,
                                     .value = c->value,
                                     .p256dh = c->p256dh,
                                     .auth = c->auth,
                                     .consent = c->has_consent ? c->consent : CONSENT_UNASKED,
                                     .dropped = SPAN_LIT(""),
                                     .why = span_of(why),
                                     .created_ms = wall_ms,
                                     .changed_ms = wall_ms},
                               .was = -1,
                               .state = TARGET_NEW};
}

static void apply_one(struct target_row *rows, uint32_t *count, const struct target_change *c,
                      const char *why, int64_t wall_ms)
{
    struct target_row *same = NULL;
    for (uint32_t i = 0; i < *count; i++) {
        struct target_row *r = &rows[i];
        if (r->t.medium != c->medium)
            continue;
        bool is = span_eq(r->t.value, c->value) && r->state != TARGET_NOTHING;
        if (is)
            same = r;
        if (c->remove ? is || single(c->medium) : !is && single(c->medium))
            remove_row(r);
    }
    if (c->remove)
        return;
    if (same)
        update_row(same, c, why, wall_ms);
    else
        rows[(*count)++] = new_row(c, why, wall_ms);
}

/* The dropped one that is oldest makes room. ERR_LIMIT: none was dropped. */
static enum err make_room(struct target_row *rows, uint32_t count, enum medium medium)
{
    struct target_row *oldest = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].t.medium == medium && is_there(&rows[i]) && rows[i].t.dropped.len &&
            (!oldest || rows[i].t.changed_ms < oldest->t.changed_ms))
            oldest = &rows[i];
    if (!oldest)
        return ERR_LIMIT;
    remove_row(oldest);
    return ERR_NONE;
}

enum err sqlite_target_apply(struct target_row *rows, uint32_t *count, const struct user_change *u,
                             int64_t wall_ms)
{
    uint32_t held[MEDIUM_COUNT] = {0};
    if (u->target_count > USER_CHANGES_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < u->target_count; i++)
        apply_one(rows, count, &u->targets[i], u->why, wall_ms);
    for (uint32_t i = 0; i < *count; i++)
        held[rows[i].t.medium] += is_there(&rows[i]);
    for (int m = 0; m < MEDIUM_COUNT; m++)
        for (; held[m] > USER_TARGETS_MAX; held[m]--)
            if (make_room(rows, *count, (enum medium)m))
                return ERR_LIMIT;
    return ERR_NONE;
}

static void bind_place(sqlite3_stmt *q, int64_t provider_id, int64_t user_id, enum medium medium,
                       struct span value)
{
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, user_id);
    sqlite_bind_number(q, 3, (int64_t)medium);
    sqlite_bind_span(q, 4, value);
}

static enum err save_one(struct sqlite *s, int64_t provider_id, int64_t user_id, const struct target_row *r)
{
    const struct target *t = &r->t;
    enum err e = ERR_NONE;
    enum statement id = r->state == TARGET_NEW    ? STATEMENT_target_insert
                        : r->state == TARGET_GONE ? STATEMENT_target_delete
                                                  : STATEMENT_target_update;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    bind_place(q, provider_id, user_id, t->medium, t->value);
    if (r->state == TARGET_GONE)
        return sqlite_run(s, q);
    sqlite_bind_span(q, 5, t->p256dh);
    sqlite_bind_span(q, 6, t->auth);
    sqlite_bind_number(q, 7, (int64_t)t->consent);
    if (r->state == TARGET_NEW) {
        sqlite_bind_span(q, 8, t->why);
        sqlite_bind_number(q, 9, t->created_ms);
        return sqlite_run(s, q);
    }
    sqlite_bind_span(q, 8, t->dropped);
    sqlite_bind_span(q, 9, t->why);
    sqlite_bind_number(q, 10, r->was);
    sqlite_bind_number(q, 11, t->job_id);
    sqlite_bind_number(q, 12, t->message_n);
    sqlite_bind_number(q, 13, t->changed_ms);
    return sqlite_run(s, q);
}

enum err sqlite_target_save(struct sqlite *s, int64_t provider_id, int64_t user_id,
                            const struct target_row *rows, uint32_t count)
{
    enum err e = ERR_NONE;
    for (uint32_t i = 0; i < count && !e; i++)
        if (rows[i].state != TARGET_SAME && rows[i].state != TARGET_NOTHING)
            e = save_one(s, provider_id, user_id, &rows[i]);
    return e;
}

static enum err effect_run(struct sqlite *s, enum statement id, int64_t provider_id,
                           const struct target_effect *t, int64_t wall_ms)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    bind_place(q, provider_id, t->user_id, t->medium, t->value);
    sqlite_bind_span(q, 5, span_of(delivery_error_of(t->error)->id));
    sqlite_bind_number(q, 6, t->job_id);
    sqlite_bind_number(q, 7, t->message_n);
    sqlite_bind_number(q, 8, wall_ms);
    return sqlite_run(s, q);
}

enum err sqlite_target_effect(struct backend *b, int64_t provider_id, const struct target_effect *t,
                              int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    if (t->withdraw)
        e = effect_run(s, STATEMENT_target_withdraw, provider_id, t, wall_ms);
    if (!e && t->drop)
        e = effect_run(s, STATEMENT_target_drop, provider_id, t, wall_ms);
    return e;
}

enum err sqlite_target_undo(struct backend *b, int64_t provider_id, int64_t user_id, enum medium medium,
                            struct span value, int64_t wall_ms)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_target_undo, &e);
    if (!q)
        return e;
    bind_place(q, provider_id, user_id, medium, value);
    sqlite_bind_number(q, 5, wall_ms);
    e = sqlite_run(s, q);
    if (e || sqlite3_changes(s->db) > 0)
        return e;
    q = sqlite_statement(s, STATEMENT_target_has, &e);
    if (!q)
        return e;
    bind_place(q, provider_id, user_id, medium, value);
    bool row;
    e = sqlite_row(s, q, &row);
    if (row)
        (void)sqlite3_reset(q);
    return e ? e : row ? ERR_CONFLICT : ERR_NOT_FOUND;
}
