#include "campaign/cell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "campaign/content.h"
#include "campaign/frame.h"
#include "campaign/script.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define SOCKET 0 /* standard input: the pool's end is the other one */
#define FLUSH_AT                                                                                             \
    (64u << 10) /* answers are written when the input is empty, or when they are this many bytes */
#define READ_SIZE (64u << 10)
#define EXIT_TIMED_OUT 3
#define CPU_SECONDS_MAX 36000u /* a process that has used so much is replaced: it cannot run away for ever */

struct slot {
    struct buf content; /* as it came in FRAME_CONTENT: kept, so that a heap can be made anew */
    struct script *engine;
    struct script_result loaded; /* of script_load() */
};

static struct {
    unsigned render_ms, compile_ms;
    size_t memory;
    struct slot slots[FRAME_SLOTS];
    struct buf in, out;
    /* A frame is being answered: out is not changed, and the timer may end the process. */
    volatile sig_atomic_t working;
    volatile sig_atomic_t compiling; /* what takes so long is the content, not the message */
} cell;

/* Async-signal-safe. */
static bool write_all(const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(SOCKET, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/*
 * A function of the engine itself takes too long: nothing but the end of the process stops it. Says so first.
 */
static void on_timer(int number)
{
    (void)number;
    if (!cell.working)
        return;
    const struct frame last = {
        .kind = FRAME_RESULT, .status = SCRIPT_TIME, .leaving = 1, .compiling = cell.compiling != 0};
    struct span told = buf_span(&cell.out);
    if (write_all(told.ptr, told.len))
        (void)write_all((const char *)&last, sizeof(last));
    _exit(EXIT_TIMED_OUT);
}

/*
 * The engine looks at the clock itself; the timer is for when it does not come to that. Both count CPU time.
 */
static void set_timer(unsigned ms)
{
    unsigned late = ms + ms / 4 + 20;
    const struct itimerval timer = {
        .it_value = {.tv_sec = late / 1000, .tv_usec = (suseconds_t)(late % 1000) * 1000},
        .it_interval = {.tv_usec = 50000}, /* again, should it come between two frames */
    };
    (void)setitimer(ITIMER_PROF, &timer, NULL);
}

static bool limit(int what, rlim_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)what, &now))
        return false;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
        most = now.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &(struct rlimit){most, most}) == 0;
}

static bool limit_all(void)
{
    bool ok = limit(RLIMIT_CPU, CPU_SECONDS_MAX) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) &&
              limit(RLIMIT_NOFILE, SANITIZED ? 16 : 1);
    /* The program itself, the heaps with their blocks' heads, and what was asked and is answered. */
    rlim_t memory = (rlim_t)cell.memory * FRAME_SLOTS * 5 / 4 + 4ull * FRAME_LEN_MAX + (512ull << 20);
    return ok && (SANITIZED || limit(RLIMIT_AS, memory));
}

/* Everything else ends the process. Sanitizers need more, so that there it is only refused. */
static bool filter_calls(void)
{
    static const int allowed[] = {
        SCMP_SYS(read),         SCMP_SYS(write),         SCMP_SYS(munmap),       SCMP_SYS(mremap),
        SCMP_SYS(brk),          SCMP_SYS(madvise),       SCMP_SYS(futex),        SCMP_SYS(setitimer),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),         SCMP_SYS(exit_group),
    };
    scmp_filter_ctx ctx = seccomp_init(SANITIZED ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
    if (!ctx)
        return false;
    int failed = 0;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        failed |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
    /* Memory that holds code is not to be had. */
    failed |=
        seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (SANITIZED) {
        static const int more[] = {SCMP_SYS(getpid),      SCMP_SYS(gettid),         SCMP_SYS(sched_yield),
                                   SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
                                   SCMP_SYS(mprotect),    SCMP_SYS(prctl)};
        for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
            failed |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, more[i], 0);
    }
    failed |= seccomp_load(ctx);
    seccomp_release(ctx);
    return failed == 0;
}

