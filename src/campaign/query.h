#pragma once
/*
 * SQL of a provider, run in a process of its own (query_child.h) that sees this provider's users, targets,
 * lists and messages and nothing else, and that is bound in time, memory, rows and temporary space. A query
 * belongs to one libuv loop and is used from its thread only.
 *
 *     query_start(loop, &options, &ask, &calls, arg, &q)
 *         calls.rows(arg, rows, count)   as they come; query_pause() while there is no room for more
 *         calls.end(arg, &end)           once, the last; q is gone when it returns
 *     query_stop(q)                      kills the process; nothing is called any more
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/span.h"
#include "store/audience.h"

#define QUERY_SQL_MAX 16384u /* bytes: longer ones are lists, which are uploaded as such */
#define QUERY_COLUMNS_MAX 100u
#define QUERY_PREVIEW_ROWS 20u
#define QUERY_PREVIEW_MS 10000u  /* a person waits for it */
#define QUERY_PREVIEW_CELL 1024u /* bytes of a cell that a preview shows */
#define QUERY_MESSAGE_MAX 400u

struct query_options {
    const char *program; /* the todoke to run as a child; NULL: /proc/self/exe */
    const char *dir;     /* the data directory */
    uint32_t time_ms;    /* what it may work; 0: QUERY_TIME_MS. Time for which it is paused does not count */
    size_t memory;       /* bytes; 0: QUERY_MEMORY */
    uint64_t rows;       /* of the result; 0: QUERY_ROWS */
    uint64_t space; /* bytes of temporary files in dir, at most a quarter of what is free; 0: QUERY_SPACE */
};
#define QUERY_TIME_MS 30000u
#define QUERY_MEMORY ((size_t)256 << 20)
#define QUERY_ROWS UINT64_C(5000000)
#define QUERY_SPACE (UINT64_C(512) << 20)
#define QUERY_OPEN_MS                                                                                        \
    600000u /* how long it may be there at all, pauses included: the database's log cannot shrink meanwhile */

struct query_ask {
    int64_t provider_id;
    struct span sql;
    enum by by;   /* the column that names people; the rows given have that one only */
    bool preview; /* instead: the first rows with all columns, and the plan */
};

enum query_cell_kind { QUERY_NULL, QUERY_TEXT, QUERY_NUMBER, QUERY_BLOB };
struct query_cell {
    enum query_cell_kind kind;
    bool cut;         /* a preview shows only its beginning */
    struct span text; /* a number as SQLite writes it; a blob's bytes */
};
struct query_row {
    const struct query_cell *cells;
    size_t count; /* 1; of a preview one a column */
};

enum query_result {
    QUERY_DONE,
    /* the SQL is wrong, or asks for what it may not see: message, and line and column where known */
    QUERY_REFUSED,
    QUERY_EXCESS, /* "Resources exceeded during query execution": bound, and message with what helps */
    /* ours: the process could not be started or died, or the database cannot be read; try again */
    QUERY_GONE,
};
enum query_bound { QUERY_BOUND_TIME, QUERY_BOUND_MEMORY, QUERY_BOUND_ROWS, QUERY_BOUND_SPACE };
const char *query_bound_text(enum query_bound b); /* "time", "memory", "rows", "space" */

/* What a plan does: a line of EXPLAIN QUERY PLAN, and how deep it lies. */
struct query_step {
    unsigned depth;
    struct span text;
};

struct query_end {
    enum query_result result;
    enum query_bound bound;
    char message[QUERY_MESSAGE_MAX]; /* English, one line; "" when done */
    uint32_t line, column;           /* of the SQL, from 1; 0: not known */
    uint64_t rows;                   /* given */
    uint64_t steps;                  /* of SQLite's machine: what the query has cost */
    uint32_t ms;                     /* worked */
    bool more;                       /* preview: there are more rows than are shown */
    const char *const *columns;      /* preview: names */
    size_t column_count;
    const struct query_step *plan; /* preview */
    size_t plan_count;
};

struct query_calls {
    /* Spans live for the call. It may pause or stop the query. */
    void (*rows)(void *arg, const struct query_row *rows, size_t count);
    void (*end)(void *arg, const struct query_end *end);
};

struct query;

/* Nothing is called from within this call. ERR_LIMIT: the SQL is too long; ERR_NOMEM, ERR_IO: no process. */
enum err query_start(uv_loop_t *loop, const struct query_options *options, const struct query_ask *ask,
                     const struct query_calls *calls, void *arg, struct query **ret) MUST_CHECK;
void query_pause(struct query *q); /* no rows until query_resume(), or few that are on the way */
void query_resume(struct query *q);
void query_stop(struct query *q); /* NULL-safe; its handles close on the loop later */
