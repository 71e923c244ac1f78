#pragma once
/*
 * What a receipt means for a message of a job: its next state, when it is tried again, and what else changes.
 * Pure; the catalogue and the receipt decide, this only counts tries.
 */
#include "campaign/ledger.h"
#include "fault/receipt.h"

#define VERDICT_TRIES_MAX 5u
#define VERDICT_WAIT_MAX_S 3600u /* no message is tried again later than this after its failure */

struct message_verdict {
    enum message_state is; /* SENT, RETRYING, FAILED, UNKNOWN */
    const char *processed; /* "no", "unknown", "yes" */
    uint32_t wait_s;       /* RETRYING */
    bool withdraw, drop;   /* the target's consent; the target */
    bool pause;            /* the job and its sender */
    uint32_t hold_s;       /* the sender sends nothing for so long; 0: it goes on */
};

/* tries: with this one. permanent: the sender's unsubscribeOn. */
struct message_verdict verdict_of(const struct receipt *r, uint16_t tries, bool permanent);
