/* `todoke event send`: posts what is in a file, as it is. The other verbs are in resource.c. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "app/client.h"
#include "app/commands.h"
#include "app/resource.h"
#include "base/json_scan.h"

#define FILE_MAX                                                                                             \
    ((1u << 20) + 4096u) /* the node takes 1 MiB; a little more, so that the refusal is the node's */

static int usage(FILE *to, int status)
{
    (void)fputs(
        "usage: todoke event send CHANNEL FILE|-               posts one event, an array of events or "
        "{\"events\":[…]}, and prints their ids\n",
        to);
    resource_usage(to, "event", "");
    (void)fputs("\n  --json       as JSON; lists an object a line\n"
                "  --limit N    rows of a list, at most [100]\n" CLIENT_HELP,
                to);
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

/* One event, an array of events, or {"events":[…]}: whatever it is, the node gets the last form, the bytes unchanged. */
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
    } /* else the node says what is wrong with it */
    if (whole)
        return buf_add_span(out, text);
    enum err e = buf_add_str(out, array ? "{\"events\":" : "{\"events\":[");
    if (!e)
        e = buf_add_span(out, text);
    return e ? e : buf_add_str(out, array ? "}" : "]}");
}

static int print_ids(struct span answer)
{
    json_t *root = json_loadb(answer.ptr, answer.len, 0, NULL);
    const json_t *ids = json_object_get(root, "webhookEventIds");
    size_t i;
    json_t *id;
    bool sound = json_array_size(ids) > 0;
    json_array_foreach((json_t *)(uintptr_t)ids, i, id)
    {
        sound = sound && json_is_string(id);
    }
    json_array_foreach((json_t *)(uintptr_t)ids, i, id)
    {
        if (!sound)
            break;
        client_text(stdout, span_of(json_string_value(id)), false);
        (void)putchar('\n');
    }
    json_decref(root);
    return sound ? 0 : client_strange();
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
        (void)fprintf(stderr, "todoke event: %s: %s\n", path,
                      e == ERR_LIMIT         ? "over 1 MiB; send it in pieces"
                      : e == ERR_IO && errno ? strerror(errno)
                                             : err_text(e));
        status = e == ERR_NOMEM ? 1 : 2;
    }
    if (!status)
        status = wrap(buf_span(&file), &body) ? 1 : 0;
    if (!status) {
        char where[96];
        (void)snprintf(where, sizeof(where), "/api/v1/channels/%s/events", channel);
        status = client_call(c, "POST", where, buf_span(&body), &answer);
    }
    if (!status)
        status = print_ids(buf_span(&answer));
    buf_deinit(&file);
    buf_deinit(&body);
    buf_deinit(&answer);
    return status;
}

static bool asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

int cmd_event(int argc, char **argv)
{
    struct client c = {0};
    const char *channel = NULL, *path = NULL;
    for (int i = 1; i < argc; i++) {
        int status = 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage(stdout, 0);
        if (i == 1) {
            if (resource_has("event", argv[i]))
                return asks_help(argc, argv) ? usage(stdout, 0) : resource_run("event", argc, argv);
            if (strcmp(argv[i], "send") != 0)
                return usage(stderr, 2);
        } else if (client_option(&c, argc, argv, &i, &status)) {
            if (status)
                return status;
        } else if (!channel && argv[i][0] != '-') {
            channel = argv[i];
        } else if (!path && (argv[i][0] != '-' || !argv[i][1])) {
            path = argv[i];
        } else {
            return usage(stderr, 2);
        }
    }
    if (!channel || !path)
        return usage(stderr, 2);
    if (channel[strspn(channel, "0123456789")] || strlen(channel) > 18) {
        (void)fprintf(stderr, "todoke event: %s is no channel ID\n", channel);
        return 2;
    }
    return client_ready(&c) ? send_file(&c, channel, path) : 2;
}
