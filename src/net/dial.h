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

/*
 * Tries the addresses in their order: a new one every 250 ms, sooner where there are so many that all would
 * not have their turn, and at once when one has failed. addresses are copied. more: others may be added, and
 * without them it has not failed. done is called exactly once, possibly from inside this call or dial_add(),
 * unless cancelled. ERR_NOMEM.
 */
enum err dial_start(uv_loop_t *loop, struct timers *timers, const struct address_guard *guard,
                    const union address *addresses, size_t count, bool more, uint16_t port,
                    uint32_t timeout_ms, dial_done_fn *done, void *arg, struct dial **ret) MUST_CHECK;

/* These are all addresses, those of dial_start() among them: what has not been tried is tried in this
 * order, and has the whole time-out again. None are added after that. */
void dial_add(struct dial *d, const union address *addresses, size_t count);
void dial_cancel(struct dial *d); /* no callback any more */
