/* Who holds the places of a server: those nobody vouched for have a share, and make room for each other. */
#include "server_h2_client.h"

#define H "Host: a\r\n"
#define KNOWN "X-Key: good\r\n"

static struct server_stats stats(struct fixture *f)
{
    fx_command(f, 4);
    return f->stats;
}

static void await_open(struct fixture *f, uint64_t most)
{
    for (int i = 0; stats(f).connections_open > most; i++)
        assert_true(i < 200000);
}

/* A regular: a connection on which one request was vouched for. */
static int regular(const struct fixture *f)
{
    struct buf b;
    buf_init(&b, 100000);
    int fd = cl_open(f);
    cl_say(fd, "GET /known HTTP/1.1\r\n" H KNOWN "\r\n");
    cl_expect(fd, &b, 200, "GET /known? ");
    buf_deinit(&b);
    return fd;
}

static void serves(int fd)
{
    struct buf b;
    buf_init(&b, 100000);
    cl_say(fd, "GET /again HTTP/1.1\r\n" H "\r\n");
    cl_expect(fd, &b, 200, "GET /again? ");
    buf_deinit(&b);
}

static const char half_head[] = "GET /x HTTP/1.1\r\nHost";
static const char half_body[] = "POST /x HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\nx";
static const char idle[] = "GET /x HTTP/1.1\r\n" H "\r\n";
static const char unread[] = "GET /flood HTTP/1.1\r\n" H "\r\n";
static const char preface[] = PREFACE "\0\0\0\4\0\0\0\0\0";

/* However strangers hold places, from one address or from many: regulars stay, and whoever comes is
 * served. */
static void strangers_take_no_place_of_regulars(void **state)
{
    (void)state;
    enum { PLACES = 64, REGULARS = 20, STRANGERS = 150 };
    const struct {
        const char *say;
        size_t len;
    } ways[] = {{"", 0},
                {half_head, sizeof(half_head) - 1},
                {half_body, sizeof(half_body) - 1},
                {idle, sizeof(idle) - 1},
                {unread, sizeof(unread) - 1},
                {preface, sizeof(preface) - 1}};
    for (size_t w = 0; w < 2 * sizeof(ways) / sizeof(ways[0]); w++) {
        struct fixture f;
        fx_start(&f, &(struct server_config){.limits = {.connections_max = PLACES}});
        int regulars[REGULARS], strangers[STRANGERS];
        for (int i = 0; i < REGULARS; i++)
            regulars[i] = regular(&f);
        for (int i = 0; i < STRANGERS; i++) {
            strangers[i] = cl_open_from(&f, w % 2 ? (uint8_t)(2 + i) : 1);
            cl_send(strangers[i], ways[w / 2].say, ways[w / 2].len);
            if (i % 10 == 0)
                (void)close(regular(&f));
        }
        struct server_stats s = stats(&f);
        assert_true(s.strangers_open <= PLACES / 2);
        assert_true(s.displaced_total >= STRANGERS - PLACES / 2);
        assert_int_equal(s.refused_total, 0);
        for (int i = 0; i < REGULARS; i++) {
            serves(regulars[i]);
            (void)close(regulars[i]);
        }
        for (int i = 0; i < STRANGERS; i++)
            (void)close(strangers[i]);
        fx_stop(&f);
    }
}

/* One who has asked nothing yet is not displaced by those of an address that has many. */
static void the_largest_crowd_makes_room(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.connections_max = 64, .strangers_max = 8}});
    int one = cl_open_from(&f, 200), crowd[100];
    for (int i = 0; i < 100; i++)
        crowd[i] = cl_open_from(&f, (uint8_t)(2 + i % 4));
    serves(one);
    for (int i = 0; i < 100; i++)
        (void)close(crowd[i]);
    (void)close(one);
    fx_stop(&f);
}

/* Of one address the oldest goes, whatever it asks for meanwhile; one whose request is with the handler goes
 * last. */
