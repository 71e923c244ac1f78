/* Segments: stored conditions over the users of a provider. */
#include "store/sqlite/sqlite.h"

static struct segment row_of(sqlite3_stmt *q)
{
    return (struct segment){
        .id = sqlite_number(q, 0),
        .provider_id = sqlite_number(q, 1),
        .name = sqlite_span(q, 2),
        .condition = sqlite_span(q, 3),
        .is_default = sqlite_number(q, 4),
        .created_ms = sqlite_number(q, 5),
        .updated_ms = sqlite_number(q, 6),
    };
}

/* Whether the provider may have that segment beside its others. except: the one it replaces, 0: none. */
static enum err segment_fits(struct sqlite *s, const struct segment *g, int64_t except)
{
    int64_t all, defaults;
    const int64_t numbers[] = {g->provider_id, except};
    enum err e = sqlite_first(s, STATEMENT_segment_count, numbers, 2, &all);
    if (!e)
        e = sqlite_first(s, STATEMENT_segment_count_default, numbers, 2, &defaults);
    if (e)
        return e;
    return all >= SEGMENTS_MAX || (g->is_default && defaults >= SEGMENTS_DEFAULT_MAX) ? ERR_LIMIT : ERR_NONE;
}

enum err sqlite_segment_insert(struct backend *b, struct segment *g)
{
    struct sqlite *s = sqlite_of(b);
    int64_t one;
    enum err e = sqlite_first(s, STATEMENT_provider_has, &g->provider_id, 1, &one);
    if (!e)
        e = segment_fits(s, g, 0);
    sqlite3_stmt *q = e ? NULL : sqlite_statement(s, STATEMENT_segment_insert, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, g->provider_id);
    sqlite_bind_span(q, 2, g->name);
    sqlite_bind_span(q, 3, g->condition);
    sqlite_bind_number(q, 4, g->is_default);
    sqlite_bind_number(q, 5, g->created_ms);
    sqlite_bind_number(q, 6, g->updated_ms);
    e = sqlite_run(s, q);
    if (!e)
        g->id = sqlite3_last_insert_rowid(s->db);
    return e;
}

enum err sqlite_segment_update(struct backend *b, const struct segment *g)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = segment_fits(s, g, g->id);
    sqlite3_stmt *q = e ? NULL : sqlite_statement(s, STATEMENT_segment_update, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, g->provider_id);
    sqlite_bind_number(q, 2, g->id);
    sqlite_bind_span(q, 3, g->name);
    sqlite_bind_span(q, 4, g->condition);
    sqlite_bind_number(q, 5, g->is_default);
    sqlite_bind_number(q, 6, g->updated_ms);
    e = sqlite_run(s, q);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

enum err sqlite_segment_delete(struct backend *b, int64_t provider_id, int64_t id)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = sqlite_run_with(s, STATEMENT_segment_delete, (int64_t[]){provider_id, id}, 2);
    return !e && sqlite3_changes(s->db) == 0 ? ERR_NOT_FOUND : e;
}

enum err sqlite_segment_get(struct backend *b, int64_t provider_id, int64_t id, segment_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q = sqlite_statement(s, STATEMENT_segment_get, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, id);
    bool row;
    e = sqlite_row(s, q, &row);
    if (e || !row)
        return e ? e : ERR_NOT_FOUND;
    const struct segment g = row_of(q);
    e = fn(arg, &g);
    (void)sqlite3_reset(q);
    return e;
}

enum err sqlite_segment_list(struct backend *b, int64_t provider_id, bool only_default, int64_t after,
                             uint32_t limit, segment_row_fn *fn, void *arg)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    sqlite3_stmt *q =
        sqlite_statement(s, only_default ? STATEMENT_segment_list_default : STATEMENT_segment_list, &e);
    if (!q)
        return e;
    sqlite_bind_number(q, 1, provider_id);
    sqlite_bind_number(q, 2, after);
    sqlite_bind_number(q, 3, limit);
    while (sqlite_next(s, q, &e)) {
        const struct segment g = row_of(q);
        e = fn(arg, &g);
    }
    return e;
}
