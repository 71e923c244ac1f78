/* `todoke sender` and `todoke campaign`: what messages are sent by, and what is sent, over the API. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/visible.h"
#include "command/commands.h"
#include "command/explain.h"
#include "command/listing.h"
#include "command/probe.h"
#include "command/sender_verify.h"

#define ANSWER_MAX (8u << 20)
#define FILE_MAX (1u << 20) /* what the node takes in one call */
#define PATH_LEN 2000u

struct targeted_args {
    struct client client;
    const char *provider, *words[2];
    const char *file, *account, *name, *kind, *base_url, *rate, *channel, *sender, *enabled;
    enum lang lang;
    bool json;
};

struct row;
static int list(const struct row *row, const struct targeted_args *a);
static int call(const struct row *row, const struct targeted_args *a);
static int verify(const struct row *row, const struct targeted_args *a);
static int trial(const struct row *row, const struct targeted_args *a);

enum option { OPTION_BODY = 1, OPTION_NEW = 2, OPTION_LANG = 4 };

static const struct row {
    const char *command, *verb, *words, *help;
    int (*run)(const struct row *row, const struct targeted_args *a);
    const char *method, *path; /* behind the provider; {}: the first word */
    size_t word_count;
    unsigned options;
    struct listing listing;
} rows[] = {
    {"sender", "list", "[options]", "lists the senders", list, "GET", "/senders", 0, 0,
     .listing = {"senders",
                 {{"ID", "senderId"},
                  {"KIND", "kind"},
                  {"STATE", "state"},
                  {"REASON", "stateReason"},
                  {"RATE", "ratePerSecond"},
                  {"NAME", "name"}}}},
    {"sender", "show", "SENDER", "shows a sender, without its credentials", call, "GET", "/senders/{}", 1, 0,
     .listing = {0}},
    {"sender", "create", "--file FILE", "makes a sender", call, "POST", "/senders", 0,
     OPTION_BODY | OPTION_NEW, .listing = {0}},
    {"sender", "set", "SENDER [options]", "changes a sender; what is not given stays", call, "PATCH",
     "/senders/{}", 1, OPTION_BODY, .listing = {0}},
    {"sender", "delete", "SENDER", "deletes a sender that nothing uses", call, "DELETE", "/senders/{}", 1, 0,
     .listing = {0}},
    {"sender", "verify", "SENDER", "asks the service whether the sender works", verify, "POST",
     "/senders/{}/verify", 1, OPTION_LANG, .listing = {0}},
    {"sender", "quota", "SENDER", "how many messages the account may still send", call, "GET",
     "/senders/{}/quota", 1, 0, .listing = {0}},
    {"sender", "resume", "SENDER", "lets a paused sender and its jobs go on", call, "POST",
     "/senders/{}/resume", 1, 0, .listing = {0}},

    {"campaign", "list", "[options]", "lists the campaigns", list, "GET", "/campaigns", 0, 0,
     .listing = {"campaigns",
                 {{"ID", "campaignId"},
                  {"SHORT", "shortId"},
                  {"CHANNEL", "channel"},
                  {"SENDER", "senderId"},
                  {"ENABLED", "enabled"},
                  {"UPDATED", "updatedAt"},
                  {"NAME", "name"}}}},
    {"campaign", "show", "CAMPAIGN", "shows a campaign", call, "GET", "/campaigns/{}", 1, 0, .listing = {0}},
    {"campaign", "create", "--file FILE", "makes a campaign", call, "POST", "/campaigns", 0,
     OPTION_BODY | OPTION_NEW, .listing = {0}},
    {"campaign", "set", "CAMPAIGN [options]", "changes a campaign; what is not given stays", call, "PATCH",
     "/campaigns/{}", 1, OPTION_BODY, .listing = {0}},
    {"campaign", "delete", "CAMPAIGN", "deletes a campaign", call, "DELETE", "/campaigns/{}", 1, 0,
     .listing = {0}},
    {"campaign", "preview", "CAMPAIGN USER", "what this person would get", trial, "POST",
     "/campaigns/{}/preview", 2, OPTION_LANG, .listing = {0}},
    {"campaign", "test", "CAMPAIGN USER", "sends this person one real message", trial, "POST",
     "/campaigns/{}/test", 2, OPTION_LANG, .listing = {0}},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- the command line ---- */

struct options {
    struct argument rows[12];
};

static void options_of(const struct row *row, struct targeted_args *a, struct options *ret)
{
    struct argument *o = ret->rows;
    const bool sender = strcmp(row->command, "sender") == 0;
    *o++ = (struct argument)ARGUMENT_OF_TEXT("--provider", &a->provider, "ID",
                                             "whose [the provider, where there is but one]");
    if (row->options & OPTION_BODY) {
        *o++ = (struct argument)ARGUMENT_OF_TEXT(
            "--file", &a->file, "FILE|-",
            "members as JSON, credentials too; the options below come before it");
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--name", &a->name, "NAME", "1 to 100 characters");
    }
    if (row->options & OPTION_NEW && sender)
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--kind", &a->kind, "KIND",
                                                 "sendgrid, smtp, fcm, line or webpush");
    if (row->options & OPTION_BODY && sender) {
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--service-account", &a->account, "FILE|-",
                                                 "of fcm: the file as Google gave it");
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--base-url", &a->base_url, "URL",
                                                 "another host for the service; none: its own");
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--rate", &a->rate, "N",
                                                 "messages a second, at most; none: no limit");
    }
    if (row->options & OPTION_NEW && !sender)
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--channel", &a->channel, "CHANNEL",
                                                 "mail, push, line or browser");
    if (row->options & OPTION_BODY && !sender) {
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--sender", &a->sender, "ID", "which sender sends it");
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--enabled", &a->enabled, "on|off",
                                                 "whether its jobs send anything [on]");
    }
    if (row->options & OPTION_LANG)
        *o++ = (struct argument)ARGUMENT_OF_LANG(&a->lang, "language of the output");
    *o++ = (struct argument)ARGUMENT_OF_FLAG("--json", &a->json, "as JSON; lists an object a line");
    *o = (struct argument)ARGUMENT_END;
}

