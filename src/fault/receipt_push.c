/*
 * Answers of FCM's HTTP v1 API and of the OAuth token endpoint before it, from the most specific to the most
 * general: FcmError.errorCode, ApnsError.reason, the older names of the same, the token endpoint's error,
 * ErrorInfo.reason, the field of BadRequest, error.status, the HTTP status; words of people last.
 *
 * Only an answer that says so of this very token drops it: UNREGISTERED, APNs' Unregistered, ExpiredToken and
 * BadDeviceToken, or words whose subject is the registration token. What an answer repeats of the message
 * must not count, so words are read only where they stand in front, and a named field beats them.
 *
 * firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode and ApnsError; cloud.google.com/apis/design/errors;
 * developer.apple.com, "Handling notification responses from APNs"; RFC 6749 5.2.
 */
#include "base/decimal.h"
#include "fault/answer_said.h"
#include "fault/receipt_rules.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define ROW(error) DELIVERY_ERROR_##error

/* What the rows of the tables below mean, class to kind. A row may name a more specific error of the kind. */
#define DEAD(error) RECEIPT_TOKEN_DEAD, RECEIPT_RETRY_NO, RECEIPT_DROP_TOKEN, RECEIPT_RECIPIENT, ROW(error)
#define FAULT RECEIPT_MESSAGE_FAULT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_MESSAGE, ROW(client_response)
#define ACCOUNT(error) RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB, RECEIPT_ACCOUNT, ROW(error)
/* Set up wrongly, but for this token alone: another project's, another app's. The job goes on. */
#define MISMATCH(error) RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT, ROW(error)
#define RATE(scope) RECEIPT_RATE_LIMIT, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_##scope, ROW(push_request)
#define SERVER(error) \
    RECEIPT_TRANSIENT_SERVER, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER, ROW(error)
/* A gateway gave up waiting: the service behind it may have taken the message, and has no key to tell. */
#define GAVE_UP \
    RECEIPT_TRANSIENT_SERVER, RECEIPT_RETRY_SENT_UNKNOWN, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER, ROW(push_unavailable)
#define REQUEST(retry) RECEIPT_UNCLASSIFIED, RECEIPT_RETRY_##retry, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER, ROW(push_request)
/* The address of the API or the project in it is wrong; or an old answer about a token. The job goes on. */
#define NOT_THERE RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_ACCOUNT, ROW(push_request)

/* FcmError.errorCode. INVALID_ARGUMENT and UNSPECIFIED_ERROR say too little to decide: what follows does. */
static const struct answer_rule fcm_codes[] = {
    {"UNREGISTERED", DEAD(push_unregistered)},
    {"SENDER_ID_MISMATCH", MISMATCH(push_sender_mismatch)},
    {"THIRD_PARTY_AUTH_ERROR", ACCOUNT(push_third_party_auth)},
    {"APNS_AUTH_ERROR", ACCOUNT(push_third_party_auth)}, /* until 2019 */
    {"QUOTA_EXCEEDED", RATE(ACCOUNT)},
    {"UNAVAILABLE", SERVER(push_unavailable)},
    {"INTERNAL", SERVER(push_internal)},
};

