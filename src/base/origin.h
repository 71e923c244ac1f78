#pragma once
/*
 * Marks the place where a fault begins and returns e. Logs e's text, the file, the line and, for ERR_FULL and
 * ERR_IO, errno. Each place is logged at most once a second; `not_logged` counts the lines left out since.
 * Keeps errno. Never allocates.
 */
#include "base/err.h"

#define err_origin(e) origin_log((e), __FILE__, __LINE__)
enum err origin_log(enum err e, const char *file, int line);
