#pragma once
/*
 * What keeps the data: a table of functions, SQLite in earnest (sqlite_*.c), plain memory as a twin for tests
 * (memory.c). A backend handle belongs to one thread. Everything that writes runs between begin and commit.
 *
 * A function that returns NOT_FOUND, EXISTS, CONFLICT, INVALID or LIMIT has changed nothing, so that its
 * caller may go on; after any other failure the caller has to fail, too, and the store undoes what it has
 * written.
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
    bool unwritten; /* the last commit had nothing to write: that it succeeded says nothing of the disk */
    bool damaged; /* it has met damage, also where it went on behind it; the store takes note and clears it */
    bool passed_over; /* an event that waits cannot be read, though the database may look sound */
    int64_t
        last; /* the number of the last commit that wrote, which stands in the database too; rises. 0 in the twin */
    uint32_t
        base; /* the generation that the database is of at least without its log (head.h); 0: not known */
};

/* What the store keeps of itself; 0 where nothing was kept. Times are milliseconds of the wall clock. */
enum store_mark {
    MARK_SEEN,    /* how far time has come, as long as the clock could be believed (steady.h) */
    MARK_STEADY,  /* milliseconds for which a clock that cannot be believed has gone steadily */
    MARK_TRIAL,   /* what that clock said when MARK_STEADY was written */
    MARK_CHECKED, /* when the database was last looked through to its end */
    MARK_DAMAGED, /* since when it is known to be damaged */
    MARK_LOST,    /* since when commits are known to be missing, until somebody takes note of it */
    MARK_COUNT
};

enum role { ROLE_NONE, ROLE_INGEST, ROLE_OPERATOR };

#define ACCESS_HASH_LEN 32u

struct access_key {
    int64_t id;
    enum role role;
    uint8_t
        hash[ACCESS_HASH_LEN]; /* SHA-256 of the key; a key is 256 random bits, so no salt and no slow hash */
    char hint[9];              /* its first characters, so that people can tell them apart */
    int64_t created_ms, revoked_ms;
};

/* A channel access token: what a caller of the LINE-compatible calls bears. */
struct channel_token {
    int64_t id, channel_id;
    uint8_t hash[ACCESS_HASH_LEN]; /* SHA-256 of the token, 256 random bits */
    char hint[9];                  /* its first characters; "" for those older than hints */
    int64_t created_ms;
    int64_t expires_ms; /* 0: never */
    int64_t used_ms;    /* about when it was used last; 0: never */
};

/*
 * How secrets, and webhook URLs, which may hold one, are sealed before they are written and opened once they
 * are read (access/seal.h). context says what a secret is and whose: what was sealed under one opens under no
 * other. seal and open may be called by several threads at once.
 */
#define STORE_SEALED_MAX 576u /* a webhook URL of 500 bytes and the seal */
struct store_seal {
    /* Before anything is read or written under it. stored is the id of the key that sealed what is there, 0
     * if nothing is; *ret_id that of the key from now on. ERR_NOT_FOUND: there is no key; ERR_DENIED: it is
     * another one; ERR_IO, ERR_FULL. */
    enum err (*begin)(void *arg, int64_t stored, int64_t *ret_id);
    enum err (*seal)(void *arg, struct span context, struct span clear, uint8_t out[STORE_SEALED_MAX],
                     size_t *ret_len);
    /* out is NUL-terminated. ERR_DENIED: sealed by another key, for something else, or changed. */
    enum err (*open)(void *arg, struct span context, struct span sealed, char *out, size_t size);
    void *arg;
    /* For a node that watches the key file: its path, and whether it still holds the key. NULL: there is
     * none. */
    const char *file;
    enum err (*still)(void *arg);
};

/* What an Idempotency-Key stands for. */
struct idempotency {
    uint8_t body_hash[32];
    uint32_t count; /* the ids are those of one call: consecutive events of it */
    int64_t ids[EVENT_MAX_COUNT];
};

