#pragma once
/*
 * The server side of one HTTP/2 connection (RFC 9113), on nghttp2: bytes in, calls to its host, bytes out. No
 * I/O and no dependency on the server, so a test or a fuzzer can be the host.
 *
 * Frames cost tokens, and progress earns them (server_h2_budget.h): a client without tokens gets
 * ENHANCE_YOUR_CALM. Also checked here is what nghttp2 leaves to us about stream states: frames on closed
 * streams, and stream ids that go back (RFC 9113 5.1, 5.1.1).
 */
#include "server/server_core.h"

struct h2;

struct h2_host {
    struct server_request *(*begin)(void *arg, int32_t stream); /* NULL: no memory; the stream is refused */
    void (*head)(void *arg, struct server_request *r); /* the fields are complete; may answer, or hold it */
    bool (*charge)(void *arg, struct server_request *r, size_t len);
    void (*request)(void *arg, struct server_request *r); /* complete, or r->refusal says what is wrong */
    void (*piece)(void *arg, struct server_request *r, struct span piece); /* of the body, for its sink */
    void (*end)(void *arg, struct server_request *r);                      /* of that body; may answer */
    void (*gone)(void *arg, struct server_request *r); /* the stream closed, answered or not; h2 forgets r */
    void (*sent)(void *arg, struct server_request *r, size_t len); /* len bytes of r->out were sent */
    uint64_t (*now_us)(void *arg);
    void *arg;
};

/* host and limits must outlive it. */
enum err h2_new(struct h2 **ret, const struct h2_host *host, const struct server_limits *limits) MUST_CHECK;
void h2_free(struct h2 *h); /* without calling gone */

/* ERR_CLOSED: send the rest of h2_output(), then close; ERR_NOMEM: close. */
enum err h2_input(struct h2 *h, const void *p, size_t len) MUST_CHECK;
/* Appends frames to out until it holds at least high bytes. */
enum err h2_output(struct h2 *h, struct buf *out, size_t high) MUST_CHECK;
bool h2_done(const struct h2 *h);    /* nothing more to read or write */
bool h2_calmed(const struct h2 *h);  /* ended because of a flood */
bool h2_in_head(const struct h2 *h); /* a field block has begun and not ended */
uint32_t h2_open_streams(const struct h2 *h);

/* r is no longer held: its body may arrive, or has. ERR_NOMEM: close. */
enum err h2_go_on(struct h2 *h, struct server_request *r) MUST_CHECK;
/* The sink of r takes what has arrived; the client gets a window for as much. ERR_NOMEM: close. */
enum err h2_sink(struct h2 *h, struct server_request *r) MUST_CHECK;
/* r->out, r->ended and r->no_body describe what follows the head. id, date and length may be NULL. */
enum err h2_respond(struct h2 *h, struct server_request *r, int status,
                    const struct server_header_out *headers, size_t count, const char *date,
                    const char *length) MUST_CHECK;
void h2_resume(struct h2 *h, struct server_request *r); /* r->out or r->ended changed */
void h2_reset(struct h2 *h, struct server_request *r);  /* RST_STREAM INTERNAL_ERROR */
/* Sends GOAWAY: first a notice, then (last) the final one; open streams finish. */
void h2_goaway(struct h2 *h, bool last);
