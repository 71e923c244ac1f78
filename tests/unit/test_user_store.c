/* The users of the store: how they are identified, what messages do to their targets, what goes with them. */
#include "audience_fixture.h"

/* Users as text: "7 name {…} | mail a@example.com yes | push t no dropped=fcm_unregistered why=…" */
static char shown[16384];

static enum err show(void *arg, const struct user *u)
{
    static const char *const media[] = {"mail", "push", "line", "browser"}, *const consents[] = {"unasked",
                                                                                                 "yes", "no"};
    size_t at = strlen(shown);
    (void)arg;
    at += (size_t)snprintf(shown + at, sizeof(shown) - at, "%s%.*s %.*s", at ? "; " : "", (int)u->name.len,
                           u->name.ptr, (int)u->attributes.len, u->attributes.ptr);
    for (size_t i = 0; i < u->target_count && at < sizeof(shown); i++) {
        const struct target *t = &u->targets[i];
        at += (size_t)snprintf(shown + at, sizeof(shown) - at, " | %s %.*s %s", media[t->medium],
                               (int)t->value.len, t->value.ptr, consents[t->consent]);
        if (t->dropped.len)
            at += (size_t)snprintf(shown + at, sizeof(shown) - at, " dropped=%.*s", (int)t->dropped.len,
                                   t->dropped.ptr);
        if (t->job_id)
            at += (size_t)snprintf(shown + at, sizeof(shown) - at, " by=%d/%d", (int)t->job_id,
                                   (int)t->message_n);
        if (!span_eq(t->why, SPAN_LIT("identify")))
            at += (size_t)snprintf(shown + at, sizeof(shown) - at, " why=%.*s", (int)t->why.len, t->why.ptr);
    }
    return ERR_NONE;
}

static const char *user(const char *name)
{
    shown[0] = '\0';
    enum err e = ops()->user_find(b, provider, span_of(name), show, NULL);
    return e ? err_text(e) : shown;
}

static struct target_change said(enum medium medium, const char *value, enum consent consent)
{
    struct target_change c = to(medium, value);
    c.has_consent = true;
    c.consent = consent;
    return c;
}

static struct target_change without(enum medium medium, const char *value)
{
    struct target_change c = to(medium, value);
    c.remove = true;
    return c;
}

static uint64_t users(void)
{
    uint64_t n = 99;
    assert_int_equal(ops()->user_count(b, provider, &n), ERR_NONE);
    return n;
}

static void identify(void **state)
{
    (void)state;
    int64_t first, second, again;
    bool new;
    assert_int_equal(put("u1", "{\"plan\":\"pro\",\"age\":3}", NULL, 0, 1000, &first, &new), ERR_NONE);
    assert_true(new &&first > 0);
    assert_int_equal(
        put("u2", "", (struct target_change[]){to(MEDIUM_MAIL, "a@example.com")}, 1, 1000, &second, &new),
        ERR_NONE);
    assert_true(new &&second > first);
    assert_int_equal(put("u1", "{\"age\":null,\"x\":[1]}", NULL, 0, 2000, &again, &new), ERR_NONE);
    assert_true(!new &&again == first);
    assert_string_equal(user("u1"), "u1 {\"plan\":\"pro\",\"x\":[1]}");
    assert_string_equal(user("u2"), "u2 {} | mail a@example.com unasked");
    assert_string_equal(user("U1"), "not found");
    assert_int_equal(users(), 2);
    commit();
    assert_int_equal(users(), 2);
    assert_int_equal(count("SELECT users FROM audience"), 2);
}

