/*
 * SendGrid: answers of its API (https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors) and its
 * events (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event). Events of Mailgun,
 * which the customer's list quotes ("old", "hardfail"), have the same form.
 */
#include "fault/receipt_sendgrid.h"

#include "fault/answer_said.h"
#include "fault/receipt_mail.h"

/* Of one text of an answer; the receipt's text takes no more. */
#define STRING_MAX RECEIPT_TEXT_MAX

static void set(struct receipt *r, enum delivery_error_id error, enum receipt_class class,
                enum receipt_retry retry, enum receipt_effect effect, enum receipt_whom scope)
{
    r->failed = true;
    r->error = error;
    r->class = class;
    r->retry = retry;
    r->effect = effect;
    r->scope = scope;
}

static void put_row_text(struct receipt *r)
{
    answer_text_put_str(r, delivery_error_of(r->error)->text);
}

/* Reads one number of a path, behind "." or "[". -1: none. */
static int path_index(struct span *path)
{
    size_t i = 0;
    int n = 0;
    if (path->len > 0 && (path->ptr[0] == '.' || path->ptr[0] == '['))
        i++;
    size_t digits = i;
    for (; i < path->len && path->ptr[i] >= '0' && path->ptr[i] <= '9' && i - digits < 5; i++)
        n = n * 10 + (path->ptr[i] - '0');
    if (i == digits)
        return -1;
    if (i < path->len && path->ptr[i] == ']')
        i++;
    *path = (struct span){path->ptr + i, path->len - i};
    return n;
}

/* The personalization that a field belongs to, and what follows its index; -1: none. */
static int personalization_of(struct span field, struct span *ret_rest)
{
    static const struct span front = {"personalizations", sizeof("personalizations") - 1};
    if (!span_starts(field, front))
        return -1;
    *ret_rest = (struct span){field.ptr + front.len, field.len - front.len};
    return path_index(ret_rest);
}

/* Whether what follows the index names an address of a recipient: ".to.0.email", ".to[0].email", ".to". */
static bool names_recipient(struct span rest)
{
    return span_starts(rest, SPAN_LIT(".to")) || span_starts(rest, SPAN_LIT(".cc")) ||
           span_starts(rest, SPAN_LIT(".bcc"));
}

void receipt_sendgrid_blame(struct span body, struct receipt_blame *ret)
{
    bool blamed[RECEIPT_SENDGRID_MAX] = {false};
    struct json_value root, errors, error, field;
    ret->count = 0;
    ret->whole = true;
    if (!answer_text_json(body, &root) || !answer_text_at(root, "errors", &errors))
        return;
    size_t seen = 0, whole = 0;
    for (struct json_iter it = json_elements(errors); json_next_element(&it, &error); seen++) {
        char path[STRING_MAX];
        struct span rest;
        int at = answer_text_at(error, "field", &field)
                     ? personalization_of(answer_text_string(field, path, sizeof(path)), &rest)
                     : -1;
        if (at >= 0 && at < (int)RECEIPT_SENDGRID_MAX)
            blamed[at] = true;
        else
            whole++;
    }
    ret->whole = seen == 0 || whole > 0;
    for (uint16_t i = 0; i < RECEIPT_SENDGRID_MAX; i++)
        if (blamed[i])
            ret->indexes[ret->count++] = i;
}

/* What the errors of an answer say together. */
struct errors {
    bool any;
    bool credits, grant, sender; /* known texts */
    bool address;                /* "Does not contain a valid address." of a recipient */
    bool recipient;              /* every error is about a personalization */
};

static void look_at(struct span message, struct span field, struct errors *e)
{
    struct answer_text text;
    struct span rest = {"", 0};
    answer_text_of(message, &text);
    struct span words = answer_text_span(&text);
    bool recipient = personalization_of(field, &rest) >= 0 && names_recipient(rest);
    e->recipient = recipient && (!e->any || e->recipient);
    e->any = true;
    e->credits = e->credits || answer_text_has(words, "(maximum|max) credits exceeded");
    e->grant = e->grant || answer_text_has(words, "authorization grant is invalid");
    e->sender = e->sender || answer_text_has(words, "(verified sender identity|sender identity)") ||
                span_starts(field, SPAN_LIT("from"));
    bool from = span_starts(field, SPAN_LIT("from")) || span_starts(field, SPAN_LIT("reply_to"));
    e->address = e->address || (!from && answer_text_has(words, "(not|n't) contain a valid address"));
}

