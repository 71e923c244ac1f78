#include "campaign/renderer.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/origin.h"
#include "campaign/cell.h"
#include "campaign/content_parts.h"
#include "campaign/frame.h"
#include "campaign/script.h"

#define PROCESSES_MAX 16u
#define FLYING_MAX 64u /* messages given to one process at a time: enough that it never waits for the loop */
#define FLYING_BYTES (256u << 10) /* … and their contexts, so that the socket takes them at once */
#define DEATHS_MAX 2u             /* a message under which a process died so often is given up */
#define TICK_MS 100u
/*
 * A process is killed when it has said nothing for so long, on a busy machine too: it ends what it does
 * by CPU time long before.
 */
#define SILENT_MS(o) (10u * ((o)->compile_ms + (o)->render_ms) + 10000u)

struct job {
    struct list link;
    struct content *content;
    renderer_done done; /* one of both */
    renderer_checked checked;
    void *arg;
    unsigned deaths;
    size_t len;
    char context[];
};

struct child {
    struct renderer *pool;
    uv_process_t process;
    uv_pipe_t pipe;
    unsigned handles;   /* open ones; 0: not there, may be started */
    bool dead;          /* is asked for nothing any more */
    bool leaving;       /* said that it ends by itself */
    bool silent;        /* was killed because it said nothing */
    struct list flying; /* jobs, in the order of their answers */
    size_t flying_count, flying_bytes;
    bool alone; /* the one that flies may be what kills processes */
    uint64_t heard_at;
    struct content *slots[FRAME_SLOTS];
    uint64_t used[FRAME_SLOTS];
    struct buf in;
};

struct renderer {
    uv_loop_t *loop;
    struct renderer_options options;
    uv_idle_t feeder; /* gives jobs out, once a turn of the loop, so that many go in one write */
    uv_timer_t timer; /* runs while jobs wait or fly */
    struct list waiting;
    struct buf out; /* of the message that is answered */
    struct child children[PROCESSES_MAX];
    struct renderer_figures figures;
    uint64_t uses;
    bool closing;
    unsigned handles;
    renderer_closed closed;
    void *closed_arg;
};

struct sending {
    uv_write_t req;
    struct buf bytes;
};

static void job_free(struct job *job)
{
    content_unref(job->content);
    mem_free(job);
}

/*
 * The job belongs to nobody any more: tells its end and frees it. A check that failed goes through
 * job_refuse().
 */
static void job_end(struct renderer *r, struct job *job, const struct content_rendered *rendered)
{
    r->figures.waiting--;
    if (job->done) {
        r->figures.rendered++;
        r->figures.failed += rendered->result != RENDER_DONE;
        job->done(job->arg, rendered);
    } else {
        job->checked(job->arg, NULL, rendered->result == RENDER_DONE ? NULL : rendered->reason);
    }
    job_free(job);
}

/* The same for a check of a content that has a template which cannot be run. */
static void job_refuse(struct renderer *r, struct job *job, const struct frame *head, const char *reason)
{
    struct content_fault fault = {.line = head->line, .column = head->column};
    content_template_path(job->content, head->index, fault.path);
    (void)snprintf(fault.message, sizeof(fault.message), "%s", reason);
    r->figures.waiting--;
    job->checked(job->arg, &fault, NULL);
    job_free(job);
}

static void job_fail(struct renderer *r, struct job *job, enum render_result result, size_t template,
                     const char *reason)
{
    struct content_rendered rendered = {.count = 0};
    content_fail(job->content, result, template, reason, &rendered);
    job_end(r, job, &rendered);
}

static void check_finished(struct renderer *r)
{
    if (!r->closing || r->handles > 0)
        return;
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        if (r->children[i].handles > 0)
            return;
    renderer_closed closed = r->closed;
    void *arg = r->closed_arg;
    buf_deinit(&r->out);
    mem_free(r);
    if (closed)
        closed(arg);
}

static void start_feeding(struct renderer *r);

