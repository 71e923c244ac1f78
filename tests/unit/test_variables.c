/* Declared variables: what is taken, what is refused and with which words, and the context of one user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "campaign/variables.h"

static struct json_value checked(const char *json)
{
    assert_int_equal(json_check(span_of(json), JSON_DEPTH, &(size_t){0}), ERR_NONE);
    return json_root(span_of(json));
}

static const struct {
    const char *declared, *path, *message;
} wrong[] = {
    {"{}", "variables", "must be an array"},
    {"[1]", "variables[0]", "must be an object"},
    {"[{\"name\":\"a\"},{}]", "variables[1].name", "is missing"},
    {"[{\"name\":3}]", "variables[0].name", "must be a string"},
    {"[{\"name\":\"\"}]", "variables[0].name", "must be letters, digits and _, and not begin with a digit"},
    {"[{\"name\":\"1a\"}]", "variables[0].name", "must be letters, digits and _, and not begin with a digit"},
    {"[{\"name\":\"a b\"}]", "variables[0].name",
     "must be letters, digits and _, and not begin with a digit"},
    {"[{\"name\":\"a\\\"b\"}]", "variables[0].name",
     "must be letters, digits and _, and not begin with a digit"},
    {"[{\"name\":\"a.b\"}]", "variables[0].name",
     "must be letters, digits and _, and not begin with a digit"},
    {"[{\"name\":\"a\\u00a0\"}]", "variables[0].name",
     "must be letters, digits and _, and not begin with a digit"},
    {"[{\"name\":\"\\u3000\"}]", "variables[0].name",
     "must be letters, digits and _, and not begin with a digit"},
    {"[{\"name\":\"user\"}]", "variables[0].name", "\"user\" has another meaning in templates"},
    {"[{\"name\":\"if\"}]", "variables[0].name", "\"if\" has another meaning in templates"},
    {"[{\"name\":\"__proto__\"}]", "variables[0].name", "\"__proto__\" has another meaning in templates"},
    {"[{\"name\":\"a\"},{\"name\":\"\\u0061\"}]", "variables[1].name", "\"a\" is declared twice"},
    {"[{\"name\":\"a\",\"attribute\":1}]", "variables[0].attribute", "must be a string"},
    {"[{\"name\":\"a\",\"attribute\":\"\"}]", "variables[0].attribute",
     "must be the name of an attribute, or names with a dot between them"},
    {"[{\"name\":\"a\",\"attribute\":\"x..y\"}]", "variables[0].attribute",
     "must be the name of an attribute, or names with a dot between them"},
    {"[{\"name\":\"a\",\"attribute\":\".x\"}]", "variables[0].attribute",
     "must be the name of an attribute, or names with a dot between them"},
    {"[{\"name\":\"a\",\"attribute\":\"x.\"}]", "variables[0].attribute",
     "must be the name of an attribute, or names with a dot between them"},
    {"[{\"name\":\"a\",\"whenMissing\":\"\"}]", "variables[0].whenMissing",
     "must be \"fail\", \"default\" or \"skip\""},
    {"[{\"name\":\"a\",\"whenMissing\":true}]", "variables[0].whenMissing",
     "must be \"fail\", \"default\" or \"skip\""},
    {"[{\"name\":\"a\",\"whenMissing\":\"default\"}]", "variables[0].whenMissing",
     "is \"default\", but there is no default"},
    {"[{\"name\":\"a\",\"default\":null,\"whenMissing\":\"default\"}]", "variables[0].whenMissing",
     "is \"default\", but there is no default"},
    {"[{\"name\":\"a\",\"defualt\":1}]", "variables[0]", "\"defualt\" is no field of a variable"},
    {"[{\"name\":\"a\",\"name\":\"b\"}]", "variables[0]", "has a field twice"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct variables *v = NULL;
        struct variables_fault fault;
        assert_int_equal(variables_parse(checked(wrong[i].declared), &v, &fault), ERR_INVALID);
        assert_null(v);
        assert_string_equal(fault.path, wrong[i].path);
        assert_string_equal(fault.message, wrong[i].message);
    }
}

static void test_caps(void **state)
{
    (void)state;
    char json[16384];
    size_t n = (size_t)snprintf(json, sizeof(json), "[");
    struct variables *v = NULL;
    struct variables_fault fault;
    for (unsigned i = 0; i <= VARIABLES_MAX; i++)
        n += (size_t)snprintf(json + n, sizeof(json) - n, "%s{\"name\":\"v%u\"}", i ? "," : "", i);
    (void)snprintf(json + n, sizeof(json) - n, "]");
    assert_int_equal(variables_parse(checked(json), &v, &fault), ERR_LIMIT);
    assert_string_equal(fault.message, "has more than 64 elements");
    (void)snprintf(json, sizeof(json), "[{\"name\":\"%065d\"}]", 0);
    assert_int_equal(variables_parse(checked(json), &v, &fault), ERR_LIMIT);
    assert_string_equal(fault.path, "variables[0].name");
    (void)snprintf(json, sizeof(json), "[{\"name\":\"a\",\"attribute\":\"%0257d\"}]", 0);
    assert_int_equal(variables_parse(checked(json), &v, &fault), ERR_LIMIT);
    assert_string_equal(fault.path, "variables[0].attribute");
    (void)snprintf(json, sizeof(json), "[{\"name\":\"a\",\"default\":\"%04097d\"}]", 0);
    assert_int_equal(variables_parse(checked(json), &v, &fault), ERR_LIMIT);
    assert_string_equal(fault.path, "variables[0].default");
    assert_null(v);
}

static const struct {
    const char *declared, *attributes, *context; /* context NULL: no_value; "": skip */
} users[] = {
    {"null", "{\"a\":1}", "{\"user\":{\"a\":1}}"},
    {"[]", "", "{\"user\":{}}"},
    {"[{\"name\":\"a\"}]", "{\"a\":\"x\"}", "{\"user\":{\"a\":\"x\"},\"a\":\"x\"}"},
    {"[{\"name\":\"a\"}]", "{\"b\":\"x\"}", NULL},
    {"[{\"name\":\"a\"}]", "{\"a\":null}", NULL},
    {"[{\"name\":\"a\"}]", "{\"a\":\"\"}", "{\"user\":{\"a\":\"\"},\"a\":\"\"}"},
    {"[{\"name\":\"a\"}]", "{\"a\":0}", "{\"user\":{\"a\":0},\"a\":0}"},
    {"[{\"name\":\"a\"}]", "{\"a\":false}", "{\"user\":{\"a\":false},\"a\":false}"},
    {"[{\"name\":\"a\"}]", "{\"a\":[1,{}]}", "{\"user\":{\"a\":[1,{}]},\"a\":[1,{}]}"},
    {"[{\"name\":\"a\"}]", "{\"a\":1,\"a\":2}", "{\"user\":{\"a\":1,\"a\":2},\"a\":2}"},
    {"[{\"name\":\"a\"}]", "{\"a\":1,\"a\":null}", NULL},
    {"[{\"name\":\"a\"}]", "{\"\\u0061\":3}", "{\"user\":{\"\\u0061\":3},\"a\":3}"},
    {"[{\"name\":\"a\",\"attribute\":\"b\"}]", "{\"a\":1,\"b\":2}", "{\"user\":{\"a\":1,\"b\":2},\"a\":2}"},
    {"[{\"name\":\"a\",\"attribute\":\"b.c\"}]", "{\"b\":{\"c\":\"d\"}}",
     "{\"user\":{\"b\":{\"c\":\"d\"}},\"a\":\"d\"}"},
    {"[{\"name\":\"a\",\"attribute\":\"b.c\"}]", "{\"b.c\":1,\"b\":{\"c\":2}}",
     "{\"user\":{\"b.c\":1,\"b\":{\"c\":2}},\"a\":1}"},
    {"[{\"name\":\"a\",\"attribute\":\"b.c\"}]", "{\"b\":{\"d\":1}}", NULL},
    {"[{\"name\":\"a\",\"attribute\":\"b.c\"}]", "{\"b\":\"text\"}", NULL},
    {"[{\"name\":\"a\",\"attribute\":\"b.c\"}]", "{\"b\":[1]}", NULL},
    {"[{\"name\":\"a\",\"default\":\"x\"}]", "{}", "{\"user\":{},\"a\":\"x\"}"},
    {"[{\"name\":\"a\",\"default\":\"\"}]", "{}", "{\"user\":{},\"a\":\"\"}"},
    {"[{\"name\":\"a\",\"default\":0}]", "{\"a\":null}", "{\"user\":{\"a\":null},\"a\":0}"},
    {"[{\"name\":\"a\",\"default\":\"x\"}]", "{\"a\":\"\"}", "{\"user\":{\"a\":\"\"},\"a\":\"\"}"},
    {"[{\"name\":\"a\",\"default\":\"x\",\"whenMissing\":\"default\"}]", "{}", "{\"user\":{},\"a\":\"x\"}"},
    {"[{\"name\":\"a\",\"default\":\"x\",\"whenMissing\":\"fail\"}]", "{}", NULL},
    {"[{\"name\":\"a\",\"whenMissing\":\"fail\"}]", "{}", NULL},
    {"[{\"name\":\"a\",\"whenMissing\":\"skip\"}]", "{}", ""},
    {"[{\"name\":\"a\",\"whenMissing\":\"skip\"}]", "{\"a\":\"\"}", "{\"user\":{\"a\":\"\"},\"a\":\"\"}"},
    {"[{\"name\":\"a\",\"whenMissing\":\"skip\"},{\"name\":\"b\"}]", "{\"b\":1}", ""},
    {"[{\"name\":\"店名\",\"attribute\":\"店\"}]", "{\"店\":\"銀座\"}",
     "{\"user\":{\"店\":\"銀座\"},\"店名\":\"銀座\"}"},
};

