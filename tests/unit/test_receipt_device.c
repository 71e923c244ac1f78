/*
 * Answers of FCM, LINE and the push services of browsers in, receipts out: a row an answer
 * (receipt_device_rows.def). Beside the rows, what must hold for every answer and every cut of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "fault/answer_said.h"
#include "fault/receipt.h"
#include "fault/receipt_device.h"

struct want {
    enum delivery_error_id error;
    enum receipt_class class;
    enum receipt_retry retry;
    enum receipt_effect effect, seed_effect;
    enum receipt_whom scope;
};

struct row {
    enum medium medium;
    enum stage stage;
    const char *why;
    int status;
    const char *headers; /* "Name: value\nName: value" */
    const char *body;    /* or the event */
    struct want want;
    const char *text; /* NULL: not told here */
    uint32_t wait_s;  /* retry_after_s */
};

#define PUSH MEDIUM_PUSH, STAGE_REQUEST
#define LINE MEDIUM_LINE, STAGE_REQUEST
#define BROWSER MEDIUM_BROWSER, STAGE_REQUEST
#define WORKER MEDIUM_BROWSER, STAGE_EVENT

#define WANT(error, class, retry, effect, seed, scope)                                                       \
    {                                                                                                        \
        DELIVERY_ERROR_##error, RECEIPT_##class, RECEIPT_RETRY_##retry, RECEIPT_##effect, RECEIPT_##seed,    \
            RECEIPT_##scope                                                                                  \
    }
#define ACCEPTED                                                                                             \
    {                                                                                                        \
        DELIVERY_ERROR_COUNT, RECEIPT_ACCEPTED, RECEIPT_RETRY_NO, RECEIPT_NO_EFFECT, RECEIPT_NO_EFFECT,      \
            RECEIPT_MESSAGE                                                                                  \
    }
#define UNREGISTERED WANT(push_unregistered, TOKEN_DEAD, NO, DROP_TOKEN, DROP_TOKEN, RECIPIENT)
#define BAD_TOKEN WANT(push_token_invalid, TOKEN_DEAD, NO, DROP_TOKEN, NO_EFFECT, RECIPIENT)
#define GONE WANT(browser_gone, TOKEN_DEAD, NO, DROP_TOKEN, NO_EFFECT, RECIPIENT)
#define FAULT(error) WANT(error, MESSAGE_FAULT, NO, NO_EFFECT, NO_EFFECT, MESSAGE)
#define ACCOUNT(error) WANT(error, SENDER_SIDE, NO, PAUSE_JOB, NO_EFFECT, ACCOUNT)
#define MISMATCH(error) WANT(error, SENDER_SIDE, NO, NO_EFFECT, NO_EFFECT, RECIPIENT)
#define WRONG_PLACE(error) WANT(error, SENDER_SIDE, NO, NO_EFFECT, NO_EFFECT, ACCOUNT)
#define RATE(error, scope) WANT(error, RATE_LIMIT, LATER, NO_EFFECT, NO_EFFECT, scope)
#define SERVER(error) WANT(error, TRANSIENT_SERVER, LATER, NO_EFFECT, NO_EFFECT, PROVIDER)
#define GAVE_UP(error) WANT(error, TRANSIENT_SERVER, SENT_UNKNOWN, NO_EFFECT, NO_EFFECT, PROVIDER)
#define LOST(error) WANT(error, UNKNOWN_SENT, SENT_UNKNOWN, NO_EFFECT, NO_EFFECT, PROVIDER)
#define OTHER(error, retry) WANT(error, UNCLASSIFIED, retry, NO_EFFECT, NO_EFFECT, PROVIDER)
#define PERSON(error) WANT(error, PERMANENT_RECIPIENT, NO, NO_EFFECT, NO_EFFECT, RECIPIENT)
#define MONTHLY WANT(line_limit, RATE_LIMIT, LATER, PAUSE_JOB, NO_EFFECT, ACCOUNT)

/* FCM's answers, put together as FCM does. */
#define G_TYPE "type.googleapis.com/google.firebase.fcm.v1."
#define G_RPC "type.googleapis.com/google.rpc."
#define FCM(code, message, status)                                                                           \
    "{\n  \"error\": {\n    \"code\": " #code ",\n    \"message\": \"" message                               \
    "\",\n    \"status\": \"" status "\"\n  }\n}\n"
