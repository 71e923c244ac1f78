/* Conditions: what each one means for one user, and what is refused with which place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/mem.h"
#include "store/condition.h"

#define NOW INT64_C(1795903200000) /* 2026-11-28T22:00:00Z */

static enum err parse(const char *json, struct condition **ret)
{
    struct condition_fault why;
    return condition_parse(span_of(json), ret, &why);
}

/* What the user of the cases got: campaign 42 five days ago, and one to it that failed. */
static enum err received(void *arg, const struct user *u, const struct condition_received *r,
                         int64_t since_ms, bool *ret)
{
    (void)arg;
    assert_non_null(u);
    *ret = span_eq(r->campaign, SPAN_LIT("42")) &&
           (r->states & (1u << MESSAGE_SENT | 1u << MESSAGE_FAILED)) &&
           NOW - INT64_C(5) * 86400000 >= since_ms;
    return ERR_NONE;
}

static const struct target targets[] = {
    {.medium = MEDIUM_MAIL, .value = {"a@example.com", 13}, .consent = CONSENT_GIVEN},
    {.medium = MEDIUM_LINE, .value = {"U1", 2}, .consent = CONSENT_WITHDRAWN},
    {.medium = MEDIUM_PUSH, .value = {"t1", 2}, .consent = CONSENT_GIVEN, .dropped = {"fcm", 3}},
    {.medium = MEDIUM_PUSH, .value = {"t2", 2}, .consent = CONSENT_UNASKED},
};

static bool matches(const char *attributes, const char *json)
{
    struct condition *c = NULL;
    struct condition_fault why;
    struct user u = {.name = SPAN_LIT("u-1"),
                     .attributes = span_of(attributes),
                     .created_ms = NOW - 3000,
                     .updated_ms = NOW,
                     .targets = targets,
                     .target_count = 4};
    bool ret = false;
    if (condition_parse(span_of(json), &c, &why))
        fail_msg("%s: %s: %s", json, why.path, why.message);
    assert_int_equal(condition_match(c, &u, received, NULL, NOW, &ret), ERR_NONE);
    condition_free(c);
    return ret;
}

#define U                                                                                                    \
    "{\"plan\":\"pro\",\"n\":10,\"r\":0.5,\"r3\":0.30000000000000004,\"big\":9007199254740993,\"yes\":true," \
    "\"null\":null,\"empty\":"                                                                               \
    "\"\",\"tags\":[\"a\",1,true,[\"b\"]],\"o\":{\"p\":{\"q\":\"\\u65e5\\u672c\"},\"a.b\":1},\"at\":\"2026-" \
    "11-28T09:00:00+09:00\",\"day\":\"2026-11-28\",\"bad\":\"2026-02-30\",\"\\u0061\":\"escaped\",\"d\":1,"  \
    "\"d\":2,\"nul\":\"a\\u0000b\"}"

