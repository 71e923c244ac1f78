#pragma once
/*
 * What a node answered, read without loss: the members of an event are the publisher's, whose numbers may be
 * larger than any type, whose strings may hold NUL and whose names may stand twice. What is shown is what was
 * sent.
 */
#include <stdbool.h>
#include <stdio.h>

#include "base/json_scan.h"

/* The value that an answer is. false: it is no JSON. */
bool answer_read(struct span text, struct json_value *ret) MUST_CHECK;

/* The member at "lastHour.failed" of an object; kind NONE: there is none. A string in the middle of the path
 * is the answer: who did it, when it was no account. */
struct json_value answer_at(struct json_value object, const char *path);
/* The same as a string; false: it is none, or longer than out takes. */
bool answer_text(struct json_value object, const char *path, char *out, size_t size) MUST_CHECK;
/* The same as a number not below 0 in 64 bits; false: it is none. */
bool answer_number(struct json_value object, const char *path, int64_t *ret) MUST_CHECK;

/* Appends what a person reads of a value, for one cell of a table: no more than max bytes of a longer one,
 * and "…". What could command a terminal is escaped. */
enum err answer_show(struct json_value v, size_t max, struct buf *out) MUST_CHECK;

/* JSON on one line, without a line feed at its end. */
void answer_print_line(FILE *to, struct json_value v);
/* Indented, for people; what is no JSON as it is. */
void answer_print(FILE *to, struct span text);
