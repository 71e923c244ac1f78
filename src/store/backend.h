#pragma once
/*
 * A storage backend: functions in groups. SQLite (sqlite_*.c) is the real one; plain memory (memory.c) is
 * its twin for tests. A backend handle belongs to one thread. Everything that writes runs between begin and
 * commit.
 *
 * A function that returns NOT_FOUND, EXISTS, CONFLICT, INVALID or LIMIT has changed nothing, so its caller
 * may go on. After any other error the caller must fail too, and the store rolls back what it has written.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/audience.h"
#include "store/campaign.h"
#include "store/row.h"

struct backend {
    const struct backend_ops *ops;
    bool unwritten; /* the last commit wrote nothing, so its success says nothing about the disk */
    /* it has met damage, even if it continued past it; the store notes this and clears the flag */
    bool damaged;
    bool passed_over; /* a waiting event cannot be read, though the database may look sound */
    /* number of the last commit that wrote; rises; also stored in the database. 0 in the twin */
    int64_t last;
    uint32_t base; /* lowest possible generation of the database without its log (head.h); 0: unknown */
};

/* What the store keeps of itself. */
struct backend_marks {
    enum err (*size)(struct backend *b, struct backend_size *ret);
    enum err (*mark_get)(struct backend *b, enum store_mark mark, int64_t *ret);
    enum err (*mark_put)(struct backend *b, enum store_mark mark, int64_t value);
    /* Writes a small row, to test whether the store can write. */
    enum err (*touch)(struct backend *b, int64_t wall_ms);
};

/* What only a database on disk needs: NULL in the twin. */
struct backend_upkeep {
    /*
     * Between transactions: whether the files still hold what was written. ERR_GONE: files were deleted,
     * replaced or truncated.
     */
    enum err (*check)(struct backend *b);
    enum err (*integrity)(struct backend *b, struct integrity_step *step);
    /*
     * Whatever a clock that was ahead has dated more than a day after wall_ms gets the date wall_ms and
     * expires from there: sessions, idempotency keys, tokens, invitations, grace periods, mails, error
     * windows and contact links would otherwise never expire. The audit log stays as written.
     */
    enum err (*redate)(struct backend *b, int64_t wall_ms);
    /* Row and commit numbers given from now on are above last. */
    void (*number_from)(struct backend *b, int64_t last);
};

/* Channels. */
struct backend_channels {
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
};

/* Events, from the queue to the end of their history. */
struct backend_events {
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
};

/* Error statistics, and the windows that notices are made from. */
struct backend_errors {
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
};

/* API keys. */
struct backend_keys {
    enum err (*key_insert)(struct backend *b, struct access_key *k); /* sets k->id */
    enum err (*key_revoke)(struct backend *b, int64_t id, int64_t wall_ms);
    enum err (*key_list)(struct backend *b, key_row_fn *fn, void *arg); /* includes revoked keys */
    enum err (*key_version)(struct backend *b, int64_t *ret);           /* changes whenever a key changes */
};

/* Channel access tokens and rotated secrets. */
struct backend_tokens {
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
};

/* Who is told of errors, and how often. */
struct backend_notices {
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
};

/* The outbox. */
struct backend_mails {
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
};

/* Accounts, their sessions and invitations. */
struct backend_accounts {
    /* ERR_EXISTS: the mail address is taken. */
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
};

/* Providers, and who may do what. */
struct backend_roles {
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
};

/* The audit log, and counts a day. */
struct backend_audit {
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

#define BACKEND_GROUPS(G)                                                                                    \
    G(marks)                                                                                                 \
    G(upkeep)                                                                                                \
    G(channels)                                                                                              \
    G(events)                                                                                                \
    G(errors)                                                                                                \
    G(keys)                                                                                                  \
    G(tokens)                                                                                                \
    G(notices)                                                                                               \
    G(mails)                                                                                                 \
    G(accounts)                                                                                              \
    G(roles)                                                                                                 \
    G(audit)                                                                                                 \
    G(campaigns)                                                                                             \
    G(jobs)                                                                                                  \
    G(audience)

/* A backend has a group whole, or NULL stands for it. */
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

#define BACKEND_POINTER(group) const struct backend_##group *group;
    BACKEND_GROUPS(BACKEND_POINTER)
#undef BACKEND_POINTER
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
