#include "fault/answer_text.h"

#include <stdio.h>
#include <time.h>

#include "base/hex.h"
#include "base/utf8.h"

/* How many bytes at the front are blank for us; 0: none. */
static size_t blank_at(const char *p, size_t len)
{
    unsigned char c = (unsigned char)*p;
    if (c <= ' ' || c == 0x7F)
        return 1;
    if (c == 0xC2 && len > 1 && (unsigned char)p[1] == 0xA0) /* U+00A0 */
        return 2;
    if (c == 0xE3 && len > 2 && (unsigned char)p[1] == 0x80 && (unsigned char)p[2] == 0x80) /* U+3000 */
        return 3;
    return 0;
}

/* U+2018, U+2019, U+201C, U+201D as the quotes of ASCII that they stand for; NUL: none of these. */
static char quote_at(const char *p, size_t len)
{
    if (len < 3 || (unsigned char)p[0] != 0xE2 || (unsigned char)p[1] != 0x80)
        return '\0';
    unsigned char last = (unsigned char)p[2];
    return last == 0x98 || last == 0x99 ? '\'' : last == 0x9C || last == 0x9D ? '"' : '\0';
}

void answer_text_of(struct span raw, struct answer_text *ret)
{
    ret->len = 0;
    bool blank = false;
    for (size_t i = 0; i < raw.len;) {
        size_t skip = blank_at(raw.ptr + i, raw.len - i);
        if (skip > 0) {
            blank = true;
            i += skip;
            continue;
        }
        bool gap = blank && ret->len > 0;
        if (ret->len + (gap ? 2 : 1) > ANSWER_TEXT_MAX)
            return;
        if (gap)
            ret->bytes[ret->len++] = ' ';
        char quote = quote_at(raw.ptr + i, raw.len - i), c = quote ? quote : raw.ptr[i];
        i += quote ? 3 : 1;
        ret->bytes[ret->len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        blank = false;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c);
}

/* What of a pattern is still to be matched: a part, and then the parts behind the choices around it. */
struct rest {
    const char *p, *end;
    const struct rest *outer;
};

/* Behind the ")" that ends the choice whose first byte is at p. */
static const char *behind_choice(const char *p, const char *end)
{
    for (unsigned depth = 1; p < end; p++) {
        if (*p == '(')
            depth++;
        else if (*p == ')' && --depth == 0)
            return p + 1;
    }
    return end;
}

/* The end of the alternative that begins at p: its "|" or ")". */
static const char *alternative_end(const char *p, const char *end)
{
    for (unsigned depth = 0; p < end; p++) {
        if (*p == '(')
            depth++;
        else if (*p == ')' && depth-- == 0)
            return p;
        else if (*p == '|' && depth == 0)
            return p;
    }
    return end;
}

struct subject {
    const char *end;
    bool to_end; /* "$" ends the pattern */
};

static bool ends_well(const struct subject *s, const char *from, const char *t)
{
    if (s->to_end)
        return t == s->end;
    return t == from || t == s->end || !is_word(t[-1]) || !is_word(*t);
}

static bool match(const struct subject *s, struct rest at, const char *from, const char *t);

static bool match_choice(const struct subject *s, struct rest at, const char *from, const char *t)
{
    const char *behind = behind_choice(at.p + 1, at.end);
    bool optional = behind < at.end && *behind == '?';
    const struct rest outer = {behind + (optional ? 1 : 0), at.end, at.outer};
    for (const char *p = at.p + 1;;) {
        const char *end = alternative_end(p, at.end);
        if (match(s, (struct rest){p, end, &outer}, from, t))
            return true;
        if (end >= at.end || *end == ')')
            break;
        p = end + 1;
    }
    return optional && match(s, outer, from, t);
}

static bool match_gap(const struct subject *s, struct rest at, const char *from, const char *t)
{
    const char *last = (size_t)(s->end - t) > ANSWER_TEXT_GAP ? t + ANSWER_TEXT_GAP : s->end;
    at.p++;
    /* "a * b" is also "a b": the blank in front of nothing is the blank behind it. */
    if (t > from && t[-1] == ' ' && at.p < at.end && *at.p == ' ') {
        struct rest behind = {at.p + 1, at.end, at.outer};
        if (match(s, behind, from, t))
            return true;
    }
    for (; t <= last; t++)
        if (match(s, at, from, t))
            return true;
    return false;
}

static bool match(const struct subject *s, struct rest at, const char *from, const char *t)
{
    for (;; at.p++) {
        while (at.p == at.end) {
            if (!at.outer)
                return ends_well(s, from, t);
            at = *at.outer;
        }
        if (*at.p == '(')
            return match_choice(s, at, from, t);
        if (*at.p == '*')
            return match_gap(s, at, from, t);
        if (*at.p == '~') {
            while (t < s->end && is_word(*t))
                t++;
            continue;
        }
        if (t == s->end)
            return false;
        if (*at.p == '#') {
            if (!is_digit(*t))
                return false;
            while (t < s->end && is_digit(*t))
                t++;
        } else if (*t++ != *at.p) {
            return false;
        }
    }
}

/*
 * How the texts begin that a pattern can match: by their first byte alone, or by a hash of two. Most
 * places of a text fail here and never enter the matcher.
 */
struct starts {
    uint64_t first[4], both[4];
};

static unsigned hash_of(char a, char b)
{
    return ((unsigned char)a * 7u + (unsigned char)b) & 255u;
}

static void set_bit(uint64_t bits[4], unsigned at)
{
    bits[at / 64] |= UINT64_C(1) << at % 64;
}

static bool has_bit(const uint64_t bits[4], unsigned at)
{
    return bits[at / 64] >> at % 64 & 1;
}

/* Adds the beginnings of what stands from p to end: of a choice its own, of an optional one also the next. */
static void add_starts(const char *p, const char *end, struct starts *ret)
{
    while (p < end && *p == '(') {
        const char *behind = behind_choice(p + 1, end), *alternative = p + 1;
        for (;;) {
            const char *last = alternative_end(alternative, behind);
            add_starts(alternative, last, ret);
            if (last >= behind || *last == ')')
                break;
            alternative = last + 1;
        }
        if (behind == end || *behind != '?')
            return;
        p = behind + 1;
    }
    if (p == end || *p == '*' || *p == '~') {
        memset(ret->first, 0xFF, sizeof(ret->first));
    } else if (*p == '#') {
        for (char digit = '0'; digit <= '9'; digit++)
            set_bit(ret->first, (unsigned char)digit);
    } else if (p + 1 == end || strchr("(*#~$", p[1])) {
        set_bit(ret->first, (unsigned char)*p);
    } else {
        set_bit(ret->both, hash_of(p[0], p[1]));
    }
}

bool answer_text_find(struct span text, const char *pattern, size_t *ret_at)
{
    const char *p = pattern, *end = pattern + strlen(pattern);
    bool anchored = *p == '^', inside = *p == '~';
    p += anchored || inside ? 1 : 0;
    struct subject s = {.end = text.ptr + text.len, .to_end = end > p && end[-1] == '$'};
    end -= s.to_end ? 1 : 0;
    struct starts starts = {.first = {0}};
    add_starts(p, end, &starts);
    for (size_t i = 0; i < text.len; i++) {
        const char *t = text.ptr + i;
        bool whole = inside || i == 0 || !is_word(t[-1]) || !is_word(*t);
        bool fits = has_bit(starts.first, (unsigned char)*t) ||
                    (i + 1 < text.len && has_bit(starts.both, hash_of(t[0], t[1])));
        if (whole && fits && match(&s, (struct rest){p, end, NULL}, t, t)) {
            if (ret_at)
                *ret_at = i;
            return true;
        }
        if (anchored)
            return false;
    }
    return false;
}

bool answer_text_has(struct span text, const char *pattern)
{
    return answer_text_find(text, pattern, NULL);
}

/*
 * How many gaps a text can pass on its way through the pattern from *p to the next ")" or "|" of this depth;
 * *p is moved there. Above GAPS_MAX: ill-formed.
 */
#define GAPS_MAX 2u
static unsigned gaps_of(const char **p, unsigned depth)
{
    unsigned gaps = 0, most = 0;
    for (; **p && **p != ')'; ++*p) {
        if (**p == '*') {
            gaps++;
        } else if (**p == '|') {
            most = gaps > most ? gaps : most;
            gaps = 0;
        } else if (**p == '(') {
            ++*p;
            gaps += depth < 3 ? gaps_of(p, depth + 1) : GAPS_MAX + 1;
            if (**p != ')')
                return GAPS_MAX + 1;
        }
    }
    return gaps > most ? gaps : most;
}

bool answer_text_pattern_ok(const char *pattern)
{
    size_t len = strlen(pattern);
    if (len == 0 || len > ANSWER_TEXT_PATTERN_MAX || *pattern == '*')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = pattern[i];
        if ((c >= 'A' && c <= 'Z') || (c == '^' && i > 0) || (c == '$' && i + 1 < len))
            return false;
    }
    const char *p = pattern;
    return gaps_of(&p, 0) <= GAPS_MAX && *p == '\0';
}

