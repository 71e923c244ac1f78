/*
 * receipt_of() over any answer: what comes out has the form that all who read it rely on, and does not depend
 * on anything but the answer. The input: a line of five characters (medium, service, stage, and the status as
 * two of base 36, or "--"), a line with the command, a header ("Name: value"), and then the body. For events,
 * the body is the event.
 */
#include <string.h>

#include "base/utf8.h"
#include "fault/receipt.h"
#include "fault/receipt_sendgrid.h"
#include "fuzz.h"

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "%s\n", what);
    abort();
}

static struct span line_of(struct span *rest)
{
    const char *end = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
    struct span line = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
    size_t used = end ? line.len + 1 : line.len;
    *rest = (struct span){rest->ptr + used, rest->len - used};
    return line;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : -1;
}

static void check_text(const struct receipt *r)
{
    need(r->text_len < RECEIPT_TEXT_MAX && r->text[r->text_len] == '\0', "the text has no end");
    for (size_t at = 0; at < r->text_len;) {
        uint32_t cp = 0;
        size_t used = utf8_next(r->text + at, r->text_len - at, &cp);
        need(used > 0 && !utf8_is_control(cp), "the text is no line of UTF-8");
        at += used;
    }
}

static void check(const struct receipt *r)
{
    check_text(r);
    need(r->class < RECEIPT_CLASSES && r->retry <= RECEIPT_RETRY_SENT_UNKNOWN &&
             r->effect <= RECEIPT_PAUSE_JOB && r->seed_effect <= RECEIPT_PAUSE_JOB &&
             r->scope <= RECEIPT_PROVIDER,
         "a value of no name");
    bool fine = r->class == RECEIPT_ACCEPTED || r->class == RECEIPT_PENDING;
    need(r->failed == !fine, "a failure that is none, or the other way round");
    need(!r->failed || (r->error < DELIVERY_ERROR_COUNT && r->text_len > 0), "a failure without its error");
    need(r->failed || (r->effect == RECEIPT_NO_EFFECT && r->seed_effect == RECEIPT_NO_EFFECT),
         "what did not fail changes something");
    need(r->effect != RECEIPT_UNSUBSCRIBE || (r->scope == RECEIPT_RECIPIENT && r->retry == RECEIPT_RETRY_NO),
         "somebody is unsubscribed for what is not about that person");
    need(r->class != RECEIPT_UNKNOWN_SENT || r->retry == RECEIPT_RETRY_SENT_UNKNOWN,
         "sent again though it may have been sent");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = {(const char *)data, size};
    struct span head = line_of(&rest), command = line_of(&rest), field = line_of(&rest);
    if (head.len < 5)
        return 0;
    const char *colon = field.len ? memchr(field.ptr, ':', field.len) : NULL;
    struct answer_header header = {field, {"", 0}};
    if (colon) {
        size_t name = (size_t)(colon - field.ptr);
        header = (struct answer_header){{field.ptr, name}, {colon + 1, field.len - name - 1}};
    }
    int high = digit_of(head.ptr[3]), low = digit_of(head.ptr[4]);
    struct answer a = {.medium = (enum medium)((unsigned char)head.ptr[0] % (MEDIUM_COUNT + 1)),
                       .service = (enum service)((unsigned char)head.ptr[1] % SERVICE_COUNT),
                       .stage = (enum stage)((unsigned char)head.ptr[2] % (STAGE_DSN + 1)),
                       .status = high < 0 || low < 0 ? 0 : high * 36 + low,
                       .headers = &header,
                       .header_count = 1,
                       .command = command,
                       .body = rest,
                       .now_ms = 1700000000000};
    if (a.stage == STAGE_EVENT)
        a.event = rest;
    static struct receipt one, two;
    memset(&one, 0x55, sizeof(one));
    memset(&two, 0xAA, sizeof(two));
    receipt_of(&a, &one);
    receipt_of(&a, &two);
    check(&one);
    need(one.class == two.class && one.effect == two.effect && one.text_len == two.text_len &&
             memcmp(one.text, two.text, one.text_len) == 0,
         "not the same twice");
    static struct receipt_blame blame;
    receipt_sendgrid_blame(rest, &blame);
    for (size_t i = 0; i < blame.count; i++)
        need(blame.indexes[i] < RECEIPT_SENDGRID_MAX && (i == 0 || blame.indexes[i] > blame.indexes[i - 1]),
             "indexes out of order");
    return 0;
}
