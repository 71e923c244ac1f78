#pragma once
/*
 * Addresses → one connected TCP socket: happy eyeballs (RFC 8305), the address guard just before each
 * connect(), one deadline for all attempts.
 */
#include <netinet/in.h>

#include "fault/outcome.h"
#include "net/address.h"
#include "net/timer.h"

struct dial;

struct dial_result {
    int fd;           /* ≥ 0: connected, owned by the receiver */
    enum ended ended; /* how it failed: ENDED_GUARD, ENDED_ERRNO, ENDED_DEADLINE, ENDED_LOCAL */
    enum cause_id cause;
    int sys_errno;
    char address[64]; /* the one connected to, or the last one tried; "" when none was */
};

typedef void dial_done_fn(void *arg, const struct dial_result *r);

/*
 * Tries the addresses in order: a new one every 250 ms, sooner if there are too many to try in time, and at
 * once when one has failed. addresses are copied. more: addresses may be added later, and the dial does not
 * fail before that. done is called exactly once, possibly inside this call or dial_add(), unless cancelled.
 * ERR_NOMEM.
 */
enum err dial_start(uv_loop_t *loop, struct timers *timers, const struct address_guard *guard,
                    const union address *addresses, size_t count, bool more, uint16_t port,
                    uint32_t timeout_ms, dial_done_fn *done, void *arg, struct dial **ret) MUST_CHECK;

/*
 * Gives the complete list of addresses, including those of dial_start(): untried ones are tried in this
 * order, with the whole timeout again. No more may be added afterwards.
 */
void dial_add(struct dial *d, const union address *addresses, size_t count);
void dial_cancel(struct dial *d); /* no callback afterwards */
