/* url_parse: what is taken, what it becomes on the wire, and why the rest is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/address.h"
#include "net/url.h"

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A60 A50 A10
#define LABEL63 A60 "aaa"
#define L50 A50 "."

static const struct url_rules https_only = {.allow_http = false}, http_too = {.allow_http = true};

struct taken {
    const char *text, *authority, *target;
    uint16_t port;
    bool ip;
};

static const struct taken taken[] = {
    {"https://bot.example.com/webhook", "bot.example.com", "/webhook", 443, false},
    {"https://bot.example.com", "bot.example.com", "/", 443, false},
    {"https://bot.example.com?a=1", "bot.example.com", "/?a=1", 443, false},
    {"https://bot.example.com/?", "bot.example.com", "/?", 443, false},
    {"https://bot.example.com#top", "bot.example.com", "/", 443, false},
    {"https://bot.example.com/a/../b?x=/%20%2F#frag?no", "bot.example.com", "/a/../b?x=/%20%2F", 443, false},
    {"https://bot.example.com//a//b", "bot.example.com", "//a//b", 443, false},
    {"https://bot.example.com/a;b=c,d:e@f!$&'()*+~", "bot.example.com", "/a;b=c,d:e@f!$&'()*+~", 443, false},
    {"https://bot.example.com/x?u=https://a.example/b", "bot.example.com", "/x?u=https://a.example/b", 443,
     false},
    {"HTTPS://Bot.EXAMPLE.com/Web", "bot.example.com", "/Web", 443, false},
    {"https://bot.example.com./x", "bot.example.com", "/x", 443, false},
    {"https://localhost/", "localhost", "/", 443, false},
    {"https://a/", "a", "/", 443, false},
    {"https://_acme.bot-1.example/", "_acme.bot-1.example", "/", 443, false},
    {"https://ab--cd.example/", "ab--cd.example", "/", 443, false},
    {"https://1.example/", "1.example", "/", 443, false},
    {"https://127.0.0.1.example/", "127.0.0.1.example", "/", 443, false},
    {"https://" LABEL63 ".example/", LABEL63 ".example", "/", 443, false},
    /* ports */
    {"https://bot.example.com:443/", "bot.example.com", "/", 443, false},
    {"https://bot.example.com:/", "bot.example.com", "/", 443, false},
    {"https://bot.example.com:00443/", "bot.example.com", "/", 443, false},
    {"https://bot.example.com:8443", "bot.example.com:8443", "/", 8443, false},
    {"https://bot.example.com:1?q", "bot.example.com:1", "/?q", 1, false},
    {"https://bot.example.com:65535/", "bot.example.com:65535", "/", 65535, false},
    {"https://bot.example.com:80/", "bot.example.com:80", "/", 80, false},
    {"http://bot.example.com/", "bot.example.com", "/", 80, false},
    {"http://bot.example.com:80/", "bot.example.com", "/", 80, false},
    {"http://bot.example.com:443/", "bot.example.com:443", "/", 443, false},
    /* internationalised names and percent-encoding (RFC 3986 3.2.2, RFC 5891) */
    {"https://ボット.例え.jp/", "xn--9ckk2d.xn--r8jz45g.jp", "/", 443, false},
    {"https://%E3%83%9C%E3%83%83%E3%83%88.jp/", "xn--9ckk2d.jp", "/", 443, false},
    {"https://bücher.example/", "xn--bcher-kva.example", "/", 443, false},
    {"https://B\u00dcCHER.example/", "xn--bcher-kva.example", "/", 443, false},
    {"https://faß.example/", "xn--fa-hia.example", "/", 443, false},
    {"https://xn--bcher-kva.example/", "xn--bcher-kva.example", "/", 443, false},
    {"https://例え。jp/", "xn--r8jz45g.jp", "/", 443, false},
    {"https://b%6ft.example/", "bot.example", "/", 443, false},
    {"https://ＢＯＴ.example/", "bot.example", "/", 443, false},
    /* addresses */
    {"https://203.0.113.7/", "203.0.113.7", "/", 443, true},
    {"https://203.0.113.7:8443/", "203.0.113.7:8443", "/", 8443, true},
    {"https://203.0.113.7./", "203.0.113.7", "/", 443, true},
    {"https://[2001:db8::1]/", "[2001:db8::1]", "/", 443, true},
    {"https://[2001:DB8:0:0:0:0:0:1]:8443/x", "[2001:db8::1]:8443", "/x", 8443, true},
    {"https://[::1]", "[::1]", "/", 443, true},
    {"https://[::ffff:127.0.0.1]/", "[::ffff:127.0.0.1]", "/", 443, true},
    {"https://[::ffff:7f00:1]/", "[::ffff:127.0.0.1]", "/", 443, true},
    {"https://[64:ff9b::7f00:1]/", "[64:ff9b::7f00:1]", "/", 443, true},
};

