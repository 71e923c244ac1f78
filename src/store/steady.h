#pragma once
/*
 * Decides whether the wall clock is trusted when it says that something is old. Deleted data cannot be
 * restored, and one start with a clock that is years ahead would delete everything. So the clock is compared
 * with the latest time recorded in the database (MARK_SEEN) plus the monotonic time since the start:
 *
 *    off by a day at most    trusted, and MARK_SEEN follows the clock
 *    off by more             nothing is deleted by age until the clock is off no more, or an operator has
 *                            accepted it (`todoke check --accept-clock` sets MARK_SEEN), or it has run
 *                            steadily beside the monotonic clock for a day
 *
 * A node that was down for days looks the same as a wrong clock: it deletes a day later, which does no harm.
 */
#include <stdbool.h>
#include <stdint.h>

#define STEADY_OFF_MS                                                                                        \
    INT64_C(86400000) /* trusted up to this difference, also from a mark that another process wrote */
#define STEADY_TRIAL_MS INT64_C(86400000) /* a clock that runs steadily for this long is trusted */
#define STEADY_STEP_MS INT64_C(60000)     /* a jump of more than this restarts the trial */
#define STEADY_KEEP_MS INT64_C(3600000)   /* how often MARK_SEEN is written */
#define STEADY_TRIAL_KEEP_MS INT64_C(600000)

struct steady {                       /* zeroed: nothing is known, the clock is not trusted */
    bool known;                       /* the clock was checked at least once */
    bool believed;                    /* whether it was trusted at the last check */
    int64_t anchor_wall, anchor_mono; /* a moment when the clock was trusted */
    int64_t kept; /* MARK_SEEN as this process wrote it: any other value is an operator's */
    int64_t trial, trial_wall, trial_mono; /* ms of steady time until the moment of the other two */
};

/* Input and results of one check. */
struct steady_look {
    int64_t wall_ms, mono_ms;                   /* now */
    int64_t seen, steady, trial_at;             /* MARK_SEEN, MARK_STEADY, MARK_TRIAL */
    int64_t ret_seen, ret_steady, ret_trial_at; /* values for the marks from now on, */
    bool ret_keep;                              /* whether they are worth writing */
    bool ret_changed;                           /* trust changed, or is known for the first time */
    int64_t ret_off;                            /* how far the clock is off; positive: ahead */
};

/* Checks the clock; call about once a second. */
void steady_look(struct steady *s, struct steady_look *l);

/*
 * The time by which something may be deleted for its age: now, or 0 (nothing is old) while the clock is not
 * trusted. The clock may have been set since the last check.
 */
int64_t steady_time(const struct steady *s, int64_t wall_ms, int64_t mono_ms);

/* For other threads: what to add to the monotonic clock to get the best known time; 0: unknown yet. */
int64_t steady_ahead(const struct steady *s);
/*
 * That best known time: the wall clock while it is trusted, else the time when it was last trusted plus the
 * time the node has run since. For work that must go on meanwhile. 0: unknown yet.
 */
int64_t steady_guess(int64_t ahead, int64_t wall_ms, int64_t mono_ms);
