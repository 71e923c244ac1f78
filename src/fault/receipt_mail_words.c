/* Words of mail servers, without what others chose: addresses, URLs, paths, names of hosts. */
#include "fault/receipt_mail.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

/* In the local part or the domain of an address; whatever is not ASCII may be. */
static bool is_address(char c)
{
    return is_letter(c) || is_digit(c) || (c && strchr("._%+=-/!#$&*?^`{|}~", c)) || (unsigned char)c >= 0x80;
}

static bool is_host(char c)
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
}

/*
 * The last label of names of hosts; two letters are any country. A sentence may lack the blank behind its
 * full stop ("is full.please"), so that not every word with a dot is a name.
 */
static bool is_top(struct span label, bool more_dots)
{
    static const char *const tops[] = {
        "com",       "net",   "org",   "edu",   "gov",      "mil",        "int",     "info",   "biz",
        "name",      "mobi",  "asia",  "app",   "dev",      "cloud",      "xyz",     "online", "site",
        "shop",      "tokyo", "osaka", "email", "jobs",     "example",    "invalid", "local",  "test",
        "localhost", "lan",   "corp",  "arpa",  "internal", "localdomain"};
    static const char *const words[] = {"is", "in", "to", "no", "it", "me", "at", "be", "so", "my",
                                        "do", "if", "we", "as", "or", "by", "on", "of", "an", "up"};
    if (label.len == 2 && is_letter(label.ptr[0]) && is_letter(label.ptr[1])) {
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (span_eq(label, span_of(words[i])))
                return more_dots;
        return true;
    }
    for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++)
        if (span_eq(label, span_of(tops[i])))
            return true;
    return false;
}

static bool is_hostname(struct span s)
{
    while (s.len > 0 && s.ptr[s.len - 1] == '.')
        s.len--;
    size_t dots = 0, label = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '.') {
            dots++;
            label = i + 1;
        }
    return dots > 0 && is_top((struct span){s.ptr + label, s.len - label}, dots > 1);
}

static void put(struct answer_text *to, const char *p, size_t len)
{
    if (len > ANSWER_TEXT_MAX - to->len)
        len = ANSWER_TEXT_MAX - to->len;
    memcpy(to->bytes + to->len, p, len);
    to->len += len;
}

/* Where the URL or the address of a file ends: brackets and quotes around it do not belong to it. */
static size_t url_end(struct span word, size_t from)
{
    while (from < word.len && !strchr("<>\"'()[],;", word.ptr[from]))
        from++;
    return from;
}

/* Whether a host or a URL is that of a list of senders whom others blamed. */
static bool is_blocklist(struct span name)
{
    return answer_text_has(name, "(spamhaus|spamcop|barracudacentral|dnsbl~|sorbs|abuseat|uceprotect|"
                                 "mailspike|invaluement|spamrats|senderscore|rbl|bl|cbl|pbl|sbl|xbl|zen)");
}

/* One word of the text, between blanks. Every byte of it is looked at a constant number of times. */
static void put_word(struct answer_text *to, struct span word)
{
    for (size_t i = 0, run = 0; i < word.len;) {
        size_t end = i < run ? run : i; /* up to run all bytes may be in an address, and no "@" follows */
        while (end < word.len && is_address(word.ptr[end]))
            end++;
        run = end;
        if (end < word.len && word.ptr[end] == '@') {
            for (end++; end < word.len && (is_address(word.ptr[end]) || word.ptr[end] == '@');)
                end++;
            bool closed = end < word.len && strchr(">)]'\"}", word.ptr[end]) != NULL;
            if (to->len > 0 && strchr("<([{'\"", to->bytes[to->len - 1]))
                to->len--;
            put(to, "@", 1);
            i = end + (closed ? 1 : 0);
            while (i < word.len && word.ptr[i] == '.') /* "<user@host>... User unknown" */
                i++;
            continue;
        }
        if (word.len - i > 2 && strncmp(word.ptr + i, "://", 3) == 0) {
            while (to->len > 0 && is_letter(to->bytes[to->len - 1]))
                to->len--; /* the scheme */
            size_t url = url_end(word, i);
            put(to, is_blocklist((struct span){word.ptr + i, url - i}) ? "%" : "&", 1);
            i = url;
            continue;
        }
        if (word.ptr[i] == '/' && i == 0 && word.len > 1 && memchr(word.ptr + 1, '/', word.len - 1)) {
            put(to, "&", 1);
            for (i = 1; i < word.len && word.ptr[i] != ':' && word.ptr[i] != ',';)
                i++;
            continue;
        }
        size_t host = i;
        while (host < word.len && is_host(word.ptr[host]))
            host++;
        if (host > i && is_hostname((struct span){word.ptr + i, host - i})) {
            put(to, is_blocklist((struct span){word.ptr + i, host - i}) ? "%" : ".", 1);
            i = host;
            continue;
        }
        host = host > i ? host : i + 1;
        put(to, word.ptr + i, host - i);
        i = host;
    }
}