/* ApnsError.reason, and the reason of APNs itself. */
static const struct answer_rule apns_reasons[] = {
    {"Unregistered", DEAD(push_unregistered)},
    {"ExpiredToken", DEAD(push_unregistered)},
    {"BadDeviceToken", DEAD(push_token_invalid)},
    {"DeviceTokenNotForTopic", MISMATCH(client_response)},
    {"TopicDisallowed", MISMATCH(client_response)},
    {"BadTopic", MISMATCH(client_response)},
    {"MissingTopic", MISMATCH(client_response)},
    {"BadCertificate", ACCOUNT(push_third_party_auth)},
    {"BadCertificateEnvironment", ACCOUNT(push_third_party_auth)},
    {"BadEnvironmentKeyIdInToken", ACCOUNT(push_third_party_auth)},
    {"BadEnvironmentKeyInToken", ACCOUNT(push_third_party_auth)},
    {"ExpiredProviderToken", ACCOUNT(push_third_party_auth)},
    {"Forbidden", ACCOUNT(push_third_party_auth)},
    {"InvalidProviderToken", ACCOUNT(push_third_party_auth)},
    {"MissingProviderToken", ACCOUNT(push_third_party_auth)},
    {"UnrelatedKeyIdInToken", ACCOUNT(push_third_party_auth)},
    {"BadCollapseId", FAULT},
    {"BadExpirationDate", FAULT},
    {"BadMessageId", FAULT},
    {"BadPriority", FAULT},
    {"DuplicateHeaders", FAULT},
    {"InvalidPushType", FAULT},
    {"MissingDeviceToken", FAULT},
    {"PayloadEmpty", FAULT},
    {"PayloadTooLarge", FAULT},
    {"BadPath", FAULT},
    {"MethodNotAllowed", FAULT},
    {"FeatureNotEnabled", MISMATCH(client_response)},
    {"MissingChannelId", FAULT},
    {"BadChannelId", FAULT},
    {"ChannelNotRegistered", FAULT},
    {"TooManyRequests", RATE(RECIPIENT)},
    {"TooManyProviderTokenUpdates", RATE(ACCOUNT)},
    {"IdleTimeout", SERVER(push_unavailable)},
    {"InternalServerError", SERVER(push_internal)},
    {"ServiceUnavailable", SERVER(push_unavailable)},
    {"Shutdown", SERVER(push_unavailable)},
};

/* The legacy API's error of one result, or of a plain text "Error=…", and the names of the Admin SDKs. */
static const struct answer_rule old_codes[] = {
    {"NotRegistered", DEAD(push_unregistered)},
    {"messaging/registration-token-not-registered", DEAD(push_unregistered)},
    {"InvalidRegistration", DEAD(push_token_invalid)},
    {"messaging/invalid-registration-token", DEAD(push_token_invalid)},
    {"MismatchSenderId", MISMATCH(push_sender_mismatch)},
    {"messaging/mismatched-credential", MISMATCH(push_sender_mismatch)},
    {"InvalidPackageName", MISMATCH(client_response)},
    {"messaging/invalid-package-name", MISMATCH(client_response)},
    {"InvalidApnsCredential", ACCOUNT(push_third_party_auth)},
    {"InvalidApnsCredentials", ACCOUNT(push_third_party_auth)},
    {"messaging/third-party-auth-error", ACCOUNT(push_third_party_auth)},
    {"messaging/invalid-apns-credentials", ACCOUNT(push_third_party_auth)},
    {"messaging/authentication-error", ACCOUNT(client_response)},
    {"AuthenticationError", ACCOUNT(client_response)},
    {"app/invalid-credential", ACCOUNT(client_response)},
    {"MissingRegistration", FAULT},
    {"InvalidParameters", FAULT},
    {"MessageTooBig", FAULT},
    {"InvalidDataKey", FAULT},
    {"InvalidTtl", FAULT},
    {"messaging/invalid-argument", FAULT},
    {"messaging/invalid-payload", FAULT},
    {"messaging/invalid-data-payload-key", FAULT},
    {"messaging/invalid-options", FAULT},
    {"messaging/invalid-recipient", FAULT},
    {"messaging/payload-size-limit-exceeded", FAULT},
    {"DeviceMessageRateExceeded", RATE(RECIPIENT)},
    {"DeviceMessageRate Exceeded", RATE(RECIPIENT)},
    {"messaging/device-message-rate-exceeded", RATE(RECIPIENT)},
    {"TopicsMessageRateExceeded", RATE(MESSAGE)},
    {"TopicsMessageRate Exceeded", RATE(MESSAGE)},
    {"messaging/topics-message-rate-exceeded", RATE(MESSAGE)},
    {"messaging/message-rate-exceeded", RATE(ACCOUNT)},
    {"QuotaExceeded", RATE(ACCOUNT)},
    {"Unavailable", SERVER(push_unavailable)},
    {"InternalServerError", SERVER(push_internal)},
    {"messaging/server-unavailable", SERVER(push_unavailable)},
    {"messaging/internal-error", SERVER(push_internal)},
};

