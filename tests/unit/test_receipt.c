/*
 * Answers of mail servers and of SendGrid in, receipts out: receipt_mail_rows.def has texts of servers,
 * receipt_sendgrid_rows.def answers with what came around them. Beside the rows, what holds for every answer,
 * and the tools that the rules read with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "fault/answer_text.h"
#include "fault/receipt_mail.h"
#include "fault/receipt_sendgrid.h"

#define NOW_MS 784111740000 /* 37 seconds before the date in the rows */
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct want {
    enum delivery_error_id error; /* COUNT: no failure */
    enum receipt_class class;
    enum receipt_retry retry;
    enum receipt_effect effect, seed_effect;
    enum receipt_whom scope;
};

/* What a text means; its kind is バウンスエラー, but of those that our own relay says. */
struct meaning {
    enum receipt_class class;
    enum receipt_retry retry;
    enum receipt_effect effect;
    bool own;
};

static const struct text_row {
    struct meaning want;
    const char *text;
} texts[] = {
#define MEANS(class, retry, effect, own)                                                                     \
    {                                                                                                        \
        RECEIPT_##class, RECEIPT_RETRY_##retry, RECEIPT_##effect, own                                        \
    }
#define GONE MEANS(PERMANENT_RECIPIENT, NO, UNSUBSCRIBE, false)
#define SHUT MEANS(PERMANENT_RECIPIENT, NO, NO_EFFECT, false)
#define FULL MEANS(MAILBOX_FULL, LATER, NO_EFFECT, false)
#define RATE MEANS(RATE_LIMIT, LATER, NO_EFFECT, false)
#define OURS MEANS(SENDER_SIDE, NO, PAUSE_JOB, false)
#define OURS_LATER MEANS(SENDER_SIDE, LATER, NO_EFFECT, false)
#define OWN MEANS(SENDER_SIDE, NO, PAUSE_JOB, true)
#define OTHERS MEANS(SENDER_SIDE, NO, NO_EFFECT, false)
#define OWN_LATER MEANS(TRANSIENT_SERVER, LATER, NO_EFFECT, true)
#define BLOCK MEANS(POLICY_BLOCK, NO, NO_EFFECT, false)
#define BLOCK_LATER MEANS(POLICY_BLOCK, LATER, NO_EFFECT, false)
#define FORM MEANS(MESSAGE_FAULT, NO, NO_EFFECT, false)
#define DOMAIN MEANS(DOMAIN_DNS, NO, NO_EFFECT, false)
#define LOOKUP MEANS(DOMAIN_DNS, LATER, NO_EFFECT, false)
#define PASSING MEANS(TRANSIENT_SERVER, LATER, NO_EFFECT, false)
#define UNKNOWN MEANS(UNCLASSIFIED, NO, NO_EFFECT, false)
#define UNSURE MEANS(UNKNOWN_SENT, SENT_UNKNOWN, NO_EFFECT, false)
#include "receipt_mail_rows.def"
};

static const struct answer_row {
    const char *why;
    enum stage stage;
    int status;
    const char *headers;
    const char *body, *event, *command;
    struct want want;
    const char *text;
    uint32_t wait_s;
} answers[] = {
#define WANT(error, class, retry, effect, seed, scope)                                                       \
    {                                                                                                        \
        DELIVERY_ERROR_##error, RECEIPT_##class, RECEIPT_RETRY_##retry, RECEIPT_##effect, RECEIPT_##seed,    \
            RECEIPT_##scope                                                                                  \
    }
#define CLIENT(error, class, effect, scope) WANT(error, class, NO, effect, NO_EFFECT, scope)
#define ACCEPTED WANT(COUNT, ACCEPTED, NO, NO_EFFECT, NO_EFFECT, MESSAGE)
#define PENDING WANT(COUNT, PENDING, LATER, NO_EFFECT, NO_EFFECT, MESSAGE)
#define REQUEST STAGE_REQUEST
#define EVENT STAGE_EVENT
#define SMTP STAGE_SMTP
#define DSN STAGE_DSN
#include "receipt_sendgrid_rows.def"
};

