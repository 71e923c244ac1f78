/*
 * Error statistics. Current counts are stored by minute (error_minute), where a storm of failures across all
 * channels touches the same few pages. Minutes that are over are moved, some rows per step, to the table used
 * for reading: by channel within a UTC day (error_row), from which whole days can be deleted
 * (docs/decisions/0013-error-rows.md). A late row may be in both tables, so readers add the two up.
 */
#include "store/sqlite/sqlite.h"

#define DAY_MINUTES 1440

enum err sqlite_error_result(struct backend *b, const struct attempt *a, int64_t wall_ms)
{
    if (!a->counted)
        return ERR_NONE;
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_error_add, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, wall_ms / ERROR_MINUTE_MS);
    sqlite_bind_number(q, 2, a->channel_id);
    sqlite_bind_span(q, 3, a->reason);
    sqlite_bind_span(q, 4, a->detail);
    sqlite_bind_number(q, 5, wall_ms);
    return sqlite_run(s, q);
}

/* The rows of one table for one page, block by block (a day or a minute), in descending order. */
struct source {
    enum statement rows;
    int64_t block, lowest; /* the block being read; the last one to read */
    sqlite3_stmt *open;    /* statement within a block */
    bool row;
};

static enum err number_of(struct sqlite *s, enum statement id, int64_t bound, int64_t otherwise, int64_t *ret)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    bool row = false;
    if (!q)
        return e;
    sqlite_bind_number(q, 1, bound);
    e = sqlite_row(s, q, &row);
    *ret = row && sqlite3_column_type(q, 0) != SQLITE_NULL ? sqlite_number(q, 0) : otherwise;
    if (row)
        (void)sqlite3_reset(q);
    return e;
}

/*
 * The next lower block: days are stepped through, minutes (there are few) are looked up. *ret: whether there
 * is one.
 */
static enum err next_block(struct sqlite *s, struct source *from, bool *ret)
{
    enum err e = ERR_NONE;
    if (from->rows == STATEMENT_error_days)
        from->block--;
    else
        e = number_of(s, STATEMENT_error_minute_below, from->block, -1, &from->block);
    *ret = !e && from->block >= from->lowest;
    return e;
}

static enum err open_block(struct sqlite *s, struct source *from, const struct error_page *p,
                           const struct error_place *below)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, from->rows, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, from->block);
    sqlite_bind_number(q, 2, p->channel_id);
    sqlite_bind_number(q, 3, below->minute);
    sqlite_bind_span(q, 4, span_of(below->reason));
    sqlite_bind_span(q, 5, span_of(below->detail));
    sqlite_bind_number(q, 6, p->from);
    from->open = q;
    return ERR_NONE;
}

/* Advances to the next row; from->row says whether there is one. */
static enum err advance(struct sqlite *s, struct source *from, const struct error_page *p,
                        const struct error_place *below)
{
    for (;;) {
        enum err e = ERR_NONE;
        if (from->open)
            e = sqlite_row(s, from->open, &from->row);
        if (e || (from->open && from->row))
            return e;
        from->open = NULL;
        bool more;
        e = next_block(s, from, &more);
        if (e || !more) {
            from->row = false;
            return e;
        }
        e = open_block(s, from, p, below);
        if (e)
            return e;
    }
}

static struct error_row row_of(const struct source *from, int64_t channel_id)
{
    sqlite3_stmt *q = from->open;
    return (struct error_row){.channel_id = channel_id,
                              .minute = sqlite_number(q, 0),
                              .reason = sqlite_span(q, 1),
                              .detail = sqlite_span(q, 2),
                              .first_ms = sqlite_number(q, 3),
                              .last_ms = sqlite_number(q, 4),
                              .errors = sqlite_number(q, 5)};
}

