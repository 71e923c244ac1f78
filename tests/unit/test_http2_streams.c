/* The HTTP/2 client codec: what it does with streams of its own, and a whole conversation with a server of
 * nghttp2's. */
#include "http2_peer.h"

static void goaway_parts_the_streams(void **state)
{
    (void)state;
    struct peer *p = peer_with(3);
    assert_int_equal(FEED(p, GOAWAY("\x03", "\x02")), ERR_NONE);
    uint32_t code = 0;
    assert_true(http2_goaway_seen(p->h, &code));
    assert_int_equal(code, 2);
    assert_int_equal(p->ended, 1);
    assert_ptr_equal(p->last, &p->streams[2]);
    assert_int_equal(p->streams[2].ended, ENDED_GOAWAY);
    assert_true(http2_stream_sent(p->h, &p->streams[2]));
    assert_int_equal(http2_open_streams(p->h), 2);
    assert_int_equal(http2_capacity(p->h), 0);
    assert_false(http2_ready(p->h));
    assert_int_equal(request(p, 3, SPAN_LIT("x")), ERR_CONFLICT);
    assert_int_equal(FEED(p, HEADERS("\x01", END, "\x03") S200 HEADERS("\x01", END, "\x01") S204), ERR_NONE);
    assert_int_equal(p->ended, 3);
    assert_int_equal(p->streams[1].status, 200);
    assert_int_equal(p->streams[0].status, 204);
    peer_free(p);

    /* 2^31-1: a warning; what is under way goes on, nothing new is begun (RFC 9113 6.8) */
    p = peer_with(2);
    assert_int_equal(FEED(p, FRAME("\x08", "\x07", "\x00", "\x00") "\x7f\xff\xff\xff\x00\x00\x00\x00"),
                     ERR_NONE);
    assert_int_equal(p->ended, 0);
    assert_true(http2_closing(p->h));
    assert_int_equal(request(p, 3, SPAN_LIT("x")), ERR_CONFLICT);
    assert_int_equal(FEED(p, HEADERS("\x01", END, ONE) S200), ERR_NONE);
    assert_int_equal(p->streams[0].ended, ENDED_COMPLETE);
    peer_free(p);
}

/* An answer whose head is cut into so many CONTINUATION frames, of len bytes of a field's value each. */
static enum err answer_in_continuations(struct peer *p, uint8_t id, unsigned count, size_t len, size_t step)
{
    struct buf b;
    buf_init(&b, OUT_MAX);
    size_t value = count * len;
    char head[] = HEADERS("\x08", "\x01", "\x00") S200 "\x00\x01"
                                                       "a"
                                                       "\x7f\x00\x00";
    head[8] = (char)id;
    assert_true(value >= 127 && value - 127 < 1 << 14);
    head[14] = (char)((value - 127) & 0x7f) | (char)0x80; /* the length of the value (RFC 7541 5.1) */
    head[15] = (char)((value - 127) >> 7);
    head[2] = 7;
    assert_int_equal(buf_add(&b, head, 16), ERR_NONE);
    for (unsigned i = 0; i < count; i++) {
        char frame[9 + 256] = FRAME("\x00", "\x09", "\x00", "\x00");
        frame[2] = (char)len;
        frame[4] = i + 1 == count ? 4 : 0;
        frame[8] = (char)id;
        memset(frame + 9, 'v', len);
        assert_int_equal(buf_add(&b, frame, 9 + len), ERR_NONE);
    }
    enum err e = feed(p, buf_span(&b).ptr, buf_len(&b), step);
    buf_deinit(&b);
    return e;
}

