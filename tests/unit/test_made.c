/* What a message comes to before a service is asked, and the short ids of campaigns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "api/campaign/campaign_json.h"
#include "campaign/made.h"

static struct content_rendered rendered(enum render_result result, const char *reason)
{
    struct content_rendered r = {.result = result};
    (void)snprintf(r.reason, sizeof(r.reason), "%s", reason);
    return r;
}

static struct content_rendered done_with(const char *key, const char *json)
{
    struct content_rendered r = {.result = RENDER_DONE, .count = 1};
    r.members[0] = (struct content_member){.key = span_of(key), .json = span_of(json)};
    return r;
}

static void rendering(void **state)
{
    (void)state;
    const struct {
        struct content_rendered r;
        bool stopped;
        enum made_state want;
        enum delivery_error_id error;
        const char *detail;
    } rows[] = {
        {done_with("text", "\"hello\""), false, MADE_READY, 0, ""},
        {done_with("text", "\"  \""), false, MADE_FAILED, DELIVERY_ERROR_no_action, ""},
        /* The stop condition is told after what the content makes of it. */
        {done_with("text", "\"  \""), true, MADE_FAILED, DELIVERY_ERROR_no_action, ""},
        {done_with("text", "\"hello\""), true, MADE_FAILED, DELIVERY_ERROR_action_failed,
         "the stop condition of the campaign matches"},
        {rendered(RENDER_NULL, "(unknown path) …"), true, MADE_FAILED, DELIVERY_ERROR_template_null,
         "(unknown path) …"},
        {rendered(RENDER_FAILED, "too slow"), false, MADE_FAILED, DELIVERY_ERROR_action_failed, "too slow"},
        {rendered(RENDER_GONE, "killed"), false, MADE_BROKEN, DELIVERY_ERROR_internal_closed,
         "node to renderer"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct made m = made_by_rendering(MEDIUM_MAIL, &rows[i].r, rows[i].stopped);
        assert_int_equal(m.state, rows[i].want);
        if (m.state != MADE_READY)
            assert_int_equal(m.error, rows[i].error);
        assert_string_equal(m.detail, rows[i].detail);
    }
}

static void variables_tell(void **state)
{
    (void)state;
    const struct variable shop = {.name = SPAN_LIT("shop")};
    struct variables_outcome o = {.result = VARIABLES_READY};
    assert_int_equal(made_by_variables(&o).state, MADE_READY);
    o = (struct variables_outcome){.result = VARIABLES_SKIP, .missing = &shop};
    assert_int_equal(made_by_variables(&o).state, MADE_SKIPPED);
    o.result = VARIABLES_NO_VALUE;
    const struct made m = made_by_variables(&o);
    assert_int_equal(m.state, MADE_FAILED);
    assert_int_equal(m.error, DELIVERY_ERROR_no_value);
    assert_string_equal(m.detail, "shop");
}

static void carrier_refuses(void **state)
{
    (void)state;
    const struct {
        enum medium medium;
        struct carrier_fault why;
        enum delivery_error_id error;
    } rows[] = {
        {MEDIUM_MAIL, {"target", "is no address"}, DELIVERY_ERROR_client_address},
        {MEDIUM_BROWSER, {"target.p256dh", "is no key"}, DELIVERY_ERROR_browser_gone},
        {MEDIUM_LINE, {"target", "is no id"}, DELIVERY_ERROR_client_response},
        {MEDIUM_PUSH, {"title", "is needed"}, DELIVERY_ERROR_push_content_invalid},
        {MEDIUM_LINE, {"messages", "are more than 5"}, DELIVERY_ERROR_action_failed},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct made m = made_by_carrier(rows[i].medium, &rows[i].why);
        char want[128];
        (void)snprintf(want, sizeof(want), "%s: %s", rows[i].why.property, rows[i].why.message);
        assert_int_equal(m.state, MADE_FAILED);
        assert_int_equal(m.error, rows[i].error);
        assert_string_equal(m.detail, want);
    }
}

/* A short id is never taken for an id, and two of many are never the same. */
static void short_ids(void **state)
{
    (void)state;
    char ids[2000][CAMPAIGN_SHORT_LEN + 1];
    for (size_t i = 0; i < 2000; i++) {
        campaign_short_id(ids[i]);
        assert_int_equal(strlen(ids[i]), CAMPAIGN_SHORT_LEN);
        assert_int_equal(strspn(ids[i], "bcdfghjkmnpqrstvwxyz23456789"), CAMPAIGN_SHORT_LEN);
        assert_true(ids[i][0] >= 'b' && ids[i][0] <= 'z');
        assert_int_equal(call_channel_id(span_of(ids[i])), 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rendering),
        cmocka_unit_test(variables_tell),
        cmocka_unit_test(carrier_refuses),
        cmocka_unit_test(short_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
