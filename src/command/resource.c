#include "command/resource.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/visible.h"
#include "command/commands.h"
#include "command/listing.h"
#include "command/paint.h"

#define ANSWER_MAX (8u << 20)
#define PATH_LEN 2000u
#define FIELDS_MAX 6
#define VERBS_MAX 32u /* of one command */
#define IDS_MAX 502u  /* a channel, and as many events as one call takes */

enum field_type { FIELD_TEXT, FIELD_SWITCH, FIELD_JSON };

/* A flag becomes a query parameter of a GET or DELETE, else a member of the body. */
struct field {
    const char *flag, *name, *argument, *help;
    enum field_type type;
};

struct verb {
    const char *command, *verb, *ids,
        *help;                       /* ids: how usage names them; "…" at the end: any number of the last */
    const char *method, *path;       /* each {} is an id of the command line */
    const char *fixed, *fixed_value; /* a member that is always in the body */
    const char *rest;                /* the array of the body that further ids go into */
    bool optional;                   /* the last id may be missing; the path then ends before it */
    const char *needs; /* error if neither a field nor a further id is given; NULL: none is needed */
    bool pages;        /* a list with cursors, listing.member its array */
    struct field fields[FIELDS_MAX + 1];
    struct listing listing;
};

#define C "/api/v1/channels/{}"
#define P "/api/v1/providers/{}"
#define CHANGES_NOTHING "nothing to change; give one of "
#define STATE_HELP "pending, delivered, retrying, given_up, suspended"
#define ROLE_FIELDS                                                                                          \
    {                                                                                                        \
        {"--email", "email", "ADDRESS", "the person; invited if without an account", FIELD_TEXT},            \
            {"--role", "role", "ROLE", "admin, member; on channels also tester", FIELD_TEXT},                \
    }
#define REVOKE_FIELDS                                                                                        \
    {                                                                                                        \
        {"--email", "email", "ADDRESS", "instead of ACCOUNT: the address as the list shows it", FIELD_TEXT}, \
    }
#define CONDITION_HELP "such as {\"attribute\":\"plan\",\"is\":\"pro\"}: docs/segments.md"
#define SEGMENT_FIELDS                                                                                       \
    {                                                                                                        \
        {"--name", "name", "NAME", "1 to 200 bytes", FIELD_TEXT},                                            \
            {"--condition", "condition", "JSON", CONDITION_HELP, FIELD_JSON},                                \
            {"--default", "default", "on|off", "every message of the provider must match it", FIELD_SWITCH}, \
    }
#define QUERY_FIELDS                                                                                         \
    {                                                                                                        \
        {"--name", "name", "NAME", "1 to 200 bytes", FIELD_TEXT},                                            \
            {"--sql", "sql", "SQL", "one SELECT: docs/queries.md", FIELD_TEXT},                              \
            {"--by", "by", "COLUMN", "user_id, email, line_user_id, fcm_token, endpoint", FIELD_TEXT},       \
    }
#define ROLE_LISTING                                                                                         \
    {                                                                                                        \
        "roles",                                                                                             \
        {                                                                                                    \
            {"ACCOUNT", "accountId"}, {"ROLE", "role"}, {"INHERITED", "inherited"}, {"WAITING", "waiting"},  \
                {"ADDRESS", "email"},                                                                        \
            {                                                                                                \
                "NAME", "name"                                                                               \
            }                                                                                                \
        }                                                                                                    \
    }
#define AUDIT_LISTING                                                                                        \
    {                                                                                                        \
        "entries",                                                                                           \
        {                                                                                                    \
            {"AT", "at"}, {"ACTION", "action"}, {"TARGET", "target"},                                        \
            {                                                                                                \
                "BY", "account.email"                                                                        \
            }                                                                                                \
        }                                                                                                    \
    }

