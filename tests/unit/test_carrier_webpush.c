/* What leaves for a push service: the RFC's own example byte for byte, tokens, headers; what is refused. */
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "carrier/vapid.h"
#include "carrier/webpush_encrypt.h"
#include "carrier_jwt.h"

/* RFC 8291, section 5 and appendix A. */
#define AS_PRIVATE "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
#define AS_PUBLIC "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
#define UA_PUBLIC "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define SALT "DGv6ra1nlYgDCS1FRnbzlw"
#define PLAIN "When I grow up, I want to be a watermelon"
#define BODY                                                                                                 \
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_"                                                         \
    "c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqK"                                              \
    "K6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"

#define SETTINGS "{\"subject\":\"mailto:push@example.com\"}"
#define SECRET "{\"privateKey\":\"" AS_PRIVATE "\"}"
#define NOW INT64_C(1700000000000)
#define HOUR INT64_C(3600000)

static EVP_PKEY *own_key(void)
{
    unsigned char scalar[WEBPUSH_SCALAR];
    EVP_PKEY *key = NULL;
    assert_int_equal(base64url_decode(SPAN_LIT(AS_PRIVATE), scalar, sizeof(scalar)), ERR_NONE);
    assert_int_equal(webpush_encrypt_key(scalar, &key), ERR_NONE);
    return key;
}

static struct webpush_keys browser(void)
{
    struct webpush_keys keys;
    assert_int_equal(base64url_decode(SPAN_LIT(UA_PUBLIC), keys.p256dh, sizeof(keys.p256dh)), ERR_NONE);
    assert_int_equal(base64url_decode(SPAN_LIT(AUTH), keys.auth, sizeof(keys.auth)), ERR_NONE);
    return keys;
}

static void example_of_the_rfc(void **state)
{
    (void)state;
    struct webpush_encrypt w;
    struct webpush_keys keys = browser();
    unsigned char salt[WEBPUSH_SALT];
    EVP_PKEY *own = own_key();
    struct buf out, text;
    buf_init(&out, WEBPUSH_BODY_MAX);
    buf_init(&text, 8192);
    assert_int_equal(base64url_decode(SPAN_LIT(SALT), salt, sizeof(salt)), ERR_NONE);
    assert_int_equal(webpush_encrypt_init(&w), ERR_NONE);
    for (int i = 0; i < 2; i++) { /* nothing of one message is left for the next */
        buf_clear(&out);
        buf_clear(&text);
        assert_int_equal(webpush_encrypt_with(&w, &keys, own, salt, SPAN_LIT(PLAIN), &out), ERR_NONE);
        assert_int_equal(base64url_add(&text, buf_span(&out).ptr, buf_len(&out)), ERR_NONE);
        fixture_is(buf_span(&text), BODY);
    }
    unsigned char point[WEBPUSH_POINT];
    buf_clear(&text);
    assert_int_equal(webpush_encrypt_point(own, point), ERR_NONE);
    assert_int_equal(base64url_add(&text, point, sizeof(point)), ERR_NONE);
    fixture_is(buf_span(&text), AS_PUBLIC);
    EVP_PKEY_free(own);
    webpush_encrypt_deinit(&w);
    webpush_encrypt_deinit(&w);
    buf_deinit(&out);
    buf_deinit(&text);
}

