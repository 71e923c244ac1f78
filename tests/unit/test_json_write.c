#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <math.h>

#include "base/json_scan.h"
#include "base/json_write.h"
#include "base/mem.h"
#include "base/random.h"

static void write_sample(struct json_write *w)
{
    json_write_object(w);
    json_write_key(w, "success");
    json_write_bool(w, true);
    json_write_key(w, "status\"Code");
    json_write_int(w, -200);
    json_write_key(w, "list");
    json_write_array(w);
    json_write_uint(w, UINT64_MAX);
    json_write_str(w, NULL);
    json_write_array(w);
    json_write_end(w);
    json_write_object(w);
    json_write_end(w);
    json_write_raw(w, SPAN_LIT("{\"a\": 1}"));
    json_write_end(w);
    json_write_key(w, "reason");
    json_write_span(w, SPAN_LIT("日本\n"));
    json_write_key(w, "share");
    json_write_real(w, 0.25);
    json_write_key(w, "none");
    json_write_real(w, INFINITY);
    json_write_end(w);
}

static const char sample[] =
    "{\"success\":true,\"status\\\"Code\":-200,\"list\":[18446744073709551615,null,[],{},{\"a\": 1}],"
    "\"reason\":\"日本\\n\",\"share\":0.25,\"none\":null}";

static void commas_and_nesting(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    assert_int_equal(buf_add_str(&b, "> "), ERR_NONE);
    struct json_write w;
    json_write_init(&w, &b);
    write_sample(&w);
    assert_int_equal(json_write_finish(&w), ERR_NONE);
    buf_consume(&b, 2);
    assert_true(span_eq(buf_span(&b), span_of(sample)));
    assert_int_equal(json_check(buf_span(&b), 3, NULL), ERR_NONE);
    buf_deinit(&b);
}

static void failures_leave_nothing(void **state)
{
    (void)state;
    for (size_t cap = 2; cap < sizeof(sample) + 3; cap++) {
        struct buf b;
        buf_init(&b, cap);
        assert_int_equal(buf_add_str(&b, "> "), ERR_NONE);
        struct json_write w;
        json_write_init(&w, &b);
        write_sample(&w);
        bool fits = cap >= sizeof(sample) - 1 + 2;
        assert_int_equal(json_write_finish(&w), fits ? ERR_NONE : ERR_LIMIT);
        assert_true(fits || span_eq(buf_span(&b), SPAN_LIT("> ")));
        buf_deinit(&b);
    }
    struct buf b;
    buf_init(&b, 1000);
    struct json_write w;
    json_write_init(&w, &b);
    mem_fail_at(1);
    write_sample(&w);
    mem_fail_at(0);
    assert_int_equal(json_write_finish(&w), ERR_NOMEM);
    assert_int_equal(buf_len(&b), 0);
    buf_deinit(&b);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    for (int n = 0; n < 8; n++) {
        struct buf b;
        buf_init(&b, 1000);
        struct json_write w;
        json_write_init(&w, &b);
        switch (n) {
        case 0: /* nothing */
            break;
        case 1: /* two values */
            json_write_int(&w, 1);
            json_write_int(&w, 2);
            break;
        case 2: /* a value without its key */
            json_write_object(&w);
            json_write_int(&w, 1);
            json_write_end(&w);
            break;
        case 3: /* a key without its value */
            json_write_object(&w);
            json_write_key(&w, "a");
            json_write_end(&w);
            break;
        case 4: /* a key in an array */
            json_write_array(&w);
            json_write_key(&w, "a");
            break;
        case 5: /* open */
            json_write_object(&w);
            break;
        case 6: /* an end too many */
            json_write_object(&w);
            json_write_end(&w);
            json_write_end(&w);
            break;
        default: /* too deep */
            for (unsigned i = 0; i <= JSON_WRITE_DEPTH; i++)
                json_write_array(&w);
            for (unsigned i = 0; i <= JSON_WRITE_DEPTH; i++)
                json_write_end(&w);
            break;
        }
        assert_int_equal(json_write_finish(&w), ERR_INTERNAL);
        assert_int_equal(buf_len(&b), 0);
        buf_deinit(&b);
    }
}

/* What we quote, jansson reads back as it was; bytes that are no UTF-8 come back as U+FFFD. */
static void strings_come_back(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 5);
    for (int round = 0; round < 20000; round++) {
        char in[16];
        size_t len = random_below(&r, sizeof(in));
        bool ascii = true;
        for (size_t i = 0; i < len; i++) {
            in[i] = (char)random_below(&r, round % 2 ? 128 : 256);
            ascii = ascii && (unsigned char)in[i] < 128;
        }
        struct buf b;
        buf_init(&b, 200);
        assert_int_equal(json_write_quoted(&b, (struct span){in, len}), ERR_NONE);
        assert_int_equal(json_check(buf_span(&b), 0, NULL), ERR_NONE);
        json_t *j = json_loadb(b.data, buf_len(&b), JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(j);
        struct span back = {json_string_value(j), json_string_length(j)};
        assert_true(!ascii || span_eq(back, (struct span){in, len}));
        json_decref(j);
        buf_deinit(&b);
    }
    struct buf b;
    buf_init(&b, 200);
    assert_int_equal(json_write_quoted(&b, SPAN_LIT("\"\\\b\f\n\r\t\x01/\x7F\xFFé\xED\xA0\x80😀")), ERR_NONE);
    assert_true(
        span_eq(buf_span(&b), SPAN_LIT("\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\x7F\uFFFDé\uFFFD\uFFFD\uFFFD😀\"")));
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_nesting),
        cmocka_unit_test(failures_leave_nothing),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(strings_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
