/*
 * A bounce from a stranger: whatever it is, it is refused or has recipients whose fields are one line each
 * and lie where they should, twice the same, and a receipt can be made of it.
 */
#include "campaign/mail_build.h"
#include "carrier/dsn.h"
#include "fault/receipt.h"
#include "fuzz.h"

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static void check(struct span s)
{
    need(s.len <= 4096 && (!s.len || s.ptr), "a field without bounds");
    need(!memchr(s.ptr ? s.ptr : "", '\n', s.len) && !memchr(s.ptr ? s.ptr : "", '\r', s.len),
         "not one line");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dsn one, two;
    const struct span in = {(const char *)data, size};
    const enum err a = dsn_read(in, &one), b = dsn_read(in, &two);
    need(a == b && (a == ERR_NONE || a == ERR_INVALID), "another answer the second time");
    if (a)
        return 0;
    need(one.count > 0 && one.count <= DSN_RECIPIENTS_MAX && one.count == two.count, "no recipients");
    need(one.name_count <= DSN_NAMES_MAX && one.name_count == two.name_count, "too many names");
    for (size_t i = 0; i < one.name_count; i++) {
        struct mail_verp name;
        check(one.names[i]);
        (void)mail_verp_read(one.names[i], &name);
    }
    for (size_t i = 0; i < one.count; i++) {
        const struct dsn_recipient *r = &one.recipients[i];
        const struct span all[] = {r->original, r->final, r->action, r->status, r->diagnostic};
        for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++)
            check(all[k]);
    }
    const struct dsn_recipient *r = dsn_recipient_of(&one, one.returned_to);
    const struct answer_header fields[] = {{SPAN_LIT("Action"), r->action}, {SPAN_LIT("Status"), r->status}};
    const struct answer answer = {.medium = MEDIUM_MAIL,
                                  .stage = STAGE_DSN,
                                  .headers = fields,
                                  .header_count = 2,
                                  .body = r->diagnostic};
    struct receipt receipt;
    receipt_of(&answer, &receipt);
    dsn_free(&one);
    dsn_free(&two);
    return 0;
}
