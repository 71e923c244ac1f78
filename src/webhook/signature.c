#include "webhook/signature.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/decimal.h"

/*
 * Fetching the algorithm and its digest costs more than hashing a webhook, so each thread creates one context
 * and sets a new key for each signature.
 */
static pthread_key_t context_key;
static bool context_key_made;

static void free_context(void *ctx)
{
    EVP_MAC_CTX_free(ctx);
}

static void make_key(void)
{
    context_key_made = pthread_key_create(&context_key, free_context) == 0;
}

static EVP_MAC_CTX *new_context(void)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac); /* the context holds its own reference */
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    if (ctx && EVP_MAC_CTX_set_params(ctx, params) && pthread_setspecific(context_key, ctx) == 0)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

/* key.ptr NULL: reuses the key of the previous call on this thread. */
static enum err hmac_parts(struct span key, const struct span *parts, size_t count, char *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_key);
    if (!context_key_made)
        return ERR_NOMEM;
    EVP_MAC_CTX *ctx = pthread_getspecific(context_key);
    if (!ctx)
        ctx = new_context();
    if (!ctx)
        return ERR_NOMEM;
    unsigned char mac[32];
    size_t len = 0;
    int ok = EVP_MAC_init(ctx, (const unsigned char *)key.ptr, key.len, NULL);
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_MAC_update(ctx, (const unsigned char *)parts[i].ptr, parts[i].len);
    ok = ok && EVP_MAC_final(ctx, mac, &len, sizeof(mac));
    if (!ok || len != sizeof(mac))
        return ERR_NOMEM; /* with this digest only allocation can fail */
    /*
     * libsodium's base64 takes 140 ns more to be constant-time, which a signature does not need: it is sent.
     */
    (void)EVP_EncodeBlock((unsigned char *)out, mac, sizeof(mac));
    return ERR_NONE;
}

enum err signature_line(struct span secret, struct span body, char out[static SIGNATURE_LEN + 1])
{
    return hmac_parts(secret, &body, 1, out);
}

static enum err standard(struct span key, struct span id, int64_t timestamp_s, struct span body, char *out)
{
    char timestamp[DECIMAL_LEN + 2] = ".";
    size_t n = 1 + decimal_put(timestamp + 1, (uint64_t)timestamp_s);
    timestamp[n++] = '.';
    const struct span parts[] = {id, {timestamp, n}, body};
    memcpy(out, "v1,", 3);
    return hmac_parts(key, parts, 3, out + 3);
}

enum err signature_standard(struct span secret, struct span id, int64_t timestamp_s, struct span body,
                            char out[static SIGNATURE_LEN + 4])
{
    return standard(secret, id, timestamp_s, body, out);
}

enum err signature_both(struct span secret, struct span id, int64_t timestamp_s, struct span body,
                        char line[static SIGNATURE_LEN + 1], char out[static SIGNATURE_LEN + 4])
{
    enum err e = signature_line(secret, body, line);
    return e ? e : standard((struct span){NULL, 0}, id, timestamp_s, body, out);
}