const struct answer_rule *answer_text_rule(const struct answer_rule *rules, size_t count, struct span text)
{
    for (size_t i = 0; i < count; i++)
        if (answer_text_has(text, rules[i].pattern))
            return &rules[i];
    return NULL;
}

bool answer_text_json(struct span body, struct json_value *ret)
{
    if (span_starts(body, SPAN_LIT("\xEF\xBB\xBF")))
        body = (struct span){body.ptr + 3, body.len - 3};
    if (body.len == 0 || json_check(body, JSON_DEPTH, NULL))
        return false;
    *ret = json_root(body);
    return true;
}

static bool key_is(struct span key, struct span want)
{
    /* Keys of answers are plain; one with escapes is none of those we look for. */
    return span_eq(key, want);
}

static bool member_of(struct json_value object, struct span name, struct json_value *ret)
{
    struct json_iter it = json_members(object);
    struct span key;
    struct json_value value;
    while (json_next_member(&it, &key, &value))
        if (key_is(key, name)) {
            *ret = value;
            return true;
        }
    return false;
}

static bool element_of(struct json_value array, size_t position, struct json_value *ret)
{
    struct json_iter it = json_elements(array);
    struct json_value value;
    for (size_t i = 0; json_next_element(&it, &value); i++)
        if (i == position) {
            *ret = value;
            return true;
        }
    return false;
}