static void the_oldest_goes_first(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.connections_max = 64, .strangers_max = 4}});
    struct buf b;
    buf_init(&b, 100000);
    int busy = cl_open(&f), fd[4];
    cl_say(busy, "GET /never HTTP/1.1\r\n" H "\r\n");
    (void)fx_await(f.ready);
    for (int i = 0; i < 3; i++) {
        fd[i] = cl_open(&f);
        serves(fd[i]);
    }
    serves(fd[0]);
    fd[3] = cl_open(&f);
    serves(fd[3]);
    assert_false(cl_read(fd[0], &b));
    for (int i = 1; i < 4; i++)
        serves(fd[i]);
    assert_int_equal(stats(&f).displaced_total, 1);
    cl_reset(busy);
    (void)fx_await(f.aborted);
    for (int i = 0; i < 4; i++)
        (void)close(fd[i]);
    buf_deinit(&b);
    fx_stop(&f);
}

/* Those who have said nothing yet and those who have are each sure of half. */
static void the_mute_push_nobody_out(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.connections_max = 64, .strangers_max = 8}});
    int heard[4], mute[100], more[100];
    for (int i = 0; i < 4; i++) {
        heard[i] = cl_open(&f);
        serves(heard[i]);
    }
    for (int i = 0; i < 100; i++) {
        mute[i] = cl_open_from(&f, (uint8_t)(2 + i));
        if (i % 2)
            cl_say(mute[i], half_head);
    }
    for (int i = 0; i < 4; i++)
        serves(heard[i]);
    for (int i = 0; i < 100; i++) { /* and those who come are not closed before they can speak */
        more[i] = cl_open_from(&f, (uint8_t)(2 + i));
        serves(more[i]);
    }
    assert_true(stats(&f).strangers_open <= 8);
    for (int i = 0; i < 100; i++) {
        (void)close(mute[i]);
        (void)close(more[i]);
    }
    for (int i = 0; i < 4; i++)
        (void)close(heard[i]);
    fx_stop(&f);
}

/* Where all places are regulars', the one that has been idle longest gives way to another regular, never to a
 * stranger. */
static void regulars_make_room_for_regulars(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.connections_max = 8}});
    struct buf b;
    buf_init(&b, 100000);
    int fd[9], stranger[20];
    for (int i = 0; i < 7; i++)
        fd[i] = regular(&f);
    for (int i = 0; i < 20; i++)
        stranger[i] = cl_open(&f);
    fd[7] = regular(&f);
    assert_false(cl_read(fd[0], &b));
    for (int i = 1; i < 8; i++)
        serves(fd[i]);
    fd[8] = regular(&f);
    assert_false(cl_read(fd[1], &b));
    assert_true(stats(&f).connections_open <= 8 + 2);
    for (int i = 0; i < 20; i++)
        (void)close(stranger[i]);
    for (int i = 0; i < 9; i++)
        (void)close(fd[i]);
    buf_deinit(&b);
    fx_stop(&f);
}

/* One whose next request lies unread is not idle: closed, its client could not tell whether the request was
 * taken. */
static void an_unread_request_is_no_idleness(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.connections_max = 8}});
    struct buf b;
    buf_init(&b, 100000);
    int fd[8];
    for (int i = 0; i < 7; i++)
        fd[i] = regular(&f);
    atomic_store(&f.command, 7);
    assert_int_equal(uv_async_send(&f.wake), 0);
    while (atomic_load(&f.command) != 0)
        ;
    /* The newcomer is looked at first: it was there before what the others say. */
    fd[7] = cl_open(&f);
    cl_say(fd[7], "GET /known HTTP/1.1\r\n" H KNOWN "\r\n");
    for (int i = 0; i < 3; i++)
        cl_say(fd[i], "GET /again HTTP/1.1\r\n" H "\r\n");
    fx_count(f.told);
    (void)fx_await(f.obeyed);
    for (int i = 0; i < 3; i++)
        cl_expect(fd[i], &b, 200, "GET /again? ");
    cl_expect(fd[7], &b, 200, "GET /known? ");
    assert_false(cl_read(fd[3], &b));
    for (int i = 0; i < 8; i++)
        (void)close(fd[i]);
    buf_deinit(&b);
    fx_stop(&f);
}

