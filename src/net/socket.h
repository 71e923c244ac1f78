#pragma once
/* Sockets for what this node asks of others: bots and resolvers. */

/* A socket that does not block. Returns its descriptor, or -errno; -EMFILE also where only the descriptors
 * are left that are kept for the API and the store. */
int socket_open(int family, int type);
