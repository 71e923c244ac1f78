#pragma once
/* Internals of the SQLite backend: the handle and the helpers its files share. */
#include <sqlite3.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/ulid.h"
#include "store/audience.h"
#include "store/backend.h"
#include "store/condition.h"

enum statement {
#define STATEMENT(id, sql) STATEMENT_##id,
#include "store/sqlite/sqlite_statement.def"
#undef STATEMENT
    STATEMENT_COUNT
};

/* The newest events of all channels (sqlite_tail.c). */
enum tail_state {
    TAIL_WAITS,
    TAIL_DELIVERED, /* alone and on the first attempt: the attempt has the event's id */
    TAIL_LEFT,      /* its state is in its rows, or it was deleted with its channel */
};
struct tail_event {
    int64_t id, channel_id;
    enum tail_state state;
};
/*
 * Readable range from one event to another. `last`: the last event before damage, INT64_MAX if no damage
 * follows.
 */
struct tail_span {
    int64_t first, last;
};
struct tail {
    struct tail_event *events; /* ascending by id */
    uint32_t count, alloc;
    uint32_t section; /* number of events that leave the tail together */
    bool loaded;
    int64_t changes; /* count of changes to the tail, which rows need not show */
    /*
     * After damage: the ranges of ids that can be read; none: everything can. SQLite cannot commit a
     * transaction that has met damage, so damage must be met only once.
     */
    struct tail_span *whole;
    uint32_t whole_count, whole_alloc;
};

/* What is known of the audience while a transaction lasts (sqlite_user.c). */
struct people {
    bool cached;                 /* the connection has a page cache for bulk work */
    bool found;                  /* the last user that was put was there already */
    int64_t next, end;           /* numbers kept back for users: above next, up to end */
    int64_t provider;            /* is there; 0: none is known */
    int64_t counted, count;      /* a provider, and how many users it has more than its row says */
    struct buf attributes, text; /* of the user that is worked on; text: of its targets */
};

#define CHANNELS_KNOWN 1024u
/* more than one page of small events; beyond that, channels with such events stop */
#define UNREADABLE_MAX 256u
#define SQLITE_BUSY_MS 5000 /* how long a `todoke key` beside a running node waits for the other's commit */

/* What functions of conditions need (sqlite_condition.c). */
struct matching {
    bool ready;         /* they are known to the connection */
    struct buf scratch; /* a text without its escapes */
};

struct sqlite {
    struct backend backend;
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    enum store_access access;
    int64_t changes;     /* total rows changed when the transaction began */
    bool lost;           /* the disk failed or damage was met since the transaction began */
    struct ulid_seq seq; /* shared by payload and attempt rows */
    int64_t numbered;    /* the highest number in the database, including this transaction */
    struct tail tail;    /* kept by the writer; a reader's lasts for one transaction */
    /* writer only: cache of channels that exist, each at its id modulo the size */
    int64_t channels[CHANNELS_KNOWN];
    struct checkpoint *checkpoint; /* the thread that copies the log; started when first needed */
    bool copied;                   /* the thread was asked to copy since the log began */
    /* Checkpoints of this process, on any connection. */
    _Atomic unsigned copies_begun, copies_ended;
    int restart_at;                     /* log pages at which a checkpoint waits for readers */
    const struct store_seal *seal;      /* NULL: secrets are stored in clear */
    struct guard *guard;                /* the node's writer only */
    struct walk *walk;                  /* position of the integrity check */
    int64_t unreadable[UNREADABLE_MAX]; /* events whose payload cannot be read */
    uint32_t unreadable_count;
    bool damage_told; /* damage was already logged */
    struct matching matching;
    struct people people;
};

static inline struct sqlite *sqlite_of(struct backend *b)
{
    return (struct sqlite *)(void *)b;
}

/* Translates a result code; SQLITE_OK, ROW and DONE are ERR_NONE. Logs what an operator must know. */
enum err sqlite_err(struct sqlite *s, int rc) MUST_CHECK;