struct event_view {
    int64_t id;
    enum event_state state; /* never EVENT_SUSPENDED: that is the channel's */
    uint8_t flags;
    uint16_t tries;   /* times it was sent */
    int64_t due_ms;   /* while retrying */
    struct span json; /* only where asked for */
};

/* Rows are given to a function; spans in them live for the call. Another value than ERR_NONE ends the listing
 * and is returned. */
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

/* Which channels, and for whom. */
struct channel_filter {
    int64_t after; /* the last one of the page before; 0: from the first */
    uint32_t limit;
    int64_t account_id;  /* only those the account has a role on; 0: all, with GRANT_ADMIN */
    int64_t provider_id; /* 0: of any */
    struct span text;    /* in the name, ASCII case ignored, or in the id; empty: any */
};

/* One step through the events in the order they were accepted: those that have ended go, with their
 * attempts. */
struct history_prune {
    int64_t after;     /* where the step before this one stopped; 0: from the oldest on */
    int64_t before_ms; /* only events that were accepted, and tried for the last time, before this */
    /* Not 0: of events whose numbers tell no time, since a clock was ahead when they, or some before them,
     * were accepted. Those go that were tried for the last time before this; tried later than tried_now_ms,
     * nobody knows when, and they stay. */
    int64_t tried_before_ms, tried_now_ms;
    uint32_t scan;       /* events looked at, at most */
    int64_t ret_after;   /* where to go on; 0: there are no more */
    uint32_t ret_events; /* how many went */
    uint32_t ret_attempts;
    uint32_t ret_young; /* of events by their tries: kept because they are young */
};

struct backend_size {
    uint64_t used, free; /* bytes of the database; free ones are used again by what comes */
};

/* What became of ids that are to be delivered again. */
struct redelivered {
    uint32_t due, waiting,
        unknown; /* due again; on their way anyway: passed over; no events of the channel */
};

struct redeliver_range {
    int64_t from_ms, to_ms; /* of acceptance; from ≤ t < to */
    struct span reason;     /* of the last attempt; empty: any failure */
    int64_t resume;         /* where the step before this one stopped; 0: this is the first */
    int64_t ret_resume;     /* where this one stopped, */
    bool ret_done;          /* at the end of the range */
};

/* A page of a channel's error statistics. */
struct error_page {
    int64_t channel_id;
    int64_t from, to;           /* minutes: from ≤ minute < to */
    struct span reason, detail; /* empty: any */
    struct error_place at; /* only rows below it, as told by the page before; zeroed: from the newest on */
    uint32_t limit;        /* rows that are given, */
    uint32_t scan;         /* and rows that are looked at, at most */
    bool ret_more;         /* there may be more, below */
    struct error_place ret_at;
};

#define INTEGRITY_TEXT 200u
/* A database of at most so many bytes is looked through in one step: some tens of milliseconds. */
#define INTEGRITY_SMALL (UINT64_C(32) << 20)
/* A step of looking through the database for damage: some milliseconds, for a small table or a small
 * database. */
struct integrity_step {
    bool anew;                     /* begin with the first table; cleared by the step */
    bool ret_done;                 /* that was the last one */
    uint32_t ret_found;            /* places that are damaged; each is in the log */
    char ret_text[INTEGRITY_TEXT]; /* the first of them, in SQLite's words; "" */
};

/* A step of housekeeping of the error statistics; bounds are minutes. */
struct error_tidy {
    int64_t move_before;  /* minutes that are over */
    int64_t prune_before; /* no longer needed; whole days of UTC go */
    /* No days after that of this minute: a clock that was ahead has dated them. 0: it is not known. */
    int64_t prune_after;
    uint32_t limit; /* rows moved, and rows that go, at most */
    uint32_t ret_moved, ret_pruned;
};

/* In place of a day: kept for good. account-invitations bounds how many rows an account can make. */
#define TALLY_EVER INT64_C(-1)

