#pragma once
/* Commands over the API that are all alike: a table says what each calls, takes and prints. */
#include <stdbool.h>
#include <stdio.h>

/* Runs `todoke NAME …`; the exit status. */
int resource_run(const char *name, int argc, char **argv);
/* Whether the table has this verb of the command. */
bool resource_has(const char *command, const char *verb);
/* The verbs of a command, a line each; lead stands before the first. */
void resource_usage(FILE *to, const char *command, const char *lead);