/* An honest head may come in more pieces than nghttp2 allows by itself; one that does not end is ended. */
static void continuations(void **state)
{
    (void)state;
    static const struct {
        unsigned count;
        size_t len;
        bool good;
    } cases[] = {{1, 200, true},
                 {8, 100, true},
                 {9, 100, true},
                 {20, 50, true},
                 {500, 1, true},
                 {1000, 16, true},
                 {HTTP2_CONTINUATIONS_MAX, 1, true},
                 {HTTP2_CONTINUATIONS_MAX + 1, 1, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) * 2; i++) {
        size_t n = i / 2;
        struct peer *p = peer_with(1);
        enum err e = answer_in_continuations(p, 1, cases[n].count, cases[n].len, i % 2 ? 1 : SIZE_MAX);
        assert_int_equal(e, cases[n].good ? ERR_NONE : ERR_INVALID);
        assert_int_equal(http2_broken(p->h), cases[n].good ? CAUSE_ok : CAUSE_h2_protocol);
        assert_int_equal(p->streams[0].complete, cases[n].good);
        peer_free(p);
    }
    /* They are counted for each head. */
    struct peer *p = peer_with(100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(answer_in_continuations(p, (uint8_t)(1 + 2 * i), 100, 2, SIZE_MAX), ERR_NONE);
    assert_int_equal(p->ended, 100);
    peer_free(p);
}

/* A head that is over the cap costs its stream; one that goes on and on, the connection. */
static void endless_head(void **state)
{
    (void)state;
    struct peer *p = peer_with(1);
    char frame[9 + 16384] = "\x00\x40\x00\x01\x00\x00\x00\x00\x01";
    for (size_t at = 9; at + 128 <= sizeof(frame); at += 128) {
        memcpy(frame + at,
               "\x00\x01"
               "a"
               "\x7c",
               4);
        memset(frame + at + 4, 'v', 124);
    }
    frame[9] = (char)0x88;
    memcpy(frame + 10,
           "\x00\x01"
           "a"
           "\x7b",
           4);
    enum err e = feed(p, frame, sizeof(frame), SIZE_MAX);
    frame[3] = 9;
    memcpy(frame + 9,
           "\x00\x01"
           "a"
           "\x7c"
           "v",
           5);
    int sent = 1;
    for (; e == ERR_NONE && sent < 100; sent++) {
        e = feed(p, frame, sizeof(frame), SIZE_MAX);
        if (sent > 4) {
            assert_int_equal(p->ended, 1);
            assert_int_equal(p->streams[0].cause, CAUSE_h2_head_too_large);
        }
    }
    assert_int_equal(e, ERR_INVALID);
    assert_int_equal(http2_broken(p->h), CAUSE_h2_head_too_large);
    assert_true(sent <= 18);
    peer_free(p);
}

static void retry_after(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        uint32_t want;
    } cases[] = {
        {LITERAL(HEADERS("\x0a", END, ONE) STATUS("503") "\x0f\x26\x02"
                                                         "30"),
         30},
        {LITERAL(HEADERS("\x0d", END, ONE) STATUS("503") "\x0f\x26\x05"
                                                         " 30\t "),
         30},
        {LITERAL(HEADERS("\x0a", OPEN, ONE) STATUS("103") "\x0f\x26\x02"
                                                          "30" HEADERS("\x05", END, ONE) STATUS("503")),
         0},
        {LITERAL(HEADERS("\x05", OPEN, ONE) STATUS("503") HEADERS("\x05", END, ONE) "\x0f\x26\x02"
                                                                                    "30"),
         0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct peer *p = peer_with(1);
        assert_int_equal(feed(p, cases[i].bytes, cases[i].len, SIZE_MAX), ERR_NONE);
        assert_int_equal(p->streams[0].ended, ENDED_COMPLETE);
        assert_int_equal(p->streams[0].status, 503);
        assert_int_equal(p->streams[0].retry_after_s, cases[i].want);
        peer_free(p);
    }
}

/* Requests that stand in the queue when GOAWAY comes were never sent. */
static void goaway_before_our_headers(void **state)
{
    (void)state;
    struct peer *p = peer_with(0);
    assert_int_equal(request(p, 0, SPAN_LIT("x")), ERR_NONE);
    assert_int_equal(FEED(p, GOAWAY("\x00", "\x00")), ERR_NONE);
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->streams[0].ended, ENDED_GOAWAY);
    assert_false(http2_stream_sent(p->h, &p->streams[0]));
    peer_free(p);
}

/* The frames in out, behind the preface where there is one: how many of that type, and the last one's
 * payload. */
static int frames(struct span out, uint8_t type, struct span *ret_last)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    int count = 0;
    if (span_starts(out, span_of(preface)))
        out = (struct span){out.ptr + sizeof(preface) - 1, out.len - (sizeof(preface) - 1)};
    while (out.len >= 9) {
        const uint8_t *h = (const uint8_t *)out.ptr;
        size_t len = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
        assert_true(len + 9 <= out.len);
        if (h[3] == type) {
            count++;
            if (ret_last)
                *ret_last = (struct span){out.ptr + 9, len};
        }
        out = (struct span){out.ptr + 9 + len, out.len - 9 - len};
    }
    assert_int_equal(out.len, 0);
    return count;
}

