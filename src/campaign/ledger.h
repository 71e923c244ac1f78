#pragma once
/*
 * What one write to the store does to a job: messages that end or wait to be tried again, their sums, and the
 * job's own row, which completes once nothing of it is left.
 *
 *     ledger_open ─► ledger_put, once a message ─► ledger_close
 *
 * On the store's writing thread, within one run.
 */
#include "fault/delivery_error.h"
#include "store/backend.h"

/* What an answer means for the message that it is about, beside the row of the catalogue. */
struct message_judgement {
    enum receipt_class class;
    enum receipt_retry retry;
    enum receipt_effect effect; /* what it changed here */
    enum receipt_whom whom;
};

/* What became of a message. */
struct fate_of_message {
    int64_t n, user_id;
    struct span target;         /* ptr NULL: it has none */
    enum message_state was, is; /* was: before this write */
    bool failed;                /* error says why */
    enum delivery_error_id error;
    struct span detail;
    const struct message_judgement *judged; /* NULL: the catalogue's row decides */
    const char *processed;                  /* "", "no", "unknown", "yes" */
    uint16_t tries;
    int64_t due_ms;
    struct span service_id;
};

#define LEDGER_SUMS 32u       /* different ones of one batch; more are written at once */
#define LEDGER_JUDGED_MAX 96u /* bytes of message.judged: four words of receipt.h */

struct ledger {
    struct backend *b;
    int64_t now_ms;
    /* The job's row as it is now: the caller may change it until ledger_close(). */
    struct job job;
    char reason[32], reason_text[RECEIPT_TEXT_MAX];
    struct {
        enum message_state state;
        bool failed;
        enum delivery_error_id error;
        int64_t count;
        size_t len, judged_len;
        char text[256], judged[LEDGER_JUDGED_MAX];
    } sums[LEDGER_SUMS];
    size_t sum_count;
};

/* ERR_NOT_FOUND: the job is gone. */
enum err ledger_open(struct ledger *l, struct backend *b, int64_t job_id, int64_t now_ms) MUST_CHECK;
/* Writes the message and adds it to the sums. */
enum err ledger_put(struct ledger *l, const struct fate_of_message *f) MUST_CHECK;
/* An ended message ends otherwise: a later report of the service. old: its row as it is, with its spans. */
enum err ledger_move(struct ledger *l, const struct message *old, const struct fate_of_message *f) MUST_CHECK;
/* A message in the state MESSAGE_RETRYING is taken up: it is written as being sent again. */
enum err ledger_take(struct ledger *l, const struct message *m) MUST_CHECK;
/* The job pauses, stops, fails or goes on: state and why. */
void ledger_state(struct ledger *l, enum job_state state, struct span reason, struct span text);
/* Writes the sums and the job's row. */
enum err ledger_close(struct ledger *l) MUST_CHECK;

/* Whether a message that failed may be sent again: it was provably not taken. */
bool ledger_may_go_again(const struct message *m);

static inline bool job_is_open(enum job_state s)
{
    return s < JOB_COMPLETED;
}
static inline bool message_is_ended(enum message_state s)
{
    return s >= MESSAGE_SENT;
}
