#pragma once
/* One request to a sending service: what a carrier built goes out, and its answer comes back as evidence. */
#include "campaign/counters.h"
#include "carrier/carrier.h"
#include "exchange/exchange.h"

/* What all requests of a loop share; borrowed. */
struct campaign_requests {
    struct engine *engine;
    struct relays *relays;
    const struct clock *clock;
    struct campaign_counters *counters;
    struct exchange_deadlines deadlines;
    const char *user_agent;
    bool allow_http;
};

/* a is valid during the call; result says how the exchange went. */
typedef void campaign_answer_fn(void *arg, const struct answer *a, const struct exchange_result *result);

/*
 * Sends the request and takes it over; done is called once, later. ERR_INVALID: its URL is none that may be
 * asked; ERR_NOMEM. After an error nothing was taken over.
 */
enum err campaign_request(const struct campaign_requests *all, enum service service,
                          struct carrier_request *request, campaign_answer_fn *done, void *arg) MUST_CHECK;
