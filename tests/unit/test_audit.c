/* The audit log in the store: what it lists, and what goes with age. */
#include "store_fixture.h"

#include <unistd.h>

#define OK(call) assert_int_equal((call), ERR_NONE)

struct seen {
    char text[400];
};

static enum err see_entry(void *arg, const struct audit_entry *e)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    (void)snprintf(s->text + n, sizeof(s->text) - n, "%lld ", (long long)e->at_ms);
    assert_true(span_eq(e->who, SPAN_LIT("a@example.com")) && span_eq(e->action, SPAN_LIT("x.y")));
    assert_true(span_eq(e->peer, SPAN_LIT("192.0.2.1")) && span_eq(e->target, SPAN_LIT("t/1")));
    assert_true(span_eq(e->details, SPAN_LIT("{\"a\":1}")));
    return ERR_NONE;
}

static const char *entries(int64_t channel_id, int64_t before, uint32_t limit)
{
    static struct seen s;
    s.text[0] = '\0';
    OK(b->ops->audit->audit_list(b, channel_id, before, limit, see_entry, &s));
    return s.text;
}

static void the_audit_log(void **state)
{
    (void)state;
    for (int i = 1; i <= 6; i++) {
        const struct audit_entry e = {.at_ms = 100 * i,
                                      .account_id = 1,
                                      .who = SPAN_LIT("a@example.com"),
                                      .peer = SPAN_LIT("192.0.2.1"),
                                      .action = SPAN_LIT("x.y"),
                                      .target = SPAN_LIT("t/1"),
                                      .channel_id = i % 2 ? 0 : 2000000001,
                                      .details = SPAN_LIT("{\"a\":1}")};
        OK(b->ops->audit->audit_insert(b, &e));
    }
    assert_string_equal(entries(0, INT64_MAX, 10), "600 500 400 300 200 100 ");
    assert_string_equal(entries(0, 5, 2), "400 300 ");
    assert_string_equal(entries(2000000001, INT64_MAX, 10), "600 400 200 ");
    assert_string_equal(entries(2000000002, INT64_MAX, 10), "");
    uint32_t gone = 9;
    OK(b->ops->audit->audit_prune(b, 400, 86400000, 2, &gone)); /* a step */
    assert_int_equal(gone, 2);
    OK(b->ops->audit->audit_prune(b, 400, 86400000, 2, &gone));
    assert_int_equal(gone, 1);
    OK(b->ops->audit->audit_prune(b, 400, 86400000, 2, &gone));
    assert_int_equal(gone, 0);
    assert_string_equal(entries(0, INT64_MAX, 10), "600 500 400 ");
}

/* One line a time, oldest first; what is left, newest first, once all is pruned that is older than 400, by
 * a clock that stands at 1000. */
static const struct {
    int64_t at[8];
    const char *left, *why;
} audit_rows[] = {
    {{100, 9000, 200, 500}, "500 ", "a line from ahead goes with the next one"},
    {{9000, 9001, 9002, 9003, 9004, 100, 500}, "500 ", "so do many, more than a step"},
    {{100, 9000, 500, 200}, "200 500 9000 ", "one that is followed by a young one is young"},
    {{9000, 100, 9000}, "9000 ", "the last of all is not judged yet"},
    {{9000}, "9000 ", "nor is a line alone"},
    {{100, 1100, 200}, "200 1100 ", "a little ahead is believed"},
};

static void the_audit_log_after_a_clock_ahead(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(audit_rows) / sizeof(audit_rows[0]); i++) {
        for (const int64_t *at = audit_rows[i].at; *at; at++) {
            const struct audit_entry e = {.at_ms = *at,
                                          .account_id = 1,
                                          .who = SPAN_LIT("a@example.com"),
                                          .peer = SPAN_LIT("192.0.2.1"),
                                          .action = SPAN_LIT("x.y"),
                                          .target = SPAN_LIT("t/1"),
                                          .details = SPAN_LIT("{\"a\":1}")};
            OK(b->ops->audit->audit_insert(b, &e));
        }
        uint32_t gone = 0;
        unsigned steps = 0;
        do {
            assert_true(++steps < 20);
            OK(b->ops->audit->audit_prune(b, 400, 2000, 2, &gone));
            assert_true(gone <= 2);
        } while (gone);
        if (strcmp(entries(0, INT64_MAX, 10), audit_rows[i].left) != 0)
            fail_msg("%s: %s", audit_rows[i].why, entries(0, INT64_MAX, 10));
        do
            OK(b->ops->audit->audit_prune(b, INT64_MAX, INT64_MAX, 10, &gone));
        while (gone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(the_audit_log),
        WITH_STORE(the_audit_log_after_a_clock_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
