#pragma once
/* The store's twin in memory, for tests: the same functions over plain arrays (memory.c). */
#include "store/backend.h"

/* A fresh, empty store in memory. The twin's second handle sees the first one's data once it is committed. */
enum err memory_open(struct backend **ret) MUST_CHECK;
enum err memory_open_reader(struct backend **ret, struct backend *writer) MUST_CHECK;
/* Tests: the nth write from now on fails with e. */
void memory_fail_at(struct backend *b, unsigned long nth, enum err e);
