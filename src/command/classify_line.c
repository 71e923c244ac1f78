#include "command/classify_line.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/json_fault.h"
#include "fault/answer_text.h"

void classify_line_init(struct classify_line *c, size_t max)
{
    memset(&c->answer, 0, sizeof(c->answer));
    buf_init(&c->texts, max);
}

void classify_line_deinit(struct classify_line *c)
{
    buf_deinit(&c->texts);
}

static void reset(struct classify_line *c)
{
    buf_clear(&c->texts);
    c->answer = (struct answer){.medium = MEDIUM_COUNT,
                                .headers = c->headers,
                                .now_ms = clock_system_wall_ms(NULL),
                                .body = {"", 0},
                                .event = {"", 0},
                                .command = {"", 0}};
}

/*
 * A string of a checked text as it was meant, or a value of another kind as it is written. The bytes of
 * `texts` do not move: it is reserved once for the whole line.
 */
static enum err text_of(struct classify_line *c, struct json_value value, struct span *ret)
{
    if (value.kind == JSON_KIND_NULL || value.kind == JSON_KIND_NONE) {
        *ret = (struct span){"", 0};
        return ERR_NONE;
    }
    if (value.kind != JSON_KIND_STRING) {
        *ret = value.raw;
        return ERR_NONE;
    }
    if (json_string_plain(value, ret))
        return ERR_NONE;
    size_t at = buf_len(&c->texts);
    enum err e = json_string_decode(value, &c->texts);
    if (!e)
        *ret = (struct span){c->texts.data + c->texts.head + at, buf_len(&c->texts) - at};
    return e;
}

struct name_value {
    const char *name;
    int value;
};

static bool named(struct span name, const struct name_value *rows, size_t count, int *ret)
{
    for (size_t i = 0; i < count; i++)
        if (span_eq_nocase(name, span_of(rows[i].name))) {
            *ret = rows[i].value;
            return true;
        }
    return false;
}

static const struct name_value channels[] = {
    {"mail", MEDIUM_MAIL}, {"email", MEDIUM_MAIL},      {"push", MEDIUM_PUSH},       {"app", MEDIUM_PUSH},
    {"line", MEDIUM_LINE}, {"browser", MEDIUM_BROWSER}, {"webpush", MEDIUM_BROWSER}, {"web", MEDIUM_BROWSER},
};
static const struct name_value services[] = {
    {"sendgrid", SERVICE_SENDGRID}, {"smtp", SERVICE_SMTP},         {"fcm", SERVICE_FCM},
    {"line", SERVICE_LINE},         {"webpush", SERVICE_WEBPUSH},   {"mozilla", SERVICE_WEBPUSH},
    {"autopush", SERVICE_WEBPUSH},  {"wns", SERVICE_WEBPUSH},       {"gcm-web", SERVICE_WEBPUSH},
    {"fcm-web", SERVICE_WEBPUSH},   {"apple-web", SERVICE_WEBPUSH},
};
static const struct name_value stages[] = {
    {"request", STAGE_REQUEST}, {"event", STAGE_EVENT}, {"smtp", STAGE_SMTP}, {"dsn", STAGE_DSN}};

#define NAMED(name, rows, ret) named(name, rows, sizeof(rows) / sizeof((rows)[0]), ret)

static const enum medium service_media[SERVICE_COUNT] = {MEDIUM_COUNT, MEDIUM_MAIL, MEDIUM_MAIL,
                                                         MEDIUM_PUSH,  MEDIUM_LINE, MEDIUM_BROWSER};

