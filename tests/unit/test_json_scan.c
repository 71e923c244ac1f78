#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../fuzz/json_agree.h"
#include "base/mem.h"
#include "base/random.h"

static const char line_event[] =
    "{\"type\":\"message\",\"message\":{\"type\":\"text\",\"id\":\"14353798921116\",\"quoteToken\":"
    "\"yHAz4Ua2wx7\","
    "\"text\":\"Hello, world! (love) \\ud83d\\ude00\",\"emojis\":[{\"index\":14,\"length\":6,\"productId\":"
    "\"5ac1bfd5040ab15980c9b435\",\"emojiId\":\"001\"}]},\"webhookEventId\":\"01FZ74A0TDDPYRVKNK77XKC3ZR\","
    "\"deliveryContext\":{\"isRedelivery\":false},\"timestamp\":1462629479859,\"source\":{\"type\":\"group\","
    "\"groupId\":\"Ca56f94637cba4347\",\"userId\":\"U4af4980629\"},\"replyToken\":"
    "\"nHuyWiB7yP5Zw52FIkcQobQu\","
    "\"mode\":\"active\"}";

static void grammar(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        int at; /* where it is wrong; -1: accepted */
    } rows[] = {
        {SPAN_LIT("{}"), -1},
        {SPAN_LIT(" \t\r\n{ } \t\r\n"), -1},
        {SPAN_LIT("[]"), -1},
        {SPAN_LIT("0"), -1},
        {SPAN_LIT("-0.0e-0"), -1},
        {SPAN_LIT("\"\""), -1},
        {SPAN_LIT("null"), -1},
        {SPAN_LIT("{\"a\":[1,{\"b\":\"c\"},true,false,null]}"), -1},
        {SPAN_LIT("\"\x7F\""), -1},
        {SPAN_LIT("\"12345678\x7F\""), -1},
        {SPAN_LIT("\"\\u0000\""), -1},
        {SPAN_LIT("\"\\uDBFF\\uDFFF\""), -1},
        {SPAN_LIT("1e99999"), -1},
        {SPAN_LIT("123456789012345678901234567890"), -1},
        {SPAN_LIT(""), 0},
        {SPAN_LIT("   "), 3},
        {SPAN_LIT("\xEF\xBB\xBF{}"), 0},
        {SPAN_LIT("{} x"), 3},
        {SPAN_LIT("{}\0"), 2},
        {SPAN_LIT("{}{}"), 2},
        {SPAN_LIT("1 2"), 2},
        {SPAN_LIT("tru"), 3},
        {SPAN_LIT("trux"), 3},
        {SPAN_LIT("True"), 0},
        {SPAN_LIT("nulll"), 4},
        {SPAN_LIT("NaN"), 0},
        {SPAN_LIT("'a'"), 0},
        {SPAN_LIT("["), 1},
        {SPAN_LIT("[1"), 2},
        {SPAN_LIT("[1,"), 3},
        {SPAN_LIT("[1,]"), 3},
        {SPAN_LIT("[,1]"), 1},
        {SPAN_LIT("[1 2]"), 3},
        {SPAN_LIT("[1}"), 2},
        {SPAN_LIT("{1:2}"), 1},
        {SPAN_LIT("{a:2}"), 1},
        {SPAN_LIT("{\"a\"}"), 4},
        {SPAN_LIT("{\"a\" 1}"), 5},
        {SPAN_LIT("{\"a\":}"), 5},
        {SPAN_LIT("{\"a\":1,}"), 7},
        {SPAN_LIT("{\"a\":1]"), 6},
        {SPAN_LIT("]"), 0},
        {SPAN_LIT("[\f1]"), 1},
        {SPAN_LIT("// c\n1"), 0},
        {SPAN_LIT("01"), 1},
        {SPAN_LIT("-"), 1},
        {SPAN_LIT("-a"), 1},
        {SPAN_LIT("+1"), 0},
        {SPAN_LIT("1."), 2},
        {SPAN_LIT(".5"), 0},
        {SPAN_LIT("1.e3"), 2},
        {SPAN_LIT("1e"), 2},
        {SPAN_LIT("1e+"), 3},
        {SPAN_LIT("0x10"), 1},
        {SPAN_LIT("\"a"), 2},
        {SPAN_LIT("\"a\nb\""), 2},
        {SPAN_LIT("\"abcdefgh\x1F\""), 9},
        {SPAN_LIT("\"\\"), 1},
        {SPAN_LIT("\"\\\""), 3},
        {SPAN_LIT("\"\\x\""), 1},
        {SPAN_LIT("\"\\U0041\""), 1},
        {SPAN_LIT("\"\\u12\""), 1},
        {SPAN_LIT("\"\\u12G4\""), 1},
        {SPAN_LIT("\"\\ud800\""), 1},
        {SPAN_LIT("\"\\ud800\\u0041\""), 1},
        {SPAN_LIT("\"\\udc00\\ud800\""), 1},
        {SPAN_LIT("\"\\ud800\\ud800\""), 1},
        {SPAN_LIT("\"\x80\""), 1},
        {SPAN_LIT("\"\xC0\xAF\""), 1},
        {SPAN_LIT("\"\xC1\xBF\""), 1},
        {SPAN_LIT("\"\xE0\x80\xAF\""), 1},
        {SPAN_LIT("\"\xE0\x9F\xBF\""), 1},
        {SPAN_LIT("\"\xED\xA0\x80\""), 1},
        {SPAN_LIT("\"\xF0\x8F\xBF\xBF\""), 1},
        {SPAN_LIT("\"\xF4\x90\x80\x80\""), 1},
        {SPAN_LIT("\"\xF5\x80\x80\x80\""), 1},
        {SPAN_LIT("\"\xE3\x81\""), 1},
        {SPAN_LIT("\"ab\xE3\x81\x82\xFF\""), 6},
        {SPAN_LIT("[\"a\", \xE3\x81\x82]"), 6},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t at = 9999;
        enum err e = json_check(rows[i].text, JSON_DEPTH, &at);
        if ((e == ERR_NONE) != (rows[i].at < 0) || (e && at != (size_t)rows[i].at))
            fail_msg("row %zu: %.*s: err %d at %zu", i, (int)rows[i].text.len, rows[i].text.ptr, e, at);
        const char *odd = json_disagreement(rows[i].text);
        if (odd)
            fail_msg("row %zu: %s", i, odd);
    }
    assert_int_equal(json_check((struct span){NULL, 0}, 1, NULL), ERR_INVALID);
    assert_int_equal(json_root((struct span){NULL, 0}).kind, JSON_KIND_NONE);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    static char text[2 * 5000];
    static const unsigned maxima[] = {0, 1, 2, 63, 64, 65, 128, JSON_DEPTH_CAP, 4000};
    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++)
        for (unsigned depth = 1; depth < 2100; depth = depth < 140 ? depth + 1 : depth + 487) {
            memset(text, '[', depth);
            memset(text + depth, ']', depth);
            unsigned most = maxima[i] < JSON_DEPTH_CAP ? maxima[i] : JSON_DEPTH_CAP;
            size_t at = 0;
            enum err e = json_check((struct span){text, 2 * depth}, maxima[i], &at);
            assert_int_equal(e, depth <= most ? ERR_NONE : ERR_LIMIT);
            assert_true(e == ERR_NONE || at == most);
        }
    /* Siblings do not add up, and each closing bracket must fit its opening one. */
    assert_int_equal(json_check(SPAN_LIT("[{},{},[{}],{\"a\":[]}]"), 3, NULL), ERR_NONE);
    assert_int_equal(json_check(SPAN_LIT("[{},{},[{}],{\"a\":[]}]"), 2, NULL), ERR_LIMIT);
    assert_int_equal(json_check(SPAN_LIT("[{\"a\":[{\"b\":[}]}]}]"), 9, NULL), ERR_INVALID);
    assert_int_equal(json_check(SPAN_LIT("1"), 0, NULL), ERR_NONE);
}

