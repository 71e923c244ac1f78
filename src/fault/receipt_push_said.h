#pragma once
/*
 * What an answer of FCM or of its token endpoint says, taken from its many forms: HTTP v1, gRPC, the legacy
 * API, the Admin SDKs, APNs itself, RFC 6749, pages, lines of logs and JSON that was cut short. Nothing is
 * judged here.
 */
#include "fault/answer_text.h"

/* How much of each text is kept. Codes are shorter than 48 bytes; sentences are cut for people anyway. */
#define PUSH_SAID_CODE_MAX 64u
#define PUSH_SAID_WORDS_MAX 300u

/* All spans are of room or constant; empty: not said. Not to be copied. */
struct push_said {
    int status;            /* HTTP's, or the one the answer tells; 0: none */
    bool failed;           /* false: taken */
    bool cut;              /* broken JSON: what would speak against its words may be missing */
    struct span code;      /* FcmError.errorCode */
    struct span apns;      /* ApnsError.reason */
    struct span old;       /* the legacy API's or an Admin SDK's; also a text of one word */
    struct span oauth;     /* the token endpoint's "error" */
    struct span reason;    /* google.rpc.ErrorInfo.reason, or error.errors[0].reason */
    struct span canonical; /* google.rpc.Code: error.status, or gRPC's number by name */
    struct span field;     /* BadRequest's first violation: its path … */
    struct span violation; /* … and its words */
    struct span quota;     /* QuotaFailure's first violation, in words */
    struct span message;   /* for people */
    struct span verbatim;  /* the whole body, where it has the customer's form already */
    uint32_t delay_s;      /* RetryInfo */
    size_t used;
    char room[8 * PUSH_SAID_CODE_MAX + 4 * PUSH_SAID_WORDS_MAX];
};

/* ret borrows a->body for verbatim. */
void push_said_of(const struct answer *a, struct push_said *ret);
