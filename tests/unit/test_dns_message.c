/* Alias circles in a DNS answer (RFC 1034 3.6.2), found in messages made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns_message.h"

struct message {
    unsigned char bytes[4096];
    int len;
};

static void put(struct message *m, const void *p, size_t len)
{
    assert_true(m->len + (int)len <= (int)sizeof(m->bytes));
    memcpy(m->bytes + m->len, p, len);
    m->len += (int)len;
}

static void put16(struct message *m, unsigned n)
{
    const unsigned char b[2] = {(unsigned char)(n >> 8), (unsigned char)n};
    put(m, b, 2);
}

/* One label is enough for a name here. */
static void put_name(struct message *m, const char *name)
{
    unsigned char len = (unsigned char)strlen(name);
    put(m, &len, 1);
    put(m, name, len);
    put(m, "", 1);
}

/* links: "a>b b>c": each an alias; "a=": an address. */
static struct message message(const char *question, const char *links)
{
    struct message m = {.len = 12};
    unsigned count = 0;
    m.bytes[5] = 1; /* one question */
    put_name(&m, question);
    put16(&m, 1);
    put16(&m, 1);
    for (const char *p = links; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        char from[2] = {p[0], '\0'}, to[2] = {p[2], '\0'};
        bool alias = p[1] == '>';
        put_name(&m, from);
        put16(&m, alias ? 5 : 1);
        put16(&m, 1);
        put16(&m, 0);
        put16(&m, 60);
        if (alias) {
            put16(&m, 3);
            put_name(&m, to);
        } else {
            put16(&m, 4);
            put(&m, "\x7f\x00\x00\x01", 4);
        }
        count++;
    }
    m.bytes[7] = (unsigned char)count;
    return m;
}

/* In memory of its exact size, so that ASan sees a read past it. */
static bool looped(const unsigned char *bytes, int len)
{
    unsigned char *copy = malloc(len ? (size_t)len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, (size_t)len);
    bool loop = dns_has_cname_loop(copy, len);
    free(copy);
    return loop;
}

static void circles(void **state)
{
    (void)state;
    static const struct {
        const char *links;
        bool loop;
    } cases[] = {
        {"", false},
        {"a>b", false},
        {"a>b b>c c>d", false},
        {"a>b b=", false},
        {"a=", false},
        {"a>a", true},
        {"a>b b>a", true},
        {"a>b b>c c>a", true},
        {"a>b b>c c>b", true}, /* the circle begins behind the first */
        {"a>b B>A", true},     /* names ignore case */
        {"b>a a>b", true},
        {"a= a>b b>a", true},
        {"a>b b>c c>d d>e e>f f>g g>h h>i i>j j>k k>l l>m", false},
        {"a>b b>c c>d d>e e>f f>g g>h h>i i>j j>k k>l l>a", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message m = message("a", cases[i].links);
        if (looped(m.bytes, m.len) != cases[i].loop)
            fail_msg("%s: %s a circle", cases[i].links, cases[i].loop ? "is" : "is not");
    }
}

/* Whatever is cut off or overwritten: no read past the end, and an end. */
static void broken_messages(void **state)
{
    (void)state;
    struct message m = message("a", "a>b b>c c= c>a");
    assert_true(looped(m.bytes, m.len));
    for (int len = 0; len < m.len; len++)
        (void)looped(m.bytes, len);
    for (int at = 0; at < m.len; at++) {
        for (int v = 0; v < 256; v += 5) {
            struct message broken = m;
            broken.bytes[at] = (unsigned char)v;
            (void)looped(broken.bytes, broken.len);
        }
    }
    m.bytes[12] = 0xc0; /* a name that points to itself */
    m.bytes[13] = 0x0c;
    assert_false(looped(m.bytes, m.len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(circles), cmocka_unit_test(broken_messages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
