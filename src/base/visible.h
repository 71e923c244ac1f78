#pragma once
/*
 * Makes foreign text safe for a terminal: characters that command the terminal, change the reading direction
 * or are invisible become \uXXXX, and bytes that are not valid UTF-8 become U+FFFD. In JSON such an escape
 * means the same character, so JSON stays equivalent.
 */
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* lines: keep line feeds. */
void visible_print(FILE *to, struct span s, bool lines);
/* Appends whole characters. ERR_LIMIT, ERR_NOMEM: those that fitted are there. */
enum err visible_add(struct buf *out, struct span s, bool lines) MUST_CHECK;
/* The number of columns that s takes on a terminal, escapes included. */
unsigned visible_width(struct span s);

/*
 * Writes one line to standard error, "todoke: …" or "todoke COMMAND: …" (command may be NULL). Returns 2, the
 * exit status for wrong usage.
 */
int visible_complain(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