static const struct verb verbs[] = {
    {"system", NULL, "", "rates, backlog, store, mails and alarms of the node", "GET", "/api/v1/system",
     .listing = {"alarms", {{"ALARM", "name"}, {"SINCE", "since"}, {"MEANS", "text.en"}}}},

    {"event", "list", "CHANNEL", "lists a channel's events, newest first", "GET", C "/events", .pages = true,
     .fields = {{"--state", "state", "STATE", STATE_HELP, FIELD_TEXT}},
     .listing = {"events",
                 {{"ID", "webhookEventId"},
                  {"STATE", "state"},
                  {"ACCEPTED", "acceptedAt"},
                  {"TRIES", "tries"},
                  {"NEXT", "nextAttemptAt"}}}},
    {"event", "show", "CHANNEL EVENT", "shows an event, attempt by attempt", "GET", C "/events/{}",
     .listing = {"attempts",
                 {{"STARTED", "startedAt"},
                  {"REASON", "reason"},
                  {"DETAIL", "detail"},
                  {"CAUSE", "cause"},
                  {"PROCESSED", "processed"},
                  {"PHASE", "phase"},
                  {"ADDRESS", "address"},
                  {"US", "timings.total_us"}}}},
    {"event", "redeliver", "CHANNEL [EVENT…]", "delivers events again, or all given up in a period", "POST",
     C "/redeliver", .rest = "webhookEventIds",
     .needs = "which ones? Give their IDs, or --from TIME and --to TIME for all that were given up between "
              "the two",
     .fields = {{"--from", "from", "TIME", "accepted from TIME on, such as 2026-11-22T00:00:00+09:00",
                 FIELD_TEXT},
                {"--to", "to", "TIME", "accepted before TIME; use with --from", FIELD_TEXT},
                {"--reason", "reason", "REASON",
                 "could_not_connect, request_timeout, error_status_code, unclassified", FIELD_TEXT}}},
    {"event", "test", "CHANNEL", "posts a text message as an event", "POST", C "/test-event",
     .fields = {{"--text", "text", "TEXT", "what it says", FIELD_TEXT}}},

    {"provider", "list", "", "lists the providers", "GET", "/api/v1/providers", .pages = true,
     .listing =
         {"providers",
          {{"ID", "providerId"}, {"CHANNELS", "channels"}, {"CREATED", "createdAt"}, {"NAME", "name"}}}},
    {"provider", "create", "", "creates a provider", "POST", "/api/v1/providers",
     .fields = {{"--name", "name", "NAME", "1 to 100 characters", FIELD_TEXT}}},
    {"provider", "show", "PROVIDER", "shows a provider", "GET", P, .pages = false},
    {"provider", "set", "PROVIDER", "changes its name", "PATCH", P, .needs = CHANGES_NOTHING,
     .fields = {{"--name", "name", "NAME", "1 to 100 characters", FIELD_TEXT}}},
    {"provider", "delete", "PROVIDER", "deletes a provider without channels", "DELETE", P, .pages = false},
    {"provider", "roles", "PROVIDER", "who has a role on it", "GET", P "/roles", .listing = ROLE_LISTING},
    {"provider", "grant", "PROVIDER", "gives somebody a role", "PUT", P "/roles", .fields = ROLE_FIELDS},
    {"provider", "revoke", "PROVIDER [ACCOUNT]", "takes a role away", "DELETE", P "/roles/{}",
     .optional = true, .fields = REVOKE_FIELDS},

    {"channel", "roles", "CHANNEL", "who has a role on it", "GET", C "/roles", .listing = ROLE_LISTING},
    {"channel", "grant", "CHANNEL", "gives somebody a role", "PUT", C "/roles", .fields = ROLE_FIELDS},
    {"channel", "revoke", "CHANNEL [ACCOUNT]", "takes a role away", "DELETE", C "/roles/{}", .optional = true,
     .fields = REVOKE_FIELDS},
    {"channel", "ask-contact", "CHANNEL", "asks its contact address again to confirm", "POST",
     C "/contact/ask", .pages = false},
    {"channel", "confirm-contact", "CHANNEL", "confirms its contact address for the owner", "PATCH",
     C "/contact", "state", "confirmed", .pages = false},
    {"channel", "refuse-contact", "CHANNEL", "records that the owner refuses mails for good", "PATCH",
     C "/contact", "state", "refused", .pages = false},
    {"channel", "audit", "CHANNEL", "who changed what, newest first", "GET", C "/audit", .pages = true,
     .listing = AUDIT_LISTING},

    {"option", "list", "", "what providers applied for", "GET", "/api/v1/options", .pages = true,
     .fields = {{"--state", "state", "STATE", "applied, approved, refused, withdrawn", FIELD_TEXT}},
     .listing = {"options",
                 {{"PROVIDER", "providerId"},
                  {"OPTION", "option"},
                  {"STATE", "state"},
                  {"APPLIED", "appliedAt"},
                  {"DECIDED", "decidedAt"},
                  {"NAME", "providerName"},
                  {"NOTE", "note"}}}},
    {"option", "show", "PROVIDER", "shows its application and the decision", "GET", P "/options",
     .pages = false},
    {"option", "apply", "PROVIDER", "applies for the error notification", "POST",
     P "/options/error-notification",
     .fields = {{"--note", "note", "TEXT", "for whoever decides", FIELD_TEXT}}},
    {"option", "approve", "PROVIDER", "lets its channels use the error notification", "PATCH",
     P "/options/error-notification", "state", "approved",
     .fields = {{"--note", "note", "TEXT", "for whoever applied", FIELD_TEXT}}},
    {"option", "refuse", "PROVIDER", "refuses it, also after an approval", "PATCH",
     P "/options/error-notification", "state", "refused",
     .fields = {{"--note", "note", "TEXT", "why", FIELD_TEXT}}},
    {"option", "withdraw", "PROVIDER", "withdraws the application", "DELETE", P "/options/error-notification",
     .pages = false},

    {"segment", "list", "PROVIDER", "lists a provider's segments", "GET", P "/segments", .pages = true,
     .listing = {"segments",
                 {{"ID", "segmentId"},
                  {"DEFAULT", "default"},
                  {"UPDATED", "updatedAt"},
                  {"NAME", "name"},
                  {"CONDITION", "condition"}}}},
    {"segment", "create", "PROVIDER", "makes a segment", "POST", P "/segments", .fields = SEGMENT_FIELDS},
    {"segment", "show", "PROVIDER SEGMENT", "shows a segment", "GET", P "/segments/{}", .pages = false},
    {"segment", "set", "PROVIDER SEGMENT", "changes a segment", "PATCH", P "/segments/{}",
     .needs = CHANGES_NOTHING, .fields = SEGMENT_FIELDS},
    {"segment", "delete", "PROVIDER SEGMENT", "deletes a segment", "DELETE", P "/segments/{}",
     .pages = false},
    {"segment", "count", "PROVIDER", "counts whom a condition matches", "POST", P "/segments/count",
     .needs = "whom? Give --condition JSON",
     .fields = {{"--condition", "condition", "JSON", CONDITION_HELP, FIELD_JSON}}},

    {"query", "list", "PROVIDER", "lists a provider's queries", "GET", P "/queries", .pages = true,
     .listing =
         {"queries",
          {{"ID", "queryId"}, {"BY", "by"}, {"UPDATED", "updatedAt"}, {"NAME", "name"}, {"SQL", "sql"}}}},
    {"query", "create", "PROVIDER", "makes a query", "POST", P "/queries", .fields = QUERY_FIELDS},
    {"query", "show", "PROVIDER QUERY", "shows a query", "GET", P "/queries/{}", .pages = false},
    {"query", "set", "PROVIDER QUERY", "changes a query", "PATCH", P "/queries/{}", .needs = CHANGES_NOTHING,
     .fields = QUERY_FIELDS},
    {"query", "delete", "PROVIDER QUERY", "deletes a query", "DELETE", P "/queries/{}", .pages = false},

    {"outbox", "list", "", "mails waiting, recently done, or failed; written: to Maildir", "GET",
     "/api/v1/outbox", .pages = true,
     .fields = {{"--state", "state", "STATE", "waiting, sent, written, failed", FIELD_TEXT}},
     .listing = {"mails",
                 {{"ID", "mailId"},
                  {"STATE", "state"},
                  {"TRIES", "tries"},
                  {"NEXT", "nextAt"},
                  {"TO", "to"},
                  {"ERROR", "lastError"},
                  {"SUBJECT", "subject"}}}},
    {"outbox", "retry", "MAIL", "tries a failed mail again", "POST", "/api/v1/outbox/{}/retry",
     .pages = false},

    {"audit", NULL, "", "who changed what, newest first", "GET", "/api/v1/audit", .pages = true,
     .listing = AUDIT_LISTING},

    {"account", "list", "", "who may log in", "GET", "/api/v1/accounts", .pages = true,
     .listing = {"accounts",
                 {{"ID", "accountId"},
                  {"OPERATOR", "operator"},
                  {"DISABLED", "disabled"},
                  {"CONFIRMED", "confirmed"},
                  {"LAST LOG-IN", "lastLoginAt"},
                  {"INVITED BY", "invitedBy.email"},
                  {"ADDRESS", "email"},
                  {"NAME", "name"}}}},
    {"account", "show", "ACCOUNT", "shows an account", "GET", "/api/v1/accounts/{}", .pages = false},
    {"account", "invite", "", "creates an account and prints the link for its owner", "POST",
     "/api/v1/accounts",
     .fields = {{"--email", "email", "ADDRESS", "mail address", FIELD_TEXT},
                {"--name", "name", "NAME", "display name", FIELD_TEXT},
                {"--operator", "operator", "on|off", "may do everything", FIELD_SWITCH},
                {"--language", "language", "en|ja", "language of its mails and pages", FIELD_TEXT}}},
    {"account", "set", "ACCOUNT", "changes an account", "PATCH", "/api/v1/accounts/{}",
     .needs = CHANGES_NOTHING,
     .fields = {{"--name", "name", "NAME", "display name", FIELD_TEXT},
                {"--operator", "operator", "on|off", "may do everything", FIELD_SWITCH},
                {"--disabled", "disabled", "on|off", "may not log in", FIELD_SWITCH},
                {"--language", "language", "en|ja", "language of its mails and pages", FIELD_TEXT},
                {"--confirmed", "confirmed", "on", "vouches that its user owns the address", FIELD_SWITCH},
                {"--invitation", "invitation", "on", "makes a new link, such as for a forgotten password",
                 FIELD_SWITCH}}},
    {"account", "delete", "ACCOUNT", "deletes an account and its roles", "DELETE", "/api/v1/accounts/{}",
     .pages = false},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

struct resource_args {
    struct client client;
    char *const *ids;
    size_t id_count;
    const char *values[FIELDS_MAX];
    uint32_t limit;
    bool json;
};

/* The options of a verb: its own fields and the common ones. */
struct options {
    struct argument rows[FIELDS_MAX + 3];
};

static void options_of(const struct verb *v, struct resource_args *a, struct options *ret)
{
    struct argument *o = ret->rows;
    for (size_t i = 0; v->fields[i].flag; i++)
        *o++ = (struct argument)ARGUMENT_OF_TEXT(v->fields[i].flag, &a->values[i], v->fields[i].argument,
                                                 v->fields[i].help);
    if (v->pages)
        *o++ = (struct argument)ARGUMENT_OF_NUMBER("--limit", &a->limit, 1, UINT32_MAX, "N",
                                                   "rows of the list, at most [all; events and audit 100]");
    *o++ = (struct argument)ARGUMENT_OF_FLAG("--json", &a->json,
                                             v->pages ? "as JSON, an object a line" : "as JSON");
    *o = (struct argument)ARGUMENT_END;
}

bool resource_has(const char *command, const char *verb)
{
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(verbs[i].command, command) == 0 && verbs[i].verb && verb &&
            strcmp(verbs[i].verb, verb) == 0)
            return true;
    return false;
}

