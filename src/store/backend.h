#pragma once
/*
 * A storage backend: a table of functions. SQLite (sqlite_*.c) is the real one; plain memory (memory.c) is
 * its twin for tests. A backend handle belongs to one thread. Everything that writes runs between begin and
 * commit.
 *
 * A function that returns NOT_FOUND, EXISTS, CONFLICT, INVALID or LIMIT has changed nothing, so its caller
 * may go on. After any other error the caller must fail too, and the store rolls back what it has written.
 */
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

struct backend {
    const struct backend_ops *ops;
    bool unwritten; /* the last commit wrote nothing, so its success says nothing about the disk */
    /* it has met damage, even if it continued past it; the store notes this and clears the flag */
    bool damaged;
    bool passed_over; /* a waiting event cannot be read, though the database may look sound */
    int64_t
        last; /* number of the last commit that wrote; rises; also stored in the database. 0 in the twin */
    uint32_t base; /* lowest possible generation of the database without its log (head.h); 0: unknown */
};

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
    enum err (*seal)(void *arg, struct span context, struct span clear, uint8_t out[STORE_SEALED_MAX],
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

struct backend_ops {
    enum err (*begin)(struct backend *b);
    enum err (*commit)(struct backend *b);
    void (*rollback)(struct backend *b);
    /*
     * Inside a transaction: a number that differs after any write. Below 0: the transaction is lost and can
     * only be rolled back.
     */
    int64_t (*changes)(struct backend *b);
    void (*close)(struct backend *b); /* NULL-safe */
    /*
     * Between transactions: whether the files still hold what was written. ERR_GONE: files were deleted,
     * replaced or truncated. NULL in the twin.
     */
    enum err (*check)(struct backend *b);

    enum err (*channel_insert)(struct backend *b, struct channel *c); /* sets c->id */
    enum err (*channel_update)(struct backend *b, const struct channel *c);
    /*
     * The channel is gone at once and nothing waits for it any more. Its remaining rows are left to
     * channel_prune, its history to history_prune.
     */
    enum err (*channel_delete)(struct backend *b, int64_t id);
    /* Deletes at most limit waiting rows of deleted channels. Fewer deleted than limit: there are no more. */
    enum err (*channel_prune)(struct backend *b, uint32_t limit, uint32_t *ret_count);
    enum err (*channel_get)(struct backend *b, int64_t id, struct channel *ret);
    enum err (*channel_list)(struct backend *b, int64_t after, uint32_t limit, channel_row_fn *fn, void *arg);

    /* Queues new events of one channel and sets their ids, which rise. ERR_NOT_FOUND: the channel is gone. */
    enum err (*events_insert)(struct backend *b, struct event *const *events, size_t count, int64_t wall_ms);
    enum err (*queue_list)(struct backend *b, int64_t channel_id, int64_t after, uint32_t limit,
                           event_row_fn *fn, void *arg);
    enum err (*retry_list)(struct backend *b, int64_t channel_id, uint32_t limit, event_row_fn *fn,
                           void *arg); /* in order of due time */
    /*
     * The oldest event waiting for its first attempt, and the oldest waiting for a retry, by acceptance; 0:
     * none.
     */
    enum err (*oldest)(struct backend *b, int64_t channel_id, int64_t *ret_pending, int64_t *ret_retrying);
    enum err (*backlog_list)(struct backend *b, backlog_row_fn *fn, void *arg);

    /*
     * Records an attempt (sets a->id) and ends or postpones the events it carried. Events that no longer wait
     * (their channel was deleted) are not postponed. See fate_keeps_attempt().
     */
    enum err (*result_put)(struct backend *b, struct attempt *a, const struct fate *fates, size_t count,
                           int64_t wall_ms);
    enum err (*event_get)(struct backend *b, int64_t channel_id, int64_t id, event_view_fn *fn, void *arg);
    /*
     * Newest first, below `before`. states: bits 1 << enum event_state. Examines at most `scan` rows;
     * *ret_last is the last one examined, 0 when there are no more.
     */
    enum err (*event_list)(struct backend *b, int64_t channel_id, unsigned states, int64_t before,
                           uint32_t limit, uint32_t scan, event_view_fn *fn, void *arg, int64_t *ret_last);
    enum err (*attempt_list)(struct backend *b, int64_t channel_id, int64_t event_id, attempt_row_fn *fn,
                             void *arg);
    /* Makes finished events due again; skips ids that are unknown or still in delivery. */
    enum err (*redeliver_ids)(struct backend *b, int64_t channel_id, const int64_t *ids, size_t count,
                              int64_t wall_ms, struct redelivered *ret);
    /*
     * The same for failed events in a time range, oldest first, at most limit. A step examines a bounded
     * number of rows: call again, with resume, until ret_done, even if *ret_count is 0.
     */
    enum err (*redeliver_range)(struct backend *b, int64_t channel_id, struct redeliver_range *range,
                                uint32_t limit, int64_t wall_ms, uint32_t *ret_count);

    enum err (*idempotency_get)(struct backend *b, int64_t channel_id, struct span key, int64_t since_ms,
                                struct idempotency *ret);
    enum err (*idempotency_put)(struct backend *b, int64_t channel_id, struct span key,
                                const struct idempotency *i, int64_t wall_ms);
    enum err (*idempotency_prune)(struct backend *b, int64_t before_ms, uint32_t limit, uint32_t *ret_count);

    /* Skips waiting events (pending, retrying, or suspended with their channel). */
    enum err (*history_prune)(struct backend *b, struct history_prune *p);
    enum err (*size)(struct backend *b, struct backend_size *ret);
    enum err (*mark_get)(struct backend *b, enum store_mark mark, int64_t *ret);
    enum err (*mark_put)(struct backend *b, enum store_mark mark, int64_t value);

    enum err (*key_insert)(struct backend *b, struct access_key *k); /* sets k->id */
    enum err (*key_revoke)(struct backend *b, int64_t id, int64_t wall_ms);
    enum err (*key_list)(struct backend *b, key_row_fn *fn, void *arg); /* includes revoked keys */
    /* Writes a small row, to test whether the store can write. */
    enum err (*touch)(struct backend *b, int64_t wall_ms);

    enum err (*key_version)(struct backend *b, int64_t *ret); /* changes whenever a key changes */

    /*
     * Adds n->errors to the window of its channel, kind, reason and detail that is open at n->first_ms, or
     * opens one that closes at n->closes_ms. result_put does this itself.
     */
    enum err (*notice_put)(struct backend *b, const struct notice *n);
    /* Closed windows, in order of closing. */
    enum err (*notice_due)(struct backend *b, int64_t wall_ms, uint32_t limit, notice_row_fn *fn, void *arg);

    /* Newest minute first; within a minute by reason and detail, descending. result_put writes the counts. */
    enum err (*error_list)(struct backend *b, struct error_page *p, error_row_fn *fn, void *arg);
    enum err (*error_tidy)(struct backend *b, struct error_tidy *t);

    /* The functions from here on exist in SQLite only: NULL in the twin. */
    enum err (*integrity)(struct backend *b, struct integrity_step *step);
    /*
     * Whatever a clock that was ahead has dated more than a day after wall_ms gets the date wall_ms and
     * expires from there: sessions, idempotency keys, tokens, invitations, grace periods, mails, error
     * windows and contact links would otherwise never expire. The audit log stays as written.
     */
    enum err (*redate)(struct backend *b, int64_t wall_ms);
    /* Row and commit numbers given from now on are above last. */
    void (*number_from)(struct backend *b, int64_t last);
    enum err (*notice_end)(struct backend *b, int64_t id); /* the notice was sent, or need not be */
    /* Keeps the window and its errors open until closes_ms, or adds its errors to the window opened since. */
    enum err (*notice_defer)(struct backend *b, const struct notice *n, int64_t closes_ms);
    /*
     * Everybody with the Admin role on the channel, directly or through its provider, whose account is
     * confirmed and not disabled.
     */
    enum err (*notice_people)(struct backend *b, int64_t channel_id, notice_person_fn *fn, void *arg);
    /*
     * How many notices of the channel became mails on that day. Adding one deletes the counts of earlier
     * days.
     */
    enum err (*notice_day_get)(struct backend *b, int64_t channel_id, int64_t day, uint32_t *ret);
    enum err (*notice_day_add)(struct backend *b, int64_t channel_id, int64_t day);

    /* The choice an address's owner made about a provider; address in the form struct contact has. */
    enum err (*contact_get)(struct backend *b, int64_t provider_id, struct span address, struct contact *ret);
    enum err (*contact_find)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                             struct contact *ret);
    /* Replaces the earlier choice. person: the account it belongs to, for contact_asks. */
    enum err (*contact_put)(struct backend *b, const struct contact *c, struct span person);
    enum err (*contact_asks)(struct backend *b, struct span person, int64_t since_ms,
                             struct contact_asks *ret);
    /* How many mails were counted on that day. Adding some deletes the counts of earlier days. */
    enum err (*mail_day_get)(struct backend *b, enum mail_topic topic, int64_t id, int64_t day,
                             uint32_t *ret);
    enum err (*mail_day_add)(struct backend *b, enum mail_topic topic, int64_t id, int64_t day, uint32_t n);

    /*
     * Gives OPTION_NONE if there is no row. fn must copy the note: its span ends with the call.
     * ERR_NOT_FOUND: no such provider.
     */
    enum err (*option_get)(struct backend *b, int64_t provider_id, option_row_fn *fn, void *arg);
    enum err (*option_put)(struct backend *b, const struct option *o);
    /* By provider, above `after`; states: bits 1 << enum option_state. */
    enum err (*option_list)(struct backend *b, unsigned states, int64_t after, uint32_t limit,
                            option_row_fn *fn, void *arg);

    enum err (*mail_insert)(struct backend *b, const struct mail_draft *d, int64_t wall_ms);
    /* Waiting mails that are due, with their text; in order of due time. */
    enum err (*mail_due)(struct backend *b, int64_t wall_ms, uint32_t limit, mail_row_fn *fn, void *arg);
    /* After a sending attempt: copies state, tries, next_ms and last_error of m to the row. */
    enum err (*mail_tried)(struct backend *b, const struct mail *m);
    /* Newest first, below `before`; states: bits 1 << enum mail_state. */
    enum err (*mail_list)(struct backend *b, unsigned states, int64_t before, uint32_t limit, mail_row_fn *fn,
                          void *arg);
    /*
     * Queues a failed mail again from now on, as if it were new. ERR_NOT_FOUND; ERR_CONFLICT: it has not
     * failed.
     */
    enum err (*mail_retry)(struct backend *b, int64_t id, int64_t wall_ms);
    /*
     * Deletes mails that ended earlier: sent and written ones before sent_ms, failed ones before failed_ms.
     */
    enum err (*mail_prune)(struct backend *b, int64_t sent_ms, int64_t failed_ms, uint32_t limit,
                           uint32_t *ret_count);
    enum err (*mail_count)(struct backend *b, struct mail_counts *ret);

    /* Channel access tokens (SQLite only: NULL in the twin). */
    /* Sets t->id. ERR_NOT_FOUND: no such channel; ERR_LIMIT: it already has max tokens valid at wall_ms. */
    enum err (*token_insert)(struct backend *b, struct channel_token *t, uint32_t max, int64_t wall_ms);
    enum err (*token_delete)(struct backend *b, int64_t channel_id, int64_t id);
    enum err (*token_list)(struct backend *b, int64_t channel_id, token_row_fn *fn, void *arg);
    /* Finds expired tokens too. */
    enum err (*token_find)(struct backend *b, const uint8_t hash[static ACCESS_HASH_LEN],
                           struct channel_token *ret);
    enum err (*token_use)(struct backend *b, int64_t id, int64_t wall_ms);
    /* Deletes secrets whose grace period has ended by wall_ms, and tokens that expired by before_ms. */
    enum err (*secret_prune)(struct backend *b, int64_t wall_ms, int64_t before_ms);
    /* Accounts and roles (SQLite only: NULL in the twin). ERR_EXISTS: the mail address is taken. */
    enum err (*account_insert)(struct backend *b, struct account *a); /* sets a->id */
    enum err (*account_skip)(struct backend *b); /* uses up one account id, as if an account had been made */
    enum err (*account_update)(struct backend *b, const struct account *a);
    enum err (*account_delete)(struct backend *b, int64_t id); /* with its roles, sessions and invitation */
    enum err (*account_get)(struct backend *b, int64_t id, struct account *ret);
    enum err (*account_by_email)(struct backend *b, struct span email, struct account *ret);
    enum err (*account_list)(struct backend *b, int64_t after, uint32_t limit, account_row_fn *fn, void *arg);
    /* counts accounts that are not disabled */
    enum err (*account_operators)(struct backend *b, int64_t except, uint64_t *ret);

    /* Deletes the account's sessions beyond `keep`, least recently used first. */
    enum err (*session_insert)(struct backend *b, const struct session *s, uint32_t keep);
    enum err (*session_get)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                            struct session *ret);
    enum err (*session_touch)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                              int64_t used_ms);
    enum err (*session_delete)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN]);
    /* Deletes all sessions of an account except one; except NULL: all. */
    enum err (*session_delete_others)(struct backend *b, int64_t account_id, const uint8_t *except);
    enum err (*session_prune)(struct backend *b, int64_t created_before_ms, int64_t used_before_ms);
    /* Replaces the account's earlier invitation. */
    enum err (*invitation_put)(struct backend *b, const struct invitation *i);
    enum err (*invitation_get)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                               struct invitation *ret);
    /* When the account's invitation expires; 0: it has none. */
    enum err (*invitation_last)(struct backend *b, int64_t account_id, int64_t *ret_expires_ms);
    enum err (*invitation_delete)(struct backend *b, int64_t account_id);

    enum err (*provider_insert)(struct backend *b, struct provider *p); /* sets p->id */
    /* The account that made a provider; 0: none. provider_get also counts the provider's channels. */
    enum err (*provider_maker)(struct backend *b, int64_t id, int64_t *ret_account_id);
    /* providers made by that account */
    enum err (*provider_made)(struct backend *b, int64_t account_id, uint64_t *ret);
    enum err (*provider_rename)(struct backend *b, int64_t id, struct span name);
    enum err (*provider_delete)(struct backend *b, int64_t id); /* ERR_CONFLICT: it has channels */
    enum err (*provider_get)(struct backend *b, int64_t id, struct provider *ret);
    /* account_id 0: all, with GRANT_ADMIN. */
    enum err (*provider_list)(struct backend *b, int64_t account_id, int64_t after, uint32_t limit,
                              provider_row_fn *fn, void *arg);

    enum err (*channel_find)(struct backend *b, const struct channel_filter *f, channel_grant_fn *fn,
                             void *arg);
    /*
     * The stronger of the role on the channel and the role on its provider; GRANT_NONE: neither is effective
     * (a waiting role is not).
     */
    enum err (*grant_on_channel)(struct backend *b, int64_t account_id, int64_t channel_id,
                                 struct grant_held *ret);
    enum err (*grant_on_provider)(struct backend *b, int64_t account_id, int64_t provider_id,
                                  struct grant_held *ret);
    /*
     * Sets a role that is effective at once and not secret, such as one's own. GRANT_NONE removes it:
     * ERR_NOT_FOUND if there was none.
     */
    enum err (*grant_put)(struct backend *b, int64_t account_id, enum grant_scope scope, int64_t id,
                          enum grant g);
    /* Sets a role given by another account. An existing role keeps its address and whether it is known. */
    enum err (*grant_give)(struct backend *b, const struct grant_gift *g);
    /*
     * The account has used its role: marks its roles on the provider, or on the channel and its provider, as
     * known.
     */
    enum err (*grant_meet)(struct backend *b, int64_t account_id, enum grant_scope scope, int64_t id);
    /* makes the account's waiting roles effective */
    enum err (*grant_release)(struct backend *b, int64_t account_id);
    enum err (*grant_drop)(struct backend *b, int64_t account_id); /* deletes roles that do not wait */
    /*
     * Includes waiting roles. Ordered by the address that may be shown: the account's own if the role is
     * known, else the address it was given to.
     */
    enum err (*grant_list)(struct backend *b, enum grant_scope scope, int64_t id, uint32_t limit,
                           grant_row_fn *fn, void *arg);
    /* The account's roles on channels themselves, not through a provider. */
    enum err (*grant_of)(struct backend *b, int64_t account_id, uint32_t limit, grant_of_fn *fn, void *arg);
    /*
     * Counts Admins able to act: confirmed, with a password, not disabled. known: only those whose role is
     * known.
     */
    enum err (*provider_admins)(struct backend *b, int64_t provider_id, int64_t except, bool known,
                                uint64_t *ret);
    /* A provider on which no Admin but this account is able to act; 0: none. */
    enum err (*provider_admin_alone)(struct backend *b, int64_t account_id, int64_t *ret_provider_id);

    /*
     * Counts events of a topic on a day (since 1970, UTC) or forever. Adding to a day deletes the topic's
     * other days.
     */
    enum err (*tally_get)(struct backend *b, int64_t day, struct span topic, uint32_t *ret);
    enum err (*tally_add)(struct backend *b, int64_t day, struct span topic);
    enum err (*tally_drop)(struct backend *b, int64_t day, struct span topic);

    enum err (*audit_insert)(struct backend *b, const struct audit_entry *e);
    /* Newest first, below `before`; channel_id 0: all. */
    enum err (*audit_list)(struct backend *b, int64_t channel_id, int64_t before, uint32_t limit,
                           audit_row_fn *fn, void *arg);
    /*
     * Deletes lines older than before_ms, oldest first. A line dated after ahead_ms was dated by a clock that
     * was ahead: it is deleted together with the next line that is not.
     */
    enum err (*audit_prune)(struct backend *b, int64_t before_ms, int64_t ahead_ms, uint32_t limit,
                            uint32_t *ret_count);
};

