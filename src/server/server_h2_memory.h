#pragma once
/*
 * Allocator for the nghttp2 session of a client. nghttp2 1.52 frees a DATA item twice if the queue it is
 * added to cannot grow (nghttp2_submit_data, then nghttp2_session_del). So all blocks are on a list: once
 * memory has run out, nghttp2 is not called again and the list is freed instead.
 */
#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#include "base/list.h"

struct h2_memory { /* must not move: the allocator points here */
    nghttp2_mem allocator;
    struct list chunks;
    bool out; /* memory ran out */
};

void h2_memory_init(struct h2_memory *m);
void h2_memory_deinit(struct h2_memory *m); /* frees what the session has not freed */
