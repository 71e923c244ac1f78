#pragma once
/*
 * Whether the wall clock can be believed when it says that something is old. What is erased cannot be brought
 * back, and one start with a clock that is years ahead would erase all there is. So what the clock says is
 * held against how far time has come by the database (MARK_SEEN) and the monotonic clock since the start:
 *
 *     off by a day at most    believed, and MARK_SEEN follows it
 *     off by more             nothing is erased by age, until it is off no more, an operator has said that it is right (`todoke check
 *                             --accept-clock` sets MARK_SEEN), or it has gone steadily beside the monotonic
 *                             clock for a day
 *
 * A node that was down for days cannot be told from a clock that is wrong: it erases a day later, which harms
 * nobody.
 */
#include <stdbool.h>
#include <stdint.h>

#define STEADY_OFF_MS                                                                                        \
    INT64_C(86400000) /* that much is believed: also what another process may have kept meanwhile */
#define STEADY_TRIAL_MS INT64_C(86400000) /* a clock that goes on so long is believed */
#define STEADY_STEP_MS INT64_C(60000)     /* a step of more than this begins the trial anew */
#define STEADY_KEEP_MS INT64_C(3600000)   /* MARK_SEEN is written so often */
#define STEADY_TRIAL_KEEP_MS INT64_C(600000)

struct steady {                       /* zeroed: nothing is known, and nothing is believed */
    bool known;                       /* there was a look */
    bool believed;                    /* at the last look */
    int64_t anchor_wall, anchor_mono; /* a moment at which both were believed */
    int64_t kept;                     /* MARK_SEEN as this process knows it: another one is an operator's */
    int64_t trial, trial_wall, trial_mono; /* ms of steady time until the moment of the other two */
};

/* What a look found. */
struct steady_look {
    int64_t wall_ms, mono_ms;                   /* now */
    int64_t seen, steady, trial_at;             /* MARK_SEEN, MARK_STEADY, MARK_TRIAL */
    int64_t ret_seen, ret_steady, ret_trial_at; /* what they are to be from now on, */
    bool ret_keep;                              /* if that is worth writing */
    bool ret_changed; /* believed became true or false, or is known for the first time */
    int64_t ret_off;  /* how far it is off; positive: ahead */
};

/* About once a second. */
void steady_look(struct steady *s, struct steady_look *l);

/* The time by which something may be erased for its age: now, or 0 while the clock cannot be believed, by
 * which nothing is old. It may have been set since the last look. */
int64_t steady_time(const struct steady *s, int64_t wall_ms, int64_t mono_ms);

/* For other threads, which get the first one's answer from the looking one's: what has to be added to the
 * monotonic clock for the time as far as it can be believed; 0: nothing is known yet. */
int64_t steady_ahead(const struct steady *s);
/* That time: what the wall clock says while it can be believed, else how far time had come when it last
 * could, and what has passed since as far as the node ran. For what must go on meanwhile. 0: nothing is
 * known yet. */
int64_t steady_guess(int64_t ahead, int64_t wall_ms, int64_t mono_ms);
