/* How many mails a provider and an account may cause on a day, with a clock of our own. */
#include "mail_fixture.h"

/* A provider's asks and an account's, by day; nothing is forgotten by a restart. */
static void ask_caps(void **state)
{
    (void)state;
    char email[64];
    uint32_t sent = 0;
    rules.ask_cap = 5;
    int64_t account = person("maker@example.com", false), providers[3];
    for (int i = 0; i < 3; i++)
        providers[i] = provider(account);
    for (int i = 0; i < 60; i++) {
        (void)snprintf(email, sizeof(email), "stranger%d@example.org", i);
        struct channel c = make(providers[i % 3], email);
        enum contact_ask a = ask_as(&c, account, i & 1, NOON);
        sent += a == CONTACT_ASK_SENT;
        if (i == 30) {
            assert_int_equal(b->ops->commit(b), ERR_NONE);
            b->ops->close(b);
            assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
            assert_int_equal(b->ops->begin(b), ERR_NONE);
        }
    }
    assert_int_equal(sent, 5);
    struct channel c = make(providers[0], "by-key@example.org"); /* by a key: only the provider's counts */
    assert_int_equal(ask(&c, NOON), CONTACT_ASK_SENT);
    c = make(providers[1], "tomorrow@example.org");
    assert_int_equal(ask_as(&c, account, false, NOON + 12 * 3600000 - 1), CONTACT_ASK_CAPPED);
    assert_int_equal(ask_as(&c, account, false, NOON + 12 * 3600000), CONTACT_ASK_SENT); /* midnight */
    read_mails();
    assert_int_equal(mails.count, 7);
}

/* Many channels of many providers, whose people want mails: no more than the caps, and the last says that it
 * is. */
static uint32_t told_of(int64_t maker, uint32_t providers, struct notice_step *sum)
{
    for (uint32_t p = 0; p < providers; p++) {
        int64_t id = provider(maker);
        for (int i = 0; i < 30; i++) {
            char email[64];
            (void)snprintf(email, sizeof(email), "c%lld.%d@example.org", (long long)id, i % 3);
            struct channel c = make(id, email);
            assert_int_equal(contact_decide(b, &c, CONTACT_CONFIRMED, NOON), ERR_NONE);
            struct notice_step s = fails(&c, NOON);
            sum->told += s.told;
            for (int k = 0; k < QUOTA_KINDS; k++)
                sum->capped[k] += s.capped[k];
        }
    }
    read_mails();
    return mails.count;
}

static void mail_caps(void **state)
{
    (void)state;
    struct notice_step sum = {0};
    rules.provider_cap = 20;
    rules.account_cap = 50;
    assert_int_equal(told_of(person("maker@example.com", false), 4, &sum), 50);
    assert_true(sum.told == 50 && sum.capped[QUOTA_PROVIDER] == 20 && sum.capped[QUOTA_ACCOUNT] == 50);
    assert_int_equal(mails.last, 3); /* of two providers, and of the account */
    assert_non_null(
        strstr(mails.text[19], "about the channels of this provider today (UTC+9): the limit of 20 "));
    assert_non_null(strstr(mails.text[49], "their limit of 50 mails a day"));
    assert_non_null(strstr(mails.html[49], "their limit of 50 mails a day"));
    assert_int_equal(told_of(person("op@example.com", true), 4, &sum),
                     50 + 80); /* an operator's: by provider */
}

/* Several recipients each: a notice goes to all of them or to none, and what was said to be the last is the
 * last. */
static void mail_caps_of_many(void **state)
{
    (void)state;
    char email[64];
    rules.provider_cap = 10;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(email, sizeof(email), "admin%d@example.com", i);
        assert_int_equal(
            b->ops->roles->grant_put(b, person(email, false), GRANT_SCOPE_PROVIDER, 1, GRANT_ADMIN),
            ERR_NONE);
    }
    assert_int_equal(contact_decide(b, &channel, CONTACT_CONFIRMED, NOON), ERR_NONE);
    for (int i = 0; i < 9; i++)
        (void)fails(&channel, NOON + i);
    struct channel alone = make(1, ""); /* two recipients only: would still fit */
    assert_int_equal(fails(&alone, NOON + 100).capped[QUOTA_PROVIDER], 1);
    read_mails();
    assert_int_equal(mails.count, 9);
    assert_int_equal(mails.last, 3);
    rules.provider_cap = 2; /* fewer than there are: the first get it */
    assert_int_equal(fails(&channel, NOON + DAY).told, 1);
    assert_int_equal(fails(&channel, NOON + DAY).told, 0);
    read_mails();
    assert_int_equal(mails.count, 11);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {CASE(ask_caps), CASE(mail_caps), CASE(mail_caps_of_many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
