/* What an invitation says, and in whose words. */
#include "store_fixture.h"

#include "base/mem.h"
#include "report/invitation.h"

struct seen {
    unsigned count;
    char recipient[300], subject[300], text[8192], html[8192];
};

static enum err see(void *arg, const struct mail *m)
{
    struct seen *s = arg;
    s->count++;
    (void)snprintf(s->recipient, sizeof(s->recipient), "%.*s", (int)m->recipient.len, m->recipient.ptr);
    (void)snprintf(s->subject, sizeof(s->subject), "%.*s", (int)m->subject.len, m->subject.ptr);
    (void)snprintf(s->text, sizeof(s->text), "%.*s", (int)m->text.len, m->text.ptr);
    (void)snprintf(s->html, sizeof(s->html), "%.*s", (int)m->html.len, m->html.ptr);
    return ERR_NONE;
}

static enum err put(enum invitation_kind kind, const char *email, const char *language, const char *name,
                    bool *ret_sent)
{
    struct account to = {.id = 7};
    (void)snprintf(to.email, sizeof(to.email), "%s", email);
    (void)snprintf(to.language, sizeof(to.language), "%s", language);
    struct provider p = {.id = 3};
    (void)snprintf(p.name, sizeof(p.name), "%s", name);
    const struct invitation_mail m = {.kind = kind,
                                      .to = &to,
                                      .ticket = "TICKET",
                                      .grant = GRANT_ADMIN,
                                      .provider = &p,
                                      .public_url = "https://todoke.example.com"};
    return invitation_put_mail(b, &m, 1000, ret_sent);
}

static struct seen sent(enum invitation_kind kind, const char *language, const char *name)
{
    struct seen s = {0}, had = {0};
    bool was = false;
    assert_int_equal(b->ops->mails->mail_due(b, 1000, 100, see, &had), ERR_NONE);
    assert_int_equal(put(kind, "a@例え.jp", language, name, &was), ERR_NONE);
    assert_true(was);
    assert_int_equal(b->ops->mails->mail_due(b, 1000, 100, see, &s), ERR_NONE);
    assert_int_equal(s.count, had.count + 1);
    assert_string_equal(s.recipient, "a@xn--r8jz45g.jp");
    return s;
}

static void words(void **state)
{
    (void)state;
    static const char link[] = "https://todoke.example.com/invitation#TICKET";
    for (int kind = INVITATION_LINK; kind <= INVITATION_DOUBTED; kind++) {
        bool linked = kind == INVITATION_LINK || kind == INVITATION_AGAIN;
        for (int ja = 0; ja < 2; ja++) {
            struct seen s = sent((enum invitation_kind)kind, ja ? "ja" : "en", "A & B's");
            assert_int_equal(strstr(s.text, link) != NULL, linked);
            assert_int_equal(strstr(s.html, link) != NULL, linked);
            assert_non_null(strstr(s.text, "https://todoke.example.com\n"));
            assert_non_null(strstr(s.text, "A & B's"));
            assert_non_null(strstr(s.html, "A &amp; B&#39;s"));
            assert_null(strstr(s.subject, "A & B"));
            assert_non_null(strstr(s.html, ja ? "lang=\"ja\"" : "lang=\"en\""));
            assert_int_equal(strstr(s.text, "プロバイダー") != NULL, ja);
        }
    }
    struct seen evil = sent(INVITATION_ROLE, "en", "Your account is locked: https://evil.example");
    assert_non_null(strstr(evil.text, "with the provider of ID 3."));
    assert_null(strstr(evil.text, "evil"));
    assert_null(strstr(evil.html, "locked"));
}

static void nowhere(void **state)
{
    (void)state;
    bool was = true;
    struct seen s = {0};
    assert_int_equal(put(INVITATION_LINK, "a:b@example.com", "en", "P", &was), ERR_NONE);
    assert_false(was);
    assert_int_equal(b->ops->mails->mail_due(b, 1000, 100, see, &s), ERR_NONE);
    assert_int_equal(s.count, 0);
}

static void without_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        bool was = true;
        mem_fail_at(n);
        enum err e = put(INVITATION_LINK, "a@example.com", "ja", "P", &was);
        mem_fail_at(0);
        if (!e)
            break;
        assert_int_equal(e, ERR_NOMEM);
        assert_false(was);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(words),
        WITH_STORE(nowhere),
        WITH_STORE(without_memory),
    };
    return cmocka_run_group_tests_name("invitation", tests, NULL, NULL);
}