static void refuses(void **state)
{
    (void)state;
    char name[USER_NAME_MAX + 2], large[USER_ATTRIBUTES_MAX + 16];
    memset(name, 'n', sizeof(name));
    name[USER_NAME_MAX + 1] = '\0';
    assert_int_equal(put(name, "", NULL, 0, 1, NULL, NULL), ERR_INVALID);
    assert_int_equal(put("", "", NULL, 0, 1, NULL, NULL), ERR_INVALID);
    assert_int_equal(put("u", "[1]", NULL, 0, 1, NULL, NULL), ERR_INVALID);
    name[USER_NAME_MAX] = '\0';
    assert_int_equal(put(name, "", NULL, 0, 1, NULL, NULL), ERR_NONE);
    /* Attributes are as large as allowed, and one more byte is refused, by the change or by the merge. */
    memset(large, 'x', sizeof(large));
    memcpy(large, "{\"a\":\"", 6);
    (void)snprintf(large + USER_ATTRIBUTES_MAX - 2, 4, "\"}");
    assert_int_equal(put("u", large, NULL, 0, 1, NULL, NULL), ERR_NONE);
    assert_int_equal(put("u", "{\"b\":1}", NULL, 0, 1, NULL, NULL), ERR_LIMIT);
    (void)snprintf(large + USER_ATTRIBUTES_MAX - 2, 5, "x\"}");
    assert_int_equal(put("v", large, NULL, 0, 1, NULL, NULL), ERR_LIMIT);
    assert_string_equal(user("v"), "not found");
    assert_int_equal(put("u", "{\"a\":null}", NULL, 0, 1, NULL, NULL), ERR_NONE);
    /* No such provider. */
    int64_t id;
    bool new;
    const struct user_change u = {.name = SPAN_LIT("u"), .why = "identify"};
    assert_int_equal(ops()->user_put(b, provider + 1, &u, 1, &id, &new), ERR_NOT_FOUND);
    assert_int_equal(users(), 2);
}

/* Mail and LINE: one. A new address has the consent that comes with it, not that of the old one. */
static void one_address(void **state)
{
    (void)state;
    PUT("u", "", said(MEDIUM_MAIL, "a@example.com", CONSENT_GIVEN), to(MEDIUM_LINE, "U1"));
    PUT("u", "", to(MEDIUM_MAIL, "a@example.com"));
    assert_string_equal(user("u"), "u {} | mail a@example.com yes | line U1 unasked");
    PUT("u", "", to(MEDIUM_MAIL, "b@example.com"), said(MEDIUM_LINE, "U1", CONSENT_WITHDRAWN));
    assert_string_equal(user("u"), "u {} | mail b@example.com unasked | line U1 no");
    PUT("u", "", without(MEDIUM_MAIL, ""), without(MEDIUM_LINE, ""));
    assert_string_equal(user("u"), "u {}");
    PUT("u", "", without(MEDIUM_MAIL, ""));
    /* several in one change: the last */
    PUT("u", "", to(MEDIUM_MAIL, "a@example.com"), to(MEDIUM_MAIL, "b@example.com"));
    assert_string_equal(user("u"), "u {} | mail b@example.com unasked");
    PUT("u", "", to(MEDIUM_MAIL, "a@example.com"), to(MEDIUM_MAIL, "b@example.com"));
    PUT("u", "", without(MEDIUM_MAIL, ""), to(MEDIUM_MAIL, "c@example.com"));
    assert_string_equal(user("u"), "u {} | mail c@example.com unasked");
    assert_int_equal(count("SELECT count(*) FROM audience_target"), 1);
}

