#pragma once
/*
 * Temporary files of SQLite for one process: they are open, and deleted, before a query begins, so that it
 * needs no file system; and they hold so many bytes together and no more.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define QUERY_SPACE_NAME "query-space" /* the VFS to open a database with */

/*
 * Opens the files in dir; bytes: all of them together, but a quarter of what is free there at most. Once a
 * process. ERR_IO (errno), ERR_INTERNAL.
 */
enum err query_space_open(const char *dir, uint64_t bytes) MUST_CHECK;
bool query_space_is_over(void); /* something was refused for lack of it */
