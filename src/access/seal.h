#pragma once
/*
 * Encrypts ("seals") secrets and webhook URLs in the store: XChaCha20-Poly1305 (libsodium,
 * draft-irtf-cfrg-xchacha) under a key of 256 bits in its own file. The purpose of a secret ("channel
 * 2000000001 secret") is authenticated with it, so that no sealed secret can be put in another's place.
 *
 *     sealed: 1 byte version │ 24 bytes nonce │ the secret, encrypted │ 16 bytes tag
 *     file:   64 hex digits and a line feed, mode 0600
 *
 * The store keeps the ID of the key (a hash), so that a missing or wrong key file is told apart from damage
 * before anything is written. docs/decisions/ explains why the store gets these functions passed in.
 */
#include <stdbool.h>

#include "base/random.h"
#include "store/backend.h"

#define SEAL_KEY_LEN 32u
#define SEAL_PATH_MAX 4096u

struct seal {
    char path[SEAL_PATH_MAX];
    uint8_t key[SEAL_KEY_LEN];
    int64_t id; /* ID of the key; 0: there is no key yet */
    struct store_seal ops;
};

/*
 * Reads the key file. A missing file is not a failure: it is created when the store holds nothing sealed yet.
 * Initialises in place: a seal must not move, and must outlive the store. ERR_INVALID: the file is not a key
 * file; ERR_IO (errno).
 */
enum err seal_init(struct seal *s, const char *path) MUST_CHECK;
void seal_deinit(struct seal *s); /* wipes the key */

/*
 * Makes a new key for the same file and writes it to FILE.new. The caller then seals all secrets again with
 * it (sqlite_reseal()) and calls seal_rotated(). If the process dies in between, seal_init() and the store
 * find out which of the two files has the key. ERR_IO (errno), ERR_FULL.
 */
enum err seal_rotate(struct seal *fresh, const struct seal *from) MUST_CHECK;
enum err seal_rotated(struct seal *fresh) MUST_CHECK; /* FILE.new becomes FILE */

/* Explains one of the errors above, or the store's ERR_NOT_FOUND and ERR_DENIED, to people. */
const char *seal_problem(enum err e);
