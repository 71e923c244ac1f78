/* Contact addresses, with a clock of our own: asked once, told only after a yes, never after a no; and how
 * often anybody is asked. */
#include <sqlite3.h>
#include <stdlib.h>

#include "base/mem.h"
#include "mail_fixture.h"

extern const char store_schema[];

/* Nothing but one mail, whatever fails and however often, until there is an answer. */
static void asked_once(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct notice_step s = fails(&channel, NOON + i * DAY / 2);
        assert_true(s.told == 0 && s.nobody == 1 && s.asked == (i == 0));
    }
    assert_int_equal(count_to("contact@example.org"), 1);
    assert_true(mails.count == 1 && mails.asks == 1);
    assert_true(view_of(&channel).state == CONTACT_UNCONFIRMED && view_of(&channel).asked_ms == NOON);
    assert_int_equal(ask(&channel, NOON + 100 * DAY), CONTACT_ASK_ASKED);
    assert_int_equal(answer(1, CONTACT_CONFIRMED, NOON + DAY), ERR_NONE);
    assert_true(view_of(&channel).state == CONTACT_CONFIRMED && view_of(&channel).asked_ms == NOON);
    struct channel second =
        make(1, "Contact@Example.ORG"); /* for all channels of the provider, in any spelling */
    assert_int_equal(ask(&second, NOON), CONTACT_ASK_CONFIRMED);
    assert_int_equal(fails(&channel, NOON + 40 * DAY).told, 1);
    assert_int_equal(fails(&second, NOON + 40 * DAY).told, 1);
    assert_int_equal(count_to("contact@example.org"), 3);
    struct channel other = make(provider(0), "contact@example.org"); /* and of no other */
    assert_int_equal(view_of(&other).state, CONTACT_UNCONFIRMED);
    assert_int_equal(fails(&other, NOON + 40 * DAY).told, 0);
    read_mails();
    assert_int_equal(mails.asks, 2);
}

static void refused(void **state)
{
    (void)state;
    assert_int_equal(ask(&channel, NOON), CONTACT_ASK_SENT);
    assert_int_equal(answer(1, CONTACT_REFUSED, NOON + 400 * DAY), ERR_NONE); /* however old the link is */
    assert_int_equal(view_of(&channel).state, CONTACT_REFUSED);
    assert_int_equal(answer(1, CONTACT_CONFIRMED, NOON + 1), ERR_CONFLICT);
    assert_int_equal(answer(1, CONTACT_REFUSED, NOON + 1), ERR_CONFLICT);
    assert_int_equal(contact_decide(b, &channel, CONTACT_CONFIRMED, NOON), ERR_CONFLICT);
    set_email(&channel, "other@example.org");
    set_email(&channel, "CONTACT@example.org");
    struct channel second = make(1, "contact@EXAMPLE.org");
    assert_int_equal(ask_as(&second, 0, true, NOON + 1000 * DAY), CONTACT_ASK_REFUSED);
    int64_t admin = person("contact@example.org", false); /* nor as an Admin */
    assert_int_equal(b->ops->roles->grant_put(b, admin, GRANT_SCOPE_PROVIDER, 1, GRANT_ADMIN), ERR_NONE);
    assert_int_equal(fails(&channel, NOON + DAY).nobody, 1);
    assert_int_equal(fails(&second, NOON + DAY).nobody, 1);
    assert_int_equal(count_to("contact@example.org"), 1);
}

/* Who confirmed can still go by the same link; who was told without one, by an operator. */
static void changed_mind(void **state)
{
    (void)state;
    assert_int_equal(ask(&channel, NOON), CONTACT_ASK_SENT);
    assert_int_equal(answer(1, CONTACT_CONFIRMED, NOON), ERR_NONE);
    assert_int_equal(answer(1, CONTACT_CONFIRMED, NOON), ERR_CONFLICT);
    assert_int_equal(fails(&channel, NOON).told, 1);
    assert_int_equal(answer(1, CONTACT_REFUSED, NOON + 9 * DAY), ERR_NONE);
    assert_int_equal(fails(&channel, NOON + 9 * DAY).nobody, 1);
    struct channel second = make(1, "second@example.org");
    assert_int_equal(contact_decide(b, &second, CONTACT_CONFIRMED, NOON), ERR_NONE);
    assert_int_equal(contact_decide(b, &second, CONTACT_CONFIRMED, NOON), ERR_NONE);
    assert_int_equal(fails(&second, NOON).told, 1);
    assert_int_equal(contact_decide(b, &second, CONTACT_REFUSED, NOON), ERR_NONE);
    assert_int_equal(fails(&second, NOON).nobody, 1);
    set_email(&second, "");
    assert_int_equal(contact_decide(b, &second, CONTACT_CONFIRMED, NOON), ERR_INVALID);
    assert_int_equal(ask(&second, NOON), CONTACT_ASK_NO_ADDRESS);
}

