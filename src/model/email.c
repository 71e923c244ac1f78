#include "model/email.h"

#include <idn2.h>
#include <stdint.h>

#include "base/utf8.h"

#define LABEL_MAX 63u

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static const char *refuse_local(struct span local)
{
    uint32_t cp;
    if (!local.len)
        return "nothing stands in front of the @";
    if (local.ptr[0] == '"')
        return "quotes in front of the @ are not taken";
    if (local.len > EMAIL_LOCAL_MAX)
        return "more than 64 bytes stand in front of the @";
    for (size_t i = 0, n; i < local.len; i += n) {
        n = utf8_next(local.ptr + i, local.len - i, &cp);
        if (n == 0 || utf8_is_control(cp) ||
            (n == 1 && cp != '.' && !is_alnum((char)cp) && !strchr("!#$%&'*+-/=?^_`{|}~", (int)cp)))
            return "a character in front of the @ cannot stand there";
    }
    return NULL;
}

/* Checks the labels of an ASCII domain. */
static const char *refuse_labels(struct span domain)
{
    size_t label = 0;
    for (size_t i = 0; i <= domain.len; i++) {
        char c = i < domain.len ? domain.ptr[i] : '.';
        if (c != '.' && c != '-' && !is_alnum(c))
            return "behind the @ only letters, digits, hyphens and dots can stand";
        if (c == '.' && !label)
            return "a dot behind the @ needs something on both of its sides";
        if (c == '-' ? !label : c == '.' && domain.ptr[i - 1] == '-')
            return "a part of the domain begins or ends with a hyphen";
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return "a part of the domain is longer than 63 bytes";
    }
    return NULL;
}

/* Whether libidn2 must check the domain: it is not ASCII, or has an A-label, which may be invalid. */
static bool is_international(struct span domain)
{
    for (size_t i = 0; i < domain.len; i++)
        if ((unsigned char)domain.ptr[i] >= 0x80 ||
            ((i == 0 || domain.ptr[i - 1] == '.') && domain.len - i >= 4 &&
             strncasecmp(domain.ptr + i, "xn--", 4) == 0))
            return true;
    return false;
}

/* Converts a NUL-terminated domain to A-labels. */
static const char *to_ascii(const char *domain, size_t max, char *out)
{
    uint32_t cp;
    char *ascii = NULL;
    for (size_t i = 0, n, len = strlen(domain); i < len; i += n) {
        n = utf8_next(domain + i, len - i, &cp);
        if (n == 0 || utf8_is_control(cp))
            return "a character behind the @ cannot stand there";
    }
    if (idn2_to_ascii_8z(domain, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return "the international domain is not valid";
    size_t len = strlen(ascii);
    const char *why = len > max ? "longer than 254 bytes" : refuse_labels((struct span){ascii, len});
    if (!why)
        memcpy(out, ascii, len + 1);
    idn2_free(ascii);
    return why;
}

const char *email_recipient(struct span text, char out[static EMAIL_MAX + 1])
{
    char made[EMAIL_MAX + 1], domain[EMAIL_MAX + 1];
    const char *at = text.len ? memrchr(text.ptr, '@', text.len) : NULL;
    if (!at)
        return "the @ is missing";
    if (text.len > EMAIL_MAX)
        return "longer than 254 bytes";
    size_t front = (size_t)(at - text.ptr) + 1;
    const struct span local = {text.ptr, front - 1}, rest = {at + 1, text.len - front};
    const char *why = refuse_local(local);
    if (why)
        return local.len && local.ptr[0] != '"' && memchr(local.ptr, '@', local.len)
                   ? "there is more than one @"
                   : why;
    if (!rest.len)
        return "nothing stands behind the @";
    if (rest.ptr[0] == '[')
        return "a domain has to stand behind the @, not an address in brackets";
    for (size_t i = 0; i < rest.len; i++)
        domain[i] = lower(rest.ptr[i]);
    domain[rest.len] = '\0';
    memcpy(made, text.ptr, front);
    if (strlen(domain) != rest.len || !is_international(rest)) {
        why = refuse_labels((struct span){domain, rest.len});
        memcpy(made + front, domain, rest.len + 1);
    } else {
        why = to_ascii(domain, EMAIL_MAX - front, made + front);
    }
    if (!why)
        memcpy(out, made, strlen(made) + 1);
    return why;
}

const char *email_spelling(struct span text, char out[static EMAIL_MAX + 1])
{
    const char *why = email_recipient(text, out);
    for (char *p = out; !why && *p; p++)
        *p = lower(*p);
    return why;
}

bool email_look_up(struct span text, char out[static EMAIL_MAX + 1])
{
    const char *at = text.len ? memchr(text.ptr, '@', text.len) : NULL;
    if (!at || at == text.ptr || at + 1 == text.ptr + text.len || text.len > EMAIL_MAX ||
        memchr(text.ptr, '\0', text.len))
        return false;
    for (size_t i = 0; i < text.len; i++)
        out[i] = lower(text.ptr[i]);
    out[text.len] = '\0';
    return true;
}

const char *email_account(struct span text, char out[static EMAIL_MAX + 1])
{
    char recipient[EMAIL_MAX + 1];
    const char *why = email_recipient(text, recipient);
    if (!why)
        (void)email_look_up(text, out);
    return why;
}

struct span email_person(const char *address, char out[static EMAIL_MAX + 1])
{
    size_t n = 0;
    const char *at = strrchr(address, '@');
    for (const char *p = address; p < at && (*p != '+' || p == address); p++)
        if (*p != '.')
            out[n++] = *p;
    size_t rest = strlen(at);
    memcpy(out + n, at, rest + 1);
    return (struct span){out, n + rest};
}
