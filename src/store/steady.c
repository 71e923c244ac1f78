#include "store/steady.h"

static bool is_near(int64_t a, int64_t b, int64_t by)
{
    return a - b <= by && b - a <= by;
}

static void believe(struct steady *s, const struct steady_look *l)
{
    s->believed = true;
    s->anchor_wall = l->wall_ms;
    s->anchor_mono = l->mono_ms;
    s->trial = 0;
}

static void begin_trial(struct steady *s, const struct steady_look *l, int64_t already)
{
    s->trial = already;
    s->trial_wall = l->wall_ms;
    s->trial_mono = l->mono_ms;
}

/* Continues the trial of an earlier process, if the clock is consistent with what it showed then. */
static int64_t trial_before(const struct steady_look *l)
{
    int64_t since = l->wall_ms - l->trial_at;
    return l->trial_at && since >= -STEADY_STEP_MS && since <= STEADY_OFF_MS ? l->steady : 0;
}

/* True: the trial has lasted long enough. */
static bool try(struct steady *s, const struct steady_look *l)
{
    int64_t elapsed = l->mono_ms - s->trial_mono;
    if (!is_near(l->wall_ms - s->trial_wall, elapsed, STEADY_STEP_MS))
        begin_trial(s, l, 0);
    else
        begin_trial(s, l, s->trial + elapsed);
    return s->trial >= STEADY_TRIAL_MS;
}

static void look(struct steady *s, struct steady_look *l)
{
    if (!s->known) {
        s->anchor_wall = l->seen ? l->seen : l->wall_ms; /* 0: the store has no mark */
        s->anchor_mono = l->mono_ms;
    }
    l->ret_off = l->wall_ms - s->anchor_wall - (l->mono_ms - s->anchor_mono);
    if (is_near(l->ret_off, 0, STEADY_OFF_MS)) {
        if (!s->known || !s->believed)
            believe(s, l);
    } else if (s->known && l->seen != s->kept && is_near(l->seen, l->wall_ms, STEADY_OFF_MS)) {
        believe(s, l); /* an operator has accepted the clock */
    } else if (!s->known || s->believed) {
        s->believed = false;
        begin_trial(s, l, s->known ? 0 : trial_before(l));
    } else if (try(s, l)) {
        believe(s, l);
    }
}

void steady_look(struct steady *s, struct steady_look *l)
{
    bool known = s->known, believed = s->believed;
    look(s, l);
    s->known = true;
    l->ret_changed = !known || believed != s->believed;
    l->ret_seen = l->seen;
    l->ret_steady = s->believed ? 0 : s->trial;
    l->ret_trial_at = s->believed ? 0 : l->wall_ms;
    if (s->believed) {
        l->ret_keep = l->seen && (!is_near(l->wall_ms, l->seen, STEADY_KEEP_MS) || l->steady || l->trial_at);
        l->ret_seen = l->ret_keep ? l->wall_ms : l->seen;
    } else {
        l->ret_keep = !is_near(l->ret_steady, l->steady, STEADY_TRIAL_KEEP_MS) || l->ret_steady < l->steady;
    }
    s->kept = l->ret_seen;
}

int64_t steady_time(const struct steady *s, int64_t wall_ms, int64_t mono_ms)
{
    return s->believed && is_near(wall_ms - s->anchor_wall, mono_ms - s->anchor_mono, STEADY_OFF_MS) ? wall_ms
                                                                                                     : 0;
}

int64_t steady_ahead(const struct steady *s)
{
    return s->known ? s->anchor_wall - s->anchor_mono : 0;
}

int64_t steady_guess(int64_t ahead, int64_t wall_ms, int64_t mono_ms)
{
    return !ahead ? 0 : is_near(wall_ms, mono_ms + ahead, STEADY_OFF_MS) ? wall_ms : mono_ms + ahead;
}
