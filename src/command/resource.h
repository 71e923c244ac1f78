#pragma once
/* Commands over the API that are all alike: a table says what each calls, takes and prints. */
#include <stdbool.h>
#include <stdio.h>

#include "node/arguments.h"

/* Runs `todoke NAME …`, whose verb is in the table; the exit status. */
int resource_run(const char *name, int argc, char **argv);
/* Whether the table has this verb of the command. */
bool resource_has(const char *command, const char *verb);
/* The verbs of a command, a line each; lead stands before the first. */
void resource_usage(FILE *to, const char *command, const char *lead);
/* Adds the command's verbs to names, which ends with NULL and takes max of them; how many there are then. */
size_t resource_verbs(const char *command, const char **names, size_t count, size_t max);
