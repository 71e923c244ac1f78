/* name_show: whatever a name is, what mails show of it is UTF-8 on one line, without a link; and a name that
 * needs no change has none. */
#include "base/buf.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "model/name.h"

static void need(bool ok, const char *what, struct span name, struct span shown)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s: '%.*s' is shown as '%.*s'\n", what, (int)name.len, name.ptr, (int)shown.len,
                  shown.ptr);
    abort();
}

static bool is_clean(struct span s)
{
    uint32_t cp = 0;
    for (size_t i = 0, n; i < s.len; i += n) {
        n = utf8_next(s.ptr + i, s.len - i, &cp);
        if (n == 0 || utf8_is_control(cp))
            return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span name = {(const char *)data, size};
    struct buf out;
    buf_init(&out, 1u << 20);
    enum err e = name_show(name, &out);
    struct span shown = buf_span(&out);
    need(!e, "not shown", name, shown);
    need(is_clean(shown), "not clean", name, shown);
    need(shown.len > NAME_MAX_LEN || !name_has_link(shown), "a link is left", name, shown);
    if (size <= NAME_MAX_LEN && is_clean(name))
        need(name_has_link(name) != span_eq(name, shown), "changed without a reason, or not", name, shown);
    const char *refusal = name_refuse(name);
    need(refusal || (is_clean(name) && span_eq(name, shown)), "taken, and shown otherwise", name, shown);
    buf_deinit(&out);
    return 0;
}