/* Apps and browsers: ten, and what was dropped makes room. */
static void ten_apps(void **state)
{
    (void)state;
    char names[12][8];
    struct target_change apps[12];
    for (int i = 0; i < 12; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "t%02d", i);
        apps[i] = said(MEDIUM_PUSH, names[i], CONSENT_GIVEN);
    }
    assert_int_equal(put("u", "", apps, 11, 1000, NULL, NULL), ERR_LIMIT);
    assert_string_equal(user("u"), "not found");
    int64_t id;
    assert_int_equal(put("u", "", apps, 10, 1000, &id, NULL), ERR_NONE);
    assert_int_equal(put("u", "{\"a\":1}", &apps[10], 1, 1000, NULL, NULL), ERR_LIMIT);
    assert_int_equal(count("SELECT count(*) FROM audience_target"), 10);
    assert_null(strstr(user("u"), "\"a\"")); /* refused as a whole */
    for (int i = 3; i < 5; i++) {
        const struct target_effect gone = {.user_id = id,
                                           .medium = MEDIUM_PUSH,
                                           .value = span_of(names[i]),
                                           .drop = true,
                                           .error = DELIVERY_ERROR_push_unregistered,
                                           .job_id = 1,
                                           .message_n = 1};
        assert_int_equal(ops()->target_effect(b, provider, &gone, 3000 - i), ERR_NONE);
    }
    assert_int_equal(put("u", "", &apps[10], 1, 4000, NULL, NULL),
                     ERR_NONE); /* in place of t04, dropped first */
    assert_non_null(strstr(user("u"), "push t03 yes dropped="));
    assert_null(strstr(user("u"), "push t04"));
    assert_int_equal(put("u", "", &apps[11], 1, 4000, NULL, NULL), ERR_NONE);
    assert_int_equal(put("u", "", &apps[4], 1, 4000, NULL, NULL), ERR_LIMIT);
    assert_int_equal(count("SELECT count(*) FROM audience_target WHERE dropped=''"), 10);
    /* one goes, one comes, in one change */
    assert_int_equal(
        put("u", "", (struct target_change[]){without(MEDIUM_PUSH, "t00"), apps[4]}, 2, 4000, NULL, NULL),
        ERR_NONE);
    assert_null(strstr(user("u"), "push t00"));
    PUT("u", "", without(MEDIUM_PUSH, "never"));
}

static void browsers(void **state)
{
    (void)state;
    struct target_change c = said(MEDIUM_BROWSER, "https://push.example/1", CONSENT_GIVEN);
    c.p256dh = SPAN_LIT("key");
    c.auth = SPAN_LIT("auth");
    PUT("u", "", c);
    assert_int_equal(count("SELECT count(*) FROM audience_target WHERE p256dh='key' AND auth='auth'"), 1);
    c.auth = SPAN_LIT("other");
    c.has_consent = false;
    PUT("u", "", c);
    assert_int_equal(count("SELECT count(*) FROM audience_target WHERE auth='other' AND subscribed=1"), 1);
}

/* Nothing is written where nothing changes. */
static void same_again(void **state)
{
    (void)state;
    const struct target_change all[] = {said(MEDIUM_MAIL, "a@example.com", CONSENT_GIVEN),
                                        to(MEDIUM_PUSH, "t")};
    assert_int_equal(put("u", "{\"a\":1}", all, 2, 1000, NULL, NULL), ERR_NONE);
    commit();
    int64_t before = b->ops->changes(b);
    assert_int_equal(put("u", "{\"a\":1,\"b\":null}", all, 2, 2000, NULL, NULL), ERR_NONE);
    assert_int_equal(b->ops->changes(b), before);
    assert_int_equal(count("SELECT updated_ms FROM audience_user"), 1000);
    assert_int_equal(put("u", "", (struct target_change[]){to(MEDIUM_PUSH, "t2")}, 1, 3000, NULL, NULL),
                     ERR_NONE);
    assert_int_equal(count("SELECT updated_ms FROM audience_user"), 3000);
}

static struct target_effect effect(int64_t user_id, enum medium medium, const char *value)
{
    return (struct target_effect){
        .user_id = user_id, .medium = medium, .value = span_of(value), .job_id = 7, .message_n = 42};
}

