/* The server with TLS: which protocol is spoken, what is refused, and a new certificate while it runs. */
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <signal.h>

#include "certificate_fixture.h"
#include "server_fixture.h"

#define H "Host: a\r\n"

static char cert_path[] = "/tmp/todoke-test-cert-XXXXXX", key_path[] = "/tmp/todoke-test-key-XXXXXX";

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

struct tls_client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    bool connected;
};

static void tls_open(struct tls_client *c, const struct fixture *f, const char *alpn, int version)
{
    c->fd = cl_open(f);
    c->ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(c->ctx);
    SSL_CTX_set_security_level(c->ctx, 0); /* lets us offer what the server must refuse */
    assert_int_equal(SSL_CTX_set_min_proto_version(c->ctx, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(c->ctx, version), 1);
    c->ssl = SSL_new(c->ctx);
    assert_non_null(c->ssl);
    if (alpn)
        assert_int_equal(SSL_set_alpn_protos(c->ssl, (const unsigned char *)alpn, (unsigned)strlen(alpn)), 0);
    assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
    c->connected = SSL_connect(c->ssl) == 1;
}

static void tls_close(struct tls_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    (void)close(c->fd);
}

static void tls_say(struct tls_client *c, const void *p, size_t len)
{
    size_t n = 0;
    assert_int_equal(SSL_write_ex(c->ssl, p, len, &n), 1);
    assert_int_equal(n, len);
}

/* Reads until the bytes hold needle. */
static void tls_await(struct tls_client *c, struct buf *b, const char *needle)
{
    while (buf_len(b) == 0 || !memmem(b->data, buf_len(b), needle, strlen(needle))) {
        size_t n = 0;
        assert_int_equal(buf_reserve(b, 20000), ERR_NONE);
        assert_int_equal(SSL_read_ex(c->ssl, b->data + b->tail, 20000, &n), 1);
        b->tail += n;
    }
}

static void start(struct fixture *f, struct server_limits limits)
{
    fx_start(f, &(struct server_config){.tls_cert = cert_path, .tls_key = key_path, .limits = limits});
}

static void alpn_decides(void **state)
{
    (void)state;
    static const struct {
        const char *alpn;
        int version;
        const char *want; /* NULL: no ALPN in the answer */
    } rows[] = {
        {"\x02h2\x08http/1.1", TLS1_3_VERSION, "h2"}, {"\x08http/1.1\x02h2", TLS1_3_VERSION, "h2"},
        {"\x08http/1.1", TLS1_3_VERSION, "http/1.1"}, {NULL, TLS1_3_VERSION, NULL},
        {"\x06spdy/3", TLS1_3_VERSION, NULL},         {"\x02h2", TLS1_2_VERSION, "h2"},
        {"\x08http/1.1", TLS1_2_VERSION, "http/1.1"}, {NULL, TLS1_2_VERSION, NULL},
    };
    struct fixture f;
    start(&f, (struct server_limits){0});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct tls_client c;
        tls_open(&c, &f, rows[i].alpn, rows[i].version);
        assert_true(c.connected);
        const unsigned char *name = NULL;
        unsigned len = 0;
        SSL_get0_alpn_selected(c.ssl, &name, &len);
        assert_true(
            span_eq((struct span){(const char *)name, len}, span_of(rows[i].want ? rows[i].want : "")));
        struct buf b;
        buf_init(&b, 1u << 20);
        if (rows[i].want && strcmp(rows[i].want, "h2") == 0) {
            /* GET / as stream 1: :method GET, :scheme https, :path /, :authority a */
            static const char h2[] =
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\6\1\5\0\0\0\1\x82\x87\x84\x41\1a";
            tls_say(&c, h2, sizeof(h2) - 1);
            tls_await(&c, &b, "GET /? ");
            assert_int_equal(b.data[b.head + 3], 4); /* the first frame is SETTINGS */
        } else {
            tls_say(&c, "GET /x HTTP/1.1\r\n" H "\r\n", 17 + 9 + 2);
            tls_await(&c, &b, "GET /x? ");
            assert_memory_equal(b.data, "HTTP/1.1 200 OK\r\n", 17);
        }
        buf_deinit(&b);
        tls_close(&c);
    }
    fx_stop(&f);
}

