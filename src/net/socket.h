#pragma once
/* Sockets for outgoing connections: to bots and resolvers. */

/*
 * A non-blocking socket. Returns its descriptor, or -errno; -EMFILE also if only the descriptors reserved for
 * the API and the store are left.
 */
int socket_open(int family, int type);
