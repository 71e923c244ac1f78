/* What leaves for LINE, and which content does not. */
#include "carrier_fixture.h"

#define TOKEN "{\"channelAccessToken\":\"abc+/=\"}"
#define U1 "U0123456789abcdef0123456789abcdef"

static void push(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_LINE, "{}", TOKEN);
    struct carrier_content content[1];
    const char *const texts[] = {"messages", "[{\"type\":\"text\",\"text\":\"caf\\u00e9 {name}\"}]"};
    struct parcel p = fixture_parcel(U1, content, fixture_content(content, 1, texts));
    struct carrier_request r;
    struct carrier_fault why;
    char value[128];
    carrier_request_init(&r);
    for (int i = 0; i < 2; i++) { /* a request is made anew in the same memory */
        assert_int_equal(carrier_build(c, &p, 1, 0, &r, &why), ERR_NONE);
        assert_string_equal(r.method, "POST");
        fixture_is(r.url, "https://api.line.me/v2/bot/message/push");
        fixture_is(buf_span(&r.body), "{\"to\":\"" U1 "\",\"messages\":[{\"type\":\"text\",\"text\":"
                                      "\"caf\\u00e9 {name}\"}]}");
        assert_int_equal(r.header_count, 3);
        assert_string_equal(fixture_header(&r, "authorization", value, sizeof(value)), "Bearer abc+/=");
        assert_string_equal(fixture_header(&r, "content-type", value, sizeof(value)), "application/json");
        assert_string_equal(fixture_header(&r, "x-line-retry-key", value, sizeof(value)), FIXTURE_KEY);
        assert_false(r.private_target);
    }
    carrier_request_deinit(&r);
    carrier_free(c);
}

static void multicast(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(
        SERVICE_LINE, "{\"baseUrl\":\"http://127.0.0.1:8080/line/\",\"channelId\":\"2000000001\"}", TOKEN);
    struct carrier_content content[1];
    const char *const texts[] = {"messages",
                                 "[{\"type\":\"sticker\",\"packageId\":\"1\",\"stickerId\":\"2\"}]"};
    struct parcel p[3];
    for (size_t i = 0; i < 3; i++) {
        p[i] = fixture_parcel(U1, content, fixture_content(content, 1, texts));
        p[i].key[35] = (char)('0' + i);
    }
    struct carrier_request r;
    struct carrier_fault why;
    char one[64], two[64], three[64];
    carrier_request_init(&r);
    assert_int_equal(carrier_build(c, p, 2, 0, &r, &why), ERR_NONE);
    fixture_is(r.url, "http://127.0.0.1:8080/line/v2/bot/message/multicast");
    assert_true(r.private_target);
    fixture_is(buf_span(&r.body), "{\"to\":[\"" U1 "\",\"" U1 "\"],\"messages\":[{\"type\":\"sticker\","
                                  "\"packageId\":\"1\",\"stickerId\":\"2\"}]}");
    (void)fixture_header(&r, "x-line-retry-key", one, sizeof(one));
    assert_int_equal(carrier_build(c, p, 2, 0, &r, &why), ERR_NONE);
    assert_string_equal(fixture_header(&r, "x-line-retry-key", two, sizeof(two)), one);
    assert_int_equal(carrier_build(c, p, 3, 0, &r, &why), ERR_NONE);
    assert_string_not_equal(fixture_header(&r, "x-line-retry-key", three, sizeof(three)), one);
    assert_string_not_equal(one, p[0].key);
    assert_int_equal(strlen(one), 36);
    assert_int_equal(one[14], '4');
    assert_int_equal(carrier_batch(c, true), 500);
    assert_int_equal(carrier_batch(c, false), 1);
    /* more than it takes, nothing, and different contents in one request are our own mistakes */
    assert_int_equal(carrier_build(c, p, 501, 0, &r, &why), ERR_INTERNAL);
    assert_int_equal(carrier_build(c, p, 0, 0, &r, &why), ERR_INTERNAL);
    struct carrier_content other[1];
    p[1].members = other;
    assert_int_equal(carrier_build(c, p, 2, 0, &r, &why), ERR_INTERNAL);
    carrier_request_deinit(&r);
    carrier_free(c);
}