/*
 * What the pool is told by its signals, the process is not: it ends when the pool's end of the socket does.
 */
static bool set_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
    bool ok = true;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        ok = signal(ignored[i], SIG_IGN) != SIG_ERR && ok;
    struct sigaction act = {.sa_handler = on_timer, .sa_flags = SA_RESTART};
    sigset_t none;
    (void)sigemptyset(&none);
    return ok && sigaction(SIGPROF, &act, NULL) == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static bool close_others(void)
{
    return close_range(SANITIZED ? 3 : 1, ~0u, 0) == 0;
}

/* Where memory ends, the kernel shall take this process and not the node, whose score it has inherited. */
static void volunteer(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!write(fd, "500", 3); /* a help, no promise */
    (void)close(fd);
}

/*
 * From now on the kernel ends this process with its parent. A parent that was gone before is seen by its end
 * of the socket: a request may be waiting there that never ends.
 */
static bool bind_to_parent(void)
{
    struct pollfd socket = {.fd = SOCKET, .events = POLLRDHUP};
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && poll(&socket, 1, 0) == 0;
}

static bool enter(void)
{
    if (!bind_to_parent())
        return false;
    volunteer();
    /* The first heap also makes the engine's bytecode, for which there may be more memory than later. */
    struct script *first = script_new(cell.memory);
    script_free(first);
    return first && set_signals() && close_others() && limit_all() &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && filter_calls();
}

static void slot_forget(struct slot *s)
{
    script_free(s->engine);
    s->engine = NULL;
}

/* Reads what FRAME_CONTENT brought into a list of templates. false: it is none. */
static bool read_content(const struct buf *content, struct script_template *list, size_t *ret_count)
{
    struct span s = buf_span(content);
    size_t count = 0;
    while (s.len > 0) {
        uint32_t len;
        if (s.len < sizeof(len) + 1 || count == CONTENT_TEMPLATES_MAX)
            return false;
        memcpy(&len, s.ptr, sizeof(len));
        if (len > s.len - sizeof(len) - 1)
            return false;
        list[count++] =
            (struct script_template){.html = s.ptr[sizeof(len)], .text = {s.ptr + sizeof(len) + 1, len}};
        s = (struct span){s.ptr + sizeof(len) + 1 + len, s.len - sizeof(len) - 1 - len};
    }
    *ret_count = count;
    return true;
}

/* Makes the heap of the slot's content, unless there is one. */
static void slot_load(struct slot *s)
{
    static struct script_template list[CONTENT_TEMPLATES_MAX];
    size_t count = 0;
    if (s->engine)
        return;
    s->loaded = (struct script_result){.status = SCRIPT_MEMORY};
    set_timer(cell.compile_ms);
    s->engine = script_new(cell.memory);
    if (!s->engine)
        return;
    if (!read_content(&s->content, list, &count))
        s->loaded = (struct script_result){.status = SCRIPT_ERROR, .text = "no content"};
    else if (script_load(s->engine, list, count, cell.compile_ms, &s->loaded))
        s->loaded = (struct script_result){.status = SCRIPT_MEMORY};
}

/* Answers FRAME_RENDER and FRAME_CHECK: a head and what belongs to it, at the end of `answer`. */
static void work(const struct frame *asked, struct span context, struct buf *answer)
{
    struct slot *s = &cell.slots[asked->slot];
    struct frame head = {.kind = FRAME_RESULT};
    struct script_result result;
    cell.compiling = 1;
    slot_load(s);
    cell.compiling = 0;
    result = s->loaded;
    head.compiling = result.status != SCRIPT_DONE;
    buf_clear(answer);
    if (result.status == SCRIPT_DONE && asked->kind == FRAME_RENDER) {
        set_timer(cell.render_ms);
        if (script_render(s->engine, context, cell.render_ms, CONTENT_OUTPUT_MAX, answer, &result))
            result = (struct script_result){.status = SCRIPT_MEMORY};
    }
    if (!s->engine || (s->loaded.status == SCRIPT_DONE && script_is_spent(s->engine)))
        slot_forget(s);
    struct span told = result.status == SCRIPT_DONE ? buf_span(answer) : span_of(result.text);
    head.len = (uint32_t)told.len;
    head.status = (uint8_t)result.status;
    head.index = result.index;
    head.line = result.line;
    head.column = result.column;
    cell.working = 0;
    if (buf_add(&cell.out, &head, sizeof(head)) || buf_add_span(&cell.out, told))
        _exit(71); /* without its answer, those behind it would be taken for it */
}

