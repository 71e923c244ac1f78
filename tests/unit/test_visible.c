/* What others wrote, as a terminal is shown it; and values of a node's answers as a person reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/distance.h"
#include "base/mem.h"
#include "base/visible.h"
#include "command/answer.h"

static void assert_shown(enum err e, struct buf *out, const char *want, const char *of)
{
    assert_int_equal(e, ERR_NONE);
    assert_int_equal(buf_add(out, "", 1), ERR_NONE);
    if (strcmp(buf_span(out).ptr, want) != 0)
        fail_msg("%s is shown as %s, not %s", of, buf_span(out).ptr, want);
}

static void escapes_and_columns(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        const char *shown;
        unsigned width;
    } rows[] = {
        {SPAN_LIT(""), "", 0},
        {SPAN_LIT("abc"), "abc", 3},
        {SPAN_LIT("a\tb\r\n"), "a\\u0009b\\u000d\\u000a", 20},
        {SPAN_LIT("\x1b[2J\x7f"), "\\u001b[2J\\u007f", 15},
        {SPAN_LIT("\0"), "\\u0000", 6},
        {SPAN_LIT("\xC2\x9B"), "\\u009b", 6},                 /* C1: CSI in one character */
        {SPAN_LIT("\xE2\x80\xAE"), "\\u202e", 6},             /* right-to-left override */
        {SPAN_LIT("\xD8\x9C"), "\\u061c", 6},                 /* Arabic letter mark */
        {SPAN_LIT("\xE2\x80\x8B"), "\\u200b", 6},             /* zero width space */
        {SPAN_LIT("\xC2\xAD"), "\\u00ad", 6},                 /* soft hyphen */
        {SPAN_LIT("\xF3\xA0\x81\x81"), "\\udb40\\udc41", 12}, /* a tag */
        {SPAN_LIT("\xEF\xBB\xBF"), "\\ufeff", 6},
        {SPAN_LIT("a\xFF\xFE"), "a\xEF\xBF\xBD\xEF\xBF\xBD", 3},
        {SPAN_LIT("\xE3\x81"), "\xEF\xBF\xBD\xEF\xBF\xBD", 2},
        {SPAN_LIT("届け"), "届け", 4},
        {SPAN_LIT("\xEF\xBE\x8A\xEF\xBE\x9D"), "\xEF\xBE\x8A\xEF\xBE\x9D", 2}, /* half-width katakana */
        {SPAN_LIT("🚚"), "🚚", 2},
        {SPAN_LIT("한글"), "한글", 4},
        {SPAN_LIT("e\xCC\x81"), "e\xCC\x81", 1},           /* a combining accent */
        {SPAN_LIT("か\xE3\x82\x99"), "か\xE3\x82\x99", 2}, /* a combining voiced mark */
        {SPAN_LIT("\xE2\x80\x8D\xEF\xB8\x8F"), "\xE2\x80\x8D\xEF\xB8\x8F",
         0}, /* joiner, variation selector */
        {SPAN_LIT("é…▸✓"), "é…▸✓", 4},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out;
        buf_init(&out, 4096);
        assert_shown(visible_add(&out, rows[i].text, false), &out, rows[i].shown, rows[i].shown);
        if (visible_width(rows[i].text) != rows[i].width)
            fail_msg("%s has %u columns, not %u", rows[i].shown, visible_width(rows[i].text), rows[i].width);
        buf_deinit(&out);
    }
    struct buf out;
    buf_init(&out, 4096);
    assert_shown(visible_add(&out, SPAN_LIT("a\nb\t"), true), &out, "a\nb\\u0009", "lines");
    buf_deinit(&out);
}