/*
 * Returns the prepared statement, reset and without bindings. NULL: it cannot be prepared, *ret_err says why.
 */
sqlite3_stmt *sqlite_statement(struct sqlite *s, enum statement id, enum err *ret_err);

/* Runs a statement that returns no rows, and resets it. */
enum err sqlite_run(struct sqlite *s, sqlite3_stmt *stmt) MUST_CHECK;
/* *ret_row: whether there is a row. After the last row the statement is reset. */
enum err sqlite_row(struct sqlite *s, sqlite3_stmt *stmt, bool *ret_row) MUST_CHECK;
/*
 * Loop over rows: while (sqlite_next(s, q, &e)) … Ends after the last row, or when *e is set; the statement
 * is then reset.
 */
bool sqlite_next(struct sqlite *s, sqlite3_stmt *stmt, enum err *e);
/* Returns the first column of the first row; ERR_NOT_FOUND: no row. */
enum err sqlite_first(struct sqlite *s, enum statement id, const int64_t *numbers, int count,
                      int64_t *ret) MUST_CHECK;

/* Binds the numbers to parameters 1, 2, … and runs the statement. */
enum err sqlite_run_with(struct sqlite *s, enum statement id, const int64_t *numbers, int count) MUST_CHECK;

/* Binding fails only for lack of memory or a wrong index in the source; stepping the statement reports it. */
void sqlite_bind_span(sqlite3_stmt *stmt, int at,
                      struct span text); /* borrowed until the statement is reset */
void sqlite_bind_bytes(sqlite3_stmt *stmt, int at, const void *p, size_t len);
void sqlite_bind_number(sqlite3_stmt *stmt, int at, int64_t n);

struct span sqlite_span(sqlite3_stmt *stmt, int column);
void sqlite_text(sqlite3_stmt *stmt, int column, char *out, size_t size); /* truncated to size - 1 */
int64_t sqlite_number(sqlite3_stmt *stmt, int column);

/* sqlite_migrate.c: migrates the schema to the newest version, sqlite_newest(). */
enum err sqlite_migrate(struct sqlite *s) MUST_CHECK;
int sqlite_newest(void);

enum err sqlite_exec(struct sqlite *s, const char *sql) MUST_CHECK;
enum err sqlite_ask(struct sqlite *s, const char *sql, int64_t *ret) MUST_CHECK; /* returns one number */

/* sqlite_seal.c */
/* Writes a channel's secrets and webhook URL to its row; reads them from these columns of it. */
enum err sqlite_secret_put(struct sqlite *s, const struct channel *c) MUST_CHECK;
enum err sqlite_secret_read(struct sqlite *s, sqlite3_stmt *stmt, int secret, int previous, int url,
                            struct channel *c) MUST_CHECK;
/* sqlite_token.c */
enum err sqlite_token_insert(struct backend *b, struct channel_token *t, uint32_t max, int64_t wall_ms);
enum err sqlite_token_delete(struct backend *b, int64_t channel_id, int64_t id);
enum err sqlite_token_list(struct backend *b, int64_t channel_id, token_row_fn *fn, void *arg);
enum err sqlite_token_find(struct backend *b, const uint8_t hash[static ACCESS_HASH_LEN],
                           struct channel_token *ret);
enum err sqlite_token_use(struct backend *b, int64_t id, int64_t wall_ms);
enum err sqlite_secret_prune(struct backend *b, int64_t wall_ms, int64_t before_ms);
/* sqlite_channel.c */
enum err sqlite_channel_insert(struct backend *b, struct channel *c);
enum err sqlite_channel_update(struct backend *b, const struct channel *c);
enum err sqlite_channel_delete(struct backend *b, int64_t id);
/* ERR_NOT_FOUND: no such channel. Writer only; mostly answered from the cache. */
enum err sqlite_channel_is(struct sqlite *s, int64_t id) MUST_CHECK;
void sqlite_channel_forget(struct sqlite *s);
enum err sqlite_channel_prune(struct backend *b, uint32_t limit, uint32_t *ret_count);
enum err sqlite_channel_get(struct backend *b, int64_t id, struct channel *ret);
enum err sqlite_channel_list(struct backend *b, int64_t after, uint32_t limit, channel_row_fn *fn, void *arg);
enum err sqlite_channel_find(struct backend *b, const struct channel_filter *f, channel_grant_fn *fn,
                             void *arg);
