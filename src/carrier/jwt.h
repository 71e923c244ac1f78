#pragma once
/* JSON Web Tokens (RFC 7519) as services want them: three parts in base64url, signed with RS256 or ES256
 * (RFC 7518 3.3, 3.4). */
#include <openssl/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/*
 * Appends the token. The key decides the algorithm, RSA or P-256, and header names it. header and claims are
 * JSON. ERR_NOMEM, ERR_LIMIT; ERR_INTERNAL: OpenSSL would not sign.
 */
enum err jwt_sign(EVP_PKEY *key, struct span header, struct span claims, struct buf *out) MUST_CHECK;
