#include "model/name.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum class {
    CLASS_OTHER, /* ends a label: spaces, punctuation */
    CLASS_LABEL,
    CLASS_DOT,
    CLASS_STOP, /* the full stop of Chinese and Japanese: a dot only between ASCII letters */
    CLASS_COLON,
    CLASS_SLASH,
    CLASS_BACKSLASH,
    CLASS_AT,
};

/* The separators, and characters that look like one. */
static const struct look {
    uint32_t cp;
    enum class class;
} looks[] = {
    {'.', CLASS_DOT},          {0x06D4, CLASS_DOT},       {0x0701, CLASS_DOT},
    {0x0702, CLASS_DOT},       {0x2024, CLASS_DOT},       {0xA4F8, CLASS_DOT},
    {0xFE52, CLASS_DOT},       {0xFF0E, CLASS_DOT},       {0x3002, CLASS_STOP},
    {0xFF61, CLASS_STOP},      {':', CLASS_COLON},        {0x02D0, CLASS_COLON},
    {0x02F8, CLASS_COLON},     {0x0589, CLASS_COLON},     {0x05C3, CLASS_COLON},
    {0x2236, CLASS_COLON},     {0xA789, CLASS_COLON},     {0xFE13, CLASS_COLON},
    {0xFE55, CLASS_COLON},     {0xFF1A, CLASS_COLON},     {'/', CLASS_SLASH},
    {0x2044, CLASS_SLASH},     {0x2215, CLASS_SLASH},     {0x2571, CLASS_SLASH},
    {0x29F8, CLASS_SLASH},     {0xFF0F, CLASS_SLASH},     {'\\', CLASS_BACKSLASH},
    {0x29F5, CLASS_BACKSLASH}, {0x29F9, CLASS_BACKSLASH}, {0xFE68, CLASS_BACKSLASH},
    {0xFF3C, CLASS_BACKSLASH}, {'@', CLASS_AT},           {0xFE6B, CLASS_AT},
    {0xFF20, CLASS_AT},        {0x2025, CLASS_DOT},       {0xFE19, CLASS_DOT},
    {0x2237, CLASS_COLON},     {0xFE30, CLASS_COLON},     {0x205A, CLASS_COLON},
    {0x0703, CLASS_COLON},     {0x0704, CLASS_COLON},     {0x16EC, CLASS_COLON},
    {0x1804, CLASS_COLON},     {0xA4FD, CLASS_COLON},     {0x1735, CLASS_SLASH},
    {0x2041, CLASS_SLASH},     {0x27CB, CLASS_SLASH},
};

/*
 * Lower-case letters of Greek, Cyrillic, Armenian, Coptic, Lisu and small capitals that look like an ASCII
 * letter.
 */
