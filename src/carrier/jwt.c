#include "carrier/jwt.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/origin.h"
#include "carrier/base64url.h"

#define SIGNATURE_MAX 1024u /* of an RSA key of 8,192 bits */
#define HALF 32             /* bytes of each number of an ES256 signature */

/* ES256 is the two numbers side by side, where ECDSA gives them in DER. */
static bool flatten(unsigned char *signature, size_t *len)
{
    const unsigned char *p = signature;
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)*len);
    if (!sig)
        return false;
    bool ok = BN_bn2binpad(ECDSA_SIG_get0_r(sig), signature, HALF) == HALF &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), signature + HALF, HALF) == HALF;
    ECDSA_SIG_free(sig);
    *len = 2 * (size_t)HALF;
    return ok;
}

enum err jwt_sign(EVP_PKEY *key, struct span header, struct span claims, struct buf *out)
{
    size_t start = buf_len(out);
    enum err e = base64url_add(out, header.ptr, header.len);
    if (!e)
        e = buf_add(out, ".", 1);
    if (!e)
        e = base64url_add(out, claims.ptr, claims.len);
    if (e)
        return e;
    unsigned char signature[SIGNATURE_MAX];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature, &len, (const unsigned char *)buf_span(out).ptr + start,
                             buf_len(out) - start) == 1 &&
              (!EVP_PKEY_is_a(key, "EC") || flatten(signature, &len));
    EVP_MD_CTX_free(ctx);
    if (!ok) {
        ERR_clear_error();
        return err_origin(ctx ? ERR_INTERNAL : ERR_NOMEM);
    }
    e = buf_add(out, ".", 1);
    return e ? e : base64url_add(out, signature, len);
}
