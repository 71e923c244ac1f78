#include "model/error_row.h"

static int compare(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

int error_row_compare(const struct error_row *a, const struct error_row *b)
{
    int order = (a->minute > b->minute) - (a->minute < b->minute);
    if (!order)
        order = compare(a->reason, b->reason);
    return order ? order : compare(a->detail, b->detail);
}

static void take(char *to, size_t size, struct span s)
{
    size_t len = s.len < size - 1 ? s.len : size - 1;
    if (len)
        memcpy(to, s.ptr, len);
    to[len] = '\0';
}

void error_place_of(const struct error_row *row, struct error_place *ret)
{
    ret->minute = row->minute;
    take(ret->reason, sizeof(ret->reason), row->reason);
    take(ret->detail, sizeof(ret->detail), row->detail);
}
