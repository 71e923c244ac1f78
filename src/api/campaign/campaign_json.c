#include "api/campaign/campaign_json.h"

#include "base/random.h"

static const char *const channels[MEDIUM_COUNT] = {
    [MEDIUM_MAIL] = "mail", [MEDIUM_PUSH] = "push", [MEDIUM_LINE] = "line", [MEDIUM_BROWSER] = "browser"};

const char *campaign_channel(enum medium medium)
{
    return channels[medium];
}

enum err campaign_channel_find(struct span text, enum medium *ret)
{
    for (int i = 0; i < MEDIUM_COUNT; i++)
        if (span_eq(text, span_of(channels[i]))) {
            *ret = (enum medium)i;
            return ERR_NONE;
        }
    return ERR_NOT_FOUND;
}

void campaign_write(struct json_write *w, const struct campaign *k, bool whole)
{
    json_write_object(w);
    json_write_key(w, "campaignId");
    call_write_id(w, k->id);
    json_write_key(w, "shortId");
    json_write_span(w, k->short_id);
    json_write_key(w, "name");
    json_write_span(w, k->name);
    json_write_key(w, "channel");
    json_write_str(w, channels[k->medium]);
    json_write_key(w, "senderId");
    call_write_id(w, k->sender_id);
    json_write_key(w, "enabled");
    json_write_bool(w, k->enabled);
    if (whole) {
        json_write_key(w, "content");
        json_write_raw(w, k->content);
        json_write_key(w, "variables");
        json_write_raw(w, k->variables);
        json_write_key(w, "stopWhen");
        if (k->stop_when.len)
            json_write_raw(w, k->stop_when);
        else
            json_write_null(w);
    }
    json_write_key(w, "createdAt");
    call_write_time(w, k->created_ms);
    json_write_key(w, "updatedAt");
    call_write_time(w, k->updated_ms);
    json_write_end(w);
}

void campaign_short_id(char out[static CAMPAIGN_SHORT_LEN + 1])
{
    /* Letters before digits; without i, l, o, 0, 1, and without vowels that would make words. */
    static const char alphabet[] = "bcdfghjkmnpqrstvwxyz23456789";
    enum { LETTERS = 20, ALL = sizeof(alphabet) - 1 };
    for (size_t i = 0; i < CAMPAIGN_SHORT_LEN; i++)
        out[i] = alphabet[random_below(&random_system, i ? ALL : LETTERS)];
    out[CAMPAIGN_SHORT_LEN] = '\0';
}