#define FCM_DETAILS(code, message, status, details)                                                          \
    "{\n  \"error\": {\n    \"code\": " #code ",\n    \"message\": \"" message                               \
    "\",\n    \"status\": \"" status "\",\n    \"details\": [\n      " details "\n    ]\n  }\n}\n"
#define FCM_ERROR(code) "{\"@type\": \"" G_TYPE "FcmError\", \"errorCode\": \"" code "\"}"
#define APNS_ERROR(status, reason)                                                                           \
    "{\"@type\": \"" G_TYPE "ApnsError\", \"statusCode\": " #status ", \"reason\": \"" reason "\"}"
#define BAD_REQUEST(field, words)                                                                            \
    "{\"@type\": \"" G_RPC "BadRequest\", \"fieldViolations\": [{\"field\": \"" field                        \
    "\", \"description\": \"" words "\"}]}"
#define QUOTA(subject, words)                                                                                \
    "{\"@type\": \"" G_RPC "QuotaFailure\", \"violations\": [{\"subject\": \"" subject                       \
    "\", \"description\": \"" words "\"}]}"
#define INFO(reason)                                                                                         \
    "{\"@type\": \"" G_RPC "ErrorInfo\", \"reason\": \"" reason "\", \"domain\": \"googleapis.com\"}"
#define APNS(status, reason)                                                                                 \
    FCM_DETAILS(400, "Request contains an invalid argument.", "INVALID_ARGUMENT",                            \
                FCM_ERROR("INVALID_ARGUMENT") ", " APNS_ERROR(status, reason))
#define V1 "[v1 API] Failed to send notification data. FCM response: "
/* The page of GCM and FCM for browsers. */
#define GCM_PAGE(title, status)                                                                              \
    "<HTML>\n<HEAD>\n<TITLE>" title                                                                          \
    "</TITLE>\n</HEAD>\n<BODY BGCOLOR=\"#FFFFFF\" TEXT=\"#000000\">\n<H1>" title "</H1>\n<H2>Error " #status \
    "</H2>\n</BODY>\n</HTML>\n"
#define AUTOPUSH(status, errno_, error, message)                                                             \
    "{\"code\":" #status ",\"errno\":" #errno_ ",\"error\":\"" error "\",\"message\":\"" message             \
    "\",\"more_info\":\"http://autopush.readthedocs.io/en/latest/http.html#error-codes\"}"
#define NGINX(status, words)                                                                                 \
    "<html>\r\n<head><title>" #status " " words "</title></head>\r\n<body>\r\n<center><h1>" #status          \
    " " words "</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
#define SAID(message) "{\"message\":\"" message "\"}"

static const struct row rows[] = {
#include "receipt_device_rows.def"
};

#define HEADERS_MAX 8

struct evidence_text {
    char buf[2048];
    struct answer_header headers[HEADERS_MAX];
    struct answer answer;
};

static void evidence_of(const struct row *row, struct evidence_text *ret)
{
    memset(ret, 0, sizeof(*ret));
    /* Sun, 28 Nov 2027 00:00:00 GMT, for dates. */
    ret->answer = (struct answer){
        .medium = row->medium, .stage = row->stage, .status = row->status, .now_ms = INT64_C(1827360000000)};
    ret->answer.service = row->medium == MEDIUM_PUSH   ? SERVICE_FCM
                          : row->medium == MEDIUM_LINE ? SERVICE_LINE
                                                       : SERVICE_WEBPUSH;
    struct span *where = row->stage == STAGE_EVENT ? &ret->answer.event : &ret->answer.body;
    *where = span_of(row->body);
    assert_true(strlen(row->headers) < sizeof(ret->buf));
    (void)snprintf(ret->buf, sizeof(ret->buf), "%s", row->headers);
    char *next = ret->buf;
    for (char *line = strsep(&next, "\n"); line && *line; line = strsep(&next, "\n")) {
        char *value = strchr(line, ':');
        assert_non_null(value);
        assert_true(ret->answer.header_count < HEADERS_MAX);
        ret->headers[ret->answer.header_count++] =
            (struct answer_header){{line, (size_t)(value - line)}, span_of(value + 1)};
    }
    ret->answer.headers = ret->headers;
}

