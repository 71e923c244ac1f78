/*
 * Exchanges with peers that make the pool and the loop sweat: one that never stops talking, one that closes
 * behind its answer while others wait for the connection, one that opens its window wide at once; and two
 * origins for whom there is one connection.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exchange/exchange.h"
#include "net/tls.h"
#include "net/transport.h"

#define BODY_LEN 1000000u
#define ANSWER "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
#define LATE_US 300000u /* the promise: a deadline and no more than this */

/* ---- a peer: a thread that serves one connection after the other until its listener is shut down ---- */

struct peer {
    pthread_t thread;
    int listener;
    char url_text[64];
    struct url url;
    SSL_CTX *tls;
    void (*serve)(struct peer *p, int fd);
};

static void *peer_run(void *arg)
{
    struct peer *p = arg;
    for (int fd; (fd = accept(p->listener, NULL, NULL)) >= 0; (void)close(fd))
        p->serve(p, fd);
    return NULL;
}

static void peer_start(struct peer *p, void (*serve)(struct peer *p, int fd))
{
    p->serve = serve;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&sin, len), 0);
    assert_int_equal(listen(p->listener, 16), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&sin, &len), 0);
    (void)snprintf(p->url_text, sizeof(p->url_text), "%s://127.0.0.1:%u/x", p->tls ? "https" : "http",
                   (unsigned)ntohs(sin.sin_port));
    enum cause_id cause = CAUSE_ok;
    assert_int_equal(
        url_parse(span_of(p->url_text), &(struct url_rules){.allow_http = true}, &p->url, &cause), ERR_NONE);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_run, p), 0);
}

static void peer_stop(struct peer *p)
{
    (void)shutdown(p->listener, SHUT_RDWR);
    (void)pthread_join(p->thread, NULL);
    (void)close(p->listener);
}