/* sqlite_event.c */
enum err sqlite_events_insert(struct backend *b, struct event *const *events, size_t count, int64_t wall_ms);
/* Whether an event's bytes look intact, as far as the bytes can show: one JSON object. */
bool sqlite_event_is_whole(struct span json);
enum err sqlite_queue_list(struct backend *b, int64_t channel_id, int64_t after, uint32_t limit,
                           event_row_fn *fn, void *arg);
enum err sqlite_retry_list(struct backend *b, int64_t channel_id, uint32_t limit, event_row_fn *fn,
                           void *arg);
enum err sqlite_oldest(struct backend *b, int64_t channel_id, int64_t *ret_pending, int64_t *ret_retrying);
enum err sqlite_backlog_list(struct backend *b, backlog_row_fn *fn, void *arg);
enum err sqlite_idempotency_get(struct backend *b, int64_t channel_id, struct span key, int64_t since_ms,
                                struct idempotency *ret);
enum err sqlite_idempotency_put(struct backend *b, int64_t channel_id, struct span key,
                                const struct idempotency *i, int64_t wall_ms);
enum err sqlite_idempotency_prune(struct backend *b, int64_t before_ms, uint32_t limit, uint32_t *ret_count);
/* sqlite_mark.c */
enum err sqlite_mark_get(struct backend *b, enum store_mark mark, int64_t *ret);
enum err sqlite_mark_put(struct backend *b, enum store_mark mark, int64_t value);
enum err sqlite_redate(struct backend *b, int64_t wall_ms);
/* sqlite_integrity.c */
enum err sqlite_integrity(struct backend *b, struct integrity_step *step);
void sqlite_integrity_end(struct sqlite *s);
/* sqlite_guard.c: a NULL guard does nothing */
/* Checks that the files are the ones that were opened: ERR_GONE. No transaction may be open. */
enum err sqlite_guard_check(struct sqlite *s) MUST_CHECK;
bool sqlite_guard_wrong(const struct sqlite *s);           /* result of the last check */
enum err sqlite_guard_number(struct sqlite *s) MUST_CHECK; /* last call in every writing transaction */
void sqlite_guard_commit(struct sqlite *s);                /* after the commit */
void sqlite_guard_end(struct sqlite *s);                   /* before the connection is closed */
void sqlite_guard_free(struct sqlite *s);                  /* after the connection is closed */
/* sqlite_checkpoint.c */
void sqlite_checkpoint_stop(struct sqlite *s);
/* Runs SQLite's checkpoint on a connection of this process, and counts it. */
int sqlite_checkpoint_run(struct sqlite *s, sqlite3 *db, int mode, int *ret_all, int *ret_copied);
/* sqlite_tail.c: functions fail with ERR_IO and the like, as statements do, or with ERR_NOMEM */
/*
 * Reads the tail unless it is already read. tail.events is then valid until the next call that adds events or
 * rolls back.
 */
enum err sqlite_tail_load(struct sqlite *s) MUST_CHECK;
/* Call before writing events; sqlite_tail_add() only after they are written. */
enum err sqlite_tail_make_room(struct sqlite *s, size_t count) MUST_CHECK;
void sqlite_tail_add(struct sqlite *s, int64_t channel_id, int64_t id);
/*
 * Returns the event if it waits and has no row in queue; NULL: see its row in queue. The tail must be loaded.
 */
