#include "fault/receipt_push_said.h"

#include "base/decimal.h"
#include "fault/answer_said.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Errors of the token endpoint that say the account may not, in the middle of somebody's words. */
static const char oauth_words[] =
    "(invalid_grant|invalid_client|unauthorized_client|invalid_scope|access_denied|unsupported_grant_type)";

/* google.rpc.Code as numbers, which answers in gRPC's form carry as "code". */
static const char *const grpc_names[] = {
    [1] = "CANCELLED",           [2] = "UNKNOWN",
    [3] = "INVALID_ARGUMENT",    [4] = "DEADLINE_EXCEEDED",
    [5] = "NOT_FOUND",           [6] = "ALREADY_EXISTS",
    [7] = "PERMISSION_DENIED",   [8] = "RESOURCE_EXHAUSTED",
    [9] = "FAILED_PRECONDITION", [10] = "ABORTED",
    [11] = "OUT_OF_RANGE",       [12] = "UNIMPLEMENTED",
    [13] = "INTERNAL",           [14] = "UNAVAILABLE",
    [15] = "DATA_LOSS",          [16] = "UNAUTHENTICATED",
};

/* A copy of the string, without escapes; empty where it is none or there is no room left. */
static struct span keep(struct push_said *s, struct json_value value, size_t max)
{
    size_t left = sizeof(s->room) - s->used;
    struct span text = answer_text_string(value, s->room + s->used, max < left ? max : left);
    s->used += text.len;
    return text;
}

static struct span keep_at(struct push_said *s, struct json_value at, const char *path, size_t max)
{
    struct json_value value;
    return answer_text_at(at, path, &value) ? keep(s, value, max) : (struct span){"", 0};
}

static bool ends_with(struct span s, const char *end)
{
    size_t len = strlen(end);
    return s.len >= len && memcmp(s.ptr + s.len - len, end, len) == 0;
}

static void read_detail(struct push_said *s, struct json_value detail)
{
    char name[96];
    struct json_value value;
    struct span type = {"", 0};
    if (answer_text_at(detail, "@type", &value))
        type = answer_text_string(value, name, sizeof(name));
    if (s->code.len == 0)
        s->code = keep_at(s, detail, "errorCode", PUSH_SAID_CODE_MAX);
    bool apns =
        ends_with(type, "ApnsError") || (type.len == 0 && answer_text_at(detail, "statusCode", &value));
    if (apns && s->apns.len == 0)
        s->apns = keep_at(s, detail, "reason", PUSH_SAID_CODE_MAX);
    else if (ends_with(type, "ErrorInfo") && s->reason.len == 0)
        s->reason = keep_at(s, detail, "reason", PUSH_SAID_CODE_MAX);
    if (s->field.len == 0 && answer_text_at(detail, "fieldViolations[0]", &value)) {
        s->field = keep_at(s, value, "field", PUSH_SAID_WORDS_MAX);
        s->violation = keep_at(s, value, "description", PUSH_SAID_WORDS_MAX);
    }
    if (s->field.len == 0 && answer_text_at(detail, "field", &value)) {
        s->field = keep(s, value, PUSH_SAID_WORDS_MAX);
        s->violation = keep_at(s, detail, "description", PUSH_SAID_WORDS_MAX);
    }
    if (s->quota.len == 0 && answer_text_at(detail, "violations[0].description", &value))
        s->quota = keep(s, value, PUSH_SAID_WORDS_MAX);
    if (answer_text_at(detail, "retryDelay", &value) &&
        value.raw.len > 2) /* "30s", "1.5s": at least that long */
        s->delay_s = decimal_leading((struct span){value.raw.ptr + 1, value.raw.len - 2});
}

/* Details are few; what follows the first ones adds nothing. */
#define DETAILS_MAX 16u

