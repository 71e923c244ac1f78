#include "report/recipient.h"

#include <idn2.h>
#include <stdio.h>

bool recipient_of(struct span email, char out[static ACCOUNT_EMAIL_MAX + 1])
{
    if (!email.len || email.len > ACCOUNT_EMAIL_MAX)
        return false;
    for (size_t i = 0; i < email.len; i++) /* what would end a command or a header, or be several addresses */
        if ((unsigned char)email.ptr[i] <= ' ' || email.ptr[i] == 0x7f || strchr("<>\"(),;:\\", email.ptr[i]))
            return false;
    char text[ACCOUNT_EMAIL_MAX + 1], *domain = NULL;
    memcpy(text, email.ptr, email.len);
    text[email.len] = '\0';
    char *at = strrchr(text, '@');
    if (!at || at == text || !at[1])
        return false;
    if (idn2_to_ascii_8z(at + 1, &domain, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return false;
    int n = snprintf(out, ACCOUNT_EMAIL_MAX + 1, "%.*s@%s", (int)(at - text), text, domain);
    idn2_free(domain);
    return n > 0 && n <= ACCOUNT_EMAIL_MAX;
}

struct span recipient_person(const char *address, char out[static ACCOUNT_EMAIL_MAX + 1])
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