static void walks_an_event(void **state)
{
    (void)state;
    struct span text = {line_event, sizeof(line_event) - 1};
    assert_int_equal(json_check(text, JSON_DEPTH, NULL), ERR_NONE);
    struct json_value root = json_root(text);
    assert_int_equal(root.kind, JSON_KIND_OBJECT);
    static const char *const keys[] = {"type",      "message", "webhookEventId", "deliveryContext",
                                       "timestamp", "source",  "replyToken",     "mode"};
    struct json_iter it = json_members(root);
    struct span key;
    struct json_value value;
    size_t n = 0;
    while (json_next_member(&it, &key, &value)) {
        assert_true(n < 8 && json_key_is(key, keys[n]));
        n++;
    }
    assert_int_equal(n, 8);
    assert_false(json_next_member(&it, &key, &value));

    struct json_field f[] = {{.key = "timestamp"}, {.key = "message"}, {.key = "mode"}, {.key = "missing"}};
    assert_int_equal(json_pick(root, f, 4), ERR_NONE);
    int64_t when;
    assert_int_equal(json_int64(f[0].value, &when), ERR_NONE);
    assert_true(when == 1462629479859);
    assert_true(json_string_is(f[2].value, "active"));
    assert_int_equal(f[3].value.kind, JSON_KIND_NONE);
    struct json_value emojis, words;
    assert_int_equal(json_find(f[1].value, "emojis", &emojis), ERR_NONE);
    it = json_elements(emojis);
    assert_true(json_next_element(&it, &value));
    assert_true(span_starts(value.raw, SPAN_LIT("{\"index\":14,")));
    assert_false(json_next_element(&it, &value));
    it = json_members(emojis); /* not an object */
    assert_false(json_next_member(&it, &key, &value));

    assert_int_equal(json_find(f[1].value, "text", &words), ERR_NONE);
    struct span plain;
    assert_false(json_string_plain(words, &plain));
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(buf_add_str(&b, "> "), ERR_NONE);
    assert_int_equal(json_string_decode(words, &b), ERR_NONE);
    assert_true(span_eq(buf_span(&b), SPAN_LIT("> Hello, world! (love) \xF0\x9F\x98\x80")));
    buf_deinit(&b);
}

