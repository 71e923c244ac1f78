#pragma once
/*
 * The address guard: which socket addresses and ports a webhook may reach. It looks at the very sockaddr that
 * connect() will get, right before it does, so that no spelling and no second look-up slips past; at the port
 * before a name is looked up (docs/attribution.md "Where todoke does not go").
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ADDRESS_OWN_MAX                                                                                      \
    64 /* a node with more interface addresses than this lists the rest as denied targets by hand */

/* An Internet address with its port. A sockaddr_storage is four times as large, and a name may have many
 * of these. */
union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct address_guard {
    bool allow_private, allow_any_port;
    struct sockaddr_storage own[ADDRESS_OWN_MAX]; /* this node's interface addresses */
    size_t own_count;
};

/* Collects the node's own addresses (getifaddrs). ERR_IO, ERR_NOMEM. */
enum err address_guard_init(struct address_guard *g, bool allow_private, bool allow_any_port) MUST_CHECK;

/* NULL: may be reached; else a short English name of the range that forbids it, for the log. */
const char *address_refused(const struct address_guard *g, const struct sockaddr *sa);

/* Whether a port is another service's: a webhook there would speak HTTP to a mail server, a shell or a
 * database. */
bool address_port_refused(const struct address_guard *g, uint16_t port);

/* "203.0.113.7:443", "[2001:db8::1]:443" */
void address_text(const struct sockaddr *sa, char out[64]);

/* What address_text() writes, with port where none is said; port -1: one must be said. ERR_INVALID. */
enum err address_parse(const char *text, int port, union address *ret) MUST_CHECK;

socklen_t address_len(const struct sockaddr *sa);
void address_set_port(struct sockaddr *sa, uint16_t port);