struct tail_event *sqlite_tail_waiting(struct sqlite *s, int64_t channel_id, int64_t id);
/* Index of the first event with an id ≥ `id`; count if there is none. */
uint32_t sqlite_tail_find(const struct tail *t, int64_t id);
/* Deletes what waits for a channel. */
void sqlite_tail_drop(struct sqlite *s, int64_t channel_id);
/* Discards the tail, which may be wrong: the transaction was rolled back, or another begins. */
void sqlite_tail_forget(struct sqlite *s);
/* sqlite_list.c */
/* Derives an event's state from the tables its rows are in; ERR_NOT_FOUND: it has none. */
enum err sqlite_event_state(struct sqlite *s, int64_t channel_id, struct event_view *v);
enum err sqlite_event_get(struct backend *b, int64_t channel_id, int64_t id, event_view_fn *fn, void *arg);
enum err sqlite_event_list(struct backend *b, int64_t channel_id, unsigned states, int64_t before,
                           uint32_t limit, uint32_t scan, event_view_fn *fn, void *arg, int64_t *ret_last);
/* sqlite_result.c */
enum err sqlite_result_put(struct backend *b, struct attempt *a, const struct fate *fates, size_t count,
                           int64_t wall_ms);
enum err sqlite_attempt_list(struct backend *b, int64_t channel_id, int64_t event_id, attempt_row_fn *fn,
                             void *arg);
enum err sqlite_redeliver_ids(struct backend *b, int64_t channel_id, const int64_t *ids, size_t count,
                              int64_t wall_ms, struct redelivered *ret);
enum err sqlite_redeliver_range(struct backend *b, int64_t channel_id, struct redeliver_range *range,
                                uint32_t limit, int64_t wall_ms, uint32_t *ret_count);
/* sqlite_prune.c */
enum err sqlite_history_prune(struct backend *b, struct history_prune *p);
enum err sqlite_size(struct backend *b, struct backend_size *ret);
/* sqlite_key.c */
enum err sqlite_key_insert(struct backend *b, struct access_key *k);
enum err sqlite_key_revoke(struct backend *b, int64_t id, int64_t wall_ms);
enum err sqlite_key_list(struct backend *b, key_row_fn *fn, void *arg);
enum err sqlite_key_version(struct backend *b, int64_t *ret);
enum err sqlite_touch(struct backend *b, int64_t wall_ms);
/* sqlite_error.c */
/* Adds a failed attempt to the statistics. */
enum err sqlite_error_result(struct backend *b, const struct attempt *a, int64_t wall_ms);
enum err sqlite_error_list(struct backend *b, struct error_page *p, error_row_fn *fn, void *arg);
enum err sqlite_error_tidy(struct backend *b, struct error_tidy *t);
/* sqlite_notice.c */
enum err sqlite_notice_put(struct backend *b, const struct notice *n);
/* Adds a failed attempt to the windows. */
enum err sqlite_notice_result(struct backend *b, const struct attempt *a, int64_t wall_ms);
enum err sqlite_notice_due(struct backend *b, int64_t wall_ms, uint32_t limit, notice_row_fn *fn, void *arg);
enum err sqlite_notice_end(struct backend *b, int64_t id);
enum err sqlite_notice_defer(struct backend *b, const struct notice *n, int64_t closes_ms);
enum err sqlite_notice_people(struct backend *b, int64_t channel_id, notice_person_fn *fn, void *arg);
enum err sqlite_notice_day_get(struct backend *b, int64_t channel_id, int64_t day, uint32_t *ret);
enum err sqlite_notice_day_add(struct backend *b, int64_t channel_id, int64_t day);
/* sqlite_account.c */
enum err sqlite_account_insert(struct backend *b, struct account *a);
enum err sqlite_account_skip(struct backend *b);
enum err sqlite_account_update(struct backend *b, const struct account *a);
enum err sqlite_account_delete(struct backend *b, int64_t id);
enum err sqlite_account_get(struct backend *b, int64_t id, struct account *ret);
enum err sqlite_account_by_email(struct backend *b, struct span email, struct account *ret);
enum err sqlite_account_list(struct backend *b, int64_t after, uint32_t limit, account_row_fn *fn, void *arg);
enum err sqlite_account_operators(struct backend *b, int64_t except, uint64_t *ret);
enum err sqlite_session_insert(struct backend *b, const struct session *s, uint32_t keep);
enum err sqlite_session_get(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                            struct session *ret);
enum err sqlite_session_touch(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                              int64_t used_ms);
enum err sqlite_session_delete(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN]);
enum err sqlite_session_delete_others(struct backend *b, int64_t account_id, const uint8_t *except);
enum err sqlite_session_prune(struct backend *b, int64_t created_before_ms, int64_t used_before_ms);
enum err sqlite_invitation_put(struct backend *b, const struct invitation *i);
enum err sqlite_invitation_get(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                               struct invitation *ret);
enum err sqlite_invitation_last(struct backend *b, int64_t account_id, int64_t *ret_expires_ms);
enum err sqlite_invitation_delete(struct backend *b, int64_t account_id);
/* sqlite_provider.c */
enum err sqlite_provider_insert(struct backend *b, struct provider *p);
enum err sqlite_provider_maker(struct backend *b, int64_t id, int64_t *ret_account_id);
enum err sqlite_provider_made(struct backend *b, int64_t account_id, uint64_t *ret);
enum err sqlite_provider_rename(struct backend *b, int64_t id, struct span name);
enum err sqlite_provider_delete(struct backend *b, int64_t id);
enum err sqlite_provider_get(struct backend *b, int64_t id, struct provider *ret);
enum err sqlite_provider_list(struct backend *b, int64_t account_id, int64_t after, uint32_t limit,
                              provider_row_fn *fn, void *arg);
