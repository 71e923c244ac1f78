#pragma once
/*
 * A connected socket with or without TLS: bytes in, bytes out, never blocking. It does no waiting (the owner
 * polls the descriptor) and remembers what an honest attribution needs: who ended it, the errno, the first
 * bytes of a TLS answer, the alert.
 *
 * OpenSSL reads and writes through a BIO of ours, so that FIN, RST and "no TLS record" are decided on what
 * the socket said and never on an OpenSSL error text.
 */
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum io {
    IO_OK,         /* some bytes moved; for the handshake: it is done */
    IO_WANT_READ,  /* call again once the descriptor is readable */
    IO_WANT_WRITE, /* call again once it is writable */
    IO_EOF,        /* the peer closed: FIN, with or without close_notify */
    IO_RESET,      /* the peer reset the connection (ECONNRESET, EPIPE) */
    IO_NOT_TLS,    /* handshake: the first bytes are no TLS record */
    IO_ALERT,      /* a fatal alert from the peer: transport.alert */
    IO_TLS,        /* we could not go on: transport.verify, old_version, or a broken record */
    IO_LOCAL,      /* a fault of ours: transport.sys_errno, ENOMEM included */
};

struct transport { /* must not move: the BIO points here */
    int fd;
    SSL *ssl; /* NULL: clear text */
    bool is_client;
    bool handshake_done;
    bool not_tls, seen_eof, seen_reset, tls_failed;
    int sys_errno;
    int alert;        /* -1: none */
    long verify;      /* X509_V_OK or the first error of the certificate check */
    bool old_version; /* the server chose a TLS version we do not offer */
    uint8_t first[5]; /* the first bytes that came in, for the record check */
    uint8_t first_len;
    uint64_t raw_in, raw_out; /* bytes through the socket */
    uint64_t raw_in_stop;     /* how far the OpenSSL call under way may take raw_in */
};

/* Takes over fd (non-blocking). ctx NULL: clear text. host: SNI and certificate name, client only (an address
 * is checked as such and sends no SNI). On failure the caller keeps fd. */
enum err transport_init_client(struct transport *t, int fd, SSL_CTX *ctx, const char *host,
                               bool host_is_ip) MUST_CHECK;
enum err transport_init_server(struct transport *t, int fd, SSL_CTX *ctx) MUST_CHECK;
void transport_deinit(struct transport *t); /* frees TLS and closes fd; safe on a zeroed struct with fd -1 */

enum io transport_handshake(struct transport *t) MUST_CHECK; /* IO_OK at once without TLS */

/* Up to len bytes; *ret_len > 0 only with IO_OK. */
enum io transport_read(struct transport *t, void *p, size_t len, size_t *ret_len) MUST_CHECK;
/* As a read of one byte that leaves it there: IO_OK, something waits to be read. */
enum io transport_peek(struct transport *t) MUST_CHECK;
/* Writes what fits, possibly less than len; *ret_len > 0 only with IO_OK. After IO_WANT_* the same bytes must
 * be offered again (they may have moved). */
enum io transport_write(struct transport *t, const void *p, size_t len, size_t *ret_len) MUST_CHECK;
void transport_shutdown(struct transport *t); /* close_notify and FIN, best effort */

/* Bytes already decrypted inside TLS that no readable event will announce. */
bool transport_pending(const struct transport *t);
