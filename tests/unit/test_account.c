/* Accounts, roles, sessions and invitations in the store. */
#include "store_fixture.h"

#include <unistd.h>

#define OK(call) assert_int_equal((call), ERR_NONE)

static struct account made(const char *email, bool operator)
{
    struct account a = {.operator= operator, .language = "ja", .created_ms = 7};
    (void)snprintf(a.email, sizeof(a.email), "%s", email);
    (void)snprintf(a.name, sizeof(a.name), "名前");
    OK(b->ops->accounts->account_insert(b, &a));
    return a;
}

static int64_t channel_of(int64_t provider_id, const char *name)
{
    struct channel c = {.provider_id = provider_id, .language = "en", .bot_user_id = "U0"};
    (void)snprintf(c.name, sizeof(c.name), "%s", name);
    OK(b->ops->channels->channel_insert(b, &c));
    return c.id;
}

static int64_t provider(const char *name)
{
    struct provider p = {.created_ms = 5};
    (void)snprintf(p.name, sizeof(p.name), "%s", name);
    OK(b->ops->roles->provider_insert(b, &p));
    return p.id;
}

static enum err count_account(void *arg, const struct account *a)
{
    (void)a;
    ++*(unsigned *)arg;
    return ERR_NONE;
}

static void accounts(void **state)
{
    (void)state;
    struct account a = made("a@example.com", true), twin = a, found;
    assert_int_equal(b->ops->accounts->account_insert(b, &twin), ERR_EXISTS);
    OK(b->ops->accounts->account_by_email(b, SPAN_LIT("a@example.com"), &found));
    assert_memory_equal(&found, &a, sizeof(a));
    assert_int_equal(b->ops->accounts->account_by_email(b, SPAN_LIT("b@example.com"), &found), ERR_NOT_FOUND);
    struct account other = made("b@example.com", false);
    (void)snprintf(other.email, sizeof(other.email), "a@example.com");
    assert_int_equal(b->ops->accounts->account_update(b, &other), ERR_EXISTS);
    a.disabled = true;
    a.last_login_ms = 99;
    (void)snprintf(a.password, sizeof(a.password), "$argon2id$");
    OK(b->ops->accounts->account_update(b, &a));
    OK(b->ops->accounts->account_get(b, a.id, &found));
    assert_memory_equal(&found, &a, sizeof(a));
    uint64_t operators = 9;
    OK(b->ops->accounts->account_operators(b, 0, &operators));
    assert_int_equal(operators, 0); /* a disabled one is none */
    a.disabled = false;
    a.password[0] = '\0';
    OK(b->ops->accounts->account_update(b, &a));
    OK(b->ops->accounts->account_operators(b, 0, &operators));
    assert_int_equal(operators, 0); /* nor is one who has not taken up the invitation */
    (void)snprintf(a.password, sizeof(a.password), "$argon2id$");
    OK(b->ops->accounts->account_update(b, &a));
    OK(b->ops->accounts->account_operators(b, 0, &operators));
    assert_int_equal(operators, 1);
    OK(b->ops->accounts->account_operators(b, a.id, &operators));
    assert_int_equal(operators, 0);
    unsigned n = 0;
    OK(b->ops->accounts->account_list(b, 0, 10, count_account, &n));
    assert_int_equal(n, 2);
    OK(b->ops->accounts->account_list(b, a.id, 10, count_account, &n));
    assert_int_equal(n, 3);
    OK(b->ops->accounts->account_delete(b, a.id));
    assert_int_equal(b->ops->accounts->account_delete(b, a.id), ERR_NOT_FOUND);
    assert_int_equal(b->ops->accounts->account_get(b, a.id, &found), ERR_NOT_FOUND);
    assert_int_equal(b->ops->accounts->account_update(b, &a), ERR_NOT_FOUND);
    struct account later = made("c@example.com", false);
    assert_true(later.id > other.id && later.id > a.id); /* never used twice: the audit log names it */
}

static struct session session_of(int64_t account_id, uint8_t n, int64_t used_ms)
{
    struct session s = {.account_id = account_id, .created_ms = 10, .used_ms = used_ms};
    memset(s.hash, n, sizeof(s.hash));
    return s;
}