enum err sqlite_grant_on_channel(struct backend *b, int64_t account_id, int64_t channel_id,
                                 struct grant_held *ret);
enum err sqlite_grant_on_provider(struct backend *b, int64_t account_id, int64_t provider_id,
                                  struct grant_held *ret);
enum err sqlite_grant_meet(struct backend *b, int64_t account_id, enum grant_scope scope, int64_t id);
enum err sqlite_grant_give(struct backend *b, const struct grant_gift *g);
enum err sqlite_grant_release(struct backend *b, int64_t account_id);
enum err sqlite_grant_drop(struct backend *b, int64_t account_id);
enum err sqlite_grant_put(struct backend *b, int64_t account_id, enum grant_scope scope, int64_t id,
                          enum grant g);
enum err sqlite_grant_list(struct backend *b, enum grant_scope scope, int64_t id, uint32_t limit,
                           grant_row_fn *fn, void *arg);
enum err sqlite_grant_of(struct backend *b, int64_t account_id, uint32_t limit, grant_of_fn *fn, void *arg);
enum err sqlite_provider_admins(struct backend *b, int64_t provider_id, int64_t except, bool known,
                                uint64_t *ret);
enum err sqlite_provider_admin_alone(struct backend *b, int64_t account_id, int64_t *ret_provider_id);
enum err sqlite_tally_get(struct backend *b, int64_t day, struct span topic, uint32_t *ret);
enum err sqlite_tally_add(struct backend *b, int64_t day, struct span topic);
enum err sqlite_tally_drop(struct backend *b, int64_t day, struct span topic);
/* sqlite_audit.c */
enum err sqlite_audit_insert(struct backend *b, const struct audit_entry *e);
enum err sqlite_audit_list(struct backend *b, int64_t channel_id, int64_t before, uint32_t limit,
                           audit_row_fn *fn, void *arg);
enum err sqlite_audit_prune(struct backend *b, int64_t before_ms, int64_t ahead_ms, uint32_t limit,
                            uint32_t *ret_count);
/* sqlite_contact.c */
enum err sqlite_contact_get(struct backend *b, int64_t provider_id, struct span address, struct contact *ret);
enum err sqlite_contact_find(struct backend *b, const uint8_t hash[static SESSION_HASH_LEN],
                             struct contact *ret);
enum err sqlite_contact_put(struct backend *b, const struct contact *c, struct span person);
enum err sqlite_contact_asks(struct backend *b, struct span person, int64_t since_ms,
                             struct contact_asks *ret);