struct backend_ops {
    enum err (*begin)(struct backend *b);
    enum err (*commit)(struct backend *b);
    void (*rollback)(struct backend *b);
    /* In a transaction: a number that is another one after anything was written; below 0: the transaction is
     * lost and can only be rolled back. */
    int64_t (*changes)(struct backend *b);
    void (*close)(struct backend *b); /* NULL-safe */
    /* Between transactions: whether what is written will be found again; ERR_GONE: files were deleted,
     * replaced or cut. NULL in the twin. */
    enum err (*check)(struct backend *b);

    enum err (*channel_insert)(struct backend *b, struct channel *c); /* sets c->id */
    enum err (*channel_update)(struct backend *b, const struct channel *c);
    /* It is gone at once, and all that waited for it waits no longer; the rows are left to channel_prune, its
     * history to history_prune. */
    enum err (*channel_delete)(struct backend *b, int64_t id);
    /* Takes away at most limit rows that deleted channels have left waiting; fewer went: there are no
     * more. */
    enum err (*channel_prune)(struct backend *b, uint32_t limit, uint32_t *ret_count);
    enum err (*channel_get)(struct backend *b, int64_t id, struct channel *ret);
    enum err (*channel_list)(struct backend *b, int64_t after, uint32_t limit, channel_row_fn *fn, void *arg);

    /* Takes events of one channel into the queue and sets their ids, which rise. ERR_NOT_FOUND: the channel
     * is gone. */
    enum err (*events_insert)(struct backend *b, struct event *const *events, size_t count, int64_t wall_ms);
    enum err (*queue_list)(struct backend *b, int64_t channel_id, int64_t after, uint32_t limit,
                           event_row_fn *fn, void *arg);
    enum err (*retry_list)(struct backend *b, int64_t channel_id, uint32_t limit, event_row_fn *fn,
                           void *arg); /* first due first */
    /* The first events that were accepted of those that wait for the first time, and of those to be sent
     * again; 0: none. */
    enum err (*oldest)(struct backend *b, int64_t channel_id, int64_t *ret_pending, int64_t *ret_retrying);
    enum err (*backlog_list)(struct backend *b, backlog_row_fn *fn, void *arg);

    /* Records an attempt (sets a->id) and ends, or puts off, what it carried. What waits no longer (its
     * channel was deleted) is not put off. See fate_keeps_attempt(). */
    enum err (*result_put)(struct backend *b, struct attempt *a, const struct fate *fates, size_t count,
                           int64_t wall_ms);
    enum err (*event_get)(struct backend *b, int64_t channel_id, int64_t id, event_view_fn *fn, void *arg);
    /* Newest first, below `before`; states: bits 1 << enum event_state. At most `scan` rows are looked at;
     * *ret_last is the last of them, 0 when there are no more. */
    enum err (*event_list)(struct backend *b, int64_t channel_id, unsigned states, int64_t before,
                           uint32_t limit, uint32_t scan, event_view_fn *fn, void *arg, int64_t *ret_last);
    enum err (*attempt_list)(struct backend *b, int64_t channel_id, int64_t event_id, attempt_row_fn *fn,
                             void *arg);
    /* Finished events become due again; those unknown or still going are passed over. */
    enum err (*redeliver_ids)(struct backend *b, int64_t channel_id, const int64_t *ids, size_t count,
                              int64_t wall_ms, struct redelivered *ret);
    /* The same for events that were given up, oldest first, at most limit. A step looks at a bounded number
     * of rows: call it again, with resume, until ret_done, though *ret_count may be 0. */
    enum err (*redeliver_range)(struct backend *b, int64_t channel_id, struct redeliver_range *range,
                                uint32_t limit, int64_t wall_ms, uint32_t *ret_count);

    enum err (*idempotency_get)(struct backend *b, int64_t channel_id, struct span key, int64_t since_ms,
                                struct idempotency *ret);
    enum err (*idempotency_put)(struct backend *b, int64_t channel_id, struct span key,
                                const struct idempotency *i, int64_t wall_ms);
    enum err (*idempotency_prune)(struct backend *b, int64_t before_ms, uint32_t limit, uint32_t *ret_count);