/* All in the middle of requests of callers who are known: the newcomer is the one to go. */
static void nobody_in_the_middle_of_a_request_goes(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.connections_max = 2}});
    struct buf b;
    buf_init(&b, 100000);
    int fd[3];
    for (int i = 0; i < 2; i++) {
        fd[i] = cl_open(&f);
        cl_say(fd[i], "POST /x HTTP/1.1\r\n" H KNOWN "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
        assert_true(cl_read(fd[i], &b)); /* 100: the head was read */
        buf_clear(&b);
    }
    fd[2] = cl_open(&f);
    assert_false(cl_read(fd[2], &b));
    assert_int_equal(stats(&f).refused_total, 1);
    for (int i = 0; i < 2; i++) {
        cl_say(fd[i], "ok");
        cl_expect(fd[i], &b, 200, "POST /x? ok");
    }
    for (int i = 0; i < 3; i++)
        (void)close(fd[i]);
    buf_deinit(&b);
    fx_stop(&f);
}

/* Strangers have less time: for the head, the body, and between requests. Regulars, here, have as much as the
 * test. */
static void strangers_have_no_time(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.stranger_timeout_ms = 150, .stranger_idle_ms = 150}});
    struct buf b;
    buf_init(&b, 100000);
    int known = regular(&f);
    const char *slow[] = {"", half_head, half_body, "GET /x HTTP/1.1\r\n" H "\r\n"};
    const int want[] = {-1, 408, 408, 200};
    for (size_t i = 0; i < 4; i++) {
        int fd = cl_open(&f);
        cl_say(fd, slow[i]);
        struct response r = cl_response(fd, &b, false);
        assert_int_equal(r.status, want[i] < 0 ? 0 : want[i]);
        assert_false(cl_read(fd, &b));
        buf_deinit(&r.raw);
        buf_clear(&b);
        (void)close(fd);
    }
    /* An HTTP/2 connection that only says PING, or only opens streams. */
    struct h2_client c;
    client_open(&c, &f);
    flush(&c);
    int pings = 0;
    for (char sink[4096]; recv(c.fd, sink, sizeof(sink), 0) > 0; pings++) {
        assert_true(pings < 2000);
        (void)poll(NULL, 0, 5);
        frame(&c, PING, 0, 0, "12345678", 8);
        flush(&c);
    }
    client_close(&c);
    client_open(&c, &f);
    request(&c, 1, "POST", "/x", NULL, 0);
    await(&c, 1);
    expect(&c, 1, 408, NULL);
    client_close(&c);
    /* Somebody known has all the time there is, also for a body. */
    serves(known);
    cl_say(known, "POST /x HTTP/1.1\r\n" H KNOWN "Content-Length: 2\r\n\r\n");
    int stranger = cl_open(&f);
    assert_false(cl_read(stranger, &b)); /* longer than a stranger has */
    (void)close(stranger);
    cl_say(known, "ok");
    cl_expect(known, &b, 200, "POST /x? ok");
    (void)close(known);
    buf_deinit(&b);
    fx_stop(&f);
}

