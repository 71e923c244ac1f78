#pragma once
/* What tests with peers on a loop share. The peers' handles are part of the test's struct, and the
 * connections that they accepted are allocated. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
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

/* Binds a TCP and a UDP socket of 127.0.0.1 to one free port, which goes into sin. The kernel finds a free
 * port for one transport only, so that the other may be taken: then another port is tried, a few times. The
 * caller owns both sockets; false where there are none. */
static inline bool loop_port_of_both(int *tcp, int *udp, struct sockaddr_in *sin)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        socklen_t len = sizeof(*sin);
        *sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        *tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        *udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool ok = *tcp >= 0 && *udp >= 0 && bind(*udp, (struct sockaddr *)sin, len) == 0 &&
                  getsockname(*udp, (struct sockaddr *)sin, &len) == 0;
        if (ok && bind(*tcp, (struct sockaddr *)sin, len) == 0)
            return true;
        bool again = ok && errno == EADDRINUSE;
        (void)close(*tcp);
        (void)close(*udp);
        if (!again)
            return false;
    }
    return false;
}