static void old_versions_and_clear_text_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, (struct server_limits){.head_timeout_ms = 200});
    struct tls_client c;
    tls_open(&c, &f, NULL, TLS1_1_VERSION);
    assert_false(c.connected);
    tls_close(&c);
    struct buf b;
    buf_init(&b, 100000);
    int fd = cl_open(&f);
    cl_say(fd, "GET / HTTP/1.1\r\n" H "\r\n");
    while (cl_read(fd, &b)) /* an alert at most */
        ;
    assert_true(buf_len(&b) < 20);
    (void)close(fd);
    /* Silence in the handshake, and half a ClientHello. */
    fd = cl_open(&f);
    assert_false(cl_read(fd, &b));
    (void)close(fd);
    fd = cl_open(&f);
    cl_send(fd, "\x16\x03\x01\x02\x00\x01", 6);
    assert_false(cl_read(fd, &b));
    (void)close(fd);
    buf_deinit(&b);
    fx_stop(&f);
}

static void bodies_of_many_records(void **state)
{
    (void)state;
    enum { SIZE = 1000000 };
    struct fixture f;
    start(&f, (struct server_limits){0});
    struct tls_client c;
    tls_open(&c, &f, NULL, TLS1_3_VERSION);
    char head[200];
    (void)snprintf(head, sizeof(head), "POST /x HTTP/1.1\r\n" H "Content-Length: %d\r\n\r\n", SIZE);
    tls_say(&c, head, strlen(head));
    static char body[SIZE];
    memset(body, 'b', SIZE);
    body[SIZE - 1] = '!';
    for (size_t at = 0; at < SIZE; at += 10000)
        tls_say(&c, body + at, 10000);
    struct buf b;
    buf_init(&b, 4u << 20);
    tls_await(&c, &b, "b!");
    assert_true(buf_len(&b) > SIZE);
    buf_clear(&b);
    /* Pipelined in one record, then byte by byte: what TLS has read ahead must not be forgotten. */
    static const char three[] =
        "GET /later HTTP/1.1\r\n" H "\r\nGET /later HTTP/1.1\r\n" H "\r\nGET /z HTTP/1.1\r\n" H "\r\n";
    tls_say(&c, three, sizeof(three) - 1);
    tls_await(&c, &b, "GET /z? ");
    buf_clear(&b);
    for (size_t i = 0; i < sizeof(three) - 1; i++)
        tls_say(&c, three + i, 1);
    tls_await(&c, &b, "GET /z? ");
    buf_clear(&b);
    tls_say(&c, "GET /flood HTTP/1.1\r\n" H "\r\n", 21 + 9 + 2);
    buf_deinit(&b);
    buf_init(&b, 2 * FLOOD_BYTES);
    tls_await(&c, &b, "0\r\n\r\n");
    assert_true(buf_len(&b) > FLOOD_BYTES);
    buf_deinit(&b);
    tls_close(&c);
    fx_stop(&f);
}

static long serial_seen(const struct fixture *f)
{
    struct tls_client c;
    tls_open(&c, f, NULL, TLS1_3_VERSION);
    assert_true(c.connected);
    X509 *cert = SSL_get1_peer_certificate(c.ssl);
    assert_non_null(cert);
    long serial = ASN1_INTEGER_get(X509_get0_serialNumber(cert));
    X509_free(cert);
    tls_close(&c);
    return serial;
}

static void a_new_certificate_while_it_runs(void **state)
{
    (void)state;
    struct fixture f;
    start(&f, (struct server_limits){0});
    struct tls_client old;
    tls_open(&old, &f, NULL, TLS1_3_VERSION);
    assert_int_equal(serial_seen(&f), 1);
    certificate_make(2, cert_path, key_path);
    fx_command(&f, 3);
    assert_int_equal(f.reloaded, ERR_NONE);
    assert_int_equal(serial_seen(&f), 2);
    /* A broken file changes nothing. */
    FILE *broken = fopen(cert_path, "w");
    assert_non_null(broken);
    (void)fclose(broken);
    fx_command(&f, 3);
    assert_int_equal(f.reloaded, ERR_IO);
    assert_int_equal(serial_seen(&f), 2);
    struct buf b;
    buf_init(&b, 100000);
    tls_say(&old, "GET /x HTTP/1.1\r\n" H "\r\n", 17 + 9 + 2);
    tls_await(&old, &b, "GET /x? ");
    buf_deinit(&b);
    tls_close(&old);
    fx_stop(&f);
    uv_loop_t loop;
    struct server *s = NULL;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct server_config bad = {.listen = "127.0.0.1:0", .tls_cert = cert_path, .tls_key = key_path};
    assert_int_equal(server_new(&s, &loop, &bad), ERR_IO);
    bad.tls_key = NULL;
    assert_int_equal(server_new(&s, &loop, &bad), ERR_INVALID);
    assert_int_equal(uv_loop_close(&loop), 0);
    certificate_make(1, cert_path, key_path);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL's own socket writes raise it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpn_decides),
        cmocka_unit_test(old_versions_and_clear_text_are_refused),
        cmocka_unit_test(bodies_of_many_records),
        cmocka_unit_test(a_new_certificate_while_it_runs),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
