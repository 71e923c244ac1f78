#include "base/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/mem.h"
#include "base/origin.h"

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_deinit(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){.max = b->max};
}

enum err buf_reserve(struct buf *b, size_t len)
{
    size_t used = buf_len(b);
    if (used > b->max || len > b->max - used)
        return ERR_LIMIT;
    if (b->alloc - b->tail >= len)
        return ERR_NONE;
    if (b->head > 0) {
        memmove(b->data, b->data + b->head, used);
        b->head = 0;
        b->tail = used;
        if (b->alloc - b->tail >= len)
            return ERR_NONE;
    }
    size_t want = b->alloc < 128 ? 256 : b->alloc * 2;
    if (want < used + len)
        want = used + len;
    if (want > b->max)
        want = b->max;
    char *grown = mem_resize(b->data, want);
    if (!grown)
        return ERR_NOMEM;
    b->data = grown;
    b->alloc = want;
    return ERR_NONE;
}

enum err buf_add(struct buf *b, const void *p, size_t len)
{
    if (len == 0)
        return ERR_NONE;
    enum err e = buf_reserve(b, len);
    if (e)
        return e;
    memcpy(b->data + b->tail, p, len);
    b->tail += len;
    return ERR_NONE;
}

enum err buf_add_span(struct buf *b, struct span s)
{
    return buf_add(b, s.ptr, s.len);
}

enum err buf_add_str(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

enum err buf_add_uint(struct buf *b, uint64_t n)
{
    char digits[DECIMAL_LEN];
    return buf_add(b, digits, decimal_put(digits, n));
}

enum err buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    va_list again;
    va_copy(again, ap);
    size_t room = b->alloc - b->tail; /* the first try: the text mostly fits */
    int need = vsnprintf(room ? b->data + b->tail : NULL, room, fmt, ap);
    va_end(ap);
    enum err e = need < 0 ? err_origin(ERR_INTERNAL) : ERR_NONE;
    if (!e && (size_t)need < room && buf_len(b) + (size_t)need <= b->max) {
        b->tail += (size_t)need;
    } else if (!e) {
        /* vsnprintf writes a NUL behind the text: make room for it, though it is never counted. */
        if (buf_len(b) + (size_t)need > b->max) {
            e = ERR_LIMIT;
        } else {
            b->max++;
            e = buf_reserve(b, (size_t)need + 1);
            b->max--;
        }
        if (!e) {
            (void)vsnprintf(b->data + b->tail, (size_t)need + 1, fmt, again);
            b->tail += (size_t)need;
        }
    }
    va_end(again);
    return e;
}

void buf_consume(struct buf *b, size_t len)
{
    assert(len <= buf_len(b));
    b->head += len;
    if (b->head == b->tail)
        b->head = b->tail = 0;
}

void buf_clear(struct buf *b)
{
    b->head = b->tail = 0;
}

void buf_trim(struct buf *b)
{
    if (buf_len(b) == 0)
        buf_deinit(b);
}

char *buf_steal(struct buf *b)
{
    char *s = mem_dup(b->data ? b->data + b->head : "", buf_len(b));
    if (s)
        buf_deinit(b);
    return s;
}
