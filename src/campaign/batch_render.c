#include "campaign/batch_parts.h"

static void take_members(struct sending *s, const struct content_rendered *r)
{
    s->member_count = r->count;
    for (size_t i = 0; i < r->count && i < CARRIER_CONTENT_MAX; i++)
        s->members[i] = (struct carrier_content){.name = r->members[i].key, .json = r->members[i].json};
    s->ready = true;
}

/* Keeps what the engine rendered, which lies in memory of its own. */
static bool copy_members(struct sending *s, const struct content_rendered *r)
{
    size_t at[CARRIER_CONTENT_MAX];
    for (size_t i = 0; i < r->count; i++) {
        at[i] = buf_len(&s->out);
        if (buf_add_span(&s->out, r->members[i].json))
            return false;
    }
    take_members(s, r);
    for (size_t i = 0; i < r->count; i++)
        s->members[i].json.ptr = buf_span(&s->out).ptr + at[i];
    return true;
}

static void take_rendered(struct batch *b, uint32_t i, const struct content_rendered *r, bool borrowed)
{
    struct sending *s = &b->sendings[i];
    const struct made m = made_by_rendering(b->job->medium, r, b->messages[i].stopped);
    if (m.state != MADE_READY)
        batch_made(b, i, &m);
    else if (!borrowed)
        take_members(s, r);
    else if (!copy_members(s, r))
        batch_fail_here(b, i, "node to renderer");
}

static void on_rendered(void *arg, const struct content_rendered *r)
{
    struct sending *s = arg;
    struct batch *b = s->batch;
    batch_count(&b->all->counters->rendered_by_engine, 1);
    take_rendered(b, (uint32_t)(s - b->sendings), r, true);
    if (--b->rendering == 0)
        batch_ship(b);
}

static void render(struct batch *b, uint32_t i, struct buf *context)
{
    struct sending *s = &b->sendings[i];
    const struct claimed *m = &b->messages[i];
    struct variables_outcome o;
    struct content_rendered r = {.count = 0};
    buf_clear(context);
    buf_init(&s->out, CONTENT_OUTPUT_MAX + CONTENT_TEXT_MAX);
    enum err e = variables_context(b->job->variables, m->attributes, context, &o);
    if (!e && o.result != VARIABLES_READY) {
        const struct made made = made_by_variables(&o);
        batch_made(b, i, &made);
        return;
    }
    if (!e)
        e = content_render(b->job->content, buf_span(context), &s->out, &r);
    if (!e && r.result != RENDER_NEEDS_ENGINE) {
        batch_count(&b->all->counters->rendered, 1);
        take_rendered(b, i, &r, false);
        return;
    }
    if (!e && b->all->renderer)
        e = renderer_render(b->all->renderer, b->job->content, buf_span(context), on_rendered, s);
    if (e || !b->all->renderer)
        batch_fail_here(b, i, "node to renderer");
    else
        b->rendering++;
}

/* All get the same bytes: they are rendered once for the job. */
static void render_same(struct batch *b)
{
    struct campaign_job *j = b->job;
    enum err e = ERR_NONE;
    if (!j->once_done) {
        buf_init(&j->rendered, CONTENT_OUTPUT_MAX + CONTENT_TEXT_MAX);
        e = content_render(j->content, SPAN_LIT("{\"user\":{}}"), &j->rendered, &j->once);
        j->once_done = !e;
    }
    for (uint32_t i = 0; i < b->count; i++) {
        if (!b->messages[i].go)
            continue;
        if (e)
            batch_fail_here(b, i, "node to renderer");
        else
            take_rendered(b, i, &j->once, false);
    }
}

void batch_render(struct batch *b)
{
    b->rendering = 1; /* no message of it ships before all were begun */
    if (b->job->same) {
        render_same(b);
    } else {
        struct buf context;
        buf_init(&context, RENDERER_CONTEXT_MAX);
        for (uint32_t i = 0; i < b->count; i++)
            if (b->messages[i].go)
                render(b, i, &context);
        buf_deinit(&context);
    }
    if (--b->rendering == 0)
        batch_ship(b);
}
