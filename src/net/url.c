/*
 * The checks run in the order in which a person wants to be told: length and stray characters first, then the
 * grammar, then what todoke forbids, then the host name.
 */
#include "net/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <idn2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uriparser/Uri.h>

#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"

#define LABEL_MAX 63
#define NAME_MAX_DNS 253

static enum err refuse(enum cause_id why, enum cause_id *ret)
{
    *ret = why;
    return ERR_INVALID;
}

static struct span uri_span(UriTextRangeA r)
{
    return r.first ? (struct span){r.first, (size_t)(r.afterLast - r.first)} : (struct span){"", 0};
}

static enum err check_text(struct span text, const struct url_rules *rules, enum cause_id *ret)
{
    size_t characters = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == 0x7f)
            return refuse(CAUSE_url_control_character, ret);
        if ((c & 0xc0) != 0x80)
            characters++;
    }
    if ((characters > URL_MAX && !rules->longer) || text.len > URL_LONG_MAX)
        return refuse(CAUSE_url_too_long, ret);
    return ERR_NONE;
}

/*
 * The authority of an absolute URL, found before uriparser runs: the text between "//" and the next of "/?#".
 */
static struct span find_authority(struct span text)
{
    const char *slashes = memmem(text.ptr, text.len, "://", 3);
    if (!slashes)
        return (struct span){NULL, 0};
    const char *start = slashes + 3, *end = start, *stop = text.ptr + text.len;
    while (end < stop && *end != '/' && *end != '?' && *end != '#')
        end++;
    return (struct span){start, (size_t)(end - start)};
}

/*
 * Decodes percent-encoding in a reg-name (RFC 3986 3.2.2), so that the guard and the resolver see one
 * spelling.
 */
static bool decode_host(struct span in, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%') {
            int hi = i + 2 < in.len ? hex_digit(in.ptr[i + 1]) : -1,
                lo = hi >= 0 ? hex_digit(in.ptr[i + 2]) : -1;
            if (lo < 0 || (hi == 0 && lo == 0))
                return false;
            c = (char)(hi * 16 + lo);
            i += 2;
        }
        if (n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return n > 0;
}

/* Allows letters, digits, hyphens inside, and the underscore, which DNS itself allows (RFC 2181 11). */
static enum err check_labels(const char *name, enum cause_id *ret)
{
    size_t label = 0;
    char last = '.';
    for (const char *p = name;; p++) {
        if (*p == '.' || *p == '\0') {
            if (label == 0 || last == '-')
                return refuse(CAUSE_url_idna, ret);
            if (label > LABEL_MAX)
                return refuse(CAUSE_url_label_too_long, ret);
            if (*p == '\0')
                return ERR_NONE;
            label = 0;
        } else {
            if (!isalnum((unsigned char)*p) && *p != '_' && (*p != '-' || label == 0))
                return refuse(CAUSE_url_idna, ret);
            label++;
        }
        last = *p;
    }
}

/*
 * As in browsers, a host that ends in a number is an IPv4 address in one of the spellings of inet_aton(3), or
 * invalid: octal, hexadecimal and integer forms reach the same machine and must meet the same guard.
 */
static bool ends_in_number(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    if (last[0] == '0' && (last[1] == 'x' || last[1] == 'X'))
        return strspn(last + 2, "0123456789abcdefABCDEF") == strlen(last + 2);
    return *last && strspn(last, "0123456789") == strlen(last);
}

static void set_ipv4(struct url *u, struct in_addr addr)
{
    struct sockaddr_in *sin = (struct sockaddr_in *)(void *)&u->addr;
    *sin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(u->port), .sin_addr = addr};
    (void)inet_ntop(AF_INET, &addr, u->host, sizeof(u->host));
    u->is_ip = true;
}

/*
 * A plain ASCII name needs no IDNA, which would reject some that DNS and browsers accept ("ab--cd.example").
 */
static bool needs_idna(const char *name)
{
    for (const char *p = name; *p; p++)
        if ((*p & 0x80) || ((p == name || p[-1] == '.') && strncasecmp(p, "xn--", 4) == 0))
            return true;
    return false;
}