static const struct twin {
    uint32_t cp;
    char as;
} twins[] = {
    {0x0131, 'i'}, {0x0251, 'a'}, {0x0261, 'g'}, {0x03B1, 'a'}, {0x03B9, 'i'}, {0x03BA, 'k'}, {0x03BD, 'v'},
    {0x03BF, 'o'}, {0x03C1, 'p'}, {0x03C4, 't'}, {0x03C5, 'u'}, {0x03C7, 'x'}, {0x0430, 'a'}, {0x0432, 'b'},
    {0x0433, 'r'}, {0x0435, 'e'}, {0x043A, 'k'}, {0x043C, 'm'}, {0x043D, 'h'}, {0x043E, 'o'}, {0x043F, 'n'},
    {0x0440, 'p'}, {0x0441, 'c'}, {0x0442, 't'}, {0x0443, 'y'}, {0x0445, 'x'}, {0x0455, 's'}, {0x0456, 'i'},
    {0x0458, 'j'}, {0x04BB, 'h'}, {0x0501, 'd'}, {0x051B, 'q'}, {0x051D, 'w'}, {0x0130, 'i'}, {0x0237, 'j'},
    {0x0269, 'i'}, {0x037F, 'j'}, {0x03F2, 'c'}, {0x03F3, 'j'}, {0x03F9, 'c'}, {0x04CF, 'l'}, {0x0563, 'q'},
    {0x0566, 'q'}, {0x0570, 'h'}, {0x0578, 'n'}, {0x057C, 'n'}, {0x057D, 'u'}, {0x0581, 'g'}, {0x0584, 'f'},
    {0x0585, 'o'}, {0x1D00, 'a'}, {0x0299, 'b'}, {0x1D04, 'c'}, {0x1D05, 'd'}, {0x1D07, 'e'}, {0xA730, 'f'},
    {0x0262, 'g'}, {0x029C, 'h'}, {0x026A, 'i'}, {0x1D0A, 'j'}, {0x1D0B, 'k'}, {0x029F, 'l'}, {0x1D0D, 'm'},
    {0x0274, 'n'}, {0x1D0F, 'o'}, {0x1D18, 'p'}, {0x0280, 'r'}, {0xA731, 's'}, {0x1D1B, 't'}, {0x1D1C, 'u'},
    {0x1D20, 'v'}, {0x1D21, 'w'}, {0x028F, 'y'}, {0x1D22, 'z'}, {0x2C81, 'a'}, {0x2C80, 'a'}, {0x2C9F, 'o'},
    {0x2C9E, 'o'}, {0x2CA5, 'c'}, {0x2CA4, 'c'}, {0x2C98, 'm'}, {0x2C92, 'i'}, {0x2CA2, 'p'}, {0x2CA3, 'p'},
    {0xA4D0, 'b'}, {0xA4D1, 'p'}, {0xA4D3, 'd'}, {0xA4D4, 't'}, {0xA4D6, 'g'}, {0xA4D7, 'k'}, {0xA4D9, 'j'},
    {0xA4DA, 'c'}, {0xA4DC, 'z'}, {0xA4DD, 'f'}, {0xA4DF, 'm'}, {0xA4E0, 'n'}, {0xA4E1, 'l'}, {0xA4E2, 's'},
    {0xA4E3, 'r'}, {0xA4E6, 'v'}, {0xA4E7, 'h'}, {0xA4EA, 'w'}, {0xA4EB, 'x'}, {0xA4EC, 'y'}, {0xA4EE, 'a'},
    {0xA4F0, 'e'}, {0xA4F2, 'i'}, {0xA4F3, 'o'}, {0xA4F4, 'u'},
};

/*
 * Characters that show nothing, or only together with the character before. Controls are not among them: they
 * become spaces.
 */
static bool is_hidden(uint32_t cp)
{
    return cp == 0xAD || cp == 0x34F || cp == 0x115F || cp == 0x1160 || cp == 0x3164 ||
           (cp >= 0x17B4 && cp <= 0x17B5) || (cp >= 0x180B && cp <= 0x180F) ||
           (cp >= 0x200B && cp <= 0x200D) || (cp >= 0x2060 && cp <= 0x2065) ||
           (cp >= 0xFE00 && cp <= 0xFE0F) || (cp >= 0xFFA0 && cp <= 0xFFA0) ||
           (cp >= 0xE0000 && cp <= 0xE0FFF);
}

/* White space, and punctuation beyond ASCII that ends a domain. */
static bool is_punctuation(uint32_t cp)
{
    return cp == 0x1680 || cp == 0x30FB || cp == 0xFF65 || (cp >= 0x80 && cp < 0xAA) || cp == 0xAB ||
           cp == 0xB7 || cp == 0xBB || (cp >= 0x2000 && cp <= 0x206F) || (cp >= 0x3000 && cp <= 0x3004) ||
           (cp >= 0x3008 && cp <= 0x3020) || (cp >= 0xFE10 && cp <= 0xFE6F) ||
           (cp >= 0xFF01 && cp <= 0xFF0F) || (cp >= 0xFF1A && cp <= 0xFF20) ||
           (cp >= 0xFF3B && cp <= 0xFF40) || (cp >= 0xFF5B && cp <= 0xFF64);
}

