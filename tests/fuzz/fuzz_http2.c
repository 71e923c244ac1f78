/*
 * The HTTP/2 client codec under a hostile server. The input is a script of steps, a byte each:
 *
 *     0x00..0xbf  the server sends the next (byte + 1) bytes; ours are then packed, as the session does
 *     0xc0..0xcf  open a stream, with a body of a size chosen by the low bits
 *     0xd0..0xdf  cancel one
 *     0xe0..0xef  so much of the packed output goes out (a sixteenth each)
 *     0xf0..0xff  all of it goes out; 0xff: we say good-bye
 *
 * It is run twice, the server's bytes whole and byte by byte: the same must become of every stream. Streams
 * are freed as soon as they have ended, so that ASan sees any later use.
 */
#include <string.h>

#include "base/mem.h"
#include "exchange/http2.h"
#include "fuzz.h"

#define SLOTS 12
#define OPENED_MAX 64
#define OUT_MAX 2097152

struct slot {
    struct http2_stream stream; /* first: a stream's address is its slot's */
    int number;
};

struct told {
    bool over;
    enum ended ended;
    enum cause_id cause;
    int status;
    uint32_t code, retry_after_s, body_bytes;
};

struct run {
    struct http2 *h;
    struct slot *slots[SLOTS];
    struct told told[OPENED_MAX];
    int opened, answered, ended;
    enum cause_id broken;
    bool drained; /* GOAWAY and no open stream: what follows is read or not, as nghttp2 likes */
    struct buf out;
};

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "http2: %s\n", what);
    abort();
}

static void drop(struct run *r, struct http2_stream *s)
{
    for (int i = 0; i < SLOTS; i++) {
        if (r->slots[i] && &r->slots[i]->stream == s) {
            free(r->slots[i]);
            r->slots[i] = NULL;
            return;
        }
    }
    need(false, "a stream ends twice, or one that was never opened");
}

static void on_ended(void *arg, struct http2_stream *s)
{
    struct run *r = arg;
    struct slot *slot = (struct slot *)(void *)s;
    need(s->id == 0, "an ended stream is still open");
    need(s->ended == ENDED_COMPLETE || s->ended == ENDED_RST_STREAM || s->ended == ENDED_GOAWAY ||
             s->ended == ENDED_PROTOCOL || s->ended == ENDED_LOCAL,
         "an end that is none of the codec's");
    need(s->complete == (s->ended == ENDED_COMPLETE), "complete and its end disagree");
    need(s->ended != ENDED_COMPLETE || s->answer == ANSWER_HEAD, "complete without a head");
    need(s->ended != ENDED_PROTOCOL || s->cause != CAUSE_ok, "broken without a cause");
    need(s->answer != ANSWER_HEAD || (s->status >= 200 && s->status <= 999), "status out of range");
    need(s->ended != ENDED_COMPLETE || s->message.length.said == 0 || s->status == 204 || s->status == 304 ||
             s->message.length.value == s->body_bytes,
         "complete, but not as long as it said");
    need(s->body_bytes <= HTTP2_BODY_MAX && s->head_bytes <= HTTP2_HEAD_MAX, "a cap is passed");
    r->told[slot->number] = (struct told){.over = true,
                                          .ended = s->ended,
                                          .cause = s->cause,
                                          .status = s->answer == ANSWER_HEAD ? s->status : 0,
                                          .code = s->code,
                                          .retry_after_s = s->retry_after_s,
                                          .body_bytes = s->body_bytes};
    r->ended++;
    drop(r, s);
}

static void on_answers(void *arg, struct http2_stream *s)
{
    struct run *r = arg;
    need(s->id > 0 && s->answer != ANSWER_NONE, "a closed stream answers");
    r->answered++;
}

static void check(const struct run *r)
{
    uint32_t open = 0;
    for (int i = 0; i < SLOTS; i++) {
        if (!r->slots[i])
            continue;
        const struct http2_stream *s = &r->slots[i]->stream;
        open++;
        need(s->id > 0, "an open stream has no id");
        need(!http2_stream_sent_whole(r->h, s) || http2_stream_sent(r->h, s), "sent whole, but not sent");
        need(s->body_end == 0 || s->body_end >= s->headers_end, "END_STREAM before HEADERS");
    }
    need(open == http2_open_streams(r->h), "the count of open streams is wrong");
    need(http2_capacity(r->h) + open <= HTTP2_STREAMS_MAX || http2_capacity(r->h) == 0, "too many streams");
    need(!http2_ready(r->h) || http2_settings_seen(r->h), "ready without SETTINGS");
    need(!http2_closing(r->h) || http2_capacity(r->h) == 0, "a closing connection takes streams");
}

static void pack(struct run *r)
{
    enum err e = http2_pack(r->h, &r->out, OUT_MAX / 2);
    need(e == ERR_NONE || e == ERR_LIMIT, "packing fails");
    check(r);
}

static void flush(struct run *r, size_t len)
{
    buf_consume(&r->out, len);
    http2_flushed(r->h, len);
}

