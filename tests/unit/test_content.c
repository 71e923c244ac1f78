/*
 * Contents: what is refused, the direct way, what it leaves to the engine, and when nothing is left to send.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "campaign/content.h"
#include "campaign/print.h"

static const struct {
    const char *content, *path, *message;
    unsigned line, column;
} wrong[] = {
    {"", "", "the text ends here; a value is expected", 0, 0},
    {"[]", "", "a content is a JSON object", 0, 0},
    {"\"{{ a }}\"", "", "a content is a JSON object", 0, 0},
    {"{\"a\":1,\"a\":2}", "a", "a member of this name is there twice", 0, 0},
    {"{\"text\":\"x\\n #{b}\"}", "text", "#{b}: the campaign declares no variable of this name", 2, 2},
    {"{\"messages\":[{\"text\":\"#{a}\"},{\"text\":\"#{none}\"}]}", "messages[1].text",
     "#{none}: the campaign declares no variable of this name", 1, 1},
};

static struct variables *declared(void)
{
    struct variables *v = NULL;
    struct variables_fault fault;
    const char *json = "[{\"name\":\"a\"},{\"name\":\"店名\"}]";
    assert_int_equal(variables_parse(json_root(span_of(json)), &v, &fault), ERR_NONE);
    return v;
}

static void test_refused(void **state)
{
    (void)state;
    struct variables *v = declared();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct content *c = NULL;
        struct content_fault fault;
        assert_int_equal(content_compile(MEDIUM_LINE, span_of(wrong[i].content), v, &c, &fault), ERR_INVALID);
        assert_null(c);
        assert_string_equal(fault.path, wrong[i].path);
        if (wrong[i].content[0])
            assert_string_equal(fault.message, wrong[i].message);
        assert_true(fault.message[0]);
        assert_int_equal(fault.line, wrong[i].line);
        assert_int_equal(fault.column, wrong[i].column);
    }
    variables_free(v);
}

/* A text of `unit` so often that it has more than len bytes, between two others. */
static char *long_text(const char *head, const char *unit, size_t count, const char *tail)
{
    size_t size = strlen(head) + count * strlen(unit) + strlen(tail) + 1;
    char *text = mem_alloc(size);
    assert_non_null(text);
    size_t n = (size_t)snprintf(text, size, "%s", head);
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, size - n, "%s", unit);
    (void)snprintf(text + n, size - n, "%s", tail);
    return text;
}

