#pragma once
/* What goes in and out of a backend: rows, filters, steps of housekeeping, and the functions that take a
 * row. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/span.h"
#include "model/account.h"
#include "model/attempt.h"
#include "model/channel.h"
#include "model/contact.h"
#include "model/error_row.h"
#include "model/event.h"
#include "model/mail.h"
#include "model/notice.h"
#include "model/option.h"

/*
 * The store's records about itself; 0 where nothing was recorded. Times are milliseconds of the wall clock.
 */
enum store_mark {
    MARK_SEEN,    /* the latest time the wall clock showed while it was trusted (steady.h) */
    MARK_STEADY,  /* milliseconds for which an untrusted clock has run steadily */
    MARK_TRIAL,   /* what that clock showed when MARK_STEADY was written */
    MARK_CHECKED, /* when the last complete integrity check ended */
    MARK_DAMAGED, /* since when the database is known to be damaged */
    MARK_LOST,    /* since when commits are known to be missing, until an operator acknowledges it */
    MARK_COUNT
};

enum role { ROLE_NONE, ROLE_INGEST, ROLE_OPERATOR };

#define ACCESS_HASH_LEN 32u

struct access_key {
    int64_t id;
    enum role role;
    uint8_t
        hash[ACCESS_HASH_LEN]; /* SHA-256 of the key; a key is 256 random bits, so no salt and no slow hash */
    char hint[9];              /* the key's first characters, so that people can tell keys apart */
    int64_t created_ms, revoked_ms;
};

/* A channel access token: the bearer token of the LINE-compatible API. */
struct channel_token {
    int64_t id, channel_id;
    uint8_t hash[ACCESS_HASH_LEN]; /* SHA-256 of the token, 256 random bits */
    char hint[9];                  /* the token's first characters; "" for tokens made before hints existed */
    int64_t created_ms;
    int64_t expires_ms; /* 0: never */
    int64_t used_ms;    /* approximate time of the last use; 0: never */
};

/*
 * Seals secrets before they are written and opens them after they are read (access/seal.h); webhook URLs too,
 * because they may contain one. context says what a secret is and whose: what was sealed under one context
 * cannot be opened under another. seal and open may be called by several threads at once.
 */
#define STORE_SEALED_MAX 576u /* a webhook URL of 500 bytes and the seal */
struct store_seal {
    /*
     * Called before anything is read or written with the key. stored: id of the key that sealed the existing
     * data, 0 if there is none. *ret_id: id of the key from now on. ERR_NOT_FOUND: there is no key;
     * ERR_DENIED: it is a different key; ERR_IO, ERR_FULL.
     */
    enum err (*begin)(void *arg, int64_t stored, int64_t *ret_id);
    /* ERR_LIMIT: out is too small for the clear text and the seal, of 41 bytes. */
    enum err (*seal)(void *arg, struct span context, struct span clear, uint8_t *out, size_t size,
                     size_t *ret_len);
    /* out is NUL-terminated. ERR_DENIED: sealed by another key or under another context, or altered. */
    enum err (*open)(void *arg, struct span context, struct span sealed, char *out, size_t size);
    void *arg;
    /*
     * The key file's path, and whether the file still holds the key, for a node that watches it. NULL: no key
     * file.
     */
    const char *file;
    enum err (*still)(void *arg);
};

/* The stored answer to an Idempotency-Key. */
struct idempotency {
    uint8_t body_hash[32];
    uint32_t count; /* the call's events have consecutive ids */
    int64_t ids[EVENT_MAX_COUNT];
};

struct event_view {
    int64_t id;
    enum event_state state; /* never EVENT_SUSPENDED: suspension is a state of the channel */
    uint8_t flags;
    uint16_t tries;   /* times it was sent */
    int64_t due_ms;   /* while retrying */
    struct span json; /* only where asked for */
};

/*
 * Called for each row; spans in the row are valid during the call. Any value but ERR_NONE ends the listing
 * and is returned.
 */
typedef enum err channel_row_fn(void *arg, const struct channel *c);
typedef enum err event_row_fn(void *arg, struct span json,
                              const struct event *head); /* head->json is empty */
