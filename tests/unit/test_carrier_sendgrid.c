/* What leaves for SendGrid, and which mail does not. */
#include "carrier_fixture.h"

#define KEY "{\"apiKey\":\"SG.a-b_c\"}"
#define FROM "{\"from\":{\"email\":\"news@example.com\",\"name\":\"Example \\\"News\\\"\"}}"

static void one_mail(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_SENDGRID, FROM, KEY);
    struct carrier_content content[3];
    const char *const texts[] = {"html",    "\"<p>Hi &amp; \\u3042</p>\"",
                                 "subject", "\"\\n Spring\\n  sale  now \\r\\n\"",
                                 "text",    "\"Hi\""};
    struct parcel p = fixture_parcel("a\"b@example.net", content, fixture_content(content, 3, texts));
    p.unsubscribe_url = SPAN_LIT("https://todoke.example/u/abc?x=1");
    struct carrier_request r;
    struct carrier_fault why;
    char value[64];
    carrier_request_init(&r);
    assert_int_equal(carrier_build(c, &p, 1, 0, &r, &why), ERR_NONE);
    fixture_is(r.url, "https://api.sendgrid.com/v3/mail/send");
    assert_string_equal(r.method, "POST");
    assert_string_equal(fixture_header(&r, "authorization", value, sizeof(value)), "Bearer SG.a-b_c");
    assert_string_equal(fixture_header(&r, "content-type", value, sizeof(value)), "application/json");
    fixture_is(
        buf_span(&r.body),
        "{\"personalizations\":[{\"to\":[{\"email\":\"a\\\"b@example.net\"}],\"custom_args\":{\"todoke_job\":"
        "\"7\","
        "\"todoke_message\":\"1\"},\"headers\":{\"List-Unsubscribe\":\"<https://todoke.example/u/abc?x=1>\","
        "\"List-Unsubscribe-Post\":\"List-Unsubscribe=One-Click\"}}],\"from\":{\"email\":\"news@example."
        "com\","
        "\"name\":\"Example \\\"News\\\"\"},\"subject\":\"Spring sale  "
        "now\",\"content\":[{\"type\":\"text/plain\","
        "\"value\":\"Hi\"},{\"type\":\"text/html\",\"value\":\"<p>Hi &amp; "
        "\\u3042</p>\"}],\"categories\":[\"spring\"]}");
    carrier_request_deinit(&r);
    carrier_free(c);
}

static void a_thousand(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_SENDGRID, FROM, KEY);
    struct carrier_content content[2];
    const char *const texts[] = {"subject", "\"S\"", "html", "\"<p>\""};
    struct parcel *p = calloc(1001, sizeof(*p));
    assert_non_null(p);
    for (size_t i = 0; i < 1001; i++) {
        p[i] = fixture_parcel("a@example.net", content, fixture_content(content, 2, texts));
        p[i].n = (int64_t)i + 1;
    }
    struct carrier_request r;
    struct carrier_fault why;
    carrier_request_init(&r);
    assert_int_equal(carrier_batch(c, true), 1000);
    assert_int_equal(carrier_batch(c, false), 1);
    assert_int_equal(carrier_build(c, p, 1000, 0, &r, &why), ERR_NONE);
    assert_int_equal(json_check(buf_span(&r.body), JSON_DEPTH, NULL), ERR_NONE);
    struct json_value people, person, args, n;
    assert_int_equal(json_find(json_root(buf_span(&r.body)), "personalizations", &people), ERR_NONE);
    struct json_iter it = json_elements(people);
    size_t count = 0;
    while (json_next_element(&it, &person)) {
        char want[24];
        (void)snprintf(want, sizeof(want), "%zu", ++count);
        assert_int_equal(json_find(person, "custom_args", &args), ERR_NONE);
        assert_int_equal(json_find(args, "todoke_message", &n), ERR_NONE);
        assert_true(json_string_is(n, want));
        assert_int_equal(json_find(person, "headers", &n), ERR_NOT_FOUND);
    }
    assert_int_equal(count, 1000);
    assert_int_equal(carrier_build(c, p, 1001, 0, &r, &why), ERR_INTERNAL);
    carrier_request_deinit(&r);
    carrier_free(c);
    free(p);
}

static void too_large(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_SENDGRID, FROM, KEY);
    size_t size = 31u << 20;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    text[0] = text[size - 1] = '"';
    struct carrier_content content[2] = {{SPAN_LIT("subject"), SPAN_LIT("\"S\"")},
                                         {SPAN_LIT("html"), {text, size}}};
    struct parcel p = fixture_parcel("a@example.net", content, 2);
    struct carrier_request r;
    struct carrier_fault why;
    carrier_request_init(&r);
    assert_int_equal(carrier_build(c, &p, 1, 0, &r, &why), ERR_LIMIT);
    assert_string_equal(why.property, "content");
    assert_non_null(strstr(why.message, "too large"));
    carrier_request_deinit(&r);
    carrier_free(c);
    free(text);
}

