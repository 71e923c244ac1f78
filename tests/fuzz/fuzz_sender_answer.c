/*
 * What a service answers: a service, a status (two bytes), a number of messages, a header's value (a line),
 * the body. Whatever it is, each message has one result: taken, failed with words, or spared to be sent
 * again; and an access token that is taken can stand in a header.
 */
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/json_write.h"
#include "base/utf8.h"
#include "carrier/carrier.h"
#include "fuzz.h"

#define MANY 8

static const struct {
    enum service service;
    const char *settings, *secret, *header;
    const char *questions[5];
} senders[] = {
    {SERVICE_LINE,
     "{}",
     "{\"channelAccessToken\":\"t\"}",
     "x-line-request-id",
     {"bot", "quota", "consumption", "validate"}},
    {SERVICE_SENDGRID,
     "{\"from\":{\"email\":\"a@b.example\"}}",
     "{\"apiKey\":\"k\"}",
     "x-message-id",
     {"scopes", "validate", "quota"}},
    {SERVICE_FCM, "{}", NULL, "retry-after", {"token", "validate"}}, /* its key is made */
    {SERVICE_WEBPUSH,
     "{\"subject\":\"mailto:a@b.example\"}",
     "{\"privateKey\":\"yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw\"}",
     "location",
     {NULL}},
};
#define SENDERS (sizeof(senders) / sizeof(*senders))

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static struct carrier *open_sender(size_t which)
{
    struct carrier *c = NULL;
    struct carrier_fault why;
    struct buf secret;
    buf_init(&secret, 1u << 16);
    if (senders[which].secret) {
        need(buf_add_str(&secret, senders[which].secret) == ERR_NONE, "no memory");
    } else {
        EVP_PKEY *key = EVP_RSA_gen(2048);
        BIO *bio = BIO_new(BIO_s_mem());
        char *pem = NULL;
        need(key && bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1, "no key");
        long len = BIO_get_mem_data(bio, &pem);
        need(!buf_add_str(&secret,
                          "{\"serviceAccount\":{\"project_id\":\"p\",\"client_email\":\"a@b.example\","
                          "\"private_key\":") &&
                 !json_write_quoted(&secret, (struct span){pem, (size_t)len}) && !buf_add_str(&secret, "}}"),
             "no memory");
        BIO_free(bio);
        EVP_PKEY_free(key);
    }
    need(carrier_open(&c, senders[which].service, span_of(senders[which].settings), buf_span(&secret),
                      &why) == ERR_NONE,
         "not opened");
    buf_deinit(&secret);
    return c;
}

static void check_words(const struct receipt *r)
{
    uint32_t cp = 0;
    need(!r->failed || r->text_len > 0, "failed without words");
    need(r->text_len <= RECEIPT_TEXT_MAX, "words past their room");
    for (size_t i = 0, n; i < r->text_len; i += n)
        need((n = utf8_next(r->text + i, r->text_len - i, &cp)) > 0, "words that are no UTF-8");
}

static void check_results(const struct carrier_result *r, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_words(&r[i].receipt);
        need(memchr(r[i].service_id, '\0', sizeof(r[i].service_id)) != NULL, "an id without end");
        need(!r[i].alone || r[i].spared, "alone, and not spared");
        need(!r[i].spared ||
                 (count > 1 && r[i].receipt.failed && r[i].receipt.retry == RECEIPT_RETRY_YES &&
                  r[i].receipt.effect == RECEIPT_NO_EFFECT && r[i].receipt.seed_effect == RECEIPT_NO_EFFECT),
             "spared, and not to be sent again");
        need(r[i].receipt.failed == r[0].receipt.failed, "one request both taken and refused");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct carrier *carriers[SENDERS];
    if (size < 4)
        return 0;
    size_t which = data[0] % SENDERS, count = 1 + data[3] % MANY;
    struct span rest = {(const char *)data + 4, size - 4};
    const char *end = rest.len ? memchr(rest.ptr, '\n', rest.len) : NULL;
    struct answer_header header = {span_of(senders[which].header),
                                   {rest.ptr, end ? (size_t)(end - rest.ptr) : 0}};
    struct answer a = {.status = (data[1] << 8 | data[2]) % 1000, .headers = &header, .header_count = 1};
    a.now_ms = 1700000000000;
    a.body = end ? (struct span){end + 1, rest.len - header.value.len - 1} : rest;
    if (!carriers[which])
        carriers[which] = open_sender(which);
    struct parcel parcels[MANY] = {{.job_id = 1}};
    struct carrier_result results[MANY];
    carrier_read(carriers[which], &a, parcels, count, results);
    check_results(results, count);
    struct carrier_facts facts;
    struct receipt r;
    for (size_t i = 0; senders[which].questions[i]; i++) {
        carrier_facts_init(&facts);
        carrier_told(carriers[which], senders[which].questions[i], &a, &facts, &r);
        check_words(&r);
        need(memchr(facts.account, '\0', sizeof(facts.account)) && facts.quota >= -1 && facts.used >= -1,
             "no facts");
    }
    if (carrier_grant_read(carriers[which], &a, a.now_ms, &r)) {
        need(r.failed, "no token, and no failure");
        check_words(&r);
    } else {
        need(!carrier_grant_wanted(carriers[which], a.now_ms), "a token that is wanted again at once");
        carrier_grant_drop(carriers[which]);
    }
    return 0;
}
