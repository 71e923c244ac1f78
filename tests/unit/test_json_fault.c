/* What is said of JSON that is refused: the place as a path, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json_fault.h"

static void assert_starts(const char *text, const char *want, const char *of)
{
    if (strncmp(text, want, strlen(want)) != 0)
        fail_msg("of %s\n  said %s\n  want %s", of, text, want);
}

static void place_and_words(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        const char *path, *message;
    } rows[] = {
        /* first half alone: at the end, before a character, before an escape, before another first half */
        {SPAN_LIT("\"\\ud800\""), "", "\\ud800 at byte 1 is a lone surrogate: the first half"},
        {SPAN_LIT("{\"a\":\"x\\uDBFFy\"}"), "a", "\\udbff at byte 7 is a lone surrogate: the first half"},
        {SPAN_LIT("{\"a\":[0,\"\\ud83d\\n\"]}"), "a[1]",
         "\\ud83d at byte 9 is a lone surrogate: the first half"},
        {SPAN_LIT("[\"\\ud800\\ud800\\udc00\"]"), "[0]",
         "\\ud800 at byte 2 is a lone surrogate: the first half"},
        {SPAN_LIT("[\"\\ud800\\u12"), "[0]", "\\ud800 at byte 2 is a lone surrogate: the first half"},
        /* a good pair before it moves the place */
        {SPAN_LIT("{\"a\":{\"b\":[[],{\"c\":\"\\ud83d\\ude00\\ud83d\"}]}}"), "a.b[1].c",
         "\\ud83d at byte 32 is a lone surrogate"},
        /* second half alone, and the two the wrong way round */
        {SPAN_LIT("{\"a\":1,\"b\":\"\\udc00\"}"), "b",
         "\\udc00 at byte 12 is a lone surrogate: the second half of a pair, and no"},
        {SPAN_LIT("{\"a\":\"\\ude00\\ud83d\"}"), "a",
         "\\ude00 at byte 6 is a lone surrogate: the second half of a pair, and the first half stands behind "
         "it"},
        /* in names */
        {SPAN_LIT("{\"\\ud800\":1}"), "", "in the name of a member, \\ud800 at byte 2 is a lone surrogate"},
        {SPAN_LIT("{\"a\":{\"b\":1,\"x\\udc00\":1}}"), "a",
         "in the name of a member, \\udc00 at byte 14 is a lone surrogate"},
        /* encoded as a character */
        {SPAN_LIT("{\"a\":\"\xED\xA0\x80\"}"), "a",
         "not UTF-8: bytes 6 and following encode a lone surrogate"},
        {SPAN_LIT("{\"\xED\xBF\xBF\":0}"), "", "not UTF-8: in the name of a member, bytes 2 and"},
        {SPAN_LIT("{\"a\":\"\xFF\"}"), "a", "not UTF-8: wrong at byte 6 (0xff)"},
        {SPAN_LIT("{\"a\":\"\xE3\x81\"}"), "a", "not UTF-8: wrong at byte 6 (0xe3)"},
        {SPAN_LIT("{\"a\":\"b\nc\"}"), "a",
         "not JSON: the control character at byte 7 (0x0a) must be written as an escape, \\u000a"},
        {SPAN_LIT("{\"a\":\"b\0c\"}"), "a", "not JSON: the control character at byte 7 (0x00)"},
        {SPAN_LIT("{\"a\":\"\\x\"}"), "a", "not JSON: the escape at byte 6"},
        {SPAN_LIT("{\"a\":\"\\u00g0\"}"), "a", "not JSON: \\u at byte 6 needs four"},
        {SPAN_LIT("{\"a\":\"\\"), "a", "not JSON: the text ends inside of a string"},
        {SPAN_LIT("{\"a\":\"b"), "a", "not JSON: the text ends inside of a string"},
        {SPAN_LIT("{\"a"), "", "not JSON: in the name of a member, the text ends inside of a string"},
        {SPAN_LIT("[1,[2,"), "[1][1]", "not JSON: wrong at byte 6, where the text ends too early"},
        {SPAN_LIT("{\"a\":[1,2 3]}"), "a[1]", "not JSON: wrong at byte 10"},
        {SPAN_LIT("{\"a\":{\"]\":\"}\\\"{\",\"b\":tru}}"), "a.b", "not JSON: wrong at byte"},
        {SPAN_LIT("{\"a\":1,}"), "", "not JSON: wrong at byte 7"},
        {SPAN_LIT("{\"a\" 1}"), "", "not JSON: wrong at byte 5"},
        {SPAN_LIT("{}x"), "", "not JSON: wrong at byte 2"},
        {SPAN_LIT("\xEF\xBB\xBF{}"), "", "not JSON: it begins with a byte order mark"},
        {SPAN_LIT(""), "", "the body is empty"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_fault f;
        size_t at = 0;
        enum err e = json_check(rows[i].text, JSON_DEPTH, &at);
        assert_int_equal(e, ERR_INVALID);
        json_fault_find(rows[i].text, JSON_DEPTH, e, at, &f);
        if (strcmp(f.path, rows[i].path) != 0)
            fail_msg("of %s\n  the place is %s, want %s", rows[i].text.ptr, f.path, rows[i].path);
        assert_starts(f.message, rows[i].message, rows[i].text.ptr);
    }
}

