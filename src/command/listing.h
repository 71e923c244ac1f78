#pragma once
/* Prints API answers: for people as tables or one object line by line; for programs as JSON, one object a
 * line. */
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
 * Requests and prints page after page, following the cursor, until the last page or max rows. path may
 * already have a query. json: each row as a JSON line. Returns the exit status.
 */
int listing_pages(const struct client *c, const struct listing *l, const char *path, uint32_t max, bool json);

/* Prints one answer: a line for each member (nested objects as name.member), then the array that l names, if
 * any, as a table. Returns the exit status. */
int listing_object(const struct listing *l, struct span answer);

/* Prints one value padded with spaces to width columns; a long value is cut and ends with "…". */
void listing_cell(const struct paint *p, struct json_value v, unsigned width);
/* Prints the rows of an array as a table. */
void listing_table(const struct listing *l, struct json_value rows, bool heading);
