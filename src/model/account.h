#pragma once
/*
 * Who may do what: accounts, the providers and channels they have roles on, their sessions, and the record of
 * what was changed. Plain values; the truth is in the store.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/span.h"
#include "model/email.h"
#include "model/name.h"

#define ACCOUNT_NAME_MAX NAME_MAX_LEN
#define ACCOUNT_HASH_MAX 128 /* crypto_pwhash_STRBYTES of libsodium, NUL included */
#define SESSION_HASH_LEN                                                                                     \
    32u /* SHA-256 of what the cookie, or a link, holds: 256 random bits, so no salt and no slow hash */
#define PROVIDER_DEFAULT 1 /* made by the migration: channels that were there before providers were */

struct account {
    int64_t id;
    char email[EMAIL_MAX + 1]; /* lower case: what people log in with */
    char name[ACCOUNT_NAME_MAX + 1];
    char password[ACCOUNT_HASH_MAX]; /* Argon2id; "": none set yet, nobody can log in */
    char language[3];                /* "en", "ja" */
    bool operator;                   /* may do everything */
    bool disabled;
    bool
        confirmed; /* the address has been shown to be its owner's, or an operator vouches for it; see access/confirm.h */
    int64_t created_ms, last_login_ms; /* last: 0: never */
    /* Who made it, as that was called then: an address, or the hint of a key with id 0. "": the set-up, or a
     * command. */
    int64_t inviter_id;
    char inviter[EMAIL_MAX + 1];
};

/* Whether a change from one to the other changes nothing. */
static inline bool account_same(const struct account *a, const struct account *b)
{
    return a->id == b->id && strcmp(a->email, b->email) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->password, b->password) == 0 && strcmp(a->language, b->language) == 0 &&
           a->operator== b->operator&& a->disabled == b->disabled && a->confirmed == b->confirmed;
}

/* What an account may do with one provider or channel. Kept by number: each may do what those below it
 * may. */
enum grant {
    GRANT_NONE = 0,
    GRANT_TESTER = 1, /* of channels only */
    GRANT_MEMBER = 2,
    GRANT_ADMIN = 3,
};

enum grant_scope { GRANT_SCOPE_PROVIDER, GRANT_SCOPE_CHANNEL };

/* What an account may do with one provider or channel. */
struct grant_held {
    enum grant grant;
    bool known; /* it has been used, or was given by an operator; of GRANT_NONE: true */
};

/* A role that one account gives to another. */
struct grant_gift {
    int64_t account_id;
    enum grant_scope scope;
    int64_t id; /* of the provider or channel */
    enum grant grant;
    bool waits; /* it counts once the account is confirmed */
    bool known; /* whoever administers the roles may know whose it is; else once the account has used it */
    struct span address; /* as it was given, in the form of struct account */
};

/* One line of a list of roles. */
struct grant_row {
    int64_t account_id;
    struct span email, name; /* of the account */
    struct span address;     /* that the role was given to */
    enum grant grant;
    bool inherited; /* on a channel, by its provider */
    bool waits, known;
};

struct session {
    uint8_t hash[SESSION_HASH_LEN];
    int64_t account_id;
    int64_t created_ms, used_ms;
};

struct provider {
    int64_t id;
    char name[ACCOUNT_NAME_MAX + 1];
    int64_t created_ms;
    int64_t maker_id;  /* the account that made it; 0: a key, or it was there from the start */
    uint64_t channels; /* how many it has */
};

/* A link by which somebody sets the password of an account. */
struct invitation {
    uint8_t hash[SESSION_HASH_LEN];
    int64_t account_id, created_ms, expires_ms;
};

/* A line of the audit log; spans are borrowed. Never a secret in it. */
struct audit_entry {
    int64_t id, at_ms;
    int64_t account_id;  /* 0: a key, or the system */
    struct span who;     /* the account's address, the key's hint, or "system": it outlives both */
    struct span peer;    /* from where: an address without port; "" where there is none */
    struct span action;  /* "channel.update" */
    struct span target;  /* "channel/2000000001", "account/3" */
    int64_t channel_id;  /* 0: not about a channel */
    struct span details; /* a JSON object */
};
