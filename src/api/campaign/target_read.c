#include "api/campaign/target_read.h"

#include <sodium.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "model/email.h"
#include "net/url.h"

#define LINE_DIGITS 32u
#define POINT_LEN 65u /* an uncompressed point of P-256: 4, x, y (SEC 1 2.3.3) */
#define AUTH_LEN 16u

enum err read_refuse(struct read_fault *f, const char *field, const char *why)
{
    (void)snprintf(f->field, sizeof(f->field), "%s", field);
    (void)snprintf(f->why, sizeof(f->why), "%s", why);
    return ERR_INVALID;
}

const char *target_read_name(struct span text)
{
    uint32_t cp;
    if (text.len == 0)
        return "is empty";
    if (text.len > USER_NAME_MAX)
        return "is longer than 256 bytes";
    for (size_t i = 0, n; i < text.len; i += n) {
        n = utf8_next(text.ptr + i, text.len - i, &cp);
        if (n == 0)
            return "is not UTF-8";
        if (cp < 0x20 || (cp >= 0x7F && cp < 0xA0))
            return "has a control character";
    }
    return NULL;
}

static const char *read_mail(struct arena *a, struct span text, struct span *ret)
{
    static _Thread_local char why[EMAIL_WHY_MAX + 24];
    char address[EMAIL_MAX + 1];
    const char *wrong = email_recipient(text, address);
    if (wrong) {
        (void)snprintf(why, sizeof(why), "no mail address: %s", wrong);
        return why;
    }
    size_t len = strlen(address);
    if (len == text.len && memcmp(address, text.ptr, len) == 0) {
        *ret = text;
        return NULL;
    }
    char *copy = arena_dup(a, (struct span){address, len});
    if (!copy)
        return "";
    *ret = (struct span){copy, len};
    return NULL;
}

static const char *read_line(struct span text, struct span *ret)
{
    bool sound = text.len == 1 + LINE_DIGITS && text.ptr[0] == 'U';
    for (size_t i = 1; sound && i < text.len; i++)
        sound = hex_digit(text.ptr[i]) >= 0 && !(text.ptr[i] >= 'A' && text.ptr[i] <= 'F');
    *ret = text;
    return sound ? NULL : "must be a user id of LINE: U and 32 hexadecimal digits in lower case";
}

static const char *read_token(struct span text, struct span *ret)
{
    if (text.len == 0)
        return "is empty";
    if (text.len > TARGET_VALUE_MAX)
        return "is longer than 4096 bytes";
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= 0x20 || text.ptr[i] == 0x7F || (unsigned char)text.ptr[i] >= 0x80)
            return "must be a token as the app gets it, without spaces";
    *ret = text;
    return NULL;
}

static const char *read_endpoint(struct span text, bool allow_http, struct span *ret)
{
    const struct url_rules rules = {.allow_http = allow_http};
    struct url url;
    enum cause_id cause;
    enum err e = url_parse(text, &rules, &url, &cause);
    if (e == ERR_NOMEM)
        return "";
    *ret = text;
    return e ? "must be an https URL of at most 500 characters" : NULL;
}

const char *target_read_value(struct arena *a, enum medium medium, struct span text, bool allow_http,
                              struct span *ret)
{
    switch (medium) {
    case MEDIUM_MAIL:
        return read_mail(a, text, ret);
    case MEDIUM_LINE:
        return read_line(text, ret);
    case MEDIUM_PUSH:
        return read_token(text, ret);
    case MEDIUM_BROWSER:
    case MEDIUM_COUNT:
    default:
        return read_endpoint(text, allow_http, ret);
    }
}

/* "": out of memory; NULL: done. point: the first byte says that it is an uncompressed point. */
static const char *read_key(struct arena *a, struct span text, size_t want, bool point, const char *wrong,
                            struct span *ret)
{
    static const int alphabets[] = {sodium_base64_VARIANT_URLSAFE_NO_PADDING, sodium_base64_VARIANT_URLSAFE,
                                    sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
                                    sodium_base64_VARIANT_ORIGINAL};
    unsigned char bytes[POINT_LEN];
    size_t n = 0;
    bool sound = false;
    for (size_t i = 0; !sound && text.len <= TARGET_KEY_MAX && i < sizeof(alphabets) / sizeof(*alphabets);
         i++) {
        const char *end = NULL;
        sound = sodium_base642bin(bytes, want, text.ptr, text.len, NULL, &n, &end, alphabets[i]) == 0 &&
                n == want && end == text.ptr + text.len;
    }
    if (!sound || (point && bytes[0] != 4))
        return wrong;
    size_t size = sodium_base64_encoded_len(want, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *out = arena_alloc(a, size);
    if (!out)
        return "";
    (void)sodium_bin2base64(out, size, bytes, want, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    *ret = (struct span){out, size - 1};
    return NULL;
}

const char *target_read_p256dh(struct arena *a, struct span text, struct span *ret)
{
    return read_key(a, text, POINT_LEN, true,
                    "must be the subscription's p256dh: 65 bytes in base64url, the first one 4", ret);
}

const char *target_read_auth(struct arena *a, struct span text, struct span *ret)
{
    return read_key(a, text, AUTH_LEN, false, "must be the subscription's auth: 16 bytes in base64url", ret);
}

const char *target_read_by(struct arena *a, enum by by, struct span text, bool allow_http, struct span *ret)
{
    static const enum medium media[BY_COUNT] = {[BY_EMAIL] = MEDIUM_MAIL,
                                                [BY_LINE] = MEDIUM_LINE,
                                                [BY_APP] = MEDIUM_PUSH,
                                                [BY_BROWSER] = MEDIUM_BROWSER};
    if (by != BY_USER_ID)
        return target_read_value(a, media[by], text, allow_http, ret);
    *ret = text;
    return target_read_name(text);
}
