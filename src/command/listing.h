#pragma once
/* Answers of the API for people: tables of rows, or one object line by line; and as JSON, an object a line,
 * for programs. */
#include "command/answer.h"
#include "command/client.h"
#include "command/paint.h"

struct listing_column {
    const char *title, *path; /* of the member: "lastHour.failed" */
};

#define LISTING_COLUMNS_MAX 8

struct listing {
    const char *member;                                     /* the array in the answer, "channels" */
    struct listing_column columns[LISTING_COLUMNS_MAX + 1]; /* ends with a title that is NULL */
};

/*
 * Asks for page after page (the answer's cursor) until there is none or max rows were shown; path may have a
 * query already. json: each row a line. The exit status.
 */
int listing_pages(const struct client *c, const struct listing *l, const char *path, uint32_t max, bool json);

/* One answer: its members a line each (objects in it as name.member); its array, where l has one, as a table
 * below. The exit status. */
int listing_object(const struct listing *l, struct span answer);

/* One value, filled up with spaces to width columns; what is long is cut and ends with "…". */
void listing_cell(const struct paint *p, struct json_value v, unsigned width);
/* The rows of an array as a table. */
void listing_table(const struct listing *l, struct json_value rows, bool heading);
