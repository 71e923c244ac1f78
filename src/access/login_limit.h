#pragma once
/*
 * Limits how often somebody may try to log in, per mail address and per peer (an IPv6 peer counts by its /64,
 * which belongs to one customer). The first tries are free; then each must wait twice as long as the one
 * before. A success resets the mail address. Kept in memory, shared by all loops, and bounded: the least
 * recently used entry is replaced.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/span.h"

#define LOGIN_LIMIT_ENTRIES 10000u /* of each kind */
#define LOGIN_LIMIT_ACCOUNT_FREE 5u
#define LOGIN_LIMIT_PEER_FREE 20u /* many people may share one address (an office) */
#define LOGIN_LIMIT_WAIT_MAX_S 300u
#define LOGIN_LIMIT_FORGET_S 3600u

struct login_limit;

enum err login_limit_new(struct login_limit **ret, const struct clock *clock, const struct random *random,
                         size_t entries) MUST_CHECK;
void login_limit_free(struct login_limit *l); /* NULL-safe */

/*
 * Returns 0 if the caller may try, and counts the try as a failure at once, so that parallel tries do not get
 * around the limit. Otherwise returns the seconds to wait and counts nothing.
 */
uint32_t login_limit_try(struct login_limit *l, struct span account, struct span peer) MUST_CHECK;
/* Resets the mail address after the right password. */
void login_limit_success(struct login_limit *l, struct span account, struct span peer);
/* Takes back a try that failed through no fault of the caller. */
void login_limit_undo(struct login_limit *l, struct span account, struct span peer);
