#include "command/channel_secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "base/visible.h"
#include "command/answer.h"
#include "command/client.h"
#include "command/explain.h"
#include "command/listing.h"
#include "command/probe.h"

#define ANSWER_MAX (1u << 20)

struct args {
    struct client client;
    const char *name; /* "channel token issue" */
    char *const *words;
    size_t count;
    const char *time;
    bool json;
    enum lang lang;
};

static int token_issue(const struct args *a);
static int token_list(const struct args *a);
static int token_revoke(const struct args *a);
static int secret_show(const struct args *a);
static int secret_rotate(const struct args *a);
static int verify(const struct args *a);

static const struct row {
    const char *what, *sub;
    int (*run)(const struct args *a);
    size_t min, max;  /* words after them: the channel's ID, … */
    const char *time; /* an option that takes a time */
    const char *words, *help;
} rows[] = {
    {"token", "issue", token_issue, 1, 1, "--expires", "ID [--expires TIME]",
     "issues an access token, shown once; without --expires it never expires"},
    {"token", "list", token_list, 1, 1, NULL, "ID [--json]",
     "lists the access tokens, only their first characters"},
    {"token", "revoke", token_revoke, 2, 2, NULL, "ID TOKEN-ID", "revokes an access token"},
    {"secret", NULL, secret_show, 1, 1, NULL, "ID", "shows the channel secret; the audit log records that"},
    {"rotate-secret", NULL, secret_rotate, 1, 1, "--grace", "ID [--grace TIME]",
     "makes a new secret; both sign for TIME (1d by default)"},
    {"verify", NULL, verify, 1, 2, NULL, "ID [URL] [--json] [--lang en|ja]",
     "tries the channel's webhook URL, or URL"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

bool channel_secret_knows(const char *what)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(what, rows[i].what) == 0)
            return true;
    return false;
}

static void row_help(FILE *to, const struct row *row, const char *lead)
{
    char line[120];
    (void)snprintf(line, sizeof(line), "todoke channel %s%s%s %s", row->what, row->sub ? " " : "",
                   row->sub ? row->sub : "", row->words);
    (void)fprintf(to, "%-7s%-54s  %s\n", lead, line, row->help);
}

/* Usage of one verb; what NULL: of all verbs. */
static void rows_help(FILE *to, const char *what, const char *lead)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (what && strcmp(what, rows[i].what) != 0)
            continue;
        row_help(to, &rows[i], lead);
        lead = "";
    }
}

void channel_secret_help(FILE *to)
{
    rows_help(to, NULL, "");
}

/* NULL: an error or the usage was printed, and *status is the exit status. */
static const struct row *find(int argc, char **argv, int *status)
{
    const char *subs[ROWS + 1];
    size_t n = 0;
    bool has_sub = argc > 2 && strcmp(argv[2], "--help") != 0 && strcmp(argv[2], "-h") != 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (strcmp(argv[1], rows[i].what) != 0)
            continue;
        if (!rows[i].sub || (has_sub && strcmp(argv[2], rows[i].sub) == 0))
            return &rows[i];
        subs[n++] = rows[i].sub;
    }
    subs[n] = NULL;
    if (has_sub) {
        char name[40];
        (void)snprintf(name, sizeof(name), "channel %s", argv[1]);
        *status = arguments_no_verb(name, argv[2], subs);
        return NULL;
    }
    *status = argc > 2 ? 0 : CLIENT_USAGE;
    rows_help(argc > 2 ? stdout : stderr, argv[1], "usage:");
    client_help(argc > 2 ? stdout : stderr);
    return NULL;
}

/* "90", "60s", "15m", "12h", "30d" → seconds; -1: invalid. */
static long long seconds_of(const char *text)
{
    static const struct {
        const char *unit;
        long long seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    if (*text < '0' || *text > '9' || strlen(text) > 12)
        return -1;
    long long n = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].unit) == 0)
            return n * units[i].seconds;
    return -1;
}

static bool id_is_sound(const char *id)
{
    return id[0] && id[strspn(id, "0123456789")] == '\0' && strlen(id) <= 18;
}

/* The answer to a call: its bytes, and the JSON object in them. */
struct reply {
    struct buf bytes;
    struct json_value root;
};

/* Calls the API of a channel and parses the answer; prints it if --json was given. The caller deinits
 * ret->bytes, also after a failure. */
