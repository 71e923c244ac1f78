#include "campaign/query_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

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

#define NICE 10 /* events of webhooks and messages of jobs that run go before */

static bool limit(int what, rlim_t most)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)what, &now))
        return false;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
        most = now.rlim_max;
    return setrlimit((__rlimit_resource_t)what, &(struct rlimit){most, most}) == 0;
}

/* SQLite holds itself to less of all of these: the kernel is there for when it does not. */
static bool limit_all(uint32_t time_ms, uint64_t memory, uint64_t space)
{
    rlim_t mapped = (rlim_t)memory + (512ull << 20); /* the program itself, and what its libraries map */
    return limit(RLIMIT_CPU, time_ms / 1000u + 2u) && limit(RLIMIT_FSIZE, (rlim_t)space) &&
           limit(RLIMIT_CORE, 0) && (SANITIZED || limit(RLIMIT_AS, mapped));
}

/*
 * What would end the process otherwise: its other end tells it by closing the socket, and a file that is too
 * large by an error.
 */
static bool set_signals(void)
{
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGXFSZ};
    sigset_t none;
    bool ok = true;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        ok = signal(ignored[i], SIG_IGN) != SIG_ERR && ok;
    (void)sigemptyset(&none);
    return ok && sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

/* Everything else ends the process. A file cannot be opened: the database and the temporary files are. */
static bool filter_calls(void)
{
    static const int allowed[] = {
        SCMP_SYS(read),         SCMP_SYS(write),           SCMP_SYS(pread64),
        SCMP_SYS(pwrite64),     SCMP_SYS(ftruncate),       SCMP_SYS(fstat),
        SCMP_SYS(lseek),        SCMP_SYS(fcntl),           SCMP_SYS(close),
        SCMP_SYS(munmap),       SCMP_SYS(mremap),          SCMP_SYS(brk),
        SCMP_SYS(madvise),      SCMP_SYS(futex),           SCMP_SYS(clock_gettime),
        SCMP_SYS(gettimeofday), SCMP_SYS(rt_sigreturn),    SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),         SCMP_SYS(exit_group),      SCMP_SYS(getpid),
        SCMP_SYS(nanosleep),    SCMP_SYS(clock_nanosleep),
    };
    /* The local time zone is asked for again and again, and taken for UTC where it cannot be read. */
    static const int refused[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(newfstatat),
                                  SCMP_SYS(access)};
    scmp_filter_ctx ctx = seccomp_init(SANITIZED ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
    if (!ctx)
        return false;
    int failed = 0;
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        failed |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && !SANITIZED; i++)
        failed |= seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
    /* Memory that holds code is not to be had. */
    failed |=
        seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (SANITIZED) {
        static const int more[] = {SCMP_SYS(gettid),         SCMP_SYS(sched_yield),  SCMP_SYS(sigaltstack),
                                   SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(mprotect),
                                   SCMP_SYS(prctl)};
        for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
            failed |= seccomp_rule_add(ctx, SCMP_ACT_ALLOW, more[i], 0);
    }
    failed |= seccomp_load(ctx);
    seccomp_release(ctx);
    return failed == 0;
}

/*
 * Standard output and error go nowhere: a temporary file in their place would take what a library complains.
 */
static bool close_others(void)
{
    int fd = close_range(SANITIZED ? 3 : 1, ~0u, 0) ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd < STDERR_FILENO)
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return fd >= 0;
}

bool query_jail_enter(void)
{
    bool ok = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && close_others() && set_signals();
    (void)setpriority(PRIO_PROCESS, 0, NICE); /* it may go without */
    return ok;
}

bool query_jail_shut(uint32_t time_ms, uint64_t memory, uint64_t space)
{
    return limit_all(time_ms, memory, space) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && filter_calls();
}
