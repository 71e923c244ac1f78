#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fault/delivery_search.h"

struct found {
    struct delivery_hit hits[DELIVERY_ERROR_COUNT];
    size_t count;
};

static void keep(void *arg, const struct delivery_hit *hit)
{
    struct found *f = arg;
    assert_true(f->count < DELIVERY_ERROR_COUNT);
    f->hits[f->count++] = *hit;
}

static enum search_match search(const char *text, struct found *ret)
{
    ret->count = 0;
    return delivery_search(span_of(text), keep, ret);
}

/* want: the ids, each followed by a space. */
static void assert_found(const char *text, enum search_match match, const char *want)
{
    struct found f;
    enum search_match have = search(text, &f);
    char ids[4096] = "";
    for (size_t i = 0; i < f.count; i++) {
        size_t len = strlen(ids);
        (void)snprintf(ids + len, sizeof(ids) - len, "%s ", delivery_error_of(f.hits[i].id)->id);
    }
    if (have != match || strcmp(ids, want) != 0)
        fail_msg("\"%s\" is found by %d: \"%s\", wanted by %d: \"%s\"", text, (int)have, ids, (int)match,
                 want);
}

static void exact_names(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"bounce_user_unknown", "bounce_user_unknown "},
        {" Bounce_User_Unknown\n", "bounce_user_unknown "},
        {"no action", "no_action "},
        {"Invalid", "drop_invalid "},
        {"old", "drop_old "},
        {"Response error", "client_response mail_server mail_request "},
        {"failed to push content", "browser_temporary browser_gone "},
        {"--", "unclassified mail_unsubscribed line_request "},
        {"(unknown path) [Line XXX, Column YYY] attempted to output null or undefined value",
         "template_null "},
        {"バウンスエラー", "bounce_spam bounce_user_unknown bounce_invalid_recipient bounce_no_account "
                           "bounce_overquota bounce_over_quota bounce_mx bounce_dial "},
        {"ドロップエラー", "drop_spam drop_unsubscribed drop_invalid drop_bounced drop_old drop_hardfail "},
        {"Destination Server Error", "mail_server push_internal push_unavailable line_server "},
        {"リクエストエラー", "push_request "},
        {"550", "bounce_user_unknown bounce_invalid_recipient "},
        {"404", "push_unregistered "},
        {"503", "push_unavailable line_server "},
        {"302", "push_request "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_found(rows[i].text, SEARCH_EXACT, rows[i].want);
}

static void every_row_is_found_by_its_names(void **state)
{
    (void)state;
    struct found f;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        const struct delivery_error *e = delivery_error_of(i);
        const char *const names[] = {e->id, e->text, e->kind, e->kind_en};
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
            assert_int_equal(search(names[n], &f), SEARCH_EXACT);
            bool found = false;
            for (size_t j = 0; j < f.count; j++)
                found = found || f.hits[j].id == i;
            if (!found)
                fail_msg("%s is not found by \"%s\"", e->id, names[n]);
        }
    }
}

/* What stands in results and logs: the list's texts with something in the place of what varies. */
static void filled_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"User not found. :u1", "user_not_found "},
        {"User not found. :日本 太郎", "user_not_found "},
        {"invalid message: user_id is null", "invalid_list_row "},
        {"connection renderer-2 to node closed", "internal_closed "},
        {"(unknown path) [Line 12, Column 3]\n  attempted to output null or undefined value",
         "template_null "},
        {"no target user:u1 api_key:7 target_ids: email,subscription", "no_target "},
        {"no target user:u1 api_key:7 target_ids:", "no_target "},
        {"invalid content: push_apps shorten_id: a1b2", "push_content_invalid "},
        {"550 5.1.1 <a@example.com>... User unknown", "bounce_user_unknown "},
        {"550 5.1.1 <a@example.com>... User Unknown", "bounce_user_unknown "},
        {"550 Invalid recipient: a@example.com", "bounce_invalid_recipient "},
        {"554 delivery error: dd This user doesn't have a example.com account (a@example.com) [0] - "
         "mta1.example.com",
         "bounce_no_account "},
        {"452 4.2.2 The email account that you tried to reach is over quota. Please direct the recipient to",
         "bounce_over_quota "},
        {"Unable to resolve MX record for example.com: servfail", "bounce_mx "},
        {"error dialing remote address: dial tcp 10.0.0.1:0->192.0.2.1:25: i/o timeout", "bounce_dial "},
        {"[v1 API] Failed to send notification data. FCM response: [404] "
         "{\"error\":{\"details\":[{\"errorCode\":"
         "\"UNREGISTERED\"}]}}",
         "push_unregistered "},
        {"[v1 API] Failed to send notification data. FCM response: [302] Found", "push_request "},
        {"The property, 'to', in the request body is invalid (line: 1, column: 7)", "line_to "},
        {"statusCode is not 200!:503: Service Unavailable", "line_server "},
        {"statusCode is not 200!:503: upstream connect error or disconnect/reset before headers. reset "
         "reason",
         "line_server "},
        /* as a field of something longer */
        {"{\"errors\":[{\"message\":\"Maximum credits exceeded\",\"field\":null}]}", "client_credits "},
        {"{\"message\":\"A message (messages[1]) in the request body is invalid\",\"details\":[]}",
         "line_message_1 "},
        {"{\"event\":\"dropped\",\"reason\":\"Bounced Address\"}", "drop_bounced "},
        {"job 3 message 5 failed: User not found. :u1", "user_not_found "},
        {"u1\ta@example.com\tfailed\tバウンスエラー\t510 Block For Spam", "bounce_spam "},
        {"バウンスエラー 510 Block For Spam", "bounce_spam "},
        {"campaign\xc2\xa0not found.", "campaign_not_found "}, /* U+00A0 */
        {"Response error: 500", "client_response mail_server mail_request "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_found(rows[i].text, SEARCH_FILLED, rows[i].want);
}