/* The token endpoint's error (RFC 6749 5.2, and Google's own). */
static const struct answer_rule oauth_errors[] = {
    {"temporarily_unavailable", SERVER(push_unavailable)},
    {"server_error", SERVER(push_internal)},
    {"internal_failure", SERVER(push_internal)},
    {"rate_limit_exceeded", RATE(ACCOUNT)},
    {"slow_down", RATE(ACCOUNT)},
};

/* google.rpc.ErrorInfo.reason, and error.errors[].reason before it. */
static const struct answer_rule info_reasons[] = {
    /* The one failure of authentication that a new access token ends. */
    {"ACCESS_TOKEN_EXPIRED", RECEIPT_SENDER_SIDE, RECEIPT_RETRY_YES, RECEIPT_NO_EFFECT, RECEIPT_ACCOUNT,
     ROW(client_response)},
    {"RATE_LIMIT_EXCEEDED", RATE(ACCOUNT)},
    {"RESOURCE_QUOTA_EXCEEDED", RATE(ACCOUNT)},
    {"rateLimitExceeded", RATE(ACCOUNT)},
    {"userRateLimitExceeded", RATE(ACCOUNT)},
    {"quotaExceeded", RATE(ACCOUNT)},
    {"backendError", SERVER(push_unavailable)},
    /* Comes as INVALID_ARGUMENT, and is none of the message. */
    {"API_KEY_INVALID", ACCOUNT(client_response)},
    {"keyInvalid", ACCOUNT(client_response)},
};

/* google.rpc.Code, as error.status. */
static const struct answer_rule canonical[] = {
    {"INVALID_ARGUMENT", FAULT},
    {"OUT_OF_RANGE", FAULT},
    {"FAILED_PRECONDITION", FAULT},
    {"UNAUTHENTICATED", ACCOUNT(client_response)},
    {"PERMISSION_DENIED", ACCOUNT(client_response)},
    {"NOT_FOUND", NOT_THERE},
    {"RESOURCE_EXHAUSTED", RATE(ACCOUNT)},
    {"ABORTED", REQUEST(LATER)},
    {"ALREADY_EXISTS", REQUEST(NO)},
    {"CANCELLED", GAVE_UP},
    {"DEADLINE_EXCEEDED", GAVE_UP},
    {"UNAVAILABLE", SERVER(push_unavailable)},
    {"INTERNAL", SERVER(push_internal)},
    {"UNKNOWN", SERVER(push_internal)},
    {"DATA_LOSS", SERVER(push_internal)},
    {"UNIMPLEMENTED", SERVER(push_internal)},
};

/* The same as numbers, which answers in gRPC's form carry as "code". */
static const char *const grpc_names[] = {
    [1] = "CANCELLED",         [2] = "UNKNOWN",           [3] = "INVALID_ARGUMENT",
    [4] = "DEADLINE_EXCEEDED", [5] = "NOT_FOUND",         [6] = "ALREADY_EXISTS",
    [7] = "PERMISSION_DENIED", [8] = "RESOURCE_EXHAUSTED", [9] = "FAILED_PRECONDITION",
    [10] = "ABORTED",          [11] = "OUT_OF_RANGE",     [12] = "UNIMPLEMENTED",
    [13] = "INTERNAL",         [14] = "UNAVAILABLE",      [15] = "DATA_LOSS",
    [16] = "UNAUTHENTICATED",
};

