/* `todoke job`: deliveries of campaigns to people, over the API. */
#include "command/job.h"

#include <string.h>

#include "base/visible.h"
#include "command/answer.h"
#include "command/commands.h"
#include "command/download.h"
#include "command/listing.h"

struct row;
static int start(const struct row *row, struct job_args *a);
static int list(const struct row *row, struct job_args *a);
static int call(const struct row *row, struct job_args *a);
static int watch(const struct row *row, struct job_args *a);
static int errors(const struct row *row, struct job_args *a);
static int messages(const struct row *row, struct job_args *a);

enum option {
    OPTION_START = 1,
    OPTION_LIST = 2,
    OPTION_WATCH = 4,
    OPTION_UNKNOWN = 8,
    OPTION_FILE = 16,
    OPTION_SEARCH = 32,
};

static const struct row {
    const char *verb, *words, *help;
    int (*run)(const struct row *row, struct job_args *a);
    const char *method, *path; /* behind the job */
    bool one;                  /* it takes a job */
    unsigned options;
} rows[] = {
    {"start", "[options]", "delivers a campaign to an audience", start, "POST", "", false,
     OPTION_START | OPTION_WATCH},
    {"list", "[options]", "lists the jobs, newest first", list, "GET", "", false, OPTION_LIST},
    {"show", "JOB", "shows a job: state, counts, pace", call, "GET", "", true, 0},
    {"watch", "JOB", "follows a job to its end, then shows its errors", watch, "GET", "", true, 0},
    {"pause", "JOB", "pauses a running job", call, "POST", "/pause", true, 0},
    {"resume", "JOB", "lets a paused job go on", call, "POST", "/resume", true, OPTION_WATCH},
    {"stop", "JOB", "ends a job for good", call, "POST", "/stop", true, 0},
    {"retry", "JOB", "makes a job of what may be sent again", call, "POST", "/retry", true,
     OPTION_UNKNOWN | OPTION_WATCH},
    {"errors", "JOB", "the table of errors with counts and advice", errors, "GET", "/errors", true,
     OPTION_FILE},
    {"messages", "JOB", "what became of each message", messages, "GET", "/messages", true,
     OPTION_FILE | OPTION_SEARCH | OPTION_LIST},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ---- the command line ---- */

struct options {
    struct argument rows[32];
};

static struct argument *start_options(struct job_args *a, struct argument *o)
{
    const struct argument all[] = {
        ARGUMENT_OF_TEXT("--campaign", &a->campaign, "ID", "what is sent: its ID or short ID"),
        ARGUMENT_OF_TEXT("--segment", &a->segment, "ID", "to whom: a segment;"),
        ARGUMENT_OF_TEXT("--list", &a->list, "ID", "or a list;"),
        ARGUMENT_OF_TEXT("--query", &a->query, "ID", "or a stored query;"),
        ARGUMENT_OF_TEXT("--sql", &a->sql, "SQL", "or this query, with --by"),
        ARGUMENT_OF_TEXT("--by", &a->by, "WHAT",
                         "how its rows name people: user_id, email, line_user_id, fcm_token, endpoint"),
        ARGUMENT_OF_TEXT("--at", &a->at, "TIME", "when, such as 2026-11-22T09:00:00+09:00 [now]"),
        ARGUMENT_OF_TEXT("--every", &a->every, "day|week|month", "again and again:"),
        ARGUMENT_OF_TEXT("--days", &a->days, "mon,thu", "of a week"),
        ARGUMENT_OF_TEXT("--day", &a->day, "N", "of a month; its last one where it has fewer"),
        ARGUMENT_OF_TEXT("--time", &a->time, "hh:mm", "at that time"),
        ARGUMENT_OF_TEXT("--zone", &a->zone, "ZONE", "of the time zone, such as Asia/Tokyo"),
        ARGUMENT_OF_TEXT("--rate", &a->rate, "N", "messages a second, at most [as the sender has it]"),
        ARGUMENT_OF_FLAG("--no-dedupe", &a->no_dedupe, "also to a target that several people have, for each"),
    };
    memcpy(o, all, sizeof(all));
    return o + sizeof(all) / sizeof(all[0]);
}

static struct argument *search_options(struct job_args *a, struct argument *o)
{
    const struct argument all[] = {
        ARGUMENT_OF_TEXT("--state", &a->state, "STATE,…",
                         "waiting, sending, retrying, sent, delivered, failed, skipped, unknown"),
        ARGUMENT_OF_TEXT("--kind", &a->kind, "KIND", "kind of the error, in Japanese or English"),
        ARGUMENT_OF_TEXT("--error", &a->error, "ID", "of the error, as `todoke explain` has it"),
        ARGUMENT_OF_TEXT("--text", &a->text, "TEXT", "part of the error, target, userId or service's ID"),
    };
    memcpy(o, all, sizeof(all));
    return o + sizeof(all) / sizeof(all[0]);
}

static void options_of(const struct row *row, struct job_args *a, struct options *ret)
{
    struct argument *o = ret->rows;
    *o++ = (struct argument)ARGUMENT_OF_TEXT("--provider", &a->provider, "ID",
                                             "whose job [the provider, where there is but one]");
    if (row->options & OPTION_START)
        o = start_options(a, o);
    if (row->options & OPTION_SEARCH)
        o = search_options(a, o);
    if (row->options & OPTION_UNKNOWN)
        *o++ = (struct argument)ARGUMENT_OF_FLAG(
            "--unknown", &a->unknown,
            "of those that may have been sent: some people may get the message twice");
    if (row->options & OPTION_WATCH)
        *o++ = (struct argument)ARGUMENT_OF_FLAG("--watch", &a->watch, "follows the job to its end");
    if (row->options & OPTION_FILE) {
        *o++ = (struct argument)ARGUMENT_OF_TEXT("--format", &a->format, "tsv|csv",
                                                 "a file of all rows, for spreadsheets");
    }
    if (row->options & (OPTION_FILE | OPTION_WATCH) || row->run == watch)
        *o++ = (struct argument)ARGUMENT_OF_LANG(&a->lang, "language of causes, advice and headings [en]");
    if (row->options & OPTION_LIST)
        *o++ = (struct argument)ARGUMENT_OF_NUMBER("--limit", &a->limit, 1, UINT32_MAX, "N",
                                                   "rows, at most [100]");
    *o++ = (struct argument)ARGUMENT_OF_FLAG("--json", &a->json, "as JSON; lists an object a line");
    *o = (struct argument)ARGUMENT_END;
}

static void row_usage(FILE *to, const struct row *row, const char *lead)
{
    char line[80];
    (void)snprintf(line, sizeof(line), "todoke job %s %s", row->verb, row->words);
    (void)fprintf(to, "%-7s%-32s  %s\n", lead, line, row->help);
}

/* Usage of one verb; row NULL: of the whole command. */
static int usage(FILE *to, const struct row *row, int status)
{
    const char *lead = "usage:";
    struct job_args none;
    struct options options;
    for (size_t i = 0; i < ROWS; i++) {
        if (row && row != &rows[i])
            continue;
        row_usage(to, &rows[i], lead);
        lead = "";
    }
    (void)fputc('\n', to);
    if (row) {
        options_of(row, &none, &options);
        arguments_help(to, options.rows);
    } else {
        (void)fputs("`todoke job VERB --help` has the options of each.\n", to);
    }
    client_help(to);
    return status;
}

static bool is_id(const char *text)
{
    return text[0] && !text[strspn(text, "0123456789")] && strlen(text) <= 18;
}

static int parse(const struct row *row, int argc, char **argv, struct job_args *a)
{
    struct options options;
    char name[32];
    (void)snprintf(name, sizeof(name), "job %s", row->verb);
    options_of(row, a, &options);
    const struct argument of_client[] = CLIENT_OPTIONS(&a->client);
    struct arguments in = {.command = name, .options = {options.rows, of_client}, .words_max = row->one};
    int status = arguments_read(&in, argc, argv, 2);
    if (status)
        return status;
    a->job = in.word_count ? in.words[0] : NULL;
    if (row->one && !a->job) {
        (void)visible_complain(name, "which one? Give its ID");
        return arguments_try(name);
    }
    if (a->job && !is_id(a->job))
        return visible_complain(name, "\"%s\" is no ID of a job", a->job);
    if (a->provider && !is_id(a->provider))
        return visible_complain(name, "\"%s\" is no provider ID", a->provider);
    if (a->format && strcmp(a->format, "tsv") != 0 && strcmp(a->format, "csv") != 0)
        return visible_complain(name, "--format is tsv or csv, not \"%s\"", a->format);
    if (a->format && (a->json || a->limit))
        return visible_complain(name, "--format gives a file of all rows, without --json and --limit");
    return client_ready(&a->client) ? 0 : CLIENT_USAGE;
}

/* ---- paths ---- */

enum err job_parameter(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return ERR_NONE;
    const bool first = !memchr(out->data, '?', buf_len(out));
    buf_cut(out, buf_len(out) - 1); /* the NUL */
    enum err e = buf_printf(out, "%c%s=", first ? '?' : '&', name);
    for (const char *p = value; *p && !e; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     *p == '-' || *p == '_';
        e = plain ? buf_add(out, p, 1) : buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
    }
    return e ? e : buf_add(out, "", 1);
}

/* The only provider that the key may see. */
static int find_provider(const struct job_args *a, char out[static 24])
{
    struct buf answer;
    struct json_value root, one;
    buf_init(&answer, JOB_ANSWER_MAX);
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

int job_path(const struct job_args *a, const char *rest, struct buf *out)
{
    char found[24];
    const char *provider = a->provider;
    if (!provider) {
        int status = find_provider(a, found);
        if (status)
            return status;
        provider = found;
    }
    enum err e = buf_printf(out, "/api/v1/providers/%s/jobs%s%s%s", provider, a->job ? "/" : "",
                            a->job ? a->job : "", rest);
    if (!e)
        e = buf_add(out, "", 1);
    return e ? visible_complain("job", "that is too long") : 0;
}

/* ---- the verbs ---- */

static const struct listing kinds = {"kinds",
                                     {{"KIND", "kind"}, {"ENGLISH", "kindEn"}, {"MESSAGES", "count"}}};

/* Asks, and shows the job that is answered, or follows it. */
static int ask(const struct row *row, struct job_args *a, struct span body)
{
    struct buf path, answer;
    char id[24];
    struct json_value root;
    buf_init(&path, JOB_PATH_LEN);
    buf_init(&answer, JOB_ANSWER_MAX);
    int status = job_path(a, row->path, &path);
    if (!status)
        status = client_ask(&a->client, row->method, path.data, body, &answer);
    if (!status && a->watch &&
        (!answer_read(buf_span(&answer), &root) || !answer_text(root, "jobId", id, sizeof(id))))
        status = client_strange();
    if (!status && a->watch) {
        (void)printf("job %s\n", id);
        (void)fflush(stdout);
        status = job_watch(a, id);
    } else if (!status && a->json) {
        answer_print(stdout, buf_span(&answer));
    } else if (!status) {
        status = listing_object(&kinds, buf_span(&answer));
    }
    buf_deinit(&path);
    buf_deinit(&answer);
    return status;
}

static int start(const struct row *row, struct job_args *a)
{
    struct buf body;
    buf_init(&body, 65536);
    int status = job_order(a, &body);
    if (!status)
        status = ask(row, a, buf_span(&body));
    buf_deinit(&body);
    return status;
}

static int call(const struct row *row, struct job_args *a)
{
    return ask(row, a, a->unknown ? SPAN_LIT("{\"unknown\":true}") : SPAN_LIT(""));
}

static int watch(const struct row *row, struct job_args *a)
{
    (void)row;
    return job_watch(a, a->job);
}

static int list(const struct row *row, struct job_args *a)
{
    static const struct listing jobs = {"jobs",
                                        {{"ID", "jobId"},
                                         {"STATE", "state"},
                                         {"CHANNEL", "channel"},
                                         {"MESSAGES", "total"},
                                         {"FAILED", "counts.failed"},
                                         {"CREATED", "createdAt"},
                                         {"CAMPAIGN", "campaign"}}};
    struct buf path;
    buf_init(&path, JOB_PATH_LEN);
    int status = job_path(a, row->path, &path);
    if (!status)
        status = listing_pages(&a->client, &jobs, path.data, a->limit ? a->limit : 100, a->json);
    buf_deinit(&path);
    return status;
}

static int search_path(const struct row *row, const struct job_args *a, struct buf *path)
{
    const char *const lang = a->lang == LANG_JA ? "ja" : "en";
    const char *const all[][2] = {{"state", a->state}, {"kind", a->kind},     {"error", a->error},
                                  {"text", a->text},   {"format", a->format}, {"lang", lang}};
    int status = job_path(a, row->path, path);
    for (size_t i = 0; !status && i < sizeof(all) / sizeof(all[0]); i++)
        if (job_parameter(path, all[i][0], all[i][1]))
            status = visible_complain("job messages", "that is too long");
    return status;
}

static int errors(const struct row *row, struct job_args *a)
{
    if (!a->format)
        return job_errors(a, a->job);
    struct buf path;
    buf_init(&path, JOB_PATH_LEN);
    int status = search_path(row, a, &path);
    if (!status)
        status = download(&a->client, path.data, stdout);
    buf_deinit(&path);
    return status;
}

static int messages(const struct row *row, struct job_args *a)
{
    static const struct listing table = {"messages",
                                         {{"MESSAGE", "messageId"},
                                          {"STATE", "state"},
                                          {"USER", "userId"},
                                          {"TARGET", "target"},
                                          {"KIND", "error.kind"},
                                          {"TRIES", "tries"},
                                          {"ERROR MESSAGE", "error.text"}}};
    struct buf path;
    buf_init(&path, JOB_PATH_LEN);
    int status = search_path(row, a, &path);
    if (!status && a->format)
        status = download(&a->client, path.data, stdout);
    else if (!status)
        status = listing_pages(&a->client, &table, path.data, a->limit ? a->limit : 100, a->json);
    buf_deinit(&path);
    return status;
}

int cmd_job(int argc, char **argv)
{
    const char *names[ROWS + 1];
    const bool help = arguments_ask_help(argc, argv);
    for (size_t i = 0; i < ROWS; i++) {
        names[i] = rows[i].verb;
        if (argc < 2 || strcmp(rows[i].verb, argv[1]) != 0)
            continue;
        if (help)
            return usage(stdout, &rows[i], 0);
        struct job_args a = {.lang = LANG_EN};
        int status = parse(&rows[i], argc, argv, &a);
        return status ? status : rows[i].run(&rows[i], &a);
    }
    names[ROWS] = NULL;
    if (help && (argc < 2 || argv[1][0] == '-'))
        return usage(stdout, NULL, 0);
    return argc > 1 ? arguments_no_verb("job", argv[1], names) : usage(stderr, NULL, CLIENT_USAGE);
}
