#include "net/transport.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_RECORD_HEADER 5
/*
 * Maximum input bytes of one OpenSSL call. Otherwise it reads on as long as records without data arrive
 * (tickets, key updates), and a peer can send those forever.
 */
#define CALL_MAX 65536u

/*
 * RFC 8446 5.1: ContentType 20..23 (24: heartbeat, RFC 6520), legacy major version 3, a non-empty fragment.
 */
static bool first_byte_is_tls(uint8_t type)
{
    return type >= 20 && type <= 24;
}

static bool first_bytes_are_tls(const uint8_t p[TLS_RECORD_HEADER])
{
    return first_byte_is_tls(p[0]) && p[1] == 3 && (p[3] | p[4]) != 0;
}

static bool errno_is_reset(int e)
{
    /* On an established connection these mean that the peer, or the path to it, ended the connection. */
    return e == ECONNRESET || e == EPIPE || e == ETIMEDOUT || e == EHOSTUNREACH || e == ENETUNREACH ||
           e == ENOTCONN;
}

/* What a failed recv or send means. */
static enum io io_of_errno(struct transport *t, int e, enum io would_block)
{
    if (e == EAGAIN || e == EINTR)
        return would_block;
    t->sys_errno = e;
    if (errno_is_reset(e)) {
        t->seen_reset = true;
        return IO_RESET;
    }
    return IO_LOCAL;
}

static enum io raw_read(struct transport *t, void *p, size_t len, size_t *ret_len)
{
    ssize_t n = recv(t->fd, p, len, 0);
    if (n > 0) {
        t->raw_in += (uint64_t)n;
        *ret_len = (size_t)n;
        return IO_OK;
    }
    if (n == 0) {
        t->seen_eof = true;
        return IO_EOF;
    }
    return io_of_errno(t, errno, IO_WANT_READ);
}

static enum io raw_write(struct transport *t, const void *p, size_t len, size_t *ret_len)
{
    ssize_t n = send(t->fd, p, len, MSG_NOSIGNAL);
    if (n >= 0) {
        t->raw_out += (uint64_t)n;
        *ret_len = (size_t)n;
        return IO_OK;
    }
    return io_of_errno(t, errno, IO_WANT_WRITE);
}

/* Checks the first bytes of the answer; false: they are no TLS record. */
static bool first_bytes_pass(struct transport *t, const uint8_t *p, size_t len)
{
    if (!t->is_client || t->first_len == TLS_RECORD_HEADER)
        return true;
    while (len > 0 && t->first_len < TLS_RECORD_HEADER) {
        t->first[t->first_len++] = *p++;
        len--;
    }
    if (t->first_len == TLS_RECORD_HEADER && !first_bytes_are_tls(t->first))
        t->not_tls = true;
    return !t->not_tls;
}

static int bio_read(BIO *bio, char *p, int len)
{
    struct transport *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (t->not_tls || len <= 0)
        return -1;
    if (t->raw_in >= t->raw_in_stop) { /* the descriptor stays readable: the owner calls again */
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t got = 0;
    switch (raw_read(t, p, (size_t)len, &got)) {
    case IO_OK:
        return first_bytes_pass(t, (const uint8_t *)p, got) ? (int)got : -1;
    case IO_WANT_READ:
        BIO_set_retry_read(bio);
        return -1;
    case IO_EOF:
    case IO_RESET:
        /* Too short for a record, and nothing more will arrive: the first byte decides. */
        if (t->is_client && t->first_len > 0 && t->first_len < TLS_RECORD_HEADER &&
            !first_byte_is_tls(t->first[0]))
            t->not_tls = true;
        return t->seen_eof ? 0 : -1;
    case IO_WANT_WRITE:
    case IO_NOT_TLS:
    case IO_ALERT:
    case IO_TLS:
    case IO_LOCAL:
        break;
    }
    return -1;
}

static int bio_write(BIO *bio, const char *p, int len)
{
    struct transport *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (len <= 0)
        return 0;
    size_t put = 0;
    enum io io = raw_write(t, p, (size_t)len, &put);
    if (io == IO_OK)
        return (int)put;
    if (io == IO_WANT_WRITE)
        BIO_set_retry_write(bio);
    return -1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP ? 1 : 0;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void method_make(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "todoke transport");
    if (!m)
        return;
    if (BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) && BIO_meth_set_ctrl(m, bio_ctrl))
        method = m;
    else
        BIO_meth_free(m);
}

static void transport_zero(struct transport *t, int fd, bool is_client)
{
    *t = (struct transport){.fd = fd, .is_client = is_client, .alert = -1, .verify = X509_V_OK};
}

static enum err tls_attach(struct transport *t, SSL_CTX *ctx)
{
    (void)pthread_once(&method_once, method_make);
    if (!method)
        return ERR_NOMEM;
    SSL *ssl = SSL_new(ctx);
    if (!ssl)
        return ERR_NOMEM;
    BIO *bio = BIO_new(method);
    if (!bio) {
        SSL_free(ssl);
        return ERR_NOMEM;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
    SSL_set_read_ahead(ssl, 1);
    t->ssl = ssl;
    return ERR_NONE;
}

enum err transport_init_client(struct transport *t, int fd, SSL_CTX *ctx, const char *host, bool host_is_ip)
{
    transport_zero(t, fd, true);
    if (!ctx) {
        t->handshake_done = true;
        return ERR_NONE;
    }
    enum err e = tls_attach(t, ctx);
    if (e)
        return e;
    bool named = host_is_ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host) == 1
                            : SSL_set_tlsext_host_name(t->ssl, host) == 1 && SSL_set1_host(t->ssl, host) == 1;
    if (!named) {
        SSL_free(t->ssl);
        t->ssl = NULL;
        return ERR_NOMEM;
    }
    /* RFC 9525 6.3, 2: a wildcard must be the whole left-most label, and the subject (CN) is ignored. */
    SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    SSL_set_connect_state(t->ssl);
    return ERR_NONE;
}

