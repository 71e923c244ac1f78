#pragma once
/*
 * Asks the resolvers for one name, A and AAAA separately: by datagram with EDNS, without EDNS if a server
 * does not support it, over TCP if the answer does not fit. Asks again if a datagram is lost, and the next
 * server if one fails. Why c-ares does not do this: docs/decisions/0019-dns.md.
 */
#include <uv.h>

#include "base/err.h"
#include "net/dns_message.h"
#include "net/timer.h"

#define DNS_SERVERS_MAX 4 /* glibc reads three of resolv.conf; more could not be asked within two seconds */

struct dns_server {
    union address address;
    uint64_t plain_until_us; /* the server does not support EDNS: ask without it until then */
};

struct dns_servers {
    struct dns_server list[DNS_SERVERS_MAX];
    size_t count;
    size_t first; /* index of the server asked first */
};

struct dns_query;

/*
 * End of one of the two questions, called once for each, from the loop. cause is CAUSE_ok, a server's error,
 * dns_timeout, dns_unreachable, or a local_… one. The query may be freed inside.
 */
typedef void dns_answered_fn(void *arg, enum dns_type type, const struct dns_answer *answer);

/*
 * servers is borrowed; what is learned about them is stored there. ERR_INVALID: not a valid DNS name;
 * ERR_NOMEM.
 */
enum err dns_query_new(struct dns_query **ret, uv_loop_t *loop, struct timers *timers,
                       struct dns_servers *servers, const char *name, uint32_t timeout_ms,
                       dns_answered_fn *answered, void *arg) MUST_CHECK;
void dns_query_free(struct dns_query *q); /* no callback afterwards; NULL-safe */
