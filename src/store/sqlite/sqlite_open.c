/*
 * Opens a data directory: pragmas, transactions, and the table of operations that the other files implement.
 *
 * WAL with synchronous=FULL: a commit is on the disk when COMMIT returns.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/sqlite/sqlite.h"

static enum err op_begin(struct backend *b)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    if (s->access == STORE_READ)
        sqlite_tail_forget(s); /* the writer may have changed it since */
    s->changes = sqlite3_total_changes64(s->db);
    s->lost = false;
    s->numbered = b->last;
    sqlite3_stmt *stmt =
        sqlite_statement(s, s->access == STORE_WRITE ? STATEMENT_begin : STATEMENT_begin_read, &e);
    return stmt ? sqlite_run(s, stmt) : e;
}

/* A commit that wrote no numbered row still uses up a number. */
static enum err number_commit(struct sqlite *s)
{
    int64_t number;
    if (ulid_seq_next(&s->seq, 0, &number))
        return ERR_INTERNAL;
    s->numbered = number;
    return sqlite_run_with(s, STATEMENT_last_row, &number, 1);
}

static enum err op_commit(struct backend *b)
{
    struct sqlite *s = sqlite_of(b);
    enum err e = ERR_NONE;
    if ((e = sqlite_user_settle(s)))
        return e;
    b->unwritten = sqlite3_total_changes64(s->db) == s->changes;
    if (!b->unwritten && s->numbered == b->last && (e = number_commit(s)))
        return e;
    if (!b->unwritten && (e = sqlite_guard_number(s)))
        return e;
    sqlite3_stmt *stmt = sqlite_statement(s, STATEMENT_commit, &e);
    e = stmt ? sqlite_run(s, stmt) : e;
    if (!e && !b->unwritten) {
        b->last = s->numbered;
        sqlite_guard_commit(s);
    }
    return e && sqlite_guard_wrong(s) ? ERR_GONE : e;
}

static int64_t op_changes(struct backend *b)
{
    struct sqlite *s = sqlite_of(b);
    if (s->lost || sqlite3_get_autocommit(s->db)) /* SQLite has rolled back: disk full, no memory */
        return -1;
    return sqlite3_total_changes64(s->db) + s->tail.changes;
}

static void op_number_from(struct backend *b, int64_t last)
{
    struct sqlite *s = sqlite_of(b);
    if (s->seq.last < last)
        s->seq.last = last;
}

static enum err op_check(struct backend *b)
{
    return sqlite_guard_check(sqlite_of(b));
}

static void op_rollback(struct backend *b)
{
    struct sqlite *s = sqlite_of(b);
    sqlite_tail_forget(s);
    sqlite_channel_forget(s);
    sqlite_user_forget(s);
    if (sqlite3_get_autocommit(s->db))
        return; /* SQLite has already rolled back: disk full, I/O error */
    enum err e = ERR_NONE;
    sqlite3_stmt *stmt = sqlite_statement(s, STATEMENT_rollback, &e);
    if (stmt)
        e = sqlite_run(s, stmt);
    if (e)
        log_error("store", "rollback failed", log_err("err", e));
}

static void op_close(struct backend *b)
{
    struct sqlite *s = sqlite_of(b);
    if (!s)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(s->statements[i]);
    sqlite_checkpoint_stop(s);
    sqlite_guard_end(s);
    sqlite_integrity_end(s);
    sqlite_user_end(s);
    (void)sqlite3_close(s->db);
    sqlite_condition_end(s);
    sqlite_guard_free(s);
    mem_free(s->tail.events);
    mem_free(s->tail.whole);
    mem_free(s);
}

static const struct backend_marks sqlite_marks = {
    .size = sqlite_size,
    .mark_get = sqlite_mark_get,
    .mark_put = sqlite_mark_put,
    .touch = sqlite_touch,
};

static const struct backend_upkeep sqlite_upkeep = {
    .check = op_check,
    .integrity = sqlite_integrity,
    .redate = sqlite_redate,
    .number_from = op_number_from,
};

static const struct backend_channels sqlite_channels = {
    .channel_insert = sqlite_channel_insert,
    .channel_update = sqlite_channel_update,
    .channel_delete = sqlite_channel_delete,
    .channel_prune = sqlite_channel_prune,
    .channel_get = sqlite_channel_get,
    .channel_list = sqlite_channel_list,
};