/* What must hold whatever the answer was. */
static void check_sound(const struct receipt *r)
{
    assert_true(r->text_len < RECEIPT_TEXT_MAX);
    for (size_t i = 0; i < r->text_len;) {
        uint32_t cp = 0;
        size_t used = utf8_next(r->text + i, r->text_len - i, &cp);
        assert_true(used > 0 && !utf8_is_control(cp));
        i += used;
    }
    if (!r->failed) {
        assert_true(r->class == RECEIPT_ACCEPTED && r->effect == RECEIPT_NO_EFFECT);
        return;
    }
    assert_true(r->text_len > 0 && r->error < DELIVERY_ERROR_COUNT);
    /* Tokens die of one class alone, and nothing here withdraws consent. */
    assert_int_equal(r->effect == RECEIPT_DROP_TOKEN, r->class == RECEIPT_TOKEN_DEAD);
    assert_true(r->seed_effect == RECEIPT_NO_EFFECT ||
                (r->seed_effect == RECEIPT_DROP_TOKEN && r->effect == RECEIPT_DROP_TOKEN));
    assert_true(r->effect != RECEIPT_UNSUBSCRIBE);
    if (r->class == RECEIPT_UNKNOWN_SENT)
        assert_int_equal(r->retry, RECEIPT_RETRY_SENT_UNKNOWN);
}

static void test_rows(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct row *row = &rows[i];
        struct evidence_text e;
        struct receipt r;
        evidence_of(row, &e);
        receipt_of(&e.answer, &r);
        check_sound(&r);
        bool failed = row->want.class != RECEIPT_ACCEPTED;
        bool same = r.failed == failed && r.class == row->want.class && r.retry == row->want.retry &&
                    r.effect == row->want.effect && r.seed_effect == row->want.seed_effect &&
                    r.scope == row->want.scope && (!failed || r.error == row->want.error) &&
                    r.retry_after_s == row->wait_s;
        bool text = !row->text || strcmp(row->text, r.text) == 0;
        if (same && text)
            continue;
        wrong++;
        print_error(
            "row %zu, %s: %s, class %d, retry %d, effect %d/%d, scope %d, wait %u\n  text %s\n  want %s\n", i,
            row->why, r.failed ? delivery_error_of(r.error)->id : "no failure", (int)r.class, (int)r.retry,
            (int)r.effect, (int)r.seed_effect, (int)r.scope, r.retry_after_s, r.text,
            row->text ? row->text : "(any)");
    }
    assert_int_equal(wrong, 0);
}

static void test_rows_are_many(void **state)
{
    (void)state;
    assert_true(sizeof(rows) / sizeof(*rows) >= 200);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        for (size_t j = i + 1; j < sizeof(rows) / sizeof(*rows); j++)
            if (strcmp(rows[i].why, rows[j].why) == 0 && rows[i].medium == rows[j].medium)
                fail_msg("two rows are called %s", rows[i].why);
}

/* An answer cut anywhere drops nothing that the whole does not drop, and is read within its bytes. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct evidence_text e;
        struct receipt r;
        evidence_of(&rows[i], &e);
        struct span *where = rows[i].stage == STAGE_EVENT ? &e.answer.event : &e.answer.body;
        size_t len = where->len;
        for (size_t cut = 0; cut < len; cut++) {
            char *copy = malloc(cut ? cut : 1);
            assert_non_null(copy);
            memcpy(copy, rows[i].body, cut);
            *where = (struct span){copy, cut};
            receipt_of(&e.answer, &r);
            check_sound(&r);
            if (r.effect == RECEIPT_DROP_TOKEN && rows[i].want.effect != RECEIPT_DROP_TOKEN)
                fail_msg("%s, cut to %zu bytes, drops the token", rows[i].why, cut);
            free(copy);
        }
    }
}

/* Whatever a person wrote into the message and the service repeats in its answer, no token dies of it. */
static void test_echoes_kill_none(void **state)
{
    (void)state;
    static const char *const echoes[] = {
        "UNREGISTERED",
        "NotRegistered",
        "BadDeviceToken",
        "The registration token is not a valid FCM registration token",
        "Error=NotRegistered",
        "\\\"errorCode\\\": \\\"UNREGISTERED\\\"",
        "FCM response: [404] UNREGISTERED",
        "messaging/registration-token-not-registered",
        "410 Gone push subscription has unsubscribed or expired",
        "invalid token invalid registration token",
    };
    static const char *const forms[] = {
        "{\"error\":{\"code\":400,\"message\":\"Invalid value at 'message.data[0].value' (TYPE_STRING), %s\","
        "\"status\":\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"" G_RPC
        "BadRequest\",\"fieldViolations\":["
        "{\"field\":\"message.data[0].value\",\"description\":\"Invalid value: %s\"}]}]}}",
        "{\"error\":{\"code\":400,\"message\":\"Invalid JSON payload received. Unknown name \\\"%s\\\" at "
        "'message': "
        "Cannot find field. %s\",\"status\":\"INVALID_ARGUMENT\"}}",
        "{\"error\":{\"code\":403,\"message\":\"Permission denied on %s\",\"status\":\"PERMISSION_DENIED\","
        "\"details\":[{\"@type\":\"" G_RPC "Help\",\"links\":[{\"description\":\"%s\"}]}]}}",
        "{\"error\":{\"code\":500,\"message\":\"%s\",\"status\":\"INTERNAL\",\"x\":\"%s\"}}",
        "{\"error\":{\"code\":429,\"message\":\"%s\",\"status\":\"RESOURCE_EXHAUSTED\",\"x\":\"%s\"}}",
    };
    static const int status[] = {400, 400, 403, 500, 429};
    for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++)
        for (size_t i = 0; i < sizeof(echoes) / sizeof(*echoes); i++) {
            char body[2048];
            int n = snprintf(body, sizeof(body), forms[f], echoes[i], echoes[i]);
            assert_true(n > 0 && (size_t)n < sizeof(body));
            for (size_t cut = 0; cut <= (size_t)n; cut++) {
                struct receipt r;
                struct answer a = {.medium = MEDIUM_PUSH, .service = SERVICE_FCM, .status = status[f]};
                a.body = (struct span){body, cut};
                receipt_of(&a, &r);
                check_sound(&r);
                if (r.effect == RECEIPT_DROP_TOKEN)
                    fail_msg("form %zu, echo %s, cut to %zu", f, echoes[i], cut);
            }
        }
}

