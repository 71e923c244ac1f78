/*
 * Answers of LINE's Messaging API. The status says the kind, whatever the words are; the words say which
 * error of that kind it is, and whether a 429 is the month's or the second's. Every message carries a retry
 * key, by which LINE removes duplicates: what was lost may be sent again, and 409 says that it had arrived.
 *
 * developers.line.biz/en/reference/messaging-api/: status codes, error responses, "Retry failed API
 * requests"; "Handle HTTP status code 429 errors in the Messaging API".
 */
#include "base/decimal.h"
#include "fault/answer_said.h"
#include "fault/receipt_device.h"
#include "fault/receipt_rules.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define ROW(error) DELIVERY_ERROR_##error

#define FAULT(error) RECEIPT_MESSAGE_FAULT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_MESSAGE, ROW(error)
#define ACCOUNT(error) RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB, RECEIPT_ACCOUNT, ROW(error)
/* The id is unknown, or its user is no friend (any more). LINE does not say which: nothing is dropped. */
#define PERSON(error)                                                                                        \
    RECEIPT_PERMANENT_RECIPIENT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT, ROW(error)
#define SERVER(error)                                                                                        \
    RECEIPT_TRANSIENT_SERVER, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER, ROW(error)
#define REQUEST(class, retry, scope)                                                                         \
    RECEIPT_##class, RECEIPT_RETRY_##retry, RECEIPT_NO_EFFECT, RECEIPT_##scope, ROW(line_request)

/* 400, 401, 403, by their message. */
static const struct answer_rule refusals[] = {
    {"access to this api is not available", ACCOUNT(line_not_available)},
    {"authentication failed", ACCOUNT(line_authentication)},
    {"(access token (is )?(expired|invalid|revoked)|(invalid|expired) (channel )?(access )?token)",
     ACCOUNT(line_authentication)},
    {"failed to send messages", PERSON(line_failed)},
    {"the property, ('|`|\")?to([#])?('|`|\")?, in the request body is invalid", PERSON(line_to)},
    {"(not (yet )?added|hasn't added|not a friend|blocked)", PERSON(client_response)},
};

/* The month's: nothing helps before the next one, or more quota. Every other limit passes within minutes. */
static const char month[] = "(monthly|month|additional messages|free messages|message (quota|allowance))";

/* What a message without a status belongs to. */
static const struct {
    const char *pattern;
    int status;
} statuses[] = {
    {"(monthly limit|rate limit|too many requests|concurrent)", 429},
    {"access to this api is not available", 403},
    {"authentication failed", 401},
    {"retry key is already accepted", 409},
    {"(failed to send messages|invalid reply token|a message *messages[|the request body|the property,|may "
     "not be empty)",
     400},
    {"^not found", 404},
    {"(internal server error|internal error)", 500},
    {"service (temporarily )?unavailable", 503},
    {"bad gateway", 502},
    {"gateway time(-)?out", 504},
};

#define WORDS_MAX 300u

struct said {
    int status;
    bool json;
    struct span message, property, detail;
    char room[4 * WORDS_MAX];
};

static struct span keep(struct json_value at, const char *path, char *room)
{
    struct json_value value;
    return answer_text_at(at, path, &value) ? answer_text_string(value, room, WORDS_MAX)
                                            : (struct span){"", 0};
}

/* LINE's body behind what logs and libraries put before it: "statusCode is not 200!:400: {…}". */
static struct span inner_body(struct span body)
{
    const char *brace = body.len > 0 ? memchr(body.ptr, '{', body.len) : NULL;
    return brace ? (struct span){brace, (size_t)(body.ptr + body.len - brace)} : body;
}

static void said_of(const struct answer *a, struct said *s)
{
    char *room = s->room;
    struct json_value root;
    struct answer_text text;
    s->status = a->status;
    s->message = s->property = s->detail = (struct span){"", 0};
    struct span body = a->body;
    answer_text_of(body, &text);
    if (s->status == 0)
        s->status = answer_said_status(answer_text_span(&text));
    s->json = answer_text_json(body, &root) && root.kind == JSON_KIND_OBJECT;
    if (!s->json && a->status == 0 && s->status > 0)
        s->json = answer_text_json(inner_body(body), &root) && root.kind == JSON_KIND_OBJECT;
    if (!s->json) {
        s->message = answer_said(body, room, WORDS_MAX);
    } else {
        s->message = keep(root, "message", room);
        if (s->message.len == 0)
            s->message = keep(root, "error_description", room);
        s->property = keep(root, "details[0].property", room + WORDS_MAX);
        s->detail = keep(root, "details[0].message", room + 2 * WORDS_MAX);
    }
    answer_text_of(s->message, &text);
    struct span words = answer_text_span(&text);
    if (s->status == 0)
        s->status = answer_said_status(words);
    for (size_t i = 0; s->status == 0 && i < COUNT(statuses); i++)
        if (answer_text_has(words, statuses[i].pattern))
            s->status = statuses[i].status;
}

/* The n of "messages[n]"; -1: the text names none. */
static int message_index(struct span text)
{
    static const char mark[] = "messages[";
    const char *at = text.len > 0 ? memmem(text.ptr, text.len, mark, sizeof(mark) - 1) : NULL;
    if (!at)
        return -1;
    struct span rest = {at + sizeof(mark) - 1, text.len - (size_t)(at - text.ptr) - (sizeof(mark) - 1)};
    return rest.len > 0 && rest.ptr[0] >= '0' && rest.ptr[0] <= '9' ? (int)decimal_leading(rest) : -1;
}

