#pragma once
/* The store's twin in memory, for tests: the same functions over plain arrays (memory.c). */
#include "store/backend.h"

/* A new, empty store in memory. A second handle of it sees the first one's data once committed. */
enum err memory_open(struct backend **ret) MUST_CHECK;
enum err memory_open_reader(struct backend **ret, struct backend *writer) MUST_CHECK;
/* For tests: the nth write from now on fails with e. */
void memory_fail_at(struct backend *b, unsigned long nth, enum err e);
