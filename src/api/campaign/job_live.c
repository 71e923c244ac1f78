/* …/jobs/{id}/live: a job as it changes, until it has ended and nothing of it waits any more. */
#include "api/campaign/job_json.h"
#include "campaign/ledger.h"

struct shown {
    struct json_write *w;
    struct backend *b;
    int64_t now_ms;
    bool *last;
};

static enum err show(void *arg, const struct job *j)
{
    const struct shown *s = arg;
    struct job told = *j;
    told.audience = SPAN_LIT(""); /* it does not change, and may be long */
    *s->last = !job_is_open(j->state) && (j->state == JOB_FAILED || j->ended >= j->total);
    return job_write(s->w, s->b, &told, s->now_ms);
}

static enum err live_read(struct json_write *w, struct call *c, struct backend *b, int64_t id, bool *last)
{
    struct shown s = {w, b, call_now(c), last};
    enum err e = b->ops->jobs->job_get(b, call_channel_id(c->params[0]), id, show, &s);
    return e == ERR_NOT_FOUND ? call_stop(c, e, "No such job") : e;
}

void api_job_live(struct call *c)
{
    static const struct live_source source = {.event = "job", .read = live_read};
    live_begin(c, &source, call_channel_id(c->params[1]));
}
