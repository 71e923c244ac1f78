/* `todoke user` and `todoke list`: the audience of a provider, over the API. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json_write.h"
#include "base/visible.h"
#include "command/answer.h"
#include "command/client.h"
#include "command/commands.h"
#include "command/listing.h"
#include "command/upload.h"

#define ANSWER_MAX (8u << 20)
#define FILE_MAX (4u << 20) /* of put: what the node takes in one call */
#define PATH_LEN 2000u
#define POLL_MS 200

struct audience_args {
    struct client client;
    const char *provider, *word, *text, *segment, *name, *by, *type;
    uint32_t limit;
    bool json;
};

struct row;
static int put(const struct row *row, const struct audience_args *a);
static int list(const struct row *row, const struct audience_args *a);
static int call(const struct row *row, const struct audience_args *a);
static int import(const struct row *row, const struct audience_args *a);

enum option { OPTION_LIST = 1, OPTION_SEARCH = 2, OPTION_TYPE = 4, OPTION_LIST_NAME = 8 };

static const struct row {
    const char *command, *verb, *words, *help;
    int (*run)(const struct row *row, const struct audience_args *a);
    const char *method, *path; /* behind the provider; {}: the word */
    const char *which;         /* error where the word is missing; NULL: it takes none */
    unsigned options;
    bool optional; /* the word: standard input else */
    struct listing listing;
} rows[] = {
    {"user", "put", "[FILE|-]", "makes or changes people: {\"users\":[…]}, an array, or one", put, "POST",
     "/users", "", .optional = true, .options = 0,
     .listing =
         {"users",
          {{"USER", "userId"}, {"STATE", "state"}, {"FIELD", "error.property"}, {"WHY", "error.message"}}}},
    {"user", "show", "USER", "shows a person with targets and attributes", call, "GET", "/users/{}",
     "which one? Give the userId", .options = 0},
    {"user", "list", "[options]", "looks for people", list, "GET", "/users", NULL,
     OPTION_LIST | OPTION_SEARCH,
     .listing = {"users",
                 {{"USER", "userId"},
                  {"UPDATED", "updatedAt"},
                  {"EMAIL", "email.value"},
                  {"SUBSCRIBED", "email.subscribed"},
                  {"LINE", "line.value"}}}},
    {"user", "delete", "USER", "deletes a person", call, "DELETE", "/users/{}", "which one? Give the userId",
     .options = 0},
    {"user", "import", "FILE|-", "imports people from CSV or NDJSON", import, "POST", "/imports?into=users",
     "which file? (- is standard input)", OPTION_TYPE, .optional = false},
    {"list", "import", "FILE|-", "makes a list from CSV or NDJSON", import, "POST", "/imports?into=list",
     "which file? (- is standard input)", OPTION_TYPE | OPTION_LIST_NAME, .optional = false},
    {"list", "list", "[options]", "lists the lists", list, "GET", "/lists", NULL, OPTION_LIST,
     .listing =
         {"lists",
          {{"ID", "listId"}, {"BY", "by"}, {"ROWS", "rows"}, {"CREATED", "createdAt"}, {"NAME", "name"}}}},
    {"list", "show", "LIST", "shows a list", call, "GET", "/lists/{}", "which one? Give its ID",
     .options = 0},
    {"list", "delete", "LIST", "deletes a list", call, "DELETE", "/lists/{}", "which one? Give its ID",
     .options = 0},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- the command line ---- */

struct options {
    struct argument rows[10];
};

static void options_of(const struct row *row, struct audience_args *a, struct options *ret)
{
    struct argument *o = ret->rows;
    *o++ = (struct argument)ARGUMENT_OF_TEXT("--provider", &a->provider, "ID",
                                             "whose audience [the provider, where there is but one]");
    if (row->options & OPTION_SEARCH) {
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--text", &a->text, "TEXT",
                                                 "part of the userId, or a whole address or token");
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--segment", &a->segment, "ID",
                                                 "only whom this segment matches");
    }
    if (row->options & OPTION_LIST_NAME) {
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--name", &a->name, "NAME", "of the list");
        *o++ = (struct argument)ARGUMENT_OF_TEXT(
            "--by", &a->by, "WHAT", "user_id, email, line_user_id, fcm_token or endpoint [user_id]");
    }
    if (row->options & OPTION_TYPE)
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--type", &a->type, "TYPE",
                                                 "text/csv or application/x-ndjson [by the name of FILE]; "
                                                 "\"text/csv; charset=Shift_JIS\"");
    if (row->options & OPTION_LIST)
        *o++ = (struct argument)ARGUMENT_OF_NUMBER("--limit", &a->limit, 1, UINT32_MAX, "N",
                                                   "rows, at most [100]");
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
    struct audience_args none;
    struct options options;
    for (size_t i = 0; i < ROWS; i++) {
        if (row ? row != &rows[i] : strcmp(rows[i].command, command) != 0)
            continue;
        row_usage(to, &rows[i], lead);
        lead = "";
    }
    struct row all = {.options = strcmp(command, "user") == 0 ? OPTION_LIST | OPTION_SEARCH | OPTION_TYPE
                                                              : OPTION_LIST | OPTION_TYPE | OPTION_LIST_NAME};
    (void)fputc('\n', to);
    options_of(row ? row : &all, &none, &options);
    arguments_help(to, options.rows);
    client_help(to);
    return status;
}

