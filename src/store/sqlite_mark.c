/* What the store keeps of itself: a number a name in meta. */
#include "store/sqlite.h"

static const char *const names[MARK_COUNT] = {
    [MARK_SEEN] = "seen",       [MARK_STEADY] = "steady", [MARK_CHECKED] = "checked",
    [MARK_DAMAGED] = "damaged", [MARK_LOST] = "lost",
};

enum err sqlite_mark_get(struct backend *b, enum store_mark mark, int64_t *ret)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mark_get, &e);
    if (!q)
        return e;
    bool row;
    sqlite_bind_span(q, 1, span_of(names[mark]));
    e = sqlite_row(s, q, &row);
    if (e)
        return e;
    *ret = row ? sqlite_number(q, 0) : 0;
    (void)sqlite3_reset(q);
    return ERR_NONE;
}

enum err sqlite_mark_put(struct backend *b, enum store_mark mark, int64_t value)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_mark_put, &e);
    if (!q)
        return e;
    sqlite_bind_span(q, 1, span_of(names[mark]));
    sqlite_bind_number(q, 2, value);
    return sqlite_run(s, q);
}
