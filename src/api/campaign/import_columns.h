#pragma once
/* The columns of a CSV file: what the first row names, and what the cells of a row under them mean. */
#include "api/campaign/import_rows.h"
#include "base/buf.h"

#define IMPORT_COLUMNS_MAX 512u

/* A cell; ptr NULL: empty, and without quotes. */
struct import_cells {
    struct span cells[IMPORT_COLUMNS_MAX];
    uint32_t count;
};

enum import_column {
    COLUMN_USER_ID,
    COLUMN_EMAIL,
    COLUMN_EMAIL_SUBSCRIBED,
    COLUMN_LINE,
    COLUMN_LINE_SUBSCRIBED,
    COLUMN_APP,
    COLUMN_APP_SUBSCRIBED,
    COLUMN_BROWSER,
    COLUMN_BROWSER_SUBSCRIBED,
    COLUMN_P256DH,
    COLUMN_AUTH,
    COLUMN_FIXED, /* how many of these there are */
};

struct import_columns {
    uint32_t count;
    int32_t fixed[COLUMN_FIXED]; /* where; -1: not there */
    struct attribute_column {
        uint32_t at;
        char *name; /* a JSON string, with its quotes; in the arena */
    } attributes[IMPORT_COLUMNS_MAX];
    uint32_t attribute_count;
    int32_t value; /* of a list */
};

/* Reads the first row. ERR_INVALID: why says what is wrong with it; ERR_NOMEM. */
enum err import_columns_read(struct import_columns *c, const struct import_shape *shape,
                             const struct import_cells *row, struct arena *arena, char *why,
                             size_t why_size) MUST_CHECK;
/* Makes a person of a row. json: room for the attributes. ERR_INVALID: fault; ERR_NOMEM. */
enum err import_columns_user(const struct import_columns *c, const struct import_cells *row, bool allow_http,
                             struct arena *arena, struct buf *json,
                             struct target_change targets[static MEDIUM_COUNT], struct user_change *ret,
                             struct read_fault *fault) MUST_CHECK;
