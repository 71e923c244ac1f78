#pragma once
/*
 * HTTP/2 client codec (RFC 9113), by nghttp2: bytes in, bytes out, streams with what became of them; no I/O.
 *
 * nghttp2 reports three different things as a close with REFUSED_STREAM: a received RST_STREAM, a GOAWAY
 * below our stream, and a request that was never sent. So the codec keeps for itself what it saw of each
 * stream and of the connection, and says that.
 */
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "exchange/exchange.h"
#include "exchange/http2_message.h"
#include "fault/outcome.h"

#define HTTP2_STREAMS_MAX 100u /* ours at once on one connection, however many the peer allows */
#define HTTP2_HEAD_MAX 65536u  /* as HTTP1_HEAD_MAX; counted as RFC 9113 6.5.2 does */
#define HTTP2_BODY_MAX 1048576u
#define HTTP2_CONTINUATIONS_MAX 1024u /* of one head: 64 bytes each, for the largest one we take */

struct http2;

/* One request and its answer. Embedded by the owner; zeroed before http2_request(). */
struct http2_stream {
    struct list link; /* open streams of the connection */
    int32_t id;       /* 0: not open */
    enum answer answer;
    int status;
    bool complete;        /* END_STREAM of the answer was seen */
    uint64_t headers_end; /* output offset behind our HEADERS: sent once the output was flushed that far; 0:
                             not packed */
    uint64_t body_end;    /* the same of our END_STREAM */
    struct http2_message message;
    uint32_t head_bytes, body_bytes;
    uint32_t retry_after_s;
    struct span body; /* what is left to send */
    struct buf *response_body;
    /* how it ended, valid in the ended callback */
    enum ended ended;
    enum cause_id cause;
    uint32_t code;
};

struct http2_events {
    /* The stream is over: complete, reset, excluded by GOAWAY, or broken by the peer (ended, cause, code).
     * Called at most once a stream. */
    void (*stream_ended)(void *arg, struct http2_stream *s);
    /* The first byte of an answer to this stream arrived. */
    void (*stream_answers)(void *arg, struct http2_stream *s);
    void *arg;
};

/* ERR_NOMEM. The connection preface and our SETTINGS stand in the output at once. */
enum err http2_new(struct http2 **ret, const struct http2_events *events) MUST_CHECK;
void http2_free(struct http2 *h); /* no callbacks */

/* Feeds received bytes. ERR_INVALID: the connection is broken by the peer (http2_broken says how); ERR_NOMEM.
 * Not to be called from a callback. */
enum err http2_feed(struct http2 *h, const uint8_t *p, size_t len) MUST_CHECK;

/* Moves what wants to be sent into out, until that holds limit bytes or more. What nghttp2 found wrong with
 * the peer shows only now: call it after every feed and then look at http2_broken(). */
enum err http2_pack(struct http2 *h, struct buf *out, size_t limit) MUST_CHECK;
void http2_flushed(struct http2 *h, size_t len); /* so many packed bytes went out */

/* Opens a stream. ERR_CONFLICT: no stream may be opened now (GOAWAY, all in use); ERR_NOMEM. */
enum err http2_request(struct http2 *h, struct http2_stream *s,
                       const struct exchange_request *request) MUST_CHECK;

/* Gives up: RST_STREAM(CANCEL); the stream is forgotten, no callback. */
void http2_cancel(struct http2 *h, struct http2_stream *s);

bool http2_ready(const struct http2 *h); /* SETTINGS received, a stream may be opened now */
bool http2_settings_seen(const struct http2 *h);
bool http2_goaway_seen(const struct http2 *h, uint32_t *ret_code);
bool http2_closing(const struct http2 *h); /* no new streams: GOAWAY either way, broken, or ids used up */
uint32_t http2_capacity(const struct http2 *h); /* streams that may be opened now */
uint32_t http2_open_streams(const struct http2 *h);
struct list *http2_streams(struct http2 *h); /* the open ones: list_entry(…, struct http2_stream, link) */
enum cause_id http2_broken(const struct http2 *h);                                 /* CAUSE_ok: not broken */
bool http2_stream_sent(const struct http2 *h, const struct http2_stream *s);       /* HEADERS flushed */
bool http2_stream_sent_whole(const struct http2 *h, const struct http2_stream *s); /* all flushed */
void http2_goaway(struct http2 *h); /* says good-bye: GOAWAY(NO_ERROR) */
