#pragma once
/*
 * Sends a file of any size as the body of one call, over libcurl: the engine that delivers webhooks has its
 * bodies in memory. On a terminal a bar on standard error shows how far it is.
 */
#include <stdio.h>

#include "base/buf.h"
#include "command/client.h"

struct upload_bar {
    bool terminal; /* standard error is one */
    uint64_t began_ms, shown_ms;
};

void upload_bar_begin(struct upload_bar *b);
/*
 * done of total (0: unknown), in that unit. At most some times a second; elsewhere a line every few
 * seconds.
 */
void upload_bar_show(struct upload_bar *b, const char *what, uint64_t done, uint64_t total, const char *unit);
void upload_bar_end(struct upload_bar *b); /* leaves the terminal's line empty */

/*
 * Returns CLIENT_DONE with the answer in *answer, or an exit status after a message. in is read to its
 * end.
 */
int upload_send(const struct client *c, const char *path, const char *type, FILE *in, struct upload_bar *bar,
                struct buf *answer);
