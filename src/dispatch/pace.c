#include "dispatch/pace.h"

#define SECOND_NS 1e9
#define LONGEST_NS 86400e9 /* minimum rate is one item a day: the time of 500 items stays far below 2^64 ns */

/* Start of the next interval: delays beyond PACE_LATE_NS are not caught up. */
static uint64_t grid(const struct pace *p, uint64_t now_ns)
{
    uint64_t oldest = now_ns > PACE_LATE_NS ? now_ns - PACE_LATE_NS : 0;
    return p->next_ns > oldest ? p->next_ns : oldest;
}

void pace_set(struct pace *p, double per_second, uint64_t now_ns)
{
    double interval = per_second > 0 ? SECOND_NS / per_second : 0;
    uint64_t was_ns = p->interval_ns, to_ns = 0;
    if (per_second > 0)
        to_ns = interval > LONGEST_NS ? (uint64_t)LONGEST_NS : interval < 1 ? 1 : (uint64_t)(interval + 0.5);
    if (to_ns == was_ns)
        return;
    p->interval_ns = to_ns;
    double owed = was_ns && p->next_ns > now_ns ? (double)(p->next_ns - now_ns) / (double)was_ns : 0;
    p->next_ns = now_ns + (uint64_t)(owed * (double)to_ns);
}

void pace_idle(struct pace *p, uint64_t now_ns)
{
    if (p->next_ns < now_ns)
        p->next_ns = now_ns;
}

uint32_t pace_room(const struct pace *p, uint64_t now_ns, uint32_t max)
{
    if (!p->interval_ns)
        return max;
    uint64_t from = grid(p, now_ns);
    if (from > now_ns)
        return 0;
    uint64_t room = 1 + (now_ns - from) / p->interval_ns;
    return room < max ? (uint32_t)room : max;
}

void pace_spend(struct pace *p, uint64_t now_ns, uint32_t items)
{
    if (p->interval_ns)
        p->next_ns = grid(p, now_ns) + items * p->interval_ns;
}