    /* What waits (pending, retrying, or suspended with its channel) is passed over. */
    enum err (*history_prune)(struct backend *b, struct history_prune *p);
    enum err (*size)(struct backend *b, struct backend_size *ret);
    enum err (*mark_get)(struct backend *b, enum store_mark mark, int64_t *ret);
    enum err (*mark_put)(struct backend *b, enum store_mark mark, int64_t value);

    enum err (*key_insert)(struct backend *b, struct access_key *k); /* sets k->id */
    enum err (*key_revoke)(struct backend *b, int64_t id, int64_t wall_ms);
    enum err (*key_list)(struct backend *b, key_row_fn *fn, void *arg); /* revoked ones too */
    /* Writes a little: whether the store can keep anything. */
    enum err (*touch)(struct backend *b, int64_t wall_ms);

    enum err (*key_version)(struct backend *b, int64_t *ret); /* changes with every change of a key */

    /* Counts n->errors into the window of its channel, kind, reason and detail that is open at n->first_ms,
     * or opens one that closes at n->closes_ms (result_put does so of itself). */
    enum err (*notice_put)(struct backend *b, const struct notice *n);
    /* Windows that are closed, first closed first. */
    enum err (*notice_due)(struct backend *b, int64_t wall_ms, uint32_t limit, notice_row_fn *fn, void *arg);

    /* Newest minute first, within it by reason and detail downwards. What is counted is written by
     * result_put. */
    enum err (*error_list)(struct backend *b, struct error_page *p, error_row_fn *fn, void *arg);
    enum err (*error_tidy)(struct backend *b, struct error_tidy *t);

    /* From here on SQLite only: NULL in the twin. */
    enum err (*integrity)(struct backend *b, struct integrity_step *step);
    /* What a clock that was ahead has dated more than a day after wall_ms is dated wall_ms, and lasts from
     * then: sessions, idempotency keys, tokens, invitations, graces, mails, windows of errors and links to
     * contacts would outlive everybody. The audit log stays as it was written. */
    enum err (*redate)(struct backend *b, int64_t wall_ms);
    /* Numbers of rows and commits are above this from now on. */
    void (*number_from)(struct backend *b, int64_t last);
    enum err (*notice_end)(struct backend *b, int64_t id); /* it was told, or needs not be */
    /* The window stays open until closes_ms, with its errors, or those are added to the one that was opened
     * since. */
    enum err (*notice_defer)(struct backend *b, const struct notice *n, int64_t closes_ms);
    /* Everybody with the role Admin on the channel, by itself or by its provider, whose account is
     * confirmed and not disabled. */
    enum err (*notice_people)(struct backend *b, int64_t channel_id, notice_person_fn *fn, void *arg);
    /* How many notices of the channel became mails on that day. Adding one forgets the days before. */
    enum err (*notice_day_get)(struct backend *b, int64_t channel_id, int64_t day, uint32_t *ret);
    enum err (*notice_day_add)(struct backend *b, int64_t channel_id, int64_t day);