static void again_by_hand(void **state)
{
    (void)state;
    assert_int_equal(ask(&channel, NOON), CONTACT_ASK_SENT);
    assert_int_equal(ask_as(&channel, 0, true, NOON + DAY - 1), CONTACT_ASK_ASKED);
    assert_int_equal(ask_as(&channel, 0, true, NOON - DAY + 1),
                     CONTACT_ASK_ASKED); /* the clock was set back */
    assert_int_equal(ask_as(&channel, 0, true, NOON + DAY), CONTACT_ASK_SENT);
    struct contact gone;
    uint8_t hash[SESSION_HASH_LEN] = {1};
    assert_int_equal(b->ops->notices->contact_find(b, hash, &gone),
                     ERR_NOT_FOUND); /* the first link is replaced */
    assert_int_equal(ask_as(&channel, 0, true, NOON + 2 * DAY), CONTACT_ASK_SENT);
    for (int64_t day = 3; day < 1000; day += 7)
        assert_int_equal(ask_as(&channel, 0, true, NOON + day * DAY), CONTACT_ASK_OFTEN);
    set_email(&channel, "other@example.org"); /* back and forth changes nothing */
    set_email(&channel, "contact@example.org");
    assert_int_equal(ask_as(&channel, 0, true, NOON + 2000 * DAY), CONTACT_ASK_OFTEN);
    assert_int_equal(count_to("contact@example.org"), CONTACT_ASKS_MAX);
    assert_int_equal(answer(3, CONTACT_CONFIRMED, NOON + 9 * DAY), ERR_CONFLICT); /* too old */
    assert_int_equal(answer(3, CONTACT_CONFIRMED, NOON + 9 * DAY - 1), ERR_NONE);
}

static void not_asked(void **state)
{
    (void)state;
    set_option(1, OPTION_APPLIED);
    assert_int_equal(ask(&channel, NOON), CONTACT_ASK_UNWANTED);
    set_option(1, OPTION_APPROVED);
    channel.error_notification = false;
    assert_int_equal(ask(&channel, NOON), CONTACT_ASK_UNWANTED);
    channel.error_notification = true;
    rules.public_url = "";
    assert_int_equal(ask(&channel, NOON), CONTACT_ASK_NO_LINK);
    rules.public_url = "https://todoke.example.com";
    int64_t admin = person("contact@example.org", false);
    assert_int_equal(b->ops->roles->grant_put(b, admin, GRANT_SCOPE_PROVIDER, 1, GRANT_MEMBER), ERR_NONE);
    assert_int_equal(view_of(&channel).state, CONTACT_UNCONFIRMED);
    assert_int_equal(b->ops->roles->grant_put(b, admin, GRANT_SCOPE_PROVIDER, 1, GRANT_ADMIN), ERR_NONE);
    assert_int_equal(ask(&channel, NOON), CONTACT_ASK_CONFIRMED); /* is told as an Admin */
    assert_true(view_of(&channel).state == CONTACT_CONFIRMED && view_of(&channel).asked_ms == 0);
    assert_int_equal(fails(&channel, NOON).told, 1);
    assert_int_equal(count_to("contact@example.org"), 1);
    assert_int_equal(mails.asks, 0);
    assert_int_equal(b->ops->roles->grant_put(b, admin, GRANT_SCOPE_PROVIDER, 1, GRANT_NONE), ERR_NONE);
    assert_int_equal(view_of(&channel).state, CONTACT_UNCONFIRMED);
}

