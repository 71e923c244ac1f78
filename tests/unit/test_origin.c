/* Whose page a call comes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/origin.h"

static void whose(void **state)
{
    (void)state;
    static const struct {
        const char *origin, *public_url, *host, *forwarded;
        bool secure, own;
    } rows[] = {
        {"http://h", "", "h", "", false, true},
        {"HTTP://H", "", "h", "", false, true},
        {"http://h:80", "", "h", "", false, true},
        {"http://h", "", "h:80", "", false, true},
        {"https://h", "", "h:443", "", true, true},
        {"https://h:443", "", "h", "", true, true},
        {"https://h", "", "h", "", false, true}, /* TLS ended in front of us */
        {"http://h", "", "h", "", true, false},
        {"http://h:443", "", "h", "", false, false}, /* the port of the other scheme */
        {"https://h:80", "", "h", "", false, false},
        {"http://h:8080", "", "h", "", false, false},
        {"http://h", "", "h:8080", "", false, false},
        {"http://[::1]:8080", "", "[::1]:8080", "", false, true},
        {"http://hh", "", "h", "", false, false},
        {"http://h.evil", "", "h", "", false, false},
        {"http://h/", "", "h", "", false, false}, /* no origin has a path */
        {"http://", "", "", "", false, false},
        {"http://:80", "", "", "", false, false},
        {"", "", "", "", false, false},
        {"null", "", "null", "", false, false},
        {"h", "", "h", "", false, false},
        {"ftp://h", "", "h", "", false, false},
        {"https://c", "https://c", "h", "", true, true},
        {"https://c", "https://c/a/b", "h", "", true, true},
        {"https://c", "https://c:443/a", "h", "", true, true},
        {"https://c:8443", "https://c:8443", "h", "", true, true},
        {"http://c", "http://c", "h", "", false, true},
        {"http://c", "https://c", "h", "", false, false}, /* said to be https */
        {"https://c", "http://c", "h", "", false, false},
        {"https://d", "https://c", "h", "", true, false},
        {"https://c", "c", "h", "", true, false},
        {"https://c", "https://", "h", "", true, false},
        {"https://f", "", "h", "f", true, true},
        {"https://f", "", "h", "f, h", true, true},
        {"https://f", "", "h", "g, f", true, false},
        {"https://f", "", "h", ",f", true, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct origin_own own = {.public_url = span_of(rows[i].public_url),
                                       .host = span_of(rows[i].host),
                                       .forwarded = span_of(rows[i].forwarded),
                                       .secure = rows[i].secure};
        if (origin_is_own(span_of(rows[i].origin), &own) != rows[i].own)
            fail_msg("%s: public %s, host %s, forwarded %s", rows[i].origin, rows[i].public_url, rows[i].host,
                     rows[i].forwarded);
    }
    const struct origin_own nothing = {.host = {NULL, 0}};
    assert_false(origin_is_own((struct span){NULL, 0}, &nothing));
    assert_false(origin_is_own(SPAN_LIT("http://h"), &nothing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whose)};
    return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
