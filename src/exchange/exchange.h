#pragma once
/*
 * One request → one outcome. An exchange goes through the phases resolve → connect → tls → session → send →
 * await → done, each with its deadline. However it ends, the evidence is gathered and outcome_of() names the
 * outcome.
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
        *headers; /* borrowed until done; without host, content-length, connection, which are added here */
    size_t header_count;
    const char *method;        /* NULL: "POST" */
    struct span body;          /* borrowed until done */
    struct buf *response_body; /* the answer's content is appended here, up to its cap; NULL: discarded */
    /*
     * The fields of the final answer's head are appended here, up to its cap: "name: value\n", the name in
     * lower case; NULL: discarded. A field that does not fit, and those after it, are left out.
     */
    struct buf *response_fields;
    struct exchange_deadlines deadlines;
    bool fresh; /* use a new connection, not one that is open */
    /*
     * Called from the loop (also inside exchange_start), with done's arg, when a phase begins: each phase
     * once and in order. at_us: since the start. It must not start or end exchanges. May be NULL.
     */
    void (*on_phase)(void *arg, enum phase phase, uint32_t at_us);
};

/*
 * Microseconds in each phase of the exchange's last try. The phases do not overlap, so their sum is at most
 * total_us. If several exchanges waited for one connection, each counts a phase from its own start on. 0:
 * phase not entered (a reused session has no dns…tls). send: until the request was accepted completely;
 * first_byte: from then to the first byte of the answer.
 */
struct exchange_timings {
    uint32_t dns_us, connect_us, tls_us, send_us, first_byte_us, total_us;
};

struct exchange_result {
    struct outcome outcome;
    struct evidence evidence;
    struct exchange_timings timings;
    char address[64];        /* "203.0.113.7:443", "[2001:db8::1]:443"; "" if no connection was tried */
    int http;                /* 0, 10, 11, 20 */
    bool reused;             /* an open session was used */
    bool resumed;            /* the TLS session was resumed */
    unsigned retries;        /* transparent ones */
    uint32_t retry_after_s;  /* from Retry-After; 0: absent or invalid */
    const char *tls_version; /* "TLSv1.3" or NULL */
    int tls_alert;           /* -1: none */
};

/*
 * Called exactly once per started exchange, from the loop, never inside exchange_start(). result is valid
 * during the call.
 */
typedef void exchange_done_fn(void *arg, const struct exchange_result *result);

/* ERR_NOMEM: nothing was started, done will not be called. ret may be NULL. */
enum err exchange_start(struct engine *engine, const struct exchange_request *request, exchange_done_fn *done,
                        void *arg, struct exchange **ret) MUST_CHECK;

/* Ends the exchange now as local_cancelled; done is called from the loop. */
void exchange_cancel(struct exchange *x);
