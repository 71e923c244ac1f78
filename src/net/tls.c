#include "net/tls.h"

#include <dirent.h>
#include <openssl/err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/origin.h"

#define SUITES_13 "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"

/*
 * The last line is for HTTP/1.x servers only: RFC 9113 9.2.2 forbids those suites for HTTP/2, and OpenSSL
 * cannot offer suites per protocol.
 */
#define SUITES_12                                                                                            \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"               \
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"                 \
    "ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:AES128-GCM-SHA256:AES128-SHA:AES256-SHA"

static const unsigned char alpn[] = "\x02h2\x08http/1.1";

/* Whether the default directory has the system's certificates by hash: each is then read only when needed. */
static bool directory_is_hashed(void)
{
    DIR *dir = opendir(X509_get_default_cert_dir());
    bool hashed = false;
    const struct dirent *entry;
    while (dir && !hashed && (entry = readdir(dir)) != NULL)
        hashed = strlen(entry->d_name) == 10 && strcmp(entry->d_name + 8, ".0") == 0;
    if (dir)
        (void)closedir(dir);
    return hashed;
}

/*
 * Loads the system's trust store. Its one large file takes 10 ms or more to read, the directory nothing; a
 * probe notices the difference.
 */
static bool load_system_store(SSL_CTX *ctx)
{
    bool chosen = getenv(X509_get_default_cert_file_env()) || getenv(X509_get_default_cert_dir_env());
    if (!chosen && directory_is_hashed())
        return SSL_CTX_set_default_verify_dir(ctx) == 1;
    return SSL_CTX_set_default_verify_paths(ctx) == 1;
}

enum err tls_client_context(SSL_CTX **ret, const char *ca_file, int (*saved)(SSL *ssl, SSL_SESSION *session))
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        return ERR_NOMEM;
    enum err e = ERR_NOMEM;
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, saved);
    if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, SUITES_13) != 1 || SSL_CTX_set_cipher_list(ctx, SUITES_12) != 1 ||
        SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0)
        goto fail;
    if (!load_system_store(ctx))
        goto fail;
    if (ca_file && SSL_CTX_load_verify_file(ctx, ca_file) != 1) {
        e = ERR_IO; /* the file that the operator named; the caller says so */
        goto fail;
    }
    ERR_clear_error();
    *ret = ctx;
    return ERR_NONE;
fail:
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return e;
}
