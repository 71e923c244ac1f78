/* What is a mail address, and why another text is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "model/email.h"

#define A10 "aaaaaaaaaa"
#define A60 A10 A10 A10 A10 A10 A10

static void rule(void **state)
{
    (void)state;
    static const struct {
        const char *text, *recipient, *spelling, *account; /* recipient NULL: refused */
        const char *why;                                   /* a part of it */
    } rows[] = {
        {"a@b", "a@b", "a@b", "a@b", NULL},
        {"a@localhost", "a@localhost", "a@localhost", "a@localhost", NULL},
        {"Taro.Yamada+x@Example.CO.JP", "Taro.Yamada+x@example.co.jp", "taro.yamada+x@example.co.jp",
         "taro.yamada+x@example.co.jp", NULL},
        {"!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org",
         "!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org",
         NULL}, /* RFC 5322 3.2.3, all of atext */
        {"太郎@例え.jp", "太郎@xn--r8jz45g.jp", "太郎@xn--r8jz45g.jp", "太郎@例え.jp", NULL},
        {"A@XN--R8JZ45G.jp", "A@xn--r8jz45g.jp", "a@xn--r8jz45g.jp", "a@xn--r8jz45g.jp", NULL},
        {"a@ｅｘａｍｐｌｅ．ｏｒｇ", "a@example.org", "a@example.org", "a@ｅｘａｍｐｌｅ．ｏｒｇ", NULL},
        {"a@example。org", "a@example.org", "a@example.org", "a@example。org", NULL},
        {"a@exam\xC2\xADple.org", "a@example.org", "a@example.org", "a@exam\xC2\xADple.org", NULL},
        {"Ö@example.org", "Ö@example.org", "Ö@example.org", "Ö@example.org", NULL},
        {"a@1.a-b.9", "a@1.a-b.9", "a@1.a-b.9", "a@1.a-b.9", NULL},
        {A60 "aaaa@b", A60 "aaaa@b", A60 "aaaa@b", A60 "aaaa@b", NULL},
        {"a@" A60 "aaa.b", "a@" A60 "aaa.b", "a@" A60 "aaa.b", "a@" A60 "aaa.b", NULL},
        {"", NULL, NULL, NULL, "@ is missing"},
        {"a", NULL, NULL, NULL, "@ is missing"},
        {"@b", NULL, NULL, NULL, "nothing stands in front"},
        {"a@", NULL, NULL, NULL, "nothing stands behind"},
        {"a@b@c", NULL, NULL, NULL, "more than one @"},
        {"a:b@example.com", NULL, NULL, NULL, "in front of the @ cannot"},
        {"a\\b@example.com", NULL, NULL, NULL, "in front of the @ cannot"},
        {"a b@c", NULL, NULL, NULL, "in front of the @ cannot"},
        {"<a@b>", NULL, NULL, NULL, "in front of the @ cannot"},
        {"a,b@c", NULL, NULL, NULL, "in front of the @ cannot"},
        {"a(b)@c", NULL, NULL, NULL, "in front of the @ cannot"},
        {"[a]@c", NULL, NULL, NULL, "in front of the @ cannot"},
        {"mailto:a@c", NULL, NULL, NULL, "in front of the @ cannot"},
        {"a\xE2\x80\xAE@b", NULL, NULL, NULL, "in front of the @ cannot"}, /* turns the line around */
        {"a\xC3@b", NULL, NULL, NULL, "in front of the @ cannot"},         /* no UTF-8 */
        {"\"a\"@b", NULL, NULL, NULL, "quotes"},
        {"\"a@b\"@c", NULL, NULL, NULL, "quotes"},
        {A60 "aaaaa@b", NULL, NULL, NULL, "more than 64 bytes"},
        {"a@[127.0.0.1]", NULL, NULL, NULL, "in brackets"},
        {"a@[IPv6:::1]", NULL, NULL, NULL, "in brackets"},
        {"a@b.", NULL, NULL, NULL, "a dot behind"},
        {"a@.b", NULL, NULL, NULL, "a dot behind"},
        {"a@b..c", NULL, NULL, NULL, "a dot behind"},
        {"a@-b", NULL, NULL, NULL, "hyphen"},
        {"a@b-.c", NULL, NULL, NULL, "hyphen"},
        {"a@b.c-", NULL, NULL, NULL, "hyphen"},
        {"a@exa_mple.org", NULL, NULL, NULL, "only letters"},
        {"a@b:25", NULL, NULL, NULL, "only letters"},
        {"a@b,c", NULL, NULL, NULL, "only letters"},
        {"a@b\n", NULL, NULL, NULL, "only letters"},
        {"a@b\r\nBcc: c.d", NULL, NULL, NULL, "only letters"},
        {"a@b\r\nBcc: c@d", NULL, NULL, NULL, "more than one @"},
        {"a@" A60 "aaaa.b", NULL, NULL, NULL, "63 bytes"},
        {"a@xn--\x7f.jp", NULL, NULL, NULL, "behind the @ cannot"},
        {"a@xn--zz_z.jp", NULL, NULL, NULL, ""},
        {"a@例え_x.jp", NULL, NULL, NULL, ""},
        {"a@例え..jp", NULL, NULL, NULL, ""},
        {"a@例え.jp\xC2\x85", NULL, NULL, NULL, "behind the @ cannot"},
        {"a@b\xFF", NULL, NULL, NULL, "behind the @ cannot"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[3][EMAIL_MAX + 1] = {"untouched", "untouched", "untouched"};
        const char *const whys[] = {email_recipient(span_of(rows[i].text), out[0]),
                                    email_spelling(span_of(rows[i].text), out[1]),
                                    email_account(span_of(rows[i].text), out[2])};
        const char *const want[] = {rows[i].recipient, rows[i].spelling, rows[i].account};
        for (int k = 0; k < 3; k++) {
            if (want[k] ? whys[k] != NULL : !whys[k])
                fail_msg("%s: %s", rows[i].text, whys[k] ? whys[k] : "taken");
            assert_string_equal(out[k], want[k] ? want[k] : "untouched");
            if (whys[k] && !strstr(whys[k], rows[i].why))
                fail_msg("%s: %s", rows[i].text, whys[k]);
            if (whys[k])
                assert_true(strlen(whys[k]) + 40 < EMAIL_WHY_MAX);
        }
    }
}

