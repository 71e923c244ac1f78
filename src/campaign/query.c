#include "campaign/query.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/origin.h"
#include "campaign/query_child.h"
#include "campaign/query_frame.h"

#define TICK_MS 100u
/*
 * The process looks at the clock itself. It is killed when it does not come to that: inside of one function.
 */
#define LATE_MS(time_ms) ((time_ms) + (time_ms) / 4 + 1000u)
#define STEPS_MAX 200u     /* lines of a plan */
#define ROWS_AT_ONCE 1024u /* rows that one call gives */
#define READ_SIZE (64u << 10)
#define ARENA_MAX (256u << 10) /* names of columns, and the plan */

struct query {
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write;
    unsigned handles; /* open ones */
    struct query_options options;
    bool preview, paused;
    bool over;           /* nothing is called any more */
    bool exited, closed; /* the process; its end of the socket */
    bool late, never_read;
    int64_t status;
    int signal;
    uint64_t started_at, ticked_at, active_ms; /* active: not paused */
    struct query_calls calls;
    void *arg;
    struct buf in, ask;
    struct arena arena;
    struct query_end end;
    const char *columns[QUERY_COLUMNS_MAX];
    struct query_step steps[STEPS_MAX];
};

const char *query_bound_text(enum query_bound b)
{
    static const char *const texts[] = {[QUERY_BOUND_TIME] = "time",
                                        [QUERY_BOUND_MEMORY] = "memory",
                                        [QUERY_BOUND_ROWS] = "rows",
                                        [QUERY_BOUND_SPACE] = "space"};
    return texts[b];
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct query *q = handle->data;
    if (--q->handles > 0)
        return;
    buf_deinit(&q->in);
    buf_deinit(&q->ask);
    arena_deinit(&q->arena);
    mem_free(q);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_handle_closed);
}

/* Ends it: the process is waited for, and then the memory is freed. */
static void query_drop(struct query *q)
{
    q->over = true;
    close_handle((uv_handle_t *)&q->pipe);
    close_handle((uv_handle_t *)&q->timer);
    if (q->exited)
        close_handle((uv_handle_t *)&q->process);
    else
        (void)uv_process_kill(&q->process, SIGKILL);
}

static void tell_end(struct query *q)
{
    if (q->over)
        return;
    q->over = true;
    q->end.columns = q->columns;
    q->end.plan = q->steps;
    q->calls.end(q->arg, &q->end);
    query_drop(q);
}

/* The process has ended without saying how. */
static void tell_death(struct query *q)
{
    struct query_end *e = &q->end;
    e->result = QUERY_GONE;
    if (q->late || q->signal == SIGXCPU) {
        e->result = QUERY_EXCESS;
        e->bound = QUERY_BOUND_TIME;
        (void)snprintf(
            e->message, sizeof(e->message),
            "it worked longer than %u ms: let it look at fewer rows, and join on user_id or job_id",
            q->options.time_ms);
    } else if (q->never_read) {
        (void)snprintf(e->message, sizeof(e->message), "its rows were not taken up within %u s",
                       QUERY_OPEN_MS / 1000);
    } else if (q->signal == SIGKILL) {
        e->result = QUERY_EXCESS; /* nobody but the kernel does that, when memory runs out */
        e->bound = QUERY_BOUND_MEMORY;
        (void)snprintf(e->message, sizeof(e->message), "the system ended it for want of memory");
    } else {
        (void)snprintf(e->message, sizeof(e->message), "its process ended (status %lld, signal %d)",
                       (long long)q->status, q->signal);
        log_error("campaign", "the process of a query ended", log_int("status", q->status),
                  log_int("signal", q->signal));
    }
    tell_end(q);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal)
{
    struct query *q = process->data;
    q->exited = true;
    q->status = status;
    q->signal = signal;
    if (q->over)
        close_handle((uv_handle_t *)process);
    else if (q->closed)
        tell_death(q);
}

/* ---- what the process says ---- */

/* The next text with its length before it. */
static bool take_text(struct span *told, struct span *ret)
{
    uint32_t len;
    if (told->len < sizeof(len))
        return false;
    memcpy(&len, told->ptr, sizeof(len));
    if (len > told->len - sizeof(len))
        return false;
    *ret = (struct span){told->ptr + sizeof(len), len};
    *told = (struct span){ret->ptr + len, told->len - sizeof(len) - len};
    return true;
}

static bool take_columns(struct query *q, struct span told)
{
    struct span name;
    while (told.len > 0) {
        if (q->end.column_count == QUERY_COLUMNS_MAX || !take_text(&told, &name))
            return false;
        const char *copy = arena_dup(&q->arena, name);
        if (!copy)
            return false;
        q->columns[q->end.column_count++] = copy;
    }
    return true;
}

static bool take_step(struct query *q, struct span told)
{
    struct query_step *s = &q->steps[q->end.plan_count];
    if (q->end.plan_count == STEPS_MAX || told.len < sizeof(s->depth))
        return false;
    memcpy(&s->depth, told.ptr, sizeof(s->depth));
    s->text = (struct span){told.ptr + sizeof(s->depth), told.len - sizeof(s->depth)};
    s->text.ptr = arena_dup(&q->arena, s->text);
    q->end.plan_count++;
    return s->text.ptr;
}

