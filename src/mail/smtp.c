#include "mail/smtp.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define CONNECT_MS 15000L /* a relay that does not answer within this time is unreachable */
#define SOCKETS_MAX 8     /* libcurl may try several addresses of the relay at once */
#define POLL_MS 250       /* longest delay of smtp_stop() */

struct smtp {
    struct smtp_config config;
    CURLM *multi; /* owns the connection; a multi handle, because its transfers can be aborted at any time */
    CURL *easy;   /* NULL: not created yet */
    curl_socket_t sockets[SOCKETS_MAX];
    atomic_bool stopped;
    /* About the mail being sent: */
    struct span rest; /* the bytes not yet written */
    char verb[12];    /* the last command in upper case, without its argument, which may be a password */
    int code;         /* status of the last reply; 0: no reply to the last command yet */
    char answer[200]; /* last line of that reply */
    uint64_t deadline_us;
    bool leaving; /* QUIT was sent */
    char error[CURL_ERROR_SIZE];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void begin(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct smtp *s = arg;
    size_t len = size * count < s->rest.len ? size * count : s->rest.len;
    memcpy(out, s->rest.ptr, len);
    s->rest.ptr += len;
    s->rest.len -= len;
    return len;
}

/* Copies visible ASCII and bytes above it, truncated: a relay's text goes into logs and onto terminals. */
static void take_text(char *to, size_t size, const char *from, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < size - 1; i++)
        to[n++] = (unsigned char)from[i] < ' ' || (unsigned char)from[i] > '~' ? ' ' : from[i];
    while (n && to[n - 1] == ' ')
        n--;
    to[n] = '\0';
}

static void take_command(struct smtp *s, const char *line, size_t len)
{
    size_t n = 0;
    /* the reply to QUIT must not replace the result of the mail */
    s->leaving = len >= 4 && memcmp(line, "QUIT", 4) == 0;
    if (s->leaving)
        return;
    /* The later lines of a login are not commands, and are secret. */
    if (strcmp(s->verb, "AUTH") != 0 || s->code / 100 != 3) {
        for (; n < len && n < sizeof(s->verb) - 1 && line[n] > ' ' && line[n] <= '~'; n++)
            s->verb[n] = line[n];
        s->verb[n] = '\0';
    }
    s->code = 0;
    s->answer[0] = '\0';
}

static int on_debug(CURL *easy, curl_infotype type, char *data, size_t len, void *arg)
{
    (void)easy;
    struct smtp *s = arg;
    if (type == CURLINFO_HEADER_OUT) {
        take_command(s, data, len);
    } else if (type == CURLINFO_HEADER_IN && !s->leaving && len >= 3 && data[0] >= '2' && data[0] <= '5') {
        s->code = (data[0] - '0') * 100 + (data[1] - '0') * 10 + (data[2] - '0');
        take_text(s->answer, sizeof(s->answer), data, len);
    }
    return 0;
}

static CURLcode on_tls(CURL *easy, void *tls, void *arg)
{
    (void)easy;
    const struct smtp *s = arg;
    return SSL_CTX_load_verify_locations(tls, s->config.ca, NULL) == 1 ? CURLE_OK : CURLE_SSL_CACERT_BADFILE;
}

static int on_open(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)purpose;
    struct smtp *s = arg;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (s->sockets[i] == CURL_SOCKET_BAD) {
            s->sockets[i] = fd;
            return CURL_SOCKOPT_OK;
        }
    }
    return CURL_SOCKOPT_ERROR;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct smtp *s = arg;
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (s->sockets[i] == fd)
            s->sockets[i] = CURL_SOCKET_BAD;
    return close(fd);
}

/*
 * libcurl sends QUIT before it closes a connection, and waits two minutes for the reply: shutting down the
 * reading side lets QUIT leave and ends the wait.
 */
static void hear_no_more(const struct smtp *s)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (s->sockets[i] != CURL_SOCKET_BAD)
            (void)shutdown(s->sockets[i], SHUT_RD);
}

