#pragma once
/*
 * A connected socket with or without TLS: bytes in, bytes out, never blocking. It does not wait (the owner
 * polls the descriptor). It records what an accurate attribution needs: who ended the connection, the errno,
 * the first bytes of a TLS answer, the alert.
 *
 * OpenSSL reads and writes through our own BIO, so that FIN, RST and "no TLS record" are decided by what the
 * socket reported and never by an OpenSSL error text.
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
    IO_TLS,        /* we cannot continue: transport.verify, old_version, or a broken record */
    IO_LOCAL,      /* a local fault: transport.sys_errno, including ENOMEM */
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
    uint8_t first[5]; /* the first bytes received, for the record check */
    uint8_t first_len;
    uint64_t raw_in, raw_out; /* bytes through the socket */
    uint64_t raw_in_stop;     /* limit of raw_in for the OpenSSL call in progress */
};

/*
 * Takes over fd (non-blocking). ctx NULL: clear text. host: for SNI and the certificate's name, client only
 * (an IP address is checked as such and sends no SNI). On failure the caller keeps fd.
 */
enum err transport_init_client(struct transport *t, int fd, SSL_CTX *ctx, const char *host,
                               bool host_is_ip) MUST_CHECK;
enum err transport_init_server(struct transport *t, int fd, SSL_CTX *ctx) MUST_CHECK;
void transport_deinit(struct transport *t); /* frees TLS and closes fd; safe on a zeroed struct with fd -1 */

enum io transport_handshake(struct transport *t) MUST_CHECK; /* IO_OK at once without TLS */

/* Reads up to len bytes; *ret_len > 0 only with IO_OK. */
enum io transport_read(struct transport *t, void *p, size_t len, size_t *ret_len) MUST_CHECK;
/* Like a read of one byte, but leaves the byte there. IO_OK: there is something to read. */
enum io transport_peek(struct transport *t) MUST_CHECK;
/*
 * Writes what fits, possibly less than len; *ret_len > 0 only with IO_OK. After IO_WANT_* the same bytes must
 * be offered again (their address may differ).
 */
enum io transport_write(struct transport *t, const void *p, size_t len, size_t *ret_len) MUST_CHECK;
void transport_shutdown(struct transport *t); /* close_notify and FIN, best effort */

/* Whether TLS holds decrypted bytes that no readable event will announce. */
bool transport_pending(const struct transport *t);