/* {name} is a placeholder only where the message declares it. */
static void placeholders(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"hi {user1}!", "hi {user1}!"},
        {"hi {user2}!", "hi {{user2}}!"}, /* no substitution of that name: a person called so */
        {"{", "{{"},
        {"}", "}}"},
        {"a{b", "a{{b"},
        {"{}", "{{}}"},
        {"{{user1}}", "{{user1}}"}, /* braces already */
        {"{{{user1}}}", "{{{user1}}}"},
        {"{user1", "{{user1"},
        {"{us er1}", "{{us er1}}"},
        {"{user1}{laugh}", "{user1}{laugh}"},
        {"{USER1}", "{{USER1}}"},
        {"{aaaaaaaaaaaaaaaaaaaaa}", "{{aaaaaaaaaaaaaaaaaaaaa}}"},
        {"\xe5\xb1\x8a\xe3\x81\x91{", "\xe5\xb1\x8a\xe3\x81\x91{{"},
        {"", ""},
    };
    struct carrier *c = fixture_open(SERVICE_LINE, "{}", TOKEN);
    struct carrier_request r;
    struct carrier_fault why;
    carrier_request_init(&r);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char messages[512], want[512];
        static const char around[] =
            "[{\"type\":\"textV2\",\"text\":\"%s\",\"substitution\":{\"user1\":{\"type\":"
            "\"mention\"},\"laugh\":{\"type\":\"emoji\"}}}]";
        (void)snprintf(messages, sizeof(messages), around, rows[i].text);
        (void)snprintf(want, sizeof(want), around, rows[i].want);
        struct carrier_content content[1] = {{SPAN_LIT("messages"), span_of(messages)}};
        struct parcel p = fixture_parcel(U1, content, 1);
        assert_int_equal(carrier_build(c, &p, 1, 0, &r, &why), ERR_NONE);
        char body[640];
        (void)snprintf(body, sizeof(body), "{\"to\":\"" U1 "\",\"messages\":%s}", want);
        fixture_is(buf_span(&r.body), body);
    }
    carrier_request_deinit(&r);
    carrier_free(c);
}

static void bad_content(void **state)
{
    (void)state;
    static const struct fixture_bad_content rows[] = {
        {{NULL}, "messages", "is missing"},
        {{"messages", "null"}, "messages", "is missing"},
        {{"messages", "[]"}, "messages", "1 to 5"},
        {{"messages", "{\"type\":\"text\"}"}, "messages", "array"},
        {{"messages", "\"hello\""}, "messages", "array"},
        {{"messages", "[1]"}, "messages", "object with a type"},
        {{"messages", "[{\"text\":\"x\"}]"}, "messages", "object with a type"},
        {{"messages", "[{\"type\":1}]"}, "messages", "object with a type"},
        {{"messages", "[{\"type\":\"text\"},{\"type\":\"text\"},{\"type\":\"text\"},{\"type\":\"text\"},"
                      "{\"type\":\"text\"},{\"type\":\"text\"}]"},
         "messages",
         "1 to 5"},
        {{"messages", "[{\"type\":\"textV2\"}]"}, "messages", "no text"},
        {{"messages", "[{\"type\":\"textV2\",\"text\":\"a\",\"text\":\"b\"}]"}, "messages", "twice"},
        {{"messages", "[{\"type\":\"textV2\",\"text\":\"{me} {me}\",\"substitution\":{\"me\":{}}}]"},
         "messages",
         "{me} stands in the text more than once"},
    };
    struct carrier *c = fixture_open(SERVICE_LINE, "{}", TOKEN);
    fixture_not_built(c, U1, rows, sizeof(rows) / sizeof(*rows));
    carrier_free(c);
}

