#pragma once
/*
 * Who may do what: accounts, their roles on providers and channels, their sessions, and the audit log. Plain
 * values; the store holds the originals.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/span.h"
#include "model/email.h"
#include "model/name.h"

#define ACCOUNT_NAME_MAX NAME_MAX_LEN
#define ACCOUNT_HASH_MAX 128 /* crypto_pwhash_STRBYTES of libsodium, NUL included */
/* SHA-256 of the ticket in a cookie or a link: 256 random bits need neither a salt nor a slow hash. */
#define SESSION_HASH_LEN 32u
/* made by the migration for the channels that existed before there were providers */
#define PROVIDER_DEFAULT 1

struct account {
    int64_t id;
    char email[EMAIL_MAX + 1]; /* lower case; people log in with it */
    char name[ACCOUNT_NAME_MAX + 1];
    char password[ACCOUNT_HASH_MAX]; /* Argon2id; "": no password set yet, so nobody can log in */
    char language[3];                /* "en", "ja" */
    bool operator;                   /* may do everything */
    bool disabled;
    /* the user has proven to own the address, or an operator vouches for them; see access/confirm.h */
    bool confirmed;
    int64_t created_ms, last_login_ms; /* last_login_ms: 0: never */
    /*
     * Who made the account, under their name at the time: an address, or the hint of a key with id 0. "": the
     * set-up, or a command.
     */
    int64_t inviter_id;
    char inviter[EMAIL_MAX + 1];
};

/* Whether the two have equal contents, so that nothing need be stored. */
static inline bool account_same(const struct account *a, const struct account *b)
{
    return a->id == b->id && strcmp(a->email, b->email) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->password, b->password) == 0 && strcmp(a->language, b->language) == 0 &&
           a->operator== b->operator&& a->disabled == b->disabled && a->confirmed == b->confirmed;
}

/*
 * What an account may do with one provider or channel. Stored by number: each grant includes the lower ones.
 */
enum grant {
    GRANT_NONE = 0,
    GRANT_TESTER = 1, /* on channels only */
    GRANT_MEMBER = 2,
    GRANT_ADMIN = 3,
};

enum grant_scope { GRANT_SCOPE_PROVIDER, GRANT_SCOPE_CHANNEL };

/* What an account may do with one provider or channel, and whether others may know. */
struct grant_held {
    enum grant grant;
    bool known; /* the account has used the role, or an operator gave it; true for GRANT_NONE */
};

/* A role that one account gives to another. */
struct grant_gift {
    int64_t account_id;
    enum grant_scope scope;
    int64_t id; /* of the provider or channel */
    enum grant grant;
    bool waits; /* the role takes effect once the account is confirmed */
    /* the Admins of the place may see whose role it is; false: only after the account has used it */
    bool known;
    struct span address; /* as it was given, normalised as in struct account */
};

/* One line of a list of roles. */
struct grant_row {
    int64_t account_id;
    struct span email, name; /* the account's */
    struct span address;     /* to which the role was given */
    enum grant grant;
    bool inherited; /* a channel's role that comes from its provider */
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
    int64_t maker_id;  /* the account that made it; 0: a key made it, or the migration */
    uint64_t channels; /* number of its channels */
};

/* A link by which somebody sets the password of an account. */
struct invitation {
    uint8_t hash[SESSION_HASH_LEN];
    int64_t account_id, created_ms, expires_ms;
};

/* A line of the audit log. Spans are borrowed. Never contains a secret. */
struct audit_entry {
    int64_t id, at_ms;
    int64_t account_id; /* 0: a key, or the system */
    struct span who; /* the account's address, the key's hint, or "system": readable after both are deleted */
    struct span peer;    /* the client's address without port; "": none */
    struct span action;  /* "channel.update" */
    struct span target;  /* "channel/2000000001", "account/3" */
    int64_t channel_id;  /* 0: not about a channel */
    struct span details; /* a JSON object */
};