static void effects(void **state)
{
    (void)state;
    int64_t id;
    const struct target_change all[] = {said(MEDIUM_MAIL, "a@example.com", CONSENT_GIVEN),
                                        said(MEDIUM_PUSH, "t", CONSENT_GIVEN)};
    assert_int_equal(put("u", "", all, 2, 1000, &id, NULL), ERR_NONE);
    struct target_effect bounce = effect(id, MEDIUM_MAIL, "a@example.com"),
                         drop = effect(id, MEDIUM_PUSH, "t");
    bounce.withdraw = drop.drop = true;
    bounce.error = DELIVERY_ERROR_bounce_user_unknown;
    drop.error = DELIVERY_ERROR_push_unregistered;
    const char *bounce_id = delivery_error_of(bounce.error)->id, *drop_id = delivery_error_of(drop.error)->id;
    char want[200];
    assert_int_equal(ops()->target_effect(b, provider, &bounce, 2000), ERR_NONE);
    assert_int_equal(ops()->target_effect(b, provider, &drop, 2000), ERR_NONE);
    (void)snprintf(want, sizeof(want),
                   "u {} | mail a@example.com no by=7/42 why=%s | push t yes dropped=%s by=7/42 why=%s",
                   bounce_id, drop_id, drop_id);
    assert_string_equal(user("u"), want);
    /* once more, by a later message: it stays that of the first */
    bounce.job_id = drop.job_id = 8;
    int64_t before = b->ops->changes(b);
    assert_int_equal(ops()->target_effect(b, provider, &bounce, 3000), ERR_NONE);
    assert_int_equal(ops()->target_effect(b, provider, &drop, 3000), ERR_NONE);
    bounce.user_id++;
    assert_int_equal(ops()->target_effect(b, provider, &bounce, 3000), ERR_NONE);
    assert_int_equal(b->ops->changes(b), before);
    assert_string_equal(user("u"), want);
    /* A token that was dropped is not used because it is given again. */
    PUT("u", "", all[1], to(MEDIUM_PUSH, "t2"));
    assert_non_null(strstr(user("u"), "push t yes dropped="));
    /* Undo */
    const struct span mail = SPAN_LIT("a@example.com"), token = SPAN_LIT("t"), fresh = SPAN_LIT("t2");
    assert_int_equal(ops()->target_undo(b, provider, id, MEDIUM_MAIL, mail, 4000), ERR_NONE);
    assert_int_equal(ops()->target_undo(b, provider, id, MEDIUM_PUSH, token, 4000), ERR_NONE);
    assert_string_equal(user("u"),
                        "u {} | mail a@example.com yes why=undo | push t yes why=undo | push t2 unasked");
    assert_int_equal(ops()->target_undo(b, provider, id, MEDIUM_MAIL, mail, 4000), ERR_CONFLICT);
    assert_int_equal(ops()->target_undo(b, provider, id, MEDIUM_PUSH, fresh, 4000), ERR_CONFLICT);
    assert_int_equal(ops()->target_undo(b, provider, id, MEDIUM_LINE, SPAN_LIT("U"), 4000), ERR_NOT_FOUND);
}

/* What the person said is not undone: neither before the message, nor after it. */
static void undo_keeps_what_people_said(void **state)
{
    (void)state;
    int64_t id;
    const struct target_change no = said(MEDIUM_PUSH, "t", CONSENT_WITHDRAWN);
    assert_int_equal(put("u", "", &no, 1, 1000, &id, NULL), ERR_NONE);
    struct target_effect both = effect(id, MEDIUM_PUSH, "t");
    both.withdraw = both.drop = true;
    both.error = DELIVERY_ERROR_push_unregistered;
    assert_int_equal(ops()->target_effect(b, provider, &both, 2000), ERR_NONE);
    assert_int_equal(ops()->target_undo(b, provider, id, MEDIUM_PUSH, SPAN_LIT("t"), 3000), ERR_NONE);
    assert_string_equal(user("u"), "u {} | push t no why=undo");

    PUT("v", "", said(MEDIUM_MAIL, "a@example.com", CONSENT_GIVEN));
    struct target_effect spam = effect(id + 1, MEDIUM_MAIL, "a@example.com");
    spam.withdraw = true;
    spam.error = DELIVERY_ERROR_bounce_user_unknown;
    assert_int_equal(ops()->target_effect(b, provider, &spam, 2000), ERR_NONE);
    PUT("v", "", said(MEDIUM_MAIL, "a@example.com", CONSENT_GIVEN));
    PUT("v", "", said(MEDIUM_MAIL, "a@example.com", CONSENT_WITHDRAWN));
    assert_string_equal(user("v"), "v {} | mail a@example.com no");
    assert_int_equal(ops()->target_undo(b, provider, id + 1, MEDIUM_MAIL, SPAN_LIT("a@example.com"), 3000),
                     ERR_CONFLICT);
}

