#include "base/distance.h"

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

/* Three rows of the usual table are enough: the swap looks two rows back. */
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