/*
 * While libcurl waits for the reply to the end of DATA it blocks, with its own timeout of two minutes
 * whatever CURLOPT_TIMEOUT_MS says; but it calls this about once a second.
 */
static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    const struct smtp *s = arg;
    return atomic_load(&s->stopped) || clock_system.mono_us(NULL) >= s->deadline_us;
}

static bool is_tls_from_the_start(const struct smtp *s)
{
    return strncasecmp(s->config.url, "smtps:", 6) == 0;
}

static CURL *easy_new(struct smtp *s)
{
    CURL *easy = curl_easy_init();
    if (!easy)
        return NULL;
    long use_tls = s->config.tls == SMTP_TLS_REQUIRED || is_tls_from_the_start(s) ? CURLUSESSL_ALL
                   : s->config.tls == SMTP_TLS_OFFERED                            ? CURLUSESSL_TRY
                                                                                  : CURLUSESSL_NONE;
    bool ok =
        !curl_easy_setopt(easy, CURLOPT_URL, s->config.url) &&
        !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps") &&
        !curl_easy_setopt(easy, CURLOPT_PROXY, "") && /* ignore proxies of the environment */
        !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) && !curl_easy_setopt(easy, CURLOPT_USE_SSL, use_tls) &&
        !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
        !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) &&
        !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)s->config.timeout_ms) &&
        !curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_open) &&
        !curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, s) &&
        !curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) &&
        !curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, s) &&
        !curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L) &&
        !curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) &&
        !curl_easy_setopt(easy, CURLOPT_XFERINFODATA, s) && !curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) &&
        !curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read) &&
        !curl_easy_setopt(easy, CURLOPT_READDATA, s) &&
        !curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) && /* sends everything to on_debug */
        !curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug) &&
        !curl_easy_setopt(easy, CURLOPT_DEBUGDATA, s) &&
        !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, s->error);
    if (ok && s->config.ca)
        ok = !curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls) &&
             !curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, s);
    if (ok && s->config.user && s->config.password)
        ok = !curl_easy_setopt(easy, CURLOPT_USERNAME, s->config.user) &&
             !curl_easy_setopt(easy, CURLOPT_PASSWORD, s->config.password);
    if (ok)
        return easy;
    curl_easy_cleanup(easy);
    return NULL;
}

enum err smtp_new(struct smtp **ret, const struct smtp_config *config)
{
    (void)pthread_once(&curl_once, begin);
    struct smtp *s = mem_zero(1, sizeof(*s));
    if (!s)
        return ERR_NOMEM;
    s->config = *config;
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        s->sockets[i] = CURL_SOCKET_BAD;
    s->multi = curl_multi_init();
    if (!s->multi) {
        mem_free(s);
        return ERR_NOMEM;
    }
    *ret = s;
    return ERR_NONE;
}

void smtp_rest(struct smtp *s)
{
    hear_no_more(s);
    if (s->easy)
        curl_easy_cleanup(s->easy);
    s->easy = NULL;
    /* Connections belong to the multi handle: the next mail starts with a new one. */
    CURLM *fresh = curl_multi_init();
    if (fresh) {
        CURLM *old = s->multi;
        s->multi = fresh;
        (void)curl_multi_cleanup(old);
    }
}

void smtp_free(struct smtp *s)
{
    if (!s)
        return;
    hear_no_more(s);
    if (s->easy)
        curl_easy_cleanup(s->easy);
    (void)curl_multi_cleanup(s->multi);
    mem_free(s);
}

void smtp_stop(struct smtp *s)
{
    atomic_store(&s->stopped, true);
}