static const struct backend_events sqlite_events = {
    .events_insert = sqlite_events_insert,
    .queue_list = sqlite_queue_list,
    .retry_list = sqlite_retry_list,
    .oldest = sqlite_oldest,
    .backlog_list = sqlite_backlog_list,
    .result_put = sqlite_result_put,
    .event_get = sqlite_event_get,
    .event_list = sqlite_event_list,
    .attempt_list = sqlite_attempt_list,
    .redeliver_ids = sqlite_redeliver_ids,
    .redeliver_range = sqlite_redeliver_range,
    .idempotency_get = sqlite_idempotency_get,
    .idempotency_put = sqlite_idempotency_put,
    .idempotency_prune = sqlite_idempotency_prune,
    .history_prune = sqlite_history_prune,
};

static const struct backend_errors sqlite_errors = {
    .notice_put = sqlite_notice_put,
    .notice_due = sqlite_notice_due,
    .error_list = sqlite_error_list,
    .error_tidy = sqlite_error_tidy,
};

static const struct backend_keys sqlite_keys = {
    .key_insert = sqlite_key_insert,
    .key_revoke = sqlite_key_revoke,
    .key_list = sqlite_key_list,
    .key_version = sqlite_key_version,
};

static const struct backend_tokens sqlite_tokens = {
    .token_insert = sqlite_token_insert,
    .token_delete = sqlite_token_delete,
    .token_list = sqlite_token_list,
    .token_find = sqlite_token_find,
    .token_use = sqlite_token_use,
    .secret_prune = sqlite_secret_prune,
};

static const struct backend_notices sqlite_notices = {
    .notice_end = sqlite_notice_end,
    .notice_defer = sqlite_notice_defer,
    .notice_people = sqlite_notice_people,
    .notice_day_get = sqlite_notice_day_get,
    .notice_day_add = sqlite_notice_day_add,
    .contact_get = sqlite_contact_get,
    .contact_find = sqlite_contact_find,
    .contact_put = sqlite_contact_put,
    .contact_asks = sqlite_contact_asks,
    .mail_day_get = sqlite_mail_day_get,
    .mail_day_add = sqlite_mail_day_add,
    .option_get = sqlite_option_get,
    .option_put = sqlite_option_put,
    .option_list = sqlite_option_list,
};

static const struct backend_mails sqlite_mails = {
    .mail_insert = sqlite_mail_insert,
    .mail_due = sqlite_mail_due,
    .mail_tried = sqlite_mail_tried,
    .mail_list = sqlite_mail_list,
    .mail_retry = sqlite_mail_retry,
    .mail_prune = sqlite_mail_prune,
    .mail_count = sqlite_mail_count,
};

static const struct backend_accounts sqlite_accounts = {
    .account_insert = sqlite_account_insert,
    .account_skip = sqlite_account_skip,
    .account_update = sqlite_account_update,
    .account_delete = sqlite_account_delete,
    .account_get = sqlite_account_get,
    .account_by_email = sqlite_account_by_email,
    .account_list = sqlite_account_list,
    .account_operators = sqlite_account_operators,
    .session_insert = sqlite_session_insert,
    .session_get = sqlite_session_get,
    .session_touch = sqlite_session_touch,
    .session_delete = sqlite_session_delete,
    .session_delete_others = sqlite_session_delete_others,
    .session_prune = sqlite_session_prune,
    .invitation_put = sqlite_invitation_put,
    .invitation_get = sqlite_invitation_get,
    .invitation_last = sqlite_invitation_last,
    .invitation_delete = sqlite_invitation_delete,
};

static const struct backend_roles sqlite_roles = {
    .provider_insert = sqlite_provider_insert,
    .provider_maker = sqlite_provider_maker,
    .provider_made = sqlite_provider_made,
    .provider_rename = sqlite_provider_rename,
    .provider_delete = sqlite_provider_delete,
    .provider_get = sqlite_provider_get,
    .provider_list = sqlite_provider_list,
    .channel_find = sqlite_channel_find,
    .grant_on_channel = sqlite_grant_on_channel,
    .grant_on_provider = sqlite_grant_on_provider,
    .grant_put = sqlite_grant_put,
    .grant_give = sqlite_grant_give,
    .grant_meet = sqlite_grant_meet,
    .grant_release = sqlite_grant_release,
    .grant_drop = sqlite_grant_drop,
    .grant_list = sqlite_grant_list,
    .grant_of = sqlite_grant_of,
    .provider_admins = sqlite_provider_admins,
    .provider_admin_alone = sqlite_provider_admin_alone,
};

