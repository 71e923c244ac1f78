#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "base/mem.h"
#include "base/origin.h"
#include "server/server_core.h"

struct server_tls {
    SSL_CTX *ctx;
    char *cert, *key; /* paths, for the next reload */
};

/*
 * ALPN (RFC 7301): HTTP/2 before HTTP/1.1, whatever the client's order. Nothing in common: no ALPN, and so
 * HTTP/1.1.
 */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, ours, sizeof(ours) - 1, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    return SSL_TLSEXT_ERR_OK;
}

static enum err ctx_new(SSL_CTX **ret, const char *cert, const char *key)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return ERR_NOMEM;
    /* No renegotiation by the client: it would cost us work on demand, and make a write wait for a read. */
    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
    /* Tickets carry the session: there is no server-side table for strangers to fill. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    static const unsigned char id[] = "todoke";
    /*
     * For TLS 1.2: only forward secrecy and authenticated encryption, which HTTP/2 requires too (RFC 9113
     * 9.2.2).
     */
    bool ok = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
              SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) == 1 &&
              SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
              SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 &&
              SSL_CTX_check_private_key(ctx) == 1;
    ERR_clear_error();
    if (!ok) {
        SSL_CTX_free(ctx);
        return ERR_IO; /* files that the operator named; the caller says so */
    }
    *ret = ctx;
    return ERR_NONE;
}

enum err server_tls_new(struct server_tls **ret, const char *cert, const char *key)
{
    struct server_tls *t = mem_zero(1, sizeof(*t));
    if (!t)
        return ERR_NOMEM;
    t->cert = mem_dup(cert, strlen(cert));
    t->key = mem_dup(key, strlen(key));
    enum err e = t->cert && t->key ? ctx_new(&t->ctx, cert, key) : ERR_NOMEM;
    if (e) {
        server_tls_free(t);
        return e;
    }
    *ret = t;
    return ERR_NONE;
}

void server_tls_free(struct server_tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx);
    mem_free(t->cert);
    mem_free(t->key);
    mem_free(t);
}

enum err server_tls_reload(struct server_tls *t)
{
    SSL_CTX *fresh = NULL;
    enum err e = ctx_new(&fresh, t->cert, t->key);
    if (e)
        return e;
    SSL_CTX_free(t->ctx); /* open connections hold their own reference */
    t->ctx = fresh;
    return ERR_NONE;
}

SSL_CTX *server_tls_ctx(struct server_tls *t)
{
    return t->ctx;
}