/* Converts to A-labels (RFC 5891), on the heap. */
static enum err to_ascii(const char *name, char **ret_ascii, enum cause_id *ret)
{
    if (!needs_idna(name))
        return (*ret_ascii = mem_dup(name, strlen(name))) ? ERR_NONE : ERR_NOMEM;
    char *ascii = NULL;
    int rc = idn2_to_ascii_8z(name, &ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    if (rc == IDN2_OK) {
        *ret_ascii = mem_dup(ascii, strlen(ascii));
        idn2_free(ascii);
        return *ret_ascii ? ERR_NONE : ERR_NOMEM;
    }
    if (rc == IDN2_MALLOC)
        return ERR_NOMEM;
    if (rc == IDN2_TOO_BIG_LABEL)
        return refuse(CAUSE_url_label_too_long, ret);
    if (rc == IDN2_TOO_BIG_DOMAIN)
        return refuse(strlen(name) > NAME_MAX_DNS ? CAUSE_url_name_too_long : CAUSE_url_label_too_long, ret);
    return refuse(CAUSE_url_idna, ret);
}

static enum err set_name(struct url *u, struct span raw, enum cause_id *ret)
{
    char decoded[URL_LONG_MAX + 1];
    if (!decode_host(raw, decoded, sizeof(decoded)))
        return refuse(CAUSE_url_syntax, ret);
    for (const char *p = decoded; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return refuse(CAUSE_url_control_character, ret);
    AUTO_FREE char *ascii = NULL;
    enum err e = to_ascii(decoded, &ascii, ret);
    if (e)
        return e;
    size_t len = strlen(ascii);
    if (len > 0 && ascii[len - 1] == '.') /* the root's dot: the same name without it */
        ascii[--len] = '\0';
    struct in_addr v4;
    if (len == 0) {
        e = refuse(CAUSE_url_host_empty, ret);
    } else if (ends_in_number(ascii)) {
        if (inet_aton(ascii, &v4) == 1)
            set_ipv4(u, v4);
        else
            e = refuse(CAUSE_url_ip_literal, ret);
    } else {
        e = check_labels(ascii, ret);
        if (!e && len > NAME_MAX_DNS)
            e = refuse(CAUSE_url_name_too_long, ret);
        for (size_t i = 0; !e && i <= len; i++)
            u->host[i] = (char)tolower((unsigned char)ascii[i]);
    }
    return e;
}

static void set_ipv6(struct url *u, const unsigned char bytes[16])
{
    struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)(void *)&u->addr;
    *sin6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(u->port)};
    memcpy(&sin6->sin6_addr, bytes, 16);
    (void)inet_ntop(AF_INET6, bytes, u->host, sizeof(u->host));
    u->is_ip = true;
}

static enum err parse_port(struct span text, bool https, uint16_t *ret_port, enum cause_id *ret)
{
    unsigned long port = https ? 443 : 80;
    if (text.len > 0) {
        port = 0;
        for (size_t i = 0; i < text.len && port <= 65535; i++)
            port = port * 10 + (unsigned long)(text.ptr[i] - '0');
        if (port == 0 || port > 65535)
            return refuse(CAUSE_url_port, ret);
    }
    *ret_port = (uint16_t)port;
    return ERR_NONE;
}

/* Path and query as in the text; the fragment is not sent (RFC 9110 4.2.5). */
static void set_target(struct url *u, struct span text, struct span authority)
{
    const char *p = authority.ptr + authority.len, *stop = text.ptr + text.len;
    const char *hash = memchr(p, '#', (size_t)(stop - p));
    if (hash)
        stop = hash;
    size_t len = (size_t)(stop - p), n = 0;
    if (len == 0 || *p != '/')
        u->target[n++] = '/';
    memcpy(u->target + n, p, len);
    u->target[n + len] = '\0';
}

static void set_authority(struct url *u)
{
    bool v6 = u->is_ip && u->addr.ss_family == AF_INET6;
    bool standard = u->port == (u->https ? 443 : 80);
    char port[8] = "";
    if (!standard)
        (void)snprintf(port, sizeof(port), ":%u", (unsigned)u->port);
    (void)snprintf(u->authority, sizeof(u->authority), "%s%s%s%s", v6 ? "[" : "", u->host, v6 ? "]" : "",
                   port);
}