static const struct backend_audit sqlite_audit = {
    .tally_get = sqlite_tally_get,
    .tally_add = sqlite_tally_add,
    .tally_drop = sqlite_tally_drop,
    .audit_insert = sqlite_audit_insert,
    .audit_list = sqlite_audit_list,
    .audit_prune = sqlite_audit_prune,
};

static const struct backend_campaigns sqlite_campaigns = {
    .sender_insert = sqlite_sender_insert,
    .sender_update = sqlite_sender_update,
    .sender_state = sqlite_sender_state,
    .sender_delete = sqlite_sender_delete,
    .sender_get = sqlite_sender_get,
    .sender_list = sqlite_sender_list,
    .campaign_insert = sqlite_campaign_insert,
    .campaign_update = sqlite_campaign_update,
    .campaign_delete = sqlite_campaign_delete,
    .campaign_get = sqlite_campaign_get,
    .campaign_find = sqlite_campaign_find,
    .campaign_enabled = sqlite_campaign_enabled,
    .campaign_list = sqlite_campaign_list,
};

static const struct backend_jobs sqlite_jobs = {
    .job_insert = sqlite_job_insert,
    .job_update = sqlite_job_update,
    .job_get = sqlite_job_get,
    .job_peek = sqlite_job_peek,
    .job_list = sqlite_job_list,
    .job_open_list = sqlite_job_open_list,
    .job_due = sqlite_job_due,
    .job_open_count = sqlite_job_open_count,
    .message_insert = sqlite_message_insert,
    .message_update = sqlite_message_update,
    .message_drop = sqlite_message_drop,
    .message_get = sqlite_message_get,
    .message_waiting = sqlite_message_waiting,
    .message_due = sqlite_message_due,
    .message_find = sqlite_message_find,
    .target_take = sqlite_target_take,
    .target_prune = sqlite_target_prune,
    .count_add = sqlite_count_add,
    .count_list = sqlite_count_list,
    .message_since = sqlite_message_since,
    .job_prune = sqlite_job_prune,
};

static const struct backend_audience sqlite_audience = {
    .user_put = sqlite_user_put,
    .user_get = sqlite_user_get,
    .user_find = sqlite_user_find,
    .user_by_target = sqlite_user_by_target,
    .user_search = sqlite_user_search,
    .user_count = sqlite_user_count,
    .user_delete = sqlite_user_delete,
    .target_effect = sqlite_target_effect,
    .target_undo = sqlite_target_undo,
    .segment_insert = sqlite_segment_insert,
    .segment_update = sqlite_segment_update,
    .segment_delete = sqlite_segment_delete,
    .segment_get = sqlite_segment_get,
    .segment_list = sqlite_segment_list,
    .list_insert = sqlite_recipient_list_insert,
    .list_add = sqlite_recipient_list_add,
    .list_delete = sqlite_recipient_list_delete,
    .list_get = sqlite_recipient_list_get,
    .list_list = sqlite_recipient_list_list,
    .list_values = sqlite_recipient_list_values,
    .query_insert = sqlite_query_insert,
    .query_update = sqlite_query_update,
    .query_delete = sqlite_query_delete,
    .query_get = sqlite_query_get,
    .query_list = sqlite_query_list,
    .import_insert = sqlite_import_insert,
    .import_update = sqlite_import_update,
    .import_count = sqlite_import_count,
    .import_refuse = sqlite_import_refuse,
    .import_get = sqlite_import_get,
    .import_list = sqlite_import_list,
    .import_refusals = sqlite_import_refusals,
    .import_end_all = sqlite_import_end_all,
    .audience_prune = sqlite_audience_prune,
};

static const struct backend_ops sqlite_ops = {
    .begin = op_begin,
    .commit = op_commit,
    .rollback = op_rollback,
    .changes = op_changes,
    .close = op_close,
    .marks = &sqlite_marks,
    .upkeep = &sqlite_upkeep,
    .channels = &sqlite_channels,
    .events = &sqlite_events,
    .errors = &sqlite_errors,
    .keys = &sqlite_keys,
    .tokens = &sqlite_tokens,
    .notices = &sqlite_notices,
    .mails = &sqlite_mails,
    .accounts = &sqlite_accounts,
    .roles = &sqlite_roles,
    .audit = &sqlite_audit,
    .campaigns = &sqlite_campaigns,
    .jobs = &sqlite_jobs,
    .audience = &sqlite_audience,
};

