/* `todoke event send`: posts the events of a file unchanged. The other verbs are in resource.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/visible.h"
#include "command/answer.h"
#include "command/client.h"
#include "command/commands.h"
#include "command/resource.h"

#define FILE_MAX ((1u << 20) + 4096u) /* the node accepts 1 MiB; slightly more, so that the node refuses it */

static void send_usage(FILE *to)
{
    (void)fputs(
        "usage: todoke event send CHANNEL FILE|-               posts one event, an array of events or "
        "{\"events\":[…]}, and prints their ids\n",
        to);
}

static int usage(FILE *to, int status)
{
    send_usage(to);
    resource_usage(to, "event", "");
    (void)fputs("\n  --json       as JSON; lists an object a line\n"
                "  --limit N    rows of a list, at most [100]\n",
                to);
    client_help(to);
    return status;
}

static enum err read_all(const char *path, struct buf *out)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!in)
        return ERR_IO;
    enum err e = ERR_NONE;
    while (!e && !feof(in) && !ferror(in)) {
        e = buf_reserve(out, 4096);
        if (!e)
            out->tail += fread(out->data + out->tail, 1, 4096, in);
    }
    if (!e && ferror(in))
        e = ERR_IO;
    if (in != stdin)
        (void)fclose(in);
    return e;
}

/* Wraps one event or an array of events as {"events":[…]}, the form that the API takes; the bytes of the
 * events stay unchanged. */
static enum err wrap(struct span text, struct buf *out)
{
    size_t at;
    struct json_value events;
    bool whole = true, array = false;
    if (json_check(text, JSON_DEPTH, &at) == ERR_NONE) {
        struct json_value root = json_root(text);
        array = root.kind == JSON_KIND_ARRAY;
        whole =
            !array && (root.kind != JSON_KIND_OBJECT || json_find(root, "events", &events) != ERR_NOT_FOUND);
    } /* invalid JSON is sent as it is: the node says what is wrong */
    if (whole)
        return buf_add_span(out, text);
    enum err e = buf_add_str(out, array ? "{\"events\":" : "{\"events\":[");
    if (!e)
        e = buf_add_span(out, text);
    return e ? e : buf_add_str(out, array ? "}" : "]}");
}

static int print_ids(struct span answer)
{
    struct json_value root, id;
    if (!answer_read(answer, &root))
        return client_strange();
    struct json_value ids = answer_at(root, "webhookEventIds");
    struct json_iter it = json_elements(ids);
    bool sound = false;
    while (json_next_element(&it, &id)) {
        sound = id.kind == JSON_KIND_STRING;
        if (!sound)
            break;
    }
    it = json_elements(ids);
    while (sound && json_next_element(&it, &id)) {
        visible_print(stdout, (struct span){id.raw.ptr + 1, id.raw.len - 2}, false);
        (void)putchar('\n');
    }
    return sound ? CLIENT_DONE : client_strange();
}

static int send_file(const struct client *c, const char *channel, const char *path)
{
    struct buf file, body, answer;
    buf_init(&file, FILE_MAX);
    buf_init(&body, FILE_MAX + 64);
    buf_init(&answer, 1u << 20);
    int status = 0;
    enum err e = read_all(path, &file);
    if (e) {
        (void)visible_complain("event send", "%s: %s", path,
                               e == ERR_LIMIT         ? "over 1 MiB; send it in pieces"
                               : e == ERR_IO && errno ? strerror(errno)
                                                      : err_text(e));
        status = e == ERR_NOMEM ? CLIENT_FAILED : CLIENT_USAGE;
    }
    if (!status)
        status = wrap(buf_span(&file), &body) ? 1 : 0;
    if (!status) {
        char where[96];
        (void)snprintf(where, sizeof(where), "/api/v1/channels/%s/events", channel);
        status = client_ask(c, "POST", where, buf_span(&body), &answer);
    }
    if (!status)
        status = print_ids(buf_span(&answer));
    buf_deinit(&file);
    buf_deinit(&body);
    buf_deinit(&answer);
    return status;
}

static int send_command(int argc, char **argv)
{
    struct client c = {0};
    const struct argument of_client[] = CLIENT_OPTIONS(&c);
    struct arguments in = {.command = "event send", .options = {of_client}, .words_max = 2};
    if (arguments_ask_help(argc, argv)) {
        send_usage(stdout);
        client_help(stdout);
        return 0;
    }
    int status = arguments_read(&in, argc, argv, 2);
    if (status)
        return status;
    if (in.word_count < 2) {
        (void)visible_complain("event send", "%s",
                               in.word_count ? "which file? (- is standard input)"
                                             : "which channel, and which file?");
        return arguments_try("event send");
    }
    const char *channel = in.words[0];
    if (!channel[0] || channel[strspn(channel, "0123456789")] || strlen(channel) > 18)
        return visible_complain("event send", "\"%s\" is no channel ID", channel);
    return client_ready(&c) ? send_file(&c, channel, in.words[1]) : CLIENT_USAGE;
}

int cmd_event(int argc, char **argv)
{
    const char *names[32] = {"send"};
    if (argc > 1 && resource_has("event", argv[1]))
        return resource_run("event", argc, argv);
    if (argc > 1 && strcmp(argv[1], "send") == 0)
        return send_command(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0) {
        (void)resource_verbs("event", names, 1, sizeof(names) / sizeof(names[0]));
        return arguments_no_verb("event", argv[1], names);
    }
    return argc > 1 ? usage(stdout, 0) : usage(stderr, CLIENT_USAGE);
}
