/* The address guard: both ends of every range that leads inside, and the addresses next to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "net/address.h"

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage sa = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)&sa;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&sa;
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        sa.ss_family = AF_INET;
    } else {
        sa.ss_family = AF_INET6;
        if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
            fail_msg("%s is no address", text);
    }
    address_set_port((struct sockaddr *)&sa, 443);
    return sa;
}

static const char *const inside[] = {
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.0",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.255",
    "192.88.99.0",
    "192.88.99.255",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "224.0.0.0",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.254",
    "255.255.255.255",
    /* */
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:0.0.0.0",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:255.255.255.255",
    "64:ff9b::",
    "64:ff9b::127.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b::ffff:ffff",
    "64:ff9b:1::",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
    "100::",
    "100::ffff:ffff:ffff:ffff",
    "2001::",
    "2001:0:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::",
    "2002:7f00:1::",
    "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fc00::",
    "fd00:ec2::254",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::",
    "fe80::1",
    "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fec0::",
    "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "ff00::",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
};

static const char *const outside[] = {
    "1.0.0.0",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "8.8.8.8",
    /* */
    "::1:0:0:0",
    "0:0:0:0:1::",
    "64:ff9a::1",
    "64:ff9c::1",
    "64:ff9b:0:0:0:1::",
    "64:ff9b:2::1",
    "101::1",
    "100:0:0:1::",
    "2001:1::1",
    "2001:4860:4860::8888",
    "2000:ffff::1",
    "2003::1",
    "2606:4700::1111",
    "fbff:ffff::1",
    "fe00::1",
    "fe7f:ffff::1",
};

