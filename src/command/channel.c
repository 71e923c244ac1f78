/* `todoke channel`: manages channels over the API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/visible.h"
#include "command/channel_secret.h"
#include "command/client.h"
#include "command/commands.h"
#include "command/listing.h"
#include "command/resource.h"
#include "model/channel.h"

#define ANSWER_MAX (8u << 20)
#define QUERY_MAX 100u

struct channel_args {
    struct client client;
    const char *id, *query, *state;
    const char *values[CHANNEL_FIELD_COUNT];
    bool resume, json;
};

static bool id_is_sound(const char *id)
{
    return id && id[0] && id[strspn(id, "0123456789")] == '\0' && strlen(id) <= 18;
}

struct row;
static int list(const struct row *row, const struct channel_args *a);
static int call(const struct row *row, const struct channel_args *a);

static const struct row {
    const char *verb, *words, *help;
    int (*run)(const struct row *row, const struct channel_args *a);
    const char *method;
    bool takes_id, changes;
} rows[] = {
    {"create", "--name NAME [options]", "creates a channel", call, "POST", false, true},
    {"list", "[options]", "lists the channels that the key may see", list, NULL, false, false},
    {"show", "ID", "shows a channel", call, "GET", true, false},
    {"set", "ID [options]", "changes a channel", call, "PATCH", true, true},
    {"delete", "ID", "deletes a channel and its events", call, "DELETE", true, false},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* The options of one verb. */
struct options {
    struct argument rows[CHANNEL_FIELD_COUNT + 3];
};

static void options_of(const struct row *row, struct channel_args *a, struct options *ret)
{
    struct argument *o = ret->rows;
    for (size_t i = 0; row->changes && i < CHANNEL_FIELD_COUNT; i++) {
        const struct channel_field *f = &channel_fields[i];
        if (!f->flag)
            continue;
        if (f->type != CHANNEL_TYPE_RESUME)
            *o++ = (struct argument)ARGUMENT_OF_TEXT(f->flag, &a->values[i], f->argument, f->help);
        else if (strcmp(row->verb, "set") == 0) /* a new channel is not suspended */
            *o++ = (struct argument)ARGUMENT_OF_FLAG(f->flag, &a->resume, f->help);
    }
    if (strcmp(row->verb, "list") == 0) {
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--query", &a->query, "TEXT",
                                                 "only channels whose name or URL contains TEXT");
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--state", &a->state, "STATE",
                                                 "active, failing, suspended or off");
    }
    *o++ = (struct argument)ARGUMENT_OF_FLAG("--json", &a->json, "as JSON; lists an object a line");
    *o = (struct argument)ARGUMENT_END;
}

static void row_usage(FILE *to, const struct row *row, const char *lead)
{
    char line[80];
    (void)snprintf(line, sizeof(line), "todoke channel %s %s", row->verb, row->words);
    (void)fprintf(to, "%-7s%-46s  %s\n", lead, line, row->help);
}

/* Usage of one verb; NULL: of all verbs. */
static int usage(FILE *to, const struct row *row, int status)
{
    struct channel_args none;
    struct options options;
    for (size_t i = 0; i < ROWS; i++)
        if (!row || row == &rows[i])
            row_usage(to, &rows[i], row || !i ? "usage:" : "");
    if (!row) {
        channel_secret_help(to);
        resource_usage(to, "channel", "");
        row = &rows[3]; /* set has all options of create, and one more */
    }
    (void)fputc('\n', to);
    options_of(row, &none, &options);
    arguments_help(to, options.rows);
    client_help(to);
    return status;
}

static int parse(const struct row *row, int argc, char **argv, struct channel_args *a)
{
    struct options options;
    char name[32];
    (void)snprintf(name, sizeof(name), "channel %s", row->verb);
    options_of(row, a, &options);
    const struct argument of_client[] = CLIENT_OPTIONS(&a->client);
    struct arguments in = {.command = name, .options = {options.rows, of_client}, .words_max = row->takes_id};
    int status = arguments_read(&in, argc, argv, 2);
    if (status)
        return status;
    bool any = a->resume;
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++) {
        const char *v = a->values[i];
        any = any || v;
        if (v && channel_fields[i].shape == CHANNEL_BOOL && strcmp(v, "on") != 0 && strcmp(v, "off") != 0)
            return visible_complain(name, "%s takes on or off, not \"%s\"", channel_fields[i].flag, v);
    }
    if (row->takes_id && !in.word_count) {
        (void)visible_complain(name, "which one? Give its ID");
        return arguments_try(name);
    }
    a->id = in.word_count ? in.words[0] : NULL;
    if (a->id && !id_is_sound(a->id))
        return visible_complain(name, "\"%s\" is no channel ID", a->id);
    if (row->takes_id && row->changes && !any) {
        (void)visible_complain(name, "nothing to change; give an option such as --name or --webhook-url");
        return arguments_try(name);
    }
    if (a->query && strlen(a->query) > QUERY_MAX)
        return visible_complain(name, "--query is longer than %u bytes", QUERY_MAX);
    if (a->state &&
        (!a->state[0] || a->state[strspn(a->state, "abcdefghijklmnopqrstuvwxyz")] || strlen(a->state) > 20))
        return visible_complain(name, "--state takes active, failing, suspended or off, not \"%s\"",
                                a->state);
    return client_ready(&a->client) ? 0 : CLIENT_USAGE;
}