/*
 * Reads all errors: {"errors": [{"message", "field"}, …]}, or of older answers, strings. Their texts, each
 * once in a row, become the receipt's.
 */
static void read_errors(struct span body, struct errors *e, struct receipt *ret)
{
    struct json_value root, list, error, value;
    char message[STRING_MAX], field[STRING_MAX], last[STRING_MAX];
    size_t last_len = 0;
    if (!answer_text_json(body, &root))
        return;
    if (!answer_text_at(root, "errors", &list)) {
        if (answer_text_at(root, "message", &value)) /* of a gateway, and of services like SendGrid */
            answer_text_put(ret, answer_text_string(value, message, sizeof(message)));
        return;
    }
    for (struct json_iter it = json_elements(list); json_next_element(&it, &error);) {
        struct span words = answer_text_string(error, message, sizeof(message)), path = {"", 0};
        if (answer_text_at(error, "message", &value))
            words = answer_text_string(value, message, sizeof(message));
        if (answer_text_at(error, "field", &value))
            path = answer_text_string(value, field, sizeof(field));
        if (words.len == 0)
            continue;
        look_at(words, path, e);
        if (span_eq(words, (struct span){last, last_len}))
            continue;
        if (ret->text_len > 0)
            answer_text_put_str(ret, "; ");
        answer_text_put(ret, words);
        memcpy(last, words.ptr, words.len);
        last_len = words.len;
    }
}

static void clear_text(struct receipt *r)
{
    r->text_len = 0;
    r->text[0] = '\0';
}

static void client_error(const struct answer *a, struct receipt *ret)
{
    struct errors e = {.any = false};
    read_errors(a->body, &e, ret);
    struct answer_text plain;
    answer_text_of(a->body, &plain);
    if (!e.any) { /* the proxy in front answers in HTML or in words */
        e.credits = answer_text_has(answer_text_span(&plain), "(maximum|max) credits exceeded");
        e.grant = answer_text_has(answer_text_span(&plain), "authorization grant is invalid");
        e.address = answer_text_has(answer_text_span(&plain), "contain a valid address");
    }
    if (e.credits || e.grant) {
        set(ret, e.credits ? DELIVERY_ERROR_client_credits : DELIVERY_ERROR_client_grant, RECEIPT_SENDER_SIDE,
            RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB, RECEIPT_ACCOUNT);
        clear_text(ret);
        put_row_text(ret);
        return;
    }
    if (a->status == 401 || a->status == 403 || e.sender)
        set(ret, DELIVERY_ERROR_client_response, RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB,
            RECEIPT_ACCOUNT);
    else if (e.recipient && e.address)
        set(ret, DELIVERY_ERROR_client_address, RECEIPT_PERMANENT_RECIPIENT, RECEIPT_RETRY_NO,
            RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT);
    else
        set(ret, e.address ? DELIVERY_ERROR_client_address : DELIVERY_ERROR_client_response,
            RECEIPT_MESSAGE_FAULT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT,
            e.recipient ? RECEIPT_RECIPIENT : RECEIPT_MESSAGE);
    if (ret->error == DELIVERY_ERROR_client_address)
        clear_text(ret);
    if (ret->text_len == 0)
        put_row_text(ret);
}

/* X-RateLimit-Reset: seconds since 1970. */
static uint32_t wait_of(const struct answer *a)
{
    uint32_t wait = answer_text_retry_after(a);
    struct span reset = answer_text_header(a, "X-RateLimit-Reset");
    int64_t at = 0;
    if (wait > 0 || reset.len == 0 || reset.len > 12 || a->now_ms <= 0)
        return wait;
    for (size_t i = 0; i < reset.len; i++) {
        if (reset.ptr[i] < '0' || reset.ptr[i] > '9')
            return 0;
        at = at * 10 + (reset.ptr[i] - '0');
    }
    int64_t left = at - a->now_ms / 1000;
    if (left <= 0)
        return 0;
    return left > ANSWER_TEXT_WAIT_MAX ? ANSWER_TEXT_WAIT_MAX : (uint32_t)left;
}

