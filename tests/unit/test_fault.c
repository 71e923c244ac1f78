#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fault/fault.h"
#include "words_fixture.h"

static void rows_have_all_their_words(void **state)
{
    (void)state;
    for (enum reason r = 0; r < REASON_COUNT; r++) {
        assert_sentences(reason_text(r), reason_of(r)->explanation);
        assert_sentences(reason_text(r), reason_of(r)->differs);
    }
    for (enum fault_id f = 0; f < FAULT_COUNT; f++) {
        assert_sentences(fault_of(f)->id, fault_of(f)->text);
        assert_sentences(fault_of(f)->id, fault_of(f)->advice);
        /* Both languages of the older edition or none. */
        assert_int_equal(*fault_of(f)->old_text[LANG_EN] == '\0', *fault_of(f)->old_text[LANG_JA] == '\0');
    }
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        assert_sentences(cause_of(c)->id, cause_of(c)->text);
        assert_sentences(cause_of(c)->id, cause_of(c)->advice);
        assert_tidy(cause_of(c)->id, cause_of(c)->source);
    }
}

static void words_for_people_exist_in_both_languages(void **state)
{
    (void)state;
    for (int p = PROCESSED_NO; p <= PROCESSED_YES; p++) {
        const char *words[2] = {processed_words((enum processed)p, LANG_EN),
                                processed_words((enum processed)p, LANG_JA)};
        assert_texts(processed_text((enum processed)p), words);
    }
    for (int b = BLAME_NOBODY; b <= BLAME_LOCAL; b++) {
        const char *words[2] = {blame_words((enum blame)b, LANG_EN), blame_words((enum blame)b, LANG_JA)};
        assert_texts(blame_text((enum blame)b), words);
    }
    for (int r = RETRY_NEVER; r <= RETRY_LATER; r++) {
        const char *words[2] = {retry_words((enum retry)r, LANG_EN), retry_words((enum retry)r, LANG_JA)};
        assert_texts("retry", words);
    }
    /* As the console and the demo say it. */
    assert_ptr_equal(strstr(processed_words(PROCESSED_NO, LANG_JA), "なし（"),
                     processed_words(PROCESSED_NO, LANG_JA));
    assert_ptr_equal(strstr(processed_words(PROCESSED_UNKNOWN, LANG_JA), "あり（"),
                     processed_words(PROCESSED_UNKNOWN, LANG_JA));
    assert_ptr_equal(strstr(processed_words(PROCESSED_YES, LANG_JA), "処理済み（"),
                     processed_words(PROCESSED_YES, LANG_JA));
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        const char *words = cause_processed_words(c, LANG_JA);
        assert_null(strstr(words, "はい"));
        assert_null(strstr(words, "不明"));
        for (int text = 0; text < 2; text++)
            assert_null(strstr(text ? cause_of(c)->advice[LANG_JA] : cause_of(c)->text[LANG_JA], "ドレイン"));
    }
    assert_string_equal(processed_text(PROCESSED_NO), "no");
    assert_string_equal(processed_text(PROCESSED_UNKNOWN), "unknown");
    assert_string_equal(processed_text(PROCESSED_YES), "yes");
    assert_string_equal(blame_text(BLAME_LOCAL), "local");
}

static void ids_and_details_are_unique(void **state)
{
    (void)state;
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        assert_id(cause_of(c)->id);
        for (enum cause_id d = c + 1; d < CAUSE_COUNT; d++)
            assert_string_not_equal(cause_of(c)->id, cause_of(d)->id);
    }
    for (enum fault_id f = 0; f < FAULT_COUNT; f++) {
        assert_id(fault_of(f)->id);
        for (enum fault_id g = f + 1; g < FAULT_COUNT; g++) {
            assert_string_not_equal(fault_of(f)->id, fault_of(g)->id);
            assert_string_not_equal(fault_of(f)->detail, fault_of(g)->detail);
        }
    }
    for (enum reason r = 0; r < REASON_COUNT; r++) {
        assert_id(reason_text(r));
        for (enum reason s = r + 1; s < REASON_COUNT; s++)
            assert_string_not_equal(reason_text(r), reason_text(s));
    }
}

