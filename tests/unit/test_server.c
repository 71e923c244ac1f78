/* The server over real sockets, HTTP/1. */
#include "server_fixture.h"

#define H "Host: a\r\n"

static void refuses_and_accepts(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        int want;
        bool close;
    } rows[] = {
        {"GET /echo HTTP/1.1\r\n" H "\r\n", 200, false},
        {"GET /echo HTTP/1.0\r\n\r\n", 200, true},
        {"GET /echo HTTP/1.1\r\n" H "Connection: close\r\n\r\n", 200, true},
        {"TRACE / HTTP/1.1\r\n" H "\r\n", 200, false}, /* the router's matter */
        {"BREW /x HTTP/1.1\r\n" H "\r\n", 200, false},
        {"GET http://a/x HTTP/1.1\r\n" H "\r\n", 200, false},
        {"CONNECT a:1 HTTP/1.1\r\n" H "\r\n", 501, true},
        {"GET / HTTP/1.1\r\n\r\n", 400, true},
        {"GET / HTTP/3.0\r\n" H "\r\n", 505, true},
        {"nonsense\r\n\r\n", 400, true},
        {"\x16\x03\x01\x02\x03", 400, true},
        {"POST /small HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\n0123456789", 200, false},
        {"POST /small HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\n", 413, true},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n", 413, true},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\nExpect: 100-continue\r\n\r\n", 413, true},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, true},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nfffff\r\n", 413, true},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nz", 408, true},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabc", 408, true},
        {"GET / HTTP/1.1\r\nHost:", 408, true},
        {"G", 408, true},
        {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505, true},
        {"PRI * HTTP/1.1\r\n" H "\r\n", 400, true},
        {"GET /early HTTP/1.1\r\n" H "\r\n", 401, false},
        {"POST /early HTTP/1.1\r\n" H "Content-Length: 500\r\n\r\n", 401, true},
        {"GET /empty HTTP/1.1\r\n" H "\r\n", 204, false},
    };
    struct fixture f;
    fx_start(&f, &(struct server_config){
                     .limits = {.body_max = 50000, .head_timeout_ms = 150, .body_timeout_ms = 150}});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool closed;
        int status = cl_once(&f, rows[i].in, strlen(rows[i].in), &closed);
        if (status != rows[i].want || closed != rows[i].close)
            fail_msg("%d %s instead of %d for %s", status, closed ? "close" : "", rows[i].want, rows[i].in);
    }
    fx_stop(&f);
}

static void refusals_are_json_and_carry_an_id(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    char first[37] = "";
    for (int i = 0; i < 2; i++) {
        int fd = cl_open(&f);
        struct buf b;
        buf_init(&b, 100000);
        cl_say(fd, "GET / HTTP/1.1\r\n\r\n");
        struct response r = cl_response(fd, &b, false);
        assert_int_equal(r.status, 400);
        assert_true(
            span_eq(cl_body(&r), SPAN_LIT("{\"message\":\"Bad Request\",\"details\":[{\"message\":\"Host is "
                                          "missing\",\"property\":\"host\"}]}")));
        assert_int_equal(strncmp(cl_field(&r, "content-type"), "application/json\r\n", 18), 0);
        assert_string_not_equal(r.id, first);
        assert_int_equal(r.id[14], '4');
        memcpy(first, r.id, sizeof(first));
        buf_deinit(&r.raw);
        buf_deinit(&b);
        (void)close(fd);
    }
    fx_stop(&f);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    int fd = cl_open(&f);
    struct buf b;
    buf_init(&b, 1u << 20);
    cl_say(fd, "GET /later HTTP/1.1\r\n" H "\r\nPOST /2 HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc\r\n"
               "GET /later HTTP/1.1\r\n" H "\r\nPOST /4?q HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
               "2\r\nde\r\n0\r\n\r\nGET /5 HTTP/1.1\r\n" H "Connection: close\r\n\r\nGET /6 HTTP/1.1\r\n" H
               "\r\n");
    cl_expect(fd, &b, 202, "/later");
    cl_expect(fd, &b, 200, "POST /2? abc");
    cl_expect(fd, &b, 202, "/later");
    cl_expect(fd, &b, 200, "POST /4?q de");
    cl_expect(fd, &b, 200, "GET /5? ");
    assert_false(cl_read(fd, &b));
    buf_deinit(&b);
    (void)close(fd);
    fx_stop(&f);
}

