#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define ALIGN alignof(max_align_t)

struct arena_chunk {
    struct arena_chunk *older;
    size_t size, used;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t chunk_size, size_t max)
{
    *a = (struct arena){.chunk_size = chunk_size, .max = max};
}

static void free_chunks(struct arena_chunk *c)
{
    while (c) {
        struct arena_chunk *older = c->older;
        mem_free(c);
        c = older;
    }
}

void arena_deinit(struct arena *a)
{
    free_chunks(a->chunk);
    a->chunk = NULL;
    a->used = 0;
}

void arena_reset(struct arena *a)
{
    a->used = 0;
    if (!a->chunk)
        return;
    free_chunks(a->chunk->older);
    a->chunk->older = NULL;
    a->chunk->used = 0;
    /* One oversized request must not keep its memory allocated during all the following ones. */
    if (a->chunk->size > a->chunk_size)
        arena_deinit(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (size > a->max || a->used > a->max - size)
        return NULL;
    if (mem_must_fail()) /* before the check of the chunk's room, so that tests can fail every call */
        return NULL;
    struct arena_chunk *c = a->chunk;
    if (!c || c->size - c->used < size) {
        size_t room = size > a->chunk_size ? size : a->chunk_size;
        c = mem_alloc(sizeof(*c) + room);
        if (!c)
            return NULL;
        *c = (struct arena_chunk){.older = a->chunk, .size = room};
        a->chunk = c;
    }
    void *p = c->data + c->used;
    c->used += size;
    a->used += size;
    return p;
}

void *arena_zero(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    void *p = arena_alloc(a, total);
    if (p)
        memset(p, 0, total);
    return p;
}

char *arena_dup(struct arena *a, struct span s)
{
    if (s.len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(a, s.len + 1);
    if (!copy)
        return NULL;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}
