#include "fault/answer_said.h"

/* Where the lower-case word begins in s, letter case aside; s.len: nowhere. */
static size_t find_nocase(struct span s, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= s.len; i++)
        if (s.ptr[i] == *word && strncasecmp(s.ptr + i, word, len) == 0)
            return i;
    return s.len;
}

static struct span behind(struct span s, size_t at)
{
    return (struct span){s.ptr + at, s.len - at};
}

/* Without blanks and line ends at its ends. */
static struct span stripped(struct span s)
{
    while (s.len > 0 && (unsigned char)s.ptr[0] <= ' ')
        s = behind(s, 1);
    while (s.len > 0 && (unsigned char)s.ptr[s.len - 1] <= ' ')
        s.len--;
    return s;
}

/* What stands in the first element that opens with this tag ("<title"); empty: there is none. */
static struct span element(struct span page, const char *tag)
{
    struct span rest = behind(page, find_nocase(page, tag));
    const char *open = rest.len > 0 ? memchr(rest.ptr, '>', rest.len) : NULL;
    if (!open)
        return (struct span){"", 0};
    rest = behind(rest, (size_t)(open + 1 - rest.ptr));
    const char *close = rest.len > 0 ? memchr(rest.ptr, '<', rest.len) : NULL;
    return close ? stripped((struct span){rest.ptr, (size_t)(close - rest.ptr)}) : (struct span){"", 0};
}

static struct span without_tags(struct span page, char *out, size_t cap)
{
    size_t len = 0;
    bool tag = false;
    for (size_t i = 0; i < page.len && len < cap; i++) {
        char c = page.ptr[i];
        if (c == '<' || (c == '>' && tag)) {
            tag = c == '<';
            c = ' ';
        } else if (tag) {
            continue;
        }
        /* A page of mostly tags would else fill out with blanks. */
        if (c != ' ' || (len > 0 && out[len - 1] != ' '))
            out[len++] = c;
    }
    return stripped((struct span){out, len});
}

struct span answer_said(struct span body, char *out, size_t cap)
{
    body = stripped(body);
    if (body.len == 0 || body.ptr[0] != '<')
        return (struct span){body.ptr, body.len < cap ? body.len : cap};
    struct span words = element(body, "<title");
    if (words.len == 0)
        words = element(body, "<h1");
    if (words.len == 0)
        words = without_tags(body, out, cap);
    return (struct span){words.ptr, words.len < cap ? words.len : cap};
}

struct span answer_said_status_words(int status)
{
    static const struct {
        int status;
        const char *words;
    } known[] = {
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].status == status)
            return span_of(known[i].words);
    return (struct span){"", 0};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Three digits at the front that are a status and end there; 0: something else. */
static int status_at(struct span s)
{
    if (s.len < 3 || !is_digit(s.ptr[0]) || !is_digit(s.ptr[1]) || !is_digit(s.ptr[2]) ||
        (s.len > 3 && (is_digit(s.ptr[3]) || s.ptr[3] == '.' || s.ptr[3] == '-')))
        return 0;
    int status = (s.ptr[0] - '0') * 100 + (s.ptr[1] - '0') * 10 + (s.ptr[2] - '0');
    return status >= 100 && status <= 599 ? status : 0;
}

int answer_said_status(struct span text)
{
    /* "statuscode is not 200" first: what follows "status code" there is the status that was wanted. */
    static const char *const marks[] = {"statuscode is not 200!:",
                                        "fcm response: [",
                                        "status_code=",
                                        "statuscode: ",
                                        "statuscode=",
                                        "status code ",
                                        "status: ",
                                        "http error ",
                                        "http/1.1 ",
                                        "http/2 ",
                                        "error "};
    int status = status_at(text);
    for (size_t i = 0; !status && i < sizeof(marks) / sizeof(*marks); i++) {
        size_t at = find_nocase(text, marks[i]);
        if (at < text.len)
            status = status_at(behind(text, at + strlen(marks[i])));
    }
    return status;
}

static const char *const before[] = {
    "(econnrefused|connection refused|enotfound|eai_again|getaddrinfo)",
    "((could not|couldn't|cannot) resolve|no such host|name or service not known|unknown host)",
    "(dns (query|lookup|resolution)|enetunreach|ehostunreach|network is unreachable|no route to host)",
    "(connection (failed|failure)|connect(ion)? (etimedout|timeout|timed out)|dial tcp)",
    "((tls|ssl) handshake|certificate)",
};
static const char *const lost[] = {
    "(econnreset|econnaborted|connection reset|socket hang up|epipe|broken pipe|unexpected eof|eof)",
    "(etimedout|timed out|time(d)?(-)?out|deadline( )?exceeded|no response|network error|incomplete)",
    "((connection|session|stream) (was )?(closed|aborted|lost)|closed (the )?connection)",
    "(goaway|rst_stream|remote end closed|disconnect(ed)?|before (response )?headers)",
    "(connection error|request to * failed)",
};

enum answer_said_loss answer_said_loss(struct span text)
{
    for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++)
        if (answer_text_has(text, before[i]))
            return ANSWER_SAID_LOST_BEFORE;
    for (size_t i = 0; i < sizeof(lost) / sizeof(*lost); i++)
        if (answer_text_has(text, lost[i]))
            return ANSWER_SAID_LOST;
    return ANSWER_SAID_NOTHING;
}

const struct answer_rule *answer_said_code(const struct answer_rule *rules, size_t count, struct span code)
{
    for (size_t i = 0; code.len > 0 && i < count; i++)
        if (span_eq_nocase(code, span_of(rules[i].pattern)))
            return &rules[i];
    return NULL;
}

void answer_said_put(struct receipt *r, struct span s, size_t max)
{
    if (s.len <= max) {
        answer_text_put(r, s);
        return;
    }
    while (max > 0 && ((unsigned char)s.ptr[max] & 0xC0) == 0x80)
        max--;
    answer_text_put(r, (struct span){s.ptr, max});
    answer_text_put_str(r, "…");
}

bool answer_said_rules_ok(void)
{
    bool ok = true;
    for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++)
        ok = ok && answer_text_pattern_ok(before[i]);
    for (size_t i = 0; i < sizeof(lost) / sizeof(*lost); i++)
        ok = ok && answer_text_pattern_ok(lost[i]);
    return ok;
}