/* One request without a body, or its first part. */
static bool read_request(int fd)
{
    char head[4096];
    size_t len = 0;
    while (len < sizeof(head) && !memmem(head, len, "\r\n\r\n", 4)) {
        ssize_t n = read(fd, head + len, sizeof(head) - len);
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    return true;
}

/* ---- a client ---- */

struct tally {
    struct engine *engine;
    unsigned wanted, over;
    struct exchange_result results[4];
};

static void on_done(void *arg, const struct exchange_result *r)
{
    struct tally *t = arg;
    const struct exchange_timings *us = &r->timings; /* one after the other, all of them its own */
    assert_true((uint64_t)us->dns_us + us->connect_us + us->tls_us + us->send_us + us->first_byte_us <=
                us->total_us);
    t->results[t->over++] = *r;
    if (t->over == t->wanted)
        engine_close(t->engine, NULL, NULL);
}

static void start(struct tally *t, const struct exchange_request *request)
{
    t->wanted++;
    assert_int_equal(exchange_start(t->engine, request, on_done, t, NULL), ERR_NONE);
}

static void open_engine(struct tally *t, uv_loop_t *loop, struct engine_config config)
{
    config.allow_private = true;
    *t = (struct tally){0};
    assert_int_equal(uv_loop_init(loop), 0);
    assert_int_equal(engine_new(&t->engine, loop, &config), ERR_NONE);
}

static void run(struct tally *t, uv_loop_t *loop)
{
    (void)uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
    assert_int_equal(t->over, t->wanted);
}

/* ---- cases ---- */

static void talks_for_ever(struct peer *p, int fd)
{
    (void)p;
    static const char interim[] = "HTTP/1.1 103 Early Hints\r\n\r\n";
    static char many[sizeof(interim) * 40000];
    size_t len = 0;
    for (; len + sizeof(interim) < sizeof(many); len += sizeof(interim) - 1)
        memcpy(many + len, interim, sizeof(interim) - 1);
    if (!read_request(fd))
        return;
    while (send(fd, many, len, MSG_NOSIGNAL) > 0)
        ;
}

static void a_flood_does_not_stop_the_clock(void **state)
{
    (void)state;
    struct peer p = {0};
    peer_start(&p, talks_for_ever);
    uv_loop_t loop;
    struct tally t;
    open_engine(&t, &loop, (struct engine_config){0});
    start(&t, &(struct exchange_request){.url = &p.url, .deadlines = {.response_ms = 1000}});
    run(&t, &loop);
    peer_stop(&p);
    assert_int_equal(t.results[0].outcome.reason, REASON_REQUEST_TIMEOUT);
    assert_int_equal(t.results[0].outcome.processed, PROCESSED_UNKNOWN);
    assert_true(t.results[0].timings.total_us < 1000000 + LATE_US);
}

/* Takes the connection, and hangs up when told that the second exchange has begun and has waited for a
 * while. */
static atomic_bool hang_up;

static void keeps_waiting(struct peer *p, int fd)
{
    (void)p;
    (void)fd;
    while (!atomic_load(&hang_up))
        (void)usleep(1000);
}

struct latecomer {
    struct tally t;
    struct exchange_request request;
    uv_timer_t timer;
};

static void on_hang_up(uv_timer_t *timer)
{
    atomic_store(&hang_up, true);
    uv_close((uv_handle_t *)timer, NULL);
}

static void on_latecomer(uv_timer_t *timer)
{
    struct latecomer *late = timer->data;
    late->request.on_phase = NULL;
    start(&late->t, &late->request);
    (void)uv_timer_start(timer, on_hang_up, 50, 0);
}

static void on_phase(void *arg, enum phase phase, uint32_t at_us)
{
    struct latecomer *late = arg; /* its tally is its first member */
    (void)at_us;
    if (phase == PHASE_TLS)
        assert_int_equal(uv_timer_start(&late->timer, on_latecomer, 100, 0), 0);
}

/* Two wait for one handshake, the second for less long: each is told what it has waited itself. */
static void each_phase_is_its_own(void **state)
{
    (void)state;
    struct peer p = {.tls = SSL_CTX_new(TLS_server_method())}; /* for the URL's sake: it never says a word */
    atomic_store(&hang_up, false);
    peer_start(&p, keeps_waiting);
    uv_loop_t loop;
    struct latecomer late;
    open_engine(&late.t, &loop, (struct engine_config){0});
    late.request = (struct exchange_request){
        .url = &p.url, .deadlines = {.connect_ms = 20000, .session_ms = 20000}, .on_phase = on_phase};
    late.timer.data = &late;
    assert_int_equal(uv_timer_init(&loop, &late.timer), 0);
    start(&late.t, &late.request);
    run(&late.t, &loop);
    peer_stop(&p);
    SSL_CTX_free(p.tls);
    const struct exchange_result *r = late.t.results;
    assert_int_equal(late.t.over, 2);
    assert_int_equal(r[0].outcome.phase, PHASE_TLS);
    assert_int_equal(r[1].outcome.phase, PHASE_TLS);
    assert_true(r[1].timings.tls_us > 0);
    assert_true(r[0].timings.tls_us >= r[1].timings.tls_us + 90000);
}

/* The engine is closed while a connection is opening for which nobody waits any more: LeakSanitizer sees what
 * is left of it. */
static void closed_while_opening(void **state)
{
    (void)state;
    struct peer p = {.tls = SSL_CTX_new(TLS_server_method())};
    atomic_store(&hang_up, false);
    peer_start(&p, keeps_waiting);
    uv_loop_t loop;
    struct tally t;
    open_engine(&t, &loop, (struct engine_config){0});
    struct exchange *x = NULL;
    t.wanted = 1;
    assert_int_equal(exchange_start(t.engine, &(struct exchange_request){.url = &p.url}, on_done, &t, &x),
                     ERR_NONE);
    exchange_cancel(x);
    run(&t, &loop);
    atomic_store(&hang_up, true);
    peer_stop(&p);
    SSL_CTX_free(p.tls);
    assert_int_equal(t.results[0].outcome.cause, CAUSE_local_cancelled);
}

/* The answer and the FIN in one segment. */
static void answers_and_closes(struct peer *p, int fd)
{
    (void)p;
    if (!read_request(fd))
        return;
    (void)send(fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL | MSG_MORE);
    (void)shutdown(fd, SHUT_WR);
    (void)read_request(fd);
}

static void a_closed_connection_is_not_handed_on(void **state)
{
    (void)state;
    struct peer p = {0};
    peer_start(&p, answers_and_closes);
    uv_loop_t loop;
    struct tally t;
    open_engine(&t, &loop, (struct engine_config){.connections_per_origin = 1});
    for (int i = 0; i < 3; i++)
        start(&t, &(struct exchange_request){.url = &p.url});
    run(&t, &loop);
    peer_stop(&p);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(t.results[i].outcome.cause, CAUSE_ok);
        assert_int_equal(t.results[i].retries, 0);
        assert_false(t.results[i].reused);
    }
}

