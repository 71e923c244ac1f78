#pragma once
/*
 * Decides when sending to a channel is suspended: after it has failed for a minimum time and a minimum number
 * of times without a success. Its events are kept, counted and shown as suspended until somebody resumes the
 * channel, its webhook URL changes, or the URL is verified.
 *
 * The start of a failing period is stored once a twelfth of the minimum time has passed. So a restart does
 * not reset the count, and a channel that fails now and then costs no commit.
 */
#include "fault/outcome.h"
#include "model/channel.h"
#include "store/directory.h"

struct courier;

struct suspension_rule {
    uint32_t after_ms; /* without a success; 0: never */
    uint32_t failures; /* and at least so many */
};

/* What is known of a channel's URL since its last success. */
struct suspension_health {
    int64_t since_ms;  /* the first failure, as the time stands now; 0: none */
    uint64_t mono_ms;  /* the first one this process saw, monotonic */
    int64_t before_ms; /* how long it had lasted by then, as the record says */
    uint32_t failures;
    bool asked; /* a change is on its way to the store */
};

enum suspension_step {
    SUSPENSION_NONE,
    SUSPENSION_NOTE,  /* put on record since when it fails */
    SUSPENSION_BEGIN, /* suspend it */
    SUSPENSION_LIFT,  /* it works: it goes on, and the record is cleared */
};

/* Stored times are wall time, so that they survive a restart, corrected by steady_guess(): if the clock were
 * days ahead at the start, every channel would seem to have failed for days. Durations within this process
 * use the monotonic clock, because the wall clock can be set. */
struct suspension_clock {
    int64_t time_ms; /* 0: it is not known yet; nothing is judged until it is */
    uint64_t mono_ms;
};

/* What one more outcome means. A fault of our own machine means nothing. The one place where that is
 * decided. */
enum suspension_step suspension_judge(struct suspension_health *h, const struct suspension_rule *rule,
                                      const struct channel *c, const struct outcome *outcome,
                                      const struct suspension_clock *now);

/* The channel goes on: its URL was changed, or somebody said so. */
void suspension_clear(struct channel *c);

/* A change on its way to the store and the channel's lane. */
struct suspension_change {
    enum suspension_step step;
    int64_t channel_id, now_ms, since_ms; /* as suspension_clock has the time */
    int64_t wall_ms;
    uint32_t failures;
    const char *reason; /* of the outcome that decided it, from the catalogue; NULL: there was none */
    char detail[64];
    char url[CHANNEL_URL_MAX + 1]; /* it counts only if the channel still has this URL */
};

typedef void suspension_done_fn(void *arg, const struct suspension_change *change, enum err err);

/*
 * Puts a change on record, then tells the channel's lane. From the loop of home; done (may be NULL) is called
 * there; err is ERR_CONFLICT if the channel is not as it was. ERR_NOMEM: nothing was begun.
 */
enum err suspension_submit(const struct suspension_change *change, struct courier *courier,
                           struct store *store, struct directory *directory, struct mailbox *home,
                           suspension_done_fn *done, void *arg) MUST_CHECK;

/* The channel's URL was verified: if it is suspended, or on record as failing, that ends. From the loop of
 * home; courier is the channel's. ERR_NOMEM. */
enum err suspension_lift(int64_t channel_id, const char *url, struct courier *courier, struct store *store,
                         struct directory *directory, struct mailbox *home) MUST_CHECK;