/* What words are about, without a record around them: signs in the order of how sure they are. */
static const struct sign {
    const char *pattern;
    enum medium medium;
    enum service service;
    enum stage stage;
} signs[] = {
    {"(fcm response|[v1 api]|failed to send notification data)", MEDIUM_PUSH, SERVICE_FCM, STAGE_REQUEST},
    {"statuscode is not 200", MEDIUM_LINE, SERVICE_LINE, STAGE_REQUEST},
    {"^(access to this api is not available|the property, 'to'|a message * in the request "
     "body|failed to send messages|"
     "authentication failed due to the following reason|you have reached your monthly limit)",
     MEDIUM_LINE, SERVICE_LINE, STAGE_REQUEST},
    {"show_notification_error", MEDIUM_BROWSER, SERVICE_WEBPUSH, STAGE_EVENT},
    {"(failed to push content|push service|vapid|web push|no such subscription)", MEDIUM_BROWSER,
     SERVICE_WEBPUSH, STAGE_REQUEST},
    {"^(spam reporting address|unsubscribed address|bounced address|invalid|old|hardfail|sendgrid "
     "spamreport~)( error)?$",
     MEDIUM_MAIL, SERVICE_SENDGRID, STAGE_EVENT},
    {"^response error$", MEDIUM_MAIL, SERVICE_SENDGRID, STAGE_REQUEST},
    {"^(the provided authorization grant|maximum credits exceeded|does not contain a valid "
     "address)",
     MEDIUM_MAIL, SERVICE_SENDGRID, STAGE_REQUEST},
    {"^(action: |status: |diagnostic-code: |final-recipient: |reporting-mta: |smtp;)", MEDIUM_MAIL,
     SERVICE_SMTP, STAGE_DSN},
    {"^# ", MEDIUM_MAIL, SERVICE_SMTP, STAGE_SMTP},
    {"^#-", MEDIUM_MAIL, SERVICE_SMTP, STAGE_SMTP},
    {"(third_party_auth_error|sender_id_mismatch|registration "
     "token|apns|firebase|fcm|unregistered|baddevicetoken)",
     MEDIUM_PUSH, SERVICE_FCM, STAGE_REQUEST},
};

/* Where the list has a place for something: three of one of these letters. */
static size_t place_at(const char *text)
{
    return (text[0] == 'X' || text[0] == 'Y' || text[0] == 'Z') && text[1] == text[0] && text[2] == text[0]
               ? 3
               : 0;
}

/* Whether a line is a text of the list, with anything in its places. */
static bool is_text(struct span line, const char *text)
{
    size_t at = 0;
    while (*text) {
        size_t place = place_at(text), len = 0;
        while (text[len] && !place_at(text + len))
            len++;
        if (place == 0) { /* what stands up to the next place stands here */
            if (line.len - at < len || memcmp(line.ptr + at, text, len) != 0)
                return false;
            at += len;
            text += len;
            continue;
        }
        text += place;
        for (len = 0; text[len] && !place_at(text + len);)
            len++;
        if (len == 0)
            return at < line.len;
        while (at < line.len && (line.len - at < len || memcmp(line.ptr + at, text, len) != 0))
            at++;
        if (at == line.len)
            return false;
    }
    return at == line.len;
}

bool classify_line_own(struct span line, enum delivery_error_id *ret)
{
    for (enum delivery_error_id id = 0; id < DELIVERY_ERROR_COUNT; id++) {
        const struct delivery_error *row = delivery_error_of(id);
        bool answered = id >= DELIVERY_ERROR_client_response && id <= DELIVERY_ERROR_client_address;
        if ((row->scope == DELIVERY_JOB || row->scope == DELIVERY_COMMON) && !answered &&
            is_text(line, row->text)) {
            *ret = id;
            return true;
        }
    }
    return false;
}

static void guess_words(struct answer *a)
{
    struct answer_text text;
    answer_text_of(a->body, &text);
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (answer_text_has(answer_text_span(&text), signs[i].pattern)) {
            a->medium = signs[i].medium;
            a->service = signs[i].service;
            a->stage = signs[i].stage;
            return;
        }
    a->medium = MEDIUM_MAIL;
    a->service = SERVICE_SMTP;
    a->stage = STAGE_SMTP;
}