static void row_usage(FILE *to, const struct row *row, const char *lead)
{
    char line[80];
    (void)snprintf(line, sizeof(line), "todoke %s %s %s", row->command, row->verb, row->words);
    (void)fprintf(to, "%-7s%-40s  %s\n", lead, line, row->help);
}

/* Usage of one verb; row NULL: of the whole command. */
static int usage(FILE *to, const char *command, const struct row *row, int status)
{
    const char *lead = "usage:";
    struct targeted_args none;
    struct options options;
    for (size_t i = 0; i < ROWS; i++) {
        if (row ? row != &rows[i] : strcmp(rows[i].command, command) != 0)
            continue;
        row_usage(to, &rows[i], lead);
        lead = "";
    }
    const struct row all = {.command = command, .options = OPTION_BODY | OPTION_NEW | OPTION_LANG};
    (void)fputc('\n', to);
    options_of(row ? row : &all, &none, &options);
    arguments_help(to, options.rows);
    client_help(to);
    if (!row || row->run == verify)
        (void)fputs(
            "verify also: 10 could not connect, 11 request timeout, 12 the service refuses the sender, 13 "
            "unclassified.\n",
            to);
    if (!row || row->run == trial)
        (void)fputs("preview and test also: 12 this person gets no message.\n", to);
    return status;
}