size_t resource_verbs(const char *command, const char **names, size_t count, size_t max)
{
    for (size_t i = 0; i < VERBS && count + 1 < max; i++)
        if (strcmp(verbs[i].command, command) == 0 && verbs[i].verb)
            names[count++] = verbs[i].verb;
    names[count] = NULL;
    return count;
}

static void verb_usage(FILE *to, const struct verb *v, const char *lead)
{
    char line[120];
    (void)snprintf(line, sizeof(line), "todoke %s%s%s %s", v->command, v->verb ? " " : "",
                   v->verb ? v->verb : "", v->ids);
    unsigned width = paint_width(line); /* in columns: "…" is three bytes */
    (void)fprintf(to, "%-7s%s%*s  %s\n", lead, line, width < 46 ? (int)(46 - width) : 0, "", v->help);
}

void resource_usage(FILE *to, const char *command, const char *lead)
{
    for (size_t i = 0; i < VERBS; i++) {
        const struct verb *v = &verbs[i];
        if (strcmp(v->command, command) != 0)
            continue;
        verb_usage(to, v, lead);
        lead = "";
        for (const struct field *f = v->fields; f->flag; f++)
            (void)fprintf(to, "           %-12s %-10s %s\n", f->flag, f->argument, f->help);
    }
}

/* Usage of one verb; NULL: of the whole command. */
static int usage(FILE *to, const char *command, const struct verb *v, int status)
{
    if (v) {
        struct resource_args none;
        struct options options;
        options_of(v, &none, &options);
        verb_usage(to, v, "usage:");
        (void)fputc('\n', to);
        arguments_help(to, options.rows);
    } else {
        resource_usage(to, command, "usage:");
        (void)fputs("\n  --json       as JSON; lists an object a line\n"
                    "  --limit N    rows of a list, at most [all; events and audit 100]\n",
                    to);
    }
    client_help(to);
    return status;
}

