/* The server over real sockets, HTTP/2 with prior knowledge. */
#include "server_h2_client.h"

static void many_streams_on_one_connection(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    for (uint32_t i = 0; i < 100; i++)
        get(&c, 2 * i + 1, i % 2 ? "/later" : "/x?y");
    await(&c, 100);
    for (uint32_t i = 0; i < 100; i++)
        expect(&c, 2 * i + 1, i % 2 ? 202 : 200, i % 2 ? "/later" : "GET /x?y ");
    request(&c, 201, "POST", "/p", NULL, 0);
    frame(&c, DATA, 0, 201, "abc", 3);
    frame(&c, DATA, END_STREAM, 201, "def", 3);
    request(&c, 203, "HEAD", "/h", NULL, END_STREAM);
    get(&c, 205, "/empty");
    get(&c, 207, "/stream");
    get(&c, 209, "/broken");
    request(&c, 211, "OPTIONS", "*", NULL, END_STREAM);
    request(&c, 213, "BREW", "/b", NULL, END_STREAM);
    await(&c, 107);
    expect(&c, 201, 200, "POST /p? abcdef");
    expect(&c, 203, 200, "");
    assert_true(c.answers[101].had_length);
    expect(&c, 205, 204, "");
    expect(&c, 207, 200, "one,two");
    expect(&c, 209, 200, "one,");
    assert_int_equal(c.answers[104].reset, NGHTTP2_INTERNAL_ERROR);
    expect(&c, 211, 200, "OPTIONS *? ");
    expect(&c, 213, 200, "BREW /b? ");
    client_close(&c);
    fx_stop(&f);
}

static void byte_by_byte(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    request(&c, 1, "POST", "/p", NULL, 0);
    frame(&c, DATA, END_STREAM, 1, "abc", 3);
    flush_slowly(&c);
    await(&c, 1);
    expect(&c, 1, 200, "POST /p? abc");
    client_close(&c);
    fx_stop(&f);
}

static void refusals(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){.limits = {.body_max = 20000,
                                                    .head_max = 4000,
                                                    .target_max = 100,
                                                    .fields_max = 30,
                                                    .body_timeout_ms = 150}});
    client_open(&c, &f);
    static char junk[16384];
    char path[110] = "/";
    memset(path + 1, 'p', 101);
    request(&c, 1, "POST", "/p", (const char *[]){"content-length", "20001", NULL}, 0);
    request(&c, 3, "POST", "/p", NULL, 0);
    frame(&c, DATA, 0, 3, junk, 16384);
    frame(&c, DATA, 0, 3, junk, 10000); /* the answer may come before the rest */
    get(&c, 5, path);
    request(&c, 7, "POST", "/small", (const char *[]){"content-length", "11", NULL}, 0);
    request(&c, 9, "POST", "/early", NULL, 0);
    request(&c, 11, "POST", "/p", NULL, 0); /* its body never comes */
    request(&c, 13, "POST", "/p", (const char *[]){"expect", "miracles", NULL}, 0);
    request(&c, 15, "POST", "/p", (const char *[]){"expect", "100-continue", "content-length", "2", NULL}, 0);
    const char *fields[80] = {NULL};
    for (int i = 0; i < 30; i++) {
        fields[2 * i] = "x";
        fields[2 * i + 1] = "y";
    }
    request(&c, 17, "GET", "/p", fields, END_STREAM);
    char value[120];
    memset(value, 'v', 119);
    value[119] = '\0';
    const char *large[100] = {NULL};
    for (int i = 0; i < 28; i++) {
        large[2 * i] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
        large[2 * i + 1] = value;
    }
    request(&c, 19, "GET", "/p", large, END_STREAM);
    request(&c, 21, "GET", "no-slash", NULL, END_STREAM);
    request(&c, 23, "GET", "/#f", NULL, END_STREAM);
    request(&c, 25, "POST", "/p", (const char *[]){"expect", "\tmiracles ", NULL}, 0); /* not overlooked */
    frame(&c, DATA, END_STREAM, 15, "ok", 2);
    await(&c, 13);
    expect(&c, 1, 413, NULL);
    expect(&c, 3, 413, NULL);
    expect(&c, 5, 414, NULL);
    expect(&c, 7, 413, NULL);
    expect(&c, 9, 401, "early");
    expect(&c, 11, 408, NULL);
    expect(&c, 13, 417, NULL);
    expect(&c, 15, 200, "POST /p? ok");
    assert_true(c.answers[7].informed);
    expect(&c, 17, 431, NULL);
    expect(&c, 19, 431, NULL);
    assert_true(c.answers[10].reset >= 0 || c.answers[10].status == 400);
    expect(&c, 23, 400, NULL);
    expect(&c, 25, 417, NULL);
    /* Answered early: the client is told not to send the rest, and the connection goes on. */
    get(&c, 31, "/x");
    while (!c.answers[15].ended)
        await(&c, c.finished + 1);
    expect(&c, 31, 200, "GET /x? ");
    assert_int_equal(c.answers[0].reset, NGHTTP2_NO_ERROR);
    assert_int_equal(c.answers[4].reset, NGHTTP2_NO_ERROR);
    client_close(&c);
    fx_stop(&f);
}

