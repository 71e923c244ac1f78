/* What a mail program makes a link of is no name; what it leaves alone is one, and stands in mails byte for
 * byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "model/name.h"

static const struct {
    const char *name, *shown, *why; /* shown NULL: as it is, and no link */
} rows[] = {
    {"bot", NULL, "a name"},
    {"届け 注文通知ボット（本番）", NULL, "a name"},
    {"quotes \"a\" 'b' <b>&amp;</b>", NULL, "what looks like markup"},
    {"emoji 🎉👩‍👩‍👧 end", NULL, "joined characters"},
    {"=?utf-8?q?not=20encoded?= ?= =?", NULL, "what looks like an encoded word"},
    {"a, b; c@d <e@f>", NULL, "no domain behind the @"},
    {"node.js bot", NULL, "js is no domain"},
    {"J.League公式", NULL, "nor is league"},
    {"St.Luke's, Mr.Children, F.Marinos", NULL, "nor are these"},
    {"v1.2, 1.2.3.4, Ver.2.0beta, No.1", NULL, "versions and numbers"},
    {"Ver.1.2.3/beta No.1.2.3/4 v1.2.3.4:5", NULL, "versions with more behind them"},
    {"第1.2.3.4/5回 Tel.03.1234.5678/9", NULL, "numbers that are no octets, or stand in a word"},
    {"1.受付 2．予約 ３.会計", NULL, "numbered, with dots of both widths"},
    {"テスト用です。本番ではありません。", NULL, "sentences"},
    {"テスト。OK", NULL, "a full stop, and a word of ASCII"},
    {"U.S.A. e.g. i.e. a.m.", NULL, "abbreviations"},
    {"Q&A: yes/no, 24/7 //dev", NULL, "slashes and colons"},
    {"12:30-13:00 / 9:00", NULL, "times"},
    {"C:\\bot", NULL, "one backslash"},
    {".NET bot", NULL, "nothing before the dot"},
    {"hello. com", NULL, "a blank behind the dot"},
    {"v1.beta2", NULL, "a label with a digit at its end"},
    {"...", NULL, "dots"},
    {"", NULL, "nothing"},
    {"@todoke", NULL, "a handle"},
    {"www", NULL, "no dot"},
    {"awww.1", NULL, "no www"},
    {"Your account is locked: sign in at https://evil.example/login",
     "Your account is locked: sign in at https[:]//evil[.]example/login", "the attack"},
    {"https://x", "https[:]//x", "any scheme with a host"},
    {"HTTP://10.0.0.1/x", "HTTP[:]//10.0.0[.]1/x", "upper case, an address"},
    {"hxxp:\\\\x", "hxxp[:]\\[\\]x", "backslashes, as browsers take them"},
    {"://", "[:]//", "nothing but the mark"},
    {"evil.example", "evil[.]example", "a bare domain"},
    {"sign in: evil.com/login", "sign in: evil[.]com/login", "with a path"},
    {"(evil.com)", "(evil[.]com)", "in parentheses"},
    {"EVIL.COM!", "EVIL[.]COM!", "in upper case"},
    {"login.evil.co.uk:8443", "login.evil[.]co[.]uk:8443", "with a port"},
    {"evil.com通知", "evil[.]com通知", "without a blank behind it"},
    {"予約.com", "予約[.]com", "an international one"},
    {"予約.みんな", "予約[.]みんな", "its end, too"},
    {"evil.xn--q9jyb4c", "evil[.]xn--q9jyb4c", "as an A-label"},
    {"evil.newtld/login", "evil[.]newtld/login", "an end that is not known, with a path"},
    {"evil.newtld:80", "evil[.]newtld:80", "with a port"},
    {"203.0.113.7/login", "203.0.113[.]7/login", "an address with a path"},
    {"203.0.113.7:80", "203.0.113[.]7:80", "with a port"},
    {"www.x1", "www[.]x1", "www."},
    {"見る→WWW.x1", "見る→WWW[.]x1", "after other letters"},
    {"who@evil.newtld", "who[@]evil.newtld", "a mail address"},
    {"who@evil.com", "who[@]evil[.]com", "of a domain that is known"},
    {"mailto:who@host", "mailto[:]who@host", "by its scheme"},
    {"\\\\evil\\share", "\\[\\]evil\\share", "a network share"},
    {"evil.com.", "evil[.]com.", "with the dot of the root"},
    {"ASP.NET", "ASP[.]NET", "a domain, though nobody means it"},
    {"ｅｖｉｌ．ｃｏｍ", "ｅｖｉｌ[.]ｃｏｍ", "full width"},
    {"https：／／evil", "https[:]／／evil", "full width marks"},
    {"https\xEA\x9E\x89//evil", "https[:]//evil", "a colon of another kind"},
    {"https:\xE2\x81\x84\xE2\x88\x95x", "https[:]\xE2\x81\x84\xE2\x88\x95x", "slashes of other kinds"},
    {"evil。com", "evil[.]com", "the full stop that browsers take for a dot"},
    {"evil｡com", "evil[.]com", "its half width"},
    {"evil\xE2\x80\xA4"
     "com",
     "evil[.]com", "one dot leader"},
    {"evil\xEF\xB9\x92"
     "com",
     "evil[.]com", "small full stop"},
    {"evil.\xE2\x80\x8B"
     "com",
     "evil[.]\xE2\x80\x8B"
     "com",
     "zero width space"},
    {"ht\xC2\xADtps:/\xE2\x81\xA0/x", "ht\xC2\xADtps[:]/\xE2\x81\xA0/x", "soft hyphen, word joiner"},
    {"evil.c\xCD\x8Fom", "evil[.]c\xCD\x8Fom", "grapheme joiner"},
    {"evil.сом", "evil[.]сом", "Cyrillic letters that look like com"},
    {"evil.ϲοm", "evil[.]ϲοm", "Greek ones"},
    {"evil.ᴄᴏᴍ", "evil[.]ᴄᴏᴍ", "small capitals"},
    {"evil.ꓚꓳꓟ", "evil[.]ꓚꓳꓟ", "of Lisu"},
    {"evil.ⅽom", "evil[.]ⅽom", "a Roman number"},
    {"evil.cºm", "evil[.]cºm", "an ordinal"},
    {"evil.ℂom", "evil[.]ℂom", "a letter with two strokes"},
    {"evil.cₒᵐ", "evil[.]cₒᵐ", "letters below and above"},
    {"evil.™", "evil[.]™", "a sign of two letters"},
    {"evil.№ evil.℡ evil.㎏ evil.㏇", "evil[.]№ evil[.]℡ evil[.]㎏ evil[.]㏇", "others"},
    {"evil.ﬁ", "evil[.]ﬁ", "letters that are tied together"},
    {"evil.com™", "evil[.]com™", "a sign behind it"},
    {"evil.ℂom①", "evil[.]ℂom①", "a number behind it"},
    {"®www.x1 ™www.x1", "®www[.]x1 ™www[.]x1", "a sign in front"},
    {"evil⒈com", "evil1[.]com", "a number with its dot"},
    {"evil.newtld℀", "evil[.]newtld℀", "a slash in a sign"},
    {"evil\xE2\x80\xA5"
     "com",
     "evil[.]com", "two dots in one"},
    {"evil︙com", "evil[.]com", "upright ones"},
    {"https∷//evil", "https[:]//evil", "a double colon"},
    {"https︰//evil", "https[:]//evil", "an upright one"},
    {"evil.ｺﾑ evil.ｸﾞｰｸﾞﾙ", "evil[.]ｺﾑ evil[.]ｸﾞｰｸﾞﾙ", "Katakana of half width"},
    {"evil.ク\xE3\x82\x99ーク\xE3\x82\x99ル", "evil[.]ク\xE3\x82\x99ーク\xE3\x82\x99ル", "marks apart"},
    {"evil.\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xE1\x84\x80\xE1\x85\xAE\xE1\x86\xA8",
     "evil[.]\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xE1\x84\x80\xE1\x85\xAE\xE1\x86\xA8",
     "Hangul in its parts"},
    {"evil.ՀԱՅ", "evil[.]ՀԱՅ", "Armenian in upper case"},
    {"⒈受付 ⒉予約, ①.受付, Vol.①, №5, 3㎏, 20℃, H₂O, x², ½.", NULL, "signs, numbers"},
    {"Bot™ Inc.® ﬁle.js, 考え中…ok, St.ᴬ", NULL, "and more of them"},
    {"𝗲𝘃𝗶𝗹.𝗰𝗼𝗺", "𝗲𝘃𝗶𝗹[.]𝗰𝗼𝗺", "mathematical letters"},
    {"ⓔⓥⓘⓛ.ⓒⓞⓜ", "ⓔⓥⓘⓛ[.]ⓒⓞⓜ", "letters in circles"},
    {"ＷＷＷ．ｘ１", "ＷＷＷ[.]ｘ１", "www in full width"},
    {"a\r\nError count: 9", "a  Error count: 9", "line breaks"},
    {"evil.\xE2\x80\xAE"
     "com",
     "evil. com", "a turned reading direction is a blank"},
    {"evil.io\xD8\x9Cx", "evil[.]io x", "an Arabic mark is a blank, too"},
    {"\xFF"
     "evil.com",
     "\xEF\xBF\xBD"
     "evil[.]com",
     "malformed"},
};

