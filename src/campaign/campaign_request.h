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

/* For somebody who watches: phases as they begin, with done's arg, and the exchange, to cancel it. */
struct campaign_watch {
    void (*phase)(void *arg, enum phase phase, uint32_t at_us);
    struct exchange **exchange; /* set before done; NULL: not wanted */
};
/* As campaign_request(), on a connection of its own: an open one would hide what is wrong with name, port or
 * certificate. */
enum err campaign_request_watched(const struct campaign_requests *all, enum service service,
                                  struct carrier_request *request, const struct campaign_watch *watch,
                                  campaign_answer_fn *done, void *arg) MUST_CHECK;

/*
 * Sends the request and takes it over; done is called once, later. ERR_INVALID: its URL is none that may be
 * asked; ERR_NOMEM. After an error nothing was taken over.
 */
enum err campaign_request(const struct campaign_requests *all, enum service service,
                          struct carrier_request *request, campaign_answer_fn *done, void *arg) MUST_CHECK;