/* What holds for every receipt. */
static void check_form(const struct receipt *r)
{
    size_t at = 0;
    uint32_t cp = 0;
    assert_true(r->text_len < RECEIPT_TEXT_MAX);
    assert_int_equal(r->text[r->text_len], '\0');
    while (at < r->text_len) {
        size_t used = utf8_next(r->text + at, r->text_len - at, &cp);
        assert_true(used > 0 && !utf8_is_control(cp));
        at += used;
    }
    if (r->failed) {
        assert_true(r->error < DELIVERY_ERROR_COUNT && r->text_len > 0);
    } else {
        assert_true(r->class == RECEIPT_ACCEPTED || r->class == RECEIPT_PENDING);
        assert_true(r->effect == RECEIPT_NO_EFFECT && r->seed_effect == RECEIPT_NO_EFFECT);
    }
    /* Nobody is unsubscribed but for what concerns the person alone, and never together with another try. */
    if (r->effect == RECEIPT_UNSUBSCRIBE)
        assert_true(r->scope == RECEIPT_RECIPIENT && r->retry == RECEIPT_RETRY_NO);
    if (r->effect == RECEIPT_PAUSE_JOB)
        assert_true(r->scope == RECEIPT_ACCOUNT);
    if (r->class == RECEIPT_UNKNOWN_SENT)
        assert_true(r->retry == RECEIPT_RETRY_SENT_UNKNOWN);
}

static void receive(const struct answer *a, struct receipt *r)
{
    memset(r, 0xAA, sizeof(*r));
    receipt_of(a, r);
    check_form(r);
}

static bool text_fits(const struct text_row *row, const struct receipt *r)
{
    const char *kind = row->want.own ? "クライアントエラー" : "バウンスエラー";
    return r->failed && r->class == row->want.class && r->retry == row->want.retry &&
           r->effect == row->want.effect && strcmp(delivery_error_of(r->error)->kind, kind) == 0;
}

/*
 * Every text as a reply, and as the words of a bounce, where the kind is always that of a bounce.
 */
static void test_texts(void **state)
{
    (void)state;
    size_t failed = 0;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct answer a = {.medium = MEDIUM_MAIL,
                           .service = SERVICE_SMTP,
                           .stage = STAGE_SMTP,
                           .body = span_of(texts[i].text),
                           .now_ms = NOW_MS};
        struct receipt r;
        receive(&a, &r);
        bool fits = text_fits(&texts[i], &r);
        if (!fits)
            print_error("%s %s %s (%s): %s\n", receipt_class_text(r.class), receipt_retry_text(r.retry),
                        receipt_effect_text(r.effect), r.failed ? delivery_error_of(r.error)->kind : "-",
                        texts[i].text);
        failed += fits ? 0 : 1;
        a.stage = STAGE_DSN;
        receive(&a, &r);
        assert_string_equal(delivery_error_of(r.error)->kind, "バウンスエラー");
        assert_int_equal(r.class, texts[i].want.class);
    }
    assert_true(COUNT(texts) >= 300);
    assert_int_equal(failed, 0);
}

static const char *const harmless[] = {
#include "receipt_harmless_rows.def"
};

/* What only sounds like a dead address. */
static void test_harmless(void **state)
{
    (void)state;
    size_t failed = 0;
    for (size_t i = 0; i < COUNT(harmless); i++)
        for (enum stage stage = STAGE_SMTP; stage <= STAGE_DSN; stage++) {
            struct answer a = {.medium = MEDIUM_MAIL, .stage = stage, .body = span_of(harmless[i])};
            struct receipt r;
            receive(&a, &r);
            if (r.effect == RECEIPT_UNSUBSCRIBE) {
                print_error("unsubscribes: %s\n", harmless[i]);
                failed++;
            }
        }
    assert_int_equal(failed, 0);
}

static size_t headers_of(const char *lines, struct answer_header *out, size_t max)
{
    size_t count = 0;
    while (*lines && count < max) {
        size_t len = strcspn(lines, "\n"), name = strcspn(lines, ":");
        out[count].name = (struct span){lines, name};
        out[count++].value = (struct span){lines + name + 1, len - name - 1};
        lines += len + (lines[len] ? 1 : 0);
    }
    return count;
}

