#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/origin.h"

/* This file defines the functions behind the macros. */
#undef mem_alloc
#undef mem_zero
#undef mem_resize
#undef mem_dup

/* 0: fail nothing. In production the test hook costs only this one relaxed load. */
static atomic_ulong fail_nth;
static atomic_ulong made;
static atomic_bool hit;

bool mem_must_fail(void)
{
    unsigned long nth = atomic_load_explicit(&fail_nth, memory_order_relaxed);
    if (nth == 0)
        return false;
    if (atomic_fetch_add(&made, 1) + 1 != nth)
        return false;
    atomic_store(&hit, true);
    return true;
}

void *mem_alloc(size_t size)
{
    return mem_must_fail() ? NULL : malloc(size ? size : 1);
}

void *mem_zero(size_t count, size_t size)
{
    return mem_must_fail() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *mem_resize(void *p, size_t size)
{
    return mem_must_fail() ? NULL : realloc(p, size ? size : 1);
}

char *mem_dup(const char *s, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = mem_alloc(len + 1);
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

void *mem_none(const char *file, int line)
{
    (void)origin_log(ERR_NOMEM, file, line);
    return NULL;
}

void mem_free(void *p)
{
    free(p);
}

unsigned long mem_fail_at(unsigned long nth)
{
    atomic_store(&fail_nth, nth);
    atomic_store(&hit, false);
    return atomic_exchange(&made, 0);
}

int mem_fail_hit(void)
{
    return atomic_load(&hit);
}
