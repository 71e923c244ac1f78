/* DNS messages: queries as they are sent, and what answers made here say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/dns_message.h"

#define QUESTION_AT 12
#define WORK_MAX_S 0.3 /* of the processor, with sanitizers too; what is bounded takes a hundredth of it */

struct message {
    unsigned char bytes[8192];
    size_t len;
};

static void put(struct message *m, const void *p, size_t len)
{
    assert_true(m->len + len <= sizeof(m->bytes));
    memcpy(m->bytes + m->len, p, len);
    m->len += len;
}

static void put16(struct message *m, unsigned n)
{
    const unsigned char b[2] = {(unsigned char)(n >> 8), (unsigned char)n};
    put(m, b, 2);
}

static void put_name(struct message *m, char letter) /* a name of one label of one letter */
{
    const char name[3] = {1, letter, 0};
    put(m, name, sizeof(name));
}

static void put_fixed(struct message *m, unsigned type, unsigned class, unsigned ttl, unsigned len)
{
    put16(m, type);
    put16(m, class);
    put16(m, ttl >> 16);
    put16(m, ttl & 0xffff);
    put16(m, len);
}

static void put_record(struct message *m, unsigned type, unsigned class, unsigned ttl, const void *data,
                       unsigned len)
{
    put_fixed(m, type, class, ttl, len);
    put(m, data, len);
}

/*
 * The answer to a question for A of "a". Records: "a>b" an alias, "a=7" an address (127.0.0.7), "a!7" one of
 * three bytes, "a+7" one of five, "a:7" an AAAA of 16 bytes, "a#7" an address in class CHAOS, "a~b" an alias
 * in class CHAOS, "a%b" a DNAME, "a&b" an alias whose data go on behind the name, "a$b" one whose name goes
 * on behind the data. A number behind it: its time to live, else 60.
 */
static struct message message(const char *records)
{
    struct message m = {.len = 12};
    unsigned count = 0;
    m.bytes[2] = 0x81;
    m.bytes[3] = 0x80;
    m.bytes[5] = 1; /* one question */
    put_name(&m, 'a');
    put16(&m, 1);
    put16(&m, 1);
    for (const char *p = records; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        unsigned ttl = p[3] >= '0' && p[3] <= '9' ? (unsigned)strtoul(p + 3, NULL, 10) : 60;
        char four[5] = {127, 0, 0, (char)(p[2] - '0'), 0}, name[4] = {1, p[2], 0, 0},
             six[16] = {'\xfd', [15] = p[2]};
        put_name(&m, p[0]);
        switch (p[1]) {
        case '>':
        case '~':
            put_record(&m, 5, p[1] == '~' ? 3 : 1, ttl, name, 3);
            break;
        case '&':
            put_record(&m, 5, 1, ttl, name, 4);
            break;
        case '$':
            put_record(&m, 5, 1, ttl, name, 2);
            break;
        case '%':
            put_record(&m, 39, 1, ttl, name, 3);
            break;
        case ':':
            put_record(&m, 28, 1, ttl, six, 16);
            break;
        case '!':
            put_record(&m, 1, 1, ttl, four, 3);
            break;
        case '+':
            put_record(&m, 1, 1, ttl, four, 5);
            break;
        default:
            put_record(&m, 1, p[1] == '#' ? 3 : 1, ttl, four, 4);
        }
        count++;
    }
    m.bytes[7] = (unsigned char)count;
    return m;
}

/* Adds an OPT record with the upper bits of an error code. */
static void add_opt(struct message *m, unsigned upper)
{
    put(m, "", 1);
    put_fixed(m, 41, 1232, upper << 24, 0);
    m->bytes[11]++;
}

/* In memory of its exact size, so that ASan sees a read past it. */
static struct dns_answer read_as(const unsigned char *bytes, size_t len, enum dns_type type)
{
    unsigned char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    struct dns_answer a;
    dns_answer_read(&a, copy, len, type);
    free(copy);
    assert_true(a.count <= DNS_ADDRESSES_MAX);
    assert_true((a.cause == CAUSE_ok) == (a.count > 0));
    return a;
}

static struct dns_answer read_message(const struct message *m)
{
    return read_as(m->bytes, m->len, DNS_A);
}