static void other_answer(const struct answer *a, struct receipt *ret)
{
    ret->retry_after_s = wait_of(a);
    if (a->status == 429 || a->status == 408)
        set(ret, DELIVERY_ERROR_mail_request,
            a->status == 429 ? RECEIPT_RATE_LIMIT : RECEIPT_TRANSIENT_SERVER, RECEIPT_RETRY_LATER,
            RECEIPT_NO_EFFECT, a->status == 429 ? RECEIPT_ACCOUNT : RECEIPT_PROVIDER);
    else if (a->status == 404 || a->status == 405 || a->status == 410)
        set(ret, DELIVERY_ERROR_mail_request, RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB,
            RECEIPT_ACCOUNT);
    else
        set(ret, DELIVERY_ERROR_mail_request, RECEIPT_UNCLASSIFIED, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT,
            RECEIPT_MESSAGE);
    put_row_text(ret);
}

/*
 * A gateway says nothing of the server behind it, which may have taken the mails; SendGrid has no key that
 * would make a second request harmless. 500 and 503 are SendGrid's own refusals.
 */
static void server_error(const struct answer *a, struct receipt *ret)
{
    bool gateway = a->status == 502 || a->status == 504 || a->status >= 520;
    set(ret, DELIVERY_ERROR_mail_server, gateway ? RECEIPT_UNKNOWN_SENT : RECEIPT_TRANSIENT_SERVER,
        gateway ? RECEIPT_RETRY_SENT_UNKNOWN : RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER);
    ret->retry_after_s = wait_of(a);
    put_row_text(ret);
}

static void no_failure(struct receipt *r, enum receipt_class class, enum receipt_retry retry)
{
    r->failed = false;
    r->class = class;
    r->retry = retry;
    r->effect = RECEIPT_NO_EFFECT;
    r->scope = RECEIPT_MESSAGE;
}

/* A line of a log: the errors of an answer without its status, or how no answer came. */
static void no_status(const struct answer *a, struct receipt *ret)
{
    struct answer_text text;
    struct json_value root, errors;
    answer_text_of(a->body, &text);
    struct span words = answer_text_span(&text);
    if ((answer_text_json(a->body, &root) && answer_text_at(root, "errors", &errors)) ||
        answer_text_has(words, "(credits exceeded|authorization grant|contain a valid address)")) {
        client_error(a, ret);
        return;
    }
    bool before = answer_said_loss(words) == ANSWER_SAID_LOST_BEFORE;
    set(ret, DELIVERY_ERROR_mail_server, before ? RECEIPT_TRANSIENT_SERVER : RECEIPT_UNKNOWN_SENT,
        before ? RECEIPT_RETRY_LATER : RECEIPT_RETRY_SENT_UNKNOWN, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER);
    put_row_text(ret);
}

void receipt_sendgrid_answer(const struct answer *a, struct receipt *ret)
{
    if (a->status == 0)
        no_status(a, ret);
    else if (a->status >= 200 && a->status < 300)
        no_failure(ret, RECEIPT_ACCEPTED, RECEIPT_RETRY_NO);
    else if (a->status >= 500)
        server_error(a, ret);
    else if (a->status == 400 || a->status == 401 || a->status == 403 || a->status == 413)
        client_error(a, ret);
    else
        other_answer(a, ret);
}