static const char *search(const char *text, int64_t after, uint32_t limit, uint32_t scan,
                          struct user_search *ret)
{
    struct user_search s = {
        .provider_id = provider, .after = after, .limit = limit, .scan = scan, .text = span_of(text)};
    shown[0] = '\0';
    assert_int_equal(ops()->user_search(b, &s, show, NULL), ERR_NONE);
    if (ret)
        *ret = s;
    return shown;
}

static void searches(void **state)
{
    (void)state;
    struct user_search s;
    int64_t first;
    assert_int_equal(put("anna", "", NULL, 0, 1, &first, NULL), ERR_NONE);
    PUT("bob", "", to(MEDIUM_MAIL, "hanna@example.com"));
    PUT("Joanna", "", to(MEDIUM_LINE, "U9"));
    PUT("dora", "", to(MEDIUM_PUSH, "U9"), to(MEDIUM_MAIL, "hanna@example.com"));
    assert_string_equal(search("", 0, 10, 0, &s),
                        "anna {}; bob {} | mail hanna@example.com unasked; Joanna {} | line U9 unasked; "
                        "dora {} | mail hanna@example.com unasked | push U9 unasked");
    assert_true(s.end && s.last == first + 3);
    assert_string_equal(search("ANNA", 0, 10, 0, NULL), "anna {}; Joanna {} | line U9 unasked");
    assert_string_equal(search("hanna@example.com", 0, 1, 0, &s), "bob {} | mail hanna@example.com unasked");
    assert_true(!s.end && s.last == first + 1);
    assert_string_equal(search("hanna@example.com", s.last, 10, 0, &s),
                        "dora {} | mail hanna@example.com unasked | push U9 unasked");
    assert_true(s.end);
    assert_string_equal(search("hanna@example", 0, 10, 0, NULL), "");
    assert_string_equal(
        search("U9", 0, 10, 0, NULL),
        "Joanna {} | line U9 unasked; dora {} | mail hanna@example.com unasked | push U9 unasked");
    /* no more than so many are looked at */
    assert_string_equal(search("dora", 0, 10, 3, &s), "");
    assert_true(!s.end && s.last == first + 2);
    assert_non_null(strstr(search("dora", s.last, 10, 3, &s), "dora"));
    assert_true(s.end);
    shown[0] = '\0';
    assert_int_equal(
        ops()->user_by_target(b, provider, MEDIUM_MAIL, SPAN_LIT("hanna@example.com"), show, NULL), ERR_NONE);
    assert_string_equal(shown, "bob {} | mail hanna@example.com unasked; "
                               "dora {} | mail hanna@example.com unasked | push U9 unasked");
    /* others' users are not there */
    struct provider p = {.name = "other"};
    assert_int_equal(b->ops->roles->provider_insert(b, &p), ERR_NONE);
    s = (struct user_search){.provider_id = p.id, .limit = 10};
    shown[0] = '\0';
    assert_int_equal(ops()->user_search(b, &s, show, NULL), ERR_NONE);
    assert_int_equal(ops()->user_by_target(b, p.id, MEDIUM_MAIL, SPAN_LIT("hanna@example.com"), show, NULL),
                     ERR_NONE);
    assert_string_equal(shown, "");
    assert_int_equal(ops()->user_get(b, p.id, first, show, NULL), ERR_NOT_FOUND);
    assert_int_equal(ops()->user_delete(b, p.id, first), ERR_NOT_FOUND);
    assert_int_equal(ops()->user_get(b, provider, first, show, NULL), ERR_NONE);
}

