#pragma once
/*
 * Checks a webhook URL and splits it into its parts: RFC 3986 (uriparser), IDNA 2008 (libidn2), and the rules
 * of docs/attribution.md "Invalid URL syntax".
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "fault/fault.h"

#define URL_MAX 500 /* characters (LINE's limit) */
#define URL_LONG_MAX ((size_t)URL_MAX * 4)

struct url {
    bool https;
    bool is_ip;                   /* the host is an address; addr holds it */
    struct sockaddr_storage addr; /* with the port */
    uint16_t port;
    char host[254]; /* A-label form, lower case, no trailing dot; addresses in canonical text, IPv6 without
                       brackets */
    char authority[264]; /* for Host / :authority: host, IPv6 in brackets, ":port" unless it is the scheme's
                            default */
    char target[URL_MAX * 4 + 2]; /* origin-form: path and query, never empty; the fragment is dropped */
};

struct url_rules {
    bool allow_http;
    bool longer; /* up to URL_LONG_MAX bytes: URLs that services give out, not ones that people enter */
};

/*
 * Parses text into *ret. ERR_INVALID: *ret_cause is the url_… cause. Allocates nothing that outlives the
 * call; ERR_NOMEM.
 */
enum err url_parse(struct span text, const struct url_rules *rules, struct url *ret,
                   enum cause_id *ret_cause) MUST_CHECK;