static bool id_is_sound(const char *id)
{
    return id[0] && strlen(id) <= 40 &&
           !id[strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")];
}

static size_t places(const struct verb *v)
{
    size_t n = 0;
    for (const char *p = v->path; (p = strstr(p, "{}")) != NULL; p += 2)
        n++;
    return n;
}

/* "event list": the name in messages and `todoke help`. */
static void name_of(const struct verb *v, char out[static 40])
{
    (void)snprintf(out, 40, "%s%s%s", v->command, v->verb ? " " : "", v->verb ? v->verb : "");
}

/* Requires at least one field or further id where the call would do nothing without. */
static int check_fields(const struct verb *v, const struct resource_args *a, const char *name)
{
    bool any = a->id_count > places(v);
    char flags[200] = "";
    size_t n = 0;
    for (size_t i = 0; v->fields[i].flag && n < sizeof(flags); i++) {
        any = any || a->values[i];
        n += (size_t)snprintf(flags + n, sizeof(flags) - n, "%s%s", i ? ", " : "", v->fields[i].flag);
    }
    if (!v->needs || any)
        return 0;
    (void)visible_complain(name, "%s%s", v->needs, strcmp(v->needs, CHANGES_NOTHING) == 0 ? flags : "");
    return arguments_try(name);
}

static int parse(const struct verb *v, int argc, char **argv, struct resource_args *a)
{
    struct options options;
    char name[40];
    options_of(v, a, &options);
    name_of(v, name);
    const struct argument of_client[] = CLIENT_OPTIONS(&a->client);
    struct arguments in = {
        .command = name, .options = {options.rows, of_client}, .words_max = v->rest ? IDS_MAX : places(v)};
    int status = arguments_read(&in, argc, argv, v->verb ? 2 : 1);
    if (status)
        return status;
    a->ids = in.words;
    a->id_count = in.word_count;
    for (size_t i = 0; i < a->id_count; i++)
        if (!id_is_sound(a->ids[i]))
            return visible_complain(name, "cannot understand %s: not an ID", a->ids[i]);
    if (a->id_count + v->optional < places(v)) {
        (void)visible_complain(name, "which one? %s", v->ids);
        return arguments_try(name);
    }
    for (size_t i = 0; v->fields[i].flag; i++)
        if (v->fields[i].type == FIELD_SWITCH && a->values[i] && strcmp(a->values[i], "on") != 0 &&
            strcmp(a->values[i], "off") != 0)
            return visible_complain(name, "%s takes on or off, not \"%s\"", v->fields[i].flag, a->values[i]);
    for (size_t i = 0; v->fields[i].flag; i++) {
        size_t at;
        if (v->fields[i].type == FIELD_JSON && a->values[i] &&
            json_check(span_of(a->values[i]), JSON_DEPTH, &at))
            return visible_complain(name, "%s takes JSON, and what it got is none from byte %zu on",
                                    v->fields[i].flag, at + 1);
    }
    status = check_fields(v, a, name);
    return status ? status : client_ready(&a->client) ? 0 : CLIENT_USAGE;
}

static enum err add_encoded(struct buf *out, const char *value)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    enum err e = ERR_NONE;
    for (; !e && *value; value++)
        e = strchr(plain, *value) ? buf_add(out, value, 1) : buf_printf(out, "%%%02X", (unsigned char)*value);
    return e;
}

