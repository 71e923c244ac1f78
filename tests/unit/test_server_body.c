/* Bodies in pieces, over both protocols: what arrives, how fast it is read, and how it ends. */
#include "server_h2_client.h"

#define LONG (6u << 20) /* more than any body in memory may be */

static char *make_body(size_t len)
{
    char *p = mem_alloc(len);
    assert_non_null(p);
    for (size_t i = 0; i < len; i++)
        p[i] = (char)('a' + i * 7 % 26);
    return p;
}

static void want(char out[80], const char *word, struct span body)
{
    (void)snprintf(out, 80, "%s %zu %08x", word, body.len, fx_sum(2166136261u, body));
}

/* Another thread sends, because the server reads no faster than its sink takes. */
struct sender {
    pthread_t thread;
    int fd;
    const char *head;
    struct span body;
    size_t chunk; /* 0: not chunked */
};

static void *send_all(void *arg)
{
    struct sender *s = arg;
    cl_say(s->fd, s->head);
    if (!s->chunk)
        cl_send(s->fd, s->body.ptr, s->body.len);
    for (size_t i = 0; s->chunk && i < s->body.len; i += s->chunk) {
        char size[24];
        size_t n = s->body.len - i < s->chunk ? s->body.len - i : s->chunk;
        (void)snprintf(size, sizeof(size), "%zx\r\n", n);
        cl_say(s->fd, size);
        cl_send(s->fd, s->body.ptr + i, n);
        cl_say(s->fd, "\r\n");
    }
    if (s->chunk)
        cl_say(s->fd, "0\r\n\r\n");
    cl_say(s->fd, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    return NULL;
}

static void http1(void **state)
{
    (void)state;
    struct fixture f;
    static const size_t lengths[] = {0, 1, 5000, LONG};
    static const char *const paths[] = {"/sink", "/slow"};
    fx_start(&f, &(struct server_config){0});
    char *text = make_body(LONG), answer[80], head[200];
    for (size_t l = 0; l < 4; l++)
        for (size_t p = 0; p < 2; p++)
            for (size_t chunk = 0; chunk < 40000; chunk += 17000) {
                size_t len = lengths[l] == LONG && p ? LONG / 8 : lengths[l];
                struct sender s = {.fd = cl_open(&f), .head = head, .body = {text, len}, .chunk = chunk};
                struct buf in;
                buf_init(&in, 1u << 20);
                (void)snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: a\r\nx-key: good\r\n",
                               paths[p]);
                size_t at = strlen(head);
                if (chunk)
                    (void)snprintf(head + at, sizeof(head) - at, "Transfer-Encoding: chunked\r\n\r\n");
                else
                    (void)snprintf(head + at, sizeof(head) - at, "Content-Length: %zu\r\n\r\n", len);
                assert_int_equal(pthread_create(&s.thread, NULL, send_all, &s), 0);
                want(answer, "sunk", s.body);
                cl_expect(s.fd, &in, 200, answer);
                cl_expect(s.fd, &in, 200, "GET /next? "); /* the connection goes on */
                assert_int_equal(pthread_join(s.thread, NULL), 0);
                buf_deinit(&in);
                (void)close(s.fd);
            }
    fx_command(&f, 4);
    assert_int_equal(f.stats.buffered, 0);
    mem_free(text);
    fx_stop(&f);
}

/* Who leaves midway, or only ends to send, is told of; a body that is malformed, or comes too slowly, too. */
static void ends_early(void **state)
{
    (void)state;
    struct fixture f;
    static const char post[] = "POST /sink HTTP/1.1\r\nHost: a\r\nx-key: good\r\n";
    char text[200];
    fx_start(&f, &(struct server_config){.limits = {.body_timeout_ms = 200}});
    for (int how = 0; how < 2; how++) {
        int fd = cl_open(&f);
        (void)snprintf(text, sizeof(text), "%sContent-Length: 100\r\n\r\nabc", post);
        cl_say(fd, text);
        if (how)
            cl_reset(fd);
        else
            assert_int_equal(shutdown(fd, SHUT_WR), 0);
        (void)fx_await(f.aborted);
        if (!how)
            (void)close(fd);
    }
    struct buf in;
    buf_init(&in, 1u << 20);
    (void)snprintf(text, sizeof(text), "%sTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n", post);
    int fd = cl_open(&f);
    cl_say(fd, text);
    struct response r = cl_response(fd, &in, false);
    assert_true(r.status == 400 && r.close && memcmp(cl_body(&r).ptr, "broken 3 ", 9) == 0);
    buf_deinit(&r.raw);
    (void)close(fd);
    buf_clear(&in);
    (void)snprintf(text, sizeof(text), "%sContent-Length: 100\r\n\r\nabc", post);
    fd = cl_open(&f);
    cl_say(fd, text);
    r = cl_response(fd, &in, false);
    assert_true(r.status == 408 && r.close && memcmp(cl_body(&r).ptr, "broken 3 ", 9) == 0);
    buf_deinit(&r.raw);
    (void)close(fd);
    buf_deinit(&in);
    fx_stop(&f);
}