static void test_caps(void **state)
{
    (void)state;
    struct content *c = NULL;
    struct content_fault fault;
    const struct {
        char *text;
        const char *message;
    } rows[] = {
        {long_text("{\"a\":\"", "x", CONTENT_TEXT_MAX, "\"}"), "larger than 512 KiB"},
        {long_text("{\"a\":", "[", CONTENT_DEPTH, "}"), NULL},
        {long_text("{\"a\":[\"{{ a }}\"", ",\"{{ a }}\"", CONTENT_TEMPLATES_MAX, "]}"),
         "more than 4096 strings that print something"},
        {long_text("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,"
                   "\"l\":1,"
                   "\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1",
                   "", 0, "}"),
         "more than 16 members"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(content_compile(MEDIUM_LINE, span_of(rows[i].text), NULL, &c, &fault), ERR_LIMIT);
        assert_null(c);
        if (rows[i].message)
            assert_string_equal(fault.message, rows[i].message);
        mem_free(rows[i].text);
    }
}

#define CONTEXT                                                                                                \
    "{\"user\":{\"name\":\"ta\\\"ro\",\"html\":\"<b>&'\\\\\",\"n\":1200,\"big\":1e21,\"yes\":true,\"null\":"   \
    "null,"                                                                                                    \
    "\"empty\":\"\",\"list\":[1,2],\"object\":{\"x\":\"deep\"},\"pad\":\" "                                    \
    "\\u3000x\\t\",\"jp\":\"日本\",\"acute\":\"é\","                                                        \
    "\"twice\":1,\"twice\":2,\"\\u006bey\":\"escaped\",\"emoji\":\"a\\ud83d\\ude00\"},\"a\":\"A\",\"店名\":" \
    "\"銀座\"}"

static const struct {
    const char *text,
        *want; /* as JSON strings; want NULL: for the engine; beginning with '!': null, told so */
    bool html;
} rows[] = {
    {"plain", "plain", false},
    {"\\u0041\\/", "\\u0041\\/", false},
    {"{{ user.name }}", "ta\\\"ro", false},
    {"{{user.name}}さん", "ta\\\"roさん", false},
    {"{{ user.html }}", "<b>&'\\\\", false},
    {"{{ user.html }}", "&lt;b&gt;&amp;&#39;&#92;", true},
    {"{{ user.html | safe }}", "<b>&'\\\\", true},
    {"{{ user.html | e }}", "&lt;b&gt;&amp;&#39;&#92;", true},
    {"{{ user.html | escape }}", "&lt;b&gt;&amp;&#39;&#92;", false},
    {"{{ user.n }}/{{ user.big }}/{{ user.yes }}", "1200/1e+21/true", true},
    {"{{ user.empty }}.", ".", false},
    {"{{ user.object.x }}", "deep", false},
    {"{{ user.twice }}", "2", false},
    {"{{ user.key }}", "escaped", false},
    {"{{ user.name | upper }}", "TA\\\"RO", false},
    {"{{ user.pad | trim }}", "x", false},
    {"{{ user.pad | trim | upper | lower }}", "x", false},
    {"{{ user.jp | upper }}", "日本", false},
    {"{{ user.acute | upper }}", NULL, false},
    {"{{ user.emoji | length }}", "3", false},
    {"{{ user.list | length }}", "2", false},
    {"{{ user.absent | length }}{{ user.absent | upper }}", "0", false},
    {"{{ user.absent | default(\\\"<x>\\\") }}", "&lt;x&gt;", true},
    {"{{ user.absent | default('a\\\\'\\\\n') }}", "a'\\n", false},
    {"{{ user.empty | default(\\\"x\\\", true) }}", "x", false},
    {"{{ user.empty | default(\\\"x\\\") }}", "", false},
    {"{{ user.pad | trim | default(\\\"y\\\") | upper }}", "X", false},
    {"#{a}#{店名}", "A銀座", false},
    {"#{ a }#{1}#{}#{a b}#", "#{ a }#{1}#{}#{a b}#", false},
    {"{{ user.null }}", "!(unknown path) [Line 1, Column 1]\n  attempted to output null or undefined value",
     false},
    {"x\\n 🎉 {{ user.absent.more }}",
     "!(unknown path) [Line 2, Column 5]\n  attempted to output null or undefined value", false},
    {"{{ user.null | default(\\\"x\\\") }}",
     "!(unknown path) [Line 1, Column 1]\n  attempted to output null or undefined value", false},
    {"{{ user.list }}", NULL, false},
    {"{{ user }}", NULL, false},
    {"{{ user.name.length }}", NULL, false},
    {"{{ user.n | upper }}", NULL, false},
    {"{{ user['name'] }}", NULL, false},
    {"{{ user.constructor }}", NULL, false},
    {"{{ toString }}", NULL, false},
    {"{{ range }}", NULL, false},
    {"{{- a }}", NULL, false},
    {"{% if a %}{% endif %}", NULL, false},
    {"{# x #}", NULL, false},
    {"#}", NULL, false},
    {"{{ a", NULL, false},
    {"{{ a | safe | upper }}", NULL, false},
    {"{{ a | replace('a', 'b') }}", NULL, false},
};

static void test_direct(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[512], want[512], reason[512];
        const char *name = rows[i].html ? "html" : "text";
        struct content *c = NULL;
        struct content_fault fault;
        static struct content_rendered r;
        struct buf out;
        buf_init(&out, 1u << 20);
        (void)snprintf(text, sizeof(text), "{\"%s\":[7,\"%s\"]}", name, rows[i].text);
        assert_int_equal(content_compile(MEDIUM_MAIL, span_of(text), NULL, &c, &fault), ERR_NONE);
        assert_int_equal(content_render(c, span_of(CONTEXT), &out, &r), ERR_NONE);
        if (!rows[i].want) {
            assert_int_equal(r.result, RENDER_NEEDS_ENGINE);
        } else if (rows[i].want[0] == '!') {
            assert_int_equal(r.result, RENDER_NULL);
            assert_string_equal(r.reason, rows[i].want + 1);
            (void)snprintf(reason, sizeof(reason), "%s[1]", name);
            assert_string_equal(r.path, reason);
        } else {
            assert_int_equal(r.result, RENDER_DONE);
            (void)snprintf(want, sizeof(want), "[7,\"%s\"]", rows[i].want);
            struct span got = content_member(&r, name);
            assert_int_equal(got.len, strlen(want));
            assert_memory_equal(got.ptr, want, got.len);
        }
        assert_true(r.result == RENDER_DONE || buf_len(&out) == 0);
        buf_deinit(&out);
        content_unref(c);
    }
}