    /* What the owner of an address said to a provider; address as struct contact has it. */
    enum err (*contact_get)(struct backend *b, int64_t provider_id, struct span address, struct contact *ret);
    enum err (*contact_find)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                             struct contact *ret);
    /* In the place of what was there. person: whose it is, for contact_asks. */
    enum err (*contact_put)(struct backend *b, const struct contact *c, struct span person);
    enum err (*contact_asks)(struct backend *b, struct span person, int64_t since_ms,
                             struct contact_asks *ret);
    /* How many mails were counted on that day. Adding some forgets the days before. */
    enum err (*mail_day_get)(struct backend *b, enum mail_topic topic, int64_t id, int64_t day,
                             uint32_t *ret);
    enum err (*mail_day_add)(struct backend *b, enum mail_topic topic, int64_t id, int64_t day, uint32_t n);

    /* OPTION_NONE where there is no row; the note is the caller's span to copy in fn. ERR_NOT_FOUND: no such
     * provider. */
    enum err (*option_get)(struct backend *b, int64_t provider_id, option_row_fn *fn, void *arg);
    enum err (*option_put)(struct backend *b, const struct option *o);
    /* By provider, above `after`; states: bits 1 << enum option_state. */
    enum err (*option_list)(struct backend *b, unsigned states, int64_t after, uint32_t limit,
                            option_row_fn *fn, void *arg);

    enum err (*mail_insert)(struct backend *b, const struct mail_draft *d, int64_t wall_ms);
    /* Those that wait and are due, with what they say; first due first. */
    enum err (*mail_due)(struct backend *b, int64_t wall_ms, uint32_t limit, mail_row_fn *fn, void *arg);
    /* After a try: state, tries, next_ms and last_error of the row become those of m. */
    enum err (*mail_tried)(struct backend *b, const struct mail *m);
    /* Newest first, below `before`; states: bits 1 << enum mail_state. */
    enum err (*mail_list)(struct backend *b, unsigned states, int64_t before, uint32_t limit, mail_row_fn *fn,
                          void *arg);
    /* A failed one waits again, from now on, as if it had been made now. ERR_NOT_FOUND; ERR_CONFLICT: it has
     * not failed. */
    enum err (*mail_retry)(struct backend *b, int64_t id, int64_t wall_ms);
    /* Those that ended before: sent and written ones, failed ones. */
    enum err (*mail_prune)(struct backend *b, int64_t sent_ms, int64_t failed_ms, uint32_t limit,
                           uint32_t *ret_count);
    enum err (*mail_count)(struct backend *b, struct mail_counts *ret);

    /* Channel access tokens (not in the twin in memory: NULL there). */
    /* Sets t->id. ERR_NOT_FOUND: no such channel; ERR_LIMIT: it has max tokens that are valid at wall_ms. */
    enum err (*token_insert)(struct backend *b, struct channel_token *t, uint32_t max, int64_t wall_ms);
    enum err (*token_delete)(struct backend *b, int64_t channel_id, int64_t id);
    enum err (*token_list)(struct backend *b, int64_t channel_id, token_row_fn *fn, void *arg);
    /* Expired ones too. */
    enum err (*token_find)(struct backend *b, const uint8_t hash[static ACCESS_HASH_LEN],
                           struct channel_token *ret);
    enum err (*token_use)(struct backend *b, int64_t id, int64_t wall_ms);
    /* Secrets whose grace has ended go, and tokens that expired before_ms ago or earlier. */
    enum err (*secret_prune)(struct backend *b, int64_t wall_ms, int64_t before_ms);
    /* Who may do what: SQLite only; the twin has NULL here. ERR_EXISTS: the mail address is taken. */
    enum err (*account_insert)(struct backend *b, struct account *a); /* sets a->id */
    enum err (*account_skip)(struct backend *b); /* the next one has an id as if another had been made */
    enum err (*account_update)(struct backend *b, const struct account *a);
    enum err (*account_delete)(struct backend *b, int64_t id); /* with its roles, sessions and invitation */
    enum err (*account_get)(struct backend *b, int64_t id, struct account *ret);
    enum err (*account_by_email)(struct backend *b, struct span email, struct account *ret);
    enum err (*account_list)(struct backend *b, int64_t after, uint32_t limit, account_row_fn *fn, void *arg);
    enum err (*account_operators)(struct backend *b, int64_t except, uint64_t *ret); /* not disabled */

    /* Sessions beyond `keep` of the account, those used longest ago, go. */
    enum err (*session_insert)(struct backend *b, const struct session *s, uint32_t keep);
    enum err (*session_get)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                            struct session *ret);
    enum err (*session_touch)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                              int64_t used_ms);
    enum err (*session_delete)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN]);
    /* All of an account but one; except NULL: all. */
    enum err (*session_delete_others)(struct backend *b, int64_t account_id, const uint8_t *except);
    enum err (*session_prune)(struct backend *b, int64_t created_before_ms, int64_t used_before_ms);
    /* Replaces the account's earlier one. */
    enum err (*invitation_put)(struct backend *b, const struct invitation *i);
    enum err (*invitation_get)(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                               struct invitation *ret);
    /* When the account's invitation expires; 0: it has none. */
    enum err (*invitation_last)(struct backend *b, int64_t account_id, int64_t *ret_expires_ms);
    enum err (*invitation_delete)(struct backend *b, int64_t account_id);

    enum err (*provider_insert)(struct backend *b, struct provider *p); /* sets p->id */
    /* The account that made a provider; 0: none. provider_get counts the channels, too. */
    enum err (*provider_maker)(struct backend *b, int64_t id, int64_t *ret_account_id);
    enum err (*provider_made)(struct backend *b, int64_t account_id, uint64_t *ret); /* by that account */
    enum err (*provider_rename)(struct backend *b, int64_t id, struct span name);
    enum err (*provider_delete)(struct backend *b, int64_t id); /* ERR_CONFLICT: it has channels */
    enum err (*provider_get)(struct backend *b, int64_t id, struct provider *ret);
    /* account_id 0: all, with GRANT_ADMIN. */
    enum err (*provider_list)(struct backend *b, int64_t account_id, int64_t after, uint32_t limit,
                              provider_row_fn *fn, void *arg);

    enum err (*channel_find)(struct backend *b, const struct channel_filter *f, channel_grant_fn *fn,
                             void *arg);
    /* The stronger of the role on the channel and the one on its provider; GRANT_NONE: neither counts (one
     * that waits does not). */
    enum err (*grant_on_channel)(struct backend *b, int64_t account_id, int64_t channel_id,
                                 struct grant_held *ret);
    enum err (*grant_on_provider)(struct backend *b, int64_t account_id, int64_t provider_id,
                                  struct grant_held *ret);
    /* A role that counts at once and is no secret: one's own. GRANT_NONE takes it away: ERR_NOT_FOUND where
     * there was none. */
    enum err (*grant_put)(struct backend *b, int64_t account_id, enum grant_scope scope, int64_t id,
                          enum grant g);
    /* A role that somebody gives. Where there was one already, its address stays and so does that it is
     * known. */
    enum err (*grant_give)(struct backend *b, const struct grant_gift *g);
    /* The account has used its role there: its roles on the provider, or on the channel and its provider, are
     * known. */
    enum err (*grant_meet)(struct backend *b, int64_t account_id, enum grant_scope scope, int64_t id);
    enum err (*grant_release)(struct backend *b, int64_t account_id); /* its roles wait no longer */
    enum err (*grant_drop)(struct backend *b, int64_t account_id);    /* those that do not wait go */
    /* Those that wait too; ordered by the address that may be shown: the account's of a known one, else the
     * one it was given to. */
    enum err (*grant_list)(struct backend *b, enum grant_scope scope, int64_t id, uint32_t limit,
                           grant_row_fn *fn, void *arg);
    /* The account's roles on channels themselves. */
    enum err (*grant_of)(struct backend *b, int64_t account_id, uint32_t limit, grant_of_fn *fn, void *arg);
    /* Admins that can act: confirmed, with a password, not disabled. known: only those whose role is
     * known. */
    enum err (*provider_admins)(struct backend *b, int64_t provider_id, int64_t except, bool known,
                                uint64_t *ret);
    /* A provider of which this account is Admin and no other Admin can act; 0: none. */
    enum err (*provider_admin_alone)(struct backend *b, int64_t account_id, int64_t *ret_provider_id);

    /* How often on that day (since 1970, UTC), or in all. Adding one to a day forgets the other days. */
    enum err (*tally_get)(struct backend *b, int64_t day, struct span topic, uint32_t *ret);
    enum err (*tally_add)(struct backend *b, int64_t day, struct span topic);
    enum err (*tally_drop)(struct backend *b, int64_t day, struct span topic);

    enum err (*audit_insert)(struct backend *b, const struct audit_entry *e);
    /* Newest first, below `before`; channel_id 0: all. */
    enum err (*audit_list)(struct backend *b, int64_t channel_id, int64_t before, uint32_t limit,
                           audit_row_fn *fn, void *arg);
    /* Lines older than before_ms, from the oldest on. What is dated after ahead_ms was dated by a clock
     * that was ahead: it goes with the next line that is not. */
    enum err (*audit_prune)(struct backend *b, int64_t before_ms, int64_t ahead_ms, uint32_t limit,
                            uint32_t *ret_count);
};