/* Words of people, in front of the message; only where nothing above spoke of something else. */
static const struct answer_rule messages[] = {
    {"^(the )?(provided )?registration token (provided )?is (not (a )?valid|invalid|malformed)",
     DEAD(push_token_invalid)},
    {"^invalid registration (token|id)", DEAD(push_token_invalid)},
    {"^(the )?(provided )?(registration )?token (is |was |has been )?(not registered|unregistered)",
     DEAD(push_unregistered)},
    {"^(notregistered|unregistered)(.)?$", DEAD(push_unregistered)},
    {"^invalidregistration(.)?$", DEAD(push_token_invalid)},
    {"^app instance (was|has been) (uninstalled or )?unregistered", DEAD(push_unregistered)},
    {"^(senderid mismatch|sender id mismatch|mismatchsenderid)", MISMATCH(push_sender_mismatch)},
    {"^auth error from apns", ACCOUNT(push_third_party_auth)},
    {"^(apns )?(certificate|apns auth key)", ACCOUNT(push_third_party_auth)},
};

static const struct answer_rule token_invalid = {"", DEAD(push_token_invalid)};
static const struct answer_rule account = {"", ACCOUNT(client_response)};
static const struct answer_rule fault = {"", FAULT};

/* How much of each text is kept. Codes are shorter than 48 bytes; sentences are cut for people anyway. */
#define CODE_MAX 64u
#define MESSAGE_MAX 300u

struct said {
    int status;
    bool failed, cut; /* cut: broken JSON, so that what spoke against the words may be missing */
    struct span code, apns, old, oauth, reason, canonical; /* see the tables */
    struct span field, violation;                         /* BadRequest's first: its path, its words */
    struct span quota;                                    /* QuotaFailure's first */
    struct span message;                                  /* for people */
    struct span verbatim; /* the whole body, where it has the list's form already; else empty */
    uint32_t delay_s;                                     /* RetryInfo */
    size_t used;
    char room[8 * CODE_MAX + 4 * MESSAGE_MAX];
};

/* A copy of the string, without escapes; empty where it is none or there is no room left. */
static struct span keep(struct said *s, struct json_value value, size_t max)
{
    size_t left = sizeof(s->room) - s->used;
    struct span text = answer_text_string(value, s->room + s->used, max < left ? max : left);
    s->used += text.len;
    return text;
}

static struct span keep_at(struct said *s, struct json_value at, const char *path, size_t max)
{
    struct json_value value;
    return answer_text_at(at, path, &value) ? keep(s, value, max) : (struct span){"", 0};
}

static bool ends_with(struct span s, const char *end)
{
    size_t len = strlen(end);
    return s.len >= len && memcmp(s.ptr + s.len - len, end, len) == 0;
}

static void read_detail(struct said *s, struct json_value detail)
{
    char name[96];
    struct json_value value;
    struct span type = {"", 0};
    if (answer_text_at(detail, "@type", &value))
        type = answer_text_string(value, name, sizeof(name));
    if (s->code.len == 0)
        s->code = keep_at(s, detail, "errorCode", CODE_MAX);
    bool apns = ends_with(type, "ApnsError") || (type.len == 0 && answer_text_at(detail, "statusCode", &value));
    if (apns && s->apns.len == 0)
        s->apns = keep_at(s, detail, "reason", CODE_MAX);
    else if (ends_with(type, "ErrorInfo") && s->reason.len == 0)
        s->reason = keep_at(s, detail, "reason", CODE_MAX);
    if (s->field.len == 0 && answer_text_at(detail, "fieldViolations[0]", &value)) {
        s->field = keep_at(s, value, "field", MESSAGE_MAX);
        s->violation = keep_at(s, value, "description", MESSAGE_MAX);
    }
    if (s->quota.len == 0 && answer_text_at(detail, "violations[0].description", &value))
        s->quota = keep(s, value, MESSAGE_MAX);
    if (answer_text_at(detail, "retryDelay", &value) && value.raw.len > 2) /* "30s", "1.5s": at least that long */
        s->delay_s = decimal_leading((struct span){value.raw.ptr + 1, value.raw.len - 2});
}

/* Details are few; what follows the first ones adds nothing. */
#define DETAILS_MAX 16u

