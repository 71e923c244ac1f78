/* contact_address: whatever address it takes is one recipient in one spelling, which it takes again as it is. */
#include <string.h>

#include "fuzz.h"
#include "report/contact.h"

static void need(bool ok, const char *what, struct span email, const char *address)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s: '%.*s' is '%s'\n", what, (int)email.len, email.ptr, address);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span email = {(const char *)data, size};
    char address[ACCOUNT_EMAIL_MAX + 1], again[ACCOUNT_EMAIL_MAX + 1];
    memset(address, 'x', sizeof(address));
    if (!contact_address(email, address)) {
        need(address[0] == 'x' && address[ACCOUNT_EMAIL_MAX] == 'x', "refused, and written", email, "");
        return 0;
    }
    need(memchr(address, '\0', sizeof(address)) != NULL, "no end", email, "");
    const char *at = strchr(address, '@');
    need(at && at > address && at[1] && !strchr(at + 1, '@'), "not one @", email, address);
    for (const char *p = address; *p; p++) {
        need((unsigned char)*p > ' ' && *p != 0x7f && !strchr("<>\"(),;:\\", *p), "ends a command", email,
             address);
        need(*p < 'A' || *p > 'Z', "upper case", email, address);
        need(p < at || ((unsigned char)*p < 0x80 && !strchr("_[]/%", *p)), "no domain", email, address);
    }
    need(contact_address(span_of(address), again) && strcmp(address, again) == 0, "another spelling", email,
         address);
    return 0;
}
