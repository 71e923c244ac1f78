#include "carrier/webpush_encrypt.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <sodium.h>

#include "base/origin.h"

#define CURVE "prime256v1"
#define KEY_LEN 16
#define NONCE_LEN 12
#define TAG_LEN 16
#define HEADER_LEN (WEBPUSH_SALT + 4 + 1 + WEBPUSH_POINT)
#define RECORD 4096u /* more than the one record takes: it is the last one (RFC 8188 2) */
#define LAST_RECORD "\x02"

static enum err failed(void)
{
    unsigned long code = ERR_peek_error();
    ERR_clear_error();
    return err_origin(ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ? ERR_NOMEM : ERR_INTERNAL);
}

enum err webpush_encrypt_init(struct webpush_encrypt *w)
{
    *w = (struct webpush_encrypt){.keygen = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL),
                                  .cipher = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL),
                                  .gcm = EVP_CIPHER_CTX_new()};
    if (!w->keygen || !w->cipher || !w->gcm || EVP_PKEY_keygen_init(w->keygen) != 1 ||
        EVP_PKEY_CTX_set_group_name(w->keygen, CURVE) != 1)
        return failed();
    return ERR_NONE;
}

void webpush_encrypt_deinit(struct webpush_encrypt *w)
{
    EVP_PKEY_CTX_free(w->keygen);
    EVP_CIPHER_free(w->cipher);
    EVP_CIPHER_CTX_free(w->gcm);
    *w = (struct webpush_encrypt){.keygen = NULL};
}

enum err webpush_encrypt_key(const unsigned char scalar[static WEBPUSH_SCALAR], EVP_PKEY **ret)
{
    unsigned char point[WEBPUSH_POINT];
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *public = group ? EC_POINT_new(group) : NULL;
    BIGNUM *private = BN_secure_new();
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;
    enum err e = ERR_NONE;
    if (!group || !public || !private || !builder || !ctx || !BN_bin2bn(scalar, WEBPUSH_SCALAR, private))
        e = failed();
    else if (BN_is_zero(private) || BN_cmp(private, EC_GROUP_get0_order(group)) >= 0)
        e = ERR_INVALID;
    BN_set_flags(private, BN_FLG_CONSTTIME);
    if (!e &&
        !(EC_POINT_mul(group, public, private, NULL, NULL, NULL) == 1 &&
          EC_POINT_point2oct(group, public, POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point), NULL) ==
              sizeof(point) &&
          OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, CURVE, 0) == 1 &&
          OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, private) == 1 &&
          OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1 &&
          (params = OSSL_PARAM_BLD_to_param(builder)) && EVP_PKEY_fromdata_init(ctx) == 1 &&
          EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1))
        e = failed();
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(private);
    EC_POINT_free(public);
    EC_GROUP_free(group);
    if (!e)
        *ret = key;
    return e;
}

enum err webpush_encrypt_new_key(unsigned char scalar[static WEBPUSH_SCALAR])
{
    EVP_PKEY *key = EVP_EC_gen(CURVE);
    BIGNUM *private = NULL;
    bool ok = key && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &private) == 1 &&
              BN_bn2binpad(private, scalar, (int)WEBPUSH_SCALAR) == (int)WEBPUSH_SCALAR;
    BN_clear_free(private);
    EVP_PKEY_free(key);
    return ok ? ERR_NONE : failed();
}

enum err webpush_encrypt_point(EVP_PKEY *key, unsigned char point[static WEBPUSH_POINT])
{
    size_t len = 0;
    if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, WEBPUSH_POINT, &len) != 1 ||
        len != WEBPUSH_POINT || point[0] != 4)
        return failed();
    return ERR_NONE;
}

/* The secret that both sides work out (RFC 8291 3.1). ERR_INVALID: the other side's key is none. */
static enum err agree(EVP_PKEY *own, const unsigned char *point, unsigned char secret[static 32])
{
    EVP_PKEY *peer = EVP_PKEY_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    size_t len = 32;
    enum err e = ERR_NONE;
    if (!peer || !ctx || EVP_PKEY_copy_parameters(peer, own) != 1)
        e = failed();
    /* Decoding refuses what is not on the curve; its cofactor is 1, so that no more need be checked. */
    else if (EVP_PKEY_set1_encoded_public_key(peer, point, WEBPUSH_POINT) != 1)
        e = ERR_INVALID;
    else if (EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) != 1 ||
             EVP_PKEY_derive(ctx, secret, &len) != 1 || len != 32)
        e = failed();
    ERR_clear_error();
    EVP_PKEY_free(peer);
    EVP_PKEY_CTX_free(ctx);
    return e;
}

