#pragma once
/*
 * What all exchanges of one loop share: resolver, TLS client context, connection pool, address guard. One per
 * loop thread, used on that thread only.
 */
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/clock.h"
#include "base/err.h"

struct engine;

struct engine_config {
    const char *ca_file;      /* PEM, added to the system's trust store; NULL: none */
    const char *dns_server;   /* "ADDR:PORT"; NULL: /etc/resolv.conf */
    bool allow_private;       /* allow targets inside our network */
    bool allow_any_port;      /* allow ports of services other than web servers */
    uint32_t connections_max; /* of all origins; 0: 20000 */
    /* 0: half of connections_max, so that no host takes all; HTTP/2 streams do not count */
    uint32_t connections_per_origin;
    const struct clock *clock; /* NULL: the system's clock */
};

struct engine_stats {
    uint64_t connections_open, connections_idle, sessions_h1, sessions_h2;
    uint64_t opened_total, reused_total, resumed_total, retries_total;
    uint64_t exchanges_active;
};

/* loop is borrowed and must outlive engine. ERR_INVALID: dns_server; ERR_IO: ca_file cannot be read or holds
 * no certificate. */
enum err engine_new(struct engine **ret, uv_loop_t *loop, const struct engine_config *config) MUST_CHECK;

/* Ends every exchange (local_cancelled) and closes every connection; the loop must run until its handles have
 * closed, then done is called. */
void engine_close(struct engine *engine, void (*done)(void *arg), void *arg);

void engine_stats_get(const struct engine *engine, struct engine_stats *ret);

/* Reloads the CA file (SIGHUP); open connections are kept. */
enum err engine_reload_ca(struct engine *engine) MUST_CHECK;
