#include "api/query.h"

#include <stdio.h>

#include "api/call.h"
#include "base/hex.h"

/* Takes the next pair of a=b&c=d. */
static bool next_pair(struct span *rest, struct span *ret_name, struct span *ret_value)
{
    while (rest->len) {
        const char *amp = memchr(rest->ptr, '&', rest->len);
        struct span pair = {rest->ptr, amp ? (size_t)(amp - rest->ptr) : rest->len};
        size_t used = amp ? pair.len + 1 : pair.len;
        rest->ptr += used;
        rest->len -= used;
        if (!pair.len)
            continue;
        const char *eq = memchr(pair.ptr, '=', pair.len);
        *ret_name = (struct span){pair.ptr, eq ? (size_t)(eq - pair.ptr) : pair.len};
        *ret_value = eq ? (struct span){eq + 1, pair.len - ret_name->len - 1} : (struct span){"", 0};
        return true;
    }
    return false;
}

bool query_known(struct call *c, const char *const *names)
{
    struct span rest = server_query(c->req), name, value;
    while (next_pair(&rest, &name, &value)) {
        size_t i = 0;
        while (names[i] && !span_eq(name, span_of(names[i])))
            i++;
        if (!names[i]) {
            char text[120];
            (void)snprintf(text, sizeof(text), "%.*s", (int)(name.len < 100 ? name.len : 100), name.ptr);
            call_invalid(c, text, "unknown parameter");
            return false;
        }
    }
    return true;
}

/* ptr NULL: out of memory. plus: a + means a space, as in a form. */
static struct span decode(struct call *c, struct span value, bool plus)
{
    char *out = arena_alloc(&c->arena, value.len + 1);
    if (!out)
        return (struct span){NULL, 0};
    size_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        char ch = plus && value.ptr[i] == '+' ? ' ' : value.ptr[i];
        if (ch == '%' && i + 2 < value.len && hex_digit(value.ptr[i + 1]) >= 0 &&
            hex_digit(value.ptr[i + 2]) >= 0) {
            ch = (char)(hex_digit(value.ptr[i + 1]) << 4 | hex_digit(value.ptr[i + 2]));
            i += 2;
        }
        out[n++] = ch;
    }
    out[n] = '\0';
    return (struct span){out, n};
}

struct span query_text(struct call *c, const char *want)
{
    struct span rest = server_query(c->req), name, value;
    while (next_pair(&rest, &name, &value))
        if (span_eq(name, span_of(want)))
            return decode(c, value, true);
    return (struct span){NULL, 0};
}

struct span query_path(struct call *c, struct span segment)
{
    return decode(c, segment, false);
}

bool query_limit(struct call *c, uint32_t otherwise, uint32_t max, uint32_t *ret)
{
    struct span text = query_text(c, "limit");
    int64_t n = text.ptr ? call_channel_id(text) : otherwise; /* digits without leading zeros */
    if (n < 1 || n > max) {
        char message[64];
        (void)snprintf(message, sizeof(message), "must be an integer from 1 to %u", max);
        call_invalid(c, "limit", message);
        return false;
    }
    *ret = (uint32_t)n;
    return true;
}
