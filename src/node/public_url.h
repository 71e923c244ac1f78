#pragma once
/* Where people reach this node's console: the setting public-url, or where it listens. */
#include <stdbool.h>

#include "base/err.h"

#define PUBLIC_URL_MAX 512u

/*
 * text without slashes at its end. *ret_leads false: nobody is led there by a link, because the host means
 * the reader's own machine, or every address of this one: loopback, "localhost", 0.0.0.0, in any spelling.
 * ERR_INVALID: not https://HOST[:PORT][/PATH], or http.
 */
enum err public_url_read(const char *text, char out[static PUBLIC_URL_MAX], bool *ret_leads) MUST_CHECK;