static enum class class_of(uint32_t cp) {
    for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) if (looks[i].cp == cp) return looks[i]
        .class;
    if (cp < 0x80){bool letter = (cp >= '0' && cp <= '9') || ((cp | 0x20) >= 'a' && (cp | 0x20) <= 'z');
                   return letter || cp == '-' || cp == '_' ? CLASS_LABEL : CLASS_OTHER;}
return utf8_is_control(cp) || is_punctuation(cp) ? CLASS_OTHER : CLASS_LABEL;
}

/*
 * What characters become by NFKC and lower-casing, as browsers treat them (UTS 46), if they become letters or
 * separators. Sorted by code point.
 */
static const struct compatible {
    uint32_t cp;
    const char *as;
} compatibles[] = {
#define COMPATIBLE(cp, as) {cp, as},
#define COMPOSED(letter, mark, as)
#include "model/nfkc.def"
#undef COMPATIBLE
#undef COMPOSED
};

static int compare_compatible(const void *key, const void *row)
{
    uint32_t cp = *(const uint32_t *)key, other = ((const struct compatible *)row)->cp;
    return cp < other ? -1 : cp > other;
}

/* "": the character stays as it is. */
static struct span compatible(uint32_t cp)
{
    const struct compatible *c = cp < 0x80
                                     ? NULL
                                     : bsearch(&cp, compatibles, sizeof(compatibles) / sizeof(compatibles[0]),
                                               sizeof(compatibles[0]), compare_compatible);
    return c ? span_of(c->as) : (struct span){"", 0};
}

/* The single character for a letter and a mark behind it, as the root zone writes it; 0: they stay two. */
static uint32_t composed(uint32_t letter, uint32_t mark)
{
    static const struct {
        uint32_t letter, mark, as;
    } rows[] = {
#define COMPATIBLE(cp, as)
#define COMPOSED(letter, mark, as) {letter, mark, as},
#include "model/nfkc.def"
#undef COMPATIBLE
#undef COMPOSED
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].letter == letter && rows[i].mark == mark)
            return rows[i].as;
    if (letter >= 0x1100 && letter < 0x1113 && mark >= 0x1161 && mark < 0x1176) /* Hangul */
        return 0xAC00 + ((letter - 0x1100) * 21 + mark - 0x1161) * 28;
    if (letter >= 0xAC00 && letter < 0xD7A4 && (letter - 0xAC00) % 28 == 0 && mark > 0x11A7 && mark < 0x11C3)
        return letter + mark - 0x11A7;
    return 0;
}

/* Lower case; ASCII for letters and digits in another width or style. */
static uint32_t lower(uint32_t cp)
{
    if (cp >= 0xFF01 && cp <= 0xFF5E) /* full width */
        cp -= 0xFEE0;
    else if (cp >= 0x1D400 && cp <= 0x1D6A3) /* mathematical: 13 alphabets, upper and lower case each */
        cp = 'a' + (cp - 0x1D400) % 26;
    else if (cp >= 0x1D7CE && cp <= 0x1D7FF)
        cp = '0' + (cp - 0x1D7CE) % 10;
    else if (cp >= 0x24B6 && cp <= 0x24E9) /* in circles */
        cp = 'a' + (cp - 0x24B6) % 26;
    else if (cp >= 0x249C && cp <= 0x24B5) /* in parentheses */
        cp = 'a' + (cp - 0x249C);
    else if (cp >= 0x1F110 && cp <= 0x1F189 && (cp - 0x1F110) % 32 < 26) /* squared, negative */
        cp = 'a' + (cp - 0x1F110) % 32;
    if ((cp >= 'A' && cp <= 'Z') || (cp >= 0x391 && cp <= 0x3A9) || (cp >= 0x410 && cp <= 0x42F))
        return cp + 0x20;
    return cp >= 0x400 && cp <= 0x40F ? cp + 0x50 : cp;
}

