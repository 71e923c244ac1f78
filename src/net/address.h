#pragma once
/*
 * The address guard: which socket addresses and ports a webhook may reach. It checks the very sockaddr given
 * to connect(), just before the call, so that no alternative spelling and no second look-up bypasses it. The
 * port is checked before a name is looked up (docs/attribution.md "Where todoke does not go").
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ADDRESS_OWN_MAX 64 /* a node with more interface addresses must list the rest as denied targets */

/*
 * An Internet address with its port. A sockaddr_storage is four times as large, and a name may have many
 * addresses.
 */
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

/* NULL: allowed; otherwise a short English name, for the log, of the range that forbids it. */
const char *address_refused(const struct address_guard *g, const struct sockaddr *sa);

/*
 * Whether the port belongs to another service: a webhook there would send HTTP to a mail server, a shell or a
 * database.
 */
bool address_port_refused(const struct address_guard *g, uint16_t port);

/* "203.0.113.7:443", "[2001:db8::1]:443" */
void address_text(const struct sockaddr *sa, char out[64]);

/*
 * Parses what address_text() writes. port: default where the text has none; -1: the text must have one.
 * ERR_INVALID.
 */
enum err address_parse(const char *text, int port, union address *ret) MUST_CHECK;

socklen_t address_len(const struct sockaddr *sa);
void address_set_port(struct sockaddr *sa, uint16_t port);