/* The reply code at the front: "550", "550-5.1.1", "smtp; 550", "#550"; 0: none. */
static int code_at(struct span s, size_t at)
{
    if (s.len < at + 3 || !strchr("245", s.ptr[at]) || !is_digit(s.ptr[at + 1]) || !is_digit(s.ptr[at + 2]))
        return 0;
    if (s.len > at + 3 && !strchr(" -:;,.#)'\"", s.ptr[at + 3]))
        return 0;
    if (s.len > at + 4 && s.ptr[at + 3] == '.' && is_digit(s.ptr[at + 4])) /* an address or a date */
        return 0;
    return (s.ptr[at] - '0') * 100 + (s.ptr[at + 1] - '0') * 10 + (s.ptr[at + 2] - '0');
}

static int front_code(struct span s)
{
    size_t at = 0;
    static const char *const fronts[] = {"smtp;", "x-postfix;", "rfc822;", ":", "#", "<", "\"", "'"};
    for (bool again = true; again;) {
        again = false;
        while (at < s.len && s.ptr[at] == ' ')
            at++;
        for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
            size_t len = strlen(fronts[i]);
            if (s.len - at > len && strncmp(s.ptr + at, fronts[i], len) == 0) {
                at += len;
                again = true;
            }
        }
    }
    return code_at(s, at);
}

/* Reads "5.1.10" at `at`; 0: there is none, else its length. */
static size_t enhanced_at(struct span s, size_t at, int ret[3])
{
    size_t i = at;
    int part[3] = {0, 0, 0};
    for (int n = 0; n < 3; n++) {
        size_t digits = 0;
        for (; i < s.len && is_digit(s.ptr[i]) && digits < 4; i++, digits++)
            part[n] = part[n] * 10 + (s.ptr[i] - '0');
        if (digits == 0 || digits > 3 || (n < 2 && (i == s.len || s.ptr[i++] != '.')))
            return 0;
    }
    if (part[0] != 2 && part[0] != 4 && part[0] != 5)
        return 0;
    bool more = i < s.len && (is_digit(s.ptr[i]) || is_letter(s.ptr[i]));
    if (more || (i + 1 < s.len && (s.ptr[i] == '.' || s.ptr[i] == '-') && is_digit(s.ptr[i + 1])))
        return 0; /* an IP address, a version */
    memcpy(ret, part, sizeof(part));
    return i - at;
}

static void find_enhanced(struct span s, int ret[3])
{
    for (size_t i = 0; i < s.len; i++)
        if (is_digit(s.ptr[i]) &&
            (i == 0 || (!is_digit(s.ptr[i - 1]) && !is_letter(s.ptr[i - 1]) && s.ptr[i - 1] != '.')) &&
            enhanced_at(s, i, ret) > 0)
            return;
}

/* Whether a word only repeats the code of the first line: "550-5.1.1", "550-", and "5.1.1" behind it. */
static bool repeats(struct span word, const struct mail_words *w, bool *after_code)
{
    int enhanced[3];
    bool was = *after_code;
    *after_code = false;
    if (was && enhanced_at(word, 0, enhanced) == word.len)
        return memcmp(enhanced, w->enhanced, sizeof(enhanced)) == 0;
    if (w->code == 0 || code_at(word, 0) != w->code || (word.len > 3 && word.ptr[3] != '-'))
        return false;
    *after_code = word.len <= 4;
    struct span tail = {word.ptr + 4, word.len > 4 ? word.len - 4 : 0};
    return tail.len == 0 || (enhanced_at(tail, 0, enhanced) == tail.len &&
                             memcmp(enhanced, w->enhanced, sizeof(enhanced)) == 0);
}

void receipt_mail_words(struct span said, struct mail_words *ret)
{
    memset(ret->enhanced, 0, sizeof(ret->enhanced));
    ret->plain.len = 0;
    answer_text_of(said, &ret->whole);
    struct span text = answer_text_span(&ret->whole);
    ret->code = front_code(text);
    find_enhanced(text, ret->enhanced);
    bool after_code = false;
    for (size_t i = 0; i < text.len;) {
        const char *blank = memchr(text.ptr + i, ' ', text.len - i);
        struct span word = {text.ptr + i, blank ? (size_t)(blank - text.ptr) - i : text.len - i};
        if (i == 0 || !repeats(word, ret, &after_code)) {
            if (ret->plain.len > 0)
                put(&ret->plain, " ", 1);
            put_word(&ret->plain, word);
        }
        i += word.len + 1;
    }
}

bool receipt_mail_quoted(const struct mail_words *w, struct span *ret)
{
    struct span s = answer_text_span(&w->whole);
    bool found = false;
    for (size_t i = 4; i + 3 < s.len; i++) {
        char before = s.ptr[i - 1];
        /* A bracket, a quote or a semicolon is enough; a blank only behind one, a colon or an arrow. */
        bool mark = strchr(";'\"<#([>", before) != NULL ||
                    (before == ' ' && (strchr(":;'\"<>", s.ptr[i - 2]) != NULL ||
                                       (i + 4 < s.len && s.ptr[i + 3] == '-' && s.ptr[i + 4] == '\'')));
        int code = mark ? code_at(s, i) : 0;
        if (code >= 400 && (s.ptr[i + 3] == ' ' || s.ptr[i + 3] == '-')) {
            *ret = (struct span){s.ptr + i, s.len - i};
            found = true;
        }
    }
    return found;
}
