#include "server/server_h2_memory.h"

#include "base/mem.h"

struct chunk {
    struct list link; /* 16 bytes: what follows is aligned like malloc's memory */
};

static void *chunk_add(struct h2_memory *m, struct chunk *c)
{
    if (!c) {
        m->out = true;
        return NULL;
    }
    list_push_back(&m->chunks, &c->link);
    return c + 1;
}

static void *allocate(size_t size, void *arg)
{
    return chunk_add(arg,
                     size > SIZE_MAX - sizeof(struct chunk) ? NULL : mem_alloc(sizeof(struct chunk) + size));
}

static void release(void *p, void *arg)
{
    (void)arg;
    struct chunk *c = p;
    if (!c)
        return;
    list_remove(&c[-1].link);
    mem_free(c - 1);
}

static void *allocate_zeroed(size_t n, size_t size, void *arg)
{
    size_t sum = 0;
    bool fits =
        !__builtin_mul_overflow(n, size, &sum) && !__builtin_add_overflow(sum, sizeof(struct chunk), &sum);
    return chunk_add(arg, fits ? mem_zero(1, sum) : NULL);
}

static void *resize(void *p, size_t size, void *arg)
{
    if (!p)
        return allocate(size, arg);
    struct h2_memory *m = arg;
    struct chunk *c = (struct chunk *)p - 1;
    list_remove(&c->link);
    struct chunk *grown = size > SIZE_MAX - sizeof(*c) ? NULL : mem_resize(c, sizeof(*c) + size);
    if (!grown)
        list_push_back(&m->chunks, &c->link);
    return chunk_add(m, grown);
}

void h2_memory_init(struct h2_memory *m)
{
    *m = (struct h2_memory){.allocator = {m, allocate, release, allocate_zeroed, resize}};
    list_init(&m->chunks);
}

void h2_memory_deinit(struct h2_memory *m)
{
    for (struct list *item; (item = list_pop_front(&m->chunks));)
        mem_free(list_entry(item, struct chunk, link));
}
