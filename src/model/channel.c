#include "model/channel.h"

#include <string.h>

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

static bool same_schedule(const struct channel *a, const struct channel *b)
{
    if (a->redelivery_count != b->redelivery_count)
        return false;
    for (uint32_t i = 0; i < a->redelivery_count; i++)
        if (a->redelivery_s[i] != b->redelivery_s[i])
            return false;
    return true;
}

bool channel_same(const struct channel *a, const struct channel *b)
{
    return a->id == b->id && a->provider_id == b->provider_id && strcmp(a->name, b->name) == 0 &&
           strcmp(a->bot_user_id, b->bot_user_id) == 0 && strcmp(a->secret, b->secret) == 0 &&
           strcmp(a->previous_secret, b->previous_secret) == 0 &&
           a->previous_until_ms == b->previous_until_ms && strcmp(a->webhook_url, b->webhook_url) == 0 &&
           a->use_webhook == b->use_webhook && a->webhook_redelivery == b->webhook_redelivery &&
           a->error_statistics == b->error_statistics && a->error_notification == b->error_notification &&
           strcmp(a->contact_email, b->contact_email) == 0 && strcmp(a->language, b->language) == 0 &&
           a->response_timeout_ms == b->response_timeout_ms && a->max_events == b->max_events &&
           same_schedule(a, b) && a->suspended_ms == b->suspended_ms && a->failing_ms == b->failing_ms &&
           a->created_ms == b->created_ms;
}
