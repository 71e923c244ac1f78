#pragma once
/*
 * HTTP/2 client codec (RFC 9113), using nghttp2: bytes in, bytes out, and streams with their results; no I/O.
 *
 * nghttp2 reports three different things as a close with REFUSED_STREAM: a received RST_STREAM, a GOAWAY
 * below our stream, and a request that was never sent. So the codec records what it saw of each stream and of
 * the connection, and reports that.
 */
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "exchange/exchange.h"
#include "exchange/http2_message.h"
#include "fault/outcome.h"

#define HTTP2_STREAMS_MAX 100u /* our concurrent streams on one connection, however many the peer allows */
#define HTTP2_HEAD_MAX 65536u  /* as HTTP1_HEAD_MAX; counted as RFC 9113 6.5.2 does */
#define HTTP2_BODY_MAX 1048576u
#define HTTP2_CONTINUATIONS_MAX 1024u /* per head: 64 bytes each, for the largest head we accept */

struct http2;

/* One request and its answer. Embedded by the owner; zeroed before http2_request(). */
struct http2_stream {
    struct list link; /* open streams of the connection */
    int32_t id;       /* 0: not open */
    enum answer_part answer;
    int status;
    bool complete; /* END_STREAM of the answer was seen */
    /* output offset after our HEADERS, which are sent once the output is flushed that far; 0: not packed */
    uint64_t headers_end;
    uint64_t body_end; /* the same for our END_STREAM */
    struct http2_message message;
    uint32_t head_bytes, body_bytes;
    uint32_t retry_after_s;
    struct span body; /* what is left to send */
    struct buf *response_body, *response_fields;
    /* how the stream ended, valid in stream_ended */
    enum ended ended;
    enum cause_id cause;
    uint32_t code;
};

struct http2_events {
    /*
     * The stream is over: complete, reset, excluded by GOAWAY, or broken by the peer (ended, cause, code).
     * Called at most once per stream.
     */
    void (*stream_ended)(void *arg, struct http2_stream *s);
    /* The first byte of an answer to this stream arrived. */
    void (*stream_answers)(void *arg, struct http2_stream *s);
    void *arg;
};

/* ERR_NOMEM. The connection preface and our SETTINGS are in the output at once. */
enum err http2_new(struct http2 **ret, const struct http2_events *events) MUST_CHECK;
void http2_free(struct http2 *h); /* no callbacks */

/*
 * Feeds received bytes. ERR_INVALID: the peer broke the connection (http2_broken() says how); ERR_NOMEM. Must
 * not be called from a callback.
 */
enum err http2_feed(struct http2 *h, const uint8_t *p, size_t len) MUST_CHECK;

/*
 * Appends pending frames to out until it holds at least limit bytes. Only this call reveals what nghttp2
 * found wrong with the peer: call it after every feed, then check http2_broken().
 */
enum err http2_pack(struct http2 *h, struct buf *out, size_t limit) MUST_CHECK;
void http2_flushed(struct http2 *h, size_t len); /* len packed bytes were written */

/* Opens a stream. ERR_CONFLICT: no stream may be opened now (GOAWAY, all in use); ERR_NOMEM. */
enum err http2_request(struct http2 *h, struct http2_stream *s,
                       const struct exchange_request *request) MUST_CHECK;

/* Gives up the stream: RST_STREAM(CANCEL), then forgotten, without a callback. */
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
void http2_goaway(struct http2 *h); /* sends GOAWAY(NO_ERROR) */
