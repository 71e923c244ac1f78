/* Opens the listening socket. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "server/server_core.h"

#include "base/origin.h"

#define BACKLOG 4096 /* the kernel caps it at net.core.somaxconn */

enum err server_listen(struct server *s, const struct server_config *config)
{
    int one = 1;
    if (config->listen_fd > 0) {
        int flags = fcntl(config->listen_fd, F_GETFL);
        if (flags < 0 || fcntl(config->listen_fd, F_SETFL, flags | O_NONBLOCK) != 0)
            return err_origin(ERR_IO);
        s->fd = config->listen_fd;
    } else {
        union address at;
        if (!config->listen || address_parse(config->listen, -1, &at) != ERR_NONE)
            return ERR_INVALID;
        s->fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (s->fd < 0)
            return err_origin(ERR_IO);
        if (setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
            (config->reuse_port && setsockopt(s->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0) ||
            bind(s->fd, &at.any, address_len(&at.any)) != 0 || listen(s->fd, BACKLOG) != 0)
            return ERR_IO; /* an address in use or not of this machine; the caller says so */
    }
    if (config->defer_accept)
        (void)setsockopt(s->fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one)); /* seconds */
    /* Accepted connections inherit it. */
    return setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 ? ERR_NONE
                                                                               : err_origin(ERR_IO);
}

void server_address(const struct server *s, char out[64])
{
    union address at = {0};
    socklen_t len = sizeof(at);
    out[0] = '\0';
    if (getsockname(s->fd, &at.any, &len) == 0)
        address_text(&at.any, out);
}
