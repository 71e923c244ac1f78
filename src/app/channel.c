/* `todoke channel`: channels over the API. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/channel_secret.h"
#include "app/client.h"
#include "app/commands.h"
#include "base/json_write.h"

#define ANSWER_MAX (8u << 20)

enum member_type { MEMBER_TEXT, MEMBER_SWITCH, MEMBER_NUMBER };

static const struct member {
    const char *flag, *name;
    enum member_type type;
    const char *argument, *help;
} members[] = {
    {"--name", "name", MEMBER_TEXT, "NAME", "1 to 100 characters"},
    {"--webhook-url", "webhookUrl", MEMBER_TEXT, "URL|none", "where webhooks go"},
    {"--use-webhook", "useWebhook", MEMBER_SWITCH, "on|off", "whether webhooks are sent"},
    {"--webhook-redelivery", "webhookRedelivery", MEMBER_SWITCH, "on|off",
     "whether failed events are sent again"},
    {"--error-statistics", "errorStatistics", MEMBER_SWITCH, "on|off", "whether errors are counted"},
    {"--contact-email", "contactEmail", MEMBER_TEXT, "ADDRESS|none", "who is told of errors"},
    {"--language", "language", MEMBER_TEXT, "en|ja", "of mails"},
    {"--response-timeout-ms", "responseTimeoutMs", MEMBER_NUMBER, "MS|none", "none: the node's setting"},
    {"--max-events-per-request", "maxEventsPerRequest", MEMBER_NUMBER, "N|none",
     "none: 100 with redelivery on, else 1"},
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

struct channel_args {
    struct client client;
    const char *what, *id;
    const char *values[MEMBERS];
    bool any, resume, json;
};

static int usage(FILE *to, int status)
{
    (void)fputs("usage: todoke channel create --name NAME [options]\n"
                "       todoke channel list [--json]\n"
                "       todoke channel show ID\n"
                "       todoke channel set ID [options]\n"
                "       todoke channel delete ID\n",
                to);
    channel_secret_help(to);
    (void)fputc('\n', to);
    for (size_t i = 0; i < MEMBERS; i++)
        (void)fprintf(to, "  %-25s %-13s %s\n", members[i].flag, members[i].argument, members[i].help);
    (void)fprintf(to, "  %-25s %-13s %s\n", "--resume", "", "set: sending to a suspended channel goes on");
    (void)fputs(CLIENT_HELP, to);
    return status;
}

static const struct member *member_of(const char *flag, size_t *ret_at)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        if (strcmp(flag, members[i].flag) == 0) {
            *ret_at = i;
            return &members[i];
        }
    }
    return NULL;
}

static int parse(int argc, char **argv, struct channel_args *a)
{
    bool changes = strcmp(a->what, "create") == 0 || strcmp(a->what, "set") == 0;
    bool takes_id = strcmp(a->what, "create") != 0 && strcmp(a->what, "list") != 0;
    for (int i = 2; i < argc; i++) {
        int status = 0;
        size_t at;
        if (client_option(&a->client, argc, argv, &i, &status)) {
            if (status)
                return status;
        } else if (strcmp(argv[i], "--json") == 0) {
            a->json = true;
        } else if (changes && member_of(argv[i], &at) && i + 1 < argc) {
            a->values[at] = argv[++i];
            a->any = true;
        } else if (strcmp(a->what, "set") == 0 && strcmp(argv[i], "--resume") == 0) {
            a->resume = true;
        } else if (argv[i][0] != '-' && takes_id && !a->id) {
            a->id = argv[i];
        } else {
            (void)fprintf(stderr, "todoke channel %s: cannot understand %s\n", a->what, argv[i]);
            return usage(stderr, 2);
        }
    }
    if (takes_id && !a->id) {
        (void)fprintf(stderr, "todoke channel %s: which one? Give its ID\n", a->what);
        return 2;
    }
    return client_ready(&a->client) ? 0 : 2;
}

/* The JSON that the flags ask for. */
static enum err write_change(struct buf *out, const struct channel_args *a)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    for (size_t i = 0; i < MEMBERS; i++) {
        const char *v = a->values[i];
        if (!v)
            continue;
        json_write_key(&w, members[i].name);
        char *end;
        long long n = strtoll(v, &end, 10);
        if (strcmp(v, "none") == 0 && members[i].type != MEMBER_SWITCH &&
            strcmp(members[i].name, "name") != 0)
            json_write_null(&w);
        else if (members[i].type == MEMBER_SWITCH && (strcmp(v, "on") == 0 || strcmp(v, "off") == 0))
            json_write_bool(&w, strcmp(v, "on") == 0);
        else if (members[i].type == MEMBER_NUMBER && *v && !*end)
            json_write_int(&w, n);
        else
            json_write_str(&w, v); /* what does not fit, the node refuses by name */
    }
    if (a->resume) {
        json_write_key(&w, "suspended");
        json_write_bool(&w, false);
    }
    json_write_end(&w);
    return json_write_finish(&w);
}

