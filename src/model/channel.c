#include "model/channel.h"

#include "base/decimal.h"

size_t channel_schedule_text(const struct channel *c, char out[static CHANNEL_SCHEDULE_TEXT])
{
    size_t len = 0;
    for (uint32_t i = 0; i < c->redelivery_count; i++) {
        if (i)
            out[len++] = ',';
        len += decimal_put(out + len, c->redelivery_s[i]);
    }
    out[len] = '\0';
    return len;
}

enum err channel_schedule_parse(struct span text, struct channel *c)
{
    uint32_t entries[CHANNEL_REDELIVERIES_MAX], count = 0;
    for (size_t at = 0; at < text.len; at++) {
        uint32_t n = 0;
        if (count == CHANNEL_REDELIVERIES_MAX)
            return ERR_INVALID;
        for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9' && n <= CHANNEL_REDELIVERY_S_MAX;
             at++)
            n = n * 10 + (uint32_t)(text.ptr[at] - '0');
        if (n < 1 || n > CHANNEL_REDELIVERY_S_MAX || (at < text.len && text.ptr[at] != ',') ||
            at + 1 == text.len)
            return ERR_INVALID;
        entries[count++] = n;
    }
    c->redelivery_count = count;
    for (uint32_t i = 0; i < count; i++)
        c->redelivery_s[i] = entries[i];
    return ERR_NONE;
}