static bool take_cell(struct span *told, struct query_cell *ret)
{
    struct query_frame_cell c;
    if (told->len < sizeof(c))
        return false;
    memcpy(&c, told->ptr, sizeof(c));
    if (c.kind > QUERY_BLOB || c.len > told->len - sizeof(c))
        return false;
    *ret = (struct query_cell){
        .kind = (enum query_cell_kind)c.kind, .cut = c.cut, .text = {told->ptr + sizeof(c), c.len}};
    *told = (struct span){told->ptr + sizeof(c) + c.len, told->len - sizeof(c) - c.len};
    return true;
}

static bool take_rows(struct query *q, struct span told)
{
    static _Thread_local struct query_cell cells[ROWS_AT_ONCE];
    static _Thread_local struct query_row rows[ROWS_AT_ONCE];
    size_t width = q->preview ? q->end.column_count : 1;
    while (told.len > 0 && !q->over) {
        size_t count = 0;
        for (; told.len > 0 && width > 0 && (count + 1) * width <= ROWS_AT_ONCE; count++) {
            rows[count] = (struct query_row){&cells[count * width], width};
            for (size_t i = 0; i < width; i++)
                if (!take_cell(&told, &cells[count * width + i]))
                    return false;
        }
        if (count == 0)
            return false;
        q->calls.rows(q->arg, rows, count);
    }
    return true;
}

static bool take_end(struct query *q, struct span told)
{
    struct query_frame_end f;
    struct query_end *e = &q->end;
    if (told.len < sizeof(f))
        return false;
    memcpy(&f, told.ptr, sizeof(f));
    if (f.result > QUERY_GONE || f.bound > QUERY_BOUND_SPACE)
        return false;
    e->result = (enum query_result)f.result;
    e->bound = (enum query_bound)f.bound;
    e->line = f.line;
    e->column = f.column;
    e->rows = f.rows;
    e->steps = f.steps;
    e->ms = f.ms;
    e->more = f.more;
    (void)snprintf(e->message, sizeof(e->message), "%.*s", (int)(told.len - sizeof(f)), told.ptr + sizeof(f));
    tell_end(q);
    return true;
}

static bool take_frame(struct query *q, uint32_t kind, struct span told)
{
    switch ((enum query_frame_kind)kind) {
    case QUERY_FRAME_COLUMNS:
        return take_columns(q, told);
    case QUERY_FRAME_STEP:
        return take_step(q, told);
    case QUERY_FRAME_ROWS:
        return take_rows(q, told);
    case QUERY_FRAME_END:
        return take_end(q, told);
    case QUERY_FRAME_ASK:
        break;
    }
    return false;
}

/* false: no process of ours says this. */
static bool take_all(struct query *q)
{
    struct query_frame f;
    while (!q->over && !q->paused && buf_len(&q->in) >= sizeof(f)) {
        memcpy(&f, buf_span(&q->in).ptr, sizeof(f));
        if (f.len > QUERY_FRAME_MAX)
            return false;
        if (buf_len(&q->in) < sizeof(f) + f.len)
            break;
        if (!take_frame(q, f.kind, (struct span){buf_span(&q->in).ptr + sizeof(f), f.len}))
            return false;
        buf_consume(&q->in, sizeof(f) + f.len);
    }
    return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct query *q = handle->data;
    (void)suggested;
    bool ok = buf_reserve(&q->in, READ_SIZE) == ERR_NONE;
    *buf = uv_buf_init(ok ? q->in.data + q->in.tail : NULL, ok ? READ_SIZE : 0);
}

/* What the process has said is not worth anything: it is killed, and its end is told. */
static void distrust(struct query *q)
{
    if (q->over)
        return;
    q->end.result = QUERY_GONE;
    (void)snprintf(q->end.message, sizeof(q->end.message), "its process gave no rows that can be read");
    tell_end(q);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct query *q = stream->data;
    (void)buf;
    if (n == 0 || q->over)
        return;
    if (n > 0) {
        q->in.tail += (size_t)n;
        if (!take_all(q))
            distrust(q);
        return;
    }
    (void)uv_read_stop(stream);
    q->closed = true;
    if (n != UV_EOF && n != UV_ECONNRESET)
        distrust(q); /* no memory, such as */
    else if (q->exited)
        tell_death(q);
}

static void on_tick(uv_timer_t *timer)
{
    struct query *q = timer->data;
    uint64_t now = uv_now(timer->loop);
    if (!q->paused)
        q->active_ms += now - q->ticked_at;
    q->ticked_at = now;
    q->late = q->active_ms > LATE_MS(q->options.time_ms);
    q->never_read = now - q->started_at > QUERY_OPEN_MS;
    if (q->late || q->never_read)
        (void)uv_process_kill(&q->process, SIGKILL); /* what is still on the way is told first */
    if (q->never_read && !q->late)
        tell_death(q);
}