enum store_access {
    STORE_READ,  /* a second connection for reading */
    STORE_WRITE, /* the one writer; migrates */
};

/* Opens dir/todoke.db, which STORE_WRITE makes if there is none. ERR_VERSION: written by a newer todoke;
 * ERR_IO (errno), ERR_FULL. */
enum err sqlite_open(struct backend **ret, const char *dir, enum store_access access) MUST_CHECK;

/*
 * From now on secrets and webhook URLs of channels are written and read by seal, which outlives the backend;
 * without one they are kept as they are: tests, and commands that touch no channel. On the writer what still
 * stands there in clear is sealed, and the file rid of what it left behind. What seal->begin fails with;
 * ERR_DENIED: a secret cannot be opened.
 */
enum err sqlite_seal(struct backend *b, const struct store_seal *seal) MUST_CHECK;

/* Seals every secret anew, all or none; seal is what sqlite_seal() was given. On the writer, with no
 * transaction open. */
enum err sqlite_reseal(struct backend *b, const struct store_seal *seal) MUST_CHECK;

/*
 * From now on a commit fails with ERR_GONE when the files of the database, the key or the directory are no
 * longer those that are open (files.h). For the node's writer, once all is open. files outlives the backend.
 * ERR_IO (errno), ERR_NOMEM.
 */