static void answers(struct peer *p, int fd)
{
    (void)p;
    while (read_request(fd))
        (void)send(fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL);
}

static void an_idle_connection_makes_room(void **state)
{
    (void)state;
    struct peer a = {0}, b = {0}, c = {0};
    peer_start(&a, answers);
    peer_start(&b, answers);
    peer_start(&c, answers);
    uv_loop_t loop;
    struct tally t;
    open_engine(&t, &loop, (struct engine_config){.connections_max = 1});
    start(&t, &(struct exchange_request){.url = &a.url});
    start(&t, &(struct exchange_request){.url = &b.url});
    start(&t, &(struct exchange_request){.url = &c.url});
    run(&t, &loop);
    peer_stop(&a);
    peer_stop(&b);
    peer_stop(&c);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(t.results[i].outcome.cause, CAUSE_ok);
        assert_true(t.results[i].timings.total_us < 2000000); /* not by the idle limit */
    }
}

/* ---- HTTP/2 ---- */

static char cert_path[] = "/tmp/todoke-test-cert-XXXXXX";

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *in,
                     unsigned in_len, void *arg)
{
    (void)ssl;
    (void)in;
    (void)in_len;
    (void)arg;
    *out = (const unsigned char *)"h2";
    *len = 2;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *server_context(bool h2)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    assert_true(key && cert);
    X509_NAME *name = X509_get_subject_name(cert);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"peer", -1, -1, 0);
    (void)X509_set_issuer_name(cert, name);
    (void)X509_set_version(cert, X509_VERSION_3);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    (void)X509_set_pubkey(cert, key);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    assert_non_null(san);
    (void)X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    memset(cert_path + sizeof(cert_path) - 7, 'X', 6);
    int fd = mkstemp(cert_path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    assert_true(f && PEM_write_X509(f, cert) == 1);
    (void)fclose(f);
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    assert_non_null(ctx);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    if (h2)
        SSL_CTX_set_alpn_select_cb(ctx, choose_h2, NULL);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static bool read_all(SSL *ssl, uint8_t *p, size_t len)
{
    for (size_t n; len > 0; p += n, len -= n)
        if (SSL_read_ex(ssl, p, len, &n) != 1)
            return false;
    return true;
}

/* Lets 8 MiB come with one word, when the stream has begun, and never says more before the end. */
static void opens_wide(struct peer *p, int fd)
{
    static const uint8_t settings[9] = {0, 0, 0, 4}, wide[26] = {0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0x80, 0, 0,
                                                                 0, 0, 4, 8, 0, 0, 0, 0, 1, 0, 0x80, 0, 0};
    static const uint8_t ok[10] = {0, 0, 1, 1, 5, 0, 0, 0, 1, 0x88}; /* HEADERS, :status 200, the end */
    static uint8_t payload[1 << 24];
    SSL *ssl = SSL_new(p->tls);
    size_t n;
    bool go = ssl && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1 &&
              SSL_write_ex(ssl, settings, sizeof(settings), &n) == 1 && read_all(ssl, payload, 24);
    for (uint8_t h[9]; go && read_all(ssl, h, 9);) {
        go = read_all(ssl, payload, (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2]);
        if (go && h[3] == 1)
            go = SSL_write_ex(ssl, wide, sizeof(wide), &n) == 1;
        else if (go && h[3] == 0 && (h[4] & 1))
            go = SSL_write_ex(ssl, ok, sizeof(ok), &n) == 1;
    }
    SSL_free(ssl);
}

static void a_wide_window_is_used(void **state)
{
    (void)state;
    struct peer p = {.tls = server_context(true)};
    peer_start(&p, opens_wide);
    uv_loop_t loop;
    struct tally t;
    open_engine(&t, &loop, (struct engine_config){.ca_file = cert_path});
    (void)unlink(cert_path);
    static char body[BODY_LEN];
    memset(body, 'x', sizeof(body));
    start(&t, &(struct exchange_request){
                  .url = &p.url, .body = {body, sizeof(body)}, .deadlines = {.response_ms = 15000}});
    run(&t, &loop);
    peer_stop(&p);
    SSL_CTX_free(p.tls);
    assert_int_equal(t.results[0].outcome.cause, CAUSE_ok);
    assert_int_equal(t.results[0].http, 20);
}

/* More tickets than one call may take in, then silence. */
static void sends_tickets(struct peer *p, int fd)
{
    SSL *ssl = SSL_new(p->tls);
    bool go = ssl && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1;
    for (int i = 0; go && i < 600; i++)
        go = SSL_new_session_ticket(ssl) == 1 && SSL_do_handshake(ssl) == 1;
    char byte;
    while (read(fd, &byte, 1) > 0)
        ;
    SSL_free(ssl);
}

static int ticket_dropped(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    (void)session;
    return 0;
}

static void await(const struct transport *t, enum io io)
{
    struct pollfd fd = {.fd = t->fd, .events = io == IO_WANT_WRITE ? POLLOUT : POLLIN};
    (void)poll(&fd, 1, -1);
}

/* OpenSSL reads on by itself while records without data come; a faster peer than this one would keep it
 * there. */
static void tickets_are_read_in_portions(void **state)
{
    (void)state;
    struct peer p = {.tls = server_context(false)};
    peer_start(&p, sends_tickets);
    SSL_CTX *ctx = NULL;
    assert_int_equal(tls_client_context(&ctx, cert_path, ticket_dropped), ERR_NONE);
    (void)unlink(cert_path);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&p.url.addr, sizeof(struct sockaddr_in)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    struct transport t;
    assert_int_equal(transport_init_client(&t, fd, ctx, "127.0.0.1", true), ERR_NONE);
    for (enum io io; (io = transport_handshake(&t)) != IO_OK; await(&t, io))
        assert_true(io == IO_WANT_READ || io == IO_WANT_WRITE);
    int waiting = 0;
    while (waiting < 100000) /* until enough lies in the socket */
        assert_int_equal(ioctl(fd, FIONREAD, &waiting), 0);
    uint64_t before = t.raw_in;
    char byte;
    size_t len;
    assert_int_equal(transport_read(&t, &byte, 1, &len), IO_WANT_READ);
    assert_true(t.raw_in - before >= 16384 && t.raw_in - before < 100000);
    transport_deinit(&t);
    SSL_CTX_free(ctx);
    peer_stop(&p);
    SSL_CTX_free(p.tls);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_does_not_stop_the_clock),
        cmocka_unit_test(each_phase_is_its_own),
        cmocka_unit_test(closed_while_opening),
        cmocka_unit_test(a_closed_connection_is_not_handed_on),
        cmocka_unit_test(an_idle_connection_makes_room),
        cmocka_unit_test(a_wide_window_is_used),
        cmocka_unit_test(tickets_are_read_in_portions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
