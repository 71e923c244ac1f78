#include "command/client.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/visible.h"
#include "command/answer.h"
#include "exchange/exchange.h"

#define MESSAGE_LEN 1000u  /* error message shown; those of a node are far shorter */
#define RESPONSE_MS 30000u /* a commit to a slow disk takes long */

void client_help(FILE *to)
{
    struct client none;
    const struct argument options[] = CLIENT_OPTIONS(&none);
    (void)fputc('\n', to);
    arguments_help(to, options);
    (void)fputs(
        "\nExit: 0 done, 1 our own failure, 2 wrong usage, 3 the node refused it (400 and the like), 4 not "
        "found (404),\n5 conflict (409), 6 no access (401, 403), 7 the node is out of reach, 8 the node "
        "cannot "
        "answer now (429, 5xx).\n",
        to);
}

bool client_ready(struct client *c)
{
    if (!c->api)
        c->api = getenv("TODOKE_API");
    if (!c->api)
        c->api = "http://127.0.0.1:8080";
    if (!c->key)
        c->key = getenv("TODOKE_KEY");
    if (!c->key && c->open)
        return true;
    if (c->key) {
        if (!c->key[strspn(c->key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")])
            return true;
        (void)visible_complain(NULL, "--key: not a key; keys are made of A-Z, a-z, 0-9, - and _");
        return false;
    }
    (void)visible_complain(NULL, "a key is needed: --key KEY or TODOKE_KEY (made by `todoke key create`)");
    return false;
}

struct trip {
    struct engine *engine;
    struct outcome outcome;
    bool done;
    /* For somebody who watches the answer grow; grown NULL: nobody does. */
    void (*grown)(void *arg, struct span answer);
    void *arg;
    const struct buf *answer;
    size_t seen;
    uv_check_t check; /* after each turn of the loop that may have read something */
};

static void on_done(void *arg, const struct exchange_result *r)
{
    struct trip *t = arg;
    t->outcome = r->outcome;
    t->done = true;
    engine_close(t->engine, NULL, NULL);
    if (t->grown)
        uv_close((uv_handle_t *)&t->check, NULL);
}

static void on_turn(uv_check_t *check)
{
    struct trip *t = check->data;
    if (buf_len(t->answer) == t->seen)
        return;
    t->seen = buf_len(t->answer);
    t->grown(t->arg, buf_span(t->answer));
}

static void watch(struct trip *t, uv_loop_t *loop)
{
    (void)uv_check_init(loop, &t->check);
    t->check.data = t;
    (void)uv_check_start(&t->check, on_turn);
}

static enum err run(struct trip *t, const struct client *c, const struct exchange_request *x)
{
    uv_loop_t loop;
    if (uv_loop_init(&loop))
        return ERR_IO;
    const struct engine_config config = {.ca_file = c->ca, .allow_private = true, .allow_any_port = true};
    enum err e = engine_new(&t->engine, &loop, &config);
    if (!e) {
        e = exchange_start(t->engine, x, on_done, t, NULL);
        if (!e && t->grown)
            watch(t, &loop);
        if (e)
            engine_close(t->engine, NULL, NULL);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    }
    (void)uv_loop_close(&loop);
    return e;
}

/* Prints the error message of the node, or only the status if it has none. */
static void tell_refusal(int status, struct span body)
{
    struct json_value root, message = {0};
    struct buf text;
    buf_init(&text, 13 * MESSAGE_LEN); /* each byte may become an escape */
    if (answer_read(body, &root))
        message = answer_at(root, "message");
    if (message.kind == JSON_KIND_STRING && !answer_show(message, MESSAGE_LEN, &text))
        (void)visible_complain(NULL, "%.*s (%d)", (int)buf_len(&text), buf_span(&text).ptr, status);
    else
        (void)visible_complain(NULL, "the node answered %d", status);
    buf_deinit(&text);
}

static int status_of(int http)
{
    switch (http) {
    case 401:
    case 403:
        return CLIENT_NO_ACCESS;
    case 404:
        return CLIENT_NOT_FOUND;
    case 409:
        return CLIENT_CONFLICT;
    case 429:
        return CLIENT_UNAVAILABLE;
    default:
        return http >= 500 ? CLIENT_UNAVAILABLE : http >= 400 ? CLIENT_REFUSED : CLIENT_FAILED;
    }
}

int client_refused(int http, struct span body)
{
    tell_refusal(http, body);
    return status_of(http);
}

static int verdict(const struct trip *t, const struct client *c, struct span body)
{
    const struct outcome *o = &t->outcome;
    const char *cause = cause_of(o->cause)->id;
    char detail[8];
    if (o->reason == REASON_OK)
        return CLIENT_DONE;
    if (o->reason == REASON_ERROR_STATUS_CODE)
        return client_refused(o->status, body);
    bool ours = strncmp(cause, "local_", 6) == 0;
    (void)visible_complain(NULL, "%s: %s, %s (%s)%s", c->api, reason_text(o->reason),
                           outcome_detail(o, detail), cause,
                           ours ? "" : "; is a node there? --api URL or TODOKE_API sets its address");
    return ours ? CLIENT_FAILED : CLIENT_UNREACHABLE;
}

static int ask(const struct client *c, const char *method, const char *path, struct span body,
               struct buf *answer, struct trip *t)
{
    static struct url url;
    char text[URL_MAX + 1], bearer[256];
    size_t base = strlen(c->api);
    while (base && c->api[base - 1] == '/')
        base--;
    int n = snprintf(text, sizeof(text), "%.*s%s", (int)base, c->api, path);
    int m = snprintf(bearer, sizeof(bearer), "Bearer %s", c->key ? c->key : "");
    enum cause_id cause = CAUSE_url_too_long;
    enum err e = n < 0 || (size_t)n >= sizeof(text)
                     ? ERR_INVALID
                     : url_parse(span_of(text), &(struct url_rules){.allow_http = true}, &url, &cause);
    if (e == ERR_INVALID)
        return visible_complain(NULL, "--api %s: %s", c->api, cause_of(cause)->text[LANG_EN]);
    if (m < 0 || (size_t)m >= sizeof(bearer))
        return visible_complain(NULL, "--key is too long for a key");
    const struct header headers[] = {
        {SPAN_LIT("user-agent"), SPAN_LIT("todoke/" TODOKE_VERSION)},
        {SPAN_LIT("accept"), t->grown ? SPAN_LIT("text/event-stream") : SPAN_LIT("application/json")},
        {SPAN_LIT("content-type"), span_of(c->type ? c->type : "application/json")},
        {SPAN_LIT("authorization"), span_of(bearer)},
    };
    const struct exchange_request x = {
        .url = &url,
        .headers = headers,
        .header_count = c->key ? 4 : 3,
        .method = method,
        .body = body,
        .response_body = answer,
        .deadlines = {.response_ms = RESPONSE_MS},
    };
    (void)signal(SIGPIPE, SIG_IGN);
    if (!e)
        e = run(t, c, &x);
    if (e == ERR_IO && c->ca)
        return visible_complain(NULL, "--ca: no certificates can be read from %s", c->ca);
    if (e || !t->done) {
        (void)visible_complain(NULL, "%s", err_text(e));
        return CLIENT_FAILED;
    }
    return verdict(t, c, buf_span(answer));
}

int client_ask(const struct client *c, const char *method, const char *path, struct span body,
               struct buf *answer)
{
    struct trip t = {0};
    return ask(c, method, path, body, answer, &t);
}

int client_watch(const struct client *c, const char *method, const char *path, struct span body,
                 struct buf *answer, void (*grown)(void *arg, struct span answer), void *arg)
{
    struct trip t = {.grown = grown, .arg = arg, .answer = answer};
    int status = ask(c, method, path, body, answer, &t);
    if (status == CLIENT_DONE && buf_len(answer) > t.seen)
        grown(arg, buf_span(answer));
    return status;
}

int client_strange(void)
{
    (void)visible_complain(NULL, "the answer is not that of a todoke node; is --api right?");
    return CLIENT_FAILED;
}