static bool flush(void)
{
    struct span told = buf_span(&cell.out);
    bool ok = write_all(told.ptr, told.len);
    buf_clear(&cell.out);
    return ok;
}

/* Does what one frame asks. false: the pool has gone, or says what it never would. */
static bool serve(const struct frame *asked, struct span body, struct buf *answer)
{
    if (asked->slot >= FRAME_SLOTS)
        return false;
    struct slot *s = &cell.slots[asked->slot];
    switch ((enum frame_kind)asked->kind) {
    case FRAME_CONTENT:
        slot_forget(s);
        buf_deinit(&s->content);
        buf_init(&s->content, FRAME_LEN_MAX);
        return buf_add_span(&s->content, body) == ERR_NONE;
    case FRAME_RENDER:
    case FRAME_CHECK:
        cell.working = 1;
        work(asked, body, answer);
        return buf_len(&cell.out) < FLUSH_AT || flush();
    case FRAME_RESULT:
        break;
    }
    return false;
}

static bool serve_all(struct buf *answer)
{
    struct frame asked;
    while (buf_len(&cell.in) >= sizeof(asked)) {
        memcpy(&asked, buf_span(&cell.in).ptr, sizeof(asked));
        if (asked.len > FRAME_LEN_MAX)
            return false;
        if (buf_len(&cell.in) < sizeof(asked) + asked.len)
            break;
        if (!serve(&asked, (struct span){buf_span(&cell.in).ptr + sizeof(asked), asked.len}, answer))
            return false;
        buf_consume(&cell.in, sizeof(asked) + asked.len);
    }
    return flush();
}

static bool read_some(void)
{
    for (;;) {
        if (buf_reserve(&cell.in, READ_SIZE))
            return false;
        ssize_t n = read(SOCKET, cell.in.data + cell.in.tail, READ_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        cell.in.tail += (size_t)n;
        return true;
    }
}

static bool number(const char *s, unsigned long most, unsigned long *ret)
{
    char *end = NULL;
    errno = 0;
    *ret = strtoul(s, &end, 10);
    return errno == 0 && end != s && *end == 0 && *ret > 0 && *ret <= most;
}

static bool is_pool(int argc, char **argv)
{
    unsigned long render, compile, memory;
    int domain = 0;
    socklen_t len = sizeof(domain);
    if (argc != 4 || !number(argv[1], 3600000, &render) || !number(argv[2], 3600000, &compile) ||
        !number(argv[3], 1ul << 32, &memory) || getsockopt(SOCKET, SOL_SOCKET, SO_DOMAIN, &domain, &len) ||
        domain != AF_UNIX)
        return false;
    cell.render_ms = (unsigned)render;
    cell.compile_ms = (unsigned)compile;
    cell.memory = memory;
    return true;
}

int cell_main(int argc, char **argv)
{
    if (!is_pool(argc, argv)) {
        (void)fputs("todoke: a node starts this by itself, to render templates\n", stderr);
        return 2;
    }
    struct buf answer;
    buf_init(&answer, FRAME_LEN_MAX);
    buf_init(&cell.in, FRAME_LEN_MAX + sizeof(struct frame) + READ_SIZE);
    buf_init(&cell.out, FRAME_LEN_MAX + 2 * FLUSH_AT);
    if (!enter())
        return 1;
    while (read_some() && serve_all(&answer))
        continue;
    _exit(0); /* the heaps end with the process */
}
