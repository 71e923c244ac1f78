#pragma once
/*
 * Trying a webhook URL: the request without events that LINE's own verification sends, signed with the
 * channel's secret, on a connection of its own, by the engine that delivers. It is no attempt: nothing is
 * recorded or counted, whatever comes of it.
 */
#include "exchange/exchange.h"
#include "model/channel.h"
#include "webhook/delivery.h"

struct verification;

struct verification_config {
    struct engine *engine; /* of the loop */
    const struct delivery_settings *settings;
    const struct clock *clock;
};

/* A phase begins, at_us after the start. Must not start or end exchanges of the engine. */
typedef void verification_phase_fn(void *arg, enum phase phase, uint32_t at_us);
/* Once, from the loop; result lives for the call. */
typedef void verification_done_fn(void *arg, const struct exchange_result *result);

/*
 * channel and config are read during the call, but for engine. on_phase and ret may be NULL; on_phase may be
 * called from inside. ERR_INVALID: url is none, *ret_cause says why (verification_refused() makes a result of
 * it); ERR_NOMEM, ERR_CLOSED: nothing was begun.
 */
enum err verification_start(const struct verification_config *config, const struct channel *channel,
                            struct span url, verification_phase_fn *on_phase, verification_done_fn *done,
                            void *arg, enum cause_id *ret_cause, struct verification **ret) MUST_CHECK;
/* Ends it now: done is called from the loop, with local_cancelled. */
void verification_cancel(struct verification *v);

struct exchange_result verification_refused(enum cause_id cause);
