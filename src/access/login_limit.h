#pragma once
/*
 * How often somebody may try to log in: per mail address and per peer (an IPv6 one by its /64, which is one
 * customer's). A few tries are free, then each costs twice the wait of the one before; a success forgets the
 * address's. In memory, shared by all loops, bounded: the least recently seen gives way.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/random.h"
#include "base/span.h"

#define LOGIN_LIMIT_ENTRIES 10000u /* of each kind */
#define LOGIN_LIMIT_ACCOUNT_FREE 5u
#define LOGIN_LIMIT_PEER_FREE 20u /* an office behind one address */
#define LOGIN_LIMIT_WAIT_MAX_S 300u
#define LOGIN_LIMIT_FORGET_S 3600u

struct login_limit;

enum err login_limit_new(struct login_limit **ret, const struct clock *clock, const struct random *random,
                         size_t entries) MUST_CHECK;
void login_limit_free(struct login_limit *l); /* NULL-safe */

/* 0: go on, and it counts as a failure already, so that many at once are no way around. Else the seconds to
 * wait; nothing counts. */
uint32_t login_limit_try(struct login_limit *l, struct span account, struct span peer) MUST_CHECK;
/* The password was right. */
void login_limit_success(struct login_limit *l, struct span account, struct span peer);
/* The try came to nothing by no fault of the caller. */
void login_limit_undo(struct login_limit *l, struct span account, struct span peer);
