#pragma once
/* Table-driven commands over the API: a row says what a verb calls, what it takes and what it prints. */
#include <stdbool.h>
#include <stdio.h>

#include "node/arguments.h"

/* Runs `todoke NAME VERB …`, whose verb must be in the table; returns the exit status. */
int resource_run(const char *name, int argc, char **argv);
/* Whether the table has this verb of the command. */
bool resource_has(const char *command, const char *verb);
/* Prints the verbs of a command, a line each, with lead before the first. */
void resource_usage(FILE *to, const char *command, const char *lead);
/* Appends the verbs of a command to names, NULL-terminated, max entries in all; returns the new count. */
size_t resource_verbs(const char *command, const char **names, size_t count, size_t max);