static int call(const struct args *a, const char *method, const char *rest, struct span body,
                struct reply *ret)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/api/v1/channels/%s/%s", a->words[0], rest);
    ret->root = (struct json_value){0};
    buf_init(&ret->bytes, ANSWER_MAX);
    int status = client_ask(&a->client, method, path, body, &ret->bytes);
    if (!status && buf_len(&ret->bytes) &&
        (!answer_read(buf_span(&ret->bytes), &ret->root) || ret->root.kind != JSON_KIND_OBJECT))
        status = client_strange();
    if (!status && a->json && buf_len(&ret->bytes))
        answer_print(stdout, buf_span(&ret->bytes));
    return status;
}

/* Prints one string member of an answer for people. */
static int print_member(const struct reply *r, const char *member)
{
    char text[1024];
    if (!answer_text(r->root, member, text, sizeof(text)))
        return client_strange();
    visible_print(stdout, span_of(text), false);
    (void)putchar('\n');
    return CLIENT_DONE;
}

/* Writes {"name":seconds}, or {} if no time was given. Returns 0, or the exit status once it complained. */
static int write_time(struct buf *out, const struct args *a, const char *name)
{
    long long seconds = a->time ? seconds_of(a->time) : 0;
    if (seconds < 0)
        return visible_complain(a->name, "\"%s\" is not a time such as 90s, 15m, 12h or 30d", a->time);
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    if (a->time) {
        json_write_key(&w, name);
        json_write_int(&w, seconds);
    }
    json_write_end(&w);
    return json_write_finish(&w) ? CLIENT_FAILED : 0;
}

/* Calls with a time in the body; prints one member for people, or the whole answer as JSON. */
static int ask_with_time(const struct args *a, const char *rest, const char *name, const char *member)
{
    struct buf body;
    buf_init(&body, 256);
    struct reply r = {0};
    int status = write_time(&body, a, name);
    if (!status)
        status = call(a, "POST", rest, buf_span(&body), &r);
    if (!status && !a->json)
        status = print_member(&r, member);
    buf_deinit(&body);
    buf_deinit(&r.bytes);
    return status;
}

static int token_issue(const struct args *a)
{
    return ask_with_time(a, "tokens", "expiresInSeconds", "channelAccessToken");
}

static int secret_rotate(const struct args *a)
{
    return ask_with_time(a, "secret/rotate", "graceSeconds", "channelSecret");
}

static int secret_show(const struct args *a)
{
    struct reply r;
    int status = call(a, "GET", "secret", SPAN_LIT(""), &r);
    if (!status && !a->json)
        status = print_member(&r, "channelSecret");
    buf_deinit(&r.bytes);
    return status;
}

static int token_list(const struct args *a)
{
    static const struct listing listing = {"tokens",
                                           {{"ID", "tokenId"},
                                            {"TOKEN", "hint"},
                                            {"CREATED", "createdAt"},
                                            {"EXPIRES", "expiresAt"},
                                            {"LAST USED", "lastUsedAt"}}};
    struct reply r;
    int status = call(a, "GET", "tokens", SPAN_LIT(""), &r);
    if (!status && !a->json)
        listing_table(&listing, answer_at(r.root, "tokens"), true);
    buf_deinit(&r.bytes);
    return status;
}

static int token_revoke(const struct args *a)
{
    char rest[64];
    struct reply r;
    if (!id_is_sound(a->words[1]))
        return visible_complain(a->name, "\"%s\" is not a token ID", a->words[1]);
    (void)snprintf(rest, sizeof(rest), "tokens/%s", a->words[1]);
    int status = call(a, "DELETE", rest, SPAN_LIT(""), &r);
    buf_deinit(&r.bytes);
    return status;
}

