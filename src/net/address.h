#pragma once
/*
 * The address guard: which socket addresses a webhook may reach. It looks at the very sockaddr that connect()
 * will get, right before it does, so that no spelling and no second look-up slips past (docs/attribution.md
 * "Addresses").
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define ADDRESS_OWN_MAX                                                                                      \
    64 /* a node with more interface addresses than this lists the rest as denied targets by hand */

struct address_guard {
    bool allow_private;
    struct sockaddr_storage own[ADDRESS_OWN_MAX]; /* this node's interface addresses */
    size_t own_count;
};

/* Collects the node's own addresses (getifaddrs). ERR_IO, ERR_NOMEM. */
enum err address_guard_init(struct address_guard *g, bool allow_private) MUST_CHECK;

/* NULL: may be reached; else a short English name of the range that forbids it, for the log. */
const char *address_refused(const struct address_guard *g, const struct sockaddr *sa);

/* "203.0.113.7:443", "[2001:db8::1]:443" */
void address_text(const struct sockaddr *sa, char out[64]);

socklen_t address_len(const struct sockaddr *sa);
void address_set_port(struct sockaddr_storage *sa, uint16_t port);