static void each_message_anew(void **state)
{
    (void)state;
    struct webpush_encrypt w;
    struct webpush_keys keys = browser();
    struct buf one, two;
    char big[WEBPUSH_PLAIN_MAX + 1];
    memset(big, 'x', sizeof(big));
    buf_init(&one, WEBPUSH_BODY_MAX);
    buf_init(&two, WEBPUSH_BODY_MAX);
    assert_int_equal(webpush_encrypt_init(&w), ERR_NONE);
    assert_int_equal(webpush_encrypt_message(&w, &keys, SPAN_LIT(PLAIN), &random_system, &one), ERR_NONE);
    assert_int_equal(webpush_encrypt_message(&w, &keys, SPAN_LIT(PLAIN), &random_system, &two), ERR_NONE);
    assert_int_equal(buf_len(&one), buf_len(&two));
    assert_memory_not_equal(buf_span(&one).ptr, buf_span(&two).ptr, WEBPUSH_SALT); /* the salt */
    assert_memory_not_equal(buf_span(&one).ptr + 22, buf_span(&two).ptr + 22, 64); /* our key */
    buf_clear(&one);
    assert_int_equal(
        webpush_encrypt_message(&w, &keys, (struct span){big, WEBPUSH_PLAIN_MAX}, &random_system, &one),
        ERR_NONE);
    assert_int_equal(buf_len(&one), 4096);
    buf_clear(&one);
    assert_int_equal(
        webpush_encrypt_message(&w, &keys, (struct span){big, WEBPUSH_PLAIN_MAX + 1}, &random_system, &one),
        ERR_LIMIT);
    keys.p256dh[40] ^= 1; /* no longer on the curve */
    assert_int_equal(webpush_encrypt_message(&w, &keys, SPAN_LIT(PLAIN), &random_system, &one), ERR_INVALID);
    memset(keys.p256dh + 1, 0, 64);
    assert_int_equal(webpush_encrypt_message(&w, &keys, SPAN_LIT(PLAIN), &random_system, &one), ERR_INVALID);
    assert_int_equal(buf_len(&one), 0);
    webpush_encrypt_deinit(&w);
    buf_deinit(&one);
    buf_deinit(&two);
}

static struct parcel subscription(const struct carrier_content *content, size_t count)
{
    struct parcel p = fixture_parcel("https://Push.Example:443/wpush/v2/gAAA?x=1", content, count);
    p.p256dh = SPAN_LIT(UA_PUBLIC);
    p.auth = SPAN_LIT(AUTH);
    return p;
}

static void a_request(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_WEBPUSH, SETTINGS, SECRET);
    struct carrier_content content[5];
    const char *const texts[] = {"title", "\"Hi\"",     "body", "\"a\\nb\"",
                                 "icon",  "\"/i.png\"", "url",  "\"https://example.com/?a=b#c\"",
                                 "topic", "\"sale_1\""};
    struct parcel p = subscription(content, fixture_content(content, 5, texts));
    struct carrier_request r;
    struct carrier_fault why;
    char value[2048], header[512], claims[512], again[2048];
    carrier_request_init(&r);
    assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_NONE);
    assert_string_equal(r.method, "POST");
    fixture_is(r.url, "https://Push.Example:443/wpush/v2/gAAA?x=1");
    assert_true(r.private_target);
    assert_string_equal(fixture_header(&r, "content-encoding", value, sizeof(value)), "aes128gcm");
    assert_string_equal(fixture_header(&r, "content-type", value, sizeof(value)), "application/octet-stream");
    assert_string_equal(fixture_header(&r, "ttl", value, sizeof(value)), "2419200");
    assert_string_equal(fixture_header(&r, "urgency", value, sizeof(value)), "normal");
    assert_string_equal(fixture_header(&r, "topic", value, sizeof(value)), "sale_1");
    (void)fixture_header(&r, "authorization", value, sizeof(value));
    assert_memory_equal(value, "vapid t=", 8);
    char *key = strstr(value, ", k=");
    assert_non_null(key);
    assert_string_equal(key + 4, AS_PUBLIC);
    EVP_PKEY *own = own_key();
    jwt_verify((struct span){value + 8, (size_t)(key - value - 8)}, own, header, claims, sizeof(header));
    assert_string_equal(header, "{\"typ\":\"JWT\",\"alg\":\"ES256\"}");
    assert_string_equal(claims, "{\"aud\":\"https://push.example\",\"exp\":1700043200,\"sub\":"
                                "\"mailto:push@example.com\"}");
    EVP_PKEY_free(own);
    /* one token for an origin, for some hours; a clock that steps back makes a new one */
    const struct {
        int64_t at;
        bool same;
    } rows[] = {{NOW + 6 * HOUR - 1, true}, {NOW - 1000, true}, {NOW + 6 * HOUR, false}, {NOW, false}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(carrier_build(c, &p, 1, rows[i].at, &r, &why), ERR_NONE);
        (void)fixture_header(&r, "authorization", again, sizeof(again));
        assert_int_equal(strcmp(value, again) == 0, rows[i].same);
    }
    p.target = SPAN_LIT("https://push.example:8443/x");
    assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_NONE);
    (void)fixture_header(&r, "authorization", again, sizeof(again));
    assert_string_not_equal(value, again);
    assert_int_equal(carrier_batch(c, true), 1);
    carrier_request_deinit(&r);
    carrier_free(c);
    c = fixture_open(SERVICE_WEBPUSH,
                     "{\"subject\":\"https://example.com/us\",\"ttlSeconds\":0,\"urgency\":\"very-low\"}",
                     SECRET);
    carrier_request_init(&r);
    assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_NONE);
    assert_string_equal(fixture_header(&r, "ttl", value, sizeof(value)), "0");
    assert_string_equal(fixture_header(&r, "urgency", value, sizeof(value)), "very-low");
    carrier_request_deinit(&r);
    carrier_free(c);
}

