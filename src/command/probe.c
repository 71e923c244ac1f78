/*
 * `todoke probe`: sends signed verification requests (no events) to a URL, one after the other through one
 * connection pool, and classifies each outcome like that of a delivery.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/visible.h"
#include "command/commands.h"
#include "command/explain.h"
#include "command/probe.h"
#include "exchange/exchange.h"
#include "node/arguments.h"
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
    struct engine *engine;
    struct url url;
    struct channel channel;
    struct request request;
    uint32_t sent;
    int exit_code;
};

struct options {
    struct argument rows[16];
};

static void options_of(struct probe *p, struct options *ret)
{
    const struct argument rows[] = {
        ARGUMENT_OF_FLAG("--json", &p->json, "one JSON object a line"),
        ARGUMENT_OF_LANG(&p->lang, "of the words; by default that of LC_ALL, LC_MESSAGES or LANG"),
        ARGUMENT_OF_NUMBER("--count", &p->count, 1, COUNT_MAX, "N",
                           "send N requests, one after the other [1]"),
        ARGUMENT_OF_NUMBER("--interval", &p->interval_ms, 0, MS_MAX, "MS", "pause between two [0]"),
        ARGUMENT_OF_TEXT("--ca", &p->ca, "FILE", "certificates (PEM) to trust beside the system's"),
        ARGUMENT_OF_TEXT("--dns", &p->dns, "ADDR:PORT", "ask this resolver"),
        ARGUMENT_OF_TEXT("--secret", &p->secret, "S", "channel secret to sign with"),
        ARGUMENT_OF_FLAG("--allow-private", &p->allow_private, "allow targets inside our network"),
        ARGUMENT_OF_FLAG("--allow-any-port", &p->allow_any_port,
                         "allow ports of other services (22, 25, 110, ...)"),
        ARGUMENT_OF_FLAG("--allow-http", &p->allow_http, "allow http:// URLs"),
        ARGUMENT_OF_NUMBER("--dns-timeout", &p->deadlines.dns_ms, 1, MS_MAX, "MS", "name resolution [2000]"),
        ARGUMENT_OF_NUMBER("--connect-timeout", &p->deadlines.connect_ms, 1, MS_MAX, "MS", "TCP [2000]"),
        ARGUMENT_OF_NUMBER("--session-timeout", &p->deadlines.session_ms, 1, MS_MAX, "MS",
                           "TLS and HTTP/2 settings [2000]"),
        ARGUMENT_OF_NUMBER("--response-timeout", &p->deadlines.response_ms, 1, MS_MAX, "MS",
                           "from the first request byte to the end of the answer [2000]"),
        ARGUMENT_END};
    _Static_assert(sizeof(rows) <= sizeof(ret->rows), "room for all options");
    memcpy(ret->rows, rows, sizeof(rows));
}

static void usage(FILE *to)
{
    struct probe none;
    struct options options;
    options_of(&none, &options);
    (void)fputs(
        "usage: todoke probe URL [options]\n\n"
        "Sends a signed verification request (no events) to a webhook URL and says what happened.\n\n",
        to);
    arguments_help(to, options.rows);
    (void)fputs("\nExit: 0 ok, 10 could_not_connect, 11 request_timeout, 12 error_status_code, 13 "
                "unclassified, 2 usage, 1 our own "
                "failure.\n",
                to);
}

static int wrong(const char *message, const char *what)
{
    (void)visible_complain("probe", "%s%s", message, what);
    return arguments_try("probe");
}

static int parse_arguments(struct probe *p, int argc, char **argv)
{
    struct options options;
    options_of(p, &options);
    struct arguments in = {.command = "probe", .options = {options.rows}, .words_max = 2};
    int status = arguments_read(&in, argc, argv, 1);
    if (status)
        return status;
    if (in.word_count > 1)
        return wrong("one URL at a time: ", in.words[1]);
    if (!in.word_count)
        return wrong("no URL given", "");
    p->url_text = in.words[0];
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

/* Advice that replaces the catalogue's where this command has its own option; NULL: the catalogue's. */
static const char *const *own_advice(enum cause_id cause)
{
    static const char *const scheme[] = {
        [LANG_EN] =
            "Change the URL to `https://` and serve the bot over TLS. An `http://` URL can be tried with "
            "`--allow-http`; a node takes one only where its operator allows it.",
        [LANG_JA] = "URLを`https://`に変更し、ボットサーバーをTLSで公開してください。`http://"
                    "`のURLは`--allow-http`を指定"
                    "すると試せます。ノードでは、運用者が許可した場合にのみ利用できます。",
    };
    static const char *const inside[] = {
        [LANG_EN] =
            "Check with `dig HOST A` and `dig HOST AAAA` that the name points to a public address, also from "
            "inside your network. To try a bot inside a private network, add `--allow-private`; a node sends "
            "there only where its operator allows it.",
        [LANG_JA] =
            "`dig HOST A`と`dig HOST AAAA`で、ホスト名がグローバルアドレスを指しているか確認してください。"
            "プライベートネットワーク内のボットを試す場合は`--allow-private`"
            "を指定します。ノードからは、運用者が"
            "許可した場合にのみ送信されます。",
    };
    return cause == CAUSE_url_scheme ? scheme : cause == CAUSE_ssrf_blocked ? inside : NULL;
}