static void meanings(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        bool want;
    } rows[] = {
        {"{\"all\":[]}", true},
        {"{\"attribute\":\"plan\",\"is\":\"pro\"}", true},
        {"{\"attribute\":\"plan\",\"is\":\"Pro\"}", false},
        {"{\"attribute\":\"plan\",\"isNot\":\"pro\"}", false},
        {"{\"attribute\":\"none\",\"is\":\"pro\"}", false},
        {"{\"attribute\":\"none\",\"isNot\":\"pro\"}", true},
        {"{\"attribute\":\"null\",\"isNot\":\"pro\"}", true},
        {"{\"attribute\":\"null\",\"exists\":true}", false},
        {"{\"attribute\":\"none\",\"exists\":false}", true},
        {"{\"attribute\":\"empty\",\"exists\":true}", true},
        {"{\"attribute\":\"tags\",\"exists\":true}", true},
        {"{\"attribute\":\"n\",\"is\":10}", true},
        {"{\"attribute\":\"n\",\"is\":1e1}", true},
        {"{\"attribute\":\"r3\",\"is\":0.3}", false},
        {"{\"attribute\":\"n\",\"is\":\"10\"}", false},
        {"{\"attribute\":\"yes\",\"is\":1}", false},
        {"{\"attribute\":\"yes\",\"is\":true}", true},
        {"{\"attribute\":\"yes\",\"isNot\":false}", true},
        {"{\"attribute\":\"big\",\"is\":9007199254740992}", false},
        {"{\"attribute\":\"big\",\"is\":9007199254740992.0}", false},
        {"{\"attribute\":\"big\",\"above\":9007199254740992.0}", true},
        {"{\"attribute\":\"big\",\"in\":[1,\"x\",9007199254740993]}", true},
        {"{\"attribute\":\"plan\",\"in\":[]}", false},
        {"{\"attribute\":\"none\",\"in\":[1]}", false},
        {"{\"attribute\":\"n\",\"above\":9.9}", true},
        {"{\"attribute\":\"n\",\"above\":10}", false},
        {"{\"attribute\":\"n\",\"atLeast\":10}", true},
        {"{\"attribute\":\"n\",\"below\":10.5}", true},
        {"{\"attribute\":\"n\",\"atMost\":9}", false},
        {"{\"attribute\":\"n\",\"above\":\"\"}", false},      /* a number has no order with a text, */
        {"{\"attribute\":\"n\",\"below\":\"9\"}", false},     /* whichever way one asks */
        {"{\"attribute\":\"plan\",\"above\":\"PRO\"}", true}, /* bytes: small letters come later */
        {"{\"attribute\":\"plan\",\"atMost\":\"pro\"}", true},
        {"{\"attribute\":\"plan\",\"contains\":\"r\"}", true},
        {"{\"attribute\":\"plan\",\"contains\":\"\"}", true},
        {"{\"attribute\":\"empty\",\"startsWith\":\"\"}", true},
        {"{\"attribute\":\"n\",\"contains\":\"1\"}", false},
        {"{\"attribute\":\"plan\",\"startsWith\":\"pro\"}", true},
        {"{\"attribute\":\"plan\",\"startsWith\":\"prod\"}", false},
        {"{\"attribute\":\"plan\",\"endsWith\":\"ro\"}", true},
        {"{\"attribute\":\"tags\",\"contains\":\"a\"}", true},
        {"{\"attribute\":\"tags\",\"contains\":1.0}", true},
        {"{\"attribute\":\"tags\",\"contains\":true}", true},
        {"{\"attribute\":\"tags\",\"contains\":\"b\"}", false}, /* it lies deeper */
        {"{\"attribute\":\"tags\",\"is\":\"a\"}", false},
        {"{\"attribute\":\"tags\",\"isNot\":\"a\"}", true},
        {"{\"attribute\":\"o.p.q\",\"is\":\"日本\"}", true},
        {"{\"attribute\":[\"o\",\"a.b\"],\"is\":1}", true},
        {"{\"attribute\":\"o.a.b\",\"is\":1}", false},
        {"{\"attribute\":\"o.p\",\"exists\":true}", true},
        {"{\"attribute\":\"plan.x\",\"exists\":true}", false},
        {"{\"attribute\":\"a\",\"is\":\"escaped\"}", true},
        {"{\"attribute\":\"d\",\"is\":1}", true}, /* the first of two */
        {"{\"attribute\":\"nul\",\"is\":\"a\\u0000b\"}", true},
        {"{\"attribute\":\"nul\",\"is\":\"a\"}", false},
        {"{\"attribute\":\"nul\",\"endsWith\":\"b\"}", true},
        {"{\"attribute\":\"at\",\"before\":\"2026-11-28T00:00:00.001Z\"}", true},
        {"{\"attribute\":\"at\",\"before\":\"2026-11-28T00:00:00Z\"}", false}, /* it is the same */
        {"{\"attribute\":\"at\",\"after\":\"2026-11-27\"}", true},
        {"{\"attribute\":\"day\",\"after\":{\"days\":-1}}", true},
        {"{\"attribute\":\"day\",\"after\":{\"days\":0}}", false},
        {"{\"attribute\":\"bad\",\"before\":\"2030-01-01\"}", false},
        {"{\"attribute\":\"n\",\"after\":\"1970-01-01\"}", false},
        {"{\"target\":\"email\",\"subscribed\":true}", true},
        {"{\"target\":\"email\",\"subscribed\":false}", false},
        {"{\"target\":\"line\",\"subscribed\":false}", true},
        {"{\"target\":\"app\",\"subscribed\":true}", false}, /* that one is dropped */
        {"{\"target\":\"app\",\"subscribed\":\"unasked\"}", true},
        {"{\"target\":\"app\",\"dropped\":true}", true},
        {"{\"target\":\"email\",\"dropped\":false}", true},
        {"{\"target\":\"browser\",\"exists\":false}", true},
        {"{\"target\":\"line\",\"exists\":true}", true},
        {"{\"received\":{\"campaign\":\"42\"}}", true},
        {"{\"received\":{\"campaign\":\"43\"}}", false},
        {"{\"received\":{\"campaign\":\"42\",\"days\":7}}", true},
        {"{\"received\":{\"campaign\":\"42\",\"days\":4}}", false},
        {"{\"received\":{\"campaign\":\"42\",\"state\":\"delivered\"}}", false},
        {"{\"received\":{\"campaign\":\"42\",\"state\":[\"delivered\",\"failed\"]}}", true},
        {"{\"userId\":{\"is\":\"u-1\"}}", true},
        {"{\"userId\":{\"in\":[\"u-2\",\"u-1\"]}}", true},
        {"{\"userId\":{\"startsWith\":\"u\"}}", true},
        {"{\"created\":{\"before\":{\"days\":0}}}", true},
        {"{\"updated\":{\"before\":{\"days\":0}}}", false},
        {"{\"created\":{\"after\":\"2026-11-28T00:00:00Z\"}}", true},
        {"{\"not\":{\"attribute\":\"none\",\"is\":1}}", true},
        {"{\"not\":{\"not\":{\"all\":[]}}}", true},
        {"{\"any\":[{\"attribute\":\"n\",\"is\":1},{\"attribute\":\"n\",\"is\":10}]}", true},
        {"{\"all\":[{\"attribute\":\"n\",\"is\":10},{\"any\":[{\"attribute\":\"plan\",\"is\":1},{"
         "\"attribute\":\"yes\",\"is\":true}]}]}",
         true},
        {"{\"all\":[{\"attribute\":\"n\",\"is\":10},{\"not\":{\"all\":[]}}]}", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (matches(U, rows[i].json) != rows[i].want)
            fail_msg("%s", rows[i].json);
    assert_false(matches("{}", "{\"attribute\":\"n\",\"exists\":true}"));
    assert_false(matches("12", "{\"attribute\":\"n\",\"exists\":true}")); /* nobody may have written this */
    assert_false(matches("{\"n\":1", "{\"attribute\":\"n\",\"exists\":true}"));
}

static void dates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t want; /* -1: refused */
    } rows[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t09:00:00.0019z", 32400001},
        {"1970-01-01 09:00+09:00", 0},
        {"2000-02-29", 951782400000},
        {"2026-11-28T22:00:00Z", NOW},
        {"2026-11-28T22:00:60Z", NOW + 60000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"", -1},
        {"1970", -1},
        {"1970-1-1", -1},
        {"1900-02-29", -1},
        {"2026-13-01", -1},
        {"2026-00-01", -1},
        {"2026-01-00", -1},
        {"0000-01-01", -1},
        {"2026-11-28T", -1},
        {"2026-11-28T22:00:00", -1},
        {"2026-11-28T24:00:00Z", -1},
        {"2026-11-28T22:60:00Z", -1},
        {"2026-11-28T22:00:00.Z", -1},
        {"2026-11-28T22:00:00+0900", -1},
        {"2026-11-28T22:00:00+24:00", -1},
        {"2026-11-28T22:00:00Zx", -1},
        {"2026-11-28x", -1},
        {"1795903200000", -1},
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum err e = condition_moment(span_of(rows[i].text), &ms);
        if (e != (rows[i].want == -1 ? ERR_INVALID : ERR_NONE) || (!e && ms != rows[i].want))
            fail_msg("%s", rows[i].text);
    }
    assert_int_equal(condition_moment(SPAN_LIT("1969-12-31T23:59:59.999Z"), &ms), ERR_NONE);
    assert_int_equal(ms, -1);
    assert_int_equal(condition_moment(SPAN_LIT("0001-01-01"), &ms), ERR_NONE);
    assert_int_equal(ms, INT64_C(-62135596800000));
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        const char *json, *path, *message;
    } rows[] = {
        {"", "", "empty"},
        {"{", "", "ends"},
        {"[]", "", "exactly one of all, any, not"},
        {"1", "", "exactly one of"},
        {"{}", "", "exactly one of"},
        {"{\"all\":[{\"atribute\":\"a\",\"is\":1}]}", "all[0]", "exactly one of"},
        {"{\"all\":1}", "all", "must be a list of conditions"},
        {"{\"any\":[]}", "any", "would match nobody"},
        {"{\"all\":[],\"any\":[]}", "", "exactly one of"},
        {"{\"all\":[],\"all\":[]}", "", "exactly one of"},
        {"{\"all\":[],\"x\":1}", "", "members beside"},
        {"{\"not\":[]}", "not", "exactly one of"},
        {"{\"all\":[{\"all\":[]},{\"attribute\":1,\"is\":1}]}", "all[1].attribute",
         "must be the attribute's name"},
        {"{\"attribute\":\"\",\"is\":1}", "attribute", "empty"},
        {"{\"attribute\":\"a..b\",\"is\":1}", "attribute", "empty"},
        {"{\"attribute\":\"a.\",\"is\":1}", "attribute", "empty"},
        {"{\"attribute\":[],\"is\":1}", "attribute", "is empty"},
        {"{\"attribute\":[\"a\",1],\"is\":1}", "attribute", "list of texts"},
        {"{\"attribute\":[\"a\\u0000\"],\"is\":1}", "attribute", "U+0000"},
        {"{\"attribute\":\"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q\",\"is\":1}", "attribute", "more than 16 names"},
        {"{\"attribute\":\"a\"}", "", "has no operator: exactly one of is, isNot"},
        {"{\"attribute\":\"a\",\"equals\":1}", "equals", "is no operator"},
        {"{\"attribute\":\"a\",\"is\":1,\"in\":[1]}", "", "two operators"},
        {"{\"attribute\":\"a\",\"is\":1,\"is\":1}", "", "two operators"},
        {"{\"attribute\":\"a\",\"is\":null}", "is", "null is no value"},
        {"{\"attribute\":\"a\",\"is\":[1]}", "is", "must be a text, a number, true or false"},
        {"{\"attribute\":\"a\",\"in\":1}", "in", "must be a list"},
        {"{\"attribute\":\"a\",\"in\":[1,{}]}", "in[1]", "must be a text, a number"},
        {"{\"attribute\":\"a\",\"startsWith\":1}", "startsWith", "must be a text"},
        {"{\"attribute\":\"a\",\"above\":true}", "above", "must be a number or a text"},
        {"{\"attribute\":\"a\",\"exists\":1}", "exists", "must be true or false"},
        {"{\"attribute\":\"a\",\"before\":\"soon\"}", "before", "must be a date"},
        {"{\"attribute\":\"a\",\"before\":7}", "before", "must be a date"},
        {"{\"attribute\":\"a\",\"before\":{\"hours\":7}}", "before", "{\"days\":N}"},
        {"{\"attribute\":\"a\",\"before\":{\"days\":7,\"x\":1}}", "before", "{\"days\":N}"},
        {"{\"attribute\":\"a\",\"before\":{\"days\":1.5}}", "before.days", "whole number"},
        {"{\"target\":\"fax\",\"exists\":true}", "target", "email, line, app or browser"},
        {"{\"target\":\"app\"}", "", "exactly one of subscribed, exists and dropped"},
        {"{\"target\":\"app\",\"exists\":true,\"dropped\":true}", "", "exactly one of"},
        {"{\"target\":\"app\",\"subscribed\":\"maybe\"}", "subscribed", "unasked"},
        {"{\"target\":\"app\",\"exists\":1}", "exists", "true or false"},
        {"{\"target\":\"app\",\"is\":1}", "is", "none of"},
        {"{\"received\":\"42\"}", "received", "must be an object with the campaign"},
        {"{\"received\":{\"days\":7}}", "received", "must be an object with the campaign"},
        {"{\"received\":{\"campaign\":42}}", "received.campaign", "must be the id"},
        {"{\"received\":{\"campaign\":\"\"}}", "received.campaign", "must be the id"},
        {"{\"received\":{\"campaign\":\"a\",\"campaign\":\"b\"}}", "received", "twice"},
        {"{\"received\":{\"campaign\":\"a\",\"days\":0}}", "received.days", "from 1"},
        {"{\"received\":{\"campaign\":\"a\",\"state\":\"lost\"}}", "received.state", "sent, delivered"},
        {"{\"received\":{\"campaign\":\"a\",\"state\":[]}}", "received.state", "nobody"},
        {"{\"received\":{\"campaign\":\"a\",\"since\":1}}", "received.since", "none of"},
        {"{\"userId\":\"a\"}", "userId", "must be an object"},
        {"{\"userId\":{\"is\":1}}", "userId", "texts only"},
        {"{\"userId\":{\"above\":\"a\"}}", "userId.above", "is no operator: exactly one of is, isNot, in"},
        {"{\"created\":{\"is\":\"2026-11-28\"}}", "created.is", "before, after"},
        {"{\"attribute\":\"a\",\"is\":\"\\ud800\"}", "is", "surrogate"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct condition *c = NULL;
        struct condition_fault why;
        if (condition_parse(span_of(rows[i].json), &c, &why) != ERR_INVALID || c ||
            strcmp(why.path, rows[i].path) != 0 || !strstr(why.message, rows[i].message))
            fail_msg("%s: path '%s', '%s'", rows[i].json, why.path, why.message);
    }
}

