/* What leaves for FCM and its token endpoint, and what is refused. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/json_write.h"
#include "carrier/carrier_core.h"
#include "carrier/grant.h"
#include "carrier_jwt.h"

#define NOW INT64_C(1700000000000)
#define TITLE                                                                                                \
    {                                                                                                        \
        SPAN_LIT("title"), SPAN_LIT("\"T\"")                                                                 \
    }

static EVP_PKEY *key;
static char *account; /* {"serviceAccount":{…}} */

/* A service account with that key; base and more go into it. Free the result. */
static char *make_account(EVP_PKEY *with, const char *more)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, with, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &pem);
    struct buf text;
    buf_init(&text, 20000);
    assert_int_equal(
        buf_add_str(&text, "{\"serviceAccount\":{\"type\":\"service_account\",\"project_id\":"
                           "\"my-project\",\"private_key_id\":\"abc\",\"client_email\":"
                           "\"push@my-project.iam.gserviceaccount.com\",\"client_id\":\"1\",\"auth_uri\":"
                           "\"https://accounts.google.com/o/oauth2/auth\",\"universe_domain\":"
                           "\"googleapis.com\",\"private_key\":"),
        ERR_NONE);
    assert_int_equal(json_write_quoted(&text, (struct span){pem, (size_t)len}), ERR_NONE);
    assert_int_equal(buf_add_str(&text, more), ERR_NONE);
    assert_int_equal(buf_add_str(&text, "}}"), ERR_NONE);
    BIO_free(bio);
    char *out = buf_steal(&text);
    assert_non_null(out);
    return out;
}

static int set_up(void **state)
{
    (void)state;
    key = EVP_RSA_gen(2048);
    account = make_account(key, ",\"token_uri\":\"https://oauth2.googleapis.com/token\"");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY_free(key);
    mem_free(account);
    return 0;
}

static struct answer answer(int status, const char *body)
{
    return (struct answer){.status = status, .body = span_of(body)};
}

/* As the token endpoint would. */
static void give_token(struct carrier *c, const char *token, int64_t life, int64_t at)
{
    char body[256];
    (void)snprintf(body, sizeof(body),
                   "{\"access_token\":\"%s\",\"expires_in\":%lld,\"token_type\":\"Bearer\"}", token,
                   (long long)life);
    struct answer a = answer(200, body);
    assert_true(c->service->grant_take(c, &a, at));
}

