#pragma once
/* `todoke channel token|secret|rotate-secret|verify`: a channel's credentials; a webhook URL test. */
#include <stdbool.h>
#include <stdio.h>

/* Whether what is one of these verbs. */
bool channel_secret_knows(const char *what);
/* Takes the argv of cmd_channel(). Returns the exit status; verify returns that of `todoke probe`. */
int channel_secret_run(int argc, char **argv);
void channel_secret_help(FILE *to); /* prints the usage lines of these verbs */
