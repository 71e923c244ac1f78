#pragma once
/*
 * What all relays of a loop share: resolver, TLS, deadlines, and the guard of addresses. One per loop
 * thread, used on that thread only.
 */
#include <openssl/ssl.h>
#include <uv.h>

#include "base/list.h"
#include "net/address.h"
#include "net/resolve.h"
#include "net/timer.h"

struct relays_config {
    const char *ca_file;       /* PEM, added to the system's trust store; NULL: none */
    const char *dns_server;    /* "ADDR:PORT"; NULL: /etc/resolv.conf */
    bool allow_private;        /* allow relays inside our network */
    const struct clock *clock; /* NULL: the system's clock */
};

struct relays_member {
    struct list link;
    void (*end)(struct relays_member *m); /* ends all that it does, at once, and leaves the list */
};

struct relays {
    uv_loop_t *loop;
    const struct clock *clock;
    struct timers timers;
    struct resolver *resolver;
    SSL_CTX *tls;
    char *ca_file;
    struct address_guard guard;
    struct list members; /* struct relays_member: the relays */
    unsigned handles;    /* to close before `closed` */
    void (*closed)(void *arg);
    void *closed_arg;
};

/*
 * loop is borrowed. ERR_INVALID: dns_server; ERR_IO: ca_file cannot be read or holds no certificate;
 * ERR_NOMEM.
 */
enum err relays_new(struct relays **ret, uv_loop_t *loop, const struct relays_config *config) MUST_CHECK;
/*
 * Every mail that waits or is on its way ends now, as local_cancelled; done is called once all handles have
 * closed. The relays take no more mails, and are freed by relay_close(). NULL-safe: done is then called at
 * once.
 */
void relays_close(struct relays *all, void (*done)(void *arg), void *arg);
/* Reads the CA file again (SIGHUP); open connections stay. */
enum err relays_reload_ca(struct relays *all) MUST_CHECK;

/* A handle of a connection is gone. */
void relays_handle_closed(struct relays *all);
static inline uint64_t relays_now(const struct relays *all)
{
    return all->clock->mono_us(all->clock->arg);
}
