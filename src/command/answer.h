#pragma once
/*
 * Reads a node's answers without loss. Publishers choose the members of an event: numbers may exceed every C
 * type, strings may contain NUL, and names may repeat. The commands show them exactly as they were sent.
 */
#include <stdbool.h>
#include <stdio.h>

#include "base/json_scan.h"

/* Parses an answer. False: it is not JSON. */
bool answer_read(struct span text, struct json_value *ret) MUST_CHECK;

/* The member of an object at a path such as "lastHour.failed"; kind NONE: there is none. A string in the
 * middle of the path is returned itself: an audit entry names an actor without an account by a string. */
struct json_value answer_at(struct json_value object, const char *path);
/* The member as a string. False: it is not a string, or does not fit into out. */
bool answer_text(struct json_value object, const char *path, char *out, size_t size) MUST_CHECK;
/* The member as a non-negative 64-bit number. False: it is not one. */
bool answer_number(struct json_value object, const char *path, int64_t *ret) MUST_CHECK;

/* Appends a value as text for a table cell, cut after max bytes with "…". Terminal control characters are
 * escaped. */
enum err answer_show(struct json_value v, size_t max, struct buf *out) MUST_CHECK;

/* JSON on one line, without a line feed at its end. */
void answer_print_line(FILE *to, struct json_value v);
/* Prints JSON indented for people, and any other text unchanged. */
void answer_print(FILE *to, struct span text);
