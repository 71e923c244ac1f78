/* The HTTP/2 client codec: what it makes of a server's frames, whole and byte by byte. */
#include "http2_peer.h"

struct answer_case {
    const char *why, *bytes;
    size_t len;
    int ended; /* enum ended; -1: the stream stays open */
    enum answer_part answer;
    int status;
    enum cause_id cause;
    uint32_t code;
    enum cause_id broken;
};

#define COMPLETE ENDED_COMPLETE, ANSWER_HEAD
#define STILL_OPEN -1
#define RESET ENDED_RST_STREAM
#define GUILTY ENDED_PROTOCOL

static const struct answer_case cases[] = {
#include "http2_answers.def"
};

static int differs(const struct answer_case *c, const char *how, size_t step)
{
    struct peer *p = peer_with(1);
    const struct http2_stream *s = &p->streams[0];
    (void)feed(p, c->bytes, c->len, step);
    enum cause_id broken = http2_broken(p->h);
    bool over = c->ended >= 0;
    bool ok = p->ended == over && broken == c->broken && s->answer == c->answer && s->status == c->status &&
              (s->id == 0) == over && http2_open_streams(p->h) == (over ? 0u : 1u) &&
              p->answered == (s->answer != ANSWER_NONE) && s->complete == (c->ended == ENDED_COMPLETE) &&
              http2_closing(p->h) == (broken != CAUSE_ok || http2_goaway_seen(p->h, NULL));
    if (over)
        ok = ok && (int)s->ended == c->ended && s->cause == c->cause && s->code == c->code;
    if (!ok)
        print_error("%s, %s: ended %d, %d, %s, code %u, answer %d (%d), status %d, broken %s\n", c->why, how,
                    p->ended, (int)s->ended, cause_of(s->cause)->id, s->code, (int)s->answer, p->answered,
                    s->status, cause_of(broken)->id);
    peer_free(p);
    return !ok;
}

static void every_answer_however_it_is_cut(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bad += differs(&cases[i], "whole", SIZE_MAX);
        bad += differs(&cases[i], "byte by byte", 1);
        bad += differs(&cases[i], "in pieces of 7", 7);
    }
    assert_int_equal(bad, 0);
}

/* From the first byte to a session that may be used (RFC 9113 3.4). */
static void becoming_ready(void **state)
{
    (void)state;
    static const struct {
        const char *why, *bytes;
        size_t len;
        bool settings;
        uint32_t capacity;
        enum cause_id broken;
    } starts[] = {
        {"SETTINGS", LITERAL(SETTINGS), true, 100, 0},
        {"SETTINGS and more", LITERAL(SETTINGS SETTINGS_ACK FRAME("\x08", "\x06", "\x00", "\x00") "12345678"),
         true, 100, 0},
        {"five streams", LITERAL(MAX_STREAMS("\x05")), true, 5, 0},
        {"no stream", LITERAL(MAX_STREAMS("\x00")), true, 0, 0},
        {"no stream, then one", LITERAL(MAX_STREAMS("\x00") MAX_STREAMS("\x01")), true, 1, 0},
        {"GOAWAY behind SETTINGS", LITERAL(SETTINGS GOAWAY("\x00", "\x00")), true, 0, 0},
        {"nothing", LITERAL(""), false, 0, 0},
        {"half of it", LITERAL("\x00\x00\x00\x04\x00\x00"), false, 0, 0},
        {"SETTINGS without its end", LITERAL(FRAME("\x06", "\x04", "\x00", "\x00") "\x00\x03"), false, 0, 0},
        {"PING first", LITERAL(FRAME("\x08", "\x06", "\x00", "\x00") "12345678" SETTINGS), false, 0,
         CAUSE_h2_first_frame},
        {"the ACK first", LITERAL(SETTINGS_ACK SETTINGS), false, 0, CAUSE_h2_first_frame},
        {"GOAWAY first", LITERAL(GOAWAY("\x00", "\x00")), false, 0, CAUSE_h2_first_frame},
        {"HTTP/1", LITERAL("HTTP/1.1 400 Bad Request\r\n\r\n"), false, 0, CAUSE_h2_first_frame},
        {"SETTINGS of five bytes", LITERAL(FRAME("\x05", "\x04", "\x00", "\x00") "12345"), false, 0,
         CAUSE_h2_frame_size},
        {"SETTINGS on stream 1", LITERAL(FRAME("\x00", "\x04", "\x00", ONE)), false, 0, CAUSE_h2_protocol},
        {"a window over 2^31-1", LITERAL(FRAME("\x06", "\x04", "\x00", "\x00") "\x00\x04\xff\xff\xff\xff"),
         false, 0, CAUSE_h2_flow_control},
        {"frames below 16 KiB", LITERAL(FRAME("\x06", "\x04", "\x00", "\x00") "\x00\x05\x00\x00\x00\x01"),
         false, 0, CAUSE_h2_protocol},
    };
    int bad = 0;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]) * 2; i++) {
        struct peer *p = peer_new();
        size_t n = i / 2;
        assert_false(http2_ready(p->h));
        (void)feed(p, starts[n].bytes, starts[n].len, i % 2 ? 1 : SIZE_MAX);
        bool ready = starts[n].capacity > 0;
        if (http2_settings_seen(p->h) != starts[n].settings || http2_capacity(p->h) != starts[n].capacity ||
            http2_ready(p->h) != ready || http2_broken(p->h) != starts[n].broken) {
            print_error("%s: settings %d, capacity %u, ready %d, %s\n", starts[n].why,
                        http2_settings_seen(p->h), http2_capacity(p->h), http2_ready(p->h),
                        cause_of(http2_broken(p->h))->id);
            bad++;
        }
        assert_int_equal(request(p, 0, SPAN_LIT("x")), ready ? ERR_NONE : ERR_CONFLICT);
        peer_free(p);
    }
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_however_it_is_cut),
        cmocka_unit_test(becoming_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