static const char *on_off(const json_t *v)
{
    return json_is_true(v) ? "on" : "off";
}

static bool id_is_sound(const char *id)
{
    return id && id[0] && id[strspn(id, "0123456789")] == '\0' && strlen(id) <= 18;
}

static bool print_row(const json_t *c)
{
    const char *id = json_string_value(json_object_get(c, "channelId"));
    const char *name = json_string_value(json_object_get(c, "name"));
    const char *url = json_string_value(json_object_get(c, "webhookUrl"));
    if (!id_is_sound(id) || !name)
        return false;
    (void)printf("%-11s %-9s %-10s %8lld  ", id,
                 json_is_true(json_object_get(c, "suspended")) ? "suspended"
                                                               : on_off(json_object_get(c, "useWebhook")),
                 on_off(json_object_get(c, "webhookRedelivery")),
                 (long long)json_integer_value(json_object_get(c, "backlogEvents")));
    client_text(stdout, span_of(name), false);
    (void)fputs("  ", stdout);
    client_text(stdout, span_of(url ? url : "-"), false);
    (void)putchar('\n');
    return true;
}

/* *cursor: of the next page, 0 after the last one; they rise, or the list would never end. */
static int print_page(struct span answer, long long *cursor)
{
    json_t *root = json_loadb(answer.ptr, answer.len, 0, NULL);
    const json_t *channels = json_object_get(root, "channels");
    const char *next = json_string_value(json_object_get(root, "cursor"));
    long long to = id_is_sound(next) ? strtoll(next, NULL, 10) : 0;
    bool sound = json_is_array(channels) && (!next || to > *cursor);
    size_t i;
    json_t *c;
    json_array_foreach((json_t *)(uintptr_t)channels, i, c)
    {
        sound = sound && print_row(c);
    }
    *cursor = to;
    json_decref(root);
    return sound ? 0 : client_strange();
}

static int list(const struct channel_args *a)
{
    long long cursor = 0;
    if (!a->json)
        (void)printf("%-11s %-9s %-10s %8s  %s\n", "ID", "WEBHOOK", "REDELIVERY", "BACKLOG", "NAME  URL");
    do {
        char path[96];
        if (cursor)
            (void)snprintf(path, sizeof(path), "/api/v1/channels?limit=500&cursor=%lld", cursor);
        else
            (void)snprintf(path, sizeof(path), "/api/v1/channels?limit=500");
        struct buf answer;
        buf_init(&answer, ANSWER_MAX);
        int status = client_call(&a->client, "GET", path, SPAN_LIT(""), &answer);
        if (!status && a->json)
            client_print(stdout, buf_span(&answer));
        if (!status)
            status = a->json ? 0 : print_page(buf_span(&answer), &cursor);
        buf_deinit(&answer);
        if (status)
            return status;
    } while (cursor);
    return 0;
}

static int call(const struct channel_args *a, const char *method)
{
    char path[64] = "/api/v1/channels";
    if (a->id && !id_is_sound(a->id)) {
        (void)fprintf(stderr, "todoke channel: %s is no channel ID\n", a->id);
        return 2;
    }
    if (a->id)
        (void)snprintf(path, sizeof(path), "/api/v1/channels/%s", a->id);
    struct buf body, answer;
    buf_init(&body, 65536);
    buf_init(&answer, ANSWER_MAX);
    int status = 0;
    if (a->any || strcmp(a->what, "create") == 0 || strcmp(a->what, "set") == 0)
        status = write_change(&body, a) ? 1 : 0;
    if (!status)
        status = client_call(&a->client, method, path, buf_span(&body), &answer);
    if (!status && buf_len(&answer))
        client_print(stdout, buf_span(&answer));
    buf_deinit(&body);
    buf_deinit(&answer);
    return status;
}

int cmd_channel(int argc, char **argv)
{
    static const struct {
        const char *what, *method;
    } calls[] = {{"create", "POST"}, {"list", NULL}, {"show", "GET"}, {"set", "PATCH"}, {"delete", "DELETE"}};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage(stdout, 0);
    if (argc > 1 && channel_secret_knows(argv[1]))
        return channel_secret_run(argc, argv);
    for (size_t i = 0; argc > 1 && i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(argv[1], calls[i].what) != 0)
            continue;
        struct channel_args a = {.what = argv[1]};
        int status = parse(argc, argv, &a);
        if (status)
            return status;
        return calls[i].method ? call(&a, calls[i].method) : list(&a);
    }
    return usage(stderr, 2);
}