/* 254 bytes as mails carry it: the A-labels of an international domain count. */
static void lengths(void **state)
{
    (void)state;
    char text[EMAIL_MAX + 2], out[EMAIL_MAX + 1];
    memset(text, 'a', sizeof(text));
    for (size_t i = 1; i < sizeof(text); i += 50)
        text[i] = i == 1 ? '@' : '.';
    assert_null(email_recipient((struct span){text, EMAIL_MAX}, out));
    assert_int_equal(strlen(out), EMAIL_MAX);
    assert_string_equal(email_recipient((struct span){text, EMAIL_MAX + 1}, out), "longer than 254 bytes");
    size_t n = (size_t)snprintf(text, sizeof(text), "a@");
    while (n + 20 < EMAIL_MAX)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "éxxxxx.");
    (void)snprintf(text + n, sizeof(text) - n, "b");
    assert_true(strlen(text) < EMAIL_MAX);
    assert_non_null(email_recipient(span_of(text), out));
    assert_non_null(email_recipient((struct span){"a\0b@c", 5}, out));
    assert_non_null(email_recipient((struct span){"a@b\0c", 5}, out));
    assert_non_null(email_recipient((struct span){NULL, 0}, out));
}

/* Hundreds of thousands are judged one after the other. */
static void allocates_nothing(void **state)
{
    (void)state;
    char out[EMAIL_MAX + 1];
    (void)mem_fail_at(1);
    assert_null(email_recipient(SPAN_LIT("A.b+c@Example.org"), out));
    assert_null(email_spelling(SPAN_LIT("A.b+c@Example.org"), out));
    assert_null(email_account(SPAN_LIT("A.b+c@Example.org"), out));
    assert_false(mem_fail_hit());
    (void)mem_fail_at(0);
}

/* What is stored was judged by other rules, and is found all the same. */
static void looked_up(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"A:B@Example.com", "a:b@example.com"},
        {"a..b@c", "a..b@c"},
        {"太郎@例え.JP", "太郎@例え.jp"},
        {"a@-", "a@-"},
        {"a", NULL},
        {"@b", NULL},
        {"a@", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[EMAIL_MAX + 1] = "untouched";
        assert_int_equal(email_look_up(span_of(rows[i][0]), out), rows[i][1] != NULL);
        assert_string_equal(out, rows[i][1] ? rows[i][1] : "untouched");
    }
}

static void persons(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"a.b+c@example.com", "ab@example.com"}, {"ab@example.com", "ab@example.com"}, {"+a@b.c", "+a@b.c"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[EMAIL_MAX + 1];
        assert_true(span_eq(email_person(rows[i][0], out), span_of(rows[i][1])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule),      cmocka_unit_test(lengths), cmocka_unit_test(allocates_nothing),
        cmocka_unit_test(looked_up), cmocka_unit_test(persons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