/* An account from before the upgrade, whose address nobody has proven, confirms nothing by its role. */
static void admin_from_before(void **state)
{
    (void)state;
    int64_t p = provider(0);
    struct channel c = make(p, "contact@example.org");
    struct account a = {.email = "contact@example.org", .password = "x", .language = "en", .created_ms = 1};
    struct contact_view v;
    assert_int_equal(b->ops->accounts->account_insert(b, &a), ERR_NONE);
    assert_int_equal(b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_PROVIDER, p, GRANT_ADMIN), ERR_NONE);
    assert_int_equal(contact_look(b, &c, &v), ERR_NONE);
    assert_int_equal(v.state, CONTACT_UNCONFIRMED);
    a.confirmed = true;
    assert_int_equal(b->ops->accounts->account_update(b, &a), ERR_NONE);
    assert_int_equal(contact_look(b, &c, &v), ERR_NONE);
    assert_int_equal(v.state, CONTACT_CONFIRMED);
}

/* The same person by many providers and channels, in many spellings. */
static void same_person(void **state)
{
    (void)state;
    static const char *const spellings[] = {"victim@example.org",      "Victim@EXAMPLE.ORG",
                                            "victim+1@example.org",    "victim+2@example.org",
                                            "v.i.c.t.i.m@example.org", "victim@ｅｘａｍｐｌｅ.org",
                                            "victim+x.y@example.org",  "victim@example。org"};
    uint32_t sent = 0;
    for (int64_t i = 0; i < 400; i++) { /* a provider each, a few on the same day */
        struct channel c = make(provider(0), spellings[i % 8]);
        int64_t now = NOON + i / 40 * DAY;
        enum contact_ask a = ask(&c, now);
        sent += a == CONTACT_ASK_SENT;
        assert_true(a == CONTACT_ASK_SENT || a == CONTACT_ASK_CROWDED);
        if (i == 39)
            assert_int_equal(sent, CONTACT_PERSON_LATELY);
    }
    assert_int_equal(sent, CONTACT_PERSON_UNANSWERED);
    read_mails();
    assert_int_equal(mails.count, CONTACT_PERSON_UNANSWERED);
    for (uint32_t n = 1; n <= sent; n++) /* who says yes is asked by others, too */
        assert_int_equal(answer(n, CONTACT_CONFIRMED, NOON + (int64_t)(n - 1) / 3 * DAY), ERR_NONE);
    struct channel c = make(provider(0), "victim@example.org");
    assert_int_equal(ask(&c, NOON + 100 * DAY), CONTACT_ASK_SENT);
}

/* No word of whoever entered the address. */
static void what_it_says(void **state)
{
    (void)state;
    for (int ja = 0; ja < 2; ja++) {
        struct channel c = make(provider(0), "who@example.org");
        (void)snprintf(c.name, sizeof(c.name), "Your account is locked: sign in at evil example");
        memcpy(c.language, ja ? "ja" : "en", 3);
        assert_int_equal(ask(&c, NOON), CONTACT_ASK_SENT);
        read_mails();
        const char *text = mails.text[ja], *html = mails.html[ja], *link = strstr(text, "https://");
        char want[128], id[24];
        (void)snprintf(want, sizeof(want), "https://todoke.example.com/contact#ticket-%036u\n", tickets);
        (void)snprintf(id, sizeof(id), "%lld", (long long)c.id);
        assert_true(link && strncmp(link, want, strlen(want)) == 0 && !strstr(link + 8, "://"));
        assert_true(strstr(text, id) && strstr(html, id) && strstr(html, ja ? "lang=\"ja\"" : "lang=\"en\""));
        assert_true(strstr(mails.subject[ja], ja ? "エラー通知" : "error notifications"));
        assert_true(!strstr(text, "locked") && !strstr(html, "locked") &&
                    !strstr(mails.subject[ja], "locked"));
    }
}

