#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/random.h"

/* RFC 4648 section 10. */
static void rfc_vectors(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[16];
        size_t n = base64_encode(span_of(rows[i][0]), out);
        assert_true(span_eq((struct span){out, n}, span_of(rows[i][1])));
        assert_int_equal(base64_decode(span_of(rows[i][1]), out, &n), ERR_NONE);
        assert_true(span_eq((struct span){out, n}, span_of(rows[i][0])));
    }
}

static void refuses_other_spellings(void **state)
{
    (void)state;
    static const char *const rows[] = {"Zg",   "Zg=",  "Zh==",     "Zm9=",     "Z===",
                                       "====", "=Zg=", "Zg==Zg==", "Zm9v\n",   "Zm 9",
                                       "Zm9-", "Zm_v", "Zm9\xC3",  "Zm9vZg=a", "Z=9v"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[16];
        size_t n = 99;
        if (base64_decode(span_of(rows[i]), out, &n) != ERR_INVALID)
            fail_msg("accepted: %s", rows[i]);
        assert_int_equal(n, 99);
    }
}

static void agrees_with_openssl(void **state)
{
    (void)state;
    struct random_seeded seed;
    struct random r = random_seeded_init(&seed, 3);
    for (size_t len = 0; len < 200; len++) {
        unsigned char bytes[200], back[201];
        char ours[BASE64_LEN(200)];
        unsigned char theirs[BASE64_LEN(200) + 1];
        r.fill(r.arg, bytes, len);
        size_t n = base64_encode((struct span){(const char *)bytes, len}, ours);
        assert_int_equal(n, BASE64_LEN(len));
        assert_int_equal(EVP_EncodeBlock(theirs, bytes, (int)len), (int)n);
        assert_memory_equal(ours, theirs, n);
        size_t m;
        assert_int_equal(base64_decode((struct span){ours, n}, back, &m), ERR_NONE);
        assert_int_equal(m, len);
        assert_true(len == 0 || memcmp(back, bytes, len) == 0);
    }
}

static void hex_both_ways(void **state)
{
    (void)state;
    char text[8], bytes[4];
    hex_encode(SPAN_LIT("\x00\x7F\xAB\xFF"), text);
    assert_memory_equal(text, "007fabff", 8);
    assert_int_equal(hex_decode(SPAN_LIT("007FabfF"), bytes), ERR_NONE);
    assert_memory_equal(bytes, "\x00\x7F\xAB\xFF", 4);
    assert_int_equal(hex_decode(SPAN_LIT("abc"), bytes), ERR_INVALID);
    assert_int_equal(hex_decode(SPAN_LIT("0g"), bytes), ERR_INVALID);
    assert_int_equal(hex_decode(SPAN_LIT("0x"), bytes), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_vectors),
        cmocka_unit_test(refuses_other_spellings),
        cmocka_unit_test(agrees_with_openssl),
        cmocka_unit_test(hex_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