/* A database recovered from a damaged one may lack these rows. */
#define ADD_META "INSERT OR IGNORE INTO meta VALUES ('key_version', 1), ('last_row', 0), ('tail', 0)"

/*
 * Sets MARK_SEEN (steady.h) where it is missing: from the newest record, or, in a new database, from the
 * clock.
 */
static enum err begin_seen(struct sqlite *s)
{
    int64_t known, audit, account;
    enum err e;
    if ((e = sqlite_ask(s, "SELECT count(*) FROM meta WHERE name='seen'", &known)) || known ||
        (e = sqlite_ask(s, "SELECT ifnull((SELECT at_ms FROM audit ORDER BY id DESC LIMIT 1), 0)", &audit)) ||
        (e = sqlite_ask(s, "SELECT ifnull(max(max(created_ms, last_login_ms)), 0) FROM account", &account)))
        return e;
    int64_t newest = s->seq.last >> ULID_SEQ_SHIFT;
    newest = newest > audit ? newest : audit;
    newest = newest > account ? newest : account;
    char sql[96];
    (void)snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO meta VALUES ('seen', %lld)",
                   (long long)(newest ? newest : clock_system.wall_ms(NULL)));
    return sqlite_exec(s, sql);
}

static enum err prepare_writer(struct sqlite *s)
{
    enum err e;
    if ((e = sqlite_exec(s, "PRAGMA journal_mode=WAL")) || (e = sqlite_exec(s, "PRAGMA synchronous=FULL")) ||
        (e = sqlite_exec(s, "PRAGMA journal_size_limit=67108864")) || (e = sqlite_migrate(s)))
        return e;
    int64_t payload, attempt, pruned, known;
    if ((e = sqlite_ask(s, "SELECT count(*) FROM meta WHERE name IN ('key_version', 'last_row', 'tail')",
                        &known)) ||
        (known < 3 && (e = sqlite_exec(s, ADD_META))) ||
        (e = sqlite_ask(s, "SELECT ifnull(max(id),0) FROM payload", &payload)) ||
        (e = sqlite_ask(s, "SELECT ifnull(max(id),0) FROM attempt", &attempt)) ||
        (e = sqlite_ask(s, "SELECT value FROM meta WHERE name='last_row'", &pruned)))
        return e;
    s->seq.last = payload > attempt ? payload : attempt;
    if (s->seq.last < pruned)
        s->seq.last = pruned;
    s->numbered = s->backend.last = s->seq.last;
    return begin_seen(s);
}

/* Memory statistics are unused; without them SQLite takes no lock per allocation. */
static void configure(void)
{
    /* refused if SQLite is already initialised: statistics then stay on */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum err sqlite_open(struct backend **ret, const char *dir, enum store_access access)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/todoke.db", dir);
    if (n < 0 || (size_t)n >= sizeof(path))
        return ERR_INVALID;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, configure);
    struct sqlite *s = mem_zero(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    s->backend.ops = &sqlite_ops;
    s->access = access;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (access == STORE_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READWRITE);
    enum err e = sqlite_err(s, sqlite3_open_v2(path, &s->db, flags, NULL));
    if (!e)
        e = sqlite_err(s, sqlite3_busy_timeout(s->db, SQLITE_BUSY_MS));
    if (!e)
        e = sqlite_err(s, sqlite3_wal_autocheckpoint(s->db, 0)); /* sqlite_checkpoint() does it */
    if (!e)
        e = access == STORE_WRITE ? prepare_writer(s) : sqlite_exec(s, "PRAGMA query_only=1");
    if (e) {
        int saved = errno;
        op_close(&s->backend);
        errno = saved;
        return e;
    }
    *ret = &s->backend;
    return ERR_NONE;
}

enum err sqlite_version(const char *dir, int64_t *ret, int64_t *ret_newest)
{
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/todoke.db", dir) >= (int)sizeof(path))
        return ERR_INVALID;
    struct sqlite s = {0}; /* used for error reporting */
    *ret_newest = sqlite_newest();
    enum err e = sqlite_err(
        &s, sqlite3_open_v2(path, &s.db, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READWRITE,
                            NULL));
    if (!e)
        e = sqlite_err(&s, sqlite3_busy_timeout(s.db, SQLITE_BUSY_MS));
    if (!e)
        e = sqlite_err(&s, sqlite3_db_config(s.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL));
    if (!e)
        e = sqlite_ask(&s, "PRAGMA user_version", ret);
    (void)sqlite3_close(s.db);
    return e;
}
