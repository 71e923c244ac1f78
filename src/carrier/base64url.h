#pragma once
/* base64url without padding (RFC 4648 5), in which keys and tokens of the web are written. */
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

#define BASE64URL_LEN(bytes) (((bytes)*4 + 2) / 3) /* characters that so many bytes take */

/* Appends them. ERR_NOMEM, ERR_LIMIT. */
enum err base64url_add(struct buf *out, const void *bytes, size_t len) MUST_CHECK;

/*
 * Exactly len bytes, from text that may be padded or in the ordinary alphabet, as some browsers' libraries
 * write it. ERR_INVALID: anything else.
 */
enum err base64url_decode(struct span text, unsigned char *out, size_t len) MUST_CHECK;