static void on_child_handle_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    if (--c->handles > 0)
        return;
    buf_deinit(&c->in);
    if (c->pool->closing)
        check_finished(c->pool);
    else
        start_feeding(c->pool); /* its place is free again */
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal)
{
    struct child *c = process->data;
    if (!c->pool->closing && !c->leaving)
        log_warn("campaign", "a renderer process ended", log_int("status", status),
                 log_int("signal", signal));
    uv_close((uv_handle_t *)process, on_child_handle_closed);
}

/* Takes the process out of use: its jobs wait again, or end where they are what it died under. */
static void child_drop(struct child *c)
{
    struct renderer *r = c->pool;
    if (c->dead)
        return;
    c->dead = true;
    r->figures.killed++;
    (void)uv_process_kill(&c->process, SIGKILL);
    uv_close((uv_handle_t *)&c->pipe, on_child_handle_closed);
    for (size_t i = 0; i < FRAME_SLOTS; i++) {
        content_unref(c->slots[i]);
        c->slots[i] = NULL;
    }
    struct list given_up;
    list_init(&given_up);
    while (!list_empty(&c->flying)) {
        struct job *job = list_entry(c->flying.prev, struct job, link);
        list_remove(&job->link);
        job->deaths += !c->leaving;
        if (job->deaths >= DEATHS_MAX)
            list_push_front(&given_up, &job->link);
        else
            list_push_front(&r->waiting, &job->link);
    }
    c->flying_count = c->flying_bytes = 0;
    bool silent = c->silent;
    struct list *link;
    while ((link = list_pop_front(&given_up))) /* last: whoever is told may close the pool */
        job_fail(r, list_entry(link, struct job, link), silent ? RENDER_FAILED : RENDER_GONE, SIZE_MAX,
                 silent ? "the template takes too long"
                        : "the renderer process ended while it worked on this, twice");
}

static const char *failure(const struct frame *head, const struct renderer_options *o, bool place,
                           struct span told, char *text, size_t size)
{
    bool compiling = head->line > 0 && place;
    switch ((enum script_status)head->status) {
    case SCRIPT_TIME:
        (void)snprintf(text, size, "the template takes longer than %u ms of computing",
                       head->compiling ? o->compile_ms : o->render_ms);
        return text;
    case SCRIPT_MEMORY:
        (void)snprintf(text, size, "the template needs more than %zu MiB of memory", o->memory >> 20);
        return text;
    case SCRIPT_LARGE:
        return CONTENT_TOO_LARGE;
    case SCRIPT_NULL:
    case SCRIPT_ERROR:
    case SCRIPT_DONE:
        break;
    }
    if (compiling)
        (void)snprintf(text, size, "line %" PRIu32 ", column %" PRIu32 ": %.*s", head->line, head->column,
                       (int)told.len, told.ptr);
    else
        (void)snprintf(text, size, "%.*s", (int)told.len, told.ptr);
    return text;
}

/*
 * false: no pool would be told this: the process is not to be trusted any more, and the job not at its end.
 */
static bool job_answer(struct renderer *r, struct job *job, const struct frame *head, struct span told)
{
    static _Thread_local struct span texts[CONTENT_TEMPLATES_MAX];
    struct content_rendered rendered = {.count = 0};
    char text[CONTENT_REASON_MAX];
    size_t count = content_template_count(job->content);
    if (head->kind != FRAME_RESULT || head->status > SCRIPT_LARGE)
        return false;
    if (head->status != SCRIPT_DONE) {
        size_t at = head->index < count ? head->index : SIZE_MAX;
        bool is_null = head->status == SCRIPT_NULL;
        const char *reason = failure(head, &r->options, job->done != NULL, told, text, sizeof(text));
        if (job->checked)
            job_refuse(r, job, head, reason);
        else
            job_fail(r, job, is_null ? RENDER_NULL : RENDER_FAILED, at, reason);
        return true;
    }
    if (job->checked) {
        job_end(r, job, &rendered);
        return true;
    }
    if (!frame_texts(told, texts, count))
        return false;
    buf_clear(&r->out);
    if (content_assemble(job->content, texts, &r->out, &rendered))
        content_fail(job->content, RENDER_GONE, SIZE_MAX, "no memory", &rendered); /* ours */
    job_end(r, job, &rendered);
    return true;
}

