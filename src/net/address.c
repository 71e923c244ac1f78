#include "net/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/origin.h"

struct range4 {
    uint32_t net;
    unsigned bits;
    const char *name;
};

struct range6 {
    uint8_t net[16];
    unsigned bits;
    const char *name;
};

#define V4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

/*
 * IANA's special-purpose registries (RFC 6890), as far as the ranges lead inside; the documentation ranges
 * lead nowhere.
 */
static const struct range4 ranges4[] = {
    {V4(0, 0, 0, 0), 8, "this network (RFC 791)"},
    {V4(10, 0, 0, 0), 8, "private (RFC 1918)"},
    {V4(100, 64, 0, 0), 10, "carrier-grade NAT (RFC 6598)"},
    {V4(127, 0, 0, 0), 8, "loopback (RFC 1122)"},
    {V4(169, 254, 0, 0), 16, "link-local and cloud metadata (RFC 3927)"},
    {V4(172, 16, 0, 0), 12, "private (RFC 1918)"},
    {V4(192, 0, 0, 0), 24, "IETF protocol assignments (RFC 6890)"},
    {V4(192, 88, 99, 0), 24, "6to4 relay (RFC 7526)"},
    {V4(192, 168, 0, 0), 16, "private (RFC 1918)"},
    {V4(198, 18, 0, 0), 15, "benchmarking (RFC 2544)"},
    {V4(224, 0, 0, 0), 4, "multicast (RFC 5771)"},
    {V4(240, 0, 0, 0), 4, "reserved and broadcast (RFC 1112)"},
};

static const struct range6 ranges6[] = {
    {{0}, 96, "unspecified, loopback, IPv4-compatible (RFC 4291)"},
    {{[10] = 0xff, 0xff}, 96, "IPv4-mapped (RFC 4291)"},
    {{[8] = 0xff, 0xff}, 96, "IPv4-translated (RFC 2765)"},
    {{0x00, 0x64, 0xff, 0x9b}, 96, "NAT64 (RFC 6052)"},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, "local NAT64 (RFC 8215)"},
    {{0x01, 0x00}, 64, "discard (RFC 6666)"},
    {{0x20, 0x01, 0x00, 0x00}, 32, "Teredo (RFC 4380)"},
    {{0x20, 0x02}, 16, "6to4 (RFC 3056)"},
    {{0xfc}, 7, "unique local (RFC 4193)"},
    {{0xfe, 0x80}, 10, "link-local (RFC 4291)"},
    {{0xfe, 0xc0}, 10, "site-local (RFC 3879)"},
    {{0xff}, 8, "multicast (RFC 4291)"},
};

/*
 * WHATWG Fetch, "port blocking": ports of services other than web servers, which might misinterpret a
 * webhook. Ascending.
 */
static const uint16_t other_services[] = {
    0,    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,   25,   37,    42,   43,
    53,   69,   77,   79,   87,   95,   101,  102,  103,  104,  109,  110,  111,  113,  115,   117,  119,
    123,  135,  137,  139,  143,  161,  179,  389,  427,  465,  512,  513,  514,  515,  526,   530,  531,
    532,  540,  548,  554,  556,  563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720,  1723, 2049,
    3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
};

static bool prefix_eq(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) & (uint8_t)(0xff << (8 - rest))) == 0;
}

static bool same_host(const struct sockaddr *a, const struct sockaddr_storage *b)
{
    if (a->sa_family != b->ss_family)
        return false;
    if (a->sa_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)(const void *)b)->sin_addr.s_addr;
    return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)(const void *)b)->sin6_addr, 16) == 0;
}

enum err address_guard_init(struct address_guard *g, bool allow_private, bool allow_any_port)
{
    *g = (struct address_guard){.allow_private = allow_private, .allow_any_port = allow_any_port};
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return err_origin(ERR_IO);
    for (const struct ifaddrs *i = all; i && g->own_count < ADDRESS_OWN_MAX; i = i->ifa_next) {
        if (!i->ifa_addr || (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
            continue;
        memcpy(&g->own[g->own_count++], i->ifa_addr, address_len(i->ifa_addr));
    }
    freeifaddrs(all);
    return ERR_NONE;
}

const char *address_refused(const struct address_guard *g, const struct sockaddr *sa)
{
    if (g->allow_private)
        return NULL;
    if (sa->sa_family == AF_INET) {
        uint32_t ip = ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr);
        for (size_t i = 0; i < sizeof(ranges4) / sizeof(ranges4[0]); i++)
            if ((ip ^ ranges4[i].net) >> (32 - ranges4[i].bits) == 0)
                return ranges4[i].name;
    } else if (sa->sa_family == AF_INET6) {
        const uint8_t *ip = ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr;
        for (size_t i = 0; i < sizeof(ranges6) / sizeof(ranges6[0]); i++)
            if (prefix_eq(ip, ranges6[i].net, ranges6[i].bits))
                return ranges6[i].name;
    } else {
        return "no Internet address";
    }
    for (size_t i = 0; i < g->own_count; i++)
        if (same_host(sa, &g->own[i]))
            return "an address of this node";
    return NULL;
}

bool address_port_refused(const struct address_guard *g, uint16_t port)
{
    if (g->allow_any_port)
        return false;
    size_t i = 0, count = sizeof(other_services) / sizeof(other_services[0]);
    while (i < count && other_services[i] < port)
        i++;
    return i < count && other_services[i] == port;
}

void address_text(const struct sockaddr *sa, char out[64])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
        (void)inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        (void)snprintf(out, 64, "%s:%u", host, (unsigned)ntohs(in->sin_port));
    } else {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        (void)snprintf(out, 64, "[%s]:%u", host, (unsigned)ntohs(in6->sin6_port));
    }
}

enum err address_parse(const char *text, int port, union address *ret)
{
    char host[INET6_ADDRSTRLEN];
    bool in_brackets = *text == '[';
    const char *from = text + in_brackets, *end = strchrnul(from, in_brackets ? ']' : ':');
    size_t len = (size_t)(end - from);
    if (len >= sizeof(host) || (in_brackets && !*end))
        return ERR_INVALID;
    memcpy(host, from, len);
    host[len] = '\0';
    union address at = {0};
    at.any.sa_family = in_brackets ? AF_INET6 : AF_INET;
    if (inet_pton(at.any.sa_family, host, in_brackets ? (void *)&at.v6.sin6_addr : (void *)&at.v4.sin_addr) !=
        1)
        return ERR_INVALID;
    const char *p = end + in_brackets;
    if (*p == ':') {
        port = p[1] ? 0 : -1;
        while (*++p >= '0' && *p <= '9' && port <= UINT16_MAX)
            port = port * 10 + (*p - '0');
    }
    if (*p || port < 0 || port > UINT16_MAX)
        return ERR_INVALID;
    address_set_port(&at.any, (uint16_t)port);
    *ret = at;
    return ERR_NONE;
}

socklen_t address_len(const struct sockaddr *sa)
{
    return sa->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

void address_set_port(struct sockaddr *sa, uint16_t port)
{
    if (sa->sa_family == AF_INET)
        ((struct sockaddr_in *)(void *)sa)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)(void *)sa)->sin6_port = htons(port);
}
