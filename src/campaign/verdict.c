#include "campaign/verdict.h"

/* After the first, second, … failure: half an hour in all, so that five tries fit into one. */
static const uint32_t waits_s[VERDICT_TRIES_MAX - 1] = {10, 60, 300, 1200};

struct message_verdict verdict_of(const struct receipt *r, uint16_t tries, bool permanent)
{
    struct message_verdict v = {.is = MESSAGE_SENT, .processed = "yes"};
    if (!r->failed)
        return v;
    const enum receipt_effect consent = permanent ? r->effect : r->seed_effect;
    v.withdraw = consent == RECEIPT_UNSUBSCRIBE;
    v.drop = r->effect == RECEIPT_DROP_TOKEN || r->seed_effect == RECEIPT_DROP_TOKEN;
    v.pause = r->effect == RECEIPT_PAUSE_JOB && r->scope == RECEIPT_ACCOUNT;
    if (r->class == RECEIPT_RATE_LIMIT)
        v.hold_s = r->retry_after_s ? r->retry_after_s : 1;
    else if (r->scope == RECEIPT_PROVIDER)
        v.hold_s = r->retry_after_s;
    if (v.hold_s > VERDICT_WAIT_MAX_S)
        v.hold_s = VERDICT_WAIT_MAX_S;
    v.processed = "no";
    v.is = MESSAGE_FAILED;
    if (r->retry == RECEIPT_RETRY_SENT_UNKNOWN) {
        v.is = MESSAGE_UNKNOWN;
        v.processed = "unknown";
        return v;
    }
    bool again = (r->retry == RECEIPT_RETRY_YES || r->retry == RECEIPT_RETRY_LATER) && !v.withdraw &&
                 !v.drop && tries < VERDICT_TRIES_MAX && r->retry_after_s <= VERDICT_WAIT_MAX_S;
    if (!again)
        return v;
    v.is = MESSAGE_RETRYING;
    v.wait_s = waits_s[tries ? tries - 1 : 0];
    if (r->retry == RECEIPT_RETRY_YES && tries <= 1)
        v.wait_s = 0;
    if (r->retry_after_s > v.wait_s)
        v.wait_s = r->retry_after_s;
    return v;
}
