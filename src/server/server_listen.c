/* Where a server listens. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "server/server_core.h"

#define BACKLOG 4096 /* the kernel takes what net.core.somaxconn allows */

/* "127.0.0.1:8080", "[::1]:0" */
static bool parse_listen(const char *text, union server_peer *ret)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || strlen(colon + 1) == 0 || strlen(colon + 1) > 5)
        return false;
    uint32_t port = 0;
    for (const char *p = colon + 1; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        port = port * 10 + (uint32_t)(*p - '0');
    }
    char host[INET6_ADDRSTRLEN + 2];
    size_t len = (size_t)(colon - text);
    if (port > 65535 || len >= sizeof(host))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    *ret = (union server_peer){0};
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        ret->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        return inet_pton(AF_INET6, host + 1, &ret->v6.sin6_addr) == 1;
    }
    ret->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1;
}

enum err server_listen(struct server *s, const struct server_config *config)
{
    int one = 1;
    if (config->listen_fd > 0) {
        int flags = fcntl(config->listen_fd, F_GETFL);
        if (flags < 0 || fcntl(config->listen_fd, F_SETFL, flags | O_NONBLOCK) != 0)
            return err_origin(ERR_IO);
        s->fd = config->listen_fd;
    } else {
        union server_peer at;
        if (!config->listen || !parse_listen(config->listen, &at))
            return ERR_INVALID;
        s->fd = socket(at.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (s->fd < 0)
            return err_origin(ERR_IO);
        socklen_t len = at.sa.sa_family == AF_INET ? sizeof(at.v4) : sizeof(at.v6);
        if (setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
            (config->reuse_port && setsockopt(s->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
            bind(s->fd, &at.sa, len) != 0 || listen(s->fd, BACKLOG) != 0)
            return err_origin(ERR_IO);
    }
    if (config->defer_accept)
        (void)setsockopt(s->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one)); /* seconds */
    /* Accepted connections inherit it. */
    return setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 ? ERR_NONE
                                                                               : err_origin(ERR_IO);
}

void server_address(const struct server *s, char out[64])
{
    union server_peer at = {0};
    socklen_t len = sizeof(at);
    char text[INET6_ADDRSTRLEN] = "";
    out[0] = '\0';
    if (getsockname(s->fd, &at.sa, &len) != 0)
        return;
    bool v4 = at.sa.sa_family == AF_INET;
    (void)inet_ntop(at.sa.sa_family, v4 ? (void *)&at.v4.sin_addr : (void *)&at.v6.sin6_addr, text,
                    sizeof(text));
    (void)snprintf(out, 64, v4 ? "%s:%u" : "[%s]:%u", text, ntohs(v4 ? at.v4.sin_port : at.v6.sin6_port));
}