/* Positions each source at the page's upper end; its lower end is where rows end. */
static enum err begin(struct sqlite *s, struct source from[2], const struct error_page *p,
                      const struct error_place *below)
{
    int64_t oldest, newest;
    enum err e = number_of(s, STATEMENT_error_day_first, 0, 1, &oldest);
    if (!e)
        e = number_of(s, STATEMENT_error_day_last, 0, 0, &newest);
    if (e)
        return e;
    int64_t high = below->minute / DAY_MINUTES, low = p->from / DAY_MINUTES;
    from[0] = (struct source){.rows = STATEMENT_error_days,
                              .block = (high < newest ? high : newest) + 1,
                              .lowest = low > oldest ? low : oldest};
    from[1] = (struct source){.rows = STATEMENT_error_minutes, .block = below->minute + 1, .lowest = p->from};
    for (int i = 0; !e && i < 2; i++)
        e = advance(s, &from[i], p, below);
    return e;
}

static void end(struct source from[2])
{
    for (int i = 0; i < 2; i++)
        if (from[i].open)
            (void)sqlite3_reset(from[i].open);
}

static enum err list(struct sqlite *s, struct source from[2], struct error_page *p,
                     const struct error_place *below, error_row_fn *fn, void *arg)
{
    uint32_t given = 0;
    enum err e = ERR_NONE;
    for (uint32_t seen = 0; !e && (from[0].row || from[1].row); seen++) {
        if (given == p->limit || seen == p->scan) {
            p->ret_more = true;
            return ERR_NONE;
        }
        const struct error_row a = from[0].row ? row_of(&from[0], p->channel_id) : (struct error_row){0};
        const struct error_row b = from[1].row ? row_of(&from[1], p->channel_id) : (struct error_row){0};
        int order = !from[1].row ? 1 : !from[0].row ? -1 : error_row_compare(&a, &b);
        struct error_row row = order >= 0 ? a : b;
        if (order == 0) {
            row.errors += b.errors;
            row.first_ms = a.first_ms < b.first_ms ? a.first_ms : b.first_ms;
            row.last_ms = a.last_ms > b.last_ms ? a.last_ms : b.last_ms;
        }
        error_place_of(&row, &p->ret_at);
        if ((!p->reason.len || span_eq(p->reason, row.reason)) &&
            (!p->detail.len || span_eq(p->detail, row.detail))) {
            given++;
            e = fn(arg, &row);
        }
        if (!e && order >= 0)
            e = advance(s, &from[0], p, below);
        if (!e && order <= 0)
            e = advance(s, &from[1], p, below);
    }
    return e;
}

enum err sqlite_error_list(struct backend *b, struct error_page *p, error_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    struct source from[2] = {0};
    const struct error_place below = p->at.minute ? p->at : (struct error_place){.minute = p->to};
    p->ret_more = false;
    enum err e = begin(s, from, p, &below);
    if (!e)
        e = list(s, from, p, &below, fn, arg);
    end(from);
    return e;
}

static enum err run_bound(struct sqlite *s, enum statement id, int64_t bound, uint32_t limit, uint32_t *ret)
{
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, id, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, bound);
    sqlite_bind_number(q, 2, limit);
    e = sqlite_run(s, q);
    if (!e)
        *ret = (uint32_t)sqlite3_changes(s->db);
    return e;
}

enum err sqlite_error_tidy(struct backend *b, struct error_tidy *t)
{
    struct sqlite *s = sqlite_of(b);
    uint32_t gone = 0, ahead = 0;
    int64_t last_day = t->prune_after / DAY_MINUTES;
    t->ret_moved = t->ret_pruned = 0;
    enum err e = run_bound(s, STATEMENT_error_move, t->move_before, t->limit, &t->ret_moved);
    if (!e && t->ret_moved)
        e = run_bound(s, STATEMENT_error_moved, t->move_before, t->limit, &gone);
    if (!e && t->prune_after)
        e = run_bound(s, STATEMENT_error_minute_ahead, (last_day + 1) * DAY_MINUTES - 1, t->limit, &ahead);
    if (!e && t->prune_after && ahead < t->limit)
        e = run_bound(s, STATEMENT_error_ahead, last_day, t->limit - ahead, &gone);
    ahead += t->prune_after ? gone : 0;
    if (!e && ahead < t->limit)
        e = run_bound(s, STATEMENT_error_prune, t->prune_before / DAY_MINUTES, t->limit - ahead,
                      &t->ret_pruned);
    t->ret_pruned += ahead;
    return e;
}