static bool answer_fits(const struct answer_row *row, const struct receipt *r)
{
    const struct want *w = &row->want;
    bool failed = w->error != DELIVERY_ERROR_COUNT;
    return r->failed == failed && (!failed || r->error == w->error) && r->class == w->class &&
           r->retry == w->retry && r->effect == w->effect && r->seed_effect == w->seed_effect &&
           r->scope == w->scope && r->retry_after_s == row->wait_s &&
           (!row->text || strcmp(row->text, r->text) == 0);
}

static void test_answers(void **state)
{
    (void)state;
    size_t failed = 0;
    for (size_t i = 0; i < COUNT(answers); i++) {
        const struct answer_row *row = &answers[i];
        struct answer_header headers[4];
        struct answer a = {.medium = MEDIUM_COUNT, /* the service says which */
                           .service = row->stage == STAGE_REQUEST || row->stage == STAGE_EVENT
                                          ? SERVICE_SENDGRID
                                          : SERVICE_SMTP,
                           .stage = row->stage,
                           .status = row->status,
                           .headers = headers,
                           .header_count = headers_of(row->headers, headers, COUNT(headers)),
                           .body = span_of(row->body),
                           .event = span_of(row->event),
                           .command = span_of(row->command),
                           .now_ms = NOW_MS};
        struct receipt r;
        receive(&a, &r);
        if (!answer_fits(row, &r)) {
            failed++;
            print_error("%s: %s %s %s %s %s %s after %u: %s\n", row->why,
                        r.failed ? delivery_error_of(r.error)->id : "-", receipt_class_text(r.class),
                        receipt_retry_text(r.retry), receipt_effect_text(r.effect),
                        receipt_effect_text(r.seed_effect), receipt_whom_text(r.scope), r.retry_after_s,
                        r.text);
        }
    }
    assert_int_equal(failed, 0);
}

/* Each list's text is judged as the list has it. */
static void test_list(void **state)
{
    (void)state;
    for (enum delivery_error_id id = DELIVERY_ERROR_bounce_spam; id <= DELIVERY_ERROR_bounce_dial; id++) {
        const struct delivery_error *row = delivery_error_of(id);
        struct answer a = {
            .medium = MEDIUM_MAIL, .service = SERVICE_SMTP, .stage = STAGE_SMTP, .body = span_of(row->text)};
        struct receipt r;
        receive(&a, &r);
        assert_int_equal(r.error, id);
        assert_string_equal(r.text, row->text);
        assert_int_equal(r.seed_effect, RECEIPT_UNSUBSCRIBE);
    }
}

/* A text that is cut anywhere, or stands twice, is judged without harm. */
static void test_cuts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct span whole = span_of(texts[i].text);
        for (size_t len = 0; len <= whole.len; len += 5 + len / 8) {
            char *copy = malloc(len + 1); /* so that a sanitizer sees a read behind the end */
            assert_non_null(copy);
            memcpy(copy, whole.ptr, len);
            struct answer a = {.medium = MEDIUM_MAIL, .stage = STAGE_DSN, .body = {copy, len}};
            struct receipt r;
            receive(&a, &r);
            free(copy);
        }
    }
    for (size_t i = 0; i < COUNT(answers); i++) {
        struct span whole = span_of(answers[i].event[0] ? answers[i].event : answers[i].body);
        for (size_t len = 0; len <= whole.len; len += 3) {
            char *copy = malloc(len + 1);
            assert_non_null(copy);
            memcpy(copy, whole.ptr, len);
            struct answer a = {.medium = MEDIUM_MAIL,
                               .service = SERVICE_SENDGRID,
                               .stage = answers[i].stage,
                               .status = answers[i].status};
            *(answers[i].event[0] ? &a.event : &a.body) = (struct span){copy, len};
            struct receipt r;
            receive(&a, &r);
            free(copy);
        }
    }
}

