#pragma once
/*
 * API keys decide who may call. A key is 256 random bits and is shown once; the store holds its SHA-256. Each
 * loop keeps the valid keys in memory and reads them again when their version in the store has changed,
 * because another process may make and revoke keys.
 */
#include <stdbool.h>

#include "base/random.h"
#include "store/store.h"

#define KEYS_TEXT_LEN 47u /* "tdk_" and 43 characters of base64url */

/* Makes a key: the text for its owner, and the hash and hint for the store. */
void keys_make(const struct random *r, enum role role, char text[static KEYS_TEXT_LEN + 1],
               struct access_key *ret);
void keys_hash(struct span text, uint8_t out[static ACCESS_HASH_LEN]);

/* One loop's copy of the keys; used on that loop only. */
struct keys;
enum err keys_new(struct keys **ret, struct store *store, struct mailbox *home) MUST_CHECK;
void keys_free(struct keys *k); /* no check or refresh may be running */

/* The role of a key; ROLE_NONE: unknown key. Looks at memory only. */
enum role keys_role(const struct keys *k, struct span text);

/*
 * Remembers a role that was found, so that the same request need not look up its key again. As soon as the
 * keys have changed, keys_stamped() returns ROLE_NONE.
 */
uint64_t keys_stamp(const struct keys *k, enum role role);
enum role keys_stamped(const struct keys *k, uint64_t stamp);

/*
 * Calls fn once the keys in memory are as new as the store's; for a key that is unknown (so far). Callers at
 * the same time share one reading. Out of memory, fn is called at once.
 */
typedef void keys_fresh_fn(void *arg);
void keys_refresh(struct keys *k, keys_fresh_fn *fn, void *arg);

const char *keys_role_text(enum role r); /* "operator", "ingest", "none" */