/* The same text n times, and what stands around it. */
static char *repeat(const char *before, const char *text, size_t n, const char *after)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    assert_int_equal(buf_add_str(&b, before), ERR_NONE);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(buf_add_str(&b, text), ERR_NONE);
    assert_int_equal(buf_add_str(&b, after), ERR_NONE);
    return buf_steal(&b);
}

static enum err sized(const char *before, const char *text, size_t n, const char *after, const char *end,
                      size_t ends, struct condition_fault *why)
{
    struct condition *c = NULL;
    AUTO_FREE char *tail = repeat("", end, ends, "");
    AUTO_FREE char *head = repeat(before, text, n, after);
    AUTO_FREE char *all = repeat(head, tail, 1, "");
    enum err e = condition_parse(span_of(all), &c, why);
    condition_free(c);
    return e;
}

static void sizes(void **state)
{
    (void)state;
    struct condition_fault why;
    assert_int_equal(sized("", "{\"not\":", 15, "{\"all\":[]}", "}", 15, &why), ERR_NONE);
    assert_int_equal(sized("", "{\"not\":", 16, "{\"all\":[]}", "}", 16, &why), ERR_INVALID);
    assert_non_null(strstr(why.message, "at most 16"));
    assert_int_equal(sized("{\"all\":[", "{\"all\":[]},", 254, "{\"all\":[]}]}", "", 0, &why), ERR_NONE);
    assert_int_equal(sized("{\"all\":[", "{\"all\":[]},", 255, "{\"all\":[]}]}", "", 0, &why), ERR_INVALID);
    assert_non_null(strstr(why.message, "at most 256"));
    assert_string_equal(why.path, "all[255]");
    assert_int_equal(sized("{\"attribute\":\"a\",\"in\":[", "1,", 8000, "1]}", "", 0, &why), ERR_NONE);
    assert_int_equal(sized("{\"attribute\":\"a\",\"in\":[", "1,", 9000, "1]}", "", 0, &why), ERR_INVALID);
    assert_non_null(strstr(why.message, "16384 bytes"));
    /* A name of any length has no room in the path, and harms nothing. */
    assert_int_equal(sized("{\"attribute\":\"a\",\"", "x", 10000, "\":1}", "", 0, &why), ERR_INVALID);
    assert_string_equal(why.path, "");
}