static void send_messages(int64_t user_id, int64_t n)
{
    struct message m = {
        .job_id = 1, .user_id = user_id, .name = SPAN_LIT("u"), .target = SPAN_LIT("a@example.com")};
    for (int64_t i = 1; i <= n; i++) {
        m.n = user_id * 100000 + i;
        assert_int_equal(b->ops->jobs->message_insert(b, &m), ERR_NONE);
    }
}

static void deletes(void **state)
{
    (void)state;
    int64_t first, second, third;
    assert_int_equal(
        put("u", "", (struct target_change[]){to(MEDIUM_MAIL, "a@example.com")}, 1, 1, &first, NULL),
        ERR_NONE);
    assert_int_equal(
        put("v", "", (struct target_change[]){to(MEDIUM_MAIL, "b@example.com")}, 1, 1, &second, NULL),
        ERR_NONE);
    send_messages(first, 7000);
    send_messages(second, 10);
    assert_int_equal(ops()->user_delete(b, provider, first), ERR_NONE);
    assert_int_equal(ops()->user_delete(b, provider, first), ERR_NOT_FOUND);
    assert_string_equal(user("u"), "not found");
    assert_int_equal(users(), 1);
    assert_int_equal(count("SELECT count(*) FROM audience_target"), 1);
    /* the first 5,000 at once, the others later; those of others stay, and so does the count */
    assert_int_equal(count("SELECT count(*) FROM message WHERE target IS NULL AND name IS NULL"), 5000);
    prune_all();
    assert_int_equal(count("SELECT count(*) FROM message WHERE target IS NULL AND name IS NULL"), 7000);
    assert_int_equal(count("SELECT count(*) FROM message"), 7010);
    /* who comes back is somebody else */
    assert_int_equal(put("u", "", NULL, 0, 1, &third, NULL), ERR_NONE);
    assert_true(third > second);
}

/* A number is never given again, not after a restart and not when the row that knows the last one is lost. */
static void numbers_rise(void **state)
{
    (void)state;
    int64_t last = 0, id;
    commit();
    for (int round = 0; round < 4; round++) {
        assert_int_equal(put(round == 3 ? "v" : "u", "", NULL, 0, 1, &id, NULL), ERR_NONE);
        assert_true(id > last);
        assert_int_equal(round == 2 ? ERR_NONE : ops()->user_delete(b, provider, id), ERR_NONE);
        if (round == 1) { /* nothing of it is kept */
            b->ops->rollback(b);
            assert_int_equal(b->ops->begin(b), ERR_NONE);
            continue;
        }
        last = id;
        assert_int_equal(b->ops->commit(b), ERR_NONE);
        b->ops->close(b);
        assert_int_equal(sqlite_open(&b, dir, STORE_WRITE), ERR_NONE);
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        if (round == 2)
            exec("DELETE FROM audience_last", 0, 0);
    }
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    struct target_change all[] = {said(MEDIUM_MAIL, "a@example.com", CONSENT_GIVEN), to(MEDIUM_PUSH, "t")};
    for (unsigned long at = 1;; at++) {
        sqlite_user_end(sqlite_of(b)); /* as on a new connection */
        (void)mem_fail_at(at);
        enum err e = put("u", "{\"\\u0061\":1}", all, 2, 1000, NULL, NULL);
        if (!e)
            e = put("u", "{\"\\u0061\":2}", all, 2, 1000, NULL, NULL);
        int hit = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_int_equal(e, hit ? ERR_NOMEM : ERR_NONE);
        b->ops->rollback(b);
        assert_int_equal(b->ops->begin(b), ERR_NONE);
        struct provider p = {.name = "shop"};
        assert_int_equal(b->ops->roles->provider_insert(b, &p), ERR_NONE);
        provider = p.id;
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(identify), TEST(refuses),    TEST(one_address),  TEST(ten_apps),
        TEST(browsers), TEST(same_again), TEST(effects),      TEST(undo_keeps_what_people_said),
        TEST(searches), TEST(deletes),    TEST(numbers_rise), TEST(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