typedef enum err event_view_fn(void *arg, const struct event_view *v);
typedef enum err attempt_row_fn(void *arg, const struct attempt *a);
typedef enum err backlog_row_fn(void *arg, int64_t channel_id, uint64_t queued, uint64_t retrying);
typedef enum err error_row_fn(void *arg, const struct error_row *r);
typedef enum err notice_row_fn(void *arg, const struct notice *n);
typedef enum err notice_person_fn(void *arg, struct span email);
typedef enum err mail_row_fn(void *arg, const struct mail *m);
typedef enum err option_row_fn(void *arg, const struct option *o);
typedef enum err key_row_fn(void *arg, const struct access_key *k);
typedef enum err token_row_fn(void *arg, const struct channel_token *t);
typedef enum err account_row_fn(void *arg, const struct account *a);
typedef enum err channel_grant_fn(void *arg, const struct channel *c, enum grant g);
typedef enum err provider_row_fn(void *arg, const struct provider *p, enum grant g);
typedef enum err grant_row_fn(void *arg, const struct grant_row *g);
typedef enum err grant_of_fn(void *arg, int64_t channel_id, enum grant g);
typedef enum err audit_row_fn(void *arg, const struct audit_entry *e);

/* Which channels to list, and for whom. */
struct channel_filter {
    int64_t after; /* id of the last channel on the previous page; 0: from the first */
    uint32_t limit;
    int64_t account_id;  /* only those the account has a role on; 0: all, with GRANT_ADMIN */
    int64_t provider_id; /* 0: of any provider */
    struct span text;    /* matches part of the name, ignoring ASCII case, or of the id; empty: any */
};

/*
 * One retention step through the events in order of acceptance: ended events and their attempts are deleted.
 */
struct history_prune {
    int64_t after;     /* where the previous step stopped; 0: from the oldest */
    int64_t before_ms; /* only events both accepted and last tried before this */
    /*
     * Not 0: for events whose ids tell no time because the clock was ahead when they, or events before them,
     * were accepted. They are deleted if last tried before tried_before_ms. If last tried after tried_now_ms,
     * their age is unknown and they are kept.
     */
    int64_t tried_before_ms, tried_now_ms;
    uint32_t scan;       /* limit of events examined */
    int64_t ret_after;   /* where to continue; 0: no more events */
    uint32_t ret_events; /* events deleted */
    uint32_t ret_attempts;
    uint32_t ret_young; /* among events judged by their attempts: kept because they are too young */
};

struct backend_size {
    uint64_t used, free; /* bytes of the database; free ones are reused for new rows */
};

/* What became of event ids that were requested for redelivery. */
struct redelivered {
    uint32_t due, waiting,
        unknown; /* due again; skipped because still in delivery; not events of the channel */
};

struct redeliver_range {
    int64_t from_ms, to_ms; /* time of acceptance: from ≤ t < to */
    struct span reason;     /* of the last attempt; empty: any failure */
    int64_t resume;         /* where the previous step stopped; 0: this is the first */
    int64_t ret_resume;     /* where this step stopped, */
    bool ret_done;          /* at the end of the range */
};

/* A page of a channel's error statistics. */
struct error_page {
    int64_t channel_id;
    int64_t from, to;           /* minutes: from ≤ minute < to */
    struct span reason, detail; /* empty: any */
    /* only rows below this place, which the previous page returned; zeroed: from the newest */
    struct error_place at;
    uint32_t limit; /* limit of rows returned, */
    uint32_t scan;  /* and of rows examined */
    bool ret_more;  /* there may be more rows below */
    struct error_place ret_at;
};

#define INTEGRITY_TEXT 200u
/* A database of at most this many bytes is checked in one step, which takes some tens of milliseconds. */
#define INTEGRITY_SMALL (UINT64_C(32) << 20)
/* One step of an integrity check: some milliseconds, or a whole small table or small database. */
struct integrity_step {
    bool anew;                     /* start with the first table; cleared by the step */
    bool ret_done;                 /* that was the last one */
    uint32_t ret_found;            /* damaged places found; each is logged */
    char ret_text[INTEGRITY_TEXT]; /* the first one, in SQLite's words; "": none */
};

/* A step of housekeeping of the error statistics; bounds are minutes. */
struct error_tidy {
    int64_t move_before;  /* minutes before this are over and may be moved */
    int64_t prune_before; /* rows before this may be deleted, in whole UTC days */
    /* Days after the day of this minute are deleted too: a clock that was ahead dated them. 0: unknown. */
    int64_t prune_after;
    uint32_t limit; /* limit of rows moved and of rows deleted */
    uint32_t ret_moved, ret_pruned;
};

/*
 * Stands for a day in tallies that are kept forever. account-invitations limits how many rows an account can
 * make.
 */
#define TALLY_EVER INT64_C(-1)
