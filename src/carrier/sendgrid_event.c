#include "carrier/sendgrid_event.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 256u       /* bytes of an SPKI of P-256: 91 */
#define SIGNATURE_MAX 128u /* bytes of a signature in DER: at most 72 */

static bool decode(struct span text, uint8_t *out, size_t max, size_t *ret)
{
    return sodium_base642bin(out, max, text.ptr, text.len, NULL, ret, NULL, sodium_base64_VARIANT_ORIGINAL) ==
           0;
}

static bool is_recent(struct span timestamp, int64_t now_ms)
{
    int64_t s = 0;
    if (timestamp.len == 0 || timestamp.len > 12)
        return false;
    for (size_t i = 0; i < timestamp.len; i++) {
        if (timestamp.ptr[i] < '0' || timestamp.ptr[i] > '9')
            return false;
        s = s * 10 + (timestamp.ptr[i] - '0');
    }
    const int64_t apart = now_ms / 1000 - s;
    return apart <= SENDGRID_EVENT_OLD_S && apart >= -SENDGRID_EVENT_OLD_S;
}

bool sendgrid_event_verify(const char *key, struct span signature, struct span timestamp, struct span body,
                           int64_t now_ms)
{
    uint8_t spki[KEY_MAX], der[SIGNATURE_MAX];
    size_t spki_len, der_len;
    if (!is_recent(timestamp, now_ms) ||
        !decode((struct span){key, strlen(key)}, spki, sizeof(spki), &spki_len) ||
        !decode(signature, der, sizeof(der), &der_len))
        return false;
    const uint8_t *p = spki;
    EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)spki_len);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool sound = pkey && md && EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
                 EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, pkey) == 1 &&
                 EVP_DigestVerifyUpdate(md, timestamp.ptr, timestamp.len) == 1 &&
                 EVP_DigestVerifyUpdate(md, body.ptr, body.len) == 1 &&
                 EVP_DigestVerifyFinal(md, der, der_len) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(pkey);
    return sound;
}

/* A number that is written as such or as a text: custom_args are texts. */
static int64_t number_of(struct json_value v)
{
    struct span text = v.raw;
    char digits[24];
    if (v.kind == JSON_KIND_STRING && !json_string_plain(v, &text))
        return 0;
    if ((v.kind != JSON_KIND_STRING && v.kind != JSON_KIND_NUMBER) || text.len == 0 ||
        text.len >= sizeof(digits))
        return 0;
    memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    char *end;
    long long n = strtoll(digits, &end, 10);
    return *end == '\0' && n > 0 ? n : 0;
}

bool sendgrid_event_next(struct json_iter *it, struct sendgrid_event *ret)
{
    struct json_value event;
    if (!json_next_element(it, &event))
        return false;
    struct json_field f[] = {{.key = "todoke_job"}, {.key = "todoke_message"}, {.key = "email"}};
    *ret = (struct sendgrid_event){.raw = event.raw, .email = SPAN_LIT("")};
    if (json_pick(event, f, 3))
        return true;
    ret->job_id = number_of(f[0].value);
    ret->n = number_of(f[1].value);
    if (!json_string_plain(f[2].value, &ret->email))
        ret->email = SPAN_LIT("");
    return true;
}