enum err transport_init_server(struct transport *t, int fd, SSL_CTX *ctx)
{
    transport_zero(t, fd, false);
    if (!ctx) {
        t->handshake_done = true;
        return ERR_NONE;
    }
    enum err e = tls_attach(t, ctx);
    if (e)
        return e;
    SSL_set_accept_state(t->ssl);
    return ERR_NONE;
}

void transport_deinit(struct transport *t)
{
    if (t->ssl) {
        /*
         * A connection that ended badly does not invalidate its session for resumption (RFC 8446 6.1, RFC
         * 5246 7.2.1).
         */
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(t->ssl);
    }
    if (t->fd >= 0)
        (void)close(t->fd);
    t->ssl = NULL;
    t->fd = -1;
}

/* After SSL_ERROR_SSL: the error is the peer's alert, our own verdict, or lack of memory. */
static enum io tls_error(struct transport *t)
{
    enum io io = IO_TLS;
    unsigned long code;
    while ((code = ERR_get_error()) != 0) {
        int reason = ERR_GET_REASON(code);
        if (reason == ERR_R_MALLOC_FAILURE || reason == ERR_R_INIT_FAIL) {
            t->sys_errno = ENOMEM;
            io = IO_LOCAL;
        }
        if (ERR_GET_LIB(code) != ERR_LIB_SSL)
            continue;
        if (reason > SSL_AD_REASON_OFFSET && reason <= SSL_AD_REASON_OFFSET + 255) {
            t->alert = reason - SSL_AD_REASON_OFFSET;
            io = IO_ALERT;
        } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
            t->verify = SSL_get_verify_result(t->ssl);
        } else if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_WRONG_SSL_VERSION ||
                   reason == SSL_R_VERSION_TOO_LOW) {
            t->old_version = true;
        }
    }
    return io;
}

/* What a result ≤ 0 of an SSL call means. */
static enum io tls_result(struct transport *t, int result)
{
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return IO_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return IO_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN: /* close_notify */
        t->seen_eof = true;
        return IO_EOF;
    default:
        break;
    }
    t->tls_failed = true;
    if (t->not_tls) {
        ERR_clear_error();
        return IO_NOT_TLS;
    }
    enum io io = tls_error(t);
    if (io != IO_TLS || t->verify != X509_V_OK || t->old_version)
        return io;
    if (t->seen_reset)
        return IO_RESET;
    if (t->seen_eof)
        return IO_EOF;
    return t->sys_errno ? IO_LOCAL : IO_TLS;
}

static void begin_call(struct transport *t)
{
    ERR_clear_error();
    t->raw_in_stop = t->raw_in + CALL_MAX;
}

enum io transport_handshake(struct transport *t)
{
    if (t->handshake_done)
        return IO_OK;
    begin_call(t);
    int r = SSL_do_handshake(t->ssl);
    if (r == 1) {
        t->handshake_done = true;
        return IO_OK;
    }
    return tls_result(t, r);
}

enum io transport_read(struct transport *t, void *p, size_t len, size_t *ret_len)
{
    if (!t->ssl)
        return raw_read(t, p, len, ret_len);
    if (t->tls_failed) /* OpenSSL must not be called again; the earlier error stands */
        return t->alert >= 0 ? IO_ALERT : t->seen_reset ? IO_RESET : t->seen_eof ? IO_EOF : IO_TLS;
    begin_call(t);
    size_t got = 0;
    int r = SSL_read_ex(t->ssl, p, len, &got);
    if (r == 1) {
        *ret_len = got;
        return IO_OK;
    }
    return tls_result(t, r);
}

enum io transport_peek(struct transport *t)
{
    char byte;
    if (!t->ssl) {
        ssize_t n = recv(t->fd, &byte, 1, MSG_PEEK);
        if (n > 0)
            return IO_OK;
        t->seen_eof |= n == 0;
        return n == 0 ? IO_EOF : io_of_errno(t, errno, IO_WANT_READ);
    }
    if (t->tls_failed)
        return IO_TLS;
    begin_call(t);
    size_t got = 0;
    int r = SSL_peek_ex(t->ssl, &byte, 1, &got);
    return r == 1 ? IO_OK : tls_result(t, r);
}

enum io transport_write(struct transport *t, const void *p, size_t len, size_t *ret_len)
{
    if (!t->ssl)
        return raw_write(t, p, len, ret_len);
    begin_call(t);
    size_t put = 0;
    int r = SSL_write_ex(t->ssl, p, len, &put);
    if (r == 1) {
        *ret_len = put;
        return IO_OK;
    }
    /* A write error on the socket says nothing about what the peer sent before: reading must still work. */
    if (t->seen_reset && SSL_get_error(t->ssl, r) == SSL_ERROR_SYSCALL) {
        ERR_clear_error();
        return IO_RESET;
    }
    return tls_result(t, r);
}

void transport_shutdown(struct transport *t)
{
    if (t->ssl && t->handshake_done && !t->tls_failed && !t->seen_reset) {
        ERR_clear_error();
        (void)SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
    (void)shutdown(t->fd, SHUT_WR);
}

bool transport_pending(const struct transport *t)
{
    return t->ssl && SSL_has_pending(t->ssl);
}
