#pragma once
/*
 * API keys: who may call. A key is 256 random bits and is shown once; the store holds its SHA-256. A node
 * keeps the valid ones in memory and reads them anew when their version in the store has changed: keys may be
 * made and revoked by another process.
 */
#include <stdbool.h>

#include "base/random.h"
#include "store/store.h"

#define KEYS_TEXT_LEN 47u /* "tdk_" and 43 characters of base64url */

/* Makes a key: the text for its owner, the hash and hint for the store. */
void keys_make(const struct random *r, enum role role, char text[static KEYS_TEXT_LEN + 1],
               struct access_key *ret);
void keys_hash(struct span text, uint8_t out[static ACCESS_HASH_LEN]);

/* One loop's view of the keys; used on that loop only. */
struct keys;
enum err keys_new(struct keys **ret, struct store *store, struct mailbox *home) MUST_CHECK;
void keys_free(struct keys *k); /* no check or refresh may be under way */

/* What a caller may do; ROLE_NONE: not known. Looks at memory only. */
enum role keys_role(const struct keys *k, struct span text);

/* A role that was found, to be found again without the text, as long as the keys are the same: then
 * keys_stamped() says ROLE_NONE. */
uint64_t keys_stamp(const struct keys *k, enum role role);
enum role keys_stamped(const struct keys *k, uint64_t stamp);

/* Calls fn once the keys are as fresh as the store has them: for a key that is not known (yet). Requests that
 * come together share one reading. Without memory fn is called at once. */
typedef void keys_fresh_fn(void *arg);
void keys_refresh(struct keys *k, keys_fresh_fn *fn, void *arg);

const char *keys_role_text(enum role r); /* "operator", "ingest", "none" */