static void read_error(struct push_said *s, struct json_value error)
{
    struct json_value value;
    int64_t number = 0;
    if (answer_text_at(error, "code", &value)) {
        if (answer_text_int(value, &number) && number >= 100 && number <= 599) {
            s->status = s->status < 300 ? (int)number : s->status;
        } else if (number > 0 && number < (int64_t)COUNT(grpc_names)) {
            s->canonical = span_of(grpc_names[number]);
        } else {
            s->old = keep(s, value, PUSH_SAID_CODE_MAX);
        }
    }
    s->message = keep_at(s, error, "message", PUSH_SAID_WORDS_MAX);
    if (answer_text_at(error, "status", &value) && value.kind == JSON_KIND_STRING)
        s->canonical = keep(s, value, PUSH_SAID_CODE_MAX);
    s->reason = keep_at(s, error, "errors[0].reason", PUSH_SAID_CODE_MAX);
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
static bool read_legacy(struct push_said *s, struct json_value root)
{
    struct json_value value, second;
    if (!answer_text_at(root, "results[0]", &value))
        return false;
    s->old = keep_at(s, value, "error", PUSH_SAID_CODE_MAX);
    if (answer_text_at(root, "results[1]", &second))
        s->old = (struct span){"", 0};
    s->failed = s->failed || s->old.len > 0;
    return true;
}

static void read_json(struct push_said *s, struct json_value root)
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
        s->oauth = keep(s, value, PUSH_SAID_WORDS_MAX);
        s->message = keep_at(s, root, "error_description", PUSH_SAID_WORDS_MAX);
        if (s->oauth.len > 0 && memchr(s->oauth.ptr, ' ', s->oauth.len)) { /* a sentence, no code */
            s->message = s->oauth;
            s->oauth.len = 0;
        }
        s->old = s->oauth; /* the legacy API says "error": "NotRegistered" where a topic was asked */
        s->failed = true;
    } else if (answer_text_at(root, "errorInfo", &value)) {
        read_error(s, value);
        s->failed = true;
    } else if (answer_text_at(root, "reason", &value)) {
        s->apns = keep(s, value, PUSH_SAID_CODE_MAX);
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

/* The name of a code that begins there in a normalised text: "invalid_grant", "messaging/internal-error". */
static struct span name_at(struct span text, size_t at)
{
    size_t end = at;
    while (end < text.len && ((text.ptr[end] >= 'a' && text.ptr[end] <= 'z') || text.ptr[end] == '_' ||
                              text.ptr[end] == '-' || text.ptr[end] == '/'))
        end++;
    return (struct span){text.ptr + at, end - at};
}

/* Whether a lower-case name is this one, "_" aside: "notfound" and "not_found" are NOT_FOUND. */
static bool same_letters(struct span a, const char *b)
{
    size_t i = 0;
    for (; *b; b++) {
        if (*b == '_')
            continue;
        while (i < a.len && a.ptr[i] == '_')
            i++;
        if (i == a.len || a.ptr[i++] != (*b | 0x20))
            return false;
    }
    return i == a.len;
}

/* "rpc error: code = NotFound desc = …", "5 NOT_FOUND: …": what clients of gRPC print. Empty: neither. */
static struct span grpc_name(struct span text)
{
    size_t at = 0;
    if (answer_text_find(text, "code = ~", &at))
        at += sizeof("code = ") - 1;
    else if (answer_text_has(text, "^# ~"))
        while (at < text.len && text.ptr[at++] != ' ')
            continue;
    else
        return (struct span){"", 0};
    struct span word = name_at(text, at);
    for (size_t i = 1; i < COUNT(grpc_names); i++)
        if (word.len > 0 && same_letters(word, grpc_names[i]))
            return span_of(grpc_names[i]);
    return (struct span){"", 0};
}

/* The last word of a text: "… [404] ... UNREGISTERED". */
static struct span last_word(struct span text)
{
    size_t from = text.len;
    while (from > 0 && text.ptr[from - 1] != ' ')
        from--;
    return (struct span){text.ptr + from, text.len - from};
}

static struct span copy(struct push_said *s, struct span text, size_t max)
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
static void read_text(struct push_said *s, struct span body)
{
    char page[PUSH_SAID_WORDS_MAX];
    struct answer_text text;
    s->message = copy(s, answer_said(body, page, sizeof(page)), PUSH_SAID_WORDS_MAX);
    answer_text_of(body, &text);
    struct span all = answer_text_span(&text);
    if (answer_text_has(all, "^([( )?)?{~")) {
        s->cut = true;
        s->code = copy(s, loose_member(body, SPAN_LIT("\"errorCode\"")), PUSH_SAID_CODE_MAX);
        s->canonical = copy(s, loose_member(body, SPAN_LIT("\"status\"")), PUSH_SAID_CODE_MAX);
        s->message = copy(s, loose_member(body, SPAN_LIT("\"message\"")), PUSH_SAID_WORDS_MAX);
        s->failed = s->failed || s->code.len + s->canonical.len > 0;
        return;
    }
    struct answer_text words;
    answer_text_of(s->message, &words);
    int told = answer_said_status(answer_text_span(&words));
    if (s->status == 0)
        s->status = told;
    size_t at = 0;
    if (answer_text_has(all, "^error=~")) {
        s->old = copy(s, (struct span){all.ptr + 6, all.len - 6}, PUSH_SAID_CODE_MAX);
        s->failed = true;
    } else if (!s->failed) {
        return; /* words beside a 2xx */
    } else if (answer_text_find(all, "fcm response: [~", &at)) {
        /* The list's own form, as a log has it: the code is its last word. */
        s->code = copy(s, last_word(all), PUSH_SAID_CODE_MAX);
        s->canonical = s->code;
        const char *close = memchr(all.ptr + at, ']', all.len - at);
        while (close && close + 1 < all.ptr + all.len && (close[1] == ' ' || close[1] == '.'))
            close++;
        if (close)
            s->message = copy(s, (struct span){close + 1, (size_t)(all.ptr + all.len - close - 1)},
                              PUSH_SAID_WORDS_MAX);
        s->verbatim = body;
    } else if (answer_text_find(all, "(messaging|app)/~", &at)) {
        s->old = copy(s, name_at(all, at), PUSH_SAID_CODE_MAX);
    } else if (answer_text_find(all, oauth_words, &at)) {
        s->oauth = copy(s, name_at(all, at), PUSH_SAID_CODE_MAX);
    } else if (grpc_name(all).len > 0) {
        s->canonical = grpc_name(all);
    } else if (s->message.len <= PUSH_SAID_CODE_MAX && !memchr(words.bytes, ' ', words.len)) {
        s->old = s->message;
    }
}

void push_said_of(const struct answer *a, struct push_said *s)
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
    /* gRPC sends 200 and tells what became of it in a trailer. */
    uint32_t grpc = decimal_leading(answer_text_header(a, "grpc-status"));
    if (grpc > 0 && grpc < COUNT(grpc_names) && s->canonical.len == 0) {
        s->canonical = span_of(grpc_names[grpc]);
        s->failed = true;
        if (s->message.len == 0)
            s->message = copy(s, answer_text_header(a, "grpc-message"), PUSH_SAID_WORDS_MAX);
    }
}