static int parse(const struct row *row, int argc, char **argv, struct targeted_args *a)
{
    struct options options;
    char name[32];
    (void)snprintf(name, sizeof(name), "%s %s", row->command, row->verb);
    a->lang = explain_lang_default();
    options_of(row, a, &options);
    const struct argument of_client[] = CLIENT_OPTIONS(&a->client);
    struct arguments in = {
        .command = name, .options = {options.rows, of_client}, .words_max = row->word_count};
    int status = arguments_read(&in, argc, argv, 2);
    if (status)
        return status;
    for (size_t i = 0; i < in.word_count; i++)
        a->words[i] = in.words[i];
    if (in.word_count < row->word_count || (in.word_count && !in.words[0][0])) {
        (void)visible_complain(name, in.word_count ? "whom? Give the userId" : "which one? Give its ID");
        return arguments_try(name);
    }
    if (a->provider &&
        (!a->provider[0] || a->provider[strspn(a->provider, "0123456789")] || strlen(a->provider) > 18))
        return visible_complain(name, "\"%s\" is no provider ID", a->provider);
    if (a->enabled && strcmp(a->enabled, "on") != 0 && strcmp(a->enabled, "off") != 0)
        return visible_complain(name, "--enabled takes on or off, not \"%s\"", a->enabled);
    if (row->options & OPTION_BODY && !a->file && !a->account && !a->name && !a->base_url && !a->rate &&
        !a->sender && !a->enabled) {
        (void)visible_complain(name, "what of it? Give --file or another option");
        return arguments_try(name);
    }
    return client_ready(&a->client) ? 0 : CLIENT_USAGE;
}

/* ---- the path ---- */

/* Percent-encodes what a path must not hold as it is. */
static enum err add_encoded(struct buf *out, const char *text)
{
    enum err e = ERR_NONE;
    for (const char *p = text; *p && !e; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     *p == '-' || *p == '_';
        e = plain ? buf_add(out, p, 1) : buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
    }
    return e;
}

/* The only provider that the key may see. */
static int find_provider(const struct targeted_args *a, char out[static 24])
{
    struct buf answer;
    struct json_value root, one;
    buf_init(&answer, ANSWER_MAX);
    int status = client_ask(&a->client, "GET", "/api/v1/providers?limit=2", SPAN_LIT(""), &answer);
    size_t n = 0;
    if (!status && !answer_read(buf_span(&answer), &root))
        status = client_strange();
    if (!status) {
        struct json_iter it = json_elements(answer_at(root, "providers"));
        while (json_next_element(&it, &one))
            if (n++ == 0 && !answer_text(one, "providerId", out, 24))
                status = client_strange();
    }
    if (!status && n != 1)
        status = visible_complain(NULL, n ? "there are several providers: say which with --provider ID"
                                          : "there is no provider that this key may see");
    buf_deinit(&answer);
    return status;
}

/* The path of the call; out is NUL-terminated. */
static int write_path(const struct row *row, const struct targeted_args *a, struct buf *out)
{
    char found[24];
    const char *provider = a->provider, *place = strstr(row->path, "{}");
    const size_t before = place ? (size_t)(place - row->path) : strlen(row->path);
    if (!provider) {
        int status = find_provider(a, found);
        if (status)
            return status;
        provider = found;
    }
    enum err e = buf_printf(out, "/api/v1/providers/%s%.*s", provider, (int)before, row->path);
    if (!e && place)
        e = add_encoded(out, a->words[0]);
    if (!e && place)
        e = buf_add_str(out, place + 2);
    if (!e && row->options & OPTION_LANG)
        e = buf_printf(out, "?lang=%s", a->lang == LANG_JA ? "ja" : "en");
    if (!e)
        e = buf_add(out, "", 1);
    return e ? visible_complain(row->command, "that is too long") : 0;
}

/* ---- the body ---- */

static int read_file(const char *path, struct buf *out)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char piece[16384];
    enum err e = ERR_NONE;
    if (!in)
        return visible_complain(NULL, "%s: %s", path, strerror(errno));
    for (size_t n; !e && (n = fread(piece, 1, sizeof(piece), in)) > 0;)
        e = buf_add(out, piece, n);
    const bool failed = ferror(in) != 0;
    if (in != stdin)
        (void)fclose(in);
    explicit_bzero(piece, sizeof(piece));
    if (e || failed)
        return visible_complain(NULL, "%s: %s", path,
                                e ? "is larger than a node takes (1 MiB)" : "cannot be read");
    return 0;
}