/* Near, but not a row's text: what a service really says is left to receipt_of(). */
static void not_filled_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "550 5.6.0 Invalid message: bad header", /* not the list's "invalid message" */
        "older than a day",                      /* "old" stands alone */
        "no action was taken",
        "the hardfail of it",
        "User not founded. :u1",
        "550 5.1.1 User unknown here",
        "[v1 API] Failed to send notification data. FCM response: [404] NOT_FOUND",
        "510 Block For Spammers",
        "lines 5 to 6 closed",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct found f;
        enum search_match m = search(texts[i], &f);
        if (m == SEARCH_EXACT || m == SEARCH_FILLED)
            fail_msg("\"%s\" is taken for %s", texts[i], delivery_error_of(f.hits[0].id)->id);
    }
}

static void fragments_of_any_text(void **state)
{
    (void)state;
    assert_found("User unknown", SEARCH_FRAGMENT, "bounce_user_unknown ");
    assert_found("invalid_", SEARCH_FRAGMENT, "invalid_list_row bounce_invalid_recipient ");
    assert_found("Firebase project", SEARCH_FRAGMENT, "push_token_invalid push_sender_mismatch ");
    assert_found("KARTE for App", SEARCH_FRAGMENT, "push_sender_mismatch ");
    assert_found("ブラウザ通知", SEARCH_FRAGMENT, "browser_temporary browser_gone browser_show ");
    assert_found("disconnect/reset", SEARCH_FRAGMENT, "line_server ");
    assert_found("line  クライアントエラー TOKEN", SEARCH_WORDS, "line_failed line_authentication ");
}

static void nearest_of_a_misspelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum delivery_error_id id;
    } rows[] = {
        {"bounce_user_unkwnon", DELIVERY_ERROR_bounce_user_unknown},
        {"Campagin not fuond.", DELIVERY_ERROR_campaign_not_found},
        {"セグメント離税", DELIVERY_ERROR_segment_left},
        {"hardfial", DELIVERY_ERROR_drop_hardfail},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct found f;
        assert_int_equal(search(rows[i].text, &f), SEARCH_NEAREST);
        assert_int_equal(f.count, SEARCH_NEAREST_MAX);
        assert_int_equal(f.hits[0].id, rows[i].id);
        for (size_t j = 1; j < f.count; j++)
            assert_true(f.hits[j - 1].distance <= f.hits[j].distance);
    }
}

static void no_text_finds_nothing_and_all_finds_all(void **state)
{
    (void)state;
    struct found f;
    assert_int_equal(search(" \t\r\n ", &f), SEARCH_NONE);
    assert_int_equal(f.count, 0);
    delivery_search_all(keep, &f);
    assert_int_equal(f.count, DELIVERY_ERROR_COUNT);
    for (size_t i = 0; i < f.count; i++)
        assert_int_equal(f.hits[i].id, i);
}

/* Whatever is pasted, something is said of it and nothing is read past its end. */
static void any_bytes_at_all(void **state)
{
    (void)state;
    uint32_t x = 1;
    for (int round = 0; round < 300; round++) {
        size_t len = (size_t)(round % 150) + 1;
        const char *seed = delivery_error_of((enum delivery_error_id)(round % DELIVERY_ERROR_COUNT))->text;
        char *text = test_malloc(len); /* its own block, so that a sanitizer sees the end */
        for (size_t i = 0; i < len; i++) {
            x = x * 1664525u + 1013904223u;
            text[i] = i < strlen(seed) && x >> 28 ? seed[i] : (char)(x >> 20);
        }
        struct found f = {.count = 0};
        enum search_match m = delivery_search((struct span){text, len}, keep, &f);
        assert_int_equal(f.count > 0, m != SEARCH_NONE);
        test_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_names),
        cmocka_unit_test(every_row_is_found_by_its_names),
        cmocka_unit_test(filled_texts),
        cmocka_unit_test(not_filled_texts),
        cmocka_unit_test(fragments_of_any_text),
        cmocka_unit_test(nearest_of_a_misspelling),
        cmocka_unit_test(no_text_finds_nothing_and_all_finds_all),
        cmocka_unit_test(any_bytes_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
