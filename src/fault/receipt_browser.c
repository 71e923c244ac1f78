/*
 * Answers of the push services of browsers (RFC 8030): FCM's, Mozilla's autopush, Apple's, Microsoft's WNS
 * and the old GCM. The status says most: 404 and 410 end a subscription, 429 and 5xx pass. Between them stand
 * Apple's reason, autopush's errno, WNS's headers and the title of GCM's pages, which say whether our key,
 * this message or this subscription was refused. There is no key against duplicates: what a gateway gave up
 * waiting for may have been taken.
 *
 * RFC 8030 5 to 7.3; RFC 8292 4.2; mozilla-services.github.io/autopush-rs/errors.html; developer.apple.com,
 * "Sending web push notifications in web apps and browsers"; learn.microsoft.com, "Push notification service
 * request and response headers".
 */
#include "fault/answer_said.h"
#include "fault/receipt_device.h"
#include "fault/receipt_rules.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define ROW(error) DELIVERY_ERROR_##error

#define DEAD RECEIPT_TOKEN_DEAD, RECEIPT_RETRY_NO, RECEIPT_DROP_TOKEN, RECEIPT_RECIPIENT, ROW(browser_gone)
#define FAULT                                                                                                \
    RECEIPT_MESSAGE_FAULT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_MESSAGE, ROW(client_response)
#define ACCOUNT                                                                                              \
    RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB, RECEIPT_ACCOUNT, ROW(client_response)
/* Subscribed with another key: of this subscription alone, and true again with that key. */
#define MISMATCH                                                                                             \
    RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT, ROW(client_response)
#define MALFORMED                                                                                            \
    RECEIPT_PERMANENT_RECIPIENT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT, ROW(client_response)
#define RATE                                                                                                 \
    RECEIPT_RATE_LIMIT, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER, ROW(browser_temporary)
#define SERVER(retry)                                                                                        \
    RECEIPT_TRANSIENT_SERVER, RECEIPT_RETRY_##retry, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER,                    \
        ROW(browser_temporary)

/* Apple's reason, and the codes of GCM and FCM, as a member or as the title of a page. */
static const struct answer_rule codes[] = {
    {"Unregistered", DEAD},
    {"ExpiredToken", DEAD},
    {"BadDeviceToken", DEAD},
    {"NotRegistered", DEAD},
    /* The endpoint is malformed: whether the browser or a copy of it made it so, the answer does not say. */
    {"InvalidRegistration", MALFORMED},
    {"InvalidTokenFormat", MALFORMED},
    {"VapidPkHashMismatch", MISMATCH},
    {"MismatchSenderId", MISMATCH},
    {"SENDER_ID_MISMATCH", MISMATCH},
    {"UnauthorizedRegistration", MISMATCH},
    {"BadJwtToken", ACCOUNT},
    {"BadVapidPublicKey", ACCOUNT},
    {"ExpiredProviderToken", ACCOUNT},
    {"InvalidProviderToken", ACCOUNT},
    {"MissingProviderToken", ACCOUNT},
    {"Forbidden", ACCOUNT},
    {"TooManyRequests", RATE},
    {"TooManyProviderTokenUpdates", RATE},
    {"InternalServerError", SERVER(LATER)},
    {"ServiceUnavailable", SERVER(LATER)},
    {"Shutdown", SERVER(LATER)},
};

/* autopush's errno where it says more than the status. */
static const struct {
    int64_t number;
    struct answer_rule rule;
} numbers[] = {
    {102, {"", DEAD}},        {103, {"", DEAD}},  {105, {"", DEAD}},  {106, {"", DEAD}},
    {109, {"", ACCOUNT}},     {101, {"", FAULT}}, {104, {"", FAULT}}, {108, {"", FAULT}},
    {110, {"", FAULT}},       {111, {"", FAULT}}, {112, {"", FAULT}}, {113, {"", FAULT}},
    {202, {"", SERVER(YES)}},
};

/* What services say in words, in a body or in X-WNS-Error-Description, beside a 4xx that tells less. */
static const struct answer_rule sentences[] = {
    {"(unsubscribed or expired|no such subscription)", DEAD},
    {"(do|does) not (correspond|match)", MISMATCH},
    {"public key * *channel url", MISMATCH},
    {"(channel url incompatible|vapidpkhashmismatch|unauthorizedregistration|mismatchsenderid)", MISMATCH},
    /* Seen to come and go for a day, of subscriptions that lived on. */
    {"invalid push subscription endpoint", MISMATCH},
    {"(jwt|vapid|bearer|authorization|unauthorized|token signing key(s)?|api key|p256ecdsa)", ACCOUNT},
    {"authentication (failed|failure|error|required)", ACCOUNT},
};

