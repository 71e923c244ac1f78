/*
 * A server that answers before it is asked: its answer travels with the end of the handshake, in one flight,
 * cut at every byte. What TLS has taken in by then no poll tells of again, and the answer must be heard all
 * the same.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "certificate_fixture.h"
#include "exchange/exchange.h"

#define ANSWER "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
#define RESPONSE_MS 5000

static char cert_path[] = "/tmp/todoke-test-cert-XXXXXX", key_path[] = "/tmp/todoke-test-key-XXXXXX";

/* When the server says it. */
enum moment { AT_ACCEPT, WITH_ITS_FINISHED, BEHIND_THE_CLIENTS_FINISHED };

struct peer {
    enum moment moment;
    int version; /* of TLS; 0: clear text */
    int listener, fd;
    struct url url;
    SSL_CTX *ctx;
    SSL *ssl;
    /* The flight with the answer leaves in two parts: so many bytes and, once they are read, the rest. */
    size_t cut;
    size_t flight;
    bool answered;
    uv_loop_t loop; /* the client's */
    unsigned over;
    struct exchange_result result;
};

static void peer_open(struct peer *p)
{
    p->fd = -1;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&sin, len), 0);
    assert_int_equal(listen(p->listener, 16), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&sin, &len), 0);
    char text[64];
    (void)snprintf(text, sizeof(text), "%s://127.0.0.1:%u/x", p->version ? "https" : "http",
                   (unsigned)ntohs(sin.sin_port));
    enum cause_id cause = CAUSE_ok;
    assert_int_equal(url_parse(span_of(text), &(struct url_rules){.allow_http = true}, &p->url, &cause),
                     ERR_NONE);
    if (!p->version)
        return;
    p->ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(p->ctx);
    assert_int_equal(SSL_CTX_use_certificate_file(p->ctx, cert_path, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(p->ctx, key_path, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(p->ctx, p->version), 1);
    if (p->version == TLS1_2_VERSION) /* resumed, the handshake would end with the client's Finished */
        (void)SSL_CTX_set_options(p->ctx, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_OFF);
}

static void peer_hang_up(struct peer *p)
{
    SSL_free(p->ssl);
    p->ssl = NULL;
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
    p->answered = false;
}

static void client_turns(struct peer *p)
{
    for (int i = 0; i < 4; i++)
        (void)uv_run(&p->loop, UV_RUN_NOWAIT);
}

/* Once the client has gone there is nobody to send to. */
static void peer_send(struct peer *p, const char *bytes, size_t len)
{
    for (ssize_t n; len > 0; bytes += n, len -= (size_t)n)
        if ((n = send(p->fd, bytes, len, MSG_NOSIGNAL)) <= 0)
            return;
}

static void send_cut(struct peer *p, const char *bytes, size_t len)
{
    size_t first = p->cut < len ? p->cut : len;
    p->flight = len;
    peer_send(p, bytes, first);
    client_turns(p);
    peer_send(p, bytes + first, len - first);
}

static void send_flight(struct peer *p)
{
    char *bytes;
    long len = BIO_get_mem_data(SSL_get_wbio(p->ssl), &bytes);
    if (p->answered)
        send_cut(p, bytes, (size_t)len);
    else
        peer_send(p, bytes, (size_t)len);
    (void)BIO_reset(SSL_get_wbio(p->ssl));
}

static void peer_accept(struct peer *p)
{
    p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (p->fd < 0)
        return;
    int one = 1;
    assert_int_equal(setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    if (!p->version) {
        send_cut(p, ANSWER, sizeof(ANSWER) - 1);
        p->answered = true;
        return;
    }
    p->ssl = SSL_new(p->ctx);
    assert_non_null(p->ssl);
    SSL_set_bio(p->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(p->ssl);
}

/* As far as its handshake goes; then the answer, in the flight that ends it. */
static void peer_step(struct peer *p)
{
    if (p->fd < 0)
        peer_accept(p);
    if (p->fd < 0 || p->answered)
        return;
    char in[8192];
    ssize_t n = recv(p->fd, in, sizeof(in), 0);
    if (n <= 0)
        return;
    assert_int_equal(BIO_write(SSL_get_rbio(p->ssl), in, (int)n), n);
    size_t some;
    if (p->moment == WITH_ITS_FINISHED && p->version == TLS1_3_VERSION) {
        if (SSL_read_early_data(p->ssl, in, sizeof(in), &some) == SSL_READ_EARLY_DATA_FINISH)
            p->answered = SSL_write_early_data(p->ssl, ANSWER, sizeof(ANSWER) - 1, &some) == 1;
    } else if (SSL_accept(p->ssl) == 1) {
        p->answered = SSL_write_ex(p->ssl, ANSWER, sizeof(ANSWER) - 1, &some) == 1;
    }
    send_flight(p);
}

static void on_done(void *arg, const struct exchange_result *r)
{
    struct peer *p = arg;
    p->result = *r;
    p->over++;
}

static void answered_at_every_cut(enum moment moment, int version)
{
    struct peer p = {.moment = moment, .version = version};
    peer_open(&p);
    assert_int_equal(uv_loop_init(&p.loop), 0);
    struct engine *engine;
    assert_int_equal(
        engine_new(&engine, &p.loop, &(struct engine_config){.allow_private = true, .ca_file = cert_path}),
        ERR_NONE);
    for (p.cut = 0; p.cut == 0 || p.cut <= p.flight; p.cut++) {
        p.over = 0;
        assert_int_equal(exchange_start(engine,
                                        &(struct exchange_request){.url = &p.url,
                                                                   .deadlines = {.response_ms = RESPONSE_MS}},
                                        on_done, &p, NULL),
                         ERR_NONE);
        while (!p.over) {
            (void)uv_run(&p.loop, UV_RUN_NOWAIT);
            peer_step(&p);
        }
        if (p.result.outcome.reason != REASON_ERROR_STATUS_CODE)
            fail_msg("cut at %zu of %zu: %s", p.cut, p.flight, cause_of(p.result.outcome.cause)->id);
        assert_int_equal(p.result.evidence.status, 401);
        assert_int_equal(p.result.retries, 0);
        peer_hang_up(&p);
    }
    engine_close(engine, NULL, NULL);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&p.loop), 0);
    SSL_CTX_free(p.ctx);
    (void)close(p.listener);
}

static void clear_text(void **state)
{
    (void)state;
    answered_at_every_cut(AT_ACCEPT, 0);
}

static void tls13_with_the_servers_finished(void **state)
{
    (void)state;
    answered_at_every_cut(WITH_ITS_FINISHED, TLS1_3_VERSION);
}

static void tls13_with_the_tickets(void **state)
{
    (void)state;
    answered_at_every_cut(BEHIND_THE_CLIENTS_FINISHED, TLS1_3_VERSION);
}

static void tls12_with_the_servers_finished(void **state)
{
    (void)state;
    answered_at_every_cut(WITH_ITS_FINISHED, TLS1_2_VERSION);
}

static int setup(void **state)
{
    (void)state;
    int a = mkstemp(cert_path), b = mkstemp(key_path);
    if (a < 0 || b < 0)
        return -1;
    (void)close(a);
    (void)close(b);
    certificate_make(1, cert_path, key_path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(cert_path);
    (void)unlink(key_path);
    return 0;
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clear_text),
        cmocka_unit_test(tls13_with_the_servers_finished),
        cmocka_unit_test(tls13_with_the_tickets),
        cmocka_unit_test(tls12_with_the_servers_finished),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
