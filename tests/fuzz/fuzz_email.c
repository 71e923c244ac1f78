/*
 * email_recipient() and its kin: whatever address is taken is one recipient that ends no command and no
 * header, in one spelling, which is taken again as it is; all three agree on what is one, and what is taken
 * can be looked up.
 */
#include <string.h>

#include "fuzz.h"
#include "model/email.h"

static void need(bool ok, const char *what, struct span email, const char *address)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s: '%.*s' is '%s'\n", what, (int)email.len, email.ptr, address);
    abort();
}

static bool is_untouched(const char *out)
{
    return out[0] == 'x' && out[EMAIL_MAX] == 'x';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span email = {(const char *)data, size};
    char address[EMAIL_MAX + 1], spelling[EMAIL_MAX + 1], account[EMAIL_MAX + 1], again[EMAIL_MAX + 1];
    memset(address, 'x', sizeof(address));
    memset(spelling, 'x', sizeof(spelling));
    memset(account, 'x', sizeof(account));
    const char *why = email_recipient(email, address);
    need(!email_spelling(email, spelling) == !why, "a recipient or a spelling", email, "");
    need(!email_account(email, account) == !why, "a recipient or an account", email, "");
    if (why) {
        need(strlen(why) + 40 < EMAIL_WHY_MAX, why, email, "");
        need(is_untouched(address) && is_untouched(spelling) && is_untouched(account), "refused, and written",
             email, "");
        return 0;
    }
    need(memchr(address, '\0', sizeof(address)) != NULL, "no end", email, "");
    const char *at = strchr(address, '@');
    need(at && at > address && at - address <= (ptrdiff_t)EMAIL_LOCAL_MAX && at[1] && !strchr(at + 1, '@'),
         "not one @", email, address);
    need(!strstr(at, "..") && at[1] != '.' && at[strlen(at) - 1] != '.', "a dot alone", email, address);
    for (const char *p = address; *p; p++) {
        need((unsigned char)*p > ' ' && *p != 0x7f && !strchr("<>\"(),;:\\[]", *p), "ends a command", email,
             address);
        need(p <= at || ((unsigned char)*p < 0x80 && !strchr("_/%", *p) && (*p < 'A' || *p > 'Z')),
             "no domain", email, address);
    }
    for (const char *p = spelling; *p; p++)
        need(*p < 'A' || *p > 'Z', "upper case", email, spelling);
    need(!email_recipient(span_of(address), again) && strcmp(address, again) == 0, "another recipient", email,
         address);
    need(!email_spelling(span_of(spelling), again) && strcmp(spelling, again) == 0, "another spelling", email,
         spelling);
    need(!email_account(span_of(account), again) && strcmp(account, again) == 0, "another account", email,
         account);
    need(email_look_up(email, again) && strcmp(account, again) == 0, "not found again", email, account);
    need(strlen(email_person(spelling, again).ptr) <= strlen(spelling), "a longer person", email, spelling);
    return 0;
}
