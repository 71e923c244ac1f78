#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/histogram.h"
#include "base/mem.h"

static void counts_up_to_each_bound(void **state)
{
    (void)state;
    struct histogram h = {0};
    histogram_add(&h, 0);
    histogram_add(&h, 500);     /* at most 0.0005 s */
    histogram_add(&h, 501);     /* the next */
    histogram_add(&h, 2000000); /* at most 2 s */
    histogram_add(&h, 9000000); /* beyond all */
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(histogram_print(&h, &out, "x_seconds", "Help."), ERR_NONE);
    char *text = buf_steal(&out);
    assert_non_null(text);
    assert_string_equal(text, "# HELP x_seconds Help.\n"
                              "# TYPE x_seconds histogram\n"
                              "x_seconds_bucket{le=\"0.0005\"} 2\n"
                              "x_seconds_bucket{le=\"0.001\"} 3\n"
                              "x_seconds_bucket{le=\"0.0025\"} 3\n"
                              "x_seconds_bucket{le=\"0.005\"} 3\n"
                              "x_seconds_bucket{le=\"0.01\"} 3\n"
                              "x_seconds_bucket{le=\"0.025\"} 3\n"
                              "x_seconds_bucket{le=\"0.05\"} 3\n"
                              "x_seconds_bucket{le=\"0.1\"} 3\n"
                              "x_seconds_bucket{le=\"0.25\"} 3\n"
                              "x_seconds_bucket{le=\"0.5\"} 3\n"
                              "x_seconds_bucket{le=\"1\"} 3\n"
                              "x_seconds_bucket{le=\"2\"} 4\n"
                              "x_seconds_bucket{le=\"5\"} 4\n"
                              "x_seconds_bucket{le=\"+Inf\"} 5\n"
                              "x_seconds_sum 11.001001\n"
                              "x_seconds_count 5\n");
    mem_free(text);
}

static void keeps_to_the_cap(void **state)
{
    (void)state;
    struct histogram h = {0};
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(histogram_print(&h, &out, "x_seconds", "Help."), ERR_LIMIT);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_up_to_each_bound),
        cmocka_unit_test(keeps_to_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
