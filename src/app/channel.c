/* `todoke channel`: channels over the API. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/channel_secret.h"
#include "app/client.h"
#include "app/commands.h"
#include "app/listing.h"
#include "app/resource.h"
#include "base/json_write.h"

#define ANSWER_MAX (8u << 20)

enum member_type { MEMBER_TEXT, MEMBER_SWITCH, MEMBER_NUMBER, MEMBER_NUMBERS };

static const struct member {
    const char *flag, *name;
    enum member_type type;
    const char *argument, *help;
} members[] = {
    {"--name", "name", MEMBER_TEXT, "NAME", "1 to 100 characters"},
    {"--provider", "providerId", MEMBER_TEXT, "ID",
     "create: whose it is; an operator's default is 1, Default"},
    {"--webhook-url", "webhookUrl", MEMBER_TEXT, "URL|none", "where webhooks go"},
    {"--use-webhook", "useWebhook", MEMBER_SWITCH, "on|off", "whether webhooks are sent"},
    {"--webhook-redelivery", "webhookRedelivery", MEMBER_SWITCH, "on|off",
     "whether failed events are sent again"},
    {"--redelivery-schedule", "redeliverySchedule", MEMBER_NUMBERS, "S,S|none",
     "seconds after each failure; none: the node's"},
    {"--error-statistics", "errorStatistics", MEMBER_SWITCH, "on|off", "whether errors are counted"},
    {"--error-notification", "errorNotification", MEMBER_SWITCH, "on|off",
     "whether errors are told by mail; `todoke option` first"},
    {"--contact-email", "contactEmail", MEMBER_TEXT, "ADDRESS|none", "who is told of errors, once confirmed"},
    {"--language", "language", MEMBER_TEXT, "en|ja", "of mails"},
    {"--response-timeout-ms", "responseTimeoutMs", MEMBER_NUMBER, "MS|none", "none: the node's setting"},
    {"--max-events-per-request", "maxEventsPerRequest", MEMBER_NUMBER, "N|none",
     "none: 100 with redelivery on, else 1"},
};
#define MEMBERS (sizeof(members) / sizeof(members[0]))

struct channel_args {
    struct client client;
    const char *what, *id, *query, *state;
    const char *values[MEMBERS];
    bool any, resume, json;
};

static int usage(FILE *to, int status)
{
    (void)fputs("usage: todoke channel create --name NAME [options]\n"
                "       todoke channel list [--query TEXT] [--state active|failing|suspended|off] [--json]\n"
                "       todoke channel show ID\n"
                "       todoke channel set ID [options]\n"
                "       todoke channel delete ID\n",
                to);
    channel_secret_help(to);
    resource_usage(to, "channel", "");
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
        } else if (strcmp(a->what, "list") == 0 && strcmp(argv[i], "--query") == 0 && i + 1 < argc &&
                   strlen(argv[i + 1]) <= 100) {
            a->query = argv[++i];
        } else if (strcmp(a->what, "list") == 0 && strcmp(argv[i], "--state") == 0 && i + 1 < argc &&
                   !argv[i + 1][strspn(argv[i + 1], "abcdefghijklmnopqrstuvwxyz")] &&
                   strlen(argv[i + 1]) < 20) {
            a->state = argv[++i];
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

/* "60,120" as a list; false: it is none. */
static bool write_numbers(struct json_write *w, const char *text)
{
    if (!text[0] || text[strspn(text, "0123456789,")])
        return false;
    json_write_array(w);
    for (char *end; *text; text = *end ? end + 1 : end)
        json_write_int(w, strtoll(text, &end, 10));
    json_write_end(w);
    return true;
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
        else if (members[i].type != MEMBER_NUMBERS || !write_numbers(&w, v))
            json_write_str(&w, v); /* what does not fit, the node refuses by name */
    }
    if (a->resume) {
        json_write_key(&w, "suspended");
        json_write_bool(&w, false);
    }
    json_write_end(&w);
    return json_write_finish(&w);
}

static bool id_is_sound(const char *id)
{
    return id && id[0] && id[strspn(id, "0123456789")] == '\0' && strlen(id) <= 18;
}

static int list(const struct channel_args *a)
{
    static const struct listing listing = {"channels",
                                           {{"ID", "channelId"},
                                            {"STATE", "state"},
                                            {"REDELIVERY", "webhookRedelivery"},
                                            {"BACKLOG", "backlogEvents"},
                                            {"DELIVERED EVENTS/H", "lastHour.delivered"},
                                            {"FAILED REQUESTS/H", "lastHour.failed"},
                                            {"NAME", "name"},
                                            {"URL", "webhookUrl"}}};
    char path[400];
    int n = snprintf(path, sizeof(path), "/api/v1/channels?limit=500");
    if (a->state)
        n += snprintf(path + n, sizeof(path) - (size_t)n, "&state=%s", a->state);
    for (const char *p = a->query ? "&q=" : ""; *p; p++)
        path[n++] = *p;
    for (const char *p = a->query ? a->query : ""; *p && n < 390; p++)
        n += snprintf(path + n, sizeof(path) - (size_t)n, "%%%02X", (unsigned char)*p);
    path[n] = '\0';
    return listing_pages(&a->client, &listing, path, (unsigned long)-1, a->json);
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
    if (!status && buf_len(&answer) && (a->json || strcmp(a->what, "show") != 0))
        client_print(stdout, buf_span(&answer));
    else if (!status && buf_len(&answer))
        status = listing_object(NULL, buf_span(&answer));
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
    if (argc > 1 && resource_has("channel", argv[1]))
        return resource_run("channel", argc, argv);
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