/* Far more and longer names than the path has room for. */
static void a_long_way(void **state)
{
    (void)state;
    struct json_fault f;
    struct buf text;
    size_t at = 0;
    buf_init(&text, 1u << 20);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(buf_add_str(&text, "{\"あいうえお\":[0,"), ERR_NONE);
    enum err e = json_check(buf_span(&text), JSON_DEPTH, &at);
    json_fault_find(buf_span(&text), JSON_DEPTH, e, at, &f);
    assert_starts(f.path, "あいうえお[1].あいうえお[1].", "a deep text");
    assert_true(strlen(f.path) < sizeof(f.path));
    assert_string_equal(f.path + strlen(f.path) - 3, "…");

    buf_clear(&text);
    for (unsigned i = 0; i <= JSON_DEPTH; i++)
        assert_int_equal(buf_add_str(&text, "["), ERR_NONE);
    e = json_check(buf_span(&text), JSON_DEPTH, &at);
    assert_int_equal(e, ERR_LIMIT);
    json_fault_find(buf_span(&text), JSON_DEPTH, e, at, &f);
    assert_string_equal(f.message, "nested deeper than 64 levels");
    e = json_check(buf_span(&text), JSON_DEPTH_CAP, &at);
    json_fault_find(buf_span(&text), JSON_DEPTH_CAP, e, at, &f);
    assert_string_equal(f.path + strlen(f.path) - 3, "…");

    buf_clear(&text);
    assert_int_equal(buf_add_str(&text, "{\""), ERR_NONE);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(buf_add_str(&text, "届"), ERR_NONE);
    assert_int_equal(buf_add_str(&text, "\":x"), ERR_NONE);
    e = json_check(buf_span(&text), JSON_DEPTH, &at);
    json_fault_find(buf_span(&text), JSON_DEPTH, e, at, &f);
    assert_int_equal(strlen(f.path), 63 + 3); /* 21 characters, none of them halved */
    assert_string_equal(f.path + 63, "…");
    buf_deinit(&text);
}

static void the_place_alone(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
        const char *path;
    } rows[] = {{"{\"a\":1,\"a\":2}", 10, "a"},
                {"{\"a\":{\"b\":[1,1e999]}}", 17, "a.b[1]"},
                {"{}", 0, ""},
                {"{}", 99, ""}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_fault f;
        json_fault_place(span_of(rows[i].text), rows[i].at, &f);
        assert_string_equal(f.path, rows[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_and_words),
        cmocka_unit_test(a_long_way),
        cmocka_unit_test(the_place_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