static void sent_means_flushed(void **state)
{
    (void)state;
    static char body[100000];
    struct peer *p = peer_with(0);
    const struct http2_stream *s = &p->streams[0];
    assert_int_equal(request(p, 0, (struct span){body, sizeof(body)}), ERR_NONE);
    assert_false(http2_stream_sent(p->h, s));
    pack(p);
    /* the first window of 65,535 bytes is used up */
    assert_int_equal(frames(buf_span(&p->out), 1, NULL), 1);
    assert_true(buf_len(&p->out) > 65535 && buf_len(&p->out) < 66000);
    assert_false(http2_stream_sent(p->h, s));
    size_t head = 9 + ((size_t)(uint8_t)buf_span(&p->out).ptr[1] << 8 | (uint8_t)buf_span(&p->out).ptr[2]);
    http2_flushed(p->h, head - 1);
    assert_false(http2_stream_sent(p->h, s));
    http2_flushed(p->h, 1);
    assert_true(http2_stream_sent(p->h, s));
    assert_false(http2_stream_sent_whole(p->h, s));
    http2_flushed(p->h, buf_len(&p->out) - head);
    buf_clear(&p->out);
    assert_false(http2_stream_sent_whole(p->h, s));
    static const char more[] = FRAME("\x04", "\x08", "\x00", ONE) "\x00\x01\x00\x00" FRAME(
        "\x04", "\x08", "\x00", "\x00") "\x00\x01\x00\x00";
    assert_int_equal(FEED(p, more), ERR_NONE);
    assert_false(http2_stream_sent_whole(p->h, s)); /* packed, not flushed */
    size_t len = buf_len(&p->out);
    http2_flushed(p->h, len - 1);
    assert_false(http2_stream_sent_whole(p->h, s));
    http2_flushed(p->h, 1);
    assert_true(http2_stream_sent_whole(p->h, s));
    peer_free(p);

    p = peer_with(0); /* no body: HEADERS are all */
    assert_int_equal(request(p, 0, SPAN_LIT("")), ERR_NONE);
    flush(p);
    assert_true(http2_stream_sent(p->h, &p->streams[0]) && http2_stream_sent_whole(p->h, &p->streams[0]));
    peer_free(p);
}

static void early_answer(void **state)
{
    (void)state;
    static char body[100000];
    struct peer *p = peer_with(0);
    struct span last = {NULL, 0};
    assert_int_equal(request(p, 0, (struct span){body, sizeof(body)}), ERR_NONE);
    flush(p);
    assert_int_equal(FEED(p, HEADERS("\x05", END, ONE) STATUS("413")), ERR_NONE);
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->streams[0].ended, ENDED_COMPLETE);
    assert_int_equal(p->streams[0].status, 413);
    assert_int_equal(frames(buf_span(&p->out), 3, &last), 1); /* the rest of the request is of no use */
    assert_int_equal(http2_broken(p->h), CAUSE_ok);
    assert_true(http2_ready(p->h));
    peer_free(p);
}

static void cancel(void **state)
{
    (void)state;
    struct peer *p = peer_with(2);
    struct span last = {NULL, 0};
    http2_cancel(p->h, &p->streams[0]);
    http2_cancel(p->h, &p->streams[0]); /* once is enough */
    assert_int_equal(http2_open_streams(p->h), 1);
    pack(p);
    assert_int_equal(frames(buf_span(&p->out), 3, &last), 1);
    assert_true(span_eq(last, ((struct span){"\x00\x00\x00\x08", 4})));
    assert_int_equal(FEED(p, HEADERS("\x01", END, ONE) S200 HEADERS("\x01", END, "\x03") S200), ERR_NONE);
    assert_int_equal(p->ended, 1);
    assert_ptr_equal(p->last, &p->streams[1]);
    assert_int_equal(p->streams[0].answer, ANSWER_NONE);
    peer_free(p);

    p = peer_with(0); /* before it was packed: the server never hears of it */
    assert_int_equal(request(p, 0, SPAN_LIT("x")), ERR_NONE);
    http2_cancel(p->h, &p->streams[0]);
    pack(p);
    assert_int_equal(frames(buf_span(&p->out), 1, NULL), 0);
    assert_int_equal(p->ended, 0);
    peer_free(p);
}

static void streams_have_a_cap(void **state)
{
    (void)state;
    struct peer *p = peer_with(100);
    assert_int_equal(http2_capacity(p->h), 0);
    assert_true(http2_ready(p->h)); /* in use, not forbidden */
    assert_int_equal(request(p, 100, SPAN_LIT("x")), ERR_CONFLICT);
    assert_int_equal(FEED(p, RST_STREAM("\x05", "\x07")), ERR_NONE);
    assert_int_equal(http2_capacity(p->h), 1);
    assert_int_equal(request(p, 100, SPAN_LIT("x")), ERR_NONE);
    int n = 0;
    for (struct list *l = http2_streams(p->h)->next; l != http2_streams(p->h); l = l->next)
        n++;
    assert_int_equal(n, 100);
    peer_free(p);
}

