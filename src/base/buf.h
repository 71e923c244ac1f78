#pragma once
/*
 * A growing byte buffer with a cap given at init, so that no peer can make it grow further. The bytes in use
 * are data[head..tail); consuming from the front is cheap.
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

/* Appending all or nothing: on ERR_LIMIT (past max) and ERR_NOMEM the content is unchanged. */
enum err buf_add(struct buf *b, const void *p, size_t len) MUST_CHECK;
enum err buf_add_span(struct buf *b, struct span s) MUST_CHECK;
enum err buf_add_str(struct buf *b, const char *s) MUST_CHECK;
enum err buf_add_uint(struct buf *b, uint64_t n) MUST_CHECK; /* in base 10 */
enum err buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3))) MUST_CHECK;
/* Makes room for len more bytes at data+tail; the caller writes them and adds to tail. */
enum err buf_reserve(struct buf *b, size_t len) MUST_CHECK;

void buf_consume(struct buf *b, size_t len);          /* drops len (≤ buf_len) bytes at the front */
static inline void buf_cut(struct buf *b, size_t len) /* keeps the first len (≤ buf_len) bytes */
{
    b->tail = b->head + len;
}
void buf_clear(struct buf *b); /* empties the buffer and keeps its memory */
void buf_trim(struct buf *b);  /* frees the memory if the buffer is empty */
/* the content, NUL-terminated; the caller frees it (mem_free). NULL: out of memory */
char *buf_steal(struct buf *b);