/* No two causes may read the same: then one of them says nothing. */
static void causes_say_different_things(void **state)
{
    (void)state;
    for (enum cause_id c = CAUSE_ok + 1; c < CAUSE_COUNT; c++)
        for (enum cause_id d = c + 1; d < CAUSE_COUNT; d++)
            for (int l = LANG_EN; l <= LANG_JA; l++)
                if (strcmp(cause_of(c)->text[l], cause_of(d)->text[l]) == 0)
                    fail_msg("%s and %s: the same text", cause_of(c)->id, cause_of(d)->id);
}

static void every_cause_has_its_fault_and_every_fault_a_cause(void **state)
{
    (void)state;
    size_t causes[FAULT_COUNT] = {0};
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        assert_true(cause_of(c)->fault < FAULT_COUNT);
        causes[cause_of(c)->fault]++;
    }
    for (enum fault_id f = 0; f < FAULT_COUNT; f++)
        assert_true(causes[f] > 0);
}

static void local_causes_never_blame_the_bot(void **state)
{
    (void)state;
    size_t local = 0;
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        bool starts = strncmp(cause_of(c)->id, "local_", 6) == 0;
        assert_int_equal(cause_is_local(c), starts);
        local += starts;
        if (!starts)
            continue;
        assert_int_equal(cause_of(c)->fault, FAULT_dispatch);
        assert_int_equal(cause_of(c)->blame, BLAME_LOCAL);
        assert_non_null(strstr(cause_of(c)->text[LANG_EN], "The bot server is not to blame."));
        assert_non_null(strstr(cause_of(c)->text[LANG_JA], "ボットサーバーに問題はありません。"));
        assert_true(cause_processed(c) != PROCESSED_YES);
    }
    assert_true(local > 0);
}

/* What is sent again at once was provably not handled; what is sent again in any case is our own fault. A
 * code of the peer's has one cause. */
static void columns_agree(void **state)
{
    (void)state;
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        const struct cause *row = cause_of(c);
        assert_true(row->retry != RETRY_AT_ONCE || row->verdict == VERDICT_NO);
        assert_int_equal(row->retry == RETRY_SOON, cause_is_local(c));
        assert_int_equal(row->retry == RETRY_NEVER, c == CAUSE_ok);
        bool by_status = row->verdict >= VERDICT_BY_STATUS;
        assert_true(!by_status || row->fault == FAULT_status || row->fault == FAULT_request_timeout);
        if (fault_of(row->fault)->reason == REASON_COULD_NOT_CONNECT)
            assert_int_equal(row->verdict, VERDICT_NO);
        assert_true(row->code_kind != CODE_NONE || !row->code);
        if (row->code_kind != CODE_NONE)
            assert_int_equal(cause_by_code(row->code_kind, row->code, CAUSE_ok), c);
    }
    assert_int_equal(cause_by_code(CODE_ALERT, 255, CAUSE_tls_alert), CAUSE_tls_alert);
    assert_int_equal(cause_by_code(CODE_RST_STREAM, 11, CAUSE_h2_rst_stream), CAUSE_h2_rst_stream);
}

