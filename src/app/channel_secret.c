#include "app/channel_secret.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "app/client.h"
#include "app/explain.h"
#include "app/probe.h"
#include "base/json_write.h"

#define ANSWER_MAX (1u << 20)

struct args {
    struct client client;
    const char *what; /* "token issue", …: row of the table */
    const char *words[2];
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
    const char *help;
} rows[] = {
    {"token", "issue", token_issue, 1, 1, "--expires",
     "token issue ID [--expires TIME]   an access token, shown once; without a time it never expires"},
    {"token", "list", token_list, 1, 1, NULL, "token list ID [--json]"},
    {"token", "revoke", token_revoke, 2, 2, NULL, "token revoke ID TOKEN-ID"},
    {"secret", NULL, secret_show, 1, 1, NULL, "secret ID                         goes into the audit log"},
    {"rotate-secret", NULL, secret_rotate, 1, 1, "--grace",
     "rotate-secret ID [--grace TIME]   another secret; for 1d, or that time, both sign"},
    {"verify", NULL, verify, 1, 2, NULL,
     "verify ID [URL] [--json] [--lang en|ja]   tries the webhook URL, or another one"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

bool channel_secret_knows(const char *what)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(what, rows[i].what) == 0)
            return true;
    return false;
}

void channel_secret_help(FILE *to)
{
    for (size_t i = 0; i < ROWS; i++)
        (void)fprintf(to, "       todoke channel %s\n", rows[i].help);
}

static int usage(void)
{
    (void)fputs("usage: todoke channel …\n", stderr);
    channel_secret_help(stderr);
    return 2;
}

static const struct row *find(int argc, char **argv)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(argv[1], rows[i].what) == 0 &&
            (!rows[i].sub || (argc > 2 && strcmp(argv[2], rows[i].sub) == 0)))
            return &rows[i];
    return NULL;
}

/* "90", "60s", "15m", "12h", "30d" → seconds; -1: none of these. */
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

/* Puts a call to a channel; 0, and its answer as JSON where ret is given. */
static int call(const struct args *a, const char *method, const char *rest, struct span body, json_t **ret,
                bool print)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "/api/v1/channels/%s/%s", a->words[0], rest);
    struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    int status = client_call(&a->client, method, path, body, &answer);
    if (!status && print)
        client_print(stdout, buf_span(&answer));
    if (!status && ret) {
        struct span text = buf_span(&answer);
        *ret = json_loadb(text.ptr, text.len, 0, NULL);
        if (!json_is_object(*ret)) {
            json_decref(*ret);
            status = client_strange();
        }
    }
    buf_deinit(&answer);
    return status;
}

/* {"name":seconds}, or {} where no time was given. 2: told. */
static int write_time(struct buf *out, const struct args *a, const char *name)
{
    long long seconds = a->time ? seconds_of(a->time) : 0;
    if (seconds < 0) {
        (void)fprintf(stderr, "todoke channel %s: \"%s\" is no time such as 90s, 15m, 12h or 30d\n", a->what,
                      a->time);
        return 2;
    }
    struct json_write w;
    json_write_init(&w, out);
    json_write_object(&w);
    if (a->time) {
        json_write_key(&w, name);
        json_write_int(&w, seconds);
    }
    json_write_end(&w);
    return json_write_finish(&w) ? 1 : 0;
}

/* Calls with a time, and prints one member for people, or all of it as JSON. */
static int call_with_time(const struct args *a, const char *rest, const char *name, const char *member)
{
    struct buf body;
    buf_init(&body, 256);
    json_t *root = NULL;
    int status = write_time(&body, a, name);
    if (!status)
        status = call(a, "POST", rest, buf_span(&body), a->json ? NULL : &root, a->json);
    buf_deinit(&body);
    const char *text = json_string_value(json_object_get(root, member));
    if (root && text)
        client_text(stdout, span_of(text), false);
    if (root && text)
        (void)putchar('\n');
    if (root && !text)
        status = client_strange();
    json_decref(root);
    return status;
}

static int token_issue(const struct args *a)
{
    return call_with_time(a, "tokens", "expiresInSeconds", "channelAccessToken");
}

static int secret_rotate(const struct args *a)
{
    return call_with_time(a, "secret/rotate", "graceSeconds", "channelSecret");
}

static int secret_show(const struct args *a)
{
    json_t *root = NULL;
    int status = call(a, "GET", "secret", SPAN_LIT(""), a->json ? NULL : &root, a->json);
    const char *text = json_string_value(json_object_get(root, "channelSecret"));
    if (root && text) {
        client_text(stdout, span_of(text), false);
        (void)putchar('\n');
    } else if (root) {
        status = client_strange();
    }
    json_decref(root);
    return status;
}

static void print_cell(const json_t *t, const char *name, int width)
{
    const char *text = json_string_value(json_object_get(t, name));
    struct span s = span_of(text ? text : "-");
    client_text(stdout, s, false);
    (void)printf("%*s", s.len < (size_t)width ? width - (int)s.len : 1, "");
}

