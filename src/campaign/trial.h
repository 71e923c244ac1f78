#pragma once
/*
 * One message of a campaign outside of any job: what somebody would get (preview), or, sent for real, what
 * the service says (test). Counted nowhere, and without effects on anybody.
 */
#include "campaign/campaign_request.h"
#include "campaign/claim.h"
#include "campaign/content.h"
#include "campaign/renderer.h"

struct trial_order {
    bool send; /* not for SERVICE_SMTP */
    enum medium medium;
    enum service service;
    int64_t provider_id, sender_id;
    struct span short_id, content, variables; /* of the campaign; borrowed until done */
    const struct claimed *to;                 /* of claim_try(), not refused; borrowed until done */
};

enum trial_state {
    TRIAL_READY, /* it would be sent */
    TRIAL_SENT,
    TRIAL_SKIPPED,
    TRIAL_FAILED,
    TRIAL_UNKNOWN, /* the service may have taken it */
    TRIAL_STATES
};

/* Borrowed for the call. */
struct trial_result {
    enum trial_state state;
    enum delivery_error_id error; /* TRIAL_FAILED, TRIAL_UNKNOWN */
    struct span detail;
    const struct content_rendered *rendered; /* NULL: it did not come to that */
    const struct receipt *receipt;           /* of what was sent; NULL: the service was not asked */
    int status;                              /* of HTTP; 0: no complete answer */
    const char *service_id;                  /* "": none */
};
typedef void trial_done_fn(void *arg, const struct trial_result *r);

/*
 * Takes over the carrier. done is called once, also from within. ERR_NOMEM: nothing was begun, and the
 * carrier is the caller's. renderer NULL: templates that need the engine fail.
 */
enum err trial_start(const struct campaign_requests *all, struct renderer *renderer, struct carrier *carrier,
                     const struct trial_order *order, trial_done_fn *done, void *arg) MUST_CHECK;