static uint32_t number_of(struct json_value o, const char *name)
{
    int64_t n;
    return !answer_number(o, name, &n) ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* The texts of a verification; result points into them. */
struct verified {
    char endpoint[1024], reason[32], cause[64], processed[16], phase[16], http[8], tls[16];
    struct exchange_result result;
};

/* Turns a verification answered by the node into the result that the engine here would give. ERR_INVALID: it
 * is malformed. */
static enum err read_result(struct json_value o, struct verified *ret)
{
    struct exchange_result *r = &ret->result;
    *r = (struct exchange_result){.tls_alert = -1};
    if (!answer_text(o, "endpoint", ret->endpoint, sizeof(ret->endpoint)))
        ret->endpoint[0] = '\0';
    if (!answer_text(o, "reason", ret->reason, sizeof(ret->reason)) ||
        !answer_text(o, "cause", ret->cause, sizeof(ret->cause)) ||
        reason_find(span_of(ret->reason), &r->outcome.reason) ||
        cause_find(span_of(ret->cause), &r->outcome.cause))
        return ERR_INVALID;
    r->outcome.fault = cause_of(r->outcome.cause)->fault;
    r->outcome.status = (int)number_of(o, "status");
    r->outcome.processed = PROCESSED_UNKNOWN;
    if (answer_text(o, "processed", ret->processed, sizeof(ret->processed)))
        for (enum processed p = PROCESSED_NO; p <= PROCESSED_YES; p++)
            if (strcmp(ret->processed, processed_text(p)) == 0)
                r->outcome.processed = p;
    if (answer_text(o, "phase", ret->phase, sizeof(ret->phase)))
        for (enum phase p = PHASE_URL; p < PHASE_COUNT; p++)
            if (strcmp(ret->phase, phase_text(p)) == 0)
                r->outcome.phase = p;
    if (!answer_text(o, "address", r->address, sizeof(r->address)))
        r->address[0] = '\0';
    r->http = answer_text(o, "http", ret->http, sizeof(ret->http)) && strcmp(ret->http, "2") == 0 ? 20 : 11;
    r->tls_version = answer_text(o, "tlsVersion", ret->tls, sizeof(ret->tls)) ? ret->tls : NULL;
    struct json_value t = answer_at(o, "timings");
    r->timings = (struct exchange_timings){number_of(t, "dns_us"),        number_of(t, "connect_us"),
                                           number_of(t, "tls_us"),        number_of(t, "send_us"),
                                           number_of(t, "first_byte_us"), number_of(t, "total_us")};
    return ERR_NONE;
}

static int verify(const struct args *a)
{
    struct buf body;
    struct json_write w;
    struct reply r = {0};
    struct verified v;
    buf_init(&body, 65536);
    json_write_init(&w, &body);
    json_write_object(&w);
    if (a->count > 1) {
        json_write_key(&w, "endpoint");
        json_write_str(&w, a->words[1]);
    }
    json_write_end(&w);
    int status = json_write_finish(&w) ? CLIENT_FAILED : 0;
    if (!status)
        status = call(a, "POST", "verify", buf_span(&body), &r);
    if (!status && read_result(r.root, &v))
        status = client_strange();
    else if (!status) {
        if (!a->json)
            probe_print_people(a->count > 1 ? a->words[1] : v.endpoint, &v.result, a->lang, NULL);
        status = probe_exit_code(v.result.outcome.reason);
    }
    buf_deinit(&body);
    buf_deinit(&r.bytes);
    return status;
}

int channel_secret_run(int argc, char **argv)
{
    int status = 0;
    const struct row *row = find(argc, argv, &status);
    if (!row)
        return status;
    if (arguments_ask_help(argc, argv)) {
        row_help(stdout, row, "usage:");
        client_help(stdout);
        if (row->run == verify)
            (void)puts("When the URL was tried, the exit status is that of `todoke probe`: 0 ok, "
                       "10 could_not_connect,\n"
                       "11 request_timeout, 12 error_status_code, 13 unclassified.");
        return 0;
    }
    char name[40];
    (void)snprintf(name, sizeof(name), "channel %s%s%s", row->what, row->sub ? " " : "",
                   row->sub ? row->sub : "");
    struct args a = {.name = name, .lang = explain_lang_default()};
    const struct argument of_client[] = CLIENT_OPTIONS(&a.client);
    const struct argument with_json[] = {ARGUMENT_OF_FLAG("--json", &a.json, "as JSON"), ARGUMENT_END};
    const struct argument own[] = {
        row->time
            ? (struct argument)ARGUMENT_OF_TEXT(row->time, &a.time, "TIME", "such as 90s, 15m, 12h or 30d")
        : row->run == verify ? (struct argument)ARGUMENT_OF_LANG(&a.lang, "language of the output")
                             : (struct argument)ARGUMENT_END,
        ARGUMENT_END};
    struct arguments in = {.command = name, .options = {with_json, own, of_client}, .words_max = row->max};
    status = arguments_read(&in, argc, argv, row->sub ? 3 : 2);
    if (status)
        return status;
    a.words = in.words;
    a.count = in.word_count;
    if (a.count && !id_is_sound(a.words[0]))
        return visible_complain(name, "\"%s\" is no channel ID", a.words[0]);
    if (a.count < row->min) {
        (void)visible_complain(name, "an ID is missing: %s", row->words);
        return arguments_try(name);
    }
    return client_ready(&a.client) ? row->run(&a) : CLIENT_USAGE;
}