static enum err take_apart(const UriUriA *uri, struct span raw_host, const struct url_rules *rules,
                           struct url *u, enum cause_id *ret)
{
    struct span scheme = uri_span(uri->scheme);
    u->https = span_eq_nocase(scheme, SPAN_LIT("https"));
    if (!u->https && !(rules->allow_http && span_eq_nocase(scheme, SPAN_LIT("http"))))
        return refuse(CAUSE_url_scheme, ret);
    if (uri->userInfo.first)
        return refuse(CAUSE_url_userinfo, ret);
    enum err e = parse_port(uri_span(uri->portText), u->https, &u->port, ret);
    if (e)
        return e;
    if (uri->hostData.ip6) {
        set_ipv6(u, uri->hostData.ip6->data);
        return ERR_NONE;
    }
    if (uri->hostData.ipFuture.first)
        return refuse(CAUSE_url_ip_literal, ret);
    if (raw_host.len == 0)
        return refuse(CAUSE_url_host_empty, ret);
    return set_name(u, raw_host, ret);
}

/*
 * uriparser supports RFC 3986 only, where a host is ASCII: an internationalised host is replaced by letters
 * for it.
 */
static size_t stand_in(struct span text, struct span host, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *p = text.ptr + i;
        bool in_host = host.len > 0 && p >= host.ptr && p < host.ptr + host.len;
        out[n++] = in_host && (*p & 0x80) ? 'x' : *p;
    }
    out[n] = '\0';
    return n;
}

/* A more specific cause for a syntax error, where its place shows one. */
static enum cause_id syntax_cause(struct span authority)
{
    if (!authority.ptr)
        return CAUSE_url_syntax;
    if (memchr(authority.ptr, '[', authority.len))
        return CAUSE_url_ip_literal;
    const char *colon = memrchr(authority.ptr, ':', authority.len);
    if (colon && !memchr(authority.ptr, '@', authority.len)) {
        for (const char *p = colon + 1; p < authority.ptr + authority.len; p++)
            if (*p < '0' || *p > '9')
                return CAUSE_url_port;
    }
    return CAUSE_url_syntax;
}

enum err url_parse(struct span text, const struct url_rules *rules, struct url *ret, enum cause_id *ret_cause)
{
    enum err e = check_text(text, rules, ret_cause);
    if (e)
        return e;
    struct span authority = find_authority(text);
    struct span host = {text.ptr, 0};
    if (authority.ptr) {
        host = authority;
        const char *at = memrchr(authority.ptr, '@', authority.len);
        if (at)
            host = (struct span){at + 1, (size_t)(authority.ptr + authority.len - at - 1)};
        const char *colon = host.len && host.ptr[0] != '[' ? memrchr(host.ptr, ':', host.len) : NULL;
        if (colon)
            host.len = (size_t)(colon - host.ptr);
    }
    char shown[URL_LONG_MAX + 1];
    size_t len = stand_in(text, host, shown);
    UriUriA uri;
    const char *where = NULL;
    int rc = uriParseSingleUriExA(&uri, shown, shown + len, &where);
    if (rc == URI_ERROR_MALLOC)
        return ERR_NOMEM;
    if (rc != URI_SUCCESS)
        return refuse(syntax_cause(authority), ret_cause);
    if (!uri.scheme.first) {
        e = refuse(CAUSE_url_syntax, ret_cause);
    } else if (!authority.ptr || authority.ptr != text.ptr + (uri.scheme.afterLast - uri.scheme.first) + 3) {
        /* "https:/path" or "mailto:…": a wrong scheme is the likelier mistake */
        struct span scheme = uri_span(uri.scheme);
        bool ours = span_eq_nocase(scheme, SPAN_LIT("https")) || span_eq_nocase(scheme, SPAN_LIT("http"));
        e = refuse(ours ? CAUSE_url_host_empty : CAUSE_url_scheme, ret_cause);
    } else {
        struct url u = {0};
        e = take_apart(&uri, host, rules, &u, ret_cause);
        if (!e) {
            set_target(&u, text, authority);
            set_authority(&u);
            *ret = u;
        }
    }
    uriFreeUriMembersA(&uri);
    return e;
}
