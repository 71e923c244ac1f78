#pragma once
/*
 * All of todoke's allocations go through here, so that tests can fail number N (mem_fail_at) and check that
 * nothing crashes or leaks. nghttp2 gets the same allocator; c-ares too, in tests.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

void *mem_alloc(size_t size) MUST_CHECK;              /* uninitialised; NULL when out of memory */
void *mem_zero(size_t count, size_t size) MUST_CHECK; /* zeroed; NULL when out of memory or on overflow */
void *mem_resize(void *p, size_t size) MUST_CHECK;    /* as realloc: the old block stays valid on NULL */
char *mem_dup(const char *s, size_t len) MUST_CHECK;  /* a NUL-terminated copy */
void mem_free(void *p);                               /* NULL-safe */

/* A failed allocation is a fault of this node: these macros log the file and line of their caller. */
#define mem_alloc(size) (mem_alloc(size) ?: mem_none(__FILE__, __LINE__))
#define mem_zero(count, size) (mem_zero((count), (size)) ?: mem_none(__FILE__, __LINE__))
#define mem_resize(p, size) (mem_resize((p), (size)) ?: mem_none(__FILE__, __LINE__))
#define mem_dup(s, len) (mem_dup((s), (len)) ?: mem_none(__FILE__, __LINE__))
void *mem_none(const char *file, int line) __attribute__((cold)); /* logs; always NULL */

/*
 * Tests only: lets the nth allocation from now on fail (1: the next; 0: none). Returns the number of
 * allocations since the last call.
 */
unsigned long mem_fail_at(unsigned long nth);

/* For allocators on top of this one: counts one allocation and returns whether it must fail. */
bool mem_must_fail(void);

/* Whether the allocation chosen by mem_fail_at has been reached and failed. */
int mem_fail_hit(void);

static inline void mem_cleanup(void *pp)
{
    mem_free(*(void **)pp);
}
#define AUTO_FREE __attribute__((cleanup(mem_cleanup)))