static void head_and_body_have_caps(void **state)
{
    (void)state;
    /* CONTINUATION frames of 16 KiB, each of 127 fields of 129 bytes and one byte more: an index, harmless */
    static char block[9 + 16384] = {0x00, 0x40, 0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x01};
    size_t at = 9;
    for (; at + 129 <= sizeof(block); at += 129) {
        memset(block + at, 'v', 129);
        memcpy(block + at,
               "\x00\x01"
               "a\x7d",
               4);
    }
    while (at < sizeof(block))
        block[at++] = (char)0xa1; /* date, from the static table */
    struct peer *p = peer_with(1);
    assert_int_equal(FEED(p, HEADERS("\x01", "\x00", ONE) S200), ERR_NONE);
    int n = 0;
    for (; p->ended == 0 && n < 8; n++)
        assert_int_equal(feed(p, block, sizeof(block), SIZE_MAX), ERR_NONE);
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->streams[0].ended, ENDED_PROTOCOL);
    assert_int_equal(p->streams[0].cause, CAUSE_h2_head_too_large);
    assert_int_equal(http2_broken(p->h), CAUSE_ok);
    peer_free(p);

    p = peer_with(1);
    assert_int_equal(FEED(p, HEADERS("\x01", OPEN, ONE) S500), ERR_NONE);
    static char data[9 + 16384] = {0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01};
    for (n = 0; p->ended == 0 && n < 100; n++)
        assert_int_equal(feed(p, data, sizeof(data), SIZE_MAX), ERR_NONE);
    assert_int_equal(n, 65); /* 64 of 16 KiB make a MiB */
    assert_int_equal(p->streams[0].ended, ENDED_PROTOCOL);
    assert_int_equal(p->streams[0].cause, CAUSE_body_too_large);
    assert_int_equal(p->streams[0].status, 500);
    assert_int_equal(http2_broken(p->h), CAUSE_ok);
    peer_free(p);
}

static void fields_and_body_are_kept(void **state)
{
    (void)state;
    struct peer *p = peer_with(0);
    struct buf body, fields;
    buf_init(&body, 100);
    buf_init(&fields, 100);
    const struct exchange_request r = {
        .url = &url, .body = SPAN_LIT("{}"), .response_body = &body, .response_fields = &fields};
    assert_int_equal(http2_request(p->h, &p->streams[0], &r), ERR_NONE);
    flush(p);
    assert_int_equal(FEED(p, HEADERS("\x0a", OPEN, ONE) STATUS("503") "\x0f\x26\x02"
                                                                      "30" DATA("\x04", "\x01", ONE) "busy"),
                     ERR_NONE);
    assert_int_equal(p->streams[0].retry_after_s, 30);
    assert_true(span_eq(buf_span(&body), SPAN_LIT("busy")));
    assert_int_equal(p->streams[0].body_bytes, 4);
    assert_true(span_eq(buf_span(&fields), SPAN_LIT("retry-after: 30\n")));
    buf_deinit(&fields);
    buf_deinit(&body);
    peer_free(p);
}

static void good_bye(void **state)
{
    (void)state;
    struct peer *p = peer_with(1);
    http2_goaway(p->h);
    pack(p);
    assert_int_equal(frames(buf_span(&p->out), 7, NULL), 1);
    assert_true(http2_closing(p->h));
    assert_int_equal(http2_broken(p->h), CAUSE_ok);
    assert_int_equal(request(p, 1, SPAN_LIT("x")), ERR_CONFLICT);
    peer_free(p);
}

/* ---- against a server of nghttp2's ---- */

struct server {
    char fields[2000], body[100];
    size_t body_len;
};

static int server_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                         const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
    struct server *server = arg;
    size_t used = strlen(server->fields);
    (void)snprintf(server->fields + used, sizeof(server->fields) - used, "%.*s=%.*s\n", (int)name_len,
                   (const char *)name, (int)value_len, (const char *)value);
    return 0;
}

static int server_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p, size_t len, void *arg)
{
    struct server *server = arg;
    assert_true(server->body_len + len <= sizeof(server->body));
    memcpy(server->body + server->body_len, p, len);
    server->body_len += len;
    return 0;
}

static int server_frame(nghttp2_session *s, const nghttp2_frame *frame, void *arg)
{
    nghttp2_nv nv = {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "202", 7, 3,
                     NGHTTP2_NV_FLAG_NONE};
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && frame->hd.stream_id > 0)
        assert_int_equal(nghttp2_submit_response(s, frame->hd.stream_id, &nv, 1, NULL), 0);
    return 0;
}