static void full_outbox(void **state)
{
    (void)state;
    struct span to[100];
    for (size_t i = 0; i < 100; i++)
        to[i] = SPAN_LIT("x@example.com");
    const struct mail_draft d = {1, SPAN_LIT("s"), SPAN_LIT("t"), SPAN_LIT("h"), to, 100};
    for (uint32_t i = 0; i < NOTICE_OUTBOX_MAX / 100; i++)
        assert_int_equal(b->ops->mails->mail_insert(b, &d, NOON), ERR_NONE);
    assert_int_equal(ask(&channel, NOON), CONTACT_ASK_FULL);
}

/* Without memory nothing is half done: the transaction is what tells. */
static void no_memory(void **state)
{
    (void)state;
    for (unsigned long n = 1; n < 200; n++) {
        enum contact_ask ret;
        assert_int_equal(b->ops->commit(b), ERR_NONE);
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        (void)mem_fail_at(n);
        enum err e = contact_ask(b, &rules, &channel, 0, false, NOON, &ret);
        bool hit = mem_fail_hit();
        (void)mem_fail_at(0);
        if (!hit) {
            assert_true(!e && ret == CONTACT_ASK_SENT);
            return;
        }
        assert_int_equal(e, ERR_NOMEM);
        b->ops->rollback(b);
        assert_int_equal(b->ops->begin(b), ERR_NONE);
    }
    fail();
}

/* The schema as it was before there were contacts, in a directory of its own. */
static void write_old(const char *rows)
{
    static const char mark[] = "-- migration ";
    const char *to = strstr(store_schema, "CREATE TABLE contact ("), *at = store_schema;
    for (const char *next; (next = strstr(at + 1, mark)) && next < to;)
        at = next;
    char path[96], version[64], *why = NULL, *schema = mem_dup(store_schema, (size_t)(at - store_schema));
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    (void)snprintf(version, sizeof(version), "PRAGMA user_version=%ld",
                   strtol(at + strlen(mark), NULL, 10) - 1);
    assert_non_null(schema);
    assert_int_equal(remove(path), 0);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    const char *const steps[] = {schema, version, rows};
    for (int i = 0; i < 3; i++)
        if (sqlite3_exec(db, steps[i], NULL, NULL, &why) != SQLITE_OK)
            fail_msg("%s", why);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    mem_free(schema);
}

/* Those who are told today, with the operator's approval, go on being told after the upgrade; nobody else. */
static void upgrade(void **state)
{
    (void)state;
    b->ops->rollback(b);
    b->ops->close(b);
    write_old(
        "INSERT INTO provider (id, name, created_ms) VALUES (7, 'a', 1), (8, 'b', 1);"
        "INSERT INTO provider_option VALUES (7, 2, '', 1, 1), (8, 1, '', 1, 1);"
        "WITH c(id, provider_id, email, on_) AS (VALUES (2000000001, 7, 'Told@Example.org', 1), "
        "(2000000002, 7, 'off@example.org', 0), (2000000003, 8, 'applied@example.org', 1), "
        "(2000000004, 7, 'told@example.org', 1)) "
        "INSERT INTO channel (id, name, bot_user_id, secret, webhook_url, use_webhook, webhook_redelivery, "
        "error_statistics, contact_email, language, response_timeout_ms, max_events, suspended_ms, "
        "created_ms, "
        "updated_ms, error_notification, provider_id) SELECT id, 'c', 'U0', x'', '', 0, 0, 0, email, 'en', "
        "0, 0, 0, "
        "1, 1, on_, provider_id FROM c;");
    assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
    assert_int_equal(b->ops->begin(b), ERR_NONE);
    static const enum contact_state want[] = {CONTACT_CONFIRMED, CONTACT_UNCONFIRMED, CONTACT_UNCONFIRMED,
                                              CONTACT_CONFIRMED};
    for (int i = 0; i < 4; i++) {
        struct channel c;
        assert_int_equal(b->ops->channels->channel_get(b, 2000000001 + i, &c), ERR_NONE);
        assert_int_equal(view_of(&c).state, want[i]);
        assert_int_equal(view_of(&c).asked_ms, 0);
    }
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(asked_once),    CASE(refused),   CASE(changed_mind), CASE(admin_from_before),
        CASE(again_by_hand), CASE(not_asked), CASE(same_person),  CASE(what_it_says),
        CASE(full_outbox),   CASE(no_memory), CASE(upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