static void open_stream(struct run *r, unsigned kind)
{
    static char body[100000];
    static struct url url = {.https = true, .authority = "bot.example", .target = "/hook"};
    static const size_t sizes[4] = {0, 1, 17000, sizeof(body)};
    int at = 0;
    while (at < SLOTS && r->slots[at])
        at++;
    if (at == SLOTS || r->opened == OPENED_MAX)
        return;
    struct slot *slot = calloc(1, sizeof(*slot));
    if (!slot)
        abort();
    slot->number = r->opened;
    const struct exchange_request request = {.url = &url, .body = {body, sizes[kind & 3]}};
    bool room = http2_capacity(r->h) > 0;
    enum err e = http2_request(r->h, &slot->stream, &request);
    need(e == ERR_NONE || e == ERR_CONFLICT, "a request fails");
    need(room || e == ERR_CONFLICT, "a request without room");
    if (e) {
        free(slot);
        return;
    }
    r->opened++;
    r->slots[at] = slot;
    pack(r);
}

static void cancel_stream(struct run *r, unsigned which)
{
    struct slot *slot = which < SLOTS ? r->slots[which] : NULL;
    if (!slot)
        return;
    http2_cancel(r->h, &slot->stream);
    need(slot->stream.id == 0, "a cancelled stream is still open");
    r->told[slot->number] = (struct told){.over = true, .ended = ENDED_LOCAL};
    drop(r, &slot->stream);
    pack(r);
}

/* False: the connection is broken, and the session would close it. */
static bool feed(struct run *r, const uint8_t *p, size_t len, bool bytes)
{
    enum err e = ERR_NONE;
    for (size_t at = 0, n; at < len && e == ERR_NONE; at += n) {
        n = bytes ? 1 : len;
        uint8_t *piece = malloc(n);
        if (!piece)
            abort();
        memcpy(piece, p + at, n);
        e = http2_feed(r->h, piece, n);
        free(piece);
    }
    need(e == ERR_NONE || e == ERR_INVALID, "feeding fails");
    need(e == ERR_NONE || http2_broken(r->h) != CAUSE_ok, "refused without a cause");
    pack(r);
    return http2_broken(r->h) == CAUSE_ok;
}

static void steps(struct run *r, const uint8_t *p, size_t len, bool bytes)
{
    size_t at = 0;
    while (at < len) {
        uint8_t op = p[at++];
        if (op < 0xc0) {
            size_t n = (size_t)op + 1;
            n = n < len - at ? n : len - at;
            if (!feed(r, p + at, n, bytes))
                return;
            at += n;
        } else if (op < 0xd0) {
            open_stream(r, op & 0x0f);
        } else if (op < 0xe0) {
            cancel_stream(r, op & 0x0f);
        } else if (op < 0xf0) {
            flush(r, buf_len(&r->out) * (op & 0x0fu) / 16);
        } else {
            flush(r, buf_len(&r->out));
            if (op == 0xff)
                http2_goaway(r->h);
            pack(r);
        }
        check(r);
    }
}

static void run(struct run *r, const uint8_t *data, size_t size, bool bytes)
{
    *r = (struct run){0};
    buf_init(&r->out, OUT_MAX);
    const struct http2_events events = {on_ended, on_answers, r};
    need(http2_new(&r->h, &events) == ERR_NONE, "no codec");
    pack(r);
    flush(r, buf_len(&r->out));
    steps(r, data, size, bytes);
    r->broken = http2_broken(r->h);
    r->drained = http2_goaway_seen(r->h, NULL) && http2_open_streams(r->h) == 0;
    http2_free(r->h);
    for (int i = 0; i < SLOTS; i++)
        free(r->slots[i]);
    buf_deinit(&r->out);
}

/* What the session makes of a stream: those of a broken connection that have not ended are ended by that. */
static struct told verdict(const struct run *r, int i)
{
    struct told t = r->told[i];
    if (!t.over && r->broken != CAUSE_ok)
        t = (struct told){.over = true, .ended = ENDED_PROTOCOL, .cause = r->broken};
    return t;
}

static void same(const struct run *whole, const struct run *bytes, int i)
{
    struct told a = verdict(whole, i), b = verdict(bytes, i);
    need(a.over == b.over && a.ended == b.ended, "cut differently, another end");
    /* Where one flight breaks a stream and then the connection, either is true. */
    if (a.ended == ENDED_PROTOCOL && whole->broken != CAUSE_ok)
        return;
    need(a.cause == b.cause, "cut differently, another cause");
    need(a.status == b.status && a.code == b.code, "cut differently, another status");
    need(a.retry_after_s == b.retry_after_s, "cut differently, another retry-after");
    need(a.ended != ENDED_COMPLETE || a.body_bytes == b.body_bytes, "cut differently, another body");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole, bytes;
    run(&whole, data, size, false);
    run(&bytes, data, size, true);
    need(whole.opened == bytes.opened, "cut differently, other streams");
    need(whole.answered == bytes.answered, "cut differently, other answers");
    need(whole.broken == bytes.broken || (whole.drained && bytes.drained),
         "cut differently, broken differently");
    for (int i = 0; i < whole.opened; i++)
        same(&whole, &bytes, i);
    return 0;
}
