#pragma once
/*
 * What a query (query.h) and its process (query_child.h) say to each other over a socket: a head, then len
 * bytes. Both are the same program on the same machine, so numbers are in its order.
 */
#include <stdint.h>

enum query_frame_kind {
    /* to the process, the first and only one: struct query_frame_ask, the directory, the SQL */
    QUERY_FRAME_ASK,
    QUERY_FRAME_COLUMNS, /* from the process, preview: for each its length (uint32_t) and its name */
    QUERY_FRAME_STEP,    /* preview, a line of the plan: its depth (uint32_t), its text */
    QUERY_FRAME_ROWS,    /* cells: struct query_frame_cell and the text; whole rows */
    QUERY_FRAME_END,     /* the last: struct query_frame_end, the message */
};

#define QUERY_FRAME_MAX (512u << 10) /* of any frame: a preview's rows have up to 100 columns of 1 KiB */

struct query_frame {
    uint32_t len;
    uint32_t kind;
};

struct query_frame_ask {
    int64_t provider_id;
    uint64_t memory, rows, space;
    uint32_t time_ms, dir_len;
    uint8_t by, preview, reserved[6];
};

struct query_frame_cell {
    uint32_t len;
    uint8_t kind, cut, reserved[2];
};

struct query_frame_end {
    uint64_t rows, steps;
    uint32_t ms, line, column;
    uint8_t result, bound, more, reserved;
};