/* "7 9": the last bytes of the addresses, in their order. */
static void text_of(const struct dns_answer *a, char out[256])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < a->count && len < 250; i++)
        len += (size_t)snprintf(out + len, 256 - len, "%s%u", i ? " " : "",
                                (unsigned)ntohl(a->addresses[i].v4.sin_addr.s_addr) & 255);
}

static void check(const char *records, enum cause_id cause, const char *addresses)
{
    struct message m = message(records);
    struct dns_answer a = read_message(&m);
    char got[256];
    text_of(&a, got);
    if (a.cause != cause || strcmp(got, addresses) != 0)
        fail_msg("%s: %s with \"%s\"; want %s with \"%s\"", records, cause_of(a.cause)->id, got,
                 cause_of(cause)->id, addresses);
}

static void aliases(void **state)
{
    (void)state;
    static const struct {
        const char *records;
        enum cause_id cause;
        const char *addresses;
    } cases[] = {
        {"", CAUSE_dns_nodata, ""},
        {"a=7", CAUSE_ok, "7"},
        {"a=7 a=8 a=7 a=9", CAUSE_ok, "7 8 9"}, /* each once */
        {"A=7", CAUSE_ok, "7"},                 /* names ignore case */
        {"a>b", CAUSE_dns_nodata, ""},
        {"a>b B=7", CAUSE_ok, "7"},
        {"a>B b>c C=7", CAUSE_ok, "7"},
        {"b=7", CAUSE_dns_nodata, ""},      /* nobody asked for b */
        {"a=7 b=8 b>c", CAUSE_ok, "7"},     /* nor here */
        {"b>a b=8", CAUSE_dns_nodata, ""},  /* an alias leads one way */
        {"a:7", CAUSE_dns_nodata, ""},      /* another type */
        {"a#7", CAUSE_dns_nodata, ""},      /* another class */
        {"a~b b=7", CAUSE_dns_nodata, ""},  /* the same */
        {"a%x a>b x%y b=7", CAUSE_ok, "7"}, /* DNAME with the alias that is made of it (RFC 6672 3.1) */
        {"a>b a=7 b=8", CAUSE_ok, "7 8"},   /* no name may have both; an address is one */
        {"a>b a>c c=7", CAUSE_ok, "7"},     /* two aliases of one name: either may lead there */
        {"a>a", CAUSE_dns_cname_loop, ""},
        {"a>b b>a", CAUSE_dns_cname_loop, ""},
        {"b>a a>b", CAUSE_dns_cname_loop, ""},
        {"a>b b>c c>a", CAUSE_dns_cname_loop, ""},
        {"a>b b>c c>b", CAUSE_dns_cname_loop, ""}, /* the circle begins behind the first */
        {"a>b B>A", CAUSE_dns_cname_loop, ""},
        {"c>b b>c a>b", CAUSE_dns_cname_loop, ""},
        {"a>b b>a c=7", CAUSE_dns_cname_loop, ""},
        {"b>c c>b", CAUSE_dns_nodata, ""}, /* a circle elsewhere */
        {"a=7 a>b b>a", CAUSE_ok, "7"},
        {"a>b b>c c>d d>e e>f f>g g>h h>i i>j j>k k>l l>m", CAUSE_dns_nodata, ""},
        {"a>b b>c c>d d>e e>f f>g g>h h>i i>j j>k k>l l>a", CAUSE_dns_cname_loop, ""},
        {"m=7 l>m k>l j>k i>j h>i g>h f>g e>f d>e c>d b>c a>b", CAUSE_ok, "7"},
        {"a!7", CAUSE_dns_bad_response, ""},
        {"a+7", CAUSE_dns_bad_response, ""},
        {"a=7 a!8", CAUSE_dns_bad_response, ""},
        {"a>b b!7", CAUSE_dns_bad_response, ""},
        {"a=7 b!8", CAUSE_ok, "7"}, /* what others have does not matter */
        {"a&b b=7", CAUSE_dns_bad_response, ""},
        {"a$b b=7", CAUSE_dns_bad_response, ""},
        {"a=7 c&d", CAUSE_ok, "7"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check(cases[i].records, cases[i].cause, cases[i].addresses);
}

/* Calls on_order with each order of the records. */
static void orders(const char *records[], size_t fixed, size_t count, void (*on_order)(const char *text))
{
    if (fixed == count) {
        char text[64] = "";
        for (size_t i = 0; i < count; i++)
            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
                           records[i]);
        on_order(text);
        return;
    }
    for (size_t i = fixed; i < count; i++) {
        const char *first = records[fixed];
        records[fixed] = records[i];
        records[i] = first;
        orders(records, fixed + 1, count, on_order);
        records[i] = records[fixed];
        records[fixed] = first;
    }
}

static void is_seven(const char *text)
{
    check(text, CAUSE_ok, "7");
}

static void is_loop(const char *text)
{
    check(text, CAUSE_dns_cname_loop, "");
}

/* The order of records means nothing (RFC 1034 4.3.1, RFC 2181 5). */
static void every_order(void **state)
{
    (void)state;
    orders((const char *[]){"a>b", "b=7"}, 0, 2, is_seven);
    orders((const char *[]){"a>b", "b>c", "c=7"}, 0, 3, is_seven);
    orders((const char *[]){"a>b", "b>c", "c>d", "d=7", "x=9"}, 0, 5, is_seven);
    orders((const char *[]){"a>b", "b>c", "c>d", "d>e", "e=7"}, 0, 5, is_seven);
    orders((const char *[]){"a%x", "a>b", "b>c", "c=7", "c:1"}, 0, 5, is_seven);
    orders((const char *[]){"a>b", "b>c", "c>d", "d>b", "x=7"}, 0, 5, is_loop);
}

static void times_to_live(void **state)
{
    (void)state;
    static const struct {
        const char *records;
        uint32_t ttl_s;
    } cases[] = {
        {"a=7300", 300},
        {"a=7300 a=8200", 200},
        {"a>b30 b=7300", 30},
        {"b=7300 c=71 a>b40", 40}, /* c is not on the way */
        {"a=70", 0},
        {"a=72147483647", 2147483647},
        {"a=74294967295", 0}, /* RFC 2181 8 */
        {"a=72147483648 a=860", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message m = message(cases[i].records);
        struct dns_answer a = read_message(&m);
        if (a.cause != CAUSE_ok || a.ttl_s != cases[i].ttl_s)
            fail_msg("%s: %u s, want %u s", cases[i].records, a.ttl_s, cases[i].ttl_s);
    }
}

static void error_codes(void **state)
{
    (void)state;
    static const struct {
        unsigned rcode;
        enum cause_id cause;
        bool blames_edns, blames_edns_with_opt;
    } cases[] = {
        {0, CAUSE_ok, false, false},
        {1, CAUSE_dns_formerr, true, true},
        {2, CAUSE_dns_servfail, true, false},
        {3, CAUSE_dns_nxdomain, false, false},
        {4, CAUSE_dns_notimp, true, true},
        {5, CAUSE_dns_refused, true, false},
        {6, CAUSE_dns_bad_response, true, false},
        {15, CAUSE_dns_bad_response, true, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message m = message("a=7");
        m.bytes[3] = (unsigned char)(0x80 | cases[i].rcode);
        struct dns_answer a = read_message(&m);
        assert_int_equal(a.cause, cases[i].cause);
        assert_false(a.edns);
        assert_int_equal(a.blames_edns, cases[i].blames_edns);
        add_opt(&m, 0);
        a = read_message(&m);
        assert_int_equal(a.cause, cases[i].cause);
        assert_true(a.edns);
        assert_int_equal(a.blames_edns, cases[i].blames_edns_with_opt);
    }
    struct message m = message("a=7"); /* BADVERS, 16: its upper bits are in the OPT record */
    add_opt(&m, 1);
    struct dns_answer a = read_message(&m);
    assert_int_equal(a.cause, CAUSE_dns_bad_response);
    assert_true(a.blames_edns);
    m = message("a>b"); /* nothing to blame EDNS for */
    assert_false(read_message(&m).blames_edns);
    m = message("a!7");
    assert_true(read_message(&m).blames_edns);
}

static void truncated(void **state)
{
    (void)state;
    struct message m = message("a=7 a=8");
    m.bytes[2] |= 2;
    struct dns_answer a = read_message(&m);
    assert_true(a.truncated);
    assert_int_equal(a.count, 2);
    m.len -= 2; /* a record that is cut, too */
    a = read_message(&m);
    assert_true(a.truncated);
    assert_int_equal(a.count, 1);
    m.bytes[2] &= (unsigned char)~2;
    assert_int_equal(read_message(&m).cause, CAUSE_dns_bad_response);
    m.bytes[2] |= 2;
    m.bytes[3] |= 2; /* SERVFAIL needs no more room */
    assert_false(read_message(&m).truncated);
    assert_int_equal(read_message(&m).cause, CAUSE_dns_servfail);
}

static void many_addresses(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 200; n += 13) {
        struct message m = message("");
        m.bytes[7] = (unsigned char)n;
        for (unsigned i = 0; i < n; i++) {
            const char v4[4] = {10, 0, 0, (char)i};
            put(&m, "\xc0\x0c", 2); /* the question's name */
            put_record(&m, 1, 1, 60, v4, 4);
        }
        struct dns_answer a = read_message(&m);
        assert_int_equal(a.cause, CAUSE_ok);
        assert_int_equal(a.count, n < DNS_ADDRESSES_MAX ? n : DNS_ADDRESSES_MAX);
        assert_int_equal(ntohl(a.addresses[a.count - 1].v4.sin_addr.s_addr) & 255, a.count - 1);
    }
}

/* A chain of n aliases, with names of three bytes. */
static struct dns_answer chain_of(unsigned n, bool backwards)
{
    struct message m = message("");
    m.bytes[7] = (unsigned char)(n + 1);
    for (unsigned i = 0; i <= n; i++) {
        unsigned k = backwards ? n - i : i;
        const char from[4] = {2, 'x', (char)k, 0}, to[4] = {2, 'x', (char)(k + 1), 0};
        put(&m, k == 0 ? "\1a" : from, k == 0 ? 3 : 4);
        if (k == n)
            put_record(&m, 1, 1, 60, "\x7f\0\0\7", 4);
        else
            put_record(&m, 5, 1, 60, to, 4);
    }
    return read_message(&m);
}

static void long_chains(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= 32; n++)
        for (int backwards = 0; backwards < 2; backwards++)
            if (chain_of(n, backwards).cause != CAUSE_ok)
                fail_msg("%u aliases are not followed", n);
    assert_int_equal(chain_of(33, false).cause, CAUSE_dns_cname_loop);
    assert_int_equal(chain_of(60, true).cause, CAUSE_dns_cname_loop);
    for (unsigned n = 126; n <= 200; n++)
        for (int backwards = 0; backwards < 2; backwards++)
            assert_int_equal(chain_of(n, backwards).cause, CAUSE_dns_cname_loop);
}

static void long_put16(unsigned char *m, size_t *at, unsigned n)
{
    m[(*at)++] = (unsigned char)(n >> 8);
    m[(*at)++] = (unsigned char)n;
}

/*
 * A message of 64 KiB: pointers that lead from one to the one before, the first to the question's name; 31
 * aliases that lead away from it and stand in the order that makes the reader come back for each; then
 * records of that type whose owners go the whole way. Returns its length.
 */
static size_t long_message(unsigned char *m, unsigned pointers, unsigned type)
{
    uint8_t question[DNS_QUESTION_MAX];
    size_t question_len = dns_question_write(question, "a.b", DNS_A);
    unsigned count = 0;
    memset(m, 0, QUESTION_AT);
    m[2] = 0x81;
    m[3] = 0x80;
    m[5] = 1;
    memcpy(m + QUESTION_AT, question, question_len);
    size_t at = QUESTION_AT + question_len;
    long_put16(m, &at, 0xc000 | QUESTION_AT);
    const unsigned char text[8] = {0, 16, 0, 1}; /* TXT */
    memcpy(m + at, text, sizeof(text));
    at += sizeof(text);
    long_put16(m, &at, 2 * pointers);
    size_t top = QUESTION_AT;
    for (unsigned i = 0; i < pointers; i++) {
        size_t here = at;
        long_put16(m, &at, 0xc000 | (unsigned)top);
        top = here;
    }
    count++;
    for (int i = 31; i >= 0; i--, count++) {
        const unsigned char owner[3] = {1, (unsigned char)(127 + i)};
        const unsigned char rest[13] = {0, 5, 0, 1, 0, 0, 0, 60, 0, 3, 1, (unsigned char)(128 + i)};
        if (i == 0)
            long_put16(m, &at, 0xc000 | (unsigned)top);
        else
            memcpy(m + at, owner, 3), at += 3;
        memcpy(m + at, rest, sizeof(rest));
        at += sizeof(rest);
    }
    for (; at < 65500; count++) {
        const unsigned char fixed[8] = {0, (unsigned char)type, 0, 1, [7] = 60};
        long_put16(m, &at, 0xc000 | (unsigned)top);
        memcpy(m + at, fixed, sizeof(fixed));
        at += sizeof(fixed);
        long_put16(m, &at, type == DNS_A ? 4 : 2);
        long_put16(m, &at, 0xc000 | (unsigned)top);
        if (type == DNS_A)
            long_put16(m, &at, count);
    }
    m[6] = (unsigned char)(count >> 8);
    m[7] = (unsigned char)count;
    return at;
}

/* One answer must not hold the loop. */
static void work_is_bounded(void **state)
{
    (void)state;
    static unsigned char m[65536];
    static const struct {
        unsigned pointers, type;
        enum cause_id cause;
    } cases[] = {
        {7700, 5, CAUSE_dns_bad_response}, {7700, DNS_A, CAUSE_dns_bad_response},
        {100, 5, CAUSE_dns_cname_loop},    {100, DNS_A, CAUSE_ok},
        {127, 5, CAUSE_dns_bad_response}, /* one too many, with the owner's own */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t len = long_message(m, cases[i].pointers, cases[i].type);
        clock_t began = clock();
        struct dns_answer a = read_as(m, len, DNS_A);
        double took_s = (double)(clock() - began) / CLOCKS_PER_SEC;
        print_message("# %u pointers, type %u: %.4f s\n", cases[i].pointers, cases[i].type, took_s);
        if (took_s > WORK_MAX_S)
            fail_msg("%u pointers, type %u: %f s", cases[i].pointers, cases[i].type, took_s);
        if (a.cause != cases[i].cause)
            fail_msg("%u pointers, type %u: %s", cases[i].pointers, cases[i].type, cause_of(a.cause)->id);
    }
}

static void ipv6(void **state)
{
    (void)state;
    struct message m = message("a:7 a=8 a:9");
    m.bytes[12 + 3 + 1] = 28;
    struct dns_answer a = read_as(m.bytes, m.len, DNS_AAAA);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.addresses[0].v6.sin6_family, AF_INET6);
    assert_int_equal(a.addresses[0].v6.sin6_addr.s6_addr[0], 0xfd);
    assert_int_equal(a.addresses[1].v6.sin6_addr.s6_addr[15], '9');
}