static void memory(void **state)
{
    (void)state;
    static const char *const json = "{\"all\":[{\"attribute\":\"o.p.q\",\"in\":[\"x\",\"\\u65e5\\u672c\"]},{"
                                    "\"received\":{\"campaign\":\"42\",\"days\":7}},"
                                    "{\"attribute\":[\"nul\"],\"endsWith\":\"b\"},{\"not\":{\"attribute\":"
                                    "\"tags\",\"contains\":\"\\u0062\"}}]}";
    struct user u = {.name = SPAN_LIT("u"), .attributes = SPAN_LIT(U)};
    struct condition_fault why;
    for (unsigned long n = 1;; n++) {
        struct condition *c = NULL;
        bool ret = false;
        (void)mem_fail_at(n);
        enum err e = condition_parse(span_of(json), &c, &why);
        if (!e)
            e = condition_match(c, &u, received, NULL, NOW, &ret);
        int hit = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_int_equal(e, hit ? ERR_NOMEM : ERR_NONE);
        assert_int_equal(ret, !e);
        condition_free(c);
        if (!e)
            break;
        assert_true(n < 100);
    }
}

static void campaigns(void **state)
{
    (void)state;
    struct condition *c = NULL;
    assert_int_equal(parse("{\"all\":[{\"received\":{\"campaign\":\"x\"}},{\"not\":{\"received\":{"
                           "\"campaign\":\"y\",\"days\":3}}}]}",
                           &c),
                     ERR_NONE);
    const struct condition_received *r = c->received;
    assert_non_null(r);
    assert_string_equal(r->place, "all[0].received.campaign");
    assert_int_equal(r->days, 0);
    r = r->next;
    assert_non_null(r);
    assert_string_equal(r->place, "all[1].not.received.campaign");
    assert_int_equal(r->days, 3);
    assert_null(r->next);
    struct user u = {.name = SPAN_LIT("u"), .attributes = SPAN_LIT("{}")};
    bool ret;
    assert_int_equal(condition_match(c, &u, NULL, NULL, NOW, &ret), ERR_INTERNAL);
    condition_free(c);
    assert_int_equal(condition_match(NULL, &u, NULL, NULL, NOW, &ret), ERR_NONE);
    assert_true(ret);
    condition_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meanings), cmocka_unit_test(dates),  cmocka_unit_test(refusals),
        cmocka_unit_test(sizes),    cmocka_unit_test(memory), cmocka_unit_test(campaigns),
    };
    return cmocka_run_group_tests_name("condition", tests, NULL, NULL);
}
