/* What a sender of the kind smtp may be set to, and the keys that the node makes for it. */
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "carrier_fixture.h"

#define FROM "\"from\":{\"email\":\"news@example.com\",\"name\":\"News\"}"
#define PLAIN "{\"host\":\"mail.example\"," FROM "}"
#define DKIM                                                                                                 \
    "{\"host\":\"mail.example\"," FROM ",\"dkim\":{\"domain\":\"example.com\",\"selector\":\"todoke\"}}"

static void shown(void **state)
{
    (void)state;
    static const struct {
        const char *settings;
        enum carrier_security security;
        uint16_t port;
        const char *host;
    } rows[] = {
        {PLAIN, CARRIER_SECURITY_STARTTLS, 587, "mail.example"},
        {"{\"host\":\"127.0.0.1\",\"security\":\"none\"," FROM "}", CARRIER_SECURITY_NONE, 25, "127.0.0.1"},
        {"{\"host\":\"::1\",\"security\":\"tls\"," FROM "}", CARRIER_SECURITY_TLS, 465, "::1"},
        {"{\"host\":\"localhost\",\"security\":\"tls\",\"port\":2525," FROM "}", CARRIER_SECURITY_TLS, 2525,
         "localhost"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct carrier *c = fixture_open(SERVICE_SMTP, rows[i].settings, "{}");
        const struct carrier_smtp *s = carrier_smtp(c);
        assert_non_null(s);
        assert_string_equal(s->host, rows[i].host);
        assert_int_equal(s->port, rows[i].port);
        assert_int_equal(s->security, rows[i].security);
        assert_string_equal(s->from_email, "news@example.com");
        assert_string_equal(s->from_name, "News");
        assert_null(s->user);
        assert_null(s->password);
        assert_null(s->bounce_domain);
        assert_null(s->dkim_domain);
        assert_null(s->dkim_rsa);
        carrier_free(c);
    }
    struct carrier *c = fixture_open(
        SERVICE_SMTP, "{\"host\":\"a\",\"user\":\"u\",\"bounceDomain\":\"bounce.example.com\"," FROM "}",
        "{\"password\":\"p\\\"w\"}");
    assert_string_equal(carrier_smtp(c)->user, "u");
    assert_string_equal(carrier_smtp(c)->password, "p\"w");
    assert_string_equal(carrier_smtp(c)->bounce_domain, "bounce.example.com");
    /* it is not sent by requests */
    struct carrier_request r;
    struct carrier_fault why;
    struct parcel p = fixture_parcel("a@b.example", NULL, 0);
    carrier_request_init(&r);
    assert_int_equal(carrier_build(c, &p, 1, 0, &r, &why), ERR_INTERNAL);
    assert_int_equal(carrier_grant_build(c, 0, &r), ERR_INTERNAL);
    carrier_request_deinit(&r);
    carrier_free(c);
    c = fixture_open(SERVICE_LINE, "{}", "{\"channelAccessToken\":\"a\"}");
    assert_null(carrier_smtp(c));
    carrier_free(c);
}

static void settings(void **state)
{
    (void)state;
    static const struct fixture_refusal rows[] = {
        {"{" FROM "}", "{}", "host", "is missing"},
        {"{\"host\":\"a b\"," FROM "}", "{}", "host", "ASCII"},
        {"{\"host\":\"a..b\"," FROM "}", "{}", "host", "no name"},
        {"{\"host\":\"https://a\"," FROM "}", "{}", "host", "no name"},
        {"{\"host\":\"-a\"," FROM "}", "{}", "host", "no name"},
        {"{\"host\":\"::x\"," FROM "}", "{}", "host", "no name"},
        {"{\"host\":\"a\",\"port\":0," FROM "}", "{}", "port", "65535"},
        {"{\"host\":\"a\",\"port\":65536," FROM "}", "{}", "port", "65535"},
        {"{\"host\":\"a\",\"port\":\"25\"," FROM "}", "{}", "port", "whole number"},
        {"{\"host\":\"a\",\"security\":\"ssl\"," FROM "}", "{}", "security",
         "\"none\", \"starttls\", \"tls\""},
        {"{\"host\":\"a\",\"user\":\"u\"," FROM "}", "{}", "password", "is missing"},
        {PLAIN, "{\"password\":\"p\"}", "user", "is missing"},
        {"{\"host\":\"a\",\"user\":\"u\"," FROM "}", "{\"password\":\"p\\r\\nQUIT\"}", "password",
         "line breaks"},
        {"{\"host\":\"a\"}", "{}", "from.email", "is missing"},
        {"{\"host\":\"a\",\"from\":{\"email\":\"a@b.example\",\"name\":\"x\\r\\nBcc: y\"}}", "{}",
         "from.name", "line breaks"},
        {"{\"host\":\"a\",\"bounceDomain\":\"b\"," FROM "}", "{}", "bounceDomain", "domain"},
        {"{\"host\":\"a\",\"bounceDomain\":\"b@c.example\"," FROM "}", "{}", "bounceDomain", "domain"},
        {"{\"host\":\"a\",\"baseUrl\":\"https://b\"," FROM "}", "{}", "baseUrl", "no such setting"},
        {"{\"host\":\"a\",\"dkim\":{\"domain\":\"example.com\"}," FROM "}", "{}", "dkim.selector",
         "is missing"},
        {"{\"host\":\"a\",\"dkim\":{\"domain\":\"example.com\",\"selector\":\"a b\"}," FROM "}", "{}",
         "dkim.selector", "ASCII"},
        {"{\"host\":\"a\",\"dkim\":{\"domain\":\"example.com\",\"selector\":\"a\",\"key\":1}," FROM "}", "{}",
         "dkim.key", "no such setting"},
        {DKIM, "{}", "dkimRsaKey", "is missing"},
        {DKIM, "{\"dkimRsaKey\":\"x\"}", "dkimRsaKey", "RSA"},
    };
    fixture_refused(SERVICE_SMTP, rows, sizeof(rows) / sizeof(*rows));
    assert_false(carrier_has_member(SERVICE_SMTP, SPAN_LIT("baseUrl")));
    assert_true(carrier_has_member(SERVICE_SMTP, SPAN_LIT("guard")));
}

static void dkim(void **state)
{
    (void)state;
    struct buf secret, text;
    buf_init(&secret, 20000);
    buf_init(&text, 20000);
    assert_int_equal(carrier_keys(SERVICE_SMTP, SPAN_LIT(PLAIN), &secret), ERR_NONE);
    fixture_is(buf_span(&secret), "{}");
    buf_clear(&secret);
    assert_int_equal(carrier_keys(SERVICE_SMTP, SPAN_LIT(DKIM), &secret), ERR_NONE);
    struct carrier *c = NULL;
    struct carrier_fault why;
    assert_int_equal(carrier_open(&c, SERVICE_SMTP, SPAN_LIT(DKIM), buf_span(&secret), &why), ERR_NONE);
    assert_string_equal(carrier_smtp(c)->dkim_domain, "example.com");
    assert_string_equal(carrier_smtp(c)->dkim_selector, "todoke");
    assert_non_null(strstr(carrier_smtp(c)->dkim_rsa, "-----BEGIN PRIVATE KEY-----\n"));
    assert_int_equal(carrier_public(c, &text), ERR_NONE);
    assert_int_equal(json_check(buf_span(&text), JSON_DEPTH, NULL), ERR_NONE);
    struct json_value list, record, name, value;
    assert_int_equal(json_find(json_root(buf_span(&text)), "dkim", &list), ERR_NONE);
    struct json_iter it = json_elements(list);
    static const char *const names[] = {"todoke._domainkey.example.com",
                                        "todoke-ed25519._domainkey.example.com"};
    static const char *const heads[] = {"v=DKIM1; k=rsa; p=", "v=DKIM1; k=ed25519; p="};
    for (size_t i = 0; i < 2; i++) {
        struct span shown;
        unsigned char der[1024];
        assert_true(json_next_element(&it, &record));
        assert_int_equal(json_find(record, "name", &name), ERR_NONE);
        assert_true(json_string_is(name, names[i]));
        assert_int_equal(json_find(record, "value", &value), ERR_NONE);
        assert_true(json_string_plain(value, &shown));
        assert_true(span_starts(shown, span_of(heads[i])));
        /* the record is of the key that signs */
        struct span base64 = {shown.ptr + strlen(heads[i]), shown.len - strlen(heads[i])};
        int len = EVP_DecodeBlock(der, (const unsigned char *)base64.ptr, (int)base64.len);
        while (base64.len > 0 && base64.ptr[--base64.len] == '=')
            len--;
        BIO *bio = BIO_new_mem_buf(i == 0 ? carrier_smtp(c)->dkim_rsa : carrier_smtp(c)->dkim_ed25519, -1);
        EVP_PKEY *private = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL), *public = NULL;
        const unsigned char *p = der;
        public = i == 0 ? d2i_PUBKEY(NULL, &p, len)
                        : EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, der, (size_t)len);
        assert_non_null(public);
        assert_int_equal(EVP_PKEY_eq(private, public), 1);
        if (i == 0)
            assert_int_equal(EVP_PKEY_get_bits(public), 2048);
        EVP_PKEY_free(private);
        EVP_PKEY_free(public);
        BIO_free(bio);
    }
    assert_false(json_next_element(&it, &record));
    carrier_free(c);
    buf_deinit(&secret);
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shown), cmocka_unit_test(settings),
                                       cmocka_unit_test(dkim)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
