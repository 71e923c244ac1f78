#pragma once
/*
 * Passwords: Argon2id (RFC 9106, by libsodium) on a thread of its own, one at a time, so that no loop ever
 * waits for one and they use 64 MiB at most. The queue is short: past it callers are refused at once rather
 * than kept waiting.
 */
#include "base/mailbox.h"
#include "model/account.h"

#define PASSWORD_MIN                                                                                         \
    10u /* characters: length is what helps (NIST SP 800-63B 5.1.1.2); no rules of composition */
#define PASSWORD_MAX 200u /* characters */
#define PASSWORD_BYTES_MAX (4u * PASSWORD_MAX)

/* NULL: it will do. Else what is wrong, for the one who chose it. */
const char *password_refuse(struct span password, const char *email);

/* Embedded in what a call needs; the worker's from submit to done. */
struct password_job {
    struct letter letter;
    struct list link;
    struct mailbox *home;
    void (*done)(struct password_job *j); /* on home's loop */
    /* In; forgotten when it is done. */
    char password[PASSWORD_BYTES_MAX + 1];
    size_t len;
    /* In: what to compare with; "": of nobody, the same work is done and the answer is no. Out of a job that
     * makes one: the hash. */
    char hash[ACCOUNT_HASH_MAX];
    bool make;
    /* Out. err: ERR_NOMEM; ERR_CLOSED: the node is going down. */
    bool ok;
    enum err err;
};

struct password_cost {
    unsigned long long ops; /* crypto_pwhash's opslimit */
    size_t memory;          /* bytes */
};
extern const struct password_cost password_cost_standard; /* about 80 ms */

struct password_worker;
/* Starts the thread. queue_max: jobs waiting. ERR_NOMEM, ERR_IO. */
enum err password_new(struct password_worker **ret, const struct password_cost *cost,
                      uint32_t queue_max) MUST_CHECK;
/* False: the queue is full; nothing was taken. */
bool password_submit(struct password_worker *w, struct password_job *j) MUST_CHECK;
/* Ends the thread after the job it is at; what waits is answered with ERR_CLOSED, as is what comes later. */
void password_stop(struct password_worker *w);
void password_free(struct password_worker *w); /* NULL-safe */
/* Jobs that were worked on: a test sees that the unknown cost as much as the known. */
uint64_t password_count(const struct password_worker *w);

/* The same in place, for commands: the hash of a password. ERR_NOMEM. */
enum err password_hash(const struct password_cost *cost, struct span password,
                       char hash[static ACCOUNT_HASH_MAX]) MUST_CHECK;