void query_pause(struct query *q)
{
    if (q->paused || q->over)
        return;
    q->paused = true;
    (void)uv_read_stop((uv_stream_t *)&q->pipe);
}

void query_resume(struct query *q)
{
    if (!q->paused || q->over)
        return;
    q->paused = false;
    q->ticked_at = uv_now(q->timer.loop);
    if (!take_all(q)) {
        distrust(q);
        return;
    }
    if (!q->over && !q->paused && !q->closed && uv_read_start((uv_stream_t *)&q->pipe, on_alloc, on_read))
        distrust(q);
}

void query_stop(struct query *q)
{
    if (q && !q->over)
        query_drop(q);
}

/* ---- start ---- */

static void on_written(uv_write_t *req, int status)
{
    (void)req;
    (void)status; /* a failure shows as the end of what is read */
}

static enum err write_ask(struct query *q, const struct query_ask *ask)
{
    struct span dir = span_of(q->options.dir);
    struct query_frame_ask a = {.provider_id = ask->provider_id,
                                .memory = q->options.memory,
                                .rows = q->options.rows,
                                .space = q->options.space,
                                .time_ms = q->options.time_ms,
                                .dir_len = (uint32_t)dir.len + 1,
                                .by = (uint8_t)ask->by,
                                .preview = ask->preview};
    struct query_frame f = {.kind = QUERY_FRAME_ASK,
                            .len = (uint32_t)(sizeof(a) + dir.len + 1 + ask->sql.len)};
    enum err e = buf_add(&q->ask, &f, sizeof(f));
    if (!e)
        e = buf_add(&q->ask, &a, sizeof(a));
    if (!e)
        e = buf_add(&q->ask, dir.ptr, dir.len + 1);
    if (!e)
        e = buf_add_span(&q->ask, ask->sql);
    if (e)
        return e;
    struct span told = buf_span(&q->ask);
    uv_buf_t b = uv_buf_init((char *)(uintptr_t)told.ptr, (unsigned)told.len);
    return uv_write(&q->write, (uv_stream_t *)&q->pipe, &b, 1, on_written) ? err_origin(ERR_IO) : ERR_NONE;
}

static int spawn(uv_loop_t *loop, struct query *q)
{
    char name[] = "todoke", command[] = QUERY_CHILD_COMMAND;
    char *argv[] = {name, command, NULL}, *env[] = {NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&q->pipe},
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
    };
    if (fcntl(STDERR_FILENO, F_GETFD) >=
        0) /* until the process closes it: for what the loader may complain about */
        stdio[2] = (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO};
    const uv_process_options_t options = {.exit_cb = on_process_exit,
                                          .file = q->options.program,
                                          .args = argv,
                                          .env = env,
                                          .stdio = stdio,
                                          .stdio_count = 3};
    return uv_spawn(loop, &q->process, &options);
}

static void set_options(struct query *q, const struct query_options *o)
{
    q->options = *o;
    if (!o->program)
        q->options.program = "/proc/self/exe";
    if (!o->time_ms)
        q->options.time_ms = QUERY_TIME_MS;
    if (!o->memory)
        q->options.memory = QUERY_MEMORY;
    if (!o->rows)
        q->options.rows = QUERY_ROWS;
    if (!o->space)
        q->options.space = QUERY_SPACE;
}

enum err query_start(uv_loop_t *loop, const struct query_options *options, const struct query_ask *ask,
                     const struct query_calls *calls, void *arg, struct query **ret)
{
    if (ask->sql.len > QUERY_SQL_MAX)
        return ERR_LIMIT;
    struct query *q = mem_zero(1, sizeof(*q));
    if (!q)
        return ERR_NOMEM;
    set_options(q, options);
    q->preview = ask->preview;
    q->calls = *calls;
    q->arg = arg;
    q->started_at = q->ticked_at = uv_now(loop);
    buf_init(&q->in, QUERY_FRAME_MAX + sizeof(struct query_frame) + READ_SIZE);
    buf_init(&q->ask, QUERY_FRAME_MAX);
    arena_init(&q->arena, 4096, ARENA_MAX);
    q->process.data = q->pipe.data = q->timer.data = q;
    (void)uv_pipe_init(loop, &q->pipe, 0); /* neither can fail */
    (void)uv_timer_init(loop, &q->timer);
    q->handles = 2;
    int failed = spawn(loop, q);
    q->handles++; /* it has become a handle either way */
    if (failed) {
        log_error("campaign", "the process of a query cannot be started",
                  log_str("why", uv_strerror(failed)));
        q->exited = true;
        query_drop(q);
        return err_origin(ERR_IO);
    }
    enum err e = write_ask(q, ask);
    if (!e && (uv_timer_start(&q->timer, on_tick, TICK_MS, TICK_MS) ||
               uv_read_start((uv_stream_t *)&q->pipe, on_alloc, on_read)))
        e = err_origin(ERR_IO);
    if (e) {
        query_drop(q);
        return e;
    }
    *ret = q;
    return ERR_NONE;
}
