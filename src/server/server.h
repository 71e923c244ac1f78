#pragma once
/*
 * Our HTTP server: HTTP/1.1 (llhttp) and HTTP/2 (nghttp2; ALPN with TLS, prior knowledge without) on libuv.
 * It knows requests and responses, nothing of routes. Built to face strangers: every size, count and wait has
 * a cap. One per loop thread (SO_REUSEPORT or a shared listening descriptor); everything here is called from
 * that thread.
 *
 * What it refuses by itself it answers as {"message":"…","details":[{"message":"…","property":"…"}]}: 400
 * (grammar, Host, both lengths), 408, 413, 414, 417, 431, 501 (CONNECT, transfer codings), 503 (too much
 * buffered), 505. Every response, these included, carries x-line-request-id.
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

struct server_limits {        /* 0 takes the default in brackets */
    uint32_t connections_max; /* [10000] who gives way at the cap is in server_door.h */
    uint32_t strangers_max;   /* [a quarter] connections on which nobody was vouched for yet */
    uint32_t head_max;        /* [32 KiB] request line and fields; beyond: 431 (or 414 for the target) */
    uint32_t target_max;      /* [8 KiB] beyond: 414 */
    uint32_t fields_max;      /* [100] header fields, at most SERVER_FIELDS_MAX; beyond: 431 */
    uint32_t body_max;        /* [1 MiB + 64 KiB] a route may ask for less; beyond: 413 */
    uint32_t streams_max;     /* [128] h2 concurrent streams a connection */
    uint64_t buffered_max;    /* [256 MiB] request bodies in memory, all connections together; beyond: 503 */
    uint32_t
        head_timeout_ms; /* [10000] from the first byte (or accept) to the end of the head, TLS included */
    uint32_t body_timeout_ms;   /* [30000] from the end of the head to the end of the body */
    uint32_t idle_timeout_ms;   /* [60000] between requests */
    uint32_t write_timeout_ms;  /* [30000] without 4 KiB of progress while a response waits */
    uint32_t linger_timeout_ms; /* [2000] reading what still comes after the last response */
    /* Nobody vouched for the caller yet; none is longer than what regulars have. */
    uint32_t stranger_timeout_ms; /* [5000] from accept, or the first byte, to the end of the body */
    uint32_t stranger_idle_ms;    /* [15000] between requests */
};

#define SERVER_FIELDS_MAX 128
#define SERVER_HEADERS_OUT_MAX 32 /* header fields the handler may add; further ones are dropped */

struct server_config {
    const char *listen; /* "127.0.0.1:8080", "[::1]:0"; NULL with listen_fd */
    int listen_fd;      /* > 0: already listening; the server's from ERR_NONE on */
    bool reuse_port;    /* SO_REUSEPORT: several loops listen on one address */
    bool defer_accept;  /* TCP_DEFER_ACCEPT: for a second the kernel keeps those who say nothing */
    const char *tls_cert,
        *tls_key; /* PEM files; NULL: clear text. The paths are copied for server_reload_tls() */
    struct server_limits limits;
    const struct clock *clock; /* NULL: the system's */
    /*
     * Optional. The head is there, the body is not: answer at once (the body is then not read); or
     * server_hold(), to find out who calls before the body is taken in; or let it come. server_vouch() and
     * server_set_body_max() may be called first.
     */
    void (*on_head)(void *arg, struct server_request *req);
    /* Called once the whole request is there (not if on_head answered); answer now or later. */
    void (*handler)(void *arg, struct server_request *req);
    void *arg;
};

/* ERR_INVALID: listen is no ADDR:PORT; ERR_IO: cannot listen (errno), or certificate and key are no pair;
 * ERR_NOMEM. */
enum err server_new(struct server **ret, uv_loop_t *loop, const struct server_config *config) MUST_CHECK;
void server_address(const struct server *s,
                    char out[64]); /* the bound address, "127.0.0.1:43121"; "" once draining */
