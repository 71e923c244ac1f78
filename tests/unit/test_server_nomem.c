/*
 * Allocation number N fails, for every N a short conversation makes: the connection it concerns may end,
 * nothing crashes or leaks, and the next connection is served.
 */
#include "server_fixture.h"

#define H "Host: a\r\n"

/* Without an allocation of its own: sends, and reads to the end. Returns the bytes read. */
static size_t converse(const struct fixture *f, const char *text, size_t len)
{
    static char sink[65536];
    int fd = cl_open(f);
    cl_send(fd, text, len);
    size_t sum = 0;
    for (;;) {
        ssize_t n = recv(fd, sink, sizeof(sink), 0);
        if (n < 0)
            assert_int_not_equal(errno, EAGAIN);
        if (n <= 0)
            break;
        sum += (size_t)n;
    }
    (void)close(fd);
    return sum;
}

/* Fails N = 1, 2, …, until a conversation no longer reaches number N. */
static void every_allocation(const struct server_config *config, const char *text, size_t len)
{
    unsigned long n = 0;
    int hit;
    do {
        assert_true(++n < 1000);
        /* A new server each time: what one keeps for use again would hide allocations. */
        struct fixture f;
        fx_start(&f, config);
        (void)mem_fail_at(n);
        (void)converse(&f, text, len);
        hit = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_true(converse(&f, text, len) > 0);
        fx_stop(&f);
    } while (hit);
    assert_true(n > 3);
}

static void http1(void **state)
{
    (void)state;
    static const char text[] =
        "GET /later HTTP/1.1\r\n" H "\r\nPOST /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\n\r\nGET /stream HTTP/1.1\r\n" H "Connection: close\r\n\r\n";
    every_allocation(&(struct server_config){0}, text, sizeof(text) - 1);
}

static void http1_with_a_large_body(void **state)
{
    (void)state;
    enum { SIZE = 100000 };
    static char text[SIZE + 200];
    int head = snprintf(text, sizeof(text),
                        "POST /x HTTP/1.1\r\n" H "Connection: close\r\nContent-Length: %d\r\n\r\n", SIZE);
    memset(text + head, 'b', SIZE);
    every_allocation(&(struct server_config){0}, text, (size_t)head + SIZE);
}

static void http2(void **state)
{
    (void)state;
    /* GET /later as stream 1, POST /x with a body as 3, then GOAWAY: the server closes once all is
     * answered. */
    static const char text[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
                               "\0\0\15\1\5\0\0\0\1\x82\x86\x04\6/later\x41\1a"
                               "\0\0\11\1\4\0\0\0\3\x83\x86\x04\2/x\x41\1a"
                               "\0\0\5\0\1\0\0\0\3hello"
                               "\0\0\10\7\0\0\0\0\0\0\0\0\0\0\0\0\0";
    every_allocation(&(struct server_config){.limits = {.idle_timeout_ms = 100}}, text, sizeof(text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http1),
        cmocka_unit_test(http1_with_a_large_body),
        cmocka_unit_test(http2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
