/* The binary itself, run as people run it: what it prints where, and its exit status. TODOKE_BIN names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "command/explain.h"
#include "command_fixture.h"

static void a_cause_in_full(void **state)
{
    (void)state;
    RUN("explain", "tls_cert_expired");
    assert_int_equal(ran.status, 0);
    assert_string_equal(ran.err, "");
    const struct cause *c = cause_of(CAUSE_tls_cert_expired);
    static const char *const parts[] = {
        "could_not_connect", "TLS handshake failure", "tls_cert_expired", "May have been processed  no:",
        "Whose side",        "Delivered again",       "RFC 5280 6.1.3"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_has(ran.out, parts[i]);
    assert_has(ran.out, c->text[LANG_EN]);
    assert_has(ran.out, c->advice[LANG_EN]);
    assert_lacks(ran.out, "\033");
}

static void words_need_no_quotes(void **state)
{
    (void)state;
    RUN("explain", "TLS", "handshake", "failure", "--lang", "ja");
    assert_int_equal(ran.status, 0);
    const struct fault *f = fault_of(FAULT_tls_handshake);
    assert_has(ran.out, f->text[LANG_JA]);
    assert_has(ran.out, f->old_text[LANG_JA]);
    assert_has(ran.out, f->advice[LANG_JA]);
    assert_has(ran.out, "tls_alert_no_application_protocol");
    assert_has(ran.out, "処理された可能性");
}

static void a_reason_with_both_editions(void **state)
{
    (void)state;
    RUN("explain", "request_timeout");
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "didn't return a response within 2 seconds.");
    assert_has(ran.out, "didn't return a response within one second.");
    assert_has(ran.out, "Request timeout");
}

static void a_status_number_is_the_detail(void **state)
{
    (void)state;
    RUN("explain", "503");
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "error_status_code");
    assert_has(ran.out, "503");
    assert_has(ran.out, "status_server_error");
    assert_has(ran.out, "unknown: the bot server may have handled it");
    RUN("explain", "500");
    assert_has(ran.out, "yes: the bot server answered it");
    RUN("explain", "status_server_error"); /* without a number, what each says */
    assert_has(ran.out, "unknown for 502, 503 and 504, else yes");
    RUN("explain", "status_client_error", "--lang", "ja");
    assert_has(ran.out, "429は「あり」");
    RUN("explain", "status_redirect");
    assert_has(ran.out, "yes: the bot server answered it");
}

static void everything_is_listed(void **state)
{
    (void)state;
    RUN("explain");
    assert_int_equal(ran.status, 0);
    for (enum reason r = 0; r < REASON_COUNT; r++)
        assert_has(ran.out, reason_text(r));
    for (enum fault_id f = FAULT_ok + 1; f < FAULT_COUNT; f++)
        assert_has(ran.out, fault_of(f)->text[LANG_EN]);
    for (enum cause_id c = CAUSE_ok + 1; c < CAUSE_COUNT; c++) {
        assert_has(ran.out, cause_of(c)->id);
        assert_has(ran.out, cause_of(c)->text[LANG_EN]);
    }
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *e = delivery_error_of(i);
        assert_has(ran.out, e->id);
        assert_has(ran.out, e->text);
        assert_has(ran.out, e->kind);
        assert_has(ran.out, delivery_scope_of(e->scope)->title[LANG_EN]);
    }
}

/* A row of the second catalogue with all that it has, in both languages. */
static void a_delivery_error_in_full(void **state)
{
    (void)state;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++)
        for (enum lang lang = LANG_EN; lang <= LANG_JA; lang++) {
            const struct delivery_error *e = delivery_error_of(i);
            RUN("explain", e->id, "--lang", lang == LANG_JA ? "ja" : "en");
            assert_int_equal(ran.status, 0);
            assert_string_equal(ran.err, "");
            const char *const parts[] = {e->id,
                                         e->text,
                                         e->kind,
                                         e->legend[lang],
                                         e->advice[lang],
                                         delivery_scope_of(e->scope)->title[lang],
                                         receipt_retry_words(e->retry, lang),
                                         receipt_effect_words(e->effect, lang),
                                         receipt_effect_words(e->seed_effect, lang),
                                         receipt_whom_words(e->whom, lang)};
            for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++)
                assert_has(ran.out, parts[j]);
            for (const char *cause = e->cause[lang]; *cause;) { /* line by line */
                char line[1024];
                size_t len = strcspn(cause, "\n");
                assert_true(len < sizeof(line));
                (void)snprintf(line, sizeof(line), "%.*s", (int)len, cause);
                assert_has(ran.out, line);
                cause += len + (cause[len] == '\n');
            }
        }
}

