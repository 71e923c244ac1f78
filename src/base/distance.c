#include "base/distance.h"

#include <stdint.h>

static char fold(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '_' || c == '-' ? ' ' : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Three rows of the usual table are enough, because a swap looks two rows back. */
size_t distance_nocase(struct span a, struct span b)
{
    size_t rows[3][DISTANCE_MAX_LEN + 1];
    a.len = least(a.len, DISTANCE_MAX_LEN);
    b.len = least(b.len, DISTANCE_MAX_LEN);
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        before[j] = above[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            char x = fold(a.ptr[i - 1]), y = fold(b.ptr[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == fold(b.ptr[j - 2]) && fold(a.ptr[i - 2]) == y)
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b.len];
}

static struct span without_hyphens(struct span s)
{
    while (s.len && *s.ptr == '-') {
        s.ptr++;
        s.len--;
    }
    return s;
}

static bool begins_with(struct span name, struct span word)
{
    for (size_t i = 0; i < word.len; i++)
        if (i == name.len || fold(name.ptr[i]) != fold(word.ptr[i]))
            return false;
    return true;
}

/* Whether word begins the name or one of its parts between hyphens. */
static bool is_part(struct span name, struct span word)
{
    for (size_t i = 0; i < name.len; i++)
        if ((i == 0 || fold(name.ptr[i - 1]) == ' ') &&
            begins_with((struct span){name.ptr + i, name.len - i}, word))
            return true;
    return false;
}

/*
 * A lower score is nearer. A mistyping scores twice its distance; a beginning or a part scores 3, just behind
 * one mistyped letter.
 */
void distance_consider(struct distance_nearest *n, const char *name)
{
    struct span word = without_hyphens(n->word), whole = without_hyphens(span_of(name));
    size_t shorter = least(word.len, whole.len), allowed = shorter / 3, d = distance_nocase(word, whole);
    if (allowed == 0 && shorter == 2)
        allowed = 1; /* lets "ky" find "key" */
    size_t score = d <= allowed ? 2 * d : SIZE_MAX;
    if (word.len >= 2 && is_part(whole, word))
        score = least(score, 3);
    if (score != SIZE_MAX && (!n->name || score < n->score)) {
        n->name = name;
        n->score = score;
    }
}