/* Reads certificate and key anew; connections that are open keep theirs. On failure the old pair stays. */
enum err server_reload_tls(struct server *s) MUST_CHECK;
/* Accepts no more; open requests finish (Connection: close, GOAWAY), idle connections close. */
void server_drain(struct server *s);
/* Closes every connection (on_abort is called where an answer is owed) and frees s once its handles are
 * closed; then done. */
void server_close(struct server *s, void (*done)(void *arg), void *arg);

struct server_stats {
    uint64_t connections_open, accepted_total;
    uint64_t refused_total;       /* closed at accept: connections_max */
    uint64_t displaced_total;     /* closed to make room for others */
    uint64_t strangers_open;      /* part of connections_open */
    uint64_t accept_failed_total; /* no descriptors or memory */
    uint64_t requests_total;      /* heads understood, both protocols */
    uint64_t rejected_total;      /* answered by the server itself */
    uint64_t timeouts_total;      /* ended by a deadline, idle ones excepted */
    uint64_t floods_total;        /* HTTP/2 connections ended by ENHANCE_YOUR_CALM */
    uint64_t unread_total; /* HTTP/2 connections ended because the client took nothing of its answers */
    uint64_t buffered;     /* bytes of request bodies held now */
};
void server_stats_get(const struct server *s, struct server_stats *ret);

/* The request; spans live until it is answered (server_respond, server_respond_end), even after on_abort. */
struct span server_method(const struct server_request *r); /* any token: unknown methods are the router's */
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
/* 36 characters, the form of a UUID; unique, not secret. The same is sent as x-line-request-id. */
const char *server_request_id(struct server_request *r);
/* From on_head only: lowers the cap of this request's body (it never rises above limits.body_max). */
void server_set_body_max(struct server_request *r, uint32_t bytes);
/* From on_head only: something of the body has not come yet. */
bool server_awaits_body(const struct server_request *r);
/*
 * From on_head only: until server_go_on() or an answer, which may be given at once or later, nothing of the
 * body is taken in. A client that leaves meanwhile changes nothing for the caller: one of the two must be
 * called once.
 */
void server_hold(struct server_request *r);
void server_go_on(struct server_request *r);
/*
 * The caller is known: the request has the deadlines of one who is, and its connection is no stranger's any
 * more (server_door.h). stamp: a number of the handler's, to be found again.
 */
void server_vouch(struct server_request *r, uint64_t stamp);
uint64_t server_vouched(const struct server_request *r); /* the last stamp; 0 before */
/*
 * Called if the client goes away before the answer; the request is then dead, server_respond() (or _end)
 * still must be called once and frees it. A client that only ends its sending side (FIN) still gets its
 * answer.
 */
void server_on_abort(struct server_request *r, void (*fn)(void *arg), void *arg);

struct server_header_out {
    const char *name; /* lower case */
    const char *value;
};

/*
 * Answers once and frees the request; headers and body are copied. content-length, date, connection and
 * x-line-request-id are ours. A field with a control character in it is dropped. Status 200…599.
 */
void server_respond(struct server_request *r, int status, const struct server_header_out *headers,
                    size_t count, struct span body);

/*
 * The same in pieces, for bodies that are long or never end. on_drain is called from the loop after a write
 * was refused with ERR_BUSY, once there is room again. server_respond_end() must be called once in the end,
 * also after on_abort.
 */
void server_respond_begin(struct server_request *r, int status, const struct server_header_out *headers,
                          size_t count, void (*on_drain)(void *arg), void *arg);
/* Copies. ERR_BUSY: nothing taken, too much waits already; ERR_CLOSED: the client is gone; ERR_NOMEM. */
enum err server_respond_write(struct server_request *r, struct span piece) MUST_CHECK;
/* complete false: the body breaks off (the client sees an error: no last chunk, RST_STREAM). Frees the
 * request. */
void server_respond_end(struct server_request *r, bool complete);
