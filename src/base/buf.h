#pragma once
/*
 * A growing byte buffer with a cap given at init: no peer can make it larger than its owner said.
 * The bytes in use are data[head..tail); consuming from the front is cheap.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct buf {
    char *data;
    size_t head, tail, alloc;
    size_t max; /* most bytes held at once */
};

void buf_init(struct buf *b, size_t max);
void buf_deinit(struct buf *b); /* safe on a zeroed struct */

static inline size_t buf_len(const struct buf *b)
{
    return b->tail - b->head;
}
static inline struct span buf_span(const struct buf *b)
{
    return (struct span){b->data ? b->data + b->head : "", buf_len(b)};
}

/* Appends fail whole: ERR_LIMIT past max, ERR_NOMEM; the content is then as it was. */
enum err buf_add(struct buf *b, const void *p, size_t len) MUST_CHECK;
enum err buf_add_span(struct buf *b, struct span s) MUST_CHECK;
enum err buf_add_str(struct buf *b, const char *s) MUST_CHECK;
enum err buf_add_uint(struct buf *b, uint64_t n) MUST_CHECK; /* in base 10 */
enum err buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3))) MUST_CHECK;
/* Room for len more bytes at data+tail; the caller writes them and adds to tail. */
enum err buf_reserve(struct buf *b, size_t len) MUST_CHECK;

void buf_consume(struct buf *b, size_t len); /* drops len (≤ buf_len) bytes at the front */
void buf_clear(struct buf *b);               /* empties, keeps the memory */
void buf_trim(struct buf *b);                /* gives the memory back if empty */
char *buf_steal(struct buf *b); /* NUL-terminated, the caller's (mem_free); NULL: out of memory */
