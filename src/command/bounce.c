/*
 * todoke bounce: hands a bounce to a node, for the pipe of a mail server. The exit status is what such a pipe
 * understands: 0 it is done with, 75 try again later (EX_TEMPFAIL of sysexits.h).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/visible.h"
#include "carrier/dsn.h"
#include "command/client.h"
#include "command/commands.h"

static void usage(FILE *to)
{
    (void)fputs(
        "usage: todoke bounce SENDER [--to ADDRESS] < message\n\n"
        "Hands a delivery status notification, as a mail server got it, to a node: the message it is "
        "about becomes\n"
        "failed, delayed or delivered. The node knows it by the address that the notification went to "
        "(b+JOB.N.KEY@…).\n"
        "For a pipe of a mail server, for example of Postfix:\n\n"
        "  todoke-bounce unix - n n - 4 pipe flags=R user=nobody argv=/usr/bin/todoke bounce 3 --to "
        "${recipient}\n\n"
        "  --to ADDRESS  whom the notification went to, where the message does not say it\n\n"
        "Exit: 0 taken, or nothing that a node could take; 75 the node cannot take it now: try again "
        "later;\n"
        "2 wrong usage.\n",
        to);
    client_help(to);
}

/*
 * The rest, a mail that is returned whole, is read and dropped: the mail server must not see a broken pipe.
 */
static enum err read_message(const char *to, struct buf *out)
{
    char chunk[8192];
    size_t n;
    enum err e = to ? buf_printf(out, "X-Original-To: <%s>\r\n", to) : ERR_NONE;
    while (!e && (n = fread(chunk, 1, sizeof(chunk), stdin)) > 0) {
        const size_t room = DSN_BYTES_MAX - buf_len(out);
        e = buf_add(out, chunk, n < room ? n : room);
    }
    return !e && ferror(stdin) ? ERR_IO : e;
}

static int hand_over(const struct client *c, const char *sender, const char *to)
{
    struct buf message, answer;
    char path[64];
    buf_init(&message, DSN_BYTES_MAX);
    buf_init(&answer, 65536);
    (void)snprintf(path, sizeof(path), "/hooks/bounce/%s", sender);
    enum err e = read_message(to, &message);
    int status = EX_TEMPFAIL;
    if (e) {
        (void)visible_complain("bounce", "%s", e == ERR_IO && errno ? strerror(errno) : err_text(e));
    } else {
        status = client_ask(c, "POST", path, buf_span(&message), &answer);
        /* What the node refuses now it refuses every time; a mail server would keep it for days. */
        status =
            status == CLIENT_REFUSED || status == CLIENT_NOT_FOUND || status == CLIENT_DONE ? 0 : EX_TEMPFAIL;
    }
    buf_deinit(&message);
    buf_deinit(&answer);
    return status;
}

int cmd_bounce(int argc, char **argv)
{
    struct client c = {.open = true, .type = "message/rfc822"};
    const char *to = NULL;
    const struct argument own[] = {ARGUMENT_OF_TEXT("--to", &to, "ADDRESS", "whom the notification went to"),
                                   ARGUMENT_END};
    const struct argument of_client[] = CLIENT_OPTIONS(&c);
    struct arguments in = {.command = "bounce", .options = {own, of_client}, .words_max = 1};
    if (arguments_ask_help(argc, argv)) {
        usage(stdout);
        return 0;
    }
    int status = arguments_read(&in, argc, argv, 1);
    if (status)
        return status;
    const char *sender = in.word_count ? in.words[0] : "";
    if (!*sender || sender[strspn(sender, "0123456789")] || strlen(sender) > 18)
        return visible_complain("bounce", "\"%s\" is no ID of a sender", sender);
    if (to && (strlen(to) > 320 || strpbrk(to, "\r\n<>")))
        return visible_complain("bounce", "--to: \"%s\" is no mail address", to);
    return client_ready(&c) ? hand_over(&c, sender, to) : CLIENT_USAGE;
}