/* Each as JSON has it, and as JavaScript prints it. */
static const struct {
    const char *json, *want;
} numbers[] = {
    {"0", "0"},
    {"-0", "0"},
    {"-0.0", "0"},
    {"1", "1"},
    {"-1", "-1"},
    {"1.0", "1"},
    {"1.50", "1.5"},
    {"100", "100"},
    {"1e2", "100"},
    {"1E+2", "100"},
    {"123456789012345", "123456789012345"},
    {"1234567890123456", "1234567890123456"},
    {"9007199254740993", "9007199254740992"},
    {"123456789012345678901", "123456789012345680000"},
    {"1e20", "100000000000000000000"},
    {"1e21", "1e+21"},
    {"-1.5e21", "-1.5e+21"},
    {"123e30", "1.23e+32"},
    {"0.1", "0.1"},
    {"0.000001", "0.000001"},
    {"0.0000001", "1e-7"},
    {"0.00000012", "1.2e-7"},
    {"-0.5", "-0.5"},
    {"0.30000000000000004", "0.30000000000000004"},
    {"5e-324", "5e-324"},
    {"1.7976931348623157e308", "1.7976931348623157e+308"},
    {"1e400", "Infinity"},
    {"-1e400", "-Infinity"},
    {"1e-400", "0"},
    {"4.35", "4.35"},
    {"12345.678", "12345.678"},
    {"2.2250738585072014e-308", "2.2250738585072014e-308"},
};

static void test_numbers(void **state)
{
    (void)state;
    char out[PRINT_NUMBER_MAX], longest[PRINT_NUMBER_JSON_MAX + 2];
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_int_equal(print_number(span_of(numbers[i].json), out), strlen(numbers[i].want));
        assert_string_equal(out, numbers[i].want);
    }
    memset(longest, '1', sizeof(longest));
    assert_int_equal(print_number((struct span){longest, PRINT_NUMBER_JSON_MAX + 1}, out), 0);
    assert_int_equal(print_number((struct span){longest, PRINT_NUMBER_JSON_MAX}, out),
                     strlen("1.111111111111111e+126"));
}

static const struct {
    enum medium medium;
    const char *content;
    bool empty;
} left[] = {
    {MEDIUM_MAIL, "{}", true},
    {MEDIUM_MAIL, "{\"subject\":\"x\"}", true},
    {MEDIUM_MAIL, "{\"subject\":\"x\",\"html\":\"\",\"text\":null}", true},
    {MEDIUM_MAIL, "{\"html\":\" \\n\\u3000\\u200b\"}", true},
    {MEDIUM_MAIL, "{\"html\":\"{{ user.empty }}\"}", true},
    {MEDIUM_MAIL, "{\"html\":\"<p>\"}", false},
    {MEDIUM_MAIL, "{\"text\":\"\\u0041\"}", false},
    {MEDIUM_LINE, "{\"messages\":[]}", true},
    {MEDIUM_LINE, "{\"messages\":[{\"type\":\"text\",\"text\":\" {{ user.empty }}\"}]}", true},
    {MEDIUM_LINE, "{\"messages\":[{\"type\":\"sticker\"}]}", false},
    {MEDIUM_LINE, "{\"messages\":[{\"type\":\"text\",\"text\":\"\"},{\"type\":\"text\",\"text\":\"x\"}]}",
     false},
    {MEDIUM_PUSH, "{\"link\":\"x\",\"data\":{}}", true},
    {MEDIUM_PUSH, "{\"body\":\"x\"}", false},
    {MEDIUM_PUSH, "{\"data\":{\"a\":\"b\"}}", false},
    {MEDIUM_BROWSER, "{\"icon\":\"x\",\"title\":\"\"}", true},
    {MEDIUM_BROWSER, "{\"title\":\"x\"}", false},
};