static void grant(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_FCM, "{}", account);
    struct carrier_request r;
    char value[64], header[512], claims[1024], want[1024];
    carrier_request_init(&r);
    assert_true(carrier_grant_wanted(c, NOW));
    assert_int_equal(carrier_grant_build(c, NOW, &r), ERR_NONE);
    assert_string_equal(r.method, "POST");
    fixture_is(r.url, "https://oauth2.googleapis.com/token");
    assert_false(r.private_target);
    assert_string_equal(fixture_header(&r, "content-type", value, sizeof(value)),
                        "application/x-www-form-urlencoded");
    static const char form[] = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    struct span body = buf_span(&r.body);
    assert_true(span_starts(body, span_of(form)));
    jwt_verify((struct span){body.ptr + sizeof(form) - 1, body.len - sizeof(form) + 1}, key, header, claims,
               sizeof(header));
    assert_string_equal(header, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"abc\"}");
    (void)snprintf(
        want, sizeof(want),
        "{\"iss\":\"push@my-project.iam.gserviceaccount.com\",\"scope\":\"https://www.googleapis.com/auth/"
        "firebase.messaging\",\"aud\":\"https://oauth2.googleapis.com/token\",\"iat\":1700000000,\"exp\":"
        "1700003600}");
    assert_string_equal(claims, want);
    /* at 80 % of its life it is wanted anew, and serves until there is another */
    give_token(c, "ya29.one", 3600, NOW);
    const struct {
        int64_t at;
        bool wanted;
    } rows[] = {{NOW, false},
                {NOW + 2879999, false},
                {NOW + 2880000, true},
                {NOW - 59000, false},
                {NOW - 61000, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(carrier_grant_wanted(c, rows[i].at), rows[i].wanted);
    give_token(c, "ya29.two", 0, NOW); /* a life of nothing is no reason to ask without end */
    assert_false(carrier_grant_wanted(c, NOW + 47999));
    assert_true(carrier_grant_wanted(c, NOW + 48000));
    carrier_grant_drop(c);
    assert_true(carrier_grant_wanted(c, NOW));
    carrier_request_deinit(&r);
    carrier_free(c);
}

/* baseUrl moves both hosts; a token_uri of the file's own is a stranger's. */
static void other_hosts(void **state)
{
    (void)state;
    struct carrier *c =
        fixture_open(SERVICE_FCM, "{\"baseUrl\":\"http://127.0.0.1:9/f\",\"projectId\":\"other\"}", account);
    struct carrier_content content[1] = {TITLE};
    struct parcel p = fixture_parcel("tok", content, 1);
    struct carrier_request r;
    struct carrier_fault why;
    carrier_request_init(&r);
    assert_int_equal(carrier_grant_build(c, NOW, &r), ERR_NONE);
    fixture_is(r.url, "http://127.0.0.1:9/f/token");
    assert_true(r.private_target);
    give_token(c, "t", 3600, NOW);
    assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_NONE);
    fixture_is(r.url, "http://127.0.0.1:9/f/v1/projects/other/messages:send");
    assert_true(r.private_target);
    carrier_free(c);
    char *elsewhere =
        make_account(key, ",\"token_uri\":\"https://oauth2.googleapis.com/token@evil.example\"");
    c = fixture_open(SERVICE_FCM, "{}", elsewhere);
    assert_int_equal(carrier_grant_build(c, NOW, &r), ERR_NONE);
    assert_true(r.private_target);
    carrier_free(c);
    mem_free(elsewhere);
    elsewhere = make_account(key, ""); /* without token_uri: Google's */
    c = fixture_open(SERVICE_FCM, "{}", elsewhere);
    assert_int_equal(carrier_grant_build(c, NOW, &r), ERR_NONE);
    fixture_is(r.url, "https://oauth2.googleapis.com/token");
    carrier_free(c);
    mem_free(elsewhere);
    carrier_request_deinit(&r);
}

static void messages(void **state)
{
    (void)state;
    static const struct {
        const char *members[12];
        size_t count;
        const char *want; /* behind "token" */
    } rows[] = {
        {{"title", "\"T\""}, 1, "\"notification\":{\"title\":\"T\"}"},
        {{"body", "\"B\\n\\u3042\"", "title", "\"\""}, 2, "\"notification\":{\"body\":\"B\\n\xe3\x81\x82\"}"},
        {{"title", "\"T\"", "link", "\"myapp://item/5\""},
         2,
         "\"notification\":{\"title\":\"T\"},\"data\":{\"link\":\"myapp://item/5\"}"},
        {{"title", "\"T\"", "link", "\"https://example.com/a?b\"", "data", "{}"},
         3,
         "\"notification\":{\"title\":\"T\"},\"data\":{\"link\":\"https://example.com/"
         "a?b\"},\"webpush\":{\"fcm_options\":"
         "{\"link\":\"https://example.com/a?b\"}}"},
        {{"title", "\"T\"", "link", "\"app:x\"", "data",
          "{\"link\":\"mine\",\"n\":5.50,\"b\":true,\"s\":\"\\u0041\"}"},
         3,
         "\"notification\":{\"title\":\"T\"},\"data\":{\"link\":\"mine\",\"n\":\"5.50\",\"b\":\"true\",\"s\":"
         "\"A\"}"},
        {{"title", "\"T\"", "android", "{\"ttl\":\"60s\",\"collapse_key\":\"k\"}", "apns",
          "{\"payload\":{\"aps\":{}}}", "data", "null"},
         4,
         "\"notification\":{\"title\":\"T\"},\"android\":{\"ttl\":\"60s\",\"collapse_key\":\"k\"},\"apns\":{"
         "\"payload\":"
         "{\"aps\":{}}}"},
    };
    struct carrier *c = fixture_open(SERVICE_FCM, "{}", account);
    struct carrier_request r;
    struct carrier_fault why;
    struct carrier_content content[6] = {TITLE};
    char value[64];
    struct parcel p = fixture_parcel("tok:\"en", content, 1);
    carrier_request_init(&r);
    assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_DENIED);
    give_token(c, "ya29.x", 3600, NOW);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char want[512];
        p.member_count = fixture_content(content, rows[i].count, rows[i].members);
        assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_NONE);
        (void)snprintf(want, sizeof(want), "{\"message\":{\"token\":\"tok:\\\"en\",%s}}", rows[i].want);
        fixture_is(buf_span(&r.body), want);
    }
    fixture_is(r.url, "https://fcm.googleapis.com/v1/projects/my-project/messages:send");
    assert_string_equal(fixture_header(&r, "authorization", value, sizeof(value)), "Bearer ya29.x");
    assert_false(r.private_target);
    assert_int_equal(carrier_batch(c, true), 1);
    carrier_grant_drop(c);
    assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_DENIED);
    carrier_request_deinit(&r);
    carrier_free(c);
}

