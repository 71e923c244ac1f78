#pragma once
/*
 * Who sends a Web Push message (RFC 8292): a JWT for the origin of the push service, signed with a key that
 * the browsers were given as applicationServerKey. A token serves all messages to that origin for some hours.
 */
#include <openssl/types.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "carrier/base64url.h"
#include "carrier/webpush_encrypt.h"

/* There are few push services, but endpoints are strangers' texts: more origins push out the oldest. */
#define VAPID_ORIGINS 64u
#define VAPID_ORIGIN_MAX 300u

struct vapid_token {
    char origin[VAPID_ORIGIN_MAX + 1];
    char *text;
    int64_t made_ms;
};
struct vapid {
    EVP_PKEY *key;
    const char *subject;                               /* borrowed */
    char public_key[BASE64URL_LEN(WEBPUSH_POINT) + 1]; /* as applicationServerKey takes it */
    struct vapid_token tokens[VAPID_ORIGINS];
    size_t next; /* which gives way */
};

/* scalar: the private key. ERR_INVALID: it is none; ERR_NOMEM. vapid_deinit() after either. */
enum err vapid_init(struct vapid *v, const unsigned char scalar[static WEBPUSH_SCALAR],
                    const char *subject) MUST_CHECK;
void vapid_deinit(struct vapid *v); /* safe on a zeroed struct */

/* The token for that origin ("https://push.example:8443"), valid until the next call. ERR_NOMEM; ERR_LIMIT:
 * no origin is so long. */
enum err vapid_token(struct vapid *v, struct span origin, int64_t wall_ms, const char **ret) MUST_CHECK;