/* What failed before an answer came. */
static void test_outcomes(void **state)
{
    (void)state;
    static const struct {
        enum medium medium;
        enum processed processed;
        enum delivery_error_id error;
        enum receipt_retry retry;
    } rows[] = {
        {MEDIUM_MAIL, PROCESSED_NO, DELIVERY_ERROR_mail_server, RECEIPT_RETRY_LATER},
        {MEDIUM_MAIL, PROCESSED_UNKNOWN, DELIVERY_ERROR_mail_server, RECEIPT_RETRY_SENT_UNKNOWN},
        {MEDIUM_PUSH, PROCESSED_NO, DELIVERY_ERROR_push_unavailable, RECEIPT_RETRY_LATER},
        {MEDIUM_PUSH, PROCESSED_UNKNOWN, DELIVERY_ERROR_push_unavailable, RECEIPT_RETRY_SENT_UNKNOWN},
        {MEDIUM_LINE, PROCESSED_NO, DELIVERY_ERROR_line_server, RECEIPT_RETRY_LATER},
        {MEDIUM_LINE, PROCESSED_UNKNOWN, DELIVERY_ERROR_line_server,
         RECEIPT_RETRY_LATER}, /* it has a retry key */
        {MEDIUM_BROWSER, PROCESSED_NO, DELIVERY_ERROR_browser_temporary, RECEIPT_RETRY_LATER},
        {MEDIUM_BROWSER, PROCESSED_YES, DELIVERY_ERROR_browser_temporary, RECEIPT_RETRY_SENT_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct outcome o = {.fault = FAULT_connect_failed, .processed = rows[i].processed};
        struct answer a = {.medium = rows[i].medium, .stage = STAGE_REQUEST, .outcome = &o};
        struct receipt r;
        receive(&a, &r);
        assert_true(r.failed && r.error == rows[i].error && r.retry == rows[i].retry);
        assert_true(r.effect == RECEIPT_NO_EFFECT && r.seed_effect == RECEIPT_NO_EFFECT);
    }
    /* The head of an answer was read, and its body was lost: the status counts. */
    const struct outcome o = {.processed = PROCESSED_YES, .status = 401};
    struct answer a = {
        .medium = MEDIUM_MAIL, .service = SERVICE_SENDGRID, .stage = STAGE_REQUEST, .outcome = &o};
    struct receipt r;
    receive(&a, &r);
    assert_true(r.error == DELIVERY_ERROR_client_response && r.effect == RECEIPT_PAUSE_JOB);
    /* Nobody says what it is about. */
    a = (struct answer){.medium = MEDIUM_COUNT, .status = 500};
    receive(&a, &r);
    assert_true(r.error == DELIVERY_ERROR_unclassified && r.retry == RECEIPT_RETRY_NO);
}

static void test_blame(void **state)
{
    (void)state;
    struct receipt_blame b;
    receipt_sendgrid_blame(
        SPAN_LIT("{\"errors\":[{\"field\":\"personalizations.12.to.0.email\"},"
                 "{\"field\":\"personalizations.3.to\"},{\"field\":\"personalizations[12].cc[0].email\"}]}"),
        &b);
    assert_false(b.whole);
    assert_int_equal(b.count, 2);
    assert_int_equal(b.indexes[0], 3);
    assert_int_equal(b.indexes[1], 12);
    receipt_sendgrid_blame(
        SPAN_LIT("{\"errors\":[{\"field\":\"personalizations.0.to.0.email\"},{\"field\":\"subject\"}]}"), &b);
    assert_true(b.whole && b.count == 1);
    static const char *const wholes[] = {"",
                                         "<html>",
                                         "{\"errors\":[]}",
                                         "{\"errors\":[{\"field\":null}]}",
                                         "{\"errors\":[{\"field\":\"personalizations\"}]}",
                                         "{\"errors\":[{\"field\":\"personalizations.1000.to\"}]}",
                                         "{\"errors\":[{\"field\":\"personalizations.99999999999.to\"}]}",
                                         "{\"errors\":[{\"field\":\"personalizationsX.1.to\"}]}"};
    for (size_t i = 0; i < COUNT(wholes); i++) {
        receipt_sendgrid_blame(span_of(wholes[i]), &b);
        assert_true(b.whole && b.count == 0);
    }
}

static void test_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool want;
    } rows[] = {
        {"full", "is full", true},
        {"full", "is fully", false},
        {"full~", "is fully", true},
        {"~ully", "is fully", true},
        {"ully", "is fully", false},
        {"^is", "is full", true},
        {"^full", "is full", false},
        {"full$", "is full", true},
        {"is$", "is full", false},
        {"a (b|c) d", "a c d", true},
        {"a (b |c )?d", "a d", true},
        {"a (b|c) d", "a d", false},
        {"a * d", "a d", true},
        {"a * d", "a b c d", true},
        {"a * d", "ad", false},
        {"#.#", "4.22", true},
        {"(x|throttl~) now", "throttled now", true},
        {"a * z", "a 1234567890123456789012345678901234567890123 z", false},
        {"((a|b) c|d) e", "b c e", true},
        {"(a( b)?|c) d", "a b d", true},
        {"a", "", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (answer_text_has(span_of(rows[i].text), rows[i].pattern) != rows[i].want)
            fail_msg("'%s' in '%s'", rows[i].pattern, rows[i].text);
    assert_true(receipt_mail_rules_ok());
    static const char *const bad[] = {"",   "*a", "a * b * c * d", "(a", "a)", "A",
                                      "a^", "$a", "((((a))))",     "a(b"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(answer_text_pattern_ok(bad[i]));
}

static void check_normal(const char *raw, const char *want)
{
    struct answer_text text;
    answer_text_of(span_of(raw), &text);
    assert_int_equal(text.len, strlen(want));
    assert_memory_equal(text.bytes, want, text.len);
}

static void test_normal(void **state)
{
    (void)state;
    check_normal("", "");
    check_normal(" \r\n\t ", "");
    check_normal(" User\r\n  Unknown\xC2\xA0 X ", "user unknown x");
    check_normal("doesn\xE2\x80\x99t", "doesn't");
    check_normal("\xE5\xAE\x9B\xE3\x80\x80\xE5\x85\x88", "\xE5\xAE\x9B \xE5\x85\x88");
    struct answer_text text;
    char *big = malloc(100000);
    assert_non_null(big);
    memset(big, 'A', 100000);
    answer_text_of((struct span){big, 100000}, &text);
    assert_int_equal(text.len, ANSWER_TEXT_MAX);
    free(big);
}

/* What is left of a text once all that others chose is gone. */
static void check_plain(const char *said, const char *want)
{
    struct mail_words w;
    receipt_mail_words(span_of(said), &w);
    if (w.plain.len != strlen(want) || memcmp(w.plain.bytes, want, w.plain.len) != 0)
        fail_msg("%s: %.*s", said, (int)w.plain.len, w.plain.bytes);
}

static void test_plain(void **state)
{
    (void)state;
    check_plain("550 <full@unknown.example.jp>... User unknown", "550 @ user unknown");
    check_plain("550 user (quota@example.com) unknown", "550 user @ unknown");
    check_plain("see https://example.jp/mailbox-full?user=unknown.", "see &");
    check_plain("host spam.unknown.example.com[192.0.2.1] said no", "host .[192.0.2.1] said no");
    check_plain("listed at zen.spamhaus.org, see http://www.spamhaus.org/query", "listed at %, see %");
    check_plain("/var/mail/full/user: Disk quota", "&: disk quota");
    check_plain("mailbox is full.please try", "mailbox is full.please try");
    check_plain("550-5.1.1 The account\n550-5.1.1 does not\n550 5.1.1 exist",
                "550-5.1.1 the account does not exist");
    struct mail_words w;
    receipt_mail_words(SPAN_LIT("smtp;550 5.1.10 x"), &w);
    assert_true(w.code == 550 && w.enhanced[0] == 5 && w.enhanced[1] == 1 && w.enhanced[2] == 10);
    receipt_mail_words(SPAN_LIT("host 5.1.1.7 is 4.2.2.1"), &w);
    assert_true(w.code == 0 && w.enhanced[0] == 0);
}

static void test_json(void **state)
{
    (void)state;
    struct json_value root, value;
    char out[9];
    int64_t n = 0;
    assert_false(answer_text_json(SPAN_LIT("{\"a\":"), &root));
    assert_false(answer_text_json(SPAN_LIT(""), &root));
    assert_true(answer_text_json(
        SPAN_LIT("\xEF\xBB\xBF {\"a\":[{\"b\":\"x\\u3042\\n\\ud83d\\ude00\"}],\"n\":\"12\",\"m\":7}"),
        &root));
    assert_true(answer_text_at(root, "a[0].b", &value));
    struct span s = answer_text_string(value, out, sizeof(out));
    assert_true(span_eq(s, SPAN_LIT("xあ\n😀")));
    s = answer_text_string(value, out, 8);
    assert_true(span_eq(s, SPAN_LIT("xあ\n"))); /* no half character */
    assert_false(answer_text_at(root, "a[1].b", &value));
    assert_false(answer_text_at(root, "a.b", &value));
    assert_true(answer_text_at(root, "n", &value) && answer_text_int(value, &n) && n == 12);
    assert_true(answer_text_at(root, "m", &value) && answer_text_int(value, &n) && n == 7);
    assert_true(answer_text_at(root, "a", &value) && !answer_text_int(value, &n));
}

static uint32_t wait_for(const char *value, int64_t now_ms)
{
    const struct answer_header h = {SPAN_LIT("retry-AFTER"), span_of(value)};
    const struct answer a = {.headers = &h, .header_count = 1, .now_ms = now_ms};
    return answer_text_retry_after(&a);
}

static void test_retry_after(void **state)
{
    (void)state;
    static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT"; /* 784111777 */
    assert_int_equal(wait_for(" 120 ", 0), 120);
    assert_int_equal(wait_for("0", 0), 0);
    assert_int_equal(wait_for("-1", 0), 0);
    assert_int_equal(wait_for("1.5", 0), 0);
    assert_int_equal(wait_for("soon", NOW_MS), 0);
    assert_int_equal(wait_for("99999999999999999999", 0), ANSWER_TEXT_WAIT_MAX);
    assert_int_equal(wait_for(date, NOW_MS), 37);
    assert_int_equal(wait_for(date, 0), 0);
    assert_int_equal(wait_for(date, 784111778000), 0);
    assert_int_equal(wait_for("Sun, 06 Nuv 1994 08:49:37 GMT", NOW_MS), 0);
    assert_int_equal(wait_for("Sun, 46 Nov 1994 08:49:37 GMT", NOW_MS), 0);
    assert_int_equal(wait_for("Sun, 06 Nov 1994 28:49:37 GMT", NOW_MS), 0);
}

static void test_put(void **state)
{
    (void)state;
    struct receipt r = {.failed = false};
    for (size_t i = 0; i < 400; i++)
        answer_text_put_str(&r, "あ");
    assert_int_equal(r.text_len, 510); /* 170 whole characters */
    r = (struct receipt){.failed = false};
    answer_text_put(&r, SPAN_LIT("  a\n\tb\xFF\xE2\x80\xAE"
                                 "c "));
    answer_text_put_int(&r, -5);
    assert_string_equal(r.text, "a b\xEF\xBF\xBD c -5");
}

/* Strings are stored and shown: none may be missing. */
static void test_words(void **state)
{
    (void)state;
    for (enum receipt_class c = 0; c < RECEIPT_CLASSES; c++)
        assert_true(receipt_class_text(c)[0] != '\0');
    assert_string_equal(receipt_class_text(RECEIPT_UNKNOWN_SENT), "unknown-sent");
    assert_string_equal(receipt_retry_text(RECEIPT_RETRY_SENT_UNKNOWN), "unknown-sent");
    assert_string_equal(receipt_effect_text(RECEIPT_DROP_TOKEN), "drop_token");
    assert_string_equal(receipt_whom_text(RECEIPT_PROVIDER), "provider");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts), cmocka_unit_test(test_harmless), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_list),  cmocka_unit_test(test_cuts),     cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_blame), cmocka_unit_test(test_patterns), cmocka_unit_test(test_normal),
        cmocka_unit_test(test_plain), cmocka_unit_test(test_json),     cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_put),   cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
