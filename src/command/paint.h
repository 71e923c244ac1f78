#pragma once
/*
 * Output for people: on a terminal with colours and with lines wrapped to its width; into a pipe or a file
 * plain and unwrapped, so that grep finds the text.
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

/* Writes text in a style; terminal control characters are escaped (base/visible.h), here and in
 * paint_padded(). */
void paint_text(const struct paint *p, enum paint_style style, const char *text);

/* Writes text in a style and fills up with spaces to width columns (Japanese characters take two). */
void paint_padded(const struct paint *p, enum paint_style style, const char *text, unsigned width);

/* Writes trusted text. The cursor is already at column indent, where further lines begin too.
 * Ends with a line break. Breaks at spaces and between Japanese characters, never inside `code`, so that
 * commands can be copied. */
void paint_wrapped(const struct paint *p, enum paint_style style, unsigned indent, const char *text);

/* How many terminal columns text takes when these functions write it. */
unsigned paint_width(const char *text);