static int token_list(const struct args *a)
{
    json_t *root = NULL, *t;
    int status = call(a, "GET", "tokens", SPAN_LIT(""), a->json ? NULL : &root, a->json);
    if (status || a->json)
        return status;
    (void)printf("%-8s%-10s%-26s%-26s%s\n", "ID", "TOKEN", "CREATED", "EXPIRES", "LAST USED");
    size_t i;
    json_array_foreach(json_object_get(root, "tokens"), i, t)
    {
        print_cell(t, "tokenId", 8);
        print_cell(t, "hint", 10);
        print_cell(t, "createdAt", 26);
        print_cell(t, "expiresAt", 26);
        print_cell(t, "lastUsedAt", 1);
        (void)putchar('\n');
    }
    json_decref(root);
    return 0;
}

static int token_revoke(const struct args *a)
{
    char rest[64];
    if (!id_is_sound(a->words[1])) {
        (void)fprintf(stderr, "todoke channel: %s is no token's ID\n", a->words[1]);
        return 2;
    }
    (void)snprintf(rest, sizeof(rest), "tokens/%s", a->words[1]);
    return call(a, "DELETE", rest, SPAN_LIT(""), NULL, false);
}

static uint32_t number_of(const json_t *o, const char *name)
{
    json_int_t n = json_integer_value(json_object_get(o, name));
    return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static struct span text_of(const json_t *o, const char *name)
{
    const char *text = json_string_value(json_object_get(o, name));
    return span_of(text ? text : "");
}

/* What the node says of a verification, as the engine here would have said it. ERR_INVALID: it makes no sense. */
static enum err read_result(const json_t *o, struct exchange_result *r)
{
    *r = (struct exchange_result){.tls_alert = -1};
    enum err e = reason_find(text_of(o, "reason"), &r->outcome.reason);
    if (!e)
        e = cause_find(text_of(o, "cause"), &r->outcome.cause);
    if (e)
        return ERR_INVALID;
    r->outcome.fault = cause_of(r->outcome.cause)->fault;
    r->outcome.status = (int)number_of(o, "status");
    r->outcome.processed = PROCESSED_UNKNOWN;
    for (enum processed p = PROCESSED_NO; p <= PROCESSED_YES; p++)
        if (span_eq(text_of(o, "processed"), span_of(processed_text(p))))
            r->outcome.processed = p;
    for (enum phase p = PHASE_URL; p < PHASE_COUNT; p++)
        if (span_eq(text_of(o, "phase"), span_of(phase_text(p))))
            r->outcome.phase = p;
    (void)snprintf(r->address, sizeof(r->address), "%s", text_of(o, "address").ptr);
    r->http = span_eq(text_of(o, "http"), SPAN_LIT("2")) ? 20 : 11;
    struct span tls = text_of(o, "tlsVersion");
    r->tls_version = tls.len ? tls.ptr : NULL;
    const json_t *t = json_object_get(o, "timings");
    r->timings = (struct exchange_timings){number_of(t, "dns_us"),        number_of(t, "connect_us"),
                                           number_of(t, "tls_us"),        number_of(t, "send_us"),
                                           number_of(t, "first_byte_us"), number_of(t, "total_us")};
    return ERR_NONE;
}

static int verify(const struct args *a)
{
    struct buf body;
    struct json_write w;
    buf_init(&body, 65536);
    json_write_init(&w, &body);
    json_write_object(&w);
    if (a->count > 1) {
        json_write_key(&w, "endpoint");
        json_write_str(&w, a->words[1]);
    }
    json_write_end(&w);
    json_t *root = NULL;
    int status = json_write_finish(&w) ? 1 : 0;
    if (!status)
        status = call(a, "POST", "verify", buf_span(&body), &root, a->json);
    buf_deinit(&body);
    if (status)
        return status;
    struct exchange_result r;
    if (read_result(root, &r)) {
        json_decref(root);
        return client_strange();
    }
    if (!a->json)
        probe_print_people(text_of(root, "endpoint").ptr, &r, a->lang);
    json_decref(root);
    return probe_exit_code(r.outcome.reason);
}

/* false: told. */
static bool parse(int argc, char **argv, const struct row *row, struct args *a, int *status)
{
    for (int i = row->sub ? 3 : 2; i < argc; i++) {
        if (client_option(&a->client, argc, argv, &i, status)) {
            if (*status)
                return false;
        } else if (strcmp(argv[i], "--json") == 0) {
            a->json = true;
        } else if (row->time && strcmp(argv[i], row->time) == 0 && i + 1 < argc) {
            a->time = argv[++i];
        } else if (row->run == verify && strcmp(argv[i], "--lang") == 0 && i + 1 < argc &&
                   (strcmp(argv[i + 1], "en") == 0 || strcmp(argv[i + 1], "ja") == 0)) {
            a->lang = strcmp(argv[++i], "ja") == 0 ? LANG_JA : LANG_EN;
        } else if (argv[i][0] != '-' && a->count < row->max) {
            a->words[a->count++] = argv[i];
        } else {
            (void)fprintf(stderr, "todoke channel %s: cannot understand %s\n", row->what, argv[i]);
            *status = usage();
            return false;
        }
    }
    if (a->count < row->min || !id_is_sound(a->words[0])) {
        (void)fprintf(stderr, "todoke channel %s: which one? Give its ID\n", row->what);
        *status = 2;
        return false;
    }
    if (client_ready(&a->client))
        return true;
    *status = 2;
    return false;
}

int channel_secret_run(int argc, char **argv)
{
    const struct row *row = find(argc, argv);
    if (!row)
        return usage();
    struct args a = {.what = row->what, .lang = explain_lang_default()};
    int status = 0;
    return parse(argc, argv, row, &a, &status) ? row->run(&a) : status;
}
