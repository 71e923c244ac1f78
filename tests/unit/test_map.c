#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "base/mem.h"

#define KEYS 600

struct item {
    char key[12];
    bool in;
};

static struct span key_of(const struct item *it)
{
    return span_of(it->key);
}

static void agrees_with_a_plain_array(void **state)
{
    (void)state;
    static struct item items[KEYS];
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 11);
    struct map m;
    map_init(&m, KEYS / 2, &r);
    size_t count = 0;
    for (int i = 0; i < KEYS; i++)
        (void)snprintf(items[i].key, sizeof(items[i].key), "key %d", i);
    for (int round = 0; round < 100000; round++) {
        struct item *it = &items[random_below(&r, KEYS)];
        /* Long runs that fill it, then runs that empty it. */
        if (random_below(&r, 100) < (round / 5000 % 2 ? 20u : 80u)) {
            enum err want = it->in ? ERR_EXISTS : count == KEYS / 2 ? ERR_LIMIT : ERR_NONE;
            assert_int_equal(map_put(&m, key_of(it), it), want);
            if (want == ERR_NONE) {
                it->in = true;
                count++;
            }
        } else {
            assert_ptr_equal(map_remove(&m, key_of(it)), it->in ? it : NULL);
            count -= it->in;
            it->in = false;
        }
        assert_int_equal(m.count, count);
        struct item *other = &items[random_below(&r, KEYS)];
        assert_ptr_equal(map_get(&m, key_of(other)), other->in ? other : NULL);
    }
    size_t pos = 0, seen = 0;
    for (struct item *it = map_next(&m, &pos); it; it = map_next(&m, &pos)) {
        assert_true(it->in);
        seen++;
    }
    assert_int_equal(seen, count);
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(map_get(&m, key_of(&items[i])), items[i].in ? &items[i] : NULL);
    map_deinit(&m);
    assert_null(map_get(&m, key_of(&items[0])));
}

static void keys_are_bytes(void **state)
{
    (void)state;
    struct map m;
    map_init(&m, 10, &random_system);
    int a, b, c;
    assert_int_equal(map_put(&m, SPAN_LIT(""), &a), ERR_NONE);
    assert_int_equal(map_put(&m, SPAN_LIT("\0"), &b), ERR_NONE);
    assert_int_equal(map_put(&m, SPAN_LIT("\0\0"), &c), ERR_NONE);
    assert_ptr_equal(map_get(&m, (struct span){NULL, 0}), &a);
    assert_ptr_equal(map_get(&m, SPAN_LIT("\0")), &b);
    assert_ptr_equal(map_remove(&m, SPAN_LIT("\0\0")), &c);
    assert_null(map_get(&m, SPAN_LIT("\0\0")));
    map_deinit(&m);
}

static void refused_memory_loses_nothing(void **state)
{
    (void)state;
    static struct item items[100];
    for (unsigned long nth = 1; nth < 6; nth++) {
        struct map m;
        map_init(&m, 100, &random_system);
        mem_fail_at(nth);
        size_t in = 0;
        for (int i = 0; i < 100; i++) {
            (void)snprintf(items[i].key, sizeof(items[i].key), "%d", i);
            enum err e = map_put(&m, key_of(&items[i]), &items[i]);
            items[i].in = e == ERR_NONE;
            assert_true(e == ERR_NONE || e == ERR_NOMEM);
            in += items[i].in;
        }
        mem_fail_at(0);
        assert_int_equal(m.count, in);
        assert_true(in >= 98);
        for (int i = 0; i < 100; i++)
            assert_ptr_equal(map_get(&m, key_of(&items[i])), items[i].in ? &items[i] : NULL);
        map_deinit(&m);
    }
}

/* Known answers of SipHash-1-3: CPython 3.11's hash() with a key of zeros, and the reference key for an empty
 * input. */
static void siphash_known_answers(void **state)
{
    (void)state;
    static const uint64_t zero[2] = {0, 0};
    static const uint64_t reference[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
    assert_true(map_siphash(reference, SPAN_LIT("")) == 0xabac0158050fc4dcu);
    assert_true(map_siphash(zero, SPAN_LIT("a")) == 0x407448d2b89b1813u);
    assert_true(map_siphash(zero, SPAN_LIT("abcdefg")) == 0x6db12aae9070f506u);
    assert_true(map_siphash(zero, SPAN_LIT("abcdefgh")) == 0x3f7b849c0b8e35eau);
    assert_true(map_siphash(zero, SPAN_LIT("todoke delivers webhooks")) == 0x6e45850d4feaad34u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_plain_array),
        cmocka_unit_test(keys_are_bytes),
        cmocka_unit_test(refused_memory_loses_nothing),
        cmocka_unit_test(siphash_known_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
