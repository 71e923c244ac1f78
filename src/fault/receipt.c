/* Which rules an answer is judged by, and what a failed exchange means whatever the medium. */
#include "fault/receipt.h"

#include "fault/answer_text.h"
#include "fault/receipt_rules.h"

static enum medium medium_of(const struct answer *a)
{
    static const enum medium media[SERVICE_COUNT] = {
        [SERVICE_UNKNOWN] = MEDIUM_COUNT, [SERVICE_SENDGRID] = MEDIUM_MAIL,
        [SERVICE_SMTP] = MEDIUM_MAIL,     [SERVICE_FCM] = MEDIUM_PUSH,
        [SERVICE_LINE] = MEDIUM_LINE,     [SERVICE_WEBPUSH] = MEDIUM_BROWSER};
    if (a->medium < MEDIUM_COUNT)
        return a->medium;
    return a->service < SERVICE_COUNT ? media[a->service] : MEDIUM_COUNT;
}

/* The rows that the list has for a service that cannot be reached. */
static enum delivery_error_id unreached_row(enum medium m)
{
    switch (m) {
    case MEDIUM_MAIL:
        return DELIVERY_ERROR_mail_server;
    case MEDIUM_PUSH:
        return DELIVERY_ERROR_push_unavailable;
    case MEDIUM_LINE:
        return DELIVERY_ERROR_line_server;
    case MEDIUM_BROWSER:
        return DELIVERY_ERROR_browser_temporary;
    case MEDIUM_COUNT:
        break;
    }
    return DELIVERY_ERROR_unclassified;
}

/* The row's text, filled with what happened where it has a place for that. */
static void put_unreached(struct receipt *r, enum medium m, struct span what)
{
    if (m == MEDIUM_LINE)
        answer_text_put_str(r, "statusCode is not 200!:0: ");
    else if (m == MEDIUM_PUSH)
        answer_text_put_str(r, "[v1 API] Failed to send notification data. FCM response: ");
    if (m == MEDIUM_LINE || m == MEDIUM_PUSH)
        answer_text_put(r, what);
    else
        answer_text_put_str(r, delivery_error_of(r->error)->text);
}

/*
 * No complete answer. Who was provably not asked can be asked again. Otherwise only LINE can: its requests
 * carry a key, and a second one with the same key sends nothing (X-Line-Retry-Key).
 */
static void unreached(enum medium m, enum processed processed, struct span what, struct receipt *ret)
{
    bool again = processed == PROCESSED_NO || m == MEDIUM_LINE;
    ret->failed = true;
    ret->error = unreached_row(m);
    ret->class = again ? RECEIPT_TRANSIENT_SERVER : RECEIPT_UNKNOWN_SENT;
    ret->retry = again ? RECEIPT_RETRY_LATER : RECEIPT_RETRY_SENT_UNKNOWN;
    ret->effect = RECEIPT_NO_EFFECT;
    ret->seed_effect = RECEIPT_NO_EFFECT;
    ret->scope = RECEIPT_PROVIDER;
    put_unreached(ret, m, what);
}

static void by_rules(const struct answer *a, enum medium m, struct receipt *ret)
{
    switch (m) {
    case MEDIUM_MAIL:
        receipt_mail(a, ret);
        return;
    case MEDIUM_PUSH:
        receipt_push(a, ret);
        return;
    case MEDIUM_LINE:
        receipt_line(a, ret);
        return;
    case MEDIUM_BROWSER:
        receipt_browser(a, ret);
        return;
    case MEDIUM_COUNT:
        break;
    }
    ret->failed = true;
    ret->error = DELIVERY_ERROR_unclassified;
    ret->class = RECEIPT_UNCLASSIFIED;
    ret->retry = RECEIPT_RETRY_NO;
    answer_text_put_str(ret, delivery_error_of(ret->error)->text);
}

void receipt_of(const struct answer *a, struct receipt *ret)
{
    *ret = (struct receipt){.failed = false};
    enum medium m = medium_of(a);
    /* An answer whose head was read has told its status, even where the rest of it was lost. */
    if (a->outcome && a->status == 0 && a->outcome->status == 0) {
        enum processed processed = a->outcome->processed;
        unreached(m, processed, span_of(fault_of(a->outcome->fault)->detail), ret);
    } else if (a->outcome && a->status == 0) {
        struct answer known = *a;
        known.status = a->outcome->status;
        by_rules(&known, m, ret);
    } else {
        by_rules(a, m, ret);
    }
}

const char *receipt_class_text(enum receipt_class c)
{
    static const char *const texts[RECEIPT_CLASSES] = {
        [RECEIPT_ACCEPTED] = "accepted",
        [RECEIPT_PENDING] = "pending",
        [RECEIPT_PERMANENT_RECIPIENT] = "permanent-recipient",
        [RECEIPT_MAILBOX_FULL] = "mailbox-full",
        [RECEIPT_POLICY_BLOCK] = "policy-block",
        [RECEIPT_SENDER_SIDE] = "sender-side",
        [RECEIPT_DOMAIN_DNS] = "domain-dns",
        [RECEIPT_TRANSIENT_SERVER] = "transient-server",
        [RECEIPT_RATE_LIMIT] = "rate-limit",
        [RECEIPT_MESSAGE_FAULT] = "message-fault",
        [RECEIPT_TOKEN_DEAD] = "token-dead",
        [RECEIPT_SPAM_REPORT] = "spam-report",
        [RECEIPT_UNSUBSCRIBED] = "unsubscribed",
        [RECEIPT_SUPPRESSED] = "suppressed",
        [RECEIPT_UNKNOWN_SENT] = "unknown-sent",
        [RECEIPT_UNCLASSIFIED] = "unclassified",
    };
    return texts[c];
}