/* By whatever stands in a job's results: a kind, a text of several rows, a text filled in, a part of it. */
static void delivery_errors_by_what_people_have(void **state)
{
    (void)state;
    RUN("explain", "バウンスエラー");
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "Targeted delivery ▸ Mail (SendGrid)\n  バウンスエラー (bounce)\n    bounce_spam ");
    assert_has(ran.out, "    bounce_dial  ");
    assert_lacks(ran.out, "drop_spam");
    RUN("explain", "User", "not", "found.", ":u1", "--lang", "ja");
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "存在しないユーザー");
    assert_has(ran.out, delivery_error_of(DELIVERY_ERROR_user_not_found)->advice[LANG_JA]);
    RUN("explain", "550 5.1.1 <a@example.com>... User unknown");
    assert_has(ran.out, delivery_error_of(DELIVERY_ERROR_bounce_user_unknown)->advice[LANG_EN]);
    RUN("explain", "failed to push content");
    assert_has(ran.out, "browser_temporary");
    assert_has(ran.out, "browser_gone");
    RUN("explain", "--", "--");
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "unclassified ");
    assert_has(ran.out, "mail_unsubscribed");
    assert_has(ran.out, "line_request");
    RUN("explain", "monthly limit");
    assert_has(ran.out, delivery_error_of(DELIVERY_ERROR_line_limit)->advice[LANG_EN]);
    RUN("explain", "550"); /* both catalogues know this number */
    assert_has(ran.out, "status_server_error");
    assert_has(ran.out, "bounce_invalid_recipient");
    RUN("explain", "Request timeout"); /* an exact detail: nothing of the other catalogue beside it */
    assert_lacks(ran.out, "Targeted delivery");
    RUN("explain", "User not found. :u1", "--json");
    json_error_t e;
    json_t *rows = json_loads(ran.out, JSON_REJECT_DUPLICATES, &e);
    assert_non_null(rows);
    assert_int_equal(json_array_size(rows), 1);
    const json_t *row = json_array_get(rows, 0);
    static const char *const want[][2] = {{"catalogue", "delivery"}, {"id", "user_not_found"},
                                          {"table", "common"},       {"text", "User not found. :XXX"},
                                          {"retry", "no"},           {"kind", "存在しないユーザー"},
                                          {"effect", "none"},        {"seedEffect", "none"},
                                          {"scope", "recipient"},    {"kindEn", "unknown user"}};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_string_equal(json_string_value(json_object_get(row, want[i][0])), want[i][1]);
    json_decref(rows);
}

static void several_rows_under_their_heads(void **state)
{
    (void)state;
    RUN("explain", "keepalive_requests");
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "could_not_connect\n  Connection failed (received GOAWAY)  ");
    assert_has(ran.out, "    h2_goaway_below ");
}

static void unknown_text_gets_the_nearest(void **state)
{
    (void)state;
    RUN("explain", "tls_cert_exipred");
    assert_int_equal(ran.status, 2);
    assert_string_equal(ran.out, "");
    assert_has(ran.err, "\"tls_cert_exipred\"");
    assert_has(ran.err, "could_not_connect ▸ TLS handshake failure ▸ tls_cert_expired\n");
    RUN("explain", "bounce_user_unkwnon");
    assert_int_equal(ran.status, 2);
    assert_has(ran.err,
               "Mail (SendGrid) ▸ バウンスエラー (bounce) ▸ 550 XXX... User unknown  bounce_user_unknown\n");
    size_t lines = 0;
    for (const char *c = ran.err; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 1 + SEARCH_NEAREST_MAX); /* of both catalogues together */
    RUN("explain", "tls_cert_exipred", "--json", "--lang=ja");
    assert_int_equal(ran.status, 2);
    assert_string_equal(ran.out, "[]\n");
    assert_has(ran.err, "一致する項目はありません");
}