static void settings(void **state)
{
    (void)state;
    static const struct fixture_refusal rows[] = {
        {"{}", "{}", "channelAccessToken", "is missing"},
        {"{}", "{\"channelAccessToken\":null}", "channelAccessToken", "is missing"},
        {"{}", "{\"channelAccessToken\":\"\"}", "channelAccessToken", "empty"},
        {"{}", "{\"channelAccessToken\":5}", "channelAccessToken", "string"},
        {"{}", "{\"channelAccessToken\":\"a b\"}", "channelAccessToken", "visible ASCII"},
        {"{}", "{\"channelAccessToken\":\"a\\r\\nx: y\"}", "channelAccessToken", "visible ASCII"},
        {"{}", "{\"channelAccessToken\":\"\\u5c4a\"}", "channelAccessToken", "visible ASCII"},
        {"{}", "{\"channelAccessToken\":\"a\",\"apiKey\":\"b\"}", "apiKey", "no such setting"},
        {"{}", "{\"channelAccessToken\":\"a\",\"channelAccessToken\":\"b\"}", "channelAccessToken", "twice"},
        {"{}", "[]", "secret", "object"},
        {"{}", "{", "secret", "no JSON"},
        {"[]", TOKEN, "settings", "object"},
        {"", TOKEN, "settings", "no JSON"},
        {"{\"channelAccessToken\":\"a\"}", TOKEN, "channelAccessToken", "credential"},
        {"{\"host\":\"a\"}", TOKEN, "host", "no such setting"},
        {"{\"\":\"a\"}", TOKEN, "settings", "no such setting"},
        {"{\"channelId\":\"x\"}", TOKEN, "channelId", "digits"},
        {"{\"baseUrl\":\"ftp://a\"}", TOKEN, "baseUrl", "URL"},
        {"{\"baseUrl\":\"https://a/?b\"}", TOKEN, "baseUrl", "query"},
        {"{\"baseUrl\":\"https://a/#b\"}", TOKEN, "baseUrl", "fragment"},
        {"{\"baseUrl\":\"https://user@a/\"}", TOKEN, "baseUrl", "user"},
        {"{\"baseUrl\":\"https:///x\"}", TOKEN, "baseUrl", "host"},
        {"{\"baseUrl\":\"https:x\"}", TOKEN, "baseUrl", "host"},
        {"{\"baseUrl\":\"https://a b/\"}", TOKEN, "baseUrl", "ASCII"},
        {"{\"baseUrl\":1}", TOKEN, "baseUrl", "string"},
        {"{\"ratePerSecond\":0}", TOKEN, "ratePerSecond", "0.01 to 100000"},
        {"{\"ratePerSecond\":\"5\"}", TOKEN, "ratePerSecond", "number"},
        {"{\"ratePerSecond\":1e99}", TOKEN, "ratePerSecond", "number"},
        {"{\"unsubscribeOn\":\"never\"}", TOKEN, "unsubscribeOn", "\"bounce\", \"permanent\""},
        {"{\"guard\":5}", TOKEN, "guard", "object"},
        {"{\"guard\":{\"bounce\":5}}", TOKEN, "guard.bounce", "no such setting"},
        {"{\"guard\":{\"bouncePercent\":101}}", TOKEN, "guard.bouncePercent", "0 to 100"},
        {"{\"guard\":{\"complaintPercent\":-1}}", TOKEN, "guard.complaintPercent", "0 to 100"},
    };
    fixture_refused(SERVICE_LINE, rows, sizeof(rows) / sizeof(*rows));
    struct carrier *c = NULL;
    struct carrier_fault why;
    assert_int_equal(carrier_open(&c, SERVICE_UNKNOWN, SPAN_LIT("{}"), SPAN_LIT("{}"), &why), ERR_INVALID);
    assert_int_equal(carrier_open(&c, (enum service)99, SPAN_LIT("{}"), SPAN_LIT("{}"), &why), ERR_INVALID);
    carrier_free(NULL);
}

