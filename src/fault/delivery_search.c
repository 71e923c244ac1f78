#include "fault/delivery_search.h"

#include <stdint.h>

#include "base/distance.h"
#include "fault/search_text.h"

/* A text with fewer literal bytes than this ("old", "no action") stands in too many others by chance. */
enum { FILLED_LITERAL_MIN = 12 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* How much of the white space at the beginning of s is one character: also U+00A0, which pages put in. */
static size_t blank_len(struct span s)
{
    if (s.len > 0 && search_is_space(s.ptr[0]))
        return 1;
    return s.len > 1 && s.ptr[0] == '\xc2' && s.ptr[1] == '\xa0' ? 2 : 0;
}

static struct span behind(struct span s, size_t n)
{
    return (struct span){s.ptr + n, s.len - n};
}

/* The length of what stands for something else at a byte of a row's text ("XXX", " ... ", " ~"), or 0. */
static size_t gap_len(struct span text, size_t at)
{
    struct span rest = behind(text, at);
    if (span_starts(rest, SPAN_LIT(" ...")))
        return 4 + blank_len(behind(rest, 4));
    if (span_eq(rest, SPAN_LIT(" ~")))
        return 2;
    bool mark = rest.len >= 3 && rest.ptr[0] >= 'X' && rest.ptr[0] <= 'Z' && rest.ptr[1] == rest.ptr[0] &&
                rest.ptr[2] == rest.ptr[0];
    if (!mark || (at > 0 && is_alnum(text.ptr[at - 1])) || (rest.len > 3 && is_alnum(rest.ptr[3])))
        return 0;
    return 3;
}

/* The literal piece of a row's text that begins at *at, which may be empty; *at becomes the end of the gap
 * behind it. *ret_gap: whether there is one. */
static struct span next_piece(struct span text, size_t *at, bool *ret_gap)
{
    size_t from = *at, gap = 0, end = from;
    while (end < text.len && !(gap = gap_len(text, end)))
        end++;
    *at = end + gap;
    *ret_gap = gap > 0;
    return (struct span){text.ptr + from, end - from};
}

/* Takes a piece off the beginning of s. Its blanks match white space of any length. */
static bool take_piece(struct span *s, struct span piece)
{
    struct span rest = *s;
    for (size_t i = 0; i < piece.len; i++) {
        struct span c = {piece.ptr + i, 1};
        size_t blank = blank_len(rest);
        if (*c.ptr != ' ' && !search_starts(rest, c))
            return false;
        if (*c.ptr == ' ' && !blank)
            return false;
        rest = behind(rest, *c.ptr == ' ' ? blank : 1);
        while (*c.ptr == ' ' && (blank = blank_len(rest)))
            rest = behind(rest, blank);
    }
    *s = rest;
    return true;
}

/* A word of the row's text does not end inside a word of s. */
static bool ends_well(struct span piece, struct span rest)
{
    return rest.len == 0 || !is_alnum(rest.ptr[0]) || !is_alnum(piece.ptr[piece.len - 1]);
}

/* Takes a piece off s behind anything. last: nothing more is to follow. */
static bool find_piece(struct span *s, struct span piece, bool last)
{
    for (; s->len > 0; *s = behind(*s, 1)) {
        struct span rest = *s;
        if (take_piece(&rest, piece) && (!last || ends_well(piece, rest))) {
            *s = rest;
            return true;
        }
    }
    return false;
}

/* The trailing blank of a piece before a gap may be missing at the end of what was typed. */
static struct span without_end_blank(struct span piece)
{
    if (piece.len > 0 && piece.ptr[piece.len - 1] == ' ')
        piece.len--;
    return piece;
}

/* Whether s begins with the row's text, filled in. */
static bool begins_filled(struct span s, struct span text)
{
    bool gap_before = false;
    for (size_t at = 0; at < text.len;) {
        bool gap;
        struct span piece = next_piece(text, &at, &gap);
        bool last = at == text.len;
        if (last && gap)
            piece = without_end_blank(piece);
        if (piece.len > 0) {
            if (gap_before ? !find_piece(&s, piece, last && !gap) : !take_piece(&s, piece))
                return false;
            if (last && !gap && !ends_well(piece, s))
                return false;
        }
        gap_before = gap;
    }
    return true;
}

static size_t literal_len(struct span text)
{
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        bool gap;
        len += next_piece(text, &at, &gap).len;
    }
    return len;
}

/* Where a field of a line or of JSON begins, or a sentence behind a colon. */
static bool field_begins(struct span s, size_t at)
{
    if (at == 0)
        return true;
    char before = s.ptr[at - 1];
    if (memchr("\"'\t\n|,", before, 6))
        return true;
    return before == ' ' && at > 1 && (memchr(":=|,", s.ptr[at - 2], 4) || (s.ptr[at - 2] & 0x80));
}

/* The literal length of a row's text that s holds filled in; 0: it does not. */
static size_t filled_len(struct span s, const char *row_text)
{
    struct span text = span_of(row_text);
    size_t len = literal_len(text);
    if (len < FILLED_LITERAL_MIN)
        return 0;
    for (size_t at = 0; at < s.len; at++)
        if (field_begins(s, at) && begins_filled(behind(s, at), text))
            return len;
    return 0;
}

