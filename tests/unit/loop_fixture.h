#pragma once
/* The end of a loop on which a test's peers live: their handles are part of the test's struct, and the
 * connections that they accepted are allocated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

/* For uv_close() of an accepted connection. */
static inline void loop_on_conn_closed(uv_handle_t *conn)
{
    free(conn);
}

struct loop_owner {
    const char *at;
    size_t size;
};

static inline void loop_on_walk(uv_handle_t *handle, void *arg)
{
    const struct loop_owner *owner = arg;
    const char *at = (const char *)handle;
    bool is_part = at >= owner->at && at < owner->at + owner->size;
    if (!uv_is_closing(handle))
        uv_close(handle, is_part ? NULL : loop_on_conn_closed);
}

/* Closes all handles, frees those that are no part of owner, and closes the loop. */
static inline void loop_end(uv_loop_t *loop, const void *owner, size_t size)
{
    uv_walk(loop, loop_on_walk, &(struct loop_owner){owner, size});
    (void)uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}