static void bad_content(void **state)
{
    (void)state;
    static char large[4200];
    memset(large, 'x', sizeof(large) - 1);
    large[0] = large[4094] = '"'; /* 4,093 bytes, and "body" */
    large[4095] = '\0';
    static const struct fixture_bad_content rows[] = {
        {{NULL}, "title", "is missing"},
        {{"title", "\" \\t\"", "data", "{\"a\":\"b\"}"}, "title", "is missing"},
        {{"title", "{}"}, "title", "must be a text"},
        {{"body", large}, "content", "4 KB"},
        {{"title", "\"t\"", "link", "\"no link\""}, "link", "scheme"},
        {{"title", "\"t\"", "link", "\"https://\""}, "link", "host"},
        {{"title", "\"t\"", "link", "\"https://a b/\""}, "link", "space"},
        {{"title", "\"t\"", "link", "\"JavaScript:alert(1)\""}, "link", "runs"},
        {{"title", "\"t\"", "link", "\"https:\""}, "link", "nothing behind"},
        {{"title", "\"t\"", "link", "5"}, "link", "must be a text"},
        {{"title", "\"t\"", "data", "[]"}, "data", "object"},
        {{"title", "\"t\"", "data", "{\"a\":null}"}, "data.a", "must be a text"},
        {{"title", "\"t\"", "data", "{\"a\":{}}"}, "data.a", "must be a text"},
        {{"title", "\"t\"", "data", "{\"from\":\"x\"}"}, "data.from", "keeps for itself"},
        {{"title", "\"t\"", "data", "{\"google.x\":\"x\"}"}, "data.google.x", "keeps for itself"},
        {{"title", "\"t\"", "data", "{\"\":\"x\"}"}, "data.", "name"},
        {{"title", "\"t\"", "android", "\"x\""}, "android", "object"},
        {{"title", "\"t\"", "apns", "[]"}, "apns", "object"},
    };
    struct carrier *c = fixture_open(SERVICE_FCM, "{}", account);
    give_token(c, "t", 3600, NOW);
    fixture_not_built(c, "tok", rows, sizeof(rows) / sizeof(*rows));
    /* just fits */
    large[4093] = '"';
    large[4094] = '\0';
    struct carrier_content content[1] = {{SPAN_LIT("body"), span_of(large)}};
    struct parcel p = fixture_parcel("tok", content, 1);
    struct carrier_request r;
    struct carrier_fault why;
    carrier_request_init(&r);
    assert_int_equal(carrier_build(c, &p, 1, NOW, &r, &why), ERR_NONE);
    carrier_request_deinit(&r);
    carrier_free(c);
}

