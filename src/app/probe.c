/*
 * `todoke probe`: sends signed verification requests (no events) to a URL, one after the other on the same pool, and names
 * each outcome as a delivery would be named.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "app/commands.h"
#include "app/explain.h"
#include "app/probe.h"
#include "net/exchange.h"
#include "webhook/request.h"

#define COUNT_MAX 1000000u
#define MS_MAX 3600000u

struct probe {
    const char *url_text;
    bool json, allow_private, allow_any_port, allow_http;
    uint32_t count, interval_ms;
    const char *ca, *dns, *secret;
    struct exchange_deadlines deadlines;
    enum lang lang;
    uv_loop_t loop;
    uv_timer_t pause;
    struct net *net;
    struct url url;
    struct channel channel;
    struct request request;
    uint32_t sent;
    int exit_code;
};

enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };

static const struct option_row {
    const char *name;
    enum option_type type;
    size_t offset;
    uint32_t min, max;
    const char *argument, *help;
} options[] = {
    {"--json", OPTION_FLAG, offsetof(struct probe, json), 0, 0, "", "one JSON object a line"},
    {"--count", OPTION_NUMBER, offsetof(struct probe, count), 1, COUNT_MAX, " N",
     "send N requests, one after the other [1]"},
    {"--interval", OPTION_NUMBER, offsetof(struct probe, interval_ms), 0, MS_MAX, " MS",
     "pause between two [0]"},
    {"--ca", OPTION_TEXT, offsetof(struct probe, ca), 0, 0, " FILE",
     "certificates (PEM) to trust beside the system's"},
    {"--dns", OPTION_TEXT, offsetof(struct probe, dns), 0, 0, " ADDR:PORT", "ask this resolver"},
    {"--secret", OPTION_TEXT, offsetof(struct probe, secret), 0, 0, " S", "channel secret to sign with"},
    {"--allow-private", OPTION_FLAG, offsetof(struct probe, allow_private), 0, 0, "",
     "allow targets inside our network"},
    {"--allow-any-port", OPTION_FLAG, offsetof(struct probe, allow_any_port), 0, 0, "",
     "allow ports of other services (22, 25, 110, ...)"},
    {"--allow-http", OPTION_FLAG, offsetof(struct probe, allow_http), 0, 0, "", "allow http:// URLs"},
    {"--dns-timeout", OPTION_NUMBER, offsetof(struct probe, deadlines.dns_ms), 1, MS_MAX, " MS",
     "name resolution [2000]"},
    {"--connect-timeout", OPTION_NUMBER, offsetof(struct probe, deadlines.connect_ms), 1, MS_MAX, " MS",
     "TCP [2000]"},
    {"--session-timeout", OPTION_NUMBER, offsetof(struct probe, deadlines.session_ms), 1, MS_MAX, " MS",
     "TLS and HTTP/2 settings [2000]"},
    {"--response-timeout", OPTION_NUMBER, offsetof(struct probe, deadlines.response_ms), 1, MS_MAX, " MS",
     "from the first request byte to the end of the answer [2000]"},
};

static void usage(FILE *to)
{
    (void)fputs(
        "usage: todoke probe URL [options]\n\n"
        "Sends a signed verification request (no events) to a webhook URL and says what happened.\n\n",
        to);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        char left[40];
        (void)snprintf(left, sizeof(left), "%s%s", options[i].name, options[i].argument);
        (void)fprintf(to, "  %-24s %s\n", left, options[i].help);
    }
    (void)fputs("\nExit: 0 ok, 10 could_not_connect, 11 request_timeout, 12 error_status_code, 13 "
                "unclassified, 2 usage, 1 our own "
                "failure.\n",
                to);
}

static int wrong(const char *message, const char *what)
{
    (void)fprintf(stderr, "todoke probe: %s%s\nTry `todoke probe --help`.\n", message, what);
    return 2;
}

static bool parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
    char *end = NULL;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long n = strtoul(text, &end, 10);
    if (*end || n < min || n > max)
        return false;
    *ret = (uint32_t)n;
    return true;
}

/* One option and its value, "--name value" or "--name=value". */
static int take_option(struct probe *p, const struct option_row *o, const char *inline_value, int argc,
                       char **argv, int *i)
{
    void *to = (char *)p + o->offset;
    if (o->type == OPTION_FLAG) {
        if (inline_value)
            return wrong("takes no value: ", o->name);
        *(bool *)to = true;
        return 0;
    }
    const char *value = inline_value;
    if (!value && *i + 1 < argc)
        value = argv[++*i];
    if (!value)
        return wrong("needs a value: ", o->name);
    if (o->type == OPTION_TEXT) {
        *(const char **)to = value;
        return 0;
    }
    if (parse_number(value, o->min, o->max, to))
        return 0;
    (void)fprintf(stderr, "todoke probe: %s takes a whole number from %u to %u\n", o->name, (unsigned)o->min,
                  (unsigned)o->max);
    return 2;
}

static int parse_arguments(struct probe *p, int argc, char **argv)
{
    bool only_url = false;
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (!only_url && strcmp(a, "--") == 0) {
            only_url = true;
            continue;
        }
        if (only_url || a[0] != '-') {
            if (p->url_text)
                return wrong("one URL at a time: ", a);
            p->url_text = a;
            continue;
        }
        const char *equals = strchr(a, '=');
        size_t len = equals ? (size_t)(equals - a) : strlen(a);
        const struct option_row *o = NULL;
        for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++)
            if (strlen(options[k].name) == len && strncmp(options[k].name, a, len) == 0)
                o = &options[k];
        if (!o)
            return wrong("unknown option: ", a);
        int rc = take_option(p, o, equals ? equals + 1 : NULL, argc, argv, &i);
        if (rc)
            return rc;
    }
    if (!p->url_text)
        return wrong("no URL given", "");
    if (p->secret && strlen(p->secret) >= sizeof(p->channel.secret))
        return wrong("--secret is longer than a channel secret (32 characters)", "");
    return 0;
}