static bool there(const struct session *s)
{
    struct session found;
    enum err e = b->ops->accounts->session_get(b, s->hash, &found);
    assert_true(e == ERR_NONE || e == ERR_NOT_FOUND);
    return !e;
}

static void sessions(void **state)
{
    (void)state;
    struct account a = made("a@example.com", false), c = made("c@example.com", false);
    struct session s[4], of_c = session_of(c.id, 9, 50), found;
    for (uint8_t i = 0; i < 4; i++) {
        s[i] = session_of(a.id, (uint8_t)(i + 1), 100 - i); /* the later, the longer unused */
        OK(b->ops->accounts->session_insert(b, &s[i], 4));
    }
    OK(b->ops->accounts->session_insert(b, &of_c, 4));
    OK(b->ops->accounts->session_get(b, s[2].hash, &found));
    assert_memory_equal(&found, &s[2], sizeof(found));
    OK(b->ops->accounts->session_touch(b, s[2].hash, 200));
    OK(b->ops->accounts->session_touch(b, s[2].hash, 150)); /* never backwards */
    OK(b->ops->accounts->session_get(b, s[2].hash, &found));
    assert_int_equal(found.used_ms, 200);
    struct session fifth = session_of(a.id, 5, 300);
    OK(b->ops->accounts->session_insert(b, &fifth, 4));
    assert_true(there(&s[0]) && there(&s[1]) && there(&s[2]) && !there(&s[3]) && there(&fifth));
    OK(b->ops->accounts->session_delete(b, s[0].hash));
    assert_false(there(&s[0]));
    OK(b->ops->accounts->session_delete_others(b, a.id, s[1].hash));
    assert_true(there(&s[1]) && !there(&s[2]) && !there(&fifth) && there(&of_c));
    OK(b->ops->accounts->session_prune(b, 10, 50));
    assert_true(there(&s[1]) && there(&of_c));
    OK(b->ops->accounts->session_prune(b, 0, 51));
    assert_true(there(&s[1]) && !there(&of_c));
    OK(b->ops->accounts->session_prune(b, 11, 0));
    assert_false(there(&s[1]));
    OK(b->ops->accounts->session_insert(b, &s[0], 4));
    OK(b->ops->accounts->account_delete(b, a.id));
    assert_false(there(&s[0]));
}

static void invitations(void **state)
{
    (void)state;
    struct account a = made("a@example.com", false);
    struct invitation first = {.account_id = a.id, .created_ms = 1, .expires_ms = 2, .hash = {1}},
                      second = first, found;
    second.hash[0] = 2;
    OK(b->ops->accounts->invitation_put(b, &first));
    OK(b->ops->accounts->invitation_get(b, first.hash, &found));
    assert_memory_equal(&found, &first, sizeof(found));
    OK(b->ops->accounts->invitation_put(b, &second)); /* replaces it */
    assert_int_equal(b->ops->accounts->invitation_get(b, first.hash, &found), ERR_NOT_FOUND);
    OK(b->ops->accounts->invitation_get(b, second.hash, &found));
    int64_t expires = 9;
    OK(b->ops->accounts->invitation_last(b, a.id, &expires));
    assert_int_equal(expires, 2);
    OK(b->ops->accounts->invitation_delete(b, a.id));
    OK(b->ops->accounts->invitation_last(b, a.id, &expires));
    assert_int_equal(expires, 0);
    assert_int_equal(b->ops->accounts->invitation_get(b, second.hash, &found), ERR_NOT_FOUND);
}

static enum grant on_channel(const struct account *a, int64_t id)
{
    struct grant_held held = {GRANT_ADMIN, false};
    OK(b->ops->roles->grant_on_channel(b, a->id, id, &held));
    return held.grant;
}

static enum grant on_provider(const struct account *a, int64_t id)
{
    struct grant_held held = {GRANT_ADMIN, false};
    OK(b->ops->roles->grant_on_provider(b, a->id, id, &held));
    return held.grant;
}

