/*
 * Answers of FCM's HTTP v1 API and of the OAuth token endpoint before it, from the most specific to the most
 * general: FcmError.errorCode, ApnsError.reason, the older names of the same, the token endpoint's error,
 * ErrorInfo.reason, the field of BadRequest, error.status, the HTTP status; words of people last.
 *
 * Only an answer that says so of this very token drops it: UNREGISTERED, APNs' Unregistered, ExpiredToken and
 * BadDeviceToken, or words whose subject is the registration token. What an answer repeats of the message
 * must not count, so words are read only where they stand in front, and a named field beats them.
 *
 * firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode and ApnsError; cloud.google.com/apis/design/
 * errors; developer.apple.com, "Handling notification responses from APNs"; RFC 6749 5.2.
 */
#include "fault/answer_said.h"
#include "fault/receipt_device.h"
#include "fault/receipt_push_said.h"
#include "fault/receipt_rules.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define ROW(error) DELIVERY_ERROR_##error

/* What the rows of the tables below mean, class to kind. A row may name a more specific error of the kind. */
#define DEAD(error) RECEIPT_TOKEN_DEAD, RECEIPT_RETRY_NO, RECEIPT_DROP_TOKEN, RECEIPT_RECIPIENT, ROW(error)
#define FAULT                                                                                                \
    RECEIPT_MESSAGE_FAULT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_MESSAGE, ROW(client_response)
#define ACCOUNT(error) RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_PAUSE_JOB, RECEIPT_ACCOUNT, ROW(error)
/* Set up wrongly, but for this token alone: another project's, another app's. The job goes on. */
#define MISMATCH(error)                                                                                      \
    RECEIPT_SENDER_SIDE, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_RECIPIENT, ROW(error)
#define RATE(scope)                                                                                          \
    RECEIPT_RATE_LIMIT, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_##scope, ROW(push_request)
#define SERVER(error)                                                                                        \
    RECEIPT_TRANSIENT_SERVER, RECEIPT_RETRY_LATER, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER, ROW(error)
/* A gateway gave up: the service behind it may have taken the message, and there is no key to tell. */
#define GAVE_UP                                                                                              \
    RECEIPT_TRANSIENT_SERVER, RECEIPT_RETRY_SENT_UNKNOWN, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER,               \
        ROW(push_unavailable)
#define REQUEST(retry)                                                                                       \
    RECEIPT_UNCLASSIFIED, RECEIPT_RETRY_##retry, RECEIPT_NO_EFFECT, RECEIPT_PROVIDER, ROW(push_request)
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
    {"MessageTooBig", FAULT},
    {"InvalidDataKey", FAULT},
    {"InvalidTtl", FAULT},
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
    {"messaging/invalid-argument", FAULT},
    {"InvalidParameters", FAULT},
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