static void read_error(struct said *s, struct json_value error)
{
    struct json_value value;
    int64_t number = 0;
    if (answer_text_at(error, "code", &value)) {
        if (answer_text_int(value, &number) && number >= 100 && number <= 599) {
            s->status = s->status < 300 ? (int)number : s->status;
        } else if (number > 0 && number < (int64_t)COUNT(grpc_names)) {
            s->canonical = span_of(grpc_names[number]);
        } else {
            s->old = keep(s, value, CODE_MAX);
        }
    }
    s->message = keep_at(s, error, "message", MESSAGE_MAX);
    if (answer_text_at(error, "status", &value) && value.kind == JSON_KIND_STRING)
        s->canonical = keep(s, value, CODE_MAX);
    s->reason = keep_at(s, error, "errors[0].reason", CODE_MAX);
    if (!answer_text_at(error, "details", &value))
        return;
    if (value.kind == JSON_KIND_OBJECT)
        read_detail(s, value);
    struct json_iter it = json_elements(value);
    struct json_value detail;
    for (unsigned i = 0; i < DETAILS_MAX && json_next_element(&it, &detail); i++)
        read_detail(s, detail);
}

/* The legacy API: one result a token. Of several nobody can say whose it is; ours asked about one. */
static bool read_legacy(struct said *s, struct json_value root)
{
    struct json_value value, second;
    if (!answer_text_at(root, "results[0]", &value))
        return false;
    s->old = keep_at(s, value, "error", CODE_MAX);
    if (answer_text_at(root, "results[1]", &second))
        s->old = (struct span){"", 0};
    s->failed = s->failed || s->old.len > 0;
    return true;
}

static void read_json(struct said *s, struct json_value root)
{
    struct json_value value;
    if (root.kind == JSON_KIND_ARRAY && !answer_text_at(root, "[0]", &root))
        return;
    if (read_legacy(s, root))
        return;
    if (answer_text_at(root, "error", &value) && value.kind == JSON_KIND_OBJECT) {
        read_error(s, value);
        s->failed = true;
    } else if (answer_text_at(root, "error", &value) && value.kind == JSON_KIND_STRING) {
        s->oauth = keep(s, value, CODE_MAX);
        s->message = keep_at(s, root, "error_description", MESSAGE_MAX);
        s->failed = true;
        /* The legacy API says "error": "NotRegistered" where a group of devices was asked. */
        if (answer_said_code(old_codes, COUNT(old_codes), s->oauth)) {
            s->old = s->oauth;
            s->oauth = (struct span){"", 0};
        }
    } else if (answer_text_at(root, "errorInfo", &value)) {
        read_error(s, value);
        s->failed = true;
    } else if (answer_text_at(root, "reason", &value)) {
        s->apns = keep(s, value, CODE_MAX);
        s->failed = true;
    } else if (s->failed) {
        read_error(s, root);
        /* An answer that was kept without its status. */
        bool sent = answer_text_at(root, "name", &value) || answer_text_at(root, "message_id", &value);
        s->failed = s->status != 0 || !sent;
    }
}

/* A member of a text that is broken JSON, cut short most often: its string, where that is whole. */
static struct span loose_member(struct span text, struct span name)
{
    const char *p = memmem(text.ptr, text.len, name.ptr, name.len), *end = text.ptr + text.len;
    if (!p || (p > text.ptr && p[-1] == '\\'))
        return (struct span){"", 0};
    for (p += name.len; p < end && (*p == ' ' || *p == ':');)
        p++;
    if (p == end || *p++ != '"')
        return (struct span){"", 0};
    const char *close = p < end ? memchr(p, '"', (size_t)(end - p)) : NULL;
    return close ? (struct span){p, (size_t)(close - p)} : (struct span){"", 0};
}

/* The last word of a text: "… [404] ... UNREGISTERED". */
static struct span last_word(struct span text)
{
    size_t from = text.len;
    while (from > 0 && text.ptr[from - 1] != ' ')
        from--;
    return (struct span){text.ptr + from, text.len - from};
}