static void test_empty(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
        struct content *c = NULL;
        struct content_fault fault;
        static struct content_rendered r;
        struct buf out;
        buf_init(&out, 1u << 20);
        assert_int_equal(content_compile(left[i].medium, span_of(left[i].content), NULL, &c, &fault),
                         ERR_NONE);
        assert_int_equal(content_render(c, span_of(CONTEXT), &out, &r), ERR_NONE);
        assert_int_equal(r.result, RENDER_DONE);
        assert_int_equal(content_is_empty(left[i].medium, &r), left[i].empty);
        buf_deinit(&out);
        content_unref(c);
    }
}

static void test_kinds(void **state)
{
    (void)state;
    struct content *c = NULL;
    struct content_fault fault;
    assert_int_equal(
        content_compile(MEDIUM_MAIL, SPAN_LIT("{\"a\":\"x { # \\\\\",\"b\":1}"), NULL, &c, &fault), 0);
    assert_true(content_is_constant(c) && content_is_plain(c));
    content_unref(c);
    assert_int_equal(content_compile(MEDIUM_MAIL, SPAN_LIT("{\"a\":\"{{ x }}\"}"), NULL, &c, &fault), 0);
    assert_true(!content_is_constant(c) && content_is_plain(c));
    content_unref(content_ref(c));
    content_unref(c);
    assert_int_equal(content_compile(MEDIUM_MAIL, SPAN_LIT("{\"a\":\"{% x %}\"}"), NULL, &c, &fault), 0);
    assert_true(!content_is_constant(c) && !content_is_plain(c));
    content_unref(c);
}

static void test_too_large(void **state)
{
    (void)state;
    char *text = long_text("{\"text\":\"", "{{ a }}", 2000, "\"}");
    char *context = long_text("{\"a\":\"", "x", 1000, "\"}");
    struct content *c = NULL;
    struct content_fault fault;
    static struct content_rendered r;
    struct buf out;
    buf_init(&out, 8u << 20);
    assert_int_equal(content_compile(MEDIUM_MAIL, span_of(text), NULL, &c, &fault), ERR_NONE);
    assert_int_equal(content_render(c, span_of(context), &out, &r), ERR_NONE);
    assert_int_equal(r.result, RENDER_FAILED);
    assert_string_equal(r.reason, "the message is larger than 1 MiB");
    assert_int_equal(buf_len(&out), 0);
    buf_deinit(&out);
    buf_init(&out, 100);
    assert_int_equal(content_render(c, span_of(context), &out, &r), ERR_LIMIT);
    assert_int_equal(buf_len(&out), 0);
    buf_deinit(&out);
    content_unref(c);
    mem_free(text);
    mem_free(context);
}

static void test_no_memory(void **state)
{
    (void)state;
    const struct span text =
        SPAN_LIT("{\"subject\":\"#{a} {{ user.name | upper | default('x') }}\",\"html\":[\"{{ "
                 "user.html }}\",\"{% if a %}\"],\"x\":\"{{ user.pad | trim | e }}\"}");
    const struct span plain =
        SPAN_LIT("{\"subject\":\"#{a} {{ user.name | upper }}{{ user.pad | trim | e }}\"}");
    for (unsigned long n = 1;; n++) {
        struct content *c = NULL, *p = NULL;
        struct content_fault fault;
        static struct content_rendered r;
        struct buf out;
        buf_init(&out, 1u << 20);
        (void)mem_fail_at(n);
        enum err e = content_compile(MEDIUM_MAIL, text, NULL, &c, &fault);
        e = e ? e : content_compile(MEDIUM_MAIL, plain, NULL, &p, &fault);
        e = e ? e : content_render(p, span_of(CONTEXT), &out, &r);
        bool reached = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_int_equal(e, reached ? ERR_NOMEM : ERR_NONE);
        assert_true(!e || buf_len(&out) == 0);
        buf_deinit(&out);
        content_unref(c);
        content_unref(p);
        if (!reached)
            break;
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_caps),      cmocka_unit_test(test_direct),
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_empty),     cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_too_large), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
