#include "net/content_length.h"

static bool number_of(struct span s, uint64_t *ret)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *ret = n;
    return s.len > 0;
}

void content_length_add(struct content_length *l, struct span digits)
{
    uint64_t n = 0;
    if (!number_of(digits, &n) || (l->said > 0 && n != l->value))
        l->bad = true;
    l->value = n;
    l->said = l->said == 0 ? 1 : 2;
}

void content_length_add_list(struct content_length *l, struct span value)
{
    for (;;) {
        const char *comma = value.len ? memchr(value.ptr, ',', value.len) : NULL;
        size_t n = comma ? (size_t)(comma - value.ptr) : value.len;
        content_length_add(l, span_trim((struct span){value.ptr, n}));
        if (!comma)
            return;
        value = (struct span){comma + 1, value.len - n - 1};
    }
}
