/* What answers say of each message of a request, of an access token, of a sender that is being verified. */
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/json_write.h"
#include "carrier_fixture.h"

#define NOW INT64_C(1700000000000)
#define MANY 5

static struct carrier *sendgrid, *line, *fcm, *webpush;

static int set_up(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    struct buf secret;
    buf_init(&secret, 1u << 16);
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &pem);
    assert_int_equal(buf_add_str(&secret,
                                 "{\"serviceAccount\":{\"project_id\":\"p\",\"client_email\":\"a@b.example\","
                                 "\"private_key\":"),
                     ERR_NONE);
    assert_int_equal(json_write_quoted(&secret, (struct span){pem, (size_t)len}), ERR_NONE);
    assert_int_equal(buf_add(&secret, "}}", 3), ERR_NONE);
    fcm = fixture_open(SERVICE_FCM, "{}", secret.data);
    sendgrid = fixture_open(SERVICE_SENDGRID, "{\"from\":{\"email\":\"a@b.example\"}}", "{\"apiKey\":\"k\"}");
    line = fixture_open(SERVICE_LINE, "{}", "{\"channelAccessToken\":\"t\"}");
    webpush = fixture_open(SERVICE_WEBPUSH, "{\"subject\":\"mailto:a@b.example\"}",
                           "{\"privateKey\":\"yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw\"}");
    buf_deinit(&secret);
    BIO_free(bio);
    EVP_PKEY_free(key);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    carrier_free(fcm);
    carrier_free(sendgrid);
    carrier_free(line);
    carrier_free(webpush);
    return 0;
}

static struct answer answer(int status, const char *body, const struct answer_header *header)
{
    return (struct answer){.status = status,
                           .body = span_of(body),
                           .headers = header,
                           .header_count = header ? 1 : 0,
                           .now_ms = NOW};
}

static void accepted(void **state)
{
    (void)state;
    static const struct {
        struct carrier **c;
        int status;
        const char *body;
        struct answer_header header;
        const char *id;
    } rows[] = {
        {&sendgrid, 202, "", {SPAN_LIT("X-Message-Id"), SPAN_LIT("abc.def")}, "abc.def"},
        {&sendgrid, 202, "", {SPAN_LIT("date"), SPAN_LIT("x")}, ""},
        {&line,
         200,
         "{\"sentMessages\":[{\"id\":\"461230966842064897\",\"quoteToken\":\"q\"},{\"id\":\"2\"}]}",
         {SPAN_LIT("x-line-request-id"), SPAN_LIT("r")},
         "461230966842064897"},
        {&line, 200, "{}", {SPAN_LIT("x-line-request-id"), SPAN_LIT("r-1")}, "r-1"},
        {&line,
         409,
         "{\"message\":\"The retry key is already accepted\",\"sentMessages\":[{\"id\":\"7\"}]}",
         {SPAN_LIT("x-line-accepted-request-id"), SPAN_LIT("r-2")},
         "7"},
        {&line,
         409,
         "{\"message\":\"The retry key is already accepted\"}",
         {SPAN_LIT("x-line-accepted-request-id"), SPAN_LIT("r-2")},
         "r-2"},
        {&fcm,
         200,
         "{\"name\":\"projects/p/messages/0:17%31\"}",
         {SPAN_LIT("a"), SPAN_LIT("")},
         "projects/p/messages/0:17%31"},
        {&fcm, 200, "no JSON", {SPAN_LIT("a"), SPAN_LIT("")}, ""},
        {&webpush,
         201,
         "",
         {SPAN_LIT("Location"), SPAN_LIT("https://push.example/m/1")},
         "https://push.example/m/1"},
        {&webpush,
         201,
         "",
         {SPAN_LIT("Location"), SPAN_LIT("a\x01"
                                         "b")},
         ""}, /* nothing that is not shown */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct answer a = answer(rows[i].status, rows[i].body, &rows[i].header);
        struct parcel p[2] = {fixture_parcel("a", NULL, 0), fixture_parcel("b", NULL, 0)};
        struct carrier_result r[2];
        carrier_read(*rows[i].c, &a, p, 2, r);
        for (size_t k = 0; k < 2; k++) {
            assert_false(r[k].receipt.failed);
            assert_false(r[k].spared);
            assert_string_equal(r[k].service_id, rows[i].id);
        }
    }
    carrier_read(line, &(struct answer){.status = 200}, NULL, 0, NULL);
}