/* The path with the ids filled in, and the query of a GET or DELETE. */
static enum err write_path(const struct verb *v, const struct resource_args *a, struct buf *out)
{
    size_t id = 0;
    enum err e = ERR_NONE;
    for (const char *p = v->path; !e && *p;) {
        const char *place = strstr(p, "{}");
        if (place && id == a->id_count) { /* a missing optional id: drop the slash too */
            e = buf_add(out, p, (size_t)(place - p) - 1);
            break;
        }
        e = buf_add(out, p, place ? (size_t)(place - p) : strlen(p));
        if (!e && place)
            e = buf_add_str(out, a->ids[id++]);
        p = place ? place + 2 : "";
    }
    bool asks = strcmp(v->method, "GET") == 0 || strcmp(v->method, "DELETE") == 0;
    char sign = '?';
    for (size_t i = 0; !e && asks && v->fields[i].flag; i++) {
        if (!a->values[i])
            continue;
        e = buf_printf(out, "%c%s=", sign, v->fields[i].name);
        if (!e)
            e = add_encoded(out, a->values[i]);
        sign = '&';
    }
    return e ? e : buf_add(out, "", 1);
}

static enum err write_body(const struct verb *v, const struct resource_args *a, struct buf *out)
{
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    if (v->fixed) {
        json_write_key(&w, v->fixed);
        json_write_str(&w, v->fixed_value);
    }
    for (size_t i = 0; v->fields[i].flag; i++) {
        const char *value = a->values[i];
        if (!value)
            continue;
        json_write_key(&w, v->fields[i].name);
        if (v->fields[i].type == FIELD_SWITCH)
            json_write_bool(&w, strcmp(value, "on") == 0);
        else if (v->fields[i].type == FIELD_JSON)
            json_write_raw(&w, span_of(value));
        else
            json_write_str(&w, value); /* the node refuses an invalid value by name */
    }
    size_t from = places(v);
    if (v->rest && a->id_count > from) {
        json_write_key(&w, v->rest);
        json_write_array(&w);
        for (size_t i = from; i < a->id_count; i++)
            json_write_str(&w, a->ids[i]);
        json_write_end(&w);
    }
    json_write_end(&w);
    return json_write_finish(&w);
}

