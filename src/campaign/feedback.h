#pragma once
/*
 * What a service says of a message after it has taken it: delivered, bounced, reported as spam. Whatever
 * order the reports have and however often they come, a message moves at most from sent to delivered or
 * failed, and from delivered to failed, and its job's counts with it.
 */
#include "campaign/ledger.h"

struct feedback {
    int64_t sender_id; /* who reports; 0: the provider itself (the browser's worker) */
    int64_t provider_id;
    int64_t job_id, n;
    struct span
        target; /* the address that the report names, where the message is no longer known; may be empty */
    enum medium medium;
    struct receipt receipt;
    bool permanent; /* the sender's unsubscribeOn */
    int64_t now_ms;
};

/* What became of it, for a log and the caller's answer. */
enum feedback_end {
    FEEDBACK_TAKEN,
    FEEDBACK_KNOWN,   /* the message is so already, or the report says nothing new */
    FEEDBACK_STRANGE, /* there is no such message of that sender */
};

/* On the store's writing thread, in a run. */
enum err feedback_write(const struct feedback *f, struct backend *b, enum feedback_end *ret) MUST_CHECK;