static void large_bodies_and_flow_control(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){.limits = {.write_timeout_ms = 300}});
    client_open(&c, &f);
    c.window_updates = true;
    static char piece[16384];
    memset(piece, 'z', sizeof(piece));
    get(&c, 1, "/x");
    await(&c, 1); /* and with it the server's settings: larger windows than the protocol's own */
    request(&c, 3, "POST", "/p", NULL, 0);
    for (int i = 0; i < 8; i++)
        frame(&c, DATA, i == 7 ? END_STREAM : 0, 3, piece, sizeof(piece));
    get(&c, 5, "/flood");
    await(&c, 3);
    assert_int_equal(buf_len(&c.answers[1].body), 8 * 16384 + 9);
    assert_int_equal(buf_len(&c.answers[2].body), FLOOD_BYTES);
    (void)fx_await(f.finished);
    /* Without windows the sender waits, and then gives up. */
    c.window_updates = false;
    get(&c, 7, "/flood");
    flush(&c);
    (void)fx_await(f.aborted);
    await(&c, 4);
    assert_int_equal(c.answers[3].reset, NGHTTP2_INTERNAL_ERROR);
    client_close(&c);
    fx_stop(&f);
}

static void a_cancelled_request_is_told_of(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    get(&c, 1, "/never");
    get(&c, 3, "/never");
    get(&c, 5, "/x");
    await(&c, 1);
    frame(&c, RST, 0, 1, "\0\0\0\x08", 4);
    flush(&c);
    assert_int_equal(fx_await(f.aborted), 1);
    (void)close(c.fd);
    assert_int_equal(fx_await(f.aborted), 1);
    c.fd = -1;
    client_close(&c);
    fx_stop(&f);
}

static void an_idle_connection_is_closed_and_a_slow_head_too(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){.limits = {.idle_timeout_ms = 150, .head_timeout_ms = 150}});
    client_open(&c, &f);
    get(&c, 1, "/x");
    await(&c, 0);
    expect(&c, 1, 200, "GET /x? ");
    assert_int_equal(c.goaway, NGHTTP2_NO_ERROR);
    client_close(&c);
    client_open(&c, &f);
    get(&c, 1, "/never");
    frame(&c, HEADERS, END_STREAM, 3, "\x82", 1); /* no END_HEADERS, and nothing after it */
    await(&c, 0);
    client_close(&c);
    fx_stop(&f);
}

static void drain_says_goaway_and_finishes(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    request(&c, 1, "POST", "/p", NULL, 0);
    get(&c, 3, "/x");
    await(&c, 1);
    fx_command(&f, 2);
    frame(&c, DATA, END_STREAM, 1, "abc", 3);
    await(&c, 0);
    expect(&c, 1, 200, "POST /p? abc");
    assert_int_equal(c.goaway, NGHTTP2_NO_ERROR);
    client_close(&c);
    fx_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_streams_on_one_connection),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(refusals),
        cmocka_unit_test(large_bodies_and_flow_control),
        cmocka_unit_test(a_cancelled_request_is_told_of),
        cmocka_unit_test(an_idle_connection_is_closed_and_a_slow_head_too),
        cmocka_unit_test(drain_says_goaway_and_finishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