static void settings(void **state)
{
    (void)state;
    EVP_PKEY *curve = EVP_EC_gen("P-256"), *small = EVP_RSA_gen(1024);
    char *ec = make_account(curve, ""), *weak = make_account(small, ""), *plain = make_account(key, "");
    char *uri = make_account(key, ",\"token_uri\":\"ftp://x\"");
    const struct fixture_refusal rows[] = {
        {"{}", "{}", "serviceAccount", "is missing"},
        {"{}", "{\"serviceAccount\":\"{}\"}", "serviceAccount", "object"},
        {"{}", "{\"serviceAccount\":{}}", "serviceAccount.project_id", "is missing"},
        {"{}", "{\"serviceAccount\":{\"project_id\":\"../x\"}}", "serviceAccount.project_id", "project ID"},
        {"{\"projectId\":\"A\"}", "{\"serviceAccount\":{}}", "projectId", "project ID"},
        {"{}", "{\"serviceAccount\":{\"project_id\":\"p\",\"type\":\"authorized_user\"}}",
         "serviceAccount.type", "service_account"},
        {"{}", "{\"serviceAccount\":{\"project_id\":\"p\"}}", "serviceAccount.client_email", "is missing"},
        {"{}", "{\"serviceAccount\":{\"project_id\":\"p\",\"client_email\":\"a@b.example\"}}",
         "serviceAccount.private_key", "is missing"},
        {"{}",
         "{\"serviceAccount\":{\"project_id\":\"p\",\"client_email\":\"a@b.example\",\"private_key\":\"x\"}}",
         "serviceAccount.private_key", "no RSA key"},
        {"{}", ec, "serviceAccount.private_key", "no RSA key"},
        {"{}", weak, "serviceAccount.private_key", "2,048"},
        {"{}", uri, "serviceAccount.token_uri", "https or http"},
        {"{\"serviceAccount\":{}}", plain, "serviceAccount", "credential"},
    };
    fixture_refused(SERVICE_FCM, rows, sizeof(rows) / sizeof(*rows));
    struct carrier *c = fixture_open(SERVICE_FCM, "{}", plain);
    struct buf shown;
    buf_init(&shown, 1000);
    assert_int_equal(carrier_public(c, &shown), ERR_NONE);
    fixture_is(buf_span(&shown), "{\"projectId\":\"my-project\",\"clientEmail\":"
                                 "\"push@my-project.iam.gserviceaccount.com\"}");
    buf_deinit(&shown);
    carrier_free(c);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(small);
    mem_free(ec);
    mem_free(weak);
    mem_free(plain);
    mem_free(uri);
}

static void questions(void **state)
{
    (void)state;
    struct carrier *c = fixture_open(SERVICE_FCM, "{}", account);
    struct carrier_question q;
    enum err e = ERR_NONE;
    carrier_request_init(&q.request);
    assert_true(carrier_ask(c, 0, NOW, &q, &e));
    assert_string_equal(q.name, "token");
    assert_string_equal(q.request.method, "POST");
    fixture_is(q.request.url, "https://oauth2.googleapis.com/token");
    assert_false(carrier_ask(c, 1, NOW, &q, &e)); /* not before there is a token */
    assert_int_equal(e, ERR_DENIED);
    give_token(c, "t", 3600, NOW);
    assert_true(carrier_ask(c, 1, NOW, &q, &e));
    assert_string_equal(q.name, "validate");
    fixture_is(q.request.url, "https://fcm.googleapis.com/v1/projects/my-project/messages:send");
    fixture_is(buf_span(&q.request.body), "{\"validate_only\":true,\"message\":{\"topic\":\"todoke-verify\","
                                          "\"notification\":{\"title\":\"todoke\"}}}");
    assert_false(carrier_ask(c, 2, NOW, &q, &e));
    carrier_request_deinit(&q.request);
    carrier_free(c);
}

static void no_memory(void **state)
{
    (void)state;
    struct json_value body = json_root(SPAN_LIT("{\"access_token\":\"t\",\"expires_in\":3600}"));
    for (unsigned long n = 1;; n++) {
        struct carrier *c = NULL;
        struct carrier_fault why;
        struct carrier_request r;
        carrier_request_init(&r);
        (void)mem_fail_at(n);
        enum err e = carrier_open(&c, SERVICE_FCM, SPAN_LIT("{}"), span_of(account), &why);
        if (!e)
            e = carrier_grant_build(c, NOW, &r);
        bool hit = mem_fail_hit();
        (void)mem_fail_at(0);
        carrier_free(c);
        carrier_request_deinit(&r);
        assert_int_equal(e, hit ? ERR_NOMEM : ERR_NONE);
        if (!hit)
            break;
        assert_true(n < 1000);
    }
    struct grant g = {.key = NULL};
    (void)mem_fail_at(1);
    assert_false(grant_take(&g, body, NOW));
    (void)mem_fail_at(0);
    assert_true(grant_take(&g, body, NOW));
    (void)mem_fail_at(1);
    assert_false(grant_take(&g, body, NOW)); /* the one there was is kept */
    (void)mem_fail_at(0);
    assert_string_equal(g.token, "t");
    grant_deinit(&g);
    grant_deinit(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grant),       cmocka_unit_test(other_hosts), cmocka_unit_test(messages),
        cmocka_unit_test(bad_content), cmocka_unit_test(settings),    cmocka_unit_test(questions),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