/* Why a mail was dropped, by the reason's words. SendGrid keeps these lists itself and sent nothing. */
static const struct answer_rule drops[] = {
#define DROP(pattern, class, retry, effect, scope, error)                                                    \
    {                                                                                                        \
        pattern, RECEIPT_##class, RECEIPT_RETRY_##retry, RECEIPT_##effect, RECEIPT_##scope,                  \
            DELIVERY_ERROR_##error                                                                           \
    }
    DROP("(spam reporting|complain~)", SPAM_REPORT, NO, UNSUBSCRIBE, RECIPIENT, drop_spam),
    DROP("unsubscribe~", UNSUBSCRIBED, NO, UNSUBSCRIBE, RECIPIENT, drop_unsubscribed),
    DROP("(previously )?bounced", SUPPRESSED, NO, NO_EFFECT, RECIPIENT, drop_bounced),
    DROP("(spam|blocked) content", POLICY_BLOCK, NO, NO_EFFECT, MESSAGE, drop_invalid),
    DROP("(smtpapi|header|template|content|attachment)", MESSAGE_FAULT, NO, NO_EFFECT, MESSAGE, drop_invalid),
    DROP("(quota|credits|limit|package)", SENDER_SIDE, NO, PAUSE_JOB, ACCOUNT, drop_invalid),
    DROP("(duplicate|blocked|block list|suppress~)", SUPPRESSED, NO, NO_EFFECT, RECIPIENT, drop_bounced),
    DROP("^hardfail$", PERMANENT_RECIPIENT, NO, NO_EFFECT, RECIPIENT, drop_hardfail),
    DROP("^old$", TRANSIENT_SERVER, LATER, NO_EFFECT, PROVIDER, drop_old),
    DROP("invalid", PERMANENT_RECIPIENT, NO, NO_EFFECT, RECIPIENT, drop_invalid),
#undef DROP
};

static void dropped(struct span reason, struct receipt *ret)
{
    struct answer_text text;
    answer_text_of(reason, &text);
    const struct answer_rule *rule =
        answer_text_rule(drops, sizeof(drops) / sizeof(drops[0]), answer_text_span(&text));
    if (rule)
        set(ret, rule->error, rule->class, rule->retry, rule->effect, rule->scope);
    else
        set(ret, DELIVERY_ERROR_drop_invalid, RECEIPT_SUPPRESSED, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT,
            RECEIPT_RECIPIENT);
    answer_text_put(ret, reason);
    if (ret->text_len == 0)
        put_row_text(ret);
}

static void spam_report(struct receipt *ret)
{
    set(ret, DELIVERY_ERROR_spam_report, RECEIPT_SPAM_REPORT, RECEIPT_RETRY_NO, RECEIPT_UNSUBSCRIBE,
        RECEIPT_RECIPIENT);
    put_row_text(ret);
}

/* What SendGrid itself calls a bounce, where the server's words say nothing. */
static void classified(struct span classification, struct receipt *ret)
{
    struct answer_text text;
    if (ret->class != RECEIPT_UNCLASSIFIED)
        return;
    answer_text_of(classification, &text);
    struct span words = answer_text_span(&text);
    if (answer_text_has(words, "invalid address")) {
        ret->class = RECEIPT_PERMANENT_RECIPIENT;
        ret->error = DELIVERY_ERROR_bounce_invalid_recipient;
        ret->scope = RECEIPT_RECIPIENT;
    } else if (answer_text_has(words, "technical")) {
        ret->class = RECEIPT_TRANSIENT_SERVER;
        ret->error = DELIVERY_ERROR_bounce_dial;
        ret->retry = RECEIPT_RETRY_LATER;
        ret->scope = RECEIPT_PROVIDER;
    } else if (answer_text_has(words, "content")) {
        ret->class = RECEIPT_POLICY_BLOCK;
    } else if (answer_text_has(words, "reputation")) {
        ret->class = RECEIPT_SENDER_SIDE;
        ret->scope = RECEIPT_ACCOUNT;
    } else if (answer_text_has(words, "frequency")) {
        ret->class = RECEIPT_RATE_LIMIT;
        ret->retry = RECEIPT_RETRY_LATER;
        ret->scope = RECEIPT_ACCOUNT;
    } else if (answer_text_has(words, "mailbox unavailable")) {
        ret->class = RECEIPT_PERMANENT_RECIPIENT;
        ret->scope = RECEIPT_RECIPIENT;
        ret->error = DELIVERY_ERROR_bounce_user_unknown;
    }
}

/* A bounce: its words, its status as a DSN has it, and SendGrid's own name for it. */
static void bounced(const struct answer *a, struct span reason, struct span status,
                    struct span classification, struct receipt *ret)
{
    const struct answer_header header = {SPAN_LIT("Status"), status};
    struct answer bounce = *a;
    bounce.headers = &header;
    bounce.header_count = 1;
    bounce.status = 0;
    receipt_mail_refusal(&bounce, reason, true, ret);
    classified(classification, ret);
}

