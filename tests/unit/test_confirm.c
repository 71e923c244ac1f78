/* Accounts that are confirmed, or not: what became of those that are older than the difference, and what a
 * hand-over leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/confirm.h"
#include "access/keep.h"
#include "base/log.h"
#include "base/mem.h"
#include "remove_tree.h"
#include "store/backend.h"

extern const char store_schema[];

static char dir[64], path[96];
static struct backend *b;

#define OK(call) assert_int_equal((call), ERR_NONE)

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/todoke-confirm-XXXXXX");
    if (!mkdtemp(dir) || log_configure("error"))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/todoke.db", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    if (b)
        b->ops->close(b);
    b = NULL;
    return remove_tree(dir);
}

static void run(sqlite3 *db, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", message, sql);
}

/* A database as it was before accounts were confirmed; sql fills it. */
static void open_older(const char *sql)
{
    const char *section = strstr(store_schema, "ALTER TABLE account ADD COLUMN confirmed"), *mark = NULL;
    assert_non_null(section);
    for (const char *p = store_schema; (p = strstr(p, "-- migration ")) && p < section; p++)
        mark = p;
    char *before = mem_dup(store_schema, (size_t)(mark - store_schema)), version[64];
    (void)snprintf(version, sizeof(version), "PRAGMA user_version=%d",
                   (int)strtol(mark + strlen("-- migration "), NULL, 10) - 1);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    run(db, before);
    run(db, version);
    run(db, sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    mem_free(before);
    OK(sqlite_open(&b, dir, STORE_WRITE));
    OK(b->ops->begin(b));
}

static struct account account(int64_t id)
{
    struct account a;
    OK(b->ops->accounts->account_get(b, id, &a));
    return a;
}

static enum grant on_provider(int64_t account_id, int64_t id)
{
    struct grant_held held;
    OK(b->ops->roles->grant_on_provider(b, account_id, id, &held));
    return held.grant;
}

static enum grant on_channel(int64_t account_id, int64_t id)
{
    struct grant_held held;
    OK(b->ops->roles->grant_on_channel(b, account_id, id, &held));
    return held.grant;
}

#define ACCOUNT(id, name, operator)                                                                          \
    "INSERT INTO account VALUES (" #id ", '" name "@example.com', '', '$argon2id$', 'en', " #                \
    operator", 0, 1, 1);"
#define AUDIT(by_id, by, action, target, details)                                                            \
    "INSERT INTO audit (at_ms, account_id, who, peer, action, target, channel_id, details) VALUES "          \
    "(1, " #by_id ", '" by "', '', '" action "', '" target "', 0, '" details "');"

/* The takeover: 3, a stranger, made a provider (2) and the account of somebody's address (4), and accepted
 * the invitation itself. */
static void what_was_taken_over_gets_no_more(void **state)
{
    (void)state;
    open_older(
        ACCOUNT(1, "op", 1) ACCOUNT(2, "customer", 0) ACCOUNT(3, "attacker", 0) ACCOUNT(4, "victim", 0)
            ACCOUNT(5, "bykey", 0) ACCOUNT(6, "bycommand", 0) ACCOUNT(7, "longago", 0)
                ACCOUNT(8, "byformer", 0)
        /**/
        "INSERT INTO provider VALUES (2, 'Attacker', 1), (3, 'Customer', 1), (4, 'Trap', 1);"
        "INSERT INTO channel (id, name, bot_user_id, secret, webhook_url, use_webhook, webhook_redelivery, "
        "error_statistics, contact_email, language, response_timeout_ms, max_events, suspended_ms, "
        "created_ms, "
        "updated_ms, provider_id) VALUES (2000000001, 'c', 'U0', 's', '', 0, 0, 0, '', 'en', 0, 0, 0, 1, 1, "
        "3);"
        /**/
        AUDIT(1, "op@example.com", "account.setup", "account/1", "")
        /**/
        AUDIT(1, "op@example.com", "account.create", "account/2", "{}")
        /**/
        AUDIT(1, "op@example.com", "account.create", "account/3", "{}")
        /**/
        AUDIT(3, "attacker@example.com", "provider.create", "provider/2", "{}")
        /**/
        AUDIT(3, "attacker@example.com", "account.create", "account/4", "{}")
        /**/
        AUDIT(3, "attacker@example.com", "role.set", "provider/2",
              "{\"accountId\":\"4\",\"role\":\"member\"}")
        /**/
        AUDIT(4, "victim@example.com", "provider.create", "provider/4", "{}")
        /**/
        AUDIT(2, "customer@example.com", "provider.create", "provider/3", "{}")
        /**/
        AUDIT(2, "customer@example.com", "role.set", "provider/3", "{\"accountId\":\"4\",\"role\":\"admin\"}")
        /**/
        AUDIT(1, "op@example.com", "role.set", "channel/2000000001",
              "{\"accountId\":\"4\",\"role\":\"admin\"}")
        /**/
        AUDIT(0, "abcdefgh", "account.create", "account/5", "{}")
        /**/
        AUDIT(0, "system", "account.create", "account/6", "{}")
        /**/
        AUDIT(99, "gone@example.com", "account.create", "account/8", "{}")
        /**/
        AUDIT(0, "abcdefgh", "role.set", "provider/1", "not json")
        /**/
        "INSERT INTO provider_role VALUES (2, 3, 3), (3, 2, 3), (4, 2, 2), (4, 3, 3), (4, 4, 3), (5, 3, 2), "
        "(7, 3, "
        "2), (8, 3, 2);"
        "INSERT INTO channel_role VALUES (4, 2000000001, 3), (5, 2000000001, 1);"
        "INSERT INTO invitation VALUES (x'01', 4, 1, 99999999999999), (x'02', 5, 1, 99999999999999);");
    static const struct {
        int64_t id, inviter_id;
        const char *inviter;
        bool confirmed;
    } rows[] = {{1, 0, "", true},
                {2, 1, "op@example.com", true},
                {3, 1, "op@example.com", true},
                {4, 3, "attacker@example.com", false},
                {5, 0, "abcdefgh", true},
                {6, 0, "", true},
                {7, 0, "", false}, /* the log knows no more */
                {8, 99, "gone@example.com", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct account a = account(rows[i].id);
        assert_int_equal(a.confirmed, rows[i].confirmed);
        assert_int_equal(a.inviter_id, rows[i].inviter_id);
        assert_string_equal(a.inviter, rows[i].inviter);
    }
    assert_int_equal(on_provider(2, 3), GRANT_ADMIN);
    assert_int_equal(on_provider(3, 2), GRANT_ADMIN);
    assert_int_equal(on_provider(5, 3), GRANT_MEMBER);
    assert_int_equal(on_channel(5, 2000000001), GRANT_MEMBER);
    /* What the inviter gave, who had the link anyway, and what it made itself stays; what others gave
     * waits. */
    assert_int_equal(on_provider(4, 2), GRANT_MEMBER);
    assert_int_equal(on_provider(4, 4), GRANT_ADMIN);
    assert_int_equal(on_provider(4, 3), GRANT_NONE);
    assert_int_equal(on_channel(4, 2000000001), GRANT_NONE);
    assert_int_equal(on_provider(7, 3), GRANT_NONE);
    assert_int_equal(on_provider(8, 3), GRANT_NONE);
    int64_t link = 9; /* the attacker may have kept one, for later */
    OK(b->ops->accounts->invitation_last(b, 4, &link));
    assert_int_equal(link, 0);
    OK(b->ops->accounts->invitation_last(b, 5, &link));
    assert_int_not_equal(link, 0);
    uint64_t made = 9;
    OK(b->ops->roles->provider_made(b, 4, &made));
    assert_int_equal(made, 1);
}

static struct account put(const char *email, const char *password, bool confirmed)
{
    struct account a = {.language = "en", .confirmed = confirmed, .created_ms = 1};
    (void)snprintf(a.email, sizeof(a.email), "%s", email);
    (void)snprintf(a.name, sizeof(a.name), "Name");
    (void)snprintf(a.password, sizeof(a.password), "%s", password);
    OK(b->ops->accounts->account_insert(b, &a));
    return a;
}

static int64_t provider(const char *name)
{
    struct provider p = {.created_ms = 5};
    (void)snprintf(p.name, sizeof(p.name), "%s", name);
    OK(b->ops->roles->provider_insert(b, &p));
    return p.id;
}

static void give(const struct account *a, int64_t id, bool waits)
{
    const struct grant_gift gift = {
        .account_id = a->id, .id = id, .grant = GRANT_ADMIN, .waits = waits, .address = span_of(a->email)};
    OK(b->ops->roles->grant_give(b, &gift));
}

/* Every way to become confirmed, of every account. */
static void what_a_confirmation_leaves(void **state)
{
    (void)state;
    OK(sqlite_open(&b, dir, STORE_WRITE));
    OK(b->ops->begin(b));
    static const struct {
        const char *password;
        bool confirmed;
        enum confirm_by by;
        bool keeps, gets, named;
    } rows[] = {
        {"", false, CONFIRM_HAND_OVER, true, true, true}, /* nobody has used it */
        {"$argon2id$", false, CONFIRM_HAND_OVER, false, true, false},
        {"$argon2id$", false, CONFIRM_WORD, true, true, true},
        {"$argon2id$", true, CONFIRM_HAND_OVER, true, false, true}, /* a forgotten password */
    };
    int64_t had = provider("Had"), waited = provider("Waited");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char email[40];
        (void)snprintf(email, sizeof(email), "n%zu@example.com", i);
        struct account before = put(email, rows[i].password, rows[i].confirmed), a = before;
        give(&a, had, false);
        give(&a, waited, true);
        struct buf dropped;
        buf_init(&dropped, 1024);
        confirm_mark(&a, rows[i].by);
        OK(confirm_roles(b, &before, rows[i].by, &dropped));
        assert_true(a.confirmed);
        assert_int_equal(a.name[0] != '\0', rows[i].named);
        assert_int_equal(on_provider(a.id, had), rows[i].keeps ? GRANT_ADMIN : GRANT_NONE);
        assert_int_equal(on_provider(a.id, waited), rows[i].gets ? GRANT_ADMIN : GRANT_NONE);
        char want[64] = "";
        if (!rows[i].keeps)
            (void)snprintf(want, sizeof(want), "provider/%lld admin", (long long)had);
        assert_true(span_eq(buf_span(&dropped), span_of(want)));
        buf_deinit(&dropped);
    }
}

/* A long list is cut, not the confirmation. */
static void what_is_too_much_to_tell(void **state)
{
    (void)state;
    OK(sqlite_open(&b, dir, STORE_WRITE));
    OK(b->ops->begin(b));
    struct account a = put("a@example.com", "$argon2id$", false);
    for (int i = 0; i < 20; i++)
        give(&a, provider("P"), false);
    struct buf dropped;
    buf_init(&dropped, 40);
    OK(confirm_roles(b, &a, CONFIRM_HAND_OVER, &dropped));
    assert_true(buf_len(&dropped) > 0 && buf_len(&dropped) <= 40);
    assert_int_equal(on_provider(a.id, 21), GRANT_NONE);
    buf_deinit(&dropped);
}

static void who_stays(void **state)
{
    (void)state;
    OK(sqlite_open(&b, dir, STORE_WRITE));
    OK(b->ops->begin(b));
    char why[KEEP_WHY_LEN] = "";
    int64_t p = provider("Acme");
    struct account a = put("a@example.com", "$argon2id$", true), o = put("o@example.com", "$argon2id$", true);
    a.operator= true;
    OK(b->ops->accounts->account_update(b, &a));
    assert_int_equal(keep_operator(b, a.id, why), ERR_CONFLICT);
    assert_string_equal(why, "This is the last operator: make another account an operator first");
    OK(keep_operator(b, o.id, why));
    OK(keep_admin(b, a.id, why));
    OK(b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_PROVIDER, p, GRANT_ADMIN));
    assert_int_equal(keep_admin(b, a.id, why), ERR_CONFLICT);
    assert_non_null(strstr(why, "\"Acme\" (2)"));
    OK(keep_admin(b, o.id, why));
    assert_int_equal(keep_admin_of(b, p, a.id, true, why), ERR_CONFLICT);
    OK(keep_admin_of(b, p, o.id, true, why));
    give(&o, p, false); /* who has not come to see it: for those alone who may know it */
    OK(keep_admin_of(b, p, a.id, false, why));
    assert_int_equal(keep_admin_of(b, p, a.id, true, why), ERR_CONFLICT);
    OK(keep_admin_of(b, p, o.id, true, why));
    OK(keep_admin(b, a.id, why));
    OK(b->ops->roles->grant_meet(b, o.id, GRANT_SCOPE_PROVIDER, p));
    OK(keep_admin_of(b, p, a.id, true, why));
}

int main(void)
{
#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        IN_DIR(what_was_taken_over_gets_no_more),
        IN_DIR(what_a_confirmation_leaves),
        IN_DIR(what_is_too_much_to_tell),
        IN_DIR(who_stays),
    };
    return cmocka_run_group_tests_name("confirm", tests, NULL, NULL);
}