/* Every status with every body that says nothing: a kind, and no token for anything but 404 and 410. */
static void test_every_status(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",  "{}",      "[]", "null", "{\"error\":null}", "<html></html>",
                                         "x", "\xff\xfe"};
    static const enum medium media[] = {MEDIUM_PUSH, MEDIUM_LINE, MEDIUM_BROWSER};
    for (size_t m = 0; m < sizeof(media) / sizeof(*media); m++)
        for (int status = 0; status <= 700; status++)
            for (size_t b = 0; b < sizeof(bodies) / sizeof(*bodies); b++) {
                struct answer a = {.medium = media[m], .status = status, .body = span_of(bodies[b])};
                struct receipt r;
                receipt_of(&a, &r);
                check_sound(&r);
                bool dead = media[m] == MEDIUM_BROWSER && (status == 404 || status == 410);
                assert_int_equal(r.effect == RECEIPT_DROP_TOKEN, dead);
                if (status >= 200 && status <= 299)
                    assert_false(r.failed);
                else if (status != 409)
                    assert_true(r.failed);
            }
}

/* Megabytes of brackets, of half a pattern, of one member: read as far as it matters, and no further. */
static void test_large(void **state)
{
    (void)state;
    static const char *const parts[] = {"[",
                                        "{\"a\":",
                                        "\"errorCode\" ",
                                        "messages[",
                                        "<title",
                                        "<",
                                        "error ",
                                        "the registration token ",
                                        "(",
                                        "\xC2\xA0",
                                        "\\\"errorCode\\\":\\\""};
    enum { LARGE = 4 << 20 };
    char *body = malloc(LARGE);
    assert_non_null(body);
    for (size_t p = 0; p < sizeof(parts) / sizeof(*parts); p++) {
        size_t len = strlen(parts[p]);
        for (size_t i = 0; i < LARGE; i++)
            body[i] = parts[p][i % len];
        static const enum medium media[] = {MEDIUM_PUSH, MEDIUM_LINE, MEDIUM_BROWSER};
        for (size_t m = 0; m < sizeof(media) / sizeof(*media); m++)
            for (int status = 0; status <= 400; status += 400) {
                struct answer a = {.medium = media[m], .status = status, .body = {body, LARGE}};
                struct receipt r;
                receipt_of(&a, &r);
                check_sound(&r);
                assert_true(r.failed && r.effect != RECEIPT_DROP_TOKEN);
            }
    }
    free(body);
}

static void test_patterns(void **state)
{
    (void)state;
    assert_true(receipt_push_rules_ok());
    assert_true(receipt_line_rules_ok());
    assert_true(receipt_browser_rules_ok());
    assert_true(answer_said_rules_ok());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rows_are_many),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_echoes_kill_none),
        cmocka_unit_test(test_every_status),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
