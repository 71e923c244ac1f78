#include "node/public_url.h"

#include <string.h>

#include "net/url.h"

static bool leads_there(const struct url *url)
{
    if (!url->is_ip) {
        size_t len = strlen(url->host);
        return strcmp(url->host, "localhost") != 0 &&
               (len < 10 || strcmp(url->host + len - 10, ".localhost") != 0); /* RFC 6761 6.3 */
    }
    const struct sockaddr_in *v4 = (const void *)&url->addr;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)&url->addr)->sin6_addr;
    uint8_t first;
    if (url->addr.ss_family == AF_INET)
        first = (uint8_t)(ntohl(v4->sin_addr.s_addr) >> 24);
    else if (IN6_IS_ADDR_V4MAPPED(v6) || IN6_IS_ADDR_V4COMPAT(v6))
        first = v6->s6_addr[12];
    else
        return !IN6_IS_ADDR_LOOPBACK(v6) && !IN6_IS_ADDR_UNSPECIFIED(v6);
    return first != 127 && first != 0;
}

enum err public_url_read(const char *text, char out[static PUBLIC_URL_MAX], bool *ret_leads)
{
    const struct url_rules rules = {.allow_http =
                                        true}; /* recognises every spelling of an address, as for webhooks */
    struct url url;
    enum cause_id cause;
    size_t len = strlen(text);
    while (len && text[len - 1] == '/')
        len--;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~' || strchr("\"'<>\\#?", text[i]))
            return ERR_INVALID;
    if (len >= PUBLIC_URL_MAX || url_parse((struct span){text, len}, &rules, &url, &cause))
        return ERR_INVALID;
    memcpy(out, text, len);
    out[len] = '\0';
    *ret_leads = leads_there(&url);
    return ERR_NONE;
}