/* Endpoints are strangers' texts: thousands of origins do no harm, and each gets its own token. */
static void many_origins(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_WEBPUSH, SETTINGS, SECRET);
    struct carrier_content content[1];
    const char *const texts[] = {"title", "\"Hi\""};
    struct parcel p = subscription(content, fixture_content(content, 1, texts));
    struct carrier_request r;
    struct carrier_fault why;
    EVP_PKEY *own = own_key();
    carrier_request_init(&r);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 200; i++) {
            char endpoint[64], value[2048], header[512], claims[512], want[64];
            (void)snprintf(endpoint, sizeof(endpoint), "https://p%d.example/x", i);
            (void)snprintf(want, sizeof(want), "{\"aud\":\"https://p%d.example\",", i);
            p.target = span_of(endpoint);
            assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_NONE);
            (void)fixture_header(&r, "authorization", value, sizeof(value));
            char *key = strstr(value, ", k=");
            assert_non_null(key);
            jwt_verify((struct span){value + 8, (size_t)(key - value - 8)}, own, header, claims,
                       sizeof(header));
            assert_memory_equal(claims, want, strlen(want));
        }
    EVP_PKEY_free(own);
    carrier_request_deinit(&r);
    carrier_free(c);
}

static void bad_targets(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint, *p256dh, *auth, *property;
    } rows[] = {
        {"", UA_PUBLIC, AUTH, "target.endpoint"},
        {"https://", UA_PUBLIC, AUTH, "target.endpoint"},
        {"https:///x", UA_PUBLIC, AUTH, "target.endpoint"},
        {"https://:443/x", UA_PUBLIC, AUTH,
         NULL}, /* whether such a host can be reached, connecting finds out */
        {"ftp://a/x", UA_PUBLIC, AUTH, "target.endpoint"},
        {"https://user@a/x", UA_PUBLIC, AUTH, "target.endpoint"},
        {"https://a/ x", UA_PUBLIC, AUTH, "target.endpoint"},
        {"https://a/\r\nx: y", UA_PUBLIC, AUTH, "target.endpoint"},
        {"https://a/x", "", AUTH, "target.p256dh"},
        {"https://a/x", "BCVxsr7N", AUTH, "target.p256dh"},
        {"https://a/x", AUTH, AUTH, "target.p256dh"},
        {"https://a/x", "A" UA_PUBLIC, AUTH, "target.p256dh"},
        {"https://a/x",
         "CCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", AUTH,
         "target.p256dh"}, /* not the uncompressed form */
        {"https://a/x",
         "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw0", AUTH,
         "target.p256dh"}, /* off the curve */
        {"https://a/x", UA_PUBLIC, "", "target.auth"},
        {"https://a/x", UA_PUBLIC, "BTBZMqHH6r4Tts7J_aSIg!", "target.auth"},
        {"https://a/x", UA_PUBLIC, UA_PUBLIC, "target.auth"},
        {"https://a/x", UA_PUBLIC "=", "BTBZMqHH6r4Tts7J_aSIgg==", NULL}, /* padded, as some libraries do */
        {"https://a/x",
         "BCVxsr7N/eNgVRqvHtD0zTZsEc6+VV+JvLexhqUzORcxaOzi6+AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4=",
         "BTBZMqHH6r4Tts7J/aSIgg==", NULL},
    };
    struct carrier *c = fixture_open(SERVICE_WEBPUSH, SETTINGS, SECRET);
    struct carrier_content content[1];
    const char *const texts[] = {"title", "\"Hi\""};
    struct carrier_request r;
    struct carrier_fault why;
    carrier_request_init(&r);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct parcel p = fixture_parcel(rows[i].endpoint, content, fixture_content(content, 1, texts));
        p.p256dh = span_of(rows[i].p256dh);
        p.auth = span_of(rows[i].auth);
        enum err e = carrier_build(c, &p, 1, NOW, &r, &why);
        if (e != (rows[i].property ? ERR_INVALID : ERR_NONE))
            print_error("%s %s %s: %s\n", rows[i].endpoint, rows[i].p256dh, rows[i].auth, why.message);
        assert_int_equal(e, rows[i].property ? ERR_INVALID : ERR_NONE);
        assert_string_equal(why.property, rows[i].property ? rows[i].property : "");
    }
    carrier_request_deinit(&r);
    carrier_free(c);
}