/* Whether the text names a status: "550 …", "… [404] …", or its legend does. */
static bool names_status(const struct delivery_error *e, struct span status)
{
    const char *const texts[] = {e->text, e->legend[LANG_EN]};
    for (size_t t = 0; t < 2; t++) {
        struct span s = span_of(texts[t]);
        for (size_t at = 0; at + status.len <= s.len; at++) {
            struct span here = behind(s, at);
            bool begins = at == 0 || s.ptr[at - 1] == '[' || (t == 1 && s.ptr[at - 1] == ' ');
            if (begins && span_starts(here, status) &&
                (here.len == status.len || !is_alnum(here.ptr[status.len])))
                return true;
        }
    }
    return false;
}

static bool is_status(struct span s)
{
    return s.len == 3 && is_digit(s.ptr[0]) && is_digit(s.ptr[1]) && is_digit(s.ptr[2]);
}

/* One way to find rows. */
typedef bool holds_fn(const struct delivery_error *e, struct span text);

static bool has_id(const struct delivery_error *e, struct span text)
{
    return span_eq_nocase(text, span_of(e->id));
}

static bool has_text(const struct delivery_error *e, struct span text)
{
    return span_eq(text, span_of(e->text));
}

static bool has_kind(const struct delivery_error *e, struct span text)
{
    return span_eq(text, span_of(e->kind)) || span_eq_nocase(text, span_of(e->kind_en));
}

static bool has_status(const struct delivery_error *e, struct span text)
{
    return is_status(text) && names_status(e, text);
}

enum { ROW_TEXTS_MAX = 12 };

static void row_texts(const struct delivery_error *e, const char *texts[ROW_TEXTS_MAX])
{
    const struct delivery_scope_info *scope = delivery_scope_of(e->scope);
    const char *all[ROW_TEXTS_MAX] = {e->id,
                                      e->text,
                                      e->kind,
                                      e->kind_en,
                                      e->legend[LANG_EN],
                                      e->legend[LANG_JA],
                                      e->cause[LANG_EN],
                                      e->cause[LANG_JA],
                                      e->advice[LANG_EN],
                                      e->advice[LANG_JA],
                                      scope->title[LANG_EN],
                                      scope->title[LANG_JA]};
    memcpy(texts, all, sizeof(all));
}

static bool holds_text(const struct delivery_error *e, struct span text)
{
    const char *texts[ROW_TEXTS_MAX];
    row_texts(e, texts);
    return search_texts_hold(texts, ROW_TEXTS_MAX, text);
}

static bool holds_words(const struct delivery_error *e, struct span text)
{
    const char *texts[ROW_TEXTS_MAX];
    row_texts(e, texts);
    return search_texts_hold_words(texts, ROW_TEXTS_MAX, text);
}

static bool find(struct span text, holds_fn *holds, delivery_search_fn *fn, void *arg)
{
    bool found = false;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++)
        if (holds(delivery_error_of(i), text)) {
            fn(arg, &(struct delivery_hit){.id = i});
            found = true;
        }
    return found;
}

static bool find_filled(struct span text, delivery_search_fn *fn, void *arg)
{
    size_t lens[DELIVERY_ERROR_COUNT], best = 0;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        lens[i] = filled_len(text, delivery_error_of(i)->text);
        best = lens[i] > best ? lens[i] : best;
    }
    for (enum delivery_error_id i = 0; best > 0 && i < DELIVERY_ERROR_COUNT; i++)
        if (lens[i] == best)
            fn(arg, &(struct delivery_hit){.id = i});
    return best > 0;
}

static size_t row_distance(const struct delivery_error *e, struct span text)
{
    const char *const names[] = {e->id, e->text, e->kind, e->kind_en};
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t d = distance_nocase(text, span_of(names[i]));
        least = d < least ? d : least;
    }
    return least;
}

/* Closest first; among equals the first in the catalogue. */
static void find_nearest(struct span text, delivery_search_fn *fn, void *arg)
{
    struct delivery_hit best[SEARCH_NEAREST_MAX];
    size_t count = 0;
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++) {
        size_t d = row_distance(delivery_error_of(i), text), at = count;
        while (at > 0 && d < best[at - 1].distance)
            at--;
        if (at == SEARCH_NEAREST_MAX)
            continue;
        if (count < SEARCH_NEAREST_MAX)
            count++;
        for (size_t j = count - 1; j > at; j--)
            best[j] = best[j - 1];
        best[at] = (struct delivery_hit){.id = i, .distance = d};
    }
    for (size_t i = 0; i < count; i++)
        fn(arg, &best[i]);
}

enum search_match delivery_search(struct span text, delivery_search_fn *fn, void *arg)
{
    static holds_fn *const exact[] = {has_id, has_text, has_kind, has_status};
    text = search_trim(text);
    if (text.len == 0)
        return SEARCH_NONE;
    for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++)
        if (find(text, exact[i], fn, arg))
            return SEARCH_EXACT;
    if (find_filled(text, fn, arg))
        return SEARCH_FILLED;
    if (find(text, holds_text, fn, arg))
        return SEARCH_FRAGMENT;
    if (find(text, holds_words, fn, arg))
        return SEARCH_WORDS;
    find_nearest(text, fn, arg);
    return SEARCH_NEAREST;
}

void delivery_search_all(delivery_search_fn *fn, void *arg)
{
    for (enum delivery_error_id i = 0; i < DELIVERY_ERROR_COUNT; i++)
        fn(arg, &(struct delivery_hit){.id = i});
}
