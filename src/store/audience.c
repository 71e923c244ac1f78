#include "store/audience.h"

static const char *const texts[BY_COUNT] = {
    [BY_USER_ID] = "user_id", [BY_EMAIL] = "email",      [BY_LINE] = "line_user_id",
    [BY_APP] = "fcm_token",   [BY_BROWSER] = "endpoint",
};

const char *by_text(enum by by)
{
    return texts[by];
}

enum err by_find(struct span text, enum by *ret)
{
    for (int i = 0; i < BY_COUNT; i++)
        if (span_eq(text, span_of(texts[i]))) {
            *ret = (enum by)i;
            return ERR_NONE;
        }
    return ERR_NOT_FOUND;
}