/* The stronger of the two roles, for every pair of them. */
static void the_stronger_role_counts(void **state)
{
    (void)state;
    int64_t p = provider("P"), q = provider("Q"), c = channel_of(p, "c"), other = channel_of(p, "d"),
            far = channel_of(q, "e");
    struct account a = made("a@example.com", false), stranger = made("s@example.com", true);
    static const enum grant of_provider[] = {GRANT_NONE, GRANT_MEMBER, GRANT_ADMIN};
    for (size_t i = 0; i < 3; i++) {
        for (enum grant own = GRANT_NONE; own <= GRANT_ADMIN; own++) {
            enum grant inherited = of_provider[i], want = own > inherited ? own : inherited;
            enum err e = b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_PROVIDER, p, inherited);
            assert_true(!e || (e == ERR_NOT_FOUND && inherited == GRANT_NONE));
            e = b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_CHANNEL, c, own);
            assert_true(!e || (e == ERR_NOT_FOUND && own == GRANT_NONE));
            assert_int_equal(on_channel(&a, c), want);
            assert_int_equal(on_channel(&a, other), inherited);
            assert_int_equal(on_channel(&a, far), GRANT_NONE);
            assert_int_equal(on_channel(&a, 12345), GRANT_NONE);
            assert_int_equal(on_provider(&a, p), inherited); /* a role on a channel is none on its provider */
            assert_int_equal(on_provider(&a, q), GRANT_NONE);
            assert_int_equal(on_channel(&stranger, c), GRANT_NONE); /* an operator needs no role */
        }
    }
}

struct seen {
    char text[400];
};

static enum err see_channel(void *arg, const struct channel *c, enum grant g)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    (void)snprintf(s->text + n, sizeof(s->text) - n, "%s:%d ", c->name, g);
    return ERR_NONE;
}

static const char *find(int64_t account_id, int64_t provider_id, const char *text, uint32_t limit,
                        int64_t after)
{
    static struct seen s;
    s.text[0] = '\0';
    const struct channel_filter f = {.after = after,
                                     .limit = limit,
                                     .account_id = account_id,
                                     .provider_id = provider_id,
                                     .text = span_of(text)};
    OK(b->ops->roles->channel_find(b, &f, see_channel, &s));
    return s.text;
}

static void lists_show_what_one_may_see(void **state)
{
    (void)state;
    int64_t p = provider("P"), q = provider("Q");
    int64_t one = channel_of(p, "Alpha"), two = channel_of(q, "alphabet"), three = channel_of(q, "ベータ");
    struct account a = made("a@example.com", false), s = made("s@example.com", false);
    OK(b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_PROVIDER, q, GRANT_MEMBER));
    OK(b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_CHANNEL, one, GRANT_TESTER));
    OK(b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_CHANNEL, two, GRANT_ADMIN));
    assert_string_equal(find(0, 0, "", 10, 0), "Alpha:3 alphabet:3 ベータ:3 ");
    assert_string_equal(find(a.id, 0, "", 10, 0), "Alpha:1 alphabet:3 ベータ:2 ");
    assert_string_equal(find(s.id, 0, "", 10, 0), "");
    assert_string_equal(find(a.id, q, "", 10, 0), "alphabet:3 ベータ:2 ");
    assert_string_equal(find(a.id, 0, "ALPHA", 10, 0), "Alpha:1 alphabet:3 ");
    assert_string_equal(find(a.id, 0, "ータ", 10, 0), "ベータ:2 ");
    assert_string_equal(find(a.id, 0, "%", 10, 0), ""); /* no pattern */
    char id[24];
    (void)snprintf(id, sizeof(id), "%lld", (long long)two);
    assert_string_equal(find(a.id, 0, id, 10, 0), "alphabet:3 ");
    assert_string_equal(find(a.id, 0, "", 2, 0), "Alpha:1 alphabet:3 ");
    assert_string_equal(find(a.id, 0, "", 2, two), "ベータ:2 ");
    OK(b->ops->channels->channel_delete(b, three));
    OK(b->ops->channels->channel_delete(b, one));
    assert_string_equal(find(a.id, 0, "", 10, 0), "alphabet:3 ");
    assert_int_equal(b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_CHANNEL, one, GRANT_NONE),
                     ERR_NOT_FOUND); /* went with it */
}

