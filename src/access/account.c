#include "access/account.h"

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
