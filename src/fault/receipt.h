#pragma once
/*
 * What the answer of a sending service means for one message: one pure function, receipt_of(), decides which
 * row of the second catalogue it is, whether it may be sent again, and what else it changes. No I/O, no
 * state, no allocation, and time linear in the length of the answer, however hostile. docs/classification.md
 * has the rules.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault/delivery_error.h"
#include "fault/outcome.h"

/* Who was asked, or reported. */
enum service {
    SERVICE_UNKNOWN,
    SERVICE_SENDGRID,
    SERVICE_SMTP,
    SERVICE_FCM,
    SERVICE_LINE,
    SERVICE_WEBPUSH,
    SERVICE_COUNT
};

/* How it was learned. */
enum stage {
    STAGE_REQUEST, /* the answer to an HTTP request, or its failure */
    STAGE_EVENT,   /* a later report of the service (SendGrid's event webhook, the service worker) */
    STAGE_SMTP,    /* a reply of an SMTP server */
    STAGE_DSN,     /* a delivery status notification (RFC 3464) */
};

struct answer_header {
    struct span name; /* any case */
    struct span value;
};

/* Evidence. All spans are borrowed, any may be empty, all may hold any bytes. */
struct answer {
    enum medium medium;
    enum service service;
    enum stage stage;
    int status;                          /* HTTP status, or SMTP reply code; 0: none */
    const struct answer_header *headers; /* also a DSN's fields: Status, Action, Diagnostic-Code */
    size_t header_count;
    struct span body;  /* of the answer; the text of the reply or of the Diagnostic-Code */
    struct span event; /* STAGE_EVENT: the event as JSON */
    /* STAGE_SMTP: what was answered: CONNECT, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, END (of data) */
    struct span command;
    /*
     * The exchange failed without a complete answer: its outcome, which says whether it may have been
     * processed. NULL: it was complete, or nobody knows.
     */
    const struct outcome *outcome;
    int64_t now_ms; /* wall time, to read Retry-After as a date (RFC 9110 10.2.3); 0: dates are ignored */
};

enum receipt_class {
    RECEIPT_ACCEPTED,
    RECEIPT_PENDING, /* the service itself tries on; "later" is said of the service, not of us */
    RECEIPT_PERMANENT_RECIPIENT,
    RECEIPT_MAILBOX_FULL,
    RECEIPT_POLICY_BLOCK,
    RECEIPT_SENDER_SIDE,
    RECEIPT_DOMAIN_DNS,
    RECEIPT_TRANSIENT_SERVER,
    RECEIPT_RATE_LIMIT,
    RECEIPT_MESSAGE_FAULT,
    RECEIPT_TOKEN_DEAD,
    RECEIPT_SPAM_REPORT,
    RECEIPT_UNSUBSCRIBED,
    RECEIPT_SUPPRESSED,
    RECEIPT_UNKNOWN_SENT,
    RECEIPT_UNCLASSIFIED,
    RECEIPT_CLASSES
};

#define RECEIPT_TEXT_MAX 512u

struct receipt {
    bool failed;                  /* false: accepted or pending, and no error */
    enum delivery_error_id error; /* the row, where failed */
    enum receipt_class class;
    enum receipt_retry retry;
    enum receipt_effect effect;      /* the careful reading */
    enum receipt_effect seed_effect; /* the customer's list to the letter */
    enum receipt_whom scope;
    uint32_t retry_after_s; /* 0: the service named no time */
    /* The error's text as people see it: the list's form, filled with what the service said. UTF-8. */
    char text[RECEIPT_TEXT_MAX];
    size_t text_len;
};

/* Defined for every struct answer. */
void receipt_of(const struct answer *a, struct receipt *ret);

/* The string stored and shown: "permanent-recipient". Those of the other enums: delivery_error.h. */
const char *receipt_class_text(enum receipt_class c);
