/*
 * HTTP/2 frames that nobody well-meaning sends: floods, each of which must be over soon; what well-meaning
 * clients send in numbers, which must not be taken for one; and frames on streams that are closed (RFC 9113
 * 5.1), of which nghttp2 leaves some to us.
 */
#include "server_h2_client.h"

#define UNKNOWN 0xee
#define PRIORITY_UPDATE 0x10
#define PADDED 8

static void number_put(uint8_t out[static 4], uint32_t n)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(n >> (24 - 8 * i));
}

static void window(struct h2_client *c, uint32_t stream, uint32_t by)
{
    uint8_t p[4];
    number_put(p, by);
    frame(c, WINDOW, 0, stream, p, 4);
}

/* For streams opened later, and those that are open. */
static void initial_window(struct h2_client *c, uint32_t bytes)
{
    uint8_t p[6] = {0, 4};
    number_put(p + 2, bytes);
    frame(c, SETTINGS, 0, 0, p, 6);
}

/* ---- floods ---- */

static void rapid_reset(struct h2_client *c, uint32_t i)
{
    get(c, 2 * i + 1, "/never");
    frame(c, RST, 0, 2 * i + 1, "\0\0\0\x08", 4);
}
static void bad_requests(struct h2_client *c, uint32_t i)
{
    request(c, 2 * i + 1, "GET", "/x", (const char *[]){"Upper", "case", NULL}, END_STREAM);
}
static void bad_windows(struct h2_client *c, uint32_t i)
{
    request(c, 2 * i + 1, "POST", "/x", NULL, 0);
    window(c, 2 * i + 1, 0);
}
static void short_pings(struct h2_client *c, uint32_t i)
{
    frame(c, PING, 0, 0, &i, sizeof(i)); /* must be 8 bytes */
}
static void pings(struct h2_client *c, uint32_t i)
{
    (void)i;
    frame(c, PING, 0, 0, "12345678", 8);
}
static void answered_pings(struct h2_client *c, uint32_t i)
{
    (void)i;
    frame(c, PING, ACK, 0, "12345678", 8);
}
static void settings(struct h2_client *c, uint32_t i)
{
    (void)i;
    frame(c, SETTINGS, 0, 0, "", 0);
}
static void priorities(struct h2_client *c, uint32_t i)
{
    frame(c, PRIORITY, 0, 2 * i + 1, "\0\0\0\0\x10", 5);
}
static void empty_data(struct h2_client *c, uint32_t i)
{
    if (i == 0)
        request(c, 1, "POST", "/x", NULL, 0);
    frame(c, DATA, 0, 1, "", 0);
}
static void padding(struct h2_client *c, uint32_t i)
{
    char only[101] = {i % 2 ? 100 : 0};
    if (i == 0)
        request(c, 1, "POST", "/x", NULL, 0);
    frame(c, DATA, PADDED, 1, only, i % 2 ? 101 : 1);
}
static void windows(struct h2_client *c, uint32_t i)
{
    (void)i;
    window(c, 0, 1);
}
static void windows_of_a_stream(struct h2_client *c, uint32_t i)
{
    if (i == 0)
        request(c, 1, "POST", "/x", NULL, 0);
    window(c, 1, 1);
}
static void windows_of_closed_streams(struct h2_client *c, uint32_t i)
{
    if (i < 100)
        get(c, 2 * i + 1, "/x");
    window(c, 2 * (i % 100) + 1, 1);
}
/* A byte more for an answer, each time: as many DATA frames of one byte. */
static void dribble(struct h2_client *c, uint32_t i)
{
    if (i == 0) {
        initial_window(c, 0);
        get(c, 1, "/flood");
    }
    window(c, 1, 1);
}
static void unknown_frames(struct h2_client *c, uint32_t i)
{
    frame(c, UNKNOWN, 0, i % 2 ? i : 0, "?", i % 3 == 0);
}
static void mixture(struct h2_client *c, uint32_t i)
{
    if (i == 0)
        request(c, 1, "POST", "/x", NULL, 0);
    switch (i % 5) {
    case 0:
        window(c, 0, 1);
        break;
    case 1:
        window(c, 1, 1);
        break;
    case 2:
        frame(c, UNKNOWN, 0, i, "?", 1);
        break;
    case 3:
        if (i % 100 == 3)
            pings(c, i);
        break;
    default:
        padding(c, 1);
        break;
    }
}
/* The stream is answered and reset; what follows on it is dropped, and counted. */
static void data_after_the_answer(struct h2_client *c, uint32_t i)
{
    if (i == 0)
        request(c, 1, "POST", "/early", NULL, 0);
    frame(c, DATA, 0, 1, "x", 1);
}
static void headers_without_end(struct h2_client *c, uint32_t i)
{
    request(c, 2 * i + 1, "POST", "/x", NULL, 0);
}

