/*
 * url_parse: whatever it accepts is safe to resolve, to check and to write into a request. The first byte
 * allows http or not, the rest is the URL.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "fuzz.h"
#include "net/address.h"
#include "net/url.h"

static void need(bool ok, const char *what, const struct url *u)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s: host '%s' authority '%s' target '%s'\n", what, u->host, u->authority,
                  u->target);
    abort();
}

/* A name goes to the resolver: nothing that the C library would take for an address may be left in one. */
static void check_name(const struct url *u)
{
    struct in_addr v4;
    struct in6_addr v6;
    need(inet_aton(u->host, &v4) == 0, "a spelling of an IPv4 address passed as a name", u);
    need(inet_pton(AF_INET6, u->host, &v6) == 0, "an IPv6 address passed as a name", u);
    size_t len = strlen(u->host), label = 0;
    need(len > 0 && len <= 253, "name length", u);
    for (const char *p = u->host; *p; p++) {
        unsigned char c = (unsigned char)*p;
        need(islower(c) || isdigit(c) || c == '-' || c == '_' || c == '.', "odd character in a name", u);
        label = c == '.' ? 0 : label + 1;
        need(label <= 63, "label length", u);
        need(c != '.' || (p[1] != '\0' && p[1] != '.' && p != u->host), "empty label", u);
    }
}

static void check_ip(const struct url *u)
{
    unsigned char raw[16];
    char text[INET6_ADDRSTRLEN];
    int family = u->addr.ss_family;
    need(family == AF_INET || family == AF_INET6, "family", u);
    need(inet_pton(family, u->host, raw) == 1, "the host is not the canonical text of its address", u);
    need(inet_ntop(family, raw, text, sizeof(text)) && strcmp(text, u->host) == 0, "canonical text", u);
    const struct sockaddr *sa = (const struct sockaddr *)(const void *)&u->addr;
    char shown[64], want[INET6_ADDRSTRLEN + 16];
    address_text(sa, shown);
    (void)snprintf(want, sizeof(want), family == AF_INET ? "%s:%u" : "[%s]:%u", u->host, (unsigned)u->port);
    need(strcmp(shown, want) == 0, "addr and host differ", u);
    const struct address_guard guard = {0};
    if (family == AF_INET && raw[0] == 127)
        need(address_refused(&guard, sa) != NULL, "loopback is let through", u);
}

static void check_target(const struct url *u)
{
    need(u->target[0] == '/', "target is not in origin-form", u);
    for (const char *p = u->target; *p; p++)
        need((unsigned char)*p > ' ' && (unsigned char)*p < 0x7f && *p != '#', "odd character in the target",
             u);
}

/* What we say on the wire names the same place when it is read again. */
static void check_again(const struct url *u)
{
    char text[3000];
    int len = snprintf(text, sizeof(text), "%s://%s%s", u->https ? "https" : "http", u->authority, u->target);
    if (len > URL_MAX) /* A-labels are longer than what they stand for */
        return;
    struct url again;
    enum cause_id cause = CAUSE_ok;
    const struct url_rules rules = {.allow_http = true};
    need(url_parse((struct span){text, (size_t)len}, &rules, &again, &cause) == ERR_NONE, cause_of(cause)->id,
         u);
    need(again.https == u->https && again.is_ip == u->is_ip && again.port == u->port, "read again: place", u);
    need(strcmp(again.host, u->host) == 0, "read again: host", u);
    need(strcmp(again.authority, u->authority) == 0, "read again: authority", u);
    need(strcmp(again.target, u->target) == 0, "read again: target", u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct url_rules rules = {.allow_http = data[0] & 1};
    struct url u;
    memset(&u, 'x', sizeof(u));
    enum cause_id cause = CAUSE_ok;
    enum err e = url_parse((struct span){(const char *)data + 1, size - 1}, &rules, &u, &cause);
    if (e) {
        if (e != ERR_INVALID || cause_of(cause)->fault != FAULT_invalid_url || u.host[0] != 'x') {
            (void)fprintf(stderr, "error %d, cause %s\n", (int)e, cause_of(cause)->id);
            abort();
        }
        return 0;
    }
    need(u.https || rules.allow_http, "http where it is not allowed", &u);
    need(u.port != 0, "port 0", &u);
    if (u.is_ip)
        check_ip(&u);
    else
        check_name(&u);
    check_target(&u);
    check_again(&u);
    return 0;
}