static void ranges(void **state)
{
    (void)state;
    const struct address_guard guard = {0}, open = {.allow_private = true};
    int bad = 0;
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        struct sockaddr_storage sa = address(inside[i]);
        const char *name = address_refused(&guard, (const struct sockaddr *)&sa);
        if (!name || !*name) {
            print_error("%s is let through\n", inside[i]);
            bad++;
        }
        if (address_refused(&open, (const struct sockaddr *)&sa)) {
            print_error("%s is refused though the operator allows it\n", inside[i]);
            bad++;
        }
    }
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        struct sockaddr_storage sa = address(outside[i]);
        const char *name = address_refused(&guard, (const struct sockaddr *)&sa);
        if (name) {
            print_error("%s is refused: %s\n", outside[i], name);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void own_addresses(void **state)
{
    (void)state;
    struct address_guard guard = {.own_count = 2};
    guard.own[0] = address("203.0.113.7");
    guard.own[1] = address("2606:4700::7");
    static const struct {
        const char *text;
        bool refused;
    } cases[] = {
        {"203.0.113.7", true},
        {"203.0.113.8", false},
        {"2606:4700::7", true},
        {"2606:4700::8", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sockaddr_storage sa = address(cases[i].text);
        address_set_port((struct sockaddr *)&sa, (uint16_t)(1 + i)); /* whatever the port */
        const char *name = address_refused(&guard, (const struct sockaddr *)&sa);
        assert_int_equal(name != NULL, cases[i].refused);
        guard.allow_private = true;
        assert_null(address_refused(&guard, (const struct sockaddr *)&sa));
        guard.allow_private = false;
    }
}

/* Every address this machine has is refused, whatever it is. */
static void collected(void **state)
{
    (void)state;
    struct address_guard guard;
    assert_int_equal(address_guard_init(&guard, false, false), ERR_NONE);
    assert_true(guard.own_count <= ADDRESS_OWN_MAX);
    for (size_t i = 0; i < guard.own_count; i++)
        assert_non_null(address_refused(&guard, (const struct sockaddr *)&guard.own[i]));
    assert_int_equal(address_guard_init(&guard, true, true), ERR_NONE);
    assert_true(guard.allow_private && guard.allow_any_port);
}

/* Those of WHATWG Fetch, and no other. */
static void ports(void **state)
{
    (void)state;
    static const uint16_t bad[] = {
        0,    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,   25,   37,    42,   43,
        53,   69,   77,   79,   87,   95,   101,  102,  103,  104,  109,  110,  111,  113,  115,   117,  119,
        123,  135,  137,  139,  143,  161,  179,  389,  427,  465,  512,  513,  514,  515,  526,   530,  531,
        532,  540,  548,  554,  556,  563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720,  1723, 2049,
        3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    };
    const struct address_guard guard = {.allow_private = true}, open = {.allow_any_port = true};
    size_t next = 0;
    for (unsigned port = 0; port <= UINT16_MAX; port++) {
        bool want = next < sizeof(bad) / sizeof(bad[0]) && bad[next] == port;
        next += want;
        if (address_port_refused(&guard, (uint16_t)port) != want)
            fail_msg("port %u: want refused %d", port, want);
        assert_false(address_port_refused(&open, (uint16_t)port));
    }
}

static void other_families(void **state)
{
    (void)state;
    const struct address_guard guard = {0};
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_non_null(address_refused(&guard, &local));
}

static void as_text(void **state)
{
    (void)state;
    char out[64];
    struct sockaddr_storage v4 = address("203.0.113.7"), v6 = address("2001:DB8:0::1");
    address_text((const struct sockaddr *)&v4, out);
    assert_string_equal(out, "203.0.113.7:443");
    address_set_port((struct sockaddr *)&v6, 65535);
    address_text((const struct sockaddr *)&v6, out);
    assert_string_equal(out, "[2001:db8::1]:65535");
    assert_int_equal(address_len((const struct sockaddr *)&v4), sizeof(struct sockaddr_in));
    assert_int_equal(address_len((const struct sockaddr *)&v6), sizeof(struct sockaddr_in6));
}

static void from_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int port;
        const char *want; /* NULL: ERR_INVALID */
    } rows[] = {
        {"127.0.0.1:8080", -1, "127.0.0.1:8080"},
        {"0.0.0.0:0", -1, "0.0.0.0:0"},
        {"[::1]:65535", -1, "[::1]:65535"},
        {"127.0.0.1", 53, "127.0.0.1:53"},
        {"[2001:db8::1]", 53, "[2001:db8::1]:53"},
        {"127.0.0.1:5353", 53, "127.0.0.1:5353"},
        {"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:1", 53,
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1"},
        {"127.0.0.1", -1, NULL},
        {"127.0.0.1:", 53, NULL},
        {"127.0.0.1:65536", 53, NULL},
        {"127.0.0.1:99999999999999999999", 53, NULL},
        {"127.0.0.1:-1", 53, NULL},
        {"127.0.0.1:+1", 53, NULL},
        {"127.0.0.1: 1", 53, NULL},
        {"127.0.0.1:1x", 53, NULL},
        {"::1", 53, NULL},
        {"::1:53", 53, NULL},
        {"[::1", 53, NULL},
        {"[::1]53", 53, NULL},
        {"[::1]]:53", 53, NULL},
        {"[]:53", 53, NULL},
        {"[127.0.0.1]:53", 53, NULL},
        {"[::1%lo]:53", 53, NULL},
        {"", 53, NULL},
        {":53", 53, NULL},
        {"[", 53, NULL},
        {"localhost:53", 53, NULL},
        {"127.1:53", 53, NULL},
        {"[00000000000000000000000000000000000000000000000000001]:53", 53, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        union address a = {.v4.sin_family = AF_UNIX};
        char out[64] = "";
        enum err e = address_parse(rows[i].text, rows[i].port, &a);
        if (e == ERR_NONE)
            address_text(&a.any, out);
        if (e != (rows[i].want ? ERR_NONE : ERR_INVALID) ||
            strcmp(out, rows[i].want ? rows[i].want : "") != 0)
            fail_msg("%s: %s, \"%s\"", rows[i].text, err_text(e), out);
        if (e)
            assert_int_equal(a.any.sa_family, AF_UNIX); /* untouched */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),    cmocka_unit_test(ports),          cmocka_unit_test(own_addresses),
        cmocka_unit_test(collected), cmocka_unit_test(other_families), cmocka_unit_test(as_text),
        cmocka_unit_test(from_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