/* A letter a message: b blamed (failed for good), s spared, a to be sent alone, w all of them failed. */
static void blamed(void **state)
{
    (void)state;
    static const struct {
        struct carrier **c;
        int status;
        const char *body, *want;
    } rows[] = {
        {&sendgrid, 400,
         "{\"errors\":[{\"message\":\"Does not contain a valid "
         "address.\",\"field\":\"personalizations.3.to.0.email\"}]}",
         "sssbs"},
        {&sendgrid, 400,
         "{\"errors\":[{\"message\":\"Does not contain a valid "
         "address.\",\"field\":\"personalizations.0.to.0.email\"},"
         "{\"message\":\"Does not contain a valid address.\",\"field\":\"personalizations.4.to.0.email\"}]}",
         "bsssb"},
        {&sendgrid, 400,
         "{\"errors\":[{\"message\":\"The subject is required.\",\"field\":\"subject\",\"help\":\"x\"}]}",
         "wwwww"},
        {&sendgrid, 400, "<html>Bad Request</html>", "wwwww"},
        /* nobody named: each alone */
        {&sendgrid, 400,
         "{\"errors\":[{\"message\":\"Does not contain a valid address.\",\"field\":\"to\"}]}", "aaaaa"},
        {&sendgrid, 401,
         "{\"errors\":[{\"message\":\"The provided authorization grant is invalid, expired, or "
         "revoked\",\"field\":null}]}",
         "wwwww"},
        {&sendgrid, 503, "", "wwwww"},
        {&line, 400,
         "{\"message\":\"The request body has 1 error(s)\",\"details\":[{\"message\":\"May not be "
         "empty\",\"property\":"
         "\"to[1]\"}]}",
         "sbsss"},
        {&line, 400,
         "{\"message\":\"The property, 'to[4]', in the request body is invalid (line: 1, column: 9)\"}",
         "ssssb"},
        {&line, 400,
         "{\"message\":\"The property, 'to', in the request body is invalid (line: -, column: -)\"}",
         "aaaaa"},
        {&line, 400,
         "{\"message\":\"A message (messages[0]) in the request body is "
         "invalid\",\"details\":[{\"message\":\"x\","
         "\"property\":\"messages[0].text\"}]}",
         "wwwww"},
        {&line, 400,
         "{\"message\":\"The request body has 2 "
         "error(s)\",\"details\":[{\"message\":\"x\",\"property\":\"to[0]\"},"
         "{\"message\":\"x\",\"property\":\"messages[0].text\"}]}",
         "wwwww"},
        {&line, 400, "{\"message\":\"The property, 'to[99]', in the request body is invalid\"}", "aaaaa"},
        {&line, 429, "{\"message\":\"You have reached your monthly limit.\"}", "wwwww"},
        {&line, 500, "{\"message\":\"Internal Server Error\"}", "wwwww"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct answer a = answer(rows[i].status, rows[i].body, NULL);
        struct parcel p[MANY];
        struct carrier_result r[MANY];
        char got[MANY + 1] = "";
        for (size_t k = 0; k < MANY; k++)
            p[k] = fixture_parcel("a", NULL, 0);
        carrier_read(*rows[i].c, &a, p, MANY, r);
        bool some = strchr(rows[i].want, 'b') != NULL;
        for (size_t k = 0; k < MANY; k++) {
            got[k] = r[k].spared ? (r[k].alone ? 'a' : 's') : some ? 'b' : 'w';
            assert_true(r[k].receipt.failed);
            assert_true(r[k].receipt.text_len > 0);
            if (r[k].spared) {
                assert_int_equal(r[k].receipt.retry, RECEIPT_RETRY_YES);
                assert_int_equal(r[k].receipt.effect, RECEIPT_NO_EFFECT);
                assert_int_equal(r[k].receipt.seed_effect, RECEIPT_NO_EFFECT);
            } else if (some) {
                assert_int_equal(r[k].receipt.retry, RECEIPT_RETRY_NO);
            }
        }
        if (strcmp(got, rows[i].want) != 0)
            print_error("row %zu: %s\n", i, got);
        assert_string_equal(got, rows[i].want);
        /* one alone is never spared: the answer is about it */
        carrier_read(*rows[i].c, &a, p, 1, r);
        assert_false(r[0].spared);
        assert_true(r[0].receipt.failed);
        /* without memory nobody is failed for another's sake */
        if (some) {
            (void)mem_fail_at(1);
            carrier_read(*rows[i].c, &a, p, MANY, r);
            (void)mem_fail_at(0);
            for (size_t k = 0; k < MANY; k++)
                assert_true(r[k].spared && r[k].alone);
        }
    }
}

/* What the answer says of one does not become another's text. */
static void own_words(void **state)
{
    (void)state;
    struct answer a = answer(400,
                             "{\"errors\":[{\"message\":\"Does not contain a valid "
                             "address.\",\"field\":\"personalizations.0.to.0.email\"},"
                             "{\"message\":\"The custom_args must not exceed 10,000 "
                             "bytes.\",\"field\":\"personalizations.1.custom_args\"}]}",
                             NULL);
    struct parcel p[3];
    struct carrier_result r[3];
    for (size_t k = 0; k < 3; k++)
        p[k] = fixture_parcel("a", NULL, 0);
    carrier_read(sendgrid, &a, p, 3, r);
    assert_int_equal(r[0].receipt.error, DELIVERY_ERROR_client_address);
    assert_int_not_equal(r[1].receipt.error, DELIVERY_ERROR_client_address);
    assert_false(r[1].spared);
    assert_true(r[2].spared && !r[2].alone);
}

/* An exchange that failed is judged by what may have happened, and nobody is told apart. */
static void lost(void **state)
{
    (void)state;
    struct outcome o = {.processed = PROCESSED_UNKNOWN};
    struct answer a = {.outcome = &o};
    struct parcel p[2] = {fixture_parcel("a", NULL, 0), fixture_parcel("b", NULL, 0)};
    struct carrier_result r[2];
    carrier_read(sendgrid, &a, p, 2, r);
    assert_int_equal(r[1].receipt.retry, RECEIPT_RETRY_SENT_UNKNOWN);
    assert_false(r[1].spared);
    carrier_read(line, &a, p, 2, r);
    assert_int_not_equal(r[1].receipt.retry, RECEIPT_RETRY_SENT_UNKNOWN); /* it has a retry key */
}

static void grants(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum receipt_whom scope;
    } rows[] = {
        {400, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}",
         RECEIPT_ACCOUNT},
        {200, "{}", RECEIPT_PROVIDER},
        {200, "{\"access_token\":\"\"}", RECEIPT_PROVIDER},
        {200, "{\"access_token\":\"a\\r\\nx: y\"}", RECEIPT_PROVIDER},
        {200, "<html>", RECEIPT_PROVIDER},
        {503, "", RECEIPT_PROVIDER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct answer a = answer(rows[i].status, rows[i].body, NULL);
        struct receipt r;
        assert_int_equal(carrier_grant_read(fcm, &a, NOW, &r), ERR_DENIED);
        assert_true(r.failed);
        assert_true(r.text_len > 0);
        assert_int_equal(r.scope, rows[i].scope);
        assert_int_equal(r.effect == RECEIPT_PAUSE_JOB, rows[i].scope == RECEIPT_ACCOUNT);
        assert_true(carrier_grant_wanted(fcm, NOW));
    }
    struct answer a =
        answer(200, "{\"access_token\":\"ya29.x\",\"expires_in\":3599,\"token_type\":\"Bearer\"}", NULL);
    struct receipt r;
    assert_int_equal(carrier_grant_read(fcm, &a, NOW, &r), ERR_NONE);
    assert_false(carrier_grant_wanted(fcm, NOW));
    /* a bad answer later takes nothing away */
    a = answer(503, "", NULL);
    assert_int_equal(carrier_grant_read(fcm, &a, NOW, &r), ERR_DENIED);
    assert_false(carrier_grant_wanted(fcm, NOW));
    carrier_grant_drop(fcm);
    a = answer(200, "{\"access_token\":\"x\"}", NULL);
    assert_int_equal(carrier_grant_read(line, &a, NOW, &r), ERR_DENIED);
}

