/*
 * Fails allocation N = 1, 2, … through a whole exchange (name, TCP, TLS, HTTP/2, answer): ours and those of
 * c-ares and nghttp2. Nothing may crash, hang or leak (ASan watches), and what is told must be the truth:
 * success, or a fault of our own machine.
 *
 * OpenSSL is left out: with memory failing inside it, OpenSSL 3.0 frees its provider loaders twice at exit,
 * and forgets to say in half of the cases that it was memory.
 *
 * The server lives in a child process, where nothing is failed.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <ares.h>
#include <uv.h>

#include "base/mem.h"
#include "certificate_fixture.h"
#include "exchange/exchange.h"
#include "loop_fixture.h"
#include "server/server.h"

#define ROUNDS_MAX 20000

static char cert_path[] = "/tmp/todoke-test-cert-XXXXXX", key_path[] = "/tmp/todoke-test-key-XXXXXX";
static pid_t child;
static char tls_address[64], clear_address[64], dns_address[64];

static void answer(void *arg, struct server_request *req)
{
    (void)arg;
    server_respond(req, 200, NULL, 0, SPAN_LIT("ok"));
}

/* A resolver whose answers never fit into a datagram. */
struct resolver_peer {
    uv_udp_t udp;
    uv_tcp_t tcp;
};

struct resolver_conn {
    uv_tcp_t tcp;
    char in[1024];
    size_t len;
};

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    static char bytes[65536];
    (void)handle;
    (void)size;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
                        unsigned flags)
{
    (void)flags;
    if (n < 12)
        return;
    buf->base[2] = (char)0x83; /* a response, truncated */
    const uv_buf_t out = uv_buf_init(buf->base, (unsigned)n);
    (void)uv_udp_try_send(udp, &out, 1, from);
}

static void on_conn_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_query(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    static const char record[16] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x7f\0\0\1";
    struct resolver_conn *c = stream->data;
    if (n < 0 || c->len + (size_t)n > sizeof(c->in) - sizeof(record)) {
        uv_close((uv_handle_t *)stream, on_conn_closed);
        return;
    }
    memcpy(c->in + c->len, buf->base, (size_t)n);
    c->len += (size_t)n;
    if (c->len < 2 || c->len < 2u + (unsigned char)c->in[1])
        return;
    c->in[4] = (char)0x81;
    if (c->in[c->len - 3] == 1) { /* for A; nothing else has an address */
        c->in[9] = 1;
        memcpy(c->in + c->len, record, sizeof(record));
        c->len += sizeof(record);
        c->in[1] = (char)(c->in[1] + (char)sizeof(record));
    }
    const uv_buf_t out = uv_buf_init(c->in, (unsigned)c->len);
    (void)uv_try_write(stream, &out, 1);
    c->len = 0;
}

static void on_resolver_conn(uv_stream_t *listener, int status)
{
    struct resolver_conn *c = calloc(1, sizeof(*c));
    if (status != 0 || !c)
        _exit(1);
    c->tcp.data = c;
    if (uv_tcp_init(listener->loop, &c->tcp) != 0 || uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_query) != 0)
        _exit(1);
}

/* The same free port for both. */
static void resolver_start(struct resolver_peer *r, uv_loop_t *loop, char address[64])
{
    struct sockaddr_in sin;
    int tcp = -1, udp = -1;
    if (!loop_port_of_both(&tcp, &udp, &sin) || uv_tcp_init(loop, &r->tcp) != 0 ||
        uv_tcp_open(&r->tcp, tcp) != 0 || uv_listen((uv_stream_t *)&r->tcp, 64, on_resolver_conn) != 0 ||
        uv_udp_init(loop, &r->udp) != 0 || uv_udp_open(&r->udp, udp) != 0 ||
        uv_udp_recv_start(&r->udp, on_alloc, on_datagram) != 0)
        _exit(1);
    (void)snprintf(address, 64, "127.0.0.1:%u", (unsigned)ntohs(sin.sin_port));
}

/* The child: one TLS and one clear server, and a resolver; tells their addresses through the pipe and
 * serves until it is ended. */
static void serve(int pipe_fd)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    uv_loop_t loop;
    struct server *tls = NULL, *clear = NULL;
    struct server_config config = {
        .listen = "127.0.0.1:0", .tls_cert = cert_path, .tls_key = key_path, .handler = answer};
    if (uv_loop_init(&loop) != 0 || server_new(&tls, &loop, &config) != ERR_NONE)
        _exit(1);
    config.tls_cert = config.tls_key = NULL;
    if (server_new(&clear, &loop, &config) != ERR_NONE)
        _exit(1);
    char addresses[3][64] = {"", "", ""};
    server_address(tls, addresses[0]);
    server_address(clear, addresses[1]);
    struct resolver_peer resolver;
    resolver_start(&resolver, &loop, addresses[2]);
    if (write(pipe_fd, addresses, sizeof(addresses)) != (ssize_t)sizeof(addresses))
        _exit(1);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    _exit(0);
}