/* An answer in its own form. */
static void guess_value(struct answer *a, struct json_value root)
{
    static const struct {
        const char *member;
        enum medium medium;
        enum service service;
        enum stage stage;
    } forms[] = {
        {"sg_event_id", MEDIUM_MAIL, SERVICE_SENDGRID, STAGE_EVENT},
        {"event", MEDIUM_MAIL, SERVICE_SENDGRID, STAGE_EVENT},
        {"errors", MEDIUM_MAIL, SERVICE_SENDGRID, STAGE_REQUEST},
        {"errno", MEDIUM_BROWSER, SERVICE_WEBPUSH, STAGE_REQUEST},
        {"error", MEDIUM_PUSH, SERVICE_FCM, STAGE_REQUEST},
        {"name", MEDIUM_PUSH, SERVICE_FCM, STAGE_REQUEST},
        {"message", MEDIUM_LINE, SERVICE_LINE, STAGE_REQUEST},
        {"sentMessages", MEDIUM_LINE, SERVICE_LINE, STAGE_REQUEST},
    };
    struct json_value value;
    a->body = root.raw;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if (answer_text_at(root, forms[i].member, &value)) {
            a->medium = forms[i].medium;
            a->service = forms[i].service;
            a->stage = forms[i].stage;
            break;
        }
    if (a->stage == STAGE_EVENT) {
        a->event = root.raw;
        a->body = (struct span){"", 0};
    }
}