/* Percent-encodes what a path or query must not hold as it is. */
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

static enum err add_parameter(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return ERR_NONE;
    bool first = !memchr(buf_span(out).ptr, '?', buf_len(out));
    enum err e = buf_printf(out, "%c%s=", first ? '?' : '&', name);
    return e ? e : add_encoded(out, value);
}

/* The only provider that the key may see. */
static int find_provider(const struct audience_args *a, char out[static 24])
{
    struct buf answer;
    struct json_value root, one, all;
    buf_init(&answer, ANSWER_MAX);
    int status = client_ask(&a->client, "GET", "/api/v1/providers?limit=2", SPAN_LIT(""), &answer);
    size_t n = 0;
    if (!status && !answer_read(buf_span(&answer), &root))
        status = client_strange();
    if (!status) {
        all = answer_at(root, "providers");
        struct json_iter it = json_elements(all);
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
static int write_path(const struct row *row, const struct audience_args *a, struct buf *out)
{
    char found[24];
    const char *provider = a->provider;
    if (!provider) {
        int status = find_provider(a, found);
        if (status)
            return status;
        provider = found;
    }
    const char *place = strstr(row->path, "{}");
    enum err e = buf_printf(out, "/api/v1/providers/%s%.*s", provider,
                            (int)(place ? place - row->path : (ptrdiff_t)strlen(row->path)), row->path);
    if (!e && place)
        e = add_encoded(out, a->word);
    if (!e)
        e = add_parameter(out, "text", a->text);
    if (!e)
        e = add_parameter(out, "segment", a->segment);
    if (!e)
        e = add_parameter(out, "name", a->name);
    if (!e)
        e = add_parameter(out, "by", a->by);
    if (!e)
        e = buf_add(out, "", 1);
    return e ? visible_complain(row->command, "that is too long") : 0;
}

static int parse(const struct row *row, int argc, char **argv, struct audience_args *a)
{
    struct options options;
    char name[32];
    (void)snprintf(name, sizeof(name), "%s %s", row->command, row->verb);
    options_of(row, a, &options);
    const struct argument of_client[] = CLIENT_OPTIONS(&a->client);
    struct arguments in = {
        .command = name, .options = {options.rows, of_client}, .words_max = row->which != NULL};
    int status = arguments_read(&in, argc, argv, 2);
    if (status)
        return status;
    a->word = in.word_count ? in.words[0] : row->optional ? "-" : NULL;
    if (row->which && (!a->word || !a->word[0])) {
        (void)visible_complain(name, "%s", row->which);
        return arguments_try(name);
    }
    if (a->provider &&
        (!a->provider[0] || a->provider[strspn(a->provider, "0123456789")] || strlen(a->provider) > 18))
        return visible_complain(name, "\"%s\" is no provider ID", a->provider);
    if (row->options & OPTION_LIST_NAME && !a->name) {
        (void)visible_complain(name, "what is the list to be called? Give --name");
        return arguments_try(name);
    }
    return client_ready(&a->client) ? 0 : CLIENT_USAGE;
}

/* ---- calls ---- */

static int show_answer(const struct row *row, const struct audience_args *a, struct span answer)
{
    if (!answer.len)
        return CLIENT_DONE;
    if (!a->json)
        return listing_object(&row->listing, answer);
    answer_print(stdout, answer);
    return CLIENT_DONE;
}

static int call(const struct row *row, const struct audience_args *a)
{
    struct buf path, answer;
    buf_init(&path, PATH_LEN);
    buf_init(&answer, ANSWER_MAX);
    int status = write_path(row, a, &path);
    if (!status)
        status = client_ask(&a->client, row->method, path.data, SPAN_LIT(""), &answer);
    if (!status)
        status = show_answer(row, a, buf_span(&answer));
    buf_deinit(&path);
    buf_deinit(&answer);
    return status;
}

static int list(const struct row *row, const struct audience_args *a)
{
    struct buf path;
    buf_init(&path, PATH_LEN);
    int status = write_path(row, a, &path);
    if (!status)
        status = listing_pages(&a->client, &row->listing, path.data, a->limit ? a->limit : 100, a->json);
    buf_deinit(&path);
    return status;
}

/* ---- put ---- */

static FILE *open_file(const char *command, const char *path)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!in)
        (void)visible_complain(command, "%s: %s", path, strerror(errno));
    return in;
}

