#pragma once
/*
 * Name → addresses, by c-ares with A and AAAA asked apart: ares_getaddrinfo(AF_UNSPEC) reports only the last
 * status, and an honest cause needs both (docs/attribution.md "Unknown host", "DNS Query timeout").
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "fault/outcome.h"
#include "net/timer.h"

#define RESOLVE_ADDRESSES_MAX 16 /* of both families; a name with more gives the first ones */

struct resolver;
struct resolve_query;

struct resolve_result {
    enum ended ended; /* ENDED_COMPLETE: count > 0; ENDED_DNS, ENDED_DEADLINE, ENDED_LOCAL with cause */
    enum cause_id cause;
    struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX]; /* in the order to try (RFC 8305 4), port 0 */
    size_t count;
    uint32_t ttl_s; /* how long the answer may be kept */
};

typedef void resolve_done_fn(void *arg, const struct resolve_result *r);

/* server "ADDR:PORT" or NULL for /etc/resolv.conf. ERR_INVALID: no such address. */
enum err resolver_new(struct resolver **ret, uv_loop_t *loop, struct timers *timers,
                      const char *server) MUST_CHECK;
void resolver_close(struct resolver *r, void (*closed)(void *arg),
                    void *arg); /* frees; pending queries must have been cancelled */

/* done is called exactly once, possibly from inside this call, unless the query is cancelled. timeout_ms: the
 * whole budget. */
enum err resolve_start(struct resolver *r, const char *host, uint32_t timeout_ms, resolve_done_fn *done,
                       void *arg, struct resolve_query **ret) MUST_CHECK;
void resolve_cancel(struct resolve_query *q); /* no callback any more */