static void bad_content(void **state)
{
    (void)state;
    static char large[4200];
    memset(large, 'x', sizeof(large) - 1);
    large[0] = large[4000] = '"';
    large[4001] = '\0';
    const struct {
        const char *members[6];
        size_t count;
        const char *property, *says;
    } rows[] = {
        {{NULL}, 0, "title", "is missing"},
        {{"title", "\" \"", "body", "\"\\n\""}, 2, "title", "is missing"},
        {{"title", "5"}, 1, "title", "must be a text"},
        {{"title", "\"t\"", "url", "\"javascript:alert(1)\""}, 2, "url", "runs"},
        {{"title", "\"t\"", "url", "\"example.com\""}, 2, "url", "scheme"},
        {{"title", "\"t\"", "url", "\"//evil.example\""}, 2, "url", "scheme"},
        {{"title", "\"t\"", "icon", "\"data:image/png;base64,AAAA\""}, 2, "icon", "runs or shows"},
        {{"title", "\"t\"", "topic", "\"a b\""}, 2, "topic", "32"},
        {{"title", "\"t\"", "topic", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""}, 2, "topic", "32"},
        {{"title", "\"t\"", "body", large}, 2, "content", "3993 bytes"},
    };
    struct carrier *c = fixture_open(SERVICE_WEBPUSH, SETTINGS, SECRET);
    struct carrier_request r;
    struct carrier_fault why;
    carrier_request_init(&r);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct carrier_content content[3];
        struct parcel p = subscription(content, fixture_content(content, rows[i].count, rows[i].members));
        assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_INVALID);
        assert_string_equal(why.property, rows[i].property);
        assert_non_null(strstr(why.message, rows[i].says));
    }
    carrier_request_deinit(&r);
    carrier_free(c);
}

static void settings(void **state)
{
    (void)state;
    static const struct fixture_refusal rows[] = {
        {"{}", SECRET, "subject", "is missing"},
        {"{\"subject\":\"push@example.com\"}", SECRET, "subject", "mailto:"},
        {"{\"subject\":\"mailto:nobody\"}", SECRET, "subject", "mailto:"},
        {"{\"subject\":\"http://example.com\"}", SECRET, "subject", "https"},
        {"{\"subject\":\"https://\"}", SECRET, "subject", "host"},
        {"{\"subject\":\"mailto:a@b\",\"ttlSeconds\":2419201}", SECRET, "ttlSeconds", "2419200"},
        {"{\"subject\":\"mailto:a@b\",\"ttlSeconds\":-1}", SECRET, "ttlSeconds", "whole number"},
        {"{\"subject\":\"mailto:a@b\",\"urgency\":\"now\"}", SECRET, "urgency", "\"very-low\""},
        {"{\"subject\":\"mailto:a@b\",\"baseUrl\":\"https://a\"}", SECRET, "baseUrl", "no such setting"},
        {SETTINGS, "{}", "privateKey", "is missing"},
        {SETTINGS, "{\"privateKey\":\"abc\"}", "privateKey", "P-256"},
        {SETTINGS, "{\"privateKey\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", "privateKey", "P-256"},
        {SETTINGS, "{\"privateKey\":\"__________________________________________8\"}", "privateKey", "P-256"},
    };
    fixture_refused(SERVICE_WEBPUSH, rows, sizeof(rows) / sizeof(*rows));
}