/* Writes "60,120" as a JSON array. False: not a list of numbers. */
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

/* Writes a flag's value as JSON. An invalid value is passed on: the node refuses it and names the field. */
static void write_value(struct json_write *w, const struct channel_field *f, const char *v)
{
    char *end;
    long long n = strtoll(v, &end, 10);
    if (f->or_null && strcmp(v, "none") == 0)
        json_write_null(w);
    else if (f->shape == CHANNEL_BOOL)
        json_write_bool(w, strcmp(v, "on") == 0);
    else if (f->shape == CHANNEL_UINT32 && *v && !*end)
        json_write_int(w, n);
    else if (f->shape != CHANNEL_LIST || !write_numbers(w, v))
        json_write_str(w, v);
}

/* Writes the request body for the given flags. */
static enum err write_change(struct buf *out, const struct channel_args *a)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    for (size_t i = 0; i < CHANNEL_FIELD_COUNT; i++) {
        const struct channel_field *f = &channel_fields[i];
        bool resumes = f->type == CHANNEL_TYPE_RESUME && a->resume;
        if (!a->values[i] && !resumes)
            continue;
        json_write_key(&w, f->json);
        if (resumes)
            json_write_bool(&w, false);
        else
            write_value(&w, f, a->values[i]);
    }
    json_write_end(&w);
    return json_write_finish(&w);
}

static int list(const struct row *row, const struct channel_args *a)
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
    (void)row;
    char path[64 + 20 + 3 * QUERY_MAX + 1];
    int n = snprintf(path, sizeof(path), "/api/v1/channels?limit=500");
    if (a->state)
        n += snprintf(path + n, sizeof(path) - (size_t)n, "&state=%s", a->state);
    if (a->query)
        n += snprintf(path + n, sizeof(path) - (size_t)n, "&q=");
    for (const char *p = a->query ? a->query : ""; *p; p++)
        n += snprintf(path + n, sizeof(path) - (size_t)n, "%%%02X", (unsigned char)*p);
    return listing_pages(&a->client, &listing, path, UINT32_MAX, a->json);
}

static bool wants_notification(const struct channel_args *a)
{
    const char *v = a->values[CHANNEL_error_notification];
    return v && strcmp(v, "on") == 0;
}

static int call(const struct row *row, const struct channel_args *a)
{
    char path[64] = "/api/v1/channels";
    if (a->id)
        (void)snprintf(path, sizeof(path), "/api/v1/channels/%s", a->id);
    struct buf body, answer;
    buf_init(&body, 65536);
    buf_init(&answer, ANSWER_MAX);
    int status = row->changes && write_change(&body, a) ? CLIENT_FAILED : 0;
    if (!status)
        status = client_ask(&a->client, row->method, path, buf_span(&body), &answer);
    if (status == CLIENT_CONFLICT && wants_notification(a))
        (void)visible_complain(
            NULL, "`todoke option apply PROVIDER` applies for it, `todoke option approve PROVIDER` "
                  "approves it; `todoke option list` shows how it stands");
    if (!status && buf_len(&answer) && (a->json || row->changes))
        answer_print(stdout, buf_span(&answer));
    else if (!status && buf_len(&answer))
        status = listing_object(NULL, buf_span(&answer));
    buf_deinit(&body);
    buf_deinit(&answer);
    return status;
}

int cmd_channel(int argc, char **argv)
{
    if (argc > 1 && channel_secret_knows(argv[1]))
        return channel_secret_run(argc, argv);
    if (argc > 1 && resource_has("channel", argv[1]))
        return resource_run("channel", argc, argv);
    for (size_t i = 0; argc > 1 && i < ROWS; i++) {
        if (strcmp(argv[1], rows[i].verb) != 0)
            continue;
        if (arguments_ask_help(argc, argv))
            return usage(stdout, &rows[i], 0);
        struct channel_args a = {0};
        int status = parse(&rows[i], argc, argv, &a);
        return status ? status : rows[i].run(&rows[i], &a);
    }
    if (argc > 1 && strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0) {
        const char *names[32] = {"create", "list",   "show",          "set",   "delete",
                                 "token",  "secret", "rotate-secret", "verify"};
        (void)resource_verbs("channel", names, 9, sizeof(names) / sizeof(names[0]));
        return arguments_no_verb("channel", argv[1], names);
    }
    return argc > 1 ? usage(stdout, NULL, 0) : usage(stderr, NULL, CLIENT_USAGE);
}
