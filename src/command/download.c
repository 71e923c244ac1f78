/* Through libcurl: the engine of the other commands has its answers in memory. */
#include "command/download.h"

#include <curl/curl.h>
#include <string.h>
#include <unistd.h>

#include "base/visible.h"
#include "command/answer.h"

#define CONNECT_S 10L
#define SILENT_S 60L            /* so long without a byte: the node is gone */
#define REFUSAL_MAX (64u << 10) /* of an answer that is none; the message alone is shown */
#define MESSAGE_LEN 1000u
#define LINE_MAX_LEN (1u << 20) /* on a terminal a line is shown whole; a row is far shorter */

struct copy {
    CURL *curl;
    FILE *to;
    bool terminal, failed;
    long http;
    struct buf refusal, line;
};

static void show_line(struct copy *d)
{
    struct span rest = buf_span(&d->line);
    while (rest.len) {
        const char *tab = memchr(rest.ptr, '\t', rest.len);
        const size_t n = tab ? (size_t)(tab - rest.ptr) : rest.len;
        visible_print(d->to, (struct span){rest.ptr, n}, true);
        if (tab)
            (void)fputc('\t', d->to);
        rest = tab ? (struct span){tab + 1, rest.len - n - 1} : SPAN_LIT("");
    }
    buf_clear(&d->line);
}

static bool show(struct copy *d, struct span text)
{
    while (text.len) {
        const char *end = memchr(text.ptr, '\n', text.len);
        struct span part = {text.ptr, end ? (size_t)(end - text.ptr) : text.len};
        text = end ? (struct span){end + 1, text.len - part.len - 1} : SPAN_LIT("");
        if (end && part.len && part.ptr[part.len - 1] == '\r')
            part.len--;
        if (buf_add_span(&d->line, part))
            return false;
        if (!end)
            break;
        show_line(d);
        (void)fputc('\n', d->to);
    }
    return true;
}

static size_t on_answer(char *from, size_t size, size_t count, void *arg)
{
    struct copy *d = arg;
    const struct span text = {from, size * count};
    if (!d->http)
        (void)curl_easy_getinfo(d->curl, CURLINFO_RESPONSE_CODE, &d->http);
    if (d->http != 200)
        return buf_add_span(&d->refusal, text) ? 0 : text.len;
    if (d->terminal)
        return show(d, text) ? text.len : 0;
    d->failed = fwrite(from, 1, text.len, d->to) != text.len;
    return d->failed ? 0 : text.len;
}

static int verdict(const struct client *c, struct copy *d, CURLcode e)
{
    (void)curl_easy_getinfo(d->curl, CURLINFO_RESPONSE_CODE, &d->http);
    if (d->http && d->http != 200)
        return client_refused((int)d->http, buf_span(&d->refusal));
    if (e == CURLE_OK)
        return CLIENT_DONE;
    if (d->failed)
        return CLIENT_FAILED; /* main.c says that standard output failed */
    (void)visible_complain(NULL, "%s: %s%s", c->api, curl_easy_strerror(e),
                           d->http ? "; the file is not complete" : "");
    return e == CURLE_OUT_OF_MEMORY ? CLIENT_FAILED : CLIENT_UNREACHABLE;
}

static bool set_options(struct copy *d, const struct client *c, const char *url, struct curl_slist *headers)
{
    CURL *curl = d->curl;
    bool ok = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK && /* as all commands: the node itself */
              curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_WRITEDATA, d) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SILENT_S) == CURLE_OK &&
              curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    return ok && (!c->ca || curl_easy_setopt(curl, CURLOPT_CAINFO, c->ca) == CURLE_OK);
}

int download(const struct client *c, const char *path, FILE *to)
{
    struct copy d = {.to = to, .terminal = isatty(fileno(to))};
    char url[4096], bearer[300];
    size_t base = strlen(c->api);
    while (base && c->api[base - 1] == '/')
        base--;
    if (snprintf(url, sizeof(url), "%.*s%s", (int)base, c->api, path) >= (int)sizeof(url) ||
        snprintf(bearer, sizeof(bearer), "authorization: Bearer %s", c->key) >= (int)sizeof(bearer))
        return visible_complain(NULL, "--api or --key is too long");
    buf_init(&d.refusal, REFUSAL_MAX);
    buf_init(&d.line, LINE_MAX_LEN);
    int status = CLIENT_FAILED;
    d.curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    struct curl_slist *headers = d.curl ? curl_slist_append(NULL, bearer) : NULL;
    struct curl_slist *more =
        headers ? curl_slist_append(headers, "user-agent: todoke/" TODOKE_VERSION) : NULL;
    if (more && set_options(&d, c, url, headers))
        status = verdict(c, &d, curl_easy_perform(d.curl));
    else
        (void)visible_complain(NULL, "no memory for the call");
    curl_slist_free_all(headers);
    curl_easy_cleanup(d.curl);
    buf_deinit(&d.refusal);
    buf_deinit(&d.line);
    return status;
}
