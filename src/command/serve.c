/* `todoke serve`: reads the settings, raises process limits and runs a node until a signal stops it. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/visible.h"
#include "command/commands.h"
#include "node/node.h"

/* Every connection needs a descriptor; the low soft limit only protects programs that use select(2). */
static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

struct command_line {
    int argc;
    char **argv;
};

/* Returns 0 or the exit status. */
static int read_settings(struct settings *s, const struct command_line *line)
{
    int status = settings_read(s, line->argc, line->argv);
    if (status == 0 && log_configure(s->log))
        status =
            visible_complain("serve", "log: \"%s\" is not a level such as info, or info,net=debug", s->log);
    return status;
}

static bool again(void *arg, struct settings *ret)
{
    if (read_settings(ret, arg) == 0)
        return true;
    settings_free(ret);
    return false;
}

static int serve(const struct settings *s, struct command_line *line)
{
    struct node *node;
    enum err e = node_new(&node, s, again, line);
    if (e)
        return e == ERR_INVALID ? 2 : 1; /* already logged */
    char url[96];
    node_url(node, url);
    char link[192];
    if (node_setup_link(node, link)) /* not logged: the link is a secret until it is used */
        (void)fprintf(
            stderr,
            "\nThere is no account yet. Make the first one here (this link works once):\n\n    %s\n\n", link);
    (void)printf("listening on %s\n", url);
    if (fflush(stdout) != 0)
        log_warn("app", "cannot write to standard output");
    log_info("app", "ready", log_str("url", url), log_str("data", s->data),
             log_str("version", TODOKE_VERSION));
    e = node_run(node);
    if (e)
        return 1;
    node_free(node);
    log_info("app", "stopped cleanly");
    return 0;
}

int cmd_serve(int argc, char **argv)
{
    struct settings s;
    struct command_line line = {argc, argv};
    int status = read_settings(&s, &line);
    if (status == 0) {
        (void)signal(SIGPIPE, SIG_IGN);
        raise_limit();
        status = serve(&s, &line);
    }
    settings_free(&s);
    return status < 0 ? 0 : status;
}
