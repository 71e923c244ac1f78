#pragma once
/*
 * Secrets (and webhook URLs) sealed at rest: XChaCha20-Poly1305 (libsodium, draft-irtf-cfrg-xchacha) under a
 * key of 256 bits in a file of its own. What a secret is good for ("channel 2000000001 secret") is
 * authenticated with it, so that no sealed secret can be put in another's place.
 *
 *     sealed: 1 byte version │ 24 bytes nonce │ the secret, encrypted │ 16 bytes tag
 *     file:   64 hex digits and a line feed, mode 0600
 *
 * The store keeps the id of the key (a hash), so that a key file that is missing or another one is told apart
 * from damage, before anything is written. docs/decisions/ says why the store is handed this as functions.
 */
#include <stdbool.h>

#include "base/random.h"
#include "store/backend.h"

#define SEAL_KEY_LEN 32u
#define SEAL_PATH_MAX 4096u

struct seal {
    char path[SEAL_PATH_MAX];
    uint8_t key[SEAL_KEY_LEN];
    int64_t id; /* of the key; 0: there is none yet */
    struct store_seal ops;
};

/*
 * Reads the key file; that it is missing is no failure: one is made when the store has nothing sealed yet. In
 * place: must not move, and outlives the store. ERR_INVALID: the file is no key; ERR_IO (errno).
 */
enum err seal_init(struct seal *s, const char *path) MUST_CHECK;
void seal_deinit(struct seal *s); /* wipes the key */

/*
 * Another key for the same file, in FILE.new at first: seal the secrets anew with it (sqlite_reseal()), then
 * seal_rotated(). If the process dies in between, seal_init() and the store find out which of the two files
 * is the key. ERR_IO (errno), ERR_FULL.
 */
enum err seal_rotate(struct seal *fresh, const struct seal *from) MUST_CHECK;
enum err seal_rotated(struct seal *fresh) MUST_CHECK; /* FILE.new becomes FILE */

/* What one of the failures above, or the store's ERR_NOT_FOUND and ERR_DENIED, means; for people. */
const char *seal_problem(enum err e);