/* unit many times over: the connection must end, with GOAWAY and this code, and the server must not have read
 * for long. */
static void flooded(struct fixture *f, int code, int times, void (*unit)(struct h2_client *c, uint32_t i))
{
    struct h2_client c;
    fx_command(f, 4);
    uint64_t floods = f->stats.floods_total;
    client_open(&c, f);
    for (int i = 0; i < times; i++)
        unit(&c, (uint32_t)i);
    await(&c, 0);
    assert_int_equal(c.goaway, code);
    client_close(&c);
    fx_command(f, 4);
    assert_int_equal(f->stats.floods_total - floods, code == NGHTTP2_ENHANCE_YOUR_CALM);
}

static void floods_are_ended(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    void (*const dear[])(struct h2_client * c, uint32_t i) = {
        rapid_reset, bad_requests, settings, pings, priorities, empty_data, padding, answered_pings};
    for (size_t i = 0; i < sizeof(dear) / sizeof(dear[0]); i++)
        flooded(&f, NGHTTP2_ENHANCE_YOUR_CALM, 3000, dear[i]);
    void (*const cheap[])(struct h2_client * c, uint32_t i) = {
        windows, windows_of_a_stream,  windows_of_closed_streams, dribble, unknown_frames,
        mixture, data_after_the_answer};
    for (size_t i = 0; i < sizeof(cheap) / sizeof(cheap[0]); i++)
        flooded(&f, NGHTTP2_ENHANCE_YOUR_CALM, 20000, cheap[i]);
    flooded(&f, NGHTTP2_PROTOCOL_ERROR, 5000, bad_windows);
    flooded(&f, NGHTTP2_FRAME_SIZE_ERROR, 1, short_pings);
    struct h2_client c;
    client_open(&c, &f);
    for (uint32_t i = 0; i < 3000; i++)
        headers_without_end(&c, i);
    await(&c, 0); /* too many at once, or too many in all */
    assert_true(c.goaway == NGHTTP2_ENHANCE_YOUR_CALM || c.goaway == NGHTTP2_PROTOCOL_ERROR);
    client_close(&c);
    client_open(&c, &f);
    for (uint32_t i = 0; i < 1000; i++) {
        if (i == 0)
            frame(&c, HEADERS, END_STREAM, 1, "\x82", 1);
        frame(&c, CONTINUATION, 0, 1, "", 0);
    }
    await(&c, 0); /* nghttp2 itself may hang up first */
    client_close(&c);
    client_open(&c, &f); /* unknown frames are to be ignored (RFC 9113 5.5), as long as they are no flood */
    for (uint32_t i = 0; i < 1000; i++)
        unknown_frames(&c, i);
    get(&c, 1, "/x");
    await(&c, 1);
    expect(&c, 1, 200, "GET /x? ");
    client_close(&c);
    fx_stop(&f);
}

/* ---- what well-meaning clients send in numbers ---- */