/* Nothing of a body is taken in until it is known whose it is. */
static void a_held_body_stays_outside(void **state)
{
    (void)state;
    enum { BODY = 900000 };
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    struct buf b;
    buf_init(&b, 4u << 20);
    static char body[BODY];
    memset(body, 'b', sizeof(body));
    for (int known = 0; known < 2; known++) {
        int fd = cl_open(&f);
        cl_say(fd, "POST /held HTTP/1.1\r\n" H "Content-Length: 900000\r\n\r\n");
        (void)fx_await(f.ready);
        struct timeval soon = {.tv_usec = 50000};
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
        size_t sent = 0;
        for (ssize_t n; sent < BODY && (n = send(fd, body + sent, BODY - sent, MSG_NOSIGNAL)) > 0;)
            sent += (size_t)n; /* as much as the kernel takes */
        assert_true(stats(&f).buffered < 10000);
        fx_command(&f, known ? 5 : 6);
        struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        /* Reading goes on in either case: to drop it, or to take it in. */
        cl_send(fd, body + sent, BODY - sent);
        struct response r = cl_response(fd, &b, false);
        assert_int_equal(r.status, known ? 200 : 401);
        assert_int_equal(r.close, !known);
        assert_int_equal(cl_body(&r).len, known ? BODY + 12 : 7);
        buf_deinit(&r.raw);
        (void)close(fd);
        buf_clear(&b);
    }
    /* Gone while it is held, in both ways. */
    for (int command = 5; command <= 6; command++) {
        int fd = cl_open(&f);
        cl_say(fd, "POST /held HTTP/1.1\r\n" H "Content-Length: 900000\r\n\r\n");
        (void)fx_await(f.ready);
        cl_reset(fd);
        await_open(&f, 1); /* the one that lingers */
        fx_command(&f, command);
    }
    /* Without a body there is nothing to hold. A 100 is said once it is known. */
    int fd = cl_open(&f);
    cl_say(fd, "GET /held HTTP/1.1\r\n" H "\r\n");
    cl_expect(fd, &b, 200, "GET /held? ");
    cl_say(fd, "POST /held HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    (void)fx_await(f.ready);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 50), 0);
    fx_command(&f, 5);
    struct response r = cl_response(fd, &b, false);
    assert_int_equal(r.status, 100);
    buf_deinit(&r.raw);
    cl_say(fd, "ok");
    cl_expect(fd, &b, 200, "POST /held? ok");
    (void)close(fd);
    buf_deinit(&b);
    fx_stop(&f);
}

static void a_held_stream_too(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    static char piece[16384];
    memset(piece, 'z', sizeof(piece));
    get(&c, 1, "/x");
    await(&c, 1);
    /* Let in: before its body, after it, with a part of it; with 100-continue; gone meanwhile. */
    request(&c, 3, "POST", "/held", NULL, 0);
    request(&c, 5, "POST", "/held", NULL, 0);
    frame(&c, DATA, END_STREAM, 5, "five", 4);
    request(&c, 7, "POST", "/held", NULL, 0);
    frame(&c, DATA, 0, 7, "se", 2);
    request(&c, 9, "POST", "/held", (const char *[]){"expect", "100-continue", NULL}, 0);
    request(&c, 11, "POST", "/held", NULL, 0);
    frame(&c, RST, 0, 11, "\0\0\0\x08", 4);
    get(&c, 13, "/x"); /* has been read when all before it has */
    await(&c, 2);
    fx_command(&f, 5);
    frame(&c, DATA, END_STREAM, 3, "three", 5);
    frame(&c, DATA, END_STREAM, 7, "ven", 3);
    frame(&c, DATA, END_STREAM, 9, "nine", 4);
    await(&c, 6);
    expect(&c, 3, 200, "POST /held? three");
    expect(&c, 5, 200, "POST /held? five");
    expect(&c, 7, 200, "POST /held? seven");
    expect(&c, 9, 200, "POST /held? nine");
    assert_true(c.answers[4].informed);
    /* Refused: what is on its way of the body does no harm, and no more of it is asked for. */
    request(&c, 15, "POST", "/held", NULL, 0);
    for (int i = 0; i < 10; i++)
        frame(&c, DATA, 0, 15, piece, sizeof(piece));
    get(&c, 17, "/x");
    await(&c, 7);
    fx_command(&f, 6);
    for (int i = 0; i < 6; i++)
        frame(&c, DATA, 0, 15, piece, sizeof(piece));
    await(&c, 8);
    expect(&c, 15, 401, "unknown");
    get(&c, 19, "/x");
    await(&c, 9);
    assert_int_equal(c.answers[7].reset, NGHTTP2_NO_ERROR);
    assert_int_equal(stats(&f).buffered, 0);
    client_close(&c);
    fx_stop(&f);
}

/* What came of bodies of nobody knows whom has a cap of its own: it cannot use up the room of those who are
 * known. */
static void bodies_of_strangers_are_capped(void **state)
{
    (void)state;
    enum { STREAMS = 48 }; /* of 256 KB: 12 MB */
    struct fixture f;
    struct h2_client c[STREAMS / 8];
    fx_start(&f, &(struct server_config){0});
    static char piece[16384];
    memset(piece, 'z', sizeof(piece));
    for (int i = 0; i < STREAMS / 8; i++) {
        client_open(&c[i], &f);
        get(&c[i], 1, "/x");
        await(&c[i], 1); /* and with it the server's windows */
    }
    for (uint32_t half = 0; half < 2; half++) /* a connection's window is 1 MB */
        for (int i = 0; i < STREAMS / 8; i++) {
            for (uint32_t s = 0; s < 4; s++) {
                uint32_t stream = 100 * half + 2 * s + 3;
                request(&c[i], stream, "POST", "/held", NULL, 0);
                for (int k = 0; k < 15; k++)
                    frame(&c[i], DATA, 0, stream, piece, sizeof(piece));
            }
            get(&c[i], 100 * half + 99, "/x");
            await(&c[i], half + 2);
        }
    assert_in_range(stats(&f).buffered, 4u << 20, 8u << 20);
    int known = cl_open(&f);
    struct buf b;
    buf_init(&b, 1u << 20);
    cl_say(known, "POST /x HTTP/1.1\r\n" H KNOWN "Content-Length: 100000\r\n\r\n");
    for (int i = 0; i < 10; i++)
        cl_send(known, piece, 10000);
    struct response r = cl_response(known, &b, false);
    assert_int_equal(r.status, 200);
    buf_deinit(&r.raw);
    buf_deinit(&b);
    (void)close(known);
    fx_command(&f, 6);
    assert_int_equal(stats(&f).buffered, 0);
    for (int i = 0; i < STREAMS / 8; i++)
        client_close(&c[i]);
    fx_stop(&f);
}

/* A connection of a stranger may wait for the bodies of a few requests, a regular's for as many as there are
 * streams. */
static void open_bodies_of_strangers_are_few(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){.limits = {.stranger_timeout_ms = 200}});
    client_open(&c, &f);
    for (uint32_t i = 0; i < 50; i++)
        request(&c, 2 * i + 1, "POST", "/x", NULL, 0);
    await(&c, 50);
    unsigned late = 0;
    for (uint32_t i = 0; i < 50; i++) {
        late += c.answers[i].status == 408;
        assert_true(c.answers[i].status == 408 || c.answers[i].status == 503);
    }
    assert_int_equal(late, 8);
    client_close(&c);
    client_open(&c, &f);
    const char *key[] = {"x-key", "good", NULL};
    for (uint32_t i = 0; i < 50; i++)
        request(&c, 2 * i + 1, "POST", "/x", key, 0);
    for (uint32_t i = 0; i < 50; i++)
        frame(&c, DATA, END_STREAM, 2 * i + 1, "ok", 2);
    await(&c, 50);
    for (uint32_t i = 0; i < 50; i++)
        expect(&c, 2 * i + 1, 200, "POST /x? ok");
    client_close(&c);
    fx_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_take_no_place_of_regulars),
        cmocka_unit_test(the_largest_crowd_makes_room),
        cmocka_unit_test(the_oldest_goes_first),
        cmocka_unit_test(the_mute_push_nobody_out),
        cmocka_unit_test(regulars_make_room_for_regulars),
        cmocka_unit_test(an_unread_request_is_no_idleness),
        cmocka_unit_test(nobody_in_the_middle_of_a_request_goes),
        cmocka_unit_test(strangers_have_no_time),
        cmocka_unit_test(a_held_body_stays_outside),
        cmocka_unit_test(a_held_stream_too),
        cmocka_unit_test(bodies_of_strangers_are_capped),
        cmocka_unit_test(open_bodies_of_strangers_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
