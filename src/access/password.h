#pragma once
/*
 * Password hashing: Argon2id (RFC 9106, by libsodium) on a separate thread, one password at a time, so that
 * loops never block and hashing uses at most 64 MiB. The queue is short: when it is full, callers are refused
 * at once instead of waiting.
 */
#include "base/mailbox.h"
#include "model/account.h"

#define PASSWORD_MIN                                                                                         \
    10u /* characters. Length is what helps; no composition rules (NIST SP 800-63B 5.1.1.2) */
#define PASSWORD_MAX 200u /* characters */
#define PASSWORD_BYTES_MAX (4u * PASSWORD_MAX)

/* NULL: acceptable; else a message for the user that says what is wrong. */
const char *password_refuse(struct span password, const char *email);

/* Embedded in the caller's state; the worker owns it from submit to done. */
struct password_job {
    struct letter letter;
    struct list link;
    struct mailbox *home;
    void (*done)(struct password_job *j); /* on home's loop */
    /* In; erased when the job is done. */
    char password[PASSWORD_BYTES_MAX + 1];
    size_t len;
    /*
     * In, for a comparison: the stored hash; "": unknown account, which takes the same time and never
     * matches. Out, for a new password: its hash.
     */
    char hash[ACCOUNT_HASH_MAX];
    bool make;
    /* Out. err: ERR_NOMEM; ERR_CLOSED: the node is shutting down. */
    bool ok;
    enum err err;
};

struct password_cost {
    unsigned long long ops; /* crypto_pwhash's opslimit */
    size_t memory;          /* bytes */
};
extern const struct password_cost password_cost_standard; /* about 80 ms */

struct password_worker;
/* Starts the thread. queue_max: limit on waiting jobs. ERR_NOMEM, ERR_IO. */
enum err password_new(struct password_worker **ret, const struct password_cost *cost,
                      uint32_t queue_max) MUST_CHECK;
/* Queues the job. False: the queue is full, and done will not be called. */
bool password_submit(struct password_worker *w, struct password_job *j) MUST_CHECK;
/* Ends the thread after its current job; waiting and later jobs are answered with ERR_CLOSED. */
void password_stop(struct password_worker *w);
void password_free(struct password_worker *w); /* NULL-safe */
/* Hashes computed so far; a test checks that unknown accounts cost as much as known ones. */
uint64_t password_count(const struct password_worker *w);

/* Hashes a password on the calling thread, for commands. ERR_NOMEM. */
enum err password_hash(const struct password_cost *cost, struct span password,
                       char hash[static ACCOUNT_HASH_MAX]) MUST_CHECK;