static struct span copy(struct said *s, struct span text, size_t max)
{
    size_t left = sizeof(s->room) - s->used;
    max = max < left ? max : left;
    if (text.len > max)
        text.len = max;
    memcpy(s->room + s->used, text.len > 0 ? text.ptr : "", text.len);
    text.ptr = s->room + s->used;
    s->used += text.len;
    return text;
}

/* A body that is no JSON: a page, a line of the legacy API, a line of somebody's log, JSON cut short. */
static void read_text(struct said *s, struct span body)
{
    char page[MESSAGE_MAX];
    struct answer_text text;
    s->message = copy(s, answer_said(body, page, sizeof(page)), MESSAGE_MAX);
    answer_text_of(body, &text);
    struct span all = answer_text_span(&text);
    if (answer_text_has(all, "^([( )?)?{~")) {
        s->cut = true;
        s->code = copy(s, loose_member(body, SPAN_LIT("\"errorCode\"")), CODE_MAX);
        s->canonical = copy(s, loose_member(body, SPAN_LIT("\"status\"")), CODE_MAX);
        s->message = copy(s, loose_member(body, SPAN_LIT("\"message\"")), MESSAGE_MAX);
        s->failed = s->failed || s->code.len + s->canonical.len > 0;
        return;
    }
    struct answer_text words;
    answer_text_of(s->message, &words);
    int told = answer_said_status(answer_text_span(&words));
    if (s->status == 0)
        s->status = told;
    size_t at = 0;
    if (answer_text_find(all, "^error=", NULL)) {
        s->old = copy(s, (struct span){all.ptr + 6, all.len - 6}, CODE_MAX);
        s->failed = true;
    } else if (answer_text_find(all, "fcm response: [", &at)) {
        /* The list's own form, as a log has it: the code is its last word. */
        s->code = copy(s, last_word(all), CODE_MAX);
        s->canonical = s->code;
        const char *close = memchr(all.ptr + at, ']', all.len - at);
        while (close && close + 1 < all.ptr + all.len && (close[1] == ' ' || close[1] == '.'))
            close++;
        if (close)
            s->message = copy(s, (struct span){close + 1, (size_t)(all.ptr + all.len - close - 1)}, MESSAGE_MAX);
        s->verbatim = body;
        s->failed = true;
    } else if (answer_text_find(all, "(messaging|app)/", &at)) {
        size_t len = 0;
        while (at + len < all.len && (all.ptr[at + len] == '/' || all.ptr[at + len] == '-' ||
                                      (all.ptr[at + len] >= 'a' && all.ptr[at + len] <= 'z')))
            len++;
        s->old = copy(s, (struct span){all.ptr + at, len}, CODE_MAX);
        s->failed = true;
    } else if (answer_said_code(old_codes, COUNT(old_codes), answer_text_span(&words))) {
        s->old = s->message;
        s->failed = true;
    }
}

static void said_of(const struct answer *a, struct said *s)
{
    struct json_value root;
    s->used = 0;
    s->status = a->status;
    s->failed = a->status < 200 || a->status > 299;
    s->cut = false;
    s->delay_s = 0;
    s->code = s->apns = s->old = s->oauth = s->reason = s->canonical = (struct span){"", 0};
    s->field = s->violation = s->quota = s->message = s->verbatim = (struct span){"", 0};
    if (answer_text_json(a->body, &root) && (root.kind == JSON_KIND_OBJECT || root.kind == JSON_KIND_ARRAY))
        read_json(s, root);
    else
        read_text(s, a->body);
}

/* Whether words say that the registration token itself is wrong: not that it is missing, or has a wrong type. */
static bool names_token(struct span words)
{
    struct answer_text text;
    answer_text_of(words, &text);
    struct span said = answer_text_span(&text);
    return !answer_text_has(said, "(missing|required|empty|invalid value at|unknown name|type_#|type_string)") &&
           answer_text_has(said, "(token|registration)") && answer_text_has(said, "(invalid|not valid|not a valid|malformed)");
}