#define WORDS_MAX 300u

struct said {
    int status;
    int64_t number; /* errno; 0: none */
    struct span code, words;
    char room[2 * WORDS_MAX];
};

static struct span keep(struct json_value at, const char *path, char *room)
{
    struct json_value value;
    return answer_text_at(at, path, &value) ? answer_text_string(value, room, WORDS_MAX)
                                            : (struct span){"", 0};
}

static void read_json(struct said *s, struct json_value root)
{
    struct json_value value;
    int64_t number = 0;
    if (answer_text_at(root, "errno", &value) && answer_text_int(value, &number))
        s->number = number;
    if (s->status == 0 &&
        (answer_text_at(root, "code", &value) || answer_text_at(root, "error.code", &value) ||
         answer_text_at(root, "statusCode", &value)) &&
        answer_text_int(value, &number) && number >= 100 && number <= 599)
        s->status = (int)number;
    static const char *const code_at[] = {"reason", "error.details[0].errorCode", "results[0].error"};
    for (size_t i = 0; i < COUNT(code_at) && s->code.len == 0; i++)
        s->code = keep(root, code_at[i], s->room);
    static const char *const words_at[] = {"message", "error.message", "error_description", "error"};
    for (size_t i = 0; i < COUNT(words_at) && s->words.len == 0; i++)
        s->words = keep(root, words_at[i], s->room + WORDS_MAX);
}

static void said_of(const struct answer *a, struct said *s)
{
    struct json_value root;
    s->status = a->status;
    s->number = 0;
    s->code = s->words = (struct span){"", 0};
    if (answer_text_json(a->body, &root) && root.kind == JSON_KIND_OBJECT)
        read_json(s, root);
    else
        s->words = answer_said(a->body, s->room + WORDS_MAX, WORDS_MAX);
    struct span wns = answer_text_header(a, "X-WNS-Error-Description");
    if (wns.len > 0)
        s->words = (struct span){wns.ptr, wns.len < WORDS_MAX ? wns.len : WORDS_MAX};
    if (s->code.len == 0)
        s->code = s->words;
    if (s->status == 0) {
        struct answer_text text;
        answer_text_of(s->words, &text);
        s->status = answer_said_status(answer_text_span(&text));
    }
}

/* WNS tells in a header what became of a message: 200 alone does not say that it was taken. */
static const struct answer_rule *wns_loss(const struct answer *a)
{
    static const struct answer_rule throttled = {"", RATE}, dropped = {"", SERVER(LATER)};
    static const char *const names[] = {"X-WNS-Status", "X-WNS-NotificationStatus"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct answer_text text;
        answer_text_of(answer_text_header(a, names[i]), &text);
        struct span status = answer_text_span(&text);
        if (answer_text_has(status, "~throttled"))
            return &throttled;
        if (answer_text_has(status, "drop(p)?ed"))
            return &dropped;
    }
    return NULL;
}

static const struct answer_rule *by_code(const struct said *s)
{
    const struct answer_rule *rule = answer_said_code(codes, COUNT(codes), s->code);
    for (size_t i = 0; !rule && i < COUNT(numbers); i++)
        if (numbers[i].number == s->number)
            rule = &numbers[i].rule;
    return rule;
}

static const struct answer_rule *refusal_of(const struct said *s)
{
    static const struct answer_rule key = {"", ACCOUNT}, fault = {"", FAULT};
    const struct answer_rule *rule = by_code(s);
    if (rule)
        return rule;
    if (s->status != 413) {
        struct answer_text text;
        answer_text_of(s->words, &text);
        rule = answer_text_rule(sentences, COUNT(sentences), answer_text_span(&text));
    }
    if (rule)
        return rule;
    return s->status == 401 || s->status == 403 || s->status == 407 ? &key : &fault;
}