static void keys_are_compared_decoded(void **state)
{
    (void)state;
    assert_true(json_key_is(SPAN_LIT("type"), "type"));
    assert_true(json_key_is(SPAN_LIT("t\\u0079pe"), "type"));
    assert_true(json_key_is(SPAN_LIT("\\u0074\\u0079\\u0070\\u0065"), "type"));
    assert_true(json_key_is(SPAN_LIT("\\ud83d\\ude00"), "\xF0\x9F\x98\x80"));
    assert_true(json_key_is(SPAN_LIT("a\\/b"), "a/b"));
    assert_true(json_key_is(SPAN_LIT(""), ""));
    assert_false(json_key_is(SPAN_LIT("typ"), "type"));
    assert_false(json_key_is(SPAN_LIT("types"), "type"));
    assert_false(json_key_is(SPAN_LIT("type\\u0000"), "type"));
    assert_false(json_key_is(SPAN_LIT("\\n"), "\\n"));
    assert_false(json_key_is(SPAN_LIT("a"), ""));

    struct json_value twice = json_root(SPAN_LIT("{\"a\":1, \"\\u0061\":2, \"b\":3}"));
    struct json_value v;
    assert_int_equal(json_find(twice, "a", &v), ERR_CONFLICT);
    assert_int_equal(json_find(twice, "b", &v), ERR_NONE);
    assert_int_equal(json_find(twice, "c", &v), ERR_NOT_FOUND);
    assert_int_equal(json_find(v, "c", &v), ERR_NOT_FOUND);
    struct json_field a = {.key = "a"}, just_b = {.key = "b"};
    assert_int_equal(json_pick(twice, &a, 1), ERR_CONFLICT);
    assert_int_equal(json_pick(twice, &just_b, 1), ERR_NONE);
    assert_int_equal(json_pick(v, &a, 1), ERR_INVALID);
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err e;
        int64_t n;
    } rows[] = {
        {"0", ERR_NONE, 0},
        {"-0", ERR_NONE, 0},
        {"9223372036854775807", ERR_NONE, INT64_MAX},
        {"-9223372036854775808", ERR_NONE, INT64_MIN},
        {"9223372036854775808", ERR_LIMIT, 0},
        {"-9223372036854775809", ERR_LIMIT, 0},
        {"99999999999999999999999", ERR_LIMIT, 0},
        {"1.0", ERR_INVALID, 0},
        {"1e3", ERR_INVALID, 0},
        {"\"1\"", ERR_INVALID, 0},
        {"null", ERR_INVALID, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t n = 0;
        assert_int_equal(json_int64(json_root(span_of(rows[i].text)), &n), rows[i].e);
        assert_true(n == rows[i].n);
    }
}

static void decoding_fails_whole(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    assert_int_equal(buf_add_str(&b, "keep"), ERR_NONE);
    assert_int_equal(json_string_decode(json_root(SPAN_LIT("\"ab\\ncde\"")), &b), ERR_LIMIT);
    assert_true(span_eq(buf_span(&b), SPAN_LIT("keep")));
    assert_int_equal(json_string_decode(json_root(SPAN_LIT("7")), &b), ERR_INVALID);
    assert_int_equal(json_string_decode(json_root(SPAN_LIT("\"a\\u0000b\"")), &b), ERR_NONE);
    assert_true(span_eq(buf_span(&b), SPAN_LIT("keepa\0b")));
    buf_deinit(&b);
    mem_fail_at(1);
    assert_int_equal(json_string_decode(json_root(SPAN_LIT("\"a\"")), &b), ERR_NOMEM);
    mem_fail_at(0);
    assert_int_equal(buf_len(&b), 0);
    buf_deinit(&b);
}

