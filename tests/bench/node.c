/* The node under test: started on a directory of its own, watched from outside through /proc, stopped. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../unit/remove_tree.h"
#include "bench.h"

extern char **environ;

static char binary[4096], under[256], log_path[300];
static volatile sig_atomic_t alive; /* pid of the node that runs, 0: none */

void node_kill_all(void)
{
    if (alive)
        (void)kill((pid_t)alive, SIGKILL);
}

void node_prepare(const char *path, const char *dir)
{
    if (!realpath(path, binary))
        report_die("%s: %s", path, strerror(errno));
    (void)snprintf(under, sizeof(under), "%s", dir);
    (void)snprintf(log_path, sizeof(log_path), "%s/bench.log", dir);
}

/* The child's standard output is the pipe that is returned; log: a file for its standard error. */
static long spawn(const char *const *argv, const char *log, int *ret_out)
{
    int ends[2];
    pid_t pid;
    if (pipe2(ends, O_CLOEXEC))
        report_die("pipe: %s", strerror(errno));
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    (void)posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int bad = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    if (bad)
        report_die("%s: %s", argv[0], strerror(bad));
    *ret_out = ends[0];
    return pid;
}

bool node_run(const char *const *argv, char *out, size_t size)
{
    int from, status;
    long pid = spawn(argv, log_path, &from);
    size_t used = 0;
    char rest[4096];
    for (ssize_t n;;) {
        bool room = used + 1 < size;
        n = read(from, room ? out + used : rest, room ? size - used - 1 : sizeof(rest));
        if (n <= 0)
            break;
        used += room ? (size_t)n : 0;
    }
    if (size)
        out[used] = '\0';
    (void)close(from);
    return waitpid((pid_t)pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void make_key(struct node *n)
{
    const char *argv[] = {binary, "key", "create", "--data", n->dir, "--role", "operator", NULL};
    if (!node_run(argv, n->key, sizeof(n->key)))
        report_die("`todoke key create` failed");
    n->key[strcspn(n->key, "\n")] = '\0';
}

static void wait_for_line(struct node *n, int from)
{
    char line[256] = "";
    size_t used = 0;
    while (used + 1 < sizeof(line) && !memchr(line, '\n', used)) {
        ssize_t got = read(from, line + used, sizeof(line) - 1 - used);
        if (got <= 0)
            report_die("the node did not start; see %s/node.log", n->dir);
        used += (size_t)got;
    }
    line[used] = '\0';
    const char *colon = strrchr(line, ':');
    n->port = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
    (void)close(from);
}

void node_start(struct node *n, const char *const *args, bool again)
{
    if (!again) {
        (void)snprintf(n->dir, sizeof(n->dir), "%s/bench-XXXXXX", under);
        if (!mkdtemp(n->dir))
            report_die("%s: %s", n->dir, strerror(errno));
        make_key(n);
    }
    const char *argv[32] = {binary,
                            "serve",
                            "--data",
                            n->dir,
                            "--listen",
                            "127.0.0.1:0",
                            "--allow-http-targets",
                            "--allow-private-targets"};
    size_t count = 8;
    for (; *args && count < 31; args++)
        argv[count++] = *args;
    int from;
    uint64_t began = bench_now_us();
    char log[600];
    (void)snprintf(log, sizeof(log), "%s/node.log", n->dir);
    n->pid = spawn(argv, log, &from);
    alive = (sig_atomic_t)n->pid;
    wait_for_line(n, from);
    n->start_s = (double)(bench_now_us() - began) / 1e6;
}

void node_stop(struct node *n)
{
    int status = 0;
    (void)kill((pid_t)n->pid, SIGTERM);
    if (waitpid((pid_t)n->pid, &status, 0) != n->pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        report_die("the node did not end in order: status %d", status);
    alive = 0;
}

void node_remove(struct node *n)
{
    (void)remove_tree(n->dir);
}

static bool read_text(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    (void)close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

struct node_cpu node_cpu(const struct node *n)
{
    struct node_cpu c = {0};
    char path[64], text[1024];
    (void)snprintf(path, sizeof(path), "/proc/%ld/task", n->pid);
    DIR *dir = opendir(path);
    double ticks = (double)sysconf(_SC_CLK_TCK);
    for (struct dirent *d; dir && (d = readdir(dir));) {
        char stat[400];
        long tid = strtol(d->d_name, NULL, 10);
        (void)snprintf(stat, sizeof(stat), "%s/%.20s/stat", path, d->d_name);
        if (tid <= 0 || c.count == NODE_THREADS || !read_text(stat, text, sizeof(text)))
            continue;
        const char *name = strchr(text, '('), *end = strrchr(text, ')'); /* proc(5): pid (comm) state … */
        unsigned long user, system;
        if (!name || !end ||
            sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
            continue;
        (void)snprintf(c.threads[c.count].name, sizeof(c.threads[0].name), "%.*s", (int)(end - name - 1),
                       tid == n->pid ? "loop-0)" : name + 1);
        c.threads[c.count].name[strcspn(c.threads[c.count].name, ")")] = '\0';
        c.threads[c.count].user_s = (double)user / ticks;
        c.threads[c.count++].system_s = (double)system / ticks;
    }
    if (dir)
        (void)closedir(dir);
    return c;
}

double node_cpu_total(const struct node_cpu *c)
{
    double s = 0;
    for (size_t i = 0; i < c->count; i++)
        s += c->threads[i].user_s + c->threads[i].system_s;
    return s;
}

double node_rss_mb(const struct node *n, bool peak)
{
    char path[64], text[4096];
    (void)snprintf(path, sizeof(path), "/proc/%ld/status", n->pid);
    if (!read_text(path, text, sizeof(text)))
        return 0;
    const char *at = strstr(text, peak ? "VmHWM:" : "VmRSS:");
    return at ? strtod(at + 6, NULL) / 1024 : 0;
}