enum store_access {
    STORE_READ,  /* a second connection, for reading */
    STORE_WRITE, /* the only writer; migrates the schema */
};

/*
 * Opens dir/todoke.db; STORE_WRITE creates it if missing. ERR_VERSION: written by a newer todoke; ERR_IO
 * (errno), ERR_FULL.
 */
enum err sqlite_open(struct backend **ret, const char *dir, enum store_access access) MUST_CHECK;

/*
 * From now on secrets and webhook URLs of channels are written and read through seal, which must outlive the
 * backend. Without a seal they are stored in clear: for tests, and for commands that touch no channel. The
 * writer also seals what is still stored in clear and cleans its traces from the file. Returns what
 * seal->begin fails with; ERR_DENIED: a secret cannot be opened.
 */
enum err sqlite_seal(struct backend *b, const struct store_seal *seal) MUST_CHECK;

/*
 * Seals every secret again, all or none; seal is the one given to sqlite_seal(). On the writer, with no
 * transaction open.
 */
enum err sqlite_reseal(struct backend *b, const struct store_seal *seal) MUST_CHECK;

/*
 * From now on a commit fails with ERR_GONE when the files of the database, the key or the directory are no
 * longer those that are open (files.h). For the node's writer, once everything is open. files must outlive
 * the backend. ERR_IO (errno), ERR_NOMEM.
 */