static void byte_by_byte(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    int fd = cl_open(&f);
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
    struct buf b;
    buf_init(&b, 100000);
    static const char text[] =
        "POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
        "POST /y HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n";
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        cl_send(fd, text + i, 1);
    cl_expect(fd, &b, 200, "POST /x? abc");
    cl_expect(fd, &b, 200, "POST /y? def");
    buf_deinit(&b);
    (void)close(fd);
    fx_stop(&f);
}

static void head_and_empty_answers_have_no_body(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    int fd = cl_open(&f);
    struct buf b;
    buf_init(&b, 100000);
    cl_say(fd, "HEAD /x HTTP/1.1\r\n" H "\r\nGET /empty HTTP/1.1\r\n" H "\r\nHEAD /stream HTTP/1.1\r\n" H
               "\r\nGET /y HTTP/1.1\r\n" H "\r\n");
    struct response r = cl_response(fd, &b, true);
    assert_int_equal(r.status, 200);
    assert_int_equal(strtoul(cl_field(&r, "content-length"), NULL, 10), strlen("HEAD /x? "));
    assert_null(cl_field(&r, "x-bad"));
    assert_null(cl_field(&r, "evil"));
    assert_non_null(cl_field(&r, "x-good"));
    buf_deinit(&r.raw);
    r = cl_response(fd, &b, false);
    assert_int_equal(r.status, 204);
    assert_null(cl_field(&r, "content-length"));
    buf_deinit(&r.raw);
    r = cl_response(fd, &b, true);
    assert_int_equal(r.status, 200);
    assert_null(cl_field(&r, "transfer-encoding"));
    buf_deinit(&r.raw);
    cl_expect(fd, &b, 200, "GET /y? ");
    buf_deinit(&b);
    (void)close(fd);
    fx_stop(&f);
}

