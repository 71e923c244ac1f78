#pragma once
/*
 * One name asked of the resolvers, A and AAAA apart: by datagram with EDNS, without it where a server does
 * not take it, over TCP where the answer does not fit; again where a datagram is lost, and of the next server
 * where one fails. Why this is not left to c-ares: docs/decisions/0019-dns.md.
 */
#include <uv.h>

#include "base/err.h"
#include "net/dns_message.h"
#include "net/timer.h"

#define DNS_SERVERS_MAX                                                                                      \
    4 /* glibc reads three of resolv.conf; more than can be asked within two seconds help nobody */

struct dns_server {
    union address address;
    uint64_t plain_until_us; /* it did not take EDNS: it is asked without it for a while */
};

struct dns_servers {
    struct dns_server list[DNS_SERVERS_MAX];
    size_t count;
    size_t first; /* which is asked first */
};

struct dns_query;

/* The end of one of the two questions, each called once, from the loop. cause is CAUSE_ok, what a server
 * said, dns_timeout, dns_unreachable, or a local_… one. The query may be freed inside. */
typedef void dns_answered_fn(void *arg, enum dns_type type, const struct dns_answer *answer);

/* servers is borrowed, and what is learned about them is noted there. ERR_INVALID: no name of the DNS;
 * ERR_NOMEM. */
enum err dns_query_new(struct dns_query **ret, uv_loop_t *loop, struct timers *timers,
                       struct dns_servers *servers, const char *name, uint32_t timeout_ms,
                       dns_answered_fn *answered, void *arg) MUST_CHECK;
void dns_query_free(struct dns_query *q); /* no callback any more; NULL-safe */