/* Prints one result. False: standard output failed. */
static bool tell(struct probe *p, const struct exchange_result *r)
{
    int code = probe_exit_code(r->outcome.reason);
    if (code != 0)
        p->exit_code = code;
    if (!p->json) {
        probe_print_people(p->url_text, r, p->lang, own_advice(r->outcome.cause));
        return !ferror(stdout);
    }
    return probe_print_json(r, p->lang, own_advice(r->outcome.cause)) == ERR_NONE;
}

static void send_next(struct probe *p);

static void on_pause_over(uv_timer_t *timer)
{
    send_next(timer->data);
}

static void finish(struct probe *p)
{
    uv_close((uv_handle_t *)&p->pause, NULL);
    engine_close(p->engine, NULL, NULL);
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
        e = exchange_start(p->engine, &x, on_done, p, NULL);
    }
    if (!e)
        return;
    request_deinit(&p->request);
    (void)visible_complain("probe", "%s", err_text(e));
    p->exit_code = 1;
    finish(p);
}

/* Reports a failure before any exchange (an invalid URL, a local fault) as an outcome too. */
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
    enum err e =
        url_parse(span_of(p->url_text), &(struct url_rules){.allow_http = p->allow_http}, &p->url, &cause);
    if (e == ERR_INVALID)
        return tell_without_exchange(p, PHASE_URL, ENDED_URL, cause);
    if (e)
        return tell_local(p, false);
    int rc = uv_loop_init(&p->loop);
    if (rc != 0)
        return tell_local(p, rc == UV_EMFILE || rc == UV_ENFILE);
    const struct engine_config config = {.ca_file = p->ca,
                                         .dns_server = p->dns,
                                         .allow_private = p->allow_private,
                                         .allow_any_port = p->allow_any_port};
    errno = 0;
    e = engine_new(&p->engine, &p->loop, &config);
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
    if (arguments_ask_help(argc, argv)) {
        usage(stdout);
        return 0;
    }
    struct probe p = {.count = 1, .lang = explain_lang_default()};
    int rc = parse_arguments(&p, argc, argv);
    if (rc)
        return rc;
    (void)signal(SIGPIPE, SIG_IGN);
    /* The same body as LINE's verification request: a destination and no events. */
    (void)snprintf(p.channel.bot_user_id, sizeof(p.channel.bot_user_id), "U%032d", 0);
    (void)snprintf(p.channel.secret, sizeof(p.channel.secret), "%s", p.secret ? p.secret : "");
    return run(&p);
}