/* Can log in, and is who the address says. */
static void able(struct account *a)
{
    (void)snprintf(a->password, sizeof(a->password), "$argon2id$");
    a->confirmed = true;
    OK(b->ops->accounts->account_update(b, a));
}

static enum err see_grant(void *arg, const struct grant_row *g)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    (void)snprintf(s->text + n, sizeof(s->text) - n, "%.*s:%d%s ", (int)g->email.len, g->email.ptr, g->grant,
                   g->inherited ? "i" : "");
    return ERR_NONE;
}

static enum err see_provider(void *arg, const struct provider *p, enum grant g)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    (void)snprintf(s->text + n, sizeof(s->text) - n, "%s:%d:%d ", p->name, g, (int)p->channels);
    return ERR_NONE;
}

static void providers_and_their_admins(void **state)
{
    (void)state;
    int64_t p = provider("P"), c = channel_of(p, "c"), alone = 9;
    struct account a = made("a@example.com", false), m = made("m@example.com", false);
    struct seen s = {0};
    uint64_t others = 9;
    OK(b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_PROVIDER, p, GRANT_ADMIN));
    OK(b->ops->roles->grant_put(b, m.id, GRANT_SCOPE_PROVIDER, p, GRANT_MEMBER));
    OK(b->ops->roles->grant_put(b, m.id, GRANT_SCOPE_CHANNEL, c, GRANT_ADMIN));
    OK(b->ops->roles->grant_list(b, GRANT_SCOPE_PROVIDER, p, 10, see_grant, &s));
    assert_string_equal(s.text, "a@example.com:3 m@example.com:2 ");
    s.text[0] = '\0';
    OK(b->ops->roles->grant_list(b, GRANT_SCOPE_CHANNEL, c, 10, see_grant, &s));
    assert_string_equal(s.text, "a@example.com:3i m@example.com:3 m@example.com:2i ");
    able(&a);
    able(&m);
    OK(b->ops->roles->provider_admins(b, p, a.id, false, &others));
    assert_int_equal(others, 0);
    OK(b->ops->roles->provider_admin_alone(b, a.id, &alone));
    assert_int_equal(alone, p);
    OK(b->ops->roles->grant_put(b, m.id, GRANT_SCOPE_PROVIDER, p, GRANT_ADMIN));
    OK(b->ops->roles->provider_admin_alone(b, a.id, &alone));
    assert_int_equal(alone, 0);
    s.text[0] = '\0';
    OK(b->ops->roles->provider_list(b, a.id, 0, 10, see_provider, &s));
    OK(b->ops->roles->provider_list(b, 0, 0, 10, see_provider, &s));
    assert_string_equal(s.text, "P:3:1 Default:3:0 P:3:1 ");
    assert_int_equal(b->ops->roles->provider_delete(b, p), ERR_CONFLICT);
    OK(b->ops->channels->channel_delete(b, c));
    OK(b->ops->roles->provider_rename(b, p, SPAN_LIT("R")));
    OK(b->ops->roles->provider_delete(b, p));
    assert_int_equal(b->ops->roles->provider_delete(b, p), ERR_NOT_FOUND);
    assert_int_equal(b->ops->roles->provider_rename(b, p, SPAN_LIT("R")), ERR_NOT_FOUND);
    assert_int_equal(on_provider(&a, p), GRANT_NONE);
    OK(b->ops->roles->provider_admin_alone(b, a.id, &alone));
    assert_int_equal(alone, 0);
}

