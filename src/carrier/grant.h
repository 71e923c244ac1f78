#pragma once
/*
 * An access token of Google by a service account: a JWT signed with its key is exchanged for it (RFC 7523).
 * The token is kept and renewed when 80 % of its life have passed; until then one serves all messages.
 */
#include <openssl/types.h>
#include <stdint.h>

#include "base/json_scan.h"
#include "carrier/carrier.h"

struct grant {
    EVP_PKEY *key;
    char *email, *key_id, *token_uri; /* key_id may be NULL */
    char *token;                      /* NULL: none */
    int64_t got_ms, renew_ms;         /* wall time */
};

/* account: the file as Google gives it, at the member "serviceAccount". ERR_INVALID, ERR_NOMEM;
 * grant_deinit() after either. */
enum err grant_init(struct grant *g, struct json_value account, struct carrier_fault *why) MUST_CHECK;
void grant_deinit(struct grant *g); /* safe on a zeroed struct */

bool grant_wanted(const struct grant *g, int64_t wall_ms);
/* base: another host to ask, at the path of the account's token_uri; NULL: the account's own. */
enum err grant_build(struct grant *g, const char *base, int64_t wall_ms,
                     struct carrier_request *ret) MUST_CHECK;
/* False: the answer holds no token; the one there was is kept. ERR_NOMEM counts as none. */
bool grant_take(struct grant *g, struct json_value body, int64_t wall_ms);
void grant_drop(struct grant *g);