/* What the node makes for a new sender, and what people are shown of it. */
static void keys_made(void **state)
{
    (void)state;
    struct buf secret, shown, other;
    buf_init(&secret, 1000);
    buf_init(&shown, 1000);
    buf_init(&other, 1000);
    assert_int_equal(carrier_keys(SERVICE_WEBPUSH, SPAN_LIT(SETTINGS), &secret), ERR_NONE);
    assert_int_equal(carrier_keys(SERVICE_WEBPUSH, SPAN_LIT(SETTINGS), &other), ERR_NONE);
    assert_false(span_eq(buf_span(&secret), buf_span(&other)));
    struct carrier *c = NULL;
    struct carrier_fault why;
    assert_int_equal(carrier_open(&c, SERVICE_WEBPUSH, SPAN_LIT(SETTINGS), buf_span(&secret), &why),
                     ERR_NONE);
    assert_int_equal(carrier_public(c, &shown), ERR_NONE);
    assert_int_equal(buf_len(&shown), strlen("{\"publicKey\":\"\"}") + 87);
    carrier_free(c);
    c = fixture_open(SERVICE_WEBPUSH, SETTINGS, SECRET);
    buf_clear(&shown);
    assert_int_equal(carrier_public(c, &shown), ERR_NONE);
    fixture_is(buf_span(&shown), "{\"publicKey\":\"" AS_PUBLIC "\"}");
    enum err e = ERR_NONE;
    struct carrier_question q;
    carrier_request_init(&q.request);
    assert_false(carrier_ask(c, 0, NOW, &q, &e)); /* there is nobody to ask */
    carrier_request_deinit(&q.request);
    assert_false(carrier_grant_wanted(c, NOW));
    carrier_free(c);
    buf_deinit(&secret);
    buf_deinit(&shown);
    buf_deinit(&other);
}

static void base64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        bool ok;
    } rows[] = {
        {"", 0, true},    {"AA", 1, true},    {"AA==", 1, true},   {"AA=", 1, false},  {"AB", 1, false},
        {"AAA", 2, true}, {"AAA=", 2, true},  {"AAB", 2, false},   {"AAAA", 3, true},  {"AAAA", 2, false},
        {"A", 0, false},  {"A AA", 3, false}, {"AAA\n", 3, false}, {"====", 0, false}, {"-_+/", 3, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        unsigned char out[8];
        assert_int_equal(base64url_decode(span_of(rows[i].text), out, rows[i].len),
                         rows[i].ok ? ERR_NONE : ERR_INVALID);
    }
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(base64url_add(&out, "\xfb\xff\xbf\x00\x01", 5), ERR_NONE);
    fixture_is(buf_span(&out), "-_-_AAE");
    buf_deinit(&out);
}

static void no_memory(void **state)
{
    (void)state;
    struct carrier_content content[3];
    const char *const texts[] = {"title", "\"\\u0048i\"", "url", "\"\\u002fx\"", "topic", "\"a\\u0062\""};
    struct parcel p = subscription(content, fixture_content(content, 3, texts));
    fixture_no_memory(SERVICE_WEBPUSH, SETTINGS, SECRET, &p, 1, NOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_the_rfc),
        cmocka_unit_test(each_message_anew),
        cmocka_unit_test(a_request),
        cmocka_unit_test(many_origins),
        cmocka_unit_test(bad_targets),
        cmocka_unit_test(bad_content),
        cmocka_unit_test(settings),
        cmocka_unit_test(keys_made),
        cmocka_unit_test(base64),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
