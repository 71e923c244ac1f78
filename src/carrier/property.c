#include "carrier/property.h"

#include <math.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "carrier/link.h"
#include "model/email.h"

enum err property_refuse(struct carrier_fault *why, const char *property, const char *fmt, ...)
{
    (void)snprintf(why->property, sizeof(why->property), "%s", property);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why->message, sizeof(why->message), fmt, args);
    va_end(args);
    return ERR_INVALID;
}

void property_path(char *out, size_t size, const char *object, struct span key)
{
    int n = snprintf(out, size, "%s%s", object, *object ? "." : "");
    size_t used = n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
    uint32_t cp = 0;
    for (size_t i = 0, len; i < key.len; i += len) {
        len = utf8_next(key.ptr + i, key.len - i, &cp);
        if (len == 0 || used + len >= size)
            break;
        if (utf8_is_control(cp))
            continue;
        memcpy(out + used, key.ptr + i, len);
        used += len;
    }
    out[used] = '\0';
}

/* The member itself; JSON_KIND_NONE where it is missing or null. */
static enum err find(struct carrier_fault *why, struct json_value object, const char *path,
                     struct json_value *ret)
{
    const char *dot = strrchr(path, '.');
    struct json_value value = {.kind = JSON_KIND_NONE};
    enum err e = json_find(object, dot ? dot + 1 : path, &value);
    if (e == ERR_CONFLICT)
        return property_refuse(why, path, "is there twice");
    if (e || value.kind == JSON_KIND_NULL)
        value.kind = JSON_KIND_NONE;
    *ret = value;
    return ERR_NONE;
}

static enum err check_form(struct carrier_fault *why, const char *path, enum property_form form,
                           struct span text)
{
    uint32_t cp = 0;
    for (size_t i = 0, n; i < text.len; i += n) {
        n = utf8_next(text.ptr + i, text.len - i, &cp);
        if (form == PROPERTY_TOKEN && (cp <= ' ' || cp >= 0x7f))
            return property_refuse(why, path,
                                   "must be visible ASCII characters without spaces or line breaks");
        if (cp == 0 || (form == PROPERTY_LINE && utf8_is_control(cp)))
            return property_refuse(why, path, "must have no line breaks or control characters");
    }
    return ERR_NONE;
}

enum err property_text(struct carrier_fault *why, struct json_value object, const char *path,
                       enum property_form form, size_t min, size_t max, char **ret)
{
    struct json_value value;
    enum err e = find(why, object, path, &value);
    if (e || value.kind == JSON_KIND_NONE)
        return e;
    if (value.kind != JSON_KIND_STRING)
        return property_refuse(why, path, "must be a string");
    struct buf text;
    /* An escape takes at most 6 bytes for one; a longer text is refused below, whatever it says. */
    buf_init(&text, max + 1);
    if (value.raw.len > 6 * max + 2)
        return property_refuse(why, path, "has more than %zu bytes", max);
    /* At once, or what is secret would stay behind where the text was before it grew. */
    e = buf_reserve(&text, value.raw.len < max ? value.raw.len : max);
    if (!e)
        e = json_string_decode(value, &text);
    if (e == ERR_LIMIT || (!e && buf_len(&text) > max))
        e = property_refuse(why, path, "has more than %zu bytes", max);
    else if (!e && buf_len(&text) < min)
        e = min == 1 ? property_refuse(why, path, "must not be empty")
                     : property_refuse(why, path, "has fewer than %zu bytes", min);
    if (!e)
        e = check_form(why, path, form, buf_span(&text));
    char *copy = NULL;
    if (!e && !(copy = mem_dup(buf_span(&text).ptr, buf_len(&text))))
        e = ERR_NOMEM;
    if (text.data)
        OPENSSL_cleanse(text.data, text.alloc);
    buf_deinit(&text);
    if (!e)
        *ret = copy;
    return e;
}

enum err property_int(struct carrier_fault *why, struct json_value object, const char *path, int64_t min,
                      int64_t max, int64_t *ret)
{
    struct json_value value;
    enum err e = find(why, object, path, &value);
    if (e || value.kind == JSON_KIND_NONE)
        return e;
    int64_t n = 0;
    if (json_int64(value, &n) || n < min || n > max)
        return property_refuse(why, path, "must be a whole number from %lld to %lld", (long long)min,
                               (long long)max);
    *ret = n;
    return ERR_NONE;
}