static bool is_shown(const char *name, const char *want)
{
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(name_show(span_of(name), &out), ERR_NONE);
    bool same = span_eq(buf_span(&out), span_of(want));
    if (!same)
        print_message("# shown as %.*s\n", (int)buf_len(&out), buf_span(&out).ptr);
    buf_deinit(&out);
    return same;
}

static bool has_control(const char *name)
{
    return strpbrk(name, "\r\n\xFF") || strstr(name, "\xE2\x80\xAE") || strstr(name, "\xD8\x9C");
}

static void names(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *shown = rows[i].shown;
        bool link = shown && strchr(shown, '[');
        bool right = name_has_link(span_of(rows[i].name)) == link;
        if (!is_shown(rows[i].name, shown ? shown : rows[i].name) || !right) {
            print_message("# %s (%s)\n", rows[i].name, rows[i].why);
            wrong++;
        }
        const char *refusal = name_refuse(span_of(rows[i].name));
        bool refused = link || !rows[i].name[0] || has_control(rows[i].name);
        if (refused != (refusal != NULL)) {
            print_message("# %s: %s\n", rows[i].name, refusal ? refusal : "taken");
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void lengths(void **state)
{
    (void)state;
    char name[NAME_MAX_LEN + 8];
    memset(name, 'x', sizeof(name));
    assert_null(name_refuse((struct span){name, 100}));
    assert_non_null(name_refuse((struct span){name, 101}));
    assert_false(name_has_link((struct span){name, NAME_MAX_LEN}));
    assert_true(name_has_link((struct span){name, NAME_MAX_LEN + 1}));
    memset(name, '.', sizeof(name));
    memcpy(name + NAME_MAX_LEN - 8, "evil.com", 8);
    assert_true(name_has_link((struct span){name, NAME_MAX_LEN}));
    for (size_t i = 0; i < 100; i++)
        memcpy(name + 4 * i, "\xF0\x9F\x8E\x89", 4);
    assert_null(name_refuse((struct span){name, 400}));
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(name_show((struct span){name, sizeof(name)}, &out), ERR_NONE);
    assert_int_equal(buf_len(&out), NAME_MAX_LEN);
    buf_deinit(&out);
}

/* Showing a name allocates: nothing is lost or leaks when it cannot. */
static void no_memory(void **state)
{
    (void)state;
    for (unsigned long n = 1;; n++) {
        struct buf out;
        buf_init(&out, 65536);
        mem_fail_at(n);
        enum err e = name_show(SPAN_LIT("https://evil.example"), &out);
        bool hit = mem_fail_hit();
        mem_fail_at(0);
        buf_deinit(&out);
        assert_int_equal(e, hit ? ERR_NOMEM : ERR_NONE);
        if (!hit)
            return;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(lengths),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
