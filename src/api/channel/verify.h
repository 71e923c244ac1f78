#pragma once
/* Trying a webhook URL, for the calls that do so (line.c, verify.c). */
#include "api/call.h"
#include "webhook/verification.h"

/* As verification_start(), with the call as arg. */
enum err verify_start(struct call *c, const struct channel *channel, const char *url,
                      verification_phase_fn *on_phase, verification_done_fn *done, enum cause_id *ret_cause,
                      struct verification **ret) MUST_CHECK;

/* A success on the channel's own URL: if it was suspended, it goes on. */
void verify_lift(struct call *c, const struct channel_ref *ref, const char *url,
                 const struct exchange_result *r);
