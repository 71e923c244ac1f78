/*
 * What was rendered, on its way into a request: a service (first byte) and an object of JSON with the
 * content's members. It is refused with a member and words, or the body is JSON; and of LINE's textV2 nothing
 * is left that reads like a placeholder and is none.
 */
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/json_scan.h"
#include "carrier/carrier.h"
#include "carrier/carrier_core.h"
#include "fuzz.h"

static const struct {
    enum service service;
    const char *settings, *secret;
} senders[] = {
    {SERVICE_LINE, "{}", "{\"channelAccessToken\":\"t\"}"},
    {SERVICE_SENDGRID, "{\"from\":{\"email\":\"a@b.example\"}}", "{\"apiKey\":\"k\"}"},
    {SERVICE_FCM, "{}", NULL}, /* its key is made */
    {SERVICE_WEBPUSH, "{\"subject\":\"mailto:a@b.example\"}",
     "{\"privateKey\":\"yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw\"}"},
};
#define SENDERS (sizeof(senders) / sizeof(*senders))

static void need(bool ok, const char *what, struct span body)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s: %.*s\n", what, (int)body.len, body.ptr);
    abort();
}

/* Outside of doubled braces each brace belongs to a placeholder that "substitution" declares, once. */
static void check_text(struct span text, struct json_value declared, struct span body)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '{' && text.ptr[i] != '}')
            continue;
        if (i + 1 < text.len && text.ptr[i + 1] == text.ptr[i]) {
            i++;
            continue;
        }
        const char *end = memchr(text.ptr + i, '}', text.len - i);
        char name[64] = "";
        struct json_value value;
        need(text.ptr[i] == '{' && end && (size_t)(end - text.ptr) - i < sizeof(name), "a brace alone", body);
        memcpy(name, text.ptr + i + 1, (size_t)(end - text.ptr) - i - 1);
        need(name[0] && json_find(declared, name, &value) != ERR_NOT_FOUND, "a placeholder that is none",
             body);
        i = (size_t)(end - text.ptr);
    }
}

static void check_line(struct span body)
{
    struct json_value messages, message, type, text, declared = {.kind = JSON_KIND_NONE};
    need(json_find(json_root(body), "messages", &messages) == ERR_NONE, "no messages", body);
    struct json_iter it = json_elements(messages);
    while (json_next_element(&it, &message)) {
        if (json_find(message, "type", &type) || !json_string_is(type, "textV2"))
            continue;
        struct buf decoded;
        buf_init(&decoded, 1u << 20);
        need(json_find(message, "text", &text) == ERR_NONE && json_string_decode(text, &decoded) == ERR_NONE,
             "no text", body);
        if (json_find(message, "substitution", &declared) == ERR_NOT_FOUND)
            declared.kind = JSON_KIND_NONE;
        check_text(buf_span(&decoded), declared, body);
        buf_deinit(&decoded);
    }
}

/* A service account with a key of its own, and a token as if it had been asked for. */
static struct carrier *open_fcm(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    struct carrier *c = NULL;
    struct carrier_fault why;
    struct buf secret;
    buf_init(&secret, 1u << 16);
    if (!key || !bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        abort();
    long len = BIO_get_mem_data(bio, &pem);
    if (buf_add_str(&secret, "{\"serviceAccount\":{\"project_id\":\"p\",\"client_email\":\"a@b.example\","
                             "\"private_key\":") ||
        json_write_quoted(&secret, (struct span){pem, (size_t)len}) || buf_add_str(&secret, "}}") ||
        carrier_open(&c, SERVICE_FCM, SPAN_LIT("{}"), buf_span(&secret), &why))
        abort();
    struct answer a = {.status = 200, .body = SPAN_LIT("{\"access_token\":\"t\"}")};
    if (!c->service->grant_take(c, &a, 1700000000000))
        abort();
    BIO_free(bio);
    EVP_PKEY_free(key);
    buf_deinit(&secret);
    return c;
}

static struct carrier *open_sender(size_t which)
{
    struct carrier *c = NULL;
    struct carrier_fault why;
    if (!senders[which].secret)
        return open_fcm();
    if (carrier_open(&c, senders[which].service, span_of(senders[which].settings),
                     span_of(senders[which].secret), &why))
        abort();
    return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct carrier *carriers[SENDERS];
    struct carrier_fault why;
    if (size == 0 || size > 65536)
        return 0;
    size_t which = data[0] % SENDERS;
    struct span text = {(const char *)data + 1, size - 1};
    if (json_check(text, JSON_DEPTH, NULL))
        return 0;
    if (!carriers[which])
        carriers[which] = open_sender(which);
    struct carrier_content content[CARRIER_CONTENT_MAX];
    struct parcel p = {
        .target = SPAN_LIT("https://push.example/x"),
        .p256dh = SPAN_LIT(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        .auth = SPAN_LIT("BTBZMqHH6r4Tts7J_aSIgg"),
        .key = "123e4567-e89b-42d3-a456-426614174000",
        .members = content};
    struct json_iter it = json_members(json_root(text));
    struct span name;
    struct json_value value;
    while (p.member_count < CARRIER_CONTENT_MAX && json_next_member(&it, &name, &value))
        content[p.member_count++] = (struct carrier_content){name, value.raw};
    struct carrier_request r;
    carrier_request_init(&r);
    enum err e = carrier_build(carriers[which], &p, 1, 1700000000000, &r, &why);
    struct span body = buf_span(&r.body);
    need(e == ERR_NONE || e == ERR_INVALID || e == ERR_LIMIT, "neither built nor refused", text);
    if (e) {
        need(why.property[0] && why.message[0], "refused without words", text);
    } else if (senders[which].service != SERVICE_WEBPUSH) {
        need(json_check(body, JSON_DEPTH + 8, NULL) == ERR_NONE, "no JSON", body);
        if (senders[which].service == SERVICE_LINE)
            check_line(body);
    }
    carrier_request_deinit(&r);
    return 0;
}
