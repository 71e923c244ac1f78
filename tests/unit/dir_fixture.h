#pragma once
/* A directory for each case, gone afterwards. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "remove_tree.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/todoke-unit-XXXXXX");
    return mkdtemp(dir) && !log_configure("error") ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return remove_tree(dir);
}
