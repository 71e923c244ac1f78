#pragma once
/*
 * Asks a sending service the questions that verify a sender, one after the other, and tells what happens. No
 * person gets anything, and nothing is recorded.
 */
#include "campaign/campaign_request.h"

struct sender_check;

/* How one question ended; borrowed for the call. */
struct sender_answer {
    const char *question; /* "token", "bot", "scopes", … */
    bool fine;  /* the sender may be of use; one that is optional may have been refused all the same */
    int status; /* of HTTP; 0: no complete answer */
    const struct receipt *receipt;
    const struct exchange_result *exchange;
};

/* How all of it ended. */
struct sender_verdict {
    bool works;
    bool asked;           /* there was something to ask */
    const char *question; /* of the one that failed; NULL: none */
    struct receipt receipt;
    struct outcome outcome; /* of the exchange that failed; reason REASON_OK: it was answered */
    struct carrier_facts facts;
    enum err err; /* it could not be asked: a fault of this node */
};

struct sender_watch {
    void (*asking)(void *arg, const char *question);                                  /* may be NULL */
    void (*phase)(void *arg, const char *question, enum phase phase, uint32_t at_us); /* may be NULL */
    void (*answered)(void *arg, const struct sender_answer *a);                       /* may be NULL */
    void (*done)(void *arg, const struct sender_verdict *v); /* once, and last; also within the start */
    void *arg;
};

/* Takes over the carrier. quota_only: only what tells of the quota. *ret is set before anything is told.
 * ERR_NOMEM: nothing was begun, and the carrier is the caller's. */
enum err sender_check_start(const struct campaign_requests *all, enum service service,
                            struct carrier *carrier, bool quota_only, const struct sender_watch *watch,
                            struct sender_check **ret) MUST_CHECK;
/* Ends it soon: done is still called. */
void sender_check_cancel(struct sender_check *k);