static int run(const struct verb *v, const struct resource_args *a)
{
    struct buf path, body, answer;
    buf_init(&path, PATH_LEN);
    buf_init(&body, 131072);
    buf_init(&answer, ANSWER_MAX);
    int status = CLIENT_DONE;
    bool has_body = strcmp(v->method, "GET") != 0 && strcmp(v->method, "DELETE") != 0 &&
                    (v->fields[0].flag || v->fixed || v->rest);
    if (write_path(v, a, &path) || (has_body && write_body(v, a, &body)))
        status = visible_complain(v->command, "that is too long");
    if (!status && v->pages) {
        bool endless = strcmp(v->listing.member, "events") == 0 || strcmp(v->listing.member, "entries") == 0;
        uint32_t standard = endless ? 100 : UINT32_MAX;
        status = listing_pages(&a->client, &v->listing, path.data, a->limit ? a->limit : standard, a->json);
    } else if (!status) {
        status = client_ask(&a->client, v->method, path.data, buf_span(&body), &answer);
        if (!status && buf_len(&answer) && a->json)
            answer_print(stdout, buf_span(&answer));
        else if (!status && buf_len(&answer))
            status = listing_object(&v->listing, buf_span(&answer));
    }
    buf_deinit(&path);
    buf_deinit(&body);
    buf_deinit(&answer);
    return status;
}

int resource_run(const char *name, int argc, char **argv)
{
    bool help = arguments_ask_help(argc, argv);
    for (size_t i = 0; i < VERBS; i++) {
        const struct verb *v = &verbs[i];
        if (strcmp(v->command, name) != 0 || (v->verb && (argc < 2 || strcmp(v->verb, argv[1]) != 0)))
            continue;
        if (help)
            return usage(stdout, name, v, 0);
        struct resource_args a = {0};
        int status = parse(v, argc, argv, &a);
        return status ? status : run(v, &a);
    }
    const char *names[VERBS_MAX];
    (void)resource_verbs(name, names, 0, VERBS_MAX);
    if (argc > 1 && argv[1][0] != '-')
        return arguments_no_verb(name, argv[1], names);
    if (help)
        return usage(stdout, name, NULL, 0);
    return argc > 1 ? arguments_no_verb(name, argv[1], names) : usage(stderr, name, NULL, CLIENT_USAGE);
}