/* Takes what the process has answered. false: it is to be dropped. */
static bool child_take(struct child *c)
{
    struct renderer *r = c->pool;
    struct frame head;
    while (!c->dead && buf_len(&c->in) >= sizeof(head)) {
        memcpy(&head, buf_span(&c->in).ptr, sizeof(head));
        if (head.len > FRAME_LEN_MAX || list_empty(&c->flying))
            return false;
        if (buf_len(&c->in) < sizeof(head) + head.len)
            break;
        struct job *job = list_entry(c->flying.next, struct job, link);
        list_remove(&job->link);
        c->flying_count--;
        c->flying_bytes -= job->len;
        c->alone = false;
        c->leaving = head.leaving;
        struct span told = {buf_span(&c->in).ptr + sizeof(head), head.len};
        if (!job_answer(r, job, &head, told)) {
            list_push_front(&c->flying, &job->link);
            c->flying_count++;
            c->flying_bytes += job->len;
            return false;
        }
        if (!c->dead) /* whoever was told may have closed the pool */
            buf_consume(&c->in, sizeof(head) + head.len);
    }
    return !c->leaving;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct child *c = handle->data;
    bool ok = buf_reserve(&c->in, suggested) == ERR_NONE;
    *buf = uv_buf_init(ok ? c->in.data + c->in.tail : NULL, ok ? (unsigned)suggested : 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct child *c = stream->data;
    if (n == 0)
        return;
    if (n > 0) {
        c->in.tail += (size_t)n;
        c->heard_at = uv_now(c->pool->loop);
    }
    if (n < 0 || !child_take(c))
        child_drop(c);
    if (!c->pool->closing)
        start_feeding(c->pool);
}

/* Starts the process of an empty place. */
static enum err child_start(struct child *c)
{
    struct renderer *r = c->pool;
    char render[16], compile[16], memory[24];
    (void)snprintf(render, sizeof(render), "%u", r->options.render_ms);
    (void)snprintf(compile, sizeof(compile), "%u", r->options.compile_ms);
    (void)snprintf(memory, sizeof(memory), "%zu", r->options.memory);
    char name[] = "todoke", command[] = CELL_COMMAND;
    char *argv[] = {name, command, render, compile, memory, NULL}, *env[] = {NULL};
    *c = (struct child){.pool = r, .heard_at = uv_now(r->loop)};
    list_init(&c->flying);
    buf_init(&c->in, FRAME_LEN_MAX + sizeof(struct frame) + (64u << 10));
    c->process.data = c->pipe.data = c;
    if (uv_pipe_init(r->loop, &c->pipe, 0))
        return err_origin(ERR_IO);
    c->handles = 1;
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&c->pipe},
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
    };
    if (fcntl(STDERR_FILENO, F_GETFD) >=
        0) /* until the process closes it: for what the loader may complain about */
        stdio[2] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO};
    uv_process_options_t options = {.exit_cb = on_process_exit,
                                    .file = r->options.program,
                                    .args = argv,
                                    .env = env,
                                    .stdio = stdio,
                                    .stdio_count = 3};
    int failed = uv_spawn(r->loop, &c->process, &options);
    c->handles = 2;
    if (!failed)
        failed = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
    if (!failed) {
        r->figures.started++;
        return ERR_NONE;
    }
    log_warn("campaign", "a renderer process cannot be started", log_str("why", uv_strerror(failed)));
    c->dead = true;
    uv_close((uv_handle_t *)&c->pipe, on_child_handle_closed);
    if (uv_is_active((uv_handle_t *)&c->process))
        (void)uv_process_kill(&c->process, SIGKILL); /* on_process_exit() closes it */
    else
        uv_close((uv_handle_t *)&c->process, on_child_handle_closed);
    return ERR_IO;
}

static void on_written(uv_write_t *req, int status)
{
    struct sending *s = list_entry(req, struct sending, req);
    buf_deinit(&s->bytes); /* a failure shows as the end of what is read */
    mem_free(s);
}