static void close_file(FILE *in)
{
    if (in && in != stdin)
        (void)fclose(in);
}

/*
 * Wraps one person, or an array, as {"users":[…]}. Invalid JSON is sent as it is: the node says what is
 * wrong.
 */
static enum err wrap(struct span text, struct buf *out)
{
    size_t at;
    struct json_value users;
    const char *before = "", *behind = "";
    if (json_check(text, JSON_DEPTH, &at) == ERR_NONE) {
        struct json_value root = json_root(text);
        if (root.kind == JSON_KIND_ARRAY)
            before = "{\"users\":", behind = "}";
        else if (root.kind == JSON_KIND_OBJECT && json_find(root, "users", &users) == ERR_NOT_FOUND)
            before = "{\"users\":[", behind = "]}";
    }
    enum err e = buf_add_str(out, before);
    if (!e)
        e = buf_add_span(out, text);
    return e ? e : buf_add_str(out, behind);
}

/* Whether one was refused: the exit status says so. */
static bool any_refused(struct span answer)
{
    struct json_value root, one;
    bool any = false;
    if (!answer_read(answer, &root))
        return false;
    struct json_iter it = json_elements(answer_at(root, "users"));
    while (json_next_element(&it, &one))
        any = any || answer_at(one, "error").kind != JSON_KIND_NONE;
    return any;
}

static int put(const struct row *row, const struct audience_args *a)
{
    struct buf file, body, path, answer;
    FILE *in = open_file("user put", a->word);
    if (!in)
        return CLIENT_USAGE;
    buf_init(&file, FILE_MAX);
    buf_init(&body, FILE_MAX + 64);
    buf_init(&path, PATH_LEN);
    buf_init(&answer, ANSWER_MAX);
    enum err e = ERR_NONE;
    while (!e && !feof(in) && !ferror(in)) {
        e = buf_reserve(&file, 4096);
        if (!e)
            file.tail += fread(file.data + file.tail, 1, 4096, in);
    }
    int status = 0;
    if (e || ferror(in))
        status = visible_complain("user put", "%s: %s", a->word,
                                  e == ERR_LIMIT ? "over 4 MiB; `todoke user import` takes any size"
                                  : e            ? err_text(e)
                                                 : strerror(errno));
    close_file(in);
    if (!status && wrap(buf_span(&file), &body))
        status = CLIENT_FAILED;
    if (!status)
        status = write_path(row, a, &path);
    if (!status)
        status = client_ask(&a->client, row->method, path.data, buf_span(&body), &answer);
    if (!status)
        status = show_answer(row, a, buf_span(&answer));
    if (!status && any_refused(buf_span(&answer)))
        status = CLIENT_REFUSED;
    buf_deinit(&file);
    buf_deinit(&body);
    buf_deinit(&path);
    buf_deinit(&answer);
    return status;
}

