#include "base/json_scan.h"

#include <endian.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/hex.h"
#include "base/utf8.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

#define EACH_BYTE(v) ((uint64_t)(v)*0x0101010101010101u)

/* The high bit of each byte of w that equals c. Bits above the lowest match may be wrong. */
static inline uint64_t bytes_equal(uint64_t w, unsigned char c)
{
    uint64_t x = w ^ EACH_BYTE(c);
    return (x - EACH_BYTE(0x01)) & ~x & EACH_BYTE(0x80);
}

static inline uint64_t load_word(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return le64toh(w);
}

#ifdef __SSE2__
#define BLOCK 16

static inline __m128i load_block(const char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline __m128i block_equal(__m128i w, char c)
{
    return _mm_cmpeq_epi8(w, _mm_set1_epi8(c));
}

/*
 * Marks which of 16 bytes are a quote, a backslash, a control character or part of a multi-byte UTF-8
 * character. Compared as signed numbers, the last two kinds are the bytes below 0x20.
 */
static inline unsigned block_not_plain(const char *p)
{
    __m128i w = load_block(p);
    __m128i found = _mm_or_si128(_mm_or_si128(block_equal(w, '"'), block_equal(w, '\\')),
                                 _mm_cmplt_epi8(w, _mm_set1_epi8(0x20)));
    return (unsigned)_mm_movemask_epi8(found);
}

static inline unsigned block_quotes(const char *p)
{
    __m128i w = load_block(p);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(block_equal(w, '"'), block_equal(w, '\\')));
}

/* Marks quotes, brackets and braces: brackets and braces differ only in the bit 0x20. */
static inline unsigned block_structure(const char *p)
{
    __m128i w = load_block(p), folded = _mm_or_si128(w, _mm_set1_epi8(0x20));
    return (unsigned)_mm_movemask_epi8(
        _mm_or_si128(block_equal(w, '"'), _mm_or_si128(block_equal(folded, '{'), block_equal(folded, '}'))));
}

/* Skips whole blocks in which `which` finds no byte. */
#define SKIP_BLOCKS(which, p, end)                                                                           \
    while ((end) - (p) >= BLOCK) {                                                                           \
        unsigned found_ = which(p);                                                                          \
        if (found_) {                                                                                        \
            (p) += __builtin_ctz(found_);                                                                    \
            break;                                                                                           \
        }                                                                                                    \
        (p) += BLOCK;                                                                                        \
    }
#else
#define SKIP_BLOCKS(which, p, end)
#endif

/*
 * The first byte from p on that is not plain ASCII inside a string: a quote, backslash, control character or
 * multi-byte UTF-8. Reads eight bytes at a time.
 */