/* Each request with a PRIORITY_UPDATE, two WINDOW_UPDATE and a PING. */
static void a_talkative_browser(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t stream = 2 * i + 1;
        frame(&c, PRIORITY_UPDATE, 0, 0, "\0\0\0\1u=1", 7);
        get(&c, stream, "/x");
        window(&c, stream, 1);
        window(&c, 0, 1);
        pings(&c, i);
        if (i % 50 == 49)
            await(&c, i + 1);
    }
    assert_int_equal(c.goaway, -1);
    client_close(&c);
    fx_stop(&f);
}

/* Every DATA frame acknowledged twice, with a PING to measure the way (gRPC); windows as the client likes. */
static void a_small_window(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    for (uint32_t size = 500; size < 200000; size *= 20) {
        struct h2_client c;
        client_open(&c, &f);
        initial_window(&c, size);
        c.window_updates = true;
        c.pings_back = size > 5000;
        get(&c, 1, "/flood");
        await(&c, 1);
        assert_int_equal(buf_len(&c.answers[0].body), FLOOD_BYTES);
        client_close(&c);
    }
    fx_stop(&f);
}

static void an_upload_in_crumbs(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    c.window_updates = true;
    for (uint32_t stream = 1; stream <= 9; stream += 2) {
        request(&c, stream, "POST", "/p", NULL, 0);
        for (int i = 0; i < 20000; i++)
            frame(&c, DATA, 0, stream, "x", 1);
        frame(&c, DATA, END_STREAM, stream, "", 0);
        await(&c, stream / 2 + 1);
        expect(&c, stream, 200, NULL);
        assert_int_equal(buf_len(&c.answers[stream / 2].body), 20000 + 9);
    }
    client_close(&c);
    fx_stop(&f);
}

/* A page of a browser that goes elsewhere. */
static void a_cancelled_page(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    for (uint32_t i = 0; i < 100; i++)
        get(&c, 2 * i + 1, "/never");
    flush(&c);
    for (uint64_t ready = 0; ready < 100; ready += fx_await(f.ready))
        ;
    for (uint32_t i = 0; i < 100; i++)
        frame(&c, RST, 0, 2 * i + 1, "\0\0\0\x08", 4);
    get(&c, 201, "/x");
    await(&c, 1);
    expect(&c, 201, 200, "GET /x? ");
    client_close(&c);
    fx_stop(&f);
}

/* ---- answers that are not taken ---- */

static void unread_answers_are_few(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    initial_window(&c, 0);
    for (uint32_t i = 0; i < 60; i++)
        get(&c, 2 * i + 1, "/big");
    frame(&c, PING, 0, 0, "12345678", 8);
    flush(&c);
    while (c.pings == 0)
        await_frame(&c);
    fx_command(&f, 4);
    assert_in_range(f.big, 1, (1u << 20) / BIG_BYTES + 1);
    /* None is lost: with room they all come. */
    c.window_updates = true;
    window(&c, 0, 100u << 20);
    initial_window(&c, 1u << 20);
    await(&c, 60);
    for (uint32_t i = 0; i < 60; i++) {
        expect(&c, 2 * i + 1, 200, NULL);
        assert_int_equal(buf_len(&c.answers[i].body), BIG_BYTES);
    }
    client_close(&c);
    fx_stop(&f);
}

