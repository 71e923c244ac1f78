#pragma once
/*
 * Writing for people: colours only on a terminal, lines broken to its width. Into a pipe or a file the same
 * text goes out plain and unbroken, so that grep finds it.
 */
#include <stdbool.h>
#include <stdio.h>

enum paint_style { PAINT_PLAIN, PAINT_BOLD, PAINT_DIM, PAINT_GOOD, PAINT_BAD, PAINT_WARN };

struct paint {
    FILE *to;
    bool colour;      /* a terminal, and neither NO_COLOR (no-color.org) nor TERM=dumb forbids it */
    unsigned columns; /* 0: lines are not broken */
};

void paint_init(struct paint *p, FILE *to);

/* Writes text in a style; what could command the terminal is escaped (app/visible.h), here and in
 * paint_padded(). */
void paint_text(const struct paint *p, enum paint_style style, const char *text);

/* Writes text in a style and fills up with spaces to width columns (Japanese characters take two). */
void paint_padded(const struct paint *p, enum paint_style style, const char *text, unsigned width);

/* Writes text of our own from column indent on, where the cursor already is; further lines begin there too.
 * Ends with a line break. Breaks at spaces and between Japanese characters, never inside `code`, so that
 * commands can be copied. */
void paint_wrapped(const struct paint *p, enum paint_style style, unsigned indent, const char *text);

/* Columns that text takes on a terminal, once written by these. */
unsigned paint_width(const char *text);