/* No status: a line of somebody's log, or nothing. */
static const struct answer_rule *by_words(const struct said *s)
{
    static const struct answer_rule before = {"", SERVER(LATER)};
    static const struct answer_rule lost = {"",
                                            RECEIPT_UNKNOWN_SENT,
                                            RECEIPT_RETRY_SENT_UNKNOWN,
                                            RECEIPT_NO_EFFECT,
                                            RECEIPT_PROVIDER,
                                            ROW(browser_temporary)};
    static const struct answer_rule unknown = {
        "", RECEIPT_UNCLASSIFIED, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER, ROW(unclassified)};
    const struct answer_rule *rule = by_code(s);
    struct answer_text text;
    answer_text_of(s->words, &text);
    struct span words = answer_text_span(&text);
    if (!rule && words.len > 0 && answer_said_loss(words) == ANSWER_SAID_NOTHING)
        rule = answer_text_rule(sentences, COUNT(sentences), words);
    if (rule)
        return rule;
    if (words.len == 0)
        return &lost;
    enum answer_said_loss loss = answer_said_loss(words);
    return loss == ANSWER_SAID_LOST_BEFORE ? &before : loss == ANSWER_SAID_LOST ? &lost : &unknown;
}

/* NULL: taken. */
static const struct answer_rule *rule_of(const struct said *s, const struct answer *a)
{
    static const struct answer_rule dead = {"", DEAD}, rate = {"", RATE};
    static const struct answer_rule later = {"", SERVER(LATER)}, now = {"", SERVER(YES)};
    static const struct answer_rule gave_up = {"", SERVER(SENT_UNKNOWN)};
    switch (s->status) {
    case 0:
        return by_words(s);
    case 404:
    case 410:
        return &dead;
    case 406: /* WNS before it learned 429 */
    case 429:
        return &rate;
    case 408:
    case 409:
    case 421:
    case 423:
    case 425:
        return &later;
    case 503:
        return s->number == 202 ? &now : &later;
    case 504:
        return &gave_up;
    default:
        if (s->status >= 200 && s->status < 300)
            return wns_loss(a);
        /* Whoever redirects has not taken it. */
        if (s->status >= 500 || s->status < 400)
            return &later;
        return refusal_of(s);
    }
}

/* What the service worker reports: that it could not show a message which had arrived. Never sent again. */
static void read_event(const struct answer *a, struct receipt *ret)
{
    struct answer_text text;
    answer_text_of(a->event.len > 0 ? a->event : a->body, &text);
    struct span event = answer_text_span(&text);
    bool fine =
        !answer_text_has(event, "~error~") && !answer_text_has(event, "(failed|denied)") &&
        answer_text_has(event, "(shown|show|displayed|click|clicked|close|closed|delivered|received)");
    *ret = (struct receipt){.class = RECEIPT_ACCEPTED, .retry = RECEIPT_RETRY_NO, .scope = RECEIPT_MESSAGE};
    if (fine)
        return;
    ret->failed = true;
    ret->error = ROW(browser_show);
    ret->class = RECEIPT_UNCLASSIFIED;
    ret->scope = RECEIPT_RECIPIENT;
    answer_text_put_str(ret, delivery_error_of(ROW(browser_show))->text);
}

static void put_text(const struct said *s, struct receipt *ret)
{
    answer_text_put_str(ret, delivery_error_of(ret->error)->text);
    if (ret->error != ROW(client_response))
        return;
    answer_text_put_str(ret, ":");
    if (s->status > 0) {
        answer_text_put_str(ret, " [");
        answer_text_put_int(ret, s->status);
        answer_text_put_str(ret, "]");
    }
    struct span words = s->words.len > 0 ? s->words : s->code;
    if (words.len == 0)
        words = answer_said_status_words(s->status);
    if (words.len > 0)
        answer_text_put_str(ret, " ");
    answer_said_put(ret, words, WORDS_MAX);
}

void receipt_browser(const struct answer *a, struct receipt *ret)
{
    if (a->stage == STAGE_EVENT) {
        read_event(a, ret);
        return;
    }
    struct said s;
    said_of(a, &s);
    const struct answer_rule *rule = rule_of(&s, a);
    if (!rule) {
        *ret =
            (struct receipt){.class = RECEIPT_ACCEPTED, .retry = RECEIPT_RETRY_NO, .scope = RECEIPT_MESSAGE};
        return;
    }
    *ret = (struct receipt){.failed = true,
                            .error = rule->error,
                            .class = rule->class,
                            .retry = rule->retry,
                            .effect = rule->effect,
                            .scope = rule->scope};
    if (ret->retry == RECEIPT_RETRY_YES || ret->retry == RECEIPT_RETRY_LATER)
        ret->retry_after_s = answer_text_retry_after(a);
    put_text(&s, ret);
}

bool receipt_browser_rules_ok(void)
{
    bool ok = true;
    for (size_t i = 0; i < COUNT(sentences); i++)
        ok = ok && answer_text_pattern_ok(sentences[i].pattern);
    return ok;
}
