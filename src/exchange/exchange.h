#pragma once
/*
 * One request → one outcome. An exchange walks the phases resolve → connect → tls → session → send → await →
 * done, each with its deadline; whatever ends it is gathered as evidence and named by outcome_of().
 */
#include <stdint.h>

#include "base/span.h"
#include "exchange/engine.h"
#include "fault/outcome.h"
#include "net/url.h"

struct exchange;

struct exchange_deadlines {
    uint32_t dns_ms, connect_ms, session_ms, response_ms; /* 0: 2000 */
};

struct header {
    struct span name; /* lower case */
    struct span value;
};

struct exchange_request {
    const struct url *url; /* borrowed until done */
    const struct header
        *headers; /* borrowed until done; without host, content-length, connection: those are ours */
    size_t header_count;
    const char *method; /* NULL: "POST" */
    struct span body;   /* borrowed until done */
    struct buf
        *response_body; /* the answer's content is added here, as far as its cap allows; NULL: thrown away */
    struct exchange_deadlines deadlines;
    bool fresh; /* on a connection opened for it, not one that is open */
    /* Called from the loop (also inside exchange_start) with the arg of done when a phase begins, each once
     * and in order; at_us since the start. It must not start or end exchanges. NULL: nobody wants to know. */
    void (*on_phase)(void *arg, enum phase phase, uint32_t at_us);
};

/*
 * Microseconds of this exchange in each phase of its last try: each its own, one after the other, so that
 * their sum is no more than total_us. Of a phase in which several exchanges waited for one connection each
 * has the part from its own start on. 0: not entered (a reused session has no dns…tls). send: until the
 * request was accepted whole; first_byte: from there to the first byte of the answer.
 */
struct exchange_timings {
    uint32_t dns_us, connect_us, tls_us, send_us, first_byte_us, total_us;
};

struct exchange_result {
    struct outcome outcome;
    struct evidence evidence;
    struct exchange_timings timings;
    char address[64];        /* "203.0.113.7:443", "[2001:db8::1]:443"; "" where no connection was tried */
    int http;                /* 0, 10, 11, 20 */
    bool reused;             /* an open session was used */
    bool resumed;            /* the TLS session was resumed */
    unsigned retries;        /* transparent ones */
    uint32_t retry_after_s;  /* from Retry-After, in seconds; 0: absent or not understood */
    const char *tls_version; /* "TLSv1.3" or NULL */
    int tls_alert;           /* -1: none */
};

/* Called exactly once per started exchange, from the loop, never from inside exchange_start(). result lives
 * for the call. */
typedef void exchange_done_fn(void *arg, const struct exchange_result *result);

/* ERR_NOMEM: nothing was started, done will not be called. ret may be NULL. */
enum err exchange_start(struct engine *engine, const struct exchange_request *request, exchange_done_fn *done,
                        void *arg, struct exchange **ret) MUST_CHECK;

/* Ends it now as local_cancelled; done is called from the loop. */
void exchange_cancel(struct exchange *x);
