#pragma once
/*
 * The HTTP server: HTTP/1.1 (llhttp) and HTTP/2 (nghttp2; ALPN with TLS, prior knowledge without) on libuv.
 * It handles requests and responses but not routes. Built to face strangers: every size, count and wait has a
 * limit. One per loop thread (SO_REUSEPORT or a shared listening descriptor); call everything here from that
 * thread.
 *
 * Requests it refuses itself are answered with {"message":"…","details":[{"message":"…","property":"…"}]}:
 * 400 (grammar, Host, both lengths), 408, 413, 414, 417, 431, 501 (CONNECT, transfer codings), 503 (too much
 * buffered), 505. Every response, including these, carries x-line-request-id.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/span.h"

struct server;
struct server_request;

struct server_limits {        /* 0: the default, in brackets */
    uint32_t connections_max; /* [10000] server_door.h says which connection is closed at the limit */
    uint32_t strangers_max;   /* [a quarter] connections without an authenticated caller yet */
    uint32_t head_max;        /* [32 KiB] request line and fields; beyond: 431 (or 414 for the target) */
    uint32_t target_max;      /* [8 KiB] beyond: 414 */
    uint32_t fields_max;      /* [100] header fields, at most SERVER_FIELDS_MAX; beyond: 431 */
    uint32_t body_max;        /* [1 MiB + 64 KiB] a route may set a lower limit; beyond: 413 */
    uint32_t streams_max;     /* [128] concurrent HTTP/2 streams per connection */
    uint64_t buffered_max;    /* [256 MiB] request bodies in memory, of all connections; beyond: 503 */
    uint32_t
        head_timeout_ms; /* [10000] from the first byte (or accept) to the end of the head, TLS included */
    uint32_t body_timeout_ms;   /* [30000] from the end of the head to the end of the body */
    uint32_t idle_timeout_ms;   /* [60000] between requests */
    uint32_t write_timeout_ms;  /* [30000] without 4 KiB of progress while a response is being sent */
    uint32_t linger_timeout_ms; /* [2000] reading further input after the last response */
    /* For strangers (no authenticated caller yet); none is longer than its counterpart above. */
    uint32_t stranger_timeout_ms; /* [5000] from accept, or the first byte, to the end of the body */
    uint32_t stranger_idle_ms;    /* [15000] between requests */
};

#define SERVER_FIELDS_MAX 128
#define SERVER_HEADERS_OUT_MAX 32 /* header fields the handler may add; more are dropped */

struct server_config {
    const char *listen; /* "127.0.0.1:8080", "[::1]:0"; NULL with listen_fd */
    int listen_fd;      /* > 0: already listening; owned by the server after ERR_NONE */
    bool reuse_port;    /* SO_REUSEPORT: several loops listen on one address */
    bool defer_accept;  /* TCP_DEFER_ACCEPT: the kernel holds back silent connections for a second */
    const char *tls_cert,
        *tls_key; /* PEM files; NULL: clear text. The paths are copied for server_reload_tls() */
    struct server_limits limits;
    const struct clock *clock; /* NULL: the system's clock */
    /*
     * Optional. Called when the head has arrived but not the body. It may answer at once (the body is then
     * not read), call server_hold() to identify the caller before the body is read, or let the body arrive.
     * server_vouch() and server_set_body_max() may be called first.
     */
    void (*on_head)(void *arg, struct server_request *req);
    /* Called when the request is complete (not if on_head answered); answer now or later. */
    void (*handler)(void *arg, struct server_request *req);
    void *arg;
};

/*
 * ERR_INVALID: listen is not ADDR:PORT; ERR_IO: cannot listen (errno), or certificate and key do not match;
 * ERR_NOMEM.
 */
enum err server_new(struct server **ret, uv_loop_t *loop, const struct server_config *config) MUST_CHECK;
void server_address(const struct server *s,
                    char out[64]); /* the bound address, "127.0.0.1:43121"; "" once draining */
/* Reloads certificate and key; open connections keep theirs. On failure the old pair stays. */
enum err server_reload_tls(struct server *s) MUST_CHECK;
/* Stops accepting; open requests finish (Connection: close, GOAWAY), idle connections close. */
void server_drain(struct server *s);
/*
 * Closes every connection (on_abort is called for unanswered requests), frees s once its handles are closed,
 * then calls done.
 */
void server_close(struct server *s, void (*done)(void *arg), void *arg);

