#pragma once
/*
 * The UUID by which a service, or a browser's worker, knows a message again: the same whenever it is sent,
 * and nobody can guess it, because it is made of the job's nonce (version 8, RFC 9562 5.8).
 */
#include <stdint.h>

#include "base/span.h"

#define MESSAGE_KEY_LEN 36u

void message_key(struct span nonce, int64_t n, char out[static MESSAGE_KEY_LEN + 1]);