/* The ASCII letter or digit that cp is or looks like; 0: none. */
static char plain(uint32_t cp)
{
    cp = lower(cp);
    if ((cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z'))
        return (char)cp;
    for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++)
        if (twins[i].cp == cp)
            return twins[i].as;
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

#define TEXT_MAX (2 * NAME_MAX_LEN) /* tools/gen-nfkc.mjs checks that no byte becomes more than two */

/* The name without hidden characters, each character replaced by what it becomes. */
struct text {
    uint32_t cps[TEXT_MAX];
    enum class classes[TEXT_MAX];
    uint16_t at[TEXT_MAX]; /* byte offset of its character in the name */
    enum becomes {
        BECOMES_NOTHING, /* the character is unchanged */
        BECOMES_FIRST,   /* the first of what a character becomes */
        BECOMES_REST,    /* a later one */
    } becomes[TEXT_MAX];
    size_t count;
    bool marked[NAME_MAX_LEN]; /* by byte of the name: it is part of a link */
    bool any;
};

static void add(struct text *t, uint32_t cp, size_t at, enum becomes becomes)
{
    uint32_t one = t->count ? composed(t->cps[t->count - 1], cp) : 0;
    if (one) {
        t->cps[t->count - 1] = one;
        t->classes[t->count - 1] = class_of(one);
    } else if (t->count < TEXT_MAX) {
        t->cps[t->count] = cp;
        t->at[t->count] = (uint16_t)at;
        t->becomes[t->count] = becomes;
        t->classes[t->count++] = class_of(cp);
    }
}

static void add_compatible(struct text *t, uint32_t cp, size_t at)
{
    struct span as = compatible(cp);
    if (!as.len)
        add(t, cp, at, BECOMES_NOTHING);
    for (size_t i = 0; i < as.len; i += utf8_next(as.ptr + i, as.len - i, &cp)) {
        (void)utf8_next(as.ptr + i, as.len - i, &cp);
        add(t, cp, at, i ? BECOMES_REST : BECOMES_FIRST);
    }
}

static void read_text(struct span name, struct text *t)
{
    uint32_t cp = 0;
    memset(t, 0, sizeof(*t));
    for (size_t i = 0, n; i < name.len; i += n) {
        n = utf8_next(name.ptr + i, name.len - i, &cp);
        if (n == 0)
            cp = 0xFFFD;
        if (n == 0 || !is_hidden(cp))
            add_compatible(t, cp, i);
        n += n == 0;
    }
}

static enum class class_at(const struct text *t, size_t i) {
    /* also before the first character: i has then wrapped around */
    return i < t->count ? t->classes[i] : CLASS_OTHER;
}

static char plain_at(const struct text *t, size_t i)
{
    return class_at(t, i) == CLASS_LABEL ? plain(t->cps[i]) : 0;
}

static bool is_dot(const struct text *t, size_t i)
{
    enum class c = class_at(t, i);
    return c == CLASS_DOT || (c == CLASS_STOP && plain_at(t, i - 1) && plain_at(t, i + 1));
}

static void mark(struct text *t, size_t i)
{
    t->marked[t->at[i]] = true;
    t->any = true;
}

#define TLD_MAX 64u

static bool is_in_root(const char *label, size_t len)
{
    static const char roots[] =
#include "model/tld.def"
        ;
    char wanted[TLD_MAX + 3];
    if (len < 2 || len > TLD_MAX)
        return false;
    wanted[0] = ' ';
    memcpy(wanted + 1, label, len);
    memcpy(wanted + 1 + len, " ", 2);
    return strstr(roots, wanted);
}

/* Whether the character at i is one of those that not every program replaces: a word may end before it. */
static bool is_doubtful(const struct text *t, size_t i)
{
    return i < t->count && t->becomes[i] == BECOMES_FIRST;
}

/* Copies the letters from i on as ASCII. Returns their number; 0: a digit follows. */
static size_t letters_at(const struct text *t, size_t i, char out[TLD_MAX])
{
    size_t n = 0;
    for (char c; n < TLD_MAX && (c = plain_at(t, i + n)) && !is_digit(c); n++)
        out[n] = c;
    return is_digit(plain_at(t, i + n)) && !is_doubtful(t, i + n) ? 0 : n;
}

/*
 * Whether a label of the root zone begins at i: an ASCII label, whatever follows without a space; or a whole
 * label of another script.
 */
static bool ends_domain(const struct text *t, size_t i)
{
    char label[TLD_MAX + 4];
    size_t n = letters_at(t, i, label);
    if (is_in_root(label, n))
        return true;
    for (size_t k = 2; k < n; k++)
        if (is_doubtful(t, i + k) && is_in_root(label, k))
            return true; /* evil.com™ */
    if (n == 2 && memcmp(label, "xn", 2) == 0 && class_at(t, i + 3) == CLASS_LABEL && t->cps[i + 2] == '-' &&
        t->cps[i + 3] == '-')
        return true;
    for (n = 0; n < TLD_MAX && class_at(t, i) == CLASS_LABEL; i++)
        n += utf8_put(lower(t->cps[i]), label + n);
    return is_in_root(label, n);
}

/* Whether a path or a port follows at i, as in an address. */
static bool goes_on(const struct text *t, size_t i)
{
    return class_at(t, i) == CLASS_SLASH || (class_at(t, i) == CLASS_COLON && is_digit(plain_at(t, i + 1)));
}

/* name.name, name.name/path, name.name:80 */
static bool is_domain(const struct text *t, size_t dot)
{
    char label[TLD_MAX];
    if (!is_dot(t, dot) || class_at(t, dot - 1) != CLASS_LABEL || class_at(t, dot + 1) != CLASS_LABEL)
        return false;
    size_t n = letters_at(t, dot + 1, label);
    return ends_domain(t, dot + 1) || (n >= 2 && goes_on(t, dot + 1 + n));
}

/* Where the number before `end` begins; `end`: no number below 256 is there. */
static size_t octet_before(const struct text *t, size_t end)
{
    size_t from = end;
    unsigned n = 0, unit = 1;
    while (from > 0 && end - from < 4 && is_digit(plain_at(t, from - 1))) {
        n += unit * (unsigned)(plain_at(t, --from) - '0');
        unit *= 10;
    }
    return end - from > 3 || n > 255 || (end - from > 1 && plain_at(t, from) == '0') ? end : from;
}

/* 203.0.113.7/path, 203.0.113.7:80; dot is the last dot. Four numbers alone are a version. */
static bool is_address(const struct text *t, size_t dot)
{
    size_t end = dot + 1;
    while (is_digit(plain_at(t, end)))
        end++;
    if (!is_dot(t, dot) || !goes_on(t, end))
        return false;
    for (int octet = 0;; octet++) {
        size_t from = octet_before(t, end);
        if (from == end)
            return false;
        if (octet == 3) /* "v1.2.3.4" is a version */
            return from == 0 || class_at(t, from - 1) != CLASS_LABEL;
        if (from == 0 || !is_dot(t, from - 1))
            return false;
        end = from - 1;
    }
}

static bool is_word_before(const struct text *t, size_t i, const char *word)
{
    size_t len = strlen(word);
    for (size_t k = 0; k < len; k++)
        if (i < len || plain_at(t, i - len + k) != word[k])
            return false;
    i -= len + 1; /* the start of a word */
    return !plain_at(t, i) || t->becomes[i] != BECOMES_NOTHING;
}

/* who@name.name */
static bool is_mailbox(const struct text *t, size_t at)
{
    if (class_at(t, at) != CLASS_AT || class_at(t, at - 1) != CLASS_LABEL ||
        class_at(t, at + 1) != CLASS_LABEL)
        return false;
    size_t i = at + 1;
    while (class_at(t, i) == CLASS_LABEL)
        i++;
    return is_dot(t, i) && class_at(t, i + 1) == CLASS_LABEL;
}

static bool is_slash(enum class c)
{
    return c == CLASS_SLASH || c == CLASS_BACKSLASH;
}

static bool makes_link(const struct text *t, size_t i)
{
    bool goes = class_at(t, i + 1) == CLASS_LABEL;
    switch (t->classes[i]) {
    case CLASS_DOT:
    case CLASS_STOP:
        return is_domain(t, i) || is_address(t, i) || (goes && is_dot(t, i) && is_word_before(t, i, "www"));
    case CLASS_COLON:
        return (is_slash(class_at(t, i + 1)) && is_slash(class_at(t, i + 2))) ||
               (goes && is_word_before(t, i, "mailto"));
    case CLASS_BACKSLASH: /* \\server\share */
        return class_at(t, i - 1) == CLASS_BACKSLASH && goes;
    case CLASS_AT:
        return is_mailbox(t, i);
    case CLASS_OTHER:
    case CLASS_LABEL:
    case CLASS_SLASH:
        break;
    }
    return false;
}

static void look(struct span name, struct text *t)
{
    read_text(name, t);
    for (size_t i = 0; i < t->count; i++)
        if (makes_link(t, i))
            mark(t, i);
}

bool name_has_link(struct span name)
{
    struct text t;
    if (name.len > NAME_MAX_LEN)
        return true;
    look(name, &t);
    return t.any;
}

/* How the separator is shown in brackets, in ASCII; NULL: no brackets needed. */
static const char *bracketed(enum class c)
{
    static const char *const texts[] = {[CLASS_DOT] = "[.]",
                                        [CLASS_STOP] = "[.]",
                                        [CLASS_COLON] = "[:]",
                                        [CLASS_BACKSLASH] = "[\\]",
                                        [CLASS_AT] = "[@]"};
    return texts[c];
}

static enum err show_one(uint32_t cp, struct buf *out)
{
    char text[4];
    const char *separator = bracketed(class_of(cp));
    return separator ? buf_add_str(out, separator) : buf_add(out, text, utf8_put(cp, text));
}

/* Shows a character that is part of a link as what it becomes. */
static enum err show_marked(uint32_t cp, struct buf *out)
{
    struct span as = compatible(cp);
    enum err e = as.len ? ERR_NONE : show_one(cp, out);
    for (size_t i = 0, n; !e && i < as.len; i += n) {
        n = utf8_next(as.ptr + i, as.len - i, &cp);
        e = show_one(cp, out);
    }
    return e;
}

enum err name_show(struct span name, struct buf *out)
{
    struct text t;
    if (name.len > NAME_MAX_LEN)
        name.len = NAME_MAX_LEN;
    look(name, &t);
    enum err e = ERR_NONE;
    uint32_t cp = 0;
    for (size_t i = 0, n; !e && i < name.len; i += n) {
        n = utf8_next(name.ptr + i, name.len - i, &cp);
        if (n == 0)
            e = buf_add_str(out, "\xEF\xBF\xBD");
        else if (t.marked[i])
            e = show_marked(cp, out);
        else if (utf8_is_control(cp))
            e = buf_add(out, " ", 1);
        else
            e = buf_add(out, name.ptr + i, n);
        n += n == 0;
    }
    return e;
}

const char *name_refuse(struct span name)
{
    size_t characters = 0;
    uint32_t cp;
    for (size_t i = 0, n; i < name.len; i += n, characters++) {
        n = utf8_next(name.ptr + i, name.len - i, &cp);
        if (n == 0 || utf8_is_control(cp))
            return "must not hold control characters";
    }
    if (characters < 1 || characters > 100 || name.len > NAME_MAX_LEN)
        return "must be 1 to 100 characters";
    return name_has_link(name) ? "must not hold a link, or text that mail programs turn into a link, such as "
                                 "example.com: put a space behind the dot"
                               : NULL;
}