/* The object in a file. */
static int read_object(const char *path, struct buf *text, struct json_value *ret)
{
    size_t at = 0;
    int status = read_file(path, text);
    if (status)
        return status;
    if (json_check(buf_span(text), JSON_DEPTH, &at))
        return visible_complain(NULL, "%s: is no JSON from byte %zu on", path, at + 1);
    *ret = json_root(buf_span(text));
    return ret->kind == JSON_KIND_OBJECT ? 0 : visible_complain(NULL, "%s: must hold a JSON object", path);
}

/* Members that options give; each comes before the file's. */
struct given {
    const char *member, *value;
};

static void write_given(struct json_write *w, const struct given *g)
{
    char *end;
    json_write_key(w, g->member);
    const double n = strtod(g->value, &end);
    if (strcmp(g->value, "none") == 0 &&
        (strcmp(g->member, "baseUrl") == 0 || strcmp(g->member, "ratePerSecond") == 0))
        json_write_null(w);
    else if (strcmp(g->member, "enabled") == 0)
        json_write_bool(w, strcmp(g->value, "on") == 0);
    else if (strcmp(g->member, "ratePerSecond") == 0 && *g->value && !*end)
        json_write_real(w, n);
    else
        json_write_str(w, g->value);
}

static bool is_given(const struct given *given, size_t count, struct span key)
{
    for (size_t i = 0; i < count; i++)
        if (given[i].value && json_key_is(key, given[i].member))
            return true;
    return false;
}

static int write_body(const struct targeted_args *a, struct buf *file, struct buf *account, struct buf *out)
{
    const struct given given[] = {{"name", a->name},        {"kind", a->kind},
                                  {"baseUrl", a->base_url}, {"ratePerSecond", a->rate},
                                  {"channel", a->channel},  {"senderId", a->sender},
                                  {"enabled", a->enabled},  {"serviceAccount", a->account}};
    const size_t count = sizeof(given) / sizeof(given[0]);
    struct json_value members = {.kind = JSON_KIND_NONE}, key_file = {.kind = JSON_KIND_NONE}, value;
    struct json_write w;
    struct span key;
    int status = a->file ? read_object(a->file, file, &members) : 0;
    if (!status && a->account)
        status = read_object(a->account, account, &key_file);
    if (status)
        return status;
    json_write_init(&w, out);
    json_write_object(&w);
    struct json_iter it = json_members(members);
    while (json_next_member(&it, &key, &value)) {
        if (is_given(given, count, key))
            continue;
        char name[128];
        (void)snprintf(name, sizeof(name), "%.*s", (int)(key.len < 100 ? key.len : 100), key.ptr);
        json_write_key(&w, name);
        json_write_raw(&w, value.raw);
    }
    for (size_t i = 0; i + 1 < count; i++)
        if (given[i].value)
            write_given(&w, &given[i]);
    if (a->account) {
        json_write_key(&w, "serviceAccount");
        json_write_raw(&w, key_file.raw);
    }
    json_write_end(&w);
    return json_write_finish(&w) ? visible_complain(NULL, "that is larger than a node takes (1 MiB)") : 0;
}

static void wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->alloc);
    buf_deinit(b);
}

/* ---- calls ---- */

static int list(const struct row *row, const struct targeted_args *a)
{
    struct buf path;
    buf_init(&path, PATH_LEN);
    int status = write_path(row, a, &path);
    if (!status)
        status = listing_pages(&a->client, &row->listing, path.data, UINT32_MAX, a->json);
    buf_deinit(&path);
    return status;
}

static int call(const struct row *row, const struct targeted_args *a)
{
    struct buf path, file, account, body, answer;
    buf_init(&path, PATH_LEN);
    buf_init(&file, FILE_MAX);
    buf_init(&account, FILE_MAX);
    buf_init(&body, FILE_MAX);
    buf_init(&answer, ANSWER_MAX);
    int status = row->options & OPTION_BODY ? write_body(a, &file, &account, &body) : 0;
    if (!status)
        status = write_path(row, a, &path);
    if (!status)
        status = client_ask(&a->client, row->method, path.data, buf_span(&body), &answer);
    if (!status && buf_len(&answer) && a->json)
        answer_print(stdout, buf_span(&answer));
    else if (!status && buf_len(&answer))
        status = listing_object(NULL, buf_span(&answer));
    buf_deinit(&path);
    wipe(&file);
    wipe(&account);
    wipe(&body);
    buf_deinit(&answer);
    return status;
}

