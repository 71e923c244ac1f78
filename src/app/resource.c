#include "app/resource.h"

#include <stdlib.h>
#include <string.h>

#include "app/commands.h"
#include "app/listing.h"
#include "app/paint.h"
#include "base/json_write.h"

#define ANSWER_MAX (8u << 20)
#define PATH_LEN 2000u
#define FIELDS_MAX 6
#define IDS_MAX 502 /* a channel, and as many events as one call takes */

enum field_type { FIELD_TEXT, FIELD_SWITCH };

/* A flag: a parameter of a GET or DELETE, else a member of the body. */
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
    bool optional;                   /* the last id may be missing, and the path ends before it then */
    bool pages;                      /* a list with cursors, listing.member its array */
    struct field fields[FIELDS_MAX + 1];
    struct listing listing;
};

#define C "/api/v1/channels/{}"
#define P "/api/v1/providers/{}"
#define STATE_HELP "pending, delivered, retrying, given_up, suspended"
#define ROLE_FIELDS                                                                                          \
    {                                                                                                        \
        {"--email", "email", "ADDRESS", "whose; one without an account is invited", FIELD_TEXT},             \
            {"--role", "role", "ROLE", "admin, member; on channels also tester", FIELD_TEXT},                \
    }
#define REVOKE_FIELDS                                                                                        \
    {                                                                                                        \
        {"--email", "email", "ADDRESS", "instead of ACCOUNT: the address as the list shows it", FIELD_TEXT}, \
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

    {"event", "list", "CHANNEL", "a channel's events, newest first", "GET", C "/events", .pages = true,
     .fields = {{"--state", "state", "STATE", STATE_HELP, FIELD_TEXT}},
     .listing = {"events",
                 {{"ID", "webhookEventId"},
                  {"STATE", "state"},
                  {"ACCEPTED", "acceptedAt"},
                  {"TRIES", "tries"},
                  {"NEXT", "nextAttemptAt"}}}},
    {"event", "show", "CHANNEL EVENT", "what became of one, attempt by attempt", "GET", C "/events/{}",
     .listing = {"attempts",
                 {{"STARTED", "startedAt"},
                  {"REASON", "reason"},
                  {"DETAIL", "detail"},
                  {"CAUSE", "cause"},
                  {"PROCESSED", "processed"},
                  {"PHASE", "phase"},
                  {"ADDRESS", "address"},
                  {"US", "timings.total_us"}}}},
    {"event", "redeliver", "CHANNEL [EVENT…]", "delivers those again, or all that were given up in a time",
     "POST", C "/redeliver", .rest = "webhookEventIds",
     .fields = {{"--from", "from", "TIME", "accepted from then on, such as 2026-11-22T00:00:00+09:00",
                 FIELD_TEXT},
                {"--to", "to", "TIME", "accepted before then; goes with --from", FIELD_TEXT},
                {"--reason", "reason", "REASON",
                 "could_not_connect, request_timeout, error_status_code, unclassified", FIELD_TEXT}}},
    {"event", "test", "CHANNEL", "posts a text message as an event", "POST", C "/test-event",
     .fields = {{"--text", "text", "TEXT", "what it says", FIELD_TEXT}}},

    {"provider", "list", "", "the providers", "GET", "/api/v1/providers", .pages = true,
     .listing =
         {"providers",
          {{"ID", "providerId"}, {"CHANNELS", "channels"}, {"CREATED", "createdAt"}, {"NAME", "name"}}}},
    {"provider", "create", "", "makes one", "POST", "/api/v1/providers",
     .fields = {{"--name", "name", "NAME", "1 to 100 characters", FIELD_TEXT}}},
    {"provider", "show", "PROVIDER", "one of them", "GET", P, .pages = false},
    {"provider", "set", "PROVIDER", "another name", "PATCH", P,
     .fields = {{"--name", "name", "NAME", "1 to 100 characters", FIELD_TEXT}}},
    {"provider", "delete", "PROVIDER", "one without channels goes", "DELETE", P, .pages = false},
    {"provider", "roles", "PROVIDER", "who has a role on it", "GET", P "/roles", .listing = ROLE_LISTING},
    {"provider", "grant", "PROVIDER", "gives somebody a role", "PUT", P "/roles", .fields = ROLE_FIELDS},
    {"provider", "revoke", "PROVIDER [ACCOUNT]", "takes it away", "DELETE", P "/roles/{}", .optional = true,
     .fields = REVOKE_FIELDS},

    {"channel", "roles", "CHANNEL", "who has a role on it", "GET", C "/roles", .listing = ROLE_LISTING},
    {"channel", "grant", "CHANNEL", "gives somebody a role", "PUT", C "/roles", .fields = ROLE_FIELDS},
    {"channel", "revoke", "CHANNEL [ACCOUNT]", "takes it away", "DELETE", C "/roles/{}", .optional = true,
     .fields = REVOKE_FIELDS},
    {"channel", "ask-contact", "CHANNEL", "asks its contact address to confirm, once more", "POST",
     C "/contact/ask", .pages = false},
    {"channel", "confirm-contact", "CHANNEL", "vouches for the owner of its contact address", "PATCH",
     C "/contact", "state", "confirmed", .pages = false},
    {"channel", "refuse-contact", "CHANNEL", "the owner wants no mails, for good", "PATCH", C "/contact",
     "state", "refused", .pages = false},
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
    {"option", "show", "PROVIDER", "what one applied for, and what was decided", "GET", P "/options",
     .pages = false},
    {"option", "apply", "PROVIDER", "applies for the error notification", "POST",
     P "/options/error-notification",
     .fields = {{"--note", "note", "TEXT", "for whoever decides", FIELD_TEXT}}},
    {"option", "approve", "PROVIDER", "its channels may switch the error notification on", "PATCH",
     P "/options/error-notification", "state", "approved",
     .fields = {{"--note", "note", "TEXT", "for whoever applied", FIELD_TEXT}}},
    {"option", "refuse", "PROVIDER", "they may not, or no more", "PATCH", P "/options/error-notification",
     "state", "refused", .fields = {{"--note", "note", "TEXT", "why", FIELD_TEXT}}},
    {"option", "withdraw", "PROVIDER", "it is wanted no more", "DELETE", P "/options/error-notification",
     .pages = false},

    {"outbox", "list", "", "mails that wait, ended of late, or failed; written: into the Maildir", "GET",
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
    {"outbox", "retry", "MAIL", "one that failed is tried again", "POST", "/api/v1/outbox/{}/retry",
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
    {"account", "show", "ACCOUNT", "one of them", "GET", "/api/v1/accounts/{}", .pages = false},
    {"account", "invite", "", "makes one, and prints the link for its owner", "POST", "/api/v1/accounts",
     .fields = {{"--email", "email", "ADDRESS", "whose", FIELD_TEXT},
                {"--name", "name", "NAME", "how it is shown", FIELD_TEXT},
                {"--operator", "operator", "on|off", "may do everything", FIELD_SWITCH},
                {"--language", "language", "en|ja", "of its mails and pages", FIELD_TEXT}}},
    {"account", "set", "ACCOUNT", "changes it", "PATCH", "/api/v1/accounts/{}",
     .fields = {{"--name", "name", "NAME", "how it is shown", FIELD_TEXT},
                {"--operator", "operator", "on|off", "may do everything", FIELD_SWITCH},
                {"--disabled", "disabled", "on|off", "may not log in", FIELD_SWITCH},
                {"--language", "language", "en|ja", "of its mails and pages", FIELD_TEXT},
                {"--confirmed", "confirmed", "on", "whoever uses it owns the address: roles wait no longer",
                 FIELD_SWITCH},
                {"--invitation", "invitation", "on", "another link, such as for a forgotten password",
                 FIELD_SWITCH}}},
    {"account", "delete", "ACCOUNT", "it goes, with its roles", "DELETE", "/api/v1/accounts/{}",
     .pages = false},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

struct resource_args {
    struct client client;
    const char *ids[IDS_MAX];
    size_t id_count;
    const char *values[FIELDS_MAX];
    unsigned long limit;
    bool json;
};

bool resource_has(const char *command, const char *verb)
{
    for (size_t i = 0; i < VERBS; i++)
        if (strcmp(verbs[i].command, command) == 0 && verbs[i].verb && verb &&
            strcmp(verbs[i].verb, verb) == 0)
            return true;
    return false;
}

void resource_usage(FILE *to, const char *command, const char *lead)
{
    for (size_t i = 0; i < VERBS; i++) {
        const struct verb *v = &verbs[i];
        if (strcmp(v->command, command) != 0)
            continue;
        char line[120];
        (void)snprintf(line, sizeof(line), "todoke %s%s%s %s", command, v->verb ? " " : "",
                       v->verb ? v->verb : "", v->ids);
        unsigned width = paint_width(line); /* of what is seen: "…" is three bytes */
        (void)fprintf(to, "%-7s%s%*s  %s\n", lead, line, width < 46 ? (int)(46 - width) : 0, "", v->help);
        lead = "";
        for (const struct field *f = v->fields; f->flag; f++)
            (void)fprintf(to, "           %-12s %-10s %s\n", f->flag, f->argument, f->help);
    }
}

static int usage(FILE *to, const char *command, int status)
{
    resource_usage(to, command, "usage:");
    (void)fputs("\n  --json       as JSON; lists an object a line\n"
                "  --limit N    rows of a list, at most [all; events and audit 100]\n" CLIENT_HELP,
                to);
    return status;
}

static bool take_field(const struct verb *v, struct resource_args *a, const char *flag, const char *value)
{
    for (size_t i = 0; value && v->fields[i].flag; i++) {
        if (strcmp(flag, v->fields[i].flag) == 0) {
            a->values[i] = value;
            return true;
        }
    }
    return false;
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

static int parse(const struct verb *v, int argc, char **argv, struct resource_args *a)
{
    for (int i = v->verb ? 2 : 1; i < argc; i++) {
        int status = 0;
        char *end = NULL;
        if (client_option(&a->client, argc, argv, &i, &status)) {
            if (status)
                return status;
        } else if (strcmp(argv[i], "--json") == 0) {
            a->json = true;
        } else if (v->pages && strcmp(argv[i], "--limit") == 0 && i + 1 < argc &&
                   (a->limit = strtoul(argv[i + 1], &end, 10)) > 0 && !*end) {
            i++;
        } else if (take_field(v, a, argv[i], i + 1 < argc ? argv[i + 1] : NULL)) {
            i++;
        } else if (argv[i][0] != '-' && a->id_count < (v->rest ? IDS_MAX : places(v)) &&
                   id_is_sound(argv[i])) {
            a->ids[a->id_count++] = argv[i];
        } else {
            (void)fprintf(stderr, "todoke %s: cannot understand %s\n", v->command, argv[i]);
            return usage(stderr, v->command, 2);
        }
    }
    if (a->id_count + v->optional < places(v)) {
        (void)fprintf(stderr, "todoke %s: which one? %s\n", v->command, v->ids);
        return 2;
    }
    return client_ready(&a->client) ? 0 : 2;
}

static enum err add_encoded(struct buf *out, const char *value)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    enum err e = ERR_NONE;
    for (; !e && *value; value++)
        e = strchr(plain, *value) ? buf_add(out, value, 1) : buf_printf(out, "%%%02X", (unsigned char)*value);
    return e;
}

/* The path with its ids, and what a GET or DELETE is asked. */
static enum err write_path(const struct verb *v, const struct resource_args *a, struct buf *out)
{
    size_t id = 0;
    enum err e = ERR_NONE;
    for (const char *p = v->path; !e && *p;) {
        const char *place = strstr(p, "{}");
        if (place && id == a->id_count) { /* the optional one: without the slash before it */
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
        if (v->fields[i].type == FIELD_SWITCH && (strcmp(value, "on") == 0 || strcmp(value, "off") == 0))
            json_write_bool(&w, strcmp(value, "on") == 0);
        else
            json_write_str(&w, value); /* what does not fit, the node refuses by name */
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
    buf_init(&body, 65536);
    buf_init(&answer, ANSWER_MAX);
    int status = 0;
    bool has_body = strcmp(v->method, "GET") != 0 && strcmp(v->method, "DELETE") != 0 &&
                    (v->fields[0].flag || v->fixed || v->rest);
    if (write_path(v, a, &path) || (has_body && write_body(v, a, &body))) {
        (void)fputs("todoke: that is too long\n", stderr);
        status = 2;
    }
    if (!status && v->pages) {
        unsigned long standard =
            strcmp(v->listing.member, "events") == 0 || strcmp(v->listing.member, "entries") == 0
                ? 100
                : (unsigned long)-1;
        status = listing_pages(&a->client, &v->listing, path.data, a->limit ? a->limit : standard, a->json);
    } else if (!status) {
        status = client_call(&a->client, v->method, path.data, buf_span(&body), &answer);
        if (!status && buf_len(&answer) && a->json)
            client_print(stdout, buf_span(&answer));
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
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage(stdout, name, 0);
    for (size_t i = 0; i < VERBS; i++) {
        const struct verb *v = &verbs[i];
        if (strcmp(v->command, name) != 0 || (v->verb && (argc < 2 || strcmp(v->verb, argv[1]) != 0)))
            continue;
        struct resource_args a = {0};
        int status = parse(v, argc, argv, &a);
        return status ? status : run(v, &a);
    }
    return usage(stderr, name, 2);
}