/* Whatever is cut off or overwritten: no read past the end, and an end. */
static void broken_messages(void **state)
{
    (void)state;
    struct message m = message("a>b c=7 b>c a:1 c=8");
    add_opt(&m, 0);
    for (size_t len = 0; len < m.len; len++)
        (void)read_as(m.bytes, len, DNS_A);
    for (size_t at = 0; at < m.len; at++) {
        for (int v = 0; v < 256; v += 3) {
            struct message broken = m;
            broken.bytes[at] = (unsigned char)v;
            (void)read_message(&broken);
        }
    }
    static const char *const pointers[] = {"\xc0\x13", "\xc0\x14", "\xc0\xff", "\xff\xff", "\x40x", "\x80x"};
    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) { /* to itself, forward, out of it */
        struct message bad = message("");
        assert_int_equal(bad.len, 0x13);
        bad.bytes[7] = 1;
        put(&bad, pointers[i], 2);
        put_record(&bad, 1, 1, 60, "\x7f\0\0\1", 4);
        assert_int_equal(read_message(&bad).cause, CAUSE_dns_bad_response);
    }
    struct message forth = message("a>b"); /* a name may be put together of earlier ones */
    forth.bytes[7] = 2;
    put(&forth, "\xc0\x20", 2); /* "b" in the data of the alias */
    assert_memory_equal(forth.bytes + 0x20, "\1b", 3);
    put_record(&forth, 1, 1, 60, "\x7f\0\0\7", 4);
    assert_int_equal(read_message(&forth).cause, CAUSE_ok);
}