static const struct answer_rule *by_field(const struct said *s)
{
    if (s->field.len == 0)
        return NULL;
    bool token = span_eq(s->field, SPAN_LIT("message.token")) || span_eq(s->field, SPAN_LIT("token"));
    struct answer_text text;
    answer_text_of(s->message, &text);
    if (token && s->violation.len == 0 && answer_text_rule(messages, 2, answer_text_span(&text)))
        return &token_invalid;
    return token && names_token(s->violation) ? &token_invalid : &fault;
}

static const struct answer_rule *by_words(const struct said *s)
{
    struct answer_text text;
    answer_text_of(s->message, &text);
    return answer_text_rule(messages, COUNT(messages), answer_text_span(&text));
}

static const struct answer_rule *by_status(int status)
{
    static const struct answer_rule bad = {"", FAULT}, gone = {"", NOT_THERE}, rate = {"", RATE(ACCOUNT)};
    static const struct answer_rule later = {"", REQUEST(LATER)}, no = {"", REQUEST(NO)};
    static const struct answer_rule internal = {"", SERVER(push_internal)};
    static const struct answer_rule unavailable = {"", SERVER(push_unavailable)}, gave_up = {"", GAVE_UP};
    static const struct answer_rule large = {"", RECEIPT_MESSAGE_FAULT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT,
                                             RECEIPT_MESSAGE, ROW(push_request)};
    switch (status) {
    case 400:
        return &bad;
    case 401:
    case 403:
        return &account;
    case 404:
    case 405:
    case 410:
        return &gone;
    case 411:
    case 413:
    case 414:
    case 415:
        return &large;
    case 408:
    case 409:
    case 425:
        return &later;
    case 429:
        return &rate;
    case 500:
        return &internal;
    case 504:
        return &gave_up;
    default:
        if (status > 500)
            return &unavailable;
        /* Whoever redirects has not taken it: most often a captive portal or a proxy. */
        return status >= 300 && status < 400 ? &later : &no;
    }
}

/* No answer came, as far as one can tell from a line of text. */
static const struct answer_rule *by_loss(const struct said *s)
{
    static const struct answer_rule before = {"", RECEIPT_TRANSIENT_SERVER, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT,
                                              RECEIPT_PROVIDER, ROW(push_request)};
    static const struct answer_rule lost = {"", RECEIPT_UNKNOWN_SENT, RECEIPT_RETRY_SENT_UNKNOWN, RECEIPT_NO_EFFECT,
                                            RECEIPT_PROVIDER, ROW(push_request)};
    static const struct answer_rule words = {"", REQUEST(NO)};
    if (s->message.len == 0)
        return &lost;
    struct answer_text text;
    answer_text_of(s->message, &text);
    enum answer_said_loss loss = answer_said_loss(answer_text_span(&text));
    return loss == ANSWER_SAID_NOTHING ? &words : loss == ANSWER_SAID_LOST ? &lost : &before;
}

static const struct answer_rule *rule_of(const struct said *s)
{
    const struct answer_rule *rule = answer_said_code(fcm_codes, COUNT(fcm_codes), s->code);
    if (!rule)
        rule = answer_said_code(apns_reasons, COUNT(apns_reasons), s->apns);
    if (!rule)
        rule = answer_said_code(old_codes, COUNT(old_codes), s->old);
    if (!rule && s->oauth.len > 0) {
        rule = answer_said_code(oauth_errors, COUNT(oauth_errors), s->oauth);
        /* All others say that this account may not, or not so: invalid_grant, invalid_client, invalid_scope. */
        if (!rule && s->status < 500 && s->status != 429)
            rule = &account;
    }
    if (!rule)
        rule = answer_said_code(info_reasons, COUNT(info_reasons), s->reason);
    if (!rule)
        rule = by_field(s);
    /* In 2018 the codes stood in error.status; libraries hand them on as "code". */
    if (!rule)
        rule = answer_said_code(fcm_codes, COUNT(fcm_codes), s->canonical.len > 0 ? s->canonical : s->old);
    if (rule)
        return rule;
    rule = answer_said_code(canonical, COUNT(canonical), s->canonical);
    if (!rule && s->status >= 300)
        rule = by_status(s->status);
    /* What words can add to: not that the service was busy. */
    bool open = !rule || rule->class == RECEIPT_MESSAGE_FAULT || rule->class == RECEIPT_SENDER_SIDE;
    const struct answer_rule *words = open && !s->cut ? by_words(s) : NULL;
    if (words)
        return words;
    return rule ? rule : by_loss(s);
}