/* A reason without its event, as it stands in logs: one of those of a drop, or the words of a server. */
static void unnamed(const struct answer *a, struct span reason, struct receipt *ret)
{
    struct answer_text text;
    answer_text_of(reason, &text);
    if (answer_text_has(answer_text_span(&text),
                        "^(spam reporting address|unsubscribed address|bounced address|"
                        "invalid|invalid smtpapi header|old|hardfail)$"))
        dropped(reason, ret);
    else if (answer_text_has(answer_text_span(&text), "^sendgrid spamreport"))
        spam_report(ret);
    else
        bounced(a, reason, (struct span){"", 0}, (struct span){"", 0}, ret);
}

void receipt_sendgrid_event(const struct answer *a, struct receipt *ret)
{
    char kind_bytes[64], reason_bytes[STRING_MAX * 4], status_bytes[32], class_bytes[64], severity_bytes[32];
    struct json_value root = {.kind = JSON_KIND_NONE}, value;
    struct span kind = {"", 0}, reason = a->body, status = {"", 0}, classification = {"", 0},
                severity = {"", 0};
    bool is_json = answer_text_json(a->event, &root) || answer_text_json(a->body, &root);
    if (is_json && root.kind == JSON_KIND_ARRAY) /* a batch of one */
        is_json = answer_text_at(root, "[0]", &root);
    if (is_json && answer_text_at(root, "event", &value))
        kind = answer_text_string(value, kind_bytes, sizeof(kind_bytes));
    /* Mailgun's "reason" is one word of its own; the server's words are deeper. */
    static const char *const reasons[] = {"delivery-status.message", "delivery-status.description", "reason",
                                          "response", "description"};
    for (size_t i = 0; is_json && i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (answer_text_at(root, reasons[i], &value) && value.raw.len > 2) {
            reason = answer_text_string(value, reason_bytes, sizeof(reason_bytes));
            break;
        }
    if (is_json && answer_text_at(root, "status", &value))
        status = answer_text_string(value, status_bytes, sizeof(status_bytes));
    if (is_json && answer_text_at(root, "bounce_classification", &value))
        classification = answer_text_string(value, class_bytes, sizeof(class_bytes));
    if (is_json && answer_text_at(root, "severity", &value))
        severity = answer_text_string(value, severity_bytes, sizeof(severity_bytes));

    if (span_eq_nocase(kind, SPAN_LIT("dropped"))) {
        dropped(reason, ret);
    } else if (span_eq_nocase(kind, SPAN_LIT("failed")) && span_eq_nocase(severity, SPAN_LIT("temporary"))) {
        no_failure(ret, RECEIPT_PENDING, RECEIPT_RETRY_LATER);
    } else if (span_eq_nocase(kind, SPAN_LIT("bounce")) || span_eq_nocase(kind, SPAN_LIT("bounced")) ||
               span_eq_nocase(kind, SPAN_LIT("blocked")) || span_eq_nocase(kind, SPAN_LIT("failed"))) {
        bounced(a, reason, status, classification, ret);
    } else if (span_eq_nocase(kind, SPAN_LIT("spamreport")) || span_eq_nocase(kind, SPAN_LIT("complained"))) {
        spam_report(ret);
    } else if (span_eq_nocase(kind, SPAN_LIT("unsubscribe")) ||
               span_eq_nocase(kind, SPAN_LIT("unsubscribed")) ||
               span_eq_nocase(kind, SPAN_LIT("group_unsubscribe"))) {
        set(ret, DELIVERY_ERROR_mail_unsubscribed, RECEIPT_UNSUBSCRIBED, RECEIPT_RETRY_NO,
            RECEIPT_UNSUBSCRIBE, RECEIPT_RECIPIENT);
        put_row_text(ret);
    } else if (span_eq_nocase(kind, SPAN_LIT("deferred"))) {
        no_failure(ret, RECEIPT_PENDING, RECEIPT_RETRY_LATER);
    } else if (kind.len == 0 && reason.len > 0 && !is_json) {
        unnamed(a, reason, ret);
    } else { /* delivered, processed, open, click and what SendGrid will invent */
        no_failure(ret, RECEIPT_ACCEPTED, RECEIPT_RETRY_NO);
    }
}
