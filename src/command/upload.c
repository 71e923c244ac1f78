#include "command/upload.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/visible.h"
#include "command/answer.h"

#define BAR_MS 100u
#define LINE_MS 5000u /* where standard error is no terminal */
#define BAR_WIDTH 30u
#define CONNECT_S 10L
#define ANSWER_SHOWN 1000u

struct upload {
    FILE *in;
    uint64_t sent, size;
    struct upload_bar *bar;
    struct buf *answer;
};

/* ---- how far it is ---- */

static uint64_t now_ms(void)
{
    return clock_system.mono_us(NULL) / 1000;
}

void upload_bar_begin(struct upload_bar *b)
{
    *b = (struct upload_bar){.terminal = isatty(STDERR_FILENO), .began_ms = now_ms(), .shown_ms = now_ms()};
}

void upload_bar_show(struct upload_bar *b, const char *what, uint64_t done, uint64_t total, const char *unit)
{
    uint64_t now = now_ms(), took = now - b->began_ms + 1;
    if (now - b->shown_ms < (b->terminal ? BAR_MS : LINE_MS))
        return;
    b->shown_ms = now;
    if (!b->terminal) {
        (void)fprintf(stderr, "%s: %llu %s\n", what, (unsigned long long)done, unit);
        return;
    }
    char bar[BAR_WIDTH + 1] = "";
    uint64_t full = total ? done * BAR_WIDTH / total : 0;
    for (unsigned i = 0; total && i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    (void)fprintf(stderr, "\r\033[K%s %s%s%s %llu %s, %llu/s", what, total ? "[" : "", bar, total ? "]" : "",
                  (unsigned long long)done, unit, (unsigned long long)(done * 1000 / took));
    (void)fflush(stderr);
}

void upload_bar_end(struct upload_bar *b)
{
    if (b->terminal)
        (void)fputs("\r\033[K", stderr);
}

/* ---- the call ---- */

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
    struct upload *u = arg;
    size_t n = fread(to, 1, size * count, u->in);
    if (n == 0 && ferror(u->in))
        return CURL_READFUNC_ABORT;
    u->sent += n;
    upload_bar_show(u->bar, "sending", u->sent >> 10, u->size >> 10, "KiB");
    return n;
}

static size_t on_answer(char *from, size_t size, size_t count, void *arg)
{
    struct upload *u = arg;
    return buf_add(u->answer, from, size * count) ? 0 : size * count;
}

static int status_of(long http)
{
    return http == 401 || http == 403   ? CLIENT_NO_ACCESS
           : http == 404                ? CLIENT_NOT_FOUND
           : http == 409                ? CLIENT_CONFLICT
           : http == 429 || http >= 500 ? CLIENT_UNAVAILABLE
                                        : CLIENT_REFUSED;
}

static int refused(long http, struct span body)
{
    struct json_value root, message = {0};
    struct buf text;
    buf_init(&text, 13 * ANSWER_SHOWN);
    if (answer_read(body, &root))
        message = answer_at(root, "message");
    if (message.kind == JSON_KIND_STRING && !answer_show(message, ANSWER_SHOWN, &text))
        (void)visible_complain(NULL, "%.*s (%ld)", (int)buf_len(&text), buf_span(&text).ptr, http);
    else
        (void)visible_complain(NULL, "the node answered %ld", http);
    buf_deinit(&text);
    return status_of(http);
}

static bool set_options(CURL *curl, const struct client *c, const char *url, struct curl_slist *headers,
                        struct upload *u)
{
    bool ok = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK && /* as all commands: the node itself */
              curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_READDATA, u) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_WRITEDATA, u) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    return ok && (!c->ca || curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca) == CURLE_OK);
}

static int run(CURL *curl, const struct client *c, struct upload *u)
{
    CURLcode e = curl_easy_perform(curl);
    long http = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    upload_bar_end(u->bar);
    if (ferror(u->in))
        return visible_complain(NULL, "the file cannot be read to its end");
    if (http >= 300)
        return refused(http, buf_span(u->answer)); /* it may come before all was sent */
    if (e == CURLE_OK && http >= 200)
        return CLIENT_DONE;
    (void)visible_complain(NULL, "%s: %s", c->api, curl_easy_strerror(e));
    return e == CURLE_OUT_OF_MEMORY ? CLIENT_FAILED : CLIENT_UNREACHABLE;
}

int upload_send(const struct client *c, const char *path, const char *type, FILE *in, struct upload_bar *bar,
                struct buf *answer)
{
    struct upload u = {.in = in, .bar = bar, .answer = answer};
    struct stat st;
    char url[2200], bearer[300], of_type[160];
    size_t base = strlen(c->api);
    while (base && c->api[base - 1] == '/')
        base--;
    if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode))
        u.size = (uint64_t)st.st_size;
    if (snprintf(url, sizeof(url), "%.*s%s", (int)base, c->api, path) >= (int)sizeof(url) ||
        snprintf(bearer, sizeof(bearer), "authorization: Bearer %s", c->key) >= (int)sizeof(bearer) ||
        snprintf(of_type, sizeof(of_type), "content-type: %s", type) >= (int)sizeof(of_type))
        return visible_complain(NULL, "--api, --key or --type is too long");
    int status = CLIENT_FAILED;
    CURL *curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    struct curl_slist *list = NULL, *more = NULL;
    /* Without a length: standard input has none. */
    const char *const lines[] = {bearer,
                                 of_type,
                                 "user-agent: todoke/" TODOKE_VERSION,
                                 "accept: application/json",
                                 "transfer-encoding: chunked",
                                 "expect:"};
    bool ok = curl;
    for (size_t i = 0; ok && i < sizeof(lines) / sizeof(*lines); i++) {
        more = curl_slist_append(list, lines[i]);
        ok = more;
        list = more ? more : list;
    }
    if (ok && set_options(curl, c, url, list, &u))
        status = run(curl, c, &u);
    else
        (void)visible_complain(NULL, "no memory for the call");
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    return status;
}