/* Whoever takes nothing of any answer, or a byte now and then, is not waited for; whoever takes others is. */
static void who_takes_no_answer_is_let_go(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){.limits = {.write_timeout_ms = 200}});
    for (int dribbles = 0; dribbles < 2; dribbles++) {
        struct h2_client c;
        client_open(&c, &f);
        initial_window(&c, 0);
        for (uint32_t i = 0; i < 20; i++)
            get(&c, 2 * i + 1, "/big");
        flush(&c);
        int tries = 0;
        for (struct pollfd p = {.fd = c.fd, .events = POLLIN}; dribbles && tries < 400 && !c.closed;
             tries++) {
            for (uint32_t i = 0; i < 20; i++)
                window(&c, 2 * i + 1, 1);
            flush(&c);
            (void)poll(NULL, 0, 50);
            while (!c.closed && poll(&p, 1, 0) == 1)
                (void)await_frame(&c);
        }
        assert_true(tries < 400);
        await(&c, 0);
        assert_int_equal(c.goaway, NGHTTP2_NO_ERROR);
        client_close(&c);
        fx_command(&f, 4);
        assert_int_equal(f.stats.unread_total, dribbles + 1);
    }
    struct h2_client c;
    client_open(&c, &f);
    get(&c, 1, "/x");
    await(&c, 1);
    initial_window(&c, 0);
    get(&c, 3, "/big"); /* not wanted any more */
    for (uint32_t stream = 5; c.answers[1].reset < 0; stream += 2) {
        assert_true(stream < 590);
        (void)poll(NULL, 0, 5);
        get(&c, stream, "/x");
        window(&c, stream, 100);
        await(&c, c.finished + 1);
    }
    assert_int_equal(c.answers[1].reset, NGHTTP2_INTERNAL_ERROR);
    assert_int_equal(c.goaway, -1);
    client_close(&c);
    fx_stop(&f);
}

/* ---- closed streams, and ids ---- */

static void two_headers(struct h2_client *c, uint32_t stream)
{
    get(c, 5, "/x");
    await(c, 1);
    get(c, stream, "/x");
}
static void a_lower_id(struct h2_client *c)
{
    two_headers(c, 3);
}
static void the_same_id(struct h2_client *c)
{
    two_headers(c, 5);
}
static void data_on_closed(struct h2_client *c)
{
    get(c, 1, "/x");
    await(c, 1);
    frame(c, DATA, END_STREAM, 1, "x", 1);
}
static void data_on_skipped(struct h2_client *c)
{
    get(c, 5, "/x");
    frame(c, DATA, END_STREAM, 3, "x", 1);
}
static void data_on_half_closed(struct h2_client *c)
{
    get(c, 1, "/never");
    frame(c, DATA, END_STREAM, 1, "x", 1);
}
static void open_and_reset(struct h2_client *c)
{
    request(c, 1, "POST", "/x", NULL, 0);
    frame(c, RST, 0, 1, "\0\0\0\x08", 4);
}
static void data_after_reset(struct h2_client *c)
{
    open_and_reset(c);
    frame(c, DATA, END_STREAM, 1, "x", 1);
}
static void data_long_after_reset(struct h2_client *c)
{
    open_and_reset(c);
    get(c, 3, "/x");
    await(c, 1);
    frame(c, DATA, END_STREAM, 1, "x", 1);
}
static void headers_after_reset(struct h2_client *c)
{
    open_and_reset(c);
    request(c, 1, "POST", "/x", NULL, END_STREAM);
}
static void headers_on_closed(struct h2_client *c)
{
    get(c, 1, "/x");
    await(c, 1);
    request(c, 1, "POST", "/x", NULL, END_STREAM);
}
static void priority_on_zero(struct h2_client *c)
{
    frame(c, PRIORITY, 0, 0, "\0\0\0\1\x10", 5);
}
static void priority_on_itself(struct h2_client *c)
{
    frame(c, PRIORITY, 0, 7, "\x80\0\0\7\x10", 5);
}
static void short_priority(struct h2_client *c)
{
    frame(c, PRIORITY, 0, 7, "\0\0\0\7", 4);
}
static void too_much_after_the_answer(struct h2_client *c)
{
    static char piece[16384];
    request(c, 1, "POST", "/early", NULL, 0);
    for (int i = 0; i < 40; i++) /* 640 KB, of a window of 256 that may have been given twice */
        frame(c, DATA, 0, 1, piece, sizeof(piece));
}

