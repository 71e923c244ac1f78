#pragma once
/* Takes a signed token apart and verifies it with OpenSSL. */
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "base/buf.h"
#include "carrier/base64url.h"
#include "carrier_fixture.h"

static inline size_t jwt_decode(struct span text, unsigned char *out, size_t size)
{
    size_t len = text.len * 3 / 4;
    assert_true(len < size);
    assert_int_equal(base64url_decode(text, out, len), ERR_NONE);
    out[len] = '\0';
    return len;
}

/* Fails the test unless key signed the token. claims: its second part, as text. */
static inline void jwt_verify(struct span token, EVP_PKEY *key, char *header, char *claims, size_t size)
{
    const char *first = memchr(token.ptr, '.', token.len);
    assert_non_null(first);
    const char *second = memchr(first + 1, '.', (size_t)(token.ptr + token.len - first - 1));
    assert_non_null(second);
    assert_null(memchr(second + 1, '.', (size_t)(token.ptr + token.len - second - 1)));
    (void)jwt_decode((struct span){token.ptr, (size_t)(first - token.ptr)}, (unsigned char *)header, size);
    (void)jwt_decode((struct span){first + 1, (size_t)(second - first - 1)}, (unsigned char *)claims, size);
    unsigned char raw[1100], *der = raw, *made = NULL;
    size_t len =
        jwt_decode((struct span){second + 1, (size_t)(token.ptr + token.len - second - 1)}, raw, sizeof(raw));
    if (EVP_PKEY_is_a(key, "EC")) {
        assert_int_equal(len, 64);
        ECDSA_SIG *sig = ECDSA_SIG_new();
        assert_int_equal(ECDSA_SIG_set0(sig, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL)), 1);
        len = (size_t)i2d_ECDSA_SIG(sig, &made);
        der = made;
        ECDSA_SIG_free(sig);
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(
        EVP_DigestVerify(ctx, der, len, (const unsigned char *)token.ptr, (size_t)(second - token.ptr)), 1);
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(made);
}