static void hmac(const unsigned char *key, size_t key_len, const struct span *parts, size_t count,
                 unsigned char out[static 32])
{
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, key, key_len);
    for (size_t i = 0; i < count; i++)
        (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)parts[i].ptr, parts[i].len);
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}

static struct span bytes(const unsigned char *p, size_t len)
{
    return (struct span){(const char *)p, len};
}

/* Key and nonce of the record (RFC 8291 3.4, RFC 8188 2.2 and 2.3); one block of HKDF each. */
static void derive(const unsigned char *secret, const struct webpush_keys *to, const unsigned char *point,
                   const unsigned char *salt, unsigned char key[static 32], unsigned char nonce[static 32])
{
    static const struct span one = {"\x01", 1};
    unsigned char ikm[32], prk[32];
    const struct span shared = bytes(secret, 32);
    hmac(to->auth, WEBPUSH_AUTH, &shared, 1, prk);
    /* The literals end with a byte of zero, which is part of each. */
    const struct span info[] = {
        {"WebPush: info", 14}, bytes(to->p256dh, WEBPUSH_POINT), bytes(point, WEBPUSH_POINT), one};
    hmac(prk, 32, info, 4, ikm);
    const struct span input = bytes(ikm, 32);
    hmac(salt, WEBPUSH_SALT, &input, 1, prk);
    const struct span key_info[] = {{"Content-Encoding: aes128gcm", 28}, one};
    hmac(prk, 32, key_info, 2, key);
    const struct span nonce_info[] = {{"Content-Encoding: nonce", 24}, one};
    hmac(prk, 32, nonce_info, 2, nonce);
    sodium_memzero(ikm, sizeof(ikm));
    sodium_memzero(prk, sizeof(prk));
}

static bool seal(struct webpush_encrypt *w, const unsigned char *key, const unsigned char *nonce,
                 struct span plain, unsigned char *out)
{
    int n = 0, more = 0, end = 0;
    return EVP_EncryptInit_ex2(w->gcm, w->cipher, key, nonce, NULL) == 1 &&
           EVP_EncryptUpdate(w->gcm, out, &n, (const unsigned char *)plain.ptr, (int)plain.len) == 1 &&
           EVP_EncryptUpdate(w->gcm, out + n, &more, (const unsigned char *)LAST_RECORD, 1) == 1 &&
           EVP_EncryptFinal_ex(w->gcm, out + n + more, &end) == 1 &&
           (size_t)(n + more + end) == plain.len + 1 &&
           EVP_CIPHER_CTX_ctrl(w->gcm, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, out + n + more) == 1;
}

enum err webpush_encrypt_with(struct webpush_encrypt *w, const struct webpush_keys *to, EVP_PKEY *own,
                              const unsigned char salt[static WEBPUSH_SALT], struct span plain,
                              struct buf *out)
{
    unsigned char secret[32], key[32], nonce[32], head[HEADER_LEN];
    if (plain.len > WEBPUSH_PLAIN_MAX)
        return ERR_LIMIT;
    memcpy(head, salt, WEBPUSH_SALT);
    memcpy(head + WEBPUSH_SALT, (const unsigned char[]){0, 0, RECORD >> 8, RECORD & 255, WEBPUSH_POINT}, 5);
    unsigned char *point = head + WEBPUSH_SALT + 5;
    enum err e = webpush_encrypt_point(own, point);
    if (!e)
        e = agree(own, to->p256dh, secret);
    if (!e)
        e = buf_reserve(out, sizeof(head) + plain.len + 1 + TAG_LEN);
    if (e)
        return e;
    derive(secret, to, point, salt, key, nonce);
    memcpy(out->data + out->tail, head, sizeof(head));
    if (seal(w, key, nonce, plain, (unsigned char *)out->data + out->tail + sizeof(head)))
        out->tail += sizeof(head) + plain.len + 1 + TAG_LEN;
    else
        e = failed();
    OPENSSL_cleanse(secret, sizeof(secret));
    OPENSSL_cleanse(key, sizeof(key));
    return e;
}

enum err webpush_encrypt_message(struct webpush_encrypt *w, const struct webpush_keys *to, struct span plain,
                                 const struct random *random, struct buf *out)
{
    unsigned char salt[WEBPUSH_SALT];
    EVP_PKEY *own = NULL;
    if (EVP_PKEY_generate(w->keygen, &own) != 1)
        return failed();
    random->fill(random->arg, salt, sizeof(salt));
    enum err e = webpush_encrypt_with(w, to, own, salt, plain, out);
    EVP_PKEY_free(own);
    return e;
}