/* Words of people, in front of the message; only where nothing above spoke of something else. */
static const struct answer_rule messages[] = {
    {"^(the )?(provided )?registration token (provided )?is (not (a )?valid|invalid|malformed)",
     DEAD(push_token_invalid)},
    {"^invalid registration (token|id)", DEAD(push_token_invalid)},
    {"^(the )?(provided )?registration token (is |was |has been )?(not registered|unregistered)",
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

/* A complaint about the field message.token that is none about the token: it is missing, or no string. */
static const char not_the_token[] =
    "(missing|required|empty|not set|invalid value at|unknown name|cannot find field)";

static const struct answer_rule *by_field(const struct push_said *s)
{
    if (s->field.len == 0)
        return NULL;
    struct answer_text text;
    answer_text_of(s->violation.len > 0 ? s->violation : s->message, &text);
    bool token = span_eq(s->field, SPAN_LIT("message.token")) || span_eq(s->field, SPAN_LIT("token"));
    return token && !answer_text_has(answer_text_span(&text), not_the_token) ? &token_invalid : &fault;
}

static const struct answer_rule *by_words(const struct push_said *s)
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
    static const struct answer_rule large = {
        "", RECEIPT_MESSAGE_FAULT, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_MESSAGE, ROW(push_request)};
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
    case 502:
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
static const struct answer_rule *by_loss(const struct push_said *s)
{
    static const struct answer_rule before = {"",
                                              RECEIPT_TRANSIENT_SERVER,
                                              RECEIPT_RETRY_LATER,
                                              RECEIPT_NO_EFFECT,
                                              RECEIPT_PROVIDER,
                                              ROW(push_unavailable)};
    static const struct answer_rule lost = {"",
                                            RECEIPT_UNKNOWN_SENT,
                                            RECEIPT_RETRY_SENT_UNKNOWN,
                                            RECEIPT_NO_EFFECT,
                                            RECEIPT_PROVIDER,
                                            ROW(push_unavailable)};
    static const struct answer_rule words = {"", REQUEST(NO)};
    if (s->message.len == 0)
        return &lost;
    struct answer_text text;
    answer_text_of(s->message, &text);
    enum answer_said_loss loss = answer_said_loss(answer_text_span(&text));
    return loss == ANSWER_SAID_NOTHING ? &words : loss == ANSWER_SAID_LOST ? &lost : &before;
}

static const struct answer_rule *rule_of(const struct push_said *s)
{
    struct span general = s->canonical.len > 0 ? s->canonical : s->old;
    const struct answer_rule *rule = answer_said_code(fcm_codes, COUNT(fcm_codes), s->code);
    if (!rule)
        rule = answer_said_code(apns_reasons, COUNT(apns_reasons), s->apns);
    if (!rule)
        rule = answer_said_code(old_codes, COUNT(old_codes), s->old);
    if (!rule && s->oauth.len > 0) {
        rule = answer_said_code(oauth_errors, COUNT(oauth_errors), s->oauth);
        /* All others say that this account may not, or not so: invalid_grant, invalid_scope and the like. */
        if (!rule && s->status <= 403)
            rule = &account;
    }
    if (!rule)
        rule = answer_said_code(info_reasons, COUNT(info_reasons), s->reason);
    if (!rule)
        rule = by_field(s);
    /* In 2018 the codes stood in error.status; libraries hand them on as "code". */
    if (!rule)
        rule = answer_said_code(fcm_codes, COUNT(fcm_codes), general);
    if (rule)
        return rule;
    rule = answer_said_code(canonical, COUNT(canonical), general);
    if (!rule && s->status >= 300)
        rule = by_status(s->status);
    /* What words can add to: not that the service was busy. */
    bool open = !rule || rule->class == RECEIPT_MESSAGE_FAULT || rule->class == RECEIPT_SENDER_SIDE;
    const struct answer_rule *words = open && !s->cut ? by_words(s) : NULL;
    /* Where access was refused, "token" is the access token. */
    if (words && !(words->class == RECEIPT_TOKEN_DEAD && (s->status == 401 || s->status == 403)))
        return words;
    return rule ? rule : by_loss(s);
}

/* Whose quota it is, and whether waiting helps today: the code says neither, the words beside it do. */
static void refine_quota(const struct push_said *s, struct receipt *ret)
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

static void put_text(const struct push_said *s, struct receipt *ret)
{
    if (s->verbatim.len > 0) {
        answer_said_put(ret, s->verbatim, RECEIPT_TEXT_MAX - 4);
        return;
    }
    const struct span codes[] = {s->code, s->apns, s->old, s->oauth, s->reason, s->canonical};
    struct span code = {"", 0};
    bool generic =
        span_eq(s->code, SPAN_LIT("INVALID_ARGUMENT")) || span_eq(s->code, SPAN_LIT("UNSPECIFIED_ERROR"));
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
            answer_said_put(ret, parts[i], PUSH_SAID_WORDS_MAX - 4);
        }
}

void receipt_push(const struct answer *a, struct receipt *ret)
{
    struct push_said s;
    push_said_of(a, &s);
    if (!s.failed) {
        *ret =
            (struct receipt){.class = RECEIPT_ACCEPTED, .retry = RECEIPT_RETRY_NO, .scope = RECEIPT_MESSAGE};
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
    /* The list: after UNREGISTERED nothing more is sent to the token. It says so of no other error. */
    if (ret->error == ROW(push_unregistered))
        ret->seed_effect = RECEIPT_DROP_TOKEN;
    if (ret->retry == RECEIPT_RETRY_YES || ret->retry == RECEIPT_RETRY_LATER) {
        uint32_t wait = answer_text_retry_after(a);
        ret->retry_after_s = wait > 0 ? wait : s.delay_s;
    }
    put_text(&s, ret);
}

bool receipt_push_rules_ok(void)
{
    bool ok = answer_text_pattern_ok(not_the_token);
    for (size_t i = 0; i < COUNT(messages); i++)
        ok = ok && answer_text_pattern_ok(messages[i].pattern);
    return ok;
}