static void the_language_follows_the_locale(void **state)
{
    (void)state;
    const char *ja = cause_of(CAUSE_tcp_refused)->text[LANG_JA];
    const char *en = cause_of(CAUSE_tcp_refused)->text[LANG_EN];
    RUN_WITH(ENV("LANG", "ja_JP.UTF-8"), "explain", "tcp_refused");
    assert_has(ran.out, ja);
    RUN_WITH(ENV("LANG", "en_US.UTF-8", "LC_MESSAGES", "ja_JP.UTF-8"), "explain", "tcp_refused");
    assert_has(ran.out, ja);
    RUN_WITH(ENV("LANG", "ja_JP.UTF-8", "LC_ALL", "C"), "explain", "tcp_refused");
    assert_has(ran.out, en);
    RUN_WITH(ENV("LANG", "ja_JP.UTF-8", "LC_ALL", ""), "explain", "tcp_refused");
    assert_has(ran.out, ja);
    RUN_WITH(ENV("LANG", "ja_JP.UTF-8"), "explain", "tcp_refused", "--lang", "en");
    assert_has(ran.out, en);
    RUN("explain", "tcp_refused");
    assert_has(ran.out, en);
}

static json_t *load_rows(void)
{
    json_error_t e;
    json_t *rows = json_loads(ran.out, JSON_REJECT_DUPLICATES, &e);
    if (!rows)
        fail_msg("no JSON: %s at %d", e.text, e.position);
    assert_true(json_is_array(rows));
    return rows;
}

static const char *member(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));
    return s ? s : "(none)";
}

static void json_of_one_row(void **state)
{
    (void)state;
    RUN("explain", "--json", "h2_rst_refused");
    assert_int_equal(ran.status, 0);
    json_t *rows = load_rows();
    assert_int_equal(json_array_size(rows), 1);
    const json_t *o = json_array_get(rows, 0);
    assert_string_equal(member(o, "kind"), "cause");
    assert_string_equal(member(o, "reason"), "unclassified");
    assert_string_equal(member(o, "detail"), "Stream closed unexpectedly");
    assert_string_equal(member(o, "cause"), "h2_rst_refused");
    assert_string_equal(member(o, "processed"), "no");
    assert_string_equal(member(o, "blame"), "server");
    assert_true(json_is_true(json_object_get(o, "retried")));
    assert_string_equal(member(o, "explanation"), cause_of(CAUSE_h2_rst_refused)->text[LANG_EN]);
    assert_string_equal(member(o, "advice"), cause_of(CAUSE_h2_rst_refused)->advice[LANG_EN]);
    assert_string_equal(member(o, "source"), "RFC 9113 8.7");
    json_decref(rows);
    RUN("explain", "--json", "--lang", "ja", "503");
    rows = load_rows();
    assert_string_equal(member(json_array_get(rows, 0), "detail"), "503");
    assert_string_equal(member(json_array_get(rows, 0), "processed"), "unknown");
    assert_string_equal(member(json_array_get(rows, 0), "explanation"),
                        cause_of(CAUSE_status_server_error)->text[LANG_JA]);
    json_decref(rows);
    RUN("explain", "--json", "404");
    rows = load_rows();
    assert_string_equal(member(json_array_get(rows, 0), "processed"), "yes");
    json_decref(rows);
}

static void json_of_everything(void **state)
{
    (void)state;
    RUN("explain", "--json");
    assert_int_equal(ran.status, 0);
    json_t *rows = load_rows();
    assert_int_equal(json_array_size(rows), REASON_COUNT + FAULT_COUNT + CAUSE_COUNT + DELIVERY_ERROR_COUNT);
    for (size_t i = 0; i < json_array_size(rows); i++)
        assert_string_equal(member(json_array_get(rows, i), "catalogue"),
                            i < json_array_size(rows) - DELIVERY_ERROR_COUNT ? "webhook" : "delivery");
    json_decref(rows);
}

static void wrong_usage(void **state)
{
    (void)state;
    RUN("explain", "--lang", "fr");
    assert_int_equal(ran.status, 2);
    assert_has(ran.err, "--lang takes en or ja, not \"fr\"");
    RUN("explain", "--lang");
    assert_int_equal(ran.status, 2);
    RUN("explain", "--verbose");
    assert_int_equal(ran.status, 2);
    assert_has(ran.err, "unknown option --verbose");
    assert_string_equal(ran.out, "");
    RUN("explain", "--markdown", "tcp_refused");
    assert_int_equal(ran.status, 2);
    assert_has(ran.err, "faults or delivery-errors, not \"tcp_refused\"");
    RUN("explain", "--markdown", "delivery-errors");
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "# Why a message of a targeted delivery did not arrive\n");
    static char longest[5000];
    memset(longest, 'x', sizeof(longest) - 1);
    RUN("explain", longest);
    assert_int_equal(ran.status, 2);
    assert_has(ran.err, "4096");
    RUN("explain", "--help");
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "usage: todoke explain");
    RUN("explain", "--", "--json");
    assert_int_equal(ran.status, 2);
    assert_has(ran.err, "\"--json\"");
}

