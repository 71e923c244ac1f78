#pragma once
/* The TLS a webhook sender offers (docs/attribution.md "TLS and HTTP a sender offers"). */
#include <openssl/ssl.h>

#include "base/err.h"

/*
 * ca_file: PEM, added to the system's trust store; NULL: none. saved is called with every new resumable
 * session and takes a reference by returning true. ERR_IO: ca_file cannot be read or holds no certificate;
 * ERR_NOMEM.
 */
enum err tls_client_context(SSL_CTX **ret, const char *ca_file,
                            int (*saved)(SSL *ssl, SSL_SESSION *session)) MUST_CHECK;
