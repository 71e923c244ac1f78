#pragma once
/*
 * Encrypts the payload of a Web Push message (RFC 8291) as one record of aes128gcm (RFC 8188):
 *
 *     16 bytes salt │ record size │ 65 │ our public key │ payload, 0x02, tag of 16 bytes
 *
 * Each message has a key pair of its own, as RFC 8291 3.1 wants it: whoever learns one reads one message.
 */
#include <openssl/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/random.h"
#include "base/span.h"

#define WEBPUSH_SCALAR 32u /* a private key of P-256 */
#define WEBPUSH_POINT 65u  /* a public key, uncompressed */
#define WEBPUSH_AUTH 16u
#define WEBPUSH_SALT 16u
/* A push service must take 4,096 bytes (RFC 8030 7.2); the header takes 86 of them, the record 17. */
#define WEBPUSH_BODY_MAX 4096u
#define WEBPUSH_PLAIN_MAX (WEBPUSH_BODY_MAX - 86u - 17u)

/* What is set up once: fetching algorithms takes longer than using them. Used on one thread at a time. */
struct webpush_encrypt {
    EVP_PKEY_CTX *keygen;
    EVP_CIPHER *cipher;
    EVP_CIPHER_CTX *gcm;
};
enum err webpush_encrypt_init(struct webpush_encrypt *w) MUST_CHECK; /* ERR_NOMEM; deinit after either */
void webpush_encrypt_deinit(struct webpush_encrypt *w);              /* safe on a zeroed struct */

/* What a browser gave with its subscription. */
struct webpush_keys {
    unsigned char p256dh[WEBPUSH_POINT];
    unsigned char auth[WEBPUSH_AUTH];
};

/*
 * Appends the body. ERR_INVALID: p256dh is no point of the curve; ERR_LIMIT: more than WEBPUSH_PLAIN_MAX
 * bytes; ERR_NOMEM.
 */
enum err webpush_encrypt_message(struct webpush_encrypt *w, const struct webpush_keys *to, struct span plain,
                                 const struct random *random, struct buf *out) MUST_CHECK;
/* The same with this key pair and salt, as the RFC's example has them. */
enum err webpush_encrypt_with(struct webpush_encrypt *w, const struct webpush_keys *to, EVP_PKEY *own,
                              const unsigned char salt[static WEBPUSH_SALT], struct span plain,
                              struct buf *out) MUST_CHECK;

/* The key pair of a private key. ERR_INVALID: it is none of P-256; ERR_NOMEM. */
enum err webpush_encrypt_key(const unsigned char scalar[static WEBPUSH_SCALAR], EVP_PKEY **ret) MUST_CHECK;
/* A new one; its private key goes to scalar. */
enum err webpush_encrypt_new_key(unsigned char scalar[static WEBPUSH_SCALAR]) MUST_CHECK;
/* Its public key. ERR_INTERNAL. */
enum err webpush_encrypt_point(EVP_PKEY *key, unsigned char point[static WEBPUSH_POINT]) MUST_CHECK;
