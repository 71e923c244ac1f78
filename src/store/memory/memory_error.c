#include "store/memory/memory_error.h"

#include "base/mem.h"

#define DAY_MINUTES 1440

void memory_errors_free(struct memory_errors *v)
{
    mem_free(v->items);
    *v = (struct memory_errors){0};
}

enum err memory_errors_copy(struct memory_errors *to, const struct memory_errors *from)
{
    *to = (struct memory_errors){0};
    if (!from->count)
        return ERR_NONE;
    to->items = mem_alloc(from->count * sizeof(*to->items));
    if (!to->items)
        return ERR_NOMEM;
    memcpy(to->items, from->items, from->count * sizeof(*to->items));
    to->count = to->alloc = from->count;
    return ERR_NONE;
}

static struct error_row view(const struct memory_error *m)
{
    struct error_row r = m->row;
    r.reason = span_of(m->reason);
    r.detail = span_of(m->detail);
    return r;
}

static enum err add(struct memory_errors *v, const struct error_row *row)
{
    if (v->count == v->alloc) {
        size_t alloc = v->alloc ? 2 * v->alloc : 16;
        void *items = mem_resize(v->items, alloc * sizeof(*v->items));
        if (!items)
            return ERR_NOMEM;
        v->items = items;
        v->alloc = alloc;
    }
    struct memory_error *m = &v->items[v->count++];
    struct error_place texts;
    error_place_of(row, &texts);
    m->row = *row;
    memcpy(m->reason, texts.reason, sizeof(m->reason));
    memcpy(m->detail, texts.detail, sizeof(m->detail));
    return ERR_NONE;
}

enum err memory_error_result(struct memory_errors *v, const struct attempt *a, int64_t wall_ms)
{
    if (!a->counted)
        return ERR_NONE;
    const struct error_row row = {.channel_id = a->channel_id,
                                  .minute = wall_ms / ERROR_MINUTE_MS,
                                  .reason = a->reason,
                                  .detail = a->detail,
                                  .first_ms = wall_ms,
                                  .last_ms = wall_ms,
                                  .errors = 1};
    for (size_t i = 0; i < v->count; i++) {
        struct memory_error *m = &v->items[i];
        const struct error_row have = view(m);
        if (have.channel_id != row.channel_id || error_row_compare(&have, &row) != 0)
            continue;
        m->row.errors++;
        if (wall_ms < m->row.first_ms)
            m->row.first_ms = wall_ms;
        if (wall_ms > m->row.last_ms)
            m->row.last_ms = wall_ms;
        return ERR_NONE;
    }
    return add(v, &row);
}

static bool wanted(const struct error_page *p, const struct error_row *row)
{
    return row->channel_id == p->channel_id && row->minute >= p->from && row->minute < p->to &&
           (!p->reason.len || span_eq(p->reason, row->reason)) &&
           (!p->detail.len || span_eq(p->detail, row->detail));
}

/* The highest row below the page's place. */
static bool next(const struct memory_errors *v, const struct error_page *p, const struct error_place *below,
                 struct error_row *ret)
{
    const struct error_row bound = {
        .minute = below->minute, .reason = span_of(below->reason), .detail = span_of(below->detail)};
    bool found = false;
    for (size_t i = 0; i < v->count; i++) {
        const struct error_row row = view(&v->items[i]);
        if (wanted(p, &row) && error_row_compare(&row, &bound) < 0 &&
            (!found || error_row_compare(&row, ret) > 0)) {
            *ret = row;
            found = true;
        }
    }
    return found;
}

enum err memory_error_list(const struct memory_errors *v, struct error_page *p, error_row_fn *fn, void *arg)
{
    struct error_place at = p->at.minute ? p->at : (struct error_place){.minute = p->to};
    struct error_row row;
    p->ret_more = false;
    for (uint32_t given = 0; next(v, p, &at, &row); given++) {
        if (given == p->limit) {
            p->ret_more = true;
            break;
        }
        error_place_of(&row, &at);
        p->ret_at = at;
        enum err e = fn(arg, &row);
        if (e)
            return e;
    }
    return ERR_NONE;
}

void memory_error_forget(struct memory_errors *v, int64_t channel_id)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->count; i++)
        if (v->items[i].row.channel_id != channel_id)
            v->items[kept++] = v->items[i];
    v->count = kept;
}

/* The twin has one table, so nothing is moved. */
void memory_error_tidy(struct memory_errors *v, struct error_tidy *t)
{
    t->ret_moved = t->ret_pruned = 0;
    for (size_t i = v->count; i-- > 0 && t->ret_pruned < t->limit;) {
        int64_t day = v->items[i].row.minute / DAY_MINUTES;
        bool ahead = t->prune_after && day > t->prune_after / DAY_MINUTES;
        if (day >= t->prune_before / DAY_MINUTES && !ahead)
            continue;
        memmove(&v->items[i], &v->items[i + 1], (v->count - i - 1) * sizeof(*v->items));
        v->count--;
        t->ret_pruned++;
    }
}