static void whole_conversation(void **state)
{
    (void)state;
    struct server server = {0};
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_session *s = NULL;
    assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
    nghttp2_session_callbacks_set_on_header_callback(cb, server_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, server_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, server_frame);
    assert_int_equal(nghttp2_session_server_new(&s, cb, &server), 0);
    assert_int_equal(nghttp2_submit_settings(s, NGHTTP2_FLAG_NONE, NULL, 0), 0);

    struct peer *p = peer_new();
    static const struct header headers[] = {
        {{"content-type", 12}, {"application/json", 16}},
        {{"x-line-signature", 16}, {"c2ln", 4}},
    };
    bool asked = false;
    for (int turn = 0; turn < 20 && p->ended == 0; turn++) {
        pack(p);
        struct span out = buf_span(&p->out);
        assert_int_equal(nghttp2_session_mem_recv(s, (const uint8_t *)out.ptr, out.len), (ssize_t)out.len);
        http2_flushed(p->h, out.len);
        buf_clear(&p->out);
        const uint8_t *bytes = NULL;
        for (ssize_t n; (n = nghttp2_session_mem_send(s, &bytes)) > 0;)
            assert_int_equal(http2_feed(p->h, bytes, (size_t)n), ERR_NONE);
        if (!asked && http2_ready(p->h)) {
            const struct exchange_request r = {
                .url = &url, .headers = headers, .header_count = 2, .body = SPAN_LIT("{\"events\":[]}")};
            assert_int_equal(http2_request(p->h, &p->streams[0], &r), ERR_NONE);
            asked = true;
        }
    }
    assert_int_equal(p->ended, 1);
    assert_int_equal(p->streams[0].status, 202);
    assert_string_equal(server.fields,
                        ":method=POST\n:scheme=https\n:authority=bot.example:8443\n:path=/hook?a=1\n"
                        "content-type=application/json\nx-line-signature=c2ln\ncontent-length=13\n");
    assert_true(span_eq((struct span){server.body, server.body_len}, SPAN_LIT("{\"events\":[]}")));
    peer_free(p);
    nghttp2_session_del(s);
    nghttp2_session_callbacks_del(cb);
}

/* ---- out of memory ---- */

static enum err talk(struct peer *p)
{
    const struct http2_events events = {on_ended, on_answers, p};
    static const char answer[] = SETTINGS SETTINGS_ACK;
    static const char more[] = HEADERS("\x01", OPEN, ONE) S200 DATA("\x02", "\x01", ONE) "ok";
    enum err e = http2_new(&p->h, &events);
    if (!e)
        e = http2_pack(p->h, &p->out, OUT_MAX);
    if (!e)
        e = http2_feed(p->h, (const uint8_t *)answer, sizeof(answer) - 1);
    if (!e)
        e = request(p, 0, SPAN_LIT("{}"));
    if (!e)
        e = http2_pack(p->h, &p->out, OUT_MAX);
    if (!e)
        e = http2_feed(p->h, (const uint8_t *)more, sizeof(more) - 1);
    return e;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bool hit = true;
    int n = 1;
    for (; hit && n < 1000; n++) {
        struct peer *p = calloc(1, sizeof(*p));
        assert_non_null(p);
        buf_init(&p->out, OUT_MAX);
        (void)mem_fail_at((unsigned long)n);
        enum err e = talk(p);
        hit = mem_fail_hit();
        (void)mem_fail_at(0);
        if (hit) /* refused, or ended by it, or done without */
            assert_true(e == ERR_NOMEM || p->ended == 1 ||
                        (e == ERR_INVALID && http2_broken(p->h) != CAUSE_ok));
        else
            assert_int_equal(e, ERR_NONE);
        if (p->ended && p->streams[0].ended == ENDED_COMPLETE)
            assert_int_equal(p->streams[0].status, 200);
        peer_free(p);
    }
    assert_false(hit);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goaway_parts_the_streams),
        cmocka_unit_test(goaway_before_our_headers),
        cmocka_unit_test(continuations),
        cmocka_unit_test(endless_head),
        cmocka_unit_test(retry_after),
        cmocka_unit_test(sent_means_flushed),
        cmocka_unit_test(early_answer),
        cmocka_unit_test(cancel),
        cmocka_unit_test(streams_have_a_cap),
        cmocka_unit_test(head_and_body_have_caps),
        cmocka_unit_test(fields_and_body_are_kept),
        cmocka_unit_test(good_bye),
        cmocka_unit_test(whole_conversation),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
