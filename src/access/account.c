#include "access/account.h"

#include "base/utf8.h"

enum err account_email(struct span text, char out[static ACCOUNT_EMAIL_MAX + 1])
{
    if (text.len < 3 || text.len > ACCOUNT_EMAIL_MAX)
        return ERR_INVALID;
    size_t at = 0, ats = 0;
    uint32_t cp;
    for (size_t i = 0, n; i < text.len; i += n) {
        n = utf8_next(text.ptr + i, text.len - i, &cp);
        if (n == 0 || utf8_is_control(cp) || (cp < 0x80 && cp && strchr(" ,;<>\"()\\", (int)cp)))
            return ERR_INVALID;
        if (cp == '@') {
            at = i;
            ats++;
        }
    }
    if (ats != 1 || at == 0 || at + 1 == text.len)
        return ERR_INVALID;
    for (size_t i = 0; i < text.len; i++)
        out[i] = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
    out[text.len] = '\0';
    return ERR_NONE;
}

const char *account_grant_text(enum grant g)
{
    switch (g) {
    case GRANT_ADMIN:
        return "admin";
    case GRANT_MEMBER:
        return "member";
    case GRANT_TESTER:
        return "tester";
    case GRANT_NONE:
        break;
    }
    return "none";
}

enum grant account_grant_of(const char *text)
{
    for (enum grant g = GRANT_TESTER; text && g <= GRANT_ADMIN; g++)
        if (strcmp(text, account_grant_text(g)) == 0)
            return g;
    return GRANT_NONE;
}