static void blame_goes_where_it_belongs(void **state)
{
    (void)state;
    static const struct {
        enum cause_id cause;
        enum blame blame;
    } rows[] = {
        {CAUSE_ok, BLAME_NOBODY},
        {CAUSE_url_port, BLAME_CHANNEL},
        {CAUSE_dns_nxdomain, BLAME_CHANNEL},
        {CAUSE_dns_timeout, BLAME_NETWORK},
        {CAUSE_dns_unreachable, BLAME_LOCAL},
        {CAUSE_tcp_refused, BLAME_SERVER},
        {CAUSE_tcp_net_unreachable, BLAME_NETWORK},
        {CAUSE_ssrf_blocked, BLAME_CHANNEL},
        {CAUSE_tls_cert_expired, BLAME_SERVER},
        {CAUSE_response_silent, BLAME_SERVER},
        {CAUSE_h1_bad_chunk, BLAME_SERVER},
        {CAUSE_local_files, BLAME_LOCAL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(cause_of(rows[i].cause)->blame, rows[i].blame);
}

static void processed_follows_the_reason(void **state)
{
    (void)state;
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        enum reason r = fault_of(cause_of(c)->fault)->reason;
        if (r == REASON_COULD_NOT_CONNECT)
            assert_int_equal(cause_processed(c), PROCESSED_NO);
        if (r == REASON_OK)
            assert_int_equal(cause_processed(c), PROCESSED_YES);
    }
    /* The status decides. What is said of a family holds for each status of it. */
    for (int status = 100; status < 1000; status++) {
        enum processed p = processed_by_status(status), family = cause_processed(cause_by_status(status));
        bool in_front = status == 429 || status == 502 || status == 503 || status == 504;
        assert_int_equal(p, in_front ? PROCESSED_UNKNOWN : PROCESSED_YES);
        assert_true(family == PROCESSED_UNKNOWN || family == p);
        if (in_front) {
            char digits[4];
            (void)snprintf(digits, sizeof(digits), "%d", status);
            for (enum lang lang = LANG_EN; lang <= LANG_JA; lang++) {
                assert_non_null(strstr(cause_processed_words(cause_by_status(status), lang), digits));
                assert_non_null(strstr(fault_processed_words(FAULT_status, lang), digits));
                assert_non_null(strstr(cause_processed_words(CAUSE_response_body_stalled, lang), digits));
            }
        }
    }
    assert_int_equal(cause_processed(CAUSE_status_redirect), PROCESSED_YES);
    assert_int_equal(cause_processed(CAUSE_status_other_success), PROCESSED_YES);
    assert_int_equal(cause_processed(CAUSE_status_server_error), PROCESSED_UNKNOWN);
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) /* the words agree with the word for programs */
        for (enum lang lang = LANG_EN; lang <= LANG_JA; lang++) {
            const char *words = cause_processed_words(c, lang);
            bool same = strcmp(words, processed_words(cause_processed(c), lang)) == 0;
            assert_true(same || cause_processed(c) == PROCESSED_UNKNOWN);
        }
    assert_int_equal(cause_processed(CAUSE_response_silent), PROCESSED_UNKNOWN);
    assert_int_equal(cause_processed(CAUSE_response_body_stalled), PROCESSED_UNKNOWN);
    assert_int_equal(cause_processed(CAUSE_h2_rst_refused), PROCESSED_NO);
    assert_int_equal(cause_processed(CAUSE_h2_rst_cancel), PROCESSED_UNKNOWN);
    assert_int_equal(cause_processed(CAUSE_local_files), PROCESSED_NO);
    assert_int_equal(cause_processed(CAUSE_local_cancelled), PROCESSED_UNKNOWN);
}

static void found_by_exact_string_only(void **state)
{
    (void)state;
    for (enum cause_id c = 0; c < CAUSE_COUNT; c++) {
        enum cause_id found = CAUSE_COUNT;
        assert_int_equal(cause_find(span_of(cause_of(c)->id), &found), ERR_NONE);
        assert_int_equal(found, c);
    }
    for (enum reason r = 0; r < REASON_COUNT; r++) {
        enum reason found = REASON_COUNT;
        assert_int_equal(reason_find(span_of(reason_text(r)), &found), ERR_NONE);
        assert_int_equal(found, r);
    }
    enum cause_id c = CAUSE_tcp_refused;
    enum reason r = REASON_UNCLASSIFIED;
    static const char *const wrong[] = {
        "", "o", "okay", "TCP_REFUSED", "tcp_refused ", "tls_cert", "tls_cert_weak_"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(cause_find(span_of(wrong[i]), &c), ERR_NOT_FOUND);
        assert_int_equal(reason_find(span_of(wrong[i]), &r), ERR_NOT_FOUND);
    }
    assert_int_equal(c, CAUSE_tcp_refused);
    assert_int_equal(r, REASON_UNCLASSIFIED);
}

static void statuses_have_a_family(void **state)
{
    (void)state;
    for (int status = 100; status <= 999; status++) {
        enum cause_id c = cause_by_status(status);
        enum cause_id want = status < 200   ? CAUSE_status_informational
                             : status < 300 ? CAUSE_ok
                             : status < 400 ? CAUSE_status_redirect
                             : status < 500 ? CAUSE_status_client_error
                             : status < 600 ? CAUSE_status_server_error
                                            : CAUSE_status_unknown;
        assert_int_equal(c, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_have_all_their_words),
        cmocka_unit_test(words_for_people_exist_in_both_languages),
        cmocka_unit_test(ids_and_details_are_unique),
        cmocka_unit_test(causes_say_different_things),
        cmocka_unit_test(every_cause_has_its_fault_and_every_fault_a_cause),
        cmocka_unit_test(local_causes_never_blame_the_bot),
        cmocka_unit_test(columns_agree),
        cmocka_unit_test(blame_goes_where_it_belongs),
        cmocka_unit_test(processed_follows_the_reason),
        cmocka_unit_test(found_by_exact_string_only),
        cmocka_unit_test(statuses_have_a_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