enum err sqlite_mail_day_get(struct backend *b, enum mail_topic topic, int64_t id, int64_t day,
                             uint32_t *ret);
enum err sqlite_mail_day_add(struct backend *b, enum mail_topic topic, int64_t id, int64_t day, uint32_t n);
/* sqlite_option.c */
enum err sqlite_option_get(struct backend *b, int64_t provider_id, option_row_fn *fn, void *arg);
enum err sqlite_option_put(struct backend *b, const struct option *o);
enum err sqlite_option_list(struct backend *b, unsigned states, int64_t after, uint32_t limit,
                            option_row_fn *fn, void *arg);
/* sqlite_mail.c */
enum err sqlite_mail_insert(struct backend *b, const struct mail_draft *d, int64_t wall_ms);
enum err sqlite_mail_due(struct backend *b, int64_t wall_ms, uint32_t limit, mail_row_fn *fn, void *arg);
enum err sqlite_mail_tried(struct backend *b, const struct mail *m);
enum err sqlite_mail_list(struct backend *b, unsigned states, int64_t before, uint32_t limit, mail_row_fn *fn,
                          void *arg);
enum err sqlite_mail_retry(struct backend *b, int64_t id, int64_t wall_ms);
enum err sqlite_mail_prune(struct backend *b, int64_t sent_ms, int64_t failed_ms, uint32_t limit,
                           uint32_t *ret_count);
enum err sqlite_mail_count(struct backend *b, struct mail_counts *ret);
/* sqlite_sender.c, sqlite_campaign.c, sqlite_job.c, sqlite_message.c */
enum err sqlite_sender_insert(struct backend *b, struct sender *s);
enum err sqlite_sender_update(struct backend *b, const struct sender *s);
enum err sqlite_sender_state(struct backend *b, int64_t id, enum sender_state state, struct span reason,
                             struct span reason_text, int64_t wall_ms);
enum err sqlite_sender_delete(struct backend *b, int64_t provider_id, int64_t id);
enum err sqlite_sender_get(struct backend *b, int64_t provider_id, int64_t id, sender_row_fn *fn, void *arg);
enum err sqlite_sender_list(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                            sender_row_fn *fn, void *arg);
enum err sqlite_campaign_insert(struct backend *b, struct campaign *c);
enum err sqlite_campaign_update(struct backend *b, const struct campaign *c);
enum err sqlite_campaign_delete(struct backend *b, int64_t provider_id, int64_t id);
enum err sqlite_campaign_get(struct backend *b, int64_t provider_id, int64_t id, campaign_row_fn *fn,
                             void *arg);
enum err sqlite_campaign_find(struct backend *b, int64_t provider_id, struct span short_id,
                              campaign_row_fn *fn, void *arg);
enum err sqlite_campaign_enabled(struct backend *b, int64_t provider_id, int64_t id, bool *ret);
enum err sqlite_campaign_list(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                              campaign_row_fn *fn, void *arg);
enum err sqlite_job_insert(struct backend *b, struct job *j);
enum err sqlite_job_update(struct backend *b, const struct job *j);
enum err sqlite_job_get(struct backend *b, int64_t provider_id, int64_t id, job_row_fn *fn, void *arg);
enum err sqlite_job_peek(struct backend *b, int64_t id, job_row_fn *fn, void *arg);
enum err sqlite_job_list(struct backend *b, int64_t provider_id, int64_t campaign_id, int64_t before,
                         uint32_t limit, job_row_fn *fn, void *arg);
enum err sqlite_job_due(struct backend *b, int64_t now_ms, int64_t *ret_id);
enum err sqlite_job_open_list(struct backend *b, int64_t after, uint32_t limit, job_row_fn *fn, void *arg);
enum err sqlite_job_open_count(struct backend *b, int64_t provider_id, int64_t sender_id, int64_t campaign_id,
                               uint64_t *ret);