static void queries(void **state)
{
    (void)state;
    static const unsigned char plain[] = "\x12\x34\x01\0\0\1\0\0\0\0\0\0\3bot\7example\0\0\x1c\0\1";
    static const unsigned char edns[] =
        "\x12\x34\x01\0\0\1\0\0\0\0\0\1\3bot\7example\0\0\x1c\0\1\0\0\x29\x04\xd0\0\0\0\0\0\0";
    uint8_t question[DNS_QUESTION_MAX], query[DNS_QUERY_MAX];
    size_t len = dns_question_write(question, "bot.example", DNS_AAAA);
    assert_int_equal(dns_query_write(query, 0x1234, question, len, false), sizeof(plain) - 1);
    assert_memory_equal(query, plain, sizeof(plain) - 1);
    assert_int_equal(dns_query_write(query, 0x1234, question, len, true), sizeof(edns) - 1);
    assert_memory_equal(query, edns, sizeof(edns) - 1);
    char longest[255], label[66];
    memset(longest, 'x', sizeof(longest));
    longest[63] = longest[127] = longest[191] = '.';
    longest[253] = '\0';
    assert_int_equal(dns_question_write(question, longest, DNS_A), DNS_QUESTION_MAX);
    longest[253] = 'x';
    longest[254] = '\0';
    assert_int_equal(dns_question_write(question, longest, DNS_A), 0);
    memset(label, 'x', sizeof(label));
    label[64] = '\0';
    static const char *const none[] = {"", ".", "a..b", ".a"};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(dns_question_write(question, none[i], DNS_A), 0);
    assert_int_equal(dns_question_write(question, label, DNS_A), 0);
    assert_int_not_equal(dns_question_write(question, label + 1, DNS_A), 0);
}