/* The slot in which the process has the content, after what out says. */
static enum err slot_of(struct child *c, struct content *content, struct buf *out, size_t *ret)
{
    size_t oldest = 0;
    uint64_t now = ++c->pool->uses;
    for (size_t i = 0; i < FRAME_SLOTS; i++) {
        if (c->slots[i] == content) {
            c->used[i] = now;
            *ret = i;
            return ERR_NONE;
        }
        if (c->used[i] < c->used[oldest])
            oldest = i;
    }
    enum err e = frame_add_content(out, content, oldest);
    if (e)
        return e;
    content_unref(c->slots[oldest]);
    c->slots[oldest] = content_ref(content);
    c->used[oldest] = now;
    *ret = oldest;
    return ERR_NONE;
}

static bool child_has_room(const struct child *c, const struct job *next)
{
    if (c->handles == 0 || c->dead || c->alone)
        return false;
    if (c->flying_count == 0)
        return true;
    return next->deaths == 0 && c->flying_count < FLYING_MAX && c->flying_bytes + next->len <= FLYING_BYTES;
}

static enum err add_job(struct child *c, struct job *job, struct buf *out)
{
    size_t slot;
    enum err e = slot_of(c, job->content, out, &slot);
    return e ? e
             : frame_add(out, job->done ? FRAME_RENDER : FRAME_CHECK, slot,
                         (struct span){job->context, job->len});
}

/*
 * Gives the process what it has room for. false: it is to be dropped, as it does not know what it was told.
 */
static bool child_feed(struct child *c)
{
    struct renderer *r = c->pool;
    struct sending *s = mem_zero(1, sizeof(*s));
    if (!s)
        return false;
    buf_init(&s->bytes,
             FLYING_MAX * (FRAME_LEN_MAX / 4)); /* each may bring a content; those of 2 MiB end the batch */
    if (c->flying_count == 0)
        c->heard_at = uv_now(r->loop);
    bool ok = true;
    while (ok && !list_empty(&r->waiting)) {
        struct job *job = list_entry(r->waiting.next, struct job, link);
        if (!child_has_room(c, job) || buf_len(&s->bytes) > FLYING_BYTES)
            break;
        list_remove(&job->link);
        list_push_back(&c->flying, &job->link);
        c->flying_count++;
        c->flying_bytes += job->len;
        c->alone = job->deaths > 0;
        ok = add_job(c, job, &s->bytes) == ERR_NONE;
    }
    struct span bytes = buf_span(&s->bytes);
    uv_buf_t one = uv_buf_init((char *)(uintptr_t)bytes.ptr, (unsigned)bytes.len);
    if (!ok || bytes.len == 0 || uv_write(&s->req, (uv_stream_t *)&c->pipe, &one, 1, on_written)) {
        ok = ok && bytes.len == 0;
        on_written(&s->req, 0);
    }
    return ok;
}

/*
 * A process could not be started: the first that waits has tried once more, the others wait for the next
 * time.
 */
static void not_started(struct renderer *r)
{
    struct job *job = list_entry(r->waiting.next, struct job, link);
    if (++job->deaths < DEATHS_MAX)
        return;
    list_remove(&job->link);
    job_fail(r, job, RENDER_GONE, SIZE_MAX, "no renderer process can be started");
}

static void on_feed(uv_idle_t *idle)
{
    struct renderer *r = idle->data;
    (void)uv_idle_stop(idle);
    bool idle_child = false;
    for (size_t i = 0; i < r->options.processes && !list_empty(&r->waiting) && !r->closing; i++) {
        struct child *c = &r->children[i];
        struct job *next = list_entry(r->waiting.next, struct job, link);
        if (c->handles == 0 && !idle_child && child_start(c)) {
            not_started(r);
            return; /* the timer comes back to it */
        }
        if (child_has_room(c, next) && !child_feed(c))
            child_drop(c);
        idle_child = idle_child || (c->handles > 0 && c->flying_count == 0);
    }
}

static void start_feeding(struct renderer *r)
{
    if (r->closing)
        return;
    if (!list_empty(&r->waiting))
        (void)uv_idle_start(&r->feeder, on_feed);
    if (r->figures.waiting == 0)
        (void)uv_timer_stop(&r->timer);
}

