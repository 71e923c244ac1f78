#pragma once
/*
 * Name → addresses: /etc/hosts, then the resolvers, with A and AAAA asked separately, because an accurate
 * cause needs both (docs/attribution.md "Names").
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "fault/outcome.h"
#include "net/dns_message.h"
#include "net/timer.h"

#define RESOLVE_ADDRESSES_MAX (2 * DNS_ADDRESSES_MAX) /* of both families */

struct resolver;
struct resolve_query;

struct resolve_result {
    enum ended ended; /* ENDED_COMPLETE: count > 0; ENDED_DNS or ENDED_LOCAL with cause */
    enum cause_id cause;
    union address
        addresses[RESOLVE_ADDRESSES_MAX]; /* all addresses so far, in the order to try (RFC 8305 4), port 0 */
    size_t count;
    uint32_t ttl_s; /* how long they may be cached */
    bool more;      /* the other family is still being asked for: done will be called once more */
};

typedef void resolve_done_fn(void *arg, const struct resolve_result *r);

/* server: "ADDR:PORT", or NULL for /etc/resolv.conf. ERR_INVALID: not an address. */
enum err resolver_new(struct resolver **ret, uv_loop_t *loop, struct timers *timers,
                      const char *server) MUST_CHECK;
void resolver_free(struct resolver *r); /* queries must have been cancelled */

/*
 * done is called once, possibly inside this call, or twice if the first result has `more` set; the query ends
 * with the last call. It may be cancelled inside the first. timeout_ms: the whole budget.
 */
enum err resolve_start(struct resolver *r, const char *host, uint32_t timeout_ms, resolve_done_fn *done,
                       void *arg, struct resolve_query **ret) MUST_CHECK;

/* After the first result: reports the second to this callback. */
void resolve_hand_over(struct resolve_query *q, resolve_done_fn *done, void *arg);
void resolve_cancel(struct resolve_query *q); /* no callback afterwards */