int probe_exit_code(enum reason reason)
{
    static const int codes[REASON_COUNT] = {
        [REASON_OK] = 0,
        [REASON_COULD_NOT_CONNECT] = 10,
        [REASON_REQUEST_TIMEOUT] = 11,
        [REASON_ERROR_STATUS_CODE] = 12,
        [REASON_UNCLASSIFIED] = 13,
    };
    return codes[reason];
}

/* Tells one result. False: standard output is gone. */
static bool tell(struct probe *p, const struct exchange_result *r)
{
    int code = probe_exit_code(r->outcome.reason);
    if (code != 0)
        p->exit_code = code;
    if (!p->json) {
        probe_print_people(p->url_text, r, p->lang);
        return !ferror(stdout);
    }
    return probe_print_json(r) == ERR_NONE;
}

static void send_next(struct probe *p);

static void on_pause_over(uv_timer_t *timer)
{
    send_next(timer->data);
}

static void finish(struct probe *p)
{
    uv_close((uv_handle_t *)&p->pause, NULL);
    net_close(p->net, NULL, NULL);
}

static void on_done(void *arg, const struct exchange_result *r)
{
    struct probe *p = arg;
    request_deinit(&p->request);
    if (!tell(p, r)) {
        p->exit_code = 1;
        finish(p);
    } else if (p->sent == p->count) {
        finish(p);
    } else {
        (void)uv_timer_start(&p->pause, on_pause_over, p->interval_ms, 0);
    }
}

static void send_next(struct probe *p)
{
    p->sent++;
    enum err e = request_build(&p->request, &p->channel, NULL, 0, "todoke/" TODOKE_VERSION,
                               clock_system_wall_ms(NULL));
    if (!e) {
        const struct exchange_request x = {
            .url = &p->url,
            .headers = p->request.headers,
            .header_count = p->request.header_count,
            .body = buf_span(&p->request.body),
            .deadlines = p->deadlines,
        };
        e = exchange_start(p->net, &x, on_done, p, NULL);
    }
    if (!e)
        return;
    request_deinit(&p->request);
    (void)fprintf(stderr, "todoke probe: %s\n", err_text(e));
    p->exit_code = 1;
    finish(p);
}

/* What ended before an exchange could begin has its outcome all the same: a URL that cannot be tried, a fault of our own machine. */
static int tell_without_exchange(struct probe *p, enum phase phase, enum ended ended, enum cause_id cause)
{
    struct exchange_result r = {.tls_alert = -1};
    r.evidence = (struct evidence){.phase = phase, .ended = ended, .cause = cause, .tls_alert = -1};
    r.outcome = outcome_of(&r.evidence);
    for (; p->sent < p->count; p->sent++)
        if (!tell(p, &r))
            return 1;
    return p->exit_code;
}

static int tell_local(struct probe *p, bool files)
{
    return tell_without_exchange(p, PHASE_RESOLVE, ENDED_LOCAL,
                                 files ? CAUSE_local_files : CAUSE_local_out_of_memory);
}

static int run(struct probe *p)
{
    enum cause_id cause;
    enum err e = url_parse(span_of(p->url_text), &(struct url_rules){p->allow_http}, &p->url, &cause);
    if (e == ERR_INVALID)
        return tell_without_exchange(p, PHASE_URL, ENDED_URL, cause);
    if (e)
        return tell_local(p, false);
    int rc = uv_loop_init(&p->loop);
    if (rc != 0)
        return tell_local(p, rc == UV_EMFILE || rc == UV_ENFILE);
    const struct net_config config = {.ca_file = p->ca,
                                      .dns_server = p->dns,
                                      .allow_private = p->allow_private,
                                      .allow_any_port = p->allow_any_port};
    errno = 0;
    e = net_new(&p->net, &p->loop, &config);
    if (e) {
        bool files = errno == EMFILE || errno == ENFILE;
        (void)uv_loop_close(&p->loop);
        if (e == ERR_INVALID)
            return wrong("--dns takes ADDR:PORT: ", p->dns);
        if (e == ERR_IO && p->ca && !files)
            return wrong("--ca: no certificates can be read from ", p->ca);
        return tell_local(p, files);
    }
    (void)uv_timer_init(&p->loop, &p->pause);
    p->pause.data = p;
    send_next(p);
    (void)uv_run(&p->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&p->loop);
    return p->exit_code;
}

int cmd_probe(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout);
            return 0;
        }
    }
    struct probe p = {.count = 1, .lang = explain_lang_default()};
    int rc = parse_arguments(&p, argc, argv);
    if (rc)
        return rc;
    (void)signal(SIGPIPE, SIG_IGN);
    /* As the body of LINE's own verification of a URL: no events, and a destination. */
    (void)snprintf(p.channel.bot_user_id, sizeof(p.channel.bot_user_id), "U%032d", 0);
    (void)snprintf(p.channel.secret, sizeof(p.channel.secret), "%s", p.secret ? p.secret : "");
    return run(&p);
}
