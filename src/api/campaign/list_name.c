#include "api/campaign/list_name.h"

#include "api/call.h"
#include "base/utf8.h"

#define NAME_MAX_BYTES 200u

const char list_name_too_many[] = "This provider has 10000 lists; delete some first";

bool list_name_read(struct call *c, const char *property, struct span text, struct span *ret)
{
    uint32_t cp;
    bool sound = text.ptr && text.len > 0 && text.len <= NAME_MAX_BYTES;
    for (size_t i = 0, n; sound && i < text.len; i += n) {
        n = utf8_next(text.ptr + i, text.len - i, &cp);
        sound = n && !utf8_is_control(cp);
    }
    if (!sound) {
        call_invalid(c, property,
                     text.ptr ? "must be a text of 1 to 200 bytes without control characters"
                              : "is required");
        return false;
    }
    char *copy = arena_dup(&c->arena, text);
    if (!copy) {
        call_failed(c, ERR_NOMEM);
        return false;
    }
    *ret = (struct span){copy, text.len};
    return true;
}

bool list_name_by(struct call *c, struct span text, enum by *ret)
{
    if (text.ptr && !by_find(text, ret))
        return true;
    call_invalid(c, "by",
                 text.ptr ? "must be user_id, email, line_user_id, fcm_token or endpoint" : "is required");
    return false;
}