bool answer_text_at(struct json_value root, const char *path, struct json_value *ret)
{
    struct json_value at = root;
    while (*path) {
        if (*path == '[') {
            size_t position = 0;
            for (path++; is_digit(*path); path++)
                position = position * 10 + (size_t)(*path - '0');
            path += *path == ']' ? 1 : 0;
            if (!element_of(at, position, &at))
                return false;
        } else {
            size_t len = strcspn(path, ".[");
            if (!member_of(at, (struct span){path, len}, &at))
                return false;
            path += len;
        }
        path += *path == '.' ? 1 : 0;
    }
    *ret = at;
    return true;
}

/* Four hexadecimal digits, as json_check saw them. */
static uint32_t unit_at(const char *p)
{
    uint32_t unit = 0;
    for (size_t i = 0; i < 4; i++)
        unit = unit << 4 | (uint32_t)hex_digit(p[i]);
    return unit;
}

/* Reads one character of the text between a string's quotes; returns how many bytes of it were used. */
static size_t character_at(const char *p, size_t len, uint32_t *ret)
{
    if (*p != '\\' || len < 2) {
        size_t used = utf8_next(p, len, ret);
        return used;
    }
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *name = strchr(names, p[1]);
    if (name && *name) {
        *ret = (uint32_t)values[name - names];
        return 2;
    }
    if (len < 6)
        return 0;
    uint32_t high = unit_at(p + 2);
    if (high < 0xD800 || high > 0xDBFF || len < 12) {
        *ret = high;
        return 6;
    }
    *ret = 0x10000 + ((high - 0xD800) << 10) + (unit_at(p + 8) - 0xDC00);
    return 12;
}

struct span answer_text_string(struct json_value value, char *out, size_t cap)
{
    size_t len = 0;
    if (value.kind != JSON_KIND_STRING || value.raw.len < 2)
        return (struct span){out, 0};
    struct span in = {value.raw.ptr + 1, value.raw.len - 2};
    while (in.len > 0) {
        uint32_t cp = 0;
        char character[4];
        size_t used = character_at(in.ptr, in.len, &cp);
        if (used == 0)
            break;
        size_t size = utf8_put(cp, character);
        if (size > cap - len)
            break;
        memcpy(out + len, character, size);
        len += size;
        in = (struct span){in.ptr + used, in.len - used};
    }
    return (struct span){out, len};
}

