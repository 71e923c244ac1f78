#pragma once
/* A store in a directory of its own, in one transaction that is not committed: for tests that look at what
 * calls write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "remove_tree.h"
#include "store/backend.h"

static char dir[64];
static struct backend *b;

static int open_store(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/todoke-store-XXXXXX");
    if (!mkdtemp(dir) || log_configure("error") || sqlite_open(&b, dir, STORE_WRITE))
        return -1;
    return b->ops->begin(b) ? -1 : 0;
}

static int close_store(void **state)
{
    (void)state;
    b->ops->rollback(b);
    b->ops->close(b);
    return remove_tree(dir);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)
