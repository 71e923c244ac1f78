#pragma once
/* Copies a node's answer of any length to a file as it comes. */
#include <stdio.h>

#include "command/client.h"

/*
 * Asks with GET, and writes the answer to to; on a terminal, where others' text could do harm, with control
 * characters escaped. Returns the exit status, after a message on standard error.
 */
int download(const struct client *c, const char *path, FILE *to);
