/* Bounces as mail servers write them (tests/fuzz/corpus/dsn): whose they are, and what they mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "campaign/mail_build.h"
#include "carrier/dsn.h"
#include "fault/receipt.h"

static char bytes[1u << 20];

static struct span load(const char *name)
{
    char path[512];
    const char *root = getenv("DSN_CORPUS");
    (void)snprintf(path, sizeof(path), "%s/%s", root ? root : "tests/fuzz/corpus/dsn", name);
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("no %s", path);
    const size_t n = fread(bytes, 1, sizeof(bytes), f);
    (void)fclose(f);
    return (struct span){bytes, n};
}

static bool is(struct span s, const char *want)
{
    return span_eq(s, span_of(want));
}

static void servers(void **state)
{
    (void)state;
    static const struct {
        const char *file, *final, *action, *status, *diagnostic;
        bool failed;
        enum receipt_class class;
    } rows[] = {
        {"postfix", "to@example.org", "failed", "5.1.1",
         "smtp; 550-5.1.1 <to@example.org>: Recipient address rejected: User unknown in virtual mailbox "
         "table",
         true, RECEIPT_PERMANENT_RECIPIENT},
        {"base64", "to@example.org", "failed", "5.1.1",
         "smtp; 550-5.1.1 <to@example.org>: Recipient address rejected: User unknown in virtual mailbox "
         "table",
         true, RECEIPT_PERMANENT_RECIPIENT},
        {"quoted", "to@example.org", "failed", "5.1.1",
         "smtp; 550-5.1.1 <to@example.org>: Recipient address rejected: User unknown in virtual mailbox "
         "table",
         true, RECEIPT_PERMANENT_RECIPIENT},
        {"delayed", "to@example.org", "delayed", "4.4.1",
         "X-Postfix; connect to mx.example.org[203.0.113.1]:25: Connection timed out", false,
         RECEIPT_PENDING},
        {"exchange", "to@example.org", "failed", "5.1.10",
         "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient to@example.org not found by SMTP address "
         "lookup",
         true, RECEIPT_PERMANENT_RECIPIENT},
        {"several", "moved@example.net", "failed", "4.2.2",
         "smtp; 452-4.2.2 The email account that you tried to reach is over quota.", true,
         RECEIPT_MAILBOX_FULL},
        {"unfolded", "to@example.org", "failed", "5.0.0",
         "smtp; 510-5.7.1 blocked by filter 510-5.7.1 see https://x.example/why: policy 510 5.7.1 bye", true,
         RECEIPT_POLICY_BLOCK},
        {"utf8", "\xe3\x81\xa8@example.jp", "failed (undeliverable)", "5.1.1 (bad destination mailbox)", "",
         true, RECEIPT_PERMANENT_RECIPIENT},
        {"exim", "", "failed", "", NULL, true, RECEIPT_PERMANENT_RECIPIENT},
        {"alone", "to@example.org", "failed", "5.1.1", "", true, RECEIPT_PERMANENT_RECIPIENT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct dsn d;
        struct mail_verp name;
        bool named = false;
        if (dsn_read(load(rows[i].file), &d))
            fail_msg("%s: no notification", rows[i].file);
        const struct dsn_recipient *r = dsn_recipient_of(&d, d.returned_to);
        const bool same = is(r->final, rows[i].final) && is(r->action, rows[i].action) &&
                          is(r->status, rows[i].status) &&
                          (!rows[i].diagnostic || is(r->diagnostic, rows[i].diagnostic));
        if (!same)
            fail_msg("%s: %.*s, %.*s, %.*s, %.*s", rows[i].file, (int)r->final.len, r->final.ptr,
                     (int)r->action.len, r->action.ptr, (int)r->status.len, r->status.ptr,
                     (int)r->diagnostic.len, r->diagnostic.ptr);
        for (size_t k = 0; k < d.name_count; k++)
            named |= mail_verp_read(d.names[k], &name) && name.job_id == 12 && name.n == 345;
        if (!named)
            fail_msg("%s: names no message", rows[i].file);
        if (strcmp(rows[i].file, "alone") != 0)
            assert_true(is(d.returned_to, "to@example.org"));
        const struct answer_header fields[] = {
            {SPAN_LIT("Action"), r->action},
            {SPAN_LIT("Status"), r->status},
            {SPAN_LIT("Diagnostic-Code"), r->diagnostic},
        };
        const struct answer a = {.medium = MEDIUM_MAIL,
                                 .service = SERVICE_SMTP,
                                 .stage = STAGE_DSN,
                                 .headers = fields,
                                 .header_count = 3,
                                 .body = r->diagnostic};
        struct receipt receipt;
        receipt_of(&a, &receipt);
        if (receipt.failed != rows[i].failed || receipt.class != rows[i].class)
            fail_msg("%s: %s", rows[i].file, receipt_class_text(receipt.class));
        dsn_free(&d);
    }
}

static void others(void **state)
{
    (void)state;
    static const char *const files[] = {"vacation"};
    struct dsn d;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        assert_int_equal(dsn_read(load(files[i]), &d), ERR_INVALID);
    assert_int_equal(dsn_read(SPAN_LIT(""), &d), ERR_INVALID);
    assert_int_equal(dsn_read(SPAN_LIT("\0\0\0"), &d), ERR_INVALID);
}

/* The returned mail is cut off where a server or the node's limit cuts it. */
static void cut(void **state)
{
    (void)state;
    const struct span whole = load("postfix");
    for (size_t len = 0; len < whole.len; len++) {
        struct dsn d;
        if (!dsn_read((struct span){whole.ptr, len}, &d))
            dsn_free(&d);
    }
}

static void memory(void **state)
{
    (void)state;
    struct dsn d;
    const struct span whole = load("several");
    unsigned long nth = 1;
    for (;; nth++) {
        (void)mem_fail_at(nth);
        const enum err e = dsn_read(whole, &d);
        const bool hit = mem_fail_hit();
        (void)mem_fail_at(0);
        assert_int_equal(e, hit ? ERR_NOMEM : ERR_NONE);
        if (!e)
            dsn_free(&d);
        if (!hit)
            break;
    }
    assert_true(nth > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers),
        cmocka_unit_test(others),
        cmocka_unit_test(cut),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