/* Whose quota it is, and whether waiting helps today: the code says neither, the words beside it do. */
static void refine_quota(const struct said *s, struct receipt *ret)
{
    struct answer_text text;
    answer_text_of(s->quota.len > 0 ? s->quota : s->message, &text);
    struct span words = answer_text_span(&text);
    if (answer_text_has(words, "(device|token)"))
        ret->scope = RECEIPT_RECIPIENT;
    else if (answer_text_has(words, "topic"))
        ret->scope = RECEIPT_MESSAGE;
    else if (answer_text_has(words, "(per day|daily|billing)"))
        ret->effect = RECEIPT_PAUSE_JOB;
}

static void put_text(const struct said *s, struct receipt *ret)
{
    if (s->verbatim.len > 0) {
        answer_said_put(ret, s->verbatim, RECEIPT_TEXT_MAX - 4);
        return;
    }
    const struct span codes[] = {s->code, s->apns, s->old, s->oauth, s->reason, s->canonical};
    struct span code = {"", 0};
    bool generic = span_eq(s->code, SPAN_LIT("INVALID_ARGUMENT")) || span_eq(s->code, SPAN_LIT("UNSPECIFIED_ERROR"));
    for (size_t i = generic && s->apns.len > 0 ? 1 : 0; i < COUNT(codes) && code.len == 0; i++)
        code = codes[i];
    struct span message = s->message;
    if (message.len == 0)
        message = answer_said_status_words(s->status);
    if (span_eq_nocase(message, code))
        code.len = 0;
    /* The list's form ends in the words where it names no code. */
    bool words_last = ret->error == ROW(push_token_invalid) && s->apns.len == 0 && s->old.len == 0;
    answer_text_put_str(ret, "[v1 API] Failed to send notification data. FCM response:");
    if (s->status > 0) {
        answer_text_put_str(ret, " [");
        answer_text_put_int(ret, s->status);
        answer_text_put_str(ret, "]");
    }
    const struct span parts[] = {words_last ? code : message, words_last ? message : code};
    for (size_t i = 0; i < COUNT(parts); i++)
        if (parts[i].len > 0) {
            answer_text_put_str(ret, " ");
            answer_said_put(ret, parts[i], MESSAGE_MAX - 4);
        }
}

void receipt_push(const struct answer *a, struct receipt *ret)
{
    struct said s;
    said_of(a, &s);
    if (!s.failed) {
        *ret = (struct receipt){.class = RECEIPT_ACCEPTED, .retry = RECEIPT_RETRY_NO, .scope = RECEIPT_MESSAGE};
        return;
    }
    const struct answer_rule *rule = rule_of(&s);
    *ret = (struct receipt){.failed = true,
                            .error = rule->error,
                            .class = rule->class,
                            .retry = rule->retry,
                            .effect = rule->effect,
                            .scope = rule->scope};
    if (ret->class == RECEIPT_RATE_LIMIT && ret->scope == RECEIPT_ACCOUNT)
        refine_quota(&s, ret);
    /* The list: after UNREGISTERED nothing more is sent to the token. Of other errors it says no such thing. */
    if (ret->error == ROW(push_unregistered))
        ret->seed_effect = RECEIPT_DROP_TOKEN;
    if (ret->retry == RECEIPT_RETRY_YES || ret->retry == RECEIPT_RETRY_LATER) {
        uint32_t wait = answer_text_retry_after(a);
        ret->retry_after_s = wait > 0 ? wait : s.delay_s;
    }
    put_text(&s, ret);
}
