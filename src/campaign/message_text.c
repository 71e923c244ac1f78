#include "campaign/message_text.h"

#include <stdio.h>

#include "base/utf8.h"

static const char *const message_states[MESSAGE_STATES] = {
    [MESSAGE_WAITING] = "waiting", [MESSAGE_SENDING] = "sending",     [MESSAGE_RETRYING] = "retrying",
    [MESSAGE_SENT] = "sent",       [MESSAGE_DELIVERED] = "delivered", [MESSAGE_FAILED] = "failed",
    [MESSAGE_SKIPPED] = "skipped", [MESSAGE_UNKNOWN] = "unknown",
};

const char *message_state_text(enum message_state s)
{
    return message_states[s];
}

enum err message_state_find(struct span text, enum message_state *ret)
{
    for (int i = 0; i < MESSAGE_STATES; i++)
        if (span_eq(text, span_of(message_states[i]))) {
            *ret = (enum message_state)i;
            return ERR_NONE;
        }
    return ERR_NOT_FOUND;
}

/* Whether the detail is the text: what a service or the engine said. */
static bool is_verbatim(enum delivery_error_id id)
{
    const struct delivery_error *e = delivery_error_of(id);
    if (e->scope != DELIVERY_COMMON && e->scope != DELIVERY_JOB)
        return true;
    return id == DELIVERY_ERROR_template_null || id == DELIVERY_ERROR_client_response ||
           id == DELIVERY_ERROR_client_grant || id == DELIVERY_ERROR_client_credits ||
           id == DELIVERY_ERROR_client_address || id == DELIVERY_ERROR_unclassified;
}

static int fill(enum delivery_error_id id, struct span detail, const struct message_names *names, char *out)
{
    const struct span user = names->user;
    if (is_verbatim(id) && detail.len)
        return snprintf(out, MESSAGE_TEXT_MAX, "%.*s", (int)detail.len, detail.ptr);
    if (id == DELIVERY_ERROR_invalid_list_row)
        return snprintf(out, MESSAGE_TEXT_MAX, "invalid message: %.*s", (int)detail.len, detail.ptr);
    if (id == DELIVERY_ERROR_internal_closed)
        return snprintf(out, MESSAGE_TEXT_MAX, "connection %.*s closed", (int)detail.len, detail.ptr);
    if (id == DELIVERY_ERROR_user_not_found)
        return snprintf(out, MESSAGE_TEXT_MAX, "User not found. :%.*s", (int)user.len, user.ptr);
    if (id == DELIVERY_ERROR_no_target)
        return snprintf(out, MESSAGE_TEXT_MAX, "no target user:%.*s api_key:%lld target_ids: %.*s",
                        (int)user.len, user.ptr, (long long)names->provider_id, (int)detail.len, detail.ptr);
    if (id == DELIVERY_ERROR_push_content_invalid)
        return snprintf(out, MESSAGE_TEXT_MAX, "invalid content: push_apps shorten_id: %.*s",
                        (int)names->short_id.len, names->short_id.ptr);
    return snprintf(out, MESSAGE_TEXT_MAX, "%s", delivery_error_of(id)->text);
}

/* The length of a text that snprintf() may have cut, without half a character at its end. */
static size_t whole_len(const char *text, int written)
{
    if (written < 0)
        return 0;
    size_t len = (size_t)written < MESSAGE_TEXT_MAX ? (size_t)written : MESSAGE_TEXT_MAX - 1;
    size_t at = 0;
    uint32_t cp;
    for (size_t n; at < len && (n = utf8_next(text + at, len - at, &cp)); at += n)
        ;
    return at;
}

struct span message_text(enum delivery_error_id id, struct span detail, const struct message_names *names,
                         char out[static MESSAGE_TEXT_MAX])
{
    size_t len = whole_len(out, fill(id, detail, names, out));
    out[len] = '\0';
    return (struct span){out, len};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Whether a word is an address, an id or a number that differs from person to person. */
static bool is_personal(struct span word)
{
    size_t digits = 0;
    bool letters_only = true;
    for (size_t i = 0; i < word.len; i++) {
        const char c = word.ptr[i];
        if (c == '@')
            return true;
        digits += c >= '0' && c <= '9';
        letters_only &= (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
    return !letters_only && (digits >= 6 || (word.len >= 20 && digits >= 3));
}

struct span message_shape(enum delivery_error_id id, struct span detail, char out[static MESSAGE_TEXT_MAX])
{
    if (!is_verbatim(id) || !detail.len) {
        /* Only what says something about the campaign, not about a person, is filled in. */
        const struct message_names none = {0};
        if (id == DELIVERY_ERROR_invalid_list_row || id == DELIVERY_ERROR_internal_closed)
            return message_text(id, detail, &none, out);
        int n = snprintf(out, MESSAGE_TEXT_MAX, "%s", delivery_error_of(id)->text);
        return (struct span){out, whole_len(out, n)};
    }
    size_t len = 0;
    for (size_t i = 0; i < detail.len;) {
        size_t end = i;
        while (end < detail.len && !is_blank(detail.ptr[end]))
            end++;
        struct span word = {detail.ptr + i, end - i};
        if (is_personal(word))
            word = SPAN_LIT("XXX");
        if (len + word.len + 2 > MESSAGE_TEXT_MAX)
            break;
        memcpy(out + len, word.ptr, word.len);
        len += word.len;
        for (i = end; i < detail.len && is_blank(detail.ptr[i]) && len + 1 < MESSAGE_TEXT_MAX; i++)
            out[len++] = detail.ptr[i];
    }
    out[len] = '\0';
    return (struct span){out, len};
}
