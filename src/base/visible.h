#pragma once
/*
 * Text that others wrote, as a terminal may be shown it: what could command the terminal, turn the reading
 * direction or not be seen at all is written as \uXXXX, bytes that are no UTF-8 as U+FFFD. Inside of JSON the
 * escapes mean what they stand for, so JSON stays the same JSON.
 */
#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* lines: line feeds stay. */
void visible_print(FILE *to, struct span s, bool lines);
/* Appends whole characters. ERR_LIMIT, ERR_NOMEM: those that fitted are there. */
enum err visible_add(struct buf *out, struct span s, bool lines) MUST_CHECK;
/* The columns that s takes on a terminal, escapes included. */
unsigned visible_width(struct span s);

/* One line on standard error, "todoke: …" or "todoke COMMAND: …" (command may be NULL); 2, the status of
 * wrong usage. */
int visible_complain(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
