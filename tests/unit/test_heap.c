#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/heap.h"

#define COUNT 2000

/* A generator of its own, so that every run does the same. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void gives_keys_in_order_whatever_is_removed(void **state)
{
    (void)state;
    static struct heap_node nodes[COUNT];
    static int in[COUNT];
    struct heap h = {0};
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            heap_add(&h, &nodes[i], next_random(&random) % 1000);
            in[i] = 1;
        }
        for (size_t i = 0; i < COUNT; i += 1 + (size_t)(next_random(&random) % 5)) {
            heap_remove(&h, &nodes[i]);
            in[i] = 0;
        }
        uint64_t last = 0;
        for (struct heap_node *n; (n = heap_min(&h)) != NULL;) {
            assert_true(n->key >= last);
            last = n->key;
            size_t i = (size_t)(n - nodes);
            assert_true(in[i]);
            in[i] = 0;
            heap_remove(&h, n);
        }
        for (size_t i = 0; i < COUNT; i++)
            assert_false(in[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gives_keys_in_order_whatever_is_removed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