/* Random texts of the grammar's own pieces: most are wrong somewhere, many are right. */
static void agrees_on_generated_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "{",     "}",      "[",        "]",           ",",
        ":",     "\"a\":", "\"b\"",    "\"\\u00e9\"", "\"\\ud83d\\ude00\"",
        "1",     "-2.5e3", "true",     "false",       "null",
        " ",     "\n",     "\"\"",     "\"日本\"",    "0",
        "[1,2]", "{}",     "\"a\":1",  "{\"x\":0}",   "\"",
        "\\",    "\xE3",   "\"\\\"\"", "1e400",       "\"k\\u0000\":",
    };
    const size_t count = sizeof(pieces) / sizeof(pieces[0]);
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 20261122);
    unsigned accepted = 0;
    for (int round = 0; round < 60000; round++) {
        char text[256];
        size_t len = 0;
        for (uint64_t n = 1 + random_below(&r, 9); n > 0; n--) {
            const char *piece = pieces[random_below(&r, count)];
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        const char *odd = json_disagreement((struct span){text, len});
        if (odd)
            fail_msg("%s: %.*s", odd, (int)len, text);
        accepted += json_check((struct span){text, len}, JSON_DEPTH, NULL) == ERR_NONE;
    }
    assert_in_range(accepted, 500, 60000);
}

/* An event with a few bytes changed, inserted or taken out. */
static void agrees_on_mutated_events(void **state)
{
    (void)state;
    static const char interesting[] = "\"\\{}[],: 0-.eEtu\x01\x1F\x7F\x80\xC0\xE3\xED\xF4\xFF";
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 7);
    unsigned accepted = 0;
    for (int round = 0; round < 20000; round++) {
        char text[sizeof(line_event) + 8];
        size_t len = sizeof(line_event) - 1;
        memcpy(text, line_event, len);
        for (uint64_t n = 1 + random_below(&r, 4); n > 0; n--) {
            size_t at = random_below(&r, len);
            char c = random_below(&r, 2) ? interesting[random_below(&r, sizeof(interesting) - 1)]
                                         : (char)random_below(&r, 256);
            switch (random_below(&r, 3)) {
            case 0:
                text[at] = c;
                break;
            case 1:
                memmove(text + at + 1, text + at, len - at);
                text[at] = c;
                len++;
                break;
            default:
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
                break;
            }
        }
        const char *odd = json_disagreement((struct span){text, len});
        if (odd)
            fail_msg("%s: %.*s", odd, (int)len, text);
        accepted += json_check((struct span){text, len}, JSON_DEPTH, NULL) == ERR_NONE;
    }
    assert_in_range(accepted, 1000, 19000);
}

/* More containers than the index holds, and deeper ones than it notes: both kinds are walked all the same. */
static void the_index_has_an_end(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    assert_int_equal(buf_add_str(&text, "[[]"), ERR_NONE);
    for (int i = 0; i < 700; i++)
        assert_int_equal(buf_add_str(&text, i == 300 ? ",{\"]\":[1,{}]}" : ",{\"a\":[\"}\"]}"), ERR_NONE);
    assert_int_equal(buf_add_str(&text, ","), ERR_NONE);
    for (unsigned i = 0; i < 2 * JSON_DEPTH; i++)
        assert_int_equal(buf_add_str(&text, "["), ERR_NONE);
    for (unsigned i = 0; i < 2 * JSON_DEPTH; i++)
        assert_int_equal(buf_add_str(&text, "]"), ERR_NONE);
    assert_int_equal(buf_add_str(&text, "]"), ERR_NONE);
    assert_null(json_disagreement(buf_span(&text)));
    struct json_index index;
    assert_int_equal(json_check_index(buf_span(&text), JSON_DEPTH_CAP, NULL, &index), ERR_NONE);
    assert_int_equal(index.count, JSON_INDEX_MAX);
    struct json_iter it = json_elements(json_root_index(&index, buf_span(&text)));
    struct json_value value;
    size_t n = 0;
    while (json_next_element(&it, &value))
        n++;
    assert_int_equal(n, 702);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_index_has_an_end),      cmocka_unit_test(grammar),
        cmocka_unit_test(depth_is_bounded),          cmocka_unit_test(walks_an_event),
        cmocka_unit_test(keys_are_compared_decoded), cmocka_unit_test(integers),
        cmocka_unit_test(decoding_fails_whole),      cmocka_unit_test(agrees_on_generated_texts),
        cmocka_unit_test(agrees_on_mutated_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