static const struct answer_rule *refusal_of(const struct said *s, struct span words)
{
    static const struct answer_rule first = {"", FAULT(line_message_0)}, other = {"", FAULT(line_message_1)};
    static const struct answer_rule to = {"", PERSON(line_to)}, fault = {"", FAULT(client_response)};
    static const struct answer_rule token = {"", ACCOUNT(line_authentication)},
                                    may_not = {"", ACCOUNT(client_response)};
    const struct answer_rule *rule = answer_text_rule(refusals, COUNT(refusals), words);
    if (rule)
        return rule;
    if (s->status == 401)
        return &token;
    if (s->status == 403)
        return &may_not;
    int n = message_index(s->message);
    if (n < 0)
        n = message_index(s->property);
    if (n >= 0)
        return n == 0 ? &first : &other;
    return span_eq(s->property, SPAN_LIT("to")) ? &to : &fault;
}

static const struct answer_rule *rule_of(const struct said *s, const struct answer *a)
{
    static const struct answer_rule monthly = {
        "", RECEIPT_RATE_LIMIT, RECEIPT_RETRY_LATER, RECEIPT_PAUSE_JOB, RECEIPT_ACCOUNT, ROW(line_limit)};
    static const struct answer_rule rate = {
        "", RECEIPT_RATE_LIMIT, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_ACCOUNT, ROW(line_limit)};
    static const struct answer_rule server = {"", SERVER(line_server)};
    static const struct answer_rule busy = {"", REQUEST(TRANSIENT_SERVER, LATER, PROVIDER)};
    static const struct answer_rule no = {"", REQUEST(UNCLASSIFIED, NO, PROVIDER)};
    static const struct answer_rule not_there = {"", REQUEST(SENDER_SIDE, NO, ACCOUNT)};
    static const struct answer_rule not_found = {"", REQUEST(PERMANENT_RECIPIENT, NO, RECIPIENT)};
    static const struct answer_rule form = {"", REQUEST(MESSAGE_FAULT, NO, MESSAGE)};
    struct answer_text text;
    answer_text_of(s->message, &text);
    struct span words = answer_text_span(&text);
    switch (s->status) {
    case 0:
        /* Words without a status that are no error of the network: nobody knows. Nothing at all: lost. */
        return a->body.len > 0 && answer_said_loss(words) == ANSWER_SAID_NOTHING ? &no : &server;
    case 400:
    case 401:
    case 403:
        return refusal_of(s, words);
    case 404:
        return s->json ? &not_found : &not_there;
    case 405:
    case 410:
        return &not_there;
    case 408:
    case 425:
        return &busy;
    case 409:
        /* Of sending, LINE says 409 of the retry key alone. */
        return words.len == 0 || answer_text_header(a, "X-Line-Accepted-Request-Id").len > 0 ||
                       answer_text_has(words, "(retry key|retry-key|accepted|conflict)")
                   ? NULL
                   : &no;
    case 411:
    case 413:
    case 414:
    case 415:
        return &form;
    case 429:
        return answer_text_has(words, month) ? &monthly : &rate;
    default:
        if (s->status >= 200 && s->status < 300)
            return NULL;
        if (s->status >= 500)
            return &server;
        return s->status >= 300 && s->status < 400 ? &busy : &no;
    }
}

/* A page's title repeats the status in front of its words: "503 Service Temporarily Unavailable". */
static struct span without_status(struct span words, int status)
{
    while (words.len > 0 && words.ptr[0] == ' ')
        words = (struct span){words.ptr + 1, words.len - 1};
    if (status > 0 && words.len > 4 && (int)decimal_leading(words) == status && words.ptr[3] == ' ')
        return (struct span){words.ptr + 4, words.len - 4};
    return words;
}

static void put_text(const struct said *s, const struct answer *a, struct receipt *ret)
{
    static const char form[] = "statusCode is not 200!:";
    struct span message = without_status(s->message, s->status);
    /* LINE's sentence, or a line of somebody's log that holds it or has the list's form already. */
    bool sentence = ret->error != ROW(line_server) && ret->error != ROW(line_request);
    bool line = !s->json && a->status == 0;
    bool verbatim =
        message.len > 0 && ((sentence && (s->json || line)) ||
                            (!s->json && span_starts(a->body, SPAN_LIT("statusCode is not 200"))));
    if (verbatim) {
        answer_said_put(ret, message, WORDS_MAX);
        /* "The request body has 2 error(s)" alone helps nobody. */
        if (s->detail.len > 0 && (ret->error == ROW(client_response) || s->property.len > 0) &&
            message_index(s->message) < 0) {
            answer_text_put_str(ret, ": ");
            answer_said_put(ret, s->detail, WORDS_MAX / 2);
            if (s->property.len > 0) {
                answer_text_put_str(ret, " (");
                answer_said_put(ret, s->property, WORDS_MAX / 4);
                answer_text_put_str(ret, ")");
            }
        }
        return;
    }
    answer_text_put_str(ret, form);
    answer_text_put_int(ret, s->status); /* 0: none came */
    answer_text_put_str(ret, ":");
    if (message.len == 0)
        message = answer_said_status_words(s->status);
    if (message.len > 0)
        answer_text_put_str(ret, " ");
    answer_said_put(ret, message, WORDS_MAX);
}

void receipt_line(const struct answer *a, struct receipt *ret)
{
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
    if (ret->retry == RECEIPT_RETRY_LATER)
        ret->retry_after_s = answer_text_retry_after(a);
    put_text(&s, a, ret);
}

bool receipt_line_rules_ok(void)
{
    bool ok = answer_text_pattern_ok(month);
    for (size_t i = 0; i < COUNT(refusals); i++)
        ok = ok && answer_text_pattern_ok(refusals[i].pattern);
    for (size_t i = 0; i < COUNT(statuses); i++)
        ok = ok && answer_text_pattern_ok(statuses[i].pattern);
    return ok;
}
