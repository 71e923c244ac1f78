#include "model/attributes.h"

#include <stdlib.h>

#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/mem.h"

#define FEW 32u /* members that need no memory of their own: nearly all people have fewer */

struct member {
    struct span key; /* with quotes, in the stored form */
    struct json_value value;
    uint32_t at; /* among all of old and change, in this order */
    bool gone;
};

struct merge {
    struct member few[FEW], *members, **sorted;
    uint32_t count;
    struct buf keys; /* keys of change that were written with escapes */
};

static uint32_t count_members(struct json_value object)
{
    struct json_iter it = json_members(object);
    struct span key;
    struct json_value value;
    uint32_t n = 0;
    while (json_next_member(&it, &key, &value))
        n++;
    return n;
}

/* The stored form of a key of change. Never longer than as written, so keys does not move. */
static enum err fold_key(struct merge *m, struct span key, struct span *ret)
{
    struct span quoted = {key.ptr - 1, key.len + 2};
    if (!memchr(key.ptr, '\\', key.len)) {
        *ret = quoted;
        return ERR_NONE;
    }
    struct buf plain;
    buf_init(&plain, quoted.len);
    enum err e = json_string_decode((struct json_value){.kind = JSON_KIND_STRING, .raw = quoted}, &plain);
    size_t from = buf_len(&m->keys);
    if (!e)
        e = json_write_quoted(&m->keys, buf_span(&plain));
    if (!e)
        *ret = (struct span){m->keys.data + from, buf_len(&m->keys) - from};
    buf_deinit(&plain);
    return e;
}

static enum err gather(struct merge *m, struct json_value object, bool folded)
{
    struct json_iter it = json_members(object);
    struct span key;
    struct member next = {0};
    enum err e = ERR_NONE;
    while (!e && json_next_member(&it, &key, &next.value)) {
        if (folded)
            next.key = (struct span){key.ptr - 1, key.len + 2};
        else
            e = fold_key(m, key, &next.key);
        next.at = m->count;
        if (!e)
            m->members[m->count++] = next;
    }
    return e;
}

static int compare(const void *a, const void *b)
{
    const struct member *x = *(struct member *const *)a, *y = *(struct member *const *)b;
    size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.ptr, y->key.ptr, len);
    if (!order)
        order = (x->key.len > y->key.len) - (x->key.len < y->key.len);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* Of members with one name the first keeps its place and gets the value of the last. */
static void settle(struct merge *m)
{
    for (uint32_t i = 0; i < m->count; i++)
        m->sorted[i] = &m->members[i];
    qsort(m->sorted, m->count, sizeof(*m->sorted), compare);
    for (uint32_t i = 0, next; i < m->count; i = next) {
        struct member *first = m->sorted[i];
        for (next = i + 1; next < m->count && span_eq(m->sorted[next]->key, first->key); next++) {
            first->value = m->sorted[next]->value;
            m->sorted[next]->gone = true;
        }
        first->gone = first->value.kind == JSON_KIND_NULL;
    }
}

static enum err put(const struct merge *m, struct buf *out)
{
    size_t before = buf_len(out);
    enum err e = buf_add(out, "{", 1);
    bool first = true;
    for (uint32_t i = 0; i < m->count && !e; i++) {
        const struct member *member = &m->members[i];
        if (member->gone)
            continue;
        if (!first)
            e = buf_add(out, ",", 1);
        if (!e)
            e = buf_add_span(out, member->key);
        if (!e)
            e = buf_add(out, ":", 1);
        if (!e)
            e = buf_add_span(out, member->value.raw);
        first = false;
    }
    if (!e)
        e = buf_add(out, "}", 1);
    if (e)
        out->tail = out->head + before;
    return e;
}

static enum err merge_all(struct merge *m, struct json_value old, struct json_value change, struct buf *out)
{
    struct member *few_sorted[FEW];
    uint32_t count = count_members(old) + count_members(change);
    AUTO_FREE struct member *members = NULL;
    AUTO_FREE struct member **sorted = NULL;
    m->members = m->few;
    m->sorted = few_sorted;
    if (count > FEW) {
        m->members = members = mem_zero(count, sizeof(*members));
        m->sorted = sorted = mem_zero(count, sizeof(struct member *));
        if (!members || !sorted)
            return ERR_NOMEM;
    }
    enum err e = ERR_NONE;
    if (memchr(change.raw.ptr, '\\', change.raw.len))
        e = buf_reserve(&m->keys, change.raw.len);
    if (!e)
        e = gather(m, old, true);
    if (!e)
        e = gather(m, change, false);
    if (e)
        return e;
    settle(m);
    return put(m, out);
}

enum err attributes_merge(struct span old, struct span change, struct buf *out)
{
    struct json_value was = {0}, is = json_root(change);
    if (is.kind != JSON_KIND_OBJECT)
        return ERR_INVALID;
    if (old.len)
        was = json_root(old);
    struct merge m = {.count = 0};
    buf_init(&m.keys, change.len);
    enum err e = merge_all(&m, was, is, out);
    buf_deinit(&m.keys);
    return e;
}
