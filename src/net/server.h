#pragma once
/*
 * Our HTTP server: HTTP/1.1 (llhttp) and HTTP/2 (nghttp2; ALPN with TLS, prior knowledge without) on libuv.
 * It knows requests and responses, nothing of routes. Built to face strangers: every size, count and wait has
 * a cap. One per loop thread (SO_REUSEPORT or a shared listening descriptor).
 */
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/err.h"
#include "base/span.h"

struct server;
struct server_request;

struct server_limits {         /* 0 takes the default in brackets */
    uint32_t connections_max;  /* [10000] further ones are closed at accept */
    uint32_t head_max;         /* [32 KiB] request line and fields; beyond: 431 (or 414 for the target) */
    uint32_t body_max;         /* [1 MiB + 64 KiB] a route may ask for less; beyond: 413 */
    uint32_t streams_max;      /* [128] h2 concurrent streams a connection */
    uint32_t head_timeout_ms;  /* [10000] from the first byte (or accept) to the end of the head */
    uint32_t body_timeout_ms;  /* [30000] from the end of the head to the end of the body */
    uint32_t idle_timeout_ms;  /* [60000] between requests */
    uint32_t write_timeout_ms; /* [30000] without progress while a response waits */
};

struct server_config {
    const char *listen;             /* "127.0.0.1:8080", "[::1]:0" */
    const char *tls_cert, *tls_key; /* PEM files; NULL: clear text */
    struct server_limits limits;
    /* Called once the whole request is there; answer now or later with server_respond(). */
    void (*handler)(void *arg, struct server_request *req);
    void *arg;
};

/* ERR_INVALID: listen is no ADDR:PORT; ERR_IO: cannot listen (errno) or bad certificate. */
enum err server_new(struct server **ret, uv_loop_t *loop, const struct server_config *config) MUST_CHECK;
void server_address(const struct server *s, char out[64]); /* the bound address, "127.0.0.1:43121" */
void server_drain(struct server *s); /* accepts no more; open requests finish (Connection: close, GOAWAY) */
void server_close(struct server *s, void (*done)(void *arg), void *arg);

/* The request; spans live until it is answered. */
struct span server_method(const struct server_request *r);
struct span server_path(const struct server_request *r);  /* without the query, still percent-encoded */
struct span server_query(const struct server_request *r); /* without '?', may be empty */
struct span server_body(const struct server_request *r);
struct span server_header(const struct server_request *r,
                          const char *lower_name); /* first value; ptr NULL: absent */
bool server_peer_is_loopback(const struct server_request *r);
void server_peer(const struct server_request *r, char out[64]);
/* Called if the client goes away before the answer; the request is then dead, server_respond() still must be
 * called once and frees it. */
void server_on_abort(struct server_request *r, void (*fn)(void *arg), void *arg);

struct server_header_out {
    const char *name; /* lower case */
    const char *value;
};

/* Answers once and frees the request; headers and body are copied. content-length, date and connection are
 * ours. */
void server_respond(struct server_request *r, int status, const struct server_header_out *headers,
                    size_t count, struct span body);