static void verified(void **state)
{
    (void)state;
    static const struct {
        struct carrier **c;
        const char *question;
        int status;
        const char *body;
        bool failed;
        int64_t quota, used;
        const char *account, *says;
    } rows[] = {
        {&line, "bot", 200, "{\"userId\":\"U1\",\"displayName\":\"Sh\\u00f3p\"}", false, -1, -1,
         "Sh\xc3\xb3p", ""},
        {&line, "bot", 200, "<html>", true, -1, -1, "", "not what LINE answers"},
        {&line, "bot", 401,
         "{\"message\":\"Authentication failed due to the following reason: invalid token\"}", true, -1, -1,
         "", "Authentication failed"},
        {&line, "quota", 200, "{\"type\":\"limited\",\"value\":1000}", false, 1000, -1, "", ""},
        {&line, "quota", 200, "{\"type\":\"none\"}", false, -1, -1, "", ""},
        {&line, "quota", 500, "", false, -1, -1, "", NULL}, /* it can send all the same */
        {&line, "consumption", 200, "{\"totalUsage\":500}", false, -1, 500, "", ""},
        {&line, "consumption", 200, "{\"totalUsage\":-5}", false, -1, -1, "", ""},
        {&line, "validate", 200, "{}", false, -1, -1, "", ""},
        {&line, "validate", 403, "{\"message\":\"Access to this API is not available for your account\"}",
         true, -1, -1, "", "Access to this API"},
        {&sendgrid, "scopes", 200, "{\"scopes\":[\"alerts.read\",\"mail.send\"]}", false, -1, -1, "", ""},
        {&sendgrid, "scopes", 200, "{\"scopes\":[\"alerts.read\"]}", true, -1, -1, "", "mail.send"},
        {&sendgrid, "scopes", 200, "[]", true, -1, -1, "", "not what SendGrid answers"},
        {&sendgrid, "validate", 200, "", false, -1, -1, "", ""},
        {&sendgrid, "validate", 403,
         "{\"errors\":[{\"message\":\"The from address does not match a verified Sender "
         "Identity.\",\"field\":\"from\"}]}",
         true, -1, -1, "", ""},
        {&sendgrid, "quota", 200, "{\"remain\":90,\"total\":100,\"used\":10}", false, 100, 10, "", ""},
        {&sendgrid, "quota", 403, "{\"errors\":[{\"message\":\"access forbidden\"}]}", false, -1, -1, "",
         NULL},
        {&fcm, "token", 200, "{\"access_token\":\"t\",\"expires_in\":3600}", false, -1, -1, "a@b.example",
         ""},
        {&fcm, "token", 200, "{}", true, -1, -1, "a@b.example", "without an access token"},
        {&fcm, "token", 400, "{\"error\":\"invalid_grant\"}", true, -1, -1, "", ""},
        {&fcm, "validate", 200, "{\"name\":\"projects/p/messages/fake_message_id\"}", false, -1, -1,
         "a@b.example", ""},
        {&fcm, "validate", 302, "", true, -1, -1, "", ""},
        {&fcm, "no such question", 200, "{}", true, -1, -1, "", "no answer"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct answer a = answer(rows[i].status, rows[i].body, NULL);
        struct carrier_facts facts;
        struct receipt r;
        carrier_facts_init(&facts);
        carrier_told(*rows[i].c, rows[i].question, &a, &facts, &r);
        if (r.failed != rows[i].failed || (rows[i].says && !strstr(r.text, rows[i].says)))
            print_error("row %zu: failed %d '%.*s'\n", i, r.failed, (int)r.text_len, r.text);
        assert_int_equal(r.failed, rows[i].failed);
        assert_int_equal(facts.quota, rows[i].quota);
        assert_int_equal(facts.used, rows[i].used);
        assert_string_equal(facts.account, rows[i].account);
        assert_true(!rows[i].says || strstr(r.text, rows[i].says));
        assert_true(!r.failed || r.text_len > 0);
    }
    carrier_grant_drop(fcm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted), cmocka_unit_test(blamed), cmocka_unit_test(own_words),
        cmocka_unit_test(lost),     cmocka_unit_test(grants), cmocka_unit_test(verified),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
