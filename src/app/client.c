#include "app/client.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/utf8.h"
#include "net/exchange.h"

#define RESPONSE_MS 30000u /* a node that commits to a slow disk takes its time */

bool client_option(struct client *c, int argc, char **argv, int *i, int *status)
{
    const char **to = strcmp(argv[*i], "--api") == 0   ? &c->api
                      : strcmp(argv[*i], "--key") == 0 ? &c->key
                      : strcmp(argv[*i], "--ca") == 0  ? &c->ca
                                                       : NULL;
    if (!to)
        return false;
    if (*i + 1 >= argc) {
        (void)fprintf(stderr, "todoke: %s needs a value\n", argv[*i]);
        *status = 2;
        return true;
    }
    *to = argv[++*i];
    return true;
}

bool client_ready(struct client *c)
{
    if (!c->api)
        c->api = getenv("TODOKE_API");
    if (!c->api)
        c->api = "http://127.0.0.1:8080";
    if (!c->key)
        c->key = getenv("TODOKE_KEY");
    if (c->key) {
        if (!c->key[strspn(c->key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")])
            return true;
        (void)fputs("todoke: --key: that is no key; keys are made of A-Z, a-z, 0-9, - and _\n", stderr);
        return false;
    }
    (void)fputs("todoke: a key is needed: --key KEY or TODOKE_KEY (made by `todoke key create`)\n", stderr);
    return false;
}

struct trip {
    struct net *net;
    struct outcome outcome;
    bool done;
};

static void on_done(void *arg, const struct exchange_result *r)
{
    struct trip *t = arg;
    t->outcome = r->outcome;
    t->done = true;
    net_close(t->net, NULL, NULL);
}

static enum err run(struct trip *t, const struct client *c, const struct exchange_request *x)
{
    uv_loop_t loop;
    if (uv_loop_init(&loop))
        return ERR_IO;
    const struct net_config config = {.ca_file = c->ca, .allow_private = true, .allow_any_port = true};
    enum err e = net_new(&t->net, &loop, &config);
    if (!e) {
        e = exchange_start(t->net, x, on_done, t, NULL);
        if (e)
            net_close(t->net, NULL, NULL);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    }
    (void)uv_loop_close(&loop);
    return e;
}

void client_text(FILE *to, struct span s, bool lines)
{
    uint32_t cp = 0;
    for (size_t i = 0, n; i < s.len; i += n) {
        n = utf8_next(s.ptr + i, s.len - i, &cp);
        if (n == 0) {
            n = 1;
            (void)fputs("\xEF\xBF\xBD", to);
        } else if (utf8_is_control(cp) && !(lines && cp == '\n')) {
            (void)fprintf(to, "\\u%04x", (unsigned)cp);
        } else {
            (void)fwrite(s.ptr + i, 1, n, to);
        }
    }
}

/* What the node says of a refusal, or the body as it is. */
static void tell_refusal(int status, struct span body)
{
    json_t *root = json_loadb(body.ptr, body.len, 0, NULL);
    const char *message = json_string_value(json_object_get(root, "message"));
    if (message) {
        (void)fputs("todoke: ", stderr);
        client_text(stderr, span_of(message), false);
        (void)fprintf(stderr, " (%d)\n", status);
    } else {
        (void)fprintf(stderr, "todoke: the node answered %d\n", status);
    }
    json_decref(root);
}

static int verdict(const struct trip *t, const struct client *c, struct span body)
{
    const struct outcome *o = &t->outcome;
    char detail[8];
    if (o->reason == REASON_OK)
        return 0;
    if (o->reason == REASON_ERROR_STATUS_CODE) {
        tell_refusal(o->status, body);
        return o->status >= 400 && o->status < 500 ? 2 : 1;
    }
    (void)fprintf(stderr, "todoke: %s: %s, %s (%s)\n", c->api, reason_text(o->reason),
                  outcome_detail(o, detail), cause_of(o->cause)->id);
    return 1;
}

int client_call(const struct client *c, const char *method, const char *path, struct span body,
                struct buf *answer)
{
    static struct url url;
    char text[URL_MAX + 1], bearer[256];
    size_t base = strlen(c->api);
    while (base && c->api[base - 1] == '/')
        base--;
    int n = snprintf(text, sizeof(text), "%.*s%s", (int)base, c->api, path);
    int m = snprintf(bearer, sizeof(bearer), "Bearer %s", c->key);
    enum cause_id cause = CAUSE_url_too_long;
    if (n < 0 || (size_t)n >= sizeof(text) ||
        url_parse(span_of(text), &(struct url_rules){true}, &url, &cause)) {
        (void)fprintf(stderr, "todoke: --api %s: %s\n", c->api, cause_of(cause)->text[LANG_EN]);
        return 2;
    }
    if (m < 0 || (size_t)m >= sizeof(bearer)) {
        (void)fputs("todoke: --key is too long for a key\n", stderr);
        return 2;
    }
    const struct header headers[] = {
        {SPAN_LIT("authorization"), span_of(bearer)},
        {SPAN_LIT("user-agent"), SPAN_LIT("todoke/" TODOKE_VERSION)},
        {SPAN_LIT("accept"), SPAN_LIT("application/json")},
        {SPAN_LIT("content-type"), SPAN_LIT("application/json")},
    };
    const struct exchange_request x = {
        .url = &url,
        .headers = headers,
        .header_count = body.len ? 4 : 3,
        .method = method,
        .body = body,
        .response_body = answer,
        .deadlines = {.response_ms = RESPONSE_MS},
    };
    (void)signal(SIGPIPE, SIG_IGN);
    struct trip t = {0};
    enum err e = run(&t, c, &x);
    if (e || !t.done) {
        (void)fprintf(stderr, "todoke: %s%s\n",
                      e == ERR_IO && c->ca ? "--ca: no certificates can be read: " : "", err_text(e));
        return 1;
    }
    return verdict(&t, c, buf_span(answer));
}

int client_strange(void)
{
    (void)fputs("todoke: the answer is not that of a todoke node; is --api right?\n", stderr);
    return 1;
}

void client_print(FILE *to, struct span json)
{
    /* 15 digits are what a double surely keeps: with 17, 0.24 would be shown as 0.23999999999999999. */
    size_t flags = JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
    json_t *root = json_loadb(json.ptr, json.len, JSON_DECODE_ANY, NULL);
    char *text = root ? json_dumps(root, flags) : NULL;
    client_text(to, text ? span_of(text) : json, true);
    (void)fputc('\n', to);
    free(text); /* libc: jansson's */
    json_decref(root);
}