static void whose_answer(void **state)
{
    (void)state;
    uint8_t question[DNS_QUESTION_MAX];
    size_t len = dns_question_write(question, "a", DNS_A);
    struct message good = message("a=7");
    assert_true(dns_is_answer(good.bytes, good.len, 0, question, len));
    assert_false(dns_is_answer(good.bytes, good.len, 1, question, len));
    static const struct {
        size_t at;
        unsigned char byte;
        bool is;
    } cases[] = {
        {13, 'A', true},  /* its case may come back changed */
        {13, 'b', false}, /* another name */
        {16, 28, false},  /* another type */
        {18, 3, false},   /* another class */
        {2, 0x01, false}, /* a query */
        {2, 0xa9, false}, /* another kind of message */
        {2, 0x87, true},  /* authoritative, truncated */
        {5, 2, false},    /* two questions */
        {5, 0, false},    /* none, and no error */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct message m = good;
        m.bytes[cases[i].at] = cases[i].byte;
        if (dns_is_answer(m.bytes, m.len, 0, question, len) != cases[i].is)
            fail_msg("byte %zu", cases[i].at);
    }
    struct message bare = {.len = 12,
                           .bytes = {[2] = 0x81, [3] = 0x81}}; /* FORMERR: it could not read the question */
    assert_true(dns_is_answer(bare.bytes, bare.len, 0, question, len));
    bare.bytes[3] = 0x83; /* whose name does not exist? */
    assert_false(dns_is_answer(bare.bytes, bare.len, 0, question, len));
    bare.bytes[3] = 0x80; /* BADVERS has the upper bits of its code in the OPT record */
    add_opt(&bare, 1);
    assert_true(dns_is_answer(bare.bytes, bare.len, 0, question, len));
    for (size_t n = 0; n < bare.len; n++)
        assert_false(dns_is_answer(bare.bytes, n, 0, question, len));
    struct message fine = {.len = 12, .bytes = {[2] = 0x81, [3] = 0x80}};
    add_opt(&fine, 0);
    assert_false(dns_is_answer(fine.bytes, fine.len, 0, question, len));
    for (size_t n = 0; n < 12 + len; n++)
        assert_false(dns_is_answer(good.bytes, n, 0, question, len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aliases),         cmocka_unit_test(every_order), cmocka_unit_test(times_to_live),
        cmocka_unit_test(error_codes),     cmocka_unit_test(truncated),   cmocka_unit_test(many_addresses),
        cmocka_unit_test(long_chains),     cmocka_unit_test(ipv6),        cmocka_unit_test(broken_messages),
        cmocka_unit_test(work_is_bounded), cmocka_unit_test(queries),     cmocka_unit_test(whose_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
