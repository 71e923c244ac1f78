/* Attributes of people: what a merge gives, and that it is the one form in which they are stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/json_scan.h"
#include "base/mem.h"
#include "model/attributes.h"

static const struct {
    const char *old, *change, *want;
} rows[] = {
    {"", "{}", "{}"},
    {"", " { \"a\" : 1 , \"b\" : [ 1, 2 ] } ", "{\"a\":1,\"b\":[ 1, 2 ]}"},
    {"{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}", "{\"a\":1,\"b\":3,\"c\":4}"},
    {"{\"a\":1,\"b\":2}", "{\"a\":null}", "{\"b\":2}"},
    {"{\"a\":1}", "{\"a\":null,\"x\":null}", "{}"},
    {"{\"a\":1}", "{}", "{\"a\":1}"},
    /* nested objects are values */
    {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"x\":null}}", "{\"a\":{\"x\":null}}"},
    {"", "{\"a\":[null]}", "{\"a\":[null]}"},
    /* the last of a name counts, at the place of the first */
    {"", "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
    {"", "{\"a\":1,\"a\":null}", "{}"},
    {"", "{\"a\":null,\"a\":1}", "{\"a\":1}"},
    {"{\"a\":0}", "{\"a\":null,\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
    /* a name is the same however it is written */
    {"{\"plan\":1}", "{\"\\u0070lan\":2}", "{\"plan\":2}"},
    {"", "{\"\\u3042\\/\\\"\":1}", "{\"あ/\\\"\":1}"},
    {"{\"あ/\\\"\":1}", "{\"あ/\\u0022\":2}", "{\"あ/\\\"\":2}"},
    {"", "{\"\\u000a\\u0000\":1}", "{\"\\n\\u0000\":1}"},
    {"{\"\\n\\u0000\":1}", "{\"\\n\\u0000\":null}", "{}"},
    {"", "{\"\":\"\"}", "{\"\":\"\"}"},
    /* values stay as written */
    {"", "{\"a\":\"\\u0041\",\"b\":1.0e+02}", "{\"a\":\"\\u0041\",\"b\":1.0e+02}"},
};

static void merges(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(attributes_merge(span_of(rows[i].old), span_of(rows[i].change), &out), ERR_NONE);
        assert_int_equal(buf_len(&out), strlen(rows[i].want));
        assert_memory_equal(out.data, rows[i].want, strlen(rows[i].want));
        buf_deinit(&out);
    }
}

static void takes_objects_only(void **state)
{
    (void)state;
    static const char *const others[] = {"[]", "1", "\"a\"", "null", "true"};
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(buf_add(&out, "x", 1), ERR_NONE);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_int_equal(attributes_merge(SPAN_LIT("{}"), span_of(others[i]), &out), ERR_INVALID);
    assert_int_equal(buf_len(&out), 1);
    buf_deinit(&out);
}

/* Too large for its cap: nothing is added. */
static void has_a_cap(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 13);
    assert_int_equal(attributes_merge(SPAN_LIT("{\"a\":1}"), SPAN_LIT("{\"b\":2}"), &out), ERR_NONE);
    buf_clear(&out);
    assert_int_equal(attributes_merge(SPAN_LIT("{\"a\":1}"), SPAN_LIT("{\"b\":22}"), &out), ERR_LIMIT);
    assert_int_equal(buf_len(&out), 0);
    buf_deinit(&out);
}

/* Thousands of members, each there twice and half of them removed: by hand as by merge. */
static void many(void **state)
{
    (void)state;
    struct buf change, out, want;
    buf_init(&change, 1u << 20);
    buf_init(&out, 1u << 20);
    buf_init(&want, 1u << 20);
    assert_int_equal(buf_add(&change, "{", 1), ERR_NONE);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++) {
            assert_int_equal(buf_printf(&change, i + round ? ",\"k" : "\"k"), ERR_NONE);
            assert_int_equal(round && i % 2 ? buf_printf(&change, "%d%d\":null", i % 10, i)
                                            : buf_printf(&change, "\\u003%d%d\":%d", i % 10, i, round),
                             ERR_NONE);
        }
    assert_int_equal(buf_add(&change, "}", 1), ERR_NONE);
    assert_int_equal(json_check(buf_span(&change), 4, NULL), ERR_NONE);
    assert_int_equal(attributes_merge(SPAN_LIT("{\"first\":true}"), buf_span(&change), &out), ERR_NONE);
    assert_int_equal(buf_add_str(&want, "{\"first\":true"), ERR_NONE);
    for (int i = 0; i < 3000; i += 2) /* the odd ones were removed, under a name written in another way */
        assert_int_equal(buf_printf(&want, ",\"k%d%d\":1", i % 10, i), ERR_NONE);
    assert_int_equal(buf_add(&want, "}", 1), ERR_NONE);
    assert_int_equal(buf_len(&out), buf_len(&want));
    assert_memory_equal(out.data, want.data, buf_len(&want));
    buf_deinit(&change);
    buf_deinit(&out);
    buf_deinit(&want);
}

static void survives_lack_of_memory(void **state)
{
    (void)state;
    struct buf change;
    buf_init(&change, 4096);
    for (int i = 0; i < 40; i++)
        assert_int_equal(buf_printf(&change, "%s\"\\u0061%d\":1", i ? "," : "{", i), ERR_NONE);
    assert_int_equal(buf_add(&change, "}", 1), ERR_NONE);
    for (unsigned long at = 1;; at++) {
        struct buf out;
        buf_init(&out, 4096);
        (void)mem_fail_at(at);
        enum err e = attributes_merge(SPAN_LIT("{\"b\":1}"), buf_span(&change), &out);
        int hit = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_int_equal(e, hit ? ERR_NOMEM : ERR_NONE);
        if (e)
            assert_int_equal(buf_len(&out), 0);
        buf_deinit(&out);
        if (!hit)
            break;
    }
    buf_deinit(&change);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges), cmocka_unit_test(takes_objects_only),      cmocka_unit_test(has_a_cap),
        cmocka_unit_test(many),   cmocka_unit_test(survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