/* The deadline is of progress: a long body may take longer than one of them. */
static void slow_but_steady(void **state)
{
    (void)state;
    struct fixture f;
    struct buf in;
    char head[200], answer[80], *text = make_body(5000 * 8);
    fx_start(&f, &(struct server_config){.limits = {.body_timeout_ms = 400}});
    buf_init(&in, 1u << 20);
    int fd = cl_open(&f);
    (void)snprintf(head, sizeof(head),
                   "POST /sink HTTP/1.1\r\nHost: a\r\nx-key: good\r\nContent-Length: %u\r\n\r\n", 5000u * 8);
    cl_say(fd, head);
    for (size_t i = 0; i < 8; i++) {
        struct pollfd nothing = {.fd = fd, .events = POLLIN};
        cl_send(fd, text + 5000 * i, 5000);
        assert_int_equal(poll(&nothing, 1, 100), i < 7 ? 0 : 1); /* an answer is what it must not send yet */
    }
    want(answer, "sunk", (struct span){text, 5000u * 8});
    cl_expect(fd, &in, 200, answer);
    (void)close(fd);
    mem_free(text);
    buf_deinit(&in);
    fx_stop(&f);
}

/* A client that keeps to its windows, as it must: no more than one window waits for a slow sink. */
static void http2(void **state)
{
    (void)state;
    static const char *const paths[] = {"/sink", "/slow"};
    static const size_t lengths[] = {0, 5000, 3u << 20};
    char *text = make_body(3u << 20), answer[80];
    for (size_t p = 0; p < 2; p++)
        for (size_t l = 0; l < 3; l++) {
            struct fixture f;
            struct h2_client c;
            fx_start(&f, &(struct server_config){0});
            client_open(&c, &f);
            c.credit = 65535;
            c.credit_of_1 = 256 * 1024;
            request(&c, 1, "POST", paths[p], (const char *[]){"x-key", "good", NULL}, 0);
            for (size_t sent = 0; sent < lengths[l];) {
                size_t n = lengths[l] - sent < 16384 ? lengths[l] - sent : 16384;
                while (c.credit < n || c.credit_of_1 < n) {
                    flush(&c);
                    assert_true(await_frame(&c));
                }
                frame(&c, DATA, 0, 1, text + sent, n);
                c.credit -= n;
                c.credit_of_1 -= n;
                sent += n;
            }
            frame(&c, DATA, END_STREAM, 1, "", 0);
            get(&c, 3, "/x");
            await(&c, 2);
            want(answer, "sunk", (struct span){text, lengths[l]});
            expect(&c, 1, 200, answer);
            expect(&c, 3, 200, "GET /x? ");
            fx_command(&f, 4);
            assert_int_equal(f.stats.buffered, 0);
            /* one that is cancelled */
            request(&c, 5, "POST", paths[p], (const char *[]){"x-key", "good", NULL}, 0);
            frame(&c, DATA, 0, 5, "abc", 3);
            frame(&c, RST, 0, 5, "\0\0\0\10", 4);
            flush(&c);
            (void)fx_await(f.aborted);
            client_close(&c);
            fx_stop(&f);
        }
    mem_free(text);
}

static void http2_expect(void **state)
{
    (void)state;
    struct fixture f;
    struct h2_client c;
    fx_start(&f, &(struct server_config){.limits = {.body_timeout_ms = 200}});
    client_open(&c, &f);
    request(&c, 1, "POST", "/sink", (const char *[]){"x-key", "good", "expect", "100-continue", NULL}, 0);
    flush(&c);
    while (!c.answers[0].informed)
        assert_true(await_frame(&c));
    frame(&c, DATA, END_STREAM, 1, "abc", 3);
    request(&c, 3, "POST", "/sink", (const char *[]){"x-key", "good", NULL}, 0);
    frame(&c, DATA, 0, 3, "abc", 3); /* and no more */
    await(&c, 2);
    expect(&c, 1, 200, "sunk 3 1a47e90b");
    expect(&c, 3, 408, "broken 3 1a47e90b");
    client_close(&c);
    fx_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http1), cmocka_unit_test(ends_early),   cmocka_unit_test(slow_but_steady),
        cmocka_unit_test(http2), cmocka_unit_test(http2_expect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