static void test_context(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        struct variables *v = NULL;
        struct variables_fault fault;
        struct variables_outcome outcome;
        struct buf out;
        buf_init(&out, 1u << 20);
        assert_int_equal(buf_add_str(&out, "before"), ERR_NONE);
        assert_int_equal(variables_parse(checked(users[i].declared), &v, &fault), ERR_NONE);
        assert_int_equal(variables_context(v, span_of(users[i].attributes), &out, &outcome), ERR_NONE);
        const char *want = users[i].context;
        assert_int_equal(outcome.result, !want   ? VARIABLES_NO_VALUE
                                         : *want ? VARIABLES_READY
                                                 : VARIABLES_SKIP);
        assert_int_equal(buf_add(&out, "", 1), ERR_NONE);
        assert_string_equal(buf_span(&out).ptr + strlen("before"), want ? want : "");
        assert_true(outcome.result == VARIABLES_READY ? !outcome.missing : outcome.missing != NULL);
        buf_deinit(&out);
        variables_free(v);
    }
}

static void test_not_an_object(void **state)
{
    (void)state;
    struct variables_outcome outcome;
    struct buf out;
    buf_init(&out, 1u << 20);
    assert_int_equal(variables_context(NULL, span_of("[1]"), &out, &outcome), ERR_INVALID);
    assert_int_equal(buf_len(&out), 0);
    buf_init(&out, 12);
    assert_int_equal(variables_context(NULL, span_of("{\"a\":1}"), &out, &outcome), ERR_LIMIT);
    assert_int_equal(buf_len(&out), 0);
    buf_deinit(&out);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct json_value declared =
        checked("[{\"name\":\"a\"},{\"name\":\"b\",\"attribute\":\"c.d\",\"default\":[1]}]");
    for (unsigned long n = 1;; n++) {
        struct variables *v = NULL;
        struct variables_fault fault;
        struct variables_outcome outcome;
        struct buf out;
        buf_init(&out, 1u << 20);
        (void)mem_fail_at(n);
        enum err e = variables_parse(declared, &v, &fault);
        e = e ? e : variables_context(v, span_of("{\"a\":1}"), &out, &outcome);
        bool reached = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_int_equal(e, reached ? ERR_NOMEM : ERR_NONE);
        assert_true(!e || buf_len(&out) == 0);
        buf_deinit(&out);
        variables_free(v);
        if (!reached)
            break;
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_caps),
        cmocka_unit_test(test_context),   cmocka_unit_test(test_not_an_object),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