enum err sqlite_message_insert(struct backend *b, const struct message *m);
enum err sqlite_message_update(struct backend *b, const struct message *m);
enum err sqlite_message_drop(struct backend *b, int64_t job_id, uint32_t limit, uint32_t *ret_count);
enum err sqlite_message_get(struct backend *b, int64_t job_id, int64_t n, message_row_fn *fn, void *arg);
enum err sqlite_message_waiting(struct backend *b, int64_t job_id, int64_t after, int64_t last,
                                uint32_t limit, message_row_fn *fn, void *arg);
enum err sqlite_message_due(struct backend *b, int64_t job_id, enum message_state state, uint32_t limit,
                            message_row_fn *fn, void *arg);
enum err sqlite_message_find(struct backend *b, struct message_filter *f, message_row_fn *fn, void *arg);
enum err sqlite_target_take(struct backend *b, int64_t job_id, const uint8_t hash[static 16], int64_t n,
                            int64_t *ret_n);
enum err sqlite_target_prune(struct backend *b, int64_t job_id, uint32_t limit, uint32_t *ret_count);
enum err sqlite_count_add(struct backend *b, int64_t job_id, const struct job_count *c);
enum err sqlite_count_list(struct backend *b, int64_t job_id, job_count_fn *fn, void *arg);
enum err sqlite_message_since(struct backend *b, int64_t user_id, struct span campaign, unsigned states,
                              int64_t since_ms, bool *ret);
enum err sqlite_job_prune(struct backend *b, int64_t before_ms, uint32_t limit, uint32_t *ret_count);
/* Seals the credentials of all senders again. */
enum err sqlite_sender_reseal(struct sqlite *s, const struct store_seal *seal) MUST_CHECK;
/* sqlite_segment.c: insert fails with ERR_NOT_FOUND, no such provider, or ERR_LIMIT, too many (audience.h) */
enum err sqlite_segment_insert(struct backend *b, struct segment *g);
enum err sqlite_segment_update(struct backend *b, const struct segment *g);
enum err sqlite_segment_delete(struct backend *b, int64_t provider_id, int64_t id);
enum err sqlite_segment_get(struct backend *b, int64_t provider_id, int64_t id, segment_row_fn *fn,
                            void *arg);
enum err sqlite_segment_list(struct backend *b, int64_t provider_id, bool only_default, int64_t after,
                             uint32_t limit, segment_row_fn *fn, void *arg);
/* sqlite_audience_query.c: the same errors */
enum err sqlite_query_insert(struct backend *b, struct audience_query *a);
enum err sqlite_query_update(struct backend *b, const struct audience_query *a);
enum err sqlite_query_delete(struct backend *b, int64_t provider_id, int64_t id);
enum err sqlite_query_get(struct backend *b, int64_t provider_id, int64_t id, query_row_fn *fn, void *arg);
enum err sqlite_query_list(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                           query_row_fn *fn, void *arg);
/* sqlite_condition.c */
/*
 * The users above search->after, with the condition as the last column: id, name, attributes, created_ms,
 * updated_ms, 0 or 1. For sqlite3_finalize(), while the condition is still there.
 */
enum err sqlite_condition_statement(struct sqlite *s, const struct user_search *search,
                                    sqlite3_stmt **ret) MUST_CHECK;
void sqlite_condition_end(struct sqlite *s); /* after the connection is closed */
/* sqlite_user.c: of the functions that take a row function, one at a time; it may not ask for a user */
enum err sqlite_user_put(struct backend *b, int64_t provider_id, const struct user_change *u, int64_t wall_ms,
                         int64_t *ret_id, bool *ret_new);
enum err sqlite_user_get(struct backend *b, int64_t provider_id, int64_t id, user_row_fn *fn, void *arg);
enum err sqlite_user_find(struct backend *b, int64_t provider_id, struct span name, user_row_fn *fn,
                          void *arg);
enum err sqlite_user_by_target(struct backend *b, int64_t provider_id, enum medium medium, struct span value,
                               user_row_fn *fn, void *arg);
