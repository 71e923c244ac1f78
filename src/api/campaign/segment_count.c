/*
 * POST /api/v1/providers/{id}/segments/count: how many users a draft matches, and who the first are. The
 * store's reader looks at them step by step, so that other calls get in between; after some seconds the
 * answer says "at least".
 */
#include "api/call.h"
#include "api/campaign/body.h"
#include "api/campaign/segment_read.h"
#include "base/mem.h"

#define STEP_USERS 5000u /* some tens of milliseconds of the reader, also where the condition is long */
#define TIME_MS 10000u
#define EXAMPLES 10u

struct count_state {
    struct segment_read read;
    bool looked; /* its campaigns are there */
    struct user_search search;
    uint64_t begun_us, found, seen, users;
    struct span examples[EXAMPLES];
    uint32_t example_count, example_mark; /* mark: how many there were before the step */
};

static uint64_t now_us(const struct call *c)
{
    const struct clock *clock = c->api->config.clock;
    return clock->mono_us(clock->arg);
}

static enum err keep(void *arg, const struct user *u)
{
    struct call *c = arg;
    struct count_state *s = c->state;
    const char *copy = s->example_count < EXAMPLES ? arena_dup(&c->arena, u->name) : "";
    if (!copy)
        return ERR_NOMEM;
    if (s->example_count < EXAMPLES)
        s->examples[s->example_count++] = (struct span){copy, u->name.len};
    return ERR_NONE;
}

static enum err count_run(struct store_call *call, struct backend *b)
{
    struct call *c = call_of(call);
    struct count_state *s = c->state;
    s->example_count = s->example_mark;
    enum err e = s->looked ? ERR_NONE : segment_read_campaigns(&s->read, b, s->search.provider_id);
    if (!e && !s->looked)
        e = b->ops->audience->user_count(b, s->search.provider_id, &s->users);
    return e ? e : b->ops->audience->user_search(b, &s->search, s->example_count < EXAMPLES ? keep : NULL, c);
}

static void answer(struct call *c, const struct count_state *s)
{
    struct buf out;
    struct json_write w;
    buf_init(&out, 65536);
    json_write_init(&w, &out);
    json_write_object(&w);
    json_write_key(&w, "count");
    json_write_uint(&w, s->found);
    json_write_key(&w, "complete");
    json_write_bool(&w, s->search.end);
    json_write_key(&w, "users");
    json_write_uint(&w, s->users);
    json_write_key(&w, "examples");
    json_write_array(&w);
    for (uint32_t i = 0; i < s->example_count; i++)
        json_write_span(&w, s->examples[i]);
    json_write_end(&w);
    json_write_key(&w, "ms");
    json_write_uint(&w, (now_us(c) - s->begun_us) / 1000);
    json_write_end(&w);
    call_finish(c, 200, &w);
}

static void count_done(struct store_call *call)
{
    struct call *c = call_of(call);
    struct count_state *s = c->state;
    if (!call->err) {
        s->looked = true;
        s->found += s->search.found;
        s->example_mark = s->example_count;
        s->search.after = s->search.last;
        bool late = now_us(c) - s->begun_us > TIME_MS * 1000u;
        if (!s->search.end && !late && !atomic_load(c->api->config.draining)) {
            call_read(c, count_run, count_done);
            return;
        }
    }
    if (!segment_read_done(c, &s->read))
        return;
    if (call->err)
        call_stopped(c, call->err);
    else
        answer(c, s);
}

void api_segment_count(struct call *c)
{
    struct count_state *s = call_state(c, sizeof(*s));
    struct json_field f[] = {{.key = "condition"}};
    if (!s || !body_fields(c, f, 1) || !segment_read(c, f[0].value, &s->read))
        return;
    s->begun_us = now_us(c);
    s->search = (struct user_search){.provider_id = call_channel_id(c->params[0]),
                                     .limit = STEP_USERS,
                                     .scan = STEP_USERS,
                                     .text = SPAN_LIT(""),
                                     .condition = s->read.condition,
                                     .now_ms = call_now(c)};
    c->state = s;
    call_read(c, count_run, count_done);
}