static void what_is_taken(void **state)
{
    (void)state;
    int bad = 0;
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        const struct taken *t = &taken[i];
        struct url u;
        enum cause_id cause = CAUSE_ok;
        if (url_parse(span_of(t->text), &http_too, &u, &cause)) {
            print_error("%s: refused, %s\n", t->text, cause_of(cause)->id);
            bad++;
        } else if (strcmp(u.authority, t->authority) != 0 || strcmp(u.target, t->target) != 0 ||
                   u.port != t->port || u.is_ip != t->ip || u.https != (t->text[4] != ':')) {
            print_error("%s: authority %s, target %s, port %u, %s\n", t->text, u.authority, u.target,
                        (unsigned)u.port, u.is_ip ? "an address" : "a name");
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

struct refused {
    const char *text;
    enum cause_id cause;
};

static const struct refused refused[] = {
    {"", CAUSE_url_syntax},
    {"bot.example.com/webhook", CAUSE_url_syntax},
    {"//bot.example.com/", CAUSE_url_syntax},
    {"/webhook", CAUSE_url_syntax},
    {"://bot.example.com/", CAUSE_url_syntax},
    {"https://bot.example.com/%", CAUSE_url_syntax},
    {"https://bot.example.com/%2", CAUSE_url_syntax},
    {"https://bot.example.com/%zz", CAUSE_url_syntax},
    {"https://bot.example.com/a\\b", CAUSE_url_syntax},
    {"https://bot.example.com\\@evil.example/", CAUSE_url_syntax},
    {"https://bot.example.com/<a>", CAUSE_url_syntax},
    {"https://bot.example.com/{id}", CAUSE_url_syntax},
    {"https://bot.example.com/a|b", CAUSE_url_syntax},
    {"https://bot.example.com/a\"b", CAUSE_url_syntax},
    {"https://bot.example.com/フック", CAUSE_url_syntax},
    {"https://bot.example.com/?q=日本", CAUSE_url_syntax},
    {"https://bot.example.com/#a#b", CAUSE_url_syntax},
    {"https://bot.example.com/[x]", CAUSE_url_syntax},
    {"https://bot%.example/", CAUSE_url_syntax},
    {"https://bot%00.example/", CAUSE_url_syntax},
    {"https://bot.example.com/ a", CAUSE_url_control_character},
    {" https://bot.example.com/", CAUSE_url_control_character},
    {"https://bot.example.com/\n", CAUSE_url_control_character},
    {"https://bot.example.com/\r\nHost: evil", CAUSE_url_control_character},
    {"https://bot.exa\tmple.com/", CAUSE_url_control_character},
    {"https://bot.example.com/\x7f", CAUSE_url_control_character},
    {"https://bot%0d%0a.example/", CAUSE_url_control_character},
    {"https://bot%20a.example/", CAUSE_url_control_character},
    {"http://bot.example.com/", CAUSE_url_scheme},
    {"ftp://bot.example.com/", CAUSE_url_scheme},
    {"ws://bot.example.com/", CAUSE_url_scheme},
    {"file:///etc/passwd", CAUSE_url_scheme},
    {"mailto:bot@example.com", CAUSE_url_scheme},
    {"javascript:alert(1)", CAUSE_url_scheme},
    {"httpss://bot.example.com/", CAUSE_url_scheme},
    {"bot.example.com:443/webhook", CAUSE_url_scheme},
    {"https:", CAUSE_url_host_empty},
    {"https:/bot.example.com/", CAUSE_url_host_empty},
    {"https:bot.example.com", CAUSE_url_host_empty},
    {"https://", CAUSE_url_host_empty},
    {"https:///webhook", CAUSE_url_host_empty},
    {"https://:443/", CAUSE_url_host_empty},
    {"https://?a", CAUSE_url_host_empty},
    {"https://./", CAUSE_url_host_empty},
    {"https://user@bot.example.com/", CAUSE_url_userinfo},
    {"https://user:pass@bot.example.com/", CAUSE_url_userinfo},
    {"https://@bot.example.com/", CAUSE_url_userinfo},
    {"https://bot.example.com:443@evil.example/", CAUSE_url_userinfo},
    {"https://bot.example.com:0/", CAUSE_url_port},
    {"https://bot.example.com:65536/", CAUSE_url_port},
    {"https://bot.example.com:99999999999999999999/", CAUSE_url_port},
    {"https://bot.example.com:-1/", CAUSE_url_port},
    {"https://bot.example.com:https/", CAUSE_url_port},
    {"https://bot.example.com:44a/", CAUSE_url_port},
    {"https://a:1:2/", CAUSE_url_syntax},
    {"https://-bot.example/", CAUSE_url_idna},
    {"https://bot-.example/", CAUSE_url_idna},
    {"https://bot..example/", CAUSE_url_idna},
    {"https://.bot.example/", CAUSE_url_idna},
    {"https://bot.example../", CAUSE_url_idna},
    {"https://bot!.example/", CAUSE_url_idna},
    {"https://a,b.example/", CAUSE_url_idna},
    {"https://a%2fb.example/", CAUSE_url_idna},
    {"https://a%40b.example/", CAUSE_url_idna},
    {"https://a%3a80/", CAUSE_url_idna},
    {"https://xn--zzzzzzz9999.example/", CAUSE_url_idna},
    {"https://\xff\xfe.example/", CAUSE_url_idna},
    {"https://%ff.example/", CAUSE_url_idna},
    {"https://\u200d.example/", CAUSE_url_idna},
    {"https://☃☃.example/%", CAUSE_url_syntax},
    {"https://" LABEL63 "a.example/", CAUSE_url_label_too_long},
    {"https://" L50 L50 L50 L50 A50 ".example/", CAUSE_url_name_too_long},
    {"https://[::1/", CAUSE_url_ip_literal},
    {"https://[]/", CAUSE_url_ip_literal},
    {"https://[1.2.3.4]/", CAUSE_url_ip_literal},
    {"https://[::g]/", CAUSE_url_ip_literal},
    {"https://[1:2:3:4:5:6:7:8:9]/", CAUSE_url_ip_literal},
    {"https://[fe80::1%25eth0]/", CAUSE_url_ip_literal},
    {"https://[fe80::1%eth0]/", CAUSE_url_ip_literal},
    {"https://[v1.a:b]/", CAUSE_url_ip_literal},
    {"https://256.0.0.1/", CAUSE_url_ip_literal},
    {"https://1.2.3.4.5/", CAUSE_url_ip_literal},
    {"https://08.0.0.1/", CAUSE_url_ip_literal},
    {"https://4294967296/", CAUSE_url_ip_literal},
    {"https://0x/", CAUSE_url_ip_literal},
    {"https://bot.example.1/", CAUSE_url_ip_literal},
};

static void what_is_refused(void **state)
{
    (void)state;
    int bad = 0;
    bool seen[CAUSE_COUNT] = {false};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const struct refused *r = &refused[i];
        struct url u = {.port = 4711};
        enum cause_id cause = CAUSE_ok;
        enum err e = url_parse(span_of(r->text), &https_only, &u, &cause);
        if (e != ERR_INVALID || cause != r->cause || u.port != 4711) {
            print_error("%s: %s %s, want %s\n", r->text, err_text(e), cause_of(cause)->id,
                        cause_of(r->cause)->id);
            bad++;
        }
        seen[cause] = true;
    }
    seen[CAUSE_url_too_long] = true; /* below */
    for (int c = 0; c < CAUSE_COUNT; c++) {
        if (cause_of((enum cause_id)c)->fault == FAULT_invalid_url && !seen[c]) {
            print_error("no URL is refused as %s\n", cause_of((enum cause_id)c)->id);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

/* Every spelling of inet_aton(3) is the address it stands for, so that the guard sees it. */
static void ipv4_in_every_spelling(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "127.0.0.1",     "127.1",           "127.0.1",         "2130706433",     "0x7f000001",
        "0x7F.0.0.1",    "0177.0.0.1",      "017700000001",    "0x7f.1",         "127.0.0.0x1",
        "0177.0x0.0.01", "%31%32%37.0.0.1", "１２７.０.０.１", "127。0。0。1",   "127.0.0.1.",
        "①②⑦.0.0.1",     "127%2e0.0.1",     "0x7f000001.",     "00000177.0.0.1", "0X7f000001",
    };
    const struct address_guard guard = {0};
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        char text[200];
        (void)snprintf(text, sizeof(text), "https://%s:8443/", spellings[i]);
        struct url u;
        enum cause_id cause = CAUSE_ok;
        if (url_parse(span_of(text), &https_only, &u, &cause))
            fail_msg("%s: %s", text, cause_of(cause)->id);
        if (!u.is_ip || strcmp(u.host, "127.0.0.1") != 0)
            fail_msg("%s became %s", text, u.host);
        assert_string_equal(u.authority, "127.0.0.1:8443");
        const struct sockaddr_in *sin = (const struct sockaddr_in *)(const void *)&u.addr;
        assert_int_equal(sin->sin_family, AF_INET);
        assert_int_equal(ntohl(sin->sin_addr.s_addr), 0x7f000001);
        assert_int_equal(ntohs(sin->sin_port), 8443);
        assert_non_null(address_refused(&guard, (const struct sockaddr *)sin));
    }
}

/* 500 characters, not bytes. */
static void length(void **state)
{
    (void)state;
    char text[3000];
    struct url u;
    enum cause_id cause = CAUSE_ok;
    const char head[] = "https://ボット.jp/"; /* 15 characters in 21 bytes */
    size_t n = sizeof(head) - 1;
    memcpy(text, head, n);
    memset(text + n, 'a', sizeof(text) - n);
    assert_int_equal(url_parse((struct span){text, n + 485}, &https_only, &u, &cause), ERR_NONE);
    assert_int_equal(strlen(u.target), 486);
    assert_int_equal(url_parse((struct span){text, n + 486}, &https_only, &u, &cause), ERR_INVALID);
    assert_int_equal(cause, CAUSE_url_too_long);
    assert_int_equal(url_parse((struct span){text, sizeof(text)}, &https_only, &u, &cause), ERR_INVALID);
    assert_int_equal(cause, CAUSE_url_too_long);
    /* Continuation bytes count as no character: a cap in bytes holds as well. */
    memset(text + n, 0x80, sizeof(text) - n);
    assert_int_equal(url_parse((struct span){text, sizeof(text)}, &https_only, &u, &cause), ERR_INVALID);
    assert_int_equal(cause, CAUSE_url_too_long);
}

/* The longest name there is: 253 characters, with the root's dot or without. */
static void longest_name(void **state)
{
    (void)state;
    static const char name[] =
        L50 L50 L50 L50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaa"; /* 204 + 49 */
    assert_int_equal(sizeof(name) - 1, 253);
    static const char *const forms[] = {"https://%s/", "https://%s./", "https://%s:8443/", "https://b%s/"};
    for (size_t i = 0; i < 4; i++) {
        char text[400];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(text, sizeof(text), forms[i], name);
#pragma GCC diagnostic pop
        struct url u;
        enum cause_id cause = CAUSE_ok;
        enum err e = url_parse(span_of(text), &https_only, &u, &cause);
        assert_int_equal(e, i == 3 ? ERR_INVALID : ERR_NONE);
        if (i == 3)
            assert_int_equal(cause, CAUSE_url_name_too_long);
        else
            assert_string_equal(u.host, name);
    }
}

static void nul_is_no_end(void **state)
{
    (void)state;
    struct url u;
    enum cause_id cause = CAUSE_ok;
    static const char text[] = "https://bot.example.com/\0evil";
    assert_int_equal(url_parse((struct span){text, sizeof(text) - 1}, &https_only, &u, &cause), ERR_INVALID);
    assert_int_equal(cause, CAUSE_url_control_character);
}

static void out_of_memory(void **state)
{
    (void)state;
    static const char *const texts[] = {"https://bot.example.com/", "https://bücher.example/"};
    for (size_t i = 0; i < 2; i++) {
        struct url u = {.port = 4711};
        enum cause_id cause = CAUSE_ok;
        (void)mem_fail_at(1);
        enum err e = url_parse(span_of(texts[i]), &https_only, &u, &cause);
        (void)mem_fail_at(0);
        assert_int_equal(e, ERR_NOMEM);
        assert_int_equal(cause, CAUSE_ok);
        assert_int_equal(u.port, 4711);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),          cmocka_unit_test(what_is_refused),
        cmocka_unit_test(ipv4_in_every_spelling), cmocka_unit_test(length),
        cmocka_unit_test(longest_name),           cmocka_unit_test(nul_is_no_end),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