static void values(void **state)
{
    (void)state;
    static const struct {
        const char *json, *shown;
    } rows[] = {
        {"\"\"", ""},
        {"\"a\\u0000b\\u001b\"", "a\\u0000b\\u001b"},
        {"\"\\ud83d\\ude00\"", "😀"},
        {"true", "yes"},
        {"false", "no"},
        {"null", "-"},
        {"0.10", "0.10"},
        {"-12345678901234567890e999", "-12345678901234567890e999"},
        {" { \"a b\" : [ 1 , \"\\\\\\\" ] \" ] }\n", "{\"a b\":[1,\"\\\\\\\" ] \"]}"},
        {"[]", "[]"},
        {"\"1234567890123456789012345678901234567890\"", "123456789012345678901234567890…"},
        {"\"届届届届届届届届届届届\"", "届届届届届届届届届届…"},
        {"\"12345678901234567890123456789届\"",
         "12345678901234567890123456789…"}, /* no half of a character */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_value v;
        struct buf out;
        buf_init(&out, 4096);
        assert_true(answer_read(span_of(rows[i].json), &v));
        assert_shown(answer_show(v, 30, &out), &out, rows[i].shown, rows[i].json);
        buf_deinit(&out);
    }
    struct buf out;
    buf_init(&out, 64);
    assert_shown(answer_show((struct json_value){0}, 30, &out), &out, "-", "a member that is not there");
    buf_deinit(&out);
}

static void members(void **state)
{
    (void)state;
    struct json_value root;
    char text[6];
    int64_t n;
    assert_true(answer_read(
        SPAN_LIT("{\"a\":{\"b\":\"12345\",\"n\":7,\"m\":-1,\"twice\":1,\"twice\":2},\"who\":\"x\","
                 "\"nul\":\"a\\u0000\",\"long\":\"123456\",\"empty\":\"\"}"),
        &root));
    assert_true(answer_text(root, "a.b", text, sizeof(text)));
    assert_string_equal(text, "12345");
    assert_true(answer_text(root, "empty", text, sizeof(text)));
    assert_string_equal(text, "");
    assert_true(answer_text(root, "who.email", text, sizeof(text)));
    assert_string_equal(text, "x");
    static const char *const none[] = {"long", "nul", "a", "a.n", "a.twice", "b", "a.b.c.d", ""};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (strcmp(none[i], "a.b.c.d") != 0)
            assert_false(answer_text(root, none[i], text, sizeof(text)));
    assert_true(answer_number(root, "a.n", &n));
    assert_int_equal(n, 7);
    assert_false(answer_number(root, "a.m", &n));
    assert_false(answer_number(root, "a.b", &n));
    assert_false(answer_read(SPAN_LIT("<html>"), &root));
}

static void refused_allocations(void **state)
{
    (void)state;
    struct json_value v;
    assert_true(answer_read(
        SPAN_LIT("\"\\u001b text of some length, so that a buffer has to grow and grow again\""), &v));
    for (size_t n = 1;; n++) {
        struct buf out;
        buf_init(&out, 4096);
        mem_fail_at(n);
        enum err e = answer_show(v, 4000, &out);
        mem_fail_at(0);
        buf_deinit(&out);
        if (!e)
            break;
        assert_int_equal(e, ERR_NOMEM);
        assert_true(n < 20);
    }
}

static const char *nearest(const char *typed, const char *const *names)
{
    struct distance_nearest n = {.word = span_of(typed)};
    for (; *names; names++)
        distance_consider(&n, *names);
    return n.name ? n.name : "";
}

static void names(void **state)
{
    (void)state;
    static const char *const all[] = {"serve",   "key",      "account", "channel",       "event",
                                      "errors",  "provider", "option",  "--webhook-url", "--contact-email",
                                      "--limit", "--help",   NULL};
    static const struct {
        const char *typed, *meant;
    } rows[] = {
        {"foo", ""},
        {"bar", ""},
        {"k", ""},
        {"", ""},
        {"ky", "key"},
        {"kye", "key"},
        {"keys", "key"},
        {"chanel", "channel"},
        {"CHANNEL", "channel"},
        {"chan", "channel"},
        {"chnnael", "channel"},
        {"evnt", "event"},
        {"serev", "serve"},
        {"--hlep", "--help"},
        {"--limti", "--limit"},
        {"--url", "--webhook-url"},
        {"--webhook_url", "--webhook-url"},
        {"--mail", ""},
        {"--email", "--contact-email"},
        {"completely-else", ""},
        {"x", ""},
        {"--", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(nearest(rows[i].typed, all), rows[i].meant) != 0)
            fail_msg("%s may mean \"%s\", not \"%s\"", rows[i].typed, nearest(rows[i].typed, all),
                     rows[i].meant);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_and_columns), cmocka_unit_test(values), cmocka_unit_test(members),
        cmocka_unit_test(refused_allocations), cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