static void bad_content(void **state)
{
    (void)state;
    static const struct fixture_bad_content rows[] = {
        {{"html", "\"x\""}, "subject", "is missing"},
        {{"subject", "\"\"", "html", "\"x\""}, "subject", "is missing"},
        {{"subject", "\" \\n\\t\"", "html", "\"x\""}, "subject", "is missing"},
        {{"subject", "5", "html", "\"x\""}, "subject", "must be a text"},
        {{"subject", "\"s\""}, "html", "is missing"},
        {{"subject", "\"s\"", "html", "\"\"", "text", "null"}, "html", "is missing"},
        {{"subject", "\"s\"", "html", "\" \\r\\n \"", "text", "\"\\n\""}, "html", "is missing"},
        {{"subject", "\"s\"", "html", "{}"}, "html", "must be a text"},
        {{"subject", "\"s\"", "text", "[]"}, "text", "must be a text"},
    };
    struct carrier *c = fixture_open(SERVICE_SENDGRID, FROM, KEY);
    fixture_not_built(c, "a@example.net", rows, sizeof(rows) / sizeof(*rows));
    struct carrier_content content[2] = {{SPAN_LIT("subject"), SPAN_LIT("\"S\"")},
                                         {SPAN_LIT("html"), SPAN_LIT("\"x\"")}};
    struct parcel p = fixture_parcel("a@example.net", content, 2);
    p.unsubscribe_url = SPAN_LIT("https://a/\r\nBcc: b@example.net");
    struct carrier_request r;
    struct carrier_fault why;
    carrier_request_init(&r);
    assert_int_equal(carrier_build(c, &p, 1, 0, &r, &why), ERR_INVALID);
    assert_string_equal(why.property, "unsubscribe_url");
    carrier_request_deinit(&r);
    carrier_free(c);
}

/* Made with openssl: a public P-256 key, as base64 of its DER. */
#define P256                                                                                                 \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYIdPJMKDR1z/"                                                       \
    "ROdOI+MHdh6FChO6YmosiDXBrbe4diCUXDkItDkiAMKaVtkA1UrPGhgcqi/8o62cujnxFu+o+w=="

static void settings(void **state)
{
    (void)state;
    static const struct fixture_refusal rows[] = {
        {FROM, "{}", "apiKey", "is missing"},
        {"{}", KEY, "from.email", "is missing"},
        {"{\"from\":\"a@b.example\"}", KEY, "from", "object"},
        {"{\"from\":{\"email\":\"nobody\"}}", KEY, "from.email", "no mail address"},
        {"{\"from\":{\"email\":\"a@b.example\",\"name\":\"x\\ny\"}}", KEY, "from.name", "line breaks"},
        {"{\"from\":{\"email\":\"a@b.example\",\"address\":1}}", KEY, "from.address", "no such setting"},
        {"{\"from\":{\"email\":\"a@b.example\"},\"eventKey\":\"MFkw\"}", KEY, "eventKey", "P-256"},
        {"{\"from\":{\"email\":\"a@b.example\"},\"eventKey\":"
         "\"MCowBQYDK2VwAyEAmTueZNULyaiVSXgBf9oYbGL1CB5KWbwi4nL9r6/weXA=\"}",
         KEY, "eventKey", "P-256"},
    };
    fixture_refused(SERVICE_SENDGRID, rows, sizeof(rows) / sizeof(*rows));
    carrier_free(fixture_open(SERVICE_SENDGRID,
                              "{\"from\":{\"email\":\"a@b.example\"},\"eventKey\":\"" P256 "\"}", KEY));
    assert_true(carrier_is_secret(SERVICE_SENDGRID, SPAN_LIT("apiKey")));
    assert_false(carrier_is_secret(SERVICE_SENDGRID, SPAN_LIT("eventKey")));
}

static void questions(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_SENDGRID, FROM, KEY);
    static const struct {
        const char *name, *method, *url;
    } rows[] = {
        {"scopes", "GET", "https://api.sendgrid.com/v3/scopes"},
        {"validate", "POST", "https://api.sendgrid.com/v3/mail/send"},
        {"quota", "GET", "https://api.sendgrid.com/v3/user/credits"},
    };
    struct carrier_question q;
    carrier_request_init(&q.request);
    enum err e = ERR_NONE;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(carrier_ask(c, i, 0, &q, &e));
        assert_string_equal(q.name, rows[i].name);
        assert_string_equal(q.request.method, rows[i].method);
        fixture_is(q.request.url, rows[i].url);
        /* nothing but the trial, which goes nowhere, has a body */
        assert_int_equal(buf_len(&q.request.body) > 0, i == 1);
        if (i == 1)
            assert_non_null(memmem(buf_span(&q.request.body).ptr, buf_len(&q.request.body),
                                   "\"sandbox_mode\":{\"enable\":true}", 30));
    }
    assert_false(carrier_ask(c, 3, 0, &q, &e));
    carrier_request_deinit(&q.request);
    carrier_free(c);
}

static void no_memory(void **state)
{
    (void)state;
    struct carrier_content content[2];
    const char *const texts[] = {"subject", "\"\\u0053 s\"", "html", "\"\\u003cp>\""};
    struct parcel p[2];
    p[0] = p[1] = fixture_parcel("a@example.net", content, fixture_content(content, 2, texts));
    p[0].unsubscribe_url = SPAN_LIT("https://todoke.example/u/abc");
    fixture_no_memory(SERVICE_SENDGRID, FROM, KEY, p, 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_mail),    cmocka_unit_test(a_thousand), cmocka_unit_test(too_large),
        cmocka_unit_test(bad_content), cmocka_unit_test(settings),   cmocka_unit_test(questions),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
