#pragma once
/* `todoke channel token|secret|rotate-secret|verify`: what proves who somebody is, and whether a webhook URL
 * works. */
#include <stdbool.h>
#include <stdio.h>

/* Whether what is one of these. */
bool channel_secret_knows(const char *what);
/* argv as cmd_channel() has it. The exit status; of verify as of `todoke probe`. */
int channel_secret_run(int argc, char **argv);
void channel_secret_help(FILE *to); /* the lines of the usage */