bool answer_text_int(struct json_value value, int64_t *ret)
{
    if (value.kind == JSON_KIND_NUMBER)
        return !json_int64(value, ret);
    if (value.kind != JSON_KIND_STRING || value.raw.len < 3 || value.raw.len > 2 + 18)
        return false;
    int64_t n = 0;
    for (size_t i = 1; i + 1 < value.raw.len; i++) {
        if (!is_digit(value.raw.ptr[i]))
            return false;
        n = n * 10 + (value.raw.ptr[i] - '0');
    }
    *ret = n;
    return true;
}

struct span answer_text_header(const struct answer *a, const char *name)
{
    for (size_t i = 0; i < a->header_count; i++)
        if (span_eq_nocase(a->headers[i].name, span_of(name)))
            return span_trim(a->headers[i].value);
    return (struct span){"", 0};
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7) as seconds since 1970; false: another form. */
static bool fixdate(struct span s, int64_t *ret_s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char form[] = "aaa, 00 aaa 0000 00:00:00 GMT";
    if (s.len != sizeof(form) - 1)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool fits = form[i] == '0'   ? is_digit(c)
                    : form[i] == 'a' ? (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                                     : c == form[i];
        if (!fits)
            return false;
    }
    int month = -1;
    for (int i = 0; i < 12; i++)
        if (strncasecmp(months + 3 * (size_t)i, s.ptr + 8, 3) == 0)
            month = i;
#define TWO(at) ((s.ptr[at] - '0') * 10 + (s.ptr[(at) + 1] - '0'))
    struct tm tm = {.tm_mday = TWO(5),
                    .tm_mon = month,
                    .tm_year = TWO(12) * 100 + TWO(14) - 1900,
                    .tm_hour = TWO(17),
                    .tm_min = TWO(20),
                    .tm_sec = TWO(23)};
#undef TWO
    if (month < 0 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    *ret_s = (int64_t)timegm(&tm);
    return true;
}

uint32_t answer_text_retry_after(const struct answer *a)
{
    struct span value = answer_text_header(a, "Retry-After");
    int64_t wait = 0, date = 0;
    if (value.len == 0)
        return 0;
    if (fixdate(value, &date)) {
        if (a->now_ms <= 0)
            return 0;
        wait = date - a->now_ms / 1000;
    } else {
        for (size_t i = 0; i < value.len; i++) {
            if (!is_digit(value.ptr[i]))
                return 0;
            if (wait <= ANSWER_TEXT_WAIT_MAX)
                wait = wait * 10 + (value.ptr[i] - '0');
        }
    }
    if (wait <= 0)
        return 0;
    return wait > ANSWER_TEXT_WAIT_MAX ? ANSWER_TEXT_WAIT_MAX : (uint32_t)wait;
}

/* false: there is no room. */
static bool put_bytes(struct receipt *r, const char *p, size_t len)
{
    if (len > RECEIPT_TEXT_MAX - 1 - r->text_len)
        return false;
    memcpy(r->text + r->text_len, p, len);
    r->text_len += len;
    r->text[r->text_len] = '\0';
    return true;
}

void answer_text_put(struct receipt *r, struct span s)
{
    bool blank = false;
    for (size_t i = 0; i < s.len;) {
        uint32_t cp = 0;
        size_t skip = blank_at(s.ptr + i, s.len - i), used = utf8_next(s.ptr + i, s.len - i, &cp);
        if (skip > 0 || (used > 0 && utf8_is_control(cp))) {
            blank = true;
            i += skip > 0 ? skip : used;
            continue;
        }
        if (blank && r->text_len > 0 && r->text[r->text_len - 1] != ' ' && !put_bytes(r, " ", 1))
            return;
        blank = false;
        if (used > 0 ? !put_bytes(r, s.ptr + i, used) : !put_bytes(r, "\xEF\xBF\xBD", 3))
            return;
        i += used > 0 ? used : 1;
    }
    if (blank && r->text_len > 0 && r->text[r->text_len - 1] != ' ')
        (void)put_bytes(r, " ", 1);
}

void answer_text_put_str(struct receipt *r, const char *s)
{
    answer_text_put(r, span_of(s));
}

void answer_text_put_int(struct receipt *r, int64_t n)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%lld", (long long)n);
    answer_text_put_str(r, digits);
}