static void the_command_line_itself(void **state)
{
    (void)state;
    RUN_WITH(NO_ENV, NULL);
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "usage: todoke COMMAND");
    assert_has(ran.out, "  explain ");
    RUN("--help");
    assert_int_equal(ran.status, 0);
    assert_has(ran.out, "  explain ");
    RUN("--version");
    assert_int_equal(ran.status, 0);
    assert_string_equal(ran.out, "todoke " TODOKE_VERSION "\n");
    RUN("explian");
    assert_int_equal(ran.status, 2);
    assert_string_equal(ran.out, "");
    assert_has(ran.err, "did you mean \"explain\"?");
    RUN("completely-else");
    assert_int_equal(ran.status, 2);
    assert_lacks(ran.err, "did you mean");
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(paint_width(""), 0);
    assert_int_equal(paint_width("abc"), 3);
    assert_int_equal(paint_width("原因"), 4);
    assert_int_equal(paint_width("［Webhookの再送］"), 17);
    assert_int_equal(paint_width("▸"), 1);
    assert_int_equal(paint_width("\xff"), 1);
}

/* An outcome says more than its cause does in general: its own status and "processed". */
static void an_outcome_in_words(void **state)
{
    (void)state;
    static const struct {
        struct outcome outcome;
        const char *has[3];
        const char *lacks;
    } rows[] = {
        {{.reason = REASON_UNCLASSIFIED,
          .fault = FAULT_dispatch,
          .cause = CAUSE_h1_bad_chunk,
          .processed = PROCESSED_YES,
          .status = 500},
         {"Unclassified webhook dispatch error", "h1_bad_chunk", "yes: the bot server answered it"},
         " 500\n"},
        {{.reason = REASON_ERROR_STATUS_CODE,
          .fault = FAULT_status,
          .cause = CAUSE_status_client_error,
          .processed = PROCESSED_YES,
          .status = 404},
         {"error_status_code", " 404\n", "status_client_error"},
         "(the HTTP status code)"},
        {{.reason = REASON_UNCLASSIFIED,
          .fault = FAULT_dispatch,
          .cause = CAUSE_local_cancelled,
          .processed = PROCESSED_NO},
         {"local_cancelled", "no: the bot server provably never handled it", "this node"},
         "unknown"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        FILE *f = tmpfile();
        assert_non_null(f);
        struct paint p;
        paint_init(&p, f);
        explain_outcome(&p, &rows[i].outcome, LANG_EN);
        read_back(f, ran.out, sizeof(ran.out));
        for (size_t j = 0; j < 3; j++)
            assert_has(ran.out, rows[i].has[j]);
        assert_lacks(ran.out, rows[i].lacks);
    }
}

static void an_answer_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    const char *path = binary();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (!freopen("/dev/full", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(125);
        static const char *const argv[] = {"explain", NULL};
        become(NO_ENV, argv, path);
    }
    assert_int_equal(status_of(pid), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cause_in_full),
        cmocka_unit_test(words_need_no_quotes),
        cmocka_unit_test(a_reason_with_both_editions),
        cmocka_unit_test(a_status_number_is_the_detail),
        cmocka_unit_test(everything_is_listed),
        cmocka_unit_test(a_delivery_error_in_full),
        cmocka_unit_test(delivery_errors_by_what_people_have),
        cmocka_unit_test(several_rows_under_their_heads),
        cmocka_unit_test(unknown_text_gets_the_nearest),
        cmocka_unit_test(the_language_follows_the_locale),
        cmocka_unit_test(json_of_one_row),
        cmocka_unit_test(json_of_everything),
        cmocka_unit_test(wrong_usage),
        cmocka_unit_test(the_command_line_itself),
        cmocka_unit_test(widths),
        cmocka_unit_test(an_outcome_in_words),
        cmocka_unit_test(an_answer_that_cannot_be_written_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
