#pragma once
/*
 * Addresses → one connected TCP socket: happy eyeballs (RFC 8305), the address guard right before each
 * connect(), one deadline over all attempts.
 */
#include <netinet/in.h>

#include "fault/outcome.h"
#include "net/address.h"
#include "net/timer.h"

struct dial;

struct dial_result {
    int fd;           /* ≥ 0: connected, owned by the receiver */
    enum ended ended; /* of a failure: ENDED_GUARD, ENDED_ERRNO, ENDED_DEADLINE, ENDED_LOCAL */
    enum cause_id cause;
    int sys_errno;
    char address[64]; /* the one connected to, or the last one tried; "" when none was */
};

typedef void dial_done_fn(void *arg, const struct dial_result *r);

/* Tries the addresses in their order, a new one every 250 ms or as soon as one has failed. addresses are
 * copied. done is called exactly once, possibly from inside this call, unless cancelled. ERR_NOMEM. */
enum err dial_start(uv_loop_t *loop, struct timers *timers, const struct address_guard *guard,
                    const struct sockaddr_storage *addresses, size_t count, uint16_t port,
                    uint32_t timeout_ms, dial_done_fn *done, void *arg, struct dial **ret) MUST_CHECK;
void dial_cancel(struct dial *d); /* no callback any more */
