/*
 * todoke, one binary. A newcomer finds any line by asking "which step of a delivery is this?"; folders are
 * ranks, a file includes only its own folder or a lower rank (docs/architecture.md).
 *
 *   0 base      span, buf, mem, list, clock, err ...   what knows nothing of the product
 *   1 fault     reason.def, fault.def, cause.def       every reason, detail and cause, once, with its words
 * and advice fault.c       the rows, looked up by id         search.c     by a fragment, a status, or the
 * nearest outcome.c     evidence of one exchange -> reason, detail, cause, processed 1 model     channel,
 * event, attempt ...            plain structs 2 net       url, address, resolve, transport, http, pool,
 * exchange: one request -> one outcome; server: the other side 2 store     what survives a restart 2 dispatch
 * lanes: who is due, windows, fairness 3 webhook   signature, body, delivery              3 access accounts,
 * keys, roles 4 api       routes, one file a resource 5 app       main.c        the table of commands paint.c
 * colours and line breaks for a terminal explain.c     the catalogue: explain_people.c, explain_json.c,
 * explain_markdown.c (docs/faults*.md)
 */
#include <stdio.h>
#include <string.h>

#include "app/commands.h"
#include "base/distance.h"

static const struct cmd commands[] = {
    {"explain", cmd_explain, "what a reason, detail or cause means and how to mend it"},
};
static const size_t command_count = sizeof(commands) / sizeof(commands[0]);

static void usage(FILE *to)
{
    (void)fputs("todoke: delivers webhooks to bot servers, and says exactly why one did not arrive\n\n"
                "usage: todoke COMMAND [ARGUMENTS]\n\n",
                to);
    for (size_t i = 0; i < command_count; i++)
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    (void)fputs("\n  --help     this text; `todoke COMMAND --help` for one command\n"
                "  --version  the version\n",
                to);
}

static int unknown_command(const char *name)
{
    const char *nearest = NULL;
    size_t least = 4; /* further off is a guess, no typing error */
    for (size_t i = 0; i < command_count; i++) {
        size_t d = distance_nocase(span_of(name), span_of(commands[i].name));
        if (d < least) {
            least = d;
            nearest = commands[i].name;
        }
    }
    (void)fprintf(stderr, "todoke: unknown command \"%s\"", name);
    if (nearest)
        (void)fprintf(stderr, "; did you mean \"%s\"?", nearest);
    (void)fputs("\nTry `todoke --help`.\n", stderr);
    return 2;
}

/* An answer that could not be written is a failure: the disk is full, or the reader is gone. */
static int finish(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    perror("todoke: standard output");
    return status ? status : 1;
}

int main(int argc, char **argv)
{
    const char *name = argc < 2 ? "--help" : argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return finish(0);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        (void)puts("todoke " TODOKE_VERSION);
        return finish(0);
    }
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(name, commands[i].name) == 0)
            return finish(commands[i].run(argc - 1, argv + 1));
    return unknown_command(name);
}