enum err property_real(struct carrier_fault *why, struct json_value object, const char *path, double min,
                       double max, double *ret)
{
    struct json_value value;
    enum err e = find(why, object, path, &value);
    if (e || value.kind == JSON_KIND_NONE)
        return e;
    char digits[32];
    double n = NAN;
    if (value.kind == JSON_KIND_NUMBER && value.raw.len < sizeof(digits)) {
        memcpy(digits, value.raw.ptr, value.raw.len);
        digits[value.raw.len] = '\0';
        n = strtod(digits, NULL);
    }
    if (!(n >= min && n <= max))
        return property_refuse(why, path, "must be a number from %g to %g", min, max);
    *ret = n;
    return ERR_NONE;
}

enum err property_word(struct carrier_fault *why, struct json_value object, const char *path,
                       const char *const *words, unsigned *ret)
{
    struct json_value value;
    enum err e = find(why, object, path, &value);
    if (e || value.kind == JSON_KIND_NONE)
        return e;
    char list[128] = "";
    size_t used = 0;
    for (unsigned i = 0; words[i]; i++) {
        if (json_string_is(value, words[i])) {
            *ret = i;
            return ERR_NONE;
        }
        int n = snprintf(list + used, sizeof(list) - used, "%s\"%s\"", i ? ", " : "", words[i]);
        used += n > 0 && (size_t)n < sizeof(list) - used ? (size_t)n : 0;
    }
    return property_refuse(why, path, "must be one of %s", list);
}

enum err property_object(struct carrier_fault *why, struct json_value object, const char *path,
                         struct json_value *ret)
{
    struct json_value value;
    enum err e = find(why, object, path, &value);
    if (e || value.kind == JSON_KIND_NONE)
        return e;
    if (value.kind != JSON_KIND_OBJECT)
        return property_refuse(why, path, "must be an object");
    *ret = value;
    return ERR_NONE;
}

enum err property_url(struct carrier_fault *why, struct json_value object, const char *path, char **ret)
{
    char *text = NULL;
    enum err e = property_text(why, object, path, PROPERTY_TOKEN, 1, LINK_BASE_MAX, &text);
    if (e || !text)
        return e;
    const char *bad = link_refuse_base(span_of(text));
    if (bad) {
        mem_free(text);
        return property_refuse(why, path, "%s", bad);
    }
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '/')
        text[--len] = '\0';
    *ret = text;
    return ERR_NONE;
}

enum err property_email(struct carrier_fault *why, struct json_value object, const char *path, char **ret)
{
    char *text = NULL;
    enum err e = property_text(why, object, path, PROPERTY_LINE, 1, EMAIL_MAX, &text);
    if (e || !text)
        return e;
    char address[EMAIL_MAX + 1];
    const char *wrong = email_recipient(span_of(text), address);
    mem_free(text);
    if (wrong)
        return property_refuse(why, path, "is no mail address: %s", wrong);
    text = mem_dup(address, strlen(address));
    if (!text)
        return ERR_NOMEM;
    *ret = text;
    return ERR_NONE;
}

enum err property_only(struct carrier_fault *why, struct json_value object, const char *path,
                       const char *const *names)
{
    struct json_iter it = json_members(object);
    struct span key;
    struct json_value value;
    uint64_t seen = 0;
    while (json_next_member(&it, &key, &value)) {
        unsigned i = 0;
        while (names[i] && !json_key_is(key, names[i]))
            i++;
        char whole[sizeof(why->property)];
        property_path(whole, sizeof(whole), path, key);
        if (!whole[0]) /* a name with nothing in it that is seen */
            (void)snprintf(whole, sizeof(whole), "settings");
        if (!names[i])
            return property_refuse(why, whole, "is no such setting");
        if (seen >> i & 1)
            return property_refuse(why, whole, "is there twice");
        seen |= UINT64_C(1) << i;
    }
    return ERR_NONE;
}

enum err property_need(struct carrier_fault *why, const char *property, const char *text)
{
    return text ? ERR_NONE : property_refuse(why, property, "is missing");
}

void property_wipe(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    mem_free(text);
}