static int setup(void **state)
{
    (void)state;
    int a = mkstemp(cert_path), b = mkstemp(key_path), fds[2];
    if (a < 0 || b < 0 || pipe(fds) != 0)
        return -1;
    (void)close(a);
    (void)close(b);
    certificate_make(1, cert_path, key_path);
    child = fork();
    if (child < 0)
        return -1;
    if (child == 0) {
        (void)close(fds[0]);
        serve(fds[1]);
    }
    (void)close(fds[1]);
    char addresses[3][64];
    bool told = read(fds[0], addresses, sizeof(addresses)) == (ssize_t)sizeof(addresses);
    (void)close(fds[0]);
    memcpy(tls_address, addresses[0], 64);
    memcpy(clear_address, addresses[1], 64);
    memcpy(dns_address, addresses[2], 64);
    return told ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    if (child > 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
    (void)unlink(cert_path);
    (void)unlink(key_path);
    return 0;
}

struct told {
    unsigned times;
    struct outcome outcome;
    struct engine *engine;
};

static void on_done(void *arg, const struct exchange_result *r)
{
    struct told *t = arg;
    t->times++;
    t->outcome = r->outcome;
    engine_close(t->engine, NULL, NULL);
}

/* One whole exchange whose nth allocation fails. False: fewer were made. */
static bool round_with_failure(const char *text, const char *dns, unsigned long nth, unsigned *ret_ok)
{
    struct url url;
    enum cause_id cause = CAUSE_ok;
    assert_int_equal(url_parse(span_of(text), &(struct url_rules){.allow_http = true}, &url, &cause),
                     ERR_NONE);
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct told told = {0};
    const struct engine_config config = {.ca_file = cert_path, .dns_server = dns, .allow_private = true};
    const struct header headers[] = {{SPAN_LIT("content-type"), SPAN_LIT("application/json")}};
    const struct exchange_request request = {
        .url = &url, .headers = headers, .header_count = 1, .body = SPAN_LIT("{\"events\":[]}")};
    (void)mem_fail_at(nth);
    enum err e = engine_new(&told.engine, &loop, &config);
    bool started = !e;
    if (!e)
        e = exchange_start(told.engine, &request, on_done, &told, NULL);
    if (e && started)
        engine_close(told.engine, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    bool hit = mem_fail_hit();
    (void)mem_fail_at(0);
    assert_int_equal(uv_loop_close(&loop), 0);
    if (e) {
        assert_true(hit);
        assert_int_equal(told.times, 0);
        return true;
    }
    assert_int_equal(told.times, 1);
    if (told.outcome.reason == REASON_OK)
        ++*ret_ok;
    else if (!cause_is_local(told.outcome.cause) || !hit)
        fail_msg("allocation %lu: %s", nth, cause_of(told.outcome.cause)->id);
    return hit;
}

static void all_rounds(const char *text, const char *dns)
{
    unsigned ok = 0;
    assert_false(round_with_failure(text, dns, 0, &ok)); /* what libraries make once is made now */
    assert_int_equal(ok, 1);
    unsigned long n = 1;
    while (n < ROUNDS_MAX && round_with_failure(text, dns, n, &ok))
        n++;
    assert_true(n < ROUNDS_MAX);
    assert_true(n > 20);
    print_message("# %lu allocations failed one by one, %u exchanges succeeded all the same\n", n - 1,
                  ok - 2);
}

static void clear_text(void **state)
{
    (void)state;
    char url[96];
    (void)snprintf(url, sizeof(url), "http://localhost%s/x", strrchr(clear_address, ':'));
    all_rounds(url, NULL);
}

/* A name, asked for by datagram and then over TCP. */
static void by_name(void **state)
{
    (void)state;
    char url[96];
    (void)snprintf(url, sizeof(url), "http://bot.example%s/x", strrchr(clear_address, ':'));
    all_rounds(url, dns_address);
}

static void tls_and_http2(void **state)
{
    (void)state;
    char url[96];
    (void)snprintf(url, sizeof(url), "https://localhost%s/x", strrchr(tls_address, ':'));
    all_rounds(url, NULL);
}

int main(void)
{
    if (ares_library_init_mem(ARES_LIB_INIT_ALL, mem_alloc, mem_free, mem_resize) != ARES_SUCCESS)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clear_text),
        cmocka_unit_test(by_name),
        cmocka_unit_test(tls_and_http2),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