static void frames_on_closed_streams(void **state)
{
    (void)state;
    struct fixture f;
    fx_start(&f, &(struct server_config){0});
    const struct {
        void (*send)(struct h2_client *c);
        int goaway;
    } rows[] = {
        {a_lower_id, NGHTTP2_PROTOCOL_ERROR},
        {the_same_id, NGHTTP2_STREAM_CLOSED},
        {data_on_closed, NGHTTP2_STREAM_CLOSED},
        {data_on_skipped, NGHTTP2_STREAM_CLOSED},
        {data_on_half_closed, NGHTTP2_STREAM_CLOSED},
        {data_after_reset, NGHTTP2_STREAM_CLOSED},
        {data_long_after_reset, NGHTTP2_STREAM_CLOSED},
        {headers_after_reset, NGHTTP2_STREAM_CLOSED},
        {headers_on_closed, NGHTTP2_STREAM_CLOSED},
        {priority_on_zero, NGHTTP2_PROTOCOL_ERROR},
        {priority_on_itself, NGHTTP2_PROTOCOL_ERROR},
        {short_priority, NGHTTP2_FRAME_SIZE_ERROR},
        {too_much_after_the_answer, NGHTTP2_STREAM_CLOSED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int step = 0; step < 2; step++) { /* in one piece, and byte by byte */
            struct h2_client c;
            client_open(&c, &f);
            rows[i].send(&c);
            if (step && buf_len(&c.out) < 1000)
                flush_slowly(&c);
            await(&c, 0);
            if (c.goaway != rows[i].goaway)
                fail_msg("row %zu: GOAWAY %d", i, c.goaway);
            client_close(&c);
        }
    fx_stop(&f);
}

/* What crossed our early answer on the wire is no fault: the rest of the window, trailers, a reset. */
static void what_crosses_an_early_answer_is_dropped(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){0});
    client_open(&c, &f);
    static char piece[16384];
    get(&c, 1, "/x");
    await(&c, 1);
    request(&c, 3, "POST", "/early", NULL, 0);
    await(&c, 2);
    for (int i = 0; i < 16; i++)
        frame(&c, DATA, 0, 3, piece, sizeof(piece));
    request(&c, 3, "POST", "/x", NULL, END_STREAM); /* as trailers, but for their fields */
    frame(&c, RST, 0, 3, "\0\0\0\0", 4);
    window(&c, 3, 1);
    frame(&c, PRIORITY, 0, 3, "\0\0\0\0\x10", 5);
    get(&c, 5, "/x");
    await(&c, 3);
    expect(&c, 5, 200, "GET /x? ");
    assert_int_equal(c.goaway, -1);
    client_close(&c);
    /* Refused, for the client does not know yet how many streams may be open; their bodies are on the way. */
    client_open(&c, &f);
    for (uint32_t i = 0; i < 150; i++) {
        request(&c, 2 * i + 1, "POST", "/early", NULL, 0);
        frame(&c, DATA, END_STREAM, 2 * i + 1, "xyz", 3);
    }
    await(&c, 150);
    unsigned refused = 0;
    for (uint32_t i = 0; i < 150; i++)
        refused += c.answers[i].status != 401 && c.answers[i].reset == NGHTTP2_REFUSED_STREAM;
    assert_int_equal(refused, 22);
    get(&c, 399, "/x");
    await(&c, 151);
    expect(&c, 399, 200, "GET /x? ");
    assert_int_equal(c.goaway, -1);
    client_close(&c);
    fx_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floods_are_ended),
        cmocka_unit_test(a_talkative_browser),
        cmocka_unit_test(a_small_window),
        cmocka_unit_test(an_upload_in_crumbs),
        cmocka_unit_test(a_cancelled_page),
        cmocka_unit_test(unread_answers_are_few),
        cmocka_unit_test(who_takes_no_answer_is_let_go),
        cmocka_unit_test(frames_on_closed_streams),
        cmocka_unit_test(what_crosses_an_early_answer_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