static void rules(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_LINE, "{\"baseUrl\":null}", TOKEN);
    const struct carrier_rules *r = carrier_rules(c);
    assert_null(r->base);
    assert_true(r->per_second == 0 && !r->unsubscribe_permanent);
    assert_true(r->bounce_percent == 10 && r->complaint_percent == 0.5);
    carrier_free(c);
    c = fixture_open(SERVICE_LINE,
                     "{\"baseUrl\":\"https://line.example//\",\"ratePerSecond\":2.5,\"unsubscribeOn\":"
                     "\"permanent\",\"guard\":{\"bouncePercent\":0,\"complaintPercent\":1.25}}",
                     TOKEN);
    r = carrier_rules(c);
    assert_string_equal(r->base, "https://line.example");
    assert_true(r->per_second == 2.5 && r->unsubscribe_permanent);
    assert_true(r->bounce_percent == 0 && r->complaint_percent == 1.25);
    carrier_free(c);
}

static void words(void **state)
{
    (void)state;
    enum service s = SERVICE_UNKNOWN;
    assert_int_equal(carrier_find(SPAN_LIT("line"), &s), ERR_NONE);
    assert_int_equal(s, SERVICE_LINE);
    assert_string_equal(carrier_kind(s), "line");
    assert_int_equal(carrier_medium(s), MEDIUM_LINE);
    assert_int_equal(carrier_find(SPAN_LIT("Line"), &s), ERR_NOT_FOUND);
    assert_true(carrier_is_secret(SERVICE_LINE, SPAN_LIT("channelAccessToken")));
    assert_false(carrier_is_secret(SERVICE_LINE, SPAN_LIT("baseUrl")));
    assert_true(carrier_has_member(SERVICE_LINE, SPAN_LIT("baseUrl")));
    assert_true(carrier_has_member(SERVICE_LINE, SPAN_LIT("channelAccessToken")));
    assert_false(carrier_has_member(SERVICE_LINE, SPAN_LIT("apiKey")));
    assert_false(carrier_has_member(SERVICE_UNKNOWN, SPAN_LIT("baseUrl")));
    struct buf keys;
    buf_init(&keys, 1000);
    assert_int_equal(carrier_keys(SERVICE_LINE, SPAN_LIT("{}"), &keys), ERR_NONE);
    fixture_is(buf_span(&keys), "{}");
    buf_deinit(&keys);
}

static void questions(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_LINE, "{}", TOKEN);
    static const struct {
        const char *name, *method, *url;
    } rows[] = {
        {"bot", "GET", "https://api.line.me/v2/bot/info"},
        {"quota", "GET", "https://api.line.me/v2/bot/message/quota"},
        {"consumption", "GET", "https://api.line.me/v2/bot/message/quota/consumption"},
        {"validate", "POST", "https://api.line.me/v2/bot/message/validate/push"},
    };
    struct carrier_question q;
    carrier_request_init(&q.request);
    enum err e = ERR_NONE;
    char value[64];
    for (unsigned i = 0; i < 4; i++) {
        assert_true(carrier_ask(c, i, 0, &q, &e));
        assert_string_equal(q.name, rows[i].name);
        assert_string_equal(q.request.method, rows[i].method);
        fixture_is(q.request.url, rows[i].url);
        assert_string_equal(fixture_header(&q.request, "authorization", value, sizeof(value)),
                            "Bearer abc+/=");
    }
    fixture_is(buf_span(&q.request.body), "{\"messages\":[{\"type\":\"text\",\"text\":\"todoke\"}]}");
    assert_false(carrier_ask(c, 4, 0, &q, &e));
    assert_int_equal(e, ERR_NONE);
    assert_false(carrier_ask(c, 99, 0, &q, &e));
    carrier_request_deinit(&q.request);
    carrier_free(c);
}

static void no_memory(void **state)
{
    (void)state;
    struct carrier_content content[1];
    const char *const texts[] = {"messages",
                                 "[{\"type\":\"textV2\",\"text\":\"a\\u0062{c}\",\"quickReply\":{}}]"};
    struct parcel p[2];
    p[0] = p[1] = fixture_parcel(U1, content, fixture_content(content, 1, texts));
    fixture_no_memory(SERVICE_LINE, "{\"baseUrl\":\"https://line.example\"}", TOKEN, p, 2, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(push),        cmocka_unit_test(multicast), cmocka_unit_test(placeholders),
        cmocka_unit_test(bad_content), cmocka_unit_test(settings),  cmocka_unit_test(rules),
        cmocka_unit_test(words),       cmocka_unit_test(questions), cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
