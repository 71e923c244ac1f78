#pragma once
/* Verifies a webhook URL, for line.c and verify.c. */
#include "api/call.h"
#include "webhook/verification.h"

/* verification_start() with the call as arg. */
enum err verify_start(struct call *c, const struct channel *channel, const char *url,
                      verification_phase_fn *on_phase, verification_done_fn *done, enum cause_id *ret_cause,
                      struct verification **ret) MUST_CHECK;

/* After a success with the channel's own URL: resumes the channel if it was suspended. */
void verify_lift(struct call *c, const struct channel_ref *ref, const char *url,
                 const struct exchange_result *r);