enum err sqlite_user_search(struct backend *b, struct user_search *search, user_row_fn *fn, void *arg);
enum err sqlite_user_count(struct backend *b, int64_t provider_id, uint64_t *ret);
enum err sqlite_user_delete(struct backend *b, int64_t provider_id, int64_t id);
/* Gives the user of the row (id, name, attributes, created_ms, updated_ms) with its targets. */
enum err sqlite_user_give(struct sqlite *s, int64_t provider_id, sqlite3_stmt *row, user_row_fn *fn,
                          void *arg) MUST_CHECK;
/* Writes what the transaction has counted: before its commit. */
enum err sqlite_user_settle(struct sqlite *s) MUST_CHECK;
void sqlite_user_forget(struct sqlite *s); /* the transaction was rolled back */
void sqlite_user_end(struct sqlite *s);    /* before the connection is closed */
/* sqlite_target.c */
struct target_row {
    struct target t; /* its spans are borrowed */
    int64_t was;     /* enum consent before a message withdrew it; -1: none did */
    enum { TARGET_SAME, TARGET_NEW, TARGET_CHANGED, TARGET_GONE, TARGET_NOTHING } state;
};
/* The targets of a user, in order, with their texts in s->people.text. */
enum err sqlite_target_load(struct sqlite *s, int64_t provider_id, int64_t user_id,
                            struct target_row rows[static USER_TARGETS_ALL], uint32_t *ret_count) MUST_CHECK;
/* Brings changes to the rows, of which there may be USER_CHANGES_MAX more. ERR_LIMIT; writes nothing. */
enum err sqlite_target_apply(struct target_row *rows, uint32_t *count, const struct user_change *u,
                             int64_t wall_ms) MUST_CHECK;
/* Writes what is no longer as it was loaded. */
enum err sqlite_target_save(struct sqlite *s, int64_t provider_id, int64_t user_id,
                            const struct target_row *rows, uint32_t count) MUST_CHECK;
enum err sqlite_target_effect(struct backend *b, int64_t provider_id, const struct target_effect *t,
                              int64_t wall_ms);
enum err sqlite_target_undo(struct backend *b, int64_t provider_id, int64_t user_id, enum medium medium,
                            struct span value, int64_t wall_ms);
/* sqlite_recipient_list.c */
enum err sqlite_recipient_list_insert(struct backend *b, struct recipient_list *l);
enum err sqlite_recipient_list_add(struct backend *b, int64_t id, const struct span *values, size_t count);
enum err sqlite_recipient_list_delete(struct backend *b, int64_t provider_id, int64_t id);
enum err sqlite_recipient_list_get(struct backend *b, int64_t provider_id, int64_t id, list_row_fn *fn,
                                   void *arg);
enum err sqlite_recipient_list_list(struct backend *b, int64_t provider_id, int64_t after, uint32_t limit,
                                    list_row_fn *fn, void *arg);
enum err sqlite_recipient_list_values(struct backend *b, int64_t id, int64_t after, uint32_t limit,
                                      list_value_fn *fn, void *arg);
/* sqlite_import.c */
enum err sqlite_import_insert(struct backend *b, struct import *i);
enum err sqlite_import_update(struct backend *b, const struct import *i);
enum err sqlite_import_count(struct backend *b, int64_t id, uint64_t read, uint64_t taken);
enum err sqlite_import_refuse(struct backend *b, int64_t id, const struct import_refusal *r);
enum err sqlite_import_get(struct backend *b, int64_t provider_id, int64_t id, import_row_fn *fn, void *arg);
enum err sqlite_import_list(struct backend *b, int64_t provider_id, int64_t before, uint32_t limit,
                            import_row_fn *fn, void *arg);
enum err sqlite_import_refusals(struct backend *b, int64_t id, refusal_row_fn *fn, void *arg);
enum err sqlite_import_end_all(struct backend *b, struct span reason, int64_t wall_ms);
/* sqlite_audience_prune.c */
enum err sqlite_audience_prune(struct backend *b, uint32_t limit, uint32_t *ret_count);
enum err sqlite_audience_delete(struct sqlite *s, int64_t provider_id) MUST_CHECK; /* with its provider */
