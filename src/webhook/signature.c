#include "webhook/signature.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdio.h>

#include "base/base64.h"

/* Fetching the algorithm costs more than hashing a webhook: once for the process. */
static EVP_MAC *hmac;

static void fetch(void)
{
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
}

static enum err hmac_parts(struct span key, const struct span *parts, size_t count, char *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, fetch);
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    if (!ctx)
        return ERR_NOMEM;
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    unsigned char mac[32];
    size_t len = 0;
    int ok = EVP_MAC_init(ctx, (const unsigned char *)key.ptr, key.len, params);
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_MAC_update(ctx, (const unsigned char *)parts[i].ptr, parts[i].len);
    ok = ok && EVP_MAC_final(ctx, mac, &len, sizeof(mac));
    EVP_MAC_CTX_free(ctx);
    if (!ok || len != sizeof(mac))
        return ERR_NOMEM; /* nothing else can fail with this digest */
    out[base64_encode((struct span){(const char *)mac, sizeof(mac)}, out)] = '\0';
    return ERR_NONE;
}

enum err signature_line(struct span secret, struct span body, char out[static SIGNATURE_LEN + 1])
{
    return hmac_parts(secret, &body, 1, out);
}

enum err signature_standard(struct span secret, struct span id, int64_t timestamp_s, struct span body,
                            char out[static SIGNATURE_LEN + 4])
{
    char timestamp[32];
    int n = snprintf(timestamp, sizeof(timestamp), ".%lld.", (long long)timestamp_s);
    const struct span parts[] = {id, {timestamp, (size_t)n}, body};
    memcpy(out, "v1,", 3);
    return hmac_parts(secret, parts, 3, out + 3);
}