struct server_stats {
    uint64_t connections_open, accepted_total;
    uint64_t refused_total;       /* closed at accept: connections_max */
    uint64_t displaced_total;     /* closed to make room for other connections */
    uint64_t strangers_open;      /* included in connections_open */
    uint64_t accept_failed_total; /* no descriptors or memory */
    uint64_t requests_total;      /* complete heads, both protocols */
    uint64_t rejected_total;      /* answered by the server itself */
    uint64_t timeouts_total;      /* ended by a deadline, except idle ones */
    uint64_t floods_total;        /* HTTP/2 connections ended by ENHANCE_YOUR_CALM */
    uint64_t unread_total;        /* HTTP/2 connections ended because the client did not read its answers */
    uint64_t buffered;            /* bytes of request bodies held now */
};
void server_stats_get(const struct server *s, struct server_stats *ret);

/*
 * The request. Spans stay valid until it is answered (server_respond, server_respond_end), even after
 * on_abort.
 */
struct span server_method(const struct server_request *r); /* any token: the router rejects unknown methods */
struct span server_path(
    const struct server_request *r); /* without the query, still percent-encoded; starts with '/' or is "*" */
struct span server_query(const struct server_request *r); /* without '?', may be empty */
struct span server_body(const struct server_request *r);
struct span server_header(const struct server_request *r,
                          const char *lower_name); /* first value; ptr NULL: absent */
size_t server_header_count(const struct server_request *r, const char *lower_name);
/* The nth value, from 0: HTTP/2 may split a Cookie (RFC 9113 8.2.3). */
struct span server_header_at(const struct server_request *r, const char *lower_name, size_t nth);
int server_http(const struct server_request *r); /* 10, 11, 20 */
bool server_is_tls(const struct server_request *r);
bool server_peer_is_loopback(const struct server_request *r);
void server_peer(const struct server_request *r, char out[64]); /* "203.0.113.7:50312" */
/* 36 characters in the form of a UUID; unique, not secret. Also sent as x-line-request-id. */
const char *server_request_id(struct server_request *r);
/* From on_head only: lowers the limit of this request's body (never above limits.body_max). */
void server_set_body_max(struct server_request *r, uint32_t bytes);
/* From on_head only: part of the body has not arrived yet. */
bool server_awaits_body(const struct server_request *r);
/*
 * From on_head only: the body is not read until server_go_on() or an answer, either of which may come at once
 * or later. One of the two must be called once, even if the client leaves meanwhile.
 */
void server_hold(struct server_request *r);
void server_go_on(struct server_request *r);
/*
 * The body in pieces, however long it is: nothing of it is gathered, and a client is read no faster than its
 * pieces are taken. All functions are called from the loop.
 */
struct server_sink {
    /*
     * The next piece, valid during the call, which may not answer. false: no more until
     * server_body_more().
     */
    bool (*piece)(void *arg, struct span piece);
    void (*end)(void *arg); /* the body is complete: answer, at once or later */
    /* The rest cannot be read: the same, with this status and these words. */
    void (*broken)(void *arg, int status, const char *message);
    void *arg;
};
/*
 * From now on r is the handler's, which must answer it. While r is held, instead of server_go_on(), or from
 * the handler, where the whole body is there already. sink is copied; its functions may be called before this
 * returns. server_on_abort() tells of a client that leaves, also before this.
 */
void server_body_begin(struct server_request *r, const struct server_sink *sink);
void server_body_more(struct server_request *r);
/*
 * The caller is authenticated: the request gets the longer deadlines, and its connection is no longer a
 * stranger's (server_door.h). stamp: the handler's number for the caller, returned by server_vouched().
 */
void server_vouch(struct server_request *r, uint64_t stamp);
uint64_t server_vouched(const struct server_request *r); /* the last stamp; 0 before */
/*
 * Called if the client goes away before the answer. The request is then dead, but server_respond() (or _end)
 * must still be called once, and frees it. A client that only closes its sending side (FIN) still gets its
 * answer.
 */
void server_on_abort(struct server_request *r, void (*fn)(void *arg), void *arg);

struct server_header_out {
    const char *name; /* lower case */
    const char *value;
};

/*
 * Answers once and frees the request; headers and body are copied. The server adds content-length, date,
 * connection and x-line-request-id. A field with a control character is dropped. Status 200…599.
 */
void server_respond(struct server_request *r, int status, const struct server_header_out *headers,
                    size_t count, struct span body);

/*
 * The same in pieces, for long or endless bodies. on_drain is called from the loop when there is room again
 * after a write failed with ERR_BUSY. server_respond_end() must be called once, even after on_abort.
 */
void server_respond_begin(struct server_request *r, int status, const struct server_header_out *headers,
                          size_t count, void (*on_drain)(void *arg), void *arg);
/*
 * Copies the piece. ERR_BUSY: nothing taken, too much is queued; ERR_CLOSED: the client is gone; ERR_NOMEM.
 */
enum err server_respond_write(struct server_request *r, struct span piece) MUST_CHECK;
/*
 * complete false: the body is cut off (the client sees an error: no last chunk, RST_STREAM). Frees the
 * request.
 */
void server_respond_end(struct server_request *r, bool complete);