/* Kills what says nothing any more, and tries again what could not be started. */
static void on_tick(uv_timer_t *timer)
{
    struct renderer *r = timer->data;
    for (size_t i = 0; i < r->options.processes; i++) {
        struct child *c = &r->children[i];
        if (c->handles == 0 || c->dead || c->flying_count == 0 ||
            uv_now(r->loop) - c->heard_at < SILENT_MS(&r->options))
            continue;
        c->silent = true;
        child_drop(c);
        if (r->closing)
            return;
    }
    start_feeding(r);
}

static void set_defaults(struct renderer_options *o)
{
    if (!o->program)
        o->program = "/proc/self/exe";
    if (o->processes == 0)
        o->processes = 1;
    if (o->processes > PROCESSES_MAX)
        o->processes = PROCESSES_MAX;
    if (o->render_ms == 0)
        o->render_ms = RENDERER_RENDER_MS;
    if (o->compile_ms == 0)
        o->compile_ms = RENDERER_COMPILE_MS;
    if (o->memory == 0)
        o->memory = RENDERER_MEMORY;
    if (o->waiting_max == 0)
        o->waiting_max = RENDERER_WAITING_MAX;
}

enum err renderer_open(uv_loop_t *loop, const struct renderer_options *options, struct renderer **ret)
{
    struct renderer *r = mem_zero(1, sizeof(*r));
    if (!r)
        return ERR_NOMEM;
    r->loop = loop;
    r->options = *options;
    set_defaults(&r->options);
    list_init(&r->waiting);
    buf_init(&r->out, 2 * CONTENT_OUTPUT_MAX);
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        r->children[i].pool = r;
    r->feeder.data = r->timer.data = r;
    (void)uv_idle_init(loop, &r->feeder); /* these two cannot fail */
    (void)uv_timer_init(loop, &r->timer);
    r->handles = 2;
    *ret = r;
    return ERR_NONE;
}

static void on_own_handle_closed(uv_handle_t *handle)
{
    struct renderer *r = handle->data;
    r->handles--;
    check_finished(r);
}

void renderer_close(struct renderer *r, renderer_closed closed, void *arg)
{
    struct list *link;
    r->closing = true;
    r->closed = closed;
    r->closed_arg = arg;
    for (size_t i = 0; i < PROCESSES_MAX; i++)
        if (r->children[i].handles > 0) {
            r->children[i].leaving = true; /* nobody is to blame */
            child_drop(&r->children[i]);
        }
    while ((link = list_pop_front(&r->waiting)))
        job_fail(r, list_entry(link, struct job, link), RENDER_GONE, SIZE_MAX, "the node is ending");
    uv_close((uv_handle_t *)&r->feeder, on_own_handle_closed);
    uv_close((uv_handle_t *)&r->timer, on_own_handle_closed);
}

static enum err add(struct renderer *r, struct content *c, struct span context, const struct job *what)
{
    if (r->closing)
        return ERR_CLOSED;
    if (context.len > RENDERER_CONTEXT_MAX)
        return ERR_LIMIT;
    if (r->figures.waiting >= r->options.waiting_max)
        return ERR_BUSY;
    struct job *job = mem_alloc(sizeof(*job) + context.len);
    if (!job)
        return ERR_NOMEM;
    *job = *what;
    job->content = content_ref(c);
    job->len = context.len;
    if (context.len > 0)
        memcpy(job->context, context.ptr, context.len);
    if (r->figures.waiting++ == 0)
        (void)uv_timer_start(&r->timer, on_tick, TICK_MS, TICK_MS);
    list_push_back(&r->waiting, &job->link);
    start_feeding(r);
    return ERR_NONE;
}

enum err renderer_render(struct renderer *r, struct content *c, struct span context, renderer_done done,
                         void *arg)
{
    return add(r, c, context, &(struct job){.done = done, .arg = arg});
}

enum err renderer_check(struct renderer *r, struct content *c, renderer_checked checked, void *arg)
{
    return add(r, c, SPAN_LIT(""), &(struct job){.checked = checked, .arg = arg});
}

void renderer_read(const struct renderer *r, struct renderer_figures *ret)
{
    *ret = r->figures;
}