/* ---- import ---- */

static const struct listing refusals = {"refusals", {{"LINE", "line"}, {"FIELD", "field"}, {"WHY", "why"}}};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Waits until the import is over, and shows what became of it. */
static int follow(const struct audience_args *a, const char *path, const char *id, struct upload_bar *bar)
{
    char where[PATH_LEN];
    const char *query = strchr(path, '?');
    (void)snprintf(where, sizeof(where), "%.*s/%s", (int)(query ? query - path : (ptrdiff_t)strlen(path)),
                   path, id);
    for (;;) {
        struct buf answer;
        struct json_value root;
        char state[16];
        int64_t read = 0;
        buf_init(&answer, ANSWER_MAX);
        int status = client_ask(&a->client, "GET", where, SPAN_LIT(""), &answer);
        if (!status &&
            (!answer_read(buf_span(&answer), &root) || !answer_text(root, "state", state, sizeof(state)) ||
             !answer_number(root, "read", &read)))
            status = client_strange();
        bool running = !status && strcmp(state, "running") == 0;
        if (running) {
            upload_bar_show(bar, "storing", (uint64_t)read, 0, "rows");
            (void)nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
        } else {
            upload_bar_end(bar);
        }
        int64_t refused = 0;
        if (!status && !running) {
            if (a->json)
                answer_print(stdout, buf_span(&answer));
            else
                status = listing_object(&refusals, buf_span(&answer));
            if (!status &&
                (strcmp(state, "done") != 0 || !answer_number(root, "refused", &refused) || refused))
                status = CLIENT_REFUSED;
        }
        buf_deinit(&answer);
        if (!running)
            return status;
    }
}

static int import(const struct row *row, const struct audience_args *a)
{
    char name[32], id[24];
    struct buf path, answer;
    struct upload_bar bar;
    struct json_value root;
    (void)snprintf(name, sizeof(name), "%s import", row->command);
    const char *type = a->type ? a->type : ends_with(a->word, ".csv") ? "text/csv" : "application/x-ndjson";
    FILE *in = open_file(name, a->word);
    if (!in)
        return CLIENT_USAGE;
    buf_init(&path, PATH_LEN);
    buf_init(&answer, ANSWER_MAX);
    upload_bar_begin(&bar);
    int status = write_path(row, a, &path);
    if (!status)
        status = upload_send(&a->client, path.data, type, in, &bar, &answer);
    close_file(in);
    if (!status && (!answer_read(buf_span(&answer), &root) || !answer_text(root, "importId", id, sizeof(id))))
        status = client_strange();
    if (!status)
        status = follow(a, path.data, id, &bar);
    buf_deinit(&path);
    buf_deinit(&answer);
    return status;
}

/* ---- the commands ---- */

static int run(const char *command, int argc, char **argv)
{
    const char *names[ROWS + 1];
    size_t n = 0;
    bool help = arguments_ask_help(argc, argv);
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (strcmp(row->command, command) != 0)
            continue;
        names[n++] = row->verb;
        if (argc < 2 || strcmp(row->verb, argv[1]) != 0)
            continue;
        if (help)
            return usage(stdout, command, row, 0);
        struct audience_args a = {0};
        int status = parse(row, argc, argv, &a);
        return status ? status : row->run(row, &a);
    }
    names[n] = NULL;
    if (argc > 1 && argv[1][0] != '-')
        return arguments_no_verb(command, argv[1], names);
    if (help)
        return usage(stdout, command, NULL, 0);
    return argc > 1 ? arguments_no_verb(command, argv[1], names) : usage(stderr, command, NULL, CLIENT_USAGE);
}

int cmd_user(int argc, char **argv)
{
    return run("user", argc, argv);
}

int cmd_list(int argc, char **argv)
{
    return run("list", argc, argv);
}