struct files;
enum err sqlite_guard(struct backend *b, struct files *files, const struct store_seal *seal) MUST_CHECK;

/*
 * Loads the newest events that the writer keeps in memory (sqlite_tail.c), with no transaction open. Damage
 * is found and skipped here, because a transaction that has met damage cannot commit. ERR_DAMAGED: it could
 * not be skipped.
 */
enum err sqlite_warm(struct backend *b) MUST_CHECK;

/*
 * From now on the log is copied into the database after commits. Only for the node's writer: commands running
 * beside a node leave checkpoints to it, and the last connection to close makes the final one
 * (sqlite_checkpoint.c says why).
 */
void sqlite_checkpoint(struct backend *b);

/*
 * Checks all of dir/todoke.db, while a node may write, and calls fn for each damaged place, in SQLite's
 * words; no call: the database is sound. ERR_DAMAGED: it cannot even be opened as a database, and fn was told
 * so; ERR_IO, ERR_NOMEM, ERR_BUSY.
 */
typedef void integrity_fn(void *arg, const char *text);

/*
 * Returns the schema version of dir/todoke.db and the version this program migrates to; changes nothing.
 * ERR_IO, ERR_DAMAGED, ERR_NOMEM, ERR_BUSY.
 */
enum err sqlite_version(const char *dir, int64_t *ret, int64_t *ret_newest) MUST_CHECK;

enum err sqlite_integrity_all(const char *dir, uint32_t limit, integrity_fn *fn, void *arg) MUST_CHECK;

/*
 * Copies one consistent state of dir/todoke.db to to/todoke.db, while a node may write. ERR_IO: one of them
 * cannot be opened, read or written; ERR_FULL, ERR_NOMEM; ERR_DAMAGED: the copy, and so the original, is not
 * a sound database.
 */
enum err sqlite_backup(const char *dir, const char *to) MUST_CHECK;