static inline const char *skip_plain(const char *p, const char *end)
{
    SKIP_BLOCKS(block_not_plain, p, end)
    if (p < end && *p == '"')
        return p; /* the usual case */
    while (end - p >= 8) {
        uint64_t w = load_word(p);
        uint64_t found = bytes_equal(w, '"') | bytes_equal(w, '\\') |
                         (((w - EACH_BYTE(0x20)) & ~w) & EACH_BYTE(0x80)) | (w & EACH_BYTE(0x80));
        if (found)
            return p + (__builtin_ctzll(found) >> 3);
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* The value of four hexadecimal digits; -1 if they are not. */
static int32_t hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int32_t v = 0;
    for (int i = 0; i < 4; i++) {
        int d = hex_digit(p[i]);
        if (d < 0)
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/*
 * Reads the escape whose backslash is at p. Returns its length and sets *ret_cp to its character; 0:
 * malformed.
 */
static size_t escape(const char *p, const char *end, uint32_t *ret_cp)
{
    if (end - p < 2)
        return 0;
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
        *ret_cp = (uint32_t)p[1];
        return 2;
    case 'b':
        *ret_cp = '\b';
        return 2;
    case 'f':
        *ret_cp = '\f';
        return 2;
    case 'n':
        *ret_cp = '\n';
        return 2;
    case 'r':
        *ret_cp = '\r';
        return 2;
    case 't':
        *ret_cp = '\t';
        return 2;
    case 'u':
        break;
    default:
        return 0;
    }
    int32_t first = hex4(p + 2, end);
    if (first < 0 || (first >= 0xDC00 && first <= 0xDFFF))
        return 0;
    if (first < 0xD800 || first > 0xDBFF) {
        *ret_cp = (uint32_t)first;
        return 6;
    }
    if (end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return 0;
    int32_t second = hex4(p + 8, end);
    if (second < 0xDC00 || second > 0xDFFF)
        return 0;
    *ret_cp = 0x10000u + (((uint32_t)first & 0x3FFu) << 10 | ((uint32_t)second & 0x3FFu));
    return 12;
}

/*
 * Each check_* below moves *pos from the first byte of its token to the byte behind it or, when the token is
 * malformed, to the byte that is wrong.
 */

static bool check_string(const char **pos, const char *end)
{
    for (const char *p = *pos + 1;;) {
        p = skip_plain(p, end);
        uint32_t cp;
        size_t n = 1;
        while (p < end && (unsigned char)*p >= 0x80 && n > 0) {
            n = utf8_next(p, (size_t)(end - p), &cp);
            p += n;
        }
        *pos = p;
        if (p == end || n == 0)
            return false;
        if (*p == '"') {
            *pos = p + 1;
            return true;
        }
        if (*p == '\\') {
            n = escape(p, end, &cp);
            if (n == 0)
                return false;
            p += n;
        } else if ((unsigned char)*p < 0x20) {
            return false;
        }
    }
}

/* Checks one or more digits. */
static bool check_digits(const char **pos, const char *end)
{
    const char *p = *pos;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    bool some = p != *pos;
    *pos = p;
    return some;
}

static bool check_number(const char **pos, const char *end)
{
    if (**pos == '-')
        ++*pos;
    if (*pos < end && **pos == '0')
        ++*pos;
    else if (!check_digits(pos, end))
        return false;
    if (*pos < end && **pos == '.') {
        ++*pos;
        if (!check_digits(pos, end))
            return false;
    }
    if (*pos < end && (**pos == 'e' || **pos == 'E')) {
        ++*pos;
        if (*pos < end && (**pos == '+' || **pos == '-'))
            ++*pos;
        return check_digits(pos, end);
    }
    return true;
}

static bool check_word(const char **pos, const char *end, const char *word)
{
    for (; *word; word++, ++*pos)
        if (*pos == end || **pos != *word)
            return false;
    return true;
}

static bool check_scalar(const char **pos, const char *end)
{
    switch (**pos) {
    case '"':
        return check_string(pos, end);
    case 't':
        return check_word(pos, end, "true");
    case 'f':
        return check_word(pos, end, "false");
    case 'n':
        return check_word(pos, end, "null");
    default:
        return (**pos == '-' || (**pos >= '0' && **pos <= '9')) && check_number(pos, end);
    }
}

/* Checks a key and its colon. */
static bool check_key(const char **pos, const char *end)
{
    if (*pos == end || **pos != '"' || !check_string(pos, end))
        return false;
    *pos = skip_space(*pos, end);
    if (*pos == end || **pos != ':')
        return false;
    ++*pos;
    return true;
}

/*
 * The containers around the current place: one bit a level, set for objects. No recursion, so depth costs no
 * stack.
 */
struct nest {
    unsigned depth, max;
    bool too_deep;
    uint64_t object[JSON_DEPTH_CAP / 64];
    struct json_index *index;  /* NULL: no index is wanted */
    uint16_t open[JSON_DEPTH]; /* the containers' places in the index */
};

static inline bool nest_in_object(const struct nest *n)
{
    unsigned i = n->depth - 1;
    return n->object[i / 64] >> (i % 64) & 1u;
}

static inline void nest_push(struct nest *n, bool object)
{
    uint64_t bit = UINT64_C(1) << (n->depth % 64);
    uint64_t *word = &n->object[n->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    n->depth++;
}

enum step {
    STEP_VALUE, /* *pos is where a value must come next */
    STEP_DONE,  /* the outermost value is complete; *pos is behind it */
    STEP_WRONG, /* *pos is the byte that is wrong */
};

/*
 * Notes where a container begins. Containers that do not fit the index, or lie deeper than JSON_DEPTH, are
 * not noted: walking finds their ends.
 */
static inline void index_open(struct nest *n, const char *p)
{
    struct json_index *x = n->index;
    size_t from = (size_t)(p - x->text);
    if (n->depth >= JSON_DEPTH)
        return;
    n->open[n->depth] = JSON_INDEX_MAX;
    if (x->count == JSON_INDEX_MAX || from >= UINT32_MAX)
        return;
    n->open[n->depth] = (uint16_t)x->count;
    x->at[x->count++].from = (uint32_t)from;
}

static inline void index_close(struct nest *n, const char *p)
{
    size_t to = (size_t)(p - n->index->text);
    if (n->depth >= JSON_DEPTH || n->open[n->depth] == JSON_INDEX_MAX)
        return;
    n->index->at[n->open[n->depth]].to = to < UINT32_MAX ? (uint32_t)to : 0;
}

/* Called with *pos behind a value: closes the containers that end there. */
static enum step check_after(struct nest *n, const char **pos, const char *end)
{
    while (n->depth > 0) {
        *pos = skip_space(*pos, end);
        if (*pos == end)
            return STEP_WRONG;
        bool object = nest_in_object(n);
        if (**pos == ',') {
            *pos = skip_space(*pos + 1, end);
            return !object || check_key(pos, end) ? STEP_VALUE : STEP_WRONG;
        }
        if (**pos != (object ? '}' : ']'))
            return STEP_WRONG;
        n->depth--;
        ++*pos;
        if (n->index)
            index_close(n, *pos);
    }
    return STEP_DONE;
}

/* Called with *pos at the first byte of a value: moves past a scalar, or into a container. */
static enum step check_value(struct nest *n, const char **pos, const char *end)
{
    *pos = skip_space(*pos, end);
    if (*pos == end)
        return STEP_WRONG;
    bool object = **pos == '{';
    if (!object && **pos != '[')
        return check_scalar(pos, end) ? check_after(n, pos, end) : STEP_WRONG;
    if (n->depth == n->max) {
        n->too_deep = true;
        return STEP_WRONG;
    }
    if (n->index)
        index_open(n, *pos);
    nest_push(n, object);
    *pos = skip_space(*pos + 1, end);
    if (*pos < end && **pos == (object ? '}' : ']'))
        return check_after(n, pos, end);
    return !object || check_key(pos, end) ? STEP_VALUE : STEP_WRONG;
}

enum err json_check(struct span text, unsigned max_depth, size_t *ret_error_at)
{
    return json_check_index(text, max_depth, ret_error_at, NULL);
}

enum err json_check_index(struct span text, unsigned max_depth, size_t *ret_error_at,
                          struct json_index *ret_index)
{
    struct nest n; /* object[] needs no clearing: each level's bit is written before it is read */
    n.depth = 0;
    n.max = max_depth < JSON_DEPTH_CAP ? max_depth : JSON_DEPTH_CAP;
    n.too_deep = false;
    if (!text.ptr)
        text = SPAN_LIT("");
    const char *end = text.ptr + text.len;
    const char *p = text.ptr;
    n.index = ret_index;
    if (ret_index) {
        ret_index->text = p;
        ret_index->count = 0;
    }
    enum step step;
    do {
        step = check_value(&n, &p, end);
    } while (step == STEP_VALUE);
    if (step == STEP_DONE) {
        p = skip_space(p, end);
        if (p == end)
            return ERR_NONE;
    }
    if (ret_error_at)
        *ret_error_at = (size_t)(p - text.ptr);
    return n.too_deep ? ERR_LIMIT : ERR_INVALID;
}

/* Walking. Everything from here on assumes a checked text, but never reads past end. */

/* p is behind an opening quote; returns the closing quote, or end. */
static const char *string_end(const char *p, const char *end)
{
    for (;;) {
        /* less than a block is left, or this machine has no blocks */
        SKIP_BLOCKS(block_quotes, p, end)
        while (p < end && *p != '"' && *p != '\\') {
            uint64_t found = 0;
            if (end - p >= 8) {
                uint64_t w = load_word(p);
                found = bytes_equal(w, '"') | bytes_equal(w, '\\');
            }
            p += found ? __builtin_ctzll(found) >> 3 : end - p >= 8 ? 8 : 1;
        }
        if (p == end || *p == '"')
            return p;
        p = end - p < 2 ? end : p + 2;
    }
}

static const char *container_end(const char *p, const char *end)
{
    size_t depth = 0;
    for (; p < end; p++) {
        SKIP_BLOCKS(block_structure, p, end)
        if (p == end)
            return end;
        if (*p == '"') {
            p = string_end(p + 1, end);
            if (p == end)
                return end;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if ((*p == '}' || *p == ']') && --depth == 0) {
            return p + 1;
        }
    }
    return end;
}

/* Where the container at p ends, from the index; NULL: it is not in the index. */
static const char *indexed_end(const struct json_index *x, const char *p)
{
    size_t from = (size_t)(p - x->text);
    uint32_t low = 0, high = x->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (x->at[middle].from < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low < x->count && x->at[low].from == from && x->at[low].to ? x->text + x->at[low].to : NULL;
}

static const char *word_end(const char *p, const char *end)
{
    while (p < end && *p != ',' && *p != ']' && *p != '}' && !is_space(*p))
        p++;
    return p;
}

/* The value at p; its kind is JSON_KIND_NONE when no value starts there. */
static struct json_value value_at(const char *p, const char *end, const struct json_index *index)
{
    struct json_value v = {.kind = JSON_KIND_NONE, .raw = {p, 0}, .index = index};
    if (p == end)
        return v;
    const char *to = p;
    switch (*p) {
    case '{':
    case '[':
        v.kind = *p == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY;
        to = index ? indexed_end(index, p) : NULL;
        if (!to || to > end)
            to = container_end(p, end);
        break;
    case '"':
        v.kind = JSON_KIND_STRING;
        to = string_end(p + 1, end);
        if (to < end)
            to++;
        break;
    case 't':
        v.kind = JSON_KIND_TRUE;
        break;
    case 'f':
        v.kind = JSON_KIND_FALSE;
        break;
    case 'n':
        v.kind = JSON_KIND_NULL;
        break;
    default:
        if (*p != '-' && (*p < '0' || *p > '9'))
            return v;
        v.kind = JSON_KIND_NUMBER;
        break;
    }
    if (to == p)
        to = word_end(p, end);
    v.raw.len = (size_t)(to - p);
    return v;
}

struct json_value json_root(struct span text)
{
    return json_root_index(NULL, text);
}

struct json_value json_root_index(const struct json_index *index, struct span text)
{
    if (!text.ptr)
        text = SPAN_LIT("");
    const char *p = skip_space(text.ptr, text.ptr + text.len), *end = text.ptr + text.len;
    while (end > p && is_space(end[-1]))
        end--;
    /* A text that is one container ends where the container ends. */
    if (end - p >= 2 && ((*p == '{' && end[-1] == '}') || (*p == '[' && end[-1] == ']')))
        return (struct json_value){
            *p == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY, {p, (size_t)(end - p)}, index};
    return value_at(p, end, index);
}

/* Starts behind the opening bracket; the closing one is never looked at. */
static struct json_iter inside(struct json_value v, enum json_kind kind)
{
    if (v.kind != kind || v.raw.len < 2)
        return (struct json_iter){NULL, NULL, NULL};
    return (struct json_iter){v.raw.ptr + 1, v.raw.ptr + v.raw.len - 1, v.index};
}

struct json_iter json_members(struct json_value object)
{
    return inside(object, JSON_KIND_OBJECT);
}

struct json_iter json_elements(struct json_value array)
{
    return inside(array, JSON_KIND_ARRAY);
}

/* Reads the value at it->p and moves behind it, its white space and its comma. */
static bool next_value(struct json_iter *it, struct json_value *ret)
{
    struct json_value v = value_at(skip_space(it->p, it->end), it->end, it->index);
    if (v.kind == JSON_KIND_NONE) {
        it->p = it->end;
        return false;
    }
    const char *p = skip_space(v.raw.ptr + v.raw.len, it->end);
    it->p = p < it->end && *p == ',' ? p + 1 : p;
    *ret = v;
    return true;
}

bool json_next_element(struct json_iter *it, struct json_value *ret_value)
{
    return next_value(it, ret_value);
}

bool json_next_member(struct json_iter *it, struct span *ret_key, struct json_value *ret_value)
{
    const char *p = skip_space(it->p, it->end);
    if (p == it->end || *p != '"')
        return false;
    const char *quote = string_end(p + 1, it->end);
    struct span key = {p + 1, (size_t)(quote - p) - 1};
    p = quote == it->end ? quote : skip_space(quote + 1, it->end);
    if (p == it->end || *p != ':')
        return false;
    it->p = p + 1;
    if (!next_value(it, ret_value))
        return false;
    *ret_key = key;
    return true;
}

/* The text between a string's quotes. */
static bool string_inside(struct json_value v, struct span *ret)
{
    if (v.kind != JSON_KIND_STRING || v.raw.len < 2)
        return false;
    *ret = (struct span){v.raw.ptr + 1, v.raw.len - 2};
    return true;
}

bool json_key_is(struct span key, const char *want)
{
    size_t len = strlen(want);
    if (key.len < len) /* decoding never lengthens a string */
        return false;
    if (key.len == len)
        return memcmp(key.ptr, want, len) == 0 && (len == 0 || !memchr(key.ptr, '\\', len));
    const char *p = key.ptr;
    const char *end = p + key.len;
    while (p < end) {
        char bytes[4] = {*p};
        size_t n = 1, taken = 1;
        if (*p == '\\') {
            uint32_t cp;
            taken = escape(p, end, &cp);
            if (taken == 0)
                return false;
            n = utf8_put(cp, bytes);
        }
        if (n > len || memcmp(want, bytes, n) != 0)
            return false;
        want += n;
        len -= n;
        p += taken;
    }
    return len == 0;
}

bool json_string_is(struct json_value value, const char *want)
{
    struct span inside_;
    return string_inside(value, &inside_) && json_key_is(inside_, want);
}

enum err json_find(struct json_value object, const char *key, struct json_value *ret)
{
    struct json_iter it = json_members(object);
    struct span name;
    struct json_value value, found = {0};
    while (json_next_member(&it, &name, &value)) {
        if (!json_key_is(name, key))
            continue;
        if (found.kind != JSON_KIND_NONE)
            return ERR_CONFLICT;
        found = value;
    }
    if (found.kind == JSON_KIND_NONE)
        return ERR_NOT_FOUND;
    *ret = found;
    return ERR_NONE;
}

enum err json_pick(struct json_value object, struct json_field *fields, size_t count)
{
    if (object.kind != JSON_KIND_OBJECT)
        return ERR_INVALID;
    for (size_t i = 0; i < count; i++)
        fields[i].value = (struct json_value){0};
    struct json_iter it = json_members(object);
    struct span key;
    struct json_value value;
    while (json_next_member(&it, &key, &value))
        for (size_t i = 0; i < count; i++) {
            /* Compare the first character first: most keys differ there. */
            if (key.len > 0 && key.ptr[0] != '\\' && key.ptr[0] != fields[i].key[0])
                continue;
            if (!json_key_is(key, fields[i].key))
                continue;
            if (fields[i].value.kind != JSON_KIND_NONE)
                return ERR_CONFLICT;
            fields[i].value = value;
            break;
        }
    return ERR_NONE;
}

bool json_string_plain(struct json_value value, struct span *ret)
{
    struct span s;
    if (!string_inside(value, &s) || (s.len && memchr(s.ptr, '\\', s.len)))
        return false;
    *ret = s;
    return true;
}

enum err json_string_decode(struct json_value value, struct buf *out)
{
    struct span s;
    if (!string_inside(value, &s))
        return ERR_INVALID;
    size_t before = buf_len(out);
    const char *p = s.ptr;
    const char *end = p + s.len;
    enum err e = ERR_NONE;
    while (p < end && !e) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        if (p != slash) {
            size_t plain = (size_t)((slash ? slash : end) - p);
            e = buf_add(out, p, plain);
            p += plain;
            continue;
        }
        uint32_t cp = 0;
        size_t taken = escape(p, end, &cp);
        char bytes[4];
        e = taken ? buf_add(out, bytes, utf8_put(cp, bytes)) : ERR_INVALID;
        p += taken;
    }
    if (e)
        out->tail = out->head + before;
    return e;
}

enum err json_int64(struct json_value value, int64_t *ret)
{
    if (value.kind != JSON_KIND_NUMBER)
        return ERR_INVALID;
    const char *p = value.raw.ptr;
    const char *end = p + value.raw.len;
    bool minus = *p == '-';
    if (minus)
        p++;
    if (p == end)
        return ERR_INVALID;
    int64_t v = 0;
    bool over = false;
    for (; p < end; p++) {
        if (*p < '0' || *p > '9')
            return ERR_INVALID;
        int64_t d = minus ? '0' - *p : *p - '0';
        over = over || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, d, &v);
    }
    if (over)
        return ERR_LIMIT;
    *ret = v;
    return ERR_NONE;
}