/* Runs until the transfer has ended or was aborted. */
static CURLcode perform(struct smtp *s)
{
    int running = 1;
    CURLcode code = CURLE_SEND_ERROR;
    if (curl_multi_add_handle(s->multi, s->easy) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    while (running && !atomic_load(&s->stopped)) {
        if (curl_multi_perform(s->multi, &running) != CURLM_OK)
            break;
        int left;
        for (CURLMsg *m; (m = curl_multi_info_read(s->multi, &left));)
            if (m->msg == CURLMSG_DONE)
                code = m->data.result;
        if (running && curl_multi_poll(s->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
            break;
    }
    (void)curl_multi_remove_handle(s->multi, s->easy);
    if (running && atomic_load(&s->stopped))
        return CURLE_ABORTED_BY_CALLBACK;
    if (code == CURLE_ABORTED_BY_CALLBACK && !atomic_load(&s->stopped)) {
        (void)snprintf(s->error, sizeof(s->error), "timed out after %u ms", s->config.timeout_ms);
        return CURLE_OPERATION_TIMEDOUT;
    }
    return code;
}

static bool verb_is(const struct smtp *s, const char *verb)
{
    return strcmp(s->verb, verb) == 0;
}

/* Decides whether the mail or the relay caused the failure. */
static enum smtp_end judge(const struct smtp *s, CURLcode code)
{
    if (code == CURLE_OK)
        return SMTP_SENT;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return SMTP_STOPPED;
    bool of_mail = verb_is(s, "MAIL") || verb_is(s, "RCPT") || verb_is(s, "DATA");
    /* the relay is closing down; or it requires TLS or a login */
    if (!of_mail || s->code == 421 || s->code == 530)
        return SMTP_TROUBLE;
    if (s->code / 100 == 5) /* a sender that is refused once is refused for every mail */
        return verb_is(s, "MAIL") ? SMTP_TROUBLE : SMTP_REFUSED;
    return SMTP_LATER;
}

static void tell(const struct smtp *s, CURLcode code, struct smtp_result *ret)
{
    ret->end = judge(s, code);
    ret->text[0] = '\0';
    if (ret->end == SMTP_SENT)
        return;
    char words[sizeof(ret->text)];
    const char *error = s->error[0] ? s->error : curl_easy_strerror(code);
    if (s->code >= 400)
        (void)snprintf(words, sizeof(words), "%s%s%s", s->verb, s->verb[0] ? ": " : "", s->answer);
    else
        (void)snprintf(words, sizeof(words), "%s%s%.200s", s->verb, s->verb[0] ? ": " : "", error);
    take_text(ret->text, sizeof(ret->text), words, strlen(words));
}

void smtp_send(struct smtp *s, const char *from, const char *to, struct span mail, struct smtp_result *ret)
{
    *ret = (struct smtp_result){SMTP_LATER, "out of memory"};
    if (!s->easy)
        s->easy = easy_new(s);
    char bracketed[1024];
    (void)snprintf(bracketed, sizeof(bracketed), "<%s>", from);
    struct curl_slist *rcpt = curl_slist_append(NULL, to);
    if (s->easy && rcpt && !curl_easy_setopt(s->easy, CURLOPT_MAIL_FROM, bracketed) &&
        !curl_easy_setopt(s->easy, CURLOPT_MAIL_RCPT, rcpt) &&
        !curl_easy_setopt(s->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)mail.len)) {
        s->rest = mail;
        s->verb[0] = s->answer[0] = s->error[0] = '\0';
        s->code = 0;
        s->leaving = false;
        s->deadline_us = clock_system.mono_us(NULL) + 1000u * (uint64_t)s->config.timeout_ms;
        CURLcode code = perform(s);
        tell(s, code, ret);
        (void)curl_easy_setopt(s->easy, CURLOPT_MAIL_RCPT, NULL);
        if (code != CURLE_OK && ret->end != SMTP_REFUSED && s->code / 100 != 4)
            smtp_rest(s); /* the connection's state is unknown: close it */
    }
    curl_slist_free_all(rcpt);
}

enum err smtp_check_url(const char *url)
{
    (void)pthread_once(&curl_once, begin);
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    bool ok = u && !curl_url_set(u, CURLUPART_URL, url, 0) &&
              !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) && !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
              host[0] && (strcmp(scheme, "smtp") == 0 || strcmp(scheme, "smtps") == 0) &&
              curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER;
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(u);
    return ok ? ERR_NONE : ERR_INVALID;
}
