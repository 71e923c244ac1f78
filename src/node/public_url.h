#pragma once
/* Parses the URL of this node's console: the setting public-url, or the listening address. */
#include <stdbool.h>

#include "base/err.h"

#define PUBLIC_URL_MAX 512u

/*
 * out: text without trailing slashes. *ret_leads false: a link to it would lead other people nowhere, because
 * the host is loopback, "localhost" or 0.0.0.0, in any spelling. ERR_INVALID: not https://HOST[:PORT][/PATH],
 * or the same with http.
 */
enum err public_url_read(const char *text, char out[static PUBLIC_URL_MAX], bool *ret_leads) MUST_CHECK;