struct files;
enum err sqlite_guard(struct backend *b, struct files *files, const struct store_seal *seal) MUST_CHECK;

/* Reads what the writer knows by heart, with no transaction open: damage there is passed over now, for a
 * transaction that has met damage is not committed. ERR_DAMAGED: even so. */
enum err sqlite_warm(struct backend *b) MUST_CHECK;

/* From now on the log goes into the database after commits. For the node's writer alone: commands beside it
 * leave that to the node, the last to close does it then (sqlite_checkpoint.c says why). */
void sqlite_checkpoint(struct backend *b);

/*
 * Looks through all of dir/todoke.db, while a node may write, and gives each place that is damaged to fn, in
 * SQLite's words; none: it is sound. ERR_DAMAGED: it cannot even be opened as a database, which fn was told;
 * ERR_IO, ERR_NOMEM, ERR_BUSY.
 */
typedef void integrity_fn(void *arg, const char *text);

/* The schema that dir/todoke.db has, and the one that this program brings it to; looks only. ERR_IO,
 * ERR_DAMAGED, ERR_NOMEM, ERR_BUSY. */
enum err sqlite_version(const char *dir, int64_t *ret, int64_t *ret_newest) MUST_CHECK;

enum err sqlite_integrity_all(const char *dir, uint32_t limit, integrity_fn *fn, void *arg) MUST_CHECK;

/*
 * Copies dir/todoke.db as it stands at one moment to to/todoke.db, while a node may write. ERR_IO: one of
 * them cannot be opened, read or written; ERR_FULL, ERR_NOMEM; ERR_DAMAGED: the copy is no sound database,
 * and so dir's is not.
 */
enum err sqlite_backup(const char *dir, const char *to) MUST_CHECK;