static void expect_100_is_answered(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    int fd = cl_open(&f);
    struct buf b;
    buf_init(&b, 100000);
    cl_say(fd, "POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    struct response r = cl_response(fd, &b, false);
    assert_int_equal(r.status, 100);
    buf_deinit(&r.raw);
    cl_say(fd, "abc");
    cl_expect(fd, &b, 200, "POST /x? abc");
    buf_deinit(&b);
    (void)close(fd);
    fx_stop(&f);
}

static void large_bodies_in_and_out(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    int fd = cl_open(&f);
    struct buf b;
    buf_init(&b, 16u << 20);
    char *body = mem_alloc(SIZE);
    assert_non_null(body);
    for (size_t i = 0; i < SIZE; i++)
        body[i] = (char)('a' + i % 23);
    char head[200];
    (void)snprintf(head, sizeof(head), "POST /x HTTP/1.1\r\n" H "Content-Length: %d\r\n\r\n", SIZE);
    cl_say(fd, head);
    cl_send(fd, body, SIZE);
    struct response r = cl_response(fd, &b, false);
    assert_int_equal(r.status, 200);
    struct span got = cl_body(&r);
    assert_int_equal(got.len, SIZE + 9);
    assert_memory_equal(got.ptr + 9, body, SIZE);
    buf_deinit(&r.raw);
    mem_free(body);
    buf_deinit(&b);
    (void)close(fd);
    fx_stop(&f);
}

/* The answer comes although the client goes on sending; it must not be lost to a reset. */
static void early_answers_survive_a_client_that_goes_on_sending(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    static char junk[3 << 20];
    for (int i = 0; i < 5; i++) {
        int fd = cl_open(&f);
        struct buf b;
        buf_init(&b, 100000);
        cl_say(fd, "POST /x HTTP/1.1\r\n" H "Content-Length: 3145728\r\n\r\n");
        cl_send(fd, junk, sizeof(junk));
        struct response r = cl_response(fd, &b, false);
        assert_int_equal(r.status, 413);
        assert_true(r.close);
        buf_deinit(&r.raw);
        buf_deinit(&b);
        (void)close(fd);
    }
    fx_stop(&f);
}

static void half_closed_clients_get_their_answer(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    int fd = cl_open(&f);
    struct buf b;
    buf_init(&b, 100000);
    cl_say(fd, "GET /later HTTP/1.1\r\n" H "\r\nGET /later HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n" H
               "\r\nGET /c");
    (void)shutdown(fd, SHUT_WR);
    cl_expect(fd, &b, 202, "/later");
    cl_expect(fd, &b, 202, "/later");
    cl_expect(fd, &b, 200, "GET /b? ");
    assert_false(cl_read(fd, &b));
    buf_deinit(&b);
    (void)close(fd);
    fx_stop(&f);
}

static void a_client_that_goes_away_is_told_of(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    int fd = cl_open(&f);
    cl_say(fd, "GET /never HTTP/1.1\r\n" H "\r\n");
    (void)fx_await(f.ready);
    cl_reset(fd);
    assert_int_equal(fx_await(f.aborted), 1);
    /* Also with more bytes behind the request than the server has room for, and after a FIN. */
    static char more[8192];
    fd = cl_open(&f);
    cl_say(fd, "GET /never HTTP/1.1\r\n" H "\r\n");
    (void)fx_await(f.ready);
    cl_send(fd, more, sizeof(more));
    (void)shutdown(fd, SHUT_WR);
    cl_reset(fd);
    assert_int_equal(fx_await(f.aborted), 1);
    /* And when the server closes. */
    fd = cl_open(&f);
    cl_say(fd, "GET /never HTTP/1.1\r\n" H "\r\n");
    (void)fx_await(f.ready);
    atomic_store(&f.command, 1);
    assert_int_equal(uv_async_send(&f.wake), 0);
    assert_int_equal(fx_await(f.aborted), 1);
    assert_int_equal(pthread_join(f.thread, NULL), 0);
    (void)close(fd);
    (void)close(f.ready);
    (void)close(f.aborted);
    (void)close(f.finished);
}

static void streams_in_chunks(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    struct buf b;
    buf_init(&b, 16u << 20);
    int fd = cl_open(&f);
    cl_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\nGET /x HTTP/1.1\r\n" H "\r\n");
    struct response r = cl_response(fd, &b, false);
    assert_int_equal(strncmp(cl_field(&r, "transfer-encoding"), "chunked\r\n", 9), 0);
    static const char chunks[] = "4\r\none,\r\n3\r\ntwo\r\n0\r\n\r\n";
    while (buf_len(&b) < sizeof(chunks) - 1)
        assert_true(cl_read(fd, &b));
    assert_memory_equal(b.data + b.head, chunks, sizeof(chunks) - 1);
    buf_consume(&b, sizeof(chunks) - 1);
    cl_expect(fd, &b, 200, "GET /x? ");
    buf_deinit(&r.raw);
    (void)close(fd);
    /* HTTP/1.0 reads to the end of the connection. */
    fd = cl_open(&f);
    cl_say(fd, "GET /stream HTTP/1.0\r\n\r\n");
    r = cl_response(fd, &b, false);
    while (cl_read(fd, &b))
        ;
    assert_true(span_eq(buf_span(&b), SPAN_LIT("one,two")));
    buf_clear(&b);
    buf_deinit(&r.raw);
    (void)close(fd);
    /* A body that breaks off has no last chunk. */
    fd = cl_open(&f);
    cl_say(fd, "GET /broken HTTP/1.1\r\n" H "\r\n");
    r = cl_response(fd, &b, false);
    while (cl_read(fd, &b))
        ;
    assert_true(span_eq(buf_span(&b), SPAN_LIT("4\r\none,\r\n")));
    buf_deinit(&r.raw);
    (void)close(fd);
    buf_deinit(&b);
    fx_stop(&f);
}

static void drain_finishes_what_is_open(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    struct buf b;
    buf_init(&b, 100000);
    int idle = cl_open(&f), busy = cl_open(&f);
    cl_say(idle, "GET /x HTTP/1.1\r\n" H "\r\n");
    cl_expect(idle, &b, 200, "GET /x? ");
    cl_say(busy, "POST /y HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    struct response r = cl_response(busy, &b, false);
    assert_int_equal(r.status, 100);
    buf_deinit(&r.raw);
    fx_command(&f, 2);
    assert_false(cl_read(idle, &b));
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(f.port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(late, (struct sockaddr *)&at, sizeof(at)), -1);
    assert_int_equal(errno, ECONNREFUSED);
    (void)close(late);
    cl_say(busy, "abc");
    r = cl_response(busy, &b, false);
    assert_int_equal(r.status, 200);
    assert_true(r.close);
    buf_deinit(&r.raw);
    (void)close(idle);
    (void)close(busy);
    buf_deinit(&b);
    fx_stop(&f);
}

static void answers_may_come_after_the_server_is_gone(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    int one = cl_open(&f), two = cl_open(&f);
    cl_say(one, "POST /keep HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc");
    (void)fx_await(f.ready);
    cl_say(two, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    static const char h2[] = "\0\0\0\4\0\0\0\0\0\0\0\14\1\5\0\0\0\1\x82\x86\x04\5/keep\x41\1a";
    cl_send(two, h2, sizeof(h2) - 1);
    (void)fx_await(f.ready);
    fx_stop(&f);
    assert_int_equal(f.waiting_count, 2);
    assert_true(span_eq(server_body(f.waiting[0]), SPAN_LIT("abc"))); /* its bytes are still there */
    assert_true(span_eq(server_path(f.waiting[1]), SPAN_LIT("/keep")));
    server_respond(f.waiting[0], 200, NULL, 0, SPAN_LIT("late"));
    server_respond_begin(f.waiting[1], 200, NULL, 0, NULL, NULL);
    assert_int_equal(server_respond_write(f.waiting[1], SPAN_LIT("late")), ERR_CLOSED);
    server_respond_end(f.waiting[1], true);
    (void)close(one);
    (void)close(two);
}

static void a_given_descriptor_is_listened_on(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct server *s = NULL;
    assert_int_equal(uv_loop_init(&loop), 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 10), 0);
    struct server_config bad = {.listen_fd = fd, .tls_cert = "/nonexistent", .tls_key = "/nonexistent"};
    assert_int_equal(server_new(&s, &loop, &bad), ERR_IO);
    assert_int_equal(server_new(&s, &loop, &(struct server_config){.listen_fd = fd}),
                     ERR_NONE); /* still ours */
    char text[64];
    server_address(s, text);
    assert_int_equal(strncmp(text, "127.0.0.1:", 10), 0);
    server_close(s, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(close(fd), -1);
}

static void listen_addresses(void **state)
{
    (void)state;
    static const char *bad[] = {
        "",       "127.0.0.1", ":80",     "localhost:80",   "127.0.0.1:",   "127.0.0.1:65536", "1.2.3:80",
        "::1:80", "[::1]",     "[::1:80", "[127.0.0.1]:80", "127.0.0.1:8x", "127.0.0.1:-1",    "[]:80"};
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct server *s = NULL;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(server_new(&s, &loop, &(struct server_config){.listen = bad[i]}), ERR_INVALID);
        assert_null(s);
    }
    struct server_config v6 = {.listen = "[::1]:0", .reuse_port = true};
    if (server_new(&s, &loop, &v6) == ERR_NONE) { /* not every machine has IPv6 */
        char at[64];
        server_address(s, at);
        assert_int_equal(strncmp(at, "[::1]:", 6), 0);
        struct server *twin = NULL;
        v6.listen = at;
        assert_int_equal(server_new(&twin, &loop, &v6), ERR_NONE); /* SO_REUSEPORT */
        struct server *third = NULL;
        v6.reuse_port = false;
        assert_int_equal(server_new(&third, &loop, &v6), ERR_IO);
        server_close(twin, NULL, NULL);
        server_close(s, NULL, NULL);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_and_accepts),
        cmocka_unit_test(refusals_are_json_and_carry_an_id),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(head_and_empty_answers_have_no_body),
        cmocka_unit_test(expect_100_is_answered),
        cmocka_unit_test(large_bodies_in_and_out),
        cmocka_unit_test(early_answers_survive_a_client_that_goes_on_sending),
        cmocka_unit_test(half_closed_clients_get_their_answer),
        cmocka_unit_test(a_client_that_goes_away_is_told_of),
        cmocka_unit_test(streams_in_chunks),
        cmocka_unit_test(drain_finishes_what_is_open),
        cmocka_unit_test(answers_may_come_after_the_server_is_gone),
        cmocka_unit_test(a_given_descriptor_is_listened_on),
        cmocka_unit_test(listen_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