/* Of the Admins those count who can act, and to whom only knows what the list shows, those who are known. */
static void admins_that_count(void **state)
{
    (void)state;
    int64_t p = provider("P"), alone = 9;
    uint64_t others = 9, known = 9;
    struct account a = made("a@example.com", false), m = made("m@example.com", false);
    able(&a);
    able(&m);
    OK(b->ops->roles->grant_put(b, a.id, GRANT_SCOPE_PROVIDER, p, GRANT_ADMIN));
    const struct {
        bool waits, known, disabled, unconfirmed, invited;
        uint64_t others, known_others;
    } rows[] = {
        {.known = true, .others = 1, .known_others = 1},
        {.known = false, .others = 1, .known_others = 0},
        {.known = true, .waits = true},
        {.known = true, .disabled = true},
        {.known = true, .unconfirmed = true},
        {.known = true, .invited = true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct account now = m;
        now.disabled = rows[i].disabled;
        now.confirmed = !rows[i].unconfirmed;
        if (rows[i].invited)
            now.password[0] = '\0';
        OK(b->ops->accounts->account_update(b, &now));
        const struct grant_gift gift = {.account_id = m.id,
                                        .scope = GRANT_SCOPE_PROVIDER,
                                        .id = p,
                                        .grant = GRANT_ADMIN,
                                        .waits = rows[i].waits,
                                        .known = rows[i].known,
                                        .address = SPAN_LIT("m@example.com")};
        OK(b->ops->roles->grant_give(b, &gift));
        OK(b->ops->roles->provider_admins(b, p, a.id, false, &others));
        OK(b->ops->roles->provider_admins(b, p, a.id, true, &known));
        OK(b->ops->roles->provider_admin_alone(b, a.id, &alone));
        assert_int_equal(others, rows[i].others);
        assert_int_equal(known, rows[i].known_others);
        assert_int_equal(alone, rows[i].others ? 0 : p);
        OK(b->ops->roles->grant_put(b, m.id, GRANT_SCOPE_PROVIDER, p, GRANT_NONE));
    }
}

static enum err see_state(void *arg, const struct grant_row *g)
{
    struct seen *s = arg;
    size_t n = strlen(s->text);
    (void)snprintf(s->text + n, sizeof(s->text) - n, "%.*s=%.*s:%d%s%s ", (int)g->address.len, g->address.ptr,
                   (int)g->email.len, g->email.ptr, g->grant, g->waits ? "w" : "", g->known ? "k" : "");
    return ERR_NONE;
}

static const char *rows_of(enum grant_scope scope, int64_t id)
{
    static struct seen s;
    s.text[0] = '\0';
    OK(b->ops->roles->grant_list(b, scope, id, 10, see_state, &s));
    return s.text;
}

static unsigned people_of(int64_t channel_id);

static void roles_that_wait_count_for_nothing(void **state)
{
    (void)state;
    int64_t p = provider("P"), c = channel_of(p, "c");
    struct account a = made("z@example.com", false), other = made("b@example.com", false);
    struct seen s = {0};
    struct grant_gift gift = {.account_id = a.id,
                              .scope = GRANT_SCOPE_PROVIDER,
                              .id = p,
                              .grant = GRANT_ADMIN,
                              .waits = true,
                              .address = SPAN_LIT("a@example.com")};
    OK(b->ops->roles->grant_give(b, &gift));
    gift.scope = GRANT_SCOPE_CHANNEL;
    gift.id = c;
    OK(b->ops->roles->grant_give(b, &gift));
    OK(b->ops->roles->grant_put(b, other.id, GRANT_SCOPE_PROVIDER, p, GRANT_MEMBER));
    assert_string_equal(rows_of(GRANT_SCOPE_PROVIDER, p),
                        "a@example.com=z@example.com:3w b@example.com=b@example.com:2k ");
    assert_int_equal(on_channel(&a, c), GRANT_NONE);
    assert_int_equal(on_provider(&a, p), GRANT_NONE);
    assert_string_equal(find(a.id, 0, "", 10, 0), "");
    OK(b->ops->roles->provider_list(b, a.id, 0, 10, see_provider, &s));
    assert_string_equal(s.text, "");
    assert_int_equal(people_of(c), 0);
    OK(b->ops->roles->grant_drop(b, a.id)); /* those that count; there are none */
    OK(b->ops->roles->grant_release(b, a.id));
    assert_int_equal(on_channel(&a, c), GRANT_ADMIN);
    assert_string_equal(find(a.id, 0, "", 10, 0), "c:3 ");
    assert_int_equal(people_of(c), 0); /* who has never come is sent no mails */
    struct grant_held held;
    OK(b->ops->roles->grant_on_channel(b, a.id, c, &held));
    assert_false(held.known);
    OK(b->ops->roles->grant_meet(b, a.id, GRANT_SCOPE_CHANNEL, c)); /* of the provider, too */
    OK(b->ops->roles->grant_on_channel(b, a.id, c, &held));
    assert_true(held.known);
    assert_int_equal(people_of(c), 0); /* nor is one whose address nobody has proven */
    a.confirmed = true;
    OK(b->ops->accounts->account_update(b, &a));
    assert_int_equal(people_of(c), 1);
    assert_string_equal(rows_of(GRANT_SCOPE_PROVIDER, p),
                        "b@example.com=b@example.com:2k a@example.com=z@example.com:3k ");
    gift.known = false; /* given once more by one who need not know: it stays known, its address stays */
    gift.waits = false;
    gift.grant = GRANT_TESTER;
    gift.address = SPAN_LIT("x@example.com");
    OK(b->ops->roles->grant_give(b, &gift));
    s.text[0] = '\0';
    assert_string_equal(
        rows_of(GRANT_SCOPE_CHANNEL, c),
        "b@example.com=b@example.com:2k a@example.com=z@example.com:1k a@example.com=z@example.com:3k ");
    OK(b->ops->roles->grant_drop(b, a.id));
    assert_int_equal(on_channel(&a, c), GRANT_NONE);
}

static enum err see_person(void *arg, struct span email)
{
    (void)email;
    ++*(unsigned *)arg;
    return ERR_NONE;
}

/* Without b@, who is a Member. */
static unsigned people_of(int64_t channel_id)
{
    unsigned n = 0;
    OK(b->ops->notices->notice_people(b, channel_id, see_person, &n));
    return n;
}

static void ids_tell_nothing(void **state)
{
    (void)state;
    struct account first = made("a@example.com", false);
    OK(b->ops->accounts->account_skip(b)); /* as if one had been made */
    struct account second = made("b@example.com", false);
    assert_int_equal(second.id, first.id + 2);
}

static void tallies(void **state)
{
    (void)state;
    uint32_t n = 9;
    OK(b->ops->audit->tally_get(b, 5, SPAN_LIT("x"), &n));
    assert_int_equal(n, 0);
    OK(b->ops->audit->tally_add(b, 5, SPAN_LIT("x")));
    OK(b->ops->audit->tally_add(b, 5, SPAN_LIT("x")));
    OK(b->ops->audit->tally_add(b, 5, SPAN_LIT("y")));
    OK(b->ops->audit->tally_get(b, 5, SPAN_LIT("x"), &n));
    assert_int_equal(n, 2);
    OK(b->ops->audit->tally_add(b, TALLY_EVER, SPAN_LIT("x")));
    OK(b->ops->audit->tally_get(b, 5, SPAN_LIT("x"), &n));
    assert_int_equal(n, 2);
    OK(b->ops->audit->tally_add(b, 4, SPAN_LIT("z"))); /* the clock went back: a day is a day */
    OK(b->ops->audit->tally_get(b, 5, SPAN_LIT("x"), &n));
    assert_int_equal(n, 0);
    OK(b->ops->audit->tally_get(b, TALLY_EVER, SPAN_LIT("x"), &n));
    assert_int_equal(n, 1);
    OK(b->ops->audit->tally_drop(b, TALLY_EVER, SPAN_LIT("x")));
    OK(b->ops->audit->tally_get(b, TALLY_EVER, SPAN_LIT("x"), &n));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(accounts),
        WITH_STORE(sessions),
        WITH_STORE(invitations),
        WITH_STORE(the_stronger_role_counts),
        WITH_STORE(lists_show_what_one_may_see),
        WITH_STORE(providers_and_their_admins),
        WITH_STORE(admins_that_count),
        WITH_STORE(roles_that_wait_count_for_nothing),
        WITH_STORE(ids_tell_nothing),
        WITH_STORE(tallies),
    };
    return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