/* Whether an object is a record of ours, and not an answer of a service. */
static bool is_record(struct json_value root)
{
    struct json_value value;
    static const char *const members[] = {"channel", "stage", "provider", "body", "headers", "smtp"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (answer_text_at(root, members[i], &value))
            return true;
    return answer_text_at(root, "event", &value) && value.kind == JSON_KIND_OBJECT;
}

static enum err read_headers(struct classify_line *c, struct json_value headers, char why[CLASSIFY_WHY_MAX])
{
    struct span key;
    struct json_value value;
    if (headers.kind != JSON_KIND_OBJECT && headers.kind != JSON_KIND_NULL &&
        headers.kind != JSON_KIND_NONE) {
        (void)snprintf(why, CLASSIFY_WHY_MAX, "headers: not an object");
        return ERR_INVALID;
    }
    struct json_iter it = json_members(headers);
    while (json_next_member(&it, &key, &value)) {
        if (c->answer.header_count == CLASSIFY_HEADERS_MAX) {
            (void)snprintf(why, CLASSIFY_WHY_MAX, "headers: more than %u", CLASSIFY_HEADERS_MAX);
            return ERR_INVALID;
        }
        struct answer_header *h = &c->headers[c->answer.header_count++];
        struct json_iter first = json_elements(value); /* ["a", "b"]: the first counts */
        if (value.kind == JSON_KIND_ARRAY && !json_next_element(&first, &value))
            value = (struct json_value){.kind = JSON_KIND_NULL};
        h->name = key;
        enum err e = text_of(c, value, &h->value);
        if (e)
            return e;
    }
    return ERR_NONE;
}

/* A member's word among those of a list. A missing one leaves *ret; an unknown one is refused. */
static enum err read_word(struct classify_line *c, struct json_value root, const char *member,
                          const struct name_value *rows, size_t count, int *ret, char why[CLASSIFY_WHY_MAX])
{
    struct json_value value;
    struct span word;
    if (!answer_text_at(root, member, &value) || value.kind == JSON_KIND_NULL)
        return ERR_NONE;
    enum err e = text_of(c, value, &word);
    if (e)
        return e;
    if (value.kind == JSON_KIND_STRING && named(word, rows, count, ret))
        return ERR_NONE;
    int used = snprintf(why, CLASSIFY_WHY_MAX, "%s: must be", member);
    for (size_t i = 0; i < count && used > 0 && (size_t)used < CLASSIFY_WHY_MAX; i++)
        used += snprintf(why + used, CLASSIFY_WHY_MAX - (size_t)used, "%s %s", i ? "," : "", rows[i].name);
    return ERR_INVALID;
}

static enum err read_status(struct answer *a, struct json_value root, char why[CLASSIFY_WHY_MAX])
{
    struct json_value value;
    int64_t n = 0;
    bool there = answer_text_at(root, "status", &value) && value.kind != JSON_KIND_NULL;
    if (!there && answer_text_at(root, "smtp.code", &value) && value.kind != JSON_KIND_NULL)
        there = true;
    if (!there || (value.kind == JSON_KIND_STRING && value.raw.len == 2))
        return ERR_NONE;
    if (!answer_text_int(value, &n) || n < 0 || n > 999) {
        (void)snprintf(why, CLASSIFY_WHY_MAX, "status: must be a number from 0 to 999");
        return ERR_INVALID;
    }
    a->status = (int)n;
    return ERR_NONE;
}

/* What the record does not say follows from what it says. */
static void complete(struct answer *a, bool staged, struct span provider)
{
    int service = SERVICE_UNKNOWN;
    if (NAMED(provider, services, &service))
        a->service = (enum service)service;
    if (a->medium == MEDIUM_COUNT)
        a->medium = service_media[a->service];
    if (a->medium == MEDIUM_COUNT && a->event.len > 0)
        a->medium = MEDIUM_MAIL;
    if (a->medium == MEDIUM_COUNT) {
        struct answer guess = {.body = a->body, .medium = MEDIUM_COUNT};
        struct json_value root;
        if (answer_text_json(a->body, &root) && root.kind == JSON_KIND_OBJECT)
            guess_value(&guess, root);
        else
            guess_words(&guess);
        a->medium = guess.medium;
        if (!staged)
            a->stage = guess.stage;
        staged = true;
    }
    if (staged)
        return;
    if (a->event.len > 0)
        a->stage = STAGE_EVENT;
    else if (a->medium != MEDIUM_MAIL || a->service == SERVICE_SENDGRID)
        a->stage = STAGE_REQUEST;
    else
        a->stage = answer_text_header(a, "Action").len > 0 || answer_text_header(a, "Status").len > 0 ||
                           answer_text_header(a, "Diagnostic-Code").len > 0
                       ? STAGE_DSN
                       : STAGE_SMTP;
}

static enum err read_record(struct classify_line *c, struct json_value root, char why[CLASSIFY_WHY_MAX])
{
    struct answer *a = &c->answer;
    int medium = MEDIUM_COUNT, stage = -1;
    struct json_value value;
    struct span provider = {"", 0};
    enum err e =
        read_word(c, root, "channel", channels, sizeof(channels) / sizeof(channels[0]), &medium, why);
    if (!e)
        e = read_word(c, root, "stage", stages, sizeof(stages) / sizeof(stages[0]), &stage, why);
    if (!e)
        e = read_status(a, root, why);
    if (!e && answer_text_at(root, "headers", &value))
        e = read_headers(c, value, why);
    if (!e && answer_text_at(root, "provider", &value))
        e = text_of(c, value, &provider);
    if (!e && answer_text_at(root, "body", &value))
        e = text_of(c, value, &a->body);
    if (!e && answer_text_at(root, "event", &value))
        e = text_of(c, value, &a->event);
    if (!e && (answer_text_at(root, "command", &value) || answer_text_at(root, "smtp.command", &value)))
        e = text_of(c, value, &a->command);
    if (e)
        return e;
    a->medium = (enum medium)medium;
    if (stage >= 0)
        a->stage = (enum stage)stage;
    complete(a, stage >= 0, provider);
    return ERR_NONE;
}

void classify_line_value(struct classify_line *c, struct json_value value)
{
    reset(c);
    guess_value(&c->answer, value);
}

bool classify_line_batch(struct span line, struct json_iter *ret)
{
    if (line.len == 0 || line.ptr[0] != '[' || json_check(line, JSON_DEPTH, NULL))
        return false;
    *ret = json_elements(json_root(line));
    return true;
}

enum err classify_line_read(struct classify_line *c, struct span line, char why[CLASSIFY_WHY_MAX])
{
    reset(c);
    if (line.len == 0 || line.ptr[0] != '{') {
        c->answer.body = line;
        guess_words(&c->answer);
        return ERR_NONE;
    }
    size_t at = 0;
    enum err e = json_check(line, JSON_DEPTH, &at);
    if (e) {
        struct json_fault fault;
        json_fault_find(line, JSON_DEPTH, e, at, &fault);
        (void)snprintf(why, CLASSIFY_WHY_MAX, "%s%s%s", fault.path, fault.path[0] ? ": " : "", fault.message);
        return ERR_INVALID;
    }
    /* No decoded string is longer than the line: nothing that a span points to moves. */
    e = buf_reserve(&c->texts, line.len);
    if (e)
        return e;
    struct json_value root = json_root(line);
    if (is_record(root))
        return read_record(c, root, why);
    guess_value(&c->answer, root);
    return ERR_NONE;
}