static int verify(const struct row *row, const struct targeted_args *a)
{
    struct buf path;
    buf_init(&path, PATH_LEN);
    int status = write_path(row, a, &path);
    if (!status)
        status = sender_verify_run(&a->client, path.data, a->lang, a->json);
    buf_deinit(&path);
    return status;
}

static bool arrives(struct json_value root)
{
    char state[32];
    return answer_text(root, "state", state, sizeof(state)) &&
           (strcmp(state, "ready") == 0 || strcmp(state, "sent") == 0);
}

static int show_trial(const struct targeted_args *a, struct span answer)
{
    struct json_value root;
    struct paint p;
    struct buf text;
    if (!answer_read(answer, &root))
        return client_strange();
    const bool fine = arrives(root);
    paint_init(&p, stdout);
    if (a->json) {
        answer_print(stdout, answer);
        return fine ? CLIENT_DONE : probe_exit_code(REASON_ERROR_STATUS_CODE);
    }
    static const char *const members[] = {"state", "target", "serviceId", "detail"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct json_value v = answer_at(root, members[i]);
        if (v.kind != JSON_KIND_STRING)
            continue;
        buf_init(&text, 8192);
        paint_padded(&p, PAINT_DIM, members[i], 12);
        if (!answer_show(v, 600, &text))
            (void)fwrite(buf_span(&text).ptr, 1, buf_len(&text), stdout);
        (void)fputc('\n', stdout);
        buf_deinit(&text);
    }
    if (answer_at(root, "error").kind == JSON_KIND_OBJECT)
        sender_verify_error(&p, answer_at(root, "error"), a->lang);
    if (answer_at(root, "content").kind == JSON_KIND_OBJECT)
        answer_print(stdout, answer_at(root, "content").raw);
    return fine ? CLIENT_DONE : probe_exit_code(REASON_ERROR_STATUS_CODE);
}

static int trial(const struct row *row, const struct targeted_args *a)
{
    struct buf path, body, answer;
    struct json_write w;
    buf_init(&path, PATH_LEN);
    buf_init(&body, 4096);
    buf_init(&answer, ANSWER_MAX);
    json_write_init(&w, &body);
    json_write_object(&w);
    json_write_key(&w, "userId");
    json_write_str(&w, a->words[1]);
    json_write_end(&w);
    int status = json_write_finish(&w) ? CLIENT_FAILED : write_path(row, a, &path);
    if (!status)
        status = client_ask(&a->client, row->method, path.data, buf_span(&body), &answer);
    if (!status)
        status = show_trial(a, buf_span(&answer));
    buf_deinit(&path);
    buf_deinit(&body);
    buf_deinit(&answer);
    return status;
}

static int run(const char *command, int argc, char **argv)
{
    const char *names[ROWS + 1] = {NULL};
    size_t n = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(rows[i].command, command) != 0)
            continue;
        names[n++] = rows[i].verb;
        if (argc < 2 || strcmp(argv[1], rows[i].verb) != 0)
            continue;
        if (arguments_ask_help(argc, argv))
            return usage(stdout, command, &rows[i], 0);
        struct targeted_args a = {0};
        int status = parse(&rows[i], argc, argv, &a);
        return status ? status : rows[i].run(&rows[i], &a);
    }
    if (argc > 1 && strcmp(argv[1], "--help") != 0 && strcmp(argv[1], "-h") != 0)
        return arguments_no_verb(command, argv[1], names);
    return argc > 1 ? usage(stdout, command, NULL, 0) : usage(stderr, command, NULL, CLIENT_USAGE);
}

int cmd_sender(int argc, char **argv)
{
    return run("sender", argc, argv);
}

int cmd_campaign(int argc, char **argv)
{
    return run("campaign", argc, argv);
}
