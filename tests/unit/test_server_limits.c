/* What the server does to those who send too slowly, too much, or too many. */
#include <fcntl.h>
#include <sys/resource.h>

#include "server_fixture.h"

#define H "Host: a\r\n"

static void slow_senders_are_cut_off(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){
                     .limits = {.head_timeout_ms = 150, .idle_timeout_ms = 150, .body_timeout_ms = 150}});
    struct buf b;
    buf_init(&b, 100000);
    /* Keeps dripping: the deadline is absolute. */
    int fd = cl_open(&f);
    cl_say(fd, "GET / HTTP/1.1\r\n" H "X: ");
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 10) == 0)
        cl_say(fd, "x");
    struct response r = cl_response(fd, &b, false);
    assert_int_equal(r.status, 408);
    assert_true(r.close);
    buf_deinit(&r.raw);
    (void)close(fd);
    /* Says nothing at all; and says nothing more after an answer: closed without a word. */
    fd = cl_open(&f);
    assert_false(cl_read(fd, &b));
    (void)close(fd);
    fd = cl_open(&f);
    cl_say(fd, "GET /a HTTP/1.1\r\n" H "\r\n");
    cl_expect(fd, &b, 200, "GET /a? ");
    assert_false(cl_read(fd, &b));
    (void)close(fd);
    /* A second request that begins and does not end. */
    fd = cl_open(&f);
    cl_say(fd, "GET /a HTTP/1.1\r\n" H "\r\nGET");
    cl_expect(fd, &b, 200, "GET /a? ");
    r = cl_response(fd, &b, false);
    assert_int_equal(r.status, 408);
    buf_deinit(&r.raw);
    (void)close(fd);
    buf_deinit(&b);
    fx_stop(&f);
}

static void a_slow_reader_slows_the_sender_or_is_cut_off(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.write_timeout_ms = 300}});
    struct buf b;
    buf_init(&b, 16u << 20);
    int fd = cl_open(&f);
    cl_say(fd, "GET /flood HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    while (cl_read(fd, &b))
        ;
    assert_true(buf_len(&b) > FLOOD_BYTES);
    assert_int_equal(fx_await(f.finished), 1);
    (void)close(fd);
    fd = cl_open(&f);
    cl_say(fd, "GET /flood HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(fx_await(f.aborted), 1); /* nothing is read */
    (void)close(fd);
    buf_deinit(&b);
    fx_stop(&f);
}

static void request_bodies_in_memory_are_capped(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.buffered_max = 100000}});
    static char half[60000];
    struct buf b;
    buf_init(&b, 1u << 20);
    int one = cl_open(&f), two = cl_open(&f);
    const char *head = "POST /x HTTP/1.1\r\n" H "Content-Length: 70000\r\n\r\n";
    cl_say(one, head);
    cl_send(one, half, sizeof(half));
    cl_say(two, head);
    cl_send(two, half, sizeof(half));
    struct pollfd p[2] = {{.fd = one, .events = POLLIN}, {.fd = two, .events = POLLIN}};
    assert_true(poll(p, 2, PATIENCE_MS) > 0);
    int refused = p[0].revents ? one : two, other = p[0].revents ? two : one;
    struct response r = cl_response(refused, &b, false);
    assert_int_equal(r.status, 503);
    buf_deinit(&r.raw);
    cl_send(other, half, 10000);
    r = cl_response(other, &b, false);
    assert_int_equal(r.status, 200);
    buf_deinit(&r.raw);
    (void)close(one);
    (void)close(two);
    buf_deinit(&b);
    fx_stop(&f);
}

__attribute__((unused)) static void no_descriptors_left_harms_nobody_connected(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    struct buf b;
    buf_init(&b, 100000);
    int busy = cl_open(&f);
    cl_say(busy, "GET /never HTTP/1.1\r\n" H "\r\n"); /* not idle: it is not closed to make room */
    (void)fx_await(f.ready);
    int newcomer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct rlimit was, tight;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    tight = was;
    tight.rlim_cur = (rlim_t)newcomer + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(f.port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(newcomer, (struct sockaddr *)&at, sizeof(at)), 0);
    cl_say(newcomer, "GET /new HTTP/1.1\r\n" H "\r\n");
    struct pollfd p = {.fd = newcomer, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 250), 0); /* waits in the kernel's queue */
    struct rusage before, after;
    (void)getrusage(RUSAGE_SELF, &before);
    assert_int_equal(poll(&p, 1, 250), 0);
    (void)getrusage(RUSAGE_SELF, &after);
    long cpu_us =
        (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) *
            1000000 +
        after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    assert_true(cpu_us < 100000); /* does not spin */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    cl_expect(newcomer, &b, 200, "GET /new? ");
    cl_reset(busy);
    (void)fx_await(f.aborted);
    (void)close(newcomer);
    buf_deinit(&b);
    fx_stop(&f);
}

/* Far more than the server may buffer: it must stop reading while it cannot write, and lose none. */
static void a_flood_of_pipelined_requests_is_bounded(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    int fd = cl_open(&f);
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    struct buf b;
    buf_init(&b, 64u << 20);
    static const char one[] = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t sent = 0, total = COUNT * (sizeof(one) - 1), answers = 0, seen = 0;
    while (answers < COUNT) {
        struct pollfd p = {.fd = fd, .events = (short)(POLLIN | (sent < total ? POLLOUT : 0))};
        assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
        for (int i = 0; i < 100 && sent < total && (p.revents & POLLOUT); i++) {
            size_t at = sent % (sizeof(one) - 1);
            ssize_t n = send(fd, one + at, sizeof(one) - 1 - at, MSG_NOSIGNAL);
            if (n < 0)
                break;
            sent += (size_t)n;
        }
        if (p.revents & POLLIN)
            assert_true(cl_read(fd, &b));
        for (char *at; buf_len(&b) > 0 && (at = memmem(b.data + seen, buf_len(&b) - seen, "GET /x? ", 8));
             answers++)
            seen = (size_t)(at - b.data) + 8;
    }
    buf_deinit(&b);
    (void)close(fd);
    fx_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_senders_are_cut_off),
        cmocka_unit_test(a_slow_reader_slows_the_sender_or_is_cut_off),
        cmocka_unit_test(request_bodies_in_memory_are_capped),
#ifndef __SANITIZE_THREAD__ /* TSan's run-time opens files of its own */
        cmocka_unit_test(no_descriptors_left_harms_nobody_connected),
#endif
        cmocka_unit_test(a_flood_of_pipelined_requests_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
