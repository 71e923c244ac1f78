#pragma once
/* Standard base64 (RFC 4648 section 4): alphabet + and /, always padded. */
#include <stddef.h>

#include "base/err.h"
#include "base/span.h"

/* Characters that n bytes become (no NUL). */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)
/* Room that decoding n characters needs at most. */
#define BASE64_DECODED_MAX(n) ((n) / 4 * 3)

/* Writes BASE64_LEN(in.len) characters and returns that number. */
size_t base64_encode(struct span in, char *out);
/*
 * Strict: a multiple of four, no white space, '=' only where it belongs, unused bits zero (3.5), so that
 * every value has one text. out has room for BASE64_DECODED_MAX(in.len). ERR_INVALID.
 */
enum err base64_decode(struct span in, void *out, size_t *ret_len) MUST_CHECK;
